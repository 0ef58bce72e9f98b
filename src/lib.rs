//! Fumehood runs experiments in operating-system processes of their own, so that a crash, a hang or a
//! memory bomb costs one task and nothing else.
//!
//! This crate is the library under the two programs `supervisor` and `worker`. It touches no terminal,
//! starts no process by itself, and is deterministic: the same plan and the same seed give the same
//! bytes. It reaches the kernel through [`sys`] alone, which is also the only home of `unsafe`.
//!
//! # Map
//!
//! | room | holds |
//! | --- | --- |
//! | [`ids`], [`clock`] | newtypes of numbers that cross modules; monotonic time |
//! | [`field`], [`polynomial`], [`integer`] | finite fields; factors of polynomials; primes of `p^n - 1` |
//! | [`lfsr`] | recurrences: their state space by algebra, and by enumeration in segments and the merge |
//! | [`forecast`], [`data`] | models, metrics, split; readers of M3, M4, CSV, synthetic series |
//! | [`experiment`] | data only: spec, plan, task, outcome, attempt |
//! | [`protocol`] | what supervisor and worker say to each other |
//! | [`record`] | run folder, journal, recovery, derived files |
//! | [`stats`] | summaries of measurements |
//! | [`sys`] | processes, signals, limits, memory maps: one face, twin files |
//!
//! Imports fall one way: `record`, `protocol` → `experiment` → `data` → `forecast`, and
//! `experiment` → `lfsr` → `polynomial`, `integer` → `field`. Mathematics never imports `sys` or `protocol`.

pub mod clock;
pub mod data;
pub mod experiment;
#[cfg(feature = "fault")]
pub mod fault;
pub mod field;
pub mod forecast;
pub mod ids;
pub mod integer;
pub mod lfsr;
pub mod polynomial;
pub mod protocol;
pub mod record;
pub mod stats;
pub mod sys;

/// Passes a named fail point: with the feature `fault` what [`fault`] says happens here, otherwise nothing
/// does, and nothing of it is compiled.
#[cfg(feature = "fault")]
#[macro_export]
macro_rules! fail_point {
    ($name:literal) => {
        let _ = $crate::fault::pass($name);
    };
    // A place that knows twists: `apply` gets the one that is due.
    ($name:literal, $apply:expr) => {
        if let Some(twist) = $crate::fault::pass($name) {
            #[allow(
                clippy::redundant_closure_call,
                reason = "the closure keeps the twist's type in one place"
            )]
            ($apply)(twist);
        }
    };
}

/// Passes a named fail point: with the feature `fault` what the module of that name says happens here,
/// otherwise nothing does, and nothing of it is compiled.
#[cfg(not(feature = "fault"))]
#[macro_export]
macro_rules! fail_point {
    ($name:literal $(, $apply:expr)?) => {};
}
