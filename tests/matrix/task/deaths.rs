//! The process is gone before it has answered: `crashed`, with what it died of, and tried again.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{costs_its_attempts, message, once_and_always};
use crate::scenario::{Scenario, rows};
use crate::trial::{Faults, outcomes, result_of, signal, stopped_worker};

rows! {
    both:
        row_021_dies_while_reading_the_task,
        row_022_segv, row_023_abrt, row_024_kill, row_025_bus, row_026_fpe, row_027_ill, row_028_xcpu,
        row_029_pipe,
        row_030_term_from_outside, row_031_int_from_outside, row_032_hup_from_outside,
        row_033_quit_from_outside, row_034_usr1_from_outside, row_035_alrm_from_outside,
        row_037_panic_in_a_panic,
        row_039_leaves_before_the_result,
        row_041_recursion_without_end, row_041_frame_larger_than_the_stack,
        row_041_segv_sent_from_outside;
}

fn row_021_dies_while_reading_the_task(method: &str) {
    let scenario = Scenario::calm(method, 4);
    // The self-test's worker reads an order too: the second is the first task's.
    let finished = scenario
        .with_faults("worker.recv:signal=9:2")
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.recv"), 1);
    // It had not begun: nobody is charged.
    let attempts = scenario.folder().attempts();
    let failed = outcomes(&attempts)
        .iter()
        .filter(|o| **o == "start_failed")
        .count();
    assert_eq!(failed, 1, "{attempts:#?}");
    assert_eq!(
        result_of(&scenario.folder(), &scenario.experiments[0].id(0))["state"],
        "ok"
    );
    scenario.aftermath(&finished).completes(0);
}

/// The deed ends in this signal, which each attempt names, and the result too.
fn dies_of(method: &str, deed: &str, name: &str) {
    let scenario = once_and_always(method, deed);
    let (finished, did) = costs_its_attempts(&scenario, &[], "crashed");
    for attempt in &did {
        assert_eq!(attempt["cause"]["signal"], name, "{attempt}");
    }
    let result = result_of(&scenario.folder(), &scenario.experiments[1].id(1));
    assert_eq!(result["cause"]["signal"], name, "{result}");
    assert_eq!(result.get("result"), None);
    scenario.aftermath(&finished).completes(1);
}

fn row_022_segv(method: &str) {
    dies_of(method, "segv", "SIGSEGV");
}

fn row_023_abrt(method: &str) {
    dies_of(method, "signal=6", "SIGABRT");
}

fn row_024_kill(method: &str) {
    dies_of(method, "signal=9", "SIGKILL");
}

fn row_025_bus(method: &str) {
    dies_of(method, "bus", "SIGBUS");
}

fn row_026_fpe(method: &str) {
    dies_of(method, "fpe", "SIGFPE");
}

fn row_027_ill(method: &str) {
    dies_of(method, "ill", "SIGILL");
}

fn row_028_xcpu(method: &str) {
    dies_of(method, "signal=24", "SIGXCPU");
}

fn row_029_pipe(method: &str) {
    dies_of(method, "signal=13", "SIGPIPE");
}

/// The second task stops in its first attempt, so that the test knows where to strike.
fn struck_from_outside(method: &str, strike: Signal) -> (Scenario, Value) {
    let scenario = Scenario::new(method, 2, "stop", 2, 1);
    let mut running = scenario.command().background();
    let victim = stopped_worker(&mut running, &[]);
    signal(victim.pid, strike);
    // A stopped process dies of a signal only once it goes on.
    signal(victim.pid, Signal::SIGCONT);
    let finished = running.wait().assert_code(0);
    let faults = &scenario.experiments[0];
    let attempts = scenario.folder().attempts();
    let tries = faults.attempts_at(&attempts, 1);
    assert_eq!(outcomes(&tries), ["crashed", "ok"], "{tries:#?}");
    assert_eq!(tries[0]["pid"], victim.pid);
    assert_eq!(tries[0]["cause"]["signal"], strike.as_str());
    assert_eq!(outcomes(&faults.attempts_at(&attempts, 0)), ["ok"]);
    scenario.aftermath(&finished).completes(0);
    (scenario, tries[0].clone())
}

fn row_030_term_from_outside(method: &str) {
    struck_from_outside(method, Signal::SIGTERM);
}

fn row_031_int_from_outside(method: &str) {
    struck_from_outside(method, Signal::SIGINT);
}

fn row_032_hup_from_outside(method: &str) {
    struck_from_outside(method, Signal::SIGHUP);
}

fn row_033_quit_from_outside(method: &str) {
    struck_from_outside(method, Signal::SIGQUIT);
}

fn row_034_usr1_from_outside(method: &str) {
    struck_from_outside(method, Signal::SIGUSR1);
}

fn row_035_alrm_from_outside(method: &str) {
    struck_from_outside(method, Signal::SIGALRM);
}

fn row_037_panic_in_a_panic(method: &str) {
    dies_of(method, "panic-twice", "SIGABRT");
}

/// An exit before the result is a crash, with any code, 0 too: the task has said nothing.
fn row_039_leaves_before_the_result(method: &str) {
    // `leave` runs exit handlers, `exit` does not; 71 is a code that workers have a use for.
    let deeds = [
        "leave=0", "leave=1", "exit=0", "exit=71", "exit=255", "abort",
    ];
    let experiments: Vec<Faults> = deeds
        .iter()
        .flat_map(|deed| {
            let name = deed.replace('=', "-");
            let pair = |attempts| Faults::new(2, deed, 2, attempts);
            [
                pair(1).called(&format!("{name}-once")),
                pair(0).called(&format!("{name}-always")),
            ]
        })
        .collect();
    let scenario = Scenario::of(method, experiments);
    let finished = scenario
        .command()
        .args(["--retries", "1"])
        .run()
        .assert_code(1);
    let folder = scenario.folder();
    let attempts = folder.attempts();
    for faults in &scenario.experiments {
        let tries = faults.attempts_at(&attempts, 1);
        let expected = if faults.attempts == 0 {
            ["crashed", "crashed"]
        } else {
            ["crashed", "ok"]
        };
        assert_eq!(outcomes(&tries), expected, "{}", faults.action);
        let (_, code) = faults.action.split_once('=').unwrap_or(("", ""));
        let cause = &tries[0]["cause"];
        if let Ok(code) = code.parse::<i32>() {
            assert_eq!(cause["exit_code"], code, "{cause}");
            assert_eq!(cause.get("signal"), None, "{cause}");
            let said = format!("exited with code {code} before it gave a result");
            assert!(message(&tries[0]).contains(&said), "{cause}");
        } else {
            assert_eq!(cause["signal"], "SIGABRT", "{cause}");
        }
    }
    scenario.aftermath(&finished).completes(1);
}

/// Dies of SIGSEGV, and has said of what kind.
fn overflows(method: &str, deed: &str) {
    let scenario = once_and_always(method, deed);
    let (finished, did) = costs_its_attempts(&scenario, &[], "crashed");
    for attempt in &did {
        assert_eq!(attempt["cause"]["signal"], "SIGSEGV", "{attempt}");
    }
    // Tasks 1 and 3 of the run.
    for log in ["logs/1.1.stderr", "logs/3.1.stderr", "logs/3.2.stderr"] {
        let text = scenario.folder().text(log);
        assert_eq!(text, "worker: stack overflow\n", "{log}");
    }
    scenario.aftermath(&finished).completes(1);
}

fn row_041_recursion_without_end(method: &str) {
    overflows(method, "stack");
}

fn row_041_frame_larger_than_the_stack(method: &str) {
    overflows(method, "frame");
}

/// Whoever tells an overflow from another SIGSEGV does not survive one that was sent, and calls neither that
/// nor a bad pointer an overflow.
fn row_041_segv_sent_from_outside(method: &str) {
    let (scenario, attempt) = struck_from_outside(method, Signal::SIGSEGV);
    assert_eq!(attempt["cause"]["signal"], "SIGSEGV");
    assert!(!scenario.folder().path().join("logs").exists());
    let pointer = Scenario::new(method, 1, "segv", 1, 1);
    let finished = pointer.command().run().assert_code(0);
    assert_eq!(pointer.folder().outcomes()["crashed"], 1);
    assert!(!pointer.folder().path().join("logs").exists());
    pointer.aftermath(&finished).completes(0);
}
