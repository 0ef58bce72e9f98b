//! `--start-method inline`: no process at all. The reference result, and the floor of the cost.
//!
//! There is nothing here to contain a crash, to stop a hang or to cap memory: it is for comparing, and for
//! debugging a task under a debugger. A signal takes effect between two tasks, a second one at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use fumehood::experiment::Outcome;
use fumehood::experiment::plan::Plan;
use fumehood::ids::{AttemptNumber, Pid, TaskIndex, WorkerId};
use fumehood::protocol::Moments;
use fumehood::sys::{self, SignalWatch};

use super::dispatcher::assignment;
use super::event::{Next, RunEvent};
use super::ledger::{Ledger, LedgerError, Origin, peak_kib};
use super::reactor::{Ending, Fate, Times};
use super::state::{Held, Stage, StopReason, TaskBook};

/// Runs the tasks one after the other in this process.
///
/// # Errors
///
/// Nothing can be recorded any more, or signals cannot be watched.
pub fn run(
    plan: &Plan,
    books: &[TaskBook],
    ledger: &mut Ledger<'_>,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<StopReason, LedgerError> {
    let (sender, signals) = mpsc::channel();
    let asked = AtomicBool::new(false);
    let watch = SignalWatch::start(move |signal| {
        if asked.swap(true, Ordering::Relaxed) {
            // The second one does not wait for the task: what is recorded is recorded.
            sys::quiet_exit(128 + signal);
        }
        // The run is over when nobody listens.
        let _ = sender.send(signal);
    });
    if let Err(error) = &watch {
        tell(RunEvent::Note {
            text: format!("signals cannot be watched, Ctrl-C ends the run at once: {error}"),
        });
    }
    for (task, book) in (0u32..).map(TaskIndex).zip(books) {
        if !matches!(book.stage, Stage::Fresh | Stage::Again { .. }) {
            continue;
        }
        if let Ok(signal) = signals.try_recv() {
            let reason = StopReason::Signal(signal);
            tell(RunEvent::Stopping {
                reason: reason.clone(),
            });
            return Ok(reason);
        }
        run_one(plan, task, *book, ledger, tell)?;
    }
    Ok(StopReason::Complete)
}

fn run_one(
    plan: &Plan,
    task: TaskIndex,
    book: TaskBook,
    ledger: &mut Ledger<'_>,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<(), LedgerError> {
    let attempt = AttemptNumber(u32::from(book.attempts) + 1);
    let begun = sys::monotonic_now();
    let held = Held {
        task,
        attempt,
        assigned: begun,
    };
    tell(RunEvent::Started { task });
    let before = sys::own_rusage();
    let executed = worker::execute::execute(&assignment(plan, &held));
    let after = sys::own_rusage();
    let outcome = match executed.result {
        Ok(output) => Outcome::Ok(output),
        Err(message) => Outcome::Error { message },
    };
    let kind = outcome.kind();
    let done = sys::monotonic_now();
    let ending = Ending {
        task,
        attempt,
        worker: WorkerId(0),
        assigned: begun,
        started: None,
        fate: Fate::Charged(outcome),
        terminal: true,
        answer: Some(Times {
            moments: Moments {
                begun,
                rebuilt: executed.rebuilt,
                computed: executed.computed,
                encoded: executed.computed,
                ..Moments::default()
            },
            used: worker::difference(&before, &after),
            received: done,
        }),
        exit: None,
    };
    let origin = Origin {
        pid: Some(Pid(std::process::id())),
        ..Origin::default()
    };
    let cause = ledger.record(&ending, origin)?;
    tell(RunEvent::AttemptEnded {
        task,
        attempt: attempt.0,
        outcome: kind.into(),
        cause,
        next: Next::Final(kind),
        took: done.since(begun),
        worked: executed.computed.since(begun),
        peak_kib: peak_kib(&ending),
    });
    Ok(())
}
