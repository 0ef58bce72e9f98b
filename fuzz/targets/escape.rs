//! Whatever text comes from outside: no character that acts on a terminal comes out, and no other is changed.
//!
//! Names of series, words of workers and paths are written by [`escape`] into logs and onto terminals, by
//! [`shell_quote`] into commands that a person copies, by [`encode_id`] into the ids of tasks, and by
//! [`Failure`] into the text of an error. Quoting and encoding must also be undone to the same bytes: a
//! command that means another file is worse than none. The reader of quotes here knows POSIX and the `$'...'`
//! of bash, and nothing of how they were written.

#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use fumehood::experiment::plan::encode_id;
use fuzz::{assert_harmless, assert_is_error, is_harmful};
use supervisor::commands::Failure;
use supervisor::reporter::{escape, shell_quote, words};

fuzz::fuzz_target!(|data: &[u8]| check(data));

fn check(bytes: &[u8]) {
    let escaped = escape(bytes);
    assert_harmless(&escaped);
    assert_eq!(escape(&escaped), escaped, "once is enough");
    assert!(escaped.len() <= 4 * bytes.len());
    let quoted = shell_quote(OsStr::from_bytes(bytes));
    assert_harmless(&quoted);
    assert_eq!(unquoted(&quoted).as_deref(), Some(bytes), "{quoted}");
    if let Ok(text) = std::str::from_utf8(bytes) {
        if !text.chars().any(is_harmful) {
            assert_eq!(escaped, text, "harmless text is left alone");
        }
        id(text);
        let failure = Failure::usage(format!("x{text}")).hint(Some(text.to_owned()));
        // The message is of several lines where its maker made them: those of an error begin with blanks.
        if !text.contains('\n') {
            assert_is_error(&failure.text());
        }
    }
    if let Some(number) = bytes.first_chunk() {
        numbers(u64::from_le_bytes(*number));
    }
}

/// A part of an id has nothing in it that ends it, and can be read back.
fn id(text: &str) {
    let id = encode_id(text);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-%".contains(&b);
    assert!(id.bytes().all(is_plain), "{id}");
    let mut back = Vec::new();
    let mut rest = id.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            back.push(*first);
            continue;
        }
        let (digits, after) = after.split_at(2);
        back.push(hexadecimal(digits).expect("two digits"));
        rest = after;
    }
    assert_eq!(back, text.as_bytes());
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The one word that a shell reads; `None` where it would read something else.
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    let mut rest = text.as_bytes();
    if rest.is_empty() {
        return None; // no word at all
    }
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'$', [b'\'', after @ ..]) => dollar_quoted(after, &mut word)?,
            (b'\'', _) => {
                let end = after.iter().position(|&b| b == b'\'')?;
                word.extend_from_slice(&after[..end]);
                &after[end + 1..]
            }
            (b'\\', [next, after @ ..]) if *next != b'\n' => {
                word.push(*next);
                after
            }
            // A tilde, a glob, a variable, a blank, a comment: a shell reads each as something else.
            (b, _) if b.is_ascii_alphanumeric() || b"-_./:=,+@%".contains(b) => {
                word.push(*b);
                after
            }
            _ => return None,
        };
    }
    Some(word)
}

/// Reads to the end of `$'...'`; what is behind it.
fn dollar_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] => {
                word.push(hexadecimal(&[*high, *low])?);
                after
            }
            [b'\\', c @ (b'\\' | b'\''), after @ ..] => {
                word.push(*c);
                after
            }
            [b'\\', ..] | [] => return None,
            [c, after @ ..] => {
                word.push(*c);
                after
            }
        };
    }
}

/// Numbers are words too: digits are kept, and every number has some.
fn numbers(number: u64) {
    let apart = words::thousands(number);
    assert_eq!(apart.replace(',', ""), number.to_string());
    let texts = [
        words::bytes(number),
        words::span(Duration::from_nanos(number)),
        words::span(Duration::new(number, 999_999_999)),
        words::two_figures(f64::from_bits(number)),
        words::count(number, "task"),
    ];
    for text in texts {
        assert_harmless(&text);
        assert!(text.starts_with(|c: char| c.is_ascii_digit()), "{text}");
    }
}
