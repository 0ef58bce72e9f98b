//! Journals written, harmed and read.

use std::fs::{self, OpenOptions};

use proptest::prelude::*;

use super::super::fixtures::{DIGEST, attempt, ended, header, run_folder, went_on};
use super::super::line::{checked, seal};
use super::super::{JournalError, JsonText, Reader, Terminal, TerminalBody};
use super::*;
use crate::experiment::Cause;

/// Writes a segment and gives back where its records are.
fn write(folder: &RunFolder, tasks: u32, records: &[Record]) -> Vec<Position> {
    let mut journal = Journal::create(folder, header(tasks)).expect("a journal");
    let positions = records
        .iter()
        .map(|record| journal.append(record).expect("appended"))
        .collect();
    journal.flush().expect("flushed");
    assert_eq!(journal.durable(), records.len() as u64);
    positions
}

fn only_segment(folder: &RunFolder) -> PathBuf {
    let mut files = segment_files(folder).expect("a folder");
    assert_eq!(files.len(), 1);
    files.remove(0)
}

fn report(folder: &RunFolder) -> Result<Recovered, RecoverError> {
    recover(folder, Some(DIGEST), Repair::Report)
}

/// Twenty records: tasks 0..10 each crash once and then end.
fn twenty() -> Vec<Record> {
    (0..20)
        .map(|n| match n % 2 {
            0 => went_on(n / 2, 1, AttemptOutcome::Crashed),
            _ => ended(n / 2, 2),
        })
        .collect()
}

#[test]
fn a_slot_is_small() {
    assert_eq!(size_of::<Slot>(), 24);
}

#[test]
fn nothing_recorded_yet() {
    let (_above, folder) = run_folder();
    let recovered = report(&folder).expect("an empty journal");
    assert_eq!(recovered.segments(), []);
    assert_eq!(recovered.attempts(TaskIndex(7)), 0);
    assert_eq!(recovered.terminal(TaskIndex(7)), None);
}

#[test]
fn what_was_written_is_read() {
    let (_above, folder) = run_folder();
    let records = twenty();
    let positions = write(&folder, 10, &records);
    let recovered = report(&folder).expect("it reads");
    assert_eq!(recovered.notes(), []);
    assert_eq!(recovered.segments()[0].records, 20);
    assert_eq!(recovered.plan_digest(), Some(DIGEST.to_string().as_str()));
    let mut reader = Reader::new(&folder, &recovered);
    for task in 0..10u32 {
        let at = positions[task as usize * 2 + 1];
        let task = TaskIndex(task);
        assert_eq!(recovered.terminal(task), Some(at));
        assert_eq!(recovered.state(task), Some(OutcomeKind::Ok));
        assert_eq!((recovered.attempts(task), recovered.crashes(task)), (2, 1));
        assert_eq!(reader.record(at).expect("it reads"), ended(task.0, 2));
    }
    let story = Reader::records_of(&folder, TaskIndex(3)).expect("it reads");
    assert_eq!(story, &records[6..8]);
}

/// The bytes of the file, and for each record the end of its line.
fn segment_of_twenty() -> (String, Vec<u8>, Vec<usize>) {
    let (_above, folder) = run_folder();
    let positions = write(&folder, 10, &twenty());
    let path = only_segment(&folder);
    let name = path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let ends = positions
        .iter()
        .map(|at| at.offset as usize + at.length as usize)
        .collect();
    (name, fs::read(path).expect("the segment"), ends)
}

/// That `recovered` is what the first `records` of the twenty say.
fn assert_prefix(recovered: &Recovered, records: usize) {
    for n in 0..20u32 {
        let (task, there) = (TaskIndex(n / 2), (n as usize) < records);
        match n % 2 {
            0 => assert_eq!(recovered.crashes(task), u32::from(there)),
            _ => assert_eq!(recovered.terminal(task).is_some(), there),
        }
    }
}

#[test]
fn cut_at_every_length_the_whole_prefix_is_recovered() {
    let (name, bytes, ends) = segment_of_twenty();
    let header = bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .expect("a header")
        + 1;
    for length in 0..=bytes.len() {
        let mut recovered = Recovered::default();
        let (has_header, end) =
            read_lines(&name, &bytes[..length], &mut recovered).expect("it reads");
        let whole = ends.iter().filter(|&&end| end <= length).count();
        let last = ends[..whole].last().copied().unwrap_or(header);
        assert_eq!(has_header, length >= header, "cut at {length}");
        if !has_header {
            continue;
        }
        assert_prefix(&recovered, whole);
        let expected = match length - last {
            0 => End::Clean,
            torn => End::BadTail {
                offset: last as u64,
                bytes: torn as u64,
            },
        };
        assert_eq!(end, expected, "cut at {length}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (name, bytes, ends) = segment_of_twenty();
    let mut harmed = bytes.clone();
    let last_line = ends[18];
    for at in 0..bytes.len() {
        for bit in 0..8 {
            harmed[at] ^= 1 << bit;
            // No line that is not as it was written passes, and the end says so.
            let end = scan::<io::Error>(&harmed[..], |line| {
                let from = line.offset as usize;
                let length = line.length as usize;
                assert_eq!(harmed[from..from + length], bytes[from..from + length]);
                Ok(())
            });
            match end.expect("memory can be read") {
                End::Damaged { .. } => assert!(at < last_line, "byte {at}, bit {bit}"),
                End::BadTail { offset, .. } => {
                    assert!(at >= last_line, "byte {at}, bit {bit}");
                    assert_eq!(offset, last_line as u64);
                }
                End::Clean => panic!("byte {at}, bit {bit}"),
            }
            // To read the records as well takes longer: one bit of each byte.
            if bit == at % 8 && at >= last_line {
                let mut recovered = Recovered::default();
                read_lines(&name, &harmed[..], &mut recovered).expect("a bad tail");
                assert_prefix(&recovered, 19);
            }
            harmed[at] ^= 1 << bit;
        }
    }
    assert_eq!(harmed, bytes);
}

#[test]
fn a_torn_tail_is_cut_under_the_lock_alone_and_the_run_goes_on() {
    let (_above, folder) = run_folder();
    let lock = RunLock::acquire(&folder).expect("free");
    let positions = write(&folder, 3, &[ended(0, 1), ended(1, 1)]);
    let path = only_segment(&folder);
    let whole = fs::read(&path).expect("the segment");
    let torn = whole.len() as u64 - 10;
    OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_len(torn))
        .expect("torn");

    let note = |cut| Note::BadTail {
        segment: path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned(),
        offset: positions[1].offset,
        bytes: torn - positions[1].offset,
        cut,
    };
    let mut reported = report(&folder).expect("it reads");
    assert_eq!(reported.notes(), [note(false)]);
    assert_eq!(fs::metadata(&path).expect("there").len(), torn);
    let cut = recover(&folder, Some(DIGEST), Repair::Cut(&lock)).expect("it reads");
    assert_eq!(cut.notes(), [note(true)]);
    assert_eq!(
        fs::read(&path).expect("there"),
        &whole[..positions[1].offset as usize]
    );

    // The live index and a new reading agree, the second segment included.
    let mut journal = Journal::create(&folder, header(3)).expect("a journal");
    reported.join(&mut journal).expect("few segments");
    for record in [went_on(1, 1, AttemptOutcome::Requeued), ended(1, 2)] {
        let at = journal.append(&record).expect("appended");
        reported.learn(&record, at).expect("no second end");
    }
    drop(journal);
    let again = report(&folder).expect("it reads");
    assert_eq!(again.notes(), []);
    assert_eq!(again.segments(), reported.segments());
    for task in (0..3).map(TaskIndex) {
        assert_eq!(again.terminal(task), reported.terminal(task));
        assert_eq!(again.attempts(task), reported.attempts(task));
    }
    assert_eq!(again.crashes(TaskIndex(1)), 0);
    assert_eq!(again.terminal(TaskIndex(2)), None);
}

#[test]
fn a_segment_that_ends_in_its_header_is_removed() {
    let (_above, folder) = run_folder();
    let lock = RunLock::acquire(&folder).expect("free");
    write(&folder, 3, &[]);
    let path = only_segment(&folder);
    let whole = fs::read(&path).expect("the segment");
    for length in [0, 1, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("torn");
        let reported = report(&folder).expect("it reads");
        assert!(matches!(
            reported.notes(),
            [Note::NoHeader { removed: false, .. }]
        ));
        assert!(path.exists());
        let cut = recover(&folder, None, Repair::Cut(&lock)).expect("it reads");
        assert!(matches!(
            cut.notes(),
            [Note::NoHeader { removed: true, .. }]
        ));
        assert!(cut.segments().is_empty() && !path.exists());
    }
    // But what cannot be a torn header is not ours to remove.
    fs::write(&path, vec![0; 1 << 20]).expect("written");
    assert!(matches!(
        recover(&folder, None, Repair::Cut(&lock)),
        Err(RecoverError::Misplaced { .. })
    ));
    assert!(path.exists());
}

#[test]
fn a_task_that_is_reopened_may_end_again() {
    let (_above, folder) = run_folder();
    let reopened = Record::Reopened {
        index: TaskIndex(0),
    };
    write(
        &folder,
        1,
        &[went_on(0, 1, AttemptOutcome::Oom), ended(0, 2)],
    );
    write(&folder, 1, &[reopened]);
    let recovered = report(&folder).expect("it reads");
    assert_eq!(recovered.terminal(TaskIndex(0)), None);
    assert_eq!(recovered.crashes(TaskIndex(0)), 0);
    assert_eq!(recovered.attempts(TaskIndex(0)), 2);
    write(&folder, 1, &[ended(0, 3)]);
    let recovered = report(&folder).expect("it reads");
    assert_eq!(
        recovered.terminal(TaskIndex(0)).map(|at| at.segment),
        Some(2)
    );
    write(&folder, 1, &[ended(0, 4)]);
    match report(&folder) {
        Err(RecoverError::Misplaced { what, segment, .. }) => {
            assert_eq!(what, "a second terminal record for task #0");
            assert!(segment.starts_with("000004-"), "{segment}");
        }
        other => panic!("{other:?}"),
    }
}

/// Changes the lines of the only segment.
fn rewrite(folder: &RunFolder, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let path = only_segment(folder);
    let text = fs::read(&path).expect("the segment");
    let mut lines = text
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    change(&mut lines);
    fs::write(&path, lines.concat()).expect("written");
}

fn misplaced(folder: &RunFolder) -> String {
    match report(folder) {
        Err(RecoverError::Misplaced { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn valid_records_in_a_wrong_place_are_refused() {
    let three = [ended(0, 1), ended(1, 1), ended(2, 1)];
    let harm = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let (_above, folder) = run_folder();
        write(&folder, 3, &three);
        rewrite(&folder, change);
        misplaced(&folder)
    };
    assert_eq!(
        harm(&|lines| lines.push(lines[3].clone())),
        "record 3 where record 4 is due"
    );
    assert_eq!(
        harm(&|lines| lines.swap(1, 2)),
        "record 2 where record 1 is due"
    );
    assert_eq!(
        harm(&|lines| drop(lines.remove(2))),
        "record 3 where record 2 is due"
    );
    assert_eq!(
        harm(&|lines| lines.push(ended(3, 1).to_line(4, 0))),
        "task 3 of a plan of 3"
    );
    assert_eq!(
        harm(&|lines| lines.push(seal(br#"{"seq":4,"type":"later","index":0}"#.to_vec()))),
        "a record of unknown type `later`"
    );
    assert!(harm(&|lines| drop(lines.remove(0))).starts_with("no header"));
}

#[test]
fn a_copied_segment_is_refused() {
    let (_above, folder) = run_folder();
    write(&folder, 1, &[went_on(0, 1, AttemptOutcome::Interrupted)]);
    let path = only_segment(&folder);
    fs::copy(&path, folder.journal().join("000002-copy.jsonl")).expect("copied");
    assert!(misplaced(&folder).contains("renamed or copied"));
}

#[test]
fn another_plan_and_a_newer_schema_are_refused() {
    let (_above, folder) = run_folder();
    write(&folder, 1, &[]);
    let other = recover(&folder, Some(PlanDigest([1; 32])), Repair::Report);
    assert!(
        matches!(other, Err(RecoverError::OtherPlan { .. })),
        "{other:?}"
    );
    assert!(recover(&folder, None, Repair::Report).is_ok());
    rewrite(&folder, |lines| {
        lines[0] = seal(br#"{"seq":0,"type":"header","schema":7,"new":true}"#.to_vec());
    });
    let error = report(&folder).expect_err("a newer schema");
    let text = error.to_string();
    assert!(
        text.ends_with("has schema 7; this version reads up to schema 1"),
        "{text}"
    );
    assert!(error.hint().is_some());
}

#[cfg(unix)]
#[test]
fn a_link_in_the_journal_is_refused() {
    let (above, folder) = run_folder();
    let target = above.path().join("target");
    fs::write(&target, b"theirs").expect("written");
    let link = folder.journal().join("000001-0a0a0a0a.jsonl");
    std::os::unix::fs::symlink(&target, link).expect("a link");
    assert!(matches!(report(&folder), Err(RecoverError::Io(_))));
    assert_eq!(fs::read(&target).expect("the target"), b"theirs");
}

#[test]
fn a_journal_that_was_moved_away_is_no_success() {
    let (above, folder) = run_folder();
    let mut journal = Journal::create(&folder, header(1)).expect("a journal");
    journal.append(&ended(0, 1)).expect("appended");
    fs::rename(folder.journal(), above.path().join("elsewhere")).expect("moved");
    assert!(matches!(journal.flush(), Err(JournalError::Vanished(_))));
}

#[test]
fn a_thousand_segments() {
    let (_above, folder) = run_folder();
    for task in 0..1000u32 {
        let name = format!("{:06}-{task:08x}", task + 1);
        let line = [header(1000).to_line(&name), ended(task, 1).to_line(1, 0)].concat();
        fs::write(folder.journal().join(format!("{name}.jsonl")), line).expect("written");
    }
    let recovered = report(&folder).expect("it reads");
    assert_eq!(recovered.segments().len(), 1000);
    let mut reader = Reader::new(&folder, &recovered);
    for task in (0..1000).rev() {
        let at = recovered.terminal(TaskIndex(task)).expect("it ended");
        assert_eq!(usize::from(at.segment), task as usize);
        assert_eq!(reader.record(at).expect("it reads"), ended(task, 1));
    }
}

fn any_outcome() -> impl Strategy<Value = AttemptOutcome> {
    prop::sample::select(vec![
        AttemptOutcome::Ok,
        AttemptOutcome::Error,
        AttemptOutcome::Crashed,
        AttemptOutcome::Timeout,
        AttemptOutcome::Oom,
        AttemptOutcome::Requeued,
        AttemptOutcome::Interrupted,
        AttemptOutcome::StartFailed,
    ])
}

/// Text that tries to look like the frame of a record.
fn any_text() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "\"",
        "\\",
        ",\"terminal\":{",
        ",\"result\":",
        ",\"crc\":\"",
        "\n",
        "\u{0}",
        "\u{2028}",
        "é",
        "{\"seq\":",
        "x",
        ",",
        "}",
    ]);
    prop::collection::vec(parts, 0..8).prop_map(|parts| parts.concat())
}

fn any_terminal() -> impl Strategy<Value = Terminal> {
    let cause = (
        any_text(),
        prop::option::of(any_text()),
        any::<Option<i32>>(),
    )
        .prop_map(|(message, signal, exit_code)| {
            (
                OutcomeKind::Crashed,
                TerminalBody::Cause(Cause {
                    message,
                    signal,
                    exit_code,
                    limit: None,
                }),
            )
        });
    let result = (any_text(), prop::collection::vec(any::<f64>(), 0..5)).prop_map(|(name, values)| {
        let result = serde_json::json!({ "series": name, "terminal": {"result": values}, "values": values });
        (OutcomeKind::Ok, TerminalBody::Result(JsonText::of(&result)))
    });
    prop_oneof![cause, result].prop_map(|(state, body)| Terminal {
        kind: "forecast".into(),
        state,
        body,
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    let attempt_record = (
        any::<u32>(),
        any_text(),
        any::<u32>(),
        any_outcome(),
        prop::option::of(any_terminal()),
    )
        .prop_map(|(index, task, number, outcome, terminal)| Record::Attempt {
            index: TaskIndex(index),
            attempt: attempt(&task, number, outcome),
            terminal,
        });
    prop_oneof![
        9 => attempt_record,
        1 => any::<u32>().prop_map(|index| Record::Reopened { index: TaskIndex(index) }),
    ]
}

proptest! {
    #[test]
    fn any_record_reads_back(record in any_record(), seq in any::<u64>()) {
        let line = record.to_line(seq, 0);
        let text = line.strip_suffix(b"\n").expect("a line");
        prop_assert!(!text.contains(&b'\n'));
        let body = checked(text).expect("its checksum holds");
        prop_assert_eq!(Record::from_body(body).expect("it reads"), Some(record));
        let brief: Brief<'_> = serde_json::from_slice(text).expect("it is JSON");
        prop_assert_eq!(brief.seq, seq);
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..7000) {
        let (name, mut text, _) = segment_of_twenty_once().clone();
        let at = at.min(text.len());
        text.splice(at..at, bytes);
        let mut recovered = Recovered::default();
        let judged = read_lines(&name, &text[..], &mut recovered);
        prop_assert!(!matches!(judged, Err(RecoverError::Io(_))));
    }
}

fn segment_of_twenty_once() -> &'static (String, Vec<u8>, Vec<usize>) {
    static ONCE: std::sync::OnceLock<(String, Vec<u8>, Vec<usize>)> = std::sync::OnceLock::new();
    ONCE.get_or_init(segment_of_twenty)
}

/// A segment of four records of which the second was lost with the power; each of the others says so many
/// before it were durable.
fn with_a_gap(synced: [u64; 2]) -> Result<Recovered, RecoverError> {
    let name = "000001-00000000";
    let lost = ended(1, 1).to_line(2, 0).len();
    let bytes = [
        header(4).to_line(name),
        ended(0, 1).to_line(1, 0),
        vec![0; lost],
        ended(2, 1).to_line(3, synced[0]),
        ended(3, 1).to_line(4, synced[1]),
    ]
    .concat();
    let mut recovered = Recovered::default();
    let (_, end) = read_lines(&format!("{name}.jsonl"), &bytes[..], &mut recovered)?;
    assert_eq!(end, End::Clean);
    Ok(recovered)
}

#[test]
fn records_lost_with_the_power_are_a_gap_unless_they_were_durable() {
    let recovered = with_a_gap([1, 1]).expect("nobody was told of it");
    let there: Vec<bool> = (0..4)
        .map(|task| recovered.terminal(TaskIndex(task)).is_some())
        .collect();
    assert_eq!(there, [true, false, true, true]);
    assert_eq!(recovered.segments()[0].records, 3);
    let [Note::Lost { records: 1, .. }] = recovered.notes() else {
        panic!("{:?}", recovered.notes());
    };
    // One of the later records knows that the lost one was durable.
    for synced in [[2, 2], [1, 3]] {
        let refused = with_a_gap(synced);
        assert!(
            matches!(refused, Err(RecoverError::Damaged { .. })),
            "{refused:?}"
        );
    }
}
