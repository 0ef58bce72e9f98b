//! The life of a run: one supervisor after the other, until every task has its end.
//!
//! Each supervisor does what a real one does, in its order: it opens the folder, takes the lock, sweeps, recovers
//! the journal, opens a segment, reopens what is asked for, runs the dispatcher, flushes, derives the files. The
//! pieces are the program's own; only the machine under them is made up.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::plan::Shard;
use fumehood::record::disk::Disk;
use fumehood::record::{Header, Journal, Repair, RunFolder, RunLock, derive, recover};
use supervisor::engine::books::books;
use supervisor::engine::dispatcher;
use supervisor::engine::event::RunEvent;
use supervisor::engine::ledger::Ledger;
use supervisor::engine::state::StopReason;

use crate::crew::{CutOff, Fates, SimulatedCrew, Watch};
use crate::disk::SimulatedDisk;
use crate::draws::Draws;
use crate::log::Log;
use crate::scenario::Scenario;
use crate::witness::{Before, Property, Violation, Witness};

/// Where the run is.
const FOLDER: &str = "/home/user/run";

/// More supervisors than that do not get anywhere.
const MOST_LIVES: u64 = 10_000;

/// What came of a run.
#[derive(Debug)]
pub struct Lived {
    /// What must never happen and did.
    pub violation: Option<Violation>,
    /// What happened.
    pub log: Log,
    /// Supervisors that the run had.
    pub lives: u64,
    /// Simulated time.
    pub time: Duration,
}

/// Lives a scenario to its end. `keeps` keeps the log's text.
pub fn live(scenario: &Scenario, keeps: bool) -> Lived {
    let watch = RefCell::new(Watch {
        witness: Witness::new(&scenario.plan, &scenario.policy),
        log: Log::new(keeps),
    });
    let disk = SimulatedDisk::new(Draws::of(scenario.seed, "disk", &[]));
    let mut run = Run {
        scenario,
        watch: &watch,
        disk,
        fates: Fates::of(scenario),
        before: Before::Written,
        lives: 0,
        reopens: false,
    };
    let lived = panic::catch_unwind(AssertUnwindSafe(|| run.live_on()));
    let (lives, time) = (run.lives, run.disk.now().since(Monotonic(0)));
    if let Err(payload) = lived {
        let text = payload.downcast_ref::<String>().cloned().or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        });
        let mut watch = watch.borrow_mut();
        let text = text.unwrap_or_default();
        watch.witness.accuse(Property::NoPanic, text);
    }
    let Watch { witness, mut log } = watch.into_inner();
    if let Some(violation) = witness.violation() {
        log.say(
            Monotonic(time.as_nanos() as u64),
            format_args!("violation: {violation}"),
        );
    }
    Lived {
        violation: witness.violation().cloned(),
        log,
        lives,
        time,
    }
}

struct Run<'a> {
    scenario: &'a Scenario,
    watch: &'a RefCell<Watch>,
    disk: SimulatedDisk,
    fates: Fates,
    before: Before,
    lives: u64,
    reopens: bool,
}

/// How one supervisor's life ended.
#[derive(Debug)]
#[expect(dead_code, reason = "what a life ended with is for its log")]
enum End {
    /// Every task has its end, and the files are written.
    Complete,
    /// It stopped in order, before that.
    Stopped(StopReason),
    /// It gave up: something was refused.
    Failed(String),
    /// It was cut off.
    Cut(CutOff),
}

impl Run<'_> {
    fn live_on(&mut self) {
        let mut pauses = Draws::of(self.scenario.seed, "pauses", &[]);
        let mut asks = Draws::of(self.scenario.seed, "asks", &[]);
        self.reopens = false;
        loop {
            self.lives += 1;
            let end = self.one_life();
            self.say(format_args!("supervisor {} ends: {end:?}", self.lives));
            if self.is_accused() {
                return;
            }
            match end {
                // Once more at the end; what ends badly then has had its chance.
                End::Complete => {
                    let has_bad_ends = self.watch.borrow().witness.has_bad_ends();
                    if !self.scenario.retries_failed || self.reopens || !has_bad_ends {
                        break;
                    }
                }
                End::Stopped(_) | End::Failed(_) | End::Cut(CutOff::Killed) => self.disk.kill(),
                End::Cut(CutOff::PowerLost | CutOff::TooLong) => {
                    self.disk.lose_power();
                    self.before = Before::Durable;
                }
            }
            self.reopens =
                self.scenario.retries_failed && (matches!(end, End::Complete) || asks.percent(30));
            if self.lives > MOST_LIVES {
                return self.accuse(Property::Ends, format!("{MOST_LIVES} supervisors"));
            }
            let pause = pauses.span(Duration::from_millis(100), Duration::from_secs(60));
            self.disk.advance(self.disk.now() + pause);
        }
        self.look_back(&mut pauses);
    }

    /// After the last supervisor: what it showed is still there when the power has gone.
    fn look_back(&mut self, draws: &mut Draws) {
        if draws.percent(50) {
            self.disk.lose_power();
            self.before = Before::Durable;
        }
        let disk = self.disk.for_process();
        if let Err(text) = self.look_again(&disk) {
            self.accuse(Property::Kept, text);
        }
    }

    fn look_again(&mut self, disk: &SimulatedDisk) -> Result<(), String> {
        let path = Path::new(FOLDER);
        let folder = RunFolder::create_on(Arc::new(disk.clone()), path).map_err(text)?;
        let digest = Some(self.scenario.plan.digest());
        let recovered = recover(&folder, digest, Repair::Report).map_err(text)?;
        let mut watch = self.watch.borrow_mut();
        let witness = &mut watch.witness;
        witness.judge_recovered(disk, &folder, &recovered, self.before);
        witness.judge_complete(disk, &folder);
        Ok(())
    }

    fn one_life(&mut self) -> End {
        let disk = self.disk.for_process();
        self.watch.borrow_mut().witness.begins(self.reopens);
        let mut fates =
            std::mem::replace(&mut self.fates, Fates::of(&self.scenario.with_faults(&[])));
        let mut crew = SimulatedCrew::new(
            self.scenario,
            self.watch,
            &mut fates,
            disk.clone(),
            self.lives,
        );
        crew.strike_beginning();
        let ended = self.supervise(&disk, &mut crew);
        self.watch.borrow_mut().witness.sees(&disk);
        let cut_off = crew.cut_off;
        let alive = crew.left_alive();
        let dies_with_power = crew.dies_with_power();
        drop(crew);
        self.fates = fates;
        let end = match (cut_off, ended) {
            (Some(how), _) => End::Cut(how),
            (None, _) if disk.is_dead() && dies_with_power => End::Cut(CutOff::PowerLost),
            (None, _) if disk.is_dead() => End::Cut(CutOff::Killed),
            (None, Ok(end)) => end,
            (None, Err(text)) => {
                if disk.refused() == 0 {
                    self.accuse(Property::GoesOn, text.clone());
                }
                End::Failed(text)
            }
        };
        if !matches!(end, End::Cut(_)) {
            self.fates.dying = None;
            if !alive.is_empty() {
                self.accuse(Property::NobodyLeft, format!("{alive:?} live on"));
            }
        }
        let journal_failed = matches!(end, End::Stopped(StopReason::Journal { .. }));
        if matches!(end, End::Complete | End::Stopped(_)) && !journal_failed {
            self.watch.borrow_mut().witness.ends();
        }
        end
    }

    /// What a supervisor does.
    fn supervise(
        &mut self,
        disk: &SimulatedDisk,
        crew: &mut SimulatedCrew<'_>,
    ) -> Result<End, String> {
        let plan = &self.scenario.plan;
        let path = Path::new(FOLDER);
        let folder = RunFolder::create_on(Arc::new(disk.clone()), path).map_err(text)?;
        let lock = RunLock::acquire(&folder).map_err(text)?;
        folder.sweep(&lock).map_err(text)?;
        let digest = Some(plan.digest());
        let mut recovered = recover(&folder, digest, Repair::Cut(&lock)).map_err(text)?;
        for note in recovered.notes() {
            self.say(format_args!("note: {note}"));
        }
        self.watch
            .borrow_mut()
            .witness
            .judge_recovered(disk, &folder, &recovered, self.before);
        self.before = Before::Written;
        let header = Header::of(plan, "simulated");
        let mut journal = Journal::create(&folder, header).map_err(text)?;
        recovered.join(&mut journal).map_err(text)?;
        let books = books(plan, &recovered, |_| true, self.reopens);
        let mut ledger = Ledger::new(
            plan,
            &folder,
            journal,
            recovered,
            self.scenario.method,
            "simulated".into(),
        );
        ledger.reopen_all(&books).map_err(text)?;
        let mut tell = |event| on_told(self.watch, disk, &event);
        let policy = self.scenario.policy.clone();
        let reason = dispatcher::run(plan, policy, books, crew, &mut ledger, &mut tell);
        let reason = reason.map_err(text)?;
        let flushed = ledger.flush();
        if let StopReason::Journal { .. } = reason {
            return if disk.refused() > 0 {
                Ok(End::Stopped(reason))
            } else {
                Err(format!("{reason:?}"))
            };
        }
        flushed.map_err(text)?;
        let derived = derive::write_all(&folder, plan, ledger.recovered(), Shard::WHOLE);
        let derived = derived.map_err(text)?;
        if derived.tables_are_merged {
            ledger.remove_tables(&lock).map_err(text)?;
        }
        drop(ledger);
        if disk.is_dead() {
            return Err(String::from("it died at its end"));
        }
        let mut watch = self.watch.borrow_mut();
        watch.witness.sees(disk);
        watch.witness.shown();
        if reason == StopReason::Complete {
            watch.witness.judge_complete(disk, &folder);
            return Ok(End::Complete);
        }
        Ok(End::Stopped(reason))
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        self.watch.borrow_mut().log.say(self.disk.now(), what);
    }

    fn accuse(&self, property: Property, text: String) {
        self.watch.borrow_mut().witness.accuse(property, text);
    }

    fn is_accused(&self) -> bool {
        self.watch.borrow().witness.violation().is_some()
    }
}

/// The user is told something.
fn on_told(watch: &RefCell<Watch>, disk: &SimulatedDisk, event: &RunEvent) {
    let mut watch = watch.borrow_mut();
    let Watch { witness, log } = &mut *watch;
    match event {
        RunEvent::AttemptEnded {
            task,
            attempt,
            outcome,
            next,
            ..
        } => {
            let what = format_args!("told: {task}.{attempt} {outcome:?}, then {next:?}");
            log.say(disk.now(), what);
            witness.sees(disk);
            // What a dead supervisor tells reaches nobody.
            if !disk.is_dead() {
                witness.tells(*task, *attempt);
            }
        }
        RunEvent::Stopping { reason } => {
            witness.stops();
            log.say(disk.now(), format_args!("told: it stops, {reason:?}"));
        }
        RunEvent::Note { text } => log.say(disk.now(), format_args!("told: {text}")),
        RunEvent::Began { .. } | RunEvent::Started { .. } | RunEvent::Idle => {}
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
