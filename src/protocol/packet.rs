//! The message in a packet, where the supervisor reads packets itself (`docs/adr/0008`).
//!
//! ipc-channel writes two numbers before a message: how long the packet is, and how long the message. A
//! packet here is a whole message, or it is none: numbers that say anything else, or a byte too many behind
//! it, are a reason not to believe its sender. Nothing that a packet claims decides how much memory is taken.

use super::FromWorker;

/// The two numbers.
const HEADER: usize = 2 * size_of::<usize>();

/// A packet holds no message.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// It is cut off, or part of something longer.
    #[error("a packet that is not what its header says")]
    Header,
    /// The message ends before the packet does.
    #[error("a message with {bytes} bytes behind it")]
    Longer {
        /// How many too many.
        bytes: usize,
    },
    /// The bytes are no message.
    #[error("a message that cannot be read: {0}")]
    Codec(#[from] postcard::Error),
}

/// The message in a packet.
///
/// # Errors
///
/// [`PacketError`]: its sender is not to be believed.
pub fn read_packet(packet: &[u8]) -> Result<FromWorker, PacketError> {
    let claim = |place: usize| {
        let bytes = packet.get(place * size_of::<usize>()..)?.first_chunk()?;
        Some(usize::from_ne_bytes(*bytes))
    };
    let whole =
        claim(0) == Some(packet.len()) && claim(1) == Some(packet.len().saturating_sub(HEADER));
    if !whole {
        return Err(PacketError::Header);
    }
    match postcard::take_from_bytes(&packet[HEADER..])? {
        (message, []) => Ok(message),
        (_, rest) => Err(PacketError::Longer { bytes: rest.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkerId;

    #[test]
    fn a_packet_that_lies_is_no_message() {
        let packet = |first: usize, second: usize, body: &[u8]| {
            let numbers = [first.to_ne_bytes(), second.to_ne_bytes()];
            [numbers.concat(), body.to_vec()].concat()
        };
        let body = [2, 7]; // `Ready` of worker 7
        let good = packet(HEADER + 2, 2, &body);
        assert_eq!(
            read_packet(&good).expect("it is good").worker(),
            WorkerId(7)
        );
        for length in 0..good.len() {
            assert!(
                matches!(read_packet(&good[..length]), Err(PacketError::Header)),
                "{length} bytes of it"
            );
        }
        for claim in [0, 1, 3, 1 << 46, 1 << 63, usize::MAX] {
            assert!(
                read_packet(&packet(HEADER + 2, claim, &body)).is_err(),
                "{claim}"
            );
            assert!(read_packet(&packet(claim, 2, &body)).is_err(), "{claim}");
        }
        let unknown = read_packet(&packet(HEADER + 2, 2, &[99, 7]));
        assert!(matches!(unknown, Err(PacketError::Codec(_))));
        let error = read_packet(&packet(HEADER + 3, 3, &[2, 7, 0])).expect_err("a byte too many");
        assert_eq!(error.to_string(), "a message with 1 bytes behind it");
    }
}
