//! Every error of the rooms that keep the promises (record, protocol, engine, starting of workers) is
//! produced by a test that asserts on it.
//!
//! The list is read from the source: each variant of an enum that derives `thiserror::Error`. A test asserts
//! on one if it names the variant, or holds the longest fixed part of its message, which is what a story that
//! looks from outside can see. A variant that only passes on another listed error is that error's matter.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, below the workspace.
const ROOMS: [&str; 4] = [
    "src/record",
    "src/protocol",
    "supervisor/src/engine",
    "supervisor/src/start",
];

/// Fewer variants than this would mean that the reading below is broken.
const AT_LEAST: usize = 40;

/// A shorter fixed part of a message could stand in a test by chance.
const TELLING: usize = 12;

struct Variant {
    name: String,
    message: Option<String>,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder of the project")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The two halves of a file: the program's and the tests'.
fn halves(root: &Path, path: &Path) -> (String, String) {
    let text = fs::read_to_string(path).expect("a source file");
    let below = path.strip_prefix(root).expect("it is below the workspace");
    let name = below.to_string_lossy().into_owned();
    let is_test = name.starts_with("tests/")
        || name.ends_with("/tests.rs")
        || name.ends_with("/troubles.rs")
        || name.contains("/tests/");
    if is_test {
        return (String::new(), text);
    }
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => (text[..at].to_owned(), text[at..].to_owned()),
        None => (text, String::new()),
    }
}

/// The variants of the errors in a text. An attribute is one or several lines; a variant begins with four
/// blanks and a capital letter.
fn variants(text: &str) -> Vec<Variant> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !(line.starts_with("#[derive(") && line.contains("thiserror::Error")) {
            continue;
        }
        let head = lines.find(|l| !l.starts_with("#["));
        let Some(name) = head.and_then(|l| l.strip_prefix("pub enum ")) else {
            continue;
        };
        let name = name.trim_end_matches(" {");
        let mut attribute = String::new();
        for line in lines.by_ref().take_while(|line| *line != "}") {
            let begins = line.strip_prefix("    ").unwrap_or_default();
            if begins.starts_with(|c: char| c.is_ascii_uppercase()) {
                let variant: String = begins
                    .chars()
                    .take_while(char::is_ascii_alphanumeric)
                    .collect();
                let passes_on = attribute.contains("transparent") && begins.contains("Error)");
                if !passes_on || begins.contains("io::Error") {
                    found.push(Variant {
                        name: format!("{name}::{variant}"),
                        message: message(&attribute),
                    });
                }
                attribute.clear();
            } else if !begins.starts_with("///") {
                attribute.push_str(line);
            }
        }
    }
    found
}

/// The longest fixed part of the message in `#[error("...")]`.
fn message(attribute: &str) -> Option<String> {
    let (_, rest) = attribute.split_once("#[error(")?;
    let (_, text) = rest.split_once('"')?;
    let (text, _) = text.rsplit_once("\")").or_else(|| text.rsplit_once('"'))?;
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                parts.push(String::new());
            }
            c if depth == 0 => parts.last_mut()?.push(c),
            _ => {}
        }
    }
    parts
        .into_iter()
        .map(|part| {
            part.trim_matches(|c: char| !c.is_alphanumeric() && c != '`')
                .to_owned()
        })
        .max_by_key(String::len)
        .filter(|part| part.len() >= TELLING)
}

#[test]
fn every_error_is_asserted_on_by_a_test() {
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .expect("the workspace is there");
    let mut files = Vec::new();
    for folder in ["src", "worker/src", "supervisor/src", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let mut listed = Vec::new();
    let mut tests = String::new();
    for file in files {
        let (program, test) = halves(&root, &file);
        tests.push_str(&test);
        if ROOMS.iter().any(|room| file.starts_with(root.join(room))) {
            listed.extend(variants(&program));
        }
    }
    assert!(listed.len() >= AT_LEAST, "{} errors found", listed.len());
    let untold: Vec<&str> = listed
        .iter()
        .filter(|variant| {
            let by_name = tests.contains(&variant.name);
            let by_text = variant
                .message
                .as_ref()
                .is_some_and(|text| tests.contains(text.as_str()));
            !by_name && !by_text
        })
        .map(|variant| variant.name.as_str())
        .collect();
    assert!(untold.is_empty(), "no test asserts on {untold:#?}");
}

#[test]
fn the_list_is_read_as_it_is_written() {
    let text = "#[derive(Debug, thiserror::Error)]\npub enum E {\n    /// Doc.\n    #[error(transparent)]\n    \
                Io(#[from] X),\n    #[error(\n        \"it is {0} and not at all {1}\"\n    )]\n    Other {\n        \
                a: u8,\n    },\n}\n";
    let found = variants(text);
    let names: Vec<&str> = found.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["E::Io", "E::Other"]);
    assert_eq!(found[0].message, None);
    assert_eq!(found[1].message.as_deref(), Some("and not at all"));
}
