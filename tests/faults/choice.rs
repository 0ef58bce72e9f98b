//! `auto` where the kernel refuses to fork in one way or in both: found out by trying, said with the
//! reasons, and without an influence on the results.
//!
//! The refusals are made by strace, which stands in front of the worker program.

use crate::trial::{Faults, assert_nothing_left, calm_run, strace, trial, with_injection};

#[test]
fn where_clone_parent_fails_the_zygote_forks_twice() {
    let Some(strace) = strace() else { return };
    let (lab, changeling) = with_injection(&strace, "clone:error=EPERM:when=1");
    let faults = Faults::new(20, "signal=11", 10, 1);
    let finished = changeling
        .runs(trial(&lab, "run", "auto", std::slice::from_ref(&faults)))
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(20);
    assert_eq!(
        folder.outcomes()["crashed"],
        2,
        "deaths are seen under this way of forking too"
    );
    let choice = &folder.manifest()["start_method"];
    assert_eq!(choice["method"], "fork");
    let reasons = choice["reasons"].to_string();
    assert!(
        reasons.contains("clone with CLONE_PARENT failed"),
        "{reasons}"
    );
    assert!(
        reasons.contains("not permitted"),
        "the kernel's reason is there: {reasons}"
    );
    assert!(reasons.contains("by forking twice"), "{reasons}");
    let finished = finished.assert_says(&["by forking twice"]);
    folder.assert_same_results(&calm_run(&lab, &[faults]), "forked twice and calm");
    assert_nothing_left(&lab, &finished);
}

#[test]
fn where_no_fork_works_workers_are_spawned() {
    let Some(strace) = strace() else { return };
    let (lab, changeling) = with_injection(&strace, "clone,?clone3,?fork:error=EAGAIN");
    let faults = Faults::new(6, "signal=11", 3, 1);
    let finished = changeling
        .runs(trial(&lab, "run", "auto", std::slice::from_ref(&faults)))
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(6);
    assert_eq!(folder.outcomes()["crashed"], 2);
    let choice = &folder.manifest()["start_method"];
    assert_eq!(choice["method"], "spawn");
    let reasons = choice["reasons"].to_string();
    assert!(
        reasons.contains("clone with CLONE_PARENT failed"),
        "{reasons}"
    );
    assert!(reasons.contains("forking twice failed"), "{reasons}");
    assert!(
        reasons.contains("worker program's self-test passed"),
        "{reasons}"
    );
    folder.assert_same_results(&calm_run(&lab, &[faults]), "spawned and calm");
    assert_nothing_left(&lab, &finished);
}

/// Who asks for fork gets fork or the reason, never something else.
#[test]
fn fork_that_was_asked_for_is_not_replaced() {
    let Some(strace) = strace() else { return };
    let (lab, changeling) = with_injection(&strace, "clone,?clone3,?fork:error=EAGAIN");
    let finished = changeling
        .runs(trial(&lab, "run", "fork", &[Faults::new(4, "error", 0, 0)]))
        .run()
        .assert_code(3)
        .assert_says(&["fork", "hint:", "--start-method"]);
    assert_nothing_left(&lab, &finished);
}
