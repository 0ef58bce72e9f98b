//! Rows 57 to 62, 65 and 66: what a task leaves behind does not harm whoever comes after.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::attempts_of_processes;
use crate::common::{Lab, RunFolder};
use crate::scenario::{Scenario, rows, with_faults};
use crate::trial::{
    Faults, assert_nothing_left, outcomes, result_of, signal, spec, stopped_worker, total, trial,
};

rows! {
    both:
        row_057_killed_with_a_file_lock,
        row_057_killed_with_a_record_lock,
        row_057_killed_with_a_semaphore,
        row_058_writes_to_the_shared_store,
        row_058_killed_while_it_has_the_shared_store,
        row_059_settings_changed_in_a_kept_worker,
        row_059_settings_changed_in_a_group,
        row_060_leaves_a_thread,
        row_061_leaves_a_child,
        row_062_leaves_a_daemon,
        row_062_a_daemon_ends_during_the_run,
        row_065_the_last_task_of_a_kept_worker,
        row_066_memory_leaks_from_task_to_task,
        row_066_memory_of_tasks_before;
}

/// The kernel frees the lock with its dead holder, and the next takes it.
fn killed_with_a_lock(method: &str, deed: &str) {
    let holders = Faults::new(2, &format!("{deed}+signal=9"), 1, 1).called("holder");
    let next = Faults::new(3, deed, 1, 0).called("next");
    let scenario = Scenario::of(method, vec![holders.clone(), next]);
    let finished = scenario.command().args(["--timeout", "60s"]).run();
    let attempts = scenario.folder().attempts();
    for at in 0..2 {
        let tries = holders.attempts_at(&attempts, at);
        assert_eq!(outcomes(&tries), ["crashed", "ok"], "it held the lock");
        assert_eq!(tries[0]["cause"]["signal"], "SIGKILL");
    }
    assert!(scenario.lab.path("shared-lock").exists());
    scenario.aftermath(&finished).completes(0);
}

fn row_057_killed_with_a_file_lock(method: &str) {
    killed_with_a_lock(method, "flock");
}

fn row_057_killed_with_a_record_lock(method: &str) {
    killed_with_a_lock(method, "record-lock");
}

/// Nothing frees a semaphore: who waits for it runs into the limit, and nobody else is held up.
fn row_057_killed_with_a_semaphore(method: &str) {
    let holder = Faults::new(1, "semaphore+signal=9", 1, 1).called("holder");
    let next = Faults::new(1, "semaphore", 1, 0).called("next");
    let others = Faults::new(4, "error", 0, 0).called("others");
    let scenario = Scenario::of(method, vec![holder.clone(), next.clone(), others]);
    // One after the other, in the order of the plan.
    let finished = scenario
        .command()
        .args(["--workers", "1", "--timeout", "1s", "--grace", "100s"])
        .run();
    let folder = scenario.folder();
    let tries = holder.attempts_at(&folder.attempts(), 0);
    assert_eq!(outcomes(&tries), ["crashed", "ok"]);
    assert_eq!(result_of(&folder, &next.id(0))["state"], "timeout");
    assert_eq!(folder.states()["ok"], 5);
    let work = fs::canonicalize(scenario.lab.work()).expect("it is there");
    let name = work.to_string_lossy().replace('/', "-");
    fs::remove_file(format!("/dev/shm/sem.{name}")).expect("the semaphore was made");
    scenario.aftermath(&finished).completes(1);
}

/// A run of a series so long that workers read it from a mapped store (`run/data/long`), and of tasks that
/// misbehave; and the same in one process without them, for comparison.
struct WithStore {
    scenario: Scenario,
}

impl WithStore {
    fn new(method: &str, faults: Faults) -> WithStore {
        let scenario = Scenario::of(method, vec![faults]);
        let values: String = (0..7_000).map(|n| format!("{}\n", n % 97)).collect();
        scenario.lab.write("long.csv", format!("y\n{values}"));
        let long = "\n[[experiment]]\nname = \"long\"\nkind = \"forecast\"\nmode = \"custom\"\n\
                    data = \"long.csv\"\nhorizon = 6\nmodels = [\"naive\", \"drift\", \"ses\"]\n";
        let calm = scenario.experiments[0].calm();
        trial(&scenario.lab, "calm", "inline", &[]);
        scenario
            .lab
            .write("calm.toml", format!("{}{long}", spec(&[calm])));
        trial_of(&scenario.lab, "calm", "inline")
            .run()
            .assert_code(0);
        let text = format!("{}{long}", spec(&scenario.experiments));
        scenario.lab.write("run.toml", text);
        WithStore { scenario }
    }

    fn command(&self) -> crate::common::Supervisor {
        trial_of(&self.scenario.lab, "run", &self.scenario.method)
            .env("SUPERVISOR_COUNTS", self.scenario.lab.root().join("counts"))
    }

    fn store(folder: &RunFolder) -> Vec<u8> {
        folder.bytes("data/long/values.npy")
    }

    /// Everything is as in the calm run, the store too.
    fn is_calm_again(&self, finished: &crate::common::Finished) {
        let (run, calm) = (self.scenario.folder(), self.scenario.lab.run_folder("calm"));
        assert_eq!(run.bytes("results.jsonl"), calm.bytes("results.jsonl"));
        let values = 7_000 * size_of::<f64>();
        assert!(WithStore::store(&run).len() > values, "it is the store");
        assert_eq!(WithStore::store(&run)[..], WithStore::store(&calm)[..]);
        self.scenario
            .aftermath(finished)
            .anyone_may_be_charged()
            .ended_early(0);
    }
}

/// As [`trial`], with the spec that lies there.
fn trial_of(lab: &Lab, name: &str, method: &str) -> crate::common::Supervisor {
    lab.supervisor(["run", &format!("{name}.toml"), "--run-dir", name])
        .args(["--start-method", method, "--progress", "none"])
        .env("SUPERVISOR_WORKERS", "2")
}

/// The store is the only memory that processes share, and workers have it read-only.
fn row_058_writes_to_the_shared_store(method: &str) {
    let faults = Faults::new(2, "scribble=run/data/long/values.npy", 1, 1);
    let trial = WithStore::new(method, faults.clone());
    let finished = trial.command().run();
    let attempts = trial.scenario.folder().attempts();
    for at in 0..2 {
        let tries = faults.attempts_at(&attempts, at);
        assert_eq!(outcomes(&tries), ["crashed", "ok"]);
        assert_eq!(tries[0]["cause"]["signal"], "SIGSEGV");
    }
    trial.is_calm_again(&finished);
}

fn row_058_killed_while_it_has_the_shared_store(method: &str) {
    let trial = WithStore::new(method, Faults::new(1, "error", 0, 0));
    // The second and the third answer are about the long series.
    let faults = "worker.answer:signal=9:2,worker.answer:signal=9:3";
    let finished = with_faults(&trial.scenario.lab, trial.command(), faults).run();
    assert_eq!(trial.scenario.fired("worker.answer"), 2);
    assert_eq!(trial.scenario.folder().outcomes()["crashed"], 2);
    trial.is_calm_again(&finished);
}

const SETTINGS: [&str; 8] = [
    "folder",
    "umask",
    "environment",
    "limit",
    "mask",
    "deaf",
    "priority",
    "locale",
];

/// Each task looks first whether its process is as the supervisor's, then changes it. The worker leaves with
/// its answer given, so that the next task has another; one that changes nothing stays.
fn row_059_settings_changed_in_a_kept_worker(method: &str) {
    let mut experiments = vec![Faults::new(5, "pristine", 1, 0).called("kept")];
    for what in SETTINGS {
        let change = format!("pristine+change={what}");
        experiments.push(Faults::new(3, &change, 1, 0).called(what));
        // That the change is one, and would be seen.
        let seen = format!("change={what}+pristine");
        experiments.push(Faults::new(1, &seen, 1, 0).called(&format!("{what}-seen")));
    }
    let scenario = Scenario::of(method, experiments.clone());
    let finished = scenario
        .command()
        .args(["--workers", "1", "--max-tasks-per-worker", "5"])
        .run();
    let folder = scenario.folder();
    let attempts = folder.attempts();
    for faults in &experiments {
        for at in 0..faults.tasks {
            let result = result_of(&folder, &faults.id(at));
            match faults.name.strip_suffix("-seen") {
                None => assert_eq!(result["state"], "ok", "{}: {result}", faults.name),
                Some(what) => {
                    assert_eq!(result["cause"]["message"], format!("changed: {what}"));
                }
            }
        }
    }
    assert_eq!(attempts.len(), 5 + SETTINGS.len() * 4, "nobody is requeued");
    let processes = attempts_of_processes(&attempts);
    let most = processes.values().max();
    assert_eq!(most, Some(&5), "who changes nothing is kept: {processes:?}");
    assert_eq!(processes.len(), 1 + SETTINGS.len() * 4);
    scenario.aftermath(&finished).completes(1);
}

fn row_059_settings_changed_in_a_group(method: &str) {
    let scenario = Scenario::new(method, 400, "pristine+change=folder", 40, 0);
    let finished = scenario
        .command()
        .args(["--max-tasks-per-worker", "auto"])
        .run();
    let outcomes = scenario.folder().outcomes();
    assert_eq!(outcomes["ok"], 400);
    // The rest of their groups.
    assert!(outcomes["requeued"] > 0, "{outcomes:?}");
    scenario.aftermath(&finished).completes(0);
}

fn row_060_leaves_a_thread(method: &str) {
    for life in ["1", "5"] {
        let scenario = Scenario::new(method, 6, "pristine+leave-thread", 1, 0);
        let finished = scenario
            .command()
            .args(["--max-tasks-per-worker", life])
            .run();
        let processes = attempts_of_processes(&scenario.folder().attempts());
        assert_eq!(processes.len(), 6, "the thread goes with its process");
        scenario.aftermath(&finished).completes(0);
    }
}

fn leaves_a_process(method: &str, action: &str) {
    for life in ["1", "3"] {
        let scenario = Scenario::new(method, 8, action, 2, 0);
        let finished = scenario
            .command()
            .args(["--max-tasks-per-worker", life])
            .run();
        let attempts = scenario.folder().attempts();
        assert_eq!(outcomes(&attempts), ["ok"; 8]);
        for attempt in &attempts {
            assert!(
                total(attempt) < Duration::from_secs(5),
                "held up: {attempt}"
            );
        }
        let said = "processes that workers had left behind, ended: 4\n";
        assert!(finished.stderr.contains(said), "{finished:?}");
        scenario.aftermath(&finished).completes(0);
    }
}

/// It holds the channel and the output of its worker.
fn row_061_leaves_a_child(method: &str) {
    leaves_a_process(method, "leak-child");
}

/// It has left the group and the session of its worker.
fn row_062_leaves_a_daemon(method: &str) {
    leaves_a_process(method, "daemon");
}

/// A long run does not keep it until its own end.
fn row_062_a_daemon_ends_during_the_run(method: &str) {
    let daemon = Faults::new(1, "daemon", 1, 0).called("daemon");
    let stop = Faults::new(1, "stop", 1, 0).called("stop");
    let scenario = Scenario::of(method, vec![daemon, stop]);
    let mut running = scenario.command().background();
    let folder = scenario.folder();
    running.wait_for_recorded(&folder, 1);
    let stopped = stopped_worker(&mut running, &[]);
    // What is left in the end: the stopped worker, the keeper, and the zygote where there is one.
    let expected = if method == "fork" { 3 } else { 2 };
    running.wait_for("the orphan to be ended", |running| {
        (running.descendants().processes().len() == expected).then_some(())
    });
    signal(stopped.pid, Signal::SIGCONT);
    let finished = running.wait();
    scenario.aftermath(&finished).completes(0);
}

/// Whatever the number of tasks is beside the life of a worker, the last one of a life is not waited for: with
/// this grace period, a worker that is not told to leave would hold the run up for minutes.
fn row_065_the_last_task_of_a_kept_worker(method: &str) {
    for (life, tasks) in [(2, 6), (2, 7), (2, 8), (3, 7)] {
        let scenario = Scenario::calm(method, tasks);
        let finished = scenario
            .command()
            .args(["--grace", "200s"])
            .args(["--max-tasks-per-worker", &life.to_string()])
            .patience(Duration::from_secs(60))
            .run();
        let attempts = scenario.folder().attempts();
        assert_eq!(outcomes(&attempts), vec!["ok"; tasks]);
        let processes = attempts_of_processes(&attempts);
        assert!(processes.values().all(|n| *n <= life), "{processes:?}");
        scenario.aftermath(&finished).completes(0);
    }
}

/// What earlier tasks leaked is not the next one's to answer for: with half of the limit used, a worker leaves.
fn row_066_memory_leaks_from_task_to_task(method: &str) {
    let scenario = Scenario::new(method, 8, "leak=20", 1, 0);
    let finished = scenario
        .command()
        .args(["--workers", "1", "--max-tasks-per-worker", "50"])
        .args(["--memory", "64MiB"])
        .run();
    let attempts = scenario.folder().attempts();
    assert_eq!(outcomes(&attempts), ["ok"; 8]);
    let processes = attempts_of_processes(&attempts);
    assert!(processes.values().all(|n| *n == 2), "{processes:?}");
    scenario.aftermath(&finished).completes(0);
}

/// A task that is too much only together with what was leaked before it is charged, and ok in a process that
/// ran nothing before.
fn row_066_memory_of_tasks_before(method: &str) {
    let before = Faults::new(1, "leak=26", 1, 0).called("before");
    let large = Faults::new(1, "leak=45+sleep-ms=400", 1, 0).called("large");
    let scenario = Scenario::of(method, vec![before, large.clone()]);
    let finished = scenario
        .command()
        .args(["--workers", "1", "--max-tasks-per-worker", "50"])
        .args(["--memory", "64MiB"])
        .run();
    let tries = large.attempts_at(&scenario.folder().attempts(), 0);
    assert_eq!(outcomes(&tries), ["oom", "ok"]);
    scenario.aftermath(&finished).completes(0);
    assert_nothing_left(&scenario.lab, &finished);
}
