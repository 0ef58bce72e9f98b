//! Plans of faulty tasks, programs that are not what they should be, and what is true after every story.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Finished, Lab, Process, RunFolder, Running, Supervisor, tell};

/// Runs each story under both methods that make processes.
macro_rules! under_fork_and_spawn {
    ($($story:ident),+ $(,)?) => {
        mod fork {
            $(#[test] fn $story() { super::$story("fork"); })+
        }
        mod spawn {
            $(#[test] fn $story() { super::$story("spawn"); })+
        }
    };
}
pub(crate) use under_fork_and_spawn;

/// An experiment of kind `fault`.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Its name.
    pub name: String,
    /// Number of tasks.
    pub tasks: usize,
    /// What the faulty ones do.
    pub action: String,
    /// Every how many tasks one is faulty; 0 = none.
    pub every: usize,
    /// On how many first attempts; 0 = on all.
    pub attempts: usize,
}

impl Faults {
    /// An experiment called `f`.
    pub fn new(tasks: usize, action: &str, every: usize, attempts: usize) -> Faults {
        Faults {
            name: String::from("f"),
            tasks,
            action: action.to_owned(),
            every,
            attempts,
        }
    }

    /// Tasks that do nothing wrong, each of some five kilobytes: a group of them fills a packet.
    pub fn bulky(tasks: usize) -> Faults {
        Faults::new(tasks, &["if-nth=1"; 600].join("+"), 1, 0)
    }

    /// Under another name.
    pub fn called(self, name: &str) -> Faults {
        Faults {
            name: name.to_owned(),
            ..self
        }
    }

    /// The same tasks, none of which misbehaves. It is another plan with another digest, since the fault is
    /// part of the spec; its results do not name the fault, so they are to be the same bytes.
    pub fn calm(&self) -> Faults {
        Faults {
            every: 0,
            ..self.clone()
        }
    }

    /// Whether a task, by its place from 0, is faulty.
    pub fn is_faulty(&self, at: usize) -> bool {
        self.every > 0 && (at + 1).is_multiple_of(self.every)
    }

    /// The id of a task.
    pub fn id(&self, at: usize) -> String {
        format!("{}/{at}/fault", self.name)
    }

    /// The attempts at a task, in their order.
    pub fn attempts_at(&self, attempts: &[Value], at: usize) -> Vec<Value> {
        let id = self.id(at);
        attempts
            .iter()
            .filter(|attempt| attempt["task"] == id.as_str())
            .cloned()
            .collect()
    }
}

/// A spec of these experiments.
pub fn spec(experiments: &[Faults]) -> String {
    let mut text = String::from("schema = 1\nseed = 7\n");
    for faults in experiments {
        text.push_str(&format!(
            "\n[[experiment]]\nname = \"{}\"\nkind = \"fault\"\ntasks = {}\nfault = \"{}\"\nevery = {}\nattempts = {}\n",
            faults.name, faults.tasks, faults.action, faults.every, faults.attempts
        ));
    }
    text
}

/// A run of these experiments by two workers (a flag may say another number) into the run folder `name` of the lab.
pub fn trial(lab: &Lab, name: &str, method: &str, experiments: &[Faults]) -> Supervisor {
    let file = format!("{name}.toml");
    lab.write(&file, spec(experiments));
    lab.supervisor([
        "run",
        file.as_str(),
        "--run-dir",
        name,
        "--start-method",
        method,
        "--progress",
        "none",
    ])
    .env("SUPERVISOR_WORKERS", "2")
}

/// The run folder of the same tasks without any fault, in one process.
pub fn calm_run(lab: &Lab, experiments: &[Faults]) -> RunFolder {
    let calm: Vec<Faults> = experiments.iter().map(Faults::calm).collect();
    trial(lab, "calm", "inline", &calm).run().assert_code(0);
    lab.run_folder("calm")
}

/// What holds after every run: a second after its end none of its processes lives, and its private folders
/// are gone.
#[track_caller]
pub fn assert_nothing_left(lab: &Lab, finished: &Finished) {
    let left = eventually(Duration::from_secs(1), || {
        lab.census().is_empty().then_some(())
    });
    assert!(
        left.is_some(),
        "still alive: {:#?}\n{finished:?}",
        lab.census()
    );
    assert_eq!(
        lab.leftovers(),
        Vec::<PathBuf>::new(),
        "left in TMPDIR: {finished:?}"
    );
}

/// Looks again and again until it finds something, at most so long.
pub fn eventually<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        // The kernel gives no notice of what is looked for: a moment between two looks.
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// The outcomes of attempts, in their order.
pub fn outcomes(attempts: &[Value]) -> Vec<&str> {
    attempts
        .iter()
        .map(|attempt| {
            attempt["outcome"]
                .as_str()
                .expect("an attempt has an outcome")
        })
        .collect()
}

/// The result line of a task.
pub fn result_of(folder: &RunFolder, id: &str) -> Value {
    folder
        .results()
        .into_iter()
        .find(|result| result["task"] == id)
        .unwrap_or_else(|| panic!("no result of {id}"))
}

/// How long an attempt took as a whole.
pub fn total(attempt: &Value) -> Duration {
    Duration::from_micros(
        attempt["total_us"]
            .as_u64()
            .expect("an attempt has a total"),
    )
}

/// Waits for a worker that stopped itself: it has begun its task, and goes no further.
pub fn stopped_worker(running: &mut Running, but: &[i32]) -> Process {
    running.wait_for_process("a worker that stopped itself", |process| {
        process.state == 'T' && !but.contains(&process.pid)
    })
}

/// What a process of the worker program was started to be: `zygote`, `worker`, `keeper`. What a zygote forks
/// has its environment.
pub fn role(pid: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment
        .split(|&byte| byte == 0)
        .find_map(|line| line.strip_prefix(b"FUMEHOOD_ROLE="))
        .map(|role| String::from_utf8_lossy(role).into_owned())
}

/// The process that forks workers: older than all of them.
pub fn zygote(running: &Running) -> Process {
    let census = running.descendants();
    let first = census
        .processes()
        .iter()
        .filter(|process| role(process.pid).as_deref() == Some("zygote"))
        .min_by_key(|process| (process.born, process.pid));
    first.expect("a supervisor that forks has a zygote").clone()
}

/// Sends a signal to a process that was seen a moment ago.
pub fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("the process is there");
}

/// Waits until the supervisor has reaped a process.
pub fn wait_until_reaped(running: &mut Running, pid: i32) {
    running.wait_for("a death to be noticed", |running| {
        let census = running.descendants();
        census
            .processes()
            .iter()
            .all(|process| process.pid != pid)
            .then_some(())
    });
}

/// A copy of the supervisor with another worker program beside it.
pub struct Changeling {
    folder: PathBuf,
}

impl Changeling {
    /// In a folder of the lab. There is no worker program yet.
    pub fn new(lab: &Lab) -> Changeling {
        let folder = lab.root().join("bin");
        fs::create_dir(&folder).expect("the lab is new");
        let changeling = Changeling { folder };
        link(env!("CARGO_BIN_EXE_supervisor"), &changeling.supervisor());
        changeling
    }

    /// The copy.
    pub fn supervisor(&self) -> PathBuf {
        self.folder.join("supervisor")
    }

    /// Where the worker program is looked for.
    pub fn worker(&self) -> PathBuf {
        self.folder.join("worker")
    }

    /// Makes the worker program this shell script, in which `$real` is the real one. The keeper, which nobody
    /// waits for, is the real one always.
    pub fn script(&self, text: &str) {
        let real = Path::new(env!("CARGO_BIN_EXE_worker")).display();
        let keeper = "test \"$FUMEHOOD_ROLE\" = keeper && exec \"$real\"";
        let text = format!("#!/bin/sh\nreal='{real}'\n{keeper}\n{text}\n");
        fs::write(self.worker(), text).expect("the script can be written");
        fs::set_permissions(self.worker(), fs::Permissions::from_mode(0o700))
            .expect("the script can be made executable");
    }

    /// Has this copy run the command line.
    pub fn runs(&self, supervisor: Supervisor) -> Supervisor {
        let program = self.supervisor();
        supervisor.through_shell(&format!("shift; exec '{}' \"$@\"", program.display()))
    }
}

/// Gives a program another name: its own file where the file system can do that, else a copy. Nobody changes
/// what is in it.
pub fn link(program: &str, name: &Path) {
    fs::hard_link(program, name)
        .or_else(|_| fs::copy(program, name).map(drop))
        .expect("a program can be copied");
}

/// The path of strace where it is there and may trace; else the test says that it is skipped.
pub fn strace() -> Option<String> {
    let found = Command::new("sh")
        .args(["-c", "command -v strace"])
        .output()
        .ok()?;
    let path = String::from_utf8(found.stdout).ok()?.trim().to_owned();
    if path.is_empty() {
        tell("skipped: there is no strace");
        return None;
    }
    let traced = Command::new(&path)
        .args([
            "-D",
            "-o",
            "/dev/null",
            "-e",
            "inject=getppid:error=EPERM",
            "true",
        ])
        .stderr(Stdio::null())
        .status();
    if !traced.is_ok_and(|status| status.success()) {
        tell("skipped: strace may not trace here");
        return None;
    }
    Some(path)
}

/// A lab whose supervisor has a worker program that meets this injection. With `-D` the tracer is a process
/// aside and the program stays the supervisor's child; without `-f` only programs that the supervisor
/// starts are met, such as the zygote, and none that they fork.
pub fn with_injection(strace: &str, injection: &str) -> (Lab, Changeling) {
    let lab = Lab::new();
    let changeling = Changeling::new(&lab);
    changeling.script(&format!(
        "exec '{strace}' -D -o /dev/null -e inject={injection} \"$real\" \"$@\""
    ));
    (lab, changeling)
}
