//! Why there is no such field, and what to do about it.

/// There is no such field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The order is above [`MAX_ORDER`](super::MAX_ORDER).
    #[error(
        "a field of order {order} is too large: the order may be at most {}",
        super::MAX_ORDER
    )]
    TooLarge {
        /// The order asked for.
        order: u32,
    },
    /// A modulus for a field of prime order.
    #[error("GF({order}) has no modulus: its elements are the residues modulo {order}")]
    ModulusOfPrime {
        /// The order asked for.
        order: u32,
    },
    /// A coefficient of the modulus that is no residue.
    #[error(
        "coefficient {position} of the modulus is {value}, but the modulus of GF({order}) is a polynomial over GF({prime})"
    )]
    ModulusCoefficient {
        /// The order asked for.
        order: u32,
        /// Its prime.
        prime: u32,
        /// Index of the coefficient, from 0.
        position: usize,
        /// The coefficient.
        value: u32,
    },
    /// A modulus of another degree, or not monic.
    #[error(
        "the modulus of GF({order}) is a polynomial of degree {exponent}: {} coefficients, the last of them 1",
        .exponent + 1
    )]
    ModulusShape {
        /// The order asked for.
        order: u32,
        /// The degree that it must have.
        exponent: u32,
    },
    /// A modulus that is a product.
    #[error("the modulus given for GF({order}) is no irreducible polynomial: {} divides it", polynomial(.factor))]
    Reducible {
        /// The order asked for.
        order: u32,
        /// A divisor, from its lowest coefficient to the highest.
        factor: Vec<u32>,
    },
}

impl FieldError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match *self {
            FieldError::TooSmall { .. } => {
                Some("the smallest field is GF(2): give the order 2".to_owned())
            }
            FieldError::Composite { .. } | FieldError::TooLarge { .. } => Some(
                "give a prime such as 2, 3, 5, 7, or a power of one such as 4, 8, 9, 16, up to 256"
                    .to_owned(),
            ),
            FieldError::ModulusOfPrime { .. } => Some("leave the modulus out".to_owned()),
            FieldError::ModulusCoefficient { order, .. }
            | FieldError::ModulusShape { order, .. }
            | FieldError::Reducible { order, .. } => Some(format!(
                "leave it out for the Conway polynomial, {}; coefficients go from low to high",
                polynomial(super::conway::polynomial(order))
            )),
        }
    }
}

/// A polynomial in z as people write it, from its lowest coefficient to the highest.
fn polynomial(coefficients: &[u32]) -> String {
    let terms: Vec<String> = coefficients
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, c)| **c != 0)
        .map(|(power, c)| match (power, c) {
            (0, c) => c.to_string(),
            (1, 1) => "z".to_owned(),
            (1, c) => format!("{c}z"),
            (power, 1) => format!("z^{power}"),
            (power, c) => format!("{c}z^{power}"),
        })
        .collect();
    terms.join(" + ")
}
