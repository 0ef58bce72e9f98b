//! A file of lines with the same number of fields: what all layouts of a user's file have in common.
//!
//! The first line decides: its separator is that of the file, and it is a header if any of its fields is
//! no number. A line with more or fewer fields is an error, since nobody can say which are meant.

use super::DataError;
use super::text::{Lines, Uncut, cut, number, shortened};

/// One line, cut into fields. It is filled again and again: a file has many.
#[derive(Default)]
pub(super) struct Row {
    pub(super) line: u64,
    /// All fields, one after another.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Row {
    /// Number of fields.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Field `i`, from 0, without quotes and blanks around it.
    pub(super) fn field(&self, i: usize) -> &str {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[i]]
    }

    /// All fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.field(i))
    }

    /// Cuts a line.
    fn fill(&mut self, line: u64, text: &str, separator: u8) -> Result<(), Uncut> {
        self.line = line;
        self.text.clear();
        self.ends.clear();
        cut(text, separator, |field| {
            self.text.push_str(&field);
            self.ends.push(self.text.len());
        })
    }
}

/// A file whose separator is known and whose header, if it has one, is read.
pub(super) struct Table {
    pub(super) lines: Lines,
    separator: u8,
    /// Names of columns, and their line.
    pub(super) header: Option<Row>,
    /// The first row of values, where it had to be read already.
    pub(super) ahead: Option<Row>,
    /// Fields of every line.
    pub(super) width: usize,
}

impl Table {
    /// Reads the header.
    pub(super) fn open(mut lines: Lines) -> Result<Table, DataError> {
        let (line, first) = loop {
            match lines.next()? {
                None => {
                    return Err(DataError::NoSeries {
                        path: lines.place(0, 0).file,
                        what: "the file is empty",
                    });
                }
                Some((_, text)) if text.trim().is_empty() => {}
                Some((line, text)) => break (line, text.to_owned()),
            }
        };
        let separator = separator(&first);
        let mut row = Row::default();
        row.fill(line, &first, separator)
            .map_err(|error| uncut(&lines, line, error))?;
        let first = row;
        // A `nan` or a first value missing is still a line of values.
        let is_header = first
            .fields()
            .any(|field| !field.is_empty() && field.parse::<f64>().is_err());
        let mut table = Table {
            lines,
            separator,
            width: first.len(),
            header: None,
            ahead: None,
        };
        if is_header {
            table.header = Some(first);
            let mut row = Row::default();
            if table.next_row(&mut row)? {
                table.ahead = Some(row);
            } else {
                return Err(DataError::NoSeries {
                    path: table.lines.place(0, 0).file,
                    what: "the file has a header and no values",
                });
            }
        } else if table.width == 1 {
            table.ahead = Some(first);
        } else {
            return Err(DataError::Line {
                place: table.lines.place(line, 0),
                what: "the first line must name the series of the columns".to_owned(),
            });
        }
        Ok(table)
    }

    /// Reads the next row, which has as many fields as the first line; false at the end of the file. Empty
    /// lines at the end are nothing; one before further values is a gap of every series.
    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool, DataError> {
        if let Some(ahead) = self.ahead.take() {
            *row = ahead;
            return Ok(true);
        }
        let mut empty_line = None;
        let (line, cut) = loop {
            match self.lines.next()? {
                None => return Ok(false),
                Some((line, text)) if text.trim_matches([' ', '\t']).is_empty() => {
                    // In a file with tabs, a line of tabs is a row of empty fields: the same thing.
                    empty_line.get_or_insert(line);
                }
                Some((line, text)) => break (line, row.fill(line, text, self.separator)),
            }
        };
        if let Some(empty) = empty_line {
            return Err(DataError::Line {
                place: self.lines.place(empty, 0),
                what: format!("the line is empty, and line {line} is not"),
            });
        }
        cut.map_err(|error| uncut(&self.lines, line, error))?;
        if row.len() != self.width {
            return Err(DataError::Line {
                place: self.lines.place(line, 0),
                what: format!(
                    "the number of fields is {}, in the first line it is {}",
                    row.len(),
                    self.width
                ),
            });
        }
        Ok(true)
    }

    /// Parses the value in a field, which is not empty.
    pub(super) fn value(&self, row: &Row, column: usize) -> Result<f64, DataError> {
        number(row.field(column)).ok_or_else(|| DataError::NotANumber {
            place: self.lines.place(row.line, column + 1),
            text: shortened(row.field(column)),
        })
    }
}

/// The separator of a file, from its first line; a comma where none is in it.
fn separator(line: &str) -> u8 {
    let outside_quotes = |wanted: u8| {
        let mut quoted = false;
        line.bytes().any(|byte| {
            quoted ^= byte == b'"';
            byte == wanted && !quoted
        })
    };
    [b'\t', b';', b',']
        .into_iter()
        .find(|byte| outside_quotes(*byte))
        .unwrap_or(b',')
}

/// A line that cannot be cut, as an error with its place.
fn uncut(lines: &Lines, line: u64, error: Uncut) -> DataError {
    DataError::Line {
        place: lines.place(line, 0),
        what: error.to_string(),
    }
}
