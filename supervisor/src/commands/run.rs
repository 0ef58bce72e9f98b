//! `run`, `forecast`, `lfsr` and `plan`: a spec becomes a plan, and the plan is run or shown.

use std::path::{Path, PathBuf};

use fumehood::experiment::plan::Shard;
use fumehood::experiment::spec::{Resolved, RunSpec, resolve_watched};

use super::folder::Place;
use super::reading::watch;
use super::session::{Job, Session};
use super::{Ended, Failure};
use crate::cli::{
    ForecastCommand, HowArgs, LfsrCommand, PlanCommand, RunCommand, TalkArgs, WhatArgs,
};
use crate::settings::{Layers, Settings};

/// `supervisor run`.
///
/// # Errors
///
/// [`Failure`].
pub fn run(command: &RunCommand, talk: &TalkArgs) -> Result<Ended, Failure> {
    let (spec, folder) = read(command.spec.as_deref(), &command.what)?;
    let prepared = prepare(spec, &folder, &command.what, &command.how, talk)?;
    if command.dry_run {
        return super::plan::show(&prepared.resolved, &prepared.settings);
    }
    prepared.go(&command.what)
}

/// `supervisor plan`.
///
/// # Errors
///
/// [`Failure`].
pub fn plan(command: &PlanCommand, talk: &TalkArgs) -> Result<Ended, Failure> {
    let (spec, folder) = read(command.spec.as_deref(), &command.what)?;
    let prepared = prepare(spec, &folder, &command.what, &command.how, talk)?;
    super::plan::show(&prepared.resolved, &prepared.settings)
}

/// `supervisor forecast`.
///
/// # Errors
///
/// [`Failure`].
pub fn forecast(command: &ForecastCommand, talk: &TalkArgs) -> Result<Ended, Failure> {
    let spec = RunSpec::for_forecast(&command.arguments(), &command.what.set)?;
    prepare(spec, Path::new("."), &command.what, &command.how, talk)?.go(&command.what)
}

/// `supervisor lfsr`.
///
/// # Errors
///
/// [`Failure`].
pub fn lfsr(command: &LfsrCommand, talk: &TalkArgs) -> Result<Ended, Failure> {
    let spec = RunSpec::for_lfsr(&command.arguments(), &command.what.set)?;
    prepare(spec, Path::new("."), &command.what, &command.how, talk)?.go(&command.what)
}

/// The spec that was named, or the built-in example; and the folder its paths start from.
fn read(spec: Option<&Path>, what: &WhatArgs) -> Result<(RunSpec, PathBuf), Failure> {
    match spec {
        None => Ok((RunSpec::built_in_with(&what.set)?, PathBuf::from("."))),
        Some(file) => {
            let folder = match file.parent() {
                Some(parent) if parent != Path::new("") => parent.to_path_buf(),
                _ => PathBuf::from("."),
            };
            Ok((RunSpec::read(file, &what.set)?, folder))
        }
    }
}

/// The variable that says the same as a `--set run.KEY=VALUE`, or `--set seed=N`.
fn variable_of(set: &str) -> Option<String> {
    let (key, _) = set.split_once('=')?;
    let key = key.trim();
    let name = key
        .strip_prefix("run.")
        .or((key == "seed").then_some(key))?;
    Some(format!(
        "SUPERVISOR_{}",
        name.replace('-', "_").to_uppercase()
    ))
}

/// A spec with everything looked up. Nothing has been written.
struct Prepared {
    resolved: Resolved,
    settings: Settings,
}

fn prepare(
    mut spec: RunSpec,
    folder: &Path,
    what: &WhatArgs,
    how: &HowArgs,
    talk: &TalkArgs,
) -> Result<Prepared, Failure> {
    let set_keys: Vec<String> = what.set.iter().filter_map(|set| variable_of(set)).collect();
    let settings = Settings::resolve(Layers {
        talk,
        how,
        what: Some(what),
        // A typed `--set run.KEY` goes before the environment, as every flag does.
        environment: &|name| match set_keys.iter().any(|key| key == name) {
            true => None,
            false => std::env::var_os(name),
        },
        run: &spec.run,
        seed: spec.seed,
    })?;
    spec.seed = Some(settings.seed);
    let mut resolved = resolve_watched(&spec, folder, &watch("reading series", &settings))?;
    settings.write_into(&mut resolved.spec);
    Ok(Prepared { resolved, settings })
}

impl Prepared {
    fn go(self, what: &WhatArgs) -> Result<Ended, Failure> {
        let only = match &what.only {
            None => None,
            Some(id) => Some(self.resolved.plan.find(id).ok_or_else(|| {
                Failure::usage(format!("the plan has no task `{id}`"))
                    .hint(Some(String::from("`supervisor plan` lists the tasks")))
            })?),
        };
        if let Some(id) = what
            .only
            .as_deref()
            .filter(|id| !self.settings.shard.holds(id))
        {
            let Shard { index, count } = self.settings.shard;
            return Err(
                Failure::usage(format!("the task `{id}` is not in shard {index}/{count}")).hint(
                    Some(String::from(
                        "leave out --shard, or name the shard it is in",
                    )),
                ),
            );
        }
        let place = Place::of(self.settings.run_dir.as_deref())?;
        Session::run(Job {
            resolved: self.resolved,
            settings: self.settings,
            place,
            only,
            retry_failed: false,
        })
    }
}
