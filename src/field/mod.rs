//! Finite fields: exact arithmetic on small whole numbers.
//!
//! A field of `q` elements exists when `q` is a prime power, and for no other `q`. Its elements are
//! written here as the integers `0 .. q`. For a prime `q` they are the residues modulo `q`, and
//! [`PrimeField`] adds and multiplies them so. Fields of a proper prime power (GF(4), GF(8), GF(9), ...)
//! are *not* the integers modulo `q`; they need a modulus polynomial and are not built yet, and asking for
//! one is an error that says so. Casting an integer into such a field by its remainder modulo the
//! characteristic gives wrong answers in silence, so nothing here does that.
//!
//! The largest order is [`MAX_ORDER`]: an element fits a byte, and tables over all elements stay small.
//!
//! This module knows nothing of registers, states or processes. A field is rebuilt from its order
//! wherever it is needed; that costs less than a microsecond.

mod prime;

pub use prime::{FieldError, MAX_ORDER, PrimeField};
