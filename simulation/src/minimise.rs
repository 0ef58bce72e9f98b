//! A failing seed made small: as few faults as show the same.
//!
//! Delta debugging (Zeller and Hildebrandt: Simplifying and isolating failure-inducing input, IEEE Transactions on
//! Software Engineering 28, 2002) over the list of faults. What is left out changes no other fault and no task's
//! time, since each has draws of its own.

use crate::life::live;
use crate::scenario::Scenario;
use crate::witness::Property;

/// The numbers of the faults that are enough to violate the same property.
pub fn minimise(scenario: &Scenario, property: Property) -> Vec<usize> {
    smallest(scenario.faults.len(), |kept| {
        let lived = live(&scenario.with_faults(kept), false);
        let found = lived.violation;
        found.is_some_and(|found| found.property == property)
    })
}

/// Some of so many things, all of which fail together, that fail too, and none of which can be left out.
fn smallest(count: usize, fails: impl Fn(&[usize]) -> bool) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..count).collect();
    let mut parts = 2;
    while kept.len() > 1 {
        let size = kept.len().div_ceil(parts);
        let smaller = (0..kept.len()).step_by(size).find_map(|from| {
            let to = (from + size).min(kept.len());
            let rest = [&kept[..from], &kept[to..]].concat();
            fails(&rest).then_some(rest)
        });
        match smaller {
            Some(rest) => {
                kept = rest;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(kept.len()),
        }
    }
    if fails(&[]) {
        kept.clear();
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_matters_is_left_and_nothing_else() {
        for needed in [&[][..], &[0], &[99], &[3, 17], &[1, 2, 50, 98]] {
            let tries = Cell::new(0);
            let kept = smallest(100, |kept| {
                tries.set(tries.get() + 1);
                needed.iter().all(|at| kept.contains(at))
            });
            assert_eq!(kept, needed);
            assert!(tries.get() < 200, "{} tries", tries.get());
        }
    }

    #[test]
    fn things_that_stand_for_each_other_are_not_both_kept() {
        let kept = smallest(60, |kept| {
            kept.contains(&7) && kept.iter().any(|at| *at > 30)
        });
        assert_eq!(kept.len(), 2);
        assert!(kept.contains(&7) && kept[1] > 30);
    }
}
