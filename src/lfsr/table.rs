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
