//! The only loop of a run: wait for news, step, act, record, tell.
//!
//! It decides nothing; the reactor does. It translates what the crew heard into events, has the crew carry out
//! the actions, and feeds what goes wrong in that back as events. It starts no process, opens no channel and
//! reads no clock but the crew's: the simulation runs it as it is.

use std::collections::VecDeque;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::Outcome;
use fumehood::experiment::plan::Plan;
use fumehood::fail_point;
use fumehood::ids::{AttemptNumber, TaskIndex, WorkerId};
use fumehood::protocol::{Assembly, Assignment, FromWorker, Parcel, Report, decode_result};

use super::crew::{Crew, Heard, WaitError};
use super::event::{Next, RunEvent};
use super::ledger::{Ledger, Origin, peak_kib};
use super::reactor::{Action, Ending, Event, Fate, step};
use super::state::{
    Answer, ExitFacts, Held, Policy, State, StopReason, TaskBook, Verdict, WorkerState,
};

/// The longest wait: the screen's clock goes on, and orphans are looked for.
const BEAT: Duration = Duration::from_millis(500);

/// No turn of the loop takes so long, on however busy a machine, but for the start of a zygote, which is counted
/// apart: the supervisor was stopped meanwhile.
const STOPPED: Duration = Duration::from_secs(1);

/// Runs the tasks of a plan that are to be run, to their end or until the run is stopped.
///
/// `books` has an entry for each task of the plan.
///
/// # Errors
///
/// [`WaitError`]: the kernel no longer lets us wait. What was recorded stays recorded.
pub fn run(
    plan: &Plan,
    policy: Policy,
    books: Vec<TaskBook>,
    crew: &mut dyn Crew,
    ledger: &mut Ledger<'_>,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<StopReason, WaitError> {
    let experiments = plan.experiments().iter().map(|e| e.first).collect();
    let retries = policy.retries;
    let mut dispatcher = Dispatcher {
        plan,
        state: State::new(policy, books, experiments),
        retries,
        crew,
        ledger,
        tell,
        events: VecDeque::from([Event::Tick]),
        over: None,
        stop_told: false,
    };
    dispatcher.run()
}

struct Dispatcher<'a, 'plan> {
    plan: &'a Plan,
    state: State,
    retries: u32,
    crew: &'a mut dyn Crew,
    ledger: &'a mut Ledger<'plan>,
    tell: &'a mut dyn FnMut(RunEvent),
    events: VecDeque<Event>,
    over: Option<StopReason>,
    stop_told: bool,
}

impl Dispatcher<'_, '_> {
    fn run(&mut self) -> Result<StopReason, WaitError> {
        // What came while the start method was tried goes before the first task.
        for signal in self.crew.take_signals() {
            self.events.push_front(Event::StopRequested { signal });
        }
        let mut swept = self.crew.now();
        let mut awake = swept;
        loop {
            self.settle_events();
            if let Some(reason) = self.over.take() {
                return Ok(reason);
            }
            let now = self.crew.now();
            let starting = self.crew.take_time_in_starts();
            self.note_pause(now.since(awake).saturating_sub(starting));
            let patience = self
                .state
                .next_deadline()
                .map_or(BEAT, |deadline| deadline.since(now))
                .min(BEAT)
                .min(self.crew.memory_interval().unwrap_or(BEAT));
            let heard = self.crew.wait(patience)?;
            awake = self.crew.now();
            self.note_pause(awake.since(now).saturating_sub(patience));
            if heard.is_empty() {
                (self.tell)(RunEvent::Idle);
            }
            for news in heard {
                self.on_heard(news);
            }
            let now = self.crew.now();
            if self.state.next_deadline().is_some_and(|at| at <= now) {
                self.events.push_back(Event::Tick);
            }
            for (worker, evidence) in self.crew.over_memory(now) {
                self.events
                    .push_back(Event::OverMemory { worker, evidence });
            }
            if now.since(swept) >= BEAT {
                swept = now;
                self.look_for_the_silent(now);
                self.crew.look_after(now);
            }
        }
    }

    /// Notes time that passed although nothing waited for it: a supervisor that was stopped does not charge
    /// that to anybody.
    fn note_pause(&mut self, span: Duration) {
        if span >= STOPPED {
            self.crew.forgive();
            self.events.push_front(Event::Paused { span });
            self.settle_events();
        }
    }

    /// Finds workers that can never answer: they have closed their result channel and live on. A worker is
    /// looked at when its task has run for longer than a beat.
    fn look_for_the_silent(&mut self, now: Monotonic) {
        let busy = self.state.workers.iter().filter(|(_, worker)| {
            matches!(worker.state, WorkerState::Busy { .. })
                && worker.current.is_some_and(|c| now.since(c.started) >= BEAT)
        });
        let silent: Vec<WorkerId> = busy
            .map(|(&id, _)| id)
            .filter(|&id| self.crew.has_closed_its_channel(id))
            .collect();
        for worker in silent {
            let note = String::from("it closed its result channel");
            self.events.push_back(Event::Broke { worker, note });
        }
    }

    /// Steps through all events, those that the actions bring about included.
    fn settle_events(&mut self) {
        while let Some(event) = self.events.pop_front() {
            tracing::debug!(?event);
            fail_point!("supervisor.step");
            let actions = step(&mut self.state, event, self.crew.now());
            self.tell_of_a_stop();
            for action in actions {
                tracing::debug!(?action);
                self.perform(action);
            }
        }
    }

    fn on_heard(&mut self, heard: Heard) {
        match heard {
            Heard::Said(message) => self.on_message(message),
            Heard::Garbled(worker, note) => self.events.push_back(Event::Broke { worker, note }),
            Heard::Over(worker, exit) => self.events.push_back(Event::Exited {
                worker,
                exit: ExitFacts {
                    cause: exit.cause,
                    resources: exit.resources,
                    at: exit.at,
                },
            }),
            Heard::NotMade(worker, reason) => {
                self.events.push_back(Event::StartFailed { worker, reason });
            }
            Heard::Signal(signal) => self.events.push_back(Event::StopRequested { signal }),
        }
        // One at a time, so that an action (a worker is forgotten) is seen by the next message.
        self.settle_events();
    }

    fn on_message(&mut self, message: FromWorker) {
        match message {
            FromWorker::Started {
                worker,
                task,
                attempt,
                ..
            } => {
                (self.tell)(RunEvent::Started { task });
                self.events.push_back(Event::Started {
                    worker,
                    task,
                    attempt,
                });
            }
            FromWorker::Chunk {
                worker,
                task,
                number,
                bytes,
            } => self.on_chunk(worker, task, number, &bytes),
            FromWorker::Finished {
                worker,
                task,
                attempt,
                report,
            } => self.on_report(worker, task, attempt, report),
            // Only the self-test asks for workers without tasks.
            FromWorker::Ready { worker } => {
                let note = String::from("it was ready for nothing");
                self.events.push_back(Event::Broke { worker, note });
            }
            // A crew keeps these to itself.
            FromWorker::Forked { .. } | FromWorker::NotForked { .. } => {}
        }
    }

    /// A part of the result of the task that its worker runs is kept; any other part would be kept for
    /// nobody, and without a bound.
    fn on_chunk(&mut self, worker: WorkerId, task: TaskIndex, number: u32, bytes: &Parcel) {
        let Some(known) = self.state.workers.get(&worker) else {
            return; // settled before: a late word
        };
        if known.is_not_believed() {
            return;
        }
        let runs_it = known.current.is_some_and(|c| c.held.task == task);
        let Some(contact) = self.crew.contact(worker) else {
            return;
        };
        let added = if runs_it {
            let added = contact.assembly.add(number, bytes);
            added.map_err(|error| error.to_string())
        } else {
            Err(format!(
                "it gave a part of a result of task {task}, which it did not run"
            ))
        };
        if let Err(note) = added {
            contact.assembly = Assembly::default();
            self.events.push_back(Event::Broke { worker, note });
        }
    }

    fn on_report(
        &mut self,
        worker: WorkerId,
        task: TaskIndex,
        attempt: AttemptNumber,
        report: Report,
    ) {
        let received = self.crew.now();
        let Some(contact) = self.crew.contact(worker) else {
            return; // settled before: a late word
        };
        let assembly = std::mem::take(&mut contact.assembly);
        let result = assembly
            .finish(report.chunks, report.last, report.digest)
            .map_err(|error| error.to_string())
            .and_then(|bytes| decode_result(&bytes).map_err(|error| error.to_string()));
        let event = match result {
            Ok(result) => Event::Finished {
                worker,
                task,
                attempt,
                answer: Box::new(Answer {
                    outcome: match result {
                        Ok(output) => Outcome::Ok(output),
                        Err(message) => Outcome::Error { message },
                    },
                    moments: report.moments,
                    used: report.used,
                    received,
                    leaves: report.leaves,
                }),
            },
            Err(note) => Event::Broke { worker, note },
        };
        self.events.push_back(event);
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start {
                worker,
                slot,
                tasks,
                kept,
            } => {
                let group = match tasks.as_slice() {
                    // Attempts count up over resumes: no two groups have one name.
                    [first, .., last] => Some(format!(
                        "{}-{}.{}.group",
                        first.task.0, last.task.0, first.attempt
                    )),
                    _ => None,
                };
                self.crew.expect_more(self.state.waiting());
                let started = self
                    .pack(&tasks)
                    .and_then(|first| self.crew.start(worker, slot, first, group, kept));
                if let Err(reason) = started {
                    self.events.push_back(Event::StartFailed { worker, reason });
                }
            }
            Action::Assign { worker, tasks } => match self.pack(&tasks) {
                Ok(parcel) => self.crew.assign(worker, parcel),
                Err(note) => self.events.push_back(Event::Broke { worker, note }),
            },
            Action::Shutdown { worker } => self.crew.shutdown(worker),
            Action::Terminate { worker } => self.crew.terminate(worker),
            Action::Kill { worker } => {
                self.tell_of_a_broken_protocol(worker);
                self.crew.kill(worker);
            }
            Action::Abandon { worker } => {
                if let Some(pid) = self.crew.contact(worker).and_then(|c| c.pid) {
                    let text = format!(
                        "worker process {pid} was killed and does not end: the kernel holds it; the run goes on \
                         without it"
                    );
                    (self.tell)(RunEvent::Note { text });
                }
            }
            Action::Record(ending) => self.record(&ending),
            Action::Release { worker, .. } => {
                if let Some(name) = self.crew.contact(worker).and_then(|c| c.group.take()) {
                    self.keep_output(worker, &name);
                }
                self.crew.forget(worker);
            }
            Action::Stop(reason) => self.over = Some(reason),
        }
    }

    /// Tells once that the run stops, at once: a stop whose workers may still finish has no action to show for it.
    fn tell_of_a_stop(&mut self) {
        if !self.stop_told
            && let super::state::Phase::Stopping { reason, .. } = &self.state.phase
        {
            self.stop_told = true;
            (self.tell)(RunEvent::Stopping {
                reason: reason.clone(),
            });
        }
    }

    /// Its task may well end ok: what the worker did is said nowhere else then.
    fn tell_of_a_broken_protocol(&mut self, worker: WorkerId) {
        let state = self.state.workers.get(&worker).map(|w| &w.state);
        if let Some(WorkerState::Killed {
            verdict: Verdict::Protocol { note },
            ..
        }) = state
        {
            let text = format!(
                "worker {} broke the protocol and is ended: {note}",
                worker.0
            );
            (self.tell)(RunEvent::Note { text });
        }
    }

    fn pack(&self, tasks: &[Held]) -> Result<Parcel, String> {
        let assignments: Vec<Assignment> = tasks
            .iter()
            .map(|held| assignment(self.plan, held))
            .collect();
        Parcel::pack(&assignments).map_err(|error| error.to_string())
    }

    fn record(&mut self, ending: &Ending) {
        let (origin, grouped) =
            self.crew
                .contact(ending.worker)
                .map_or((Origin::default(), false), |contact| {
                    let origin = Origin {
                        pid: contact.pid,
                        sent: contact.sent,
                    };
                    (origin, contact.group.is_some())
                });
        // The tasks of a group run without waiting for us: what they print cannot be told apart, and is
        // kept for the group when its worker is gone.
        if !grouped {
            let name = format!("{}.{}", ending.task.0, ending.attempt.0);
            self.keep_output(ending.worker, &name);
        }
        match self.ledger.record(ending, origin) {
            Ok(cause) => {
                fail_point!("supervisor.recorded");
                self.tell_end(ending, cause);
            }
            Err(error) => self.events.push_back(Event::RecordFailed {
                reason: error.to_string(),
            }),
        }
    }

    /// Keeps what a worker has written since the last time. A failure loses a log, not a result.
    fn keep_output(&mut self, worker: WorkerId, name: &str) {
        let output = self.crew.take_output(worker);
        if let Err(text) = self.ledger.keep_output(name, &output) {
            (self.tell)(RunEvent::Note { text });
        }
    }

    fn tell_end(&mut self, ending: &Ending, cause: Option<fumehood::experiment::Cause>) {
        let next = match (&ending.fate, ending.terminal) {
            (Fate::Charged(outcome), true) => Next::Final(outcome.kind()),
            (fate, _) => Next::Again {
                charged: fate.outcome().is_charged(),
                left: (self.retries + 1)
                    .saturating_sub(u32::from(self.state.tasks[ending.task.as_usize()].crashes)),
            },
        };
        // The answer frees the place for the next task (ADR 0003); that its process leaves comes beside.
        let end = ending
            .answer
            .map(|answer| answer.received)
            .or(ending.exit.as_ref().map(|exit| exit.at));
        (self.tell)(RunEvent::AttemptEnded {
            task: ending.task,
            attempt: ending.attempt.0,
            outcome: ending.fate.outcome(),
            cause,
            next,
            took: end.map_or(Duration::ZERO, |end| end.since(ending.assigned)),
            worked: ending.answer.map_or(Duration::ZERO, |answer| {
                answer.moments.computed.since(answer.moments.begun)
            }),
            peak_kib: peak_kib(ending),
        });
    }
}

/// What a worker is to be told of a task.
pub fn assignment(plan: &Plan, held: &Held) -> Assignment {
    Assignment {
        task: held.task,
        attempt: held.attempt,
        seed: plan.task_seed(held.task),
        work: plan.work(held.task),
    }
}
