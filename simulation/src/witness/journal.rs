//! What the witness sees of the journal: each line as it reaches the disk, and what it makes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use fumehood::experiment::AttemptOutcome;
use fumehood::ids::TaskIndex;
use serde::Deserialize;

use super::{OK, Property, Witness};
use crate::disk::{SimulatedDisk, Written};

/// A line that is, as far as is known, in the journal.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) segment: String,
    pub(super) offset: u64,
    pub(super) length: usize,
    pub(super) checksum: u32,
    pub(super) seq: u64,
    pub(super) task: TaskIndex,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Reopened,
    Attempt {
        number: u32,
        outcome: AttemptOutcome,
        /// The text of the terminal part.
        terminal: Option<String>,
    },
}

/// The parts of a line that are looked at.
#[derive(Deserialize)]
struct Parsed {
    seq: u64,
    r#type: String,
    index: Option<u32>,
    attempt: Option<ParsedAttempt>,
}

#[derive(Deserialize)]
struct ParsedAttempt {
    attempt: u32,
    outcome: AttemptOutcome,
    phases_us: BTreeMap<String, u64>,
    total_us: u64,
}

impl Witness {
    /// Takes in what reached the journal, and what the journal calls durable.
    pub fn sees(&mut self, disk: &SimulatedDisk) {
        for written in disk.take_written() {
            self.on_line(&written);
        }
        if let Some(segment) = &self.open_segment {
            let claimed = disk.claimed();
            let known = self.durable.entry(segment.clone()).or_default();
            *known = (*known).max(claimed);
        }
    }

    fn on_line(&mut self, written: &Written) {
        let Ok(text) = std::str::from_utf8(&written.line) else {
            return self.accuse(Property::Kept, "a line that is no text");
        };
        let parsed: Parsed = match serde_json::from_str(text) {
            Ok(parsed) => parsed,
            Err(error) => return self.accuse(Property::Kept, format!("{error}: {text}")),
        };
        let Some(index) = parsed.index else {
            self.open_segment = Some(written.segment.clone());
            return;
        };
        let task = TaskIndex(index);
        let what = match (parsed.r#type.as_str(), parsed.attempt) {
            ("attempt", Some(attempt)) => {
                let terminal = text.split_once(",\"terminal\":").and_then(|(_, rest)| {
                    let (terminal, _) = rest.rsplit_once(",\"crc\":")?;
                    Some(terminal.to_owned())
                });
                let sum: u64 = attempt.phases_us.values().sum();
                if sum != attempt.total_us {
                    self.accuse(
                        Property::SameResult,
                        format!("phases of {sum} us in a total of {} us", attempt.total_us),
                    );
                }
                self.judge_attempt(task, attempt.attempt, attempt.outcome, terminal.as_deref());
                What::Attempt {
                    number: attempt.attempt,
                    outcome: attempt.outcome,
                    terminal,
                }
            }
            _ => {
                let is_bad = self.end_of(task).is_some_and(|end| !end.contains(OK));
                if !is_bad || !self.reopens {
                    self.accuse(
                        Property::NotAgain,
                        format!("task {task} is opened again, and nobody asked for it"),
                    );
                }
                What::Reopened
            }
        };
        self.lines[task.as_usize()].push(Line {
            segment: written.segment.clone(),
            offset: written.offset,
            length: written.line.len(),
            checksum: crc32fast::hash(&written.line),
            seq: parsed.seq,
            task,
            what,
        });
    }

    /// Judges a record before it is taken in.
    fn judge_attempt(
        &mut self,
        task: TaskIndex,
        number: u32,
        outcome: AttemptOutcome,
        terminal: Option<&str>,
    ) {
        self.held.remove(&task);
        let name = format!("attempt {number} of task {task}");
        if !self.given.contains(&(task, number)) {
            self.accuse(
                Property::Counted,
                format!("{name} is recorded, and was not given"),
            );
        }
        if terminal.is_some() && self.end_of(task).is_some() {
            self.accuse(Property::OneEnd, format!("task {task} ends twice"));
        }
        if self.is_recorded(task, number) {
            self.accuse(Property::Counted, format!("{name} is recorded twice"));
        }
        let crashes = self.crashes(task) + 1;
        let ends = match outcome {
            AttemptOutcome::Ok | AttemptOutcome::Error | AttemptOutcome::Timeout => true,
            AttemptOutcome::Crashed | AttemptOutcome::Oom => crashes > self.policy.retries,
            AttemptOutcome::Requeued
            | AttemptOutcome::Interrupted
            | AttemptOutcome::StartFailed => false,
        };
        if ends != terminal.is_some() {
            self.accuse(
                Property::Retries,
                format!(
                    "{name}: {outcome:?}, crash {crashes} with {} retries, terminal: {}",
                    self.policy.retries,
                    terminal.is_some()
                ),
            );
        }
        self.judge_charge(task, number, outcome, &name);
        if matches!(outcome, AttemptOutcome::Ok | AttemptOutcome::Error) {
            let (kind, text) = self.expected(task);
            if terminal != Some(text.as_str()) || AttemptOutcome::from(kind) != outcome {
                self.accuse(
                    Property::SameResult,
                    format!("{name}: {terminal:?} where a calm run gives {text}"),
                );
            }
        }
    }

    /// Whether an outcome is what the worker's deeds deserve.
    fn judge_charge(&mut self, task: TaskIndex, number: u32, outcome: AttemptOutcome, name: &str) {
        let deed = self.deeds.get(&(task, number)).cloned().unwrap_or_default();
        // Deadlines are counted from what the supervisor hears.
        let ran = deed
            .heard
            .zip(deed.ended)
            .map(|(heard, ended)| ended.since(heard));
        // Of each pause the supervisor may miss what it would have waited anyway, or take it for a busy machine.
        let slack = Duration::from_millis(1) + Duration::from_millis(1500) * self.pauses;
        let is_deserved = match outcome {
            AttemptOutcome::Ok | AttemptOutcome::Error => deed.answered,
            AttemptOutcome::Crashed => deed.began && (deed.died || deed.lied || deed.closed),
            AttemptOutcome::Oom => deed.began && deed.swelled,
            AttemptOutcome::Timeout => self
                .policy
                .timeout
                .zip(ran)
                .is_some_and(|(limit, ran)| ran + slack >= limit),
            AttemptOutcome::Requeued | AttemptOutcome::StartFailed => {
                let is_guilty = deed.heard.is_some() && deed.died && deed.ended.is_none();
                !is_guilty && !deed.answered
            }
            AttemptOutcome::Interrupted => self.stopping && !deed.answered,
        };
        if !is_deserved {
            self.accuse(
                Property::Charged,
                format!(
                    "{name} is {outcome:?}, ran {ran:?} of {:?}, and its worker: {deed:?}",
                    self.policy.timeout
                ),
            );
        }
    }
}
