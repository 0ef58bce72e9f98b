//! A model as plain data: what a spec asks for and what travels to a worker.
//!
//! A spec gives a name and parameters as text and numbers; [`ModelConfig::from_parameters`] checks them
//! once, where a user can still be told. From there on a config is right by construction, and
//! [`ModelConfig::build`] cannot fail.

use serde::{Deserialize, Serialize};

use super::models::{Drift, Model, Naive, Naive2, SeasonalNaive, Ses, Theta};
use super::nearest::nearest;

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
}

/// The value of a parameter as a spec gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// A number, whole or not.
    Number(f64),
    /// A text.
    Text(String),
    /// True or false.
    Flag(bool),
}

impl ModelConfig {
    /// The names of all models, in the order in which they are listed to users.
    pub const NAMES: &'static [&'static str] =
        &["naive", "seasonal-naive", "naive2", "drift", "ses", "theta"];

    /// The config of the model `name` with the parameters that a spec gives it. Those it does not give
    /// keep their defaults.
    ///
    /// # Errors
    ///
    /// [`ModelConfigError`] where no model has that name, or the model does not have such a parameter.
    pub fn from_parameters(
        name: &str,
        parameters: &[(String, Parameter)],
    ) -> Result<ModelConfig, ModelConfigError> {
        let config = match name {
            "naive" => ModelConfig::Naive,
            "seasonal-naive" => ModelConfig::SeasonalNaive,
            "naive2" => ModelConfig::Naive2,
            "drift" => ModelConfig::Drift,
            "ses" => ModelConfig::Ses,
            "theta" => ModelConfig::Theta,
            _ => {
                return Err(ModelConfigError::UnknownModel {
                    name: name.to_owned(),
                });
            }
        };
        match parameters.first() {
            None => Ok(config),
            Some((parameter, _)) => Err(ModelConfigError::UnknownParameter {
                model: config.name(),
                parameter: parameter.clone(),
                known: config.parameters(),
            }),
        }
    }

    /// The name of the model, one of [`ModelConfig::NAMES`].
    pub fn name(&self) -> &'static str {
        match self {
            ModelConfig::Naive => "naive",
            ModelConfig::SeasonalNaive => "seasonal-naive",
            ModelConfig::Naive2 => "naive2",
            ModelConfig::Drift => "drift",
            ModelConfig::Ses => "ses",
            ModelConfig::Theta => "theta",
        }
    }

    /// The names of the parameters of the model.
    fn parameters(&self) -> &'static [&'static str] {
        match self {
            ModelConfig::Naive
            | ModelConfig::SeasonalNaive
            | ModelConfig::Naive2
            | ModelConfig::Drift
            | ModelConfig::Ses
            | ModelConfig::Theta => &[],
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
            ModelConfig::Theta => Box::new(Theta),
        }
    }
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
        model: &'static str,
        /// As it was given.
        parameter: String,
        /// The parameters that the model has.
        known: &'static [&'static str],
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
            } => Some(match nearest(parameter, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("`{model}` takes no parameters"),
                None => format!("the parameters of `{model}` are {}", known.join(", ")),
            }),
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
            Some("the models are naive, seasonal-naive, naive2, drift, ses, theta")
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
}
