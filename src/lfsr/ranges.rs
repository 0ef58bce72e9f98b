//! How the states of a register are split into ranges, and which of them are distinguished.
//!
//! Everything here follows from two numbers: the order `q` of the field and the degree `d'` of the
//! reduced register. A worker finds the same layout from its task that the supervisor found when it
//! planned, and neither the number of workers nor the machine has a say in it.

use super::Register;
use super::sliced::Sliced;

/// Enumeration is refused above this many periodic states, 2^40: about half a day on one core.
pub const MAX_ENUMERATED_STATES: u64 = 1 << 40;

/// A sample of a range has at least this many states ...
const SAMPLED_STATES: u64 = 1 << 22;

/// ... and, where the sliced kernel walks it, this many nodes: with few for each lane, lanes that are idle at the end would
/// be most of it.
const SAMPLED_NODES: u64 = 1 << 13;

/// A range holds about this many states, some tens of milliseconds of work ...
const STATES_PER_RANGE: u64 = 1 << 24;

/// ... or at least this many where the sliced kernel walks them ...
const SLICED_STATES_PER_RANGE: u64 = 1 << 20;

/// ... whose lanes are busy to the end only if there are many nodes for each: so many nodes a range, if that makes enough
/// ranges to share out.
const SLICED_NODES_PER_RANGE: u64 = 1 << 15;

/// No range of the sliced kernel has less, two a lane.
const SLICED_LEAST_NODES: u64 = 1 << 10;

/// Enough ranges to share out.
const ENOUGH_RANGES: u64 = 8;

/// ... but there are at most this many ranges; large state spaces have larger ones.
const MAX_RANGES: u64 = 4096;

/// There are at most this many nodes, so that the merge works in cache and all tables together take
/// some megabytes.
const MAX_NODES: u64 = 1 << 20;

/// The mean length of a segment of the sliced kernel is at least this, unless there are few nodes: below it, to begin
/// segments takes as long as to walk them.
const SLICED_SEGMENT_LENGTH: u64 = 1 << 14;

/// The mean length of any other segment is at least this, unless there are few nodes. Each symbol more that a
/// node must have zero costs the sweep a walk over about all states; each less makes the tables `q`
/// times larger.
const SEGMENT_LENGTH: u64 = 200;

/// Up to this many nodes make small tables however short the segments ...
const FEW_NODES: u64 = 4096;

/// ... but a segment is shorter than this only where there are not enough states.
const SHORT_SEGMENT: u64 = 16;

/// A contiguous range of states of the *reduced* register, by number, both ends included.
///
/// The reduced register is the one whose leading zero coefficients are dropped; its states are numbered
/// `0 .. q^d'`, the sum of `s(n+i) q^i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRange {
    /// The first state.
    pub first: u64,
    /// The last state, included.
    pub last: u64,
}

impl StateRange {
    /// The beginning of a range of this register, long enough to tell from its time what the whole takes: the same kernel
    /// walks it, and what is done before is a small part. It is the range itself where that is short.
    pub fn sample(&self, register: &Register) -> StateRange {
        let Ok(layout) = Layout::of(register) else {
            return *self;
        };
        let least = match Sliced::is_for(register.field()) {
            true => SAMPLED_NODES,
            false => 1,
        };
        let nodes = (SAMPLED_STATES / layout.stride).max(least);
        let end = self.first.saturating_add(nodes * layout.stride); // at most 2^60
        StateRange {
            first: self.first,
            last: self.last.min(end - 1),
        }
    }
}

/// The register has more states than can be enumerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the register has {gf_order}^{periodic_degree} periodic states, more than the 2^40 that can be enumerated"
)]
pub struct TooManyStates {
    /// The order of the field.
    pub gf_order: u32,
    /// The degree without leading zero coefficients.
    pub periodic_degree: u32,
}

impl TooManyStates {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some("use `analysis = \"analytic\"`: it needs no enumeration".to_owned())
    }
}

/// The layout of the state space of a reduced register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Order of the field, `q`.
    pub order: u32,
    /// Degree of the reduced register, `d'`.
    pub degree: u32,
    /// Number of states, `q^d'`.
    pub states: u64,
    /// A state is distinguished when this many oldest symbols are zero, `K`, at most the degree.
    pub zeros: u32,
    /// Numbers of distinguished states are the multiples of this, `q^K`.
    pub stride: u64,
    /// Number of distinguished states, `q^(d'-K)`.
    pub nodes: u64,
    /// Number of planned ranges, at least 1, at most `nodes`.
    pub ranges: u64,
}

impl Layout {
    /// The layout in which a sweep for cycles without `zeros` zeros in a row goes through a reduced register: as one
    /// range.
    pub fn of_sweep(register: &Register, zeros: u32) -> Layout {
        let (order, degree) = (register.gf_order(), register.degree());
        let power = |exponent| u64::from(order).pow(exponent); // no more than the states of a layout
        let zeros = zeros.min(degree);
        Layout {
            order,
            degree,
            states: power(degree),
            zeros,
            stride: power(zeros),
            nodes: power(degree - zeros),
            ranges: 1,
        }
    }

    /// The layout for a register.
    pub fn of(register: &Register) -> Result<Layout, TooManyStates> {
        let order = register.gf_order();
        let degree = register.degree() - register.nilpotent_index();
        let states = u64::from(order)
            .checked_pow(degree)
            .filter(|&states| states <= MAX_ENUMERATED_STATES)
            .ok_or(TooManyStates {
                gf_order: order,
                periodic_degree: degree,
            })?;
        let is_sliced = Sliced::is_for(register.field());
        let segment_length = if is_sliced {
            SLICED_SEGMENT_LENGTH
        } else {
            SEGMENT_LENGTH
        };
        let (mut zeros, mut stride) = (0, 1);
        while zeros < degree {
            let nodes = states / stride;
            let enough = stride >= segment_length && nodes <= MAX_NODES
                || stride >= SHORT_SEGMENT && nodes <= FEW_NODES;
            if enough {
                break;
            }
            zeros += 1;
            stride *= u64::from(order);
        }
        let nodes = states / stride;
        let ranges = if is_sliced {
            (states / SLICED_STATES_PER_RANGE)
                .min(nodes / SLICED_LEAST_NODES)
                .min(ENOUGH_RANGES.max(nodes / SLICED_NODES_PER_RANGE))
        } else {
            states / STATES_PER_RANGE
        };
        Ok(Layout {
            order,
            degree,
            states,
            zeros,
            stride,
            nodes,
            ranges: ranges.clamp(1, MAX_RANGES).min(nodes),
        })
    }

    /// The nodes of a range, if the range is one: its ends lie between distinguished states, in order
    /// and inside the state space.
    pub fn nodes_of(&self, range: StateRange) -> Option<std::ops::Range<u64>> {
        let end = range.last.checked_add(1)?;
        let fits = range.first < end
            && end <= self.states
            && range.first.is_multiple_of(self.stride)
            && end.is_multiple_of(self.stride);
        fits.then(|| range.first / self.stride..end / self.stride)
    }
}

/// Splits the periodic states of a register into ranges, in order and without gaps. The same register
/// gives the same ranges, always. There is at least one range, and at most 4096.
///
/// # Errors
///
/// [`TooManyStates`] when the register has more than 2^40 periodic states.
pub fn plan_ranges(register: &Register) -> Result<Vec<StateRange>, TooManyStates> {
    let layout = Layout::of(register)?;
    // nodes <= 2^20 and ranges <= 2^12: no product overflows.
    let cut = |i: u64| i * layout.nodes / layout.ranges * layout.stride;
    Ok((0..layout.ranges)
        .map(|i| StateRange {
            first: cut(i),
            last: cut(i + 1) - 1,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(order: u32, degree: u32) -> Register {
        Register::new(order, &vec![1; degree as usize]).unwrap()
    }

    /// Every register that can be enumerated has one of these layouts.
    fn every_layout() -> impl Iterator<Item = (Register, Layout)> {
        (2..=256)
            .filter(|&order| crate::field::Field::new(order).is_ok())
            .flat_map(|order| (1..=41).map(move |degree| register(order, degree)))
            .filter_map(|register| Layout::of(&register).ok().map(|layout| (register, layout)))
    }

    #[test]
    fn layouts_keep_their_bounds() {
        let mut count = 0;
        for (_, layout) in every_layout() {
            assert_eq!(layout.stride, u64::from(layout.order).pow(layout.zeros));
            assert_eq!(layout.stride * layout.nodes, layout.states);
            assert!(layout.zeros >= 1 && layout.zeros <= layout.degree);
            assert!(layout.nodes <= 1 << 20, "{layout:?}");
            assert!(layout.ranges >= 1 && layout.ranges <= layout.nodes.min(4096));
            count += 1;
        }
        assert!(count > 300, "{count} layouts");
    }

    #[test]
    fn ranges_cover_all_states_in_order() {
        for (register, layout) in every_layout() {
            let ranges = plan_ranges(&register).unwrap();
            assert_eq!(ranges.len() as u64, layout.ranges);
            let mut next = 0;
            for range in ranges {
                assert_eq!(range.first, next);
                assert!(
                    layout
                        .nodes_of(range)
                        .is_some_and(|nodes| !nodes.is_empty())
                );
                next = range.last + 1;
            }
            assert_eq!(next, layout.states);
        }
    }

    /// Plans are part of a run's identity: these numbers may change only with the schema.
    #[test]
    fn layouts_are_what_they_were() {
        let figures = |order, degree| {
            let layout = Layout::of(&register(order, degree)).unwrap();
            (layout.zeros, layout.nodes, layout.ranges)
        };
        assert_eq!(figures(2, 4), (4, 1, 1));
        assert_eq!(figures(2, 16), (4, 4096, 1));
        assert_eq!(figures(2, 24), (12, 4096, 4));
        assert_eq!(figures(2, 40), (20, 1 << 20, 32));
        assert_eq!(figures(2, 30), (14, 1 << 16, 8));
        assert_eq!(figures(3, 15), (8, 2187, 2));
        assert_eq!(figures(251, 1), (1, 1, 1));
        assert_eq!(figures(251, 2), (1, 251, 1));
        assert_eq!(figures(251, 5), (3, 63_001, 4096));
    }

    #[test]
    fn a_sample_is_the_beginning_of_its_range() {
        for (register, layout) in every_layout() {
            for range in
                [0, layout.ranges - 1].map(|at| plan_ranges(&register).unwrap()[at as usize])
            {
                let sample = range.sample(&register);
                assert_eq!(sample.first, range.first);
                assert!(sample.last <= range.last);
                assert!(layout.nodes_of(sample).is_some());
                let states = sample.last - sample.first + 1;
                assert!(sample == range || states >= 1 << 21, "{layout:?}");
            }
        }
    }

    #[test]
    fn more_than_2_to_the_40_states_are_refused() {
        assert!(plan_ranges(&register(2, 40)).is_ok());
        assert_eq!(
            plan_ranges(&register(2, 41)).unwrap_err(),
            TooManyStates {
                gf_order: 2,
                periodic_degree: 41
            }
        );
        assert!(plan_ranges(&register(251, 6)).is_err());
        assert!(plan_ranges(&register(2, 100_000)).is_err());
        assert!(plan_ranges(&register(2, 41)).unwrap_err().hint().is_some());
    }

    #[test]
    fn only_the_periodic_states_count() {
        let mut coefficients = vec![0; 100];
        coefficients.extend([1, 0, 1]);
        let ranges = plan_ranges(&Register::new(2, &coefficients).unwrap()).unwrap();
        assert_eq!(ranges, [StateRange { first: 0, last: 7 }]);
        let nothing = plan_ranges(&Register::new(2, &[0; 1000]).unwrap()).unwrap();
        assert_eq!(nothing, [StateRange { first: 0, last: 0 }]);
    }

    #[test]
    fn ranges_that_cut_a_block_are_none() {
        let layout = Layout::of(&register(2, 8)).unwrap(); // stride 16
        assert_eq!(
            layout.nodes_of(StateRange {
                first: 16,
                last: 47
            }),
            Some(1..3)
        );
        for (first, last) in [
            (0, 14),
            (1, 15),
            (16, 15),
            (32, 15),
            (240, 271),
            (0, u64::MAX),
        ] {
            assert_eq!(layout.nodes_of(StateRange { first, last }), None, "{first}");
        }
    }
}
