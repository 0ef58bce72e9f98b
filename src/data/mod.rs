//! Where series come from: competition files, files of a user, a seeded generator; and the store that
//! workers share.
//!
//! [`load()`] turns a [`Source`] into a [`DataSet`]: all series, test parts included, with what is usual
//! for that source (horizon, season length), a sentence on what was read and how it was understood, and
//! a digest of it. The digest depends on the content alone: a file gives the same one wherever it lies,
//! and whether it is compressed or not.
//!
//! Files of users are not trusted. Only regular files are read, never more than 64 GiB of them once
//! unpacked, and whatever is in them, the answer is a series set or an error with the file, line and
//! column. A *column* is the number of a field in its line, from 1. `nan`, infinities and gaps inside a
//! series are errors: a model would give numbers for them, and nobody would know what they mean.
//!
//! A set too large to travel in messages is written to a *store* ([`write_store`]): two NumPy arrays,
//! which every worker maps ([`Store`]), so that all of them share one copy. One that is too large for memory
//! as well is never held: it is read once to be checked and counted, and once more as a stream into the store
//! ([`Import`]; docs/adr/0013).

mod competition;
mod csv_files;
mod error;
mod import;
mod load;
#[cfg(test)]
mod published_scores;
mod series;
mod sink;
mod store;
mod synthetic;
mod table;
mod text;

pub use competition::read_competition;
pub use csv_files::read_custom;
pub use error::{DataError, Place};
pub use import::Import;
pub use load::{Competition, DataSet, Frequency, FrequencyError, Source, load, load_watched};
pub use series::SeriesSet;
pub use sink::MAX_IN_MEMORY;
pub use store::{Store, StoreError, write_store};
pub use text::{Watch, unwatched};
