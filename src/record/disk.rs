//! What the record needs of the machine: a file system, and time.
//!
//! Everything that this module does to files goes through a [`Disk`], and a [`super::RunFolder`] knows which
//! one it is on. There is [`SystemDisk`]; and there is the simulation's, which lives in memory, loses its
//! power, forgets what was not synced, and whose clock is the simulation's own. So the code that is
//! simulated is the code that runs.
//!
//! What a disk must never do: call something durable that is not. A file's content is durable after
//! [`DiskFile::sync_data`], a name in a folder after [`Disk::sync_folder`], and neither before.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::syncs::{Attendant, SyncThread, Syncs};
use crate::clock::Monotonic;
use crate::sys;

/// A file system with a clock.
///
/// Each method's errors are those of the system; none of them follows a symbolic link at the last step of a path.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: the errors are the system's"
)]
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes a private file that was not there, to be appended to and read.
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a plain file, to be read.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a plain file that has no other name, to be appended to.
    fn open_to_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Cuts a plain file that has no other name to this length, durably.
    fn cut(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Makes the content of a plain file durable, whoever wrote it.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name in its folder, in the place of whatever has it. An open file keeps its content.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder that was not there, private.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder above a run folder: it is the user's, and as private as the user's are.
    fn create_folder_above(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder private that is there.
    fn make_private(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// The names in a folder, in no order.
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>>;
    /// What is at a place.
    fn kind(&self, path: &Path) -> io::Result<Kind>;
    /// Whether a folder is at a place, or a link to one.
    fn leads_to_folder(&self, path: &Path) -> bool;
    /// A number that nobody else is likely to have: the part of a file's name that keeps two writers apart.
    fn unique(&self) -> u32;
    /// Now, on this disk's clock.
    fn now(&self) -> Monotonic;
    /// Has somebody sync a segment beside its writer.
    fn attend(&self, syncs: &Arc<Syncs>) -> io::Result<Box<dyn Attendant>>;
}

/// What is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
    /// A file, a pipe, a device.
    Other,
}

/// An open file.
///
/// Each method's errors are those of the system.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: the errors are the system's"
)]
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Appends some of these bytes; how many.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Reads on from where the last read ended.
    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// The next read begins there.
    fn seek(&self, to: u64) -> io::Result<()>;
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Where the hole begins with which it ends, if it does; reading begins at its beginning then.
    fn hole_at_end(&self) -> io::Result<Option<u64>>;
    /// Forgets its content.
    fn empty(&self) -> io::Result<()>;
    /// Makes its content durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes its content and its attributes durable.
    fn sync_all(&self) -> io::Result<()>;
    /// Whether it, and no other file, is at this place.
    fn is_at(&self, path: &Path) -> bool;
    /// Takes its lock, without waiting, until it is dropped; `false` = somebody else has it.
    fn lock(&self) -> io::Result<bool>;
}

impl Read for Box<dyn DiskFile> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_on(buffer)
    }
}

/// A file as a writer.
#[derive(Debug)]
pub struct Appending<'a>(pub &'a dyn DiskFile);

impl Write for Appending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file systems of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SystemFile(sys::open_private_new(path)?)))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SystemFile(sys::open_no_follow(path)?)))
    }

    fn open_to_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = open_as(path, OpenOptions::new().append(true))?;
        refuse_other_names(&file)?;
        Ok(Box::new(SystemFile(file)))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = open_as(path, OpenOptions::new().write(true))?;
        refuse_other_names(&file)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        // Windows syncs only what may be written.
        open_as(path, OpenOptions::new().append(true))?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // A file system over a network may be interrupted by a signal in it; std tries again for a write, not
        // for this.
        loop {
            match fs::rename(from, to) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        sys::create_private_dir(path)
    }

    fn create_folder_above(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn make_private(&self, folder: &Path) -> io::Result<()> {
        sys::make_private(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        sys::sync_dir(folder)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let found = fs::symlink_metadata(path)?;
        Ok(if found.is_symlink() {
            Kind::Link
        } else if found.is_dir() {
            Kind::Folder
        } else {
            Kind::Other
        })
    }

    fn leads_to_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    /// It comes from the keys that the standard library draws from the system for its hash maps.
    fn unique(&self) -> u32 {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0u8) as u32
    }

    fn now(&self) -> Monotonic {
        sys::monotonic_now()
    }

    fn attend(&self, syncs: &Arc<Syncs>) -> io::Result<Box<dyn Attendant>> {
        Ok(Box::new(SyncThread::start(Arc::clone(syncs))?))
    }
}

/// Opens a plain file to be written. What is at the place is looked at without following a link, and must be the very
/// file that is opened.
fn open_as(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let seen = sys::open_no_follow(path)?;
    let file = options.open(path)?;
    if !sys::is_same_file(&seen, &file)? {
        return Err(io::Error::other("it was replaced while it was opened"));
    }
    Ok(file)
}

/// Refuses a file that is about to be changed in place and has another name too: whoever made the hard link means
/// something by the other name.
fn refuse_other_names(file: &File) -> io::Result<()> {
    if sys::has_other_names(file)? {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a hard link: another name would see the change",
        ));
    }
    Ok(())
}

/// An open file of this machine.
#[derive(Debug)]
pub(super) struct SystemFile(pub(super) File);

impl DiskFile for SystemFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    fn seek(&self, to: u64) -> io::Result<()> {
        (&self.0).seek(SeekFrom::Start(to)).map(drop)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn hole_at_end(&self) -> io::Result<Option<u64>> {
        sys::hole_at_end(&self.0)
    }

    fn empty(&self) -> io::Result<()> {
        self.0.set_len(0)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn is_at(&self, path: &Path) -> bool {
        sys::open_no_follow(path)
            .and_then(|there| sys::is_same_file(&there, &self.0))
            .unwrap_or(false)
    }

    fn lock(&self) -> io::Result<bool> {
        sys::lock_file(&self.0)
    }
}
