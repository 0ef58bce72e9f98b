//! What dies beside the tasks costs none of them. (What tasks leave behind: rows 57 to 62 of the fault matrix.)

use nix::sys::signal::Signal;

use crate::common::Lab;
use crate::trial::{
    Faults, assert_nothing_left, calm_run, signal, stopped_worker, strace, trial,
    wait_until_reaped, with_injection, zygote,
};

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
