//! The elliptic curve method: H. W. Lenstra, "Factoring integers with elliptic curves", Annals of Mathematics 126
//! (1987), on the curves of P. L. Montgomery, "Speeding the Pollard and elliptic curve methods of factorization",
//! Mathematics of Computation 48 (1987), with the parameters of H. Suyama.
//!
//! A curve modulo `n` whose order modulo a prime divisor of `n` has only small primes gives that divisor away. Which
//! curves are tried is fixed; how many, the [`Effort`] says.

use num_bigint::BigUint;
use num_integer::Integer;

use super::Effort;
use super::montgomery::{Montgomery, Residue};

/// Bounds of the first stage, and the number of curves for each: about what is usual for divisors of 15, 20, 25 and 30
/// digits. The second stage goes to [`SECOND`] times the bound.
const PLAN: [(u32, u32); 5] = [
    (150, 8),
    (2_000, 25),
    (11_000, 90),
    (50_000, 300),
    (250_000, 700),
];
const SECOND: u32 = 50;

/// The step of the second stage, and the number of residues below its half that are coprime to it.
const GIANT: u32 = 210;
const BABIES: u32 = 24;

/// A point `(X : Z)` of a curve; the other coordinate is never needed.
#[derive(Clone, Copy)]
struct Point {
    x: Residue,
    z: Residue,
}

struct Curve<'m> {
    modulo: &'m Montgomery,
    /// `(A + 2) / 4` of the curve `B y^2 = x^3 + A x^2 + x`.
    a24: Residue,
}

/// A divisor of the composite odd `n`, neither 1 nor `n`; `None` when the effort ends first, or when `n` has more
/// than 1,024 bits.
pub(super) fn find_divisor(n: &BigUint, effort: &mut Effort) -> Option<BigUint> {
    let modulo = Montgomery::new(n)?;
    let mut sigma = 6u32;
    for (bound, curves) in PLAN {
        let primes = primes_up_to(bound);
        for _ in 0..curves {
            if !effort.take(cost(bound, modulo.words())) {
                return None;
            }
            if let Some(divisor) = try_curve(n, &modulo, sigma, bound, &primes) {
                return Some(divisor);
            }
            sigma += 1;
        }
    }
    None
}

/// Products of words for one curve: a modular product of `w` words takes `2 w^2 + w`.
fn cost(bound: u32, words: usize) -> u64 {
    let product = (2 * words * words + words) as u64; // words is at most 16
    let first = u64::from(bound) * 16; // 1.44 bits a unit of the bound, 11 products a bit
    let second = u64::from(bound * SECOND / GIANT) * u64::from(2 * BABIES + 8);
    (first + second) * product
}

fn primes_up_to(bound: u32) -> Vec<u32> {
    let mut composite = vec![false; bound as usize + 1];
    let mut primes = Vec::new();
    for n in 2..=bound as usize {
        if !composite[n] {
            primes.push(n as u32); // at most bound
            for multiple in (n * n..=bound as usize).step_by(n) {
                composite[multiple] = true;
            }
        }
    }
    primes
}

/// What the curve of this parameter gives away.
fn try_curve(
    n: &BigUint,
    modulo: &Montgomery,
    sigma: u32,
    bound: u32,
    primes: &[u32],
) -> Option<BigUint> {
    let proper =
        |divisor: BigUint| (divisor > BigUint::from(1u32) && divisor < *n).then_some(divisor);
    // u = sigma^2 - 5, v = 4 sigma, P = (u^3 : v^3), A + 2 = (v - u)^3 (3 u + v) / (4 u^3 v).
    let sigma = BigUint::from(sigma);
    let u = &sigma * &sigma - 5u32;
    let v = sigma * 4u32;
    let below = u.pow(3) * &v * 16u32 % n;
    let Some(inverse) = below.modinv(n) else {
        return proper(below.gcd(n));
    };
    let v_minus_u = (&v + n - &u % n) % n;
    let a24 = v_minus_u.pow(3) * (&u * 3u32 + &v) * inverse % n;
    let curve = Curve {
        modulo,
        a24: modulo.enter(&a24),
    };
    let mut point = Point {
        x: modulo.enter(&u.pow(3)),
        z: modulo.enter(&v.pow(3)),
    };
    for &prime in primes {
        let mut power = prime;
        while power <= bound {
            point = curve.times(&point, prime);
            power = power.saturating_mul(prime);
        }
    }
    let after_first = modulo.same_divisors(&point.z).gcd(n);
    if after_first != BigUint::from(1u32) {
        return proper(after_first);
    }
    proper(
        modulo
            .same_divisors(&curve.second_stage(&point, bound))
            .gcd(n),
    )
}

impl Curve<'_> {
    fn double(&self, p: &Point) -> Point {
        let m = self.modulo;
        let (sum, difference) = (m.add(&p.x, &p.z), m.sub(&p.x, &p.z));
        let (sum, difference) = (m.mul(&sum, &sum), m.mul(&difference, &difference));
        let both = m.sub(&sum, &difference);
        Point {
            x: m.mul(&sum, &difference),
            z: m.mul(&both, &m.add(&difference, &m.mul(&self.a24, &both))),
        }
    }

    /// `p + q`, where `difference` is `p - q`.
    fn add(&self, p: &Point, q: &Point, difference: &Point) -> Point {
        let m = self.modulo;
        let one = m.mul(&m.sub(&p.x, &p.z), &m.add(&q.x, &q.z));
        let other = m.mul(&m.add(&p.x, &p.z), &m.sub(&q.x, &q.z));
        let (sum, minus) = (m.add(&one, &other), m.sub(&one, &other));
        Point {
            x: m.mul(&difference.z, &m.mul(&sum, &sum)),
            z: m.mul(&difference.x, &m.mul(&minus, &minus)),
        }
    }

    /// `factor` times `p`, by Montgomery's ladder; the factor is at least 1.
    fn times(&self, p: &Point, factor: u32) -> Point {
        let (mut low, mut high) = (*p, self.double(p));
        for bit in (0..factor.ilog2()).rev() {
            let sum = self.add(&low, &high, p);
            if factor >> bit & 1 == 1 {
                (low, high) = (sum, self.double(&high));
            } else {
                (low, high) = (self.double(&low), sum);
            }
        }
        low
    }

    /// A product that a prime divides if the order of `p` modulo it is `GIANT k ± j` for some `k` from below the bound
    /// to [`SECOND`] times it, and a `j` coprime to `GIANT`: every prime up to there is such a number.
    fn second_stage(&self, p: &Point, bound: u32) -> Residue {
        let m = self.modulo;
        let babies: Vec<(Point, Residue)> = (1..GIANT / 2)
            .filter(|j| j.gcd(&GIANT) == 1)
            .map(|j| self.times(p, j))
            .map(|point| (point, m.mul(&point.x, &point.z)))
            .collect();
        let step = self.times(p, GIANT);
        let first = (bound / GIANT).max(1);
        let (mut before, mut giant) = (self.times(&step, first), self.times(&step, first + 1));
        let mut product = m.enter(&BigUint::from(1u32));
        for _ in 0..bound * SECOND / GIANT {
            let own = m.mul(&before.x, &before.z);
            for (baby, its) in &babies {
                // X Z' - X' Z = (X - X') (Z + Z') - X Z + X' Z'.
                let cross = m.mul(&m.sub(&before.x, &baby.x), &m.add(&before.z, &baby.z));
                product = m.mul(&product, &m.add(&m.sub(&cross, &own), its));
            }
            let next = self.add(&giant, &step, &before);
            (before, giant) = (giant, next);
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(digits: &str) -> BigUint {
        digits.parse().unwrap()
    }

    #[test]
    fn multiples_of_a_point_agree_with_each_other() {
        let n = BigUint::from(1_000_000_007u32);
        let modulo = Montgomery::new(&n).unwrap();
        let curve = Curve {
            modulo: &modulo,
            a24: modulo.enter(&BigUint::from(12_345u32)),
        };
        let point = Point {
            x: modulo.enter(&BigUint::from(2u32)),
            z: modulo.enter(&BigUint::from(1u32)),
        };
        let same = |p: &Point, q: &Point| modulo.mul(&p.x, &q.z) == modulo.mul(&q.x, &p.z);
        assert!(same(&curve.times(&point, 1), &point));
        assert!(same(&curve.times(&point, 2), &curve.double(&point)));
        for (a, b) in [(3, 5), (7, 11), (210, 13), (17, 16)] {
            let one = curve.times(&curve.times(&point, a), b);
            assert!(
                same(&one, &curve.times(&curve.times(&point, b), a)),
                "{a} {b}"
            );
            assert!(same(&one, &curve.times(&point, a * b)), "{a} {b}");
        }
    }

    /// 2^67 - 1 (F. N. Cole, 1903), the seventh Fermat number's 17 digits (M. A. Morrison and J. Brillhart, 1975),
    /// and 2^101 - 1.
    #[test]
    fn numbers_with_a_history() {
        for (n, divisors) in [
            ("147573952589676412927", ["193707721", "761838257287"]),
            (
                "340282366920938463463374607431768211457",
                ["59649589127497217", "5704689200685129054721"],
            ),
            (
                "2535301200456458802993406410751",
                ["7432339208719", "341117531003194129"],
            ),
        ] {
            let mut effort = Effort::products(20_000_000_000);
            let found = find_divisor(&number(n), &mut effort).expect("enough effort");
            assert!(divisors.map(number).contains(&found), "{n}: {found}");
        }
    }

    #[test]
    fn the_effort_ends() {
        let n = number("59649589127497217") * number("5704689200685129054721");
        let mut effort = Effort::products(100_000);
        assert_eq!(find_divisor(&n, &mut effort), None);
        assert!(effort.left() < 100_000);
        let wide = (BigUint::from(1u32) << 1100u32) + 1u32;
        let untouched = Effort::products(1_000_000);
        let mut effort = untouched.clone();
        assert_eq!(find_divisor(&wide, &mut effort), None);
        assert_eq!(effort, untouched);
    }
}
