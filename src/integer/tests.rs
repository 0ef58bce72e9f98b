//! Whole factorizations of `p^n - 1`.

use super::*;

fn number(digits: &str) -> BigUint {
    digits.parse().unwrap()
}

fn factor(base: u32, exponent: u32) -> Factorization {
    factor_power_minus_one(base, exponent, &mut Effort::products(300_000_000))
}

#[test]
fn what_is_found_multiplies_to_the_number() {
    let cases = (2..=16)
        .map(|base| (base, 12))
        .chain((1..=64).map(|n| (2, n)))
        .chain([(13, 20), (17, 15), (251, 8), (199, 6), (6, 18)]);
    for (base, exponent) in cases {
        let found = factor(base, exponent);
        assert_eq!(found.product(), BigUint::from(base).pow(exponent) - 1u32);
        assert!(found.is_complete(), "{base}^{exponent}: {found:?}");
        assert!(found.primes.keys().all(is_prime), "{base}^{exponent}");
    }
}

/// The Mersenne number of 251 digits in binary, and Fermat's: J. Brillhart et al.
#[test]
fn hard_numbers_are_known() {
    let primes: Vec<BigUint> = factor(2, 251).primes.into_keys().collect();
    let expected = [
        "503",
        "54217",
        "178230287214063289511",
        "61676882198695257501367",
        "12070396178249893039969681",
    ];
    assert_eq!(primes, expected.map(number));
    let primes = factor(2, 256).primes;
    assert_eq!(primes.len(), 11);
    assert!(primes.contains_key(&number("5704689200685129054721")));
    assert!(primes.contains_key(&number("67280421310721")));
    for exponent in [128, 137, 149, 193, 509, 512] {
        assert!(factor(2, exponent).is_complete());
    }
    assert!(factor(3, 324).is_complete());
}

#[test]
fn what_resists_is_handed_back() {
    // 2^521 - 1 and 2^607 - 1 are primes (R. M. Robinson, 1952); 2^523 - 1 is composite, with a
    // least prime of 69 digits (the Cunningham project).
    assert!(factor(2, 521).is_complete());
    assert!(factor(2, 607).is_complete());
    let found = factor_power_minus_one(2, 523, &mut Effort::products(100_000));
    assert_eq!(found.composites, [(BigUint::from(1u32) << 523u32) - 1u32]);
    assert_eq!(found.product(), found.composites[0]);
}

#[test]
fn numbers_out_of_range_are_the_empty_product() {
    for (base, exponent) in [(0, 5), (1, 5), (2, 0)] {
        let found = factor(base, exponent);
        assert_eq!(found, Factorization::default());
        assert_eq!(found.product(), BigUint::from(1u32));
    }
    assert_eq!(factor(2, 1), Factorization::default());
}

#[test]
fn primes_by_trial() {
    assert!(primes_of(0).is_empty() && primes_of(1).is_empty());
    assert_eq!(primes_of(360), [2, 3, 5]);
    assert_eq!(primes_of(1_073_741_789), [1_073_741_789]);
    // 2^32 - 1.
    assert_eq!(primes_of(4_294_967_295), [3, 5, 17, 257, 65_537]);
}
