//! Writing the journal.
//!
//! Each supervisor process appends to a segment of its own, `journal/NNNNNN-xxxxxxxx.jsonl`: a running
//! number, so that segments sort in the order in which they were opened (the run's lock admits one
//! supervisor at a time), and a random part, so that folders of shards can be poured together. A segment
//! begins with a header that is durable before anything follows it. A record is one `write()`: a killed
//! process leaves whole records and at most one torn one at the end.
//!
//! The segment's own attendant, a thread, syncs it to the disk in groups ([`super::syncs`]). [`Journal::append`] never
//! waits for that; whoever shows something to the user first calls [`Journal::flush`]. An error of a write
//! or a sync is final: after a failed fsync nobody knows what is on the disk, and the kernel may report
//! the error only once, so no later success is believed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::atomic::{at, hint_of};
use super::disk::{Appending, Disk, DiskFile};
use super::entry::LONGEST_LINE;
use super::syncs::{Attendant, Syncs};
use super::{Header, Position, Record, RunFolder, random_hex};

/// Why something could not be recorded. Every one of them ends the run.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system said no.
    #[error("the journal failed: {0}")]
    Io(#[from] io::Error),
    /// It said no earlier, and nothing after that counts.
    #[error("the journal failed earlier: {0}")]
    Failed(String),
    /// The segment is no longer at its path: somebody moved or removed it during the run.
    #[error("the journal {0} is no longer there: it was moved or removed during the run")]
    Vanished(PathBuf),
    /// The record is longer than a line may be.
    #[error("a record of {0} bytes is too long for the journal")]
    TooLong(usize),
}

impl JournalError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            JournalError::Io(error) => Some(hint_of(error)),
            JournalError::Failed(_) => {
                Some("what was recorded before stays valid; go on with `supervisor resume`".into())
            }
            JournalError::Vanished(_) | JournalError::TooLong(_) => None,
        }
    }
}

/// The segment that this process writes.
#[derive(Debug)]
pub struct Journal {
    folder: RunFolder,
    path: PathBuf,
    name: String,
    file: Arc<dyn DiskFile>,
    seq: u64,
    offset: u64,
    /// The segment's place in the list of the [`super::Recovered`] it joined.
    number: u16,
    syncs: Arc<Syncs>,
    attendant: Box<dyn Attendant>,
}

impl Journal {
    /// Opens a new segment and makes its header durable. The caller holds the run's lock.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] with the path.
    pub fn create(folder: &RunFolder, header: Header) -> Result<Journal, JournalError> {
        let journal = folder.journal();
        let disk = folder.disk();
        let before = disk
            .names(&journal)
            .map_err(|error| at("read", &journal, error))?;
        let last = before
            .iter()
            .filter_map(|name| number_of(name.to_str()?))
            .max();
        let number = last.map_or(1, |last| last.saturating_add(1));
        let names = || format!("{number:06}-{}", random_hex(disk));
        let (name, path, file) = create_new(disk, &journal, names)?;
        let line = header.to_line(&name);
        Appending(&*file)
            .write_all(&line)
            .map_err(|error| at("write", &path, error))?;
        file.sync_all().map_err(|error| at("sync", &path, error))?;
        disk.sync_folder(&journal)
            .map_err(|error| at("sync", &journal, error))?;

        let file: Arc<dyn DiskFile> = file.into();
        let syncs = Arc::new(Syncs::new(Arc::clone(&file), &path));
        let attendant = disk.attend(&syncs)?;
        Ok(Journal {
            folder: folder.clone(),
            path,
            name,
            file,
            seq: 1,
            offset: line.len() as u64,
            number: 0,
            syncs,
            attendant,
        })
    }

    /// Appends a record. When this returns, the record survives the death of this process; it survives
    /// a loss of power after the next sync.
    ///
    /// # Errors
    ///
    /// [`JournalError`]; after the first one nothing is appended any more.
    pub fn append(&mut self, record: &Record) -> Result<Position, JournalError> {
        self.syncs.check()?;
        let line = record.to_line(self.seq, self.syncs.durable());
        let length = match u32::try_from(line.len()) {
            Ok(length) if line.len() <= LONGEST_LINE => length,
            _ => return Err(JournalError::TooLong(line.len())),
        };
        // One write; `write_all` goes on after an interruption or a short one.
        if let Err(error) = Segment(&*self.file).write_all(&line) {
            let error = at("write", &self.path, error);
            self.syncs.fail(&error);
            return Err(error.into());
        }
        let position = Position {
            segment: self.number,
            offset: self.offset,
            length,
        };
        self.seq += 1;
        self.offset += u64::from(length);
        self.syncs.appended(self.folder.disk().now());
        Ok(position)
    }

    /// Waits until everything appended so far is durable, and makes sure that it is where a resume will
    /// look for it.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when it is not durable and never will be.
    pub fn flush(&self) -> Result<(), JournalError> {
        let wanted = self.syncs.want_all();
        self.attendant.wait_for(&self.syncs, wanted)?;
        if self.file.is_at(&self.path) {
            Ok(())
        } else {
            Err(JournalError::Vanished(self.path.clone()))
        }
    }

    /// Number of records of this segment that are durable; it never waits.
    pub fn durable(&self) -> u64 {
        self.syncs.durable()
    }

    /// Number of records appended.
    pub fn appended(&self) -> u64 {
        self.seq - 1
    }

    /// The name of the segment's file, without its ending.
    pub fn segment(&self) -> &str {
        &self.name
    }

    pub(super) fn join(&mut self, number: u16) {
        self.number = number;
    }
}

/// Makes a segment's file under the first of these names that nobody has.
fn create_new(
    disk: &dyn Disk,
    journal: &Path,
    mut names: impl FnMut() -> String,
) -> io::Result<(String, PathBuf, Box<dyn DiskFile>)> {
    loop {
        let name = names();
        let path = journal.join(format!("{name}.jsonl"));
        match disk.create_file(&path) {
            Ok(file) => return Ok((name, path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(at("create", &path, error)),
        }
    }
}

impl Drop for Journal {
    /// The attendant, which goes right after this, syncs what is left. An error then has no one to go to: who
    /// needs to know calls [`Journal::flush`] first.
    fn drop(&mut self) {
        self.syncs.close();
    }
}

/// The file of a segment as a writer. A system may take fewer bytes than it is given; with the feature `fault`
/// it can be told to.
struct Segment<'a>(&'a dyn DiskFile);

impl Write for Segment<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg_attr(
            not(feature = "fault"),
            expect(unused_mut, reason = "a twist shortens it")
        )]
        let mut taken = bytes.len();
        crate::fail_point!("journal.write", |twist: crate::fault::Twist| {
            if twist.name == "short" {
                taken = bytes.len().div_ceil(2);
            }
        });
        self.0.append(&bytes[..taken])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The number at the beginning of the name of a segment's file.
pub(super) fn number_of(name: &str) -> Option<u32> {
    name.strip_suffix(".jsonl")?.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::disk::{SystemDisk, SystemFile};
    use super::super::fixtures::{ended, header, run_folder};
    use super::*;

    #[test]
    fn an_error_of_the_sync_reaches_every_later_call() {
        let (_above, folder) = run_folder();
        let mut journal = Journal::create(&folder, header(2)).expect("a journal");
        journal.append(&ended(0, 1)).expect("appended");
        journal.syncs.fail(&io::Error::other("the disk is gone"));
        for _ in 0..2 {
            assert!(matches!(journal.flush(), Err(JournalError::Failed(_))));
            let appended = journal.append(&ended(1, 1));
            assert!(
                matches!(appended, Err(JournalError::Failed(_))),
                "{appended:?}"
            );
        }
        assert_eq!(journal.appended(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_final_and_has_a_hint() {
        let (_above, folder) = run_folder();
        let mut journal = Journal::create(&folder, header(2)).expect("a journal");
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        let full = SystemFile(full.expect("a full disk"));
        let disk = std::mem::replace(&mut journal.file, Arc::new(full));
        let error = journal.append(&ended(0, 1)).expect_err("no space");
        assert!(
            matches!(&error, JournalError::Io(error) if error.kind() == io::ErrorKind::StorageFull)
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("space")));
        journal.file = disk;
        let later = journal.append(&ended(1, 1));
        assert!(matches!(later, Err(JournalError::Failed(_))), "{later:?}");
    }

    #[test]
    fn a_name_that_is_taken_is_passed_over_and_every_other_error_is_said() {
        let (_above, folder) = run_folder();
        let journal = folder.journal();
        fs::write(journal.join("a.jsonl"), b"theirs").expect("written");
        let mut names = ["a", "a", "b"].into_iter().map(String::from);
        let (name, path, _) =
            create_new(&SystemDisk, &journal, || names.next().expect("b is free"))
                .expect("b is free");
        assert_eq!((name.as_str(), path), ("b", journal.join("b.jsonl")));
        assert_eq!(fs::read(journal.join("a.jsonl")).expect("there"), b"theirs");
        let mut names = std::iter::once(String::from("c"));
        let error = create_new(&SystemDisk, &journal.join("nowhere"), || {
            names.next().expect("one name is tried")
        });
        assert!(error.is_err_and(|e| e.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn segments_sort_in_the_order_in_which_they_were_opened() {
        let (_above, folder) = run_folder();
        let names: Vec<String> = (0..12)
            .map(|_| {
                let journal = Journal::create(&folder, header(0)).expect("a journal");
                journal.segment().to_owned()
            })
            .collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(names[11].starts_with("000012-"), "{names:?}");
    }
}
