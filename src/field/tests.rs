use super::*;

fn prime_powers() -> impl Iterator<Item = u32> {
    let is_power = |n: u32| {
        let prime = (2..=n).find(|p| n.is_multiple_of(*p));
        prime.is_some_and(|p| (1..9).any(|k| p.pow(k) == n))
    };
    (2..=MAX_ORDER).filter(move |&n| is_power(n))
}

#[test]
fn exactly_the_prime_powers_up_to_256_are_built() {
    let built: Vec<u32> = (0..1000).filter(|&q| Field::new(q).is_ok()).collect();
    assert_eq!(built, prime_powers().collect::<Vec<_>>());
    // OEIS A000961 (powers of primes) has 71 terms from 1 to 256.
    assert_eq!(built.len(), 70);
}

#[test]
fn every_refusal_has_its_reason_and_its_way_out() {
    let cases: [(u32, &[u32], &str); 13] = [
        (
            0,
            &[],
            "there is no field of order 0: a field has at least two elements",
        ),
        (
            1,
            &[],
            "there is no field of order 1: a field has at least two elements",
        ),
        (
            6,
            &[],
            "there is no field of order 6: 6 = 2 * 3 is not a power of one prime",
        ),
        (
            12,
            &[],
            "there is no field of order 12: 12 = 2 * 6 is not a power of one prime",
        ),
        (
            257,
            &[],
            "a field of order 257 is too large: the order may be at most 256",
        ),
        (
            u32::MAX,
            &[],
            "a field of order 4294967295 is too large: the order may be at most 256",
        ),
        (
            7,
            &[1, 1],
            "GF(7) has no modulus: its elements are the residues modulo 7",
        ),
        (
            9,
            &[2, 3, 1],
            "coefficient 1 of the modulus is 3, but the modulus of GF(9) is a polynomial over GF(3)",
        ),
        (
            8,
            &[1, 1, 1],
            "the modulus of GF(8) is a polynomial of degree 3: 4 coefficients, the last of them 1",
        ),
        (
            9,
            &[1, 0, 2],
            "the modulus of GF(9) is a polynomial of degree 2: 3 coefficients, the last of them 1",
        ),
        (
            4,
            &[1, 0, 1],
            "the modulus given for GF(4) is no irreducible polynomial: z + 1 divides it",
        ),
        (
            9,
            &[2, 0, 1],
            "the modulus given for GF(9) is no irreducible polynomial: z + 1 divides it",
        ),
        (
            16,
            &[1, 0, 1, 0, 1],
            "the modulus given for GF(16) is no irreducible polynomial: z^2 + z + 1 divides it",
        ),
    ];
    for (order, modulus, reason) in cases {
        let error = Field::with_modulus(order, modulus).unwrap_err();
        assert_eq!(error.to_string(), reason);
        assert!(error.hint().is_some(), "order {order}");
    }
    let hint = Field::with_modulus(9, &[2, 0, 1]).unwrap_err().hint();
    assert!(hint.is_some_and(|hint| hint.contains("z^2 + 2z + 2")));
}

/// All axioms over all pairs, and all triples for the small fields.
#[test]
fn the_axioms_of_a_field_hold() {
    for q in prime_powers() {
        let field = Field::new(q).unwrap();
        let prime = field.characteristic();
        assert_eq!(field.order(), prime.pow(field.extension_degree()));
        assert_eq!(field.inv(0), None);
        for a in 0..q {
            assert_eq!(field.add(a, field.neg(a)), 0);
            assert_eq!((field.add(a, 0), field.mul(a, 1)), (a, a));
            assert_eq!(field.pow(a, u64::from(q)), a, "Fermat in GF({q})");
            assert_eq!((0..prime).fold(0, |sum, _| field.add(sum, a)), 0);
            if a != 0 {
                assert_eq!(field.mul(a, field.inv(a).unwrap()), 1);
            }
            for b in 0..q {
                assert_eq!(field.add(a, b), field.add(b, a));
                assert_eq!(field.mul(a, b), field.mul(b, a));
                assert_eq!(field.sub(field.add(a, b), b), a);
                assert_eq!(field.mul(a, b) == 0, a == 0 || b == 0);
                for c in 0..q.min(if q < 28 { q } else { 3 }) {
                    let products = field.add(field.mul(a, b), field.mul(a, c));
                    assert_eq!(field.mul(a, field.add(b, c)), products);
                    assert_eq!(field.add(a, field.add(b, c)), field.add(field.add(a, b), c));
                    assert_eq!(field.mul(a, field.mul(b, c)), field.mul(field.mul(a, b), c));
                }
            }
        }
    }
}

/// The integer `p` is z, and z is a root of the modulus: what the contract says the integers mean.
#[test]
fn integers_are_polynomials_in_a_root_of_the_modulus() {
    let aes: &[u32] = &[1, 1, 0, 1, 1, 0, 0, 0, 1];
    let cases = prime_powers()
        .map(|q| (q, &[][..]))
        .chain([(256, aes), (9, &[1, 0, 1])]);
    for (q, modulus) in cases {
        let field = Field::with_modulus(q, modulus).unwrap();
        let (p, k) = (field.characteristic(), field.extension_degree());
        assert_eq!(field.has_usual_modulus(), modulus.is_empty());
        if k == 1 {
            assert!(field.modulus().is_empty());
            assert_eq!(field.mul(q - 1, q - 1), 1);
            continue;
        }
        let value = (0..).zip(field.modulus());
        let value = value.map(|(power, &c)| field.mul(c, field.pow(p, power)));
        assert_eq!(
            value.fold(0, |sum, term| field.add(sum, term)),
            0,
            "{field:?}"
        );
        for number in 0..q {
            let digits = (0..k)
                .map(|place| field.mul(number / p.pow(place) % p, field.pow(p, place.into())));
            assert_eq!(digits.fold(0, |sum, term| field.add(sum, term)), number);
        }
    }
    // FIPS 197, section 4.2: {57} * {83} = {c1}, and {57} + {83} = {d4}.
    let field = Field::with_modulus(256, aes).unwrap();
    assert_eq!((field.mul(0x57, 0x83), field.add(0x57, 0x83)), (0xc1, 0xd4));
}

/// The contract names three of them.
#[test]
fn the_usual_moduli_are_the_conway_polynomials_by_their_definition() {
    assert_eq!(Field::new(4).unwrap().modulus(), [1, 1, 1]);
    assert_eq!(Field::new(8).unwrap().modulus(), [1, 1, 0, 1]);
    assert_eq!(Field::new(9).unwrap().modulus(), [2, 2, 1]);
    for q in prime_powers() {
        let (prime, degree) = prime_power(q).unwrap();
        if degree > 1 {
            assert_eq!(
                conway::polynomial(q),
                conway_by_definition(prime, degree),
                "GF({q})"
            );
        }
    }
}

/// The first monic polynomial, in the order of its coefficients with alternating signs from the highest down, that is
/// primitive and whose root, to the power that leads into each smaller field, is a root of that field's polynomial.
fn conway_by_definition(prime: u32, degree: u32) -> Vec<u32> {
    if degree == 1 {
        let generator =
            (1..prime).find(|&a| multiplicative_order(&Field::new(prime).unwrap(), a) == prime - 1);
        return vec![prime - generator.unwrap(), 1];
    }
    let order = prime.pow(degree);
    let polynomial = (0..order).map(|word| {
        let mut polynomial: Vec<u32> = (0..degree)
            .map(|place| {
                let digit = word / prime.pow(place) % prime;
                if (degree - place) % 2 == 1 {
                    (prime - digit) % prime
                } else {
                    digit
                }
            })
            .collect();
        polynomial.push(1);
        polynomial
    });
    let fits = |polynomial: &Vec<u32>| {
        let Ok(field) = Field::with_modulus(order, polynomial) else {
            return false;
        };
        let smaller = (1..degree).filter(|d| degree.is_multiple_of(*d));
        multiplicative_order(&field, prime) == order - 1
            && smaller
                .map(|d| (d, conway_by_definition(prime, d)))
                .all(|(d, below)| {
                    let root = field.pow(prime, u64::from((order - 1) / (prime.pow(d) - 1)));
                    let terms = (0..)
                        .zip(below)
                        .map(|(power, c)| field.mul(c, field.pow(root, power)));
                    terms.fold(0, |sum, term| field.add(sum, term)) == 0
                })
    };
    polynomial.into_iter().find(fits).unwrap()
}

fn multiplicative_order(field: &Field, a: u32) -> u32 {
    (1..field.order())
        .find(|&n| field.pow(a, n.into()) == 1)
        .unwrap_or(0)
}
