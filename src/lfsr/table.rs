//! The table of one range: the bytes that a worker hands in.
//!
//! The encoding is canonical: a range has exactly one table. First come the segments in the order of the
//! nodes they begin at, each the index of the node where it ends and its length; then the leftover
//! cycles, each a length and the number of cycles of that length, lengths ascending. All numbers are
//! unsigned LEB128 without needless bytes. The counts that stand beside the bytes are checked against
//! them, so a damaged table is refused, and what a damaged table claims never decides how much memory
//! is taken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ranges::StateRange;

/// What the enumeration of one range found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeTable {
    /// First state of the range, a state of the reduced register.
    pub first: u64,
    /// Last state of the range, included.
    pub last: u64,
    /// States accounted for: those on the segments that begin in the range, and those on the leftover
    /// cycles counted in it. Not the number of states in the range; over all ranges the sums agree.
    pub states: u64,
    /// Number of segments that begin in the range: one a distinguished state.
    pub segments: u64,
    /// Segments and leftover cycles, encoded.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// A walk from one node to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Index of the node where it ends.
    pub successor: u64,
    /// Its steps, at least 1.
    pub length: u64,
}

/// The bytes of a table, decoded and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedTable {
    /// One segment for each node of the range, in order.
    pub segments: Vec<Segment>,
    /// Leftover cycles: length to number.
    pub leftovers: BTreeMap<u64, u64>,
}

/// The bytes are not those of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The bytes end inside a number, or before the last segment.
    #[error("the table ends too early, at byte {at}")]
    Truncated {
        /// Number of bytes there are.
        at: usize,
    },
    /// A number is longer than it needs to be, or does not fit 64 bits.
    #[error("byte {at} of the table does not belong to a number in its shortest form")]
    Number {
        /// Offset of the number.
        at: usize,
    },
    /// A number that is well formed but cannot be.
    #[error("byte {at} of the table: {what} cannot be {value}")]
    Value {
        /// Offset of the number.
        at: usize,
        /// What it stands for.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// The lengths do not add up to the states that stand beside the bytes.
    #[error("the table accounts for {found} states but claims {claimed}")]
    Sum {
        /// Sum of the lengths.
        found: u128,
        /// The claim.
        claimed: u64,
    },
}

impl RangeTable {
    /// The BLAKE3 hash of first, last, states, segments (each eight bytes, little-endian) and the
    /// bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for number in [self.first, self.last, self.states, self.segments] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&self.bytes);
        *hasher.finalize().as_bytes()
    }

    /// The digest in 64 lower case hexadecimal digits.
    pub fn digest_hex(&self) -> String {
        use std::fmt::Write;
        let mut hex = String::with_capacity(64);
        for byte in self.digest() {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        }
        hex
    }

    /// Decodes and checks the bytes; `nodes` is the number of distinguished states of the register.
    ///
    /// # Errors
    ///
    /// A [`TableError`] with the offset for anything that [`Enumeration`](super::Enumeration) does not
    /// write. Memory taken is at most eight times that of the bytes.
    pub fn decode(&self, nodes: u64) -> Result<DecodedTable, TableError> {
        let mut reader = Reader {
            bytes: &self.bytes,
            at: 0,
        };
        // A segment takes at least two bytes: a false claim cannot ask for more than that allows.
        let most = (self.bytes.len() / 2) as u64;
        let mut segments = Vec::with_capacity(self.segments.min(most) as usize);
        let mut sum = 0u128;
        for _ in 0..self.segments {
            let successor = reader.number("the end of a segment", 0, nodes.saturating_sub(1))?;
            let length = reader.number("the length of a segment", 1, u64::MAX)?;
            sum += u128::from(length);
            segments.push(Segment { successor, length });
        }
        let mut leftovers = BTreeMap::new();
        let mut least = 1;
        while reader.at < self.bytes.len() {
            let length = reader.number("the length of a leftover cycle", least, u64::MAX - 1)?;
            let count = reader.number("the number of leftover cycles", 1, u64::MAX)?;
            // Each product is below 2^128; a sum of them may not be.
            sum = sum.saturating_add(u128::from(length) * u128::from(count));
            leftovers.insert(length, count);
            least = length + 1;
        }
        if sum != u128::from(self.states) {
            return Err(TableError::Sum {
                found: sum,
                claimed: self.states,
            });
        }
        Ok(DecodedTable {
            segments,
            leftovers,
        })
    }
}

/// The table of a range.
pub(super) fn encode(
    range: StateRange,
    segments: &[Segment],
    leftovers: &BTreeMap<u64, u64>,
) -> RangeTable {
    let mut bytes = Vec::with_capacity(segments.len() * 5);
    let mut states = 0;
    for segment in segments {
        put(&mut bytes, segment.successor);
        put(&mut bytes, segment.length);
        states += segment.length;
    }
    for (&length, &count) in leftovers {
        put(&mut bytes, length);
        put(&mut bytes, count);
        states += length * count;
    }
    RangeTable {
        first: range.first,
        last: range.last,
        states,
        segments: segments.len() as u64,
        bytes,
    }
}

/// Appends a number, seven bits a byte, low ones first.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next number, which must be from `least` to `most`.
    fn number(&mut self, what: &'static str, least: u64, most: u64) -> Result<u64, TableError> {
        let begin = self.at;
        let mut value = 0u64;
        let mut shift = 0;
        loop {
            let byte = *self.bytes.get(self.at).ok_or(TableError::Truncated {
                at: self.bytes.len(),
            })?;
            self.at += 1;
            let low = u64::from(byte & 0x7f);
            let overlong = byte == 0 && shift > 0;
            if overlong || shift > 63 || (low << shift) >> shift != low {
                return Err(TableError::Number { at: begin });
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        if value < least || value > most {
            return Err(TableError::Value {
                at: begin,
                what,
                value,
            });
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RANGE: StateRange = StateRange {
        first: 32,
        last: 63,
    };

    fn table() -> RangeTable {
        let segments = [
            Segment {
                successor: 3,
                length: 200,
            },
            Segment {
                successor: 0,
                length: 1,
            },
        ];
        encode(RANGE, &segments, &BTreeMap::from([(3, 2), (5, 130)]))
    }

    #[test]
    fn the_bytes_are_what_they_were() {
        let table = table();
        assert_eq!(table.bytes, [3, 0xc8, 1, 0, 1, 3, 2, 5, 0x82, 1]);
        assert_eq!((table.states, table.segments), (200 + 1 + 6 + 650, 2));
        assert_eq!(table.digest_hex().len(), 64);
        let mut other = table.clone();
        other.states += 1;
        assert_ne!(table.digest(), other.digest());
    }

    #[test]
    fn tables_decode_to_what_was_encoded() {
        let decoded = table().decode(4).unwrap();
        assert_eq!(
            decoded.segments[0],
            Segment {
                successor: 3,
                length: 200
            }
        );
        assert_eq!(decoded.leftovers, BTreeMap::from([(3, 2), (5, 130)]));
    }

    #[test]
    fn each_damage_has_its_error() {
        let with = |bytes: &[u8]| {
            let mut table = table();
            table.bytes = bytes.to_vec();
            table.decode(4).unwrap_err().to_string()
        };
        assert_eq!(with(&[3, 0xc8]), "the table ends too early, at byte 2");
        assert_eq!(with(&[]), "the table ends too early, at byte 0");
        assert_eq!(
            with(&[0x83, 0, 1]),
            "byte 0 of the table does not belong to a number in its shortest form"
        );
        assert_eq!(
            with(&[0xff; 20]),
            "byte 0 of the table does not belong to a number in its shortest form"
        );
        assert_eq!(
            with(&[4, 1]),
            "byte 0 of the table: the end of a segment cannot be 4"
        );
        assert_eq!(
            with(&[3, 0]),
            "byte 1 of the table: the length of a segment cannot be 0"
        );
        assert_eq!(
            with(&[3, 1, 0, 1, 3, 1, 3, 1]),
            "byte 6 of the table: the length of a leftover cycle cannot be 3"
        );
        assert_eq!(
            with(&[3, 1, 0, 1]),
            "the table accounts for 2 states but claims 857"
        );
    }

    #[test]
    fn a_false_claim_takes_no_memory() {
        let mut table = table();
        table.segments = u64::MAX;
        assert!(table.decode(u64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn any_table_survives(
            pairs in proptest::collection::vec((0..1000u64, 1..1u64 << 40), 0..50),
            leftovers in proptest::collection::btree_map(1..1u64 << 30, 1..1u64 << 20, 0..10),
        ) {
            let segments: Vec<Segment> = pairs
                .into_iter()
                .map(|(successor, length)| Segment { successor, length })
                .collect();
            let table = encode(RANGE, &segments, &leftovers);
            let wire = postcard::to_stdvec(&table).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<RangeTable>(&wire).unwrap(), &table);
            let decoded = table.decode(1000).unwrap();
            prop_assert_eq!(encode(RANGE, &decoded.segments, &decoded.leftovers), table);
        }

        /// Whatever decodes is canonical: encoded again it is the same table.
        #[test]
        fn damaged_bytes_are_refused_or_mean_another_table(
            at in 0..10usize,
            value in any::<u8>(),
        ) {
            let mut table = table();
            table.bytes[at] = value;
            if let Ok(decoded) = table.decode(4) {
                prop_assert_eq!(encode(RANGE, &decoded.segments, &decoded.leftovers), table);
            }
        }

        #[test]
        fn noise_never_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            segments in any::<u64>(),
            few in 0..40u64,
        ) {
            for segments in [segments, few] {
                let table = RangeTable { first: 0, last: 9, states: 10, segments, bytes: bytes.clone() };
                if let Ok(decoded) = table.decode(1 << 20) {
                    prop_assert_eq!(decoded.segments.len() as u64, segments);
                }
            }
        }
    }
}
