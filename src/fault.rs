//! Fail points: named places in both programs where a test makes something go wrong. Compiled only with the
//! feature `fault`; without it [`fail_point!`](crate::fail_point) is nothing at all.
//!
//! The environment says what happens where: `SUPERVISOR_FAULT=point:action:nth`, several of them separated
//! by commas. `nth` counts how often the point is passed: `3` is the third time only, `3+` from the third on,
//! `1+` (the default) every time. Workers inherit the variable, so that one count goes over all processes of
//! a run where `SUPERVISOR_FAULT_LOG` names a file: beside it lies one file a point, with a byte for each
//! time it was passed. The log itself gets a line whenever a fault happens, `point action pid`: that is how a
//! test sees that it did.
//!
//! # Actions
//!
//! | action | does |
//! | --- | --- |
//! | `signal=N` | raises the signal with its default disposition |
//! | `exit=N` | leaves at once with the code |
//! | `abort`, `panic` | what they say, in the thread that passes |
//! | `hang`, `stop` | sleeps for ever; stops the process until somebody continues it |
//! | `sleep-ms=N` | sleeps so long and goes on |
//! | anything else | is handed to the place itself as a [`Twist`], which knows what it means |

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::sys;

/// The variable that holds the faults.
pub const FAULTS: &str = "SUPERVISOR_FAULT";

/// The variable that names the log.
pub const LOG: &str = "SUPERVISOR_FAULT_LOG";

/// A fault that the place itself carries out: the words of its action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twist {
    /// What stands before the `=`.
    pub name: String,
    /// What stands after it.
    pub value: String,
}

impl Twist {
    /// The value as a number; 0 where it is none.
    pub fn number(&self) -> u64 {
        self.value.parse().unwrap_or(0)
    }
}

/// The variable that names the file of [`count_own`].
pub const COUNTS: &str = "SUPERVISOR_COUNTS";

/// Appends a line with what this process has at the moment: `when`, descriptors, threads, children; and one
/// with the most resident memory it has had, in KiB. A run that gives everything back has the same first
/// line at its start and at its end.
pub fn count_own(when: &str) {
    let Some(path) = std::env::var_os(COUNTS) else {
        return;
    };
    let names = |folder: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        // The listing's own descriptor is gone as soon as it is looked at.
        let is_there = |entry: &std::fs::DirEntry| std::fs::symlink_metadata(entry.path()).is_ok();
        let entries: Vec<_> = entries.collect();
        entries.iter().filter(|entry| is_there(entry)).count()
    };
    // A thread that has been joined is listed until the kernel has let go of it.
    for _ in 0..100 {
        if when != "end" || names("/proc/self/task") == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next());
    let line = format!(
        "peak {}\n{when} descriptors={} threads={} children={}\n",
        peak.unwrap_or("?"),
        names("/proc/self/fd"),
        names("/proc/self/task"),
        sys::children().len()
    );
    if let Ok(mut file) = OpenOptions::new().append(true).create(true).open(path) {
        let _ = file.write_all(line.as_bytes());
    }
}

/// What the point `clock.wall` can do to the time of day: `forward-s=N`, `back-s=N`, `epoch`.
pub fn jump(now: jiff::Timestamp, twist: &Twist) -> jiff::Timestamp {
    let span = jiff::SignedDuration::from_secs(i64::try_from(twist.number()).unwrap_or(0));
    let jumped = match twist.name.as_str() {
        "forward-s" => now.checked_add(span),
        "back-s" => now.checked_sub(span),
        _ => Ok(jiff::Timestamp::UNIX_EPOCH),
    };
    jumped.unwrap_or(now)
}

/// Passes a point. Whatever is to happen here happens; a twist is handed back.
pub fn pass(point: &str) -> Option<Twist> {
    let faults = faults();
    let mine = faults.iter().filter(|fault| fault.point == point);
    let mut mine = mine.peekable();
    mine.peek()?;
    let count = count(point);
    let fault = mine.find(|fault| fault.is_due(count))?;
    note(&format!(
        "{point} {} {}\n",
        fault.action,
        std::process::id()
    ));
    act(&fault.action)
}

struct Fault {
    point: String,
    action: String,
    from: u64,
    to: u64,
}

impl Fault {
    fn is_due(&self, count: u64) -> bool {
        (self.from..=self.to).contains(&count)
    }

    fn read(text: &str) -> Option<Fault> {
        let mut parts = text.split(':');
        let (point, action) = (parts.next()?, parts.next()?);
        let nth = parts.next().unwrap_or("1+");
        let (from, to) = match nth.strip_suffix('+') {
            Some(from) => (from.parse().ok()?, u64::MAX),
            None => (nth.parse().ok()?, nth.parse().ok()?),
        };
        Some(Fault {
            point: point.to_owned(),
            action: action.to_owned(),
            from,
            to,
        })
    }
}

/// What the environment says. A fault that cannot be read would be a test that tests nothing: it ends the
/// process.
fn faults() -> &'static [Fault] {
    static FAULTS_READ: OnceLock<Vec<Fault>> = OnceLock::new();
    FAULTS_READ.get_or_init(|| {
        let text = std::env::var(FAULTS).unwrap_or_default();
        text.split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                Fault::read(part).unwrap_or_else(|| {
                    note(&format!("unreadable {part}\n"));
                    std::process::abort()
                })
            })
            .collect()
    })
}

fn log() -> Option<PathBuf> {
    std::env::var_os(LOG).map(PathBuf::from)
}

/// How often the point has been passed, this time included.
fn count(point: &str) -> u64 {
    static HERE: OnceLock<Mutex<HashMap<String, u64>>> = OnceLock::new();
    let Some(log) = log() else {
        let mut here = HERE
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = here.entry(point.to_owned()).or_default();
        *count += 1;
        return *count;
    };
    let mut name = log.into_os_string();
    name.push(format!(".{point}"));
    let file = OpenOptions::new().append(true).create(true).open(name);
    // An append moves the file's own offset behind what it wrote: the count, whoever else appends.
    file.and_then(|mut file| {
        file.write_all(b".")?;
        file.stream_position()
    })
    .unwrap_or(0)
}

fn note(line: &str) {
    if let Some(log) = log()
        && let Ok(mut file) = OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = file.write_all(line.as_bytes());
    }
}

fn act(action: &str) -> Option<Twist> {
    let (name, value) = action.split_once('=').unwrap_or((action, ""));
    let number = value.parse::<i32>().unwrap_or(0);
    match name {
        "signal" => sys::fault::raise(number),
        "exit" => sys::quiet_exit(number),
        "abort" => std::process::abort(),
        "panic" => panic!("told to panic at a fail point"),
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "stop" => sys::temporary_pause(),
        "sleep-ms" => std::thread::sleep(Duration::from_millis(u64::try_from(number).unwrap_or(0))),
        _ => {
            return Some(Twist {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_the_contract_writes_them() {
        let due = |text: &str| {
            let fault = Fault::read(text).expect("it can be read");
            (1..=5).filter(|&n| fault.is_due(n)).collect::<Vec<_>>()
        };
        assert_eq!(due("worker.start:exit=0:2"), [2]);
        assert_eq!(due("worker.start:exit=0:3+"), [3, 4, 5]);
        assert_eq!(due("worker.start:panic"), [1, 2, 3, 4, 5]);
        for bad in ["", "worker.start", "worker.start:panic:x", "a:b:+"] {
            assert!(Fault::read(bad).is_none(), "{bad}");
        }
    }
}
