//! Programs on Linux: ELF headers, and names for open files.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;

use super::super::unix::is_same_file;

/// Opens a program to be started later, with the name to start it by. `None` = /proc does not name it: it is
/// not mounted, or it is another namespace's.
pub fn hold_program(path: &Path) -> Option<(File, PathBuf)> {
    // A program may be startable and not readable: O_PATH asks for neither.
    let held = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
        .open(path)
        .ok()?;
    // A child that is about to start the program has a copy of our descriptors. The interpreter of a script
    // has none, and opens the name later: ours, which lasts.
    let number = held.as_raw_fd();
    let mut name = PathBuf::from(format!("/proc/self/fd/{number}"));
    if is_script(&name) {
        name = PathBuf::from(format!("/proc/{}/fd/{number}", std::process::id()));
    }
    let named = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
        .open(&name)
        .ok()?;
    is_same_file(&held, &named).ok()?.then_some((held, name))
}

/// As [`hold_program`], for the file that this process runs, whatever its path is by now.
pub fn hold_ourselves() -> Option<(File, PathBuf)> {
    hold_program(Path::new("/proc/self/exe"))
}

fn is_script(path: &Path) -> bool {
    let mut mark = [0; 2];
    File::open(path).is_ok_and(|mut file| file.read_exact(&mut mark).is_ok()) && mark == *b"#!"
}

/// Whether a file that begins so is meant to be a program.
pub fn has_program_magic(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF")
}

/// Whether an ELF header says the word size, byte order and machine that our own does. Formats that a kernel
/// was taught besides are not asked about: a worker is built together with its supervisor.
pub fn is_for_this_machine(head: &[u8]) -> bool {
    let mut ours = [0; 20];
    let read = File::open("/proc/self/exe").and_then(|mut file| file.read_exact(&mut ours));
    let kind = |head: &[u8]| Some((head.get(4..6)?.to_vec(), head.get(18..20)?.to_vec()));
    // Where our own cannot be read, the kernel decides.
    read.is_err() || kind(head) == kind(&ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_program_outlives_its_path() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("program");
        for content in ["#!/bin/sh\n", "\u{7f}ELF"] {
            std::fs::write(&path, content).expect("a file can be written");
            let (_held, name) = hold_program(&path).expect("/proc is there");
            std::fs::remove_file(&path).expect("it is there");
            let read = std::fs::read_to_string(&name).expect("the name leads to it");
            assert_eq!(read, content);
        }
        assert!(hold_program(&path).is_none(), "it is gone");
    }

    #[test]
    fn headers_of_other_machines_are_told_apart() {
        let mut ours = std::fs::read("/proc/self/exe").expect("our own file can be read");
        ours.truncate(64);
        assert!(is_for_this_machine(&ours));
        for place in [4, 5, 18] {
            let mut other = ours.clone();
            other[place] ^= 0x55;
            assert!(!is_for_this_machine(&other));
        }
        assert!(!is_for_this_machine(&ours[..19]), "a header cut short");
    }
}
