//! The parameters that a spec gives a model: read one by one, each against what it can be.

use std::fmt;
use std::ops::RangeInclusive;

use super::config::ModelConfigError;
use super::nearest::nearest;

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

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::Number(number) => write!(f, "{number}"),
            Parameter::Text(text) => write!(f, "\"{}\"", text.escape_debug()),
            Parameter::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// The parameters that a spec gives a model, taken out one by one.
pub(super) struct Given<'a> {
    model: &'a str,
    parameters: &'a [(String, Parameter)],
    /// The names of those that the model has.
    known: Vec<&'static str>,
}

impl<'a> Given<'a> {
    pub fn new(model: &'a str, parameters: &'a [(String, Parameter)]) -> Given<'a> {
        Given {
            model,
            parameters,
            known: Vec::new(),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Parameter> {
        self.known.push(name);
        self.parameters
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value)
    }

    /// One of several words.
    pub fn choice<T: Clone>(
        &mut self,
        name: &'static str,
        choices: &[(&'static str, T)],
        default: T,
    ) -> Result<T, ModelConfigError> {
        let Some(value) = self.take(name) else {
            return Ok(default);
        };
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        match value {
            Parameter::Text(text) => choices
                .iter()
                .find(|(word, _)| word == text)
                .map(|(_, choice)| choice.clone())
                .ok_or_else(|| {
                    let near = nearest(text, &words).map(|near| format!("did you mean `{near}`?"));
                    self.unusable(name, value, format!("one of {}", words.join(", ")), near)
                }),
            _ => Err(self.unusable(name, value, format!("one of {}", words.join(", ")), None)),
        }
    }

    /// A number of a range.
    pub fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Result<f64, ModelConfigError> {
        match self.take(name) {
            None => Ok(default),
            Some(Parameter::Number(number)) if range.contains(number) => Ok(*number),
            Some(value) => {
                let expected = format!("a number from {} to {}", range.start(), range.end());
                Err(self.unusable(name, value, expected, None))
            }
        }
    }

    /// An odd number of a range.
    pub fn odd(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, ModelConfigError> {
        let Some(value) = self.take(name) else {
            return Ok(default);
        };
        range
            .clone()
            .step_by(2)
            .find(|odd| *value == Parameter::Number(f64::from(*odd)))
            .ok_or_else(|| {
                let expected = format!("an odd number from {} to {}", range.start(), range.end());
                self.unusable(name, value, expected, None)
            })
    }

    fn unusable(
        &self,
        parameter: &'static str,
        value: &Parameter,
        expected: String,
        hint: Option<String>,
    ) -> ModelConfigError {
        ModelConfigError::Unusable {
            model: self.model.to_owned(),
            parameter,
            given: value.to_string(),
            expected,
            hint,
        }
    }

    /// What was not taken is unknown.
    pub fn finish(self) -> Result<(), ModelConfigError> {
        let known = self.known;
        match self
            .parameters
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((parameter, _)) => Err(ModelConfigError::UnknownParameter {
                model: self.model.to_owned(),
                parameter: parameter.clone(),
                known,
            }),
        }
    }
}
