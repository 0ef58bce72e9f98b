//! When a journal is to be synced: a decision without a clock.
//!
//! A sync of a disk costs from 70 µs to 20 ms, whatever it covers, so records share one. The rule: sync
//! when 64 records wait, or 10 ms after the first of them was written, or at once when somebody waits
//! for it. So a loss of power costs at most that much, and a kill of the process costs nothing, since
//! the records are the kernel's by then.

use std::time::Duration;

use crate::clock::Monotonic;

/// So many records at most wait for a sync that nobody asked for.
const MOST_RECORDS: u64 = 64;
/// So long at most does a record wait.
const LONGEST: Duration = Duration::from_millis(10);

/// What is written and what of it is durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Window {
    written: u64,
    durable: u64,
    /// When the first record after the durable ones was written.
    oldest: Option<Monotonic>,
    /// Up to here somebody waits.
    wanted: u64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Nothing is unsynced.
    Rest,
    /// Sync at this moment, unless more happens.
    At(Monotonic),
    /// Sync.
    Now,
}

impl Window {
    /// A record was written. Gives back whether that changes the decision: most records change nothing,
    /// and waking the sync thread for them would cost more than writing them.
    #[must_use]
    pub(super) fn appended(&mut self, now: Monotonic) -> bool {
        self.written += 1;
        let is_first = self.oldest.is_none();
        self.oldest.get_or_insert(now);
        is_first || self.written - self.durable == MOST_RECORDS
    }

    /// Somebody waits for all that is written. Gives back how much that is.
    pub(super) fn want_all(&mut self) -> u64 {
        self.wanted = self.written;
        self.wanted
    }

    /// The decision.
    pub(super) fn next(&self, now: Monotonic) -> Next {
        match self.oldest {
            None => Next::Rest,
            Some(_) if self.wanted > self.durable => Next::Now,
            Some(_) if self.written - self.durable >= MOST_RECORDS => Next::Now,
            Some(oldest) if now >= oldest + LONGEST => Next::Now,
            Some(oldest) => Next::At(oldest + LONGEST),
        }
    }

    /// A sync begins. Gives back how many records it covers; those written from now on wait for the
    /// next one.
    pub(super) fn begin(&mut self) -> u64 {
        self.oldest = None;
        self.written
    }

    /// The sync that covers `records` is over.
    pub(super) fn synced(&mut self, records: u64) {
        self.durable = self.durable.max(records);
    }

    /// Number of records that are durable.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Monotonic {
        Monotonic(millis * 1_000_000)
    }

    #[test]
    fn nothing_written_nothing_to_do() {
        let mut window = Window::default();
        assert_eq!(window.next(ms(1_000_000)), Next::Rest);
        window.want_all();
        assert_eq!(window.next(ms(1_000_000)), Next::Rest);
    }

    #[test]
    fn the_first_unsynced_record_sets_the_time() {
        let mut window = Window::default();
        assert!(window.appended(ms(100)));
        assert!(!window.appended(ms(105)));
        assert_eq!(window.next(ms(105)), Next::At(ms(110)));
        assert_eq!(window.next(ms(110)), Next::Now);
    }

    #[test]
    fn the_sixty_fourth_record_does_not_wait() {
        let mut window = Window::default();
        let woken = (0..63).filter(|_| window.appended(ms(0))).count();
        assert_eq!((woken, window.next(ms(0))), (1, Next::At(ms(10))));
        assert!(window.appended(ms(0)));
        assert_eq!(window.next(ms(0)), Next::Now);
    }

    #[test]
    fn who_waits_is_served_at_once() {
        let mut window = Window::default();
        assert!(window.appended(ms(0)));
        assert_eq!(window.want_all(), 1);
        assert_eq!(window.next(ms(0)), Next::Now);
        let covers = window.begin();
        window.synced(covers);
        assert_eq!((window.durable(), window.next(ms(0))), (1, Next::Rest));
    }

    #[test]
    fn a_record_written_during_a_sync_waits_for_the_next() {
        let mut window = Window::default();
        assert!(window.appended(ms(0)));
        let covers = window.begin();
        assert!(window.appended(ms(3)));
        assert_eq!(window.want_all(), 2);
        window.synced(covers);
        assert_eq!(window.durable(), 1);
        assert_eq!(window.next(ms(4)), Next::Now);
        let covers = window.begin();
        window.synced(covers);
        assert_eq!((window.durable(), window.next(ms(4))), (2, Next::Rest));
    }
}
