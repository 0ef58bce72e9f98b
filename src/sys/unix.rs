//! What Linux and macOS share: files, pipes, signals, clocks. Their own halves are `linux.rs` and
//! `macos.rs`.

#[path = "unix_program.rs"]
mod program;

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal};
use nix::time::{ClockId, clock_gettime};

pub use self::program::check_program;
use super::{GuardOrder, SpawnOrder};
use crate::clock::Monotonic;
use crate::experiment::{ExitCause, ResourceUse};
use crate::ids::Pid;

/// Now, on the clock that all processes of this machine share.
pub fn monotonic_now() -> Monotonic {
    // The clock exists on every system this file is built for; a zero would only make phases zero.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Monotonic(0), |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
        Monotonic(seconds * 1_000_000_000 + nanos)
    })
}

/// The name of this machine, or `unknown`.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| String::from("unknown"))
}

/// The kernel and its version, for the manifest.
pub fn kernel() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| String::from("unknown"),
        |names| {
            format!(
                "{} {}",
                names.sysname().to_string_lossy(),
                names.release().to_string_lossy()
            )
        },
    )
}

/// Makes every file created from here on private to this user, whatever mode it is created with.
pub fn restrict_new_files() {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
}

/// Makes a folder that only this user can enter.
///
/// # Errors
///
/// The folder exists, or cannot be made.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

/// Makes a file that did not exist, private, opened for appending.
///
/// # Errors
///
/// Something of that name exists (a symbolic link too), or it cannot be made.
pub fn open_private_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .read(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)
}

/// Opens a regular file for reading, and nothing else: neither a symbolic link at its last step nor a
/// FIFO or a device, on which a reader might wait for ever.
///
/// # Errors
///
/// It is not a regular file, or cannot be opened.
pub fn open_no_follow(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        // Without O_NONBLOCK the open of a FIFO would wait for a writer.
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}, not a regular file"),
    ))
}

/// Makes a folder that exists private: only this user can enter it.
///
/// # Errors
///
/// It is not ours.
pub fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Whether two open files are one file.
///
/// # Errors
///
/// The system does not say.
pub fn is_same_file(one: &File, other: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// Whether a file has more than one name (hard links).
///
/// # Errors
///
/// The system does not say.
pub fn has_other_names(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() > 1)
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// The folder cannot be opened or synced.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Takes the exclusive lock on a file, without waiting. It is held as long as the file is open and goes
/// with its holder, however that ends. `false` = somebody else holds it.
///
/// # Errors
///
/// The file system has no locks.
pub fn lock_file(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// A pipe for what a worker writes; see [`OutputReader`].
///
/// # Errors
///
/// No descriptors are left.
pub fn output_pipe() -> io::Result<(OutputReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    let flags = fcntl(&reader, FcntlArg::F_GETFL)?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(&reader, FcntlArg::F_SETFL(flags))?;
    Ok((OutputReader { reader }, writer))
}

/// The reading end of a worker's output. Reading never waits; [`OutputReader::wait_any`] does.
#[derive(Debug)]
pub struct OutputReader {
    reader: PipeReader,
}

impl OutputReader {
    /// Reads what is there; 0 = nothing at the moment.
    ///
    /// # Errors
    ///
    /// The pipe is broken in a way that no retry mends.
    pub fn read_available(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.reader).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                other => return other,
            }
        }
    }

    /// Waits until one of the readers has something, at most `milliseconds`; the places of those that
    /// have.
    ///
    /// # Errors
    ///
    /// The kernel refuses to wait.
    pub fn wait_any(readers: &[&OutputReader], milliseconds: u16) -> io::Result<Vec<usize>> {
        let mut wanted: Vec<PollFd<'_>> = readers
            .iter()
            .map(|r| PollFd::new(r.reader.as_fd(), PollFlags::POLLIN))
            .collect();
        match poll(&mut wanted, PollTimeout::from(milliseconds)) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
        Ok(wanted
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.any().unwrap_or(false))
            .map(|(place, _)| place)
            .collect())
    }
}

/// Lets a program that is started from now on inherit this pipe, under the number returned.
///
/// # Errors
///
/// The descriptor is not valid.
pub fn inherit(pipe: &PipeWriter) -> io::Result<i32> {
    fcntl(pipe, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(pipe.as_raw_fd())
}

/// Takes [`inherit`] back.
///
/// # Errors
///
/// The descriptor is not valid.
pub fn withhold(pipe: &PipeWriter) -> io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(())
}

/// Starts a program as the leader of a process group of its own, with nothing of our environment. It is reaped
/// by the [`super::Reaper`], not by std.
///
/// # Errors
///
/// The program cannot be started.
pub fn spawn(order: &SpawnOrder<'_>) -> io::Result<Pid> {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new(order.program.start_as());
    command
        .arg0(order.program.path())
        .args(order.arguments)
        .env_clear()
        .envs(order.environment.iter().map(|(k, v)| (k, v)))
        .stdin(match order.input {
            Some(input) => Stdio::from(OwnedFd::from(input.try_clone()?)),
            None => Stdio::null(),
        })
        // Part of posix_spawn: no pre_exec, which would make std fork this process.
        .process_group(0);
    match order.output {
        Some((out, err)) => {
            command.stdout(Stdio::from(OwnedFd::from(out.try_clone()?)));
            command.stderr(Stdio::from(OwnedFd::from(err.try_clone()?)));
        }
        None => {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    // std's handle neither kills nor waits when it is dropped.
    Ok(Pid(command.spawn()?.id()))
}

/// Asks a worker and what it started to end (SIGTERM), and lets them go on if they were stopped, so that
/// they can.
pub fn terminate_group(worker: Pid) {
    signal_group(worker, Signal::SIGTERM);
    signal_group(worker, Signal::SIGCONT);
}

/// Ends a worker and what it started (SIGKILL).
pub fn kill_group(worker: Pid) {
    signal_group(worker, Signal::SIGKILL);
}

/// Ends what a worker that is over has left in its group.
pub(super) fn end_rest_of_group(worker: Pid) {
    if let Some(pid) = i32::try_from(worker.0).ok().filter(|&pid| pid > 1) {
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
    }
}

fn signal_group(worker: Pid, signal: Signal) {
    let Some(pid) = i32::try_from(worker.0).ok().filter(|&pid| pid > 1) else {
        return;
    };
    let pid = nix::unistd::Pid::from_raw(pid);
    // The group may not exist yet (the worker has not made it) or no more; the process itself is a
    // child that nobody has reaped, so the second call cannot meet a stranger.
    let _ = nix::sys::signal::killpg(pid, signal);
    let _ = nix::sys::signal::kill(pid, signal);
}

/// Whether our parent is this process.
pub fn parent_is(supervisor: Pid) -> bool {
    u32::try_from(nix::unistd::getppid().as_raw()) == Ok(supervisor.0)
}

/// Ends the process at once: no destructor and no exit handler of the parent's is run a second time.
#[expect(unsafe_code, reason = "std has no _exit")]
pub fn quiet_exit(code: i32) -> ! {
    // SAFETY: _exit takes any number and does not return.
    unsafe { libc::_exit(code) }
}

/// Gives every signal its default disposition and blocks none, but keeps SIGPIPE ignored: a send to a
/// supervisor that is gone is an error value, not a death. The handlers that std has for stack overflow go
/// too: with them a process would survive a SIGSEGV that somebody sent it.
pub fn reset_signals() {
    for signal in Signal::iterator() {
        match signal {
            Signal::SIGKILL | Signal::SIGSTOP => {}
            Signal::SIGPIPE => dispose(signal, libc::SIG_IGN),
            _ => dispose(signal, libc::SIG_DFL),
        }
    }
    let _ = SigSet::empty().thread_set_mask();
}

/// What the supervisor does not leave to whoever started it. A file that may not grow any more (`ulimit -f`)
/// is an error of its writes and not its death. And children that end wait to be reaped: under a parent that
/// ignores SIGCHLD (a shell's `trap '' CHLD` is inherited) the kernel would reap them at once, and nobody
/// would learn how they ended.
pub(super) fn set_dispositions() {
    dispose(Signal::SIGXFSZ, libc::SIG_IGN);
    dispose(Signal::SIGCHLD, libc::SIG_DFL);
}

#[expect(unsafe_code, reason = "signal dispositions are process-wide state")]
fn dispose(signal: Signal, disposition: libc::sighandler_t) {
    // SAFETY: the process has one thread here, and neither SIG_DFL nor SIG_IGN runs code of ours.
    unsafe {
        libc::signal(signal as i32, disposition);
    }
}

/// Whether this signal was ignored when we were started (`nohup` does that to SIGHUP): then it stays so.
#[expect(
    unsafe_code,
    reason = "std and nix cannot ask for a disposition without setting one"
)]
pub(super) fn is_ignored(signal: Signal) -> bool {
    // SAFETY: an all-zero sigaction is a valid value to be written over.
    let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the second argument is null, so that nothing is changed; the third is ours to write.
    let asked = unsafe { libc::sigaction(signal as i32, std::ptr::null(), &raw mut current) };
    asked == 0 && current.sa_sigaction == libc::SIG_IGN
}

/// The signals that ask a supervisor to stop, less those it was told to ignore.
pub(super) fn watched_signals() -> SigSet {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        if !is_ignored(signal) {
            set.add(signal);
        }
    }
    set
}

/// A signal that asks the supervisor to stop and waits for the [`SignalWatch`](super::SignalWatch) to begin.
#[expect(unsafe_code, reason = "nix has no sigpending")]
pub fn pending_stop() -> Option<i32> {
    let mut pending = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a signal set of this frame, which the call fills in whole or fails.
    let pending = unsafe {
        if libc::sigpending(pending.as_mut_ptr()) != 0 {
            return None;
        }
        SigSet::from_sigset_t_unchecked(pending.assume_init())
    };
    watched_signals()
        .iter()
        .find(|signal| pending.contains(*signal))
        .map(|signal| signal as i32)
}

/// The name of a signal, such as `SIGSEGV`.
pub fn signal_name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |s| s.as_str().to_owned())
}

/// What this process has used so far.
pub fn own_rusage() -> ResourceUse {
    getrusage(UsageWho::RUSAGE_SELF)
        .map_or_else(|_| ResourceUse::default(), |u| resources(u.as_ref()))
}

/// What one KiB is in `ru_maxrss`: macOS counts bytes.
const RSS_PER_KIB: u64 = if cfg!(target_vendor = "apple") {
    1024
} else {
    1
};

/// The kernel's figures in our units.
fn resources(usage: &libc::rusage) -> ResourceUse {
    let count = |n: libc::c_long| u64::try_from(n).unwrap_or(0);
    let micros =
        |t: libc::timeval| count(t.tv_sec) * 1_000_000 + u64::try_from(t.tv_usec).unwrap_or(0);
    ResourceUse {
        user_us: micros(usage.ru_utime),
        system_us: micros(usage.ru_stime),
        max_rss_kib: count(usage.ru_maxrss) / RSS_PER_KIB,
        minor_faults: count(usage.ru_minflt),
        voluntary_switches: count(usage.ru_nvcsw),
        involuntary_switches: count(usage.ru_nivcsw),
    }
}

/// Waits for one child, by pid. `None` = it has not ended yet (`block` unset).
#[expect(
    unsafe_code,
    reason = "nix has no wait4, which alone gives status and usage together"
)]
pub(super) fn wait_for(pid: Pid, block: bool) -> Option<(ExitCause, ResourceUse)> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid value to be written over.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let flags = if block { 0 } else { libc::WNOHANG };
    let Ok(raw) = libc::pid_t::try_from(pid.0) else {
        return Some((ExitCause::Lost, ResourceUse::default()));
    };
    loop {
        // SAFETY: both pointers are to live values of ours; any pid is a valid argument.
        match unsafe { libc::wait4(raw, &raw mut status, flags, &raw mut usage) } {
            0 => return None,
            waited if waited == raw => return Some((cause_of(status), resources(&usage))),
            _ if nix::errno::Errno::last() == nix::errno::Errno::EINTR => {}
            // Not our child, or reaped by somebody else: nobody can say any more how it ended.
            _ => return Some((ExitCause::Lost, ResourceUse::default())),
        }
    }
}

fn cause_of(status: i32) -> ExitCause {
    if libc::WIFSIGNALED(status) {
        ExitCause::Signaled {
            signal: libc::WTERMSIG(status),
            core: libc::WCOREDUMP(status),
        }
    } else {
        ExitCause::Exited(libc::WEXITSTATUS(status))
    }
}

#[expect(
    unsafe_code,
    reason = "closes inherited descriptors that no Rust value owns"
)]
pub(super) fn close_raw(fd: RawFd) {
    // SAFETY: callers pass descriptors that were inherited and that no Rust value of ours owns.
    unsafe {
        libc::close(fd);
    }
}

/// What is the same for every process under the supervisor and is handed on by fork: default signals, no
/// core files.
pub(super) fn harden_common() {
    reset_signals();
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
}

/// Checks that the supervisor is still the parent; a worker whose supervisor is gone has no business.
pub(super) fn require_parent(order: &GuardOrder) -> io::Result<()> {
    if parent_is(order.supervisor) {
        Ok(())
    } else {
        Err(io::Error::other(
            "the supervisor is not this process's parent",
        ))
    }
}

/// Fills the buffer with random bytes from the kernel.
///
/// # Errors
///
/// The kernel has none to give.
pub fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(buffer)
}

/// Raises the limit of open files as far as this process may, and gives it.
pub fn raise_open_files() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 256;
    };
    // Beyond the first no pool of ours goes, and some programs take a huge limit for a count to loop over.
    // macOS names an infinite limit and may refuse what is over its OPEN_MAX, the second.
    for most in [1 << 16, 10_240] {
        let wanted = hard.min(most);
        if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
            return wanted;
        }
    }
    soft
}

/// Makes `link` point to `target`, whatever link was there; whole or not at all.
///
/// # Errors
///
/// Something else than a link is in the way, or the file system has no links.
pub fn point_link(link: &Path, target: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(link).is_ok_and(|found| !found.is_symlink()) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something else than a link",
        ));
    }
    let mut fresh = link.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    std::os::unix::fs::symlink(target, &fresh)?;
    std::fs::rename(&fresh, link).inspect_err(|_| {
        let _ = std::fs::remove_file(&fresh);
    })
}

/// Stops this process until somebody continues it. For tests of the supervisor under job control.
pub fn temporary_pause() {
    let _ = nix::sys::signal::raise(Signal::SIGSTOP);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_files_are_refused_without_waiting() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).expect("a FIFO can be made");
        let error = open_no_follow(&fifo).expect_err("a FIFO is no regular file");
        assert!(error.to_string().contains("FIFO"), "{error}");
        let error = open_no_follow(folder.path()).expect_err("a folder is no regular file");
        assert!(error.to_string().contains("folder"), "{error}");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).expect("a link can be made");
        assert!(open_no_follow(&link).is_err());
    }

    #[test]
    fn a_second_holder_of_a_lock_is_told_so() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("lock");
        let first = File::create(&path).expect("the file can be made");
        let second = File::open(&path).expect("the file can be opened");
        assert!(lock_file(&first).expect("locks work here"));
        assert!(!lock_file(&second).expect("locks work here"));
        drop(first);
        assert!(lock_file(&second).expect("locks work here"));
    }

    #[test]
    fn signals_have_their_names() {
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(11), "SIGSEGV");
        assert_eq!(signal_name(1000), "signal 1000");
    }

    #[test]
    fn a_pipe_that_is_empty_does_not_hold_the_reader_up() {
        use std::io::Write;
        let (reader, mut writer) = output_pipe().expect("pipes can be made");
        let mut buffer = [0u8; 16];
        assert_eq!(reader.read_available(&mut buffer).expect("reads"), 0);
        writer.write_all(b"hello").expect("writes");
        assert_eq!(
            OutputReader::wait_any(&[&reader], 1000).expect("waits"),
            [0]
        );
        assert_eq!(reader.read_available(&mut buffer).expect("reads"), 5);
    }
}
