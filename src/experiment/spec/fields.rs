//! Typed reading of one table of a spec.
//!
//! A [`Fields`] is made with the list of every field that the table may have, and says at once when there
//! is another: a slip in an optional field must not pass for its absence.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::document::{Entry, Node, Value};
use super::error::{Place, Problem, Sources, SpecError, suggest};
use super::value::ValueError;

/// One table, and what it is called in messages.
pub(super) struct Fields<'a> {
    pub of: String,
    pub place: Place,
    pub sources: &'a Sources,
    entries: &'a [Entry],
}

/// The table of a node, without a look at its fields.
pub(super) fn table<'a>(
    node: &'a Node,
    of: &str,
    sources: &'a Sources,
) -> Result<Fields<'a>, SpecError> {
    match &node.value {
        Value::Table(entries) => Ok(Fields {
            of: of.to_owned(),
            place: node.place,
            sources,
            entries,
        }),
        other => Err(SpecError::new(Problem::NoTable {
            of: of.to_owned(),
            found: other.type_name().to_owned(),
        })
        .at(sources, Some(node.place))),
    }
}

impl<'a> Fields<'a> {
    /// Refuses every field that is not `known`.
    pub fn only(self, known: &[&str]) -> Result<Fields<'a>, SpecError> {
        match self
            .entries
            .iter()
            .find(|entry| !known.contains(&entry.key.as_str()))
        {
            None => Ok(self),
            Some(entry) => Err(SpecError::new(Problem::UnknownField {
                field: entry.key.clone(),
                of: self.of.clone(),
            })
            .at(self.sources, Some(entry.key_place))
            .with_hint(suggest(&entry.key, known))),
        }
    }

    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// Where the value of `key` stands; the table's own place where there is none.
    pub fn place_of(&self, key: &str) -> Place {
        self.get(key).map_or(self.place, |node| node.place)
    }

    pub fn required(&self, key: &str) -> Result<&'a Node, SpecError> {
        self.get(key).ok_or_else(|| self.missing(key))
    }

    pub fn missing(&self, key: &str) -> SpecError {
        SpecError::new(Problem::MissingField {
            field: key.to_owned(),
            of: self.of.clone(),
        })
        .at(self.sources, Some(self.place))
    }

    pub fn wrong_type(&self, key: &str, expected: &str, node: &Node) -> SpecError {
        SpecError::new(Problem::WrongType {
            field: key.to_owned(),
            of: self.of.clone(),
            expected: expected.to_owned(),
            found: node.value.type_name().to_owned(),
        })
        .at(self.sources, Some(node.place))
    }

    /// A value of the right type that cannot be used.
    pub fn bad(&self, key: &str, reason: impl Display) -> SpecError {
        self.bad_at(key, reason, self.place_of(key))
    }

    pub fn bad_at(&self, key: &str, reason: impl Display, place: Place) -> SpecError {
        SpecError::new(Problem::BadValue {
            field: key.to_owned(),
            of: self.of.clone(),
            reason: reason.to_string(),
        })
        .at(self.sources, Some(place))
    }

    pub fn text(&self, key: &str) -> Result<Option<&'a str>, SpecError> {
        match self.get(key) {
            None => Ok(None),
            Some(node) => match &node.value {
                Value::Text(text) => Ok(Some(text)),
                _ => Err(self.wrong_type(key, "a string", node)),
            },
        }
    }

    pub fn array(&self, key: &str) -> Result<Option<&'a [Node]>, SpecError> {
        match self.get(key) {
            None => Ok(None),
            Some(node) => match &node.value {
                Value::Array(items) => Ok(Some(items)),
                _ => Err(self.wrong_type(key, "an array", node)),
            },
        }
    }

    /// A value that people write as a word, and that may be a bare integer where it is one.
    pub fn parsed<T: FromStr<Err = ValueError>>(&self, key: &str) -> Result<Option<T>, SpecError> {
        let Some(node) = self.get(key) else {
            return Ok(None);
        };
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Integer(Some(number)) => number.to_string(),
            Value::Integer(None) => return Err(self.bad(key, "the number is too large")),
            _ => return Err(self.wrong_type(key, "a string or an integer", node)),
        };
        text.parse()
            .map(Some)
            .map_err(|error: ValueError| self.bad(key, &error).with_hint_if(error.hint()))
    }

    /// A whole number of the range.
    pub fn number(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, SpecError> {
        match self.get(key) {
            None => Ok(None),
            Some(node) => self.number_of(key, node, range).map(Some),
        }
    }

    /// Likewise, of a node within the field.
    pub fn number_of(
        &self,
        key: &str,
        node: &Node,
        range: RangeInclusive<u64>,
    ) -> Result<u64, SpecError> {
        let Value::Integer(number) = node.value else {
            return Err(self.wrong_type(key, "an integer", node));
        };
        number
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let shown = number.map_or("the number".to_owned(), |number| number.to_string());
                self.bad_at(
                    key,
                    format!("{shown} is not from {} to {}", range.start(), range.end()),
                    node.place,
                )
            })
    }
}
