//! Tables of enumerated ranges: results too bulky for a line of the journal.
//!
//! A table is a file `segments/<digest>`, written durably before the record that names the digest is
//! appended. So a record never points to nothing, and a file without a record is a table whose task will
//! run again and write the same file. What is read is checked against the digest that asked for it.

use std::io::{self, Read};
use std::path::PathBuf;

use super::atomic::{self, at};
use super::{FolderError, RunFolder, RunLock};
use crate::lfsr::RangeTable;

/// The tables of one run.
#[derive(Clone, Debug)]
pub struct SegmentStore {
    folder: RunFolder,
}

/// Why a table cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The folder of the tables cannot be had.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Something asked for a table by what is no digest.
    #[error("`{0}` is not the digest of a table")]
    NotADigest(String),
    /// There is no such table.
    #[error("the table {} is missing", .0.display())]
    Missing(PathBuf),
    /// The content is not what its name says.
    #[error("the table {} is damaged: its content does not have this digest", .0.display())]
    Damaged(PathBuf),
}

impl SegmentStore {
    /// The tables of the run in `folder`.
    pub fn new(folder: &RunFolder) -> SegmentStore {
        SegmentStore {
            folder: folder.clone(),
        }
    }

    /// Keeps a table durably and gives back its digest. Keeping the same table again changes nothing.
    ///
    /// # Errors
    ///
    /// [`SegmentError::Io`], [`SegmentError::Folder`].
    pub fn put(&self, table: &RangeTable) -> Result<String, SegmentError> {
        let digest = table.digest_hex();
        // What is there already may be damaged: then it is written anew.
        if self.get(&digest).is_ok() {
            return Ok(digest);
        }
        self.folder.ensure(&self.folder.segments())?;
        let path = self.path(&digest)?;
        let bytes = postcard::to_stdvec(table).map_err(io::Error::other)?;
        atomic::write(self.folder.disk(), &path, |out| out.write_all(&bytes))?;
        Ok(digest)
    }

    /// The table of this digest.
    ///
    /// # Errors
    ///
    /// [`SegmentError::Missing`], [`SegmentError::Damaged`], [`SegmentError::Io`].
    pub fn get(&self, digest: &str) -> Result<RangeTable, SegmentError> {
        let path = self.path(digest)?;
        let mut bytes = Vec::new();
        let disk = self.folder.disk();
        match disk
            .open_to_read(&path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
        {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SegmentError::Missing(path));
            }
            Err(error) => return Err(at("read", &path, error).into()),
        }
        match postcard::from_bytes::<RangeTable>(&bytes) {
            Ok(table) if table.digest_hex() == digest => Ok(table),
            _ => Err(SegmentError::Damaged(path)),
        }
    }

    /// Removes every table; structures that were merged from them stay. Only the holder of the lock may,
    /// and only when every enumeration of the run is merged
    /// ([`super::derive::Derived::tables_are_merged`]).
    ///
    /// # Errors
    ///
    /// Those of reading the folder and of removing.
    pub fn remove_all(&self, _lock: &RunLock) -> io::Result<u32> {
        let folder = self.folder.segments();
        let disk = self.folder.disk();
        let names = match disk.names(&folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(at("read", &folder, error)),
        };
        let mut removed = 0;
        for name in names {
            if name.to_str().is_some_and(is_digest) {
                let path = folder.join(&name);
                disk.remove_file(&path)
                    .map_err(|error| at("remove", &path, error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The digest comes from a record: it becomes a path only if it is what digests are.
    fn path(&self, digest: &str) -> Result<PathBuf, SegmentError> {
        if is_digest(digest) {
            Ok(self.folder.segments().join(digest))
        } else {
            Err(SegmentError::NotADigest(digest.into()))
        }
    }
}

fn is_digest(name: &str) -> bool {
    (16..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixtures::run_folder;
    use super::*;

    fn table(first: u64) -> RangeTable {
        RangeTable {
            first,
            last: first + 9,
            states: 10,
            segments: 2,
            bytes: vec![first as u8; 100],
        }
    }

    #[test]
    fn a_table_is_kept_under_its_digest() {
        let (_above, folder) = run_folder();
        let store = SegmentStore::new(&folder);
        let digests = [0, 10].map(|first| store.put(&table(first)).expect("kept"));
        assert_eq!(store.put(&table(0)).expect("kept again"), digests[0]);
        assert_eq!(store.get(&digests[0]).expect("there"), table(0));
        assert_eq!(store.get(&digests[1]).expect("there"), table(10));
        assert_eq!(
            fs::read_dir(folder.segments()).expect("a folder").count(),
            2
        );
        let lock = RunLock::acquire(&folder).expect("free");
        fs::write(folder.segments().join("structure-0000.json"), b"{}").expect("written");
        assert_eq!(store.remove_all(&lock).expect("removed"), 2);
        assert_eq!(store.remove_all(&lock).expect("nothing to do"), 0);
        assert!(folder.segments().join("structure-0000.json").exists());
        assert!(matches!(
            store.get(&digests[0]),
            Err(SegmentError::Missing(_))
        ));
    }

    #[test]
    fn a_damaged_table_is_refused_and_written_anew() {
        let (_above, folder) = run_folder();
        let store = SegmentStore::new(&folder);
        let digest = store.put(&table(0)).expect("kept");
        let path = folder.segments().join(&digest);
        let whole = fs::read(&path).expect("there");
        for at in 0..whole.len() {
            let mut harmed = whole.clone();
            harmed[at] ^= 1;
            fs::write(&path, &harmed).expect("written");
            match store.get(&digest) {
                Err(SegmentError::Damaged(_)) => {}
                // Counts that follow from the content need not be under the digest.
                Ok(read) => assert_eq!(read.bytes, table(0).bytes, "byte {at}"),
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
        fs::write(&path, &whole[..whole.len() / 2]).expect("written");
        assert!(matches!(store.get(&digest), Err(SegmentError::Damaged(_))));
        store.put(&table(0)).expect("kept anew");
        assert_eq!(store.get(&digest).expect("there"), table(0));
    }

    #[test]
    fn a_digest_is_no_path() {
        let (_above, folder) = run_folder();
        let store = SegmentStore::new(&folder);
        for name in [
            "",
            "../../../../etc/passwd",
            "structure-0000.json",
            "ABCDEF0123456789",
        ] {
            assert!(
                matches!(store.get(name), Err(SegmentError::NotADigest(_))),
                "{name}"
            );
        }
    }
}
