//! The scheduler without processes: told stories, and random ones (`random.rs`) against a small model.

mod random;

use std::sync::Arc;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::{AttemptOutcome, ExitCause, Outcome, OutcomeKind, ResourceUse};
use fumehood::ids::{AttemptNumber, TaskIndex, WorkerId};
use fumehood::protocol::{Moments, PARCEL_CAP};

use super::super::state::{
    Answer, ExitFacts, FAILED_ROUNDS, Held, Life, Phase, Policy, Stage, State, StopReason, TaskBook,
};
use super::{Action, Ending, Event, Fate, step};

const SECOND: Duration = Duration::from_secs(1);

fn policy(workers: u32, life: Life) -> Policy {
    Policy {
        workers,
        life,
        retries: 2,
        timeout: Some(SECOND * 60),
        grace: SECOND * 2,
        start_limit: SECOND * 5,
        largest_group: 10,
        bytes: Arc::default(),
        memory: None,
        unkillable_after: SECOND * 10,
    }
}

fn state(tasks: u32, policy: Policy) -> State {
    let book = TaskBook {
        attempts: 0,
        crashes: 0,
        stage: Stage::Fresh,
    };
    State::new(policy, vec![book; tasks as usize], vec![TaskIndex(0)])
}

fn answer(outcome: Outcome) -> Box<Answer> {
    Box::new(Answer {
        outcome,
        moments: Moments {
            begun: Monotonic(1),
            computed: Monotonic(1_000_001),
            ..Moments::default()
        },
        used: ResourceUse::default(),
        received: Monotonic(0),
        leaves: false,
    })
}

/// The engine does not look into results: an error will do for one.
fn result() -> Box<Answer> {
    answer(Outcome::Error {
        message: String::from("an answer"),
    })
}

fn exit(cause: ExitCause) -> ExitFacts {
    ExitFacts {
        cause,
        resources: ResourceUse::default(),
        at: Monotonic(0),
    }
}

fn segv() -> ExitCause {
    ExitCause::Signaled {
        signal: 11,
        core: false,
    }
}

/// What our own kill looks like.
fn killed() -> ExitCause {
    ExitCause::Signaled {
        signal: 9,
        core: false,
    }
}

/// A scheduler with a clock, for told stories.
struct Story {
    state: State,
    now: Monotonic,
}

impl Story {
    fn new(tasks: u32, policy: Policy) -> (Story, Vec<Action>) {
        let mut story = Story {
            state: state(tasks, policy),
            now: Monotonic(0),
        };
        let first = story.happens(Event::Tick);
        (story, first)
    }

    /// A worker has been given a group: the first task alone has shown that tasks are tiny.
    fn with_a_group() -> (Story, u32, Vec<Held>) {
        let (mut story, first) = Story::new(40, policy(1, Life::Auto));
        let (worker, tasks) = given(&first)[0].clone();
        story.started(worker, tasks[0]);
        let next = story.finished(worker, tasks[0]);
        let (worker, tasks) = given(&next)[0].clone();
        (story, worker, tasks)
    }

    fn happens(&mut self, event: Event) -> Vec<Action> {
        step(&mut self.state, event, self.now)
    }

    fn passes(&mut self, span: Duration) -> Vec<Action> {
        self.now = self.now + span;
        self.happens(Event::Tick)
    }

    fn started(&mut self, worker: u32, held: Held) -> Vec<Action> {
        self.happens(Event::Started {
            worker: WorkerId(worker),
            task: held.task,
            attempt: held.attempt,
        })
    }

    fn finished(&mut self, worker: u32, held: Held) -> Vec<Action> {
        self.happens(finished(worker, held, result()))
    }

    fn dies(&mut self, worker: u32, cause: ExitCause) -> Vec<Action> {
        self.happens(Event::Exited {
            worker: WorkerId(worker),
            exit: exit(cause),
        })
    }
}

fn finished(worker: u32, held: Held, answer: Box<Answer>) -> Event {
    Event::Finished {
        worker: WorkerId(worker),
        task: held.task,
        attempt: held.attempt,
        answer,
    }
}

/// The next attempt at the same task, given out at the same moment.
fn again(held: Held) -> Held {
    Held {
        attempt: AttemptNumber(held.attempt.0 + 1),
        ..held
    }
}

fn given(actions: &[Action]) -> Vec<(u32, Vec<Held>)> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Start { worker, tasks, .. } | Action::Assign { worker, tasks } => {
                Some((worker.0, tasks.clone()))
            }
            _ => None,
        })
        .collect()
}

fn endings(actions: &[Action]) -> Vec<&Ending> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Record(ending) => Some(ending.as_ref()),
            _ => None,
        })
        .collect()
}

fn stopped(actions: &[Action]) -> Option<&StopReason> {
    actions.iter().find_map(|action| match action {
        Action::Stop(reason) => Some(reason),
        _ => None,
    })
}

#[test]
fn a_calm_run_of_one_task_a_process() {
    let (mut story, first) = Story::new(2, policy(1, Life::OneTask));
    let (worker, tasks) = given(&first)[0].clone();
    assert_eq!((worker, tasks.len()), (0, 1));
    assert!(story.started(0, tasks[0]).is_empty());
    // The answer frees the place at once: the next process is made while this one leaves.
    let next = story.finished(0, tasks[0]);
    assert_eq!(given(&next)[0].0, 1);
    assert!(
        endings(&next).is_empty(),
        "recorded with the process's whole cost"
    );
    let settled = story.dies(0, ExitCause::Exited(0));
    assert_eq!(endings(&settled)[0].fate.outcome(), AttemptOutcome::Error);
    assert!(endings(&settled)[0].exit.is_some());
    let second = given(&next)[0].1[0];
    story.started(1, second);
    assert!(stopped(&story.finished(1, second)).is_none());
    let end = story.dies(1, ExitCause::Exited(0));
    assert_eq!(stopped(&end), Some(&StopReason::Complete));
}

#[test]
fn a_crash_is_charged_retried_and_at_last_final() {
    let (mut story, mut actions) = Story::new(1, policy(1, Life::OneTask));
    for attempt in 1..=3 {
        let (worker, tasks) = given(&actions)[0].clone();
        assert_eq!(tasks[0].attempt, AttemptNumber(attempt));
        story.started(worker, tasks[0]);
        actions = story.dies(worker, segv());
        let ending = endings(&actions)[0];
        assert_eq!(ending.fate.outcome(), AttemptOutcome::Crashed);
        assert_eq!(ending.terminal, attempt == 3);
    }
    assert_eq!(stopped(&actions), Some(&StopReason::Complete));
}

#[test]
fn a_last_record_that_fails_is_no_complete_run() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    story.finished(0, held);
    let end = story.dies(0, ExitCause::Exited(0));
    assert_eq!(stopped(&end), Some(&StopReason::Complete));
    let reason = String::from("no space");
    let end = story.happens(Event::RecordFailed {
        reason: reason.clone(),
    });
    assert_eq!(stopped(&end), Some(&StopReason::Journal { reason }));
    assert!(story.happens(Event::Tick).is_empty());
}

#[test]
fn exit_zero_before_the_result_is_a_crash_too() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    story.started(0, given(&first)[0].1[0]);
    let actions = story.dies(0, ExitCause::Exited(0));
    assert_eq!(
        endings(&actions)[0].fate,
        Fate::Charged(Outcome::Crashed(ExitCause::Exited(0)))
    );
}

#[test]
fn an_answer_stands_whatever_becomes_of_its_worker() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    story.finished(0, held);
    let actions = story.dies(0, segv());
    assert_eq!(endings(&actions)[0].fate.outcome(), AttemptOutcome::Error);
    assert!(endings(&actions)[0].terminal);
}

/// After a broken protocol nothing counts that its worker says: not an answer of the task that is charged with
/// it, and not the beginning of the next, which would be charged instead.
#[test]
fn a_worker_that_broke_the_protocol_is_not_believed() {
    let (mut story, first) = Story::new(1, policy(1, Life::Tasks(9)));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    let worker = WorkerId(0);
    // It says twice that it began.
    assert_eq!(story.started(0, held), [Action::Kill { worker }]);
    assert!(story.finished(0, held).is_empty());
    let actions = story.dies(0, segv());
    let ending = endings(&actions)[0];
    let Fate::Charged(Outcome::Crashed(ExitCause::BrokeProtocol { note })) = &ending.fate else {
        panic!("{ending:?}");
    };
    assert!(note.contains("which it was not to"), "{note}");
    assert!(!ending.terminal, "it is tried again");
}

#[test]
fn a_worker_that_breaks_the_protocol_as_it_is_ended_is_not_believed_either() {
    // It is told to end, or it is killed already.
    for spans in [&[60][..], &[60, 2]] {
        let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
        let held = given(&first)[0].1[0];
        story.started(0, held);
        for &span in spans {
            assert_eq!(story.passes(SECOND * span).len(), 1);
        }
        let note = String::from("garbage");
        let worker = WorkerId(0);
        story.happens(Event::Broke { worker, note });
        assert!(story.finished(0, held).is_empty());
        let actions = story.dies(0, segv());
        let fate = &endings(&actions)[0].fate;
        assert!(
            matches!(
                fate,
                Fate::Charged(Outcome::Crashed(ExitCause::BrokeProtocol { .. }))
            ),
            "{fate:?}"
        );
    }
}

#[test]
fn a_second_answer_ends_its_worker_and_the_first_stands() {
    let (mut story, first) = Story::new(2, policy(1, Life::OneTask));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    story.finished(0, held);
    let worker = WorkerId(0);
    assert_eq!(story.finished(0, held), [Action::Kill { worker }]);
    let actions = story.dies(0, segv());
    let ending = endings(&actions)[0];
    assert_eq!(ending.fate.outcome(), AttemptOutcome::Error);
    assert!(ending.terminal);
}

#[test]
fn a_timeout_is_told_then_killed_then_charged_and_not_retried() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    story.started(0, given(&first)[0].1[0]);
    assert!(story.passes(SECOND * 59).is_empty());
    let worker = WorkerId(0);
    assert_eq!(story.passes(SECOND), [Action::Terminate { worker }]);
    assert!(story.passes(SECOND).is_empty());
    assert_eq!(story.passes(SECOND), [Action::Kill { worker }]);
    let end = story.dies(0, segv());
    let limit = SECOND * 60;
    assert_eq!(
        endings(&end)[0].fate,
        Fate::Charged(Outcome::Timeout { limit })
    );
    assert!(endings(&end)[0].terminal);
}

#[test]
fn an_answer_in_the_grace_period_beats_the_timeout() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    story.passes(SECOND * 60);
    story.finished(0, held);
    let end = story.dies(0, ExitCause::Exited(0));
    assert_eq!(endings(&end)[0].fate.outcome(), AttemptOutcome::Error);
}

#[test]
fn time_in_which_the_supervisor_was_stopped_is_not_charged() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    story.started(0, given(&first)[0].1[0]);
    story.now = story.now + SECOND * 100;
    assert!(
        story
            .happens(Event::Paused { span: SECOND * 90 })
            .is_empty()
    );
    assert!(story.passes(SECOND * 49).is_empty());
    assert_eq!(story.passes(SECOND).len(), 1);
}

#[test]
fn a_dead_group_costs_one_task_and_is_run_again_one_by_one() {
    let (mut story, mut actions) = Story::new(40, policy(1, Life::Auto));
    // Until something is known of the cost, one task at a time; a millisecond each then means groups.
    let (worker, tasks) = given(&actions)[0].clone();
    assert_eq!(tasks.len(), 1);
    story.started(worker, tasks[0]);
    actions = story.finished(worker, tasks[0]);
    let (worker, tasks) = given(&actions)[0].clone();
    assert_eq!(tasks.len(), 10, "the largest group");
    story.started(worker, tasks[0]);
    story.finished(worker, tasks[0]);
    story.started(worker, tasks[1]);
    let died = story.dies(worker, segv());
    let fates: Vec<AttemptOutcome> = endings(&died).iter().map(|e| e.fate.outcome()).collect();
    assert_eq!(fates[0], AttemptOutcome::Crashed);
    assert_eq!(fates[1..], [AttemptOutcome::Requeued; 8]);
    let (_, next) = given(&died)[0].clone();
    assert_eq!(next.len(), 1, "alone");
    assert_eq!(
        story.state.tasks[next[0].task.as_usize()].crashes,
        0,
        "a bystander first"
    );
}

#[test]
fn a_group_is_as_large_as_a_packet_holds() {
    // Each twelfth task alone fills half a packet; what is tiny is not held back by it.
    let bytes = |task: u32| match task % 12 {
        5 => PARCEL_CAP as u32 / 2 + 1,
        _ => 100,
    };
    let rules = Policy {
        bytes: (0..200).map(bytes).collect(),
        largest_group: 20,
        ..policy(1, Life::Auto)
    };
    let (mut story, first) = Story::new(200, rules);
    let mut next = given(&first);
    let mut groups = Vec::new();
    while groups.len() < 5 {
        let (worker, tasks) = next.remove(0);
        groups.push(tasks.len());
        for held in tasks {
            next.extend(given(&story.started(worker, held)));
            next.extend(given(&story.finished(worker, held)));
        }
        next.extend(given(&story.dies(worker, ExitCause::Exited(0))));
    }
    // The first to learn what tasks take; then to the one before the second large task, and so on.
    assert_eq!(groups, [1, 16, 12, 12, 12]);
}

#[test]
fn a_kept_worker_gets_its_tasks_one_after_the_other_and_goes() {
    let (mut story, first) = Story::new(3, policy(1, Life::Tasks(2)));
    assert!(matches!(first[0], Action::Start { kept: true, .. }));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    let next = story.finished(0, held);
    assert_eq!(endings(&next).len(), 1, "recorded at once");
    let (worker, tasks) = given(&next)[0].clone();
    assert_eq!(worker, 0);
    story.started(0, tasks[0]);
    let last = story.finished(0, tasks[0]);
    let worker = WorkerId(0);
    assert!(last.contains(&Action::Shutdown { worker }), "{last:?}");
    assert_eq!(
        given(&last)[0].0,
        1,
        "its life is over: another one for the third task"
    );
}

#[test]
fn a_kept_worker_that_a_task_changed_takes_no_more() {
    let (mut story, first) = Story::new(3, policy(1, Life::Tasks(5)));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    let mut answer = result();
    answer.leaves = true;
    let next = story.happens(finished(0, held, answer));
    assert_eq!(given(&next)[0].0, 1, "a fresh one for the next task");
}

#[test]
fn the_rest_of_a_group_that_a_task_changed_goes_back_uncharged() {
    let (mut story, worker, tasks) = Story::with_a_group();
    story.started(worker, tasks[0]);
    let mut answer = result();
    answer.leaves = true;
    let changed = story.happens(finished(worker, tasks[0], answer));
    let id = WorkerId(worker);
    assert!(changed.contains(&Action::Kill { worker: id }));
    let gone = story.dies(worker, segv());
    let fates = endings(&gone).into_iter().map(|e| e.fate.outcome());
    assert_eq!(
        fates.collect::<Vec<_>>(),
        [AttemptOutcome::Requeued; 9],
        "nobody is charged"
    );
}

/// A worker that begins in the moment in which it is given up may still say so: its end is ours, and charged to nobody.
#[test]
fn a_task_that_begins_as_its_worker_is_given_up_is_not_charged_with_our_signal() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    let held = given(&first)[0].1[0];
    let worker = WorkerId(0);
    assert_eq!(story.passes(SECOND * 5), [Action::Kill { worker }]);
    assert!(story.started(0, held).is_empty());
    let died = story.dies(0, killed());
    let ending = endings(&died)[0];
    assert_eq!(
        ending.fate,
        Fate::Requeued {
            reason: String::from("ended since it did not start in time")
        }
    );
    assert!(!ending.terminal);
    assert_eq!(story.state.tasks[0].crashes, 0);
    // It is a failed start like any other: the next one waits.
    assert_eq!(story.state.failed_rounds, 1);
    assert!(given(&died).is_empty());
    assert_eq!(given(&story.passes(SECOND)).len(), 1);
}

#[test]
fn starts_that_are_always_too_late_end_the_run_whatever_they_say() {
    let (mut story, mut actions) = Story::new(1, policy(1, Life::OneTask));
    for round in 0..FAILED_ROUNDS {
        let (worker, tasks) = given(&actions)[0].clone();
        story.passes(SECOND * 5);
        story.started(worker, tasks[0]);
        actions = story.dies(worker, killed());
        if round + 1 < FAILED_ROUNDS {
            actions = story.passes(SECOND * 2);
        }
    }
    assert!(
        matches!(stopped(&actions), Some(StopReason::CannotStart { .. })),
        "{actions:?}"
    );
}

#[test]
fn an_answer_of_a_worker_that_was_given_up_stands() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    let held = given(&first)[0].1[0];
    story.passes(SECOND * 5);
    story.started(0, held);
    story.finished(0, held);
    let end = story.dies(0, killed());
    assert_eq!(endings(&end)[0].fate.outcome(), AttemptOutcome::Error);
    assert_eq!(stopped(&end), Some(&StopReason::Complete));
    assert_eq!(story.state.failed_rounds, 0);
}

#[test]
fn the_next_of_a_group_that_begins_as_its_changed_worker_is_ended_is_not_charged() {
    let (mut story, worker, tasks) = Story::with_a_group();
    story.started(worker, tasks[0]);
    let mut answer = result();
    answer.leaves = true;
    story.happens(finished(worker, tasks[0], answer));
    story.started(worker, tasks[1]);
    let gone = story.dies(worker, killed());
    let fates = endings(&gone).into_iter().map(|e| e.fate.outcome());
    assert_eq!(
        fates.collect::<Vec<_>>(),
        [AttemptOutcome::Requeued; 9],
        "nobody is charged"
    );
}

#[test]
fn a_kept_worker_with_half_of_its_memory_used_takes_no_more() {
    for (used_kib, keeps) in [(32 << 10, true), ((32 << 10) + 1, false)] {
        let memory = Some(64 << 20);
        let (mut story, first) = Story::new(
            3,
            Policy {
                memory,
                ..policy(1, Life::Tasks(5))
            },
        );
        let held = given(&first)[0].1[0];
        story.started(0, held);
        let mut answer = result();
        answer.used.max_rss_kib = used_kib;
        let next = story.happens(finished(0, held, answer));
        assert_eq!(given(&next)[0].0 == 0, keeps, "with {used_kib} KiB");
    }
}

#[test]
fn an_idle_worker_waits_while_a_task_may_come_back() {
    let (mut story, first) = Story::new(2, policy(2, Life::Tasks(5)));
    let held: Vec<Held> = given(&first).iter().map(|(_, tasks)| tasks[0]).collect();
    story.started(0, held[0]);
    story.started(1, held[1]);
    assert_eq!(
        story.finished(0, held[0]).len(),
        1,
        "recorded, and it stays"
    );
    // It never began: nobody is charged.
    let back = story.happens(Event::StartFailed {
        worker: WorkerId(1),
        reason: String::from("the zygote died"),
    });
    assert_eq!(given(&back), [(0, vec![again(held[1])])], "{back:?}");
}

#[test]
fn a_charged_task_gets_a_process_that_ran_nothing_before() {
    let (mut story, first) = Story::new(3, policy(3, Life::Tasks(5)));
    let held: Vec<Held> = given(&first).iter().map(|(_, tasks)| tasks[0]).collect();
    for (worker, held) in (0..).zip(&held) {
        story.started(worker, *held);
    }
    story.finished(0, held[0]);
    story.finished(1, held[1]);
    // The dead one's place is free: the idle ones need not go.
    let back = story.dies(2, segv());
    assert_eq!(given(&back), [(3, vec![again(held[2])])]);
    let worker = WorkerId(0);
    assert!(!back.contains(&Action::Shutdown { worker }), "{back:?}");
}

/// Every start of the only task's worker goes wrong in this way: after the fifth the run ends, and nobody is
/// charged.
fn fails_to_start_five_times(mut fail: impl FnMut(&mut Story, u32) -> Vec<Action>) {
    let (mut story, mut actions) = Story::new(1, policy(1, Life::OneTask));
    let mut failed = 0;
    while stopped(&actions).is_none() {
        for (worker, _) in given(&actions) {
            failed += 1;
            assert!(failed <= 5, "the run goes on for ever");
            actions = fail(&mut story, worker);
            assert_eq!(
                endings(&actions)[0].fate.outcome(),
                AttemptOutcome::StartFailed
            );
        }
        if stopped(&actions).is_none() {
            actions = story.passes(Duration::from_millis(700));
        }
    }
    assert_eq!(failed, 5);
    assert!(matches!(
        stopped(&actions),
        Some(StopReason::CannotStart { .. })
    ));
    assert_eq!(story.state.tasks[0].crashes, 0);
}

#[test]
fn five_failed_starts_end_the_run_and_charge_nobody() {
    fails_to_start_five_times(|story, worker| {
        story.happens(Event::StartFailed {
            worker: WorkerId(worker),
            reason: String::from("no more processes"),
        })
    });
}

/// The same where the process was made and died, which nobody calls a failed start but the reactor.
#[test]
fn five_workers_that_die_before_they_begin_end_the_run_too() {
    fails_to_start_five_times(|story, worker| story.dies(worker, ExitCause::Exited(71)));
}

/// Neither a worker that left after its work nor one that was ended because the run stops has failed to start.
#[test]
fn other_deaths_are_no_failed_starts() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    story.finished(0, held);
    story.dies(0, ExitCause::Exited(0));
    assert_eq!(story.state.failed_rounds, 0);

    let (mut story, _) = Story::new(1, policy(1, Life::OneTask));
    story.happens(Event::StopRequested { signal: 2 });
    story.happens(Event::StopRequested { signal: 2 });
    let end = story.dies(
        0,
        ExitCause::Signaled {
            signal: 9,
            core: false,
        },
    );
    assert_eq!(endings(&end)[0].fate.outcome(), AttemptOutcome::Interrupted);
    assert_eq!(story.state.failed_rounds, 0);
    assert_eq!(stopped(&end), Some(&StopReason::Signal(2)));
}

#[test]
fn starts_that_fail_together_are_one_failure() {
    let (mut story, first) = Story::new(8, policy(8, Life::OneTask));
    let reason = String::from("the zygote died");
    for (worker, _) in given(&first) {
        let actions = story.happens(Event::StartFailed {
            worker: WorkerId(worker),
            reason: reason.clone(),
        });
        assert!(stopped(&actions).is_none() && given(&actions).is_empty());
    }
    let again = story.passes(SECOND);
    assert_eq!(given(&again).len(), 8, "all of them are started again");
    for (worker, tasks) in given(&again) {
        story.started(worker, tasks[0]);
        story.finished(worker, tasks[0]);
        let last = story.dies(worker, ExitCause::Exited(0));
        assert!(stopped(&last).is_none_or(|reason| *reason == StopReason::Complete));
    }
    assert_eq!(story.state.phase, Phase::Over);
}

#[test]
fn a_group_begins_no_new_task_once_the_run_is_to_stop() {
    let (mut story, worker, tasks) = Story::with_a_group();
    story.started(worker, tasks[0]);
    story.happens(Event::StopRequested { signal: 2 });
    let id = WorkerId(worker);
    let last = story.finished(worker, tasks[0]);
    assert_eq!(
        endings(&last)[0].fate.outcome(),
        AttemptOutcome::Error,
        "it may finish"
    );
    assert!(last.contains(&Action::Kill { worker: id }), "{last:?}");
    let gone = story.dies(worker, segv());
    assert!(endings(&gone).iter().all(|e| e.fate == Fate::Interrupted));
    assert_eq!(endings(&gone).len(), 9);
}

#[test]
fn a_worker_that_never_begins_is_killed_and_its_task_goes_back() {
    let (mut story, _) = Story::new(1, policy(1, Life::OneTask));
    let worker = WorkerId(0);
    assert_eq!(story.passes(SECOND * 5), [Action::Kill { worker }]);
    let gone = story.dies(0, segv());
    assert_eq!(
        endings(&gone)[0].fate.outcome(),
        AttemptOutcome::StartFailed
    );
    assert!(!endings(&gone)[0].terminal);
}

#[test]
fn the_first_signal_lets_attempts_finish_and_the_second_does_not() {
    let (mut story, first) = Story::new(5, policy(2, Life::OneTask));
    let held: Vec<Held> = given(&first).iter().map(|(_, tasks)| tasks[0]).collect();
    story.started(0, held[0]);
    let signal = Event::StopRequested { signal: 2 };
    let stopping = story.happens(signal.clone());
    let worker = WorkerId(1);
    assert_eq!(stopping, [Action::Kill { worker }], "it has not begun");
    let gone = story.dies(1, segv());
    assert_eq!(endings(&gone)[0].fate, Fate::Interrupted);
    assert!(given(&gone).is_empty(), "no new task");
    let worker = WorkerId(0);
    assert_eq!(story.happens(signal), [Action::Kill { worker }]);
    let end = story.dies(0, segv());
    assert_eq!(endings(&end)[0].fate, Fate::Interrupted);
    assert_eq!(stopped(&end), Some(&StopReason::Signal(2)));
}

#[test]
fn nothing_hangs_on_a_process_that_the_kernel_cannot_end() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    story.started(0, given(&first)[0].1[0]);
    story.passes(SECOND * 60);
    story.passes(SECOND * 2);
    let end = story.passes(SECOND * 10);
    let worker = WorkerId(0);
    assert_eq!(end[0], Action::Abandon { worker }, "the user hears of it");
    assert_eq!(endings(&end)[0].fate.outcome(), AttemptOutcome::Timeout);
    assert_eq!(stopped(&end), Some(&StopReason::Complete));
}

#[test]
fn words_that_no_worker_of_ours_says_end_it() {
    let (mut story, first) = Story::new(1, policy(1, Life::OneTask));
    let mut wrong = given(&first)[0].1[0];
    wrong.attempt = AttemptNumber(9);
    let worker = WorkerId(0);
    assert_eq!(story.started(0, wrong), [Action::Kill { worker }]);
    assert!(
        story.finished(7, wrong).is_empty(),
        "an unknown worker's late word"
    );
}

/// Right in one and wrong in the other is wrong: nothing of it is recorded, and the worker is ended.
#[test]
fn an_answer_to_another_attempt_or_another_task_is_none() {
    for (task, attempt) in [(0, 2), (1, 1)] {
        let (mut story, first) = Story::new(2, policy(1, Life::OneTask));
        let held = given(&first)[0].1[0];
        story.started(0, held);
        let wrong = Held {
            task: TaskIndex(task),
            attempt: AttemptNumber(attempt),
            ..held
        };
        let worker = WorkerId(0);
        assert_eq!(story.finished(0, wrong), [Action::Kill { worker }]);
        let end = story.dies(
            0,
            ExitCause::Signaled {
                signal: 9,
                core: false,
            },
        );
        assert_eq!(endings(&end)[0].task, held.task);
        assert_eq!(endings(&end)[0].fate.outcome(), AttemptOutcome::Crashed);
    }
}

/// It was told to end already, and is not told to leave besides.
#[test]
fn a_kept_worker_that_answers_late_is_not_told_twice() {
    let (mut story, first) = Story::new(3, policy(1, Life::Tasks(1)));
    let held = given(&first)[0].1[0];
    story.started(0, held);
    let worker = WorkerId(0);
    assert_eq!(story.passes(SECOND * 60), [Action::Terminate { worker }]);
    let late = story.finished(0, held);
    assert!(!late.contains(&Action::Shutdown { worker }), "{late:?}");
    assert_eq!(endings(&late).len(), 1, "its answer stands");
}

#[test]
fn a_limit_of_one_task_is_not_charged_to_the_next_of_its_group() {
    let (mut story, worker, tasks) = Story::with_a_group();
    story.started(worker, tasks[0]);
    story.dies(0, ExitCause::Exited(0));
    let id = WorkerId(worker);
    assert_eq!(
        story.passes(SECOND * 60),
        [Action::Terminate { worker: id }]
    );
    // It answers in the grace period, and begins the next before the kill that follows takes effect.
    let late = story.finished(worker, tasks[0]);
    assert!(late.contains(&Action::Kill { worker: id }), "{late:?}");
    assert_eq!(endings(&late)[0].fate.outcome(), AttemptOutcome::Error);
    story.started(worker, tasks[1]);
    let died = story.dies(worker, segv());
    let fates: Vec<AttemptOutcome> = endings(&died).iter().map(|e| e.fate.outcome()).collect();
    assert_eq!(fates, [AttemptOutcome::Requeued; 9]);
}

#[test]
fn what_a_worker_began_or_answered_is_not_lost_when_its_start_is_said_to_have_failed() {
    let reason = String::from("the zygote died");
    let failed = |worker: u32, reason: &str| Event::StartFailed {
        worker: WorkerId(worker),
        reason: reason.to_owned(),
    };
    let (mut story, first) = Story::new(2, policy(2, Life::OneTask));
    let held: Vec<Held> = given(&first).iter().map(|(_, tasks)| tasks[0]).collect();
    story.started(0, held[0]);
    let gone = story.happens(failed(0, &reason));
    assert_eq!(
        endings(&gone)[0].fate.outcome(),
        AttemptOutcome::StartFailed
    );
    assert_eq!(story.state.waiting(), 1, "it is queued again");
    story.started(1, held[1]);
    story.finished(1, held[1]);
    let gone = story.happens(failed(1, &reason));
    assert_eq!(endings(&gone)[0].fate.outcome(), AttemptOutcome::Error);
    assert!(endings(&gone)[0].terminal, "the answer stands");
}
