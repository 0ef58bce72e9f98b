//! A third way to the same numbers, which factors nothing.
//!
//! The states whose period divides `L` are those that `x^L - 1` sends to 0 in `GF(q)[x] / (f)`: there are
//! `q^deg gcd(x^L - 1, f)`. The power takes `log L` squares.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::super::{Register, Structure};
use crate::polynomial::{PowerOfX, PowersOfX};

/// The number of states on cycles whose length divides `length`; for 0 all that are on cycles.
///
/// A square modulo the characteristic polynomial takes time with the square of its degree: at degree 100,000 a hundredth
/// of a second over GF(2), but many seconds over other fields.
pub fn states_with_period_dividing(register: &Register, length: &BigUint) -> BigUint {
    // Without a modulus there is one periodic state: its period divides everything.
    let degree =
        powers_of_x(register).map_or(0, |powers| powers.common_degree(&powers.power(length)));
    BigUint::from(register.gf_order()).pow(degree)
}

/// Powers modulo the characteristic polynomial without its factors x; `None` where nothing is left of it.
fn powers_of_x(register: &Register) -> Option<PowersOfX<'_>> {
    PowersOfX::modulo(register.field(), &register.reduced_polynomial())
}

/// A structure is not that of the register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodMismatch {
    /// The cycles do not hold the states that are on cycles.
    #[error("the cycles hold {claimed} states, but {counted} are on cycles")]
    Periodic {
        /// By the structure.
        claimed: BigUint,
        /// By the characteristic polynomial.
        counted: BigUint,
    },
    /// The cycles whose lengths divide this one do not hold the states whose period divides it.
    #[error(
        "the cycles whose length divides {length} hold {claimed} states, but {counted} have such a period"
    )]
    Length {
        /// The length.
        length: BigUint,
        /// By the structure.
        claimed: BigUint,
        /// By the greatest common divisor.
        counted: BigUint,
    },
}

/// Holds the cycles of a structure against [`states_with_period_dividing`], for each of their lengths, and against the
/// number of periodic states.
///
/// # Errors
///
/// The first number that is wrong, the least lengths first. An error is certain; that there is none does not prove that a
/// length which ought to be there is not hidden in a multiple of it.
pub fn check_periods(register: &Register, structure: &Structure) -> Result<(), PeriodMismatch> {
    let cycles: &BTreeMap<BigUint, BigUint> = &structure.cycle_lengths;
    let claimed: BigUint = cycles.iter().map(|(length, count)| length * count).sum();
    let periodic = register.degree() - register.nilpotent_index();
    let counted = BigUint::from(register.gf_order()).pow(periodic);
    if claimed != counted {
        return Err(PeriodMismatch::Periodic { claimed, counted });
    }
    let powers = powers_of_x(register);
    let mut seen: Vec<Seen> = Vec::with_capacity(cycles.len());
    for (length, number) in cycles {
        let states = length * number;
        let mut claimed = states.clone();
        // The greatest of the lengths before this one that divide it comes last.
        let mut greatest = None;
        let key = Key::of(length);
        for before in &seen {
            if before.key.divides(&key) {
                claimed += &before.states;
                greatest = Some(before);
            }
        }
        let power = powers.as_ref().map(|powers| match greatest {
            Some(Seen {
                key,
                power: Some(power),
                ..
            }) => powers.power_of(power, &(length / &key.length)),
            _ => powers.power(length),
        });
        let degree = powers
            .as_ref()
            .zip(power.as_ref())
            .map_or(0, |(powers, power)| powers.common_degree(power));
        let counted = BigUint::from(register.gf_order()).pow(degree);
        if claimed != counted {
            return Err(PeriodMismatch::Length {
                length: length.clone(),
                claimed,
                counted,
            });
        }
        seen.push(Seen { key, states, power });
    }
    Ok(())
}

/// A length that was checked.
struct Seen {
    key: Key,
    /// States on cycles of just this length.
    states: BigUint,
    /// `x` to the length.
    power: Option<PowerOfX>,
}

/// A length in the forms that make it fast to see whether it divides another: hundreds of lengths are held against each other.
struct Key {
    length: BigUint,
    /// The same, where it fits.
    small: Option<u128>,
}

impl Key {
    fn of(length: &BigUint) -> Key {
        Key {
            small: u128::try_from(length).ok(),
            length: length.clone(),
        }
    }

    fn divides(&self, multiple: &Key) -> bool {
        match (self.small, multiple.small) {
            (Some(0), _) => false,
            (Some(divisor), Some(multiple)) => multiple.is_multiple_of(divisor),
            // The greater one does not divide the smaller.
            (None, Some(_)) => false,
            _ => &multiple.length % &self.length == BigUint::ZERO,
        }
    }
}
