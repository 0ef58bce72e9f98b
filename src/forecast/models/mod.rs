//! The models.
//!
//! A model is a function from a [`Question`] to a [`Prediction`], without state: all it knows is in its
//! parameters. Each lives in a file of its own, with the paper or the book it follows. What they share is
//! here: the trait, the error, and the checks that every model makes before it starts.

mod ets;
mod holt;
mod intervals;
mod mstl;
mod naive;
mod ses;
mod theta;

pub use ets::{Criterion, ErrorKind, Ets, Season, Trend};
pub use holt::{Comb, Damped, Holt, Slope};
pub use intervals::Interval;
pub use mstl::{Mstl, Transform};
pub use naive::{Drift, Naive, Naive2, SeasonalNaive};
pub use ses::Ses;
pub use theta::Theta;

use serde::{Deserialize, Serialize};

use crate::ids::Seed;

/// What a model is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The values to learn from, oldest first.
    pub train: &'a [f64],
    /// Observations in each season, the first being the one that models of a single season use; 1, or an
    /// empty list, for none.
    pub seasons: &'a [u32],
    /// Steps to forecast.
    pub horizon: u32,
    /// The probabilities, in per cent, of the prediction intervals that are wanted; each between 0 and
    /// 100, both excluded.
    pub levels: &'a [f64],
    /// Seeds whatever is random in the model; most have nothing random.
    pub seed: Seed,
}

impl<'a> Question<'a> {
    /// The question for a forecast alone, without intervals, and with seed 0.
    pub fn new(train: &'a [f64], seasons: &'a [u32], horizon: u32) -> Question<'a> {
        Question {
            train,
            seasons,
            horizon,
            levels: &[],
            seed: Seed(0),
        }
    }

    /// The season of models that know a single one.
    pub fn season(&self) -> u32 {
        self.seasons.first().copied().unwrap_or(1)
    }
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The forecast, one value a step, all finite.
    pub mean: Vec<f64>,
    /// One a level of the question, in its order; none where the model has no intervals, or the series
    /// is too short to tell them.
    pub intervals: Vec<Interval>,
    /// What was fitted, where the model has something to tell.
    pub fitted: Option<Fitted>,
}

impl Prediction {
    /// A forecast alone.
    pub(super) fn of(mean: Vec<f64>) -> Prediction {
        Prediction {
            mean,
            intervals: Vec::new(),
            fitted: None,
        }
    }

    /// A forecast with the intervals of its errors, where any are asked for and `sigma`, the standard
    /// deviation of a step, is known: `deviations` makes of it those of all steps.
    fn spread(
        question: &Question<'_>,
        mean: Vec<f64>,
        sigma: Option<f64>,
        deviations: impl FnOnce(f64) -> Vec<f64>,
    ) -> Prediction {
        let intervals = match sigma {
            Some(sigma) if !question.levels.is_empty() => {
                intervals::normal(&mean, &deviations(sigma), question.levels)
            }
            _ => Vec::new(),
        };
        Prediction {
            intervals,
            ..Prediction::of(mean)
        }
    }

    /// The forecast and all ends of intervals, for what is done to each alike.
    pub(super) fn lines_mut(&mut self) -> impl Iterator<Item = &mut Vec<f64>> {
        let ends = self
            .intervals
            .iter_mut()
            .flat_map(|interval| [&mut interval.lower, &mut interval.upper]);
        std::iter::once(&mut self.mean).chain(ends)
    }
}

/// What a model found in a series: its form and parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The form that was chosen, where there is a choice, such as `MAdM`.
    pub form: Option<String>,
    /// The logarithm of the likelihood, where the model has one, without the constant
    /// -n/2 (1 + log(2 pi / n)), as R's `ets` gives it.
    pub log_likelihood: Option<f64>,
    /// The corrected information criterion of Akaike, by which forms are chosen.
    pub aicc: Option<f64>,
    /// The parameters by name.
    pub parameters: Vec<(String, f64)>,
}

/// A forecasting model with its parameters.
pub trait Model {
    /// The forecast of the `horizon` values that follow the train part.
    ///
    /// # Errors
    ///
    /// [`ModelError`] where the train part is too short for the model, holds a value that is not finite
    /// or of which the model can make nothing, or leads beyond the range of numbers.
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError>;

    /// Forecasts a tiny fixed series and compares with the known answer. A worker does this before it
    /// trusts the model it has built.
    ///
    /// # Errors
    ///
    /// [`ModelError::SelfTest`] where the answer is another.
    fn self_test(&self) -> Result<(), ModelError>;
}

/// A model cannot forecast a series.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The train part has too few values.
    #[error("`{model}` needs at least {needed} values to train on, the series has {length}")]
    TooShort {
        /// The name of the model.
        model: &'static str,
        /// The fewest values it can do with, at this season length.
        needed: usize,
        /// The values that there are.
        length: usize,
    },
    /// A season of no observations.
    #[error("the season length is 0; it is 1 where there is no season")]
    NoSeason,
    /// The train part holds NaN or an infinity.
    #[error("value {position} of the series is {value}, which is not a finite number")]
    BadValue {
        /// From 1.
        position: usize,
        /// NaN or an infinity.
        value: f64,
    },
    /// A form that multiplies meets a value that is zero or negative.
    #[error("`{model}` needs positive values for a form that multiplies, the series has others")]
    NotPositive {
        /// The name of the model.
        model: &'static str,
    },
    /// A season has more observations than the model can estimate states for.
    #[error("`{model}` takes seasons of at most {longest} observations, this one has {season}")]
    SeasonTooLong {
        /// The name of the model.
        model: &'static str,
        /// Observations in the season.
        season: u32,
        /// The most that it takes.
        longest: u32,
    },
    /// No start of the search gives the model a finite error.
    #[error("`{model}` cannot be fitted: its errors are beyond the range of numbers")]
    NoFit {
        /// The name of the model.
        model: &'static str,
    },
    /// The forecast leaves the range of `f64`.
    #[error("the forecast of `{model}` at step {step} is beyond the range of numbers")]
    OutOfRange {
        /// The name of the model.
        model: &'static str,
        /// From 1.
        step: usize,
    },
    /// The model does not give the known answer: it was built wrong, or the machine computes wrong.
    #[error("the self-test of `{model}` gave {got:?} instead of {expected:?}")]
    SelfTest {
        /// The name of the model.
        model: &'static str,
        /// What it forecast.
        got: Vec<f64>,
        /// The known answer.
        expected: Vec<f64>,
    },
}

/// Checks what every model needs: a season, `needed` values (at least 1), all finite.
fn check_train(
    model: &'static str,
    question: &Question<'_>,
    needed: usize,
) -> Result<(), ModelError> {
    let train = question.train;
    if question.seasons.contains(&0) {
        return Err(ModelError::NoSeason);
    }
    if train.len() < needed.max(1) {
        return Err(ModelError::TooShort {
            model,
            needed: needed.max(1),
            length: train.len(),
        });
    }
    match train.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(ModelError::BadValue {
            position: at + 1,
            value: train[at],
        }),
    }
}

/// The last check of every model: a forecast beyond the range of numbers is an error, and intervals that
/// reach there are none.
fn check_forecast(
    model: &'static str,
    mut prediction: Prediction,
) -> Result<Prediction, ModelError> {
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    let told = |interval: &Interval| finite(&interval.lower) && finite(&interval.upper);
    if !prediction.intervals.iter().all(told) {
        prediction.intervals = Vec::new();
    }
    match prediction.mean.iter().position(|value| !value.is_finite()) {
        None => Ok(prediction),
        Some(at) => Err(ModelError::OutOfRange {
            model,
            step: at + 1,
        }),
    }
}

/// The prediction for a train part of one value only: that value, and no error was ever seen. `None` for
/// other train parts.
fn constant(question: &Question<'_>) -> Option<Prediction> {
    let first = *question.train.first()?;
    if question.train.iter().any(|value| *value != first) {
        return None;
    }
    let steps = question.horizon as usize;
    let mean = vec![first; steps];
    Some(Prediction::spread(question, mean, Some(0.0), |zero| {
        vec![zero; steps]
    }))
}

/// A power of two by which the largest value comes to lie between 1/2 and 1 (or as near as two powers
/// allow), so that a search takes the same steps whatever the unit.
fn unit_scale(values: &[f64]) -> f64 {
    let (_, exponent) = libm::frexp(largest(values));
    // Twice the scale of the smallest subnormal would itself be infinite.
    libm::scalbn(1.0, (-exponent).min(1000))
}

/// The largest size of the values, 0 where there is none.
fn largest(values: &[f64]) -> f64 {
    let larger = |largest: f64, value: &f64| largest.max(value.abs());
    values.iter().fold(0.0, larger)
}

/// Raises what lies below zero to zero where no value of the train part is negative: the organisers of
/// the M4 competition do so with their benchmarks, whose data is positive; a series of temperatures may
/// go below.
fn not_below_zero(prediction: &mut Prediction, train: &[f64]) {
    if train.iter().any(|value| *value < 0.0) {
        return;
    }
    for value in prediction.lines_mut().flatten() {
        *value = value.max(0.0);
    }
}

/// Compares the answer of a self-test with the known one, to a relative `tolerance`.
fn check_self_test(
    model: &'static str,
    got: Vec<f64>,
    expected: &[f64],
    tolerance: f64,
) -> Result<(), ModelError> {
    let near = |(got, expected): (&f64, &f64)| (got - expected).abs() <= tolerance * expected.abs();
    if got.len() == expected.len() && got.iter().zip(expected).all(near) {
        return Ok(());
    }
    Err(ModelError::SelfTest {
        model,
        got,
        expected: expected.to_vec(),
    })
}

/// A power of two that brings the values near 1 if their squares would leave the range of `f64`, and 1
/// for all ordinary values. A product with it loses no bit, so nothing ordinary changes.
pub(super) fn power_of_two_scale(values: &[f64]) -> f64 {
    match (1e-100..1e100).contains(&largest(values)) {
        true => 1.0,
        false => unit_scale(values),
    }
}

/// Millions of passengers of Australian airlines a year, 1990 to 2016: an example of R. J. Hyndman and
/// G. Athanasopoulos, "Forecasting: Principles and Practice", 2nd edition, section 7.2.
#[cfg(test)]
const AIR: [f64; 27] = [
    17.55, 21.86, 23.89, 26.93, 26.89, 28.83, 30.08, 30.95, 30.19, 31.58, 32.58, 33.48, 39.02,
    41.39, 41.60, 44.66, 46.95, 48.73, 51.49, 50.03, 60.64, 63.36, 66.36, 68.20, 68.12, 69.78,
    72.60,
];

/// The forecast without all else, for tests.
#[cfg(test)]
fn mean_of(
    model: &dyn Model,
    train: &[f64],
    season: u32,
    horizon: u32,
) -> Result<Vec<f64>, ModelError> {
    model
        .forecast(&Question::new(train, &[season], horizon))
        .map(|prediction| prediction.mean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forecast::ModelConfig;

    fn models() -> impl Iterator<Item = (&'static str, Box<dyn Model>)> {
        ModelConfig::NAMES.iter().map(|name| {
            let config = ModelConfig::from_parameters(name, &[]).expect("a listed name");
            (*name, config.build())
        })
    }

    #[test]
    fn a_constant_goes_on_exactly() {
        for (name, model) in models() {
            for value in [0.0, 0.1, -7.3, 1e300, 1e-310, f64::MAX] {
                for season in [1, 4] {
                    let forecast = mean_of(model.as_ref(), &[value; 30], season, 3);
                    assert_eq!(forecast, Ok(vec![value; 3]), "{name}, season {season}");
                }
            }
        }
    }

    #[test]
    fn a_short_series_is_forecast_or_refused_by_name() {
        let refusal = |model: &'static str, needed, length| {
            Err(ModelError::TooShort {
                model,
                needed,
                length,
            })
        };
        for (name, model) in models() {
            let needed = match name {
                "drift" | "theta" | "holt" | "damped" | "comb" => 2,
                "ets" | "mstl" => 5,
                _ => 1,
            };
            for length in 0..needed {
                let train = vec![5.0; length];
                assert_eq!(
                    mean_of(model.as_ref(), &train, 1, 1),
                    refusal(name, needed, length)
                );
            }
            let enough = vec![5.0; needed];
            let forecast = mean_of(model.as_ref(), &enough, 1, 2);
            assert_eq!(forecast, Ok(vec![5.0; 2]), "{name}");
            let less_than_a_season = mean_of(model.as_ref(), &[5.0; 5], 6, 2);
            match name {
                "seasonal-naive" => assert_eq!(less_than_a_season, refusal(name, 6, 5)),
                _ => assert_eq!(less_than_a_season, Ok(vec![5.0; 2]), "{name}"),
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_are_refused_with_their_place() {
        for (name, model) in models() {
            let error = mean_of(model.as_ref(), &[1.0, 2.0, f64::NAN, 4.0, 5.0], 1, 1);
            let error = error.expect_err(name).to_string();
            assert_eq!(
                error,
                "value 3 of the series is NaN, which is not a finite number"
            );
            assert!(mean_of(model.as_ref(), &[1.0, f64::INFINITY], 1, 1).is_err());
            assert_eq!(
                mean_of(model.as_ref(), &[1.0, 2.0], 0, 1),
                Err(ModelError::NoSeason),
                "{name}"
            );
        }
    }

    #[test]
    fn a_forecast_beyond_the_range_of_numbers_is_an_error() {
        let drift = ModelConfig::Drift.build();
        assert_eq!(
            mean_of(drift.as_ref(), &[0.0, f64::MAX], 1, 2),
            Err(ModelError::OutOfRange {
                model: "drift",
                step: 1
            })
        );
    }

    #[test]
    fn a_failed_self_test_shows_both_answers() {
        assert_eq!(check_self_test("naive", vec![1.0], &[1.0], 0.0), Ok(()));
        for wrong in [vec![1.1], vec![], vec![1.0, 1.0], vec![f64::NAN]] {
            let error = check_self_test("naive", wrong, &[1.0], 1e-3).expect_err("another answer");
            assert!(error.to_string().ends_with("instead of [1.0]"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_finite_series_has_a_finite_forecast_or_a_reason(
            train in prop::collection::vec(
                prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
                0..40,
            ),
            season in 0u32..10,
            horizon in 0u32..10,
        ) {
            for (name, model) in models() {
                if let Ok(forecast) = mean_of(model.as_ref(), &train, season, horizon) {
                    prop_assert_eq!(forecast.len(), horizon as usize, "{}", name);
                    prop_assert!(forecast.iter().all(|value| value.is_finite()), "{}", name);
                }
            }
        }

        #[test]
        fn every_ordinary_series_has_a_forecast_that_scales_with_it(
            train in prop::collection::vec(1.0..1e6, 12..60),
            season in 1u32..6,
        ) {
            for (name, model) in models() {
                let forecast = mean_of(model.as_ref(), &train, season, 5).expect(name);
                let double: Vec<f64> = train.iter().map(|value| value * 2.0).collect();
                let of_double = mean_of(model.as_ref(), &double, season, 5).expect(name);
                for (one, two) in forecast.iter().zip(&of_double) {
                    prop_assert_eq!(one * 2.0, *two, "{}", name);
                }
            }
        }
    }
}
