//! Somebody has just built the program and types the least that can be typed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::Lab;

/// Tasks of the built-in example: 12 series under 6 models, and two registers of one range each.
const TASKS: usize = 12 * 6 + 2;

#[test]
fn a_first_run_without_arguments_leaves_a_whole_run_folder() {
    let lab = Lab::new();
    lab.supervisor(["run"]).run().assert_code(0);

    let latest = fs::read_link(lab.path("runs/latest")).expect("`runs/latest` is a link");
    let name = latest.to_str().expect("the name is plain").to_owned();
    // 2026-11-21T18-40-07Z-kfqa
    assert_eq!(name.len(), 25, "{name}");
    let folder = lab.run_folder(Path::new("runs").join(&latest));

    folder.assert_all_ok(TASKS);
    assert_eq!(folder.attempts().len(), TASKS, "an attempt a task");
    assert_eq!(folder.recorded(), TASKS);
    let manifest = folder.manifest();
    assert_eq!(manifest["schema"], 1);
    assert_eq!(manifest["plan_digest"].as_str().map(str::len), Some(64));
    let summary = folder.summary();
    assert_eq!(summary["schema"], 1);
    let experiments = summary["experiments"].as_array().expect("a list");
    assert_eq!(experiments.len(), 3);
    assert!(experiments.iter().all(|e| e.get("incomplete").is_none()), "{summary:#}");
    assert_eq!(experiments[1]["cycle_lengths"], serde_json::json!({"1": "1", "65535": "1"}));
    assert!(lab.census().is_empty(), "{:#?}", lab.census());
    assert_eq!(lab.leftovers(), Vec::<std::path::PathBuf>::new());
}
