//! What the witness finds when a supervisor has ended, and when the run has.

use std::path::Path;

use fumehood::ids::TaskIndex;
use fumehood::record::{Recovered, RunFolder};

use super::journal::{Line, What};
use super::{Before, Property, Witness};
use crate::disk::SimulatedDisk;

impl Witness {
    /// Judges what a new supervisor has recovered, and forgets what the power took.
    pub fn judge_recovered(
        &mut self,
        disk: &SimulatedDisk,
        folder: &RunFolder,
        recovered: &Recovered,
        before: Before,
    ) {
        let journal = folder.journal();
        let lines = std::mem::take(&mut self.lines);
        self.lines = vec![Vec::new(); lines.len()];
        for line in lines.into_iter().flatten() {
            let durable = self.durable.get(&line.segment).copied().unwrap_or(0);
            if is_there(disk, &journal, &line) {
                self.lines[line.task.as_usize()].push(line);
            } else if before == Before::Written || line.seq <= durable {
                self.accuse(
                    Property::Kept,
                    format!(
                        "record {} of {}, of task {}, is gone; {durable} records of it were durable",
                        line.seq, line.segment, line.task
                    ),
                );
            }
        }
        self.judge_shown(disk, folder);
        for task in self.plan.indices() {
            let known = (self.attempts(task), self.crashes(task));
            let found = (recovered.attempts(task), recovered.crashes(task));
            if known != found {
                self.accuse(
                    Property::Kept,
                    format!("task {task}: (attempts, crashes) are {found:?}, were {known:?}"),
                );
            }
            let end = self.last_end(task).map(|line| {
                let offset = line.offset;
                (line.segment.clone(), offset, line.length)
            });
            let found = recovered.terminal(task).map(|position| {
                let segment = &recovered.segments()[usize::from(position.segment)].name;
                (segment.clone(), position.offset, position.length as usize)
            });
            if end != found {
                self.accuse(
                    Property::Kept,
                    format!("the end of task {task} is at {found:?}, was at {end:?}"),
                );
            }
        }
    }

    /// Judges the results that an earlier supervisor showed, whole or in part, and that are still there: each is the
    /// end of an attempt that is in the journal.
    fn judge_shown(&mut self, disk: &SimulatedDisk, folder: &RunFolder) {
        let results = disk.content(&folder.results()).unwrap_or_default();
        let mut tasks = self.plan.indices();
        for line in results.split_inclusive(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            // They are in the order of the plan.
            let is_of = |task: &TaskIndex| {
                let begin = format!("{{\"task\":\"{}\",", self.plan.id(*task));
                let end = line.trim_end().strip_prefix(&begin);
                end.map(|end| (*task, format!("{{{end}")))
            };
            let Some((task, shown)) = tasks.find_map(|task| is_of(&task)) else {
                return self.accuse(Property::Kept, format!("a result of no task: {line}"));
            };
            let is_recorded = self.of(task).iter().any(|line| {
                matches!(&line.what, What::Attempt { terminal: Some(end), .. } if *end == shown)
            });
            if !is_recorded {
                let text = format!("the result of task {task} was shown, and its record is gone");
                return self.accuse(Property::Kept, text);
            }
        }
    }

    /// Judges a run that is complete: every task has its end, and the results are those.
    pub fn judge_complete(&mut self, disk: &SimulatedDisk, folder: &RunFolder) {
        if let Some(task) = self.plan.indices().find(|task| !self.is_over(*task)) {
            let text = format!("task {task} has no end");
            return self.accuse(Property::OneEnd, text);
        }
        let results = disk.content(&folder.results()).unwrap_or_default();
        let mut results = std::str::from_utf8(&results).unwrap_or("").lines();
        for task in self.plan.indices() {
            let end = self.end_of(task).unwrap_or_default();
            let id = self.plan.id(task);
            let line = format!("{{\"task\":\"{id}\",{}", end.trim_start_matches('{'));
            if results.next() != Some(line.as_str()) {
                let text = format!("the result of task {task} is not its record's");
                return self.accuse(Property::SameResult, text);
            }
        }
        if results.next().is_some() {
            self.accuse(Property::SameResult, "results of no task");
        }
        let attempts = disk.content(&folder.attempts()).unwrap_or_default();
        let recorded = self
            .lines
            .iter()
            .flatten()
            .filter(|line| matches!(line.what, What::Attempt { .. }));
        if attempts.iter().filter(|byte| **byte == b'\n').count() != recorded.count() {
            self.accuse(Property::SameResult, "attempts.jsonl is not the journal's");
        }
    }
}

fn is_there(disk: &SimulatedDisk, journal: &Path, line: &Line) -> bool {
    disk.look(&journal.join(&line.segment), |content| {
        let from = usize::try_from(line.offset).ok()?;
        let bytes = content?.get(from..from + line.length)?;
        Some(crc32fast::hash(bytes) == line.checksum)
    })
    .unwrap_or(false)
}
