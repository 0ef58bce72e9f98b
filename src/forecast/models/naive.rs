//! The naive family: the last value, the last season, the straight line.
//!
//! They are the yardsticks by which other models are measured (R. J. Hyndman and G. Athanasopoulos,
//! "Forecasting: Principles and Practice", "Some simple forecasting methods"). `naive2` is the M4
//! competition's own: naive on the seasonally adjusted series.

use super::{Model, ModelError, check_forecast, check_self_test, check_train};
use crate::forecast::decomposition::adjust;
use crate::ids::Seed;

/// The last value, for ever. Needs 1 value.
#[derive(Clone, Copy, Debug)]
pub struct Naive;

impl Model for Naive {
    fn forecast(
        &self,
        train: &[f64],
        season_length: u32,
        horizon: u32,
        _: Seed,
    ) -> Result<Vec<f64>, ModelError> {
        check_train("naive", train, season_length, 1)?;
        Ok(vec![train[train.len() - 1]; horizon as usize])
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&[1.0, 2.0, 3.0, 4.0], 2, 2, Seed(0))?;
        check_self_test("naive", got, &[4.0, 4.0], 0.0)
    }
}

/// The last season, for ever; naive where a season is one observation. Needs one whole season.
#[derive(Clone, Copy, Debug)]
pub struct SeasonalNaive;

impl Model for SeasonalNaive {
    fn forecast(
        &self,
        train: &[f64],
        season_length: u32,
        horizon: u32,
        _: Seed,
    ) -> Result<Vec<f64>, ModelError> {
        let season = season_length as usize;
        check_train("seasonal-naive", train, season_length, season)?;
        let last = &train[train.len() - season..];
        Ok(last
            .iter()
            .copied()
            .cycle()
            .take(horizon as usize)
            .collect())
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&[1.0, 2.0, 3.0, 4.0], 2, 3, Seed(0))?;
        check_self_test("seasonal-naive", got, &[3.0, 4.0, 3.0], 0.0)
    }
}

/// The last value of the seasonally adjusted series, made seasonal again. Needs 1 value.
#[derive(Clone, Copy, Debug)]
pub struct Naive2;

impl Model for Naive2 {
    fn forecast(
        &self,
        train: &[f64],
        season_length: u32,
        horizon: u32,
        _: Seed,
    ) -> Result<Vec<f64>, ModelError> {
        check_train("naive2", train, season_length, 1)?;
        let adjusted = adjust(train, season_length);
        let mut forecast = vec![adjusted.values()[train.len() - 1]; horizon as usize];
        adjusted.reseason(&mut forecast);
        check_forecast("naive2", forecast)
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&[10.0, 20.0].repeat(6), 2, 3, Seed(0))?;
        check_self_test("naive2", got, &[10.0, 20.0, 10.0], 1e-12)
    }
}

/// The straight line through the first and the last value. Needs 2 values.
#[derive(Clone, Copy, Debug)]
pub struct Drift;

impl Model for Drift {
    fn forecast(
        &self,
        train: &[f64],
        season_length: u32,
        horizon: u32,
        _: Seed,
    ) -> Result<Vec<f64>, ModelError> {
        check_train("drift", train, season_length, 2)?;
        let (first, last) = (train[0], train[train.len() - 1]);
        let steps = (train.len() - 1) as f64;
        // Each divided before the difference is taken, which cannot overflow.
        let slope = if (last - first).is_finite() {
            (last - first) / steps
        } else {
            last / steps - first / steps
        };
        let line = (1..=horizon).map(|step| last + slope * f64::from(step));
        check_forecast("drift", line.collect())
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&[1.0, 2.0, 4.0], 1, 2, Seed(0))?;
        check_self_test("drift", got, &[5.5, 7.0], 0.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_season_of_one_is_naive(train in prop::collection::vec(-1e6..1e6, 1..30)) {
            let naive = Naive.forecast(&train, 1, 4, Seed(0));
            prop_assert_eq!(SeasonalNaive.forecast(&train, 1, 4, Seed(0)), naive.clone());
            prop_assert_eq!(Naive2.forecast(&train, 1, 4, Seed(0)), naive);
        }

        #[test]
        fn drift_goes_on_with_a_line(first in -100i32..100, slope in -10i32..10, length in 2i32..20) {
            let line = |from: i32, to: i32| {
                (from..to).map(|t| f64::from(first + slope * t)).collect::<Vec<_>>()
            };
            let forecast = Drift.forecast(&line(0, length), 1, 5, Seed(0)).expect("long enough");
            for (got, known) in forecast.iter().zip(line(length, length + 5)) {
                prop_assert!((got - known).abs() < 1e-9);
            }
        }
    }
}
