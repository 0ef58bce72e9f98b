//! The run folder has one holder at a time, and does not go away unnoticed.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::{
    continue_all, goes_on, goes_on_after_a_death, resume, two_that_stop, wait_for_two_stopped,
};
use crate::scenario::{Scenario, rows, terminal_records};
use crate::trial::{Faults, eventually, signal, stopped_worker, trial};

rows! {
    both: row_108_a_second_supervisor_is_refused,
        row_108_a_worker_of_a_killed_run_still_lives,
        row_109_the_lock_file_of_a_dead_supervisor,
        row_110_the_run_folder_is_renamed,
        row_110_the_run_folder_is_removed,
        row_110_the_journal_is_removed;
}

fn row_108_a_second_supervisor_is_refused(method: &str) {
    let scenario = Scenario::new(method, 4, "stop", 4, 0);
    let mut running = scenario.command().background();
    let worker = stopped_worker(&mut running, &[]);
    let manifest = scenario.folder().bytes("manifest.json");
    let holder = running.pid().to_string();
    for second in [
        trial(&scenario.lab, "run", method, &scenario.experiments),
        scenario.lab.supervisor(["resume", "run"]),
    ] {
        second
            .run()
            .assert_code(4)
            .assert_says(&["in use", &holder, "hint: "]);
    }
    assert_eq!(scenario.folder().bytes("manifest.json"), manifest);
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait();
    scenario.aftermath(&finished).completes(0);
}

/// A worker that cannot die yet is in nobody's way: it holds no lock, and whom it would tell is gone.
fn row_108_a_worker_of_a_killed_run_still_lives(method: &str) {
    let scenario = two_that_stop(method);
    let mut running = scenario.command().background();
    let stopped = wait_for_two_stopped(&mut running);
    let frozen = Frozen::of(&scenario, stopped[0].pid);
    running.signal(Signal::SIGKILL);
    running.wait();
    let others_are_gone = eventually(super::ORPHANS * 10, || {
        let census = scenario.lab.census();
        let workers = census
            .processes()
            .iter()
            .filter(|p| p.pid == stopped[1].pid);
        (workers.count() == 0).then_some(())
    });
    assert!(others_are_gone.is_some());
    let resumed = resume(&scenario).background().watch(continue_all);
    assert_eq!(resumed.code(), Some(0), "{resumed:?}");
    let alive = scenario.lab.census();
    assert!(alive.processes().iter().any(|p| p.pid == stopped[0].pid));
    let records = terminal_records(&scenario.folder());
    drop(frozen);
    scenario.lab.assert_quiet_within(super::ORPHANS);
    goes_on(&scenario, 0);
    assert_eq!(terminal_records(&scenario.folder()), records);
}

/// A process in a cgroup of its own that is frozen: not even SIGKILL ends it until it is thawed.
struct Frozen {
    path: PathBuf,
}

impl Frozen {
    fn of(scenario: &Scenario, pid: i32) -> Frozen {
        let name = scenario.lab.root().file_name().expect("a lab has a name");
        let path = PathBuf::from("/sys/fs/cgroup/freezer").join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::write(path.join("cgroup.procs"), pid.to_string()).expect("it can be moved");
        let frozen = Frozen { path };
        frozen.set("FROZEN");
        let is_frozen = eventually(super::ORPHANS * 10, || {
            let state = fs::read_to_string(frozen.path.join("freezer.state")).ok()?;
            (state.trim() == "FROZEN").then_some(())
        });
        assert!(is_frozen.is_some());
        frozen
    }

    fn set(&self, state: &str) {
        fs::write(self.path.join("freezer.state"), state).expect("the state can be set");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.set("THAWED");
        let _ = eventually(super::ORPHANS * 10, || fs::remove_dir(&self.path).ok());
    }
}

fn row_109_the_lock_file_of_a_dead_supervisor(method: &str) {
    let scenario = two_that_stop(method);
    let mut running = scenario.command().background();
    wait_for_two_stopped(&mut running);
    let dead = running.pid().to_string();
    running.signal(Signal::SIGKILL);
    running.wait();
    scenario.lab.assert_quiet_within(super::ORPHANS);
    let lock = scenario.folder().path().join("lock");
    let text = fs::read_to_string(&lock).expect("it is left");
    assert!(text.contains(&dead), "it names its holder: {text}");
    // Torn, as by a full disk, and with the number of a process that lives.
    let living = format!("{text}\n{{\"pid\":{},\"host\":\"", std::process::id());
    fs::write(&lock, living).expect("it can be written");
    goes_on_after_a_death(&scenario, 0);
}

fn row_110_the_run_folder_is_renamed(method: &str) {
    let scenario = Scenario::new(method, 4, "stop", 4, 0);
    let mut running = scenario.command().background();
    let worker = stopped_worker(&mut running, &[]);
    let (old, new) = (scenario.lab.path("run"), scenario.lab.path("elsewhere"));
    fs::rename(&old, &new).expect("it can be renamed");
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait().assert_says(&["no longer there"]);
    scenario.aftermath(&finished).ended_early(3);
    assert!(
        !new.join("results.jsonl").exists(),
        "nobody was told of success"
    );
    // It went on in the journal, which is an open file wherever its name is.
    fs::rename(&new, &old).expect("it can be renamed back");
    assert_eq!(scenario.folder().recorded(), 4);
    goes_on(&scenario, 0);
}

fn row_110_the_run_folder_is_removed(method: &str) {
    removed_during_the_run(method, "run");
}

fn row_110_the_journal_is_removed(method: &str) {
    removed_during_the_run(method, "run/journal");
}

#[track_caller]
fn removed_during_the_run(method: &str, what: &str) {
    let scenario = Scenario::of(method, vec![Faults::new(4, "stop", 4, 1)]);
    let mut running = scenario.command().background();
    let worker = stopped_worker(&mut running, &[]);
    fs::remove_dir_all(scenario.lab.path(what)).expect("it can be removed");
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait().assert_says(&["no longer there"]);
    scenario.aftermath(&finished).ended_early(3);
    assert!(!scenario.lab.path("run/results.jsonl").exists());
    // What was recorded is gone with it: the run begins anew in an empty folder.
    let _ = fs::remove_dir_all(scenario.lab.path("run"));
    let finished = scenario.command().background().watch(continue_all);
    scenario.aftermath(&finished).completes(0);
}
