//! What happens when workers misbehave, one file a story: the tasks of experiment kind `fault` do it, or the
//! test does it to a worker from outside. Every story runs under each start method for which it makes sense.
//!
//! A story shows three things: that the fault really happened (`attempts.jsonl` names it), that it cost what
//! the contract says and nothing else, and that nothing of it is left behind.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the other stories use the rest of the harness"
)]
mod common;

mod charged;
mod choice;
mod endings;
mod enumeration;
mod leftovers;
mod limits;
mod output;
mod refusals;
mod release;
mod security;
mod start_failures;
mod trial;
