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
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use super::{DataError, Place};

/// The most text that is read from one file, in bytes after unpacking. Memory is bounded elsewhere: this is
/// against a packed file that would never end.
pub(super) const MAX_TEXT: u64 = 64 << 30;

/// The most text of a file whose values are held in memory, in bytes after unpacking.
pub(super) const MAX_HELD_TEXT: u64 = 1 << 30;

/// Told, now and then, how many bytes of a file have been read, in bytes after unpacking; it answers whether
/// to go on.
pub type Watch = Rc<dyn Fn(u64) -> bool>;

/// Nobody watches.
pub fn unwatched() -> Watch {
    Rc::new(|_| true)
}

/// So many bytes are read from one word to the watch to the next.
const WATCH_EVERY: u64 = 8 << 20;

/// The longest line, in bytes. A line is held as a whole: without a cap, a small packed file without line
/// breaks would take all there is.
const MAX_LINE: u64 = 16 << 20;

/// The lines of a text file.
pub(super) struct Lines {
    path: PathBuf,
    text: BufReader<Hashed>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens a file, of which at most `limit` bytes are read.
    pub(super) fn open(path: &Path, limit: u64, watch: &Watch) -> Result<Lines, DataError> {
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
        let mut lines = Lines::read(path, file, limit)?;
        lines.text.get_mut().watch = Rc::clone(watch);
        Ok(lines)
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
            watch: unwatched(),
            told: 0,
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
        let mut capped = (&mut self.text).take(MAX_LINE + 1);
        let read = capped.read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| self.failed(error))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read as u64 > MAX_LINE {
            return Err(DataError::Line {
                place: self.place(self.number, 0),
                what: format!("the line has more than {MAX_LINE} bytes"),
            });
        }
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
        let path = self.path.clone();
        match source.get_ref().and_then(|e| e.downcast_ref::<Ended>()) {
            Some(Ended::OverLimit(limit)) => DataError::TooLarge {
                path,
                limit: *limit,
            },
            Some(Ended::Stopped) => DataError::Stopped { path },
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

/// A reader that hashes what passes, stops at a limit, and tells a watch.
struct Hashed {
    reader: Box<dyn Read>,
    hasher: blake3::Hasher,
    left: u64,
    limit: u64,
    watch: Watch,
    /// How much had been read when the watch was told last.
    told: u64,
}

/// Why reading ended before the end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// More text than the limit.
    #[error("more than {0} bytes of text")]
    OverLimit(u64),
    /// The watch said so.
    #[error("stopped")]
    Stopped,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(Ended::OverLimit(self.limit)))?;
        self.hasher.update(&buffer[..count]);
        let read = self.limit - self.left;
        if read - self.told >= WATCH_EVERY {
            self.told = read;
            if !(self.watch)(read) {
                return Err(io::Error::other(Ended::Stopped));
            }
        }
        Ok(count)
    }
}

/// The most fields of a line: more than any competition has values in a series, or a person has series in a
/// file. What a line becomes is many times larger than its text, and the text many times larger than the file
/// it is packed in.
const MAX_FIELDS: usize = 1 << 18;

/// A line cannot be cut into fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Uncut {
    /// A quote is not closed, or something follows it.
    #[error("a quoted field is not closed properly")]
    Quote,
    /// More than [`MAX_FIELDS`].
    #[error("the line has more than {MAX_FIELDS} fields")]
    TooMany,
}

/// The fields of a line, trimmed of blanks, with quotes removed.
pub(super) fn fields(line: &str, separator: u8) -> Result<Vec<Cow<'_, str>>, Uncut> {
    let mut fields = Vec::new();
    cut(line, separator, |field| fields.push(field))?;
    Ok(fields)
}

/// Tells each field of a line in turn, trimmed of blanks, with quotes removed.
pub(super) fn cut<'a>(
    line: &'a str,
    separator: u8,
    mut tell: impl FnMut(Cow<'a, str>),
) -> Result<(), Uncut> {
    let mut rest = line;
    let mut count = 0;
    loop {
        let (field, after) = if rest.trim_start_matches(' ').starts_with('"') {
            quoted(rest.trim_start_matches(' '), separator).ok_or(Uncut::Quote)?
        } else {
            match rest.bytes().position(|byte| byte == separator) {
                Some(at) => (Cow::Borrowed(rest[..at].trim()), Some(&rest[at + 1..])),
                None => (Cow::Borrowed(rest.trim()), None),
            }
        };
        if count == MAX_FIELDS {
            return Err(Uncut::TooMany);
        }
        count += 1;
        tell(field);
        match after {
            Some(after) => rest = after,
            None => return Ok(()),
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8], limit: u64) -> Result<Lines, DataError> {
        Lines::read(Path::new("in.csv"), io::Cursor::new(bytes.to_vec()), limit)
    }

    fn all(bytes: &[u8]) -> Result<Vec<String>, DataError> {
        let mut lines = lines(bytes, MAX_TEXT)?;
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next()? {
            all.push(line.to_owned());
            assert_eq!(number, all.len() as u64);
        }
        Ok(all)
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    #[test]
    fn line_breaks_of_all_systems_and_the_mark_are_taken_off() {
        let text = b"\xef\xbb\xbfa,b\r\n1,2\n\n3,4";
        let expected = ["a,b", "1,2", "", "3,4"];
        assert_eq!(all(text).expect("text"), expected);
        assert_eq!(all(&packed(text)).expect("text"), expected);
        assert!(all(b"").expect("text").is_empty());
    }

    #[test]
    fn the_digest_is_of_the_text_whole_and_unpacked() {
        let text = b"a\n1\n2\n";
        let digest = |bytes: &[u8], read: usize| {
            let mut lines = lines(bytes, MAX_TEXT).expect("readable");
            for _ in 0..read {
                lines.next().expect("text");
            }
            lines.finish().expect("readable")
        };
        let expected = *blake3::hash(text).as_bytes();
        assert_eq!(digest(text, 0), expected);
        assert_eq!(digest(text, 2), expected);
        assert_eq!(digest(&packed(text), 1), expected);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let error = all(b"a\n1\xff\n").expect_err("not UTF-8");
        assert_eq!(
            error.to_string(),
            "in.csv: line 2: byte 2 of the line is not UTF-8 text"
        );
    }

    #[test]
    fn what_unpacks_beyond_the_cap_is_refused() {
        let bomb = packed(&vec![b'\n'; 100_000]);
        assert!(bomb.len() < 1000);
        let mut lines = lines(&bomb, 65_537).expect("it starts well");
        let error = loop {
            match lines.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("all of it was read"),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, DataError::TooLarge { limit: 65_537, .. }),
            "{error:?}"
        );
        assert!(error.hint().is_some());
    }

    #[test]
    fn a_line_beyond_the_cap_is_refused() {
        let long = vec![b','; MAX_LINE as usize + 1];
        let error = all(&packed(&long)).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "in.csv: line 1: the line has more than 16777216 bytes"
        );
        assert_eq!(all(&long[1..]).expect("as long as may be").len(), 1);
    }

    #[test]
    fn damaged_compression_is_an_error() {
        let whole = packed(b"1\n2\n3\n");
        let error = all(&whole[..whole.len() - 9]).expect_err("cut off");
        assert!(matches!(error, DataError::Read { .. }), "{error:?}");
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let refused = |path: &Path| match Lines::open(path, MAX_TEXT, &unwatched()) {
            Ok(_) => panic!("{} was opened", path.display()),
            Err(error) => error,
        };
        let error = refused(folder.path());
        assert!(
            matches!(error, DataError::NotAFile { kind: "folder", .. }),
            "{error:?}"
        );
        assert_eq!(error.hint().as_deref(), Some("name a file in it"));
        let error = refused(&folder.path().join("none.csv"));
        assert!(matches!(error, DataError::Missing { .. }), "{error:?}");
        #[cfg(unix)]
        {
            let error = refused(Path::new("/dev/null"));
            assert!(matches!(
                error,
                DataError::NotAFile {
                    kind: "pipe or device",
                    ..
                }
            ));
            let pipe = folder.path().join("pipe");
            nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
            let error = refused(&pipe);
            assert!(matches!(
                error,
                DataError::NotAFile {
                    kind: "pipe or device",
                    ..
                }
            ));
        }
    }

    #[test]
    fn fields_are_cut_as_their_quotes_say() {
        let cut = |line: &str| fields(line, b',').ok().map(|f| f.join("|"));
        assert_eq!(cut("a, b ,c").as_deref(), Some("a|b|c"));
        assert_eq!(cut("").as_deref(), Some(""));
        assert_eq!(cut("a,,").as_deref(), Some("a||"));
        assert_eq!(cut(r#""a,b", "c""d" ,e"#).as_deref(), Some(r#"a,b|c"d|e"#));
        assert_eq!(cut(r#""open"#), None);
        assert_eq!(cut(r#""a"b,c"#), None);
        assert_eq!(cut(r#"a"b,c"#).as_deref(), Some(r#"a"b|c"#));
        assert_eq!(cut("é,ü").as_deref(), Some("é|ü"));
    }

    /// Sixteen megabytes of commas pack into sixteen kilobytes, and would be cut into as many fields.
    #[test]
    fn a_line_of_too_many_fields_is_refused_before_they_take_memory() {
        let line = ",".repeat(MAX_FIELDS);
        let error = fields(&line, b',').expect_err("one field more than commas");
        assert_eq!(error.to_string(), "the line has more than 262144 fields");
        let most = fields(&line[1..], b',').expect("as many as may be");
        assert_eq!(most.len(), MAX_FIELDS);
        assert!(most.capacity() <= MAX_FIELDS);
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(number("-1.5e3"), Some(-1500.0));
        for text in [
            "",
            "nan",
            "NaN",
            "inf",
            "-infinity",
            "1e999",
            "1,5",
            "1_000",
            "0x1",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_line_is_cut_into_what_was_written(
            written in prop::collection::vec("[a-z\", ;é]{0,8}", 1..6),
        ) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let line = written.iter().map(quoted).collect::<Vec<_>>().join(",");
            let trimmed: Vec<&str> = written.iter().map(|field| field.trim()).collect();
            prop_assert_eq!(fields(&line, b',').expect("well quoted"), trimmed);
        }

        #[test]
        fn no_line_makes_it_panic(line in ".*", separator in prop::sample::select(vec![b',', b';', b'\t'])) {
            if let Ok(fields) = fields(&line, separator) {
                prop_assert!(!fields.is_empty());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), gzip: bool) {
            if gzip {
                bytes.splice(0..0, [0x1f, 0x8b, 8, 0]);
            }
            let breaks = bytes.iter().filter(|byte| **byte == b'\n').count();
            if let Ok(lines) = all(&bytes) {
                prop_assert!(gzip || lines.len() <= breaks + 1);
            }
        }
    }
}
