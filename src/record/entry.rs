//! What stands in a segment of the journal: a header, then records.

use serde::{Deserialize, Serialize};

use super::line::{self, seal};
use super::{JsonText, SCHEMA, Terminal};
use crate::experiment::Attempt;
use crate::experiment::plan::{Plan, PlanDigest};
use crate::ids::TaskIndex;

/// The longest line that is written or read, in bytes: far more than any result is, far less than memory.
pub(super) const LONGEST_LINE: usize = 64 << 20;

/// What is recorded. More kinds may come under a new schema number.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every record is an attempt, and records are not kept"
)]
pub enum Record {
    /// An attempt was settled and, where `terminal` is there, its task with it.
    Attempt {
        /// The task.
        index: TaskIndex,
        /// The attempt.
        attempt: Attempt,
        /// How the task ended, if it did.
        terminal: Option<Terminal>,
    },
    /// The user asked for a task that had ended badly to be run again: its terminal record is void, and
    /// its count of crashes starts from 0.
    Reopened {
        /// The task.
        index: TaskIndex,
    },
}

impl Record {
    /// The task that the record is about.
    pub fn index(&self) -> TaskIndex {
        match self {
            Record::Attempt { index, .. } | Record::Reopened { index } => *index,
        }
    }

    /// The whole line of the record, written when the first `synced` records of its segment were durable.
    pub(super) fn to_line(&self, seq: u64, synced: u64) -> Vec<u8> {
        let object = match self {
            Record::Attempt {
                index,
                attempt,
                terminal,
            } => {
                let attempt = JsonText::of(attempt);
                let mut object = format!(
                    "{{\"seq\":{seq},\"synced\":{synced},\"type\":\"attempt\",\"index\":{},\"attempt\":{}",
                    index.0,
                    attempt.as_str()
                );
                if let Some(terminal) = terminal {
                    object.push_str(",\"terminal\":");
                    object.push_str(&terminal.to_json());
                }
                object.push('}');
                object
            }
            Record::Reopened { index } => {
                format!(
                    "{{\"seq\":{seq},\"synced\":{synced},\"type\":\"reopened\",\"index\":{}}}",
                    index.0
                )
            }
        };
        seal(object.into_bytes())
    }

    /// The record of the checked bytes of a line; `None` for a type that this version does not know.
    pub(super) fn from_body(body: &[u8]) -> Result<Option<Record>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head {
            r#type: String,
            index: u32,
        }
        let missing = <serde_json::Error as serde::de::Error>::missing_field;
        let mut object = body.to_vec();
        object.push(b'}');
        let head: Head = serde_json::from_slice(&object)?;
        let index = TaskIndex(head.index);
        match head.r#type.as_str() {
            "reopened" => Ok(Some(Record::Reopened { index })),
            "attempt" => {
                let attempt = line::attempt_text(body).ok_or_else(|| missing("attempt"))?;
                let terminal = match line::terminal_text(body) {
                    None => None,
                    Some(text) => {
                        let text = std::str::from_utf8(text)
                            .map_err(<serde_json::Error as serde::de::Error>::custom)?;
                        Some(Terminal::from_json(text)?)
                    }
                };
                Ok(Some(Record::Attempt {
                    index,
                    attempt: serde_json::from_slice(attempt)?,
                    terminal,
                }))
            }
            _ => Ok(None),
        }
    }
}

/// What the first line of a segment says about the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the program.
    pub version: String,
    /// The digest of the plan.
    pub plan_digest: PlanDigest,
    /// The seed of the run.
    pub seed: u64,
    /// Number of tasks of the plan: no record is about a task beyond it.
    pub tasks: u32,
}

impl Header {
    /// The header of a run of `plan`.
    pub fn of(plan: &Plan, version: &str) -> Header {
        Header {
            version: version.into(),
            plan_digest: plan.digest(),
            seed: plan.seed(),
            tasks: plan.len(),
        }
    }

    pub(super) fn to_line(&self, segment: &str) -> Vec<u8> {
        let line = HeaderLine {
            seq: 0,
            r#type: "header".into(),
            schema: SCHEMA,
            version: self.version.clone(),
            plan_digest: self.plan_digest.to_string(),
            seed: self.seed,
            tasks: self.tasks,
            segment: segment.into(),
        };
        seal(JsonText::of(&line).as_str().as_bytes().to_vec())
    }
}

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeaderLine {
    pub(super) seq: u64,
    pub(super) r#type: String,
    pub(super) schema: u32,
    pub(super) version: String,
    pub(super) plan_digest: String,
    pub(super) seed: u64,
    pub(super) tasks: u32,
    /// The name of the segment's file, without its ending.
    pub(super) segment: String,
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The place of its segment in the list of [`super::Recovered::segments`].
    pub segment: u16,
    /// Bytes before its line.
    pub offset: u64,
    /// Bytes of its line, newline included.
    pub length: u32,
}
