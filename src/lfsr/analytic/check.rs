//! A third way to the same numbers, which factors nothing.
//!
//! The states whose period divides `L` are those that `x^L - 1` sends to 0 in `GF(q)[x] / (f)`: there are
//! `q^deg gcd(x^L - 1, f)`. The power takes `log L` squares.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::super::{Register, Structure};
use crate::polynomial::PowersOfX;

/// The number of states on cycles whose length divides `length`; for 0 all that are on cycles.
///
/// A square modulo the characteristic polynomial takes time with the square of its degree: at degree 100,000 a hundredth
/// of a second over GF(2), but many seconds over other fields.
pub fn states_with_period_dividing(register: &Register, length: &BigUint) -> BigUint {
    let reduced = register
        .characteristic_polynomial()
        .split_off(register.nilpotent_index() as usize);
    count(
        register,
        PowersOfX::modulo(register.field(), &reduced).as_ref(),
        length,
    )
}

/// `None` stands for the polynomial 1.
fn count(register: &Register, powers: Option<&PowersOfX<'_>>, length: &BigUint) -> BigUint {
    let degree = powers.map_or(0, |powers| powers.common_degree(length));
    BigUint::from(register.gf_order()).pow(degree)
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
    let reduced = register
        .characteristic_polynomial()
        .split_off(register.nilpotent_index() as usize);
    let powers = PowersOfX::modulo(register.field(), &reduced);
    for length in cycles.keys() {
        let claimed: BigUint = cycles
            .range(..=length)
            .filter(|(divisor, _)| **divisor != BigUint::ZERO && length % *divisor == BigUint::ZERO)
            .map(|(divisor, count)| divisor * count)
            .sum();
        let counted = count(register, powers.as_ref(), length);
        if claimed != counted {
            return Err(PeriodMismatch::Length {
                length: length.clone(),
                claimed,
                counted,
            });
        }
    }
    Ok(())
}
