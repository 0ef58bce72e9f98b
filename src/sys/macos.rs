//! macOS: a waiting thread per child, a kqueue for signals, a watch on the parent.
//!
//! What Linux has and this system lacks, and what stands in for it:
//!
//! - No pidfd: [`Reaper`] has a thread per child, which waits without reaping (`waitid` with `WNOWAIT`)
//!   and reaps under the lock that whoever signals must hold.
//! - No subreaper: orphans go to launchd, which reaps them. The process group of a worker is still ended
//!   with it; what left the group is out of reach.
//! - No parent-death signal: a thread of the worker looks who its parent is, four times a second.
//! - No fork worth offering: the system's own libraries (Grand Central Dispatch, Mach ports, of which
//!   ipc-channel is made) do not survive one. Workers are started by exec only.
//!
//! This file is type-checked, not run: no test of the project has run on macOS.

use std::collections::HashSet;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::libc;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::sys::signal::{SigSet, Signal};

pub use super::unix::{
    OutputReader, check_program, create_private_dir, fill_random, has_other_names, hostname,
    inherit, is_same_file, kernel, kill_group, lock_file, make_private, monotonic_now,
    open_no_follow, open_private_new, output_pipe, own_rusage, parent_is, pending_stop, point_link,
    quiet_exit, raise_open_files, reset_signals, restrict_new_files, signal_name, spawn, sync_dir,
    temporary_pause, terminate_group, withhold,
};
use super::unix::{
    close_raw, end_rest_of_group, harden_common, require_parent, set_dispositions, wait_for,
    watched_signals,
};
use super::{Exit, ForkWay, Forked, GuardOrder, RuntimeParent, UsableCores};
use crate::ids::Pid;

/// Enough for threads that wait and then post one message. It is taken as it is used.
const SMALL_STACK: usize = 256 << 10;

fn unsupported(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{what}: not on this platform"),
    )
}

/// Whether this platform has a fork worth offering. This one does not; see the head of the file.
pub fn fork_is_offered() -> bool {
    false
}

/// Threads of this process.
///
/// # Errors
///
/// Always, here: only a zygote needs the number.
pub fn thread_count() -> io::Result<u64> {
    Err(unsupported("counting threads"))
}

/// The allocator is left as it is.
pub fn keep_freed_memory() {}

/// What is known of a process's use is its own here.
pub fn own_peak_kib() -> Option<u64> {
    None
}

/// The sockets inside ipc-channel cannot be found here.
pub fn shut_server(_server: &std::path::Path) -> bool {
    false
}

/// As [`shut_server`]: a stranger holds a start up until its deadline.
pub fn shut_strangers(_server: &std::path::Path, _guest: Pid) -> bool {
    false
}

/// Processes keep the name of their file.
pub fn name_process(_name: &std::ffi::CStr) {}

/// An open file has no name here by which it could be started.
pub fn hold_program(_path: &std::path::Path) -> Option<(std::fs::File, std::path::PathBuf)> {
    None
}

/// As [`hold_program`].
pub fn hold_ourselves() -> Option<(std::fs::File, std::path::PathBuf)> {
    None
}

/// Whether a file that begins so is meant to be a program: Mach-O of one machine, in either byte order, or of
/// several.
pub fn has_program_magic(head: &[u8]) -> bool {
    let magics: [[u8; 4]; 6] = [
        [0xfe, 0xed, 0xfa, 0xce],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xfe, 0xed, 0xfa, 0xcf],
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xca, 0xfe, 0xba, 0xbe],
        [0xca, 0xfe, 0xba, 0xbf],
    ];
    magics.iter().any(|magic| head.starts_with(magic))
}

/// The system runs programs of other machines by translation: it decides.
pub fn is_for_this_machine(_head: &[u8]) -> bool {
    true
}

/// Where the hole begins with which a file ends. This twin does not look for it: a hole is read as the zeros
/// that it stands for.
///
/// # Errors
///
/// None.
pub fn hole_at_end(_file: &std::fs::File) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Makes a worker out of the calling process.
///
/// # Errors
///
/// Always, here.
pub fn fork_worker(_way: ForkWay) -> io::Result<Forked> {
    Err(unsupported("forking workers"))
}

/// Whether a process's environment can be read by its siblings. Not here: there is no keeper.
pub fn marks_are_readable() -> bool {
    false
}

/// There is no keeper.
pub fn guard_keeper() {}

/// Nobody can be found by a mark.
pub fn end_marked(_variable: &str, _value: &str, _patience: Duration) {}

/// Nobody has one that could be read.
pub fn has_mark(_pid: Pid, _variable: &str, _value: &str) -> bool {
    false
}

/// Makes this process the one that adopts orphans among its descendants.
///
/// # Errors
///
/// Always, here.
pub fn become_subreaper() -> io::Result<()> {
    Err(unsupported("adopting orphans"))
}

/// What the zygote does to itself once.
///
/// # Errors
///
/// Always, here: there is no zygote without fork.
pub fn guard_zygote(_order: &GuardOrder, _outputs: &[(i32, i32)]) -> io::Result<()> {
    Err(unsupported("a zygote"))
}

/// What every worker does to itself before it touches a task: default signals, no core files, and an end
/// of its own once the supervisor is gone.
///
/// # Errors
///
/// The supervisor is not its parent (any more), no thread can be had for the watch, or the worker is said
/// to come from a zygote, which this platform has not.
pub fn guard_worker(
    order: &GuardOrder,
    from_zygote: Option<ForkWay>,
    _output: Option<(i32, i32)>,
    _all_outputs: &[(i32, i32)],
) -> io::Result<()> {
    if from_zygote.is_some() {
        return Err(unsupported("a worker from a zygote"));
    }
    harden_common();
    end_with(order.supervisor)?;
    require_parent(order)
}

/// How often a worker looks whether its supervisor is still there.
const PARENT_LOOK: Duration = Duration::from_millis(250);

/// The code with which a worker leaves whose supervisor is gone. Nobody is left to read it.
const SUPERVISOR_GONE: i32 = 71;

/// Starts the watch that ends this process, whatever it computes, once another is its parent. The thread
/// is never joined: it ends with the process, or ends it.
fn end_with(supervisor: Pid) -> io::Result<()> {
    std::thread::Builder::new()
        .name(String::from("parent watch"))
        .stack_size(SMALL_STACK)
        .spawn(move || {
            while parent_is(supervisor) {
                std::thread::sleep(PARENT_LOOK);
            }
            quiet_exit(SUPERVISOR_GONE)
        })
        .map(drop)
}

/// Closes every descriptor from 3 up but these, as far as the limit of open files reaches: what a careless
/// parent left open is nothing of ours.
pub fn close_strays(keep: &[RawFd]) {
    use nix::sys::resource::{Resource, getrlimit};
    // The limit is often "infinite", but no process holds more than the kernel's own bound per process.
    const BOUND: u64 = 10_240;
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(BOUND, |(soft, _)| soft.min(BOUND));
    for fd in 3..RawFd::try_from(limit).unwrap_or(RawFd::MAX) {
        if !keep.contains(&fd) {
            close_raw(fd);
        }
    }
}

/// The threads that learn of deaths: one per child, waiting for that child alone.
///
/// It never waits for "any child": children that nobody told it about are left alone. Children that
/// outlive it are reaped, but nobody is told.
#[derive(Debug)]
pub struct Reaper {
    shared: Arc<ReaperShared>,
}

struct ReaperShared {
    book: Mutex<Book>,
    tell: Box<dyn Fn(Exit) + Send + Sync>,
}

/// Whoever signals or reaps a child holds the lock on this, so that a number is never used for a process
/// that has taken it over.
#[derive(Default)]
struct Book {
    alive: HashSet<Pid>,
    closed: bool,
}

impl std::fmt::Debug for ReaperShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReaperShared").finish_non_exhaustive()
    }
}

impl Reaper {
    /// A reaper that calls `tell` once for each child that is given to [`Reaper::watch`].
    ///
    /// # Errors
    ///
    /// None, here.
    pub fn start(tell: impl Fn(Exit) + Send + Sync + 'static) -> io::Result<Reaper> {
        Ok(Reaper {
            shared: Arc::new(ReaperShared {
                book: Mutex::default(),
                tell: Box::new(tell),
            }),
        })
    }

    /// Watches a child of this process that nobody has reaped.
    ///
    /// # Errors
    ///
    /// No thread can be had for it.
    pub fn watch(&self, pid: Pid) -> io::Result<()> {
        self.shared.book().alive.insert(pid);
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new()
            .name(format!("wait {pid}"))
            .stack_size(SMALL_STACK)
            .spawn(move || {
                wait_until_over(pid);
                shared.settle(pid);
            })
            .map(drop)
    }

    /// What the system did not have for the children watched so far, and what is done instead: nothing is lacking
    /// here.
    pub fn substitute(&self) -> Option<&'static str> {
        None
    }

    /// The watched children that have not been reaped.
    pub fn watched(&self) -> std::collections::HashSet<Pid> {
        self.shared.book().alive.iter().copied().collect()
    }

    /// Does something to a watched child, such as [`kill_group`], unless it has been reaped.
    pub fn while_unreaped(&self, pid: Pid, act: impl FnOnce(Pid)) {
        let book = self.shared.book();
        if book.alive.contains(&pid) {
            act(pid);
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.shared.book().closed = true;
    }
}

impl ReaperShared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reaps a child that is over. What it started and left in its group ends with it: the group is ended
    /// while the dead leader still holds its number.
    fn settle(&self, pid: Pid) {
        let mut book = self.book();
        end_rest_of_group(pid);
        // Blocking is safe: the child is over, or is none of ours, which is an answer too.
        let Some((cause, resources)) = wait_for(pid, true) else {
            return;
        };
        book.alive.remove(&pid);
        let closed = book.closed;
        drop(book);
        if !closed {
            (self.tell)(Exit {
                pid,
                cause,
                resources,
                at: monotonic_now(),
            });
        }
    }
}

/// Waits until a child is over, without reaping it; returns at once if it is no child of ours.
#[expect(unsafe_code, reason = "nix has no waitid for this platform")]
fn wait_until_over(pid: Pid) {
    loop {
        // SAFETY: an all-zero siginfo_t is a valid value to be written over.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live value of ours; any number is a valid id. WNOWAIT leaves the
        // child for whoever reaps it.
        let done = unsafe {
            libc::waitid(
                libc::P_PID,
                pid.0,
                &raw mut info,
                libc::WEXITED | libc::WNOWAIT,
            )
        };
        if done == 0 || nix::errno::Errno::last() != nix::errno::Errno::EINTR {
            return;
        }
    }
}

/// The thread that learns of signals: a kqueue, which notes signals even while they are blocked.
///
/// `sigwait` would do for the signals alone, but it has no limit of time here: the heartbeat and the end
/// of the watch would each need a thread or a signal more.
///
/// [`SignalWatch::block`] comes first, in the main thread before there is any other, so that no thread can
/// be chosen by the kernel to take a signal in the middle of something.
#[derive(Debug)]
pub struct SignalWatch {
    queue: Arc<Kqueue>,
    thread: Option<JoinHandle<()>>,
}

/// The user event that ends the watch.
const WAKE: usize = 0;

impl SignalWatch {
    /// Keeps the watched signals for the watch.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub fn block() -> io::Result<()> {
        set_dispositions();
        Ok(watched_signals().thread_block()?)
    }

    /// Starts the thread; it calls `tell` with the number of each signal that asks the supervisor to stop.
    ///
    /// # Errors
    ///
    /// No descriptor or thread can be had.
    pub fn start(tell: impl Fn(i32) + Send + 'static) -> io::Result<SignalWatch> {
        let queue = Arc::new(Kqueue::new()?);
        let watched = watched_signals();
        let mut wanted = vec![event(WAKE, EventFilter::EVFILT_USER, FilterFlag::empty())];
        wanted.extend(watched.iter().map(|signal| {
            event(
                signal as usize,
                EventFilter::EVFILT_SIGNAL,
                FilterFlag::empty(),
            )
        }));
        queue.kevent(&wanted, &mut [], None)?;
        // What came between `block` and now is pending and in no queue. A signal in this very moment is
        // told twice, which is better than never.
        let early = pending(&watched);
        let for_thread = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name(String::from("signals"))
            .spawn(move || {
                for signal in early {
                    tell(signal as i32);
                }
                watch_signals(&for_thread, &tell);
            })?;
        Ok(SignalWatch {
            queue,
            thread: Some(thread),
        })
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        let trigger = event(WAKE, EventFilter::EVFILT_USER, FilterFlag::NOTE_TRIGGER);
        if self.queue.kevent(&[trigger], &mut [], None).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn event(ident: usize, filter: EventFilter, what: FilterFlag) -> KEvent {
    KEvent::new(
        ident,
        filter,
        EvFlags::EV_ADD | EvFlags::EV_CLEAR,
        what,
        0,
        0,
    )
}

/// Those signals that ask us to stop and wait to be delivered.
#[expect(unsafe_code, reason = "nix has no sigpending")]
fn pending(watched: &SigSet) -> Vec<Signal> {
    // SAFETY: an all-zero set is a valid value to be written over.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live value of ours.
    if unsafe { libc::sigpending(&raw mut set) } != 0 {
        return Vec::new();
    }
    // SAFETY: the kernel has just written the set.
    let set = unsafe { SigSet::from_sigset_t_unchecked(set) };
    watched
        .iter()
        .filter(|&signal| set.contains(signal))
        .collect()
}

fn watch_signals(queue: &Kqueue, tell: &dyn Fn(i32)) {
    let mut events = [event(WAKE, EventFilter::EVFILT_USER, FilterFlag::empty()); 8];
    loop {
        // An error is EINTR: the watch goes on.
        let ready = queue.kevent(&[], &mut events, None).unwrap_or(0);
        for event in &events[..ready] {
            match (event.filter(), i32::try_from(event.ident())) {
                (Ok(EventFilter::EVFILT_USER), _) => return,
                (_, Ok(number)) => tell(number),
                _ => {}
            }
        }
    }
}

/// Ends an adopted orphan. There are none here, as there is no subreaper; a child of that number is ended
/// and reaped all the same. Whether it is reaped.
pub fn end_orphan(pid: Pid) -> bool {
    kill_group(pid);
    wait_for(pid, false).is_some()
}

/// Whether there is a process of this number.
pub fn is_alive(pid: Pid) -> bool {
    let raw = nix::unistd::Pid::from_raw(i32::try_from(pid.0).unwrap_or(0));
    nix::sys::signal::kill(raw, None) != Err(nix::errno::Errno::ESRCH)
}

/// Reaps a child if it is over; whether it was. There is nobody to reap here.
pub fn reap_if_over(_pid: Pid) -> bool {
    false
}

/// The children of this process that were adopted or that nobody watches: none can be named here.
pub fn children() -> Vec<Pid> {
    Vec::new()
}

/// Where private runtime folders are made: the user's own temporary folder. There is none in memory.
pub fn runtime_parent() -> RuntimeParent {
    RuntimeParent {
        path: std::env::temp_dir(),
        in_memory: false,
    }
}

/// The cores that this process may use: all, as this system has neither affinity nor quotas.
pub fn usable_cores() -> UsableCores {
    let all = std::thread::available_parallelism()
        .ok()
        .and_then(|n| u32::try_from(n.get()).ok())
        .unwrap_or(1);
    UsableCores::from_limits(all, None)
}

/// Memory that could be had now, in bytes, if the kernel says.
pub fn memory_available() -> Option<u64> {
    memory(sysinfo::System::available_memory)
}

/// Memory of this machine in bytes, if the kernel says.
pub fn memory_total() -> Option<u64> {
    memory(sysinfo::System::total_memory)
}

fn memory(figure: impl Fn(&sysinfo::System) -> u64) -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    Some(figure(&system)).filter(|&bytes| bytes > 0)
}
