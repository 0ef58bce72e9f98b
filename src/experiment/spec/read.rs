//! From text to a [`RunSpec`]: every field checked that can be checked without the data.

use std::io::Read;
use std::path::Path;

use super::document::{self, Node, Value};
use super::error::{Place, Problem, Sources, SpecError, suggest};
use super::fields::{Fields, table};
#[cfg(feature = "fault")]
use super::kinds::read_fault;
use super::kinds::{read_forecast, read_lfsr};
use super::types::{ExperimentSpec, Kind, Places, RunSpec, RunTable, SCHEMA};
use super::value::quoted;

/// The largest spec that is read, in bytes.
const MAX_SPEC: u64 = 16 << 20;

/// The longest name of an experiment or a model, in bytes.
const MAX_NAME: usize = 100;

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

const FORECAST_FIELDS: [&str; 13] = [
    "name",
    "kind",
    "mode",
    "data",
    "frequency",
    "max-series",
    "horizon",
    "season-length",
    "windows",
    "window-step",
    "level",
    "fallback",
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
}

/// A text file, if it is one and of a size that a person may have written.
pub(super) fn read_text(file: &Path) -> Result<String, SpecError> {
    let fail = |reason: String| unreadable(file, reason);
    // A pipe or a device could keep us for ever, so what it is comes before opening it.
    let metadata = std::fs::metadata(file).map_err(|error| fail(error.to_string()))?;
    if metadata.is_dir() {
        return Err(fail("it is a folder".into()));
    }
    if !metadata.is_file() {
        return Err(fail("it is no regular file".into()));
    }
    let open = std::fs::File::open(file).map_err(|error| fail(error.to_string()))?;
    text_from(open, file)
}

/// What comes by standard input, of the same size at most.
pub(super) fn read_stdin() -> Result<String, SpecError> {
    text_from(std::io::stdin().lock(), Path::new("standard input"))
}

fn text_from(reader: impl Read, name: &Path) -> Result<String, SpecError> {
    let fail = |reason: String| unreadable(name, reason);
    let mut bytes = Vec::new();
    reader
        .take(MAX_SPEC + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fail(error.to_string()))?;
    if bytes.len() as u64 > MAX_SPEC {
        return Err(fail("it is larger than 16 MiB".into()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (line, column) = end_of(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        fail(format!("line {line}, column {column} is not UTF-8 text"))
    })
}

fn unreadable(file: &Path, reason: String) -> SpecError {
    SpecError::new(Problem::Unreadable {
        path: file.to_owned(),
        reason,
    })
}

/// The line and the column, both from 1, of what comes after this text.
fn end_of(text: &[u8]) -> (usize, usize) {
    let line = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let last = text
        .rsplit(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    (line, column)
}

pub(super) fn read_document(
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
pub(super) fn check_name(
    fields: &Fields<'_>,
    field: &str,
    name: &str,
    place: Place,
) -> Result<(), SpecError> {
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
