//! Whatever a user's file of series holds: series, or an error with its place.
//!
//! What is read must hold what the rest of the program relies on: at least one series, names that are unique
//! and not empty, values that are finite, the digest of the text. And nothing may depend on how it was written:
//! the same series written out in the long layout are read back the same, and to ask for the first few gives
//! the first few of all.
//!
//! The first byte of the input says how many series are asked for, the rest is the file, plain or packed.

#![no_main]

use std::io::Cursor;

use fumehood::data::{DataError, DataSet, SeriesSet, read_custom};
use fuzz::series::{assert_sound, names_and_values, quoted};
use fuzz::{assert_harmless, assert_is_error};
use supervisor::commands::Failure;
use supervisor::reporter::escape;

/// What is written out again has no more values than this: beyond, it would only take time.
const MOST_WRITTEN: usize = 500;

fuzz::fuzz_target!(|data: &[u8]| check(data));

fn check(data: &[u8]) {
    let Some((&count, text)) = data.split_first() else {
        return;
    };
    let all = match read(text, None) {
        Ok(all) => all,
        Err(error) => return assert_refused(&error),
    };
    assert_sound(&all.series);
    assert_harmless(&escape(&all.layout));
    if !text.starts_with(&[0x1f, 0x8b]) {
        assert_eq!(all.digest, *blake3::hash(text).as_bytes());
    }
    let few = usize::from(count % 8);
    if 0 < few && few < all.series.len() {
        let first = read(text, Some(few)).expect("a part of what could be read");
        assert_eq!(first.digest, all.digest);
        let of_all: Vec<_> = names_and_values(&all.series).take(few).collect();
        assert_eq!(names_and_values(&first.series).collect::<Vec<_>>(), of_all);
    }
    if count >= 128 && all.series.total_values() <= MOST_WRITTEN {
        let long = read(long(&all.series).as_bytes(), None).expect("a good file");
        assert_eq!(long.series, all.series);
    }
}

fn read(text: &[u8], max_series: Option<usize>) -> Result<DataSet, DataError> {
    read_custom(Cursor::new(text.to_vec()), max_series)
}

/// The long layout.
fn long(series: &SeriesSet) -> String {
    let lines = names_and_values(series).flat_map(|(name, values)| {
        let name = quoted(name);
        values.iter().map(move |value| format!("{name},{value}\n"))
    });
    ["unique_id,y\n".to_owned()]
        .into_iter()
        .chain(lines)
        .collect()
}

fn assert_refused(error: &DataError) {
    assert!(error.to_string().starts_with("series.csv: "), "{error}");
    let failure = Failure::usage(error.to_string().replace('\n', " ")).hint(error.hint());
    assert_is_error(&failure.text());
}
