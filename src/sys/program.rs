//! The worker program as a file: looked at before a run begins, and held open until it ends.
//!
//! A path may be another program the next time it is looked up: an installation replaces it, a build removes
//! it. A run that started with one program goes on with that one. So where the system has a name for an open
//! file (Linux: `/proc/self/fd/N`), the file is opened once and started by that name; elsewhere by its path.
//!
//! What a look can find is found before anything is written: no permission to execute, bytes that are no
//! program of this machine, a script whose interpreter is not there. The rest the self-test finds.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::os;

/// A program that can be started again and again, whatever becomes of its path.
#[derive(Debug)]
pub struct HeldProgram {
    path: PathBuf,
    /// Kept open for `start_as`, and the name it has there. `None` = it is started by its path.
    held: Option<(File, PathBuf)>,
}

impl HeldProgram {
    /// Holds the program at this path.
    ///
    /// # Errors
    ///
    /// It is no program that this system can start: the reason is the one that the kernel would give.
    pub fn open(path: &Path) -> io::Result<HeldProgram> {
        os::check_program(path)?;
        Ok(HeldProgram {
            held: os::hold_program(path),
            path: path.to_path_buf(),
        })
    }

    /// Holds the program that this process runs.
    ///
    /// # Errors
    ///
    /// The system does not say where it is.
    pub fn ourselves() -> io::Result<HeldProgram> {
        Ok(HeldProgram {
            path: std::env::current_exe()?,
            held: os::hold_ourselves(),
        })
    }

    /// Where it was found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is handed to the kernel to start it.
    pub(super) fn start_as(&self) -> &Path {
        self.held
            .as_ref()
            .map_or(self.path.as_path(), |(_, name)| name)
    }
}
