//! Files that are there whole or not at all.
//!
//! The bytes go to a temporary name in the same folder, are synced, and take their name by a rename,
//! which POSIX makes atomic; then the folder is synced, so that the name survives a loss of power too.
//! A reader sees the old file or the new one. A symbolic link at the place is replaced, not followed. A
//! process that is killed meanwhile leaves its temporary file behind: the next one that holds the run's
//! lock sweeps it away ([`super::RunFolder::sweep`]).

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::disk::{Appending, Disk, DiskFile};

/// How the temporary names end.
pub(super) const TEMPORARY: &str = ".tmp";

/// Writes the file at `path` anew, readable by its owner alone; `fill` writes the content. On any error
/// the temporary file is removed and what was at `path` stays.
///
/// # Errors
///
/// Those of `fill`, and those of creating, syncing and renaming; each names the path.
pub fn write<T, E>(
    disk: &dyn Disk,
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<io::Error>,
{
    let (folder, name) = match (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) {
        (Some(folder), Some(name)) if folder != Path::new("") => (folder, name),
        (Some(_), Some(name)) => (Path::new("."), name),
        _ => {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file");
            return Err(at("write", path, error).into());
        }
    };
    let (mut temporary, file) =
        create(disk, folder, name).map_err(|error| at("write", path, error))?;
    let mut sink = Sink {
        inner: BufWriter::with_capacity(256 * 1024, Appending(&*file)),
        path,
    };
    let value = fill(&mut sink)?;
    sink.flush()?;
    drop(sink);
    // On Windows an open file cannot be renamed: it is closed first, and synced before that.
    file.sync_all().map_err(|error| at("sync", path, error))?;
    drop(file);
    disk.rename(&temporary.path, path)
        .map_err(|error| at("rename", path, error))?;
    temporary.renamed = true;
    disk.sync_folder(folder)
        .map_err(|error| at("sync the folder of", path, error))?;
    Ok(value)
}

/// What the user can do about an error of the system that met something in a run folder.
pub fn hint_of(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, then go on with `supervisor resume`: nothing recorded is lost".into()
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "choose a --run-dir in which you may write".into()
        }
        io::ErrorKind::InvalidFilename => "choose a --run-dir with a shorter name".into(),
        _ => "mend what the system complains of, then run again: nothing recorded is lost".into(),
    }
}

/// An error of the system with what was tried, and where.
pub(super) fn at(action: &str, path: &Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("failed to {action} {}: {error}", path.display()),
    )
}

fn create<'a>(
    disk: &'a dyn Disk,
    folder: &Path,
    name: &str,
) -> io::Result<(Temporary<'a>, Box<dyn DiskFile>)> {
    loop {
        let path = folder.join(format!(".{name}.{}{TEMPORARY}", super::random_hex(disk)));
        match disk.create_file(&path) {
            Ok(file) => {
                let temporary = Temporary {
                    disk,
                    path,
                    renamed: false,
                };
                return Ok((temporary, file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// A temporary file, removed when dropped unless it took its name.
struct Temporary<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    renamed: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing better can be done with an error here: the first one is already on its way.
            let _ = self.disk.remove_file(&self.path);
        }
    }
}

/// A writer whose errors name the file.
struct Sink<'a> {
    inner: BufWriter<Appending<'a>>,
    path: &'a Path,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner
            .write(bytes)
            .map_err(|error| at("write", self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner
            .flush()
            .map_err(|error| at("write", self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::disk::SystemDisk;
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_writer_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write(&SystemDisk, &path, |out| out.write_all(b"old")).expect("written");
        let failed: io::Result<()> = write(&SystemDisk, &path, |out| {
            out.write_all(&vec![b'x'; 1 << 20])?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(
            failed.expect_err("the writer's error").to_string(),
            "no more"
        );
        assert_eq!(fs::read(&path).expect("the file"), b"old");
        assert_eq!(names(folder.path()), ["file"]);
        write(&SystemDisk, &path, |out| out.write_all(b"new")).expect("written");
        assert_eq!(fs::read(&path).expect("the file"), b"new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_reader_in_the_middle_sees_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write(&SystemDisk, &path, |out| out.write_all(b"old")).expect("written");
        let seen = write(&SystemDisk, &path, |out| -> io::Result<Vec<u8>> {
            out.write_all(b"half of the new")?;
            out.flush()?;
            fs::read(&path)
        });
        assert_eq!(seen.expect("written"), b"old");
        assert_eq!(fs::read(&path).expect("the file"), b"half of the new");
    }

    #[test]
    fn a_place_that_is_taken_by_a_folder_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("taken");
        fs::create_dir(&path).expect("a folder");
        let error =
            write(&SystemDisk, &path, |out| out.write_all(b"new")).expect_err("a folder is there");
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_at_the_place_is_replaced_and_its_target_left_alone() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, b"theirs").expect("written");
        symlink(&target, &path).expect("a link");
        write(&SystemDisk, &path, |out| out.write_all(b"ours")).expect("written");
        assert_eq!(fs::read(&target).expect("the target"), b"theirs");
        let metadata = fs::symlink_metadata(&path).expect("metadata");
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}
