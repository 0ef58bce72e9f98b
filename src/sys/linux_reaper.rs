//! The reaper of Linux: pidfds in an epoll set, and `wait4` by pid.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::super::Exit;
use super::super::unix::{end_rest_of_group, monotonic_now, wait_for};
use crate::experiment::{ExitCause, ResourceUse};
use crate::ids::Pid;

/// The thread that learns of deaths: a pidfd per child, and `wait4` by pid once it is readable.
///
/// It never waits for "any child": children that nobody told it about are left alone.
#[derive(Debug)]
pub struct Reaper {
    shared: Arc<ReaperShared>,
    thread: Option<JoinHandle<()>>,
}

struct ReaperShared {
    epoll: Epoll,
    wake: EventFd,
    /// Children not reaped yet; without a pidfd where the kernel has none. Whoever signals or reaps holds
    /// this lock, so that a number is never used for a process that has taken it over.
    alive: Mutex<HashMap<u32, Option<OwnedFd>>>,
    tell: Box<dyn Fn(Exit) + Send + Sync>,
    /// A child was watched without a pidfd.
    lacked_pidfd: AtomicBool,
}

impl std::fmt::Debug for ReaperShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReaperShared").finish_non_exhaustive()
    }
}

const WAKE: u64 = u64::MAX;

impl Reaper {
    /// Starts the thread; it calls `tell` once for each child that was given to [`Reaper::watch`].
    ///
    /// # Errors
    ///
    /// No descriptor or thread can be had.
    pub fn start(tell: impl Fn(Exit) + Send + Sync + 'static) -> io::Result<Reaper> {
        let shared = Arc::new(ReaperShared {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            wake: EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?,
            alive: Mutex::new(HashMap::new()),
            tell: Box::new(tell),
            lacked_pidfd: AtomicBool::new(false),
        });
        shared
            .epoll
            .add(&shared.wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(String::from("reaper"))
            .spawn(move || for_thread.run())?;
        Ok(Reaper {
            shared,
            thread: Some(thread),
        })
    }

    /// Watches a child of this process that nobody has reaped.
    ///
    /// # Errors
    ///
    /// No descriptor or thread can be had for it.
    pub fn watch(&self, pid: Pid) -> io::Result<()> {
        match pidfd_open(pid) {
            Ok(pidfd) => {
                let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::from(pid.0));
                // The entry must be there before the event can be.
                let mut alive = self.shared.alive();
                self.shared.epoll.add(&pidfd, event)?;
                alive.insert(pid.0, Some(pidfd));
            }
            // No such child: it is not ours, or it was reaped by a stranger. Told as any other death.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {
                (self.shared.tell)(Exit {
                    pid,
                    cause: ExitCause::Lost,
                    resources: ResourceUse::default(),
                    at: monotonic_now(),
                });
            }
            // No pidfds (an old kernel, a filter): a thread that waits for this one child.
            Err(_) => {
                self.shared.lacked_pidfd.store(true, Ordering::Relaxed);
                self.shared.alive().insert(pid.0, None);
                let shared = Arc::clone(&self.shared);
                let waiting = std::thread::Builder::new()
                    .name(format!("wait {pid}"))
                    .spawn(move || {
                        wait_until_over(pid);
                        shared.settle(pid);
                    });
                if let Err(error) = waiting {
                    self.shared.alive().remove(&pid.0);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// What the kernel did not have for the children watched so far, and what is done instead.
    pub fn substitute(&self) -> Option<&'static str> {
        let lacked = self.shared.lacked_pidfd.load(Ordering::Relaxed);
        lacked.then_some("no pidfds here: a thread waits for each process")
    }

    /// The watched children that have not been reaped.
    pub fn watched(&self) -> HashSet<Pid> {
        self.shared.alive().keys().map(|&pid| Pid(pid)).collect()
    }

    /// Does something to a watched child, such as [`super::kill_group`], unless it has been reaped.
    pub fn while_unreaped(&self, pid: Pid, act: impl FnOnce(Pid)) {
        let alive = self.shared.alive();
        if alive.contains_key(&pid.0) {
            act(pid);
        }
    }
}

/// Waits until a child is over, without reaping it.
fn wait_until_over(pid: Pid) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let Ok(raw) = i32::try_from(pid.0) else {
        return;
    };
    let pid = nix::unistd::Pid::from_raw(raw);
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(pid), flags) == Err(nix::errno::Errno::EINTR) {}
}

impl Drop for Reaper {
    fn drop(&mut self) {
        if self.shared.wake.write(1).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

impl ReaperShared {
    fn alive(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Option<OwnedFd>>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut events = [EpollEvent::empty(); 16];
        loop {
            let Ok(ready) = self.epoll.wait(&mut events, EpollTimeout::NONE) else {
                continue; // EINTR
            };
            crate::fail_point!("supervisor.reaper");
            for event in &events[..ready] {
                if event.data() == WAKE {
                    return;
                }
                if let Ok(pid) = u32::try_from(event.data()) {
                    self.settle(Pid(pid));
                }
            }
        }
    }

    /// Reaps a child that is over. What it started and left in its group ends with it: the group is ended
    /// while the dead leader still holds its number.
    fn settle(&self, pid: Pid) {
        let mut alive = self.alive();
        if !alive.contains_key(&pid.0) {
            return;
        }
        end_rest_of_group(pid);
        if let Some((cause, resources)) = wait_for(pid, false) {
            // Taken out of the set by name: closing does that only once no copy is left, and a program that
            // is being started has one until its exec. Until then the set would be ready without end.
            if let Some(Some(pidfd)) = alive.remove(&pid.0) {
                let _ = self.epoll.delete(&pidfd);
            }
            drop(alive);
            (self.tell)(Exit {
                pid,
                cause,
                resources,
                at: monotonic_now(),
            });
        }
    }
}

#[expect(unsafe_code, reason = "nix has no pidfd_open")]
pub(super) fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers; what it returns is checked.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.0, 0) };
    match RawFd::try_from(fd) {
        // SAFETY: the kernel just gave us this descriptor, and nobody else owns it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
