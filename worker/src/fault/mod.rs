//! What the tasks of kind `fault` do.
//!
//! An action is one deed or several, joined by `+` and done in order: `leak-child+hang` leaves a child
//! behind and then hangs. A deed that returns lets the next one happen, and after the last the task gives
//! its result as if nothing had been. Two words are conditions: what follows `if-nth=K` is done only by tasks
//! whose number is one less than a multiple of K, what follows `if-attempt=N` only on the first N attempts.
//!
//! The deeds live in families, by what they put in danger: [`death`] the process itself, [`resources`] the
//! machine, [`leftovers`] whoever comes after, [`answers`] channel and output as a whole, [`lies`] what is said
//! on the channel.

mod answers;
mod death;
mod leftovers;
mod lies;
mod resources;

use std::time::Duration;

use fumehood::experiment::{FaultOutput, FaultTask, TaskOutput};
use fumehood::fault::Twist;
use fumehood::ids::AttemptNumber;
use fumehood::protocol::{Hello, WorkResult};

pub use lies::{lie_first, set_the_scene};

/// Misbehaves, if it is this attempt's turn to; otherwise returns the task's number.
pub fn misbehave(task: &FaultTask, attempt: AttemptNumber) -> WorkResult {
    let mut ballast = 0;
    let its_turn = task.attempts == 0 || attempt.0 <= task.attempts;
    if let Some(action) = task.action.as_deref().filter(|_| its_turn) {
        for text in action.split('+') {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let deed = Deed { name, value };
            let goes_on = match name {
                "if-nth" => {
                    (task.number + 1).is_multiple_of(deed.number()?.max(1).unsigned_abs().into())
                }
                "if-attempt" => attempt.0 <= deed.number()?.unsigned_abs(),
                // Its result takes so many bytes.
                "big" => {
                    ballast = deed.number()?.unsigned_abs() as usize;
                    true
                }
                _ => {
                    act(&deed)?;
                    true
                }
            };
            if !goes_on {
                break;
            }
        }
    }
    Ok(TaskOutput::Fault(FaultOutput {
        number: task.number,
        ballast: FaultOutput::ballast(ballast),
    }))
}

/// One deed: its name, and what stands after the `=`.
struct Deed<'a> {
    name: &'a str,
    value: &'a str,
}

impl Deed<'_> {
    /// The value as a number; 0 where there is none.
    fn number(&self) -> Result<i32, String> {
        match self.value {
            "" => Ok(0),
            text => text
                .parse()
                .map_err(|error| format!("`{text}` after `{}`: {error}", self.name)),
        }
    }
}

/// Each family does what it knows and says whether it did.
fn act(deed: &Deed<'_>) -> Result<(), String> {
    let families = [
        death::act,
        resources::act,
        leftovers::act,
        answers::act,
        lies::act,
    ];
    for family in families {
        if family(deed)? {
            return Ok(());
        }
    }
    Err(format!("no fault is called `{}`", deed.name))
}

/// What the fail point `worker.hello` can change: `protocol`, `token`, `pid`.
pub fn change_hello(hello: &mut Hello, twist: &Twist) {
    match twist.name.as_str() {
        "protocol" => hello.protocol = String::from("0.0.0/0"),
        "token" => hello.token.0 = String::from("of another"),
        "pid" => hello.pid.0 += 1,
        _ => {}
    }
}

/// What the fail point `zygote.fork` knows: `thread`, which makes a thread that stays.
pub fn start_thread(twist: &Twist) {
    if twist.name == "thread" {
        std::thread::spawn(|| sleep_for_ever());
    }
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
