//! Leftovers: the cycles that meet no distinguished state, and so no segment.
//!
//! Algebra says where they can be (`classes.rs`). There they are looked for by walking: from one state of each cycle
//! (`families.rs`), or from each state that can be the smallest of its cycle (`sweep.rs`). Ranges share both out
//! among themselves, so that each leftover is found by one of them.
//!
//! This rests on factors and orders, which an enumeration is there to check. It cannot hide a mistake in them: a leftover
//! cycle that is not looked for is missing from the sum of all lengths, which the merge holds against the number of states.

mod classes;
mod families;
mod sweep;
mod unipotent;

use std::collections::BTreeMap;
use std::ops::Range;

use self::classes::{Places, places};
use self::families::Family;
use self::sweep::Sweep;
use super::kernel::{PackedRegister, Walk};
use super::ranges::Layout;
use super::register::{Register, RegisterError};

/// Walks that are collected before they are walked: enough that the last few, which cannot fill all
/// lanes, do not count.
const BATCH: usize = 16_384;

/// How many cycles of each length.
type Cycles = BTreeMap<u64, u64>;

/// The search for the leftovers of one reduced register.
#[derive(Debug)]
pub(super) struct Leftovers {
    /// Nodes of the register, by which ranges share the search.
    nodes: u64,
    /// Within this register all cycles are looked for that are in no family.
    home: Option<Home>,
    /// Classes whose cycles are walked one by one.
    families: Vec<Family>,
}

/// The register that is swept.
#[derive(Debug)]
struct Home {
    layout: Layout,
    register: PackedRegister,
}

impl Leftovers {
    /// The search for a reduced register of this layout.
    ///
    /// # Errors
    ///
    /// None that numbers of a register can cause.
    pub fn of(register: &Register, layout: Layout) -> Result<Leftovers, RegisterError> {
        let Places { home, families } = places(register, layout.zeros);
        let field = register.field();
        let home = match home.as_slice() {
            [] => None,
            home => {
                let small = Register::over(field.clone(), home)?;
                let layout = Layout::of_sweep(&small, layout.zeros);
                let register = PackedRegister::new(layout, field, home);
                Some(Home { layout, register })
            }
        };
        Ok(Leftovers {
            nodes: layout.nodes,
            home,
            families,
        })
    }

    /// The leftover cycles that fall to these nodes: how many of each length. A range has the same share of every part of
    /// the search as of the nodes. `register` is the packed form of the one that the search is for.
    pub fn of_nodes(&self, register: &PackedRegister, nodes: Range<u64>) -> Cycles {
        let share = |all: u64| {
            let part = |node: u64| {
                let product = u128::from(node) * u128::from(all);
                product.div_ceil(self.nodes.into()) as u64 // at most all
            };
            part(nodes.start)..part(nodes.end)
        };
        let mut cycles = Cycles::new();
        if let Some(home) = &self.home {
            home.sweep(share(home.layout.nodes), &mut cycles);
        }
        for family in &self.families {
            let numbers = share(family.cycles());
            let count = (numbers.end - numbers.start) as usize;
            let mut words = family
                .beginnings(numbers.start)
                .take(count)
                .map(|state| register.packing.pack(&state));
            loop {
                let batch: Vec<u64> = words.by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    break;
                }
                walk_each(register, batch, &mut cycles);
            }
        }
        cycles
    }
}

impl Home {
    /// The leftover cycles whose smallest state is in the blocks of these nodes.
    fn sweep(&self, nodes: Range<u64>, cycles: &mut Cycles) {
        let PackedRegister { packing, kernel } = &self.register;
        let mut walk_batch = |walks: &mut Vec<Walk>| {
            kernel.walk(walks, |index, end, length| {
                // Back at the start without a smaller state between: the start was the smallest.
                if end == walks[index].start {
                    *cycles.entry(length).or_insert(0) += 1;
                }
            });
            walks.clear();
        };
        let mut sweep = Sweep::new(self.layout, *packing);
        let mut walks = Vec::with_capacity(BATCH);
        for node in nodes {
            sweep.candidates(node, &mut |start| {
                walks.push(Walk {
                    start,
                    limit: start,
                });
                if walks.len() == BATCH {
                    walk_batch(&mut walks);
                }
            });
        }
        walk_batch(&mut walks);
    }
}

/// Which of the cycles with these states on them, one on each, are leftovers.
///
/// A walk ends at the first state that is not above its start. That is a distinguished one, and the cycle no leftover; or the
/// start, the smallest of a leftover; or it is smaller than the start and the walk begins again from there.
fn walk_each(register: &PackedRegister, mut words: Vec<u64>, cycles: &mut Cycles) {
    let PackedRegister { packing, kernel } = register;
    let least = packing.bound() - 1;
    while !words.is_empty() {
        let walks: Vec<Walk> = words
            .drain(..)
            .filter(|&word| word > least)
            .map(|start| Walk {
                start,
                limit: start,
            })
            .collect();
        kernel.walk(&walks, |index, end, length| {
            if end == walks[index].start {
                *cycles.entry(length).or_insert(0) += 1;
            } else {
                words.push(end);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::{ORDERS, any_register, product_of_powers};
    use super::*;

    /// The leftovers by definition, zero aside.
    fn by_walking(register: &Register, zeros: u32) -> Cycles {
        let q = register.gf_order();
        let states = u64::from(q).pow(register.degree());
        let symbols = |number: u64| -> Vec<u32> {
            let digit = |i| (number / u64::from(q).pow(i) % u64::from(q)) as u32;
            (0..register.degree()).map(digit).collect()
        };
        let number = |state: &[u32]| {
            let digits = state.iter().rev();
            digits.fold(0u64, |n, &s| n * u64::from(q) + u64::from(s))
        };
        let mut seen = vec![false; states as usize];
        let mut cycles = Cycles::new();
        for start in 1..states {
            let (mut state, mut at) = (symbols(start), start);
            let (mut length, mut is_leftover) = (0, true);
            while !seen[at as usize] {
                seen[at as usize] = true;
                is_leftover &= state[..zeros as usize].iter().any(|&s| s != 0);
                length += 1;
                state = register.step(&state);
                at = number(&state);
            }
            if length > 0 && is_leftover {
                *cycles.entry(length).or_insert(0) += 1;
            }
        }
        cycles
    }

    /// The search in as many shares as are asked for, with any number of zeros.
    fn by_search(register: &Register, zeros: u32, shares: u64) -> Cycles {
        let layout = Layout::of_sweep(register, zeros);
        let packed = PackedRegister::new(layout, register.field(), register.coefficients());
        let leftovers = Leftovers::of(register, layout).unwrap();
        let cut = |i: u64| i * layout.nodes / shares;
        let mut cycles = Cycles::new();
        for share in 0..shares {
            for (length, count) in leftovers.of_nodes(&packed, cut(share)..cut(share + 1)) {
                *cycles.entry(length).or_insert(0) += count;
            }
        }
        cycles
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn the_search_finds_every_leftover_once(
            register in prop::sample::select(&ORDERS[..])
                .prop_flat_map(|order| prop_oneof![
                    any_register(order, 1 << 14).boxed(),
                    product_of_powers(order, 1 << 14).boxed(),
                ]),
            zeros in 1u32..8,
            shares in 1u64..5,
        ) {
            if let Some(register) = register.reduced() {
                let zeros = zeros.min(register.degree());
                prop_assert_eq!(by_search(&register, zeros, shares), by_walking(&register, zeros));
            }
        }
    }

    /// Long cycles, short ones, and a sweep, in one register: x^14 + ... over GF(2) with the factors of degrees 1, 4 and 9,
    /// whose orders are 1, 5 and 73.
    #[test]
    fn both_ways_in_one_register() {
        let field = crate::field::Field::new(2).unwrap();
        let parts: [&[u32]; 3] = [&[1, 1], &[1, 1, 1, 1, 1], &[1, 1, 0, 0, 0, 0, 0, 0, 0, 1]];
        let f = parts.iter().fold(vec![1], |f, part| {
            crate::polynomial::product(&field, &f, part)
        });
        let register = Register::over(field, &f[..14]).unwrap();
        for zeros in 1..=8 {
            assert_eq!(
                by_search(&register, zeros, 3),
                by_walking(&register, zeros),
                "{zeros} zeros"
            );
        }
    }
}
