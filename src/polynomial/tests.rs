//! Both rings against each other and against slow methods; factorizations with a source.

use proptest::prelude::*;

use super::*;

/// Product by the definition, with nothing but the field.
fn times(field: &Field, a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut product = vec![0; (a.len() + b.len()).saturating_sub(1)];
    for (i, &x) in a.iter().enumerate() {
        for (j, &y) in b.iter().enumerate() {
            product[i + j] = field.add(product[i + j], field.mul(x, y));
        }
    }
    product
}

fn expand(field: &Field, factors: &[Factor]) -> Vec<u32> {
    factors.iter().fold(vec![1], |product, factor| {
        (0..factor.multiplicity).fold(product, |product, _| {
            times(field, &product, &factor.coefficients)
        })
    })
}

/// By all monic divisors up to half the degree.
fn is_irreducible(field: &Field, polynomial: &[u32]) -> bool {
    let ring = Dense::over(field);
    let polynomial = polynomial.to_vec();
    (1..=(polynomial.len() - 1) / 2).all(|degree| {
        let count = field.order().pow(degree as u32);
        (0..count).all(|number| {
            let mut divisor: Vec<u32> = (0..degree as u32)
                .map(|i| number / field.order().pow(i) % field.order())
                .collect();
            divisor.push(1);
            !ring.is_zero(&ring.div_rem(&polynomial, &divisor).1)
        })
    })
}

const ORDERS: [u32; 10] = [2, 3, 4, 5, 7, 8, 9, 16, 25, 27];

/// A field and some monic polynomials over it, whose degrees together are small.
fn parts() -> impl Strategy<Value = (u32, Vec<Vec<u32>>)> {
    prop::sample::select(&ORDERS[..]).prop_flat_map(|order| {
        let coefficients = prop::collection::vec(0..order, 0..=3).prop_map(|mut c| {
            c.push(1);
            c
        });
        let power = (coefficients, 1..=4usize).prop_map(|(c, times)| vec![c; times]);
        let parts = prop::collection::vec(power, 0..=4).prop_map(|parts| parts.concat());
        (Just(order), parts)
    })
}

proptest! {
    #[test]
    fn factors_are_irreducible_and_multiply_to_the_polynomial((order, parts) in parts()) {
        let field = Field::new(order).unwrap();
        let polynomial = parts.iter().fold(vec![1], |product, part| times(&field, &product, part));
        let factors = factor(&field, &polynomial);
        prop_assert_eq!(expand(&field, &factors), polynomial);
        for pair in factors.windows(2) {
            let key = |f: &Factor| (f.degree(), f.coefficients.clone());
            prop_assert!(key(&pair[0]) < key(&pair[1]));
        }
        for factor in factors {
            prop_assert!(is_irreducible(&field, &factor.coefficients), "{:?}", factor);
        }
    }

    #[test]
    fn the_leading_coefficient_does_not_matter(
        coefficients in prop::collection::vec(0..9u32, 1..8),
        scale in 1..9u32,
    ) {
        let field = Field::new(9).unwrap();
        let scaled: Vec<u32> = coefficients.iter().map(|&c| field.mul(c, scale)).collect();
        prop_assert_eq!(factor(&field, &scaled), factor(&field, &coefficients));
    }

    #[test]
    fn both_rings_agree_over_gf_2(
        a in prop::collection::vec(0..2u32, 0..200),
        b in prop::collection::vec(0..2u32, 0..200),
        modulus in prop::collection::vec(0..2u32, 1..200),
        exponent in any::<u128>(),
    ) {
        let field = Field::new(2).unwrap();
        let dense = Dense::over(&field);
        let modulus: Vec<u32> = modulus.into_iter().chain([1]).collect();
        let (pa, pb, pm) = (Packed.read(&a), Packed.read(&b), Packed.read(&modulus));
        let (da, db, dm) = (dense.read(&a), dense.read(&b), dense.read(&modulus));
        let ready = Packed.modulus(pm.clone());
        prop_assert_eq!(Packed.write(&pa), da.clone());
        prop_assert_eq!(Packed.write(&Packed.add(&pa, &pb)), dense.add(&da, &db));
        prop_assert_eq!(Packed.write(&Packed.gcd(&pa, &pb)), dense.gcd(&da, &db));
        prop_assert_eq!(Packed.write(&Packed.derivative(&pa)), dense.derivative(&da));
        prop_assert_eq!(Packed.write(&Packed.pth_root(&pa)), trimmed(dense.pth_root(&da)));
        let (quotient, rest) = Packed.div_rem(&pa, &pb);
        prop_assert_eq!((Packed.write(&quotient), Packed.write(&rest)), dense.div_rem(&da, &db));
        let (pa, pb) = (Packed.div_rem(&pa, &pm).1, Packed.div_rem(&pb, &pm).1);
        let (da, db) = (dense.div_rem(&da, &dm).1, dense.div_rem(&db, &dm).1);
        prop_assert_eq!(Packed.write(&Packed.mul_mod(&pa, &pb, &ready)), dense.mul_mod(&da, &db, &dm));
        prop_assert_eq!(Packed.write(&Packed.square_mod(&pa, &ready)), dense.square_mod(&da, &dm));
        prop_assert_eq!(Packed.write(&Packed.times_x_mod(&pa, &ready)), dense.times_x_mod(&da, &dm));
        let exponent = BigUint::from(exponent);
        prop_assert_eq!(
            Packed.write(&ring::power_of_x(&Packed, &exponent, &ready)),
            ring::power_of_x(&dense, &exponent, &dm)
        );
        prop_assert_eq!(
            Packed.write(&ring::power(&Packed, &pa, &exponent, &ready)),
            ring::power(&dense, &da, &exponent, &dm)
        );
        let mut factors = factor_over(&dense, &modulus);
        factors.sort_by_key(|f| (f.degree(), f.coefficients.clone()));
        prop_assert_eq!(factors, factor(&field, &modulus));
    }

    #[test]
    fn division_gives_the_dividend_back(
        (order, a, b) in prop::sample::select(&ORDERS[..]).prop_flat_map(|order| {
            let polynomial = || prop::collection::vec(0..order, 0..20);
            (Just(order), polynomial(), polynomial())
        }),
    ) {
        let field = Field::new(order).unwrap();
        let ring = Dense::over(&field);
        let (a, b) = (ring.read(&a), ring.read(&b));
        let (quotient, rest) = ring.div_rem(&a, &b);
        let product = ring.read(&times(&field, &quotient, &b));
        prop_assert_eq!(ring.add(&product, &rest), a.clone());
        prop_assert!(b.is_empty() || rest.len() < b.len());
        let (product, common) = (ring.read(&times(&field, &a, &b)), ring.gcd(&a, &b));
        for number in [&a, &b] {
            prop_assert!(ring.is_zero(&ring.div_rem(number, &common).1));
        }
        prop_assert_eq!(ring.gcd(&product, &a), ring.monic(&a));
    }
}

fn trimmed(mut c: Vec<u32>) -> Vec<u32> {
    while c.last() == Some(&0) {
        c.pop();
    }
    c
}

fn of(terms: &[usize]) -> Vec<u32> {
    let mut coefficients = vec![0; terms[0] + 1];
    for &term in terms {
        coefficients[term] = 1;
    }
    coefficients
}

fn shape(factors: &[Factor]) -> Vec<(u32, u32)> {
    factors
        .iter()
        .map(|f| (f.degree(), f.multiplicity))
        .collect()
}

#[test]
fn constants_have_no_factors() {
    for order in [2, 3, 4] {
        let field = Field::new(order).unwrap();
        for constant in [&[][..], &[0], &[1], &[order - 1], &[0, 0]] {
            assert_eq!(factor(&field, constant), []);
            assert!(PowersOfX::modulo(&field, constant).is_none());
        }
    }
}

/// Lidl and Niederreiter, section 4.1: over GF(2)
/// `x^8 + x^6 + x^4 + x^3 + 1 = (x^2 + x + 1)(x^6 + x^5 + x^4 + x + 1)`.
#[test]
fn a_factorization_from_the_book() {
    let field = Field::new(2).unwrap();
    let factors = factor(&field, &of(&[8, 6, 4, 3, 0]));
    let expected = [of(&[2, 1, 0]), of(&[6, 5, 4, 1, 0])];
    assert_eq!(factors.len(), 2);
    for (factor, expected) in factors.iter().zip(expected) {
        assert_eq!((&factor.coefficients, factor.multiplicity), (&expected, 1));
    }
}

/// Irreducible trinomials: N. Zierler and J. Brillhart, "On primitive trinomials (mod 2)", Information and Control 13
/// (1968), and N. Zierler, "Primitive trinomials whose degree is a Mersenne exponent", in volume 15 (1969).
#[test]
fn irreducible_trinomials() {
    let field = Field::new(2).unwrap();
    for terms in [[89, 38, 0], [127, 1, 0], [127, 63, 0], [521, 32, 0]] {
        assert_eq!(shape(&factor(&field, &of(&terms))), [(terms[0] as u32, 1)]);
    }
}

/// Over GF(q) the irreducible factors of `x^n - 1` have as degrees the orders of q modulo the divisors of n: Lidl and
/// Niederreiter, theorem 2.47. With a power of p in n each comes that often.
#[test]
fn the_factors_of_x_to_the_n_minus_1() {
    for (order, n) in [
        (2, 255u32),
        (2, 127 * 8),
        (3, 91),
        (4, 85),
        (5, 75),
        (9, 40),
        (256, 51),
        (251, 50),
    ] {
        let field = Field::new(order).unwrap();
        let mut polynomial = vec![0; n as usize + 1];
        polynomial[0] = field.neg(1);
        polynomial[n as usize] = 1;
        let factors = factor(&field, &polynomial);
        assert_eq!(expand(&field, &factors), polynomial);
        let p = field.characteristic();
        let (mut coprime, mut multiplicity) = (n, 1);
        while coprime % p == 0 {
            (coprime, multiplicity) = (coprime / p, multiplicity * p);
        }
        let mut expected = Vec::new();
        for divisor in (1..=coprime).filter(|d| coprime % d == 0) {
            let coprimes = (1..=divisor)
                .filter(|a| num_integer::gcd(*a, divisor) == 1)
                .count() as u32;
            let mut power = 1;
            let degree = (1..).find(|_| {
                power = power * order % divisor;
                power == 1 % divisor
            });
            let degree = degree.expect("an order");
            expected.extend((0..coprimes / degree).map(|_| (degree, multiplicity)));
        }
        expected.sort();
        assert_eq!(shape(&factors), expected, "{order} {n}");
    }
}

#[test]
fn a_large_power_of_one_factor() {
    for (order, exponent) in [(2, 96), (3, 54), (4, 48), (9, 30), (5, 50)] {
        let field = Field::new(order).unwrap();
        let base = [order - 1, 1];
        let polynomial = (0..exponent).fold(vec![1], |product, _| times(&field, &product, &base));
        let factors = factor(&field, &polynomial);
        assert_eq!(
            factors,
            [Factor {
                coefficients: base.to_vec(),
                multiplicity: exponent
            }]
        );
    }
}

#[test]
fn powers_of_x() {
    // x^4 + x^3 + x^2 + x + 1 divides x^5 - 1, and nothing smaller; over GF(2) and GF(3).
    for order in [2, 3] {
        let field = Field::new(order).unwrap();
        let powers = PowersOfX::modulo(&field, &[1, 1, 1, 1, 1]).unwrap();
        for exponent in 0..30u32 {
            let one = exponent % 5 == 0;
            assert_eq!(powers.is_one(&BigUint::from(exponent)), one);
            let degree = if one { 4 } else { 0 };
            let power = powers.power(&exponent.into());
            assert_eq!(powers.common_degree(&power), degree);
            let sixth = powers.power_of(&power, &BigUint::from(6u32));
            assert_eq!(sixth, powers.power(&(6 * exponent).into()));
        }
    }
    // x (x - 1)^2: x^e - 1 has x - 1, twice where 3 divides e.
    let field = Field::new(3).unwrap();
    let powers = PowersOfX::modulo(&field, &[0, 1, 1, 1]).unwrap();
    let degrees: Vec<u32> = (1..=6u32)
        .map(|e| powers.common_degree(&powers.power(&e.into())))
        .collect();
    assert_eq!(degrees, [1, 1, 2, 1, 1, 2]);
}
