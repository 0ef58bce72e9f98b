//! The forms of exponential smoothing and their names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an error enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// It is added to the forecast.
    Additive,
    /// The forecast is multiplied by one plus it. Needs positive values.
    Multiplicative,
}

/// How the level moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trend {
    /// Not at all.
    None,
    /// By a slope.
    Additive,
    /// By a slope that fades.
    Damped,
}

/// What a season does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Season {
    /// There is none.
    None,
    /// It is added to the level.
    Additive,
    /// It multiplies the level. Needs positive values.
    Multiplicative,
}

/// One form, shown as in the books: `MAdM` has multiplicative errors, a damped additive trend and a
/// multiplicative season.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub error: ErrorKind,
    pub trend: Trend,
    pub season: Season,
}

impl Form {
    /// Every form, simple ones first.
    pub fn all() -> impl Iterator<Item = Form> {
        let seasons = [Season::None, Season::Additive, Season::Multiplicative];
        let trends = [Trend::None, Trend::Additive, Trend::Damped];
        let errors = [ErrorKind::Additive, ErrorKind::Multiplicative];
        seasons.into_iter().flat_map(move |season| {
            trends.into_iter().flat_map(move |trend| {
                errors.into_iter().map(move |error| Form {
                    error,
                    trend,
                    season,
                })
            })
        })
    }

    /// The numbers that are estimated: smoothing parameters, first states and the variance of the errors.
    pub fn parameters(self, season_length: usize) -> usize {
        let trend = match self.trend {
            Trend::None => 0,
            Trend::Additive => 2,
            Trend::Damped => 3,
        };
        let season = match self.season {
            Season::None => 0,
            // The last of the first indices follows from the others.
            Season::Additive | Season::Multiplicative => season_length,
        };
        3 + trend + season
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.error {
            ErrorKind::Additive => "A",
            ErrorKind::Multiplicative => "M",
        })?;
        f.write_str(match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        })?;
        f.write_str(match self.season {
            Season::None => "N",
            Season::Additive => "A",
            Season::Multiplicative => "M",
        })
    }
}
