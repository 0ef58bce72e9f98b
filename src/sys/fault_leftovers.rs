//! What leaves something behind: changed settings, locks, harm to peers and to the parent.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, getppid};

use super::super::MappedFile;
use super::ignore_term;

/// Changes one thing of this process that outlives the task: `folder`, `umask`, `environment`, `limit`,
/// `mask`, `deaf` (to SIGTERM), `priority` or `locale`.
///
/// # Errors
///
/// The kernel refuses, or nothing is called so.
#[expect(
    unsafe_code,
    reason = "environment, priority and locale are process-wide state"
)]
pub fn change(what: &str) -> io::Result<()> {
    let done = |ok: bool| {
        if ok {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    match what {
        "folder" => std::env::set_current_dir("/"),
        "umask" => {
            umask(Mode::S_IRWXO);
            Ok(())
        }
        "environment" => {
            // SAFETY: a worker has one thread here.
            unsafe { std::env::set_var(MARK, "1") };
            Ok(())
        }
        "limit" => Ok(setrlimit(Resource::RLIMIT_NOFILE, 64, 64)?),
        "mask" => Ok(SigSet::from(Signal::SIGUSR1).thread_block()?),
        "deaf" => {
            ignore_term();
            Ok(())
        }
        // SAFETY: the call takes integers; 0 is the calling process.
        "priority" => done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 5) } == 0),
        // SAFETY: the name is a C string; a worker has one thread here.
        "locale" => done(!unsafe { libc::setlocale(libc::LC_ALL, c"C.UTF-8".as_ptr()) }.is_null()),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
}

/// The variable that [`change`] sets.
const MARK: &str = "FUMEHOOD_CHANGED";

/// What of this process is not as its parent has it, of all that [`change`] can change and of what a task
/// may leave running.
#[expect(unsafe_code, reason = "nix has neither getpriority nor setlocale")]
pub fn differences_to_parent() -> Vec<&'static str> {
    let parent = getppid();
    let read = |who: &str, file: &str| {
        std::fs::read_to_string(format!("/proc/{who}/{file}")).unwrap_or_default()
    };
    let line = |text: &str, key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key).map(str::trim).map(str::to_owned))
    };
    let (ours, theirs) = (read("self", "status"), read(&parent.to_string(), "status"));
    let open_files = |who: &str| line(&read(who, "limits"), "Max open files");
    let mask = |key: &str| line(&ours, key).and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    let term = 1 << (libc::SIGTERM - 1);
    // SAFETY: the call takes integers.
    let priority = |who: u32| unsafe { libc::getpriority(libc::PRIO_PROCESS, who) };
    // SAFETY: with a null second argument it changes nothing, and gives a C string of the library's own.
    let locale =
        unsafe { std::ffi::CStr::from_ptr(libc::setlocale(libc::LC_ALL, std::ptr::null())) };
    let link = |who: &str| std::fs::read_link(format!("/proc/{who}/cwd")).ok();
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let same = [
        ("folder", link("self") == link(&parent.to_string())),
        ("umask", line(&ours, "Umask:") == line(&theirs, "Umask:")),
        ("environment", std::env::var_os(MARK).is_none()),
        (
            "limit",
            open_files("self") == open_files(&parent.to_string()),
        ),
        ("mask", mask("SigBlk:") == Some(0)),
        (
            "deaf",
            mask("SigIgn:").is_some_and(|ignored| ignored & term == 0),
        ),
        (
            "priority",
            priority(0) == priority(parent.as_raw().cast_unsigned()),
        ),
        ("locale", locale == c"C"),
        ("threads", line(&ours, "Threads:").as_deref() == Some("1")),
        ("children", children.trim().is_empty()),
    ];
    let differs = same.into_iter().filter(|(_, same)| !same);
    differs.map(|(what, _)| what).collect()
}

/// Takes the lock on all records of a file, waiting for it, and holds it until the process is gone.
///
/// # Errors
///
/// The kernel refuses.
pub fn hold_record_lock(file: File) -> io::Result<()> {
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_SETLKW(&whole))?;
    std::mem::forget(file);
    Ok(())
}

/// Takes the one unit of a semaphore named after the working folder, waiting for it, and never gives it
/// back. Unlike a lock it is not freed by a death.
///
/// # Errors
///
/// The kernel refuses.
#[expect(unsafe_code, reason = "nix has no named semaphores")]
pub fn take_semaphore() -> io::Result<()> {
    let folder = std::env::current_dir()?;
    let name = format!("/{}", folder.to_string_lossy().replace('/', "-"));
    let name = std::ffi::CString::new(name)?;
    // SAFETY: the name is a C string; the mode and the value are what the flag O_CREAT asks for.
    let semaphore = unsafe { libc::sem_open(name.as_ptr(), libc::O_CREAT, 0o600, 1) };
    if semaphore == libc::SEM_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and never closed.
    if unsafe { libc::sem_wait(semaphore) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Writes to a map that is to be read only. Where it is, the process dies of it.
#[expect(unsafe_code, reason = "this is the fault")]
pub fn scribble(map: &MappedFile) {
    let first = map.as_ptr().cast_mut();
    // SAFETY: unsound on purpose: the page is mapped read-only, and the kernel ends the process before
    // anything is changed.
    unsafe { first.write_volatile(0) };
}

/// Kills another child of the parent: one that has stopped itself, for which it waits.
///
/// # Errors
///
/// There was none for ten seconds.
pub fn kill_stopped_peer() -> Result<(), String> {
    let parent = getppid();
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if let Some(peer) = stopped_child(parent) {
            return nix::sys::signal::kill(peer, Signal::SIGKILL).map_err(|e| e.to_string());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(String::from("no peer has stopped itself"))
}

fn stopped_child(parent: Pid) -> Option<Pid> {
    let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let is_stopped = |pid: &str| {
        let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
        Some(stat.rsplit_once(')')?.1.trim_start().starts_with('T'))
    };
    let stopped = list
        .split_whitespace()
        .find(|pid| is_stopped(pid) == Some(true))?;
    stopped.parse().ok().map(Pid::from_raw)
}

/// Kills the parent.
pub fn kill_parent() {
    let _ = nix::sys::signal::kill(getppid(), Signal::SIGKILL);
}
