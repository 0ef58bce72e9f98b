//! One sequence or some states: answers on standard output, and nothing else.

use serde_json::{Value, json};

use crate::common::Lab;

/// What is answered. Nothing may be said on standard error, and nothing written.
fn answer(lab: &Lab, typed: &[&str]) -> String {
    let before = lab.listing();
    let finished = lab.supervisor(typed).run().assert_code(0);
    assert_eq!(finished.stderr, "", "{typed:?}");
    assert_eq!(lab.listing(), before, "{typed:?}: something was written");
    assert!(lab.leftovers().is_empty(), "{:?}", lab.leftovers());
    finished.stdout
}

fn object(lab: &Lab, typed: &[&str]) -> Value {
    let text = answer(lab, &[typed, &["--output", "json"]].concat());
    assert_eq!(text.lines().count(), 1, "one object a line: {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn assert_refused(lab: &Lab, typed: &[&str], says: &[&str]) {
    let before = lab.listing();
    let finished = lab.supervisor(typed).run().assert_code(2).assert_says(says);
    assert_eq!(finished.stdout, "", "{typed:?}");
    assert_eq!(finished.stderr.matches("error:").count(), 1, "{finished:?}");
    assert_eq!(lab.listing(), before, "{typed:?}: something was written");
}

#[test]
fn a_sequence_gives_its_register_away_and_the_last_line_analyses_it() {
    let lab = Lab::new();
    // s(n+4) = s(n) + s(n+1) from 1000, a whole period.
    lab.write("bits.txt", "# an m-sequence\n10001001 1010111\n");
    let text = answer(&lab, &["lfsr", "--from-sequence", "bits.txt", "2"]);
    for line in [
        "15 symbols over GF(2)",
        "linear complexity 4; of random symbols, about 8 is to be expected",
        "  s(n+4) = s(n) + s(n+1)",
        "  coefficients 1,1,0,0",
        "  f(x) = x^4 + x + 1",
        "no other register of this length generates them",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    let last = text.lines().last().expect("a line");
    let (_, typed) = last.split_once(": supervisor ").expect("a command");
    let typed: Vec<&str> = typed.split(' ').collect();
    lab.supervisor(typed)
        .args(["--run-dir", "run"])
        .run()
        .assert_code(0);
    let register = lab.run_folder("run").experiment("lfsr");
    assert_eq!(register["cycle_lengths"], json!({"1": "1", "15": "1"}));
}

#[test]
fn a_sequence_that_is_too_short_says_how_many_symbols_would_decide() {
    let lab = Lab::new();
    lab.write("late.txt", "0000010001");
    let typed = ["lfsr", "--from-sequence", "late.txt", "2"];
    assert!(
        answer(&lab, &typed)
            .contains("other registers of this length generate them too: 12 symbols would decide")
    );
    let found = object(&lab, &typed);
    assert_eq!(found["schema"], 1);
    assert_eq!(found["symbols"], 10);
    assert_eq!(found["linear_complexity"], 6);
    assert_eq!(found["unique"], false);
    assert_eq!(found["symbols_that_decide"], 12);
    assert_eq!(
        found["profile"],
        json!([{"symbols": 6, "linear_complexity": 6}])
    );
    let csv = answer(&lab, &[&typed[..], &["--output", "csv"]].concat());
    assert_eq!(csv, "symbols,linear_complexity\n6,6\n");
    // The form may come from the environment, as everywhere.
    let finished = lab
        .supervisor(typed)
        .env("SUPERVISOR_OUTPUT", "csv")
        .run()
        .assert_code(0);
    assert_eq!(finished.stdout, csv);
}

#[test]
fn symbols_are_read_in_each_form_over_each_field() {
    let lab = Lab::new();
    let cases = [
        // The Fibonacci numbers modulo 7, run together and between commas.
        ("1123516", "7", vec![], json!([1, 1])),
        ("1,1,2,3;5 1\n6", "7", vec![], json!([1, 1])),
        // s(n+2) = z s(n) + s(n+1) over GF(4).
        ("1 0 2 2 1 2 0", "4", vec![], json!([2, 1])),
        // s(n+1) = 200 s(n) over GF(251): 200^2 = 91, 200^3 = 128.
        ("1 200 91 128", "251", vec![], json!([200])),
        // s(n+1) = z s(n) over GF(9), where z^2 = 2 or, with the usual modulus, z + 1.
        ("1 3 2", "9", vec!["--modulus", "1,0,1"], json!([3])),
        ("1 3 4", "9", vec![], json!([3])),
    ];
    for (text, order, said, coefficients) in cases {
        lab.write("s.txt", text);
        let typed = [&["lfsr", "--from-sequence", "s.txt", order], &said[..]].concat();
        let found = object(&lab, &typed);
        assert_eq!(found["coefficients"], coefficients, "{text:?}");
        assert_eq!(found["unique"], true, "{text:?}");
    }
    let typed = ["lfsr", "--from-sequence", "-", "2"];
    let finished = lab
        .supervisor(typed)
        .through_shell("echo 0001 | \"$@\"")
        .run()
        .assert_code(0);
    assert!(
        finished.stdout.contains("linear complexity 4"),
        "{finished:?}"
    );
}

#[test]
fn all_zero_and_long_registers_are_said_in_words() {
    let lab = Lab::new();
    lab.write("zeros.txt", "0".repeat(100));
    let typed = ["lfsr", "--from-sequence", "zeros.txt", "2"];
    assert!(answer(&lab, &typed).contains("no register is needed"));
    assert_eq!(object(&lab, &typed)["coefficients"], json!([]));
    let late = "0".repeat(999) + "1";
    lab.write("late.txt", &late);
    let text = answer(&lab, &["lfsr", "--from-sequence", "late.txt", "2"]);
    assert!(
        text.contains("1,000 coefficients: --output json has them all"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() < 300), "{text}");
    // More jumps than a table shows: the profile of a sequence that keeps up with n/2.
    let perfect: String = (1..=60u64)
        .map(|n| if n.is_power_of_two() { '1' } else { '0' })
        .collect();
    lab.write("perfect.txt", &perfect);
    let typed = ["lfsr", "--from-sequence", "perfect.txt", "2"];
    let text = answer(&lab, &typed);
    assert!(text.contains("; --output csv lists them all"), "{text}");
    let csv = answer(&lab, &[&typed[..], &["--output", "csv"]].concat());
    let profile = object(&lab, &typed)["profile"].clone();
    assert_eq!(
        csv.lines().count() - 1,
        profile.as_array().expect("jumps").len()
    );
}

#[test]
fn more_symbols_than_are_taken_are_an_error() {
    let lab = Lab::new();
    lab.write("long.txt", "0".repeat(1_000_001));
    assert_refused(
        &lab,
        &["lfsr", "--from-sequence", "long.txt", "2"],
        &["more than 1000000 symbols", "long.txt:1:1000001", "hint: "],
    );
    lab.write("long.txt", "0".repeat(50_001));
    assert_refused(
        &lab,
        &["lfsr", "--from-sequence", "long.txt", "3"],
        &["more than 50000 symbols", "hint: "],
    );
}

#[test]
fn a_state_has_a_period_a_tail_and_an_output() {
    let lab = Lab::new();
    let typed = [
        "lfsr",
        "2",
        "--coefficients",
        "1,1,0,0",
        "--state",
        "1,0,0,0",
    ];
    let text = answer(&lab, &typed);
    assert!(
        text.contains("period 15; the state is on its cycle"),
        "{text}"
    );
    assert!(
        text.contains("\n  100010011010111100010011010111"),
        "{text}"
    );
    let five = [&typed[..], &["--symbols", "5"]].concat();
    let found = object(&lab, &five);
    assert_eq!(found["period"], "15");
    assert_eq!(found["tail_length"], "0");
    assert_eq!(found["minimal_polynomial"], json!([1, 1, 0, 0, 1]));
    assert_eq!(found["linear_complexity"], 4);
    assert_eq!(found["symbols"], json!([1, 0, 0, 0, 1]));
    assert_eq!(found["unknown"], json!([]));
    let csv = answer(&lab, &[&five[..], &["--output", "csv"]].concat());
    assert_eq!(csv, "n,symbol\n0,1\n1,0\n2,0\n3,0\n4,1\n");
    // s(n+3) = s(n+2): two symbols are forgotten.
    let typed = ["lfsr", "2", "--coefficients", "0,0,1", "--state", "101"];
    let text = answer(&lab, &typed);
    assert!(
        text.contains("period 1; tail of 2 steps to its cycle"),
        "{text}"
    );
    // A register of a file, over a field whose elements have several digits.
    lab.write("one.csv", "2,1 # primitive\n");
    let found = object(&lab, &["lfsr", "one.csv", "16", "--state", "10,3"]);
    assert_eq!(found["modulus"], json!([1, 1, 0, 0, 1]));
    assert_eq!(found["symbols"][1], 3);
}

#[test]
fn a_period_that_no_walk_reaches_is_found_by_algebra() {
    let lab = Lab::new();
    let mut coefficients = vec!["0"; 127];
    (coefficients[0], coefficients[1]) = ("1", "1");
    let state = "1".repeat(127);
    let coefficients = coefficients.join(",");
    let typed = [
        "lfsr",
        "2",
        "--coefficients",
        &coefficients,
        "--state",
        &state,
    ];
    assert_eq!(
        object(&lab, &typed)["period"],
        ((1u128 << 127) - 1).to_string()
    );
}

/// Beyond the degree up to which polynomials over GF(3) are factored. The tail is known all the same.
#[test]
fn a_period_that_is_not_found_is_null_with_the_reason() {
    let lab = Lab::new();
    let coefficients = "0,".to_owned() + &["1"; 600].join(",");
    let state = "1".repeat(600) + "2";
    let typed = [
        "lfsr",
        "3",
        "--coefficients",
        &coefficients,
        "--state",
        &state,
    ];
    let found = object(&lab, &typed);
    assert_eq!(found["period"], Value::Null);
    assert_eq!(found["tail_length"], "1");
    assert_eq!(found["unknown"][0]["field"], "period");
    let text = answer(&lab, &typed);
    assert!(
        text.contains("period unknown; tail of 1 step to its cycle"),
        "{text}"
    );
    assert!(text.contains("factored up to degree 512"), "{text}");
}

#[test]
fn the_states_of_each_cycle_are_listed_up_to_the_cap() {
    let lab = Lab::new();
    let typed = ["lfsr", "2", "--coefficients", "1,1,0,0", "--states"];
    let text = answer(&lab, &typed);
    assert!(
        text.contains("      2      15  1000 0001 0010 0100 1001 0011 0110 1101"),
        "{text}"
    );
    assert!(
        text.contains("all 16 periodic states, in 2 cycles"),
        "{text}"
    );
    let found = object(&lab, &typed);
    assert_eq!(found["complete"], true);
    assert_eq!(found["cycles"][0]["states"], json!([[0, 0, 0, 0]]));
    assert_eq!(found["cycles"][1]["length"], "15");
    let five = [&typed[..], &["5"]].concat();
    let text = answer(&lab, &five);
    assert!(
        text.contains("shown: 5 of 16 periodic states; --states 16 lists them all"),
        "{text}"
    );
    let found = object(&lab, &five);
    assert_eq!(found["complete"], false);
    assert_eq!(found["listed_states"], "5");
    assert_eq!(found["cycles"][1]["complete"], false);
    // By algebra: nobody walked it.
    assert_eq!(found["cycles"][1]["length"], "15");
    let csv = answer(&lab, &[&five[..], &["--output", "csv"]].concat());
    assert_eq!(
        csv,
        "cycle,position,state\n1,0,0000\n2,0,1000\n2,1,0001\n2,2,0010\n2,3,0100\n"
    );
}

#[test]
fn states_on_no_cycle_are_counted_and_not_listed() {
    let lab = Lab::new();
    let typed = ["lfsr", "2", "--coefficients", "0,1,1", "--states"];
    let found = object(&lab, &typed);
    assert_eq!(found["transient_states"], "4");
    assert_eq!(
        found["cycles"],
        json!([
            {"length": "1", "complete": true, "states": [[0, 0, 0]]},
            {"length": "3", "complete": true, "states": [[1, 1, 0], [1, 0, 1], [0, 1, 1]]},
        ])
    );
    let text = answer(&lab, &typed);
    assert!(
        text.contains("4 transient states are on no cycle"),
        "{text}"
    );
}

#[test]
fn the_states_of_every_register_of_a_file_are_listed() {
    let lab = Lab::new();
    lab.write("two.csv", "1,1\n1\n");
    let typed = ["lfsr", "two.csv", "2", "--states"];
    let csv = answer(&lab, &[&typed[..], &["--output", "csv"]].concat());
    assert_eq!(
        csv,
        "register,cycle,position,state\n1,1,0,00\n1,2,0,10\n1,2,1,01\n1,2,2,11\n2,1,0,0\n2,2,0,1\n"
    );
    let lines = answer(&lab, &[&typed[..], &["--output", "json"]].concat());
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(answer(&lab, &typed).matches("degree").count(), 2);
}

#[test]
fn a_register_of_any_degree_is_listed_as_far_as_is_asked() {
    let lab = Lab::new();
    let coefficients = ["1"; 200].join(",");
    let typed = ["lfsr", "2", "--coefficients", &coefficients, "--states"];
    let text = answer(&lab, &typed);
    assert!(text.contains("shown: 1,000 of 1,606,938,044,258"), "{text}");
    assert!(text.contains("; --states lists 167,772 at most"), "{text}");
    assert_refused(
        &lab,
        &[&typed[..], &["167773"]].concat(),
        &["at most 167,772 states", "hint: --states 167772"],
    );
}

#[test]
fn what_is_no_sequence_or_no_state_is_refused() {
    let lab = Lab::new();
    lab.write("bad.txt", "0101\n0121\n");
    lab.write("mixed.txt", "0,1\n10,1\n");
    lab.write("empty.txt", "# nothing\n");
    lab.write("two.csv", "1,1\n1\n");
    let from = |file, order| ["lfsr", "--from-sequence", file, order];
    let says: [&[&str]; 6] = [
        &["`2` is no element of GF(2)", "bad.txt:2:3", "hint: "],
        &["`10` is more than one symbol", "mixed.txt:2:1", "hint: "],
        &["it has no symbol", "hint: "],
        &["No such file", "hint: "],
        &["no field of order 6", "hint: "],
        &["`-1` is no element of GF(2)", "hint: "],
    ];
    assert_refused(&lab, &from("bad.txt", "2"), says[0]);
    assert_refused(&lab, &from("mixed.txt", "2"), says[1]);
    assert_refused(&lab, &from("empty.txt", "2"), says[2]);
    assert_refused(&lab, &from("absent.txt", "2"), says[3]);
    assert_refused(&lab, &from("bad.txt", "6"), says[4]);
    let of = |said: &[&'static str]| [&["lfsr", "2", "--coefficients", "1,1"], said].concat();
    assert_refused(&lab, &of(&["--state", "-1,0"]), says[5]);
    assert_refused(
        &lab,
        &of(&["--state", "1"]),
        &["has 2 symbols, not 1", "--state 1", "hint: "],
    );
    assert_refused(&lab, &of(&["--states", "0"]), &["from 1 on"]);
    assert_refused(&lab, &of(&["--states", "--workers", "2"]), &["--workers"]);
    assert_refused(
        &lab,
        &["lfsr", "two.csv", "2", "--state", "1,1"],
        &["--state is of one register", "hint: "],
    );
    assert_refused(
        &lab,
        &["lfsr", "two.csv", "2", "--from-sequence", "bad.txt"],
        &["exclude each other", "hint: "],
    );
    assert_refused(
        &lab,
        &[
            "lfsr",
            "--from-sequence",
            "bad.txt",
            "4",
            "--modulus",
            "1,0,1",
        ],
        &["--modulus", "hint: "],
    );
}
