//! The one stream of what happens in a run. The screen is a fold of it; so may other views be.

use std::time::Duration;

use fumehood::experiment::{AttemptOutcome, Cause, OutcomeKind};
use fumehood::ids::TaskIndex;

use super::state::StopReason;

/// Something that a user may want to see.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// The run begins; so many tasks are to be run, so many were done before.
    Began {
        /// Tasks to be run now.
        to_run: u32,
        /// Tasks with a terminal record of an earlier process.
        done_before: u32,
        /// Workers at a time.
        workers: u32,
    },
    /// A task was started.
    Started {
        /// Which task.
        task: TaskIndex,
    },
    /// An attempt ended.
    AttemptEnded {
        /// Which task.
        task: TaskIndex,
        /// Which attempt, from 1.
        attempt: u32,
        /// How.
        outcome: AttemptOutcome,
        /// Why, where it was not ok.
        cause: Option<Cause>,
        /// What follows.
        next: Next,
        /// From giving it to a worker until its place was free again.
        took: Duration,
        /// What the work itself took, rebuilding included; zero where there was no answer.
        worked: Duration,
        /// Its peak of resident memory, where known.
        peak_kib: u64,
    },
    /// The run is being stopped; running attempts may still finish.
    Stopping {
        /// Why.
        reason: StopReason,
    },
    /// Something that harms nothing but that the user should know.
    Note {
        /// One sentence.
        text: String,
    },
    /// Nothing happened for a moment.
    Idle,
}

/// What follows the end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The task is done.
    Final(OutcomeKind),
    /// The task is queued again.
    Again {
        /// Whether it was charged.
        charged: bool,
        /// Charged attempts it has left.
        left: u32,
    },
}
