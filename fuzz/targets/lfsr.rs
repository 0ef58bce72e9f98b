//! Whatever numbers are taken for a register: those of mathematics, or an error that is true.
//!
//! Everything is done twice, by the library and here with integers of any size, which know nothing of fields
//! in a byte, packed symbols, segments or sweeps: which orders have a field, its arithmetic, the step and its
//! matrix, the number of states, the ranges that cover them, and, where the states are few, the cycles that
//! they form. Where the library refuses, the refusal must be right.

#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use fumehood::field::{FieldError, MAX_ORDER, PrimeField};
use fumehood::lfsr::{
    EnumerateError, EnumerateTask, Enumeration, MAX_DEGREE, MAX_ENUMERATED_STATES, Register,
    RegisterError, StateRange, merge, plan_ranges,
};
use num_bigint::BigUint;

/// Registers of at most so many states are walked through.
const FEW_STATES: u32 = 1 << 10;

/// Powers are taken of registers up to this degree.
const SMALL_DEGREE: u32 = 300;

fuzz::fuzz_target!(|input: Input| input.check());

/// A register, perhaps, and numbers to do something with.
#[derive(Arbitrary, Debug)]
struct Input {
    order: Order,
    /// Whether coefficients are taken modulo the order: few registers would be right otherwise.
    reduce: bool,
    coefficients: Vec<u16>,
    /// So many more, times 512: degrees that no fuzzer writes out.
    more: u8,
    /// Elements of the field, or symbols of a state.
    elements: Vec<u8>,
    /// Where a range is cut, and where one may begin and end that is none.
    cut: u16,
    range: (u16, u16),
}

#[derive(Arbitrary, Debug)]
enum Order {
    Small(u8),
    Any(u32),
}

impl Input {
    fn check(self) {
        let order = match self.order {
            Order::Small(order) => order.into(),
            Order::Any(order) => order,
        };
        let mut coefficients: Vec<u32> = self.coefficients.into_iter().map(u32::from).collect();
        if self.reduce && order > 0 {
            coefficients.iter_mut().for_each(|c| *c %= order);
        }
        // Only where it is asked for in so many words: it takes long.
        if self.cut == 0xffff && self.more > 0 {
            coefficients.resize(coefficients.len() + usize::from(self.more) * 512, 1);
        }
        let field = PrimeField::new(order);
        assert_eq!(field.is_ok(), order <= MAX_ORDER && is_prime(order));
        let register = Register::new(order, &coefficients);
        let register = match (field, register) {
            (Err(error), register) => {
                assert_true_of_field(error, order);
                assert_eq!(register, Err(RegisterError::Field(error)));
                return;
            }
            (Ok(field), register) => {
                assert_arithmetic(field, &self.elements);
                match register {
                    Ok(register) => register,
                    Err(error) => return assert_true(error, order, &coefficients),
                }
            }
        };
        assert!(coefficients.iter().all(|&c| c < order) && !coefficients.is_empty());
        assert_eq!(register.coefficients(), coefficients);
        assert_eq!(register.degree() as usize, coefficients.len());
        if register.degree() > SMALL_DEGREE {
            return;
        }
        assert_steps(&register, &self.elements);
        let zeros = coefficients.iter().take_while(|&&c| c == 0).count() as u32;
        assert_eq!(register.nilpotent_index(), zeros);
        let states = power(order, register.degree());
        assert_eq!(register.state_count(), states);
        let periodic = power(order, register.degree() - zeros);
        let ranges = plan_ranges(&register);
        assert_eq!(
            ranges.is_ok(),
            periodic <= BigUint::from(MAX_ENUMERATED_STATES)
        );
        let Ok(ranges) = ranges else {
            return;
        };
        assert_cover(&ranges, &periodic);
        if states <= BigUint::from(FEW_STATES) {
            assert_structure(&register, &ranges, self.cut, self.range);
        }
    }
}

fn power(base: u32, exponent: u32) -> BigUint {
    BigUint::from(base).pow(exponent)
}

fn is_prime(n: u32) -> bool {
    n >= 2
        && (2..n)
            .take_while(|d| d * d <= n)
            .all(|d| !n.is_multiple_of(d))
}

/// The refusal of a field gives its reason in numbers that can be checked.
fn assert_true_of_field(error: FieldError, order: u32) {
    match error {
        FieldError::TooSmall { order: said } => assert!(said == order && order < 2),
        FieldError::TooLarge { order: said } => assert!(said == order && order > MAX_ORDER),
        FieldError::Composite {
            order: said,
            factor,
            cofactor,
        } => {
            assert!(said == order && factor * cofactor == order && is_prime(factor));
            // Not all of it is that factor.
            assert!((1..9).all(|exponent| power(factor, exponent) != BigUint::from(order)));
        }
        FieldError::PrimePower {
            order: said,
            prime,
            exponent,
        } => {
            assert!(said == order && is_prime(prime) && exponent >= 2);
            assert_eq!(power(prime, exponent), BigUint::from(order));
        }
    }
    assert!(error.hint().is_some());
}

fn assert_true(error: RegisterError, order: u32, coefficients: &[u32]) {
    match error {
        RegisterError::NoCoefficients => assert!(coefficients.is_empty()),
        RegisterError::DegreeTooLarge { degree } => {
            assert!(degree == coefficients.len() && degree > MAX_DEGREE as usize);
        }
        RegisterError::CoefficientTooLarge {
            position, value, ..
        } => {
            assert!(coefficients[position] == value && value >= order);
            assert!(coefficients[..position].iter().all(|&c| c < order));
        }
        RegisterError::Field(error) => panic!("there is a field: {error}"),
    }
}

/// The four operations are those of integers modulo the order.
fn assert_arithmetic(field: PrimeField, elements: &[u8]) {
    let p = BigUint::from(field.order());
    let in_field = |element: &u8| u32::from(*element) % field.order();
    for pair in elements.chunks(2).take(8) {
        let [a, b] = [&pair[0], pair.last().unwrap_or(&0)].map(in_field);
        let [big_a, big_b] = [a, b].map(BigUint::from);
        let is =
            |element: u32, big: BigUint| assert_eq!(BigUint::from(element), big % &p, "{a} {b}");
        is(field.add(a, b), &big_a + &big_b);
        is(field.mul(a, b), &big_a * &big_b);
        is(field.neg(a), &p - &big_a);
        match field.inv(a) {
            None => assert_eq!(a, 0),
            Some(inverse) => is(inverse, big_a.modpow(&(&p - 2u32), &p)),
        }
    }
}

/// The recurrence, the matrix and the polynomial say the same.
fn assert_steps(register: &Register, elements: &[u8]) {
    let order = register.gf_order();
    let coefficients = register.coefficients();
    let degree = coefficients.len();
    let symbol = |i: usize| elements.get(i).map_or(0, |&e| u32::from(e) % order);
    let state: Vec<u32> = (0..degree).map(symbol).collect();
    let mut next = state[1..].to_vec();
    next.push(feedback(order, coefficients, &state));
    assert_eq!(register.step(&state), next);
    let polynomial = register.characteristic_polynomial();
    assert_eq!((polynomial.len(), polynomial[degree]), (degree + 1, 1));
    assert!(
        coefficients
            .iter()
            .zip(&polynomial)
            .all(|(c, p)| (c + p) % order == 0)
    );
    // The whole matrix is the square of the degree.
    if degree <= 32 {
        let matrix: Vec<Vec<u32>> = register.companion_matrix().collect();
        let column = |j: usize| matrix.iter().map(|row| row[j]).collect::<Vec<u32>>();
        let product: Vec<u32> = (0..degree)
            .map(|j| feedback(order, &column(j), &state))
            .collect();
        assert_eq!(product, next);
    }
}

/// The sum of products, modulo the order.
fn feedback(order: u32, coefficients: &[u32], state: &[u32]) -> u32 {
    let sum: u64 = coefficients
        .iter()
        .zip(state)
        .map(|(&c, &s)| u64::from(c) * u64::from(s))
        .sum();
    (sum % u64::from(order)) as u32 // below the order
}

/// The ranges are in order and cover every state once.
fn assert_cover(ranges: &[StateRange], states: &BigUint) {
    let mut next = BigUint::ZERO;
    for range in ranges {
        assert!(BigUint::from(range.first) == next && range.first <= range.last);
        next = BigUint::from(range.last) + 1u32;
    }
    assert_eq!(next, *states);
    assert!((1..=4096).contains(&ranges.len()));
}

/// The structure that is enumerated is the one that is seen by walking.
fn assert_structure(register: &Register, ranges: &[StateRange], cut: u16, odd: (u16, u16)) {
    let run = |range: StateRange| {
        let table = Enumeration::prepare(&EnumerateTask::new(register, range))?.run()?;
        Ok::<_, EnumerateError>(table)
    };
    // A range that is none says between which states one may lie.
    let none = run(StateRange { first: 1, last: 0 });
    let Err(EnumerateError::Range { states, stride, .. }) = none else {
        panic!("no range: {none:?}");
    };
    let (first, last) = (odd.0.into(), odd.1.into());
    let fits = first <= last && last < states && first % stride == 0 && (last + 1) % stride == 0;
    assert_eq!(run(StateRange { first, last }).is_ok(), fits);
    // So few states are one range; cut in two it gives the same.
    let [whole] = ranges else {
        panic!("{ranges:?}");
    };
    let middle = u64::from(cut) % (states / stride) * stride;
    let parts = [(0, middle), (middle, states)]
        .into_iter()
        .filter(|(begin, end)| begin < end)
        .map(|(first, end)| {
            run(StateRange {
                first,
                last: end - 1,
            })
            .expect("it is a range")
        });
    let structure = merge(register, parts).expect("the parts are the whole");
    if cut.is_multiple_of(4) {
        let table = run(*whole).expect("it was planned");
        assert_eq!(merge(register, [table]).as_ref(), Ok(&structure));
    }
    let seen = walk(register);
    let total = register.state_count();
    assert_eq!(structure.cycle_lengths, seen);
    let periodic: BigUint = seen.iter().map(|(length, count)| length * count).sum();
    assert_eq!(structure.number_of_cycles, seen.values().sum());
    assert_eq!(Some(&structure.max_period), seen.keys().next_back());
    assert_eq!(structure.transient_states, &total - &periodic);
    assert_eq!(
        (structure.periodic_states, structure.state_count),
        (periodic, total)
    );
}

/// The cycles of the full register, by walking from every state until one comes that was met: how many of
/// each length.
fn walk(register: &Register) -> BTreeMap<BigUint, BigUint> {
    let order = register.gf_order() as usize;
    let coefficients = register.coefficients();
    let degree = coefficients.len();
    let states = order.pow(degree as u32);
    let successor = |number: usize| {
        let mut state = vec![0; degree];
        let mut rest = number;
        for symbol in &mut state {
            *symbol = (rest % order) as u32; // below the order
            rest /= order;
        }
        number / order
            + feedback(register.gf_order(), coefficients, &state) as usize * (states / order)
    };
    // The walk that met a state first, and the steps that it had taken.
    let mut met: Vec<Option<(usize, usize)>> = vec![None; states];
    let mut cycles = BTreeMap::new();
    for start in 0..states {
        let (mut at, mut steps) = (start, 0);
        while met[at].is_none() {
            met[at] = Some((start, steps));
            at = successor(at);
            steps += 1;
        }
        if let Some((walk, begin)) = met[at]
            && walk == start
            && steps > 0
        {
            *cycles.entry(BigUint::from(steps - begin)).or_default() += 1u32;
        }
    }
    cycles
}
