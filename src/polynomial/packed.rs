//! Polynomials over GF(2), a coefficient a bit.
//!
//! Products go through sixteen multiples of one factor, as in J. López and R. Dahab, "High-speed software multiplication
//! in F_2^m", INDOCRYPT 2000. Remainders by a fixed modulus go byte by byte through its 256 multiples, so that it does
//! not matter how many terms it has.

use super::random::Generator;
use super::ring::Ring;

/// The polynomials over GF(2).
pub(super) struct Packed;

/// The coefficient of `x^i` is bit `i % 64` of word `i / 64`; the last word is not 0.
type Words = Vec<u64>;

fn trimmed(mut words: Words) -> Words {
    let zeros = words.iter().rev().take_while(|&&word| word == 0).count();
    words.truncate(words.len() - zeros);
    words
}

/// Number of bits up to the highest that is set: the degree and 1, or 0 for 0.
fn bits(words: &[u64]) -> usize {
    match words.iter().rposition(|&word| word != 0) {
        Some(last) => 64 * last + 64 - words[last].leading_zeros() as usize,
        None => 0,
    }
}

/// `target += source * x^shift`; `target` is long enough for all bits that are set.
fn add_shifted(target: &mut [u64], source: &[u64], shift: usize) {
    let (words, shift) = (shift / 64, shift % 64);
    let Some(target) = target.get_mut(words..) else {
        return;
    };
    if shift == 0 {
        for (sum, &word) in target.iter_mut().zip(source) {
            *sum ^= word;
        }
        return;
    }
    let mut carry = 0;
    for (sum, &word) in target.iter_mut().zip(source.iter().chain(&[0])) {
        *sum ^= word << shift | carry;
        carry = word >> (64 - shift);
    }
}

/// The bits of half a word drawn apart: bit `i` goes to bit `2 i`.
fn spread(half: u32) -> u64 {
    let mut word = u64::from(half);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        word = (word | word << shift) & mask;
    }
    word
}

/// Every second bit of a word, drawn together.
fn gather(word: u64) -> u64 {
    let mut half = word & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        half = (half | half >> shift) & mask;
    }
    half
}

fn square(words: &[u64]) -> Words {
    words
        .iter()
        .flat_map(|&word| [spread(word as u32), spread((word >> 32) as u32)])
        .collect()
}

fn product(a: &[u64], b: &[u64]) -> Words {
    let width = b.len() + 1;
    // multiples[i]: i(x) b(x), for all i of four bits.
    let mut multiples = vec![0; 16 * width];
    for i in 1..16 {
        let (known, new) = multiples.split_at_mut(i * width);
        if i % 2 == 0 {
            add_shifted(&mut new[..width], &known[i / 2 * width..][..width], 1);
        } else {
            new[..width].copy_from_slice(&known[(i - 1) * width..][..width]);
            add_shifted(&mut new[..width], b, 0);
        }
    }
    let mut sum = vec![0; a.len() + width];
    for nibble in (0..16).rev() {
        let mut carry = 0;
        for word in &mut sum {
            (*word, carry) = (*word << 4 | carry, *word >> 60);
        }
        for (i, word) in a.iter().enumerate() {
            let digit = (word >> (4 * nibble) & 15) as usize;
            add_shifted(&mut sum[i..], &multiples[digit * width..][..width], 0);
        }
    }
    sum
}

/// A modulus, of degree 1 or more.
pub(super) struct PackedModulus {
    polynomial: Words,
    /// The words of a remainder.
    words: usize,
    /// By so much the modulus is shifted for its highest bit to be bit 0 of word `words`.
    shift: usize,
    /// At `words * byte`: that byte times `x^(64 words)`, modulo the shifted modulus.
    multiples: Vec<u64>,
}

impl PackedModulus {
    fn new(polynomial: Words) -> PackedModulus {
        let degree = bits(&polynomial).saturating_sub(1);
        let words = degree.div_ceil(64);
        let shift = 64 * words - degree;
        let mut shifted = vec![0; words + 1];
        add_shifted(&mut shifted, &polynomial, shift);
        shifted.truncate(words);
        let mut multiples = vec![0; 256 * words];
        for byte in 1..256 {
            let (known, new) = multiples.split_at_mut(byte * words);
            let new = &mut new[..words];
            if byte == 1 {
                new.copy_from_slice(&shifted);
            } else if byte % 2 == 0 {
                let half = &known[byte / 2 * words..][..words];
                add_shifted(new, half, 1);
                if half[words - 1] >> 63 == 1 {
                    add_shifted(new, &shifted, 0);
                }
            } else {
                new.copy_from_slice(&known[(byte - 1) * words..][..words]);
                add_shifted(new, &shifted, 0);
            }
        }
        PackedModulus {
            polynomial,
            words,
            shift,
            multiples,
        }
    }

    /// The remainder.
    fn reduce(&self, dividend: &[u64]) -> Words {
        let words = self.words;
        if words == 0 {
            return Vec::new();
        }
        // Shifted as the modulus is: the remainder of the one is the shifted remainder of the other.
        let mut rest = vec![0; dividend.len() + 1];
        add_shifted(&mut rest, dividend, self.shift);
        for top in (words..rest.len()).rev() {
            let (lower, upper) = rest.split_at_mut(top);
            let lower = &mut lower[top - words..];
            let word = &mut upper[0];
            for shift in (0..64).step_by(8).rev() {
                let byte = (*word >> shift & 255) as usize;
                let multiple = &self.multiples[byte * words..][..words];
                if shift == 0 {
                    for (sum, &m) in lower.iter_mut().zip(multiple) {
                        *sum ^= m;
                    }
                } else {
                    let mut carry = 0;
                    for (sum, &m) in lower.iter_mut().zip(multiple) {
                        *sum ^= m << shift | carry;
                        carry = m >> (64 - shift);
                    }
                    *word ^= carry;
                }
            }
        }
        rest.truncate(words);
        shift_down(&mut rest, self.shift);
        trimmed(rest)
    }
}

/// Divides by `x^shift`, for a shift below 64.
fn shift_down(words: &mut [u64], shift: usize) {
    if shift == 0 {
        return;
    }
    let mut carry = 0;
    for word in words.iter_mut().rev() {
        (*word, carry) = (*word >> shift | carry, *word << (64 - shift));
    }
}

impl Ring for Packed {
    type Polynomial = Words;
    type Modulus = PackedModulus;

    fn prime_power(&self) -> (u32, u32) {
        (2, 1)
    }

    fn read(&self, coefficients: &[u32]) -> Words {
        let mut words = vec![0; coefficients.len().div_ceil(64)];
        for (i, &c) in coefficients.iter().enumerate() {
            words[i / 64] |= u64::from(c & 1) << (i % 64);
        }
        trimmed(words)
    }

    fn write(&self, polynomial: &Words) -> Vec<u32> {
        (0..bits(polynomial))
            .map(|i| (polynomial[i / 64] >> (i % 64) & 1) as u32)
            .collect()
    }

    fn degree(&self, polynomial: &Words) -> usize {
        bits(polynomial).saturating_sub(1)
    }

    fn is_zero(&self, polynomial: &Words) -> bool {
        polynomial.is_empty()
    }

    fn is_one(&self, polynomial: &Words) -> bool {
        polynomial[..] == [1]
    }

    fn add(&self, a: &Words, b: &Words) -> Words {
        let (mut sum, other) = if a.len() < b.len() {
            (b.clone(), a)
        } else {
            (a.clone(), b)
        };
        add_shifted(&mut sum, other, 0);
        trimmed(sum)
    }

    fn sub(&self, a: &Words, b: &Words) -> Words {
        self.add(a, b)
    }

    fn div_rem(&self, a: &Words, b: &Words) -> (Words, Words) {
        let divisor = bits(b);
        let mut rest = a.clone();
        if divisor == 0 {
            return (Vec::new(), rest);
        }
        let mut left = bits(&rest);
        let mut quotient = vec![0; (left + 1).saturating_sub(divisor).div_ceil(64)];
        while left >= divisor {
            let shift = left - divisor;
            quotient[shift / 64] |= 1 << (shift % 64);
            add_shifted(&mut rest, b, shift);
            rest.truncate(left.div_ceil(64));
            left = bits(&rest);
        }
        (trimmed(quotient), trimmed(rest))
    }

    fn monic(&self, a: &Words) -> Words {
        a.clone()
    }

    /// Euclid's algorithm in place.
    fn gcd(&self, a: &Words, b: &Words) -> Words {
        let (mut a, mut b) = (a.clone(), b.clone());
        let (mut high, mut low) = (bits(&a), bits(&b));
        loop {
            if high < low {
                std::mem::swap(&mut a, &mut b);
                std::mem::swap(&mut high, &mut low);
            }
            if low == 0 {
                return trimmed(a);
            }
            add_shifted(&mut a, &b[..low.div_ceil(64)], high - low);
            a.truncate(high.div_ceil(64));
            high = bits(&a);
        }
    }

    fn derivative(&self, a: &Words) -> Words {
        // Only odd exponents stay, and go down by one.
        let odd = a.iter().map(|word| word >> 1 & 0x5555_5555_5555_5555);
        trimmed(odd.collect())
    }

    fn pth_root(&self, a: &Words) -> Words {
        let half = |i: usize| a.get(i).copied().map_or(0, gather);
        let words = (0..a.len().div_ceil(2)).map(|i| half(2 * i) | half(2 * i + 1) << 32);
        trimmed(words.collect())
    }

    fn random(&self, degree: usize, generator: &mut Generator) -> Words {
        let mut words: Words = (0..degree.div_ceil(64)).map(|_| generator.next()).collect();
        if let Some(last) = words.last_mut().filter(|_| !degree.is_multiple_of(64)) {
            *last &= (1 << (degree % 64)) - 1;
        }
        trimmed(words)
    }

    fn modulus(&self, polynomial: Words) -> PackedModulus {
        PackedModulus::new(polynomial)
    }

    fn polynomial<'m>(&self, modulus: &'m PackedModulus) -> &'m Words {
        &modulus.polynomial
    }

    fn mul_mod(&self, a: &Words, b: &Words, modulus: &PackedModulus) -> Words {
        modulus.reduce(&product(a, b))
    }

    fn square_mod(&self, a: &Words, modulus: &PackedModulus) -> Words {
        modulus.reduce(&square(a))
    }

    fn times_x_mod(&self, a: &Words, modulus: &PackedModulus) -> Words {
        let mut shifted = vec![0; bits(a) / 64 + 1];
        add_shifted(&mut shifted, a, 1);
        let degree = bits(&modulus.polynomial) - 1;
        // The factor is below the degree, so the product is at most at it.
        if bits(&shifted) == degree + 1 {
            add_shifted(&mut shifted, &modulus.polynomial, 0);
        }
        trimmed(shifted)
    }
}
