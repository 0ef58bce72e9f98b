//! Whether a file is a program, as far as a look at it tells. The kernel's own errors are given back, so that
//! the user reads the same words that a start would have met.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::AtFlags;
use nix::libc;
use nix::unistd::{AccessFlags, faccessat};

/// So much of a file tells what it is: an ELF header's fixed part, and the first line of a script as far as
/// the kernel reads it.
const HEAD: usize = 256;

/// Looks at a file that is to be started.
///
/// # Errors
///
/// EACCES, with what stands in the way; ENOEXEC, with what the file is instead.
pub fn check_program(path: &Path) -> io::Result<()> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        return Err(refuse(libc::EACCES, "it is a folder"));
    }
    if !meta.is_file() {
        return Err(refuse(libc::EACCES, "it is not a regular file"));
    }
    if faccessat(
        nix::fcntl::AT_FDCWD,
        path,
        AccessFlags::X_OK,
        AtFlags::AT_EACCESS,
    )
    .is_err()
    {
        return Err(refuse(libc::EACCES, "it may not be executed"));
    }
    let mut head = Vec::with_capacity(HEAD);
    match File::open(path) {
        Ok(file) => file.take(HEAD as u64).read_to_end(&mut head)?,
        // A program may be startable and not readable: then the kernel alone knows.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(error),
    };
    check_head(&head)
}

fn check_head(head: &[u8]) -> io::Result<()> {
    if head.is_empty() {
        return Err(refuse(libc::ENOEXEC, "it is empty"));
    }
    if let Some(line) = head.strip_prefix(b"#!") {
        return check_interpreter(line);
    }
    if !crate::sys::os::has_program_magic(head) {
        return Err(refuse(libc::ENOEXEC, "it is no program"));
    }
    if !crate::sys::os::is_for_this_machine(head) {
        return Err(refuse(libc::ENOEXEC, "it is a program for another machine"));
    }
    Ok(())
}

/// The first line of a script names its interpreter; without that the kernel says no more than "not found".
fn check_interpreter(line: &[u8]) -> io::Result<()> {
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let name = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .find(|word| !word.is_empty())
        .unwrap_or_default();
    if name.is_empty() {
        return Err(refuse(
            libc::ENOEXEC,
            "it is a script without an interpreter",
        ));
    }
    let interpreter = Path::new(std::ffi::OsStr::from_bytes(name));
    faccessat(
        nix::fcntl::AT_FDCWD,
        interpreter,
        AccessFlags::X_OK,
        AtFlags::AT_EACCESS,
    )
    .map_err(|errno| {
        let what = format!(
            "its interpreter {} cannot be started",
            interpreter.display()
        );
        refuse(errno as i32, &what)
    })
}

fn refuse(errno: i32, what: &str) -> io::Error {
    let reason = io::Error::from_raw_os_error(errno);
    io::Error::new(reason.kind(), format!("{what}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_told_apart() {
        let ourselves = std::env::current_exe().expect("a test has a file");
        check_program(&ourselves).expect("it runs");
        check_head(b"#!/bin/sh\n").expect("there is a shell");
        check_head(b"#! \t/bin/sh -e\nexit").expect("blanks and arguments are fine");
        for (head, words) in [
            (&b""[..], "it is empty: Exec format error"),
            (b"#!\n", "without an interpreter: Exec format error"),
            (b"#!  ", "without an interpreter: Exec format error"),
            (
                b"#!/none/such x\n",
                "/none/such cannot be started: No such file",
            ),
            (&[0; 64], "it is no program: Exec format error"),
        ] {
            let error = check_head(head).expect_err("it is no program").to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
