//! Products modulo an odd number of at most 1,024 bits, without division: P. L. Montgomery, "Modular multiplication
//! without trial division", Mathematics of Computation 44 (1985).

use num_bigint::BigUint;

/// The most 64-bit words of a modulus.
pub(super) const MAX_WORDS: usize = 16;

/// A residue `a`, kept as `a R` modulo `n` with `R = 2^(64 words)`; words from low to high, those past the modulus 0.
pub(super) type Residue = [u64; MAX_WORDS];

/// An odd modulus.
pub(super) struct Montgomery {
    modulus: BigUint,
    n: Residue,
    words: usize,
    /// `-1 / n` modulo `2^64`.
    inverse: u64,
}

impl Montgomery {
    /// The arithmetic modulo `modulus`; `None` unless it is odd, at least 3 and of at most 1,024 bits.
    pub(super) fn new(modulus: &BigUint) -> Option<Montgomery> {
        let digits = modulus.to_u64_digits();
        let lowest = *digits.first()?;
        if lowest % 2 == 0 || modulus.bits() < 2 || digits.len() > MAX_WORDS {
            return None;
        }
        // Newton's iteration doubles the right bits: 3 at the start, 96 after five steps.
        let mut inverse = lowest;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(lowest.wrapping_mul(inverse)));
        }
        let mut n = [0; MAX_WORDS];
        n[..digits.len()].copy_from_slice(&digits);
        Some(Montgomery {
            modulus: modulus.clone(),
            n,
            words: digits.len(),
            inverse: inverse.wrapping_neg(),
        })
    }

    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// The residue of a number.
    pub(super) fn enter(&self, number: &BigUint) -> Residue {
        let shifted = (number << (64 * self.words)) % &self.modulus;
        let mut residue = [0; MAX_WORDS];
        for (word, digit) in residue.iter_mut().zip(shifted.iter_u64_digits()) {
            *word = digit;
        }
        residue
    }

    /// A number that has the same divisors in common with the modulus as the residue: `a R`, not `a`.
    pub(super) fn same_divisors(&self, residue: &Residue) -> BigUint {
        residue[..self.words]
            .iter()
            .rev()
            .fold(BigUint::ZERO, |sum, &word| (sum << 64u32) + word)
    }

    /// `a b`.
    pub(super) fn mul(&self, a: &Residue, b: &Residue) -> Residue {
        let words = self.words;
        let (b, n) = (&b[..words], &self.n[..words]);
        let mut sum = [0u64; MAX_WORDS];
        let mut top = 0u64;
        for &digit in &a[..words] {
            // sum += digit * b, then sum = (sum + factor * n) / 2^64: both in one pass.
            let low = u128::from(digit) * u128::from(b[0]) + u128::from(sum[0]);
            let factor = (low as u64).wrapping_mul(self.inverse);
            let zero = u128::from(factor) * u128::from(n[0]) + u128::from(low as u64);
            let (mut carry_b, mut carry_n) = ((low >> 64) as u64, (zero >> 64) as u64);
            for j in 1..words {
                let with_b =
                    u128::from(digit) * u128::from(b[j]) + u128::from(sum[j]) + u128::from(carry_b);
                let with_n = u128::from(factor) * u128::from(n[j])
                    + u128::from(with_b as u64)
                    + u128::from(carry_n);
                sum[j - 1] = with_n as u64;
                (carry_b, carry_n) = ((with_b >> 64) as u64, (with_n >> 64) as u64);
            }
            let last = u128::from(top) + u128::from(carry_b) + u128::from(carry_n);
            (sum[words - 1], top) = (last as u64, (last >> 64) as u64);
        }
        self.reduced(sum, top)
    }

    /// `a + b`.
    pub(super) fn add(&self, a: &Residue, b: &Residue) -> Residue {
        let mut sum = [0u64; MAX_WORDS];
        let mut carry = 0;
        for j in 0..self.words {
            let word = u128::from(a[j]) + u128::from(b[j]) + u128::from(carry);
            (sum[j], carry) = (word as u64, (word >> 64) as u64);
        }
        self.reduced(sum, carry)
    }

    /// `a - b`.
    pub(super) fn sub(&self, a: &Residue, b: &Residue) -> Residue {
        let (mut difference, borrow) = self.subtract(a, b);
        if borrow {
            let mut carry = 0;
            for (word, &n) in difference.iter_mut().zip(&self.n[..self.words]) {
                let sum = u128::from(*word) + u128::from(n) + u128::from(carry);
                (*word, carry) = (sum as u64, (sum >> 64) as u64);
            }
        }
        difference
    }

    /// A number below twice the modulus, made less than it; `top` is its word past the last.
    fn reduced(&self, number: Residue, top: u64) -> Residue {
        let (less, borrow) = self.subtract(&number, &self.n);
        if top == 0 && borrow { number } else { less }
    }

    fn subtract(&self, a: &Residue, b: &Residue) -> (Residue, bool) {
        let mut difference = [0u64; MAX_WORDS];
        let mut borrow = false;
        for j in 0..self.words {
            let (once, first) = a[j].overflowing_sub(b[j]);
            let (twice, second) = once.overflowing_sub(u64::from(borrow));
            (difference[j], borrow) = (twice, first || second);
        }
        (difference, borrow)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_sums_and_differences_are_those_of_big_integers(
            n in prop::collection::vec(any::<u64>(), 1..=MAX_WORDS),
            a in prop::collection::vec(any::<u64>(), 1..=MAX_WORDS),
            b in prop::collection::vec(any::<u64>(), 1..=MAX_WORDS),
        ) {
            let number = |words: &[u64]| words.iter().fold(BigUint::ZERO, |sum, &w| (sum << 64u32) + w);
            let n = number(&n) | BigUint::from(3u32);
            let arithmetic = Montgomery::new(&n).expect("odd");
            let (a, b) = (number(&a) % &n, number(&b) % &n);
            let (x, y) = (arithmetic.enter(&a), arithmetic.enter(&b));
            prop_assert_eq!(arithmetic.mul(&x, &y), arithmetic.enter(&(&a * &b)));
            prop_assert_eq!(arithmetic.add(&x, &y), arithmetic.enter(&(&a + &b)));
            prop_assert_eq!(arithmetic.sub(&x, &y), arithmetic.enter(&(&a + &n - &b)));
        }
    }
}
