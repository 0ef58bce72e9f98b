//! Rows 71 to 93: what a worker sends, does not send, and prints.
//!
//! [`answers`] has good messages at a bad time, [`packets`] what is no message at all, [`limits`] too much of
//! anything, [`output`] what is printed instead of sent.

mod answers;
mod limits;
mod output;
mod packets;

use serde_json::Value;

use crate::scenario::Scenario;
use crate::trial::{outcomes, result_of};

/// What a charge for a broken protocol says.
const BROKE: &str = "the worker broke the protocol between worker and supervisor and was ended";

/// Fails unless this attempt is `crashed`, for a broken protocol, with a cause that says `note`.
#[track_caller]
fn assert_broke(attempt: &Value, note: &str) {
    assert_eq!(attempt["outcome"], "crashed", "{attempt}");
    let message = attempt["cause"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(BROKE), "{attempt}");
    assert!(message.contains(note), "no {note:?} in {attempt}");
}

/// Fails unless the second of two tasks is `crashed` after one attempt, for a broken protocol, and its
/// result says so without what may differ from run to run.
#[track_caller]
fn assert_all_broke(scenario: &Scenario, note: &str) {
    let (folder, attempts) = (scenario.folder(), scenario.folder().attempts());
    for faults in &scenario.experiments {
        for at in (0..faults.tasks).filter(|&at| faults.is_faulty(at)) {
            let tries = faults.attempts_at(&attempts, at);
            assert_eq!(outcomes(&tries), ["crashed"], "{}", faults.action);
            assert_broke(&tries[0], note);
            let result = result_of(&folder, &faults.id(at));
            assert_eq!(result["state"], "crashed", "{}: {result}", faults.action);
            assert_eq!(result["cause"]["message"], BROKE, "{result}");
        }
    }
}
