//! However a plan is run, its results are the same bytes.

use crate::common::{Lab, RunFolder};

const SPEC: &str = r#"
schema = 1
seed = 7

[[experiment]]
name = "made"
kind = "forecast"
mode = "synthetic"
max-series = 8
horizon = 6
season-length = 12
models = ["naive", "seasonal-naive", "naive2", "drift", "ses", "holt", "damped", "comb", "theta", "ets", "mstl"]

[[experiment]]
name = "rolled"
kind = "forecast"
mode = "synthetic"
max-series = 4
horizon = 6
season-length = [4, 12]
windows = 3
window-step = 2
level = [80, 97.5]
models = [
    { model = "ets", error = "multiplicative", trend = "none", season = "multiplicative", fallback = "ets" },
    { model = "ets", name = "free" },
    { model = "mstl", transform = "log", fallback = "naive" },
]

[[experiment]]
name = "brought"
kind = "forecast"
mode = "custom"
data = "brought.csv"
horizon = 2
models = ["naive", "ses", "theta"]

[[experiment]]
name = "gf2-d21"
kind = "lfsr"
gf-order = 2
coefficients = [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

[[experiment]]
name = "gf5-singular"
kind = "lfsr"
gf-order = 5
coefficients = [0, 0, 2, 1, 0, 3]
"#;

/// Two ordinary series and one that is too short for theta: that task ends as `error` everywhere, and the
/// MASE of the other two is `null`.
const BROUGHT: &str = "a,b,short\n1,10,1\n2,9,2\n4,11,3\n3,12,\n5,8,\n6,13,\n7,9,\n8,12,\n";

/// 8 series under 11 models, 4 and 3 under 3, 2 ranges of 2^20 states and one of few, and an analysis of each register.
const TASKS: usize = 8 * 11 + 4 * 3 + 3 * 3 + 2 + 1 + 2;

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("spec.toml", SPEC);
    lab.write("brought.csv", BROUGHT);
    lab
}

/// Runs the spec in a way of its own; the folder.
fn run(lab: &Lab, method: &str, workers: &str, life: &str) -> RunFolder {
    let name = format!("{method}-{workers}-{life}");
    let flags = [
        "run",
        "spec.toml",
        "--start-method",
        method,
        "--workers",
        workers,
        "--max-tasks-per-worker",
        life,
        "--run-dir",
        &name,
    ];
    let finished = lab.supervisor(flags).run();
    // One task cannot be done, and everything else can.
    finished.assert_code(1);
    let folder = lab.run_folder(&name);
    let results = folder.results();
    let failed: Vec<&str> = results
        .iter()
        .filter(|result| result["state"] == "error")
        .filter_map(|result| result["task"].as_str())
        .collect();
    assert_eq!(failed, ["brought/short/theta"]);
    assert_eq!(folder.states()["ok"], TASKS - 1);
    folder
}

/// Every way of one start method against no process at all.
fn assert_parity(method: &str) {
    let lab = lab();
    let reference = run(&lab, "inline", "1", "1");
    assert_eq!(reference.results().len(), TASKS);
    assert_phases_add_up(&reference);
    for workers in ["1", "2", "5"] {
        for life in ["1", "7", "auto"] {
            let folder = run(&lab, method, workers, life);
            let what = format!("{method}, {workers} workers, {life} tasks a worker");
            folder.assert_same_results(&reference, &what);
            folder.assert_each_once();
            assert_phases_add_up(&folder);
        }
    }
    assert!(lab.census().is_empty(), "{:#?}", lab.census());
}

fn assert_phases_add_up(folder: &RunFolder) {
    let attempts = folder.attempts();
    assert_eq!(attempts.len(), TASKS, "an attempt a task");
    for attempt in attempts {
        let phases = attempt["phases_us"]
            .as_object()
            .expect("an object of phases");
        let sum: u64 = phases
            .values()
            .map(|us| us.as_u64().expect("microseconds"))
            .sum();
        assert_eq!(Some(sum), attempt["total_us"].as_u64(), "{attempt}");
    }
}

#[test]
fn fork_gives_the_bytes_of_no_process_whatever_the_workers_and_their_lives() {
    assert_parity("fork");
}

#[test]
fn spawn_gives_the_bytes_of_no_process_whatever_the_workers_and_their_lives() {
    assert_parity("spawn");
}

#[test]
fn a_worker_for_each_task_is_a_process_for_each_task() {
    let lab = lab();
    for (method, life, least, most) in [
        ("fork", "1", TASKS, TASKS),
        ("spawn", "1", TASKS, TASKS),
        // Nine workers of seven tasks; a worker that the end leaves unfilled may add some.
        ("fork", "7", TASKS.div_ceil(7), TASKS - 1),
    ] {
        let folder = run(&lab, method, "2", life);
        let mut pids: Vec<u64> = folder
            .attempts()
            .iter()
            .map(|attempt| attempt["pid"].as_u64().expect("a process number"))
            .collect();
        pids.sort_unstable();
        pids.dedup();
        assert!(
            (least..=most).contains(&pids.len()),
            "{method} {life}: {} processes",
            pids.len()
        );
    }
}

#[test]
fn the_seed_decides_and_nothing_else_does() {
    let lab = lab();
    let seven = run(&lab, "inline", "1", "1");
    let other = [
        "run",
        "spec.toml",
        "--seed",
        "8",
        "--start-method",
        "inline",
        "--run-dir",
        "eight",
    ];
    let _ = lab.supervisor(other).run();
    assert_ne!(
        lab.run_folder("eight").bytes("results.jsonl"),
        seven.bytes("results.jsonl")
    );
}
