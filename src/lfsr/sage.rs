//! A register as lines that SageMath reads: field, polynomial and companion matrix.
//!
//! Sage's `companion_matrix` has the coefficients in the last column, as here. A field of prime power order is made with its
//! modulus, so that `z` means the same element there.

use super::Register;
use crate::field::Field;

/// The lines that define `K`, `x`, `f` and `C` in Sage; they can be pasted at its prompt or loaded as a file. For instance
/// `f.factor()` and `C.multiplicative_order()` can be asked then.
pub fn sage(register: &Register) -> [String; 4] {
    let field = register.field();
    let constructor = match field.modulus() {
        [] => format!("K = GF({})", field.order()),
        modulus => format!("K.<z> = GF({}, modulus={modulus:?})", field.order()),
    };
    [
        constructor,
        "R.<x> = K[]".to_owned(),
        format!(
            "f = {}",
            polynomial(field, &register.characteristic_polynomial())
        ),
        "C = companion_matrix(f)".to_owned(),
    ]
}

/// A polynomial from its coefficients, low to high; not 0.
fn polynomial(field: &Field, coefficients: &[u32]) -> String {
    let terms = coefficients.iter().enumerate().rev();
    let terms = terms.filter(|(_, c)| **c != 0).map(|(power, &c)| {
        let c = element(field, c);
        match (power, c.as_str()) {
            (0, _) => c,
            (1, "1") => "x".to_owned(),
            (_, "1") => format!("x^{power}"),
            (1, _) => format!("{c}*x"),
            (_, _) => format!("{c}*x^{power}"),
        }
    });
    terms.collect::<Vec<_>>().join(" + ")
}

/// An element, in brackets where it is a sum.
fn element(field: &Field, element: u32) -> String {
    if field.extension_degree() == 1 {
        return element.to_string();
    }
    let p = field.characteristic();
    let digits = (0..field.extension_degree()).map(|power| (power, element / p.pow(power) % p));
    let terms: Vec<String> = digits
        .filter(|(_, digit)| *digit != 0)
        .map(|(power, digit)| match (power, digit) {
            (0, _) => digit.to_string(),
            (1, 1) => "z".to_owned(),
            (1, _) => format!("{digit}*z"),
            (_, 1) => format!("z^{power}"),
            (_, _) => format!("{digit}*z^{power}"),
        })
        .rev()
        .collect();
    match terms.len() {
        1 => terms.concat(),
        _ => format!("({})", terms.join(" + ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_each_kind_of_field() {
        let register = Register::new(2, &[1, 1, 0, 0]).unwrap();
        assert_eq!(
            sage(&register),
            [
                "K = GF(2)",
                "R.<x> = K[]",
                "f = x^4 + x + 1",
                "C = companion_matrix(f)"
            ]
        );
        // The sign: f has -c.
        let register = Register::new(5, &[1, 3, 0]).unwrap();
        assert_eq!(sage(&register)[2], "f = x^3 + 2*x + 4");
        let register = Register::new(9, &[4, 2, 6, 0]).unwrap();
        assert_eq!(sage(&register)[0], "K.<z> = GF(9, modulus=[2, 2, 1])");
        assert_eq!(sage(&register)[2], "f = x^4 + z*x^2 + x + (2*z + 2)");
        let register = Register::new(8, &[7, 0, 4]).unwrap();
        assert_eq!(sage(&register)[2], "f = x^3 + z^2*x^2 + (z^2 + z + 1)");
    }
}
