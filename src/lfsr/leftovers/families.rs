//! The cycles of a class of states, a state of each, without looking at the others.
//!
//! The states whose annihilator is `g = g1^e1 g2^e2 ...` are the units of `GF(q)[x] / (g)`: sums of one part for each `gi^ei`,
//! whose sequences add up. The step multiplies by `x`, so a cycle is a coset of the group that `x` generates, and a
//! *beginning* of each is found part by part. Of the first part one takes a unit from each coset of `x`. Of those
//! powers of `x` that leave the first part as it is, `x^L`, the second part's units have cosets again, and so on.
//!
//! - The units modulo an irreducible `g` of degree `n` are cyclic of order `q^n - 1`, so the subgroup that `x^L` generates is the only
//!   one of its order `h = r / gcd(r, L)`, where `r` is the order of `x`. There are `m = (q^n - 1) / h` cosets: `1, u, u^2, ...,
//!   u^(m-1)`, for every `u` with `u^((q^n - 1) / p) != 1` for each prime `p` of `m`. No discrete logarithm is asked for.
//! - Modulo `g^e` the units are marked coset by coset, which is done for small ones only.
//!
//! That a unit of each coset is had is algebra; a mistake would show as states that are missing or too many in the sum of all
//! lengths.

use num_bigint::BigUint;
use num_integer::{Integer, gcd};

use super::classes::feedback;
use crate::field::Field;
use crate::lfsr::Register;
use crate::lfsr::analytic::{Factor, Order};
use crate::polynomial::{Residues, product};

/// Units modulo a power of a factor are marked if there are at most so many residues.
const MOST_MARKED: u64 = 1 << 12;

/// Candidates for the element whose powers are taken. About one in four will do.
const MOST_CANDIDATES: u64 = 1 << 12;

/// The cycles of a class.
#[derive(Debug)]
pub(super) struct Family {
    field: Field,
    /// Degree of the register that the states are of.
    degree: usize,
    parts: Vec<Part>,
    cycles: u64,
}

/// What belongs to one factor.
#[derive(Debug)]
struct Part {
    /// The factor to its power, monic.
    polynomial: Vec<u32>,
    /// The coefficients of its register.
    coefficients: Vec<u32>,
    cosets: Cosets,
}

/// A unit of each coset.
#[derive(Debug)]
enum Cosets {
    /// The powers of one, from the 0th on, so many.
    Powers { unit: Vec<u32>, count: u64 },
    /// These.
    Listed(Vec<Vec<u32>>),
}

impl Cosets {
    fn count(&self) -> u64 {
        match self {
            Cosets::Powers { count, .. } => *count,
            Cosets::Listed(units) => units.len() as u64,
        }
    }

    /// The unit with this number.
    fn unit(&self, residues: &Residues<'_>, number: u64) -> Vec<u32> {
        match self {
            Cosets::Powers { unit, .. } => residues.power(unit, &number.into()),
            Cosets::Listed(units) => units.get(number as usize).cloned().unwrap_or_default(),
        }
    }

    /// The unit with this number, when `before` is the one before it.
    fn next(&self, residues: &Residues<'_>, before: &[u32], number: u64) -> Vec<u32> {
        match self {
            Cosets::Powers { unit, .. } => residues.product(before, unit),
            Cosets::Listed(_) => self.unit(residues, number),
        }
    }
}

impl Family {
    /// The class of states of `register` whose annihilator has these factors, so often each. `None` where one of them is
    /// there more than once and too large to be marked, or its order is not known.
    pub fn of(register: &Register, factors: &[(&Factor, u32)]) -> Option<Family> {
        let field = register.field();
        let mut parts = Vec::new();
        let (mut cycles, mut period) = (1u64, 1u64);
        for &(factor, times) in factors {
            let Order::Finite(order) = &factor.order else {
                return None;
            };
            let order = u64::try_from(order).ok()?;
            let cosets = match times {
                1 => powers(field, &factor.coefficients, order, period)?,
                _ => marked(field, &factor.coefficients, times, period)?,
            };
            cycles = cycles.checked_mul(cosets.count())?;
            period = period.lcm(&(order * power_at_least(field.characteristic(), times)));
            let polynomial = (0..times).fold(vec![1], |product_so_far, _| {
                product(field, &product_so_far, &factor.coefficients)
            });
            parts.push(Part {
                coefficients: feedback(field, &polynomial),
                polynomial,
                cosets,
            });
        }
        Some(Family {
            field: field.clone(),
            degree: register.degree() as usize,
            parts,
            cycles,
        })
    }

    /// Number of cycles.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// A state, the oldest symbol first, of each cycle from number `first` on.
    pub fn beginnings(&self, first: u64) -> Beginnings<'_> {
        let mut rest = first;
        let mut digits = vec![0; self.parts.len()];
        for (digit, part) in digits.iter_mut().zip(&self.parts).rev() {
            *digit = rest % part.cosets.count();
            rest /= part.cosets.count();
        }
        let residues: Vec<Residues<'_>> = self
            .parts
            .iter()
            .map(|part| Residues::modulo(&self.field, part.polynomial.clone()))
            .collect();
        let units = self
            .parts
            .iter()
            .zip(&residues)
            .zip(&digits)
            .map(|((part, residues), &digit)| part.cosets.unit(residues, digit))
            .collect();
        let mut beginnings = Beginnings {
            family: self,
            residues,
            digits,
            units,
            sums: vec![vec![0; self.degree]; self.parts.len() + 1],
            left: self.cycles.saturating_sub(first),
        };
        beginnings.add_from(0);
        beginnings
    }
}

/// Goes through the beginnings of a family.
pub(super) struct Beginnings<'f> {
    family: &'f Family,
    residues: Vec<Residues<'f>>,
    /// The number of each part's unit, the last one the fastest.
    digits: Vec<u64>,
    units: Vec<Vec<u32>>,
    /// The sums of the first parts' sequences: of none, of one, and so on.
    sums: Vec<Vec<u32>>,
    left: u64,
}

impl Beginnings<'_> {
    /// Adds up the sequences from this part on.
    fn add_from(&mut self, from: usize) {
        let field = &self.family.field;
        for at in from..self.units.len() {
            let part = &self.family.parts[at];
            let sequence = sequence(
                field,
                &self.residues[at],
                part,
                &self.units[at],
                self.family.degree,
            );
            let sum = self.sums[at].iter().zip(sequence);
            self.sums[at + 1] = sum.map(|(&a, b)| field.add(a, b)).collect();
        }
    }
}

impl Iterator for Beginnings<'_> {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        self.left = self.left.checked_sub(1)?;
        let state = self.sums.last()?.clone();
        for at in (0..self.digits.len()).rev() {
            let cosets = &self.family.parts[at].cosets;
            self.digits[at] += 1;
            if self.digits[at] < cosets.count() {
                self.units[at] = cosets.next(&self.residues[at], &self.units[at], self.digits[at]);
                self.add_from(at);
                break;
            }
            self.digits[at] = 0;
            self.units[at] = cosets.unit(&self.residues[at], 0);
        }
        Some(state)
    }
}

/// So many symbols of the sequence of a unit: the highest coefficients of `u, u x, u x^2, ...`. It satisfies the recurrence
/// of its part, and no shorter one.
fn sequence(
    field: &Field,
    residues: &Residues<'_>,
    part: &Part,
    unit: &[u32],
    length: usize,
) -> Vec<u32> {
    let degree = part.coefficients.len();
    let mut symbols = Vec::with_capacity(length);
    let mut power = unit.to_vec();
    for _ in 0..degree.min(length) {
        symbols.push(power.get(degree - 1).copied().unwrap_or(0));
        power = residues.times_x(&power);
    }
    while symbols.len() < length {
        let last = &symbols[symbols.len() - degree..];
        let products = last.iter().zip(&part.coefficients);
        symbols.push(products.fold(0, |sum, (&s, &c)| field.add(sum, field.mul(s, c))));
    }
    symbols
}

/// The least power of `p` that is not less than `times`.
fn power_at_least(p: u32, times: u32) -> u64 {
    std::iter::successors(Some(1u64), |power| Some(power * u64::from(p)))
        .find(|&power| power >= times.into())
        .unwrap_or(1)
}

/// The cosets of `x^period` among the units modulo an irreducible polynomial, modulo which `x` has this order.
fn powers(field: &Field, polynomial: &[u32], order: u64, period: u64) -> Option<Cosets> {
    let degree = polynomial.len() as u32 - 1;
    let units = u64::from(field.order()).checked_pow(degree)? - 1;
    let count = units / (order / gcd(order, period));
    let primes = primes_of(count);
    let residues = Residues::modulo(field, polynomial.to_vec());
    let generates = |unit: &Vec<u32>| {
        primes
            .iter()
            .all(|p| residues.power(unit, &BigUint::from(units / p)) != [1])
    };
    let unit = (1..=MOST_CANDIDATES.min(units))
        .map(|number| residue(field.order(), number))
        .find(generates)?;
    Some(Cosets::Powers { unit, count })
}

/// The cosets of `x^period` among the units modulo a power of an irreducible polynomial.
fn marked(field: &Field, polynomial: &[u32], times: u32, period: u64) -> Option<Cosets> {
    let order = u64::from(field.order());
    let degree = polynomial.len() as u32 - 1;
    let count = order
        .checked_pow(degree * times)
        .filter(|count| *count <= MOST_MARKED)?;
    let power = (0..times).fold(vec![1], |power, _| product(field, &power, polynomial));
    let residues = Residues::modulo(field, power);
    let factor = Residues::modulo(field, polynomial.to_vec());
    let x = residues.times_x(&[1]);
    let step = residues.power(&x, &period.into());
    let mut seen = vec![false; count as usize];
    let mut units = Vec::new();
    for number in 1..count {
        let unit = residue(field.order(), number);
        // A multiple of the factor is no unit.
        if seen[number as usize] || factor.product(&unit, &[1]).is_empty() {
            continue;
        }
        let (mut at, mut at_number) = (unit.clone(), number);
        while !seen[at_number as usize] {
            seen[at_number as usize] = true;
            at = residues.product(&at, &step);
            at_number = at.iter().rev().fold(0, |n, &c| n * order + u64::from(c));
        }
        units.push(unit);
    }
    Some(Cosets::Listed(units))
}

/// The residue with this number: its coefficients are the digits.
fn residue(order: u32, number: u64) -> Vec<u32> {
    let order = u64::from(order);
    std::iter::successors(Some(number), |rest| Some(rest / order))
        .take_while(|&rest| rest > 0)
        .map(|rest| (rest % order) as u32) // below the order
        .collect()
}

/// The primes that divide a number of at most 40 bits.
fn primes_of(number: u64) -> Vec<u64> {
    let (mut rest, mut primes, mut p) = (number, Vec::new(), 2);
    while p * p <= rest {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::super::samples::{ORDERS, any_register, product_of_powers};
    use super::*;
    use crate::lfsr::analytic::analyse;

    /// Every state of a cycle.
    fn cycle(register: &Register, state: &[u32]) -> BTreeSet<Vec<u32>> {
        let mut seen = BTreeSet::new();
        let mut at = state.to_vec();
        while seen.insert(at.clone()) {
            at = register.step(&at);
        }
        assert_eq!(at, state, "a walk that does not come back");
        seen
    }

    /// The beginnings of all classes, zero aside, are one of each cycle.
    fn assert_is_one_of_each(register: &Register) {
        let factors = analyse(register).factors.expect("small");
        let mut seen = BTreeSet::new();
        let mut classes: Vec<Vec<(&Factor, u32)>> = vec![vec![]];
        for factor in &factors {
            classes = classes
                .into_iter()
                .flat_map(|class| {
                    (0..=factor.multiplicity).map(move |times| {
                        let mut class = class.clone();
                        class.extend((times > 0).then_some((factor, times)));
                        class
                    })
                })
                .collect();
        }
        for class in classes.iter().filter(|class| !class.is_empty()) {
            let family = Family::of(register, class).expect("small");
            let mut count = 0;
            for state in family.beginnings(0) {
                for state in cycle(register, &state) {
                    assert!(seen.insert(state), "{register:?}: a cycle came twice");
                }
                count += 1;
            }
            assert_eq!(count, family.cycles());
            // From anywhere on they are the same.
            let middle = family.cycles() / 2;
            let rest: Vec<_> = family.beginnings(middle).collect();
            let all: Vec<_> = family.beginnings(0).skip(middle as usize).collect();
            assert_eq!(rest, all);
        }
        let states = u64::from(register.gf_order()).pow(register.degree());
        assert_eq!(seen.len() as u64, states - 1, "{register:?}");
    }

    /// Without leading zero coefficients.
    fn reduced(register: &Register) -> Option<Register> {
        let coefficients = register.reduced_coefficients();
        Register::over(register.field().clone(), coefficients).ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn every_cycle_has_one_beginning(
            register in prop::sample::select(&ORDERS[..])
                .prop_flat_map(|order| prop_oneof![
                    any_register(order, 1 << 12).boxed(),
                    product_of_powers(order, 1 << 12).boxed(),
                ]),
        ) {
            if let Some(register) = reduced(&register) {
                assert_is_one_of_each(&register);
            }
        }
    }

    #[test]
    fn rotations_have_many_cycles() {
        for (order, degree) in [(2, 12), (3, 6), (4, 5), (9, 3)] {
            let mut coefficients = vec![0; degree];
            coefficients[0] = 1;
            assert_is_one_of_each(&Register::new(order, &coefficients).unwrap());
        }
    }

    #[test]
    fn primes() {
        assert!(primes_of(1).is_empty());
        assert_eq!(primes_of(360), [2, 3, 5]);
        assert_eq!(primes_of(1_073_741_789), [1_073_741_789]);
        // 2^32 - 1.
        assert_eq!(primes_of(4_294_967_295), [3, 5, 17, 257, 65_537]);
    }
}
