//! `lfsr --from-sequence`, `--state` and `--states`: questions that one look answers.
//!
//! None of them is a run. Each asks about one sequence or some states, takes microseconds as a rule and ten seconds or so at
//! the limits, and its answer is all there is to keep: a worker, a journal and a folder would cost more than the work. So they are
//! answered here, on standard output, and nothing is started or written. What bounds them is counted before the work, not
//! timed: the symbols of a sequence, the degree of a register whose state is asked for, the symbols of a list.

use std::path::Path;

use fumehood::experiment::plan::Body;
use fumehood::experiment::spec::{LfsrArguments, RunSpec, read_sequence, read_state, resolve};
use fumehood::field::Field;
use fumehood::lfsr::{
    CycleList, Register, SequenceError, list_cycles, shortest_register, state_period,
};

use super::{Ended, Failure, print};
use crate::cli::{LfsrCommand, Output, Question, TalkArgs};
use crate::report::sequence as report;
use crate::report::states::{Listing, states};
use crate::reporter::words::thousands;
use crate::settings::{Layers, Settings};

/// States listed unless told otherwise.
const USUAL_STATES: usize = 1000;

/// The most symbols in the states of a list: the 2^20 states of degree 20 fit, and so does their text in memory.
const MAX_LISTED_SYMBOLS: usize = 1 << 25;

/// Answers a question about sequences or states.
///
/// # Errors
///
/// [`Failure`].
pub fn answer(
    question: Question<'_>,
    command: &LfsrCommand,
    talk: &TalkArgs,
) -> Result<Ended, Failure> {
    let arguments = LfsrArguments {
        // Nothing is enumerated, so any size will do.
        analysis: Some("analytic".to_owned()),
        ..command.arguments()
    };
    let output = output(command, talk)?;
    let text = match question {
        Question::FromSequence(file) => from_sequence(file, &arguments, output)?,
        Question::State { state, symbols } => from_state(state, symbols, &arguments, output)?,
        Question::States { most } => of_cycles(most, &arguments, output)?,
    };
    print(&text)
}

/// The form of the answer, by flag or environment.
fn output(command: &LfsrCommand, talk: &TalkArgs) -> Result<Output, Failure> {
    let settings = Settings::resolve(Layers {
        talk,
        how: &command.how,
        what: Some(&command.what),
        environment: &|name| std::env::var_os(name),
        run: &Default::default(),
        seed: None,
    })?;
    Ok(settings.output)
}

/// The registers that were named, checked in the words in which those of a run are.
fn registers(arguments: &LfsrArguments) -> Result<Vec<Register>, Failure> {
    let spec = RunSpec::for_lfsr(arguments, &[])?;
    let resolved = resolve(&spec, Path::new("."))?;
    let bodies = resolved
        .plan
        .experiments()
        .iter()
        .map(|planned| &planned.body);
    Ok(bodies
        .filter_map(|body| match body {
            Body::Lfsr(body) => Some(body.register.clone()),
            _ => None,
        })
        .collect())
}

/// The field that was named. A register stands in that exists over every field, so that a wrong order or modulus is
/// told as it is elsewhere.
fn field(arguments: &LfsrArguments) -> Result<Field, Failure> {
    let stand_in = LfsrArguments {
        coefficients: Some("1".to_owned()),
        ..arguments.clone()
    };
    let registers = registers(&stand_in)?;
    let field = registers.first().map(|register| register.field().clone());
    field.ok_or_else(|| Failure::usage("there is no field"))
}

fn from_sequence(
    file: &Path,
    arguments: &LfsrArguments,
    output: Output,
) -> Result<String, Failure> {
    if arguments.file.is_some() {
        return Err(
            Failure::usage("--from-sequence and a file of registers exclude each other").hint(
                Some("write `supervisor lfsr --from-sequence FILE GF_ORDER`".to_owned()),
            ),
        );
    }
    let field = field(arguments)?;
    let symbols = read_sequence(file, field.order())?;
    let found = shortest_register(&field, &symbols).map_err(refused)?;
    Ok(report::shortest(&found, output))
}

fn from_state(
    state: &str,
    symbols: usize,
    arguments: &LfsrArguments,
    output: Output,
) -> Result<String, Failure> {
    let registers = registers(arguments)?;
    let [register] = &registers[..] else {
        return Err(
            Failure::usage("--state is of one register, and the file has several")
                .hint(Some("give the register with --coefficients".to_owned())),
        );
    };
    let state = read_state("--state", state, register)?;
    let period = state_period(register, &state).map_err(refused)?;
    let out = register.output_from(&state).map_err(refused)?;
    let symbols: Vec<u32> = out.take(symbols).collect();
    Ok(report::state(register, &state, &period, &symbols, output))
}

fn of_cycles(
    most: Option<usize>,
    arguments: &LfsrArguments,
    output: Output,
) -> Result<String, Failure> {
    let registers = registers(arguments)?;
    let symbols: usize = registers.iter().map(|r| r.degree() as usize).sum();
    let limit = MAX_LISTED_SYMBOLS / symbols.max(1);
    let most = match most {
        None => USUAL_STATES.min(limit),
        Some(most) if most <= limit => most,
        Some(most) if registers.iter().all(|register| fits(register, limit)) => most,
        Some(_) => {
            return Err(Failure::usage(format!(
                "--states lists at most {} states of {}",
                thousands(limit as u64),
                if registers.len() == 1 {
                    "this register"
                } else {
                    "each of these registers"
                }
            ))
            .hint(Some(format!("--states {limit} lists so many"))));
        }
    };
    let listings: Vec<Listing> = registers
        .into_iter()
        .map(|register| {
            let list = list_cycles(&register, most);
            Listing {
                cut_length: cut_length(&register, &list),
                register,
                list,
                limit,
            }
        })
        .collect();
    Ok(states(&listings, output))
}

/// Whether a register has no more periodic states than so many.
fn fits(register: &Register, limit: usize) -> bool {
    let degree = register.degree() - register.nilpotent_index();
    (register.gf_order() as usize)
        .checked_pow(degree)
        .is_some_and(|states| states <= limit)
}

/// The length of a cycle that was cut, by algebra, where that finds it.
fn cut_length(register: &Register, list: &CycleList) -> Option<String> {
    let cycle = list.cycles.last().filter(|cycle| cycle.is_cut)?;
    let first: Vec<u32> = cycle.states().next()?.iter().map(|&s| s.into()).collect();
    let found = state_period(register, &first).ok()?;
    found.period.known().map(ToString::to_string)
}

fn refused(error: SequenceError) -> Failure {
    let hint = error.hint();
    Failure::usage(error.to_string()).hint(hint)
}
