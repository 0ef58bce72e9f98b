//! What can be wrong with a journal: what is refused, and what is only noted.

use std::io;

use super::super::atomic::hint_of;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Bytes that are no record, and valid records after them.
    #[error(
        "the journal is damaged: {segment}, byte {offset}: no valid record here, but valid ones after it"
    )]
    Damaged {
        /// The segment's file name.
        segment: String,
        /// Bytes before the damage.
        offset: u64,
    },
    /// A valid record that cannot be where it is.
    #[error("the journal is damaged: {segment}, byte {offset}: {what}")]
    Misplaced {
        /// The segment's file name.
        segment: String,
        /// Bytes before the record.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A newer version of the program wrote it.
    #[error("{segment} has schema {found}; this version reads up to schema {known}")]
    Schema {
        /// The segment's file name.
        segment: String,
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The folder is of another run.
    #[error("the run folder holds another plan: its digest is {found}, this plan's is {expected}")]
    OtherPlan {
        /// The segments'.
        found: String,
        /// The one asked for, or that of the segments before.
        expected: String,
    },
}

impl RecoverError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            RecoverError::Io(error) => Some(hint_of(error)),
            RecoverError::Damaged { .. } | RecoverError::Misplaced { .. } => {
                Some("restore the file from a copy, or run again in another --run-dir".into())
            }
            RecoverError::Schema { .. } => {
                Some("use the version that wrote it, or a newer one".into())
            }
            RecoverError::OtherPlan { .. } => {
                Some("the spec or its data has changed: choose another --run-dir".into())
            }
        }
    }
}

/// Something that was wrong and did no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A segment ends with bytes that are no record.
    BadTail {
        /// The segment's file name.
        segment: String,
        /// Where they begin.
        offset: u64,
        /// How many they are.
        bytes: u64,
        /// Whether they were cut off.
        cut: bool,
    },
    /// Records that never reached the disk, though later ones did; nobody was told of them.
    Lost {
        /// The segment's file name.
        segment: String,
        /// Where they were to begin.
        offset: u64,
        /// How many they are.
        records: u64,
    },
    /// A segment whose header is not whole, so that it can hold no record.
    NoHeader {
        /// The segment's file name.
        segment: String,
        /// Whether it was removed.
        removed: bool,
    },
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Note::BadTail {
                segment,
                offset,
                bytes,
                cut,
            } => {
                let done = if *cut { "cut off" } else { "left out" };
                write!(
                    f,
                    "{segment}: {bytes} bytes from byte {offset} are no whole record: {done}"
                )
            }
            Note::Lost {
                segment,
                offset,
                records,
            } => write!(
                f,
                "{segment}: {records} records from byte {offset} never reached the disk: their tasks run again"
            ),
            Note::NoHeader { segment, removed } => {
                let done = if *removed { "removed" } else { "left out" };
                write!(f, "{segment}: it ends inside its header: {done}")
            }
        }
    }
}
