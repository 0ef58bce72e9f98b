//! `manifest.json`: what ran where.
//!
//! The facts of the first start stand at the top and never change. Every supervisor process that opens
//! the run, the first included, adds an entry of its own to `supervisors`. Keys that this version does
//! not know are kept when the file is rewritten.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::atomic::{self, at, hint_of};
use super::{RunFolder, SCHEMA};
use crate::experiment::plan::Shard;

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format's number.
    pub schema: u32,
    /// The version of the program.
    pub version: String,
    /// The digest of the plan, in hexadecimal.
    pub plan_digest: String,
    /// The seed of the run.
    pub seed: u64,
    /// How workers are started, and why so.
    pub start_method: StartChoice,
    /// The machine.
    pub machine: Machine,
    /// The part of the plan that is run here.
    pub shard: Shard,
    /// The command line, where the run came from one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<Vec<String>>,
    /// Each supervisor process of the run, in order.
    #[serde(default)]
    pub supervisors: Vec<Supervisor>,
    /// What other versions wrote.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How workers are started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartChoice {
    /// `fork`, `spawn` or `inline`.
    pub method: String,
    /// Why.
    pub reasons: Vec<String>,
}

/// A machine, as far as figures depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The name of the operating system.
    pub os: String,
    /// The version of its kernel.
    pub kernel: String,
    /// The cores that the process may use.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The host's name.
    pub host: String,
}

/// One supervisor process of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Supervisor {
    /// The wall-clock time of its start, RFC 3339 in UTC.
    pub started: String,
    /// Its process id.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// How it starts workers.
    pub start_method: StartChoice,
    /// The machine.
    pub machine: Machine,
    /// The part of the plan that it runs.
    pub shard: Shard,
    /// The command line, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<Vec<String>>,
    /// What other versions wrote.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no manifest.
    #[error("failed to read {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        error: serde_json::Error,
    },
    /// A newer version of the program wrote it.
    #[error("{path} has schema {found}; this version reads up to schema {known}")]
    Schema {
        /// The file.
        path: String,
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
}

impl ManifestError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            ManifestError::Io(error) => Some(hint_of(error)),
            ManifestError::Unreadable { .. } => {
                Some("restore the file from a copy, or run again in another --run-dir".into())
            }
            ManifestError::Schema { .. } => {
                Some("use the version that wrote it, or a newer one".into())
            }
        }
    }
}

impl Manifest {
    /// The manifest of a run that `first` starts.
    pub fn new(plan_digest: String, seed: u64, first: Supervisor) -> Manifest {
        Manifest {
            schema: SCHEMA,
            version: first.version.clone(),
            plan_digest,
            seed,
            start_method: first.start_method.clone(),
            machine: first.machine.clone(),
            shard: first.shard,
            command: first.command.clone(),
            supervisors: vec![first],
            other: Map::new(),
        }
    }

    /// Adds a supervisor process that goes on with the run.
    pub fn add(&mut self, supervisor: Supervisor) {
        self.supervisors.push(supervisor);
    }

    /// The manifest of a run; `None` where none was written yet.
    ///
    /// # Errors
    ///
    /// [`ManifestError`].
    pub fn read(folder: &RunFolder) -> Result<Option<Manifest>, ManifestError> {
        /// What every schema's manifest has.
        #[derive(Deserialize)]
        struct Probe {
            schema: u32,
        }
        let path = folder.manifest();
        let mut text = String::new();
        let disk = folder.disk();
        match disk
            .open_to_read(&path)
            .and_then(|mut file| file.read_to_string(&mut text))
        {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at("read", &path, error).into()),
        }
        let unreadable = |error| ManifestError::Unreadable {
            path: path.display().to_string(),
            error,
        };
        let probe: Probe = serde_json::from_str(&text).map_err(unreadable)?;
        if probe.schema > SCHEMA {
            return Err(ManifestError::Schema {
                path: path.display().to_string(),
                found: probe.schema,
                known: SCHEMA,
            });
        }
        serde_json::from_str(&text).map(Some).map_err(unreadable)
    }

    /// Writes the manifest, whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of [`atomic::write`].
    pub fn write(&self, folder: &RunFolder) -> io::Result<()> {
        atomic::write(folder.disk(), &folder.manifest(), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixtures::run_folder;
    use super::*;

    fn supervisor(pid: u32, method: &str) -> Supervisor {
        Supervisor {
            started: "2026-01-02T03:04:05Z".into(),
            pid,
            version: "0.1.0".into(),
            start_method: StartChoice {
                method: method.into(),
                reasons: vec!["Linux".into()],
            },
            machine: Machine {
                os: "Linux".into(),
                kernel: "6.1".into(),
                cores: 2,
                memory_bytes: 1 << 33,
                host: "host".into(),
            },
            shard: Shard::WHOLE,
            command: None,
            other: Map::new(),
        }
    }

    #[test]
    fn a_resume_adds_itself_and_loses_nothing() {
        let (_above, folder) = run_folder();
        assert_eq!(Manifest::read(&folder).expect("none yet"), None);
        let first = Manifest::new("5a".repeat(32), 42, supervisor(1, "fork"));
        first.write(&folder).expect("written");
        // Another version added a key of its own.
        let text = fs::read_to_string(folder.manifest()).expect("there");
        let text = text.replacen('{', "{\n  \"later\": [1, 2],", 1);
        fs::write(folder.manifest(), text).expect("written");

        let mut manifest = Manifest::read(&folder).expect("it reads").expect("there");
        manifest.add(supervisor(2, "spawn"));
        manifest.write(&folder).expect("written");
        let read = Manifest::read(&folder).expect("it reads").expect("there");
        assert_eq!(read, manifest);
        assert_eq!(read.start_method.method, "fork");
        assert_eq!(read.other["later"], serde_json::json!([1, 2]));
        let pids: Vec<u32> = read.supervisors.iter().map(|one| one.pid).collect();
        assert_eq!(pids, [1, 2]);
    }

    #[test]
    fn a_newer_schema_is_refused_and_garbage_has_its_place() {
        let (_above, folder) = run_folder();
        fs::write(folder.manifest(), b"{\"schema\": 9, \"new\": 1}").expect("written");
        let error = Manifest::read(&folder).expect_err("newer").to_string();
        assert!(
            error.ends_with("has schema 9; this version reads up to schema 1"),
            "{error}"
        );
        fs::write(folder.manifest(), b"{\n  \"schema\": x}").expect("written");
        let error = Manifest::read(&folder).expect_err("garbage").to_string();
        assert!(
            error.contains("manifest.json") && error.contains("line 2"),
            "{error}"
        );
    }
}
