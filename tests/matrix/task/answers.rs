//! What goes wrong inside a task and still is an answer: the worker lives, and the next task meets it whole.

use std::time::Duration;

use serde_json::Value;

use super::message;
use crate::common::Finished;
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, outcomes, result_of, spec, total};

rows! {
    both:
        row_036_panic, row_038_panic_of_every_kind, row_040_panic_in_a_thread,
        row_047_no_descriptor_left, row_047_descriptors_are_not_given_back;
}

/// The longest message that is kept, in bytes.
const MESSAGE_CAP: usize = 4096;

/// One worker for all tasks, so that it is seen whether it goes on.
const ONE_WORKER: [&str; 4] = ["--workers", "1", "--max-tasks-per-worker", "7"];

/// The processes that ran the attempts, each once, in their order.
fn processes(attempts: &[Value]) -> Vec<String> {
    let mut pids: Vec<String> = attempts.iter().map(|a| a["pid"].to_string()).collect();
    pids.dedup();
    pids
}

fn row_036_panic(method: &str) {
    let scenario = Scenario::new(method, 5, "panic", 3, 0);
    let finished = scenario.command().args(ONE_WORKER).run().assert_code(1);
    let folder = scenario.folder();
    let result = result_of(&folder, &scenario.experiments[0].id(2));
    assert_eq!(result["state"], "error", "{result}");
    assert_eq!(result["cause"]["message"], "panicked: told to panic");
    let attempts = folder.attempts();
    assert_eq!(outcomes(&attempts), ["ok", "ok", "error", "ok", "ok"]);
    assert_eq!(processes(&attempts).len(), 1, "{attempts:#?}");
    // What it said is kept with its place in the source.
    let log = folder.text("logs/2.1.stderr");
    assert!(
        log.contains("told to panic") && log.contains("death.rs"),
        "{log}"
    );
    scenario.aftermath(&finished).completes(1);
}

/// A text that is no text, one of ten megabytes, and one that a terminal must be spared.
fn row_038_panic_of_every_kind(method: &str) {
    let kinds = ["panic-number", "panic-long", "panic-wild"];
    let experiments: Vec<Faults> = kinds
        .iter()
        .map(|deed| Faults::new(1, deed, 1, 0).called(deed))
        .collect();
    let scenario = Scenario::of(method, experiments);
    // All that can be said is said.
    scenario.lab.write("wild.toml", spec(&scenario.experiments));
    let finished = scenario
        .lab
        .supervisor(["run", "wild.toml", "--run-dir", "run", "-vv"])
        .args(["--start-method", method, "--progress", "lines"])
        .run()
        .assert_code(1);
    nothing_wild_is_printed(&finished);
    let folder = scenario.folder();
    let attempts = folder.attempts();
    assert_eq!(outcomes(&attempts), ["error", "error", "error"]);
    let messages: Vec<String> = scenario
        .experiments
        .iter()
        .map(|faults| {
            let result = result_of(&folder, &faults.id(0));
            let attempt = &faults.attempts_at(&attempts, 0)[0];
            assert_eq!(
                result["cause"]["message"],
                message(attempt),
                "the whole of it"
            );
            assert!(total(attempt) < Duration::from_secs(10), "{attempt}");
            message(attempt).to_owned()
        })
        .collect();
    assert_eq!(messages[0], "panicked: (the panic carries no text)");
    assert!(
        messages[1].starts_with("panicked: long long "),
        "{}",
        messages[1]
    );
    assert!(messages[1].ends_with("(cut)"), "{}", messages[1]);
    assert!(messages[1].len() <= MESSAGE_CAP, "{}", messages[1].len());
    // What was written is what is read, and no line of a file is another than it was.
    for part in ["\u{1b}[2J", "\0", "\nfumehood: forged\r", "\u{202e}"] {
        assert!(messages[2].contains(part), "{:?}", messages[2]);
    }
    for file in ["results.jsonl", "attempts.jsonl"] {
        let text = folder.text(file);
        assert_eq!(text.lines().count(), 3, "{file}");
        let is_raw = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(is_raw), "{file}: {text:?}");
        assert!(text.contains("\\u001b[2J"), "{file}: {text:?}");
    }
    scenario.aftermath(&finished).completes(1);
}

/// No control character but the newline, and no mark of writing direction.
fn nothing_wild_is_printed(finished: &Finished) {
    assert!(finished.stderr.contains("wild"), "it is told: {finished:?}");
    for text in [&finished.stdout, &finished.stderr] {
        let is_wild = |c: char| {
            (c.is_control() && c != '\n')
                || ('\u{2028}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        assert!(!text.contains(is_wild), "{text:?}");
        // Nor is a line forged.
        assert!(
            !text
                .lines()
                .any(|line| line.starts_with("fumehood: forged"))
        );
    }
}

/// A panic ends its thread alone. What the task makes of it is its own outcome.
fn row_040_panic_in_a_thread(method: &str) {
    let scenario = Scenario::new(method, 4, "panic-thread", 2, 0);
    let finished = scenario.command().args(ONE_WORKER).run().assert_code(0);
    let folder = scenario.folder();
    assert_eq!(outcomes(&folder.attempts()), ["ok"; 4]);
    for log in ["logs/1.1.stderr", "logs/3.1.stderr"] {
        assert!(
            folder.text(log).contains("told to panic in a thread"),
            "{log}"
        );
    }
    scenario.aftermath(&finished).completes(0);
}

/// The error tells why, and the worker goes on: what the task had open is closed with it.
fn row_047_no_descriptor_left(method: &str) {
    let (scenario, finished) = runs_out_of_descriptors(method, "open-all");
    let attempts = scenario.folder().attempts();
    assert_eq!(processes(&attempts).len(), 1, "{attempts:#?}");
    scenario.aftermath(&finished).completes(1);
}

/// Nothing is left even for the answer, which needs none. A process without descriptors would be the next
/// task's trouble: it leaves.
fn row_047_descriptors_are_not_given_back(method: &str) {
    let (scenario, finished) = runs_out_of_descriptors(method, "open-all-and-keep");
    let attempts = scenario.folder().attempts();
    // The second and the fourth of five tasks do it.
    assert_eq!(processes(&attempts).len(), 3, "{attempts:#?}");
    scenario.aftermath(&finished).completes(1);
}

fn runs_out_of_descriptors(method: &str, deed: &str) -> (Scenario, Finished) {
    let scenario = Scenario::new(method, 5, deed, 2, 0);
    let finished = scenario.command().args(ONE_WORKER).run().assert_code(1);
    let folder = scenario.folder();
    for at in 0..5 {
        let result = result_of(&folder, &scenario.experiments[0].id(at));
        if scenario.experiments[0].is_faulty(at) {
            assert_eq!(result["state"], "error", "{result}");
            let said = result["cause"]["message"].as_str().unwrap_or_default();
            assert!(said.contains("Too many open files"), "{result}");
        } else {
            assert_eq!(result["state"], "ok", "{result}");
        }
    }
    (scenario, finished)
}
