//! A task as it travels: plain data in, plain data out.

use serde::{Deserialize, Serialize};

use crate::forecast::{Evaluation, ModelConfig, Setup};
use crate::lfsr::{AnalyseTask, AnalyticResult, EnumerateTask, RangeTable};

/// What one task computes. No object of the supervisor is in it: the worker rebuilds the model, the
/// field, the matrix from these numbers, under every start method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Fit one model to one series and score its forecast.
    Forecast(ForecastTask),
    /// Enumerate one range of the states of a shift register.
    Enumerate(EnumerateTask),
    /// Find the whole structure of a shift register by algebra.
    Analyse(AnalyseTask),
    /// Misbehave as told.
    #[cfg(feature = "fault")]
    Fault(super::FaultTask),
}

/// `(model config, series slice, steps)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastTask {
    /// The model and its parameters.
    pub model: ModelConfig,
    /// The model that forecasts in its place where it cannot.
    pub fallback: Option<ModelConfig>,
    /// The whole series: the last `horizon` values are the test part, a model sees the rest.
    pub series: SeriesSlice,
    /// Seasons, horizon, windows and levels.
    pub setup: Setup,
}

/// Where the values of a series are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SeriesSlice {
    /// In the message.
    Inline(Vec<f64>),
    /// In the mapped store of the run: values `offset .. offset + length` of `values.npy` there.
    Mapped {
        /// The folder of the store.
        store: String,
        /// Index of the first value.
        offset: u64,
        /// Number of values.
        length: u64,
    },
}

/// What an ok task gives back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TaskOutput {
    /// Of [`Work::Forecast`].
    Forecast(Box<Forecast>),
    /// Of [`Work::Enumerate`].
    Enumeration(RangeTable),
    /// Of [`Work::Analyse`].
    Analysis(Box<AnalyticResult>),
    /// Of [`Work::Fault`](Work).
    #[cfg(feature = "fault")]
    Fault(super::FaultOutput),
}

/// The forecast of one model for one series, with its scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// What the model made of the series, or its fallback.
    pub evaluation: Evaluation,
    /// That it was the fallback, and why.
    pub fallback: Option<FellBack>,
}

/// A model could not forecast a series, and another did in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FellBack {
    /// The name of the other model.
    pub model: String,
    /// Why the model itself could not.
    pub reason: String,
}
