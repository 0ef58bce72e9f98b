//! Reading the journal of a run: which tasks are done, which are not, and what is wrong.
//!
//! All segments are read in the order in which they were opened. A bad tail is reported and, by the
//! holder of the run's lock, cut; damage before valid records, a sequence with a gap, a second end of one
//! task are refused, with segment and offset: nobody can say what was there. Of each task 24 bytes are
//! kept, whatever its result is; the results stay in the journal and are read again where needed.
//!
//! A gap of zeros before valid records is what a loss of power leaves of writes that were on their way to the
//! disk, if they arrived out of order. It is accepted, and said, where the segment itself shows that nobody
//! was told of the lost records: each record says how many before it were durable when it was written
//! (`synced`), and no later one may count a lost one. Everything else before valid records is damage.

#[cfg(test)]
mod tests;
mod trouble;

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use trouble::{Note, RecoverError};

use super::atomic::at;
use super::disk::Disk;
use super::entry::HeaderLine;
use super::journal::number_of;
use super::scan::{End, Line, scan};
use super::{Journal, Position, Record, RunFolder, RunLock, SCHEMA};
use crate::experiment::plan::PlanDigest;
use crate::experiment::{AttemptOutcome, OutcomeKind};
use crate::ids::TaskIndex;

/// A segment without a header is one whose first write was torn: it is short. A longer file without one
/// is not ours to remove.
const LONGEST_TORN_HEADER: u64 = 64 * 1024;

/// Whether what a killed machine left may be repaired.
#[derive(Clone, Copy, Debug)]
pub enum Repair<'a> {
    /// Only report it: somebody else may be writing.
    Report,
    /// Cut bad tails, remove segments without a header, and make durable what is left. Only the holder of the lock
    /// may.
    Cut(&'a RunLock),
}

/// A segment of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The name of its file.
    pub name: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// Number of its records.
    pub records: u64,
}

/// A task that is terminal already got a second terminal record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a second terminal record for task {0}")]
pub struct SecondTerminal(pub TaskIndex);

/// What is known of one task.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    offset: u64,
    /// 0: there is no terminal record.
    length: u32,
    attempts: u32,
    segment: u16,
    crashes: u16,
    state: Option<OutcomeKind>,
}

/// What a journal says about each task. [`recover`] makes it; a supervisor keeps it up to date with
/// [`Recovered::learn`] while it runs, so that the derived files need no second reading.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    slots: Vec<Slot>,
    segments: Vec<SegmentInfo>,
    notes: Vec<Note>,
    plan_digest: Option<String>,
}

impl Recovered {
    /// The highest attempt number recorded for a task; 0 when there was none. The next attempt is the
    /// one after it.
    pub fn attempts(&self, task: TaskIndex) -> u32 {
        self.slot(task).attempts
    }

    /// How many attempts of a task ended `crashed` or `oom`: those that `--retries` counts.
    pub fn crashes(&self, task: TaskIndex) -> u32 {
        self.slot(task).crashes.into()
    }

    /// Where a task's terminal record is.
    pub fn terminal(&self, task: TaskIndex) -> Option<Position> {
        let slot = self.slot(task);
        (slot.length != 0).then_some(Position {
            segment: slot.segment,
            offset: slot.offset,
            length: slot.length,
        })
    }

    /// How a task ended for good, if it did.
    pub fn state(&self, task: TaskIndex) -> Option<OutcomeKind> {
        self.slot(task).state
    }

    /// What was wrong and did no harm.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The segments, in order; [`Position::segment`] counts them.
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.segments
    }

    /// The digest of the plan, in hexadecimal, once there is a segment.
    pub fn plan_digest(&self) -> Option<&str> {
        self.plan_digest.as_deref()
    }

    /// Takes the segment that this process has opened into the list, so that the positions which the
    /// journal gives from now on count it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::QuotaExceeded`] with the 65,536th segment.
    pub fn join(&mut self, journal: &mut Journal) -> io::Result<()> {
        let number = u16::try_from(self.segments.len()).map_err(|_| too_many())?;
        journal.join(number);
        self.segments.push(SegmentInfo {
            name: format!("{}.jsonl", journal.segment()),
            version: env!("CARGO_PKG_VERSION").into(),
            records: journal.appended(),
        });
        Ok(())
    }

    /// Takes a record that was just appended into account.
    ///
    /// # Errors
    ///
    /// [`SecondTerminal`]; the record is then not taken in.
    pub fn learn(&mut self, record: &Record, position: Position) -> Result<(), SecondTerminal> {
        let what = match record {
            Record::Attempt {
                attempt, terminal, ..
            } => What::Attempt {
                number: attempt.attempt,
                outcome: attempt.outcome,
                state: terminal.as_ref().map(|terminal| terminal.state),
            },
            Record::Reopened { .. } => What::Reopened,
        };
        self.apply(record.index(), what, position)?;
        if let Some(segment) = self.segments.get_mut(usize::from(position.segment)) {
            segment.records += 1;
        }
        Ok(())
    }

    fn slot(&self, task: TaskIndex) -> Slot {
        self.slots.get(task.as_usize()).copied().unwrap_or_default()
    }

    fn apply(&mut self, task: TaskIndex, what: What, at: Position) -> Result<(), SecondTerminal> {
        if self.slots.len() <= task.as_usize() {
            self.slots.resize(task.as_usize() + 1, Slot::default());
        }
        let slot = &mut self.slots[task.as_usize()];
        match what {
            What::Reopened => {
                (slot.length, slot.state, slot.crashes) = (0, None, 0);
            }
            What::Attempt {
                number,
                outcome,
                state,
            } => {
                if state.is_some() && slot.length != 0 {
                    return Err(SecondTerminal(task));
                }
                slot.attempts = slot.attempts.max(number);
                if matches!(outcome, AttemptOutcome::Crashed | AttemptOutcome::Oom) {
                    slot.crashes = slot.crashes.saturating_add(1);
                }
                if state.is_some() {
                    slot.state = state;
                    (slot.segment, slot.offset, slot.length) = (at.segment, at.offset, at.length);
                }
            }
        }
        Ok(())
    }
}

/// What a record does to its task.
enum What {
    Attempt {
        number: u32,
        outcome: AttemptOutcome,
        state: Option<OutcomeKind>,
    },
    Reopened,
}

/// Reads the journal of a run. `expected` is the plan that is to be gone on with, if there is one.
///
/// # Errors
///
/// [`RecoverError`]. A run folder without a segment is no error: nothing was recorded yet.
pub fn recover(
    folder: &RunFolder,
    expected: Option<PlanDigest>,
    repair: Repair<'_>,
) -> Result<Recovered, RecoverError> {
    let mut recovered = Recovered {
        plan_digest: expected.map(|digest| digest.to_string()),
        ..Recovered::default()
    };
    for path in segment_files(folder)? {
        read_segment(folder.disk(), &path, &mut recovered, repair)?;
    }
    Ok(recovered)
}

/// The files of the segments, in the order in which they were opened.
pub(super) fn segment_files(folder: &RunFolder) -> io::Result<Vec<PathBuf>> {
    let journal = folder.journal();
    let mut files = Vec::new();
    let names = folder
        .disk()
        .names(&journal)
        .map_err(|error| at("read", &journal, error))?;
    for name in names {
        let path = journal.join(&name);
        let name = name.to_string_lossy().into_owned();
        if name.ends_with(".jsonl") {
            files.push((number_of(&name), name, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(.., path)| path).collect())
}

fn too_many() -> io::Error {
    io::Error::new(
        io::ErrorKind::QuotaExceeded,
        "the journal has more than 65,535 segments",
    )
}

/// The parts of a record that recovery needs. The rest of the line is read over, not kept.
#[derive(Deserialize)]
struct Brief<'a> {
    seq: u64,
    /// So many records of the segment were durable when this one was written; older versions did not say.
    synced: Option<u64>,
    r#type: &'a str,
    index: u32,
    attempt: Option<BriefAttempt>,
    terminal: Option<BriefTerminal>,
}

#[derive(Deserialize)]
struct BriefAttempt {
    attempt: u32,
    outcome: AttemptOutcome,
}

#[derive(Deserialize)]
struct BriefTerminal {
    state: OutcomeKind,
}

/// Records that never reached the disk, though later ones did.
#[derive(Clone, Copy)]
struct Gap {
    /// The number of the first of them.
    seq: u64,
    /// Where they were to be.
    offset: u64,
}

fn read_segment(
    disk: &dyn Disk,
    path: &Path,
    recovered: &mut Recovered,
    repair: Repair<'_>,
) -> Result<(), RecoverError> {
    let segment = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let file = disk
        .open_to_read(path)
        .map_err(|error| at("open", path, error))?;
    let length = file.length().map_err(|error| at("look at", path, error))?;
    let hole = file
        .hole_at_end()
        .map_err(|error| at("read", path, error))?;
    // A hole holds no record, and its zeros may take minutes to read.
    let input = BufReader::with_capacity(256 * 1024, file.take(hole.unwrap_or(u64::MAX)));
    let (has_header, mut end) = read_lines(&segment, input, recovered)?;
    if let Some(hole) = hole {
        end = end.before_hole(hole, length);
    }
    settle_end(disk, path, &segment, has_header, end, recovered, repair)
}

/// Takes in the records of a segment. Gives back whether it has a header, and how it ends.
fn read_lines(
    segment: &str,
    input: impl BufRead,
    recovered: &mut Recovered,
) -> Result<(bool, End), RecoverError> {
    let number = u16::try_from(recovered.segments.len()).map_err(|_| too_many())?;
    let mut header: Option<HeaderLine> = None;
    let mut seq = 0u64;
    let mut records = 0u64;
    let mut first_gap: Option<Gap> = None;
    let end = scan(input, |line| {
        let misplaced = |what: String| RecoverError::Misplaced {
            segment: segment.to_owned(),
            offset: line.offset,
            what,
        };
        let damaged = |offset| RecoverError::Damaged {
            segment: segment.to_owned(),
            offset,
        };
        match &header {
            None if line.gap.is_some() => return Err(damaged(line.gap.unwrap_or(0))),
            None => header = Some(read_header(segment, line, recovered)?),
            Some(header) => {
                let brief: Brief<'_> = serde_json::from_slice(line.object)
                    .map_err(|error| misplaced(format!("it cannot be read: {error}")))?;
                if let Some(offset) = line.gap.filter(|_| brief.seq > seq) {
                    recovered.notes.push(Note::Lost {
                        segment: segment.to_owned(),
                        offset,
                        records: brief.seq - seq,
                    });
                    first_gap.get_or_insert(Gap { seq, offset });
                    seq = brief.seq;
                } else if let Some(offset) = line.gap {
                    return Err(damaged(offset));
                }
                // What was durable once and is not there now was not lost with the power.
                if let Some(gap) = first_gap
                    && brief.synced.is_none_or(|synced| synced >= gap.seq)
                {
                    return Err(damaged(gap.offset));
                }
                if brief.seq != seq {
                    let what = format!("record {} where record {seq} is due", brief.seq);
                    return Err(misplaced(what));
                }
                if brief.index >= header.tasks {
                    let what = format!("task {} of a plan of {}", brief.index, header.tasks);
                    return Err(misplaced(what));
                }
                let what = match (brief.r#type, brief.attempt) {
                    ("attempt", Some(attempt)) => What::Attempt {
                        number: attempt.attempt,
                        outcome: attempt.outcome,
                        state: brief.terminal.map(|terminal| terminal.state),
                    },
                    ("reopened", _) => What::Reopened,
                    (other, _) => {
                        return Err(misplaced(format!("a record of unknown type `{other}`")));
                    }
                };
                let position = Position {
                    segment: number,
                    offset: line.offset,
                    length: line.length,
                };
                recovered
                    .apply(TaskIndex(brief.index), what, position)
                    .map_err(|error| misplaced(error.to_string()))?;
                records += 1;
            }
        }
        seq += 1;
        Ok(())
    })?;
    let has_header = header.is_some();
    if let Some(header) = header {
        recovered.segments.push(SegmentInfo {
            name: segment.to_owned(),
            version: header.version,
            records,
        });
    }
    Ok((has_header, end))
}

fn read_header(
    segment: &str,
    line: Line<'_>,
    recovered: &mut Recovered,
) -> Result<HeaderLine, RecoverError> {
    /// What every schema's header has.
    #[derive(Deserialize)]
    struct Probe {
        schema: u32,
    }
    let misplaced = |what: String| RecoverError::Misplaced {
        segment: segment.into(),
        offset: line.offset,
        what,
    };
    let unreadable = |error: serde_json::Error| misplaced(format!("no header: {error}"));
    let probe: Probe = serde_json::from_slice(line.object).map_err(unreadable)?;
    if probe.schema > SCHEMA {
        return Err(RecoverError::Schema {
            segment: segment.into(),
            found: probe.schema,
            known: SCHEMA,
        });
    }
    let header: HeaderLine = serde_json::from_slice(line.object).map_err(unreadable)?;
    if header.seq != 0 || header.r#type != "header" {
        return Err(misplaced("no header where one is due".into()));
    }
    if segment.strip_suffix(".jsonl") != Some(&header.segment) {
        return Err(misplaced(format!(
            "the segment was written as {}.jsonl: it was renamed or copied",
            header.segment
        )));
    }
    match &recovered.plan_digest {
        Some(expected) if *expected != header.plan_digest => {
            return Err(RecoverError::OtherPlan {
                found: header.plan_digest,
                expected: expected.clone(),
            });
        }
        Some(_) => {}
        None => recovered.plan_digest = Some(header.plan_digest.clone()),
    }
    let tasks = header.tasks as usize;
    if recovered.slots.len() < tasks {
        // Once and exactly: a vector that grows by doubling would hold up to twice as much.
        recovered.slots.reserve_exact(tasks - recovered.slots.len());
        recovered.slots.resize(tasks, Slot::default());
    }
    Ok(header)
}

/// Notes, cuts or refuses what a segment ends with.
fn settle_end(
    disk: &dyn Disk,
    path: &Path,
    segment: &str,
    has_header: bool,
    end: End,
    recovered: &mut Recovered,
    repair: Repair<'_>,
) -> Result<(), RecoverError> {
    let segment = segment.to_owned();
    let cut = matches!(repair, Repair::Cut(_));
    match (end, has_header) {
        (End::Damaged { offset }, _) => return Err(RecoverError::Damaged { segment, offset }),
        (End::BadTail { offset, bytes }, false) if bytes > LONGEST_TORN_HEADER => {
            return Err(RecoverError::Misplaced {
                segment,
                offset,
                what: "no record in a file of this size".into(),
            });
        }
        (_, false) => {
            if cut {
                disk.remove_file(path)
                    .map_err(|error| at("remove", path, error))?;
            }
            let removed = cut;
            recovered.notes.push(Note::NoHeader { segment, removed });
        }
        (End::BadTail { offset, bytes }, true) => {
            if cut {
                disk.cut(path, offset)
                    .map_err(|error| at("cut", path, error))?;
            }
            recovered.notes.push(Note::BadTail {
                segment,
                offset,
                bytes,
                cut,
            });
        }
        // A killed process leaves whole records that nobody has synced. From here on they are built on.
        (End::Clean, true) if cut => disk
            .sync_file(path)
            .map_err(|error| at("sync", path, error))?,
        (End::Clean, true) => {}
    }
    Ok(())
}
