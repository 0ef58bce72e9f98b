//! What a worker prints is kept with its attempt, and never more than its head and its tail.

use std::time::Duration;

use crate::common::Lab;
use crate::trial::{Faults, assert_nothing_left, trial, under_fork_and_spawn};

under_fork_and_spawn!(
    a_flood_is_cut_in_the_middle,
    each_attempt_has_its_own,
    what_a_group_prints_is_kept_for_the_group,
);

/// Bytes of head and of tail that are kept.
const KEPT: usize = 32 << 10;

fn a_flood_is_cut_in_the_middle(method: &str) {
    let lab = Lab::new();
    let lines = 100_000;
    let finished = trial(
        &lab,
        "run",
        method,
        &[Faults::new(4, &format!("spew={lines}"), 2, 0)],
    )
    .patience(Duration::from_secs(120))
    .run()
    .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(4);
    for name in ["logs/1.1.stdout", "logs/3.1.stdout"] {
        let text = folder.text(name);
        let gap = format!("\n... {} bytes left out ...\n", lines * 1024 - 2 * KEPT);
        assert_eq!(text.len(), 2 * KEPT + gap.len(), "{name}");
        assert_eq!(
            text.get(KEPT..KEPT + gap.len()),
            Some(gap.as_str()),
            "{name}"
        );
        assert!(text.starts_with("xxx") && text.ends_with("xxx\n"), "{name}");
    }
    // Those that said nothing have no file.
    assert!(!folder.path().join("logs/0.1.stdout").exists());
    assert!(!folder.path().join("logs/1.1.stderr").exists());
    let bytes: usize = lab
        .listing()
        .into_values()
        .flatten()
        .map(|file| file.len())
        .sum();
    assert!(bytes < 1 << 20, "{bytes} bytes on disk");
    assert_nothing_left(&lab, &finished);
}

/// The pipes belong to a slot: what one attempt wrote before it died is not the next one's.
fn each_attempt_has_its_own(method: &str) {
    for life in ["1", "5"] {
        attempts_have_their_own(method, life);
    }
}

/// A group does not wait between its tasks: the next one writes before the supervisor has heard of the end
/// of the last. What they print is kept for the group, whole.
fn what_a_group_prints_is_kept_for_the_group(method: &str) {
    let lab = Lab::new();
    let finished = trial(&lab, "run", method, &[Faults::new(60, "spew=3", 2, 0)])
        .args(["--workers", "1", "--max-tasks-per-worker", "auto"])
        .run()
        .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(60);
    let mut bytes = 0;
    let mut of_groups = 0;
    for entry in std::fs::read_dir(folder.path().join("logs")).expect("there are logs") {
        let entry = entry.expect("it can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        of_groups += u32::from(name.contains(".group"));
        bytes += entry.metadata().expect("it is there").len();
    }
    assert_eq!(
        bytes,
        30 * 3 * 1024,
        "thirty tasks printed three lines of a KiB each"
    );
    assert!(of_groups > 0, "no group printed anything");
    assert_nothing_left(&lab, &finished);
}

fn attempts_have_their_own(method: &str, life: &str) {
    let lab = Lab::new();
    let finished = trial(
        &lab,
        "run",
        method,
        &[Faults::new(6, "spew=3+signal=9", 3, 2)],
    )
    .args(["--workers", "1", "--max-tasks-per-worker", life])
    .run()
    .assert_code(0);
    let folder = lab.run_folder("run");
    folder.assert_all_ok(6);
    assert_eq!(folder.outcomes()["crashed"], 4);
    let crashed = folder
        .attempts()
        .into_iter()
        .filter(|a| a["outcome"] == "crashed");
    let names = crashed.map(|attempt| {
        let task = attempt["task"]
            .as_str()
            .and_then(|id| id.split('/').nth(1))
            .map(str::to_owned);
        format!(
            "{}.{}.stdout",
            task.expect("the id holds a number"),
            attempt["attempt"]
        )
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    let mut files: Vec<String> = std::fs::read_dir(folder.path().join("logs"))
        .expect("there are logs")
        .map(|entry| {
            entry
                .expect("it can be listed")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    files.sort();
    assert_eq!(files, names, "life {life}");
    for name in files {
        assert_eq!(
            folder.bytes(&format!("logs/{name}")).len(),
            3 * 1024,
            "life {life}: {name}"
        );
    }
    assert_nothing_left(&lab, &finished);
}
