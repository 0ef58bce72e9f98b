//! The fields of each kind of experiment.

use std::path::PathBuf;

use super::document::{Node, Value};
use super::error::{Place, Problem, SpecError, suggest};
use super::fields::{Fields, table};
use super::read::check_name;
use super::types::{Analysis, Coefficients, ForecastSpec, LfsrSpec, Mode, ModelSpec};
use super::value::quoted;
use crate::data::Frequency;
use crate::forecast::{ModelConfig, Parameter};

pub(super) fn read_forecast(fields: Fields<'_>) -> Result<ForecastSpec, SpecError> {
    let word = fields.text("mode")?.ok_or_else(|| {
        fields
            .missing("mode")
            .with_hint(format!("known: {}", Mode::NAMES.join(", ")))
    })?;
    let mode = Mode::from_name(word).ok_or_else(|| {
        fields
            .bad("mode", format!("unknown mode {}", quoted(word)))
            .with_hint(suggest(word, &Mode::NAMES))
    })?;
    let data = fields.text("data")?;
    let frequency = match fields.text("frequency")? {
        None => None,
        Some(word) => Some(word.parse::<Frequency>().map_err(|error| {
            let hint = error.hint();
            fields.bad("frequency", error).with_hint_if(hint)
        })?),
    };
    match mode {
        Mode::Synthetic if data.is_some() => {
            return Err(fields
                .bad("data", "mode `synthetic` reads no data")
                .with_hint("leave it out, or say mode = \"custom\""));
        }
        Mode::Competition(_) | Mode::Custom if data.is_none() => {
            let what = match mode {
                Mode::Custom => "a CSV or TSV file",
                _ => "the competition's folder",
            };
            return Err(fields
                .missing("data")
                .with_hint(format!("mode `{}` needs {what}", mode.name())));
        }
        Mode::Competition(_) if frequency.is_none() => {
            return Err(fields.missing("frequency").with_hint(format!(
                "mode `{}` needs the part of the competition, such as \"monthly\"",
                mode.name()
            )));
        }
        Mode::Synthetic | Mode::Custom if frequency.is_some() => {
            return Err(fields
                .bad("frequency", format!("mode `{}` has none", mode.name()))
                .with_hint("leave it out; `season-length` says what a season is"));
        }
        _ => {}
    }
    if data == Some("") {
        return Err(fields.bad("data", "the path is empty"));
    }
    Ok(ForecastSpec {
        mode,
        data: data.map(PathBuf::from),
        frequency,
        max_series: fields
            .number("max-series", 1..=u64::from(u32::MAX))?
            .map(|n| n as usize),
        horizon: fields.number("horizon", 1..=1_000_000)?.map(|n| n as u32),
        seasons: read_seasons(&fields)?,
        windows: fields
            .number("windows", 1..=u64::from(MOST_WINDOWS))?
            .map(|n| n as u32),
        window_step: fields
            .number("window-step", 1..=1_000_000)?
            .map(|n| n as u32),
        levels: read_levels(&fields)?,
        models: read_models(&fields)?,
    })
}

/// The most windows of one series.
const MOST_WINDOWS: u32 = 10_000;
/// The most seasons of one series.
const MOST_SEASONS: usize = 4;
/// The most levels of one experiment.
const MOST_LEVELS: usize = 8;

fn read_seasons(fields: &Fields<'_>) -> Result<Option<Vec<u32>>, SpecError> {
    const KEY: &str = "season-length";
    let Some(node) = fields.get(KEY) else {
        return Ok(None);
    };
    let nodes = items(node);
    if nodes.is_empty() || nodes.len() > MOST_SEASONS {
        let reason = format!("{} seasons are asked for", nodes.len());
        return Err(fields
            .bad(KEY, reason)
            .with_hint(format!("give one, or a list of at most {MOST_SEASONS}")));
    }
    let mut seasons: Vec<u32> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let season = fields.number_of(KEY, node, 1..=1_000_000)? as u32;
        if seasons.last().is_some_and(|before| season <= *before) {
            return Err(fields
                .bad_at(
                    KEY,
                    format!("{season} does not follow what is before it"),
                    node.place,
                )
                .with_hint("list each season once, from the shortest to the longest"));
        }
        seasons.push(season);
    }
    Ok(Some(seasons))
}

fn read_levels(fields: &Fields<'_>) -> Result<Vec<f64>, SpecError> {
    const KEY: &str = "level";
    let Some(node) = fields.get(KEY) else {
        return Ok(Vec::new());
    };
    let nodes = items(node);
    if nodes.is_empty() || nodes.len() > MOST_LEVELS {
        let reason = format!("{} levels are asked for", nodes.len());
        return Err(fields
            .bad(KEY, reason)
            .with_hint(format!("give one, or a list of at most {MOST_LEVELS}")));
    }
    let mut levels: Vec<f64> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let level = match &node.value {
            Value::Integer(Some(number)) => *number as f64,
            Value::Float(number) => *number,
            // What a flag could not read as a whole number.
            Value::Text(text) => text
                .parse()
                .map_err(|_| fields.wrong_type(KEY, "a number", node))?,
            _ => return Err(fields.wrong_type(KEY, "a number", node)),
        };
        if !(level > 0.0 && level < 100.0) {
            return Err(fields
                .bad_at(KEY, format!("{level} is not between 0 and 100"), node.place)
                .with_hint("a level is in per cent, such as 80 or 95"));
        }
        if levels.contains(&level) {
            return Err(fields.bad_at(KEY, format!("{level} is there twice"), node.place));
        }
        levels.push(level);
    }
    Ok(levels)
}

/// The items of a list, or the one that is no list.
fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::Array(items) => items,
        _ => std::slice::from_ref(node),
    }
}

fn read_models(fields: &Fields<'_>) -> Result<Vec<ModelSpec>, SpecError> {
    let nodes = fields.array("models")?.ok_or_else(|| {
        fields
            .missing("models")
            .with_hint("name at least one, as in models = [\"naive\", \"theta\"]")
    })?;
    if nodes.is_empty() {
        return Err(fields
            .bad("models", "the list is empty")
            .with_hint("name at least one, as in models = [\"naive\", \"theta\"]"));
    }
    let fallback = read_fallback(fields, fields)?;
    let mut models: Vec<ModelSpec> = Vec::with_capacity(nodes.len());
    let mut names = std::collections::BTreeSet::new();
    for node in nodes {
        let mut model = read_model(fields, node)?;
        // That of all is for those that have none of their own and are not it.
        if model.fallback.is_none() && fallback.as_ref().is_some_and(|f| *f != model.config) {
            model.fallback.clone_from(&fallback);
        }
        if !names.insert(model.name.clone()) {
            return Err(SpecError::new(Problem::Duplicate {
                what: format!("models of {}", fields.of),
                name: model.name.clone(),
            })
            .at(fields.sources, Some(node.place))
            .with_hint(format!(
                "give one a name of its own: {{ model = \"{}\", name = \"...\" }}",
                model.config.name()
            )));
        }
        models.push(model);
    }
    Ok(models)
}

/// The fallback that a table names: that of an experiment, or of a model in it.
fn read_fallback(
    table: &Fields<'_>,
    experiment: &Fields<'_>,
) -> Result<Option<ModelConfig>, SpecError> {
    const KEY: &str = "fallback";
    let Some(name) = table.text(KEY)? else {
        return Ok(None);
    };
    match ModelConfig::from_parameters(name, &[]) {
        Ok(config) => Ok(Some(config)),
        Err(error) => {
            let hint = error.hint();
            let problem = Problem::Model {
                reason: format!("as a fallback: {error}"),
                of: experiment.of.clone(),
            };
            Err(SpecError::new(problem)
                .at(table.sources, Some(table.place_of(KEY)))
                .with_hint_if(hint))
        }
    }
}

/// The keys of a model's table that are no parameters of the model.
const NO_PARAMETERS: [&str; 3] = ["model", "name", "fallback"];

fn read_model(fields: &Fields<'_>, node: &Node) -> Result<ModelSpec, SpecError> {
    let build = |model: &str, place: Place, parameters: &[(String, Parameter)]| {
        ModelConfig::from_parameters(model, parameters).map_err(|error| {
            let reason = error.to_string();
            let hint = error.hint();
            let problem = Problem::Model {
                reason,
                of: fields.of.clone(),
            };
            (SpecError::new(problem).with_hint_if(hint), place)
        })
    };
    match &node.value {
        Value::Text(model) => match build(model, node.place, &[]) {
            Ok(config) => Ok(ModelSpec {
                name: model.clone(),
                config,
                fallback: None,
                parameters: Vec::new(),
            }),
            Err((error, place)) => Err(error.at(fields.sources, Some(place))),
        },
        Value::Table(entries) => {
            let table = table(node, &format!("a model of {}", fields.of), fields.sources)?;
            let model = table.text("model")?.ok_or_else(|| {
                table
                    .missing("model")
                    .with_hint("as in { model = \"naive\" }")
            })?;
            let name = table.text("name")?.unwrap_or(model);
            let mut parameters = Vec::new();
            for entry in entries {
                if NO_PARAMETERS.contains(&entry.key.as_str()) {
                    continue;
                }
                let value = match &entry.node.value {
                    Value::Text(text) => Parameter::Text(text.clone()),
                    // Larger ones would not be the number that was written.
                    Value::Integer(Some(n)) if n.unsigned_abs() <= 1 << 53 => {
                        Parameter::Number(*n as f64)
                    }
                    Value::Float(x) if x.is_finite() => Parameter::Number(*x),
                    Value::Flag(flag) => Parameter::Flag(*flag),
                    Value::Integer(_) | Value::Float(_) => {
                        return Err(table.bad(&entry.key, "the number is out of range"));
                    }
                    _ => {
                        let expected = "a number, a string or a boolean";
                        return Err(table.wrong_type(&entry.key, expected, &entry.node));
                    }
                };
                parameters.push((entry.key.clone(), value));
            }
            // An order of our own, so that two ways to write one model are one model.
            parameters.sort_by(|a, b| a.0.cmp(&b.0));
            let config =
                build(model, table.place_of("model"), &parameters).map_err(|(error, place)| {
                    // The model's reader names the parameter that it refuses; show that one.
                    let text = error.to_string();
                    let refused = entries
                        .iter()
                        .filter(|entry| !NO_PARAMETERS.contains(&entry.key.as_str()))
                        .find(|entry| text.contains(&format!("`{}`", entry.key)));
                    let place = match refused {
                        Some(entry) => entry.key_place,
                        None => place,
                    };
                    error.at(fields.sources, Some(place))
                })?;
            check_name(&table, "name", name, table.place_of("name"))?;
            let fallback = read_fallback(&table, fields)?;
            if fallback.as_ref() == Some(&config) {
                return Err(table
                    .bad("fallback", format!("`{model}` cannot stand in for itself"))
                    .with_hint("name another model"));
            }
            Ok(ModelSpec {
                name: name.to_owned(),
                config,
                fallback,
                parameters,
            })
        }
        _ => Err(fields.wrong_type("models", "a list of names and tables", node)),
    }
}

pub(super) fn read_lfsr(fields: Fields<'_>) -> Result<LfsrSpec, SpecError> {
    let order = fields.required("gf-order")?;
    let gf_order = fields
        .number_of("gf-order", order, 2..=256)
        .map_err(|error| error.with_hint("the order of a field is a prime power, at most 256"))?
        as u32;
    let modulus = fields
        .array("modulus")?
        .unwrap_or_default()
        .iter()
        .map(|node| fields.number_of("modulus", node, 0..=255).map(|n| n as u32))
        .collect::<Result<Vec<u32>, SpecError>>()?;
    let coefficients = match (fields.array("coefficients")?, fields.text("file")?) {
        (Some(_), Some(_)) => {
            return Err(fields
                .bad("file", "`coefficients` and `file` exclude each other")
                .with_hint("leave one out"));
        }
        (None, None) => {
            return Err(fields
                .missing("coefficients")
                .with_hint("write c0 to c(d-1), as in [1, 1, 0, 1], or name a `file` of rows"));
        }
        (None, Some("")) => return Err(fields.bad("file", "the path is empty")),
        (None, Some(file)) => Coefficients::File(PathBuf::from(file)),
        (Some(nodes), None) => {
            if nodes.is_empty() {
                return Err(fields
                    .bad("coefficients", "the list is empty")
                    .with_hint("write c0 to c(d-1), as in [1, 1, 0, 1]"));
            }
            let max = u64::from(gf_order) - 1;
            let list = nodes
                .iter()
                .map(|node| {
                    fields
                        .number_of("coefficients", node, 0..=max)
                        .map(|n| n as u32)
                        .map_err(|error| {
                            error
                                .with_hint(format!("the elements of GF({gf_order}) are 0 to {max}"))
                        })
                })
                .collect::<Result<Vec<u32>, SpecError>>()?;
            Coefficients::Inline(list)
        }
    };
    let analysis = match fields.text("analysis")? {
        None => None,
        Some(word) => Some(Analysis::from_name(word).ok_or_else(|| {
            fields
                .bad("analysis", format!("unknown analysis {}", quoted(word)))
                .with_hint(suggest(word, &Analysis::NAMES))
        })?),
    };
    Ok(LfsrSpec {
        gf_order,
        modulus,
        coefficients,
        analysis,
    })
}

#[cfg(feature = "fault")]
pub(super) fn read_fault(fields: Fields<'_>) -> Result<super::types::FaultSpec, SpecError> {
    let action = fields
        .text("fault")?
        .ok_or_else(|| fields.missing("fault"))?;
    let limit = u64::from(u32::MAX);
    let number = |key: &str, least: u64, default: u32| {
        let read = fields.number(key, least..=limit)?;
        Ok::<u32, SpecError>(read.map_or(default, |n| n as u32))
    };
    fields.required("tasks")?;
    Ok(super::types::FaultSpec {
        tasks: number("tasks", 0, 0)?,
        action: action.to_owned(),
        every: number("every", 0, 1)?,
        attempts: number("attempts", 0, 0)?,
    })
}
