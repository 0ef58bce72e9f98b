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
//! | [`field`], [`lfsr`] | finite fields; recurrences, enumeration by segments, the merge |
//! | [`forecast`], [`data`] | models, metrics, split; readers of M3, M4, CSV, synthetic series |
//! | [`experiment`] | data only: spec, plan, task, outcome, attempt |
//! | [`protocol`] | what supervisor and worker say to each other |
//! | [`record`] | run folder, journal, recovery, derived files |
//! | [`stats`] | summaries of measurements |
//! | [`sys`] | processes, signals, limits, memory maps: one face, twin files |
//!
//! Imports fall one way: `record`, `protocol` → `experiment` → `data` → `forecast`, and
//! `experiment` → `lfsr` → `field`. Mathematics never imports `sys` or `protocol`.

pub mod clock;
pub mod data;
pub mod experiment;
pub mod field;
pub mod forecast;
pub mod ids;
pub mod lfsr;
pub mod protocol;
pub mod record;
pub mod stats;
pub mod sys;
