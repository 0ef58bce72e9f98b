//! What a task leaves behind does not hold the run up and does not outlive it; what dies beside the tasks
//! costs none of them.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::common::Lab;
use crate::trial::{
    Faults, assert_nothing_left, calm_run, outcomes, signal, stopped_worker, strace, total, trial,
    under_fork_and_spawn, wait_until_reaped, with_injection, zygote,
};

under_fork_and_spawn!(
    a_child_that_holds_the_channel,
    a_child_that_leaves_the_session,
    an_orphan_is_ended_during_the_run,
    an_idle_worker_is_killed,
);

fn a_child_that_holds_the_channel(method: &str) {
    leaving_a_child_costs_nothing(method, "leak-child");
}

fn a_child_that_leaves_the_session(method: &str) {
    leaving_a_child_costs_nothing(method, "daemon");
}

fn leaving_a_child_costs_nothing(method: &str, action: &str) {
    for life in ["1", "3"] {
        let lab = Lab::new();
        let faults = Faults::new(8, action, 2, 0);
        let finished = trial(&lab, "run", method, std::slice::from_ref(&faults))
            .args(["--max-tasks-per-worker", life])
            .run()
            .assert_code(0);
        let folder = lab.run_folder("run");
        folder.assert_all_ok(8);
        for attempt in folder.attempts() {
            assert_eq!(attempt["outcome"], "ok");
            assert!(
                total(&attempt) < Duration::from_secs(3),
                "held up: {attempt}"
            );
        }
        folder.assert_same_results(&calm_run(&lab, &[faults]), "with children and without");
        assert_nothing_left(&lab, &finished);
    }
}

/// The child left its group, so its worker's end does not end it. A long run does not keep it until its own
/// end.
fn an_orphan_is_ended_during_the_run(method: &str) {
    let lab = Lab::new();
    let daemon = Faults::new(1, "daemon", 1, 0).called("daemon");
    let stop = Faults::new(1, "stop", 1, 0).called("stop");
    let mut running = trial(&lab, "run", method, &[daemon, stop]).background();
    let folder = lab.run_folder("run");
    running.wait_for_recorded(&folder, 1);
    let stopped = stopped_worker(&mut running, &[]);
    // What is left in the end: the stopped worker, and the zygote where there is one.
    let expected = if method == "fork" { 2 } else { 1 };
    running.wait_for("the orphan to be ended", |running| {
        (running.descendants().processes().len() == expected).then_some(())
    });
    signal(stopped.pid, Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    folder.assert_all_ok(2);
    assert_nothing_left(&lab, &finished);
}

/// A worker that waits for its next task runs none: its death is charged to nobody.
fn an_idle_worker_is_killed(method: &str) {
    let lab = Lab::new();
    // Task 1 stops; task 0 leaves its worker idle, kept because the other's task may come back.
    let faults = Faults::new(2, "stop", 2, 0);
    let mut running = trial(&lab, "run", method, std::slice::from_ref(&faults))
        .args(["--max-tasks-per-worker", "7"])
        .background();
    let folder = lab.run_folder("run");
    running.wait_for_recorded(&folder, 1);
    let stopped = stopped_worker(&mut running, &[]);
    let keeper = (method == "fork").then(|| zygote(&running).pid);
    let idle = running.wait_for_process("an idle worker", |process| {
        process.pid != stopped.pid && Some(process.pid) != keeper && process.state == 'S'
    });
    signal(idle.pid, Signal::SIGKILL);
    wait_until_reaped(&mut running, idle.pid);
    signal(stopped.pid, Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    folder.assert_all_ok(2);
    assert_eq!(outcomes(&folder.attempts()), ["ok", "ok"]);
    assert_nothing_left(&lab, &finished);
}

/// It hangs: what it was asked for does not start in time, and another zygote makes it.
#[test]
fn the_zygote_is_stopped() {
    let lab = Lab::new();
    let faults = Faults::new(12, "stop", 4, 0);
    let mut running = trial(&lab, "run", "fork", std::slice::from_ref(&faults))
        .args(["--workers", "2"])
        .background();
    let first = stopped_worker(&mut running, &[]);
    let victim = zygote(&running);
    signal(victim.pid, Signal::SIGSTOP);
    signal(first.pid, Signal::SIGCONT);
    wait_until_reaped(&mut running, victim.pid);
    let mut seen = vec![first.pid];
    // Tasks 7 and 11 stop too, made by the next zygote.
    for _ in 0..2 {
        let stopped = stopped_worker(&mut running, &seen);
        seen.push(stopped.pid);
        signal(stopped.pid, Signal::SIGCONT);
    }
    let finished = running.wait().assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(12);
    assert!(
        folder.outcomes().contains_key("start_failed"),
        "{:?}",
        folder.outcomes()
    );
    folder.assert_same_results(&calm_run(&lab, &[faults]), "a hanging zygote and none");
    assert_nothing_left(&lab, &finished);
}

/// It dies at the worst moment: the worker is made and at work, and the supervisor does not know it yet.
#[test]
fn the_zygote_dies_before_it_tells_of_a_worker() {
    let Some(strace) = strace() else { return };
    // Its first message is the hello, the second tells of the self-test's worker; each zygote dies as it
    // is about to tell of its fourth worker.
    let (lab, changeling) = with_injection(&strace, "sendmsg:signal=KILL:when=5");
    let faults = Faults::new(16, "error", 0, 0);
    let run = trial(&lab, "run", "fork", std::slice::from_ref(&faults));
    let finished = changeling.runs(run).run().assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(16);
    assert!(
        folder.outcomes().contains_key("start_failed"),
        "it was: {:?}",
        folder.outcomes()
    );
    folder.assert_same_results(&calm_run(&lab, &[faults]), "dying zygotes and none");
    assert_nothing_left(&lab, &finished);
}
