//! A disk in memory that does what real ones do to those who trust them.
//!
//! What a process sees is one thing, what is durable another. A file's bytes are durable up to its last sync;
//! a name made, changed or removed is durable after a sync of its folder. When the power goes
//! ([`SimulatedDisk::lose_power`]) the rest is torn: of the unsynced bytes any subset of pages came, of the
//! unsynced names any subset, and a page that did not come reads as zeros if one behind it did. When a process is
//! killed, what it wrote stays; nothing of it happens any more ([`SimulatedDisk::kill`], or, in the middle of a
//! call, [`SimulatedDisk::die_at_call`]).
//!
//! Each process has a handle of its own ([`SimulatedDisk::for_process`]); handles and files of a dead process do
//! nothing but fail. A disk can be told to refuse the next call of a kind ([`Refusal`]), and to be slow.
//!
//! It is true to POSIX where that is weakest, with two exceptions. A failed sync leaves its data to be synced by
//! the next one (as XFS does; ext4 may call such pages clean). And the end of a file is never beyond what was
//! written to it.

mod attendant;
mod power;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::record::disk::{Disk, DiskFile, Kind};
use fumehood::record::{Attendant, Syncs};

use self::attendant::SyncJob;
use crate::draws::Draws;

/// A call that is refused once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An append finds no space.
    Full,
    /// An append fails half way: so much of it is written as a draw says.
    WriteFails,
    /// An append takes a part of what it is given, which is no error.
    Short,
    /// An append is interrupted before it did anything, which is no error either.
    Interrupted,
    /// A sync of a file fails.
    SyncFails,
    /// No file can be made.
    NoNewFiles,
    /// A file cannot be renamed.
    NoRename,
    /// A folder cannot be synced.
    FolderSyncFails,
    /// A file cannot be opened to be read: no descriptor is left.
    NoDescriptors,
}

/// A line that was appended to a file of the journal.
#[derive(Clone, Debug)]
pub struct Written {
    /// The name of the file.
    pub segment: String,
    /// Bytes before it.
    pub offset: u64,
    /// The line, newline included.
    pub line: Vec<u8>,
}

/// One process's way to the disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    inner: Arc<Mutex<Inner>>,
    process: u32,
}

#[derive(Debug)]
struct Inner {
    now: Monotonic,
    draws: Draws,
    files: Vec<File>,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    /// Changes of names since the last sync of their folder.
    changes: Vec<Change>,
    /// The process that lives; handles of others are dead.
    process: u32,
    is_dead: bool,
    /// The process dies at the call that counts this down to zero.
    dies_in: Option<u64>,
    refusals: Vec<Refusal>,
    refused: u32,
    slow_until: Monotonic,
    job: Option<SyncJob>,
    /// So many records of the last segment were called durable, in the end.
    claimed: u64,
    written: Vec<Written>,
}

/// A file without its names.
#[derive(Clone, Debug, Default)]
struct File {
    content: Vec<u8>,
    /// So many of its bytes are durable.
    durable: usize,
    /// The line that is being appended, where it is a part of the journal.
    line_from: usize,
    locked_by: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

/// A change of names that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Made(PathBuf, Node),
    Renamed(PathBuf, PathBuf, Node),
    Removed(PathBuf),
}

impl Change {
    fn folder(&self) -> &Path {
        match self {
            Change::Made(path, _) | Change::Renamed(_, path, _) | Change::Removed(path) => {
                parent(path)
            }
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Change::Made(path, node) => {
                names.insert(path.clone(), *node);
            }
            Change::Renamed(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
            Change::Removed(path) => {
                names.remove(path);
            }
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

impl SimulatedDisk {
    /// An empty disk with one durable folder of a user's.
    pub fn new(draws: Draws) -> SimulatedDisk {
        let folders = ["/", "/home", "/home/user"];
        let root: BTreeMap<PathBuf, Node> = folders
            .into_iter()
            .map(|path| (PathBuf::from(path), Node::Folder))
            .collect();
        let inner = Inner {
            now: Monotonic(0),
            draws,
            files: Vec::new(),
            names: root.clone(),
            durable_names: root,
            changes: Vec::new(),
            process: 0,
            is_dead: true,
            dies_in: None,
            refusals: Vec::new(),
            refused: 0,
            slow_until: Monotonic(0),
            job: None,
            claimed: 0,
            written: Vec::new(),
        };
        SimulatedDisk {
            inner: Arc::new(Mutex::new(inner)),
            process: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle for a new process; every earlier one is dead.
    pub fn for_process(&self) -> SimulatedDisk {
        let mut inner = self.lock();
        inner.process += 1;
        inner.is_dead = false;
        inner.refusals.clear();
        inner.refused = 0;
        inner.job = None;
        inner.claimed = 0;
        SimulatedDisk {
            inner: Arc::clone(&self.inner),
            process: inner.process,
        }
    }

    /// The process is no more: nothing that it still tries happens.
    pub fn kill(&self) {
        let mut inner = self.lock();
        inner.is_dead = true;
        inner.dies_in = None;
    }

    /// The process, or the next one, dies at so many calls from now, which may still be done, or not.
    pub fn die_at_call(&self, calls: u64) {
        self.lock().dies_in = Some(calls.max(1));
    }

    /// Whether the process is dead.
    pub fn is_dead(&self) -> bool {
        let inner = self.lock();
        inner.is_dead || inner.process != self.process
    }

    /// The next call of its kind is refused.
    pub fn refuse(&self, refusal: Refusal) {
        self.lock().refusals.push(refusal);
    }

    /// How many calls of this process were refused.
    pub fn refused(&self) -> u32 {
        self.lock().refused
    }

    /// Syncs take long until then.
    pub fn be_slow_until(&self, then: Monotonic) {
        self.lock().slow_until = then;
    }

    /// Time passes; syncs end and begin meanwhile.
    pub fn advance(&self, to: Monotonic) {
        while let Some(at) = self.next_event()
            && at <= to
        {
            self.set_time(at);
            self.sync_step();
        }
        self.set_time(to);
    }

    fn set_time(&self, to: Monotonic) {
        let mut inner = self.lock();
        inner.now = inner.now.max(to);
    }

    /// The lines of the journal that were written since this was last asked.
    pub fn take_written(&self) -> Vec<Written> {
        std::mem::take(&mut self.lock().written)
    }

    /// What a file holds, as a process sees it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let inner = self.lock();
        match inner.names.get(path) {
            Some(Node::File(file)) => Some(inner.files[*file].content.clone()),
            _ => None,
        }
    }

    /// Gives the content of a file to a reader, without a copy.
    pub fn look<T>(&self, path: &Path, look: impl FnOnce(Option<&[u8]>) -> T) -> T {
        let inner = self.lock();
        match inner.names.get(path) {
            Some(Node::File(file)) => look(Some(&inner.files[*file].content)),
            _ => look(None),
        }
    }

    /// Every name, as a process sees it.
    pub fn all_names(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    /// Makes a file as somebody else would, durably: for tests and fuzz targets.
    pub fn place(&self, path: &Path, content: Vec<u8>) {
        let mut inner = self.lock();
        let durable = content.len();
        inner.files.push(File {
            content,
            durable,
            ..File::default()
        });
        let node = Node::File(inner.files.len() - 1);
        inner.names.insert(path.to_owned(), node);
        inner.durable_names.insert(path.to_owned(), node);
    }

    /// A call that changes the disk. `act` is done, or not, if the process dies at it.
    fn change<T>(
        &self,
        kinds: &[Refusal],
        act: impl FnOnce(&mut Inner, Option<Refusal>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut inner = self.lock();
        inner.check(self.process)?;
        if let Some(left) = &mut inner.dies_in {
            *left -= 1;
            if *left == 0 {
                inner.dies_in = None;
                inner.is_dead = true;
                if inner.draws.percent(50) {
                    let _ = act(&mut inner, None);
                }
                return Err(dead());
            }
        }
        let at = inner.refusals.iter().position(|r| kinds.contains(r));
        let refusal = at.map(|at| inner.refusals.remove(at));
        inner.refused += u32::from(refusal.is_some());
        act(&mut inner, refusal)
    }

    fn opened(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(Open {
            disk: self.clone(),
            file,
            at: Mutex::new(0),
        })
    }
}

impl Inner {
    fn check(&self, process: u32) -> io::Result<()> {
        if self.is_dead || self.process != process {
            return Err(dead());
        }
        Ok(())
    }

    fn file_at(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Folder) => Err(io::Error::new(io::ErrorKind::InvalidInput, "a folder")),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn make(&mut self, path: &Path, node: Node) -> io::Result<()> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if self.names.get(parent(path)) != Some(&Node::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.put(Change::Made(path.to_owned(), node));
        Ok(())
    }

    fn put(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        self.make(path, Node::Folder)
    }

    fn sync(&mut self, file: usize) {
        // A sync that takes its time covers what was there when it began.
        let on_its_way = self.job.as_ref().and_then(SyncJob::covers);
        let upto = on_its_way
            .filter(|(path, _)| self.names.get(*path) == Some(&Node::File(file)))
            .map(|(_, bytes)| bytes);
        let file = &mut self.files[file];
        let length = upto.map_or(file.content.len(), |bytes| bytes.min(file.content.len()));
        file.durable = file.durable.max(length);
    }
}

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

fn failed() -> io::Error {
    io::Error::other("input/output error")
}

impl Disk for SimulatedDisk {
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.change(&[Refusal::NoNewFiles], |inner, refusal| {
            if refusal.is_some() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = inner.files.len();
            inner.make(path, Node::File(file))?;
            inner.files.push(File::default());
            Ok(file)
        })?;
        Ok(self.opened(file))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock();
        inner.check(self.process)?;
        let refusal = inner
            .refusals
            .iter()
            .position(|refusal| *refusal == Refusal::NoDescriptors);
        if let Some(at) = refusal {
            inner.refusals.remove(at);
            inner.refused += 1;
            return Err(io::Error::other("too many open files"));
        }
        let file = inner.file_at(path)?;
        drop(inner);
        Ok(self.opened(file))
    }

    fn open_to_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.lock();
        inner.check(self.process)?;
        let file = inner.file_at(path)?;
        drop(inner);
        Ok(self.opened(file))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.change(&[Refusal::SyncFails], |inner, refusal| {
            let file = inner.file_at(path)?;
            let file = &mut inner.files[file];
            file.content.truncate(length as usize);
            file.line_from = file.content.len();
            if refusal.is_some() {
                return Err(failed());
            }
            file.durable = file.content.len();
            Ok(())
        })
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.change(&[Refusal::SyncFails], |inner, refusal| {
            let file = inner.file_at(path)?;
            if refusal.is_some() {
                return Err(failed());
            }
            inner.sync(file);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(&[Refusal::NoRename], |inner, refusal| {
            if refusal.is_some() {
                return Err(failed());
            }
            let file = inner.file_at(from)?;
            inner.put(Change::Renamed(
                from.to_owned(),
                to.to_owned(),
                Node::File(file),
            ));
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(&[], |inner, _| {
            inner.file_at(path)?;
            inner.put(Change::Removed(path.to_owned()));
            Ok(())
        })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.change(&[], |inner, _| inner.make_folder(path))
    }

    fn create_folder_above(&self, path: &Path) -> io::Result<()> {
        self.create_folder(path)
    }

    fn make_private(&self, _folder: &Path) -> io::Result<()> {
        self.lock().check(self.process)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.change(&[Refusal::FolderSyncFails], |inner, refusal| {
            if refusal.is_some() {
                return Err(failed());
            }
            let changes = std::mem::take(&mut inner.changes);
            let (now, later): (Vec<Change>, Vec<Change>) = changes
                .into_iter()
                .partition(|change| change.folder() == folder);
            now.iter()
                .for_each(|change| change.apply(&mut inner.durable_names));
            inner.changes = later;
            Ok(())
        })
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let inner = self.lock();
        inner.check(self.process)?;
        if inner.names.get(folder) != Some(&Node::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = inner
            .names
            .keys()
            .filter(|path| path.parent() == Some(folder));
        Ok(inside
            .filter_map(|path| path.file_name().map(OsString::from))
            .collect())
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let inner = self.lock();
        inner.check(self.process)?;
        match inner.names.get(path) {
            Some(Node::Folder) => Ok(Kind::Folder),
            Some(Node::File(_)) => Ok(Kind::Other),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn leads_to_folder(&self, path: &Path) -> bool {
        self.kind(path).is_ok_and(|kind| kind == Kind::Folder)
    }

    fn unique(&self) -> u32 {
        self.lock().draws.bits() as u32
    }

    fn now(&self) -> Monotonic {
        self.lock().now
    }

    fn attend(&self, syncs: &Arc<Syncs>) -> io::Result<Box<dyn Attendant>> {
        self.lock().check(self.process)?;
        Ok(self.attended(syncs))
    }
}

/// An open file of a process.
#[derive(Debug)]
struct Open {
    disk: SimulatedDisk,
    file: usize,
    at: Mutex<usize>,
}

impl Open {
    fn place(&self) -> MutexGuard<'_, usize> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for Open {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        use Refusal::{Full, Interrupted, Short, WriteFails};
        self.disk
            .change(&[Full, WriteFails, Short, Interrupted], |inner, refusal| {
                let some = inner.draws.below(bytes.len() as u64 + 1) as usize;
                // Dying in the middle of a write leaves a part of it.
                let taken = match refusal {
                    None if inner.is_dead => some,
                    None => bytes.len(),
                    Some(Full | WriteFails) => some,
                    Some(Interrupted) => return Err(io::ErrorKind::Interrupted.into()),
                    Some(_) => some.clamp(1, bytes.len()),
                };
                inner.append(self.file, &bytes[..taken]);
                match refusal {
                    Some(Full) => Err(io::ErrorKind::StorageFull.into()),
                    Some(WriteFails) => Err(failed()),
                    _ => Ok(taken),
                }
            })
    }

    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = self.disk.lock();
        inner.check(self.disk.process)?;
        let mut at = self.place();
        let content = &inner.files[self.file].content;
        let rest = content.get(*at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        *at += read;
        Ok(read)
    }

    fn seek(&self, to: u64) -> io::Result<()> {
        *self.place() = to as usize;
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let inner = self.disk.lock();
        inner.check(self.disk.process)?;
        Ok(inner.files[self.file].content.len() as u64)
    }

    fn hole_at_end(&self) -> io::Result<Option<u64>> {
        *self.place() = 0;
        Ok(None)
    }

    fn empty(&self) -> io::Result<()> {
        self.disk.change(&[], |inner, _| {
            inner.files[self.file] = File {
                locked_by: inner.files[self.file].locked_by,
                ..File::default()
            };
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change(&[Refusal::SyncFails], |inner, refusal| {
            if refusal.is_some() {
                return Err(failed());
            }
            inner.sync(self.file);
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_at(&self, path: &Path) -> bool {
        let inner = self.disk.lock();
        inner.names.get(path) == Some(&Node::File(self.file))
    }

    fn lock(&self) -> io::Result<bool> {
        let mut inner = self.disk.lock();
        inner.check(self.disk.process)?;
        let process = inner.process;
        let holder = &mut inner.files[self.file].locked_by;
        let is_free = holder.is_none_or(|holder| holder <= process);
        if is_free {
            *holder = Some(process);
        }
        Ok(is_free)
    }
}

impl Inner {
    fn append(&mut self, file: usize, bytes: &[u8]) {
        let content = &mut self.files[file].content;
        content.extend_from_slice(bytes);
        if !bytes.ends_with(b"\n") {
            return;
        }
        let File {
            content, line_from, ..
        } = &mut self.files[file];
        let from = std::mem::replace(line_from, content.len());
        let line = content[from..].to_vec();
        let segment = self.names.iter().find_map(|(path, node)| {
            let is_it = *node == Node::File(file) && parent(path).ends_with("journal");
            is_it.then(|| {
                path.file_name()
                    .map(|name| name.to_string_lossy().into_owned())
            })?
        });
        if let Some(segment) = segment {
            self.written.push(Written {
                segment,
                offset: from as u64,
                line,
            });
        }
    }
}

/// How long a sync takes.
fn sync_span(draws: &mut Draws, is_slow: bool) -> Duration {
    let (shortest, longest) = if is_slow { (50, 4_000) } else { (0, 8) };
    draws.span(
        Duration::from_micros(70) + Duration::from_millis(shortest),
        Duration::from_millis(longest),
    )
}
