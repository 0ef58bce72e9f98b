//! Which executable is the worker program.
//!
//! It is the file `worker` in the folder of the running supervisor; where that is missing, the supervisor
//! itself, which is a worker when its environment says so. It is never looked up in PATH or in the current
//! folder: what lies there is not ours.

use std::io;
use std::path::{Path, PathBuf};

use fumehood::sys::HeldProgram;

/// The worker program, held as it was when it was found.
#[derive(Debug)]
pub enum WorkerProgram {
    /// A file of its own beside the supervisor.
    Beside(HeldProgram),
    /// The supervisor's own file.
    Ourselves(HeldProgram),
}

/// The worker program cannot be found or started.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The system does not say where our own file is.
    #[error("failed to find the file of this program: {0}")]
    NoSelf(#[source] io::Error),
    /// What lies beside the supervisor is no program.
    #[error("the worker program {path} cannot be started: {reason}")]
    NotAProgram {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: io::Error,
    },
}

impl ProgramError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            ProgramError::NoSelf(_) => None,
            ProgramError::NotAProgram { path, .. } => Some(format!(
                "build both programs again, or remove {} so that `supervisor` is its own worker",
                path.display()
            )),
        }
    }
}

impl WorkerProgram {
    /// Finds it.
    ///
    /// # Errors
    ///
    /// There is a file of that name which cannot be started, or our own file cannot be found.
    pub fn find() -> Result<WorkerProgram, ProgramError> {
        let ourselves = HeldProgram::ourselves().map_err(ProgramError::NoSelf)?;
        let name = format!("worker{}", std::env::consts::EXE_SUFFIX);
        let beside = ourselves.path().with_file_name(name);
        WorkerProgram::among(&beside, ourselves)
    }

    fn among(beside: &Path, ourselves: HeldProgram) -> Result<WorkerProgram, ProgramError> {
        // A link that leads nowhere is there: it is refused, not passed over.
        if let Err(error) = std::fs::symlink_metadata(beside)
            && error.kind() == io::ErrorKind::NotFound
        {
            return Ok(WorkerProgram::Ourselves(ourselves));
        }
        HeldProgram::open(beside)
            .map(WorkerProgram::Beside)
            .map_err(|reason| ProgramError::NotAProgram {
                path: beside.to_path_buf(),
                reason,
            })
    }

    /// The program itself.
    pub fn into_held(self) -> HeldProgram {
        match self {
            WorkerProgram::Beside(held) | WorkerProgram::Ourselves(held) => held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_beside_us_is_taken_and_otherwise_we_are_it() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let beside = folder.path().join("worker");
        let find = || {
            let ourselves = HeldProgram::ourselves().expect("a test has a file");
            WorkerProgram::among(&beside, ourselves)
        };
        let found = find().expect("we are it");
        assert!(matches!(found, WorkerProgram::Ourselves(_)), "{found:?}");
        std::fs::write(&beside, "").expect("a file can be made");
        let error = find().expect_err("an empty file is no program");
        assert!(error.to_string().contains("cannot be started"), "{error}");
        assert!(error.hint().is_some());
        let this = std::env::current_exe().expect("a test has a file");
        std::fs::copy(this, &beside).expect("a file can be copied");
        let found = find().expect("it is there");
        assert!(matches!(found, WorkerProgram::Beside(_)), "{found:?}");
        assert_eq!(found.into_held().path(), beside);
    }
}
