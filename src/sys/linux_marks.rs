//! Marked processes: those that carry a certain variable in their environment, and their end.
//!
//! What a process was started with can be read in /proc as long as it lives, and whatever it forks has it
//! too, in whatever session and under whatever parent. So a mark finds descendants to which no parent, group
//! or session leads any more. It does not find one that started another program with an environment of its
//! own choice.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;

use super::super::unix::{harden_common, monotonic_now};
use super::close_strays;
use super::reaper::pidfd_open;
use crate::ids::Pid;

/// Whether marks can be read here. On Linux they can.
pub fn marks_are_readable() -> bool {
    true
}

/// What the keeper does to itself: default signals, no new privileges, no core file, and none of the
/// descriptors that a careless parent left open.
pub fn guard_keeper() {
    close_strays(&[]);
    harden_common();
    let _ = nix::sys::prctl::set_no_new_privs();
}

/// So many looks in a row must find nothing. One is not enough: what was forked behind its back is not seen,
/// nor is a process in the middle of an exec, which has no environment for that moment.
const CALM_LOOKS: u32 = 2;

/// Between two looks, so that what was ended can go.
const MOMENT: Duration = Duration::from_millis(2);

/// Ends (SIGKILL) every process that carries this variable with this value, but not the caller; looks again
/// until there is none, or until `patience` has passed.
pub fn end_marked(variable: &str, value: &str, patience: Duration) {
    let mark = format!("{variable}={value}").into_bytes();
    let deadline = monotonic_now() + patience;
    let mut calm = 0;
    while calm < CALM_LOOKS && monotonic_now() < deadline {
        let found = marked(&mark);
        calm = if found.is_empty() { calm + 1 } else { 0 };
        for pid in found {
            end_if_marked(pid, &mark);
        }
        std::thread::sleep(MOMENT);
    }
}

/// The processes that carry the mark. A dead one that nobody has reaped has no environment any more.
fn marked(mark: &[u8]) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ourselves = Pid(std::process::id());
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid))
        .filter(|&pid| pid != ourselves && is_marked(pid, mark))
        .collect()
}

/// Whether a process carries this variable with this value; `false` for one that is over.
pub fn has_mark(pid: Pid, variable: &str, value: &str) -> bool {
    is_marked(pid, format!("{variable}={value}").as_bytes())
}

fn is_marked(pid: Pid, mark: &[u8]) -> bool {
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|all| all.split(|&byte| byte == 0).any(|one| one == mark))
}

/// The number may have passed to a stranger since it was seen. So the process is held first and looked at
/// then: if the mark is there, either it is the held one's, or the held one is dead and hears nothing.
/// Without pidfds (Linux before 5.3) nobody is ended: by number alone it could be a stranger.
fn end_if_marked(pid: Pid, mark: &[u8]) {
    if let Ok(held) = pidfd_open(pid)
        && is_marked(pid, mark)
    {
        let _ = kill_held(&held);
    }
}

#[expect(unsafe_code, reason = "nix has no pidfd_send_signal")]
fn kill_held(held: &OwnedFd) -> io::Result<()> {
    let no_details = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is a live pidfd, and a null pointer stands for the details of a plain kill.
    let done = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            held.as_raw_fd(),
            libc::SIGKILL,
            no_details,
            0,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    const VARIABLE: &str = "FUMEHOOD_TEST_OF_MARKS";

    fn shell(text: &str, value: &str) -> Child {
        Command::new("/bin/sh")
            .args(["-c", text])
            .env(VARIABLE, value)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("a shell can be started")
    }

    #[test]
    fn every_marked_process_is_ended_and_no_other() {
        let value = format!("one of {}", std::process::id());
        let mark = format!("{VARIABLE}={value}").into_bytes();
        // The second is left behind in a session of its own.
        let mut marked_one = shell("setsid sleep 600 & exec sleep 600", &value);
        let mut longer_value = shell("exec sleep 600", &format!("{value}0"));
        let patience = monotonic_now() + Duration::from_secs(20);
        while marked(&mark).len() < 2 && monotonic_now() < patience {
            std::thread::yield_now();
        }
        assert_eq!(marked(&mark).len(), 2, "both are there");

        end_marked(VARIABLE, &value, Duration::from_secs(20));
        assert_eq!(marked(&mark), []);
        let status = marked_one.wait().expect("it is our child");
        assert_eq!(status.signal(), Some(libc::SIGKILL));
        let alive = longer_value.try_wait().expect("it is our child");
        assert_eq!(alive, None, "its value only begins alike");
        longer_value.kill().expect("it lives");
        longer_value.wait().expect("it is our child");
    }
}
