//! From tables to the answer: cycles put together from segments.
//!
//! The step permutes the states of the reduced register, so following segments permutes the nodes, and
//! each cycle of nodes is a cycle of states whose length is the sum of its segments. To these come the
//! leftover cycles. Three things must hold, and each is checked, since a table may be damaged or come from
//! another register: the ranges cover the states exactly once; every node has exactly one predecessor;
//! all lengths together are exactly the number of periodic states. (The last check alone proves little:
//! wrong structures can have the right sum.)

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::links::Links;
use super::ranges::{Layout, StateRange, TooManyStates};
use super::register::Register;
use super::structure::Structure;
use super::table::{RangeTable, TableError};

/// The tables do not make a structure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The register is too large to have tables.
    #[error(transparent)]
    TooManyStates(#[from] TooManyStates),
    /// A table whose range is none of this register.
    #[error(
        "the table of states {first} to {last} is not of this register: it has {states} periodic states, cut at multiples of {stride}"
    )]
    ForeignRange {
        /// First state of the table.
        first: u64,
        /// Last state of the table.
        last: u64,
        /// Number of periodic states of the register.
        states: u64,
        /// Distance between its distinguished states.
        stride: u64,
    },
    /// The number of segments is not that of the range.
    #[error("the table of states {first} to {last} has {found} segments, not {expected}")]
    SegmentCount {
        /// First state of the table.
        first: u64,
        /// Last state of the table.
        last: u64,
        /// Segments it has.
        found: u64,
        /// Distinguished states in its range.
        expected: u64,
    },
    /// The bytes of a table are damaged.
    #[error("the table of states {first} to {last} is damaged: {error}")]
    Damaged {
        /// First state of the table.
        first: u64,
        /// Last state of the table.
        last: u64,
        /// What is wrong.
        error: TableError,
    },
    /// No table has these states.
    #[error("no table covers states {first} to {last}")]
    Missing {
        /// First state without a table.
        first: u64,
        /// Last state without a table.
        last: u64,
    },
    /// Two tables have the same states.
    #[error("two tables cover state {state}")]
    Twice {
        /// The first such state.
        state: u64,
    },
    /// Two segments end at one state, so some table is wrong.
    #[error("the segments do not form cycles: two of them end at one state")]
    NoPermutation,
    /// The lengths of all cycles do not add up.
    #[error(
        "the cycles account for {found} states, but the register has {expected} periodic states"
    )]
    Sum {
        /// Sum of the lengths of all cycles.
        found: u128,
        /// Number of periodic states.
        expected: u64,
    },
}

/// Joins the tables of all ranges of `register`, in any order, into its structure. The ranges need not
/// be those of [`plan_ranges`](super::plan_ranges), but must lie between distinguished states and cover
/// every periodic state exactly once. Tables are taken one at a time; what is kept is 8 bytes a
/// distinguished state, at most 8 MiB.
///
/// # Errors
///
/// A [`MergeError`] that names the table or the figures, when a table is damaged, missing, there
/// twice, or of another register.
pub fn merge(
    register: &Register,
    tables: impl IntoIterator<Item = RangeTable>,
) -> Result<Structure, MergeError> {
    let layout = Layout::of(register)?;
    let mut links = Links::of_nodes(layout.nodes); // at most 2^20
    let mut leftovers: BTreeMap<u64, u128> = BTreeMap::new();
    let mut covered = Vec::new();
    for table in tables {
        let (first, last) = (table.first, table.last);
        let range = StateRange { first, last };
        let nodes = layout.nodes_of(range).ok_or(MergeError::ForeignRange {
            first,
            last,
            states: layout.states,
            stride: layout.stride,
        })?;
        if table.segments != nodes.end - nodes.start {
            return Err(MergeError::SegmentCount {
                first,
                last,
                found: table.segments,
                expected: nodes.end - nodes.start,
            });
        }
        let decoded = table
            .decode(layout.nodes)
            .map_err(|error| MergeError::Damaged { first, last, error })?;
        links
            .put(nodes.start, &decoded.segments)
            .ok_or(MergeError::NoPermutation)?;
        for (length, count) in decoded.leftovers {
            *leftovers.entry(length).or_insert(0) += u128::from(count);
        }
        covered.push(range);
    }
    check_cover(covered, layout.states)?;
    let mut cycles = leftovers;
    for (length, count) in links.cycles().ok_or(MergeError::NoPermutation)? {
        *cycles.entry(length).or_insert(0) += u128::from(count);
    }
    let found = cycles.iter().fold(0u128, |sum, (&length, &count)| {
        sum.saturating_add(u128::from(length).saturating_mul(count))
    });
    if found != u128::from(layout.states) {
        return Err(MergeError::Sum {
            found,
            expected: layout.states,
        });
    }
    let cycle_lengths = cycles
        .into_iter()
        .map(|(length, count)| (BigUint::from(length), BigUint::from(count)))
        .collect();
    Ok(Structure::of(register, cycle_lengths))
}

/// Whether the ranges cover `0 .. states`, each state once.
fn check_cover(mut ranges: Vec<StateRange>, states: u64) -> Result<(), MergeError> {
    ranges.sort_unstable_by_key(|range| (range.first, range.last));
    let mut next = 0;
    for range in ranges {
        if range.first < next {
            return Err(MergeError::Twice { state: range.first });
        }
        if range.first > next {
            return Err(MergeError::Missing {
                first: next,
                last: range.first - 1,
            });
        }
        next = range.last + 1; // no overflow: a range's last state is below `states`
    }
    if next < states {
        return Err(MergeError::Missing {
            first: next,
            last: states - 1,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{EnumerateTask, Enumeration};
    use super::*;

    /// GF(2), degree 8: 16 nodes, cut into ranges at these nodes.
    fn register() -> Register {
        Register::new(2, &[1, 0, 1, 1, 1, 0, 0, 0]).unwrap()
    }

    fn tables(register: &Register, cuts: &[u64]) -> Vec<RangeTable> {
        let stride = Layout::of(register).unwrap().stride;
        cuts.windows(2)
            .map(|cut| {
                let range = StateRange {
                    first: cut[0] * stride,
                    last: cut[1] * stride - 1,
                };
                Enumeration::prepare(&EnumerateTask::new(register, range))
                    .and_then(|enumeration| enumeration.run())
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn tables_may_come_in_any_order() {
        let register = register();
        let whole = merge(&register, tables(&register, &[0, 16])).unwrap();
        let mut parts = tables(&register, &[0, 1, 7, 15, 16]);
        parts.rotate_left(2);
        assert_eq!(merge(&register, parts).unwrap(), whole);
        // x^8 + x^4 + x^3 + x^2 + 1 is primitive: OEIS A132447.
        let lengths: Vec<String> = whole.cycle_lengths.keys().map(BigUint::to_string).collect();
        assert_eq!(lengths, ["1", "255"]);
    }

    #[test]
    fn ranges_must_cover_every_state_once() {
        let register = register();
        let parts = || tables(&register, &[0, 4, 8, 16]);
        let without = |i: usize| {
            let mut parts = parts();
            parts.remove(i);
            merge(&register, parts).unwrap_err()
        };
        assert_eq!(without(0), MergeError::Missing { first: 0, last: 63 });
        assert_eq!(without(1).to_string(), "no table covers states 64 to 127");
        assert_eq!(
            without(2),
            MergeError::Missing {
                first: 128,
                last: 255
            }
        );
        assert_eq!(
            merge(&register, []).unwrap_err(),
            MergeError::Missing {
                first: 0,
                last: 255
            }
        );
        let twice = parts().into_iter().chain(tables(&register, &[5, 6]));
        assert_eq!(
            merge(&register, twice).unwrap_err().to_string(),
            "two tables cover state 80"
        );
    }

    #[test]
    fn tables_of_another_register_are_refused() {
        let register = register();
        let mut table = tables(&register, &[0, 16]).remove(0);
        table.last = 100;
        let error = merge(&register, [table.clone()]).unwrap_err();
        assert!(
            matches!(error, MergeError::ForeignRange { last: 100, .. }),
            "{error}"
        );
        table.last = 127;
        assert_eq!(
            merge(&register, [table]).unwrap_err().to_string(),
            "the table of states 0 to 127 has 16 segments, not 8"
        );
        // The same sizes, but other cycles: ranges of two registers do not fit each other.
        let other = Register::new(2, &[1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let mixed = tables(&register, &[0, 8])
            .into_iter()
            .chain(tables(&other, &[8, 16]));
        let error = merge(&register, mixed).unwrap_err();
        assert!(
            matches!(error, MergeError::NoPermutation | MergeError::Sum { .. }),
            "{error}"
        );
    }

    #[test]
    fn a_table_that_lies_about_a_length_is_found_by_the_sum() {
        let register = register();
        let mut table = tables(&register, &[0, 16]).remove(0);
        assert_eq!(table.bytes[..2], [0, 1], "zero is its own successor");
        table.bytes[1] = 2;
        let error = merge(&register, [table.clone()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the table of states 0 to 255 is damaged: the table accounts for 257 states but claims 256"
        );
        table.states = 257;
        assert_eq!(
            merge(&register, [table.clone()]).unwrap_err().to_string(),
            "the cycles account for 257 states, but the register has 256 periodic states"
        );
        // The right sum, but a successor with two predecessors.
        table.bytes[..2].copy_from_slice(&[1, 1]);
        table.states = 256;
        assert_eq!(
            merge(&register, [table]).unwrap_err(),
            MergeError::NoPermutation
        );
    }
}
