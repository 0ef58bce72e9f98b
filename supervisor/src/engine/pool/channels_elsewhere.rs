//! The channels on which workers answer, where there are no packet sockets: ipc-channel's receiver set.
//! The twin of `channels.rs`.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use fumehood::protocol::FromWorker;
use ipc_channel::TrySelectError;
use ipc_channel::ipc::{self, IpcReceiverSet, IpcSelectionResult, IpcSender};

use super::Came;

/// All of them.
pub struct Channels {
    set: IpcReceiverSet,
    slots: HashMap<u64, u32>,
}

impl Channels {
    /// Those of so many slots: their sending ends, in order, and the one that wakes.
    ///
    /// # Errors
    ///
    /// No channel can be made.
    pub fn new(slots: u32) -> io::Result<(Channels, Vec<IpcSender<FromWorker>>, IpcSender<()>)> {
        let mut set = IpcReceiverSet::new()?;
        let (wake, woken) = ipc::channel()?;
        set.add(woken)?;
        let mut channels = Channels {
            set,
            slots: HashMap::new(),
        };
        let results = (0..slots)
            .map(|slot| channels.renew(slot))
            .collect::<io::Result<_>>()?;
        Ok((channels, results, wake))
    }

    /// Makes a new channel for a slot.
    ///
    /// # Errors
    ///
    /// No channel can be made.
    pub fn renew(&mut self, slot: u32) -> io::Result<IpcSender<FromWorker>> {
        let (results, receiver) = ipc::channel()?;
        let id = self.set.add(receiver)?;
        self.slots.insert(id, slot);
        Ok(results)
    }

    /// Waits until something comes, at most so long. Of each channel it gives all that was there.
    ///
    /// # Errors
    ///
    /// The system refuses to wait.
    pub fn wait(&mut self, limit: Duration) -> io::Result<Vec<Came>> {
        let mut all = Vec::new();
        let mut limit = limit;
        // The set looks at a few channels a time: until it finds nothing more.
        loop {
            let results = match self.set.try_select_timeout(limit) {
                Ok(results) => results,
                Err(TrySelectError::Empty) => return Ok(all),
                Err(TrySelectError::IoError(error))
                    if error.kind() == io::ErrorKind::Interrupted =>
                {
                    return Ok(all);
                }
                Err(TrySelectError::IoError(error)) => return Err(error),
            };
            limit = Duration::ZERO;
            for result in results {
                all.push(match result {
                    IpcSelectionResult::MessageReceived(id, message) => match self.slots.get(&id) {
                        None => Came::Wake,
                        Some(&slot) => Came::Said(slot, message.to().map_err(|e| e.to_string())),
                    },
                    IpcSelectionResult::ChannelClosed(id) => match self.slots.remove(&id) {
                        None => Came::Wake,
                        Some(slot) => Came::ShutDown(slot),
                    },
                });
            }
        }
    }
}
