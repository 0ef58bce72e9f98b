//! Whether a series has a season, and its removal: the step before the M4 benchmarks.
//!
//! The test is that of the competition's organisers (their published R code; it goes back to the Theta
//! method's authors): a series of n values has a season of m if n >= 3m and its autocorrelation at lag
//! m stands out, |r(m)| > 1.645 sqrt((1 + 2 (r(1)^2 + ... + r(m-1)^2)) / n), the 90 % limit by
//! Bartlett's formula. The removal is the classical multiplicative decomposition, as in R's
//! `decompose`: a centred moving average over one season is the trend; the ratios to it, averaged by
//! place in the season and scaled to a mean of 1, are the seasonal indices.
//!
//! Two differences from their R code, neither of which touches a series of the competition. R's `acf`
//! stops at lag 10 log10(n), which turns the test off for long seasons in short series; here the formula
//! holds at every lag. And where an index is not a positive number (series that reach zero or below can
//! make it so), a ratio to the trend means nothing: R divides all the same, here the series counts as
//! not seasonal.

use super::models::{Prediction, power_of_two_scale};

/// A series without its season, and the season to put back.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjusted {
    values: Vec<f64>,
    /// One a place in the season, all positive, with mean 1; empty where there is no season.
    indices: Vec<f64>,
}

impl Adjusted {
    /// The seasonally adjusted series: the original divided by the index of each place; the original
    /// itself where there is no season.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The seasonal indices by place in the season, from the first value of the series; none where
    /// there is no season.
    pub fn indices(&self) -> &[f64] {
        &self.indices
    }

    /// Makes a prediction of the adjusted series one of the original, intervals included.
    pub(super) fn seasonal_again(&self, mut prediction: Prediction) -> Prediction {
        for line in prediction.lines_mut() {
            self.reseason(line);
        }
        prediction
    }

    /// Makes a forecast of the adjusted series one of the original: each step, the first being the one
    /// after the last value, is multiplied by the index of its place.
    pub fn reseason(&self, forecast: &mut [f64]) {
        if self.indices.is_empty() {
            return;
        }
        let places = (self.values.len() % self.indices.len())..;
        for (value, place) in forecast.iter_mut().zip(places) {
            *value *= self.indices[place % self.indices.len()];
        }
    }
}

/// Removes the season from `values` where [`is_seasonal`] finds one that can be removed.
pub fn adjust(values: &[f64], season_length: u32) -> Adjusted {
    let unchanged = || Adjusted {
        values: values.to_vec(),
        indices: Vec::new(),
    };
    if !is_seasonal(values, season_length) {
        return unchanged();
    }
    let Some(indices) = seasonal_indices(values, season_length as usize) else {
        return unchanged();
    };
    let adjusted: Vec<f64> = values
        .iter()
        .zip(indices.iter().cycle())
        .map(|(value, index)| value / index)
        .collect();
    if adjusted.iter().any(|value| !value.is_finite()) {
        return unchanged();
    }
    Adjusted {
        values: adjusted,
        indices,
    }
}

/// Whether the organisers' test finds a season of `season_length` in `values`. Never for a season of 1
/// or for a constant series.
pub fn is_seasonal(values: &[f64], season_length: u32) -> bool {
    let season = season_length as usize;
    let length = values.len();
    if season <= 1 || length / 3 < season {
        return false;
    }
    // A constant's autocorrelations are rounding errors over rounding errors.
    if values.iter().all(|value| *value == values[0]) {
        return false;
    }
    let scale = power_of_two_scale(values);
    let mean = values.iter().map(|v| v * scale).sum::<f64>() / length as f64;
    let centred: Vec<f64> = values.iter().map(|v| v * scale - mean).collect();
    let product = |lag: usize| -> f64 {
        centred
            .iter()
            .zip(&centred[lag..])
            .map(|(a, b)| a * b)
            .sum()
    };
    let variance = product(0);
    let below: f64 = (1..season)
        .map(|lag| {
            let r = product(lag) / variance;
            r * r
        })
        .sum();
    let limit = 1.645 * libm::sqrt((1.0 + 2.0 * below) / length as f64);
    // A NaN is no evidence: the comparison is then false.
    (product(season) / variance).abs() > limit
}

/// The seasonal indices of the classical multiplicative decomposition, one a place in the season, or
/// `None` where one is not a positive number. Needs at least two seasons.
pub(super) fn seasonal_indices(values: &[f64], season: usize) -> Option<Vec<f64>> {
    let scale = power_of_two_scale(values);
    let scaled: Vec<f64> = values.iter().map(|v| v * scale).collect();
    let figure = seasonal_figure(&scaled, season, |value, trend| value / trend);
    let mean = figure.iter().sum::<f64>() / season as f64;
    let indices: Vec<f64> = figure.iter().map(|index| index / mean).collect();
    indices
        .iter()
        .all(|index| index.is_finite() && *index > 0.0)
        .then_some(indices)
}

/// The seasonal differences of the classical additive decomposition, one a place in the season, with mean
/// 0. Needs at least two seasons.
pub(super) fn seasonal_differences(values: &[f64], season: usize) -> Vec<f64> {
    let mut figure = seasonal_figure(values, season, |value, trend| value - trend);
    let mean = figure.iter().sum::<f64>() / season as f64;
    figure.iter_mut().for_each(|difference| *difference -= mean);
    figure
}

/// The mean, by place in the season, of what is left when `remove` takes the trend from each value; the
/// trend is the centred moving average over one season.
fn seasonal_figure(values: &[f64], season: usize, remove: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    // Of an even season the window has one value more, whose two ends count half.
    let half = season / 2;
    let mut sums = vec![0.0; season];
    let mut counts = vec![0u32; season];
    for centre in half..values.len().saturating_sub(half) {
        let window = &values[centre - half..=centre + half];
        let sum: f64 = if season.is_multiple_of(2) {
            let inner: f64 = window[1..season].iter().sum();
            0.5 * window[0] + inner + 0.5 * window[season]
        } else {
            window.iter().sum()
        };
        let left = remove(values[centre], sum / season as f64);
        // 0/0 says nothing about the place; R leaves it out of the mean too.
        if !left.is_nan() {
            sums[centre % season] += left;
            counts[centre % season] += 1;
        }
    }
    sums.iter()
        .zip(&counts)
        .map(|(sum, count)| sum / f64::from(*count))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Quarters around a level of 100, with known indices.
    fn quarterly(length: usize) -> Vec<f64> {
        let figure = [0.8, 1.1, 1.3, 0.8];
        (0..length).map(|t| 100.0 * figure[t % 4]).collect()
    }

    #[test]
    fn the_indices_of_a_pure_season_are_found() {
        for length in [20, 21, 22, 23, 40] {
            let adjusted = adjust(&quarterly(length), 4);
            for (index, known) in adjusted.indices().iter().zip([0.8, 1.1, 1.3, 0.8]) {
                assert!((index - known).abs() < 1e-14, "{length}: {index} {known}");
            }
            assert!(adjusted.values().iter().all(|v| (v - 100.0).abs() < 1e-11));
            // The forecast goes on where the series ends.
            let mut forecast = vec![100.0; 6];
            adjusted.reseason(&mut forecast);
            let expected = &quarterly(length + 6)[length..];
            assert!(
                forecast
                    .iter()
                    .zip(expected)
                    .all(|(f, e)| (f - e).abs() < 1e-11)
            );
        }
    }

    #[test]
    fn an_odd_season_is_found_too() {
        let values = [90.0, 120.0, 90.0].repeat(5);
        let adjusted = adjust(&values, 3);
        for (index, known) in adjusted.indices().iter().zip([0.9, 1.2, 0.9]) {
            assert!((index - known).abs() < 1e-14);
        }
    }

    #[test]
    fn the_test_needs_three_seasons_and_a_season_of_two() {
        // One high month a year stands out as early as may be.
        let high_month: Vec<f64> = (0..36)
            .map(|t| if t % 12 == 5 { 9.0 } else { 1.0 })
            .collect();
        assert!(is_seasonal(&high_month, 12));
        assert!(!is_seasonal(&high_month[..35], 12));
        assert!(!is_seasonal(&high_month, 1));
        assert!(!is_seasonal(&high_month, 0));
        assert!(!is_seasonal(&high_month, u32::MAX));
        assert!(!is_seasonal(&[], 4));
    }

    #[test]
    fn the_limit_is_that_of_the_formula() {
        // Of +1 and -1 in turn, r(k) = (-1)^k (n-k)/n: with n = 12, r(2) = 10/12, and the limit is
        // 1.645 sqrt((1 + 2 (11/12)^2) / 12) = 0.778. With n = 6 it is 1.04 against r(2) = 4/6.
        assert!(is_seasonal(&[1.0, -1.0].repeat(6), 2));
        assert!(!is_seasonal(&[1.0, -1.0].repeat(3), 2));
        // At lag 3 r is negative; the test takes its size: 9/12 against
        // 1.645 sqrt((1 + 2 ((11/12)^2 + (10/12)^2)) / 12) = 0.955.
        assert!(!is_seasonal(&[1.0, -1.0].repeat(6), 3));
    }

    #[test]
    fn what_has_no_ratio_to_its_trend_stays_as_it_is() {
        let same = |values: &[f64], season| {
            let adjusted = adjust(values, season);
            assert_eq!(adjusted.values(), values);
            assert!(adjusted.indices().is_empty());
        };
        same(&[0.1; 40], 4);
        same(&[0.0; 40], 4);
        // A place that is always zero has the index 0.
        same(&[0.0, 5.0, 9.0, 5.0].repeat(6), 4);
        same(&[1.0, -1.0].repeat(12), 2);
        same(&[-1.0, 0.0, 1.0, 0.0].repeat(6), 4);
    }

    #[test]
    fn zeros_here_and_there_do_no_harm() {
        let mut values = quarterly(40);
        values[7] = 0.0;
        let adjusted = adjust(&values, 4);
        assert_eq!(adjusted.indices().len(), 4);
        assert_eq!(adjusted.values()[7], 0.0);
    }

    #[test]
    fn the_unit_of_the_series_does_not_matter() {
        let indices = adjust(&quarterly(40), 4).indices;
        for unit in [1e-300, 1e300] {
            let values: Vec<f64> = quarterly(40).iter().map(|v| v * unit).collect();
            let other = adjust(&values, 4).indices;
            assert_eq!(other.len(), 4);
            assert!(
                indices
                    .iter()
                    .zip(&other)
                    .all(|(a, b)| (a - b).abs() < 1e-12)
            );
        }
    }

    proptest! {
        #[test]
        fn the_adjusted_series_times_its_indices_is_the_original(
            base in prop::collection::vec(50.0..150.0, 2..8),
            noise in prop::collection::vec(0.9..1.1, 8..80),
        ) {
            let season = base.len();
            let values: Vec<f64> =
                noise.iter().enumerate().map(|(t, n)| base[t % season] * n).collect();
            let adjusted = adjust(&values, season as u32);
            if adjusted.indices().is_empty() {
                prop_assert_eq!(adjusted.values(), &values[..]);
                return Ok(());
            }
            let mean = adjusted.indices().iter().sum::<f64>() / season as f64;
            prop_assert!((mean - 1.0).abs() < 1e-12);
            for (t, value) in values.iter().enumerate() {
                let back = adjusted.values()[t] * adjusted.indices()[t % season];
                prop_assert!((back - value).abs() <= 1e-14 * value.abs());
            }
        }

        #[test]
        fn any_finite_series_gives_finite_values_and_positive_indices(
            values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL, 0..40),
            season in 0u32..8,
        ) {
            let adjusted = adjust(&values, season);
            prop_assert_eq!(adjusted.values().len(), values.len());
            prop_assert!(adjusted.values().iter().all(|value| value.is_finite()));
            prop_assert!(adjusted.indices().iter().all(|index| *index > 0.0 && index.is_finite()));
        }
    }
}
