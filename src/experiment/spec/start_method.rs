//! How worker processes come to be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::suggest;
use super::value::{ValueError, quoted};

/// How worker processes are made. It never changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartMethod {
    /// The best that this machine can do: `fork` where its self-test passes, else `spawn`.
    Auto,
    /// A zygote process forks them; Linux only.
    Fork,
    /// Each is a program of its own, started anew.
    Spawn,
    /// No process at all: the reference result and the cost floor.
    Inline,
}

impl StartMethod {
    /// Every method, in the order in which help shows them.
    pub const ALL: [StartMethod; 4] = [
        StartMethod::Auto,
        StartMethod::Fork,
        StartMethod::Spawn,
        StartMethod::Inline,
    ];

    /// The names, in the same order.
    pub const NAMES: [&str; 4] = ["auto", "fork", "spawn", "inline"];

    /// The word that users write and see.
    pub fn name(self) -> &'static str {
        match self {
            StartMethod::Auto => "auto",
            StartMethod::Fork => "fork",
            StartMethod::Spawn => "spawn",
            StartMethod::Inline => "inline",
        }
    }
}

impl fmt::Display for StartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for StartMethod {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<StartMethod, ValueError> {
        let text = text.trim();
        StartMethod::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| {
                // The name under which Python knows what our fork does.
                let hint = match text {
                    "forkserver" | "zygote" => "that is `fork` here".to_owned(),
                    _ => suggest(text, &StartMethod::NAMES),
                };
                ValueError::new(format!("unknown start method {}", quoted(text)), hint)
            })
    }
}
