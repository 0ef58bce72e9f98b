//! A register: checked numbers, and what follows from them at sight.

use num_bigint::BigUint;

use crate::field::{Field, FieldError, least_prime_factor};

/// The largest degree of a register. No method reaches it; it keeps a mistyped file from taking the memory.
pub const MAX_DEGREE: u32 = 100_000;

/// A linear feedback shift register over GF(q):
/// `s(n+d) = c0 s(n) + c1 s(n+1) + ... + c(d-1) s(n+d-1)`.
///
/// A state is the `d` symbols `s(n), ..., s(n+d-1)`, the oldest first; `c0` multiplies the oldest. The
/// state's number is the sum of `s(n+i) q^i`, so the oldest symbol is the least digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    field: Field,
    coefficients: Vec<u32>,
}

/// These numbers are no register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The order gives no field.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// No coefficients at all.
    #[error("a register needs at least one coefficient")]
    NoCoefficients,
    /// A coefficient that is no element of the field.
    #[error("coefficient c{position} is {value}, but the elements of GF({order}) are 0 to {}", .order - 1)]
    CoefficientTooLarge {
        /// Index of the coefficient, from 0.
        position: usize,
        /// The coefficient.
        value: u32,
        /// The order of the field.
        order: u32,
    },
    /// More than [`MAX_DEGREE`] coefficients.
    #[error("a register of degree {degree} is too large: the degree may be at most {MAX_DEGREE}")]
    DegreeTooLarge {
        /// Number of coefficients given.
        degree: usize,
    },
}

impl RegisterError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            RegisterError::Field(error) => error.hint(),
            RegisterError::NoCoefficients => {
                Some("give c0 to c(d-1), for instance 1,1,0,0 for x^4 - x - 1".to_owned())
            }
            RegisterError::CoefficientTooLarge { value, order, .. }
                if least_prime_factor(*order) == *order =>
            {
                Some(format!(
                    "if a residue modulo {order} is meant, write {}",
                    value % order
                ))
            }
            RegisterError::CoefficientTooLarge { order, .. } => Some(format!(
                "the digits of an element in base {} are its coefficients in z",
                least_prime_factor(*order)
            )),
            RegisterError::DegreeTooLarge { .. } => None,
        }
    }
}

impl Register {
    /// The register with coefficients `c0 .. c(d-1)`, each an integer below `gf_order`; modulo the Conway polynomial
    /// where that is no prime.
    ///
    /// # Errors
    ///
    /// A [`RegisterError`] when there is no field of `gf_order` elements, and those of [`Register::over`].
    pub fn new(gf_order: u32, coefficients: &[u32]) -> Result<Register, RegisterError> {
        Register::over(Field::new(gf_order)?, coefficients)
    }

    /// The register with coefficients `c0 .. c(d-1)`, each an element of `field`.
    ///
    /// # Errors
    ///
    /// A [`RegisterError`] when there is no coefficient or more than [`MAX_DEGREE`], or when one is no element.
    pub fn over(field: Field, coefficients: &[u32]) -> Result<Register, RegisterError> {
        let gf_order = field.order();
        if coefficients.is_empty() {
            return Err(RegisterError::NoCoefficients);
        }
        if coefficients.len() > MAX_DEGREE as usize {
            return Err(RegisterError::DegreeTooLarge {
                degree: coefficients.len(),
            });
        }
        match coefficients.iter().position(|&c| c >= gf_order) {
            Some(position) => Err(RegisterError::CoefficientTooLarge {
                position,
                value: coefficients[position],
                order: gf_order,
            }),
            None => Ok(Register {
                field,
                coefficients: coefficients.to_vec(),
            }),
        }
    }

    /// The field of its symbols.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// Number of elements of the field.
    pub fn gf_order(&self) -> u32 {
        self.field.order()
    }

    /// Number of symbols in a state, at least 1.
    pub fn degree(&self) -> u32 {
        self.coefficients.len() as u32 // at most MAX_DEGREE
    }

    /// The coefficients `c0 .. c(d-1)`.
    pub fn coefficients(&self) -> &[u32] {
        &self.coefficients
    }

    /// Number of states, `q^d`.
    pub fn state_count(&self) -> BigUint {
        BigUint::from(self.gf_order()).pow(self.degree())
    }

    /// The number `m` of leading zero coefficients: `x^m` is the highest power of `x` that divides the
    /// characteristic polynomial. Every state is on a cycle after `m` steps, and some state is not
    /// before. 0 when every state is on a cycle; the degree when all coefficients are zero.
    pub fn nilpotent_index(&self) -> u32 {
        self.coefficients.iter().take_while(|&&c| c == 0).count() as u32 // at most MAX_DEGREE
    }

    /// The coefficients of the reduced register, whose characteristic polynomial is that of this one
    /// without its factor `x^m`: the first is not zero. Empty when all coefficients are zero. The two
    /// registers have the same cycles.
    pub(super) fn reduced_coefficients(&self) -> &[u32] {
        &self.coefficients[self.nilpotent_index() as usize..]
    }

    /// The register of the reduced coefficients; `None` where there is none, when all are zero.
    pub(super) fn reduced(&self) -> Option<Register> {
        let coefficients = self.reduced_coefficients();
        (!coefficients.is_empty()).then(|| Register {
            field: self.field.clone(),
            coefficients: coefficients.to_vec(),
        })
    }

    /// The characteristic polynomial without its factor `x^m`, from low to high.
    pub(super) fn reduced_polynomial(&self) -> Vec<u32> {
        self.characteristic_polynomial()
            .split_off(self.nilpotent_index() as usize)
    }

    /// The state after `state`, the oldest symbol first.
    ///
    /// # Panics
    ///
    /// When `state` has not exactly [`degree`](Register::degree) symbols.
    pub fn step(&self, state: &[u32]) -> Vec<u32> {
        assert_eq!(state.len(), self.coefficients.len(), "symbols of a state");
        let feedback = state
            .iter()
            .zip(&self.coefficients)
            .fold(0, |sum, (&s, &c)| self.field.add(sum, self.field.mul(s, c)));
        let mut next = state[1..].to_vec();
        next.push(feedback);
        next
    }

    /// The rows of the companion matrix `C`, each of `d` elements. States are row vectors: the state
    /// after `s` is `s C`. So the coefficients are the last column, and each other column `j` takes
    /// symbol `j + 1`. The rows come one by one, since all of them may be more than memory holds.
    pub fn companion_matrix(&self) -> impl ExactSizeIterator<Item = Vec<u32>> + '_ {
        let degree = self.coefficients.len();
        self.coefficients.iter().enumerate().map(move |(i, &c)| {
            let mut row = vec![0; degree];
            if i > 0 {
                row[i - 1] = 1;
            }
            row[degree - 1] = self.field.add(row[degree - 1], c);
            row
        })
    }

    /// The characteristic polynomial `x^d - c(d-1) x^(d-1) - ... - c0`, coefficients from low to high,
    /// `d + 1` of them, the last one 1. Mind the sign: over GF(2) it does not show.
    pub fn characteristic_polynomial(&self) -> Vec<u32> {
        self.coefficients
            .iter()
            .map(|&c| self.field.neg(c))
            .chain([1])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_names_its_place() {
        let refusal = |order, coefficients: &[u32]| Register::new(order, coefficients).unwrap_err();
        assert_eq!(
            refusal(6, &[1]).to_string(),
            "there is no field of order 6: 6 = 2 * 3 is not a power of one prime"
        );
        assert_eq!(refusal(2, &[]), RegisterError::NoCoefficients);
        assert_eq!(
            refusal(3, &[1, 0, 5]).to_string(),
            "coefficient c2 is 5, but the elements of GF(3) are 0 to 2"
        );
        assert_eq!(
            refusal(3, &[1, 0, 5]).hint().unwrap(),
            "if a residue modulo 3 is meant, write 2"
        );
        assert_eq!(
            refusal(9, &[10]).hint().unwrap(),
            "the digits of an element in base 3 are its coefficients in z"
        );
        let long = vec![1; MAX_DEGREE as usize + 1];
        assert_eq!(
            refusal(2, &long),
            RegisterError::DegreeTooLarge { degree: long.len() }
        );
        assert!(Register::new(2, &long[1..]).is_ok());
    }

    #[test]
    fn the_oldest_symbol_meets_the_first_coefficient() {
        // s(n+3) = 1 s(n) + 2 s(n+1) + 0 s(n+2) over GF(3).
        let register = Register::new(3, &[1, 2, 0]).unwrap();
        assert_eq!(register.step(&[1, 0, 0]), [0, 0, 1]);
        assert_eq!(register.step(&[0, 1, 0]), [1, 0, 2]);
        assert_eq!(register.step(&[0, 0, 1]), [0, 1, 0]);
        assert_eq!(register.step(&[2, 2, 1]), [2, 1, 0]);
    }

    #[test]
    fn the_characteristic_polynomial_has_the_signs_of_its_definition() {
        // x^3 - 2x - 1 = x^3 + x + 2 over GF(3).
        let register = Register::new(3, &[1, 2, 0]).unwrap();
        assert_eq!(register.characteristic_polynomial(), [2, 1, 0, 1]);
        let register = Register::new(2, &[1, 1, 0, 0]).unwrap();
        assert_eq!(register.characteristic_polynomial(), [1, 1, 0, 0, 1]);
    }

    #[test]
    fn row_vectors_times_the_companion_matrix_step() {
        for (order, coefficients) in [(2, vec![1, 1, 0, 0]), (7, vec![3, 0, 6]), (5, vec![4])] {
            let register = Register::new(order, &coefficients).unwrap();
            let matrix: Vec<Vec<u32>> = register.companion_matrix().collect();
            let degree = coefficients.len();
            let states = u64::from(order).pow(degree as u32);
            for number in 0..states {
                let state: Vec<u32> = (0..degree as u32)
                    .map(|i| (number / u64::from(order).pow(i) % u64::from(order)) as u32)
                    .collect();
                let product: Vec<u32> = (0..degree)
                    .map(|j| (0..degree).map(|i| state[i] * matrix[i][j]).sum::<u32>() % order)
                    .collect();
                assert_eq!(product, register.step(&state));
            }
        }
    }

    #[test]
    fn sizes_and_the_nilpotent_part() {
        let register = Register::new(2, &[0, 0, 1, 0]).unwrap();
        assert_eq!((register.degree(), register.nilpotent_index()), (4, 2));
        assert_eq!(register.reduced_coefficients(), [1, 0]);
        assert_eq!(register.reduced(), Register::new(2, &[1, 0]).ok());
        assert_eq!(register.reduced_polynomial(), [1, 0, 1]);
        assert_eq!(register.state_count(), BigUint::from(16u32));
        let nothing = Register::new(5, &[0, 0, 0]).unwrap();
        assert_eq!(nothing.nilpotent_index(), 3);
        assert!(nothing.reduced_coefficients().is_empty());
        assert_eq!(nothing.reduced(), None);
        assert_eq!(nothing.reduced_polynomial(), [1]);
        let wide = Register::new(2, &[1; 128]).unwrap();
        assert_eq!(
            wide.state_count().to_string(),
            "340282366920938463463374607431768211456"
        );
    }
}
