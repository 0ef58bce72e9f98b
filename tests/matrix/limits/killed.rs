//! Rows 63, 64 and 67 to 70: workers that are killed, by each other, from outside, or by what they run.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Running, Supervisor};
use crate::scenario::{Scenario, rows, terminal_records};
use crate::trial::{
    Faults, eventually, outcomes, result_of, signal, stopped_worker, wait_until_reaped, zygote,
};
use std::time::Duration;

rows! {
    both:
        row_063_a_worker_kills_another,
        row_064_a_worker_kills_the_supervisor,
        row_067_an_idle_worker_is_killed,
        row_068_all_workers_killed_again_and_again,
        row_069_a_poisonous_task,
        row_069_the_count_survives_a_kill,
        row_069_the_count_survives_a_stop,
        row_070_every_second_task_is_poisonous;
}

fn row_063_a_worker_kills_another(method: &str) {
    let victim = Faults::new(1, "stop", 1, 1).called("victim");
    let killer = Faults::new(1, "kill-peer", 1, 1).called("killer");
    let others = Faults::new(2, "error", 0, 0).called("others");
    let scenario = Scenario::of(method, vec![victim.clone(), killer.clone(), others]);
    let finished = scenario.command().run();
    let attempts = scenario.folder().attempts();
    let tries = victim.attempts_at(&attempts, 0);
    assert_eq!(outcomes(&tries), ["crashed", "ok"]);
    assert_eq!(tries[0]["cause"]["signal"], "SIGKILL");
    assert_eq!(outcomes(&killer.attempts_at(&attempts, 0)), ["ok"]);
    scenario.aftermath(&finished).completes(0);
}

/// What was recorded stays, byte for byte; no process outlives it; a resume does the rest.
fn row_064_a_worker_kills_the_supervisor(method: &str) {
    let scenario = Scenario::new(method, 8, "kill-parent", 4, 0);
    let finished = scenario.command().run();
    assert_eq!(finished.ended_by(), Some(9), "{finished:?}");
    let gone = eventually(Duration::from_secs(1), || {
        scenario.lab.census().is_empty().then_some(())
    });
    assert!(gone.is_some(), "alive: {:?}", scenario.lab.census());
    let before = terminal_records(&scenario.folder());
    let finished = resume(&scenario).run();
    let after = terminal_records(&scenario.folder());
    for (task, records) in &before {
        assert_eq!(after.get(task), Some(records), "of task {task}");
    }
    scenario.aftermath(&finished).completes(0);
}

fn resume(scenario: &Scenario) -> Supervisor {
    scenario
        .lab
        .supervisor(["resume", "run", "--progress", "none"])
        .args(["--start-method", &scenario.method])
        .env("SUPERVISOR_WORKERS", "2")
}

/// A worker that waits for its next task runs none: its death is charged to nobody.
fn row_067_an_idle_worker_is_killed(method: &str) {
    // Task 1 stops; task 0 leaves its worker idle, kept because the other's task may come back.
    let scenario = Scenario::new(method, 2, "stop", 2, 0);
    let mut running = scenario
        .command()
        .args(["--max-tasks-per-worker", "7"])
        .background();
    let folder = scenario.folder();
    running.wait_for_recorded(&folder, 1);
    let stopped = stopped_worker(&mut running, &[]);
    let keeper = zygote_of(&running, method);
    let idle = running.wait_for_process("an idle worker", |process| {
        process.pid != stopped.pid && Some(process.pid) != keeper && process.state == 'S'
    });
    signal(idle.pid, Signal::SIGKILL);
    wait_until_reaped(&mut running, idle.pid);
    signal(stopped.pid, Signal::SIGCONT);
    let finished = running.wait();
    assert_eq!(outcomes(&folder.attempts()), ["ok", "ok"]);
    scenario.aftermath(&finished).completes(0);
}

fn zygote_of(running: &Running, method: &str) -> Option<i32> {
    (method == "fork").then(|| zygote(running).pid)
}

/// As soon as one more task is done, all workers are killed at once, a dozen times. No kill costs more than the
/// attempts that it met, and none makes the run give up.
fn row_068_all_workers_killed_again_and_again(method: &str) {
    let scenario = Scenario::new(method, 60, "sleep-ms=30", 1, 0);
    let mut running = scenario
        .command()
        .args(["--workers", "4", "--retries", "100"])
        .background();
    let folder = scenario.folder();
    let mut kills = 0;
    for round in 1..=12 {
        let done = folder.recorded().max(round);
        running.wait_for_recorded(&folder, done + 1);
        let keeper = zygote_of(&running, method);
        for process in running.descendants().processes() {
            let is_worker = Some(process.pid) != keeper && process.state != 'Z';
            if is_worker && kill(Pid::from_raw(process.pid), Signal::SIGKILL).is_ok() {
                kills += 1;
            }
        }
    }
    let finished = running.wait();
    let outcomes = folder.outcomes();
    let crashed = outcomes.get("crashed").copied().unwrap_or(0);
    assert!(kills >= 12 && crashed > 0, "{kills} kills: {outcomes:?}");
    let attempts = folder.attempts().len();
    assert!(attempts <= 60 + kills, "{attempts}, after {kills} kills");
    scenario.aftermath(&finished).completes(0);
}

/// Two retries: three attempts, and no more.
fn row_069_a_poisonous_task(method: &str) {
    let scenario = Scenario::new(method, 6, "signal=9", 3, 0);
    let finished = scenario.command().run();
    let folder = scenario.folder();
    for at in [2, 5] {
        assert_poisoned(&scenario, at, &["crashed"; 3]);
    }
    assert_eq!(folder.states()["ok"], 4);
    scenario.aftermath(&finished).completes(1);
}

fn assert_poisoned(scenario: &Scenario, at: usize, expected: &[&str]) {
    let (folder, faults) = (scenario.folder(), &scenario.experiments[0]);
    let result = result_of(&folder, &faults.id(at));
    assert_eq!(result["state"], "crashed");
    assert_eq!(result["cause"]["signal"], "SIGKILL");
    let tries = faults.attempts_at(&folder.attempts(), at);
    assert_eq!(outcomes(&tries), expected);
}

/// The last task stops itself, and dies once it is continued. It is stopped for its second attempt when the
/// supervisor gets `by`; the resumed run gives it only as many attempts as it has left.
fn ended_in_its_second_attempt(method: &str, by: Signal) -> Scenario {
    let scenario = Scenario::new(method, 4, "stop+signal=9", 4, 0);
    let mut running = scenario.command().args(["--grace", "200ms"]).background();
    let first = stopped_worker(&mut running, &[]);
    signal(first.pid, Signal::SIGCONT);
    let second = stopped_worker(&mut running, &[first.pid]);
    running.wait_for_recorded(&scenario.folder(), 3);
    running.signal(by);
    let finished = running.wait();
    match by {
        Signal::SIGKILL => assert_eq!(finished.ended_by(), Some(9)),
        by => assert_eq!(finished.code(), Some(128 + by as i32), "{finished:?}"),
    }
    let mut seen = vec![first.pid, second.pid];
    let mut running = resume(&scenario).background();
    for _ in 0..2 {
        let next = stopped_worker(&mut running, &seen);
        seen.push(next.pid);
        signal(next.pid, Signal::SIGCONT);
    }
    let finished = running.wait();
    scenario.aftermath(&finished).completes(1);
    scenario
}

fn row_069_the_count_survives_a_kill(method: &str) {
    let scenario = ended_in_its_second_attempt(method, Signal::SIGKILL);
    // Of the attempt that the supervisor died in, nothing is known.
    assert_poisoned(&scenario, 3, &["crashed"; 3]);
}

fn row_069_the_count_survives_a_stop(method: &str) {
    let scenario = ended_in_its_second_attempt(method, Signal::SIGINT);
    assert_poisoned(
        &scenario,
        3,
        &["crashed", "interrupted", "crashed", "crashed"],
    );
}

/// Attempts are counted for each task: whatever half of them does, the run does not give up.
fn row_070_every_second_task_is_poisonous(method: &str) {
    let scenario = Scenario::new(method, 1000, "signal=9", 2, 0);
    let finished = scenario.command().args(["--retries", "0"]).run();
    let states = scenario.folder().states();
    assert_eq!((states["ok"], states["crashed"]), (500, 500), "{states:?}");
    scenario.aftermath(&finished).completes(1);
}
