//! A user brings series of their own.

use serde_json::{Value, json};

use crate::common::{Lab, RunFolder, shared_data};

/// Runs `forecast --mode custom` on a file; standard error and the folder.
fn forecast(lab: &Lab, file: &str, flags: &[&str]) -> (String, RunFolder) {
    let finished = lab
        .supervisor([
            "forecast",
            "--mode",
            "custom",
            "--data",
            file,
            "--run-dir",
            "run",
        ])
        .args(flags)
        .run()
        .assert_code(0);
    (finished.stderr, lab.run_folder("run"))
}

fn result<'a>(results: &'a [Value], task: &str) -> &'a Value {
    let found = results.iter().find(|result| result["task"] == task);
    &found.unwrap_or_else(|| panic!("no task {task} in {results:#?}"))["result"]
}

#[test]
fn the_long_layout_is_read_and_named() {
    let lab = Lab::new();
    // Series in the order of their first lines, values in the order of theirs, whoever is between.
    lab.write(
        "long.csv",
        "unique_id,ds,y\na,1,1\nb,1,5\na,2,2\nb,2,6\na,3,4\nb,3,9\n",
    );
    let (said, folder) = forecast(
        &lab,
        "long.csv",
        &["--test-size", "1", "--models", "naive,drift"],
    );
    assert!(said.contains("long"), "{said}");
    folder.assert_all_ok(4);
    let results = folder.results();
    let naive = result(&results, "forecast/a/naive");
    assert_eq!(
        (&naive["predictions"], &naive["actual"]),
        (&json!([2.0]), &json!([4.0]))
    );
    let drift = result(&results, "forecast/b/drift");
    assert_eq!(
        (&drift["predictions"], &drift["actual"]),
        (&json!([7.0]), &json!([9.0]))
    );
}

#[test]
fn the_wide_layout_is_read_and_named_and_empty_ends_are_no_values() {
    let lab = Lab::new();
    lab.write("wide.csv", "x,y z\n1,20\n2,30\n3,40\n4,\n5,\n");
    let (said, folder) = forecast(&lab, "wide.csv", &["--test-size", "1", "--models", "naive"]);
    assert!(said.contains("one a column"), "{said}");
    let results = folder.results();
    assert_eq!(
        folder.tasks(),
        ["forecast/x/naive", "forecast/y%20z/naive"],
        "percent-encoded"
    );
    assert_eq!(result(&results, "forecast/x/naive")["actual"], json!([5.0]));
    assert_eq!(
        result(&results, "forecast/y%20z/naive")["actual"],
        json!([40.0])
    );
    assert_eq!(result(&results, "forecast/y%20z/naive")["series"], "y z");
}

#[test]
fn a_single_column_is_read_and_named_with_or_without_a_header() {
    for (text, name) in [
        ("7\n8\n9\n11\n", "series"),
        ("sales\n7\n8\n9\n11\n", "sales"),
    ] {
        let lab = Lab::new();
        lab.write("one.csv", text);
        let (said, folder) = forecast(&lab, "one.csv", &["--test-size", "2", "--models", "naive"]);
        assert!(said.contains("single column"), "{said}");
        let results = folder.results();
        let naive = result(&results, &format!("forecast/{name}/naive"));
        assert_eq!(naive["predictions"], json!([8.0, 8.0]));
        assert_eq!(naive["actual"], json!([9.0, 11.0]));
        // 200 |a-f| / (a+f) for 9 and 11 against 8; the mean step of the train part is 1.
        let smape = (200.0 / 17.0 + 600.0 / 19.0) / 2.0;
        let metric = |key: &str| naive["metrics"][key].as_f64().expect("a number");
        assert!((metric("smape") - smape).abs() < 1e-12, "{naive}");
        assert_eq!((metric("mase"), metric("mae")), (2.0, 2.0));
    }
}

#[test]
fn air_passengers_is_one_series_beside_its_dates() {
    let Some(data) = shared_data("air/AirPassengers.csv") else {
        return;
    };
    let lab = Lab::new();
    let flags = [
        "--seasonal-period",
        "12",
        "--models",
        "seasonal-naive,theta",
    ];
    let (said, folder) = forecast(&lab, &data.to_string_lossy(), &flags);
    assert!(
        said.contains("144 values") && said.contains("month"),
        "{said}"
    );
    let results = folder.results();
    let seasonal = result(&results, "forecast/passengers/seasonal-naive");
    // The years 1959 and 1960 of the airline data (Box and Jenkins, series G).
    let year_1959 = [
        360., 342., 406., 396., 420., 472., 548., 559., 463., 407., 362., 405.,
    ];
    let year_1960 = [
        417., 391., 419., 461., 472., 535., 622., 606., 508., 461., 390., 432.,
    ];
    assert_eq!(seasonal["predictions"], json!(year_1959));
    assert_eq!(seasonal["actual"], json!(year_1960));
}

#[test]
fn a_series_too_short_for_the_horizon_is_an_error_of_its_tasks_alone() {
    let lab = Lab::new();
    lab.write("wide.csv", "fine,short\n1,1\n2,2\n3,\n4,\n5,\n");
    lab.supervisor([
        "forecast",
        "--mode",
        "custom",
        "--data",
        "wide.csv",
        "--run-dir",
        "run",
    ])
    .args(["--test-size", "3", "--models", "naive"])
    .run()
    .assert_code(1);
    let folder = lab.run_folder("run");
    let results = folder.results();
    assert_eq!(results[0]["state"], "ok");
    assert_eq!(results[1]["state"], "error");
    let message = results[1]["cause"]["message"].as_str().expect("a message");
    assert!(
        message.contains("short") || message.contains("horizon"),
        "{message}"
    );
    assert!(results[1].get("result").is_none());
    let experiment = folder.experiment("forecast");
    assert_eq!(experiment["tasks"]["error"], 1);
    assert_eq!(experiment["incomplete"], true);
}

#[test]
fn a_value_that_is_no_number_is_refused_with_its_line_and_column() {
    for (text, line, column, shown) in [
        ("1\n2\nnan\n4\n5\n", 3, 1, "nan"),
        ("a,b\n1,2\n3,inf\n4,5\n", 3, 2, "inf"),
        ("unique_id,ds,y\na,1,1\na,2,many\n", 3, 3, "many"),
    ] {
        let lab = Lab::new();
        lab.write("bad.csv", text);
        let before = lab.listing();
        lab.supervisor([
            "forecast",
            "--mode",
            "custom",
            "--data",
            "bad.csv",
            "--test-size",
            "1",
        ])
        .run()
        .assert_code(2)
        .assert_says(&[
            "bad.csv",
            &format!("line {line}, column {column}"),
            shown,
            "hint: ",
        ]);
        assert_eq!(lab.listing(), before, "nothing is written");
    }
}

#[test]
fn a_gap_inside_a_series_is_refused_with_its_place() {
    let lab = Lab::new();
    lab.write("gap.csv", "a,b\n1,2\n3,\n4,5\n6,7\n");
    let before = lab.listing();
    lab.supervisor([
        "forecast",
        "--mode",
        "custom",
        "--data",
        "gap.csv",
        "--test-size",
        "1",
    ])
    .run()
    .assert_code(2)
    .assert_says(&["gap.csv", "line 3, column 2", "`b`", "gap"]);
    assert_eq!(lab.listing(), before, "nothing is written");
}
