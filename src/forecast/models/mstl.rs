//! Seasons by local regression, the rest by exponential smoothing: for long and for several seasons.
//!
//! The series is decomposed by MSTL ([`crate::forecast::stl`]); what remains without its seasons is
//! forecast by [`super::ets`] without a season, and each season goes on as it was last: the way of R's
//! `stlf` and of statsforecast's `MSTL`. Where the seasonal swing grows with the level, the logarithms of
//! the series are decomposed instead.

use serde::{Deserialize, Serialize};

use super::ets::Ets;
use super::{
    Model, ModelError, Prediction, Question, check_forecast, check_self_test, check_train,
    constant, not_below_zero, unit_scale,
};
use crate::forecast::stl::decompose;

/// MSTL with exponential smoothing. Needs 5 values; a season of which the series has no two is left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mstl {
    /// Seasons over which the first seasonal pattern is smoothed: odd, at least 7. Each further pattern has
    /// four more.
    pub window: u32,
    /// What is decomposed.
    pub transform: Transform,
}

/// What is done to a series before a model sees it, and undone afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transform {
    /// Nothing.
    None,
    /// The natural logarithm; needs positive values. The forecast is then the median of the future, not
    /// its mean.
    Log,
}

impl Default for Mstl {
    fn default() -> Mstl {
        // The window of R's `mstl`.
        Mstl {
            window: 11,
            transform: Transform::None,
        }
    }
}

impl Model for Mstl {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("mstl", question, 5)?;
        let train = question.train;
        if self.transform == Transform::Log && train.iter().any(|value| *value <= 0.0) {
            return Err(ModelError::NotPositive { model: "mstl" });
        }
        if let Some(prediction) = constant(question) {
            return Ok(prediction);
        }
        let scale = unit_scale(train);
        let values: Vec<f64> = train
            .iter()
            .map(|value| match self.transform {
                Transform::None => value * scale,
                Transform::Log => libm::log(value * scale),
            })
            .collect();
        let seasons: Vec<usize> = question
            .seasons
            .iter()
            .map(|season| *season as usize)
            .filter(|season| *season > 1 && train.len() >= 2 * season)
            .collect();
        let parts = decompose(&values, &seasons, self.window as usize);
        let rest = Question {
            train: &parts.adjusted,
            seasons: &[],
            ..*question
        };
        let mut prediction = Ets::default().of_any_sign(&rest)?;
        for line in prediction.lines_mut() {
            for (season, part) in seasons.iter().zip(&parts.seasonal) {
                let last = &part[part.len() - season..];
                for (value, part) in line.iter_mut().zip(last.iter().cycle()) {
                    *value += part;
                }
            }
            for value in line.iter_mut() {
                *value = match self.transform {
                    Transform::None => *value / scale,
                    Transform::Log => libm::exp(*value) / scale,
                };
            }
        }
        if let Some(fitted) = &mut prediction.fitted {
            let form = fitted.form.take().unwrap_or_default();
            let lengths: Vec<String> = seasons.iter().map(ToString::to_string).collect();
            fitted.form = Some(format!("MSTL({})+{form}", lengths.join(",")));
        }
        not_below_zero(&mut prediction, train);
        check_forecast("mstl", prediction)
    }

    fn self_test(&self) -> Result<(), ModelError> {
        let got = self.forecast(&Question::new(&[10.0, 20.0].repeat(6), &[2], 3))?;
        check_self_test("mstl", got.mean, &[10.0, 20.0, 10.0], 1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mean_of;
    use super::*;

    /// Hours with a day of 24 and a week of 168, times a level that grows.
    fn hours(length: usize, growth: f64) -> Vec<f64> {
        (0..length)
            .map(|t| {
                let day = [0.0, 3.0, 8.0, 5.0][t % 24 / 6];
                let week = if t % 168 >= 120 { -4.0 } else { 0.0 };
                (30.0 + day + week) * (1.0 + growth * t as f64 / length as f64)
            })
            .collect()
    }

    fn worst(forecast: &[f64], known: &[f64]) -> f64 {
        forecast
            .iter()
            .zip(known)
            .map(|(f, k)| (f / k - 1.0).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn two_seasons_go_on() {
        let known = hours(1008 + 200, 0.0);
        let (train, test) = known.split_at(1008);
        let both = Question::new(train, &[24, 168], 200);
        let forecast = Mstl::default().forecast(&both).expect("long enough");
        assert!(
            worst(&forecast.mean, test) < 0.02,
            "{}",
            worst(&forecast.mean, test)
        );
        let form = forecast.fitted.and_then(|fitted| fitted.form);
        assert!(form.is_some_and(|form| form.starts_with("MSTL(24,168)+")));
        // With the day alone the weekend is missed.
        let day = mean_of(&Mstl::default(), train, 24, 200).expect("long enough");
        assert!(worst(&day, test) > 0.05);
    }

    #[test]
    fn logarithms_follow_a_swing_that_grows() {
        let known = hours(1008 + 48, 2.0);
        let (train, test) = known.split_at(1008);
        let question = Question::new(train, &[24, 168], 48);
        let log = Mstl {
            transform: Transform::Log,
            ..Mstl::default()
        };
        let of_log = log.forecast(&question).expect("positive").mean;
        let plain = Mstl::default().forecast(&question).expect("long").mean;
        assert!(worst(&of_log, test) < 0.5 * worst(&plain, test));
    }

    #[test]
    fn logarithms_of_what_is_not_positive_are_refused() {
        let log = Mstl {
            transform: Transform::Log,
            ..Mstl::default()
        };
        assert_eq!(
            mean_of(&log, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 2, 1),
            Err(ModelError::NotPositive { model: "mstl" })
        );
    }

    #[test]
    fn a_season_that_was_not_seen_twice_is_left_out() {
        let known = hours(200, 0.0);
        let both = Question::new(&known, &[24, 168], 12);
        let day = Question::new(&known, &[24], 12);
        let model = Mstl::default();
        assert_eq!(
            model.forecast(&both).expect("long enough"),
            model.forecast(&day).expect("long enough")
        );
    }
}
