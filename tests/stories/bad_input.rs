//! What cannot be run is refused with the place and a way out, and nothing is written.

use crate::common::Lab;

/// A mistake: the files that are there, what is typed, and what has to be said.
struct Mistake {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    typed: &'static [&'static str],
    says: &'static [&'static str],
}

const CUSTOM: [&str; 5] = ["forecast", "--mode", "custom", "--data", "d.csv"];

const FORECAST_SPEC: &str =
    "schema = 1\n[[experiment]]\nname = \"f\"\nkind = \"forecast\"\nmode = \"synthetic\"\n";

fn assert_refused(mistakes: &[Mistake]) {
    for mistake in mistakes {
        let lab = Lab::new();
        for (name, text) in mistake.files {
            lab.write(name, text);
        }
        let before = lab.listing();
        let finished = lab.supervisor(mistake.typed).run();
        assert_eq!(finished.code(), Some(2), "{}: {finished:?}", mistake.name);
        for text in mistake.says {
            assert!(
                finished.stderr.contains(text),
                "{}: no {text:?} in {finished:?}",
                mistake.name
            );
        }
        assert_eq!(finished.stdout, "", "{}", mistake.name);
        assert_eq!(
            lab.listing(),
            before,
            "{}: something was written",
            mistake.name
        );
        assert!(
            lab.leftovers().is_empty(),
            "{}: {:?}",
            mistake.name,
            lab.leftovers()
        );
    }
}

#[test]
fn mistakes_in_a_spec_are_refused_with_line_and_column() {
    assert_refused(&[
        Mistake {
            name: "unknown field",
            files: &[("s.toml", "schema = 1\nsed = 3\n")],
            typed: &["run", "s.toml"],
            says: &[
                "unknown field `sed`",
                "s.toml:2:1",
                "hint: did you mean `seed`?",
            ],
        },
        Mistake {
            name: "unknown field of an experiment",
            files: &[(
                "s.toml",
                "schema = 1\n[[experiment]]\nname = \"f\"\nkind = \"forecast\"\nmode = \"synthetic\"\nhorizn = 3\nmodels = [\"naive\"]\n",
            )],
            typed: &["run", "s.toml"],
            says: &[
                "unknown field `horizn`",
                "s.toml:6:1",
                "hint: did you mean `horizon`?",
            ],
        },
        Mistake {
            name: "unknown field of the run",
            files: &[("s.toml", "schema = 1\n[run]\nworker = 3\n")],
            typed: &["run", "s.toml"],
            says: &[
                "unknown field `worker`",
                "s.toml:3:1",
                "hint: did you mean `workers`?",
            ],
        },
        Mistake {
            name: "two experiments of one name",
            files: &[(
                "s.toml",
                "schema = 1\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 2\ncoefficients = [1, 1]\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 3\ncoefficients = [1, 1]\n",
            )],
            typed: &["run", "s.toml"],
            says: &["two experiments are named `a`", "s.toml:8:8", "hint: "],
        },
        Mistake {
            name: "composite order",
            files: &[(
                "s.toml",
                "schema = 1\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 6\ncoefficients = [1, 1]\n",
            )],
            typed: &["run", "s.toml"],
            says: &["no field of order 6", "s.toml:5:12", "hint: "],
        },
        Mistake {
            name: "coefficient outside the field",
            files: &[(
                "s.toml",
                "schema = 1\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 3\ncoefficients = [1, 3]\n",
            )],
            typed: &["run", "s.toml"],
            says: &["3 is not from 0 to 2", "s.toml:6:20", "hint: "],
        },
        Mistake {
            name: "no TOML",
            files: &[("s.toml", "schema = 1\n[[experiment\n")],
            typed: &["run", "s.toml"],
            says: &["s.toml:2:"],
        },
        Mistake {
            name: "a schema of the future",
            files: &[("s.toml", "schema = 9\n")],
            typed: &["run", "s.toml"],
            says: &["schema", "s.toml:1:10", "hint: "],
        },
        Mistake {
            name: "no schema",
            files: &[("s.toml", "seed = 9\n")],
            typed: &["run", "s.toml"],
            says: &["schema", "s.toml:1:1", "hint: "],
        },
        Mistake {
            name: "no experiment",
            files: &[("s.toml", "schema = 1\n")],
            typed: &["run", "s.toml"],
            says: &["experiment", "s.toml:1:1", "hint: "],
        },
        Mistake {
            name: "a name that no path can have",
            files: &[(
                "s.toml",
                "schema = 1\n[[experiment]]\nname = \"../a\"\nkind = \"lfsr\"\ngf-order = 2\ncoefficients = [1, 1]\n",
            )],
            typed: &["run", "s.toml"],
            says: &["../a", "s.toml:3:8"],
        },
        Mistake {
            name: "missing spec",
            files: &[],
            typed: &["run", "none.toml"],
            says: &["none.toml", "No such file"],
        },
        Mistake {
            name: "a folder for a spec",
            files: &[("folder/file", "")],
            typed: &["run", "folder"],
            says: &["folder", "it is a folder"],
        },
        Mistake {
            name: "bytes that are no text",
            files: &[("s.toml", "schema = 1\0\n")],
            typed: &["run", "s.toml"],
            says: &["s.toml:1:"],
        },
    ]);
}

#[test]
fn mistakes_in_data_are_refused_with_their_place() {
    assert_refused(&[
        Mistake {
            name: "missing data",
            files: &[],
            typed: &CUSTOM,
            says: &["d.csv", "there is no such file"],
        },
        Mistake {
            name: "missing data of a spec",
            files: &[(
                "deep/s.toml",
                "schema = 1\n[[experiment]]\nname = \"f\"\nkind = \"forecast\"\nmode = \"custom\"\ndata = \"none.csv\"\nmodels = [\"naive\"]\n",
            )],
            typed: &["run", "deep/s.toml"],
            says: &["deep/none.csv", "deep/s.toml:6:8"],
        },
        Mistake {
            name: "nan in a CSV",
            files: &[("d.csv", "a,b\n1,2\n3,NaN\n5,6\n")],
            typed: &[
                "forecast",
                "--mode",
                "custom",
                "--data",
                "d.csv",
                "--test-size",
                "1",
            ],
            says: &[
                "d.csv: line 3, column 2",
                "`NaN` is not a finite number",
                "hint: ",
            ],
        },
        Mistake {
            name: "a horizon that no series can give",
            files: &[("d.csv", "a,b\n1,2\n3,4\n5,6\n")],
            typed: &[
                "forecast",
                "--mode",
                "custom",
                "--data",
                "d.csv",
                "--test-size",
                "3",
            ],
            says: &[
                "horizon of 3",
                "--test-size 3",
                "hint: ask for a horizon of at most 2",
            ],
        },
        Mistake {
            name: "two series of one name",
            files: &[("d.csv", "a,a\n1,2\n3,4\n5,6\n")],
            typed: &[
                "forecast",
                "--mode",
                "custom",
                "--data",
                "d.csv",
                "--test-size",
                "1",
            ],
            says: &["d.csv", "line 1", "`a`"],
        },
        Mistake {
            name: "an empty file",
            files: &[("d.csv", "")],
            typed: &CUSTOM,
            says: &["d.csv"],
        },
        Mistake {
            name: "a folder for a file",
            files: &[("d.csv/file", "")],
            typed: &CUSTOM,
            says: &["d.csv", "folder"],
        },
        Mistake {
            name: "a competition that is elsewhere",
            files: &[],
            typed: &[
                "forecast",
                "--mode",
                "m3",
                "--data",
                "none",
                "--frequency",
                "monthly",
            ],
            says: &["none", "there is no such folder", "hint: "],
        },
        Mistake {
            name: "missing registers",
            files: &[],
            typed: &["lfsr", "r.csv", "2"],
            says: &["r.csv"],
        },
        Mistake {
            name: "registers with a word",
            files: &[("r.csv", "1,1\n1,x,1\n")],
            typed: &["lfsr", "r.csv", "2"],
            says: &["r.csv", "2", "x"],
        },
        Mistake {
            name: "registers outside the field",
            files: &[("r.csv", "# two\n1,1\n1,2,1\n")],
            typed: &["lfsr", "r.csv", "2"],
            says: &["r.csv", "3", "GF(2)"],
        },
    ]);
}

#[test]
fn mistakes_on_the_command_line_are_refused() {
    assert_refused(&[
        Mistake {
            name: "wrong flag",
            files: &[],
            typed: &["run", "--wrokers", "2"],
            says: &["--wrokers", "--workers"],
        },
        Mistake {
            name: "wrong command",
            files: &[],
            typed: &["rum"],
            says: &["rum", "run"],
        },
        Mistake {
            name: "no workers",
            files: &[],
            typed: &["run", "--workers", "0"],
            says: &["--workers", "0 workers can do nothing", "from 1"],
        },
        Mistake {
            name: "fewer workers than none",
            files: &[],
            typed: &["run", "--workers", "-1"],
            says: &["--workers"],
        },
        Mistake {
            name: "a shard outside",
            files: &[],
            typed: &["run", "--shard", "2/2"],
            says: &["--shard", "2/2", "from 0"],
        },
        Mistake {
            name: "a shard that is none",
            files: &[],
            typed: &["run", "--shard", "half"],
            says: &["--shard", "half", "I/N"],
        },
        Mistake {
            name: "an unknown task",
            files: &[],
            typed: &["run", "--only", "synthetic/none/naive"],
            says: &["synthetic/none/naive", "hint: "],
        },
        Mistake {
            name: "an unknown start method",
            files: &[],
            typed: &["run", "--start-method", "thread"],
            says: &["thread", "fork, spawn, inline"],
        },
        Mistake {
            name: "a time without sense",
            files: &[],
            typed: &["run", "--timeout", "5parsecs"],
            says: &["--timeout", "5parsecs", "90s"],
        },
        Mistake {
            name: "memory without a unit",
            files: &[],
            typed: &["run", "--memory", "512"],
            says: &["--memory", "512", "MiB"],
        },
        Mistake {
            name: "a composite order",
            files: &[],
            typed: &["lfsr", "6", "--coefficients", "1,1"],
            says: &["order 6", "GF_ORDER 6", "hint: "],
        },
        Mistake {
            name: "a coefficient outside the field",
            files: &[],
            typed: &["lfsr", "2", "--coefficients", "1,2"],
            says: &["2 is not from 0 to 1", "--coefficients 1,2", "hint: "],
        },
        Mistake {
            name: "too many states",
            files: &[],
            typed: &[
                "lfsr",
                "251",
                "--coefficients",
                "1,0,0,0,0,0,0",
                "--analysis",
                "enumerate",
            ],
            says: &["251^7", "2^40"],
        },
        Mistake {
            name: "an unknown model",
            files: &[],
            typed: &["forecast", "--mode", "synthetic", "--models", "naive,thet"],
            says: &["thet", "hint: ", "theta"],
        },
        Mistake {
            name: "an unknown analysis",
            files: &[],
            typed: &[
                "lfsr",
                "2",
                "--coefficients",
                "1,1",
                "--analysis",
                "analitic",
            ],
            says: &["analitic", "hint: ", "did you mean `analytic`?"],
        },
        Mistake {
            name: "a field that --set does not find",
            files: &[],
            typed: &["run", "--set", "run.worker=3"],
            says: &["worker", "--set run.worker=3", "hint: "],
        },
        Mistake {
            name: "an experiment that --set does not find",
            files: &[],
            typed: &["run", "--set", "experiment.none.horizon=3"],
            says: &["none", "hint: ", "synthetic"],
        },
        Mistake {
            name: "a number for a seed that is none",
            files: &[],
            typed: &["run", "--seed", "-4"],
            says: &["--seed"],
        },
    ]);
}

#[test]
fn a_wrong_value_in_the_environment_is_refused_by_name() {
    let lab = Lab::new();
    lab.supervisor(["run"])
        .env("SUPERVISOR_WORKERS", "several")
        .run()
        .assert_code(2)
        .assert_says(&["SUPERVISOR_WORKERS", "several"]);
    assert!(lab.listing().is_empty(), "nothing is written");
}

#[test]
fn a_run_folder_that_is_something_else_is_refused_and_left_alone() {
    assert_refused(&[
        Mistake {
            name: "a file",
            files: &[("taken", "precious")],
            typed: &["run", "--run-dir", "taken"],
            says: &["taken", "is not a folder", "hint: "],
        },
        Mistake {
            name: "a folder with other content",
            files: &[("taken/thesis.tex", "precious")],
            typed: &["run", "--run-dir", "taken"],
            says: &["taken", "holds no run", "hint: "],
        },
        Mistake {
            name: "nothing to resume",
            files: &[],
            typed: &["resume", "nowhere"],
            says: &["nowhere"],
        },
        Mistake {
            name: "nothing in it to resume",
            files: &[("taken/thesis.tex", "precious")],
            typed: &["resume", "taken"],
            says: &["taken", "holds no run"],
        },
    ]);
}

#[test]
fn a_bad_experiment_leaves_the_good_ones_unstarted() {
    let lab = Lab::new();
    let spec = format!(
        "{FORECAST_SPEC}models = [\"naive\"]\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 10\ncoefficients = [1]\n"
    );
    lab.write("s.toml", spec);
    let before = lab.listing();
    lab.supervisor(["run", "s.toml", "--run-dir", "run"])
        .run()
        .assert_code(2)
        .assert_says(&["order 10"]);
    assert_eq!(lab.listing(), before, "nothing is written");
}
