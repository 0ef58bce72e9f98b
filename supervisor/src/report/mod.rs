//! What a user gets after a run: text for stdout, made from data.
//!
//! - [`summary_table`], [`summary_json`], [`summary_csv`]: the summary in the three forms of `--output`;
//! - [`failed_models`]: what is said of models that never succeeded;
//! - [`sequence`], [`states`]: the answers of `supervisor lfsr` to questions that are no run;
//! - [`cost`]: what isolation cost in this run, from measured samples;
//! - [`expect`]: what a run would take, for `supervisor plan`.
//!
//! Nothing here prints, measures or reads a clock: each function is a pure map from numbers to text, and
//! the command prints what it gets. A measured figure is said with the number of its samples and their
//! spread, or not at all. What is incomplete is called so before any number is shown, and an empty state
//! is said in words.

pub mod cost;
pub mod expect;
mod export;
mod forecast;
mod lfsr;
mod notation;
pub mod sequence;
pub mod states;
mod table;

pub use export::{summary_csv, summary_json};
pub use table::{failed_models, summary_table};
