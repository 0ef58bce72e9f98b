//! The algebra of cycles: from the factors of a characteristic polynomial to the cycles of its register.
//!
//! After B. Elspas, "The theory of autonomous linear sequential networks", IRE Transactions on Circuit Theory 6 (1959);
//! Lidl and Niederreiter, theorems 8.55 and 8.63.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use num_integer::Integer;

use super::{Factor, Order};

/// Number of cycles by length.
pub(super) type Cycles = BTreeMap<BigUint, BigUint>;

/// The most different lengths that are listed.
pub(super) const MAX_LENGTHS: usize = 100_000;

/// The most work for them, in words of numbers times bits: a greatest common divisor of `n` bits takes `n n / 64`.
const MAX_WORK: u64 = 2_000_000_000;

/// The least power of `p` that is not less than `number`, for `p` of at least 2: below `2^32 p`.
pub(in crate::lfsr) fn least_power(p: u32, number: u32) -> u64 {
    let mut power = 1u64;
    while power < u64::from(number) {
        power *= u64::from(p); // at most 2^32 * 2^8
    }
    power
}

/// The cycles of the register with these factors, or why they are unknown. The factor `x` has no cycle of its own.
pub(super) fn of_factors(gf_order: u32, factors: &[Factor]) -> Result<Cycles, String> {
    let p = crate::field::least_prime_factor(gf_order);
    // Components of equal order first: they share their lengths.
    let mut by_order: BTreeMap<&BigUint, Vec<Cycles>> = BTreeMap::new();
    for (index, factor) in factors.iter().enumerate() {
        match &factor.order {
            Order::Finite(order) => by_order
                .entry(order)
                .or_default()
                .push(of_power(gf_order, p, factor, order)),
            Order::Never => {}
            Order::Unknown { .. } => {
                return Err(format!("the order of factors[{index}] is unknown"));
            }
        }
    }
    let mut work = MAX_WORK;
    let mut groups = Vec::new();
    for components in by_order.into_values() {
        groups.push(product(components, &mut work)?);
    }
    product(groups, &mut work)
}

/// The cycles of `GF(q)[x] / (g^e)`: of the residues, `q^(n j) - q^(n (j - 1))` are divisible by `g^(e-j)` and by no
/// higher power. Their period is `r p^t`, with the least `t` for which `p^t` is at least `j`.
fn of_power(gf_order: u32, p: u32, factor: &Factor, order: &BigUint) -> Cycles {
    let step = BigUint::from(gf_order).pow(factor.degree());
    let mut cycles = Cycles::from([(BigUint::from(1u32), BigUint::from(1u32))]);
    let mut below = BigUint::from(1u32);
    for j in 1..=factor.multiplicity {
        let up_to = &below * &step;
        let length = order * least_power(p, j);
        let count = (&up_to - &below) / &length;
        *cycles.entry(length).or_default() += count;
        below = up_to;
    }
    cycles
}

/// The cycles of a product of state spaces: one of length `a` beside one of length `b` makes `gcd(a, b)` of length
/// `lcm(a, b)`.
fn product(components: Vec<Cycles>, work: &mut u64) -> Result<Cycles, String> {
    let mut all = Cycles::from([(BigUint::from(1u32), BigUint::from(1u32))]);
    for component in components {
        let widest = |cycles: &Cycles| cycles.keys().next_back().map_or(0, BigUint::bits);
        let bits = widest(&all).max(widest(&component));
        let pairs = (all.len() * component.len()) as u64;
        *work = work
            .checked_sub(pairs.saturating_mul(bits * bits / 64 + 64))
            .ok_or_else(|| "the cycle lengths are too many to combine them".to_owned())?;
        let mut next = Cycles::new();
        for (a, a_count) in &all {
            for (b, b_count) in &component {
                let (common, length) = a.gcd_lcm(b);
                *next.entry(length).or_default() += a_count * b_count * common;
            }
            if next.len() > MAX_LENGTHS {
                return Err(format!("there are more than {MAX_LENGTHS} cycle lengths"));
            }
        }
        all = next;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_p() {
        assert_eq!((least_power(2, 0), least_power(2, 1)), (1, 1));
        assert_eq!([3, 4, 5].map(|n| least_power(2, n)), [4, 4, 8]);
        assert_eq!((least_power(3, 3), least_power(3, 4)), (3, 9));
        assert_eq!(least_power(251, u32::MAX), 251u64.pow(5));
    }

    #[test]
    fn too_many_lengths_are_an_error() {
        // Sixty primes: two lengths each, 2^60 together.
        let primes = (2u32..300).filter(|n| (2..*n).all(|d| n % d != 0));
        let components = primes.map(|p| {
            Cycles::from([
                (BigUint::from(1u32), BigUint::from(1u32)),
                (BigUint::from(p), BigUint::from(1u32)),
            ])
        });
        let refused = product(components.collect(), &mut MAX_WORK.clone()).unwrap_err();
        assert_eq!(refused, "there are more than 100000 cycle lengths");
        let two = || {
            Cycles::from([
                (BigUint::from(1u32), BigUint::from(1u32)),
                (BigUint::from(2u32), BigUint::from(1u32)),
            ])
        };
        let refused = product(vec![two(), two()], &mut 100).unwrap_err();
        assert_eq!(refused, "the cycle lengths are too many to combine them");
    }
}
