//! Monotonic time, comparable between the processes of one machine.
//!
//! `std::time::Instant` cannot be sent to another process. A [`Monotonic`] can: it is a count of
//! nanoseconds of the system's monotonic clock, which all processes of one machine share where the
//! platform has such a clock. Wall-clock time appears only at the edge (folder names, manifest); no
//! deadline is ever computed from it.

use std::ops::Add;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fail_point;

/// The time of day, for people to read: in the names of folders and in the manifest. It may jump, so nothing
/// is decided by it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall_now() -> Timestamp {
    #[cfg_attr(
        not(feature = "fault"),
        expect(unused_mut, reason = "faults change it")
    )]
    let mut now = Timestamp::now();
    fail_point!("clock.wall", |twist| now = crate::fault::jump(now, &twist));
    now
}

/// A moment on the monotonic clock, in nanoseconds since some moment in the past (Linux: since boot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// The time that passed from `earlier` to `self`; zero if `earlier` is the later one.
    pub fn since(self, earlier: Monotonic) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Monotonic;

    /// A span too long for the clock ends at the clock's end, which no run reaches.
    fn add(self, span: Duration) -> Monotonic {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Monotonic(self.0.saturating_add(nanos))
    }
}
