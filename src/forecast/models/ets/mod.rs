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
use self::recursion::{ALPHA, LEVEL, PHI, SLOPE, State};
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

    /// Whether a form is one of those to try.
    fn tries(&self, form: Form, season_length: usize, positive: bool) -> bool {
        let Form {
            error,
            trend,
            season,
        } = form;
        let has_season = season_length > 1;
        // Asked for a season where there is none, the form without one is the same.
        let season_is_asked = |asked| asked == season || (!has_season && season == Season::None);
        let is_asked = self.error.is_none_or(|asked| asked == error)
            && self.trend.is_none_or(|asked| asked == trend)
            && self.season.is_none_or(season_is_asked);
        let multiplies = error == ErrorKind::Multiplicative || season == Season::Multiplicative;
        let is_possible = (positive || !multiplies) && (has_season || season == Season::None);
        // Either is fitted if it is what was asked for.
        let by_name = self.season.is_some();
        let unstable = season == Season::Multiplicative
            && error == ErrorKind::Additive
            && !(by_name && self.error.is_some());
        let explodes = season == Season::Multiplicative
            && trend == Trend::Additive
            && !(by_name && self.trend.is_some());
        is_asked && is_possible && !unstable && !explodes
    }

    /// The forms to try, simple ones first.
    fn forms(&self, season_length: usize, positive: bool) -> Vec<Form> {
        Form::all()
            .filter(|form| self.tries(*form, season_length, positive))
            .collect()
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
    future: Future,
    first: State,
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
            future: Future {
                form: fit.form,
                alpha: at[ALPHA],
                beta: smoothing.beta(at),
                gamma: smoothing.gamma(at),
                phi: at[PHI],
                last,
            },
            first: State {
                level: at[LEVEL],
                slope: at[SLOPE],
                seasonal: smoothing.first_seasonal(at),
            },
            deviance: fit.deviance,
            squares,
            length: series.values.len(),
            season_length: smoothing.season_length,
        })
    }

    /// The prediction, from the unit of the fit to that of the series, which is `scale` times smaller.
    pub fn predict(&self, question: &Question<'_>, scale: f64) -> Prediction {
        let mean = self.future.mean(question.horizon);
        // The variance is one of the counted parameters, but costs no error.
        let spent = self.future.form.parameters(self.season_length) - 1;
        let free = self.length.saturating_sub(spent);
        let mut intervals = Vec::new();
        if free > 0 && !question.levels.is_empty() {
            let sigma = libm::sqrt(self.squares / free as f64);
            let (levels, seed) = (question.levels, question.seed);
            intervals = self.future.intervals(&mean, sigma, levels, seed);
        }
        let mut prediction = Prediction {
            mean,
            intervals,
            fitted: Some(self.fitted(scale)),
        };
        for value in prediction.lines_mut().flatten() {
            *value /= scale;
        }
        prediction
    }

    /// What was fitted, in the unit of the series.
    fn fitted(&self, scale: f64) -> Fitted {
        let Future {
            form,
            alpha,
            beta,
            gamma,
            phi,
            ..
        } = self.future;
        let mut parameters = vec![("alpha".to_owned(), alpha)];
        if form.trend != Trend::None {
            parameters.push(("beta".to_owned(), beta));
        }
        if form.season != Season::None {
            parameters.push(("gamma".to_owned(), gamma));
        }
        if form.trend == Trend::Damped {
            parameters.push(("phi".to_owned(), phi));
        }
        parameters.push(("l0".to_owned(), self.first.level / scale));
        if form.trend != Trend::None {
            parameters.push(("b0".to_owned(), self.first.slope / scale));
        }
        let deviance = self.deviance - 2.0 * self.length as f64 * libm::log(scale);
        let count = form.parameters(self.season_length);
        let finite = |value: f64| value.is_finite().then_some(value);
        Fitted {
            form: Some(form.to_string()),
            log_likelihood: finite(-0.5 * deviance),
            aicc: finite(Criterion::Aicc.of(deviance, count, self.length)),
            parameters,
        }
    }
}

#[cfg(test)]
mod tests;
