//! The shortest register that generates given symbols: the Berlekamp-Massey algorithm.
//!
//! As in J. L. Massey, "Shift-register synthesis and BCH decoding", IEEE Transactions on Information Theory 15 (1969),
//! 122-127; R. Lidl and H. Niederreiter, *Finite Fields*, chapter 8, section 6. It keeps a *connection polynomial*
//! `C(x) = 1 + C1 x + ... + CL x^L`, with `s(n) + C1 s(n-1) + ... + CL s(n-L) = 0` for all symbols read so far. The next symbol
//! makes a *discrepancy*, that sum. Where it is not 0, a multiple of an older connection polynomial puts it right: the one
//! before the length `L` last grew. If `2L <= n`, no register of length `L` can go on, and `L` becomes `n+1-L`.
//!
//! Coefficients here are those of every register: `c(i) = -C(L-i)`. `C` may have a degree below `L`; then `c0 = 0`, the
//! register is singular, and a shorter one generates all but the first symbols. Programs that give the polynomial alone
//! lose that.
//!
//! There are two ways: over any field, a coefficient a word; and over GF(2), where sums of 64 products are one operation
//! and `n` symbols take some `n^2 / 256` to `n^2 / 128` of them. A test compares them.

use super::{SequenceError, check_elements};
use crate::field::Field;
use crate::lfsr::Register;

/// The shortest register that generates a finite sequence from its first symbols on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortestRegister {
    /// The field of its symbols.
    pub field: Field,
    /// Number of symbols of the sequence, `n`.
    pub symbols: usize,
    /// Its coefficients `c0 .. c(L-1)`; none where all symbols are 0. `c0` may be 0. Where another register of this length
    /// generates the sequence too, these are one choice.
    pub coefficients: Vec<u32>,
    /// Where the linear complexity grew, in the order of the symbols; between two jumps it stays.
    pub profile: Vec<Jump>,
}

/// A growth of the linear complexity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// After so many symbols, from 1 on.
    pub symbols: usize,
    /// The complexity from there on.
    pub linear_complexity: usize,
}

impl ShortestRegister {
    /// The length of the shortest register, from 0 (all symbols 0) to the number of symbols.
    pub fn linear_complexity(&self) -> usize {
        self.coefficients.len()
    }

    /// Whether no other register of this length generates the sequence: exactly if it has `2L` symbols or more.
    pub fn is_unique(&self) -> bool {
        2 * self.linear_complexity() <= self.symbols
    }

    /// The characteristic polynomial `x^L - c(L-1) x^(L-1) - ... - c0`, coefficients from low to high.
    pub fn characteristic_polynomial(&self) -> Vec<u32> {
        let lower = self.coefficients.iter().map(|&c| self.field.neg(c));
        lower.chain([1]).collect()
    }

    /// The register itself; `None` for length 0 and beyond [`MAX_DEGREE`](crate::lfsr::MAX_DEGREE).
    pub fn register(&self) -> Option<Register> {
        Register::over(self.field.clone(), &self.coefficients).ok()
    }
}

/// The shortest register that generates these symbols. The time grows with the square of their number: a million over
/// GF(2), or fifty thousand over another field, take some two seconds.
///
/// # Errors
///
/// [`SequenceError::NoElement`].
pub fn shortest_register(
    field: &Field,
    symbols: &[u32],
) -> Result<ShortestRegister, SequenceError> {
    check_elements(field, symbols)?;
    let (connection, profile) = if field.order() == 2 {
        packed(symbols)
    } else {
        general(field, symbols)
    };
    Ok(ShortestRegister {
        symbols: symbols.len(),
        coefficients: connection[1..]
            .iter()
            .rev()
            .map(|&c| field.neg(c))
            .collect(),
        profile,
        field: field.clone(),
    })
}

/// `C0 = 1, C1, ..., CL`, and the profile.
type Synthesis = (Vec<u32>, Vec<Jump>);

/// What both ways count alike.
struct Course {
    /// `L`.
    length: usize,
    /// The length before it last grew: that of the older polynomial.
    older_length: usize,
    /// By this power of x the older polynomial is multiplied when it puts the next discrepancy right.
    shift: usize,
    profile: Vec<Jump>,
}

impl Course {
    fn new() -> Course {
        Course {
            length: 0,
            older_length: 0,
            shift: 1,
            profile: Vec::new(),
        }
    }

    /// Whether symbol `n`, which the register does not give, makes it longer.
    fn grows(&self, n: usize) -> bool {
        2 * self.length <= n
    }

    /// The register has become longer at symbol `n`, and the older polynomial another.
    fn grow(&mut self, n: usize) {
        self.older_length = self.length;
        self.length = n + 1 - self.length;
        self.shift = 1;
        self.profile.push(Jump {
            symbols: n + 1,
            linear_complexity: self.length,
        });
    }
}

/// Over any field.
pub(super) fn general(field: &Field, symbols: &[u32]) -> Synthesis {
    let mut course = Course::new();
    // The degree never exceeds the number of symbols read.
    let mut current = vec![0; symbols.len() + 1];
    let mut older = current.clone();
    (current[0], older[0]) = (1, 1);
    let mut older_discrepancy = 1;
    for n in 0..symbols.len() {
        let discrepancy = discrepancy(
            field,
            &current[..=course.length],
            &symbols[n - course.length..=n],
        );
        if discrepancy == 0 {
            course.shift += 1;
            continue;
        }
        let inverse = field.inv(older_discrepancy).unwrap_or(0); // it is never 0
        let factor = field.neg(field.mul(discrepancy, inverse));
        let multiples: Vec<u32> = (0..field.order()).map(|b| field.mul(factor, b)).collect();
        let correct = |current: &mut [u32], course: &Course, older: &[u32]| {
            let older = &older[..=course.older_length];
            for (c, &b) in current[course.shift..].iter_mut().zip(older) {
                *c = field.add(*c, multiples[b as usize]);
            }
        };
        if course.grows(n) {
            let before = current[..=course.length].to_vec();
            correct(&mut current, &course, &older);
            older[..before.len()].copy_from_slice(&before);
            older_discrepancy = discrepancy;
            course.grow(n);
        } else {
            correct(&mut current, &course, &older);
            course.shift += 1;
        }
    }
    current.truncate(course.length + 1);
    (current, course.profile)
}

/// The sum of `C(i) s(n-i)`; `symbols` are `s(n-L) .. s(n)`. Four sums at a time, since each addition waits for the last.
fn discrepancy(field: &Field, connection: &[u32], symbols: &[u32]) -> u32 {
    let mut sums = [0; 4];
    let (connections, symbols_left) = (connection.chunks(4), symbols.rchunks(4));
    for (connection, symbols) in connections.zip(symbols_left) {
        for ((sum, &c), &s) in sums.iter_mut().zip(connection).zip(symbols.iter().rev()) {
            *sum = field.add(*sum, field.mul(c, s));
        }
    }
    sums.iter().fold(0, |total, &sum| field.add(total, sum))
}

/// Over GF(2). Polynomials are words, `C(64 w + i)` bit `i` of word `w`, with one word of zeros before them, from which bits
/// are moved in, and enough of them behind.
pub(super) fn packed(symbols: &[u32]) -> Synthesis {
    let mut course = Course::new();
    let total = symbols.len();
    // Bit i is the i-th symbol from the end, so that the symbols before s(n) follow it.
    let mut reversed = vec![0; total / 64 + 3];
    for (i, &symbol) in symbols.iter().rev().enumerate() {
        reversed[i / 64] |= u64::from(symbol) << (i % 64);
    }
    let mut current = vec![0u64; total / 64 + 4];
    current[1] = 1;
    let mut older = current.clone();
    let mut before = current.clone();
    for n in 0..total {
        let words = course.length / 64 + 1;
        let first = total - 1 - n;
        if !is_odd(&current[1..=words], &reversed[first / 64..], first % 64) {
            course.shift += 1;
            continue;
        }
        let grows = course.grows(n);
        if grows {
            // One more than it has words: older values are left beyond.
            before[..words + 2].copy_from_slice(&current[..words + 2]);
        }
        add_shifted(
            &mut current[1 + course.shift / 64..],
            &older[..course.older_length / 64 + 3],
            course.shift % 64,
        );
        if grows {
            std::mem::swap(&mut older, &mut before);
            course.grow(n);
        } else {
            course.shift += 1;
        }
    }
    let bit = |i: usize| (current[1 + i / 64] >> (i % 64) & 1) as u32;
    ((0..=course.length).map(bit).collect(), course.profile)
}

/// Whether the number of places is odd where `words` and `bits`, moved down by `shift`, both have a 1. `bits` has at least one
/// word more.
#[multiversion::multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn is_odd(words: &[u64], bits: &[u64], shift: usize) -> bool {
    let pairs = bits.iter().zip(&bits[1..]);
    let both = words.iter().zip(pairs).fold(0, |sum, (word, (low, high))| {
        // In two steps: moving by all 64 places is not defined.
        sum ^ (word & (low >> shift | high << 1 << (63 - shift)))
    });
    both.count_ones() % 2 == 1
}

/// Adds a polynomial, moved up by `shift`; its first word is the one of zeros before it. What is moved beyond the end of
/// `target` is 0.
#[multiversion::multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add_shifted(target: &mut [u64], older: &[u64], shift: usize) {
    let pairs = older.iter().zip(&older[1..]);
    for (sum, (low, high)) in target.iter_mut().zip(pairs) {
        *sum ^= high << shift | low >> 1 >> (63 - shift);
    }
}
