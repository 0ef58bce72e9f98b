//! What a user of the program sees, one file a story. Nothing here knows how it is done inside.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod crash;
mod csv;
mod first_run;
mod forecast;
mod lfsr;
mod parity;
mod resume;
mod signals;
