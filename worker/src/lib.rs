//! The program that runs tasks.
//!
//! A process of it has one of three roles, which its environment names:
//!
//! - the **zygote** (`zygote.rs`): started once by the supervisor, has one thread, does nothing but fork a
//!   worker on each order. It logs nothing, allocates little, and opens nothing of its own, because a
//!   fork copies all of that;
//! - a **worker** (`serve.rs`): forked by the zygote, or started by the supervisor itself where fork is not
//!   used. It takes tasks as plain data, rebuilds model, field or matrix from the numbers, computes
//!   ([`execute`]) and sends plain data back;
//! - the **keeper** (`keeper.rs`): started once by the supervisor, waits until that is gone, and ends what
//!   tasks have left behind.
//!
//! It is a library too, so that a supervisor without this program beside it can be it: it starts itself
//! once more and calls [`main`] first thing.
//!
//! A worker may crash in any way; it must never outlive its supervisor, and never answer for a task
//! without having said `Started` first.

pub mod execute;
#[cfg(feature = "fault")]
mod fault;
mod hello;
mod keeper;
mod serve;
mod zygote;

use std::io::Write;
use std::process::ExitCode;

use fumehood::experiment::ResourceUse;
use fumehood::protocol::environment;
use fumehood::sys;

/// Codes with which a worker leaves when it could not do its part.
pub mod exit_code {
    /// Everything was done.
    pub const DONE: i32 = 0;
    /// The supervisor could not be reached, or is gone.
    pub const GONE: i32 = 71;
    /// The order to start made no sense.
    pub const BAD_ORDER: i32 = 72;
    /// It could not guard itself: it was not the supervisor's child (any more).
    pub const UNGUARDED: i32 = 73;
    /// Its last task changed the process in a way that the next one would meet.
    pub const CHANGED: i32 = 74;
}

/// Whether this process was started to be a worker, a zygote or a keeper.
pub fn is_wanted() -> bool {
    std::env::var_os(environment::ROLE).is_some()
}

/// The whole life of the process.
pub fn main() -> ExitCode {
    let born = sys::monotonic_now();
    sys::name_process(c"worker");
    sys::keep_freed_memory();
    let code = match std::env::var(environment::ROLE).as_deref() {
        Ok("zygote") => zygote::run(born),
        Ok("worker") => serve::run_spawned(born),
        Ok("keeper") => keeper::run(),
        _ => {
            let _ = writeln!(
                std::io::stderr(),
                "worker: this program is started by `supervisor` and does nothing by itself\n\
                 hint: try `supervisor --help`"
            );
            2
        }
    };
    // A worker forked from the zygote left long ago by `quiet_exit`.
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// What was used between two readings; the peak is the later one's.
pub fn difference(before: &ResourceUse, after: &ResourceUse) -> ResourceUse {
    ResourceUse {
        user_us: after.user_us.saturating_sub(before.user_us),
        system_us: after.system_us.saturating_sub(before.system_us),
        max_rss_kib: after.max_rss_kib,
        minor_faults: after.minor_faults.saturating_sub(before.minor_faults),
        voluntary_switches: after
            .voluntary_switches
            .saturating_sub(before.voluntary_switches),
        involuntary_switches: after
            .involuntary_switches
            .saturating_sub(before.involuntary_switches),
    }
}
