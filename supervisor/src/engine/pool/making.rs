//! How the pool makes a worker: by an order to the zygote, or by exec, with some kept ready.

use std::sync::Arc;

use fumehood::ids::{Pid, WorkerId};
use fumehood::protocol::{Assembly, Parcel, StartOrder};
use fumehood::sys::{self, ForkWay, GuardOrder};
use ipc_channel::ipc;

use super::super::mailbox::Notice;
use super::super::output::Outputs;
use super::{Handle, Making, Pool, SPARES};
use crate::start::fresh::{Fresh, Given};
use crate::start::handshake::HandshakeError;
use crate::start::keeper::Keeper;
use crate::start::zygote::Zygote;

impl Pool {
    /// Asks for a worker with these first tasks; `group` is a name for them, where there
    /// are several.
    ///
    /// # Errors
    ///
    /// A sentence that says why it cannot be had. The worker is then unknown to the pool.
    pub fn start(
        &mut self,
        worker: WorkerId,
        slot: u32,
        first: Parcel,
        group: Option<String>,
        kept: bool,
    ) -> Result<(), String> {
        let asked = sys::monotonic_now();
        let (later, receiver) = if kept {
            let (sender, receiver) = ipc::channel().map_err(|e| e.to_string())?;
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let memory = self.make_memory_group()?;
        let order = StartOrder {
            worker,
            slot,
            way: match self.making {
                Making::Fork(way) => way,
                Making::Spawn => ForkWay::CloneParent,
            },
            guard: GuardOrder {
                supervisor: Pid(std::process::id()),
            },
            memory_group: memory.as_ref().map(|group| group.path().to_path_buf()),
            results: self.slots[slot as usize].results.clone(),
            later: receiver,
            first,
            sent: asked,
        };
        self.slots[slot as usize].worker = Some(worker);
        self.workers.insert(
            worker,
            Handle {
                slot,
                // The zygote points a worker at its slot's pipes.
                output: slot,
                pid: None,
                sent: asked,
                assembly: Assembly::default(),
                later,
                group,
                doomed: false,
                memory,
            },
        );
        let made = match self.making {
            Making::Fork(_) => self.start_by_fork(order),
            Making::Spawn => self.start_by_exec(worker, order),
        };
        if made.is_err() {
            self.forget(worker);
        }
        made
    }

    fn start_by_fork(&mut self, order: StartOrder) -> Result<(), String> {
        if self.zygote.is_none() {
            self.start_zygote().map_err(|error| error.to_string())?;
        }
        self.orders.push(order);
        self.send_orders();
        Ok(())
    }

    /// Sends the zygote what has room on the way. One that takes no orders is dead or as good as dead; what it
    /// was to do is lost with it, and told of when it is reaped.
    pub(super) fn send_orders(&mut self) {
        let Some(zygote) = &self.zygote else {
            return;
        };
        while let Some(order) = self.orders.next() {
            let worker = order.worker;
            if zygote.order(order).is_err() {
                self.reaper.while_unreaped(zygote.pid, sys::kill_group);
                return;
            }
            if let Some(handle) = self.workers.get_mut(&worker) {
                handle.sent = sys::monotonic_now();
            }
        }
    }

    /// Starts the zygote, if there is none.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start_zygote(&mut self) -> Result<(), HandshakeError> {
        if self.zygote.is_none() {
            let began = sys::monotonic_now();
            let writers = self.outputs.as_ref().map_or(&[][..], Outputs::writers);
            let zygote = Zygote::start(
                &mut self.handshakes,
                &self.reaper,
                writers,
                self.start_limit,
            );
            self.starting += sys::monotonic_now().since(began);
            self.zygote = Some(zygote?);
        }
        Ok(())
    }

    /// Ends the zygote, if there is one, and forgets its orders. The workers it made live on.
    pub fn end_zygote(&mut self) {
        self.orders.clear();
        if let Some(zygote) = self.zygote.take() {
            self.reaper.while_unreaped(zygote.pid, sys::kill_group);
        }
    }

    /// Starts a keeper, if there is none and this platform has one.
    ///
    /// # Errors
    ///
    /// It cannot be started. A run goes on without: only a killed supervisor's tasks could leave something.
    pub fn ensure_keeper(&mut self) -> Result<(), HandshakeError> {
        if self.keeper.is_none() && sys::marks_are_readable() {
            self.keeper = Some(Keeper::start(&self.handshakes, &self.reaper)?);
        }
        Ok(())
    }

    pub(super) fn end_keeper(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            self.reaper.while_unreaped(keeper.pid, sys::kill_group);
        }
    }

    fn start_by_exec(&mut self, worker: WorkerId, order: StartOrder) -> Result<(), String> {
        let fresh = match self.spares.pop_front() {
            Some(spare) => spare,
            None => self.launch().map_err(|error| error.to_string())?,
        };
        if let Some(handle) = self.workers.get_mut(&worker) {
            handle.output = fresh.output;
        }
        self.know_pid(worker, fresh.pid);
        match fresh.give(order) {
            Ok(Given::Sent(at)) => {
                if let Some(handle) = self.workers.get_mut(&worker) {
                    handle.sent = at;
                }
            }
            Ok(Given::Later) => {}
            // It is dead, or as good as dead: its end says why.
            Err(HandshakeError::NoHello) => self.kill(worker),
            Err(error) => {
                self.kill(worker);
                return Err(error.to_string());
            }
        }
        let wanted = self.more_to_come.min(SPARES) as usize;
        while self.spares.len() < wanted {
            match self.launch() {
                Ok(spare) => self.spares.push_back(spare),
                // If it cannot be started now, the next start says so.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Starts a worker that is nobody's yet.
    fn launch(&mut self) -> Result<Fresh, HandshakeError> {
        let output = self.free_outputs.pop().ok_or_else(|| {
            HandshakeError::Prepare(std::io::Error::other("every output pipe is taken"))
        })?;
        let mailbox = Arc::clone(&self.mailbox);
        let pipes = self
            .outputs
            .as_ref()
            .and_then(|outputs| outputs.writers().get(output as usize))
            .map(|(out, err)| (out, err));
        let launched = Fresh::launch(
            &mut self.handshakes,
            &self.reaper,
            output,
            pipes,
            Box::new(move |worker, sent| mailbox.post(Notice::Greeted(worker, sent))),
        );
        if launched.is_err() {
            self.free_outputs.push(output);
        }
        launched
    }

    pub(super) fn end_spares(&mut self) {
        for spare in self.spares.drain(..) {
            self.reaper.while_unreaped(spare.pid, sys::kill_group);
            self.free_outputs.push(spare.output);
        }
    }
}
