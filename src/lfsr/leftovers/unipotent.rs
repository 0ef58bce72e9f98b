//! Principal units modulo a power of an irreducible polynomial, one of each coset of a cyclic group.
//!
//! Modulo `g^e`, every residue has *digits* to the base `g`: `v0 + v1 g + ... + v(e-1) g^(e-1)`, each of a degree below that of `g`.
//! The principal units are those with `v0 = 1`. Let `u` be one that is not 1, with `u = 1 + y` and `a` the first place at which
//! `y` has a digit, `h`. In characteristic `p`, `u^(p^i) = 1 + y^(p^i)`, whose first digit is `h^(p^i)` modulo `g`, at place `a p^i`, as
//! long as that is below `e`.
//!
//! To multiply a principal unit by `u` leaves its digits before place `a` alone and adds `h` to that at `a`. A digit is a vector over GF(p);
//! take a component at which `h` is not 0. Exactly one of the `p` multiples by `1, u, ..., u^(p-1)` has 0 there. Then `u^p` does the
//! same at place `a p`, and leaves what is before it alone, and so on. So each coset of the group of `u` has exactly one unit
//! with zeros at all of these components, the *pivots*. What is left is free, and numbers them.

use crate::field::Field;
use crate::polynomial::Residues;

/// One unit of each coset.
#[derive(Debug)]
pub(super) struct Transversal {
    characteristic: u32,
    /// Components that are free: which coefficient of which digit, and the weight of the component in it.
    free: Vec<Component>,
    /// Powers of `g`, from the 0th on, all below the modulus.
    powers: Vec<Vec<u32>>,
    count: u64,
    field: Field,
}

/// A component over GF(p) of a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Component {
    /// The place of the digit, at least 1.
    place: usize,
    /// The coefficient of the digit.
    coefficient: usize,
    /// `p^k`: the element of the field that the component stands for.
    weight: u32,
}

impl Transversal {
    /// That of the group of `unit`, which must be principal, modulo `factor^times`. `None` where there are 2^64 cosets or more.
    pub fn of(field: &Field, factor: &[u32], times: u32, unit: &[u32]) -> Option<Transversal> {
        let p = field.characteristic();
        let digits = digits(field, factor, times, unit);
        let mut pivots = Vec::new();
        // The first place with a digit, and what is there; then their p-th powers.
        let first = (1..digits.len()).find(|&place| !digits[place].is_empty());
        if let Some(mut place) = first {
            let residues = Residues::modulo(field, factor.to_vec());
            let mut digit = digits[place].clone();
            while place < times as usize {
                pivots.push(pivot(p, place, &digit)?);
                digit = residues.power(&digit, &p.into());
                place *= p as usize;
            }
        }
        let degree = factor.len() - 1;
        let weights = (0..field.extension_degree()).map(|k| p.pow(k));
        let free: Vec<Component> = (1..times as usize)
            .flat_map(|place| (0..degree).map(move |coefficient| (place, coefficient)))
            .flat_map(|(place, coefficient)| {
                weights.clone().map(move |weight| Component {
                    place,
                    coefficient,
                    weight,
                })
            })
            .filter(|component| !pivots.contains(component))
            .collect();
        let powers = (0..times)
            .scan(vec![1], |power, _| {
                let next = crate::polynomial::product(field, power, factor);
                Some(std::mem::replace(power, next))
            })
            .collect();
        Some(Transversal {
            characteristic: p,
            count: u64::from(p).checked_pow(free.len() as u32)?,
            free,
            powers,
            field: field.clone(),
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The unit with this number; 1 has number 0.
    pub fn unit(&self, residues: &Residues<'_>, number: u64) -> Vec<u32> {
        let p = u64::from(self.characteristic);
        let mut rest = number;
        let mut unit = vec![0; residues.degree()];
        unit[0] = 1;
        for component in &self.free {
            if rest == 0 {
                break;
            }
            // The digit of a component is a small integer times the element p^k: the integer itself at this weight.
            let value = (rest % p) as u32 * component.weight; // below the order
            rest /= p;
            for (at, &c) in self.powers[component.place].iter().enumerate() {
                let sum = &mut unit[at + component.coefficient];
                *sum = self.field.add(*sum, self.field.mul(value, c));
            }
        }
        unit
    }
}

/// The first component of a digit that is not 0.
fn pivot(p: u32, place: usize, digit: &[u32]) -> Option<Component> {
    let coefficient = digit.iter().position(|&c| c != 0)?;
    let mut weight = 1;
    while (digit[coefficient] / weight).is_multiple_of(p) {
        weight *= p;
    }
    Some(Component {
        place,
        coefficient,
        weight,
    })
}

/// The digits of a residue to the base of a monic polynomial, so many.
fn digits(field: &Field, base: &[u32], count: u32, residue: &[u32]) -> Vec<Vec<u32>> {
    let mut rest = residue.to_vec();
    (0..count)
        .map(|_| {
            let (quotient, digit) = crate::polynomial::divided(field, &rest, base);
            rest = quotient;
            digit
        })
        .collect()
}
