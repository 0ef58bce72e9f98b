//! How the other threads reach the one loop.
//!
//! The loop waits on its channels and on nothing else. A thread that has something to tell puts it in the
//! mailbox and, if the box was empty, sends one empty message on a channel of its own. So news that come
//! together cost one wake-up.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use fumehood::clock::Monotonic;
use fumehood::ids::WorkerId;
use fumehood::sys::Exit;
use ipc_channel::ipc::IpcSender;

use crate::start::handshake::HandshakeError;

/// What a helper thread tells.
#[derive(Debug)]
pub enum Notice {
    /// A child is over.
    Exited(Exit),
    /// A signal came, by number.
    Signal(i32),
    /// A started worker said hello and got its order, at that moment; or will not.
    Greeted(WorkerId, Result<Monotonic, HandshakeError>),
}

/// The box.
pub struct Mailbox {
    notices: Mutex<VecDeque<Notice>>,
    wake: Mutex<IpcSender<()>>,
}

impl Mailbox {
    /// An empty box; `wake` is the channel on which the loop learns that something is in it.
    pub fn new(wake: IpcSender<()>) -> Mailbox {
        Mailbox {
            notices: Mutex::new(VecDeque::new()),
            wake: Mutex::new(wake),
        }
    }

    /// Puts a notice in.
    pub fn post(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push_back(notice);
        if notices.len() == 1 {
            let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
            // The loop is gone only when the process is about to be.
            let _ = wake.send(());
        }
    }

    /// Takes everything out.
    pub fn take(&self) -> VecDeque<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
