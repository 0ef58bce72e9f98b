//! How the pool ends what is left: orphans during a run, and everything at its end.
//!
//! A child that the reaper watches is the reaper's: it is signalled through it and reaped by it. What else is a
//! child of this process was adopted (a worker had started and left it), or is a stranger's. So a number is
//! never signalled that somebody else may reap at the same moment.

use std::collections::HashMap;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::sys;

use super::super::crew::Crew;
use super::{Pool, SUSPICION};

impl Pool {
    /// Ends orphans that workers left behind and we adopted, reaps strangers that are over, and turns away who
    /// connects in place of a worker. With `final_sweep` every unknown child counts, since no worker is on its
    /// way. Returns how many children there were that are still to end.
    pub(super) fn sweep(&mut self, now: Monotonic, final_sweep: bool) -> usize {
        self.turn_strangers_away();
        self.strangers.retain(|&pid| !sys::reap_if_over(pid));
        // Before the children: one that is reaped in between is on both lists, and left alone.
        let watched = self.reaper.watched();
        let mut left = 0;
        let mut seen = HashMap::new();
        for pid in sys::children() {
            if watched.contains(&pid) {
                left += usize::from(self.keeper.as_ref().is_none_or(|k| k.pid != pid));
                continue;
            }
            if self.strangers.contains(&pid) {
                continue;
            }
            let since = self.suspects.get(&pid).copied().unwrap_or(now);
            if final_sweep || now.since(since) >= SUSPICION {
                if !self.adopts_strangers || self.handshakes.has_mark(pid) {
                    self.left_behind += u32::from(sys::end_orphan(pid));
                    left += 1;
                } else if sys::reap_if_over(pid) {
                    continue;
                }
            }
            seen.insert(pid, since);
        }
        self.suspects = seen;
        left
    }

    /// How many processes that workers had left behind were ended.
    pub fn left_behind(&self) -> u32 {
        self.left_behind
    }

    /// Ends the workers that still live, the zygote and the spares, and waits, a bounded time, until no child of
    /// ours is left. The keeper comes last: a supervisor that is killed on the way has it still.
    pub fn close(&mut self) {
        for (pid, _) in self.worker_of_pid.drain() {
            self.reaper.while_unreaped(pid, sys::kill_group);
        }
        self.end_spares();
        self.end_zygote();
        self.end_children();
        self.end_keeper();
        self.end_children();
    }

    /// Sweeps until no child is left, a bounded time.
    fn end_children(&mut self) {
        let patience = sys::monotonic_now() + Duration::from_secs(1);
        loop {
            let now = sys::monotonic_now();
            let left = self.sweep(now, true);
            if left == 0 || now >= patience {
                return;
            }
            // The reaper tells of each death; what it cannot know of takes a moment to die.
            let _ = self.wait(Duration::from_millis(5));
        }
    }
}

impl Drop for Pool {
    /// Whatever a run fails of, it leaves no process behind.
    fn drop(&mut self) {
        self.close();
    }
}
