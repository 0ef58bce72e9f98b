//! From a [`RunSpec`] back to TOML. What is written here is read back equal.

use std::fmt::{Display, Write};
use std::path::Path;

use super::types::{
    Coefficients, ExperimentSpec, ForecastSpec, Kind, LfsrSpec, ModelSpec, RunSpec, RunTable,
    SCHEMA,
};
use crate::forecast::Parameter;

impl RunSpec {
    /// The spec as TOML. Of a resolved spec it is the file `spec.toml` of the run folder: every default
    /// is written and every path absolute, so it can be run again from anywhere.
    pub fn to_toml(&self) -> String {
        let mut out = format!("schema = {SCHEMA}\n");
        field(&mut out, "seed", self.seed);
        write_run(&mut out, &self.run);
        for experiment in &self.experiments {
            write_experiment(&mut out, experiment);
        }
        out
    }
}

fn field(out: &mut String, key: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{key} = {value}");
    }
}

fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn quote_path(path: &Path) -> String {
    // Paths of specs come from TOML or were checked, so they are UTF-8.
    quote(&path.to_string_lossy())
}

fn write_run(out: &mut String, run: &RunTable) {
    let mut body = String::new();
    let text = |value: Option<&dyn Display>| value.map(|value| quote(&value.to_string()));
    field(
        &mut body,
        "start-method",
        text(run.start_method.as_ref().map(|v| v as _)),
    );
    field(
        &mut body,
        "workers",
        text(run.workers.as_ref().map(|v| v as _)),
    );
    field(
        &mut body,
        "max-tasks-per-worker",
        text(run.max_tasks_per_worker.as_ref().map(|v| v as _)),
    );
    field(
        &mut body,
        "timeout",
        text(run.timeout.as_ref().map(|v| v as _)),
    );
    field(&mut body, "grace", text(run.grace.as_ref().map(|v| v as _)));
    field(&mut body, "retries", run.retries);
    field(
        &mut body,
        "memory",
        text(run.memory.as_ref().map(|v| v as _)),
    );
    if !body.is_empty() {
        out.push_str("\n[run]\n");
        out.push_str(&body);
    }
}

fn write_experiment(out: &mut String, experiment: &ExperimentSpec) {
    out.push_str("\n[[experiment]]\n");
    field(out, "name", Some(quote(&experiment.name)));
    match &experiment.kind {
        Kind::Forecast(spec) => write_forecast(out, spec),
        Kind::Lfsr(spec) => write_lfsr(out, spec),
        #[cfg(feature = "fault")]
        Kind::Fault(spec) => {
            field(out, "kind", Some("\"fault\""));
            field(out, "tasks", Some(spec.tasks));
            field(out, "fault", Some(quote(&spec.action)));
            field(out, "every", Some(spec.every));
            field(out, "attempts", Some(spec.attempts));
        }
    }
}

fn write_forecast(out: &mut String, spec: &ForecastSpec) {
    field(out, "kind", Some("\"forecast\""));
    field(out, "mode", Some(quote(spec.mode.name())));
    field(out, "data", spec.data.as_deref().map(quote_path));
    field(
        out,
        "frequency",
        spec.frequency
            .map(|frequency| quote(&frequency.to_string())),
    );
    field(out, "max-series", spec.max_series);
    field(out, "horizon", spec.horizon);
    let seasons = spec.seasons.as_ref().map(|seasons| match &seasons[..] {
        [one] => one.to_string(),
        several => {
            let several: Vec<String> = several.iter().map(u32::to_string).collect();
            format!("[{}]", several.join(", "))
        }
    });
    field(out, "season-length", seasons);
    field(out, "windows", spec.windows);
    field(out, "window-step", spec.window_step);
    if !spec.levels.is_empty() {
        let levels: Vec<String> = spec.levels.iter().map(|level| number(*level)).collect();
        field(out, "level", Some(format!("[{}]", levels.join(", "))));
    }
    out.push_str("models = [\n");
    for model in &spec.models {
        let _ = writeln!(out, "    {},", model_text(model));
    }
    out.push_str("]\n");
}

fn model_text(spec: &ModelSpec) -> String {
    let model = spec.config.name();
    if spec.parameters.is_empty() && spec.name == model && spec.fallback.is_none() {
        return quote(model);
    }
    let mut text = format!("{{ model = {}", quote(model));
    if spec.name != model {
        let _ = write!(text, ", name = {}", quote(&spec.name));
    }
    if let Some(fallback) = &spec.fallback {
        let _ = write!(text, ", fallback = {}", quote(fallback.name()));
    }
    for (key, value) in &spec.parameters {
        let value = match value {
            Parameter::Text(value) => quote(value),
            Parameter::Flag(value) => value.to_string(),
            Parameter::Number(x) => number(*x),
        };
        let _ = write!(text, ", {key} = {value}");
    }
    text.push_str(" }");
    text
}

/// Counts stay counts. `-0` would lose its sign as an integer.
fn number(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() <= 9e15 && (x != 0.0 || x.is_sign_positive()) {
        format!("{x:.0}")
    } else {
        toml::Value::Float(x).to_string()
    }
}

fn write_lfsr(out: &mut String, spec: &LfsrSpec) {
    field(out, "kind", Some("\"lfsr\""));
    let numbers = |list: &[u32]| {
        let list: Vec<String> = list.iter().map(u32::to_string).collect();
        format!("[{}]", list.join(", "))
    };
    field(out, "gf-order", Some(spec.gf_order));
    if !spec.modulus.is_empty() {
        field(out, "modulus", Some(numbers(&spec.modulus)));
    }
    match &spec.coefficients {
        Coefficients::Inline(list) => field(out, "coefficients", Some(numbers(list))),
        Coefficients::File(file) => field(out, "file", Some(quote_path(file))),
    }
    let analysis = spec.analysis.map(|analysis| quote(&analysis.to_string()));
    field(out, "analysis", analysis);
}
