//! Rows 13 to 17: what the kernel refuses on the way to a worker: processes, memory, descriptors, a place for
//! sockets. A run goes on with what it can have, or ends with the kernel's reason; it never hangs, and never
//! leaves half a worker.

use std::fs;
use std::os::unix::fs::chown;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::real;
use crate::common::{Finished, Supervisor, tell};
use crate::scenario::{Scenario, rows};
use crate::trial::{Changeling, Faults, outcomes, signal, stopped_worker, strace, with_injection};

rows! {
    both: row_013_no_process_once, row_013_no_process_any_more,
        row_014_no_memory_for_a_process_once, row_014_no_memory_for_a_process_any_more,
        row_014_no_memory_for_a_mapping,
        row_015_no_descriptors, row_015_few_descriptors, row_015_a_limit_that_can_be_raised,
        row_016_no_more_processes;
    fork: row_013_no_process_beside_a_live_worker;
    spawn: row_017_a_long_tmpdir, row_017_a_missing_tmpdir, row_017_a_read_only_tmpdir,
        row_017_a_full_tmpdir, row_017_memory_without_room;
}

const EAGAIN: &str = "Resource temporarily unavailable";
/// Where a thread is to be made, the C library says EAGAIN for it.
const ENOMEM: [&str; 2] = ["Cannot allocate memory", EAGAIN];

fn row_013_no_process_once(method: &str) {
    clone_fails_once(method, "EAGAIN", &[EAGAIN]);
}

fn row_013_no_process_any_more(method: &str) {
    clone_fails_from_now_on(method, "EAGAIN", &[EAGAIN]);
}

fn row_014_no_memory_for_a_process_once(method: &str) {
    clone_fails_once(method, "ENOMEM", &ENOMEM);
}

fn row_014_no_memory_for_a_process_any_more(method: &str) {
    clone_fails_from_now_on(method, "ENOMEM", &ENOMEM);
}

/// Each clone of the supervisor's main thread in turn: those of a calm run of a few tasks are three threads,
/// the self-test's worker, a thread, the keeper, a thread, and the tasks' workers.
const CLONES: std::ops::RangeInclusive<u32> = 1..=10;

/// A run in which a clone fails: of the zygote under fork, of the supervisor under spawn.
fn with_clone_failing(strace: &str, method: &str, errno: &str, when: &str) -> (Scenario, Finished) {
    let injection = format!("clone,?clone3,?vfork,?fork:error={errno}:when={when}");
    if method == "fork" {
        let (lab, changeling) = with_injection(strace, &injection);
        let scenario = Scenario {
            lab,
            ..Scenario::calm(method, 3)
        };
        let finished = changeling.runs(scenario.command()).run();
        return (scenario, finished);
    }
    let scenario = Scenario::calm(method, 3);
    let text = format!("exec '{strace}' -D -o /dev/null -e inject={injection} \"$@\"");
    let finished = scenario.command().through_shell(&text).run();
    (scenario, finished)
}

fn count(scenario: &Scenario, outcome: &str) -> usize {
    let attempts = scenario.attempts();
    outcomes(&attempts)
        .iter()
        .filter(|o| **o == outcome)
        .count()
}

/// It ends well, or with the kernel's reason; what was not done is done by the same command later.
#[track_caller]
fn ends_well_or_says_why(scenario: &Scenario, finished: Finished, reasons: &[&str]) -> bool {
    let well = finished.code() == Some(0);
    if well {
        scenario.aftermath(&finished).completes(0);
    } else {
        assert!(
            reasons
                .iter()
                .any(|reason| finished.stderr.contains(reason)),
            "{finished:?}"
        );
        scenario.aftermath(&finished).ended_early(3);
        let finished = scenario.command().run();
        scenario.aftermath(&finished).completes(0);
    }
    well
}

#[track_caller]
fn clone_fails_once(method: &str, errno: &str, reasons: &[&str]) {
    let Some(strace) = strace() else { return };
    if method == "fork" {
        // The first is the self-test's.
        let (scenario, finished) = with_clone_failing(&strace, method, errno, "2");
        let finished = finished.assert_says(&reasons[..1]);
        assert_eq!(count(&scenario, "start_failed"), 1);
        scenario.aftermath(&finished).completes(0);
        return;
    }
    let mut went_on = 0;
    let mut said = String::new();
    for place in CLONES {
        let (scenario, finished) = with_clone_failing(&strace, method, errno, &place.to_string());
        let failed = count(&scenario, "start_failed");
        assert!(failed <= 1, "{finished:?}");
        said.push_str(&finished.stderr);
        if ends_well_or_says_why(&scenario, finished, reasons) {
            went_on += failed;
        }
    }
    assert!(went_on > 0, "no clone was a task's worker");
    // A program and the thread that hears its hello are told apart.
    assert!(said.contains("failed to start "), "{said}");
    assert!(
        said.contains("failed to prepare for a new process: "),
        "{said}"
    );
}

#[track_caller]
fn clone_fails_from_now_on(method: &str, errno: &str, reasons: &[&str]) {
    let Some(strace) = strace() else { return };
    if method == "fork" {
        let (scenario, finished) = with_clone_failing(&strace, method, errno, "2+");
        let finished = finished.assert_says(&["no worker can be started"]);
        assert!(count(&scenario, "start_failed") >= 5);
        assert!(!ends_well_or_says_why(&scenario, finished, reasons));
        return;
    }
    let mut gave_up = 0;
    for place in CLONES {
        let (scenario, finished) = with_clone_failing(&strace, method, errno, &format!("{place}+"));
        if count(&scenario, "start_failed") >= 5 {
            gave_up += 1;
            assert!(finished.stderr.contains("failed to start"), "{finished:?}");
        }
        ends_well_or_says_why(&scenario, finished, reasons);
    }
    assert!(gave_up > 0, "no clone was a task's worker");
}

/// What runs already may finish.
fn row_013_no_process_beside_a_live_worker(method: &str) {
    let Some(strace) = strace() else { return };
    let (lab, changeling) = with_injection(&strace, "clone:error=EAGAIN:when=3+");
    let live = Faults::new(1, "stop", 1, 0).called("live");
    let rest = Faults::new(3, "error", 0, 0).called("rest");
    let scenario = Scenario {
        lab,
        ..Scenario::of(method, vec![live, rest])
    };
    let mut running = changeling
        .runs(scenario.command().args(["--grace", "60s"]))
        .background();
    let stopped = stopped_worker(&mut running, &[]);
    running.wait_for("the run to give up", |running| {
        running.stderr_so_far().contains("STOPPING").then_some(())
    });
    signal(stopped.pid, Signal::SIGCONT);
    let finished = running.wait().assert_says(&[EAGAIN]);
    assert_eq!(count(&scenario, "ok"), 1, "the live one");
    scenario.aftermath(&finished).ended_early(3);
    let finished = scenario.command().run();
    scenario.aftermath(&finished).completes(0);
}

/// The second program that the run starts gets no mapping from its nth on: a worker, or the zygote of another
/// self-test. Whether it dies of that, and where, is its own business.
fn row_014_no_memory_for_a_mapping(method: &str) {
    let Some(strace) = strace() else { return };
    for place in 1..=4 {
        let scenario = Scenario::calm(method, 3);
        let changeling = Changeling::new(&scenario.lab);
        let root = scenario.lab.root().display();
        // Several start at once: with `set -C` only one of them makes a file. Under fork the first program
        // that is started is the only one.
        let first = if method == "fork" { "false" } else { "true" };
        changeling.script(&format!(
            "if {first} && (set -C; : > '{root}/first') 2>&-; then :\n\
             elif (set -C; : > '{root}/second') 2>&-; then\n\
             exec '{strace}' -D -o '{root}/trace' -e inject=mmap:error=ENOMEM:when={place}+ \"$real\" \"$@\"; fi\n\
             exec \"$real\" \"$@\""
        ));
        let finished = changeling
            .runs(scenario.command())
            .env("SUPERVISOR_START_LIMIT_MS", "2000")
            .run();
        let trace = fs::read_to_string(scenario.lab.root().join("trace")).unwrap_or_default();
        assert!(place > 1 || trace.contains("(INJECTED)"), "{trace}");
        // An allocation that fails in the middle of a task ends the process: it is charged, and done again.
        scenario
            .aftermath(&finished)
            .anyone_may_be_charged()
            .completes(0);
    }
}

/// Sixty-four workers, of which so many as the limit allows are had.
fn with_descriptors(method: &str, limit: &str) -> (Scenario, Finished) {
    let scenario = Scenario::calm(method, 70);
    let finished = scenario
        .command()
        .args(["--workers", "64"])
        .through_shell(&format!("{limit}; exec \"$@\""))
        .run();
    (scenario, finished)
}

fn row_015_no_descriptors(method: &str) {
    let (scenario, finished) = with_descriptors(method, "ulimit -n 32");
    let finished = finished.assert_says(&[
        "failed to prepare the worker pool: Too many open files",
        "hint:",
        "ulimit -n",
    ]);
    scenario.aftermath(&finished).ended_early(3);
    let finished = scenario.command().run();
    scenario.aftermath(&finished).completes(0);
}

fn row_015_few_descriptors(method: &str) {
    let (scenario, finished) = with_descriptors(method, "ulimit -n 100");
    let finished = finished.assert_says(&["64 workers need more open files than the limit of 100"]);
    scenario.aftermath(&finished).completes(0);
}

fn row_015_a_limit_that_can_be_raised(method: &str) {
    let (scenario, finished) = with_descriptors(method, "ulimit -S -n 32");
    assert!(!finished.stderr.contains("open files"), "{finished:?}");
    scenario.aftermath(&finished).completes(0);
}

/// A user of its own, so that nobody else's processes count.
struct User {
    number: u32,
}

impl User {
    /// One who owns the folders of a scenario's lab; `None` = only root can be somebody else.
    fn of(scenario: &Scenario, offset: u32) -> Option<User> {
        if !geteuid().is_root() {
            tell("skipped: only root can be another user");
            return None;
        }
        let number = 100_000 + 2 * (std::process::id() % 100_000) + offset;
        let lab = &scenario.lab;
        let folders = [
            lab.root().to_path_buf(),
            lab.work(),
            lab.tmp(),
            lab.sockets(),
        ];
        for folder in folders {
            chown(folder, Some(number), Some(number)).expect("root may");
        }
        Some(User { number })
    }

    /// Has this user run the command line, with at most so many processes and threads; `None` = as many as
    /// root may have.
    fn runs(&self, changeling: &Changeling, command: Supervisor, most: Option<u32>) -> Finished {
        let number = self.number;
        let limit = most.map_or(String::new(), |most| format!("prlimit --nproc={most}"));
        let program = changeling.supervisor();
        let text = format!(
            "shift; exec setpriv --reuid {number} --regid {number} --clear-groups {limit} '{}' \"$@\"",
            program.display()
        );
        command.through_shell(&text).run()
    }
}

fn row_016_no_more_processes(method: &str) {
    let (mut gave_up, mut went_on) = (0, 0);
    let offset = u32::from(method == "fork");
    // From fewer than the supervisor's own threads to enough for everything.
    for most in 1..=12 {
        let scenario = Scenario::calm(method, 6);
        let Some(user) = User::of(&scenario, offset) else {
            return;
        };
        let changeling = Changeling::new(&scenario.lab);
        real(&changeling);
        let command = || scenario.command().args(["--workers", "4"]);
        let finished = user.runs(&changeling, command(), Some(most));
        let failed = count(&scenario, "start_failed") > 0;
        if finished.code() == Some(0) {
            went_on += usize::from(failed);
            scenario.aftermath(&finished).completes(0);
        } else {
            gave_up += 1;
            let finished = finished.assert_says(&[EAGAIN]);
            scenario.aftermath(&finished).ended_early(3);
            let finished = user.runs(&changeling, command(), None);
            scenario.aftermath(&finished).completes(0);
        }
    }
    assert!(gave_up > 0, "the limit was never met");
    assert!(went_on > 0, "no run went on with the workers it could have");
}

/// A run that sees these mounts, and has no place for sockets but TMPDIR unless they say so.
fn mounted(method: &str, mounts: &str, tmpdir: &str) -> (Scenario, Finished) {
    let scenario = Scenario::calm(method, 3);
    let text = format!(
        "unset XDG_RUNTIME_DIR; exec unshare -m sh -ec 'mount -t tmpfs -o ro none /dev/shm; {mounts}; exec \"$@\"' sh \"$@\""
    );
    let finished = scenario
        .command()
        .env("TMPDIR", scenario.lab.tmp().join(tmpdir))
        .through_shell(&text)
        .run();
    (scenario, finished)
}

/// No place for sockets: exit 3 with the place and the kernel's reason, and no socket anywhere.
#[track_caller]
fn no_place(method: &str, mounts: &str, tmpdir: &str, reason: &str) {
    let (scenario, finished) = mounted(method, mounts, tmpdir);
    let place = scenario.lab.tmp().join(tmpdir).display().to_string();
    let says = [
        "private folder for sockets",
        &place,
        reason,
        "hint:",
        "TMPDIR",
    ];
    let finished = finished.assert_says(&says);
    assert!(scenario.attempts().is_empty());
    // A folder that was there before is no leftover.
    let _ = fs::remove_dir(scenario.lab.tmp().join(tmpdir));
    scenario.aftermath(&finished).ended_early(3);
    let finished = scenario.command().run();
    scenario.aftermath(&finished).completes(0);
}

/// ipc-channel would bind a name that is cut off.
fn row_017_a_long_tmpdir(method: &str) {
    let long = "l".repeat(100);
    no_place(method, "mkdir \"$TMPDIR\"", &long, "too long a path");
    // Where there is memory for them, sockets are not made in TMPDIR at all.
    let scenario = Scenario::calm(method, 3);
    let finished = scenario
        .command()
        .env("TMPDIR", scenario.lab.tmp().join(&long))
        .run();
    scenario.aftermath(&finished).completes(0);
}

fn row_017_a_missing_tmpdir(method: &str) {
    no_place(method, ":", "missing", "No such file or directory");
}

fn row_017_a_read_only_tmpdir(method: &str) {
    let mounts = "mkdir \"$TMPDIR\"; mount -t tmpfs -o ro none \"$TMPDIR\"";
    no_place(method, mounts, "d", "Read-only file system");
}

/// With room for nothing, for a folder, for a folder in it, and for all but the socket; and with enough.
fn row_017_a_full_tmpdir(method: &str) {
    for room in 1..=3 {
        let mounts =
            format!("mkdir \"$TMPDIR\"; mount -t tmpfs -o nr_inodes={room} none \"$TMPDIR\"");
        no_place(method, &mounts, "d", "No space left on device");
    }
}

/// The memory file system has room for a folder and for nothing in it: TMPDIR is taken.
fn row_017_memory_without_room(method: &str) {
    let mounts = "umount /dev/shm; mount -t tmpfs -o nr_inodes=2 none /dev/shm";
    let (scenario, finished) = mounted(method, mounts, ".");
    scenario.aftermath(&finished).completes(0);
}
