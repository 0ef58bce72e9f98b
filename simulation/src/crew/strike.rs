//! What strikes the workers, the supervisor, the machine.
//!
//! A fault that is to happen to a worker and finds none in the state it needs waits for the next one that is.

use std::time::Duration;

use fumehood::experiment::ExitCause;
use fumehood::ids::{TaskIndex, WorkerId};
use fumehood::protocol::FromWorker;
use fumehood::record::disk::Disk;
use supervisor::start::Method;

use super::{CutOff, Dying, Event, Meaning, SimulatedCrew};
use crate::draws::Draws;
use crate::fault::{FaultKind, When, draw_death};
use crate::process::{Answering, Health, Start};

const SECOND: Duration = Duration::from_secs(1);

/// Where an attempt has no limit, somebody outside ends a worker that hangs, after so long.
const PATIENCE: Duration = Duration::from_secs(1200);

impl SimulatedCrew<'_> {
    /// The moment of a fault has come.
    pub(super) fn strike(&mut self, at: usize) {
        let Some(fault) = self.fates.faults[at].clone() else {
            return;
        };
        let mut draws = Draws::of(fault.key, "strike", &[]);
        let kind = fault.kind;
        if kind.is_of_start() {
            self.fates.at_start.push_back(at);
            return;
        }
        if kind.is_of_task() {
            let busy: Vec<WorkerId> = self
                .processes
                .iter()
                .filter(|(_, p)| p.run.is_some() && p.health == Health::Well)
                .map(|(&worker, _)| worker)
                .collect();
            if busy.is_empty() {
                self.fates.at_task.push_back(at);
            } else {
                let worker = draws.pick(&busy);
                self.fates.faults[at] = None;
                self.strike_task(worker, kind, &mut draws);
            }
            return;
        }
        self.fates.faults[at] = None;
        self.say(format_args!("fault: {kind:?}"));
        self.strike_crowd(kind, &mut draws);
    }

    /// A fault that is no single busy worker's.
    fn strike_crowd(&mut self, kind: FaultKind, draws: &mut Draws) {
        let now = self.disk.now();
        match kind {
            FaultKind::ZygoteDies if self.scenario.method == Method::Fork => self.end_zygote(),
            FaultKind::IdleDies | FaultKind::AllDie => {
                let struck: Vec<WorkerId> = self
                    .processes
                    .iter()
                    .filter(|(_, p)| p.pid.is_some() && p.health != Health::Dead)
                    .filter(|(_, p)| kind == FaultKind::AllDie || p.run.is_none())
                    .map(|(&worker, _)| worker)
                    .collect();
                let most = if kind == FaultKind::AllDie {
                    usize::MAX
                } else {
                    1
                };
                for worker in struck.into_iter().take(most) {
                    let cause = super::living::killed();
                    self.die(worker, Duration::ZERO, cause, true);
                }
            }
            FaultKind::Signal | FaultKind::TwoSignals => {
                self.plan(now, Event::Signal(draws.pick(&[1, 2, 15])));
                if kind == FaultKind::TwoSignals {
                    let later = draws.span(SECOND / 1000, SECOND * 3);
                    self.after(later, Event::Signal(draws.pick(&[1, 2, 15])));
                }
            }
            FaultKind::Killed => {
                self.disk.kill();
                self.cut_off = Some(CutOff::Killed);
            }
            FaultKind::PowerLoss => {
                // A disk that is slow has much on its way when the power goes.
                let mut span = Duration::ZERO;
                if draws.percent(60) {
                    span = draws.span(SECOND / 100, SECOND * 20);
                    self.disk.be_slow_until(now + span);
                }
                self.after(span, Event::PowerGoes);
            }
            FaultKind::KilledAtCall | FaultKind::PowerLossAtCall => {
                self.disk.die_at_call(draws.from_to(1, 12));
                self.fates.dying = Some(Dying {
                    with_power: kind == FaultKind::PowerLossAtCall,
                    again: draws.percent(40).then(|| draws.from_to(1, 30)),
                });
            }
            FaultKind::Paused => {
                let span = draws.span(SECOND * 6 / 5, SECOND * 600);
                self.disk.advance(now + span);
                self.witness(|witness| witness.paused(span));
            }
            FaultKind::Refused(refusal) => self.disk.refuse(refusal),
            FaultKind::SlowDisk => {
                let span = draws.span(SECOND, SECOND * 300);
                self.disk.be_slow_until(now + span);
            }
            _ => {}
        }
    }

    /// A worker is started: what was waiting for that happens to it.
    pub(super) fn strike_start(&mut self, worker: WorkerId) -> Result<Start, String> {
        let Some(at) = self.fates.at_start.pop_front() else {
            return Ok(Start::Well);
        };
        let Some(fault) = self.fates.faults[at].take() else {
            return Ok(Start::Well);
        };
        let mut draws = Draws::of(fault.key, "strike", &[]);
        self.say(format_args!("fault: {:?} for {worker}", fault.kind));
        match fault.kind {
            FaultKind::StartRefused => Err(String::from("fork failed: no more processes")),
            FaultKind::NotForked | FaultKind::DiesUnbegun => Ok(Start::Dies),
            FaultKind::StartHangs => Ok(Start::Hangs),
            FaultKind::BeginsLate => {
                let limit = self.disk.now() + self.scenario.policy.start_limit;
                Ok(Start::Late {
                    at: limit + Duration::from_micros(draws.below(1000)),
                })
            }
            FaultKind::LateWords if self.scenario.method == Method::Fork => Ok(Start::Unknown),
            _ => Ok(Start::Well),
        }
    }

    /// A task begins: what was waiting for that happens to it.
    pub(super) fn strike_begin(&mut self, worker: WorkerId, task: TaskIndex) {
        let begun = self.fates.begun;
        self.fates.begun += 1;
        let due: Vec<usize> = (0..self.fates.faults.len())
            .filter(|&at| {
                let fault = self.fates.faults[at].as_ref();
                fault.is_some_and(|fault| fault.when == When::Begun(begun))
            })
            .collect();
        for at in due {
            let of_task = self.fates.faults[at].as_ref().map(|f| f.kind.is_of_task());
            if of_task == Some(true) {
                self.fates.at_task.push_back(at);
            } else {
                self.strike(at);
            }
        }
        if self.fates.poisoned.contains(&task) {
            let mut draws = Draws::of(self.scenario.seed, "poison", &[u64::from(task.0)]);
            return self.strike_task(worker, FaultKind::Dies, &mut draws);
        }
        if let Some(at) = self.fates.at_task.pop_front()
            && let Some(fault) = self.fates.faults[at].take()
        {
            let mut draws = Draws::of(fault.key, "strike", &[]);
            self.strike_task(worker, fault.kind, &mut draws);
        }
    }

    /// A fault of a worker in its task.
    fn strike_task(&mut self, worker: WorkerId, kind: FaultKind, draws: &mut Draws) {
        let now = self.disk.now();
        let limit = self.scenario.policy.timeout;
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        let (epoch, health) = (process.epoch, process.health);
        let Some(run) = process.run.as_mut() else {
            return;
        };
        let (task, attempt, begun, done) = (run.task, run.attempt, run.begun, run.done);
        let left = done.since(now);
        let amid = Duration::from_nanos(draws.below(left.as_nanos() as u64 + 1));
        self.watch.borrow_mut().log.say(
            now,
            format_args!("fault: {kind:?} for {worker} in {task}.{attempt}"),
        );
        if health != Health::Well {
            return;
        }
        match kind {
            FaultKind::Dies | FaultKind::Poisons => {
                if kind == FaultKind::Poisons {
                    self.fates.poisoned.insert(task);
                }
                let cause = draw_death(draws);
                self.die(worker, amid, cause, true);
            }
            FaultKind::KernelOom => {
                let evidence = String::from("the kernel ended it for want of memory");
                self.die(worker, amid, ExitCause::OutOfMemory { evidence }, true);
            }
            FaultKind::Swells => self.after(amid, Event::Swells(worker, epoch)),
            FaultKind::Hangs => self.hang(worker, Health::Well),
            FaultKind::IgnoresTerm => self.hang(worker, Health::Deaf),
            FaultKind::Stopped => {
                self.hang(worker, Health::Stopped { told: false });
                if draws.percent(50) {
                    let span = draws.span(SECOND, SECOND * 60);
                    self.after(span, Event::Continues(worker));
                }
            }
            FaultKind::Unkillable => {
                let comes_back = draws.percent(60) || limit.is_none();
                let span = draws.span(SECOND * 2, SECOND * 60);
                let until = comes_back.then(|| now + limit.unwrap_or(PATIENCE) + span);
                self.hang(worker, Health::Stuck { until });
            }
            FaultKind::AtTheLimit => {
                if let Some(limit) = limit {
                    let done = begun + limit + Duration::from_micros(draws.below(1500));
                    run.done = done;
                    process.epoch += 1;
                    self.plan(done, Event::Done(worker, epoch + 1));
                }
            }
            FaultKind::Leaves => run.answer = Answering::AndLeaves,
            FaultKind::DiesAfterAnswer => run.answer = Answering::AndDies,
            FaultKind::DiesAmidAnswer => run.answer = Answering::Half,
            FaultKind::AnswersTwice => run.answer = Answering::Twice,
            FaultKind::AnswersAnother => run.answer = Answering::Another,
            FaultKind::AnswersEarlier => run.answer = Answering::Earlier,
            FaultKind::BadChunks => run.answer = Answering::Torn,
            FaultKind::Stays => process.stays = true,
            FaultKind::Garbles => {
                let note = String::from("a message that cannot be read");
                self.lie(worker, task, attempt.0, Err(note));
            }
            FaultKind::BeginsWrong => {
                let pid = process.pid.unwrap_or(fumehood::ids::Pid(0));
                let task_said = draws.pick(&[task, TaskIndex(task.0 ^ 1)]);
                let message = FromWorker::Started {
                    worker,
                    task: task_said,
                    attempt,
                    pid,
                };
                self.lie(worker, task, attempt.0, Ok(message));
            }
            FaultKind::Ready => {
                self.lie(worker, task, attempt.0, Ok(FromWorker::Ready { worker }));
            }
            FaultKind::ClosesChannel => self.after(amid, Event::Closes(worker, epoch)),
            _ => {}
        }
    }

    fn lie(
        &mut self,
        worker: WorkerId,
        task: TaskIndex,
        attempt: u32,
        what: Result<FromWorker, String>,
    ) {
        self.send(worker, what, Meaning::Lie(Some((task, attempt))));
    }

    /// A worker's task makes no progress any more.
    fn hang(&mut self, worker: WorkerId, health: Health) {
        let has_limit = self.scenario.policy.timeout.is_some();
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        process.epoch += 1;
        process.health = health;
        if !has_limit && !matches!(health, Health::Stuck { .. }) {
            self.die(worker, PATIENCE, super::living::killed(), true);
        } else if let Health::Stuck { until: Some(until) } = health
            && !has_limit
        {
            let span = until.since(self.disk.now());
            self.die(worker, span, super::living::killed(), true);
        }
    }

    /// A stopped worker goes on where it was.
    pub(super) fn on_continue(&mut self, worker: WorkerId) {
        let now = self.disk.now();
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        let Health::Stopped { told } = process.health else {
            return;
        };
        process.health = Health::Well;
        let epoch = process.epoch;
        if told {
            let cause = ExitCause::Signaled {
                signal: 15,
                core: false,
            };
            return self.die(worker, Duration::ZERO, cause, false);
        }
        let done = process.run.as_ref().map_or(now, |run| run.done);
        self.plan(done.max(now), Event::Done(worker, epoch));
    }

    pub(super) fn on_swelling(&mut self, worker: WorkerId, epoch: u32) {
        let Some(process) = self.processes.get(&worker) else {
            return;
        };
        if process.epoch != epoch || self.scenario.policy.memory.is_none() {
            return;
        }
        if let Some(run) = process.run.clone() {
            self.swollen.insert(worker, run.task);
            self.witness(|witness| witness.deed(run.task, run.attempt.0).swelled = true);
        }
    }

    pub(super) fn on_closing(&mut self, worker: WorkerId, epoch: u32) {
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        if process.epoch != epoch || process.health != Health::Well {
            return;
        }
        let Some(run) = process.run.clone() else {
            return;
        };
        self.witness(|witness| witness.deed(run.task, run.attempt.0).closed = true);
        self.hang(worker, Health::Mute);
    }

    /// What a supervisor that has just begun meets from the last one's fate.
    pub fn strike_beginning(&mut self) {
        if let Some(Dying {
            again: Some(calls), ..
        }) = self.fates.dying.take()
        {
            self.disk.die_at_call(calls);
            self.fates.dying = Some(Dying {
                with_power: false,
                again: None,
            });
        }
    }
}
