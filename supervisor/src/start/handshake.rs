//! Starts the worker program by exec and hears its hello.
//!
//! `IpcOneShotServer::accept` waits without a limit: a program that dies before it connects would leave
//! its caller waiting for ever. So each accept runs in a helper thread, and whoever learns of the program's
//! death (the reaper's thread) shuts the server; where it cannot, it connects to the same server and says a
//! poison hello, which no token matches. Deadlines are the caller's: it kills the program, and the death does
//! the rest. Helper threads are kept and used again, since making one costs a noticeable part of a spawn; they
//! end with [`Handshakes`].
//!
//! The server hears whoever connects first, and nobody else. Its folder is private, so that can only be
//! another process of the same user. What it says is not believed (token, pid); if it says nothing, its
//! connection is shut after a moment ([`Handshakes::turn_strangers_away`]). Either way the start has failed,
//! and the next one has a server of its own.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::fail_point;
use fumehood::ids::Pid;
use fumehood::protocol::{Hello, PROTOCOL, Token, environment};
use fumehood::sys::{self, Exit, HeldProgram, Reaper, SpawnOrder};
use ipc_channel::ipc::{self, IpcOneShotServer, IpcSender};

/// What to be: the `ROLE` of a started program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One that forks workers.
    Zygote,
    /// A worker.
    Worker,
    /// One that ends what is left when the supervisor is gone. It says no hello.
    Keeper,
}

/// A program could not be started, or did not say hello.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The kernel does not start it.
    #[error("failed to start {program}: {error}")]
    Exec {
        /// The worker program.
        program: PathBuf,
        /// The kernel's reason.
        error: io::Error,
    },
    /// No socket, thread or descriptor is to be had.
    #[error("failed to prepare for a new process: {0}")]
    Prepare(#[source] io::Error),
    /// It ended, or hung, before it said hello.
    #[error("the worker program said no hello")]
    NoHello,
    /// Somebody else took its place, and said no hello that can be believed.
    #[error("another process spoke in place of the worker program")]
    Impostor,
    /// Another process said its hello.
    #[error("process {pid} said the hello of another")]
    Stranger {
        /// Which one.
        pid: Pid,
    },
    /// It is of another build.
    #[error("the worker program speaks protocol {theirs}, this supervisor {ours}")]
    OtherProtocol {
        /// What it speaks.
        theirs: String,
        /// What we speak.
        ours: &'static str,
    },
}

impl HandshakeError {
    /// The error with what is known of the one that was waited for.
    fn about(self, expected: Option<Expected>) -> HandshakeError {
        match (self, expected) {
            (HandshakeError::NoHello, Some(expected)) if expected.is_displaced => {
                HandshakeError::Impostor
            }
            // The poison of a death.
            (HandshakeError::Impostor, Some(expected)) if !expected.is_alive => {
                HandshakeError::NoHello
            }
            (error, _) => error,
        }
    }
}

/// Receives the hello, or why there is none. Called in a helper thread.
pub type Greeted = Box<dyn FnOnce(Result<Hello, HandshakeError>) + Send>;

/// Starts programs and hears their hellos.
pub struct Handshakes {
    program: HeldProgram,
    environment: Vec<(String, String)>,
    /// The mark of the run, which is in the environment too.
    mark: String,
    pending: Arc<Pending>,
    /// `None` once the helpers are to end.
    jobs: Option<Sender<Job>>,
    queue: Arc<Mutex<Receiver<Job>>>,
    /// Helpers that no job is meant for.
    idle: Arc<AtomicUsize>,
    helpers: Vec<JoinHandle<()>>,
}

/// The one-shot servers of programs that have not said hello, by name.
#[derive(Debug, Default)]
pub struct Pending {
    servers: Mutex<HashMap<String, Expected>>,
}

/// Whom a one-shot server waits for.
#[derive(Clone, Copy, Debug)]
struct Expected {
    pid: Pid,
    /// Since when.
    since: Monotonic,
    /// Whether it can still come.
    is_alive: bool,
    /// Whether somebody else came in its place.
    is_displaced: bool,
}

/// So long a connection may be silent before it is asked whose it is: a worker of ours says hello at once.
const SILENCE: Duration = Duration::from_millis(100);

/// Between two looks at helpers that are to end.
const MOMENT: Duration = Duration::from_micros(200);

/// How long helpers that are to end are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

struct Job {
    pid: Pid,
    server: IpcOneShotServer<Hello>,
    token: Token,
    greeted: Greeted,
}

impl Pending {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Expected>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called by the reaper for every death: lets go whoever waits for this process's hello.
    pub fn on_exit(&self, exit: &Exit) {
        self.let_go(|expected| expected.pid == exit.pid);
    }

    /// Lets go the helpers that wait for these. Their servers stay known until the helpers have noticed:
    /// a stranger that is next in the queue would hold them again.
    fn let_go(&self, whom: impl Fn(&Expected) -> bool) {
        let mut gone = Vec::new();
        for (server, expected) in self.lock().iter_mut().filter(|(_, e)| whom(e)) {
            expected.is_alive = false;
            gone.push((server.clone(), expected.pid));
        }
        for (server, pid) in gone {
            // Where none can be shut, a hello that nobody believes does the same.
            if !sys::shut_server(Path::new(&server)) {
                poison(server, pid);
            }
        }
    }

    fn turn_strangers_away(&self, now: Monotonic) {
        self.let_go(|expected| !expected.is_alive);
        for (server, expected) in self.lock().iter_mut() {
            if expected.is_alive && now.since(expected.since) >= SILENCE {
                expected.is_displaced |= sys::shut_strangers(Path::new(server), expected.pid);
            }
        }
    }
}

/// Says a hello that nobody believes. If the accept is over already, its socket is gone, and nobody waits.
fn poison(server: String, pid: Pid) {
    let path = Path::new(&server);
    // Where servers are named by paths: ipc-channel keeps the descriptor of a connect that fails.
    if path.is_absolute() && !path.exists() {
        return;
    }
    if let Ok(sender) = IpcSender::<Hello>::connect(server)
        && let Ok((orders, _)) = ipc::channel()
    {
        let _ = sender.send(Hello {
            token: Token(String::from("poison")),
            protocol: String::new(),
            pid,
            born: Monotonic(0),
            orders,
        });
    }
}

impl Handshakes {
    /// For this worker program, and with a new mark for whatever it becomes.
    ///
    /// # Errors
    ///
    /// The kernel gives no random bits.
    pub fn new(program: HeldProgram) -> io::Result<Handshakes> {
        let (jobs, queue) = mpsc::channel();
        let mut environment = allowed_environment();
        let mark = random_token()?;
        environment.push((environment::RUN.to_owned(), mark.clone()));
        Ok(Handshakes {
            program,
            environment,
            mark,
            pending: Arc::new(Pending::default()),
            jobs: Some(jobs),
            queue: Arc::new(Mutex::new(queue)),
            idle: Arc::default(),
            helpers: Vec::new(),
        })
    }

    /// What the reaper is to tell of deaths.
    pub fn pending(&self) -> Arc<Pending> {
        Arc::clone(&self.pending)
    }

    /// Starts the program in this role. Its hello comes to `greeted`, or the reason why none will; its
    /// death to the reaper's listener.
    ///
    /// `outputs` is the value of the variable `OUTPUTS`; `output` the pipes that become its standard
    /// output and error.
    ///
    /// # Errors
    ///
    /// It could not be started; then `greeted` is not called.
    pub fn launch(
        &mut self,
        role: Role,
        outputs: Option<String>,
        output: Option<(&io::PipeWriter, &io::PipeWriter)>,
        reaper: &Reaper,
        greeted: Greeted,
    ) -> Result<Pid, HandshakeError> {
        let (server, name) = one_shot_server().map_err(HandshakeError::Prepare)?;
        let token = Token(random_token().map_err(HandshakeError::Prepare)?);
        let mut environment = self.environment(role);
        let mut set = |key: &str, value: String| environment.push((key.to_owned(), value));
        set(environment::SERVER, name.clone());
        set(environment::TOKEN, token.0.clone());
        set(environment::SUPERVISOR, std::process::id().to_string());
        if let Some(outputs) = outputs {
            set(environment::OUTPUTS, outputs);
        }
        let pid = self.exec(&environment, None, output)?;
        // Before the watch: a death must find the server.
        let expected = Expected {
            pid,
            since: sys::monotonic_now(),
            is_alive: true,
            is_displaced: false,
        };
        self.pending.lock().insert(name.clone(), expected);
        let pending = Arc::clone(&self.pending);
        let forget = name.clone();
        let job = Job {
            pid,
            server,
            token,
            greeted: Box::new(move |hello| {
                let expected = pending.lock().remove(&name);
                greeted(hello.map_err(|error| error.about(expected)));
            }),
        };
        let heard = match reaper.watch(pid) {
            Ok(()) => self.accept(job),
            Err(error) => {
                // Nobody reaps it yet: the number is its own.
                sys::kill_group(pid);
                Err(error)
            }
        };
        heard.map(|()| pid).map_err(|error| {
            reaper.while_unreaped(pid, sys::kill_group);
            self.pending.lock().remove(&forget);
            HandshakeError::Prepare(error)
        })
    }

    /// To be called now and then: shuts the connections of processes that are not the ones whose hello is
    /// waited for.
    pub fn turn_strangers_away(&self) {
        self.pending.turn_strangers_away(sys::monotonic_now());
    }

    /// Whether a process is one of the run's: started here, or a descendant of such a one.
    pub fn has_mark(&self, pid: Pid) -> bool {
        sys::has_mark(pid, environment::RUN, &self.mark)
    }

    /// What every program in this role finds in its environment.
    pub fn environment(&self, role: Role) -> Vec<(String, String)> {
        let role = match role {
            Role::Zygote => "zygote",
            Role::Worker => "worker",
            Role::Keeper => "keeper",
        };
        let mut environment = self.environment.clone();
        environment.push((environment::ROLE.to_owned(), role.to_owned()));
        environment
    }

    /// Starts the program, of which nobody has heard yet.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Exec`].
    pub fn exec(
        &self,
        environment: &[(String, String)],
        input: Option<&io::PipeReader>,
        output: Option<(&io::PipeWriter, &io::PipeWriter)>,
    ) -> Result<Pid, HandshakeError> {
        sys::spawn(&SpawnOrder {
            program: &self.program,
            arguments: &[],
            environment,
            input,
            output,
        })
        .map_err(|error| HandshakeError::Exec {
            program: self.program.path().to_path_buf(),
            error,
        })
    }

    /// Gives the job to the helpers, of whom there is one more if all have something to do.
    fn accept(&mut self, job: Job) -> io::Result<()> {
        let one_less = |idle: usize| idle.checked_sub(1);
        let is_free = self
            .idle
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok();
        if !is_free {
            let queue = Arc::clone(&self.queue);
            let idle = Arc::clone(&self.idle);
            let helper = std::thread::Builder::new()
                .name(String::from("handshake"))
                .stack_size(128 << 10)
                .spawn(move || {
                    while let Some(job) = next(&queue) {
                        hear(job);
                        idle.fetch_add(1, Ordering::SeqCst);
                    }
                })?;
            self.helpers.push(helper);
        }
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or_else(|| io::Error::other("the helper threads have ended"))
    }
}

/// The next job; `None` = there will be none. Whoever waits for it holds the lock, so that the others wait
/// for the lock instead.
fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}

impl Drop for Handshakes {
    /// Lets go whoever still waits for a hello, and ends the helpers. One that cannot be let go is left behind:
    /// the process is about to end.
    fn drop(&mut self) {
        self.jobs = None;
        self.pending.let_go(|_| true);
        let patience = sys::monotonic_now() + PATIENCE;
        for helper in self.helpers.drain(..) {
            while !helper.is_finished() && sys::monotonic_now() < patience {
                std::thread::park_timeout(MOMENT);
                self.pending.let_go(|_| true);
            }
            if helper.is_finished() {
                let _ = helper.join();
            }
        }
    }
}

fn hear(job: Job) {
    fail_point!("supervisor.handshake");
    // What a stranger says may make ipc-channel panic.
    let Some(Ok((_, hello))) = caught(|| job.server.accept()) else {
        return (job.greeted)(Err(HandshakeError::NoHello));
    };
    let error = if hello.token != job.token {
        HandshakeError::Impostor
    } else if hello.protocol != PROTOCOL {
        HandshakeError::OtherProtocol {
            theirs: hello.protocol.clone(),
            ours: PROTOCOL,
        }
    } else if hello.pid != job.pid {
        HandshakeError::Stranger { pid: hello.pid }
    } else {
        return (job.greeted)(Ok(hello));
    };
    (job.greeted)(Err(error));
    // Only now does whoever said it see its channel closed and leave: the reason is known before the death.
    drop(hello);
}

/// A server in a folder of its own. Where no folder can be made ipc-channel panics and does not say why: to make
/// one shows it.
fn one_shot_server() -> io::Result<(IpcOneShotServer<Hello>, String)> {
    caught(IpcOneShotServer::new).unwrap_or_else(|| {
        tempfile::tempdir()?.close()?;
        Err(io::Error::other("no folder for a socket can be made"))
    })
}

thread_local! {
    static PANICS_ARE_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is expected and means no more than a failed handshake.
pub fn panics_are_caught() -> bool {
    PANICS_ARE_CAUGHT.get()
}

/// Calls into ipc-channel; `None` = it panicked.
fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    PANICS_ARE_CAUGHT.set(true);
    let done = catch_unwind(AssertUnwindSafe(call));
    PANICS_ARE_CAUGHT.set(false);
    done.ok()
}

/// What of our environment a worker gets: what changes how text and time look, and where temporary files
/// go. Secrets and loader variables stay here.
fn allowed_environment() -> Vec<(String, String)> {
    let names = ["LANG", "LC_ALL", "TZ", "TMPDIR"];
    #[cfg(feature = "fault")]
    let names = names
        .into_iter()
        .chain([fumehood::fault::FAULTS, fumehood::fault::LOG]);
    names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect()
}

/// 128 bits from the kernel, in hexadecimal.
fn random_token() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    sys::fill_random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
