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

        if start_method == StartMethod::Fork && !cfg!(target_os = "linux") {
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
mod tests {
    use super::*;

    fn resolve(
        how: &HowArgs,
        what: Option<&WhatArgs>,
        talk: &TalkArgs,
        variables: &[(&str, &str)],
        run: &RunTable,
        seed: Option<u64>,
    ) -> Result<Settings, SettingsError> {
        Settings::resolve(Layers {
            talk,
            how,
            what,
            environment: &|name| {
                variables
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| OsString::from(value))
            },
            run,
            seed,
        })
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let settings = resolve(
            &HowArgs::default(),
            Some(&WhatArgs::default()),
            &TalkArgs::default(),
            &[],
            &RunTable::default(),
            None,
        )
        .unwrap();
        assert_eq!(settings.start_method, StartMethod::Auto);
        assert_eq!(settings.workers, Workers::Auto);
        assert_eq!(settings.max_tasks, MaxTasks::Count(1));
        assert_eq!(settings.timeout, Some(Duration::from_secs(600)));
        assert_eq!(settings.grace, Duration::from_secs(2));
        assert_eq!(settings.retries, 2);
        assert_eq!(settings.memory, None);
        assert_eq!(settings.run_dir, None);
        assert_eq!(settings.shard, Shard::WHOLE);
        assert_eq!(settings.seed, 0);
        assert_eq!(settings.progress, Progress::Auto);
        assert_eq!(settings.output, Output::Table);
        assert_eq!(settings.verbosity, 0);
        assert_eq!(settings.origin("workers"), Origin::Default);
    }

    #[test]
    fn a_flag_goes_before_the_environment_before_the_spec_before_the_default() {
        // Each row: whether flag, environment and spec speak; the workers and the origin that follow.
        let table = [
            (true, true, true, 2, Origin::Flag),
            (true, true, false, 2, Origin::Flag),
            (true, false, true, 2, Origin::Flag),
            (true, false, false, 2, Origin::Flag),
            (false, true, true, 3, Origin::Environment),
            (false, true, false, 3, Origin::Environment),
            (false, false, true, 4, Origin::Spec),
            (false, false, false, 0, Origin::Default),
        ];
        for (flag, variable, spec, workers, origin) in table {
            let how = HowArgs {
                workers: flag.then_some(Workers::Count(2)),
                timeout: flag.then_some(OrNone(None)),
                ..HowArgs::default()
            };
            let what = WhatArgs {
                seed: flag.then_some(2),
                ..WhatArgs::default()
            };
            let run = RunTable {
                workers: spec.then_some(Workers::Count(4)),
                timeout: spec.then_some(OrNone(Some(TimeSpan(Duration::from_secs(4))))),
                ..RunTable::default()
            };
            let variables: &[(&str, &str)] = match variable {
                true => &[
                    ("SUPERVISOR_WORKERS", "3"),
                    ("SUPERVISOR_TIMEOUT", "3s"),
                    ("SUPERVISOR_SEED", "3"),
                ],
                false => &[],
            };
            let settings = resolve(
                &how,
                Some(&what),
                &TalkArgs::default(),
                variables,
                &run,
                spec.then_some(4),
            )
            .unwrap();
            let (expected, timeout) = match workers {
                0 => (Workers::Auto, Some(600)),
                2 => (Workers::Count(2), None),
                n => (Workers::Count(n), Some(u64::from(n))),
            };
            assert_eq!(settings.workers, expected);
            assert_eq!(settings.timeout, timeout.map(Duration::from_secs));
            assert_eq!(settings.seed, u64::from(workers));
            for name in ["workers", "timeout", "seed"] {
                assert_eq!(settings.origin(name), origin, "{name}");
            }
        }
    }

    #[test]
    fn every_run_flag_has_its_variable() {
        let settings = resolve(
            &HowArgs::default(),
            Some(&WhatArgs::default()),
            &TalkArgs::default(),
            &[
                ("SUPERVISOR_START_METHOD", "inline"),
                ("SUPERVISOR_MAX_TASKS_PER_WORKER", "auto"),
                ("SUPERVISOR_GRACE", "1s"),
                ("SUPERVISOR_RETRIES", "0"),
                ("SUPERVISOR_MEMORY", "1GiB"),
                ("SUPERVISOR_RUN_DIR", "out"),
                ("SUPERVISOR_SHARD", "1/2"),
                ("SUPERVISOR_PROGRESS", "none"),
                ("SUPERVISOR_COLOR", "always"),
                ("SUPERVISOR_OUTPUT", "csv"),
                ("SUPERVISOR_LOG_FILE", "log"),
                ("SUPERVISOR_WORKERS", ""),
            ],
            &RunTable::default(),
            None,
        )
        .unwrap();
        assert_eq!(settings.start_method, StartMethod::Inline);
        assert_eq!(settings.max_tasks, MaxTasks::Auto);
        assert_eq!(settings.grace, Duration::from_secs(1));
        assert_eq!(settings.retries, 0);
        assert_eq!(settings.memory, Some(1 << 30));
        assert_eq!(settings.run_dir, Some("out".into()));
        assert_eq!(settings.shard, Shard { index: 1, count: 2 });
        assert_eq!(settings.progress, Progress::None);
        assert_eq!(settings.color, Color::Always);
        assert_eq!(settings.output, Output::Csv);
        assert_eq!(settings.log_file, Some("log".into()));
        assert_eq!(settings.origin("workers"), Origin::Default);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let cases = [
            (
                ("SUPERVISOR_WORKERS", "0"),
                "the environment variable SUPERVISOR_WORKERS: 0 workers can do nothing",
                "write a number from 1 to 4096, or `auto`",
            ),
            (
                ("SUPERVISOR_TIMEOUT", "1000000000000000000s"),
                "the environment variable SUPERVISOR_TIMEOUT: `1000000000000000000s` is no length of time",
                "write a number and a unit: ms, s, m, h or d, as in `90s`",
            ),
            (
                ("SUPERVISOR_OUTPUT", "xml"),
                "the environment variable SUPERVISOR_OUTPUT: the value is not known",
                "known: table, json, csv",
            ),
        ];
        for (variable, message, hint) in cases {
            let error = resolve(
                &HowArgs::default(),
                Some(&WhatArgs::default()),
                &TalkArgs::default(),
                &[variable],
                &RunTable::default(),
                None,
            )
            .unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.hint().as_deref(), Some(hint));
        }
    }

    #[test]
    fn resume_takes_its_seed_from_the_run_and_nowhere_else() {
        let settings = resolve(
            &HowArgs::default(),
            None,
            &TalkArgs::default(),
            &[
                ("SUPERVISOR_SEED", "9"),
                ("SUPERVISOR_RUN_DIR", "elsewhere"),
            ],
            &RunTable::default(),
            Some(5),
        )
        .unwrap();
        assert_eq!(settings.seed, 5);
        assert_eq!(settings.run_dir, None);
    }

    #[test]
    fn quiet_silences_progress_unless_it_was_asked_for() {
        for (asked, shown) in [(None, Progress::None), (Some(Progress::Bar), Progress::Bar)] {
            let talk = TalkArgs {
                quiet: true,
                progress: asked,
                ..TalkArgs::default()
            };
            let settings = resolve(
                &HowArgs::default(),
                None,
                &talk,
                &[],
                &RunTable::default(),
                None,
            )
            .unwrap();
            assert_eq!(settings.progress, shown);
            assert_eq!(settings.verbosity, -1);
        }
    }

    #[test]
    fn written_into_a_spec_they_are_read_back() {
        let how = HowArgs {
            memory: Some(OrNone(Some(Size(3 << 30)))),
            timeout: Some(OrNone(None)),
            ..HowArgs::default()
        };
        let talk = TalkArgs::default();
        let what = WhatArgs::default();
        let first = resolve(&how, Some(&what), &talk, &[], &RunTable::default(), Some(6)).unwrap();
        let mut spec = RunSpec::built_in();
        first.write_into(&mut spec);
        let read = RunSpec::parse(&spec.to_toml(), "spec.toml".as_ref()).unwrap();
        assert_eq!(read, spec);
        let again = resolve(
            &HowArgs::default(),
            Some(&what),
            &talk,
            &[],
            &read.run,
            read.seed,
        )
        .unwrap();
        assert_eq!(again.timeout, first.timeout);
        assert_eq!(again.memory, first.memory);
        assert_eq!(again.seed, 6);
        assert_eq!(again.workers, first.workers);
    }
}
