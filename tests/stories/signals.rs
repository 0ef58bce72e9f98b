//! The user stops a run, or the terminal goes away.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::resume::endless;
use crate::common::{Lab, Reader, Running};

/// 100 series under 6 models.
const TASKS: usize = 600;

fn many_tasks(lab: &Lab, name: &str) -> crate::common::Supervisor {
    lab.supervisor([
        "run",
        "--set",
        "experiment.synthetic.max-series=100",
        "--run-dir",
        name,
    ])
    .args(["--set", "experiment.synthetic.horizon=6"])
}

/// Tasks of the spec above, the two registers included.
const ALL: usize = TASKS + 4;

/// An endless run with a worker that computes.
fn running_endlessly(lab: &Lab, grace: &str) -> Running {
    let mut running = lab
        .supervisor(endless())
        .args(["--run-dir", "run", "--grace", grace])
        .background();
    let journal = lab.path("run/journal");
    let _ = running.wait_for("a journal", |_| {
        std::fs::read_dir(&journal).ok()?.next()?.ok()
    });
    // The zygote and a start cost less than 50 ms of processor time.
    running.wait_for("a worker that computes", |running| {
        let census = running.descendants();
        census
            .processes()
            .iter()
            .any(|process| cpu_ticks(process.pid) >= 5)
            .then_some(())
    });
    running
}

/// Processor time of a process in clock ticks (hundredths of a second).
fn cpu_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    fields
        .get(11)
        .and_then(|ticks| ticks.parse().ok())
        .unwrap_or(0)
}

#[test]
fn each_signal_stops_a_run_with_its_own_code_and_the_run_goes_on_to_the_same_bytes() {
    let lab = Lab::new();
    many_tasks(&lab, "calm").run().assert_code(0);
    let calm = lab.run_folder("calm");
    calm.assert_all_ok(ALL);
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
    ] {
        let name = signal.as_str();
        let folder = lab.run_folder(name);
        let mut running = many_tasks(&lab, name).background();
        running.wait_for_recorded(&folder, 20);
        running.signal(signal);
        running.wait().assert_code(code);
        assert!(lab.census().is_empty(), "{name}: {:#?}", lab.census());
        assert!(lab.leftovers().is_empty(), "{name}: {:?}", lab.leftovers());
        let done = folder.results().len();
        assert!((20..ALL).contains(&done), "{name}: {done} of {ALL}");
        assert_eq!(
            done,
            folder.recorded(),
            "{name}: what was recorded is derived"
        );
        let experiment = folder.experiment("synthetic");
        assert_eq!(experiment["incomplete"], true, "{name}");

        lab.supervisor(["resume", name]).run().assert_code(0);
        folder.assert_same_results(&calm, name);
        folder.assert_all_ok(ALL);
    }
}

#[test]
fn a_task_that_outlasts_the_grace_is_interrupted_and_has_no_result() {
    let lab = Lab::new();
    let running = running_endlessly(&lab, "100ms");
    let began = Instant::now();
    running.signal(Signal::SIGINT);
    running.wait().assert_code(130);
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    let folder = lab.run_folder("run");
    assert!(
        folder.outcomes().contains_key("interrupted"),
        "{:?}",
        folder.outcomes()
    );
    assert_eq!(
        folder.results(),
        Vec::<serde_json::Value>::new(),
        "no terminal record"
    );
    assert_eq!(
        folder.experiment("lfsr")["cycle_lengths"],
        serde_json::Value::Null
    );
    assert!(lab.census().is_empty(), "{:#?}", lab.census());
}

#[test]
fn a_second_signal_ends_the_workers_at_once() {
    let lab = Lab::new();
    let mut running = running_endlessly(&lab, "1h");
    running.signal(Signal::SIGINT);
    running.wait_until_taken();
    assert!(!running.descendants().is_empty(), "the first is polite");
    let began = Instant::now();
    running.signal(Signal::SIGINT);
    running.wait().assert_code(130);
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert!(lab.run_folder("run").outcomes().contains_key("interrupted"));
    assert!(lab.census().is_empty(), "{:#?}", lab.census());
}

#[test]
fn a_hangup_that_was_ignored_before_stays_ignored() {
    let lab = Lab::new();
    let folder = lab.run_folder("run");
    // What nohup does.
    let mut running = many_tasks(&lab, "run")
        .through_shell("trap '' HUP; exec \"$@\"")
        .background();
    running.wait_for_recorded(&folder, 20);
    running.signal(Signal::SIGHUP);
    running.wait().assert_code(0);
    folder.assert_all_ok(ALL);
}

#[test]
fn a_reader_that_has_heard_enough_does_not_stop_a_run() {
    let lab = Lab::new();
    for (name, reader) in [("head", Reader::FirstLine), ("gone", Reader::Gone)] {
        for output in ["table", "json", "csv"] {
            let folder = format!("{name}-{output}");
            lab.supervisor(["run", "--run-dir", &folder, "--output", output])
                .stdout(reader)
                .run()
                .assert_code(0);
            lab.run_folder(&folder).assert_all_ok(76);
        }
    }
}

#[test]
fn a_standard_error_that_is_gone_or_closed_does_not_stop_a_run() {
    let lab = Lab::new();
    lab.supervisor(["run", "--run-dir", "gone"])
        .stderr(Reader::Gone)
        .run()
        .assert_code(0);
    lab.run_folder("gone").assert_all_ok(76);
    let closings = [
        ("err", "exec \"$@\" 2>&-"),
        ("all", "exec \"$@\" <&- >&- 2>&-"),
    ];
    for (name, text) in closings {
        lab.supervisor(["run", "--run-dir", name])
            .through_shell(text)
            .run()
            .assert_code(0);
        lab.run_folder(name).assert_all_ok(76);
    }
}

#[test]
fn an_error_that_nobody_can_read_keeps_its_code() {
    let lab = Lab::new();
    lab.supervisor(["run", "none.toml"])
        .stderr(Reader::Gone)
        .run()
        .assert_code(2);
    lab.supervisor(["run", "none.toml"])
        .through_shell("exec \"$@\" 2>&-")
        .run()
        .assert_code(2);
    assert!(lab.listing().is_empty());
}

#[test]
fn a_signal_while_the_start_method_is_tried_is_not_lost() {
    for method in ["fork", "spawn"] {
        let lab = Lab::new();
        let mut running = lab
            .supervisor(endless())
            .args([
                "--run-dir",
                "run",
                "--grace",
                "100ms",
                "--start-method",
                method,
            ])
            .patience(Duration::from_secs(30))
            .background();
        // The first process of a run is the zygote or the worker of the self-test.
        running.wait_for_process("a process of the self-test", |_| true);
        running.signal(Signal::SIGINT);
        running.wait().assert_code(130);
        assert!(lab.census().is_empty(), "{method}: {:#?}", lab.census());
    }
}
