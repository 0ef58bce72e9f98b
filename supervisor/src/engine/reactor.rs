//! The scheduler: one pure function.
//!
//! [`step`] takes what happened and says what to do about it. It does no input or output, reads no clock
//! (`now` is given), and is total: whatever comes in whatever order, it returns. So every crash, timeout,
//! late answer and restart is tested without a process.
//!
//! The rules it keeps:
//!
//! - a crash is charged to the task that its worker had started, and to no other; what else the worker
//!   held goes back to the queue, uncharged;
//! - an answer that came stands, whatever happened to its worker afterwards;
//! - a task gets one terminal [`Ending`], and is never started after it;
//! - nothing is decided about a dead worker's tasks before all it said has been read: the dispatcher
//!   sends [`Event::Exited`] only after it has drained the worker's channel.

use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::{AttemptOutcome, ExitCause, Outcome};
use fumehood::ids::{AttemptNumber, TaskIndex, WorkerId};

use super::state::{
    Answer, Current, ExitFacts, Held, Life, Phase, START_FAILURE_SPAN, START_FAILURES, Stage,
    State, StopReason, UNKILLABLE_AFTER, Verdict, Worker, WorkerState,
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
            on_stop(state, StopReason::Signal(signal), now, &mut actions)
        }
        Event::RecordFailed { reason } => {
            // What runs cannot be recorded: it is ended at once.
            on_stop(
                state,
                StopReason::Journal {
                    reason: reason.clone(),
                },
                now,
                &mut actions,
            );
            on_stop(state, StopReason::Journal { reason }, now, &mut actions);
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
    worker.tasks_begun += 1;
    state.start_failures.clear();
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
    let Some(current) = worker
        .current
        .filter(|c| c.held.task == task && c.held.attempt == attempt)
    else {
        let note = format!("answered task {task}, attempt {attempt}, which it had not started");
        kill(state, id, Verdict::Protocol { note }, now, actions);
        return;
    };
    worker.current = None;
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
    // A process that served one task is recorded with the whole process's cost, once that is known.
    let others_left = ending_anyway && !worker.batch.is_empty();
    let whole_process = leaving && matches!(state.policy.life, Life::OneTask);
    if whole_process {
        worker.answered = Some((current.held, answer));
    } else {
        record_answer(state, id, current.held, answer, None, actions);
    }
    let experiment = state.experiment_of(task);
    state.costs[experiment].note(computed);
    if others_left {
        // It was told to end for the task that it has just answered: the others need not wait for that.
        let what = "did not leave";
        kill(state, id, Verdict::Unresponsive { what }, now, actions);
    }
}

/// The end of an answered attempt.
fn record_answer(
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
        && !worker.batch.is_empty()
        && verdict != Some(Verdict::Interrupted);
    settle(state, id, worker, verdict.as_ref(), &exit, actions);
    if never_began {
        note_start_failure(state, describe(&exit.cause), now, actions);
    }
    state.free_slots.push(slot);
    actions.push(Action::Release { worker: id, slot });
}

/// Decides the fate of everything a dead worker held.
fn settle(
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
                push_ending(id, held, Some(started), fate, false, exit, actions);
            }
        }
    }
    let began = worker.tasks_begun > 0;
    let in_group = worker.batch.len() + usize::from(began) > 1;
    for held in worker.batch {
        let reason = match verdict {
            Some(Verdict::Timeout { .. } | Verdict::Memory { .. }) => {
                String::from("ended for another task")
            }
            Some(Verdict::Unresponsive { what }) => format!("ended since it {what} in time"),
            _ => describe(&exit.cause),
        };
        let fate = match verdict {
            Some(Verdict::Interrupted) => Fate::Interrupted,
            _ if began => Fate::Requeued { reason },
            _ => Fate::StartFailed { reason },
        };
        // A group that died is run again one task a process, so that a crash costs one task.
        put_back(state, held.task, in_group && began, false);
        push_ending(id, held, None, fate, false, exit, actions);
    }
}

/// The fate of the task that a worker had started when it died: the one place where a death is charged.
///
/// A worker that was ended for one task may, before the signal takes effect, have answered it and begun the
/// next: that one is a bystander.
pub fn fate_of_started(held: Held, verdict: Option<&Verdict>, cause: &ExitCause) -> Fate {
    let bystander = || Fate::Requeued {
        reason: String::from("ended for another task"),
    };
    match verdict {
        Some(Verdict::Timeout { of, .. }) if *of != held => bystander(),
        Some(Verdict::Memory { of, .. }) if *of != Some(held) => bystander(),
        Some(Verdict::Timeout { limit, .. }) => Fate::Charged(Outcome::Timeout { limit: *limit }),
        Some(Verdict::Memory { evidence, .. }) => Fate::Charged(Outcome::Oom {
            evidence: evidence.clone(),
        }),
        Some(Verdict::Interrupted) => Fate::Interrupted,
        Some(Verdict::Unresponsive { .. } | Verdict::Protocol { .. }) | None => match cause {
            ExitCause::OutOfMemory { evidence } => Fate::Charged(Outcome::Oom {
                evidence: evidence.clone(),
            }),
            cause => Fate::Charged(Outcome::Crashed(cause.clone())),
        },
    }
}

/// Charges a task with an outcome that is not an answer, and decides whether it gets another attempt.
fn charge(
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
        exit,
        actions,
    );
}

fn push_ending(
    worker: WorkerId,
    held: Held,
    started: Option<Monotonic>,
    fate: Fate,
    terminal: bool,
    exit: &ExitFacts,
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
        exit: Some(exit.clone()),
    })));
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
        actions.push(Action::Record(Box::new(Ending {
            task: held.task,
            attempt: held.attempt,
            worker: id,
            assigned: held.assigned,
            started: None,
            fate: Fate::StartFailed {
                reason: reason.clone(),
            },
            terminal: false,
            answer: None,
            exit: None,
        })));
    }
    state.free_slots.push(worker.slot);
    actions.push(Action::Release {
        worker: id,
        slot: worker.slot,
    });
    note_start_failure(state, reason, now, actions);
}

/// After a failed start the next one waits, longer each time; after too many in a row the run ends.
fn note_start_failure(
    state: &mut State,
    reason: String,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    state.start_failures.push_back(now);
    while state
        .start_failures
        .front()
        .is_some_and(|&at| now.since(at) > START_FAILURE_SPAN)
    {
        state.start_failures.pop_front();
    }
    let failures = state.start_failures.len();
    if failures >= START_FAILURES {
        on_stop(state, StopReason::CannotStart { reason }, now, actions);
    } else {
        let pause = Duration::from_millis(20 << failures.min(6));
        state.hold_starts_until = Some(now + pause);
    }
}

/// The first request lets running attempts finish within the grace period; the second ends them.
fn on_stop(state: &mut State, reason: StopReason, now: Monotonic, actions: &mut Vec<Action>) {
    match &mut state.phase {
        Phase::Running => {
            state.phase = Phase::Stopping {
                reason,
                end_at: Some(now + state.policy.grace),
            };
            let unbegun: Vec<WorkerId> = state
                .workers
                .iter()
                .filter(|(_, w)| {
                    w.current.is_none()
                        && matches!(
                            w.state,
                            WorkerState::Starting { .. } | WorkerState::Between { .. }
                        )
                })
                .map(|(&id, _)| id)
                .collect();
            for id in unbegun {
                kill(state, id, Verdict::Interrupted, now, actions);
            }
        }
        Phase::Stopping { reason: first, .. } => {
            // A journal that fails while the run is being stopped is the graver news.
            if matches!(reason, StopReason::Journal { .. }) {
                *first = reason;
            }
            let all: Vec<WorkerId> = state.workers.keys().copied().collect();
            for id in all {
                kill(state, id, Verdict::Interrupted, now, actions);
            }
        }
        Phase::Over => {}
    }
}

fn shift_deadlines(state: &mut State, span: Duration) {
    if let Phase::Stopping {
        end_at: Some(end_at),
        ..
    } = &mut state.phase
    {
        *end_at = *end_at + span;
    }
    if let Some(until) = &mut state.hold_starts_until {
        *until = *until + span;
    }
    for worker in state.workers.values_mut() {
        match &mut worker.state {
            WorkerState::Starting { deadline }
            | WorkerState::Between { deadline }
            | WorkerState::Draining { deadline }
            | WorkerState::Busy {
                deadline: Some(deadline),
            }
            | WorkerState::Terminating {
                kill_at: deadline, ..
            }
            | WorkerState::Killed {
                abandon_at: deadline,
                ..
            } => *deadline = *deadline + span,
            WorkerState::Busy { deadline: None } | WorkerState::Idle => {}
        }
    }
}

fn check_deadlines(state: &mut State, now: Monotonic, actions: &mut Vec<Action>) {
    if state.hold_starts_until.is_some_and(|until| until <= now) {
        state.hold_starts_until = None;
    }
    if let Phase::Stopping { end_at, .. } = &mut state.phase
        && end_at.is_some_and(|at| at <= now)
    {
        *end_at = None;
        let all: Vec<WorkerId> = state.workers.keys().copied().collect();
        for id in all {
            terminate(state, id, Verdict::Interrupted, now, actions);
        }
    }
    let ids: Vec<WorkerId> = state.workers.keys().copied().collect();
    for id in ids {
        check_worker(state, id, now, actions);
    }
}

fn check_worker(state: &mut State, id: WorkerId, now: Monotonic, actions: &mut Vec<Action>) {
    let Some(worker) = state.workers.get(&id) else {
        return;
    };
    match worker.state.clone() {
        WorkerState::Starting { deadline } if deadline <= now => {
            let what = "did not start";
            kill(state, id, Verdict::Unresponsive { what }, now, actions);
        }
        WorkerState::Between { deadline } if deadline <= now => {
            let what = "did not begin its next task";
            kill(state, id, Verdict::Unresponsive { what }, now, actions);
        }
        WorkerState::Draining { deadline } if deadline <= now => {
            let what = "did not leave";
            kill(state, id, Verdict::Unresponsive { what }, now, actions);
        }
        WorkerState::Busy {
            deadline: Some(deadline),
        } if deadline <= now => {
            let limit = state.policy.timeout.unwrap_or_default();
            if let Some(Current { held: of, .. }) = worker.current {
                terminate(state, id, Verdict::Timeout { of, limit }, now, actions);
            }
        }
        WorkerState::Terminating { verdict, kill_at } if kill_at <= now => {
            kill(state, id, verdict, now, actions);
        }
        WorkerState::Killed { abandon_at, .. } if abandon_at <= now => {
            let exit = ExitFacts {
                cause: ExitCause::Lost,
                resources: fumehood::experiment::ResourceUse::default(),
                at: now,
            };
            on_exited(state, id, exit, now, actions);
        }
        _ => {}
    }
}

/// Asks a worker to end; the first verdict on it stands.
fn terminate(
    state: &mut State,
    id: WorkerId,
    verdict: Verdict,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let grace = state.policy.grace;
    let Some(worker) = state.workers.get_mut(&id) else {
        return;
    };
    if matches!(
        worker.state,
        WorkerState::Terminating { .. } | WorkerState::Killed { .. }
    ) {
        return;
    }
    worker.state = WorkerState::Terminating {
        verdict,
        kill_at: now + grace,
    };
    actions.push(Action::Terminate { worker: id });
}

/// Ends a worker; the first verdict on it stands.
fn kill(
    state: &mut State,
    id: WorkerId,
    verdict: Verdict,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let Some(worker) = state.workers.get_mut(&id) else {
        return;
    };
    let verdict = match &worker.state {
        WorkerState::Killed { .. } => return,
        WorkerState::Terminating { verdict, .. } => verdict.clone(),
        _ => verdict,
    };
    worker.state = WorkerState::Killed {
        verdict,
        abandon_at: now + UNKILLABLE_AFTER,
    };
    actions.push(Action::Kill { worker: id });
}

/// Gives waiting tasks to workers: to those that are idle, and to new ones while there is room.
fn give_out(state: &mut State, now: Monotonic, actions: &mut Vec<Action>) {
    let idle: Vec<WorkerId> = state
        .workers
        .iter()
        .filter(|(_, w)| w.state == WorkerState::Idle)
        .map(|(&id, _)| id)
        .collect();
    for id in idle {
        give_to_idle(state, id, now, actions);
    }
    if state.phase != Phase::Running || state.hold_starts_until.is_some() {
        return;
    }
    while state.waiting() > 0 && state.occupied() < state.policy.workers {
        let Some(slot) = state.free_slots.pop() else {
            return;
        };
        let id = WorkerId(state.next_worker);
        state.next_worker += 1;
        let tasks = take_batch(state, id, now);
        let tasks_left = match state.policy.life {
            Life::OneTask | Life::Auto => 0,
            Life::Tasks(n) => n.saturating_sub(1),
        };
        state.workers.insert(
            id,
            Worker {
                slot,
                current: None,
                batch: tasks.iter().copied().collect(),
                answered: None,
                tasks_begun: 0,
                tasks_left,
                state: WorkerState::Starting {
                    deadline: now + state.policy.start_limit,
                },
            },
        );
        actions.push(Action::Start {
            worker: id,
            slot,
            tasks,
            kept: tasks_left > 0,
        });
    }
}

fn give_to_idle(state: &mut State, id: WorkerId, now: Monotonic, actions: &mut Vec<Action>) {
    if state.phase == Phase::Running && state.waiting() > 0 {
        let tasks = take_batch(state, id, now);
        let deadline = now + state.policy.start_limit;
        if let Some(worker) = state.workers.get_mut(&id) {
            worker.tasks_left = worker.tasks_left.saturating_sub(1);
            worker.batch.extend(tasks.iter().copied());
            worker.state = WorkerState::Between { deadline };
            actions.push(Action::Assign { worker: id, tasks });
        }
        return;
    }
    // Others still run: one of them may crash and its task come back. Only the end of all work, or of the
    // run, sends an idle worker home.
    let others = state
        .workers
        .values()
        .any(|w| w.current.is_some() || !w.batch.is_empty());
    if state.phase != Phase::Running || !others {
        let deadline = now + state.policy.grace.max(Duration::from_secs(1));
        if let Some(worker) = state.workers.get_mut(&id) {
            worker.tasks_left = 0;
            worker.state = WorkerState::Draining { deadline };
            actions.push(Action::Shutdown { worker: id });
        }
    }
}

/// Takes the next task out of the queue, with those that go in a group with it.
fn take_batch(state: &mut State, worker: WorkerId, now: Monotonic) -> Vec<Held> {
    let mut batch = Vec::new();
    let Some((first, alone)) = take_next(state) else {
        return batch;
    };
    batch.push(hold(state, first, worker, now));
    let size = match state.policy.life {
        Life::Auto if !alone => {
            let experiment = state.experiment_of(first);
            // Never so large that other workers would have nothing to do.
            let share = state.waiting() / state.policy.workers.max(1) / 2;
            state.costs[experiment]
                .group()
                .min(state.policy.largest_group)
                .min(share.max(1))
        }
        _ => 1,
    };
    while batch.len() < size as usize {
        let Some(next) = peek_fresh(state) else { break };
        if state.experiment_of(next) != state.experiment_of(first) || !state.again.is_empty() {
            break;
        }
        state.next_fresh = next.0 + 1;
        state.fresh_left -= 1;
        batch.push(hold(state, next, worker, now));
    }
    batch
}

fn take_next(state: &mut State) -> Option<(TaskIndex, bool)> {
    if let Some(task) = state.again.pop_front() {
        let alone = matches!(
            state.tasks[task.as_usize()].stage,
            Stage::Again { alone: true }
        );
        return Some((task, alone));
    }
    let task = peek_fresh(state)?;
    state.next_fresh = task.0 + 1;
    state.fresh_left -= 1;
    Some((task, false))
}

fn peek_fresh(state: &State) -> Option<TaskIndex> {
    if state.fresh_left == 0 {
        return None;
    }
    (state.next_fresh..)
        .map(TaskIndex)
        .take_while(|task| task.as_usize() < state.tasks.len())
        .find(|task| state.tasks[task.as_usize()].stage == Stage::Fresh)
}

fn hold(state: &mut State, task: TaskIndex, worker: WorkerId, now: Monotonic) -> Held {
    let book = &mut state.tasks[task.as_usize()];
    book.attempts = book.attempts.saturating_add(1);
    book.stage = Stage::Held(worker);
    Held {
        task,
        attempt: AttemptNumber(u32::from(book.attempts)),
        assigned: now,
    }
}

/// Puts a task back in the queue: a charged one behind all others, a bystander before them.
fn put_back(state: &mut State, task: TaskIndex, alone: bool, behind: bool) {
    state.tasks[task.as_usize()].stage = Stage::Again { alone };
    if behind {
        state.again.push_back(task);
    } else {
        state.again.push_front(task);
    }
}

fn book_done(state: &mut State, task: TaskIndex) {
    state.tasks[task.as_usize()].stage = Stage::Done;
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

/// A process's end in words.
pub fn describe(cause: &ExitCause) -> String {
    match cause {
        ExitCause::Exited(code) => format!("exited with {code} before the result"),
        ExitCause::Signaled { signal, .. } => {
            format!("killed by {}", fumehood::sys::signal_name(*signal))
        }
        ExitCause::OutOfMemory { evidence } => evidence.clone(),
        ExitCause::Lost => String::from("gone without a trace"),
    }
}

#[cfg(test)]
mod tests;
