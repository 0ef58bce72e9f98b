//! What a spec means: an ordered list of tasks, each with a stable id.
//!
//! A plan of a million tasks holds no million objects. Experiments hold their data once; the task at an
//! index, its id and its work are computed when asked for. Indices follow the order of the spec: by
//! experiment, then series and model, or range of states.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ForecastTask, SeriesSlice, Work};
use crate::data::SeriesSet;
use crate::forecast::{ModelConfig, Setup};
use crate::ids::{Seed, TaskIndex};
use crate::lfsr::{AnalyseTask, EnumerateTask, Register, StateRange};

/// The digest of a plan: schema, seed, experiments and the bytes of their data. Two plans of one digest
/// have the same tasks with the same results; how they are run (`[run]`, the shard) is not in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanDigest(pub [u8; 32]);

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One part of the tasks of a plan: those whose stable hash falls in shard `index` of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// At least 1.
    pub count: u32,
}

impl Shard {
    /// The shard that holds every task.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// Whether the task of this id is in the shard.
    pub fn holds(self, id: &str) -> bool {
        self.count == 1 || Seed::of_task(0, id).0 % u64::from(self.count) == u64::from(self.index)
    }
}

/// All tasks of a run, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    seed: u64,
    digest: PlanDigest,
    experiments: Vec<Planned>,
    len: u32,
}

/// One experiment of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its unique name.
    pub name: String,
    /// Index of its first task.
    pub first: TaskIndex,
    /// What its tasks are made of.
    pub body: Body,
}

/// What the tasks of an experiment are made of.
#[derive(Clone, Debug)]
pub enum Body {
    /// One task a (series, model).
    Forecast(ForecastBody),
    /// One task a range of states.
    Lfsr(LfsrBody),
    /// Tasks that misbehave.
    #[cfg(feature = "fault")]
    Fault(super::FaultBody),
}

/// Series and models: task `s * models.len() + m` is model `m` on series `s`.
#[derive(Clone, Debug)]
pub struct ForecastBody {
    /// The series, test part included.
    pub series: Arc<SeriesSet>,
    /// The folder of the mapped store, when the series are too large to travel in messages.
    pub store: Option<String>,
    /// The models, each under its unique name.
    pub models: Vec<NamedModel>,
    /// How models are judged.
    pub setup: Setup,
}

/// A model and the name it has in this experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedModel {
    /// Its own name unless the spec gave another.
    pub name: String,
    /// The model.
    pub config: ModelConfig,
    /// The model that forecasts where it cannot.
    pub fallback: Option<ModelConfig>,
}

/// A register and the ranges into which its states are split.
#[derive(Clone, Debug)]
pub struct LfsrBody {
    /// The register.
    pub register: Register,
    /// Whether its first task finds the structure by algebra.
    pub is_analysed: bool,
    /// The ranges to be enumerated, a task each; they depend on the register alone.
    pub ranges: Vec<StateRange>,
}

/// A task of an LFSR experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LfsrPart {
    /// The structure by algebra.
    Analytic,
    /// The states of this range.
    Range(StateRange),
}

impl LfsrBody {
    /// The task in this place.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn part(&self, at: usize) -> LfsrPart {
        match (self.is_analysed, at) {
            (true, 0) => LfsrPart::Analytic,
            (true, at) => LfsrPart::Range(self.ranges[at - 1]),
            (false, at) => LfsrPart::Range(self.ranges[at]),
        }
    }
}

impl Body {
    /// Number of tasks.
    ///
    /// # Errors
    ///
    /// [`PlanTooLarge`] beyond [`MOST_TASKS`].
    pub fn task_count(&self) -> Result<u32, PlanTooLarge> {
        let tasks = match self {
            Body::Forecast(body) => body.series.len().checked_mul(body.models.len()),
            Body::Lfsr(body) => Some(body.ranges.len() + usize::from(body.is_analysed)),
            #[cfg(feature = "fault")]
            Body::Fault(body) => Some(body.tasks as usize),
        };
        tasks
            .and_then(|n| u32::try_from(n).ok())
            .filter(|&n| n <= MOST_TASKS)
            .ok_or(PlanTooLarge)
    }

    /// The word for this kind of experiment in specs and files.
    pub fn kind(&self) -> &'static str {
        match self {
            Body::Forecast(_) => "forecast",
            Body::Lfsr(_) => "lfsr",
            #[cfg(feature = "fault")]
            Body::Fault(_) => "fault",
        }
    }
}

/// Most tasks of a plan. The supervisor keeps some forty bytes of each.
pub const MOST_TASKS: u32 = 100_000_000;

/// The spec asks for more tasks than a plan can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spec asks for more than {MOST_TASKS} tasks")]
pub struct PlanTooLarge;

impl Plan {
    /// A plan of these experiments, in this order. Names must be unique; the spec's reader has checked
    /// that.
    ///
    /// # Errors
    ///
    /// [`PlanTooLarge`] beyond [`MOST_TASKS`].
    pub fn new(
        seed: u64,
        digest: PlanDigest,
        experiments: impl IntoIterator<Item = (String, Body)>,
    ) -> Result<Plan, PlanTooLarge> {
        let mut planned = Vec::new();
        let mut len = 0u32;
        for (name, body) in experiments {
            let tasks = body.task_count()?;
            planned.push(Planned {
                name,
                first: TaskIndex(len),
                body,
            });
            // Both are far below the largest number.
            len += tasks;
            if len > MOST_TASKS {
                return Err(PlanTooLarge);
            }
        }
        Ok(Plan {
            seed,
            digest,
            experiments: planned,
            len,
        })
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The digest.
    pub fn digest(&self) -> PlanDigest {
        self.digest
    }

    /// Number of tasks.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The experiments, in order.
    pub fn experiments(&self) -> &[Planned] {
        &self.experiments
    }

    /// Sends the series of a forecasting experiment by the mapped store in `folder` instead of in
    /// messages. It changes no result, so it changes no digest. An experiment of another name or kind
    /// is left alone.
    pub fn set_store(&mut self, experiment: &str, folder: String) {
        for planned in &mut self.experiments {
            if let Body::Forecast(body) = &mut planned.body
                && planned.name == experiment
            {
                body.store = Some(folder);
                return;
            }
        }
    }

    /// Every index, in order.
    pub fn indices(&self) -> impl Iterator<Item = TaskIndex> + use<> {
        (0..self.len).map(TaskIndex)
    }

    /// The experiment of a task, and the task's place in it.
    ///
    /// # Panics
    ///
    /// When `task` is not of this plan.
    pub fn locate(&self, task: TaskIndex) -> (&Planned, usize) {
        assert!(task.0 < self.len, "task {task} of a plan of {}", self.len);
        let at = self.experiments.partition_point(|e| e.first <= task) - 1;
        // Experiments without tasks share their `first` with the next one; the last of them is meant.
        let experiment = &self.experiments[at];
        (experiment, (task.0 - experiment.first.0) as usize)
    }

    /// The id of a task: what users see, and what its seed and its shard derive from.
    pub fn id(&self, task: TaskIndex) -> String {
        let (experiment, at) = self.locate(task);
        let name = &experiment.name;
        match &experiment.body {
            Body::Forecast(body) => {
                let series = encode_id(body.series.name(at / body.models.len()));
                let model = &body.models[at % body.models.len()].name;
                format!("{name}/{series}/{model}")
            }
            Body::Lfsr(body) => match body.part(at) {
                LfsrPart::Analytic => format!("{name}/0/analytic"),
                LfsrPart::Range(range) => format!("{name}/{}/enumerate", range.first),
            },
            #[cfg(feature = "fault")]
            Body::Fault(_) => format!("{name}/{at}/fault"),
        }
    }

    /// The task of this id, if the plan has one. It looks through all tasks.
    pub fn find(&self, id: &str) -> Option<TaskIndex> {
        self.indices().find(|&task| self.id(task) == id)
    }

    /// The seed of a task.
    pub fn task_seed(&self, task: TaskIndex) -> Seed {
        Seed::of_task(self.seed, &self.id(task))
    }

    /// What a worker is to do for a task.
    pub fn work(&self, task: TaskIndex) -> Work {
        let (experiment, at) = self.locate(task);
        match &experiment.body {
            Body::Forecast(body) => {
                let series = at / body.models.len();
                let slice = match &body.store {
                    None => SeriesSlice::Inline(body.series.values(series).to_vec()),
                    Some(store) => {
                        let (offset, length) = body.series.extent(series);
                        SeriesSlice::Mapped {
                            store: store.clone(),
                            offset,
                            length,
                        }
                    }
                };
                let model = &body.models[at % body.models.len()];
                Work::Forecast(ForecastTask {
                    model: model.config.clone(),
                    fallback: model.fallback.clone(),
                    series: slice,
                    setup: body.setup.clone(),
                })
            }
            Body::Lfsr(body) => match body.part(at) {
                LfsrPart::Analytic => Work::Analyse(AnalyseTask::new(&body.register)),
                LfsrPart::Range(range) => {
                    Work::Enumerate(EnumerateTask::new(&body.register, range))
                }
            },
            #[cfg(feature = "fault")]
            Body::Fault(body) => Work::Fault(body.task(at)),
        }
    }
}

/// A series name as a part of an id: everything outside `[A-Za-z0-9._-]` percent-encoded, so that an id
/// has exactly the slashes it is read by, and shows no control character.
pub fn encode_id(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
