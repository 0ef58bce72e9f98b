//! A private folder in which programs run.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Census, RunFolder, Supervisor};

/// A private folder: `work` (the working folder of runs), `home`, `tmp` and `sockets`. A clone is the same
/// folder; it is removed with the last one, and whatever still runs in it is killed first.
#[derive(Clone, Debug)]
pub struct Lab {
    place: Arc<LabPlace>,
}

#[derive(Debug)]
struct LabPlace {
    root: TempDir,
}

impl Lab {
    /// An empty one.
    pub fn new() -> Lab {
        let root = tempfile::Builder::new()
            .prefix("lab-")
            .tempdir()
            .expect("a temporary folder can be made");
        for name in ["work", "home", "tmp", "sockets"] {
            fs::create_dir(root.path().join(name)).expect("a new folder is empty");
        }
        Lab {
            place: Arc::new(LabPlace { root }),
        }
    }

    /// The folder of everything.
    pub fn root(&self) -> &Path {
        self.place.root.path()
    }

    /// The working folder of runs.
    pub fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    /// Their TMPDIR.
    pub fn tmp(&self) -> PathBuf {
        self.root().join("tmp")
    }

    /// Their XDG_RUNTIME_DIR, where the sockets of handshakes are made.
    pub fn sockets(&self) -> PathBuf {
        self.root().join("sockets")
    }

    /// A path in the working folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.work().join(name)
    }

    /// Writes a file of the working folder.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("the folder can be made");
        }
        fs::write(&path, bytes).expect("the file can be written");
        path
    }

    /// A run folder in the working folder.
    pub fn run_folder(&self, name: impl AsRef<Path>) -> RunFolder {
        RunFolder::at(self.path(name))
    }

    /// A command line to be run here.
    pub fn supervisor<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Supervisor {
        Supervisor::within(self).args(arguments)
    }

    /// The living processes of this lab.
    pub fn census(&self) -> Census {
        Census::of_lab(self.root())
    }

    /// Fails unless every process of this lab is gone before the limit passes.
    #[track_caller]
    pub fn assert_quiet_within(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        // Nobody sends: to wait for it is to let a moment pass.
        let (_keep, moment) = channel::<()>();
        loop {
            let census = self.census();
            if census.is_empty() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "still there after {limit:?}: {census:#?}"
            );
            let _ = moment.recv_timeout(Duration::from_millis(5));
        }
    }

    /// Every path under the working folder with its bytes (`None` for a folder, a link's target for a
    /// link): equal before and after exactly if nothing was written.
    pub fn listing(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        listing(&self.work())
    }

    /// What lies in TMPDIR and in the place for sockets.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = listing(&self.tmp()).into_keys().collect();
        found.extend(listing(&self.sockets()).into_keys());
        found
    }
}

impl Drop for LabPlace {
    fn drop(&mut self) {
        // A failed test leaves processes; nobody else will end them.
        Census::of_lab(self.root.path()).kill();
    }
}

fn listing(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue; // it was removed meanwhile
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            let bytes = if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap_or_default();
                Some(target.into_os_string().into_encoded_bytes())
            } else if meta.is_dir() {
                waiting.push(path.clone());
                None
            } else if meta.is_file() {
                Some(fs::read(&path).unwrap_or_default())
            } else {
                None
            };
            found.insert(path, bytes);
        }
    }
    found
}

/// A file or folder of the shared data beside the checkout. Without it the test says that it is skipped.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    // The manifest is the supervisor's; the data is beside the workspace.
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    match fs::canonicalize(&path) {
        Ok(found) => Some(found),
        Err(error) => {
            tell(&format!(
                "skipped: no shared data at {}: {error}",
                path.display()
            ));
            None
        }
    }
}

/// Says something to whoever reads the tests' output.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
