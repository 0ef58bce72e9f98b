//! The recursion of exponential smoothing, its errors, and their derivatives.
//!
//! All forms share one recursion (Hyndman, Koehler, Ord and Snyder 2008, chapter 2; R's `ets` writes it
//! the same way). With q = l + phi b, the one-step forecast f is q, q + s or q s, and with the error u of
//! the level (y - q, y - s - q or y/s - q) the states move on by
//!
//! ```text
//! l <- q + alpha u        b <- phi b + beta u        s <- s + gamma (y - s - q), or (y/q - s)
//! ```
//!
//! A form without a trend is the one whose slope is 0 and stays so, one whose trend is not damped has phi
//! = 1: what a form leaves out is a parameter that does not take part in the search. The kind of the
//! error changes nothing of that, only what is minimised: the errors e = y - f, or the relative errors e/f
//! times the geometric mean of all f, for that product has its least sum of squares where the likelihood
//! has its maximum. So in both cases the likelihood is found by least squares, and -2 log L is
//! n log(sum) up to a constant.
//!
//! The parameters that are searched are alpha, beta/min(alpha, limit), gamma/(1-alpha), phi and the first
//! states; so the usual region, beta below alpha and gamma below 1 - alpha, is a box.

use super::form::Season;
use crate::forecast::least_squares::{Normal, Residuals};

/// Places of the parameters; from [`FIRST_SEASONAL`] on the first seasonal states but the last.
pub(super) const ALPHA: usize = 0;
/// beta / min(alpha, limit).
pub(super) const BETA_SHARE: usize = 1;
/// gamma / (1 - alpha).
pub(super) const GAMMA_SHARE: usize = 2;
pub(super) const PHI: usize = 3;
pub(super) const LEVEL: usize = 4;
pub(super) const SLOPE: usize = 5;
pub(super) const FIRST_SEASONAL: usize = 6;

/// A series under one recursion and one kind of error.
pub(super) struct Smoothing<'a> {
    pub values: &'a [f64],
    /// Observations in a season; 1 without one.
    pub season_length: usize,
    pub season: Season,
    /// Whether errors are relative to the forecast.
    pub relative: bool,
    /// The most that beta may be, besides alpha.
    pub beta_limit: f64,
}

/// The states after a value.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub level: f64,
    pub slope: f64,
    /// By place in the season, that of the next value first; empty without a season.
    pub seasonal: Vec<f64>,
}

const NONE: u8 = 0;
const ADDITIVE: u8 = 1;
const MULTIPLICATIVE: u8 = 2;

/// A product of many positive factors, kept in range: its logarithm is asked for once.
struct Product {
    mantissa: f64,
    logarithm: f64,
}

impl Product {
    fn new() -> Product {
        Product {
            mantissa: 1.0,
            logarithm: 0.0,
        }
    }

    fn multiply(&mut self, factor: f64) {
        self.mantissa *= factor;
        if !(1e-100..1e100).contains(&self.mantissa) {
            self.logarithm += libm::log(self.mantissa);
            self.mantissa = 1.0;
        }
    }

    fn logarithm(&self) -> f64 {
        self.logarithm + libm::log(self.mantissa)
    }
}

impl Smoothing<'_> {
    /// What an error changes of the slope.
    pub fn beta<const D: usize>(&self, at: &[f64; D]) -> f64 {
        at[ALPHA].min(self.beta_limit) * at[BETA_SHARE]
    }

    /// What an error changes of the season.
    pub fn gamma<const D: usize>(&self, at: &[f64; D]) -> f64 {
        (1.0 - at[ALPHA]) * at[GAMMA_SHARE]
    }

    /// The first seasonal states, of which the last follows from the others: they add up to nothing, or
    /// to the season's length.
    pub fn first_seasonal<const D: usize>(&self, at: &[f64; D]) -> Vec<f64> {
        let total = match self.season {
            Season::None => return Vec::new(),
            Season::Additive => 0.0,
            Season::Multiplicative => self.season_length as f64,
        };
        let mut seasonal = at[FIRST_SEASONAL..FIRST_SEASONAL + self.season_length - 1].to_vec();
        let last = total - seasonal.iter().sum::<f64>();
        seasonal.push(last);
        seasonal
    }

    /// Walks through the series; `None` where a form that needs positive forecasts has another one.
    fn walk<const D: usize, const SEASON: u8, const RELATIVE: bool>(
        &self,
        at: &[f64; D],
        mut each: impl FnMut(f64, f64),
    ) -> Option<State> {
        let alpha = at[ALPHA];
        let beta = self.beta(at);
        let gamma = self.gamma(at);
        let phi = at[PHI];
        let (mut level, mut slope) = (at[LEVEL], at[SLOPE]);
        let mut seasonal = self.first_seasonal(at);
        let mut place = 0;
        for &value in self.values {
            let fading = phi * slope;
            let ahead = level + fading;
            let (forecast, error) = match SEASON {
                NONE => (ahead, value - ahead),
                ADDITIVE => {
                    let season = seasonal[place];
                    (ahead + season, value - season - ahead)
                }
                _ => {
                    let season = seasonal[place];
                    if season <= 0.0 || ahead <= 0.0 {
                        return None;
                    }
                    (ahead * season, value / season - ahead)
                }
            };
            if RELATIVE && forecast <= 0.0 {
                return None;
            }
            match SEASON {
                NONE => {}
                ADDITIVE => seasonal[place] += gamma * error,
                _ => seasonal[place] += gamma * (value / ahead - seasonal[place]),
            }
            level = ahead + alpha * error;
            slope = fading + beta * error;
            if SEASON != NONE {
                place += 1;
                if place == self.season_length {
                    place = 0;
                }
            }
            each(value, forecast);
        }
        seasonal.rotate_left(place);
        Some(State {
            level,
            slope,
            seasonal,
        })
    }

    fn sum_of<const D: usize, const SEASON: u8>(&self, at: &[f64; D]) -> Option<f64> {
        let mut squares = 0.0;
        let sum = if self.relative {
            let mut product = Product::new();
            self.walk::<D, SEASON, true>(at, |value, forecast| {
                let error = value / forecast - 1.0;
                squares += error * error;
                product.multiply(forecast);
            })?;
            squares * libm::exp(2.0 * product.logarithm() / self.values.len() as f64)
        } else {
            self.walk::<D, SEASON, false>(at, |value, forecast| {
                let error = value - forecast;
                squares += error * error;
            })?;
            squares
        };
        sum.is_finite().then_some(sum)
    }

    /// The states after the last value, and the one-step forecasts of all values.
    pub fn run<const D: usize>(&self, at: &[f64; D]) -> Option<(State, Vec<f64>)> {
        let mut forecasts = Vec::with_capacity(self.values.len());
        let each = |_, forecast| forecasts.push(forecast);
        let state = match self.season {
            Season::None => self.walk::<D, NONE, false>(at, each),
            Season::Additive => self.walk::<D, ADDITIVE, false>(at, each),
            Season::Multiplicative => self.walk::<D, MULTIPLICATIVE, false>(at, each),
        }?;
        Some((state, forecasts))
    }

    /// The derivatives of all errors by all parameters, carried along with the states.
    fn derivatives_of<const D: usize, const SEASON: u8>(&self, at: &[f64; D]) -> Option<Normal<D>> {
        let alpha = at[ALPHA];
        let beta = self.beta(at);
        // Of beta, by alpha and by its share.
        let (of_alpha, of_share) = match alpha < self.beta_limit {
            true => (at[BETA_SHARE], alpha),
            false => (0.0, self.beta_limit),
        };
        let gamma = self.gamma(at);
        let phi = at[PHI];
        let (mut level, mut slope) = (at[LEVEL], at[SLOPE]);
        let mut seasonal = self.first_seasonal(at);
        // Of the level, the slope and each seasonal state.
        let mut by_level = [0.0; D];
        let mut by_slope = [0.0; D];
        by_level[LEVEL] = 1.0;
        by_slope[SLOPE] = 1.0;
        let mut by_seasonal = vec![[0.0; D]; seasonal.len()];
        if SEASON != NONE {
            let (last, others) = by_seasonal.split_last_mut()?;
            for (free, row) in others.iter_mut().enumerate() {
                row[FIRST_SEASONAL + free] = 1.0;
                last[FIRST_SEASONAL + free] = -1.0;
            }
        }
        let mut normal = Normal {
            gradient: [0.0; D],
            products: [[0.0; D]; D],
        };
        // Of the logarithm of the geometric mean of the forecasts.
        let mut by_mean = [0.0; D];
        let (mut squares, mut product) = (0.0, Product::new());
        let mut place = 0;
        for &value in self.values {
            let fading = phi * slope;
            let ahead = level + fading;
            let mut by_ahead = [0.0; D];
            for i in 0..D {
                by_ahead[i] = by_level[i] + phi * by_slope[i];
            }
            by_ahead[PHI] += slope;
            // Of the forecast, and of the error of the level.
            let mut by_forecast = by_ahead;
            let mut by_error = [0.0; D];
            let (forecast, error);
            match SEASON {
                NONE => {
                    (forecast, error) = (ahead, value - ahead);
                    for i in 0..D {
                        by_error[i] = -by_ahead[i];
                    }
                }
                ADDITIVE => {
                    let season = seasonal[place];
                    (forecast, error) = (ahead + season, value - season - ahead);
                    let by_season = &mut by_seasonal[place];
                    for i in 0..D {
                        by_forecast[i] += by_season[i];
                        by_error[i] = -by_forecast[i];
                        by_season[i] += gamma * by_error[i];
                    }
                    by_season[GAMMA_SHARE] += (1.0 - alpha) * error;
                    by_season[ALPHA] -= at[GAMMA_SHARE] * error;
                    seasonal[place] += gamma * error;
                }
                _ => {
                    let season = seasonal[place];
                    if season <= 0.0 || ahead <= 0.0 {
                        return None;
                    }
                    (forecast, error) = (ahead * season, value / season - ahead);
                    let ratio = value / ahead - season;
                    let (of_season, of_ahead) =
                        (value / (season * season), value / (ahead * ahead));
                    let by_season = &mut by_seasonal[place];
                    for i in 0..D {
                        by_forecast[i] = season * by_ahead[i] + ahead * by_season[i];
                        by_error[i] = -of_season * by_season[i] - by_ahead[i];
                        by_season[i] += gamma * (-of_ahead * by_ahead[i] - by_season[i]);
                    }
                    by_season[GAMMA_SHARE] += (1.0 - alpha) * ratio;
                    by_season[ALPHA] -= at[GAMMA_SHARE] * ratio;
                    seasonal[place] += gamma * ratio;
                }
            }
            for i in 0..D {
                by_level[i] = by_ahead[i] + alpha * by_error[i];
                by_slope[i] = phi * by_slope[i] + beta * by_error[i];
            }
            by_level[ALPHA] += error;
            by_slope[PHI] += slope;
            by_slope[ALPHA] += of_alpha * error;
            by_slope[BETA_SHARE] += of_share * error;
            level = ahead + alpha * error;
            slope = fading + beta * error;
            if SEASON != NONE {
                place += 1;
                if place == self.season_length {
                    place = 0;
                }
            }
            let residual;
            if self.relative {
                if forecast <= 0.0 {
                    return None;
                }
                residual = value / forecast - 1.0;
                squares += residual * residual;
                product.multiply(forecast);
                let inverse = 1.0 / forecast;
                for i in 0..D {
                    let share = by_forecast[i] * inverse;
                    by_mean[i] += share;
                    by_forecast[i] = -(residual + 1.0) * share;
                }
            } else {
                residual = value - forecast;
                for slot in &mut by_forecast {
                    *slot = -*slot;
                }
            }
            normal.add(residual, &by_forecast);
        }
        if self.relative {
            let count = self.values.len() as f64;
            by_mean.iter_mut().for_each(|share| *share /= count);
            normal.times_mean(
                squares,
                &by_mean,
                libm::exp(2.0 * product.logarithm() / count),
            );
        }
        Some(normal)
    }
}

impl<const D: usize> Normal<D> {
    /// Adds one residual with its derivatives.
    fn add(&mut self, residual: f64, by: &[f64; D]) {
        for i in 0..D {
            let of = by[i];
            if of == 0.0 {
                continue;
            }
            self.gradient[i] += residual * of;
            for (product, other) in self.products[i].iter_mut().zip(by) {
                *product += of * other;
            }
        }
    }

    /// From the sums of residuals r to those of r g, where g^2 is `square` and the derivatives of log g
    /// are `by_mean`: the derivative of r g is g (r' + r log' g).
    fn times_mean(&mut self, squares: f64, by_mean: &[f64; D], square: f64) {
        for i in 0..D {
            for j in 0..D {
                let cross = self.gradient[i] * by_mean[j] + by_mean[i] * self.gradient[j];
                self.products[i][j] =
                    square * (self.products[i][j] + cross + squares * by_mean[i] * by_mean[j]);
            }
        }
        for (gradient, by_mean) in self.gradient.iter_mut().zip(by_mean) {
            *gradient = square * (*gradient + squares * by_mean);
        }
    }
}

impl<const D: usize> Residuals<D> for Smoothing<'_> {
    fn sum(&self, at: &[f64; D]) -> Option<f64> {
        match self.season {
            Season::None => self.sum_of::<D, NONE>(at),
            Season::Additive => self.sum_of::<D, ADDITIVE>(at),
            Season::Multiplicative => self.sum_of::<D, MULTIPLICATIVE>(at),
        }
    }

    fn derivatives(&self, at: &[f64; D]) -> Option<Normal<D>> {
        match self.season {
            Season::None => self.derivatives_of::<D, NONE>(at),
            Season::Additive => self.derivatives_of::<D, ADDITIVE>(at),
            Season::Multiplicative => self.derivatives_of::<D, MULTIPLICATIVE>(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Quarters: six parameters and three of the four first seasonal states.
    const D: usize = 9;

    fn smoothing(values: &[f64], season: Season, relative: bool) -> Smoothing<'_> {
        Smoothing {
            values,
            season_length: if season == Season::None { 1 } else { 4 },
            season,
            relative,
            beta_limit: 0.3,
        }
    }

    fn first(season: Season) -> [f64; D] {
        let mut at = [0.0; D];
        (at[ALPHA], at[BETA_SHARE], at[GAMMA_SHARE], at[PHI]) = (0.4, 0.2, 0.3, 0.9);
        (at[LEVEL], at[SLOPE]) = (10.0, 0.2);
        let seasonal = match season {
            Season::None => [0.0; 3],
            Season::Additive => [1.0, -2.0, 0.5],
            Season::Multiplicative => [1.1, 0.8, 1.05],
        };
        at[FIRST_SEASONAL..].copy_from_slice(&seasonal);
        at
    }

    const SEASONS: [Season; 3] = [Season::None, Season::Additive, Season::Multiplicative];

    #[test]
    fn a_step_is_as_the_book_says() {
        let mut at = first(Season::Multiplicative);
        at[ALPHA] = 0.25;
        let values = [13.0];
        let (state, forecasts) = smoothing(&values, Season::Multiplicative, true)
            .run(&at)
            .expect("positive");
        // q = 10 + 0.9 * 0.2, f = 1.1 q, u = 13/1.1 - q; beta = 0.25 * 0.2, gamma = 0.75 * 0.3.
        let q = 10.18;
        let u = 13.0 / 1.1 - q;
        assert!((forecasts[0] - 1.1 * q).abs() < 1e-12);
        assert!((state.level - (q + 0.25 * u)).abs() < 1e-12);
        assert!((state.slope - (0.18 + 0.05 * u)).abs() < 1e-12);
        let season = 1.1 + 0.225 * (13.0 / q - 1.1);
        // The place of the next value comes first, so that of the last value comes last.
        assert!((state.seasonal[3] - season).abs() < 1e-12);
        assert_eq!(state.seasonal[0], 0.8);
        // The four indices add up to four.
        assert!((state.seasonal[2] - (4.0 - 1.1 - 0.8 - 1.05)).abs() < 1e-12);
    }

    #[test]
    fn the_sum_of_relative_errors_is_the_likelihood() {
        // n log(sum) = n log(sum of squared relative errors) + 2 sum of log forecasts.
        let values = [11.0, 9.0, 12.0, 10.5, 10.0, 9.5];
        let at = first(Season::None);
        let smoothing = smoothing(&values, Season::None, true);
        let (_, forecasts) = smoothing.run(&at).expect("defined");
        let pairs = || values.iter().zip(&forecasts);
        let squares: f64 = pairs().map(|(v, f)| (v / f - 1.0) * (v / f - 1.0)).sum();
        let logs: f64 = forecasts.iter().map(|f| libm::log(*f)).sum();
        let sum = smoothing.sum(&at).expect("positive");
        let deviance = 6.0 * libm::log(squares) + 2.0 * logs;
        assert!((6.0 * libm::log(sum) - deviance).abs() < 1e-10);
    }

    #[test]
    fn forecasts_below_zero_mean_nothing_to_relative_errors() {
        let mut at = first(Season::None);
        at[LEVEL] = -10.0;
        assert_eq!(smoothing(&[1.0, 2.0], Season::None, true).sum(&at), None);
        assert!(
            smoothing(&[1.0, 2.0], Season::None, false)
                .sum(&at)
                .is_some()
        );
        let mut at = first(Season::Multiplicative);
        at[FIRST_SEASONAL] = -0.1;
        let of_season = smoothing(&[1.0, 2.0], Season::Multiplicative, false);
        assert_eq!(of_season.sum(&at), None);
        assert!(of_season.run(&at).is_none());
    }

    #[test]
    fn a_long_product_stays_in_range() {
        let mut product = Product::new();
        for _ in 0..1000 {
            product.multiply(1e-30);
        }
        assert!((product.logarithm() / (-30_000.0 * std::f64::consts::LN_10) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_derivatives_are_those_of_the_sum(
            values in prop::collection::vec(5.0..20.0, 4..24),
            alpha in 0.05..0.9,
            share in 0.05..0.9,
            phi in 0.8..0.98,
        ) {
            for season in SEASONS {
                for relative in [false, true] {
                    let smoothing = smoothing(&values, season, relative);
                    let mut at = first(season);
                    (at[ALPHA], at[BETA_SHARE], at[GAMMA_SHARE], at[PHI]) = (alpha, share, share, phi);
                    // Beta has a corner where alpha passes its limit.
                    if (alpha - smoothing.beta_limit).abs() < 1e-4 {
                        continue;
                    }
                    let Some(normal) = smoothing.derivatives(&at) else {
                        prop_assert!(smoothing.sum(&at).is_none());
                        continue;
                    };
                    let used = if season == Season::None { FIRST_SEASONAL } else { D };
                    for i in (0..used).filter(|i| season != Season::None || *i != GAMMA_SHARE) {
                        let step = 1e-6 * at[i].abs().max(1.0);
                        let moved = |by: f64| {
                            let mut moved = at;
                            moved[i] += by;
                            smoothing.sum(&moved)
                        };
                        if let (Some(above), Some(below)) = (moved(step), moved(-step)) {
                            let slope = (above - below) / (2.0 * step);
                            let size = slope.abs().max(smoothing.sum(&at).unwrap_or(0.0));
                            prop_assert!(
                                (2.0 * normal.gradient[i] - slope).abs() < 1e-4 * size.max(1e-3),
                                "{:?} {} {}: {} {}", season, relative, i, 2.0 * normal.gradient[i], slope
                            );
                        }
                    }
                }
            }
        }

        #[test]
        fn a_linear_model_has_the_products_of_its_derivatives(
            values in prop::collection::vec(5.0..20.0, 6..24),
        ) {
            // In the first states the errors are linear, so the sum is the parabola of its derivatives.
            let smoothing = smoothing(&values, Season::Additive, false);
            let at = first(Season::Additive);
            let normal = smoothing.derivatives(&at).expect("defined everywhere");
            let mut moved = at;
            let step = [0.7, -0.3, 0.4, 0.2, -0.6];
            let states = [LEVEL, SLOPE, FIRST_SEASONAL, FIRST_SEASONAL + 1, FIRST_SEASONAL + 2];
            let mut expected = smoothing.sum(&at).expect("defined everywhere");
            for (i, by) in states.iter().zip(step) {
                moved[*i] += by;
                expected += 2.0 * by * normal.gradient[*i];
                for (j, other) in states.iter().zip(step) {
                    expected += by * other * normal.products[*i][*j];
                }
            }
            let sum = smoothing.sum(&moved).expect("defined everywhere");
            prop_assert!((sum - expected).abs() < 1e-9 * expected);
        }
    }
}
