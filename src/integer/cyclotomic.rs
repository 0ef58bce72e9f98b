//! The cyclotomic numbers `Phi_m(b)`, and the identities by which some fall apart.

use num_bigint::BigUint;
use num_integer::Integer;

use super::primes_of;

/// The greatest prime that divides `n`; none for 0 and 1.
pub(super) fn greatest_prime_factor(n: u32) -> Option<u32> {
    primes_of(n.into()).last().map(|&p| p as u32) // at most n
}

/// `Phi_index(base)`, for a base of at least 2 and an index of at least 1: the product of `(base^(index / s) - 1)` to
/// the power of `mu(s)` over the square-free divisors `s` of the index (Lidl and Niederreiter, theorem 3.27).
pub(super) fn number(base: u32, index: u32) -> BigUint {
    let primes = primes_of(index.into());
    let (mut above, mut below) = (BigUint::from(1u32), BigUint::from(1u32));
    for subset in 0..1u32 << primes.len() {
        let chosen = (0..primes.len()).filter(|i| subset >> i & 1 == 1);
        let divisor: u64 = chosen.map(|i| primes[i]).product();
        let exponent = u64::from(index) / divisor;
        let value = BigUint::from(base).pow(exponent as u32) - 1u32; // at most the index
        if subset.count_ones() % 2 == 0 {
            above *= value;
        } else {
            below *= value;
        }
    }
    above / below
}

/// A divisor of `Phi_index(base)` together with what is left, where one of the identities of A. Aurifeuille holds;
/// otherwise the number alone. `rest` is that number, or a divisor of it. With odd `h`:
///
/// - `2^(2h) + 1 = (2^h - 2^((h+1)/2) + 1) (2^h + 2^((h+1)/2) + 1)`, for the index `4h`;
/// - `3^(3h) + 1 = (3^h + 1) (3^h - 3^((h+1)/2) + 1) (3^h + 3^((h+1)/2) + 1)`, for the index `6h`;
/// - `5^(5h) - 1 = (5^h - 1) (L - M) (L + M)` with `L = 5^(2h) + 3 5^h + 1` and `M = 5^((h+1)/2) (5^h + 1)`, for `5h`
///   (J. Brillhart et al., *Factorizations of b^n ± 1*, introduction, section III.C).
pub(super) fn aurifeuillian_parts(base: u32, index: u32, rest: BigUint) -> Vec<BigUint> {
    let step = match base {
        2 => 4,
        3 => 6,
        5 => 5,
        _ => return vec![rest],
    };
    let h = index / step;
    if !index.is_multiple_of(step) || h.is_multiple_of(2) {
        return vec![rest];
    }
    let power = |exponent| BigUint::from(base).pow(exponent);
    let (middle, shift) = match base {
        5 => (
            power(2 * h) + power(h) * 3u32 + 1u32,
            power(h.div_ceil(2)) * (power(h) + 1u32),
        ),
        _ => (power(h) + 1u32, power(h.div_ceil(2))),
    };
    let divisor = rest.gcd(&(middle - shift));
    let other = &rest / &divisor;
    vec![divisor, other]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cyclotomic_numbers() {
        // Phi_1 = x - 1, Phi_6 = x^2 - x + 1, Phi_12 = x^4 - x^2 + 1.
        assert_eq!(number(2, 1), BigUint::from(1u32));
        assert_eq!(number(7, 1), BigUint::from(6u32));
        assert_eq!(number(2, 6), BigUint::from(3u32));
        assert_eq!(number(3, 12), BigUint::from(73u32));
        for (base, exponent) in [(2, 120), (3, 60), (13, 18), (251, 7)] {
            let product: BigUint = (1..=exponent)
                .filter(|m| exponent % m == 0)
                .map(|m| number(base, m))
                .product();
            assert_eq!(product, BigUint::from(base).pow(exponent) - 1u32);
        }
    }

    #[test]
    fn the_identities_split() {
        for (base, index) in [(2, 4 * 31), (3, 6 * 17), (5, 5 * 13)] {
            let whole = number(base, index);
            let parts = aurifeuillian_parts(base, index, whole.clone());
            assert_eq!(parts.len(), 2);
            assert!(parts.iter().all(|part| part.bits() > 20), "{parts:?}");
            assert_eq!(parts.iter().product::<BigUint>(), whole);
        }
        assert_eq!(aurifeuillian_parts(2, 8, number(2, 8)).len(), 1);
    }
}
