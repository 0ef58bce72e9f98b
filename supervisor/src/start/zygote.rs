//! The zygote, from the supervisor's side: started once, asked to fork, started again if it dies.

use std::io::PipeWriter;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use fumehood::ids::Pid;
use fumehood::protocol::{Hello, StartOrder};
use fumehood::sys::{self, Reaper};
use ipc_channel::ipc::IpcSender;

use super::handshake::{HandshakeError, Handshakes, Role};

/// How often it is looked whether a stranger has connected in its place.
const LOOK: Duration = Duration::from_millis(100);

/// A live zygote.
pub struct Zygote {
    /// Its pid.
    pub pid: Pid,
    orders: IpcSender<StartOrder>,
}

impl Zygote {
    /// Starts one and waits for its hello. The pipes are the output of all slots, in order; it inherits
    /// them.
    ///
    /// # Errors
    ///
    /// It cannot be started, or does not say hello within `limit`.
    pub fn start(
        handshakes: &mut Handshakes,
        reaper: &Reaper,
        outputs: &[(PipeWriter, PipeWriter)],
        limit: Duration,
    ) -> Result<Zygote, HandshakeError> {
        let (sender, receiver) = mpsc::channel::<Result<Hello, HandshakeError>>();
        let listing = inherit_all(outputs).map_err(HandshakeError::Prepare)?;
        let launched = handshakes.launch(
            Role::Zygote,
            Some(listing),
            None,
            reaper,
            Box::new(move |hello| {
                // Nobody listens any more when the limit has passed.
                let _ = sender.send(hello);
            }),
        );
        for (out, err) in outputs {
            sys::withhold(out).map_err(HandshakeError::Prepare)?;
            sys::withhold(err).map_err(HandshakeError::Prepare)?;
        }
        let pid = launched?;
        let deadline = sys::monotonic_now() + limit;
        let heard = loop {
            let left = deadline.since(sys::monotonic_now());
            match receiver.recv_timeout(left.min(LOOK)) {
                Ok(heard) => break heard,
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => {
                    handshakes.turn_strangers_away();
                }
                Err(_) => break Err(HandshakeError::NoHello),
            }
        };
        match heard {
            Ok(hello) => Ok(Zygote {
                pid,
                orders: hello.orders,
            }),
            Err(error) => {
                reaper.while_unreaped(pid, sys::kill_group);
                Err(error)
            }
        }
    }

    /// Asks for a worker.
    ///
    /// # Errors
    ///
    /// The zygote is gone.
    pub fn order(&self, order: StartOrder) -> Result<(), ipc_channel::IpcError> {
        self.orders.send(order)
    }
}

fn inherit_all(outputs: &[(PipeWriter, PipeWriter)]) -> std::io::Result<String> {
    let pairs: std::io::Result<Vec<String>> = outputs
        .iter()
        .map(|(out, err)| Ok(format!("{}:{}", sys::inherit(out)?, sys::inherit(err)?)))
        .collect();
    Ok(pairs?.join(","))
}
