//! What a run leaves behind: its folder, its journal, and the files that are made from the journal.
//!
//! The *journal* is the truth. It is append-only JSON lines, in *segments*: one file for each supervisor
//! process that ran tasks of the run. A [`Record`] is one `write()` the moment an attempt is settled, so
//! a killed supervisor loses nothing that was settled; the sync to the disk is grouped. Everything else
//! that users read (`results.jsonl`, `summary.json`, `attempts.jsonl`) is *derived*: written from the
//! journal to a temporary name and renamed, so that each file is there whole or not at all.
//!
//! Words: a task is *terminal* when a record says how it ended for good. [`recover()`] reads all segments
//! and knows for each task how many attempts were made and where its terminal record is; a resume runs
//! the tasks that have none. Execution is at least once, recording exactly once.
//!
//! What this module must never do: change or drop a value that was recorded. A bad *tail* of a segment
//! is what a killed machine leaves, and is cut, with a note; damage before valid records is somebody
//! else's doing, and is refused with its offset. Nothing here starts a process. One thread exists, the
//! journal's, because a sync of a disk may take longer than a scheduler may wait. All files are reached through
//! a [`disk::Disk`], which may be a simulated one.

pub mod atomic;
pub mod derive;
pub mod disk;
mod entry;
#[cfg(test)]
mod fixtures;
mod folder;
mod journal;
mod line;
mod lock;
mod manifest;
mod reader;
mod recover;
mod scan;
mod segments;
mod sync;
mod syncs;
mod terminal;
#[cfg(test)]
mod troubles;

pub use entry::{Header, Position, Record};
pub use folder::{FolderError, RunFolder};
pub use journal::{Journal, JournalError};
pub use lock::{LockError, RunLock};
pub use manifest::{Machine, Manifest, ManifestError, StartChoice, Supervisor};
pub use reader::{ReadError, Reader};
pub use recover::{Note, RecoverError, Recovered, Repair, SecondTerminal, SegmentInfo, recover};
pub use segments::{SegmentError, SegmentStore};
pub use sync::Next;
pub use syncs::{Attendant, Syncs};
pub use terminal::{JsonText, Terminal, TerminalBody, attempt_cause};

/// The number of the format of journal, manifest and summary. A file with a greater one is refused; a
/// change of what is written under one number makes a new number, and the old one stays readable.
pub const SCHEMA: u32 = 1;

/// Eight hexadecimal digits that nobody else has: the part of a file name that keeps two writers apart. A name
/// that is taken all the same is no harm: files are created exclusively, and the next name is tried.
fn random_hex(disk: &dyn disk::Disk) -> String {
    format!("{:08x}", disk.unique())
}
