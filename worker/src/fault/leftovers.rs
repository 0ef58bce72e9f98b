//! Deeds that leave something behind for whoever comes after: children, threads, changed settings.

use fumehood::sys;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "leak-child" => sys::fault::leave_child(false, sleep_for_ever),
        "daemon" => sys::fault::leave_child(true, sleep_for_ever),
        _ => return Ok(false),
    }
    Ok(true)
}
