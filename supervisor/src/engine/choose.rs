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

use super::pool::{Heard, Making, Pool, PoolError};
use crate::start::Method;

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: Method,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
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
    if asked == StartMethod::Fork && !sys::fork_is_offered() {
        return Err(ChooseError::NoFork);
    }
    Ok(())
}

/// Decides, and sets the pool to it. [`StartMethod::Inline`] needs no pool and is not asked here.
///
/// # Errors
///
/// [`ChooseError`].
pub fn choose(asked: StartMethod, pool: &mut Pool) -> Result<Choice, ChooseError> {
    check(asked)?;
    let mut reasons = Vec::new();
    if asked == StartMethod::Spawn {
        pool.change_making(Making::Spawn);
        reasons.push(String::from("asked for"));
        return Ok(Choice {
            method: Method::Spawn,
            reasons,
        });
    }
    if asked == StartMethod::Fork {
        reasons.push(String::from("asked for"));
    }
    if !sys::fork_is_offered() {
        pool.change_making(Making::Spawn);
        reasons.push(String::from("this platform has no safe fork"));
        return Ok(Choice {
            method: Method::Spawn,
            reasons,
        });
    }
    let mut failures = Vec::new();
    for (way, name) in [
        (ForkWay::CloneParent, "clone with CLONE_PARENT"),
        (ForkWay::DoubleFork, "forking twice"),
    ] {
        match self_test(way, pool)? {
            Ok(()) => {
                pool.change_making(Making::Fork(way));
                reasons.push(format!("the zygote's self-test passed, by {name}"));
                return Ok(Choice {
                    method: Method::Fork,
                    reasons,
                });
            }
            Err(reason) => {
                let failure = format!("{name} failed: {reason}");
                reasons.push(failure.clone());
                failures.push(failure);
            }
        }
    }
    if asked == StartMethod::Fork {
        return Err(ChooseError::ForkFails(failures.join("; ")));
    }
    pool.change_making(Making::Spawn);
    reasons.push(String::from("spawn needs no fork of ours"));
    Ok(Choice {
        method: Method::Spawn,
        reasons,
    })
}

/// The self-test's worker: a name that no run uses.
const PROBE: WorkerId = WorkerId(u32::MAX);

/// A self-test may take so long.
const TEST_LIMIT: Duration = Duration::from_secs(5);

/// Asks for a worker without tasks, hears that it is ready, and sees it leave with 0.
fn self_test(way: ForkWay, pool: &mut Pool) -> Result<Result<(), String>, PoolError> {
    pool.change_making(Making::Fork(way));
    let nothing: Vec<Assignment> = Vec::new();
    let started = Parcel::pack(&nothing)
        .map_err(|error| error.to_string())
        .and_then(|first| pool.start(PROBE, 0, first, false));
    if let Err(reason) = started {
        return Ok(Err(reason));
    }
    let deadline = sys::monotonic_now() + TEST_LIMIT;
    let mut ready = false;
    loop {
        let now = sys::monotonic_now();
        if now >= deadline {
            pool.kill(PROBE);
            pool.forget(PROBE);
            return Ok(Err(format!("no sign of life in {} s", TEST_LIMIT.as_secs())));
        }
        for heard in pool.wait(deadline.since(now))? {
            let verdict = match heard {
                Heard::Said(FromWorker::Ready { worker: PROBE }) => {
                    ready = true;
                    continue;
                }
                Heard::Over(PROBE, exit) => match exit.cause {
                    ExitCause::Exited(0) if ready => Ok(()),
                    cause => Err(format!("the test worker ended: {cause:?}")),
                },
                Heard::NotMade(PROBE, reason) | Heard::Garbled(PROBE, reason) => Err(reason),
                _ => continue,
            };
            pool.forget(PROBE);
            return Ok(verdict);
        }
    }
}
