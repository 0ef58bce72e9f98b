//! Worker programs that do not do their part: the run says so soon and leaves nothing running. Rows 1 to 20 of
//! the fault matrix show the rest.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::common::{Finished, Lab};
use crate::trial::{Changeling, Faults, assert_nothing_left, outcomes, signal, trial, zygote};

/// The self-tests of all ways to start a worker, each with its own limit of 5 s, and a busy machine.
const BOUND: Duration = Duration::from_secs(30);

fn run_with(script: &str, method: &str) -> (Lab, Finished) {
    let lab = Lab::new();
    let changeling = Changeling::new(&lab);
    changeling.script(script);
    let finished = changeling
        .runs(trial(&lab, "run", method, &[Faults::new(4, "error", 0, 0)]))
        .run();
    assert!(finished.took < BOUND, "{finished:?}");
    (lab, finished)
}

#[test]
fn a_program_that_ends_at_once() {
    for method in ["auto", "fork", "spawn"] {
        let (lab, finished) = run_with("exit 1", method);
        let finished = finished.assert_code(3).assert_says(&["error:", "hint:"]);
        assert_nothing_left(&lab, &finished);
    }
}

#[test]
fn a_program_that_says_nothing() {
    for script in [
        "exec sleep 1000",
        "sleep 1000",
        "trap '' TERM\nsleep 1000 & sleep 1000",
    ] {
        let (lab, finished) = run_with(script, "spawn");
        let finished = finished.assert_code(3).assert_says(&["error:", "hint:"]);
        assert_nothing_left(&lab, &finished);
    }
}

#[test]
fn a_program_that_says_nothing_in_place_of_a_zygote() {
    let (lab, finished) = run_with("exec sleep 1000", "auto");
    let finished = finished.assert_code(3).assert_says(&["error:"]);
    assert_nothing_left(&lab, &finished);
}

/// The program works for the self-test and breaks afterwards: nobody is charged, the run gives up with the
/// reason, and goes on where it was once the program is mended.
#[test]
fn a_program_that_breaks_during_the_run() {
    let lab = Lab::new();
    let changeling = Changeling::new(&lab);
    let mark = lab.root().join("broken");
    changeling.script(&format!(
        "if test -e '{0}'; then exit 1; fi\n: > '{0}'\nexec \"$real\" \"$@\"",
        mark.display()
    ));
    let faults = Faults::new(4, "error", 0, 0);
    let run = || trial(&lab, "run", "spawn", std::slice::from_ref(&faults));
    let finished = changeling
        .runs(run())
        .run()
        .assert_code(3)
        .assert_says(&["no worker can be started"]);
    assert!(finished.took < BOUND, "{finished:?}");
    assert_nothing_left(&lab, &finished);
    let folder = lab.run_folder("run");
    let attempts = folder.attempts();
    assert!(!attempts.is_empty());
    // Nobody is charged; what was about to start when the run gave up is interrupted.
    let uncharged = ["start_failed", "interrupted"];
    assert!(
        outcomes(&attempts).iter().all(|o| uncharged.contains(o)),
        "{:?}",
        folder.outcomes()
    );
    assert!(outcomes(&attempts).contains(&"start_failed"));
    assert!(folder.results().is_empty());
    // The same command again, with a program that works.
    let finished = run().run().assert_code(0);
    folder.assert_all_ok(4);
    assert_nothing_left(&lab, &finished);
}

/// One start of many hangs: it has a deadline of its own, nobody is charged, and the run goes on.
#[test]
fn a_worker_that_stops_before_its_hello() {
    let lab = Lab::new();
    let changeling = Changeling::new(&lab);
    let mark = lab.root().join("starts");
    // The first start is the self-test's; the second stops itself. Several start at once: with `set -C` only
    // one of them makes a file.
    changeling.script(&format!(
        "if (set -C; : > '{0}.first') 2>&-; then :\n\
         elif (set -C; : > '{0}.second') 2>&-; then kill -STOP $$; fi\n\
         exec \"$real\" \"$@\"",
        mark.display()
    ));
    let faults = Faults::new(4, "error", 0, 0);
    let run = trial(&lab, "run", "spawn", std::slice::from_ref(&faults));
    let finished = changeling.runs(run).run().assert_code(0);
    assert!(finished.took < BOUND, "{finished:?}");
    let folder = lab.run_folder("run");
    folder.assert_all_ok(4);
    assert_eq!(
        folder.outcomes().get("start_failed"),
        Some(&1),
        "{:?}",
        folder.outcomes()
    );
    assert_nothing_left(&lab, &finished);
}

/// Orders for large groups are more than its channel takes: whoever sends them must not wait for a zygote that
/// reads none. It is found by the start limit, and the next one does its part.
#[test]
fn a_zygote_that_stops_holds_up_nobody() {
    let lab = Lab::new();
    let tasks = 4000;
    let mut running = trial(&lab, "run", "fork", &[Faults::bulky(tasks)])
        .args(["--workers", "16", "--max-tasks-per-worker", "auto"])
        .background();
    // By then groups are as large as they become.
    running.wait_for_recorded(&lab.run_folder("run"), 500);
    let zygote = zygote(&running);
    signal(zygote.pid, Signal::SIGSTOP);
    let finished = running.wait().assert_code(0);
    assert!(finished.took < BOUND, "{finished:?}");
    let folder = lab.run_folder("run");
    folder.assert_all_ok(tasks);
    assert!(
        folder.outcomes().contains_key("start_failed"),
        "it was not stopped in time: {:?}",
        folder.outcomes()
    );
    assert_nothing_left(&lab, &finished);
}

/// Without /proc nobody can say which file this program is.
#[test]
fn a_machine_that_does_not_name_our_file() {
    let lab = Lab::new();
    let run = trial(&lab, "run", "auto", &[Faults::new(1, "error", 0, 0)]);
    let before = lab.listing();
    let hidden = "exec unshare -m sh -ec 'mount -t tmpfs none /proc; exec \"$@\"' sh \"$@\"";
    let finished = run
        .through_shell(hidden)
        .run()
        .assert_code(3)
        .assert_says(&["failed to find the file of this program: "]);
    assert_eq!(lab.listing(), before, "nothing is written");
    assert_nothing_left(&lab, &finished);
}
