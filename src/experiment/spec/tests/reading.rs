//! From text to a spec.

use std::path::Path;
use std::time::Duration;

use super::super::*;
use super::{SMALL, parse, said, shown};

#[test]
fn a_spec_is_read() {
    let spec = parse(SMALL).unwrap();
    assert_eq!(spec.seed, Some(7));
    assert_eq!(spec.run.workers, Some(Workers::Count(2)));
    assert_eq!(
        spec.run.timeout,
        Some(OrNone(Some(TimeSpan(Duration::from_secs(60)))))
    );
    let Kind::Forecast(forecast) = &spec.experiments[0].kind else {
        panic!("not a forecast");
    };
    let names: Vec<&str> = forecast.models.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["naive", "again", "theta"]);
    assert_eq!(forecast.max_series, Some(3));
    let Kind::Lfsr(lfsr) = &spec.experiments[1].kind else {
        panic!("not an lfsr");
    };
    assert_eq!(lfsr.coefficients, Coefficients::Inline(vec![1, 1, 0, 0]));
    assert_eq!(lfsr.analysis, None, "that depends on the register");
}

#[test]
fn an_unknown_model_is_shown_with_the_nearest() {
    assert!(said("\"theta\"", "\"thetta\"").ends_with(
        " in experiment `made`\n  a.toml:14:57\n  14 | models = [\"naive\", { model = \"naive\", name = \"again\" }, \"thetta\"]\n     |                                                         ^^^^^^^^\nhint: did you mean `theta`?"
    ), "{}", said("\"theta\"", "\"thetta\""));
}

#[test]
fn an_unknown_parameter_is_shown_where_it_is() {
    let text = said("\"theta\"", "{ model = \"theta\", speed = 3 }");
    assert!(text.contains("\n  a.toml:14:76\n"), "{text}");
    assert!(text.contains("^^^^^"), "{text}");
}

#[test]
fn bad_specs_are_told_in_these_words() {
    let cases = [
        (
            "horizon = 6",
            "horzion = 6",
            "error: unknown field `horzion` in experiment `made`\n  a.toml:13:1\n  13 | horzion = 6\n     | ^^^^^^^\nhint: did you mean `horizon`?",
        ),
        (
            "horizon = 6",
            "horizon = \"6\"",
            "error: `horizon` in experiment `made` must be an integer, not a string\n  a.toml:13:11\n  13 | horizon = \"6\"\n     |           ^^^",
        ),
        (
            "horizon = 6",
            "horizon = 0",
            "error: `horizon` in experiment `made`: 0 is not from 1 to 1000000\n  a.toml:13:11\n  13 | horizon = 0\n     |           ^",
        ),
        (
            "horizon = 6",
            "horizon = 6\nhorizon = 7",
            "error: not valid TOML: duplicate key\n  a.toml:14:1\n  14 | horizon = 7\n     | ^^^^^^^\nhint: a spec is TOML; `supervisor run` without one writes an example, `spec.toml`, into its run folder",
        ),
        (
            "workers = 2",
            "workers = 0",
            "error: `workers` in [run]: 0 workers can do nothing\n  a.toml:5:11\n  5 | workers = 0\n    |           ^\nhint: write a number from 1 to 4096, or `auto`",
        ),
        (
            "\"60s\"",
            "10",
            "error: `timeout` in [run]: `10` has no unit\n  a.toml:6:11\n  6 | timeout = 10\n    |           ^^\nhint: write a number and a unit: ms, s, m, h or d, as in `90s`",
        ),
        (
            "name = \"gf2\"",
            "name = \"made\"",
            "error: two experiments are named `made`\n  a.toml:17:8\n  17 | name = \"made\"\n     |        ^^^^^^\nhint: the name is part of every task's id: give each experiment its own",
        ),
        (
            "name = \"gf2\"",
            "name = \"../../x\"",
            "error: `name` in experiment 2: the name `../../x` starts with `.`\n  a.toml:17:8\n  17 | name = \"../../x\"\n     |        ^^^^^^^^^\nhint: a name has letters, digits, `-`, `_` and `.`, and does not start with `.`",
        ),
        (
            "name = \"again\"",
            "name = \"naive\"",
            "error: two models of experiment `made` are named `naive`\n  a.toml:14:20\n  14 | models = [\"naive\", { model = \"naive\", name = \"naive\" }, \"theta\"]\n     |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\nhint: give one a name of its own: { model = \"naive\", name = \"...\" }",
        ),
        (
            "mode = \"synthetic\"",
            "mode = \"m3\"",
            "error: experiment `made` lacks the field `data`\n  a.toml:8:1\n  8 | [[experiment]]\n    | ^^^^^^^^^^^^^^\nhint: mode `m3` needs the competition's folder",
        ),
        (
            "kind = \"lfsr\"",
            "kind = \"lsfr\"",
            "error: `kind` in experiment `gf2`: unknown kind `lsfr`\n  a.toml:18:8\n  18 | kind = \"lsfr\"\n     |        ^^^^^^\nhint: did you mean `lfsr`?",
        ),
        (
            "[1, 1, 0, 0]",
            "[1, 2, 0, 0]",
            "error: `coefficients` in experiment `gf2`: 2 is not from 0 to 1\n  a.toml:20:20\n  20 | coefficients = [1, 2, 0, 0]\n     |                    ^\nhint: the elements of GF(2) are 0 to 1",
        ),
        (
            "[1, 1, 0, 0]",
            "[1, 1, 0, 0]\nanalysis = \"bath\"",
            "error: `analysis` in experiment `gf2`: unknown analysis `bath`\n  a.toml:21:12\n  21 | analysis = \"bath\"\n     |            ^^^^^^\nhint: did you mean `both`?",
        ),
        (
            "horizon = 6",
            "season-length = [365, 7]",
            "error: `season-length` in experiment `made`: 7 does not follow what is before it\n  a.toml:13:23\n  13 | season-length = [365, 7]\n     |                       ^\nhint: list each season once, from the shortest to the longest",
        ),
        (
            "horizon = 6",
            "season-length = []",
            "error: `season-length` in experiment `made`: 0 seasons are asked for\n  a.toml:13:17\n  13 | season-length = []\n     |                 ^^\nhint: give one, or a list of at most 4",
        ),
        (
            "horizon = 6",
            "level = [80, 100]",
            "error: `level` in experiment `made`: 100 is not between 0 and 100\n  a.toml:13:14\n  13 | level = [80, 100]\n     |              ^^^\nhint: a level is in per cent, such as 80 or 95",
        ),
        (
            "horizon = 6",
            "level = [80, 80.0]",
            "error: `level` in experiment `made`: 80 is there twice\n  a.toml:13:14\n  13 | level = [80, 80.0]\n     |              ^^^^",
        ),
        (
            "horizon = 6",
            "windows = 0",
            "error: `windows` in experiment `made`: 0 is not from 1 to 10000\n  a.toml:13:11\n  13 | windows = 0\n     |           ^",
        ),
        (
            "horizon = 6",
            "fallback = \"thet\"",
            "error: as a fallback: no model is named `thet` in experiment `made`\n  a.toml:13:12\n  13 | fallback = \"thet\"\n     |            ^^^^^^\nhint: did you mean `theta`?",
        ),
        (
            "name = \"again\" }",
            "name = \"again\", fallback = \"naive\" }",
            "error: `fallback` in a model of experiment `made`: `naive` cannot stand in for itself\n  a.toml:14:66\n  14 | models = [\"naive\", { model = \"naive\", name = \"again\", fallback = \"naive\" }, \"theta\"]\n     |                                                                  ^^^^^^^\nhint: name another model",
        ),
        (
            "schema = 1",
            "schema = 2",
            "error: `schema` in the spec: 2 is not known to this version\n  a.toml:1:10\n  1 | schema = 2\n    |          ^\nhint: this version reads schema 1",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(said(from, to), expected);
    }
}

#[test]
fn values_out_of_their_range_are_refused() {
    let cases = [
        ("seed = 7", "seed = -1"),
        ("seed = 7", "seed = 9223372036854775808"),
        ("seed = 7", "seed = 1.0"),
        ("schema = 1\n", ""),
        ("workers = 2", "workers = -3"),
        ("workers = 2", "workers = 1000000000"),
        ("workers = 2", "workers = true"),
        ("workers = 2", "retries = 1000000000"),
        ("workers = 2", "memory = \"1KiB\""),
        ("workers = 2", "grace = \"none\""),
        ("\"60s\"", "\"0s\""),
        ("\"60s\"", "\"-1s\""),
        ("\"60s\"", "\"1000000000000000000h\""),
        ("\"60s\"", "1979-05-27"),
        ("[run]", "[[run]]"),
        ("[run]", "[runs]"),
        ("gf-order = 2", "gf-order = 1"),
        ("gf-order = 2", "gf-order = 0"),
        ("gf-order = 2", "gf-order = -4"),
        ("gf-order = 2", "gf-order = 4294967298"),
        ("[1, 1, 0, 0]", "[]"),
        ("[1, 1, 0, 0]", "[-1]"),
        ("[1, 1, 0, 0]", "[1.5]"),
        ("[1, 1, 0, 0]", "[1]\nmodulus = [1, 256]"),
        ("[1, 1, 0, 0]", "[1]\nfile = \"x.csv\""),
        ("max-series = 3", "max-series = 0"),
        ("max-series = 3", "data = \"x\""),
        ("max-series = 3", "frequency = \"monthly\""),
        ("\"synthetic\"", "\"m5\""),
        ("\"theta\"", "5"),
        ("\"theta\"", "{ name = \"x\" }"),
        ("\"theta\"", "{ model = \"theta\", name = \"a/b\" }"),
        ("\"theta\"", "{ model = \"theta\", speed = nan }"),
        (
            "\"theta\"",
            "{ model = \"theta\", speed = 9007199254740993 }",
        ),
        ("name = \"gf2\"", "name = \"\""),
        ("name = \"gf2\"", "name = \"a\\u0000b\""),
        ("name = \"gf2\"", "name = \"a\\u202eb\""),
        ("name = \"gf2\"", "title = \"x\""),
    ];
    for (from, to) in cases {
        assert!(said(from, to).starts_with("error: "), "{to}");
    }
}

#[test]
fn a_spec_without_experiments_is_refused() {
    for text in [
        "schema = 1",
        "schema = 1\nexperiment = []",
        "schema = 1\n[experiment]\nname = \"x\"",
    ] {
        let error = parse(text).expect_err(text);
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("[[experiment]]")),
            "{text}"
        );
    }
}

#[test]
fn a_file_cannot_move_the_cursor_of_who_reads_its_errors() {
    let text = parse("schema = 1\n\"\\u001b[2J\\u202e\" = 1")
        .expect_err("a field")
        .to_string();
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text:?}"
    );
    let text = parse("schema = 1\nx\u{1b}[2J = 1")
        .expect_err("a key")
        .to_string();
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn nesting_without_end_is_refused() {
    for open in ["[", "{a="] {
        let text = format!("schema = 1\nx = {}", open.repeat(100_000));
        assert!(parse(&text).is_err());
    }
    let keys = "a.".repeat(100_000);
    assert!(parse(&format!("schema = 1\n{keys}b = 1")).is_err());
}

#[test]
fn settings_go_into_the_document_and_errors_point_at_the_flag() {
    let with = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        RunSpec::parse_with(SMALL, Path::new("a.toml"), &sets)
    };
    let spec = with(&[
        "seed=9",
        "run.timeout=none",
        "run.retries=0",
        "experiment.gf2.coefficients=[1, 0, 1]",
        "experiment.made.models=[\"ses\"]",
        "experiment.made.horizon=1",
        "experiment.made.horizon=2",
    ])
    .unwrap();
    assert_eq!(spec.seed, Some(9));
    assert_eq!(spec.run.timeout, Some(OrNone(None)));
    assert_eq!(spec.run.retries, Some(Retries(0)));
    let Kind::Forecast(forecast) = &spec.experiments[0].kind else {
        panic!("not a forecast");
    };
    assert_eq!((forecast.models.len(), forecast.horizon), (1, Some(2)));

    let cases = [
        (
            "run.timeout=0s",
            "error: `timeout` in [run]: `0s` is no time at all\n  --set run.timeout=0s\n                    ^^\nhint: it must be above 0",
        ),
        (
            "run.tiemout=1s",
            "error: unknown field `tiemout` in [run]\n  --set run.tiemout=1s\n            ^^^^^^^\nhint: did you mean `timeout`?",
        ),
        (
            "experiment.mads.horizon=1",
            "error: no experiment is named `mads`\n  --set experiment.mads.horizon=1\n        ^^^^^^^^^^^^^^^^^^^^^^^^^\nhint: did you mean `made`?",
        ),
        (
            "experiment.made.models=[\"naive\"",
            "error: not valid TOML: unclosed array, expected `]`\n  --set experiment.made.models=[\"naive\"\n                                      ^\nhint: ",
        ),
        (
            "verbose",
            "error: a setting needs `=`\n  --set verbose\n        ^^^^^^^\nhint: write --set run.KEY=VALUE or --set experiment.NAME.KEY=VALUE",
        ),
        (
            "a.b=1",
            "error: `a.b` is no field of a spec\n  --set a.b=1\n        ^^^^^\nhint: write --set run.KEY=VALUE or --set experiment.NAME.KEY=VALUE",
        ),
    ];
    for (set, expected) in cases {
        let text = shown(&with(&[set]).expect_err(set));
        if expected.contains("not valid TOML") {
            // Those words are the TOML reader's own; the place is ours.
            assert!(text.starts_with("error: not valid TOML"), "{text}");
            assert!(
                text.contains("\n  --set experiment.made.models=[\"naive\"\n"),
                "{text}"
            );
        } else {
            assert_eq!(text, expected);
        }
    }
}

#[test]
fn a_name_with_dots_can_be_set() {
    let text = SMALL.replace("\"gf2\"", "\"a.b.c\"");
    let sets = ["experiment.a.b.c.gf-order=3".to_owned()];
    let spec = RunSpec::parse_with(&text, Path::new("a.toml"), &sets).unwrap();
    let Kind::Lfsr(lfsr) = &spec.experiments[1].kind else {
        panic!("not an lfsr");
    };
    assert_eq!(lfsr.gf_order, 3);
}

#[test]
fn commands_make_the_spec_that_a_file_would() {
    let arguments = ForecastArguments {
        mode: "synthetic".into(),
        models: Some("naive, theta".into()),
        max_series: Some(3),
        test_size: Some(6),
        ..ForecastArguments::default()
    };
    let spec = RunSpec::for_forecast(&arguments, &[]).unwrap();
    let same = parse(
        "schema = 1\n[[experiment]]\nname = \"forecast\"\nkind = \"forecast\"\nmode = \"synthetic\"\nmodels = [\"naive\", \"theta\"]\nmax-series = 3\nhorizon = 6",
    );
    assert_eq!(Ok(spec), same);

    let arguments = LfsrArguments {
        gf_order: 2,
        coefficients: Some("1,1,0,2".into()),
        ..LfsrArguments::default()
    };
    assert_eq!(
        shown(&RunSpec::for_lfsr(&arguments, &[]).unwrap_err()),
        "error: `coefficients` in experiment `lfsr`: 2 is not from 0 to 1\n  --coefficients 1,1,0,2\n                       ^\nhint: the elements of GF(2) are 0 to 1"
    );
    let arguments = LfsrArguments {
        gf_order: 2,
        ..LfsrArguments::default()
    };
    assert!(RunSpec::for_lfsr(&arguments, &[]).is_err());
}

#[test]
fn the_default_models_of_a_forecast_exist() {
    let arguments = ForecastArguments {
        mode: "synthetic".into(),
        ..ForecastArguments::default()
    };
    assert!(RunSpec::for_forecast(&arguments, &[]).is_ok());
}

#[test]
fn only_regular_files_of_utf_8_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, b"schema = 1\n\xff").unwrap();
    for (path, why) in [
        (folder.path(), "it is a folder"),
        (file.as_path(), "line 2, column 1 is not UTF-8 text"),
    ] {
        let error = RunSpec::read(path, &[]).unwrap_err();
        assert_eq!(
            error.problem(),
            &Problem::Unreadable {
                path: path.to_owned(),
                reason: why.to_owned(),
            }
        );
    }
    #[cfg(unix)]
    assert!(RunSpec::read(Path::new("/dev/zero"), &[]).is_err());
    assert!(RunSpec::read(&folder.path().join("none.toml"), &[]).is_err());
}

#[test]
fn a_spec_with_a_mark_or_with_crlf_is_read_alike() {
    let crlf = SMALL.replace('\n', "\r\n");
    assert_eq!(parse(&crlf), parse(SMALL));
    assert_eq!(parse(&format!("\u{feff}{SMALL}")), parse(SMALL));
}

#[test]
fn a_spec_cut_anywhere_does_no_harm() {
    for end in 0..SMALL.len() {
        if let Err(error) = parse(&SMALL[..end]) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[cfg(not(feature = "fault"))]
#[test]
fn without_the_feature_there_is_no_kind_fault() {
    let text = said("kind = \"lfsr\"", "kind = \"fault\"");
    assert!(text.contains("unknown kind `fault`"), "{text}");
}
