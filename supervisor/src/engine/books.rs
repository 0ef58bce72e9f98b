//! What is to be done with each task of a plan, after what was recorded before.
//!
//! A pure function: a resumed run does with a task what the journal says of it and the user asks for, and
//! nothing else. A task that ended is left alone, however it ended, unless tasks that ended badly are asked
//! for again; then its crashes are forgiven, and its attempts count on.

use fumehood::experiment::OutcomeKind;
use fumehood::experiment::plan::Plan;
use fumehood::ids::TaskIndex;
use fumehood::record::Recovered;

use super::state::{Stage, TaskBook};

/// The books of a run, an entry for each task of the plan.
///
/// `wanted` says which tasks are this run's to do; with `retry_failed`, those of them that ended badly are
/// done again.
pub fn books(
    plan: &Plan,
    recovered: &Recovered,
    wanted: impl Fn(TaskIndex) -> bool,
    retry_failed: bool,
) -> Vec<TaskBook> {
    plan.indices()
        .map(|task| {
            let state = recovered.state(task);
            let again = retry_failed && state.is_some_and(|s| s != OutcomeKind::Ok);
            let fresh = wanted(task) && (state.is_none() || again);
            TaskBook {
                attempts: u16::try_from(recovered.attempts(task)).unwrap_or(u16::MAX),
                crashes: if again {
                    0
                } else {
                    u16::try_from(recovered.crashes(task)).unwrap_or(u16::MAX)
                },
                stage: if fresh { Stage::Fresh } else { Stage::Done },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use fumehood::experiment::plan::{Body, LfsrBody, PlanDigest};
    use fumehood::experiment::{Attempt, AttemptOutcome, Phases, ResourceUse};
    use fumehood::lfsr::{Register, plan_ranges};
    use fumehood::record::{JsonText, Position, Record, Terminal, TerminalBody};

    use super::*;

    /// A plan of so many tasks, each the enumeration of one small register.
    fn plan(tasks: u32) -> Plan {
        let register = Register::new(2, &[1, 1, 0, 0]).expect("a register");
        let ranges = plan_ranges(&register).expect("few states");
        let body = Body::Lfsr(LfsrBody {
            register,
            is_analysed: false,
            ranges,
        });
        let experiments = (0..tasks).map(|number| (format!("g{number}"), body.clone()));
        Plan::new(7, PlanDigest([3; 32]), experiments).expect("few tasks")
    }

    /// One more attempt of a task ends, for good if `state` says how.
    fn ends(
        recovered: &mut Recovered,
        task: u32,
        outcome: AttemptOutcome,
        state: Option<OutcomeKind>,
    ) {
        let index = TaskIndex(task);
        let record = Record::Attempt {
            index,
            attempt: Attempt {
                task: format!("g{task}"),
                attempt: recovered.attempts(index) + 1,
                start_method: String::from("fork"),
                outcome,
                phases_us: Phases::default(),
                total_us: 0,
                rusage: ResourceUse::default(),
                pid: None,
                host: String::from("here"),
                cause: None,
            },
            terminal: state.map(|state| Terminal {
                kind: String::from("lfsr"),
                state,
                body: TerminalBody::Result(JsonText::of(&0)),
            }),
        };
        let position = Position {
            segment: 0,
            offset: 0,
            length: 1,
        };
        recovered.learn(&record, position).expect("its first end");
    }

    /// Of four tasks the first ended well, the second badly, the third is between two attempts.
    fn half_done() -> Recovered {
        let mut recovered = Recovered::default();
        let (ok, crashed) = (AttemptOutcome::Ok, AttemptOutcome::Crashed);
        ends(&mut recovered, 0, ok, Some(OutcomeKind::Ok));
        ends(&mut recovered, 1, crashed, None);
        ends(&mut recovered, 1, crashed, Some(OutcomeKind::Crashed));
        ends(&mut recovered, 2, crashed, None);
        ends(&mut recovered, 2, AttemptOutcome::Requeued, None);
        recovered
    }

    fn book(attempts: u16, crashes: u16, stage: Stage) -> TaskBook {
        TaskBook {
            attempts,
            crashes,
            stage,
        }
    }

    #[test]
    fn what_has_ended_is_left_alone_and_what_has_not_goes_on_with_its_counts() {
        assert_eq!(
            books(&plan(4), &half_done(), |_| true, false),
            [
                book(1, 0, Stage::Done),
                book(2, 2, Stage::Done),
                book(2, 1, Stage::Fresh),
                book(0, 0, Stage::Fresh),
            ]
        );
    }

    #[test]
    fn what_ended_badly_is_done_again_if_asked_for_with_its_crashes_forgiven() {
        assert_eq!(
            books(&plan(4), &half_done(), |_| true, true),
            [
                book(1, 0, Stage::Done),
                book(2, 0, Stage::Fresh),
                book(2, 1, Stage::Fresh),
                book(0, 0, Stage::Fresh),
            ]
        );
    }

    #[test]
    fn what_is_not_wanted_is_not_done_whatever_is_asked_for() {
        let stages: Vec<Stage> = books(&plan(4), &half_done(), |task| task == TaskIndex(3), true)
            .into_iter()
            .map(|book| book.stage)
            .collect();
        assert_eq!(
            stages,
            [Stage::Done, Stage::Done, Stage::Done, Stage::Fresh]
        );
    }
}
