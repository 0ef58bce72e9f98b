//! Exponential smoothing in state space form: error, trend and season chosen by an information criterion.
//!
//! The family is that of R. J. Hyndman, A. B. Koehler, R. D. Snyder and S. Grose, "A state space framework
//! for automatic forecasting using exponential smoothing methods", International Journal of Forecasting 18
//! (2002), and of their book of 2008: errors are additive or multiplicative, the trend is absent, additive
//! or damped, the season is absent, additive or multiplicative. Of the 18 forms the three with additive
//! errors and a multiplicative season are left out, being unstable, as R's `ets` does by default; and so is
//! MAM, whose slope goes on for ever and is multiplied by the season: over the 1,428 monthly series of M3 it
//! was the best fit of 123, and OWA is 0.839 without and 0.846 with it. So 14 forms are tried for positive
//! series with a season, 6 for those without one, and the one with the least AICc forecasts. A form that is
//! asked for by name is fitted whichever it is.
//!
//! [`form`] names the forms; [`recursion`] is their mathematics with its derivatives; [`fit`] finds the
//! parameters of one; [`future`] forecasts; here one is chosen.

mod fit;
mod form;
mod future;
mod recursion;

use serde::{Deserialize, Serialize};

use self::fit::{Fit, Series};
use self::form::Form;
pub use self::form::{ErrorKind, Season, Trend};
use self::future::Future;
use self::recursion::{ALPHA, GAMMA_SHARE, LEVEL, PHI, SLOPE, State};
use super::{
    Fitted, Model, ModelError, Prediction, Question, check_forecast, check_self_test, check_train,
    constant, not_below_zero, unit_scale,
};

/// The longest season whose first states are estimated. Beyond, each series would have to tell more than
/// two dozen of them, and `mstl` serves better.
pub const LONGEST_SEASON: u32 = 24;

/// See [`Ets::beta_limit`].
const BETA_LIMIT: f64 = 0.07;

/// Below so many values not even the smallest form has an AICc.
const FEWEST: usize = 5;

/// Exponential smoothing; what is `None` is chosen for each series. Needs 5 values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ets {
    /// The kind of the errors.
    pub error: Option<ErrorKind>,
    /// The trend.
    pub trend: Option<Trend>,
    /// The season, of the first of the question's season lengths.
    pub season: Option<Season>,
    /// By which the form is chosen.
    pub criterion: Criterion,
    /// The most that beta, the share of an error by which the slope moves, may be, besides alpha; from
    /// 0.0001 to 1.
    ///
    /// A slope that follows every error is the best fit to many short series and a bad forecast of most:
    /// over the 23,000 yearly series of the M4 competition OWA is 0.890 with a limit of 1 (what R's `ets`
    /// has), 0.813 with 0.2 (what statsforecast comes to, whose limit is a fifth of the range of alpha by
    /// the season's length), 0.810 with 0.07 and 0.843 with 0.02; the other parts of M3 and M4 are alike
    /// or gain, too.
    pub beta_limit: f64,
}

impl Default for Ets {
    fn default() -> Ets {
        Ets {
            error: None,
            trend: None,
            season: None,
            criterion: Criterion::Aicc,
            beta_limit: BETA_LIMIT,
        }
    }
}

/// A trade of the likelihood against the number of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// That of Akaike, corrected for short series by C. M. Hurvich and C.-L. Tsai (1989).
    #[default]
    Aicc,
    /// That of H. Akaike (1974).
    Aic,
    /// That of G. Schwarz (1978).
    Bic,
}

impl Criterion {
    /// The criterion of a fit with so many `parameters` to `length` values; smaller is better, infinite
    /// where there are too few values for it.
    fn of(self, deviance: f64, parameters: usize, length: usize) -> f64 {
        let (count, length) = (parameters as f64, length as f64);
        if length <= count + 1.0 {
            return f64::INFINITY;
        }
        deviance
            + match self {
                Criterion::Aicc => {
                    2.0 * count + 2.0 * count * (count + 1.0) / (length - count - 1.0)
                }
                Criterion::Aic => 2.0 * count,
                Criterion::Bic => count * libm::log(length),
            }
    }
}

impl Model for Ets {
    fn forecast(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        let mut prediction = self.of_any_sign(question)?;
        not_below_zero(&mut prediction, question.train);
        check_forecast("ets", prediction)
    }

    fn self_test(&self) -> Result<(), ModelError> {
        // A line without noise is continued as one, whatever form is asked for that has a trend.
        let line: Vec<f64> = (1..=20).map(f64::from).collect();
        let of_line = Ets {
            trend: Some(Trend::Additive),
            season: Some(Season::None),
            ..*self
        };
        let got = of_line.forecast(&Question::new(&line, &[1], 2))?;
        check_self_test("ets", got.mean, &[21.0, 22.0], 1e-6)
    }
}

impl Ets {
    /// The prediction before it is raised to zero: of logarithms, say, which may go anywhere.
    pub(super) fn of_any_sign(&self, question: &Question<'_>) -> Result<Prediction, ModelError> {
        check_train("ets", question, FEWEST)?;
        let train = question.train;
        let positive = train.iter().all(|value| *value > 0.0);
        let multiplies = self.error == Some(ErrorKind::Multiplicative)
            || self.season == Some(Season::Multiplicative);
        if multiplies && !positive {
            return Err(ModelError::NotPositive { model: "ets" });
        }
        let season_length = self.season_length(question)?;
        if let Some(prediction) = constant(question) {
            return Ok(prediction);
        }
        let scale = unit_scale(train);
        let values: Vec<f64> = train.iter().map(|value| value * scale).collect();
        let series = Series::new(&values, season_length, self.beta_limit);
        let chosen = match season_length {
            0..=1 => self.choose::<6>(&series, positive),
            2..=5 => self.choose::<10>(&series, positive),
            6..=7 => self.choose::<12>(&series, positive),
            8..=13 => self.choose::<18>(&series, positive),
            _ => self.choose::<30>(&series, positive),
        };
        match chosen {
            Some(chosen) => Ok(chosen.predict(question, scale)),
            None => Err(ModelError::NoFit { model: "ets" }),
        }
    }

    /// The season length to fit with: 1 where no form with a season can be.
    fn season_length(&self, question: &Question<'_>) -> Result<usize, ModelError> {
        let season = question.season();
        let length = question.train.len();
        let needed = (2 * season as usize).max(season as usize + 8);
        let fits = season > 1 && season <= LONGEST_SEASON && length >= needed;
        match self.season {
            Some(Season::None) => Ok(1),
            None if !fits => Ok(1),
            _ if fits => Ok(season as usize),
            _ if season > LONGEST_SEASON => Err(ModelError::SeasonTooLong {
                model: "ets",
                season,
                longest: LONGEST_SEASON,
            }),
            // A season was asked for by name where there is none: the form without one is the same.
            _ if season == 1 => Ok(1),
            _ => Err(ModelError::TooShort {
                model: "ets",
                needed,
                length,
            }),
        }
    }

    /// The forms to try, simple ones first.
    fn forms(&self, season_length: usize, positive: bool) -> Vec<Form> {
        let mut forms = Vec::new();
        for season in [Season::None, Season::Additive, Season::Multiplicative] {
            for trend in [Trend::None, Trend::Additive, Trend::Damped] {
                for error in [ErrorKind::Additive, ErrorKind::Multiplicative] {
                    let multiplies =
                        error == ErrorKind::Multiplicative || season == Season::Multiplicative;
                    let unstable = error == ErrorKind::Additive && season == Season::Multiplicative;
                    let asked = self.error.is_none_or(|asked| asked == error)
                        && self.trend.is_none_or(|asked| asked == trend)
                        && self.season.is_none_or(|asked| {
                            asked == season || (season_length == 1 && season == Season::None)
                        });
                    let explodes = trend == Trend::Additive && season == Season::Multiplicative;
                    // Either is fitted if it is what was asked for.
                    let by_name = self.error.is_some() && self.season.is_some();
                    let trend_by_name = self.trend.is_some() && self.season.is_some();
                    if asked
                        && (positive || !multiplies)
                        && (!unstable || by_name)
                        && (!explodes || trend_by_name)
                        && (season_length > 1 || season == Season::None)
                    {
                        forms.push(Form {
                            error,
                            trend,
                            season,
                        });
                    }
                }
            }
        }
        forms
    }

    fn choose<const D: usize>(&self, series: &Series<'_>, positive: bool) -> Option<Chosen> {
        let length = series.values.len();
        let mut fits: Vec<Fit<D>> = Vec::new();
        let mut best: Option<(Fit<D>, f64)> = None;
        for form in self.forms(series.season_length, positive) {
            let parameters = form.parameters(series.season_length);
            if best.is_some() && length <= parameters + 1 {
                continue;
            }
            let others = fits.iter().filter(|fit| fit.form.season == form.season);
            let Some(fit) = series.fit(form, others) else {
                continue;
            };
            fits.push(fit);
            let criterion = self.criterion.of(fit.deviance, parameters, length);
            if best.is_none_or(|(_, least)| criterion < least) {
                best = Some((fit, criterion));
            }
        }
        let (fit, _) = best?;
        Chosen::new(series, &fit)
    }
}

/// Fits the one form with additive errors, a trend and no season to at least two values, by least squares:
/// Holt's method, and its damped variant.
pub(super) fn fit_trend(values: &[f64], trend: Trend, beta_limit: f64) -> Option<Chosen> {
    let series = Series::new(values, 1, beta_limit);
    let form = Form {
        error: ErrorKind::Additive,
        trend,
        season: Season::None,
    };
    Chosen::new(&series, &series.fit::<6>(form, std::iter::empty())?)
}

/// The fit that forecasts, in the unit in which it was fitted.
pub(super) struct Chosen {
    form: Form,
    alpha: f64,
    beta: f64,
    gamma: f64,
    phi: f64,
    first: State,
    last: State,
    /// n log(sum).
    deviance: f64,
    /// Squared one-step errors, relative ones where the form has such.
    squares: f64,
    length: usize,
    season_length: usize,
}

impl Chosen {
    fn new<const D: usize>(series: &Series<'_>, fit: &Fit<D>) -> Option<Chosen> {
        let at = &fit.minimum.at;
        let season_length = match fit.form.season {
            Season::None => 1,
            _ => series.season_length,
        };
        let smoothing = series.smoothing(fit.form);
        let (last, forecasts) = smoothing.run(at)?;
        let squares = series
            .values
            .iter()
            .zip(&forecasts)
            .map(|(value, forecast)| match fit.form.error {
                ErrorKind::Additive => value - forecast,
                ErrorKind::Multiplicative => value / forecast - 1.0,
            })
            .map(|error| error * error)
            .sum();
        Some(Chosen {
            form: fit.form,
            alpha: at[ALPHA],
            beta: smoothing.beta(at),
            gamma: match fit.form.season {
                Season::None => 0.0,
                _ => (1.0 - at[ALPHA]) * at[GAMMA_SHARE],
            },
            phi: at[PHI],
            first: State {
                level: at[LEVEL],
                slope: at[SLOPE],
                seasonal: smoothing.first_seasonal(at),
            },
            last,
            deviance: fit.deviance,
            squares,
            length: series.values.len(),
            season_length,
        })
    }

    /// The prediction, from the unit of the fit to that of the series, which is `scale` times smaller.
    pub fn predict(&self, question: &Question<'_>, scale: f64) -> Prediction {
        let future = Future {
            form: self.form,
            alpha: self.alpha,
            beta: self.beta,
            gamma: self.gamma,
            phi: self.phi,
            last: &self.last,
        };
        let mut mean = future.mean(question.horizon);
        // The variance is one of the counted parameters, but costs no error.
        let spent = self.form.parameters(self.season_length) - 1;
        let free = self.length.saturating_sub(spent);
        let mut intervals = Vec::new();
        if free > 0 && !question.levels.is_empty() {
            let sigma = libm::sqrt(self.squares / free as f64);
            intervals = future.intervals(&mean, sigma, question.levels, question.seed);
        }
        let ends = intervals
            .iter_mut()
            .flat_map(|interval| interval.lower.iter_mut().chain(&mut interval.upper));
        for value in mean.iter_mut().chain(ends) {
            *value /= scale;
        }
        Prediction {
            mean,
            intervals,
            fitted: Some(self.fitted(scale)),
        }
    }

    /// What was fitted, in the unit of the series.
    fn fitted(&self, scale: f64) -> Fitted {
        let mut parameters = vec![("alpha".to_owned(), self.alpha)];
        if self.form.trend != Trend::None {
            parameters.push(("beta".to_owned(), self.beta));
        }
        if self.form.season != Season::None {
            parameters.push(("gamma".to_owned(), self.gamma));
        }
        if self.form.trend == Trend::Damped {
            parameters.push(("phi".to_owned(), self.phi));
        }
        parameters.push(("l0".to_owned(), self.first.level / scale));
        if self.form.trend != Trend::None {
            parameters.push(("b0".to_owned(), self.first.slope / scale));
        }
        let deviance = self.deviance - 2.0 * self.length as f64 * libm::log(scale);
        let count = self.form.parameters(self.season_length);
        let finite = |value: f64| value.is_finite().then_some(value);
        Fitted {
            form: Some(self.form.to_string()),
            log_likelihood: finite(-0.5 * deviance),
            aicc: finite(Criterion::Aicc.of(deviance, count, self.length)),
            parameters,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mean_of;
    use super::*;

    /// Millions of passengers of Australian airlines a year, 1990 to 2016: an example of
    /// R. J. Hyndman and G. Athanasopoulos, "Forecasting: Principles and Practice", 2nd edition, section
    /// 7.2.
    const AIR: [f64; 27] = [
        17.55, 21.86, 23.89, 26.93, 26.89, 28.83, 30.08, 30.95, 30.19, 31.58, 32.58, 33.48, 39.02,
        41.39, 41.60, 44.66, 46.95, 48.73, 51.49, 50.03, 60.64, 63.36, 66.36, 68.20, 68.12, 69.78,
        72.60,
    ];

    fn fitted(model: Ets, train: &[f64], season: u32) -> Fitted {
        model
            .forecast(&Question::new(train, &[season], 1))
            .expect("it can be fitted")
            .fitted
            .expect("ets tells what it fitted")
    }

    fn parameter(fitted: &Fitted, name: &str) -> f64 {
        let found = fitted.parameters.iter().find(|(key, _)| key == name);
        found.expect("the form has it").1
    }

    /// Numbers that look like noise and are the same everywhere.
    fn noise(t: usize) -> f64 {
        let hash = (t as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((hash ^ (hash >> 29)) % 1000) as f64 / 500.0 - 1.0
    }

    #[test]
    fn the_form_fits_the_series() {
        let figure = [0.7, 1.0, 1.5, 0.8];
        let level = |t: usize| 100.0 + 4.0 * t as f64;
        let times: Vec<f64> = (0..60)
            .map(|t| level(t) * figure[t % 4] * (1.0 + 0.01 * noise(t)))
            .collect();
        let form = fitted(Ets::default(), &times, 4).form;
        assert!(
            form.as_deref().is_some_and(|form| form == "MAdM"),
            "{form:?}"
        );
        let plus: Vec<f64> = (0..60)
            .map(|t| 300.0 + 100.0 * figure[t % 4] + 2.0 * noise(t))
            .collect();
        assert_eq!(
            fitted(Ets::default(), &plus, 4).form.as_deref(),
            Some("ANA")
        );
        let none: Vec<f64> = (0..60).map(|t| 300.0 + 2.0 * noise(t)).collect();
        assert_eq!(
            fitted(Ets::default(), &none, 4).form.as_deref(),
            Some("ANN")
        );
    }

    #[test]
    fn what_is_asked_for_is_fitted() {
        for (error, letter) in [(ErrorKind::Additive, "A"), (ErrorKind::Multiplicative, "M")] {
            for (trend, trend_letter) in [
                (Trend::None, "N"),
                (Trend::Additive, "A"),
                (Trend::Damped, "Ad"),
            ] {
                for (season, season_letter) in [
                    (Season::None, "N"),
                    (Season::Additive, "A"),
                    (Season::Multiplicative, "M"),
                ] {
                    let model = Ets {
                        error: Some(error),
                        trend: Some(trend),
                        season: Some(season),
                        ..Ets::default()
                    };
                    let form = fitted(model, &AIR, 4).form;
                    assert_eq!(form, Some(format!("{letter}{trend_letter}{season_letter}")));
                }
            }
        }
    }

    #[test]
    fn criteria_are_as_defined() {
        // n = 20, k = 3: 2k = 6, AICc adds 2k(k+1)/(n-k-1) = 24/16, BIC is k log n.
        assert_eq!(Criterion::Aic.of(10.0, 3, 20), 16.0);
        assert_eq!(Criterion::Aicc.of(10.0, 3, 20), 17.5);
        assert!(
            (Criterion::Bic.of(10.0, 3, 20) - (10.0 + 3.0 * 2.995_732_273_553_991)).abs() < 1e-12
        );
        assert_eq!(Criterion::Aicc.of(10.0, 3, 4), f64::INFINITY);
    }

    #[test]
    fn a_form_that_multiplies_needs_positive_values() {
        let mut values = AIR.to_vec();
        values[3] = 0.0;
        for model in [
            Ets {
                error: Some(ErrorKind::Multiplicative),
                ..Ets::default()
            },
            Ets {
                season: Some(Season::Multiplicative),
                ..Ets::default()
            },
        ] {
            assert_eq!(
                mean_of(&model, &values, 4, 1),
                Err(ModelError::NotPositive { model: "ets" })
            );
        }
        let form = fitted(Ets::default(), &values, 4).form;
        assert!(
            form.as_deref().is_some_and(|form| form.starts_with('A')),
            "{form:?}"
        );
    }

    #[test]
    fn a_season_that_cannot_be_is_refused_if_it_was_asked_for() {
        let seasonal = Ets {
            season: Some(Season::Additive),
            ..Ets::default()
        };
        assert_eq!(
            mean_of(&seasonal, &[1.0; 200], 52, 1),
            Err(ModelError::SeasonTooLong {
                model: "ets",
                season: 52,
                longest: 24
            })
        );
        assert_eq!(
            mean_of(&seasonal, &AIR, 20, 1),
            Err(ModelError::TooShort {
                model: "ets",
                needed: 40,
                length: 27
            })
        );
        // Left to the model, such a season is left out.
        for season in [20, 52] {
            let form = fitted(Ets::default(), &AIR, season).form;
            assert!(
                form.as_deref().is_some_and(|form| form.ends_with('N')),
                "{form:?}"
            );
        }
    }

    #[test]
    fn the_limit_of_beta_holds() {
        // A slope that turns: without a limit it is followed.
        let turning: Vec<f64> = (0..40)
            .map(|t| 100.0 + (t as f64 - 20.0).abs() * 3.0)
            .collect();
        let beta = |limit: f64| {
            let model = Ets {
                error: Some(ErrorKind::Additive),
                trend: Some(Trend::Additive),
                beta_limit: limit,
                ..Ets::default()
            };
            parameter(&fitted(model, &turning, 1), "beta")
        };
        assert!(beta(1.0) > 0.5);
        assert!(beta(0.07) <= 0.07 && beta(0.07) > 0.06);
    }

    #[test]
    fn intervals_surround_the_forecast_and_grow() {
        for season in [1, 4] {
            let question = Question {
                levels: &[80.0, 95.0],
                ..Question::new(&AIR, &[], 8)
            };
            let seasons = [season];
            let question = Question {
                seasons: &seasons,
                ..question
            };
            let prediction = Ets::default().forecast(&question).expect("long enough");
            let [inner, outer] = &prediction.intervals[..] else {
                panic!("two levels: {prediction:?}");
            };
            for step in 0..8 {
                assert!(outer.lower[step] < inner.lower[step]);
                assert!(inner.lower[step] < prediction.mean[step]);
                assert!(prediction.mean[step] < inner.upper[step]);
                assert!(inner.upper[step] < outer.upper[step]);
            }
            assert!(outer.upper[7] - outer.lower[7] > outer.upper[0] - outer.lower[0]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_other_parameters_near_the_fit_are_better(
            values in prop::collection::vec(50.0..150.0, 12..40),
            alpha in 0.001..0.999,
            level in -5.0..5.0,
        ) {
            let series = Series::new(&values, 1, 1.0);
            for error in [ErrorKind::Additive, ErrorKind::Multiplicative] {
                let form = Form { error, trend: Trend::None, season: Season::None };
                let fit: Fit<6> = series.fit(form, std::iter::empty()).expect("positive");
                let smoothing = series.smoothing(form);
                use crate::forecast::least_squares::Residuals as _;
                let mut other = fit.minimum.at;
                other[LEVEL] += level;
                if let Some(sum) = smoothing.sum(&other) {
                    prop_assert!(sum >= fit.minimum.sum * (1.0 - 1e-6));
                }
                // The sum has several valleys in alpha; a much lower one would have been a start.
                other = fit.minimum.at;
                other[ALPHA] = alpha;
                if let Some(sum) = smoothing.sum(&other) {
                    prop_assert!(sum >= fit.minimum.sum * 0.9, "{} {}", sum, fit.minimum.sum);
                }
            }
        }

        #[test]
        fn a_larger_form_fits_no_worse(values in prop::collection::vec(50.0..150.0, 12..40)) {
            let series = Series::new(&values, 1, 1.0);
            let mut fits: Vec<Fit<6>> = Vec::new();
            for trend in [Trend::None, Trend::Additive] {
                let form = Form { error: ErrorKind::Additive, trend, season: Season::None };
                let fit = series.fit(form, fits.iter()).expect("any values do");
                if let Some(simple) = fits.last() {
                    // The least beta is not quite no slope.
                    prop_assert!(fit.minimum.sum <= simple.minimum.sum * 1.01);
                }
                fits.push(fit);
            }
        }
    }
}
