//! `supervisor plan`: what would run, in which order, how, and what it may take. It starts no task and
//! writes no file.
//!
//! The price of a process is measured by the start method's self-test. What tasks take is measured on
//! stand-ins: the same model on a made-up series of the same length, the beginning of the first range of a register;
//! in a worker, with a limit, since what is planned may hang or crash.

use std::time::Duration;

use fumehood::data::{self, Source};
use fumehood::experiment::plan::{Body, Plan, Planned};
use fumehood::experiment::spec::{Resolved, StartMethod};
use fumehood::experiment::{ForecastTask, SeriesSlice, Work};
use fumehood::ids::{AttemptNumber, Seed, TaskIndex};
use fumehood::lfsr::{AnalyseTask, EnumerateTask, StateRange};
use fumehood::protocol::Assignment;

use super::session::worker_count;
use super::{Ended, Failure, print};
use crate::cli::Output;
use crate::engine::choose::{self, Choice};
use crate::engine::pool::{Making, Pool};
use crate::engine::state::SLOTS_PER_WORKER;
use crate::report::expect::{ExperimentCost, expected};
use crate::reporter::words::count;
use crate::reporter::{escape, talk};
use crate::settings::Settings;
use crate::start;
use crate::start::program::WorkerProgram;
use crate::start::runtime::RuntimeFolder;

/// Self-tests that give the price of a process.
const STARTS: usize = 20;

/// Stand-ins for each model, or register.
const SAMPLES: u64 = 5;

/// A stand-in may take so long; what takes longer is left out of the expectation, and named.
const SAMPLE_LIMIT: Duration = Duration::from_secs(1);

/// Task ids shown at the beginning and the end of a long experiment.
const SHOWN: u32 = 3;

/// Shows the plan.
///
/// # Errors
///
/// [`Failure`].
pub fn show(resolved: &Resolved, settings: &Settings) -> Result<Ended, Failure> {
    let plan = &resolved.plan;
    match settings.output {
        Output::Csv => {
            let mut text = String::from("task\n");
            for task in plan.indices() {
                text.push_str(&plan.id(task));
                text.push('\n');
            }
            return print(&text);
        }
        Output::Json => {
            let tasks: Vec<String> = plan.indices().map(|task| plan.id(task)).collect();
            let object = serde_json::json!({
                "schema": 1,
                "plan_digest": plan.digest().to_string(),
                "seed": plan.seed(),
                "tasks": tasks,
            });
            return print(&format!("{object}\n"));
        }
        Output::Table => {}
    }
    choose::check(settings.start_method)?;
    let program = WorkerProgram::find()?;
    fumehood::sys::SignalWatch::block()?;
    let mut text = tasks_text(plan);
    for note in &resolved.notes {
        text.push_str(&format!("note: {}\n", escape(note)));
    }
    let workers = worker_count(settings, plan.len() as usize, &mut |line| talk(line));
    if settings.start_method == StartMethod::Inline {
        let choice = Choice::inline();
        text.push_str(&choice_text(&choice));
        text.push_str("no process is made: nothing contains a crash, a hang or a memory bomb\n");
        return print(&text);
    }
    let _runtime = RuntimeFolder::create(|_| Ok(()))?;
    let mut pool = Pool::new(
        Making::Spawn,
        program.into_held(),
        SLOTS_PER_WORKER,
        start::limit(Duration::ZERO),
    )?;
    text.push_str(&measure(plan, settings, workers, &mut pool)?);
    drop(pool);
    print(&text)
}

fn tasks_text(plan: &Plan) -> String {
    let mut text = format!(
        "{} in {}, seed {}, plan {}\n",
        count(u64::from(plan.len()), "task"),
        count(plan.experiments().len() as u64, "experiment"),
        plan.seed(),
        &plan.digest().to_string()[..12]
    );
    for (number, experiment) in plan.experiments().iter().enumerate() {
        let end = plan
            .experiments()
            .get(number + 1)
            .map_or(plan.len(), |next| next.first.0);
        let first = experiment.first.0;
        text.push_str(&format!(
            "\n{} ({}): {}, in this order\n",
            escape(&experiment.name),
            experiment.body.kind(),
            count(u64::from(end - first), "task")
        ));
        let long = end - first > 2 * SHOWN + 1;
        for index in first..end {
            if long && index == first + SHOWN {
                text.push_str(&format!("  ... {} more ...\n", end - first - 2 * SHOWN));
            }
            if !long || index < first + SHOWN || index >= end - SHOWN {
                text.push_str(&format!("  {}\n", plan.id(TaskIndex(index))));
            }
        }
    }
    if plan
        .experiments()
        .iter()
        .any(|e| e.body.task_count().is_ok_and(|n| n > 2 * SHOWN + 1))
    {
        text.push_str("\n(`--output csv` lists every task)\n");
    }
    text.push('\n');
    text
}

fn choice_text(choice: &Choice) -> String {
    format!(
        "start method: {} ({})\n",
        choice.method,
        choice.reasons.join("; ")
    )
}

fn measure(
    plan: &Plan,
    settings: &Settings,
    workers: u32,
    pool: &mut Pool,
) -> Result<String, Failure> {
    let choice = choose::choose(settings.start_method, pool)?;
    let making = pool.making();
    let mut text = choice_text(&choice);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        if let Ok(took) = choose::self_test(making, pool)? {
            starts.push(took);
        }
    }
    let mut samples = Vec::new();
    for experiment in plan.experiments() {
        samples.push(sample(experiment, making, pool)?);
    }
    let costs: Vec<ExperimentCost<'_>> = plan
        .experiments()
        .iter()
        .zip(&samples)
        .map(|(experiment, samples)| ExperimentCost {
            name: &experiment.name,
            tasks: experiment.body.task_count().unwrap_or(u32::MAX),
            samples,
        })
        .collect();
    match expected(&starts, &costs, workers) {
        Some(expected) => {
            for line in expected.lines() {
                text.push_str(&line);
                text.push('\n');
            }
        }
        None => text.push_str("what it may take could not be measured\n"),
    }
    Ok(text)
}

/// Times of stand-ins for the tasks of an experiment; empty where one of them took too long or failed.
fn sample(experiment: &Planned, making: Making, pool: &mut Pool) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for number in 0..SAMPLES {
        for stand_in in stand_ins(&experiment.body, number) {
            let task = Assignment {
                task: TaskIndex(0),
                attempt: AttemptNumber(1),
                seed: Seed(number),
                work: stand_in.work,
            };
            match choose::try_worker(making, &[task], SAMPLE_LIMIT, pool)? {
                Ok(trial) => times.push(trial.worked.mul_f64(stand_in.scale)),
                Err(_) => return Ok(Vec::new()),
            }
        }
    }
    Ok(times)
}

/// Work that is like a task's, and how many times its work a task's is.
struct StandIn {
    work: Work,
    scale: f64,
}

fn stand_ins(body: &Body, number: u64) -> Vec<StandIn> {
    match body {
        Body::Forecast(body) => {
            let length = (body.series.total_values() / body.series.len().max(1)).min(4096);
            let values = made_up_series(number, length);
            body.models
                .iter()
                .map(|model| StandIn {
                    work: Work::Forecast(ForecastTask {
                        model: model.config.clone(),
                        series: SeriesSlice::Inline(values.clone()),
                        fallback: model.fallback.clone(),
                        setup: body.setup.clone(),
                    }),
                    scale: 1.0,
                })
                .collect()
        }
        Body::Lfsr(body) if body.ranges.is_empty() => vec![StandIn {
            work: Work::Analyse(AnalyseTask::new(&body.register)),
            scale: 1.0,
        }],
        Body::Lfsr(body) => {
            let register = &body.register;
            let part = |range: &StateRange| {
                let states = |range: &StateRange| (range.last - range.first + 1) as f64;
                let sample = range.sample(register);
                StandIn {
                    work: Work::Enumerate(EnumerateTask::new(register, sample)),
                    scale: states(range) / states(&sample),
                }
            };
            body.ranges.first().map(part).into_iter().collect()
        }
        #[cfg(feature = "fault")]
        Body::Fault(_) => Vec::new(),
    }
}

/// Values of a made-up series, again and again up to the length.
fn made_up_series(seed: u64, length: usize) -> Vec<f64> {
    data::load(&Source::Synthetic { seed }, Some(1), None)
        .map(|set| {
            set.series
                .values(0)
                .iter()
                .copied()
                .cycle()
                .take(length)
                .collect()
        })
        .unwrap_or_default()
}
