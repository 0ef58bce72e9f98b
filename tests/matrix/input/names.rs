//! Rows 137 and 138: names of things, and things that are not what their names promise.

use std::path::Path;

use nix::sys::stat::Mode;

use super::{CUSTOM, REGISTER, TASKS, data_is_run, refused, refused_in, run, spec_is_refused};
use crate::common::Lab;

#[test]
fn row_137_names_of_experiments() {
    let named = |name: &str| REGISTER.replacen("\"a\"", name, 1);
    for (name, says) in [
        ("\"\"", "is empty"),
        ("\"../../x\"", "starts with `.`"),
        ("\".\"", "starts with `.`"),
        ("\"/etc/x\"", "has '/' in it"),
        ("\"a\\u0000b\"", "has '\\0' in it"),
        ("\"a\\nb\"", "has '\\n' in it"),
        ("\"\\u001b[2J\"", "has '\\u{1b}' in it"),
        ("\"\\u202e\"", "has '\\u{202e}' in it"),
        ("\"a b\"", "has ' ' in it"),
        ("\"\u{e9}\"", "in it"),
    ] {
        spec_is_refused(named(name), "3:8", &[says]);
    }
    let long = named(&format!("\"{}\"", "x".repeat(1 << 20)));
    spec_is_refused(long, "3:8", &["longer than 100 characters"]);
    let (head, experiment) = REGISTER.split_once('\n').expect("it has lines");
    let twice = |other: &str| format!("{head}\n{experiment}{}", experiment.replace("\"a\"", other));
    spec_is_refused(twice("\"a\""), "8:8", &["two experiments are named `a`"]);
    // A name becomes no path: these are as good as any.
    for name in ["\"CON\"", "\"A\"", "\"-\""] {
        let lab = Lab::new();
        lab.write("s.toml", twice(name));
        run(
            &lab,
            &[
                "run",
                "s.toml",
                "--run-dir",
                "run",
                "--start-method",
                "inline",
            ],
        )
        .assert_code(0);
        lab.run_folder("run").assert_all_ok(4);
    }
}

/// Series have the names that their file gives them. They are part of an id, never of a path, and reach a
/// terminal only escaped.
#[test]
fn row_137_names_of_series() {
    let long = "x".repeat(1 << 20);
    let names = [
        "../../x",
        "/etc/x",
        "a\0b",
        "CON",
        ".",
        "..",
        "\u{1b}[2J",
        "\u{202e}",
        "a b",
        "%2e",
        &long,
    ];
    for name in names {
        // A series too short for its model: the name is said.
        let (lab, finished) = data_is_run(format!("\"{name}\",b\n1,1\n,2\n,3\n"), 1);
        let plain = |text: &str| {
            text.chars()
                .all(|c| c == '\n' || c == '\t' || !c.is_control())
        };
        assert!(
            plain(&finished.stderr) && plain(&finished.stdout),
            "{finished:?}"
        );
        assert!(!finished.stderr.contains('\u{202e}'), "{finished:?}");
        let results = lab.run_folder("run").results();
        let id = results[0]["task"].as_str().expect("an id is text");
        assert_eq!(id.split('/').count(), 3, "{id}");
        assert!(id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
        let outside = lab
            .listing()
            .into_keys()
            .filter(|path| !path.starts_with(lab.path("run")));
        assert_eq!(outside.collect::<Vec<_>>(), [lab.path("d.csv")]);
    }
    // Two that look alike are two.
    for (one, other) in [("a", "A"), ("\u{e9}", "e\u{301}")] {
        let (lab, _) = data_is_run(format!("{one},{other}\n1,2\n2,3\n3,4\n"), 0);
        lab.run_folder("run").assert_all_ok(2);
    }
    refused(
        &[("d.csv", b"a,a\n1,2\n2,3\n")],
        &CUSTOM,
        &["the name `a` is taken", "hint: "],
    );
}

#[test]
fn row_138_unknown_words() {
    for (from, to, place, says) in [
        (
            "schema = 1\n",
            "schema = 1\nsed = 3\n",
            "2:1",
            "did you mean `seed`?",
        ),
        (
            "kind = \"lfsr\"",
            "kind = \"lfs\"",
            "4:8",
            "did you mean `lfsr`?",
        ),
        ("kind = \"lfsr\"\n", "", "2:1", "lacks the field `kind`"),
        ("gf-order", "gf-ordr", "5:1", "did you mean `gf-order`?"),
        (
            "[[experiment]]",
            "[experiment]",
            "2:1",
            "two pairs of brackets",
        ),
        (
            "[[experiment]]",
            "[runn]\n[[experiment]]",
            "2:2",
            "did you mean `run`?",
        ),
        ("schema = 1", "schema = 2", "1:10", "schema"),
        ("schema = 1\n", "", "1:1", "schema"),
    ] {
        spec_is_refused(REGISTER.replacen(from, to, 1), place, &[says]);
    }
    refused(&[], &["run", "--wrokers", "2"], &["--wrokers", "--workers"]);
    refused(&[], &["frobnicate"], &["frobnicate", "--help"]);
    refused(
        &[],
        &["run", "--start-method", "thread"],
        &["thread", "fork, spawn, inline"],
    );
    refused(
        &[],
        &["run", "--set", "run.worker=3"],
        &["worker", "hint: "],
    );
    refused(&[], &["forecast", "--mode", "m5"], &["m5"]);
    refused(
        &[],
        &["forecast", "--mode", "synthetic", "--models", "naive,thet"],
        &["theta", "hint: "],
    );
}

/// Nobody waits for what a pipe or a device may still bring.
#[test]
fn row_138_files_that_are_none() {
    let lab = Lab::new();
    std::fs::create_dir(lab.root().join("folder")).expect("a folder can be made");
    nix::unistd::mkfifo(&lab.root().join("fifo"), Mode::S_IRWXU).expect("a FIFO can be made");
    let here = |name: &str| lab.root().join(name).display().to_string();
    let paths = [
        (here("folder"), "folder"),
        (here("fifo"), ""),
        (here("missing"), ""),
        ("/dev/zero".to_owned(), ""),
        ("/dev/urandom".to_owned(), ""),
        ("/dev/null".to_owned(), ""),
        ("/dev/stdin".to_owned(), ""),
        ("-".to_owned(), ""),
    ];
    for (path, says) in &paths {
        refused_in(&lab, &["run", path], &[path, says, "hint: "]);
        refused_in(&lab, &["lfsr", path, "2"], &["hint: ", says]);
        for mode in [&["custom"][..], &["m3", "--frequency", "monthly"]] {
            let mut typed = vec!["forecast", "--data", path, "--mode"];
            typed.extend(mode);
            refused_in(&lab, &typed, &["hint: "]);
        }
        if Path::new(path).is_absolute() {
            refused_in(&lab, &["resume", path], &["hint: "]);
        }
    }
}

/// A spec is named, never piped in: whoever closes standard input takes nothing away.
#[test]
fn row_138_no_standard_input() {
    let lab = Lab::new();
    lab.write("s.toml", TASKS);
    let command = lab.supervisor(["run", "s.toml", "--run-dir", "run"]);
    command
        .through_shell("exec \"$@\" <&-")
        .run()
        .assert_code(0);
    lab.run_folder("run").assert_all_ok(4);
    let finished = lab
        .supervisor(["run", "-"])
        .through_shell("exec \"$@\" <&-")
        .run()
        .assert_code(2)
        .assert_says(&["failed to read -", "hint: "]);
    assert_eq!(finished.stdout, "");
}
