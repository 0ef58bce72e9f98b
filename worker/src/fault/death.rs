//! Deeds after which the process is gone, or will never answer.

use std::io::Write;
use std::time::Duration;

use fumehood::sys;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "signal" => sys::fault::raise(deed.number()?),
        "exit" => sys::quiet_exit(deed.number()?),
        "panic" => panic!("told to panic"),
        "error" => return Err(String::from("told to fail")),
        "hang" => sleep_for_ever(),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "ignore-term" => sys::fault::ignore_term(),
        // Whoever continues it gets its result.
        "stop" => sys::temporary_pause(),
        "stack" => {
            // The value is printed so that the recursion cannot be optimised away.
            let _ = writeln!(std::io::stderr(), "{}", recurse(1));
        }
        "kill-peer" => sys::fault::kill_stopped_peer()?,
        "kill-parent" => {
            // Once in a run, however often it is resumed.
            if std::fs::File::create_new("parent-killed").is_ok() {
                sys::fault::kill_parent();
                sleep_for_ever();
            }
        }
        "sleep-ms" => {
            let span = u64::try_from(deed.number()?).unwrap_or(0);
            std::thread::sleep(Duration::from_millis(span));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

#[expect(unconditional_recursion, reason = "this is the fault")]
fn recurse(depth: u64) -> u64 {
    let frame = [depth; 512];
    std::hint::black_box(&frame);
    recurse(depth + 1) + frame[7]
}
