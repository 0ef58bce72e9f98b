//! The page and the tests name the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Rows of the matrix.
const ROWS: u32 = 138;

/// Cases of the matrix: rows times methods.
const CASES: usize = 248;

/// Cases that must have a test.
const LEAST: usize = 240;

/// A row of the page.
struct Row {
    number: u32,
    methods: &'static [&'static str],
    is_injected: bool,
}

fn page() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/fault-matrix.md");
    let text = std::fs::read_to_string(path).expect("the page is there");
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, _, methods, cost] = cells[..] else {
            panic!("four cells a row: {line}");
        };
        if number == "#" || number.starts_with("---") {
            continue;
        }
        let methods: &[&str] = match methods {
            "B" => &["fork", "spawn"],
            "F" => &["fork"],
            "S" => &["spawn"],
            "-" => &[""],
            other => panic!("no methods {other:?}: {line}"),
        };
        rows.push(Row {
            number: number.parse().expect("a row has a number"),
            methods,
            is_injected: !cost.contains("not injected:"),
        });
    }
    rows
}

/// The tests of this program by row and method: `task::fork::row_022_segv` is (22, "fork").
fn tests() -> BTreeMap<(u32, String), usize> {
    let listed = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--list", "--format", "terse"])
        .output()
        .expect("this program can be started");
    let text = String::from_utf8(listed.stdout).expect("names are text");
    let mut tests = BTreeMap::new();
    for line in text.lines().filter_map(|l| l.strip_suffix(": test")) {
        let mut parts = line.rsplit("::");
        let (name, above) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let Some(rest) = name.strip_prefix("row_") else {
            continue;
        };
        let number = rest.split('_').next().unwrap_or("");
        let number = number.parse().expect("a row's test has its number");
        let method = match above {
            "fork" | "spawn" => above,
            _ => "",
        };
        *tests.entry((number, method.to_owned())).or_default() += 1;
    }
    tests
}

#[test]
fn every_row_has_its_tests_and_every_test_its_row() {
    let rows = page();
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>(), "rows of the page");
    let cases: usize = rows.iter().map(|row| row.methods.len()).sum();
    assert_eq!(cases, CASES, "cases of the page");

    let tests = tests();
    let mut wanted = BTreeSet::new();
    for row in rows.iter().filter(|row| row.is_injected) {
        for method in row.methods {
            wanted.insert((row.number, (*method).to_owned()));
        }
    }
    let there: BTreeSet<_> = tests.keys().cloned().collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "rows without a test: {missing:?}");
    let unlisted: Vec<_> = there.difference(&wanted).collect();
    assert!(unlisted.is_empty(), "tests without a row: {unlisted:?}");
    assert!(wanted.len() >= LEAST, "{} cases have a test", wanted.len());
}
