//! Prime factors found by others: the tables in `known/`, which say where they are from.

use num_bigint::BigUint;

/// The tables by base.
const TABLES: [(u32, &str); 5] = [
    (2, include_str!("known/2.txt")),
    (3, include_str!("known/3.txt")),
    (5, include_str!("known/5.txt")),
    (7, include_str!("known/7.txt")),
    (11, include_str!("known/11.txt")),
];

/// All primes of `Phi_index(base)` but the greatest, which is what they leave of it; `None` where they are not listed.
pub(super) fn primes(base: u32, index: u32) -> Option<Vec<BigUint>> {
    let (_, table) = TABLES.iter().find(|(known, _)| *known == base)?;
    let mut lines = table.lines().filter(|line| !line.starts_with('#'));
    let line = lines.nth(index.checked_sub(1)? as usize)?;
    let mut words = line.split_ascii_whitespace();
    if words.next()? != index.to_string() {
        return None;
    }
    words.map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use num_integer::Integer;

    use super::super::{cyclotomic, is_prime};
    use super::*;

    /// Every line of every table: each number divides, what is left is no other than the greatest, and all are primes.
    #[test]
    fn every_prime_of_the_tables_divides_and_is_prime() {
        for (base, last) in [(2, 512), (3, 324), (5, 220), (7, 180), (11, 148)] {
            assert_eq!(primes(base, 0), None);
            assert_eq!(primes(base, last + 1), None);
            for index in 1..=last {
                let mut rest = cyclotomic::number(base, index);
                let listed = primes(base, index).expect("a line");
                for prime in &listed {
                    let (quotient, remainder) = rest.div_rem(prime);
                    assert_eq!(remainder, BigUint::ZERO, "{base} {index} {prime}");
                    assert!(is_prime(prime), "{base} {index} {prime}");
                    rest = quotient;
                }
                assert!(listed.is_sorted(), "{base} {index}");
                let greatest = listed.last().is_none_or(|last| *last <= rest);
                assert!(greatest, "{base} {index}");
                let nothing = rest == BigUint::from(1u32);
                assert!(
                    is_prime(&rest) || (nothing && (base, index) == (2, 1)),
                    "{base} {index}"
                );
            }
        }
    }
}
