//! The structure of a register's state space, merged from the tables of its ranges.
//!
//! It is kept in `segments/structure-NNNN.json` (NNNN: the experiment's place in the plan), one sealed
//! line as in the journal, so that it outlives the tables. It is a file and no record of the journal,
//! because it is derived: anybody who may write the folder can make it again from the tables, without
//! the run's lock, and a torn one is no damage. In it stands the digest of the list of tables that it
//! was made from, so a structure is never taken for that of other results.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::disk::Disk;
use super::super::line::{checked, seal};
use super::super::{JsonText, RunFolder, SegmentStore, atomic};
use super::DeriveError;
use crate::lfsr::{Register, StructureFields, merge};

/// The one line of the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    tables: String,
    structure: StructureFields,
}

/// The structure of experiment number `at`, whose ranges have the tables of these digests, in order.
pub(super) fn structure(
    folder: &RunFolder,
    at: usize,
    experiment: &str,
    register: &Register,
    digests: &[String],
) -> Result<StructureFields, DeriveError> {
    let tables = digest_of(digests);
    let path = folder.segments().join(format!("structure-{at:04}.json"));
    if let Some(structure) = read(folder.disk(), &path, &tables) {
        return Ok(structure);
    }
    let store = SegmentStore::new(folder);
    let mut failed = None;
    let merged = merge(
        register,
        digests.iter().map_while(|digest| match store.get(digest) {
            Ok(table) => Some(table),
            Err(error) => {
                failed = Some(error);
                None
            }
        }),
    );
    let experiment = || experiment.to_owned();
    if let Some(error) = failed {
        let experiment = experiment();
        return Err(DeriveError::Table { experiment, error });
    }
    let merged = merged.map_err(|error| DeriveError::Merge {
        experiment: experiment(),
        error,
    })?;
    let kept = Kept {
        schema: super::super::SCHEMA,
        tables,
        structure: StructureFields::of(&merged),
    };
    let line = seal(JsonText::of(&kept).as_str().as_bytes().to_vec());
    atomic::write(folder.disk(), &path, |out| out.write_all(&line))?;
    Ok(kept.structure)
}

/// What was kept, if it is whole and of these tables; anything else is made again.
fn read(disk: &dyn Disk, path: &Path, tables: &str) -> Option<StructureFields> {
    let mut text = Vec::new();
    disk.open_to_read(path).ok()?.read_to_end(&mut text).ok()?;
    let line = text.strip_suffix(b"\n")?;
    checked(line)?;
    let kept: Kept = serde_json::from_slice(line).ok()?;
    (kept.schema == super::super::SCHEMA && kept.tables == tables).then_some(kept.structure)
}

fn digest_of(digests: &[String]) -> String {
    let mut hasher = blake3::Hasher::new();
    for digest in digests {
        hasher.update(digest.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}
