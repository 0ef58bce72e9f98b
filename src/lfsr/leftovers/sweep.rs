//! Candidates for leftover cycles: those that meet no distinguished state.
//!
//! A leftover cycle is counted at its smallest state, where states compare as words of symbols, the
//! oldest first. To walk from every state until a smaller one comes would cost several times the rest of
//! the work, so states that cannot be the smallest are never tried: the state holds `d` consecutive
//! symbols of the cycle, and each of its ends, read as the beginning of a later state, must not be
//! smaller than its own beginning. Words with that property are the *prenecklaces*; they are about one
//! in `d`, and F. Ruskey, C. Savage and T. Wang, "Generating necklaces", Journal of Algorithms 13 (1992)
//! tell how to grow them symbol by symbol. Here the newest `d - K` symbols are given, by the node whose
//! block of states is being swept, and only the `K` oldest are grown.
//!
//! The smallest state begins with the longest run of zeros of its cycle. So the given symbols' longest
//! run is where growing starts, which cuts off most of the tree. The run stays free while the range
//! fixes the other end of the word: that is why all ranges have about the same share of candidates.

use crate::lfsr::kernel::Packing;
use crate::lfsr::ranges::Layout;

/// Grows the candidates of one block after the other.
#[derive(Debug)]
pub(super) struct Sweep {
    layout: Layout,
    packing: Packing,
    /// The symbols from place 1 on, the oldest first; place 0 is a zero that ends the recursion.
    word: Vec<u32>,
    /// The node's symbols, packed.
    given: u64,
    /// A grown part below this begins with a longer run of zeros than any among the given symbols.
    longer_run: u64,
}

impl Sweep {
    pub fn new(layout: Layout, packing: Packing) -> Sweep {
        Sweep {
            layout,
            packing,
            word: vec![0; layout.degree as usize + 1],
            given: 0,
            longer_run: 0,
        }
    }

    /// Calls `emit` with the word of each candidate in the block of `node`: the `q^K` states whose
    /// newest `d - K` symbols are the node's.
    pub fn candidates(&mut self, node: u64, emit: &mut impl FnMut(u64)) {
        let zeros = self.layout.zeros as usize;
        let order = u64::from(self.layout.order);
        let (mut rest, mut run, mut longest) = (node, 0, 0);
        for symbol in &mut self.word[zeros + 1..] {
            *symbol = (rest % order) as u32; // below the order
            rest /= order;
            run = if *symbol == 0 { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        if longest >= zeros {
            return;
        }
        self.word[..=longest].fill(0);
        self.given = self.packing.pack_node(node);
        self.longer_run = 1 << (self.packing.symbol_bits * (zeros - longest - 1) as u32);
        self.grow(longest + 1, 1, 0, emit);
    }

    /// Grows the word from `place` on. `period` is the length of the longest prefix that is a Lyndon
    /// word, the same that Ruskey, Savage and Wang call `p`; `grown` is the packed prefix.
    fn grow(&mut self, place: usize, period: usize, grown: u64, emit: &mut impl FnMut(u64)) {
        if place > self.layout.zeros as usize {
            // The prefix of zeros is the distinguished state itself: a node, no leftover.
            if grown != 0 && self.given_part_fits(period, grown) {
                emit((grown << self.packing.node_bits) | self.given);
            }
            return;
        }
        let least = self.word[place - period];
        for symbol in least..self.layout.order {
            self.word[place] = symbol;
            let period = if symbol == least { period } else { place };
            let grown = (grown << self.packing.symbol_bits) | u64::from(symbol);
            self.grow(place + 1, period, grown, emit);
        }
    }

    /// Whether the whole word is a prenecklace, when its grown part is one with this `period`.
    fn given_part_fits(&self, mut period: usize, grown: u64) -> bool {
        // A Lyndon word has no end that is also its beginning, so nothing that starts in it is still
        // undecided where it ends; and what starts later has fewer zeros to offer.
        if period == self.layout.zeros as usize && grown < self.longer_run {
            return true;
        }
        for place in self.layout.zeros as usize + 1..self.word.len() {
            let (symbol, least) = (self.word[place], self.word[place - period]);
            if symbol < least {
                return false;
            }
            if symbol > least {
                period = place;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lfsr::Register;
    use crate::lfsr::kernel::Kernel;

    fn sweep_all(order: u32, coefficients: &[u32]) -> (Layout, Packing, Vec<u64>) {
        let register = Register::new(order, coefficients).unwrap();
        let layout = Layout::of(&register).unwrap();
        let packing = Packing::new(layout);
        let mut words = Vec::new();
        let mut sweep = Sweep::new(layout, packing);
        for node in 0..layout.nodes {
            sweep.candidates(node, &mut |word| words.push(word));
        }
        (layout, packing, words)
    }

    /// Symbols of a word, the oldest first.
    fn symbols(layout: &Layout, packing: &Packing, word: u64) -> Vec<u64> {
        (0..layout.degree)
            .rev()
            .map(|i| word >> (i * packing.symbol_bits) & ((1 << packing.symbol_bits) - 1))
            .collect()
    }

    /// By definition: no end of the word is smaller than its beginning.
    #[test]
    fn candidates_are_exactly_the_prenecklaces_that_are_not_distinguished() {
        for (order, degree) in [
            (2, 1),
            (2, 4),
            (2, 5),
            (2, 11),
            (3, 3),
            (3, 6),
            (5, 4),
            (7, 3),
            (251, 1),
        ] {
            let (layout, packing, words) = sweep_all(order, &vec![1; degree]);
            let found: BTreeSet<u64> = words.iter().copied().collect();
            assert_eq!(found.len(), words.len(), "a candidate came twice");
            let states = 1u64 << (packing.symbol_bits * layout.degree);
            let expected: BTreeSet<u64> = (packing.bound()..states)
                .filter(|&word| {
                    let word = symbols(&layout, &packing, word);
                    word.iter().all(|&s| s < u64::from(order))
                        && (1..degree).all(|i| word[i..] >= word[..degree - i])
                })
                .collect();
            assert_eq!(found, expected, "GF({order}), degree {degree}");
        }
    }

    #[test]
    fn every_leftover_cycle_has_its_smallest_state_among_the_candidates() {
        let (_, packing, words) = sweep_all(2, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let register = Register::new(2, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let kernel = Kernel::new(&packing, register.field(), register.coefficients());
        let candidates: BTreeSet<u64> = words.into_iter().collect();
        for start in packing.bound()..1 << 10 {
            let mut smallest = start;
            let mut word = kernel.next(start);
            while word != start {
                smallest = smallest.min(word);
                word = kernel.next(word);
            }
            assert!(smallest < packing.bound() || candidates.contains(&smallest));
        }
    }

    /// About one state in `d` is tried.
    #[test]
    fn candidates_are_few() {
        let (layout, _, words) = sweep_all(2, &[1; 16]);
        let share = layout.states as f64 / words.len() as f64;
        assert!(share > 6.0, "one in {share}");
    }
}
