//! stand-in
use fumehood::experiment::spec::Resolved;
use super::{Ended, Failure};
use crate::settings::Settings;
pub fn show(_: &Resolved, _: &Settings) -> Result<Ended, Failure> { Ok(Ended::Well) }
