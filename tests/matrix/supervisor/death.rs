//! The supervisor dies: nothing of its run lives on, nothing that was recorded is lost, and no half of it goes
//! on living.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{continue_all, goes_on_after_a_death, keeper, two_that_stop, wait_for_two_stopped};
use crate::common::{Finished, Running, tell};
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, eventually, signal, stopped_worker};

rows! {
    both: row_096_killed_at_a_random_moment,
        row_096_killed_below_a_subreaper,
        row_096_what_tasks_started_dies_too,
        row_096_a_keeper_that_is_killed_is_replaced,
        row_100_a_thread_panics,
        row_100_a_thread_aborts,
        row_100_a_thread_segfaults,
        row_101_out_of_memory;
}

/// Further moments: `scripts/kill_supervisor.py`.
const SEEDS: u64 = 5;

fn row_096_killed_at_a_random_moment(method: &str) {
    let calm = Scenario::new(method, 20, "sleep-ms=5", 2, 0);
    let whole = calm.command().run().assert_code(0).took;
    let mut killed = 0;
    for seed in 1..=SEEDS {
        let scenario = Scenario::new(method, 20, "sleep-ms=5", 2, 0);
        // The generator of Knuth's MMIX, its upper bits.
        let share = (seed.wrapping_mul(6_364_136_223_846_793_005) >> 32) % 1000;
        let moment = whole.mul_f64(share as f64 / 1000.0);
        let began = Instant::now();
        let mut sent = false;
        let finished = scenario.command().background().watch(|running| {
            if !sent && began.elapsed() >= moment {
                running.signal(Signal::SIGKILL);
                sent = true;
            }
        });
        tell(&format!("seed {seed}: killed after {moment:?}"));
        killed += u32::from(finished.ended_by() == Some(9));
        if scenario.folder().path().join("spec.toml").exists() {
            goes_on_after_a_death(&scenario, 0);
        } else {
            // Before there was anything to resume.
            scenario.lab.assert_quiet_within(super::ORPHANS);
            let finished = scenario.command().run();
            scenario.aftermath(&finished).completes(0);
        }
    }
    assert!(killed > 0, "none was killed before its end");
}

/// Orphans then have another parent than process 1, which proves nothing to a worker.
fn row_096_killed_below_a_subreaper(method: &str) {
    let scenario = two_that_stop(method);
    let mut running = scenario
        .command()
        .through_shell(
            "exec python3 -c 'import ctypes, subprocess, sys\n\
             assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0\n\
             sys.exit(-subprocess.call(sys.argv[1:]))' \"$@\"",
        )
        .background();
    let supervisor = running.wait_for_process("the supervisor", |p| p.name == "supervisor");
    wait_for_two_stopped(&mut running);
    signal(supervisor.pid, Signal::SIGKILL);
    let finished = running.wait();
    assert_eq!(finished.code(), Some(9), "{finished:?}");
    goes_on_after_a_death(&scenario, 0);
}

/// A daemon whose task ended long ago, a child and a daemon of a task that runs.
fn left_by_tasks(method: &str) -> (Scenario, Running) {
    let scenario = Scenario::of(
        method,
        vec![
            Faults::new(1, "daemon", 1, 0).called("before"),
            Faults::new(1, "leak-child+daemon+stop", 1, 0).called("now"),
        ],
    );
    let mut running = scenario.command().args(["--workers", "1"]).background();
    let worker = stopped_worker(&mut running, &[]);
    let descendants = running.descendants();
    let below = |pid| {
        let all = descendants.processes().iter();
        all.filter(|p| p.parent == pid && p.state != 'Z').count()
    };
    assert_eq!(below(worker.pid), 2, "its child and its daemon");
    (scenario, running)
}

/// What the keeper is for.
fn row_096_what_tasks_started_dies_too(method: &str) {
    let (scenario, mut running) = left_by_tasks(method);
    keeper(&mut running, 0);
    running.signal(Signal::SIGKILL);
    let finished = running.wait();
    assert_eq!(finished.ended_by(), Some(9), "{finished:?}");
    goes_on_after_a_death(&scenario, 0);
}

fn row_096_a_keeper_that_is_killed_is_replaced(method: &str) {
    let (scenario, mut running) = left_by_tasks(method);
    let first = keeper(&mut running, 0);
    signal(first.pid, Signal::SIGKILL);
    keeper(&mut running, first.pid);
    running.signal(Signal::SIGKILL);
    running.wait();
    goes_on_after_a_death(&scenario, 0);
}

/// The threads of a supervisor, by the fail points that they pass.
const THREADS: [&str; 7] = [
    "supervisor.step",
    "supervisor.recorded",
    "supervisor.sync",
    "supervisor.output",
    "supervisor.handshake",
    "supervisor.reaper",
    "supervisor.signals",
];

/// Those that are the main thread.
const MAIN: [&str; 2] = ["supervisor.step", "supervisor.recorded"];

fn row_100_a_thread_panics(method: &str) {
    each_thread(method, "panic", |thread, finished| {
        if MAIN.contains(&thread) {
            assert_eq!(finished.code(), Some(101), "{thread}: {finished:?}");
        } else {
            // It cannot end the others but by ending the process.
            assert_eq!(finished.ended_by(), Some(6), "{thread}: {finished:?}");
        }
        assert!(finished.stderr.contains("panicked"), "{finished:?}");
    });
}

fn row_100_a_thread_aborts(method: &str) {
    each_thread(method, "abort", |thread, finished| {
        assert_eq!(finished.ended_by(), Some(6), "{thread}: {finished:?}");
    });
}

fn row_100_a_thread_segfaults(method: &str) {
    each_thread(method, "signal=11", |thread, finished| {
        assert_eq!(finished.ended_by(), Some(11), "{thread}: {finished:?}");
    });
}

/// Does this to each thread in turn: the whole process ends, and its run goes on.
fn each_thread(method: &str, action: &str, ended_so: impl Fn(&str, &Finished)) {
    for thread in THREADS {
        // They print, so that the thread of the output has something to do, they have children, which must not
        // outlive the run, and one of them waits for a signal.
        let scenario = Scenario::new(method, 4, "spew=1+leak-child+daemon+stop", 1, 0);
        // The tenth step is in the middle of the run. A panic of a short-lived helper would be no news later.
        let nth = if thread == "supervisor.step" { 10 } else { 1 };
        let mut sent = false;
        let finished = scenario
            .with_faults(&format!("{thread}:{action}:{nth}"))
            .through_shell("ulimit -c 0; exec \"$@\"")
            .patience(Duration::from_secs(60))
            .background()
            .watch(|running| {
                if thread != "supervisor.signals" {
                    continue_all(running);
                } else if !sent
                    && running
                        .descendants()
                        .processes()
                        .iter()
                        .any(|p| p.state == 'T')
                {
                    running.signal(Signal::SIGTERM);
                    sent = true;
                }
            });
        assert_eq!(scenario.fired(thread), 1, "{thread}: {finished:?}");
        ended_so(thread, &finished);
        if scenario.folder().path().join("spec.toml").exists() {
            goes_on_after_a_death(&scenario, 0);
        } else {
            // The first handshake is the start method's self-test: there is no run yet.
            scenario.lab.assert_quiet_within(super::ORPHANS);
            let finished = scenario.command().background().watch(continue_all);
            scenario.aftermath(&finished).completes(0);
        }
    }
}

/// Memory that this supervisor holds for nothing: it is the largest process of its group, in which a
/// bystander then takes too much.
const BALLAST: u64 = 64 << 20;

fn row_101_out_of_memory(method: &str) {
    let scenario = two_that_stop(method);
    let group = MemoryGroup::new(&scenario);
    let join = format!("echo $$ > '{}/cgroup.procs'; exec \"$@\"", group.show());
    let mut running = scenario
        .command()
        .env("SUPERVISOR_BALLAST", BALLAST.to_string())
        .through_shell(&join)
        .background();
    wait_for_two_stopped(&mut running);
    group.limit_to_a_little_more();
    // `tail` keeps what it reads until it has all.
    let mut bystander = Command::new("/bin/sh")
        .args(["-c", &join, "sh", "/bin/sh", "-c", "exec tail /dev/zero"])
        .stdout(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    let finished = running.wait();
    let _ = bystander.kill();
    let _ = bystander.wait();
    assert_eq!(finished.ended_by(), Some(9), "{finished:?}");
    assert!(group.kills() > 0, "the kernel did it");
    scenario.lab.assert_quiet_within(super::ORPHANS);
    drop(group);
    goes_on_after_a_death(&scenario, 0);
}

/// A memory cgroup of its own, of version 1.
struct MemoryGroup {
    path: PathBuf,
}

impl MemoryGroup {
    fn new(scenario: &Scenario) -> MemoryGroup {
        let name = scenario.lab.root().file_name().expect("a lab has a name");
        let path = Path::new("/sys/fs/cgroup/memory").join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        MemoryGroup { path }
    }

    fn show(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(name)).expect("a file of the group")
    }

    fn limit_to_a_little_more(&self) {
        let used: u64 = self
            .read("memory.usage_in_bytes")
            .trim()
            .parse()
            .expect("a number");
        let limit = (used + (4 << 20)).to_string();
        fs::write(self.path.join("memory.limit_in_bytes"), limit).expect("the limit can be set");
    }

    /// How many processes the kernel has killed in it.
    fn kills(&self) -> u64 {
        let text = self.read("memory.oom_control");
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.trim().parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // It can be removed once its last process is gone.
        let _ = eventually(Duration::from_secs(5), || fs::remove_dir(&self.path).ok());
    }
}
