//! Holt's linear trend, its damped variant, and the mean of three smoothings.
//!
//! C. C. Holt, "Forecasting seasonals and trends by exponentially weighted moving averages", Office of Naval
//! Research memorandum 52 (1957); E. S. Gardner and E. McKenzie, "Forecasting trends in time series",
//! Management Science 31 (1985). Both are benchmarks of the M3 and M4 competitions: fitted to the seasonally
//! adjusted series, with the smoothing parameters and first states that have the least mean squared
//! one-step error, as R's `holt` has it. The search is that of [`super::ets`], which finds the least error
//! where R's simplex stops early; the scores show it.

use super::ets::{Trend, fit_trend};
use super::ses::smooth;
use super::{
    Model, ModelError, Prediction, Question, check_forecast, check_self_test, check_train,
    constant, not_below_zero, unit_scale,
};
use crate::forecast::decomposition::adjust;

/// Beta is bounded by alpha alone.
const BETA_LIMIT: f64 = 1.0;

/// A level and a slope that follow the seasonally adjusted series, made seasonal again. Needs 2 values.
#[derive(Clone, Copy, Debug)]
pub struct Holt;

/// The same with a slope that fades. Needs 2 values.
#[derive(Clone, Copy, Debug)]
pub struct Damped;

/// The mean of `ses`, `holt` and `damped`. Needs 2 values.
///
/// It has no intervals: a mean of three forecasts is not one of a distribution.
#[derive(Clone, Copy, Debug)]
pub struct Comb;

impl Model for Holt {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        with_trend("holt", Trend::Additive, question)
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let line: Vec<f64> = (1..=20).map(f64::from).collect();
        let got = self.forecast(&Question::new(&line, &[1], 2))?;
        check_self_test("holt", got.mean, &[21.0, 22.0], 1e-6)
    }
}

impl Model for Damped {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        with_trend("damped", Trend::Damped, question)
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&fading(20), &[1], 2))?;
        let known = fading(22);
        check_self_test("damped", got.mean, &known[20..], 1e-6)
    }
}

impl Model for Comb {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("comb", question, 2)?;
        let adjusted = adjust(question.train, question.season());
        let plain = Question {
            train: adjusted.values(),
            seasons: &[],
            levels: &[],
            ..*question
        };
        let level = smooth(adjusted.values()).level;
        let mut holt = extend("comb", Trend::Additive, &plain)?;
        let mut damped = extend("comb", Trend::Damped, &plain)?;
        not_below_zero(&mut holt, question.train);
        not_below_zero(&mut damped, question.train);
        let thirds = holt.mean.iter().zip(&damped.mean);
        // From the level on, so that three equal forecasts have themselves as their mean.
        let mean = thirds
            .map(|(holt, damped)| level + ((holt - level) + (damped - level)) / 3.0)
            .collect();
        check_forecast("comb", adjusted.seasonal_again(Prediction::of(mean)))
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&[10.0, 20.0].repeat(6), &[2], 3))?;
        check_self_test("comb", got.mean, &[10.0, 20.0, 10.0], 1e-9)
    }
}

fn with_trend(
    model: &'static str,
    trend: Trend,
    question: &Question<'_>,
) -> Result<Prediction, ModelError> {
    check_train(model, question, 2)?;
    let adjusted = adjust(question.train, question.season());
    let plain = Question {
        train: adjusted.values(),
        seasons: &[],
        ..*question
    };
    let mut prediction = extend(model, trend, &plain)?;
    not_below_zero(&mut prediction, question.train);
    check_forecast(model, adjusted.seasonal_again(prediction))
}

/// The forecast of a series without a season.
fn extend(
    model: &'static str,
    trend: Trend,
    question: &Question<'_>,
) -> Result<Prediction, ModelError> {
    if let Some(prediction) = constant(question) {
        return Ok(prediction);
    }
    let scale = unit_scale(question.train);
    let values: Vec<f64> = question.train.iter().map(|value| value * scale).collect();
    match fit_trend(&values, trend, BETA_LIMIT) {
        Some(fit) => Ok(fit.predict(question, scale)),
        None => Err(ModelError::NoFit { model }),
    }
}

/// A line whose slope fades by a tenth each step.
fn fading(length: usize) -> Vec<f64> {
    let mut slope = 10.0;
    let mut value = 100.0;
    (0..length)
        .map(|_| {
            slope *= 0.9;
            value += slope;
            value
        })
        .collect()
}
