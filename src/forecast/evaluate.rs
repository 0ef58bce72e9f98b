//! One model judged on one series: cut, forecast, score; once, or at several origins.
//!
//! With several *windows* the origin rolls (L. J. Tashman, "Out-of-sample tests of forecasting accuracy",
//! International Journal of Forecasting 16, 2000): the last window's test part is the end of the series,
//! each earlier one lies `step` values before the next, and the model is fitted anew to all that comes
//! before. The scores of the series are the means over its windows.

use serde::{Deserialize, Serialize};

use super::coverage::{IntervalScores, JudgedInterval, judge};
use super::metrics::{Scores, mean, scale, score};
use super::models::{Fitted, Model, ModelError, Question};
use super::split::{SplitError, split};
use crate::ids::Seed;

/// How a model is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// Observations in each season; the first is that of the scores. At least one, all at least 1.
    pub seasons: Vec<u32>,
    /// Steps to forecast.
    pub horizon: u32,
    /// How often the series is cut, at least 1.
    pub windows: u32,
    /// Values from one origin to the next, at least 1.
    pub step: u32,
    /// The levels of the intervals that are wanted, in per cent.
    pub levels: Vec<f64>,
}

impl Setup {
    /// One window, no intervals.
    pub fn once(season_length: u32, horizon: u32) -> Setup {
        Setup {
            seasons: vec![season_length],
            horizon,
            windows: 1,
            step: horizon,
            levels: Vec::new(),
        }
    }
}

/// What a model made of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The forecasts of the last window, one a step, all finite.
    pub predictions: Vec<f64>,
    /// The values of its test part.
    pub actual: Vec<f64>,
    /// How far the two are apart; of several windows the means.
    pub scores: Scores,
    /// The intervals of the last window, their scores the means over the windows that have them; empty
    /// where the model has none.
    pub intervals: Vec<JudgedInterval>,
    /// What was fitted to the last train part.
    pub fitted: Option<Fitted>,
    /// Every window, where there are several.
    pub windows: Vec<Window>,
}

/// One of several windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Values in its train part.
    pub train: u64,
    /// The forecasts.
    pub predictions: Vec<f64>,
    /// What came.
    pub actual: Vec<f64>,
    /// How far the two are apart.
    pub scores: Scores,
    /// The intervals.
    pub intervals: Vec<JudgedInterval>,
}

/// Judges `model` on `values` as `setup` says.
///
/// # Errors
///
/// [`EvaluateError`] where the series is too short for the horizon and the windows, or the model cannot
/// forecast a window or answers with something that is no forecast.
pub fn evaluate(
    model: &dyn Model,
    values: &[f64],
    setup: &Setup,
    seed: Seed,
) -> Result<Evaluation, EvaluateError> {
    let behind = (setup.windows.saturating_sub(1) as usize).saturating_mul(setup.step as usize);
    let needed = behind
        .saturating_add(setup.horizon as usize)
        .saturating_add(1);
    if setup.windows > 1 && values.len() < needed {
        return Err(EvaluateError::TooFewForWindows {
            length: values.len(),
            windows: setup.windows,
            needed,
        });
    }
    if setup.windows <= 1 {
        let (window, fitted) = one_window(model, values, setup, seed)?;
        return Ok(Evaluation {
            predictions: window.predictions,
            actual: window.actual,
            scores: window.scores,
            intervals: window.intervals,
            fitted,
            windows: Vec::new(),
        });
    }
    let mut windows = Vec::with_capacity(setup.windows as usize);
    let mut fitted = None;
    for back in (0..setup.windows as usize).rev() {
        let end = values.len() - back * setup.step as usize;
        let (window, found) = one_window(model, &values[..end], setup, seed).map_err(|error| {
            EvaluateError::InWindow {
                train: end - setup.horizon as usize,
                error: Box::new(error),
            }
        })?;
        windows.push(window);
        fitted = found;
    }
    Ok(joined(windows, fitted))
}

/// Judges on the end of `values`.
fn one_window(
    model: &dyn Model,
    values: &[f64],
    setup: &Setup,
    seed: Seed,
) -> Result<(Window, Option<Fitted>), EvaluateError> {
    let (train, test) = split(values, setup.horizon)?;
    let question = Question {
        train,
        seasons: &setup.seasons,
        horizon: setup.horizon,
        levels: &setup.levels,
        seed,
    };
    let season = question.season();
    let prediction = model.forecast(&question)?;
    let predictions = prediction.mean;
    if predictions.len() != test.len() {
        return Err(EvaluateError::WrongLength {
            predictions: predictions.len(),
            horizon: setup.horizon,
        });
    }
    if let Some(at) = predictions.iter().position(|value| !value.is_finite()) {
        return Err(EvaluateError::NotFinite {
            step: at + 1,
            value: predictions[at],
        });
    }
    let unit = scale(train, season as usize);
    let intervals = prediction
        .intervals
        .into_iter()
        .map(|interval| judge(interval, test, unit))
        .collect();
    let window = Window {
        train: train.len() as u64,
        scores: score(test, &predictions, train, season),
        actual: test.to_vec(),
        predictions,
        intervals,
    };
    Ok((window, prediction.fitted))
}

/// Several windows as one: the forecasts of the last, the scores of all.
fn joined(windows: Vec<Window>, fitted: Option<Fitted>) -> Evaluation {
    let scores: Vec<Scores> = windows.iter().map(|window| window.scores).collect();
    let last = &windows[windows.len() - 1];
    let mut intervals = last.intervals.clone();
    for (at, interval) in intervals.iter_mut().enumerate() {
        let all: Vec<IntervalScores> = windows
            .iter()
            .filter_map(|window| window.intervals.get(at))
            .map(|interval| interval.scores)
            .collect();
        let of_those_there = |score: fn(&IntervalScores) -> Option<f64>| {
            let there: Vec<f64> = all.iter().filter_map(score).collect();
            (!there.is_empty()).then(|| mean(there.into_iter()))
        };
        interval.scores = IntervalScores {
            coverage: mean(all.iter().map(|scores| scores.coverage)),
            scaled_width: of_those_there(|scores| scores.scaled_width),
            msis: of_those_there(|scores| scores.msis),
        };
    }
    Evaluation {
        predictions: last.predictions.clone(),
        actual: last.actual.clone(),
        scores: Scores::mean(&scores),
        intervals,
        fitted,
        windows,
    }
}

/// A model could not be judged on a series.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The series cannot be cut.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The series cannot be cut so often.
    #[error("the series has {length} values, too few for {windows} windows, which need {needed}")]
    TooFewForWindows {
        /// Values in the series.
        length: usize,
        /// Windows asked for.
        windows: u32,
        /// The fewest values for these.
        needed: usize,
    },
    /// The model cannot be judged in one of several windows.
    #[error("in the window that trains on {train} values: {error}")]
    InWindow {
        /// Values in its train part.
        train: usize,
        /// Why.
        error: Box<EvaluateError>,
    },
    /// The model cannot forecast the train part.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model answered with NaN or an infinity.
    #[error("the model predicts {value} at step {step}, which is not a finite number")]
    NotFinite {
        /// From 1.
        step: usize,
        /// NaN or an infinity.
        value: f64,
    },
    /// The model answered with too many or too few predictions.
    #[error("the model gives {predictions} predictions for a horizon of {horizon}")]
    WrongLength {
        /// How many it gave.
        predictions: usize,
        /// How many were asked for.
        horizon: u32,
    },
}

impl EvaluateError {
    /// Whether another model might do better: no model can where the series itself is too short.
    pub fn is_of_the_model(&self) -> bool {
        match self {
            EvaluateError::Split(_) | EvaluateError::TooFewForWindows { .. } => false,
            EvaluateError::InWindow { error, .. } => error.is_of_the_model(),
            EvaluateError::Model(_)
            | EvaluateError::NotFinite { .. }
            | EvaluateError::WrongLength { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forecast::{Drift, Naive, Prediction, SeasonalNaive};

    /// A model that answers whatever it is told to.
    struct Parrot(Vec<f64>);

    impl Model for Parrot {
        fn forecast(&self, _: &Question<'_>) -> Result<Prediction, ModelError> {
            Ok(Prediction {
                mean: self.0.clone(),
                intervals: Vec::new(),
                fitted: None,
            })
        }

        fn self_test(&self) -> Result<(), ModelError> {
            Ok(())
        }
    }

    #[test]
    fn the_model_sees_the_train_part_alone() {
        let values = [1.0, 2.0, 3.0, 9.0, 9.0];
        let evaluation =
            evaluate(&Naive, &values, &Setup::once(1, 2), Seed(0)).expect("long enough");
        assert_eq!(evaluation.predictions, [3.0, 3.0]);
        assert_eq!(evaluation.actual, [9.0, 9.0]);
        assert_eq!(evaluation.scores.mase, Some(6.0));
        assert!(evaluation.windows.is_empty());
    }

    #[test]
    fn what_is_no_forecast_is_an_error_that_says_so() {
        let judge = |answer: &[f64]| {
            let parrot = Parrot(answer.to_vec());
            evaluate(&parrot, &[1.0, 2.0, 3.0], &Setup::once(1, 2), Seed(0))
                .expect_err("no forecast")
                .to_string()
        };
        assert_eq!(
            judge(&[1.0, f64::NAN]),
            "the model predicts NaN at step 2, which is not a finite number"
        );
        assert_eq!(
            judge(&[f64::INFINITY, 1.0]),
            "the model predicts inf at step 1, which is not a finite number"
        );
        assert_eq!(
            judge(&[1.0]),
            "the model gives 1 predictions for a horizon of 2"
        );
    }

    #[test]
    fn a_series_too_short_for_the_horizon_is_an_error() {
        let error = evaluate(&Naive, &[1.0, 2.0], &Setup::once(1, 2), Seed(0))
            .expect_err("nothing to train on");
        assert!(matches!(error, EvaluateError::Split(_)), "{error}");
        assert!(!error.is_of_the_model());
    }

    #[test]
    fn the_origin_rolls() {
        let setup = Setup {
            windows: 3,
            step: 1,
            ..Setup::once(1, 2)
        };
        let values = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        let evaluation = evaluate(&Naive, &values, &setup, Seed(0)).expect("long enough");
        let windows: Vec<(u64, &[f64], &[f64])> = evaluation
            .windows
            .iter()
            .map(|w| (w.train, &w.predictions[..], &w.actual[..]))
            .collect();
        assert_eq!(
            windows,
            [
                (2, &[2.0, 2.0][..], &[4.0, 8.0][..]),
                (3, &[4.0, 4.0], &[8.0, 16.0]),
                (4, &[8.0, 8.0], &[16.0, 32.0]),
            ]
        );
        assert_eq!(evaluation.predictions, [8.0, 8.0]);
        // Mean absolute errors 4, 8 and 16; scales 1, 3/2 and 7/3.
        assert!((evaluation.scores.mae - 28.0 / 3.0).abs() < 1e-12);
        let mase = evaluation.scores.mase.expect("no part is constant");
        assert!((mase - (4.0 + 8.0 / 1.5 + 16.0 * 3.0 / 7.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let setup = Setup {
            windows: 3,
            step: 2,
            ..Setup::once(1, 2)
        };
        let error = evaluate(&Naive, &[1.0; 6], &setup, Seed(0)).expect_err("one too few");
        assert_eq!(
            error.to_string(),
            "the series has 6 values, too few for 3 windows, which need 7"
        );
        assert!(!error.is_of_the_model());
        assert!(evaluate(&Naive, &[1.0; 7], &setup, Seed(0)).is_ok());
        let error = evaluate(&Drift, &[1.0; 7], &setup, Seed(0)).expect_err("drift needs two");
        assert_eq!(
            error.to_string(),
            "in the window that trains on 1 values: `drift` needs at least 2 values to train on, the series has 1"
        );
        assert!(error.is_of_the_model());
    }

    #[test]
    fn intervals_are_judged_by_what_came() {
        let setup = Setup {
            levels: vec![80.0],
            windows: 2,
            step: 2,
            ..Setup::once(1, 2)
        };
        let values = [10.0, 11.0, 10.0, 11.0, 10.0, 11.0, 10.0, 99.0];
        let evaluation = evaluate(&Naive, &values, &setup, Seed(0)).expect("long enough");
        // Of four values one is far outside.
        assert_eq!(evaluation.intervals[0].scores.coverage, 0.75);
        assert_eq!(evaluation.windows[1].intervals[0].scores.coverage, 0.5);
        let parrot = evaluate(&Parrot(vec![1.0, 1.0]), &values, &setup, Seed(0)).expect("it fits");
        assert!(parrot.intervals.is_empty());
    }

    proptest! {
        #[test]
        fn the_last_window_is_the_only_one_of_a_single_cut(
            values in prop::collection::vec(1.0..100.0, 12..40),
            windows in 2u32..4,
            step in 1u32..3,
            horizon in 1u32..4,
        ) {
            let once = Setup { levels: vec![90.0], ..Setup::once(2, horizon) };
            let several = Setup { windows, step, ..once.clone() };
            let one = evaluate(&SeasonalNaive, &values, &once, Seed(0)).expect("long enough");
            let all = evaluate(&SeasonalNaive, &values, &several, Seed(0)).expect("long enough");
            prop_assert_eq!(&one.predictions, &all.predictions);
            prop_assert_eq!(all.windows.len(), windows as usize);
            let last = &all.windows[all.windows.len() - 1];
            prop_assert_eq!(one.scores, last.scores);
            prop_assert_eq!(&one.intervals, &last.intervals);
        }
    }
}
