//! The inner loop: packed states, one step, many walks at once.
//!
//! A state is packed into one `u64`, the *oldest* symbol in the most significant place, each symbol in
//! the least number of bits that holds `q - 1`. Then a step is a shift with the new symbol below; a
//! state is distinguished exactly when its word is below a bound; and of two states the smaller word is
//! the one whose symbols, oldest first, come first in the dictionary. So both questions ever asked of a
//! walk, "is it at a distinguished state?" and "is it at or below where it began?", are one comparison,
//! and one loop serves segments and sweep. At most 2^40 states need at most 51 bits (GF(5), degree 17).
//!
//! How the new symbol is found depends on the field: `steps.rs`.
//!
//! A walk is one long chain of dependent operations, which leaves most of a processor idle. So eight
//! walks advance side by side.

mod steps;

use self::steps::{BinaryStep, Step, SumStep, TABLE_BITS, XorStep};
use super::ranges::Layout;
use crate::field::Field;

/// Walks that advance side by side.
const LANES: usize = 8;

/// How states of one layout are packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    layout: Layout,
    /// Bits a symbol takes.
    pub symbol_bits: u32,
    /// Bits of the symbols that a distinguished state may have set, all but the `K` oldest.
    pub node_bits: u32,
}

impl Packing {
    /// The packing of the states of `layout`.
    pub fn new(layout: Layout) -> Packing {
        let symbol_bits = u32::BITS - (layout.order - 1).leading_zeros();
        Packing {
            layout,
            symbol_bits,
            node_bits: symbol_bits * (layout.degree - layout.zeros),
        }
    }

    /// The words below this are the distinguished states.
    pub fn bound(&self) -> u64 {
        1 << self.node_bits
    }

    /// The bits of a whole state.
    fn mask(&self) -> u64 {
        (1 << (self.symbol_bits * self.layout.degree)) - 1
    }

    /// The word of the node with this index.
    pub fn pack_node(&self, node: u64) -> u64 {
        if self.layout.order == 2 {
            return reverse_low_bits(node, self.node_bits);
        }
        let order = u64::from(self.layout.order);
        let (mut word, mut rest) = (0, node);
        for _ in self.layout.zeros..self.layout.degree {
            word = (word << self.symbol_bits) | (rest % order);
            rest /= order;
        }
        word
    }

    /// The index of the node with this word.
    pub fn unpack_node(&self, word: u64) -> u64 {
        debug_assert!(word < self.bound());
        if self.layout.order == 2 {
            return reverse_low_bits(word, self.node_bits);
        }
        let order = u64::from(self.layout.order);
        let (mut node, mut rest) = (0, word);
        for _ in self.layout.zeros..self.layout.degree {
            node = node * order + (rest & ((1 << self.symbol_bits) - 1));
            rest >>= self.symbol_bits;
        }
        node
    }

    /// The word of a state, its symbols the oldest first.
    pub fn pack(&self, symbols: &[u32]) -> u64 {
        symbols
            .iter()
            .fold(0, |word, &s| (word << self.symbol_bits) | u64::from(s))
    }
}

/// The lowest `bits` bits of `value`, in reverse order; the others must be zero.
fn reverse_low_bits(value: u64, bits: u32) -> u64 {
    value
        .reverse_bits()
        .checked_shr(u64::BITS - bits)
        .unwrap_or(0)
}

/// A register in packed form.
#[derive(Debug)]
pub(super) struct PackedRegister {
    pub packing: Packing,
    pub kernel: Kernel,
}

impl PackedRegister {
    /// The register of this layout with these coefficients, `c0` first, at least one of them.
    pub fn new(layout: Layout, field: &Field, coefficients: &[u32]) -> PackedRegister {
        let packing = Packing::new(layout);
        PackedRegister {
            kernel: Kernel::new(&packing, field, coefficients),
            packing,
        }
    }
}

/// The step of one register, whichever fits it.
#[derive(Debug)]
pub(super) struct Kernel(Box<dyn Walker>);

/// A [`Step`] that is asked for many walks at a time, so that what kind it is costs nothing.
trait Walker: std::fmt::Debug {
    fn next(&self, word: u64) -> u64;
    fn walk(&self, walks: &[Walk], done: &mut dyn FnMut(usize, u64, u64));
}

impl<S: Step> Walker for S {
    fn next(&self, word: u64) -> u64 {
        Step::next(self, word)
    }

    fn walk(&self, walks: &[Walk], done: &mut dyn FnMut(usize, u64, u64)) {
        walk_all(self, walks, done);
    }
}

impl Kernel {
    /// The kernel for a reduced register with these coefficients, `c0` first, at least one of them.
    pub fn new(packing: &Packing, field: &Field, coefficients: &[u32]) -> Kernel {
        debug_assert_eq!(coefficients.len(), packing.layout.degree as usize);
        if packing.layout.order == 2 {
            return Kernel(Box::new(BinaryStep::new(packing, coefficients)));
        }
        let symbols_a_table = TABLE_BITS / packing.symbol_bits;
        Kernel(match packing.layout.degree.div_ceil(symbols_a_table) {
            1 => with_tables::<1>(packing, field, coefficients),
            2 => with_tables::<2>(packing, field, coefficients),
            3 => with_tables::<3>(packing, field, coefficients),
            4 => with_tables::<4>(packing, field, coefficients),
            5 => with_tables::<5>(packing, field, coefficients),
            // GF(67) to GF(127), degree 6, one symbol a table: no layout needs more, a test says so.
            _ => with_tables::<6>(packing, field, coefficients),
        })
    }

    /// The state after `word`.
    pub fn next(&self, word: u64) -> u64 {
        self.0.next(word)
    }

    /// Does every walk of `walks`, and calls `done(index, end, length)` for each, in any order.
    pub fn walk(&self, walks: &[Walk], mut done: impl FnMut(usize, u64, u64)) {
        self.0.walk(walks, &mut done);
    }
}

fn with_tables<const TABLES: usize>(
    packing: &Packing,
    field: &Field,
    coefficients: &[u32],
) -> Box<dyn Walker> {
    if field.characteristic() == 2 {
        return Box::new(XorStep::<TABLES>::new(packing, field, coefficients));
    }
    match SumStep::<TABLES, u8>::new(packing, field, coefficients) {
        Some(step) => Box::new(step),
        None => Box::new(SumStep::<TABLES, u16>::wide(packing, field, coefficients)),
    }
}

/// A walk: from `start`, at least one step, until the word is at or below `limit`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub start: u64,
    pub limit: u64,
}

/// A walk under way in a lane.
#[derive(Clone, Copy)]
struct Lane {
    index: usize,
    /// The common count of steps when it began.
    began: u64,
}

fn walk_all<S: Step>(step: &S, walks: &[Walk], done: &mut dyn FnMut(usize, u64, u64)) {
    let Some((head, _)) = walks.split_first_chunk::<LANES>() else {
        for (index, walk) in walks.iter().enumerate() {
            let (end, length) = walk_on(step, walk.start, walk.limit);
            done(index, end, length);
        }
        return;
    };
    let mut words = head.map(|walk| walk.start);
    let mut limits = head.map(|walk| walk.limit);
    let mut lanes: [Lane; LANES] = std::array::from_fn(|index| Lane { index, began: 0 });
    let mut waiting = LANES;
    let mut time = 0;
    let mut dry = [false; LANES];
    while !dry.contains(&true) {
        let mut arrived = false;
        while !arrived {
            for (word, limit) in words.iter_mut().zip(&limits) {
                *word = step.next(*word);
                arrived |= *word <= *limit;
            }
            time += 1;
        }
        for lane in 0..LANES {
            if words[lane] > limits[lane] {
                continue;
            }
            done(lanes[lane].index, words[lane], time - lanes[lane].began);
            match walks.get(waiting) {
                Some(walk) => {
                    words[lane] = walk.start;
                    limits[lane] = walk.limit;
                    lanes[lane] = Lane {
                        index: waiting,
                        began: time,
                    };
                    waiting += 1;
                }
                None => dry[lane] = true,
            }
        }
    }
    // Nothing waits any more: the other lanes finish one by one.
    for lane in (0..LANES).filter(|&lane| !dry[lane]) {
        let (end, rest) = walk_on(step, words[lane], limits[lane]);
        done(lanes[lane].index, end, time - lanes[lane].began + rest);
    }
}

/// One walk alone: where it ends, and how many steps that took.
fn walk_on<S: Step>(step: &S, start: u64, limit: u64) -> (u64, u64) {
    let mut word = start;
    let mut length = 0;
    loop {
        word = step.next(word);
        length += 1;
        if word <= limit {
            return (word, length);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Register;
    use super::*;

    const ORDERS: [u32; 26] = [
        2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 25, 27, 31, 32, 37, 61, 64, 67, 81, 125, 127, 131,
        243, 251, 256,
    ];

    /// Registers of every shape of kernel, c0 not zero.
    fn registers() -> impl Strategy<Value = Register> {
        proptest::sample::select(ORDERS.to_vec()).prop_flat_map(|order| {
            let most = (1..=40)
                .take_while(|&d| u64::from(order).pow(d) <= 1 << 40)
                .count();
            (1..order, proptest::collection::vec(0..order, 0..most)).prop_map(
                move |(c0, mut rest)| {
                    rest.insert(0, c0);
                    Register::new(order, &rest).unwrap()
                },
            )
        })
    }

    fn kernel_of(register: &Register) -> (Packing, Kernel) {
        let packing = Packing::new(Layout::of(register).unwrap());
        let kernel = Kernel::new(&packing, register.field(), register.coefficients());
        (packing, kernel)
    }

    /// The claims behind the packing and behind `Kernel::Six`.
    #[test]
    fn every_state_fits_a_word_and_every_register_a_kernel() {
        for order in (2..=256).filter(|&q| crate::field::Field::new(q).is_ok()) {
            let most = (1..=40u32)
                .take_while(|&d| {
                    u64::from(order)
                        .checked_pow(d)
                        .is_some_and(|n| n <= 1 << 40)
                })
                .count();
            let register = Register::new(order, &vec![1; most]).unwrap();
            let packing = Packing::new(Layout::of(&register).unwrap());
            assert!(packing.symbol_bits * most as u32 <= 51, "GF({order})");
            let tables = most.div_ceil((TABLE_BITS / packing.symbol_bits) as usize);
            assert!(
                order == 2 || tables <= 6,
                "GF({order}) wants {tables} tables"
            );
        }
    }

    proptest! {
        #[test]
        fn the_kernel_steps_as_the_register(
            register in registers(),
            seed in proptest::collection::vec(any::<u32>(), 40),
        ) {
            let (packing, kernel) = kernel_of(&register);
            let mut state: Vec<u32> = seed[..register.degree() as usize]
                .iter()
                .map(|s| s % register.gf_order())
                .collect();
            for _ in 0..50 {
                let next = register.step(&state);
                prop_assert_eq!(kernel.next(packing.pack(&state)), packing.pack(&next));
                state = next;
            }
        }

        #[test]
        fn nodes_survive_packing(register in registers(), any in any::<u64>()) {
            let (packing, _) = kernel_of(&register);
            let layout = packing.layout;
            let node = any % layout.nodes;
            let word = packing.pack_node(node);
            prop_assert!(word < packing.bound());
            prop_assert_eq!(packing.unpack_node(word), node);
            // The node's state is number node * stride: its symbols, the oldest first, are the digits.
            let mut number = node * layout.stride;
            let order = u64::from(layout.order);
            let symbols: Vec<u32> = (0..layout.degree)
                .map(|_| {
                    let symbol = number % order;
                    number /= order;
                    symbol as u32
                })
                .collect();
            prop_assert_eq!(packing.pack(&symbols), word);
        }

        #[test]
        fn lanes_walk_as_one_walk_does(
            coefficients in proptest::collection::vec(0..3u32, 4..8),
            count in 0..40u64,
        ) {
            let mut coefficients = coefficients;
            coefficients[0] = 2;
            let register = Register::new(3, &coefficients).unwrap();
            let (packing, kernel) = kernel_of(&register);
            let walks: Vec<Walk> = (0..count)
                .map(|i| {
                    let start = packing.pack_node(i % packing.layout.nodes);
                    // Some stop at a distinguished state, some only below their start.
                    let limit = if i % 3 == 0 { start } else { packing.bound() - 1 };
                    Walk { start, limit }
                })
                .collect();
            let mut found = vec![None; walks.len()];
            kernel.walk(&walks, |index, end, length| {
                assert!(found[index].is_none(), "walk {index} ended twice");
                found[index] = Some((end, length));
            });
            for (walk, found) in walks.iter().zip(found) {
                let mut word = kernel.next(walk.start);
                let mut length = 1;
                while word > walk.limit {
                    word = kernel.next(word);
                    length += 1;
                }
                prop_assert_eq!(found, Some((word, length)));
            }
        }
    }
}
