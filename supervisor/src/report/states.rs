//! The states of a register, cycle by cycle.

use fumehood::lfsr::{CycleList, Register};
use serde::Serialize;

use super::notation::{register_line, separated, wrapped};
use super::sequence::{Head, json_line};
use crate::cli::Output;
use crate::reporter::words::{count, group, thousands};

/// The list of one register.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The register.
    pub register: Register,
    /// Its cycles.
    pub list: CycleList,
    /// The length of the last cycle where that was cut and its length is known.
    pub cut_length: Option<String>,
    /// The most states that could be asked for.
    pub limit: usize,
}

impl Listing {
    /// The length of each cycle, where it is known.
    fn lengths(&self) -> impl Iterator<Item = Option<String>> + '_ {
        self.list.cycles.iter().map(|cycle| match cycle.is_cut {
            true => self.cut_length.clone(),
            false => Some(cycle.states().len().to_string()),
        })
    }
}

/// The lists of all registers. JSON has one object a line for each of them; of several, each row of CSV begins with the
/// number of its register, from 1.
pub fn states(listings: &[Listing], output: Output) -> String {
    match output {
        Output::Table => {
            let lists: Vec<String> = listings.iter().map(table).collect();
            lists.join("\n")
        }
        Output::Json => listings.iter().map(json).collect(),
        Output::Csv => csv(listings),
    }
}

fn table(listing: &Listing) -> String {
    let (register, list) = (&listing.register, &listing.list);
    let mut text = register_line(register) + "\n";
    let lengths: Vec<String> = listing
        .lengths()
        .map(|length| length.map_or_else(|| "unknown".to_owned(), |length| group(&length)))
        .collect();
    let number = "cycle".len().max(thousands(lengths.len() as u64).len());
    let width = lengths
        .iter()
        .map(String::len)
        .max()
        .unwrap_or(0)
        .max("length".len());
    text.push_str(&format!(
        "  {:>number$}  {:>width$}  states\n",
        "cycle", "length"
    ));
    for (at, (cycle, length)) in list.cycles.iter().zip(&lengths).enumerate() {
        let begin = format!(
            "  {:>number$}  {length:>width$}  ",
            thousands(at as u64 + 1)
        );
        let states = cycle.states().map(|state| shown(register, state));
        let more = cycle.is_cut.then(|| "...".to_owned());
        for (row, line) in wrapped(states.chain(more), " ", begin.len())
            .iter()
            .enumerate()
        {
            match row {
                0 => text.push_str(&format!("{begin}{line}\n")),
                _ => text.push_str(&format!("{:1$}{line}\n", "", begin.len())),
            }
        }
    }
    text.push_str(&closing(listing));
    text
}

/// How much of the whole was shown.
fn closing(listing: &Listing) -> String {
    let list = &listing.list;
    let all = list.periodic_states.to_string();
    let whole = usize::try_from(&list.periodic_states).ok();
    let mut text = if list.is_complete() {
        format!(
            "  all {} periodic states, in {}\n",
            group(&all),
            count(list.cycles.len() as u64, "cycle")
        )
    } else {
        let more = match whole.filter(|whole| *whole <= listing.limit) {
            Some(whole) => format!("--states {whole} lists them all"),
            None => format!("--states lists {} at most", thousands(listing.limit as u64)),
        };
        format!(
            "  shown: {} of {} periodic states; {more}\n",
            thousands(list.listed as u64),
            group(&all)
        )
    };
    let transient = list.transient_states.to_string();
    if transient != "0" {
        text.push_str(&format!(
            "  {} transient states are on no cycle, and not listed\n",
            group(&transient)
        ));
    }
    text
}

/// A state for reading: `1000`, or `(10,3)` where a symbol may have two digits.
fn shown(register: &Register, state: &[u8]) -> String {
    match register.gf_order() <= 10 {
        true => separated(state, ""),
        false => format!("({})", separated(state, ",")),
    }
}

fn json(listing: &Listing) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        periodic_states: String,
        transient_states: String,
        listed_states: String,
        complete: bool,
        cycles: Vec<Cycle<'a>>,
    }
    #[derive(Serialize)]
    struct Cycle<'a> {
        length: Option<String>,
        complete: bool,
        states: Vec<&'a [u8]>,
    }
    let (register, list) = (&listing.register, &listing.list);
    let cycles = list.cycles.iter().zip(listing.lengths());
    json_line(&Fields {
        head: Head::of(register),
        periodic_states: list.periodic_states.to_string(),
        transient_states: list.transient_states.to_string(),
        listed_states: list.listed.to_string(),
        complete: list.is_complete(),
        cycles: cycles
            .map(|(cycle, length)| Cycle {
                length,
                complete: !cycle.is_cut,
                states: cycle.states().collect(),
            })
            .collect(),
    })
}

/// A state as `--state` reads it, without commas.
fn csv(listings: &[Listing]) -> String {
    let is_one = listings.len() == 1;
    let mut text = match is_one {
        true => "cycle,position,state\n".to_owned(),
        false => "register,cycle,position,state\n".to_owned(),
    };
    for (row, listing) in listings.iter().enumerate() {
        let between = if listing.register.gf_order() <= 10 {
            ""
        } else {
            " "
        };
        for (number, cycle) in listing.list.cycles.iter().enumerate() {
            for (position, state) in cycle.states().enumerate() {
                if !is_one {
                    text.push_str(&format!("{},", row + 1));
                }
                let state = separated(state, between);
                text.push_str(&format!("{},{position},{state}\n", number + 1));
            }
        }
    }
    text
}
