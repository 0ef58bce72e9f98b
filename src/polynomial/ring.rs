//! What the algorithms want of polynomials over a field, however they are kept.

use num_bigint::BigUint;

use super::random::Generator;

/// The polynomials over a field of `q = p^k` elements.
pub(super) trait Ring {
    /// A polynomial.
    type Polynomial: Clone + PartialEq;
    /// A monic polynomial of degree 1 or more, made ready to divide by.
    type Modulus;

    /// `(p, k)`.
    fn prime_power(&self) -> (u32, u32);

    /// The polynomial of these coefficients, from low to high; leading zeros go.
    fn read(&self, coefficients: &[u32]) -> Self::Polynomial;

    /// Its coefficients, from low to high.
    fn write(&self, polynomial: &Self::Polynomial) -> Vec<u32>;

    /// The degree; 0 also for 0.
    fn degree(&self, polynomial: &Self::Polynomial) -> usize;

    fn is_zero(&self, polynomial: &Self::Polynomial) -> bool;

    fn is_one(&self, polynomial: &Self::Polynomial) -> bool {
        *polynomial == self.one()
    }

    fn one(&self) -> Self::Polynomial {
        self.read(&[1])
    }

    fn x(&self) -> Self::Polynomial {
        self.read(&[0, 1])
    }

    fn add(&self, a: &Self::Polynomial, b: &Self::Polynomial) -> Self::Polynomial;

    fn sub(&self, a: &Self::Polynomial, b: &Self::Polynomial) -> Self::Polynomial;

    /// Quotient and remainder; a divisor of 0 gives 0 and the polynomial.
    fn div_rem(
        &self,
        a: &Self::Polynomial,
        b: &Self::Polynomial,
    ) -> (Self::Polynomial, Self::Polynomial);

    /// Divided by its leading coefficient; 0 stays.
    fn monic(&self, a: &Self::Polynomial) -> Self::Polynomial;

    /// The monic greatest common divisor, by Euclid; 0 of two zeros.
    fn gcd(&self, a: &Self::Polynomial, b: &Self::Polynomial) -> Self::Polynomial {
        let (mut a, mut b) = (a.clone(), self.monic(b));
        while !self.is_zero(&b) {
            let (_, rest) = self.div_rem(&a, &b);
            (a, b) = (b, self.monic(&rest));
        }
        self.monic(&a)
    }

    fn derivative(&self, a: &Self::Polynomial) -> Self::Polynomial;

    /// The polynomial whose p-th power this is, where the derivative is 0; other terms are lost.
    fn pth_root(&self, a: &Self::Polynomial) -> Self::Polynomial;

    /// A polynomial below this degree.
    fn random(&self, degree: usize, generator: &mut Generator) -> Self::Polynomial;

    /// Makes a monic polynomial of degree 1 or more ready to divide by.
    fn modulus(&self, polynomial: Self::Polynomial) -> Self::Modulus;

    /// The polynomial that was made ready.
    fn polynomial<'m>(&self, modulus: &'m Self::Modulus) -> &'m Self::Polynomial;

    /// `a b` modulo a polynomial, of factors below its degree.
    fn mul_mod(
        &self,
        a: &Self::Polynomial,
        b: &Self::Polynomial,
        modulus: &Self::Modulus,
    ) -> Self::Polynomial;

    /// `a a` modulo a polynomial.
    fn square_mod(&self, a: &Self::Polynomial, modulus: &Self::Modulus) -> Self::Polynomial;

    /// `x a` modulo a polynomial.
    fn times_x_mod(&self, a: &Self::Polynomial, modulus: &Self::Modulus) -> Self::Polynomial;
}

/// `x^exponent`: a product with `x` is only a shift.
pub(super) fn power_of_x<R: Ring>(
    ring: &R,
    exponent: &BigUint,
    modulus: &R::Modulus,
) -> R::Polynomial {
    raised(ring, exponent, modulus, |power| {
        ring.times_x_mod(power, modulus)
    })
}

/// `a^exponent`, for `a` below the degree of the modulus.
pub(super) fn power<R: Ring>(
    ring: &R,
    a: &R::Polynomial,
    exponent: &BigUint,
    modulus: &R::Modulus,
) -> R::Polynomial {
    raised(ring, exponent, modulus, |power| {
        ring.mul_mod(power, a, modulus)
    })
}

/// A power by its exponent's bits from the highest on: squares, and where a bit is set one more factor, which `times`
/// puts to it.
fn raised<R: Ring>(
    ring: &R,
    exponent: &BigUint,
    modulus: &R::Modulus,
    times: impl Fn(&R::Polynomial) -> R::Polynomial,
) -> R::Polynomial {
    let mut power = ring.one();
    for bit in (0..exponent.bits()).rev() {
        power = ring.square_mod(&power, modulus);
        if exponent.bit(bit) {
            power = times(&power);
        }
    }
    power
}

/// `a^q`.
pub(super) fn frobenius<R: Ring>(
    ring: &R,
    a: &R::Polynomial,
    modulus: &R::Modulus,
) -> R::Polynomial {
    let (p, k) = ring.prime_power();
    let exponent = BigUint::from(p);
    (0..k).fold(a.clone(), |a, _| power(ring, &a, &exponent, modulus))
}
