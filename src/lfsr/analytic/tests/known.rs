//! Answers that others have found.

use super::*;

fn number(digits: &str) -> BigUint {
    digits.parse().unwrap()
}

fn binary(terms: &[usize]) -> Register {
    let mut coefficients = vec![0; terms[0]];
    for &term in &terms[1..] {
        coefficients[term] = 1;
    }
    Register::new(2, &coefficients).unwrap()
}

fn cycles(analysis: &Analysis) -> BTreeMap<u64, u64> {
    small(&analysis.structure.as_ref().expect("known").cycle_lengths)
}

/// Primitive: one cycle holds all states but 0.
fn assert_primitive(register: &Register) {
    let analysis = analyse(register);
    assert_eq!(analysis.unknown, []);
    assert_eq!(
        (analysis.irreducible, analysis.primitive),
        (Some(true), Some(true)),
        "{register:?}"
    );
    let all = register.state_count() - 1u32;
    assert_eq!(analysis.char_poly_order, Order::Finite(all.clone()));
    let one = BigUint::from(1u32);
    let expected = BTreeMap::from([(one.clone(), one.clone()), (all, one)]);
    let structure = analysis.structure.unwrap();
    assert_eq!(structure.cycle_lengths, expected);
    check_periods(register, &structure).unwrap();
}

/// Primitive trinomials: N. Zierler and J. Brillhart, "On primitive trinomials (mod 2)", Information and Control 13
/// (1968) and 14 (1969); N. Zierler, "Primitive trinomials whose degree is a Mersenne exponent", 15 (1969). The
/// pentanomial of degree 128 is that of GCM in NIST SP 800-38D, which is primitive, as is x^64 + x^4 + x^3 + x + 1
/// (W. Stahnke, "Primitive binary polynomials", Mathematics of Computation 27, 1973).
#[test]
fn primitive_polynomials_over_gf_2() {
    for terms in [
        &[89, 38, 0][..],
        &[127, 1, 0],
        &[127, 63, 0],
        &[521, 32, 0],
        &[64, 4, 3, 1, 0],
        &[128, 7, 2, 1, 0],
    ] {
        assert_primitive(&binary(terms));
    }
}

/// Conway polynomials, primitive by definition, as pairs of exponent and coefficient: F. Lübeck, "Conway polynomials for
/// finite fields".
#[test]
fn primitive_polynomials_over_other_prime_fields() {
    for (order, degree, terms) in [
        (
            3,
            20,
            &[
                (13, 2),
                (11, 1),
                (10, 1),
                (9, 1),
                (8, 1),
                (5, 2),
                (4, 2),
                (3, 2),
                (1, 1),
                (0, 2),
            ][..],
        ),
        (
            5,
            12,
            &[(7, 1), (6, 1), (4, 4), (3, 4), (2, 3), (1, 2), (0, 2)],
        ),
        (
            7,
            10,
            &[(6, 1), (5, 1), (4, 4), (3, 1), (2, 2), (1, 3), (0, 3)],
        ),
        (11, 8, &[(4, 7), (3, 7), (2, 1), (1, 7), (0, 2)]),
        (13, 6, &[(3, 10), (2, 11), (1, 11), (0, 2)]),
        (31, 6, &[(3, 19), (2, 16), (1, 8), (0, 3)]),
        (251, 4, &[(2, 3), (1, 200), (0, 6)]),
    ] {
        let mut coefficients = vec![0; degree];
        for &(exponent, coefficient) in terms {
            coefficients[exponent] = order - coefficient;
        }
        assert_primitive(&Register::new(order, &coefficients).unwrap());
    }
}

/// There are `phi(q^n - 1) / n` primitive polynomials of degree n over GF(q) (Lidl and Niederreiter, theorem 3.5 and
/// the remark after definition 3.15), and `1/n sum over d | n of mu(d) q^(n/d)` irreducible ones (theorem 3.25).
#[test]
fn the_numbers_of_primitive_and_irreducible_polynomials() {
    for (order, degree, primitive, irreducible) in [
        (2u32, 8, 16, 30),
        (3, 4, 8, 18),
        (4, 3, 12, 20),
        (5, 3, 20, 40),
        (7, 2, 8, 21),
        (8, 2, 18, 28),
        (9, 2, 16, 36),
        (16, 2, 64, 120),
        (25, 1, 8, 25),
        (27, 1, 12, 27),
    ] {
        let analyses: Vec<Analysis> = (0..order.pow(degree))
            .map(|number| (0..degree).map(|i| number / order.pow(i) % order).collect())
            .map(|coefficients: Vec<u32>| analyse(&Register::new(order, &coefficients).unwrap()))
            .collect();
        let count = |yes: fn(&Analysis) -> Option<bool>| {
            analyses.iter().filter(|a| yes(a) == Some(true)).count()
        };
        let found = (count(|a| a.primitive), count(|a| a.irreducible));
        assert_eq!(
            found,
            (primitive, irreducible),
            "GF({order}), degree {degree}"
        );
    }
}

/// x^4 + x^3 + x^2 + x + 1 is irreducible over GF(2) and divides x^5 - 1: Lidl and Niederreiter, after definition 3.15.
#[test]
fn irreducible_and_not_primitive() {
    let analysis = analyse(&binary(&[4, 3, 2, 1, 0]));
    assert_eq!(
        (analysis.irreducible, analysis.primitive),
        (Some(true), Some(false))
    );
    assert_eq!(analysis.char_poly_order, Order::Finite(BigUint::from(5u32)));
    assert_eq!(cycles(&analysis), BTreeMap::from([(1, 1), (5, 3)]));
    // x is irreducible too; no power of it is 1.
    let analysis = analyse(&Register::new(2, &[0]).unwrap());
    assert_eq!(
        (analysis.irreducible, analysis.primitive),
        (Some(true), Some(false))
    );
    assert_eq!(analysis.char_poly_order, Order::Never);
    // x + 1 over GF(2) is primitive.
    let analysis = analyse(&Register::new(2, &[1]).unwrap());
    assert_eq!(
        (analysis.irreducible, analysis.primitive),
        (Some(true), Some(true))
    );
    assert_eq!(cycles(&analysis), BTreeMap::from([(1, 2)]));
}

/// Registers that a tool of the field, lfsr-seq at its commit 40f35c8, gets wrong. The answers here can be checked by
/// hand.
#[test]
fn where_another_tool_errs() {
    // 0,1 over GF(2): a tail is no cycle.
    let register = Register::new(2, &[0, 1]).unwrap();
    let analysis = analyse(&register);
    assert_eq!(cycles(&analysis), BTreeMap::from([(1, 2)]));
    let structure = analysis.structure.as_ref().unwrap();
    assert_eq!(structure.transient_states, BigUint::from(2u32));
    assert_eq!(structure.max_tail_length, BigUint::from(1u32));
    assert_eq!(analysis.char_poly_order, Order::Never);
    // All zero: one fixed point.
    let analysis = analyse(&Register::new(2, &[0; 5]).unwrap());
    assert_eq!(cycles(&analysis), BTreeMap::from([(1, 1)]));
    let structure = analysis.structure.as_ref().unwrap();
    assert_eq!(structure.transient_states, BigUint::from(31u32));
    assert_eq!(structure.max_tail_length, BigUint::from(5u32));
    let factors = analysis.factors.unwrap();
    assert_eq!((factors.len(), factors[0].multiplicity), (1, 5));
    assert_eq!(factors[0].order, Order::Never);
    // 2,1 over GF(4): 2 is z, not 0, and x^2 + x + z is primitive.
    let register = Register::new(4, &[2, 1]).unwrap();
    assert_primitive(&register);
    assert_eq!(
        cycles(&analyse(&register)),
        BTreeMap::from([(1, 1), (15, 1)])
    );
    // 1,0 over GF(2): (x + 1)^2 has order 2, its factor order 1.
    let analysis = analyse(&Register::new(2, &[1, 0]).unwrap());
    assert_eq!(analysis.char_poly_order, Order::Finite(BigUint::from(2u32)));
    assert_eq!(cycles(&analysis), BTreeMap::from([(1, 2), (2, 1)]));
    let factors = analysis.factors.unwrap();
    assert_eq!(
        (factors[0].coefficients.as_slice(), factors[0].multiplicity),
        (&[1, 1][..], 2)
    );
    assert_eq!(factors[0].order, Order::Finite(BigUint::from(1u32)));
}

/// Registers that the same tool gets right: its example `1,1,0,0` over GF(2), whose matrix it says to be of order 15 and whose
/// polynomial primitive, and the numbers of cycles of its rotations of 12 and 14 bits.
#[test]
fn where_another_tool_is_right() {
    let register = Register::new(2, &[1, 1, 0, 0]).unwrap();
    assert_primitive(&register);
    let analysis = analyse(&register);
    assert_eq!(
        analysis.matrix_order(),
        &Order::Finite(BigUint::from(15u32))
    );
    assert_eq!(cycles(&analysis), BTreeMap::from([(1, 1), (15, 1)]));
    for (degree, number) in [(12, 352u32), (14, 1182)] {
        let structure = analyse(&binary(&[degree, 0])).structure.unwrap();
        assert_eq!(structure.number_of_cycles, BigUint::from(number));
    }
}

/// The sign: x^4 - x - 1 is primitive over GF(3), and x^4 + x + 1 has the root 1.
#[test]
fn the_sign_of_the_coefficients() {
    assert_primitive(&Register::new(3, &[1, 1, 0, 0]).unwrap());
    assert_primitive(&Register::new(2, &[1, 1, 0, 0]).unwrap());
    let analysis = analyse(&Register::new(3, &[2, 2, 0, 0]).unwrap());
    assert_eq!(analysis.irreducible, Some(false));
    assert_eq!(analysis.factors.unwrap()[0].coefficients, [2, 1]);
}

/// The necklaces: a rotation of d beads in q colours has `1/l sum over t | l of mu(l/t) q^t` cycles of length l for
/// each l that divides d (C. Moreau, 1872). Its polynomial is x^d - 1.
#[test]
fn rotations_give_the_necklaces() {
    for (order, degree) in [
        (2, 12u32),
        (2, 240),
        (3, 18),
        (4, 30),
        (5, 25),
        (9, 24),
        (256, 17),
    ] {
        let mut coefficients = vec![0; degree as usize];
        coefficients[0] = 1;
        let register = Register::new(order, &coefficients).unwrap();
        let structure = analyse(&register).structure.unwrap();
        let mut expected: BTreeMap<BigUint, BigUint> = BTreeMap::new();
        let mut whole = BTreeMap::new(); // states whose period is exactly l
        for length in (1..=degree).filter(|l| degree % l == 0) {
            let of_divisors: BigUint = whole
                .iter()
                .filter(|(l, _)| length % **l == 0)
                .map(|(_, n)| n)
                .sum();
            let exact = BigUint::from(order).pow(length) - of_divisors;
            expected.insert(length.into(), &exact / length);
            whole.insert(length, exact);
        }
        assert_eq!(structure.cycle_lengths, expected, "{order} {degree}");
    }
}

/// Random polynomials over GF(2), in hexadecimal without the leading coefficient: degrees and multiplicities of their
/// factors, and their order, by PARI/GP 2.15.2.
#[test]
fn random_polynomials_of_large_degree() {
    for (degree, digits, shape, order) in [
        (
            127,
            "448a95765493312d595eea739abbfb93",
            &[(2, 1), (7, 1), (8, 1), (8, 1), (25, 1), (77, 1)][..],
            "1293003573698283489310323769344255",
        ),
        (
            127,
            "607a6785e468bc4099065ffc1aa7bb1f",
            &[(1, 3), (124, 1)],
            "85070591730234615865843651857942052860",
        ),
        (
            128,
            "2e3491d00304d93966ca42eea743e4cf",
            &[(1, 2), (2, 1), (8, 1), (28, 1), (32, 1), (56, 1)],
            "2427333409798333101112830",
        ),
        (
            128,
            "25de1a708850245e733e6a7262fd1b9d",
            &[(1, 1), (2, 1), (13, 1), (26, 1), (41, 1), (45, 1)],
            "5192296781161066416037588111458303",
        ),
        (
            251,
            "5d8019f9571e763f742ae7a58f8b01b37936d77f7df5829a58700e03932c675",
            &[
                (2, 2),
                (4, 1),
                (5, 1),
                (7, 1),
                (23, 1),
                (30, 1),
                (76, 1),
                (102, 1),
            ],
            "4637680850457871862103272497403383264310829296315937600990399446556630",
        ),
        (
            256,
            "bc9e9e2b68e7ce797037482f14905755fa2509c2c5e5ec54f38575bfc3cf36a1",
            &[(1, 1), (6, 1), (18, 1), (30, 1), (30, 1), (171, 1)],
            "26170133839273576610903342209638169150794732386954768669175231",
        ),
        (
            512,
            "80b697c478a0b0738260325acb5ebb835095607ef8b63309ec95b697793f9900342fce7af948b1dbf80065258045882700367b2b99bb42a9642cd26304de9f51",
            &[(14, 1), (57, 1), (441, 1)],
            "5026992719269074979781343613977321584630776468940917603931283943019646776505305382535591805986979260282817965030903279682917986537602518403344882167229",
        ),
    ] {
        let nibbles = digits
            .bytes()
            .rev()
            .map(|c| (c as char).to_digit(16).unwrap());
        let mut coefficients: Vec<u32> = nibbles
            .flat_map(|n| (0..4).map(move |i| n >> i & 1))
            .collect();
        coefficients.resize(degree, 0);
        let register = Register::new(2, &coefficients).unwrap();
        let analysis = analyse(&register);
        assert_eq!(analysis.unknown, []);
        let factors = analysis.factors.as_ref().unwrap();
        let found: Vec<(u32, u32)> = factors
            .iter()
            .map(|f| (f.degree(), f.multiplicity))
            .collect();
        assert_eq!(found, shape, "degree {degree}");
        assert_eq!(analysis.char_poly_order, Order::Finite(number(order)));
        let structure = analysis.structure.as_ref().unwrap();
        assert_eq!(structure.max_period, number(order));
        check_periods(&register, structure).unwrap();
    }
}
