//! Deeds to the channel and to the output.

use std::io::Write;

use fumehood::sys;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "spew" => spew(std::io::stdout().lock(), deed.number()?),
        "spew-err" => spew(std::io::stderr().lock(), deed.number()?),
        "close-standard" => sys::fault::close_standard(),
        "babble" => {
            let _ = std::io::stdout().write_all(&babble());
            let _ = std::io::stderr().write_all(&babble());
        }
        "close" => {
            sys::fault::close_everything();
            sleep_for_ever();
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Every byte, half a character, orders to a terminal, and no end of line.
fn babble() -> Vec<u8> {
    let tail = b"\xe2\x82 \x1b[31;1mred\x1b]0;title\x07 \xc2\x9b2J \x00 end";
    (0..=255).chain(tail.iter().copied()).collect()
}

/// So many lines of a kibibyte.
fn spew(mut out: impl Write, lines: i32) {
    let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
    for _ in 0..lines.max(1) {
        let _ = out.write_all(&line);
    }
}
