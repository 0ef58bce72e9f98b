//! What comes out of a register: one symbol a step, without end.

use super::{SequenceError, check_elements};
use crate::field::Field;
use crate::lfsr::Register;

/// The symbols `s(0), s(1), ...` of a register from a given state on. It never ends.
#[derive(Clone, Debug)]
pub struct OutputSymbols {
    field: Field,
    /// The coefficients that are not 0, with their places.
    taps: Vec<(usize, u32)>,
    /// The state, in a ring.
    ring: Vec<u32>,
    /// Where in the ring the oldest symbol is.
    oldest: usize,
}

impl Register {
    /// The symbols of this register from a state on; the first [`degree`](Register::degree) of them are the state. Each takes
    /// as many products as there are coefficients that are not 0.
    ///
    /// # Errors
    ///
    /// [`SequenceError`] where `state` is none of this register.
    pub fn output_from(&self, state: &[u32]) -> Result<OutputSymbols, SequenceError> {
        if state.len() != self.degree() as usize {
            return Err(SequenceError::StateLength {
                degree: self.degree(),
                symbols: state.len(),
            });
        }
        check_elements(self.field(), state)?;
        let coefficients = self.coefficients().iter().copied().enumerate();
        Ok(OutputSymbols {
            field: self.field().clone(),
            taps: coefficients.filter(|&(_, c)| c != 0).collect(),
            ring: state.to_vec(),
            oldest: 0,
        })
    }
}

impl Iterator for OutputSymbols {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let degree = self.ring.len();
        let feedback = self.taps.iter().fold(0, |sum, &(place, c)| {
            let at = self.oldest + place;
            let at = if at < degree { at } else { at - degree };
            self.field.add(sum, self.field.mul(c, self.ring[at]))
        });
        let symbol = std::mem::replace(&mut self.ring[self.oldest], feedback);
        self.oldest += 1;
        if self.oldest == degree {
            self.oldest = 0;
        }
        Some(symbol)
    }
}
