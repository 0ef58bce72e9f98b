//! The state space of a linear feedback shift register over GF(q), by enumeration and by algebra.
//!
//! A register of degree `d` holds `d` symbols of GF(q) and steps by the recurrence
//! `s(n+d) = c0 s(n) + c1 s(n+1) + ... + c(d-1) s(n+d-1)`. Its `q^d` states fall into cycles and, where
//! `c0 = 0`, into tails that lead to them. The answer sought is how many cycles there are of each length.
//!
//! Walking whole cycles cannot be shared out: one cycle may hold nearly every state. So cycles are cut
//! into *segments*. A state is *distinguished* when its `K` oldest symbols are zero; a segment is the walk
//! from one distinguished state (a *node*) to the next. Segments are independent of each other, each
//! state is walked once, and the links between nodes with their lengths are enough to put the cycles
//! together again. The idea is that of the distinguished points of P. C. van Oorschot and M. J. Wiener,
//! "Parallel collision search with cryptanalytic applications", Journal of Cryptology 12 (1999).
//! Cycles that meet no distinguished state (*leftover* cycles) are found by a sweep.
//!
//! The way of a register through this module:
//!
//! 1. [`Register`] checks the numbers. Leading zero coefficients make a *nilpotent* part, which is known
//!    without looking; what is left, the *reduced* register of degree `d'`, permutes its `q^d'` states.
//! 2. [`plan_ranges`] splits those states into [`StateRange`]s; it looks at the register alone, never at
//!    the machine, so tasks and results are the same everywhere.
//! 3. [`EnumerateTask`] travels as plain numbers; [`Enumeration`] rebuilds field, matrix and kernel from
//!    it, tests them, and gives a [`RangeTable`]: the same bytes whenever it is asked.
//! 4. [`merge()`] joins the tables of all ranges into a [`Structure`], or says which figure is wrong. It
//!    never presents a partial sum as an answer.
//!
//! [`analytic`] comes to the same structure from the factors of the characteristic polynomial, also where no
//! enumeration ever ends; each way is the check of the other.
//!
//! Sequences of symbols stand beside that: [`shortest_register`] finds the register behind one, [`state_period`] the period of
//! one state by algebra, and [`list_cycles`] the states of each cycle.
//!
//! Nothing here starts a thread, reads a clock or keeps state between two calls.

pub mod analytic;
mod enumerate;
mod kernel;
mod leftovers;
mod links;
mod merge;
mod plain;
mod ranges;
mod register;
mod sage;
mod sequence;
mod sliced;
mod statistics;
mod structure;
mod table;

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod brute;
#[cfg(test)]
mod samples;

pub use enumerate::{EnumerateError, EnumerateTask, Enumeration};
pub use merge::{MergeError, merge};
pub use plain::{
    AnalyseError, AnalyseTask, AnalyticResult, FactorFields, NumbersError, Pairs, RegisterNumbers,
    StructureFields, UnknownField,
};
pub use ranges::{MAX_ENUMERATED_STATES, StateRange, TooManyStates, plan_ranges};
pub use register::{MAX_DEGREE, Register, RegisterError};
pub use sage::sage;
pub use sequence::{
    CycleList, Jump, ListedCycle, MAX_STATE_DEGREE, OutputSymbols, SequenceError, ShortestRegister,
    StatePeriod, list_cycles, shortest_register, state_period,
};
pub use statistics::PeriodStatistics;
pub use structure::Structure;
pub use table::{DecodedTable, RangeTable, Segment, TableError};
