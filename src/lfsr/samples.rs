//! Random registers for tests: the fields, and two ways to draw coefficients.
//!
//! Coefficients drawn alike are mostly registers whose factors are all different. Repeated factors and factors `x`, where
//! programs of this kind go wrong, come from polynomials put together on purpose.

use proptest::prelude::*;

use super::Register;
use crate::field::Field;

/// A prime of each kind, and powers of 2, 3 and 5.
pub const ORDERS: [u32; 10] = [2, 3, 4, 5, 7, 8, 9, 16, 25, 27];

/// The largest degree at which a register over GF(q) has at most so many states, at least 1.
fn max_degree(order: u32, states: u32) -> usize {
    (1..).take_while(|&d| order.pow(d) <= states).count().max(1)
}

/// A register of at most so many states, every coefficient alike.
pub fn any_register(order: u32, states: u32) -> impl Strategy<Value = Register> {
    (1..=max_degree(order, states)).prop_flat_map(move |degree| {
        prop::collection::vec(0..order, degree)
            .prop_map(move |c| Register::new(order, &c).expect("elements of the field"))
    })
}

/// A register of at most so many states whose characteristic polynomial is a product of powers of small polynomials, often
/// with factors `x`.
pub fn product_of_powers(order: u32, states: u32) -> impl Strategy<Value = Register> {
    let part = (prop::collection::vec(0..order, 1..=3), 1..=5usize);
    (0..=2usize, prop::collection::vec(part, 1..=4)).prop_map(move |(zeros, parts)| {
        let field = Field::new(order).expect("a field");
        let most = max_degree(order, states);
        let mut product = vec![0; zeros.min(most - 1)];
        product.push(1);
        for (part, times) in parts {
            for _ in 0..times {
                if product.len() + part.len() <= most + 1 {
                    product = times_monic(&field, &product, &part);
                }
            }
        }
        if product.len() == 1 {
            product = vec![order - 1, 1];
        }
        product.pop();
        let coefficients: Vec<u32> = product.iter().map(|&c| field.neg(c)).collect();
        Register::over(field, &coefficients).expect("elements of the field")
    })
}

/// A polynomial times the monic one with these lower coefficients.
fn times_monic(field: &Field, a: &[u32], lower: &[u32]) -> Vec<u32> {
    let b: Vec<u32> = lower.iter().copied().chain([1]).collect();
    let mut product = vec![0; a.len() + b.len() - 1];
    for (i, &x) in a.iter().enumerate() {
        for (j, &y) in b.iter().enumerate() {
            product[i + j] = field.add(product[i + j], field.mul(x, y));
        }
    }
    product
}
