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
                let planned = plan.experiments().iter().find(|p| p.name == experiment.name);
                lines.extend(forecast::lines(summary, planned.map(|planned| &planned.body)));
            }
            ExperimentBody::Lfsr(summary) => lines.extend(lfsr::lines(summary)),
            ExperimentBody::Other {} => {}
        }
        lines.push(String::new());
    }
    lines.push(closing(derived));
    lines.join("\n") + "\n"
}

fn heading(experiment: &ExperimentSummary) -> String {
    let state = if experiment.incomplete {
        format!("INCOMPLETE: {}", counts(&experiment.tasks))
    } else {
        format!("{}, all ok", count(experiment.tasks.ok, "task"))
    };
    format!("{} ({}): {state}", escape(&experiment.name), experiment.kind)
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
        n => format!("{} did not end ok; results.jsonl has the causes", count(n, "task")),
    };
    if missing > 0 {
        line.push_str(&format!(
            "; {} not run yet: `supervisor resume` goes on",
            count(missing, "task")
        ));
    }
    line
}

/// Columns side by side: the first to the left, the others to the right. Cells have been escaped.
pub(super) fn columns(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        if at > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| format!(" {line}").trim_end().to_owned())
        .collect()
}
