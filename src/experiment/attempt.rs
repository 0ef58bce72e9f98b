//! One attempt at a task: when it did what, what it used, how it ended.

use serde::{Deserialize, Serialize};

use super::{Cause, OutcomeKind};

/// The record of one attempt. Its place in files: the journal, and `attempts.jsonl`. Everything that
/// may differ between two runs of one plan (times, pids, hosts) is here and never in the results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The task's id.
    pub task: String,
    /// From 1.
    pub attempt: u32,
    /// `fork`, `spawn` or `inline`.
    pub start_method: String,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Time of each phase; they add up to `total_us`.
    pub phases_us: Phases,
    /// From the decision to run it until it was settled, in microseconds.
    pub total_us: u64,
    /// What it used.
    pub rusage: ResourceUse,
    /// The worker's process id; `null` if there never was a process.
    pub pid: Option<u32>,
    /// The machine it ran on.
    pub host: String,
    /// Why it did not end ok; `null` where it did.
    #[serde(default)]
    pub cause: Option<Cause>,
}

/// How an attempt ended: the states of tasks, and three that charge nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// A result.
    Ok,
    /// The work said no.
    Error,
    /// The process died.
    Crashed,
    /// The limit passed.
    Timeout,
    /// Too much memory.
    Oom,
    /// It was a bystander: its worker died before this task was started. Not charged.
    Requeued,
    /// The run was stopped while it ran. Not charged.
    Interrupted,
    /// No process could be had for it. Not charged.
    StartFailed,
}

impl AttemptOutcome {
    /// Whether the attempt counts against the task's retries.
    pub fn is_charged(self) -> bool {
        !matches!(
            self,
            AttemptOutcome::Requeued | AttemptOutcome::Interrupted | AttemptOutcome::StartFailed
        )
    }
}

impl From<OutcomeKind> for AttemptOutcome {
    fn from(kind: OutcomeKind) -> AttemptOutcome {
        match kind {
            OutcomeKind::Ok => AttemptOutcome::Ok,
            OutcomeKind::Error => AttemptOutcome::Error,
            OutcomeKind::Crashed => AttemptOutcome::Crashed,
            OutcomeKind::Timeout => AttemptOutcome::Timeout,
            OutcomeKind::Oom => AttemptOutcome::Oom,
        }
    }
}

/// Microseconds of each phase of an attempt. A phase that did not happen, or that this platform cannot
/// tell, is 0; what no phase explains is `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Phases {
    /// Waiting behind other tasks of the same worker.
    pub queue: u64,
    /// From the request for a process to its first instruction.
    pub create: u64,
    /// From the first instruction until the worker is ready for a task: limits, connection, hello.
    pub handshake: u64,
    /// From the supervisor's send until the worker has the message.
    pub send: u64,
    /// Reading the task from the message.
    pub decode: u64,
    /// Rebuilding model, field or matrix, with the self-test.
    pub rebuild: u64,
    /// The work itself.
    pub compute: u64,
    /// Writing the result into a message.
    pub encode: u64,
    /// From the worker's send until the supervisor has the result.
    pub receive: u64,
    /// From the result until the process is reaped.
    pub reap: u64,
    /// What is left of the total.
    pub other: u64,
}

impl Phases {
    /// The sum of all phases, in microseconds.
    pub fn sum(&self) -> u64 {
        self.queue
            + self.create
            + self.handshake
            + self.send
            + self.decode
            + self.rebuild
            + self.compute
            + self.encode
            + self.receive
            + self.reap
            + self.other
    }
}

/// What an attempt used, as the kernel counted it. In a process of its own these are the process's
/// figures, its start and end included; in a shared worker they are the difference over the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceUse {
    /// CPU time in user mode, microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, microseconds.
    pub system_us: u64,
    /// Largest resident size, KiB.
    pub max_rss_kib: u64,
    /// Page faults served without input or output.
    pub minor_faults: u64,
    /// Times it gave up the processor.
    pub voluntary_switches: u64,
    /// Times it was made to.
    pub involuntary_switches: u64,
}
