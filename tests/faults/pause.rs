//! A supervisor that was stopped (Ctrl-Z, a debugger) charges nobody for the time in which it could not
//! listen.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Lab, Running};
use crate::trial::{Faults, assert_nothing_left, stopped_worker, trial, under_fork_and_spawn};

under_fork_and_spawn!(the_limit_does_not_run_while_the_supervisor_is_stopped,);

/// Several at once, since what could go wrong is a race: who notices first that time has passed.
fn the_limit_does_not_run_while_the_supervisor_is_stopped(method: &str) {
    let labs: Vec<Lab> = (0..6).map(|_| Lab::new()).collect();
    let mut all: Vec<(Running, i32)> = labs
        .iter()
        .map(|lab| {
            let mut running = trial(lab, "run", method, &[Faults::new(2, "stop", 2, 0)])
                .args(["--timeout", "8s"])
                .background();
            let stopped = stopped_worker(&mut running, &[]);
            (running, stopped.pid)
        })
        .collect();
    for (running, _) in &mut all {
        running.signal(Signal::SIGSTOP);
    }
    // A clock that is waited for as a process is: longer than the limit.
    let status = Command::new("sleep")
        .arg("9")
        .status()
        .expect("sleep can be started");
    assert!(status.success());
    for (running, _) in &mut all {
        running.signal(Signal::SIGCONT);
    }
    // Time for a wrong supervisor to do wrong; the right one still has nearly the whole limit.
    let status = Command::new("sleep")
        .arg("1")
        .status()
        .expect("sleep can be started");
    assert!(status.success());
    for (_, worker) in &all {
        // One that is gone was charged with what was not its fault: its run says so below.
        let _ = kill(Pid::from_raw(*worker), Signal::SIGCONT);
    }
    for ((running, _), lab) in all.into_iter().zip(&labs) {
        let finished = running.wait().assert_code(0);
        let folder = lab.run_folder("run");
        folder.assert_all_ok(2);
        let longest = folder
            .attempts()
            .iter()
            .filter_map(|a| a["total_us"].as_u64())
            .max();
        let longest = Duration::from_micros(longest.expect("there are attempts"));
        assert!(
            longest > Duration::from_secs(9),
            "it was not stopped: {longest:?}"
        );
        assert_nothing_left(lab, &finished);
    }
}
