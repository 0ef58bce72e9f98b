//! What all fuzz targets share: the limit of memory, and what may never reach a terminal.
//!
//! A target says what it checks at its head, and is armed by one line, [`fuzz_target!`]: whatever it is fed,
//! the code under test answers, and its live memory stays below [`LIMIT`]. The limit is held by the allocator
//! of Rust code, which refuses what is beyond; the process then aborts, and the input that did it is kept.
//! Neither the sanitizer's own memory nor libFuzzer's (both are C++) is counted in it.
//!
//! Checks are `assert!`s: a target that panics has found something. None of them may take a file's name from
//! its input, start a thread or a process, or remember anything from one input to the next.

pub mod series;

use std::alloc::System;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use cap::Cap;
#[doc(hidden)]
pub use libfuzzer_sys;

/// The most that may be allocated at a time, in bytes.
pub const LIMIT: usize = 256 << 20;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, LIMIT);

/// The peak that was told last, in MiB.
static TOLD: AtomicUsize = AtomicUsize::new(0);

/// Makes the target: `fuzz_target!(|data: &[u8]| ...)`. The type may be any that `arbitrary` can make.
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: $type:ty| $body:expr) => {
        $crate::libfuzzer_sys::fuzz_target!(|$input: $type| {
            $body;
            $crate::tell_peak();
        });
    };
}

/// Says on stderr how much memory was in use at most, whenever that has grown by a mebibyte: the last such
/// line is the peak of the run.
pub fn tell_peak() {
    let peak = MEMORY.max_allocated().div_ceil(1 << 20);
    if peak > TOLD.load(Ordering::Relaxed) {
        TOLD.store(peak, Ordering::Relaxed);
        // A stderr that is gone is no finding.
        let _ = writeln!(std::io::stderr(), "peak of the code under test: {peak} MiB");
    }
}

/// Whether a character may not reach a terminal: C0, DEL, C1, marks that turn the direction of writing,
/// separators of lines, and the byte-order mark. The list is written out here, and not taken from the code
/// that is checked against it.
pub fn is_harmful(c: char) -> bool {
    matches!(u32::from(c),
        0x00..=0x1f | 0x7f..=0x9f | 0x061c | 0x200e | 0x200f | 0x2028..=0x202e | 0x2066..=0x2069 | 0xfeff)
}

/// Checks that nothing in a text can act on a terminal.
///
/// # Panics
///
/// Something can.
pub fn assert_harmless(text: &str) {
    let harmful = text.chars().find(|&c| is_harmful(c));
    assert_eq!(harmful, None, "in {text:?}");
}

/// Checks what is said of a failure: lines of text, each of which begins so that it cannot pass for another
/// one of ours.
///
/// # Panics
///
/// A line can, or something in it can act on a terminal.
pub fn assert_is_error(text: &str) {
    assert!(text.ends_with('\n'), "{text:?}");
    for (at, line) in text.lines().enumerate() {
        assert_harmless(line);
        let begins = |with: &str| line.starts_with(with);
        assert_eq!(begins("error: "), at == 0, "{text:?}");
        assert!(at == 0 || begins("  ") || begins("hint: "), "{text:?}");
    }
}
