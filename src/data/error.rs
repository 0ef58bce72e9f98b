//! What can be wrong with data, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::StoreError;

/// A place in a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// From 1.
    pub line: u64,
    /// The number of the field in its line, from 1; 0 where the whole line is meant.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}", self.file.display(), self.line)?;
        match self.column {
            0 => Ok(()),
            column => write!(f, ", column {column}"),
        }
    }
}

/// Series cannot be had from a source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder that should be there is not.
    #[error("{}: there is no such {what}", .path.display())]
    Missing {
        /// The path asked for.
        path: PathBuf,
        /// "file" or "folder".
        what: &'static str,
        /// What is there instead, for the hint.
        advice: Option<String>,
    },
    /// A folder, pipe or device where a file should be.
    #[error("{}: this is a {kind}, not a file", .path.display())]
    NotAFile {
        /// The path asked for.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The system cannot read the file, or its compression is damaged.
    #[error("{}: failed to read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than the cap, once unpacked.
    #[error("{}: the file has more than {limit} bytes of text", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The cap.
        limit: u64,
    },
    /// No series is in the file.
    #[error("{}: {what}", .path.display())]
    NoSeries {
        /// The file.
        path: PathBuf,
        /// "the file is empty", or the like.
        what: &'static str,
    },
    /// A line is not as it should be.
    #[error("{place}: {what}")]
    Line {
        /// Where.
        place: Place,
        /// What is wrong with it.
        what: String,
    },
    /// A field that should hold a value holds something else.
    #[error("{place}: `{text}` is not a finite number")]
    NotANumber {
        /// Where.
        place: Place,
        /// The field, shortened.
        text: String,
    },
    /// A series goes on after an empty field.
    #[error("{place}: the series `{series}` has a gap here")]
    Gap {
        /// The empty field.
        place: Place,
        /// The name of the series.
        series: String,
    },
    /// Two series have one name.
    #[error(
        "{place}: the name `{name}` is taken by the series of line {first_line}, column {first_column}"
    )]
    DuplicateName {
        /// The second series.
        place: Place,
        /// The name of both.
        name: String,
        /// The line of the first series.
        first_line: u64,
        /// The column of its name.
        first_column: usize,
    },
    /// The names of the series alone take more memory than they may.
    #[error("after {series} series their names take more memory than they may")]
    TooManyNames {
        /// How many were read.
        series: usize,
    },
    /// The source is not what it was when it was read first.
    #[error("{}: it has changed since it was read a moment ago", .path.display())]
    Changed {
        /// The file, or the first of them.
        path: PathBuf,
    },
    /// Somebody asked for an end of the reading.
    #[error("{}: reading was stopped", .path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The competition had no series of this frequency.
    #[error("the {competition} competition has no {frequency} series")]
    NoSuchFrequency {
        /// M3 or M4.
        competition: super::Competition,
        /// As asked for.
        frequency: super::Frequency,
    },
    /// No series is longer than the horizon.
    #[error(
        "no series is long enough for a horizon of {horizon}: the longest has {longest} values"
    )]
    HorizonTooLong {
        /// As asked for, or the default of the source.
        horizon: u32,
        /// The length of the longest series.
        longest: usize,
    },
    /// More series asked for than are made.
    #[error("at most {most} series are made up")]
    TooManySeries {
        /// The limit.
        most: usize,
    },
    /// A horizon of 0, or no series asked for.
    #[error("the {what} is 0")]
    Zero {
        /// "horizon", or the like.
        what: &'static str,
    },
}

impl DataError {
    /// What the user may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            DataError::Missing { what, advice, .. } => {
                let general = || format!("name a {what} that is there");
                Some(advice.clone().unwrap_or_else(general))
            }
            DataError::NotAFile { kind, .. } => Some(match *kind {
                "folder" => "name a file in it".to_owned(),
                _ => "write the series to a file first and name that".to_owned(),
            }),
            DataError::TooLarge { .. } | DataError::TooManyNames { .. } => {
                Some("split the file and make an experiment of each part".to_owned())
            }
            DataError::Changed { .. } => {
                Some("run again when nobody writes to it".to_owned())
            }
            DataError::Store(error) => error.hint(),
            DataError::NotANumber { text, .. } if decimal_comma(text) => {
                Some("write numbers with a decimal point".to_owned())
            }
            DataError::NotANumber { .. } | DataError::Gap { .. } => {
                Some("fill the value in, or leave the series out; nothing is guessed".to_owned())
            }
            DataError::NoSuchFrequency { competition, .. } => {
                let frequencies = competition.frequencies().iter();
                let names: Vec<String> = frequencies.map(ToString::to_string).collect();
                Some(format!("its frequencies are {}", names.join(", ")))
            }
            DataError::HorizonTooLong { longest, .. } => Some(match longest.saturating_sub(1) {
                0 => "a series needs at least two values".to_owned(),
                possible => format!("ask for a horizon of at most {possible}"),
            }),
            DataError::NoSeries { .. } => Some(
                "a file of series is long (unique_id, ds, y), or has one series a column"
                    .to_owned(),
            ),
            DataError::Line { .. } => Some(
                "a file of series is UTF-8 text with one record a line, and as many fields in each as in the first"
                    .to_owned(),
            ),
            DataError::DuplicateName { .. } => {
                Some("give each series a name of its own".to_owned())
            }
            DataError::TooManySeries { most } => {
                Some(format!("write `max-series` of at most {most}"))
            }
            _ => None,
        }
    }
}

/// Whether a text would be a number if its comma were a point.
fn decimal_comma(text: &str) -> bool {
    text.contains(',') && text.replacen(',', ".", 1).parse::<f64>().is_ok()
}
