//! More memory than the limit: `oom`, with the figure, and only with proof.
//!
//! Two look after it. The watch reads the resident size of a worker and its children a few times a second;
//! where a control group can be made, the kernel holds the same limit at once and in every kind of memory.
//! Each is shown alone here: the watch where control groups are hidden from the supervisor, the kernel where
//! the watch is blind.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{costs_its_attempts, message, once_and_always};
use crate::common::{Supervisor, tell};
use crate::scenario::{Scenario, rows, with_faults};
use crate::trial::{outcomes, result_of, signal, stopped_worker};

rows! {
    both:
        row_042_heap_over_the_limit, row_042_heap_of_a_child, row_042_the_watch_alone,
        row_043_ended_by_the_kernel, row_043_a_child_ended_by_the_kernel,
        row_043_groups_of_a_killed_supervisor,
        row_044_killed_from_outside_near_the_limit,
        row_045_shared_memory_over_the_limit, row_045_file_in_memory_over_the_limit;
}

/// The limit in these rows.
const LIMIT: [&str; 2] = ["--memory", "64MiB"];

/// What the supervisor says where the kernel does not help.
const ALONE: &str = "memory is watched, and not limited by the kernel";

/// The figure and the limit are told.
#[track_caller]
fn is_proven(attempt: &Value) {
    let said = message(attempt);
    let words: Vec<&str> = said.split_whitespace().collect();
    let unit = words.iter().position(|word| word.starts_with("MiB"));
    let figure: f64 = unit
        .and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok())
        .unwrap_or_else(|| panic!("no figure in {said:?}"));
    assert!((64.0..4096.0).contains(&figure), "{said}");
    assert!(said.contains("64.0 MiB"), "the limit is told: {said}");
}

fn row_042_heap_over_the_limit(method: &str) {
    is_too_much(method, "allocate");
}

/// A worker's children count with it.
fn row_042_heap_of_a_child(method: &str) {
    is_too_much(method, "child-allocates+hang");
}

fn is_too_much(method: &str, deed: &str) {
    let scenario = once_and_always(method, deed);
    let (finished, did) = costs_its_attempts(&scenario, &LIMIT, "oom");
    did.iter().for_each(is_proven);
    assert!(groups_of(&scenario).is_none(), "the groups are gone");
    scenario.aftermath(&finished).completes(1);
}

/// Where no control group can be made, that is said, and the watch stays.
fn row_042_the_watch_alone(method: &str) {
    let scenario = Scenario::new(method, 2, "allocate", 2, 0);
    let command = scenario.command().args(LIMIT).args(["--retries", "0"]);
    let finished = without_groups(command)
        .run()
        .assert_code(1)
        .assert_says(&[ALONE]);
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 1);
    assert_eq!(outcomes(&tries), ["oom"]);
    is_proven(&tries[0]);
    assert!(message(&tries[0]).contains("resident memory"), "{tries:?}");
    scenario.aftermath(&finished).completes(1);
}

/// Hides all control groups from the supervisor, where it could use them: a user who is not root cannot.
fn without_groups(command: Supervisor) -> Supervisor {
    command.through_shell(
        "if unshare -m true 2>/dev/null; then \
         exec unshare -m sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"' sh \"$@\"; \
         else exec \"$@\"; fi",
    )
}

/// Whether groups can be made here: asked of the program, which says where they cannot.
fn groups_can_be_made(stderr: &str) -> bool {
    let can = !stderr.contains(ALONE);
    if !can {
        tell("skipped in part: no control group can be made here");
    }
    can
}

/// The folder of the run's control groups, if there is one, wherever it lies.
fn groups_of(scenario: &Scenario) -> Option<PathBuf> {
    let path = scenario
        .folder()
        .path()
        .canonicalize()
        .expect("it is there");
    let digest = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    let name = format!("fumehood-{}", &digest[..16]);
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_version = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let path = path.trim_start_matches('/');
        match controllers {
            "memory" => Some(PathBuf::from("/sys/fs/cgroup/memory").join(path)),
            "" => Some(PathBuf::from("/sys/fs/cgroup").join(path)),
            _ => None,
        }
    };
    own.lines()
        .filter_map(of_version)
        .flat_map(|group| {
            [
                group.parent().map(|above| above.join(&name)),
                Some(group.join(&name)),
            ]
        })
        .flatten()
        .find(|folder| folder.is_dir())
}

/// The watch is blind: what ends the worker is the kernel, and its count tells that from a plain SIGKILL.
fn row_043_ended_by_the_kernel(method: &str) {
    costs_what_the_kernel_says(method, "allocate");
}

/// The kernel ends the child, which is the larger; the limit was that of both.
fn row_043_a_child_ended_by_the_kernel(method: &str) {
    costs_what_the_kernel_says(method, "child-allocates+hang");
}

fn costs_what_the_kernel_says(method: &str, deed: &str) {
    let scenario = Scenario::new(method, 2, deed, 2, 0);
    let command = scenario
        .command()
        .args(LIMIT)
        .args(["--retries", "1", "--timeout", "5s"]);
    let blind = with_faults(&scenario.lab, command, "supervisor.look:blind");
    let finished = blind.run();
    if !groups_can_be_made(&finished.stderr) {
        return scenario.aftermath(&finished).holds();
    }
    assert!(scenario.fired("supervisor.look") > 0, "the watch was blind");
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 1);
    assert_eq!(outcomes(&tries), ["oom", "oom"], "{tries:#?}");
    for attempt in &tries {
        is_proven(attempt);
        assert!(
            message(attempt).contains("ended by the kernel"),
            "{attempt}"
        );
    }
    assert!(groups_of(&scenario).is_none(), "the groups are gone");
    scenario.aftermath(&finished).completes(1);
}

/// A supervisor that is killed cannot remove its groups: the next one of the run does.
fn row_043_groups_of_a_killed_supervisor(method: &str) {
    let scenario = Scenario::new(method, 2, "stop", 2, 1);
    let mut running = scenario.command().args(LIMIT).background();
    stopped_worker(&mut running, &[]);
    let groups = groups_of(&scenario);
    let can = groups_can_be_made(&running.stderr_so_far());
    assert_eq!(groups.is_some(), can, "each run has its groups");
    running.signal(Signal::SIGKILL);
    let killed = running.wait();
    assert_eq!(killed.ended_by(), Some(9));
    assert_eq!(
        groups_of(&scenario).is_some(),
        can,
        "left by the killed one"
    );
    let mut resumed = scenario
        .lab
        .supervisor(["resume", "run", "--progress", "none"])
        .args(LIMIT)
        .background();
    // The attempt that was cut off counts for nothing: the task stops once more.
    let stopped = stopped_worker(&mut resumed, &[]);
    signal(stopped.pid, Signal::SIGCONT);
    let finished = resumed.wait().assert_code(0);
    assert!(groups_of(&scenario).is_none(), "{groups:?}");
    scenario.aftermath(&finished).completes(0);
}

/// Only its place near the limit could make one think of memory, and that is no proof.
fn row_044_killed_from_outside_near_the_limit(method: &str) {
    let scenario = Scenario::new(method, 2, "hold-mib=52+stop", 2, 1);
    let mut running = scenario.command().args(LIMIT).background();
    let victim = stopped_worker(&mut running, &[]);
    signal(victim.pid, Signal::SIGKILL);
    let finished = running.wait().assert_code(0);
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 1);
    assert_eq!(outcomes(&tries), ["crashed", "ok"], "{tries:#?}");
    assert_eq!(tries[0]["cause"]["signal"], "SIGKILL");
    let peak = tries[0]["rusage"]["max_rss_kib"].as_u64().unwrap_or(0);
    assert!(peak >= 52 << 10, "it was near the limit: {peak} KiB");
    scenario.aftermath(&finished).completes(0);
}

/// Memory that is in no heap counts all the same, and goes with the process. The supervisor's own folder lies
/// in /dev/shm here too, as it does on most machines.
fn row_045_shared_memory_over_the_limit(method: &str) {
    let scenario = Scenario::new(method, 2, "share", 2, 0);
    let command = scenario.command().args(LIMIT).args(["--retries", "0"]);
    let listing = scenario.lab.root().join("shm");
    let finished = with_shm_of_its_own(command, &listing).run().assert_code(1);
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 1);
    assert_eq!(outcomes(&tries), ["oom"], "{tries:#?}");
    is_proven(&tries[0]);
    match std::fs::read_to_string(&listing) {
        Ok(left) => assert_eq!(left, "", "left in /dev/shm"),
        Err(_) => tell("skipped in part: /dev/shm cannot be looked at alone here"),
    }
    scenario.aftermath(&finished).completes(1);
}

/// Gives the supervisor a /dev/shm that nobody else uses, and lists in a file what is left there at its end;
/// where that cannot be done there is no list.
fn with_shm_of_its_own(command: Supervisor, listing: &Path) -> Supervisor {
    let list = listing.display();
    command.through_shell(&format!(
        "unset XDG_RUNTIME_DIR; if unshare -m true 2>/dev/null; then \
         exec unshare -m sh -c 'mount -t tmpfs none /dev/shm && {{ \"$@\"; code=$?; \
         ls -A /dev/shm > {list}; exit $code; }}' sh \"$@\"; else exec \"$@\"; fi"
    ))
}

/// Nothing of it is mapped: no figure of the process shows it, and only the kernel sees it.
fn row_045_file_in_memory_over_the_limit(method: &str) {
    let scenario = Scenario::new(method, 2, "fill-file", 2, 0);
    let finished = scenario
        .command()
        .args(LIMIT)
        .args(["--retries", "0", "--timeout", "5s"])
        .run()
        .assert_code(1);
    let result = result_of(&scenario.folder(), &scenario.experiments[0].id(1));
    if groups_can_be_made(&finished.stderr) {
        assert_eq!(result["state"], "oom", "{result}");
        let attempts = scenario.folder().attempts();
        is_proven(&scenario.experiments[0].attempts_at(&attempts, 1)[0]);
    } else {
        assert_eq!(result["state"], "timeout", "{result}");
    }
    scenario.aftermath(&finished).completes(1);
}
