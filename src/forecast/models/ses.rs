//! Simple exponential smoothing.
//!
//! The level follows the series, l(t) = l(t-1) + alpha (y(t) - l(t-1)), and its last value is the
//! forecast of every step. As R's `forecast::ses` does, alpha (from 0.0001 to 0.9999) and the first
//! level l(0) are those with the least mean squared one-step error (R. J. Hyndman, A. B. Koehler,
//! J. K. Ord, R. D. Snyder, "Forecasting with Exponential Smoothing", 2008). The errors are linear in
//! l(0), so for a given alpha the best l(0) has a closed form, and only alpha is searched: a grid first,
//! since the error may have several valleys in alpha, then golden section in the best valley. R searches
//! both with Nelder and Mead's simplex from one start, and may stop in a lesser valley.

use super::intervals::accumulated;
use super::{
    Model, ModelError, Prediction, Question, check_forecast, check_self_test, check_train,
    power_of_two_scale,
};
use crate::forecast::decomposition::adjust;

/// Simple exponential smoothing of the seasonally adjusted series, made seasonal again. Needs 1 value.
#[derive(Clone, Copy, Debug)]
pub struct Ses;

impl Model for Ses {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("ses", question, 1)?;
        let adjusted = adjust(question.train, question.season());
        let smoothed = smooth(adjusted.values());
        let mean = vec![smoothed.level; question.horizon as usize];
        let prediction = Prediction::spread(question, mean, smoothed.sigma, |sigma| {
            accumulated(sigma, question.horizon, |_| smoothed.alpha)
        });
        check_forecast("ses", adjusted.seasonal_again(prediction))
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&OIL, &[1], 2))?;
        check_self_test("ses", got.mean, &[542.68, 542.68], 2e-5)
    }
}

/// Annual oil production of Saudi Arabia in millions of tonnes, 1996 to 2013: the example of
/// R. J. Hyndman and G. Athanasopoulos, "Forecasting: Principles and Practice", 2nd edition, section
/// 7.1, where R's `ses` finds alpha 0.834, l(0) 446.6 and the forecast 542.68.
const OIL: [f64; 18] = [
    445.36, 453.20, 454.41, 422.38, 456.04, 440.39, 425.19, 486.21, 500.43, 521.28, 508.95, 488.89,
    509.87, 456.72, 473.82, 525.95, 549.83, 542.34,
];

const LEAST_ALPHA: f64 = 0.0001;
const GREATEST_ALPHA: f64 = 0.9999;
/// Points of the grid over alpha, its ends included.
const GRID: u32 = 21;
/// Golden sections after the grid; they narrow alpha to 1e-7.
const SECTIONS: u32 = 28;

/// What the best fit to a series found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Smoothed {
    /// The share of each error that the level follows.
    pub alpha: f64,
    /// The level after the last value: the forecast.
    pub level: f64,
    /// The standard deviation of the one-step errors; `None` for fewer than three values.
    pub sigma: Option<f64>,
}

/// The best fit to a non-empty series.
pub(super) fn smooth(values: &[f64]) -> Smoothed {
    let first = values[0];
    let scale = power_of_two_scale(values);
    // From the first value on: a constant series becomes zeros, whose fit is exact.
    let shifted: Vec<f64> = values.iter().map(|v| v * scale - first * scale).collect();
    let fit = best_fit(&shifted);
    // Two of the errors are spent on alpha and the first level.
    let free = values.len().checked_sub(2).filter(|free| *free > 0);
    Smoothed {
        alpha: fit.alpha,
        level: (fit.level + first * scale) / scale,
        sigma: free.map(|free| libm::sqrt(fit.error / free as f64) / scale),
    }
}

/// The smoothing of a series with one alpha and the best first level for it.
#[derive(Clone, Copy, Debug)]
struct Fit {
    alpha: f64,
    /// The sum of squared one-step errors.
    error: f64,
    /// The level before the first value.
    #[cfg_attr(not(test), expect(dead_code, reason = "known answers give it"))]
    first_level: f64,
    /// The level after the last value.
    level: f64,
}

/// The fit with the least error over all alphas.
fn best_fit(values: &[f64]) -> Fit {
    let grid_alpha = |i: u32| {
        LEAST_ALPHA + (GREATEST_ALPHA - LEAST_ALPHA) * (f64::from(i) / f64::from(GRID - 1))
    };
    let mut best = fit(values, LEAST_ALPHA);
    let mut valley = 0;
    for i in 1..GRID {
        let here = fit(values, grid_alpha(i));
        if here.error < best.error {
            (best, valley) = (here, i);
        }
    }
    let inverse_golden = (libm::sqrt(5.0) - 1.0) / 2.0;
    let mut low = grid_alpha(valley.saturating_sub(1));
    let mut high = grid_alpha((valley + 1).min(GRID - 1));
    let mut left = fit(values, high - inverse_golden * (high - low));
    let mut right = fit(values, low + inverse_golden * (high - low));
    for _ in 0..SECTIONS {
        if left.error <= right.error {
            high = right.alpha;
            right = left;
            left = fit(values, high - inverse_golden * (high - low));
        } else {
            low = left.alpha;
            left = right;
            right = fit(values, low + inverse_golden * (high - low));
        }
    }
    // The grid's own point stays where it is as good: the ends of the range are such points.
    [left, right].into_iter().fold(
        best,
        |best, fit| if fit.error < best.error { fit } else { best },
    )
}

/// Smooths with a given alpha. With l(0) = 0 the errors are e(t); with any other they are
/// e(t) - w(t) l(0), where w(t) = (1-alpha)^(t-1); least squares gives l(0).
fn fit(values: &[f64], alpha: f64) -> Fit {
    let (mut level, mut weight) = (0.0, 1.0);
    let (mut error_error, mut error_weight, mut weight_weight) = (0.0, 0.0, 0.0);
    for value in values {
        let error = value - level;
        error_error += error * error;
        error_weight += error * weight;
        weight_weight += weight * weight;
        level += alpha * error;
        weight *= 1.0 - alpha;
    }
    let first_level = error_weight / weight_weight;
    Fit {
        alpha,
        // Below zero by rounding alone.
        error: (error_error - error_weight * first_level).max(0.0),
        first_level,
        level: level + weight * first_level,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_the_book_on_oil() {
        let fit = best_fit(&OIL);
        assert!((fit.alpha - 0.834).abs() < 5e-4, "{fit:?}");
        assert!((fit.first_level - 446.6).abs() < 0.05, "{fit:?}");
        assert!((fit.level - 542.68).abs() < 5e-3, "{fit:?}");
    }

    #[test]
    fn a_level_with_noise_is_averaged_and_a_walk_followed() {
        let noise: Vec<f64> = (0..60)
            .map(|t| if t % 2 == 0 { 9.0 } else { 11.0 })
            .collect();
        let fit = best_fit(&noise);
        assert_eq!(fit.alpha, LEAST_ALPHA);
        assert!((fit.level - 10.0).abs() < 0.02);
        let line: Vec<f64> = (0..60).map(f64::from).collect();
        assert_eq!(best_fit(&line).alpha, GREATEST_ALPHA);
    }

    proptest! {
        #[test]
        fn the_closed_form_is_the_smoothing_it_stands_for(
            values in prop::collection::vec(-100.0..100.0, 1..40),
            alpha in LEAST_ALPHA..GREATEST_ALPHA,
            other in -100.0..100.0,
        ) {
            let smooth = |first_level: f64| {
                let (mut level, mut squares) = (first_level, 0.0);
                for value in &values {
                    let error = value - level;
                    squares += error * error;
                    level += alpha * error;
                }
                (squares, level)
            };
            let fit = fit(&values, alpha);
            let (squares, level) = smooth(fit.first_level);
            prop_assert!((fit.error - squares).abs() <= 1e-9 * (1.0 + squares));
            prop_assert!((fit.level - level).abs() <= 1e-9 * (1.0 + level.abs()));
            // No other first level is better.
            prop_assert!(squares <= smooth(other).0 + 1e-9 * (1.0 + squares));
        }

        #[test]
        fn no_alpha_of_a_fine_grid_is_better(values in prop::collection::vec(0.0..100.0, 2..30)) {
            let best = best_fit(&values);
            for i in 0..=500 {
                let alpha = LEAST_ALPHA + (GREATEST_ALPHA - LEAST_ALPHA) * f64::from(i) / 500.0;
                let here = fit(&values, alpha);
                // A valley narrower than the grid may be missed, if it is as shallow as this.
                prop_assert!(best.error <= here.error * 1.02 + 1e-9, "{:?} {:?}", best, here);
            }
        }

        #[test]
        fn the_level_lies_within_the_series(values in prop::collection::vec(-1e3..1e3, 1..40)) {
            let level = smooth(&values).level;
            let low = values.iter().copied().fold(f64::MAX, f64::min);
            let high = values.iter().copied().fold(f64::MIN, f64::max);
            prop_assert!((low - 1e-9..=high + 1e-9).contains(&level));
        }
    }
}
