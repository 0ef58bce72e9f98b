//! Faults in the supervisor's own system calls, made by strace.
//!
//! The tracer follows the threads of the supervisor and nobody else: what the supervisor starts is let go
//! where it executes its program (`--detach-on=execve`), and the zygote's forks with it. The tracer is a process
//! aside (`-D`), so that the program stays the test's child. It counts the calls of each kind in each thread
//! of its own: `when=N` is the moment at which the first thread makes its Nth. All that a run writes, renames
//! and removes is done by the main thread, and only the thread of the journal syncs the data of a file, so
//! that N counts the calls of the whole program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::common::{Lab, Supervisor};

/// The calls that change what is on the disk, or make it last.
pub const CALLS: [&str; 11] = [
    "write",
    "fdatasync",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "ftruncate",
    "mkdir",
    "unlink",
    "unlinkat",
    "rmdir",
];

/// Has the supervisor make its system calls under strace, with these options of strace's.
pub fn traced(strace: &str, lab: &Lab, command: Supervisor, options: &str) -> Supervisor {
    let log = log(lab);
    command.through_shell(&format!(
        "exec '{strace}' -D -f -b execve -qq -o '{}' {options} \"$@\"",
        log.display()
    ))
}

/// With this injection, such as `write:error=ENOSPC:when=3`; `?` before a call says that it need not exist.
pub fn injected(strace: &str, lab: &Lab, command: Supervisor, injection: &str) -> Supervisor {
    let calls = injection.split(':').next().unwrap_or_default();
    let options = format!("-e trace={calls} -e inject={injection}");
    traced(strace, lab, command, &options)
}

fn log(lab: &Lab) -> PathBuf {
    lab.root().join("strace")
}

/// What strace wrote.
pub fn trace_of(lab: &Lab) -> String {
    let bytes = std::fs::read(log(lab)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many calls were tampered with.
pub fn tampered(lab: &Lab) -> usize {
    let trace = trace_of(lab);
    trace.lines().filter(|l| l.contains("(INJECTED)")).count()
}

/// Runs it under strace to its end, which must be well, and gives the number of calls of each kind: those of the
/// thread that made most.
pub fn count_calls(strace: &str, lab: &Lab, command: Supervisor) -> BTreeMap<&'static str, usize> {
    let names: Vec<String> = CALLS.iter().map(|call| format!("?{call}")).collect();
    let options = format!("-e trace={}", names.join(","));
    traced(strace, lab, command, &options).run().assert_code(0);
    let mut threads: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for line in trace_of(lab).lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let name = call.trim_start().split('(').next().unwrap_or_default();
        if let Some(known) = CALLS.iter().find(|known| **known == name) {
            *threads.entry((known, thread.to_owned())).or_default() += 1;
        }
    }
    let mut counts = BTreeMap::new();
    for ((call, _), count) in threads {
        let most: &mut usize = counts.entry(call).or_default();
        *most = count.max(*most);
    }
    counts
}

/// The first, every `every`-th, and the last of so many.
pub fn sample(count: usize, every: usize) -> Vec<usize> {
    (1..=count)
        .filter(|n| *n == 1 || *n == count || n % every == 0)
        .collect()
}
