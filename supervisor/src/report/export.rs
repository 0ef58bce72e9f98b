//! The summary for programs: JSON as in `summary.json`, and CSV.

use fumehood::record::derive::{Averages, Derived, ExperimentBody, summary_text};

/// The bytes of `summary.json`.
pub fn summary_json(derived: &Derived) -> String {
    summary_text(&derived.experiments)
}

/// The columns; those that do not apply to a row are empty.
const HEADER: &str = "experiment,kind,incomplete,model,series_ok,error,crashed,timeout,oom,\
                      smape,mase,rmse,mae,owa,cycle_length,cycle_count";

/// One row a model or a cycle length; an experiment that has neither has one row, so that none is lost.
pub fn summary_csv(derived: &Derived) -> String {
    let mut out = format!("{HEADER}\n");
    for experiment in &derived.experiments {
        let mut row = |forecast: [String; 11], cycle: [&str; 2]| {
            let begin = [
                field(&experiment.name),
                experiment.kind.to_owned(),
                experiment.incomplete.to_string(),
            ];
            let cells: Vec<&str> = begin
                .iter()
                .chain(&forecast)
                .map(String::as_str)
                .chain(cycle)
                .collect();
            out.push_str(&cells.join(","));
            out.push('\n');
        };
        let nothing = || std::array::from_fn(|_| String::new());
        match &experiment.body {
            ExperimentBody::Forecast(forecast) => {
                for model in &forecast.models {
                    let failed = &model.series_failed;
                    let Averages {
                        smape,
                        mase,
                        rmse,
                        mae,
                        owa,
                        mase_null: _,
                    } = model.averages;
                    row(
                        [
                            field(&model.model),
                            model.series_ok.to_string(),
                            failed.error.to_string(),
                            failed.crashed.to_string(),
                            failed.timeout.to_string(),
                            failed.oom.to_string(),
                            number(smape),
                            number(mase),
                            number(rmse),
                            number(mae),
                            number(owa),
                        ],
                        ["", ""],
                    );
                }
            }
            ExperimentBody::Lfsr(lfsr) => match &lfsr.structure() {
                Some(structure) => {
                    for (length, number) in &structure.cycle_lengths.0 {
                        row(nothing(), [length, number]);
                    }
                }
                None => row(nothing(), ["", ""]),
            },
            ExperimentBody::Other {} => row(nothing(), ["", ""]),
        }
    }
    out
}

/// The shortest form that reads back to the same number.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A field by RFC 4180: quoted where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
