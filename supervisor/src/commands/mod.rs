//! One file a command, each thin: it reads what was typed, calls the rooms that do the work, and says how
//! it ended.

pub mod completions;
pub mod doctor;
pub mod failure;
pub mod folder;
pub mod log;
pub mod plan;
mod reading;
pub mod resume;
pub mod run;
pub mod sequence;
pub mod session;

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Cli, Command, Output, WELCOME};
pub use failure::{Code, Failure};

/// How a command ended, where nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every task ok, or nothing to do.
    Well,
    /// The run finished, and some tasks did not end ok.
    SomeNotOk,
    /// A signal stopped it; the run can be resumed.
    Stopped(i32),
    /// It failed.
    Failed(Code),
}

impl Ended {
    /// The exit code of the contract.
    pub fn code(self) -> ExitCode {
        let code = match self {
            Ended::Well => 0,
            Ended::SomeNotOk => 1,
            Ended::Failed(code) => code.number(),
            Ended::Stopped(signal) => u8::try_from(128 + signal).unwrap_or(255),
        };
        ExitCode::from(code)
    }
}

/// Runs the command that was typed.
///
/// # Errors
///
/// [`Failure`]: what went wrong, its exit code, and what can be done.
pub fn run(cli: &Cli) -> Result<Ended, Failure> {
    match &cli.command {
        None => print(WELCOME),
        Some(Command::Run(command)) => run::run(command, &cli.talk),
        Some(Command::Forecast(command)) => run::forecast(command, &cli.talk),
        Some(Command::Lfsr(command)) => match command.ask.question() {
            Some(question) => sequence::answer(question, command, &cli.talk),
            None => run::lfsr(command, &cli.talk),
        },
        Some(Command::Plan(command)) => run::plan(command, &cli.talk),
        Some(Command::Resume(command)) => resume::run(command, &cli.talk),
        Some(Command::Doctor) => {
            if matches!(cli.talk.output, Some(Output::Json | Output::Csv)) {
                return Err(Failure::usage("`doctor` has no --output but table"));
            }
            let (text, failed) = doctor::run();
            print(&text)?;
            Ok(if failed {
                Ended::Failed(Code::Environment)
            } else {
                Ended::Well
            })
        }
        Some(Command::Completions(command)) => print(&completions::script(command.shell)),
    }
}

/// Puts data on standard output. A reader that has heard enough (`| head`) is no failure.
fn print(text: &str) -> Result<Ended, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Ended::Well),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Ended::Well),
        Err(error) => Err(Failure::environment(format!(
            "failed to write to standard output: {error}"
        ))
        .hint(Some(String::from(
            "send standard output to where it can be written; what a run found is in its folder",
        )))),
    }
}
