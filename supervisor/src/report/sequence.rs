//! The shortest register behind a sequence, and what comes from one state.

use fumehood::lfsr::analytic::Order;
use fumehood::lfsr::{Register, ShortestRegister, StatePeriod};
use serde::Serialize;

use super::notation::{
    SHOWN_TERMS, commas, modulus, polynomial_of_at_most, recurrence, register_line, wrapped,
};
use super::table::columns;
use crate::cli::Output;
use crate::reporter::words::{count, group, thousands};

/// So many jumps of a profile are shown.
const SHOWN_JUMPS: usize = 12;

/// So many coefficients still fit a line that can be typed.
const TYPED: usize = 512;

/// A group of symbols that are written as digits.
const DIGITS: usize = 64;

/// The shortest register that generates a sequence.
pub fn shortest(found: &ShortestRegister, output: Output) -> String {
    match output {
        Output::Table => shortest_table(found).join("\n") + "\n",
        Output::Json => shortest_json(found),
        Output::Csv => {
            let mut text = "symbols,linear_complexity\n".to_owned();
            for jump in &found.profile {
                text.push_str(&format!("{},{}\n", jump.symbols, jump.linear_complexity));
            }
            text
        }
    }
}

fn shortest_table(found: &ShortestRegister) -> Vec<String> {
    let (field, length) = (&found.field, found.linear_complexity());
    let mut lines = vec![
        format!(
            "{} over GF({}){}",
            count(found.symbols as u64, "symbol"),
            field.order(),
            modulus(field.modulus())
        ),
        format!(
            "  linear complexity {}; of random symbols, about {} is to be expected",
            thousands(length as u64),
            thousands(found.symbols.div_ceil(2) as u64)
        ),
    ];
    if length == 0 {
        lines.push("  all symbols are 0: no register is needed, and no coefficient".to_owned());
        return lines;
    }
    let is_short = length <= TYPED;
    lines.push(format!(
        "  {}",
        recurrence(SHOWN_TERMS, &found.coefficients)
    ));
    lines.push(if is_short {
        format!("  coefficients {}", commas(&found.coefficients))
    } else {
        format!(
            "  {}: --output json has them all",
            count(length as u64, "coefficient")
        )
    });
    lines.push(format!(
        "  f(x) = {}",
        polynomial_of_at_most(SHOWN_TERMS, "x", &found.characteristic_polynomial())
    ));
    let zeros = found.coefficients.iter().take_while(|&&c| c == 0).count();
    if zeros > 0 {
        lines.push(format!(
            "  singular: after {} a register of degree {} is enough",
            count(zeros as u64, "symbol"),
            thousands((length - zeros) as u64)
        ));
    }
    lines.push(if found.is_unique() {
        "  no other register of this length generates them".to_owned()
    } else {
        format!(
            "  other registers of this length generate them too: {} would decide",
            count(2 * length as u64, "symbol")
        )
    });
    let rows = found.profile.iter().take(SHOWN_JUMPS).map(|jump| {
        [jump.symbols, jump.linear_complexity]
            .map(|n| thousands(n as u64))
            .to_vec()
    });
    lines.extend(columns(&["after symbols", "linear complexity"], 0, rows));
    if found.profile.len() > SHOWN_JUMPS {
        let more = found.profile.len() - SHOWN_JUMPS;
        lines.push(format!(
            "  and {}; --output csv lists them all",
            count(more as u64, "more jump")
        ));
    }
    lines.push(next_step(found, is_short));
    lines
}

/// What to type to analyse the register.
fn next_step(found: &ShortestRegister, is_short: bool) -> String {
    let order = found.field.order();
    let modulus = if found.field.has_usual_modulus() {
        String::new()
    } else {
        format!(" --modulus {}", commas(found.field.modulus()))
    };
    if is_short {
        let coefficients = commas(&found.coefficients);
        format!("its cycles: supervisor lfsr {order} --coefficients {coefficients}{modulus}")
    } else {
        format!(
            "its cycles, with the coefficients as the row of a file: supervisor lfsr FILE.csv {order}{modulus}"
        )
    }
}

fn shortest_json(found: &ShortestRegister) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        schema: u32,
        gf_order: u32,
        modulus: &'a [u32],
        symbols: usize,
        linear_complexity: usize,
        coefficients: &'a [u32],
        characteristic_polynomial: Vec<u32>,
        unique: bool,
        symbols_that_decide: usize,
        profile: Vec<JumpFields>,
    }
    #[derive(Serialize)]
    struct JumpFields {
        symbols: usize,
        linear_complexity: usize,
    }
    let profile = found.profile.iter().map(|jump| JumpFields {
        symbols: jump.symbols,
        linear_complexity: jump.linear_complexity,
    });
    json_line(&Fields {
        schema: 1,
        gf_order: found.field.order(),
        modulus: found.field.modulus(),
        symbols: found.symbols,
        linear_complexity: found.linear_complexity(),
        coefficients: &found.coefficients,
        characteristic_polynomial: found.characteristic_polynomial(),
        unique: found.is_unique(),
        symbols_that_decide: 2 * found.linear_complexity(),
        profile: profile.collect(),
    })
}

/// How each object about a register begins.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    schema: u32,
    gf_order: u32,
    modulus: &'a [u32],
    coefficients: &'a [u32],
}

impl Head<'_> {
    /// That of a register.
    pub(super) fn of(register: &Register) -> Head<'_> {
        Head {
            schema: 1,
            gf_order: register.gf_order(),
            modulus: register.field().modulus(),
            coefficients: register.coefficients(),
        }
    }
}

/// One object a line. Only plain fields are written, which cannot fail.
pub(super) fn json_line(fields: &impl Serialize) -> String {
    serde_json::to_string(fields).unwrap_or_default() + "\n"
}

/// What comes from one state of a register.
pub fn state(
    register: &Register,
    state: &[u32],
    period: &StatePeriod,
    symbols: &[u32],
    output: Output,
) -> String {
    match output {
        Output::Table => state_table(register, state, period, symbols).join("\n") + "\n",
        Output::Json => state_json(register, state, period, symbols),
        Output::Csv => {
            let mut text = "n,symbol\n".to_owned();
            for (n, symbol) in symbols.iter().enumerate() {
                text.push_str(&format!("{n},{symbol}\n"));
            }
            text
        }
    }
}

fn state_table(
    register: &Register,
    state: &[u32],
    period: &StatePeriod,
    symbols: &[u32],
) -> Vec<String> {
    let tail = count(u64::from(period.tail), "step");
    let tail = match period.tail {
        0 => "the state is on its cycle".to_owned(),
        _ => format!("tail of {tail} to its cycle"),
    };
    let mut lines = vec![register_line(register)];
    lines.extend(symbol_lines(register, "state", state));
    match &period.period {
        Order::Finite(order) => {
            lines.push(format!("  period {}; {tail}", group(&order.to_string())));
        }
        other => {
            lines.push(format!("  period unknown; {tail}"));
            lines.push(format!("  {}", why_unknown(other)));
        }
    }
    let shortest = &period.shortest;
    lines.push(format!(
        "  minimal polynomial {}, linear complexity {}",
        polynomial_of_at_most(SHOWN_TERMS, "x", &shortest.characteristic_polynomial()),
        thousands(shortest.linear_complexity() as u64)
    ));
    lines.push(format!(
        "  the first {} of the output; --symbols N sets how many",
        count(symbols.len() as u64, "symbol")
    ));
    lines.extend(symbol_lines(register, "", symbols));
    lines
}

/// Why a period is not known, and what is known of it.
fn why_unknown(order: &Order) -> String {
    match order {
        Order::Unknown {
            divides: Some(multiple),
            reason,
        } => format!("{reason}; it divides {multiple}"),
        Order::Unknown {
            divides: None,
            reason,
        } => reason.clone(),
        Order::Finite(_) | Order::Never => String::new(),
    }
}

/// Symbols in lines: digits run together where they are single, else between commas.
fn symbol_lines(register: &Register, label: &str, symbols: &[u32]) -> Vec<String> {
    let label = match label {
        "" => "  ".to_owned(),
        label => format!("  {label} "),
    };
    let lines = if register.gf_order() <= 10 {
        let lines = symbols.chunks(DIGITS);
        lines
            .map(|symbols| symbols.iter().map(u32::to_string).collect())
            .collect()
    } else {
        let last = symbols.len().saturating_sub(1);
        let words = symbols.iter().enumerate();
        let words = words.map(|(at, symbol)| match at == last {
            true => symbol.to_string(),
            false => format!("{symbol},"),
        });
        wrapped(words, "", label.len())
    };
    lines
        .into_iter()
        .enumerate()
        .map(|(at, line): (usize, String)| match at {
            0 => format!("{label}{line}"),
            _ => format!("{:1$}{line}", "", label.len()),
        })
        .collect()
}

fn state_json(register: &Register, state: &[u32], period: &StatePeriod, symbols: &[u32]) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        state: &'a [u32],
        period: Option<String>,
        tail_length: String,
        minimal_polynomial: Vec<u32>,
        linear_complexity: usize,
        symbols: &'a [u32],
        unknown: Vec<Unknown>,
    }
    #[derive(Serialize)]
    struct Unknown {
        field: &'static str,
        reason: String,
    }
    let known = period.period.known();
    let unknown = known.is_none().then(|| Unknown {
        field: "period",
        reason: why_unknown(&period.period),
    });
    json_line(&Fields {
        head: Head::of(register),
        state,
        period: known.map(ToString::to_string),
        tail_length: period.tail.to_string(),
        minimal_polynomial: period.shortest.characteristic_polynomial(),
        linear_complexity: period.shortest.linear_complexity(),
        symbols,
        unknown: unknown.into_iter().collect(),
    })
}
