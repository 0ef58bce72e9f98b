//! Whatever workers say, in whatever order: the run goes on, each task ends once, and nobody is charged for another.
//!
//! The real dispatcher, with its reactor, ledger and journal, runs a plan of a few tasks over a crew whose news are
//! the input: begins, answers, parts of answers, garbage, deaths, refusals, signals, and time that passes. They
//! name any worker, any task and any attempt. When the input is over, workers do what they are told, and so the run
//! must come to its end.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::Arbitrary;
use fumehood::clock::Monotonic;
use fumehood::data::SeriesSet;
use fumehood::experiment::plan::{Body, ForecastBody, NamedModel, Plan, PlanDigest};
use fumehood::experiment::{AttemptOutcome, ExitCause, ResourceUse};
use fumehood::forecast::{ModelConfig, Setup};
use fumehood::ids::{AttemptNumber, Pid, TaskIndex, WorkerId};
use fumehood::protocol::{Assignment, FromWorker, Moments, Parcel, Report, encode_result};
use fumehood::record::{Header, Journal, Recovered, RunFolder};
use fumehood::sys::Exit;
use simulation::disk::SimulatedDisk;
use simulation::draws::Draws;
use supervisor::engine::books::books;
use supervisor::engine::crew::{Contact, Crew, Heard, WaitError};
use supervisor::engine::dispatcher;
use supervisor::engine::event::{Next, RunEvent};
use supervisor::engine::ledger::Ledger;
use supervisor::engine::output::Output;
use supervisor::engine::state::{Life, Policy, StopReason};
use supervisor::start::Method;

fuzz::fuzz_target!(|input: Input| check(&input));

#[derive(Arbitrary, Debug)]
struct Input {
    workers: u8,
    life: u8,
    retries: u8,
    news: Vec<News>,
}

/// One thing that the supervisor hears.
#[derive(Arbitrary, Debug)]
enum News {
    Started {
        worker: u8,
        task: u8,
        attempt: u8,
    },
    /// As it should be: the task that this worker is to begin.
    Begins {
        worker: u8,
    },
    Finished {
        worker: u8,
        task: u8,
        attempt: u8,
        bytes: Vec<u8>,
        chunks: u8,
        digest: bool,
        leaves: bool,
    },
    /// As it should be: an answer to the task that it has begun.
    Answers {
        worker: u8,
        leaves: bool,
    },
    Chunk {
        worker: u8,
        task: u8,
        number: u8,
        bytes: Vec<u8>,
    },
    Ready {
        worker: u8,
    },
    Garbled {
        worker: u8,
    },
    Over {
        worker: u8,
        signal: u8,
    },
    NotMade {
        worker: u8,
    },
    TooMuchMemory {
        worker: u8,
    },
    Mute {
        worker: u8,
    },
    Signal {
        number: u8,
    },
    Time {
        millis: u16,
    },
}

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let mut series = SeriesSet::new();
    for number in 0..4 {
        series.push(
            &format!("s{number}"),
            &[1.0, 2.0, 4.0, 3.0, 5.0 + f64::from(number)],
        );
    }
    let model = NamedModel {
        name: "naive".into(),
        config: ModelConfig::Naive,
        fallback: None,
    };
    let body = Body::Forecast(ForecastBody {
        series: Arc::new(series),
        store: None,
        models: vec![model],
        setup: Setup::once(1, 1),
    });
    Plan::new(1, PlanDigest([3; 32]), [("e".into(), body)]).expect("four tasks")
});

/// What a worker answers to each task.
static ANSWERS: LazyLock<Vec<Parcel>> = LazyLock::new(|| {
    let tasks = PLAN.indices();
    let answers = tasks.map(|task| encode_result(&simulation::process::result_of(&PLAN, task)));
    let parcels = answers.map(|bytes| Parcel::new(bytes.expect("it is small")));
    parcels.map(|parcel| parcel.expect("it is small")).collect()
});

/// No run waits more often.
const MOST_WAITS: u32 = 3_000;

fn check(input: &Input) {
    let disk = SimulatedDisk::new(Draws::of(0, "fuzz", &[])).for_process();
    let folder = RunFolder::create_on(Arc::new(disk.clone()), Path::new("/home/user/run"));
    let folder = folder.expect("nothing is there");
    let mut journal = Journal::create(&folder, Header::of(&PLAN, "fuzz")).expect("there is room");
    let mut recovered = Recovered::default();
    recovered.join(&mut journal).expect("it is the first");
    let books = books(&PLAN, &recovered, |_| true, false);
    let mut ledger = Ledger::new(
        &PLAN,
        &folder,
        journal,
        recovered,
        Method::Fork,
        "fuzz".into(),
    );
    let mut crew = Crowd {
        news: input.news.iter().take(200),
        now: Monotonic(1),
        waits: 0,
        workers: BTreeMap::new(),
        contacts: BTreeMap::new(),
        too_large: Vec::new(),
        mute: BTreeSet::new(),
        signalled: false,
    };
    let policy = Policy {
        workers: u32::from(input.workers % 3) + 1,
        life: match input.life % 4 {
            0 | 1 => Life::OneTask,
            2 => Life::Tasks(3),
            _ => Life::Auto,
        },
        retries: u32::from(input.retries % 3),
        timeout: Some(Duration::from_secs(30)),
        grace: Duration::from_secs(2),
        start_limit: Duration::from_secs(5),
        largest_group: 3,
        bytes: Arc::default(),
        memory: Some(64 << 20),
        unkillable_after: Duration::from_secs(10),
    };
    let retries = policy.retries;
    let mut ends: BTreeMap<TaskIndex, u32> = BTreeMap::new();
    let mut crashes: BTreeMap<TaskIndex, u32> = BTreeMap::new();
    let mut tell = |event| {
        if let RunEvent::AttemptEnded {
            task,
            outcome,
            next,
            ..
        } = event
        {
            assert!(
                !ends.contains_key(&task),
                "task {task} goes on after its end"
            );
            if matches!(outcome, AttemptOutcome::Crashed | AttemptOutcome::Oom) {
                *crashes.entry(task).or_default() += 1;
                let is_last = crashes[&task] > retries;
                assert_eq!(
                    matches!(next, Next::Final(_)),
                    is_last,
                    "task {task}: retries"
                );
            }
            if matches!(next, Next::Final(_)) {
                *ends.entry(task).or_default() += 1;
            }
        }
    };
    let reason = dispatcher::run(&PLAN, policy, books, &mut crew, &mut ledger, &mut tell);
    let reason = reason.expect("the crew always waits");
    ledger.flush().expect("there is room");
    match reason {
        StopReason::Complete => assert_eq!(ends.len(), PLAN.len() as usize, "a task was lost"),
        StopReason::Signal(_) => assert!(crew.signalled),
        StopReason::CannotStart { .. } => {}
        StopReason::Journal { reason } => panic!("{reason}"),
    }
    for task in PLAN.indices() {
        let state = ledger.recovered().state(task);
        assert_eq!(
            state.is_some(),
            ends.contains_key(&task),
            "told and recorded"
        );
    }
}

/// Those whose news are the input.
struct Crowd<'a> {
    news: std::iter::Take<std::slice::Iter<'a, News>>,
    now: Monotonic,
    waits: u32,
    workers: BTreeMap<WorkerId, Told>,
    contacts: BTreeMap<WorkerId, Contact>,
    too_large: Vec<WorkerId>,
    mute: BTreeSet<WorkerId>,
    signalled: bool,
}

/// What a worker was told.
#[derive(Default)]
struct Told {
    tasks: Vec<(TaskIndex, AttemptNumber)>,
    begun: Option<(TaskIndex, AttemptNumber)>,
    kept: bool,
    to_leave: bool,
}

impl Crowd<'_> {
    /// A worker that lives, by a number from the input; or one that does not.
    fn worker(&self, number: u8) -> WorkerId {
        if number >= 240 {
            return WorkerId(number.into());
        }
        let all = self
            .contacts
            .keys()
            .nth(usize::from(number) % self.contacts.len().max(1));
        all.copied().unwrap_or(WorkerId(0))
    }

    fn hear(&mut self, news: &News) -> Option<Heard> {
        let task = |task: &u8| TaskIndex(u32::from(*task) % 6);
        let attempt = |attempt: &u8| AttemptNumber(u32::from(*attempt) % 5);
        Some(match news {
            News::Started {
                worker,
                task: of,
                attempt: number,
            } => {
                let worker = self.worker(*worker);
                Heard::Said(started(worker, task(of), attempt(number)))
            }
            News::Begins { worker } => {
                let worker = self.worker(*worker);
                self.begin(worker)?
            }
            News::Finished {
                worker,
                task: of,
                attempt: number,
                bytes,
                chunks,
                digest,
                leaves,
            } => Heard::Said(FromWorker::Finished {
                worker: self.worker(*worker),
                task: task(of),
                attempt: attempt(number),
                report: Report {
                    last: Parcel::new(bytes.iter().copied().take(300).collect()).ok()?,
                    chunks: u32::from(*chunks % 4),
                    digest: digest.then_some([1; 32]),
                    moments: Moments::default(),
                    used: ResourceUse::default(),
                    leaves: *leaves,
                },
            }),
            News::Answers { worker, leaves } => {
                let worker = self.worker(*worker);
                self.answer(worker, *leaves)?
            }
            News::Chunk {
                worker,
                task: of,
                number,
                bytes,
            } => Heard::Said(FromWorker::Chunk {
                worker: self.worker(*worker),
                task: task(of),
                number: u32::from(*number % 4),
                bytes: Parcel::new(bytes.iter().copied().take(300).collect()).ok()?,
            }),
            News::Ready { worker } => {
                let worker = self.worker(*worker);
                Heard::Said(FromWorker::Ready { worker })
            }
            News::Garbled { worker } => Heard::Garbled(self.worker(*worker), "garbage".into()),
            News::Over { worker, signal } => {
                let worker = self.worker(*worker);
                self.over(worker, (*signal % 32).into())
            }
            News::NotMade { worker } => {
                let worker = self.worker(*worker);
                self.workers.remove(&worker);
                Heard::NotMade(worker, "no more processes".into())
            }
            News::TooMuchMemory { worker } => {
                let worker = self.worker(*worker);
                self.too_large.push(worker);
                return None;
            }
            News::Mute { worker } => {
                let worker = self.worker(*worker);
                self.mute.insert(worker);
                return None;
            }
            News::Signal { number } => {
                self.signalled = true;
                Heard::Signal((*number % 16).into())
            }
            News::Time { millis } => {
                self.now = self.now + Duration::from_millis((*millis).into());
                return None;
            }
        })
    }

    fn begin(&mut self, worker: WorkerId) -> Option<Heard> {
        let told = self.workers.get_mut(&worker)?;
        if told.begun.is_some() || told.tasks.is_empty() {
            return None;
        }
        let (task, attempt) = told.tasks.remove(0);
        told.begun = Some((task, attempt));
        Some(Heard::Said(started(worker, task, attempt)))
    }

    fn answer(&mut self, worker: WorkerId, leaves: bool) -> Option<Heard> {
        let (task, attempt) = self.workers.get_mut(&worker)?.begun.take()?;
        Some(Heard::Said(FromWorker::Finished {
            worker,
            task,
            attempt,
            report: Report {
                last: ANSWERS[task.as_usize()].clone(),
                chunks: 0,
                digest: None,
                moments: Moments::default(),
                used: ResourceUse::default(),
                leaves,
            },
        }))
    }

    fn over(&mut self, worker: WorkerId, signal: i32) -> Heard {
        self.workers.remove(&worker);
        let cause = match signal {
            0 => ExitCause::Exited(0),
            signal => ExitCause::Signaled {
                signal,
                core: false,
            },
        };
        let exit = Exit {
            pid: Pid(1),
            cause,
            resources: ResourceUse::default(),
            at: self.now,
        };
        Heard::Over(worker, exit)
    }

    /// What a well-behaved crowd does next.
    fn behave(&mut self) -> Option<Heard> {
        let worker = *self.contacts.keys().next()?;
        let Some(told) = self.workers.get(&worker) else {
            // It is dead, and its end has been told to somebody who did not want to know.
            return Some(self.over(worker, 9));
        };
        let leaves = told.to_leave || !told.kept;
        if told.begun.is_some() {
            return self.answer(worker, false);
        }
        if !told.tasks.is_empty() {
            return self.begin(worker);
        }
        if leaves {
            return Some(self.over(worker, 0));
        }
        // It waits for tasks; the others go on.
        let others: Vec<WorkerId> = self.contacts.keys().skip(1).copied().collect();
        others.into_iter().find_map(|worker| {
            let told = self.workers.get(&worker);
            match told {
                None => Some(self.over(worker, 9)),
                Some(told) if told.begun.is_some() => self.answer(worker, false),
                Some(told) if !told.tasks.is_empty() => self.begin(worker),
                Some(told) if told.to_leave || !told.kept => Some(self.over(worker, 0)),
                Some(_) => None,
            }
        })
    }
}

fn started(worker: WorkerId, task: TaskIndex, attempt: AttemptNumber) -> FromWorker {
    let pid = Pid(1);
    FromWorker::Started {
        worker,
        task,
        attempt,
        pid,
    }
}

impl Crew for Crowd<'_> {
    fn now(&self) -> Monotonic {
        self.now
    }

    fn wait(&mut self, limit: Duration) -> Result<Vec<Heard>, WaitError> {
        self.waits += 1;
        assert!(self.waits < MOST_WAITS, "the run does not end");
        let heard = match self.news.next() {
            Some(news) => self.hear(news),
            None => self.behave(),
        };
        if heard.is_none() {
            self.now = self.now + limit;
        }
        Ok(heard.into_iter().collect())
    }

    fn take_signals(&mut self) -> Vec<i32> {
        Vec::new()
    }

    fn take_time_in_starts(&mut self) -> Duration {
        Duration::ZERO
    }

    fn expect_more(&mut self, _tasks: u32) {}

    fn start(
        &mut self,
        worker: WorkerId,
        _slot: u32,
        first: Parcel,
        group: Option<String>,
        kept: bool,
    ) -> Result<(), String> {
        let contact = Contact {
            pid: Some(Pid(1)),
            group,
            ..Contact::default()
        };
        assert!(self.contacts.insert(worker, contact).is_none());
        let told = Told {
            kept,
            ..Told::default()
        };
        self.workers.insert(worker, told);
        self.assign(worker, first);
        Ok(())
    }

    fn assign(&mut self, worker: WorkerId, tasks: Parcel) {
        let tasks: Vec<Assignment> = tasks.unpack().expect("it was packed here");
        if let Some(told) = self.workers.get_mut(&worker) {
            told.tasks
                .extend(tasks.iter().map(|task| (task.task, task.attempt)));
        }
    }

    fn shutdown(&mut self, worker: WorkerId) {
        if let Some(told) = self.workers.get_mut(&worker) {
            told.to_leave = true;
        }
    }

    fn terminate(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
    }

    fn kill(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
    }

    fn forget(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
        assert!(self.contacts.remove(&worker).is_some(), "forgotten twice");
    }

    fn contact(&mut self, worker: WorkerId) -> Option<&mut Contact> {
        self.contacts.get_mut(&worker)
    }

    fn take_output(&mut self, _worker: WorkerId) -> Output {
        Output::default()
    }

    fn has_closed_its_channel(&mut self, worker: WorkerId) -> bool {
        self.mute.contains(&worker)
    }

    fn memory_interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(50))
    }

    fn over_memory(&mut self, _now: Monotonic) -> Vec<(WorkerId, String)> {
        let over = std::mem::take(&mut self.too_large);
        over.into_iter()
            .map(|worker| (worker, "too much".into()))
            .collect()
    }

    fn look_after(&mut self, _now: Monotonic) {}

    fn forgive(&mut self) {}
}
