//! What a process has that its code can change and that whatever runs in it later would meet.
//!
//! A worker that serves several tasks compares it after each: the numbers of a task do not depend on any of
//! this, but a task is promised a process as the first one found it. It costs a few calls (some
//! microseconds), and nothing is ever put back: a changed process leaves.

use std::ffi::OsString;
use std::path::PathBuf;

/// The settings of this process at some moment.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    folder: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    /// `None` where this platform does not count them.
    threads: Option<u64>,
    /// The lowest number that is free: one left open takes it. `None` = none is free, or not known.
    free_descriptor: Option<i32>,
    system: System,
}

impl Settings {
    /// As they are now.
    pub fn read() -> Settings {
        Settings {
            folder: std::env::current_dir().ok(),
            environment: std::env::vars_os().collect(),
            threads: super::thread_count().ok(),
            free_descriptor: free_descriptor(),
            system: System::read(),
        }
    }
}

#[cfg(unix)]
use unix::{System, free_descriptor};

#[cfg(unix)]
mod unix {
    use std::ffi::{CStr, CString};
    use std::os::fd::{AsFd, AsRawFd};

    use nix::libc;
    use nix::sys::resource::{Resource, getrlimit, rlim_t};
    use nix::sys::signal::{SigSet, Signal};
    use nix::sys::stat::{Mode, umask};

    /// The part that Unix has.
    #[derive(Debug, PartialEq, Eq)]
    pub struct System {
        mask: Mode,
        blocked: SigSet,
        deaf: bool,
        priority: i32,
        limits: [Option<(rlim_t, rlim_t)>; LIMITS.len()],
        locale: Option<CString>,
        children: bool,
    }

    const LIMITS: [Resource; 6] = [
        Resource::RLIMIT_AS,
        Resource::RLIMIT_CPU,
        Resource::RLIMIT_DATA,
        Resource::RLIMIT_FSIZE,
        Resource::RLIMIT_NOFILE,
        Resource::RLIMIT_STACK,
    ];

    impl System {
        pub fn read() -> System {
            // It can be read only by being set: for that moment, to the strictest.
            let mask = umask(Mode::S_IRWXG | Mode::S_IRWXO);
            umask(mask);
            System {
                mask,
                blocked: SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty()),
                deaf: super::super::unix::is_ignored(Signal::SIGTERM),
                priority: priority(),
                limits: LIMITS.map(|limit| getrlimit(limit).ok()),
                locale: locale(),
                children: has_children(),
            }
        }
    }

    /// The number that the next descriptor would have.
    pub fn free_descriptor() -> Option<i32> {
        let next = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        Some(next.as_raw_fd())
    }

    /// Whether this process has a child, dead or alive.
    #[cfg(target_os = "linux")]
    fn has_children() -> bool {
        use nix::errno::Errno;
        use nix::sys::wait::{Id, WaitPidFlag, waitid};
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        waitid(Id::All, flags) != Err(Errno::ECHILD)
    }

    /// Elsewhere nix cannot ask without reaping.
    #[cfg(not(target_os = "linux"))]
    fn has_children() -> bool {
        false
    }

    #[expect(unsafe_code, reason = "nix has no getpriority")]
    fn priority() -> i32 {
        // SAFETY: the call takes integers; 0 is the calling process.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    #[expect(unsafe_code, reason = "std and nix know no locales")]
    fn locale() -> Option<CString> {
        // SAFETY: with a null second argument it changes nothing.
        let name = unsafe { libc::setlocale(libc::LC_ALL, std::ptr::null()) };
        if name.is_null() {
            return None;
        }
        // SAFETY: it is a C string of the library's own; it is copied before anybody can change the locale.
        Some(unsafe { CStr::from_ptr(name) }.to_owned())
    }
}

/// Other platforms add nothing.
#[cfg(not(unix))]
#[derive(Debug, PartialEq, Eq)]
struct System;

#[cfg(not(unix))]
impl System {
    fn read() -> System {
        System
    }
}

#[cfg(not(unix))]
fn free_descriptor() -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn what_nobody_changes_stays_equal() {
        // The tests of this program come and go as threads beside this one, and open files.
        let read = || Settings {
            threads: None,
            free_descriptor: None,
            ..Settings::read()
        };
        assert_eq!(read(), read());
    }
}
