//! What tests of this module share: a run folder, and records about nothing in particular.

use super::{Header, JsonText, Record, RunFolder, Terminal, TerminalBody, attempt_cause};
use crate::experiment::plan::PlanDigest;
use crate::experiment::{
    Attempt, AttemptOutcome, ExitCause, Outcome, OutcomeKind, Phases, ResourceUse,
};
use crate::ids::TaskIndex;

pub(super) const DIGEST: PlanDigest = PlanDigest([0x5a; 32]);

/// An empty run folder, and what removes it.
pub(super) fn run_folder() -> (tempfile::TempDir, RunFolder) {
    let above = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(&above.path().join("run")).expect("a run folder");
    (above, folder)
}

pub(super) fn header(tasks: u32) -> Header {
    Header {
        version: "0.1.0".into(),
        plan_digest: DIGEST,
        seed: 42,
        tasks,
    }
}

pub(super) fn attempt(task: &str, number: u32, outcome: AttemptOutcome) -> Attempt {
    let exit = Outcome::Crashed(ExitCause::Exited(3));
    Attempt {
        task: task.into(),
        attempt: number,
        start_method: "fork".into(),
        outcome,
        phases_us: Phases {
            compute: 5,
            ..Phases::default()
        },
        total_us: 5,
        rusage: ResourceUse::default(),
        pid: Some(77),
        host: "host".into(),
        cause: match outcome {
            AttemptOutcome::Ok => None,
            _ => attempt_cause(&exit),
        },
    }
}

/// A record that ends task `index` well.
pub(super) fn ended(index: u32, number: u32) -> Record {
    Record::Attempt {
        index: TaskIndex(index),
        attempt: attempt(&format!("e/{index}/m"), number, AttemptOutcome::Ok),
        terminal: Some(Terminal {
            kind: "forecast".into(),
            state: OutcomeKind::Ok,
            body: TerminalBody::Result(JsonText::of(&vec![f64::from(index) / 3.0])),
        }),
    }
}

/// A record of an attempt after which its task goes on.
pub(super) fn went_on(index: u32, number: u32, outcome: AttemptOutcome) -> Record {
    Record::Attempt {
        index: TaskIndex(index),
        attempt: attempt(&format!("e/{index}/m"), number, outcome),
        terminal: None,
    }
}
