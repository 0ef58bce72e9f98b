//! A task that goes too far in time is ended, with all that it started, and named for it. The rest of the run
//! is unharmed.
//!
//! Bounds of time have a margin for a busy machine: [`MARGIN`].

use std::time::Duration;

use crate::common::Lab;
use crate::trial::{
    Faults, assert_nothing_left, outcomes, result_of, total, trial, under_fork_and_spawn,
};

under_fork_and_spawn!(
    out_of_time_and_polite,
    out_of_time_and_deaf,
    out_of_time_in_a_group,
    late_in_a_group,
);

/// What a busy machine may add to any span.
const MARGIN: Duration = Duration::from_secs(3);

/// The second of two tasks does this in each experiment; the first is the bystander.
fn pairs(actions: &[&str]) -> Vec<Faults> {
    actions
        .iter()
        .enumerate()
        .map(|(at, action)| Faults::new(2, action, 2, 0).called(&format!("e{at}")))
        .collect()
}

/// With a grace period far beyond the test's patience, only SIGTERM can have ended them so soon.
fn out_of_time_and_polite(method: &str) {
    let lab = Lab::new();
    let pairs = pairs(&[
        "hang",
        "spin",
        "stop+hang",
        "leak-child+hang",
        "daemon+hang",
    ]);
    let finished = trial(&lab, "run", method, &pairs)
        .args(["--timeout", "500ms", "--grace", "100s"])
        .run()
        .assert_code(1);
    let folder = lab.run_folder("run");
    let attempts = folder.attempts();
    for pair in &pairs {
        assert_eq!(result_of(&folder, &pair.id(0))["state"], "ok");
        let result = result_of(&folder, &pair.id(1));
        assert_eq!(result["state"], "timeout", "{}: {result}", pair.action);
        assert!(result["cause"]["limit"].is_string(), "{result}");
        let tries = pair.attempts_at(&attempts, 1);
        assert_eq!(
            outcomes(&tries),
            ["timeout"],
            "{}: it is not retried",
            pair.action
        );
        let took = total(&tries[0]);
        let limit = Duration::from_millis(500);
        assert!(
            took >= limit && took < limit + MARGIN,
            "{}: {took:?}",
            pair.action
        );
    }
    assert_nothing_left(&lab, &finished);
}

/// Who does not listen to SIGTERM has the grace period, and is then killed.
fn out_of_time_and_deaf(method: &str) {
    let lab = Lab::new();
    let pairs = pairs(&["ignore-term+hang", "ignore-term+leak-child+hang"]);
    let finished = trial(&lab, "run", method, &pairs)
        .args(["--timeout", "500ms", "--grace", "700ms"])
        .run()
        .assert_code(1);
    let folder = lab.run_folder("run");
    let attempts = folder.attempts();
    for pair in &pairs {
        assert_eq!(result_of(&folder, &pair.id(0))["state"], "ok");
        let result = result_of(&folder, &pair.id(1));
        assert_eq!(result["state"], "timeout", "{}: {result}", pair.action);
        let tries = pair.attempts_at(&attempts, 1);
        assert_eq!(outcomes(&tries), ["timeout"]);
        let took = total(&tries[0]);
        let limit = Duration::from_millis(1200);
        assert!(
            took >= limit && took < limit + MARGIN,
            "{}: {took:?}",
            pair.action
        );
    }
    assert_nothing_left(&lab, &finished);
}

/// Only the one that hangs is out of time; the limit is that of a task and not of its group.
fn out_of_time_in_a_group(method: &str) {
    let lab = Lab::new();
    let faults = Faults::new(400, "hang", 200, 0);
    let finished = trial(&lab, "run", method, std::slice::from_ref(&faults))
        .args(["--timeout", "500ms", "--max-tasks-per-worker", "auto"])
        .run()
        .assert_code(1);
    let folder = lab.run_folder("run");
    let attempts = folder.attempts();
    for at in 0..400 {
        let mut tries = faults.attempts_at(&attempts, at);
        tries.retain(|attempt| attempt["outcome"] != "requeued");
        let expected = if faults.is_faulty(at) {
            "timeout"
        } else {
            "ok"
        };
        assert_eq!(outcomes(&tries), [expected], "task {at}");
        assert_eq!(result_of(&folder, &faults.id(at))["state"], expected);
    }
    assert_nothing_left(&lab, &finished);
}

/// Each slow task passes its limit, ignores SIGTERM and answers within the grace period: its answer stands.
/// The next slow one of the group begins while the worker has less time left than a limit; that it is cut
/// off then is not its fault.
fn late_in_a_group(method: &str) {
    let lab = Lab::new();
    let faults = Faults::new(260, "ignore-term+sleep-ms=2000", 50, 0);
    let finished = trial(&lab, "run", method, std::slice::from_ref(&faults))
        .args(["--workers", "1", "--max-tasks-per-worker", "auto"])
        .args(["--timeout", "1s", "--grace", "1900ms"])
        .run();
    let folder = lab.run_folder("run");
    let charged: Vec<_> = folder
        .attempts()
        .into_iter()
        .filter(|attempt| attempt["outcome"] != "ok" && attempt["outcome"] != "requeued")
        .collect();
    assert!(charged.is_empty(), "{charged:#?}");
    let finished = finished.assert_code(0);
    folder.assert_all_ok(260);
    assert_nothing_left(&lab, &finished);
}
