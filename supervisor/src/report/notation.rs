//! How fields, polynomials, recurrences and symbols are written.

use fumehood::lfsr::Register;

use crate::reporter::words::count;

/// A polynomial from its coefficients, low to high, written from the highest power down.
pub(super) fn polynomial(variable: &str, coefficients: &[u32]) -> String {
    polynomial_of_at_most(usize::MAX, variable, coefficients)
}

/// Likewise; of more terms than so many, the first, and how many more there are.
pub(super) fn polynomial_of_at_most(most: usize, variable: &str, coefficients: &[u32]) -> String {
    let places = coefficients.iter().enumerate().rev();
    sum(
        most,
        places.map(|(power, &c)| {
            let x = match power {
                0 => return (c, String::new()),
                1 => variable.to_owned(),
                n => format!("{variable}^{n}"),
            };
            (c, x)
        }),
    )
}

/// `s(n+4) = s(n) + s(n+1)`, of at most so many terms.
pub(super) fn recurrence(most: usize, coefficients: &[u32]) -> String {
    let symbol = |place: usize| match place {
        0 => "s(n)".to_owned(),
        place => format!("s(n+{place})"),
    };
    let places = coefficients.iter().enumerate();
    let terms = places.map(|(place, &c)| (c, symbol(place)));
    format!("{} = {}", symbol(coefficients.len()), sum(most, terms))
}

/// The terms that are not 0, with the factor where it is not 1.
fn sum(most: usize, terms: impl Iterator<Item = (u32, String)>) -> String {
    let (mut shown, mut more) = (Vec::new(), 0);
    for (c, what) in terms.filter(|(c, _)| *c != 0) {
        if shown.len() == most {
            more += 1;
            continue;
        }
        shown.push(match (c, what.as_str()) {
            (c, "") => c.to_string(),
            (1, _) => what,
            (c, _) => format!("{c} {what}"),
        });
    }
    match (shown.is_empty(), more) {
        (true, _) => "0".to_owned(),
        (false, 0) => shown.join(" + "),
        (false, more) => format!("{} + {}", shown.join(" + "), count(more, "more term")),
    }
}

/// What the integers mean, where they are not residues.
pub(super) fn modulus(modulus: &[u32]) -> String {
    if modulus.is_empty() {
        return String::new();
    }
    format!(" modulo {}", polynomial("z", modulus))
}

/// `GF(4) modulo z^2 + z + 1, degree 2, f(x) = x^2 + x + 2`.
pub(super) fn register_line(register: &Register) -> String {
    format!(
        "GF({}){}, degree {}, f(x) = {}",
        register.gf_order(),
        modulus(register.field().modulus()),
        register.degree(),
        polynomial_of_at_most(SHOWN_TERMS, "x", &register.characteristic_polynomial())
    )
}

/// So many terms of a sum are shown.
pub(super) const SHOWN_TERMS: usize = 24;

/// A line of text is about so wide.
pub(super) const WIDTH: usize = 100;

/// Numbers between commas.
pub(super) fn commas(numbers: &[u32]) -> String {
    separated(numbers, ",")
}

/// Numbers with something between them.
pub(super) fn separated<T: ToString>(numbers: &[T], between: &str) -> String {
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    texts.join(between)
}

/// Words in lines of about [`WIDTH`] characters, `between` them where they stand in one. A word that is wider has a line
/// of its own.
pub(super) fn wrapped(
    words: impl Iterator<Item = String>,
    between: &str,
    indent: usize,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if indent + line.len() + between.len() + word.len() <= WIDTH => {
                line.push_str(between);
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_as_people_write_them() {
        assert_eq!(polynomial("x", &[2, 1, 0, 2, 1]), "x^4 + 2 x^3 + x + 2");
        assert_eq!(polynomial("x", &[1]), "1");
        assert_eq!(polynomial("x", &[]), "0");
        assert_eq!(
            polynomial_of_at_most(2, "x", &[1; 5]),
            "x^4 + x^3 + 3 more terms"
        );
        assert_eq!(recurrence(9, &[1, 0, 2]), "s(n+3) = s(n) + 2 s(n+2)");
        assert_eq!(recurrence(9, &[0]), "s(n+1) = 0");
        assert_eq!(recurrence(9, &[]), "s(n) = 0");
    }

    #[test]
    fn words_fill_lines() {
        let lines = wrapped((0..40).map(|_| "12345".to_owned()), " ", 10);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= WIDTH - 10));
        assert_eq!(lines.join(" ").len(), 6 * 40 - 1);
    }
}
