//! The card of an attempt that ended badly: what a user needs to go on, and nothing else.
//!
//! Task and attempt; the cause as the supervisor knows it, after how long, with how much memory; what
//! happens next; and a command that runs this task alone. The command leaves the run folder and
//! `runs/latest` as they are: it names a folder beside it.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use fumehood::experiment::{AttemptOutcome, Cause};
use fumehood::ids::TaskIndex;

use super::escape::{escape, shell_quote};
use super::words::{bytes, count, span};
use crate::engine::event::Next;

/// So many cards are shown whole; a later one is one line, until none came for [`QUIET`].
pub const CARDS_IN_A_ROW: u32 = 5;

/// After so long without a card, the next one is shown whole again.
pub const QUIET: Duration = Duration::from_secs(30);

/// A message longer than this, in characters, is cut; the whole is in `attempts.jsonl`.
const LONGEST_MESSAGE: usize = 400;

/// An attempt that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The task's id.
    pub id: &'a str,
    /// Its index.
    pub task: TaskIndex,
    /// From 1.
    pub attempt: u32,
    /// How.
    pub outcome: AttemptOutcome,
    /// Why.
    pub cause: Option<&'a Cause>,
    /// What follows.
    pub next: Next,
    /// How long it took.
    pub took: Duration,
    /// Its peak of resident memory; 0 = not known.
    pub peak_kib: u64,
}

impl Ended<'_> {
    /// The word that begins card and line.
    pub fn word(&self) -> &'static str {
        match self.outcome {
            AttemptOutcome::Ok => "ok",
            AttemptOutcome::Error => "ERROR",
            AttemptOutcome::Crashed => "CRASHED",
            AttemptOutcome::Timeout => "TIMEOUT",
            AttemptOutcome::Oom => "OOM",
            AttemptOutcome::Requeued => "requeued",
            AttemptOutcome::Interrupted => "interrupted",
            AttemptOutcome::StartFailed => "NOT STARTED",
        }
    }

    /// Whether it deserves a card.
    pub fn has_card(&self) -> bool {
        matches!(
            self.outcome,
            AttemptOutcome::Crashed | AttemptOutcome::Timeout | AttemptOutcome::Oom
        )
    }

    /// The card, a line each; the first begins with [`Ended::word`].
    pub fn card(&self, run_dir: &Path) -> Vec<String> {
        let mut lines = vec![format!(
            "{}  {}  attempt {} of {}",
            self.word(),
            escape(self.id),
            self.attempt,
            self.attempts()
        )];
        lines.push(format!("  cause: {}", self.cause()));
        lines.push(format!("  after: {}, {}", span(self.took), self.peak()));
        lines.push(format!("  next:  {}", self.next()));
        lines.push(format!("  alone: {}", alone(run_dir, self.id, self.task)));
        lines
    }

    /// The same in one line.
    pub fn line(&self) -> String {
        let time = span(self.took);
        let id = escape(self.id);
        let word = self.word();
        let attempt = self.attempt;
        match self.outcome {
            AttemptOutcome::Ok => format!("{word}  {id}  attempt {attempt}, {time}"),
            _ => format!(
                "{word}  {id}  attempt {attempt} of {}: {}; {time}; {}",
                self.attempts(),
                self.cause(),
                self.next()
            ),
        }
    }

    fn attempts(&self) -> u32 {
        match self.next {
            Next::Final(_) => self.attempt,
            Next::Again { left, .. } => self.attempt.saturating_add(left),
        }
    }

    fn cause(&self) -> String {
        let Some(cause) = self.cause else {
            return "not known".to_owned();
        };
        let mut text = shorten(&escape(&cause.message));
        // Most messages name them already.
        let parts = [
            cause.signal.clone(),
            cause.exit_code.map(|code| format!("exit code {code}")),
            cause.limit.as_ref().map(|limit| format!("limit {limit}")),
        ];
        for part in parts.into_iter().flatten() {
            let name = part.rsplit(' ').next().unwrap_or(&part);
            if !cause.message.contains(name) {
                text.push_str(&format!(", {}", escape(&part)));
            }
        }
        text
    }

    fn peak(&self) -> String {
        match self.peak_kib {
            0 => "peak memory not known".to_owned(),
            kib => format!("peak memory {}", bytes(kib.saturating_mul(1024))),
        }
    }

    fn next(&self) -> String {
        match self.next {
            Next::Final(kind) => format!("final, the task is recorded as {}", kind.name()),
            Next::Again {
                charged: true,
                left,
            } => {
                format!("queued again, {} left", count(u64::from(left), "attempt"))
            }
            Next::Again { charged: false, .. } if self.outcome == AttemptOutcome::Interrupted => {
                "not charged; `supervisor resume` goes on with it".to_owned()
            }
            Next::Again { charged: false, .. } => "queued again, not charged".to_owned(),
        }
    }
}

/// The command that runs a task alone.
fn alone(run_dir: &Path, id: &str, task: TaskIndex) -> String {
    let mut beside: OsString = run_dir.as_os_str().to_owned();
    beside.push(format!("-alone-{}", task.0));
    format!(
        "supervisor run {} --only {} --run-dir {}",
        shell_quote(run_dir.join("spec.toml")),
        shell_quote(id),
        shell_quote(beside)
    )
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}

#[cfg(test)]
mod tests {
    use fumehood::experiment::OutcomeKind;

    use super::*;

    fn cause(message: &str) -> Cause {
        Cause {
            message: message.to_owned(),
            signal: None,
            exit_code: None,
            limit: None,
        }
    }

    fn ended(cause: &Cause) -> Ended<'_> {
        Ended {
            id: "m3/N 1/theta",
            task: TaskIndex(7),
            attempt: 1,
            outcome: AttemptOutcome::Crashed,
            cause: Some(cause),
            next: Next::Again {
                charged: true,
                left: 2,
            },
            took: Duration::from_millis(1800),
            peak_kib: 212 << 10,
        }
    }

    #[test]
    fn a_card_says_everything_in_five_lines() {
        let cause = Cause {
            signal: Some("SIGSEGV".to_owned()),
            ..cause("the worker was ended by SIGSEGV before it gave a result")
        };
        assert_eq!(
            ended(&cause).card(Path::new("my runs/x")).join("\n"),
            "CRASHED  m3/N 1/theta  attempt 1 of 3\n  \
               cause: the worker was ended by SIGSEGV before it gave a result\n  \
               after: 1.8 s, peak memory 212 MiB\n  \
               next:  queued again, 2 attempts left\n  \
               alone: supervisor run 'my runs/x/spec.toml' --only 'm3/N 1/theta' \
             --run-dir 'my runs/x-alone-7'"
        );
    }

    #[test]
    fn a_line_says_the_same_and_a_final_attempt_is_the_last() {
        let cause = Cause {
            limit: Some("60s".to_owned()),
            ..cause("ran too long")
        };
        let ended = Ended {
            outcome: AttemptOutcome::Timeout,
            next: Next::Final(OutcomeKind::Timeout),
            peak_kib: 0,
            ..ended(&cause)
        };
        assert_eq!(
            ended.line(),
            "TIMEOUT  m3/N 1/theta  attempt 1 of 1: ran too long, limit 60s; 1.8 s; \
             final, the task is recorded as timeout"
        );
        assert!(
            ended
                .card(Path::new("x"))
                .iter()
                .any(|line| line.contains("not known"))
        );
    }

    #[test]
    fn a_message_of_a_worker_can_do_no_harm() {
        let cause = cause(&format!("\x1b[2Jforged\nok  all  fine{}", "x".repeat(5000)));
        let card = ended(&cause).card(Path::new("x"));
        assert_eq!(card.len(), 5);
        assert!(
            card[1].starts_with("  cause: \\x1b[2Jforged\\nok"),
            "{}",
            card[1]
        );
        assert!(card[1].len() < 500);
    }
}
