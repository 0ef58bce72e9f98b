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

use super::kernel::Packing;
use super::ranges::Layout;

/// Grows the candidates of one block after the other.
#[derive(Debug)]
pub(super) struct Sweep {
    layout: Layout,
    packing: Packing,
    /// The symbols from place 1 on, the oldest first; place 0 is a zero that ends the recursion.
    word: Vec<u32>,
}

impl Sweep {
    pub fn new(layout: Layout, packing: Packing) -> Sweep {
        Sweep {
            layout,
            packing,
            word: vec![0; layout.degree as usize + 1],
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
        let given = self.packing.pack_node(node);
        self.grow(longest + 1, 1, 0, given, emit);
    }

    /// Grows the word from `place` on. `period` is the length of the longest prefix that is a Lyndon
    /// word, the same that Ruskey, Savage and Wang call `p`; `grown` is the packed prefix.
    fn grow(
        &mut self,
        place: usize,
        period: usize,
        grown: u64,
        given: u64,
        emit: &mut impl FnMut(u64),
    ) {
        if place > self.layout.zeros as usize {
            // The prefix of zeros is the distinguished state itself: a node, no leftover.
            if grown != 0 && self.given_part_fits(period) {
                emit(grown << self.packing.node_bits | given);
            }
            return;
        }
        let least = self.word[place - period];
        for symbol in least..self.layout.order {
            self.word[place] = symbol;
            let period = if symbol == least { period } else { place };
            let grown = grown << self.packing.symbol_bits | u64::from(symbol);
            self.grow(place + 1, period, grown, given, emit);
        }
    }

    /// Whether the whole word is a prenecklace, when its grown part is one with this `period`.
    fn given_part_fits(&self, mut period: usize) -> bool {
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
