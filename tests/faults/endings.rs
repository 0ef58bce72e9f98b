//! Tasks that never end well: each has the state that the contract gives it, with its cause; what can be
//! retried is, as often as was asked; the rest of the run is unharmed, and its exit code is 1.

use serde_json::Value;

use crate::common::{Lab, RunFolder};
use crate::trial::{Faults, assert_nothing_left, outcomes, result_of, trial, under_fork_and_spawn};

under_fork_and_spawn!(
    crashing_on_every_attempt,
    dying_of_a_signal_without_a_name,
    saying_no,
);

fn crashing_on_every_attempt(method: &str) {
    for retries in ["0", "2"] {
        let lab = Lab::new();
        let faults = Faults::new(10, "signal=11", 5, 0);
        let finished = trial(&lab, "run", method, std::slice::from_ref(&faults))
            .args(["--retries", retries])
            .run()
            .assert_code(1);
        let folder = lab.run_folder("run");
        let tries = retries.parse::<usize>().expect("it is a number") + 1;
        for at in 0..10 {
            let result = result_of(&folder, &faults.id(at));
            let attempts = faults.attempts_at(&folder.attempts(), at);
            if faults.is_faulty(at) {
                assert_eq!(result["state"], "crashed");
                assert_eq!(result["cause"]["signal"], "SIGSEGV", "{result}");
                assert_eq!(result.get("result"), None);
                assert_eq!(outcomes(&attempts), vec!["crashed"; tries]);
            } else {
                assert_eq!(result["state"], "ok");
                assert_eq!(outcomes(&attempts), ["ok"]);
            }
        }
        let experiment = folder.experiment("f");
        assert_eq!(experiment["tasks"]["crashed"], 2);
        assert_eq!(experiment["incomplete"], true);
        assert_nothing_left(&lab, &finished);
    }
}

/// The last of two tasks is faulty in each of these experiments.
fn faulty_pairs(actions: &[&str]) -> Vec<Faults> {
    actions
        .iter()
        .enumerate()
        .map(|(at, action)| Faults::new(2, action, 2, 0).called(&format!("e{at}")))
        .collect()
}

/// Runs the pairs with one retry; gives the result and the attempts of each faulty task, after it has seen
/// that every other one is ok.
fn ends_of_pairs(lab: &Lab, method: &str, actions: &[&str]) -> Vec<(Value, Vec<Value>)> {
    let pairs = faulty_pairs(actions);
    let finished = trial(lab, "run", method, &pairs)
        .args(["--retries", "1"])
        .run()
        .assert_code(1);
    let folder: RunFolder = lab.run_folder("run");
    let attempts = folder.attempts();
    let ends = pairs
        .iter()
        .map(|pair| {
            assert_eq!(result_of(&folder, &pair.id(0))["state"], "ok");
            assert_eq!(outcomes(&pair.attempts_at(&attempts, 0)), ["ok"]);
            (
                result_of(&folder, &pair.id(1)),
                pair.attempts_at(&attempts, 1),
            )
        })
        .collect();
    assert_nothing_left(lab, &finished);
    ends
}

/// Every other signal has a name.
fn dying_of_a_signal_without_a_name(method: &str) {
    let ends = ends_of_pairs(&Lab::new(), method, &["signal=34"]);
    for (result, attempts) in ends {
        assert_eq!(result["state"], "crashed", "{result}");
        assert_eq!(result["cause"]["signal"], "signal 34", "{result}");
        assert_eq!(outcomes(&attempts), ["crashed", "crashed"]);
    }
}

/// A panic and an error are answers: the same numbers would give them again, so they are not retried.
fn saying_no(method: &str) {
    let lab = Lab::new();
    let ends = ends_of_pairs(&lab, method, &["panic", "error"]);
    for (text, (result, attempts)) in ["panicked: told to panic", "told to fail"].iter().zip(ends) {
        assert_eq!(result["state"], "error", "{result}");
        assert_eq!(result["cause"]["message"], *text);
        assert_eq!(result["cause"].get("signal"), None);
        assert_eq!(outcomes(&attempts), ["error"]);
    }
}

/// How a task ended badly is a result like any other: the same bytes under every start method. Under
/// `inline` only those that no process is needed for can be asked for.
#[test]
fn bad_ends_are_the_same_bytes_under_every_method() {
    let lab = Lab::new();
    let all = [
        "panic",
        "error",
        "signal=11",
        "exit=3",
        "stack",
        "hang",
        "stop+hang",
        "allocate",
    ];
    let limits = [
        "--retries",
        "1",
        "--timeout",
        "1s",
        "--grace",
        "1s",
        "--memory",
        "64MiB",
    ];
    let run = |name: &str, method: &str, actions: &[&str]| {
        trial(&lab, name, method, &faulty_pairs(actions))
            .args(limits)
            .run()
            .assert_code(1);
        lab.run_folder(name)
    };
    let forked = run("forked", "fork", &all);
    let kinds: Vec<String> = forked.states().into_keys().collect();
    assert_eq!(kinds, ["crashed", "error", "ok", "oom", "timeout"]);
    forked.assert_same_results(&run("spawned", "spawn", &all), "fork and spawn");
    let few = run("few", "fork", &all[..2]);
    few.assert_same_results(&run("inline", "inline", &all[..2]), "fork and inline");
}
