//! `supervisor resume`: goes on with a run from its folder alone.

use fumehood::experiment::spec::{RunSpec, resolve_watched};
use fumehood::record::{Manifest, RunFolder};

use super::folder::Place;
use super::reading::watch;
use super::session::{Job, Session};
use super::{Ended, Failure};
use crate::cli::{ResumeCommand, TalkArgs};
use crate::settings::{Layers, Origin, Settings};

fn hint() -> Option<String> {
    Some(String::from(
        "name the folder of a run, such as `runs/latest`",
    ))
}

/// Runs what has no terminal record; with `--retry failed` also what ended badly.
///
/// # Errors
///
/// [`Failure`].
pub fn run(command: &ResumeCommand, talk: &TalkArgs) -> Result<Ended, Failure> {
    // `runs/latest` is a link: the folder it names is meant.
    let path = std::fs::canonicalize(&command.run_dir).map_err(|error| {
        Failure::usage(format!("{}: {error}", command.run_dir.display())).hint(hint())
    })?;
    let folder =
        RunFolder::open(&path).map_err(|error| Failure::usage(error.to_string()).hint(hint()))?;
    let spec = RunSpec::read(&folder.spec(), &[])?;
    let mut settings = Settings::resolve(Layers {
        talk,
        how: &command.how,
        what: None,
        environment: &|name| std::env::var_os(name),
        run: &spec.run,
        seed: spec.seed,
    })?;
    // A folder that was made for one shard goes on with that shard, unless told otherwise.
    if settings.origin("shard") == Origin::Default
        && let Some(manifest) = Manifest::read(&folder)?
    {
        settings.shard = manifest.shard;
    }
    let mut resolved = resolve_watched(&spec, folder.path(), &watch("reading series", &settings))?;
    settings.write_into(&mut resolved.spec);
    Session::run(Job {
        resolved,
        settings,
        place: Place::Named(path),
        only: None,
        retry_failed: command.retry.is_some(),
    })
}
