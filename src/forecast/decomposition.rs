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

use super::models::power_of_two_scale;

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
fn seasonal_indices(values: &[f64], season: usize) -> Option<Vec<f64>> {
    let scale = power_of_two_scale(values);
    let scaled: Vec<f64> = values.iter().map(|v| v * scale).collect();
    // Of an even season the window has one value more, whose two ends count half.
    let half = season / 2;
    let mut sums = vec![0.0; season];
    let mut counts = vec![0u32; season];
    for centre in half..scaled.len().saturating_sub(half) {
        let window = &scaled[centre - half..=centre + half];
        let sum: f64 = if season % 2 == 0 {
            let inner: f64 = window[1..season].iter().sum();
            0.5 * window[0] + inner + 0.5 * window[season]
        } else {
            window.iter().sum()
        };
        let ratio = scaled[centre] / (sum / season as f64);
        // 0/0 says nothing about the place; R leaves it out of the mean too.
        if !ratio.is_nan() {
            sums[centre % season] += ratio;
            counts[centre % season] += 1;
        }
    }
    let figure: Vec<f64> = sums
        .iter()
        .zip(&counts)
        .map(|(sum, count)| sum / f64::from(*count))
        .collect();
    let mean = figure.iter().sum::<f64>() / season as f64;
    let indices: Vec<f64> = figure.iter().map(|index| index / mean).collect();
    indices
        .iter()
        .all(|index| index.is_finite() && *index > 0.0)
        .then_some(indices)
}
