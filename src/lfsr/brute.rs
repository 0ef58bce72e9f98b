//! The oracle of the tests: the functional graph on *all* states of the *full* register.
//!
//! It shares nothing with the enumeration: no reduced register, no packing, no segments. States are
//! symbol vectors stepped by the recurrence as the contract writes it, numbered, marked in an array;
//! the tail of every state is measured. Elements are polynomials, multiplied by long multiplication.

use std::collections::BTreeMap;

use super::Register;

/// What the graph looks like.
#[derive(Debug, PartialEq, Eq)]
pub struct Brute {
    pub cycle_lengths: BTreeMap<u64, u64>,
    pub periodic: u64,
    pub transient: u64,
    pub max_tail: u64,
}

/// The sum of two elements, as polynomials over GF(p).
fn sum(p: u64, a: u64, b: u64) -> u64 {
    if a + b == 0 {
        return 0;
    }
    (a % p + b % p) % p + p * sum(p, a / p, b / p)
}

/// The product of two elements modulo a polynomial, or modulo p where there is none.
fn product(p: u64, modulus: &[u32], a: u64, b: u64) -> u64 {
    if modulus.is_empty() {
        return a * b % p;
    }
    let degree = modulus.len() - 1;
    let digit = |n: u64, i: usize| n / p.pow(i as u32) % p;
    let mut long = vec![0; 2 * degree];
    for i in 0..degree {
        for j in 0..degree {
            long[i + j] += digit(a, i) * digit(b, j);
        }
    }
    for top in (degree..2 * degree).rev() {
        let times = long[top] % p;
        for (i, &c) in modulus.iter().enumerate() {
            long[top - degree + i] += (p - times) * u64::from(c);
        }
    }
    (0..degree).rev().fold(0, |n, i| n * p + long[i] % p)
}

/// The graph of a register.
pub fn brute(register: &Register) -> Brute {
    let q = u64::from(register.gf_order());
    let p = u64::from(register.field().characteristic());
    let (modulus, coefficients) = (register.field().modulus(), register.coefficients());
    let degree = coefficients.len() as u32;
    let states = q.pow(degree);
    let products: Vec<Vec<u64>> = coefficients
        .iter()
        .map(|&c| {
            (0..q)
                .map(|symbol| product(p, modulus, c.into(), symbol))
                .collect()
        })
        .collect();
    let successor = |state: u64| {
        let (mut rest, mut feedback) = (state, 0);
        for products in &products {
            feedback = sum(p, feedback, products[(rest % q) as usize]);
            rest /= q;
        }
        state / q + feedback * q.pow(degree - 1)
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
    let graph = |order, coefficients: &[u32]| {
        brute(&Register::new(order, coefficients).expect("a register"))
    };
    let two = graph(2, &[0, 1]);
    assert_eq!(two.cycle_lengths, BTreeMap::from([(1, 2)]));
    assert_eq!((two.transient, two.max_tail), (2, 1));
    // s(n+1) = 2 s(n) over GF(5): 1, 2, 4, 3.
    let five = graph(5, &[2]);
    assert_eq!(five.cycle_lengths, BTreeMap::from([(1, 1), (4, 1)]));
    assert_eq!((five.transient, five.max_tail), (0, 0));
    // s(n+1) = z s(n) over GF(4), z^2 = z + 1: 1, z, z + 1. And 2 is z, not 0.
    let four = graph(4, &[2]);
    assert_eq!(four.cycle_lengths, BTreeMap::from([(1, 1), (3, 1)]));
}

mod comparison {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::super::ranges::Layout;
    use super::super::{EnumerateTask, Enumeration, StateRange, Structure, merge, plan_ranges};
    use super::*;
    use crate::field::Field;

    fn structure(register: &Register, ranges: &[StateRange]) -> Structure {
        let tables = ranges.iter().map(|&range| {
            Enumeration::prepare(&EnumerateTask::new(register, range))
                .and_then(|enumeration| enumeration.run())
                .expect("a planned range is a range")
        });
        merge(register, tables).expect("complete tables merge")
    }

    fn planned(order: u32, coefficients: &[u32]) -> Structure {
        let register = Register::new(order, coefficients).unwrap();
        structure(&register, &plan_ranges(&register).unwrap())
    }

    /// The enumeration and the graph of a register agree.
    fn assert_agrees(register: &Register) {
        let planned = structure(register, &plan_ranges(register).unwrap());
        assert_is(&planned, &brute(register));
    }

    fn lengths(structure: &Structure) -> BTreeMap<u64, u64> {
        let small = |n: &BigUint| u64::try_from(n).expect("small");
        structure
            .cycle_lengths
            .iter()
            .map(|(length, count)| (small(length), small(count)))
            .collect()
    }

    fn assert_is(structure: &Structure, brute: &Brute) {
        assert_eq!(lengths(structure), brute.cycle_lengths);
        assert_eq!(structure.periodic_states, BigUint::from(brute.periodic));
        assert_eq!(structure.transient_states, BigUint::from(brute.transient));
        assert_eq!(structure.max_tail_length, BigUint::from(brute.max_tail));
        assert_eq!(
            structure.state_count,
            BigUint::from(brute.periodic + brute.transient)
        );
        assert_eq!(
            structure.number_of_cycles,
            BigUint::from(brute.cycle_lengths.values().sum::<u64>())
        );
        assert_eq!(
            structure.max_period,
            BigUint::from(*brute.cycle_lengths.keys().max().unwrap())
        );
    }

    /// Registers with at most 20,000 states, singular ones as often as others.
    fn registers() -> impl Strategy<Value = (u32, Vec<u32>)> {
        proptest::sample::select(vec![2u32, 3, 4, 5, 7, 8, 9, 11, 16, 25, 27, 49]).prop_flat_map(
            |order| {
                let most = (1..).take_while(|&d| order.pow(d) <= 20_000).count();
                (1..=most).prop_flat_map(move |degree| {
                    (proptest::collection::vec(0..order, degree), 0..=degree).prop_map(
                        move |(mut coefficients, zeros)| {
                            // Half of them keep what chance gave; the others get leading zeros.
                            if zeros % 2 == 0 {
                                coefficients[..zeros / 2].fill(0);
                            }
                            (order, coefficients)
                        },
                    )
                })
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn the_enumeration_finds_what_the_graph_shows((order, coefficients) in registers()) {
            assert_agrees(&Register::new(order, &coefficients).unwrap());
        }

        #[test]
        fn ranges_do_not_change_the_answer(
            (order, coefficients) in registers(),
            cuts in proptest::collection::vec(any::<u64>(), 0..6),
        ) {
            let register = Register::new(order, &coefficients).unwrap();
            let layout = Layout::of(&register).unwrap();
            let mut cuts: Vec<u64> = cuts
                .iter()
                .map(|cut| cut % layout.nodes * layout.stride)
                .chain([0, layout.states])
                .collect();
            cuts.sort_unstable();
            cuts.dedup();
            let ranges: Vec<StateRange> = cuts
                .windows(2)
                .map(|cut| StateRange { first: cut[0], last: cut[1] - 1 })
                .collect();
            let whole = [StateRange { first: 0, last: layout.states - 1 }];
            prop_assert_eq!(structure(&register, &ranges), structure(&register, &whole));
        }
    }

    /// All registers of the smallest shapes, without chance.
    #[test]
    fn every_small_register_agrees() {
        for (order, most) in [
            (2u32, 7u32),
            (3, 4),
            (4, 3),
            (5, 3),
            (7, 2),
            (8, 2),
            (9, 2),
            (13, 2),
        ] {
            for degree in 1..=most {
                for number in 0..order.pow(degree) {
                    let coefficients: Vec<u32> =
                        (0..degree).map(|i| number / order.pow(i) % order).collect();
                    assert_agrees(&Register::new(order, &coefficients).unwrap());
                }
            }
        }
    }

    #[test]
    fn the_largest_fields_agree() {
        for (order, coefficients) in [
            (251, vec![6]),
            (251, vec![0]),
            (251, vec![250, 17]),
            (251, vec![1, 0]),
            (251, vec![0, 3]),
            (127, vec![1, 1]),
            (67, vec![5, 66]),
            (31, vec![3, 0, 30]),
            (256, vec![2]),
            (256, vec![255, 17]),
            (243, vec![242, 5]),
            (243, vec![0, 3]),
            (169, vec![13, 168]),
            (125, vec![7, 60]),
            (128, vec![99, 2]),
            (81, vec![80, 1]),
        ] {
            assert_agrees(&Register::new(order, &coefficients).unwrap());
        }
    }

    /// The same integers mean other elements modulo another polynomial.
    #[test]
    fn the_modulus_matters() {
        // z generates GF(9) modulo the Conway polynomial; modulo z^2 + 1 its order is 4.
        let cycles = |modulus: &[u32]| {
            let field = Field::with_modulus(9, modulus).unwrap();
            let register = Register::over(field, &[3]).unwrap();
            assert_agrees(&register);
            lengths(&structure(&register, &plan_ranges(&register).unwrap()))
        };
        assert_eq!(cycles(&[]), BTreeMap::from([(1, 1), (8, 1)]));
        assert_eq!(cycles(&[1, 0, 1]), BTreeMap::from([(1, 1), (4, 2)]));
        // f = x^2 + x + z is primitive over GF(4): one cycle of all states but zero.
        let four = lengths(&planned(4, &[2, 1]));
        assert_eq!(four, BTreeMap::from([(1, 1), (15, 1)]));
    }

    #[test]
    fn all_coefficients_zero() {
        let nothing = planned(2, &[0; 5]);
        assert_eq!(lengths(&nothing), BTreeMap::from([(1, 1)]));
        assert_eq!(nothing.transient_states, BigUint::from(31u32));
        assert_eq!(nothing.max_tail_length, BigUint::from(5u32));
        // No enumeration is too large when nothing is periodic.
        let wide = planned(3, &[0; 500]);
        assert_eq!(wide.transient_states, wide.state_count - 1u32);
    }

    /// The least primitive polynomials over GF(2), bit `i` the coefficient of `x^i`: OEIS A132447. The
    /// one of degree 24 is `x^24 + x^4 + x^3 + x + 1`.
    #[test]
    fn primitive_polynomials_give_one_long_cycle() {
        for (degree, polynomial) in [
            (1, 3),
            (2, 7),
            (8, 285),
            (16, 65_581),
            (20, 1_048_585),
            (24, 16_777_243),
        ] {
            let coefficients: Vec<u32> = (0..degree).map(|i| polynomial >> i & 1).collect();
            let found = planned(2, &coefficients);
            let long = (1 << degree) - 1;
            let expected = if long == 1 {
                BTreeMap::from([(1, 2)])
            } else {
                BTreeMap::from([(1, 1), (long, 1)])
            };
            assert_eq!(lengths(&found), expected, "degree {degree}");
        }
    }

    /// The sign shows from GF(3) on: x^4 - x - 1 is primitive over GF(3), and x^4 + x + 1, which is
    /// what a wrong sign makes of it, has the root 1.
    #[test]
    fn signs_over_gf_3() {
        let found = planned(3, &[1, 1, 0, 0]);
        assert_eq!(lengths(&found), BTreeMap::from([(1, 1), (80, 1)]));
        let wrong = planned(3, &[2, 2, 0, 0]);
        let graph = brute(&Register::new(3, &[2, 2, 0, 0]).unwrap());
        assert_eq!(lengths(&wrong), graph.cycle_lengths);
        assert_ne!(lengths(&wrong), lengths(&found));
    }

    /// A pure rotation of d symbols: its cycles are the necklaces, and there are
    /// `1/l sum over t | l of mu(l/t) q^t` of length l for each l that divides d (Moreau 1872).
    #[test]
    fn pure_rotations_give_the_necklaces() {
        let rotation = |order, degree| {
            let mut coefficients = vec![0; degree];
            coefficients[0] = 1;
            lengths(&planned(order, &coefficients))
        };
        assert_eq!(
            rotation(2, 12),
            BTreeMap::from([(1, 2), (2, 1), (3, 2), (4, 3), (6, 9), (12, 335)])
        );
        // 352 necklaces of 12 and 1,182 of 14 beads in two colours: OEIS A000031.
        assert_eq!(rotation(2, 12).values().sum::<u64>(), 352);
        assert_eq!(rotation(2, 14).values().sum::<u64>(), 1182);
        // 130 necklaces of 6 beads in three colours: OEIS A001867; 165 of 4 in five: A001869.
        assert_eq!(rotation(3, 6).values().sum::<u64>(), 130);
        assert_eq!(rotation(5, 4).values().sum::<u64>(), 165);
    }
}
