//! Rows 125 to 128: what a run expects around it is missing, full, or odd.

use std::fs;

use crate::common::{Finished, Supervisor};
use crate::mounts::{mounted_and, mounts};
use crate::scenario::{Scenario, rows};
use crate::syscalls::{injected, tampered};
use crate::trial::{strace, with_injection};

rows! {
    both:
        row_125_no_room_in_memory,
        row_125_no_memory_file_system,
        row_126_a_working_folder_that_is_read_only_or_gone,
        row_127_an_empty_environment,
        row_127_odd_surroundings,
        row_128_no_pidfds,
        row_128_older_calls,
        row_128_no_control_groups;
}

const TASKS: usize = 6;

/// All of it ran, and as calmly as ever.
#[track_caller]
fn runs(scenario: &Scenario, finished: &Finished) {
    scenario.aftermath(finished).completes(0);
}

/// The supervisor with another idea of `/dev/shm`: what the commands of a shell, in which `probe` is to fail,
/// make of it. Without XDG_RUNTIME_DIR that is where sockets would be made. Nothing may be left there.
fn with_dev_shm(scenario: &Scenario, way: &str, commands: &str, probe: &str) -> Finished {
    let left = scenario.lab.root().join("left");
    let commands = format!("{commands}\nif {probe}; then exit 99; fi\nunset XDG_RUNTIME_DIR");
    // Root may write anywhere, whatever the mode says: that right is given up.
    let last = format!(
        "code=0; setpriv --bounding-set=-dac_override,-dac_read_search \"$@\" || code=$?
         ls -d /dev/shm/fumehood-* > {} 2>/dev/null || true; exit $code",
        left.display()
    );
    let finished = mounted_and(way, scenario.command(), &commands, &last).run();
    let left = fs::read_to_string(left).expect("it was listed");
    assert_eq!(left, "", "{finished:?}");
    finished
}

fn row_125_no_room_in_memory(method: &str) {
    let Some(way) = mounts() else { return };
    let write = "echo x > /dev/shm/probe";
    for (commands, probe) in [
        (
            "mount -t tmpfs -o size=64k none /dev/shm\nhead -c 65536 /dev/zero > /dev/shm/all || true",
            write,
        ),
        ("mount -t tmpfs -o nr_inodes=1 none /dev/shm", write),
        ("mount -t tmpfs -o mode=000 none /dev/shm", "false"),
    ] {
        let scenario = Scenario::calm(method, TASKS);
        runs(
            &scenario,
            &with_dev_shm(&scenario, way, commands, &format!("{probe} 2>/dev/null")),
        );
    }
}

fn row_125_no_memory_file_system(method: &str) {
    let Some(way) = mounts() else { return };
    let scenario = Scenario::calm(method, TASKS);
    let other_dev = "mkdir dev; mount -t tmpfs none dev
        for name in null zero full random urandom; do
            touch dev/$name; mount --bind /dev/$name dev/$name
        done
        mount --move dev /dev; rmdir dev";
    let finished = with_dev_shm(&scenario, way, other_dev, "test -e /dev/shm");
    runs(&scenario, &finished);
}

/// With the spec and the run folder named from the root.
fn named_from_the_root(scenario: &Scenario) -> Supervisor {
    // Writes the spec.
    let _ = scenario.command();
    let path = |name: &str| scenario.lab.path(name).display().to_string();
    let (spec, run) = (path("run.toml"), path("run"));
    scenario
        .lab
        .supervisor(["run", &spec, "--run-dir", &run, "--workers", "2"])
        .args(["--start-method", &scenario.method, "--progress", "none"])
}

fn row_126_a_working_folder_that_is_read_only_or_gone(method: &str) {
    let scenario = Scenario::calm(method, TASKS);
    let gone = "mkdir ../gone && cd ../gone && rmdir ../gone && exec \"$@\"";
    let finished = named_from_the_root(&scenario).through_shell(gone).run();
    runs(&scenario, &finished);

    let Some(way) = mounts() else { return };
    let scenario = Scenario::calm(method, TASKS);
    let read_only = "mkdir ../fixed; mount --bind ../fixed ../fixed
        mount -o remount,bind,ro ../fixed; cd ../fixed
        if touch probe 2>/dev/null; then exit 99; fi";
    let command = named_from_the_root(&scenario);
    let finished = mounted_and(way, command, read_only, "exec \"$@\"").run();
    runs(&scenario, &finished);
}

fn row_127_an_empty_environment(method: &str) {
    let scenario = Scenario::calm(method, TASKS);
    let finished = scenario
        .command()
        .through_shell("exec env -i \"$@\" --workers 2")
        .run();
    runs(&scenario, &finished);
    // Without TMPDIR the private folder was made elsewhere; the lock says where.
    let lock = scenario.folder().text("lock");
    let folders: Vec<&str> = lock
        .split("\"runtime_dir\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(folders.len(), 1, "{lock}");
    assert!(!fs::exists(folders[0]).expect("it can be looked for"));
}

fn row_127_odd_surroundings(method: &str) {
    for settings in [
        "LANG=C LC_ALL=C TZ=XYZ+25:99 HOME=/nonexistent USER=",
        "LANG=xx_YY.none TZ=:/dev/zero PATH=",
    ] {
        let scenario = Scenario::calm(method, TASKS);
        let shell = format!("export {settings}; exec \"$@\"");
        let finished = scenario.command().through_shell(&shell).run();
        runs(&scenario, &finished);
    }
    // A megabyte: no single variable may have more than 128 KiB.
    let scenario = Scenario::calm(method, TASKS);
    let mut command = scenario.command();
    for n in 0..10 {
        command = command.env(&format!("LARGE_{n}"), "x".repeat(105 * 1000));
    }
    runs(&scenario, &command.run());
}

fn row_128_no_pidfds(method: &str) {
    let Some(strace) = strace() else { return };
    for error in ["ENOSYS", "EPERM"] {
        let scenario = Scenario::calm(method, TASKS);
        let injection = format!("pidfd_open:error={error}:when=1+");
        let finished = injected(&strace, &scenario.lab, scenario.command(), &injection)
            .run()
            .assert_says(&["no pidfds here: a thread waits for each process"]);
        assert!(tampered(&scenario.lab) >= TASKS);
        let reasons = &scenario.folder().manifest()["start_method"]["reasons"];
        assert!(reasons.to_string().contains("no pidfds"), "{reasons}");
        runs(&scenario, &finished);
    }
}

/// A kernel without `clone3` and `close_range`, or a filter that does not know them: other calls do the same.
fn row_128_older_calls(method: &str) {
    let Some(strace) = strace() else { return };
    let scenario = Scenario::calm(method, TASKS);
    let injection = "clone3:error=ENOSYS:when=1+";
    let finished = injected(&strace, &scenario.lab, scenario.command(), injection).run();
    assert!(tampered(&scenario.lab) > 0);
    runs(&scenario, &finished);

    let (lab, changeling) = with_injection(&strace, "close_range:error=ENOSYS");
    let scenario = Scenario {
        lab,
        ..Scenario::calm(method, TASKS)
    };
    let finished = changeling.runs(scenario.command()).run();
    runs(&scenario, &finished);
}

fn row_128_no_control_groups(method: &str) {
    let Some(way) = mounts() else { return };
    let scenario = Scenario::calm(method, TASKS);
    let hidden = "mount -t tmpfs none /sys/fs/cgroup
        if ls /sys/fs/cgroup/* 2>/dev/null; then exit 99; fi";
    let command = scenario.command().args(["--memory", "1GiB"]);
    let finished = mounted_and(way, command, hidden, "exec \"$@\"").run();
    runs(&scenario, &finished);
}
