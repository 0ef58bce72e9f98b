//! One model judged on one series: cut, forecast, score.

use super::metrics::{Scores, score};
use super::models::{Model, ModelError, Question};
use super::split::{SplitError, split};
use crate::ids::Seed;

/// What a model made of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// One a step of the horizon, all finite.
    pub predictions: Vec<f64>,
    /// The values of the test part.
    pub actual: Vec<f64>,
    /// How far the two are apart.
    pub scores: Scores,
}

/// Fits `model` to all but the last `horizon` of `values` and scores its forecast of these.
///
/// # Errors
///
/// [`EvaluateError`] where the series is too short for the horizon, the model cannot forecast it, or
/// answers with something that is no forecast.
pub fn evaluate(
    model: &dyn Model,
    values: &[f64],
    season_length: u32,
    horizon: u32,
    seed: Seed,
) -> Result<Evaluation, EvaluateError> {
    let (train, test) = split(values, horizon)?;
    let seasons = [season_length];
    let question = Question {
        seed,
        ..Question::new(train, &seasons, horizon)
    };
    let predictions = model.forecast(&question)?.mean;
    if predictions.len() != test.len() {
        return Err(EvaluateError::WrongLength {
            predictions: predictions.len(),
            horizon,
        });
    }
    if let Some(at) = predictions.iter().position(|value| !value.is_finite()) {
        return Err(EvaluateError::NotFinite {
            step: at + 1,
            value: predictions[at],
        });
    }
    Ok(Evaluation {
        scores: score(test, &predictions, train, season_length),
        actual: test.to_vec(),
        predictions,
    })
}

/// A model could not be judged on a series.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The series cannot be cut.
    #[error(transparent)]
    Split(#[from] SplitError),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::{Naive, Prediction};

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
        let evaluation =
            evaluate(&Naive, &[1.0, 2.0, 3.0, 9.0, 9.0], 1, 2, Seed(0)).expect("long enough");
        assert_eq!(evaluation.predictions, [3.0, 3.0]);
        assert_eq!(evaluation.actual, [9.0, 9.0]);
        assert_eq!(evaluation.scores.mase, Some(6.0));
    }

    #[test]
    fn what_is_no_forecast_is_an_error_that_says_so() {
        let judge = |answer: &[f64]| {
            evaluate(&Parrot(answer.to_vec()), &[1.0, 2.0, 3.0], 1, 2, Seed(0))
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
        let error = evaluate(&Naive, &[1.0, 2.0], 1, 2, Seed(0)).expect_err("nothing to train on");
        assert!(matches!(error, EvaluateError::Split(_)), "{error}");
    }
}
