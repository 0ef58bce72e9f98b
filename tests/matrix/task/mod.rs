//! Rows 21 to 47: a worker dies, or goes too far, while it runs a task.
//!
//! - [`deaths`]: signals, exits, overflows (21 to 35, 37, 39, 41);
//! - [`answers`]: what goes wrong and still is an answer (36, 38, 40, 47);
//! - [`memory`]: more than the limit, in every kind of memory (42 to 45);
//! - [`bomb`]: more processes than anybody wants (46).

mod answers;
mod bomb;
mod deaths;
mod memory;

use serde_json::Value;

use crate::common::Finished;
use crate::scenario::Scenario;
use crate::trial::{Faults, outcomes, result_of};

/// Two experiments of two tasks each, of which the second does the deed: in `once` on its first attempt, in
/// `always` on each.
fn once_and_always(method: &str, deed: &str) -> Scenario {
    let pair = |attempts| Faults::new(2, deed, 2, attempts);
    Scenario::of(
        method,
        vec![pair(1).called("once"), pair(0).called("always")],
    )
}

/// Runs them with one retry, and asserts that the deed costs each attempt that does it, in this state, and
/// nothing else. Gives the end of the run and the attempts that did the deed.
fn costs_its_attempts(scenario: &Scenario, flags: &[&str], state: &str) -> (Finished, Vec<Value>) {
    let finished = scenario
        .command()
        .args(["--retries", "1"])
        .args(flags)
        .run()
        .assert_code(1);
    let folder = scenario.folder();
    let attempts = folder.attempts();
    let [once, always] = &scenario.experiments[..] else {
        panic!("two experiments");
    };
    for faults in [once, always] {
        assert_eq!(outcomes(&faults.attempts_at(&attempts, 0)), ["ok"]);
    }
    let of_once = once.attempts_at(&attempts, 1);
    assert_eq!(outcomes(&of_once), [state, "ok"], "{of_once:#?}");
    assert_eq!(result_of(&folder, &once.id(1))["state"], "ok");
    let of_always = always.attempts_at(&attempts, 1);
    assert_eq!(outcomes(&of_always), [state, state], "{of_always:#?}");
    assert_eq!(result_of(&folder, &always.id(1))["state"], state);
    let did = [&of_once[..1], &of_always[..]].concat();
    (finished, did)
}

/// The sentence of an attempt's cause.
fn message(attempt: &Value) -> &str {
    attempt["cause"]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("no cause: {attempt}"))
}
