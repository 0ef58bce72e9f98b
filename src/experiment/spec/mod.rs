//! The spec: what a person wants run, as TOML or as the flags of a command.
//!
//! Reading has three steps, and each can point at what is wrong. The text, or the flags, become a tree
//! of values with places, into which `--set` puts its own. The tree becomes a [`RunSpec`]: every field
//! known, of the right type and in range, every model built once. [`resolve()`] then looks up what the
//! spec names: it loads the data, fills in defaults, builds the registers, and gives the
//! [`Plan`](super::plan::Plan) with its digest, and the resolved spec that goes into the run folder.
//!
//! Words. A *spec* is what was written. A *resolved* spec says the same with nothing left open. The
//! *digest* of a plan covers the schema, the seed, the resolved experiments and the bytes of their data:
//! what decides results. It does not cover paths, nor `[run]`, which decides only how results come about.
//!
//! What this module must never do: write a file, or panic on any text. The values in it
//! ([`TimeSpan`], [`Size`], [`Workers`], ...) are read alike from specs, flags and the environment.

mod commands;
mod document;
mod error;
mod fields;
mod kinds;
mod read;
mod resolve;
mod shard;
mod start_method;
mod symbols;
#[cfg(test)]
mod tests;
mod types;
mod value;
mod write;

pub use commands::{ForecastArguments, LfsrArguments};
pub use error::{Problem, SpecError};
pub use resolve::{NeedsStore, Resolved, resolve, resolve_watched};
pub use start_method::StartMethod;
pub use symbols::{MAX_SYMBOLS, MAX_SYMBOLS_BINARY, read_sequence, read_state};
#[cfg(feature = "fault")]
pub use types::FaultSpec;
pub use types::{
    Analysis, Coefficients, ExperimentSpec, ForecastSpec, Kind, LfsrSpec, Mode, ModelSpec, RunSpec,
    RunTable, SCHEMA,
};
pub use value::{MaxTasks, OrNone, Retries, Size, TimeSpan, ValueError, Workers};
