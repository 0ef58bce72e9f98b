//! File systems of a test's own: the supervisor runs in a mount namespace, which goes with it, so that nothing
//! stays mounted and nobody else sees it.

use std::process::{Command, Stdio};

use crate::common::{Supervisor, tell};

/// What makes a mount namespace here; else the test says that it is skipped.
pub fn mounts() -> Option<&'static str> {
    let ways = ["unshare --mount", "unshare --map-root-user --mount"];
    let works = |way: &&str| {
        let mounted = Command::new("sh")
            .args(["-c", &format!("{way} mount -t tmpfs none /mnt")])
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success())
    };
    let found = ways.into_iter().find(works);
    if found.is_none() {
        tell("skipped: nothing can be mounted here");
    }
    found
}

/// Has the supervisor run after these commands of a shell, such as `mount -t tmpfs -o size=64k none place`, in a
/// mount namespace; each must succeed.
pub fn mounted(way: &str, command: Supervisor, commands: &str) -> Supervisor {
    mounted_and(way, command, commands, "exec \"$@\"")
}

/// Likewise, with another last command than `exec "$@"`.
pub fn mounted_and(way: &str, command: Supervisor, commands: &str, last: &str) -> Supervisor {
    command.through_shell(&format!(
        "exec {way} sh -e -c '{commands}\n{last}' sh \"$@\""
    ))
}
