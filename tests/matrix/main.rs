//! The fault matrix: one test for every numbered fault and start method, as `docs/reference/fault-matrix.md`
//! lists them. The file there says what each fault is and what it may cost; here it is made to happen.
//!
//! A test of row 22 under fork is called `<room>::fork::row_022_...`; a row may have several, and a row
//! without a worker has its test in the room itself. Every one
//!
//! 1. makes the fault happen and *sees* that it did (an attempt that names it, a line in the log of fail
//!    points, a process that is gone): a fault that did not happen proves nothing;
//! 2. asserts what it cost;
//! 3. ends with the same check of invariants ([`scenario::Aftermath`]).
//!
//! `completeness` compares the list of tests with the page, so that neither can be without the other.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the other stories use the rest of the harness"
)]
mod common;
#[path = "../faults/trial.rs"]
#[expect(
    unused_imports,
    unused_macros,
    reason = "the stories of faults use the rest"
)]
mod trial;

mod scenario;

mod channel;
mod completeness;
mod disk;
mod errors;
mod input;
mod limits;
mod mounts;
mod starting;
mod supervisor;
mod sweeps;
mod syscalls;
mod task;
