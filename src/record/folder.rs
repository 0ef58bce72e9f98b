//! The folder of one run, and where in it things are.
//!
//! A run folder is private to its owner (0700, files 0600). What stands at its place already is never
//! followed or guessed at: a symbolic link and anything that is no folder are refused, and so is a folder
//! with content that no run left there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::RunLock;
use super::atomic::{TEMPORARY, at, hint_of};
use super::disk::{Disk, Kind, SystemDisk};

/// An existing run folder, and the disk it is on.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

/// Why a run folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A symbolic link is at the place.
    #[error("the run folder {0} is a symbolic link")]
    Link(PathBuf),
    /// A file, a pipe or a device is at the place.
    #[error("the run folder {0} is not a folder")]
    NotAFolder(PathBuf),
    /// A folder with other things in it.
    #[error("the folder {0} is not empty and holds no run")]
    NotARun(PathBuf),
    /// Nothing is at the place.
    #[error("there is no run folder {0}")]
    Missing(PathBuf),
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FolderError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            FolderError::Link(_) => Some("name the folder itself".into()),
            FolderError::NotAFolder(_) | FolderError::NotARun(_) => {
                Some("choose a new or an empty folder with --run-dir".into())
            }
            FolderError::Missing(_) => None,
            FolderError::Io(error) => Some(hint_of(error)),
        }
    }
}

impl RunFolder {
    /// Makes the run folder, with the folders above it. An empty folder and a run folder that is there
    /// already are taken as they are.
    ///
    /// # Errors
    ///
    /// [`FolderError`] when something else is at the place or the system says no.
    pub fn create(path: &Path) -> Result<RunFolder, FolderError> {
        RunFolder::create_on(Arc::new(SystemDisk), path)
    }

    /// [`RunFolder::create`] on a disk of one's own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create_on(disk: Arc<dyn Disk>, path: &Path) -> Result<RunFolder, FolderError> {
        let above = above(path);
        make_durably(&*disk, above)?;
        match disk.create_folder(path) {
            Ok(()) => disk
                .sync_folder(above)
                .map_err(|error| at("sync", above, error))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                check(&*disk, path)?;
                let content = disk.names(path).map_err(|error| at("read", path, error))?;
                if !is_run_on(&*disk, path) && !content.is_empty() {
                    return Err(FolderError::NotARun(path.into()));
                }
                disk.make_private(path)
                    .map_err(|error| at("make private", path, error))?;
                // Whoever made it may have been killed before it was durable.
                disk.sync_folder(above)
                    .map_err(|error| at("sync", above, error))?;
            }
            Err(error) => return Err(at("create", path, error).into()),
        }
        let folder = RunFolder {
            path: path.into(),
            disk,
        };
        folder.ensure(&folder.journal())?;
        Ok(folder)
    }

    /// The run folder at `path`.
    ///
    /// # Errors
    ///
    /// [`FolderError`] when there is none.
    pub fn open(path: &Path) -> Result<RunFolder, FolderError> {
        let disk = SystemDisk;
        check(&disk, path)?;
        if !is_run_on(&disk, path) {
            return Err(FolderError::NotARun(path.into()));
        }
        Ok(RunFolder {
            path: path.into(),
            disk: Arc::new(disk),
        })
    }

    /// Whether a run folder is at `path`: a folder, reached without a link, with a journal folder in it.
    pub fn is_run(path: &Path) -> bool {
        is_run_on(&SystemDisk, path)
    }

    /// The disk it is on.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the journal's segments.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The folder of the tables of enumerations.
    pub fn segments(&self) -> PathBuf {
        self.path.join("segments")
    }

    /// The folder of what workers wrote to their standard output and error.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The file of the lock.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// `manifest.json`.
    pub fn manifest(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    /// `spec.toml`.
    pub fn spec(&self) -> PathBuf {
        self.path.join("spec.toml")
    }

    /// `results.jsonl`.
    pub fn results(&self) -> PathBuf {
        self.path.join("results.jsonl")
    }

    /// `attempts.jsonl`.
    pub fn attempts(&self) -> PathBuf {
        self.path.join("attempts.jsonl")
    }

    /// `summary.json`.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// Makes a folder inside the run folder, private and durable, unless it is there.
    ///
    /// # Errors
    ///
    /// [`FolderError`] when something else is at the place or the system says no.
    pub fn ensure(&self, folder: &Path) -> Result<(), FolderError> {
        match self.disk.create_folder(folder) {
            Ok(()) => {
                self.disk
                    .sync_folder(&self.path)
                    .map_err(|error| at("sync", &self.path, error))?;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                check(&*self.disk, folder)
            }
            Err(error) => Err(at("create", folder, error).into()),
        }
    }

    /// Removes the temporary files that a killed process left, and makes durable which others there are. Only the
    /// holder of the lock may: anybody else's temporary file may be in use.
    ///
    /// # Errors
    ///
    /// Those of reading the folder and of removing.
    pub fn sweep(&self, _lock: &RunLock) -> io::Result<u32> {
        let mut removed = 0;
        for folder in [&self.path, &self.segments()] {
            let names = match self.disk.names(folder) {
                Ok(names) => names,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(at("read", folder, error)),
            };
            // A killed process may have given files their names without a sync. From here on they are built on.
            self.disk
                .sync_folder(folder)
                .map_err(|error| at("sync", folder, error))?;
            for name in names {
                let text = name.to_string_lossy();
                if text.starts_with('.') && text.ends_with(TEMPORARY) {
                    let path = folder.join(&name);
                    self.disk
                        .remove_file(&path)
                        .map_err(|error| at("remove", &path, error))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// The folder that a path is in.
fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes a folder and those above it, as far as they are not there, so that they survive a loss of power: what
/// is synced inside them is lost with their names.
fn make_durably(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    if disk.leads_to_folder(folder) {
        return Ok(());
    }
    let above = above(folder);
    make_durably(disk, above)?;
    match disk.create_folder_above(folder) {
        Ok(()) => disk
            .sync_folder(above)
            .map_err(|error| at("sync", above, error)),
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists && disk.leads_to_folder(folder) =>
        {
            Ok(())
        }
        Err(error) => Err(at("create", folder, error)),
    }
}

/// Whether a run folder is at `path`: a folder, reached without a link, with a journal folder in it.
fn is_run_on(disk: &dyn Disk, path: &Path) -> bool {
    let is_folder = |path: &Path| disk.kind(path).is_ok_and(|kind| kind == Kind::Folder);
    is_folder(path) && is_folder(&path.join("journal"))
}

/// That a folder, and no link to one, is at `path`.
fn check(disk: &dyn Disk, path: &Path) -> Result<(), FolderError> {
    let kind = match disk.kind(path) {
        Ok(kind) => kind,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FolderError::Missing(path.into()));
        }
        Err(error) => return Err(at("look at", path, error).into()),
    };
    match kind {
        Kind::Folder => Ok(()),
        Kind::Link => Err(FolderError::Link(path.into())),
        Kind::Other => Err(FolderError::NotAFolder(path.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixtures::run_folder;
    use super::*;

    #[test]
    fn a_run_folder_is_made_once_and_found_again() {
        let above = tempfile::tempdir().expect("a folder");
        let path = above.path().join("runs").join("one");
        assert!(matches!(
            RunFolder::open(&path),
            Err(FolderError::Missing(_))
        ));
        let made = RunFolder::create(&path).expect("made");
        assert!(RunFolder::is_run(&path));
        let found = RunFolder::open(&path).expect("found");
        assert_eq!(found.path(), made.path());
        let again = RunFolder::create(&path).expect("taken as it is");
        assert_eq!(again.path(), made.path());
    }

    #[test]
    fn what_is_no_run_is_refused_but_an_empty_folder_will_do() {
        let above = tempfile::tempdir().expect("a folder");
        let (file, full, empty) = (
            above.path().join("file"),
            above.path().join("full"),
            above.path().join("empty"),
        );
        fs::write(&file, b"theirs").expect("written");
        fs::create_dir(&full).expect("a folder");
        fs::write(full.join("thesis.tex"), b"theirs").expect("written");
        fs::create_dir(&empty).expect("a folder");
        assert!(matches!(
            RunFolder::create(&file),
            Err(FolderError::NotAFolder(_))
        ));
        assert!(matches!(
            RunFolder::create(&full),
            Err(FolderError::NotARun(_))
        ));
        assert!(!full.join("journal").exists());
        assert!(matches!(
            RunFolder::open(&empty),
            Err(FolderError::NotARun(_))
        ));
        RunFolder::create(&empty).expect("an empty folder");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused_and_the_folder_is_private() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (above, folder) = run_folder();
        let link = above.path().join("link");
        symlink(folder.path(), &link).expect("a link");
        assert!(matches!(RunFolder::open(&link), Err(FolderError::Link(_))));
        assert!(matches!(
            RunFolder::create(&link),
            Err(FolderError::Link(_))
        ));
        assert!(!RunFolder::is_run(&link));
        symlink(above.path(), folder.segments()).expect("a link");
        let ensured = folder.ensure(&folder.segments());
        assert!(matches!(ensured, Err(FolderError::Link(_))), "{ensured:?}");
        let adopted = above.path().join("adopted");
        fs::create_dir(&adopted).expect("a folder");
        RunFolder::create(&adopted).expect("an empty folder");
        for path in [folder.path(), &folder.journal(), &adopted] {
            let mode = fs::metadata(path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", path.display());
        }
    }

    #[test]
    fn temporary_files_are_swept_and_nothing_else() {
        let (_above, folder) = run_folder();
        let lock = RunLock::acquire(&folder).expect("free");
        folder.ensure(&folder.segments()).expect("made");
        let left = [
            folder.path().join(".results.jsonl.0a0b0c0d.tmp"),
            folder.segments().join(".0123456789abcdef.0a0b0c0d.tmp"),
        ];
        for path in &left {
            fs::write(path, b"half").expect("written");
        }
        fs::write(folder.results(), b"whole").expect("written");
        assert_eq!(folder.sweep(&lock).expect("swept"), 2);
        assert!(left.iter().all(|path| !path.exists()));
        assert!(folder.results().exists());
    }
}
