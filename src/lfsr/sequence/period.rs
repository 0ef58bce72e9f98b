//! The period of one state, without walking it.
//!
//! The sequence from a state satisfies the recurrence of its register, so its minimal polynomial has degree `d` at most and
//! follows from `2d` symbols. It is `x^m g`, where `x` does not divide `g`: the tail of the state is `m`, and its period is
//! the order of `g` (R. Lidl and H. Niederreiter, *Finite Fields*, theorem 8.44). The state is in one-to-one correspondence with
//! the sequence from it, so what holds for the sequence holds for the state.

use num_bigint::BigUint;

use super::{SequenceError, ShortestRegister, shortest_register};
use crate::lfsr::Register;
use crate::lfsr::analytic::{Order, order_of};

/// The largest degree of a register for which [`state_period`] works: seconds.
pub const MAX_STATE_DEGREE: u32 = 4096;

/// Period and tail of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePeriod {
    /// The shortest register that generates the sequence from this state. Its characteristic polynomial is the minimal
    /// polynomial of the sequence.
    pub shortest: ShortestRegister,
    /// Steps to the first state that is on a cycle; 0 where the state itself is.
    pub tail: u32,
    /// The length of that cycle, at least 1: finite, or unknown.
    pub period: Order,
}

/// Period and tail of a state, by algebra: also where the period is beyond any walk.
///
/// # Errors
///
/// [`SequenceError`] where `state` is none of this register, and beyond [`MAX_STATE_DEGREE`].
pub fn state_period(register: &Register, state: &[u32]) -> Result<StatePeriod, SequenceError> {
    let degree = register.degree();
    if degree > MAX_STATE_DEGREE {
        return Err(SequenceError::DegreeTooLarge { degree });
    }
    let output = register.output_from(state)?;
    let symbols: Vec<u32> = output.take(2 * degree as usize).collect();
    let shortest = shortest_register(register.field(), &symbols)?;
    let zeros = shortest.coefficients.iter().take_while(|&&c| c == 0);
    let tail = zeros.count();
    // With no coefficient left, the only cycle is the state of zeros.
    let period = match Register::over(register.field().clone(), &shortest.coefficients[tail..]) {
        Ok(on_cycle) => order_of(&on_cycle),
        Err(_) => Order::Finite(BigUint::from(1u32)),
    };
    Ok(StatePeriod {
        shortest,
        tail: tail as u32, // at most the degree
        period,
    })
}
