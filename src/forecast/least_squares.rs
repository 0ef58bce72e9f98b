//! Nonlinear least squares between bounds: the search behind exponential smoothing.
//!
//! The method is that of Levenberg and Marquardt (D. W. Marquardt, "An algorithm for least-squares
//! estimation of nonlinear parameters", SIAM Journal 11, 1963): each step solves the linear least squares
//! problem that the derivatives describe, held back by a damping that grows while steps fail and
//! shrinks while they succeed. Bounds are kept by projection: a parameter that stands at a bound and
//! would leave it rests for that step, and a step that crosses a bound ends there.
//!
//! It finds a minimum near its start, as every local method does; whoever calls it chooses the starts. No
//! tolerance is absolute, so that a problem in other units takes the same steps.

/// Residuals as a function of at most `D` parameters.
pub(super) trait Residuals<const D: usize> {
    /// The sum of squared residuals; `None` where the parameters mean nothing.
    fn sum(&self, at: &[f64; D]) -> Option<f64>;

    /// The same, with the derivatives. Must be `Some` wherever [`Residuals::sum`] is.
    fn derivatives(&self, at: &[f64; D]) -> Option<Normal<D>>;
}

/// The residuals of a problem and their derivatives, summed up.
pub(super) struct Normal<const D: usize> {
    /// The products of the derivatives with the residuals: half the gradient of the sum of squares.
    pub gradient: [f64; D],
    /// The products of the derivatives with each other.
    pub products: [[f64; D]; D],
}

/// The range of each parameter; one whose ends are equal does not take part.
pub(super) struct Bounds<const D: usize> {
    /// The lower ends.
    pub low: [f64; D],
    /// The upper ends.
    pub high: [f64; D],
}

/// Where a search begins or ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minimum<const D: usize> {
    /// The parameters.
    pub at: [f64; D],
    /// The sum of squared residuals there.
    pub sum: f64,
}

/// A search ends when a step lowers the sum by less than this share of it.
const ENOUGH: f64 = 1e-9;
/// Damping, in units of the diagonal of the products: at first, and where a search gives up.
const FIRST_DAMPING: f64 = 1e-3;
const MOST_DAMPING: f64 = 1e8;
const LEAST_DAMPING: f64 = 1e-12;

/// Searches from `start`, which lies within the bounds and knows its sum, for at most so many steps.
pub(super) fn minimise<const D: usize>(
    residuals: &impl Residuals<D>,
    start: Minimum<D>,
    bounds: &Bounds<D>,
    most_steps: u32,
) -> Minimum<D> {
    let mut best = start;
    let mut damping = FIRST_DAMPING;
    for _ in 0..most_steps {
        let Some(normal) = residuals.derivatives(&best.at) else {
            break;
        };
        let free = free_parameters(&best.at, &normal.gradient, bounds);
        if free.count == 0 {
            break;
        }
        let before = best.sum;
        // The damping grows until a step succeeds or is too short to matter.
        while damping <= MOST_DAMPING {
            let Some(at) = step(&best.at, &normal, &free, bounds, damping) else {
                damping *= 10.0;
                continue;
            };
            match residuals.sum(&at) {
                Some(sum) if sum < best.sum => {
                    best = Minimum { at, sum };
                    damping = (damping * 0.1).max(LEAST_DAMPING);
                    break;
                }
                _ if at == best.at => damping = f64::INFINITY,
                _ => damping *= 10.0,
            }
        }
        if damping > MOST_DAMPING || before - best.sum <= ENOUGH * before {
            break;
        }
    }
    best
}

/// The parameters that a step may change.
struct Free<const D: usize> {
    which: [usize; D],
    count: usize,
}

fn free_parameters<const D: usize>(
    at: &[f64; D],
    gradient: &[f64; D],
    bounds: &Bounds<D>,
) -> Free<D> {
    let mut free = Free {
        which: [0; D],
        count: 0,
    };
    for i in 0..D {
        let leaves = (at[i] <= bounds.low[i] && gradient[i] >= 0.0)
            || (at[i] >= bounds.high[i] && gradient[i] <= 0.0);
        if bounds.low[i] < bounds.high[i] && !leaves {
            free.which[free.count] = i;
            free.count += 1;
        }
    }
    free
}

/// The end of one damped step, within the bounds; `None` where the equations have no solution.
fn step<const D: usize>(
    at: &[f64; D],
    normal: &Normal<D>,
    free: &Free<D>,
    bounds: &Bounds<D>,
    damping: f64,
) -> Option<[f64; D]> {
    let which = &free.which[..free.count];
    // Cholesky's factor, row by row: L L' = products + damping diag(products).
    let mut factor = [[0.0; D]; D];
    let mut solution = [0.0; D];
    for (row, &i) in which.iter().enumerate() {
        for (column, &j) in which[..=row].iter().enumerate() {
            let dot: f64 = (0..column)
                .map(|k| factor[row][k] * factor[column][k])
                .sum();
            let mut value = normal.products[i][j] - dot;
            if row == column {
                value += damping * normal.products[i][i];
                // A column of zeros, or one that the others give: nothing to learn about it here.
                if value <= 1e-14 * normal.products[i][i] || value.is_nan() {
                    return None;
                }
                factor[row][row] = libm::sqrt(value);
            } else {
                factor[row][column] = value / factor[column][column];
            }
        }
        let dot: f64 = (0..row).map(|k| factor[row][k] * solution[k]).sum();
        solution[row] = (-normal.gradient[i] - dot) / factor[row][row];
    }
    let mut next = *at;
    for row in (0..which.len()).rev() {
        let dot: f64 = (row + 1..which.len())
            .map(|k| factor[k][row] * solution[k])
            .sum();
        solution[row] = (solution[row] - dot) / factor[row][row];
        let i = which[row];
        next[i] = (at[i] + solution[row]).clamp(bounds.low[i], bounds.high[i]);
    }
    next.iter().all(|value| value.is_finite()).then_some(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Residuals 10 (y - x^2) and 1 - x: H. H. Rosenbrock's valley, whose minimum is 0 at (1, 1).
    struct Valley;

    impl Residuals<2> for Valley {
        fn sum(&self, at: &[f64; 2]) -> Option<f64> {
            let (r, s) = (10.0 * (at[1] - at[0] * at[0]), 1.0 - at[0]);
            Some(r * r + s * s)
        }

        fn derivatives(&self, at: &[f64; 2]) -> Option<Normal<2>> {
            let residuals = [10.0 * (at[1] - at[0] * at[0]), 1.0 - at[0]];
            let rows = [[-20.0 * at[0], 10.0], [-1.0, 0.0]];
            let mut normal = Normal {
                gradient: [0.0; 2],
                products: [[0.0; 2]; 2],
            };
            for (residual, row) in residuals.iter().zip(&rows) {
                for i in 0..2 {
                    normal.gradient[i] += residual * row[i];
                    for j in 0..2 {
                        normal.products[i][j] += row[i] * row[j];
                    }
                }
            }
            Some(normal)
        }
    }

    fn start(x: f64, y: f64) -> Minimum<2> {
        let at = [x, y];
        let sum = Valley.sum(&at).expect("defined everywhere");
        Minimum { at, sum }
    }

    fn wide() -> Bounds<2> {
        Bounds {
            low: [-10.0; 2],
            high: [10.0; 2],
        }
    }

    #[test]
    fn the_valley_is_followed_to_its_end() {
        let minimum = minimise(&Valley, start(-1.2, 1.0), &wide(), 100);
        assert!(minimum.sum < 1e-12, "{minimum:?}");
        assert!((minimum.at[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_bound_holds_and_the_rest_is_still_found() {
        let bounds = Bounds {
            low: [-10.0, -10.0],
            high: [0.5, 10.0],
        };
        let minimum = minimise(&Valley, start(-1.2, 1.0), &bounds, 100);
        assert_eq!(minimum.at[0], 0.5);
        assert!((minimum.at[1] - 0.25).abs() < 1e-6, "{minimum:?}");
    }

    #[test]
    fn a_parameter_without_a_range_keeps_its_value() {
        let bounds = Bounds {
            low: [-10.0, 4.0],
            high: [10.0, 4.0],
        };
        let minimum = minimise(&Valley, start(1.0, 4.0), &bounds, 100);
        assert_eq!(minimum.at[1], 4.0);
        assert!((minimum.at[0] - 2.0).abs() < 0.01, "{minimum:?}");
    }

    proptest! {
        #[test]
        fn no_search_ends_above_its_start_or_outside(x in -10.0..10.0, y in -10.0..10.0, steps in 0u32..20) {
            let minimum = minimise(&Valley, start(x, y), &wide(), steps);
            prop_assert!(minimum.sum <= start(x, y).sum);
            prop_assert!(minimum.at.iter().all(|value| (-10.0..=10.0).contains(value)));
        }
    }
}
