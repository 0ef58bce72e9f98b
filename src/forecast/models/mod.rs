//! The models.
//!
//! A model is a function from a train part to predictions, without state: all it knows is in its
//! parameters. Each lives in a file of its own, with the paper or the book it follows. What they share is
//! here: the trait, the error, and the checks that every model makes before it starts.

mod naive;
mod ses;
mod theta;

pub use naive::{Drift, Naive, Naive2, SeasonalNaive};
pub use ses::Ses;
pub use theta::Theta;

use crate::ids::Seed;

/// A forecasting model with its parameters.
pub trait Model {
    /// The `horizon` values that follow `train`, all finite.
    ///
    /// `season_length` is the number of observations in a season, 1 for none. `seed` seeds whatever is
    /// random in the model; most have nothing random.
    ///
    /// # Errors
    ///
    /// [`ModelError`] where the train part is too short for the model, holds a value that is not finite,
    /// or leads beyond the range of numbers.
    fn forecast(
        &self,
        train: &[f64],
        season_length: u32,
        horizon: u32,
        seed: Seed,
    ) -> Result<Vec<f64>, ModelError>;

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
    train: &[f64],
    season_length: u32,
    needed: usize,
) -> Result<(), ModelError> {
    if season_length == 0 {
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

/// The last check of every model: a forecast beyond the range of numbers is an error.
fn check_forecast(model: &'static str, forecast: Vec<f64>) -> Result<Vec<f64>, ModelError> {
    match forecast.iter().position(|value| !value.is_finite()) {
        None => Ok(forecast),
        Some(at) => Err(ModelError::OutOfRange {
            model,
            step: at + 1,
        }),
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
    let largest = values
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 || (1e-100..1e100).contains(&largest) {
        return 1.0;
    }
    let (_, exponent) = libm::frexp(largest);
    // Twice the scale of the smallest subnormal would itself be infinite.
    libm::scalbn(1.0, (-exponent).min(1000))
}
