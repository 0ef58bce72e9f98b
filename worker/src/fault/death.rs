//! Deeds after which the process is gone, or will never answer.

use std::io::Write;
use std::time::Duration;

use fumehood::sys;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "signal" => sys::fault::raise(deed.number()?),
        "segv" => sys::fault::write_to_nowhere(),
        "bus" => sys::fault::read_behind_the_end().map_err(|error| error.to_string())?,
        "fpe" => sys::fault::divide_by_zero(),
        "ill" => sys::fault::run_no_instruction(),
        "exit" => sys::quiet_exit(deed.number()?),
        // With the handlers of an orderly end, which `exit` leaves out.
        #[expect(clippy::exit, reason = "this is the fault")]
        "leave" => std::process::exit(deed.number()?),
        "abort" => std::process::abort(),
        "panic" => panic!("told to panic"),
        "panic-number" => std::panic::panic_any(7),
        "panic-long" => panic!("{}", "long ".repeat(2_000_000)),
        "panic-wild" => panic!("{WILD}"),
        "panic-twice" => {
            let _second = PanicsAtItsEnd;
            panic!("told to panic");
        }
        "panic-thread" => {
            let thread = std::thread::spawn(|| panic!("told to panic in a thread"));
            if thread.join().is_ok() {
                return Err(String::from("the thread did not panic"));
            }
        }
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
        "frame" => fill_a_frame(),
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

/// A frame of a size that no stack has. Inlined it would be the frame of every deed.
#[inline(never)]
fn fill_a_frame() {
    let frame = [1u8; 1 << 30];
    std::hint::black_box(&frame);
}

/// What a terminal, a parser of lines and a reader of text must be spared: it clears the screen, ends a
/// string, forges a line, and turns the direction of writing.
const WILD: &str =
    "wild \x1b[2J\x1b]0;title\x07 nul \0 line\nfumehood: forged\r \u{202e}dlrow\u{2066}";

struct PanicsAtItsEnd;

impl Drop for PanicsAtItsEnd {
    fn drop(&mut self) {
        panic!("told to panic again");
    }
}
