//! The states of a register, cycle by cycle.
//!
//! A state is known by its `d'` newest symbols, those of the *reduced* register, once it is on a cycle: the `d - d'` older ones
//! follow backwards from the recurrence. They are also its highest digits, so the order of their numbers is the order of
//! the states'. The search goes through these numbers from 0 on; each is either on a cycle that is listed, or begins a
//! new one at its smallest state. Only numbers below the cap can be reached before the cap is, so a mark for each of
//! those is enough, at any degree. States on no cycle are not looked at: the reduced register has none.

use num_bigint::BigUint;

use crate::lfsr::{Register, Structure};

/// Cycles of a register, by their smallest state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleList {
    /// The cycles. All but the last are whole.
    pub cycles: Vec<ListedCycle>,
    /// Number of states listed.
    pub listed: usize,
    /// Number of states of the register that are on a cycle.
    pub periodic_states: BigUint,
    /// Number of states that are on none, and so nowhere in the list.
    pub transient_states: BigUint,
}

impl CycleList {
    /// Whether every cycle is in the list, whole.
    pub fn is_complete(&self) -> bool {
        BigUint::from(self.listed) == self.periodic_states
    }
}

/// A cycle from its smallest state on, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCycle {
    /// The output from the first state, up to the last symbol of the last state: each state is the one before it, moved by
    /// one. An element fits a byte.
    symbols: Vec<u8>,
    degree: usize,
    /// Whether it was cut because no more states were to be listed.
    pub is_cut: bool,
}

impl ListedCycle {
    /// Its states in the order of the steps, the oldest symbol of each first; at least one.
    pub fn states(&self) -> impl ExactSizeIterator<Item = &[u8]> + '_ {
        self.symbols.windows(self.degree)
    }
}

/// The cycles of a register with at most `cap` states in all; the cycle that would pass the cap is cut. Work grows with
/// `cap` and the degree, memory with `cap` and the number of cycles times the degree, whatever the number of states.
pub fn list_cycles(register: &Register, cap: usize) -> CycleList {
    let tails = Structure::tails(register);
    let whole = usize::try_from(&tails.periodic_states).unwrap_or(usize::MAX);
    let mut list = CycleList {
        cycles: Vec::new(),
        listed: 0,
        periodic_states: tails.periodic_states,
        transient_states: tails.transient_states,
    };
    let mut is_listed = vec![false; whole.min(cap)];
    // A number below the cap that is not marked begins a cycle; before the cap is reached there is one, or none at all.
    for number in 0..is_listed.len() {
        if is_listed[number] {
            continue;
        }
        if list.listed == cap {
            break;
        }
        let cycle = walk(register, number, cap - list.listed);
        for state in cycle.states() {
            let newest = &state[register.nilpotent_index() as usize..];
            if let Some(mark) = number_below(register.gf_order(), newest, is_listed.len()) {
                is_listed[mark] = true;
            }
        }
        list.listed += cycle.states().len();
        list.cycles.push(cycle);
    }
    list
}

/// The cycle from the state with this number of its newest symbols, up to so many states, at least one.
fn walk(register: &Register, number: usize, most: usize) -> ListedCycle {
    let first = periodic_state(register, number);
    let degree = first.len();
    let mut symbols: Vec<u8> = first.iter().map(|&symbol| symbol as u8).collect(); // below 256
    let mut is_cut = false;
    if let Ok(output) = register.output_from(&first) {
        let first = symbols.clone();
        for symbol in output.skip(degree) {
            symbols.push(symbol as u8); // below 256
            if symbols.ends_with(&first) {
                symbols.pop();
                break;
            }
            if symbols.len() - degree == most {
                symbols.pop();
                is_cut = true;
                break;
            }
        }
    }
    ListedCycle {
        symbols,
        degree,
        is_cut,
    }
}

/// The state on a cycle whose newest symbols, as many as the reduced register has, are the digits of a number.
fn periodic_state(register: &Register, number: usize) -> Vec<u32> {
    let (field, q) = (register.field(), register.gf_order() as usize);
    let older = register.nilpotent_index() as usize;
    let mut state = vec![0; register.degree() as usize];
    let mut rest = number;
    for symbol in &mut state[older..] {
        *symbol = (rest % q) as u32; // below q
        rest /= q;
    }
    let coefficients = register.reduced_coefficients();
    let Some((&c0, others)) = coefficients.split_first() else {
        return state; // the state of zeros
    };
    let inverse = field.inv(c0).unwrap_or(0); // the first of them is not 0
    for place in (0..older).rev() {
        let sum = others
            .iter()
            .zip(&state[place + 1..])
            .fold(0, |sum, (&c, &s)| field.add(sum, field.mul(c, s)));
        let newest = state[place + coefficients.len()];
        state[place] = field.mul(inverse, field.sub(newest, sum));
    }
    state
}

/// The number with these digits, the lowest first, if it is below a bound of at least 1.
fn number_below(q: u32, digits: &[u8], bound: usize) -> Option<usize> {
    digits.iter().rev().try_fold(0usize, |number, &digit| {
        let number = number * q as usize + usize::from(digit);
        (number < bound).then_some(number)
    })
}
