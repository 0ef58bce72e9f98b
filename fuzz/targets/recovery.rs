//! A journal that somebody has harmed: recovered or refused, and what is recovered is what was written.
//!
//! The input is a list of records, which the journal itself writes to a simulated disk, and a list of harms to
//! the bytes of its segment: a flipped bit, a cut, zeros, a line twice, other bytes. Then:
//!
//! - recovery gives an answer, whatever was done;
//! - each task's end, if it has one, is a line that was written, byte for byte;
//! - what is cut is cut for good: a second recovery finds the same and has nothing to cut;
//! - its records, written to another journal, are recovered from there as they were: bytes, records, bytes;
//! - a new segment can be opened on top of it.

#![no_main]

use std::path::Path;
use std::sync::Arc;

use arbitrary::Arbitrary;
use fumehood::experiment::plan::PlanDigest;
use fumehood::experiment::{Attempt, AttemptOutcome, OutcomeKind, Phases, ResourceUse};
use fumehood::ids::TaskIndex;
use fumehood::record::{
    Header, Journal, JsonText, Note, Reader, Record, Recovered, Repair, RunFolder, RunLock,
    Terminal, TerminalBody, recover,
};
use simulation::disk::SimulatedDisk;
use simulation::draws::Draws;

fuzz::fuzz_target!(|input: Input| check(&input));

#[derive(Arbitrary, Debug)]
struct Input {
    records: Vec<(u8, u8)>,
    flushes: bool,
    harms: Vec<Harm>,
}

#[derive(Arbitrary, Debug)]
enum Harm {
    Flip { at: u16, bit: u8 },
    Cut { at: u16 },
    Zeros { at: u16, count: u8 },
    Twice { from: u16, count: u16 },
    Bytes { at: u16, bytes: Vec<u8> },
    Without { from: u16, count: u16 },
}

const TASKS: u32 = 5;

/// Longer journals show nothing that shorter ones do not.
const MOST: usize = 12;

const DIGEST: PlanDigest = PlanDigest([7; 32]);

fn check(input: &Input) {
    let (disk, folder) = place();
    let segment = write(&folder, input);
    disk.kill();
    let written = disk.content(&segment).expect("it was written");
    let harmed = harm(written.clone(), &input.harms);
    let is_harmed = harmed != written;
    disk.place(&segment, harmed.clone());

    let disk = disk.for_process();
    let folder = RunFolder::create_on(Arc::new(disk.clone()), folder.path());
    let folder = folder.expect("it is there");
    let Ok(recovered) = recover(&folder, Some(DIGEST), Repair::Report) else {
        assert!(is_harmed, "what nobody harmed is refused");
        return;
    };
    for task in (0..TASKS).map(TaskIndex) {
        let Some(position) = recovered.terminal(task) else {
            assert_eq!(recovered.state(task), None);
            continue;
        };
        let from = position.offset as usize;
        let line = &harmed[from..from + position.length as usize];
        let is_written = written.split_inclusive(|byte| *byte == b'\n');
        let mut is_written =
            is_written.map(|written| written.strip_suffix(b"\n").unwrap_or(written));
        assert!(
            is_written.any(|written| line.starts_with(written)),
            "a changed record"
        );
    }
    let lock = RunLock::acquire(&folder).expect("nobody has it");
    let cut = recover(&folder, Some(DIGEST), Repair::Cut(&lock)).expect("it was good a moment ago");
    assert_same(&recovered, &cut);
    let again = recover(&folder, Some(DIGEST), Repair::Report).expect("it was good a moment ago");
    assert_same(&recovered, &again);
    let is_cut = |note: &Note| matches!(note, Note::BadTail { .. } | Note::NoHeader { .. });
    assert!(!again.notes().iter().any(is_cut), "{:?}", again.notes());
    copy(&folder, &again);

    let journal = Journal::create(&folder, header());
    let mut journal = journal.expect("there is room");
    journal.append(&record(0, 200)).expect("there is room");
    journal.flush().expect("it is there");
    let attempts =
        recover(&folder, Some(DIGEST), Repair::Report).map(|all| all.attempts(TaskIndex(0)));
    assert_eq!(attempts.ok(), Some(again.attempts(TaskIndex(0)).max(200)));
}

fn place() -> (SimulatedDisk, RunFolder) {
    let disk = SimulatedDisk::new(Draws::of(0, "fuzz", &[])).for_process();
    let folder = RunFolder::create_on(Arc::new(disk.clone()), Path::new("/home/user/run"));
    (disk, folder.expect("nothing is there"))
}

fn header() -> Header {
    Header {
        version: "fuzz".into(),
        plan_digest: DIGEST,
        seed: 1,
        tasks: TASKS,
    }
}

/// The segment's path.
fn write(folder: &RunFolder, input: &Input) -> std::path::PathBuf {
    let mut journal = Journal::create(folder, header()).expect("there is room");
    let mut over = [false; TASKS as usize];
    for (number, &(kind, task)) in (1..).zip(input.records.iter().take(MOST)) {
        let task = u32::from(task) % TASKS;
        let over = &mut over[task as usize];
        let record = match kind % 4 {
            0 if *over => {
                *over = false;
                Record::Reopened {
                    index: TaskIndex(task),
                }
            }
            // An end, once.
            1 | 2 if !*over => {
                *over = true;
                ended(task, number, kind)
            }
            _ => record(task, number),
        };
        journal.append(&record).expect("there is room");
        if input.flushes && kind > 200 {
            journal.flush().expect("it is there");
        }
    }
    folder
        .journal()
        .join(format!("{}.jsonl", journal.segment()))
}

fn ended(task: u32, number: u32, kind: u8) -> Record {
    let Record::Attempt { index, attempt, .. } = record(task, number) else {
        return record(task, number);
    };
    Record::Attempt {
        index,
        attempt: Attempt {
            outcome: AttemptOutcome::Ok,
            ..attempt
        },
        terminal: Some(Terminal {
            kind: "forecast".into(),
            state: OutcomeKind::Ok,
            body: TerminalBody::Result(JsonText::of(&(f64::from(kind) / 3.0))),
        }),
    }
}

fn record(task: u32, number: u32) -> Record {
    Record::Attempt {
        index: TaskIndex(task),
        attempt: Attempt {
            task: format!("e/{task}/naive"),
            attempt: number,
            start_method: "fork".into(),
            outcome: AttemptOutcome::Crashed,
            phases_us: Phases::default(),
            total_us: 0,
            rusage: ResourceUse::default(),
            pid: Some(number),
            host: "fuzz".into(),
            cause: None,
        },
        terminal: None,
    }
}

fn harm(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms.iter().take(4) {
        let place = |at: u16| usize::from(at) % (bytes.len() + 1);
        match harm {
            Harm::Flip { at, bit } => {
                let at = place(*at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Harm::Cut { at } => bytes.truncate(place(*at)),
            Harm::Zeros { at, count } => {
                let at = place(*at);
                bytes
                    .iter_mut()
                    .skip(at)
                    .take((*count).into())
                    .for_each(|byte| *byte = 0);
            }
            Harm::Twice { from, count } => {
                let from = place(*from);
                let to = (from + usize::from(*count)).min(bytes.len());
                let again = bytes[from..to].to_vec();
                bytes.splice(to..to, again);
            }
            Harm::Bytes { at, bytes: other } => {
                let at = place(*at);
                bytes.splice(at..at, other.iter().copied());
            }
            Harm::Without { from, count } => {
                let from = place(*from);
                let to = (from + usize::from(*count)).min(bytes.len());
                bytes.drain(from..to);
            }
        }
    }
    bytes
}

fn assert_same(one: &Recovered, other: &Recovered) {
    for task in (0..TASKS).map(TaskIndex) {
        let all = |of: &Recovered| {
            let counts = (of.attempts(task), of.crashes(task));
            (counts, of.state(task), of.terminal(task))
        };
        assert_eq!(all(one), all(other));
    }
}

/// The ends that were recovered, in another journal.
fn copy(folder: &RunFolder, recovered: &Recovered) {
    let mut reader = Reader::new(folder, recovered);
    let (_disk, other) = place();
    let mut journal = Journal::create(&other, header()).expect("there is room");
    let mut all = Recovered::default();
    all.join(&mut journal).expect("it is the first");
    let mut ends = Vec::new();
    for task in (0..TASKS).map(TaskIndex) {
        if let Some(position) = recovered.terminal(task) {
            let record = reader.record(position).expect("it was read a moment ago");
            let position = journal.append(&record).expect("there is room");
            all.learn(&record, position).expect("one end of each");
            ends.push((task, record));
        }
    }
    journal.flush().expect("it is there");
    let there = recover(&other, Some(DIGEST), Repair::Report).expect("nobody harmed it");
    assert_same(&all, &there);
    let mut reader = Reader::new(&other, &there);
    for (task, record) in ends {
        let position = there.terminal(task).expect("it was written");
        assert_eq!(reader.record(position).ok(), Some(record));
    }
}
