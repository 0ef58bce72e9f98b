//! Rows 94 to 115: signals to the supervisor, its own death, its surroundings, and going on afterwards.
//!
//! | file | rows |
//! | --- | --- |
//! | `signals` | 94, 95, 99, 104: it is asked to stop, or stopped |
//! | `death` | 96, 100, 101: it dies, and nothing of it lives on |
//! | `surroundings` | 102, 103, 105 to 107, 111: what it is started into |
//! | `folder` | 108 to 110: its run folder is taken, or taken away |
//! | `going_on` | 112 to 115: resuming |
//!
//! Rows 97 and 98 are in the room `sweeps`.

mod death;
mod folder;
mod going_on;
mod signals;
mod surroundings;

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Finished, Process, Running, Supervisor};
use crate::scenario::{Scenario, terminal_records};
use crate::trial::{Faults, role, spec};

/// How long the processes of a dead supervisor may live.
const ORPHANS: Duration = Duration::from_secs(1);

/// A scenario's command line, but with lines of progress.
fn with_progress(scenario: &Scenario) -> Supervisor {
    scenario.lab.write("run.toml", spec(&scenario.experiments));
    let method = scenario.method.as_str();
    scenario
        .lab
        .supervisor([
            "run",
            "run.toml",
            "--run-dir",
            "run",
            "--start-method",
            method,
        ])
        .args(["--progress", "lines"])
        .env("SUPERVISOR_WORKERS", "2")
        .env("SUPERVISOR_COUNTS", scenario.lab.root().join("counts"))
}

/// The command line that goes on with a scenario's run.
fn resume(scenario: &Scenario) -> Supervisor {
    let method = scenario.method.as_str();
    scenario
        .lab
        .supervisor(["resume", "run", "--start-method", method])
        .args(["--progress", "none"])
        .env("SUPERVISOR_WORKERS", "2")
        .env("SUPERVISOR_COUNTS", scenario.lab.root().join("counts"))
}

/// What is true after a supervisor died: within a second nothing of it lives, and the run goes on to its end
/// with every record as it was.
#[track_caller]
fn goes_on_after_a_death(scenario: &Scenario, code: i32) -> Finished {
    scenario.lab.assert_quiet_within(ORPHANS);
    goes_on(scenario, code)
}

/// The run goes on to its end; what was recorded stays as it was and is not run again.
#[track_caller]
fn goes_on(scenario: &Scenario, code: i32) -> Finished {
    let folder = scenario.folder();
    let before = terminal_records(&folder);
    // An attempt that died with its supervisor left no record: it is the first again, and stops again.
    let finished = resume(scenario).background().watch(continue_all);
    let after = terminal_records(&folder);
    for (task, record) in &before {
        assert_eq!(after.get(task), Some(record), "{finished:?}");
    }
    scenario.aftermath(&finished).completes(code);
    finished
}

/// Continues whoever stopped itself.
fn continue_all(running: &Running) {
    for process in running.descendants().processes() {
        if process.state == 'T' {
            // It may be over by now.
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGCONT);
        }
    }
}

/// Four tasks, of which two stop themselves: two workers that are busy until somebody continues them.
fn two_that_stop(method: &str) -> Scenario {
    Scenario::new(method, 4, "stop", 2, 0)
}

/// The same, on the first attempt, and from then on they heed no SIGTERM and never answer.
fn two_that_hang(method: &str) -> Scenario {
    Scenario::of(method, vec![Faults::new(4, "ignore-term+stop+hang", 2, 1)])
}

/// Waits until two workers have stopped themselves.
fn wait_for_two_stopped(running: &mut Running) -> Vec<Process> {
    running.wait_for("two workers that stopped themselves", |running| {
        let census = running.descendants();
        let stopped = census.processes().iter().filter(|p| p.state == 'T');
        let stopped: Vec<Process> = stopped.cloned().collect();
        (stopped.len() == 2).then_some(stopped)
    })
}

/// Waits for the keeper of a run, another one than `but`.
fn keeper(running: &mut Running, but: i32) -> Process {
    running.wait_for_process("a keeper", |process| {
        process.pid != but && role(process.pid).as_deref() == Some("keeper")
    })
}
