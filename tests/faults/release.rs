//! A build without the feature `fault` knows nothing of it.

use std::path::Path;
use std::process::Command;

use crate::common::{Lab, tell};
use crate::trial::{Faults, spec};

#[test]
fn a_release_refuses_faults() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("without-fault");
    // Only once per checkout is there much to build.
    tell("building the programs without the feature `fault`");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "supervisor",
            "--target-dir",
        ])
        .arg(&target)
        // Nothing is measured here: built as fast as can be.
        .args(["--config", "profile.dev.debug=false"])
        .args(["--config", "profile.dev.package.\"*\".opt-level=0"])
        .current_dir(workspace)
        .output()
        .expect("cargo can be started");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    // The folder above the programs is named by the machine: take the one that is there.
    let built = std::fs::read_dir(&target)
        .expect("it was made")
        .filter_map(|entry| Some(entry.ok()?.path().join("debug")))
        .chain([target.join("debug")])
        .find(|folder| folder.join("supervisor").is_file())
        .expect("the programs were built");
    let program = built.join("supervisor");

    let lab = Lab::new();
    lab.write("faults.toml", spec(&[Faults::new(2, "error", 2, 0)]));
    let before = lab.listing();
    let shell = format!("shift; exec '{}' \"$@\"", program.display());
    lab.supervisor(["run", "faults.toml", "--run-dir", "run"])
        .through_shell(&shell)
        .run()
        .assert_code(2)
        .assert_says(&["faults.toml", "fault"]);
    assert_eq!(lab.listing(), before, "nothing is written");
    // It is no build that refuses everything.
    lab.supervisor(["run", "--run-dir", "example"])
        .through_shell(&shell)
        .run()
        .assert_code(0);
    // Nor does the code lie in it unused.
    for name in ["supervisor", "worker"] {
        let bytes = std::fs::read(built.join(name)).expect("it was built");
        let needle = b"told to panic";
        assert!(
            !bytes.windows(needle.len()).any(|part| part == needle),
            "{name} holds faults"
        );
    }
}
