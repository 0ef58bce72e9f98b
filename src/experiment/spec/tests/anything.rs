//! No text panics, whatever it is.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::{SMALL, parse, shown};

/// A spec with a few bytes changed, at places that may make it worse.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        0..SMALL.len(),
        0..6usize,
        "[\\[\\]{}\",=.#\\\\0-9a-zé\u{0}\n -]{0,4}",
    );
    prop::collection::vec(edit, 1..5).prop_map(|edits| {
        let mut text = SMALL.to_owned();
        for (at, remove, insert) in edits {
            let clamp = |text: &str, at: usize| {
                (0..=at.min(text.len()))
                    .rev()
                    .find(|at| text.is_char_boundary(*at))
                    .unwrap_or(0)
            };
            let start = clamp(&text, at);
            let end = clamp(&text, start + remove).max(start);
            text.replace_range(start..end, &insert);
        }
        text
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse(&text).map_err(|error| shown(&error));
    }

    #[test]
    fn no_text_behind_a_good_beginning_panics(text in "(?s).{0,80}") {
        let _ = parse(&format!("schema = 1\n{text}")).map_err(|error| shown(&error));
        let _ = RunSpec::parse_with(SMALL, Path::new("a.toml"), &[text]).map_err(|error| shown(&error));
    }

    #[test]
    fn no_mutation_panics_and_what_is_read_is_written_and_read_again(text in mutated()) {
        match parse(&text) {
            Ok(spec) => prop_assert_eq!(parse(&spec.to_toml()), Ok(spec)),
            Err(error) => prop_assert!(!shown(&error).is_empty()),
        }
    }

    #[test]
    fn no_setting_panics(key in "(run|experiment\\.made|experiment\\.gf2|seed|schema)(\\.[a-z-]{0,12})?", value in ".{0,20}") {
        let sets = [format!("{key}={value}")];
        let _ = RunSpec::parse_with(SMALL, Path::new("a.toml"), &sets).map_err(|error| shown(&error));
    }

    #[test]
    fn no_file_of_rows_panics(text in "[0-3,; #é\u{3000}\t\r\nx-]{0,60}") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.csv"), &text).unwrap();
        let spec = parse(&SMALL.replace("coefficients = [1, 1, 0, 0]", "file = \"rows.csv\"")).unwrap();
        let _ = resolve(&spec, folder.path()).map_err(|error| shown(&error));
    }

    #[test]
    fn values_are_read_as_they_are_written(millis in 1u64..31_536_000_000, bytes in (1u64 << 20)..(1 << 53), n in 1u32..4096) {
        let span = TimeSpan(Duration::from_millis(millis));
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        let size = Size(bytes);
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        prop_assert_eq!(OrNone(Some(size)).to_string().parse(), Ok(OrNone(Some(size))));
        prop_assert_eq!(Workers::Count(n).to_string().parse(), Ok(Workers::Count(n)));
        prop_assert_eq!(MaxTasks::Count(n).to_string().parse(), Ok(MaxTasks::Count(n)));
    }

    #[test]
    fn no_value_panics(text in "[0-9.eE+-]{0,30}[a-zA-Zµ ]{0,4}|\\PC{0,8}") {
        let _ = text.parse::<TimeSpan>();
        let _ = text.parse::<Size>();
        let _ = text.parse::<Workers>();
        let _ = text.parse::<MaxTasks>();
        let _ = text.parse::<Retries>();
        let _ = text.parse::<StartMethod>();
        let _ = text.parse::<OrNone<TimeSpan>>();
let _ = text.parse::<crate::experiment::plan::Shard>();
    }
}
