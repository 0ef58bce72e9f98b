//! The oracle of the tests: the functional graph on *all* states of the *full* register.
//!
//! It shares nothing with the enumeration: no reduced register, no packing, no segments. States are
//! symbol vectors stepped by the recurrence as the contract writes it, numbered, marked in an array;
//! the tail of every state is measured.

use std::collections::BTreeMap;

/// What the graph looks like.
#[derive(Debug, PartialEq, Eq)]
pub struct Brute {
    pub cycle_lengths: BTreeMap<u64, u64>,
    pub periodic: u64,
    pub transient: u64,
    pub max_tail: u64,
}

/// The graph of the register over the residues modulo the prime `q`.
pub fn brute(q: u64, coefficients: &[u32]) -> Brute {
    let degree = coefficients.len() as u32;
    let states = q.pow(degree);
    let successor = |state: u64| {
        let (mut rest, mut feedback) = (state, 0);
        for &c in coefficients {
            feedback += u64::from(c) * (rest % q);
            rest /= q;
        }
        state / q + feedback % q * q.pow(degree - 1)
    };
    let next: Vec<u64> = (0..states).map(successor).collect();

    // A state is on a cycle exactly if the walk from it comes back; colour by the walk that came first.
    let mut walk_of = vec![0u64; states as usize];
    let mut on_cycle = vec![false; states as usize];
    let mut cycle_lengths = BTreeMap::new();
    for start in 0..states {
        let mut at = start;
        while walk_of[at as usize] == 0 {
            walk_of[at as usize] = start + 1;
            at = next[at as usize];
        }
        if walk_of[at as usize] == start + 1 {
            let mut length = 0;
            while !on_cycle[at as usize] {
                on_cycle[at as usize] = true;
                at = next[at as usize];
                length += 1;
            }
            *cycle_lengths.entry(length).or_insert(0) += 1;
        }
    }
    let tail = |mut state: u64| {
        let mut steps = 0;
        while !on_cycle[state as usize] {
            state = next[state as usize];
            steps += 1;
        }
        steps
    };
    let periodic = on_cycle.iter().filter(|&&yes| yes).count() as u64;
    Brute {
        cycle_lengths,
        periodic,
        transient: states - periodic,
        max_tail: (0..states).map(tail).max().unwrap_or(0),
    }
}

#[test]
fn the_oracle_knows_what_can_be_seen_by_hand() {
    // s(n+2) = s(n+1) over GF(2): 00 and 11 stay, 01 -> 10... the oldest symbol is the lowest digit:
    // (s0, s1) = (1, 0) goes to (0, 0), (0, 1) to (1, 1).
    let graph = brute(2, &[0, 1]);
    assert_eq!(graph.cycle_lengths, BTreeMap::from([(1, 2)]));
    assert_eq!((graph.transient, graph.max_tail), (2, 1));
    // s(n+1) = 2 s(n) over GF(5): 1, 2, 4, 3.
    let graph = brute(5, &[2]);
    assert_eq!(graph.cycle_lengths, BTreeMap::from([(1, 1), (4, 1)]));
    assert_eq!((graph.transient, graph.max_tail), (0, 0));
}
