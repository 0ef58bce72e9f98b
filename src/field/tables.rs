//! Sums and products of all pairs of elements, looked up.

/// The tables of one field.
pub(super) struct Tables {
    pub(super) order: u32,
    pub(super) characteristic: u32,
    pub(super) degree: u32,
    pub(super) modulus: Vec<u32>,
    /// `a + b` at `a * order + b`.
    sums: Vec<u8>,
    /// `a * b` at `a * order + b`.
    products: Vec<u8>,
    negatives: Vec<u8>,
    /// 0 at 0.
    inverses: Vec<u8>,
}

impl Tables {
    /// The tables of GF(prime^degree), which exists; the modulus is one, or empty for degree 1.
    pub(super) fn of(prime: u32, degree: u32, modulus: Vec<u32>) -> Tables {
        let order = prime.pow(degree); // at most 256
        let mut sums = Vec::with_capacity((order * order) as usize);
        for a in 0..order {
            sums.extend((0..order).map(|b| sum(prime, a, b) as u8)); // below 256
        }
        let added = |a: u8, b: u8| sums[usize::from(a) * order as usize + usize::from(b)];
        let times_z: Vec<u8> = (0..order)
            .map(|a| times_z(prime, order, &modulus, a) as u8) // below 256
            .collect();
        let mut products = vec![0; (order * order) as usize];
        for a in 0..order {
            let row = &mut products[(a * order) as usize..((a + 1) * order) as usize];
            // By the digits of b = b' p + digit: a b = z (a b') + digit a.
            for b in 1..order as usize {
                let (above, digit) = (b / prime as usize, b % prime as usize);
                row[b] = if digit == 0 {
                    times_z[usize::from(row[above])]
                } else {
                    added(row[b - 1], a as u8)
                };
            }
        }
        let find = |table: &[u8], row: u32, wanted: u8| {
            let row = &table[(row * order) as usize..((row + 1) * order) as usize];
            row.iter().position(|&value| value == wanted).unwrap_or(0) as u8
        };
        let negatives = (0..order).map(|a| find(&sums, a, 0)).collect();
        let inverses = (0..order).map(|a| find(&products, a, 1)).collect();
        Tables {
            order,
            characteristic: prime,
            degree,
            modulus,
            negatives,
            inverses,
            sums,
            products,
        }
    }

    #[inline]
    fn at(&self, a: u32, b: u32) -> usize {
        debug_assert!(a < self.order && b < self.order);
        (a * self.order + b) as usize
    }

    #[inline]
    pub(super) fn add(&self, a: u32, b: u32) -> u32 {
        self.sums[self.at(a, b)].into()
    }

    #[inline]
    pub(super) fn mul(&self, a: u32, b: u32) -> u32 {
        self.products[self.at(a, b)].into()
    }

    #[inline]
    pub(super) fn neg(&self, a: u32) -> u32 {
        self.negatives[a as usize].into()
    }

    #[inline]
    pub(super) fn inv(&self, a: u32) -> Option<u32> {
        (a != 0).then(|| self.inverses[a as usize].into())
    }
}

/// The sum of two elements, digit by digit.
fn sum(prime: u32, mut a: u32, mut b: u32) -> u32 {
    let (mut sum, mut place) = (0, 1);
    while a + b > 0 {
        sum += (a % prime + b % prime) % prime * place;
        (a, b, place) = (a / prime, b / prime, place * prime);
    }
    sum
}

/// An element times z: its digits move up, and what leaves at the top comes back by the modulus. In a prime field, where
/// nobody asks for it, 0.
fn times_z(prime: u32, order: u32, modulus: &[u32], a: u32) -> u32 {
    let Some((_, lower)) = modulus.split_last() else {
        return 0;
    };
    let top = a / (order / prime);
    let moved = a % (order / prime) * prime;
    let back = lower
        .iter()
        .rev()
        .fold(0, |n, c| n * prime + (prime - top) * c % prime);
    sum(prime, moved, back)
}
