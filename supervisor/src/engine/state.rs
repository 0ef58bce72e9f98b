//! What the scheduler knows: plain data, no process, no clock, no channel.
//!
//! A [`State`] holds every task in a few bytes and every live worker with what it holds. The only code that
//! changes it is [`super::reactor::step`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::{ExitCause, Outcome, ResourceUse};
use fumehood::ids::{AttemptNumber, TaskIndex, WorkerId};
use fumehood::protocol::Moments;

/// The rules of a run, fixed before it begins.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Workers at a time, at least 1.
    pub workers: u32,
    /// How many tasks a worker serves.
    pub life: Life,
    /// Further attempts after a crash or too much memory.
    pub retries: u32,
    /// The limit of an attempt, counted from its start; `None` = no limit.
    pub timeout: Option<Duration>,
    /// From a polite end to a hard one.
    pub grace: Duration,
    /// How long a worker may take to start, or a started one to begin a task it was given.
    pub start_limit: Duration,
    /// Most tasks of a group.
    pub largest_group: u32,
    /// What each task takes of a packet at most, in bytes: a group must fit in one. Empty where any group does.
    pub bytes: Arc<[u32]>,
    /// The limit of a worker's resident memory in bytes; `None` = no limit.
    pub memory: Option<u64>,
    /// How long the kernel may take to end a process that was killed. Beyond it the process cannot be killed
    /// (it hangs inside the kernel), and the run goes on without it.
    pub unkillable_after: Duration,
}

/// How many tasks a worker serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// One: a fresh process for each task.
    OneTask,
    /// So many, one after the other.
    Tasks(u32),
    /// A group of tiny tasks that together take about [`GROUP_TARGET`].
    Auto,
}

/// What a group of tasks should take: long beside the price of a process, short beside a person's patience.
pub const GROUP_TARGET: Duration = Duration::from_millis(20);

/// So many rounds of failed starts, without one good start between them, end the run. Starts that fail
/// together, as all orders of a zygote that died, are one round.
pub const FAILED_ROUNDS: u32 = 5;

/// A task in the scheduler's books. The numbers survive a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskBook {
    /// Attempts so far, of every kind.
    pub attempts: u16,
    /// Attempts that crashed or used too much memory.
    pub crashes: u16,
    /// Where it is.
    pub stage: Stage,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// To be run, in the order of the plan.
    Fresh,
    /// To be run again. `alone` = it was in a group that died, and is not to be grouped any more.
    Again {
        /// Not in a group.
        alone: bool,
    },
    /// A worker holds it.
    Held(WorkerId),
    /// It has a terminal record, or is not this run's to do.
    Done,
}

/// A task in a worker's hands that has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which task.
    pub task: TaskIndex,
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// When it was given to the worker.
    pub assigned: Monotonic,
}

/// A task that its worker has said to have started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// The task.
    pub held: Held,
    /// When the supervisor heard of the start.
    pub started: Monotonic,
}

/// A worker's answer to a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// [`Outcome::Ok`] or [`Outcome::Error`].
    pub outcome: Outcome,
    /// The worker's own times.
    pub moments: Moments,
    /// What the task used.
    pub used: ResourceUse,
    /// When the supervisor had the answer.
    pub received: Monotonic,
    /// The worker takes no more tasks.
    pub leaves: bool,
}

/// How a worker's process ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ExitFacts {
    /// Its end.
    pub cause: ExitCause,
    /// What the whole process used.
    pub resources: ResourceUse,
    /// When the end was known.
    pub at: Monotonic,
}

/// Why the supervisor ends a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its task ran past the limit.
    Timeout {
        /// Which task: the next one of a group is not charged with it.
        of: Held,
        /// The limit.
        limit: Duration,
    },
    /// It used more memory than it was allowed.
    Memory {
        /// The task it ran then, if any.
        of: Option<Held>,
        /// What was seen.
        evidence: String,
    },
    /// The run is being stopped.
    Interrupted,
    /// A task changed the process in a way that the next one would meet.
    Changed,
    /// It did not start, did not begin, or did not leave in time.
    Unresponsive {
        /// What it did not do.
        what: &'static str,
    },
    /// It said something that no worker of ours says.
    Protocol {
        /// What.
        note: String,
    },
}

/// A live worker: what it holds, and what it is about to do.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its slot: result channel and output pipes.
    pub slot: u32,
    /// The task that it has started.
    pub current: Option<Current>,
    /// Tasks given to it that have not begun.
    pub batch: VecDeque<Held>,
    /// The answer of a worker with one task, kept until its end is known, so that the record can say what
    /// the whole process cost.
    pub answered: Option<(Held, Answer)>,
    /// How many tasks it has begun.
    pub tasks_begun: u32,
    /// How many more tasks it may be given.
    pub tasks_left: u32,
    /// What it is doing.
    pub state: WorkerState,
}

impl Worker {
    /// Whether it was ended for what it said, so that nothing more it says counts.
    pub fn is_not_believed(&self) -> bool {
        matches!(
            self.state,
            WorkerState::Killed {
                verdict: Verdict::Protocol { .. },
                ..
            }
        )
    }

    /// Whether it holds no task any more and will get none.
    fn is_done(&self) -> bool {
        let leaving = matches!(
            self.state,
            WorkerState::Draining { .. }
                | WorkerState::Terminating { .. }
                | WorkerState::Killed { .. }
        );
        leaving && self.current.is_none() && self.batch.is_empty()
    }
}

/// What a worker is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerState {
    /// It was asked for, and has not said a word.
    Starting {
        /// It must have begun a task by then.
        deadline: Monotonic,
    },
    /// It has tasks and none of them has begun.
    Between {
        /// The next must have begun by then.
        deadline: Monotonic,
    },
    /// It runs a task.
    Busy {
        /// The task's limit.
        deadline: Option<Monotonic>,
    },
    /// It waits for tasks.
    Idle,
    /// It has answered everything and is leaving.
    Draining {
        /// It must be gone by then.
        deadline: Monotonic,
    },
    /// It was told to end.
    Terminating {
        /// Why.
        verdict: Verdict,
        /// It is killed then.
        kill_at: Monotonic,
    },
    /// It was killed; the kernel has not said that it is gone.
    Killed {
        /// Why.
        verdict: Verdict,
        /// Nobody waits for it any longer then.
        abandon_at: Monotonic,
    },
}

/// What the run as a whole is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Giving out tasks.
    Running,
    /// No new task; running ones may finish until `end_at`.
    Stopping {
        /// Why.
        reason: StopReason,
        /// They are told to end then; `None` = they have been.
        end_at: Option<Monotonic>,
    },
    /// Nothing is left to do.
    Over,
}

/// Why a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Every task has its record.
    Complete,
    /// A signal asked for it.
    Signal(i32),
    /// No worker can be started.
    CannotStart {
        /// The last failure.
        reason: String,
    },
    /// The record of the run cannot be written.
    Journal {
        /// What failed.
        reason: String,
    },
}

/// The mean time that tasks of one experiment take to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    mean_nanos: f64,
    seen: u32,
}

impl Cost {
    /// Notes one more task. The mean is exact at first and then forgets slowly, so that a change of the
    /// tasks' size along the plan is followed.
    pub fn note(&mut self, span: Duration) {
        self.seen = self.seen.saturating_add(1);
        let weight = 1.0 / f64::from(self.seen.min(32));
        self.mean_nanos += weight * (span.as_nanos() as f64 - self.mean_nanos);
    }

    /// How many such tasks make a group; 1 as long as nothing is known.
    pub fn group(&self) -> u32 {
        if self.seen == 0 {
            return 1;
        }
        let fit = GROUP_TARGET.as_nanos() as f64 / self.mean_nanos.max(1000.0);
        // At most 20,000: the mean is taken to be no less than a microsecond.
        (fit as u32).max(1)
    }
}

/// Everything the scheduler knows.
#[derive(Clone, Debug)]
pub struct State {
    /// The rules.
    pub policy: Policy,
    /// Every task of the plan.
    pub tasks: Vec<TaskBook>,
    /// Index of the first task of each experiment, ascending.
    pub experiments: Vec<TaskIndex>,
    /// What the tasks of each experiment take.
    pub costs: Vec<Cost>,
    /// No fresh task is below this index.
    pub next_fresh: u32,
    /// Fresh tasks left.
    pub fresh_left: u32,
    /// Tasks to be run again, first come first served.
    pub again: VecDeque<TaskIndex>,
    /// Live workers.
    pub workers: BTreeMap<WorkerId, Worker>,
    /// Slots that no worker has.
    pub free_slots: Vec<u32>,
    /// The next worker's name.
    pub next_worker: u32,
    /// Rounds of failed starts since the last good one.
    pub failed_rounds: u32,
    /// No start before then: the last one failed.
    pub hold_starts_until: Option<Monotonic>,
    /// What the run is doing.
    pub phase: Phase,
}

/// Slots for each worker: one for a worker that is leaving, one for the next.
pub const SLOTS_PER_WORKER: u32 = 2;

impl State {
    /// The state before the first step. `experiments` are the indices of their first tasks.
    pub fn new(policy: Policy, tasks: Vec<TaskBook>, experiments: Vec<TaskIndex>) -> State {
        let fresh = tasks.iter().filter(|t| t.stage == Stage::Fresh).count();
        let slots = policy.workers.saturating_mul(SLOTS_PER_WORKER);
        State {
            costs: vec![Cost::default(); experiments.len()],
            experiments,
            next_fresh: 0,
            fresh_left: u32::try_from(fresh).unwrap_or(u32::MAX),
            again: VecDeque::new(),
            workers: BTreeMap::new(),
            // The last is taken first.
            free_slots: (0..slots).rev().collect(),
            next_worker: 0,
            failed_rounds: 0,
            hold_starts_until: None,
            phase: Phase::Running,
            tasks,
            policy,
        }
    }

    /// Tasks that wait for a worker.
    pub fn waiting(&self) -> u32 {
        self.fresh_left
            .saturating_add(u32::try_from(self.again.len()).unwrap_or(u32::MAX))
    }

    /// Workers that take up a place: all but those that have done their part and are leaving, or are made
    /// to leave.
    pub fn occupied(&self) -> u32 {
        let occupied = self.workers.values().filter(|w| !w.is_done()).count();
        u32::try_from(occupied).unwrap_or(u32::MAX)
    }

    /// The place of a task's experiment.
    pub fn experiment_of(&self, task: TaskIndex) -> usize {
        self.experiments.partition_point(|&first| first <= task) - 1
    }

    /// The next moment at which a [`super::reactor::Event::Tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let of_worker = |worker: &Worker| match worker.state {
            WorkerState::Starting { deadline }
            | WorkerState::Between { deadline }
            | WorkerState::Draining { deadline } => Some(deadline),
            WorkerState::Busy { deadline } => deadline,
            WorkerState::Idle => None,
            WorkerState::Terminating { kill_at, .. } => Some(kill_at),
            WorkerState::Killed { abandon_at, .. } => Some(abandon_at),
        };
        let of_phase = match self.phase {
            Phase::Stopping { end_at, .. } => end_at,
            Phase::Running | Phase::Over => None,
        };
        self.workers
            .values()
            .filter_map(of_worker)
            .chain(of_phase)
            .chain(self.hold_starts_until)
            .min()
    }
}
