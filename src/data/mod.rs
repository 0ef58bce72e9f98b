//! Where series come from: competition files, files of a user, a seeded generator; and the store that
//! workers share.
//!
//! [`load()`] turns a [`Source`] into a [`DataSet`]: all series, test parts included, with what is usual
//! for that source (horizon, season length), a sentence on what was read and how it was understood, and
//! a digest of it. The digest depends on the content alone: a file gives the same one wherever it lies,
//! and whether it is compressed or not.
//!
//! Files of users are not trusted. Only regular files are read, never more than a gigabyte of them once
//! unpacked, and whatever is in them, the answer is a series set or an error with the file, line and
//! column. A *column* is the number of a field in its line, from 1. `nan`, infinities and gaps inside a
//! series are errors: a model would give numbers for them, and nobody would know what they mean.
//!
//! A set too large to travel in messages is written to a *store* ([`write_store`]): two NumPy arrays,
//! which every worker maps ([`Store`]), so that all of them share one copy.

mod competition;
mod csv_files;
mod error;
mod load;
#[cfg(test)]
mod published_scores;
mod series;
mod store;
mod synthetic;
mod table;
mod text;

pub use competition::read_competition;
pub use csv_files::read_custom;
pub use error::{DataError, Place};
pub use load::{Competition, DataSet, Frequency, FrequencyError, Source, load};
pub use series::SeriesSet;
pub use store::{Store, StoreError, write_store};
