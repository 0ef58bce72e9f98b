//! Where there are no control groups: the face of `linux_groups.rs`, with nothing behind it.

use std::convert::Infallible;
use std::io;
use std::path::Path;

/// There are none.
#[derive(Debug)]
pub struct MemoryGroups(Infallible);

/// There is none.
#[derive(Debug)]
pub struct MemoryGroup(Infallible);

impl MemoryGroups {
    /// Says that there are none.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`], always.
    pub fn open(_name: &str, _limit: u64) -> io::Result<MemoryGroups> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called.
    pub fn limit(&self) -> u64 {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    ///
    /// None.
    pub fn make(&mut self) -> io::Result<MemoryGroup> {
        match self.0 {}
    }

    /// Never called.
    pub fn remove(&mut self, group: MemoryGroup) {
        match group.0 {}
    }
}

impl MemoryGroup {
    /// Never called.
    pub fn path(&self) -> &Path {
        match self.0 {}
    }

    /// Never called.
    pub fn ended_at(&self) -> Option<u64> {
        match self.0 {}
    }
}

/// Says that there is none to enter.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`], always.
pub fn enter_memory_group(_group: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
