//! What a user of the program sees, one file a story. Nothing here knows how it is done inside.

#[path = "../common/mod.rs"]
mod common;

mod first_run;
