//! The `worker` program. People start `supervisor`; it starts this.

use std::process::ExitCode;

fn main() -> ExitCode {
    worker::main()
}
