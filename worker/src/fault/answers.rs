//! Deeds to the channel and to the output.

use std::io::Write;

use fumehood::sys;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "spew" => {
            let line = [b'x'; 1023];
            let mut out = std::io::stdout().lock();
            for _ in 0..deed.number()?.max(1) {
                let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
            }
        }
        "close" => {
            sys::fault::close_everything();
            sleep_for_ever();
        }
        _ => return Ok(false),
    }
    Ok(true)
}
