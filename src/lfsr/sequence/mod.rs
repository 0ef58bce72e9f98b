//! Sequences of symbols: the shortest register behind one, what comes out of a register, and its states cycle by cycle.
//!
//! A register and a state make a *sequence*: its symbols `s(0), s(1), ...`, of which the first `d` are the state. The way
//! back is *synthesis*: [`shortest_register`] finds the shortest register that generates given symbols
//! (`massey.rs`). Its degree is their *linear complexity*, and the growth of that number with the symbols read the
//! *profile*. A sequence without end has one shortest register, whose characteristic polynomial is called the *minimal
//! polynomial* of the sequence; it divides that of every other register which generates it (R. Lidl and H. Niederreiter,
//! *Finite Fields*, chapter 8, theorem 8.42).
//!
//! So the period of one state takes no walk: [`state_period`] synthesises its minimal polynomial from `2d` symbols, and
//! its order is the period. [`list_cycles`] does walk, up to a number of states that the caller sets.
//!
//! What this module must never do: present a part as the whole. A register that further symbols may refute says so
//! ([`ShortestRegister::is_unique`]), an order that was not found is [`Order::Unknown`](super::analytic::Order::Unknown), and
//! a list that was cut is marked.

mod cycles;
mod massey;
mod output;
mod period;

#[cfg(test)]
mod tests;

use crate::field::Field;

pub use cycles::{CycleList, ListedCycle, list_cycles};
pub use massey::{Jump, ShortestRegister, shortest_register};
pub use output::OutputSymbols;
pub use period::{MAX_STATE_DEGREE, StatePeriod, state_period};

/// These numbers are no sequence, or no state of the register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// A symbol that is no element of the field.
    #[error("symbol {position} is {value}, but the elements of GF({order}) are 0 to {}", .order - 1)]
    NoElement {
        /// Index of the symbol, from 0.
        position: usize,
        /// The symbol.
        value: u32,
        /// The order of the field.
        order: u32,
    },
    /// A state of another length than the register's.
    #[error("a state of this register has {degree} symbols, not {symbols}")]
    StateLength {
        /// The degree of the register.
        degree: u32,
        /// The number of symbols given.
        symbols: usize,
    },
    /// More than [`MAX_STATE_DEGREE`].
    #[error(
        "the period of a state is found up to degree {MAX_STATE_DEGREE}; this register has degree {degree}"
    )]
    DegreeTooLarge {
        /// The degree of the register.
        degree: u32,
    },
}

impl SequenceError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SequenceError::NoElement { order, .. } => Some(format!(
                "the elements of GF({order}) are written 0 to {}",
                order - 1
            )),
            SequenceError::StateLength { degree, .. } => Some(match degree {
                1 => "a state is the one symbol s(n)".to_owned(),
                degree => format!(
                    "a state is the symbols s(n) to s(n+{}), the oldest first",
                    degree - 1
                ),
            }),
            SequenceError::DegreeTooLarge { .. } => None,
        }
    }
}

/// Whether all symbols are elements of the field.
fn check_elements(field: &Field, symbols: &[u32]) -> Result<(), SequenceError> {
    let order = field.order();
    match symbols.iter().position(|&symbol| symbol >= order) {
        None => Ok(()),
        Some(position) => Err(SequenceError::NoElement {
            position,
            value: symbols[position],
            order,
        }),
    }
}
