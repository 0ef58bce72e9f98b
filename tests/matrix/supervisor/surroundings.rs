//! What the supervisor is started into: outputs, dispositions, descriptors, a namespace, a clock.

use std::fs;

use nix::sys::signal::Signal;

use super::{goes_on, two_that_hang, wait_for_two_stopped, with_progress};
use crate::common::Reader;
use crate::scenario::{Scenario, fired, rows, with_faults};
use crate::trial::{Faults, outcomes, result_of, signal, stopped_worker, total, trial};

rows! {
    both: row_102_stdout_is_closed_early,
        row_102_the_reader_of_the_progress_is_gone,
        row_103_outputs_are_closed,
        row_103_stderr_is_full,
        row_103_stdout_is_full,
        row_105_sigchld_ignored,
        row_105_sigint_ignored,
        row_105_signals_blocked,
        row_106_standard_descriptors_closed,
        row_106_five_hundred_inherited_descriptors,
        row_107_first_process_of_a_namespace,
        row_111_the_time_of_day_jumps;
}

fn row_102_stdout_is_closed_early(method: &str) {
    for (reader, output) in [
        (Reader::FirstLine, "table"),
        (Reader::FirstLine, "csv"),
        (Reader::Gone, "json"),
    ] {
        let scenario = Scenario::new(method, 4, "error", 4, 0);
        let finished = scenario
            .command()
            .args(["--output", output])
            .stdout(reader)
            .run();
        // A task fails, which is what the code says: the reader has no part in it.
        scenario.aftermath(&finished).completes(1);
    }
}

fn row_102_the_reader_of_the_progress_is_gone(method: &str) {
    let scenario = Scenario::calm(method, 4);
    let finished = with_progress(&scenario).stderr(Reader::Gone).run();
    assert_eq!(finished.stderr, "");
    scenario.aftermath(&finished).completes(0);
}

fn row_103_outputs_are_closed(method: &str) {
    for closing in ["exec \"$@\" 2>&-", "exec \"$@\" >&- 2>&-"] {
        let scenario = Scenario::calm(method, 4);
        let finished = with_progress(&scenario).through_shell(closing).run();
        assert_eq!(finished.stderr, "");
        scenario.aftermath(&finished).completes(0);
    }
}

fn row_103_stderr_is_full(method: &str) {
    let scenario = Scenario::calm(method, 4);
    let finished = with_progress(&scenario)
        .through_shell("exec \"$@\" 2>/dev/full")
        .run();
    assert!(finished.stdout.contains("f"), "{finished:?}");
    scenario.aftermath(&finished).completes(0);
}

/// The summary was to go there: it cannot be said that all is well. The run folder has everything.
fn row_103_stdout_is_full(method: &str) {
    let scenario = Scenario::calm(method, 4);
    let finished = scenario
        .command()
        .through_shell("exec \"$@\" >/dev/full")
        .run()
        .assert_says(&["standard output"]);
    scenario.aftermath(&finished).ended_early(3);
    scenario.folder().assert_all_ok(4);
    let attempts = scenario.folder().bytes("attempts.jsonl");
    goes_on(&scenario, 0);
    assert_eq!(scenario.folder().bytes("attempts.jsonl"), attempts);
}

/// As some parents leave it: the kernel would reap workers before the supervisor can.
fn row_105_sigchld_ignored(method: &str) {
    let scenario = Scenario::new(method, 4, "signal=11", 2, 0);
    let signals = scenario.lab.root().join("signals");
    let finished = scenario
        .command()
        .args(["--retries", "0"])
        .through_shell(&format!(
            "ignoring='env --ignore-signal=CHLD'; $ignoring grep SigIgn /proc/self/status > '{}'; exec $ignoring \"$@\"",
            signals.display()
        ))
        .run();
    assert_eq!(mask(&signals) & bit(Signal::SIGCHLD), bit(Signal::SIGCHLD));
    for at in [1, 3] {
        let result = result_of(&scenario.folder(), &scenario.experiments[0].id(at));
        assert_eq!(result["cause"]["signal"], "SIGSEGV", "{result}");
    }
    scenario.aftermath(&finished).completes(1);
}

/// The mask in a line such as `SigIgn: 0000000000010000`.
fn mask(file: &std::path::Path) -> u64 {
    let text = fs::read_to_string(file).expect("the shell has written it");
    let digits = text.split_whitespace().last().expect("a line with a mask");
    u64::from_str_radix(digits, 16).expect("hexadecimal digits")
}

fn bit(signal: Signal) -> u64 {
    1 << (signal as u32 - 1)
}

/// As in the background of a script, and with SIGHUP under nohup: it stays so.
fn row_105_sigint_ignored(method: &str) {
    for (name, sent) in [("INT", Signal::SIGINT), ("HUP", Signal::SIGHUP)] {
        let scenario = Scenario::new(method, 4, "stop", 4, 1);
        let mut running = scenario
            .command()
            .through_shell(&format!("trap '' {name}; exec \"$@\""))
            .background();
        let worker = stopped_worker(&mut running, &[]);
        running.signal(sent);
        running.wait_until_taken();
        signal(worker.pid, Signal::SIGCONT);
        let finished = running.wait();
        assert_eq!(outcomes(&scenario.folder().attempts()), ["ok"; 4]);
        scenario.aftermath(&finished).completes(0);
    }
}

/// Signals that were blocked are heard all the same, and workers are born with none blocked.
fn row_105_signals_blocked(method: &str) {
    let scenario = two_that_hang(method);
    let mut running = scenario
        .command()
        .args(["--grace", "200ms"])
        .through_shell("exec env --block-signal=TERM,INT,CHLD,SEGV \"$@\"")
        .background();
    let stopped = wait_for_two_stopped(&mut running);
    let status = format!("/proc/{}/status", stopped[0].pid);
    let status = fs::read_to_string(status).expect("the worker lives");
    assert!(status.contains("SigBlk:\t0000000000000000"), "{status}");
    running.signal(Signal::SIGTERM);
    let finished = running.wait();
    scenario.aftermath(&finished).ended_early(143);
    let outcomes = scenario.folder().outcomes();
    assert_eq!(outcomes.get("interrupted"), Some(&2), "{outcomes:?}");
    goes_on(&scenario, 0);
}

/// The first files that are opened must not get their numbers: what is printed would go into them.
fn row_106_standard_descriptors_closed(method: &str) {
    let scenario = Scenario::new(method, 4, "spew=3", 2, 0);
    let finished = with_progress(&scenario)
        .through_shell("exec \"$@\" <&- >&- 2>&-")
        .run();
    // Every line of the files is what it should be: they are parsed, and compared with a calm run's.
    assert_eq!(scenario.folder().attempts().len(), 4);
    scenario.aftermath(&finished).completes(0);
}

fn row_106_five_hundred_inherited_descriptors(method: &str) {
    let scenario = Scenario::new(method, 4, "stop", 4, 0);
    let inherited = scenario.lab.write("inherited", "theirs");
    let mut running = scenario
        .command()
        .through_shell(&format!(
            "exec python3 -c 'import os, sys\n\
             for _ in range(500): os.set_inheritable(os.open(\"{}\", os.O_RDWR), True)\n\
             os.execv(sys.argv[1], sys.argv[1:])' \"$@\"",
            inherited.display()
        ))
        .background();
    let worker = stopped_worker(&mut running, &[]);
    let holds = |pid: i32| {
        let all = fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives");
        let targets = all.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
        targets.filter(|target| *target == inherited).count()
    };
    assert_eq!(holds(running.pid()), 500, "the supervisor has them");
    let keeper = super::keeper(&mut running, 0);
    running.wait_for("a keeper that has closed them", |_| {
        (holds(keeper.pid) == 0).then_some(())
    });
    let others = running.descendants();
    for process in others.processes().iter().filter(|p| p.state != 'Z') {
        // A spare worker that is just starting closes them first thing.
        running.wait_for("descriptors to be closed", |running| {
            let still = running.descendants();
            let lives = still.processes().iter().any(|p| p == process);
            (!lives || holds(process.pid) == 0).then_some(())
        });
    }
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait();
    assert_eq!(scenario.lab.run_folder("").text("inherited"), "theirs");
    scenario.aftermath(&finished).completes(0);
}

/// Every orphan of a container becomes the child of its first process: those of the run are ended, the others
/// are reaped when they are over.
fn row_107_first_process_of_a_namespace(method: &str) {
    let scenario = Scenario::of(
        method,
        vec![
            Faults::new(2, "daemon", 1, 0).called("daemons"),
            Faults::new(1, "stop", 1, 0).called("last"),
        ],
    );
    // The shell becomes the supervisor, and leaves it a child that ends, one that goes on, and an orphan.
    let mut running = trial(&scenario.lab, "run", method, &scenario.experiments)
        .through_shell(
            "exec unshare -pf --mount-proc sh -c '\
             sleep 0.01 & sleep 6001 & (sleep 6002 & exec sleep 0.01) & exec \"$@\"' sh \"$@\"",
        )
        .background();
    let supervisor = running.wait_for_process("the supervisor", |p| p.name == "supervisor");
    let worker = stopped_worker(&mut running, &[]);
    let status = fs::read_to_string(format!("/proc/{}/status", supervisor.pid));
    let status = status.expect("it lives");
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let inside = inside.and_then(|numbers| numbers.split_whitespace().last());
    assert_eq!(inside, Some("1"), "{status}");
    // The daemons are gone, two sleepers live, nobody is a zombie.
    running.wait_for("orphans to be ended, and strangers reaped", |running| {
        let census = running.descendants();
        let mut children: Vec<(i32, &str)> = Vec::new();
        for process in census.processes() {
            if process.parent == supervisor.pid {
                if process.state == 'Z' {
                    return None;
                }
                children.push((process.pid, process.name.as_str()));
            }
        }
        let sleepers = children.iter().filter(|(_, name)| *name == "sleep").count();
        let forked = census.processes().iter().filter(|p| p.name == "worker");
        // The stopped worker, the keeper, and the zygote or two spares; a daemon would be one more.
        let forked = forked.filter(|p| p.state != 'T').count();
        (sleepers == 2 && forked <= 2).then_some(())
    });
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait();
    scenario.aftermath(&finished).completes(0);
}

/// The time of day is for people; what is decided goes by a clock that does not jump, and the order of records
/// by their numbers.
fn row_111_the_time_of_day_jumps(method: &str) {
    let scenario = Scenario::of(
        method,
        vec![
            Faults::new(2, "hang", 2, 0).called("slow"),
            Faults::new(3, "sleep-ms=50", 1, 0),
        ],
    );
    let started = |at: usize| {
        let manifest = scenario.folder().manifest();
        let started = manifest["supervisors"][at]["started"].as_str();
        started.expect("each supervisor has a time").to_owned()
    };
    let limited = |command: crate::common::Supervisor| command.args(["--timeout", "500ms"]);
    // A day ahead, and killed; back in 1970, and killed; a day behind, to the end.
    for (at, jump) in ["forward-s=86400", "epoch"].into_iter().enumerate() {
        let faults = format!("clock.wall:{jump},supervisor.recorded:signal=9:1");
        let command = if at == 0 {
            scenario.command()
        } else {
            super::resume(&scenario)
        };
        // The count goes over all processes: each round has a log of its own.
        let lab = &scenario.lab;
        let log = lab.root().join(format!("fault-log-{at}"));
        let finished = limited(with_faults(lab, command, &faults))
            .env("SUPERVISOR_FAULT_LOG", log)
            .run();
        assert_eq!(finished.ended_by(), Some(9), "{finished:?}");
        scenario.lab.assert_quiet_within(super::ORPHANS);
        assert_eq!(scenario.folder().recorded(), at + 1);
    }
    let last = with_faults(
        &scenario.lab,
        super::resume(&scenario),
        "clock.wall:back-s=86400",
    );
    let finished = limited(last).run();
    assert!(fired(&scenario.lab, "clock.wall") > 0);
    assert!(started(1).starts_with("1970-01-01"), "{}", started(1));
    assert!(started(2) < started(0), "two days earlier");

    let attempts = scenario.folder().attempts();
    let timeouts = attempts.iter().filter(|a| a["outcome"] == "timeout");
    let spans: Vec<_> = timeouts.map(total).collect();
    assert_eq!(spans.len(), 1, "{attempts:#?}");
    assert!(spans[0].as_millis() >= 500, "{spans:?}");
    assert!(
        attempts.iter().all(|a| total(a).as_secs() < 60),
        "{attempts:#?}"
    );
    scenario.aftermath(&finished).completes(1);
}
