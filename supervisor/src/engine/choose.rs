//! Which start method a run uses, and why.
//!
//! `auto` means fork where fork is safe and works, and spawn elsewhere. "Works" is found out, not assumed:
//! the zygote is asked for a worker that does nothing, first by `clone(CLONE_PARENT)`, then by forking
//! twice. Every finding becomes a reason that is printed and recorded.

use std::time::Duration;

use fumehood::experiment::ExitCause;
use fumehood::experiment::spec::StartMethod;
use fumehood::ids::WorkerId;
use fumehood::protocol::{Assignment, FromWorker, Parcel};
use fumehood::sys::{self, ForkWay};

use super::crew::{Crew, Heard};
use super::pool::{FIRST_TRIAL, Making, Pool, PoolError};
use super::reactor::describe;
use crate::start::{self, Method};

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: Method,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// How long a worker may take to start: far beyond what the self-test took.
    pub start_limit: Duration,
}

impl Choice {
    /// No process at all.
    pub fn inline() -> Choice {
        Choice {
            method: Method::Inline,
            reasons: vec![String::from("asked for")],
            start_limit: Duration::ZERO,
        }
    }
}

/// The method that was asked for cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// This platform has no fork to offer.
    #[error("start method `fork` does not exist on this platform")]
    NoFork,
    /// It was asked for and does not work.
    #[error("start method `fork` does not work here: {0}")]
    ForkFails(String),
    /// The worker program cannot be made to work.
    #[error("no worker can be started: {0}")]
    NoWorker(String),
    /// The pool failed meanwhile.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl ChooseError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            ChooseError::NoFork | ChooseError::ForkFails(_) => Some(String::from(
                "use `--start-method auto` or `--start-method spawn`",
            )),
            ChooseError::NoWorker(_) => Some(String::from(
                "`supervisor doctor` says what this machine lacks",
            )),
            ChooseError::Pool(_) => None,
        }
    }
}

/// Refuses what cannot work before anything is made.
///
/// # Errors
///
/// [`ChooseError::NoFork`].
pub fn check(asked: StartMethod) -> Result<(), ChooseError> {
    if asked == StartMethod::Fork && !fork_is_offered() {
        return Err(ChooseError::NoFork);
    }
    Ok(())
}

/// Whether the platform has a fork to offer.
fn fork_is_offered() -> bool {
    // A platform without it can be played.
    #[cfg(feature = "fault")]
    if fumehood::fault::pass("choose.platform").is_some() {
        return false;
    }
    sys::fork_is_offered()
}

/// How many times its self-test's time a worker gets to start.
const PATIENCE: u32 = 200;

/// Decides, and sets the pool to it. [`StartMethod::Inline`] needs no pool and is not asked here.
///
/// # Errors
///
/// [`ChooseError`].
pub fn choose(asked: StartMethod, pool: &mut Pool) -> Result<Choice, ChooseError> {
    check(asked)?;
    let mut reasons = Vec::new();
    if matches!(asked, StartMethod::Fork | StartMethod::Spawn) {
        reasons.push(String::from("asked for"));
    }
    if asked != StartMethod::Spawn {
        if fork_is_offered() {
            if let Some(took) = try_fork(pool, &mut reasons)? {
                return Ok(Choice {
                    method: Method::Fork,
                    reasons,
                    start_limit: took * PATIENCE,
                });
            }
            if asked == StartMethod::Fork {
                return Err(ChooseError::ForkFails(reasons[1..].join("; ")));
            }
        } else {
            reasons.push(String::from("this platform has no safe fork"));
        }
    }
    match self_test(Making::Spawn, pool)? {
        Ok(took) => {
            reasons.push(String::from("the worker program's self-test passed"));
            Ok(Choice {
                method: Method::Spawn,
                reasons,
                start_limit: took * PATIENCE,
            })
        }
        Err(reason) => Err(ChooseError::NoWorker(reason)),
    }
}

/// Tries both ways of forking; what the self-test took in the one that works.
fn try_fork(pool: &mut Pool, reasons: &mut Vec<String>) -> Result<Option<Duration>, PoolError> {
    for (way, name) in [
        (ForkWay::CloneParent, "clone with CLONE_PARENT"),
        (ForkWay::DoubleFork, "forking twice"),
    ] {
        match self_test(Making::Fork(way), pool)? {
            Ok(took) => {
                reasons.push(format!("the zygote's self-test passed, by {name}"));
                return Ok(Some(took));
            }
            Err(reason) => reasons.push(format!("{name} failed: {reason}")),
        }
    }
    Ok(None)
}

/// A worker on trial has a name that no run uses, one for each way: what a late one of one way says is not
/// taken for another's.
fn trial_name(making: Making) -> WorkerId {
    let which = match making {
        Making::Fork(ForkWay::CloneParent) => 2,
        Making::Fork(ForkWay::DoubleFork) => 1,
        Making::Spawn => 0,
    };
    WorkerId(FIRST_TRIAL.0 + which)
}

/// Asks for a worker without tasks, hears that it is ready, and sees it leave with 0. What that took, or why
/// it failed. The pool makes workers in this way from here on.
///
/// # Errors
///
/// [`PoolError`].
pub fn self_test(making: Making, pool: &mut Pool) -> Result<Result<Duration, String>, PoolError> {
    let trial = try_worker(making, &[], start::limit(Duration::ZERO), pool)?;
    Ok(trial.map(|trial| trial.whole))
}

/// What a worker on trial took.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// From asking for it to its end.
    pub whole: Duration,
    /// Its last task's work, rebuilding included; zero without a task.
    pub worked: Duration,
}

/// How often it is looked whether a stranger has connected in place of a worker on trial.
const LOOK: Duration = Duration::from_millis(100);

/// Gives a worker on trial these tasks, which are nobody's, and sees it leave with 0 within the limit. No
/// other worker may live.
///
/// # Errors
///
/// [`PoolError`].
pub fn try_worker(
    making: Making,
    tasks: &[Assignment],
    limit: Duration,
    pool: &mut Pool,
) -> Result<Result<Trial, String>, PoolError> {
    pool.change_making(making);
    let probe = trial_name(making);
    let began = sys::monotonic_now();
    let started = Parcel::pack(&tasks)
        .map_err(|error| error.to_string())
        .and_then(|first| pool.start(probe, 0, first, None, false));
    if let Err(reason) = started {
        return Ok(Err(reason));
    }
    let deadline = began + limit;
    let mut looked = began;
    let mut answered = false;
    let mut worked = Duration::ZERO;
    loop {
        let now = sys::monotonic_now();
        if now >= deadline {
            // A zygote that does not even answer is of no use for another trial.
            pool.end_zygote();
            pool.kill(probe);
            pool.forget(probe);
            return Ok(Err(format!("it was not done in {} ms", limit.as_millis())));
        }
        if now.since(looked) >= LOOK {
            looked = now;
            pool.turn_strangers_away();
        }
        // Heard to the end, also behind the verdict: a signal may come with it.
        let mut verdict = None;
        for heard in pool.wait(deadline.since(now).min(LOOK))? {
            let this = match heard {
                Heard::Said(FromWorker::Ready { worker }) if worker == probe => {
                    answered = true;
                    continue;
                }
                Heard::Said(FromWorker::Finished { worker, report, .. }) if worker == probe => {
                    answered = true;
                    worked = report.moments.computed.since(report.moments.begun);
                    continue;
                }
                Heard::Over(worker, exit) if worker == probe => match exit.cause {
                    ExitCause::Exited(0) if answered => Ok(Trial {
                        whole: exit.at.since(began),
                        worked,
                    }),
                    cause => Err(format!("the test worker {}", describe(&cause))),
                },
                Heard::Signal(signal) => {
                    pool.keep_signal(signal);
                    continue;
                }
                Heard::NotMade(worker, reason) | Heard::Garbled(worker, reason)
                    if worker == probe =>
                {
                    Err(reason)
                }
                _ => continue,
            };
            verdict.get_or_insert(this);
        }
        if let Some(verdict) = verdict {
            pool.forget(probe);
            return Ok(verdict);
        }
    }
}
