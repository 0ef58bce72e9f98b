//! Where a run is kept: a folder that was named, or a new one under `runs/`.

use std::path::{Path, PathBuf};

use fumehood::{clock, sys};

use super::Failure;

/// The folder of runs whose folder was not named.
const RUNS: &str = "runs";

/// A place for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `--run-dir`.
    Named(PathBuf),
    /// A new name under `runs/`, to which `runs/latest` is to point.
    Default(PathBuf),
}

impl Place {
    /// The place that was asked for, or a new default.
    ///
    /// # Errors
    ///
    /// The kernel gives no random letters.
    pub fn of(run_dir: Option<&Path>) -> Result<Place, Failure> {
        match run_dir {
            Some(named) => Ok(Place::Named(named.to_path_buf())),
            None => {
                let mut random = [0u8; 4];
                sys::fill_random(&mut random)?;
                Ok(Place::Default(Path::new(RUNS).join(default_name(random))))
            }
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        match self {
            Place::Named(path) | Place::Default(path) => path,
        }
    }

    /// Points `runs/latest` here, where the name is a default one. Without links the run is no worse off.
    pub fn become_latest(&self) {
        if let Place::Default(path) = self
            && let (Some(runs), Some(name)) = (path.parent(), path.file_name())
        {
            let _ = sys::point_link(&runs.join("latest"), Path::new(name));
        }
    }
}

/// `<UTC time>-<4 letters>`, such as `2026-11-21T18-40-07Z-kfqa`: names sort by time, and two runs of one
/// second differ.
fn default_name(random: [u8; 4]) -> String {
    let now = clock::wall_now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let letters: String = random
        .iter()
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    format!("{now}-{letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_hold_a_time_and_four_letters() {
        let name = default_name([0, 25, 26, 255]);
        assert_eq!(name.len(), "2026-11-21T18-40-07Z-kfqa".len(), "{name}");
        assert!(name.ends_with("Z-azav"), "{name}");
        assert!(!name.contains(':'), "{name}");
    }
}
