//! A result that does not fit in one packet: cut in the worker, put together in the supervisor.

use super::{PARCEL_CAP, Parcel};

/// An encoded result, cut for sending.
#[derive(Debug)]
pub struct Cut {
    /// What goes in chunks.
    pub chunks: Vec<Parcel>,
    /// The rest, which goes in the report.
    pub last: Parcel,
    /// BLAKE3 of the whole, where there are chunks.
    pub digest: Option<[u8; 32]>,
}

/// Cuts encoded bytes into parcels.
pub fn cut(mut bytes: Vec<u8>) -> Cut {
    let digest = (bytes.len() > PARCEL_CAP).then(|| *blake3::hash(&bytes).as_bytes());
    let mut chunks = Vec::new();
    while bytes.len() > PARCEL_CAP {
        let rest = bytes.split_off(PARCEL_CAP);
        chunks.push(Parcel::new(bytes).expect("it was cut to the cap"));
        bytes = rest;
    }
    Cut {
        chunks,
        last: Parcel::new(bytes).expect("no more than the cap is left"),
        digest,
    }
}

/// The chunks of one attempt, as they come in.
#[derive(Debug, Default)]
pub struct Assembly {
    bytes: Vec<u8>,
    next: u32,
}

/// The pieces do not make a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// A chunk came out of turn.
    #[error("chunk {got} of a result came where chunk {expected} was due")]
    OutOfTurn {
        /// The number it should have had.
        expected: u32,
        /// The number it had.
        got: u32,
    },
    /// The sum of the chunks is beyond what any result may have.
    #[error("a result of more than {cap} bytes")]
    TooLarge {
        /// The cap.
        cap: usize,
    },
    /// The report speaks of another number of chunks than came.
    #[error("a result came in {got} chunks where its report says {expected}")]
    Missing {
        /// What the report says.
        expected: u32,
        /// What came.
        got: u32,
    },
    /// The bytes are not those that were sent.
    #[error("a result does not match its digest")]
    Digest,
}

impl Assembly {
    /// No result may be larger, in bytes: beyond any table that an enumeration gives back, and small
    /// beside the memory of any machine.
    pub const RESULT_CAP: usize = 256 << 20;

    /// Takes the next chunk.
    ///
    /// # Errors
    ///
    /// It is out of turn, or one too many.
    pub fn add(&mut self, number: u32, chunk: &Parcel) -> Result<(), AssemblyError> {
        if number != self.next {
            return Err(AssemblyError::OutOfTurn {
                expected: self.next,
                got: number,
            });
        }
        if self.bytes.len() + chunk.bytes().len() > Self::RESULT_CAP {
            return Err(AssemblyError::TooLarge {
                cap: Self::RESULT_CAP,
            });
        }
        self.next += 1;
        self.bytes.extend_from_slice(chunk.bytes());
        Ok(())
    }

    /// The whole: the chunks and, behind them, `last`.
    ///
    /// # Errors
    ///
    /// A chunk is missing, or the digest differs.
    pub fn finish(
        mut self,
        chunks: u32,
        last: Parcel,
        digest: Option<[u8; 32]>,
    ) -> Result<Vec<u8>, AssemblyError> {
        if chunks != self.next {
            return Err(AssemblyError::Missing {
                expected: chunks,
                got: self.next,
            });
        }
        if chunks == 0 {
            return Ok(last.into_bytes());
        }
        self.bytes.extend_from_slice(last.bytes());
        if digest != Some(*blake3::hash(&self.bytes).as_bytes()) {
            return Err(AssemblyError::Digest);
        }
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_cut_is_assembled(length in 0usize..300_000) {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let Cut { chunks, last, digest } = cut(bytes.clone());
            prop_assert_eq!(chunks.len(), length.saturating_sub(1) / PARCEL_CAP);
            let mut assembly = Assembly::default();
            for (number, chunk) in (0u32..).zip(&chunks) {
                assembly.add(number, chunk).expect("they come in turn");
            }
            let count = u32::try_from(chunks.len()).expect("few");
            let whole = assembly.finish(count, last, digest).expect("all came");
            prop_assert_eq!(whole, bytes);
        }
    }

    #[test]
    fn gaps_losses_and_changes_are_noticed() {
        let bytes = vec![7u8; 3 * PARCEL_CAP];
        let Cut {
            chunks,
            last,
            digest,
        } = cut(bytes);
        let mut gap = Assembly::default();
        assert_eq!(
            gap.add(1, &chunks[1]),
            Err(AssemblyError::OutOfTurn {
                expected: 0,
                got: 1
            })
        );
        let mut lost = Assembly::default();
        lost.add(0, &chunks[0]).expect("in turn");
        assert_eq!(
            lost.finish(2, last.clone(), digest),
            Err(AssemblyError::Missing {
                expected: 2,
                got: 1
            })
        );
        let mut changed = Assembly::default();
        changed.add(0, &chunks[0]).expect("in turn");
        changed.add(1, &Parcel::default()).expect("in turn");
        assert_eq!(changed.finish(2, last, digest), Err(AssemblyError::Digest));
    }

    #[test]
    fn a_flood_of_chunks_meets_the_cap() {
        let full = Parcel::new(vec![0; PARCEL_CAP]).expect("it fits");
        let mut assembly = Assembly::default();
        let refused = (0..).find_map(|number| assembly.add(number, &full).err());
        assert_eq!(
            refused,
            Some(AssemblyError::TooLarge {
                cap: Assembly::RESULT_CAP
            })
        );
    }
}
