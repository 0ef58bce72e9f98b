//! Which classes of states can have leftover cycles, and how those are best looked for.
//!
//! A state's *annihilator* is the least polynomial whose recurrence its sequence satisfies: a divisor of the characteristic
//! polynomial `f`. The states with one annihilator are a *class*. Let `g` be a divisor, of degree `e`.
//!
//! - The states whose annihilator divides `g` are those of the register of `g`, a subspace of `q^e` states. Its first `e`
//!   symbols are free, so `q^(e-K)` of them are distinguished, or only zero where `e < K`.
//! - Of those with exactly `g` as their annihilator, inclusion and exclusion over the prime factors of `g` tells how many
//!   there are, `A`, and how many of them are distinguished, `D`.
//! - They lie on cycles of one length, `r`: the order of `g` (R. Lidl and H. Niederreiter, *Finite Fields*, 2nd ed. 1997,
//!   theorems 8.44 and 3.11).
//!
//! So none of these cycles is a leftover where `r > A - D`: one that avoids every distinguished state would not fit
//! into the rest. That settles it for a primitive `f`, and for most products of primitive factors. Every other class is
//! looked through in one of two ways. A walk can begin on each of its cycles (`families.rs`): that is well where they are few and
//! long. Or a sweep goes through the register of a divisor, the *home*, and finds the cycles of all classes whose annihilators divide it: that
//! is well where they are many and short. Which divisor is the home, or none, is weighed by the steps that it all takes.

use super::families::Family;
use crate::field::Field;
use crate::lfsr::Register;
use crate::lfsr::analytic::{Factor, factors_of, order_of_product};
use crate::polynomial::{power, product};

/// With more divisors than that all of `f` is swept: each of them is weighed as a home against each class.
const MOST_DIVISORS: usize = 1 << 10;

/// What it takes to find a state of a cycle, in steps of a walk.
const STEPS_A_BEGINNING: u128 = 1 << 12;

/// What the sweep takes for a state, in steps of a walk.
const STEPS_A_SWEPT_STATE: u128 = 10;

/// Where leftover cycles can be.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The coefficients `c0, c1, ...` of the register that is to be swept; none where nothing is.
    pub home: Vec<u32>,
    /// The classes outside it whose cycles are to be walked one by one.
    pub families: Vec<Family>,
}

/// Where leftover cycles of `register` can be, zero aside. The register must be reduced and have at most 2^40 states; a
/// state is distinguished when its `zeros` oldest symbols are zero.
pub(super) fn places(register: &Register, zeros: u32) -> Places {
    let everything = || Places {
        home: register.coefficients().to_vec(),
        families: Vec::new(),
    };
    let Some(factors) = factors_of(register) else {
        return everything();
    };
    let divisors = factors.iter().fold(1usize, |count, factor| {
        count.saturating_mul(factor.multiplicity as usize + 1)
    });
    if divisors > MOST_DIVISORS {
        return everything();
    }
    let all: Vec<Vec<u32>> = (0..divisors).map(|n| exponents(&factors, n)).collect();
    let classes: Vec<(&[u32], Class, u128)> = all[1..]
        .iter()
        .map(|exponents| {
            let class = Class::of(register, &factors, exponents, zeros);
            let steps = class.steps(register, zeros);
            (exponents.as_slice(), class, steps)
        })
        .filter(|(_, class, _)| class.can_have_leftovers())
        .collect();
    let divides = |a: &[u32], b: &[u32]| a.iter().zip(b).all(|(a, b)| a <= b);
    let space = |degree: u32| u128::from(register.gf_order()).pow(degree); // at most 2^40
    // The divisor 1 is no home.
    let cost = |home: &Vec<u32>| {
        let swept = (space(degree(&factors, home)) - 1) * STEPS_A_SWEPT_STATE;
        let walked = classes
            .iter()
            .filter(|(class, _, _)| !divides(class, home))
            .map(|&(_, _, steps)| steps);
        walked.fold(swept, u128::saturating_add)
    };
    let Some(home) = all.iter().min_by_key(|home| cost(home)) else {
        return everything();
    };
    let mut families = Vec::new();
    for (_, class, _) in classes.iter().filter(|(class, _, _)| !divides(class, home)) {
        match class.family(register) {
            Some(family) => families.push(family),
            None => return everything(),
        }
    }
    let field = register.field();
    let powers = factors
        .iter()
        .zip(home)
        .map(|(factor, &times)| power(field, &factor.coefficients, times));
    let polynomial = powers.fold(vec![1], |all, power| product(field, &all, &power));
    Places {
        home: feedback(field, &polynomial),
        families,
    }
}

/// The degree of the divisor with these exponents.
fn degree(factors: &[Factor], exponents: &[u32]) -> u32 {
    let degrees = factors.iter().zip(exponents);
    degrees.map(|(factor, times)| factor.degree() * times).sum()
}

/// The coefficients `c0, c1, ...` of the register with this characteristic polynomial, which is monic:
/// `x^e - c(e-1) x^(e-1) - ... - c0`.
pub(super) fn feedback(field: &Field, polynomial: &[u32]) -> Vec<u32> {
    let (_, lower) = polynomial.split_last().unwrap_or((&1, &[]));
    lower.iter().map(|&c| field.neg(c)).collect()
}

/// The divisor with this number: how often each factor divides it.
fn exponents(factors: &[Factor], number: usize) -> Vec<u32> {
    let mut rest = number;
    let digit = |factor: &Factor| {
        let base = factor.multiplicity as usize + 1;
        let exponent = (rest % base) as u32; // at most the multiplicity
        rest /= base;
        exponent
    };
    factors.iter().map(digit).collect()
}

/// The states with one annihilator.
struct Class {
    /// The factors of the annihilator, with the multiplicity that they have there.
    factors: Vec<Factor>,
    /// How many there are, at most 2^40.
    states: u128,
    /// How many of them are distinguished.
    distinguished: u128,
    /// The length of their cycles; `None` where an order is not known.
    length: Option<u128>,
}

impl Class {
    fn of(register: &Register, factors: &[Factor], exponents: &[u32], zeros: u32) -> Class {
        let factors: Vec<Factor> = factors
            .iter()
            .zip(exponents)
            .filter(|(_, exponent)| **exponent > 0)
            .map(|(factor, &multiplicity)| Factor {
                multiplicity,
                ..factor.clone()
            })
            .collect();
        let power = |exponent: u32| u128::from(register.gf_order()).pow(exponent); // at most 2^40
        let whole: u32 = factors.iter().map(|f| f.degree() * f.multiplicity).sum();
        // Added and taken away apart, since sums on the way are not ordered.
        let (mut states, mut distinguished) = ([0, 0], [0, 0]);
        for subset in 0u32..1 << factors.len() {
            let left_out = factors
                .iter()
                .enumerate()
                .filter(|(at, _)| subset >> at & 1 == 1);
            let degree = whole - left_out.map(|(_, f)| f.degree()).sum::<u32>();
            let sign = subset.count_ones() as usize % 2;
            states[sign] += power(degree);
            distinguished[sign] += power(degree.saturating_sub(zeros));
        }
        Class {
            states: states[0] - states[1],
            distinguished: distinguished[0].saturating_sub(distinguished[1]),
            length: order_of_product(register.field(), &factors)
                .known()
                .and_then(|order| u128::try_from(order).ok()),
            factors,
        }
    }

    /// Whether a cycle of theirs could avoid all distinguished states, as far as counting tells.
    fn can_have_leftovers(&self) -> bool {
        self.length
            .is_none_or(|length| length <= self.states - self.distinguished)
    }

    /// The steps that it takes to walk from one state of each cycle; without end where that is not possible.
    fn steps(&self, register: &Register, zeros: u32) -> u128 {
        let Some(length) = self.length else {
            return u128::MAX;
        };
        // About so many steps until a distinguished state comes, unless the cycle ends before.
        let segment = u128::from(register.gf_order()).pow(zeros);
        self.states / length * (STEPS_A_BEGINNING + 2 * length.min(segment))
    }

    /// A state of each cycle.
    fn family(&self, register: &Register) -> Option<Family> {
        let cycles = self.states / self.length?;
        let family = Family::of(register, &self.factors)?;
        // Any other number would be an error of this program; the sweep is without it.
        (u128::from(family.cycles()) == cycles).then_some(family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitive_registers_have_no_leftovers() {
        // x^36 + x^25 + 1 and x^40 + x^21 + x^19 + x^2 + 1: Zierler and Brillhart (1968); the literature's tables of
        // primitive polynomials over GF(2).
        for (degree, taps) in [(36, &[0, 25][..]), (40, &[0, 2, 19, 21])] {
            let coefficients: Vec<u32> = (0..degree)
                .map(|place| u32::from(taps.contains(&place)))
                .collect();
            let register = Register::new(2, &coefficients).unwrap();
            let places = places(&register, 16);
            assert!(places.home.is_empty() && places.families.is_empty());
        }
    }

    #[test]
    fn a_small_factor_is_all_that_is_swept() {
        // (x + 1) (x^4 + x + 1): with 3 zeros, the constant 1 is a leftover; with the other factor nothing is.
        let register = Register::new(2, &[1, 0, 1, 0, 1]).unwrap();
        let found = places(&register, 3);
        assert_eq!((found.home, found.families.len()), (vec![1], 0));
        // A rotation has short cycles everywhere.
        let register = Register::new(2, &[1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let found = places(&register, 3);
        assert_eq!(found.home, register.coefficients());
        assert!(found.families.is_empty());
    }

    #[test]
    fn long_cycles_are_walked_one_by_one() {
        // x^20 + x^11 + 2x^7 + x + 2 over GF(3): factors of degrees 8 and 12, of the orders 1312 and 4745 (PARI/GP 2.15.2).
        let mut coefficients = vec![0; 20];
        for (place, c) in [(0, 1), (1, 2), (7, 1), (11, 2)] {
            coefficients[place] = c;
        }
        let register = Register::new(3, &coefficients).unwrap();
        let found = places(&register, 9);
        let cycles: Vec<u64> = found.families.iter().map(Family::cycles).collect();
        // Of the factors, and of both together: 6,225,440 states each.
        assert_eq!((found.home.len(), cycles), (0, vec![5, 112, 560]));
    }
}
