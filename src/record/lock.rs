//! One supervisor at a time in a run folder.
//!
//! The lock is the operating system's, on the file `lock`: it ends with its holder, however that ends,
//! so there is no stale lock. The file stays; its last line says who holds it, or held it last, and which
//! private folder for sockets that process keeps elsewhere (`runtime_dir`, on tmpfs). A holder that was
//! killed cannot remove that folder; the next one finds it by [`RunLock::stale_runtime_dir`].
//!
//! Order, so that no kill at any moment leaves a folder that nobody knows: remove the stale folder, then
//! [`RunLock::note_runtime_dir`] the new one, then make it. Until the new one is noted, the stale one
//! stays noted.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::atomic::{at, hint_of};
use super::disk::{Appending, Disk, DiskFile};
use super::line::{checked, seal};
use super::{JsonText, RunFolder};
use crate::ids::Pid;
use crate::sys;

/// Beyond this size the file is emptied before the next holder writes into it.
const LARGE: u64 = 64 * 1024;

/// A holder that is killed while it starts a program leaves its lock to that program, until the kernel, in the
/// middle of the exec, closes the copy of the descriptor. That is over in a moment.
const LINGERING: Duration = Duration::from_secs(1);

/// The lock of a run folder, held as long as this lives.
#[derive(Debug)]
pub struct RunLock {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    stale: Option<PathBuf>,
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the run folder {} is in use by {}", folder.display(), holder(*pid, host.as_deref()))]
    Held {
        /// The run folder.
        folder: PathBuf,
        /// The process, where the file says so.
        pid: Option<u32>,
        /// Its machine, likewise.
        host: Option<String>,
    },
    /// The file system has no locks.
    #[error("file locks do not work here: {0}")]
    Unlockable(io::Error),
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl LockError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            LockError::Held { .. } => {
                Some("wait for it to end, or choose another --run-dir".into())
            }
            LockError::Unlockable(_) => {
                Some("put the run folder on a file system that has file locks".into())
            }
            LockError::Io(error) => Some(hint_of(error)),
        }
    }
}

fn holder(pid: Option<u32>, host: Option<&str>) -> String {
    match (pid, host) {
        (Some(pid), Some(host)) => format!("process {pid} on {host}"),
        (Some(pid), None) => format!("process {pid}"),
        (None, _) => "another process".into(),
    }
}

/// A line of the file. As in the journal, its checksum tells a whole line from a torn one.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    runtime_dir: Option<PathBuf>,
}

impl RunLock {
    /// Takes the lock, without waiting for a holder that lives.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] when another process has it, [`LockError::Unlockable`] when the file system has no
    /// locks, [`LockError::Io`] when the file is no plain file or cannot be written.
    pub fn acquire(folder: &RunFolder) -> Result<RunLock, LockError> {
        let path = folder.lock();
        let disk = folder.disk();
        let file = open(disk, &path).map_err(|error| at("open", &path, error))?;
        let deadline = disk.now() + LINGERING;
        let (free, last) = loop {
            let free = file
                .lock()
                .map_err(|error| LockError::Unlockable(at("lock", &path, error)))?;
            let last = last_holder(disk, &path);
            let lingers = !free
                && last
                    .as_ref()
                    .is_ok_and(|last| last.as_ref().is_some_and(is_dead));
            if !lingers || disk.now() >= deadline {
                break (free, last);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if !free {
            let last = last.ok().flatten();
            return Err(LockError::Held {
                folder: folder.path().into(),
                pid: last.as_ref().map(|holder| holder.pid),
                host: last.map(|holder| holder.host),
            });
        }
        let stale = last
            .map_err(|error| at("read", &path, error))?
            .and_then(|holder| holder.runtime_dir);
        let mut lock = RunLock { file, path, stale };
        if lock.file.length().is_ok_and(|length| length > LARGE) {
            lock.file
                .empty()
                .map_err(|error| at("empty", &lock.path, error))?;
        }
        let stale = lock.stale.clone();
        lock.note(stale)?;
        Ok(lock)
    }

    /// The private folder that a killed holder has left, if any.
    pub fn stale_runtime_dir(&self) -> Option<PathBuf> {
        self.stale.clone()
    }

    /// Notes the private folder that this process is about to make.
    ///
    /// # Errors
    ///
    /// Those of writing the file.
    pub fn note_runtime_dir(&mut self, folder: &Path) -> io::Result<()> {
        self.note(Some(folder.into()))
    }

    /// Notes that there is no such folder any more: a holder that ends in order has removed its own.
    ///
    /// # Errors
    ///
    /// Those of writing the file.
    pub fn clear_runtime_dir(&mut self) -> io::Result<()> {
        self.note(None)
    }

    fn note(&mut self, runtime_dir: Option<PathBuf>) -> io::Result<()> {
        let holder = Holder {
            pid: std::process::id(),
            host: sys::hostname(),
            runtime_dir,
        };
        // A line begins on a line of its own even after a torn one.
        let mut line = b"\n".to_vec();
        line.extend(seal(JsonText::of(&holder).as_str().as_bytes().to_vec()));
        Appending(&*self.file)
            .write_all(&line)
            .map_err(|error| at("write", &self.path, error))
    }
}

/// Whether a holder is known to be over. One of another machine is not.
fn is_dead(holder: &Holder) -> bool {
    holder.host == sys::hostname() && !sys::is_alive(Pid(holder.pid))
}

/// Opens the lock file for appending, made first if it is not there.
fn open(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    match disk.create_file(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open_to_append(path),
        made => made,
    }
}

/// The last whole line of the file. On a platform whose locks keep readers out it cannot be read while
/// somebody holds it, which is an error here.
fn last_holder(disk: &dyn Disk, path: &Path) -> io::Result<Option<Holder>> {
    let file = disk.open_to_read(path)?;
    file.seek(file.length()?.saturating_sub(LARGE))?;
    let mut text = Vec::new();
    file.take(LARGE).read_to_end(&mut text)?;
    Ok(text
        .split(|&byte| byte == b'\n')
        .rev()
        .filter(|line| checked(line).is_some())
        .find_map(|line| serde_json::from_slice(line).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let above = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::create(&above.path().join("run")).expect("a run folder");
        (above, folder)
    }

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let (_above, folder) = folder();
        let first = RunLock::acquire(&folder).expect("free");
        match RunLock::acquire(&folder) {
            Err(LockError::Held { pid, host, .. }) => {
                assert_eq!(pid, Some(std::process::id()));
                assert_eq!(host, Some(sys::hostname()));
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        assert_eq!(
            RunLock::acquire(&folder)
                .expect("free again")
                .stale_runtime_dir(),
            None
        );
    }

    #[test]
    fn a_runtime_folder_stays_noted_until_another_takes_its_place() {
        let (_above, folder) = folder();
        let old = Path::new("/dev/shm/old");
        RunLock::acquire(&folder)
            .expect("free")
            .note_runtime_dir(old)
            .expect("noted");
        // Twice a holder is killed before it gets to removing the folder.
        for _ in 0..2 {
            let lock = RunLock::acquire(&folder).expect("free");
            assert_eq!(lock.stale_runtime_dir().as_deref(), Some(old));
        }
        let mut lock = RunLock::acquire(&folder).expect("free");
        lock.note_runtime_dir(Path::new("/dev/shm/new"))
            .expect("noted");
        lock.clear_runtime_dir().expect("noted");
        drop(lock);
        assert_eq!(
            RunLock::acquire(&folder).expect("free").stale_runtime_dir(),
            None
        );
    }

    #[test]
    fn a_torn_or_foreign_line_is_no_obstacle() {
        let (_above, folder) = folder();
        let old = Path::new("/dev/shm/old");
        RunLock::acquire(&folder)
            .expect("free")
            .note_runtime_dir(old)
            .expect("noted");
        let mut text = fs::read(folder.lock()).expect("the file");
        text.extend_from_slice(b"\n{\"pid\":12,\"ho");
        fs::write(folder.lock(), text).expect("written");
        let lock = RunLock::acquire(&folder).expect("free");
        assert_eq!(lock.stale_runtime_dir().as_deref(), Some(old));
    }

    #[test]
    fn a_thousand_holders_do_not_make_the_file_grow_for_ever() {
        let (_above, folder) = folder();
        for _ in 0..1000 {
            RunLock::acquire(&folder).expect("free");
        }
        let length = fs::metadata(folder.lock()).expect("the file").len();
        assert!(length <= LARGE + 1024, "{length} bytes");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_file_is_refused() {
        let (above, folder) = folder();
        let target = above.path().join("target");
        fs::write(&target, b"theirs").expect("written");
        std::os::unix::fs::symlink(&target, folder.lock()).expect("a link");
        assert!(matches!(RunLock::acquire(&folder), Err(LockError::Io(_))));
        assert_eq!(fs::read(&target).expect("the target"), b"theirs");
    }
}
