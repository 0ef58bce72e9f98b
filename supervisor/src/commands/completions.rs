//! `supervisor completions`: the completions of a shell, made from the command line's own definition.

use clap::CommandFactory;

use crate::cli::Cli;

/// The script for a shell.
pub fn script(shell: clap_complete::Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "supervisor", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
