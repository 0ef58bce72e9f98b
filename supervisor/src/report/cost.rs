//! What isolation costs: arithmetic on what a run measured.
//!
//! Of each attempt two times are known: how long a worker was taken up (`took`, from giving the task to it
//! until its process was gone) and how long the work itself lasted (`worked`). The difference is the price
//! of isolation. Sums are exact; the spread comes from a bounded, deterministic sample. Quantiles are of
//! type 7 of Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician 50
//! (1996).
//!
//! What other ways would have taken is *estimated* from these times, and called so. The estimates suppose
//! that work takes as long elsewhere, and that as many workers are busy at a time as in this run.

use std::time::Duration;

use fumehood::experiment::spec::MaxTasks;

use crate::engine::state::GROUP_TARGET;
use crate::reporter::words::{span, thousands, two_figures};
use crate::start::Method;

/// Most pairs that are kept.
const KEPT: usize = 4096;

/// Below this share of the workers' time, isolation is not worth a second sentence.
const SMALL_SHARE: f64 = 0.05;

/// Another way must be faster by this factor before it is advised: estimates are not that exact.
const CLEARLY: f64 = 0.8;

/// Times of attempts: exact sums, and every k-th pair, where k doubles whenever the store is full. No
/// chance is in it: the same times in the same order give the same sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    seen: u64,
    step: u64,
    pairs: Vec<(Duration, Duration)>,
    took: Duration,
    worked: Duration,
}

impl Samples {
    /// Notes an attempt that ended ok.
    pub fn note(&mut self, took: Duration, worked: Duration) {
        let step = self.step.max(1);
        if self.seen.is_multiple_of(step) {
            if self.pairs.len() == KEPT {
                let mut at = 0;
                self.pairs.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.step = step * 2;
            }
            // The first pair after a halving is at a multiple of the new step, since KEPT is even.
            self.pairs.push((took, worked));
        }
        self.seen += 1;
        self.took = self.took.saturating_add(took);
        self.worked = self.worked.saturating_add(worked);
    }

    /// Attempts noted.
    #[cfg(test)]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The pairs that were kept: (took, worked).
    #[cfg(test)]
    pub fn pairs(&self) -> &[(Duration, Duration)] {
        &self.pairs
    }

    fn spread(&self, of: impl Fn(Duration, Duration) -> Duration) -> Option<Spread> {
        Spread::of(self.pairs.iter().map(|&(took, worked)| of(took, worked)))
    }
}

/// A median with its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// A tenth of the samples is below.
    pub low: Duration,
    /// Half of them are below.
    pub median: Duration,
    /// A tenth of them is above.
    pub high: Duration,
    /// Number of samples.
    pub samples: u64,
}

impl Spread {
    /// Of these samples; `None` without any.
    pub fn of(samples: impl IntoIterator<Item = Duration>) -> Option<Spread> {
        let mut sorted: Vec<Duration> = samples.into_iter().collect();
        sorted.sort_unstable();
        if sorted.is_empty() {
            return None;
        }
        Some(Spread {
            low: quantile(&sorted, 0.1),
            median: quantile(&sorted, 0.5),
            high: quantile(&sorted, 0.9),
            samples: sorted.len() as u64,
        })
    }
}

/// Type 7: between the two neighbours of place p (n - 1), in proportion. `sorted` is not empty.
fn quantile(sorted: &[Duration], p: f64) -> Duration {
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let between = sorted[above] - sorted[below];
    sorted[below] + between.mul_f64(place - below as f64)
}

/// A run as it was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// Workers at a time.
    pub workers: u32,
    /// From the beginning to the end.
    pub wall: Duration,
    /// Times of attempts that ended ok.
    pub samples: &'a Samples,
    /// How workers were made.
    pub method: Method,
    /// Tasks before a worker was replaced.
    pub max_tasks: MaxTasks,
}

/// What isolation cost, a sentence a line; empty where there is nothing to say.
pub fn sentences(run: &Measured<'_>) -> Vec<String> {
    let samples = run.samples;
    let n = samples.seen;
    if n == 0 || run.method == Method::Inline || samples.took.is_zero() {
        return Vec::new();
    }
    let (Some(task), Some(work)) = (
        samples.spread(|took, _| took),
        samples.spread(|_, work| work),
    ) else {
        return Vec::new();
    };
    if run.max_tasks != MaxTasks::Count(1) {
        // There `took` holds the wait behind other tasks of the worker: it is not the price of isolation.
        let busy = share(samples.worked, run.wall.saturating_mul(run.workers.max(1)));
        return vec![format!(
            "workers shared by tasks computed for {} % of their time (a task: {})",
            percent(busy),
            figure(&work, n)
        )];
    }
    let Some(price) = samples.spread(|took, worked| took.saturating_sub(worked)) else {
        return Vec::new();
    };
    let part = share(samples.took.saturating_sub(samples.worked), samples.took);
    if part < SMALL_SHARE {
        return vec![format!(
            "isolation is {} % of the run ({}): nothing to gain",
            percent(part),
            figure(&price, n)
        )];
    }
    let mut lines = vec![format!(
        "isolation: median {} of a task's {} (n = {}; 10-90 %: {}-{})",
        span(price.median),
        span(task.median),
        thousands(price.samples),
        span(price.low),
        span(price.high)
    )];
    let estimate = Estimate::of(run);
    let advice = if estimate.serial.as_secs_f64() < CLEARLY * run.wall.as_secs_f64()
        && estimate.serial <= estimate.grouped
    {
        "one process without isolation (--start-method inline) would be faster"
    } else if estimate.grouped.as_secs_f64() < CLEARLY * run.wall.as_secs_f64() {
        "grouping would be faster"
    } else {
        "no other way would clearly be faster"
    };
    lines.push(format!(
        "estimated: serial in this process {}, this way {} (measured), grouped \
         (--max-tasks-per-worker auto) {}: {advice}",
        span(estimate.serial),
        span(run.wall),
        span(estimate.grouped)
    ));
    lines
}

/// What other ways would have taken.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Estimate {
    serial: Duration,
    grouped: Duration,
}

impl Estimate {
    fn of(run: &Measured<'_>) -> Estimate {
        let samples = run.samples;
        let worked = samples.worked.as_secs_f64();
        let price = (samples.took.as_secs_f64() - worked).max(0.0);
        let n = samples.seen as f64;
        let group = group_size(worked / n).min(n);
        let groups = (n / group).ceil();
        // As many workers as were taken up at a time in this run, and no more than there would be groups.
        let busy = (samples.took.as_secs_f64() / run.wall.as_secs_f64().max(1e-9))
            .clamp(1.0, f64::from(run.workers.max(1)))
            .min(groups);
        Estimate {
            serial: samples.worked,
            grouped: seconds((worked + price / n * groups) / busy),
        }
    }
}

/// How many tasks of so many seconds each `--max-tasks-per-worker auto` gives to one process.
pub(super) fn group_size(task: f64) -> f64 {
    (GROUP_TARGET.as_secs_f64() / task.max(1e-6))
        .floor()
        .max(1.0)
}

/// A time that no run reaches is the longest there is.
pub(super) fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}

fn share(part: Duration, whole: Duration) -> f64 {
    (part.as_secs_f64() / whole.as_secs_f64().max(1e-9)).min(1.0)
}

fn percent(share: f64) -> String {
    two_figures(share * 100.0)
}

fn figure(spread: &Spread, seen: u64) -> String {
    let of = match seen == spread.samples {
        true => String::new(),
        false => format!(" of {}", thousands(seen)),
    };
    format!(
        "median {}, n = {}{of}, 10-90 %: {}-{}",
        span(spread.median),
        thousands(spread.samples),
        span(spread.low),
        span(spread.high)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    fn run(samples: &Samples, workers: u32, wall: Duration) -> Measured<'_> {
        Measured {
            workers,
            wall,
            samples,
            method: Method::Fork,
            max_tasks: MaxTasks::Count(1),
        }
    }

    #[test]
    fn quantiles_are_those_of_type_7() {
        // R: quantile(1:4, c(.1, .5, .9)) gives 1.3, 2.5, 3.7.
        let spread = Spread::of([4, 2, 1, 3].map(|n| us(n * 1000))).expect("four samples");
        assert_eq!(
            (spread.low, spread.median, spread.high),
            (us(1300), us(2500), us(3700))
        );
        assert_eq!(
            Spread::of([us(7)]).map(|s| (s.low, s.high)),
            Some((us(7), us(7)))
        );
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn the_sample_is_bounded_and_even_and_the_sums_are_exact() {
        let mut samples = Samples::default();
        for n in 0..20_000u64 {
            samples.note(us(n), us(0));
        }
        assert_eq!(samples.seen(), 20_000);
        assert_eq!(samples.took, us(20_000 * 19_999 / 2));
        assert!(samples.pairs().len() <= KEPT);
        let step = samples.pairs()[1].0;
        assert_eq!(step, us(8));
        for (at, pair) in samples.pairs().iter().enumerate() {
            assert_eq!(pair.0, us(8 * at as u64));
        }
    }

    #[test]
    fn tiny_tasks_are_told_what_grouping_would_bring() {
        // 1000 tasks of 0.05 ms in 0.19 ms of a worker; wall 0.19 s: one worker busy at a time.
        // Serial: 0.05 s. Groups of 20 ms / 0.05 ms = 400 tasks: 3 groups, 0.05 s + 3 x 0.14 ms.
        let mut samples = Samples::default();
        for _ in 0..1000 {
            samples.note(us(190), us(50));
        }
        let run = run(&samples, 2, us(190_000));
        let estimate = Estimate::of(&run);
        assert_eq!(estimate.serial, us(50_000));
        assert_eq!(estimate.grouped.as_micros(), 50_420);
        assert_eq!(
            sentences(&run),
            [
                "isolation: median 0.14 ms of a task's 0.19 ms (n = 1,000; 10-90 %: 0.14 ms-0.14 ms)",
                "estimated: serial in this process 50 ms, this way 0.19 s (measured), grouped \
                 (--max-tasks-per-worker auto) 50 ms: one process without isolation (--start-method \
                 inline) would be faster",
            ]
        );
    }

    #[test]
    fn grouping_is_advised_where_it_keeps_the_parallel_gain() {
        // 4000 tasks of 1 ms in 3 ms of a worker, 4 workers busy: wall 3 s. Serial 4 s.
        // Groups of 20: 200 groups, (4 s + 200 x 2 ms) / 4 = 1.1 s.
        let mut samples = Samples::default();
        for _ in 0..4000 {
            samples.note(us(3000), us(1000));
        }
        let run = run(&samples, 4, Duration::from_secs(3));
        assert_eq!(Estimate::of(&run).grouped, us(1_100_000));
        assert!(sentences(&run)[1].ends_with("1.1 s: grouping would be faster"));
    }

    #[test]
    fn where_isolation_is_cheap_one_line_says_so() {
        let mut samples = Samples::default();
        for _ in 0..10 {
            samples.note(us(1_004_000), us(1_000_000));
        }
        assert_eq!(
            sentences(&run(&samples, 2, us(5_020_000))),
            [
                "isolation is 0.40 % of the run (median 4.0 ms, n = 10, 10-90 %: 4.0 ms-4.0 ms): \
              nothing to gain"
            ]
        );
    }

    #[test]
    fn nothing_measured_is_nothing_said() {
        let samples = Samples::default();
        assert!(sentences(&run(&samples, 2, us(10))).is_empty());
        let mut samples = Samples::default();
        samples.note(us(10), us(5));
        let inline = Measured {
            method: Method::Inline,
            ..run(&samples, 1, us(10))
        };
        assert!(sentences(&inline).is_empty());
    }

    #[test]
    fn shared_workers_have_no_price_of_isolation() {
        let mut samples = Samples::default();
        for _ in 0..10 {
            samples.note(us(900), us(100));
        }
        let shared = Measured {
            max_tasks: MaxTasks::Auto,
            ..run(&samples, 2, us(1000))
        };
        assert_eq!(
            sentences(&shared),
            [
                "workers shared by tasks computed for 50 % of their time (a task: median 0.10 ms, \
              n = 10, 10-90 %: 0.10 ms-0.10 ms)"
            ]
        );
    }
}
