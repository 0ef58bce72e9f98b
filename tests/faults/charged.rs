//! A death costs exactly the task that was running: it is charged once, run again, and nobody else notices.

use crate::common::Lab;
use crate::trial::{Faults, assert_nothing_left, calm_run, outcomes, trial, under_fork_and_spawn};

under_fork_and_spawn!(
    fifty_by_sigkill,
    fifty_by_sigsegv,
    in_kept_workers,
    in_groups,
);

fn fifty_by_sigkill(method: &str) {
    deaths_are_charged_to_their_tasks(method, 9, "SIGKILL");
}

fn fifty_by_sigsegv(method: &str) {
    deaths_are_charged_to_their_tasks(method, 11, "SIGSEGV");
}

fn deaths_are_charged_to_their_tasks(method: &str, number: i32, name: &str) {
    let lab = Lab::new();
    let faults = Faults::new(500, &format!("signal={number}"), 10, 1);
    let finished = trial(&lab, "run", method, std::slice::from_ref(&faults))
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(faults.tasks);
    let attempts = folder.attempts();
    for at in 0..faults.tasks {
        let tries = faults.attempts_at(&attempts, at);
        if faults.is_faulty(at) {
            assert_eq!(outcomes(&tries), ["crashed", "ok"], "task {at}");
            assert_eq!(tries[0]["cause"]["signal"], name, "task {at}");
            assert_eq!(
                (&tries[0]["attempt"], &tries[1]["attempt"]),
                (&1.into(), &2.into())
            );
        } else {
            assert_eq!(outcomes(&tries), ["ok"], "task {at}");
        }
    }
    assert_eq!(folder.outcomes()["crashed"], 50);
    folder.assert_same_results(&calm_run(&lab, &[faults]), "with 50 deaths and without");
    assert_nothing_left(&lab, &finished);
}

/// A kept worker holds one task at a time: its death has no bystanders.
fn in_kept_workers(method: &str) {
    let lab = Lab::new();
    let faults = Faults::new(100, "signal=11", 10, 1);
    let finished = trial(&lab, "run", method, std::slice::from_ref(&faults))
        .args(["--max-tasks-per-worker", "7"])
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(100);
    let attempts = folder.attempts();
    for at in 0..100 {
        let tries = faults.attempts_at(&attempts, at);
        let expected: &[&str] = if faults.is_faulty(at) {
            &["crashed", "ok"]
        } else {
            &["ok"]
        };
        assert_eq!(outcomes(&tries), expected, "task {at}");
    }
    // They really were kept: fewer processes than tasks.
    let mut pids: Vec<String> = attempts.iter().map(|a| a["pid"].to_string()).collect();
    pids.sort();
    pids.dedup();
    assert!(pids.len() < 60, "{} processes for 110 attempts", pids.len());
    folder.assert_same_results(&calm_run(&lab, &[faults]), "kept workers and calm");
    assert_nothing_left(&lab, &finished);
}

/// A death in a group costs one task. What else the group held is run again, uncharged.
fn in_groups(method: &str) {
    let lab = Lab::new();
    let faults = Faults::new(1000, "signal=9", 250, 1);
    let finished = trial(&lab, "run", method, std::slice::from_ref(&faults))
        .args(["--max-tasks-per-worker", "auto", "--retries", "1"])
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(1000);
    let attempts = folder.attempts();
    for at in 0..1000 {
        let tries = faults.attempts_at(&attempts, at);
        let charged: Vec<&str> = outcomes(&tries)
            .into_iter()
            .filter(|outcome| *outcome != "requeued")
            .collect();
        let expected: &[&str] = if faults.is_faulty(at) {
            &["crashed", "ok"]
        } else {
            &["ok"]
        };
        assert_eq!(charged, expected, "task {at}");
    }
    assert_eq!(folder.outcomes()["crashed"], 4);
    let bystanders = folder.outcomes().get("requeued").copied().unwrap_or(0);
    assert!(
        bystanders > 0,
        "no death hit a group: {:?}",
        folder.outcomes()
    );
    folder.assert_same_results(&calm_run(&lab, &[faults]), "groups and calm");
    assert_nothing_left(&lab, &finished);
}
