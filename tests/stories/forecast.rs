//! The competitions, against the figures that were published.

use serde_json::Value;

use crate::common::{Lab, RunFolder, shared_data, tell};

/// A model's row of the summary.
fn row(folder: &RunFolder, model: &str) -> Value {
    let experiment = folder.experiment("forecast");
    let rows = experiment["models"].as_array().expect("rows of models");
    let found = rows.iter().find(|row| row["model"] == model);
    found
        .unwrap_or_else(|| panic!("no row {model} in {experiment:#}"))
        .clone()
}

fn number(row: &Value, key: &str) -> f64 {
    row[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {row}"))
}

#[test]
fn m3_monthly_is_a_process_a_task_and_as_good_as_published() {
    let Some(data) = shared_data("m3") else {
        return;
    };
    let lab = Lab::new();
    let flags = [
        "--frequency",
        "monthly",
        "--models",
        "naive2,ses,theta",
        "--run-dir",
        "m3",
    ];
    let finished = lab
        .supervisor([
            "forecast",
            "--mode",
            "m3",
            "--data",
            &data.to_string_lossy(),
        ])
        .args(flags)
        .run()
        .assert_code(0);
    tell(&format!(
        "M3 monthly, a process a task: {:?}",
        finished.took
    ));

    let folder = lab.run_folder("m3");
    folder.assert_all_ok(1_428 * 3);
    let attempts = folder.attempts();
    assert_eq!(attempts.len(), 1_428 * 3);
    let theta = row(&folder, "theta");
    assert_eq!(theta["series_ok"], 1_428);
    assert!(number(&theta, "smape") <= 14.05, "{theta}");
    assert!(number(&theta, "mase") <= 0.90, "{theta}");
    let naive2 = row(&folder, "naive2");
    assert!((number(&naive2, "smape") - 16.9).abs() <= 0.2, "{naive2}");
    assert_eq!(number(&naive2, "owa"), 1.0, "it is its own measure");
}

/// Makridakis, Spiliotis, Assimakopoulos, "The M4 Competition: 100,000 time series and 61 forecasting
/// methods", International Journal of Forecasting 36 (2020), the organisers' benchmarks on yearly series.
const M4_YEARLY: [(&str, f64, f64); 3] = [
    ("naive2", 16.342, 3.974),
    ("ses", 16.396, 3.981),
    ("theta", 14.593, 3.382),
];

#[test]
fn all_of_m4_yearly_is_within_a_percent_of_the_published_table_in_little_memory() {
    let Some(data) = shared_data("m4") else {
        return;
    };
    let lab = Lab::new();
    let mut peak_kib = 0;
    let finished = lab
        .supervisor([
            "forecast",
            "--mode",
            "m4",
            "--data",
            &data.to_string_lossy(),
        ])
        .args(["--frequency", "yearly", "--models", "naive2,ses,theta"])
        .args(["--max-tasks-per-worker", "auto", "--run-dir", "m4"])
        .background()
        .watch(|running| peak_kib = running.peak_memory_kib().unwrap_or(0).max(peak_kib))
        .assert_code(0);
    tell(&format!(
        "M4 yearly, grouped: {:?}, {peak_kib} KiB at most",
        finished.took
    ));

    let folder = lab.run_folder("m4");
    folder.assert_all_ok(23_000 * 3);
    for (model, smape, mase) in M4_YEARLY {
        let row = row(&folder, model);
        assert_eq!(row["series_ok"], 23_000);
        for (key, published) in [("smape", smape), ("mase", mase)] {
            let ours = number(&row, key);
            assert!(
                (ours / published - 1.0).abs() <= 0.01,
                "{model} {key}: {ours}, published {published}"
            );
        }
    }
    assert!(
        (1..=200 * 1024).contains(&peak_kib),
        "the supervisor had {peak_kib} KiB"
    );
}
