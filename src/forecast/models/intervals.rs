//! Prediction intervals: how sure a model is.
//!
//! An interval of 80 % is meant to hold the true value in 80 of 100 cases. It is central: as much of the
//! probability lies below it as above. The models give the standard deviation of each step's error, by
//! the formulas of their state space (R. J. Hyndman, A. B. Koehler, J. K. Ord, R. D. Snyder, "Forecasting
//! with Exponential Smoothing", 2008, chapter 6; R. J. Hyndman and G. Athanasopoulos, "Forecasting:
//! Principles and Practice", section "Distributional forecasts and prediction intervals"), and errors
//! are taken to be normal; where a form has no such formula, its future is simulated. Like everywhere in
//! the field these intervals know nothing of a wrong choice of the model or of its parameters, and are
//! somewhat too narrow for that: the coverage in the results tells by how much.

use serde::{Deserialize, Serialize};

/// A prediction interval for each step of a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The probability of the interval, in per cent.
    pub level: f64,
    /// The lower ends, one a step.
    pub lower: Vec<f64>,
    /// The upper ends, one a step.
    pub upper: Vec<f64>,
}

/// The intervals of normal errors around `mean`, whose standard deviations are `deviations`; none where
/// one of these is not a finite number.
pub(super) fn normal(mean: &[f64], deviations: &[f64], levels: &[f64]) -> Vec<Interval> {
    if deviations.iter().any(|deviation| !deviation.is_finite()) {
        return Vec::new();
    }
    let ends = |level: f64, side: f64| -> Vec<f64> {
        let z = side * normal_quantile(0.5 + level / 200.0);
        let end = |(mean, deviation): (&f64, &f64)| mean + z * deviation;
        mean.iter().zip(deviations).map(end).collect()
    };
    levels
        .iter()
        .map(|&level| Interval {
            level,
            lower: ends(level, -1.0),
            upper: ends(level, 1.0),
        })
        .collect()
}

/// The intervals that hold the middle `levels` per cent of sample paths: `paths[p][h]` is step `h` of
/// path `p`. Ends lie between order statistics as R's `quantile` of type 8 puts them (R. J. Hyndman and
/// Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50, 1996).
pub(super) fn of_paths(paths: &[Vec<f64>], levels: &[f64]) -> Vec<Interval> {
    let steps = paths.first().map_or(0, Vec::len);
    let mut intervals: Vec<Interval> = levels
        .iter()
        .map(|&level| Interval {
            level,
            lower: Vec::with_capacity(steps),
            upper: Vec::with_capacity(steps),
        })
        .collect();
    for step in 0..steps {
        let mut values: Vec<f64> = paths.iter().map(|path| path[step]).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Vec::new();
        }
        values.sort_by(f64::total_cmp);
        for interval in &mut intervals {
            let tail = (1.0 - interval.level / 100.0) / 2.0;
            interval.lower.push(quantile(&values, tail));
            interval.upper.push(quantile(&values, 1.0 - tail));
        }
    }
    intervals
}

/// The value that a share of the sorted values lies below.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 + 1.0 / 3.0) * share + 1.0 / 3.0;
    let below = libm::floor(place).clamp(1.0, sorted.len() as f64);
    let at = below as usize - 1;
    let next = sorted[(at + 1).min(sorted.len() - 1)];
    sorted[at] + (place - below).clamp(0.0, 1.0) * (next - sorted[at])
}

/// The root of the sum of squared one-step errors by the errors that are free, the usual estimate of a
/// standard deviation; `None` where no error is free.
pub(super) fn deviation(errors: impl Iterator<Item = f64>, parameters: usize) -> Option<f64> {
    let (squares, count) = errors.fold((0.0, 0usize), |(squares, count), error| {
        (squares + error * error, count + 1)
    });
    let free = count.checked_sub(parameters).filter(|free| *free > 0)?;
    Some(libm::sqrt(squares / free as f64))
}

/// The standard deviations of steps 1 to `horizon` of a linear model with additive errors:
/// sigma sqrt(1 + c(1)^2 + ... + c(h-1)^2), where an error moves the forecast `j` steps on by c(j) times
/// itself.
pub(super) fn accumulated(sigma: f64, horizon: u32, c: impl Fn(u32) -> f64) -> Vec<f64> {
    let mut sum = 1.0;
    (1..=horizon)
        .map(|step| {
            let deviation = sigma * libm::sqrt(sum);
            sum += c(step) * c(step);
            deviation
        })
        .collect()
}

/// The value below which a standard normal variable falls with probability `p`, between 0 and 1: the root
/// of the distribution function by Newton's method. Its start, the logistic approximation, is a tenth off
/// at most where levels are asked for, and each step doubles the digits.
fn normal_quantile(p: f64) -> f64 {
    // Only the upper half: there the complement keeps its digits, and Newton's steps come from one side.
    if p < 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let tail = 1.0 - p;
    let mut z = libm::log(p / tail) / 1.702;
    for _ in 0..60 {
        let distance = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2) - tail;
        let density = libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * std::f64::consts::PI);
        // Far out the density is so small that a whole step would overshoot.
        let step = (distance / density).clamp(-0.5, 0.5);
        z += step;
        if step.abs() <= 1e-14 * z.abs().max(1.0) {
            break;
        }
    }
    z
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Abramowitz and Stegun, table 26.5, and the usual limits.
        for (p, known) in [
            (0.5, 0.0),
            (0.75, 0.674_489_750_196_082),
            (0.9, 1.281_551_565_544_6),
            (0.95, 1.644_853_626_951_47),
            (0.975, 1.959_963_984_540_05),
            (0.995, 2.575_829_303_548_9),
            (0.999_5, 3.290_526_731_491_9),
            (0.025, -1.959_963_984_540_05),
        ] {
            assert!((normal_quantile(p) - known).abs() < 1e-11, "{p}");
        }
    }

    #[test]
    fn an_interval_lies_around_the_mean() {
        let intervals = normal(&[10.0, 20.0], &[1.0, 2.0], &[95.0, 80.0]);
        assert_eq!(intervals.len(), 2);
        assert!((intervals[0].lower[1] - (20.0 - 2.0 * 1.959_963_984_540_05)).abs() < 1e-10);
        assert!((intervals[0].upper[0] - (10.0 + 1.959_963_984_540_05)).abs() < 1e-10);
        assert!(intervals[1].lower[0] > intervals[0].lower[0]);
        assert_eq!(normal(&[10.0], &[f64::NAN], &[95.0]), []);
    }

    // By hand, from Hyndman and Fan's definition 8: place (999 + 1/3) 0.05 + 1/3 = 50.3.
    #[test]
    fn sample_paths_give_their_quantiles() {
        let paths: Vec<Vec<f64>> = (1..=999)
            .map(|p| vec![f64::from(p), -f64::from(p)])
            .collect();
        let intervals = of_paths(&paths, &[90.0]);
        assert!((intervals[0].lower[0] - 50.3).abs() < 1e-9, "{intervals:?}");
        assert!((intervals[0].upper[0] - 949.7).abs() < 1e-9);
        assert!((intervals[0].lower[1] + 949.7).abs() < 1e-9);
        assert_eq!(of_paths(&[vec![f64::INFINITY]], &[90.0]), []);
    }

    #[test]
    fn a_walk_spreads_with_the_root_of_time() {
        let deviations = accumulated(2.0, 4, |_| 1.0);
        for (step, deviation) in (1..).zip(deviations) {
            assert!((deviation - 2.0 * libm::sqrt(f64::from(step))).abs() < 1e-14);
        }
        assert_eq!(deviation([3.0, 4.0].into_iter(), 1), Some(5.0));
        assert_eq!(deviation([3.0].into_iter(), 1), None);
    }

    proptest! {
        #[test]
        fn the_quantile_undoes_the_distribution(p in 1e-6..1.0f64 - 1e-6) {
            let z = normal_quantile(p);
            let back = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
            prop_assert!((back - p).abs() < 1e-13);
        }
    }
}
