//! Who watches a run and knows what must never happen in it.
//!
//! The witness believes nobody's books but its own. It sees each line of the journal as it reaches the disk, each
//! task as it is given out, each worker as it really behaves, and what the user is told; and it has been told what
//! each task's result is. The first thing that must not be is a [`Violation`], and the run is over.

mod aftermath;
mod journal;
mod property;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::plan::Plan;
use fumehood::experiment::{AttemptOutcome, Outcome, OutcomeKind};
use fumehood::ids::{TaskIndex, WorkerId};
use fumehood::protocol::Assignment;
use fumehood::record::Terminal;
use supervisor::engine::state::Policy;

use self::journal::{Line, What};
pub use self::property::{Property, Violation};

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
