//! Small values as people write them: `90s`, `512MiB`, `auto`, `none`.
//!
//! One reading and one writing for specs, flags and environment variables; `Display` writes what
//! `FromStr` reads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A value that cannot be read, and how to write it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    message: String,
    hint: String,
}

impl ValueError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> ValueError {
        ValueError {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// How to write it.
    pub fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

/// A value cut to what fits in a message.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(40) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}...`", &text[..end]),
    }
}

/// Splits `12.5MiB` into its number, in thousandths, and its unit.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    let scale = 10u64.pow(3 - fraction.len() as u32);
    let thousandths = whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(fraction.parse::<u64>().ok()? * scale)?;
    Some((thousandths, unit.trim_start()))
}

/// A length of time such as `500ms`, `10s`, `2m`, `1.5h`, `1d`: above 0, at most [`TimeSpan::MAX`], in
/// whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimeSpan(pub Duration);

impl TimeSpan {
    /// The longest: 365 days. Longer is a slip of the finger, or means `none`.
    pub const MAX: TimeSpan = TimeSpan(Duration::from_secs(365 * 24 * 3600));

    const UNITS: [(&str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
}

impl FromStr for TimeSpan {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<TimeSpan, ValueError> {
        const HINT: &str = "write a number and a unit: ms, s, m, h or d, as in `90s`";
        let text = text.trim();
        let bad = || ValueError::new(format!("{} is no length of time", quoted(text)), HINT);
        if text.starts_with('-') {
            return Err(ValueError::new(
                format!("{} is negative", quoted(text)),
                HINT,
            ));
        }
        let (number, unit) = number_and_unit(text).ok_or_else(bad)?;
        if unit.is_empty() {
            return Err(ValueError::new(
                format!("{} has no unit", quoted(text)),
                HINT,
            ));
        }
        let &(_, millis) = TimeSpan::UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(bad)?;
        let thousandths = u128::from(number) * u128::from(millis);
        if thousandths == 0 {
            return Err(ValueError::new(
                format!("{} is no time at all", quoted(text)),
                "it must be above 0",
            ));
        }
        if thousandths % 1000 != 0 {
            return Err(ValueError::new(
                format!("{} is no whole number of milliseconds", quoted(text)),
                HINT,
            ));
        }
        match u64::try_from(thousandths / 1000).map(Duration::from_millis) {
            Ok(span) if span <= TimeSpan::MAX.0 => Ok(TimeSpan(span)),
            _ => Err(ValueError::new(
                format!("{} is longer than 365 days", quoted(text)),
                "for no limit, where one may be left out, write `none`",
            )),
        }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (unit, size) = TimeSpan::UNITS
            .into_iter()
            .find(|(_, size)| millis.is_multiple_of(u128::from(*size)))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", millis / u128::from(size))
    }
}

/// A number of bytes such as `512MiB` (powers of 1024) or `1GB` (powers of 1000): at least
/// [`Size::MIN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Size(pub u64);

impl Size {
    /// The smallest limit that is no mistake: 1 MiB. No process fits in less.
    pub const MIN: Size = Size(1 << 20);

    const UNITS: [(&str, u64); 9] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
        ("B", 1),
    ];
}

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Size, ValueError> {
        const HINT: &str = "write a number and a unit: MiB, GiB, MB or GB, as in `512MiB`";
        let text = text.trim();
        let bad = || ValueError::new(format!("{} is no size", quoted(text)), HINT);
        let (number, unit) = number_and_unit(text).ok_or_else(bad)?;
        if unit.is_empty() {
            return Err(ValueError::new(
                format!("{} has no unit", quoted(text)),
                HINT,
            ));
        }
        let &(_, bytes) = Size::UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(bad)?;
        let total = u128::from(number) * u128::from(bytes) / 1000;
        let total = u64::try_from(total)
            .map_err(|_| ValueError::new(format!("{} is too large", quoted(text)), HINT))?;
        if total < Size::MIN.0 {
            return Err(ValueError::new(
                format!("{} is too small for any worker", quoted(text)),
                "the least is 1MiB; a worker at rest has a few MiB",
            ));
        }
        Ok(Size(total))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = Size::UNITS
            .into_iter()
            .find(|(_, size)| self.0.is_multiple_of(*size))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

/// A limit that may be left out by the word `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrNone<T>(pub Option<T>);

impl<T: FromStr<Err = ValueError>> FromStr for OrNone<T> {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<OrNone<T>, ValueError> {
        match text.trim() {
            "none" => Ok(OrNone(None)),
            text => text.parse().map(|value| OrNone(Some(value))),
        }
    }
}

impl<T: fmt::Display> fmt::Display for OrNone<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// A whole number from 1 to `max`, or `None` for the word `auto`.
fn count_or_auto(text: &str, what: &str, max: u32) -> Result<Option<u32>, ValueError> {
    let text = text.trim();
    if text == "auto" {
        return Ok(None);
    }
    let hint = format!("write a number from 1 to {max}, or `auto`");
    match text.parse::<i128>() {
        Ok(0) => Err(ValueError::new(format!("0 {what} can do nothing"), hint)),
        Ok(n) if n < 0 => Err(ValueError::new(
            format!("{} is negative", quoted(text)),
            hint,
        )),
        Ok(n) => match u32::try_from(n) {
            Ok(n) if n <= max => Ok(Some(n)),
            _ => Err(ValueError::new(
                format!("{} {what} are too many", quoted(text)),
                hint,
            )),
        },
        Err(_) => Err(ValueError::new(
            format!("{} is no number of {what}", quoted(text)),
            hint,
        )),
    }
}

/// How many workers run at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workers {
    /// As many as this machine has cores and memory for.
    Auto,
    /// So many: 1 to [`Workers::MAX`].
    Count(u32),
}

impl Workers {
    /// More workers than this is a slip of the finger: each is a process with a channel of its own.
    pub const MAX: u32 = 4096;
}

impl FromStr for Workers {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Workers, ValueError> {
        let count = count_or_auto(text, "workers", Workers::MAX)?;
        Ok(count.map_or(Workers::Auto, Workers::Count))
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Workers::Auto => f.write_str("auto"),
            Workers::Count(count) => count.fmt(f),
        }
    }
}

/// How many tasks a worker process does before it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MaxTasks {
    /// Tiny tasks share a process, by measured cost.
    Auto,
    /// So many: at least 1. 1 is a fresh process for each task.
    Count(u32),
}

impl FromStr for MaxTasks {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<MaxTasks, ValueError> {
        let count = count_or_auto(text, "tasks per worker", u32::MAX)?;
        Ok(count.map_or(MaxTasks::Auto, MaxTasks::Count))
    }
}

impl fmt::Display for MaxTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxTasks::Auto => f.write_str("auto"),
            MaxTasks::Count(count) => count.fmt(f),
        }
    }
}

/// How often an attempt that crashed is tried again: 0 to [`Retries::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries(pub u32);

impl Retries {
    /// More than this is a slip of the finger.
    pub const MAX: u32 = 1000;
}

impl FromStr for Retries {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Retries, ValueError> {
        match text.trim().parse::<u32>() {
            Ok(count) if count <= Retries::MAX => Ok(Retries(count)),
            _ => Err(ValueError::new(
                format!("{} is no number of retries", quoted(text)),
                format!("write a number from 0 to {}", Retries::MAX),
            )),
        }
    }
}

impl fmt::Display for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
