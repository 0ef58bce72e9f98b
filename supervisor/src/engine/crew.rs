//! What the engine needs of those who run its tasks.
//!
//! The dispatcher knows workers by name only. It asks a [`Crew`] to start, feed and end them, and hears from
//! it what they said and that they are over. The pool of live processes is one crew; a simulation, whose
//! processes, channels and clock are made up, is another. What goes through here is all there is between
//! the engine and the world, but for the record: a crew that is deterministic makes a run that is.
//!
//! A crew promises an order: the end of a process is told after everything that it had said. So the reactor
//! may settle a worker as soon as it hears of the end. Beyond that a crew promises that each worker it took
//! comes to an end in its news, as over or as not made, unless the kernel holds its process for ever. A
//! request may come to nothing: the worker may be dead already, and the news of that on its way.
//!
//! A crew decides nothing about tasks, and never waits longer than it is asked to. Each moment that it tells
//! of is on the one clock of [`Crew::now`].

use std::io;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::ids::{Pid, WorkerId};
use fumehood::protocol::{Assembly, FromWorker, Parcel};
use fumehood::sys::Exit;

use super::output::Output;

/// The kernel refuses to wait for messages.
#[derive(Debug, thiserror::Error)]
#[error("failed to wait for workers: {0}")]
pub struct WaitError(#[from] io::Error);

/// What a crew heard.
#[derive(Debug)]
pub enum Heard {
    /// A worker's message.
    Said(FromWorker),
    /// A worker's message that cannot be read.
    Garbled(WorkerId, String),
    /// A worker is over, and nothing it said is unread.
    Over(WorkerId, Exit),
    /// A worker could not be made.
    NotMade(WorkerId, String),
    /// A signal that asks the supervisor to stop, by number.
    Signal(i32),
}

/// What the dispatcher and a crew both know of a live worker.
#[derive(Debug, Default)]
pub struct Contact {
    /// Its process, once known.
    pub pid: Option<Pid>,
    /// When its latest tasks had been sent.
    pub sent: Monotonic,
    /// The chunks of its current result.
    pub assembly: Assembly,
    /// The name of its group of tasks, where it has more than one.
    pub group: Option<String>,
}

/// Those who run the tasks.
pub trait Crew {
    /// Now.
    fn now(&self) -> Monotonic;

    /// Waits for news, at most so long; all that is there, the ends of processes last.
    ///
    /// # Errors
    ///
    /// [`WaitError`].
    fn wait(&mut self, limit: Duration) -> Result<Vec<Heard>, WaitError>;

    /// The signals that came before the run could hear them.
    fn take_signals(&mut self) -> Vec<i32>;

    /// How long starts have held up the loop since the last time this was asked.
    fn take_time_in_starts(&mut self) -> Duration;

    /// Says how many tasks wait beyond those that are being given out: for so many, workers are started
    /// ahead.
    fn expect_more(&mut self, tasks: u32);

    /// Asks for a worker with these first tasks; `group` is a name for them, where there are several. One
    /// that is `kept` will be given more.
    ///
    /// # Errors
    ///
    /// A sentence that says why it cannot be had. The worker is then unknown to the crew.
    fn start(
        &mut self,
        worker: WorkerId,
        slot: u32,
        first: Parcel,
        group: Option<String>,
        kept: bool,
    ) -> Result<(), String>;

    /// Gives a kept worker more tasks. A worker that is gone does not take them; its end is on its way.
    fn assign(&mut self, worker: WorkerId, tasks: Parcel);

    /// Tells a kept worker to leave.
    fn shutdown(&mut self, worker: WorkerId);

    /// Asks a worker and what it started to end.
    fn terminate(&mut self, worker: WorkerId);

    /// Ends them.
    fn kill(&mut self, worker: WorkerId);

    /// Forgets a worker that is settled.
    fn forget(&mut self, worker: WorkerId);

    /// A live worker.
    fn contact(&mut self, worker: WorkerId) -> Option<&mut Contact>;

    /// What this worker has written since the last time.
    fn take_output(&mut self, worker: WorkerId) -> Output;

    /// Whether it is sure that a worker lives on without its result channel: it can never answer.
    fn has_closed_its_channel(&mut self, worker: WorkerId) -> bool;

    /// How often it wants to be asked who is [over the limit](Crew::over_memory); `None` = nobody watches.
    fn memory_interval(&self) -> Option<Duration>;

    /// The workers that use more memory than they are allowed, with the figures. It looks if the time for
    /// that has come, and otherwise names nobody.
    fn over_memory(&mut self, now: Monotonic) -> Vec<(WorkerId, String)>;

    /// Keeps the house while the run goes on: ends what workers have left behind, and replaces the helpers
    /// that died.
    fn look_after(&mut self, now: Monotonic);

    /// Forgets what was suspicious: the supervisor was stopped, and a new worker's pid may be on its way.
    fn forgive(&mut self);
}
