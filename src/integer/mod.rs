//! Whole numbers: the prime factors of `p^n - 1`.
//!
//! The order of an element of GF(p^n) divides `p^n - 1`, and to find it the prime factors of that number must be
//! known. It falls apart by algebra first: `p^n - 1` is the product of the *cyclotomic numbers* `Phi_m(p)` over all
//! divisors `m` of `n` (R. Lidl and H. Niederreiter, *Finite Fields*, 2nd ed. 1997, theorem 2.45). Each of these is
//!
//! 1. looked up, where the Cunningham project has found its primes and this room keeps them (`known/`), or
//! 2. rid of its small primes, all of which but one are 1 modulo `m`; split once more by an identity of Aurifeuille
//!    where one holds (`cyclotomic.rs`); and what is left is tested for primality (`primality.rs`) or given to the
//!    elliptic curve method (`curves.rs`).
//!
//! The work of the last step is counted, not timed, and has an end ([`Effort`]): the same question gets the same
//! answer on every machine. A number that resists is handed back as what it is, a composite number of unknown
//! factors. Nothing here guesses; a prime is one that passes the test of Baillie, Pomerance, Selfridge and Wagstaff,
//! which is proven below `2^64` and to which no exception is known above.

mod curves;
mod cyclotomic;
mod known;
mod montgomery;
mod primality;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use num_bigint::BigUint;
use num_integer::Integer;

pub use primality::is_prime;

/// How much work may go into numbers that resist, in products of two 64-bit words; a thousand million are a few seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    left: u64,
}

impl Effort {
    /// This many products of words.
    pub fn products(count: u64) -> Effort {
        Effort { left: count }
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes `cost` from what is left, or nothing where less is left.
    fn take(&mut self, cost: u64) -> bool {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// A number as a product, as far as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Factorization {
    /// The primes, with the number of times that each divides.
    pub primes: BTreeMap<BigUint, u32>,
    /// Divisors that are composite and whose primes were not found. Empty when the factorization is complete.
    pub composites: Vec<BigUint>,
}

impl Factorization {
    /// Whether all primes are known.
    pub fn is_complete(&self) -> bool {
        self.composites.is_empty()
    }

    /// The number itself.
    pub fn product(&self) -> BigUint {
        let primes = self.primes.iter().map(|(prime, &times)| prime.pow(times));
        primes.chain(self.composites.iter().cloned()).product()
    }

    fn add(&mut self, prime: BigUint) {
        *self.primes.entry(prime).or_insert(0) += 1;
    }

    /// Divides `number` by `prime` as often as it goes, and keeps the prime.
    fn strip(&mut self, number: &mut BigUint, prime: u64) {
        while &*number % prime == BigUint::ZERO {
            *number /= prime;
            self.add(BigUint::from(prime));
        }
    }
}

/// The prime factors of `base^exponent - 1`, for a base of at least 2 and an exponent of at least 1; of other numbers
/// the empty product. Takes from `effort` what it spends.
///
/// Complete for the bases 2, 3, 5, 7 and 11 up to the exponents 512, 324, 220, 180 and 148, which are known.
pub fn factor_power_minus_one(base: u32, exponent: u32, effort: &mut Effort) -> Factorization {
    let mut found = Factorization::default();
    if base < 2 {
        return found;
    }
    for index in (1..=exponent).filter(|m| exponent.is_multiple_of(*m)) {
        factor_cyclotomic(base, index, effort, &mut found);
    }
    found
}

/// Adds the factors of `Phi_index(base)`.
fn factor_cyclotomic(base: u32, index: u32, effort: &mut Effort, found: &mut Factorization) {
    let mut rest = cyclotomic::number(base, index);
    if let Some(primes) = known::primes(base, index) {
        for prime in primes {
            rest /= &prime;
            found.add(prime);
        }
        if rest > BigUint::from(1u32) {
            found.add(rest);
        }
        return;
    }
    // The one prime that may divide without being 1 modulo the index is the greatest one of the index.
    if let Some(intrinsic) = cyclotomic::greatest_prime_factor(index) {
        found.strip(&mut rest, u64::from(intrinsic));
    }
    trial_division(&mut rest, u64::from(index), found);
    for part in cyclotomic::aurifeuillian_parts(base, index, rest) {
        factor_general(part, effort, found);
    }
}

/// How many numbers `k m + 1` are tried as divisors.
const TRIALS: u64 = 1 << 14;

/// Strips the small primes that are 1 modulo `index`. The first that divides is always a prime, since all primes that
/// divide have this form.
fn trial_division(rest: &mut BigUint, index: u64, found: &mut Factorization) {
    for candidate in (1..=TRIALS).map(|k| k * index + 1) {
        if rest.bits() < 64 && BigUint::from(candidate) * candidate > *rest {
            break;
        }
        found.strip(rest, candidate);
    }
}

/// Adds the factors of a number of which nothing is known.
fn factor_general(number: BigUint, effort: &mut Effort, found: &mut Factorization) {
    let mut open = vec![number];
    while let Some(number) = open.pop() {
        if number <= BigUint::from(1u32) {
            continue;
        }
        if is_prime(&number) {
            found.add(number);
            continue;
        }
        let root = number.sqrt();
        let divisor = if &root * &root == number {
            Some(root)
        } else if number.is_even() {
            Some(BigUint::from(2u32))
        } else {
            curves::find_divisor(&number, effort)
        };
        match divisor {
            Some(divisor) => {
                open.push(&number / &divisor);
                open.push(divisor);
            }
            None => found.composites.push(number),
        }
    }
}

/// The primes that divide a number, least first; none for 0 and 1. By trial, so for numbers of some 40 bits at most.
pub(crate) fn primes_of(number: u64) -> Vec<u64> {
    let (mut rest, mut primes, mut p) = (number, Vec::new(), 2u64);
    while rest > 1 && p.saturating_mul(p) <= rest {
        if rest.is_multiple_of(p) {
            primes.push(p);
            while rest.is_multiple_of(p) {
                rest /= p;
            }
        }
        p += 1;
    }
    if rest > 1 {
        primes.push(rest);
    }
    primes
}
