//! The channels on which workers answer, and the one on which other threads wake the loop.
//!
//! Workers send through ipc-channel. This end reads the packets itself (ADR 0008): ipc-channel's receiver
//! believes what the header of a packet claims, and allocates, waits or panics accordingly; its receiver
//! set reads one channel for as long as something comes, and forgets what it has read of others when one
//! fails. Here a packet is a whole message of at most [`PACKET_CAP`] bytes, or it is not a message, and its
//! channel says whose it was.

use std::io;
use std::path::Path;
use std::time::Duration;

use fumehood::protocol::{FromWorker, PACKET_CAP, read_packet};
use fumehood::sys::{Packet, PacketDoor, PacketSet};
use ipc_channel::ipc::IpcSender;
use serde::{Deserialize, Serialize};

use super::Came;

/// All of them.
pub struct Channels {
    set: PacketSet,
}

impl Channels {
    /// Those of so many slots: their sending ends, in order, and the one that wakes.
    ///
    /// # Errors
    ///
    /// No descriptor is to be had.
    pub fn new(slots: u32) -> io::Result<(Channels, Vec<IpcSender<FromWorker>>, IpcSender<()>)> {
        let mut set = PacketSet::new(PACKET_CAP)?;
        let door = PacketDoor::open()?;
        let wake = set.add(&door, connect)?;
        let results = (0..slots)
            .map(|_| set.add(&door, connect))
            .collect::<io::Result<_>>()?;
        Ok((Channels { set }, results, wake))
    }

    /// Makes a new channel for a slot whose channel was shut down.
    ///
    /// # Errors
    ///
    /// No descriptor is to be had.
    pub fn renew(&mut self, slot: u32) -> io::Result<IpcSender<FromWorker>> {
        let door = PacketDoor::open()?;
        self.set.replace(slot as usize + 1, &door, connect)
    }

    /// Waits until something comes, at most so long. Of each channel it gives all that was there.
    ///
    /// # Errors
    ///
    /// The kernel refuses to wait.
    pub fn wait(&mut self, limit: Duration) -> io::Result<Vec<Came>> {
        let mut all = Vec::new();
        self.set.read(limit, |place, packet| {
            let slot = place
                .checked_sub(1)
                .and_then(|slot| u32::try_from(slot).ok());
            all.push(match (slot, packet) {
                // Whatever it says, its coming is all there is to know.
                (None, _) => Came::Wake,
                (Some(slot), Packet::Whole(bytes)) => {
                    Came::Said(slot, read_packet(bytes).map_err(|error| error.to_string()))
                }
                (Some(slot), Packet::TooLarge(bytes)) => Came::Said(
                    slot,
                    Err(format!(
                        "a packet of {bytes} bytes, where {PACKET_CAP} is the most"
                    )),
                ),
                (Some(slot), Packet::ShutDown) => Came::ShutDown(slot),
            });
        })?;
        Ok(all)
    }
}

fn connect<T>(path: &Path) -> io::Result<IpcSender<T>>
where
    T: for<'de> Deserialize<'de> + Serialize,
{
    IpcSender::connect(path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use fumehood::ids::WorkerId;

    use super::*;

    fn said(channels: &mut Channels) -> Vec<(u32, Result<u32, String>)> {
        let came = channels.wait(Duration::ZERO).expect("it can be read");
        came.into_iter()
            .map(|came| match came {
                Came::Said(slot, said) => (slot, said.map(|message| message.worker().0)),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_ipc_channel_sends_is_read() {
        let (mut channels, results, wake) = Channels::new(2).expect("channels");
        for (sender, number) in results.iter().zip(7..) {
            let worker = WorkerId(number);
            sender
                .send(FromWorker::Ready { worker })
                .expect("there is room");
        }
        let mut all = said(&mut channels);
        all.sort();
        assert_eq!(all, [(0, Ok(7)), (1, Ok(8))]);
        wake.send(()).expect("there is room");
        let came = channels.wait(Duration::ZERO).expect("it can be read");
        assert!(matches!(came[..], [Came::Wake]), "{came:?}");
    }
}
