//! What a run would take, for `supervisor plan`: from measured samples to a span of times.
//!
//! Three ways are compared: *serial* in this process, *isolated* (a process a task) and *grouped*
//! (`--max-tasks-per-worker auto`). Each is given three times, once with all samples at their tenth, once
//! at their middle, once at their ninetieth percentile: a span within which the run should end, not a
//! confidence interval. Work is supposed to scale with the workers, down to the longest single task.

use std::time::Duration;

use super::cost::{Spread, group_size, seconds};
use crate::reporter::words::{count, span, thousands};

/// One experiment and what its tasks were measured to take.
#[derive(Clone, Copy, Debug)]
pub struct ExperimentCost<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its tasks.
    pub tasks: u32,
    /// Times of some of them.
    pub samples: &'a [Duration],
}

/// A time with what it may be instead.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// With everything fast.
    pub low: Duration,
    /// With everything as usual.
    pub middle: Duration,
    /// With everything slow.
    pub high: Duration,
}

/// What is best by these figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A process a task is no slower than any other way, within a tenth.
    IsolationIsFree,
    /// A process a task is faster than serial, and grouping is faster still.
    GroupingIsFaster,
    /// One process would be the fastest.
    SerialIsFastest,
}

/// What a run would take.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Tasks.
    pub tasks: u64,
    /// Workers at a time.
    pub workers: u32,
    /// All in this process, one after the other.
    pub serial: Range,
    /// A process a task.
    pub isolated: Range,
    /// Tiny tasks share a process.
    pub grouped: Range,
    /// The price of a process.
    pub start: Spread,
    /// Number of samples of task times.
    pub task_samples: u64,
    /// What is best.
    pub verdict: Verdict,
    /// Experiments without a sample: their tasks are not in the times.
    pub unknown: Vec<String>,
}

/// What a run would take, from samples of the price of a process and of each experiment's tasks. `None`
/// where nothing was measured.
pub fn expected(
    start: &[Duration],
    experiments: &[ExperimentCost<'_>],
    workers: u32,
) -> Option<Expected> {
    let start = Spread::of(start.iter().copied())?;
    let workers = workers.max(1);
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    let (mut tasks, mut task_samples) = (0, 0);
    for experiment in experiments.iter().filter(|e| e.tasks > 0) {
        match Spread::of(experiment.samples.iter().copied()) {
            None => unknown.push(experiment.name.to_owned()),
            Some(spread) => {
                tasks += u64::from(experiment.tasks);
                task_samples += spread.samples;
                known.push((f64::from(experiment.tasks), spread));
            }
        }
    }
    if known.is_empty() {
        return None;
    }
    let at = |pick: fn(&Spread) -> Duration| {
        let price = pick(&start).as_secs_f64();
        let mut times = Times::default();
        for (n, spread) in &known {
            times.add(*n, pick(spread).as_secs_f64(), price);
        }
        times.on(f64::from(workers))
    };
    let (low, middle, high) = (at(|s| s.low), at(|s| s.median), at(|s| s.high));
    let range = |way: usize| Range {
        low: seconds(low[way]),
        middle: seconds(middle[way]),
        high: seconds(high[way]),
    };
    let [serial, isolated, grouped] = [range(0), range(1), range(2)];
    let best = serial.middle.min(grouped.middle);
    let verdict = if isolated.middle <= best.mul_f64(1.1) {
        Verdict::IsolationIsFree
    } else if serial.middle <= grouped.middle {
        Verdict::SerialIsFastest
    } else {
        Verdict::GroupingIsFaster
    };
    Some(Expected {
        tasks,
        workers,
        serial,
        isolated,
        grouped,
        start,
        task_samples,
        verdict,
        unknown,
    })
}

/// Work of a plan, in seconds of a worker, and the longest piece of it.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    serial: f64,
    isolated: f64,
    grouped: f64,
    longest_task: f64,
    longest_group: f64,
}

impl Times {
    fn add(&mut self, n: f64, task: f64, price: f64) {
        let group = group_size(task).min(n);
        let groups = (n / group).ceil();
        self.serial += n * task;
        self.isolated += n * (task + price);
        self.grouped += n * task + groups * price;
        self.longest_task = self.longest_task.max(task + price);
        self.longest_group = self.longest_group.max(group * task + price);
    }

    /// Serial, isolated, grouped on so many workers: no less than the longest piece takes.
    fn on(&self, workers: f64) -> [f64; 3] {
        [
            self.serial,
            (self.isolated / workers).max(self.longest_task),
            (self.grouped / workers).max(self.longest_group),
        ]
    }
}

impl Expected {
    /// The figures as lines.
    pub fn lines(&self) -> Vec<String> {
        let row = |name: &str, range: &Range| {
            format!(
                "  {name:<26}  {:>10}  ({} to {})",
                span(range.middle),
                span(range.low),
                span(range.high)
            )
        };
        let mut lines = vec![
            format!(
                "expected for {} on {} (a process: median {}, n = {}, 10-90 %: {}-{}; task times: n = {})",
                count(self.tasks, "task"),
                count(u64::from(self.workers), "worker"),
                span(self.start.median),
                thousands(self.start.samples),
                span(self.start.low),
                span(self.start.high),
                thousands(self.task_samples)
            ),
            row("a process a task (default)", &self.isolated),
            row("grouped", &self.grouped),
            row("serial, no isolation", &self.serial),
        ];
        lines.push(
            match self.verdict {
                Verdict::IsolationIsFree => {
                    "isolation pays: no other way is expected to be more than a tenth faster"
                }
                Verdict::GroupingIsFaster => {
                    "isolation has a price here: --max-tasks-per-worker auto is expected to be faster"
                }
                Verdict::SerialIsFastest => {
                    "isolation has a price here: one process is expected to be the fastest \
                     (--start-method inline, without isolation)"
                }
            }
            .to_owned(),
        );
        if !self.unknown.is_empty() {
            lines.push(format!(
                "not in these times, because not measured: {}",
                self.unknown.join(", ")
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn one(tasks: u32, samples: &[Duration]) -> ExperimentCost<'_> {
        ExperimentCost {
            name: "a",
            tasks,
            samples,
        }
    }

    #[test]
    fn large_tasks_get_isolation_for_nothing() {
        // 100 tasks of 1 s, 10 ms a process, 4 workers: 101 s / 4; a group is one task.
        let e = expected(&[ms(10)], &[one(100, &[ms(1000)])], 4).expect("measured");
        assert_eq!(e.serial.middle, ms(100_000));
        assert_eq!(e.isolated.middle, ms(25_250));
        assert_eq!(e.grouped.middle, ms(25_250));
        assert_eq!(e.verdict, Verdict::IsolationIsFree);
    }

    #[test]
    fn small_tasks_are_better_grouped() {
        // 1000 tasks of 2 ms, 8 ms a process, 4 workers. Isolated 10 s / 4; serial 2 s; groups of 10:
        // 100 groups, (2 s + 0.8 s) / 4.
        let e = expected(&[ms(8)], &[one(1000, &[ms(2)])], 4).expect("measured");
        assert_eq!(e.isolated.middle, ms(2500));
        assert_eq!(e.serial.middle, ms(2000));
        assert_eq!(e.grouped.middle, ms(700));
        assert_eq!(e.verdict, Verdict::GroupingIsFaster);
    }

    #[test]
    fn a_handful_of_small_tasks_needs_no_process() {
        // 5 tasks of 1 ms, 50 ms a process: one group of 5, 55 ms; serial 5 ms; isolated 51 ms at least.
        let e = expected(&[ms(50)], &[one(5, &[ms(1)])], 8).expect("measured");
        assert_eq!(e.serial.middle, ms(5));
        assert_eq!(e.isolated.middle, ms(51));
        assert_eq!(e.grouped.middle, ms(55));
        assert_eq!(e.verdict, Verdict::SerialIsFastest);
    }

    #[test]
    fn what_was_not_measured_is_named_and_nothing_is_made_up() {
        assert_eq!(expected(&[], &[one(5, &[ms(1)])], 1), None);
        assert_eq!(expected(&[ms(1)], &[one(5, &[])], 1), None);
        let other = ExperimentCost {
            name: "b",
            ..one(3, &[])
        };
        let e = expected(&[ms(1)], &[one(5, &[ms(1)]), other], 1).expect("one is measured");
        assert_eq!(e.unknown, ["b"]);
        assert_eq!(
            e.lines().last().map(String::as_str),
            Some("not in these times, because not measured: b")
        );
    }

    #[test]
    fn the_lines_hold_counts_and_spread() {
        let e = expected(&[ms(10), ms(10)], &[one(1000, &[ms(1000)])], 4).expect("measured");
        assert_eq!(
            e.lines(),
            [
                "expected for 1,000 tasks on 4 workers (a process: median 10 ms, n = 2, 10-90 %: \
                 10 ms-10 ms; task times: n = 1)",
                "  a process a task (default)  4 min 13 s  (4 min 13 s to 4 min 13 s)",
                "  grouped                     4 min 13 s  (4 min 13 s to 4 min 13 s)",
                "  serial, no isolation        16 min 40 s  (16 min 40 s to 16 min 40 s)",
                "isolation pays: no other way is expected to be more than a tenth faster",
            ]
        );
    }
}
