//! Rows 120 to 122: a journal that was torn, flipped, or otherwise harmed between two runs.
//!
//! Most harm is done to a copy of a real journal that is read in this process, since there are tens of
//! thousands of cases; a few of each kind go through the program.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use fumehood::ids::TaskIndex;
use fumehood::record::{Note, RecoverError, Recovered, Repair, RunFolder, recover};

use crate::common::{Finished, Supervisor};
use crate::scenario::{Scenario, terminal_records, with_faults};
use crate::trial::trial;

const RECORDS: u32 = 50;

/// A finished run of fifty tasks, each with one record in the one segment of its journal.
struct Journal {
    scenario: Scenario,
    folder: RunFolder,
    segment: PathBuf,
    bytes: Vec<u8>,
    /// Where each line ends: the header's, then each record's.
    ends: Vec<usize>,
    /// The task of each record.
    tasks: Vec<TaskIndex>,
}

impl Journal {
    fn new() -> Journal {
        let scenario = Scenario::calm("inline", RECORDS as usize);
        scenario.command().run().assert_code(0);
        let path = scenario.lab.path("run");
        let segment = segments(&scenario).remove(0);
        let bytes = fs::read(&segment).expect("the segment");
        let ends: Vec<usize> = (1..=bytes.len())
            .filter(|end| bytes[end - 1] == b'\n')
            .collect();
        assert_eq!(ends.len(), 1 + RECORDS as usize);
        let text = String::from_utf8(bytes.clone()).expect("a segment is text");
        let tasks = text.lines().skip(1).map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record is JSON");
            TaskIndex(record["index"].as_u64().expect("a number") as u32)
        });
        Journal {
            folder: RunFolder::open(&path).expect("a run folder"),
            tasks: tasks.collect(),
            scenario,
            segment,
            bytes,
            ends,
        }
    }

    fn read(&self) -> Result<Recovered, RecoverError> {
        recover(&self.folder, None, Repair::Report)
    }

    fn open(&self) -> File {
        let file = OpenOptions::new().write(true).open(&self.segment);
        file.expect("it can be written")
    }

    /// Where a line begins, and the lines before it.
    fn line_at(&self, byte: usize) -> (usize, usize) {
        let line = self.ends.iter().filter(|end| **end <= byte).count();
        let start = line.checked_sub(1).map_or(0, |before| self.ends[before]);
        (start, line)
    }

    /// That exactly the first so many records were recovered, each where it is.
    #[track_caller]
    fn assert_prefix(&self, recovered: &Recovered, records: usize, what: &str) {
        for (n, task) in self.tasks.iter().enumerate() {
            let at = recovered.terminal(*task).map(|at| at.offset as usize);
            let there = (n < records).then_some(self.ends[n]);
            assert_eq!(at, there, "{what}: record {}", n + 1);
        }
    }

    /// Goes on with the run as it is now.
    fn resume(&self) -> Finished {
        self.command().run()
    }

    fn command(&self) -> Supervisor {
        let scenario = &self.scenario;
        trial(&scenario.lab, "run", "inline", &scenario.experiments)
    }

    /// Writes the segment anew, goes on with the run, and sees that so many records were taken, the others
    /// made again, and the end is the calm one.
    #[track_caller]
    fn goes_on(&self, bytes: &[u8], records: usize, says: &[&str]) {
        let before = terminal_records(&self.scenario.folder());
        fs::write(&self.segment, bytes).expect("it can be written");
        let finished = self.resume().assert_code(0).assert_says(says);
        let after = terminal_records(&self.scenario.folder());
        let kept = before
            .iter()
            .filter(|(task, lines)| after.get(*task) == Some(lines));
        assert!(kept.count() >= records, "{finished:?}");
        let segments = segments(&self.scenario);
        let again = fs::read_to_string(segments.last().expect("a second one")).expect("text");
        let again = again.lines().count() - 1;
        assert_eq!(again, RECORDS as usize - records, "{finished:?}");
        self.scenario.aftermath(&finished).completes(0);
    }

    /// Writes the segment anew and sees that nothing is done with it.
    #[track_caller]
    fn is_refused(&self, bytes: &[u8], says: &[&str]) {
        fs::write(&self.segment, bytes).expect("it can be written");
        let before = self.scenario.lab.listing();
        self.resume().assert_code(3).assert_says(says);
        assert_eq!(self.scenario.lab.listing(), before);
    }
}

/// The files of the segments, in order.
fn segments(scenario: &Scenario) -> Vec<PathBuf> {
    let entries = fs::read_dir(scenario.folder().path().join("journal")).expect("a folder");
    let mut segments: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    segments.sort();
    segments
}

#[test]
fn row_120_torn_at_every_byte_length() {
    let journal = Journal::new();
    let file = journal.open();
    for length in (0..journal.bytes.len()).rev() {
        file.set_len(length as u64).expect("it can be cut");
        let recovered = journal.read().expect("a torn tail is no damage");
        let what = format!("torn at {length}");
        let (start, lines) = journal.line_at(length);
        journal.assert_prefix(&recovered, lines.saturating_sub(1), &what);
        let torn = match recovered.notes() {
            [] => None,
            [Note::NoHeader { .. }] => Some(0),
            [Note::BadTail { offset, .. }] => Some(*offset as usize),
            notes => panic!("{what}: {notes:?}"),
        };
        let expected = (length != start || lines == 0).then_some(start);
        assert_eq!(torn, expected, "{what}");
    }
}

#[test]
fn row_120_the_torn_record_s_task_runs_again() {
    // In the middle of a record, before a newline, and inside the header.
    for (record, back) in [(50, 1), (50, 100), (31, 20), (1, 3), (0, 5)] {
        let journal = Journal::new();
        let length = journal.ends[record] - back;
        let whole = record.saturating_sub(1);
        let says = if record == 0 { "removed" } else { "cut off" };
        journal.goes_on(&journal.bytes[..length], whole, &[says]);
    }
}

#[test]
fn row_121_flipped_bits() {
    let journal = Journal::new();
    let file = journal.open();
    let last_line = journal.ends[journal.ends.len() - 2];
    let mut cases = 0;
    // The stride has no factor in common with 8: each bit of a byte gets its turn.
    for flip in (0..journal.bytes.len() * 8).step_by(FLIP_STRIDE) {
        let (byte, bit) = (flip / 8, flip % 8);
        let harmed = journal.bytes[byte] ^ (1 << bit);
        let put = |value: u8| file.write_all_at(&[value], byte as u64);
        put(harmed).expect("it can be written");
        let (start, _) = journal.line_at(byte);
        match journal.read() {
            Ok(recovered) => {
                assert!(byte >= last_line, "bit {flip} passed");
                let what = format!("bit {flip}");
                journal.assert_prefix(&recovered, RECORDS as usize - 1, &what);
            }
            Err(RecoverError::Damaged { offset, .. }) => {
                assert!(byte < last_line, "bit {flip}: the tail is to be cut");
                assert_eq!(offset as usize, start, "bit {flip}");
            }
            Err(error) => panic!("bit {flip}: {error}"),
        }
        put(journal.bytes[byte]).expect("it can be written");
        cases += 1;
    }
    assert!(cases > 5000, "{cases} bits");
}

/// All bits of twenty records are flipped in the library's own tests.
const FLIP_STRIDE: usize = 13;

#[test]
fn row_121_damage_before_valid_records_is_refused_and_a_damaged_tail_is_cut() {
    let journal = Journal::new();
    let middle = journal.ends[24];
    let mut harmed = journal.bytes.clone();
    harmed[middle + 40] ^= 1;
    let place = format!("byte {middle}");
    journal.is_refused(&harmed, &["damaged", &place, "hint: "]);
    let mut harmed = journal.bytes.clone();
    harmed[journal.ends[49] + 40] ^= 1;
    // What was refused is read again.
    fs::write(&journal.segment, &journal.bytes).expect("it can be written");
    journal.goes_on(&harmed, 49, &["cut off"]);
}

#[test]
fn row_122_zeros_and_garbage_behind_the_records_are_cut() {
    for tail in [
        vec![0; 4096],
        vec![0; 1],
        b"not a record\nnor this\n".to_vec(),
        (0..=255).cycle().take(10_000).collect(),
    ] {
        let journal = Journal::new();
        let torn = [&journal.bytes[..journal.ends[40]], &tail].concat();
        journal.goes_on(&torn, 40, &["cut off"]);
    }
}

#[test]
fn row_122_duplicated_and_reordered_records_are_refused() {
    let journal = Journal::new();
    let line = |n: usize| &journal.bytes[journal.ends[n - 1]..journal.ends[n]];
    let duplicated = [&journal.bytes, line(50)].concat();
    let place = format!("byte {}", journal.bytes.len());
    journal.is_refused(&duplicated, &["damaged", &place, "hint: "]);
    let reordered = [&journal.bytes[..journal.ends[48]], line(50), line(49)].concat();
    let place = format!("byte {}", journal.ends[48]);
    journal.is_refused(&reordered, &["damaged", &place, "hint: "]);
}

#[test]
fn row_122_two_files_that_changed_places_are_refused() {
    let scenario = Scenario::calm("fork", 6);
    with_faults(
        &scenario.lab,
        scenario.command(),
        "supervisor.recorded:signal=9:3",
    )
    .run();
    assert_eq!(scenario.fired("supervisor.recorded"), 1);
    scenario.command().run().assert_code(0);
    let files = segments(&scenario);
    let aside = scenario.lab.path("aside");
    for (from, to) in [
        (&files[0], &aside),
        (&files[1], &files[0]),
        (&aside, &files[1]),
    ] {
        fs::rename(from, to).expect("it can be renamed");
    }
    let before = scenario.lab.listing();
    scenario.command().run().assert_code(3).assert_says(&[
        "damaged",
        "byte 0",
        "renamed or copied",
        "hint: ",
    ]);
    assert_eq!(scenario.lab.listing(), before);
}

#[test]
fn row_122_an_empty_file_and_one_with_a_header_only() {
    let journal = Journal::new();
    journal.goes_on(b"", 0, &["removed"]);
    let journal = Journal::new();
    journal.goes_on(&journal.bytes[..journal.ends[0]], 0, &[]);
}

/// A hole is read as zeros: it is a bad tail like any other, however long it is.
#[test]
fn row_122_ten_gigabytes_of_nothing() {
    let journal = Journal::new();
    let length = 10 << 30;
    journal.open().set_len(length).expect("a sparse file");
    let mut running = journal.command().background();
    let mut peak = 0;
    running.wait_for("its end", |running| match running.peak_memory_kib() {
        Some(now) => {
            peak = peak.max(now);
            None
        }
        None => Some(()),
    });
    let finished = running.wait().assert_code(0).assert_says(&["cut off"]);
    assert!(finished.took < Duration::from_secs(30), "{finished:?}");
    assert!((1..512 * 1024).contains(&peak), "{peak} KiB");
    let left = fs::metadata(&journal.segment).expect("it is there").len();
    assert_eq!(left, journal.bytes.len() as u64);
    journal.scenario.aftermath(&finished).completes(0);
}
