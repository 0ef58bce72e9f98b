//! What the tasks of kind `fault` do.
//!
//! An action is one deed or several, joined by `+` and done in order: `leak-child+hang` leaves a child
//! behind and then hangs. A deed that returns lets the next one happen, and after the last the task gives
//! its result as if nothing had been.

use std::io::Write;
use std::time::Duration;

use fumehood::experiment::{FaultTask, TaskOutput};
use fumehood::ids::AttemptNumber;
use fumehood::protocol::WorkResult;
use fumehood::sys;

/// Misbehaves, if it is this attempt's turn to; otherwise returns the task's number.
pub fn misbehave(task: &FaultTask, attempt: AttemptNumber) -> WorkResult {
    let its_turn = task.attempts == 0 || attempt.0 <= task.attempts;
    if let Some(action) = task.action.as_deref().filter(|_| its_turn) {
        action.split('+').try_for_each(act)?;
    }
    Ok(TaskOutput::Fault(task.number))
}

fn act(deed: &str) -> Result<(), String> {
    let (name, number) = match deed.split_once('=') {
        Some((name, number)) => (name, number.parse::<i32>().map_err(|e| e.to_string())?),
        None => (deed, 0),
    };
    match name {
        "signal" => sys::fault::raise(number),
        "exit" => sys::quiet_exit(number),
        "panic" => panic!("told to panic"),
        "error" => return Err(String::from("told to fail")),
        "hang" => sleep_for_ever(),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "ignore-term" => sys::fault::ignore_term(),
        // Whoever continues it gets its result.
        "stop" => sys::temporary_pause(),
        "allocate" => allocate_for_ever(),
        "stack" => {
            // The value is printed so that the recursion cannot be optimised away.
            let _ = writeln!(std::io::stderr(), "{}", recurse(1));
        }
        "leak-child" => sys::fault::leave_child(false, sleep_for_ever),
        "daemon" => sys::fault::leave_child(true, sleep_for_ever),
        "child-allocates" => sys::fault::leave_child(false, allocate_for_ever),
        "spew" => {
            let line = [b'x'; 1023];
            let mut out = std::io::stdout().lock();
            for _ in 0..number.max(1) {
                let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
            }
        }
        "close" => {
            sys::fault::close_everything();
            sleep_for_ever();
        }
        "sleep-ms" => std::thread::sleep(Duration::from_millis(u64::try_from(number).unwrap_or(0))),
        other => return Err(format!("no fault is called `{other}`")),
    }
    Ok(())
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Grows until somebody ends it. Nobody did when it holds [`MOST`]: then it only keeps that, so that a
/// watch that fails costs a test and not the machine.
fn allocate_for_ever() -> ! {
    let mut all = Vec::new();
    for _ in 0..MOST / PIECE {
        // Written, so that it is resident and not only promised.
        all.push(vec![1u8; PIECE]);
        std::thread::sleep(Duration::from_millis(1));
        std::hint::black_box(&all);
    }
    sleep_for_ever();
}

/// Bytes that `allocate` takes at a time.
const PIECE: usize = 8 << 20;

/// Bytes that `allocate` takes at most.
const MOST: usize = 4 << 30;

#[expect(unconditional_recursion, reason = "this is the fault")]
fn recurse(depth: u64) -> u64 {
    let frame = [depth; 512];
    std::hint::black_box(&frame);
    recurse(depth + 1) + frame[7]
}
