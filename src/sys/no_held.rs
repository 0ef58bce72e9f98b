//! Where no child's descriptors can be seen. The twin of `linux_held.rs`.

use crate::ids::Pid;

/// Would be the sockets that this process has open.
#[derive(Debug)]
pub struct OwnSockets;

impl OwnSockets {
    /// Looks at nothing.
    pub fn list() -> OwnSockets {
        OwnSockets
    }

    /// Is never sure.
    pub fn are_closed_in(&self, _pid: Pid) -> bool {
        false
    }
}
