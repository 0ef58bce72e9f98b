//! How an attempt, and with it perhaps a task, ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TaskOutput;

/// How an attempt that was charged to its task ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It gave a result.
    Ok(TaskOutput),
    /// The work itself said no: bad data for the model, a panic, a failed self-test. Never retried: the
    /// same numbers give the same error.
    Error {
        /// The reason, as the worker gave it.
        message: String,
    },
    /// The process died before it gave a result.
    Crashed(ExitCause),
    /// It ran past its limit and was stopped.
    Timeout {
        /// The limit, counted from `Started`.
        limit: Duration,
    },
    /// It used more memory than it was allowed.
    Oom {
        /// What was seen, with the figure.
        evidence: String,
    },
}

impl Outcome {
    /// The outcome without its data.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Outcome::Ok(_) => OutcomeKind::Ok,
            Outcome::Error { .. } => OutcomeKind::Error,
            Outcome::Crashed(_) => OutcomeKind::Crashed,
            Outcome::Timeout { .. } => OutcomeKind::Timeout,
            Outcome::Oom { .. } => OutcomeKind::Oom,
        }
    }
}

/// The state of a task with a terminal record: the words of `results.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
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
}

impl OutcomeKind {
    /// Every state, in the order in which tables show them.
    pub const ALL: [OutcomeKind; 5] = [
        OutcomeKind::Ok,
        OutcomeKind::Error,
        OutcomeKind::Crashed,
        OutcomeKind::Timeout,
        OutcomeKind::Oom,
    ];

    /// The word that users see.
    pub fn name(self) -> &'static str {
        match self {
            OutcomeKind::Ok => "ok",
            OutcomeKind::Error => "error",
            OutcomeKind::Crashed => "crashed",
            OutcomeKind::Timeout => "timeout",
            OutcomeKind::Oom => "oom",
        }
    }
}

/// How a process ended, as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCause {
    /// It left by itself.
    Exited(i32),
    /// A signal ended it.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
    /// The kernel ended it for want of memory.
    OutOfMemory {
        /// What says so.
        evidence: String,
    },
    /// The supervisor ended it, because it had said what no worker says.
    BrokeProtocol {
        /// What it said.
        note: String,
    },
    /// Nobody could say: the process was gone before it could be waited for.
    Lost,
}

/// Why a task did not end ok, as `results.jsonl` and `attempts.jsonl` tell it. Only the keys that apply
/// are present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// One sentence.
    pub message: String,
    /// The signal's name, such as `SIGSEGV`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signal: Option<String>,
    /// The exit code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit_code: Option<i32>,
    /// The limit that was passed, with its unit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<String>,
}
