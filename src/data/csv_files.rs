//! A file of series that a user brings: CSV or TSV.
//!
//! Four layouts are told apart by the first lines:
//!
//! - *long*: a header with `unique_id` and `y` (and usually `ds`); one value a line. The values of a
//!   series are taken in the order of their lines, series in the order of first appearance;
//! - *wide*: a header of names, one series a column. Empty fields at the end of a column are no values;
//! - *dated*: the same after a first column of dates, which is left out: one whose first value is no
//!   number, or whose name says that it holds times;
//! - *single*: one column of values, with or without a name.
//!
//! The separator is the first of tab, semicolon and comma that the first line has.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use super::sink::{Gathering, Sink};
use super::table::{Row, Table};
use super::text::{Lines, MAX_TEXT, Watch, shortened};
use super::{DataError, DataSet, SeriesSet};

/// The horizon where the user says none.
const DEFAULT_HORIZON: u32 = 12;
/// The name of a single series without a header.
const NAMELESS: &str = "series";
/// Names of a column that holds times even where these look like numbers.
const TIME_NAMES: [&str; 13] = [
    "",
    "ds",
    "date",
    "datetime",
    "time",
    "timestamp",
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "index",
];

/// Reads the first `max_series` series of a file into a sink; what was read, and the digest of the text.
pub(super) fn read(
    file: &Path,
    max_series: Option<usize>,
    watch: &Watch,
    sink: &mut impl Sink,
) -> Result<(Layout, [u8; 32]), DataError> {
    let lines = Lines::open(file, MAX_TEXT, watch)?;
    read_lines(lines, max_series.unwrap_or(usize::MAX), sink)
}

/// A data set of what was gathered from a file.
pub(super) fn data_set(gathering: Gathering, layout: &Layout, digest: [u8; 32]) -> DataSet {
    let series = gathering.finish();
    DataSet {
        layout: layout.sentence(&series),
        series,
        default_horizon: DEFAULT_HORIZON,
        default_season_length: 1,
        digest,
    }
}

/// Reads the first `max_series` series of the text of a file, plain or packed. In messages it is
/// `series.csv`.
///
/// # Errors
///
/// As [`load`](super::load()) of such a file.
pub fn read_custom(
    text: impl Read + 'static,
    max_series: Option<usize>,
) -> Result<DataSet, DataError> {
    let lines = Lines::read(Path::new("series.csv"), text, MAX_TEXT)?;
    let mut gathering = Gathering::new();
    let most = max_series.unwrap_or(usize::MAX);
    let (layout, digest) = read_lines(lines, most, &mut gathering)?;
    Ok(data_set(gathering, &layout, digest))
}

/// Reads the first `max_series` series of an open file.
fn read_lines(
    lines: Lines,
    max_series: usize,
    sink: &mut impl Sink,
) -> Result<(Layout, [u8; 32]), DataError> {
    let mut table = Table::open(lines)?;
    let layout = match table.header_form() {
        Form::Long { id, y } => table.read_long(id, y, max_series, sink)?,
        Form::Columns => table.read_columns(max_series, sink)?,
    };
    Ok((layout, table.lines.finish()?))
}

/// How a file is laid out, as far as its header says.
enum Form {
    /// Positions of the columns of ids and values.
    Long { id: usize, y: usize },
    /// One series a column.
    Columns,
}

/// How a file was read, for the user.
#[derive(Debug)]
pub(super) enum Layout {
    /// One value a line; the names of columns that are not used.
    Long { ignored: Vec<String> },
    /// One series a column, of one or of several; the name of the column of dates.
    Columns {
        several: bool,
        dates: Option<String>,
    },
}

impl Layout {
    /// One sentence.
    fn sentence(&self, series: &SeriesSet) -> String {
        let counted = counted(series);
        match self {
            Layout::Long { ignored } => {
                let ignored = match ignored.as_slice() {
                    [] => String::new(),
                    [one] => format!("; column {one} is not used"),
                    _ => format!("; columns {} are not used", ignored.join(", ")),
                };
                format!(
                    "{counted} in the long layout (unique_id, ds, y), in the order of their lines{ignored}"
                )
            }
            Layout::Columns { several, dates } => {
                let whose = if *several { "their" } else { "its" };
                let dates = dates
                    .as_ref()
                    .map(|name| format!(", column `{name}` being {whose} dates"))
                    .unwrap_or_default();
                match several {
                    true => format!("{counted}, one a column{dates}"),
                    false => format!("{counted} in a single column{dates}"),
                }
            }
        }
    }
}

impl Table {
    fn header_form(&self) -> Form {
        let at = |name: &str| {
            let header = self.header.as_ref()?;
            header
                .fields()
                .position(|field| field.eq_ignore_ascii_case(name))
        };
        match (at("unique_id"), at("y")) {
            (Some(id), Some(y)) => Form::Long { id, y },
            _ => Form::Columns,
        }
    }

    /// Reads the long layout.
    fn read_long(
        &mut self,
        id: usize,
        y: usize,
        max_series: usize,
        sink: &mut impl Sink,
    ) -> Result<Layout, DataError> {
        let mut places: HashMap<String, usize> = HashMap::new();
        // Mostly a line is of the same series as the one before.
        let mut last: Option<(String, usize)> = None;
        let mut row = Row::default();
        while self.next_row(&mut row)? {
            let name = row.field(id);
            if name.is_empty() {
                return Err(DataError::Line {
                    place: self.lines.place(row.line, id + 1),
                    what: "the unique_id is empty".to_owned(),
                });
            }
            if row.field(y).is_empty() {
                return Err(DataError::Gap {
                    place: self.lines.place(row.line, y + 1),
                    series: shortened(name),
                });
            }
            let value = self.value(&row, y)?;
            let at = match &last {
                Some((before, at)) if before == name => *at,
                _ => {
                    let at = match places.get(name) {
                        Some(at) => *at,
                        // The rest of the file is still checked, and belongs to the digest.
                        None if places.len() >= max_series => continue,
                        None => {
                            let at = places.len();
                            sink.begin(name)?;
                            places.insert(name.to_owned(), at);
                            at
                        }
                    };
                    last = Some((name.to_owned(), at));
                    at
                }
            };
            sink.value(at, value)?;
        }
        let ignored = self
            .header
            .iter()
            .flat_map(|header| header.fields().enumerate())
            .filter(|(at, name)| *at != id && *at != y && !name.eq_ignore_ascii_case("ds"))
            .map(|(_, name)| format!("`{}`", shortened(name)))
            .collect();
        Ok(Layout::Long { ignored })
    }

    /// Reads the layouts with one series a column.
    fn read_columns(
        &mut self,
        max_series: usize,
        sink: &mut impl Sink,
    ) -> Result<Layout, DataError> {
        let dates = usize::from(self.first_column_is_dates());
        let names = self.column_names(dates)?;
        for name in names.iter().take(max_series) {
            sink.begin(name)?;
        }
        let mut columns = vec![Column::default(); names.len()];
        let mut row = Row::default();
        while self.next_row(&mut row)? {
            for (series, column) in columns.iter_mut().enumerate() {
                let at = series + dates;
                if row.field(at).is_empty() {
                    column.ended.get_or_insert(row.line);
                    continue;
                }
                if let Some(line) = column.ended {
                    return Err(DataError::Gap {
                        place: self.lines.place(line, at + 1),
                        series: shortened(&names[series]),
                    });
                }
                let value = self.value(&row, at)?;
                column.has_values = true;
                if series < max_series {
                    sink.value(series, value)?;
                }
            }
        }
        let is_empty = |column: &Column| !column.has_values;
        if let Some(series) = columns.iter().take(max_series).position(is_empty) {
            let line = self.header.as_ref().map_or(1, |header| header.line);
            return Err(DataError::Line {
                place: self.lines.place(line, series + dates + 1),
                what: format!("the series `{}` has no values", shortened(&names[series])),
            });
        }
        Ok(Layout::Columns {
            several: self.width - dates > 1,
            dates: self
                .header
                .as_ref()
                .filter(|_| dates == 1)
                .map(|header| shortened(header.field(0))),
        })
    }

    /// Whether the first of several columns holds times rather than a series.
    fn first_column_is_dates(&self) -> bool {
        let (Some(header), Some(first)) = (&self.header, &self.ahead) else {
            return false;
        };
        let name = header.field(0).to_ascii_lowercase();
        let value = first.field(0);
        self.width > 1
            && (TIME_NAMES.contains(&name.as_str())
                || (!value.is_empty() && value.parse::<f64>().is_err()))
    }

    /// The names of the series: those of all columns but the dates.
    fn column_names(&self, dates: usize) -> Result<Vec<String>, DataError> {
        let Some(header) = &self.header else {
            return Ok(vec![NAMELESS.to_owned()]);
        };
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (at, name) in header.fields().enumerate().skip(dates) {
            let place = self.lines.place(header.line, at + 1);
            if name.is_empty() {
                return Err(DataError::Line {
                    place,
                    what: "the column has no name".to_owned(),
                });
            }
            // Years, or a line of values: the file has one series a line, and each of its columns
            // would be read as a series that does not exist.
            if name.parse::<f64>().is_ok() {
                return Err(DataError::Line {
                    place,
                    what: format!(
                        "the column is named by the number {}; series must go down the columns, \
                         each under a name",
                        shortened(name)
                    ),
                });
            }
            if let Some(first) = places.insert(name, at) {
                return Err(DataError::DuplicateName {
                    place,
                    name: shortened(name),
                    first_line: header.line,
                    first_column: first + 1,
                });
            }
        }
        Ok(header.fields().skip(dates).map(str::to_owned).collect())
    }
}

/// A series that is being read from a column.
#[derive(Clone, Default)]
struct Column {
    has_values: bool,
    /// The line of its first empty field.
    ended: Option<u64>,
}

/// "3 series of 10 to 20 values each".
fn counted(series: &SeriesSet) -> String {
    match (series.len(), series.shortest(), series.longest()) {
        (1, _, values) => format!(
            "one series `{}` of {values} values",
            shortened(series.name(0))
        ),
        (count, shortest, longest) if shortest == longest => {
            format!("{count} series of {longest} values each")
        }
        (count, shortest, longest) => format!("{count} series of {shortest} to {longest} values"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn parse(text: impl AsRef<[u8]>) -> Result<DataSet, DataError> {
        first(text, usize::MAX)
    }

    fn first(text: impl AsRef<[u8]>, count: usize) -> Result<DataSet, DataError> {
        let reader = Cursor::new(text.as_ref().to_vec());
        let lines = Lines::read(Path::new("in.csv"), reader, 1 << 20)?;
        let mut gathering = Gathering::new();
        let (layout, digest) = read_lines(lines, count, &mut gathering)?;
        Ok(data_set(gathering, &layout, digest))
    }

    /// "a 1 2; b 3".
    fn shown(set: &SeriesSet) -> String {
        let one = |i: usize| {
            let values: Vec<String> = set.values(i).iter().map(f64::to_string).collect();
            format!("{} {}", set.name(i), values.join(" "))
        };
        (0..set.len()).map(one).collect::<Vec<_>>().join("; ")
    }

    fn read_as(text: &str) -> String {
        shown(&parse(text).expect("series").series)
    }

    fn refused(text: impl AsRef<[u8]>) -> String {
        parse(text).expect_err("no series").to_string()
    }

    #[test]
    fn text_that_is_open_is_read_like_a_file() {
        let set = read_custom(Cursor::new("a,b\n1,2\n3,4\n"), Some(1)).expect("series");
        assert_eq!(shown(&set.series), "a 1 3");
        let error = read_custom(Cursor::new(""), None).expect_err("no series");
        assert_eq!(error.to_string(), "series.csv: the file is empty");
    }

    #[test]
    fn the_long_layout_takes_series_as_they_appear() {
        let text = "unique_id,ds,y\nb,2020,1\na,2020,5\nb,2021,2\n";
        let set = parse(text).expect("series");
        assert_eq!(shown(&set.series), "b 1 2; a 5");
        assert_eq!(
            set.layout,
            "2 series of 1 to 2 values in the long layout (unique_id, ds, y), in the order of their lines"
        );
        assert_eq!((set.default_horizon, set.default_season_length), (12, 1));
        assert_eq!(set.digest, *blake3::hash(text.as_bytes()).as_bytes());
        let set = parse("y;price;unique_id\n1;9;a\n").expect("series");
        assert_eq!(shown(&set.series), "a 1");
        assert!(
            set.layout.ends_with("; column `price` is not used"),
            "{}",
            set.layout
        );
    }

    #[test]
    fn the_wide_layout_takes_one_series_a_column() {
        assert_eq!(read_as("a,b\n1,4\n2,5\n3,\n"), "a 1 2 3; b 4 5");
        assert_eq!(read_as("a\tb\n1\t4\n2\t5\n"), "a 1 2; b 4 5");
        assert_eq!(read_as("\u{feff}a;b\r\n1;4\r\n"), "a 1; b 4");
        assert_eq!(read_as("\"a,1\",\"b\"\n\"1\",\"4\"\n"), "a,1 1; b 4");
        let set = parse("a,b\n1,4\n").expect("series");
        assert_eq!(set.layout, "2 series of 1 values each, one a column");
    }

    #[test]
    fn a_first_column_of_dates_is_left_out() {
        let set = parse("month,passengers\n1949-01,112\n1949-02,118\n").expect("series");
        assert_eq!(shown(&set.series), "passengers 112 118");
        assert_eq!(
            set.layout,
            "one series `passengers` of 2 values in a single column, column `month` being its dates"
        );
        assert_eq!(read_as("Year,a,b\n1949,1,2\n1950,3,4\n"), "a 1 3; b 2 4");
        assert_eq!(read_as("what,a\nfirst,1\n"), "a 1");
    }

    #[test]
    fn a_single_column_may_have_a_name() {
        assert_eq!(read_as("sales\n1\n2\n\n\n"), "sales 1 2");
        assert_eq!(read_as("1\n2.5\n-3e2"), "series 1 2.5 -300");
    }

    #[test]
    fn only_so_many_series_are_taken_but_all_is_checked() {
        let text = "a,b,c\n1,2,3\n";
        let set = first(text, 2).expect("series");
        assert_eq!(shown(&set.series), "a 1; b 2");
        assert_eq!(set.digest, parse(text).expect("series").digest);
        let set = first("unique_id,ds,y\na,1,1\nb,1,2\na,2,3\n", 1).expect("series");
        assert_eq!(shown(&set.series), "a 1 3");
        assert!(first("a,b\n1,x\n", 1).is_err());
    }

    #[test]
    fn values_that_are_none_are_refused_with_their_place() {
        assert_eq!(
            refused("a,b\n1,2\n3,nan\n"),
            "in.csv: line 3, column 2: `nan` is not a finite number"
        );
        assert_eq!(
            refused("a\ninf\n"),
            "in.csv: line 2, column 1: `inf` is not a finite number"
        );
        assert_eq!(
            refused("unique_id,ds,y\na,1,NA\n"),
            "in.csv: line 2, column 3: `NA` is not a finite number"
        );
        assert_eq!(
            refused("nan\n1\n"),
            "in.csv: line 1, column 1: `nan` is not a finite number"
        );
        let error = parse("a;b\n1;2,5\n").expect_err("a decimal comma");
        assert_eq!(
            error.hint().as_deref(),
            Some("write numbers with a decimal point")
        );
    }

    #[test]
    fn gaps_are_refused_at_the_empty_field() {
        assert_eq!(
            refused("a,b\n1,2\n3,\n4,\n5,6\n"),
            "in.csv: line 3, column 2: the series `b` has a gap here"
        );
        assert_eq!(
            refused("a,b\n,2\n3,4\n"),
            "in.csv: line 2, column 1: the series `a` has a gap here"
        );
        assert_eq!(
            refused("unique_id,ds,y\na,1,1\na,2,\n"),
            "in.csv: line 3, column 3: the series `a` has a gap here"
        );
        assert_eq!(
            refused("a\n1\n\n\n2\n"),
            "in.csv: line 3: the line is empty, and line 5 is not"
        );
    }

    #[test]
    fn files_without_series_are_refused() {
        assert_eq!(refused(""), "in.csv: the file is empty");
        assert_eq!(refused("\n \n"), "in.csv: the file is empty");
        assert_eq!(
            refused("a,b\n"),
            "in.csv: the file has a header and no values"
        );
        assert_eq!(
            refused("a,b\n1,\n"),
            "in.csv: line 1, column 2: the series `b` has no values"
        );
    }

    #[test]
    fn broken_tables_are_refused() {
        assert_eq!(
            refused("a,b\n1,2\n3\n"),
            "in.csv: line 3: the number of fields is 1, in the first line it is 2"
        );
        assert_eq!(
            refused("1,2\n3,4\n"),
            "in.csv: line 1: the first line must name the series of the columns"
        );
        assert_eq!(
            refused("a,b,a\n1,2,3\n"),
            "in.csv: line 1, column 3: the name `a` is taken by the series of line 1, column 1"
        );
        assert_eq!(
            refused("a,,b\n1,2,3\n"),
            "in.csv: line 1, column 2: the column has no name"
        );
        assert_eq!(
            refused("country,2001,2002\nFrance,1,2\n"),
            "in.csv: line 1, column 2: the column is named by the number 2001; series must go down \
             the columns, each under a name"
        );
        assert_eq!(
            refused("unique_id,ds,y\n,1,1\n"),
            "in.csv: line 2, column 1: the unique_id is empty"
        );
        assert_eq!(
            refused("a,b\n\"1,2\n"),
            "in.csv: line 2: a quoted field is not closed properly"
        );
        assert_eq!(
            refused(b"a\n\xff\n"),
            "in.csv: line 2: byte 1 of the line is not UTF-8 text"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            columns in prop::collection::vec(
                prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..8),
                1..6,
            ),
            separator in prop::sample::select(vec![",", ";", "\t"]),
            line_break in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
            let name = |i: usize| format!("\"series {i}\"");
            let mut text = (0..columns.len()).map(name).collect::<Vec<_>>().join(separator);
            for row in 0..rows {
                let cell = |column: &Vec<f64>| column.get(row).map_or(String::new(), f64::to_string);
                text += line_break;
                text += &columns.iter().map(cell).collect::<Vec<_>>().join(separator);
            }
            let set = parse(&text).expect("well written").series;
            prop_assert_eq!(set.len(), columns.len());
            for (i, column) in columns.iter().enumerate() {
                prop_assert_eq!(set.name(i), format!("series {i}"));
                prop_assert_eq!(set.values(i), &column[..]);
            }
        }

        #[test]
        fn the_long_layout_is_read_as_written(
            rows in prop::collection::vec((0usize..4, -1e9..1e9), 1..40),
        ) {
            let mut text = String::from("unique_id,ds,y\n");
            for (at, (id, value)) in rows.iter().enumerate() {
                text += &format!("s{id},{at},{value}\n");
            }
            let set = parse(&text).expect("well written").series;
            prop_assert_eq!(set.total_values(), rows.len());
            for i in 0..set.len() {
                let of_it = rows.iter().filter(|(id, _)| format!("s{id}") == set.name(i));
                let expected: Vec<f64> = of_it.map(|(_, value)| *value).collect();
                prop_assert_eq!(set.values(i), &expected[..]);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(set) = parse(&bytes) {
                prop_assert!(!set.series.is_empty());
            }
        }

        #[test]
        fn no_table_makes_it_panic(text in "(unique_id|[a-c,;\t\"0-9.\n ]){0,40}(,ds,y\n)?[a-c,;\t\"0-9.\n\r -]{0,60}") {
            if let Ok(set) = parse(&text) {
                prop_assert!(set.series.shortest() >= 1);
                prop_assert!(set.series.all_values().iter().all(|value| value.is_finite()));
            }
        }
    }
}
