//! The summary for reading.

use comfy_table::{CellAlignment, Table, presets};
use fumehood::experiment::plan::Plan;
use fumehood::record::derive::{Derived, ExperimentBody, ExperimentSummary, TaskCounts};

use super::{forecast, lfsr};
use crate::reporter::escape;
use crate::reporter::words::{count, thousands};

/// All experiments, each with a heading that says first whether it is complete; then one line of sums.
pub fn summary_table(derived: &Derived, plan: &Plan) -> String {
    let mut lines = Vec::new();
    for experiment in &derived.experiments {
        lines.push(heading(experiment));
        match &experiment.body {
            ExperimentBody::Forecast(summary) => {
                let planned = plan
                    .experiments()
                    .iter()
                    .find(|p| p.name == experiment.name);
                lines.extend(forecast::lines(
                    summary,
                    planned.map(|planned| &planned.body),
                ));
            }
            ExperimentBody::Lfsr(summary) => {
                lines.extend(lfsr::lines(summary));
                // Of one register a user wants to see all; of many, what differs.
                if let [_] = derived.experiments[..] {
                    lines.extend(lfsr::details(summary));
                }
            }
            ExperimentBody::Other {} => {}
        }
        lines.push(String::new());
    }
    lines.push(closing(derived));
    lines.join("\n") + "\n"
}

/// A sentence for each model of each experiment that never succeeded.
pub fn failed_models(derived: &Derived) -> Vec<String> {
    derived
        .experiments
        .iter()
        .filter_map(|experiment| match &experiment.body {
            ExperimentBody::Forecast(summary) => Some(forecast::failed_models(summary)),
            ExperimentBody::Lfsr(_) | ExperimentBody::Other {} => None,
        })
        .flatten()
        .collect()
}

fn heading(experiment: &ExperimentSummary) -> String {
    let state = if experiment.is_contradictory() {
        format!("CONTRADICTORY: {}", counts(&experiment.tasks))
    } else if experiment.incomplete {
        format!("INCOMPLETE: {}", counts(&experiment.tasks))
    } else {
        format!("{}, all ok", count(experiment.tasks.ok, "task"))
    };
    format!(
        "{} ({}): {state}",
        escape(&experiment.name),
        experiment.kind
    )
}

/// `3 ok, 1 crashed, 2 missing`: states that occur.
fn counts(tasks: &TaskCounts) -> String {
    let parts: Vec<String> = [
        (tasks.ok, "ok"),
        (tasks.error, "error"),
        (tasks.crashed, "crashed"),
        (tasks.timeout, "timeout"),
        (tasks.oom, "oom"),
        (tasks.missing, "missing"),
    ]
    .into_iter()
    .filter(|(number, state)| *number > 0 || *state == "ok")
    .map(|(number, state)| format!("{} {state}", thousands(number)))
    .collect();
    parts.join(", ")
}

fn closing(derived: &Derived) -> String {
    if derived.experiments.is_empty() {
        return "no experiment".to_owned();
    }
    let failed: u64 = derived.experiments.iter().map(|e| e.tasks.not_ok()).sum();
    let missing = u64::from(derived.missing_in_shard);
    let mut line = match failed {
        0 => "nothing failed".to_owned(),
        n => format!(
            "{} did not end ok; results.jsonl has the causes",
            count(n, "task")
        ),
    };
    let failed_models: Vec<&str> = derived
        .experiments
        .iter()
        .flat_map(|e| e.failed_models())
        .map(String::as_str)
        .collect();
    if !failed_models.is_empty() {
        line.push_str(&format!(
            "; never succeeded: {}",
            escape(failed_models.join(", "))
        ));
    }
    let contradictory = derived.experiments.iter().filter(|e| e.is_contradictory());
    match contradictory.count() as u64 {
        0 => {}
        n => line.push_str(&format!(
            "; in {} two methods disagree",
            count(n, "experiment")
        )),
    }
    if missing > 0 {
        line.push_str(&format!(
            "; {} not run yet: `supervisor resume` goes on",
            count(missing, "task")
        ));
    }
    line
}

/// Columns side by side: the first `names` are texts and begin at the left, the others are numbers and end
/// at the right. Cells have been escaped.
pub(super) fn columns(
    header: &[&str],
    names: usize,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        if at >= names {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| format!(" {line}").trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use fumehood::experiment::plan::PlanDigest;
    use fumehood::lfsr::{AnalyticResult, Pairs, Register, StructureFields};
    use fumehood::record::derive::{
        Averages, Common, CommonRow, ForecastSummary, LfsrSummary, ModelRow, Rank, SeriesFailed,
        ranks,
    };

    use super::super::{summary_csv, summary_json};
    use super::*;

    fn averages(smape: f64, mase: Option<f64>, owa: Option<f64>) -> Averages {
        Averages {
            smape: Some(smape),
            mase,
            rmse: Some(1234.5678),
            mae: Some(0.5),
            owa,
            mase_null: 0,
        }
    }

    fn model(name: &str, ok: u64, crashed: u64, averages: Averages) -> ModelRow {
        ModelRow {
            model: name.to_owned(),
            series_ok: ok,
            series_failed: SeriesFailed {
                error: 0,
                crashed,
                timeout: 0,
                oom: 0,
            },
            averages,
            rank: Rank::default(),
            intervals: Vec::new(),
            series_fallback: None,
            with_fallback: None,
            failures: Vec::new(),
        }
    }

    fn forecast(mut models: Vec<ModelRow>, series: u64) -> ExperimentSummary {
        let all: Vec<Averages> = models.iter().map(|m| m.averages).collect();
        for (model, rank) in models.iter_mut().zip(ranks(&all)) {
            model.rank = rank;
        }
        let crashed: u64 = models.iter().map(|m| m.series_failed.crashed).sum();
        let tasks = TaskCounts {
            ok: models.iter().map(|m| m.series_ok).sum(),
            crashed,
            ..TaskCounts::default()
        };
        let common = Common {
            series,
            models: models
                .iter()
                .map(|m| CommonRow {
                    model: m.model.clone(),
                    averages: m.averages,
                    rank: m.rank,
                })
                .collect(),
        };
        ExperimentSummary {
            name: "m3".to_owned(),
            kind: "forecast",
            incomplete: tasks.is_incomplete(),
            tasks,
            body: ExperimentBody::Forecast(ForecastSummary {
                models,
                common,
                failed_models: Vec::new(),
            }),
        }
    }

    fn lfsr(pairs: Option<&[(u64, u64)]>) -> ExperimentSummary {
        let structure = pairs.map(|pairs| {
            let periodic: u64 = pairs.iter().map(|(length, count)| length * count).sum();
            StructureFields {
                cycle_lengths: Pairs(
                    pairs
                        .iter()
                        .map(|(l, n)| (l.to_string(), n.to_string()))
                        .collect(),
                ),
                number_of_cycles: pairs.iter().map(|(_, n)| n).sum::<u64>().to_string(),
                max_period: pairs.iter().map(|(l, _)| *l).max().unwrap_or(0).to_string(),
                periodic_states: periodic.to_string(),
                transient_states: "0".to_owned(),
                max_tail_length: "0".to_owned(),
            }
        });
        ExperimentSummary {
            name: "gf2".to_owned(),
            kind: "lfsr",
            tasks: TaskCounts {
                ok: 1,
                missing: u64::from(structure.is_none()),
                ..TaskCounts::default()
            },
            incomplete: structure.is_none(),
            body: ExperimentBody::Lfsr(Box::new(LfsrSummary {
                gf_order: 2,
                degree: 4,
                coefficients: vec![1, 1, 0, 0],
                modulus: Vec::new(),
                state_count: "16".to_owned(),
                characteristic_polynomial: vec![1, 1, 0, 0, 1],
                is_enumerated: true,
                counted: structure,
                analytic: None,
                companion_matrix: None,
                sage: Vec::new(),
            })),
        }
    }

    fn derived(experiments: Vec<ExperimentSummary>, missing_in_shard: u32) -> Derived {
        Derived {
            experiments,
            missing_in_shard,
            tables_are_merged: true,
        }
    }

    fn table(derived: &Derived) -> String {
        let plan = Plan::new(0, PlanDigest([0; 32]), []).expect("no experiment");
        summary_table(derived, &plan)
    }

    #[test]
    fn the_best_model_comes_first_and_one_without_a_score_last() {
        let models = vec![
            model("constant", 4, 0, averages(1.0, None, None)),
            model("naive2", 4, 0, averages(15.2, Some(1.1), Some(1.0))),
            model("theta", 4, 0, averages(13.1, Some(0.93), Some(0.88))),
        ];
        assert_eq!(
            table(&derived(vec![forecast(models, 4)], 0)),
            "\
m3 (forecast): 12 tasks, all ok
  rank  model     series ok  failed  sMAPE   MASE  RMSE     MAE    OWA
  1     theta             4    none  13.10  0.930  1235  0.5000  0.880
  2     naive2            4    none  15.20  1.100  1235  0.5000  1.000
  -     constant          4    none   1.00      -  1235  0.5000      -

nothing failed
"
        );
    }

    #[test]
    fn failures_are_counted_by_reason_and_only_common_series_are_compared() {
        let models = vec![
            model("a", 4, 0, averages(15.2, Some(1.1), None)),
            model("b", 2, 2, averages(13.1, Some(0.93), None)),
        ];
        let text = table(&derived(vec![forecast(models, 2)], 0));
        assert_eq!(
            text,
            "\
m3 (forecast): INCOMPLETE: 6 ok, 2 crashed
  rank  model  series ok     failed  sMAPE   MASE  RMSE     MAE  OWA
  1     b              2  2 crashed  13.10  0.930  1235  0.5000    -
  2     a              4       none  15.20  1.100  1235  0.5000    -
  on the 2 series that all 2 models have:
  rank  model  sMAPE   MASE  RMSE     MAE  OWA
  1     b      13.10  0.930  1235  0.5000    -
  2     a      15.20  1.100  1235  0.5000    -

2 tasks did not end ok; results.jsonl has the causes
"
        );
    }

    #[test]
    fn cycles_are_counted_and_add_up() {
        assert_eq!(
            table(&derived(vec![lfsr(Some(&[(1, 1), (15, 1)]))], 0)),
            "\
gf2 (lfsr): 1 task, all ok
  GF(2), degree 4, 16 states, f(x) = x^4 + x + 1
  cycle length  x count
             1        1
            15        1
  cycles 2, longest 15; states periodic 16, transient 0, longest tail 0
  a cycle is 8 long in the mean (standard deviation 7, median 1), the cycle of a state 14.125; the longest is 100 % of 2^4 - 1
  check: sums to 2^4 = 16 states
  by enumeration

nothing failed
"
        );
        let wrong = table(&derived(vec![lfsr(Some(&[(1, 1), (14, 1)]))], 0));
        assert!(wrong.contains("check: WRONG: cycles hold 15"), "{wrong}");
        let many: Vec<(u64, u64)> = (1..=20).map(|n| (n, 1)).collect();
        let text = table(&derived(vec![lfsr(Some(&many))], 0));
        assert!(
            text.contains("\n  and 8 more lengths; summary.json has them all\n"),
            "{text}"
        );
    }

    /// The register `1,1,0,0` over GF(2) with what algebra says of it.
    fn analysed(pairs: Option<&[(u64, u64)]>) -> ExperimentSummary {
        let mut experiment = lfsr(pairs);
        let register = Register::new(2, &[1, 1, 0, 0]).expect("a register");
        if let ExperimentBody::Lfsr(summary) = &mut experiment.body {
            summary.analytic = AnalyticResult::of(&register).ok();
        }
        experiment
    }

    #[test]
    fn what_two_methods_say_is_said_once_if_they_agree() {
        assert_eq!(
            table(&derived(vec![analysed(Some(&[(1, 1), (15, 1)]))], 0)),
            "\
gf2 (lfsr): 1 task, all ok
  GF(2), degree 4, 16 states, f(x) = x^4 + x + 1
  factor of f  times  order
  x^4 + x + 1      1     15
  irreducible, primitive; order of f and of the matrix 15
  cycle length  x count
             1        1
            15        1
  cycles 2, longest 15; states periodic 16, transient 0, longest tail 0
  a cycle is 8 long in the mean (standard deviation 7, median 1), the cycle of a state 14.125; the longest is 100 % of 2^4 - 1
  check: sums to 2^4 = 16 states
  by enumeration and by algebra, which agree

nothing failed
"
        );
    }

    #[test]
    fn two_answers_are_none_and_both_are_shown() {
        let contradiction = derived(vec![analysed(Some(&[(1, 1), (5, 3)]))], 0);
        assert!(!contradiction.is_all_ok(), "exit code 1");
        let text = table(&contradiction);
        for part in [
            "gf2 (lfsr): CONTRADICTORY: 1 ok",
            "DISAGREEMENT",
            "by enumeration:\n  cycle length  x count\n             1        1\n             5        3\n",
            "by algebra:\n  cycle length  x count\n             1        1\n            15        1\n",
            "nothing failed; in 1 experiment two methods disagree\n",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        let json = crate::report::summary_json(&contradiction);
        let summary: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let register = &summary["experiments"][0];
        assert_eq!(register["agree"], false);
        assert!(register["cycle_lengths"].is_null() && register["max_period"].is_null());
        assert_eq!(register["disagreement"]["enumerate"]["max_period"], "5");
        assert_eq!(register["disagreement"]["analytic"]["max_period"], "15");
    }

    #[test]
    fn what_is_cut_off_is_no_result() {
        let text = table(&derived(vec![lfsr(None)], 1));
        assert_eq!(
            text,
            "\
gf2 (lfsr): INCOMPLETE: 1 ok, 1 missing
  GF(2), degree 4, 16 states, f(x) = x^4 + x + 1
  its structure is not known: not every range of states was enumerated

nothing failed; 1 task not run yet: `supervisor resume` goes on
"
        );
        assert_eq!(table(&derived(Vec::new(), 0)), "no experiment\n");
    }

    #[test]
    fn csv_has_a_row_for_each_model() {
        let models = vec![model("a,\"b\"", 3, 1, averages(15.25, None, None))];
        assert_eq!(
            summary_csv(&derived(vec![forecast(models, 3)], 0)),
            "\
experiment,kind,incomplete,model,series_ok,error,crashed,timeout,oom,smape,mase,rmse,mae,owa,cycle_length,cycle_count,factor,multiplicity,factor_order,property,value
m3,forecast,true,\"a,\"\"b\"\"\",3,0,1,0,0,15.25,,1234.5678,0.5,,,,,,,,
"
        );
    }

    #[test]
    fn csv_has_a_row_for_each_property_factor_and_length() {
        let experiments = vec![analysed(Some(&[(1, 1), (15, 1)])), lfsr(None)];
        let text = summary_csv(&derived(experiments, 0));
        let ends_of = |begin: &str| -> Vec<String> {
            let rows = text.lines().filter_map(|row| row.strip_prefix(begin));
            rows.map(str::to_owned).collect()
        };
        let known = ends_of("gf2,lfsr,false,,,,,,,,,,,,");
        for row in [
            ",,,,,coefficients,1 1 0 0",
            ",,,,,matrix_order,15",
            ",,,,,primitive,true",
            ",,,,,standard_deviation_of_length,7.000000",
            ",,1 1 0 0 1,1,15,,",
            "1,1,,,,,",
            "15,1,,,,,",
        ] {
            assert!(known.iter().any(|found| found == row), "no {row} in {text}");
        }
        // What is cut off has no value.
        let unknown = ends_of("gf2,lfsr,true,,,,,,,,,,,,");
        assert!(unknown.contains(&",,,,,max_period,".to_owned()), "{text}");
        assert_eq!(unknown.len(), known.len() - 3, "no factor and no length");
    }

    #[test]
    fn json_is_the_summary_file() {
        let text = summary_json(&derived(vec![lfsr(None)], 1));
        assert!(text.starts_with(
            "{\n  \"schema\": 1,\n  \"experiments\": [\n    {\n      \"name\": \"gf2\""
        ));
        assert!(text.ends_with("}\n"));
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(
            value["experiments"][0]["cycle_lengths"],
            serde_json::Value::Null
        );
    }
}
