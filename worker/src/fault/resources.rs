//! Deeds that take more than their share of the machine.

use std::time::Duration;

use fumehood::sys;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "allocate" => allocate_for_ever(),
        "leak" => {
            let size = usize::try_from(deed.number()?).unwrap_or(0) << 20;
            // Written, so that it is resident; never given back.
            std::hint::black_box(vec![1u8; size].leak());
        }
        "child-allocates" => sys::fault::leave_child(false, allocate_for_ever),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Grows until somebody ends it. Nobody did when it holds [`MOST`]: then it only keeps that, so that a
/// watch that fails costs a test and not the machine.
fn allocate_for_ever() -> ! {
    let mut all = Vec::new();
    for _ in 0..MOST / PIECE {
        // Written, so that it is resident and not only promised.
        all.push(vec![1u8; PIECE]);
        std::thread::sleep(Duration::from_millis(1));
        std::hint::black_box(&all);
    }
    sleep_for_ever();
}

/// Bytes that `allocate` takes at a time.
const PIECE: usize = 8 << 20;

/// Bytes that `allocate` takes at most.
const MOST: usize = 4 << 30;
