//! Measures of how far a forecast is from the truth.
//!
//! The definitions of sMAPE and MASE are those of the M4 competition (Makridakis, Spiliotis,
//! Assimakopoulos, "The M4 Competition: 100,000 time series and 61 forecasting methods", International
//! Journal of Forecasting 36, 2020; the organisers' published R code). Here a measure is of one series;
//! averages over series are made elsewhere, from these.

use serde::{Deserialize, Serialize};

/// The scores of one forecast of one series; smaller is better, 0 is perfect.
///
/// From finite input no score is NaN; one beyond the range of `f64` is an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Symmetric mean absolute percentage error, 0 to 200: the mean of 200|a-f|/(|a|+|f|), a 0/0 term
    /// being 0.
    pub smape: f64,
    /// Mean absolute scaled error: the mean of |a-f| over the mean of |y(t)-y(t-m)| of the train part,
    /// m the season length. `None` where that scale is 0 or infinite, or the train part has no more
    /// than m values.
    pub mase: Option<f64>,
    /// Root of the mean squared error, in the unit of the series.
    pub rmse: f64,
    /// Mean absolute error, in the unit of the series.
    pub mae: f64,
    /// Mean absolute percentage error: the mean of 100|a-f|/|a|. `None` where an actual value is 0.
    pub mape: Option<f64>,
}

/// The scores of the forecast `predicted` of the values `actual`, which follow the values `train`.
///
/// All values are meant to be finite.
///
/// # Panics
///
/// If `actual` is empty or `predicted` has another length: a shorter forecast is a mistake of the
/// caller, and cutting the longer of the two would hide it.
pub fn score(actual: &[f64], predicted: &[f64], train: &[f64], season_length: u32) -> Scores {
    assert!(!actual.is_empty(), "nothing to score");
    assert_eq!(actual.len(), predicted.len(), "one prediction a value");
    let pairs = || actual.iter().copied().zip(predicted.iter().copied());
    let mae = mean(pairs().map(|(a, f)| (a - f).abs()));
    Scores {
        smape: mean(pairs().map(|(a, f)| symmetric_percentage(a, f))),
        mase: scale(train, season_length as usize).map(|scale| mae / scale),
        rmse: root_mean_square(pairs().map(|(a, f)| a - f)),
        mae,
        mape: actual
            .iter()
            .all(|&a| a != 0.0)
            .then(|| mean(pairs().map(|(a, f)| 100.0 * ((a - f).abs() / a.abs())))),
    }
}

impl Scores {
    /// The means of the scores of several forecasts of one series; a score that a forecast does not have
    /// is left out of its mean.
    ///
    /// # Panics
    ///
    /// If there is no forecast.
    pub fn mean(scores: &[Scores]) -> Scores {
        assert!(!scores.is_empty(), "nothing to average");
        let of = |score: fn(&Scores) -> f64| mean(scores.iter().map(score));
        let of_those_there = |score: fn(&Scores) -> Option<f64>| {
            let there: Vec<f64> = scores.iter().filter_map(score).collect();
            (!there.is_empty()).then(|| mean(there.into_iter()))
        };
        Scores {
            smape: of(|scores| scores.smape),
            mase: of_those_there(|scores| scores.mase),
            rmse: of(|scores| scores.rmse),
            mae: of(|scores| scores.mae),
            mape: of_those_there(|scores| scores.mape),
        }
    }
}

/// The mean absolute error of the seasonal naive forecast inside the train part: the unit of MASE.
pub(super) fn scale(train: &[f64], season_length: usize) -> Option<f64> {
    if season_length == 0 || train.len() <= season_length {
        return None;
    }
    let steps = train[season_length..].iter().zip(train);
    let scale = mean(steps.map(|(now, before)| (now - before).abs()));
    (scale > 0.0 && scale.is_finite()).then_some(scale)
}

/// One term of sMAPE, 0 to 200.
fn symmetric_percentage(actual: f64, predicted: f64) -> f64 {
    let distance = (actual - predicted).abs();
    if distance == 0.0 {
        return 0.0;
    }
    let size = actual.abs() + predicted.abs();
    if size.is_finite() {
        200.0 * (distance / size)
    } else {
        // Both sums may be too large for f64 although their ratio is not.
        200.0
            * ((actual / 2.0 - predicted / 2.0).abs()
                / (actual.abs() / 2.0 + predicted.abs() / 2.0))
    }
}

/// The root of the mean of squares, without the overflow or underflow of the squares.
fn root_mean_square(errors: impl Iterator<Item = f64> + Clone) -> f64 {
    let plain = libm::sqrt(mean(errors.clone().map(|e| e * e)));
    let largest = errors
        .clone()
        .fold(0.0, |largest: f64, e| largest.max(e.abs()));
    if largest == 0.0 || !largest.is_finite() || (plain.is_finite() && plain > 1e-140) {
        return plain;
    }
    largest * libm::sqrt(mean(errors.map(|e| (e / largest) * (e / largest))))
}

/// The mean of at least one value.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), value| (sum + value, count + 1));
    sum / count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_hand_computed_scores() {
        let scores = score(&[10.0, 20.0], &[12.0, 15.0], &[1.0, 3.0, 2.0], 1);
        // 200*2/22 and 200*5/35.
        assert!((scores.smape - (400.0 / 22.0 + 1000.0 / 35.0) / 2.0).abs() < 1e-12);
        // Scale: mean of 2 and 1.
        assert_eq!(scores.mase, Some(3.5 / 1.5));
        assert_eq!(scores.mae, 3.5);
        assert!((scores.rmse - libm::sqrt(14.5)).abs() < 1e-15);
        assert_eq!(scores.mape, Some(22.5));
    }

    #[test]
    fn zeros_are_as_the_definitions_say() {
        let scores = score(&[0.0, 0.0], &[0.0, 1.0], &[5.0, 5.0, 5.0], 1);
        assert_eq!(scores.smape, 100.0);
        assert_eq!(scores.mase, None, "a constant train part has no scale");
        assert_eq!(scores.mape, None);
    }

    #[test]
    fn a_train_part_no_longer_than_a_season_has_no_scale() {
        assert_eq!(score(&[1.0], &[2.0], &[1.0, 2.0], 2).mase, None);
        assert_eq!(
            score(&[1.0], &[2.0], &[1.0, 2.0, 4.0], 2).mase,
            Some(1.0 / 3.0)
        );
        assert_eq!(score(&[1.0], &[2.0], &[], 1).mase, None);
        assert_eq!(score(&[1.0], &[2.0], &[1.0, 2.0], 0).mase, None);
    }

    #[test]
    fn squares_beyond_the_range_do_not_spoil_the_root() {
        let scores = score(&[1e200], &[0.0], &[0.0, 1e200], 1);
        assert_eq!(scores.rmse, 1e200);
        let scores = score(&[1e-200], &[0.0], &[0.0, 1e-200], 1);
        assert_eq!(scores.rmse, 1e-200);
        assert_eq!(
            score(&[f64::MAX], &[f64::MAX / 2.0], &[1.0], 1).smape,
            200.0 / 3.0
        );
    }

    proptest! {
        #[test]
        fn smape_is_symmetric_and_bounded(
            pairs in prop::collection::vec((-1e6..1e6, -1e6..1e6), 1..30),
        ) {
            let (a, f): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let there = score(&a, &f, &[1.0, 2.0], 1);
            let back = score(&f, &a, &[1.0, 2.0], 1);
            prop_assert_eq!(there.smape, back.smape);
            prop_assert_eq!(there.mae, back.mae);
            prop_assert_eq!(there.rmse, back.rmse);
            prop_assert!((0.0..=200.0).contains(&there.smape));
            prop_assert!(there.mae <= there.rmse * (1.0 + 1e-12));
            prop_assert_eq!(score(&a, &a, &[1.0, 2.0], 1).smape, 0.0);
        }

        #[test]
        fn percentages_and_mase_do_not_depend_on_the_unit(
            pairs in prop::collection::vec((1.0..1e6, 1.0..1e6), 1..30),
            train in prop::collection::vec(1.0..1e6, 3..30),
        ) {
            let (a, f): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let double = |values: &[f64]| values.iter().map(|v| v * 2.0).collect::<Vec<_>>();
            let one = score(&a, &f, &train, 2);
            let two = score(&double(&a), &double(&f), &double(&train), 2);
            prop_assert_eq!(one.smape, two.smape);
            prop_assert_eq!(one.mase, two.mase);
            prop_assert_eq!(one.mape, two.mape);
        }

        #[test]
        fn no_finite_input_scores_nan(
            pairs in prop::collection::vec((prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL, prop::num::f64::NORMAL | prop::num::f64::ZERO), 1..10),
            train in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 0..10),
            season in 0u32..5,
        ) {
            let (a, f): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let scores = score(&a, &f, &train, season);
            prop_assert!((0.0..=200.000001).contains(&scores.smape), "{:?}", scores);
            prop_assert!(scores.rmse >= 0.0 && scores.mae >= 0.0, "{:?}", scores);
            prop_assert!(scores.mase.is_none_or(|m| m >= 0.0), "{:?}", scores);
            prop_assert!(scores.mape.is_none_or(|m| m >= 0.0), "{:?}", scores);
        }
    }
}
