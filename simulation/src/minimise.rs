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
    let fails = |kept: &[usize]| {
        let lived = live(&scenario.with_faults(kept), false);
        lived
            .violation
            .is_some_and(|found| found.property == property)
    };
    let mut kept: Vec<usize> = (0..scenario.faults.len()).collect();
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
