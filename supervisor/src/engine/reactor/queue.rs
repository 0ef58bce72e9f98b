//! Who gets which task: the queue, groups, idle workers and new ones.

use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::ids::{AttemptNumber, TaskIndex, WorkerId};
use fumehood::protocol::PARCEL_CAP;

use super::super::state::{Held, Life, Phase, Stage, State, Worker, WorkerState};
use super::Action;

/// Gives waiting tasks to workers: to those that are idle, and to new ones while there is room.
pub(super) fn give_out(state: &mut State, now: Monotonic, actions: &mut Vec<Action>) {
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

pub(super) fn give_to_idle(
    state: &mut State,
    id: WorkerId,
    now: Monotonic,
    actions: &mut Vec<Action>,
) {
    let running = state.phase == Phase::Running;
    // A task that was charged gets a process that has run nothing before it, where there is room for one.
    if running && next_is_alone(state) && state.occupied() < state.policy.workers {
        return;
    }
    if running && state.waiting() > 0 {
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
    if !running || !others {
        let deadline = now + state.policy.grace.max(Duration::from_secs(1));
        if let Some(worker) = state.workers.get_mut(&id) {
            worker.tasks_left = 0;
            worker.state = WorkerState::Draining { deadline };
            actions.push(Action::Shutdown { worker: id });
        }
    }
}

/// Takes the next task out of the queue, with those that go in a group with it.
pub(super) fn take_batch(state: &mut State, worker: WorkerId, now: Monotonic) -> Vec<Held> {
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
    let bytes_of = |state: &State, task: TaskIndex| -> usize {
        let bytes = state.policy.bytes.get(task.as_usize());
        bytes.map_or(0, |bytes| *bytes as usize)
    };
    let mut bytes = bytes_of(state, first);
    while batch.len() < size as usize {
        let Some(next) = peek_fresh(state) else { break };
        if state.experiment_of(next) != state.experiment_of(first) || !state.again.is_empty() {
            break;
        }
        bytes += bytes_of(state, next);
        if bytes > PARCEL_CAP {
            break;
        }
        state.next_fresh = next.0 + 1;
        state.fresh_left -= 1;
        batch.push(hold(state, next, worker, now));
    }
    batch
}

/// Whether the next task is one that was charged before, or was in a group that died.
fn next_is_alone(state: &State) -> bool {
    let next = state.again.front();
    next.is_some_and(|task| state.tasks[task.as_usize()].stage == Stage::Again { alone: true })
}

pub(super) fn take_next(state: &mut State) -> Option<(TaskIndex, bool)> {
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

pub(super) fn peek_fresh(state: &State) -> Option<TaskIndex> {
    if state.fresh_left == 0 {
        return None;
    }
    (state.next_fresh..)
        .map(TaskIndex)
        .take_while(|task| task.as_usize() < state.tasks.len())
        .find(|task| state.tasks[task.as_usize()].stage == Stage::Fresh)
}

pub(super) fn hold(state: &mut State, task: TaskIndex, worker: WorkerId, now: Monotonic) -> Held {
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
pub(super) fn put_back(state: &mut State, task: TaskIndex, alone: bool, behind: bool) {
    state.tasks[task.as_usize()].stage = Stage::Again { alone };
    if behind {
        state.again.push_back(task);
    } else {
        state.again.push_front(task);
    }
}

pub(super) fn book_done(state: &mut State, task: TaskIndex) {
    state.tasks[task.as_usize()].stage = Stage::Done;
}
