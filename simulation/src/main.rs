//! `simulate`: lives many runs on a made-up machine, or one of them again.
//!
//! `run` looks for a seed that breaks a promise. `replay` lives one seed and prints its log. `minimise` says which of
//! a seed's faults are enough. Data goes to standard output, talk to standard error; exit code 1 says that a promise
//! was broken.

use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use simulation::life::{Lived, live};
use simulation::minimise::minimise;
use simulation::scenario::{Scenario, Weather};

/// Lives runs of the supervisor on a made-up machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Live a range of seeds; a seed that breaks a promise is said with the command that replays it
    Run {
        /// The first seed and the one after the last
        #[arg(long, default_value = "0..10000", value_parser = seeds)]
        seeds: Range<u64>,
        /// Threads; one for each core unless given
        #[arg(long)]
        jobs: Option<usize>,
        /// Live each seed twice: its log must be the same
        #[arg(long)]
        twice: bool,
        /// End with the first seed that breaks a promise
        #[arg(long)]
        stop: bool,
        #[command(flatten)]
        weather: WeatherArgs,
    },
    /// Live one seed and print its log
    Replay {
        /// The seed
        seed: u64,
        /// Print the digest of the log, not the log
        #[arg(long)]
        digest: bool,
        #[command(flatten)]
        only: Only,
        #[command(flatten)]
        weather: WeatherArgs,
    },
    /// Find as few faults of a seed as break the same promise
    Minimise {
        /// The seed
        seed: u64,
        #[command(flatten)]
        weather: WeatherArgs,
    },
}

#[derive(Args)]
struct Only {
    /// Only these of the seed's faults, by number
    #[arg(long, value_delimiter = ',')]
    faults: Option<Vec<usize>>,
}

#[derive(Args, Clone, Copy)]
struct WeatherArgs {
    /// Hours in which things go wrong
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Things that go wrong in an hour
    #[arg(long, default_value_t = 100)]
    faults_an_hour: u64,
}

impl WeatherArgs {
    fn weather(self) -> Result<Weather> {
        if !(0.01..=1000.0).contains(&self.hours) {
            bail!("--hours is from 0.01 to 1000");
        }
        Ok(Weather {
            span: Duration::from_secs_f64(self.hours * 3600.0),
            faults_an_hour: self.faults_an_hour,
        })
    }

    /// What has to be typed to have the same weather again.
    fn typed(self) -> String {
        let usual = Weather::default();
        let mut typed = String::new();
        if self
            .weather()
            .is_ok_and(|weather| weather.span != usual.span)
        {
            typed.push_str(&format!(" --hours {}", self.hours));
        }
        if self.faults_an_hour != usual.faults_an_hour {
            typed.push_str(&format!(" --faults-an-hour {}", self.faults_an_hour));
        }
        typed
    }
}

fn seeds(text: &str) -> Result<Range<u64>> {
    let (first, end) = text
        .split_once("..")
        .context("seeds are given as FIRST..END")?;
    let range = first.parse()?..end.parse()?;
    if range.is_empty() {
        bail!("there is no seed in {text}");
    }
    Ok(range)
}

fn main() -> ExitCode {
    match act(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether every promise was kept.
fn act(command: Command) -> Result<bool> {
    match command {
        Command::Run {
            seeds,
            jobs,
            twice,
            stop,
            weather,
        } => run(seeds, jobs, twice, stop, weather),
        Command::Replay {
            seed,
            digest,
            only,
            weather,
        } => {
            let scenario = Scenario::of(seed, weather.weather()?);
            let scenario = match only.faults {
                Some(faults) if faults.iter().any(|&at| at >= scenario.faults.len()) => {
                    bail!("seed {seed} has faults 0 to {}", scenario.faults.len() - 1)
                }
                Some(faults) => scenario.with_faults(&faults),
                None => scenario,
            };
            let lived = live(&scenario, !digest);
            if digest {
                print(&format!("{}\n", lived.log.digest()))?;
            } else {
                print(lived.log.text())?;
            }
            Ok(tell_violation(seed, &lived)?)
        }
        Command::Minimise { seed, weather } => {
            let scenario = Scenario::of(seed, weather.weather()?);
            let Some(violation) = live(&scenario, false).violation else {
                print(&format!("seed {seed} breaks no promise\n"))?;
                return Ok(true);
            };
            let kept = minimise(&scenario, violation.property);
            for &at in &kept {
                say(&format!("fault {at}: {:?}", scenario.faults[at]));
            }
            let numbers: Vec<String> = kept.iter().map(usize::to_string).collect();
            let numbers = numbers.join(",");
            let typed = weather.typed();
            print(&format!(
                "simulate replay {seed} --faults {numbers}{typed}\n"
            ))?;
            Ok(false)
        }
    }
}

/// What all seeds of a range came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    broken: u64,
    lives: u64,
    lines: u64,
    time: Duration,
}

fn run(
    seeds: Range<u64>,
    jobs: Option<usize>,
    twice: bool,
    stop: bool,
    args: WeatherArgs,
) -> Result<bool> {
    let weather = args.weather()?;
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    // A panic of the code under test is a finding, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(());
            }
            let scenario = Scenario::of(seed, weather);
            let lived = live(&scenario, false);
            if twice && live(&scenario, false).log.digest() != lived.log.digest() {
                bail!("seed {seed} gives two logs");
            }
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.seeds += 1;
            sum.lives += lived.lives;
            sum.lines += lived.log.lines();
            sum.time += lived.time;
            if !tell_violation(seed, &lived)? {
                sum.broken += 1;
                say(&format!(
                    "replay it: simulate replay {seed}{}",
                    args.typed()
                ));
                if stop {
                    next.store(seeds.end, Ordering::Relaxed);
                }
            }
            if sum.seeds % 500 == 0 {
                let took = began.elapsed().as_secs_f64();
                say(&format!("{} seeds in {took:.0} s", sum.seeds));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| bail!("a thread of the simulation itself panicked"))
        })
    })?;
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    print(&format!(
        "{} seeds, {} broken; {:.0} simulated hours, {} supervisors, {} events; {:.1} s on {jobs} threads\n",
        sum.seeds,
        sum.broken,
        sum.time.as_secs_f64() / 3600.0,
        sum.lives,
        sum.lines,
        began.elapsed().as_secs_f64(),
    ))?;
    Ok(sum.broken == 0)
}

/// Whether there was none.
fn tell_violation(seed: u64, lived: &Lived) -> io::Result<bool> {
    if let Some(violation) = &lived.violation {
        print(&format!("violation: seed {seed}: {violation}\n"))?;
    }
    Ok(lived.violation.is_none())
}

fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
