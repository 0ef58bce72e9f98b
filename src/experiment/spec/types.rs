//! The types of a spec: what a person wrote, understood but not yet looked up.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::error::{Place, Sources};
use super::start_method::StartMethod;
use super::value::{MaxTasks, OrNone, Retries, Size, TimeSpan, Workers};
use crate::data::{Competition, Frequency};
use crate::forecast::{ModelConfig, Parameter};

/// The format of specs that this version reads and writes.
pub const SCHEMA: u32 = 1;

/// What a person wrote. Two specs are equal when they say the same, wherever they say it.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The seed of the run: 0 to 2^63 - 1, the range of TOML's integers.
    pub seed: Option<u64>,
    /// How to run it.
    pub run: RunTable,
    /// What to run, in order.
    pub experiments: Vec<ExperimentSpec>,
    pub(super) sources: Sources,
}

impl RunSpec {
    /// The largest seed.
    pub const MAX_SEED: u64 = i64::MAX as u64;
}

impl PartialEq for RunSpec {
    fn eq(&self, other: &RunSpec) -> bool {
        self.seed == other.seed && self.run == other.run && self.experiments == other.experiments
    }
}

/// The `[run]` table: every field has a flag of the same name, which goes before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunTable {
    /// How workers are made; `auto`.
    pub start_method: Option<StartMethod>,
    /// How many at a time; `auto`.
    pub workers: Option<Workers>,
    /// Tasks in the life of a worker; 1.
    pub max_tasks_per_worker: Option<MaxTasks>,
    /// Limit of an attempt, counted from its start; 10 minutes.
    pub timeout: Option<OrNone<TimeSpan>>,
    /// Between a polite stop and a firm one; 2 s.
    pub grace: Option<TimeSpan>,
    /// Further attempts after a crash; 2.
    pub retries: Option<Retries>,
    /// Resident memory of a worker; no limit.
    pub memory: Option<OrNone<Size>>,
}

/// One `[[experiment]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentSpec {
    /// Its name, unique in the spec.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    pub(super) places: Places,
}

/// The kinds of experiment.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Models over series.
    Forecast(ForecastSpec),
    /// The state space of a shift register.
    Lfsr(LfsrSpec),
    /// Tasks that misbehave.
    #[cfg(feature = "fault")]
    Fault(FaultSpec),
}

/// A forecasting experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastSpec {
    /// Where the series come from.
    pub mode: Mode,
    /// The folder of a competition, or the file of `custom`.
    pub data: Option<PathBuf>,
    /// The part of a competition.
    pub frequency: Option<Frequency>,
    /// The first so many series, at least 1; all.
    pub max_series: Option<usize>,
    /// Steps to forecast, at least 1; the data's default.
    pub horizon: Option<u32>,
    /// Observations in each season, ascending, each at least 1; the data's default. The first is the one
    /// of the scores, and of models that know a single one.
    pub seasons: Option<Vec<u32>>,
    /// How often each series is cut, at least 1; once.
    pub windows: Option<u32>,
    /// Values from one cut to the next, at least 1; the horizon.
    pub window_step: Option<u32>,
    /// Levels of prediction intervals, in per cent; none.
    pub levels: Vec<f64>,
    /// The models, at least one.
    pub models: Vec<ModelSpec>,
}

/// A model with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Its unique name in the experiment: that of the model unless the spec gave another.
    pub name: String,
    /// What is run.
    pub config: ModelConfig,
    /// What is run where that cannot forecast a series; nothing.
    pub fallback: Option<ModelConfig>,
    /// The parameters as written, in the order of their names.
    pub(super) parameters: Vec<(String, Parameter)>,
}

/// Where series come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Made from the seed.
    Synthetic,
    /// A folder of the M3 or the M4 competition.
    Competition(Competition),
    /// A CSV or TSV file.
    Custom,
}

impl Mode {
    /// The words, as help shows them.
    pub const NAMES: [&str; 4] = ["synthetic", "m3", "m4", "custom"];

    /// The word that users write.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Synthetic => "synthetic",
            Mode::Competition(Competition::M3) => "m3",
            Mode::Competition(Competition::M4) => "m4",
            Mode::Custom => "custom",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Mode> {
        match name {
            "synthetic" => Some(Mode::Synthetic),
            "m3" => Some(Mode::Competition(Competition::M3)),
            "m4" => Some(Mode::Competition(Competition::M4)),
            "custom" => Some(Mode::Custom),
            _ => None,
        }
    }
}

/// An experiment on shift registers.
#[derive(Clone, Debug, PartialEq)]
pub struct LfsrSpec {
    /// Elements of the field: a prime power, at most 256.
    pub gf_order: u32,
    /// The modulus, from the lowest coefficient to the highest; empty for the usual one.
    pub modulus: Vec<u32>,
    /// The coefficients, or the file that has them.
    pub coefficients: Coefficients,
    /// How the state space is found out; by default in both ways where there are at most 2^28 states, by algebra alone
    /// beyond.
    pub analysis: Option<Analysis>,
}

/// Where the coefficients of a register are.
#[derive(Clone, Debug, PartialEq)]
pub enum Coefficients {
    /// Here: c0 to c(d-1), each below the order.
    Inline(Vec<u32>),
    /// In a file, one register a row.
    File(PathBuf),
}

/// How the state space of a register is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Analysis {
    /// By walking through every state.
    Enumerate,
    /// By algebra.
    Analytic,
    /// In both ways, which must agree.
    Both,
}

impl Analysis {
    /// The words that users write.
    pub(super) const NAMES: [&str; 3] = ["enumerate", "analytic", "both"];

    pub(super) fn from_name(name: &str) -> Option<Analysis> {
        match name {
            "enumerate" => Some(Analysis::Enumerate),
            "analytic" => Some(Analysis::Analytic),
            "both" => Some(Analysis::Both),
            _ => None,
        }
    }
}

impl fmt::Display for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Analysis::Enumerate => f.write_str("enumerate"),
            Analysis::Analytic => f.write_str("analytic"),
            Analysis::Both => f.write_str("both"),
        }
    }
}

/// Tasks that misbehave on purpose.
#[cfg(feature = "fault")]
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// How many tasks.
    pub tasks: u32,
    /// What the faulty ones do.
    pub action: String,
    /// One task in so many is faulty; 0 = none.
    pub every: u32,
    /// On the first so many attempts; 0 = always.
    pub attempts: u32,
}

/// Where the fields of an experiment were written. No two specs differ by it.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<String, Place>);

impl PartialEq for Places {
    fn eq(&self, _: &Places) -> bool {
        true
    }
}

impl Places {
    pub fn insert(&mut self, key: impl Into<String>, place: Place) {
        self.0.insert(key.into(), place);
    }

    /// The place of the first of the keys that was written.
    pub fn first(&self, keys: &[&str]) -> Option<Place> {
        keys.iter().find_map(|key| self.0.get(*key).copied())
    }
}
