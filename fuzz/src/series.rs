//! What every reader of series promises, and how series are written so that it reads them back.

use std::collections::HashSet;

use fumehood::data::SeriesSet;

/// Checks what the rest of the program relies on.
///
/// # Panics
///
/// There is no series, two have one name, one has no name or no value, or a value is not finite.
pub fn assert_sound(series: &SeriesSet) {
    assert!(!series.is_empty());
    let mut names = HashSet::new();
    for (name, values) in names_and_values(series) {
        assert!(!name.is_empty() && names.insert(name), "{name:?}");
        assert!(!values.is_empty(), "{name:?}");
        assert!(values.iter().all(|value| value.is_finite()), "{name:?}");
    }
}

/// All series, in order.
pub fn names_and_values(series: &SeriesSet) -> impl Iterator<Item = (&str, &[f64])> {
    (0..series.len()).map(|i| (series.name(i), series.values(i)))
}

/// A field in quotes.
pub fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}
