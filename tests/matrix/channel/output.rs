//! Rows 91 and 92: what is printed instead of sent.

use crate::scenario::{Scenario, rows};
use crate::trial::{outcomes, result_of};

rows! {
    both: row_091_prints_half_a_gigabyte,
        row_092_closes_its_standard_streams,
        row_092_prints_what_is_no_text;
}

/// Bytes of head and of tail that are kept.
const KEPT: usize = 32 << 10;

/// 256 MiB to either stream: drained as fast as it comes, and kept to its head and its tail.
fn row_091_prints_half_a_gigabyte(method: &str) {
    let lines = 256 << 10;
    let action = format!("spew={lines}+spew-err={lines}");
    let scenario = Scenario::new(method, 2, &action, 2, 0);
    let finished = scenario.command().run().assert_code(0);
    let gap = format!("\n... {} bytes left out ...\n", lines * 1024 - 2 * KEPT);
    for stream in ["stdout", "stderr"] {
        let text = scenario.folder().text(&format!("logs/1.1.{stream}"));
        assert_eq!(text.len(), 2 * KEPT + gap.len(), "{stream}");
        assert!(text.contains(&gap), "{stream}");
    }
    let files = scenario.lab.listing().into_values().flatten();
    let bytes: usize = files.map(|file| file.len()).sum();
    assert!(bytes < 1 << 20, "{bytes} bytes on disk");
    scenario.aftermath(&finished).completes(0);
}

/// What it prints then is lost, and a panic's line with it; its answer is not.
fn row_092_closes_its_standard_streams(method: &str) {
    let scenario = Scenario::new(method, 4, "close-standard+babble+if-nth=4+panic", 2, 0);
    let finished = scenario.command().run().assert_code(1);
    let states: Vec<_> = (0..4)
        .map(|at| result_of(&scenario.folder(), &scenario.experiments[0].id(at))["state"].clone())
        .collect();
    assert_eq!(states, ["ok", "ok", "ok", "error"]);
    assert!(!scenario.folder().path().join("logs").exists());
    scenario.aftermath(&finished).completes(1);
}

/// Kept byte for byte in the file; on the terminal there is nothing of it.
fn row_092_prints_what_is_no_text(method: &str) {
    let scenario = Scenario::new(method, 2, "babble+panic", 2, 0);
    let finished = scenario
        .command()
        .args(["--color", "never", "-v"])
        .run()
        .assert_code(1);
    assert_eq!(outcomes(&scenario.folder().attempts()), ["ok", "error"]);
    let all: Vec<u8> = (0..=255).collect();
    for stream in ["stdout", "stderr"] {
        let bytes = scenario.folder().bytes(&format!("logs/1.1.{stream}"));
        assert!(bytes.starts_with(&all), "{stream}");
        let rest = &bytes[256..];
        assert!(
            rest.starts_with(b"\xe2\x82 \x1b[31;1mred\x1b]0;title\x07"),
            "{stream}"
        );
    }
    for shown in [&finished.stdout, &finished.stderr] {
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n'),
            "{shown:?}"
        );
        assert!(!shown.contains("[31;1m"), "{shown:?}");
    }
    scenario.aftermath(&finished).completes(1);
}
