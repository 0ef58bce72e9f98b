//! Whether a number is prime: the test of R. Baillie and S. S. Wagstaff, "Lucas pseudoprimes", Mathematics of
//! Computation 35 (1980), and of C. Pomerance, J. L. Selfridge and S. S. Wagstaff, "The pseudoprimes to 25·10^9", in
//! the same volume: a strong test to base 2, then a strong Lucas test.

use num_bigint::BigUint;
use num_integer::Integer;

/// Whether `n` is prime. Proven right below `2^64` (J. Feitsma's list of pseudoprimes, 2013); above, a composite number
/// that passes is not known.
pub fn is_prime(n: &BigUint) -> bool {
    for small in [2u32, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37] {
        if n % small == BigUint::ZERO {
            return *n == BigUint::from(small);
        }
    }
    *n > BigUint::from(1u32) && passes_base_2(n) && passes_lucas(n)
}

/// `n = odd * 2^twos`, for `n` of at least 1.
fn odd_part(n: &BigUint) -> (BigUint, u64) {
    let twos = n.trailing_zeros().unwrap_or(0);
    (n >> twos, twos)
}

/// The strong test to base 2, for odd `n` of at least 3.
fn passes_base_2(n: &BigUint) -> bool {
    let one = BigUint::from(1u32);
    let last = n - 1u32;
    let (odd, twos) = odd_part(&last);
    let mut power = BigUint::from(2u32).modpow(&odd, n);
    if power == one || power == last {
        return true;
    }
    for _ in 1..twos {
        power = &power * &power % n;
        if power == last {
            return true;
        }
    }
    false
}

/// The strong Lucas test with `P = 1` and Selfridge's choice of `D`: the first of 5, -7, 9, -11, ... that is no square
/// modulo `n`. For odd `n` without the primes up to 37.
fn passes_lucas(n: &BigUint) -> bool {
    // A square has no such D.
    let root = n.sqrt();
    if &root * &root == *n {
        return false;
    }
    let mut size = 5u32;
    let negative = |size: u32| size % 4 == 3;
    let d = loop {
        match jacobi(size, negative(size), n) {
            -1 => break size,
            // D and n have a divisor in common, and not n itself, since n is greater than 37 and D small.
            0 if BigUint::from(size) < *n => return false,
            _ => size += 2,
        }
    };
    let modulo = |value: BigUint| value % n;
    let minus = |a: &BigUint, b: &BigUint| if a >= b { a - b } else { a + n - b };
    let half = |a: BigUint| {
        if a.is_odd() {
            (a + n) >> 1u32
        } else {
            a >> 1u32
        }
    };
    let signed = |negative: bool, size: u32| {
        let residue = modulo(BigUint::from(size));
        if negative {
            minus(&BigUint::ZERO, &residue)
        } else {
            residue
        }
    };
    let d_residue = signed(negative(d), d);
    // Q = (1 - D) / 4 is a whole number: D is 1 modulo 4.
    let q = if negative(d) {
        signed(false, (d + 1) / 4)
    } else {
        signed(true, (d - 1) / 4)
    };
    let (odd, twos) = odd_part(&(n + 1u32));
    // U_1 = 1, V_1 = P = 1, Q^1.
    let (mut u, mut v, mut q_power) = (BigUint::from(1u32), BigUint::from(1u32), q.clone());
    for bit in (0..odd.bits().saturating_sub(1)).rev() {
        u = modulo(&u * &v);
        v = minus(&modulo(&v * &v), &modulo(&q_power << 1u32));
        q_power = modulo(&q_power * &q_power);
        if odd.bit(bit) {
            let next = half(modulo(&u + &v));
            v = half(modulo(&d_residue * &u + &v));
            u = next;
            q_power = modulo(&q_power * &q);
        }
    }
    if u == BigUint::ZERO || v == BigUint::ZERO {
        return true;
    }
    for _ in 1..twos {
        v = minus(&modulo(&v * &v), &modulo(&q_power << 1u32));
        if v == BigUint::ZERO {
            return true;
        }
        q_power = modulo(&q_power * &q_power);
    }
    false
}

/// The Jacobi symbol of `size`, or of `-size`, over odd `n`; `size` is odd.
fn jacobi(size: u32, negative: bool, n: &BigUint) -> i32 {
    let n_mod_4 = low_bits(n) % 4;
    let mut sign = if negative && n_mod_4 == 3 { -1 } else { 1 };
    if size % 4 == 3 && n_mod_4 == 3 {
        sign = -sign; // reciprocity
    }
    let (mut a, mut b) = (low_bits(&(n % size)), u64::from(size));
    while a != 0 {
        while a.is_multiple_of(2) {
            a /= 2;
            if matches!(b % 8, 3 | 5) {
                sign = -sign;
            }
        }
        if a % 4 == 3 && b % 4 == 3 {
            sign = -sign;
        }
        (a, b) = (b % a, a);
    }
    if b == 1 { sign } else { 0 }
}

fn low_bits(n: &BigUint) -> u64 {
    n.iter_u64_digits().next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers() {
        let by_trial = |n: u32| {
            n > 1
                && (2..n)
                    .take_while(|d| d * d <= n)
                    .all(|d| !n.is_multiple_of(d))
        };
        for n in 0..20_000u32 {
            assert_eq!(is_prime(&BigUint::from(n)), by_trial(n), "{n}");
        }
    }

    /// Strong pseudoprimes to base 2 (OEIS A001262) and strong Lucas pseudoprimes (OEIS A217255) are composite, as are
    /// squares of Wieferich primes and Carmichael numbers (OEIS A002997).
    #[test]
    fn numbers_that_deceive_half_of_the_test() {
        for n in [
            2047u64,
            3277,
            4033,
            4681,
            8321,
            15_841,
            29_341,
            3_215_031_751,
        ] {
            assert!(passes_base_2(&BigUint::from(n)), "{n}");
            assert!(!is_prime(&BigUint::from(n)), "{n}");
        }
        for n in [5459u64, 5777, 10_877, 16_109, 18_971] {
            assert!(passes_lucas(&BigUint::from(n)), "{n}");
            assert!(!is_prime(&BigUint::from(n)), "{n}");
        }
        for n in [1093u64 * 1093, 3511 * 3511, 561, 1105, 1729, 825_265] {
            assert!(!is_prime(&BigUint::from(n)), "{n}");
        }
    }

    /// The exponents of the Mersenne primes: OEIS A000043.
    #[test]
    fn mersenne_primes() {
        let exponents: Vec<u32> = (2..700)
            .filter(|&n| is_prime(&(BigUint::from(2u32).pow(n) - 1u32)))
            .collect();
        assert_eq!(
            exponents,
            [2, 3, 5, 7, 13, 17, 19, 31, 61, 89, 107, 127, 521, 607]
        );
    }
}
