//! How a made-up worker lives: it is made, begins its tasks, answers, leaves, or ends in some other way.

use std::cell::RefCell;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::ExitCause;
use fumehood::ids::{AttemptNumber, Pid, TaskIndex, WorkerId};
use fumehood::protocol::{
    Assignment, Cut, FromWorker, Moments, Parcel, Report, cut, encode_result,
};
use fumehood::record::disk::Disk;
use supervisor::start::Method;

use super::{Event, Meaning, SimulatedCrew, Watch, Word, resources};
use crate::process::{Answering, Health, Run, Start, result_of};

/// A worker's pieces on their way are given to the supervisor within so many microseconds.
const CHANNEL_US: u64 = 300;

impl SimulatedCrew<'_> {
    pub(super) fn on_made(&mut self, worker: WorkerId) {
        let now = self.disk.now();
        let pid = Pid(self.next_pid);
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        if process.health == Health::Dead {
            return; // the zygote died before
        }
        self.next_pid += 1;
        process.pid = Some(pid);
        process.born = Some(now);
        process.received = now;
        let (start, is_doomed) = (process.start, process.doomed);
        if start != Start::Unknown
            && let Some(contact) = self.contacts.get_mut(&worker)
        {
            contact.pid = Some(pid);
        }
        self.say(format_args!("{worker} is made: {start:?}"));
        let soon = self.micros(50, 400);
        if is_doomed {
            return self.die(worker, soon, killed(), false);
        }
        match start {
            Start::Well => self.after(soon, Event::Next(worker, 0)),
            Start::Hangs => {}
            Start::Late { at } => self.plan(at, Event::Next(worker, 0)),
            Start::Dies => {
                let cause = crate::fault::draw_death(&mut self.draws);
                self.die(worker, soon, cause, true);
            }
            Start::Unknown => {
                self.after(soon, Event::NotMade(worker, "the zygote died".into()));
                let late = self.micros(500, 500_000);
                self.after(late, Event::Next(worker, 0));
            }
        }
    }

    /// A worker begins its next task, waits for one, or leaves.
    pub(super) fn on_next(&mut self, worker: WorkerId, epoch: u32) {
        let now = self.disk.now();
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        if process.epoch != epoch || process.health == Health::Dead || process.run.is_some() {
            return;
        }
        let Some(assignment) = process.queue.pop_front() else {
            if !process.kept && !process.stays {
                let soon = self.micros(100, 2_000);
                self.die(worker, soon, ExitCause::Exited(0), false);
            }
            return;
        };
        let span = self.scenario.time_of(assignment.task);
        let (task, attempt) = (assignment.task, assignment.attempt);
        process.run = Some(Run {
            task,
            attempt,
            begun: now,
            done: now + span,
            answer: Answering::Well,
        });
        let pid = process.pid.unwrap_or(Pid(0));
        self.say(format_args!("{worker} begins {task}.{attempt}"));
        self.witness(|witness| witness.deed(task, attempt.0).began = true);
        let begun = FromWorker::Started {
            worker,
            task,
            attempt,
            pid,
        };
        self.send(worker, Ok(begun), Meaning::Begin(task, attempt.0));
        self.plan(now + span, Event::Done(worker, epoch));
        self.strike_begin(worker, task);
    }

    pub(super) fn on_done(&mut self, worker: WorkerId, epoch: u32) {
        let now = self.disk.now();
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        if process.epoch != epoch {
            return;
        }
        let Some(run) = process.run.clone() else {
            return;
        };
        let report = Moments {
            born: process.born.take().unwrap_or_default(),
            ready: now.min(process.received),
            received: process.received,
            decoded: run.begun,
            begun: run.begun,
            rebuilt: run.begun,
            computed: now,
            encoded: now,
        };
        if self.answer(worker, &run, report) {
            // Half of it was said, and that was all.
            return;
        }
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        process.run = None;
        let soon = self.micros(5, 200);
        match run.answer {
            Answering::AndLeaves => self.die(worker, soon, ExitCause::Exited(74), false),
            Answering::AndDies => {
                let cause = crate::fault::draw_death(&mut self.draws);
                self.die(worker, soon, cause, true);
            }
            _ => self.after(soon, Event::Next(worker, epoch)),
        }
    }

    /// A worker says what came of its task; whether it died over it.
    fn answer(&mut self, worker: WorkerId, run: &Run, moments: Moments) -> bool {
        let (task, attempt) = (run.task, run.attempt);
        let result = result_of(&self.scenario.plan, task);
        let bytes = encode_result(&result).unwrap_or_default();
        let Cut {
            mut chunks,
            last,
            mut digest,
        } = cut(bytes);
        let mut used = resources();
        let over_half = self.draws.percent(5);
        if let Some(limit) = self.scenario.policy.memory.filter(|_| over_half) {
            used.max_rss_kib = limit / 1024 * 3 / 4;
        }
        let lie = Meaning::Lie(Some((task, attempt.0)));
        if run.answer == Answering::Torn {
            digest = Some([7; 32]);
            chunks.push(Parcel::default());
        }
        let (said, is_half) = match run.answer {
            Answering::Half => (chunks.len() / 2, true),
            _ => (chunks.len(), false),
        };
        for (number, bytes) in (0u32..).zip(chunks.into_iter().take(said)) {
            let part = FromWorker::Chunk {
                worker,
                task,
                number,
                bytes,
            };
            self.send(worker, Ok(part), Meaning::True);
        }
        if is_half {
            let cause = crate::fault::draw_death(&mut self.draws);
            self.die(worker, Duration::ZERO, cause, true);
            return true;
        }
        let finished = |task: TaskIndex, attempt: u32| FromWorker::Finished {
            worker,
            task,
            attempt: AttemptNumber(attempt),
            report: Report {
                last: last.clone(),
                chunks: u32::try_from(said).unwrap_or(u32::MAX),
                digest,
                moments,
                used,
                leaves: run.answer == Answering::AndLeaves,
            },
        };
        let honest = Meaning::Answer(task, attempt.0);
        match run.answer {
            Answering::Another => {
                let other = TaskIndex(task.0 ^ 1);
                self.send(worker, Ok(finished(other, attempt.0)), lie);
            }
            Answering::Earlier => self.send(worker, Ok(finished(task, attempt.0 - 1)), lie),
            Answering::Torn => self.send(worker, Ok(finished(task, attempt.0)), lie),
            Answering::Twice => {
                self.send(worker, Ok(finished(task, attempt.0)), honest);
                self.send(worker, Ok(finished(task, attempt.0)), Meaning::Lie(None));
            }
            _ => self.send(worker, Ok(finished(task, attempt.0)), honest),
        }
        false
    }

    /// A word goes on its way: after all that this worker has said before.
    pub(super) fn send(
        &mut self,
        worker: WorkerId,
        what: Result<FromWorker, String>,
        meaning: Meaning,
    ) {
        let at = self.disk.now() + self.micros(5, CHANNEL_US);
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        process.last_word = at.max(process.last_word);
        let at = process.last_word;
        self.plan(
            at,
            Event::Word(Word {
                worker,
                what,
                meaning,
            }),
        );
    }

    /// A worker that waits gets tasks.
    pub(super) fn take_tasks(&mut self, worker: WorkerId, tasks: Vec<Assignment>) {
        let now = self.disk.now();
        let soon = self.micros(5, CHANNEL_US);
        if let Some(process) = self.processes.get_mut(&worker) {
            process.queue.extend(tasks);
            process.received = now;
            let epoch = process.epoch;
            self.after(soon, Event::Next(worker, epoch));
        }
    }

    pub(super) fn leave(&mut self, worker: WorkerId) {
        let soon = self.micros(50, 2_000);
        let process = self.processes.get(&worker);
        if process.is_some_and(|p| p.health == Health::Well && !p.stays) {
            self.die(worker, soon, ExitCause::Exited(0), false);
        }
    }

    pub(super) fn end_politely(&mut self, worker: WorkerId) {
        let now = self.disk.now();
        let soon = self.micros(20, 3_000);
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        note_end(self.watch, worker, process.run.as_ref(), now);
        match &mut process.health {
            Health::Well | Health::Mute if process.pid.is_some() => {
                let cause = ExitCause::Signaled {
                    signal: 15,
                    core: false,
                };
                self.die(worker, soon, cause, false);
            }
            Health::Stopped { told } => *told = true,
            Health::Well | Health::Mute => self.doom(worker),
            Health::Deaf | Health::Stuck { .. } | Health::Dead => {}
        }
    }

    pub(super) fn end_at_once(&mut self, worker: WorkerId) {
        let now = self.disk.now();
        let soon = self.micros(20, 2_000);
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        note_end(self.watch, worker, process.run.as_ref(), now);
        process.killed = true;
        match process.health {
            _ if process.pid.is_none() => self.doom(worker),
            Health::Dead => {}
            Health::Stuck { until: None } => {}
            Health::Stuck { until: Some(until) } => {
                self.die(worker, until.since(now) + soon, killed(), false);
            }
            Health::Well | Health::Deaf | Health::Stopped { .. } | Health::Mute => {
                self.die(worker, soon, killed(), false);
            }
        }
    }

    /// A worker whose process is not known yet is to end. If a zygote makes them, it is what holds this one up: it is
    /// killed, and all that it had not made is lost with it.
    fn doom(&mut self, worker: WorkerId) {
        if let Some(process) = self.processes.get_mut(&worker) {
            process.doomed = true;
        }
        if self.scenario.method == Method::Fork {
            self.end_zygote();
        }
    }

    pub(super) fn end_zygote(&mut self) {
        let soon = self.micros(20, 2_000);
        let unmade: Vec<WorkerId> = self
            .processes
            .iter_mut()
            .filter(|(_, process)| process.pid.is_none() && process.health != Health::Dead)
            .map(|(&worker, process)| {
                process.health = Health::Dead;
                worker
            })
            .collect();
        for worker in unmade {
            self.after(soon, Event::NotMade(worker, "the zygote died".into()));
        }
    }

    /// A worker ends after some time, if nothing else ends it before.
    pub(super) fn die(&mut self, worker: WorkerId, after: Duration, cause: ExitCause, own: bool) {
        let Some(process) = self.processes.get(&worker) else {
            return;
        };
        let epoch = process.epoch;
        self.after(
            after,
            Event::Dies {
                worker,
                epoch,
                cause,
                own,
            },
        );
    }

    pub(super) fn on_death(&mut self, worker: WorkerId, epoch: u32, cause: ExitCause, own: bool) {
        let now = self.disk.now();
        let noticed = self.micros(10, 800);
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        // What it had planned itself does not happen any more; what others do to it does.
        let is_planned = own || !process.killed;
        if process.health == Health::Dead || (is_planned && process.epoch != epoch) {
            return;
        }
        process.health = Health::Dead;
        process.epoch += 1;
        let run = process.run.take();
        let pid = process.pid.unwrap_or(Pid(0));
        let at = (now + noticed).max(process.last_word);
        self.say(format_args!("{worker} dies, {cause:?}, by itself: {own}"));
        if let Some(run) = run
            && own
        {
            let is_oom = matches!(cause, ExitCause::OutOfMemory { .. });
            self.witness(|witness| {
                let deed = witness.deed(run.task, run.attempt.0);
                deed.died = true;
                deed.swelled |= is_oom;
            });
        }
        self.plan(at, Event::Over(worker, pid, cause));
    }
}

/// The supervisor asks for the end of a worker, or ends it: in the task that it is in, and in the one that the
/// supervisor knows of.
fn note_end(watch: &RefCell<Watch>, worker: WorkerId, run: Option<&Run>, now: Monotonic) {
    let run = run.map(|run| (run.task, run.attempt.0));
    watch.borrow_mut().witness.asks_end(worker, run, now);
}

pub(super) fn killed() -> ExitCause {
    ExitCause::Signaled {
        signal: 9,
        core: false,
    }
}
