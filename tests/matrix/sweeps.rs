//! Rows 97 and 98: the supervisor is killed at each of its system calls that touch the disk, in a run and
//! in the resumes after it.
//!
//! Here a sample is taken of the calls; `scripts/sweep_crash_points.py` takes them all, under both methods, and
//! nested. A kill hits before the call does anything, so that between two of them every state that one thread
//! leaves on the disk is met. A record that is torn in the middle cannot come of that: the resumes begin with
//! one, so that its cut is swept too.

use std::collections::BTreeMap;
use std::fs;

use crate::common::{Finished, RunFolder, Supervisor};
use crate::scenario::{Scenario, rows, terminal_records};
use crate::syscalls::{count_calls, injected, sample};
use crate::trial::{eventually, strace};
use std::time::Duration;

rows! {
    both:
        row_097_killed_at_every_nth_call,
        row_098_killed_at_every_nth_call_of_a_resume,
        row_098_killed_again_and_again;
}

/// Small, and with more than one record for each sync.
const TASKS: usize = 20;

/// Every so many calls of a kind is a kill, and the first and the last.
const EVERY: usize = 7;

/// A run that is killed again and again, and what it recorded so far.
struct Sweep<'a> {
    strace: &'a str,
    scenario: Scenario,
    kills: usize,
}

impl Sweep<'_> {
    fn new<'a>(strace: &'a str, method: &str) -> Sweep<'a> {
        Sweep {
            strace,
            scenario: Scenario::calm(method, TASKS),
            kills: 0,
        }
    }

    fn folder(&self) -> RunFolder {
        self.scenario.folder()
    }

    /// The run, or the resume of what is there.
    fn command(&self) -> Supervisor {
        self.scenario.command().arg("--quiet")
    }

    /// Runs it with a kill at the `n`-th of these calls, and checks what a kill may and may not do. Where a
    /// thread makes fewer of them this time (how many records share a sync is a matter of timing), the run
    /// ends well.
    fn kill_at(&mut self, call: &str, n: usize) {
        let before = terminal_records(&self.folder());
        let injection = format!("{call}:signal=KILL:when={n}");
        let command = injected(self.strace, &self.scenario.lab, self.command(), &injection);
        let finished = command.run();
        match finished.ended_by() {
            Some(9) => self.kills += 1,
            _ => assert_eq!(finished.code(), Some(0), "{injection}: {finished:?}"),
        }
        self.check(&before, &finished, &injection);
        let census = || self.scenario.lab.census().is_empty().then_some(());
        let quiet = eventually(Duration::from_secs(1), census);
        assert!(
            quiet.is_some(),
            "{injection}: {:#?}",
            self.scenario.lab.census()
        );
    }

    /// Goes on to the end, which is as if nothing had happened.
    fn finish(&self, what: &str) {
        let before = terminal_records(&self.folder());
        let finished = self.command().run();
        assert_eq!(finished.code(), Some(0), "{what}: {finished:?}");
        self.check(&before, &finished, what);
        self.scenario.aftermath(&finished).completes(0);
    }

    /// Nothing recorded before is lost or changed, and none of those tasks was run again.
    fn check(&self, before: &BTreeMap<String, Vec<String>>, finished: &Finished, what: &str) {
        let after = terminal_records(&self.folder());
        for (task, records) in before {
            assert_eq!(after.get(task), Some(records), "{what}: {finished:?}");
        }
        for (task, records) in &after {
            assert_eq!(records.len(), 1, "{what}: {task} ended twice: {finished:?}");
        }
    }

    /// Leaves the last record half written, as a kill in the middle of a write would; it is then no record.
    /// Gives back whether there was one.
    fn tear_the_last_record(&self) -> bool {
        let Ok(entries) = fs::read_dir(self.folder().path().join("journal")) else {
            return false;
        };
        let mut segments: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        segments.sort();
        let Some(last) = segments.last() else {
            return false;
        };
        let text = fs::read_to_string(last).expect("a segment is text");
        let Some(start) = text.trim_end().rfind('\n') else {
            return false;
        };
        let half = start + (text.len() - start) / 2;
        fs::write(last, &text[..half]).expect("it can be written");
        true
    }
}

fn row_097_killed_at_every_nth_call(method: &str) {
    let Some(strace) = strace() else { return };
    let counted = Sweep::new(&strace, method);
    let counts = count_calls(&strace, &counted.scenario.lab, counted.command());
    assert!(counts["write"] > TASKS, "{counts:?}");
    let mut kills = 0;
    for (call, count) in &counts {
        for n in sample(*count, EVERY) {
            let mut sweep = Sweep::new(&strace, method);
            sweep.kill_at(call, n);
            sweep.finish(&format!("after a kill at {call} {n}"));
            kills += sweep.kills;
        }
    }
    assert!(kills >= 2 * counts.len() - 2, "{kills} kills: {counts:?}");
}

fn row_098_killed_at_every_nth_call_of_a_resume(method: &str) {
    let Some(strace) = strace() else { return };
    let half = |sweep: &mut Sweep<'_>| {
        sweep.kill_at("write", TASKS / 2);
        assert!(sweep.tear_the_last_record());
    };
    let mut counted = Sweep::new(&strace, method);
    half(&mut counted);
    let counts = count_calls(&strace, &counted.scenario.lab, counted.command());
    assert_eq!(counts.get("ftruncate"), Some(&1), "{counts:?}");
    let mut kills = 0;
    for (call, count) in &counts {
        for n in sample(*count, 2 * EVERY) {
            let mut sweep = Sweep::new(&strace, method);
            half(&mut sweep);
            sweep.kill_at(call, n);
            sweep.finish(&format!("after a kill of the resume at {call} {n}"));
            kills += sweep.kills - 1;
        }
    }
    assert!(kills >= 2 * counts.len() - 4, "{kills} kills: {counts:?}");
}

fn row_098_killed_again_and_again(method: &str) {
    let Some(strace) = strace() else { return };
    for seed in 1..=4u64 {
        let mut draw = crate::scenario::draws(seed);
        let mut sweep = Sweep::new(&strace, method);
        let mut story = format!("seed {seed}:");
        for _ in 0..4 {
            let call = ["write", "write", "fsync", "fdatasync", "rename"][draw(5)];
            let n = 1 + draw(if call == "write" { 20 } else { 5 });
            story.push_str(&format!(" {call} {n}"));
            sweep.kill_at(call, n);
            if draw(2) == 0 {
                sweep.tear_the_last_record();
            }
        }
        assert!(sweep.kills >= 1, "{story}");
        sweep.finish(&story);
    }
}
