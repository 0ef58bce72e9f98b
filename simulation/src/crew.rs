//! The workers, the channels and the clock that the engine sees, made up.
//!
//! Nothing happens at once: what a worker says, does and suffers are events in a queue, in the order of their
//! moments, and [`Crew::wait`] lets time pass to the next of them. One thing is promised as the pool of live
//! processes promises it: the end of a process is told after all that it said.
//!
//! What strikes, strikes here (`strike.rs`); how a worker lives is in `living.rs`. The witness is told what really
//! happened, whatever the engine makes of it.

mod living;
mod strike;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::{ExitCause, ResourceUse};
use fumehood::ids::{Pid, TaskIndex, WorkerId};
use fumehood::protocol::{Assignment, FromWorker, Parcel};
use fumehood::record::disk::Disk;
use fumehood::sys::Exit;
use supervisor::engine::crew::{Contact, Crew, Heard, WaitError};
use supervisor::engine::output::Output;
use supervisor::start::Method;

use crate::disk::SimulatedDisk;
use crate::draws::Draws;
use crate::fault::{Fault, When};
use crate::log::Log;
use crate::process::{Health, Process, Start};
use crate::scenario::Scenario;
use crate::witness::{Property, Witness};

/// Those who see everything.
#[derive(Debug)]
pub struct Watch {
    /// Who judges it.
    pub witness: Witness,
    /// Who writes it down.
    pub log: Log,
}

/// What is still to go wrong. It outlives a supervisor.
#[derive(Debug)]
pub struct Fates {
    faults: Vec<Option<Fault>>,
    /// So many tasks have begun.
    begun: u64,
    /// Faults for the next worker that is started.
    at_start: VecDeque<usize>,
    /// Faults for the next task that begins.
    at_task: VecDeque<usize>,
    poisoned: BTreeSet<TaskIndex>,
    /// The supervisor, or the next one, dies at a call to the disk, and so perhaps the machine.
    pub dying: Option<Dying>,
}

/// How a supervisor is about to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dying {
    /// The machine loses its power with it.
    pub with_power: bool,
    /// Its successor dies at so many calls from its beginning.
    pub again: Option<u64>,
}

impl Fates {
    /// The faults of a scenario.
    pub fn of(scenario: &Scenario) -> Fates {
        Fates {
            faults: scenario.faults.iter().cloned().map(Some).collect(),
            begun: 0,
            at_start: VecDeque::new(),
            at_task: VecDeque::new(),
            poisoned: BTreeSet::new(),
            dying: None,
        }
    }
}

/// How the supervisor's life was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutOff {
    /// It was killed.
    Killed,
    /// The machine lost its power.
    PowerLost,
    /// It went on beyond every bound.
    TooLong,
}

/// Nobody waits more often in a row for news that cannot have come: time does not pass in a loop that does, and a
/// bound on time would never be reached.
const MOST_IDLE_WAITS: u32 = 1_000;

/// The crew of one supervisor.
pub struct SimulatedCrew<'a> {
    scenario: &'a Scenario,
    watch: &'a RefCell<Watch>,
    fates: &'a mut Fates,
    disk: SimulatedDisk,
    draws: Draws,
    events: BTreeMap<(Monotonic, u64), Event>,
    next_event: u64,
    processes: BTreeMap<WorkerId, Process>,
    contacts: BTreeMap<WorkerId, Contact>,
    /// Workers over their memory, with the task that they are in.
    swollen: BTreeMap<WorkerId, TaskIndex>,
    next_pid: u32,
    deadline: Monotonic,
    /// So many waits in a row heard nothing and took no time.
    idle_waits: u32,
    /// How it was cut off.
    pub cut_off: Option<CutOff>,
}

/// Something that is going to happen.
#[derive(Debug)]
enum Event {
    /// A worker exists.
    Made(WorkerId),
    /// A worker begins its next task, or leaves.
    Next(WorkerId, u32),
    /// A worker has done its task.
    Done(WorkerId, u32),
    /// A word reaches the supervisor.
    Word(Word),
    /// A worker ends. `own`: by itself, or by somebody who is not the supervisor.
    Dies {
        worker: WorkerId,
        epoch: u32,
        cause: ExitCause,
        own: bool,
    },
    /// The supervisor learns of an end.
    Over(WorkerId, Pid, ExitCause),
    /// The supervisor learns that a worker was not made.
    NotMade(WorkerId, String),
    /// A stopped worker goes on.
    Continues(WorkerId),
    /// A worker uses too much memory.
    Swells(WorkerId, u32),
    /// A worker closes its channel.
    Closes(WorkerId, u32),
    Signal(i32),
    /// The machine loses its power.
    PowerGoes,
    Fault(usize),
}

/// What a worker said, on its way.
#[derive(Debug)]
struct Word {
    worker: WorkerId,
    what: Result<FromWorker, String>,
    /// What it really is.
    meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// True, and nothing beside.
    True,
    /// The task's own begin.
    Begin(TaskIndex, u32),
    /// The task's own answer.
    Answer(TaskIndex, u32),
    /// A lie, of a worker in this task.
    Lie(Option<(TaskIndex, u32)>),
}

impl<'a> SimulatedCrew<'a> {
    /// The crew of a new supervisor, at the disk's time.
    pub fn new(
        scenario: &'a Scenario,
        watch: &'a RefCell<Watch>,
        fates: &'a mut Fates,
        disk: SimulatedDisk,
        life: u64,
    ) -> SimulatedCrew<'a> {
        let now = disk.now();
        let mut crew = SimulatedCrew {
            scenario,
            watch,
            disk,
            draws: Draws::of(scenario.seed, "crew", &[life]),
            events: BTreeMap::new(),
            next_event: 0,
            processes: BTreeMap::new(),
            contacts: BTreeMap::new(),
            swollen: BTreeMap::new(),
            next_pid: 1000,
            deadline: now + scenario.bound(),
            idle_waits: 0,
            cut_off: None,
            fates,
        };
        for at in 0..crew.fates.faults.len() {
            if let Some(Fault {
                when: When::At(then),
                ..
            }) = crew.fates.faults[at]
            {
                crew.plan(then.max(now), Event::Fault(at));
            }
        }
        crew
    }

    /// Whether the machine loses its power as the supervisor dies at a call.
    pub fn dies_with_power(&self) -> bool {
        self.fates.dying.is_some_and(|dying| dying.with_power)
    }

    /// Workers that live although nobody wants them to.
    pub fn left_alive(&self) -> Vec<WorkerId> {
        let alive = self.processes.iter().filter(|(_, process)| {
            process.health != Health::Dead
                && !process.killed
                && process.pid.is_some()
                && process.start != Start::Unknown
        });
        alive.map(|(&worker, _)| worker).collect()
    }

    fn plan(&mut self, at: Monotonic, event: Event) {
        self.events.insert((at, self.next_event), event);
        self.next_event += 1;
    }

    fn after(&mut self, span: Duration, event: Event) {
        let at = self.disk.now() + span;
        self.plan(at, event);
    }

    fn micros(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.draws.from_to(from, to))
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        self.watch.borrow_mut().log.say(self.disk.now(), what);
    }

    fn witness(&self, tell: impl FnOnce(&mut Witness)) {
        tell(&mut self.watch.borrow_mut().witness);
    }

    /// Lets everything happen that is due, and gathers what the supervisor hears of it.
    fn happen(&mut self, heard: &mut Vec<Heard>) {
        while self.cut_off.is_none()
            && let Some((&key, _)) = self.events.first_key_value()
            && key.0 <= self.disk.now()
            && let Some(event) = self.events.remove(&key)
        {
            self.on_event(event, heard);
        }
    }

    fn on_event(&mut self, event: Event, heard: &mut Vec<Heard>) {
        match event {
            Event::Made(worker) => self.on_made(worker),
            Event::Next(worker, epoch) => self.on_next(worker, epoch),
            Event::Done(worker, epoch) => self.on_done(worker, epoch),
            Event::Word(word) => self.on_word(word, heard),
            Event::Dies {
                worker,
                epoch,
                cause,
                own,
            } => self.on_death(worker, epoch, cause, own),
            Event::Over(worker, pid, cause) => {
                self.say(format_args!("{worker} is over: {cause:?}"));
                if self.contacts.contains_key(&worker) {
                    let exit = Exit {
                        pid,
                        cause,
                        resources: resources(),
                        at: self.disk.now(),
                    };
                    heard.push(Heard::Over(worker, exit));
                }
            }
            Event::NotMade(worker, reason) => {
                self.say(format_args!("{worker} is not made: {reason}"));
                if self.contacts.contains_key(&worker) {
                    heard.push(Heard::NotMade(worker, reason));
                }
            }
            Event::Continues(worker) => self.on_continue(worker),
            Event::Swells(worker, epoch) => self.on_swelling(worker, epoch),
            Event::Closes(worker, epoch) => self.on_closing(worker, epoch),
            Event::Signal(signal) => {
                self.say(format_args!("signal {signal}"));
                self.witness(Witness::stops);
                heard.push(Heard::Signal(signal));
            }
            Event::PowerGoes => {
                self.disk.kill();
                self.cut_off = Some(CutOff::PowerLost);
            }
            Event::Fault(at) => self.strike(at),
        }
    }

    fn on_word(&mut self, word: Word, heard: &mut Vec<Heard>) {
        let Word {
            worker,
            what,
            meaning,
        } = word;
        match &what {
            Ok(message) => self.say(format_args!("{} says {}", worker, words(message))),
            Err(note) => self.say(format_args!("{worker} says what cannot be read: {note}")),
        }
        let now = self.disk.now();
        let is_known = self.contacts.contains_key(&worker);
        if let Some(process) = self.processes.get_mut(&worker)
            && is_known
        {
            let is_believed = !process.lied;
            let mut watch = self.watch.borrow_mut();
            match meaning {
                Meaning::Begin(task, attempt) if is_believed => {
                    watch.witness.heard_begin(worker, task, attempt, now);
                    if process.killed {
                        let run = Some((task, attempt));
                        watch.witness.asks_end(worker, run, now);
                    }
                }
                Meaning::Answer(task, attempt) if is_believed => {
                    watch.witness.answered(worker, task, attempt);
                }
                Meaning::Lie(of) => {
                    process.lied = true;
                    if let Some((task, attempt)) = of {
                        watch.witness.deed(task, attempt).lied = true;
                    }
                }
                Meaning::True | Meaning::Begin(..) | Meaning::Answer(..) => {}
            }
        }
        match what {
            Ok(message) => heard.push(Heard::Said(message)),
            Err(note) if is_known => heard.push(Heard::Garbled(worker, note)),
            Err(_) => {}
        }
    }

    fn cut(&mut self, how: CutOff) -> WaitError {
        self.cut_off.get_or_insert(how);
        WaitError::from(io::Error::other("the supervisor is no more"))
    }

    /// Whether the supervisor died at a call to the disk.
    fn note_death(&mut self) -> Option<WaitError> {
        if self.disk.is_dead() && self.cut_off.is_none() {
            let with_power = self.fates.dying.is_some_and(|dying| dying.with_power);
            let how = if with_power {
                CutOff::PowerLost
            } else {
                CutOff::Killed
            };
            self.say(format_args!("the supervisor dies at a call: {how:?}"));
            return Some(self.cut(how));
        }
        self.cut_off.map(|how| self.cut(how))
    }

    fn look(&mut self) {
        let mut watch = self.watch.borrow_mut();
        watch.witness.sees(&self.disk);
    }
}

impl Crew for SimulatedCrew<'_> {
    fn now(&self) -> Monotonic {
        self.disk.now()
    }

    fn wait(&mut self, limit: Duration) -> Result<Vec<Heard>, WaitError> {
        self.look();
        let began = self.disk.now();
        let until = began + limit;
        let mut heard = Vec::new();
        loop {
            if let Some(error) = self.note_death() {
                return Err(error);
            }
            if self.watch.borrow().witness.violation().is_some() {
                return Err(self.cut(CutOff::Killed));
            }
            if self.disk.now() > self.deadline {
                let bound = self.scenario.bound();
                self.witness(|witness| {
                    witness.accuse(Property::Ends, format!("it goes on after {bound:?}"));
                });
                return Err(self.cut(CutOff::TooLong));
            }
            if !heard.is_empty() {
                return Ok(heard);
            }
            let next = self.events.first_key_value().map(|(key, _)| key.0);
            match next.filter(|next| *next <= until) {
                Some(next) => {
                    // News that are close together are read together.
                    let together = self.micros(0, 300);
                    let now = self.disk.now();
                    self.disk.advance(next.max(now) + together);
                    self.happen(&mut heard);
                    self.look();
                }
                None if self.disk.now() < until => {
                    self.disk.advance(until);
                    self.look();
                }
                None => {
                    let is_idle = self.disk.now() == began;
                    self.idle_waits = if is_idle { self.idle_waits + 1 } else { 0 };
                    if self.idle_waits > MOST_IDLE_WAITS {
                        let text = format!("{MOST_IDLE_WAITS} waits of no length in a row");
                        self.witness(|witness| witness.accuse(Property::Ends, text));
                    }
                    if self.watch.borrow().witness.violation().is_some() {
                        return Err(self.cut(CutOff::TooLong));
                    }
                    return Ok(heard);
                }
            }
        }
    }

    fn take_signals(&mut self) -> Vec<i32> {
        Vec::new()
    }

    fn take_time_in_starts(&mut self) -> Duration {
        Duration::ZERO
    }

    fn expect_more(&mut self, _tasks: u32) {}

    fn start(
        &mut self,
        worker: WorkerId,
        slot: u32,
        first: Parcel,
        group: Option<String>,
        kept: bool,
    ) -> Result<(), String> {
        let tasks: Vec<Assignment> = first.unpack().map_err(|error| error.to_string())?;
        self.say(format_args!(
            "{worker} is asked for, with {}",
            names(&tasks)
        ));
        self.look();
        self.witness(|witness| witness.gives(worker, Some(slot), &tasks));
        let now = self.disk.now();
        self.contacts.insert(
            worker,
            Contact {
                sent: now,
                group,
                ..Contact::default()
            },
        );
        let start = self.strike_start(worker)?;
        self.processes.insert(
            worker,
            Process {
                pid: None,
                kept,
                queue: tasks.into(),
                run: None,
                epoch: 0,
                health: Health::Well,
                doomed: false,
                lied: false,
                stays: false,
                killed: false,
                last_word: now,
                received: now,
                born: None,
                start,
            },
        );
        let span = if self.scenario.method == Method::Fork {
            self.micros(80, 900)
        } else {
            self.micros(400, 9_000)
        };
        self.after(span, Event::Made(worker));
        Ok(())
    }

    fn assign(&mut self, worker: WorkerId, tasks: Parcel) {
        let Ok(tasks) = tasks.unpack::<Vec<Assignment>>() else {
            return;
        };
        self.say(format_args!("{worker} is given {}", names(&tasks)));
        self.look();
        self.witness(|witness| witness.gives(worker, None, &tasks));
        let now = self.disk.now();
        if let Some(contact) = self.contacts.get_mut(&worker) {
            contact.sent = now;
        }
        self.take_tasks(worker, tasks);
    }

    fn shutdown(&mut self, worker: WorkerId) {
        self.say(format_args!("{worker} is told to leave"));
        self.leave(worker);
    }

    fn terminate(&mut self, worker: WorkerId) {
        self.say(format_args!("{worker} is told to end"));
        self.end_politely(worker);
    }

    fn kill(&mut self, worker: WorkerId) {
        self.say(format_args!("{worker} is killed"));
        self.end_at_once(worker);
    }

    fn forget(&mut self, worker: WorkerId) {
        self.contacts.remove(&worker);
        // Where nothing can be recorded any more, what a worker had is settled by the next supervisor.
        let can_record = self.disk.refused() == 0 && !self.disk.is_dead();
        self.witness(|witness| witness.forgets(worker, can_record));
    }

    fn contact(&mut self, worker: WorkerId) -> Option<&mut Contact> {
        self.contacts.get_mut(&worker)
    }

    fn take_output(&mut self, _worker: WorkerId) -> Output {
        Output::default()
    }

    fn has_closed_its_channel(&mut self, worker: WorkerId) -> bool {
        let process = self.processes.get(&worker);
        process.is_some_and(|process| process.health == Health::Mute)
    }

    fn memory_interval(&self) -> Option<Duration> {
        // As often as the watch on live processes looks, there are twenty looks a second, all the same.
        self.scenario
            .policy
            .memory
            .map(|_| Duration::from_millis(400))
    }

    fn over_memory(&mut self, _now: Monotonic) -> Vec<(WorkerId, String)> {
        let swollen = std::mem::take(&mut self.swollen);
        let still = swollen.into_iter().filter(|(worker, task)| {
            let run = self.processes.get(worker).and_then(|p| p.run.as_ref());
            run.is_some_and(|run| run.task == *task)
        });
        still
            .map(|(worker, _)| (worker, String::from("600 MiB, more than its 512 MiB")))
            .collect()
    }

    fn look_after(&mut self, _now: Monotonic) {}

    fn forgive(&mut self) {
        self.say(format_args!("the supervisor knows that it was stopped"));
    }
}

fn resources() -> ResourceUse {
    ResourceUse {
        user_us: 500,
        system_us: 100,
        max_rss_kib: 3_000,
        ..ResourceUse::default()
    }
}

fn names(tasks: &[Assignment]) -> String {
    let names = tasks
        .iter()
        .map(|task| format!("{}.{}", task.task, task.attempt));
    names.collect::<Vec<_>>().join(" ")
}

/// A message in a few words.
fn words(message: &FromWorker) -> String {
    match message {
        FromWorker::Started { task, attempt, .. } => format!("started {task}.{attempt}"),
        FromWorker::Chunk { task, number, .. } => format!("part {number} of {task}"),
        FromWorker::Finished { task, attempt, .. } => format!("finished {task}.{attempt}"),
        FromWorker::Ready { .. } => String::from("ready"),
        FromWorker::Forked { .. } => String::from("forked"),
        FromWorker::NotForked { .. } => String::from("not forked"),
    }
}
