//! The order of `x` modulo an irreducible polynomial.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use num_integer::Integer;

use super::Order;
use crate::field::Field;
use crate::integer::{Effort, Factorization, factor_power_minus_one};
use crate::polynomial::PowersOfX;

/// The multiplicative groups of the extensions of a field, their orders factored once each.
pub(super) struct Groups<'f> {
    field: &'f Field,
    by_degree: BTreeMap<u32, Factorization>,
}

impl Groups<'_> {
    pub(super) fn of(field: &Field) -> Groups<'_> {
        Groups {
            field,
            by_degree: BTreeMap::new(),
        }
    }

    /// The order of `x` modulo an irreducible polynomial of degree `n`: it divides `q^n - 1`, and a prime of that number
    /// goes as long as `x` to the rest is still 1 (von zur Gathen and Gerhard, exercise 14.47; H. Cohen, *A Course in
    /// Computational Algebraic Number Theory*, algorithm 1.4.3).
    ///
    /// A composite divisor `C` whose primes are unknown does no harm where `x` to the rest without it is 1. Otherwise some
    /// of its primes belong to the order, and which is unknown.
    pub(super) fn order_of_x(&mut self, coefficients: &[u32], effort: &mut Effort) -> Order {
        if coefficients.first() == Some(&0) {
            return Order::Never;
        }
        let Some(powers) = PowersOfX::modulo(self.field, coefficients) else {
            return Order::Never;
        };
        let degree = coefficients.len() as u32 - 1; // at most that of a register
        let (p, k) = (self.field.characteristic(), self.field.extension_degree());
        let group = self
            .by_degree
            .entry(degree)
            .or_insert_with(|| factor_power_minus_one(p, k * degree, effort));
        let mut order = BigUint::from(self.field.order()).pow(degree) - 1u32;
        let mut open = Vec::new();
        for composite in &group.composites {
            let rest = &order / composite;
            if powers.is_one(&rest) {
                order = rest;
            } else {
                open.push(composite.to_string());
            }
        }
        for prime in group.primes.keys() {
            loop {
                let (rest, remainder) = order.div_rem(prime);
                if remainder != BigUint::ZERO || !powers.is_one(&rest) {
                    break;
                }
                order = rest;
            }
        }
        if open.is_empty() {
            return Order::Finite(order);
        }
        Order::Unknown {
            divides: Some(order),
            reason: format!(
                "{}^{degree} - 1 has the composite divisor {}, whose primes were not found, and the order has some of them",
                self.field.order(),
                open.join(" and the composite divisor ")
            ),
        }
    }
}
