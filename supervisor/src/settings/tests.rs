//! Which layer wins, and what a bad variable is told.

use super::*;

fn resolve(
    how: &HowArgs,
    what: Option<&WhatArgs>,
    talk: &TalkArgs,
    variables: &[(&str, &str)],
    run: &RunTable,
    seed: Option<u64>,
) -> Result<Settings, SettingsError> {
    Settings::resolve(Layers {
        talk,
        how,
        what,
        environment: &|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        },
        run,
        seed,
    })
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = resolve(
        &HowArgs::default(),
        Some(&WhatArgs::default()),
        &TalkArgs::default(),
        &[],
        &RunTable::default(),
        None,
    )
    .unwrap();
    assert_eq!(settings.start_method, StartMethod::Auto);
    assert_eq!(settings.workers, Workers::Auto);
    assert_eq!(settings.max_tasks, MaxTasks::Count(1));
    assert_eq!(settings.timeout, Some(Duration::from_secs(600)));
    assert_eq!(settings.grace, Duration::from_secs(2));
    assert_eq!(settings.retries, 2);
    assert_eq!(settings.memory, None);
    assert_eq!(settings.run_dir, None);
    assert_eq!(settings.shard, Shard::WHOLE);
    assert_eq!(settings.seed, 0);
    assert_eq!(settings.progress, Progress::Auto);
    assert_eq!(settings.output, Output::Table);
    assert_eq!(settings.verbosity, 0);
    assert_eq!(settings.origin("workers"), Origin::Default);
}

#[test]
fn a_flag_goes_before_the_environment_before_the_spec_before_the_default() {
    // Each row: whether flag, environment and spec speak; the workers and the origin that follow.
    let table = [
        (true, true, true, 2, Origin::Flag),
        (true, true, false, 2, Origin::Flag),
        (true, false, true, 2, Origin::Flag),
        (true, false, false, 2, Origin::Flag),
        (false, true, true, 3, Origin::Environment),
        (false, true, false, 3, Origin::Environment),
        (false, false, true, 4, Origin::Spec),
        (false, false, false, 0, Origin::Default),
    ];
    for (flag, variable, spec, workers, origin) in table {
        let how = HowArgs {
            workers: flag.then_some(Workers::Count(2)),
            timeout: flag.then_some(OrNone(None)),
            ..HowArgs::default()
        };
        let what = WhatArgs {
            seed: flag.then_some(2),
            ..WhatArgs::default()
        };
        let run = RunTable {
            workers: spec.then_some(Workers::Count(4)),
            timeout: spec.then_some(OrNone(Some(TimeSpan(Duration::from_secs(4))))),
            ..RunTable::default()
        };
        let variables: &[(&str, &str)] = match variable {
            true => &[
                ("SUPERVISOR_WORKERS", "3"),
                ("SUPERVISOR_TIMEOUT", "3s"),
                ("SUPERVISOR_SEED", "3"),
            ],
            false => &[],
        };
        let settings = resolve(
            &how,
            Some(&what),
            &TalkArgs::default(),
            variables,
            &run,
            spec.then_some(4),
        )
        .unwrap();
        let (expected, timeout) = match workers {
            0 => (Workers::Auto, Some(600)),
            2 => (Workers::Count(2), None),
            n => (Workers::Count(n), Some(u64::from(n))),
        };
        assert_eq!(settings.workers, expected);
        assert_eq!(settings.timeout, timeout.map(Duration::from_secs));
        assert_eq!(settings.seed, u64::from(workers));
        for name in ["workers", "timeout", "seed"] {
            assert_eq!(settings.origin(name), origin, "{name}");
        }
    }
}

#[test]
fn every_run_flag_has_its_variable() {
    let settings = resolve(
        &HowArgs::default(),
        Some(&WhatArgs::default()),
        &TalkArgs::default(),
        &[
            ("SUPERVISOR_START_METHOD", "inline"),
            ("SUPERVISOR_MAX_TASKS_PER_WORKER", "auto"),
            ("SUPERVISOR_GRACE", "1s"),
            ("SUPERVISOR_RETRIES", "0"),
            ("SUPERVISOR_MEMORY", "1GiB"),
            ("SUPERVISOR_RUN_DIR", "out"),
            ("SUPERVISOR_SHARD", "1/2"),
            ("SUPERVISOR_PROGRESS", "none"),
            ("SUPERVISOR_COLOR", "always"),
            ("SUPERVISOR_OUTPUT", "csv"),
            ("SUPERVISOR_LOG_FILE", "log"),
            ("SUPERVISOR_WORKERS", ""),
        ],
        &RunTable::default(),
        None,
    )
    .unwrap();
    assert_eq!(settings.start_method, StartMethod::Inline);
    assert_eq!(settings.max_tasks, MaxTasks::Auto);
    assert_eq!(settings.grace, Duration::from_secs(1));
    assert_eq!(settings.retries, 0);
    assert_eq!(settings.memory, Some(1 << 30));
    assert_eq!(settings.run_dir, Some("out".into()));
    assert_eq!(settings.shard, Shard { index: 1, count: 2 });
    assert_eq!(settings.progress, Progress::None);
    assert_eq!(settings.color, Color::Always);
    assert_eq!(settings.output, Output::Csv);
    assert_eq!(settings.log_file, Some("log".into()));
    assert_eq!(settings.origin("workers"), Origin::Default);
}

#[test]
fn a_bad_variable_is_named() {
    let cases = [
        (
            ("SUPERVISOR_WORKERS", "0"),
            "the environment variable SUPERVISOR_WORKERS: 0 workers can do nothing",
            "write a number from 1 to 4096, or `auto`",
        ),
        (
            ("SUPERVISOR_TIMEOUT", "1000000000000000000s"),
            "the environment variable SUPERVISOR_TIMEOUT: `1000000000000000000s` is no length of time",
            "write a number and a unit: ms, s, m, h or d, as in `90s`",
        ),
        (
            ("SUPERVISOR_OUTPUT", "xml"),
            "the environment variable SUPERVISOR_OUTPUT: the value is not known",
            "known: table, json, csv",
        ),
    ];
    for (variable, message, hint) in cases {
        let error = resolve(
            &HowArgs::default(),
            Some(&WhatArgs::default()),
            &TalkArgs::default(),
            &[variable],
            &RunTable::default(),
            None,
        )
        .unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.hint().as_deref(), Some(hint));
    }
}

#[test]
fn resume_takes_its_seed_from_the_run_and_nowhere_else() {
    let settings = resolve(
        &HowArgs::default(),
        None,
        &TalkArgs::default(),
        &[
            ("SUPERVISOR_SEED", "9"),
            ("SUPERVISOR_RUN_DIR", "elsewhere"),
        ],
        &RunTable::default(),
        Some(5),
    )
    .unwrap();
    assert_eq!(settings.seed, 5);
    assert_eq!(settings.run_dir, None);
}

#[test]
fn quiet_silences_progress_unless_it_was_asked_for() {
    for (asked, shown) in [(None, Progress::None), (Some(Progress::Bar), Progress::Bar)] {
        let talk = TalkArgs {
            quiet: true,
            progress: asked,
            ..TalkArgs::default()
        };
        let settings = resolve(
            &HowArgs::default(),
            None,
            &talk,
            &[],
            &RunTable::default(),
            None,
        )
        .unwrap();
        assert_eq!(settings.progress, shown);
        assert_eq!(settings.verbosity, -1);
    }
}

#[test]
fn written_into_a_spec_they_are_read_back() {
    let how = HowArgs {
        memory: Some(OrNone(Some(Size(3 << 30)))),
        timeout: Some(OrNone(None)),
        ..HowArgs::default()
    };
    let talk = TalkArgs::default();
    let what = WhatArgs::default();
    let first = resolve(&how, Some(&what), &talk, &[], &RunTable::default(), Some(6)).unwrap();
    let mut spec = RunSpec::built_in();
    first.write_into(&mut spec);
    let read = RunSpec::parse(&spec.to_toml(), "spec.toml".as_ref()).unwrap();
    assert_eq!(read, spec);
    let again = resolve(
        &HowArgs::default(),
        Some(&what),
        &talk,
        &[],
        &read.run,
        read.seed,
    )
    .unwrap();
    assert_eq!(again.timeout, first.timeout);
    assert_eq!(again.memory, first.memory);
    assert_eq!(again.seed, 6);
    assert_eq!(again.workers, first.workers);
}
