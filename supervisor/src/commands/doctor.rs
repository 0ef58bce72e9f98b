//! `supervisor doctor`: what this machine can do and what will hurt, each finding with its fix.
//!
//! Every finding is one line that begins with `ok`, `note` (it works, but something will be slower, or
//! less than one may think) or `FAIL` (runs will not work); the last two have a second line that says
//! what to do. Nothing is changed and nothing is started; two temporary files are made and removed.
//!
//! What is read from the system and what is made of it are kept apart: each check is a function of plain
//! values, so that machines which we do not have can be tested.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use fumehood::clock::Monotonic;
use fumehood::sys;

use crate::reporter::escape;
use crate::reporter::words::{bytes, thousands};
use crate::start::program::{ProgramError, WorkerProgram};

/// Descriptors of a worker: channels, output pipes and pidfd of its two slots, with some to spare.
const FILES_PER_WORKER: u64 = 16;

/// Descriptors of the supervisor itself, generously.
const FILES_OF_SUPERVISOR: u64 = 64;

/// A run folder for sockets must be short: a socket's address holds 107 bytes, and our own names and
/// those of the channels take the rest.
const LONGEST_PARENT: usize = 60;

/// Less memory than this leaves no room for workers beside a system.
const LITTLE_MEMORY: u64 = 512 << 20;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    Note,
    Fail,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    level: Level,
    topic: &'static str,
    text: String,
    fix: Option<String>,
}

impl Finding {
    fn ok(topic: &'static str, text: impl Into<String>) -> Finding {
        Finding {
            level: Level::Ok,
            topic,
            text: text.into(),
            fix: None,
        }
    }

    fn note(topic: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            level: Level::Note,
            fix: Some(fix.into()),
            ..Finding::ok(topic, text)
        }
    }

    fn fail(topic: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            level: Level::Fail,
            ..Finding::note(topic, text, fix)
        }
    }
}

/// The text for stdout, and whether anything failed.
pub fn run() -> (String, bool) {
    render(&examine())
}

fn examine() -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let cores = sys::usable_cores();
    let limits = read("/proc/self/limits");
    let limit = |name: &str| limits.as_deref().and_then(|text| soft_limit(text, name));
    let load = sysinfo::System::load_average().ok().map(|load| load.one);
    let runtime = sys::runtime_parent();
    let mut clock = Vec::with_capacity(1000);
    clock.resize_with(1000, sys::monotonic_now);

    let mut findings = vec![
        kernel(&sys::kernel()),
        processors(cores.count, &cores.reason, num_cpus::get_physical()),
        busy(load, cores.count),
        memory(sys::memory_total(), sys::memory_available()),
    ];
    findings.extend(cgroup_memory().map(|(limit, group)| memory_limit(limit, &group)));
    findings.extend([
        start_methods(sys::fork_is_offered(), sys::thread_count().is_ok()),
        worker_program(WorkerProgram::find()),
        open_files(limit("Max open files"), cores.count),
        processes(limit("Max processes"), cores.count),
        core_dumps(read("/proc/sys/kernel/core_pattern").as_deref()),
        huge_pages(read("/sys/kernel/mm/transparent_hugepage/enabled").as_deref()),
        runtime_folder(&runtime.path, runtime.in_memory, writable(&runtime.path)),
        temporary_folder(&std::env::temp_dir(), writable(&std::env::temp_dir())),
        clocks(
            &clock,
            read("/sys/devices/system/clocksource/clocksource0/current_clocksource").as_deref(),
        ),
        terminal(io::stdout().is_terminal(), io::stderr().is_terminal()),
    ]);
    findings
}

fn render(findings: &[Finding]) -> (String, bool) {
    let mut lines = Vec::new();
    for finding in findings {
        let level = match finding.level {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Fail => "FAIL",
        };
        lines.push(format!(
            "{level:<4}  {:<16}  {}",
            finding.topic, finding.text
        ));
        if let Some(fix) = &finding.fix {
            lines.push(format!("{:<22}  fix: {fix}", ""));
        }
    }
    let number = |level| findings.iter().filter(|f| f.level == level).count() as u64;
    let (fails, notes) = (number(Level::Fail), number(Level::Note));
    lines.push(match (fails, notes) {
        (0, 0) => "nothing will hurt".to_owned(),
        (0, notes) => format!("runs will work; notes: {}", thousands(notes)),
        (fails, notes) => format!(
            "runs will not work as they should; failures: {}, notes: {}",
            thousands(fails),
            thousands(notes)
        ),
    });
    (lines.join("\n") + "\n", fails > 0)
}

/// Deaths of workers are learnt from pidfds, which Linux has since 5.3.
fn kernel(name: &str) -> Finding {
    let topic = "kernel";
    let name = escape(name);
    let Some(release) = name.strip_prefix("Linux ") else {
        return Finding::note(
            topic,
            format!("{name}: workers are started by exec"),
            "none needed; on Linux workers are forked, which is faster",
        );
    };
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < (5, 3) => Finding::note(
            topic,
            format!("{name} has no pidfds: a thread waits for each worker instead"),
            "use Linux 5.3 or newer",
        ),
        _ => Finding::ok(topic, name),
    }
}

fn processors(usable: u32, reason: &str, physical: usize) -> Finding {
    let topic = "cores";
    let text = format!("{usable} usable ({}), {physical} physical", escape(reason));
    if usable == 1 {
        return Finding::note(
            topic,
            text,
            "one worker at a time; allow more cores (affinity, cgroup quota) to run in parallel",
        );
    }
    if usable as usize > physical {
        return Finding::note(
            topic,
            format!("{text}: workers may share a core's units"),
            format!("for steady timings use --workers {}", physical.max(1)),
        );
    }
    Finding::ok(topic, text)
}

fn busy(load: Option<f64>, cores: u32) -> Finding {
    let topic = "load";
    match load {
        None => Finding::ok(topic, "not known on this system"),
        Some(load) if load > 0.8 * f64::from(cores) => Finding::note(
            topic,
            format!("{load:.1} over the last minute, on {cores} usable cores: others are at work"),
            "timings will be noisy; wait, or use fewer --workers",
        ),
        Some(load) => Finding::ok(topic, format!("{load:.1} over the last minute")),
    }
}

fn memory(total: Option<u64>, available: Option<u64>) -> Finding {
    let topic = "memory";
    let (Some(total), Some(available)) = (total, available) else {
        return Finding::ok(topic, "not known on this system");
    };
    let text = format!("{} available of {}", bytes(available), bytes(total));
    if available < LITTLE_MEMORY || available < total / 10 {
        return Finding::note(
            topic,
            text,
            "set --memory, so that a large task ends as oom before the kernel chooses a victim",
        );
    }
    Finding::ok(topic, text)
}

fn memory_limit(limit: u64, group: &str) -> Finding {
    let topic = "memory limit";
    let text = format!("the cgroup {} allows {}", escape(group), bytes(limit));
    Finding::note(
        topic,
        text,
        "set --memory below it, so that a large task ends as oom before the kernel ends others",
    )
}

/// The smallest limit from our cgroup (version 2) up to the root, and whose it is.
fn cgroup_memory() -> Option<(u64, String)> {
    let mine = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = mine.lines().find_map(|line| line.strip_prefix("0::"))?;
    Path::new(path)
        .ancestors()
        .filter_map(|group| {
            let inside = group.strip_prefix("/").unwrap_or(group);
            let file = Path::new("/sys/fs/cgroup").join(inside).join("memory.max");
            let limit = fs::read_to_string(file).ok()?.trim().parse().ok()?;
            Some((limit, group.display().to_string()))
        })
        .min_by_key(|(limit, _)| *limit)
}

fn start_methods(fork: bool, threads_known: bool) -> Finding {
    let topic = "start methods";
    match (fork, threads_known) {
        (true, true) => Finding::ok(topic, "fork, spawn, inline"),
        (true, false) => Finding::note(
            topic,
            "spawn, inline; without /proc nobody can say that forking is safe",
            "mount /proc",
        ),
        (false, _) => Finding::note(
            topic,
            "spawn, inline; there is no safe fork on this system",
            "none needed; a process costs more, so large tasks suffer least",
        ),
    }
}

fn worker_program(found: Result<WorkerProgram, ProgramError>) -> Finding {
    let topic = "worker program";
    match found {
        Ok(WorkerProgram::Beside(held)) => {
            Finding::ok(topic, escape(held.path().as_os_str().as_encoded_bytes()))
        }
        Ok(WorkerProgram::Ourselves(held)) => Finding::ok(
            topic,
            format!(
                "{} itself; there is no `worker` beside it",
                escape(held.path().as_os_str().as_encoded_bytes())
            ),
        ),
        Err(error) => Finding::fail(
            topic,
            escape(error.to_string()),
            error
                .hint()
                .map_or_else(|| "build both programs again".to_owned(), escape),
        ),
    }
}

/// A soft limit in the text of `/proc/self/limits`; `u64::MAX` = none.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn limit_text(limit: u64) -> String {
    match limit {
        u64::MAX => "no limit".to_owned(),
        n => format!("limit {}", thousands(n)),
    }
}

fn open_files(limit: Option<u64>, cores: u32) -> Finding {
    let topic = "open files";
    let Some(limit) = limit else {
        return Finding::ok(topic, "limit not known on this system");
    };
    let most = limit.saturating_sub(FILES_OF_SUPERVISOR) / FILES_PER_WORKER;
    let wanted = FILES_OF_SUPERVISOR + FILES_PER_WORKER * u64::from(cores);
    let text = match limit {
        u64::MAX => limit_text(limit),
        _ => format!(
            "{}: enough for {} workers",
            limit_text(limit),
            thousands(most)
        ),
    };
    let fix = format!("ulimit -n {}", wanted.max(1024));
    if most == 0 {
        Finding::fail(
            topic,
            format!("{}: no room for a worker", limit_text(limit)),
            fix,
        )
    } else if limit < wanted {
        Finding::note(topic, format!("{text}, fewer than the {cores} cores"), fix)
    } else {
        Finding::ok(topic, text)
    }
}

/// The limit counts all processes and threads of the user, so a little above the workers is too little.
fn processes(limit: Option<u64>, cores: u32) -> Finding {
    let topic = "processes";
    let Some(limit) = limit else {
        return Finding::ok(topic, "limit not known on this system");
    };
    let wanted = 64 + 2 * u64::from(cores);
    let text = format!("{} for this user", limit_text(limit));
    if limit < wanted {
        return Finding::note(
            topic,
            format!("{text}: workers may not start"),
            format!("ulimit -u {}", wanted.max(1024)),
        );
    }
    Finding::ok(topic, text)
}

/// Workers set their core size to 0. Linux does not apply that limit where the pattern is a pipe.
fn core_dumps(pattern: Option<&str>) -> Finding {
    let topic = "core dumps";
    match pattern.map(str::trim) {
        Some(pattern) if pattern.starts_with('|') => Finding::note(
            topic,
            format!(
                "each crash starts {}",
                escape(pattern.trim_start_matches('|'))
            ),
            "sysctl kernel.core_pattern=core; else a crash is known only once that program is done",
        ),
        Some(_) => Finding::ok(topic, "none: workers turn them off"),
        None => Finding::ok(topic, "not known on this system"),
    }
}

fn huge_pages(enabled: Option<&str>) -> Finding {
    let topic = "huge pages";
    match enabled {
        Some(text) if text.contains("[always]") => Finding::note(
            topic,
            "transparent huge pages: always; tasks may show more resident memory than they use",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, or give --memory some room",
        ),
        Some(text) => {
            let word = text.split(['[', ']']).nth(1).unwrap_or("not known");
            Finding::ok(topic, format!("transparent huge pages: {}", escape(word)))
        }
        None => Finding::ok(topic, "not known on this system"),
    }
}

/// Whether a folder can be made in it; it is removed again.
fn writable(folder: &Path) -> Result<(), String> {
    tempfile::tempdir_in(folder)
        .and_then(tempfile::TempDir::close)
        .map_err(|error| error.to_string())
}

fn runtime_folder(path: &Path, in_memory: bool, made: Result<(), String>) -> Finding {
    let topic = "runtime folder";
    let shown = escape(path.as_os_str().as_encoded_bytes());
    match made {
        Err(error) => Finding::fail(
            topic,
            format!("{shown} cannot be written: {}", escape(error)),
            "set XDG_RUNTIME_DIR or TMPDIR to a folder of yours",
        ),
        Ok(()) if path.as_os_str().len() > LONGEST_PARENT => Finding::fail(
            topic,
            format!("{shown} is too long a path for sockets"),
            format!("set XDG_RUNTIME_DIR or TMPDIR to a folder of at most {LONGEST_PARENT} bytes"),
        ),
        Ok(()) if !in_memory => Finding::note(
            topic,
            format!("{shown}, on a disk"),
            "set XDG_RUNTIME_DIR to a folder in memory (tmpfs): handshakes get faster",
        ),
        Ok(()) => Finding::ok(topic, format!("{shown}, in memory")),
    }
}

fn temporary_folder(path: &Path, made: Result<(), String>) -> Finding {
    let topic = "temporary folder";
    let shown = escape(path.as_os_str().as_encoded_bytes());
    match made {
        Ok(()) => Finding::ok(topic, format!("{shown} can be written")),
        Err(error) => Finding::note(
            topic,
            format!("{shown} cannot be written: {}", escape(error)),
            "set TMPDIR to a folder of yours",
        ),
    }
}

fn clocks(readings: &[Monotonic], source: Option<&str>) -> Finding {
    let topic = "clock";
    let moves = readings.first() < readings.last();
    if !readings.is_sorted() || !moves {
        return Finding::fail(
            topic,
            "the monotonic clock goes backwards or stands still",
            "choose another source in /sys/devices/system/clocksource/clocksource0/current_clocksource",
        );
    }
    match source.map(str::trim) {
        Some(slow @ ("hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" | "pit")) => Finding::note(
            topic,
            format!("monotonic, from {slow}: reading it is slow or coarse"),
            "if the machine offers tsc, boot with clocksource=tsc",
        ),
        Some(source) => Finding::ok(topic, format!("monotonic, from {}", escape(source))),
        None => Finding::ok(topic, "monotonic"),
    }
}

fn terminal(stdout: bool, stderr: bool) -> Finding {
    let talk = if stderr {
        "a terminal: a bar"
    } else {
        "no terminal: lines"
    };
    let data = if stdout { "a terminal" } else { "no terminal" };
    Finding::ok("terminal", format!("stderr is {talk}; stdout is {data}"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn this_machine_can_be_examined() {
        let (text, _) = run();
        for topic in [
            "kernel",
            "cores",
            "open files",
            "runtime folder",
            "clock",
            "worker program",
        ] {
            assert!(
                text.lines().any(|line| line[6..].starts_with(topic)),
                "{topic}:\n{text}"
            );
        }
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn each_line_says_its_level_and_each_trouble_its_fix() {
        let findings = [
            Finding::ok("kernel", "Linux 6.1"),
            Finding::note("load", "9.0", "wait"),
            Finding::fail("open files", "limit 64", "ulimit -n 1024"),
        ];
        let (text, failed) = render(&findings);
        assert_eq!(
            text,
            "ok    kernel            Linux 6.1\n\
             note  load              9.0\n                        fix: wait\n\
             FAIL  open files        limit 64\n                        fix: ulimit -n 1024\n\
             runs will not work as they should; failures: 1, notes: 1\n"
        );
        assert!(failed);
        assert_eq!(
            render(&findings[..1]).0.lines().last(),
            Some("nothing will hurt")
        );
        assert!(!render(&findings[..2]).1);
    }

    #[test]
    fn kernels_without_pidfds_are_noted() {
        for (name, level) in [
            ("Linux 6.1.0-18-amd64", Level::Ok),
            ("Linux 5.3", Level::Ok),
            ("Linux 4.19.0-2", Level::Note),
            ("Linux strange", Level::Ok),
            ("Darwin 24.0", Level::Note),
        ] {
            assert_eq!(kernel(name).level, level, "{name}");
        }
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             unlimited            96365                processes \n\
                    Max open files            1024                 20000                files     \n";
        assert_eq!(soft_limit(text, "Max open files"), Some(1024));
        assert_eq!(soft_limit(text, "Max processes"), Some(u64::MAX));
        assert_eq!(soft_limit(text, "Max swords"), None);
        assert_eq!(
            open_files(Some(1024), 8).text,
            "limit 1,024: enough for 60 workers"
        );
        assert_eq!(open_files(Some(1024), 64).level, Level::Note);
        assert_eq!(open_files(Some(70), 1).level, Level::Fail);
        assert_eq!(open_files(Some(u64::MAX), 64).text, "no limit");
        assert_eq!(open_files(None, 64).level, Level::Ok);
        assert_eq!(processes(Some(50), 4).level, Level::Note);
    }

    #[test]
    fn what_hurts_is_noted() {
        assert_eq!(core_dumps(Some("|/usr/lib/apport %p\n")).level, Level::Note);
        assert_eq!(core_dumps(Some("core\n")).level, Level::Ok);
        assert_eq!(
            huge_pages(Some("[always] madvise never\n")).level,
            Level::Note
        );
        assert_eq!(
            huge_pages(Some("always [madvise] never\n")).text,
            "transparent huge pages: madvise"
        );
        assert_eq!(busy(Some(3.9), 2).level, Level::Note);
        assert_eq!(busy(Some(0.1), 2).level, Level::Ok);
        assert_eq!(memory(Some(16 << 30), Some(1 << 30)).level, Level::Note);
        assert_eq!(
            memory(Some(16 << 30), Some(8 << 30)).text,
            "8.0 GiB available of 16 GiB"
        );
        assert_eq!(processors(8, "affinity", 4).level, Level::Note);
        assert_eq!(processors(1, "affinity", 4).level, Level::Note);
        assert_eq!(processors(4, "affinity", 4).level, Level::Ok);
        assert_eq!(start_methods(false, true).level, Level::Note);
    }

    #[test]
    fn folders_are_judged_by_writing_and_by_length() {
        let short = PathBuf::from("/run/user/1000");
        let long = PathBuf::from(format!("/{}", "x".repeat(80)));
        let denied = || Err("permission denied".to_owned());
        assert_eq!(runtime_folder(&short, true, Ok(())).level, Level::Ok);
        assert_eq!(runtime_folder(&short, false, Ok(())).level, Level::Note);
        assert_eq!(runtime_folder(&long, true, Ok(())).level, Level::Fail);
        assert_eq!(runtime_folder(&short, true, denied()).level, Level::Fail);
        assert_eq!(temporary_folder(&short, denied()).level, Level::Note);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        assert_eq!(writable(folder.path()), Ok(()));
        assert!(writable(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn a_clock_that_goes_back_fails() {
        let at = |nanos: &[u64]| nanos.iter().copied().map(Monotonic).collect::<Vec<_>>();
        assert_eq!(
            clocks(&at(&[1, 2, 2, 3]), Some("tsc\n")).text,
            "monotonic, from tsc"
        );
        assert_eq!(clocks(&at(&[1, 2]), Some("hpet")).level, Level::Note);
        assert_eq!(clocks(&at(&[2, 3, 1]), None).level, Level::Fail);
        assert_eq!(clocks(&at(&[0, 0]), None).level, Level::Fail);
    }
}
