//! The `supervisor` program: runs experiments in processes of their own and records what came of them.
//!
//! The story: a process that was started to be a worker is one. Otherwise the command line is read, its
//! command runs, and what went wrong is said once, with a hint, and becomes the exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use supervisor::cli::Cli;
use supervisor::commands::{self, Ended};
use supervisor::start::handshake;

fn main() -> ExitCode {
    if worker::is_wanted() {
        return worker::main();
    }
    end_with_any_thread();
    fumehood::sys::keep_freed_memory();
    #[cfg(feature = "fault")]
    fumehood::fault::count_own("start");
    let cli = Cli::parse();
    let ended = commands::run(&cli);
    #[cfg(feature = "fault")]
    fumehood::fault::count_own("end");
    match ended {
        Ok(ended) => ended.code(),
        Err(failure) => {
            // A standard error that is gone must not hide the exit code.
            let _ = write!(std::io::stderr(), "{}", failure.text());
            Ended::Failed(failure.code).code()
        }
    }
}

/// Has a panic of a helper thread end the process (SIGABRT). Without the thread that hears of deaths, say, the
/// rest would wait for ever; a supervisor that is gone can be resumed. A panic of the main thread ends the
/// process by itself, with code 101. What a stranger makes of a handshake is no more than a failed start.
fn end_with_any_thread() {
    let main = std::thread::current().id();
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if handshake::panics_are_caught() {
            return;
        }
        tell(panic);
        if std::thread::current().id() != main {
            std::process::abort();
        }
    }));
}
