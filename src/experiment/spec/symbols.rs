//! Symbols as people write them: a sequence in a file or on standard input, a state on the command line.
//!
//! Two forms are read. *Separated*: numbers between commas, semicolons and blanks. *Run together*: `0000010001`, where every
//! digit is a symbol and blanks mean nothing. Over a field of more than 10 elements the first is the only one. Over the
//! others a comma or a semicolon anywhere says that it is the first, and then each number has to be one digit: who
//! writes `10,1` over GF(2) may mean three symbols or two, and is asked. In both, `#` starts a comment and lines may
//! end anywhere.

use std::path::Path;

use super::error::{Place, Problem, Sources, SpecError};
use super::read::{read_stdin, read_text};
use super::value::quoted;
use crate::lfsr::Register;

/// The most symbols over GF(2) that a sequence may have: seconds of synthesis.
pub const MAX_SYMBOLS_BINARY: usize = 1_000_000;

/// The most symbols over another field that a sequence may have, likewise.
pub const MAX_SYMBOLS: usize = 50_000;

/// Reads a sequence over GF(`gf_order`) from a file, or from standard input where the file is `-`; at least one symbol.
///
/// # Errors
///
/// [`SpecError`] with line and column of what is no symbol, or is one too many ([`MAX_SYMBOLS_BINARY`],
/// [`MAX_SYMBOLS`]); also for a file that cannot be read or has no symbol.
pub fn read_sequence(file: &Path, gf_order: u32) -> Result<Vec<u32>, SpecError> {
    let (name, text) = if file == Path::new("-") {
        (Path::new("standard input"), read_stdin()?)
    } else {
        (file, read_text(file)?)
    };
    let mut sources = Sources::default();
    let source = sources.add_file(name, &text);
    let most = match gf_order {
        2 => MAX_SYMBOLS_BINARY,
        _ => MAX_SYMBOLS,
    };
    let reader = Reader {
        of: "the sequence",
        gf_order,
        sources: &sources,
        source,
        most,
    };
    let symbols = reader.read(&text)?;
    if symbols.is_empty() {
        return Err(SpecError::new(Problem::Unreadable {
            path: name.to_owned(),
            reason: "it has no symbol".into(),
        })
        .with_hint("write the symbols between commas or blanks, or digits run together"));
    }
    Ok(symbols)
}

/// Reads a state of a register from the value of `flag`.
///
/// # Errors
///
/// [`SpecError`] where it is none.
pub fn read_state(flag: &str, text: &str, register: &Register) -> Result<Vec<u32>, SpecError> {
    let mut sources = Sources::default();
    let source = sources.add_flag(flag, text);
    let reader = Reader {
        of: "the state",
        gf_order: register.gf_order(),
        sources: &sources,
        source,
        most: usize::MAX, // a command line is short
    };
    let state = reader.read(text)?;
    match register.output_from(&state) {
        Ok(_) => Ok(state),
        Err(error) => {
            let place = sources.place(source, 0..text.len());
            Err(reader
                .problem(error.to_string(), place)
                .with_hint_if(error.hint()))
        }
    }
}

/// What is said of a piece of text that is no element of GF(`order`), and the hint.
pub(super) fn no_element(piece: &str, order: u32) -> (String, String) {
    (
        format!("{} is no element of GF({order})", quoted(piece)),
        format!("the elements of GF({order}) are 0 to {}", order - 1),
    )
}

struct Reader<'a> {
    of: &'static str,
    gf_order: u32,
    sources: &'a Sources,
    source: usize,
    most: usize,
}

impl Reader<'_> {
    fn read(&self, text: &str) -> Result<Vec<u32>, SpecError> {
        let has_commas = lines(text).any(|(_, line)| line.contains([',', ';']));
        let is_run_together = self.gf_order <= 10 && !has_commas;
        let mut symbols = Vec::new();
        for (line_start, line) in lines(text) {
            for (at, piece) in pieces(line) {
                let start = line_start + at;
                if is_run_together {
                    for (at, digit) in piece.char_indices() {
                        let digit = &piece[at..at + digit.len_utf8()];
                        self.push(&mut symbols, digit, start + at)?;
                    }
                } else {
                    self.push(&mut symbols, piece, start)?;
                }
            }
        }
        Ok(symbols)
    }

    fn push(&self, symbols: &mut Vec<u32>, piece: &str, start: usize) -> Result<(), SpecError> {
        let place = self.sources.place(self.source, start..start + piece.len());
        if self.gf_order <= 10 && piece.len() > 1 && piece.bytes().all(|b| b.is_ascii_digit()) {
            let reason = format!("{} is more than one symbol", quoted(piece));
            return Err(self.problem(reason, place).with_hint(
                "where there are commas, one digit stands between two of them; without any, every digit is a symbol",
            ));
        }
        let number = piece.parse::<u32>().ok().filter(|n| *n < self.gf_order);
        let Some(symbol) = number.filter(|_| !piece.starts_with('+')) else {
            let (reason, hint) = no_element(piece, self.gf_order);
            return Err(self.problem(reason, place).with_hint(hint));
        };
        if symbols.len() == self.most {
            let reason = format!(
                "it has more than {} symbols, the most over GF({})",
                self.most, self.gf_order
            );
            return Err(self.problem(reason, place).with_hint(
                "the time grows with the square of their number; give the first of them",
            ));
        }
        symbols.push(symbol);
        Ok(())
    }

    fn problem(&self, reason: String, place: Place) -> SpecError {
        SpecError::new(Problem::Data {
            of: self.of.to_owned(),
            reason,
        })
        .at(self.sources, Some(place))
    }
}

/// The lines of a text without their comments, each with where it starts.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text_alone = text.strip_prefix('\u{feff}').unwrap_or(text);
    let begin = text.len() - text_alone.len();
    text_alone.split_inclusive('\n').scan(begin, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.split('#').next().unwrap_or("")))
    })
}

/// What stands between commas, semicolons and blanks, each piece with where it starts.
pub(super) fn pieces(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_separator = |c: char| matches!(c, ',' | ';') || c.is_whitespace();
    line.split_inclusive(is_separator)
        .scan(0, move |at, piece| {
            let start = *at;
            *at += piece.len();
            Some((start, piece.trim_end_matches(is_separator)))
        })
        .filter(|(_, piece)| !piece.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, gf_order: u32) -> Result<Vec<u32>, SpecError> {
        let mut sources = Sources::default();
        let source = sources.add_file(Path::new("s.txt"), text);
        Reader {
            of: "the sequence",
            gf_order,
            sources: &sources,
            source,
            most: 12,
        }
        .read(text)
    }

    #[test]
    fn both_forms_are_read() {
        let same = [
            "0110",
            "0,1,1,0",
            "\u{feff}# comment, with a comma\n01 1\t0 # 1\n",
            "0\n1\n1\n0",
            "0;1, 1,\r\n0,",
            "01\u{a0}10",
        ];
        for text in same {
            assert_eq!(read(text, 2).expect(text), [0, 1, 1, 0], "{text:?}");
        }
        assert_eq!(read("10 3\n255", 256).expect("numbers"), [10, 3, 255]);
        assert_eq!(read("8 80", 9).expect("digits"), [8, 8, 0]);
        assert_eq!(read("10", 11).expect("a number"), [10]);
        assert!(read("# nothing\n", 2).expect("nothing").is_empty());
    }

    #[test]
    fn what_is_no_symbol_is_refused_at_its_place() {
        let refused = [
            ("01\n012", 2, (2, 3), "is no element of GF(2)"),
            ("0,1\n1,10,1", 2, (2, 3), "is more than one symbol"),
            ("1\u{e9}", 5, (1, 2), "is no element of GF(5)"),
            ("1,-1", 5, (1, 3), "is no element of GF(5)"),
            ("1 +1", 11, (1, 3), "is no element of GF(11)"),
            ("# 9\n3 11", 11, (2, 3), "is no element of GF(11)"),
            ("0101010101010", 2, (1, 13), "more than 12 symbols"),
        ];
        for (text, order, place, says) in refused {
            let error = read(text, order).expect_err(text);
            assert_eq!(error.line_and_column(), Some(place), "{text:?}: {error}");
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.hint().is_some(), "{error}");
        }
    }

    #[test]
    fn a_state_has_as_many_symbols_as_the_degree() {
        let register = Register::new(2, &[1, 1, 0, 0]).expect("a register");
        for text in ["1,0,0,0", "1000", "1 0 0 0"] {
            let state = read_state("--state", text, &register).expect(text);
            assert_eq!(state, [1, 0, 0, 0]);
        }
        let error = read_state("--state", "100", &register).expect_err("too short");
        assert_eq!(
            error.to_string(),
            "the state: a state of this register has 4 symbols, not 3\n  --state 100\n          ^^^"
        );
        assert!(read_state("--state", "", &register).is_err());
    }
}
