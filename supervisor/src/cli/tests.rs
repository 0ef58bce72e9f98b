//! Command lines as people type them.

use std::path::Path;
use std::time::Duration;

use clap::CommandFactory;

use super::*;

fn read(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn command(line: &str) -> Command {
    read(line)
        .unwrap_or_else(|error| panic!("{line}: {error}"))
        .command
        .unwrap_or_else(|| panic!("{line}: no command"))
}

#[test]
fn clap_finds_no_fault_with_the_types() {
    Cli::command().debug_assert();
}

#[test]
fn alone_it_has_no_command_and_the_welcome_is_five_lines() {
    assert!(read("supervisor").unwrap().command.is_none());
    assert_eq!(WELCOME.lines().count(), 5);
    for line in WELCOME.lines().skip(1).take(3) {
        let typed = line.trim_start().split("   ").next().unwrap();
        assert!(read(typed).unwrap().command.is_some(), "{typed}");
    }
}

#[test]
fn every_example_of_the_help_can_be_typed() {
    let mut seen = 0;
    let root = Cli::command();
    for part in std::iter::once(&root).chain(root.get_subcommands()) {
        let Some(text) = part.get_before_long_help() else {
            continue;
        };
        for line in text
            .to_string()
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty())
        {
            let typed = line.trim_start().split("   ").next().unwrap();
            assert!(read(typed).is_ok(), "{typed}: {:?}", read(typed).err());
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen} examples");
}

#[test]
fn run_has_every_flag_of_the_contract() {
    let Command::Run(run) = command(
        "supervisor run a.toml --start-method spawn --workers 3 --max-tasks-per-worker auto \
         --timeout 1.5s --grace 500ms --retries 0 --memory 512MiB --run-dir out --shard 1/4 \
         --seed 7 --set run.timeout=1s --set experiment.a.horizon=3 --progress lines --color never \
         -vv --log-file log --output json --dry-run",
    ) else {
        panic!("not run");
    };
    assert_eq!(run.spec, Some("a.toml".into()));
    assert!(run.dry_run);
    assert_eq!(run.how.start_method, Some(StartMethod::Spawn));
    assert_eq!(run.how.workers, Some(Workers::Count(3)));
    assert_eq!(run.how.max_tasks_per_worker, Some(MaxTasks::Auto));
    assert_eq!(
        run.how.timeout,
        Some(OrNone(Some(TimeSpan(Duration::from_millis(1500)))))
    );
    assert_eq!(run.how.grace, Some(TimeSpan(Duration::from_millis(500))));
    assert_eq!(run.how.retries, Some(Retries(0)));
    assert_eq!(run.how.memory, Some(OrNone(Some(Size(512 << 20)))));
    assert_eq!(run.what.run_dir, Some("out".into()));
    assert_eq!(run.how.shard, Some(Shard { index: 1, count: 4 }));
    assert_eq!(run.what.seed, Some(7));
    assert_eq!(run.what.set, ["run.timeout=1s", "experiment.a.horizon=3"]);
}

#[test]
fn the_number_of_workers_has_other_names() {
    for flag in ["--workers", "--num-processes", "--num-workers"] {
        let Command::Run(run) = command(&format!("supervisor run {flag} 2 --parallel")) else {
            panic!("not run");
        };
        assert_eq!(run.how.workers, Some(Workers::Count(2)), "{flag}");
    }
}

#[test]
fn the_file_of_lfsr_comes_first_and_may_be_left_out() {
    let cases = [
        ("supervisor lfsr 4", None, 4),
        ("supervisor lfsr a.csv 3", Some("a.csv"), 3),
        ("supervisor lfsr 2 --coefficients 1,1,0,0", None, 2),
        ("supervisor lfsr --coefficients 1,1 2", None, 2),
        ("supervisor lfsr a.csv 2 --workers 2", Some("a.csv"), 2),
        ("supervisor lfsr --workers 2 a.csv 2", Some("a.csv"), 2),
        ("supervisor lfsr a.csv --workers 2 2", Some("a.csv"), 2),
    ];
    for (line, file, order) in cases {
        let Command::Lfsr(lfsr) = command(line) else {
            panic!("not lfsr");
        };
        assert_eq!(lfsr.target.file, file.map(PathBuf::from), "{line}");
        assert_eq!(lfsr.target.gf_order, order, "{line}");
    }
}

#[test]
fn a_question_about_sequences_is_no_run() {
    let cases = [
        ("2 --coefficients 1,1", None),
        (
            "--from-sequence - 2",
            Some(Question::FromSequence(Path::new("-"))),
        ),
        (
            "2 --coefficients 1,1 --state 10",
            Some(Question::State {
                state: "10",
                symbols: 64,
            }),
        ),
        (
            "2 --coefficients 1,1 --symbols 5 --state 10",
            Some(Question::State {
                state: "10",
                symbols: 5,
            }),
        ),
        (
            "2 --coefficients 1,1 --states",
            Some(Question::States { most: None }),
        ),
        (
            "2 --states 7 --modulus 1,1",
            Some(Question::States { most: Some(7) }),
        ),
    ];
    for (line, question) in cases {
        let Command::Lfsr(lfsr) = command(&format!("supervisor lfsr {line}")) else {
            panic!("not lfsr");
        };
        assert_eq!(lfsr.ask.question(), question, "{line}");
    }
}

#[test]
fn talk_may_stand_before_or_after_the_command() {
    for line in [
        "supervisor -q --output csv run",
        "supervisor run -q --output csv",
    ] {
        let cli = read(line).unwrap();
        assert!(cli.talk.quiet, "{line}");
        assert_eq!(cli.talk.output, Some(Output::Csv), "{line}");
    }
}

#[test]
fn bad_usage_exits_with_2() {
    let cases = [
        "supervisor walk",
        "supervisor report runs/latest",
        "supervisor explain runs/latest x",
        "supervisor bench",
        "supervisor run --workers 0",
        "supervisor run --workers -1",
        "supervisor run --workers 1000000000",
        "supervisor run --workers many",
        "supervisor run --timeout 0s",
        "supervisor run --timeout -1s",
        "supervisor run --timeout 10",
        "supervisor run --timeout 1000000000000000000s",
        "supervisor run --grace none",
        "supervisor run --retries 1000000000",
        "supervisor run --retries -1",
        "supervisor run --memory 1KiB",
        "supervisor run --shard 4/4",
        "supervisor run --shard 0/0",
        "supervisor run --seed -1",
        "supervisor run --seed 9223372036854775808",
        "supervisor run --start-method forkserver",
        "supervisor run -q -v",
        "supervisor run --output xml",
        "supervisor run --no-such-flag",
        "supervisor lfsr",
        "supervisor lfsr a.csv",
        "supervisor lfsr a.csv 2 3",
        "supervisor lfsr -- -2",
        "supervisor lfsr --from-sequence a 2 --coefficients 1",
        "supervisor lfsr --from-sequence a 2 --state 1",
        "supervisor lfsr --from-sequence a 2 --states",
        "supervisor lfsr --from-sequence a 2 --analysis both",
        "supervisor lfsr 2 --coefficients 1 --state 1 --states",
        "supervisor lfsr 2 --coefficients 1 --state 1 --run-dir a",
        "supervisor lfsr 2 --coefficients 1 --states --workers 2",
        "supervisor lfsr 2 --coefficients 1 --states 0",
        "supervisor lfsr 2 --coefficients 1 --states -1",
        "supervisor lfsr 2 --coefficients 1 --states many",
        "supervisor lfsr 2 --coefficients 1 --symbols 4",
        "supervisor lfsr 2 --coefficients 1 --state 1 --symbols 0",
        "supervisor lfsr 2 --coefficients 1 --state 1 --symbols 1000001",
        "supervisor forecast",
        "supervisor forecast --mode m5",
        "supervisor forecast --mode m3 --max-series -3",
        "supervisor resume",
        "supervisor resume x --retry all",
        "supervisor completions powerbash",
    ];
    for line in cases {
        let error = read(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert_ne!(error.kind(), ErrorKind::DisplayHelp, "{line}");
    }
}

#[test]
fn a_bad_value_says_how_to_write_a_good_one() {
    let error = read("supervisor run --workers 0")
        .expect_err("0 workers")
        .to_string();
    assert!(
        error.contains("0 workers can do nothing; write a number from 1 to 4096, or `auto`"),
        "{error}"
    );
    let error = read("supervisor run --start-method forkserver").expect_err("forkserver");
    assert!(error.to_string().contains("that is `fork` here"), "{error}");
}

#[test]
fn the_long_help_begins_with_examples() {
    let help = Cli::command().render_long_help().to_string();
    assert!(help.starts_with("Examples:\n  supervisor run"), "{help}");
    assert!(help.contains("128+n"), "{help}");
    for absent in ["report", "explain", "bench"] {
        assert!(!help.contains(&format!("\n  {absent} ")), "{absent}");
    }
}
