//! A task as it travels: plain data in, plain data out.

use serde::{Deserialize, Serialize};

use crate::forecast::{ModelConfig, Scores};
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
    /// The whole series: the last `horizon` values are the test part, a model sees the rest.
    pub series: SeriesSlice,
    /// The number of observations in a season; 1 = none.
    pub season_length: u32,
    /// Steps to forecast.
    pub horizon: u32,
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
    Forecast(Forecast),
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
    /// Forecasts of the test part, one a step.
    pub predictions: Vec<f64>,
    /// The values of the test part.
    pub actual: Vec<f64>,
    /// The scores of the forecast.
    pub scores: Scores,
}
