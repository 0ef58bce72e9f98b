//! The state space of a register by algebra, without walking through it.
//!
//! A companion matrix has one invariant factor, its characteristic polynomial `f`, so the states with the step are
//! `GF(q)[x] / (f)` with multiplication by `x` (B. Elspas, "The theory of autonomous linear sequential networks", IRE
//! Transactions on Circuit Theory 6, 1959; A. Gill, *Linear Sequential Circuits*, 1967). Everything follows from the
//! factors of `f`:
//!
//! 1. `f = x^m g1^e1 g2^e2 ...` is factored ([`crate::polynomial`]). The `x^m` is the nilpotent part: the tails.
//! 2. The *order* of `x` modulo `g`, irreducible of degree `n`, is the least divisor `r` of `q^n - 1` with `x^r = 1`. It
//!    takes the primes of `q^n - 1` ([`crate::integer`]), and these are not always known (`orders.rs`).
//! 3. Each power of a factor has its cycles, and those of their product follow by greatest common divisors (`cycles.rs`).
//!
//! What cannot be found is [`Unknown`], with the reason; nothing is estimated. What an enumeration finds where it is possible
//! must be the same, and a third way needs no factoring at all: `check.rs` counts the states whose period divides a
//! number.

mod check;
mod cycles;
mod orders;

#[cfg(test)]
mod tests;

use std::fmt;

use num_bigint::BigUint;

use super::{Register, Structure};
use crate::field::Field;
use crate::integer::Effort;
use crate::polynomial::factor;

pub use check::{PeriodMismatch, check_periods, states_with_period_dividing};
pub(super) use cycles::least_power;
use orders::Groups;

/// The largest degree of a reduced register over GF(2) that is analysed, some seconds of work.
pub const MAX_ANALYSED_DEGREE_BINARY: u32 = 4096;

/// The largest degree of a reduced register over another field that is analysed.
pub const MAX_ANALYSED_DEGREE: u32 = 512;

/// The work that may go into the primes of `q^n - 1`, all factors together: a few seconds.
const FACTORING_EFFORT: u64 = 2_000_000_000;

/// The least `r` with `x^r = 1` modulo a polynomial, or why there is no such number here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// This is it.
    Finite(BigUint),
    /// `x` divides the polynomial, so no power of it is 1.
    Never,
    /// There is one, but it was not found.
    Unknown {
        /// A multiple of it, where one is known.
        divides: Option<BigUint>,
        /// Why it was not found.
        reason: String,
    },
}

impl Order {
    /// The number, where it is known.
    pub fn known(&self) -> Option<&BigUint> {
        match self {
            Order::Finite(order) => Some(order),
            Order::Never | Order::Unknown { .. } => None,
        }
    }
}

/// An irreducible factor of the characteristic polynomial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Its coefficients from low to high, the last one 1; at least 2 of them.
    pub coefficients: Vec<u32>,
    /// How often it divides, at least 1.
    pub multiplicity: u32,
    /// The order of `x` modulo this factor, once.
    pub order: Order,
}

impl Factor {
    /// Its degree, at least 1.
    pub fn degree(&self) -> u32 {
        (self.coefficients.len() - 1) as u32 // at most the register's
    }

    fn is_x(&self) -> bool {
        self.coefficients == [0, 1]
    }
}

/// A part of the answer that was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The field of [`Analysis`], with an index where there are several: `factors[2].order`.
    pub field: String,
    /// Why it was not found.
    pub reason: String,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// What algebra says of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// The factors of the characteristic polynomial, by degree, then by coefficients from the lowest on.
    pub factors: Option<Vec<Factor>>,
    /// Whether there is only one, once.
    pub irreducible: Option<bool>,
    /// Whether the characteristic polynomial is the minimal polynomial of a primitive element of GF(q^d): irreducible
    /// and of order `q^d - 1`. So is `x + 1` over GF(2), and `x` never.
    pub primitive: Option<bool>,
    /// The order of the characteristic polynomial, the least `e` with which it divides `x^e - 1`.
    pub char_poly_order: Order,
    /// Cycles and tails.
    pub structure: Option<Structure>,
    /// Each part that is missing above, and why; empty where all is known.
    pub unknown: Vec<Unknown>,
}

impl Analysis {
    /// The least power of the companion matrix that is the identity: [`char_poly_order`](Analysis::char_poly_order), since
    /// the characteristic polynomial is also the minimal one. [`Order::Never`] for a singular matrix.
    pub fn matrix_order(&self) -> &Order {
        &self.char_poly_order
    }

    fn miss(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.unknown.push(Unknown {
            field: field.into(),
            reason: reason.into(),
        });
    }
}

/// The state space of a register. Its work is bounded: beyond [`MAX_ANALYSED_DEGREE_BINARY`] and [`MAX_ANALYSED_DEGREE`]
/// nothing is factored, and where numbers resist or cycle lengths are too many, that part is unknown.
pub fn analyse(register: &Register) -> Analysis {
    analyse_with(register, &mut Effort::products(FACTORING_EFFORT))
}

fn analyse_with(register: &Register, effort: &mut Effort) -> Analysis {
    if let Some(limit) = passed_limit(register) {
        return too_large(register, limit);
    }
    let factors = factors(register, effort);
    let irreducible = matches!(&factors[..], [only] if only.multiplicity == 1);
    let mut analysis = Analysis {
        irreducible: Some(irreducible),
        primitive: match &factors[..] {
            [only] if irreducible => is_primitive(register, only),
            _ => Some(false),
        },
        char_poly_order: order_of_product(register.field(), &factors),
        structure: None,
        factors: None,
        unknown: Vec::new(),
    };
    for (index, factor) in factors.iter().enumerate() {
        if let Order::Unknown { reason, .. } = &factor.order {
            analysis.miss(format!("factors[{index}].order"), reason);
        }
    }
    if analysis.primitive.is_none() {
        analysis.miss("primitive", "the order of the only factor is unknown");
    }
    if let Order::Unknown { reason, .. } = &analysis.char_poly_order {
        let reason = reason.clone();
        analysis.miss("char_poly_order", reason);
    }
    match cycles::of_factors(register.gf_order(), &factors) {
        Ok(cycles) => analysis.structure = Some(Structure::of(register, cycles)),
        Err(reason) => analysis.miss("structure", reason),
    }
    analysis.factors = Some(factors);
    analysis
}

/// The factors of the characteristic polynomial, where it is small enough to be factored: a part of what [`analyse`] does.
pub(super) fn factors_of(register: &Register) -> Option<Vec<Factor>> {
    let effort = &mut Effort::products(FACTORING_EFFORT);
    passed_limit(register)
        .is_none()
        .then(|| factors(register, effort))
}

/// The order of the characteristic polynomial: a part of what [`analyse`] does.
pub(super) fn order_of(register: &Register) -> Order {
    let effort = &mut Effort::products(FACTORING_EFFORT);
    match passed_limit(register) {
        Some(limit) => too_large(register, limit).char_poly_order,
        None => order_of_product(register.field(), &factors(register, effort)),
    }
}

/// The largest degree that is analysed, where the register is beyond it.
fn passed_limit(register: &Register) -> Option<u32> {
    let limit = match register.gf_order() {
        2 => MAX_ANALYSED_DEGREE_BINARY,
        _ => MAX_ANALYSED_DEGREE,
    };
    let reduced = register.degree() - register.nilpotent_index();
    (reduced > limit).then_some(limit)
}

/// The factors with their orders.
fn factors(register: &Register, effort: &mut Effort) -> Vec<Factor> {
    let mut groups = Groups::of(register.field());
    // Without x^m: an all-zero register may have a very high power of x.
    let reduced = register.reduced_polynomial();
    let x = (register.nilpotent_index() > 0).then(|| Factor {
        coefficients: vec![0, 1],
        multiplicity: register.nilpotent_index(),
        order: Order::Never,
    });
    // x sorts before every other factor.
    let others = factor(register.field(), &reduced).into_iter();
    let with_order = others.map(|factor| Factor {
        order: groups.order_of_x(&factor.coefficients, effort),
        coefficients: factor.coefficients,
        multiplicity: factor.multiplicity,
    });
    x.into_iter().chain(with_order).collect()
}

/// Whether an irreducible polynomial is primitive; `None` where its order leaves that open.
fn is_primitive(register: &Register, factor: &Factor) -> Option<bool> {
    let all = register.state_count() - 1u32;
    match &factor.order {
        Order::Finite(order) => Some(*order == all),
        Order::Never => Some(false),
        Order::Unknown { divides, .. } => match divides {
            Some(multiple) if *multiple < all => Some(false),
            _ => None,
        },
    }
}

/// The order of a product of powers: the least common multiple of the orders, times the least power of p that is not less
/// than any multiplicity (Lidl and Niederreiter, theorem 3.11).
pub(super) fn order_of_product(field: &Field, factors: &[Factor]) -> Order {
    if factors.iter().any(Factor::is_x) {
        return Order::Never;
    }
    let multiplicity = factors.iter().map(|f| f.multiplicity).max().unwrap_or(1);
    let power = least_power(field.characteristic(), multiplicity);
    let (mut multiple, mut unknown) = (BigUint::from(1u32), Vec::new());
    for (index, factor) in factors.iter().enumerate() {
        match &factor.order {
            Order::Finite(order) => multiple = num_integer::lcm(multiple, order.clone()),
            Order::Never => return Order::Never,
            Order::Unknown { divides, .. } => {
                unknown.push(format!("factors[{index}]"));
                if let Some(divides) = divides {
                    multiple = num_integer::lcm(multiple, divides.clone());
                }
            }
        }
    }
    let multiple = multiple * power;
    if unknown.is_empty() {
        Order::Finite(multiple)
    } else {
        Order::Unknown {
            divides: Some(multiple),
            reason: format!("the order of {} is unknown", unknown.join(", ")),
        }
    }
}

/// The analysis of a register of too large a degree: what is seen without factoring.
fn too_large(register: &Register, limit: u32) -> Analysis {
    let singular = register.nilpotent_index() > 0;
    let reason = format!(
        "polynomials over GF({}) are factored up to degree {limit}; this one, without its factors x, has degree {}",
        register.gf_order(),
        register.degree() - register.nilpotent_index()
    );
    let mut analysis = Analysis {
        factors: None,
        irreducible: singular.then_some(false),
        primitive: singular.then_some(false),
        char_poly_order: if singular {
            Order::Never
        } else {
            Order::Unknown {
                divides: None,
                reason: reason.clone(),
            }
        },
        structure: None,
        unknown: Vec::new(),
    };
    let both = ["irreducible", "primitive", "char_poly_order"];
    let missing = both.iter().filter(|_| !singular);
    for &field in ["factors", "structure"].iter().chain(missing) {
        analysis.miss(field, &reason);
    }
    analysis
}
