//! The files of the M3 and M4 competitions, in the layout in which M4 was published.
//!
//! A first line of column names; then one line a series: its id and its values, oldest first, shorter
//! lines ending in empty fields. The train file holds what entrants saw, the test file what they were
//! judged by, its lines in any order. A series here is both joined.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::sink::{Gathering, Sink};
use super::text::{Lines, MAX_HELD_TEXT, MAX_TEXT, Watch, fields, number, shortened};
use super::{Competition, DataError, DataSet, Frequency};

/// Reads the first `max_series` series of one frequency into a sink, in the order of the train file; the
/// digest of both files.
pub(super) fn read(
    competition: Competition,
    folder: &Path,
    frequency: Frequency,
    max_series: Option<usize>,
    watch: &Watch,
    sink: &mut impl Sink,
) -> Result<[u8; 32], DataError> {
    // Before the folder is looked at: no such file would be the lesser truth.
    defaults(competition, frequency)?;
    let train = find(folder, frequency, "train")?;
    let test = find(folder, frequency, "test")?;
    let train = Lines::open(&train, MAX_TEXT, watch)?;
    // The test parts are held until the train file names their series.
    let test = Lines::open(&test, MAX_HELD_TEXT, watch)?;
    join(train, test, max_series.unwrap_or(usize::MAX), sink)
}

/// Reads the first `max_series` series of one frequency from the text of the train and the test file, plain
/// or packed. In messages these are `train.csv` and `test.csv`.
///
/// # Errors
///
/// As [`load`](super::load()) of such files.
pub fn read_competition(
    competition: Competition,
    frequency: Frequency,
    train: impl Read + 'static,
    test: impl Read + 'static,
    max_series: Option<usize>,
) -> Result<DataSet, DataError> {
    // Before the files are looked at, as in `read`.
    defaults(competition, frequency)?;
    let train = Lines::read(Path::new("train.csv"), train, MAX_TEXT)?;
    let test = Lines::read(Path::new("test.csv"), test, MAX_HELD_TEXT)?;
    let mut gathering = Gathering::new();
    let digest = join(
        train,
        test,
        max_series.unwrap_or(usize::MAX),
        &mut gathering,
    )?;
    data_set(competition, frequency, gathering, digest)
}

/// The horizon and the season length that are usual.
fn defaults(competition: Competition, frequency: Frequency) -> Result<(u32, u32), DataError> {
    competition
        .defaults(frequency)
        .ok_or(DataError::NoSuchFrequency {
            competition,
            frequency,
        })
}

/// A data set of what was gathered from both files.
pub(super) fn data_set(
    competition: Competition,
    frequency: Frequency,
    gathering: Gathering,
    digest: [u8; 32],
) -> Result<DataSet, DataError> {
    let (default_horizon, default_season_length) = defaults(competition, frequency)?;
    let series = gathering.finish();
    let layout = format!(
        "{} {frequency} series of the {competition} competition, {} to {} values each, the \
         competition's test part included",
        series.len(),
        series.shortest(),
        series.longest(),
    );
    Ok(DataSet {
        series,
        default_horizon,
        default_season_length,
        layout,
        digest,
    })
}

/// The path of a file that may be plain or packed; the plain one is taken where both are there.
fn find(folder: &Path, frequency: Frequency, part: &str) -> Result<PathBuf, DataError> {
    let name = |frequency: Frequency| {
        let mut name = frequency.to_string();
        name[..1].make_ascii_uppercase();
        format!("{name}-{part}.csv")
    };
    let candidates = |frequency: Frequency| {
        let plain = folder.join(name(frequency));
        let packed = folder.join(format!("{}.gz", name(frequency)));
        [plain, packed]
    };
    match folder.metadata() {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(DataError::Missing {
                path: folder.to_owned(),
                what: "folder",
                advice: Some("name the folder that holds the competition's files".to_owned()),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DataError::Missing {
                path: folder.to_owned(),
                what: "folder",
                advice: Some("name the folder that holds the competition's files".to_owned()),
            });
        }
        Err(source) => {
            return Err(DataError::Read {
                path: folder.to_owned(),
                source,
            });
        }
    }
    let exists = |path: &PathBuf| path.exists();
    if let Some(path) = candidates(frequency).into_iter().find(exists) {
        return Ok(path);
    }
    let there: Vec<String> = Frequency::ALL
        .into_iter()
        .filter(|other| candidates(*other).iter().any(exists))
        .map(|other| other.to_string())
        .collect();
    Err(DataError::Missing {
        path: folder.join(name(frequency)),
        what: "file",
        advice: Some(if there.is_empty() {
            format!(
                "neither it nor the same with `.gz` is in {}",
                folder.display()
            )
        } else {
            format!("that folder has series that are {}", there.join(", "))
        }),
    })
}

/// Where the values of a test part lie in the array of all of them, and the line they came from.
struct TestPart {
    values: Vec<f64>,
    line: u64,
    used: bool,
}

/// Joins the train and the test parts by their ids.
fn join(
    mut train: Lines,
    mut test: Lines,
    max_series: usize,
    sink: &mut impl Sink,
) -> Result<[u8; 32], DataError> {
    let mut tests: HashMap<String, TestPart> = HashMap::new();
    let mut values = Vec::new();
    while let Some((line, id)) = next_series(&mut test, &mut values)? {
        if let Some(first) = tests.get(&id) {
            return Err(duplicate(&test, line, id, first.line));
        }
        let part = TestPart {
            values: values.clone(),
            line,
            used: false,
        };
        tests.insert(id, part);
    }
    let mut lines: HashMap<String, u64> = HashMap::new();
    while lines.len() < max_series
        && let Some((line, id)) = next_series(&mut train, &mut values)?
    {
        let series = lines.len();
        if let Some(first) = lines.insert(id.clone(), line) {
            return Err(duplicate(&train, line, id, first));
        }
        let part = tests.get_mut(&id).ok_or_else(|| DataError::Line {
            place: train.place(line, 1),
            what: format!("the test file has no series `{}`", shortened(&id)),
        })?;
        part.used = true;
        sink.begin(&id)?;
        for value in values.iter().chain(&part.values) {
            sink.value(series, *value)?;
        }
    }
    if lines.is_empty() {
        return Err(DataError::NoSeries {
            path: train.place(0, 0).file,
            what: "the file has no series",
        });
    }
    // Of a file read in part nothing can be said about the ids that were not met.
    let unmatched = tests.iter().filter(|(_, part)| !part.used);
    if lines.len() < max_series
        && let Some((id, part)) = unmatched.min_by_key(|(_, part)| part.line)
    {
        return Err(DataError::Line {
            place: test.place(part.line, 1),
            what: format!("the train file has no series `{}`", shortened(id)),
        });
    }
    let mut digest = blake3::Hasher::new();
    digest.update(&train.finish()?);
    digest.update(&test.finish()?);
    Ok(*digest.finalize().as_bytes())
}

fn duplicate(lines: &Lines, line: u64, name: String, first_line: u64) -> DataError {
    DataError::DuplicateName {
        place: lines.place(line, 1),
        name,
        first_line,
        first_column: 1,
    }
}

/// Reads the next line that holds a series: its values go to `values`; its line and id come back.
fn next_series(
    lines: &mut Lines,
    values: &mut Vec<f64>,
) -> Result<Option<(u64, String)>, DataError> {
    loop {
        let Some((line, text)) = lines.next()? else {
            return Ok(None);
        };
        match parse(line, text, values) {
            Ok(None) => {}
            Ok(Some(id)) => return Ok(Some((line, id))),
            Err(Fault::Line(what)) => {
                return Err(DataError::Line {
                    place: lines.place(line, 0),
                    what,
                });
            }
            Err(Fault::Gap(column, series)) => {
                return Err(DataError::Gap {
                    place: lines.place(line, column),
                    series,
                });
            }
            Err(Fault::NotANumber(column, text)) => {
                return Err(DataError::NotANumber {
                    place: lines.place(line, column),
                    text,
                });
            }
        }
    }
}

/// What is wrong with a line; a number is a column.
enum Fault {
    Line(String),
    Gap(usize, String),
    NotANumber(usize, String),
}

/// The id of a line, its values going to `values`; `None` where it holds no series.
fn parse(line: u64, text: &str, values: &mut Vec<f64>) -> Result<Option<String>, Fault> {
    // The empty fields at the end can be hundreds.
    let text = text.trim_end_matches([',', ' ', '\r']);
    if text.is_empty() {
        return Ok(None);
    }
    let fields = fields(text, b',').map_err(|error| Fault::Line(error.to_string()))?;
    let (id, cells) = fields.split_first().expect("a line has at least one field");
    let names_columns =
        |cells: &[std::borrow::Cow<'_, str>]| cells.iter().all(|cell| cell.parse::<f64>().is_err());
    if line == 1 && names_columns(cells) {
        return Ok(None);
    }
    if id.is_empty() {
        return Err(Fault::Line("the series has no id".to_owned()));
    }
    // Quoted empty fields too may stand for values that are not there.
    let length = cells.iter().rposition(|cell| !cell.is_empty());
    let cells = &cells[..length.map_or(0, |last| last + 1)];
    if cells.is_empty() {
        return Err(Fault::Line(format!(
            "the series `{}` has no values",
            shortened(id)
        )));
    }
    values.clear();
    for (at, cell) in cells.iter().enumerate() {
        let column = at + 2;
        if cell.is_empty() {
            return Err(Fault::Gap(column, shortened(id)));
        }
        values.push(number(cell).ok_or_else(|| Fault::NotANumber(column, shortened(cell)))?);
    }
    Ok(Some(id.clone().into_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::super::SeriesSet;
    use super::super::text::unwatched;
    use super::*;

    fn lines(name: &str, text: &[u8]) -> Lines {
        let reader = Cursor::new(text.to_vec());
        Lines::read(Path::new(name), reader, 1 << 20).expect("memory can be read")
    }

    fn gathered(
        train: Lines,
        test: Lines,
        count: usize,
    ) -> Result<(SeriesSet, [u8; 32]), DataError> {
        let mut gathering = Gathering::new();
        let digest = join(train, test, count, &mut gathering)?;
        Ok((gathering.finish(), digest))
    }

    fn joined(train: &str, test: &str, count: usize) -> Result<SeriesSet, DataError> {
        gathered(
            lines("train.csv", train.as_bytes()),
            lines("test.csv", test.as_bytes()),
            count,
        )
        .map(|(series, _)| series)
    }

    fn refused(train: &str, test: &str) -> String {
        joined(train, test, usize::MAX)
            .expect_err("no series")
            .to_string()
    }

    const TRAIN: &str =
        "\"V1\",\"V2\",\"V3\",\"V4\"\n\"Y1\",\"1\",\"2\",\n\"Y2\",\"3\",\"4\",\"5\"\n";
    const TEST: &str = "\"V1\",\"V2\"\n\"Y2\",\"6\"\n\"Y1\",\"7\"\n";

    #[test]
    fn train_and_test_are_joined_by_id_in_the_order_of_train() {
        let set = joined(TRAIN, TEST, usize::MAX).expect("series");
        assert_eq!((set.name(0), set.values(0)), ("Y1", &[1.0, 2.0, 7.0][..]));
        assert_eq!(
            (set.name(1), set.values(1)),
            ("Y2", &[3.0, 4.0, 5.0, 6.0][..])
        );
        let set = joined(TRAIN, TEST, 1).expect("series");
        assert_eq!((set.len(), set.name(0)), (1, "Y1"));
    }

    #[test]
    fn a_frequency_that_a_competition_has_not_comes_before_all_else() {
        let broken = || Cursor::new(b"\x1f\x8b".to_vec());
        let error = read_competition(Competition::M4, Frequency::Other, broken(), broken(), None)
            .expect_err("M4 has none");
        assert!(
            matches!(error, DataError::NoSuchFrequency { .. }),
            "{error}"
        );
    }

    #[test]
    fn the_digest_covers_both_files_whole() {
        let digest = |train: &str, test: &str, count| {
            let train = lines("train.csv", train.as_bytes());
            let test = lines("test.csv", test.as_bytes());
            gathered(train, test, count).expect("series").1
        };
        let whole = digest(TRAIN, TEST, usize::MAX);
        assert_eq!(digest(TRAIN, TEST, 1), whole);
        assert_ne!(digest(TRAIN, &TEST.replace('7', "8"), 1), whole);
        assert_ne!(digest(&TRAIN.replace('5', "6"), TEST, 1), whole);
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        assert_eq!(
            refused("id,a\nY1,1\nY3,2\n", "id,a\nY1,1\n"),
            "train.csv: line 3, column 1: the test file has no series `Y3`"
        );
        assert_eq!(
            refused("id,a\nY1,1\n", "id,a\nY1,1\nY3,1\n"),
            "test.csv: line 3, column 1: the train file has no series `Y3`"
        );
        assert_eq!(
            refused("id,a\nY1,1\nY1,2\n", "id,a\nY1,1\n"),
            "train.csv: line 3, column 1: the name `Y1` is taken by the series of line 2, column 1"
        );
        assert_eq!(
            refused("id,a\n", "id,a\n"),
            "train.csv: the file has no series"
        );
    }

    #[test]
    fn lines_that_are_no_series_are_refused_with_their_place() {
        assert_eq!(
            refused("id,a,b,c\nY1,1,,3\n", "Y1,1\n"),
            "train.csv: line 2, column 3: the series `Y1` has a gap here"
        );
        assert_eq!(
            refused("Y1,1,nan\n", "Y1,1\n"),
            "train.csv: line 1, column 3: `nan` is not a finite number"
        );
        assert_eq!(
            refused("id,a\nY1,1\nY2,\"\",\n", "Y1,1\n"),
            "train.csv: line 3: the series `Y2` has no values"
        );
        assert_eq!(
            refused("id,a\n,1\n", "Y1,1\n"),
            "train.csv: line 2: the series has no id"
        );
    }

    #[test]
    fn text_that_is_open_is_read_like_files() {
        let read = |frequency, train: &'static str| {
            read_competition(
                Competition::M4,
                frequency,
                Cursor::new(train),
                Cursor::new(TEST),
                None,
            )
        };
        let set = read(Frequency::Hourly, TRAIN).expect("series");
        assert_eq!((set.series.len(), set.series.name(1)), (2, "Y2"));
        assert_eq!((set.default_horizon, set.default_season_length), (48, 24));
        let error = read(Frequency::Other, TRAIN).expect_err("M4 has no such series");
        assert_eq!(error.to_string(), "the M4 competition has no other series");
        let error = read(Frequency::Hourly, "id,a\nY1\n").expect_err("no values");
        assert_eq!(
            error.to_string(),
            "train.csv: line 2: the series `Y1` has no values"
        );
    }

    #[test]
    fn what_is_missing_is_said_with_what_is_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let read = |path: &Path, frequency| {
            let sink = &mut Gathering::new();
            read(Competition::M4, path, frequency, None, &unwatched(), sink)
                .expect_err("nothing to read")
        };
        let error = read(&folder.path().join("nowhere"), Frequency::Yearly);
        assert!(
            error.to_string().ends_with("there is no such folder"),
            "{error}"
        );
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("a writable folder");
        };
        write("Yearly-train.csv", TRAIN);
        let error = read(folder.path(), Frequency::Hourly);
        assert!(
            error
                .to_string()
                .ends_with("Hourly-train.csv: there is no such file"),
            "{error}"
        );
        assert_eq!(
            error.hint().as_deref(),
            Some("that folder has series that are yearly")
        );
        let error = read(folder.path(), Frequency::Yearly);
        assert!(
            error
                .to_string()
                .ends_with("Yearly-test.csv: there is no such file"),
            "{error}"
        );
        let error = read(folder.path(), Frequency::Other);
        assert_eq!(error.to_string(), "the M4 competition has no other series");
        assert_eq!(
            error.hint().as_deref(),
            Some("its frequencies are yearly, quarterly, monthly, weekly, daily, hourly")
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            train in prop::collection::vec(any::<u8>(), 0..200),
            test in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok((set, _)) = gathered(lines("a", &train), lines("b", &test), usize::MAX) {
                prop_assert!(!set.is_empty());
            }
        }

        #[test]
        fn no_table_makes_it_panic(train in "[Y0-9,\"\n.]{0,60}", test in "[Y0-9,\"\n.]{0,60}") {
            if let Ok(set) = joined(&train, &test, usize::MAX) {
                prop_assert!(set.shortest() >= 2);
            }
        }
    }
}
