//! Deeds that take more than their share of the machine.

use std::io::{self, Write};
use std::num::NonZeroUsize;
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
        // Held until the process ends.
        "hold-mib" => std::mem::forget(vec![
            1u8;
            usize::try_from(deed.number()?).unwrap_or(0) << 20
        ]),
        "share" => share_for_ever().map_err(|error| error.to_string())?,
        "fill-file" => fill_file_for_ever().map_err(|error| error.to_string())?,
        "fork-bomb" => {
            let width = u32::try_from(deed.number()?).unwrap_or(0);
            sys::fault::bomb(width).map_err(|error| format!("no more children: {error}"))?;
        }
        "open-all" | "open-all-and-keep" => {
            let (all, error) = sys::fault::open_all();
            let said = format!("no more than {} descriptors: {error}", all.len());
            if deed.name == "open-all-and-keep" {
                std::mem::forget(all);
            }
            return Err(said);
        }
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

/// Grows likewise in memory that is shared, and in no heap.
fn share_for_ever() -> io::Result<()> {
    for _ in 0..MOST / PIECE {
        sys::fault::share_memory(NonZeroUsize::MIN.saturating_add(PIECE - 1))?;
        std::thread::sleep(Duration::from_millis(1));
    }
    sleep_for_ever();
}

/// Grows likewise in a file in memory, of which nothing is mapped: no figure of the process shows it.
fn fill_file_for_ever() -> io::Result<()> {
    let mut file = sys::fault::nameless_file()?;
    let piece = vec![1u8; PIECE];
    for _ in 0..MOST / PIECE {
        file.write_all(&piece)?;
        std::thread::sleep(Duration::from_millis(1));
    }
    sleep_for_ever();
}

/// Bytes that these take at a time.
const PIECE: usize = 8 << 20;

/// Bytes that these take at most.
const MOST: usize = 4 << 30;
