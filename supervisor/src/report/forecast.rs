//! The leaderboard of a forecasting experiment, its intervals, and why models failed.

use std::cmp::Ordering;

use fumehood::experiment::plan::{Body, ForecastBody};
use fumehood::record::derive::{Averages, ForecastSummary, ModelRow};

use super::table::columns;
use crate::reporter::escape;
use crate::reporter::words::{count, thousands};

/// The most reasons of one model that the table shows.
const MOST_REASONS: usize = 5;

/// Models from the best to the worst by MASE, then sMAPE; one without a score comes last.
pub(super) fn lines(summary: &ForecastSummary, planned: Option<&Body>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Body::Forecast(body)) = planned {
        lines.push(format!("  {}", conditions(body)));
    }
    let mut models: Vec<&ModelRow> = summary.models.iter().collect();
    models.sort_by(|a, b| rank(&a.averages, &b.averages));
    lines.extend(own(&models));
    lines.extend(common(summary));
    lines.extend(intervals(&models));
    lines.extend(failures(&models));
    let null = models
        .iter()
        .map(|m| m.averages.mase_null)
        .max()
        .unwrap_or(0);
    if null > 0 {
        lines.push(format!(
            "  MASE leaves out up to {} a model that {} none (no change from season to season in the train part)",
            match null {
                1 => "1 series".to_owned(),
                n => format!("{} series", thousands(n)),
            },
            if null == 1 { "has" } else { "have" }
        ));
    }
    lines
}

/// How the models were judged.
fn conditions(body: &ForecastBody) -> String {
    let setup = &body.setup;
    let seasons: Vec<String> = setup.seasons.iter().map(u32::to_string).collect();
    let mut text = format!(
        "{} series, horizon {}, season length {}",
        thousands(body.series.len() as u64),
        setup.horizon,
        seasons.join(" and ")
    );
    if setup.windows > 1 {
        text.push_str(&format!(
            ", {} windows, {} apart",
            thousands(setup.windows.into()),
            count(setup.step.into(), "value")
        ));
    }
    text
}

/// The averages of each model over its own successes.
fn own(models: &[&ModelRow]) -> Vec<String> {
    let has_fallback = models.iter().any(|row| row.series_fallback.is_some());
    let mut header = vec!["rank", "model", "series ok", "failed"];
    if has_fallback {
        header.push("fell back");
    }
    header.extend(["sMAPE", "MASE", "RMSE", "MAE", "OWA"]);
    let cells = models.iter().map(|row| {
        let mut cells = vec![
            place(row.rank.mase),
            escape(&row.model),
            thousands(row.series_ok),
            failed(row),
        ];
        if has_fallback {
            cells.push(row.series_fallback.map_or("-".to_owned(), thousands));
        }
        cells.extend(averages(&row.averages));
        cells
    });
    columns(&header, 2, cells)
}

/// Where models have different series, their own averages cannot be compared: those of the common series
/// can.
fn common(summary: &ForecastSummary) -> Vec<String> {
    let common = &summary.common;
    if summary.models.iter().all(|m| m.series_ok == common.series) {
        return Vec::new();
    }
    if common.series == 0 {
        return vec![
            "  no series is common to all models: their averages cannot be compared".to_owned(),
        ];
    }
    let mut models: Vec<_> = common.models.iter().collect();
    models.sort_by(|a, b| rank(&a.averages, &b.averages));
    let on = match common.series {
        1 => "the 1 series".to_owned(),
        n => format!("the {} series", thousands(n)),
    };
    let mut lines = vec![format!(
        "  on {on} that all {} have:",
        count(models.len() as u64, "model")
    )];
    let cells = models.iter().map(|row| {
        let mut cells = vec![place(row.rank.mase), escape(&row.model)];
        cells.extend(averages(&row.averages));
        cells
    });
    let header = ["rank", "model", "sMAPE", "MASE", "RMSE", "MAE", "OWA"];
    lines.extend(columns(&header, 2, cells));
    lines
}

/// How often the truth lay inside, beside how often it should.
fn intervals(models: &[&ModelRow]) -> Vec<String> {
    if models.iter().all(|row| row.intervals.is_empty()) {
        return Vec::new();
    }
    let rows = models.iter().flat_map(|model| {
        model.intervals.iter().map(|row| {
            vec![
                escape(&model.model),
                format!("{} %", row.level),
                thousands(row.series),
                row.coverage
                    .map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share)),
                fixed(row.scaled_width, 2),
                fixed(row.msis, 2),
            ]
        })
    });
    let header = [
        "intervals of",
        "level",
        "series",
        "coverage",
        "width",
        "MSIS",
    ];
    columns(&header, 1, rows)
}

/// Why models have no forecast of their own of some series.
fn failures(models: &[&ModelRow]) -> Vec<String> {
    let mut lines = Vec::new();
    for model in models {
        let name = escape(&model.model);
        for reason in model.failures.iter().take(MOST_REASONS) {
            lines.push(format!(
                "  {name}: {} on {}: {} (first: {})",
                reason.state,
                series(reason.series),
                escape(&reason.reason),
                escape(&reason.example)
            ));
        }
        match model.failures.len().saturating_sub(MOST_REASONS) {
            0 => {}
            1 => lines.push(format!("  {name}: 1 more reason; summary.json has it")),
            n => lines.push(format!("  {name}: {n} more reasons; summary.json has them")),
        }
        if let Some(both) = &model.with_fallback {
            lines.push(format!(
                "  {name} and its fallback on {}: sMAPE {}, MASE {}, OWA {}",
                series(both.series),
                fixed(both.averages.smape, 2),
                fixed(both.averages.mase, 3),
                fixed(both.averages.owa, 3)
            ));
        }
    }
    lines
}

fn series(number: u64) -> String {
    format!("{} series", thousands(number))
}

/// One sentence for each model that never succeeded.
pub(super) fn failed_models(summary: &ForecastSummary) -> Vec<String> {
    let is_failed = |row: &&ModelRow| summary.failed_models.contains(&row.model);
    summary
        .models
        .iter()
        .filter(is_failed)
        .map(|row| {
            let failed = &row.series_failed;
            let ended = failed.error + failed.crashed + failed.timeout + failed.oom;
            let all = series(ended + row.series_fallback.unwrap_or(0));
            let reason = row.failures.first();
            format!(
                "`{}` has no forecast of its own on any of {all}; the most frequent reason: {}",
                escape(&row.model),
                reason.map_or(String::new(), |reason| escape(&reason.reason))
            )
        })
        .collect()
}

fn rank(a: &Averages, b: &Averages) -> Ordering {
    score(a.mase, b.mase).then(score(a.smape, b.smape))
}

/// Smaller is better; no score is the worst.
fn score(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn place(rank: Option<u32>) -> String {
    rank.map_or("-".to_owned(), |rank| rank.to_string())
}

fn averages(a: &Averages) -> [String; 5] {
    [
        fixed(a.smape, 2),
        fixed(a.mase, 3),
        figures(a.rmse),
        figures(a.mae),
        fixed(a.owa, 3),
    ]
}

fn failed(row: &ModelRow) -> String {
    let f = &row.series_failed;
    let parts: Vec<String> = [
        (f.error, "error"),
        (f.crashed, "crashed"),
        (f.timeout, "timeout"),
        (f.oom, "oom"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, state)| format!("{} {state}", thousands(number)))
    .collect();
    match parts.is_empty() {
        true => "none".to_owned(),
        false => parts.join(", "),
    }
}

fn fixed(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// Four significant figures; very large and very small ones with an exponent.
fn figures(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "-".to_owned();
    };
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e7).contains(&size) {
        format!("{value:.3e}")
    } else {
        // Four figures in all: one decimal fewer for each further figure before the point, one more for
        // each zero behind it.
        let mut decimals = 3usize;
        let mut first = 1.0;
        while size >= first * 10.0 && decimals > 0 {
            first *= 10.0;
            decimals -= 1;
        }
        while size < first && first > 1e-3 {
            first /= 10.0;
            decimals += 1;
        }
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_sensible() {
        let cases = [
            (0.0, "0"),
            (0.001234, "0.001234"),
            (0.93, "0.9300"),
            (13.1, "13.10"),
            (1234.5, "1234"),
            (123_456.7, "123457"),
            (2.5e9, "2.500e9"),
            (1e-5, "1.000e-5"),
        ];
        for (value, expected) in cases {
            assert_eq!(figures(Some(value)), expected);
        }
        assert_eq!(figures(None), "-");
        assert_eq!(fixed(Some(0.93), 3), "0.930");
    }
}
