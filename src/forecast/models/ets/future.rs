//! What follows the last state: the forecast and its intervals.
//!
//! Forms whose season does not multiply have a formula for the variance of each step (Hyndman, Koehler,
//! Ord and Snyder 2008, chapter 6: classes 1 and 2); the others are simulated, 5,000 futures as in R's
//! `ets`, with a generator that is seeded by the task.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::form::{ErrorKind, Form, Season, Trend};
use super::recursion::State;
use crate::forecast::models::intervals::{Interval, accumulated, normal, of_paths};
use crate::ids::Seed;

const FUTURES: usize = 5_000;

/// A fitted form at the end of a series.
pub(super) struct Future {
    pub form: Form,
    pub alpha: f64,
    pub beta: f64,
    pub gamma: f64,
    pub phi: f64,
    pub last: State,
}

impl Future {
    /// The forecast: the recursion without errors.
    pub fn mean(&self, horizon: u32) -> Vec<f64> {
        let mut level = self.last.level;
        let mut slope = self.last.slope;
        let mut seasonal = self.last.seasonal.iter().cycle();
        (0..horizon)
            .map(|_| {
                slope *= self.phi;
                level += slope;
                match (self.form.season, seasonal.next()) {
                    (Season::Additive, Some(season)) => level + season,
                    (Season::Multiplicative, Some(season)) => level * season,
                    _ => level,
                }
            })
            .collect()
    }

    /// The intervals around the forecast, for errors of standard deviation `sigma`.
    pub fn intervals(&self, mean: &[f64], sigma: f64, levels: &[f64], seed: Seed) -> Vec<Interval> {
        if self.form.season == Season::Multiplicative {
            return of_paths(&self.paths(mean.len(), sigma, seed), levels);
        }
        let moves = self.moves(mean.len());
        let deviations = match self.form.error {
            ErrorKind::Additive => {
                accumulated(sigma, mean.len() as u32, |step| moves[step as usize - 1])
            }
            ErrorKind::Multiplicative => relative_deviations(&moves, mean, sigma),
        };
        normal(mean, &deviations, levels)
    }

    /// By how much an error moves the forecast 1, 2, ... steps on, in units of itself.
    fn moves(&self, steps: usize) -> Vec<f64> {
        let period = self.last.seasonal.len();
        let (mut fading, mut slopes) = (1.0, 0.0);
        (1..=steps)
            .map(|step| {
                if self.form.trend != Trend::None {
                    fading *= self.phi;
                    slopes += fading;
                }
                let season = if period > 0 && step.is_multiple_of(period) {
                    self.gamma
                } else {
                    0.0
                };
                self.alpha + self.beta * slopes + season
            })
            .collect()
    }

    /// Simulated futures of a form with a multiplicative season.
    fn paths(&self, steps: usize, sigma: f64, seed: Seed) -> Vec<Vec<f64>> {
        let mut normals = Normals(ChaCha8Rng::seed_from_u64(seed.0), None);
        (0..FUTURES)
            .map(|_| {
                let State {
                    mut level,
                    mut slope,
                    mut seasonal,
                } = self.last.clone();
                let period = seasonal.len();
                (0..steps)
                    .map(|step| {
                        let place = step % period;
                        let fading = self.phi * slope;
                        let ahead = level + fading;
                        let season = seasonal[place];
                        let error = sigma * normals.next();
                        let value = match self.form.error {
                            ErrorKind::Additive => ahead * season + error,
                            // The lowest that a relative error can be: the value is then zero.
                            ErrorKind::Multiplicative => ahead * season * (1.0 + error).max(0.0),
                        };
                        let of_level = value / season - ahead;
                        level = ahead + self.alpha * of_level;
                        slope = fading + self.beta * of_level;
                        seasonal[place] += self.gamma * (value / ahead - season);
                        value
                    })
                    .collect()
            })
            .collect()
    }
}

/// Errors relative to the forecast feed on what former ones did to it: theta(h) = mu(h)^2 + sigma^2
/// (c(1)^2 theta(h-1) + ... + c(h-1)^2 theta(1)), and the variance is (1 + sigma^2) theta(h) - mu(h)^2.
fn relative_deviations(moves: &[f64], mean: &[f64], sigma: f64) -> Vec<f64> {
    let variance = sigma * sigma;
    let mut thetas: Vec<f64> = Vec::with_capacity(mean.len());
    for step in 0..mean.len() {
        let former: f64 = (1..=step)
            .map(|back| moves[back - 1] * moves[back - 1] * thetas[step - back])
            .sum();
        thetas.push(mean[step] * mean[step] + variance * former);
    }
    thetas
        .iter()
        .zip(mean)
        .map(|(theta, mean)| libm::sqrt(((1.0 + variance) * theta - mean * mean).max(0.0)))
        .collect()
}

/// Standard normal numbers by G. Marsaglia's polar method (G. Marsaglia and T. A. Bray, "A convenient
/// method for generating normal variables", SIAM Review 6, 1964).
struct Normals(ChaCha8Rng, Option<f64>);

impl Normals {
    fn next(&mut self) -> f64 {
        if let Some(second) = self.1.take() {
            return second;
        }
        loop {
            let (x, y) = (self.uniform(), self.uniform());
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = libm::sqrt(-2.0 * libm::log(square) / square);
                self.1 = Some(y * factor);
                return x * factor;
            }
        }
    }

    /// Between -1 and 1, in steps of 2^-52.
    fn uniform(&mut self) -> f64 {
        let bits = self.0.next_u64() >> 11;
        bits as f64 * (2.0 / (1u64 << 53) as f64) - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            level: 100.0,
            slope: 2.0,
            seasonal: vec![0.8, 1.2],
        }
    }

    fn future(last: &State, error: ErrorKind, trend: Trend, season: Season) -> Future {
        Future {
            form: Form {
                error,
                trend,
                season,
            },
            alpha: 0.3,
            beta: if trend == Trend::None { 0.0 } else { 0.1 },
            gamma: if season == Season::None { 0.0 } else { 0.2 },
            phi: if trend == Trend::Damped { 0.9 } else { 1.0 },
            last: last.clone(),
        }
    }

    #[test]
    fn the_forecast_goes_on_with_trend_and_season() {
        let state = state();
        let damped = future(
            &state,
            ErrorKind::Multiplicative,
            Trend::Damped,
            Season::Multiplicative,
        );
        let known = [
            101.8 * 0.8,
            (101.8 + 1.62) * 1.2,
            (101.8 + 1.62 + 1.458) * 0.8,
        ];
        for (got, known) in damped.mean(3).iter().zip(known) {
            assert!((got - known).abs() < 1e-12);
        }
    }

    #[test]
    fn formulas_and_simulation_agree() {
        // A multiplicative season of ones is no season: the formulas of the form without one hold.
        let flat = State {
            seasonal: vec![1.0, 1.0],
            ..state()
        };
        let none = State {
            seasonal: Vec::new(),
            ..state()
        };
        for (error, sigma) in [
            (ErrorKind::Additive, 5.0),
            (ErrorKind::Multiplicative, 0.05),
        ] {
            for trend in [Trend::None, Trend::Additive, Trend::Damped] {
                let with = Future {
                    gamma: 0.0,
                    ..future(&flat, error, trend, Season::Multiplicative)
                };
                let without = future(&none, error, trend, Season::None);
                let mean = without.mean(8);
                let simulated = with.intervals(&mean, sigma, &[80.0], Seed(1));
                let known = without.intervals(&mean, sigma, &[80.0], Seed(1));
                for step in 0..8 {
                    let width = known[0].upper[step] - known[0].lower[step];
                    let off = simulated[0].upper[step] - known[0].upper[step];
                    assert!(
                        off.abs() < 0.04 * width,
                        "{error:?} {trend:?} {step}: {off} of {width}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_futures() {
        let state = state();
        let form = future(
            &state,
            ErrorKind::Multiplicative,
            Trend::None,
            Season::Multiplicative,
        );
        let mean = form.mean(3);
        let once = form.intervals(&mean, 0.1, &[95.0], Seed(7));
        assert_eq!(once, form.intervals(&mean, 0.1, &[95.0], Seed(7)));
        assert_ne!(once, form.intervals(&mean, 0.1, &[95.0], Seed(8)));
    }
}
