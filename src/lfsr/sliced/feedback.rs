//! The new symbol as sums of planes.
//!
//! Over GF(p^k) the sum `c0 s(n) + c1 s(n+1) + ...` is linear over GF(p): its coefficient of `z^j` is a sum of coefficients
//! of the `s(n+i)`, each times a constant of GF(p). Over GF(2) the constants are 1 and the sum is an XOR. Over GF(3) they
//! are 1 or 2; times 2 is the exchange of the two planes of a coefficient.

use super::block::{Plane, or, xor};
use crate::field::Field;

/// How a new symbol comes from those before it. Planes are counted from the oldest symbol's first.
#[derive(Debug)]
pub(super) enum Feedback {
    /// One plane a coefficient: for each of the new symbol, the planes that are added.
    Binary(Vec<Vec<usize>>),
    /// Two planes a coefficient: for each of the new symbol, what is added.
    Ternary(Vec<Vec<Term>>),
}

/// A coefficient of GF(3) that is added: where its planes of ones and of twos are, or, times 2, the other way round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    ones: usize,
    twos: usize,
}

impl Feedback {
    /// `None` unless the characteristic is 2 or 3.
    pub fn new(field: &Field, coefficients: &[u32]) -> Option<Feedback> {
        let (p, k) = (field.characteristic(), field.extension_degree());
        // The coefficients of the new symbol: for each, where a coefficient of an old one is, and its factor.
        let sums = (0..k).map(|j| {
            coefficients
                .iter()
                .enumerate()
                .flat_map(move |(place, &c)| {
                    (0..k).filter_map(move |i| {
                        let image = field.mul(c, p.pow(i));
                        let factor = image / p.pow(j) % p;
                        (factor != 0).then_some((place * k as usize + i as usize, factor))
                    })
                })
        });
        match p {
            2 => Some(Feedback::Binary(
                sums.map(|sum| sum.map(|(plane, _)| plane).collect())
                    .collect(),
            )),
            3 => {
                let term = |(place, factor)| {
                    let (first, second) = (2 * place, 2 * place + 1);
                    match factor {
                        1 => Term {
                            ones: first,
                            twos: second,
                        },
                        _ => Term {
                            ones: second,
                            twos: first,
                        },
                    }
                };
                Some(Feedback::Ternary(
                    sums.map(|sum| sum.map(term).collect()).collect(),
                ))
            }
            _ => None,
        }
    }

    /// Planes of one symbol.
    pub fn planes(&self) -> usize {
        match self {
            Feedback::Binary(sums) => sums.len(),
            Feedback::Ternary(sums) => 2 * sums.len(),
        }
    }

    /// Computes the symbols from number `degree` of the buffer to its end.
    #[inline(always)]
    pub fn extend(&self, buffer: &mut [Plane], degree: usize) {
        match self {
            // What most registers are: over GF(2), with few taps.
            Feedback::Binary(sums) if sums.len() == 1 => match *sums[0].as_slice() {
                [a] => extend_by([a], buffer, degree),
                [a, b] => extend_by([a, b], buffer, degree),
                [a, b, c] => extend_by([a, b, c], buffer, degree),
                [a, b, c, d] => extend_by([a, b, c, d], buffer, degree),
                [a, b, c, d, e, f] => extend_by([a, b, c, d, e, f], buffer, degree),
                _ => extend_binary(sums, buffer, degree),
            },
            Feedback::Binary(sums) => extend_binary(sums, buffer, degree),
            Feedback::Ternary(sums) => extend_ternary(sums, buffer, degree),
        }
    }
}

#[inline(always)]
fn extend_by<const TAPS: usize>(taps: [usize; TAPS], buffer: &mut [Plane], degree: usize) {
    for oldest in 0..buffer.len() - degree {
        let symbols = &mut buffer[oldest..=oldest + degree];
        let mut sum = symbols[taps[0]];
        for &tap in &taps[1..] {
            sum = xor(&sum, &symbols[tap]);
        }
        symbols[degree] = sum;
    }
}

#[inline(always)]
fn extend_binary(sums: &[Vec<usize>], buffer: &mut [Plane], degree: usize) {
    let planes = sums.len();
    for oldest in 0..buffer.len() / planes - degree {
        let symbols = &mut buffer[oldest * planes..(oldest + degree + 1) * planes];
        for (plane, taps) in sums.iter().enumerate() {
            let sum = taps
                .iter()
                .fold([0; _], |sum, &tap| xor(&sum, &symbols[tap]));
            symbols[degree * planes + plane] = sum;
        }
    }
}

#[inline(always)]
fn extend_ternary(sums: &[Vec<Term>], buffer: &mut [Plane], degree: usize) {
    let planes = 2 * sums.len();
    for oldest in 0..buffer.len() / planes - degree {
        let symbols = &mut buffer[oldest * planes..(oldest + degree + 1) * planes];
        for (digit, terms) in sums.iter().enumerate() {
            let zero = ([0; _], [0; _]);
            let (ones, twos) = terms.iter().fold(zero, |(ones, twos), term| {
                add_ternary(&ones, &twos, &symbols[term.ones], &symbols[term.twos])
            });
            symbols[degree * planes + 2 * digit] = ones;
            symbols[degree * planes + 2 * digit + 1] = twos;
        }
    }
}

/// The sum of two coefficients of GF(3) in every lane, each given by where it is 1 and where it is 2: seven operations.
#[inline(always)]
pub(super) fn add_ternary(a1: &Plane, a2: &Plane, b1: &Plane, b2: &Plane) -> (Plane, Plane) {
    let mixed = xor(&or(a1, b2), &or(a2, b1));
    (xor(&or(a2, b2), &mixed), xor(&or(a1, b1), &mixed))
}
