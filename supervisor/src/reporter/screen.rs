//! Where talk goes: lines on stderr, and below them a bar where there is a terminal for it.
//!
//! What cannot be written is dropped: talk is a courtesy, a run is not. The bar's own library writes and
//! ignores errors in the same way, and starts no thread unless it is told to tick by itself.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::{Color, Progress};

/// How a line is coloured; its words say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Dim,
}

/// Stderr.
pub(super) struct Screen {
    out: Box<dyn Write>,
    colour: bool,
    bar: Option<ProgressBar>,
}

impl Screen {
    /// Stderr, as far as the user and the environment (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`) allow it
    /// colour and a bar. A bar needs a terminal: where it is asked for without one, there are lines.
    pub(super) fn stderr(progress: Progress, color: Color) -> Screen {
        let choice = match color {
            Color::Auto => AutoStream::choice(&io::stderr()),
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
        };
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wants_bar = match progress {
            Progress::Auto => !dumb,
            Progress::Bar => true,
            Progress::Lines | Progress::None => false,
        };
        Screen {
            out: Box::new(AutoStream::new(io::stderr(), choice)),
            colour: choice != ColorChoice::Never,
            bar: (wants_bar && io::stderr().is_terminal())
                .then(|| bar(ProgressDrawTarget::stderr_with_hz(10))),
        }
    }

    #[cfg(test)]
    pub(super) fn with(out: Box<dyn Write>, colour: bool, bar: Option<ProgressBar>) -> Screen {
        Screen { out, colour, bar }
    }

    pub(super) fn has_bar(&self) -> bool {
        self.bar.is_some()
    }

    /// Writes a line whose first word has a tone. The caller has escaped it.
    pub(super) fn line(&mut self, tone: Tone, line: &str) {
        self.lines(tone, [line]);
    }

    /// Writes lines that belong together; the tone is that of the first.
    pub(super) fn lines<'t>(&mut self, tone: Tone, lines: impl IntoIterator<Item = &'t str>) {
        let mut text = String::new();
        for line in lines {
            if self.colour && text.is_empty() {
                text.push_str(&paint(tone, line));
            } else {
                text.push_str(line);
            }
            text.push('\n');
        }
        let out = &mut self.out;
        let mut write = || {
            // One write, so that lines of other processes do not fall into it.
            let _ = out.write_all(text.as_bytes());
            let _ = out.flush();
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Redraws the bar.
    pub(super) fn draw(&mut self, done: u64, total: u64, message: String) {
        if let Some(bar) = &self.bar {
            // Each setter draws, within the limit of the target: only what changed is set.
            if bar.length() != Some(total) {
                bar.set_length(total);
            }
            bar.set_position(done);
            bar.set_message(message);
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

pub(super) fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), target);
    match ProgressStyle::with_template("{bar:20} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        // The template is ours and right; should the library ever disagree, its own look will do.
        Err(_) => bar,
    }
}

/// The line with its first word in colour.
fn paint(tone: Tone, line: &str) -> String {
    let code = match tone {
        Tone::Plain => return line.to_owned(),
        Tone::Good => "32",
        Tone::Bad => "1;31",
        Tone::Dim => "2",
    };
    let word = match tone {
        Tone::Dim => line.len(),
        _ => line.find("  ").unwrap_or(line.len()),
    };
    let (word, rest) = line.split_at(word);
    format!("\x1b[{code}m{word}\x1b[0m{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_repeats_the_first_words() {
        assert_eq!(paint(Tone::Plain, "a  b"), "a  b");
        assert_eq!(
            paint(Tone::Bad, "NOT STARTED  b"),
            "\x1b[1;31mNOT STARTED\x1b[0m  b"
        );
        assert_eq!(paint(Tone::Good, "ok"), "\x1b[32mok\x1b[0m");
        assert_eq!(paint(Tone::Dim, "a  b"), "\x1b[2ma  b\x1b[0m");
    }
}
