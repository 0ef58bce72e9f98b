//! The harness of the black-box tests: it runs the built `supervisor` as a user would and looks at what a
//! user can see, namely the exit code, the two outputs, files and processes.
//!
//! A [`Lab`] is a private folder: the working folder of the runs in it, their HOME, their TMPDIR and the
//! place of their sockets. A [`Supervisor`] is a command line about to be run in a lab, to its end
//! ([`Supervisor::run`]) or in the background ([`Supervisor::background`]). A [`RunFolder`] reads what a run
//! left, a [`Census`] counts the processes of a lab.
//!
//! Rules:
//!
//! - Every wait has a deadline. One that passes kills what runs and fails the test with both outputs.
//! - No test sleeps: it waits for an event, and looks again when the supervisor ends or a moment passes.
//! - Nothing of the tester's environment but PATH reaches a run, and nothing of a run outlives its test.

mod census;
mod folder;
mod lab;
mod process;

pub use census::{Census, Process};
pub use folder::{RunFolder, json_lines};
pub use lab::{Lab, shared_data, tell};
pub use process::{Finished, Reader, Running, Supervisor};
