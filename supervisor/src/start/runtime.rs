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
    folder: tempfile::TempDir,
}

/// There is no place for it.
#[derive(Debug, thiserror::Error)]
#[error("failed to make a private folder for sockets: {0}")]
pub struct RuntimeError(#[source] io::Error);

impl RuntimeFolder {
    /// Makes it, and sends every temporary file of this process there.
    ///
    /// # Errors
    ///
    /// Neither the memory file system nor the temporary folder takes it, or its path is too long for a
    /// socket.
    pub fn create() -> Result<RuntimeFolder, RuntimeError> {
        let parent = sys::runtime_parent();
        let folder = make_in(&parent.path).or_else(|first| {
            if parent.in_memory {
                make_in(&std::env::temp_dir()).map_err(|_| first)
            } else {
                Err(first)
            }
        });
        let folder = folder.map_err(RuntimeError)?;
        // Once a process: a second call (another run in one process, in tests) keeps the first folder.
        let _ = tempfile::env::override_temp_dir(folder.path());
        Ok(RuntimeFolder { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn make_in(parent: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).rand_bytes(8);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    let folder = builder.tempdir_in(parent)?;
    if folder.path().as_os_str().len() > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is too long a path for a socket", folder.path().display()),
        ));
    }
    Ok(folder)
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
