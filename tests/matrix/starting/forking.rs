//! Rows 18 to 20: fork beside threads, the death of the zygote, and platforms without fork.

use nix::sys::signal::Signal;

use crate::common::Running;
use crate::scenario::{Scenario, rows, with_faults};
use crate::trial::{
    Faults, assert_nothing_left, outcomes, signal, stopped_worker, wait_until_reaped, zygote,
};

rows! {
    fork: row_018_forks_beside_the_threads_of_the_supervisor, row_018_a_zygote_with_two_threads,
        row_018_two_threads_from_the_beginning, row_019_the_zygote_is_killed;
}

fn threads(running: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", running.pid())).map_or(0, Iterator::count)
}

/// The supervisor has threads that allocate and write all the time. It never forks, so nothing of theirs is
/// ever copied half done. (The run of a million tasks has as many forks.)
fn row_018_forks_beside_the_threads_of_the_supervisor(method: &str) {
    let scenario = Scenario::calm(method, 2000);
    let mut most = 0;
    let finished = scenario
        .command()
        .background()
        .watch(|running| most = most.max(threads(running)));
    assert!(most > 3, "{most} threads");
    assert_eq!(scenario.folder().outcomes()["ok"], 2000);
    scenario.aftermath(&finished).completes(0);
}

/// It counts its threads before each fork, and refuses.
const REFUSAL: &str = "the zygote has more than one thread";

fn row_018_a_zygote_with_two_threads(method: &str) {
    let scenario = Scenario::calm(method, 2);
    let finished = scenario
        .with_faults("zygote.fork:thread:2")
        .run()
        .assert_says(&["no worker can be started", REFUSAL]);
    assert_eq!(scenario.fired("zygote.fork"), 1);
    let attempts = scenario.attempts();
    assert!(outcomes(&attempts).iter().all(|o| *o == "start_failed"));
    scenario.aftermath(&finished).ended_early(3);
    let finished = scenario.command().run();
    scenario.aftermath(&finished).completes(0);
}

fn row_018_two_threads_from_the_beginning(method: &str) {
    let scenario = Scenario::calm(method, 2);
    let finished = scenario
        .with_faults("zygote.fork:thread:1+")
        .run()
        .assert_says(&["start method `fork` does not work here: ", REFUSAL]);
    scenario.aftermath(&finished).ended_early(3);
    // Who leaves the choice to us gets the method that works.
    let scenario = Scenario::calm("auto", 2);
    let finished = scenario.with_faults("zygote.fork:thread:1+").run();
    let choice = &scenario.folder().manifest()["start_method"];
    assert_eq!(choice["method"], "spawn");
    assert!(choice["reasons"].to_string().contains(REFUSAL), "{choice}");
    scenario.aftermath(&finished).completes(0);
}

/// The workers it made go on, and the tasks after it have another.
fn row_019_the_zygote_is_killed(method: &str) {
    let scenario = Scenario::of(method, vec![Faults::new(12, "stop", 4, 0)]);
    let mut running = scenario.command().args(["--workers", "1"]).background();
    let mut dead = Vec::new();
    // With one worker, tasks 3, 7 and 11 stop one after the other.
    for _ in 0..3 {
        let stopped = stopped_worker(&mut running, &[]);
        let victim = zygote(&running);
        assert_ne!(victim.pid, stopped.pid);
        signal(victim.pid, Signal::SIGKILL);
        wait_until_reaped(&mut running, victim.pid);
        dead.push(victim.pid);
        signal(stopped.pid, Signal::SIGCONT);
        running.wait_for("the stopped worker to go on", |running| {
            let census = running.descendants();
            let still = census
                .processes()
                .iter()
                .any(|p| p.pid == stopped.pid && p.state == 'T');
            (!still).then_some(())
        });
    }
    let finished = running.wait();
    dead.dedup();
    assert_eq!(dead.len(), 3, "each time another zygote");
    assert_eq!(
        scenario.folder().outcomes().keys().collect::<Vec<_>>(),
        ["ok"]
    );
    scenario.aftermath(&finished).completes(0);
}

/// No platform is at hand that lacks it: the question whether there is one is answered with no.
const NO_FORK: &str = "choose.platform:no-fork";

#[test]
fn row_020_fork_that_is_asked_for_is_a_usage_error() {
    let scenario = Scenario::calm("fork", 2);
    let command = scenario.with_faults(NO_FORK);
    let before = scenario.lab.listing();
    let finished = command.run().assert_code(2).assert_says(&[
        "start method `fork` does not exist on this platform",
        "hint:",
    ]);
    assert_eq!(scenario.fired("choose.platform"), 1);
    assert_eq!(scenario.lab.listing(), before, "nothing is written");
    assert_nothing_left(&scenario.lab, &finished);
}

#[test]
fn row_020_auto_is_spawn() {
    let scenario = Scenario::calm("auto", 2);
    let finished = with_faults(&scenario.lab, scenario.command(), NO_FORK).run();
    assert!(scenario.fired("choose.platform") > 0);
    let choice = &scenario.folder().manifest()["start_method"];
    assert_eq!(choice["method"], "spawn");
    assert!(
        choice["reasons"].to_string().contains("no safe fork"),
        "{choice}"
    );
    scenario.aftermath(&finished).completes(0);
}
