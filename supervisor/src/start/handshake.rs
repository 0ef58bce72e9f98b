//! Starts the worker program by exec and hears its hello.
//!
//! `IpcOneShotServer::accept` waits without a limit: a program that dies before it connects would leave
//! its caller waiting for ever. So each accept runs in a helper thread, and whoever learns of the program's
//! death (the reaper's thread) connects to the same server and says a poison hello, which no token matches.
//! Deadlines are the caller's: it kills the program, and the death does the rest. Helper threads are kept
//! and used again, since making one costs a noticeable part of a spawn.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use fumehood::clock::Monotonic;
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
    pending: Arc<Pending>,
    idle: Receiver<Sender<Job>>,
    idle_sender: Sender<Sender<Job>>,
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
            // If the accept is over already, this fails, and nothing is lost.
            if let Ok(sender) = IpcSender::<Hello>::connect(server)
                && let Ok((orders, _)) = ipc::channel()
            {
                let _ = sender.send(Hello {
                    token: Token(String::from("poison")),
                    protocol: String::new(),
                    pid: exit.pid,
                    born: Monotonic(0),
                    orders,
                });
            }
        }
    }
}

impl Handshakes {
    /// For this worker program.
    pub fn new(program: PathBuf) -> Handshakes {
        let (idle_sender, idle) = mpsc::channel();
        Handshakes {
            program,
            environment: allowed_environment(),
            pending: Arc::new(Pending::default()),
            idle,
            idle_sender,
        }
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
        let mut environment = self.environment.clone();
        let mut set = |key: &str, value: String| environment.push((key.to_owned(), value));
        set(
            environment::ROLE,
            String::from(match role {
                Role::Zygote => "zygote",
                Role::Worker => "worker",
            }),
        );
        set(environment::SERVER, name.clone());
        set(environment::TOKEN, token.0.clone());
        set(environment::SUPERVISOR, std::process::id().to_string());
        if let Some(outputs) = outputs {
            set(environment::OUTPUTS, outputs);
        }
        let pid = sys::spawn(&SpawnOrder {
            program: &self.program,
            arguments: &[],
            environment: &environment,
            output,
        })
        .map_err(|error| HandshakeError::Exec {
            program: self.program.clone(),
            error,
        })?;
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

    /// Gives the job to an idle helper thread, or to a new one.
    fn accept(&mut self, mut job: Job) -> io::Result<()> {
        while let Ok(idle) = self.idle.try_recv() {
            match idle.send(job) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(back)) => job = back,
            }
        }
        let (sender, jobs) = mpsc::channel::<Job>();
        let idle = self.idle_sender.clone();
        let again = sender.clone();
        std::thread::Builder::new()
            .name(String::from("handshake"))
            .stack_size(128 << 10)
            .spawn(move || {
                // A helper that cannot report itself idle has outlived the engine.
                for job in jobs {
                    hear(job);
                    if idle.send(again.clone()).is_err() {
                        return;
                    }
                }
            })?;
        sender
            .send(job)
            .map_err(|_| io::Error::other("the helper thread ended"))
    }
}

fn hear(job: Job) {
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
    ["LANG", "LC_ALL", "TZ", "TMPDIR"]
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
