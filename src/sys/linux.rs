//! Linux: pidfds, `clone(CLONE_PARENT)`, parent-death signals, /proc, cgroups.

#[path = "linux_marks.rs"]
mod marks;
#[path = "linux_overflow.rs"]
mod overflow;
#[path = "linux_packets.rs"]
mod packets;
#[path = "linux_program.rs"]
mod program;
#[path = "linux_reaper.rs"]
mod reaper;
#[path = "linux_sockets.rs"]
mod sockets;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SignalFd};

pub use self::marks::{end_marked, guard_keeper, has_mark, marks_are_readable};
pub use self::packets::{Packet, PacketDoor, PacketSet};
pub use self::program::{has_program_magic, hold_ourselves, hold_program, is_for_this_machine};
pub use self::reaper::Reaper;
pub use self::sockets::{shut_server, shut_strangers};
pub use super::unix::{
    OutputReader, check_program, create_private_dir, fill_random, has_other_names, hostname,
    inherit, is_same_file, kernel, kill_group, lock_file, make_private, monotonic_now,
    open_no_follow, open_private_new, output_pipe, own_rusage, parent_is, pending_stop, point_link,
    quiet_exit, raise_open_files, reset_signals, restrict_new_files, signal_name, spawn, sync_dir,
    temporary_pause, terminate_group, withhold,
};
use super::unix::{
    close_raw, harden_common, require_parent, set_dispositions, wait_for, watched_signals,
};
use super::{ForkWay, Forked, GuardOrder, RuntimeParent, UsableCores};
use crate::ids::Pid;

/// Whether this platform has a fork worth offering. Linux does.
pub fn fork_is_offered() -> bool {
    true
}

/// Threads of this process.
///
/// Each is a folder in /proc/self/task, and a folder counts its sub-folders in its links, beside its own
/// two: one call, where listing them takes five, before each fork.
///
/// # Errors
///
/// /proc is not there.
pub fn thread_count() -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata("/proc/self/task")?
        .nlink()
        .saturating_sub(2))
}

/// Lets the allocator keep what is freed. ipc-channel takes 212 KiB for each receive and gives it back;
/// glibc would return such a piece to the kernel, and fetch it again, each time (ten calls a task,
/// measured with strace).
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the allocator's own settings")]
pub fn keep_freed_memory() {
    // SAFETY: mallopt takes two integers; it is called before there is any other thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 4 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 16 << 20);
    }
}

/// Other allocators are left as they are.
#[cfg(not(target_env = "gnu"))]
pub fn keep_freed_memory() {}

/// Names this process for `ps` and its like: one that was started by the name of an open file would be called
/// by a number.
pub fn name_process(name: &std::ffi::CStr) {
    let _ = nix::sys::prctl::set_name(name);
}

/// Makes a worker out of the calling process, which must be the zygote and have one thread.
///
/// # Errors
///
/// The kernel refuses; or the process has more than one thread, in which case a lock that another thread
/// holds would stay locked in the child for ever.
pub fn fork_worker(way: ForkWay) -> io::Result<Forked> {
    if thread_count()? != 1 {
        return Err(io::Error::other("the zygote has more than one thread"));
    }
    match way {
        ForkWay::CloneParent => clone_parent(),
        ForkWay::DoubleFork => double_fork(),
    }
}

#[expect(
    unsafe_code,
    reason = "neither std nor nix can pass CLONE_PARENT without a new stack"
)]
fn clone_parent() -> io::Result<Forked> {
    let flags = libc::CLONE_PARENT | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and with a null stack this is fork(2) with another parent: the child has
    // a copy of the whole address space and returns here. The caller has checked that this process has
    // one thread, so no lock is held by a thread that the child lacks; libc's atfork handlers, which
    // are skipped, serve only such threads.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(flags), 0, 0, 0, 0) };
    match pid {
        0 => Ok(Forked::Worker),
        pid if pid > 0 => Ok(Forked::Zygote(u32::try_from(pid).ok().map(Pid))),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "fork is unsafe by nature")]
fn double_fork() -> io::Result<Forked> {
    use nix::unistd::ForkResult;
    // SAFETY: the caller has checked that this process has one thread.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Child => {
            // SAFETY: as above; this is the child of a process with one thread.
            match unsafe { nix::unistd::fork() } {
                Ok(ForkResult::Child) => Ok(Forked::Worker),
                Ok(ForkResult::Parent { .. }) => quiet_exit(0),
                Err(errno) => quiet_exit(errno as i32 & 0xff),
            }
        }
        ForkResult::Parent { child } => {
            let pid = Pid(u32::try_from(child.as_raw()).unwrap_or(0));
            match wait_for(pid, true) {
                Some((crate::experiment::ExitCause::Exited(0), _)) => Ok(Forked::Zygote(None)),
                Some((crate::experiment::ExitCause::Exited(errno), _)) => {
                    Err(io::Error::from_raw_os_error(errno))
                }
                other => Err(io::Error::other(format!(
                    "the middle process ended: {other:?}"
                ))),
            }
        }
    }
}

/// Makes this process the one that adopts orphans among its descendants.
///
/// # Errors
///
/// The kernel refuses.
pub fn become_subreaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// What the zygote does to itself once: default signals, death with the supervisor, no new privileges, no
/// core files, a raised out-of-memory score, and no descriptor but the ones it was given. Its workers
/// inherit all of it but the parent-death signal.
///
/// # Errors
///
/// The supervisor is gone already.
pub fn guard_zygote(order: &GuardOrder, outputs: &[(i32, i32)]) -> io::Result<()> {
    let keep: Vec<RawFd> = outputs.iter().flat_map(|&(out, err)| [out, err]).collect();
    close_strays(&keep);
    for &fd in &keep {
        close_on_exec(fd);
    }
    harden();
    die_with(order)
}

/// What every worker does to itself before it touches a task.
///
/// `output` is the pipe pair of its slot among `all_outputs`, when it comes from the zygote; a spawned
/// worker has its output already and inherited nothing else.
///
/// # Errors
///
/// The supervisor is not its parent (any more), or its output cannot be redirected.
pub fn guard_worker(
    order: &GuardOrder,
    from_zygote: Option<ForkWay>,
    output: Option<(i32, i32)>,
    all_outputs: &[(i32, i32)],
) -> io::Result<()> {
    match from_zygote {
        None => harden(),
        Some(ForkWay::CloneParent) => lead_group(),
        Some(ForkWay::DoubleFork) => {
            lead_group();
            // The middle process ends at once; until it has, it is the parent.
            let patience = monotonic_now() + Duration::from_secs(1);
            while !parent_is(order.supervisor) && monotonic_now() < patience {
                let _ = nix::sched::sched_yield();
            }
        }
    }
    if let Some((out, err)) = output {
        redirect_output(out, err)?;
    }
    for &(out, err) in all_outputs {
        close_raw(out);
        close_raw(err);
    }
    die_with(order)
}

/// Points standard output and error at these descriptors.
fn redirect_output(out: RawFd, err: RawFd) -> io::Result<()> {
    dup_onto(out, 1)?;
    dup_onto(err, 2)
}

#[expect(
    unsafe_code,
    reason = "the numbers come from the supervisor's own inherited pipes"
)]
fn dup_onto(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: `from` is a pipe that the zygote inherited for this purpose and keeps open; `to` is 1 or
    // 2, whose std handles hold no state that a new target could invalidate.
    let done = unsafe { libc::dup2(from, to) };
    if done == to {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Marks an inherited descriptor so that programs started from here do not inherit it again.
#[expect(
    unsafe_code,
    reason = "the numbers come from the supervisor's own inherited pipes"
)]
fn close_on_exec(fd: RawFd) {
    // SAFETY: the descriptor is one the supervisor told us it handed on, open for our whole life.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
}

/// Leads a process group of its own, so that a signal to the group reaches whatever the task starts.
fn lead_group() {
    let itself = nix::unistd::Pid::from_raw(0);
    let _ = nix::unistd::setpgid(itself, itself);
}

fn harden() {
    harden_common();
    overflow::tell_overflow();
    let _ = nix::sys::prctl::set_no_new_privs();
    // The kernel, short of memory, ends a worker before the supervisor.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}

/// Ends with the supervisor. The parent is checked after the signal is set: a supervisor that died in
/// between would otherwise leave us behind.
fn die_with(order: &GuardOrder) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    require_parent(order)
}

/// Closes every descriptor from 3 up but these: what a careless parent left open is nothing of ours.
pub fn close_strays(keep: &[RawFd]) {
    let mut keep: Vec<u32> = keep
        .iter()
        .filter_map(|&fd| u32::try_from(fd).ok())
        .collect();
    keep.sort_unstable();
    let mut from = 3u32;
    for fd in keep {
        if fd > from {
            close_range(from, fd - 1);
        }
        from = from.max(fd + 1);
    }
    close_range(from, u32::MAX);
}

#[expect(
    unsafe_code,
    reason = "closes inherited descriptors that no Rust value owns"
)]
fn close_range(first: u32, last: u32) {
    // SAFETY: called at the start of a program, before it has opened anything of its own.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done != 0 {
        // A kernel before 5.9, or a filter: one by one, as far as a process of ours would go.
        for fd in first..=last.min(4096) {
            if let Ok(fd) = RawFd::try_from(fd) {
                close_raw(fd);
            }
        }
    }
}

/// The thread that learns of signals.
///
/// [`SignalWatch::block`] comes first, in the main thread before there is any other, so that no thread can
/// be chosen by the kernel to take a signal in the middle of something.
#[derive(Debug)]
pub struct SignalWatch {
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

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
        let set = watched_signals();
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?);
        let for_thread = Arc::clone(&wake);
        let thread = std::thread::Builder::new()
            .name(String::from("signals"))
            .spawn(move || watch_signals(&signals, &for_thread, &tell))?;
        Ok(SignalWatch {
            wake,
            thread: Some(thread),
        })
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        if self.wake.write(1).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn watch_signals(signals: &SignalFd, wake: &EventFd, tell: &dyn Fn(i32)) {
    loop {
        let mut wanted = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(wake.as_fd(), PollFlags::POLLIN),
        ];
        // An error is EINTR, after a stop and a continue.
        let _ = poll(&mut wanted, PollTimeout::NONE);
        if wanted[1].any() == Some(true) {
            return;
        }
        crate::fail_point!("supervisor.signals");
        while let Ok(Some(info)) = signals.read_signal() {
            if let Ok(number) = i32::try_from(info.ssi_signo) {
                tell(number);
            }
        }
    }
}

/// Ends an adopted orphan, and reaps it if it is over already; if not, a later call does. Whether it is
/// reaped.
pub fn end_orphan(pid: Pid) -> bool {
    kill_group(pid);
    reap_if_over(pid)
}

/// Whether there is a process of this number that is not over, reaped or not.
pub fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    // The name stands in parentheses and may hold anything; the state comes next.
    stat.is_ok_and(|stat| {
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        !state.starts_with(['Z', 'X'])
    })
}

/// Reaps a child if it is over; whether it was.
pub fn reap_if_over(pid: Pid) -> bool {
    wait_for(pid, false).is_some()
}

/// The children of this process, adopted ones included.
pub fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let mut children = Vec::new();
    for thread in threads.flatten() {
        if let Ok(list) = std::fs::read_to_string(thread.path().join("children")) {
            children.extend(
                list.split_whitespace()
                    .filter_map(|word| word.parse().ok().map(Pid)),
            );
        }
    }
    children
}

/// Where the hole begins with which a file ends: nothing was ever written there, and it reads as zeros. `None`
/// where it ends with data, or the file system does not say. Moves the file's offset to its beginning.
///
/// # Errors
///
/// The file cannot be moved about in.
pub fn hole_at_end(file: &File) -> io::Result<Option<u64>> {
    use nix::unistd::{Whence, lseek};
    let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
    let mut at = 0;
    let found = loop {
        match lseek(file, at, Whence::SeekHole) {
            // There is a hole at the end of every file, of no length.
            Ok(hole) if hole >= length => break None,
            Ok(hole) => match lseek(file, hole, Whence::SeekData) {
                Ok(data) => at = data,
                Err(nix::errno::Errno::ENXIO) => break u64::try_from(hole).ok(),
                Err(_) => break None,
            },
            Err(_) => break None,
        }
    };
    lseek(file, 0, Whence::SeekSet)?;
    Ok(found)
}

/// Where private runtime folders are made: in memory where there is such a place for this user.
pub fn runtime_parent() -> RuntimeParent {
    let in_memory = std::env::var_os("XDG_RUNTIME_DIR")
        .map(std::path::PathBuf::from)
        .into_iter()
        .chain([std::path::PathBuf::from("/dev/shm")])
        .find(|path| {
            path.is_dir() && nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()
        });
    match in_memory {
        Some(path) => RuntimeParent {
            path,
            in_memory: true,
        },
        None => RuntimeParent {
            path: std::env::temp_dir(),
            in_memory: false,
        },
    }
}

/// The cores that this process may use: its affinity, cut by the quota of its cgroup (v2, or v1).
pub fn usable_cores() -> UsableCores {
    let affinity = std::thread::available_parallelism()
        .ok()
        .and_then(|n| u32::try_from(n.get()).ok())
        .unwrap_or(1);
    UsableCores::from_limits(affinity, cgroup_quota())
}

fn cgroup_quota() -> Option<f64> {
    let mine = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut quota: Option<f64> = None;
    let mut note = |cores: Option<f64>| {
        if let Some(cores) = cores {
            quota = Some(quota.map_or(cores, |q| q.min(cores)));
        }
    };
    for line in mine.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            // Version 2: a limit anywhere up the tree counts.
            let mut group = Path::new("/sys/fs/cgroup").join(path);
            loop {
                if let Ok(text) = std::fs::read_to_string(group.join("cpu.max")) {
                    note(UsableCores::quota_v2(&text));
                }
                if !group.starts_with("/sys/fs/cgroup/") || !group.pop() {
                    break;
                }
            }
        } else if controllers.split(',').any(|c| c == "cpu") {
            for group in [
                Path::new("/sys/fs/cgroup/cpu").join(path),
                Path::new("/sys/fs/cgroup/cpu").to_path_buf(),
            ] {
                let read = |name: &str| {
                    std::fs::read_to_string(group.join(name))
                        .ok()
                        .and_then(|text| text.trim().parse::<f64>().ok())
                };
                if let (Some(us), Some(period)) =
                    (read("cpu.cfs_quota_us"), read("cpu.cfs_period_us"))
                {
                    note((us > 0.0 && period > 0.0).then(|| us / period));
                }
            }
        }
    }
    quota
}

/// Memory that could be had now, in bytes, if the kernel says.
pub fn memory_available() -> Option<u64> {
    meminfo("MemAvailable:")
}

/// The most resident memory that this program has had since its start, in KiB.
pub fn own_peak_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Memory of this machine in bytes, if the kernel says.
pub fn memory_total() -> Option<u64> {
    meminfo("MemTotal:")
}

fn meminfo(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::{Exit, HeldProgram, SpawnOrder};
    use super::*;
    use crate::experiment::ExitCause;

    fn run(arguments: &[&str]) -> Exit {
        let (sender, receiver) = mpsc::channel();
        let reaper = Reaper::start(move |exit| sender.send(exit).expect("the test listens"))
            .expect("a reaper can be started");
        let pid = spawn(&SpawnOrder {
            program: &HeldProgram::open(Path::new("/bin/sh")).expect("there is a shell"),
            arguments,
            environment: &[],
            input: None,
            output: None,
        })
        .expect("a shell can be started");
        reaper.watch(pid).expect("a child can be watched");
        let exit = receiver
            .recv_timeout(Duration::from_secs(10))
            .expect("the reaper tells of the death");
        assert_eq!(exit.pid, pid);
        exit
    }

    #[test]
    fn the_reaper_tells_codes_and_signals_apart() {
        assert_eq!(run(&["-c", "exit 3"]).cause, ExitCause::Exited(3));
        assert_eq!(
            run(&["-c", "kill -9 $$"]).cause,
            ExitCause::Signaled {
                signal: 9,
                core: false
            }
        );
        assert!(run(&["-c", ":"]).resources.max_rss_kib > 0);
    }

    #[test]
    fn the_child_leads_its_own_group() {
        // $$ is the shell's pid; the fifth field of its stat line is its group.
        let exit = run(&["-c", "set -- $(cat /proc/$$/stat); test \"$5\" = \"$$\""]);
        assert_eq!(exit.cause, ExitCause::Exited(0));
    }

    #[test]
    fn forking_beside_threads_is_refused() {
        let (go, wait) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let error = fork_worker(ForkWay::CloneParent).expect_err("this process has threads");
        assert!(
            error.to_string().contains("more than one thread"),
            "{error}"
        );
        drop(go);
        let _ = thread.join();
    }

    #[test]
    fn memory_and_cores_are_known_here() {
        assert!(memory_total().is_some_and(|bytes| bytes > 1 << 20));
        assert!(usable_cores().count >= 1);
    }
}
