//! The answer: what the state space of a register looks like.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::Register;

/// The structure of a register's state space. Counts and lengths outgrow 128 bits soon (degree 128 over
/// GF(2)), so they are big integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Number of states, `q^d`.
    pub state_count: BigUint,
    /// Number of cycles of each length, lengths in numeric order. The fixed point zero is one of them.
    pub cycle_lengths: BTreeMap<BigUint, BigUint>,
    /// Number of cycles.
    pub number_of_cycles: BigUint,
    /// Length of the longest cycle, at least 1.
    pub max_period: BigUint,
    /// Number of states on a cycle, `q^(d-m)`, where `m` is the nilpotent index.
    pub periodic_states: BigUint,
    /// Number of states on no cycle, `q^d - q^(d-m)`.
    pub transient_states: BigUint,
    /// Most steps from any state to its cycle: `m`.
    pub max_tail_length: BigUint,
}

impl Structure {
    /// How many states are on cycles and how many are not: what is known at sight.
    pub(crate) fn tails(register: &Register) -> Tails {
        let (states, index) = (register.state_count(), register.nilpotent_index());
        let periodic_states = BigUint::from(register.gf_order()).pow(register.degree() - index);
        Tails {
            transient_states: states - &periodic_states,
            max_tail_length: BigUint::from(index),
            periodic_states,
        }
    }

    /// The structure of `register` whose cycles are these. The number of periodic states is the sum of
    /// all lengths: the caller has checked it.
    pub(crate) fn of(register: &Register, cycle_lengths: BTreeMap<BigUint, BigUint>) -> Structure {
        let state_count = register.state_count();
        let periodic_states: BigUint = cycle_lengths.iter().map(|(l, n)| l * n).sum();
        Structure {
            number_of_cycles: cycle_lengths.values().sum(),
            max_period: cycle_lengths
                .keys()
                .next_back()
                .cloned()
                .unwrap_or_default(),
            transient_states: &state_count - &periodic_states,
            max_tail_length: BigUint::from(register.nilpotent_index()),
            state_count,
            cycle_lengths,
            periodic_states,
        }
    }
}

/// The part of a structure that needs no cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tails {
    /// Number of states on a cycle.
    pub(crate) periodic_states: BigUint,
    /// Number of states on no cycle.
    pub(crate) transient_states: BigUint,
    /// Most steps from any state to its cycle.
    pub(crate) max_tail_length: BigUint,
}
