//! The second reading: from the source into the store, value by value.
//!
//! A set that is too large for memory was read once, so names, lengths and digest are known and the source is
//! known to be good. Now it is read again, and each value is written to its place in `values.npy`. Rows of a
//! wide file bring one value of every series, so values wait in a buffer for each series and are written
//! when that is worth a call, or when all buffers together hold [`MOST_WAITING`] values.
//!
//! Between the two readings somebody may have changed the source. More or fewer values than before, or
//! another digest, is an error, and no store is left.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::load::{Source, read_into};
use super::sink::Sink;
use super::store::{self, StoreError};
use super::text::Watch;
use super::{DataError, SeriesSet};

/// Values of all series that wait to be written: 8 MiB, or [`FEWEST_WAITING`] of each series on average where
/// these are so many.
const MOST_WAITING: usize = 1 << 20;
const FEWEST_WAITING: usize = 16;
/// Values of one series that are worth a call: 64 KiB.
const WORTH_A_CALL: usize = 8 << 10;

/// What an import needs to know of the first reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Where the series come from.
    pub source: Source,
    /// As many of its series, if not all.
    pub max_series: Option<usize>,
    /// The digest of what was read.
    pub digest: [u8; 32],
}

impl Import {
    /// Makes a store of the source in a folder, which must exist; what is there of a former store is replaced.
    /// `set` has the names and lengths that the first reading found.
    ///
    /// # Errors
    ///
    /// [`DataError`] where the source cannot be read again or has changed, the store cannot be written, or
    /// the watch said to stop.
    pub fn write(&self, set: &SeriesSet, folder: &Path, watch: &Watch) -> Result<(), DataError> {
        let path = folder.join(store::VALUES);
        let temporary = store::temporary(&path)?;
        let mut placing = Placing::new(temporary.as_file(), &path, self.source.path(), set)?;
        let digest = read_into(&self.source, self.max_series, watch, &mut placing)?;
        placing.finish()?;
        if digest != self.digest {
            return Err(DataError::Changed {
                path: self.source.path(),
            });
        }
        store::keep(temporary, &path)?;
        store::write_index(set, folder)?;
        store::write_digest(&self.digest, folder)?;
        Ok(())
    }

    /// Whether the folder holds a whole store of this source, byte for byte as it was written.
    pub fn is_done(&self, folder: &Path) -> bool {
        store::is_of(&self.digest, folder)
    }
}

/// Puts each value in its place.
struct Placing<'a> {
    file: &'a File,
    path: &'a Path,
    source: PathBuf,
    set: &'a SeriesSet,
    /// Bytes before the first value.
    start: u64,
    /// Where the next write would go.
    position: u64,
    /// Series that have begun.
    begun: usize,
    /// By series: values that are written.
    written: Vec<u64>,
    /// By series: values that are not yet.
    waiting: Vec<Vec<f64>>,
    /// How many wait in all.
    all_waiting: usize,
}

impl Placing<'_> {
    fn new<'a>(
        file: &'a File,
        path: &'a Path,
        source: PathBuf,
        set: &'a SeriesSet,
    ) -> Result<Placing<'a>, DataError> {
        let header = store::values_header(set.total_values());
        let mut out = file;
        out.write_all(&header)
            .map_err(store::failed(path, "write"))?;
        Ok(Placing {
            file,
            path,
            source,
            set,
            start: header.len() as u64,
            position: header.len() as u64,
            begun: 0,
            written: vec![0; set.len()],
            waiting: vec![Vec::new(); set.len()],
            all_waiting: 0,
        })
    }

    fn changed(&self) -> DataError {
        DataError::Changed {
            path: self.source.clone(),
        }
    }

    /// Writes what waits of one series, and lets its memory go.
    fn write(&mut self, series: usize) -> Result<(), StoreError> {
        let values = std::mem::take(&mut self.waiting[series]);
        if values.is_empty() {
            return Ok(());
        }
        let (first, _) = self.set.extent(series);
        let at = self.start + (first + self.written[series]) * size_of::<f64>() as u64;
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let mut file = self.file;
        let result: io::Result<()> = (|| {
            if at != self.position {
                file.seek(SeekFrom::Start(at))?;
            }
            file.write_all(&bytes)
        })();
        result.map_err(store::failed(self.path, "write"))?;
        self.position = at + bytes.len() as u64;
        self.written[series] += values.len() as u64;
        self.all_waiting -= values.len();
        Ok(())
    }

    fn write_all(&mut self) -> Result<(), StoreError> {
        (0..self.waiting.len()).try_for_each(|series| self.write(series))
    }

    /// Writes the rest; an error where a series has fewer values than before.
    fn finish(mut self) -> Result<(), DataError> {
        self.write_all()?;
        let is_whole = (0..self.set.len()).all(|i| self.written[i] == self.set.extent(i).1);
        if is_whole {
            Ok(())
        } else {
            Err(self.changed())
        }
    }
}

impl Sink for Placing<'_> {
    fn begin(&mut self, name: &str) -> Result<(), DataError> {
        if self.begun >= self.set.len() || self.set.name(self.begun) != name {
            return Err(self.changed());
        }
        self.begun += 1;
        Ok(())
    }

    fn value(&mut self, series: usize, value: f64) -> Result<(), DataError> {
        let before = self.written[series] + self.waiting[series].len() as u64;
        if before == self.set.extent(series).1 {
            return Err(self.changed());
        }
        self.waiting[series].push(value);
        self.all_waiting += 1;
        if self.waiting[series].len() >= WORTH_A_CALL {
            self.write(series)?;
        } else if self.all_waiting >= MOST_WAITING.max(FEWEST_WAITING * self.set.len()) {
            self.write_all()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::super::load::gather;
    use super::super::text::unwatched;
    use super::super::{Store, load};
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    /// A source of this text, its set without values, and what an import of it needs.
    fn large(folder: &Path, text: &str, max_series: Option<usize>) -> (Import, SeriesSet) {
        let file = folder.join("series.csv");
        fs::write(&file, text).expect("a writable folder");
        let source = Source::Custom { file };
        let set = gather(&source, max_series, &unwatched(), 0).expect("series");
        assert!(!set.series.is_in_memory());
        let import = Import {
            source,
            max_series,
            digest: set.digest,
        };
        (import, set.series)
    }

    fn stored(folder: &Path, set: &SeriesSet) -> Vec<Vec<f64>> {
        let store = Store::open(folder).expect("a store");
        assert_eq!(store.len(), set.total_values());
        let slice = |i: usize| {
            let (offset, length) = set.extent(i);
            store.slice(offset, length).expect("in the store")
        };
        (0..set.len()).map(slice).collect()
    }

    #[test]
    fn a_changed_source_leaves_no_store() {
        let folder = folder();
        let (import, set) = large(folder.path(), "a,b\n1,2\n3,4\n", None);
        let file = folder.path().join("series.csv");
        for text in [
            "a,b\n1,2\n3,4\n5,6\n",
            "a,b\n1,2\n",
            "a,b\n1,2\n3,5\n",
            "a,c\n1,2\n3,4\n",
            "a,b,c\n1,2,3\n3,4,5\n",
        ] {
            fs::write(&file, text).expect("a writable folder");
            let error = import.write(&set, folder.path(), &unwatched());
            assert!(
                matches!(error, Err(DataError::Changed { .. })),
                "{text}: {error:?}"
            );
            assert!(!import.is_done(folder.path()));
            assert!(Store::open(folder.path()).is_err(), "{text}");
        }
        fs::write(&file, "a,b\n1,2\n3,4\n").expect("a writable folder");
        import
            .write(&set, folder.path(), &unwatched())
            .expect("it is as it was");
        assert!(import.is_done(folder.path()));
        let names: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names.len(), 5, "no temporary file is left: {names:?}");
    }

    #[test]
    fn a_store_of_another_source_is_not_taken_for_done() {
        let folder = folder();
        let (import, set) = large(folder.path(), "a\n1\n2\n", None);
        import
            .write(&set, folder.path(), &unwatched())
            .expect("a writable folder");
        let other = Import {
            digest: [0; 32],
            ..import.clone()
        };
        assert!(!other.is_done(folder.path()));
        let values = folder.path().join(store::VALUES);
        let mut bytes = fs::read(&values).expect("it was written");
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        fs::write(&values, bytes).expect("a writable folder");
        assert!(!import.is_done(folder.path()), "one bit has changed");
    }

    #[test]
    fn the_watch_is_told_and_can_stop() {
        let folder = folder();
        // Twenty megabytes of text.
        let text = format!("y\n{}", "1234567.5\n".repeat(2_000_000));
        let (import, set) = large(folder.path(), &text, None);
        let told = Rc::new(std::cell::Cell::new(0));
        let sees = Rc::clone(&told);
        let stopping: Watch = Rc::new(move |bytes| {
            sees.set(bytes);
            bytes < 12 << 20
        });
        let error = import.write(&set, folder.path(), &stopping);
        assert!(matches!(error, Err(DataError::Stopped { .. })), "{error:?}");
        assert!((16 << 20..17 << 20).contains(&told.get()), "{told:?}");
        assert!(!import.is_done(folder.path()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_is_imported_is_what_is_read_into_memory(
            columns in prop::collection::vec(prop::collection::vec(-1e6..1e6f64, 1..40), 1..6),
            long: bool,
            max_series in prop::option::of(1usize..7),
        ) {
            let folder = folder();
            let mut text = String::new();
            let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
            if long {
                // Interleaved, as nobody sorts files.
                text.push_str("unique_id,y\n");
                for t in 0..longest {
                    for (i, column) in columns.iter().enumerate() {
                        if let Some(value) = column.get(t) {
                            text.push_str(&format!("s{i},{value}\n"));
                        }
                    }
                }
            } else {
                let names: Vec<String> = (0..columns.len()).map(|i| format!("s{i}")).collect();
                text.push_str(&(names.join(";") + "\n"));
                for t in 0..longest {
                    let cell = |column: &Vec<f64>| column.get(t).map(f64::to_string).unwrap_or_default();
                    let row: Vec<String> = columns.iter().map(cell).collect();
                    // A single column has no empty cells at its end.
                    text.push_str(&(row.join(";") + "\n"));
                }
            }
            let (import, set) = large(folder.path(), &text, max_series);
            import.write(&set, folder.path(), &unwatched()).expect("a writable folder");
            let held = load(&import.source, max_series, Some(1));
            // Series of a single value are refused where a horizon is asked for.
            prop_assume!(held.is_ok());
            let held = held.expect("just asked").series;
            prop_assert_eq!(held.len(), set.len());
            for (i, values) in stored(folder.path(), &set).iter().enumerate() {
                prop_assert_eq!(held.name(i), set.name(i));
                prop_assert_eq!(held.values(i), &values[..]);
            }
        }
    }
}
