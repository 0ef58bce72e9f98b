//! A worker started by exec: on its way into the world, and perhaps not anybody's yet.
//!
//! Starting a program takes most of a tiny task's time. So one worker is started ahead of the task it will
//! get: it says hello and waits. The order and the hello come in either one first; whoever comes second
//! sends the order: the main thread if the worker is waiting, otherwise the helper thread that hears the
//! hello, without a way over the main loop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fumehood::clock::Monotonic;
use fumehood::ids::{Pid, WorkerId};
use fumehood::protocol::{Hello, StartOrder};
use fumehood::sys::{self, Reaper};

use super::handshake::{HandshakeError, Handshakes, Role};

/// A started worker program that has no order, or has one that it has not got yet.
pub struct Fresh {
    /// Its process.
    pub pid: Pid,
    /// Which pipes it writes to.
    pub output: u32,
    meeting: Arc<Meeting>,
}

/// Tells that a worker got its order, and when; or why it will not.
pub type Told = Box<dyn Fn(WorkerId, Result<Monotonic, HandshakeError>) + Send>;

/// Where the order and the hello meet.
struct Meeting {
    met: Mutex<Met>,
}

enum Met {
    /// Neither has come.
    Nobody,
    /// The order waits for the hello.
    Order(Box<StartOrder>),
    /// The worker waits for an order.
    Worker(Box<Hello>),
    /// There will be no hello.
    Failed(HandshakeError),
    /// The order was sent, or will not be.
    Over,
}

/// What became of an order.
#[derive(Debug)]
pub enum Given {
    /// The worker was waiting: it was sent at that moment.
    Sent(Monotonic),
    /// It will be sent when the worker says hello; `told` tells of that.
    Later,
}

impl Meeting {
    fn lock(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hello_came(&self, hello: Result<Hello, HandshakeError>, told: &Told) {
        let mut met = self.lock();
        match (std::mem::replace(&mut *met, Met::Over), hello) {
            (Met::Order(order), Ok(hello)) => {
                drop(met);
                told(order.worker, send(&hello, *order));
            }
            (Met::Order(order), Err(error)) => {
                drop(met);
                told(order.worker, Err(error));
            }
            (Met::Nobody, Ok(hello)) => *met = Met::Worker(Box::new(hello)),
            (Met::Nobody, Err(error)) => *met = Met::Failed(error),
            // A second hello: the one-shot server lets nobody say it.
            (Met::Worker(_) | Met::Failed(_) | Met::Over, _) => {}
        }
    }
}

impl Fresh {
    /// Starts one that writes to these pipes.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn launch(
        handshakes: &mut Handshakes,
        reaper: &Reaper,
        output: u32,
        pipes: Option<(&std::io::PipeWriter, &std::io::PipeWriter)>,
        told: Told,
    ) -> Result<Fresh, HandshakeError> {
        let meeting = Arc::new(Meeting {
            met: Mutex::new(Met::Nobody),
        });
        let for_hello = Arc::clone(&meeting);
        let pid = handshakes.launch(
            Role::Worker,
            None,
            pipes,
            reaper,
            Box::new(move |hello| for_hello.hello_came(hello, &told)),
        )?;
        Ok(Fresh {
            pid,
            output,
            meeting,
        })
    }

    /// Gives it its order.
    ///
    /// # Errors
    ///
    /// It is known that it will not take one.
    pub fn give(&self, order: StartOrder) -> Result<Given, HandshakeError> {
        let mut met = self.meeting.lock();
        match std::mem::replace(&mut *met, Met::Over) {
            Met::Nobody => {
                *met = Met::Order(Box::new(order));
                Ok(Given::Later)
            }
            Met::Worker(hello) => send(&hello, order).map(Given::Sent),
            Met::Failed(error) => Err(error),
            Met::Order(_) | Met::Over => Err(HandshakeError::NoHello),
        }
    }
}

/// Sends the order; the moment at which it was on its way.
fn send(hello: &Hello, mut order: StartOrder) -> Result<Monotonic, HandshakeError> {
    order.sent = sys::monotonic_now();
    hello
        .orders
        .send(order)
        .map_err(|_| HandshakeError::NoHello)?;
    Ok(sys::monotonic_now())
}
