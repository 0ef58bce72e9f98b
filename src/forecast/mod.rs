//! Forecasting models and their evaluation: plain mathematics on slices of `f64`.
//!
//! The words. A *series* is a list of finite values at equal distances in time, oldest first. Its last
//! `horizon` values are the *test part*, which no model ever sees; the rest is the *train part*.
//! A *season* is `season_length` observations long (12 for monthly data with a yearly pattern, 1 for
//! none). A *model* turns a train part into `horizon` predictions; *scores* compare these with the test
//! part. [`split()`] cuts, [`Model::forecast`] predicts, [`score`] judges, and [`evaluate()`] does all three.
//!
//! The simple models follow the statistical benchmarks of the M4 competition: `naive2`, `ses`, `holt`,
//! `damped`, `comb` and `theta` are fitted to the seasonally adjusted series where the test in
//! [`decomposition`] says that there is a season, and their forecasts are made seasonal again. Their
//! published scores are the known answers of this module's tests. `ets` has seasons of its own, `mstl`
//! takes several away first.
//!
//! A model travels between processes as a [`ModelConfig`], which is plain data; the model itself is
//! built where it is used.
//!
//! Rules that hold everywhere here. The same input gives the same bytes on every machine: no
//! transcendental function of the standard library is called, only those of `libm`. A model that cannot
//! forecast says why ([`ModelError`]); it never answers with NaN or an infinity, and never panics on
//! values or lengths. Nothing here knows of files, processes or messages.

mod config;
mod coverage;
pub mod decomposition;
mod evaluate;
mod least_squares;
mod metrics;
mod models;
pub(crate) mod nearest;
mod parameters;
mod split;
mod stl;

pub use config::{ModelConfig, ModelConfigError};
pub use coverage::{IntervalScores, JudgedInterval};
pub use evaluate::{EvaluateError, Evaluation, Setup, Window, evaluate};
pub use metrics::{Scores, score};
pub use models::{
    Comb, Criterion, Damped, Drift, ErrorKind, Ets, Fitted, Holt, Interval, Model, ModelError,
    Mstl, Naive, Naive2, Prediction, Question, Season, SeasonalNaive, Ses, Slope, Theta, Transform,
    Trend,
};
pub use parameters::Parameter;
pub use split::{SplitError, split};
