//! The one who syncs the journal on a simulated disk: no thread, but the clock.
//!
//! A sync begins when the journal's own rule says so, takes its time, and covers what was written when it
//! began. Records are appended meanwhile, the power may go, the process may die.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::record::disk::Disk;
use fumehood::record::{Attendant, JournalError, Next, Syncs};

use super::SimulatedDisk;
use crate::draws::Draws;

/// The syncs of the segment that is written now.
#[derive(Debug)]
pub(super) struct SyncJob {
    syncs: Arc<Syncs>,
    state: JobState,
}

#[derive(Clone, Copy, Debug)]
enum JobState {
    Idle,
    /// A sync is on its way.
    Running {
        records: u64,
        /// So many bytes of the segment it makes durable.
        bytes: usize,
        ends: Monotonic,
    },
    /// One failed: there are no more.
    Over,
}

impl SyncJob {
    /// What the sync on its way covers.
    pub(super) fn covers(&self) -> Option<(&Path, usize)> {
        match self.state {
            JobState::Running { bytes, .. } => Some((self.syncs.path(), bytes)),
            JobState::Idle | JobState::Over => None,
        }
    }
}

impl SimulatedDisk {
    /// How many records of the open segment, or of the last one, its journal calls durable.
    pub fn claimed(&self) -> u64 {
        let inner = self.lock();
        let syncs = inner.job.as_ref().map(|job| Arc::clone(&job.syncs));
        let claimed = inner.claimed;
        drop(inner);
        syncs.map_or(claimed, |syncs| syncs.durable())
    }

    pub(super) fn attended(&self, syncs: &Arc<Syncs>) -> Box<dyn Attendant> {
        self.lock().job = Some(SyncJob {
            syncs: Arc::clone(syncs),
            state: JobState::Idle,
        });
        Box::new(ByClock {
            disk: self.clone(),
            syncs: Arc::clone(syncs),
        })
    }

    /// When the next sync begins or ends.
    pub fn next_event(&self) -> Option<Monotonic> {
        let inner = self.lock();
        let job = inner.job.as_ref()?;
        if inner.is_dead {
            return None;
        }
        match job.state {
            JobState::Running { ends, .. } => Some(ends),
            JobState::Over => None,
            JobState::Idle if job.syncs.check().is_err() => None,
            JobState::Idle => match job.syncs.next(inner.now) {
                Next::Rest => None,
                Next::At(then) => Some(then),
                Next::Now => Some(inner.now),
            },
        }
    }

    /// Does what is due: ends a sync, or begins one.
    pub(super) fn sync_step(&self) {
        let mut inner = self.lock();
        let now = inner.now;
        let is_slow = now < inner.slow_until;
        let Some(job) = &inner.job else { return };
        let syncs = Arc::clone(&job.syncs);
        let next = match job.state {
            JobState::Running { records, ends, .. } if ends <= now => {
                drop(inner);
                let synced = syncs.sync_file();
                let failed = synced.is_err();
                syncs.end(records, synced);
                inner = self.lock();
                if failed {
                    JobState::Over
                } else {
                    JobState::Idle
                }
            }
            JobState::Idle if syncs.next(now) == Next::Now => {
                let span = sync_span(&mut inner.draws, is_slow);
                let file = inner.file_at(syncs.path());
                JobState::Running {
                    records: syncs.begin(),
                    bytes: file.map_or(0, |file| inner.files[file].content.len()),
                    ends: now + span,
                }
            }
            same => same,
        };
        if let Some(job) = &mut inner.job {
            job.state = next;
        }
    }
}

/// Waits by letting time pass.
#[derive(Debug)]
struct ByClock {
    disk: SimulatedDisk,
    syncs: Arc<Syncs>,
}

impl Attendant for ByClock {
    fn wait_for(&self, syncs: &Syncs, records: u64) -> Result<(), JournalError> {
        loop {
            syncs.check()?;
            if syncs.durable() >= records {
                return Ok(());
            }
            let Some(at) = self.disk.next_event() else {
                return Err(JournalError::Failed("nobody syncs it any more".into()));
            };
            self.disk.advance(at.max(self.disk.now()));
        }
    }
}

impl Drop for ByClock {
    /// What is left is synced, as the thread does it. The disk and its job hold each other: they let go here.
    fn drop(&mut self) {
        let _ = self.wait_for(&self.syncs, u64::MAX);
        let claimed = self.syncs.durable();
        let mut inner = self.disk.lock();
        let is_ours = |job: &mut SyncJob| Arc::ptr_eq(&job.syncs, &self.syncs);
        let job = inner.job.take_if(is_ours);
        if job.is_some() {
            inner.claimed = claimed;
        }
        drop(inner);
        // What it holds may be the last of this disk, whose lock must be free then.
        drop(job);
    }
}

/// How long a sync takes.
fn sync_span(draws: &mut Draws, is_slow: bool) -> Duration {
    let (shortest, longest) = if is_slow { (50, 4_000) } else { (0, 8) };
    draws.span(
        Duration::from_micros(70) + Duration::from_millis(shortest),
        Duration::from_millis(longest),
    )
}
