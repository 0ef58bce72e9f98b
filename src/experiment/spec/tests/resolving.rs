//! From a spec to a plan.

use std::path::Path;

use super::super::*;
use super::{SMALL, parse, shown};
use crate::experiment::plan::Body;
use crate::ids::TaskIndex;

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
        ("[1, 1, 0, 0]", "[1, 1, 0, 0]\nanalysis = \"both\""),
        ("horizon = 6", "horizon = 6\nseason-length = [12]"),
        ("horizon = 6", "horizon = 6\nwindows = 1\nwindow-step = 3"),
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
        ("horizon = 6", "horizon = 6\nseason-length = [4, 12]"),
        ("horizon = 6", "horizon = 6\nwindows = 2"),
        ("horizon = 6", "horizon = 6\nwindows = 2\nwindow-step = 3"),
        ("horizon = 6", "horizon = 6\nlevel = 95"),
        ("horizon = 6", "horizon = 6\nlevel = [80, 97.5]"),
        ("horizon = 6", "horizon = 6\nfallback = \"naive\""),
        ("\"again\"", "\"again\", fallback = \"drift\""),
    ] {
        assert_ne!(digest(&SMALL.replace(from, to)), first, "{to}");
    }
}

#[test]
fn the_fallback_of_all_is_for_those_that_have_none_and_are_not_it() {
    let text = SMALL.replace(
        "models = [",
        "fallback = \"naive\"\nmodels = [\"ets\", { model = \"holt\", fallback = \"drift\" }, ",
    );
    let resolved = resolve(&parse(&text).unwrap(), Path::new("/nowhere")).unwrap();
    let Body::Forecast(body) = &resolved.plan.experiments()[0].body else {
        panic!("not a forecast");
    };
    let found: Vec<(&str, Option<&str>)> = body
        .models
        .iter()
        .map(|model| (&model.name[..], model.fallback.as_ref().map(|f| f.name())))
        .collect();
    let known = [
        ("ets", Some("naive")),
        ("holt", Some("drift")),
        ("naive", None),
        ("again", None),
        ("theta", Some("naive")),
    ];
    assert_eq!(found, known);
}

#[test]
fn results_that_no_record_holds_are_refused() {
    let text = SMALL.replace(
        "horizon = 6",
        "horizon = 6\nwindows = 10000\nlevel = [50, 60, 70, 80, 85, 90, 95, 99]",
    );
    assert!(resolve(&parse(&text).unwrap(), Path::new("/nowhere")).is_ok());
    let text = text.replace("horizon = 6", "horizon = 12");
    let error = resolve(&parse(&text).unwrap(), Path::new("/nowhere")).unwrap_err();
    assert_eq!(error.line_and_column(), Some((14, 11)));
    assert!(
        shown(&error).contains("2160216 numbers"),
        "{}",
        shown(&error)
    );
}

#[test]
fn a_composite_order_is_refused_with_its_place() {
    let spec = parse(&SMALL.replace("gf-order = 2", "gf-order = 6")).unwrap();
    let error = resolve(&spec, Path::new("/nowhere")).unwrap_err();
    assert_eq!(error.line_and_column(), Some((19, 12)));
}

#[test]
fn too_many_states_to_enumerate_are_refused_with_their_place() {
    let ones = vec!["1"; 41].join(", ");
    let with = |rest: &str| {
        let spec = SMALL.replace("[1, 1, 0, 0]", &format!("[{ones}]{rest}"));
        resolve(&parse(&spec).unwrap(), Path::new("/nowhere"))
    };
    for analysis in ["enumerate", "both"] {
        let error = with(&format!("\nanalysis = \"{analysis}\"")).unwrap_err();
        assert_eq!(error.line_and_column().map(|(line, _)| line), Some(20));
        assert!(shown(&error).contains("analytic"), "{}", shown(&error));
    }
    // Algebra has no such limit, and is what is done there unless told otherwise.
    assert!(with("").is_ok() && with("\nanalysis = \"analytic\"").is_ok());
}

/// In both ways while that is a matter of a second.
#[test]
fn the_usual_analysis_depends_on_the_number_of_states() {
    for (degree, tasks) in [(4, 2), (28, 1 + 8), (29, 1), (500, 1)] {
        let ones = vec!["1"; degree].join(", ");
        let text = format!(
            "schema = 1\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 2\ncoefficients = [{ones}]\n"
        );
        let resolved = resolve(&parse(&text).unwrap(), Path::new("/nowhere")).unwrap();
        assert_eq!(resolved.plan.len(), tasks, "degree {degree}");
        assert_eq!(resolved.plan.id(TaskIndex(0)), "a/0/analytic");
    }
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
        let names: Vec<String> = resolved
            .needs_store
            .iter()
            .map(|needs| needs.experiment.clone())
            .collect();
        assert_eq!(names, needs, "{length} values");
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
    let covered = br#"{"schema":1,"seed":1,"experiments":[{"name":"a","kind":"lfsr","gf_order":2,"coefficients":[1,1],"analysis":"both"}]}"#;
    assert_eq!(resolved.plan.digest().0, *blake3::hash(covered).as_bytes());
}
