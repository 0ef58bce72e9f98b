//! Data that does not fit in memory, or would not need to: read as a stream, mapped by all workers.

use std::fmt::Write as _;

use crate::common::{Lab, RunFolder};

const COLUMNS: usize = 300;
const ROWS: usize = 7_100;

/// A wide file of 2.13 million values: 16.3 MiB of them, a little more than is held in memory.
fn wide() -> String {
    let mut text = String::new();
    let names: Vec<String> = (0..COLUMNS).map(|i| format!("s{i}")).collect();
    text.push_str(&names.join(","));
    text.push('\n');
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let value = (row * 7 + column * 13) % 89;
            let _ = write!(text, "{}{value}", if column > 0 { "," } else { "" });
        }
        text.push('\n');
    }
    text
}

fn run(lab: &Lab, name: &str, flags: &[&str]) -> RunFolder {
    let finished = lab
        .supervisor(["forecast", "--mode", "custom", "--data", "large.csv"])
        .args([
            "--models",
            "naive,drift",
            "--test-size",
            "4",
            "--run-dir",
            name,
        ])
        .args(flags)
        .run()
        .assert_code(0);
    assert!(
        finished
            .stderr
            .contains("300 series of 7100 values each, one a column"),
        "{}",
        finished.stderr
    );
    lab.run_folder(name)
}

#[test]
fn a_large_file_gives_the_same_results_under_every_start_method_in_little_memory() {
    let lab = Lab::new();
    lab.write("large.csv", wide());
    let reference = run(&lab, "inline", &["--start-method", "inline"]);
    reference.assert_all_ok(COLUMNS * 2);
    // By hand: the last value before the test part of the first column, and what follows.
    let first = &reference.results()[0]["result"];
    let known = |row: usize| ((row * 7) % 89) as f64;
    assert_eq!(first["predictions"][0], known(ROWS - 5));
    assert_eq!(first["actual"][3], known(ROWS - 1));
    for (name, flags) in [
        (
            "fork",
            ["--start-method", "fork", "--max-tasks-per-worker", "auto"],
        ),
        (
            "spawn",
            ["--start-method", "spawn", "--max-tasks-per-worker", "7"],
        ),
    ] {
        let folder = run(&lab, name, &flags);
        folder.assert_same_results(&reference, name);
        // One copy for all, of just these values.
        let values = folder.path().join("data/forecast/values.npy");
        let bytes = std::fs::metadata(values).expect("the store").len() as usize;
        assert!(
            (COLUMNS * ROWS * 8..COLUMNS * ROWS * 8 + 4096).contains(&bytes),
            "{bytes}"
        );
    }
    // The values would be 16 MiB and the text 6: the supervisor never held them all.
    let mut peak_kib = 0;
    lab.supervisor(["forecast", "--mode", "custom", "--data", "large.csv"])
        .args([
            "--models",
            "naive",
            "--test-size",
            "4",
            "--run-dir",
            "watched",
        ])
        .args(["--workers", "2", "--max-tasks-per-worker", "auto"])
        .background()
        .watch(|running| peak_kib = running.peak_memory_kib().unwrap_or(0).max(peak_kib))
        .assert_code(0);
    assert!(
        (1..=80 * 1024).contains(&peak_kib),
        "the supervisor had {peak_kib} KiB"
    );
}

#[test]
fn resuming_takes_a_whole_store_as_it_is_and_refuses_other_data() {
    let lab = Lab::new();
    lab.write("large.csv", wide());
    let folder = run(&lab, "run", &["--shard", "0/2"]);
    let values = folder.path().join("data/forecast/values.npy");
    let written = || {
        std::fs::metadata(&values)
            .and_then(|file| file.modified())
            .expect("the store")
    };
    let before = written();
    lab.supervisor(["resume", "run", "--shard", "0/1"])
        .run()
        .assert_code(0);
    folder.assert_all_ok(COLUMNS * 2);
    assert_eq!(written(), before, "the store was not written again");
    lab.write("large.csv", wide().replacen("\n0,", "\n1,", 1));
    let refused = lab.supervisor(["resume", "run"]).run().assert_code(2);
    assert!(refused.stderr.contains("plan"), "{}", refused.stderr);
}

#[test]
fn a_slip_at_the_very_end_of_a_large_file_is_found_before_anything_is_written() {
    let lab = Lab::new();
    let mut text = wide();
    let last = text.trim_end().rfind(',').expect("a comma");
    text.truncate(last);
    text.push_str(",nan\n");
    lab.write("large.csv", text);
    let before = lab.listing();
    let refused = lab
        .supervisor([
            "forecast",
            "--mode",
            "custom",
            "--data",
            "large.csv",
            "--run-dir",
            "run",
        ])
        .run()
        .assert_code(2);
    for part in [
        "large.csv: line 7101, column 300: `nan` is not a finite number",
        "hint: ",
    ] {
        assert!(
            refused.stderr.contains(part),
            "no {part:?} in {}",
            refused.stderr
        );
    }
    assert_eq!(lab.listing(), before, "nothing was written");
}
