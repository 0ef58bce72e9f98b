//! Rows 85 and 87 to 90: how much a worker can say, and numbers that JSON does not have.

use fumehood::protocol::{Assembly, PACKET_CAP};

use super::{assert_all_broke, assert_broke};
use crate::common::Lab;
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, assert_nothing_left, result_of, strace};

rows! {
    both: row_085_no_packet_of_ours_is_larger_than_the_cap,
        row_087_begins_without_end,
        row_087_sends_parts_without_end,
        row_087_answers_without_end,
        row_087_says_nothing_new_without_end,
        row_088_a_result_larger_than_any,
        row_089_results_that_claim_to_be_huge,
        row_090_numbers_that_json_does_not_have;
}

/// Large answers from workers, then orders for large groups from the supervisor: what the kernel was given.
fn row_085_no_packet_of_ours_is_larger_than_the_cap(method: &str) {
    let answers = Scenario::new(method, 4, "big=300000", 2, 0);
    let orders = Scenario::of(method, vec![Faults::bulky(200)]);
    for scenario in [answers, orders] {
        no_packet_is_larger_than_the_cap(&scenario);
    }
}

fn no_packet_is_larger_than_the_cap(scenario: &Scenario) {
    let Some(strace) = strace() else { return };
    let finished = scenario
        .command()
        .args(["--max-tasks-per-worker", "auto"])
        .through_shell(&format!(
            "exec '{strace}' -D -f --seccomp-bpf -qq -s 0 -e signal=none -e trace=sendmsg,sendto \
             -o ../sent \"$@\""
        ))
        .run()
        .assert_code(0);
    let text = std::fs::read_to_string(scenario.lab.root().join("sent")).expect("a trace");
    let sent = text.lines().filter_map(|line| {
        let (_, result) = line.rsplit_once(" = ")?;
        result.split(' ').next()?.parse::<usize>().ok()
    });
    let largest = sent.max().unwrap_or(0);
    assert!(largest <= PACKET_CAP, "{largest} bytes");
    assert!(
        largest > PACKET_CAP / 2,
        "nothing came close: {largest} bytes"
    );
    scenario.aftermath(&finished).completes(0);
}

/// The second of two tasks floods the channel in this way; KiB that the supervisor took for it.
#[track_caller]
fn flood(method: &str, kind: &str, note: &str) -> u64 {
    let scenario = Scenario::new(method, 2, &format!("flood={kind}"), 2, 0);
    let finished = scenario
        .command()
        .args(["--retries", "0", "--timeout", "none"])
        .run()
        .assert_code(1);
    assert_all_broke(&scenario, note);
    let grown = grown(&scenario);
    scenario.aftermath(&finished).completes(1);
    grown
}

/// KiB between the supervisor's most resident memory at its start and at its end.
fn grown(scenario: &Scenario) -> u64 {
    let counts = std::fs::read_to_string(scenario.lab.root().join("counts")).expect("counts");
    let peaks = counts
        .lines()
        .filter_map(|line| line.strip_prefix("peak ")?.parse::<u64>().ok());
    match peaks.collect::<Vec<_>>()[..] {
        [start, end] => end - start,
        ref other => panic!("a peak at the start and one at the end: {other:?}"),
    }
}

fn row_087_begins_without_end(method: &str) {
    let grown = flood(method, "started", "which it was not to");
    assert!(grown < 32 << 10, "{grown} KiB");
}

/// A result that never ends is ended at the size that no result has; a little more was on its way.
fn row_087_sends_parts_without_end(method: &str) {
    let grown = flood(method, "chunks", "a result of more than");
    let most = (Assembly::RESULT_CAP >> 10) as u64;
    assert!(grown < most + (64 << 10), "{grown} KiB");
}

/// The first answer stands.
fn row_087_answers_without_end(method: &str) {
    let scenario = Scenario::new(method, 2, "flood=finished", 2, 0);
    let finished = scenario
        .command()
        .args(["--timeout", "none"])
        .run()
        .assert_code(0)
        .assert_says(&["broke the protocol"]);
    assert_eq!(scenario.folder().attempts().len(), 2);
    let grown = grown(&scenario);
    assert!(grown < 32 << 10, "{grown} KiB");
    scenario.aftermath(&finished).completes(0);
}

/// Nothing forbids to repeat what is true, and nothing is kept of it: the time limit ends it.
fn row_087_says_nothing_new_without_end(method: &str) {
    let scenario = Scenario::new(method, 8, "flood=known", 8, 0);
    let finished = scenario
        .command()
        .args(["--timeout", "700ms", "--grace", "100ms"])
        .run()
        .assert_code(1);
    let result = result_of(&scenario.folder(), &scenario.experiments[0].id(7));
    assert_eq!(result["state"], "timeout", "{result}");
    let grown = grown(&scenario);
    assert!(grown < 32 << 10, "{grown} KiB");
    scenario.aftermath(&finished).completes(1);
}

fn row_088_a_result_larger_than_any(method: &str) {
    let scenario = Scenario::new(
        method,
        2,
        &format!("big={}", Assembly::RESULT_CAP + 1),
        2,
        0,
    );
    let finished = scenario.command().run().assert_code(1);
    let result = result_of(&scenario.folder(), &scenario.experiments[0].id(1));
    assert_eq!(result["state"], "error", "{result}");
    let message = result["cause"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("result too large"), "{result}");
    let grown = grown(&scenario);
    assert!(grown < 32 << 10, "{grown} KiB");
    scenario.aftermath(&finished).completes(1);
}

/// No type of ours nests in itself; a length that was not sent allocates nothing.
fn row_089_results_that_claim_to_be_huge(method: &str) {
    let all = (0..7)
        .map(|at| Faults::new(2, &format!("raw=corpus:{at}+hang"), 2, 0).called(&format!("e{at}")));
    let scenario = Scenario::of(method, all.collect());
    let finished = scenario
        .command()
        .args(["--retries", "0"])
        .run()
        .assert_code(1);
    let attempts = scenario.folder().attempts();
    for faults in &scenario.experiments {
        assert_broke(&faults.attempts_at(&attempts, 1)[0], "");
    }
    let grown = grown(&scenario);
    assert!(grown < 64 << 10, "{grown} KiB");
    scenario.aftermath(&finished).completes(1);
}

/// Scores that overflow, a negative zero and the smallest number there is: canonical, and the same bytes with
/// processes as without. No task misbehaves: this row's run is of another kind.
fn row_090_numbers_that_json_does_not_have(method: &str) {
    let lab = Lab::new();
    lab.write(
        "edge.csv",
        "y\n-1.7e308\n1.7e308\n5e-324\n1.7e308\n-0.0\n5e-324\n-1.7e308\n",
    );
    let run = |name: &str, method: &str| {
        let words = "forecast --mode custom --data edge.csv --test-size 3 --models naive,drift";
        let finished = lab
            .supervisor(words.split(' '))
            .args(["--run-dir", name, "--start-method", method])
            .run()
            .assert_code(1);
        assert_nothing_left(&lab, &finished);
        lab.run_folder(name)
    };
    let (calm, folder) = (run("calm", "inline"), run("run", method));
    folder.assert_same_results(&calm, method);
    folder.assert_each_once();
    // A forecast that overflows is an error of its task; a score that does is none.
    let text = folder.text("results.jsonl");
    let said = "beyond the range of numbers";
    for canonical in ["-0.0,", "5e-324", "-1.7e+308", "null", said] {
        assert!(text.contains(canonical), "no {canonical}: {text}");
    }
    for bare in ["NaN", "inf", "Inf"] {
        assert!(!text.contains(&format!(":{bare}")), "{bare} in {text}");
        assert!(!text.contains(&format!(",{bare}")), "{bare} in {text}");
    }
}
