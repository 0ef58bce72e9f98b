//! Text from outside, made harmless.
//!
//! A series name, a message of a worker, or a path may hold anything: escape sequences that clear the
//! screen or retitle the window, newlines that forge a line of ours, marks that turn the direction of
//! writing. None of them may reach a terminal or a log as it is.

use std::ffi::OsStr;
use std::fmt::Write;

/// The text with every control character, mark of writing direction, line separator and byte that is not
/// UTF-8 written out: `\n`, `\x1b`, `\u{202e}`, `\xff`. Everything else is as it was, backslashes
/// included: the text is for reading, not for parsing back.
pub fn escape(text: impl AsRef<[u8]>) -> String {
    let bytes = text.as_ref();
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if is_harmful(c) && c.is_ascii() => push_byte(&mut out, c as u8),
                // Writing to a string cannot fail.
                c if is_harmful(c) => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|&b| push_byte(&mut out, b));
    }
    out
}

/// The text as one word of a POSIX shell. What needs no quotes has none; what holds bytes that may not be
/// shown is in the `$'...'` form of bash, zsh and ksh.
pub fn shell_quote(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_encoded_bytes();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./:=,+@%".contains(b);
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(is_harmful) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => dollar_quote(bytes),
    }
}

fn dollar_quote(bytes: &[u8]) -> String {
    let mut out = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => out.extend(['\\', c]),
                c if is_harmful(c) => c
                    .encode_utf8(&mut [0; 4])
                    .bytes()
                    .for_each(|b| push_byte(&mut out, b)),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|&b| push_byte(&mut out, b));
    }
    out.push('\'');
    out
}

fn push_byte(out: &mut String, byte: u8) {
    // Writing to a string cannot fail. Two digits always: a shell reads no more than two.
    let _ = write!(out, "\\x{byte:02x}");
}

/// Control characters (C0, DEL, C1), marks that turn or isolate the direction of writing, separators that
/// some terminals take for a new line, and the invisible mark that begins some files.
pub(super) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_harm_is_written_out() {
        let cases: [(&[u8], &str); 8] = [
            (b"plain \\ text", "plain \\ text"),
            ("na\u{ef}ve \u{2713}".as_bytes(), "na\u{ef}ve \u{2713}"),
            (b"a\nb\r\tc", "a\\nb\\r\\tc"),
            (b"\x1b[2J\x07\x7f\0", "\\x1b[2J\\x07\\x7f\\x00"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("\u{202e}gpj.exe".as_bytes(), "\\u{202e}gpj.exe"),
            (b"\xff\xc3", "\\xff\\xc3"),
            ("\u{2028}\u{feff}".as_bytes(), "\\u{2028}\\u{feff}"),
        ];
        for (text, expected) in cases {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        let cases = [
            ("m3/N%2F1/theta", "m3/N%2F1/theta"),
            ("", "''"),
            ("my runs/a", "'my runs/a'"),
            ("it's", "'it'\\''s'"),
            ("$(reboot)`x`;&", "'$(reboot)`x`;&'"),
            ("~", "'~'"),
            ("a\nb'\\", "$'a\\x0ab\\'\\\\'"),
            ("\u{202e}", "$'\\xe2\\x80\\xae'"),
        ];
        for (word, expected) in cases {
            assert_eq!(shell_quote(word), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_harmful_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!escape(&bytes).chars().any(is_harmful));
            let word = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert!(!shell_quote(&word).chars().any(is_harmful));
        }

        #[test]
        fn harmless_text_is_left_alone(text in "[ -~\u{a1}-\u{2ff}\u{4e00}-\u{4fff}]{0,40}") {
            prop_assert_eq!(escape(&text), text);
        }
    }

    /// A real shell reads back what was quoted.
    #[cfg(unix)]
    #[test]
    fn a_shell_reads_the_word_back() {
        for word in ["it's", "a b", "$HOME", "*", "\"", "\\", "-n", "a;b|c"] {
            let script = format!("printf %s {}", shell_quote(word));
            let output = std::process::Command::new("/bin/sh")
                .args(["-c", &script])
                .output()
                .expect("a shell can be started");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
