//! One process's part of a run, from the lock to the derived files.
//!
//! The order matters, and is the same for a new run, a resumed one and a shard:
//!
//! 1. what can be refused without touching anything is refused;
//! 2. the folder is made or opened, locked, and what was recorded before is read;
//! 3. spec and manifest are written, then the journal's segment of this process;
//! 4. the engine runs, its events going to the reporter;
//! 5. the journal is flushed, the files that users read are derived, the summary is printed.

use std::error::Error;
use std::time::Duration;

use fumehood::data::{self, DataError};
use fumehood::experiment::OutcomeKind;
use fumehood::experiment::plan::{Body, Plan};
use fumehood::experiment::spec::{MaxTasks, NeedsStore, Resolved, StartMethod, Workers};
use fumehood::ids::TaskIndex;
use fumehood::protocol::{PARCEL_CAP, work_bytes};
use fumehood::record::{
    Header, Journal, Machine, Manifest, Recovered, Repair, RunFolder, RunLock, StartChoice,
    Supervisor, atomic, derive, recover,
};
use fumehood::{clock, sys};

use super::folder::Place;
use super::{Ended, Failure};
use crate::cli::Output;
use crate::engine::books::books;
use crate::engine::choose::{self, Choice};
use crate::engine::ledger::Ledger;
use crate::engine::memory::MemoryWatch;
use crate::engine::pool::{Making, Pool, PoolError};
use crate::engine::state::{Life, Policy, SLOTS_PER_WORKER, Stage, StopReason, TaskBook};
use crate::engine::{dispatcher, inline};
use crate::report::{self, cost::Measured};
use crate::reporter::{self, Reporter};
use crate::settings::Settings;
use crate::start::program::WorkerProgram;
use crate::start::runtime::{RuntimeFolder, remove_stale};
use crate::start::{self, Method};

/// What is to be run, and where it is kept.
pub struct Job {
    /// The plan, with the spec it came from.
    pub resolved: Resolved,
    /// How.
    pub settings: Settings,
    /// The run folder.
    pub place: Place,
    /// Only this task.
    pub only: Option<TaskIndex>,
    /// Also tasks that ended badly.
    pub retry_failed: bool,
}

/// A locked run folder with what it holds.
pub struct Session {
    job: Job,
    folder: RunFolder,
    lock: RunLock,
    recovered: Recovered,
}

/// Descriptors a worker takes: two slots, each with two pipes of two ends and a channel of two.
const FILES_PER_WORKER: u64 = SLOTS_PER_WORKER as u64 * 6 + 2;

/// Descriptors that are none of the workers'.
const OTHER_FILES: u64 = 64;

impl Session {
    /// Runs the job.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub fn run(job: Job) -> Result<Ended, Failure> {
        choose::check(job.settings.start_method)?;
        let program = WorkerProgram::find()?;
        sys::restrict_new_files();
        super::log::check(job.settings.log_file.as_deref())?;
        #[cfg(feature = "fault")]
        let _ballast = ballast();
        // Before there is any thread.
        sys::SignalWatch::block()?;
        let mut session = Session::open(job)?;
        super::log::start(session.job.settings.log_file.as_deref())?;
        if let Some(stopped) = session.write_stores()? {
            return Ok(stopped);
        }
        session.go(program)
    }

    /// Makes or opens the folder, locks it, and reads what was recorded.
    fn open(job: Job) -> Result<Session, Failure> {
        let path = job.place.path();
        let existed = RunFolder::is_run(path);
        if existed {
            // Another plan's folder is refused before anything in it is touched.
            let folder = RunFolder::open(path)?;
            let digest = Some(job.resolved.plan.digest());
            recover(&folder, digest, Repair::Report)?;
        }
        let folder = RunFolder::create(path)?;
        let lock = RunLock::acquire(&folder)?;
        if let Some(stale) = lock.stale_runtime_dir() {
            remove_stale(&stale);
        }
        folder.sweep(&lock)?;
        let digest = Some(job.resolved.plan.digest());
        let recovered = recover(&folder, digest, Repair::Cut(&lock))?;
        job.place.become_latest();
        Ok(Session {
            job,
            folder,
            lock,
            recovered,
        })
    }

    /// Writes the series that are too large for messages where workers can map them; a signal meanwhile ends
    /// the command.
    fn write_stores(&mut self) -> Result<Option<Ended>, Failure> {
        let watch =
            super::reading::watch("writing series where workers map them", &self.job.settings);
        for NeedsStore { experiment, import } in self.job.resolved.needs_store.clone() {
            let name = experiment;
            let stores = self.folder.path().join("data");
            self.folder.ensure(&stores)?;
            let store = stores.join(&name);
            self.folder.ensure(&store)?;
            let experiments = self.job.resolved.plan.experiments();
            let body = experiments.iter().find(|e| e.name == name).map(|e| &e.body);
            if let Some(Body::Forecast(body)) = body {
                let written = if body.series.is_in_memory() {
                    data::write_store(&body.series, &store).map_err(DataError::from)
                } else if import.is_done(&store) {
                    Ok(())
                } else {
                    import.write(&body.series, &store, &watch)
                };
                if let (Err(DataError::Stopped { .. }), Some(signal)) =
                    (&written, sys::pending_stop())
                {
                    reporter::talk("stopped before the first task: give the same command again");
                    return Ok(Some(Ended::Stopped(signal)));
                }
                // Found out here rather than by each worker.
                written
                    .and_then(|()| Ok(data::Store::try_map(&store)?))
                    .map_err(|error| {
                        let cause = error.source().map(|cause| format!(": {cause}"));
                        let text = format!("{error}{}", cause.unwrap_or_default());
                        Failure::environment(text).hint(error.hint())
                    })?;
            }
            let store = std::fs::canonicalize(&store)?;
            self.job
                .resolved
                .plan
                .set_store(&name, store.to_string_lossy().into_owned());
        }
        Ok(None)
    }

    fn go(mut self, program: WorkerProgram) -> Result<Ended, Failure> {
        let settings = &self.job.settings;
        let plan = &self.job.resolved.plan;
        let mut reporter = Reporter::new(
            plan,
            settings.progress,
            settings.color,
            settings.verbosity,
            self.folder.path(),
        );
        for note in &self.job.resolved.notes {
            reporter.say(note);
        }
        for note in self.recovered.notes() {
            reporter.say(&format!("journal: {note}"));
        }
        let books = self.books();
        let to_run = books
            .iter()
            .filter(|book| book.stage == Stage::Fresh)
            .count();
        let workers = worker_count(settings, to_run, &mut |line| reporter.say(line));
        if let WorkerProgram::Ourselves(_) = program
            && settings.start_method != StartMethod::Inline
        {
            reporter.say("no `worker` program beside this one: workers run this program itself");
        }

        let mut runtime = None;
        let mut pool = None;
        let mut choice = if settings.start_method == StartMethod::Inline {
            Choice::inline()
        } else {
            let lock = &mut self.lock;
            runtime = Some(RuntimeFolder::create(|path| lock.note_runtime_dir(path))?);
            let mut made = Pool::new(
                Making::Spawn,
                program.into_held(),
                workers * SLOTS_PER_WORKER,
                start::limit(Duration::ZERO),
            )?;
            let choice = choose::choose(settings.start_method, &mut made);
            if choice.is_ok()
                && let Err(error) = made.ensure_keeper()
            {
                reporter.say(&format!("no keeper: {error}"));
            }
            pool = Some(made);
            choice?
        };
        if let Some(substitute) = pool.as_ref().and_then(Pool::substitute) {
            choice.reasons.push(substitute.to_owned());
        }
        reporter.say(&format!(
            "start method: {} ({})",
            choice.method,
            choice.reasons.join("; ")
        ));
        if let Some((pool, limit)) = pool.as_mut().zip(settings.memory) {
            match sys::MemoryGroups::open(&name_of_groups(&self.folder), limit) {
                Ok(groups) => pool.limit_memory(groups),
                Err(error) => reporter.say(&format!(
                    "memory is watched, and not limited by the kernel: {error}"
                )),
            }
        }
        write_manifest(&self.folder, plan, settings, &choice)?;
        write_spec(&self.folder, &self.job.resolved)?;
        let mut journal = Journal::create(&self.folder, Header::of(plan, VERSION))
            .map_err(|error| Failure::environment(error.to_string()).hint(error.hint()))?;
        let mut recovered = std::mem::take(&mut self.recovered);
        recovered.join(&mut journal)?;
        let mut ledger = Ledger::new(
            plan,
            &self.folder,
            journal,
            recovered,
            choice.method,
            sys::hostname(),
        );
        ledger.reopen_all(&books)?;
        reporter.on_event(crate::engine::event::RunEvent::Began {
            to_run: u32::try_from(to_run).unwrap_or(u32::MAX),
            done_before: self.done_before(&books, &ledger),
            workers,
        });

        let reason = match &mut pool {
            None => inline::run(plan, &books, &mut ledger, &mut |e| reporter.on_event(e))?,
            Some(pool) => {
                if let Some(limit) = settings.memory {
                    let watch = MemoryWatch::new(limit).map_err(|error| {
                        Failure::environment(format!("memory cannot be watched here: {error}"))
                    })?;
                    pool.watch_memory(watch);
                }
                let policy = policy(settings, workers, plan, choice.start_limit);
                let ran = dispatcher::run(plan, policy, books, pool, &mut ledger, &mut |e| {
                    reporter.on_event(e);
                });
                pool.close();
                if pool.left_behind() > 0 {
                    reporter.say(&format!(
                        "processes that workers had left behind, ended: {}",
                        pool.left_behind()
                    ));
                }
                ran.map_err(PoolError::Wait)?
            }
        };
        drop(pool);
        if runtime.take().is_some() {
            self.lock.clear_runtime_dir()?;
        }
        self.end(&reason, ledger, reporter, choice.method)
    }

    /// What is to be done with each task.
    fn books(&self) -> Vec<TaskBook> {
        let plan = &self.job.resolved.plan;
        let shard = self.job.settings.shard;
        let wanted = |task| {
            self.job.only.is_none_or(|only| only == task)
                && (shard.count == 1 || shard.holds(&plan.id(task)))
        };
        books(plan, &self.recovered, wanted, self.job.retry_failed)
    }

    fn done_before(&self, books: &[TaskBook], ledger: &Ledger<'_>) -> u32 {
        let done = (0u32..)
            .map(TaskIndex)
            .zip(books)
            .filter(|(index, book)| {
                book.stage == Stage::Done && ledger.recovered().state(*index).is_some()
            })
            .count();
        u32::try_from(done).unwrap_or(u32::MAX)
    }

    /// Flushes, derives, prints.
    fn end(
        &self,
        reason: &StopReason,
        ledger: Ledger<'_>,
        mut reporter: Reporter<'_>,
        method: Method,
    ) -> Result<Ended, Failure> {
        let settings = &self.job.settings;
        let plan = &self.job.resolved.plan;
        let flushed = ledger.flush();
        if let StopReason::Journal { reason } = reason {
            reporter.finish();
            return Err(Failure::environment(reason.clone()).hint(Some(String::from(
                "mend what the journal met, then run again: nothing recorded is lost",
            ))));
        }
        flushed?;
        let derived = derive::write_all(&self.folder, plan, ledger.recovered(), settings.shard)?;
        if derived.tables_are_merged {
            ledger.remove_tables(&self.lock)?;
        }
        let only_ok = self
            .job
            .only
            .map(|task| ledger.recovered().state(task) == Some(OutcomeKind::Ok));
        reporter.say(&format!("run folder: {}", self.folder.path().display()));
        let tally = reporter.finish();
        if settings.verbosity >= 0 {
            for line in report::cost::sentences(&Measured {
                workers: tally.workers,
                wall: tally.wall,
                samples: &tally.samples,
                method,
                max_tasks: settings.max_tasks,
            }) {
                reporter::talk(&line);
            }
        }
        // Said whatever else is silent: the exit code is 1 for it.
        for line in report::failed_models(&derived) {
            reporter::talk(&line);
        }
        let text = match settings.output {
            Output::Table => report::summary_table(&derived, plan),
            Output::Json => report::summary_json(&derived),
            Output::Csv => report::summary_csv(&derived),
        };
        let printed = super::print(&text);
        match reason {
            // If the terminal went away, that is what the signal said, and why nothing can be printed.
            StopReason::Signal(signal) => Ok(Ended::Stopped(*signal)),
            StopReason::CannotStart { reason } => Err(Failure::environment(format!(
                "no worker can be started: {reason}"
            ))
            .hint(Some(String::from(
                "`supervisor doctor` says what this machine lacks",
            )))),
            StopReason::Complete | StopReason::Journal { .. } => {
                printed?;
                if only_ok.unwrap_or_else(|| derived.is_all_ok()) {
                    Ok(Ended::Well)
                } else {
                    Ok(Ended::SomeNotOk)
                }
            }
        }
    }
}

/// The name of a run among control groups: the same for every supervisor of this run folder, and nobody
/// else's.
fn name_of_groups(folder: &RunFolder) -> String {
    let path = std::fs::canonicalize(folder.path()).unwrap_or_else(|_| folder.path().into());
    let digest = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    format!("fumehood-{}", &digest[..16])
}

/// Memory that the supervisor holds for nothing, in bytes, as `SUPERVISOR_BALLAST` says: it shows whether
/// the price of a worker grows with the supervisor. Each page is written, so that it is there.
#[cfg(feature = "fault")]
fn ballast() -> Vec<u8> {
    let bytes = std::env::var("SUPERVISOR_BALLAST")
        .ok()
        .and_then(|text| text.parse().ok());
    std::hint::black_box(vec![1; bytes.unwrap_or(0)])
}

/// The version that records say.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How many workers, at least 1, for so many tasks; what limits the number is said.
pub fn worker_count(settings: &Settings, to_run: usize, say: &mut dyn FnMut(&str)) -> u32 {
    let asked = match settings.workers {
        Workers::Count(count) => count,
        Workers::Auto => auto_workers(settings, say),
    };
    let files = sys::raise_open_files();
    let fit = u32::try_from(files.saturating_sub(OTHER_FILES) / FILES_PER_WORKER)
        .unwrap_or(u32::MAX)
        .max(1);
    if asked > fit {
        say(&format!(
            "{asked} workers need more open files than the limit of {files}: {fit} workers"
        ));
    }
    // More workers than tasks are fine; they would only wait.
    let useful = u32::try_from(to_run).unwrap_or(u32::MAX).max(1);
    asked.min(fit).min(useful)
}

/// The cores that may be used, or fewer if the memory that workers may take would not suffice.
fn auto_workers(settings: &Settings, say: &mut dyn FnMut(&str)) -> u32 {
    let cores = sys::usable_cores();
    let by_memory = settings
        .memory
        .zip(sys::memory_available())
        .map(|(each, all)| u32::try_from(all / each.max(1)).unwrap_or(u32::MAX).max(1));
    match by_memory {
        Some(fit) if fit < cores.count => {
            say(&format!(
                "{fit} workers: the memory available suffices for so many at their limit"
            ));
            fit
        }
        _ => cores.count,
    }
}

fn policy(settings: &Settings, workers: u32, plan: &Plan, start_limit: Duration) -> Policy {
    Policy {
        workers,
        life: match settings.max_tasks {
            MaxTasks::Count(1) => Life::OneTask,
            MaxTasks::Count(n) => Life::Tasks(n),
            MaxTasks::Auto => Life::Auto,
        },
        retries: settings.retries,
        timeout: settings.timeout,
        grace: settings.grace,
        start_limit: start::limit(start_limit),
        largest_group: LARGEST_GROUP,
        bytes: task_bytes(plan).into(),
        memory: settings.memory,
        unkillable_after: unkillable_after(),
    }
}

/// How long the kernel may take to end a process that was killed.
fn unkillable_after() -> Duration {
    #[cfg(feature = "fault")]
    if let Some(millis) = std::env::var("SUPERVISOR_UNKILLABLE_MS")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        return Duration::from_millis(millis);
    }
    Duration::from_secs(10)
}

/// Most tasks of a group.
const LARGEST_GROUP: u32 = 1024;

/// What each task of the plan takes of a packet at most; nothing where so many as make the largest group
/// fit in any case. Series differ: that one is long must not make all groups small.
fn task_bytes(plan: &Plan) -> Vec<u32> {
    // Index, attempt, seed and lengths, each number taken to be as long as numbers get.
    const FRAME: usize = 64;
    let of = |task: TaskIndex| work_bytes(&plan.work(task)) + FRAME;
    let mut all: Vec<u32> = Vec::new();
    for (at, experiment) in plan.experiments().iter().enumerate() {
        let end = match plan.experiments().get(at + 1) {
            Some(next) => next.first.0,
            None => plan.len(),
        };
        let tasks = (experiment.first.0..end).map(TaskIndex);
        match &experiment.body {
            Body::Forecast(body) if body.store.is_none() => {
                let values = |series: usize| body.series.extent(series).1 as usize * 8;
                // A model takes the same beside every series.
                let models = body.models.len();
                let beside: Vec<usize> = tasks
                    .clone()
                    .take(models)
                    .map(|t| of(t) - values(0))
                    .collect();
                all.extend(tasks.enumerate().map(|(nth, _)| {
                    let bytes = values(nth / models) + beside[nth % models];
                    u32::try_from(bytes).unwrap_or(u32::MAX)
                }));
            }
            // Tasks of one kind differ in a number or two.
            _ => {
                let first = tasks.clone().take(2).map(of).max().unwrap_or(0);
                let bytes = u32::try_from(first + FRAME).unwrap_or(u32::MAX);
                all.extend(tasks.map(|_| bytes));
            }
        }
    }
    let largest = all.iter().copied().max().unwrap_or(0);
    if u64::from(largest) * u64::from(LARGEST_GROUP) <= PARCEL_CAP as u64 {
        all.clear();
    }
    all
}

fn write_spec(folder: &RunFolder, resolved: &Resolved) -> Result<(), Failure> {
    let text = resolved.spec.to_toml();
    atomic::write(folder.disk(), &folder.spec(), |out| {
        std::io::Write::write_all(out, text.as_bytes())
    })?;
    Ok(())
}

fn write_manifest(
    folder: &RunFolder,
    plan: &Plan,
    settings: &Settings,
    choice: &Choice,
) -> Result<(), Failure> {
    let this = Supervisor {
        started: clock::wall_now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        pid: std::process::id(),
        version: VERSION.to_owned(),
        start_method: StartChoice {
            method: choice.method.name().to_owned(),
            reasons: choice.reasons.clone(),
        },
        machine: Machine {
            os: std::env::consts::OS.to_owned(),
            kernel: sys::kernel(),
            cores: sys::usable_cores().count,
            memory_bytes: sys::memory_total().unwrap_or(0),
            host: sys::hostname(),
        },
        shard: settings.shard,
        command: Some(std::env::args().collect()),
        other: serde_json::Map::new(),
    };
    let manifest = match Manifest::read(folder)? {
        Some(mut manifest) => {
            manifest.add(this);
            manifest
        }
        None => Manifest::new(plan.digest().to_string(), plan.seed(), this),
    };
    manifest.write(folder)?;
    Ok(())
}
