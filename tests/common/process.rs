//! The supervisor as a process: started, watched, waited for, never longer than allowed.

use std::ffi::OsString;
use std::fmt;
use std::io::{Read, pipe};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::{Census, Lab, RunFolder};

/// A run that takes longer has failed: far beyond what any story takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Between two looks at something that gives no notice of its own.
const MOMENT: Duration = Duration::from_millis(2);

/// Who reads an output of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The test, to the end.
    All,
    /// `head -1`: the first line, then the reading end is closed.
    FirstLine,
    /// The reading end is closed before the program starts.
    Gone,
}

/// A command line about to be run in a lab.
#[derive(Clone, Debug)]
pub struct Supervisor {
    lab: Lab,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    patience: Duration,
    stdout: Reader,
    stderr: Reader,
    shell: Option<String>,
}

impl Default for Supervisor {
    fn default() -> Supervisor {
        Supervisor::new()
    }
}

impl Supervisor {
    /// In a lab of its own.
    pub fn new() -> Supervisor {
        Supervisor::within(&Lab::new())
    }

    /// In a lab that others use too.
    pub fn within(lab: &Lab) -> Supervisor {
        Supervisor {
            lab: lab.clone(),
            arguments: Vec::new(),
            environment: Vec::new(),
            patience: PATIENCE,
            stdout: Reader::All,
            stderr: Reader::All,
            shell: None,
        }
    }

    /// Its lab.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Supervisor {
        self.arguments.push(argument.into());
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = A>) -> Supervisor {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().into()),
        );
        self
    }

    /// A variable of the environment, which else holds PATH, HOME, TMPDIR and XDG_RUNTIME_DIR alone.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Supervisor {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// How long it may run.
    pub fn patience(mut self, patience: Duration) -> Supervisor {
        self.patience = patience;
        self
    }

    /// Who reads standard output.
    pub fn stdout(mut self, reader: Reader) -> Supervisor {
        self.stdout = reader;
        self
    }

    /// Who reads standard error.
    pub fn stderr(mut self, reader: Reader) -> Supervisor {
        self.stderr = reader;
        self
    }

    /// Has `/bin/sh` start it: a shell text in which `"$@"` is the command line, such as
    /// `trap '' HUP; exec "$@"` or `exec "$@" 2>&-`. It should `exec`, so that the number is the program's.
    pub fn through_shell(mut self, text: &str) -> Supervisor {
        self.shell = Some(text.to_owned());
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.background().wait()
    }

    /// Starts it.
    pub fn background(self) -> Running {
        Running::start(self)
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_supervisor");
        let mut command = match &self.shell {
            None => Command::new(program),
            Some(text) => {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", text, "sh", program]);
                command
            }
        };
        command
            .args(&self.arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.lab.root().join("home"))
            .env("TMPDIR", self.lab.tmp())
            .env("XDG_RUNTIME_DIR", self.lab.sockets())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.lab.work())
            .stdin(Stdio::null());
        command
    }

    fn shown(&self) -> String {
        let words: Vec<String> = self
            .arguments
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        format!("supervisor {}", words.join(" "))
    }
}

/// A supervisor that runs. Dropped before its end it is killed, and with it whatever runs in its lab.
#[derive(Debug)]
pub struct Running {
    lab: Lab,
    shown: String,
    child: Child,
    deadline: Instant,
    began: Instant,
    ended: Receiver<()>,
    has_ended: bool,
    stdout: Capture,
    stderr: Capture,
    reaped: bool,
}

impl Running {
    fn start(order: Supervisor) -> Running {
        let mut command = order.command();
        let mut stdout = Capture::new(order.stdout);
        let mut stderr = Capture::new(order.stderr);
        command.stdout(stdout.writer()).stderr(stderr.writer());
        let began = Instant::now();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", order.shown()));
        // Our copies of the writing ends would keep the outputs open.
        drop(command);
        let pid = Pid::from_raw(child.id().cast_signed());
        let (tell, ended) = channel();
        thread::spawn(move || {
            // It is left a zombie, so that its number stays its own until `wait` takes it.
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(pid), flags) == Err(nix::errno::Errno::EINTR) {}
            let _ = tell.send(());
        });
        Running {
            shown: order.shown(),
            lab: order.lab,
            child,
            deadline: began + order.patience,
            began,
            ended,
            has_ended: false,
            stdout,
            stderr,
            reaped: false,
        }
    }

    /// The supervisor's number.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// What it wrote to standard error so far.
    pub fn stderr_so_far(&self) -> String {
        self.stderr.text()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        // Not reaped, so the number is still its own.
        kill(Pid::from_raw(self.pid()), signal).expect("our own child can be signalled");
    }

    /// All processes below it, zombies too.
    pub fn descendants(&self) -> Census {
        Census::below(self.pid())
    }

    /// Looks until `look` finds something. Fails where the supervisor ends before, or the deadline passes;
    /// `what` completes "waited for ...".
    pub fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&Running) -> Option<T>) -> T {
        loop {
            let over = self.has_ended;
            if let Some(found) = look(self) {
                return found;
            }
            if over {
                self.fail(&format!("it ended; waited for {what}"));
            }
            if Instant::now() >= self.deadline {
                self.fail(&format!("out of time; waited for {what}"));
            }
            match self.ended.recv_timeout(MOMENT) {
                // One more look: the end may have brought what was waited for.
                Ok(()) | Err(RecvTimeoutError::Disconnected) => self.has_ended = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits until a file of the lab's working folder has `lines` whole lines.
    pub fn wait_for_lines(&mut self, file: impl AsRef<Path>, lines: usize) {
        let path = self.lab.path(file);
        self.wait_for(&format!("{lines} lines in {}", path.display()), |_| {
            let bytes = std::fs::read(&path).ok()?;
            (bytes.iter().filter(|byte| **byte == b'\n').count() >= lines).then_some(())
        });
    }

    /// Waits until the journal of a run folder holds the ends of `tasks` tasks.
    pub fn wait_for_recorded(&mut self, folder: &RunFolder, tasks: usize) {
        self.wait_for(&format!("{tasks} tasks recorded"), |_| {
            (folder.recorded() >= tasks).then_some(())
        });
    }

    /// Waits until a process below it meets a condition.
    pub fn wait_for_process(
        &mut self,
        what: &str,
        meets: impl Fn(&super::Process) -> bool,
    ) -> super::Process {
        self.wait_for(what, |running| {
            let census = running.descendants();
            census
                .processes()
                .iter()
                .find(|process| meets(process))
                .cloned()
        })
    }

    /// Waits until the program has taken every signal that was sent to it: two of one kind that are pending
    /// together are one.
    pub fn wait_until_taken(&mut self) {
        self.wait_for("its signals to be taken", |running| {
            let status = running.status_file()?;
            let pending =
                |key: &str| field(&status, key).is_none_or(|mask| mask.bytes().all(|b| b == b'0'));
            (pending("SigPnd") && pending("ShdPnd")).then_some(())
        });
    }

    /// The most resident memory the supervisor itself has had, in KiB; `None` once it has ended.
    pub fn peak_memory_kib(&self) -> Option<u64> {
        let status = self.status_file()?;
        field(&status, "VmHWM")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    }

    /// Waits for its end and looks again and again until then.
    pub fn watch(mut self, mut look: impl FnMut(&Running)) -> Finished {
        while !self.has_ended {
            look(&self);
            if Instant::now() >= self.deadline {
                self.fail("out of time; waited for its end");
            }
            self.has_ended = self.ended.recv_timeout(MOMENT).is_ok();
        }
        self.wait()
    }

    fn status_file(&self) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Finished {
        if !self.has_ended {
            let patience = self.deadline.saturating_duration_since(Instant::now());
            match self.ended.recv_timeout(patience) {
                Ok(()) => self.has_ended = true,
                Err(_) => self.fail("out of time; waited for its end"),
            }
        }
        let took = self.began.elapsed();
        let status = self.child.wait().expect("our own child can be waited for");
        self.reaped = true;
        // Its outputs end with it: a process that it left behind would hold them open.
        for (name, capture) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !capture.finished(Duration::from_secs(10)) {
                self.fail(&format!(
                    "{name} stays open after the end: a process was left"
                ));
            }
        }
        Finished {
            shown: self.shown.clone(),
            status,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            took,
        }
    }

    fn fail(&self, why: &str) -> ! {
        panic!(
            "{}: {why}\n--- descendants\n{:#?}\n--- stdout\n{}\n--- stderr\n{}",
            self.shown,
            self.descendants().processes(),
            self.stdout.text(),
            self.stderr.text()
        );
    }
}

/// A line `key: value` of a status file.
fn field<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.strip_prefix(':').map(str::trim)
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.child.kill();
            let _ = self.child.wait();
            self.lab.census().kill();
        }
    }
}

/// A supervisor that ended.
#[derive(Clone)]
pub struct Finished {
    shown: String,
    status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

impl Finished {
    /// Its exit code; `None` where a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn ended_by(&self) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&self.status)
    }

    /// Fails unless it ended with this exit code.
    #[track_caller]
    pub fn assert_code(self, code: i32) -> Finished {
        assert_eq!(self.code(), Some(code), "{self:?}");
        self
    }

    /// Fails unless standard error holds each of the texts.
    #[track_caller]
    pub fn assert_says(self, texts: &[&str]) -> Finished {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in {self:?}");
        }
        self
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}, after {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.shown, self.status, self.took, self.stdout, self.stderr
        )
    }
}

/// An output, read by a thread so that the writer never waits.
#[derive(Debug)]
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    writer: Option<std::io::PipeWriter>,
    done: Receiver<()>,
}

impl Capture {
    fn new(reader: Reader) -> Capture {
        let (mut end, writer) = pipe().expect("a pipe can be made");
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (tell, done) = channel::<()>();
        if reader != Reader::Gone {
            let kept = Arc::clone(&bytes);
            thread::spawn(move || {
                // Dropped at the end of the thread, however it comes: that is the notice.
                let _tell = tell;
                let mut buffer = [0; 16 * 1024];
                while let Ok(n @ 1..) = end.read(&mut buffer) {
                    kept.lock()
                        .expect("no holder panics")
                        .extend_from_slice(&buffer[..n]);
                    if reader == Reader::FirstLine && buffer[..n].contains(&b'\n') {
                        break;
                    }
                }
            });
        }
        Capture {
            bytes,
            writer: Some(writer),
            done,
        }
    }

    fn writer(&mut self) -> Stdio {
        self.writer.take().map_or_else(Stdio::null, Stdio::from)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no holder panics")).into_owned()
    }

    fn finished(&self, patience: Duration) -> bool {
        !matches!(
            self.done.recv_timeout(patience),
            Err(RecvTimeoutError::Timeout)
        )
    }
}
