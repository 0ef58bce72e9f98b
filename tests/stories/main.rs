//! What a user of the program sees, one file a story. Nothing here knows how it is done inside.

#[expect(
    dead_code,
    unused_imports,
    reason = "the harness is shared; the stories of faults use the rest of it"
)]
#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod crash;
mod csv;
mod evaluation;
mod first_run;
mod forecast;
mod large_data;
mod lfsr;
mod parity;
mod resume;
mod sequences;
mod signals;
