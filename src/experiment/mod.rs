//! What is to be run and what came of it: data only.
//!
//! A [`RunSpec`](spec::RunSpec) is what a person wrote. A [`Plan`](plan::Plan) is what it means: an
//! ordered list of tasks, each with a stable id. A [`Work`] is what travels to a worker: plain numbers
//! and strings from which the worker rebuilds everything. An [`Outcome`] is how an attempt ended.
//! Nothing here does input or output, starts anything, or knows how tasks get run.

mod attempt;
#[cfg(feature = "fault")]
mod fault;
mod outcome;
pub mod plan;
pub mod spec;
mod task;

pub use attempt::{Attempt, AttemptOutcome, Phases, ResourceUse};
#[cfg(feature = "fault")]
pub use fault::{FaultBody, FaultOutput, FaultTask};
pub use outcome::{Cause, ExitCause, Outcome, OutcomeKind};
pub use task::{FellBack, Forecast, ForecastTask, SeriesSlice, TaskOutput, Work};
