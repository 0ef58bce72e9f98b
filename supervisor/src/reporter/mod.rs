//! What a user sees while a run goes on: a fold over the engine's events, written to stderr.
//!
//! The engine never prints; it tells [`RunEvent`](crate::engine::event::RunEvent)s, and the [`Reporter`]
//! turns them into talk. Stdout is data and is never touched here.
//!
//! - On a terminal: one bar with the counts of how tasks ended, time and a guess of what is left. It is
//!   drawn when events come, at most ten times a second; no thread draws it.
//! - Elsewhere: a line every ten seconds and at the end.
//! - For each attempt that crashed, ran past its limit or used too much memory: a [`card`] with
//!   the task, the attempt, the cause, what happens next, and a command that runs this task alone. After
//!   [`card::CARDS_IN_A_ROW`] of them each becomes one line, so that ten thousand do not bury the rest.
//!
//! What comes from outside (ids, messages of workers, paths) passes through [`escape()`]: no control
//! character reaches the terminal but those that we put there. Words carry the meaning, colour only
//! repeats it. A stderr that is closed or full never ends a run: what cannot be written is not written.

pub mod card;
mod escape;
mod live;
mod screen;
mod tally;
pub mod words;

pub use escape::{escape, shell_quote};
pub use live::Reporter;

/// A line of talk where no reporter is at work. A stderr that is gone is no failure.
pub fn talk(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", escape(line));
}
