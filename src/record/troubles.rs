//! Every way in which the record of a run can fail that no story elsewhere tells: each is made to happen.

use std::fs;
use std::path::Path;

use super::derive::DeriveError;
use super::fixtures::{attempt, ended, header, run_folder};
use super::*;
use crate::experiment::plan::{Body, LfsrBody, Plan, PlanDigest, Shard};
use crate::experiment::{AttemptOutcome, Outcome, OutcomeKind, TaskOutput, Work};
use crate::ids::TaskIndex;
use crate::lfsr::{Enumeration, RangeTable, Register, plan_ranges};

/// A folder where a file should be: no system reads or replaces that.
fn folder_at(path: &Path) {
    fs::create_dir_all(path.join("not empty")).expect("a folder");
}

/// The enumeration of a register over GF(2), as the plan of a run, and its table.
fn enumeration(coefficients: &[u32]) -> (Plan, RangeTable) {
    let register = Register::new(2, coefficients).expect("a register");
    let ranges = plan_ranges(&register).expect("few states");
    let body = Body::Lfsr(LfsrBody {
        register,
        is_analysed: false,
        ranges,
    });
    let plan = Plan::new(7, PlanDigest([3; 32]), [("g".to_owned(), body)]).expect("few tasks");
    let Work::Enumerate(task) = plan.work(TaskIndex(0)) else {
        panic!("it enumerates")
    };
    let table = Enumeration::prepare(&task).and_then(|ready| ready.run());
    (plan, table.expect("a table"))
}

#[test]
fn what_the_system_refuses_is_said_with_its_path() {
    let (above, folder) = run_folder();
    let blocked = above.path().join("file");
    fs::write(&blocked, b"theirs").expect("written");
    let error = RunFolder::create(&blocked.join("run")).expect_err("a file is no folder");
    assert!(
        matches!(&error, FolderError::Io(e) if e.to_string().contains("file")),
        "{error}"
    );

    folder_at(&folder.manifest());
    let error = Manifest::read(&folder).expect_err("a folder is no manifest");
    assert!(
        matches!(&error, ManifestError::Io(e) if e.to_string().contains("manifest.json")),
        "{error}"
    );

    let (_, table) = enumeration(&[1, 1, 0, 0]);
    let store = SegmentStore::new(&folder);
    let digest = store.put(&table).expect("kept");
    fs::remove_file(folder.segments().join(&digest)).expect("it was there");
    folder_at(&folder.segments().join(&digest));
    let error = store.get(&digest).expect_err("a folder is no table");
    assert!(
        matches!(&error, SegmentError::Io(e) if e.to_string().contains(&digest)),
        "{error}"
    );
    fs::remove_dir_all(folder.segments()).expect("it was there");
    fs::write(folder.segments(), b"theirs").expect("written");
    let error = store.put(&table).expect_err("there is no folder for it");
    assert!(
        matches!(error, SegmentError::Folder(FolderError::NotAFolder(_))),
        "{error}"
    );
}

#[test]
fn a_manifest_that_is_none_or_is_newer_is_refused() {
    let (_above, folder) = run_folder();
    fs::write(folder.manifest(), b"{\n  \"schema\": x}").expect("written");
    let error = Manifest::read(&folder).expect_err("garbage");
    assert!(
        matches!(&error, ManifestError::Unreadable { error, .. } if error.line() == 2),
        "{error}"
    );
    fs::write(folder.manifest(), b"{\"schema\": 9, \"new\": 1}").expect("written");
    let error = Manifest::read(&folder).expect_err("newer");
    assert!(
        matches!(
            error,
            ManifestError::Schema {
                found: 9,
                known: SCHEMA,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_record_beyond_every_measure_is_not_begun() {
    let (_above, folder) = run_folder();
    let mut journal = Journal::create(&folder, header(2)).expect("a journal");
    let endless = Record::Attempt {
        index: TaskIndex(0),
        attempt: attempt(
            &"x".repeat(entry::LONGEST_LINE),
            1,
            AttemptOutcome::Interrupted,
        ),
        terminal: None,
    };
    let error = journal.append(&endless).expect_err("it is too long");
    assert!(
        matches!(error, JournalError::TooLong(bytes) if bytes > entry::LONGEST_LINE),
        "{error}"
    );
    // Nothing of it was written, and the journal goes on.
    journal.append(&ended(1, 1)).expect("appended");
    journal.flush().expect("durable");
    let recovered = recover(&folder, None, Repair::Report).expect("a good journal");
    assert_eq!(recovered.state(TaskIndex(1)), Some(OutcomeKind::Ok));
    assert_eq!(recovered.state(TaskIndex(0)), None);
}

#[test]
fn a_journal_that_changes_under_its_reader_is_noticed() {
    let (_above, folder) = run_folder();
    let mut journal = Journal::create(&folder, header(2)).expect("a journal");
    let position = journal.append(&ended(0, 1)).expect("appended");
    journal.flush().expect("durable");
    let recovered = recover(&folder, None, Repair::Report).expect("a good journal");
    let segment = folder
        .journal()
        .join(format!("{}.jsonl", journal.segment()));
    let whole = fs::read(&segment).expect("there");
    let start = position.offset as usize;

    let mut harmed = whole.clone();
    harmed[start + 3] ^= 1;
    for bytes in [&harmed[..], &whole[..start + 9]] {
        fs::write(&segment, bytes).expect("written");
        let error = Reader::new(&folder, &recovered).record(position);
        assert!(
            matches!(error, Err(ReadError::Changed { offset, .. }) if offset == position.offset),
            "{error:?}"
        );
    }
    // A record of a later version: its checksum is right, its type is not known here.
    let later = line::seal(br#"{"seq":1,"type":"later","index":0}"#.to_vec());
    fs::write(&segment, [&whole[..start], &later].concat()).expect("written");
    let at = Position {
        length: later.len() as u32,
        ..position
    };
    let error = Reader::new(&folder, &recovered).record(at);
    assert!(
        matches!(&error, Err(ReadError::Unreadable { what, .. }) if what.contains("unknown")),
        "{error:?}"
    );
    fs::remove_file(&segment).expect("it was there");
    let error = Reader::new(&folder, &recovered).record(position);
    assert!(matches!(error, Err(ReadError::Io(_))), "{error:?}");
}

#[test]
fn damage_before_valid_records_is_refused_with_its_place() {
    let (_above, folder) = run_folder();
    let mut journal = Journal::create(&folder, header(2)).expect("a journal");
    let position = journal.append(&ended(0, 1)).expect("appended");
    journal.append(&ended(1, 1)).expect("appended");
    journal.flush().expect("durable");
    let segment = folder
        .journal()
        .join(format!("{}.jsonl", journal.segment()));
    let mut bytes = fs::read(&segment).expect("there");
    bytes[position.offset as usize + 5] ^= 1;
    fs::write(&segment, &bytes).expect("written");
    let error = recover(&folder, None, Repair::Report).expect_err("it is damaged");
    assert!(
        matches!(error, RecoverError::Damaged { offset, .. } if offset == position.offset),
        "{error}"
    );
    assert!(error.hint().is_some());
}

/// A run of the plan's only task, whose result is the table of `outcome`.
fn recorded(folder: &RunFolder, plan: &Plan, table: RangeTable) -> Recovered {
    let store = SegmentStore::new(folder);
    store.put(&table).expect("kept");
    let outcome = Outcome::Ok(TaskOutput::Enumeration(table));
    let mut journal = Journal::create(folder, Header::of(plan, "0.1.0")).expect("a journal");
    let index = TaskIndex(0);
    let record = Record::Attempt {
        index,
        attempt: attempt(&plan.id(index), 1, AttemptOutcome::Ok),
        terminal: Some(Terminal::of(plan, index, &outcome)),
    };
    journal.append(&record).expect("appended");
    journal.flush().expect("durable");
    recover(folder, Some(plan.digest()), Repair::Report).expect("a good journal")
}

#[test]
fn files_that_cannot_be_derived_are_said_and_the_old_ones_stay() {
    let (plan, table) = enumeration(&[1, 1, 0, 0]);
    // The table of a longer register: whole, and of no use here.
    let (_, other) = enumeration(&[1, 0, 1, 0, 0]);
    let (_above, folder) = run_folder();
    let recovered = recorded(&folder, &plan, other);
    let error = derive::write_all(&folder, &plan, &recovered, Shard::WHOLE);
    assert!(matches!(error, Err(DeriveError::Merge { .. })), "{error:?}");
    assert!(error.is_err_and(|e| e.hint().is_some()));

    let (_above, folder) = run_folder();
    let recovered = recorded(&folder, &plan, table);
    folder_at(&folder.summary());
    let error = derive::write_all(&folder, &plan, &recovered, Shard::WHOLE);
    assert!(
        matches!(&error, Err(DeriveError::Io(e)) if e.to_string().contains("summary.json")),
        "{error:?}"
    );
    let segment = fs::read_dir(folder.journal())
        .expect("a folder")
        .next()
        .expect("a segment")
        .expect("an entry");
    fs::write(segment.path(), b"nothing is here any more\n").expect("written");
    let error = derive::write_all(&folder, &plan, &recovered, Shard::WHOLE);
    assert!(
        matches!(error, Err(DeriveError::Read(ReadError::Changed { .. }))),
        "{error:?}"
    );
}
