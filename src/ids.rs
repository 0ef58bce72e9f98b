//! Newtypes of the numbers that cross modules.
//!
//! A bare `u64` that travels from one module to another is a bug waiting for a swapped argument; these
//! types make the swap a compile error. They are all plain data and all serialisable.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place of a task in its plan, from 0. Stable for one plan digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskIndex(pub u32);

impl TaskIndex {
    /// The index as a position in a slice.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TaskIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Which try at a task this is, from 1. It grows over resumes too, so that a late answer of an earlier
/// try can never pass for a later one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptNumber(pub u32);

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One worker process in the life of one supervisor, from 0; never used again for another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkerId(pub u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

/// A process id as the kernel gives it. Only a child that has not been reaped is meant, so that the
/// number cannot have passed to a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pid(pub u32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The seed of one task, derived from the run's seed and the task's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of the task `id` in a run seeded with `run_seed`: the first eight bytes, little-endian,
    /// of the BLAKE3 hash of the run seed's eight bytes and the id. So neither the order of tasks nor
    /// the number of workers has a say in it.
    pub fn of_task(run_seed: u64, id: &str) -> Seed {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&run_seed.to_le_bytes());
        hasher.update(id.as_bytes());
        let mut first = [0u8; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        Seed(u64::from_le_bytes(first))
    }
}
