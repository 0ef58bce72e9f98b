//! A worker that is no process: what it has to do, and how it is.

use std::collections::VecDeque;

use fumehood::clock::Monotonic;
use fumehood::experiment::TaskOutput;
use fumehood::experiment::plan::Plan;
use fumehood::ids::{AttemptNumber, Pid, TaskIndex};
use fumehood::protocol::Assignment;

/// What a task gives, as a worker computes it: the worker's own code is asked.
///
/// # Errors
///
/// The sentence that the task's error says.
pub fn result_of(plan: &Plan, task: TaskIndex) -> Result<TaskOutput, String> {
    let assignment = Assignment {
        task,
        attempt: AttemptNumber(1),
        seed: plan.task_seed(task),
        work: plan.work(task),
    };
    worker::execute::execute(&assignment).result
}

/// A worker.
#[derive(Debug)]
pub struct Process {
    /// Its pid, once it exists.
    pub pid: Option<Pid>,
    /// Whether it may be given more tasks.
    pub kept: bool,
    /// Tasks that it has not begun.
    pub queue: VecDeque<Assignment>,
    /// The task that it is in.
    pub run: Option<Run>,
    /// What it had planned under an earlier number does not happen.
    pub epoch: u32,
    /// How it is.
    pub health: Health,
    /// It is to be ended as soon as it exists.
    pub doomed: bool,
    /// It has said what no worker says, and the supervisor has heard it.
    pub lied: bool,
    /// It does not leave by itself.
    pub stays: bool,
    /// It was killed.
    pub killed: bool,
    /// The moment of its last word: words stay in order.
    pub last_word: Monotonic,
    /// When its tasks had come.
    pub received: Monotonic,
    /// When it was made, until its first report tells.
    pub born: Option<Monotonic>,
    /// It does this as it is made, in place of its first task.
    pub start: Start,
}

/// The task that a worker is in.
#[derive(Clone, Debug)]
pub struct Run {
    /// The task.
    pub task: TaskIndex,
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// When it began.
    pub begun: Monotonic,
    /// When it is to be done.
    pub done: Monotonic,
    /// How it answers.
    pub answer: Answering,
}

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does what it is told.
    Well,
    /// It does not end when it is told to.
    Deaf,
    /// It is stopped. If it was told to end, it does so when it goes on.
    Stopped {
        /// Whether it was told to end.
        told: bool,
    },
    /// It hangs in the kernel, until then or for ever.
    Stuck {
        /// When it comes back.
        until: Option<Monotonic>,
    },
    /// It has closed its result channel.
    Mute,
    /// It is no more.
    Dead,
}

/// What a worker does as it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It begins its first task.
    Well,
    /// It never says a word.
    Hangs,
    /// It begins then, just as it is given up for not having begun.
    Late {
        /// When.
        at: Monotonic,
    },
    /// It dies.
    Dies,
    /// The zygote dies before it has told of it; it speaks afterwards.
    Unknown,
}

/// How a worker answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// Once and well.
    Well,
    /// And leaves, because the task changed its process.
    AndLeaves,
    /// And dies.
    AndDies,
    /// It dies with half of it said.
    Half,
    /// Twice.
    Twice,
    /// For a task that it did not run.
    Another,
    /// For an earlier attempt.
    Earlier,
    /// In parts that do not fit.
    Torn,
}
