//! From text to a [`RunSpec`]: every field checked that can be checked without the data.

use std::path::{Path, PathBuf};

use super::document::{self, Builder, Node, Value};
use super::error::{Place, Problem, Sources, SpecError, suggest};
use super::fields::{Fields, table};
use super::types::{
    Analysis, Coefficients, ExperimentSpec, ForecastSpec, Kind, LfsrSpec, Mode, ModelSpec, Places,
    RunSpec, RunTable, SCHEMA,
};
use super::value::quoted;
use crate::data::Frequency;
use crate::forecast::{ModelConfig, Parameter};

/// The largest spec that is read, in bytes.
const MAX_SPEC: u64 = 16 << 20;

/// The longest name of an experiment or a model, in bytes.
const MAX_NAME: usize = 100;

/// Models that `supervisor forecast` runs unless told otherwise.
const DEFAULT_MODELS: &str = "naive,seasonal-naive,naive2,drift,ses,theta";

const TOP_FIELDS: [&str; 4] = ["schema", "seed", "run", "experiment"];

const RUN_FIELDS: [&str; 7] = [
    "start-method",
    "workers",
    "max-tasks-per-worker",
    "timeout",
    "grace",
    "retries",
    "memory",
];

const FORECAST_FIELDS: [&str; 9] = [
    "name",
    "kind",
    "mode",
    "data",
    "frequency",
    "max-series",
    "horizon",
    "season-length",
    "models",
];

const LFSR_FIELDS: [&str; 7] = [
    "name",
    "kind",
    "gf-order",
    "coefficients",
    "file",
    "modulus",
    "analysis",
];

#[cfg(feature = "fault")]
const FAULT_FIELDS: [&str; 6] = ["name", "kind", "tasks", "fault", "every", "attempts"];

#[cfg(not(feature = "fault"))]
const KINDS: [&str; 2] = ["forecast", "lfsr"];
#[cfg(feature = "fault")]
const KINDS: [&str; 3] = ["forecast", "lfsr", "fault"];

/// What the flags of `supervisor forecast` say, unread: [`RunSpec::for_forecast`] reads them as it
/// reads a spec.
#[derive(Clone, Debug, Default)]
pub struct ForecastArguments {
    /// `--mode`.
    pub mode: String,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--frequency`.
    pub frequency: Option<String>,
    /// `--models`, with its commas.
    pub models: Option<String>,
    /// `--max-series`.
    pub max_series: Option<u64>,
    /// `--test-size`.
    pub test_size: Option<u64>,
    /// `--seasonal-period`.
    pub seasonal_period: Option<u64>,
}

/// What the arguments of `supervisor lfsr` say, unread: [`RunSpec::for_lfsr`] reads them as it reads a
/// spec.
#[derive(Clone, Debug, Default)]
pub struct LfsrArguments {
    /// `FILE.csv`.
    pub file: Option<PathBuf>,
    /// `GF_ORDER`.
    pub gf_order: u64,
    /// `--coefficients`, with its commas.
    pub coefficients: Option<String>,
    /// `--analysis`.
    pub analysis: Option<String>,
}

impl RunSpec {
    /// Reads a spec from its text; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with the place.
    pub fn parse(text: &str, file: &Path) -> Result<RunSpec, SpecError> {
        RunSpec::parse_with(text, file, &[])
    }

    /// Likewise, with the values of `--set` put in before anything is understood: an error in one of
    /// them points at the flag.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with the place.
    pub fn parse_with(text: &str, file: &Path, sets: &[String]) -> Result<RunSpec, SpecError> {
        let mut sources = Sources::default();
        let source = sources.add_file(file, text);
        let root = document::parse(text, source, &sources)?;
        read_document(root, sources, sets)
    }

    /// Reads a spec from its file.
    ///
    /// # Errors
    ///
    /// [`SpecError`]; also for what is no regular file, not UTF-8, or larger than 16 MiB.
    pub fn read(file: &Path, sets: &[String]) -> Result<RunSpec, SpecError> {
        RunSpec::parse_with(&read_text(file)?, file, sets)
    }

    /// The built-in example: seeded synthetic series and two registers; no file, seconds.
    pub fn built_in() -> RunSpec {
        RunSpec::built_in_with(&[]).expect("a test reads it")
    }

    /// Likewise, with the values of `--set`.
    ///
    /// # Errors
    ///
    /// [`SpecError`] for a setting that cannot be.
    pub fn built_in_with(sets: &[String]) -> Result<RunSpec, SpecError> {
        RunSpec::parse_with(
            include_str!("built_in.toml"),
            Path::new("built-in.toml"),
            sets,
        )
    }

    /// The spec of `supervisor forecast`: one experiment named `forecast`.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with the flag.
    pub fn for_forecast(
        arguments: &ForecastArguments,
        sets: &[String],
    ) -> Result<RunSpec, SpecError> {
        let mut builder = Builder::new("forecast", "forecast");
        builder.text("mode", "--mode", &arguments.mode);
        if let Some(data) = &arguments.data {
            builder.path("data", "--data", data)?;
        }
        if let Some(frequency) = &arguments.frequency {
            builder.text("frequency", "--frequency", frequency);
        }
        let models = arguments.models.as_deref().unwrap_or(DEFAULT_MODELS);
        builder.list("models", "--models", models);
        let numbers = [
            ("max-series", "--max-series", arguments.max_series),
            ("horizon", "--test-size", arguments.test_size),
            (
                "season-length",
                "--seasonal-period",
                arguments.seasonal_period,
            ),
        ];
        for (key, flag, number) in numbers {
            if let Some(number) = number {
                builder.number(key, flag, number);
            }
        }
        let (root, sources) = builder.finish();
        read_document(root, sources, sets)
    }

    /// The spec of `supervisor lfsr`: one experiment named `lfsr`, or `lfsr-1`, `lfsr-2`, ... for the
    /// rows of a file that has several.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with the flag.
    pub fn for_lfsr(arguments: &LfsrArguments, sets: &[String]) -> Result<RunSpec, SpecError> {
        let mut builder = Builder::new("lfsr", "lfsr");
        builder.number("gf-order", "GF_ORDER", arguments.gf_order);
        if let Some(file) = &arguments.file {
            builder.path("file", "FILE", file)?;
        }
        if let Some(coefficients) = &arguments.coefficients {
            builder.list("coefficients", "--coefficients", coefficients);
        }
        if let Some(analysis) = &arguments.analysis {
            builder.text("analysis", "--analysis", analysis);
        }
        let (root, sources) = builder.finish();
        read_document(root, sources, sets)
    }
}

/// A text file, if it is one and of a size that a person may have written.
pub(super) fn read_text(file: &Path) -> Result<String, SpecError> {
    use std::io::Read;

    let fail = |reason: String| {
        SpecError::new(Problem::Unreadable {
            path: file.to_owned(),
            reason,
        })
    };
    // A pipe or a device could keep us for ever, so what it is comes before opening it.
    let metadata = std::fs::metadata(file).map_err(|error| fail(error.to_string()))?;
    if metadata.is_dir() {
        return Err(fail("it is a folder".into()));
    }
    if !metadata.is_file() {
        return Err(fail("it is no regular file".into()));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_SPEC + 1).read_to_end(&mut bytes))
        .map_err(|error| fail(error.to_string()))?;
    if bytes.len() as u64 > MAX_SPEC {
        return Err(fail("it is larger than 16 MiB".into()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        fail(format!("byte {at} is not UTF-8"))
    })
}

fn read_document(
    mut root: Node,
    mut sources: Sources,
    sets: &[String],
) -> Result<RunSpec, SpecError> {
    for text in sets {
        document::set(&mut root, text, &mut sources)?;
    }
    let top = table(&root, "the spec", &sources)?;
    let schema = top.number("schema", 0..=u64::MAX)?.ok_or_else(|| {
        top.missing("schema")
            .with_hint(format!("begin the file with `schema = {SCHEMA}`"))
    })?;
    if schema != u64::from(SCHEMA) {
        return Err(top
            .bad("schema", format!("{schema} is not known to this version"))
            .with_hint(format!("this version reads schema {SCHEMA}")));
    }
    let top = top.only(&TOP_FIELDS)?;
    let seed = top.number("seed", 0..=RunSpec::MAX_SEED)?;
    let run = match top.get("run") {
        None => RunTable::default(),
        Some(node) => read_run(table(node, "[run]", &sources)?)?,
    };
    let nodes = top.array("experiment").map_err(|error| {
        error.with_hint("an experiment begins with `[[experiment]]`, in two pairs of brackets")
    })?;
    let nodes = nodes.filter(|nodes| !nodes.is_empty()).ok_or_else(|| {
        top.missing("experiment")
            .with_hint("an experiment begins with `[[experiment]]`")
    })?;
    let mut experiments: Vec<ExperimentSpec> = Vec::with_capacity(nodes.len());
    let mut names = std::collections::BTreeSet::new();
    for (at, node) in nodes.iter().enumerate() {
        let experiment = read_experiment(node, at, &sources)?;
        if !names.insert(experiment.name.clone()) {
            return Err(SpecError::new(Problem::Duplicate {
                what: "experiments".into(),
                name: experiment.name,
            })
            .at(&sources, experiment.places.first(&["name"]))
            .with_hint("the name is part of every task's id: give each experiment its own"));
        }
        experiments.push(experiment);
    }
    Ok(RunSpec {
        seed,
        run,
        experiments,
        sources,
    })
}

fn read_run(fields: Fields<'_>) -> Result<RunTable, SpecError> {
    let fields = fields.only(&RUN_FIELDS)?;
    Ok(RunTable {
        start_method: fields.parsed("start-method")?,
        workers: fields.parsed("workers")?,
        max_tasks_per_worker: fields.parsed("max-tasks-per-worker")?,
        timeout: fields.parsed("timeout")?,
        grace: fields.parsed("grace")?,
        retries: fields.parsed("retries")?,
        memory: fields.parsed("memory")?,
    })
}

fn read_experiment(node: &Node, at: usize, sources: &Sources) -> Result<ExperimentSpec, SpecError> {
    let mut fields = table(node, &format!("experiment {}", at + 1), sources)?;
    let name = match fields.text("name")? {
        Some(name) => name,
        None => {
            // A slip in `name` is the likelier reason than its absence.
            let known: Vec<&str> = FORECAST_FIELDS.into_iter().chain(LFSR_FIELDS).collect();
            fields.only(&known)?;
            return Err(table(node, &format!("experiment {}", at + 1), sources)?
                .missing("name")
                .with_hint("give it a name: it is part of every task's id"));
        }
    };
    check_name(&fields, "name", name, fields.place_of("name"))?;
    fields.of = format!("experiment `{name}`");
    let kind = fields.text("kind")?.ok_or_else(|| {
        fields
            .missing("kind")
            .with_hint(format!("known: {}", KINDS.join(", ")))
    })?;
    let mut places = Places::default();
    places.insert("", fields.place);
    for entry in fields.entries() {
        places.insert(entry.key.clone(), entry.node.place);
        if let Value::Array(items) = &entry.node.value {
            for (at, item) in items.iter().enumerate() {
                places.insert(format!("{}.{at}", entry.key), item.place);
            }
        }
    }
    let kind = match kind {
        "forecast" => Kind::Forecast(read_forecast(fields.only(&FORECAST_FIELDS)?)?),
        "lfsr" => Kind::Lfsr(read_lfsr(fields.only(&LFSR_FIELDS)?)?),
        #[cfg(feature = "fault")]
        "fault" => Kind::Fault(read_fault(fields.only(&FAULT_FIELDS)?)?),
        other => {
            return Err(fields
                .bad("kind", format!("unknown kind {}", quoted(other)))
                .with_hint(suggest(other, &KINDS)));
        }
    };
    Ok(ExperimentSpec {
        name: name.to_owned(),
        kind,
        places,
    })
}

/// A name is a part of task ids, of messages and perhaps of file names, so it is of few letters.
fn check_name(fields: &Fields<'_>, field: &str, name: &str, place: Place) -> Result<(), SpecError> {
    const HINT: &str = "a name has letters, digits, `-`, `_` and `.`, and does not start with `.`";
    let fail = |why: &str| {
        Err(fields
            .bad_at(field, format!("the name {} {why}", quoted(name)), place)
            .with_hint(HINT))
    };
    if name.is_empty() {
        return fail("is empty");
    }
    if name.len() > MAX_NAME {
        return fail("is longer than 100 characters");
    }
    if name.starts_with('.') {
        return fail("starts with `.`");
    }
    match name
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
    {
        Some(c) => fail(&format!("has {c:?} in it")),
        None => Ok(()),
    }
}

fn read_forecast(fields: Fields<'_>) -> Result<ForecastSpec, SpecError> {
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
        season_length: read_season_length(&fields)?,
        models: read_models(&fields)?,
    })
}

fn read_season_length(fields: &Fields<'_>) -> Result<Option<u32>, SpecError> {
    const KEY: &str = "season-length";
    let Some(node) = fields.get(KEY) else {
        return Ok(None);
    };
    let node = match &node.value {
        Value::Array(items) => match items.as_slice() {
            [single] => single,
            _ => {
                return Err(fields
                    .bad(KEY, "lists of several seasons are not built yet")
                    .with_hint("give a single one"));
            }
        },
        _ => node,
    };
    fields
        .number_of(KEY, node, 1..=1_000_000)
        .map(|n| Some(n as u32))
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
    let mut models: Vec<ModelSpec> = Vec::with_capacity(nodes.len());
    let mut names = std::collections::BTreeSet::new();
    for node in nodes {
        let model = read_model(fields, node)?;
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
                if entry.key == "model" || entry.key == "name" {
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
                        .filter(|entry| entry.key != "model" && entry.key != "name")
                        .find(|entry| text.contains(&format!("`{}`", entry.key)));
                    let place = match refused {
                        Some(entry) => entry.key_place,
                        None => place,
                    };
                    error.at(fields.sources, Some(place))
                })?;
            check_name(&table, "name", name, table.place_of("name"))?;
            Ok(ModelSpec {
                name: name.to_owned(),
                config,
                parameters,
            })
        }
        _ => Err(fields.wrong_type("models", "a list of names and tables", node)),
    }
}

fn read_lfsr(fields: Fields<'_>) -> Result<LfsrSpec, SpecError> {
    let order = fields.required("gf-order")?;
    let gf_order = fields
        .number_of("gf-order", order, 2..=256)
        .map_err(|error| error.with_hint("the order of a field is a prime power, at most 256"))?
        as u32;
    if fields
        .array("modulus")?
        .is_some_and(|modulus| !modulus.is_empty())
    {
        return Err(fields
            .bad("modulus", "a modulus of your own is not built yet")
            .with_hint("leave it out: the default is the Conway polynomial"));
    }
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
        None | Some("enumerate") => Analysis::Enumerate,
        Some(word @ ("analytic" | "both")) => {
            return Err(fields
                .bad("analysis", format!("`{word}` is not built yet"))
                .with_hint("only `enumerate` is; it is the default"));
        }
        Some(word) => {
            return Err(fields
                .bad("analysis", format!("unknown analysis {}", quoted(word)))
                .with_hint(suggest(word, &["enumerate"])));
        }
    };
    Ok(LfsrSpec {
        gf_order,
        coefficients,
        analysis,
    })
}

#[cfg(feature = "fault")]
fn read_fault(fields: Fields<'_>) -> Result<super::types::FaultSpec, SpecError> {
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
        every: number("every", 1, 1)?,
        attempts: number("attempts", 0, 0)?,
    })
}
