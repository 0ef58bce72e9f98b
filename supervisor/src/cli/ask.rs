//! The questions of `supervisor lfsr` that are no run.

use std::path::{Path, PathBuf};

use clap::Args;

/// The questions about one sequence, or about single states. Each is answered on stdout: no task is started and no run
/// folder written, so flags of a run mean nothing beside them.
#[derive(Clone, Debug, Default, Args)]
#[command(
    next_help_heading = "Ask about sequences and states; no task is started, no file written"
)]
pub struct AskArgs {
    /// The shortest register that generates the symbols in a file; `-` is stdin
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["coefficients", "state", "states", "analysis", "WhatArgs", "HowArgs"]
    )]
    pub from_sequence: Option<PathBuf>,
    /// The period, the tail and the output of one state, its oldest symbol first
    #[arg(
        long,
        value_name = "S0,S1,..",
        allow_hyphen_values = true,
        conflicts_with_all = ["states", "analysis", "WhatArgs", "HowArgs"]
    )]
    pub state: Option<String>,
    /// With --state: so many symbols of the output [default: 64]
    #[arg(long, value_name = "N", value_parser = parse_symbols, allow_negative_numbers = true, requires = "state")]
    pub symbols: Option<usize>,
    /// The states of each cycle, at most N in all [default: 1000]
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        value_parser = parse_states,
        allow_negative_numbers = true,
        conflicts_with_all = ["analysis", "WhatArgs", "HowArgs"]
    )]
    pub states: Option<Option<usize>>,
}

/// A question that is answered without a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// Which register generates the sequence in this file?
    FromSequence(&'a Path),
    /// What comes from this state?
    State {
        /// As it was typed.
        state: &'a str,
        /// Symbols of output.
        symbols: usize,
    },
    /// Which states are on which cycle?
    States {
        /// At most so many; none = as usual.
        most: Option<usize>,
    },
}

impl AskArgs {
    /// Symbols of output unless told otherwise.
    pub const USUAL_SYMBOLS: usize = 64;
    /// The most symbols of output.
    pub const MAX_SYMBOLS: usize = 1_000_000;

    /// What is asked, if anything is.
    pub fn question(&self) -> Option<Question<'_>> {
        if let Some(file) = &self.from_sequence {
            return Some(Question::FromSequence(file));
        }
        if let Some(state) = &self.state {
            let symbols = self.symbols.unwrap_or(Self::USUAL_SYMBOLS);
            return Some(Question::State { state, symbols });
        }
        self.states.map(|most| Question::States { most })
    }
}

fn parse_symbols(text: &str) -> Result<usize, String> {
    let most = AskArgs::MAX_SYMBOLS;
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| format!("write a number from 1 to {most}"))
}

fn parse_states(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n >= 1);
    number.ok_or_else(|| "write a number of states, from 1 on".to_owned())
}
