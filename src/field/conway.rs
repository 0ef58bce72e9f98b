//! The Conway polynomials of the fields of at most 256 elements whose order is no prime.
//!
//! They are the usual choice of a modulus, made by R. Parker and followed by GAP, Magma and Sage: `z` generates
//! all elements but zero, and the polynomials of fields that contain each other fit together. The definition, which
//! a test follows to find every polynomial of the list again, is that of F. Lübeck, "Conway polynomials for finite
//! fields", <http://www.math.rwth-aachen.de/~Frank.Luebeck/data/ConwayPol/>.

/// The Conway polynomial of GF(order), from the lowest coefficient to the highest; empty where the order is none of a
/// field in the list.
pub(super) fn polynomial(order: u32) -> &'static [u32] {
    match order {
        4 => &[1, 1, 1],
        8 => &[1, 1, 0, 1],
        16 => &[1, 1, 0, 0, 1],
        32 => &[1, 0, 1, 0, 0, 1],
        64 => &[1, 1, 0, 1, 1, 0, 1],
        128 => &[1, 1, 0, 0, 0, 0, 0, 1],
        256 => &[1, 0, 1, 1, 1, 0, 0, 0, 1],
        9 => &[2, 2, 1],
        27 => &[1, 2, 0, 1],
        81 => &[2, 0, 0, 2, 1],
        243 => &[1, 2, 0, 0, 0, 1],
        25 => &[2, 4, 1],
        125 => &[3, 3, 0, 1],
        49 => &[3, 6, 1],
        121 => &[2, 7, 1],
        169 => &[2, 12, 1],
        _ => &[],
    }
}
