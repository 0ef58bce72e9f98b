//! Whatever text is taken for a spec: a plan, or an error that shows its place or says what to do.
//!
//! A spec that is read is written and read again to an equal one, and so is a resolved one. What it means is
//! the same each time: the same digest, the same tasks, and for the resolved spec the same as for what was
//! written. Every task has an id of its own, by which it is found and which can be shown anywhere, and lies in
//! exactly one of any number of shards.
//!
//! The input is the text of the spec and, each behind a byte of zero, the values of `--set`. No file is
//! opened: a spec that names one is read and written but not resolved. Synthetic series are two at most, since
//! making them is slow and no concern of this target.

#![no_main]

use std::collections::HashSet;
use std::path::Path;

use fumehood::experiment::plan::{Plan, Shard};
use fumehood::experiment::spec::{Coefficients, Kind, Resolved, RunSpec, SpecError, resolve};
use fumehood::ids::AttemptNumber;
use fumehood::protocol::{Assignment, Parcel};
use fuzz::{assert_harmless, assert_is_error};
use supervisor::commands::Failure;

/// The longest that is said of one error, in characters.
const LONGEST: usize = 4000;

/// So many tasks of each plan are looked at.
const TASKS: usize = 40;

fuzz::fuzz_target!(|data: &[u8]| check(data));

fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.split('\0');
    let text = parts.next().unwrap_or_default();
    let sets: Vec<String> = parts.map(str::to_owned).collect();
    let mut spec = match RunSpec::parse_with(text, Path::new("a.toml"), &sets) {
        Ok(spec) => spec,
        Err(error) => return assert_said(&error, text),
    };
    assert_eq!(read(&spec), spec, "what is read is written and read again");
    if !spec
        .experiments
        .iter_mut()
        .all(|experiment| can_be_resolved(&mut experiment.kind))
    {
        return;
    }
    match resolve(&spec, Path::new("/nowhere")) {
        Ok(resolved) => {
            assert_consistent(&resolved.plan);
            let again = resolve(&spec, Path::new("/nowhere")).expect("it could be resolved");
            assert_eq!(again.plan.digest(), resolved.plan.digest());
            assert_is_resolved(&resolved);
        }
        Err(error) => assert_said(&error, text),
    }
}

/// Reads a spec from the text it writes.
fn read(spec: &RunSpec) -> RunSpec {
    let text = spec.to_toml();
    RunSpec::parse(&text, Path::new("b.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Whether it needs no file, once it needs little work.
fn can_be_resolved(kind: &mut Kind) -> bool {
    match kind {
        Kind::Forecast(forecast) => {
            // So many are refused before any is made.
            if forecast.max_series.is_none_or(|most| most <= 100_000) {
                forecast.max_series = forecast.max_series.or(Some(2)).min(Some(2));
            }
            forecast.data.is_none()
        }
        Kind::Lfsr(lfsr) => matches!(lfsr.coefficients, Coefficients::Inline(_)),
    }
}

fn assert_is_resolved(resolved: &Resolved) {
    let spec = read(&resolved.spec);
    assert_eq!(spec, resolved.spec);
    let again = resolve(&spec, Path::new("/elsewhere")).expect("a resolved spec can be resolved");
    assert_eq!(again.plan.digest(), resolved.plan.digest());
    assert_eq!(again.plan.len(), resolved.plan.len());
    assert_eq!(again.spec, resolved.spec);
}

fn assert_consistent(plan: &Plan) {
    let names: HashSet<&str> = plan.experiments().iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names.len(), plan.experiments().len());
    let mut ids = HashSet::new();
    let step = (plan.len() as usize / TASKS).max(1);
    for (at, task) in plan.indices().enumerate().step_by(step) {
        let id = plan.id(task);
        assert_harmless(&id);
        let (experiment, _) = plan.locate(task);
        assert_eq!(id.split('/').next(), Some(experiment.name.as_str()));
        assert_eq!(id.split('/').count(), 3, "{id}");
        let holders = (0..7).filter(|&index| Shard { index, count: 7 }.holds(&id));
        assert_eq!(holders.count(), 1, "{id}");
        if at < 4 {
            assert_eq!(plan.find(&id), Some(task));
            let assignment = Assignment {
                task,
                attempt: AttemptNumber(1),
                seed: plan.task_seed(task),
                work: plan.work(task),
            };
            let parcel = Parcel::pack(&[&assignment]).expect("a task fits in a message");
            assert_eq!(parcel.unpack::<[Assignment; 1]>().ok(), Some([assignment]));
        }
        assert!(ids.insert(id));
    }
}

fn assert_said(error: &SpecError, text: &str) {
    let place = error.line_and_column();
    // Under a flag too a place is shown, but has no line.
    let has_place = place.is_some() || error.to_string().contains('\n');
    assert!(has_place || error.hint().is_some(), "{error}");
    if let Some((line, column)) = place {
        assert!(
            line <= text.matches('\n').count() + 1 && column <= text.len() + 1,
            "{error}"
        );
    }
    // As it stands, without another's help: nothing but its own lines.
    error.to_string().lines().for_each(assert_harmless);
    let said = Failure::from(error.clone()).text();
    assert!(said.chars().count() <= LONGEST, "{said}");
    assert_is_error(&said);
}
