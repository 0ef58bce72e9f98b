//! Lines and fields of a text file that may hold anything.
//!
//! Only regular files are opened, so that no pipe makes the program wait for ever. Gzip is recognised by
//! its first bytes. What comes out of it is hashed and counted on its way, and refused beyond a cap: a
//! small file can unpack to any size.
//!
//! Quoted fields are understood (`"a ""b"", c"`), but a quoted field ends in its line: series have no
//! use for line breaks, and so a lost quote costs an error in the right place and not half a file.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{DataError, Place};

/// The most text that is read from one file, in bytes after unpacking.
pub(super) const MAX_TEXT: u64 = 1 << 30;

/// The lines of a text file.
pub(super) struct Lines {
    path: PathBuf,
    text: BufReader<Hashed>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Lines, DataError> {
        let metadata = fs::metadata(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DataError::Missing {
                path: path.to_owned(),
                what: "file",
                advice: None,
            },
            _ => failed(path)(source),
        })?;
        if !metadata.is_file() {
            return Err(DataError::NotAFile {
                path: path.to_owned(),
                kind: if metadata.is_dir() {
                    "folder"
                } else {
                    "pipe or device"
                },
            });
        }
        let file = File::open(path).map_err(failed(path))?;
        Lines::read(path, file, MAX_TEXT)
    }

    /// The lines of any reader; `path` is for messages.
    pub(super) fn read(
        path: &Path,
        reader: impl Read + 'static,
        limit: u64,
    ) -> Result<Lines, DataError> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let packed = reader
            .fill_buf()
            .map_err(failed(path))?
            .starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn Read> = if packed {
            Box::new(MultiGzDecoder::new(reader))
        } else {
            Box::new(reader)
        };
        let hashed = Hashed {
            reader,
            hasher: blake3::Hasher::new(),
            left: limit,
            limit,
        };
        Ok(Lines {
            path: path.to_owned(),
            text: BufReader::with_capacity(1 << 16, hashed),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line with its number, from 1, without its line break; `None` at the end of the file. The
    /// byte-order mark before the first line is dropped.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, DataError> {
        self.line.clear();
        let read = self.text.read_until(b'\n', &mut self.line);
        if read.map_err(|error| self.failed(error))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let line = match self.number {
            1 => self
                .line
                .strip_prefix(b"\xef\xbb\xbf")
                .unwrap_or(&self.line),
            _ => &self.line,
        };
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Some((self.number, line))),
            Err(error) => Err(DataError::Line {
                place: self.place(self.number, 0),
                what: format!(
                    "byte {} of the line is not UTF-8 text",
                    error.valid_up_to() + 1
                ),
            }),
        }
    }

    /// A place in this file.
    pub(super) fn place(&self, line: u64, column: usize) -> Place {
        Place {
            file: self.path.clone(),
            line,
            column,
        }
    }

    /// Reads to the end of the file and gives the digest of all its text.
    pub(super) fn finish(mut self) -> Result<[u8; 32], DataError> {
        let drained = io::copy(&mut self.text, &mut io::sink());
        drained.map_err(|error| self.failed(error))?;
        Ok(*self.text.into_inner().hasher.finalize().as_bytes())
    }

    fn failed(&self, source: io::Error) -> DataError {
        match source.get_ref().and_then(|e| e.downcast_ref::<OverLimit>()) {
            Some(OverLimit(limit)) => DataError::TooLarge {
                path: self.path.clone(),
                limit: *limit,
            },
            None => failed(&self.path)(source),
        }
    }
}

/// Makes an error of reading one about the file.
fn failed(path: &Path) -> impl FnOnce(io::Error) -> DataError + '_ {
    move |source| DataError::Read {
        path: path.to_owned(),
        source,
    }
}

/// A reader that hashes what passes and stops at a limit.
struct Hashed {
    reader: Box<dyn Read>,
    hasher: blake3::Hasher,
    left: u64,
    limit: u64,
}

/// More text than the limit.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes of text")]
struct OverLimit(u64);

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(OverLimit(self.limit)))?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// The fields of a line, trimmed of blanks, with quotes removed. `None` where a quote is not closed or
/// something follows it.
pub(super) fn fields(line: &str, separator: u8) -> Option<Vec<Cow<'_, str>>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if rest.trim_start_matches(' ').starts_with('"') {
            quoted(rest.trim_start_matches(' '), separator)?
        } else {
            match rest.bytes().position(|byte| byte == separator) {
                Some(at) => (Cow::Borrowed(rest[..at].trim()), Some(&rest[at + 1..])),
                None => (Cow::Borrowed(rest.trim()), None),
            }
        };
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Some(fields),
        }
    }
}

/// Takes a quoted field from the start of `text`; the rest after the separator, if there is one.
fn quoted(text: &str, separator: u8) -> Option<(Cow<'_, str>, Option<&str>)> {
    let body = &text[1..];
    let mut from = 0;
    let close = loop {
        let at = from + body[from..].find('"')?;
        if !body[at + 1..].starts_with('"') {
            break at;
        }
        from = at + 2;
    };
    let field = match &body[..close] {
        plain if !plain.contains('"') => Cow::Borrowed(plain.trim()),
        doubled => Cow::Owned(doubled.replace("\"\"", "\"").trim().to_owned()),
    };
    let after = body[close + 1..].trim_start_matches(' ');
    match after.as_bytes().first() {
        None => Some((field, None)),
        Some(byte) if *byte == separator => Some((field, Some(&after[1..]))),
        Some(_) => None,
    }
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A field for a message: its first 40 characters.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
