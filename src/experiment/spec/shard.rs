//! `I/N`: a part of the tasks of a plan, as people write it.

use std::fmt;
use std::str::FromStr;

use super::value::{ValueError, quoted};
use crate::experiment::plan::Shard;

/// The most shards that one plan is cut into.
const MAX_SHARDS: u32 = 1_000_000;

impl FromStr for Shard {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Shard, ValueError> {
        const HINT: &str = "write I/N with I from 0 to N-1, as in `0/4`";
        let bad = |why: &str| ValueError::new(format!("shard {} {why}", quoted(text)), HINT);
        let (index, count) = text
            .trim()
            .split_once('/')
            .and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)))
            .ok_or_else(|| bad("is not of the form I/N"))?;
        match count {
            0 => Err(bad("is of no shards at all")),
            n if n > MAX_SHARDS => Err(bad("is of too many shards")),
            n if index >= n => Err(bad("is outside: shards count from 0")),
            _ => Ok(Shard { index, count }),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}
