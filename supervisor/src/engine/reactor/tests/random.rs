//! Random runs, in which workers do what workers may do and the world is unkind, against a small model.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Small, fast, and the same everywhere: Marsaglia's xorshift64 (J. Stat. Soft. 8(14), 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What a worker of the model is: what it was given, and how far it is.
#[derive(Debug)]
struct ModelWorker {
    slot: u32,
    queue: Vec<Held>,
    current: Option<(Held, Monotonic)>,
    answered: Option<Held>,
    /// Told to end, and for what.
    verdict: Option<ModelVerdict>,
    /// What it ran when it was told so.
    verdict_of: Option<Held>,
    killed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ModelVerdict {
    Timeout,
    Memory,
    Broke,
    Other,
}

/// The reference: what must be true of any scheduler, kept by hand from what it does.
struct Model {
    retries: u16,
    workers: BTreeMap<u32, ModelWorker>,
    attempts: Vec<u32>,
    crashes: Vec<u16>,
    terminal: Vec<Option<OutcomeKind>>,
    stopping: bool,
    memory: BTreeSet<u32>,
    over: Option<StopReason>,
}

impl Model {
    /// Checks an action against what is known, and takes it in.
    fn see(&mut self, action: &Action, state: &State, now: Monotonic, timeout: Duration) {
        match action {
            Action::Start {
                worker,
                slot,
                tasks,
                ..
            } => {
                assert!(!self.stopping, "a start while stopping");
                assert!(
                    self.workers.values().all(|w| w.slot != *slot),
                    "two workers in one slot"
                );
                self.workers.insert(
                    worker.0,
                    ModelWorker {
                        slot: *slot,
                        queue: Vec::new(),
                        current: None,
                        answered: None,
                        verdict: None,
                        verdict_of: None,
                        killed: false,
                    },
                );
                self.give(worker.0, tasks);
            }
            Action::Assign { worker, tasks } => self.give(worker.0, tasks),
            Action::Terminate { worker } | Action::Kill { worker } => {
                let memory = self.memory.contains(&worker.0);
                let live = self.workers.get_mut(&worker.0).expect("it lives");
                let late = live.current.is_some_and(|(_, at)| at + timeout <= now);
                let kill = matches!(action, Action::Kill { .. });
                assert!(!live.killed, "killed twice");
                live.killed = kill;
                if live.verdict.is_none() {
                    live.verdict_of = live.current.map(|(held, _)| held);
                    live.verdict = Some(match (memory, late && !kill) {
                        (true, _) => ModelVerdict::Memory,
                        (_, true) => ModelVerdict::Timeout,
                        _ => ModelVerdict::Other,
                    });
                }
            }
            Action::Record(ending) => self.ended(ending),
            Action::Release { worker, .. } => {
                self.workers.remove(&worker.0).expect("it was held");
            }
            Action::Stop(reason) => {
                assert!(self.workers.is_empty(), "the end before the workers'");
                self.over = Some(reason.clone());
            }
            Action::Shutdown { worker } => {
                assert!(self.workers[&worker.0].queue.is_empty());
            }
            Action::Abandon { worker } => assert!(self.workers[&worker.0].killed),
        }
        assert!(state.occupied() <= state.policy.workers);
    }

    fn give(&mut self, worker: u32, tasks: &[Held]) {
        for held in tasks {
            let index = held.task.as_usize();
            assert_eq!(self.terminal[index], None, "given after its end");
            assert!(
                self.workers.values().all(|w| {
                    w.queue.iter().all(|h| h.task != held.task)
                        && w.current.is_none_or(|(h, _)| h.task != held.task)
                }),
                "two workers hold one task"
            );
            assert_eq!(
                held.attempt.0,
                self.attempts[index] + 1,
                "attempts count up"
            );
            self.attempts[index] += 1;
            self.workers
                .get_mut(&worker)
                .expect("it lives")
                .queue
                .push(*held);
        }
    }

    fn ended(&mut self, ending: &Ending) {
        let index = ending.task.as_usize();
        assert_eq!(self.terminal[index], None, "two ends of one task");
        let worker = self.workers.get_mut(&ending.worker.0).expect("it was held");
        let was_answered = worker.answered.is_some_and(|h| h.task == ending.task);
        let was_current = worker.current.is_some_and(|(h, _)| h.task == ending.task);
        match &ending.fate {
            Fate::Charged(Outcome::Error { .. } | Outcome::Ok(_)) => {
                assert!(was_answered, "an answer that nobody gave");
                worker.answered = None;
                assert!(ending.terminal);
            }
            Fate::Charged(outcome) => {
                assert!(was_current, "charged without having started");
                worker.current = None;
                let verdict = worker.verdict;
                match outcome {
                    Outcome::Timeout { .. } => assert_eq!(verdict, Some(ModelVerdict::Timeout)),
                    Outcome::Oom { .. } => assert_eq!(verdict, Some(ModelVerdict::Memory)),
                    _ => assert!(matches!(verdict, None | Some(ModelVerdict::Broke))),
                }
                let retried = !matches!(outcome, Outcome::Timeout { .. });
                if retried {
                    self.crashes[index] += 1;
                }
                assert_eq!(
                    ending.terminal,
                    !retried || self.crashes[index] > self.retries
                );
            }
            Fate::Interrupted => {
                assert!(self.stopping);
                assert!(!ending.terminal);
                worker.forget(ending.task);
            }
            Fate::Requeued { .. } => {
                let of_another = worker.verdict.is_some()
                    && worker.verdict_of.is_none_or(|h| h.task != ending.task);
                assert!(!was_current || of_another, "a bystander had begun");
                assert!(!was_answered && !ending.terminal);
                worker.forget(ending.task);
            }
            Fate::StartFailed { .. } => {
                assert!(!was_answered && !ending.terminal);
                worker.forget(ending.task);
            }
        }
        if ending.terminal {
            self.terminal[index] = Some(match &ending.fate {
                Fate::Charged(outcome) => outcome.kind(),
                other => panic!("a terminal record without a charge: {other:?}"),
            });
        }
    }
}

impl ModelWorker {
    fn forget(&mut self, task: TaskIndex) {
        self.queue.retain(|h| h.task != task);
        if self.current.is_some_and(|(h, _)| h.task == task) {
            self.current = None;
        }
    }
}

/// One random run: workers do what workers may do, in any order, and the world is unkind.
fn random_run(seed: u64) {
    let mut random = Random(seed);
    let tasks = 1 + random.below(6) as u32;
    let life = match random.below(3) {
        0 => Life::OneTask,
        1 => Life::Tasks(1 + random.below(3) as u32),
        _ => Life::Auto,
    };
    let policy = policy(1 + random.below(3) as u32, life);
    let timeout = policy.timeout.expect("these runs have one");
    let retries = policy.retries as u16;
    let mut state = state(tasks, policy);
    let mut model = Model {
        retries,
        workers: BTreeMap::new(),
        attempts: vec![0; tasks as usize],
        crashes: vec![0; tasks as usize],
        terminal: vec![None; tasks as usize],
        stopping: false,
        memory: BTreeSet::new(),
        over: None,
    };
    let mut now = Monotonic(0);
    let mut event = Event::Tick;
    // Unkindness ends after a while, so that every run has an end to be checked.
    for turn in 0..2000 {
        let kind = turn > 60;
        let actions = step(&mut state, event.clone(), now);
        // Five failed starts stop a run too; that they do is a story of its own above.
        model.stopping |= matches!(
            state.phase,
            Phase::Stopping {
                reason: StopReason::CannotStart { .. },
                ..
            }
        );
        for action in actions {
            model.see(&action, &state, now, timeout);
        }
        if model.over.is_some() {
            break;
        }
        event = next_event(&mut random, &mut model, &state, &mut now, kind);
    }
    let over = model.over.as_ref();
    let over = over.unwrap_or_else(|| panic!("no end: {state:?}"));
    if *over == StopReason::Complete {
        assert!(
            model.terminal.iter().all(Option::is_some),
            "a task was lost"
        );
    }
    // After the end nothing has any effect.
    assert!(step(&mut state, Event::Tick, now + SECOND).is_empty());
}

fn next_event(
    random: &mut Random,
    model: &mut Model,
    state: &State,
    now: &mut Monotonic,
    kind: bool,
) -> Event {
    let names: Vec<u32> = model.workers.keys().copied().collect();
    let dice = random.below(if kind { 12 } else { 20 });
    if names.is_empty() || dice == 0 {
        *now = *now + Duration::from_millis(random.below(9000));
        return Event::Tick;
    }
    let name = names[random.below(names.len() as u64) as usize];
    let id = WorkerId(name);
    let worker = model.workers.get_mut(&name).expect("it was listed");
    if worker.killed && dice < 10 {
        return die(id, 9);
    }
    match dice {
        1..=11 => {
            if let Some((held, _)) = worker.current.take_if(|_| !worker.killed) {
                worker.answered = Some(held);
                let mut answer = result();
                answer.leaves = random.below(6) == 0;
                return Event::Finished {
                    worker: id,
                    task: held.task,
                    attempt: held.attempt,
                    answer,
                };
            }
            if !worker.queue.is_empty() && worker.current.is_none() && worker.answered.is_none() {
                let held = worker.queue.remove(0);
                worker.current = Some((held, *now));
                return Event::Started {
                    worker: id,
                    task: held.task,
                    attempt: held.attempt,
                };
            }
            // It holds nothing: it leaves, unless it is kept and has not been told to.
            let draining = state.workers.get(&id).is_some_and(|w| w.tasks_left == 0);
            if worker.queue.is_empty() && draining {
                return Event::Exited {
                    worker: id,
                    exit: exit(ExitCause::Exited(0)),
                };
            }
            Event::Tick
        }
        12 => die(id, 11),
        13 => Event::StartFailed {
            worker: id,
            reason: String::from("the zygote died"),
        },
        14 if worker.verdict.is_none() => {
            model.memory.insert(name);
            Event::OverMemory {
                worker: id,
                evidence: String::from("too much"),
            }
        }
        15 => Event::Finished {
            worker: WorkerId(name + 1000),
            task: TaskIndex(0),
            attempt: AttemptNumber(1),
            answer: result(),
        },
        16 => {
            // Whatever it was ended for, that is the verdict now; and from now on it is not believed.
            if worker.verdict != Some(ModelVerdict::Broke) {
                worker.verdict_of = worker.current.map(|(held, _)| held);
                worker.verdict = Some(ModelVerdict::Broke);
            }
            Event::Broke {
                worker: id,
                note: String::from("garbage"),
            }
        }
        17 if random.below(4) == 0 => {
            model.stopping = true;
            Event::StopRequested { signal: 15 }
        }
        18 => Event::Paused {
            span: Duration::ZERO,
        },
        _ => {
            *now = *now + Duration::from_millis(random.below(30_000));
            Event::Tick
        }
    }
}

fn die(worker: WorkerId, signal: i32) -> Event {
    Event::Exited {
        worker,
        exit: exit(ExitCause::Signaled {
            signal,
            core: false,
        }),
    }
}

#[test]
fn a_hundred_thousand_random_runs_keep_every_promise() {
    for seed in 1..=100_000u64 {
        // The seed of a failing run is in the panic's message.
        let run = std::panic::catch_unwind(|| random_run(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        assert!(
            run.is_ok(),
            "the run of seed {seed} broke a promise (see above)"
        );
    }
}
