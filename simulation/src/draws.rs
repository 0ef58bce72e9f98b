//! Random numbers that depend on a seed and on nothing else.
//!
//! A [`Draws`] is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA
//! 2014). What must not change when something else does has a stream of its own, by [`Draws::of`]: a task's
//! time is drawn from the seed and the task, so that leaving out a fault leaves every other task as it was.

use std::time::Duration;

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The stream of a seed for one purpose: a name and a few numbers.
    pub fn of(seed: u64, purpose: &str, numbers: &[u64]) -> Draws {
        let bytes = purpose.bytes().map(u64::from);
        let state = bytes
            .chain(numbers.iter().copied())
            .fold(mix(seed ^ 0x9e37_79b9_7f4a_7c15), |state, next| {
                mix(state.rotate_left(17) ^ next)
            });
        Draws(state)
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias is below end / 2^64.
        ((u128::from(self.bits()) * u128::from(end.max(1))) >> 64) as u64
    }

    /// A number from `first` to `last`.
    pub fn from_to(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first) + 1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these, each as likely as the others.
    pub fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len() as u64) as usize]
    }

    /// A span between two, in which short ones are as likely as long ones: its logarithm is uniform.
    pub fn span(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let (low, high) = (shortest.as_nanos().max(1), longest.as_nanos().max(1));
        let doublings = (high / low).max(1).ilog2();
        let low = (low << self.below(u64::from(doublings) + 1)).min(high);
        let high = (low * 2).min(high).max(low);
        let nanos = low + u128::from(self.below((high - low + 1) as u64));
        Duration::from_nanos(nanos as u64)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of splitmix64 from state 1234567, as its reference implementation gives them.
    #[test]
    fn it_is_splitmix64() {
        let mut draws = Draws(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| draws.bits()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn spans_stay_between_their_ends_and_reach_both_halves() {
        let mut draws = Draws::of(7, "spans", &[]);
        let (low, high) = (Duration::from_millis(1), Duration::from_secs(60));
        let spans: Vec<Duration> = (0..1000).map(|_| draws.span(low, high)).collect();
        assert!(spans.iter().all(|span| (low..=high).contains(span)));
        let short = spans
            .iter()
            .filter(|span| **span < Duration::from_millis(250));
        assert!((300..700).contains(&short.count()));
    }
}
