//! Rows 7 to 11: the worker program. What it was at the beginning of a run it is to the end; what cannot be
//! one is refused before anything is written.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::real;
use crate::common::{Lab, Running};
use crate::scenario::{Scenario, rows};
use crate::trial::{
    Changeling, Faults, assert_nothing_left, outcomes, signal, stopped_worker, trial,
};

rows! {
    spawn: row_007_replaced_during_the_run, row_007_a_script_is_replaced,
        row_008_no_worker_program, row_008_a_link_that_leads_nowhere,
        row_009_deleted_during_the_run, row_009_deleted_where_we_are_our_own_worker,
        row_010_not_executable, row_011_no_program;
}

/// A run whose first task stops until somebody continues it, and that has enough tasks behind it for starts
/// that nobody has prepared.
fn held_up(method: &str) -> Scenario {
    let first = Faults::new(1, "stop", 1, 0).called("first");
    let rest = Faults::new(6, "error", 0, 0).called("rest");
    Scenario::of(method, vec![first, rest])
}

/// Does something to the files while the first task is stopped: every other task must be run all the same.
#[track_caller]
fn files_change(changeling: &Changeling, scenario: &Scenario, change: impl FnOnce()) {
    let command = scenario.command().args(["--workers", "1"]);
    let mut running: Running = changeling.runs(command).background();
    let stopped = stopped_worker(&mut running, &[]);
    change();
    signal(stopped.pid, nix::sys::signal::Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    assert_eq!(outcomes(&scenario.attempts()), ["ok"; 7]);
    scenario.aftermath(&finished).completes(0);
}

/// The next run has what is there then.
#[track_caller]
fn the_next_run_fails(changeling: &Changeling, scenario: &Scenario, method: &str) {
    let next = trial(
        &scenario.lab,
        "next",
        method,
        &[Faults::new(1, "error", 0, 0)],
    );
    let finished = changeling.runs(next).run().assert_code(3);
    assert_nothing_left(&scenario.lab, &finished);
}

/// Puts a program that does not work in place of the other, as an installation does: by rename.
fn replace(program: &Path) {
    let fresh = program.with_extension("new");
    fs::write(&fresh, "#!/bin/sh\nexit 9\n").expect("a file can be written");
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o700)).expect("it is ours");
    fs::rename(&fresh, program).expect("it can be replaced");
}

fn row_007_replaced_during_the_run(method: &str) {
    let scenario = held_up(method);
    let changeling = Changeling::new(&scenario.lab);
    real(&changeling);
    files_change(&changeling, &scenario, || replace(&changeling.worker()));
    the_next_run_fails(&changeling, &scenario, method);
}

fn row_007_a_script_is_replaced(method: &str) {
    let scenario = held_up(method);
    let changeling = Changeling::new(&scenario.lab);
    changeling.script("exec \"$real\" \"$@\"");
    files_change(&changeling, &scenario, || replace(&changeling.worker()));
    the_next_run_fails(&changeling, &scenario, method);
}

/// By the contract that is no mistake: the supervisor is its own worker, and says so.
fn row_008_no_worker_program(method: &str) {
    let scenario = Scenario::calm(method, 4);
    let changeling = Changeling::new(&scenario.lab);
    assert!(!changeling.worker().exists());
    let finished = changeling
        .runs(scenario.command())
        .run()
        .assert_says(&["workers run this program itself"]);
    scenario.aftermath(&finished).completes(0);
}

fn row_008_a_link_that_leads_nowhere(method: &str) {
    refused(method, &["No such file or directory"], |worker| {
        symlink("nowhere", worker).expect("a link can be made");
    });
}

fn row_009_deleted_during_the_run(method: &str) {
    let scenario = held_up(method);
    let changeling = Changeling::new(&scenario.lab);
    real(&changeling);
    files_change(&changeling, &scenario, || {
        fs::remove_file(changeling.worker()).expect("it is there");
    });
    assert!(!changeling.worker().exists());
}

fn row_009_deleted_where_we_are_our_own_worker(method: &str) {
    let scenario = held_up(method);
    let changeling = Changeling::new(&scenario.lab);
    let folder = changeling.worker().with_file_name("");
    files_change(&changeling, &scenario, || {
        fs::remove_dir_all(&folder).expect("it is there");
    });
    assert!(!folder.exists());
}

/// What is put in place of the worker program is refused, under every way to choose the method: exit 2, the
/// file and the kernel's reason named, nothing written.
#[track_caller]
fn refused(method: &str, says: &[&str], make: impl Fn(&Path)) {
    let lab = Lab::new();
    let changeling = Changeling::new(&lab);
    let worker = changeling.worker();
    make(&worker);
    let path = worker.display().to_string();
    for method in ["auto", method] {
        let run = trial(&lab, "run", method, &[Faults::new(4, "error", 0, 0)]);
        let before = lab.listing();
        let finished = changeling
            .runs(run)
            .run()
            .assert_code(2)
            .assert_says(&[path.as_str(), "cannot be started", "hint:"])
            .assert_says(says);
        assert_eq!(lab.listing(), before, "nothing is written");
        assert_nothing_left(&lab, &finished);
    }
}

fn write(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, bytes).expect("a file can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Root may do almost anything, but not execute what nobody may execute.
fn row_010_not_executable(method: &str) {
    let says = ["it may not be executed", "Permission denied"];
    refused(method, &says, |worker| {
        write(worker, "#!/bin/sh\nexit 0\n", 0o644);
    });
}

fn row_011_no_program(method: &str) {
    const ENOEXEC: &str = "Exec format error";
    refused(method, &["it is a folder", "Permission denied"], |worker| {
        fs::create_dir(worker).expect("a folder can be made");
    });
    refused(method, &["it is empty", ENOEXEC], |worker| {
        write(worker, "", 0o700);
    });
    refused(method, &["it is no program", ENOEXEC], |worker| {
        write(worker, [0; 64], 0o700);
    });
    refused(method, &["for another machine", ENOEXEC], |worker| {
        let mut program = fs::read(env!("CARGO_BIN_EXE_worker")).expect("it can be read");
        program.truncate(64 << 10);
        // The machine of an ELF header: none has this number.
        program[18..20].copy_from_slice(&[0xfe, 0xfe]);
        write(worker, program, 0o700);
    });
    refused(method, &["/none/such/sh", "No such file"], |worker| {
        write(worker, "#!/none/such/sh\nexit 0\n", 0o700);
    });
    refused(method, &["without an interpreter", ENOEXEC], |worker| {
        write(worker, "#!\nexit 0\n", 0o700);
    });
    refused(method, &["not a regular file"], |worker| {
        nix::unistd::mkfifo(worker, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO can be made");
    });
}
