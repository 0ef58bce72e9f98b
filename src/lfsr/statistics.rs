//! How the cycle lengths of a register are spread.
//!
//! There are two questions: how long is a *cycle*, each counted once, and how long is the cycle of a *state*, where a cycle
//! counts as often as it is long. All sums are exact; only the last division, or root, is rounded, to six digits after the point.

use num_bigint::BigUint;
use serde::Serialize;

/// Digits after the point.
const DIGITS: u32 = 6;

/// Figures of the lengths of cycles, as decimal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeriodStatistics {
    /// Number of different lengths.
    pub distinct_lengths: usize,
    /// The least length.
    pub shortest: String,
    /// Half of the cycles are at most so long: the lower one of two in the middle.
    pub median: String,
    /// The mean length of a cycle.
    pub mean: String,
    /// The standard deviation of the lengths of all cycles: the root of their mean squared distance from the mean.
    pub standard_deviation: String,
    /// The greatest length.
    pub longest: String,
    /// The mean length of the cycle that a periodic state is on.
    pub mean_of_states: String,
    /// The greatest length over `q^d - 1`, the greatest that a register of this degree can have: above 0, at most 1.
    pub longest_over_maximum: String,
}

impl PeriodStatistics {
    /// The figures of these cycles: lengths in increasing order, and how many there are of each, as decimal text, in a
    /// register with so many states. `None` where there is no cycle, or text is no number.
    pub fn of(cycle_lengths: &[(String, String)], state_count: &str) -> Option<PeriodStatistics> {
        let number = |text: &String| text.parse::<BigUint>().ok();
        let cycles: Vec<(BigUint, BigUint)> = cycle_lengths
            .iter()
            .map(|(length, count)| Some((number(length)?, number(count)?)))
            .collect::<Option<_>>()?;
        let (shortest, longest) = (&cycles.first()?.0, &cycles.last()?.0);
        let count: BigUint = cycles.iter().map(|(_, count)| count).sum();
        let states: BigUint = cycles.iter().map(|(length, count)| length * count).sum();
        let squares: BigUint = cycles.iter().map(|(l, count)| l * l * count).sum();
        let zero = BigUint::ZERO;
        if count == zero || states == zero {
            return None;
        }
        // n (sum of squares) - (sum)^2 is n^2 times the variance.
        let spread = &count * &squares - &states * &states;
        let scale = BigUint::from(10u32).pow(2 * DIGITS);
        let deviation = (spread * scale).sqrt();
        // A register has two states at least.
        let maximum = state_count.parse::<BigUint>().ok()? - 1u32;
        Some(PeriodStatistics {
            distinct_lengths: cycles.len(),
            shortest: shortest.to_string(),
            median: median(&cycles, &count)?.to_string(),
            mean: quotient(&states, &count),
            standard_deviation: fixed(rounded(&deviation, &count)),
            longest: longest.to_string(),
            mean_of_states: quotient(&squares, &states),
            longest_over_maximum: quotient(longest, &maximum),
        })
    }
}

/// The length of the cycle in the middle, cycles ordered by length.
fn median<'c>(cycles: &'c [(BigUint, BigUint)], count: &BigUint) -> Option<&'c BigUint> {
    let middle: BigUint = (count + 1u32) / 2u32;
    let mut up_to = BigUint::ZERO;
    let found = cycles.iter().find(|(_, count)| {
        up_to += count;
        up_to >= middle
    });
    found.map(|(length, _)| length)
}

/// `a / b`, rounded half up.
fn rounded(a: &BigUint, b: &BigUint) -> BigUint {
    (a * 2u32 + b) / (b * 2u32)
}

/// `a / b` with [`DIGITS`] digits after the point.
fn quotient(a: &BigUint, b: &BigUint) -> String {
    fixed(rounded(&(a * BigUint::from(10u32).pow(DIGITS)), b))
}

/// A number of millionths as decimal text.
fn fixed(millionths: BigUint) -> String {
    let width = DIGITS as usize + 1;
    let digits = format!("{millionths:0>width$}");
    let (whole, rest) = digits.split_at(digits.len() - DIGITS as usize);
    format!("{whole}.{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cycles: &[(u64, u64)], states: u64) -> Option<PeriodStatistics> {
        let text: Vec<(String, String)> = cycles
            .iter()
            .map(|(length, count)| (length.to_string(), count.to_string()))
            .collect();
        PeriodStatistics::of(&text, &states.to_string())
    }

    #[test]
    fn figures_that_can_be_checked_by_hand() {
        // x^4 + x + 1: lengths 1 and 15. Mean 8, deviation 7; of the 16 states 15 are on a cycle of 15: (1 + 225) / 16.
        let figures = of(&[(1, 1), (15, 1)], 16).unwrap();
        assert_eq!(
            (figures.distinct_lengths, figures.median.as_str()),
            (2, "1")
        );
        assert_eq!(figures.mean, "8.000000");
        assert_eq!(figures.standard_deviation, "7.000000");
        assert_eq!(figures.mean_of_states, "14.125000");
        assert_eq!(figures.longest_over_maximum, "1.000000");
        // The rotation of four bits: 1 1, 2, 4 4 4. Mean 16/6, squares 2 + 4 + 48 = 54, variance 9 - 64/9 = 17/9.
        let figures = of(&[(1, 2), (2, 1), (4, 3)], 16).unwrap();
        assert_eq!(
            (figures.shortest.as_str(), figures.longest.as_str()),
            ("1", "4")
        );
        assert_eq!(figures.median, "2");
        assert_eq!(figures.mean, "2.666667");
        assert_eq!(figures.standard_deviation, "1.374369");
        assert_eq!(figures.mean_of_states, "3.375000");
        assert_eq!(figures.longest_over_maximum, "0.266667");
    }

    #[test]
    fn one_cycle_and_none() {
        let figures = of(&[(1, 2)], 2).unwrap();
        assert_eq!(figures.standard_deviation, "0.000000");
        assert_eq!(figures.longest_over_maximum, "1.000000");
        assert_eq!(of(&[], 16), None);
        assert_eq!(PeriodStatistics::of(&[("x".into(), "1".into())], "2"), None);
    }

    #[test]
    fn numbers_beyond_every_integer_type() {
        let longest = (BigUint::from(1u32) << 127u32) - 1u32;
        let cycles = [
            ("1".to_owned(), "1".to_owned()),
            (longest.to_string(), "1".to_owned()),
        ];
        let states = (longest + 1u32).to_string();
        let figures = PeriodStatistics::of(&cycles, &states).unwrap();
        // Half of 2^127, and half of 2^127 - 2.
        assert_eq!(
            figures.mean,
            "85070591730234615865843651857942052864.000000"
        );
        assert_eq!(
            figures.standard_deviation,
            "85070591730234615865843651857942052863.000000"
        );
    }
}
