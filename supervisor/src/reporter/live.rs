//! The fold itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::plan::Plan;
use fumehood::experiment::{AttemptOutcome, OutcomeKind};
use fumehood::sys;

use super::card::{CARDS_IN_A_ROW, Ended, QUIET};
use super::escape::escape;
use super::screen::{Screen, Tone};
use super::tally::Tally;
use super::words::{count, span, thousands};
use crate::cli::{Color, Progress};
use crate::engine::event::RunEvent;
use crate::engine::state::StopReason;

/// The bar is redrawn no more often.
const REDRAW: Duration = Duration::from_millis(100);

/// Without a bar, a line says how far the run is so often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tells a user, on stderr, what happens in a run.
pub struct Reporter<'a> {
    plan: &'a Plan,
    run_dir: PathBuf,
    verbosity: i8,
    progress: Progress,
    screen: Screen,
    tally: Tally,
    began: Monotonic,
    shown: Monotonic,
    cards: u32,
    last_card: Monotonic,
}

impl<'a> Reporter<'a> {
    /// `verbosity`: -1 = only what failed, 0 = as usual, 1 = every attempt that ended, 2 = every start too.
    /// `run_dir` is the run folder as the user is to write it.
    pub fn new(
        plan: &'a Plan,
        progress: Progress,
        color: Color,
        verbosity: i8,
        run_dir: &Path,
    ) -> Reporter<'a> {
        let screen = Screen::stderr(progress, color);
        Reporter::on(
            screen,
            plan,
            progress,
            verbosity,
            run_dir,
            sys::monotonic_now(),
        )
    }

    fn on(
        screen: Screen,
        plan: &'a Plan,
        progress: Progress,
        verbosity: i8,
        run_dir: &Path,
        now: Monotonic,
    ) -> Reporter<'a> {
        Reporter {
            plan,
            run_dir: run_dir.to_path_buf(),
            verbosity,
            progress,
            screen,
            tally: Tally::default(),
            began: now,
            shown: now,
            cards: 0,
            last_card: now,
        }
    }

    /// Takes in what happened, and shows it.
    pub fn on_event(&mut self, event: RunEvent) {
        self.on_event_at(event, sys::monotonic_now());
    }

    /// A line of talk, above the bar; silent where only failures are wanted.
    pub fn say(&mut self, line: &str) {
        if self.verbosity >= 0 {
            self.talk(Tone::Plain, line);
        }
    }

    /// Ends the talk with a line of sums, and gives them.
    pub fn finish(self) -> Tally {
        self.finish_at(sys::monotonic_now())
    }

    fn finish_at(mut self, now: Monotonic) -> Tally {
        self.screen.clear();
        self.tally.wall = now.since(self.began);
        if self.shows_progress() {
            let line = format!("done in {}: {}", span(self.tally.wall), self.sums());
            self.screen.line(Tone::Plain, &line);
        }
        self.tally
    }

    fn on_event_at(&mut self, event: RunEvent, now: Monotonic) {
        match event {
            RunEvent::Began {
                to_run,
                done_before,
                workers,
            } => {
                self.began = now;
                self.shown = now;
                self.tally.to_run = to_run;
                self.tally.done_before = done_before;
                self.tally.workers = workers;
                if self.shows_progress() {
                    self.talk(Tone::Plain, &began(to_run, done_before, workers));
                }
                self.show(now, true);
            }
            RunEvent::Started { task } => {
                if self.verbosity >= 2 {
                    let line = format!("started  {}", escape(self.plan.id(task)));
                    self.screen.line(Tone::Dim, &line);
                }
            }
            RunEvent::AttemptEnded {
                task,
                attempt,
                outcome,
                cause,
                next,
                took,
                worked,
                peak_kib,
            } => {
                self.tally.note(outcome, next, took, worked);
                if self.wants(outcome) {
                    let id = self.plan.id(task);
                    let cause = cause.as_ref();
                    self.on_end(
                        &Ended {
                            id: &id,
                            task,
                            attempt,
                            outcome,
                            cause,
                            next,
                            took,
                            peak_kib,
                        },
                        now,
                    );
                }
            }
            RunEvent::Stopping { reason } => self.on_stopping(&reason),
            RunEvent::Note { text } => {
                if self.verbosity >= 0 {
                    self.talk(Tone::Plain, &format!("note  {text}"));
                }
            }
            RunEvent::Idle => {}
        }
        self.show(now, false);
    }

    /// Whether the end of an attempt is told: failures always, the rest to those who want more.
    fn wants(&self, outcome: AttemptOutcome) -> bool {
        match outcome {
            AttemptOutcome::Error
            | AttemptOutcome::Crashed
            | AttemptOutcome::Timeout
            | AttemptOutcome::Oom
            | AttemptOutcome::StartFailed => true,
            AttemptOutcome::Ok | AttemptOutcome::Requeued | AttemptOutcome::Interrupted => {
                self.verbosity >= 1
            }
        }
    }

    fn on_end(&mut self, ended: &Ended<'_>, now: Monotonic) {
        let tone = match ended.outcome {
            AttemptOutcome::Ok => Tone::Good,
            AttemptOutcome::Requeued | AttemptOutcome::Interrupted => Tone::Dim,
            _ => Tone::Bad,
        };
        if !ended.has_card() {
            self.screen.line(tone, &ended.line());
            return;
        }
        if now.since(self.last_card) >= QUIET {
            self.cards = 0;
        }
        self.last_card = now;
        self.cards = self.cards.saturating_add(1);
        if self.cards == CARDS_IN_A_ROW + 1 {
            let line = format!(
                "note  {CARDS_IN_A_ROW} such cards in a row: from here on one line each; \
                 attempts.jsonl has them all"
            );
            self.screen.line(Tone::Plain, &line);
        }
        if self.cards > CARDS_IN_A_ROW {
            self.screen.line(tone, &ended.line());
            return;
        }
        let card = ended.card(&self.run_dir);
        self.screen.lines(tone, card.iter().map(String::as_str));
    }

    fn on_stopping(&mut self, reason: &StopReason) {
        match reason {
            StopReason::Complete => {}
            StopReason::Signal(signal) => {
                if self.verbosity >= 0 {
                    let line = format!(
                        "stopping  {}: no new task; running attempts may finish within the grace \
                         period; a second signal ends them at once",
                        escape(sys::signal_name(*signal))
                    );
                    self.talk(Tone::Plain, &line);
                }
            }
            StopReason::CannotStart { reason } => {
                self.talk(
                    Tone::Bad,
                    &format!("STOPPING  no worker can be started: {reason}"),
                );
            }
            StopReason::Journal { reason } => {
                self.talk(
                    Tone::Bad,
                    &format!("STOPPING  the journal cannot be written: {reason}"),
                );
            }
        }
    }

    /// Lines that may hold text from outside.
    fn talk(&mut self, tone: Tone, text: &str) {
        let lines: Vec<String> = text.lines().map(escape).collect();
        self.screen.lines(tone, lines.iter().map(String::as_str));
    }

    fn shows_progress(&self) -> bool {
        self.verbosity >= 0 && self.progress != Progress::None || self.screen.has_bar()
    }

    /// Shows how far the run is, when it is time to.
    fn show(&mut self, now: Monotonic, at_once: bool) {
        let bar = self.screen.has_bar();
        let pause = if bar { REDRAW } else { LINE_EVERY };
        let due = now.since(self.shown) >= pause || (at_once && bar);
        if !due || !self.shows_progress() {
            return;
        }
        self.shown = now;
        let done = self.tally.ended();
        let total = u64::from(self.tally.to_run);
        let elapsed = now.since(self.began);
        let text = format!(
            "{}/{}  {}  {} elapsed{}",
            thousands(done),
            thousands(total),
            self.sums(),
            span(elapsed),
            remaining(done, total, elapsed)
        );
        if bar {
            self.screen.draw(done, total, text);
        } else {
            self.screen.line(Tone::Plain, &text);
        }
    }

    /// Tasks by state, ok always, then attempts that ended no task; each only where there is any.
    fn sums(&self) -> String {
        let mut parts = Vec::new();
        for kind in OutcomeKind::ALL {
            let number = self.tally.count(kind);
            if number > 0 || kind == OutcomeKind::Ok {
                parts.push(format!("{} {}", thousands(number), kind.name()));
            }
        }
        let attempts = [
            (self.tally.retried, "retried"),
            (self.tally.requeued, "requeued"),
            (self.tally.interrupted, "interrupted"),
            (self.tally.start_failed, "not started"),
        ];
        for (number, what) in attempts {
            if number > 0 {
                parts.push(format!("{} {what}", thousands(number)));
            }
        }
        parts.join(", ")
    }
}

fn began(to_run: u32, done_before: u32, workers: u32) -> String {
    if to_run == 0 {
        return format!(
            "nothing to run: {} done before",
            count(u64::from(done_before), "task")
        );
    }
    let before = match done_before {
        0 => String::new(),
        n => format!(" ({} done before)", thousands(u64::from(n))),
    };
    format!(
        "{} to run{before}, {}",
        count(u64::from(to_run), "task"),
        count(u64::from(workers), "worker")
    )
}

/// A guess from the tasks so far; nothing before the first has ended.
fn remaining(done: u64, total: u64, elapsed: Duration) -> String {
    if done == 0 || done >= total {
        return String::new();
    }
    let left = elapsed.as_secs_f64() * (total - done) as f64 / done as f64;
    match Duration::try_from_secs_f64(left) {
        Ok(left) => format!(", about {} left", span(left.max(Duration::from_secs(1)))),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
