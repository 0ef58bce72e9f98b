//! The summary for programs: JSON as in `summary.json`, and CSV.

use fumehood::record::derive::{Averages, Derived, ExperimentBody, LfsrSummary, summary_text};

use super::notation::separated;

/// The bytes of `summary.json`.
pub fn summary_json(derived: &Derived) -> String {
    summary_text(&derived.experiments)
}

/// The columns; those that do not apply to a row are empty.
const HEADER: &str = "experiment,kind,incomplete,model,series_ok,error,crashed,timeout,oom,\
                      smape,mase,rmse,mae,owa,cycle_length,cycle_count,\
                      factor,multiplicity,factor_order,property,value";

/// One row a model; of a register one a property, a factor of its characteristic polynomial (low to high, between blanks), and a
/// cycle length. An experiment that has none has one row, so that none is lost.
pub fn summary_csv(derived: &Derived) -> String {
    let mut out = format!("{HEADER}\n");
    for experiment in &derived.experiments {
        let mut row = |forecast: [String; 11], lfsr: [&str; 7]| {
            let begin = [
                field(&experiment.name),
                experiment.kind.to_owned(),
                experiment.incomplete.to_string(),
            ];
            let cells: Vec<&str> = begin
                .iter()
                .chain(&forecast)
                .map(String::as_str)
                .chain(lfsr)
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
                        [""; 7],
                    );
                }
            }
            ExperimentBody::Lfsr(lfsr) => {
                for (property, value) in properties(lfsr) {
                    row(nothing(), ["", "", "", "", "", property, &value]);
                }
                let factors = lfsr.analytic.iter().flat_map(|found| &found.factors);
                for factor in factors.flatten() {
                    let polynomial = separated(&factor.coeffs_low_to_high, " ");
                    let times = factor.multiplicity.to_string();
                    let order = factor.order.as_deref().unwrap_or_default();
                    row(nothing(), ["", "", &polynomial, &times, order, "", ""]);
                }
                for (length, number) in lfsr.structure().iter().flat_map(|s| &s.cycle_lengths.0) {
                    row(nothing(), [length, number, "", "", "", "", ""]);
                }
            }
            ExperimentBody::Other {} => row(nothing(), [""; 7]),
        }
    }
    out
}

/// What `summary.json` says of a register, but for its factors and cycles; what is `null` there is empty.
fn properties(lfsr: &LfsrSummary) -> Vec<(&'static str, String)> {
    let analytic = lfsr.analytic.as_ref();
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let yes = |yes: Option<bool>| yes.map_or_else(String::new, |yes| yes.to_string());
    let structure = lfsr.structure();
    let structure = structure.as_ref();
    let spread = lfsr.statistics();
    let spread = spread.as_ref();
    let rows = lfsr.companion_matrix.iter().flatten();
    let rows: Vec<String> = rows.map(|row| separated(row, " ")).collect();
    vec![
        ("gf_order", lfsr.gf_order.to_string()),
        ("degree", lfsr.degree.to_string()),
        ("coefficients", separated(&lfsr.coefficients, " ")),
        ("modulus", separated(&lfsr.modulus, " ")),
        ("state_count", lfsr.state_count.clone()),
        (
            "number_of_cycles",
            text(structure.map(|s| &s.number_of_cycles)),
        ),
        ("max_period", text(structure.map(|s| &s.max_period))),
        (
            "periodic_states",
            text(structure.map(|s| &s.periodic_states)),
        ),
        (
            "transient_states",
            text(structure.map(|s| &s.transient_states)),
        ),
        (
            "max_tail_length",
            text(structure.map(|s| &s.max_tail_length)),
        ),
        (
            "characteristic_polynomial",
            separated(&lfsr.characteristic_polynomial, " "),
        ),
        (
            "char_poly_order",
            text(analytic.and_then(|a| a.char_poly_order.as_ref())),
        ),
        (
            "matrix_order",
            text(analytic.and_then(|a| a.matrix_order.as_ref())),
        ),
        ("irreducible", yes(analytic.and_then(|a| a.irreducible))),
        ("primitive", yes(analytic.and_then(|a| a.primitive))),
        ("methods", lfsr.methods().join(" ")),
        ("agree", yes(lfsr.agree())),
        // Rows between semicolons.
        ("companion_matrix", rows.join("; ")),
        (
            "distinct_lengths",
            spread.map_or_else(String::new, |s| s.distinct_lengths.to_string()),
        ),
        ("median_length", text(spread.map(|s| &s.median))),
        ("mean_length", text(spread.map(|s| &s.mean))),
        (
            "standard_deviation_of_length",
            text(spread.map(|s| &s.standard_deviation)),
        ),
        (
            "mean_length_of_states",
            text(spread.map(|s| &s.mean_of_states)),
        ),
        (
            "longest_over_maximum",
            text(spread.map(|s| &s.longest_over_maximum)),
        ),
    ]
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
