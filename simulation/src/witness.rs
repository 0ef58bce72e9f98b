//! Who watches a run and knows what must never happen in it.
//!
//! The witness believes nobody's books but its own. It sees each line of the journal as it reaches the disk, each
//! task as it is given out, each worker as it really behaves, and what the user is told; and it has been told what
//! each task's result is. The first thing that must not be is a [`Violation`], and the run is over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::plan::Plan;
use fumehood::experiment::{AttemptOutcome, Outcome, OutcomeKind};
use fumehood::ids::{TaskIndex, WorkerId};
use fumehood::protocol::Assignment;
use fumehood::record::{Recovered, RunFolder, Terminal};
use serde::Deserialize;
use supervisor::engine::state::Policy;

use crate::disk::{SimulatedDisk, Written};

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// A task has exactly one terminal record.
    OneEnd,
    /// What was recorded before a crash is there after it, unchanged.
    Kept,
    /// No task is started after its end.
    NotAgain,
    /// No two workers have one task, no slot two workers, and no more work at a time than they may.
    OneWorker,
    /// Attempts count up.
    Counted,
    /// Retries are as the policy says.
    Retries,
    /// Who did nothing is charged with nothing, and who did is.
    Charged,
    /// An answer that was given is recorded.
    Heard,
    /// Nobody is told what is not recorded.
    RecordedFirst,
    /// A result is what a calm run gives.
    SameResult,
    /// A run ends.
    Ends,
    /// Nothing is left alive.
    NobodyLeft,
    /// What faults leave, a run goes on from.
    GoesOn,
    /// The program does not panic.
    NoPanic,
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// It happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What must never happen.
    pub property: Property,
    /// What did.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.text)
    }
}

/// What a worker really did with an attempt.
#[derive(Clone, Debug, Default)]
pub struct Deed {
    /// It began, and had said so.
    pub began: bool,
    /// The supervisor heard of it then.
    pub heard: Option<Monotonic>,
    /// It ended by itself, in this attempt and without an answer.
    pub died: bool,
    /// It was over its memory.
    pub swelled: bool,
    /// Its worker said what no worker says.
    pub lied: bool,
    /// It closed its channel.
    pub closed: bool,
    /// The supervisor had its answer then.
    pub answered: bool,
    /// The supervisor asked for its end, or ended it, at that moment.
    pub ended: Option<Monotonic>,
}

/// A line that is, as far as is known, in the journal.
#[derive(Clone, Debug)]
struct Line {
    segment: String,
    offset: u64,
    length: usize,
    checksum: u32,
    seq: u64,
    task: TaskIndex,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Reopened,
    Attempt {
        number: u32,
        outcome: AttemptOutcome,
        /// The text of the terminal part.
        terminal: Option<String>,
    },
}

/// The parts of a line that are looked at.
#[derive(Deserialize)]
struct Parsed {
    seq: u64,
    r#type: String,
    index: Option<u32>,
    attempt: Option<ParsedAttempt>,
}

#[derive(Deserialize)]
struct ParsedAttempt {
    attempt: u32,
    outcome: AttemptOutcome,
    phases_us: BTreeMap<String, u64>,
    total_us: u64,
}

/// How the last supervisor came to its end, as far as the disk is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It ended, was killed, or there was none: what it wrote is there.
    Written,
    /// The power went: what it had called durable is there.
    Durable,
}

/// The watcher of one run.
#[derive(Debug)]
pub struct Witness {
    plan: Plan,
    policy: Policy,
    expected: HashMap<TaskIndex, (OutcomeKind, String)>,
    /// The lines of each task, in the order in which they were written.
    lines: Vec<Vec<Line>>,
    /// So many lines of each segment were called durable.
    durable: HashMap<String, u64>,
    open_segment: Option<String>,
    reopens: bool,
    stopping: bool,
    paused: Duration,
    pauses: u32,
    held: BTreeMap<TaskIndex, WorkerId>,
    /// The task that each worker is in, as far as the supervisor can know.
    current: BTreeMap<WorkerId, (TaskIndex, u32)>,
    slots: BTreeMap<u32, WorkerId>,
    given: BTreeSet<(TaskIndex, u32)>,
    told: BTreeSet<(TaskIndex, u32)>,
    deeds: BTreeMap<(TaskIndex, u32), Deed>,
    violation: Option<Violation>,
}

impl Witness {
    /// The watcher of a run of `plan` under these rules.
    pub fn new(plan: &Plan, policy: &Policy) -> Witness {
        Witness {
            plan: plan.clone(),
            policy: policy.clone(),
            expected: HashMap::new(),
            lines: vec![Vec::new(); plan.len() as usize],
            durable: HashMap::new(),
            open_segment: None,
            reopens: false,
            stopping: false,
            paused: Duration::ZERO,
            pauses: 0,
            held: BTreeMap::new(),
            current: BTreeMap::new(),
            slots: BTreeMap::new(),
            given: BTreeSet::new(),
            told: BTreeSet::new(),
            deeds: BTreeMap::new(),
            violation: None,
        }
    }

    /// Says that something happened which must not.
    pub fn accuse(&mut self, property: Property, text: impl Into<String>) {
        let text = text.into();
        self.violation.get_or_insert(Violation { property, text });
    }

    /// The first thing that happened.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// A supervisor begins.
    pub fn begins(&mut self, reopens: bool) {
        self.reopens = reopens;
        self.stopping = false;
        self.paused = Duration::ZERO;
        self.pauses = 0;
        self.open_segment = None;
        self.held.clear();
        self.current.clear();
        self.slots.clear();
        self.given.clear();
        self.told.clear();
        self.deeds.clear();
    }

    /// What an attempt's worker really does is noted here.
    pub fn deed(&mut self, task: TaskIndex, attempt: u32) -> &mut Deed {
        self.deeds.entry((task, attempt)).or_default()
    }

    /// The supervisor was stopped for so long.
    pub fn paused(&mut self, span: Duration) {
        self.paused += span;
        self.pauses += 1;
    }

    /// The supervisor heard of a task's begin.
    pub fn heard_begin(&mut self, worker: WorkerId, task: TaskIndex, attempt: u32, now: Monotonic) {
        self.current.insert(worker, (task, attempt));
        let heard = self.unpaused(now);
        self.deed(task, attempt).heard.get_or_insert(heard);
    }

    /// What a worker is to do: it is given out.
    pub fn gives(&mut self, worker: WorkerId, slot: Option<u32>, tasks: &[Assignment]) {
        if let Some(slot) = slot
            && let Some(other) = self.slots.insert(slot, worker)
        {
            self.accuse(
                Property::OneWorker,
                format!("slot {slot} is given to {worker} while {other} has it"),
            );
        }
        for given in tasks {
            let (task, attempt) = (given.task, given.attempt.0);
            if self.end_of(task).is_some() {
                self.accuse(Property::NotAgain, format!("task {task} is started again"));
            }
            if let Some(other) = self.held.insert(task, worker) {
                self.accuse(
                    Property::OneWorker,
                    format!("task {task} is given to {worker} while {other} has it"),
                );
            }
            let before = self.attempts(task).max(self.given_attempts(task));
            if attempt <= before || !self.given.insert((task, attempt)) {
                self.accuse(
                    Property::Counted,
                    format!("attempt {attempt} of task {task} after attempt {before}"),
                );
            }
            if given.work != self.plan.work(task) || given.seed != self.plan.task_seed(task) {
                self.accuse(
                    Property::SameResult,
                    format!("task {task} is given out as another"),
                );
            }
        }
        let busy: BTreeSet<WorkerId> = self.held.values().copied().collect();
        if busy.len() > self.policy.workers as usize {
            self.accuse(
                Property::OneWorker,
                format!(
                    "{} workers have tasks, of {}",
                    busy.len(),
                    self.policy.workers
                ),
            );
        }
    }

    /// A worker is settled.
    pub fn forgets(&mut self, worker: WorkerId, can_record: bool) {
        self.slots.retain(|_, owner| *owner != worker);
        let left = self.held.iter().find(|(_, owner)| **owner == worker);
        if let Some((&task, _)) = left
            && can_record
        {
            self.accuse(
                Property::Heard,
                format!("{worker} is forgotten, and task {task} that it had is not settled"),
            );
        }
        self.held.retain(|_, owner| *owner != worker);
    }

    /// The supervisor has a task's answer, from a worker that it must believe.
    pub fn answered(&mut self, worker: WorkerId, task: TaskIndex, attempt: u32) {
        self.current.remove(&worker);
        self.deed(task, attempt).answered = true;
        // The answer frees the place, before it is recorded.
        self.held.remove(&task);
    }

    /// The supervisor asks for the end of a worker, or ends it.
    /// It is in `run`, which the supervisor may not know.
    pub fn asks_end(&mut self, worker: WorkerId, run: Option<(TaskIndex, u32)>, now: Monotonic) {
        let ended = self.unpaused(now);
        let current = self.current.get(&worker).copied();
        for (task, attempt) in run.into_iter().chain(current) {
            self.deed(task, attempt).ended.get_or_insert(ended);
        }
    }

    /// A clock that stands still while the supervisor is stopped: deadlines are counted by it.
    fn unpaused(&self, now: Monotonic) -> Monotonic {
        Monotonic(now.0.saturating_sub(self.paused.as_nanos() as u64))
    }

    /// A supervisor was asked to stop.
    pub fn stops(&mut self) {
        self.stopping = true;
    }

    /// Takes in what reached the journal, and what the journal calls durable.
    pub fn sees(&mut self, disk: &SimulatedDisk) {
        for written in disk.take_written() {
            self.on_line(&written);
        }
        if let Some(segment) = &self.open_segment {
            let claimed = disk.claimed();
            let known = self.durable.entry(segment.clone()).or_default();
            *known = (*known).max(claimed);
        }
    }

    fn on_line(&mut self, written: &Written) {
        let Ok(text) = std::str::from_utf8(&written.line) else {
            return self.accuse(Property::Kept, "a line that is no text");
        };
        let parsed: Parsed = match serde_json::from_str(text) {
            Ok(parsed) => parsed,
            Err(error) => return self.accuse(Property::Kept, format!("{error}: {text}")),
        };
        let Some(index) = parsed.index else {
            self.open_segment = Some(written.segment.clone());
            return;
        };
        let task = TaskIndex(index);
        let what = match (parsed.r#type.as_str(), parsed.attempt) {
            ("attempt", Some(attempt)) => {
                let terminal = text.split_once(",\"terminal\":").and_then(|(_, rest)| {
                    let (terminal, _) = rest.rsplit_once(",\"crc\":")?;
                    Some(terminal.to_owned())
                });
                let sum: u64 = attempt.phases_us.values().sum();
                if sum != attempt.total_us {
                    self.accuse(
                        Property::SameResult,
                        format!("phases of {sum} us in a total of {} us", attempt.total_us),
                    );
                }
                self.judge_attempt(task, attempt.attempt, attempt.outcome, terminal.as_deref());
                What::Attempt {
                    number: attempt.attempt,
                    outcome: attempt.outcome,
                    terminal,
                }
            }
            _ => {
                let is_bad = self.end_of(task).is_some_and(|end| !end.contains(OK));
                if !is_bad || !self.reopens {
                    self.accuse(
                        Property::NotAgain,
                        format!("task {task} is opened again, and nobody asked for it"),
                    );
                }
                What::Reopened
            }
        };
        self.lines[task.as_usize()].push(Line {
            segment: written.segment.clone(),
            offset: written.offset,
            length: written.line.len(),
            checksum: crc32fast::hash(&written.line),
            seq: parsed.seq,
            task,
            what,
        });
    }

    /// Judges a record before it is taken in.
    fn judge_attempt(
        &mut self,
        task: TaskIndex,
        number: u32,
        outcome: AttemptOutcome,
        terminal: Option<&str>,
    ) {
        self.held.remove(&task);
        let name = format!("attempt {number} of task {task}");
        if !self.given.contains(&(task, number)) {
            self.accuse(
                Property::Counted,
                format!("{name} is recorded, and was not given"),
            );
        }
        if terminal.is_some() && self.end_of(task).is_some() {
            self.accuse(Property::OneEnd, format!("task {task} ends twice"));
        }
        if self.is_recorded(task, number) {
            self.accuse(Property::Counted, format!("{name} is recorded twice"));
        }
        let crashes = self.crashes(task) + 1;
        let ends = match outcome {
            AttemptOutcome::Ok | AttemptOutcome::Error | AttemptOutcome::Timeout => true,
            AttemptOutcome::Crashed | AttemptOutcome::Oom => crashes > self.policy.retries,
            AttemptOutcome::Requeued
            | AttemptOutcome::Interrupted
            | AttemptOutcome::StartFailed => false,
        };
        if ends != terminal.is_some() {
            self.accuse(
                Property::Retries,
                format!(
                    "{name}: {outcome:?}, crash {crashes} with {} retries, terminal: {}",
                    self.policy.retries,
                    terminal.is_some()
                ),
            );
        }
        self.judge_charge(task, number, outcome, &name);
        if matches!(outcome, AttemptOutcome::Ok | AttemptOutcome::Error) {
            let (kind, text) = self.expected(task);
            if terminal != Some(text.as_str()) || AttemptOutcome::from(kind) != outcome {
                self.accuse(
                    Property::SameResult,
                    format!("{name}: {terminal:?} where a calm run gives {text}"),
                );
            }
        }
    }

    /// Whether an outcome is what the worker's deeds deserve.
    fn judge_charge(&mut self, task: TaskIndex, number: u32, outcome: AttemptOutcome, name: &str) {
        let deed = self.deeds.get(&(task, number)).cloned().unwrap_or_default();
        // Deadlines are counted from what the supervisor hears.
        let ran = deed
            .heard
            .zip(deed.ended)
            .map(|(heard, ended)| ended.since(heard));
        // Of each pause the supervisor may miss what it would have waited anyway, or take it for a busy machine.
        let slack = Duration::from_millis(1) + Duration::from_millis(1500) * self.pauses;
        let is_deserved = match outcome {
            AttemptOutcome::Ok | AttemptOutcome::Error => deed.answered,
            AttemptOutcome::Crashed => deed.began && (deed.died || deed.lied || deed.closed),
            AttemptOutcome::Oom => deed.began && deed.swelled,
            AttemptOutcome::Timeout => self
                .policy
                .timeout
                .zip(ran)
                .is_some_and(|(limit, ran)| ran + slack >= limit),
            AttemptOutcome::Requeued | AttemptOutcome::StartFailed => {
                let is_guilty = deed.heard.is_some() && deed.died && deed.ended.is_none();
                !is_guilty && !deed.answered
            }
            AttemptOutcome::Interrupted => self.stopping && !deed.answered,
        };
        if !is_deserved {
            self.accuse(
                Property::Charged,
                format!(
                    "{name} is {outcome:?}, ran {ran:?} of {:?}, and its worker: {deed:?}",
                    self.policy.timeout
                ),
            );
        }
    }

    /// The user is told of the end of an attempt.
    pub fn tells(&mut self, task: TaskIndex, number: u32) {
        if !self.is_recorded(task, number) || !self.told.insert((task, number)) {
            self.accuse(
                Property::RecordedFirst,
                format!("attempt {number} of task {task} is told, and is not recorded"),
            );
        }
    }

    /// A supervisor has ended in order: every answer it had is recorded.
    pub fn ends(&mut self) {
        let unheard = self
            .deeds
            .iter()
            .find(|((task, number), deed)| deed.answered && !self.is_recorded(*task, *number));
        if let Some((&(task, number), _)) = unheard {
            self.accuse(
                Property::Heard,
                format!("attempt {number} of task {task} was answered, and is not recorded"),
            );
        }
    }

    /// What was shown to the user as a whole is durable: everything.
    pub fn shown(&mut self) {
        for line in self.lines.iter().flatten() {
            let known = self.durable.entry(line.segment.clone()).or_default();
            *known = (*known).max(line.seq);
        }
    }

    /// Judges what a new supervisor has recovered, and forgets what the power took.
    pub fn judge_recovered(
        &mut self,
        disk: &SimulatedDisk,
        folder: &RunFolder,
        recovered: &Recovered,
        before: Before,
    ) {
        let journal = folder.journal();
        let lines = std::mem::take(&mut self.lines);
        self.lines = vec![Vec::new(); lines.len()];
        for line in lines.into_iter().flatten() {
            let durable = self.durable.get(&line.segment).copied().unwrap_or(0);
            if is_there(disk, &journal, &line) {
                self.lines[line.task.as_usize()].push(line);
            } else if before == Before::Written || line.seq <= durable {
                self.accuse(
                    Property::Kept,
                    format!(
                        "record {} of {}, of task {}, is gone; {durable} records of it were durable",
                        line.seq, line.segment, line.task
                    ),
                );
            }
        }
        for task in self.plan.indices() {
            let known = (self.attempts(task), self.crashes(task));
            let found = (recovered.attempts(task), recovered.crashes(task));
            if known != found {
                self.accuse(
                    Property::Kept,
                    format!("task {task}: (attempts, crashes) are {found:?}, were {known:?}"),
                );
            }
            let end = self.last_end(task).map(|line| {
                let offset = line.offset;
                (line.segment.clone(), offset, line.length)
            });
            let found = recovered.terminal(task).map(|position| {
                let segment = &recovered.segments()[usize::from(position.segment)].name;
                (segment.clone(), position.offset, position.length as usize)
            });
            if end != found {
                self.accuse(
                    Property::Kept,
                    format!("the end of task {task} is at {found:?}, was at {end:?}"),
                );
            }
        }
    }

    /// Judges a run that is complete: every task has its end, and the results are those.
    pub fn judge_complete(&mut self, disk: &SimulatedDisk, folder: &RunFolder) {
        if let Some(task) = self.plan.indices().find(|task| !self.is_over(*task)) {
            let text = format!("task {task} has no end");
            return self.accuse(Property::OneEnd, text);
        }
        let results = disk.content(&folder.results()).unwrap_or_default();
        let mut results = std::str::from_utf8(&results).unwrap_or("").lines();
        for task in self.plan.indices() {
            let end = self.end_of(task).unwrap_or_default();
            let id = self.plan.id(task);
            let line = format!("{{\"task\":\"{id}\",{}", end.trim_start_matches('{'));
            if results.next() != Some(line.as_str()) {
                let text = format!("the result of task {task} is not its record's");
                return self.accuse(Property::SameResult, text);
            }
        }
        if results.next().is_some() {
            self.accuse(Property::SameResult, "results of no task");
        }
        let attempts = disk.content(&folder.attempts()).unwrap_or_default();
        let recorded = self
            .lines
            .iter()
            .flatten()
            .filter(|line| matches!(line.what, What::Attempt { .. }));
        if attempts.iter().filter(|byte| **byte == b'\n').count() != recorded.count() {
            self.accuse(Property::SameResult, "attempts.jsonl is not the journal's");
        }
    }

    fn is_over(&self, task: TaskIndex) -> bool {
        self.end_of(task).is_some()
    }

    /// Whether some task ended badly.
    pub fn has_bad_ends(&self) -> bool {
        self.plan
            .indices()
            .any(|task| self.end_of(task).is_some_and(|end| !end.contains(OK)))
    }

    /// The text of the end of a task that is recorded and not reopened.
    fn end_of(&self, task: TaskIndex) -> Option<&str> {
        match &self.last_end(task)?.what {
            What::Attempt { terminal, .. } => terminal.as_deref(),
            What::Reopened => None,
        }
    }

    fn last_end(&self, task: TaskIndex) -> Option<&Line> {
        self.of(task)
            .iter()
            .rev()
            .find(|line| {
                matches!(
                    line.what,
                    What::Reopened
                        | What::Attempt {
                            terminal: Some(_),
                            ..
                        }
                )
            })
            .filter(|line| !matches!(line.what, What::Reopened))
    }

    fn of(&self, task: TaskIndex) -> &[Line] {
        self.lines.get(task.as_usize()).map_or(&[], Vec::as_slice)
    }

    fn is_recorded(&self, task: TaskIndex, attempt: u32) -> bool {
        self.of(task)
            .iter()
            .rev()
            .any(|line| matches!(line.what, What::Attempt { number, .. } if number == attempt))
    }

    fn attempts(&self, task: TaskIndex) -> u32 {
        self.of(task)
            .iter()
            .map(|line| match line.what {
                What::Attempt { number, .. } => number,
                What::Reopened => 0,
            })
            .max()
            .unwrap_or(0)
    }

    fn given_attempts(&self, task: TaskIndex) -> u32 {
        self.given
            .range((task, 0)..=(task, u32::MAX))
            .next_back()
            .map_or(0, |(_, attempt)| *attempt)
    }

    fn crashes(&self, task: TaskIndex) -> u32 {
        let mut count = 0;
        for line in self.of(task) {
            match line.what {
                What::Reopened => count = 0,
                What::Attempt {
                    outcome: AttemptOutcome::Crashed | AttemptOutcome::Oom,
                    ..
                } => count += 1,
                What::Attempt { .. } => {}
            }
        }
        count
    }

    /// What a calm run says of a task.
    fn expected(&mut self, task: TaskIndex) -> (OutcomeKind, String) {
        let plan = &self.plan;
        let expected = self.expected.entry(task).or_insert_with(|| {
            let outcome = match crate::process::result_of(plan, task) {
                Ok(output) => Outcome::Ok(output),
                Err(message) => Outcome::Error { message },
            };
            (outcome.kind(), Terminal::of(plan, task, &outcome).to_json())
        });
        expected.clone()
    }
}

/// How the text of a good end tells itself.
const OK: &str = "\"state\":\"ok\"";

fn is_there(disk: &SimulatedDisk, journal: &Path, line: &Line) -> bool {
    disk.look(&journal.join(&line.segment), |content| {
        let from = usize::try_from(line.offset).ok()?;
        let bytes = content?.get(from..from + line.length)?;
        Some(crc32fast::hash(bytes) == line.checksum)
    })
    .unwrap_or(false)
}

#[cfg(test)]
mod tests;
