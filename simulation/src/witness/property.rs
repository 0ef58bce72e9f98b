//! What must never happen, by name.

use std::fmt;

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
