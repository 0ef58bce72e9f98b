//! Which executable is the worker program.
//!
//! It is the file `worker` in the folder of the running supervisor; where that is missing, the supervisor
//! itself, which is a worker when its environment says so. It is never looked up in PATH or in the current
//! folder: what lies there is not ours.

use std::path::{Path, PathBuf};

/// The worker program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerProgram {
    /// A file of its own beside the supervisor.
    Beside(PathBuf),
    /// The supervisor's own file.
    Ourselves(PathBuf),
}

/// The worker program cannot be found or started.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The system does not say where our own file is.
    #[error("failed to find the file of this program: {0}")]
    NoSelf(#[source] std::io::Error),
    /// What lies beside the supervisor is no program.
    #[error("the worker program {path} cannot be started: {reason}")]
    NotAProgram {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
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
    /// There is a file of that name which cannot be a program, or our own file cannot be found.
    pub fn find() -> Result<WorkerProgram, ProgramError> {
        let ourselves = std::env::current_exe().map_err(ProgramError::NoSelf)?;
        let beside = ourselves.with_file_name(format!("worker{}", std::env::consts::EXE_SUFFIX));
        WorkerProgram::among(&beside, ourselves)
    }

    fn among(beside: &Path, ourselves: PathBuf) -> Result<WorkerProgram, ProgramError> {
        match std::fs::metadata(beside) {
            Err(_) => Ok(WorkerProgram::Ourselves(ourselves)),
            Ok(found) => {
                let reason = if found.is_dir() {
                    Some("it is a folder")
                } else if found.len() == 0 {
                    Some("it is empty")
                } else {
                    None
                };
                match reason {
                    None => Ok(WorkerProgram::Beside(beside.to_path_buf())),
                    Some(reason) => Err(ProgramError::NotAProgram {
                        path: beside.to_path_buf(),
                        reason: reason.to_owned(),
                    }),
                }
            }
        }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        match self {
            WorkerProgram::Beside(path) | WorkerProgram::Ourselves(path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_beside_us_is_taken_and_otherwise_we_are_it() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let ourselves = folder.path().join("supervisor");
        let beside = folder.path().join("worker");
        let find = || WorkerProgram::among(&beside, ourselves.clone());
        assert_eq!(
            find().expect("we are it"),
            WorkerProgram::Ourselves(ourselves.clone())
        );
        std::fs::write(&beside, "").expect("a file can be made");
        let error = find().expect_err("an empty file is no program");
        assert!(error.to_string().contains("empty"), "{error}");
        assert!(error.hint().is_some());
        std::fs::write(&beside, "x").expect("a file can be written");
        assert_eq!(
            find().expect("it is there"),
            WorkerProgram::Beside(beside.clone())
        );
    }
}
