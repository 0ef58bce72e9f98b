//! The record of the run, from the engine's side: an [`Ending`] becomes a line of the journal.
//!
//! The order is: bulky tables to their files, then one write of the record, then everybody else may know.

use std::io::Write;

use fumehood::clock::Monotonic;
use fumehood::experiment::plan::Plan;
use fumehood::experiment::{Attempt, Cause, Outcome, Phases, TaskOutput};
use fumehood::ids::{Pid, TaskIndex};
use fumehood::protocol::Moments;
use fumehood::record::disk::Appending;
use fumehood::record::{
    Journal, JournalError, Record, Recovered, RunFolder, SegmentError, SegmentStore, Terminal,
    atomic, attempt_cause,
};

use super::output::Output;
use super::reactor::{Ending, Fate};
use super::state::{Stage, TaskBook};
use crate::start::Method;

/// Nothing can be recorded any more.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The journal says no.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A table of an enumeration cannot be kept.
    #[error("failed to keep the table of a range: {0}")]
    Segment(#[from] SegmentError),
    /// Two terminal records for one task: a fault of this program, stopped before it is believed.
    #[error("a second terminal record for task {0}")]
    Twice(String),
}

impl LedgerError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            LedgerError::Journal(error) => error.hint(),
            LedgerError::Segment(SegmentError::Io(error)) => Some(atomic::hint_of(error)),
            LedgerError::Segment(SegmentError::Folder(error)) => error.hint(),
            LedgerError::Segment(_) | LedgerError::Twice(_) => None,
        }
    }
}

/// Which process an attempt had, and when its task was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// Its process, if there was one.
    pub pid: Option<Pid>,
    /// When the task had been sent.
    pub sent: Monotonic,
}

/// Writes the record.
pub struct Ledger<'a> {
    plan: &'a Plan,
    folder: &'a RunFolder,
    journal: Journal,
    recovered: Recovered,
    segments: SegmentStore,
    method: Method,
    host: String,
}

impl<'a> Ledger<'a> {
    /// On top of what was recorded before, on this host.
    pub fn new(
        plan: &'a Plan,
        folder: &'a RunFolder,
        journal: Journal,
        recovered: Recovered,
        method: Method,
        host: String,
    ) -> Ledger<'a> {
        Ledger {
            plan,
            folder,
            journal,
            recovered,
            segments: SegmentStore::new(folder),
            method,
            host,
        }
    }

    /// Records the end of an attempt; what it said about why.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]: the run cannot go on.
    pub fn record(
        &mut self,
        ending: &Ending,
        origin: Origin,
    ) -> Result<Option<Cause>, LedgerError> {
        let (phases_us, total_us) = phases(ending, origin, self.method);
        let whole = ending.exit.as_ref().map(|exit| exit.resources);
        let cause = cause_of(&ending.fate);
        let attempt = Attempt {
            task: self.plan.id(ending.task),
            attempt: ending.attempt.0,
            start_method: self.method.name().to_owned(),
            outcome: ending.fate.outcome(),
            phases_us,
            total_us,
            rusage: whole
                .or_else(|| ending.answer.map(|answer| answer.used))
                .unwrap_or_default(),
            pid: origin.pid.map(|pid| pid.0),
            host: self.host.clone(),
            cause: cause.clone(),
        };
        // Before anything is written: a journal with two ends of one task would be refused for ever.
        if ending.terminal && self.recovered.state(ending.task).is_some() {
            return Err(LedgerError::Twice(attempt.task));
        }
        let terminal = match (&ending.fate, ending.terminal) {
            (Fate::Charged(outcome), true) => {
                if let Outcome::Ok(TaskOutput::Enumeration(table)) = outcome {
                    self.segments.put(table)?;
                }
                Some(Terminal::of(self.plan, ending.task, outcome))
            }
            _ => None,
        };
        self.append(&Record::Attempt {
            index: ending.task,
            attempt,
            terminal,
        })?;
        Ok(cause)
    }

    /// Records which tasks that have ended are to be run again: durably, before the first new end. Without
    /// its reopening that would be a second one.
    ///
    /// # Errors
    ///
    /// As [`Ledger::record`].
    pub fn reopen_all(&mut self, books: &[TaskBook]) -> Result<(), LedgerError> {
        for (index, book) in (0u32..).map(TaskIndex).zip(books) {
            if book.stage == Stage::Fresh && self.recovered.state(index).is_some() {
                self.append(&Record::Reopened { index })?;
            }
        }
        self.flush()
    }

    fn append(&mut self, record: &Record) -> Result<(), LedgerError> {
        let position = self.journal.append(record)?;
        self.recovered
            .learn(record, position)
            .map_err(|second| LedgerError::Twice(self.plan.id(second.0)))
    }

    /// Keeps what was written under this name, if anything was: a number, never what a series is called.
    ///
    /// # Errors
    ///
    /// A sentence for the user.
    pub fn keep_output(&self, name: &str, output: &Output) -> Result<(), String> {
        let streams = [("stdout", &output.stdout), ("stderr", &output.stderr)];
        for (stream, captured) in streams {
            if captured.is_empty() {
                continue;
            }
            let name = format!("{name}.{stream}");
            let logs = self.folder.logs();
            self.folder
                .ensure(&logs)
                .map_err(|error| error.to_string())
                .and_then(|()| {
                    let file = self.folder.disk().create_file(&logs.join(&name));
                    file.and_then(|file| Appending(&*file).write_all(&captured.text()))
                        .map_err(|error| error.to_string())
                })
                .map_err(|error| format!("failed to keep the output of an attempt: {error}"))?;
        }
        Ok(())
    }

    /// What is known of each task.
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// Removes the tables of enumerations, once they are merged and the merge is durable.
    ///
    /// # Errors
    ///
    /// The system says no.
    pub fn remove_tables(&self, lock: &fumehood::record::RunLock) -> std::io::Result<()> {
        self.segments.remove_all(lock).map(|_| ())
    }

    /// Makes everything recorded durable.
    ///
    /// # Errors
    ///
    /// The disk says no.
    pub fn flush(&self) -> Result<(), LedgerError> {
        Ok(self.journal.flush()?)
    }
}

/// Why an attempt did not end ok.
fn cause_of(fate: &Fate) -> Option<Cause> {
    let plain = |message: String| {
        Some(Cause {
            message,
            signal: None,
            exit_code: None,
            limit: None,
        })
    };
    match fate {
        Fate::Charged(outcome) => attempt_cause(outcome),
        Fate::Requeued { reason } => plain(format!("its worker was {}", lower(reason))),
        Fate::Interrupted => plain(String::from("the run was stopped")),
        Fate::StartFailed { reason } => plain(format!("no worker began it: {reason}")),
    }
}

/// "killed by SIGKILL" stays; "exited with ..." needs another verb.
fn lower(reason: &str) -> String {
    match reason.strip_prefix("exited") {
        Some(rest) => format!("gone: it exited{rest}"),
        None => reason.to_owned(),
    }
}

/// Cuts the life of an attempt into its phases, in microseconds, and gives the total.
///
/// A cursor goes through the marks in their order; a mark that lies before it (a clock read late, a phase
/// that did not happen) adds nothing. So the phases never overlap, and with `other` they add up.
fn phases(ending: &Ending, origin: Origin, method: Method) -> (Phases, u64) {
    let mut cursor = Cursor {
        at: ending.assigned,
    };
    let mut phases = Phases::default();
    if let Some(answer) = ending.answer {
        let m = answer.moments;
        if m.born == Moments::default().born {
            // Not the first task of its process: sent to a live worker, or waiting in a group.
            phases.send = cursor.upto(m.received);
        } else if method == Method::Spawn {
            phases.create = cursor.upto(m.born);
            phases.handshake = cursor.upto(origin.sent);
            phases.send = cursor.upto(m.received);
            phases.handshake += cursor.upto(m.ready);
        } else {
            phases.send = cursor.upto(origin.sent.min(m.born));
            phases.create = cursor.upto(m.born);
            phases.handshake = cursor.upto(m.ready);
        }
        phases.decode = cursor.upto(m.decoded);
        phases.queue = cursor.upto(m.begun);
        phases.rebuild = cursor.upto(m.rebuilt);
        phases.compute = cursor.upto(m.computed);
        phases.encode = cursor.upto(m.encoded);
        phases.receive = cursor.upto(answer.received);
    }
    if let Some(exit) = &ending.exit {
        if ending.answer.is_some() {
            phases.reap = cursor.upto(exit.at);
        } else if let Some(started) = ending.started {
            // It said no more than that it began: what was before that is the way to it, the rest is its.
            phases.send = cursor.upto(origin.sent.min(started));
            phases.create = cursor.upto(started);
            phases.compute = cursor.upto(exit.at);
        }
    }
    let end = ending
        .exit
        .as_ref()
        .map(|exit| exit.at)
        .or(ending.answer.map(|answer| answer.received))
        .unwrap_or(ending.assigned)
        .max(cursor.at);
    let total = micros(ending.assigned, end);
    phases.other = total.saturating_sub(phases.sum());
    // Rounding down each phase never makes the sum larger than the total.
    (phases, total)
}

struct Cursor {
    at: Monotonic,
}

impl Cursor {
    fn upto(&mut self, mark: Monotonic) -> u64 {
        let span = micros(self.at, mark);
        self.at = self.at.max(mark);
        span
    }
}

fn micros(from: Monotonic, to: Monotonic) -> u64 {
    u64::try_from(to.since(from).as_micros()).unwrap_or(u64::MAX)
}

/// The peak of resident memory of an attempt, in KiB: its process's where that ended with it; 0 = unknown.
pub fn peak_kib(ending: &Ending) -> u64 {
    ending
        .exit
        .as_ref()
        .map(|exit| exit.resources.max_rss_kib)
        .or(ending.answer.map(|answer| answer.used.max_rss_kib))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use fumehood::experiment::plan::{Body, LfsrBody, PlanDigest};
    use fumehood::experiment::{ExitCause, ResourceUse, Work};
    use fumehood::ids::{AttemptNumber, WorkerId};
    use fumehood::lfsr::{Enumeration, Register, plan_ranges};
    use fumehood::record::{Header, Repair, recover};
    use proptest::prelude::*;

    use super::super::reactor::Times;
    use super::super::state::ExitFacts;
    use super::*;

    fn ending(marks: &[u64]) -> (Ending, Origin) {
        let at = |i: usize| Monotonic(marks[i]);
        let ending = Ending {
            task: TaskIndex(0),
            attempt: AttemptNumber(1),
            worker: WorkerId(0),
            assigned: at(0),
            started: None,
            fate: Fate::Interrupted,
            terminal: false,
            answer: Some(Times {
                moments: Moments {
                    born: at(1),
                    ready: at(2),
                    received: at(3),
                    decoded: at(4),
                    begun: at(5),
                    rebuilt: at(6),
                    computed: at(7),
                    encoded: at(8),
                },
                used: ResourceUse::default(),
                received: at(9),
            }),
            exit: Some(ExitFacts {
                cause: ExitCause::Exited(0),
                resources: ResourceUse::default(),
                at: at(10),
            }),
        };
        let origin = Origin {
            pid: None,
            sent: at(11),
        };
        (ending, origin)
    }

    /// The enumeration of a small register, which is one task.
    fn plan() -> Plan {
        let register = Register::new(2, &[1, 1, 0, 0]).expect("a register");
        let ranges = plan_ranges(&register).expect("few states");
        let body = Body::Lfsr(LfsrBody {
            register,
            is_analysed: false,
            ranges,
        });
        Plan::new(7, PlanDigest([3; 32]), [("g".to_owned(), body)]).expect("few tasks")
    }

    /// A ledger on an empty run folder, and what removes that.
    fn on_ledger(tell: impl FnOnce(&RunFolder, &Plan, &mut Ledger<'_>)) {
        let above = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::create(&above.path().join("run")).expect("a run folder");
        let plan = plan();
        let journal = Journal::create(&folder, Header::of(&plan, "0.1.0")).expect("a journal");
        let recovered = Recovered::default();
        let host = String::from("here");
        let mut ledger = Ledger::new(&plan, &folder, journal, recovered, Method::Fork, host);
        tell(&folder, &plan, &mut ledger);
    }

    /// The only task ends so.
    fn ends(outcome: Outcome) -> Ending {
        let (ending, _) = ending(&[1; 12]);
        Ending {
            fate: Fate::Charged(outcome),
            terminal: true,
            ..ending
        }
    }

    #[test]
    fn a_second_end_of_a_task_is_refused_and_not_written() {
        on_ledger(|folder, plan, ledger| {
            let crashed = ends(Outcome::Crashed(ExitCause::Exited(3)));
            ledger
                .record(&crashed, Origin::default())
                .expect("the first");
            let again = ledger.record(&crashed, Origin::default());
            let id = plan.id(TaskIndex(0));
            assert!(
                matches!(&again, Err(LedgerError::Twice(task)) if *task == id),
                "{again:?}"
            );
            ledger.flush().expect("durable");
            recover(folder, Some(plan.digest()), Repair::Report).expect("a good journal");
        });
    }

    #[test]
    fn a_table_that_cannot_be_kept_is_an_error_before_its_record() {
        on_ledger(|folder, plan, ledger| {
            let Work::Enumerate(task) = plan.work(TaskIndex(0)) else {
                panic!("it enumerates")
            };
            let table = Enumeration::prepare(&task).and_then(|ready| ready.run());
            std::fs::write(folder.segments(), b"theirs").expect("nothing is there yet");
            let ending = ends(Outcome::Ok(TaskOutput::Enumeration(
                table.expect("a table"),
            )));
            let error = ledger.record(&ending, Origin::default());
            assert!(matches!(error, Err(LedgerError::Segment(_))), "{error:?}");
            assert_eq!(ledger.recovered().state(TaskIndex(0)), None);
        });
    }

    #[test]
    fn a_record_without_measure_is_an_error() {
        on_ledger(|_, _, ledger| {
            let message = "x".repeat(65 << 20);
            let error = ledger.record(&ends(Outcome::Error { message }), Origin::default());
            assert!(
                matches!(error, Err(LedgerError::Journal(JournalError::TooLong(_)))),
                "{error:?}"
            );
        });
    }

    proptest! {
        #[test]
        fn the_phases_add_up_whatever_the_clocks_say(
            marks in prop::collection::vec(0u64..10_000_000, 12),
            spawn in any::<bool>(),
        ) {
            let (ending, origin) = ending(&marks);
            let method = if spawn { Method::Spawn } else { Method::Fork };
            let (phases, total) = phases(&ending, origin, method);
            prop_assert_eq!(phases.sum(), total);
        }
    }

    #[test]
    fn each_phase_is_the_span_between_its_marks() {
        let marks: Vec<u64> = (1..=12).map(|i| i * 10_000).collect();
        let (ending, mut origin) = ending(&marks);
        origin.sent = Monotonic(15_000);
        let (phases, total) = phases(&ending, origin, Method::Fork);
        assert_eq!((phases.send, phases.create, phases.handshake), (5, 5, 10));
        assert_eq!((phases.decode, phases.queue, phases.compute), (20, 10, 10));
        assert_eq!((phases.receive, phases.reap, total), (10, 10, 100));
    }
}
