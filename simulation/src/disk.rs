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
mod calls;
mod power;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fumehood::clock::Monotonic;
use fumehood::record::disk::DiskFile;

use self::attendant::SyncJob;
use self::calls::Open;
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
        self.look(path, |content| content.map(<[u8]>::to_vec))
    }

    /// Gives the content of a file to a reader, without a copy.
    pub fn look<T>(&self, path: &Path, look: impl FnOnce(Option<&[u8]>) -> T) -> T {
        let inner = self.lock();
        match inner.names.get(path) {
            Some(Node::File(file)) => look(Some(&inner.files[*file].content)),
            _ => look(None),
        }
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
        Box::new(Open::new(self, file))
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
