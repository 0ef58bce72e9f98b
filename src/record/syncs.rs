//! Syncing a segment beside its writer.
//!
//! A sync of a disk may take longer than a scheduler may wait, so somebody else does it: an [`Attendant`],
//! which is a thread on a real machine and the simulated clock in a simulation. What the two share is
//! [`Syncs`]: what is written, what of it is durable, and the first error, which is the last word. When to
//! sync is decided by [`super::sync::Window`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::JournalError;
use super::atomic::at;
use super::disk::DiskFile;
use super::sync::{Next, Window};
use crate::clock::Monotonic;
use crate::sys;

/// The state of the syncs of one segment.
#[derive(Debug)]
pub struct Syncs {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    window: Window,
    /// The first error, and the last word.
    failed: Option<String>,
    closing: bool,
}

/// Who syncs a segment. Dropping it makes durable what is left.
pub trait Attendant: fmt::Debug + Send {
    /// Waits until so many records of the segment are durable.
    ///
    /// # Errors
    ///
    /// [`JournalError::Failed`]: they are not, and never will be.
    fn wait_for(&self, syncs: &Syncs, records: u64) -> Result<(), JournalError>;
}

impl Syncs {
    pub(super) fn new(file: Arc<dyn DiskFile>, path: &Path) -> Syncs {
        Syncs {
            file,
            path: path.into(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The state is plain numbers, each step on it whole: a panic of the other side leaves it valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the segment is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to do now.
    pub fn next(&self, now: Monotonic) -> Next {
        self.lock().window.next(now)
    }

    /// A sync begins. Gives back how many records it covers.
    pub fn begin(&self) -> u64 {
        self.lock().window.begin()
    }

    /// Does what was begun to the file.
    ///
    /// # Errors
    ///
    /// The disk says no.
    pub fn sync_file(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The sync that covers so many records is over. An error is final: after a failed fsync nobody knows what
    /// is on the disk, and the kernel may report the error only once, so no later success is believed.
    pub fn end(&self, records: u64, synced: io::Result<()>) {
        let mut state = self.lock();
        match synced {
            Ok(()) => state.window.synced(records),
            Err(error) => state.failed = Some(at("sync", &self.path, error).to_string()),
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Number of records that are durable.
    pub fn durable(&self) -> u64 {
        self.lock().window.durable()
    }

    /// The first error.
    ///
    /// # Errors
    ///
    /// [`JournalError::Failed`], if there was one.
    pub fn check(&self) -> Result<(), JournalError> {
        match &self.lock().failed {
            Some(error) => Err(JournalError::Failed(error.clone())),
            None => Ok(()),
        }
    }

    /// A record was written.
    pub(super) fn appended(&self, now: Monotonic) {
        let is_news = self.lock().window.appended(now);
        if is_news {
            self.changed.notify_all();
        }
    }

    /// Nothing can be written any more.
    pub(super) fn fail(&self, error: &io::Error) {
        self.lock().failed = Some(error.to_string());
        self.changed.notify_all();
    }

    /// Somebody waits for all that is written. Gives back how much that is.
    pub(super) fn want_all(&self) -> u64 {
        let wanted = self.lock().window.want_all();
        self.changed.notify_all();
        wanted
    }

    /// Nothing more will be written.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.window.want_all();
        state.closing = true;
        drop(state);
        self.changed.notify_all();
    }
}

/// The stack of the sync thread, in bytes: it calls little.
const STACK: usize = 128 << 10;

/// A thread that syncs a segment.
#[derive(Debug)]
pub(super) struct SyncThread {
    /// `None` once it is joined.
    thread: Option<JoinHandle<()>>,
}

impl SyncThread {
    pub(super) fn start(syncs: Arc<Syncs>) -> io::Result<SyncThread> {
        let thread = thread::Builder::new()
            .name("journal".into())
            .stack_size(STACK)
            .spawn(move || live(&syncs, || syncs.sync_file()))?;
        Ok(SyncThread {
            thread: Some(thread),
        })
    }
}

impl Attendant for SyncThread {
    fn wait_for(&self, syncs: &Syncs, records: u64) -> Result<(), JournalError> {
        let mut state = syncs.lock();
        loop {
            if let Some(error) = &state.failed {
                return Err(JournalError::Failed(error.clone()));
            }
            if state.window.durable() >= records {
                return Ok(());
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return Err(JournalError::Failed("its thread has ended".into()));
            }
            // The limit is for the check above alone: a thread that has ended notifies nobody.
            let waited = syncs.changed.wait_timeout(state, Duration::from_secs(1));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for SyncThread {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The life of the sync thread. It ends when the journal closes and nothing is left to sync, or with the
/// first error.
fn live(syncs: &Syncs, sync: impl Fn() -> io::Result<()>) {
    let mut state = syncs.lock();
    while state.failed.is_none() {
        let now = sys::monotonic_now();
        match state.window.next(now) {
            Next::Rest if state.closing => return,
            Next::Rest => {
                state = syncs
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            Next::At(then) => {
                let waited = syncs.changed.wait_timeout(state, then.since(now));
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            Next::Now => {
                let covers = state.window.begin();
                drop(state);
                crate::fail_point!("supervisor.sync");
                let synced = sync();
                let is_over = synced.is_err();
                syncs.end(covers, synced);
                if is_over {
                    return;
                }
                state = syncs.lock();
            }
        }
    }
    drop(state);
    // A write failed, on a full disk perhaps. What was written before it is whole, and gets its chance;
    // nobody is told that it is durable.
    let _ = sync();
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::disk::{Disk, SystemDisk};
    use super::*;

    /// A closing segment with so many records to sync.
    fn closing(records: u64) -> (tempfile::TempDir, Syncs) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("segment");
        let file = SystemDisk.create_file(&path).expect("a file");
        let syncs = Syncs::new(file.into(), Path::new("segment"));
        for _ in 0..records {
            syncs.appended(Monotonic(0));
        }
        syncs.close();
        (folder, syncs)
    }

    #[test]
    fn a_closing_journal_syncs_what_is_left_once() {
        let (_folder, syncs) = closing(5);
        let times = Cell::new(0);
        live(&syncs, || {
            times.set(times.get() + 1);
            Ok(())
        });
        assert_eq!((times.get(), syncs.durable()), (1, 5));
    }

    #[test]
    fn a_failed_sync_is_not_tried_again() {
        let (_folder, syncs) = closing(5);
        let times = Cell::new(0);
        live(&syncs, || {
            times.set(times.get() + 1);
            Err(io::Error::other("the disk is gone"))
        });
        assert_eq!((times.get(), syncs.durable()), (1, 0));
        let error = syncs.check().expect_err("it failed").to_string();
        assert!(
            error.ends_with("failed to sync segment: the disk is gone"),
            "{error}"
        );
    }
}
