//! Hundreds of segments at once, one in each bit of wide words: the kernel for fields of characteristic 2 and 3.
//!
//! A *lane* is one bit place of a [`Plane`] of 512 bits, and walks one segment. Symbols lie in *planes*: a plane holds one
//! bit of one symbol for all lanes. A symbol of GF(2^k) has `k` planes, its coefficients as a polynomial in `z`; one of
//! GF(3^k) has two for each coefficient, the first set where it is 1, the second where it is 2. Symbols are kept in
//! their order in time, so a step moves nothing: the new symbol is computed from the planes of the `d` before it and put
//! behind them. Multiplication by a constant is a linear map of coefficients, so each coefficient of the new
//! symbol is a sum of some of the old ones (`feedback.rs`). The idea is that of E. Biham, "A fast new DES
//! implementation in software", FSE 1997.
//!
//! A lane has arrived when `K` symbols in a row are zero: an OR over `K` symbols, which doubling builds in `log2 K`
//! passes over a *block* of steps (`block.rs`). In most steps no lane arrives; where one does, its node is read out of
//! its bit place, and at the end of the block the lane begins at the next node that waits. What a lane does between
//! its arrival and the end of the block is nobody's.
//!
//! The result is the same segments as the packed kernel finds, which the tests hold against it.

mod block;
mod feedback;

use std::ops::Range;

use self::block::{Block, Plane, WORDS};
use self::feedback::Feedback;
use super::ranges::Layout;
use crate::field::Field;

/// Segments that are walked at once.
pub(super) const LANES: u64 = WORDS as u64 * u64::BITS as u64;

/// The kernel of one reduced register.
#[derive(Debug)]
pub(super) struct Sliced {
    layout: Layout,
    /// The characteristic of the field, 2 or 3.
    base: u64,
    /// Coefficients of a symbol: base-2 or base-3 digits.
    digits: u32,
    feedback: Feedback,
}

/// The segment that a lane is on.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    node: u64,
    /// The common count of steps when it began.
    began: u64,
}

impl Sliced {
    /// Whether there is a kernel of this kind for a field.
    pub fn is_for(field: &Field) -> bool {
        matches!(field.characteristic(), 2 | 3)
    }

    /// The kernel for a reduced register with these coefficients, `c0` first; `None` for other fields.
    pub fn new(layout: Layout, field: &Field, coefficients: &[u32]) -> Option<Sliced> {
        Some(Sliced {
            layout,
            base: field.characteristic().into(),
            digits: field.extension_degree(),
            feedback: Feedback::new(field, coefficients)?,
        })
    }

    /// Walks from each of these nodes to the next, and calls `done(node, successor, length)` for each, in any order.
    pub fn walk(&self, nodes: Range<u64>, mut done: impl FnMut(u64, u64, u64)) {
        let mut waiting = nodes;
        let mut walk = Walk {
            kernel: self,
            block: Block::new(&self.feedback, self.layout.degree, self.layout.zeros),
            lanes: [Lane::default(); LANES as usize],
            alive: [0; WORDS],
            time: 0,
        };
        for (lane, node) in (0..LANES as usize).zip(&mut waiting) {
            walk.begin(lane, node);
        }
        let mut arrived = Vec::with_capacity(LANES as usize);
        while walk.alive != [0; WORDS] {
            walk.block.run(&self.feedback);
            walk.arrivals(&mut arrived, &mut done);
            walk.time += walk.block.steps() as u64;
            walk.block.turn();
            for (lane, node) in arrived.drain(..).zip(&mut waiting) {
                walk.begin(lane, node);
            }
        }
    }

    /// The digits of the symbols from place `K` on that a node's index stands for, the first symbol's first: the index is
    /// written in base q, and each of its digits in base p.
    fn node_digits(&self, node: u64) -> impl Iterator<Item = u64> {
        let mut rest = node;
        let count = (self.layout.degree - self.layout.zeros) * self.digits;
        (0..count).map(move |_| {
            let digit = rest % self.base;
            rest /= self.base;
            digit
        })
    }
}

/// A walk under way.
struct Walk<'a> {
    kernel: &'a Sliced,
    block: Block,
    lanes: [Lane; LANES as usize],
    /// Lanes that have not arrived yet.
    alive: Plane,
    time: u64,
}

impl Walk<'_> {
    /// A lane begins at a node: `K` zeros, and the symbols of its index.
    fn begin(&mut self, lane: usize, node: u64) {
        let digits = self.kernel.digits as usize;
        let zeros = self.kernel.layout.zeros as usize * digits;
        let (word, bit) = (lane / 64, lane % 64);
        for place in 0..zeros {
            self.put(place, word, bit, 0);
        }
        for (place, digit) in (zeros..).zip(self.kernel.node_digits(node)) {
            self.put(place, word, bit, digit);
        }
        self.alive[word] |= 1 << bit;
        self.lanes[lane] = Lane {
            node,
            began: self.time,
        };
    }

    /// Sets digit `place` of the state, counted over all its symbols.
    #[inline]
    fn put(&mut self, place: usize, word: usize, bit: usize, digit: u64) {
        if self.kernel.base == 2 {
            self.block.put(place, word, bit, digit);
        } else {
            self.block.put(2 * place, word, bit, digit & 1);
            self.block.put(2 * place + 1, word, bit, digit >> 1);
        }
    }

    /// Notes the first arrival in this block of each lane that lives.
    fn arrivals(&mut self, arrived: &mut Vec<usize>, done: &mut impl FnMut(u64, u64, u64)) {
        let mut from = 0;
        while let Some(step) = self.block.next_arrival(from, &self.alive) {
            for word in 0..WORDS {
                let mut here = self.block.zeros_at(step, word) & self.alive[word];
                self.alive[word] &= !here;
                while here != 0 {
                    let bit = here.trailing_zeros() as usize;
                    here &= here - 1;
                    let lane = word * 64 + bit;
                    let Lane { node, began } = self.lanes[lane];
                    let length = self.time + step as u64 + 1 - began;
                    done(node, self.node_at(step, word, bit), length);
                    arrived.push(lane);
                }
            }
            from = step + 1;
        }
    }

    /// The index of the node at which a lane is after so many steps of the block and one.
    fn node_at(&self, step: usize, word: usize, bit: usize) -> u64 {
        let digits = self.kernel.digits as usize;
        let places =
            self.kernel.layout.zeros as usize * digits..self.kernel.layout.degree as usize * digits;
        let first = (step + 1) * digits;
        if self.kernel.base == 2 {
            return places.rev().fold(0, |node, place| {
                node << 1 | self.block.get(first + place, word, bit)
            });
        }
        places.rev().fold(0, |node, place| {
            let plane = 2 * (first + place);
            let (one, two) = (
                self.block.get(plane, word, bit),
                self.block.get(plane + 1, word, bit),
            );
            node * 3 + one + 2 * two
        })
    }
}

#[cfg(test)]
mod tests;
