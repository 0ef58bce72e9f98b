//! Somebody has just built the program and types the least that can be typed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::{Lab, RunFolder};

/// Tasks of the built-in example: 12 series under 6 models, and two registers of one range each.
const TASKS: usize = 12 * 6 + 2 * 2;

/// Runs the built-in example; its folder, by its own name.
fn first_run(lab: &Lab) -> RunFolder {
    lab.supervisor(["run"]).run().assert_code(0);
    let latest = fs::read_link(lab.path("runs/latest")).expect("`runs/latest` is a link");
    lab.run_folder(Path::new("runs").join(latest))
}

#[test]
fn a_run_without_arguments_leaves_a_whole_run_folder() {
    let lab = Lab::new();
    let folder = first_run(&lab);

    folder.assert_all_ok(TASKS);
    assert_eq!(folder.attempts().len(), TASKS, "an attempt a task");
    assert_eq!(folder.recorded(), TASKS);
    let manifest = folder.manifest();
    assert_eq!(manifest["schema"], 1);
    assert_eq!(manifest["plan_digest"].as_str().map(str::len), Some(64));
    let reasons = manifest["start_method"]["reasons"]
        .as_array()
        .expect("a list of reasons");
    assert!(!reasons.is_empty(), "{manifest:#}");
    let summary = folder.summary();
    assert_eq!(summary["schema"], 1);
    let experiments = summary["experiments"].as_array().expect("a list");
    assert_eq!(experiments.len(), 3);
    assert!(
        experiments
            .iter()
            .all(|e| e.get("incomplete").is_none() && e["tasks"]["missing"] == 0),
        "{summary:#}"
    );
    assert_eq!(
        experiments[1]["cycle_lengths"],
        serde_json::json!({"1": "1", "65535": "1"}),
        "a primitive register of degree 16"
    );
}

#[test]
fn the_default_run_folder_is_named_by_time_and_latest_points_to_it() {
    let lab = Lab::new();
    let folder = first_run(&lab);
    let name = folder
        .path()
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a plain name");
    // 2026-11-21T18-40-07Z-kfqa
    let shape: String = name
        .chars()
        .map(|c| match c {
            '0'..='9' => '0',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    assert_eq!(shape, "0000-00-00T00-00-00Z-aaaa", "{name}");

    let second = first_run(&lab);
    assert_ne!(second, folder, "`latest` is the newest");
    second.assert_same_results(&folder, "the same example twice");
}

#[test]
fn files_are_for_their_owner_alone() {
    let lab = Lab::new();
    let folder = first_run(&lab);
    let mut seen = 0;
    let mut waiting = vec![folder.path().to_path_buf()];
    while let Some(path) = waiting.pop() {
        let meta = fs::symlink_metadata(&path).expect("it was just listed");
        let expected = if meta.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(
            meta.permissions().mode() & 0o777,
            expected,
            "{}",
            path.display()
        );
        seen += 1;
        if meta.is_dir() {
            let entries = fs::read_dir(&path).expect("our own folder can be read");
            waiting.extend(entries.flatten().map(|entry| entry.path()));
        }
    }
    assert!(
        seen >= 8,
        "folder, manifest, spec, journal with a segment, results, summary, attempts"
    );
}

#[test]
fn the_spec_in_the_run_folder_runs_again_to_the_same_bytes() {
    let lab = Lab::new();
    let folder = first_run(&lab);
    let spec = folder.path().join("spec.toml");
    lab.supervisor(["run", &spec.to_string_lossy(), "--run-dir", "again"])
        .run()
        .assert_code(0);
    let again = lab.run_folder("again");
    again.assert_same_results(&folder, "the spec of the run folder");
    assert_eq!(
        again.manifest()["plan_digest"],
        folder.manifest()["plan_digest"]
    );
    assert_eq!(
        again.text("spec.toml"),
        folder.text("spec.toml"),
        "a resolved spec is its own"
    );
}

#[test]
fn no_process_and_no_temporary_file_stays() {
    let lab = Lab::new();
    for method in ["fork", "spawn", "inline"] {
        lab.supervisor(["run", "--start-method", method])
            .run()
            .assert_code(0);
        assert!(lab.census().is_empty(), "{method}: {:#?}", lab.census());
        assert_eq!(lab.leftovers(), Vec::<PathBuf>::new(), "{method}");
    }
}
