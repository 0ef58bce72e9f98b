//! The kernel, behind one face.
//!
//! Everything that differs between operating systems is here, and every line of `unsafe`. The rest of
//! the project calls the functions re-exported below and never asks which platform it is on. The twins
//! are `linux.rs`, `macos.rs` and `windows.rs`; what the first two share is `unix.rs`. A twin that
//! lacks a thing says so with [`std::io::ErrorKind::Unsupported`], and callers choose another way.
//!
//! Rules of this room:
//!
//! - Each `unsafe` block has its `SAFETY`.
//! - What runs between a fork and the moment the child owns itself ([`fork_worker`], [`guard_worker`])
//!   takes no lock that another thread could hold. The zygote has one thread and asserts it.
//! - A process is signalled or waited for only while it is a child that nobody has reaped, so that its
//!   number cannot have passed to a stranger.

#[cfg(unix)]
mod unix;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod os;
#[cfg(all(unix, not(target_os = "linux")))]
#[path = "macos.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;

mod cores;
#[cfg(all(feature = "fault", target_os = "linux"))]
pub mod fault;
#[cfg(target_os = "linux")]
#[path = "linux_groups.rs"]
mod groups;
#[cfg(not(target_os = "linux"))]
#[path = "no_groups.rs"]
mod groups;
#[cfg_attr(target_os = "linux", path = "linux_held.rs")]
#[cfg_attr(not(target_os = "linux"), path = "no_held.rs")]
mod held;
mod map;
mod program;
mod settings;

use std::path::PathBuf;

use crate::clock::Monotonic;
use crate::experiment::{ExitCause, ResourceUse};
use crate::ids::Pid;

pub use cores::UsableCores;
pub use groups::{MemoryGroup, MemoryGroups, enter_memory_group};
pub use held::OwnSockets;
pub use map::MappedFile;
pub use os::{
    OutputReader, Reaper, SignalWatch, become_subreaper, children, close_strays,
    create_private_dir, end_marked, end_orphan, fill_random, fork_is_offered, fork_worker,
    guard_keeper, guard_worker, guard_zygote, has_mark, has_other_names, hole_at_end, hostname,
    inherit, is_alive, is_same_file, keep_freed_memory, kernel, kill_group, lock_file,
    make_private, marks_are_readable, memory_available, memory_total, monotonic_now, name_process,
    open_no_follow, open_private_new, output_pipe, own_peak_kib, own_rusage, parent_is,
    pending_stop, point_link, quiet_exit, raise_open_files, reap_if_over, reset_signals,
    restrict_new_files, runtime_parent, shut_server, shut_strangers, signal_name, spawn, sync_dir,
    temporary_pause, terminate_group, thread_count, usable_cores, withhold,
};
#[cfg(target_os = "linux")]
pub use os::{Packet, PacketDoor, PacketSet};
pub use program::HeldProgram;
pub use settings::Settings;

/// How the zygote makes a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ForkWay {
    /// `clone(CLONE_PARENT)`: the supervisor is the parent at once.
    CloneParent,
    /// Fork twice; the supervisor adopts the grandchild as its subreaper.
    DoubleFork,
}

/// Who we are after [`fork_worker`].
#[derive(Debug)]
pub enum Forked {
    /// The zygote. The child's pid, where this way of forking tells it; otherwise the child does.
    Zygote(Option<Pid>),
    /// The new worker.
    Worker,
}

/// What a fresh worker process does to itself before it touches a task.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub struct GuardOrder {
    /// The supervisor, which must be the parent: a worker without it has nobody to answer to.
    pub supervisor: Pid,
}

/// What is to be started by [`spawn`].
#[derive(Debug)]
pub struct SpawnOrder<'a> {
    /// The program; never looked up.
    pub program: &'a HeldProgram,
    /// Arguments.
    pub arguments: &'a [&'a str],
    /// The whole environment: nothing else is inherited.
    pub environment: &'a [(String, String)],
    /// Its standard input; `None` = nothing to read.
    pub input: Option<&'a std::io::PipeReader>,
    /// Where its standard output and error go; `None` = nowhere.
    pub output: Option<(&'a std::io::PipeWriter, &'a std::io::PipeWriter)>,
}

/// The end of a child, as the reaper saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// Which child.
    pub pid: Pid,
    /// How it ended.
    pub cause: ExitCause,
    /// What it used from its first to its last instruction.
    pub resources: ResourceUse,
    /// When the reaper had its status.
    pub at: Monotonic,
}

/// The folder in which private runtime folders are made, and why this one.
#[derive(Clone, Debug)]
pub struct RuntimeParent {
    /// The folder.
    pub path: PathBuf,
    /// Whether it is kept in memory.
    pub in_memory: bool,
}
