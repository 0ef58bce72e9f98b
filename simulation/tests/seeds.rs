//! Seeds that every change lives through, and what `simulate` says of them.

use std::process::Command;
use std::time::Duration;

use simulation::life::live;
use simulation::scenario::{Scenario, Weather};

/// Six minutes, with as many faults an hour as ever.
fn brief() -> Weather {
    Weather {
        span: Duration::from_secs(360),
        ..Weather::default()
    }
}

#[test]
fn a_hundred_brief_runs_keep_every_promise_and_are_the_same_again() {
    let mut lines = 0;
    for seed in 0..100 {
        let scenario = Scenario::of(seed, brief());
        let once = live(&scenario, false);
        assert_eq!(once.violation, None, "simulate replay {seed} --hours 0.1");
        let again = live(&scenario, true);
        assert_eq!(once.log.digest(), again.log.digest(), "seed {seed}");
        assert_eq!(again.log.text().lines().count() as u64, again.log.lines());
        lines += once.log.lines();
    }
    // They do something.
    assert!(lines > 50_000, "{lines} events");
}

/// Seeds that once broke a promise, with the commits that mended it: "a run whose last record cannot be written",
/// "what a killed supervisor had written is durable".
#[test]
fn seeds_that_broke_a_promise_once() {
    for (seed, faults) in [(1980, Some(&[15][..])), (4, None), (6, None)] {
        let scenario = Scenario::of(seed, Weather::default());
        let scenario = faults.map_or(scenario.clone(), |kept| scenario.with_faults(kept));
        assert_eq!(live(&scenario, false).violation, None, "seed {seed}");
    }
}

fn simulate(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(arguments)
        .output()
        .expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn another_process_gives_the_same_log() {
    let replay = |more: &[&str]| {
        let (code, stdout, _) = simulate(&[&["replay", "7", "--hours", "0.1"], more].concat());
        assert_eq!(code, Some(0));
        stdout
    };
    let log = replay(&[]);
    assert_eq!(log, replay(&[]));
    assert!(log.lines().count() > 100);
    let digest = blake3::hash(log.as_bytes()).to_hex();
    assert_eq!(replay(&["--digest"]).trim_end(), digest.as_str());
}

#[test]
fn a_range_of_seeds_is_summed_up() {
    let (code, stdout, _) = simulate(&["run", "--seeds", "0..3", "--hours", "0.05", "--twice"]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.starts_with("3 seeds, 0 broken; "), "{stdout}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (arguments, says) in [
        (&["run", "--seeds", "5..5"][..], "there is no seed in 5..5"),
        (&["run", "--seeds", "5"], "FIRST..END"),
        (&["replay", "1", "--hours", "0"], "--hours is from"),
        (&["replay", "1", "--faults", "100"], "has faults 0 to 99"),
    ] {
        let (code, stdout, stderr) = simulate(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stdout.is_empty() && stderr.contains(says), "{stderr}");
    }
}
