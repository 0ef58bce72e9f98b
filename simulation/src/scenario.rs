//! What a seed means: a plan, the rules of its run, and what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use fumehood::data::SeriesSet;
use fumehood::experiment::plan::{Body, ForecastBody, LfsrBody, NamedModel, Plan, PlanDigest};
use fumehood::forecast::{ModelConfig, Setup};
use fumehood::ids::TaskIndex;
use fumehood::lfsr::{Register, StateRange, plan_ranges};
use supervisor::engine::state::{Life, Policy};
use supervisor::start::Method;

use crate::draws::Draws;
use crate::fault::{Fault, draw_faults};

/// How long and how rough the lives of the runs are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// The span in which faults happen.
    pub span: Duration,
    /// Faults in an hour of it.
    pub faults_an_hour: u64,
}

impl Default for Weather {
    /// An hour with a hundred faults.
    fn default() -> Weather {
        Weather {
            span: HOUR,
            faults_an_hour: 100,
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// A run to be simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where all of it comes from.
    pub seed: u64,
    /// The tasks.
    pub plan: Plan,
    /// The rules of the run.
    pub policy: Policy,
    /// How workers are started.
    pub method: Method,
    /// Whether tasks that ended badly are asked for again: by some supervisors on the way, and at the end.
    pub retries_failed: bool,
    /// The span in which faults happen.
    pub span: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// The first task that is not tiny, and the first after those.
    long: (u32, u32),
}

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64, weather: Weather) -> Scenario {
        let mut draws = Draws::of(seed, "scenario", &[]);
        let hours = weather.span.as_secs_f64() / HOUR.as_secs_f64();
        let tiny = draws.from_to(0, 300) as u32;
        let long = (draws.from_to(20, 260) as f64 * hours.max(0.05)) as u32 + 1;
        let (plan, long) = plan(seed, tiny, long, &mut draws);
        let policy = policy(&mut draws);
        let count = (weather.faults_an_hour as f64 * hours).round() as u64;
        Scenario {
            seed,
            faults: draw_faults(seed, count, weather.span, u64::from(plan.len())),
            plan,
            policy,
            method: draws.pick(&[Method::Fork, Method::Fork, Method::Spawn]),
            retries_failed: draws.percent(25),
            span: weather.span,
            long,
        }
    }

    /// The same with these of its faults alone.
    pub fn with_faults(&self, kept: &[usize]) -> Scenario {
        Scenario {
            faults: kept
                .iter()
                .filter_map(|&at| self.faults.get(at).cloned())
                .collect(),
            ..self.clone()
        }
    }

    /// How long a task takes, whoever runs it.
    pub fn time_of(&self, task: TaskIndex) -> Duration {
        let mut draws = Draws::of(self.seed, "time", &[u64::from(task.0)]);
        if (self.long.0..self.long.1).contains(&task.0) {
            let share = u64::from(self.policy.workers) * self.span.as_nanos() as u64
                / u64::from(self.long.1 - self.long.0).max(1);
            return Duration::from_nanos(draws.from_to(share / 10, share * 19 / 10))
                .min(self.longest_task());
        }
        draws.span(Duration::from_micros(200), Duration::from_millis(8))
    }

    /// No task takes longer by itself than its limit allows.
    fn longest_task(&self) -> Duration {
        self.policy
            .timeout
            .map_or(Duration::MAX, |limit| limit * 9 / 10)
    }

    /// By then a run is over: all its work done several times by one worker, with every wait at its longest.
    pub fn bound(&self) -> Duration {
        let work: Duration = self.plan.indices().map(|task| self.time_of(task)).sum();
        let waits = self.policy.timeout.unwrap_or(HOUR)
            + self.policy.grace
            + self.policy.start_limit
            + self.policy.unkillable_after;
        let faults = u32::try_from(self.faults.len()).unwrap_or(u32::MAX);
        self.span + work * (self.policy.retries + 2) + waits.saturating_mul(faults + 10)
    }
}

/// A plan of tiny tasks, long ones, a bulky one and three small registers, in some order.
fn plan(seed: u64, tiny: u32, long: u32, draws: &mut Draws) -> (Plan, (u32, u32)) {
    let naive = |name: &str| NamedModel {
        name: name.to_owned(),
        config: ModelConfig::Naive,
        fallback: None,
    };
    let forecast = |series: SeriesSet, horizon| {
        Body::Forecast(ForecastBody {
            series: Arc::new(series),
            store: None,
            models: vec![naive("naive")],
            setup: Setup::once(1, horizon),
        })
    };
    let register = |order: u32, coefficients: &[u32]| {
        let register = Register::new(order, coefficients).expect("its numbers are in the field");
        let ranges = plan_ranges(&register).expect("it is small");
        LfsrBody {
            register,
            is_analysed: false,
            ranges,
        }
    };
    let mut quartered = register(2, &[1, 0, 1, 1, 1, 0, 0, 0]);
    quartered.ranges = [0, 64, 128, 192]
        .map(|first| StateRange {
            first,
            last: first + 63,
        })
        .to_vec();
    let mut experiments = vec![
        ("tiny".to_owned(), forecast(series(tiny, 12), 3)),
        ("long".to_owned(), forecast(series(long, 9), 2)),
        ("bulky".to_owned(), forecast(series(1, 4_000), 3_990)),
        ("seven".to_owned(), Body::Lfsr(register(2, &[1, 1, 0, 0]))),
        ("nilpotent".to_owned(), Body::Lfsr(register(3, &[0, 1, 2]))),
        ("quartered".to_owned(), Body::Lfsr(quartered)),
    ];
    for at in (1..experiments.len()).rev() {
        experiments.swap(at, draws.below(at as u64 + 1) as usize);
    }
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&seed.to_le_bytes());
    let plan = Plan::new(seed, PlanDigest(digest), experiments).expect("a few hundred tasks");
    let long = plan
        .experiments()
        .iter()
        .find(|experiment| experiment.name == "long")
        .map_or((0, 0), |found| (found.first.0, found.first.0 + long));
    (plan, long)
}

/// Series of so many values. One in thirty is too short for its horizon, so that its task is an error.
fn series(count: u32, values: u32) -> SeriesSet {
    let mut set = SeriesSet::new();
    for number in 0..count {
        let length = if number % 30 == 29 { 2 } else { values };
        let values: Vec<f64> = (0..length)
            .map(|at| f64::from((number * 31 + at * at * 7) % 97) + 0.5)
            .collect();
        set.push(&format!("s{number}"), &values);
    }
    set
}

fn policy(draws: &mut Draws) -> Policy {
    let second = Duration::from_secs(1);
    Policy {
        workers: draws.from_to(1, 6) as u32,
        life: match draws.below(10) {
            0..5 => Life::OneTask,
            5..7 => Life::Tasks(draws.from_to(2, 20) as u32),
            _ => Life::Auto,
        },
        retries: draws.from_to(0, 3) as u32,
        timeout: draws
            .percent(80)
            .then(|| draws.span(second * 20, second * 300)),
        grace: draws.span(second / 10, second * 10),
        start_limit: second * 5,
        largest_group: draws.from_to(2, 200) as u32,
        bytes: Arc::default(),
        memory: draws.percent(15).then_some(512 << 20),
        unkillable_after: second * 10,
    }
}
