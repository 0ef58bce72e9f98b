//! A task as a pure function: assignment in, result out. The worker calls it, and so does the supervisor
//! under `--start-method inline`; both get the same bytes.

use std::any::Any;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use fumehood::clock::Monotonic;
use fumehood::data::Store;
use fumehood::experiment::{FellBack, Forecast, ForecastTask, SeriesSlice, TaskOutput, Work};
use fumehood::forecast::{self, Model, ModelConfig};
use fumehood::ids::Seed;
use fumehood::lfsr::{AnalyseTask, AnalyticResult, EnumerateTask, Enumeration};
use fumehood::protocol::{Assignment, WorkResult};
use fumehood::sys;

/// The result of a task and the moments inside it.
#[derive(Debug)]
pub struct Executed {
    /// Its output, or why there is none.
    pub result: WorkResult,
    /// When model, field or matrix stood.
    pub rebuilt: Monotonic,
    /// When the work was done.
    pub computed: Monotonic,
}

/// The longest message that a panic or an error keeps, in bytes.
const MESSAGE_CAP: usize = 4096;

/// Runs one task. A panic in it is an error of the task; its text is that of the panic, without the place
/// in our source, so that it is the same under every start method.
pub fn execute(assignment: &Assignment) -> Executed {
    let mut rebuilt = None;
    let result = panic::catch_unwind(AssertUnwindSafe(|| run(assignment, &mut rebuilt)))
        .unwrap_or_else(|payload| Err(format!("panicked: {}", panic_text(payload.as_ref()))))
        .map_err(capped);
    let computed = sys::monotonic_now();
    Executed {
        result,
        rebuilt: rebuilt.unwrap_or(computed),
        computed,
    }
}

/// Makes a panic one line on standard error, where the output of the attempt is kept: with its place,
/// and without the backtrace, whose symbols cost tens of megabytes.
pub fn tell_panics_on_stderr() {
    panic::set_hook(Box::new(|info| {
        let _ = writeln!(std::io::stderr(), "{info}");
    }));
}

fn run(assignment: &Assignment, rebuilt: &mut Option<Monotonic>) -> WorkResult {
    match &assignment.work {
        Work::Forecast(task) => evaluate(task, assignment.seed, rebuilt),
        Work::Enumerate(task) => enumerate(task, rebuilt),
        Work::Analyse(task) => analyse(task, rebuilt),
        #[cfg(feature = "fault")]
        Work::Fault(task) => crate::fault::misbehave(task, assignment.attempt),
    }
}

fn evaluate(task: &ForecastTask, seed: Seed, rebuilt: &mut Option<Monotonic>) -> WorkResult {
    let model = built(&task.model)?;
    let mapped;
    let values = match &task.series {
        SeriesSlice::Inline(values) => values,
        SeriesSlice::Mapped {
            store,
            offset,
            length,
        } => {
            mapped = Store::open(Path::new(store))
                .and_then(|store| store.slice(*offset, *length))
                .map_err(|error| error.to_string())?;
            &mapped
        }
    };
    *rebuilt = Some(sys::monotonic_now());
    let judge = |model: &dyn Model| forecast::evaluate(model, values, &task.setup, seed);
    let (evaluation, fallback) = match (judge(model.as_ref()), &task.fallback) {
        (Ok(evaluation), _) => (evaluation, None),
        (Err(error), Some(fallback)) if error.is_of_the_model() => {
            let reason = error.to_string();
            let name = fallback.name();
            match judge(built(fallback)?.as_ref()) {
                Ok(evaluation) => {
                    let model = name.to_owned();
                    (evaluation, Some(FellBack { model, reason }))
                }
                Err(error) => {
                    return Err(format!(
                        "{reason}; its fallback `{name}` failed too: {error}"
                    ));
                }
            }
        }
        (Err(error), _) => return Err(error.to_string()),
    };
    Ok(TaskOutput::Forecast(Box::new(Forecast {
        evaluation,
        fallback,
    })))
}

/// A model that has passed its self-test.
fn built(config: &ModelConfig) -> Result<Box<dyn Model>, String> {
    let model = config.build();
    match model.self_test() {
        Ok(()) => Ok(model),
        Err(error) => Err(format!(
            "the self-test of model {} failed: {error}",
            config.name()
        )),
    }
}

fn enumerate(task: &EnumerateTask, rebuilt: &mut Option<Monotonic>) -> WorkResult {
    let enumeration = Enumeration::prepare(task).map_err(|error| error.to_string())?;
    *rebuilt = Some(sys::monotonic_now());
    let table = enumeration.run().map_err(|error| error.to_string())?;
    Ok(TaskOutput::Enumeration(table))
}

fn analyse(task: &AnalyseTask, rebuilt: &mut Option<Monotonic>) -> WorkResult {
    let register = task.register().map_err(|error| error.to_string())?;
    *rebuilt = Some(sys::monotonic_now());
    let result = AnalyticResult::of(&register).map_err(|error| error.to_string())?;
    Ok(TaskOutput::Analysis(Box::new(result)))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| String::from("(the panic carries no text)"))
}

fn capped(mut message: String) -> String {
    if message.len() > MESSAGE_CAP {
        message.truncate(message.floor_char_boundary(MESSAGE_CAP - CUT.len()));
        message.push_str(CUT);
    }
    message
}

/// Stands at the end of a message of which the rest is left out.
const CUT: &str = " ... (cut)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_of_every_kind_become_text() {
        let caught = |f: fn()| panic::catch_unwind(f).expect_err("it panics");
        assert_eq!(panic_text(caught(|| panic!("plain")).as_ref()), "plain");
        assert_eq!(
            panic_text(caught(|| panic!("number {}", 7)).as_ref()),
            "number 7"
        );
        assert!(panic_text(caught(|| panic::panic_any(7)).as_ref()).contains("no text"));
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let long = "é".repeat(MESSAGE_CAP);
        let cut = capped(long);
        assert!(cut.len() <= MESSAGE_CAP && cut.len() > MESSAGE_CAP - 4);
        assert!(cut.ends_with("(cut)"));
        assert_eq!(capped(String::from("short")), "short");
    }
}
