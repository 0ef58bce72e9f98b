//! The files that users read, made from the journal.
//!
//! `results.jsonl` (plan order, one line a task that is terminal), `attempts.jsonl` (plan order, then
//! attempt number) and `summary.json`. The first and the last have the same bytes for the same plan and
//! seed, whatever happened on the way: lines are copied from the journal as they were first written, and
//! sums are taken in plan order. Each file is written to a temporary name and renamed.
//!
//! A run that is not complete has these files too, and they say so: nothing that was cut off is ever
//! presented as a result. Results are streamed; only sums, and for each attempt its position, are held.

mod attempts;
mod fold;
mod leaderboard;
mod reasons;
mod results;
mod structure;
mod summary;

use std::io;

pub use leaderboard::{
    Averages, Common, CommonRow, ForecastSummary, LevelRow, ModelRow, Rank, SeriesFailed,
    WithFallback, ranks,
};
pub use reasons::FailureReason;
pub use summary::{
    ExperimentBody, ExperimentSummary, LfsrSummary, MAX_MATRIX_DEGREE, MAX_SAGE_DEGREE, TaskCounts,
    summary_text,
};

use super::atomic::hint_of;
use super::{ReadError, Recovered, RunFolder, SegmentError};
use crate::experiment::plan::{Plan, Shard};
use crate::lfsr::MergeError;

/// What the derived files say, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// One for each experiment of the plan, in order: the content of `summary.json`.
    pub experiments: Vec<ExperimentSummary>,
    /// Tasks of this shard without a terminal record. Tasks of other shards count as missing in their
    /// experiment, not here.
    pub missing_in_shard: u32,
    /// Every enumeration of the plan is merged, and its structure durable: the tables in `segments/`
    /// are not needed any more.
    pub tables_are_merged: bool,
}

impl Derived {
    /// Whether every task of the shard is ok, no two methods disagree, and no model was forecast by its
    /// fallback alone: what exit code 0 means.
    pub fn is_all_ok(&self) -> bool {
        let is_ok = |experiment: &ExperimentSummary| {
            experiment.tasks.not_ok() == 0
                && !experiment.is_contradictory()
                && experiment.failed_models().is_empty()
        };
        self.missing_in_shard == 0 && self.experiments.iter().all(is_ok)
    }
}

/// Why the derived files cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A record cannot be read again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record does not fit the plan.
    #[error("the record of task {task} does not fit the plan: {what}")]
    Misfit {
        /// The task's id.
        task: String,
        /// What is wrong.
        what: String,
    },
    /// A table of an enumeration cannot be had.
    #[error("failed to merge experiment {experiment}: {error}")]
    Table {
        /// The experiment's name.
        experiment: String,
        /// Why.
        error: SegmentError,
    },
    /// The tables of an enumeration do not fit together.
    #[error("failed to merge experiment {experiment}: {error}")]
    Merge {
        /// The experiment's name.
        experiment: String,
        /// Why.
        error: MergeError,
    },
}

impl DeriveError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            DeriveError::Io(error) => Some(hint_of(error)),
            DeriveError::Read(_) => None,
            DeriveError::Misfit { .. } => Some("the run folder is of another plan".into()),
            DeriveError::Table { .. } | DeriveError::Merge { .. } => {
                Some("run the experiment again in another --run-dir".into())
            }
        }
    }
}

/// Writes `results.jsonl`, `attempts.jsonl` and `summary.json`. Where all ranges of an enumeration are
/// there, they are merged, and the structure is kept durably beside their tables.
///
/// # Errors
///
/// [`DeriveError`]; each file is then the old one or the new one.
pub fn write_all(
    folder: &RunFolder,
    plan: &Plan,
    recovered: &Recovered,
    shard: Shard,
) -> Result<Derived, DeriveError> {
    let derived = results::write(folder, plan, recovered, shard)?;
    attempts::write(folder, recovered)?;
    summary::write(folder, &derived.experiments)?;
    Ok(derived)
}

#[cfg(test)]
mod tests;
