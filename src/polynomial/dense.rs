//! Polynomials over any field, a coefficient a word.

use super::random::Generator;
use super::ring::Ring;
use crate::field::Field;

/// How elements are added and multiplied. The choice is made once a polynomial, not once a coefficient.
#[derive(Clone, Copy)]
enum Kind {
    /// Residues of a prime: sums of products are reduced at the end.
    Prime(u64),
    /// Bits: sums are exclusive ors.
    Binary,
    /// By the field's tables.
    Tables,
}

/// The polynomials over a field.
#[derive(Clone)]
pub(super) struct Dense<'f> {
    field: &'f Field,
    kind: Kind,
}

/// Coefficients from low to high, the last not 0.
type Coefficients = Vec<u32>;

fn trimmed(mut coefficients: Coefficients) -> Coefficients {
    let zeros = coefficients.iter().rev().take_while(|&&c| c == 0).count();
    coefficients.truncate(coefficients.len() - zeros);
    coefficients
}

impl Dense<'_> {
    /// Those over this field.
    pub(super) fn over(field: &Field) -> Dense<'_> {
        let kind = match (field.characteristic(), field.extension_degree()) {
            (p, 1) => Kind::Prime(u64::from(p)),
            (2, _) => Kind::Binary,
            _ => Kind::Tables,
        };
        Dense { field, kind }
    }

    /// The product of two polynomials.
    pub(super) fn times(&self, a: &[u32], b: &[u32]) -> Coefficients {
        let sums = self.product(a, b);
        trimmed(sums.into_iter().map(|sum| self.settle(sum)).collect())
    }

    /// `target += factor * source`, place by place. Over a prime field the sums are not reduced: 2^48 of them fit.
    fn add_multiple(&self, target: &mut [u64], factor: u32, source: &[u32]) {
        if factor == 0 {
            return;
        }
        let pairs = target.iter_mut().zip(source);
        match self.kind {
            Kind::Prime(_) => {
                for (sum, &s) in pairs {
                    *sum += u64::from(factor) * u64::from(s);
                }
            }
            Kind::Binary => {
                for (sum, &s) in pairs {
                    *sum ^= u64::from(self.field.mul(factor, s));
                }
            }
            Kind::Tables => {
                for (sum, &s) in pairs {
                    *sum = u64::from(self.field.add(*sum as u32, self.field.mul(factor, s))); // an element
                }
            }
        }
    }

    /// The element that an unreduced sum stands for.
    fn settle(&self, sum: u64) -> u32 {
        match self.kind {
            Kind::Prime(p) => (sum % p) as u32,        // below p
            Kind::Binary | Kind::Tables => sum as u32, // an element
        }
    }

    /// `a b`, unreduced.
    fn product(&self, a: &[u32], b: &[u32]) -> Vec<u64> {
        let mut sums = vec![0; (a.len() + b.len()).saturating_sub(1)];
        for (i, &factor) in a.iter().enumerate() {
            self.add_multiple(&mut sums[i..], factor, b);
        }
        sums
    }

    /// Divides unreduced coefficients by a monic polynomial: what is left, and to `quotient` each coefficient of the
    /// quotient, from the highest on.
    fn divide(
        &self,
        mut sums: Vec<u64>,
        divisor: &[u32],
        mut quotient: impl FnMut(u32),
    ) -> Coefficients {
        let Some((_, lower)) = divisor.split_last() else {
            return Vec::new();
        };
        while sums.len() > lower.len() {
            let top = self.settle(sums.pop().unwrap_or(0));
            quotient(top);
            let from = sums.len() - lower.len();
            self.add_multiple(&mut sums[from..], self.field.neg(top), lower);
        }
        trimmed(sums.into_iter().map(|sum| self.settle(sum)).collect())
    }

    fn scaled(&self, a: &[u32], factor: u32) -> Coefficients {
        a.iter().map(|&c| self.field.mul(c, factor)).collect()
    }

    /// `a` and `b` place by place, the shorter one continued by zeros.
    fn zipped(&self, a: &[u32], b: &[u32], op: impl Fn(u32, u32) -> u32) -> Coefficients {
        let at = |c: &[u32], i: usize| c.get(i).copied().unwrap_or(0);
        trimmed(
            (0..a.len().max(b.len()))
                .map(|i| op(at(a, i), at(b, i)))
                .collect(),
        )
    }
}

impl Ring for Dense<'_> {
    type Polynomial = Coefficients;
    type Modulus = Coefficients;

    fn prime_power(&self) -> (u32, u32) {
        (self.field.characteristic(), self.field.extension_degree())
    }

    fn read(&self, coefficients: &[u32]) -> Coefficients {
        trimmed(coefficients.to_vec())
    }

    fn write(&self, polynomial: &Coefficients) -> Vec<u32> {
        polynomial.clone()
    }

    fn degree(&self, polynomial: &Coefficients) -> usize {
        polynomial.len().saturating_sub(1)
    }

    fn is_zero(&self, polynomial: &Coefficients) -> bool {
        polynomial.is_empty()
    }

    fn add(&self, a: &Coefficients, b: &Coefficients) -> Coefficients {
        self.zipped(a, b, |a, b| self.field.add(a, b))
    }

    fn sub(&self, a: &Coefficients, b: &Coefficients) -> Coefficients {
        self.zipped(a, b, |a, b| self.field.sub(a, b))
    }

    fn div_rem(&self, a: &Coefficients, b: &Coefficients) -> (Coefficients, Coefficients) {
        let Some(inverse) = b.last().and_then(|&leading| self.field.inv(leading)) else {
            return (Vec::new(), a.clone());
        };
        let mut quotient = Vec::new();
        let sums = a.iter().map(|&c| u64::from(c)).collect();
        let rest = self.divide(sums, &self.scaled(b, inverse), |c| quotient.push(c));
        quotient.reverse();
        (trimmed(self.scaled(&quotient, inverse)), rest)
    }

    fn monic(&self, a: &Coefficients) -> Coefficients {
        match a.last().and_then(|&leading| self.field.inv(leading)) {
            Some(inverse) => self.scaled(a, inverse),
            None => Vec::new(),
        }
    }

    fn derivative(&self, a: &Coefficients) -> Coefficients {
        let p = self.field.characteristic() as usize;
        let term = |(i, &c): (usize, &u32)| {
            // The number i as an element: i mod p, which is below the order and a constant in z.
            self.field.mul(c, (i % p) as u32)
        };
        trimmed(a.iter().enumerate().skip(1).map(term).collect())
    }

    fn pth_root(&self, a: &Coefficients) -> Coefficients {
        let (p, k) = self.prime_power();
        // c^(p^k) = c, so c^(p^(k-1)) is the root.
        let exponent = u64::from(p).pow(k - 1);
        let roots = a.iter().step_by(p as usize);
        roots.map(|&c| self.field.pow(c, exponent)).collect()
    }

    fn random(&self, degree: usize, generator: &mut Generator) -> Coefficients {
        let order = self.field.order();
        trimmed((0..degree).map(|_| generator.below(order)).collect())
    }

    fn modulus(&self, polynomial: Coefficients) -> Coefficients {
        polynomial
    }

    fn polynomial<'m>(&self, modulus: &'m Coefficients) -> &'m Coefficients {
        modulus
    }

    fn mul_mod(&self, a: &Coefficients, b: &Coefficients, modulus: &Coefficients) -> Coefficients {
        self.divide(self.product(a, b), modulus, |_| ())
    }

    fn square_mod(&self, a: &Coefficients, modulus: &Coefficients) -> Coefficients {
        if self.field.characteristic() != 2 {
            return self.mul_mod(a, a, modulus);
        }
        // The mixed terms come twice and cancel.
        let mut sums = vec![0; (2 * a.len()).saturating_sub(1)];
        for (sum, &c) in sums.iter_mut().step_by(2).zip(a) {
            *sum = u64::from(self.field.mul(c, c));
        }
        self.divide(sums, modulus, |_| ())
    }

    fn times_x_mod(&self, a: &Coefficients, modulus: &Coefficients) -> Coefficients {
        let shifted = [0].iter().chain(a).map(|&c| u64::from(c)).collect();
        self.divide(shifted, modulus, |_| ())
    }
}
