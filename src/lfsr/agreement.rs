//! The three ways to the cycles of a register agree: enumeration, algebra, and a count that factors nothing.
//!
//! They share the arithmetic of the field and no more; `brute.rs` and `analytic/tests` hold two of them against walks that do
//! not share even that.

use std::cell::Cell;

use num_bigint::BigUint;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::analytic::{analyse, check_periods, states_with_period_dividing};
use super::samples::{ORDERS, any_register, product_of_powers};
use super::{EnumerateTask, Enumeration, Register, Structure, merge, plan_ranges};

/// Registers of each field and each way to draw them: 2,200 together.
const CASES: u32 = 110;

/// The most states of one.
const STATES: u32 = 20_000;

fn enumerated(register: &Register) -> Structure {
    let ranges = plan_ranges(register).expect("few states");
    let tables = ranges.into_iter().map(|range| {
        Enumeration::prepare(&EnumerateTask::new(register, range))
            .and_then(|enumeration| enumeration.run())
            .expect("a planned range")
    });
    merge(register, tables).expect("all ranges")
}

/// What was drawn, so that a sample without the hard registers does not pass for one with them.
#[derive(Default)]
struct Drawn {
    registers: Cell<u32>,
    singular: Cell<u32>,
    repeated: Cell<u32>,
}

impl Drawn {
    fn agree(&self, register: &Register) -> Result<(), TestCaseError> {
        let analysis = analyse(register);
        prop_assert_eq!(&analysis.unknown, &[]);
        let structure = enumerated(register);
        prop_assert_eq!(analysis.structure.as_ref(), Some(&structure));
        prop_assert_eq!(check_periods(register, &structure), Ok(()));
        // Lengths that no cycle has: the count must find those of their divisors alone.
        for length in (1..=12u32).map(BigUint::from) {
            let cycles = structure.cycle_lengths.iter();
            let states: BigUint = cycles
                .filter(|(l, _)| &length % *l == BigUint::ZERO)
                .map(|(l, n)| l * n)
                .sum();
            prop_assert_eq!(states_with_period_dividing(register, &length), states);
        }
        let one_more = |count: &Cell<u32>, yes: bool| count.set(count.get() + u32::from(yes));
        let factors = analysis.factors.unwrap_or_default();
        one_more(&self.registers, true);
        one_more(&self.singular, register.nilpotent_index() > 0);
        let is_repeated = |f: &super::analytic::Factor| f.multiplicity > 1;
        one_more(&self.repeated, factors.iter().any(is_repeated));
        Ok(())
    }
}

#[test]
fn enumeration_algebra_and_count_agree() {
    let drawn = Drawn::default();
    let config = || ProptestConfig::with_cases(CASES);
    for order in ORDERS {
        TestRunner::new(config())
            .run(&any_register(order, STATES), |register| {
                drawn.agree(&register)
            })
            .unwrap_or_else(|error| panic!("GF({order}): {error}"));
        TestRunner::new(config())
            .run(&product_of_powers(order, STATES), |register| {
                drawn.agree(&register)
            })
            .unwrap_or_else(|error| panic!("GF({order}): {error}"));
    }
    assert!(drawn.registers.get() >= 2_000);
    assert!(drawn.singular.get() >= 500, "{}", drawn.singular.get());
    assert!(drawn.repeated.get() >= 500, "{}", drawn.repeated.get());
}
