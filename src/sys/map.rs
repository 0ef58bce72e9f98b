//! A file mapped into memory, read-only.
//!
//! A map is shared by all processes that have it: n workers read one copy of a data set. Another process
//! that shortens the file under a map makes the reader die of SIGBUS; therefore only workers read
//! through maps, whose death costs one task, and never the supervisor.

use std::io;
use std::ops::Deref;
use std::path::Path;

/// A whole file as bytes.
#[derive(Debug)]
pub struct MappedFile {
    map: memmap2::Mmap,
}

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, is empty, or cannot be mapped.
    #[expect(
        unsafe_code,
        reason = "memory maps are unsafe by nature; see the module's rule"
    )]
    pub fn open(path: &Path) -> io::Result<MappedFile> {
        let file = super::open_no_follow(path)?;
        // SAFETY: the map is read-only and private to readers of plain numbers: any bit pattern is a
        // valid value. The file was written once, renamed into place and is never modified by us; if
        // a stranger shortens it, the kernel ends this process, which the design accepts of a worker.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(MappedFile { map })
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
