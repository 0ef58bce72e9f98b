//! A run goes on with the plan it was begun with, exactly where it was.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{goes_on, resume};
use crate::common::{Lab, RunFolder};
use crate::scenario::{Scenario, rows, terminal_records, with_faults};
use crate::trial::{Faults, spec};

rows! {
    both: row_112_a_changed_plan_is_refused,
        row_112_another_start_method_changes_nothing,
        row_113_a_finished_run_is_resumed,
        row_115_one_task_further_each_time;
}

/// The same run, ended by SIGKILL when its first records are written.
fn killed_after(scenario: &Scenario, records: usize) {
    let finished = scenario
        .with_faults(&format!("supervisor.recorded:signal=9:{records}"))
        .run();
    assert_eq!(finished.ended_by(), Some(9), "{finished:?}");
    scenario.lab.assert_quiet_within(super::ORPHANS);
    assert_eq!(scenario.folder().recorded(), records);
}

fn row_112_a_changed_plan_is_refused(method: &str) {
    let one = Faults::new(4, "error", 0, 0).called("one");
    let two = Faults::new(4, "error", 0, 0).called("two");
    let scenario = Scenario::of(method, vec![one.clone(), two.clone()]);
    killed_after(&scenario, 2);
    let before = scenario.lab.listing();
    let added = vec![
        one.clone(),
        Faults {
            tasks: 5,
            ..two.clone()
        },
    ];
    let removed = vec![
        one.clone(),
        Faults {
            tasks: 3,
            ..two.clone()
        },
    ];
    let edited = vec![
        one.clone(),
        Faults {
            every: 2,
            ..two.clone()
        },
    ];
    let reordered = vec![two, one];
    let mut texts: Vec<String> = [added, removed, edited, reordered]
        .iter()
        .map(|plan| spec(plan))
        .collect();
    texts.push(spec(&scenario.experiments).replace("seed = 7", "seed = 8"));
    let own = scenario.folder().path().join("spec.toml");
    let own_text = fs::read_to_string(&own).expect("the run has its spec");
    for text in texts {
        scenario.lab.write("other.toml", &text);
        scenario
            .lab
            .supervisor(["run", "other.toml", "--run-dir", "run"])
            .run()
            .assert_code(2)
            .assert_says(&["plan", "hint: "]);
        // The same by `resume`, whose spec somebody has edited.
        fs::write(&own, &text).expect("it can be written");
        resume(&scenario)
            .run()
            .assert_code(2)
            .assert_says(&["plan"]);
        fs::write(&own, &own_text).expect("it can be written");
        fs::remove_file(scenario.lab.path("other.toml")).expect("it is there");
        assert_eq!(scenario.lab.listing(), before, "{text}");
    }
    goes_on(&scenario, 0);
}

fn row_112_another_start_method_changes_nothing(method: &str) {
    let scenario = Scenario::new(method, 8, "error", 4, 0);
    killed_after(&scenario, 3);
    let records = terminal_records(&scenario.folder());
    let other = if method == "fork" { "spawn" } else { "fork" };
    let finished = scenario
        .lab
        .supervisor(["resume", "run", "--start-method", other])
        .run();
    let methods: BTreeSet<String> = scenario
        .folder()
        .attempts()
        .iter()
        .map(|attempt| attempt["start_method"].to_string())
        .collect();
    assert_eq!(methods.len(), 2, "{methods:?}");
    let after = terminal_records(&scenario.folder());
    assert!(
        records
            .iter()
            .all(|(task, record)| after.get(task) == Some(record))
    );
    scenario.aftermath(&finished).completes(1);
}

fn row_113_a_finished_run_is_resumed(method: &str) {
    let scenario = Scenario::new(method, 6, "error", 3, 0);
    let finished = scenario.command().run();
    scenario.aftermath(&finished).completes(1);
    let folder = scenario.folder();
    let files = [
        "results.jsonl",
        "summary.json",
        "attempts.jsonl",
        "spec.toml",
    ];
    let bytes = || files.map(|name| folder.bytes(name));
    let before = bytes();
    let records = terminal_records(&folder);
    goes_on(&scenario, 1);
    assert_eq!(bytes(), before);
    assert_eq!(terminal_records(&folder), records, "0 tasks were run");
    assert_eq!(folder.attempts().len(), 6);
}

/// So often is the run killed in the test. `scripts/kill_supervisor.py --restarts` has no such bound.
const RESTARTS: usize = 60;

/// Nothing but the journal's segments and the list of supervisors grows.
fn row_115_one_task_further_each_time(method: &str) {
    let scenario = Scenario::new(method, RESTARTS + 2, "error", 0, 0);
    let mut files = BTreeSet::new();
    for restart in 0..RESTARTS {
        let lab = &scenario.lab;
        let command = if restart == 0 {
            scenario.command()
        } else {
            resume(&scenario)
        };
        let finished = with_faults(lab, command, "supervisor.recorded:signal=9:1")
            .env(
                "SUPERVISOR_FAULT_LOG",
                lab.root().join(format!("log-{restart}")),
            )
            .run();
        assert_eq!(finished.ended_by(), Some(9), "{restart}: {finished:?}");
        assert_eq!(scenario.folder().recorded(), restart + 1);
        assert_eq!(segments(&scenario.folder()), restart + 1);
        let now: BTreeSet<PathBuf> = lab
            .listing()
            .into_keys()
            .filter(|path| !is_segment(path))
            .collect();
        if restart == 0 {
            files = now;
        } else {
            assert_eq!(now, files, "{restart}");
        }
    }
    scenario.lab.assert_quiet_within(super::ORPHANS);
    goes_on(&scenario, 0);
    let lock = fs::metadata(scenario.folder().path().join("lock")).expect("it is there");
    assert!(lock.len() < 70 << 10, "{} bytes", lock.len());
    let supervisors = scenario.folder().manifest()["supervisors"].clone();
    assert_eq!(supervisors.as_array().map(Vec::len), Some(RESTARTS + 1));
}

fn is_segment(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| folder.ends_with("journal"))
}

fn segments(folder: &RunFolder) -> usize {
    let journal = fs::read_dir(folder.path().join("journal"));
    journal.expect("a run has a journal").count()
}

/// Run folders as each version of the format left them, killed in the middle, and what they are to end as.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/journals")
}

fn copied(lab: &Lab, schema: u32) -> RunFolder {
    let from = fixtures().join(format!("v{schema}"));
    let folder = lab.run_folder("run");
    copy_all(&from.join("run"), folder.path());
    folder
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the folder is new");
    for entry in fs::read_dir(from).expect("the fixture is there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

#[test]
fn row_114_a_run_of_an_older_version_goes_on_to_the_same_bytes() {
    for entry in fs::read_dir(fixtures())
        .expect("there are fixtures")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let schema: u32 = name[1..].parse().expect("named by their schema");
        let lab = Lab::new();
        let folder = copied(&lab, schema);
        let before = folder.recorded();
        assert!(before > 0, "{name} was killed in the middle");
        lab.supervisor(["resume", "run"]).run().assert_code(0);
        assert!(folder.recorded() > before);
        let expected = RunFolder::at(entry.path().join("expected"));
        folder.assert_same_results(&expected, &name);
    }
}

/// A changed line with the checksum it then has to have: CRC-32, bit by bit.
fn sealed_again(line: &str) -> String {
    let (body, _) = line.rsplit_once(",\"crc\":").expect("a sealed line");
    let crc = body.bytes().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            let bit = crc & 1;
            (crc >> 1) ^ (0xEDB8_8320 * bit)
        })
    });
    format!("{body},\"crc\":\"{:08x}\"}}", !crc)
}

#[test]
fn row_114_a_newer_version_is_refused_with_the_reason() {
    let lab = Lab::new();
    let folder = copied(&lab, 1);
    let journal = fs::read_dir(folder.path().join("journal")).expect("a journal");
    let segment = journal.flatten().next().expect("a segment").path();
    let old = fs::read_to_string(&segment).expect("text");
    let (header, rest) = old.split_once('\n').expect("a header");
    let newer = sealed_again(&header.replace("\"schema\":1", "\"schema\":2"));
    fs::write(&segment, format!("{newer}\n{rest}")).expect("it can be written");
    let before = lab.listing();
    lab.supervisor(["resume", "run"])
        .run()
        .assert_code(3)
        .assert_says(&["has schema 2", "reads up to schema 1"]);
    assert_eq!(lab.listing(), before, "nothing was touched");

    // The manifest comes first where both are newer.
    let manifest = folder.text("manifest.json");
    let newer = manifest.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert_ne!(newer, manifest);
    fs::write(folder.path().join("manifest.json"), newer).expect("it can be written");
    lab.supervisor(["resume", "run"])
        .run()
        .assert_code(3)
        .assert_says(&["has schema 2"]);
}
