//! Where leftover cycles can be: which of them are there at all is seen by walking, but only there.
//!
//! A state's *annihilator* is the least polynomial whose recurrence its sequence satisfies: a divisor of the characteristic
//! polynomial `f`. Let `g` be a divisor, of degree `e`.
//!
//! - The states whose annihilator divides `g` are those of the register of `g`, a subspace of `q^e` states. Its first `e`
//!   symbols are free, so `q^(e-K)` of them are distinguished, or only zero where `e < K`.
//! - Of those with exactly `g` as their annihilator, inclusion and exclusion over the prime factors of `g` tells how many
//!   there are, `A`, and how many of them are distinguished, `D`.
//! - They lie on cycles of one length, `r`: the order of `g` (R. Lidl and H. Niederreiter, *Finite Fields*, 2nd ed. 1997,
//!   theorems 8.44 and 3.11).
//!
//! So none of these cycles is a leftover where `r > A - D`: one that avoids every distinguished state would not fit
//! into the rest. That settles it for a primitive `f`, and for most products of primitive factors. For all other
//! divisors together, the sweep goes through the register of their least common multiple `h`, which is often small, and is
//! `f` itself at worst.
//!
//! This rests on factors and orders, which an enumeration is there to check. It cannot hide a mistake in them: a leftover
//! cycle that is not looked for is missing from the sum of all lengths, which the merge holds against the number of states.

use super::analytic::{Factor, Order, analyse};
use super::register::Register;
use crate::field::Field;

/// With more divisors than that all of `f` is swept.
const MOST_DIVISORS: usize = 1 << 12;

/// The coefficients `c0, c1, ...` of the register within which all leftover cycles of `register` lie, zero's aside; none where
/// there are no leftover cycles. The register must be reduced and have at most 2^40 states; a state is distinguished
/// when its `zeros` oldest symbols are zero.
pub(super) fn home(register: &Register, zeros: u32) -> Vec<u32> {
    let everything = || register.coefficients().to_vec();
    let Some(factors) = analyse(register).factors else {
        return everything();
    };
    let divisors = factors.iter().fold(1usize, |count, factor| {
        count.saturating_mul(factor.multiplicity as usize + 1)
    });
    if divisors > MOST_DIVISORS {
        return everything();
    }
    // For each factor, how often it divides h.
    let mut least_common_multiple = vec![0; factors.len()];
    for number in 1..divisors {
        let divisor = exponents(&factors, number);
        if can_have_leftovers(register, &factors, &divisor, zeros) {
            for (most, exponent) in least_common_multiple.iter_mut().zip(divisor) {
                *most = exponent.max(*most);
            }
        }
    }
    let field = register.field();
    let mut polynomial = vec![1];
    for (factor, times) in factors.iter().zip(least_common_multiple) {
        for _ in 0..times {
            polynomial = product(field, &polynomial, &factor.coefficients);
        }
    }
    polynomial.pop(); // x^e - c(e-1) x^(e-1) - ... - c0
    polynomial.into_iter().map(|c| field.neg(c)).collect()
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

/// Whether a cycle of states with this annihilator could avoid all distinguished states, as far as counting tells.
fn can_have_leftovers(
    register: &Register,
    factors: &[Factor],
    divisor: &[u32],
    zeros: u32,
) -> bool {
    let present: Vec<(&Factor, u32)> = factors
        .iter()
        .zip(divisor.iter().copied())
        .filter(|(_, exponent)| *exponent > 0)
        .collect();
    let power = |exponent: u32| i128::from(register.gf_order()).pow(exponent); // at most 2^40
    let degree: u32 = present.iter().map(|(f, times)| f.degree() * times).sum();
    let (mut all, mut distinguished) = (0, 0);
    for subset in 0u32..1 << present.len() {
        let left_out = present
            .iter()
            .enumerate()
            .filter(|(at, _)| subset >> at & 1 == 1);
        let degree = degree - left_out.map(|(_, (f, _))| f.degree()).sum::<u32>();
        let sign = if subset.count_ones().is_multiple_of(2) {
            1
        } else {
            -1
        };
        all += sign * power(degree);
        distinguished += sign * power(degree.saturating_sub(zeros));
    }
    let Some(length) = period(register, &present) else {
        return true;
    };
    length <= all - distinguished
}

/// The length of the cycles of states with this annihilator; `None` where an order is not known.
fn period(register: &Register, present: &[(&Factor, u32)]) -> Option<i128> {
    let p = i128::from(register.field().characteristic());
    let most = present.iter().map(|(_, times)| *times).max()?;
    let mut power = 1;
    while power < i128::from(most) {
        power *= p;
    }
    let mut length = 1;
    for (factor, _) in present {
        let Order::Finite(order) = &factor.order else {
            return None;
        };
        length = num_integer::lcm(length, i128::try_from(order).ok()?);
    }
    Some(length * power)
}

fn product(field: &Field, a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut product = vec![0; a.len() + b.len() - 1];
    for (i, &a) in a.iter().enumerate() {
        for (j, &b) in b.iter().enumerate() {
            product[i + j] = field.add(product[i + j], field.mul(a, b));
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

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
            assert!(home(&register, 16).is_empty(), "degree {degree}");
        }
    }

    #[test]
    fn a_small_factor_is_all_that_is_swept() {
        // (x + 1) (x^4 + x + 1): with 3 zeros, the constant 1 is a leftover; with the other factor nothing is.
        let register = Register::new(2, &[1, 0, 1, 0, 1]).unwrap();
        assert_eq!(home(&register, 3), [1]);
        // A rotation has short cycles everywhere.
        let register = Register::new(2, &[1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(home(&register, 3), register.coefficients());
    }

    proptest! {
        /// Every cycle that avoids the distinguished states is a cycle of the home register, and the other way round a
        /// home of no symbols says that there is none.
        #[test]
        fn every_leftover_is_at_home(
            order in proptest::sample::select(vec![2u32, 3, 4, 5, 9]),
            seed in proptest::collection::vec(any::<u32>(), 1..10),
            zeros in 1u32..5,
        ) {
            let most = (1..).take_while(|&d| order.pow(d) <= 3000).count();
            let mut coefficients: Vec<u32> = seed.iter().take(most).map(|c| c % order).collect();
            coefficients[0] = coefficients[0].max(1);
            let register = Register::new(order, &coefficients).unwrap();
            let zeros = zeros.min(register.degree());
            let home = home(&register, zeros);
            let states = order.pow(register.degree());
            let symbols = |number: u32| -> Vec<u32> {
                (0..register.degree()).map(|i| number / order.pow(i) % order).collect()
            };
            let mut seen = BTreeSet::new();
            let mut strangers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for start in 1..states {
                if seen.contains(&start) {
                    continue;
                }
                let mut state = symbols(start);
                let mut is_leftover = true;
                let mut is_at_home = true;
                loop {
                    is_leftover &= state[..zeros as usize].iter().any(|&s| s != 0);
                    is_at_home &= satisfies(&register, &home, &state);
                    seen.insert(state.iter().rev().fold(0, |n, s| n * order + s));
                    state = register.step(&state);
                    if state == symbols(start) {
                        break;
                    }
                }
                if is_leftover && !is_at_home {
                    strangers.insert(start, state);
                }
            }
            prop_assert!(strangers.is_empty(), "{:?}: {:?}", home, strangers);
        }
    }

    /// Whether the symbols of a state satisfy the recurrence of a smaller register.
    fn satisfies(register: &Register, home: &[u32], state: &[u32]) -> bool {
        let field = register.field();
        state.windows(home.len() + 1).all(|window| {
            let products = window.iter().zip(home).map(|(&s, &c)| field.mul(s, c));
            products.fold(0, |sum, product| field.add(sum, product)) == window[home.len()]
        })
    }
}
