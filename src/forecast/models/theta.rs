//! The classic Theta method.
//!
//! V. Assimakopoulos and K. Nikolopoulos, "The theta model: a decomposition approach to forecasting",
//! International Journal of Forecasting 16 (2000): the winner of the M3 competition. The seasonally
//! adjusted series is split into two lines around its least-squares straight line: theta line 0 is that
//! line itself, theta line 2 has twice the deviations from it. The first is extended straight on, the
//! second by simple exponential smoothing, and the forecast is the mean of both. This is "Theta classic"
//! of the M4 organisers' benchmarks.
//!
//! They raise forecasts below zero to zero, their data being positive. Here that is done where no value
//! of the train part is negative; a series of temperatures may go below zero.

use super::intervals::accumulated;
use super::ses::smooth;
use super::{
    Model, ModelError, Prediction, Question, check_forecast, check_self_test, check_train,
    not_below_zero, power_of_two_scale,
};
use crate::forecast::decomposition::adjust;

/// The classic Theta method on the seasonally adjusted series, made seasonal again. Needs 2 values.
#[derive(Clone, Copy, Debug)]
pub struct Theta;

impl Model for Theta {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("theta", question, 2)?;
        let adjusted = adjust(question.train, question.season());
        let mut prediction = extend(adjusted.values(), question);
        not_below_zero(&mut prediction, question.train);
        check_forecast("theta", adjusted.seasonal_again(prediction))
    }

    fn self_test(&self) -> Result<(), ModelError> {
        // On a straight line both theta lines are the line. Smoothing then takes the greatest alpha,
        // 0.9999, whose level stays (1-alpha)/alpha behind; the forecast is half level, half line.
        let line: Vec<f64> = (1..=20).map(f64::from).collect();
        let got = self.forecast(&Question::new(&line, &[1], 2))?;
        let lag = 0.5 * 0.0001 / 0.9999;
        check_self_test("theta", got.mean, &[20.5 - lag, 21.0 - lag], 1e-9)
    }
}

/// The forecast of a series without a season, of at least 2 values.
///
/// It is that of simple exponential smoothing with half the slope as its drift, and so are its intervals
/// (R. J. Hyndman and B. Billah, "Unmasking the Theta method", International Journal of Forecasting 19,
/// 2003): the smoothed line has twice the deviations of the series, so half its sigma is that of the
/// series.
fn extend(values: &[f64], question: &Question<'_>) -> Prediction {
    let scale = power_of_two_scale(values);
    let scaled: Vec<f64> = values.iter().map(|v| v * scale).collect();
    let (first, slope) = straight_line(&scaled);
    let doubled: Vec<f64> = scaled
        .iter()
        .enumerate()
        .map(|(t, value)| 2.0 * value - (first + slope * t as f64))
        .collect();
    let smoothed = smooth(&doubled);
    let next = values.len() as f64;
    let mean: Vec<f64> = (0..question.horizon)
        .map(|step| 0.5 * (smoothed.level + (first + slope * (next + f64::from(step)))) / scale)
        .collect();
    Prediction::spread(question, mean, smoothed.sigma, |sigma| {
        accumulated(0.5 * sigma / scale, question.horizon, |_| smoothed.alpha)
    })
}

/// The least-squares line of at least 2 values: its value at the first of them, and its slope.
fn straight_line(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let middle = (count - 1.0) / 2.0;
    // Measured from the first value, so that a constant series has slope 0 exactly.
    let mean = values.iter().map(|v| v - values[0]).sum::<f64>() / count;
    let (mut products, mut squares) = (0.0, 0.0);
    for (t, value) in values.iter().enumerate() {
        let t = t as f64 - middle;
        products += t * (value - values[0] - mean);
        squares += t * t;
    }
    let slope = products / squares;
    (values[0] + mean - slope * middle, slope)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mean_of;
    use super::*;

    #[test]
    fn a_positive_series_is_not_forecast_below_zero() {
        let falling: Vec<f64> = (0..20).map(|t| f64::from(19 - t)).collect();
        let forecast = mean_of(&Theta, &falling, 1, 5).expect("long enough");
        assert!(forecast.iter().all(|value| *value == 0.0), "{forecast:?}");
    }

    #[test]
    fn a_series_with_negative_values_may_go_on_below_zero() {
        let falling: Vec<f64> = (0..20).map(|t| f64::from(10 - t)).collect();
        let forecast = mean_of(&Theta, &falling, 1, 5).expect("long enough");
        assert!(
            forecast.windows(2).all(|pair| pair[1] < pair[0]),
            "{forecast:?}"
        );
        assert!(forecast[0] < -9.0);
    }

    #[test]
    fn a_season_on_a_line_goes_on() {
        let values: Vec<f64> = (0..48)
            .map(|t| (100.0 + f64::from(t)) * [0.9, 1.1][t as usize % 2])
            .collect();
        let forecast = mean_of(&Theta, &values, 2, 2).expect("long enough");
        assert!(forecast[0] < 140.0 && forecast[1] > 150.0, "{forecast:?}");
    }

    proptest! {
        #[test]
        fn the_line_is_the_least_squares_line(
            values in prop::collection::vec(-1e3..1e3, 2..40),
            shift in -1.0..1.0,
            turn in -1.0..1.0,
        ) {
            let squares = |first: f64, slope: f64| -> f64 {
                let error = |(t, value): (usize, &f64)| value - (first + slope * t as f64);
                values.iter().enumerate().map(error).map(|e| e * e).sum()
            };
            let (first, slope) = straight_line(&values);
            let best = squares(first, slope);
            prop_assert!(best <= squares(first + shift, slope + turn) + 1e-9 * (1.0 + best));
        }

        #[test]
        fn forecasts_of_a_seasonless_series_lie_on_a_line_of_half_the_slope(
            values in prop::collection::vec(100.0..200.0, 3..40),
        ) {
            let (_, slope) = straight_line(&values);
            let forecast = extend(&values, &Question::new(&values, &[1], 6)).mean;
            for pair in forecast.windows(2) {
                prop_assert!((pair[1] - pair[0] - slope / 2.0).abs() < 1e-9);
            }
        }
    }
}
