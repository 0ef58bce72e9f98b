//! Reading one segment from its beginning, in bounded memory, and judging what is wrong with it.
//!
//! Lines whose checksum holds are handed on. At the first that does not, the rest of the file decides: if
//! nothing valid follows, it is a *bad tail*, what a killed machine leaves (a torn line, zeros, garbage);
//! if anything valid follows, something between valid records was damaged, and nobody can say what it
//! was. A line without its newline is torn, even where its checksum holds: writers write both at once.

use std::io::{self, BufRead};

use super::entry::LONGEST_LINE;
use super::line::{checked, hides_record};

/// How a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With its last line.
    Clean,
    /// With bytes that are no record.
    BadTail {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// With valid records after bytes that are none.
    Damaged {
        /// Where those bytes begin.
        offset: u64,
    },
}

/// A whole line whose checksum holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Bytes before it.
    pub(super) offset: u64,
    /// Its length with the newline.
    pub(super) length: u32,
    /// The line without its newline: a JSON object.
    pub(super) object: &'a [u8],
    /// The object without checksum and closing brace.
    pub(super) body: &'a [u8],
}

/// Hands every valid line up to the first invalid one to `visit`, and says how the segment ends.
pub(super) fn scan<E: From<io::Error>>(
    mut input: impl BufRead,
    mut visit: impl FnMut(Line<'_>) -> Result<(), E>,
) -> Result<End, E> {
    let mut buffer = Vec::new();
    let mut offset = 0u64;
    let mut bad: Option<u64> = None;
    loop {
        let piece = read_line(&mut input, &mut buffer)?;
        if piece.bytes == 0 {
            break;
        }
        let text = buffer.strip_suffix(b"\n").unwrap_or(&buffer);
        let body = checked(text);
        match (bad, body, u32::try_from(piece.bytes)) {
            (None, Some(body), Ok(length)) if piece.whole => visit(Line {
                offset,
                length,
                object: text,
                body,
            })?,
            (None, ..) => {
                // A checksum that holds without the newline is the torn end itself, not one behind it.
                if body.is_none() && hides_record(text) {
                    return Ok(End::Damaged { offset });
                }
                bad = Some(offset);
            }
            (Some(offset), body, _) => {
                if body.is_some() || hides_record(text) {
                    return Ok(End::Damaged { offset });
                }
            }
        }
        offset += piece.bytes;
    }
    Ok(match bad {
        None => End::Clean,
        Some(bad) => End::BadTail {
            offset: bad,
            bytes: offset - bad,
        },
    })
}

struct Piece {
    /// Bytes read, also those that were not kept.
    bytes: u64,
    /// Whether all were kept and the last is a newline.
    whole: bool,
}

/// Reads up to and with the next newline. Of a line longer than any record the first part is dropped, so
/// that only its end can be looked at.
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<Piece> {
    buffer.clear();
    let mut bytes = 0u64;
    let mut kept = true;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let newline = available.iter().position(|&byte| byte == b'\n');
        let taken = newline.map_or(available.len(), |at| at + 1);
        buffer.extend_from_slice(&available[..taken]);
        input.consume(taken);
        bytes += taken as u64;
        if newline.is_some() || taken == 0 {
            let whole = kept && newline.is_some();
            return Ok(Piece { bytes, whole });
        }
        if buffer.len() > 2 * LONGEST_LINE {
            buffer.drain(..buffer.len() - LONGEST_LINE);
            kept = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::seal;
    use super::*;

    fn lines(n: u32) -> Vec<u8> {
        (0..n)
            .flat_map(|seq| seal(format!("{{\"seq\":{seq}}}").into_bytes()))
            .collect()
    }

    fn run(bytes: &[u8]) -> (usize, End) {
        let mut count = 0;
        let end = scan::<io::Error>(bytes, |_| {
            count += 1;
            Ok(())
        });
        (count, end.expect("memory can be read"))
    }

    #[test]
    fn tails_and_damage() {
        let good = lines(3);
        let offset = good.len() as u64;
        assert_eq!(run(&[]), (0, End::Clean));
        assert_eq!(run(&good), (3, End::Clean));
        for tail in [
            &[0u8; 4096][..],
            b"garbage\nof many\nlines\n",
            b"\n",
            b"{\"seq\":3,\"crc",
        ] {
            let bytes = tail.len() as u64;
            let torn = [&good, tail].concat();
            assert_eq!(run(&torn), (3, End::BadTail { offset, bytes }));
            let damaged = [&good[..], tail, b"\n", &lines(1)].concat();
            assert_eq!(run(&damaged), (3, End::Damaged { offset }));
            let hidden = [&good[..], tail, &lines(1)].concat();
            assert_eq!(run(&hidden), (3, End::Damaged { offset }));
        }
    }

    #[test]
    fn a_long_hole_is_read_in_bounded_memory() {
        let hole = io::BufReader::with_capacity(1 << 20, io::Read::take(io::repeat(0), 5 << 27));
        let good = lines(2);
        let end = scan::<io::Error>(io::Read::chain(&good[..], hole), |_| Ok(()));
        let (offset, bytes) = (good.len() as u64, 5 << 27);
        assert_eq!(end.expect("it reads"), End::BadTail { offset, bytes });
    }
}
