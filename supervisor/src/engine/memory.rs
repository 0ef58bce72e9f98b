//! The watch on workers' memory: resident size of a worker with everything it started.
//!
//! It looks a few times a second and reads the process table through sysinfo. A worker that grows faster
//! than it looks is caught one look later, with the figure seen then. Where the kernel limits the memory of
//! workers too (`pool/memory.rs`), that one is caught by the kernel.

use std::collections::HashMap;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::ids::{Pid, WorkerId};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// The watch.
pub struct MemoryWatch {
    limit: u64,
    system: System,
    looked: Monotonic,
}

impl MemoryWatch {
    /// For this limit, in bytes.
    ///
    /// # Errors
    ///
    /// The process table cannot be read here.
    pub fn new(limit: u64) -> Result<MemoryWatch, sysinfo::Error> {
        Ok(MemoryWatch {
            limit,
            system: System::new()?,
            looked: Monotonic(0),
        })
    }

    /// How often it wants to look.
    pub fn interval(&self) -> Duration {
        INTERVAL
    }

    /// Whether it is time to look.
    pub fn is_due(&self, now: Monotonic) -> bool {
        now.since(self.looked) >= INTERVAL
    }

    /// Looks; the workers that are over the limit, with the figures.
    pub fn look(
        &mut self,
        now: Monotonic,
        workers: impl Iterator<Item = (WorkerId, Pid)>,
    ) -> Vec<(WorkerId, String)> {
        self.looked = now;
        #[cfg(feature = "fault")]
        if fumehood::fault::pass("supervisor.look").is_some() {
            return Vec::new();
        }
        self.system.refresh_processes_specifics(
            ProcessesToUpdate::All,
            true,
            ProcessRefreshKind::nothing().with_memory(),
        );
        let owners: HashMap<u32, WorkerId> = workers.map(|(worker, pid)| (pid.0, worker)).collect();
        let mut used: HashMap<WorkerId, u64> = HashMap::new();
        for process in self.system.processes().values() {
            // Threads are listed too, each with the memory of its process.
            if process.thread_kind().is_none()
                && let Some(worker) = self.owner(process.pid(), &owners)
            {
                *used.entry(worker).or_default() += process.memory();
            }
        }
        let mut over: Vec<(WorkerId, String)> = used
            .into_iter()
            .filter(|&(_, bytes)| bytes > self.limit)
            .map(|(worker, bytes)| (worker, evidence(bytes, self.limit)))
            .collect();
        over.sort_by_key(|(worker, _)| *worker);
        over
    }

    /// The worker that a process belongs to: itself, or an ancestor of it.
    fn owner(&self, mut pid: sysinfo::Pid, owners: &HashMap<u32, WorkerId>) -> Option<WorkerId> {
        // The table is a snapshot of a moving thing: a bound keeps a loop in it from being one in here.
        for _ in 0..64 {
            if let Some(&worker) = owners.get(&pid.as_u32()) {
                return Some(worker);
            }
            pid = self.system.process(pid)?.parent()?;
        }
        None
    }
}

fn evidence(bytes: u64, limit: u64) -> String {
    format!(
        "resident memory {:.1} MiB, over the limit of {:.1} MiB",
        mib(bytes),
        mib(limit)
    )
}

/// The words for a process that the kernel ended at this limit of its group.
pub fn kernel_evidence(bytes: u64, limit: u64) -> String {
    format!(
        "ended by the kernel at {:.1} MiB, the limit being {:.1} MiB",
        mib(bytes),
        mib(limit)
    )
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
