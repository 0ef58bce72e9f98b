//! Rows 1 to 20: a worker that cannot be started, or does not get as far as its first task.
//!
//! What they have in common: nobody is charged, the task waits for the next start, and five rounds of failed
//! starts without a good one between them end the run with exit 3. The same command then completes it.
//!
//! Here are the starts that fail by themselves (rows 1 to 6). The program is the business of `program`, whom
//! the socket hears of `stranger`, what the kernel refuses of `kernel`, and the fork itself of `forking`.

mod forking;
mod kernel;
mod program;
mod stranger;

use std::time::Duration;

use crate::common::Finished;
use crate::scenario::{Scenario, rows};
use crate::trial::{Changeling, link, outcomes};

rows! {
    both: row_001_ends_before_it_connects, row_001_every_start_ends,
        row_002_killed_before_it_connects, row_002_every_start_is_killed,
        row_003_never_connects, row_003_no_start_connects,
        row_004_never_says_hello, row_005_killed_before_its_hello;
    fork: row_001_the_zygote_ends_before_it_connects, row_001_no_zygote_connects;
    spawn: row_006_hello_of_another_protocol, row_006_another_protocol_during_the_run;
}

/// How long a start may take where one hangs.
const LIMIT: &str = "1000";

/// Five failed starts are to be over in so long, their pauses included; they take a second.
const FIVE_STARTS: Duration = Duration::from_secs(10);

/// Gives a supervisor that is somewhere else the real worker program.
fn real(changeling: &Changeling) {
    link(env!("CARGO_BIN_EXE_worker"), &changeling.worker());
}

/// A run of one task, so that no worker is started ahead of it and the second start is the task's: the first
/// is the self-test's.
fn one_task(method: &str) -> Scenario {
    Scenario::calm(method, 1)
}

/// Runs with these fail points; starts that hang are short of time.
fn run(scenario: &Scenario, faults: &str) -> Finished {
    scenario
        .with_faults(faults)
        .env("SUPERVISOR_START_LIMIT_MS", LIMIT)
        .run()
}

/// The first start of the task goes wrong; the next does not.
#[track_caller]
fn one_start_fails(method: &str, point: &str, action: &str) {
    let scenario = one_task(method);
    let finished = run(&scenario, &format!("{point}:{action}:2"));
    assert_eq!(scenario.fired(point), 1);
    let attempts = scenario.attempts();
    assert_eq!(outcomes(&attempts), ["start_failed", "ok"], "{attempts:#?}");
    scenario.aftermath(&finished).completes(0);
}

/// Every start of the task goes wrong: five of them end the run with the reason, and the same command
/// completes it once they go well.
#[track_caller]
fn every_start_fails(method: &str, point: &str, action: &str, reason: &str) {
    let scenario = one_task(method);
    let finished = run(&scenario, &format!("{point}:{action}:2+"));
    assert_eq!(scenario.fired(point), 5);
    assert!(finished.took < FIVE_STARTS, "{finished:?}");
    gives_up(&scenario, finished, reason);
}

/// Five failed starts, exit 3 with the reason, nobody charged; then the same command without the fault.
#[track_caller]
fn gives_up(scenario: &Scenario, finished: Finished, reason: &str) {
    let finished =
        finished
            .assert_code(3)
            .assert_says(&["no worker can be started: ", reason, "hint:"]);
    let attempts = scenario.attempts();
    assert_eq!(outcomes(&attempts), ["start_failed"; 5], "{attempts:#?}");
    scenario.aftermath(&finished).ended_early(3);
    let finished = scenario.command().run();
    assert_eq!(scenario.attempts().len(), 6);
    scenario.aftermath(&finished).completes(0);
}

fn row_001_ends_before_it_connects(method: &str) {
    one_start_fails(method, "worker.start", "exit=0");
}

fn row_001_every_start_ends(method: &str) {
    every_start_fails(method, "worker.start", "exit=7", "exited with 7");
}

fn row_002_killed_before_it_connects(method: &str) {
    one_start_fails(method, "worker.start", "signal=9");
}

fn row_002_every_start_is_killed(method: &str) {
    every_start_fails(method, "worker.start", "signal=9", "killed by SIGKILL");
}

fn row_003_never_connects(method: &str) {
    one_start_fails(method, "worker.start", "hang");
}

fn row_003_no_start_connects(method: &str) {
    every_start_fails(method, "worker.start", "hang", "it did not start in time");
}

fn row_004_never_says_hello(method: &str) {
    one_hello_fails(method, "hang");
}

fn row_005_killed_before_its_hello(method: &str) {
    one_hello_fails(method, "signal=9");
}

/// A worker says hello where it is spawned; where it is forked, its zygote has. So there a second zygote is
/// had: the first leaves as it is about to fork the task's worker.
#[track_caller]
fn one_hello_fails(method: &str, action: &str) {
    if method == "spawn" {
        return one_start_fails(method, "worker.hello", action);
    }
    let scenario = one_task(method);
    let faults = format!("zygote.fork:exit=1:2,worker.hello:{action}:2");
    let finished = run(&scenario, &faults);
    assert_eq!(scenario.fired("worker.hello"), 1);
    let attempts = scenario.attempts();
    let expected = ["start_failed", "start_failed", "ok"];
    assert_eq!(outcomes(&attempts), expected, "{attempts:#?}");
    scenario.aftermath(&finished).completes(0);
}

/// The zygote of the first self-test; the second self-test has another.
fn row_001_the_zygote_ends_before_it_connects(method: &str) {
    let scenario = one_task(method);
    let finished = run(&scenario, "worker.connect:exit=0:1").assert_says(&["said no hello"]);
    assert_eq!(scenario.fired("worker.connect"), 1);
    scenario.aftermath(&finished).completes(0);
}

fn row_001_no_zygote_connects(method: &str) {
    let scenario = one_task(method);
    let finished = run(&scenario, "zygote.fork:exit=1:2,worker.connect:exit=0:2+");
    assert_eq!(scenario.fired("worker.connect"), 4);
    assert!(finished.took < FIVE_STARTS, "{finished:?}");
    gives_up(&scenario, finished, "the worker program said no hello");
}

/// Both versions are in the message.
const VERSIONS: [&str; 2] = [
    "the worker program speaks protocol 0.0.0/0",
    ", this supervisor ",
];

/// It never gets as far as a task.
fn row_006_hello_of_another_protocol(method: &str) {
    let scenario = one_task(method);
    let finished = run(&scenario, "worker.hello:protocol")
        .assert_code(3)
        .assert_says(&VERSIONS);
    assert!(scenario.fired("worker.hello") > 0);
    assert!(scenario.attempts().is_empty());
    scenario.aftermath(&finished).ended_early(3);
}

fn row_006_another_protocol_during_the_run(method: &str) {
    let scenario = one_task(method);
    let finished = run(&scenario, "worker.hello:protocol:2+").assert_says(&VERSIONS);
    assert_eq!(scenario.fired("worker.hello"), 5);
    gives_up(&scenario, finished, "speaks protocol");
}
