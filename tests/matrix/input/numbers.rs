//! Rows 133 to 136: lengths, orders, limits and counts.

use std::collections::BTreeMap;

use super::{
    REGISTER, TASKS, data_is_refused, data_is_run, refused, refused_in, run, run_within,
    spec_is_refused,
};
use crate::common::Lab;

/// A forecast of made-up series, as a spec with room for one more line, the seventh.
const MADE_UP: &str = "schema = 1\n[[experiment]]\nname = \"f\"\nkind = \"forecast\"\nmode = \"synthetic\"\nmodels = [\"naive\"]\n";

/// How the tasks of a run ended, in the order of the plan.
fn states(lab: &Lab) -> Vec<String> {
    let results = lab.run_folder("run").results();
    let state = |result: &serde_json::Value| result["state"].as_str().map(str::to_owned);
    results.iter().filter_map(state).collect()
}

fn on_a_file(flag: &str, value: &str, says: &[&str]) {
    let typed = [
        "forecast", "--mode", "custom", "--data", "d.csv", "--models", "naive", flag, value,
    ];
    refused(&[("d.csv", b"a\n1\n2\n3\n")], &typed, says);
}

#[test]
fn row_133_horizons() {
    for value in ["0", "4294967295", "1000001"] {
        on_a_file(
            "--test-size",
            value,
            &["--test-size", "is not from 1 to 1000000"],
        );
    }
    // As many as there are values: nothing would be left to learn from.
    for value in ["3", "4", "1000000"] {
        let hint = "hint: ask for a horizon of at most 2";
        on_a_file("--test-size", value, &["no series is long enough", hint]);
    }
    for value in ["-1", "18446744073709551616", "x", ""] {
        on_a_file("--test-size", value, &["--help"]);
    }
    for value in ["0", "-1", "4294967296", "18446744073709551616"] {
        let text = format!("{MADE_UP}horizon = {value}\n");
        refused(
            &[("s.toml", text.as_bytes())],
            &["run", "s.toml"],
            &["s.toml:7:11", "is not from 1 to 1000000"],
        );
    }
    let text = format!("{MADE_UP}horizon = 1000000\n");
    spec_is_refused(text, "7:11", &["no series is long enough", "at most"]);
}

#[test]
fn row_133_seasons() {
    for value in ["0", "4294967295", "99999999999999999999", "12,0"] {
        on_a_file("--seasonal-period", value, &["is not from 1 to 1000000"]);
    }
    on_a_file("--seasonal-period", "-1", &["--help"]);
    on_a_file(
        "--seasonal-period",
        "12,12",
        &["does not follow what is before it"],
    );
    on_a_file("--seasonal-period", "x", &["an integer"]);
    // One as long as the series: who needs a season says so, the others do without.
    let lab = Lab::new();
    lab.write("d.csv", "a\n1\n2\n3\n");
    let finished = run(
        &lab,
        &[
            "forecast",
            "--mode",
            "custom",
            "--data",
            "d.csv",
            "--models",
            "naive,seasonal-naive",
            "--test-size",
            "1",
            "--seasonal-period",
            "5",
            "--start-method",
            "inline",
            "--run-dir",
            "run",
        ],
    );
    finished
        .assert_code(1)
        .assert_says(&["needs at least 5 values"]);
    assert_eq!(states(&lab), ["ok", "error"]);
}

#[test]
fn row_133_short_series() {
    data_is_refused(
        "a,b\n,1\n,2\n,3\n",
        "line 1, column 1",
        &["`a` has no values"],
    );
    refused(
        &[("d.csv", b"a\n5\n")],
        &super::CUSTOM,
        &[
            "the longest has 1 values",
            "hint: a series needs at least two values",
        ],
    );
    // A short one beside a long one is that task's error alone.
    let (lab, _) = data_is_run("a,b\n5,1\n,2\n,3\n", 1);
    assert_eq!(states(&lab), ["error", "ok"]);
    // Nothing varies: MASE has no answer, and says so by being none.
    let (lab, _) = data_is_run("a\n5\n5\n5\n5\n", 0);
    assert!(lab.run_folder("run").results()[0]["result"]["metrics"]["mase"].is_null());
}

#[test]
fn row_133_too_many_series() {
    for value in ["4294967295", "100001"] {
        let text = format!("{MADE_UP}max-series = {value}\n");
        spec_is_refused(text, "7:14", &["at most 100000 series are made up"]);
    }
    for value in ["0", "-1", "99999999999"] {
        let text = format!("{MADE_UP}max-series = {value}\n");
        refused(
            &[("s.toml", text.as_bytes())],
            &["run", "s.toml"],
            &["s.toml:7:14", "is not from 1"],
        );
    }
}

#[test]
fn row_134_orders() {
    let order = |value: &str, says: &[&str]| {
        let text = REGISTER.replace("gf-order = 2", &format!("gf-order = {value}"));
        spec_is_refused(text, "5:12", says);
        // The same on the command line; what is no number of any field may be said shorter there.
        refused(&[], &["lfsr", value, "--coefficients", "1,1"], &["error: "]);
    };
    for value in ["0", "1", "-1", "257", "4294967296", "8589934592"] {
        order(value, &["is not from 2 to 256", "a prime power"]);
    }
    for (value, factors) in [
        ("6", "2 * 3"),
        ("12", "2 * 6"),
        ("15", "3 * 5"),
        ("255", "3 * 85"),
    ] {
        order(value, &["there is no field of order", factors]);
    }
    // Moduli that make no field of this order.
    for (order, modulus, says) in [
        ("2", "[1, 1]", "GF(2) has no modulus"),
        ("4", "[1, 2, 1]", "a polynomial over GF(2)"),
        ("4", "[1, 1]", "a polynomial of degree 2"),
        ("9", "[2, 2, 2]", "a polynomial of degree 2"),
        (
            "8",
            "[1, 0, 0, 1]",
            "no irreducible polynomial: z + 1 divides it",
        ),
        ("4", "[-1, 1, 1]", "is not from 0 to 255"),
    ] {
        let field = format!("gf-order = {order}\nmodulus = {modulus}");
        let text = REGISTER.replace("gf-order = 2", &field);
        refused(
            &[("s.toml", text.as_bytes())],
            &["run", "s.toml"],
            &["s.toml:6:", says],
        );
    }
}

#[test]
fn row_134_coefficients() {
    for (order, coefficients, says) in [
        ("2", "1,2", "2 is not from 0 to 1"),
        ("2", "1,-1", "-1 is not from 0 to 1"),
        ("3", "3,1", "3 is not from 0 to 2"),
        ("251", "251", "251 is not from 0 to 250"),
        ("2", "1,x", "must be an integer"),
        ("2", "1,", "must be an integer"),
        ("2", "", "must be an integer"),
        ("2", "1,1e9", "must be an integer"),
        ("2", "1,99999999999999999999", "is not from 0 to 1"),
    ] {
        let typed = ["lfsr", order, "--coefficients", coefficients];
        refused(&[], &typed, &[says, "hint: the elements of GF("]);
    }
    spec_is_refused(REGISTER.replace("[1, 1]", "[]"), "6:", &["coefficients"]);
    spec_is_refused(
        REGISTER.replace("[1, 1]", "[1, 7]"),
        "6:20",
        &["7 is not from 0 to 1"],
    );
    refused(
        &[("r.csv", b"# two\n1,1\n1,2,1\n")],
        &["lfsr", "r.csv", "2"],
        &["r.csv", "3", "GF(2)"],
    );
    // Singular registers, and one without any feedback, have states that never come back: they are run.
    for (coefficients, periodic) in [("0,1", "2"), ("0,0", "1"), ("0", "1"), ("0,0,1,1", "4")] {
        let lab = Lab::new();
        run(
            &lab,
            &[
                "lfsr",
                "2",
                "--coefficients",
                coefficients,
                "--start-method",
                "inline",
                "--run-dir",
                "run",
            ],
        )
        .assert_code(0);
        let register = lab.run_folder("run").experiment("lfsr");
        assert_eq!(
            register["periodic_states"], periodic,
            "{coefficients}: {register}"
        );
    }
}

/// More states than can be counted one by one.
#[test]
fn row_135_too_many_states() {
    let many = |degree: usize| vec!["1"; degree].join(",");
    for (order, degree) in [
        ("2", 41),
        ("2", 64),
        ("2", 65),
        ("3", 26),
        ("2", 2000),
        ("251", 6),
    ] {
        let power = format!("{order}^{degree}");
        refused(
            &[],
            &[
                "lfsr",
                order,
                "--coefficients",
                &many(degree),
                "--analysis",
                "enumerate",
            ],
            &[power.as_str(), "more than the 2^40", "hint: "],
        );
    }
    let many = format!("[{}]\nanalysis = \"both\"", vec!["1"; 100_000].join(", "));
    let text = REGISTER.replace("[1, 1]", &many);
    spec_is_refused(text, "6:", &["2^100000"]);
}

/// The ranges come from the register alone, so no one can ask for a wrong one: together they are all states
/// that come back, each once.
#[test]
fn row_135_ranges_have_no_gap_and_no_overlap() {
    for (order, coefficients) in [
        ("2", "1,1"),
        ("2", "1,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"),
        ("3", "1,0,2,0,0,0,1,0,0,0"),
        ("251", "1,0"),
        ("2", "0,0,0,1,1,0,1"),
    ] {
        let lab = Lab::new();
        run(
            &lab,
            &[
                "lfsr",
                order,
                "--coefficients",
                coefficients,
                "--analysis",
                "enumerate",
                "--start-method",
                "inline",
                "--run-dir",
                "run",
                "-q",
            ],
        )
        .assert_code(0);
        let folder = lab.run_folder("run");
        let number = |value: &serde_json::Value| -> u128 {
            let text = value.as_str().expect("counts are strings");
            text.parse().expect("they are decimal")
        };
        // By their first state: where each ends, and how many states it has.
        let mut ranges = BTreeMap::new();
        for result in folder.results() {
            let range = &result["result"];
            let of = (number(&range["last"]), number(&range["states"]));
            assert_eq!(ranges.insert(number(&range["first"]), of), None);
        }
        let mut next = 0;
        for (first, (last, states)) in &ranges {
            assert_eq!(
                (*first, *states),
                (next, last - first + 1),
                "{coefficients}"
            );
            next = last + 1;
        }
        let all = number(&folder.experiment("lfsr")["periodic_states"]);
        assert_eq!(next, all, "{coefficients}: {ranges:?}");
    }
}

#[test]
fn row_136_numbers_without_sense() {
    let flags: [(&str, &[&str]); 6] = [
        (
            "--workers",
            &[
                "0",
                "-1",
                "1000000000",
                "99999999999999999999",
                "1.5",
                "nan",
                "",
            ],
        ),
        (
            "--timeout",
            &[
                "0",
                "0s",
                "-1s",
                "1000000000000000000s",
                "99999999999h",
                "inf",
                "1e400s",
                "",
            ],
        ),
        ("--grace", &["0", "-5s", "1000000000000000000s"]),
        ("--retries", &["1000000000", "4294967296", "-1", "x"]),
        (
            "--memory",
            &["0", "1B", "1KiB", "-1MiB", "99999999999TiB", "512", "nan"],
        ),
        ("--max-tasks-per-worker", &["0", "-1", "x"]),
    ];
    for (flag, values) in flags {
        for value in values {
            refused(
                &[("s.toml", TASKS.as_bytes())],
                &["run", "s.toml", flag, value],
                &[
                    &format!("invalid value '{value}' for '{flag}"),
                    &format!("`{value}`").replace("`0`", "0"),
                ],
            );
        }
    }
    for (line, says) in [
        ("workers = 0", "0 workers can do nothing"),
        ("workers = 1000000000", "are too many"),
        ("timeout = \"0s\"", "no time at all"),
        ("timeout = \"-1s\"", "is negative"),
        ("timeout = 5", "has no unit"),
        ("retries = 1000000000", "no number of retries"),
        ("memory = \"1B\"", "too small for any worker"),
    ] {
        let text = TASKS.replacen("[[", &format!("[run]\n{line}\n[["), 1);
        spec_is_refused(text, "3:", &[says]);
    }
}

/// A limit that no worker keeps, if only just (one that was forked does): no result, and the figures.
#[test]
fn row_136_less_memory_than_a_worker_at_rest() {
    let lab = Lab::new();
    let one = TASKS.replace("tasks = 4", "tasks = 1");
    let hang = one.replace("\"error\"", "\"hang\"");
    lab.write("s.toml", hang.replace("every = 0", "every = 1"));
    let finished = lab
        .supervisor(["run", "s.toml", "--memory", "1MiB", "--retries", "0"])
        .args(["--start-method", "spawn", "--run-dir", "run"])
        .run()
        .assert_code(1)
        .assert_says(&["over the limit of 1.0 MiB"]);
    assert!(finished.took < super::SOON, "{finished:?}");
    assert_eq!(states(&lab), ["oom"]);
    // One whose worker was over the limit before it began is not charged; the last one is.
    let attempts = lab.run_folder("run").attempts();
    let last = attempts.last().expect("there was one");
    assert_eq!(last["outcome"], "oom", "{attempts:#?}");
    let cause = last["cause"].to_string();
    assert!(cause.contains("over the limit of 1.0 MiB"), "{cause}");
}

#[test]
fn row_136_no_task_at_all() {
    let lab = Lab::new();
    lab.write("s.toml", TASKS.replace("tasks = 4", "tasks = 0"));
    run(&lab, &["run", "s.toml", "--run-dir", "run"]).assert_code(0);
    let folder = lab.run_folder("run");
    assert_eq!(folder.bytes("results.jsonl"), b"");
    assert_eq!(folder.experiment("f")["tasks"]["missing"], 0);
}

/// Ten million are planned, and the last is run, in 120 bytes of address space for each.
#[test]
fn row_136_ten_million_tasks() {
    const SPACE: u32 = 1_200_000;
    let lab = Lab::new();
    lab.write("s.toml", TASKS.replace("tasks = 4", "tasks = 10000000"));
    run(&lab, &["plan", "s.toml"]).assert_code(0);
    let last = "f/9999999/fault";
    let typed = ["run", "s.toml", "--only", last, "--run-dir", "run"];
    run_within(&lab, &typed, SPACE).assert_code(0);
    let results = lab.run_folder("run").results();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["task"], last);
}

#[test]
fn row_136_more_tasks_than_a_plan_can_have() {
    for tasks in ["100000001", "4294967295"] {
        let text = TASKS.replace("tasks = 4", &format!("tasks = {tasks}"));
        let says = ["more than 100000000 tasks", "hint: "];
        refused(&[("s.toml", text.as_bytes())], &["run", "s.toml"], &says);
    }
    let text = TASKS.replace("tasks = 4", "tasks = 60000000");
    let (head, experiment) = text.split_once('\n').expect("it has lines");
    let twice = format!(
        "{head}\n{experiment}{}",
        experiment.replace("\"f\"", "\"g\"")
    );
    let lab = Lab::new();
    lab.write("s.toml", twice);
    refused_in(
        &lab,
        &["run", "s.toml"],
        &["more than 100000000 tasks", "hint: "],
    );
    for tasks in ["-1", "4294967296", "99999999999999999999"] {
        let text = TASKS.replace("tasks = 4", &format!("tasks = {tasks}"));
        refused(
            &[("s.toml", text.as_bytes())],
            &["run", "s.toml"],
            &["s.toml:5:9", "is not from 0"],
        );
    }
}
