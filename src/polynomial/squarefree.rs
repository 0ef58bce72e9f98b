//! Square-free parts.

use super::ring::Ring;

/// A monic polynomial as a product of powers of square-free polynomials that have nothing in common, each with its
/// exponent; none for 1 and 0.
///
/// After D. R. Musser, "Multivariate polynomial factorization", Journal of the ACM 22 (1975); in characteristic `p` what
/// is left over is a p-th power, and its root goes the same way (von zur Gathen and Gerhard, exercise 14.30).
pub(super) fn parts<R: Ring>(ring: &R, polynomial: &R::Polynomial) -> Vec<(R::Polynomial, u32)> {
    let (p, _) = ring.prime_power();
    let mut found = Vec::new();
    let (mut rest, mut scale) = (polynomial.clone(), 1);
    while ring.degree(&rest) > 0 {
        let mut common = ring.gcd(&rest, &ring.derivative(&rest));
        // Once each factor whose exponent p does not divide, and which i steps have not used up.
        let (mut simple, _) = ring.div_rem(&rest, &common);
        let mut exponent = scale;
        while ring.degree(&simple) > 0 {
            let more = ring.gcd(&simple, &common);
            let (part, _) = ring.div_rem(&simple, &more);
            if ring.degree(&part) > 0 {
                found.push((part, exponent));
            }
            (common, _) = ring.div_rem(&common, &more);
            simple = more;
            exponent += scale;
        }
        rest = ring.pth_root(&common);
        scale *= p; // at most the degree
    }
    found
}
