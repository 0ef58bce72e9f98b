//! The leaderboard of a forecasting experiment.

use std::cmp::Ordering;

use fumehood::experiment::plan::Body;
use fumehood::record::derive::{Averages, ForecastSummary, ModelRow};

use super::table::columns;
use crate::reporter::escape;
use crate::reporter::words::{count, thousands};

/// Models from the best to the worst by MASE, then sMAPE; one without a score comes last.
pub(super) fn lines(summary: &ForecastSummary, planned: Option<&Body>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Body::Forecast(body)) = planned {
        lines.push(format!(
            "  {} series, horizon {}, season length {}",
            thousands(body.series.len() as u64),
            body.horizon,
            body.season_length
        ));
    }
    let mut models: Vec<&ModelRow> = summary.models.iter().collect();
    models.sort_by(|a, b| rank(&a.averages, &b.averages));
    lines.extend(columns(
        &[
            "model",
            "series ok",
            "failed",
            "sMAPE",
            "MASE",
            "RMSE",
            "MAE",
            "OWA",
        ],
        1,
        models.iter().map(|row| cells(row)),
    ));
    lines.extend(common(summary));
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

fn cells(row: &ModelRow) -> Vec<String> {
    let a = &row.averages;
    vec![
        escape(&row.model),
        thousands(row.series_ok),
        failed(row),
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
    let scores: Vec<String> = models
        .iter()
        .map(|m| {
            format!(
                "{} {} ({})",
                escape(&m.model),
                fixed(m.averages.mase, 3),
                fixed(m.averages.smape, 2)
            )
        })
        .collect();
    let on = match common.series {
        1 => "the 1 series".to_owned(),
        n => format!("the {} series", thousands(n)),
    };
    vec![format!(
        "  on {on} that all {} have, MASE (sMAPE): {}",
        count(models.len() as u64, "model"),
        scores.join(", ")
    )]
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
