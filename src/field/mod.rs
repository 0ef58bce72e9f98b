//! Finite fields: exact arithmetic on small whole numbers.
//!
//! A field of `q` elements exists when `q` is a power of a prime `p`, and for no other `q`. Its elements are
//! written here as the integers `0 .. q`: for a prime `q` the residues modulo `q`, for `q = p^k` the polynomials in
//! `z` of degree below `k`, whose coefficients are the digits of the integer in base `p`. There `z` is a root of the
//! *modulus*, an irreducible polynomial of degree `k` over GF(p), which is part of what the integers mean: with
//! another modulus the same integers multiply otherwise. So a [`Field`] always knows its modulus, and where none is
//! given it is the Conway polynomial (`conway.rs`), as in GAP, Magma and Sage.
//!
//! The integers of GF(p^k) are *not* residues modulo `p^k`, and taking one modulo `p` gives wrong answers in
//! silence; nothing here does either.
//!
//! The largest order is [`MAX_ORDER`]: an element fits a byte, and tables over all pairs of elements stay small.
//!
//! This module knows nothing of registers, states or processes. A field is rebuilt from its order and modulus
//! wherever it is needed; that costs less than a millisecond.

mod conway;
mod error;
mod tables;

use std::fmt;
use std::sync::Arc;

pub use self::error::FieldError;
use self::tables::Tables;

/// The largest order of a field: an element fits in a byte.
pub const MAX_ORDER: u32 = 256;

/// A finite field of at most [`MAX_ORDER`] elements. Clones share their tables.
///
/// Elements go in and come out as `u32` below the order.
///
/// # Panics
///
/// Its operations panic on, or for a small field return some element for, an argument that is no element.
#[derive(Clone)]
pub struct Field {
    tables: Arc<Tables>,
}

impl Field {
    /// The field of `order` elements, modulo the Conway polynomial where the order is no prime.
    ///
    /// # Errors
    ///
    /// A [`FieldError`] unless `order` is a prime power of at most [`MAX_ORDER`].
    pub fn new(order: u32) -> Result<Field, FieldError> {
        Field::with_modulus(order, &[])
    }

    /// The field of `order` elements modulo this polynomial over its prime field, from the lowest coefficient to
    /// the highest; an empty one stands for the Conway polynomial. A field of prime order has no modulus.
    ///
    /// # Errors
    ///
    /// A [`FieldError`] unless `order` is a prime power `p^k` of at most [`MAX_ORDER`], and the modulus empty or
    /// monic, irreducible and of degree `k` over GF(p).
    pub fn with_modulus(order: u32, modulus: &[u32]) -> Result<Field, FieldError> {
        let (prime, exponent) = prime_power(order)?;
        let modulus = match (exponent, modulus) {
            (1, []) => Vec::new(),
            (1, _) => return Err(FieldError::ModulusOfPrime { order }),
            (_, []) => conway::polynomial(order).to_vec(),
            (_, modulus) => {
                check_modulus(order, prime, exponent, modulus)?;
                modulus.to_vec()
            }
        };
        Ok(Field {
            tables: Arc::new(Tables::of(prime, exponent, modulus)),
        })
    }

    /// Number of elements, `q`.
    pub fn order(&self) -> u32 {
        self.tables.order
    }

    /// The prime `p` of which the order is a power.
    pub fn characteristic(&self) -> u32 {
        self.tables.characteristic
    }

    /// The exponent `k` of the order `p^k`.
    pub fn extension_degree(&self) -> u32 {
        self.tables.degree
    }

    /// The modulus, from the lowest coefficient to the highest, which is 1; empty for a field of prime order.
    pub fn modulus(&self) -> &[u32] {
        &self.tables.modulus
    }

    /// Whether the modulus is the one that stands where none is given.
    pub fn has_usual_modulus(&self) -> bool {
        self.extension_degree() == 1 || self.modulus() == conway::polynomial(self.order())
    }

    /// The sum `a + b`.
    #[inline]
    pub fn add(&self, a: u32, b: u32) -> u32 {
        self.tables.add(a, b)
    }

    /// The difference `a - b`.
    #[inline]
    pub fn sub(&self, a: u32, b: u32) -> u32 {
        self.add(a, self.neg(b))
    }

    /// The product `a * b`.
    #[inline]
    pub fn mul(&self, a: u32, b: u32) -> u32 {
        self.tables.mul(a, b)
    }

    /// The element that added to `a` gives 0.
    #[inline]
    pub fn neg(&self, a: u32) -> u32 {
        self.tables.neg(a)
    }

    /// The element that multiplied by `a` gives 1; `None` for 0.
    #[inline]
    pub fn inv(&self, a: u32) -> Option<u32> {
        self.tables.inv(a)
    }

    /// `a` to the power of `exponent`; `0^0` is 1.
    pub fn pow(&self, a: u32, mut exponent: u64) -> u32 {
        let (mut result, mut square) = (1, a);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.mul(result, square);
            }
            square = self.mul(square, square);
            exponent >>= 1;
        }
        result
    }
}

/// Two fields are equal when the same integers mean the same elements.
impl PartialEq for Field {
    fn eq(&self, other: &Field) -> bool {
        self.order() == other.order() && self.modulus() == other.modulus()
    }
}

impl Eq for Field {}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GF({})", self.order())?;
        if !self.modulus().is_empty() {
            write!(f, " modulo {:?}", self.modulus())?;
        }
        Ok(())
    }
}

/// The prime and the exponent of an order.
fn prime_power(order: u32) -> Result<(u32, u32), FieldError> {
    if order < 2 {
        return Err(FieldError::TooSmall { order });
    }
    if order > MAX_ORDER {
        return Err(FieldError::TooLarge { order });
    }
    let prime = least_prime_factor(order);
    let (mut rest, mut exponent) = (order, 0);
    while rest.is_multiple_of(prime) {
        rest /= prime;
        exponent += 1;
    }
    if rest == 1 {
        Ok((prime, exponent))
    } else {
        Err(FieldError::Composite {
            order,
            factor: prime,
            cofactor: order / prime,
        })
    }
}

/// The least prime that divides `n`, for `n` of at least 2.
pub(crate) fn least_prime_factor(n: u32) -> u32 {
    (2..)
        .take_while(|p| p * p <= n)
        .find(|p| n.is_multiple_of(*p))
        .unwrap_or(n)
}

fn check_modulus(order: u32, prime: u32, exponent: u32, modulus: &[u32]) -> Result<(), FieldError> {
    if let Some(position) = modulus.iter().position(|&c| c >= prime) {
        return Err(FieldError::ModulusCoefficient {
            order,
            prime,
            position,
            value: modulus[position],
        });
    }
    if modulus.len() != exponent as usize + 1 || modulus.last() != Some(&1) {
        return Err(FieldError::ModulusShape { order, exponent });
    }
    match a_factor(prime, modulus) {
        Some(factor) => Err(FieldError::Reducible { order, factor }),
        None => Ok(()),
    }
}

/// A monic divisor of a monic polynomial over GF(p), of degree 1 or more and at most half of its; `None` where it is
/// irreducible. All of them are tried: there are at most 30.
fn a_factor(prime: u32, polynomial: &[u32]) -> Option<Vec<u32>> {
    let degree = polynomial.len() - 1;
    (1..=degree / 2).find_map(|degree| {
        let count = prime.pow(degree as u32); // at most 2^4 or 13^1
        (0..count)
            .map(|number| monic(prime, degree, number))
            .find(|divisor| {
                remainder(prime, polynomial, divisor)
                    .iter()
                    .all(|&c| c == 0)
            })
    })
}

/// The monic polynomial of this degree whose lower coefficients are the digits of a number.
fn monic(prime: u32, degree: usize, number: u32) -> Vec<u32> {
    let mut rest = number;
    let mut coefficients: Vec<u32> = (0..degree)
        .map(|_| {
            let digit = rest % prime;
            rest /= prime;
            digit
        })
        .collect();
    coefficients.push(1);
    coefficients
}

/// What is left of a polynomial over GF(p) after division by a monic one.
fn remainder(prime: u32, polynomial: &[u32], divisor: &[u32]) -> Vec<u32> {
    let mut rest = polynomial.to_vec();
    while rest.len() >= divisor.len() {
        let top = rest.pop().unwrap_or(0);
        let from = rest.len() + 1 - divisor.len();
        for (place, &c) in rest[from..].iter_mut().zip(divisor) {
            *place = (*place + (prime - top) * c) % prime;
        }
    }
    rest
}

#[cfg(test)]
mod tests;
