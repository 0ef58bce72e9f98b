//! The store: a series set as files that every worker maps.
//!
//! A folder with `values.npy` (all values, series after series), `offsets.npy` (where each series
//! begins, and the end) and `names.json`. The arrays are in NumPy's own format, version 1.0 (NumPy
//! Enhancement Proposal 1), so that `numpy.load(..., mmap_mode="r")` reads them too. Each file is written
//! under another name, brought to the disk and then renamed: it is there whole or not at all.
//!
//! A task says which values it wants by offset and length. Both come from another process and the file
//! from a disk, so a slice is checked against the header and the header against the file's size.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::SeriesSet;
use crate::sys::MappedFile;

pub(super) const VALUES: &str = "values.npy";
const OFFSETS: &str = "offsets.npy";
const NAMES: &str = "names.json";
/// The digest of the source, written last: where it is, the rest is whole.
const DIGEST: &str = "digest";
/// Little-endian `f64` and `i64`, as NumPy names them.
const F64: &str = "<f8";
const I64: &str = "<i8";
/// The start of every file of NumPy's format, and its version 1.0.
const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";
/// The header ends at a multiple of this, so that mapped values are aligned.
const ALIGNMENT: usize = 64;
/// Bytes of a value.
const WIDTH: usize = size_of::<f64>();

/// Writes a set to a folder, which must exist; what is there of a former store is replaced.
///
/// # Errors
///
/// [`StoreError`] where a file cannot be written.
pub fn write_store(set: &SeriesSet, folder: &Path) -> Result<(), StoreError> {
    let values = set.all_values();
    write_file(folder, VALUES, |file| {
        file.write_all(&values_header(values.len()))?;
        values
            .iter()
            .try_for_each(|value| file.write_all(&value.to_le_bytes()))
    })?;
    write_index(set, folder)
}

/// The header of the file of so many values.
pub(super) fn values_header(count: usize) -> Vec<u8> {
    header(F64, count)
}

/// Writes what is known of a set besides its values.
pub(super) fn write_index(set: &SeriesSet, folder: &Path) -> Result<(), StoreError> {
    write_file(folder, OFFSETS, |file| {
        file.write_all(&header(I64, set.len() + 1))?;
        let starts = (0..set.len()).map(|i| set.extent(i).0);
        starts
            .chain([set.total_values() as u64])
            .try_for_each(|offset| file.write_all(&offset.to_le_bytes()))
    })?;
    write_file(folder, NAMES, |file| {
        let names: Vec<&str> = (0..set.len()).map(|i| set.name(i)).collect();
        serde_json::to_writer(&mut *file, &names)?;
        file.write_all(b"\n")
    })?;
    crate::sys::sync_dir(folder).map_err(failed(folder, "sync"))
}

/// Says of which source the store is, and what its values are.
pub(super) fn write_digest(digest: &[u8; 32], folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(VALUES);
    let values = hash_file(&path).map_err(failed(&path, "read"))?;
    let source = blake3::Hash::from_bytes(*digest).to_hex();
    write_file(folder, DIGEST, |file| {
        writeln!(file, "{source} source\n{values} {VALUES}")
    })?;
    crate::sys::sync_dir(folder).map_err(failed(folder, "sync"))
}

/// The digest of a file, read as a stream: a map of it could end the reader.
fn hash_file(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize()),
            Ok(count) => {
                hasher.update(&buffer[..count]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether the store in a folder is whole, unharmed, and of the source with this digest.
pub(super) fn is_of(digest: &[u8; 32], folder: &Path) -> bool {
    let source = blake3::Hash::from_bytes(*digest).to_hex();
    let Ok(found) = std::fs::read_to_string(folder.join(DIGEST)) else {
        return false;
    };
    let Some(values) = found.strip_prefix(&format!("{source} source\n")) else {
        return false;
    };
    hash_file(&folder.join(VALUES)).is_ok_and(|hash| values == format!("{hash} {VALUES}\n"))
}

/// Writes one file under a temporary name, syncs it, and gives it its own.
fn write_file(
    folder: &Path,
    name: &str,
    content: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<(), StoreError> {
    let path = folder.join(name);
    let temporary = temporary(&path)?;
    let mut writer = BufWriter::with_capacity(1 << 16, temporary.as_file());
    content(&mut writer)
        .and_then(|()| writer.flush())
        .map_err(failed(&path, "write"))?;
    drop(writer);
    keep(temporary, &path)
}

/// A file under a temporary name in the folder of `path`; it goes away unless it is kept.
pub(super) fn temporary(path: &Path) -> Result<NamedTempFile, StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(failed(path, "create"))
}

/// Syncs a file and gives it its own name.
pub(super) fn keep(temporary: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    temporary
        .as_file()
        .sync_all()
        .map_err(failed(path, "write"))?;
    temporary
        .persist(path)
        .map_err(|error| failed(path, "rename")(error.error))?;
    Ok(())
}

/// The values of a store, mapped.
pub struct Store {
    path: PathBuf,
    file: MappedFile,
    /// Bytes of the header.
    start: usize,
    /// Number of values.
    count: usize,
}

impl Store {
    /// Maps the store in a folder.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where there is none, or its size is not what its header says.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let path = folder.join(VALUES);
        let file = MappedFile::open(&path).map_err(failed(&path, "map"))?;
        let (start, count) = match read_header(&file, F64) {
            Ok(found) => found,
            Err(what) => return Err(StoreError::Damaged { path, what }),
        };
        Ok(Store {
            path,
            file,
            start,
            count,
        })
    }

    /// Whether the store in a folder can be mapped at all. Nothing is read through the map: only a worker may.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`]: some file systems have no maps.
    pub fn try_map(folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(VALUES);
        MappedFile::open(&path).map_err(failed(&path, "map"))?;
        Ok(())
    }

    /// Number of values of all series together.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A copy of the values `offset .. offset + length`.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutOfBounds`] where the store ends before them.
    pub fn slice(&self, offset: u64, length: u64) -> Result<Vec<f64>, StoreError> {
        let bytes = self
            .bytes(offset, length)
            .ok_or_else(|| StoreError::OutOfBounds {
                path: self.path.clone(),
                offset,
                length,
                count: self.count,
            })?;
        let (values, _) = bytes.as_chunks::<WIDTH>();
        Ok(values
            .iter()
            .map(|value| f64::from_le_bytes(*value))
            .collect())
    }

    fn bytes(&self, offset: u64, length: u64) -> Option<&[u8]> {
        let offset = usize::try_from(offset).ok()?;
        let end = offset.checked_add(usize::try_from(length).ok()?)?;
        if end > self.count {
            return None;
        }
        // In range: `count` values behind the header are no more than the file has bytes.
        self.file
            .get(self.start + offset * WIDTH..self.start + end * WIDTH)
    }
}

/// The header of an array of `count` values: magic, version, length of the rest, and a Python dictionary
/// padded with blanks and ended by a line break.
fn header(kind: &str, count: usize) -> Vec<u8> {
    let dictionary = dictionary(kind, count);
    let unpadded = MAGIC.len() + 2 + dictionary.len() + 1;
    let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
    let rest = u16::try_from(dictionary.len() + padding + 1)
        .expect("a dictionary of three short entries is far below 64 KiB");
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&rest.to_le_bytes());
    header.extend_from_slice(dictionary.as_bytes());
    header.resize(header.len() + padding, b' ');
    header.push(b'\n');
    header
}

fn dictionary(kind: &str, count: usize) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({count},), }}")
}

/// The length of the header and the number of values of an array file, if it is one that
/// [`write_store`] writes and has just that many values.
fn read_header(file: &[u8], kind: &str) -> Result<(usize, usize), &'static str> {
    let rest = file
        .strip_prefix(MAGIC)
        .ok_or("it is no array file of NumPy's format 1.0")?;
    let (length, rest) = rest.split_first_chunk().ok_or("its header is cut off")?;
    let text = rest
        .get(..usize::from(u16::from_le_bytes(*length)))
        .ok_or("its header is cut off")?;
    let start = MAGIC.len() + length.len() + text.len();
    let count = shape(text, kind).ok_or("its header does not describe a list of such numbers")?;
    match count.checked_mul(WIDTH) {
        Some(bytes) if bytes == file.len() - start => Ok((start, count)),
        _ => Err("its size is not what its header says"),
    }
}

/// The number of values that a dictionary gives.
fn shape(text: &[u8], kind: &str) -> Option<usize> {
    let text = std::str::from_utf8(text).ok()?.trim_end();
    let (_, after) = text.split_once("'shape': (")?;
    let count = after.split(',').next()?.parse().ok()?;
    (text == dictionary(kind, count)).then_some(count)
}

/// A store cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system says no.
    #[error("{}: failed to {action}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// "write", or the like.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The file is not one that was written whole by [`write_store`].
    #[error("{}: the store is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store ends before the values asked for.
    #[error("{}: values {offset} to {offset} + {length} are asked for, and there are {count}", .path.display())]
    OutOfBounds {
        /// The file.
        path: PathBuf,
        /// Index of the first value asked for.
        offset: u64,
        /// Number of values asked for.
        length: u64,
        /// Values in the store.
        count: usize,
    },
}

impl StoreError {
    /// What the user may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::Damaged { .. } | StoreError::OutOfBounds { .. } => {
                Some("remove the store; it is written again when the run is resumed".to_owned())
            }
            StoreError::Io { action: "map", .. } => Some(
                "put the run folder on a file system whose files can be mapped into memory"
                    .to_owned(),
            ),
            StoreError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("free some space, then run again".to_owned())
            }
            StoreError::Io { .. } => None,
        }
    }
}

/// Makes an error of the system one about a file.
pub(super) fn failed(
    path: &Path,
    action: &'static str,
) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Io {
        path,
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn set(lengths: &[usize]) -> SeriesSet {
        let mut set = SeriesSet::new();
        for (i, length) in lengths.iter().enumerate() {
            let values: Vec<f64> = (0..*length).map(|t| i as f64 + t as f64 / 8.0).collect();
            set.push(&format!("s{i}"), &values);
        }
        set
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    #[test]
    fn the_header_is_as_numpys_format_specification_says() {
        for count in [0, 1, 999, usize::MAX] {
            let header = header(F64, count);
            assert_eq!(&header[..6], b"\x93NUMPY");
            assert_eq!(&header[6..8], [1, 0], "version 1.0");
            let rest = usize::from(u16::from_le_bytes([header[8], header[9]]));
            assert_eq!(header.len(), 10 + rest);
            assert_eq!(header.len() % 64, 0);
            assert_eq!(header.last(), Some(&b'\n'));
            let text = std::str::from_utf8(&header[10..]).expect("ASCII");
            let dictionary = text.trim_end_matches(['\n', ' ']);
            assert_eq!(
                dictionary,
                format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}")
            );
        }
    }

    #[test]
    fn the_files_hold_values_offsets_and_names() {
        let folder = folder();
        write_store(&set(&[2, 0, 1]), folder.path()).expect("a writable folder");
        let offsets = fs::read(folder.path().join(OFFSETS)).expect("written");
        let (start, count) = read_header(&offsets, I64).expect("well written");
        let (offsets, _) = offsets[start..].as_chunks::<8>();
        let offsets: Vec<i64> = offsets.iter().map(|o| i64::from_le_bytes(*o)).collect();
        assert_eq!((count, offsets), (4, vec![0, 2, 2, 3]));
        let names = fs::read_to_string(folder.path().join(NAMES)).expect("written");
        assert_eq!(names, "[\"s0\",\"s1\",\"s2\"]\n");
        let mut files: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        files.sort();
        assert_eq!(files, [NAMES, OFFSETS, VALUES], "no temporary file is left");
    }

    #[test]
    fn a_store_can_be_written_again() {
        let folder = folder();
        write_store(&set(&[5]), folder.path()).expect("a writable folder");
        write_store(&set(&[1, 1]), folder.path()).expect("a writable folder");
        let store = Store::open(folder.path()).expect("a store");
        assert_eq!((store.len(), store.is_empty()), (2, false));
    }

    #[test]
    fn slices_beyond_the_end_are_refused() {
        let folder = folder();
        write_store(&set(&[3, 2]), folder.path()).expect("a writable folder");
        let store = Store::open(folder.path()).expect("a store");
        assert_eq!(store.slice(5, 0).expect("nothing at the end"), [0.0; 0]);
        for (offset, length) in [
            (5, 1),
            (0, 6),
            (6, 0),
            (u64::MAX, 1),
            (1, u64::MAX),
            (1 << 61, 8),
        ] {
            let error = store.slice(offset, length).expect_err("beyond the end");
            assert!(
                matches!(error, StoreError::OutOfBounds { count: 5, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = folder();
        write_store(&set(&[3, 2]), folder.path()).expect("a writable folder");
        let path = folder.path().join(VALUES);
        let whole = fs::read(&path).expect("written");
        let damaged = |bytes: &[u8]| {
            fs::write(&path, bytes).expect("a writable folder");
            match Store::open(folder.path()) {
                Err(error @ StoreError::Damaged { .. }) => error.to_string(),
                Err(other) => panic!("{other}"),
                Ok(_) => panic!("it was opened"),
            }
        };
        for length in 1..whole.len() {
            damaged(&whole[..length]);
        }
        damaged(&[&whole[..], &[0]].concat());
        let text = String::from_utf8_lossy(&whole[10..64]).into_owned();
        for (from, to) in [("<f8", ">f8"), ("(5,)", "(6,)"), ("False", "True ")] {
            let mut bytes = whole.clone();
            bytes.splice(10..64, text.replacen(from, to, 1).into_bytes());
            damaged(&bytes);
        }
        fs::remove_file(&path).expect("it is there");
        assert!(matches!(
            Store::open(folder.path()),
            Err(StoreError::Io { .. })
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_series_comes_back_bit_for_bit(
            series in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..6), 0..6),
        ) {
            let folder = folder();
            let mut set = SeriesSet::new();
            for (i, values) in series.iter().enumerate() {
                set.push(&i.to_string(), values);
            }
            write_store(&set, folder.path()).expect("a writable folder");
            let store = Store::open(folder.path()).expect("a store");
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            for (i, values) in series.iter().enumerate() {
                let (offset, length) = set.extent(i);
                prop_assert_eq!(bits(&store.slice(offset, length).expect("in it")), bits(values));
            }
        }

        #[test]
        fn no_header_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), magic: bool) {
            let bytes = if magic { [&MAGIC[..], &bytes].concat() } else { bytes };
            if let Ok((start, count)) = read_header(&bytes, F64) {
                prop_assert_eq!(start + count * WIDTH, bytes.len());
            }
        }
    }
}
