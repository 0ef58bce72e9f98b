//! Rows 76 to 86: packets that are no messages, and a channel that is given up.
//!
//! The supervisor reads packets itself (ADR 0008): it survives them all, and charges whoever sent them.

use super::assert_all_broke;
use crate::common::Finished;
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, outcomes};

rows! {
    both: row_076_garbage,
        row_077_each_beginning_of_a_packet,
        row_077_each_beginning_of_a_message,
        row_077_bytes_behind_a_message,
        row_078_lengths_that_were_not_sent,
        row_078_a_packet_larger_than_any,
        row_079_a_promise_that_is_not_kept,
        row_080_a_promise_that_is_broken,
        row_081_half_a_header,
        row_082_descriptors_with_each_message,
        row_083_what_is_no_shared_memory,
        row_084_shared_memory_that_shrinks,
        row_085_bad_and_good_in_one_round,
        row_086_closes_its_channel,
        row_086_shuts_its_channel_down;
}

/// In each experiment the second of two tasks does this.
fn pairs(method: &str, actions: impl IntoIterator<Item = String>) -> Scenario {
    let pairs = actions.into_iter().enumerate();
    let pairs = pairs.map(|(at, action)| Faults::new(2, &action, 2, 0).called(&format!("e{at}")));
    Scenario::of(method, pairs.collect())
}

/// Each of these packets, sent by a worker that then waits, costs its task one attempt and nobody else
/// anything.
fn break_the_protocol(method: &str, packets: impl IntoIterator<Item = String>, note: &str) {
    let actions = packets.into_iter().map(|name| format!("raw={name}+hang"));
    let scenario = pairs(method, actions);
    let finished = scenario
        .command()
        .args(["--retries", "0"])
        .run()
        .assert_code(1);
    assert_all_broke(&scenario, note);
    assert_flat(&scenario, &finished);
    scenario.aftermath(&finished).completes(1);
}

/// The supervisor took no memory to speak of for what was claimed.
#[track_caller]
fn assert_flat(scenario: &Scenario, finished: &Finished) {
    let counts = std::fs::read_to_string(scenario.lab.root().join("counts")).unwrap_or_default();
    let peaks: Vec<u64> = counts
        .lines()
        .filter_map(|line| line.strip_prefix("peak ")?.parse().ok())
        .collect();
    assert_eq!(peaks.len(), 2, "at its start and at its end: {finished:?}");
    let grown = peaks[1] - peaks[0];
    assert!(grown < 64 << 10, "{grown} KiB more than at the start");
}

/// Each of these packets is a good message, with something that nobody asked for: it is not even looked at.
fn harm_nobody(method: &str, packets: &[&str]) {
    let scenario = pairs(method, packets.iter().map(|name| format!("raw={name}")));
    let finished = scenario.command().run().assert_code(0);
    let attempts = scenario.folder().attempts();
    assert_eq!(outcomes(&attempts), vec!["ok"; 2 * packets.len()]);
    // Its descriptors are counted there: what was attached is not among them.
    scenario.aftermath(&finished).completes(0);
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

fn row_076_garbage(method: &str) {
    break_the_protocol(method, names(&["garbage"]), "cannot be read");
}

/// A header of sixteen bytes, and a message of three.
fn row_077_each_beginning_of_a_packet(method: &str) {
    let lengths = (0..19).map(|length| format!("prefix:{length}"));
    break_the_protocol(method, lengths, "not what its header says");
}

fn row_077_each_beginning_of_a_message(method: &str) {
    let lengths = (0..3).map(|length| format!("part:{length}"));
    break_the_protocol(method, lengths, "cannot be read");
}

fn row_077_bytes_behind_a_message(method: &str) {
    break_the_protocol(method, names(&["trailing"]), "not what its header says");
    break_the_protocol(method, names(&["rest"]), "with 3 bytes behind it");
}

fn row_078_lengths_that_were_not_sent(method: &str) {
    let claims = [0, 1, 61_441, 1 << 46, 1 << 63, u64::MAX];
    let of_body = claims.iter().map(|claim| format!("claim:{claim}"));
    let of_packet = claims.iter().map(|claim| format!("length:{claim}"));
    let all = of_body.chain(of_packet);
    break_the_protocol(method, all, "not what its header says");
}

fn row_078_a_packet_larger_than_any(method: &str) {
    break_the_protocol(method, names(&["large"]), "where 61440 is the most");
}

/// The other workers' results flow, or the run would not end.
fn row_079_a_promise_that_is_not_kept(method: &str) {
    break_the_protocol(method, names(&["promise"]), "not what its header says");
}

fn row_080_a_promise_that_is_broken(method: &str) {
    let packets = names(&["broken-promise"]);
    break_the_protocol(method, packets, "not what its header says");
}

fn row_081_half_a_header(method: &str) {
    break_the_protocol(method, names(&["short"]), "not what its header says");
}

fn row_082_descriptors_with_each_message(method: &str) {
    harm_nobody(method, &["descriptors"]);
}

fn row_083_what_is_no_shared_memory(method: &str) {
    harm_nobody(method, &["folder", "null", "pipe"]);
}

fn row_084_shared_memory_that_shrinks(method: &str) {
    harm_nobody(method, &["shrunk"]);
}

/// Twenty rounds, in either order: a loop that is slow at each step hears the two workers together.
fn row_085_bad_and_good_in_one_round(method: &str) {
    let scenario = Scenario::new(method, 40, "raw=garbage+hang", 2, 0);
    let finished = scenario
        .with_faults("supervisor.step:sleep-ms=3")
        .args(["--retries", "0"])
        .run()
        .assert_code(1);
    assert!(scenario.fired("supervisor.step") >= 80);
    assert_eq!(scenario.folder().states()["ok"], 20);
    assert_all_broke(&scenario, "cannot be read");
    scenario.aftermath(&finished).completes(1);
}

/// It could never answer, and has no time limit: it is found, and its task is tried again.
fn row_086_closes_its_channel(method: &str) {
    let scenario = Scenario::new(method, 2, "if-attempt=1+close", 2, 0);
    let finished = scenario
        .command()
        .args(["--timeout", "none"])
        .run()
        .assert_code(0);
    let attempts = scenario.folder().attempts();
    let tries = scenario.experiments[0].attempts_at(&attempts, 1);
    assert_eq!(outcomes(&tries), ["crashed", "ok"]);
    super::assert_broke(&tries[0], "closed its result channel");
    scenario.aftermath(&finished).completes(0);
}

/// That ends the channel for everybody who holds it: the slot gets another.
fn row_086_shuts_its_channel_down(method: &str) {
    let scenario = Scenario::new(method, 6, "if-attempt=1+shut-down+hang", 2, 0);
    let finished = scenario
        .command()
        .args(["--workers", "1", "--timeout", "none"])
        .run()
        .assert_code(0);
    let attempts = scenario.folder().attempts();
    for at in [1, 3, 5] {
        let tries = scenario.experiments[0].attempts_at(&attempts, at);
        assert_eq!(outcomes(&tries), ["crashed", "ok"], "task {at}");
        super::assert_broke(&tries[0], "shut down its result channel");
    }
    scenario.aftermath(&finished).completes(0);
}
