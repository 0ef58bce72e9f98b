//! Rows 116 to 130: the disk, the environment, and special files.
//!
//! A disk that refuses a call ends the run with exit code 3, its reason and a hint; what was recorded is there
//! when the run goes on. A journal that somebody harmed is never read for something else than was written: what
//! a killed machine leaves is cut, the rest is refused with its place.

mod harmed;
mod power;
mod refusals;
mod special_files;
mod surroundings;
