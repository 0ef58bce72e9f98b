//! A private folder for the sockets of handshakes.
//!
//! ipc-channel binds a socket in the temporary folder, with modes that follow the umask. We give it a
//! folder of our own, 0700, in memory where there is such a place, short enough for a socket's address
//! (ipc-channel cuts a longer one silently), and remove it at the end. Its name goes into the run folder's
//! lock, so that the next supervisor removes what a killed one left behind.

use std::io;
use std::path::{Path, PathBuf};

use fumehood::sys;

/// Every runtime folder's name begins so: nothing else is ever removed.
const PREFIX: &str = "fumehood-";

/// A socket's address holds 107 bytes; ipc-channel adds `/.tmpXXXXXX/socket`.
const LONGEST: usize = 80;

/// The folder; removed when dropped.
#[derive(Debug)]
pub struct RuntimeFolder {
    path: PathBuf,
}

/// There is no place for it.
#[derive(Debug, thiserror::Error)]
#[error("failed to make a private folder for sockets in {parent}: {error}")]
pub struct RuntimeError {
    /// The last place tried.
    parent: PathBuf,
    /// The system's reason.
    error: io::Error,
}

impl RuntimeError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(String::from(
            "set TMPDIR to a folder with room in it that you may write to, its path at most 55 bytes long",
        ))
    }
}

impl RuntimeFolder {
    /// Makes it, and sends every temporary file of this process there. `note` gets the path before the
    /// folder exists: a supervisor killed at any moment after that leaves its name behind.
    ///
    /// # Errors
    ///
    /// Neither the memory file system nor the temporary folder takes it, its path is too long for a
    /// socket, or `note` fails.
    pub fn create(
        mut note: impl FnMut(&Path) -> io::Result<()>,
    ) -> Result<RuntimeFolder, RuntimeError> {
        let parent = sys::runtime_parent();
        let mut tried = parent.path;
        let mut made = make_in(&tried, &mut note);
        if made.is_err() && parent.in_memory {
            tried = std::env::temp_dir();
            made = make_in(&tried, &mut note);
        }
        let path = made.map_err(|error| RuntimeError {
            parent: tried,
            error,
        })?;
        // Once a process: a second call keeps the first folder.
        let _ = tempfile::env::override_temp_dir(&path);
        Ok(RuntimeFolder { path })
    }
}

impl Drop for RuntimeFolder {
    fn drop(&mut self) {
        // What remains is what the next supervisor removes: its name is in the lock.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn make_in(parent: &Path, note: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let mut bytes = [0u8; 8];
    sys::fill_random(&mut bytes)?;
    let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = parent.join(format!("{PREFIX}{name}"));
    if path.as_os_str().len() > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is too long a path for a socket", path.display()),
        ));
    }
    note(&path)?;
    sys::create_private_dir(&path)?;
    match try_out(&path) {
        Ok(()) => Ok(path),
        Err(error) => {
            let _ = std::fs::remove_dir_all(&path);
            Err(error)
        }
    }
}

/// Whether there is room for what a handshake needs: a folder with a file in it. What ipc-channel cannot make
/// it panics for, and another place may have room.
fn try_out(path: &Path) -> io::Result<()> {
    let folder = path.join("room");
    std::fs::create_dir(&folder)?;
    std::fs::File::create(folder.join("socket"))?;
    std::fs::remove_dir_all(&folder)
}

/// Removes the folder that a killed supervisor left, if the path really is one of ours.
pub fn remove_stale(path: &Path) -> Option<PathBuf> {
    let ours = path
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(PREFIX));
    let plain = std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
    (ours && plain && std::fs::remove_dir_all(path).is_ok()).then(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_ours_are_removed() {
        let parent = tempfile::tempdir().expect("a temporary folder can be made");
        let stranger = parent.path().join("precious");
        let ours = parent.path().join("fumehood-abcdefgh");
        for folder in [&stranger, &ours] {
            std::fs::create_dir(folder).expect("a folder can be made");
        }
        assert_eq!(remove_stale(&stranger), None);
        assert!(stranger.is_dir());
        assert_eq!(remove_stale(&ours), Some(ours.clone()));
        assert!(!ours.exists());
        assert_eq!(remove_stale(&ours), None);
    }
}
