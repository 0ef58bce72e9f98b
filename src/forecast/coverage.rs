//! How good prediction intervals are.
//!
//! Coverage is the share of true values inside, which should be the level. An interval can always cover
//! more by being wider, so there is a score that rewards both: the interval score of T. Gneiting and
//! A. E. Raftery, "Strictly proper scoring rules, prediction, and estimation", Journal of the American
//! Statistical Association 102 (2007), which is the width, and for a true value outside 2/alpha times its
//! distance besides, where alpha is one minus the level. Scaled by the unit of MASE it is the MSIS of the
//! M4 competition.

use serde::{Deserialize, Serialize};

use super::models::Interval;

/// The prediction interval of one level, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedInterval {
    /// The probability that it is meant to have, in per cent.
    pub level: f64,
    /// The lower ends, one a step.
    pub lower: Vec<f64>,
    /// The upper ends, one a step.
    pub upper: Vec<f64>,
    /// The scores; of several windows their means.
    pub scores: IntervalScores,
}

/// Scores of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntervalScores {
    /// The share of true values inside, ends included; 0 to 1.
    pub coverage: f64,
    /// The mean width, in units of the mean change of the train part from season to season, which is the
    /// unit of MASE. `None` where MASE is `None`.
    pub scaled_width: Option<f64>,
    /// The mean scaled interval score: smaller is better.
    pub msis: Option<f64>,
}

/// Judges an interval by the values that came. `scale` is the unit of MASE.
///
/// # Panics
///
/// If `actual` is empty, or has another length than the interval.
pub(super) fn judge(interval: Interval, actual: &[f64], scale: Option<f64>) -> JudgedInterval {
    assert!(!actual.is_empty(), "nothing to judge by");
    assert_eq!(interval.lower.len(), actual.len(), "one interval a value");
    let penalty = 2.0 / (1.0 - interval.level / 100.0);
    let (mut inside, mut width, mut score) = (0u32, 0.0, 0.0);
    for ((lower, upper), actual) in interval.lower.iter().zip(&interval.upper).zip(actual) {
        width += upper - lower;
        score += upper - lower;
        if actual < lower {
            score += penalty * (lower - actual);
        } else if actual > upper {
            score += penalty * (actual - upper);
        } else {
            inside += 1;
        }
    }
    let count = actual.len() as f64;
    let scaled = |sum: f64| scale.map(|scale| sum / count / scale);
    let scores = IntervalScores {
        coverage: f64::from(inside) / count,
        scaled_width: scaled(width),
        msis: scaled(score),
    };
    JudgedInterval {
        level: interval.level,
        lower: interval.lower,
        upper: interval.upper,
        scores,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(level: f64, lower: &[f64], upper: &[f64]) -> Interval {
        Interval {
            level,
            lower: lower.to_vec(),
            upper: upper.to_vec(),
        }
    }

    #[test]
    fn scores_are_those_computed_by_hand() {
        // Widths 4, 4, 4, 4; 1 below by 1, 1 above by 3, at 80 % a tenth of the penalty each.
        let lower = [8.0, 8.0, 8.0, 8.0];
        let upper = [12.0, 12.0, 12.0, 12.0];
        let judged = judge(
            interval(80.0, &lower, &upper),
            &[7.0, 12.0, 10.0, 15.0],
            Some(2.0),
        );
        assert_eq!(judged.scores.coverage, 0.5);
        assert_eq!(judged.scores.scaled_width, Some(2.0));
        // (16 + 10 (1 + 3)) / 4 / 2.
        let msis = judged.scores.msis.expect("there is a scale");
        assert!((msis - 7.0).abs() < 1e-12);
    }

    #[test]
    fn without_a_scale_coverage_is_all() {
        let judged = judge(interval(95.0, &[1.0], &[1.0]), &[1.0], None);
        assert_eq!(judged.scores.coverage, 1.0);
        assert_eq!(
            (judged.scores.scaled_width, judged.scores.msis),
            (None, None)
        );
    }

    proptest! {
        #[test]
        fn the_score_is_at_least_the_width(
            rows in prop::collection::vec((-10.0..10.0, 0.0..5.0, -20.0..20.0), 1..20),
            level in 1.0..99.0,
        ) {
            let lower: Vec<f64> = rows.iter().map(|row| row.0).collect();
            let upper: Vec<f64> = rows.iter().map(|row| row.0 + row.1).collect();
            let actual: Vec<f64> = rows.iter().map(|row| row.2).collect();
            let scores = judge(interval(level, &lower, &upper), &actual, Some(1.0)).scores;
            prop_assert!((0.0..=1.0).contains(&scores.coverage));
            let (width, score) = (scores.scaled_width.expect("a scale"), scores.msis.expect("a scale"));
            if scores.coverage == 1.0 {
                prop_assert_eq!(width, score);
            } else {
                prop_assert!(score > width);
            }
        }
    }
}
