//! The supervisor is asked to stop, or is stopped and continued.

use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{
    continue_all, goes_on, goes_on_after_a_death, two_that_hang, two_that_stop,
    wait_for_two_stopped, with_progress,
};
use crate::common::Running;
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, signal, stopped_worker, total};

rows! {
    both: row_094_sigint_lets_the_running_tasks_end,
        row_094_sigint_interrupts_what_outlasts_the_grace,
        row_095_a_second_signal_ends_the_workers_at_once,
        row_095_a_second_signal_during_the_flush,
        row_095_sigterm,
        row_095_sighup,
        row_095_sigquit_is_a_death_like_any_other,
        row_099_stopped_and_continued,
        row_099_stopped_from_the_terminal_and_continued,
        row_104_the_terminal_goes_away;
}

/// Far beyond what ending some workers takes on a busy machine, far below the grace of an hour.
const AT_ONCE: Duration = Duration::from_secs(20);

fn row_094_sigint_lets_the_running_tasks_end(method: &str) {
    stops_politely(method, Signal::SIGINT, 130);
}

fn row_095_sigterm(method: &str) {
    stops_politely(method, Signal::SIGTERM, 143);
}

fn row_095_sighup(method: &str) {
    stops_politely(method, Signal::SIGHUP, 129);
}

/// Two tasks run when the signal comes. They are continued after it was heard, and end within the grace; none
/// is begun after them.
fn stops_politely(method: &str, sent: Signal, code: i32) {
    let scenario = Scenario::new(method, 8, "stop", 1, 0);
    let mut running = with_progress(&scenario)
        .args(["--grace", "1m"])
        .background();
    let stopped = wait_for_two_stopped(&mut running);
    running.signal(sent);
    // Taken is not enough: an answer that is read before the signal still begins a task, which the signal then
    // interrupts before it has started.
    running.wait_for("its word that it stops", |running| {
        running.stderr_so_far().contains("stopping").then_some(())
    });
    for worker in &stopped {
        signal(worker.pid, Signal::SIGCONT);
    }
    let finished = running.watch(continue_all);
    scenario.aftermath(&finished).ended_early(code);
    let folder = scenario.folder();
    assert_eq!(folder.outcomes().keys().collect::<Vec<_>>(), ["ok"]);
    let done = folder.results().len();
    assert!((2..8).contains(&done), "{done} of 8 tasks were run");
    assert_eq!(done, folder.recorded(), "what is recorded is derived");
    assert_eq!(folder.experiment("f")["incomplete"], true);

    let resumed = super::resume(&scenario).background();
    let finished = resumed.watch(continue_all);
    scenario.aftermath(&finished).completes(0);
}

fn row_094_sigint_interrupts_what_outlasts_the_grace(method: &str) {
    let scenario = two_that_hang(method);
    let mut running = scenario.command().args(["--grace", "200ms"]).background();
    wait_for_two_stopped(&mut running);
    running.signal(Signal::SIGINT);
    let finished = running.wait();
    interrupted_twice(&scenario, &finished);
}

fn row_095_a_second_signal_ends_the_workers_at_once(method: &str) {
    let scenario = two_that_hang(method);
    let mut running = scenario.command().args(["--grace", "1h"]).background();
    wait_for_two_stopped(&mut running);
    running.signal(Signal::SIGINT);
    running.wait_until_taken();
    assert_eq!(
        wait_for_two_stopped(&mut running).len(),
        2,
        "the first is polite"
    );
    let began = Instant::now();
    running.signal(Signal::SIGTERM);
    let finished = running.wait();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    interrupted_twice(&scenario, &finished);
}

/// The two attempts have no result and cost their tasks nothing: a resume runs them.
#[track_caller]
fn interrupted_twice(scenario: &Scenario, finished: &crate::common::Finished) {
    scenario.aftermath(finished).ended_early(130);
    let outcomes = scenario.folder().outcomes();
    assert_eq!(outcomes.get("interrupted"), Some(&2), "{outcomes:?}");
    assert!(!outcomes.contains_key("crashed"), "{outcomes:?}");
    let unfinished = 4 - scenario.folder().results().len();
    assert_eq!(unfinished, 2, "an interrupted task has no result");
    goes_on(scenario, 0);
}

/// The workers are gone, and the journal's thread is held up on its way to the disk.
fn row_095_a_second_signal_during_the_flush(method: &str) {
    let scenario = Scenario::new(method, 4, "stop", 4, 1);
    let mut running = scenario
        .with_faults("supervisor.sync:sleep-ms=400")
        .args(["--grace", "100ms"])
        .background();
    stopped_worker(&mut running, &[]);
    running.signal(Signal::SIGINT);
    running.wait_for("the workers to be gone", |running| {
        running.descendants().is_empty().then_some(())
    });
    // Blocked since the start, it is pending from here on, whoever listens.
    running.signal(Signal::SIGINT);
    let finished = running.wait();
    assert!(scenario.fired("supervisor.sync") > 0);
    scenario.aftermath(&finished).ended_early(130);
    goes_on(&scenario, 0);
}

/// Nobody watches for it: it is the way to end a supervisor that no longer listens.
fn row_095_sigquit_is_a_death_like_any_other(method: &str) {
    let scenario = two_that_stop(method);
    let mut running = scenario
        .command()
        .through_shell("ulimit -c 0; exec \"$@\"")
        .background();
    wait_for_two_stopped(&mut running);
    running.signal(Signal::SIGQUIT);
    let finished = running.wait();
    assert_eq!(finished.ended_by(), Some(3), "{finished:?}");
    goes_on_after_a_death(&scenario, 0);
}

/// The limit of the tests in which the supervisor is stopped for longer than that.
const LIMIT: &str = "3s";
const PAUSE: &str = "3.5";

fn row_099_stopped_and_continued(method: &str) {
    let scenario = Scenario::new(method, 2, "stop", 2, 0);
    let mut running = scenario.command().args(["--timeout", LIMIT]).background();
    let worker = stopped_worker(&mut running, &[]);
    running.signal(Signal::SIGSTOP);
    pause();
    running.signal(Signal::SIGCONT);
    is_not_charged_for_the_pause(&scenario, running, worker.pid);
}

/// Ctrl-Z. A process obeys it only in a group that a shell has made for it.
fn row_099_stopped_from_the_terminal_and_continued(method: &str) {
    let scenario = Scenario::new(method, 2, "stop", 2, 0);
    let mut running = scenario
        .command()
        .args(["--timeout", LIMIT])
        .through_shell(
            "exec python3 -c 'import os, subprocess, sys\n\
             sys.exit(subprocess.Popen(sys.argv[1:], preexec_fn=os.setpgrp).wait())' \"$@\"",
        )
        .background();
    let supervisor = running.wait_for_process("the supervisor", |p| p.name == "supervisor");
    let worker = stopped_worker(&mut running, &[supervisor.pid]);
    signal(supervisor.pid, Signal::SIGTSTP);
    running.wait_for_process("a supervisor that stopped", |process| {
        process.pid == supervisor.pid && process.state == 'T'
    });
    pause();
    signal(supervisor.pid, Signal::SIGCONT);
    is_not_charged_for_the_pause(&scenario, running, worker.pid);
}

/// A clock that is waited for as a process is.
fn pause() {
    let status = Command::new("sleep").arg(PAUSE).status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[track_caller]
fn is_not_charged_for_the_pause(scenario: &Scenario, running: Running, worker: i32) {
    // One that is gone was charged with what was not its fault: its run says so below.
    let _ = kill(Pid::from_raw(worker), Signal::SIGCONT);
    let finished = running.wait();
    let longest = scenario.folder().attempts().iter().map(total).max();
    let longest = longest.expect("there are attempts");
    assert!(longest > Duration::from_secs(3), "no pause: {longest:?}");
    scenario.aftermath(&finished).completes(0);
}

/// The supervisor leads the session of a terminal; whoever held the terminal is gone. It gets SIGHUP, and
/// every word to the screen from then on is an error.
fn row_104_the_terminal_goes_away(method: &str) {
    let scenario = Scenario::of(method, vec![Faults::new(4, "stop", 2, 1)]);
    // No child of any test may inherit it, or it would never close.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let mut terminal = pty::posix_openpt(flags).expect("a terminal can be made");
    pty::grantpt(&terminal).expect("it is ours");
    pty::unlockpt(&terminal).expect("it is ours");
    let name = pty::ptsname_r(&terminal).expect("it has a name");
    let shell = format!("exec setsid -c \"$@\" <{name} >{name} 2>{name}");
    let mut running = with_progress(&scenario)
        .args(["--grace", "200ms"])
        .through_shell(&shell)
        .background();
    wait_for_two_stopped(&mut running);
    let mut said = [0u8; 256];
    let length = terminal.read(&mut said).expect("it speaks to the terminal");
    assert!(length > 0);
    drop(terminal);
    let finished = running.wait();
    scenario.aftermath(&finished).ended_early(129);
    let outcomes = scenario.folder().outcomes();
    assert_eq!(outcomes.get("interrupted"), Some(&2), "{outcomes:?}");
    goes_on(&scenario, 0);
}
