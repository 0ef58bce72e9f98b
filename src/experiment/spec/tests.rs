//! Specs as people write them, and the exact words of what is said about bad ones.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::experiment::plan::Body;

const SMALL: &str = r#"schema = 1
seed = 7

[run]
workers = 2
timeout = "60s"

[[experiment]]
name = "made"
kind = "forecast"
mode = "synthetic"
max-series = 3
horizon = 6
models = ["naive", { model = "naive", name = "again" }, "theta"]

[[experiment]]
name = "gf2"
kind = "lfsr"
gf-order = 2
coefficients = [1, 1, 0, 0]
"#;

fn parse(text: &str) -> Result<RunSpec, SpecError> {
    RunSpec::parse(text, Path::new("a.toml"))
}

/// The whole of what a person sees.
fn shown(error: &SpecError) -> String {
    match error.hint() {
        Some(hint) => format!("error: {error}\nhint: {hint}"),
        None => format!("error: {error}"),
    }
}

/// What is said of the small spec with `from` replaced by `to`.
fn said(from: &str, to: &str) -> String {
    assert_eq!(SMALL.matches(from).count(), 1, "{from}");
    shown(&parse(&SMALL.replace(from, to)).expect_err(to))
}

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
    assert_eq!(lfsr.analysis, Analysis::Enumerate);
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
            "error: not valid TOML: duplicate key\n  a.toml:14:1\n  14 | horizon = 7\n     | ^^^^^^^",
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
            "[1, 1, 0, 0]\nanalysis = \"both\"",
            "error: `analysis` in experiment `gf2`: `both` is not built yet\n  a.toml:21:12\n  21 | analysis = \"both\"\n     |            ^^^^^^\nhint: only `enumerate` is; it is the default",
        ),
        (
            "horizon = 6",
            "season-length = [7, 365]",
            "error: `season-length` in experiment `made`: lists of several seasons are not built yet\n  a.toml:13:17\n  13 | season-length = [7, 365]\n     |                 ^^^^^^^^\nhint: give a single one",
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
        ("[1, 1, 0, 0]", "[1]\nmodulus = [1, 1]"),
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
fn the_built_in_example_is_read_and_resolved() {
    let resolved = resolve(&RunSpec::built_in(), Path::new("/nowhere")).unwrap();
    let kinds: Vec<&str> = resolved
        .plan
        .experiments()
        .iter()
        .map(|planned| planned.body.kind())
        .collect();
    assert_eq!(kinds, ["forecast", "lfsr", "lfsr"]);
    assert!(resolved.needs_store.is_empty());
    assert!(resolved.plan.len() < 1000);
}

#[test]
fn what_is_written_is_read_back_equal() {
    for spec in [RunSpec::built_in(), parse(SMALL).unwrap()] {
        assert_eq!(parse(&spec.to_toml()), Ok(spec.clone()));
        let resolved = resolve(&spec, Path::new("/nowhere")).unwrap();
        assert_eq!(parse(&resolved.spec.to_toml()), Ok(resolved.spec.clone()));
    }
}

#[test]
fn the_digest_covers_what_decides_results_and_nothing_else() {
    let digest = |text: &str| {
        let resolved = resolve(&parse(text).unwrap(), Path::new("/nowhere")).unwrap();
        let again = resolve(
            &parse(&resolved.spec.to_toml()).unwrap(),
            Path::new("/other"),
        )
        .unwrap();
        assert_eq!(resolved.plan.digest(), again.plan.digest());
        resolved.plan.digest()
    };
    let first = digest(SMALL);
    for (from, to) in [
        ("workers = 2", "workers = 5\nstart-method = \"inline\""),
        ("[1, 1, 0, 0]", "[1, 1, 0, 0]\nanalysis = \"enumerate\""),
    ] {
        assert_eq!(digest(&SMALL.replace(from, to)), first, "{to}");
    }
    for (from, to) in [
        ("seed = 7", "seed = 8"),
        ("horizon = 6", "horizon = 5"),
        ("max-series = 3", "max-series = 2"),
        ("\"made\"", "\"make\""),
        ("\"theta\"", "\"ses\""),
        ("\"again\"", "\"again2\""),
        ("[1, 1, 0, 0]", "[1, 0, 1, 0]"),
        ("gf-order = 2", "gf-order = 3"),
    ] {
        assert_ne!(digest(&SMALL.replace(from, to)), first, "{to}");
    }
}

#[test]
fn a_composite_order_is_refused_with_its_place() {
    let spec = parse(&SMALL.replace("gf-order = 2", "gf-order = 6")).unwrap();
    let error = resolve(&spec, Path::new("/nowhere")).unwrap_err();
    assert_eq!(error.line_and_column(), Some((19, 12)));
}

#[test]
fn too_many_states_are_refused_with_their_place() {
    let ones = vec!["1"; 41].join(", ");
    let spec = parse(&SMALL.replace("[1, 1, 0, 0]", &format!("[{ones}]"))).unwrap();
    let error = resolve(&spec, Path::new("/nowhere")).unwrap_err();
    assert_eq!(error.line_and_column().map(|(line, _)| line), Some(20));
}

#[test]
fn a_horizon_that_no_series_can_give_is_refused() {
    let spec = parse(&SMALL.replace("horizon = 6", "horizon = 1000000")).unwrap();
    let error = resolve(&spec, Path::new("/nowhere")).unwrap_err();
    assert!(shown(&error).contains("a.toml:"), "{}", shown(&error));
}

#[test]
fn missing_data_is_refused_with_the_place_of_its_field() {
    let text = SMALL.replace(
        "mode = \"synthetic\"",
        "mode = \"custom\"\ndata = \"not-there.csv\"",
    );
    let folder = tempfile::tempdir().unwrap();
    let error = resolve(&parse(&text).unwrap(), folder.path()).unwrap_err();
    let text = shown(&error);
    assert_eq!(error.line_and_column(), Some((12, 8)), "{text}");
    assert!(text.contains("not-there.csv"), "{text}");
}

#[test]
fn custom_data_is_found_beside_the_spec_and_its_path_is_not_in_the_digest() {
    let text = SMALL.replace(
        "mode = \"synthetic\"\nmax-series = 3",
        "mode = \"custom\"\ndata = \"a.csv\"",
    );
    let values: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
    let resolve_in = |folder: &Path| {
        std::fs::write(folder.join("a.csv"), format!("a\n{}\n", values.join("\n"))).unwrap();
        resolve(&parse(&text).unwrap(), folder).unwrap()
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (resolve_in(one.path()), resolve_in(two.path()));
    assert_eq!(first.plan.digest(), second.plan.digest());
    assert_ne!(first.spec, second.spec);
    assert_eq!(first.notes.len(), 1);
    let again = resolve(&parse(&first.spec.to_toml()).unwrap(), two.path()).unwrap();
    assert_eq!(again.spec, first.spec);
}

#[test]
fn a_nan_in_the_data_is_refused_before_anything_starts() {
    let text = SMALL.replace(
        "mode = \"synthetic\"\nmax-series = 3",
        "mode = \"custom\"\ndata = \"a.csv\"",
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "a\n1\n2\nnan\n4\n5\n6\n7\n8\n").unwrap();
    let error = resolve(&parse(&text).unwrap(), folder.path()).unwrap_err();
    assert_eq!(error.line_and_column(), Some((12, 8)));
}

#[test]
fn rows_of_a_file_become_experiments() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.csv");
    let text = SMALL.replace("coefficients = [1, 1, 0, 0]", "file = \"rows.csv\"");
    let spec = parse(&text).unwrap();
    let names = |resolved: &Resolved| -> Vec<String> {
        let experiments = resolved.plan.experiments().iter();
        experiments
            .skip(1)
            .map(|planned| planned.name.clone())
            .collect()
    };

    std::fs::write(
        &file,
        "\u{feff}# two registers\r\n1,1,0,0\r\n\r\n 1; 0 1 # the second\r\n",
    )
    .unwrap();
    let several = resolve(&spec, folder.path()).unwrap();
    assert_eq!(names(&several), ["gf2-1", "gf2-2"]);
    assert_eq!(
        resolve(&parse(&several.spec.to_toml()).unwrap(), Path::new("/"))
            .unwrap()
            .plan
            .digest(),
        several.plan.digest()
    );

    std::fs::write(&file, "1,1,0,0").unwrap();
    let single = resolve(&spec, folder.path()).unwrap();
    assert_eq!(names(&single), ["gf2"]);
    let inline = resolve(&parse(SMALL).unwrap(), folder.path()).unwrap();
    assert_eq!(single.plan.digest(), inline.plan.digest());

    std::fs::write(&file, "1,1\n1, 0,2\n").unwrap();
    let error = resolve(&spec, folder.path()).unwrap_err();
    assert_eq!(error.line_and_column(), Some((2, 6)), "{error}");
    for bad in ["", "# nothing\n", "x\n", "1,-1\n", "1,,é\n"] {
        std::fs::write(&file, bad).unwrap();
        assert!(resolve(&spec, folder.path()).is_err(), "{bad:?}");
    }

    // Two names that meet only after the rows are counted.
    std::fs::write(&file, "1,1\n1,0\n").unwrap();
    let clash = parse(&text.replace("\"made\"", "\"gf2-2\"")).unwrap();
    let error = resolve(&clash, folder.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("two experiments are named `gf2-2`"),
        "{error}"
    );
}

#[test]
fn only_regular_files_of_utf_8_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, b"schema = 1\n\xff").unwrap();
    for (path, why) in [
        (folder.path(), "it is a folder"),
        (file.as_path(), "byte 11 is not UTF-8"),
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

#[cfg(feature = "fault")]
#[test]
fn with_the_feature_faults_are_read_and_written() {
    let text = "schema = 1\n[[experiment]]\nname = \"bad\"\nkind = \"fault\"\ntasks = 5\nfault = \"abort\"\nevery = 2\nattempts = 1\n";
    let spec = parse(text).unwrap();
    assert_eq!(parse(&spec.to_toml()), Ok(spec.clone()));
    let resolved = resolve(&spec, Path::new("/")).unwrap();
    let Body::Fault(body) = &resolved.plan.experiments()[0].body else {
        panic!("not a fault");
    };
    assert_eq!((body.tasks, body.every, body.attempts), (5, 2, 1));
    assert_eq!(body.action, "abort");
}

#[test]
fn a_store_is_set_in_the_plan_and_nowhere_else() {
    let resolved = resolve(&parse(SMALL).unwrap(), Path::new("/")).unwrap();
    let digest = resolved.plan.digest();
    let stored = resolved.with_store("made", "there".into());
    let Body::Forecast(body) = &stored.plan.experiments()[0].body else {
        panic!("not a forecast");
    };
    assert_eq!(body.store.as_deref(), Some("there"));
    assert_eq!(stored.plan.digest(), digest);
}

#[test]
fn a_series_too_long_for_a_message_asks_for_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let text = SMALL.replace(
        "mode = \"synthetic\"\nmax-series = 3",
        "mode = \"custom\"\ndata = \"a.csv\"",
    );
    for (length, needs) in [(6000, &[][..]), (6001, &["made".to_owned()][..])] {
        let values: Vec<String> = (0..length).map(|n| (n % 7).to_string()).collect();
        std::fs::write(folder.path().join("a.csv"), values.join("\n")).unwrap();
        let resolved = resolve(&parse(&text).unwrap(), folder.path()).unwrap();
        assert_eq!(resolved.needs_store, needs, "{length} values");
        let stored = resolved.with_store("made", "there".into());
        assert!(stored.needs_store.is_empty());
    }
}

/// A digest that changes makes every run folder of an older version one of another plan. This one may
/// change only together with the schema.
#[test]
fn the_digest_of_a_known_spec_is_known() {
    let spec = parse("schema = 1\nseed = 1\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 2\ncoefficients = [1, 1]").unwrap();
    let resolved = resolve(&spec, Path::new("/")).unwrap();
    let covered = br#"{"schema":1,"seed":1,"experiments":[{"name":"a","kind":"lfsr","gf_order":2,"coefficients":[1,1],"analysis":"enumerate"}]}"#;
    assert_eq!(resolved.plan.digest().0, *blake3::hash(covered).as_bytes());
}

/// A spec with a few bytes changed, at places that may make it worse.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        0..SMALL.len(),
        0..6usize,
        "[\\[\\]{}\",=.#\\\\0-9a-zé\u{0}\n -]{0,4}",
    );
    prop::collection::vec(edit, 1..5).prop_map(|edits| {
        let mut text = SMALL.to_owned();
        for (at, remove, insert) in edits {
            let clamp = |text: &str, at: usize| {
                (0..=at.min(text.len()))
                    .rev()
                    .find(|at| text.is_char_boundary(*at))
                    .unwrap_or(0)
            };
            let start = clamp(&text, at);
            let end = clamp(&text, start + remove).max(start);
            text.replace_range(start..end, &insert);
        }
        text
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse(&text).map_err(|error| shown(&error));
    }

    #[test]
    fn no_text_behind_a_good_beginning_panics(text in "(?s).{0,80}") {
        let _ = parse(&format!("schema = 1\n{text}")).map_err(|error| shown(&error));
        let _ = RunSpec::parse_with(SMALL, Path::new("a.toml"), &[text]).map_err(|error| shown(&error));
    }

    #[test]
    fn no_mutation_panics_and_what_is_read_is_written_and_read_again(text in mutated()) {
        match parse(&text) {
            Ok(spec) => prop_assert_eq!(parse(&spec.to_toml()), Ok(spec)),
            Err(error) => prop_assert!(!shown(&error).is_empty()),
        }
    }

    #[test]
    fn no_setting_panics(key in "(run|experiment\\.made|experiment\\.gf2|seed|schema)(\\.[a-z-]{0,12})?", value in ".{0,20}") {
        let sets = [format!("{key}={value}")];
        let _ = RunSpec::parse_with(SMALL, Path::new("a.toml"), &sets).map_err(|error| shown(&error));
    }

    #[test]
    fn no_file_of_rows_panics(text in "[0-3,; #é\u{3000}\t\r\nx-]{0,60}") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.csv"), &text).unwrap();
        let spec = parse(&SMALL.replace("coefficients = [1, 1, 0, 0]", "file = \"rows.csv\"")).unwrap();
        let _ = resolve(&spec, folder.path()).map_err(|error| shown(&error));
    }

    #[test]
    fn values_are_read_as_they_are_written(millis in 1u64..31_536_000_000, bytes in (1u64 << 20)..(1 << 53), n in 1u32..4096) {
        let span = TimeSpan(Duration::from_millis(millis));
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        let size = Size(bytes);
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        prop_assert_eq!(OrNone(Some(size)).to_string().parse(), Ok(OrNone(Some(size))));
        prop_assert_eq!(Workers::Count(n).to_string().parse(), Ok(Workers::Count(n)));
        prop_assert_eq!(MaxTasks::Count(n).to_string().parse(), Ok(MaxTasks::Count(n)));
    }

    #[test]
    fn no_value_panics(text in "[0-9.eE+-]{0,30}[a-zA-Zµ ]{0,4}|\\PC{0,8}") {
        let _ = text.parse::<TimeSpan>();
        let _ = text.parse::<Size>();
        let _ = text.parse::<Workers>();
        let _ = text.parse::<MaxTasks>();
        let _ = text.parse::<Retries>();
        let _ = text.parse::<StartMethod>();
        let _ = text.parse::<OrNone<TimeSpan>>();
let _ = text.parse::<crate::experiment::plan::Shard>();
    }
}
