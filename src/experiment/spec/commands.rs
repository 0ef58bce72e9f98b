//! The specs of the commands `forecast` and `lfsr`, which need no file.
//!
//! Their flags become the same tree of values that a file would, and are read by the same code: what is
//! refused in a file is refused here, in the same words, with the flag as the place.

use std::path::PathBuf;

use super::document::Builder;
use super::error::SpecError;
use super::read::read_document;
use super::types::RunSpec;

/// Models that `supervisor forecast` runs unless told otherwise.
const DEFAULT_MODELS: &str = "naive,seasonal-naive,naive2,drift,ses,holt,damped,comb,theta,ets";

/// What the flags of `supervisor forecast` say, unread: [`RunSpec::for_forecast`] reads them as it
/// reads a spec.
#[derive(Clone, Debug, Default)]
pub struct ForecastArguments {
    /// `--mode`.
    pub mode: String,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--frequency`.
    pub frequency: Option<String>,
    /// `--models`, with its commas.
    pub models: Option<String>,
    /// `--max-series`.
    pub max_series: Option<u64>,
    /// `--test-size`.
    pub test_size: Option<u64>,
    /// `--seasonal-period`, with its commas.
    pub seasonal_period: Option<String>,
    /// `--windows`.
    pub windows: Option<u64>,
    /// `--window-step`.
    pub window_step: Option<u64>,
    /// `--level`, with its commas.
    pub level: Option<String>,
    /// `--fallback`.
    pub fallback: Option<String>,
}

/// What the arguments of `supervisor lfsr` say, unread: [`RunSpec::for_lfsr`] reads them as it reads a
/// spec.
#[derive(Clone, Debug, Default)]
pub struct LfsrArguments {
    /// `FILE.csv`.
    pub file: Option<PathBuf>,
    /// `GF_ORDER`.
    pub gf_order: u64,
    /// `--modulus`, with its commas.
    pub modulus: Option<String>,
    /// `--coefficients`, with its commas.
    pub coefficients: Option<String>,
    /// `--analysis`.
    pub analysis: Option<String>,
}

impl RunSpec {
    /// The spec of `supervisor forecast`: one experiment named `forecast`.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with the flag.
    pub fn for_forecast(
        arguments: &ForecastArguments,
        sets: &[String],
    ) -> Result<RunSpec, SpecError> {
        let mut builder = Builder::new("forecast", "forecast");
        builder.text("mode", "--mode", &arguments.mode);
        if let Some(data) = &arguments.data {
            builder.path("data", "--data", data)?;
        }
        if let Some(frequency) = &arguments.frequency {
            builder.text("frequency", "--frequency", frequency);
        }
        let models = arguments.models.as_deref().unwrap_or(DEFAULT_MODELS);
        builder.list("models", "--models", models);
        let numbers = [
            ("max-series", "--max-series", arguments.max_series),
            ("horizon", "--test-size", arguments.test_size),
            ("windows", "--windows", arguments.windows),
            ("window-step", "--window-step", arguments.window_step),
        ];
        for (key, flag, number) in numbers {
            if let Some(number) = number {
                builder.number(key, flag, number);
            }
        }
        let lists = [
            (
                "season-length",
                "--seasonal-period",
                &arguments.seasonal_period,
            ),
            ("level", "--level", &arguments.level),
        ];
        for (key, flag, list) in lists {
            if let Some(list) = list {
                builder.list(key, flag, list);
            }
        }
        if let Some(fallback) = &arguments.fallback {
            builder.text("fallback", "--fallback", fallback);
        }
        let (root, sources) = builder.finish();
        read_document(root, sources, sets)
    }

    /// The spec of `supervisor lfsr`: one experiment named `lfsr`, or `lfsr-1`, `lfsr-2`, ... for the
    /// rows of a file that has several.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with the flag.
    pub fn for_lfsr(arguments: &LfsrArguments, sets: &[String]) -> Result<RunSpec, SpecError> {
        let mut builder = Builder::new("lfsr", "lfsr");
        builder.number("gf-order", "GF_ORDER", arguments.gf_order);
        if let Some(file) = &arguments.file {
            builder.path("file", "FILE", file)?;
        }
        if let Some(modulus) = &arguments.modulus {
            builder.list("modulus", "--modulus", modulus);
        }
        if let Some(coefficients) = &arguments.coefficients {
            builder.list("coefficients", "--coefficients", coefficients);
        }
        if let Some(analysis) = &arguments.analysis {
            builder.text("analysis", "--analysis", analysis);
        }
        let (root, sources) = builder.finish();
        read_document(root, sources, sets)
    }
}
