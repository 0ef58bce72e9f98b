//! Rows 48 to 56: tasks that take too long, and workers that stand still.
//!
//! Spans have a margin for a busy machine; how close to the limit the ends really are, on a quiet one, is
//! what `scripts/measure_timeouts.py` measures.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::MARGIN;
use super::freezer::Frozen;
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, outcomes, result_of, signal, stopped_worker, total};

rows! {
    both:
        row_048_spins_without_a_system_call,
        row_049_sleeps_for_ever,
        row_050_ignores_sigterm,
        row_051_ignores_sigterm_and_is_stopped,
        row_052_stopped_and_continued_before_the_limit,
        row_053_stopped_for_good,
        row_053_stopped_before_its_next_task,
        row_054_cannot_be_killed,
        row_055_slower_than_all_others,
        row_056_the_limit_and_the_answer_at_once;
}

const LIMIT: Duration = Duration::from_millis(300);

/// The last of three tasks runs past its limit: it is charged with that, once, within the expected span, and
/// the others are ok.
fn timed_out(scenario: &Scenario, at_least: Duration) {
    let folder = scenario.folder();
    let faults = &scenario.experiments[0];
    let result = result_of(&folder, &faults.id(2));
    assert_eq!(result["state"], "timeout", "{result}");
    assert!(result["cause"]["limit"].is_string(), "{result}");
    let tries = faults.attempts_at(&folder.attempts(), 2);
    assert_eq!(outcomes(&tries), ["timeout"], "it is not retried");
    let took = total(&tries[0]);
    assert!(took >= at_least && took < at_least + MARGIN, "{took:?}");
}

/// With a grace period beyond any patience, only SIGTERM can have ended it so soon.
fn listens_to_sigterm(method: &str, action: &str) {
    let scenario = Scenario::new(method, 3, action, 3, 0);
    let finished = scenario
        .command()
        .args(["--timeout", "300ms", "--grace", "100s"])
        .run();
    timed_out(&scenario, LIMIT);
    scenario.aftermath(&finished).completes(1);
}

fn row_048_spins_without_a_system_call(method: &str) {
    listens_to_sigterm(method, "spin");
}

fn row_049_sleeps_for_ever(method: &str) {
    listens_to_sigterm(method, "hang");
}

fn row_050_ignores_sigterm(method: &str) {
    let scenario = Scenario::new(method, 3, "ignore-term+hang", 3, 0);
    let finished = scenario
        .command()
        .args(["--timeout", "300ms", "--grace", "300ms"])
        .run();
    timed_out(&scenario, LIMIT * 2);
    scenario.aftermath(&finished).completes(1);
}

/// Whoever is told to end is continued too, so that it can; this one then stops itself again.
fn row_051_ignores_sigterm_and_is_stopped(method: &str) {
    let scenario = Scenario::new(method, 3, "ignore-term+stop+stop+hang", 3, 0);
    let mut running = scenario
        .command()
        .args(["--timeout", "300ms", "--grace", "300ms"])
        .background();
    stopped_worker(&mut running, &[]);
    let finished = running.wait();
    timed_out(&scenario, LIMIT * 2);
    scenario.aftermath(&finished).completes(1);
}

fn row_052_stopped_and_continued_before_the_limit(method: &str) {
    for life in ["1", "50"] {
        let scenario = Scenario::new(method, 6, "stop", 3, 0);
        let mut running = scenario
            .command()
            .args(["--timeout", "60s", "--max-tasks-per-worker", life])
            .background();
        let first = stopped_worker(&mut running, &[]);
        signal(first.pid, Signal::SIGCONT);
        // Kept, it may be the same process that stops once more.
        running.wait_for("it to go on", |running| {
            let census = running.descendants();
            let still = census
                .processes()
                .iter()
                .any(|p| p.pid == first.pid && p.state == 'T');
            (!still || scenario.folder().recorded() >= 3).then_some(())
        });
        let second = stopped_worker(&mut running, &[]);
        signal(second.pid, Signal::SIGCONT);
        let finished = running.wait();
        assert_eq!(outcomes(&scenario.folder().attempts()), ["ok"; 6]);
        scenario.aftermath(&finished).completes(0);
    }
}

/// Nobody waits for it but the limit: the others' answers are recorded while it stands still.
fn row_053_stopped_for_good(method: &str) {
    for life in ["1", "50"] {
        let scenario = Scenario::new(method, 6, "stop", 3, 0);
        let mut running = scenario
            .command()
            .args(["--timeout", "1s", "--grace", "100s"])
            .args(["--max-tasks-per-worker", life])
            .background();
        stopped_worker(&mut running, &[]);
        let folder = scenario.folder();
        running.wait_for_recorded(&folder, 4);
        let finished = running.wait();
        let states = folder.states();
        assert_eq!((states["ok"], states["timeout"]), (4, 2), "{states:?}");
        assert_eq!(folder.attempts().len(), 6, "a timeout is not retried");
        scenario.aftermath(&finished).completes(1);
    }
}

/// A kept worker stops itself after its first answer. Its next order, as large as one can be, is sent all
/// the same, and does not hold the supervisor up; the task was not begun, and is run elsewhere.
fn row_053_stopped_before_its_next_task(method: &str) {
    let large = vec!["sleep-ms=0"; 4_000].join("+");
    let scenario = Scenario::new(method, 8, &large, 1, 0);
    let finished = scenario
        .with_faults("worker.sent:stop:1")
        .args(["--max-tasks-per-worker", "50"])
        .run();
    assert_eq!(scenario.fired("worker.sent"), 1);
    let outcomes = scenario.folder().outcomes();
    assert_eq!(
        (outcomes["ok"], outcomes["requeued"]),
        (8, 1),
        "{outcomes:?}"
    );
    scenario.aftermath(&finished).completes(0);
}

/// The kernel holds it. It is charged with its limit, the run goes on and ends without it, and says so.
fn row_054_cannot_be_killed(method: &str) {
    let scenario = Scenario::new(method, 3, "stop+hang", 3, 0);
    let mut running = scenario
        .command()
        .args(["--timeout", "1500ms", "--grace", "100ms"])
        .env("SUPERVISOR_UNKILLABLE_MS", "300")
        // It ends with a child more than it began with: that is the fault.
        .env("SUPERVISOR_COUNTS", "/dev/null")
        .background();
    let worker = stopped_worker(&mut running, &[]);
    let Some(frozen) = Frozen::new(&worker) else {
        return;
    };
    let finished = running.wait();
    let is_there = scenario.lab.census().processes().to_vec();
    assert_eq!(is_there.len(), 1, "it cannot be killed: {is_there:?}");
    assert_eq!(is_there[0].pid, worker.pid);
    timed_out(&scenario, Duration::from_millis(1900));
    let said = format!("worker process {} was killed and does not end", worker.pid);
    assert!(finished.stderr.contains(&said), "{finished:?}");
    drop(frozen);
    scenario.aftermath(&finished).completes(1);
}

/// There is one limit, a hard one. A task below it is left alone, however slow beside the others.
fn row_055_slower_than_all_others(method: &str) {
    let scenario = Scenario::new(method, 6, "sleep-ms=700", 6, 0);
    let finished = scenario.command().args(["--timeout", "60s"]).run();
    let attempts = scenario.folder().attempts();
    assert_eq!(outcomes(&attempts), ["ok"; 6]);
    let slow = scenario.experiments[0].attempts_at(&attempts, 5);
    assert!(total(&slow[0]) >= Duration::from_millis(700), "{slow:?}");
    scenario.aftermath(&finished).completes(0);
}

/// Answer and limit fall together again and again. Whichever is first stands, and there is one record.
fn row_056_the_limit_and_the_answer_at_once(method: &str) {
    let around = [26, 27, 28, 29, 30, 31, 32, 34];
    // Whatever else the machine does, some answer in time and some do not.
    let spans = [0].into_iter().chain(around).chain([500]);
    let experiments: Vec<Faults> = spans
        .map(|ms| Faults::new(16, &format!("sleep-ms={ms}"), 1, 0).called(&format!("ms{ms}")))
        .collect();
    let scenario = Scenario::of(method, experiments);
    let finished = scenario
        .command()
        .args(["--timeout", "30ms", "--grace", "100s", "--workers", "4"])
        .run();
    let folder = scenario.folder();
    let attempts = folder.attempts();
    assert_eq!(attempts.len(), 160, "one attempt a task");
    let (results, outcomes) = (folder.states(), folder.outcomes());
    assert_eq!(results, outcomes);
    assert_eq!(results["ok"] + results["timeout"], 160, "{results:?}");
    assert!(results["ok"] > 0 && results["timeout"] >= 16, "{results:?}");
    scenario.aftermath(&finished).completes(1);
}
