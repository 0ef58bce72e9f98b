//! What is meant: flag > environment > spec > default, resolved once.
//!
//! The rest of the program reads [`Settings`] and never asks where a value came from, save for messages.
//! The environment is a function handed in, so a test needs none. An empty variable counts as unset. A
//! bad variable is an error even where a flag goes before it: it will be wrong the next time too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use fumehood::experiment::plan::Shard;
use fumehood::experiment::spec::{
    MaxTasks, OrNone, Retries, RunSpec, RunTable, Size, StartMethod, TimeSpan, ValueError, Workers,
};

use crate::cli::{Color, HowArgs, Output, Progress, TalkArgs, WhatArgs, parse_seed};

/// Limit of an attempt unless told otherwise.
pub const DEFAULT_TIMEOUT: TimeSpan = TimeSpan(Duration::from_secs(600));

/// Time between a polite stop and a firm one unless told otherwise.
pub const DEFAULT_GRACE: TimeSpan = TimeSpan(Duration::from_secs(2));

/// Further attempts after a crash unless told otherwise.
pub const DEFAULT_RETRIES: Retries = Retries(2);

/// Everything that decides how a run is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How workers are made.
    pub start_method: StartMethod,
    /// How many at a time.
    pub workers: Workers,
    /// Tasks before a worker is replaced.
    pub max_tasks: MaxTasks,
    /// Limit of an attempt, counted from its start; none = no limit.
    pub timeout: Option<Duration>,
    /// Between a polite stop and a firm one.
    pub grace: Duration,
    /// Further attempts after `crashed` or `oom`.
    pub retries: u32,
    /// Resident bytes of a worker; none = no limit.
    pub memory: Option<u64>,
    /// The run folder; none = a new one under `runs/`.
    pub run_dir: Option<PathBuf>,
    /// The part of the tasks that is run.
    pub shard: Shard,
    /// The seed of the run.
    pub seed: u64,
    /// How progress is shown.
    pub progress: Progress,
    /// Whether to use colour.
    pub color: Color,
    /// The form of the summary.
    pub output: Output,
    /// -1 = only what failed, 0 = as usual, 1 and up = more.
    pub verbosity: i8,
    /// Where the log goes besides stderr.
    pub log_file: Option<PathBuf>,
    origins: BTreeMap<&'static str, Origin>,
}

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// A variable of the environment.
    Environment,
    /// The spec.
    Spec,
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Flag => "flag",
            Origin::Environment => "environment",
            Origin::Spec => "spec",
            Origin::Default => "default",
        })
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable of the environment has a bad value.
    #[error("the environment variable {variable}: {message}")]
    Variable {
        /// Its name.
        variable: String,
        /// What is wrong.
        message: String,
        /// How to write it.
        hint: Option<String>,
    },
    /// `fork` where there is none.
    #[error("the start method `fork` needs Linux ({origin})")]
    NoFork {
        /// Who asked for it.
        origin: Origin,
    },
}

impl SettingsError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            SettingsError::Variable { hint, .. } => hint.clone(),
            SettingsError::NoFork { .. } => Some("use `auto` or `spawn`".to_owned()),
        }
    }
}

/// What settings are made of. `what` is absent for `resume`, whose plan is fixed.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// Flags: how to talk.
    pub talk: &'a TalkArgs,
    /// Flags: how to run.
    pub how: &'a HowArgs,
    /// Flags: what to run.
    pub what: Option<&'a WhatArgs>,
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// The `[run]` table of the spec.
    pub run: &'a RunTable,
    /// The seed of the spec.
    pub seed: Option<u64>,
}

impl Settings {
    /// Resolves the layers.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] for a bad variable, and for `fork` where there is none. Flags and the spec were
    /// checked when they were read.
    pub fn resolve(layers: Layers<'_>) -> Result<Settings, SettingsError> {
        let Layers {
            talk,
            how,
            what,
            environment,
            run,
            seed,
        } = layers;
        let mut pick = Picker {
            environment,
            origins: BTreeMap::new(),
        };
        let none = WhatArgs::default();
        let flags = what.unwrap_or(&none);

        let start_method = pick.value(
            "start-method",
            how.start_method,
            run.start_method,
            StartMethod::Auto,
        )?;
        let workers = pick.value("workers", how.workers, run.workers, Workers::Auto)?;
        let max_tasks = pick.value(
            "max-tasks-per-worker",
            how.max_tasks_per_worker,
            run.max_tasks_per_worker,
            MaxTasks::Count(1),
        )?;
        let timeout = pick.value(
            "timeout",
            how.timeout,
            run.timeout,
            OrNone(Some(DEFAULT_TIMEOUT)),
        )?;
        let grace = pick.value("grace", how.grace, run.grace, DEFAULT_GRACE)?;
        let retries = pick.value("retries", how.retries, run.retries, DEFAULT_RETRIES)?;
        let memory = pick.value("memory", how.memory, run.memory, OrNone::<Size>(None))?;
        let shard = pick.value("shard", how.shard, None, Shard::WHOLE)?;
        let seed = match what {
            Some(_) => pick.with("seed", flags.seed, seed, 0, |text| {
                parse_seed(text).map_err(|message| (message, None))
            })?,
            None => seed.unwrap_or(0),
        };
        let run_dir = match what {
            Some(_) => pick.path("run-dir", flags.run_dir.clone()),
            None => None,
        };
        let progress = pick.word("progress", talk.progress)?;
        let color = pick.word("color", talk.color)?;
        let output = pick.word("output", talk.output)?;
        let log_file = pick.path("log-file", talk.log_file.clone());
        let origins = pick.origins;

        if start_method == StartMethod::Fork && !fumehood::sys::fork_is_offered() {
            return Err(SettingsError::NoFork {
                origin: origins["start-method"],
            });
        }
        // Quiet is about what is said by itself; a bar that was asked for is shown.
        let progress = match progress {
            Progress::Auto if talk.quiet => Progress::None,
            progress => progress,
        };
        Ok(Settings {
            start_method,
            workers,
            max_tasks,
            timeout: timeout.0.map(|span| span.0),
            grace: grace.0,
            retries: retries.0,
            memory: memory.0.map(|size| size.0),
            run_dir,
            shard,
            seed,
            progress,
            color,
            output,
            verbosity: match talk.quiet {
                true => -1,
                false => i8::try_from(talk.verbose).unwrap_or(i8::MAX),
            },
            log_file,
            origins,
        })
    }

    /// Where the setting of this flag (without its dashes) came from.
    pub fn origin(&self, flag: &str) -> Origin {
        self.origins.get(flag).copied().unwrap_or(Origin::Default)
    }

    /// Writes the settings into a spec: with that its file says how the run was done, every default
    /// included.
    pub fn write_into(&self, spec: &mut RunSpec) {
        spec.seed = Some(self.seed);
        spec.run = RunTable {
            start_method: Some(self.start_method),
            workers: Some(self.workers),
            max_tasks_per_worker: Some(self.max_tasks),
            timeout: Some(OrNone(self.timeout.map(TimeSpan))),
            grace: Some(TimeSpan(self.grace)),
            retries: Some(Retries(self.retries)),
            memory: Some(OrNone(self.memory.map(Size))),
        };
    }
}

/// Picks each setting from its layers, and notes which one it took.
struct Picker<'a> {
    environment: &'a dyn Fn(&str) -> Option<OsString>,
    origins: BTreeMap<&'static str, Origin>,
}

impl Picker<'_> {
    fn variable(flag: &str) -> String {
        format!("SUPERVISOR_{}", flag.to_uppercase().replace('-', "_"))
    }

    fn raw(&self, flag: &str) -> Option<OsString> {
        (self.environment)(&Picker::variable(flag)).filter(|value| !value.is_empty())
    }

    fn with<T>(
        &mut self,
        name: &'static str,
        flag: Option<T>,
        spec: Option<T>,
        default: T,
        read: impl FnOnce(&str) -> Result<T, (String, Option<String>)>,
    ) -> Result<T, SettingsError> {
        let fail = |message: String, hint| SettingsError::Variable {
            variable: Picker::variable(name),
            message,
            hint,
        };
        let variable = match self.raw(name) {
            None => None,
            Some(value) => {
                let text = value
                    .to_str()
                    .ok_or_else(|| fail("it is not UTF-8".to_owned(), None))?;
                Some(read(text).map_err(|(message, hint)| fail(message, hint))?)
            }
        };
        let (value, origin) = match (flag, variable, spec) {
            (Some(value), _, _) => (value, Origin::Flag),
            (None, Some(value), _) => (value, Origin::Environment),
            (None, None, Some(value)) => (value, Origin::Spec),
            (None, None, None) => (default, Origin::Default),
        };
        self.origins.insert(name, origin);
        Ok(value)
    }

    fn value<T: FromStr<Err = ValueError>>(
        &mut self,
        name: &'static str,
        flag: Option<T>,
        spec: Option<T>,
        default: T,
    ) -> Result<T, SettingsError> {
        self.with(name, flag, spec, default, |text| {
            text.parse()
                .map_err(|error: ValueError| (error.to_string(), error.hint()))
        })
    }

    fn word<T: ValueEnum + Default>(
        &mut self,
        name: &'static str,
        flag: Option<T>,
    ) -> Result<T, SettingsError> {
        self.with(name, flag, None, T::default(), |text| {
            T::from_str(text.trim(), false).map_err(|_| {
                let known: Vec<String> = T::value_variants()
                    .iter()
                    .filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned()))
                    .collect();
                (
                    "the value is not known".to_owned(),
                    Some(format!("known: {}", known.join(", "))),
                )
            })
        })
    }

    /// A path may be of any bytes.
    fn path(&mut self, name: &'static str, flag: Option<PathBuf>) -> Option<PathBuf> {
        let (value, origin) = match (flag, self.raw(name)) {
            (Some(path), _) => (Some(path), Origin::Flag),
            (None, Some(value)) => (Some(PathBuf::from(value)), Origin::Environment),
            (None, None) => (None, Origin::Default),
        };
        self.origins.insert(name, origin);
        value
    }
}

#[cfg(test)]
mod tests;
