//! One step of a packed state, by the kind of field.
//!
//! Over GF(2) the new symbol is a parity. Over other fields it is looked up: the word is cut into parts of a few whole
//! symbols, each part has a table of the sums of products that its symbols give, and the entries are added. In
//! characteristic 2 they are added by XOR, and that is all. In odd characteristic they are added as integers, each
//! digit of an element in a place of its own that is wide enough not to overflow, and one last table takes the sum
//! to the element. The tables together stay in the first-level cache, or, for the fields of more than 49 elements whose
//! order is an odd prime power, in the second.

use super::Packing;
use crate::field::Field;

/// Bits that a lookup table is indexed with.
pub(super) const TABLE_BITS: u32 = 12;

/// One entry for each value of [`TABLE_BITS`] bits.
type Table<E> = [E; 1 << TABLE_BITS];

/// The successor of a packed state.
pub(in crate::lfsr) trait Step: std::fmt::Debug {
    /// The state after `word`.
    fn next(&self, word: u64) -> u64;
}

/// The step over GF(2).
#[derive(Debug)]
pub(super) struct BinaryStep {
    /// The places of the symbols that are fed back.
    taps: u64,
    mask: u64,
}

impl BinaryStep {
    pub fn new(packing: &Packing, coefficients: &[u32]) -> BinaryStep {
        BinaryStep {
            taps: packing.pack(coefficients),
            mask: packing.mask(),
        }
    }
}

impl Step for BinaryStep {
    #[inline(always)]
    fn next(&self, word: u64) -> u64 {
        ((word << 1) & self.mask) | u64::from((word & self.taps).count_ones() & 1)
    }
}

/// Where the parts of a word are, and how it moves on.
#[derive(Debug)]
struct Parts {
    symbol_bits: u32,
    mask: u64,
    /// Bits of the word that one table covers: whole symbols only.
    table_bits: u32,
    table_mask: u64,
}

impl Parts {
    fn of(packing: &Packing) -> Parts {
        let table_bits = TABLE_BITS / packing.symbol_bits * packing.symbol_bits;
        Parts {
            symbol_bits: packing.symbol_bits,
            mask: packing.mask(),
            table_bits,
            table_mask: (1 << table_bits) - 1,
        }
    }

    /// The place in its table of part `i` of the word.
    #[inline(always)]
    fn index(&self, word: u64, i: usize) -> usize {
        let part = (word >> (i as u32 * self.table_bits)) & self.table_mask;
        // The table's mask has at most TABLE_BITS bits: this one only tells the compiler.
        part as usize & ((1 << TABLE_BITS) - 1)
    }

    #[inline(always)]
    fn moved(&self, word: u64, symbol: u64) -> u64 {
        ((word << self.symbol_bits) & self.mask) | symbol
    }

    /// The sums of products that each part of a word gives, by `add(sum, product)` from 0.
    fn fill<E: Copy + Default, const TABLES: usize>(
        &self,
        field: &Field,
        coefficients: &[u32],
        add: impl Fn(E, u32) -> E,
    ) -> Box<[Table<E>; TABLES]> {
        let mut tables = Box::new([[E::default(); 1 << TABLE_BITS]; TABLES]);
        // The newest symbol is in the lowest place.
        let newest_first: Vec<u32> = coefficients.iter().rev().copied().collect();
        let symbols = (self.table_bits / self.symbol_bits) as usize;
        for (table, coefficients) in tables.iter_mut().zip(newest_first.chunks(symbols)) {
            for (index, entry) in table.iter_mut().enumerate() {
                for (place, &c) in coefficients.iter().enumerate() {
                    let symbol = index >> (place as u32 * self.symbol_bits);
                    let symbol = (symbol & ((1 << self.symbol_bits) - 1)) as u32;
                    // What is no symbol is in no word.
                    if symbol < field.order() {
                        *entry = add(*entry, field.mul(c, symbol));
                    }
                }
            }
        }
        tables
    }
}

/// The step over GF(2^k), k > 1, with `TABLES` tables.
#[derive(Debug)]
pub(super) struct XorStep<const TABLES: usize> {
    parts: Parts,
    tables: Box<[Table<u8>; TABLES]>,
}

impl<const TABLES: usize> XorStep<TABLES> {
    pub fn new(packing: &Packing, field: &Field, coefficients: &[u32]) -> XorStep<TABLES> {
        let parts = Parts::of(packing);
        XorStep {
            tables: parts.fill(field, coefficients, |sum: u8, product| sum ^ product as u8), // below 256
            parts,
        }
    }
}

impl<const TABLES: usize> Step for XorStep<TABLES> {
    #[inline(always)]
    fn next(&self, word: u64) -> u64 {
        let entries = self.tables.iter().enumerate();
        let symbol = entries.fold(0, |sum, (i, table)| sum ^ table[self.parts.index(word, i)]);
        self.parts.moved(word, symbol.into())
    }
}

/// The step over a field of odd characteristic, with `TABLES` tables.
#[derive(Debug)]
pub(super) struct SumStep<const TABLES: usize, E> {
    parts: Parts,
    tables: Box<[Table<E>; TABLES]>,
    /// The element of each possible sum of one entry a table.
    elements: Box<[u8]>,
}

/// How digits are spread, so that one entry a table can be added without a carry from digit to digit.
struct Spread {
    characteristic: u32,
    /// One more than the largest sum of one digit a table.
    width: u32,
    digits: u32,
}

impl Spread {
    fn of(field: &Field, tables: usize) -> Spread {
        let characteristic = field.characteristic();
        Spread {
            characteristic,
            width: tables as u32 * (characteristic - 1) + 1,
            digits: field.extension_degree(),
        }
    }

    /// The largest spread element, below 2^16: a test says so.
    fn largest(&self) -> u32 {
        (0..self.digits).fold(0, |n, _| n * self.width + self.characteristic - 1)
    }

    fn spread(&self, element: u32) -> u32 {
        let (mut rest, mut place, mut spread) = (element, 1, 0);
        for _ in 0..self.digits {
            spread += rest % self.characteristic * place;
            rest /= self.characteristic;
            place *= self.width;
        }
        spread
    }

    /// The element that a sum of spread ones stands for.
    fn gather(&self, sum: u32) -> u32 {
        let (mut rest, mut place, mut element) = (sum, 1, 0);
        for _ in 0..self.digits {
            element += rest % self.width % self.characteristic * place;
            rest /= self.width;
            place *= self.characteristic;
        }
        element
    }
}

impl<const TABLES: usize> SumStep<TABLES, u8> {
    /// `None` where spread elements do not fit a byte.
    pub fn new(packing: &Packing, field: &Field, coefficients: &[u32]) -> Option<Self> {
        let fits = Spread::of(field, TABLES).largest() <= u8::MAX.into();
        fits.then(|| SumStep::build(packing, field, coefficients, |entry| entry as u8))
    }
}

impl<const TABLES: usize> SumStep<TABLES, u16> {
    pub fn wide(packing: &Packing, field: &Field, coefficients: &[u32]) -> Self {
        SumStep::build(packing, field, coefficients, |entry| entry as u16)
    }
}

impl<const TABLES: usize, E: Copy + Default + Into<u32>> SumStep<TABLES, E> {
    fn build(
        packing: &Packing,
        field: &Field,
        coefficients: &[u32],
        entry: impl Fn(u32) -> E,
    ) -> Self {
        let parts = Parts::of(packing);
        let spread = Spread::of(field, TABLES);
        // A sum within a table is an element again.
        let add =
            |sum: E, product| entry(spread.spread(field.add(spread.gather(sum.into()), product)));
        SumStep {
            tables: parts.fill(field, coefficients, add),
            elements: (0..=TABLES as u32 * spread.largest())
                .map(|sum| spread.gather(sum) as u8) // below 256
                .collect(),
            parts,
        }
    }
}

impl<const TABLES: usize, E> Step for SumStep<TABLES, E>
where
    E: Copy + Into<u32> + std::fmt::Debug,
{
    #[inline(always)]
    fn next(&self, word: u64) -> u64 {
        let mut sum = 0;
        for (i, table) in self.tables.iter().enumerate() {
            let entry: u32 = table[self.parts.index(word, i)].into();
            sum += entry;
        }
        let symbol = self.elements[sum as usize];
        self.parts.moved(word, symbol.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_elements_add_without_a_carry() {
        for order in (3..=256).step_by(2) {
            let Ok(field) = Field::new(order) else {
                continue;
            };
            for tables in 1..=6 {
                let spread = Spread::of(&field, tables);
                assert!(spread.largest() <= u16::MAX.into(), "GF({order})");
                for a in 0..order {
                    let most = tables as u32 * spread.spread(a);
                    let times = field.mul(a, tables as u32 % field.characteristic());
                    assert_eq!(spread.gather(most), times);
                    assert_eq!(spread.gather(spread.spread(a)), a);
                }
            }
        }
    }
}
