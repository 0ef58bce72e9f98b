//! Decomposition by local regression: trend, one or several seasons, remainder.
//!
//! STL is that of R. B. Cleveland, W. S. Cleveland, J. E. McRae and I. Terpenning, "STL: a seasonal-trend
//! decomposition procedure based on loess", Journal of Official Statistics 6 (1990), with the windows and
//! the two inner rounds that R's `stl` takes by default, and without its robust weights. MSTL takes several
//! seasons away in turn, from the shortest to the longest, and then goes round once more: K. Bandara,
//! R. J. Hyndman and C. Bergmeir, "MSTL: a seasonal-trend decomposition algorithm for time series with
//! multiple seasonal patterns" (2021).
//!
//! The smoother is *loess*: at each place the value of a straight line (or of a constant) fitted to the
//! nearest `window` values, near ones weighing more. It is computed at every tenth part of a window and
//! joined by straight lines in between, as the paper proposes.

/// The parts of a series; at each place they add up to its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decomposition {
    /// One a season, in the order of the season lengths.
    pub seasonal: Vec<Vec<f64>>,
    /// What is left when all seasons are taken away: trend and remainder.
    pub adjusted: Vec<f64>,
}

/// How often each season is estimated.
const ROUNDS: usize = 2;
/// Rounds of seasonal and trend smoothing in each estimate.
const INNER_ROUNDS: usize = 2;

/// Takes the seasons away, whose lengths are ascending, at least 2, and each at most half the length of the
/// series. The window of the first season is `window` (odd, in seasons), of each further one four more.
pub(super) fn decompose(values: &[f64], seasons: &[usize], window: usize) -> Decomposition {
    let mut seasonal = vec![vec![0.0; values.len()]; seasons.len()];
    let mut adjusted = values.to_vec();
    // A single season is estimated once: there is nothing to disentangle.
    let rounds = if seasons.len() > 1 { ROUNDS } else { 1 };
    for _ in 0..rounds {
        for (nth, (&season, own)) in seasons.iter().zip(&mut seasonal).enumerate() {
            add(&mut adjusted, own);
            *own = seasonal_part(&adjusted, season, window + 4 * nth);
            for (value, part) in adjusted.iter_mut().zip(&*own) {
                *value -= part;
            }
        }
    }
    Decomposition { seasonal, adjusted }
}

/// The seasonal part of a series by STL.
fn seasonal_part(values: &[f64], season: usize, window: usize) -> Vec<f64> {
    let length = values.len();
    let ratio = 1.5 * season as f64 / (1.0 - 1.5 / window as f64);
    let trend_window = next_odd(libm::ceil(ratio) as usize);
    let low_window = next_odd(season);
    let mut trend = vec![0.0; length];
    let mut seasonal = vec![0.0; length];
    for _ in 0..INNER_ROUNDS {
        let detrended: Vec<f64> = values.iter().zip(&trend).map(|(v, t)| v - t).collect();
        // One season longer than the series at each end.
        let cycle = smooth_by_place(&detrended, season, window);
        let passed = moving_average(&moving_average(&moving_average(&cycle, season), season), 3);
        let low = loess(&passed, low_window, Line::Straight);
        for (at, part) in seasonal.iter_mut().enumerate() {
            *part = cycle[season + at] - low[at];
        }
        let adjusted: Vec<f64> = values.iter().zip(&seasonal).map(|(v, s)| v - s).collect();
        trend = loess(&adjusted, trend_window, Line::Straight);
    }
    seasonal
}

/// The values of each place in the season smoothed by themselves, and continued by one season at both
/// ends.
fn smooth_by_place(values: &[f64], season: usize, window: usize) -> Vec<f64> {
    let mut smoothed = vec![0.0; values.len() + 2 * season];
    for place in 0..season {
        let own: Vec<f64> = values[place..].iter().step_by(season).copied().collect();
        let inner = loess(&own, window, Line::Constant);
        let count = own.len();
        let few = window.min(count);
        let reach = |x: f64, from: usize| {
            let span = Span::of(x, from, few, count, window);
            span.estimate(&own, Line::Constant)
        };
        smoothed[place] = reach(-1.0, 0).unwrap_or(inner[0]);
        for (nth, value) in inner.iter().enumerate() {
            smoothed[place + (nth + 1) * season] = *value;
        }
        smoothed[place + (count + 1) * season] =
            reach(count as f64, count - few).unwrap_or(inner[count - 1]);
    }
    smoothed
}

/// The means of `window` values each, `window` - 1 fewer than there are values.
fn moving_average(values: &[f64], window: usize) -> Vec<f64> {
    let count = window as f64;
    values
        .windows(window)
        .map(|window| window.iter().sum::<f64>() / count)
        .collect()
}

/// What is fitted to the values near a place.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    Constant,
    Straight,
}

/// The values near a place.
struct Span {
    x: f64,
    from: usize,
    count: usize,
    /// How far weights reach.
    reach: f64,
    /// The length of the whole.
    length: usize,
}

impl Span {
    fn of(x: f64, from: usize, count: usize, length: usize, window: usize) -> Span {
        let last = (from + count - 1) as f64;
        let mut reach = (x - from as f64).max(last - x);
        // A window longer than the series reaches beyond it.
        if window > length {
            reach += ((window - length) / 2) as f64;
        }
        Span {
            x,
            from,
            count,
            reach,
            length,
        }
    }

    /// The value at `x` of the weighted fit; `None` where no value has a weight.
    fn estimate(&self, values: &[f64], line: Line) -> Option<f64> {
        let near = &values[self.from..self.from + self.count];
        let weight = |at: usize| {
            let distance = ((self.from + at) as f64 - self.x).abs();
            if distance > 0.999 * self.reach {
                0.0
            } else if distance <= 0.001 * self.reach {
                1.0
            } else {
                let ratio = distance / self.reach;
                let cube = 1.0 - ratio * ratio * ratio;
                cube * cube * cube
            }
        };
        let weights: Vec<f64> = (0..near.len()).map(weight).collect();
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let (mut place, mut mean) = (0.0, 0.0);
        for (at, (weight, value)) in weights.iter().zip(near).enumerate() {
            place += weight * (self.from + at) as f64;
            mean += weight * value;
        }
        (place, mean) = (place / total, mean / total);
        if line == Line::Constant {
            return Some(mean);
        }
        let (mut products, mut squares) = (0.0, 0.0);
        for (at, (weight, value)) in weights.iter().zip(near).enumerate() {
            let x = (self.from + at) as f64 - place;
            products += weight * x * value;
            squares += weight * x * x;
        }
        // Values that lie nearly at one place say nothing of a slope.
        let least = 0.001 * (self.length - 1) as f64;
        if squares / total > least * least {
            Some(mean + (self.x - place) * (products / squares))
        } else {
            Some(mean)
        }
    }
}

/// Smooths `values`, of which there is at least one.
fn loess(values: &[f64], window: usize, line: Line) -> Vec<f64> {
    let length = values.len();
    if length < 2 {
        return values.to_vec();
    }
    let few = window.min(length);
    let step = window.div_ceil(10).min(length - 1);
    let at = |place: usize| {
        let from = place.saturating_sub((few - 1) / 2).min(length - few);
        let span = Span::of(place as f64, from, few, length, window);
        span.estimate(values, line).unwrap_or(values[place])
    };
    let mut smoothed = vec![0.0; length];
    let mut before = 0;
    smoothed[0] = at(0);
    while before < length - 1 {
        let next = (before + step).min(length - 1);
        smoothed[next] = at(next);
        let slope = (smoothed[next] - smoothed[before]) / (next - before) as f64;
        for between in before + 1..next {
            smoothed[between] = smoothed[before] + slope * (between - before) as f64;
        }
        before = next;
    }
    smoothed
}

fn add(values: &mut [f64], part: &[f64]) {
    for (value, part) in values.iter_mut().zip(part) {
        *value += part;
    }
}

fn next_odd(number: usize) -> usize {
    number | 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_with_a_season_comes_apart() {
        let figure = [3.0, -1.0, -2.5, 0.5];
        let values: Vec<f64> = (0..40)
            .map(|t| 10.0 + 0.5 * t as f64 + figure[t % 4])
            .collect();
        let parts = decompose(&values, &[4], 11);
        // The mean of a place's own values leans to one side at both ends of a slope.
        for (t, part) in parts.seasonal[0].iter().enumerate() {
            let near = if (12..28).contains(&t) { 0.05 } else { 0.1 };
            assert!((part - figure[t % 4]).abs() < near, "{t}: {part}");
        }
    }

    #[test]
    fn two_seasons_come_apart() {
        let day = [2.0, -2.0, 1.0, -1.0];
        let week = |t: usize| if t % 28 >= 20 { -5.0 } else { 2.0 };
        let values: Vec<f64> = (0..280).map(|t| 50.0 + day[t % 4] + week(t)).collect();
        let parts = decompose(&values, &[4, 28], 11);
        // The week has the same shape in each of its days, so it takes nothing of the day.
        for (t, part) in parts.seasonal[0].iter().enumerate() {
            assert!((part - day[t % 4]).abs() < 0.15, "{t}: {part}");
        }
        for (t, value) in parts.adjusted.iter().enumerate() {
            assert!((value - 50.0).abs() < 0.2, "{t}: {value}");
        }
    }

    #[test]
    fn a_season_that_changes_is_followed() {
        let values: Vec<f64> = (0..120)
            .map(|t| [1.0, -1.0][t % 2] * (1.0 + t as f64 / 40.0))
            .collect();
        let parts = decompose(&values, &[2], 7);
        let (first, last) = (parts.seasonal[0][10].abs(), parts.seasonal[0][110].abs());
        assert!(last > 2.0 * first, "{first} {last}");
    }

    #[test]
    fn one_value_is_its_own_smooth() {
        assert_eq!(loess(&[3.0], 7, Line::Straight), [3.0]);
    }

    proptest! {
        #[test]
        fn the_parts_add_up(
            values in prop::collection::vec(-1e3..1e3, 24..120),
            window in 3usize..10,
        ) {
            let parts = decompose(&values, &[4, 12], 2 * window + 1);
            for (t, value) in values.iter().enumerate() {
                let sum = parts.adjusted[t] + parts.seasonal[0][t] + parts.seasonal[1][t];
                prop_assert!((sum - value).abs() < 1e-9);
            }
        }

        #[test]
        fn loess_keeps_lines(first in -10.0..10.0, slope in -3.0..3.0, length in 2usize..60, half in 1usize..40) {
            let line: Vec<f64> = (0..length).map(|t| first + slope * t as f64).collect();
            for (got, known) in loess(&line, 2 * half + 1, Line::Straight).iter().zip(&line) {
                prop_assert!((got - known).abs() < 1e-9);
            }
            let level = vec![first; length];
            for value in loess(&level, 2 * half + 1, Line::Constant) {
                prop_assert!((value - first).abs() < 1e-9);
            }
        }
    }
}
