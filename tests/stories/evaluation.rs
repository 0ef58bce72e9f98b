//! Models are judged at several origins, with intervals, and where they fail the table says so.

use serde_json::{Value, json};

use crate::common::{Lab, RunFolder};

fn model<'a>(experiment: &'a Value, name: &str) -> &'a Value {
    let rows = experiment["models"].as_array().expect("rows of models");
    let found = rows.iter().find(|row| row["model"] == name);
    found.unwrap_or_else(|| panic!("no row {name} in {experiment:#}"))
}

fn result(folder: &RunFolder, task: &str) -> Value {
    let results = folder.results();
    let found = results.iter().find(|result| result["task"] == task);
    found.unwrap_or_else(|| panic!("no task {task} in {results:#?}"))["result"].clone()
}

#[test]
fn a_rolling_origin_judges_each_series_several_times() {
    let lab = Lab::new();
    lab.write("walk.csv", "y\n1\n2\n4\n8\n16\n32\n");
    let flags = [
        "forecast",
        "--mode",
        "custom",
        "--data",
        "walk.csv",
        "--models",
        "naive",
        "--test-size",
        "2",
        "--windows",
        "3",
        "--window-step",
        "1",
        "--run-dir",
        "run",
    ];
    let finished = lab.supervisor(flags).run().assert_code(0);
    assert!(
        finished
            .stdout
            .contains("horizon 2, season length 1, 3 windows, 1 value apart"),
        "{}",
        finished.stdout
    );
    let folder = lab.run_folder("run");
    let naive = result(&folder, "forecast/y/naive");
    let windows = naive["windows"].as_array().expect("a list of windows");
    let cut = |window: &Value| {
        json!([
            window["train"],
            window["predictions"],
            window["actual"],
            window["metrics"]["mae"]
        ])
    };
    assert_eq!(
        windows.iter().map(cut).collect::<Vec<_>>(),
        [
            json!([2, [2.0, 2.0], [4.0, 8.0], 4.0]),
            json!([3, [4.0, 4.0], [8.0, 16.0], 8.0]),
            json!([4, [8.0, 8.0], [16.0, 32.0], 16.0]),
        ]
    );
    // The whole shows the last window's forecast and the mean of all scores.
    assert_eq!(naive["predictions"], json!([8.0, 8.0]));
    let mae = naive["metrics"]["mae"].as_f64().expect("a number");
    assert!((mae - 28.0 / 3.0).abs() < 1e-12, "{mae}");
    // The resolved spec says the same again.
    let again = lab.run_folder("run").text("spec.toml");
    assert!(again.contains("windows = 3\nwindow-step = 1\n"), "{again}");
}

#[test]
fn intervals_are_in_the_results_and_their_coverage_in_the_table() {
    let lab = Lab::new();
    let flags = [
        "forecast",
        "--mode",
        "synthetic",
        "--max-series",
        "10",
        "--models",
        "naive,ets,comb",
        "--level",
        "80,95",
        "--run-dir",
        "run",
    ];
    let finished = lab.supervisor(flags).run().assert_code(0);
    let folder = lab.run_folder("run");
    let ets = result(&folder, "forecast/synthetic-1/ets");
    let intervals = ets["intervals"].as_array().expect("a list of intervals");
    assert_eq!(intervals.len(), 2);
    let numbers = |list: &Value| -> Vec<f64> {
        let items = list.as_array().expect("a list").iter();
        items.map(|item| item.as_f64().expect("a number")).collect()
    };
    let mean = numbers(&ets["predictions"]);
    let actual = numbers(&ets["actual"]);
    for interval in intervals {
        let (lower, upper) = (numbers(&interval["lower"]), numbers(&interval["upper"]));
        let mut inside = 0.0;
        for step in 0..mean.len() {
            assert!(lower[step] < mean[step] && mean[step] < upper[step]);
            inside += f64::from(u8::from(
                lower[step] <= actual[step] && actual[step] <= upper[step],
            ));
        }
        assert_eq!(interval["coverage"], inside / mean.len() as f64);
    }
    // The summary has the mean of the series' coverages; a model without intervals has none.
    let experiment = folder.experiment("forecast");
    let row = &model(&experiment, "ets")["intervals"][1];
    assert_eq!((&row["level"], &row["series"]), (&json!(95.0), &json!(10)));
    let coverages: Vec<f64> = folder
        .results()
        .iter()
        .filter(|line| line["result"]["model"] == "ets")
        .map(|line| {
            line["result"]["intervals"][1]["coverage"]
                .as_f64()
                .expect("a share")
        })
        .collect();
    let mean = coverages.iter().sum::<f64>() / 10.0;
    let told = row["coverage"].as_f64().expect("a share");
    assert!((told - mean).abs() < 1e-12);
    assert_eq!(model(&experiment, "comb")["intervals"][0]["series"], 0);
    assert_eq!(
        result(&folder, "forecast/synthetic-1/comb")["intervals"],
        json!([])
    );
    assert!(
        finished
            .stdout
            .contains("intervals of  level  series  coverage"),
        "{}",
        finished.stdout
    );
    assert!(!result(&folder, "forecast/synthetic-1/ets")["fitted"]["form"].is_null());
}

/// Two ordinary series, one too short for most, and one with a zero.
const MIXED: &str = "long,other,short,zero\n11,21,5,0\n12,20,6,4\n14,22,7,3\n13,24,,5\n15,23,,4\n17,26,,6\n16,27,,5\n18,26,,7\n19,28,,6\n";

fn mixed(lab: &Lab, models: &str) -> RunFolder {
    lab.write("mixed.csv", MIXED);
    lab.write(
        "spec.toml",
        format!(
            "schema = 1\n[[experiment]]\nname = \"mixed\"\nkind = \"forecast\"\nmode = \"custom\"\ndata = \"mixed.csv\"\nhorizon = 2\nmodels = [{models}]\n"
        ),
    );
    lab.run_folder("run")
}

#[test]
fn failures_are_counted_by_reason_and_both_tables_are_shown() {
    let lab = Lab::new();
    let folder = mixed(
        &lab,
        "\"naive2\", \"drift\", \"ets\", { model = \"ets\", name = \"m\", error = \"multiplicative\" }",
    );
    let finished = lab
        .supervisor(["run", "spec.toml", "--run-dir", "run"])
        .run()
        .assert_code(1);
    let experiment = folder.experiment("mixed");
    assert_eq!(
        model(&experiment, "m")["failures"],
        json!([
            {
                "state": "error",
                "reason": "`ets` needs at least N values to train on, the series has N",
                "series": 1,
                "example": "mixed/short/m"
            },
            {
                "state": "error",
                "reason": "`ets` needs positive values for a form that multiplies, the series has others",
                "series": 1,
                "example": "mixed/zero/m"
            },
        ])
    );
    assert_eq!(model(&experiment, "ets")["failures"][0]["series"], 1);
    assert!(model(&experiment, "naive2").get("failures").is_none());
    assert!(experiment.get("failed_models").is_none());
    // Ranks over own successes, and over the two series that all have.
    assert_eq!(experiment["common"]["series"], 2);
    for rows in [&experiment["models"], &experiment["common"]["models"]] {
        let rows = rows.as_array().expect("rows");
        for key in ["smape", "mase", "owa"] {
            let place = |row: &Value| row["rank"][key].as_u64();
            for (own, other) in rows.iter().flat_map(|a| rows.iter().map(move |b| (a, b))) {
                if own[key].as_f64() < other[key].as_f64() {
                    assert!(place(own) < place(other), "{key}: {own} {other}");
                }
            }
        }
    }
    for part in [
        "on the 2 series that all 4 models have:",
        "m: error on 1 series: `ets` needs positive values for a form that multiplies, the series has others (first: mixed/zero/m)",
    ] {
        assert!(
            finished.stdout.contains(part),
            "no {part:?} in {}",
            finished.stdout
        );
    }
}

#[test]
fn a_fallback_forecasts_and_never_hides_the_model() {
    let lab = Lab::new();
    let folder = mixed(
        &lab,
        "\"naive2\", { model = \"ets\", fallback = \"naive\" }, { model = \"seasonal-naive\", name = \"sn\", fallback = \"drift\" }",
    );
    let finished = lab
        .supervisor(["run", "spec.toml", "--run-dir", "run"])
        .run()
        .assert_code(0);
    let short = result(&folder, "mixed/short/ets");
    assert_eq!(
        short["fallback"],
        json!({
            "model": "naive",
            "reason": "`ets` needs at least 5 values to train on, the series has 1"
        })
    );
    assert_eq!(short["predictions"], json!([5.0, 5.0]));
    let experiment = folder.experiment("mixed");
    let ets = model(&experiment, "ets");
    assert_eq!(
        (&ets["series_ok"], &ets["series_fallback"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(ets["failures"][0]["state"], "fallback");
    assert_eq!(ets["with_fallback"]["series"], 4);
    assert_ne!(ets["with_fallback"]["smape"], ets["smape"]);
    assert_eq!(model(&experiment, "sn")["series_fallback"], 0);
    assert!(
        model(&experiment, "naive2")
            .get("series_fallback")
            .is_none()
    );
    // The averages are of its own successes, and so are the common series.
    assert_eq!(experiment["common"]["series"], 3);
    for part in ["fell back", "ets and its fallback on 4 series:"] {
        assert!(
            finished.stdout.contains(part),
            "no {part:?} in {}",
            finished.stdout
        );
    }
    // All tasks are ok, and resuming has nothing to do.
    folder.assert_all_ok(12);
    lab.supervisor(["resume", "run"]).run().assert_code(0);
}

#[test]
fn a_fallback_that_fails_too_is_an_error_with_both_reasons() {
    let lab = Lab::new();
    let folder = mixed(&lab, "\"naive\", { model = \"ets\", fallback = \"theta\" }");
    lab.supervisor(["run", "spec.toml", "--run-dir", "run"])
        .run()
        .assert_code(1);
    let results = folder.results();
    let failed: Vec<&Value> = results
        .iter()
        .filter(|line| line["state"] == "error")
        .collect();
    let [short] = failed[..] else {
        panic!("one task fails: {results:#?}");
    };
    assert_eq!(
        short["cause"]["message"],
        "`ets` needs at least 5 values to train on, the series has 1; its fallback `theta` failed too: `theta` needs at least 2 values to train on, the series has 1"
    );
}

#[test]
fn a_model_that_always_fails_makes_exit_code_1_and_is_named() {
    let positive = "{ model = \"ets\", name = \"never\", season = \"additive\" }";
    let lab = Lab::new();
    let folder = mixed(&lab, &format!("\"naive\", {positive}"));
    let text = lab.path("spec.toml");
    let spec = std::fs::read_to_string(&text).expect("it was written");
    // A season of 12 that no series has twice.
    lab.write(
        "spec.toml",
        spec.replace("horizon = 2", "horizon = 2\nseason-length = 12"),
    );
    let finished = lab
        .supervisor(["run", "spec.toml", "--run-dir", "run", "-q"])
        .run()
        .assert_code(1);
    let said = "`never` has no forecast of its own on any of 4 series; the most frequent reason: `ets` needs at least N values to train on, the series has N";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    assert!(
        finished.stdout.contains("never succeeded: never"),
        "{}",
        finished.stdout
    );
    assert_eq!(
        folder.experiment("mixed")["failed_models"],
        json!(["never"])
    );

    // So it is where a fallback forecast everything: the tasks are ok, the model is not.
    let lab = Lab::new();
    let folder = mixed(
        &lab,
        "\"naive\", { model = \"ets\", name = \"never\", season = \"additive\", fallback = \"naive\" }",
    );
    let spec = std::fs::read_to_string(lab.path("spec.toml")).expect("it was written");
    lab.write(
        "spec.toml",
        spec.replace("horizon = 2", "horizon = 2\nseason-length = 12"),
    );
    let finished = lab
        .supervisor(["run", "spec.toml", "--run-dir", "run"])
        .run()
        .assert_code(1);
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    folder.assert_all_ok(8);
    let experiment = folder.experiment("mixed");
    assert_eq!(experiment["failed_models"], json!(["never"]));
    assert_eq!(model(&experiment, "never")["smape"], Value::Null);
    assert_eq!(model(&experiment, "never")["with_fallback"]["series"], 4);
    assert_eq!(experiment["common"]["series"], 0);
}
