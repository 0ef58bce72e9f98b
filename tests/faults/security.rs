//! What `SECURITY.md` promises about programs, environments, files and text, from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::common::{Lab, Supervisor};
use crate::trial::{
    Faults, assert_nothing_left, signal, stopped_worker, trial, under_fork_and_spawn, zygote,
};

under_fork_and_spawn!(
    a_hostile_worker_is_never_found,
    the_environment_stays_with_the_supervisor,
    what_a_run_leaves_is_private_whatever_the_umask,
);

/// Programs of that name lie first in PATH and in the current folder. Whoever runs one leaves a mark.
fn a_hostile_worker_is_never_found(method: &str) {
    let lab = Lab::new();
    let mark = lab.root().join("ran");
    let text = format!("#!/bin/sh\n: > '{}'\n", mark.display());
    for name in ["worker", "bin/worker", "supervisor"] {
        let path = lab.write(name, &text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let path = format!("{}:.:/usr/bin:/bin", lab.path("bin").display());
    let calm = Faults::new(4, "error", 0, 0);
    let beside = trial(&lab, "beside", method, std::slice::from_ref(&calm)).env("PATH", &path);
    // A supervisor without a worker program beside it is its own.
    let alone = lab.root().join("alone");
    fs::create_dir(&alone).expect("the lab is new");
    fs::copy(env!("CARGO_BIN_EXE_supervisor"), alone.join("supervisor")).expect("a copy");
    let program = alone.join("supervisor");
    let by_itself = trial(&lab, "alone", method, &[calm])
        .env("PATH", &path)
        .through_shell(&format!("shift; exec '{}' \"$@\"", program.display()));
    for (name, run) in [("beside", beside), ("alone", by_itself)] {
        let finished = run.run().assert_code(0);
        lab.run_folder(name).assert_all_ok(4);
        assert!(!mark.exists(), "{name}: a stranger was run: {finished:?}");
        assert_nothing_left(&lab, &finished);
    }
}

/// Of our environment the processes below get what the list allows, and what was made for them.
fn the_environment_stays_with_the_supervisor(method: &str) {
    const SECRET: &str = "correct-horse-battery-staple";
    let lab = Lab::new();
    let mut running = trial(&lab, "run", method, &[Faults::new(2, "stop", 2, 0)])
        .env("SECRET_TOKEN", SECRET)
        .env("LD_PRELOAD", format!("/nowhere/{SECRET}.so"))
        .env("LANG", "C.UTF-8")
        .args(["-v", "--log-file", "log"])
        .background();
    let worker = stopped_worker(&mut running, &[]);
    let mut looked_at = vec![worker.pid];
    if method == "fork" {
        looked_at.push(zygote(&running).pid);
    }
    for pid in looked_at {
        let bytes = fs::read(format!("/proc/{pid}/environ")).expect("it lives");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(SECRET), "{text:?}");
        assert!(text.contains("LANG=C.UTF-8"), "{text:?}");
        for entry in text.split('\0').filter(|entry| !entry.is_empty()) {
            let name = entry.split('=').next().unwrap_or_default();
            let allowed =
                ["LANG", "LC_ALL", "TZ", "TMPDIR"].contains(&name) || name.starts_with("FUMEHOOD_");
            assert!(allowed, "{name} is not on the list");
        }
    }
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    for (path, bytes) in lab.listing() {
        let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
        assert!(!text.contains(SECRET), "{} holds it", path.display());
    }
    assert!(!finished.stderr.contains(SECRET), "{finished:?}");
    assert_nothing_left(&lab, &finished);
}

fn what_a_run_leaves_is_private_whatever_the_umask(method: &str) {
    let lab = Lab::new();
    let mut running = trial(&lab, "run", method, &[Faults::new(4, "spew=1+stop", 4, 0)])
        .through_shell("umask 000; exec \"$@\"")
        .background();
    let worker = stopped_worker(&mut running, &[]);
    // The folder of sockets exists only while the run does.
    let sockets = fs::read_dir(lab.sockets()).expect("the lab has it");
    let sockets: Vec<_> = sockets.flatten().collect();
    assert_eq!(sockets.len(), 1, "{sockets:?}");
    let mode = |path: &Path| {
        fs::symlink_metadata(path)
            .expect("there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&sockets[0].path()), 0o700);
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    let run = lab.path("run");
    assert!(run.join("logs/3.1.stdout").exists());
    for (path, bytes) in lab.listing() {
        if path.starts_with(&run) {
            let expected = if bytes.is_some() { 0o600 } else { 0o700 };
            assert_eq!(mode(&path), expected, "{}", path.display());
        }
    }
    assert_nothing_left(&lab, &finished);
}

/// Names from a file and messages from a model, with everything in them that a terminal would obey.
#[test]
fn no_text_from_outside_reaches_a_terminal_raw() {
    let harm: [(&str, &str); 9] = [
        ("clears", "\x1b[2J\x1b[H"),
        ("titles", "\x1b]0;owned\x07"),
        ("c1", "\u{9b}31m"),
        ("turns", "\u{202e}txt.exe"),
        ("isolates", "\u{2066}x\u{2069}"),
        ("separates", "\u{2028}forged: line"),
        ("deletes", "\x7f\x08\x08"),
        ("returns", "\rdone: all ok"),
        ("marks", "\u{feff}"),
    ];
    let lab = Lab::new();
    let mut csv = String::from("unique_id,ds,y\n");
    for (name, text) in harm {
        // One value: too short for any horizon, so that each series has a message too.
        csv.push_str(&format!("{name}{text},2020-01-01,1\n"));
    }
    for day in 1..=9 {
        csv.push_str(&format!("good,2020-01-0{day},{day}\n"));
    }
    lab.write("harm.csv", csv);
    let look = |arguments: &[&str]| -> Supervisor {
        lab.supervisor(arguments.iter().copied()).args([
            "--run-dir",
            "run",
            "--color",
            "never",
            "-v",
            "--progress",
            "lines",
            "--log-file",
            "log",
        ])
    };
    let finished = look(&[
        "forecast",
        "--mode",
        "custom",
        "--data",
        "harm.csv",
        "--models",
        "naive",
        "--test-size",
        "2",
        "--start-method",
        "fork",
    ])
    .run();
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert_eq!(lab.run_folder("run").states()["error"], harm.len());
    let mut shown = vec![
        ("stdout", finished.stdout.clone()),
        ("stderr", finished.stderr.clone()),
    ];
    shown.push((
        "log",
        fs::read_to_string(lab.path("log")).expect("there is a log"),
    ));
    for name in ["results.jsonl", "attempts.jsonl", "summary.json"] {
        shown.push((name, lab.run_folder("run").text(name)));
    }
    for (name, text) in shown {
        assert!(!text.is_empty(), "{name}");
        let raw = text.chars().find(|&c| {
            (c.is_control() && c != '\n') || "\u{202e}\u{2066}\u{2069}\u{2028}\u{feff}".contains(c)
        });
        assert_eq!(raw, None, "{name}: {text}");
    }
    assert_nothing_left(&lab, &finished);
}
