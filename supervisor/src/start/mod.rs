//! How workers come to be.
//!
//! - [`program`]: which executable is the worker program;
//! - [`handshake`]: starting a program by exec and hearing its hello, with a deadline;
//! - [`zygote`]: the process that forks workers;
//! - [`keeper`]: the process that ends what is left when the supervisor is gone;
//! - [`fresh`]: a worker that is started by exec, and one kept ready;
//! - [`runtime`]: the private folder of their sockets.
//!
//! Only the main thread starts processes: a parent-death signal follows the *thread* that started a
//! process, and the main thread is the one that lives as long as the supervisor.

pub mod fresh;
pub mod handshake;
pub mod keeper;
pub mod program;
pub mod runtime;
pub mod zygote;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The least time that a worker has to start.
const START_LIMIT: Duration = Duration::from_secs(5);

/// How long a worker may take to start, where so long is far beyond what one took when it was tried. Tests of
/// starts that hang may set the limit, in milliseconds: they have no 5 s to wait.
pub fn limit(tried: Duration) -> Duration {
    #[cfg(feature = "fault")]
    if let Some(limit) = std::env::var("SUPERVISOR_START_LIMIT_MS")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        return Duration::from_millis(limit);
    }
    tried.max(START_LIMIT)
}

/// The start method a run uses, once `auto` is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A zygote forks a worker.
    Fork,
    /// The worker program is started.
    Spawn,
    /// The supervisor does it itself.
    Inline,
}

impl Method {
    /// The word for it in files and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Method::Fork => "fork",
            Method::Spawn => "spawn",
            Method::Inline => "inline",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
