//! Irreducible factors of a square-free polynomial.

use num_bigint::BigUint;

use super::random::Generator;
use super::ring::{Ring, frobenius, power};

/// A monic square-free polynomial as a product of polynomials whose irreducible factors all have the degree that stands
/// beside: von zur Gathen and Gerhard, algorithm 14.3. `x^(q^d) - x` is the product of all irreducible ones whose degree
/// divides `d`.
pub(super) fn by_degree<R: Ring>(
    ring: &R,
    polynomial: R::Polynomial,
) -> Vec<(R::Polynomial, usize)> {
    let mut found = Vec::new();
    let (mut rest, mut degree) = (polynomial, 0);
    let mut ready = None;
    while ring.degree(&rest) >= 2 * (degree + 1) {
        let (modulus, conjugate) =
            ready.get_or_insert_with(|| (ring.modulus(rest.clone()), ring.x()));
        degree += 1;
        *conjugate = frobenius(ring, conjugate, modulus);
        let common = ring.gcd(&ring.sub(conjugate, &ring.x()), &rest);
        if ring.degree(&common) > 0 {
            (rest, _) = ring.div_rem(&rest, &common);
            found.push((common, degree));
            if ring.degree(&rest) > 0 {
                let (_, conjugate) = ring.div_rem(conjugate, &rest);
                ready = Some((ring.modulus(rest.clone()), conjugate));
            }
        }
    }
    let left = ring.degree(&rest);
    if left > 0 {
        found.push((rest, left));
    }
    found
}

/// The factors of a monic square-free polynomial whose irreducible factors all have this degree: von zur Gathen and
/// Gerhard, algorithm 14.8.
///
/// Modulo each factor a random polynomial is a random element of GF(q^degree). A map that sends about half of those to
/// 0, and the others to something else, tells factors apart: for odd `q` it is `a^((q^degree - 1) / 2) - 1`, in
/// characteristic 2 the trace to GF(2), `a + a^2 + a^4 + ...`.
pub(super) fn of_one_degree<R: Ring>(
    ring: &R,
    polynomial: R::Polynomial,
    degree: usize,
) -> Vec<R::Polynomial> {
    let (p, k) = ring.prime_power();
    let bits = k * degree as u32; // the degree is below 2^32
    let half = || (BigUint::from(p).pow(bits) - 1u32) / 2u32;
    let mut generator = Generator::seeded(&ring.write(&polynomial));
    let mut found = Vec::new();
    let mut open = vec![polynomial];
    while let Some(product) = open.pop() {
        let whole = ring.degree(&product);
        if whole <= degree {
            found.push(product);
            continue;
        }
        let modulus = ring.modulus(product.clone());
        loop {
            let element = ring.random(whole, &mut generator);
            let image = if p == 2 {
                trace(ring, element, bits, &modulus)
            } else {
                ring.sub(&power(ring, &element, &half(), &modulus), &ring.one())
            };
            let divisor = ring.gcd(&image, &product);
            if (1..whole).contains(&ring.degree(&divisor)) {
                let (other, _) = ring.div_rem(&product, &divisor);
                open.push(other);
                open.push(divisor);
                break;
            }
        }
    }
    found
}

/// `a + a^2 + a^4 + ...`, so many terms.
fn trace<R: Ring>(
    ring: &R,
    element: R::Polynomial,
    terms: u32,
    modulus: &R::Modulus,
) -> R::Polynomial {
    let mut sum = element.clone();
    let mut conjugate = element;
    for _ in 1..terms {
        conjugate = ring.square_mod(&conjugate, modulus);
        sum = ring.add(&sum, &conjugate);
    }
    sum
}
