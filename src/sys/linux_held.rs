//! Whether a child still holds one of our sockets.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::ids::Pid;

/// The sockets that this process has open, at one moment.
///
/// A sender that was handed to a child is the same socket there as here: /proc shows it under the same
/// number.
#[derive(Debug)]
pub struct OwnSockets {
    names: HashSet<PathBuf>,
}

impl OwnSockets {
    /// Looks. Standard input, output and error are not counted: a child may have those by other ways.
    pub fn list() -> OwnSockets {
        let fds = fs::read_dir("/proc/self/fd")
            .into_iter()
            .flatten()
            .flatten();
        let names = fds
            .filter(|fd| !["0", "1", "2"].iter().any(|name| fd.file_name() == *name))
            .filter_map(|fd| fs::read_link(fd.path()).ok())
            .filter(|name| name.to_string_lossy().starts_with("socket:"))
            .collect();
        OwnSockets { names }
    }

    /// Whether it is sure that this child holds none of them, and is not leaving either. It must not have
    /// been reaped.
    pub fn are_closed_in(&self, pid: Pid) -> bool {
        let folder = PathBuf::from(format!("/proc/{}", pid.0));
        let Ok(fds) = fs::read_dir(folder.join("fd")) else {
            return false;
        };
        let holds_one = fds
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok())
            .any(|name| self.names.contains(&name));
        // Asked second: what was listed before it began to leave was all it had.
        !holds_one && is_staying(&folder)
    }
}

/// Whether a process has not begun to leave, which closes everything.
fn is_staying(folder: &Path) -> bool {
    const PF_EXITING: u32 = 4;
    let stat = fs::read_to_string(folder.join("stat")).unwrap_or_default();
    // Number, (name), state, parent, group, session, terminal, its group, flags; the name may hold anything.
    let Some((_, rest)) = stat.rsplit_once(") ") else {
        return false;
    };
    let mut fields = rest.split(' ');
    let state = fields.next().unwrap_or("Z");
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u32>().ok());
    !matches!(state, "Z" | "X") && flags.is_some_and(|flags| flags & PF_EXITING == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    use super::*;

    fn child(input: Stdio) -> (std::process::Child, Pid) {
        let child = Command::new("sleep")
            .arg("60")
            .stdin(input)
            .spawn()
            .expect("sleep can be started");
        let pid = Pid(child.id());
        (child, pid)
    }

    #[test]
    fn a_child_with_our_socket_is_told_from_one_without_and_from_a_dead_one() {
        let (ours, _other) = UnixStream::pair().expect("a pair");
        let theirs = ours.try_clone().expect("a copy");
        let own = OwnSockets::list();
        let (mut with, with_pid) = child(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let (mut without, without_pid) = child(Stdio::null());
        assert!(!own.are_closed_in(with_pid));
        assert!(own.are_closed_in(without_pid));
        without.kill().expect("our own child");
        // A zombie until it is waited for.
        while is_staying(Path::new(&format!("/proc/{}", without_pid.0))) {}
        assert!(!own.are_closed_in(without_pid));
        without.wait().expect("our own child");
        assert!(!own.are_closed_in(without_pid));
        with.kill().expect("our own child");
        with.wait().expect("our own child");
    }
}
