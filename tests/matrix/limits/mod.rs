//! Rows 48 to 70: time limits, what tasks leave behind, and workers killed from outside.

mod freezer;
mod killed;
mod leftovers;
mod time;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// What a busy machine may add to any span.
const MARGIN: Duration = Duration::from_secs(5);

/// How many attempts each process had.
fn attempts_of_processes(attempts: &[Value]) -> BTreeMap<String, usize> {
    let mut processes = BTreeMap::new();
    for attempt in attempts {
        *processes.entry(attempt["pid"].to_string()).or_default() += 1;
    }
    processes
}
