//! A death costs exactly the task that was running: it is charged once, run again, and nobody else notices.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::Lab;
use crate::trial::{
    Faults, assert_nothing_left, calm_run, outcomes, signal, stopped_worker, trial,
    under_fork_and_spawn,
};

under_fork_and_spawn!(
    fifty_by_sigkill,
    fifty_by_sigsegv,
    killed_from_outside,
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

fn killed_from_outside(method: &str) {
    let lab = Lab::new();
    // Tasks 2 and 5 stop in their first attempt, so that the test knows where to strike.
    let faults = Faults::new(6, "stop", 3, 1);
    let mut running = trial(&lab, "run", method, std::slice::from_ref(&faults)).background();
    let first = stopped_worker(&mut running, &[]);
    signal(first.pid, Signal::SIGKILL);
    let second = stopped_worker(&mut running, &[first.pid]);
    signal(second.pid, Signal::SIGSEGV);
    // A stopped process dies of a signal only once it goes on.
    signal(second.pid, Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(6);
    let attempts = folder.attempts();
    let crashed: Vec<&Value> = attempts
        .iter()
        .filter(|a| a["outcome"] == "crashed")
        .collect();
    assert_eq!(crashed.len(), 2, "{crashed:#?}");
    for (victim, name) in [(first.pid, "SIGKILL"), (second.pid, "SIGSEGV")] {
        let its = crashed.iter().find(|attempt| attempt["pid"] == victim);
        let its = its.unwrap_or_else(|| panic!("nobody was charged for {victim}: {crashed:#?}"));
        assert_eq!(its["cause"]["signal"], name);
    }
    for at in 0..6 {
        let tries = faults.attempts_at(&attempts, at);
        let expected: &[&str] = if faults.is_faulty(at) {
            &["crashed", "ok"]
        } else {
            &["ok"]
        };
        assert_eq!(outcomes(&tries), expected, "task {at}");
    }
    folder.assert_same_results(&calm_run(&lab, &[faults]), "killed from outside and calm");
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
