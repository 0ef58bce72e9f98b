//! Rows 116 to 119 and 130: the system refuses a call on the run folder.

use std::fs;

use crate::common::{Finished, Lab, Supervisor};
use crate::mounts::{mounted, mounted_and, mounts};
use crate::scenario::{Scenario, rows, terminal_records, with_faults};
use crate::syscalls::{count_calls, injected, sample, tampered, trace_of, traced};
use crate::trial::{Faults, assert_nothing_left, spec, strace, trial};

rows! {
    both:
        row_116_no_space_at_every_nth_write,
        row_116_a_small_disk_fills_up,
        row_117_a_write_or_a_sync_fails,
        row_117_a_failed_sync_is_never_tried_again,
        row_118_interrupted_at_every_nth_call,
        row_118_short_writes;
}

const TASKS: usize = 10;

/// A small run without the counts of descriptors, whose file is not on the disk that is meant.
fn command(scenario: &Scenario) -> Supervisor {
    let experiments = &scenario.experiments;
    trial(&scenario.lab, "run", &scenario.method, experiments).arg("--quiet")
}

/// Injects this error into every so-many-th of these calls of a run of its own, and has `check` see what came
/// of it. Gives back how often the error was met.
fn inject_each(
    method: &str,
    calls: &[&str],
    error: &str,
    every: usize,
    check: impl Fn(&Scenario, Finished, &str),
) -> Option<usize> {
    let strace = strace()?;
    let counted = Scenario::calm(method, TASKS);
    let counts = count_calls(&strace, &counted.lab, command(&counted));
    let mut met = 0;
    for call in calls {
        let count = counts.get(call).copied().unwrap_or_default();
        assert!(count > 0, "no {call}: {counts:?}");
        for n in sample(count, every) {
            let scenario = Scenario::calm(method, TASKS);
            let injection = format!("{call}:error={error}:when={n}");
            let lab = &scenario.lab;
            let finished = injected(&strace, lab, command(&scenario), &injection).run();
            // How many syncs there are is a matter of timing.
            let tampered = tampered(lab);
            assert!(tampered == 1 || *call == "fdatasync", "{injection}");
            met += tampered;
            if tampered == 1 {
                check(&scenario, finished, &injection);
            }
        }
    }
    Some(met)
}

/// Exit code 3 with this reason and what can be done; and once the fault is gone, the run goes on to its end.
fn ends_with_3_and_can_go_on(scenario: &Scenario, finished: &Finished, reason: &str, what: &str) {
    assert_eq!(finished.code(), Some(3), "{what}: {finished:?}");
    for text in [reason, "hint: "] {
        assert!(finished.stderr.contains(text), "{what}: {finished:?}");
    }
    scenario.aftermath(finished).ended_early(3);
    let before = terminal_records(&scenario.folder());
    let resumed = command(scenario).run();
    let after = terminal_records(&scenario.folder());
    for (task, records) in &before {
        assert_eq!(after.get(task), Some(records), "{what}: lost");
    }
    scenario.aftermath(&resumed).completes(0);
}

fn row_116_no_space_at_every_nth_write(method: &str) {
    for (error, reason) in [("ENOSPC", "No space left on device"), ("EDQUOT", "quota")] {
        let every = if error == "ENOSPC" { 5 } else { 11 };
        let met = inject_each(
            method,
            &["write"],
            error,
            every,
            |scenario, finished, what| {
                ends_with_3_and_can_go_on(scenario, &finished, reason, what);
            },
        );
        assert_ne!(met, Some(0));
    }
}

/// A file system of so many bytes: too small for the journal, and too small for the derived files alone.
fn row_116_a_small_disk_fills_up(method: &str) {
    let Some(way) = mounts() else { return };
    for tasks in [120, 55] {
        let scenario = Scenario::calm(method, tasks);
        fs::create_dir(scenario.lab.path("disk")).expect("the lab is new");
        scenario.lab.write("run.toml", spec(&scenario.experiments));
        let run = Supervisor::within(&scenario.lab)
            .args(["run", "run.toml", "--run-dir", "disk/run", "--quiet"])
            .args([
                "--start-method",
                method,
                "--progress",
                "none",
                "--workers",
                "2",
            ]);
        // The namespace takes the disk with it: what is on it then is what is looked at afterwards.
        let finished = mounted_and(
            way,
            run,
            "mount -t tmpfs -o size=64k none disk",
            "code=0; \"$@\" || code=$?; cp -a disk/run run; exit $code",
        )
        .run();
        ends_with_3_and_can_go_on(&scenario, &finished, "No space left on device", method);
    }
}

fn row_117_a_write_or_a_sync_fails(method: &str) {
    let calls = ["write", "fsync", "fdatasync", "rename"];
    let met = inject_each(method, &calls, "EIO", 9, |scenario, finished, what| {
        ends_with_3_and_can_go_on(scenario, &finished, "Input/output error", what);
    });
    assert!(met.is_none_or(|met| met >= 6), "{met:?}");
}

/// The kernel may report an error of the disk once and then say that all is well: no later success counts.
fn row_117_a_failed_sync_is_never_tried_again(method: &str) {
    let met = inject_each(
        method,
        &["fdatasync"],
        "EIO",
        1,
        |scenario, finished, what| {
            let trace = trace_of(&scenario.lab);
            let (_, after) = trace.split_once("(INJECTED)").expect("it was met");
            assert!(!after.contains("fdatasync("), "{what}: {trace}");
            assert_eq!(finished.code(), Some(3), "{what}: {finished:?}");
            assert!(
                !scenario.folder().path().join("results.jsonl").exists(),
                "{what}"
            );
        },
    );
    assert_ne!(met, Some(0));
}

fn row_118_interrupted_at_every_nth_call(method: &str) {
    let calls = ["write", "fsync", "fdatasync", "rename"];
    let met = inject_each(method, &calls, "EINTR", 6, |scenario, finished, what| {
        assert_eq!(finished.code(), Some(0), "{what}: {finished:?}");
        scenario.aftermath(&finished).completes(0);
    });
    assert!(met.is_none_or(|met| met >= 9), "{met:?}");
}

fn row_118_short_writes(method: &str) {
    let scenario = Scenario::calm(method, TASKS);
    // The first half of a record, then the first half of the rest, and so on: every write is short.
    let finished = scenario.with_faults("journal.write:short").run();
    assert!(scenario.fired("journal.write") > 5 * TASKS);
    scenario.aftermath(&finished).completes(0);
}

/// No worker is started, and nothing is written, where the run folder cannot be made. A fail point that every
/// worker passes counts those that start.
#[track_caller]
fn refused_before_anything(lab: &Lab, command: Supervisor, reason: &str) {
    let before = lab.listing();
    let finished = with_faults(lab, command, "worker.start:exit=9:1000")
        .run()
        .assert_code(3)
        .assert_says(&[reason, "hint: "]);
    assert_eq!(lab.listing(), before, "{finished:?}");
    let passed = lab.root().join("fault-log.worker.start");
    assert!(!passed.exists(), "a worker was started: {finished:?}");
    assert_nothing_left(lab, &finished);
}

fn small_run(lab: &Lab, run_dir: &str) -> Supervisor {
    lab.write("spec.toml", spec(&[Faults::new(4, "error", 0, 0)]));
    lab.supervisor(["run", "spec.toml", "--run-dir", run_dir])
}

#[test]
fn row_119_a_read_only_place() {
    let Some(way) = mounts() else { return };
    let lab = Lab::new();
    fs::create_dir(lab.path("place")).expect("the lab is new");
    let command = small_run(&lab, "place/run");
    let read_only = "mount --bind place place; mount -o remount,bind,ro place";
    refused_before_anything(
        &lab,
        mounted(way, command, read_only),
        "Read-only file system",
    );
}

#[test]
fn row_119_a_run_folder_that_became_read_only() {
    let Some(way) = mounts() else { return };
    let scenario = Scenario::calm("fork", 4);
    let finished = scenario.command().run();
    scenario.aftermath(&finished).completes(0);
    let command = scenario.lab.supervisor(["resume", "run"]);
    let read_only = "mount --bind run run; mount -o remount,bind,ro run";
    refused_before_anything(
        &scenario.lab,
        mounted(way, command, read_only),
        "Read-only file system",
    );
}

#[test]
fn row_119_no_permission_no_quota() {
    let Some(strace) = strace() else { return };
    for (error, reason) in [("EACCES", "Permission denied"), ("EDQUOT", "quota")] {
        let lab = Lab::new();
        let command = small_run(&lab, "run");
        let command = injected(
            &strace,
            &lab,
            command,
            &format!("?mkdir:error={error}:when=1"),
        );
        refused_before_anything(&lab, command, reason);
        assert_eq!(tampered(&lab), 1);
    }
}

#[test]
fn row_119_too_long_a_name() {
    let lab = Lab::new();
    let command = small_run(&lab, &"n".repeat(300));
    refused_before_anything(&lab, command, "File name too long");
}

#[test]
fn row_130_a_file_system_without_locks() {
    let Some(strace) = strace() else { return };
    for (error, reason) in [
        ("ENOLCK", "No locks available"),
        ("ENOSYS", "not implemented"),
    ] {
        let lab = Lab::new();
        let command = small_run(&lab, "run");
        let finished = injected(
            &strace,
            &lab,
            command,
            &format!("flock:error={error}:when=1+"),
        )
        .run()
        .assert_code(3)
        .assert_says(&[
            "file locks do not work here",
            reason,
            "hint: put the run folder",
        ]);
        assert_eq!(tampered(&lab), 1);
        assert_eq!(lab.run_folder("run").recorded(), 0);
        assert_nothing_left(&lab, &finished);
    }
}

/// A series too long for a message is kept in a file that workers map.
#[test]
fn row_130_a_file_system_without_maps() {
    let Some(strace) = strace() else { return };
    let lab = Lab::new();
    let values: String = (0..7000).map(|n| format!("{}\n", n % 97)).collect();
    lab.write("long.csv", format!("value\n{values}"));
    let forecast = || {
        lab.supervisor(["forecast", "--mode", "custom", "--data", "long.csv"])
            .args(["--models", "naive", "--run-dir", "run"])
    };
    let store = lab.path("run/data/forecast/values.npy");
    let options = format!(
        "-P '{}' -e trace=mmap -e inject=mmap:error=ENODEV",
        store.display()
    );
    let finished = traced(&strace, &lab, forecast(), &options)
        .run()
        .assert_code(3)
        .assert_says(&["failed to map", "values.npy", "hint: ", "mapped"]);
    assert_eq!(tampered(&lab), 1, "{}", trace_of(&lab));
    assert!(!finished.stderr.contains("start method"), "{finished:?}");
    assert_nothing_left(&lab, &finished);
    // On another file system it runs.
    forecast().run().assert_code(0);
    lab.run_folder("run").assert_all_ok(1);
}
