//! Fitting one form: where the search starts, and what it is worth.
//!
//! The sum of squares may have several valleys, so the search starts at the best of a few points: a grid
//! over the smoothing parameters, with the first states read off the beginning of the series, and the
//! fits of simpler forms and of the other kind of error, which are points of this one too. From the best
//! few [`minimise`] goes some steps, and from the best of their ends to a minimum in all parameters at once,
//! first states included.
//!
//! R's `ets` (version 8) searches with Nelder and Mead's simplex from one point and gives up after a
//! number of steps, so its likelihood is often a little lower.

use super::form::{ErrorKind, Form, Season, Trend};
use super::recursion::{
    ALPHA, BETA_SHARE, FIRST_SEASONAL, GAMMA_SHARE, LEVEL, PHI, SLOPE, Smoothing,
};
use crate::forecast::decomposition::{seasonal_differences, seasonal_indices};
use crate::forecast::least_squares::{Bounds, Minimum, Residuals, minimise};

/// The ranges that R's `ets` and its book use.
const LEAST: f64 = 1e-4;
const MOST: f64 = 0.9999;
const LEAST_PHI: f64 = 0.8;
const MOST_PHI: f64 = 0.98;

/// The grid of starts.
const ALPHAS: [f64; 4] = [0.05, 0.2, 0.5, 0.9];
const BETA_SHARES: [f64; 3] = [0.02, 0.2, 0.7];
const GAMMA_SHARES: [f64; 2] = [0.05, 0.3];
const START_PHI: f64 = 0.95;

/// Starts that are followed some steps, of which the best is followed to its end.
const STARTS: usize = 3;
const FIRST_STEPS: u32 = 4;

/// Steps of the search. Most take ten.
const MOST_STEPS: u32 = 60;

/// A form fitted to a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit<const D: usize> {
    pub form: Form,
    pub minimum: Minimum<D>,
    /// n log(sum), which is -2 log L up to a constant of the series.
    pub deviance: f64,
}

/// What several fits to one series share.
pub(super) struct Series<'a> {
    pub values: &'a [f64],
    pub season_length: usize,
    /// The most that beta may be, besides alpha.
    beta_limit: f64,
    /// First states of forms without a season, with an additive and with a multiplicative one; `None`
    /// where the series has no such season.
    none: FirstStates,
    additive: Option<FirstStates>,
    multiplicative: Option<FirstStates>,
}

/// First states read off the beginning of a series.
struct FirstStates {
    /// The mean of the first values, for forms without a trend.
    mean: f64,
    /// The straight line through them, at the time before the first.
    level: f64,
    slope: f64,
    /// By place in the season.
    seasonal: Vec<f64>,
}

impl FirstStates {
    fn of(adjusted: &[f64], seasonal: Vec<f64>) -> FirstStates {
        let few = adjusted.len().min((2 * seasonal.len()).max(10));
        let beginning = &adjusted[..few];
        let count = few as f64;
        let mean = beginning.iter().sum::<f64>() / count;
        let middle = (count + 1.0) / 2.0;
        let (mut products, mut squares) = (0.0, 0.0);
        for (t, value) in (1..).zip(beginning) {
            let t = f64::from(t) - middle;
            products += t * (value - mean);
            squares += t * t;
        }
        let slope = if few > 1 { products / squares } else { 0.0 };
        FirstStates {
            mean,
            level: mean - slope * middle,
            slope,
            seasonal,
        }
    }
}

impl<'a> Series<'a> {
    /// `season_length` is 1 where no form with a season is to be fitted.
    pub fn new(values: &'a [f64], season_length: usize, beta_limit: f64) -> Series<'a> {
        let adjusted = |seasonal: &[f64], without: fn(f64, f64) -> f64| -> Vec<f64> {
            let places = seasonal.iter().cycle();
            values
                .iter()
                .zip(places)
                .map(|(v, s)| without(*v, *s))
                .collect()
        };
        let (mut additive, mut multiplicative) = (None, None);
        if season_length > 1 && values.len() >= 2 * season_length {
            let differences = seasonal_differences(values, season_length);
            additive = Some(FirstStates::of(
                &adjusted(&differences, |v, s| v - s),
                differences,
            ));
            multiplicative = seasonal_indices(values, season_length)
                .map(|indices| FirstStates::of(&adjusted(&indices, |v, s| v / s), indices));
        }
        Series {
            values,
            season_length,
            beta_limit,
            none: FirstStates::of(values, Vec::new()),
            additive,
            multiplicative,
        }
    }

    /// Fits a form, starting at the best of the grid and of `others`; `None` where no start means
    /// anything for this series.
    pub fn fit<'f, const D: usize>(
        &self,
        form: Form,
        others: impl Iterator<Item = &'f Fit<D>>,
    ) -> Option<Fit<D>> {
        let states = match form.season {
            Season::None => &self.none,
            Season::Additive => self.additive.as_ref()?,
            Season::Multiplicative => self.multiplicative.as_ref()?,
        };
        let bounds = self.bounds(form);
        let smoothing = self.smoothing(form);
        let starts = others
            .map(|other| other.minimum.at)
            .chain(grid(form, states));
        let mut best: Vec<Minimum<D>> = Vec::new();
        for mut at in starts {
            for (value, (low, high)) in at.iter_mut().zip(bounds.low.iter().zip(&bounds.high)) {
                *value = value.clamp(*low, *high);
            }
            if let Some(sum) = smoothing.sum(&at) {
                let place = best.partition_point(|other| other.sum <= sum);
                best.insert(place, Minimum { at, sum });
                best.truncate(STARTS);
            }
        }
        // A few steps tell which of the valleys is the deepest.
        let deepest = best
            .into_iter()
            .map(|start| minimise(&smoothing, start, &bounds, FIRST_STEPS))
            .reduce(|a, b| if b.sum < a.sum { b } else { a })?;
        let minimum = minimise(&smoothing, deepest, &bounds, MOST_STEPS);
        Some(Fit {
            form,
            minimum,
            deviance: self.values.len() as f64 * libm::log(minimum.sum),
        })
    }

    /// The recursion of a form on this series.
    pub fn smoothing(&self, form: Form) -> Smoothing<'a> {
        Smoothing {
            values: self.values,
            season_length: match form.season {
                Season::None => 1,
                Season::Additive | Season::Multiplicative => self.season_length,
            },
            season: form.season,
            relative: form.error == ErrorKind::Multiplicative,
            beta_limit: self.beta_limit,
        }
    }

    fn bounds<const D: usize>(&self, form: Form) -> Bounds<D> {
        let mut bounds = Bounds {
            low: [0.0; D],
            high: [0.0; D],
        };
        let mut range = |i: usize, low: f64, high: f64| {
            (bounds.low[i], bounds.high[i]) = (low, high);
        };
        range(ALPHA, LEAST, MOST);
        range(LEVEL, f64::NEG_INFINITY, f64::INFINITY);
        range(PHI, 1.0, 1.0);
        if form.trend != Trend::None {
            range(BETA_SHARE, LEAST, MOST);
            range(SLOPE, f64::NEG_INFINITY, f64::INFINITY);
        }
        if form.trend == Trend::Damped {
            range(PHI, LEAST_PHI, MOST_PHI);
        }
        if form.season != Season::None {
            range(GAMMA_SHARE, LEAST, MOST);
            for place in 0..self.season_length - 1 {
                range(FIRST_SEASONAL + place, f64::NEG_INFINITY, f64::INFINITY);
            }
        }
        bounds
    }
}

/// The starts of a form: every combination of smoothing parameters that it has.
fn grid<const D: usize>(form: Form, states: &FirstStates) -> impl Iterator<Item = [f64; D]> {
    let mut start = [0.0; D];
    (start[LEVEL], start[SLOPE], start[PHI]) = match form.trend {
        Trend::None => (states.mean, 0.0, 1.0),
        Trend::Additive => (states.level, states.slope, 1.0),
        Trend::Damped => (states.level, states.slope / START_PHI, START_PHI),
    };
    for (place, value) in states.seasonal.iter().rev().skip(1).rev().enumerate() {
        start[FIRST_SEASONAL + place] = *value;
    }
    let betas = match form.trend {
        Trend::None => &BETA_SHARES[..1],
        Trend::Additive | Trend::Damped => &BETA_SHARES[..],
    };
    let gammas = match form.season {
        Season::None => &GAMMA_SHARES[..1],
        Season::Additive | Season::Multiplicative => &GAMMA_SHARES[..],
    };
    ALPHAS.into_iter().flat_map(move |alpha| {
        betas.iter().flat_map(move |beta| {
            gammas.iter().map(move |gamma| {
                let mut start = start;
                (start[ALPHA], start[BETA_SHARE], start[GAMMA_SHARE]) = (alpha, *beta, *gamma);
                start
            })
        })
    })
}
