//! The naive family: the last value, the last season, the straight line.
//!
//! They are the yardsticks by which other models are measured (R. J. Hyndman and G. Athanasopoulos,
//! "Forecasting: Principles and Practice", "Some simple forecasting methods"). `naive2` is the M4
//! competition's own: naive on the seasonally adjusted series.

use super::intervals::{accumulated, deviation};
use super::{
    Model, ModelError, Prediction, Question, check_forecast, check_self_test, check_train,
};
use crate::forecast::decomposition::adjust;

/// The last value, for ever. Needs 1 value.
#[derive(Clone, Copy, Debug)]
pub struct Naive;

impl Model for Naive {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("naive", question, 1)?;
        Ok(last_value(question.train, question))
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&[1.0, 2.0, 3.0, 4.0], &[2], 2))?;
        check_self_test("naive", got.mean, &[4.0, 4.0], 0.0)
    }
}

/// The last value of `values`, for ever; its errors are the steps of a walk.
fn last_value(values: &[f64], question: &Question<'_>) -> Prediction {
    let mean = vec![values[values.len() - 1]; question.horizon as usize];
    let sigma = deviation(values.windows(2).map(|pair| pair[1] - pair[0]), 0);
    Prediction::spread(question, mean, sigma, |sigma| {
        accumulated(sigma, question.horizon, |_| 1.0)
    })
}

/// The last season, for ever; naive where a season is one observation. Needs one whole season.
#[derive(Clone, Copy, Debug)]
pub struct SeasonalNaive;

impl Model for SeasonalNaive {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        let season = question.season() as usize;
        check_train("seasonal-naive", question, season)?;
        let train = question.train;
        let last = &train[train.len() - season..];
        let mean: Vec<f64> = last
            .iter()
            .copied()
            .cycle()
            .take(question.horizon as usize)
            .collect();
        let steps = train[season..]
            .iter()
            .zip(train)
            .map(|(now, then)| now - then);
        // Each season ahead is one more step of the walk.
        let of_step = |step: u32| libm::sqrt(f64::from(step / question.season() + 1));
        let sigma = deviation(steps, 0);
        Ok(Prediction::spread(question, mean, sigma, |sigma| {
            (0..question.horizon)
                .map(|step| sigma * of_step(step))
                .collect()
        }))
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&[1.0, 2.0, 3.0, 4.0], &[2], 3))?;
        check_self_test("seasonal-naive", got.mean, &[3.0, 4.0, 3.0], 0.0)
    }
}

/// The last value of the seasonally adjusted series, made seasonal again. Needs 1 value.
#[derive(Clone, Copy, Debug)]
pub struct Naive2;

impl Model for Naive2 {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("naive2", question, 1)?;
        let adjusted = adjust(question.train, question.season());
        let prediction = last_value(adjusted.values(), question);
        check_forecast("naive2", adjusted.seasonal_again(prediction))
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&[10.0, 20.0].repeat(6), &[2], 3))?;
        check_self_test("naive2", got.mean, &[10.0, 20.0, 10.0], 1e-12)
    }
}

/// The straight line through the first and the last value. Needs 2 values.
#[derive(Clone, Copy, Debug)]
pub struct Drift;

impl Model for Drift {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("drift", question, 2)?;
        let train = question.train;
        let (first, last) = (train[0], train[train.len() - 1]);
        let steps = (train.len() - 1) as f64;
        // Each divided before the difference is taken, which cannot overflow.
        let slope = if (last - first).is_finite() {
            (last - first) / steps
        } else {
            last / steps - first / steps
        };
        let mean: Vec<f64> = (1..=question.horizon)
            .map(|step| last + slope * f64::from(step))
            .collect();
        let errors = train.windows(2).map(|pair| pair[1] - pair[0] - slope);
        // The slope itself is an estimate, off by sigma over the root of the steps it is of.
        let of_step = |step: f64| libm::sqrt(step * (1.0 + step / steps));
        let sigma = deviation(errors, 1);
        let prediction = Prediction::spread(question, mean, sigma, |sigma| {
            (1..=question.horizon)
                .map(|step| sigma * of_step(f64::from(step)))
                .collect()
        });
        check_forecast("drift", prediction)
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&[1.0, 2.0, 4.0], &[1], 2))?;
        check_self_test("drift", got.mean, &[5.5, 7.0], 0.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mean_of;
    use super::*;

    proptest! {
        #[test]
        fn a_season_of_one_is_naive(train in prop::collection::vec(-1e6..1e6, 1..30)) {
            let naive = mean_of(&Naive, &train, 1, 4);
            prop_assert_eq!(mean_of(&SeasonalNaive, &train, 1, 4), naive.clone());
            prop_assert_eq!(mean_of(&Naive2, &train, 1, 4), naive);
        }

        #[test]
        fn drift_goes_on_with_a_line(first in -100i32..100, slope in -10i32..10, length in 2i32..20) {
            let line = |from: i32, to: i32| {
                (from..to).map(|t| f64::from(first + slope * t)).collect::<Vec<_>>()
            };
            let forecast = mean_of(&Drift, &line(0, length), 1, 5).expect("long enough");
            for (got, known) in forecast.iter().zip(line(length, length + 5)) {
                prop_assert!((got - known).abs() < 1e-9);
            }
        }
    }
}
