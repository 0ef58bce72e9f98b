//! Numbers that look random and are not: SplitMix64, of G. L. Steele, D. Lea and C. H. Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator.
pub(super) struct Generator {
    state: u64,
}

impl Generator {
    /// The generator that these numbers seed.
    pub(super) fn seeded(numbers: &[u32]) -> Generator {
        let mut generator = Generator { state: GOLDEN };
        for &number in numbers {
            generator.state = generator.next() ^ u64::from(number);
        }
        generator
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, as good as uniform for a small one.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32 // below the bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs for the seed 1234567, of S. Vigna's splitmix64.c, as many test suites have them.
    #[test]
    fn the_known_outputs() {
        let mut generator = Generator { state: 1_234_567 };
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(expected.map(|_| generator.next()), expected);
        assert!((0..1000).all(|_| generator.below(7) < 7));
    }
}
