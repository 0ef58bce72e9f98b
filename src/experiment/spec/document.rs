//! The tree of a spec before anything is understood: values, each with its place.
//!
//! The tree comes from TOML text, from the flags of a command, or from both: `--set` replaces values in
//! it. What reads the tree into types then need not know where a value came from, and an error still
//! points at it. Depth is bounded by the TOML parser, so walking the tree by recursion is safe.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Place, Problem, Sources, SpecError, suggest};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub value: Value,
    pub place: Place,
}

/// A value as TOML knows them.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// `None` where it is outside 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Flag(bool),
    Date,
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_place: Place,
    pub node: Node,
}

impl Value {
    /// The type's name with its article, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Flag(_) => "a boolean",
            Value::Date => "a date or time",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// Reads a whole TOML document.
pub(super) fn parse(text: &str, source: usize, sources: &Sources) -> Result<Node, SpecError> {
    let table = DeTable::parse(text).map_err(|error| syntax(&error, 0, source, sources))?;
    let place = sources.place(source, 0..0);
    Ok(Node {
        value: convert_table(table.into_inner(), 0, source, sources),
        place,
    })
}

fn syntax(error: &toml::de::Error, base: usize, source: usize, sources: &Sources) -> SpecError {
    let place = error
        .span()
        .map(|span| sources.place(source, span.start + base..span.end + base));
    SpecError::new(Problem::Syntax(error.message().replace('\n', ", "))).at(sources, place)
}

fn convert(value: Spanned<DeValue<'_>>, base: usize, source: usize, sources: &Sources) -> Node {
    let span = value.span();
    let place = sources.place(source, span.start + base..span.end + base);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        // The parser has checked the form; what it lets through and Rust does not read is no number.
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| convert(item, base, source, sources))
                .collect(),
        ),
        DeValue::Table(table) => convert_table(table, base, source, sources),
    };
    Node { value, place }
}

fn convert_table(table: DeTable<'_>, base: usize, source: usize, sources: &Sources) -> Value {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, node)| {
            let span = key.span();
            Entry {
                key: key.into_inner().into_owned(),
                key_place: sources.place(source, span.start + base..span.end + base),
                node: convert(node, base, source, sources),
            }
        })
        .collect();
    // Errors are reported in the order of the text, not of the alphabet.
    entries.sort_by_key(|entry| entry.key_place);
    Value::Table(entries)
}

/// Applies one `--set PATH=VALUE` to the document. `PATH` is `seed`, `run.KEY` or
/// `experiment.NAME.KEY`; a name may contain dots, a key may not. `VALUE` is TOML, or else, where it
/// begins like no TOML value, the string itself: `--set run.timeout=10s` needs no quotes.
pub(super) fn set(root: &mut Node, text: &str, sources: &mut Sources) -> Result<(), SpecError> {
    const HINT: &str = "write --set run.KEY=VALUE or --set experiment.NAME.KEY=VALUE";
    let source = sources.add_flag("--set", text);
    let whole = sources.place(source, 0..text.len());
    let fail = |message: String, sources: &Sources| {
        SpecError::new(Problem::Set(message)).at(sources, Some(whole))
    };
    let Some((path, value)) = text.split_once('=') else {
        return Err(fail("a setting needs `=`".into(), sources).with_hint(HINT));
    };
    let key_start = path.rfind('.').map_or(0, |at| at + 1);
    let path = path.trim();
    let node = set_value(value, text.len() - value.len(), source, sources)?;
    let (table, key) = match path.split_once('.') {
        None if path == "seed" => (Some(root), path),
        Some(("run", key)) if !key.is_empty() && !key.contains('.') => {
            (entry(root, "run", whole), key)
        }
        Some(("experiment", rest)) if rest.contains('.') => {
            let (name, key) = rest.rsplit_once('.').unwrap_or((rest, ""));
            let known: Vec<String> = experiments(root)
                .filter_map(name_of)
                .map(str::to_owned)
                .collect();
            match experiments_mut(root).find(|node| name_of(node) == Some(name)) {
                Some(experiment) => (Some(experiment), key),
                None => {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    return Err(fail(format!("no experiment is named `{name}`"), sources)
                        .with_hint(suggest(name, &known)));
                }
            }
        }
        _ => {
            return Err(fail(format!("`{path}` is no field of a spec"), sources).with_hint(HINT));
        }
    };
    let key = key.trim().to_owned();
    let key_place = sources.place(source, key_start..key_start + key.len());
    let entries = table.and_then(|node| match &mut node.value {
        Value::Table(entries) => Some(entries),
        _ => None,
    });
    if let Some(entries) = entries {
        entries.retain(|entry| entry.key != key);
        entries.push(Entry {
            key,
            key_place,
            node,
        });
        Ok(())
    } else {
        // The reader of types says so too, but a setting into no table must not be lost in silence.
        Err(fail(format!("`{path}` is in no table"), sources).with_hint(HINT))
    }
}

fn set_value(
    value: &str,
    base: usize,
    source: usize,
    sources: &Sources,
) -> Result<Node, SpecError> {
    match DeValue::parse(value) {
        Ok(parsed) => Ok(convert(parsed, base, source, sources)),
        Err(error) if value.trim_start().starts_with(['[', '{', '"', '\'']) => {
            Err(syntax(&error, base, source, sources))
        }
        Err(_) => Ok(Node {
            value: Value::Text(value.trim().to_owned()),
            place: sources.place(source, base..base + value.len()),
        }),
    }
}

/// The value `key` of the root, a new table if it is not there; none if the root is no table.
fn entry<'a>(root: &'a mut Node, key: &str, place: Place) -> Option<&'a mut Node> {
    let Value::Table(entries) = &mut root.value else {
        return None;
    };
    let at = match entries.iter().position(|entry| entry.key == key) {
        Some(at) => at,
        None => {
            entries.push(Entry {
                key: key.to_owned(),
                key_place: place,
                node: Node {
                    value: Value::Table(Vec::new()),
                    place,
                },
            });
            entries.len() - 1
        }
    };
    entries.get_mut(at).map(|entry| &mut entry.node)
}

fn experiments(root: &Node) -> impl Iterator<Item = &Node> {
    let list = match &root.value {
        Value::Table(entries) => entries.iter().find(|entry| entry.key == "experiment"),
        _ => None,
    };
    list.into_iter().flat_map(|entry| match &entry.node.value {
        Value::Array(items) => items.iter(),
        _ => [].iter(),
    })
}

fn experiments_mut(root: &mut Node) -> impl Iterator<Item = &mut Node> {
    let list = match &mut root.value {
        Value::Table(entries) => entries.iter_mut().find(|entry| entry.key == "experiment"),
        _ => None,
    };
    list.into_iter()
        .flat_map(|entry| match &mut entry.node.value {
            Value::Array(items) => items.iter_mut(),
            _ => [].iter_mut(),
        })
}

fn name_of(experiment: &Node) -> Option<&str> {
    let Value::Table(entries) = &experiment.value else {
        return None;
    };
    let name = entries.iter().find(|entry| entry.key == "name")?;
    match &name.node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Builds a document from the flags of a command.
pub(super) struct Builder {
    pub sources: Sources,
    entries: Vec<Entry>,
}

impl Builder {
    /// An experiment of this name and kind, and nothing else yet.
    pub fn new(name: &str, kind: &str) -> Builder {
        let mut builder = Builder {
            sources: Sources::default(),
            entries: Vec::new(),
        };
        builder.text("name", "supervisor", name);
        builder.text("kind", "supervisor", kind);
        builder
    }

    /// The field `key` as the flag `flag` gives it.
    pub fn text(&mut self, key: &str, flag: &str, text: &str) {
        self.push(key, flag, text, |_, _| Value::Text(text.to_owned()));
    }

    /// Likewise, a number.
    pub fn number(&mut self, key: &str, flag: &str, number: u64) {
        self.push(key, flag, &number.to_string(), |_, _| {
            Value::Integer(i64::try_from(number).ok())
        });
    }

    /// Likewise, a path.
    pub fn path(&mut self, key: &str, flag: &str, path: &Path) -> Result<(), SpecError> {
        match path.to_str() {
            Some(text) => {
                self.text(key, flag, text);
                Ok(())
            }
            None => Err(SpecError::new(Problem::Unreadable {
                path: path.to_owned(),
                reason: "its name is not UTF-8".into(),
            })),
        }
    }

    /// Likewise, items between commas; those that are whole numbers become integers.
    pub fn list(&mut self, key: &str, flag: &str, text: &str) {
        self.push(key, flag, text, |source, sources| {
            let mut at = 0;
            let mut items = Vec::new();
            for piece in text.split(',') {
                let item = piece.trim();
                let start = at + (piece.len() - piece.trim_start().len());
                items.push(Node {
                    value: match item.parse::<i64>() {
                        Ok(number) => Value::Integer(Some(number)),
                        Err(_) if is_whole(item) => Value::Integer(None),
                        Err(_) => Value::Text(item.to_owned()),
                    },
                    place: sources.place(source, start..start + item.len()),
                });
                at += piece.len() + 1;
            }
            Value::Array(items)
        });
    }

    fn push(
        &mut self,
        key: &str,
        flag: &str,
        text: &str,
        value: impl FnOnce(usize, &Sources) -> Value,
    ) {
        let source = self.sources.add_flag(flag, text);
        let place = self.sources.place(source, 0..text.len());
        let value = value(source, &self.sources);
        self.entries.push(Entry {
            key: key.to_owned(),
            key_place: place,
            node: Node { value, place },
        });
    }

    /// The document, with its schema.
    pub fn finish(mut self) -> (Node, Sources) {
        let source = self.sources.add_flag("supervisor", "");
        let place = self.sources.place(source, 0..0);
        let node = |value| Node { value, place };
        let entry = |key: &str, node| Entry {
            key: key.to_owned(),
            key_place: place,
            node,
        };
        let experiment = node(Value::Table(self.entries));
        let root = node(Value::Table(vec![
            entry("schema", node(Value::Integer(Some(1)))),
            entry("experiment", node(Value::Array(vec![experiment]))),
        ]));
        (root, self.sources)
    }
}
/// Whether a text is a whole number, however large.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
