//! What becomes of the tasks of a worker that has answered or died.
//!
//! [`fate_of_started`] is the one place where a death is charged; everything else here books it.

use fumehood::clock::Monotonic;
use fumehood::experiment::{ExitCause, Outcome};
use fumehood::ids::WorkerId;

use super::super::state::{Answer, Current, ExitFacts, Held, State, Verdict, Worker};
use super::queue::{book_done, put_back};
use super::{Action, Ending, Fate, Times};

/// The end of an answered attempt.
pub(super) fn record_answer(
    state: &mut State,
    worker: WorkerId,
    held: Held,
    answer: Answer,
    exit: Option<ExitFacts>,
    actions: &mut Vec<Action>,
) {
    book_done(state, held.task);
    actions.push(Action::Record(Box::new(Ending {
        task: held.task,
        attempt: held.attempt,
        worker,
        assigned: held.assigned,
        started: None,
        fate: Fate::Charged(answer.outcome),
        terminal: true,
        answer: Some(Times {
            moments: answer.moments,
            used: answer.used,
            received: answer.received,
        }),
        exit,
    })));
}

/// Decides the fate of everything a dead worker held.
pub(super) fn settle(
    state: &mut State,
    id: WorkerId,
    worker: Worker,
    verdict: Option<&Verdict>,
    exit: &ExitFacts,
    actions: &mut Vec<Action>,
) {
    if let Some((held, answer)) = worker.answered {
        record_answer(state, id, held, answer, Some(exit.clone()), actions);
    }
    if let Some(Current { held, started }) = worker.current {
        match fate_of_started(held, verdict, &exit.cause) {
            Fate::Charged(outcome) => {
                charge(state, id, Current { held, started }, outcome, exit, actions);
            }
            fate => {
                put_back(state, held.task, false, false);
                push_ending(id, held, Some(started), fate, false, Some(exit), actions);
            }
        }
    }
    let began = worker.tasks_begun > 0;
    let in_group = worker.batch.len() + usize::from(began) > 1;
    for held in worker.batch {
        let reason = why_unbegun(verdict, &exit.cause);
        let fate = match verdict {
            Some(Verdict::Interrupted) => Fate::Interrupted,
            _ if began => Fate::Requeued { reason },
            _ => Fate::StartFailed { reason },
        };
        // A group that died is run again one task a process, so that a crash costs one task.
        put_back(state, held.task, in_group && began, false);
        push_ending(id, held, None, fate, false, Some(exit), actions);
    }
}

/// The fate of the task that a worker had started when it died: the one place where a death is charged.
///
/// A worker that was ended for one task may, before the signal takes effect, have answered it and begun the
/// next; one that was given up, since it did not begin in time or since a task had changed it, may begin all the
/// same. What is begun then is a bystander.
pub fn fate_of_started(held: Held, verdict: Option<&Verdict>, cause: &ExitCause) -> Fate {
    let bystander = || Fate::Requeued {
        reason: why_unbegun(verdict, cause),
    };
    match verdict {
        Some(Verdict::Timeout { of, .. }) if *of != held => bystander(),
        Some(Verdict::Memory { of, .. }) if *of != Some(held) => bystander(),
        Some(Verdict::Unresponsive { .. } | Verdict::Changed) => bystander(),
        Some(Verdict::Timeout { limit, .. }) => Fate::Charged(Outcome::Timeout { limit: *limit }),
        Some(Verdict::Memory { evidence, .. }) => Fate::Charged(Outcome::Oom {
            evidence: evidence.clone(),
        }),
        Some(Verdict::Interrupted) => Fate::Interrupted,
        Some(Verdict::Protocol { note }) => {
            Fate::Charged(Outcome::Crashed(ExitCause::BrokeProtocol {
                note: note.clone(),
            }))
        }
        None => match cause {
            ExitCause::OutOfMemory { evidence } => Fate::Charged(Outcome::Oom {
                evidence: evidence.clone(),
            }),
            cause => Fate::Charged(Outcome::Crashed(cause.clone())),
        },
    }
}

/// Charges a task with an outcome that is not an answer, and decides whether it gets another attempt.
pub(super) fn charge(
    state: &mut State,
    worker: WorkerId,
    current: Current,
    outcome: Outcome,
    exit: &ExitFacts,
    actions: &mut Vec<Action>,
) {
    let held = current.held;
    let retried = matches!(outcome, Outcome::Crashed(_) | Outcome::Oom { .. });
    let book = &mut state.tasks[held.task.as_usize()];
    if retried {
        book.crashes = book.crashes.saturating_add(1);
    }
    let terminal = !retried || u32::from(book.crashes) > state.policy.retries;
    if terminal {
        book_done(state, held.task);
    } else {
        // Alone: what killed one process would kill its next group too.
        put_back(state, held.task, true, true);
    }
    push_ending(
        worker,
        held,
        Some(current.started),
        Fate::Charged(outcome),
        terminal,
        Some(exit),
        actions,
    );
}

pub(super) fn push_ending(
    worker: WorkerId,
    held: Held,
    started: Option<Monotonic>,
    fate: Fate,
    terminal: bool,
    exit: Option<&ExitFacts>,
    actions: &mut Vec<Action>,
) {
    actions.push(Action::Record(Box::new(Ending {
        task: held.task,
        attempt: held.attempt,
        worker,
        assigned: held.assigned,
        started,
        fate,
        terminal,
        answer: None,
        exit: exit.cloned(),
    })));
}

/// Why a task that a worker held did not begin.
pub(super) fn why_unbegun(verdict: Option<&Verdict>, cause: &ExitCause) -> String {
    match verdict {
        Some(Verdict::Memory { of: None, evidence }) => {
            format!("ended before it began: {evidence}")
        }
        Some(Verdict::Timeout { .. } | Verdict::Memory { .. }) => {
            String::from("ended for another task")
        }
        Some(Verdict::Unresponsive { what }) => format!("ended since it {what} in time"),
        Some(Verdict::Protocol { note }) => format!("ended since {note}"),
        Some(Verdict::Changed) => String::from("ended since a task had changed it"),
        Some(Verdict::Interrupted) | None => describe(cause),
    }
}

/// A process's end in words.
pub fn describe(cause: &ExitCause) -> String {
    match cause {
        ExitCause::Exited(code) => format!("exited with {code} before the result"),
        ExitCause::Signaled { signal, .. } => {
            format!("killed by {}", fumehood::sys::signal_name(*signal))
        }
        ExitCause::OutOfMemory { evidence } => evidence.clone(),
        ExitCause::BrokeProtocol { note } => format!("ended for a broken protocol: {note}"),
        ExitCause::Lost => String::from("gone without a trace"),
    }
}
