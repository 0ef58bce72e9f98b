//! stand-in
pub fn run() -> (String, bool) { (String::new(), false) }
