//! `supervisor doctor`
pub fn run() -> (String, bool) { (String::new(), false) }
