//! Whatever the files of a competition hold: series that are joined by their ids, or an error with its place.
//!
//! What is read must hold what the rest of the program relies on (see the target `csv`), each series having a
//! training part and a test part. The same series written out as M4 was published are read back the same,
//! and to ask for the first few gives the first few of all.
//!
//! The first byte of the input says which competition and which frequency, the second how many series are
//! asked for. The rest is the train file and, behind a byte of zero, the test file; or, where the second byte
//! has its highest bit, two packed files, the length of the first in two bytes before it.

#![no_main]

use std::io::Cursor;

use fumehood::data::{Competition, DataError, DataSet, Frequency, SeriesSet, read_competition};
use fuzz::series::{assert_sound, names_and_values, quoted};
use fuzz::{assert_harmless, assert_is_error};
use supervisor::commands::Failure;
use supervisor::reporter::escape;

/// What is written out again has no more values than this: beyond, it would only take time.
const MOST_WRITTEN: usize = 500;

fuzz::fuzz_target!(|data: &[u8]| check(data));

/// Which files are read.
#[derive(Clone, Copy)]
struct Which(Competition, Frequency);

fn check(data: &[u8]) {
    let [which, count, files @ ..] = data else {
        return;
    };
    let competition = [Competition::M3, Competition::M4][usize::from(which & 1)];
    let which = Which(competition, Frequency::ALL[usize::from(which >> 1) % 7]);
    let Some((train, test)) = split(files, count & 0x80 != 0) else {
        return;
    };
    let all = match which.read(train, test, None) {
        Ok(all) => all,
        Err(error) => return which.assert_refused(&error),
    };
    assert_eq!(
        competition.defaults(which.1),
        Some((all.default_horizon, all.default_season_length))
    );
    assert_sound(&all.series);
    assert!(all.series.shortest() >= 2);
    assert_harmless(&escape(&all.layout));
    let few = usize::from(count & 7);
    if 0 < few && few < all.series.len() {
        let first = which.read(train, test, Some(few)).expect("a part of it");
        assert_eq!(first.digest, all.digest);
        let of_all: Vec<_> = names_and_values(&all.series).take(few).collect();
        assert_eq!(names_and_values(&first.series).collect::<Vec<_>>(), of_all);
    }
    if count & 8 != 0 && all.series.total_values() <= MOST_WRITTEN {
        let [train, test] = written(&all.series);
        let back = which.read(train.as_bytes(), test.as_bytes(), None);
        assert_eq!(back.expect("good files").series, all.series);
    }
}

fn split(files: &[u8], packed: bool) -> Option<(&[u8], &[u8])> {
    if packed {
        let (length, files) = files.split_first_chunk()?;
        files.split_at_checked(u16::from_le_bytes(*length).into())
    } else {
        let at = files.iter().position(|&byte| byte == 0)?;
        Some((&files[..at], &files[at + 1..]))
    }
}

impl Which {
    fn read(self, train: &[u8], test: &[u8], most: Option<usize>) -> Result<DataSet, DataError> {
        let [train, test] = [train, test].map(|text| Cursor::new(text.to_vec()));
        read_competition(self.0, self.1, train, test, most)
    }

    fn assert_refused(self, error: &DataError) {
        let text = error.to_string();
        let has_place = ["train.csv: ", "test.csv: "]
            .iter()
            .any(|file| text.starts_with(file));
        assert_eq!(has_place, self.0.defaults(self.1).is_some(), "{error}");
        let failure = Failure::usage(text.replace('\n', " ")).hint(error.hint());
        assert_is_error(&failure.text());
    }
}

/// The two files: a value of each series is its test part.
fn written(series: &SeriesSet) -> [String; 2] {
    let mut files = ["V1,V2\n".to_owned(), "V1,V2\n".to_owned()];
    for (name, values) in names_and_values(series) {
        for (file, part) in files
            .iter_mut()
            .zip(<[_; 2]>::from(values.split_at(values.len() - 1)))
        {
            let fields: Vec<String> = part.iter().map(f64::to_string).collect();
            file.push_str(&format!("{},{}\n", quoted(name), fields.join(",")));
        }
    }
    files
}
