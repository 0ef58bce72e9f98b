//! The known name nearest to one that was typed, for hints.

/// The name in `known` that `typed` was probably meant to be: the one with the fewest edits, if these
/// are at most a third of the longer of the two names (and at least one edit is always allowed).
/// Case, and `_` for `-`, count as no edit. Of several equally near names the first wins.
pub(crate) fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| -> Vec<char> {
        name.chars()
            .map(|c| {
                if c == '_' {
                    '-'
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect()
    };
    let typed = plain(typed);
    // A text far longer than any name is no slip of the finger, and costs time to compare.
    if typed.len() > 64 {
        return None;
    }
    known
        .iter()
        .map(|&name| (name, plain(name)))
        .map(|(name, letters)| {
            let allowed = (letters.len().max(typed.len()) / 3).max(1);
            (edits(&typed, &letters), allowed, name)
        })
        .filter(|(edits, allowed, _)| edits <= allowed)
        .min_by_key(|(edits, _, _)| *edits)
        .map(|(_, _, name)| name)
}

/// Levenshtein's distance: insertions, deletions and substitutions that turn `a` into `b`.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        let letters = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(edits(&letters("kitten"), &letters("sitting")), 3);
        assert_eq!(edits(&letters(""), &letters("abc")), 3);
        assert_eq!(edits(&letters("same"), &letters("same")), 0);
    }

    #[test]
    fn finds_slips_and_leaves_strangers() {
        let known = ["naive", "naive2", "theta", "seasonal-naive"];
        assert_eq!(nearest("tehta", &known), None);
        assert_eq!(nearest("thetaa", &known), Some("theta"));
        assert_eq!(nearest("Seasonal_Naive", &known), Some("seasonal-naive"));
        assert_eq!(nearest("transformer", &known), None);
        assert_eq!(nearest(&"theta".repeat(1000), &known), None);
    }
}
