//! A file of lines with the same number of fields: what all layouts of a user's file have in common.
//!
//! The first line decides: its separator is that of the file, and it is a header if any of its fields is
//! no number. A line with more or fewer fields is an error, since nobody can say which are meant.

use std::borrow::Cow;

use super::DataError;
use super::text::{Lines, fields, number, shortened};

/// One line, cut into fields.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) fields: Vec<String>,
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
        let first = Row {
            line,
            fields: cut(&lines, line, &first, separator)?,
        };
        // A `nan` or a first value missing is still a line of values.
        let is_header = first
            .fields
            .iter()
            .any(|field| !field.is_empty() && field.parse::<f64>().is_err());
        let mut table = Table {
            lines,
            separator,
            width: first.fields.len(),
            header: None,
            ahead: None,
        };
        if is_header {
            table.header = Some(first);
            table.ahead = table.next_row()?;
            if table.ahead.is_none() {
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

    /// The next row, which has as many fields as the first line. Empty lines at the end of the file are
    /// nothing; one before further values is a gap of every series.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, DataError> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        let mut empty_line = None;
        let (line, text) = loop {
            match self.lines.next()? {
                None => return Ok(None),
                Some((line, text)) if text.trim_matches([' ', '\t']).is_empty() => {
                    // In a file with tabs, a line of tabs is a row of empty fields: the same thing.
                    empty_line.get_or_insert(line);
                }
                Some((line, text)) => break (line, text.to_owned()),
            }
        };
        if let Some(empty) = empty_line {
            return Err(DataError::Line {
                place: self.lines.place(empty, 0),
                what: format!("the line is empty, and line {line} is not"),
            });
        }
        let fields = cut(&self.lines, line, &text, self.separator)?;
        if fields.len() != self.width {
            return Err(DataError::Line {
                place: self.lines.place(line, 0),
                what: format!(
                    "the number of fields is {}, in the first line it is {}",
                    fields.len(),
                    self.width
                ),
            });
        }
        Ok(Some(Row { line, fields }))
    }

    /// Parses the value in a field, which is not empty.
    pub(super) fn value(&self, row: &Row, column: usize) -> Result<f64, DataError> {
        number(&row.fields[column]).ok_or_else(|| DataError::NotANumber {
            place: self.lines.place(row.line, column + 1),
            text: shortened(&row.fields[column]),
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

/// The fields of a line.
fn cut(lines: &Lines, line: u64, text: &str, separator: u8) -> Result<Vec<String>, DataError> {
    match fields(text, separator) {
        Ok(fields) => Ok(fields.into_iter().map(Cow::into_owned).collect()),
        Err(error) => Err(DataError::Line {
            place: lines.place(line, 0),
            what: error.to_string(),
        }),
    }
}
