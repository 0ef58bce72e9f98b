//! `results.jsonl`, and the sums of the summary on the way.

use super::super::line::{after, terminal_text};
use super::super::{JsonText, Reader, Recovered, RunFolder, atomic};
use super::fold::Fold;
use super::{DeriveError, Derived};
use crate::experiment::plan::{Plan, Shard};
use crate::ids::TaskIndex;

pub(super) fn write(
    folder: &RunFolder,
    plan: &Plan,
    recovered: &Recovered,
    shard: Shard,
) -> Result<Derived, DeriveError> {
    let mut reader = Reader::new(folder, recovered);
    let mut missing_in_shard = 0;
    let experiments = plan.experiments();
    let mut folds: Vec<Fold> = experiments.iter().map(Fold::new).collect();
    atomic::write(folder.disk(), &folder.results(), |out| {
        for (at, fold) in folds.iter_mut().enumerate() {
            let end = experiments
                .get(at + 1)
                .map_or(plan.len(), |next| next.first.0);
            for task in (experiments[at].first.0..end).map(TaskIndex) {
                let id = plan.id(task);
                let (Some(position), Some(state)) =
                    (recovered.terminal(task), recovered.state(task))
                else {
                    fold.add_missing();
                    missing_in_shard += u32::from(shard.holds(&id));
                    continue;
                };
                let body = reader.body(position)?;
                let Some(terminal) = terminal_of(body, task) else {
                    let what = "the record is of another task".into();
                    return Err(DeriveError::Misfit { task: id, what });
                };
                let rest = terminal.strip_prefix('{').unwrap_or(terminal);
                writeln!(out, "{{\"task\":{},{rest}", JsonText::of(&id).as_str())?;
                if fold.add(&id, state, terminal).is_none() {
                    let what = "its result has not the fields of its kind".into();
                    return Err(DeriveError::Misfit { task: id, what });
                }
            }
        }
        Ok::<_, DeriveError>(())
    })?;
    let mut derived = Derived {
        experiments: Vec::new(),
        missing_in_shard,
        tables_are_merged: true,
    };
    for (at, (experiment, fold)) in experiments.iter().zip(folds).enumerate() {
        let summary = fold.finish(folder, at, experiment)?;
        derived.tables_are_merged &= summary.is_merged();
        derived.experiments.push(summary);
    }
    Ok(derived)
}

/// The text of the terminal part of the record, which must be about `task`.
fn terminal_of(body: &[u8], task: TaskIndex) -> Option<&str> {
    let index = after(body, b",\"index\":")?;
    let digits = task.0.to_string();
    let is_it = index.strip_prefix(digits.as_bytes())?.starts_with(b",");
    is_it.then(|| std::str::from_utf8(terminal_text(body)?).ok())?
}
