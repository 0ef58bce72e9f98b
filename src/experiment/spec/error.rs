//! What is wrong with a spec, where, and what to do about it.
//!
//! An error of a spec is read by the person who wrote the line, so it shows that line: file, line and
//! column, the text, a caret under the part that is meant, and a hint. A value that came from the
//! command line is shown the same way, under its flag. Text of the spec reaches a terminal only after
//! [`printable`]: a file must not be able to move the cursor of who reads its errors.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::experiment::plan::PlanTooLarge;

/// Longest piece of a source line that an error shows, in characters.
const EXCERPT: usize = 96;

/// Longest message, in characters: a name of a megabyte is cut.
const MESSAGE: usize = 400;

/// A spec that cannot be run. Its text is several lines: the problem, then the place with a caret. The
/// [`hint`](SpecError::hint) stands apart.
#[derive(Clone, Debug, PartialEq)]
pub struct SpecError(Box<Report>);

#[derive(Clone, Debug, PartialEq)]
struct Report {
    problem: Problem,
    location: Option<Location>,
    hint: Option<String>,
}

/// What is wrong, without the place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// The file cannot be had.
    #[error("failed to read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key that means nothing.
    #[error("unknown field `{field}` in {of}")]
    UnknownField {
        /// The key.
        field: String,
        /// The table it stands in.
        of: String,
    },
    /// A key that must be there.
    #[error("{of} lacks the field `{field}`")]
    MissingField {
        /// The key.
        field: String,
        /// The table it belongs in.
        of: String,
    },
    /// A value of another type.
    #[error("`{field}` in {of} must be {expected}, not {found}")]
    WrongType {
        /// The key.
        field: String,
        /// The table it stands in.
        of: String,
        /// What it should be, with its article.
        expected: String,
        /// What it is, with its article.
        found: String,
    },
    /// Something else where a table must be.
    #[error("{of} must be a table, not {found}")]
    NoTable {
        /// What must be a table.
        of: String,
        /// What it is, with its article.
        found: String,
    },
    /// A value of the right type that cannot be used.
    #[error("`{field}` in {of}: {reason}")]
    BadValue {
        /// The key.
        field: String,
        /// The table it stands in.
        of: String,
        /// Why not.
        reason: String,
    },
    /// One name for two things.
    #[error("two {what} are named `{name}`")]
    Duplicate {
        /// What has the name, in the plural.
        what: String,
        /// The name.
        name: String,
    },
    /// A model that cannot be built.
    #[error("{reason} in {of}")]
    Model {
        /// What the model's reader said.
        reason: String,
        /// The experiment.
        of: String,
    },
    /// The data cannot be had or used.
    #[error("{of}: {reason}")]
    Data {
        /// The experiment.
        of: String,
        /// What the data's reader said.
        reason: String,
    },
    /// A `--set` that cannot be applied.
    #[error("{0}")]
    Set(String),
    /// More tasks than a plan can have.
    #[error(transparent)]
    TooManyTasks(#[from] PlanTooLarge),
}

impl Problem {
    /// What to do, where the place of the problem says no more.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Problem::Syntax(_) => Some(
                "a spec is TOML; `supervisor run` without one writes an example, `spec.toml`, into its run folder",
            ),
            Problem::Unreadable { .. } => {
                Some("name a file of UTF-8 text that can be read, of at most 16 MiB")
            }
            Problem::TooManyTasks(_) => Some("make several specs of it, each for a run of its own"),
            Problem::MissingField { field, .. } => {
                return Some(format!("add a line `{field} = ...` to it"));
            }
            _ => None,
        };
        hint.map(str::to_owned)
    }
}

impl SpecError {
    /// The problem without its place.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// The line and the column in the file, both from 1; none for a value of the command line.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let location = self.0.location.as_ref()?;
        location.file.as_ref()?;
        Some((location.line, location.column))
    }

    /// One sentence that says what to do.
    pub fn hint(&self) -> Option<String> {
        let general = || self.0.problem.hint();
        self.0.hint.clone().or_else(general)
    }

    pub(super) fn new(problem: Problem) -> SpecError {
        SpecError(Box::new(Report {
            problem,
            location: None,
            hint: None,
        }))
    }

    pub(super) fn at(mut self, sources: &Sources, place: Option<Place>) -> SpecError {
        if self.0.location.is_none() {
            self.0.location = place.and_then(|place| sources.locate(place));
        }
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> SpecError {
        self.0.hint = Some(hint.into());
        self
    }

    pub(super) fn with_hint_if(self, hint: Option<String>) -> SpecError {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }
}

impl From<Problem> for SpecError {
    fn from(problem: Problem) -> SpecError {
        SpecError::new(problem)
    }
}

impl std::error::Error for SpecError {}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = printable(&self.0.problem.to_string());
        match message.char_indices().nth(MESSAGE) {
            None => f.write_str(&message)?,
            Some((end, _)) => write!(f, "{}...", &message[..end])?,
        }
        match &self.0.location {
            None => Ok(()),
            Some(location) => write!(f, "\n{location}"),
        }
    }
}

/// One text that a spec was read from.
#[derive(Clone, Debug)]
struct SourceText {
    origin: Origin,
    text: String,
}

#[derive(Clone, Debug)]
enum Origin {
    File(PathBuf),
    /// The flag that the text was the value of.
    Flag(String),
}

/// The texts that a spec was read from: its file, and the flags that changed it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<Arc<SourceText>>);

/// A piece of one of the [`Sources`]: bytes `start .. end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    source: usize,
    start: usize,
    end: usize,
}

impl Sources {
    pub(super) fn add_file(&mut self, path: &Path, text: &str) -> usize {
        self.add(Origin::File(path.to_owned()), text)
    }

    pub(super) fn add_flag(&mut self, flag: &str, text: &str) -> usize {
        self.add(Origin::Flag(flag.to_owned()), text)
    }

    fn add(&mut self, origin: Origin, text: &str) -> usize {
        self.0.push(Arc::new(SourceText {
            origin,
            text: text.to_owned(),
        }));
        self.0.len() - 1
    }

    pub(super) fn place(&self, source: usize, range: std::ops::Range<usize>) -> Place {
        Place {
            source,
            start: range.start,
            end: range.end,
        }
    }

    /// The place as an error shows it. Total: a place outside its text is shown at its end.
    fn locate(&self, place: Place) -> Option<Location> {
        let source = self.0.get(place.source)?;
        let text = source.text.as_str();
        if text.is_empty() && matches!(source.origin, Origin::Flag(_)) {
            return None; // what is missing on a command line has no place there
        }
        let start = floor(text, place.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, place.end).clamp(start, line_end.max(start));
        let before = &text[line_start..start];
        let marked = &text[start..end];
        let after = text[end..line_end].trim_end_matches('\r');
        let column = before.chars().count() + 1;

        // A window of the line around the caret, or all of it.
        let fits = text[line_start..line_end].chars().count() <= EXCERPT;
        let shown_before = match fits {
            true => before.to_owned(),
            false => last_chars(before, EXCERPT / 2),
        };
        let shown_marked: String = marked.chars().take(EXCERPT).collect();
        let room = EXCERPT
            .saturating_sub(shown_before.chars().count())
            .saturating_sub(shown_marked.chars().count());
        let shown_after: String = match shown_marked.len() == marked.len() {
            true => after.chars().take(room).collect(),
            false => String::new(),
        };
        let before = printable(&shown_before);
        let marked = printable(&shown_marked);
        Some(Location {
            file: match &source.origin {
                Origin::File(path) => Some(path.clone()),
                Origin::Flag(_) => None,
            },
            flag: match &source.origin {
                Origin::File(_) => None,
                Origin::Flag(flag) => Some(flag.clone()),
            },
            line: text[..start].matches('\n').count() + 1,
            column,
            caret: (before.chars().count(), marked.chars().count().max(1)),
            excerpt: format!("{before}{marked}{}", printable(&shown_after)),
        })
    }
}

/// Where the problem is, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
struct Location {
    file: Option<PathBuf>,
    flag: Option<String>,
    line: usize,
    column: usize,
    excerpt: String,
    /// First marked character of the excerpt, and how many are marked.
    caret: (usize, usize),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (skip, marks) = self.caret;
        let carets = "^".repeat(marks);
        if let Some(flag) = &self.flag {
            let skip = skip + flag.chars().count() + 1;
            return write!(f, "  {flag} {}\n  {:skip$}{carets}", self.excerpt, "");
        }
        if let Some(file) = &self.file {
            let file = printable(&file.display().to_string());
            writeln!(f, "  {file}:{}:{}", self.line, self.column)?;
        }
        let number = self.line.to_string();
        let width = number.len();
        writeln!(f, "  {number} | {}", self.excerpt)?;
        write!(f, "  {:width$} | {:skip$}{carets}", "", "")
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn last_chars(text: &str, count: usize) -> String {
    let start = text.char_indices().rev().nth(count.saturating_sub(1));
    text[start.map_or(0, |(at, _)| at)..].to_owned()
}

/// The text with everything that could act on a terminal, or turn the direction of the line, written
/// as an escape.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `did you mean ...?` for the nearest of the known names, or else the list of them.
pub(super) fn suggest(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}

/// The known name with the fewest edits from `name`, if it is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // A long name is no slip of the finger, and the distance costs the product of the lengths.
    if name.len() > 64 {
        return None;
    }
    let name = name.to_lowercase().replace('_', "-");
    known
        .iter()
        .map(|&candidate| (distance(&name, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.len() / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to the other: the optimal string
/// alignment distance.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut older: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(older[j - 2] + 1);
            }
            row.push(best);
        }
        older = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_part_that_is_meant() {
        let mut sources = Sources::default();
        let file = sources.add_file(Path::new("a.toml"), "one = 1\r\ntwo\t= \u{1b}[2J3\r\n");
        let place = sources.place(file, 9..12);
        let error = SpecError::new(Problem::Set("x".into())).at(&sources, Some(place));
        assert_eq!(
            error.to_string(),
            "x\n  a.toml:2:1\n  2 | two = \\u{1b}[2J3\n    | ^^^"
        );
        assert_eq!(error.line_and_column(), Some((2, 1)));
    }

    #[test]
    fn a_line_of_a_megabyte_is_shown_as_a_window() {
        let mut sources = Sources::default();
        let text = "é".repeat(500_000);
        let file = sources.add_file(Path::new("a.toml"), &text);
        for range in [0..3, 400_001..400_002, 999_999..1_000_000, 7..9_999_999] {
            let place = sources.place(file, range);
            let error = SpecError::new(Problem::Set("x".into())).at(&sources, Some(place));
            assert!(error.to_string().chars().count() < 400);
        }
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["horizon", "models", "season-length"];
        assert_eq!(nearest("horzion", &known), Some("horizon"));
        assert_eq!(nearest("season_length", &known), Some("season-length"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(
            suggest("q", &known),
            "known: horizon, models, season-length"
        );
    }
}
