//! Starts the worker program by exec and hears its hello.
//!
//! `IpcOneShotServer::accept` waits without a limit: a program that dies before it connects would leave
//! its caller waiting for ever. So each accept runs in a helper thread, and whoever learns of the program's
//! death (the reaper's thread) connects to the same server and says a poison hello, which no token matches.
//! Deadlines are the caller's: it kills the program, and the death does the rest. Helper threads are kept
//! and used again, since making one costs a noticeable part of a spawn; they end with [`Handshakes`].

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use fumehood::clock::Monotonic;
use fumehood::fail_point;
use fumehood::ids::Pid;
use fumehood::protocol::{Hello, PROTOCOL, Token, environment};
use fumehood::sys::{self, Exit, Reaper, SpawnOrder};
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

/// Receives the hello, or why there is none. Called in a helper thread.
pub type Greeted = Box<dyn FnOnce(Result<Hello, HandshakeError>) + Send>;

/// Starts programs and hears their hellos.
pub struct Handshakes {
    program: PathBuf,
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

/// The one-shot servers of programs that have not said hello, by pid.
#[derive(Debug, Default)]
pub struct Pending {
    servers: Mutex<HashMap<u32, String>>,
}

struct Job {
    pid: Pid,
    server: IpcOneShotServer<Hello>,
    token: Token,
    greeted: Greeted,
}

impl Pending {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u32, String>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called by the reaper for every death: lets go whoever waits for this process's hello.
    pub fn on_exit(&self, exit: &Exit) {
        let server = self.lock().remove(&exit.pid.0);
        if let Some(server) = server {
            poison(server, exit.pid);
        }
    }
}

/// Says a hello that nobody believes. If the accept is over already, this fails, and nothing is lost.
fn poison(server: String, pid: Pid) {
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
    pub fn new(program: PathBuf) -> io::Result<Handshakes> {
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
        let (server, name) = IpcOneShotServer::<Hello>::new().map_err(HandshakeError::Prepare)?;
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
        self.pending.lock().insert(pid.0, name);
        let pending = Arc::clone(&self.pending);
        let job = Job {
            pid,
            server,
            token,
            greeted: Box::new(move |hello| {
                pending.lock().remove(&pid.0);
                greeted(hello);
            }),
        };
        if let Err(error) = reaper.watch(pid) {
            // Nobody reaps it yet: the number is its own.
            sys::kill_group(pid);
            return Err(HandshakeError::Prepare(error));
        }
        if let Err(error) = self.accept(job) {
            reaper.while_unreaped(pid, sys::kill_group);
            return Err(HandshakeError::Prepare(error));
        }
        Ok(pid)
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
            program: self.program.clone(),
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
    /// Lets go whoever still waits for a hello, and ends the helpers.
    fn drop(&mut self) {
        self.jobs = None;
        let servers: Vec<(u32, String)> = self.pending.lock().drain().collect();
        for (pid, server) in servers {
            poison(server, Pid(pid));
        }
        for helper in self.helpers.drain(..) {
            let _ = helper.join();
        }
    }
}

fn hear(job: Job) {
    fail_point!("supervisor.handshake");
    let heard = match job.server.accept() {
        Ok((_, hello)) if hello.token != job.token => Err(HandshakeError::NoHello),
        Ok((_, hello)) if hello.protocol != PROTOCOL => Err(HandshakeError::OtherProtocol {
            theirs: hello.protocol,
            ours: PROTOCOL,
        }),
        Ok((_, hello)) if hello.pid != job.pid => Err(HandshakeError::Stranger { pid: hello.pid }),
        Ok((_, hello)) => Ok(hello),
        Err(_) => Err(HandshakeError::NoHello),
    };
    (job.greeted)(heard);
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
