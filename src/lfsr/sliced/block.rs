//! A block of steps: the symbols of all lanes over some time, and where which lane has arrived.
//!
//! All of it is loops over arrays that the compiler turns into vector instructions. Which ones a processor has is known
//! only when the program runs, so the loops are compiled for several kinds, and the best that runs is taken.

use super::feedback::Feedback;

/// Words of a plane.
pub(super) const WORDS: usize = 8;

/// One bit of one symbol, for all lanes.
pub(super) type Plane = [u64; WORDS];

/// Planes of new symbols in a block, at least: with the windows, two thirds of a first-level cache.
const PLANES: usize = 256;

/// Arrivals are looked for in so many steps at a time.
const GROUP: usize = 8;

/// The symbols of a block, and what is known of them.
#[derive(Debug)]
pub(super) struct Block {
    degree: usize,
    zeros: usize,
    /// Planes of one symbol.
    planes: usize,
    steps: usize,
    /// The symbols of the state at the beginning of the block, then those of its steps.
    symbols: Vec<Plane>,
    /// Entry `n`: which lanes have a symbol that is not zero among the `K` oldest of the state after `n + 1` steps.
    windows: Vec<Plane>,
}

impl Block {
    /// A block for a register of this degree, whose distinguished states begin with so many zeros.
    pub fn new(feedback: &Feedback, degree: u32, zeros: u32) -> Block {
        let (degree, zeros, planes) = (degree as usize, zeros as usize, feedback.planes());
        // Whole groups.
        let steps = (PLANES / planes).next_multiple_of(GROUP);
        Block {
            degree,
            zeros,
            planes,
            steps,
            symbols: vec![[0; WORDS]; (degree + steps) * planes],
            windows: vec![[0; WORDS]; steps + zeros],
        }
    }

    /// Steps of a block.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Computes the symbols of all steps, and the windows over them.
    pub fn run(&mut self, feedback: &Feedback) {
        run(feedback, self);
    }

    /// The last state of the block becomes its first.
    pub fn turn(&mut self) {
        let state = self.steps * self.planes..self.symbols.len();
        self.symbols.copy_within(state, 0);
    }

    /// The first step from `from` on after which a lane of `alive` has arrived.
    pub fn next_arrival(&self, from: usize, alive: &Plane) -> Option<usize> {
        next_arrival(&self.windows[..self.steps], from, alive)
    }

    /// The lanes of a word whose state after `step + 1` steps is distinguished.
    #[inline]
    pub fn zeros_at(&self, step: usize, word: usize) -> u64 {
        !self.windows[step][word]
    }

    /// A bit of a plane, counted over all symbols of the block.
    #[inline]
    pub fn get(&self, plane: usize, word: usize, bit: usize) -> u64 {
        self.symbols[plane][word] >> bit & 1
    }

    /// Sets such a bit.
    #[inline]
    pub fn put(&mut self, plane: usize, word: usize, bit: usize, value: u64) {
        let word = &mut self.symbols[plane][word];
        *word = *word & !(1 << bit) | value << bit;
    }
}

#[inline(always)]
pub(super) fn or(a: &Plane, b: &Plane) -> Plane {
    std::array::from_fn(|i| a[i] | b[i])
}

#[inline(always)]
pub(super) fn xor(a: &Plane, b: &Plane) -> Plane {
    std::array::from_fn(|i| a[i] ^ b[i])
}

#[inline(always)]
fn and(a: &Plane, b: &Plane) -> Plane {
    std::array::from_fn(|i| a[i] & b[i])
}

#[multiversion::multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn run(feedback: &Feedback, block: &mut Block) {
    let Block {
        degree,
        zeros,
        planes,
        steps,
        symbols,
        windows,
    } = block;
    feedback.extend(symbols, *degree);
    // First which symbols are not zero, from the second on; then of two, of four, ... in a row.
    let mut length = *steps + *zeros - 1;
    let symbols = symbols[*planes..].chunks_exact(*planes);
    for (window, symbol) in windows[..length].iter_mut().zip(symbols) {
        *window = symbol[1..]
            .iter()
            .fold(symbol[0], |any, plane| or(&any, plane));
    }
    let mut width = 1;
    while width < *zeros {
        let more = width.min(*zeros - width);
        length -= more;
        for at in 0..length {
            windows[at] = or(&windows[at], &windows[at + more]);
        }
        width += more;
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn next_arrival(windows: &[Plane], from: usize, alive: &Plane) -> Option<usize> {
    let is_arrival = |window: &Plane| (0..WORDS).any(|i| !window[i] & alive[i] != 0);
    let head = from.next_multiple_of(GROUP).min(windows.len());
    if let Some(at) = windows[from..head].iter().position(is_arrival) {
        return Some(from + at);
    }
    for (group, at) in windows[head..]
        .chunks_exact(GROUP)
        .zip((head..).step_by(GROUP))
    {
        let all = group[1..]
            .iter()
            .fold(group[0], |all, window| and(&all, window));
        if is_arrival(&all) {
            return Some(at + group.iter().position(is_arrival)?);
        }
    }
    None
}
