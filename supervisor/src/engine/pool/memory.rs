//! How the pool holds workers to their memory: by the watch, and by a control group of each where the kernel
//! limits it too.

use fumehood::experiment::ExitCause;
use fumehood::ids::{Pid, WorkerId};
use fumehood::sys::{MemoryGroup, MemoryGroups};

use super::super::memory::{MemoryWatch, kernel_evidence};
use super::Pool;

/// The signal with which the kernel ends a process for want of memory.
const SIGKILL: i32 = 9;

impl Pool {
    /// Has the memory of all workers watched.
    pub fn watch_memory(&mut self, watch: MemoryWatch) {
        self.memory_watch = Some(watch);
    }

    /// Has every worker that is made from now on enter a group of its own among these.
    pub fn limit_memory(&mut self, groups: MemoryGroups) {
        self.memory_groups = Some(groups);
    }

    /// The workers of which the kernel has ended something, as far as it is known, with the figures. It may
    /// have been a child of theirs.
    pub(super) fn ended_by_kernel(&self) -> Vec<(WorkerId, String)> {
        let mut ended: Vec<(WorkerId, String)> = self
            .workers
            .keys()
            .filter_map(|&worker| Some((worker, self.evidence(worker)?)))
            .collect();
        ended.sort_by_key(|(worker, _)| *worker);
        ended
    }

    /// The live workers whose process is known.
    pub(super) fn processes(&self) -> impl Iterator<Item = (WorkerId, Pid)> + '_ {
        self.workers
            .iter()
            .filter_map(|(&worker, handle)| Some((worker, handle.contact.pid?)))
    }

    /// A group for one more worker, where there are groups.
    pub(super) fn make_memory_group(&mut self) -> Result<Option<MemoryGroup>, String> {
        self.memory_groups
            .as_mut()
            .map(MemoryGroups::make)
            .transpose()
            .map_err(|error| format!("no control group for its memory: {error}"))
    }

    /// The group of a worker that is forgotten goes with it.
    pub(super) fn leave_memory_group(&mut self, group: Option<MemoryGroup>) {
        if let Some((groups, group)) = self.memory_groups.as_mut().zip(group) {
            groups.remove(group);
        }
    }

    /// How a process ended, after what its group knows of it: a SIGKILL is the kernel's only if the kernel
    /// has counted it.
    pub(super) fn cause_of_end(&self, worker: WorkerId, cause: ExitCause) -> ExitCause {
        match cause {
            ExitCause::Signaled {
                signal: SIGKILL, ..
            } => self
                .evidence(worker)
                .map_or(cause, |evidence| ExitCause::OutOfMemory { evidence }),
            cause => cause,
        }
    }

    fn evidence(&self, worker: WorkerId) -> Option<String> {
        let limit = self.memory_groups.as_ref()?.limit();
        let peak = self.workers.get(&worker)?.memory.as_ref()?.ended_at()?;
        Some(kernel_evidence(peak, limit))
    }
}
