//! Bytes that fit in one packet, by construction.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// No packet is larger: the smallest of what the platforms carry in one piece (64 KiB in a Windows named
/// pipe), less some room for headers.
pub const PACKET_CAP: usize = 60 * 1024;

/// What a parcel may hold, so that a message with one parcel and its fixed fields stays below
/// [`PACKET_CAP`].
pub const PARCEL_CAP: usize = PACKET_CAP - 1024;

/// At most [`PARCEL_CAP`] bytes: an encoded value, or a piece of one.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "serde_bytes::ByteBuf", into = "serde_bytes::ByteBuf")]
pub struct Parcel(Vec<u8>);

/// A parcel cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// Too many bytes.
    #[error("{bytes} bytes do not fit in a packet of at most {PARCEL_CAP}")]
    TooLarge {
        /// How many there were.
        bytes: usize,
    },
    /// The value cannot be encoded, or the bytes are no such value.
    #[error("not a message of this protocol: {0}")]
    Codec(#[from] postcard::Error),
}

impl Parcel {
    /// These bytes.
    ///
    /// # Errors
    ///
    /// [`ParcelError::TooLarge`].
    pub fn new(bytes: Vec<u8>) -> Result<Parcel, ParcelError> {
        if bytes.len() > PARCEL_CAP {
            return Err(ParcelError::TooLarge { bytes: bytes.len() });
        }
        Ok(Parcel(bytes))
    }

    /// A value, encoded.
    ///
    /// # Errors
    ///
    /// It cannot be encoded, or is too large.
    pub fn pack<T: Serialize>(value: &T) -> Result<Parcel, ParcelError> {
        Parcel::new(postcard::to_stdvec(value)?)
    }

    /// The value that was packed.
    ///
    /// # Errors
    ///
    /// The bytes are no such value.
    pub fn unpack<T: DeserializeOwned>(&self) -> Result<T, ParcelError> {
        Ok(postcard::from_bytes(&self.0)?)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, for good.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parcel({} bytes)", self.0.len())
    }
}

impl From<Parcel> for serde_bytes::ByteBuf {
    fn from(parcel: Parcel) -> serde_bytes::ByteBuf {
        serde_bytes::ByteBuf::from(parcel.0)
    }
}

impl TryFrom<serde_bytes::ByteBuf> for Parcel {
    type Error = ParcelError;

    fn try_from(bytes: serde_bytes::ByteBuf) -> Result<Parcel, ParcelError> {
        Parcel::new(bytes.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_over_the_cap_cannot_be_made_or_read() {
        assert!(Parcel::new(vec![0; PARCEL_CAP]).is_ok());
        let error = Parcel::new(vec![0; PARCEL_CAP + 1]).expect_err("one byte too many");
        assert!(matches!(error, ParcelError::TooLarge { bytes } if bytes == PARCEL_CAP + 1));
        let smuggled = postcard::to_stdvec(&serde_bytes::ByteBuf::from(vec![0; PARCEL_CAP + 1]))
            .expect("bytes can be encoded");
        assert!(postcard::from_bytes::<Parcel>(&smuggled).is_err());
    }

    #[test]
    fn bytes_that_are_no_message_are_said_to_be_none() {
        let parcel = Parcel::new(vec![0xff; 3]).expect("a small parcel");
        let error = parcel.unpack::<(u32, String)>().expect_err("no such value");
        assert!(matches!(error, ParcelError::Codec(_)), "{error}");
    }

    #[test]
    fn what_is_packed_comes_out() {
        let parcel = Parcel::pack(&(7u32, "seven")).expect("it is small");
        assert_eq!(
            parcel.unpack::<(u32, String)>().expect("it was packed so"),
            (7, "seven".into())
        );
        assert!(parcel.unpack::<Vec<String>>().is_err());
    }
}
