//! Synthesis, periods and lists against plain searches, and against what is published.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use proptest::prelude::*;

use super::massey::{general, packed};
use super::*;
use crate::lfsr::Register;
use crate::lfsr::analytic::{Order, analyse};

/// The digits of a number in base q, so many of them, the lowest first.
fn digits(q: u32, count: usize, mut number: u64) -> Vec<u32> {
    (0..count)
        .map(|_| {
            let digit = number % u64::from(q);
            number /= u64::from(q);
            digit as u32
        })
        .collect()
}

/// Whether `s(n+L) = c0 s(n) + ...` wherever both sides are in the sequence.
fn generates(field: &Field, coefficients: &[u32], symbols: &[u32]) -> bool {
    symbols.windows(coefficients.len() + 1).all(|window| {
        let sum = window
            .iter()
            .zip(coefficients)
            .fold(0, |sum, (&s, &c)| field.add(sum, field.mul(c, s)));
        window.last() == Some(&sum)
    })
}

/// How many registers of this length generate the sequence.
fn generators(field: &Field, length: usize, symbols: &[u32]) -> usize {
    let q = field.order();
    (0..u64::from(q).pow(length as u32))
        .filter(|&number| generates(field, &digits(q, length, number), symbols))
        .count()
}

fn shortest(field: &Field, symbols: &[u32]) -> ShortestRegister {
    shortest_register(field, symbols).expect("symbols of the field")
}

fn bits(text: &str) -> Vec<u32> {
    text.bytes().map(|byte| u32::from(byte - b'0')).collect()
}

/// No shorter register generates the sequence, this one does, and it is the only one exactly if it says so.
fn assert_shortest(field: &Field, symbols: &[u32]) {
    let found = shortest(field, symbols);
    let length = found.linear_complexity();
    assert!(
        generates(field, &found.coefficients, symbols),
        "{field:?}, {symbols:?}: {found:?}"
    );
    for shorter in 0..length {
        assert_eq!(
            generators(field, shorter, symbols),
            0,
            "{field:?}, {symbols:?}: {shorter} is enough"
        );
    }
    if field.order().pow(length as u32) <= 4096 {
        let alone = generators(field, length, symbols) == 1;
        assert_eq!(found.is_unique(), alone, "{field:?}, {symbols:?}");
    }
    // The profile is the complexity of each beginning.
    let last = found
        .profile
        .last()
        .map_or(0, |jump| jump.linear_complexity);
    assert_eq!(last, length, "{field:?}, {symbols:?}");
    if let Some((_, beginning)) = symbols.split_last() {
        let mut profile = found.profile;
        profile.retain(|jump| jump.symbols < symbols.len());
        assert_eq!(shortest(field, beginning).profile, profile, "{symbols:?}");
    }
}

#[test]
fn no_shorter_register_generates_any_short_sequence() {
    for (order, longest) in [(2, 12), (3, 6), (4, 5), (5, 4), (9, 3)] {
        let field = Field::new(order).expect("a field");
        for length in 0..=longest {
            for number in 0..u64::from(order).pow(length as u32) {
                assert_shortest(&field, &digits(order, length, number));
            }
        }
    }
}

/// No register shorter than 6 brings a 1 out of five zeros. The polynomial 1, which some programs answer (sagemath/sage, pull
/// request 39082), is wrong.
#[test]
fn a_late_one_takes_a_long_register() {
    let field = Field::new(2).expect("GF(2)");
    let found = shortest(&field, &bits("0000010001"));
    assert_eq!(found.linear_complexity(), 6);
    assert_eq!(found.profile, [jump(6, 6)]);
    assert!(!found.is_unique());
    assert!(generates(&field, &found.coefficients, &bits("0000010001")));
}

fn jump(symbols: usize, linear_complexity: usize) -> Jump {
    Jump {
        symbols,
        linear_complexity,
    }
}

/// A. Menezes, P. van Oorschot and S. Vanstone, *Handbook of Applied Cryptography*, 1996, example 6.33: the connection
/// polynomial is 1 + D^3 + D^5, so s(n+5) = s(n) + s(n+2).
#[test]
fn the_example_of_the_handbook() {
    let field = Field::new(2).expect("GF(2)");
    let found = shortest(&field, &bits("001101110"));
    assert_eq!(found.coefficients, [1, 0, 1, 0, 0]);
    assert_eq!(found.characteristic_polynomial(), [1, 0, 1, 0, 0, 1]);
    assert_eq!(found.profile, [jump(3, 3), jump(8, 5)]);
}

#[test]
fn sequences_that_can_be_seen_through() {
    let field = Field::new(2).expect("GF(2)");
    let nothing = shortest(&field, &[]);
    assert_eq!(nothing.linear_complexity(), 0);
    assert!(nothing.is_unique() && nothing.register().is_none());
    assert_eq!(shortest(&field, &[0; 70]).profile, []);
    assert_eq!(shortest(&field, &[0; 70]).characteristic_polynomial(), [1]);
    // One at the end: every register must be as long as the sequence.
    let late = shortest(&field, &bits("0001"));
    assert_eq!(late.linear_complexity(), 4);
    // A 1 and then nothing: s(n+1) = 0, singular.
    let fading = shortest(&field, &bits("1000"));
    assert_eq!(fading.coefficients, [0]);
    assert_eq!(fading.characteristic_polynomial(), [0, 1]);
    assert!(fading.is_unique());
    // The Fibonacci numbers modulo 7.
    let field = Field::new(7).expect("GF(7)");
    assert_eq!(
        shortest(&field, &[1, 1, 2, 3, 5, 1, 6]).coefficients,
        [1, 1]
    );
}

/// x^127 + x + 1 is primitive: N. Zierler and J. Brillhart, "On primitive trinomials (mod 2)", Information and Control 13
/// (1968).
#[test]
fn an_m_sequence_gives_its_register_away_in_254_bits() {
    let mut coefficients = vec![0; 127];
    (coefficients[0], coefficients[1]) = (1, 1);
    let register = Register::new(2, &coefficients).expect("a register");
    let state: Vec<u32> = (0..127).map(|i| u32::from(i % 5 == 0)).collect();
    let symbols: Vec<u32> = register.output_from(&state).unwrap().take(254).collect();
    let found = shortest(register.field(), &symbols);
    assert_eq!(found.register(), Some(register.clone()));
    assert!(found.is_unique());
    assert!(!shortest(register.field(), &symbols[..253]).is_unique());
    let period = state_period(&register, &state).expect("a state");
    let all = BigUint::from(2u32).pow(127) - 1u32;
    assert_eq!((period.tail, period.period), (0, Order::Finite(all)));
}

#[test]
fn a_state_or_a_symbol_that_is_none_is_refused() {
    let register = Register::new(3, &[1, 2, 0]).expect("a register");
    let error = register.output_from(&[1, 0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a state of this register has 3 symbols, not 2"
    );
    assert_eq!(
        error.hint().unwrap(),
        "a state is the symbols s(n) to s(n+2), the oldest first"
    );
    let error = shortest_register(register.field(), &[1, 0, 3]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "symbol 2 is 3, but the elements of GF(3) are 0 to 2"
    );
    let wide = Register::new(2, &vec![1; MAX_STATE_DEGREE as usize + 1]).expect("a register");
    let error = state_period(&wide, &vec![0; wide.degree() as usize]).unwrap_err();
    assert!(matches!(error, SequenceError::DegreeTooLarge { .. }));
}

/// Tail and period by walking: the walk meets each state of its path once, until it comes back.
fn walked(register: &Register, state: &[u32]) -> (u32, u32) {
    let mut seen = BTreeMap::new();
    let mut at = state.to_vec();
    for step in 0.. {
        if let Some(first) = seen.insert(at.clone(), step) {
            return (first, step - first);
        }
        at = register.step(&at);
    }
    unreachable!("the states are finite")
}

/// Registers of small degree over fields of every kind, with a state of each.
fn register_and_state() -> impl Strategy<Value = (Register, Vec<u32>)> {
    let fields = [
        (2, 9),
        (3, 6),
        (4, 4),
        (5, 4),
        (7, 3),
        (8, 3),
        (9, 3),
        (16, 2),
        (25, 2),
        (27, 2),
    ];
    (
        prop::sample::select(fields.to_vec()),
        any::<(u64, u64, usize, usize)>(),
    )
        .prop_map(|((order, longest), (coefficients, state, degree, zeros))| {
            let degree = 1 + degree % longest;
            // Half of them with a tail, of every length.
            let zeros = (zeros % (2 * degree + 1)).saturating_sub(degree);
            let mut coefficients = digits(order, degree, coefficients);
            coefficients[..zeros].fill(0);
            let register = Register::new(order, &coefficients).expect("a register");
            (register, digits(order, degree, state))
        })
}

proptest! {
    #[test]
    fn the_period_by_algebra_is_the_one_of_the_walk((register, state) in register_and_state()) {
        let (tail, period) = walked(&register, &state);
        let found = state_period(&register, &state).expect("a state");
        prop_assert_eq!(found.tail, tail);
        prop_assert_eq!(found.period, Order::Finite(BigUint::from(period)));
        prop_assert!(found.shortest.is_unique());
    }

    #[test]
    fn the_output_is_the_oldest_symbol_of_each_step((register, state) in register_and_state()) {
        let mut at = state.clone();
        for symbol in register.output_from(&state).expect("a state").take(50) {
            prop_assert_eq!(symbol, at[0]);
            at = register.step(&at);
        }
    }

    #[test]
    fn twice_the_degree_is_enough(
        order in prop::sample::select(vec![2u32, 3, 4, 5, 9, 16, 251, 256]),
        numbers in prop::collection::vec((any::<u32>(), any::<u32>()), 1..60),
    ) {
        let (coefficients, state): (Vec<u32>, Vec<u32>) =
            numbers.iter().map(|(c, s)| (c % order, s % order)).unzip();
        let register = Register::new(order, &coefficients).expect("a register");
        let degree = coefficients.len();
        let symbols: Vec<u32> = register.output_from(&state).unwrap().take(2 * degree + 100).collect();
        let found = shortest(register.field(), &symbols[..2 * degree]);
        prop_assert!(found.linear_complexity() <= degree);
        prop_assert!(found.is_unique());
        prop_assert!(generates(register.field(), &found.coefficients, &symbols));
    }

    #[test]
    fn both_ways_agree_over_gf2(symbols in prop::collection::vec(0u32..2, 0..700), zeros in 0usize..300) {
        let field = Field::new(2).expect("GF(2)");
        // A run of zeros makes long jumps, across words.
        let symbols = [&vec![0; zeros][..], &symbols].concat();
        prop_assert_eq!(packed(&symbols), general(&field, &symbols));
    }

    /// Massey's theorem 2: the complexity jumps from L to n+1-L, and only where 2L <= n.
    #[test]
    fn each_jump_is_as_high_as_the_theorem_says(
        order in prop::sample::select(vec![2u32, 3, 8]),
        numbers in prop::collection::vec(any::<u32>(), 0..300),
    ) {
        let symbols: Vec<u32> = numbers.iter().map(|n| n % order).collect();
        let field = Field::new(order).expect("a field");
        let found = shortest(&field, &symbols);
        let mut before = Jump { symbols: 0, linear_complexity: 0 };
        for &jump in &found.profile {
            prop_assert!(before.symbols < jump.symbols);
            prop_assert!(2 * before.linear_complexity < jump.symbols);
            prop_assert_eq!(jump.linear_complexity, jump.symbols - before.linear_complexity);
            before = jump;
        }
        prop_assert!(generates(&field, &found.coefficients, &symbols));
    }

    #[test]
    fn the_list_of_cycles_is_the_structure((register, _) in register_and_state()) {
        let list = list_cycles(&register, usize::MAX);
        prop_assert!(list.is_complete());
        let structure = analyse(&register).structure.expect("a small register");
        let mut lengths = BTreeMap::new();
        for cycle in &list.cycles {
            prop_assert!(!cycle.is_cut);
            *lengths.entry(BigUint::from(cycle.states().len())).or_insert(BigUint::ZERO) += 1u32;
            let states: Vec<Vec<u32>> = states_of(cycle);
            for (at, state) in states.iter().enumerate() {
                prop_assert_eq!(&register.step(state), &states[(at + 1) % states.len()]);
            }
            let least = states.iter().map(|state| number_of(&register, state)).min();
            prop_assert_eq!(least, Some(number_of(&register, &states[0])));
        }
        prop_assert_eq!(lengths, structure.cycle_lengths);
        prop_assert_eq!(&list.transient_states, &structure.transient_states);
        let firsts: Vec<BigUint> =
            list.cycles.iter().map(|cycle| number_of(&register, &states_of(cycle)[0])).collect();
        prop_assert!(firsts.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_cut_list_is_the_beginning_of_the_whole((register, _) in register_and_state(), cap in 0usize..200) {
        let whole = list_cycles(&register, usize::MAX);
        let cut = list_cycles(&register, cap);
        prop_assert_eq!(cut.listed, cap.min(whole.listed));
        prop_assert_eq!(cut.is_complete(), whole.listed <= cap);
        for (at, cycle) in cut.cycles.iter().enumerate() {
            let same = &whole.cycles[at];
            prop_assert_eq!(cycle.is_cut, cycle != same);
            prop_assert!(states_of(same).starts_with(&states_of(cycle)));
            prop_assert!(!cycle.is_cut || at + 1 == cut.cycles.len());
        }
    }
}

fn states_of(cycle: &ListedCycle) -> Vec<Vec<u32>> {
    cycle
        .states()
        .map(|state| state.iter().copied().map(u32::from).collect())
        .collect()
}

fn number_of(register: &Register, state: &[u32]) -> BigUint {
    let q = register.gf_order();
    state
        .iter()
        .rev()
        .fold(BigUint::ZERO, |number, &s| number * q + s)
}

#[test]
fn a_list_of_a_huge_register_is_as_long_as_asked_for() {
    // x^200 + 1 over GF(2): the state is rotated.
    let mut coefficients = vec![0; 200];
    coefficients[0] = 1;
    let rotation = Register::new(2, &coefficients).expect("a register");
    let list = list_cycles(&rotation, 1000);
    assert_eq!((list.listed, list.is_complete()), (1000, false));
    let lengths: Vec<usize> = list.cycles.iter().map(|c| c.states().len()).collect();
    assert_eq!(lengths, [1, 200, 200, 200, 200, 199]);
    assert!(list.cycles[5].is_cut);
    // All zero: one cycle, of the state of zeros.
    let zero = Register::new(5, &[0; 200]).expect("a register");
    let list = list_cycles(&zero, 1000);
    assert!(list.is_complete());
    assert_eq!(states_of(&list.cycles[0]), [vec![0; 200]]);
}
