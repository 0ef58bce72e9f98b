//! Polynomials in one variable over a finite field: their factors, and powers of `x` modulo one of them.
//!
//! A polynomial is its coefficients from low to high, elements of a [`Field`], the last of them not 0; the polynomial
//! 0 has none. Two *rings* hold them (`ring.rs` says what a ring must offer): `dense.rs` a coefficient a word over
//! any field, and `packed.rs` a coefficient a bit over GF(2), where a square is the bits drawn apart.
//!
//! Factoring goes in three steps, all of them in J. von zur Gathen and J. Gerhard, *Modern Computer Algebra*, 3rd ed.
//! 2013, chapter 14: into square-free parts (`squarefree.rs`), by the degree of the irreducible factors (algorithm
//! 14.3), and those of one degree from each other (algorithm 14.8 of D. G. Cantor and H. Zassenhaus, in characteristic
//! 2 with the trace, exercise 14.16; both in `split.rs`). The last step needs random numbers. They come from a
//! generator that the polynomial itself seeds, so that the same polynomial takes the same steps everywhere.
//!
//! Nothing here gives up: the time grows with the third power of the degree, and who calls must mind it.
//!
//! # Panics
//!
//! As those of a [`Field`], these functions may panic on a coefficient that is no element.

mod dense;
mod packed;
mod random;
mod ring;
mod split;
mod squarefree;

#[cfg(test)]
mod tests;

use num_bigint::BigUint;

use self::dense::Dense;
use self::packed::{Packed, PackedModulus};
use self::ring::Ring;
use crate::field::Field;

/// An irreducible factor of a polynomial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor {
    /// Its coefficients from low to high, the last one 1; at least 2 of them.
    pub coefficients: Vec<u32>,
    /// How often it divides, at least 1.
    pub multiplicity: u32,
}

impl Factor {
    /// Its degree, at least 1.
    pub fn degree(&self) -> u32 {
        (self.coefficients.len() - 1) as u32 // there are at least two, and memory ends before 2^32
    }
}

/// The monic irreducible factors of a polynomial, by degree, then by coefficients from the lowest on. None for a
/// constant and for 0. Their product is the polynomial divided by its leading coefficient.
pub fn factor(field: &Field, coefficients: &[u32]) -> Vec<Factor> {
    let mut factors = if field.order() == 2 {
        factor_over(&Packed, coefficients)
    } else {
        factor_over(&Dense::over(field), coefficients)
    };
    factors.sort_by(|a, b| (a.degree(), a).cmp(&(b.degree(), b)));
    factors
}

fn factor_over<R: Ring>(ring: &R, coefficients: &[u32]) -> Vec<Factor> {
    let polynomial = ring.monic(&ring.read(coefficients));
    let mut factors = Vec::new();
    for (part, multiplicity) in squarefree::parts(ring, &polynomial) {
        for (product, degree) in split::by_degree(ring, part) {
            for factor in split::of_one_degree(ring, product, degree) {
                factors.push(Factor {
                    coefficients: ring.write(&factor),
                    multiplicity,
                });
            }
        }
    }
    factors
}

/// The product of two polynomials.
pub(crate) fn product(field: &Field, a: &[u32], b: &[u32]) -> Vec<u32> {
    Dense::over(field).times(a, b)
}

/// A monic polynomial to a power.
pub(crate) fn power(field: &Field, a: &[u32], times: u32) -> Vec<u32> {
    (0..times).fold(vec![1], |power, _| product(field, &power, a))
}

/// Quotient and rest of a division by a polynomial that is not 0.
pub(crate) fn divided(field: &Field, a: &[u32], b: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let ring = Dense::over(field);
    ring.div_rem(&ring.read(a), &ring.read(b))
}

/// The residues modulo a monic polynomial of degree 1 at least, a coefficient a word: for small degrees.
#[derive(Clone)]
pub(crate) struct Residues<'f> {
    ring: Dense<'f>,
    modulus: Vec<u32>,
}

impl Residues<'_> {
    /// Those modulo this polynomial.
    pub(crate) fn modulo(field: &Field, modulus: Vec<u32>) -> Residues<'_> {
        debug_assert!(modulus.len() > 1 && modulus.last() == Some(&1));
        Residues {
            ring: Dense::over(field),
            modulus,
        }
    }

    /// The degree of the modulus.
    pub(crate) fn degree(&self) -> usize {
        self.modulus.len() - 1
    }

    /// `a b`, both below the degree of the modulus.
    pub(crate) fn product(&self, a: &[u32], b: &[u32]) -> Vec<u32> {
        self.ring.mul_mod(&a.to_vec(), &b.to_vec(), &self.modulus)
    }

    /// `a x`.
    pub(crate) fn times_x(&self, a: &[u32]) -> Vec<u32> {
        self.ring.times_x_mod(&a.to_vec(), &self.modulus)
    }

    /// `a^exponent`.
    pub(crate) fn power(&self, a: &[u32], exponent: &BigUint) -> Vec<u32> {
        ring::power(&self.ring, &a.to_vec(), exponent, &self.modulus)
    }
}

/// Powers of `x` modulo a polynomial.
pub struct PowersOfX<'f> {
    modulus: Modulus<'f>,
}

enum Modulus<'f> {
    Packed(PackedModulus),
    Dense(Dense<'f>, Vec<u32>),
}

impl PowersOfX<'_> {
    /// Powers modulo this polynomial; `None` for a constant and for 0.
    pub fn modulo<'f>(field: &'f Field, coefficients: &[u32]) -> Option<PowersOfX<'f>> {
        let modulus = if field.order() == 2 {
            let polynomial = Packed.read(coefficients);
            let degree = Packed.degree(&polynomial);
            (degree > 0).then(|| Modulus::Packed(Packed.modulus(polynomial)))
        } else {
            let ring = Dense::over(field);
            let polynomial = ring.monic(&ring.read(coefficients));
            (ring.degree(&polynomial) > 0).then_some(Modulus::Dense(ring, polynomial))
        };
        modulus.map(|modulus| PowersOfX { modulus })
    }

    /// Whether `x^exponent` is 1.
    pub fn is_one(&self, exponent: &BigUint) -> bool {
        match &self.modulus {
            Modulus::Packed(modulus) => {
                Packed.is_one(&ring::power_of_x(&Packed, exponent, modulus))
            }
            Modulus::Dense(ring, modulus) => {
                ring.is_one(&ring::power_of_x(ring, exponent, modulus))
            }
        }
    }

    /// `x^exponent`.
    pub fn power(&self, exponent: &BigUint) -> PowerOfX {
        match &self.modulus {
            Modulus::Packed(modulus) => {
                PowerOfX::Packed(ring::power_of_x(&Packed, exponent, modulus))
            }
            Modulus::Dense(ring, modulus) => {
                PowerOfX::Dense(ring::power_of_x(ring, exponent, modulus))
            }
        }
    }

    /// The power of a power of `x` modulo the same polynomial: less work than from `x` on.
    ///
    /// # Panics
    ///
    /// May panic for a power modulo another polynomial.
    pub fn power_of(&self, power: &PowerOfX, exponent: &BigUint) -> PowerOfX {
        match (&self.modulus, power) {
            (Modulus::Packed(modulus), PowerOfX::Packed(power)) => {
                PowerOfX::Packed(ring::power(&Packed, power, exponent, modulus))
            }
            (Modulus::Dense(ring, modulus), PowerOfX::Dense(power)) => {
                PowerOfX::Dense(ring::power(ring, power, exponent, modulus))
            }
            _ => unreachable!("a power is of its modulus' kind"),
        }
    }

    /// The degree of the greatest common divisor of a power of `x`, less 1, and the modulus.
    pub fn common_degree(&self, power: &PowerOfX) -> u32 {
        fn of<R: Ring>(ring: &R, power: &R::Polynomial, modulus: &R::Modulus) -> usize {
            let difference = ring.sub(power, &ring.one());
            ring.degree(&ring.gcd(&difference, ring.polynomial(modulus)))
        }
        let degree = match (&self.modulus, power) {
            (Modulus::Packed(modulus), PowerOfX::Packed(power)) => of(&Packed, power, modulus),
            (Modulus::Dense(ring, modulus), PowerOfX::Dense(power)) => of(ring, power, modulus),
            _ => unreachable!("a power is of its modulus' kind"),
        };
        degree as u32 // at most that of the modulus
    }
}

/// A power of `x` modulo a polynomial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerOfX {
    /// Over GF(2), a coefficient a bit.
    Packed(Vec<u64>),
    /// Over any other field, a coefficient a word.
    Dense(Vec<u32>),
}
