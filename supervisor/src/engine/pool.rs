//! The live processes: their channels, pids and pipes.
//!
//! The pool is the [`Crew`] of every real run: it does what the reactor decided and reports what it hears, the
//! end of a process after everything that it had said.
//!
//! How that is known. A result channel belongs to a slot, and the pool holds a sender of it, so that the
//! channel never closes, whoever dies. A packet that a process sent is in the queue before the process can
//! be seen dead. So once the reaper has told of a death, one more round over all channels reads all that the
//! dead one said. (To wait for the channel's end instead would lose answers: a receive that does not wait
//! may report the end while a last packet arrives. See ADR 0002.)
//!
//! A message counts only on the channel of its worker's slot: one that speaks in the name of another is
//! that slot's worker breaking the protocol.

#[cfg_attr(not(target_os = "linux"), path = "pool/channels_elsewhere.rs")]
mod channels;
mod crew;
mod ending;
mod making;
mod memory;
mod orders;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::ids::{Pid, WorkerId};
use fumehood::protocol::{FromWorker, ToWorker};
use fumehood::sys::{
    self, Exit, ForkWay, HeldProgram, MemoryGroup, MemoryGroups, OwnSockets, Reaper, SignalWatch,
};
use ipc_channel::ipc::IpcSender;

use self::channels::Channels;
use self::orders::Orders;
use super::crew::{Contact, Crew, Heard, WaitError};
use super::mailbox::{Mailbox, Notice};
use super::memory::MemoryWatch;
use super::output::Outputs;
use crate::start::fresh::Fresh;
use crate::start::handshake::{HandshakeError, Handshakes};
use crate::start::keeper::Keeper;
use crate::start::zygote::Zygote;

/// How the pool makes workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// A zygote forks them.
    Fork(ForkWay),
    /// The worker program is started for each.
    Spawn,
}

/// The pool cannot be built, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// No channel, thread or descriptor is to be had.
    #[error("failed to prepare the worker pool: {0}")]
    Prepare(#[source] io::Error),
    /// The kernel refuses to wait for messages.
    #[error(transparent)]
    Wait(#[from] WaitError),
}

impl PoolError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            PoolError::Prepare(_) => Some(String::from(
                "it needs some 50 open files, 14 more for each worker beyond the first, and 10 threads: see `ulimit -n` and `ulimit -u`",
            )),
            PoolError::Wait(_) => None,
        }
    }
}

/// What came on the channels.
#[derive(Debug)]
enum Came {
    /// Somebody wakes the loop.
    Wake,
    /// A message on the channel of this slot, or why it is none.
    Said(u32, Result<FromWorker, String>),
    /// The channel of this slot was shut down by whoever held the other end.
    ShutDown(u32),
}

/// What the pool knows of a live worker.
#[derive(Debug)]
struct Handle {
    /// What the dispatcher knows of it too.
    contact: Contact,
    /// Its slot.
    slot: u32,
    /// Which output pipes it writes to.
    output: u32,
    later: Option<IpcSender<ToWorker>>,
    /// To be ended as soon as its pid is known.
    doomed: bool,
    /// The control group that holds it to its memory, where there is one.
    memory: Option<MemoryGroup>,
}

/// All live workers.
pub struct Pool {
    making: Making,
    /// Signals that came before the run could hear them.
    early_signals: Vec<i32>,
    channels: Channels,
    mailbox: Arc<Mailbox>,
    slots: Vec<Slot>,
    /// Our ends of the slots' channels, once somebody wanted to know who has closed them.
    own_sockets: Option<OwnSockets>,
    workers: HashMap<WorkerId, Handle>,
    worker_of_pid: HashMap<Pid, WorkerId>,
    /// Workers that told their pid before the zygote did: its word is on its way, and its pid may be
    /// somebody else's by the time it comes.
    known_early: HashSet<WorkerId>,
    zygote: Option<Zygote>,
    /// What the zygote is to do.
    orders: Orders,
    keeper: Option<Keeper>,
    /// Workers started ahead of their tasks, oldest first, where workers are started by exec.
    spares: VecDeque<Fresh>,
    /// How many tasks wait beyond those that are being given out.
    more_to_come: u32,
    /// Output pipes that nobody writes to, where workers are started by exec.
    free_outputs: Vec<u32>,
    /// Children that are only to be reaped: those we had before the run, of the shell, say, that became this
    /// program; and killed ones that could not be watched.
    strangers: Vec<Pid>,
    /// Whether an orphan that we adopt may be none of the run's: a stranger's child, or, where we are the
    /// first process of a container, anybody's.
    adopts_strangers: bool,
    /// Processes that workers had started and left, and that were ended and reaped here.
    left_behind: u32,
    suspects: HashMap<Pid, Monotonic>,
    start_limit: Duration,
    /// Time in which the loop waited for a zygote to start, not told of yet.
    starting: Duration,
    outputs: Option<Outputs>,
    /// The control groups of workers, where the kernel limits their memory.
    memory_groups: Option<MemoryGroups>,
    /// The watch on their memory, where it is limited.
    memory_watch: Option<MemoryWatch>,
    handshakes: Handshakes,
    // Dropped after everything they could tell of.
    reaper: Reaper,
    _signals: SignalWatch,
}

struct Slot {
    results: IpcSender<FromWorker>,
    worker: Option<WorkerId>,
}

/// So many workers are kept ready, where they are started by exec: while one starts on a core of its own, and
/// another runs its task, the time of a start is hidden. More would only take cores from tasks.
const SPARES: u32 = 2;

/// Workers of a start method's self-test have names from here on, workers of the run below.
pub const FIRST_TRIAL: WorkerId = WorkerId(u32::MAX - 2);

/// A child of ours that nobody knows is an orphan after this time; before, it may be a worker whose pid has
/// not reached us.
const SUSPICION: Duration = Duration::from_secs(2);

impl Pool {
    /// An empty pool. `program` is the worker program.
    ///
    /// # Errors
    ///
    /// [`PoolError::Prepare`].
    pub fn new(
        making: Making,
        program: HeldProgram,
        slots: u32,
        start_limit: Duration,
    ) -> Result<Pool, PoolError> {
        let strangers = sys::children();
        // Without it orphans go to init, which reaps them: nothing is lost but the right to end them.
        let _ = sys::become_subreaper();
        let (channels, results, wake) = Channels::new(slots).map_err(PoolError::Prepare)?;
        let mailbox = Arc::new(Mailbox::new(wake));
        let handshakes = Handshakes::new(program).map_err(PoolError::Prepare)?;
        let pending = handshakes.pending();
        let for_deaths = Arc::clone(&mailbox);
        let reaper = Reaper::start(move |exit| {
            pending.on_exit(&exit);
            for_deaths.post(Notice::Exited(exit));
        })
        .map_err(PoolError::Prepare)?;
        let for_signals = Arc::clone(&mailbox);
        let signals = SignalWatch::start(move |notice| for_signals.post(Notice::Signal(notice)))
            .map_err(PoolError::Prepare)?;
        Ok(Pool {
            making,
            early_signals: Vec::new(),
            channels,
            mailbox,
            slots: results
                .into_iter()
                .map(|results| Slot {
                    results,
                    worker: None,
                })
                .collect(),
            own_sockets: None,
            workers: HashMap::new(),
            worker_of_pid: HashMap::new(),
            known_early: HashSet::new(),
            zygote: None,
            orders: Orders::default(),
            keeper: None,
            spares: VecDeque::new(),
            more_to_come: 0,
            // One pair for each slot, and for each spare.
            free_outputs: (0..slots + SPARES).rev().collect(),
            adopts_strangers: !strangers.is_empty() || std::process::id() == 1,
            strangers,
            left_behind: 0,
            suspects: HashMap::new(),
            start_limit,
            starting: Duration::ZERO,
            // A platform without such pipes runs its workers with their output thrown away.
            outputs: match Outputs::start(slots + SPARES) {
                Ok(outputs) => Some(outputs),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => None,
                Err(error) => return Err(PoolError::Prepare(error)),
            },
            memory_groups: None,
            memory_watch: None,
            handshakes,
            reaper,
            _signals: signals,
        })
    }

    /// How workers are made.
    pub fn making(&self) -> Making {
        self.making
    }

    /// Makes them in another way from now on.
    pub fn change_making(&mut self, making: Making) {
        self.making = making;
        match making {
            Making::Spawn => self.end_zygote(),
            Making::Fork(_) => self.end_spares(),
        }
    }

    /// A live worker's process, once known.
    fn pid_of(&self, worker: WorkerId) -> Option<Pid> {
        self.workers.get(&worker)?.contact.pid
    }

    fn signal(&mut self, worker: WorkerId, act: fn(Pid)) {
        if let Some(handle) = self.workers.get_mut(&worker) {
            match handle.contact.pid {
                Some(pid) => self.reaper.while_unreaped(pid, act),
                // It is on its way into the world, and leaves it at once. If the zygote is what holds it
                // up, another one will not.
                None => {
                    handle.doomed = true;
                    if let Some(zygote) = &self.zygote {
                        self.reaper.while_unreaped(zygote.pid, sys::kill_group);
                    }
                }
            }
        }
    }

    /// A worker that has begun tells its pid too: the zygote may have died before it could.
    fn know_started(&mut self, worker: WorkerId, pid: Pid) {
        let unknown = self
            .workers
            .get(&worker)
            .is_some_and(|handle| handle.contact.pid.is_none());
        if unknown && self.reaper.watch(pid).is_ok() {
            self.know_pid(worker, pid);
            self.known_early.insert(worker);
        }
    }

    fn know_pid(&mut self, worker: WorkerId, pid: Pid) {
        if let Some(handle) = self.workers.get_mut(&worker) {
            handle.contact.pid = Some(pid);
            self.worker_of_pid.insert(pid, worker);
            if handle.doomed {
                self.reaper.while_unreaped(pid, sys::kill_group);
            }
        }
    }

    /// Keeps a signal that came while the start method was tried: the run is to answer it.
    pub fn keep_signal(&mut self, signal: i32) {
        self.early_signals.push(signal);
    }

    /// Turns away who connects in place of a worker.
    pub fn turn_strangers_away(&self) {
        self.handshakes.turn_strangers_away();
    }

    /// One round over all channels.
    fn listen(
        &mut self,
        limit: Duration,
        heard: &mut Vec<Heard>,
        notices: &mut VecDeque<Notice>,
    ) -> Result<(), WaitError> {
        for came in self.channels.wait(limit)? {
            match came {
                Came::Wake => notices.append(&mut self.mailbox.take()),
                Came::Said(slot, said) => self.on_message(slot, said, heard),
                Came::ShutDown(slot) => {
                    self.garbled(slot, "it shut down its result channel", heard);
                    // Whoever holds the old one is heard no more; the slot's next worker is.
                    self.slots[slot as usize].results = self.channels.renew(slot)?;
                    self.own_sockets = None;
                }
            }
        }
        Ok(())
    }

    /// The worker of this slot said what no worker of ours says.
    fn garbled(&self, slot: u32, note: impl Into<String>, heard: &mut Vec<Heard>) {
        if let Some(worker) = self.slots[slot as usize].worker {
            heard.push(Heard::Garbled(worker, note.into()));
        }
    }

    /// Whether a message on the channel of a slot names somebody who never had that slot: a live worker of
    /// another, or one whose number was not given out yet. A settled worker's late words are none of these.
    fn is_in_anothers_name(&self, slot: u32, named: WorkerId) -> bool {
        match self.workers.get(&named) {
            Some(handle) => handle.slot != slot,
            None => self.slots[slot as usize]
                .worker
                .is_some_and(|owner| (owner..FIRST_TRIAL).contains(&named) && named != owner),
        }
    }

    fn on_message(&mut self, slot: u32, said: Result<FromWorker, String>, heard: &mut Vec<Heard>) {
        let said = match said {
            Ok(message) => message,
            Err(note) => return self.garbled(slot, note, heard),
        };
        let worker = said.worker();
        if self.is_in_anothers_name(slot, worker) {
            let note = format!("it spoke in the name of worker {}", worker.0);
            return self.garbled(slot, note, heard);
        }
        self.orders.answered(worker);
        self.send_orders();
        match said {
            FromWorker::Forked { worker, pid } => {
                if self.worker_of_pid.get(&pid) == Some(&worker) || self.known_early.remove(&worker)
                {
                    return; // it was faster, and told of itself
                }
                if self.pid_of(worker).is_some() {
                    return self.garbled(slot, "it told of another process as itself", heard);
                }
                // Watched even if the worker is settled: somebody must reap it.
                let watched = self.reaper.watch(pid);
                if let Err(error) = watched {
                    // Nobody reaps it: the number is its own. It has its order already, and must not run it.
                    sys::kill_group(pid);
                    self.strangers.push(pid);
                    heard.push(Heard::NotMade(
                        worker,
                        format!("it cannot be watched: {error}"),
                    ));
                } else if self.workers.contains_key(&worker) {
                    self.know_pid(worker, pid);
                } else {
                    self.reaper.while_unreaped(pid, sys::kill_group);
                }
            }
            FromWorker::NotForked { worker, reason } => {
                if self.pid_of(worker).is_some() {
                    return self.garbled(slot, "it said it had not been made", heard);
                }
                heard.push(Heard::NotMade(worker, format!("fork failed: {reason}")));
            }
            message => {
                if let FromWorker::Started { worker, pid, .. } = &message {
                    self.know_started(*worker, *pid);
                }
                heard.push(Heard::Said(message));
            }
        }
    }

    fn on_notice(&mut self, notice: Notice, heard: &mut Vec<Heard>) {
        match notice {
            Notice::Signal(signal) => heard.push(Heard::Signal(signal)),
            Notice::Greeted(worker, Ok(sent)) => {
                if let Some(handle) = self.workers.get_mut(&worker) {
                    handle.contact.sent = sent;
                }
            }
            Notice::Greeted(worker, Err(error)) => {
                // If it is dead, its end says more; if it only hangs or lies, it is ended here.
                self.kill(worker);
                if !matches!(error, HandshakeError::NoHello) {
                    heard.push(Heard::Garbled(worker, error.to_string()));
                }
            }
            Notice::Exited(exit) => self.on_exit(exit, heard),
        }
    }

    fn on_exit(&mut self, exit: Exit, heard: &mut Vec<Heard>) {
        self.suspects.remove(&exit.pid);
        if let Some(&worker) = self.worker_of_pid.get(&exit.pid) {
            let cause = self.cause_of_end(worker, exit.cause);
            heard.push(Heard::Over(worker, Exit { cause, ..exit }));
        } else if let Some(at) = self.spares.iter().position(|s| s.pid == exit.pid) {
            self.free_outputs
                .extend(self.spares.remove(at).map(|spare| spare.output));
        } else if self.keeper.as_ref().is_some_and(|k| k.pid == exit.pid) {
            self.keeper = None;
        } else if self.zygote.as_ref().is_some_and(|z| z.pid == exit.pid) {
            self.zygote = None;
            self.orders.clear();
            self.known_early.clear();
            // Orders it had not carried out are lost with it. The workers it made live on.
            let lost: Vec<WorkerId> = self
                .workers
                .iter()
                .filter(|(_, handle)| handle.contact.pid.is_none())
                .map(|(&worker, _)| worker)
                .collect();
            for worker in lost {
                heard.push(Heard::NotMade(worker, String::from("the zygote died")));
            }
        }
    }

    /// What the kernel did not have for the processes started so far, and what is done instead.
    pub fn substitute(&self) -> Option<&'static str> {
        self.reaper.substitute()
    }
}
