//! The supervisor itself is killed, in the middle of its work.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::common::{Lab, RunFolder, Supervisor};

/// Many short tasks, then a register of four ranges whose tables are merged at the end.
const SPEC: &str = r#"
schema = 1

[[experiment]]
name = "made"
kind = "forecast"
mode = "synthetic"
max-series = 50
horizon = 6
season-length = 12
models = ["naive", "seasonal-naive", "naive2", "drift", "ses", "theta"]

[[experiment]]
name = "gf2-d22"
kind = "lfsr"
gf-order = 2
coefficients = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
"#;

const FORECASTS: usize = 50 * 6;
const TASKS: usize = FORECASTS + 1 + 4;

fn lab_with_spec() -> (Lab, RunFolder) {
    let lab = Lab::new();
    lab.write("spec.toml", SPEC);
    run(&lab, "calm", "inline").run().assert_code(0);
    let calm = lab.run_folder("calm");
    calm.assert_all_ok(TASKS);
    (lab, calm)
}

fn run(lab: &Lab, name: &str, method: &str) -> Supervisor {
    lab.supervisor([
        "run",
        "spec.toml",
        "--run-dir",
        name,
        "--start-method",
        method,
    ])
}

/// Kills a run at several points of its progress, each in a folder of its own, and runs it again.
fn kill_and_run_again(method: &str) {
    let (lab, calm) = lab_with_spec();
    for after in [1, TASKS / 4, TASKS / 2, TASKS * 3 / 4, FORECASTS] {
        let name = format!("{method}-{after}");
        let folder = lab.run_folder(&name);
        let mut running = run(&lab, &name, method).background();
        running.wait_for_recorded(&folder, after);
        running.signal(Signal::SIGKILL);
        let finished = running.wait();
        // The last point is close to the end, and the kill may come after it.
        let ended = finished.code() == Some(0) && after == FORECASTS;
        assert!(finished.ended_by() == Some(9) || ended, "{finished:?}");
        lab.assert_quiet_within(Duration::from_secs(1));
        let kept = folder.recorded();
        assert!(kept >= after, "{name}: {kept} of {after} recorded");

        run(&lab, &name, method).run().assert_code(0);
        folder.assert_same_results(&calm, &name);
        folder.assert_all_ok(TASKS);
        assert_eq!(
            folder.recorded(),
            TASKS,
            "{name}: every end was recorded once"
        );
        assert!(lab.census().is_empty(), "{name}: {:#?}", lab.census());
        assert!(lab.leftovers().is_empty(), "{name}: {:?}", lab.leftovers());
    }
}

#[test]
fn a_run_under_fork_that_is_killed_loses_nothing_and_repeats_nothing() {
    kill_and_run_again("fork");
}

#[test]
fn a_run_under_spawn_that_is_killed_loses_nothing_and_repeats_nothing() {
    kill_and_run_again("spawn");
}

#[test]
fn a_run_that_is_killed_again_and_again_still_ends_the_same() {
    let (lab, calm) = lab_with_spec();
    let folder = lab.run_folder("run");
    for kill in 1..=5 {
        let mut running = run(&lab, "run", "fork").background();
        running.wait_for_recorded(&folder, kill * TASKS / 7);
        running.signal(Signal::SIGKILL);
        let _ = running.wait();
        lab.assert_quiet_within(Duration::from_secs(1));
    }
    lab.supervisor(["resume", "run"]).run().assert_code(0);
    folder.assert_same_results(&calm, "five kills");
    folder.assert_all_ok(TASKS);
    assert_eq!(folder.recorded(), TASKS, "every end was recorded once");
    assert!(lab.leftovers().is_empty(), "{:?}", lab.leftovers());
}

#[test]
fn a_kill_before_anything_is_recorded_leaves_a_folder_that_can_be_run() {
    let (lab, calm) = lab_with_spec();
    let folder = lab.run_folder("run");
    for sign in ["run", "run/lock", "run/manifest.json", "run/spec.toml"] {
        let _ = std::fs::remove_dir_all(folder.path());
        let path = lab.path(sign);
        let mut running = run(&lab, "run", "fork").background();
        running.wait_for(sign, |_| path.exists().then_some(()));
        running.signal(Signal::SIGKILL);
        let _ = running.wait();
        lab.assert_quiet_within(Duration::from_secs(1));
        run(&lab, "run", "fork").run().assert_code(0);
        folder.assert_same_results(&calm, sign);
        assert!(lab.leftovers().is_empty(), "{sign}: {:?}", lab.leftovers());
    }
}
