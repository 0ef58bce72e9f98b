//! From a [`RunSpec`] to a [`Plan`]: the data is loaded, the defaults are filled in, the registers are
//! built, and the digest is taken.
//!
//! After this step nothing can be wrong with a spec any more: what a single series may still get wrong
//! (too short for a model) is an `error` of its tasks. Nothing is written here.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::error::{Problem, Sources, SpecError};
use super::read::read_text;
use super::symbols::{lines, no_element, pieces};
use super::types::{
    Analysis, Coefficients, ExperimentSpec, ForecastSpec, Kind, LfsrSpec, Mode, RunSpec, SCHEMA,
};
use crate::data::{self, DataError, DataSet, Import, Source, Watch};
use crate::experiment::plan::{Body, ForecastBody, LfsrBody, NamedModel, Plan, PlanDigest};
use crate::field::{Field, FieldError};
use crate::forecast::{ModelConfig, Setup};
use crate::lfsr::{Register, plan_ranges};

/// Above so many values in one series, the series of a data set travel by a mapped store, as they do where
/// they are too many for memory: it would not fit in a message.
const MAX_INLINE_SERIES: u64 = 6_000;

/// More numbers than these are not kept of one task: what a record of the journal holds for sure.
const MAX_RESULT_NUMBERS: u64 = 2_000_000;

/// A spec with everything looked up.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The tasks.
    pub plan: Plan,
    /// The spec with every default written, rows of files expanded and paths absolute.
    pub spec: RunSpec,
    /// What a person should be told about how the data was read.
    pub notes: Vec<String>,
    /// Experiments whose series are too large for messages. Before the first task their series must be
    /// written to a store, and [`Resolved::with_store`] told where.
    pub needs_store: Vec<NeedsStore>,
}

/// An experiment whose series are too large for messages, and perhaps for memory.
#[derive(Clone, Debug, PartialEq)]
pub struct NeedsStore {
    /// Its name.
    pub experiment: String,
    /// Where its series are read again, if they are not in memory.
    pub import: Import,
}

impl Resolved {
    /// Sends the series of an experiment by the mapped store in `folder`.
    pub fn with_store(mut self, experiment: &str, folder: String) -> Resolved {
        self.plan.set_store(experiment, folder);
        self.needs_store
            .retain(|needs| needs.experiment != experiment);
        self
    }
}

/// Looks up everything that a spec names. `spec_folder` is what its relative paths start from.
///
/// # Errors
///
/// [`SpecError`] for data that cannot be read or used, for a register that cannot be built or is too
/// large, and for more tasks than a plan can number.
pub fn resolve(spec: &RunSpec, spec_folder: &Path) -> Result<Resolved, SpecError> {
    resolve_watched(spec, spec_folder, &data::unwatched())
}

/// Likewise; `watch` is told how far the reading of data is.
///
/// # Errors
///
/// As [`resolve`].
pub fn resolve_watched(
    spec: &RunSpec,
    spec_folder: &Path,
    watch: &Watch,
) -> Result<Resolved, SpecError> {
    let mut resolver = Resolver {
        watch,
        seed: spec.seed.unwrap_or(0),
        folder: spec_folder,
        sources: spec.sources.clone(),
        experiments: Vec::new(),
        bodies: Vec::new(),
        canonical: Vec::new(),
        notes: Vec::new(),
        needs_store: Vec::new(),
    };
    for experiment in &spec.experiments {
        match &experiment.kind {
            Kind::Forecast(forecast) => resolver.forecast(experiment, forecast)?,
            Kind::Lfsr(lfsr) => resolver.lfsr(experiment, lfsr)?,
            #[cfg(feature = "fault")]
            Kind::Fault(fault) => resolver.fault(experiment, fault),
        }
    }
    resolver.finish(spec)
}

/// What the digest of a plan covers, in the order in which it covers it. A change here is a change of
/// every digest.
#[derive(Serialize)]
struct CanonicalPlan<'a> {
    schema: u32,
    seed: u64,
    experiments: &'a [CanonicalExperiment],
}

#[derive(Serialize)]
struct CanonicalExperiment {
    name: String,
    #[serde(flatten)]
    body: CanonicalBody,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum CanonicalBody {
    Forecast {
        mode: &'static str,
        data: String,
        series: usize,
        horizon: u32,
        season_length: CanonicalSeasons,
        models: Vec<(String, ModelConfig)>,
        // What came later is left out where it is as it always was, so that digests stay.
        #[serde(skip_serializing_if = "Option::is_none")]
        windows: Option<(u32, u32)>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        levels: Vec<f64>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fallbacks: Vec<(String, ModelConfig)>,
    },
    Lfsr {
        gf_order: u32,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        modulus: Vec<u32>,
        coefficients: Vec<u32>,
        analysis: String,
    },
    #[cfg(feature = "fault")]
    Fault {
        tasks: u32,
        action: String,
        every: u32,
        attempts: u32,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum CanonicalSeasons {
    One(u32),
    Several(Vec<u32>),
}

struct Resolver<'a> {
    watch: &'a Watch,
    seed: u64,
    folder: &'a Path,
    sources: Sources,
    experiments: Vec<ExperimentSpec>,
    bodies: Vec<(String, Body)>,
    canonical: Vec<CanonicalExperiment>,
    notes: Vec<String>,
    needs_store: Vec<NeedsStore>,
}

impl Resolver<'_> {
    fn push(&mut self, experiment: ExperimentSpec, body: Body, canonical: CanonicalBody) {
        let name = experiment.name.clone();
        self.canonical.push(CanonicalExperiment {
            name: name.clone(),
            body: canonical,
        });
        self.bodies.push((name, body));
        self.experiments.push(experiment);
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        let joined = self.folder.join(path);
        // It fails only for an empty path or without a current folder; then the path itself will do.
        std::path::absolute(&joined).unwrap_or(joined)
    }

    fn data_error(
        &self,
        experiment: &ExperimentSpec,
        keys: &[&str],
        reason: impl std::fmt::Display,
    ) -> SpecError {
        SpecError::new(Problem::Data {
            of: format!("experiment `{}`", experiment.name),
            reason: reason.to_string(),
        })
        .at(&self.sources, experiment.places.first(keys))
    }

    fn forecast(
        &mut self,
        experiment: &ExperimentSpec,
        spec: &ForecastSpec,
    ) -> Result<(), SpecError> {
        let data = spec.data.as_deref().map(|path| self.absolute(path));
        let source = source_of(spec, data.clone(), self.seed).ok_or_else(|| {
            self.data_error(
                experiment,
                &["mode", ""],
                "mode, data and frequency do not fit",
            )
        })?;
        let DataSet {
            series,
            default_horizon,
            default_season_length,
            layout,
            digest,
        } = data::load_watched(&source, spec.max_series, spec.horizon, self.watch).map_err(
            |error| {
                let keys: &[&str] = match error {
                    DataError::HorizonTooLong { .. } => &["horizon", "data", "mode", ""],
                    DataError::NoSuchFrequency { .. } => &["frequency", "mode", ""],
                    DataError::TooManySeries { .. } => &["max-series", ""],
                    _ => &["data", "mode", ""],
                };
                let reason = match error.source() {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                };
                self.data_error(experiment, keys, reason)
                    .with_hint_if(error.hint())
            },
        )?;
        // From here on: at least one series, and one that is longer than the horizon.
        let horizon = spec.horizon.unwrap_or(default_horizon);
        let setup = Setup {
            seasons: match &spec.seasons {
                Some(seasons) => seasons.clone(),
                None => vec![default_season_length],
            },
            horizon,
            windows: spec.windows.unwrap_or(1),
            step: spec.window_step.unwrap_or(horizon),
            levels: spec.levels.clone(),
        };
        self.check_size(experiment, &setup)?;
        let longest = series.longest() as u64;
        if !layout.is_empty() {
            self.notes.push(format!("{}: {layout}", experiment.name));
        }
        if !series.is_in_memory() || longest > MAX_INLINE_SERIES {
            self.needs_store.push(NeedsStore {
                experiment: experiment.name.clone(),
                import: Import {
                    source,
                    max_series: spec.max_series,
                    digest,
                },
            });
        }
        let canonical = CanonicalBody::Forecast {
            mode: spec.mode.name(),
            data: blake3::Hash::from_bytes(digest).to_hex().to_string(),
            series: series.len(),
            horizon,
            season_length: match &setup.seasons[..] {
                [one] => CanonicalSeasons::One(*one),
                several => CanonicalSeasons::Several(several.to_vec()),
            },
            models: spec
                .models
                .iter()
                .map(|model| (model.name.clone(), model.config.clone()))
                .collect(),
            windows: (setup.windows > 1).then_some((setup.windows, setup.step)),
            levels: setup.levels.clone(),
            fallbacks: spec
                .models
                .iter()
                .filter_map(|model| Some((model.name.clone(), model.fallback.clone()?)))
                .collect(),
        };
        let body = Body::Forecast(ForecastBody {
            series: Arc::new(series),
            store: None,
            models: spec
                .models
                .iter()
                .map(|model| NamedModel {
                    name: model.name.clone(),
                    config: model.config.clone(),
                    fallback: model.fallback.clone(),
                })
                .collect(),
            setup: setup.clone(),
        });
        let resolved = ExperimentSpec {
            kind: Kind::Forecast(ForecastSpec {
                data,
                horizon: Some(horizon),
                seasons: Some(setup.seasons),
                // One window has no step.
                windows: (setup.windows > 1).then_some(setup.windows),
                window_step: (setup.windows > 1).then_some(setup.step),
                ..spec.clone()
            }),
            ..experiment.clone()
        };
        self.push(resolved, body, canonical);
        Ok(())
    }

    /// Refuses results that no line of the journal holds.
    fn check_size(&self, experiment: &ExperimentSpec, setup: &Setup) -> Result<(), SpecError> {
        let windows = u64::from(setup.windows) + u64::from(setup.windows > 1);
        let each = 2 + 2 * setup.levels.len() as u64;
        let numbers = windows * u64::from(setup.horizon) * each;
        if numbers <= MAX_RESULT_NUMBERS {
            return Ok(());
        }
        let keys = ["windows", "level", "horizon", ""];
        let reason = format!(
            "a result would have {numbers} numbers (windows x horizon x forecasts, values and intervals), more than {MAX_RESULT_NUMBERS}"
        );
        Err(self
            .data_error(experiment, &keys, reason)
            .with_hint("ask for fewer windows, fewer levels or a shorter horizon"))
    }

    fn lfsr(&mut self, experiment: &ExperimentSpec, spec: &LfsrSpec) -> Result<(), SpecError> {
        match &spec.coefficients {
            Coefficients::Inline(row) => {
                self.register(experiment, spec, experiment.name.clone(), row.clone())
            }
            Coefficients::File(file) => {
                let file = self.absolute(file);
                let text = read_text(&file).map_err(|error| {
                    error.at(&self.sources, experiment.places.first(&["file", ""]))
                })?;
                let rows = read_rows(&text, &file, spec.gf_order)?;
                let several = rows.len() > 1;
                for (at, row) in rows.into_iter().enumerate() {
                    let name = match several {
                        true => format!("{}-{}", experiment.name, at + 1),
                        false => experiment.name.clone(),
                    };
                    self.register(experiment, spec, name, row)?;
                }
                Ok(())
            }
        }
    }

    fn register(
        &mut self,
        experiment: &ExperimentSpec,
        spec: &LfsrSpec,
        name: String,
        coefficients: Vec<u32>,
    ) -> Result<(), SpecError> {
        let field = Field::with_modulus(spec.gf_order, &spec.modulus).map_err(|error| {
            let key = match error {
                FieldError::TooSmall { .. }
                | FieldError::Composite { .. }
                | FieldError::TooLarge { .. } => "gf-order",
                FieldError::ModulusOfPrime { .. }
                | FieldError::ModulusCoefficient { .. }
                | FieldError::ModulusShape { .. }
                | FieldError::Reducible { .. } => "modulus",
            };
            let hint = error.hint();
            self.data_error(experiment, &[key, "gf-order", ""], error)
                .with_hint_if(hint)
        })?;
        let modulus = field.modulus().to_vec();
        let place = ["coefficients", "file", ""];
        let register = Register::over(field, &coefficients).map_err(|error| {
            let hint = error.hint();
            self.data_error(experiment, &place, error)
                .with_hint_if(hint)
        })?;
        let analysis = spec.analysis.unwrap_or_else(|| usual_analysis(&register));
        let ranges = match analysis {
            Analysis::Analytic => Vec::new(),
            Analysis::Enumerate | Analysis::Both => plan_ranges(&register).map_err(|error| {
                let hint = error.hint();
                self.data_error(experiment, &place, error)
                    .with_hint_if(hint)
            })?,
        };
        let resolved = ExperimentSpec {
            name,
            kind: Kind::Lfsr(LfsrSpec {
                modulus: modulus.clone(),
                coefficients: Coefficients::Inline(coefficients.clone()),
                analysis: Some(analysis),
                ..spec.clone()
            }),
            places: experiment.places.clone(),
        };
        let canonical = CanonicalBody::Lfsr {
            gf_order: spec.gf_order,
            modulus,
            coefficients,
            analysis: analysis.to_string(),
        };
        let is_analysed = analysis != Analysis::Enumerate;
        self.push(
            resolved,
            Body::Lfsr(LfsrBody {
                register,
                is_analysed,
                ranges,
            }),
            canonical,
        );
        Ok(())
    }

    #[cfg(feature = "fault")]
    fn fault(&mut self, experiment: &ExperimentSpec, spec: &super::types::FaultSpec) {
        let body = Body::Fault(crate::experiment::FaultBody {
            tasks: spec.tasks,
            action: spec.action.clone(),
            every: spec.every,
            attempts: spec.attempts,
        });
        let canonical = CanonicalBody::Fault {
            tasks: spec.tasks,
            action: spec.action.clone(),
            every: spec.every,
            attempts: spec.attempts,
        };
        self.push(experiment.clone(), body, canonical);
    }

    fn finish(self, spec: &RunSpec) -> Result<Resolved, SpecError> {
        // Names were unique before rows were expanded; they must be so after it.
        let mut names = std::collections::BTreeSet::new();
        for experiment in &self.experiments {
            if !names.insert(experiment.name.as_str()) {
                return Err(SpecError::new(Problem::Duplicate {
                    what: "experiments".into(),
                    name: experiment.name.clone(),
                })
                .at(&self.sources, experiment.places.first(&["name", ""]))
                .with_hint("row i of a file with several rows is the experiment NAME-i"));
            }
        }
        let canonical = CanonicalPlan {
            schema: SCHEMA,
            seed: self.seed,
            experiments: &self.canonical,
        };
        let bytes = serde_json::to_vec(&canonical).expect("it has string keys and no failing type");
        let digest = PlanDigest(*blake3::hash(&bytes).as_bytes());
        let plan = Plan::new(self.seed, digest, self.bodies)
            .map_err(|error| SpecError::new(Problem::TooManyTasks(error)))?;
        Ok(Resolved {
            plan,
            spec: RunSpec {
                seed: Some(self.seed),
                run: spec.run.clone(),
                experiments: self.experiments,
                sources: self.sources,
            },
            notes: self.notes,
            needs_store: self.needs_store,
        })
    }
}

fn source_of(spec: &ForecastSpec, data: Option<PathBuf>, seed: u64) -> Option<Source> {
    Some(match spec.mode {
        Mode::Synthetic => Source::Synthetic { seed },
        Mode::Competition(competition) => Source::Competition {
            competition,
            folder: data?,
            frequency: spec.frequency?,
        },
        Mode::Custom => Source::Custom { file: data? },
    })
}

/// So many states are enumerated without being asked to: a second of work.
const USUALLY_ENUMERATED: u64 = 1 << 28;

/// Both ways where both are affordable.
fn usual_analysis(register: &Register) -> Analysis {
    let states = u64::from(register.gf_order()).checked_pow(register.degree());
    match states {
        Some(states) if states <= USUALLY_ENUMERATED => Analysis::Both,
        _ => Analysis::Analytic,
    }
}

/// Reads a file of registers: one coefficient vector a row, c0 first, the numbers separated by commas,
/// semicolons or blanks; `#` starts a comment.
fn read_rows(text: &str, file: &Path, gf_order: u32) -> Result<Vec<Vec<u32>>, SpecError> {
    let mut sources = Sources::default();
    let source = sources.add_file(file, text);
    let of = "the file of coefficients".to_owned();
    let mut rows = Vec::new();
    for (line_start, line) in lines(text) {
        let mut row = Vec::new();
        for (at, piece) in pieces(line) {
            let number = piece.parse::<u32>().ok().filter(|n| *n < gf_order);
            let start = line_start + at;
            row.push(number.ok_or_else(|| {
                let (reason, hint) = no_element(piece, gf_order);
                let place = sources.place(source, start..start + piece.len());
                SpecError::new(Problem::BadValue {
                    field: "coefficients".into(),
                    of: of.clone(),
                    reason,
                })
                .at(&sources, Some(place))
                .with_hint(hint)
            })?);
        }
        if !row.is_empty() {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Err(SpecError::new(Problem::Unreadable {
            path: file.to_owned(),
            reason: "it has no row of coefficients".into(),
        })
        .with_hint("write one register a row: c0,c1,...,c(d-1)"));
    }
    Ok(rows)
}
