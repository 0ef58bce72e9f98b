//! Rows 71 to 75 and 93: answers that come from the dead, in pieces, twice, for another, or late.

use std::process::Command;

use nix::sys::signal::Signal;

use super::assert_broke;
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, outcomes, result_of, stopped_worker};

rows! {
    both: row_071_dies_after_its_answer,
        row_072_dies_at_each_part_of_a_large_answer,
        row_072_dies_at_the_end_of_eight_megabytes,
        row_073_answers_twice,
        row_073_answers_twice_in_a_group,
        row_074_answers_for_a_task_it_was_not_given,
        row_074_answers_for_a_task_that_is_done,
        row_074_answers_in_the_name_of_another_worker,
        row_075_answers_for_an_earlier_attempt,
        row_075_answers_when_the_next_attempt_has_begun,
        row_093_answers_a_supervisor_that_is_stopped;
}

/// Each worker dies as soon as it has answered: its answer stands, and the next task has a new worker.
fn row_071_dies_after_its_answer(method: &str) {
    let scenario = Scenario::calm(method, 6);
    let finished = scenario
        .with_faults("worker.sent:signal=9")
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.sent"), 6);
    assert_eq!(scenario.folder().outcomes()["ok"], 6);
    assert_eq!(scenario.folder().attempts().len(), 6, "nobody is charged");
    scenario.aftermath(&finished).completes(0);
}

/// An answer of six packets: one worker dies at the first, the next at the second, and so on.
fn row_072_dies_at_each_part_of_a_large_answer(method: &str) {
    let scenario = Scenario::new(method, 2, "big=340000", 2, 0);
    // The parts are counted over all attempts: those before add up.
    let finished = scenario
        .with_faults(
            "worker.chunk:signal=9:1,worker.chunk:signal=9:3,worker.chunk:signal=9:6,\
             worker.chunk:signal=9:10,worker.chunk:signal=9:15",
        )
        .args(["--retries", "5"])
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.chunk"), 5);
    assert_crashed_then_ok(&scenario, 5);
    scenario.aftermath(&finished).completes(0);
}

fn row_072_dies_at_the_end_of_eight_megabytes(method: &str) {
    let scenario = Scenario::new(method, 2, "big=8388608", 2, 0);
    // 138 parts, and the rest with the answer itself.
    let finished = scenario
        .with_faults("worker.chunk:signal=9:70,worker.chunk:signal=9:208")
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.chunk"), 2);
    assert_crashed_then_ok(&scenario, 2);
    scenario.aftermath(&finished).completes(0);
}

/// The second task is charged so often, with the signal, and then ok.
#[track_caller]
fn assert_crashed_then_ok(scenario: &Scenario, crashes: usize) {
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 1);
    let expected = [vec!["crashed"; crashes], vec!["ok"]].concat();
    assert_eq!(outcomes(&tries), expected);
    assert_eq!(tries[0]["cause"]["signal"], "SIGKILL", "{}", tries[0]);
}

/// The first answer stands; the second ends the worker, and is told of.
fn row_073_answers_twice(method: &str) {
    let scenario = Scenario::calm(method, 4);
    let finished = scenario
        .with_faults("worker.report:dup:2")
        .run()
        .assert_code(0)
        .assert_says(&["broke the protocol", "answered task"]);
    assert_eq!(scenario.fired("worker.report"), 1);
    assert_eq!(scenario.folder().attempts().len(), 4, "nobody is charged");
    scenario.aftermath(&finished).completes(0);
}

/// What else the liar held goes to another worker, uncharged.
fn row_073_answers_twice_in_a_group(method: &str) {
    let scenario = Scenario::calm(method, 60);
    let finished = scenario
        .with_faults("worker.report:dup:30")
        .args(["--workers", "1", "--max-tasks-per-worker", "auto"])
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.report"), 1);
    for outcome in scenario.folder().outcomes().into_keys() {
        assert!(["ok", "requeued"].contains(&outcome.as_str()), "{outcome}");
    }
    scenario.aftermath(&finished).completes(0);
}

fn row_074_answers_for_a_task_it_was_not_given(method: &str) {
    lies_once(method, 1, "task=4000000000", "which it had not started");
}

fn row_074_answers_for_a_task_that_is_done(method: &str) {
    lies_once(method, 1, "task=0", "answered task #0");
}

fn row_074_answers_in_the_name_of_another_worker(method: &str) {
    lies_once(method, 2, "foreign", "in the name of worker");
}

/// Whoever answers third lies before it answers: it is ended, its task is tried again, and nobody else is
/// touched.
fn lies_once(method: &str, workers: u32, lie: &str, note: &str) {
    let scenario = Scenario::new(method, 4, "sleep-ms=30", 2, 0);
    let finished = scenario
        .with_faults(&format!("worker.report:{lie}:3"))
        .args(["--workers", &workers.to_string()])
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.report"), 1);
    let attempts = scenario.folder().attempts();
    let bad: Vec<_> = attempts.iter().filter(|a| a["outcome"] != "ok").collect();
    assert_eq!(bad.len(), 1, "{bad:#?}");
    assert_broke(bad[0], note);
    scenario
        .aftermath(&finished)
        .anyone_may_be_charged()
        .completes(0);
}

/// The second attempt names the first in its answer.
fn row_075_answers_for_an_earlier_attempt(method: &str) {
    let scenario = Scenario::new(method, 2, "if-attempt=1+signal=9", 2, 0);
    // Three answers would be given: the first task's, the second attempt's, the third's.
    let finished = scenario
        .with_faults("worker.report:stale:2")
        .args(["--workers", "1"])
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.report"), 1);
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 1);
    assert_eq!(outcomes(&tries), ["crashed", "crashed", "ok"]);
    assert_broke(&tries[1], "attempt 1, which it had not started");
    scenario.aftermath(&finished).completes(0);
}

/// A child of the first attempt answers with another number while the second attempt runs.
fn row_075_answers_when_the_next_attempt_has_begun(method: &str) {
    let scenario = Scenario::of(
        method,
        vec![
            Faults::new(1, "if-attempt=1+late", 1, 0),
            // The run goes on beyond the late word.
            Faults::new(2, "sleep-ms=700", 1, 0).called("slow"),
        ],
    );
    let finished = scenario
        .with_faults("worker.late:sleep-ms=0")
        .args(["--workers", "1"])
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.late"), 1, "it was sent");
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 0);
    assert_eq!(outcomes(&tries), ["crashed", "ok"]);
    let result = result_of(&scenario.folder(), &scenario.experiments[0].id(0));
    assert_eq!(result["result"]["value"], 0, "{result}");
    scenario.aftermath(&finished).completes(0);
}

/// The limit is two seconds; the supervisor is stopped for three, and the answer comes meanwhile.
fn row_093_answers_a_supervisor_that_is_stopped(method: &str) {
    let scenario = Scenario::new(method, 2, "stop", 2, 0);
    let mut running = scenario.command().args(["--timeout", "2s"]).background();
    let worker = stopped_worker(&mut running, &[]);
    running.signal(Signal::SIGSTOP);
    crate::trial::signal(worker.pid, Signal::SIGCONT);
    // A clock that is waited for as a process is.
    let slept = Command::new("sleep").arg("3").status();
    assert!(slept.is_ok_and(|status| status.success()));
    let after = running.descendants();
    let worker = after.processes().iter().find(|p| p.pid == worker.pid);
    assert!(
        worker.is_none_or(|worker| worker.state == 'Z'),
        "it has answered and left: {worker:?}"
    );
    running.signal(Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    assert_eq!(outcomes(&scenario.folder().attempts()), ["ok", "ok"]);
    scenario.aftermath(&finished).completes(0);
}
