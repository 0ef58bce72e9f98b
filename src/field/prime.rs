//! GF(p): the residues modulo a prime.

/// The largest order of a field: an element fits in a byte.
pub const MAX_ORDER: u32 = 256;

/// The field of a prime number of elements, the residues `0 .. p` modulo `p`.
///
/// Elements go in and come out as `u32` below the order. An argument at or above the order is a mistake
/// of the caller: it panics in debug builds; in release builds the result is still that of its residue,
/// or, for [`neg`](PrimeField::neg), unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrimeField {
    order: u32,
}

/// There is no such field, or it is not built yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Order 0 or 1.
    #[error("there is no field of order {order}: a field has at least two elements")]
    TooSmall {
        /// The order asked for.
        order: u32,
    },
    /// The order has two different prime factors.
    #[error(
        "there is no field of order {order}: {order} = {factor} * {cofactor} is not a power of one prime"
    )]
    Composite {
        /// The order asked for.
        order: u32,
        /// Its least prime factor.
        factor: u32,
        /// The order divided by that factor.
        cofactor: u32,
    },
    /// The order is a prime power with an exponent above 1.
    #[error("the field of order {order} = {prime}^{exponent} is not built yet")]
    PrimePower {
        /// The order asked for.
        order: u32,
        /// The prime.
        prime: u32,
        /// The exponent, at least 2.
        exponent: u32,
    },
    /// The order is above [`MAX_ORDER`].
    #[error("a field of order {order} is too large: the order may be at most {MAX_ORDER}")]
    TooLarge {
        /// The order asked for.
        order: u32,
    },
}

impl FieldError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match *self {
            FieldError::TooSmall { .. } => {
                Some("the smallest field is GF(2): give the order 2".to_owned())
            }
            FieldError::Composite { .. } | FieldError::TooLarge { .. } => {
                Some("give a prime such as 2, 3, 5, 7, 11, up to 251".to_owned())
            }
            FieldError::PrimePower { prime, .. } => Some(format!(
                "fields of prime order work, for instance GF({prime}); but integers mean other elements there"
            )),
        }
    }
}

impl PrimeField {
    /// The field of `order` elements.
    ///
    /// # Errors
    ///
    /// A [`FieldError`] unless `order` is a prime of at most 251, the largest prime below
    /// [`MAX_ORDER`].
    pub fn new(order: u32) -> Result<PrimeField, FieldError> {
        if order < 2 {
            return Err(FieldError::TooSmall { order });
        }
        if order > MAX_ORDER {
            return Err(FieldError::TooLarge { order });
        }
        let prime = least_prime_factor(order);
        if prime == order {
            return Ok(PrimeField { order });
        }
        let mut rest = order;
        let mut exponent = 0;
        while rest.is_multiple_of(prime) {
            rest /= prime;
            exponent += 1;
        }
        if rest == 1 {
            Err(FieldError::PrimePower {
                order,
                prime,
                exponent,
            })
        } else {
            Err(FieldError::Composite {
                order,
                factor: prime,
                cofactor: order / prime,
            })
        }
    }

    /// Number of elements.
    pub fn order(self) -> u32 {
        self.order
    }

    /// The sum `a + b`.
    pub fn add(self, a: u32, b: u32) -> u32 {
        debug_assert!(a < self.order && b < self.order);
        (a + b) % self.order
    }

    /// The product `a * b`.
    pub fn mul(self, a: u32, b: u32) -> u32 {
        debug_assert!(a < self.order && b < self.order);
        (a * b) % self.order
    }

    /// The element that added to `a` gives 0.
    pub fn neg(self, a: u32) -> u32 {
        debug_assert!(a < self.order);
        (self.order - a) % self.order
    }

    /// The element that multiplied by `a` gives 1; `None` for 0.
    ///
    /// It is a^(p-2), by Fermat's little theorem.
    pub fn inv(self, a: u32) -> Option<u32> {
        debug_assert!(a < self.order);
        if a == 0 {
            return None;
        }
        let (mut result, mut square, mut exponent) = (1, a, self.order - 2);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.mul(result, square);
            }
            square = self.mul(square, square);
            exponent >>= 1;
        }
        Some(result)
    }
}

/// The least prime that divides `n`, for `n` of at least 2.
fn least_prime_factor(n: u32) -> u32 {
    (2..)
        .take_while(|p| p * p <= n)
        .find(|p| n.is_multiple_of(*p))
        .unwrap_or(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primes() -> impl Iterator<Item = u32> {
        (2..=MAX_ORDER).filter(|&n| (2..n).all(|p| n % p != 0))
    }

    #[test]
    fn exactly_the_primes_below_256_are_built() {
        let built: Vec<u32> = (0..1000).filter(|&q| PrimeField::new(q).is_ok()).collect();
        assert_eq!(built, primes().collect::<Vec<_>>());
        assert_eq!(built.len(), 54); // pi(256) = 54, OEIS A007053
        assert_eq!(built.last(), Some(&251));
    }

    #[test]
    fn every_refusal_has_its_reason() {
        let refusal = |order| PrimeField::new(order).unwrap_err();
        assert_eq!(refusal(0), FieldError::TooSmall { order: 0 });
        assert_eq!(refusal(1), FieldError::TooSmall { order: 1 });
        assert_eq!(
            refusal(6).to_string(),
            "there is no field of order 6: 6 = 2 * 3 is not a power of one prime"
        );
        assert_eq!(
            refusal(12).to_string(),
            "there is no field of order 12: 12 = 2 * 6 is not a power of one prime"
        );
        assert_eq!(
            refusal(9).to_string(),
            "the field of order 9 = 3^2 is not built yet"
        );
        assert_eq!(
            refusal(256).to_string(),
            "the field of order 256 = 2^8 is not built yet"
        );
        assert_eq!(refusal(257), FieldError::TooLarge { order: 257 });
        assert_eq!(refusal(u32::MAX), FieldError::TooLarge { order: u32::MAX });
        for order in [0, 6, 9, 300] {
            assert!(refusal(order).hint().is_some(), "order {order}");
        }
    }

    /// All axioms over all pairs, and all triples for the small fields.
    #[test]
    fn the_axioms_of_a_field_hold() {
        for q in primes() {
            let field = PrimeField::new(q).unwrap();
            assert_eq!(field.inv(0), None);
            for a in 0..q {
                assert_eq!(field.add(a, field.neg(a)), 0);
                assert_eq!(field.add(a, 0), a);
                assert_eq!(field.mul(a, 1), a);
                if a != 0 {
                    assert_eq!(field.mul(a, field.inv(a).unwrap()), 1);
                }
                for b in 0..q {
                    assert_eq!(field.add(a, b), field.add(b, a));
                    assert_eq!(field.mul(a, b), field.mul(b, a));
                    assert_eq!(field.mul(a, b) == 0, a == 0 || b == 0);
                    for c in 0..q.min(if q < 20 { q } else { 3 }) {
                        let sum = field.add(b, c);
                        let products = field.add(field.mul(a, b), field.mul(a, c));
                        assert_eq!(field.mul(a, sum), products);
                        assert_eq!(field.add(a, sum), field.add(field.add(a, b), c));
                        assert_eq!(field.mul(a, field.mul(b, c)), field.mul(field.mul(a, b), c));
                    }
                }
            }
        }
    }
}
