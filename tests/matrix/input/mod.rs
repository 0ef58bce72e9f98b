//! Rows 131 to 138: input that cannot be run. No task starts: exit 2, the place and a way out on standard
//! error, nothing written, in little time and memory. What looks odd and can be run is run, and harms nobody.

mod names;
mod numbers;
mod text;

use std::time::Duration;

use crate::common::{Finished, Lab};
use crate::trial::assert_nothing_left;

/// A refusal is at hand at once; so long it may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// The address space of a program that refuses, in KiB: no input makes it large.
const SMALL: u32 = 600_000;

/// Runs a command line in little memory.
#[track_caller]
fn run(lab: &Lab, typed: &[&str]) -> Finished {
    run_within(lab, typed, SMALL)
}

/// Runs a command line in an address space of so many KiB.
#[track_caller]
fn run_within(lab: &Lab, typed: &[&str], space: u32) -> Finished {
    let finished = lab
        .supervisor(typed)
        .through_shell(&format!("ulimit -v {space}; exec \"$@\""))
        .run();
    assert!(finished.took < SOON, "{finished:?}");
    assert_nothing_left(lab, &finished);
    finished
}

/// What is typed is refused, in a folder with these files, and all of this is said.
#[track_caller]
fn refused(files: &[(&str, &[u8])], typed: &[&str], says: &[&str]) {
    let lab = Lab::new();
    for (name, bytes) in files {
        lab.write(name, bytes);
    }
    refused_in(&lab, typed, says);
}

/// Likewise, where the lab has what it needs.
#[track_caller]
fn refused_in(lab: &Lab, typed: &[&str], says: &[&str]) {
    let before = lab.listing();
    let finished = run(lab, typed)
        .assert_code(2)
        .assert_says(&["error: "])
        .assert_says(says);
    assert_eq!(finished.stdout, "", "{finished:?}");
    // Whatever was in the input: what is said moves no cursor and has an end.
    let is_plain = |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{2066}".contains(c));
    assert!(finished.stderr.chars().all(is_plain), "{finished:?}");
    assert!(finished.stderr.len() < 4096, "{finished:?}");
    assert_eq!(lab.listing(), before, "something was written");
}

/// A spec is refused with this place, `line:column`.
#[track_caller]
fn spec_is_refused(text: impl AsRef<[u8]>, place: &str, says: &[&str]) {
    let place = format!("s.toml:{place}");
    let mut all = vec![place.as_str(), "hint: "];
    all.extend(says);
    refused(&[("s.toml", text.as_ref())], &["run", "s.toml"], &all);
}

/// The command line that forecasts the last value of each series of a file.
const CUSTOM: [&str; 9] = [
    "forecast",
    "--mode",
    "custom",
    "--data",
    "d.csv",
    "--models",
    "naive",
    "--test-size",
    "1",
];

/// A file of series is refused with this place, as `line 3, column 2`.
#[track_caller]
fn data_is_refused(text: impl AsRef<[u8]>, place: &str, says: &[&str]) {
    let place = format!("d.csv: {place}");
    let mut all = vec![place.as_str(), "hint: "];
    all.extend(says);
    refused(&[("d.csv", text.as_ref())], &CUSTOM, &all);
}

/// A file of series is read, and its tasks end with this code, in one process.
#[track_caller]
fn data_is_run(text: impl AsRef<[u8]>, code: i32) -> (Lab, Finished) {
    let lab = Lab::new();
    lab.write("d.csv", text);
    let mut typed = CUSTOM.to_vec();
    typed.extend(["--start-method", "inline", "--run-dir", "run"]);
    let finished = run(&lab, &typed).assert_code(code);
    (lab, finished)
}

/// A register, as a spec; its coefficients are in line 6.
const REGISTER: &str = "schema = 1\n[[experiment]]\nname = \"a\"\nkind = \"lfsr\"\ngf-order = 2\ncoefficients = [1, 1]\n";

/// Tasks that do nothing, as a spec; their number is in line 5.
const TASKS: &str = "schema = 1\n[[experiment]]\nname = \"f\"\nkind = \"fault\"\ntasks = 4\nfault = \"error\"\nevery = 0\n";
