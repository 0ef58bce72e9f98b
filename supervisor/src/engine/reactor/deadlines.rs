//! What happens when time passes: deadlines, and how a worker is made to end.

use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::ExitCause;
use fumehood::ids::WorkerId;

use super::super::state::{Current, ExitFacts, Phase, State, Verdict, WorkerState};
use super::{Action, on_exited};

pub(super) fn shift_deadlines(state: &mut State, span: Duration) {
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

pub(super) fn check_deadlines(state: &mut State, now: Monotonic, actions: &mut Vec<Action>) {
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

pub(super) fn check_worker(
    state: &mut State,
    id: WorkerId,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
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
            actions.push(Action::Abandon { worker: id });
            on_exited(state, id, exit, now, actions);
        }
        _ => {}
    }
}

/// Asks a worker to end; the first verdict on it stands.
pub(super) fn terminate(
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

/// Ends a worker; the first verdict on it stands, unless it has broken the protocol since: what it says then counts
/// no more, whatever it was ended for.
pub(super) fn kill(
    state: &mut State,
    id: WorkerId,
    verdict: Verdict,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let unkillable_after = state.policy.unkillable_after;
    let Some(worker) = state.workers.get_mut(&id) else {
        return;
    };
    let breaks = matches!(verdict, Verdict::Protocol { .. });
    let verdict = match &mut worker.state {
        WorkerState::Killed { verdict: first, .. } => {
            if breaks && !matches!(first, Verdict::Protocol { .. }) {
                *first = verdict;
            }
            return;
        }
        WorkerState::Terminating { verdict: first, .. } if !breaks => first.clone(),
        _ => verdict,
    };
    worker.state = WorkerState::Killed {
        verdict,
        abandon_at: now + unkillable_after,
    };
    actions.push(Action::Kill { worker: id });
}
