//! Specs as people write them, and the exact words of what is said about bad ones.

mod anything;
mod reading;
mod resolving;

use std::path::Path;

use super::*;

pub(super) const SMALL: &str = r#"schema = 1
seed = 7

[run]
workers = 2
timeout = "60s"

[[experiment]]
name = "made"
kind = "forecast"
mode = "synthetic"
max-series = 3
horizon = 6
models = ["naive", { model = "naive", name = "again" }, "theta"]

[[experiment]]
name = "gf2"
kind = "lfsr"
gf-order = 2
coefficients = [1, 1, 0, 0]
"#;

pub(super) fn parse(text: &str) -> Result<RunSpec, SpecError> {
    RunSpec::parse(text, Path::new("a.toml"))
}

/// The whole of what a person sees.
pub(super) fn shown(error: &SpecError) -> String {
    match error.hint() {
        Some(hint) => format!("error: {error}\nhint: {hint}"),
        None => format!("error: {error}"),
    }
}

/// What is said of the small spec with `from` replaced by `to`.
pub(super) fn said(from: &str, to: &str) -> String {
    assert_eq!(SMALL.matches(from).count(), 1, "{from}");
    shown(&parse(&SMALL.replace(from, to)).expect_err(to))
}
