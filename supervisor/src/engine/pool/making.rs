//! How the pool makes a worker: by an order to the zygote, or by exec, with some kept ready.

use std::sync::Arc;

use fumehood::ids::WorkerId;
use fumehood::protocol::StartOrder;
use fumehood::sys;

use super::super::crew::Crew;
use super::super::mailbox::Notice;
use super::super::output::Outputs;
use super::{Pool, SPARES};
use crate::start::fresh::{Fresh, Given};
use crate::start::handshake::HandshakeError;
use crate::start::keeper::Keeper;
use crate::start::zygote::Zygote;

impl Pool {
    pub(super) fn start_by_fork(&mut self, order: StartOrder) -> Result<(), String> {
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
                handle.contact.sent = sys::monotonic_now();
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

    pub(super) fn start_by_exec(
        &mut self,
        worker: WorkerId,
        order: StartOrder,
    ) -> Result<(), String> {
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
                    handle.contact.sent = at;
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
