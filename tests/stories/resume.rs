//! A run goes on from its folder, and nothing is done twice.

use std::collections::BTreeSet;
use std::fs;

use nix::sys::signal::Signal;

use crate::common::{Lab, RunFolder};

/// Files that a resume with nothing to run must leave as they are.
const DERIVED: [&str; 3] = ["results.jsonl", "summary.json", "attempts.jsonl"];

fn derived(folder: &RunFolder) -> Vec<Vec<u8>> {
    DERIVED.iter().map(|name| folder.bytes(name)).collect()
}

/// A register whose ranges take long: a task outlasts whatever a test does meanwhile.
pub fn endless() -> Vec<String> {
    // A rotation of 40 symbols: none of its 27 thousand million cycles is longer than 40, so all of them are found by the sweep.
    let coefficients: Vec<&str> = (0..40)
        .map(|place| if place == 0 { "1" } else { "0" })
        .collect();
    [
        "lfsr",
        "2",
        "--analysis",
        "enumerate",
        "--coefficients",
        &coefficients.join(","),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn a_finished_run_has_nothing_to_run_again() {
    let lab = Lab::new();
    lab.supervisor(["run", "--run-dir", "run"])
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    let before = derived(&folder);
    let recorded = folder.recorded();

    lab.supervisor(["run", "--run-dir", "run"])
        .run()
        .assert_code(0);
    assert_eq!(derived(&folder), before);
    lab.supervisor(["resume", "run", "--start-method", "inline"])
        .run()
        .assert_code(0);
    assert_eq!(derived(&folder), before);
    assert_eq!(folder.recorded(), recorded, "no task was run");
    let manifest = folder.manifest();
    let supervisors = manifest["supervisors"].as_array().map(Vec::len);
    assert_eq!(supervisors, Some(3), "each that held the folder is named");
}

#[test]
fn latest_can_be_resumed_by_its_link() {
    let lab = Lab::new();
    lab.supervisor(["run"]).run().assert_code(0);
    let latest = fs::read_link(lab.path("runs/latest")).expect("a link");
    let folder = lab.run_folder("runs").path().join(&latest);
    let folder = RunFolder::at(folder);
    let before = derived(&folder);
    lab.supervisor(["resume", "runs/latest"])
        .run()
        .assert_code(0);
    assert_eq!(derived(&folder), before);
    let runs = fs::read_dir(lab.path("runs"))
        .expect("the folder is there")
        .count();
    assert_eq!(runs, 2, "the run and the link, no second run");
}

#[test]
fn the_folder_of_another_plan_is_refused_and_left_alone() {
    let lab = Lab::new();
    lab.supervisor(["run", "--run-dir", "run"])
        .run()
        .assert_code(0);
    let before = lab.listing();
    for other in [
        vec!["run", "--seed", "43", "--run-dir", "run"],
        vec![
            "run",
            "--set",
            "experiment.synthetic.horizon=6",
            "--run-dir",
            "run",
        ],
        vec!["lfsr", "2", "--coefficients", "1,1", "--run-dir", "run"],
    ] {
        lab.supervisor(other)
            .run()
            .assert_code(2)
            .assert_says(&["plan", "hint: "]);
        assert_eq!(lab.listing(), before);
    }
}

#[test]
fn how_a_plan_is_run_does_not_make_it_another() {
    let lab = Lab::new();
    lab.supervisor(["run", "--run-dir", "run"])
        .run()
        .assert_code(0);
    lab.supervisor([
        "run",
        "--run-dir",
        "run",
        "--workers",
        "3",
        "--timeout",
        "5m",
    ])
    .args([
        "--retries",
        "0",
        "--start-method",
        "spawn",
        "--max-tasks-per-worker",
        "4",
    ])
    .run()
    .assert_code(0);
    assert_eq!(lab.run_folder("run").attempts().len(), 76);
}

#[test]
fn what_ended_badly_is_run_again_only_when_asked() {
    let lab = Lab::new();
    // The second series is too short: its tasks end as errors, whenever they run.
    lab.write("wide.csv", "fine,short\n1,1\n2,2\n3,\n4,\n5,\n");
    let flags = [
        "--data",
        "wide.csv",
        "--test-size",
        "3",
        "--models",
        "naive,drift",
        "--run-dir",
        "run",
    ];
    lab.supervisor(["forecast", "--mode", "custom"])
        .args(flags)
        .run()
        .assert_code(1);
    let folder = lab.run_folder("run");
    let results = folder.bytes("results.jsonl");
    assert_eq!(folder.states()["error"], 2);
    assert_eq!(folder.attempts().len(), 4);

    lab.supervisor(["resume", "run"]).run().assert_code(1);
    assert_eq!(folder.attempts().len(), 4, "nothing was run");
    lab.supervisor(["resume", "run", "--retry", "failed"])
        .run()
        .assert_code(1);
    assert_eq!(folder.attempts().len(), 6, "the two that failed");
    assert_eq!(folder.outcomes()["error"], 4);
    assert_eq!(folder.bytes("results.jsonl"), results);
}

#[test]
fn a_run_folder_in_use_is_refused_with_the_number_of_its_holder() {
    let lab = Lab::new();
    let mut first = lab
        .supervisor(endless())
        .args(["--run-dir", "run"])
        .background();
    let journal = lab.path("run/journal");
    let _ = first.wait_for("a journal", |_| fs::read_dir(&journal).ok()?.next()?.ok());

    let before = lab.run_folder("run").bytes("manifest.json");
    for second in [
        lab.supervisor(endless()).args(["--run-dir", "run"]),
        lab.supervisor(["resume", "run"]),
    ] {
        second
            .run()
            .assert_code(4)
            .assert_says(&["in use", &first.pid().to_string(), "hint: "]);
    }
    assert_eq!(lab.run_folder("run").bytes("manifest.json"), before);
    first.signal(Signal::SIGINT);
    first.wait_until_taken();
    first.signal(Signal::SIGINT);
    first.wait().assert_code(130);
}

#[test]
fn two_shards_together_are_the_whole_and_each_says_that_it_is_not() {
    let lab = Lab::new();
    lab.supervisor(["run", "--run-dir", "whole"])
        .run()
        .assert_code(0);
    let whole = lab.run_folder("whole");
    let mut together = BTreeSet::new();
    let mut lines = 0;
    for (shard, name) in [("0/2", "zero"), ("1/2", "one")] {
        lab.supervisor(["run", "--shard", shard, "--run-dir", name])
            .run()
            .assert_code(0);
        let part = lab.run_folder(name);
        let tasks = part.tasks();
        assert!(
            !tasks.is_empty() && tasks.len() < 76,
            "{} tasks in {shard}",
            tasks.len()
        );
        lines += tasks.len();
        together.extend(part.text("results.jsonl").lines().map(str::to_owned));
        let summary = part.summary();
        let experiments = summary["experiments"].as_array().expect("a list");
        for experiment in experiments {
            let missing = experiment["tasks"]["missing"].as_u64().expect("a count");
            let incomplete = experiment.get("incomplete").is_some();
            assert_eq!(incomplete, missing > 0, "{experiment:#}");
        }
        assert_eq!(experiments[0]["incomplete"], true, "{summary:#}");
        assert_eq!(
            part.manifest()["plan_digest"],
            whole.manifest()["plan_digest"]
        );
    }
    assert_eq!(lines, 76, "every task once");
    let expected: BTreeSet<String> = whole
        .text("results.jsonl")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(together, expected);
}

#[test]
fn one_task_alone_is_run_and_the_rest_later() {
    let lab = Lab::new();
    let task = "synthetic/synthetic-3/theta";
    lab.supervisor(["run", "--only", task, "--run-dir", "run"])
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    assert_eq!(folder.tasks(), [task]);
    lab.supervisor(["resume", "run"]).run().assert_code(0);
    folder.assert_all_ok(76);
    assert_eq!(folder.attempts().len(), 76);
}
