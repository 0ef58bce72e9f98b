//! The scheduler: one pure function.
//!
//! [`step`] takes what happened and says what to do about it. It does no input or output, reads no clock
//! (`now` is given), and is total: whatever comes in whatever order, it returns. So every crash, timeout,
//! late answer and restart is tested without a process.
//!
//! The rules it keeps:
//!
//! - a crash is charged to the task that its worker had started, and to no other; what else the worker
//!   held goes back to the queue, uncharged; an end that is our doing is charged only to the task that was
//!   its reason;
//! - an answer that came stands, whatever happened to its worker afterwards; what a worker says after it
//!   broke the protocol is no answer;
//! - a task gets one terminal [`Ending`], and is never started after it;
//! - nothing is decided about a dead worker's tasks before all it said has been read: the dispatcher
//!   sends [`Event::Exited`] only after it has drained the worker's channel.

mod deadlines;
mod queue;
mod settle;

use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::{AttemptOutcome, Outcome};
use fumehood::ids::{AttemptNumber, TaskIndex, WorkerId};

use self::deadlines::{check_deadlines, kill, shift_deadlines};
use self::queue::{give_out, put_back};
pub use self::settle::describe;
use self::settle::{push_ending, record_answer, settle, why_unbegun};
use super::state::{
    Answer, Current, ExitFacts, FAILED_ROUNDS, Held, Life, Phase, State, StopReason, Verdict,
    WorkerState,
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Time passed; also the first event of a run.
    Tick,
    /// A worker began a task.
    Started {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskIndex,
        /// Which attempt.
        attempt: AttemptNumber,
    },
    /// A worker answered.
    Finished {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskIndex,
        /// Which attempt.
        attempt: AttemptNumber,
        /// What it said.
        answer: Box<Answer>,
    },
    /// A worker's process is over, and all it had said has been read.
    Exited {
        /// Which worker.
        worker: WorkerId,
        /// How.
        exit: ExitFacts,
    },
    /// A worker could not be made.
    StartFailed {
        /// Which worker.
        worker: WorkerId,
        /// Why.
        reason: String,
    },
    /// A worker, with its children, uses more memory than allowed.
    OverMemory {
        /// Which worker.
        worker: WorkerId,
        /// The figures.
        evidence: String,
    },
    /// A worker said something that no worker of ours says.
    Broke {
        /// Which worker.
        worker: WorkerId,
        /// What.
        note: String,
    },
    /// A signal asks the run to stop.
    StopRequested {
        /// Which.
        signal: i32,
    },
    /// Nothing can be recorded any more.
    RecordFailed {
        /// Why.
        reason: String,
    },
    /// The supervisor itself was stopped for this long: no deadline ran meanwhile.
    Paused {
        /// How long.
        span: Duration,
    },
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make a worker, and give it these tasks.
    Start {
        /// Its name.
        worker: WorkerId,
        /// Its slot.
        slot: u32,
        /// Its first tasks.
        tasks: Vec<Held>,
        /// Whether it will be given more.
        kept: bool,
    },
    /// Give a worker more tasks.
    Assign {
        /// Which worker.
        worker: WorkerId,
        /// The tasks.
        tasks: Vec<Held>,
    },
    /// Tell a worker to leave; it holds nothing.
    Shutdown {
        /// Which worker.
        worker: WorkerId,
    },
    /// Ask a worker and what it started to end.
    Terminate {
        /// Which worker.
        worker: WorkerId,
    },
    /// End them.
    Kill {
        /// Which worker.
        worker: WorkerId,
    },
    /// Say that a worker was killed and does not end: nobody waits for it any longer.
    Abandon {
        /// Which worker.
        worker: WorkerId,
    },
    /// Record the end of an attempt.
    Record(Box<Ending>),
    /// Forget a worker; its slot is free. What it may have left behind is to be ended.
    Release {
        /// Which worker.
        worker: WorkerId,
        /// The slot.
        slot: u32,
    },
    /// The run is over.
    Stop(StopReason),
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Which task.
    pub task: TaskIndex,
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// Which worker had it.
    pub worker: WorkerId,
    /// When it was given to the worker.
    pub assigned: Monotonic,
    /// When its start was heard of, where it ended without an answer.
    pub started: Option<Monotonic>,
    /// How it ended.
    pub fate: Fate,
    /// Whether the task ends with it.
    pub terminal: bool,
    /// The times of its answer, if it gave one.
    pub answer: Option<Times>,
    /// The end of its process, where the process ended with it.
    pub exit: Option<ExitFacts>,
}

/// What an [`Answer`] says beside its outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// The worker's moments.
    pub moments: fumehood::protocol::Moments,
    /// What the task used.
    pub used: fumehood::experiment::ResourceUse,
    /// When the supervisor had it.
    pub received: Monotonic,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Charged to the task.
    Charged(Outcome),
    /// It was a bystander.
    Requeued {
        /// What happened to its worker.
        reason: String,
    },
    /// The run was stopped.
    Interrupted,
    /// Its worker never began.
    StartFailed {
        /// Why.
        reason: String,
    },
}

impl Fate {
    /// The word for it.
    pub fn outcome(&self) -> AttemptOutcome {
        match self {
            Fate::Charged(outcome) => outcome.kind().into(),
            Fate::Requeued { .. } => AttemptOutcome::Requeued,
            Fate::Interrupted => AttemptOutcome::Interrupted,
            Fate::StartFailed { .. } => AttemptOutcome::StartFailed,
        }
    }
}

/// Takes what happened; says what to do.
pub fn step(state: &mut State, event: Event, now: Monotonic) -> Vec<Action> {
    let mut actions = Vec::new();
    if state.phase == Phase::Over {
        // The record that ended the run may be the one that failed.
        if let Event::RecordFailed { reason } = event {
            actions.push(Action::Stop(StopReason::Journal { reason }));
        }
        return actions;
    }
    match event {
        Event::Tick => {}
        Event::Started {
            worker,
            task,
            attempt,
        } => on_started(state, worker, task, attempt, now, &mut actions),
        Event::Finished {
            worker,
            task,
            attempt,
            answer,
        } => on_finished(state, worker, task, attempt, *answer, now, &mut actions),
        Event::Exited { worker, exit } => on_exited(state, worker, exit, now, &mut actions),
        Event::StartFailed { worker, reason } => {
            on_start_failed(state, worker, reason, now, &mut actions);
        }
        Event::OverMemory { worker, evidence } => {
            // The figure is over the limit already: no time for politeness.
            let running = state.workers.get(&worker).and_then(|w| w.current);
            let of = running.map(|current| current.held);
            kill(
                state,
                worker,
                Verdict::Memory { of, evidence },
                now,
                &mut actions,
            );
        }
        Event::Broke { worker, note } => {
            kill(state, worker, Verdict::Protocol { note }, now, &mut actions);
        }
        Event::StopRequested { signal } => {
            // The first request is polite; the second is not.
            let urgency = match state.phase {
                Phase::Running => Urgency::Grace,
                Phase::Stopping { .. } | Phase::Over => Urgency::Now,
            };
            let reason = StopReason::Signal(signal);
            stop(state, reason, urgency, now, &mut actions);
        }
        Event::RecordFailed { reason } => {
            // What runs cannot be recorded.
            let reason = StopReason::Journal { reason };
            stop(state, reason, Urgency::Now, now, &mut actions);
        }
        Event::Paused { span } => shift_deadlines(state, span),
    }
    check_deadlines(state, now, &mut actions);
    give_out(state, now, &mut actions);
    end_if_done(state, &mut actions);
    actions
}

fn on_started(
    state: &mut State,
    id: WorkerId,
    task: TaskIndex,
    attempt: AttemptNumber,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let Some(worker) = state.workers.get_mut(&id) else {
        return; // settled before: a late word
    };
    if worker.is_not_believed() {
        return;
    }
    let due = worker
        .batch
        .front()
        .is_some_and(|held| held.task == task && held.attempt == attempt);
    if !due || worker.current.is_some() {
        let note = format!("started task {task}, attempt {attempt}, which it was not to");
        kill(state, id, Verdict::Protocol { note }, now, actions);
        return;
    }
    worker.current = worker
        .batch
        .pop_front()
        .map(|held| Current { held, started: now });
    if matches!(worker.state, WorkerState::Killed { .. }) {
        return; // it was given up before it began: a start that came too late is none
    }
    worker.tasks_begun += 1;
    state.failed_rounds = 0;
    if matches!(
        worker.state,
        WorkerState::Starting { .. } | WorkerState::Between { .. } | WorkerState::Idle
    ) {
        worker.state = WorkerState::Busy {
            deadline: state.policy.timeout.map(|limit| now + limit),
        };
    }
}

fn on_finished(
    state: &mut State,
    id: WorkerId,
    task: TaskIndex,
    attempt: AttemptNumber,
    answer: Answer,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let start_limit = state.policy.start_limit;
    let leave_limit = state.policy.grace.max(Duration::from_secs(1));
    let Some(worker) = state.workers.get_mut(&id) else {
        return; // settled before: a late word
    };
    if worker.is_not_believed() {
        return;
    }
    let Some(current) = worker
        .current
        .filter(|c| c.held.task == task && c.held.attempt == attempt)
    else {
        let note = format!("answered task {task}, attempt {attempt}, which it had not started");
        kill(state, id, Verdict::Protocol { note }, now, actions);
        return;
    };
    worker.current = None;
    state.failed_rounds = 0;
    // What a task leaves behind is not the next one's to bear: neither a changed process nor, where memory is
    // limited, one that has used up half of it.
    let used = answer.used.max_rss_kib.saturating_mul(1024);
    if answer.leaves || state.policy.memory.is_some_and(|limit| used > limit / 2) {
        worker.tasks_left = 0;
    }
    let changed = answer.leaves;
    let computed = answer.moments.computed.since(answer.moments.begun);
    let leaving = worker.batch.is_empty() && worker.tasks_left == 0;
    let ending_anyway = matches!(
        worker.state,
        WorkerState::Terminating { .. } | WorkerState::Killed { .. }
    );
    if !ending_anyway {
        worker.state = if leaving {
            WorkerState::Draining {
                deadline: now + leave_limit,
            }
        } else if worker.batch.is_empty() {
            WorkerState::Idle
        } else {
            WorkerState::Between {
                deadline: now + start_limit,
            }
        };
    }
    let others_left = !worker.batch.is_empty();
    // A process that served one task is recorded with the whole process's cost, once that is known.
    let whole_process = leaving && matches!(state.policy.life, Life::OneTask);
    if whole_process {
        worker.answered = Some((current.held, answer));
    } else {
        record_answer(state, id, current.held, answer, None, actions);
    }
    let experiment = state.experiment_of(task);
    state.costs[experiment].note(computed);
    if leaving && !ending_anyway && matches!(state.policy.life, Life::Tasks(_)) {
        // It does not count its tasks.
        actions.push(Action::Shutdown { worker: id });
    }
    if others_left && changed {
        kill(state, id, Verdict::Changed, now, actions);
    } else if others_left && (ending_anyway || state.phase != Phase::Running) {
        // The rest of its group goes back: it was told to end, for the task it has just answered (that
        // verdict stands), or the run begins no new task.
        kill(state, id, Verdict::Interrupted, now, actions);
    }
}

fn on_exited(
    state: &mut State,
    id: WorkerId,
    exit: ExitFacts,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let Some(worker) = state.workers.remove(&id) else {
        return;
    };
    let verdict = match &worker.state {
        WorkerState::Terminating { verdict, .. } | WorkerState::Killed { verdict, .. } => {
            Some(verdict.clone())
        }
        _ => None,
    };
    let slot = worker.slot;
    let never_began = worker.tasks_begun == 0
        && (worker.current.is_some() || !worker.batch.is_empty())
        && verdict != Some(Verdict::Interrupted);
    settle(state, id, worker, verdict.as_ref(), &exit, actions);
    if never_began {
        let reason = why_unbegun(verdict.as_ref(), &exit.cause);
        note_start_failure(state, reason, now, actions);
    }
    state.free_slots.push(slot);
    actions.push(Action::Release { worker: id, slot });
}

fn on_start_failed(
    state: &mut State,
    id: WorkerId,
    reason: String,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let Some(worker) = state.workers.remove(&id) else {
        return;
    };
    if let Some((held, answer)) = worker.answered {
        record_answer(state, id, held, answer, None, actions);
    }
    // It may have begun all the same: a zygote can die between making it and telling of it.
    for held in worker
        .current
        .map(|current| current.held)
        .into_iter()
        .chain(worker.batch)
    {
        put_back(state, held.task, false, false);
        let fate = Fate::StartFailed {
            reason: reason.clone(),
        };
        push_ending(id, held, None, fate, false, None, actions);
    }
    state.free_slots.push(worker.slot);
    actions.push(Action::Release {
        worker: id,
        slot: worker.slot,
    });
    note_start_failure(state, reason, now, actions);
}

/// After a failed start the next one waits, longer each time; after too many rounds in a row the run ends.
fn note_start_failure(
    state: &mut State,
    reason: String,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    if state.hold_starts_until.is_some() {
        return; // it failed together with one that was noted
    }
    state.failed_rounds += 1;
    let pause = Duration::from_millis(20 << state.failed_rounds.min(6));
    state.hold_starts_until = Some(now + pause);
    if state.failed_rounds >= FAILED_ROUNDS && state.phase == Phase::Running {
        let reason = StopReason::CannotStart { reason };
        stop(state, reason, Urgency::Grace, now, actions);
    }
}

/// How soon running attempts are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    /// They may finish within the grace period.
    Grace,
    /// At once.
    Now,
}

/// Begins no new task, and ends what runs.
fn stop(
    state: &mut State,
    reason: StopReason,
    urgency: Urgency,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    match &mut state.phase {
        Phase::Running => {
            state.phase = Phase::Stopping {
                reason,
                end_at: Some(now + state.policy.grace),
            };
        }
        // A journal that fails while the run is being stopped is the graver news.
        Phase::Stopping { reason: first, .. } => {
            if matches!(reason, StopReason::Journal { .. }) {
                *first = reason;
            }
        }
        Phase::Over => return,
    }
    let to_end: Vec<WorkerId> = state
        .workers
        .iter()
        .filter(|(_, w)| {
            let unbegun = matches!(
                w.state,
                WorkerState::Starting { .. } | WorkerState::Between { .. }
            );
            urgency == Urgency::Now || unbegun
        })
        .map(|(&id, _)| id)
        .collect();
    for id in to_end {
        kill(state, id, Verdict::Interrupted, now, actions);
    }
}

fn end_if_done(state: &mut State, actions: &mut Vec<Action>) {
    if !state.workers.is_empty() {
        return;
    }
    let reason = match &state.phase {
        Phase::Running if state.waiting() == 0 => StopReason::Complete,
        Phase::Stopping { reason, .. } => reason.clone(),
        Phase::Running | Phase::Over => return,
    };
    state.phase = Phase::Over;
    actions.push(Action::Stop(reason));
}

#[cfg(test)]
mod tests;
