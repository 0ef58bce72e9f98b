//! Reading one segment from its beginning, in bounded memory, and judging what is wrong with it.
//!
//! Lines whose checksum holds are handed on. At the first that does not, the rest of the file decides: if
//! nothing valid follows, it is a *bad tail*, what a killed machine leaves (a torn line, zeros, garbage);
//! if anything valid follows, something between valid records was damaged, and nobody can say what it
//! was. A line without its newline is torn, even where its checksum holds: writers write both at once.
//!
//! One damage tells what it was: a *gap*, a run of zeros between records. A machine that loses its power while
//! writes are on their way to the disk may bring a later one there and not the one before, whose place then
//! reads as zeros; no record holds a zero byte, and a flipped bit makes no run of them. Lines behind a
//! gap are handed on with its place; whether it may be there is for recovery to say.

use std::io::{self, BufRead, Read};

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

impl End {
    /// The end of a file of `length` bytes of which those from `hole` on were not read: they are zeros.
    pub(super) fn before_hole(self, hole: u64, length: u64) -> End {
        let bad_from = |offset: u64| End::BadTail {
            offset,
            bytes: length.saturating_sub(offset),
        };
        match self {
            End::Clean => bad_from(hole),
            End::BadTail { offset, .. } => bad_from(offset),
            End::Damaged { .. } => self,
        }
    }
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
    /// Where the gap before it begins, if there is one.
    pub(super) gap: Option<u64>,
}

/// So many zeros in a row are a gap. One flipped bit makes no more than one; and none in the first place of a line,
/// where `{` stands: there one is enough.
const SHORTEST_GAP: usize = 2;

/// What stands behind the last zero of a line, if there is a gap before it; else the line.
fn behind_gap(text: &[u8]) -> &[u8] {
    match text.iter().rposition(|&byte| byte == 0) {
        Some(last)
            if text.starts_with(&[0]) || longest_run_of_zeros(&text[..=last]) >= SHORTEST_GAP =>
        {
            &text[last + 1..]
        }
        _ => text,
    }
}

fn longest_run_of_zeros(bytes: &[u8]) -> usize {
    bytes
        .split(|&byte| byte != 0)
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}

/// Hands every valid line up to the first invalid one to `visit`, and says how the segment ends.
pub(super) fn scan<E: From<io::Error>>(
    input: impl BufRead,
    visit: impl FnMut(Line<'_>) -> Result<(), E>,
) -> Result<End, E> {
    scan_within(LONGEST_LINE, input, visit)
}

/// [`scan`] of lines of at most `limit` bytes. It holds twice as many.
fn scan_within<E: From<io::Error>>(
    limit: usize,
    mut input: impl BufRead,
    mut visit: impl FnMut(Line<'_>) -> Result<(), E>,
) -> Result<End, E> {
    let mut buffer = Vec::new();
    let mut offset = 0u64;
    let mut bad: Option<u64> = None;
    let mut has_gap = false;
    loop {
        let piece = read_line(&mut input, &mut buffer, limit)?;
        if piece.bytes == 0 {
            break;
        }
        let text = buffer.strip_suffix(b"\n").unwrap_or(&buffer);
        // A record right behind a gap stands on one line with its zeros.
        let object = behind_gap(text);
        let gap_here = object.len() < text.len();
        has_gap |= gap_here;
        let ended = buffer.ends_with(b"\n");
        let line = |gap: Option<u64>, body| {
            let length = u32::try_from(object.len() + 1).unwrap_or(u32::MAX);
            Line {
                offset: offset + piece.bytes - u64::from(length),
                length,
                object,
                body,
                gap,
            }
        };
        match (bad, checked(object)) {
            (None, Some(body)) if piece.whole && !gap_here => visit(line(None, body))?,
            (_, Some(body)) if has_gap && ended => {
                visit(line(bad.or(Some(offset)), body))?;
                (bad, has_gap) = (None, false);
            }
            (_, body) => {
                // A checksum that holds without the newline is the torn end itself, not one behind it.
                let is_torn_end = body.is_some() && (bad.is_none() || has_gap);
                let from = bad.unwrap_or(offset);
                if !is_torn_end && (body.is_some() || hides_record(text)) {
                    return Ok(End::Damaged { offset: from });
                }
                bad = Some(from);
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

/// Reads up to and with the next newline. Of a line longer than `limit` the first part is dropped, so that
/// only its end can be looked at.
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>, limit: usize) -> io::Result<Piece> {
    buffer.clear();
    let mut bytes = 0u64;
    let mut kept = true;
    loop {
        let read = input
            .by_ref()
            .take(limit as u64)
            .read_until(b'\n', buffer)?;
        bytes += read as u64;
        let ended = read > 0 && buffer.ends_with(b"\n");
        if ended || read < limit {
            let whole = kept && ended;
            return Ok(Piece { bytes, whole });
        }
        if buffer.len() > limit {
            buffer.drain(..buffer.len() - limit);
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
            &b"x\0"[..],
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
    fn lines_behind_a_gap_are_handed_on_with_its_place() {
        let good = lines(3);
        let from = good.len() as u64;
        // Zeros alone; a torn line and zeros; zeros and the end of a lost line.
        for (gap, end) in [
            (&[0u8; 4096][..], &b""[..]),
            (b"{\"seq\":3,\"ty\0\0", b""),
            (b"\0\0\0", b"c\":\"00\"}\n"),
            (b"{\"seq\":3}\n\0\0", b"x\n\0y\n"),
            // One zero, and the line that lost its first byte: the line began with the last byte of a page.
            (b"\0", b"\"seq\":3,\"crc\":\"00000000\"}\n"),
        ] {
            let bytes = [&good, gap, end, &lines(2)].concat();
            let mut gaps = Vec::new();
            let ended = scan::<io::Error>(&bytes[..], |line| {
                let start = line.offset as usize;
                assert!(bytes[start..].starts_with(line.object));
                assert_eq!(line.length as usize, line.object.len() + 1);
                gaps.push(line.gap);
                Ok(())
            });
            assert_eq!(ended.expect("memory can be read"), End::Clean);
            assert_eq!(gaps, [None, None, None, Some(from), None]);
            // With nothing whole behind it, it is a tail.
            let torn = &bytes[..bytes.len() - lines(2).len() + 9];
            let bytes = torn.len() as u64 - from;
            assert_eq!(
                run(torn),
                (
                    3,
                    End::BadTail {
                        offset: from,
                        bytes
                    }
                )
            );
        }
    }

    #[test]
    fn a_long_hole_is_read_in_bounded_memory() {
        const LIMIT: usize = 64 * 1024;
        let good = lines(2);
        let (offset, bytes) = (good.len() as u64, 100 * LIMIT as u64 + 17);
        let hole = || io::BufReader::with_capacity(LIMIT, io::repeat(0).take(bytes));
        let input = (&good[..]).chain(hole());
        let end = scan_within::<io::Error>(LIMIT, input, |_| Ok(()));
        assert_eq!(end.expect("it reads"), End::BadTail { offset, bytes });
        // A record right behind it is seen all the same.
        let input = (&good[..]).chain(hole()).chain(&good[..]);
        let mut gaps = Vec::new();
        let end = scan_within::<io::Error>(LIMIT, input, |line| {
            gaps.push(line.gap);
            Ok(())
        });
        assert_eq!(end.expect("it reads"), End::Clean);
        assert_eq!(gaps, [None, None, Some(offset), None]);
        let mut buffer = Vec::new();
        read_line(&mut hole(), &mut buffer, LIMIT).expect("it reads");
        assert!(
            buffer.capacity() <= 4 * LIMIT,
            "{} bytes",
            buffer.capacity()
        );
    }

    #[test]
    fn a_line_longer_than_any_record_is_none() {
        let line = lines(1);
        let fits =
            |limit| scan_within::<io::Error>(limit, &line[..], |_| Ok(())).expect("it reads");
        assert_eq!(fits(line.len()), End::Clean);
        assert_ne!(fits(line.len() / 2 - 1), End::Clean);
    }
}
