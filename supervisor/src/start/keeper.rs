//! The keeper, from the supervisor's side: started once a run, never waited for, told nothing.
//!
//! What it is for stands in the worker's `keeper.rs`.

use std::io::PipeWriter;

use fumehood::ids::Pid;
use fumehood::sys::{self, Reaper};

use super::handshake::{HandshakeError, Handshakes, Role};

/// A live keeper.
pub struct Keeper {
    /// Its pid.
    pub pid: Pid,
    /// The writing end of its pipe. Nobody else may ever have it: while it is open, the keeper waits.
    _tie: PipeWriter,
}

impl Keeper {
    /// Starts one, and does not wait until it runs.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(handshakes: &Handshakes, reaper: &Reaper) -> Result<Keeper, HandshakeError> {
        let (input, tie) = std::io::pipe().map_err(HandshakeError::Prepare)?;
        let pid = handshakes.exec(&handshakes.environment(Role::Keeper), Some(&input), None)?;
        if let Err(error) = reaper.watch(pid) {
            // Nobody reaps it yet: the number is its own.
            sys::kill_group(pid);
            return Err(HandshakeError::Prepare(error));
        }
        Ok(Keeper { pid, _tie: tie })
    }
}
