//! A model as plain data: what a spec asks for and what travels to a worker.
//!
//! A spec gives a name and parameters as text and numbers; [`ModelConfig::from_parameters`] checks them
//! once, where a user can still be told. From there on a config is right by construction, and
//! [`ModelConfig::build`] cannot fail.

use serde::{Deserialize, Serialize};

use super::models::{
    Comb, Criterion, Damped, Drift, ErrorKind, Ets, Holt, Model, Mstl, Naive, Naive2, Season,
    SeasonalNaive, Ses, Slope, Theta, Transform, Trend,
};
use super::nearest::nearest;
use super::parameters::{Given, Parameter};

/// A model and all its parameters.
///
/// Encoded by position, so variants are added at the end only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ModelConfig {
    /// The last value, for ever.
    Naive,
    /// The last season, for ever.
    SeasonalNaive,
    /// Naive on the seasonally adjusted series.
    Naive2,
    /// The straight line through the first and the last value.
    Drift,
    /// Simple exponential smoothing of the seasonally adjusted series.
    Ses,
    /// The classic Theta method on the seasonally adjusted series.
    Theta,
    /// Exponential smoothing, its form chosen for each series.
    Ets(Ets),
    /// Holt's linear trend on the seasonally adjusted series.
    Holt(Slope),
    /// Holt's trend, damped.
    Damped(Slope),
    /// The mean of ses, holt and damped.
    Comb(Slope),
    /// Seasons by MSTL, the rest by exponential smoothing.
    Mstl(Mstl),
}

impl ModelConfig {
    /// The names of all models, in the order in which they are listed to users.
    pub const NAMES: &'static [&'static str] = &[
        "naive",
        "seasonal-naive",
        "naive2",
        "drift",
        "ses",
        "holt",
        "damped",
        "comb",
        "theta",
        "ets",
        "mstl",
    ];

    /// The config of the model `name` with the parameters that a spec gives it. Those it does not give
    /// keep their defaults.
    ///
    /// # Errors
    ///
    /// [`ModelConfigError`] where no model has that name, or the model does not have such a parameter, or
    /// not with such a value.
    pub fn from_parameters(
        name: &str,
        parameters: &[(String, Parameter)],
    ) -> Result<ModelConfig, ModelConfigError> {
        let mut given = Given::new(name, parameters);
        let config = match name {
            "naive" => ModelConfig::Naive,
            "seasonal-naive" => ModelConfig::SeasonalNaive,
            "naive2" => ModelConfig::Naive2,
            "drift" => ModelConfig::Drift,
            "ses" => ModelConfig::Ses,
            "holt" => ModelConfig::Holt(read_slope(&mut given)?),
            "damped" => ModelConfig::Damped(read_slope(&mut given)?),
            "comb" => ModelConfig::Comb(read_slope(&mut given)?),
            "theta" => ModelConfig::Theta,
            "ets" => ModelConfig::Ets(read_ets(&mut given)?),
            "mstl" => ModelConfig::Mstl(read_mstl(&mut given)?),
            _ => {
                return Err(ModelConfigError::UnknownModel {
                    name: name.to_owned(),
                });
            }
        };
        given.finish()?;
        Ok(config)
    }

    /// The name of the model, one of [`ModelConfig::NAMES`].
    pub fn name(&self) -> &'static str {
        match self {
            ModelConfig::Naive => "naive",
            ModelConfig::SeasonalNaive => "seasonal-naive",
            ModelConfig::Naive2 => "naive2",
            ModelConfig::Drift => "drift",
            ModelConfig::Ses => "ses",
            ModelConfig::Holt(_) => "holt",
            ModelConfig::Damped(_) => "damped",
            ModelConfig::Comb(_) => "comb",
            ModelConfig::Theta => "theta",
            ModelConfig::Ets(_) => "ets",
            ModelConfig::Mstl(_) => "mstl",
        }
    }

    /// The model itself.
    pub fn build(&self) -> Box<dyn Model> {
        match self {
            ModelConfig::Naive => Box::new(Naive),
            ModelConfig::SeasonalNaive => Box::new(SeasonalNaive),
            ModelConfig::Naive2 => Box::new(Naive2),
            ModelConfig::Drift => Box::new(Drift),
            ModelConfig::Ses => Box::new(Ses),
            ModelConfig::Holt(slope) => Box::new(Holt(*slope)),
            ModelConfig::Damped(slope) => Box::new(Damped(*slope)),
            ModelConfig::Comb(slope) => Box::new(Comb(*slope)),
            ModelConfig::Theta => Box::new(Theta),
            ModelConfig::Ets(ets) => Box::new(*ets),
            ModelConfig::Mstl(mstl) => Box::new(*mstl),
        }
    }
}

fn read_ets(given: &mut Given<'_>) -> Result<Ets, ModelConfigError> {
    let default = Ets::default();
    Ok(Ets {
        error: given.choice(
            "error",
            &[
                ("auto", None),
                ("additive", Some(ErrorKind::Additive)),
                ("multiplicative", Some(ErrorKind::Multiplicative)),
            ],
            default.error,
        )?,
        trend: given.choice(
            "trend",
            &[
                ("auto", None),
                ("none", Some(Trend::None)),
                ("additive", Some(Trend::Additive)),
                ("damped", Some(Trend::Damped)),
            ],
            default.trend,
        )?,
        season: given.choice(
            "season",
            &[
                ("auto", None),
                ("none", Some(Season::None)),
                ("additive", Some(Season::Additive)),
                ("multiplicative", Some(Season::Multiplicative)),
            ],
            default.season,
        )?,
        criterion: given.choice(
            "criterion",
            &[
                ("aicc", Criterion::Aicc),
                ("aic", Criterion::Aic),
                ("bic", Criterion::Bic),
            ],
            default.criterion,
        )?,
        beta_limit: read_beta_limit(given, default.beta_limit)?,
    })
}

fn read_slope(given: &mut Given<'_>) -> Result<Slope, ModelConfigError> {
    let beta_limit = read_beta_limit(given, Slope::default().beta_limit)?;
    Ok(Slope { beta_limit })
}

fn read_beta_limit(given: &mut Given<'_>, default: f64) -> Result<f64, ModelConfigError> {
    given.number("beta-limit", 0.0001..=1.0, default)
}

fn read_mstl(given: &mut Given<'_>) -> Result<Mstl, ModelConfigError> {
    let default = Mstl::default();
    Ok(Mstl {
        window: given.odd("window", 7..=1_001, default.window)?,
        transform: given.choice(
            "transform",
            &[("none", Transform::None), ("log", Transform::Log)],
            default.transform,
        )?,
    })
}

/// A spec asks for a model that does not exist, or for a parameter that it does not have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelConfigError {
    /// No model has this name.
    #[error("no model is named `{name}`")]
    UnknownModel {
        /// As it was given.
        name: String,
    },
    /// The model does not have this parameter.
    #[error("the model `{model}` has no parameter `{parameter}`")]
    UnknownParameter {
        /// The name of the model.
        model: String,
        /// As it was given.
        parameter: String,
        /// The parameters that the model has.
        known: Vec<&'static str>,
    },
    /// The parameter cannot have this value.
    #[error("the parameter `{parameter}` of the model `{model}` is {expected}, not {given}")]
    Unusable {
        /// The name of the model.
        model: String,
        /// The name of the parameter.
        parameter: &'static str,
        /// As it was given.
        given: String,
        /// What it can be.
        expected: String,
        /// What was probably meant.
        hint: Option<String>,
    },
}

impl ModelConfigError {
    /// What the user may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ModelConfigError::UnknownModel { name } => {
                Some(match nearest(name, ModelConfig::NAMES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the models are {}", ModelConfig::NAMES.join(", ")),
                })
            }
            ModelConfigError::UnknownParameter {
                model,
                parameter,
                known,
            } => Some(match nearest(parameter, known.as_slice()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("`{model}` takes no parameters"),
                None => format!("the parameters of `{model}` are {}", known.join(", ")),
            }),
            ModelConfigError::Unusable { hint, .. } => hint.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_builds_a_model_of_that_name_that_passes_its_self_test() {
        for name in ModelConfig::NAMES {
            let config = ModelConfig::from_parameters(name, &[]).expect("a listed name");
            assert_eq!(config.name(), *name);
            assert_eq!(config.build().self_test(), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_config_survives_the_wire() {
        for name in ModelConfig::NAMES {
            let config = ModelConfig::from_parameters(name, &[]).expect("a listed name");
            let bytes = postcard::to_stdvec(&config).expect("plain data");
            assert_eq!(postcard::from_bytes(&bytes), Ok(config));
        }
    }

    #[test]
    fn unknown_models_are_refused_with_the_nearest_name() {
        let error = ModelConfig::from_parameters("Naive-2", &[]).expect_err("no such model");
        assert_eq!(error.to_string(), "no model is named `Naive-2`");
        assert_eq!(error.hint().as_deref(), Some("did you mean `naive2`?"));
        let error = ModelConfig::from_parameters("gpt", &[]).expect_err("no such model");
        assert_eq!(
            error.hint().as_deref(),
            Some(
                "the models are naive, seasonal-naive, naive2, drift, ses, holt, damped, comb, theta, ets, mstl"
            )
        );
    }

    #[test]
    fn unknown_parameters_are_refused_and_name_the_model() {
        let given = [("alpha".to_owned(), Parameter::Number(0.5))];
        let error = ModelConfig::from_parameters("ses", &given).expect_err("no such parameter");
        assert_eq!(
            error.to_string(),
            "the model `ses` has no parameter `alpha`"
        );
        assert_eq!(error.hint().as_deref(), Some("`ses` takes no parameters"));
    }

    fn text(name: &str, value: &str) -> (String, Parameter) {
        (name.to_owned(), Parameter::Text(value.to_owned()))
    }

    fn number(name: &str, value: f64) -> (String, Parameter) {
        (name.to_owned(), Parameter::Number(value))
    }

    #[test]
    fn parameters_change_what_they_name_and_nothing_else() {
        let given = [
            text("error", "multiplicative"),
            text("trend", "damped"),
            number("beta-limit", 1.0),
        ];
        assert_eq!(
            ModelConfig::from_parameters("ets", &given),
            Ok(ModelConfig::Ets(Ets {
                error: Some(ErrorKind::Multiplicative),
                trend: Some(Trend::Damped),
                beta_limit: 1.0,
                ..Ets::default()
            }))
        );
        let given = [text("transform", "log"), number("window", 7.0)];
        assert_eq!(
            ModelConfig::from_parameters("mstl", &given),
            Ok(ModelConfig::Mstl(Mstl {
                window: 7,
                transform: Transform::Log,
            }))
        );
    }

    #[test]
    fn the_default_words_are_the_defaults() {
        let given = ["error", "trend", "season"].map(|name| text(name, "auto"));
        assert_eq!(
            ModelConfig::from_parameters("ets", &given),
            ModelConfig::from_parameters("ets", &[])
        );
    }

    #[test]
    fn values_that_a_parameter_cannot_have_are_refused() {
        for (model, given, message, hint) in [
            (
                "ets",
                text("trend", "dampened"),
                "the parameter `trend` of the model `ets` is one of auto, none, additive, damped, not \"dampened\"",
                Some("did you mean `damped`?"),
            ),
            (
                "ets",
                number("beta-limit", 1.5),
                "the parameter `beta-limit` of the model `ets` is a number from 0.0001 to 1, not 1.5",
                None,
            ),
            (
                "ets",
                ("season".to_owned(), Parameter::Flag(true)),
                "the parameter `season` of the model `ets` is one of auto, none, additive, multiplicative, not true",
                None,
            ),
            (
                "mstl",
                number("window", 8.0),
                "the parameter `window` of the model `mstl` is an odd number from 7 to 1001, not 8",
                None,
            ),
        ] {
            let error = ModelConfig::from_parameters(model, &[given]).expect_err("unusable");
            assert_eq!(error.to_string(), message);
            assert_eq!(error.hint().as_deref(), hint);
        }
        let error = ModelConfig::from_parameters("ets", &[text("seasons", "none")])
            .expect_err("no such parameter");
        assert_eq!(error.hint().as_deref(), Some("did you mean `season`?"));
        let error = ModelConfig::from_parameters("ets", &[text("alpha", "none")])
            .expect_err("no such parameter");
        assert_eq!(
            error.hint().as_deref(),
            Some("the parameters of `ets` are error, trend, season, criterion, beta-limit")
        );
    }
}
