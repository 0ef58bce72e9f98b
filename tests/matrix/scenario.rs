//! What every row has in common: a run with a fault in it, and what is true after it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Finished, Lab, RunFolder, Supervisor};
use crate::trial::{Faults, assert_nothing_left, calm_run, trial};

/// Makes tests of rows: `both` runs each under fork and under spawn; `fork` and `spawn` under one of them.
/// A row function takes the method's name.
macro_rules! rows {
    ($(both: $($both:ident),+ ;)? $(fork: $($fork:ident),+ ;)? $(spawn: $($spawn:ident),+ ;)?) => {
        #[allow(unused_imports, reason = "some rooms have no row that only forks, or only spawns")]
        mod fork {
            $($(#[test] fn $both() { super::$both("fork"); })+)?
            $($(#[test] fn $fork() { super::$fork("fork"); })+)?
        }
        mod spawn {
            $($(#[test] fn $both() { super::$both("spawn"); })+)?
            $($(#[test] fn $spawn() { super::$spawn("spawn"); })+)?
        }
    };
}
pub(crate) use rows;

/// A run of experiments of kind `fault` in a lab of its own: two workers, the run folder `run`.
pub struct Scenario {
    /// Its lab.
    pub lab: Lab,
    /// `fork` or `spawn`.
    pub method: String,
    /// What is run.
    pub experiments: Vec<Faults>,
}

impl Scenario {
    /// One experiment `f`: `tasks` tasks, of which every `every`-th does `action` on its first `attempts`
    /// attempts (0 = on all).
    pub fn new(
        method: &str,
        tasks: usize,
        action: &str,
        every: usize,
        attempts: usize,
    ) -> Scenario {
        Scenario::of(method, vec![Faults::new(tasks, action, every, attempts)])
    }

    /// `tasks` tasks that do nothing wrong: the fault comes from elsewhere.
    pub fn calm(method: &str, tasks: usize) -> Scenario {
        Scenario::new(method, tasks, "error", 0, 0)
    }

    /// Of these experiments.
    pub fn of(method: &str, experiments: Vec<Faults>) -> Scenario {
        Scenario {
            lab: Lab::new(),
            method: method.to_owned(),
            experiments,
        }
    }

    /// Its command line; more can be added before it is run.
    pub fn command(&self) -> Supervisor {
        trial(&self.lab, "run", &self.method, &self.experiments)
            .env("SUPERVISOR_COUNTS", self.lab.root().join("counts"))
    }

    /// Its command line with fail points: `point:action:nth`, several separated by commas.
    pub fn with_faults(&self, faults: &str) -> Supervisor {
        with_faults(&self.lab, self.command(), faults)
    }

    /// How often this fail point did something.
    pub fn fired(&self, point: &str) -> usize {
        fired(&self.lab, point)
    }

    /// The run folder.
    pub fn folder(&self) -> RunFolder {
        self.lab.run_folder("run")
    }

    /// The attempts of the run; none where it ended before there could be any.
    pub fn attempts(&self) -> Vec<Value> {
        let folder = self.folder();
        if folder.path().join("attempts.jsonl").exists() {
            folder.attempts()
        } else {
            Vec::new()
        }
    }

    /// What is to hold now.
    pub fn aftermath<'a>(&'a self, finished: &'a Finished) -> Aftermath<'a> {
        Aftermath {
            lab: &self.lab,
            finished,
            folder: self.folder(),
            experiments: &self.experiments,
            bystanders: true,
        }
    }
}

/// Adds fail points to a command line.
pub fn with_faults(lab: &Lab, command: Supervisor, faults: &str) -> Supervisor {
    command
        .env("SUPERVISOR_FAULT", faults)
        .env("SUPERVISOR_FAULT_LOG", fault_log(lab))
}

fn fault_log(lab: &Lab) -> PathBuf {
    lab.root().join("fault-log")
}

/// How often a fail point of a lab did something.
pub fn fired(lab: &Lab, point: &str) -> usize {
    let log = std::fs::read_to_string(fault_log(lab)).unwrap_or_default();
    assert!(!log.contains("unreadable"), "{log}");
    log.lines()
        .filter(|line| line.split(' ').next() == Some(point))
        .count()
}

/// Numbers below a bound, drawn from a seed (xorshift64*): the same seed, the same numbers.
pub fn draws(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let drawn = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        drawn as usize % below
    }
}

/// The terminal records in the journal, by task: the bytes of each. Taken before a kill and compared after.
pub fn terminal_records(folder: &RunFolder) -> BTreeMap<String, Vec<String>> {
    let mut records: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Ok(segments) = std::fs::read_dir(folder.path().join("journal")) else {
        return records;
    };
    for segment in segments.flatten() {
        let bytes = std::fs::read(segment.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines().filter(|l| l.contains(",\"terminal\":{")) {
            // Where the power was lost a record may stand behind zeros, or the end of one.
            let line = line.rsplit('\0').next().unwrap_or(line);
            let record: Value = match serde_json::from_str(line) {
                Ok(record) => record,
                Err(_) if text.contains('\0') => continue,
                Err(error) => panic!("{error}: {line} in {segment:?}"),
            };
            let task = record["attempt"]["task"].to_string();
            records.entry(task).or_default().push(line.to_owned());
        }
    }
    records
}

/// What is to hold after a run, whatever happened in it.
pub struct Aftermath<'a> {
    lab: &'a Lab,
    finished: &'a Finished,
    folder: RunFolder,
    experiments: &'a [Faults],
    bystanders: bool,
}

impl Aftermath<'_> {
    /// For rows in which the fault hits tasks that the plan does not name: who was charged is then for the
    /// row itself to assert.
    pub fn anyone_may_be_charged(mut self) -> Self {
        self.bystanders = false;
        self
    }

    /// The run ended: every task has its record. `code` is 0 or 1.
    #[track_caller]
    pub fn completes(self, code: i32) {
        assert_eq!(self.finished.code(), Some(code), "{:?}", self.finished);
        let planned: usize = self.experiments.iter().map(|f| f.tasks).sum();
        assert_eq!(self.folder.results().len(), planned, "a result a task");
        let all_ok = self.folder.results().iter().all(|r| r["state"] == "ok");
        assert_eq!(code, i32::from(!all_ok), "{:?}", self.folder.states());
        self.holds();
    }

    /// The run was stopped or gave up with this code; what is there is right, and more may be missing.
    #[track_caller]
    pub fn ended_early(self, code: i32) {
        assert_eq!(self.finished.code(), Some(code), "{:?}", self.finished);
        self.holds();
    }

    /// What holds however it ended, a kill of the supervisor included.
    #[track_caller]
    pub fn holds(self) {
        self.one_record_a_task();
        if self.folder.path().join("results.jsonl").exists() {
            self.values_are_the_calm_ones();
        }
        // Written after the results: a full disk may have taken the one and not the other.
        if self.bystanders && self.folder.path().join("attempts.jsonl").exists() {
            self.only_the_faulty_are_charged();
        }
        self.nothing_is_left();
        self.everything_was_given_back();
    }

    /// I1: no task has two terminal records, and each is in a state of the contract.
    #[track_caller]
    fn one_record_a_task(&self) {
        for (task, records) in terminal_records(&self.folder) {
            assert_eq!(records.len(), 1, "task {task}: {records:#?}");
            let record: Value = serde_json::from_str(&records[0]).expect("it was read before");
            let state = record["terminal"]["state"].as_str().unwrap_or_default();
            let states = ["ok", "error", "crashed", "timeout", "oom"];
            assert!(states.contains(&state), "an unknown state: {record}");
        }
    }

    /// I2: an `ok` result is, byte for byte, that of a run in which nothing happens.
    #[track_caller]
    fn values_are_the_calm_ones(&self) {
        let calm = if self.lab.path("calm").exists() {
            self.lab.run_folder("calm")
        } else {
            calm_run(self.lab, self.experiments)
        };
        let calm_text = calm.text("results.jsonl");
        let calm: BTreeSet<&str> = calm_text.lines().collect();
        for line in self.folder.text("results.jsonl").lines() {
            let ok = line.contains("\"state\":\"ok\"");
            assert!(!ok || calm.contains(line), "not the calm value: {line}");
        }
    }

    /// I9: nobody is charged whom the plan did not tell to misbehave.
    #[track_caller]
    fn only_the_faulty_are_charged(&self) {
        let faulty: BTreeSet<String> = self
            .experiments
            .iter()
            .flat_map(|f| {
                (0..f.tasks)
                    .filter(|&at| f.is_faulty(at))
                    .map(|at| f.id(at))
            })
            .collect();
        for attempt in self.folder.attempts() {
            let outcome = attempt["outcome"].as_str().unwrap_or("none");
            let charged = ["error", "crashed", "timeout", "oom"].contains(&outcome);
            let id = attempt["task"].as_str().unwrap_or_default();
            assert!(!charged || faulty.contains(id), "a bystander: {attempt}");
        }
    }

    /// I4, I5, I8: a second later no process lives and no temporary file lies about; the run folder holds
    /// what the contract declares and nothing else.
    #[track_caller]
    fn nothing_is_left(&self) {
        assert_nothing_left(self.lab, self.finished);
        let Ok(entries) = std::fs::read_dir(self.folder.path()) else {
            return;
        };
        let declared = [
            "attempts.jsonl",
            "data",
            "journal",
            "lock",
            "logs",
            "manifest.json",
            "results.jsonl",
            "segments",
            "spec.toml",
            "summary.json",
        ];
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(declared.contains(&name.as_str()), "left: {name}");
        }
    }

    /// I6: the supervisor ended with the descriptors, threads and children it began with.
    #[track_caller]
    fn everything_was_given_back(&self) {
        let text = std::fs::read_to_string(self.lab.root().join("counts")).unwrap_or_default();
        let counts: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(when, _)| *when != "peak")
            .collect();
        // One that was killed says nothing at its end.
        for pair in counts.windows(2) {
            if let [("start", before), ("end", after)] = pair {
                assert_eq!(before, after, "{:?}", self.finished);
            }
        }
    }
}
