//! Series from a seed, for trying things out without any data.
//!
//! Five kinds take turns: a trend, a season, both, a random walk, and an autoregression. Each has 60 to
//! 199 values around a positive level. A series depends on the seed and its own number alone, so the
//! first ten of a hundred are the same ten. The bytes are the same on every machine: the stream is
//! ChaCha8, and every function is of `libm`.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::sink::{Gathering, Sink};
use super::{DataError, DataSet};

/// How many series are made unless told otherwise.
const DEFAULT_SERIES: usize = 20;
/// As many as the largest competition has.
pub(super) const MOST_SERIES: usize = 100_000;
/// The season of those that have one, and the default of the whole set.
const SEASON: u32 = 12;
/// Changes whenever the same seed would give other series.
const VERSION: &[u8] = b"fumehood synthetic series 1";

/// Makes `count` series, 20 unless told; the caller has refused more than [`MOST_SERIES`]. The digest of
/// the parameters comes back.
pub(super) fn generate(
    seed: u64,
    count: Option<usize>,
    sink: &mut impl Sink,
) -> Result<[u8; 32], DataError> {
    let count = count.unwrap_or(DEFAULT_SERIES);
    for series in 0..count {
        let number = series as u64 + 1;
        sink.begin(&format!("synthetic-{number}"))?;
        for value in one(seed, number) {
            sink.value(series, value)?;
        }
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION);
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(count as u64).to_le_bytes());
    Ok(*hasher.finalize().as_bytes())
}

/// A data set of what was made.
pub(super) fn data_set(seed: u64, gathering: Gathering, digest: [u8; 32]) -> DataSet {
    let series = gathering.finish();
    let layout = format!(
        "{} synthetic series of seed {seed}, {} to {} values each",
        series.len(),
        series.shortest(),
        series.longest(),
    );
    DataSet {
        series,
        default_horizon: 12,
        default_season_length: SEASON,
        layout,
        digest,
    }
}

/// Series `number`, from 1.
fn one(seed: u64, number: u64) -> Vec<f64> {
    let mut chance = Chance::new(seed, number);
    let length = 60 + chance.below(140);
    let level = chance.between(80.0, 200.0);
    let noise = level * chance.between(0.01, 0.04);
    let slope = level * chance.between(-0.002, 0.006);
    let swing = level * chance.between(0.1, 0.3);
    let phase = chance.between(0.0, 1.0);
    let memory = chance.between(0.3, 0.9);
    let trend = |t: usize| slope * t as f64;
    let season = |t: usize| {
        let turns = phase + t as f64 / f64::from(SEASON);
        swing * libm::sin(2.0 * std::f64::consts::PI * turns)
    };
    let mut state = 0.0;
    (0..length)
        .map(|t| {
            let shock = noise * chance.normal();
            level
                + match number % 5 {
                    1 => trend(t) + shock,
                    2 => season(t) + shock,
                    3 => trend(t) + season(t) + shock,
                    4 => {
                        // Half as strong: its steps add up, and levels should stay positive.
                        state += 0.5 * shock;
                        state
                    }
                    _ => {
                        state = memory * state + shock;
                        state
                    }
                }
        })
        .collect()
}

/// A stream of random numbers.
struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of one series.
    fn new(seed: u64, number: u64) -> Chance {
        let mut hasher = blake3::Hasher::new();
        hasher.update(VERSION);
        hasher.update(&seed.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        Chance(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// From 0 to below 1: the upper 53 bits, all that a `f64` holds.
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `limit`, which is small.
    fn below(&mut self, limit: u32) -> usize {
        (self.unit() * f64::from(limit)) as usize
    }

    /// Of mean 0 and variance 1, by Box and Muller's method.
    fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit())
    }
}

#[cfg(test)]
mod tests {
    fn made(seed: u64, count: Option<usize>) -> DataSet {
        let mut gathering = Gathering::new();
        let digest = generate(seed, count, &mut gathering).expect("few series");
        data_set(seed, gathering, digest)
    }

    use super::*;
    use crate::forecast::decomposition::is_seasonal;

    #[test]
    fn a_seed_gives_the_same_series_and_another_seed_others() {
        let set = made(42, None);
        assert_eq!(set.series.len(), 20);
        assert_eq!(set, made(42, None));
        let other = made(43, None);
        assert_ne!(set.series.values(0), other.series.values(0));
        assert_ne!(set.digest, other.digest);
    }

    #[test]
    fn a_series_depends_on_its_number_and_not_on_how_many_there_are() {
        let few = made(7, Some(3)).series;
        let many = made(7, Some(50)).series;
        for i in 0..few.len() {
            assert_eq!(few.name(i), format!("synthetic-{}", i + 1));
            assert_eq!(few.values(i), many.values(i));
        }
    }

    #[test]
    fn the_bytes_are_the_same_on_every_machine() {
        let set = made(42, Some(5)).series;
        let mut hasher = blake3::Hasher::new();
        for value in set.all_values() {
            hasher.update(&value.to_le_bytes());
        }
        assert_eq!(
            hasher.finalize().to_hex().as_str(),
            "79406428be52a0aaf8e0384f53c5be3d9f8697045334d6179a929d1f2eeb5fc3"
        );
    }

    #[test]
    fn series_are_as_long_and_as_positive_as_promised() {
        let set = made(1, Some(500)).series;
        for i in 0..set.len() {
            assert!((60..200).contains(&set.values(i).len()));
        }
        assert!(
            set.all_values()
                .iter()
                .all(|value| value.is_finite() && *value > 0.0)
        );
    }

    #[test]
    fn the_kinds_with_a_season_have_one() {
        let set = made(5, Some(100)).series;
        let seasonal = |kind: usize| {
            let of_kind = (0..set.len()).filter(|i| (i + 1) % 5 == kind);
            of_kind
                .filter(|i| is_seasonal(set.values(*i), SEASON))
                .count()
        };
        assert_eq!((seasonal(2), seasonal(3)), (20, 20));
        assert!(seasonal(0) < 8, "an autoregression seldom looks seasonal");
    }
}
