//! A process that cannot be killed, made with the freezer of control groups (version 1): what is frozen is in
//! state D and takes no signal, not even SIGKILL, until it is thawed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::common::{Process, tell};
use crate::trial::eventually;

/// A control group with one frozen process. Dropped, it thaws.
pub struct Frozen {
    group: PathBuf,
}

const FREEZER: &str = "/sys/fs/cgroup/freezer";

impl Frozen {
    /// Freezes a process and sees that it is; `None` where this user has no freezer, which is said.
    pub fn new(process: &Process) -> Option<Frozen> {
        let group = PathBuf::from(format!("{FREEZER}/fumehood-{}", process.pid));
        if let Err(error) = fs::create_dir(&group) {
            tell(&format!("skipped: no freezer at {FREEZER}: {error}"));
            return None;
        }
        let frozen = Frozen { group };
        frozen.set("cgroup.procs", &process.pid.to_string());
        frozen.set("freezer.state", "FROZEN");
        let state = frozen.group.join("freezer.state");
        let is_frozen = eventually(Duration::from_secs(10), || {
            let state = fs::read_to_string(&state).ok()?;
            (state.trim() == "FROZEN").then_some(())
        });
        assert!(is_frozen.is_some(), "it does not freeze");
        Some(frozen)
    }

    fn set(&self, file: &str, value: &str) {
        let path = self.group.join(file);
        fs::write(&path, value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = fs::write(self.group.join("freezer.state"), "THAWED");
        // It can be removed once what was in it is gone.
        let _ = eventually(Duration::from_secs(10), || fs::remove_dir(&self.group).ok());
    }
}
