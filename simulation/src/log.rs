//! What happened in a run, line by line. One seed gives one log, byte for byte.

use std::fmt::{self, Write};

use fumehood::clock::Monotonic;

/// A log: its digest always, its text where somebody wants to read it.
#[derive(Debug)]
pub struct Log {
    hasher: blake3::Hasher,
    lines: u64,
    line: String,
    text: Option<String>,
}

impl Log {
    /// An empty log, which keeps its text if `keeps`.
    pub fn new(keeps: bool) -> Log {
        Log {
            hasher: blake3::Hasher::new(),
            lines: 0,
            line: String::new(),
            text: keeps.then(String::new),
        }
    }

    /// One more line.
    pub fn say(&mut self, now: Monotonic, what: fmt::Arguments<'_>) {
        self.lines += 1;
        let (seconds, nanos) = (now.0 / 1_000_000_000, now.0 % 1_000_000_000);
        self.line.clear();
        // Writing to a string cannot fail.
        let _ = writeln!(self.line, "{seconds}.{nanos:09} {what}");
        self.hasher.update(self.line.as_bytes());
        if let Some(text) = &mut self.text {
            text.push_str(&self.line);
        }
    }

    /// Number of lines.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The BLAKE3 digest of all lines, in hexadecimal.
    pub fn digest(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    /// The text, where it was kept.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}
