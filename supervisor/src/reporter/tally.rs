//! What came of the events: counts, and samples of what tasks cost.

use std::time::Duration;

use fumehood::experiment::{AttemptOutcome, OutcomeKind};

use crate::engine::event::Next;
use crate::report::cost::Samples;

/// The sums of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Tasks that were to be run.
    pub to_run: u32,
    /// Tasks with a terminal record of an earlier process.
    pub done_before: u32,
    /// Workers at a time.
    pub workers: u32,
    /// Attempts that were charged and did not end their task.
    pub retried: u64,
    /// Attempts whose worker died before the task was started.
    pub requeued: u64,
    /// Attempts that were running when the run was stopped.
    pub interrupted: u64,
    /// Attempts for which no process could be had.
    pub start_failed: u64,
    /// From the beginning to the end.
    pub wall: Duration,
    /// Times of attempts that ended ok.
    pub samples: Samples,
    ended: [u64; OutcomeKind::ALL.len()],
}

impl Tally {
    /// Tasks that ended so, in this process.
    pub fn count(&self, kind: OutcomeKind) -> u64 {
        self.ended[place(kind)]
    }

    /// Tasks that ended, in this process.
    pub fn ended(&self) -> u64 {
        self.ended.iter().sum()
    }

    /// Tasks that ended otherwise than ok, in this process.
    #[cfg(test)]
    pub fn not_ok(&self) -> u64 {
        self.ended() - self.count(OutcomeKind::Ok)
    }

    pub(super) fn note(
        &mut self,
        outcome: AttemptOutcome,
        next: Next,
        took: Duration,
        worked: Duration,
    ) {
        match outcome {
            AttemptOutcome::Requeued => self.requeued += 1,
            AttemptOutcome::Interrupted => self.interrupted += 1,
            AttemptOutcome::StartFailed => self.start_failed += 1,
            AttemptOutcome::Ok => self.samples.note(took, worked),
            AttemptOutcome::Error
            | AttemptOutcome::Crashed
            | AttemptOutcome::Timeout
            | AttemptOutcome::Oom => {}
        }
        match next {
            Next::Final(kind) => self.ended[place(kind)] += 1,
            Next::Again { charged, .. } => self.retried += u64::from(charged),
        }
    }
}

/// The place in [`OutcomeKind::ALL`].
fn place(kind: OutcomeKind) -> usize {
    match kind {
        OutcomeKind::Ok => 0,
        OutcomeKind::Error => 1,
        OutcomeKind::Crashed => 2,
        OutcomeKind::Timeout => 3,
        OutcomeKind::Oom => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_own_place() {
        for (at, kind) in OutcomeKind::ALL.into_iter().enumerate() {
            assert_eq!(place(kind), at);
        }
    }
}
