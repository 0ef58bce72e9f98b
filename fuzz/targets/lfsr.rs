//! Whatever numbers are taken for a register: those of mathematics, or an error that is true.
//!
//! Everything is done twice, by the library and here with integers of any size, which know nothing of fields
//! in a byte, tables, packed symbols, segments or sweeps: which orders have a field, its arithmetic, the step and its
//! matrix, the number of states, the ranges that cover them, and, where the states are few, the cycles that
//! they form. Where the library refuses, the refusal must be right.

#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use fumehood::field::{Field, FieldError, MAX_ORDER};
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
    modulus: Vec<u8>,
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
        let modulus: Vec<u32> = self.modulus.into_iter().map(u32::from).collect();
        let field = match Field::with_modulus(order, &modulus) {
            Ok(field) => field,
            Err(error) => {
                if modulus.is_empty() {
                    let register = Register::new(order, &coefficients);
                    assert_eq!(register, Err(RegisterError::Field(error.clone())));
                }
                return assert_true_of_field(error, order, &modulus);
            }
        };
        assert!(order <= MAX_ORDER && is_power_of_a_prime(order));
        assert_arithmetic(&field, &self.elements);
        let register = match Register::over(field, &coefficients) {
            Ok(register) => register,
            Err(error) => return assert_true(error, order, &coefficients),
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

fn least_factor(n: u32) -> u32 {
    (2..=n).find(|d| n.is_multiple_of(*d)).unwrap_or(n)
}

fn is_power_of_a_prime(n: u32) -> bool {
    let prime = least_factor(n);
    n >= 2 && (1..=8).any(|exponent| power(prime, exponent) == BigUint::from(n))
}

/// The refusal of a field gives its reason in numbers that can be checked.
fn assert_true_of_field(error: FieldError, order: u32, modulus: &[u32]) {
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
        FieldError::ModulusOfPrime { .. } => assert!(is_prime(order) && !modulus.is_empty()),
        FieldError::ModulusCoefficient {
            prime,
            position,
            value,
            ..
        } => assert!(modulus[position] == value && value >= prime && is_prime(prime)),
        FieldError::ModulusShape { exponent, .. } => {
            let has_degree = modulus.len() == exponent as usize + 1;
            assert!(!has_degree || modulus.last() != Some(&1));
        }
        FieldError::Reducible { ref factor, .. } => {
            // Both are monic: the remainder is taken with integers.
            let prime = i64::from(least_factor(order));
            let mut rest: Vec<i64> = modulus.iter().map(|&c| c.into()).collect();
            while rest.len() >= factor.len() {
                let top = rest.pop().unwrap_or(0);
                let from = rest.len() + 1 - factor.len();
                for (place, &c) in rest[from..].iter_mut().zip(factor) {
                    *place = (*place - top * i64::from(c)).rem_euclid(prime);
                }
            }
            assert!(factor.len() >= 2 && rest.iter().all(|c| *c == 0));
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

/// A field as mathematics defines it: polynomials over the integers modulo p, multiplied by long multiplication.
struct Naive {
    p: u32,
    modulus: Vec<u32>,
}

impl Naive {
    fn of(field: &Field) -> Naive {
        Naive {
            p: least_factor(field.order()),
            modulus: field.modulus().to_vec(),
        }
    }

    fn add(&self, a: u32, b: u32) -> u32 {
        if a + b == 0 {
            return 0;
        }
        let (low, high) = (
            (a % self.p + b % self.p) % self.p,
            self.add(a / self.p, b / self.p),
        );
        low + self.p * high
    }

    fn mul(&self, a: u32, b: u32) -> u32 {
        if self.modulus.is_empty() {
            return a * b % self.p;
        }
        let degree = self.modulus.len() - 1;
        let digit = |n: u32, i: usize| n / self.p.pow(i as u32) % self.p;
        let mut long = vec![0; 2 * degree];
        for i in 0..degree {
            for j in 0..degree {
                long[i + j] += digit(a, i) * digit(b, j);
            }
        }
        for top in (degree..2 * degree).rev() {
            let times = long[top] % self.p;
            for (i, &c) in self.modulus.iter().enumerate() {
                long[top - degree + i] += (self.p - times) * c;
            }
        }
        (0..degree)
            .rev()
            .fold(0, |n, i| n * self.p + long[i] % self.p)
    }
}

/// The operations are those of the naive field; what has an inverse is not zero.
fn assert_arithmetic(field: &Field, elements: &[u8]) {
    let naive = Naive::of(field);
    assert_eq!(field.characteristic(), naive.p);
    assert_eq!(
        power(naive.p, field.extension_degree()),
        BigUint::from(field.order())
    );
    let in_field = |element: &u8| u32::from(*element) % field.order();
    for pair in elements.chunks(2).take(8) {
        let [a, b] = [&pair[0], pair.last().unwrap_or(&0)].map(in_field);
        assert_eq!(field.add(a, b), naive.add(a, b), "{a} + {b}");
        assert_eq!(field.mul(a, b), naive.mul(a, b), "{a} * {b}");
        assert_eq!(naive.add(a, field.neg(a)), 0, "-{a}");
        match field.inv(a) {
            None => assert_eq!(a, 0),
            Some(inverse) => assert_eq!(naive.mul(a, inverse), 1, "1 / {a}"),
        }
    }
}

/// The recurrence, the matrix and the polynomial say the same.
fn assert_steps(register: &Register, elements: &[u8]) {
    let order = register.gf_order();
    let field = Naive::of(register.field());
    let coefficients = register.coefficients();
    let degree = coefficients.len();
    let symbol = |i: usize| elements.get(i).map_or(0, |&e| u32::from(e) % order);
    let state: Vec<u32> = (0..degree).map(symbol).collect();
    let mut next = state[1..].to_vec();
    next.push(feedback(&field, coefficients, &state));
    assert_eq!(register.step(&state), next);
    let polynomial = register.characteristic_polynomial();
    assert_eq!((polynomial.len(), polynomial[degree]), (degree + 1, 1));
    assert!(
        coefficients
            .iter()
            .zip(&polynomial)
            .all(|(&c, &p)| field.add(c, p) == 0)
    );
    // The whole matrix is the square of the degree.
    if degree <= 32 {
        let matrix: Vec<Vec<u32>> = register.companion_matrix().collect();
        let column = |j: usize| matrix.iter().map(|row| row[j]).collect::<Vec<u32>>();
        let product: Vec<u32> = (0..degree)
            .map(|j| feedback(&field, &column(j), &state))
            .collect();
        assert_eq!(product, next);
    }
}

/// The sum of products.
fn feedback(field: &Naive, coefficients: &[u32], state: &[u32]) -> u32 {
    let products = coefficients
        .iter()
        .zip(state)
        .map(|(&c, &s)| field.mul(c, s));
    products.fold(0, |sum, product| field.add(sum, product))
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
    let field = Naive::of(register.field());
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
        number / order + feedback(&field, coefficients, &state) as usize * (states / order)
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
