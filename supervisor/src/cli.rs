//! What was typed: the commands and their flags, as clap reads them.
//!
//! These are the low arguments: each value is there only if its flag was. What they mean together with
//! the environment, the spec and the defaults is decided once, in `settings`. Help teaches: examples come
//! first, each can be typed as it stands, and a command that is not built is not shown.
//!
//! clap prints usage errors to stderr and exits with 2, which is what the contract says of them.

mod ask;

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use fumehood::experiment::plan::Shard;
use fumehood::experiment::spec::{
    ForecastArguments, LfsrArguments, MaxTasks, OrNone, Retries, RunSpec, Size, StartMethod,
    TimeSpan, ValueError, Workers,
};

pub use ask::{AskArgs, Question};

/// What `supervisor` alone prints: what it is, three commands to try, where help is.
pub const WELCOME: &str = "\
supervisor runs experiments, each task in a process of its own: a crash costs that task alone.
  supervisor run                                   the built-in example: no data, seconds
  supervisor doctor                                what this machine can do, and what will hurt
  supervisor lfsr 2 --coefficients 1,1,0,0         every cycle of a shift register over GF(2)
  supervisor --help                                everything else
";

const EXAMPLES: &str = "\
Examples:
  supervisor run                                   the built-in example: no data, seconds
  supervisor run spec.toml --workers 4             the experiments of a spec
  supervisor plan spec.toml                        what would run, in which order, and how
  supervisor forecast --mode custom --data sales.csv --models naive,theta
  supervisor lfsr 2 --coefficients 1,1,0,0         every cycle of a shift register over GF(2)
  supervisor resume runs/latest                    go on with a run that was stopped
";

const AFTER: &str = "\
Every flag of a run has an environment variable: SUPERVISOR_WORKERS for --workers. A flag goes before
its variable, the variable before the spec, the spec before the default.

Exit codes:
  0      every task ok
  1      the run finished, some tasks did not end ok
  2      usage or bad input; nothing was started, nothing written
  3      the environment or the journal failed
  4      the run folder is in use
  128+n  stopped by signal n; the run can be resumed
";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "supervisor",
    version,
    about = "Runs experiments, each task in a process of its own: a crash costs that task alone",
    before_long_help = EXAMPLES,
    after_help = "Try `supervisor run`; it needs no data. `--help` has examples and exit codes.",
    after_long_help = AFTER,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// How to talk.
    #[command(flatten)]
    pub talk: TalkArgs,
    /// What to do; without one the welcome is printed.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the experiments of a spec, or the built-in example
    Run(RunCommand),
    /// Compare forecasting models over many series, without writing a spec
    Forecast(ForecastCommand),
    /// Analyse the state space of linear feedback shift registers, without writing a spec
    Lfsr(LfsrCommand),
    /// Show what would run, in which order and how; start no task
    Plan(PlanCommand),
    /// Go on with a run that was stopped
    Resume(ResumeCommand),
    /// Say what this machine can do and what will hurt, each finding with its fix
    Doctor,
    /// Print the completions of a shell
    Completions(CompletionsCommand),
}

/// `supervisor run`.
#[derive(Debug, Args)]
#[command(before_long_help = "\
Examples:
  supervisor run                                   the built-in example: no data, seconds
  supervisor run spec.toml
  supervisor run spec.toml --set experiment.m3.horizon=6 --set run.timeout=30s
  supervisor run spec.toml --shard 0/4 --run-dir part-0
")]
pub struct RunCommand {
    /// The spec; the built-in example without one
    #[arg(value_name = "SPEC.toml")]
    pub spec: Option<PathBuf>,
    /// Show the plan and start no task, as `supervisor plan`
    #[arg(long)]
    pub dry_run: bool,
    /// What to run.
    #[command(flatten)]
    pub what: WhatArgs,
    /// How to run it.
    #[command(flatten)]
    pub how: HowArgs,
}

/// `supervisor plan`.
#[derive(Debug, Args)]
#[command(before_long_help = "\
Examples:
  supervisor plan                                  of the built-in example
  supervisor plan spec.toml --workers 4
")]
pub struct PlanCommand {
    /// The spec; the built-in example without one
    #[arg(value_name = "SPEC.toml")]
    pub spec: Option<PathBuf>,
    /// What would be run.
    #[command(flatten)]
    pub what: WhatArgs,
    /// How it would be run.
    #[command(flatten)]
    pub how: HowArgs,
}

/// `supervisor forecast`.
#[derive(Debug, Args)]
#[command(before_long_help = "\
Examples:
  supervisor forecast --mode synthetic
  supervisor forecast --mode custom --data sales.csv --test-size 12 --seasonal-period 12
  supervisor forecast --mode m3 --data data/m3 --frequency monthly --max-series 100 --models naive2,theta
")]
pub struct ForecastCommand {
    /// Where the series come from
    #[arg(long, value_enum)]
    pub mode: ModeName,
    /// The folder of a competition, or a CSV or TSV file
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// The part of a competition: yearly, quarterly, monthly, weekly, daily, hourly or other
    #[arg(long, value_name = "F")]
    pub frequency: Option<String>,
    /// Models, between commas
    #[arg(long, value_name = "A,B,C")]
    pub models: Option<String>,
    /// Only the first N series
    #[arg(long, value_name = "N")]
    pub max_series: Option<u64>,
    /// Steps to forecast: the last H values of each series are its test part
    #[arg(long, value_name = "H")]
    pub test_size: Option<u64>,
    /// Observations in a season, 1 = none; several between commas are used by mstl
    #[arg(long, value_name = "M")]
    pub seasonal_period: Option<String>,
    /// Judge each series N times, each time cut earlier
    #[arg(long, value_name = "N")]
    pub windows: Option<u64>,
    /// Values from one cut to the next; the horizon unless told
    #[arg(long, value_name = "N")]
    pub window_step: Option<u64>,
    /// Prediction intervals of these levels in per cent, between commas
    #[arg(long, value_name = "80,95")]
    pub level: Option<String>,
    /// The model that forecasts where another cannot; never silently
    #[arg(long, value_name = "MODEL")]
    pub fallback: Option<String>,
    /// What to run.
    #[command(flatten)]
    pub what: WhatArgs,
    /// How to run it.
    #[command(flatten)]
    pub how: HowArgs,
}

impl ForecastCommand {
    /// The arguments as the spec's reader takes them.
    pub fn arguments(&self) -> ForecastArguments {
        ForecastArguments {
            mode: self.mode.name().to_owned(),
            data: self.data.clone(),
            frequency: self.frequency.clone(),
            models: self.models.clone(),
            max_series: self.max_series,
            test_size: self.test_size,
            seasonal_period: self.seasonal_period.clone(),
            windows: self.windows,
            window_step: self.window_step,
            level: self.level.clone(),
            fallback: self.fallback.clone(),
        }
    }
}

/// `supervisor lfsr`.
#[derive(Debug, Args)]
#[command(
    override_usage = "supervisor lfsr [OPTIONS] [FILE.csv] GF_ORDER",
    before_long_help = "\
Examples:
  supervisor lfsr 2 --coefficients 1,1,0,0         one register: s(n+4) = s(n) + s(n+1) over GF(2)
  supervisor lfsr registers.csv 3                  one register a row: c0,c1,...,c(d-1)
  supervisor lfsr 4 --coefficients 2,1             over GF(4): 2 is z, a root of z^2 + z + 1
  supervisor lfsr --from-sequence bits.txt 2       the shortest register that generates a sequence
  supervisor lfsr 2 --coefficients 1,1,0,0 --state 1,0,0,0   period and output from one state
  supervisor lfsr 2 --coefficients 1,1,0,0 --states          the states of each cycle
"
)]
pub struct LfsrCommand {
    /// The field, and where the registers are.
    #[command(flatten)]
    pub target: LfsrTarget,
    /// The register itself: c0,c1,...,c(d-1)
    #[arg(long, value_name = "C0,C1,..", allow_hyphen_values = true)]
    pub coefficients: Option<String>,
    /// The modulus of GF(p^k), its coefficients from low to high; the Conway polynomial unless told otherwise
    #[arg(long, value_name = "M0,M1,..")]
    pub modulus: Option<String>,
    /// How the state space is found out: enumerate, analytic or both [default: both up to 2^28 states,
    /// else analytic]
    #[arg(long, value_name = "METHOD")]
    pub analysis: Option<String>,
    /// Questions that are no run.
    #[command(flatten)]
    pub ask: AskArgs,
    /// What to run.
    #[command(flatten)]
    pub what: WhatArgs,
    /// How to run it.
    #[command(flatten)]
    pub how: HowArgs,
}

impl LfsrCommand {
    /// The arguments as the spec's reader takes them.
    pub fn arguments(&self) -> LfsrArguments {
        LfsrArguments {
            file: self.target.file.clone(),
            gf_order: self.target.gf_order,
            modulus: self.modulus.clone(),
            coefficients: self.coefficients.clone(),
            analysis: self.analysis.clone(),
        }
    }
}

/// The positionals of `supervisor lfsr`: `[FILE.csv] GF_ORDER`. The optional one comes first, so clap
/// reads them as a list of one or two, wherever flags stand between them, and the last is the order.
#[derive(Clone, Debug)]
pub struct LfsrTarget {
    /// One coefficient vector a row.
    pub file: Option<PathBuf>,
    /// Elements of the field.
    pub gf_order: u64,
}

impl LfsrTarget {
    const ID: &str = "target";
}

impl Args for LfsrTarget {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.arg(
            clap::Arg::new(LfsrTarget::ID)
                .value_name("GF_ORDER")
                .help("Elements of the field: a prime power, at most 256; before it may stand a file of registers")
                .long_help(
                    "Elements of the field: a prime power, at most 256. Before it may stand a file with one coefficient \
                     vector a row, c0,c1,...,c(d-1); `#` starts a comment.",
                )
                .required(true)
                .num_args(1)
                .action(ArgAction::Append)
                .value_parser(clap::value_parser!(OsString)),
        )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        LfsrTarget::augment_args(command)
    }
}

impl FromArgMatches for LfsrTarget {
    fn from_arg_matches(matches: &ArgMatches) -> Result<LfsrTarget, clap::Error> {
        let fail = |message: String| clap::Error::raw(ErrorKind::ValueValidation, message);
        let mut values = matches
            .get_many::<OsString>(LfsrTarget::ID)
            .into_iter()
            .flatten();
        let (file, order) = match (values.next(), values.next(), values.next()) {
            (Some(order), None, None) => (None, order),
            (Some(file), Some(order), None) => (Some(PathBuf::from(file)), order),
            _ => return Err(fail("a file and an order are all that can be given".into())),
        };
        let gf_order = order
            .to_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                let shown = order.to_string_lossy();
                fail(format!("GF_ORDER must be a number, not {shown:?}"))
            })?;
        Ok(LfsrTarget { file, gf_order })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = LfsrTarget::from_arg_matches(matches)?;
        Ok(())
    }
}

/// `supervisor resume`.
#[derive(Debug, Args)]
#[command(before_long_help = "\
Examples:
  supervisor resume runs/latest
  supervisor resume runs/latest --retry failed --timeout 1h
")]
pub struct ResumeCommand {
    /// The run folder
    #[arg(value_name = "RUN_DIR")]
    pub run_dir: PathBuf,
    /// Also run again what ended badly
    #[arg(long, value_enum, value_name = "WHICH")]
    pub retry: Option<Retry>,
    /// How to run it.
    #[command(flatten)]
    pub how: HowArgs,
}

/// `supervisor completions`.
#[derive(Debug, Args)]
pub struct CompletionsCommand {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// What of a finished run is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Retry {
    /// Tasks that ended as error, crashed, timeout or oom.
    Failed,
}

/// The word after `--mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// Made from the seed; no data
    Synthetic,
    /// The M3 competition
    M3,
    /// The M4 competition
    M4,
    /// A file of your own
    Custom,
}

impl ModeName {
    fn name(self) -> &'static str {
        match self {
            ModeName::Synthetic => "synthetic",
            ModeName::M3 => "m3",
            ModeName::M4 => "m4",
            ModeName::Custom => "custom",
        }
    }
}

/// Flags that decide what is run and where it is kept.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What to run")]
pub struct WhatArgs {
    /// The seed of the run [default: the spec's, else 0]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Change a field of the spec: run.KEY=VALUE or experiment.NAME.KEY=VALUE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Run this task alone, by its id
    #[arg(long, value_name = "TASK_ID")]
    pub only: Option<String>,
    /// The run folder [default: runs/UTC-TIME-and-4-letters]; one with the same plan is resumed
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
}

/// Flags that decide how tasks are run. None of them changes a result.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How to run it")]
pub struct HowArgs {
    /// How workers are made: auto, fork, spawn or inline [default: auto]
    #[arg(long, value_name = "METHOD", value_parser = parse::<StartMethod>)]
    pub start_method: Option<StartMethod>,
    /// Workers at a time, or auto: as many as there are cores and memory for [default: auto]
    #[arg(
        long,
        value_name = "N|auto",
        value_parser = parse::<Workers>,
        aliases = ["num-processes", "num-workers"],
        allow_negative_numbers = true
    )]
    pub workers: Option<Workers>,
    /// Accepted, and changes nothing: tasks always run in parallel.
    #[arg(long, hide = true)]
    pub parallel: bool,
    /// Tasks before a worker is replaced; auto lets tiny tasks share one [default: 1]
    #[arg(
        long,
        value_name = "N|auto",
        value_parser = parse::<MaxTasks>,
        allow_negative_numbers = true
    )]
    pub max_tasks_per_worker: Option<MaxTasks>,
    /// Limit of each attempt, such as 90s, or none [default: 10m]
    #[arg(long, value_name = "DUR|none", value_parser = parse::<OrNone<TimeSpan>>, allow_hyphen_values = true)]
    pub timeout: Option<OrNone<TimeSpan>>,
    /// Time between a polite stop and a firm one [default: 2s]
    #[arg(long, value_name = "DUR", value_parser = parse::<TimeSpan>, allow_hyphen_values = true)]
    pub grace: Option<TimeSpan>,
    /// Further attempts after a crash or too much memory [default: 2]
    #[arg(long, value_name = "N", value_parser = parse::<Retries>, allow_negative_numbers = true)]
    pub retries: Option<Retries>,
    /// Resident memory of each worker, such as 512MiB, or none [default: none]
    #[arg(long, value_name = "SIZE|none", value_parser = parse::<OrNone<Size>>, allow_hyphen_values = true)]
    pub memory: Option<OrNone<Size>>,
    /// Only the tasks of shard I of N, from 0 [default: 0/1]
    #[arg(long, value_name = "I/N", value_parser = parse::<Shard>)]
    pub shard: Option<Shard>,
}

/// Flags of every command: how to talk.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How to talk")]
pub struct TalkArgs {
    /// How progress is shown, on stderr [default: auto]
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub progress: Option<Progress>,
    /// Whether to use colour [default: auto]
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub color: Option<Color>,
    /// The form of the summary on stdout [default: table]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub output: Option<Output>,
    /// Say more; twice for still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Say only what failed
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Write the log to a file too
    #[arg(long, global = true, value_name = "F")]
    pub log_file: Option<PathBuf>,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, lines elsewhere
    #[default]
    Auto,
    /// A bar
    Bar,
    /// A line now and then
    Lines,
    /// Nothing
    None,
}

/// Whether to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// The form of data on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For reading
    #[default]
    Table,
    /// The summary as one JSON object
    Json,
    /// One line a row
    Csv,
}

/// Reads a value of the library; its hint goes into clap's message.
fn parse<T>(text: &str) -> Result<T, String>
where
    T: FromStr<Err = ValueError>,
{
    text.parse()
        .map_err(|error: ValueError| with_hint(&error, error.hint()))
}

pub(crate) fn with_hint(error: &dyn Display, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// Reads a seed: the range is that of TOML's integers, so that every run's spec can be written.
pub(crate) fn parse_seed(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<u64>()
        .ok()
        .filter(|seed| *seed <= RunSpec::MAX_SEED)
        .ok_or_else(|| format!("a seed is a number from 0 to {}", RunSpec::MAX_SEED))
}

#[cfg(test)]
mod tests;
