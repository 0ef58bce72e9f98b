//! Windows: job objects, process handles, console events.
//!
//! What Unix has and this system lacks, and what stands in for it:
//!
//! - Process groups: each worker is put into a job object of its own. Ending a worker ends its job, hence
//!   whatever it started. The supervisor alone holds the jobs' handles, and a job whose last handle is
//!   closed ends (`KILL_ON_JOB_CLOSE`): no worker outlives its supervisor, however that ends.
//! - Children: there are only handles. [`spawn`] keeps them in a table of this module ([`ours`]) until the
//!   [`Reaper`] takes them out. A process number is not given to a stranger while a handle is open, and a
//!   number that is not in the table is never acted upon.
//! - Signals: Ctrl-C and Ctrl-Break are told as SIGINT, a closed console as SIGHUP, the end of the session
//!   as SIGTERM. An exit status that stands for an exception is told as the signal that the C runtime of
//!   this system raises for it.
//! - Modes of files: what we make has the access list of the folder it is made in; a user's profile, with
//!   its temporary folder, lets in that user and administrators only.
//!
//! Not here at all: fork, inherited output pipes, symbolic links for everybody.
//!
//! This file is type-checked on Linux. Nothing of the project has run on Windows itself.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, PipeWriter};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    FILETIME, STATUS_ACCESS_VIOLATION, STATUS_CONTROL_C_EXIT, STATUS_FLOAT_DIVIDE_BY_ZERO,
    STATUS_ILLEGAL_INSTRUCTION, STATUS_IN_PAGE_ERROR, STATUS_INTEGER_DIVIDE_BY_ZERO,
    STATUS_PRIVILEGED_INSTRUCTION, STATUS_STACK_BUFFER_OVERRUN, STATUS_STACK_OVERFLOW,
    WAIT_TIMEOUT,
};
use windows_sys::Win32::Security::Cryptography::{
    BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
};
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, GenerateConsoleCtrlEvent, GetConsoleCP,
    SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, GetCurrentProcess, GetProcessTimes, INFINITE,
    OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, TerminateProcess,
    WaitForSingleObject,
};
use windows_sys::core::BOOL;

use super::{Exit, ForkWay, Forked, GuardOrder, RuntimeParent, SpawnOrder, UsableCores};
use crate::clock::Monotonic;
use crate::experiment::{ExitCause, ResourceUse};
use crate::ids::Pid;

/// Enough for threads that wait and then post one message. It is taken as it is used.
const SMALL_STACK: usize = 256 << 10;

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGILL: i32 = 4;
const SIGABRT: i32 = 6;
const SIGFPE: i32 = 8;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGTERM: i32 = 15;

/// The exit status of a job that we ended; bit 29 marks a status as an application's own.
const ENDED_BY_US: u32 = 0xE000_0009;

fn unsupported(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{what}: not on this platform"),
    )
}

/// The result of a call that says 0 for failure.
fn checked(answer: BOOL) -> io::Result<()> {
    if answer == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Whether this platform has a fork worth offering. This one has none.
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

/// A file that runs cannot be replaced here: its path is good enough.
pub fn hold_program(_path: &Path) -> Option<(File, std::path::PathBuf)> {
    None
}

/// As [`hold_program`].
pub fn hold_ourselves() -> Option<(File, std::path::PathBuf)> {
    None
}

/// Looks at a file that is to be started: it must be a file and begin as programs do.
///
/// # Errors
///
/// It is no program, or cannot be read.
pub fn check_program(path: &Path) -> io::Result<()> {
    use std::io::Read;
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        return refuse("it is a folder");
    }
    if meta.len() == 0 {
        return refuse("it is empty");
    }
    let mut mark = [0; 2];
    match File::open(path)?.read_exact(&mut mark) {
        Ok(()) if mark == *b"MZ" => Ok(()),
        _ => refuse("it is no program"),
    }
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

/// Whether a process's environment can be read by its siblings. Not here, and jobs make it needless: there
/// is no keeper.
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
/// Always, here: jobs end descendants without it.
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

/// What every worker does to itself before it touches a task: it makes sure of its supervisor. The rest
/// is the work of the job that the supervisor has put it into.
///
/// # Errors
///
/// The supervisor is gone, or the worker is said to come from a zygote, which this platform has not.
pub fn guard_worker(
    order: &GuardOrder,
    from_zygote: Option<ForkWay>,
    _output: Option<(i32, i32)>,
    _all_outputs: &[(i32, i32)],
) -> io::Result<()> {
    if from_zygote.is_some() {
        return Err(unsupported("a worker from a zygote"));
    }
    if parent_is(order.supervisor) {
        Ok(())
    } else {
        Err(io::Error::other("the supervisor is gone"))
    }
}

/// Whether this process, which says that it has started us, really could have, and still runs: it is
/// there, and it is older than we are. A stranger that took over the number of a dead supervisor would be
/// younger.
#[expect(unsafe_code, reason = "std opens no process by its number")]
pub fn parent_is(supervisor: Pid) -> bool {
    let access = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    // SAFETY: the call takes integers; what it returns is checked.
    let handle = unsafe { OpenProcess(access, 0, supervisor.0) };
    if handle.is_null() {
        return false;
    }
    // SAFETY: the system just gave us this handle, and nobody else owns it.
    let process = unsafe { OwnedHandle::from_raw_handle(handle) };
    // SAFETY: the handle is open and was opened for waiting.
    let running = unsafe { WaitForSingleObject(process.as_raw_handle(), 0) } == WAIT_TIMEOUT;
    match (times(process.as_handle()), times(this_process())) {
        (Some(theirs), Some(ours)) => running && theirs.created <= ours.created,
        _ => false,
    }
}

/// Closes what a careless parent left open. Here a process cannot list its handles, and it inherits only
/// those that were made to be inherited.
pub fn close_strays(_keep: &[i32]) {}

/// Gives every signal its default disposition. There are none here.
pub fn reset_signals() {}

/// Makes every file created from here on private to this user. Here a file has the access list of its
/// folder, which no process-wide mask changes.
pub fn restrict_new_files() {}

/// Ends the process at once: no destructor and no exit handler is run.
#[expect(unsafe_code, reason = "std has no exit without exit handlers")]
pub fn quiet_exit(code: i32) -> ! {
    // SAFETY: the handle stands for this process; the call ends it and takes any code.
    unsafe {
        TerminateProcess(GetCurrentProcess(), code.cast_unsigned());
    }
    std::process::abort()
}

/// Stops this process. Nothing here could continue it, so it waits for its end.
pub fn temporary_pause() {
    loop {
        std::thread::park();
    }
}

/// Now, on the clock that all processes of this machine share. It goes on while the machine sleeps.
#[expect(
    unsafe_code,
    reason = "std's Instant cannot be sent to another process"
)]
pub fn monotonic_now() -> Monotonic {
    let (mut count, mut per_second) = (0i64, 0i64);
    // SAFETY: both pointers are to live values of ours. Neither call fails on a system that std supports.
    unsafe {
        QueryPerformanceCounter(&raw mut count);
        QueryPerformanceFrequency(&raw mut per_second);
    }
    let count = u128::from(count.unsigned_abs());
    let per_second = u128::from(per_second.unsigned_abs()).max(1);
    Monotonic(u64::try_from(count * 1_000_000_000 / per_second).unwrap_or(u64::MAX))
}

/// The name of this machine, or `unknown`.
pub fn hostname() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| String::from("unknown"))
}

/// The kernel and its version, for the manifest.
pub fn kernel() -> String {
    sysinfo::System::kernel_version().map_or_else(
        |_| String::from("unknown"),
        |build| format!("Windows NT build {build}"),
    )
}

/// Fills the buffer with random bytes from the system.
///
/// # Errors
///
/// The system has none to give.
#[expect(unsafe_code, reason = "std does not give its random bytes away")]
pub fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    let length = u32::try_from(buffer.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: with this flag the first argument must be null; pointer and length are the buffer's.
    let status = unsafe {
        BCryptGenRandom(
            std::ptr::null_mut(),
            buffer.as_mut_ptr(),
            length,
            BCRYPT_USE_SYSTEM_PREFERRED_RNG,
        )
    };
    if status < 0 {
        return Err(io::Error::other(format!(
            "no random bytes: status {status:#x}"
        )));
    }
    Ok(())
}

/// Raises the limit of open files as far as this process may, and gives it. Here it is the number of
/// handles that a process can have, 2^24.
pub fn raise_open_files() -> u64 {
    1 << 24
}

/// Makes a folder. It has the access list of its parent, which for the temporary folder of a user's
/// profile means: this user and administrators.
///
/// # Errors
///
/// The folder exists, or cannot be made.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)
}

/// Makes a file that did not exist, opened for appending, as private as its folder.
///
/// # Errors
///
/// Something of that name exists (a symbolic link too), or it cannot be made.
pub fn open_private_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .read(true)
        .create_new(true)
        .open(path)
}

/// Opens a regular file for reading, and nothing else: neither a symbolic link or junction at its last
/// step nor a folder; a pipe or a device has no metadata to show.
///
/// # Errors
///
/// It is not a regular file, or cannot be opened.
pub fn open_no_follow(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        // The second flag is what opens a folder, for the sake of a message that says so.
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = if kind.is_dir() { "a folder" } else { "a link" };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}, not a regular file"),
    ))
}

/// Whether a file has more than one name. This twin does not ask.
///
/// # Errors
///
/// None.
pub fn has_other_names(_file: &File) -> io::Result<bool> {
    Ok(false)
}

/// Makes the names in a folder durable. Here a folder is no file that can be synced by its reader: NTFS
/// journals names itself.
///
/// # Errors
///
/// None, here.
pub fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Takes the exclusive lock on a file, without waiting. It is held as long as the file is open and goes
/// with its holder, however that ends. `false` = somebody else holds it. Here it keeps readers out, too.
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

/// Makes `link` point to `target`.
///
/// # Errors
///
/// Always, here: making symbolic links takes a privilege that few users have.
pub fn point_link(_link: &Path, _target: &Path) -> io::Result<()> {
    Err(unsupported("symbolic links"))
}

/// The reading end of a worker's output. There is none here; see [`output_pipe`].
#[derive(Debug)]
pub struct OutputReader {
    never: std::convert::Infallible,
}

/// A pipe for what a worker writes.
///
/// # Errors
///
/// Always, here: an anonymous pipe can be neither polled nor waited for together with others. Workers run
/// with their output thrown away.
pub fn output_pipe() -> io::Result<(OutputReader, PipeWriter)> {
    Err(unsupported("pipes that never wait"))
}

impl OutputReader {
    /// Reads what is there; 0 = nothing at the moment.
    ///
    /// # Errors
    ///
    /// None: there is no such reader.
    pub fn read_available(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        match self.never {}
    }

    /// Waits until one of the readers has something.
    ///
    /// # Errors
    ///
    /// Always, here.
    pub fn wait_any(_readers: &[&OutputReader], _milliseconds: u16) -> io::Result<Vec<usize>> {
        Err(unsupported("pipes that never wait"))
    }
}

/// Lets a program that is started from now on inherit this pipe.
///
/// # Errors
///
/// Always, here.
pub fn inherit(_pipe: &PipeWriter) -> io::Result<i32> {
    Err(unsupported("inheriting pipes by number"))
}

/// Takes [`inherit`] back.
///
/// # Errors
///
/// Always, here.
pub fn withhold(_pipe: &PipeWriter) -> io::Result<()> {
    Err(unsupported("inheriting pipes by number"))
}

/// A process that we started and nobody has reaped, with the job that holds it and what it starts.
struct Ours {
    child: Child,
    job: OwnedHandle,
}

/// The table of our children, by process number. Its lock is taken after a reaper's, never before.
fn ours() -> MutexGuard<'static, BTreeMap<u32, Ours>> {
    static OURS: Mutex<BTreeMap<u32, Ours>> = Mutex::new(BTreeMap::new());
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Variables without which the system's own libraries do not work: where they lie, and where temporary
/// files go. They are no secrets.
const NEEDED: [&str; 3] = ["SystemRoot", "TEMP", "TMP"];

/// Starts a program in a job of its own, with nothing of our environment but [`NEEDED`], no standard input
/// and deaf to the Ctrl-C of our console. It is reaped by the [`Reaper`].
///
/// The program runs for a moment before it is in its job. A worker starts nothing before its hello is
/// answered, which its supervisor does later than this; and if the supervisor ends in that moment, the
/// worker finds nobody to say hello to and leaves.
///
/// # Errors
///
/// The program cannot be started or cannot be put into a job.
pub fn spawn(order: &SpawnOrder<'_>) -> io::Result<Pid> {
    let job = new_job()?;
    let mut command = Command::new(order.program.start_as());
    command.args(order.arguments).env_clear();
    for name in NEEDED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // Where we have no console to share, each worker would open a window.
    let window = if has_console() { 0 } else { CREATE_NO_WINDOW };
    command
        .envs(order.environment.iter().map(|(k, v)| (k, v)))
        .stdin(match order.input {
            Some(input) => Stdio::from(input.try_clone()?),
            None => Stdio::null(),
        })
        .creation_flags(CREATE_NEW_PROCESS_GROUP | window);
    match order.output {
        Some((out, err)) => {
            command.stdout(Stdio::from(out.try_clone()?));
            command.stderr(Stdio::from(err.try_clone()?));
        }
        None => {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    let mut child = command.spawn()?;
    if let Err(error) = assign(&job, &child) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    let pid = child.id();
    ours().insert(pid, Ours { child, job });
    Ok(Pid(pid))
}

#[expect(unsafe_code, reason = "std does not know consoles")]
fn has_console() -> bool {
    // SAFETY: the call takes nothing; it says 0 where there is no console.
    unsafe { GetConsoleCP() != 0 }
}

/// A job that ends what is in it when its last handle is closed, and in which a crash opens no dialogue.
/// Nobody can inherit its handle.
#[expect(unsafe_code, reason = "std does not know jobs")]
fn new_job() -> io::Result<OwnedHandle> {
    // SAFETY: null stands for default security and no name.
    let handle = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system just gave us this handle, and nobody else owns it.
    let job = unsafe { OwnedHandle::from_raw_handle(handle) };
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    // SAFETY: the handle is open; pointer and size are of the structure that this class of information is.
    checked(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of_u32::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>(),
        )
    })?;
    Ok(job)
}

/// The size of a structure as the system wants to hear it.
const fn size_of_u32<T>() -> u32 {
    // The structures of the system have some hundred bytes at most.
    size_of::<T>() as u32
}

#[expect(unsafe_code, reason = "std does not know jobs")]
fn assign(job: &OwnedHandle, child: &Child) -> io::Result<()> {
    // SAFETY: both handles are open and ours.
    checked(unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) })
}

/// Asks a worker to end: Ctrl-Break, which goes to the process group that it leads. Without a console that
/// both share nothing arrives, and the end comes with [`kill_group`].
#[expect(unsafe_code, reason = "std does not know console events")]
pub fn terminate_group(worker: Pid) {
    // Held over the call: the number stays the child's. Group 0 would be everybody in the console.
    let ours = ours();
    if worker.0 != 0 && ours.contains_key(&worker.0) {
        // SAFETY: the call takes integers.
        unsafe {
            GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, worker.0);
        }
    }
}

/// Ends a worker and what it started.
pub fn kill_group(worker: Pid) {
    if let Some(found) = ours().get(&worker.0) {
        end_job(&found.job);
    }
}

#[expect(unsafe_code, reason = "std does not know jobs")]
fn end_job(job: &OwnedHandle) {
    // SAFETY: the handle is open and ours. That the job is empty already is no error.
    unsafe {
        TerminateJobObject(job.as_raw_handle(), ENDED_BY_US);
    }
}

/// Ends an adopted orphan. There are none here; a child of that number is ended all the same, and there is
/// nothing to reap.
pub fn end_orphan(pid: Pid) -> bool {
    kill_group(pid);
    false
}

/// Whether there is a process of this number. Nobody inherits a lock here, so that a lock which is held has a
/// holder that lives.
pub fn is_alive(_pid: Pid) -> bool {
    true
}

/// Reaps a child if it is over; whether it was. There is nobody to reap here.
pub fn reap_if_over(_pid: Pid) -> bool {
    false
}

/// The children of this process that were adopted or that nobody watches: there are none here.
pub fn children() -> Vec<Pid> {
    Vec::new()
}

/// The threads that learn of deaths: one per child, waiting for its handle.
///
/// Children that outlive it are reaped, but nobody is told.
#[derive(Debug)]
pub struct Reaper {
    shared: Arc<ReaperShared>,
}

struct ReaperShared {
    book: Mutex<Book>,
    tell: Box<dyn Fn(Exit) + Send + Sync>,
}

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

    /// Watches a child that [`spawn`] has made and nobody has reaped. Of any other it tells at once that it
    /// is lost.
    ///
    /// # Errors
    ///
    /// No handle or thread can be had for it.
    pub fn watch(&self, pid: Pid) -> io::Result<()> {
        self.shared.book().alive.insert(pid);
        let process = match ours().get(&pid.0) {
            Some(found) => Some(found.child.as_handle().try_clone_to_owned()?),
            None => None,
        };
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new()
            .name(format!("wait {pid}"))
            .stack_size(SMALL_STACK)
            .spawn(move || {
                if let Some(process) = process {
                    wait_until_over(&process);
                }
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

    /// Takes a child that is over out of the table. What it started ends with it.
    fn settle(&self, pid: Pid) {
        let mut book = self.book();
        let found = ours().remove(&pid.0);
        book.alive.remove(&pid);
        let closed = book.closed;
        drop(book);
        let mut resources = ResourceUse::default();
        let mut cause = ExitCause::Lost;
        if let Some(Ours { mut child, job }) = found {
            end_job(&job);
            resources = used_by(child.as_handle());
            // It is over: this does not wait.
            if let Some(code) = child.wait().ok().and_then(|status| status.code()) {
                cause = cause_of(code);
            }
        }
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

#[expect(
    unsafe_code,
    reason = "std waits for its own handle only, which the table holds"
)]
fn wait_until_over(process: &OwnedHandle) {
    // SAFETY: the handle is open and ours.
    unsafe {
        WaitForSingleObject(process.as_raw_handle(), INFINITE);
    }
}

/// An exit status as the cause of an end. The statuses of exceptions become the signals that the C runtime
/// raises for them (Microsoft's documentation of `signal`), and a fail-fast, which is how `abort` ends
/// here, becomes SIGABRT.
fn cause_of(code: i32) -> ExitCause {
    let signal = match code {
        STATUS_ACCESS_VIOLATION | STATUS_IN_PAGE_ERROR | STATUS_STACK_OVERFLOW => SIGSEGV,
        STATUS_ILLEGAL_INSTRUCTION | STATUS_PRIVILEGED_INSTRUCTION => SIGILL,
        STATUS_INTEGER_DIVIDE_BY_ZERO | STATUS_FLOAT_DIVIDE_BY_ZERO => SIGFPE,
        STATUS_STACK_BUFFER_OVERRUN => SIGABRT,
        STATUS_CONTROL_C_EXIT => SIGTERM,
        _ if code.cast_unsigned() == ENDED_BY_US => SIGKILL,
        _ => return ExitCause::Exited(code),
    };
    ExitCause::Signaled {
        signal,
        core: false,
    }
}

/// The name of a signal, such as `SIGSEGV`: those that can be told here.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        SIGHUP => "SIGHUP",
        SIGINT => "SIGINT",
        SIGILL => "SIGILL",
        SIGABRT => "SIGABRT",
        SIGFPE => "SIGFPE",
        SIGKILL => "SIGKILL",
        SIGSEGV => "SIGSEGV",
        SIGTERM => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// What this process has used so far.
pub fn own_rusage() -> ResourceUse {
    used_by(this_process())
}

#[expect(unsafe_code, reason = "the handle of this process is a constant")]
fn this_process() -> BorrowedHandle<'static> {
    // SAFETY: the pseudo handle is valid as long as the process is.
    unsafe { BorrowedHandle::borrow_raw(GetCurrentProcess()) }
}

/// Moments and spans of a process, in units of 100 ns.
struct Times {
    created: u64,
    kernel: u64,
    user: u64,
}

#[expect(unsafe_code, reason = "std does not ask for times")]
fn times(process: BorrowedHandle<'_>) -> Option<Times> {
    let [mut created, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the handle is open; the pointers are to live values of ours.
    let answer = unsafe {
        GetProcessTimes(
            process.as_raw_handle(),
            &raw mut created,
            &raw mut ended,
            &raw mut kernel,
            &raw mut user,
        )
    };
    let whole = |t: FILETIME| u64::from(t.dwHighDateTime) << 32 | u64::from(t.dwLowDateTime);
    checked(answer).ok().map(|()| Times {
        created: whole(created),
        kernel: whole(kernel),
        user: whole(user),
    })
}

/// What a process has used, itself only. The system counts page faults without telling those that cost a
/// read, and no switches: these are 0.
#[expect(unsafe_code, reason = "std does not ask for memory counters")]
fn used_by(process: BorrowedHandle<'_>) -> ResourceUse {
    let mut used = ResourceUse::default();
    if let Some(times) = times(process) {
        used.user_us = times.user / 10;
        used.system_us = times.kernel / 10;
    }
    let mut memory = PROCESS_MEMORY_COUNTERS::default();
    let size = size_of_u32::<PROCESS_MEMORY_COUNTERS>();
    // SAFETY: the handle is open; pointer and size are of the structure to be written.
    let answer = unsafe { K32GetProcessMemoryInfo(process.as_raw_handle(), &raw mut memory, size) };
    if checked(answer).is_ok() {
        used.max_rss_kib = u64::try_from(memory.PeakWorkingSetSize / 1024).unwrap_or(0);
    }
    used
}

/// The thread that learns of console events.
///
/// The system calls [`on_console`] in a thread that it makes for each event. It hands the event to the
/// watch; what comes between [`SignalWatch::block`] and [`SignalWatch::start`] is kept for it.
#[derive(Debug)]
pub struct SignalWatch {
    thread: Option<JoinHandle<()>>,
}

/// Where events go.
enum Listener {
    /// Nobody watches: they are kept.
    Kept(Vec<i32>),
    /// The watch.
    Watch(mpsc::Sender<i32>),
}

/// A console event that asks the supervisor to stop and waits for the [`SignalWatch`] to begin, as the number
/// of the signal that it stands for.
pub fn pending_stop() -> Option<i32> {
    match &*listener() {
        Listener::Kept(kept) => kept.first().copied(),
        Listener::Watch(_) => None,
    }
}

fn listener() -> MutexGuard<'static, Listener> {
    static LISTENER: Mutex<Listener> = Mutex::new(Listener::Kept(Vec::new()));
    LISTENER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Called by the system, in no thread of ours. After a closed console and at the end of a session it ends the process as soon as
/// this returns, and some seconds later in any case: it does not return, so that the supervisor has these
/// seconds to end its run.
extern "system" fn on_console(event: u32) -> BOOL {
    let (signal, last) = match event {
        CTRL_C_EVENT | CTRL_BREAK_EVENT => (SIGINT, false),
        CTRL_CLOSE_EVENT => (SIGHUP, true),
        _ => (SIGTERM, true),
    };
    match &mut *listener() {
        Listener::Kept(kept) => kept.push(signal),
        // A watch that is just ending wants no more.
        Listener::Watch(sender) => drop(sender.send(signal)),
    }
    while last {
        std::thread::park();
    }
    1
}

impl SignalWatch {
    /// Keeps console events for the watch.
    ///
    /// # Errors
    ///
    /// The system refuses.
    #[expect(unsafe_code, reason = "std does not know console events")]
    pub fn block() -> io::Result<()> {
        // SAFETY: the handler is a function of this program, of the kind asked for, there for ever.
        checked(unsafe { SetConsoleCtrlHandler(Some(on_console), 1) })
    }

    /// Starts the thread; it calls `tell` for each event that asks the supervisor to stop, with the number
    /// of the signal that it stands for.
    ///
    /// # Errors
    ///
    /// No thread can be had.
    pub fn start(tell: impl Fn(i32) + Send + 'static) -> io::Result<SignalWatch> {
        let (sender, events) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(String::from("signals"))
            .spawn(move || watch_events(&events, &tell))?;
        let mut listener = listener();
        if let Listener::Kept(kept) = &*listener {
            for &signal in kept {
                // The thread has just been started: it listens.
                let _ = sender.send(signal);
            }
        }
        *listener = Listener::Watch(sender);
        Ok(SignalWatch {
            thread: Some(thread),
        })
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        // The thread ends with the last sender.
        *listener() = Listener::Kept(Vec::new());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch_events(events: &mpsc::Receiver<i32>, tell: &dyn Fn(i32)) {
    // It ends with the last sender.
    while let Ok(signal) = events.recv() {
        tell(signal);
    }
}

/// Where private runtime folders are made: the user's own temporary folder. There is none in memory.
pub fn runtime_parent() -> RuntimeParent {
    RuntimeParent {
        path: std::env::temp_dir(),
        in_memory: false,
    }
}

/// The cores that this process may use, as far as the system says.
pub fn usable_cores() -> UsableCores {
    let all = std::thread::available_parallelism()
        .ok()
        .and_then(|n| u32::try_from(n.get()).ok())
        .unwrap_or(1);
    UsableCores::from_limits(all, None)
}

/// Memory that could be had now, in bytes, if the system says.
pub fn memory_available() -> Option<u64> {
    memory(sysinfo::System::available_memory)
}

/// Memory of this machine in bytes, if the system says.
pub fn memory_total() -> Option<u64> {
    memory(sysinfo::System::total_memory)
}

fn memory(figure: impl Fn(&sysinfo::System) -> u64) -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    Some(figure(&system)).filter(|&bytes| bytes > 0)
}

/// A folder has the access list of the folder it is in: that of the user's own, where a run is kept there.
///
/// # Errors
///
/// None.
pub fn make_private(_path: &std::path::Path) -> io::Result<()> {
    Ok(())
}

/// Whether two open files are one file. std cannot tell them apart here, and a file that is open cannot be
/// replaced under its user.
///
/// # Errors
///
/// None.
pub fn is_same_file(_one: &std::fs::File, _other: &std::fs::File) -> io::Result<bool> {
    Ok(true)
}
