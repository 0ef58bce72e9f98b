//! Control groups of Linux, for the memory of workers.
//!
//! A control group is a set of processes that the kernel holds to a limit *together*, and in every kind of
//! memory: heap, shared mappings, files in memory. It does so at once, where a watch that looks now and then
//! comes late; and it counts whom it ended for it, which tells such an end from any other SIGKILL.
//!
//! Each run has one folder of groups, named after it, below the group that the supervisor is in; in it each
//! worker has a group of its own, which it enters before its first task. So a group's count speaks of one
//! worker and its children, and nothing that an earlier worker left is held against it.
//!
//! There are two versions of the interface, with other names for the same things; a machine has its memory
//! in one of them. Version 2 allows limits only below a group whose `cgroup.subtree_control` says so, and
//! such a group holds no process itself: there the folder lies beside the supervisor's own group, unless that
//! has a limit, which its workers must not escape.
//!
//! What this must never do: change a group that it did not make, move a process that is not the caller, or
//! remove a group that has a process in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where control groups are found.
const ROOT: &str = "/sys/fs/cgroup";

/// The two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    /// The file of the limit, in bytes.
    fn limit(self) -> &'static str {
        match self {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        }
    }

    /// The most that was ever used, in bytes.
    fn peak(self) -> &'static str {
        match self {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        }
    }

    /// The file with the count of processes that were ended.
    fn count(self) -> &'static str {
        match self {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        }
    }
}

/// The groups of a run. Dropped, it removes those that are empty.
#[derive(Debug)]
pub struct MemoryGroups {
    folder: PathBuf,
    version: Version,
    limit: u64,
    made: u64,
}

/// The group of one worker.
#[derive(Debug)]
pub struct MemoryGroup {
    folder: PathBuf,
    version: Version,
}

impl MemoryGroups {
    /// Makes the folder of a run, under this name, and tries whether groups with a limit of so many bytes
    /// can be made in it. What a killed supervisor of the same run has left there is removed.
    ///
    /// # Errors
    ///
    /// There are no such groups here, or this user may not make them.
    pub fn open(name: &str, limit: u64) -> io::Result<MemoryGroups> {
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let (parent, version) = parent_of_groups(&own, Path::new(ROOT))?;
        // Whoever enters a group needs this right on the group above both.
        nix::unistd::access(&parent.join("cgroup.procs"), nix::unistd::AccessFlags::W_OK)?;
        let folder = parent.join(name);
        remove_empty(&folder);
        match fs::create_dir(&folder) {
            // A process in it has not died yet: it is no less ours.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        let mut groups = MemoryGroups {
            folder,
            version,
            limit,
            made: 0,
        };
        if version == Version::Two {
            write(&groups.folder.join("cgroup.subtree_control"), "+memory")?;
        }
        let trial = groups.make()?;
        groups.remove(trial);
        Ok(groups)
    }

    /// The limit of each, in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Makes a group for one more worker.
    ///
    /// # Errors
    ///
    /// The kernel makes no more.
    pub fn make(&mut self) -> io::Result<MemoryGroup> {
        self.made += 1;
        let group = MemoryGroup {
            folder: self
                .folder
                .join(format!("{}.{}", std::process::id(), self.made)),
            version: self.version,
        };
        fs::create_dir(&group.folder)?;
        let limited = group.hold_to(self.limit);
        if limited.is_err() {
            let _ = fs::remove_dir(&group.folder);
        }
        limited.map(|()| group)
    }

    /// Removes the group of a worker that is over. If something it started lives on, the group stays until
    /// these groups are dropped.
    pub fn remove(&mut self, group: MemoryGroup) {
        let _ = fs::remove_dir(group.folder);
    }
}

impl Drop for MemoryGroups {
    fn drop(&mut self) {
        remove_empty(&self.folder);
    }
}

impl MemoryGroup {
    /// Where it is, for [`enter_memory_group`].
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The most it ever used, in bytes, if the kernel has ended a process of it for want of memory.
    pub fn ended_at(&self) -> Option<u64> {
        let read = |name| fs::read_to_string(self.folder.join(name)).ok();
        let ended = ended_in(&read(self.version.count())?) > 0;
        let peak = || read(self.version.peak()).and_then(|text| text.trim().parse().ok());
        // A kernel before 5.19 keeps no peak in version 2: the limit, then.
        ended.then(|| peak().or_else(|| read(self.version.limit())?.trim().parse().ok()))?
    }

    fn hold_to(&self, limit: u64) -> io::Result<()> {
        let bytes = limit.to_string();
        write(&self.folder.join(self.version.limit()), &bytes)?;
        // Where there is swap and it is counted, none of it extends the limit; and where one process goes,
        // all do. Neither file is there on every kernel.
        let more: &[(&str, &str)] = match self.version {
            Version::One => &[("memory.memsw.limit_in_bytes", &bytes)],
            Version::Two => &[("memory.swap.max", "0"), ("memory.oom.group", "1")],
        };
        for (name, value) in more {
            let _ = write(&self.folder.join(name), value);
        }
        Ok(())
    }
}

/// Puts the calling process, and what it will start, into a group.
///
/// # Errors
///
/// The group is gone, or this user may not.
pub fn enter_memory_group(group: &Path) -> io::Result<()> {
    // 0 = whoever writes it.
    write(&group.join("cgroup.procs"), "0")
}

/// Writes to a file that the kernel has made. It is never created: elsewhere than among control groups
/// nothing must come of it.
fn write(file: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(file)?
        .write_all(value.as_bytes())
}

/// Removes a folder of groups, as far as they are empty: the kernel keeps the others.
fn remove_empty(folder: &Path) {
    for group in fs::read_dir(folder).into_iter().flatten().flatten() {
        if group.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::remove_dir(group.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// How many processes of a group the kernel has ended, as the file of the count says: a line a figure, in
/// both versions.
fn ended_in(text: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill "))
        .and_then(|figure| figure.trim().parse().ok())
        .unwrap_or(0)
}

/// The group below which those of a run can be made. `own` is /proc/self/cgroup, `root` what they are
/// mounted under.
fn parent_of_groups(own: &str, root: &Path) -> io::Result<(PathBuf, Version)> {
    let no = |why: &str| Err(io::Error::new(io::ErrorKind::Unsupported, why));
    let lines = own.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let mut unified = None;
    for (controllers, path) in lines {
        let path = path.trim_start_matches('/');
        if controllers.split(',').any(|name| name == "memory") {
            let all = root.join("memory");
            let mine = all.join(path);
            // In a container the path may be the one outside, and all that is mounted is its own group.
            let parent = if mine.is_dir() { mine } else { all };
            return Ok((parent, Version::One));
        }
        if controllers.is_empty() {
            unified = Some(path);
        }
    }
    let Some(path) = unified else {
        return no("no memory controller is mounted");
    };
    let mine = root.join(path);
    let read = |folder: &Path, name: &str| fs::read_to_string(folder.join(name));
    let gives_memory = |folder: &Path| {
        read(folder, "cgroup.subtree_control")
            .is_ok_and(|names| names.split_whitespace().any(|name| name == "memory"))
    };
    if gives_memory(&mine) {
        return Ok((mine, Version::Two));
    }
    let is_free = ["memory.max", "memory.high"]
        .iter()
        .all(|name| read(&mine, name).is_ok_and(|limit| limit.trim() == "max"));
    match mine.parent() {
        Some(above) if is_free && !path.is_empty() && gives_memory(above) => {
            Ok((above.to_path_buf(), Version::Two))
        }
        _ => no(
            "this process's control group may have no group with a memory limit below or beside it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted_in_both_versions() {
        assert_eq!(ended_in("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
        let events = "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 7\n";
        assert_eq!(ended_in(events), 1);
        // A kernel before 4.13 does not count: then there is no proof.
        assert_eq!(ended_in("oom_kill_disable 0\nunder_oom 0\n"), 0);
        assert_eq!(ended_in(""), 0);
    }

    /// A folder of files as the kernel shows them.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("it lies in a folder"))
                .and_then(|()| fs::write(&path, text))
                .expect("the folder is ours");
        }
        root
    }

    #[test]
    fn version_one_is_found_by_its_controller() {
        let own = "4:cpu,memory:/a/b\n1:cpu:/elsewhere\n0::/c\n";
        let root = tree(&[("memory/a/b/cgroup.procs", "")]);
        let found = parent_of_groups(own, root.path()).expect("it is there");
        assert_eq!(found, (root.path().join("memory/a/b"), Version::One));
        let contained = tree(&[("memory/cgroup.procs", "")]);
        let found = parent_of_groups(own, contained.path()).expect("its root is there");
        assert_eq!(found, (contained.path().join("memory"), Version::One));
    }

    #[test]
    fn version_two_gives_limits_below_and_beside() {
        let own = "0::/slice/scope\n";
        let below = tree(&[("slice/scope/cgroup.subtree_control", "cpu memory\n")]);
        let found = parent_of_groups(own, below.path()).expect("it may");
        assert_eq!(found, (below.path().join("slice/scope"), Version::Two));

        let files = |limit| {
            [
                ("slice/cgroup.subtree_control", "memory pids\n"),
                ("slice/scope/cgroup.subtree_control", "\n"),
                ("slice/scope/memory.max", limit),
                ("slice/scope/memory.high", "max\n"),
            ]
        };
        let beside = tree(&files("max\n"));
        let found = parent_of_groups(own, beside.path()).expect("it may");
        assert_eq!(found, (beside.path().join("slice"), Version::Two));
        // A group beside one with a limit would be a way out of that limit.
        let limited = tree(&files("1073741824\n"));
        assert!(parent_of_groups(own, limited.path()).is_err());
        assert!(parent_of_groups("0::/\n", tree(&[]).path()).is_err());
        assert!(parent_of_groups("", tree(&[]).path()).is_err());
    }

    #[test]
    fn nothing_is_written_where_the_kernel_has_no_file() {
        let folder = tree(&[]);
        assert!(enter_memory_group(folder.path()).is_err());
        assert!(!folder.path().join("cgroup.procs").exists());
    }
}
