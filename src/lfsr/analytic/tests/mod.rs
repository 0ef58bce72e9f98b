//! Algebra against walking, against counting, and against numbers with a source.

mod known;

use std::collections::BTreeMap;

use num_bigint::BigUint;
use proptest::prelude::*;

use super::super::samples::{ORDERS, any_register, product_of_powers};
use super::*;
use crate::field::Field;

/// What a walk through all states finds: cycles by length, states on none, the longest tail. It knows the recurrence of
/// [`Register::step`] and nothing else.
#[derive(Debug, PartialEq, Eq)]
struct Walk {
    cycles: BTreeMap<u64, u64>,
    transient: u64,
    max_tail: u64,
}

fn walk(register: &Register) -> Walk {
    let (q, degree) = (register.gf_order() as usize, register.degree());
    let states = q.pow(degree);
    let successor = |state: usize| {
        let symbols: Vec<u32> = (0..degree).map(|i| (state / q.pow(i) % q) as u32).collect();
        let next = register.step(&symbols);
        next.iter()
            .rev()
            .fold(0, |number, &s| number * q + s as usize)
    };
    let next: Vec<usize> = (0..states).map(successor).collect();
    // Who has no predecessor left is on a tail: peel from the leaves.
    let mut predecessors = vec![0u32; states];
    next.iter().for_each(|&state| predecessors[state] += 1);
    let mut leaves: Vec<usize> = (0..states).filter(|&s| predecessors[s] == 0).collect();
    let mut peeled = Vec::new();
    while let Some(state) = leaves.pop() {
        peeled.push(state);
        predecessors[next[state]] -= 1;
        if predecessors[next[state]] == 0 {
            leaves.push(next[state]);
        }
    }
    let mut tail = vec![0u64; states];
    for &state in peeled.iter().rev() {
        tail[state] = tail[next[state]] + 1;
    }
    let mut cycles = BTreeMap::new();
    let mut seen: Vec<bool> = predecessors.iter().map(|&n| n == 0).collect();
    for start in 0..states {
        let (mut at, mut length) = (start, 0);
        while !seen[at] {
            seen[at] = true;
            at = next[at];
            length += 1;
        }
        if length > 0 {
            *cycles.entry(length).or_insert(0) += 1;
        }
    }
    Walk {
        cycles,
        transient: peeled.len() as u64,
        max_tail: tail.into_iter().max().unwrap_or(0),
    }
}

fn small(numbers: &BTreeMap<BigUint, BigUint>) -> BTreeMap<u64, u64> {
    let small = |n: &BigUint| u64::try_from(n).expect("small");
    numbers.iter().map(|(l, n)| (small(l), small(n))).collect()
}

/// All that an analysis of a small register says, held against a walk.
fn assert_is_the_walk(register: &Register) {
    let analysis = analyse(register);
    let walk = walk(register);
    assert_eq!(analysis.unknown, [], "{register:?}");
    let structure = analysis.structure.as_ref().expect("known");
    assert_eq!(small(&structure.cycle_lengths), walk.cycles, "{register:?}");
    assert_eq!(structure.transient_states, BigUint::from(walk.transient));
    assert_eq!(structure.max_tail_length, BigUint::from(walk.max_tail));
    let periodic: u64 = walk.cycles.iter().map(|(l, n)| l * n).sum();
    assert_eq!(structure.periodic_states, BigUint::from(periodic));
    check_periods(register, structure).expect("the same periods");
    // The matrix is the identity after the least common multiple of all lengths.
    let singular = register.coefficients()[0] == 0;
    let order = walk
        .cycles
        .keys()
        .fold(1, |lcm, &l| num_integer::lcm(lcm, l));
    let expected = if singular {
        Order::Never
    } else {
        Order::Finite(BigUint::from(order))
    };
    assert_eq!(analysis.matrix_order(), &expected, "{register:?}");
    let longest = !singular && walk.cycles.contains_key(&(register_states(register) - 1));
    assert_eq!(analysis.primitive, Some(longest), "{register:?}");
    for length in 1..=20u64 {
        let states: u64 = walk
            .cycles
            .iter()
            .filter(|(l, _)| length % **l == 0)
            .map(|(l, n)| l * n)
            .sum();
        let counted = states_with_period_dividing(register, &BigUint::from(length));
        assert_eq!(counted, BigUint::from(states), "{register:?} {length}");
    }
}

fn register_states(register: &Register) -> u64 {
    u64::from(register.gf_order()).pow(register.degree())
}

fn registers() -> impl Strategy<Value = Register> {
    prop::sample::select(&ORDERS[..]).prop_flat_map(|order| any_register(order, 4096))
}

fn products() -> impl Strategy<Value = Register> {
    prop::sample::select(&ORDERS[..]).prop_flat_map(|order| product_of_powers(order, 4096))
}

proptest! {
    #[test]
    fn random_registers_are_what_a_walk_finds(register in registers()) {
        assert_is_the_walk(&register);
    }

    #[test]
    fn registers_with_repeated_factors_are_what_a_walk_finds(register in products()) {
        assert_is_the_walk(&register);
    }

    /// Beyond what can be walked, the two ways of algebra agree.
    #[test]
    fn larger_registers_agree_with_the_count(
        (order, coefficients) in prop::sample::select(&ORDERS[..]).prop_flat_map(|order| {
            let most = 96 / (order.ilog2() as usize + 1);
            (Just(order), prop::collection::vec(0..order, 1..=most))
        }),
    ) {
        let register = Register::new(order, &coefficients).unwrap();
        if let Some(structure) = analyse(&register).structure {
            prop_assert_eq!(check_periods(&register, &structure), Ok(()));
        }
    }
}

#[test]
fn every_register_of_few_states_is_what_a_walk_finds() {
    for (order, degree) in [
        (2u32, 1),
        (2, 2),
        (2, 3),
        (2, 4),
        (2, 6),
        (3, 1),
        (3, 3),
        (4, 1),
        (4, 2),
        (5, 2),
        (9, 1),
    ] {
        for number in 0..order.pow(degree) {
            let coefficients: Vec<u32> =
                (0..degree).map(|i| number / order.pow(i) % order).collect();
            assert_is_the_walk(&Register::new(order, &coefficients).unwrap());
        }
    }
}

#[test]
fn another_modulus_gives_another_structure() {
    // GF(9) modulo z^2 + 1, where z has order 4, not 8.
    let field = Field::with_modulus(9, &[1, 0, 1]).unwrap();
    let register = Register::over(field, &[3]).unwrap();
    assert_is_the_walk(&register);
    assert_eq!(
        analyse(&register).char_poly_order,
        Order::Finite(BigUint::from(4u32))
    );
    let usual = Register::new(9, &[3]).unwrap();
    assert_eq!(analyse(&usual).primitive, Some(true));
}

#[test]
fn a_wrong_structure_is_found() {
    let register = Register::new(2, &[1, 1, 0, 0]).unwrap();
    let big = |n: u32| BigUint::from(n);
    let of = |cycles: &[(u32, u32)]| {
        let cycles = cycles.iter().map(|&(l, n)| (big(l), big(n))).collect();
        check_periods(&register, &Structure::of(&register, cycles))
    };
    assert_eq!(of(&[(1, 1), (15, 1)]), Ok(()));
    let (claimed, counted) = (big(6), big(16));
    assert_eq!(
        of(&[(1, 1), (5, 1)]),
        Err(PeriodMismatch::Periodic { claimed, counted })
    );
    let (length, claimed, counted) = (big(5), big(16), big(1));
    assert_eq!(
        of(&[(1, 1), (5, 3)]),
        Err(PeriodMismatch::Length {
            length,
            claimed,
            counted
        })
    );
    let none = of(&[(0, 7), (1, 16)]).unwrap_err();
    assert!(
        none.to_string()
            .starts_with("the cycles whose length divides 0 hold"),
        "{none}"
    );
}

#[test]
fn what_is_too_large_says_so() {
    let limit = MAX_ANALYSED_DEGREE as usize;
    let mut coefficients = vec![0; limit + 1];
    coefficients[0] = 1;
    let analysis = analyse(&Register::new(3, &coefficients).unwrap());
    assert_eq!((&analysis.factors, &analysis.structure), (&None, &None));
    assert_eq!((analysis.irreducible, analysis.primitive), (None, None));
    assert_eq!(analysis.unknown.len(), 5);
    assert_eq!(
        analysis.unknown[0].to_string(),
        "factors: polynomials over GF(3) are factored up to degree 512; this one, without its factors x, has degree 513"
    );
    // A factor x more: not irreducible at any rate.
    coefficients.insert(0, 0);
    let analysis = analyse(&Register::new(3, &coefficients).unwrap());
    assert_eq!(
        (analysis.irreducible, analysis.primitive),
        (Some(false), Some(false))
    );
    assert_eq!(analysis.char_poly_order, Order::Never);
    assert_eq!(analysis.unknown.len(), 2);
    // Nothing but factors x is easy at any degree.
    let analysis = analyse(&Register::new(3, &[0; 100_000]).unwrap());
    assert_eq!(analysis.unknown, []);
    let structure = analysis.structure.unwrap();
    assert_eq!(structure.number_of_cycles, BigUint::from(1u32));
    assert_eq!(structure.max_tail_length, BigUint::from(100_000u32));
}

#[test]
fn a_number_that_resists_is_named() {
    // Irreducible by PARI/GP 2.15.2. 2^523 - 1 is composite, and its least prime has 69 digits (the Cunningham project).
    let mut coefficients = vec![0; 523];
    for exponent in [9, 5, 4, 2, 1, 0] {
        coefficients[exponent] = 1;
    }
    let register = Register::new(2, &coefficients).unwrap();
    let analysis = analyse_with(&register, &mut Effort::products(1000));
    let all = (BigUint::from(1u32) << 523u32) - 1u32;
    assert_eq!(
        (analysis.irreducible, analysis.primitive),
        (Some(true), None)
    );
    let factors = analysis.factors.as_ref().unwrap();
    let Order::Unknown { divides, reason } = &factors[0].order else {
        panic!("known: {analysis:?}");
    };
    assert_eq!(divides.as_ref(), Some(&all));
    assert_eq!(
        *reason,
        format!(
            "2^523 - 1 has the composite divisor {all}, whose primes were not found, and the order has some of them"
        )
    );
    let missing: Vec<&str> = analysis.unknown.iter().map(|u| u.field.as_str()).collect();
    assert_eq!(
        missing,
        [
            "factors[0].order",
            "primitive",
            "char_poly_order",
            "structure"
        ]
    );
    assert_eq!(analysis.structure, None);
    assert_eq!(analysis.char_poly_order.known(), None);
}
