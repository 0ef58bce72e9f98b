//! The keeper: ends what tasks have left behind when the supervisor cannot.
//!
//! Workers and the zygote die with the supervisor by themselves. What a *task* has started does not: a child
//! that outlives its worker, a daemon in a session of its own. As long as the supervisor lives it adopts
//! and ends them; a supervisor that was killed does nothing any more. So one small process is started beside
//! each run, and waits on a pipe whose other end nobody has but the supervisor. The pipe closes however the
//! supervisor ends, and then the keeper ends every process that carries the mark of the run in its
//! environment, which is the keeper's own (see `docs/adr/0010`).
//!
//! A supervisor that ends in order ends its keeper too, when nothing else is left. The keeper must never
//! act while the supervisor lives, and never touch a process without the mark.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use fumehood::protocol::environment;
use fumehood::sys;

use crate::exit_code;

/// So long are processes looked for at most: far beyond what the kernel needs to take them apart.
const PATIENCE: Duration = Duration::from_secs(5);

/// The keeper's life; the code it leaves with.
pub fn run() -> i32 {
    let Ok(mark) = std::env::var(environment::RUN) else {
        return exit_code::BAD_ORDER;
    };
    sys::guard_keeper();
    if !supervisor_is_gone() {
        return exit_code::BAD_ORDER;
    }
    sys::end_marked(environment::RUN, &mark, PATIENCE);
    exit_code::DONE
}

/// Waits until the pipe closes. `false` = standard input is no such pipe: nothing is known of the supervisor,
/// and nothing must be done.
fn supervisor_is_gone() -> bool {
    let mut byte = [0u8];
    loop {
        match std::io::stdin().read(&mut byte) {
            Ok(length) => return length == 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}
