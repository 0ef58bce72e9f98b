//! Tasks that misbehave on purpose, for tests. Compiled only with the feature `fault`, which a release
//! never has.

use serde::{Deserialize, Serialize};

/// An experiment of `tasks` tasks, some of which misbehave.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultBody {
    /// Number of tasks.
    pub tasks: u32,
    /// What the faulty ones do; see [`FaultTask::action`].
    pub action: String,
    /// Every how many tasks one is faulty: those whose number is one less than a multiple of it; 0 = none.
    pub every: u32,
    /// They misbehave on this many first attempts; 0 = on every attempt.
    pub attempts: u32,
}

impl FaultBody {
    /// The task at a place, from 0.
    pub fn task(&self, at: usize) -> FaultTask {
        let number = at as u64;
        let faulty = self.every > 0 && (number + 1).is_multiple_of(u64::from(self.every));
        FaultTask {
            number,
            action: faulty.then(|| self.action.clone()),
            attempts: self.attempts,
        }
    }
}

/// What such a task gives back: its number, and as many further bytes as it was told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultOutput {
    /// Its number.
    pub number: u64,
    /// The bytes of [`FaultOutput::ballast`].
    #[serde(with = "serde_bytes")]
    pub ballast: Vec<u8>,
}

impl FaultOutput {
    /// So many bytes that are easy to check: numbered blocks of a kibibyte.
    pub fn ballast(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at >> 10) as u8).collect()
    }

    /// The number, if the ballast is what was loaded.
    pub fn value(&self) -> Option<u64> {
        let sound = self.ballast == FaultOutput::ballast(self.ballast.len());
        sound.then_some(self.number)
    }
}

/// One such task. Where it does not misbehave it returns its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultTask {
    /// What it returns.
    pub number: u64,
    /// What it does: one or several deeds such as `signal=N`, `hang` or `spew=LINES`, joined by `+`; the
    /// worker's families of deeds know them all. `None` = nothing.
    pub action: Option<String>,
    /// On how many first attempts; 0 = on every one.
    pub attempts: u32,
}
