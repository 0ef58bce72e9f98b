//! What a run left in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A run folder. Its readers fail the test where a file is missing or is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at a path; nothing is read yet.
    pub fn at(path: impl Into<PathBuf>) -> RunFolder {
        RunFolder { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a file in it.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let path = self.path.join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The text of a file in it.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `results.jsonl`.
    pub fn results(&self) -> Vec<Value> {
        json_lines(&self.text("results.jsonl"))
    }

    /// `attempts.jsonl`.
    pub fn attempts(&self) -> Vec<Value> {
        json_lines(&self.text("attempts.jsonl"))
    }

    /// `summary.json`.
    pub fn summary(&self) -> Value {
        self.json("summary.json")
    }

    /// `manifest.json`.
    pub fn manifest(&self) -> Value {
        self.json("manifest.json")
    }

    /// One experiment of the summary, by its name.
    pub fn experiment(&self, name: &str) -> Value {
        let summary = self.summary();
        let experiments = summary["experiments"]
            .as_array()
            .expect("the summary has a list");
        experiments
            .iter()
            .find(|experiment| experiment["name"] == name)
            .unwrap_or_else(|| panic!("no experiment {name} in {summary:#}"))
            .clone()
    }

    /// How many results have each state.
    pub fn states(&self) -> BTreeMap<String, usize> {
        count(&self.results(), "state")
    }

    /// How many attempts had each outcome.
    pub fn outcomes(&self) -> BTreeMap<String, usize> {
        count(&self.attempts(), "outcome")
    }

    /// The task ids of the results, in their order.
    pub fn tasks(&self) -> Vec<String> {
        self.results()
            .iter()
            .map(|result| {
                result["task"]
                    .as_str()
                    .expect("a result names its task")
                    .to_owned()
            })
            .collect()
    }

    /// Records in the journal that say how a task ended, over all segments; 0 where there is none yet. A
    /// torn last line does not count. This is the progress of a run as it goes.
    pub fn recorded(&self) -> usize {
        let Ok(segments) = fs::read_dir(self.path.join("journal")) else {
            return 0;
        };
        segments
            .flatten()
            .filter_map(|segment| fs::read(segment.path()).ok())
            .map(|bytes| {
                // A search within text, not bytes: std's is fast in a debug build too, and whoever waits
                // for a moment of a run looks often.
                let text = String::from_utf8_lossy(&bytes);
                let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
                whole.matches(",\"terminal\":{").count()
            })
            .sum()
    }

    /// The two files whose bytes are the same whatever happened on the way, and the task list in a readable
    /// form for a failing comparison.
    pub fn assert_same_results(&self, other: &RunFolder, what: &str) {
        for name in ["results.jsonl", "summary.json"] {
            let (ours, theirs) = (self.bytes(name), other.bytes(name));
            if ours != theirs {
                let (ours, theirs) = (
                    String::from_utf8_lossy(&ours).into_owned(),
                    String::from_utf8_lossy(&theirs).into_owned(),
                );
                let line = ours.lines().zip(theirs.lines()).position(|(a, b)| a != b);
                let at = line.unwrap_or(ours.lines().count().min(theirs.lines().count()));
                panic!(
                    "{what}: {name} differs at line {}\n{}: {:?}\n{}: {:?}",
                    at + 1,
                    self.path.display(),
                    ours.lines().nth(at),
                    other.path.display(),
                    theirs.lines().nth(at),
                );
            }
        }
    }

    /// Every task of the results is ok and none stands there twice.
    pub fn assert_all_ok(&self, tasks: usize) {
        let results = self.results();
        let bad: Vec<&Value> = results
            .iter()
            .filter(|result| result["state"] != "ok")
            .collect();
        assert!(bad.is_empty(), "not ok: {bad:#?}");
        self.assert_each_once();
        assert_eq!(results.len(), tasks, "number of results");
    }

    /// No task has two results, and none has two attempts that ended it.
    pub fn assert_each_once(&self) {
        let mut tasks = self.tasks();
        let all = tasks.len();
        tasks.sort();
        tasks.dedup();
        assert_eq!(tasks.len(), all, "a task stands in the results twice");
        let mut ended: Vec<String> = self
            .attempts()
            .iter()
            .filter(|attempt| attempt["outcome"] == "ok")
            .map(|attempt| attempt["task"].to_string())
            .collect();
        let all = ended.len();
        ended.sort();
        ended.dedup();
        assert_eq!(ended.len(), all, "a task was recorded ok twice");
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The objects of a JSON lines text.
pub fn json_lines(text: &str) -> Vec<Value> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line is whole"
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn count(lines: &[Value], key: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let value = line[key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key} in {line}"));
        *counts.entry(value.to_owned()).or_default() += 1;
    }
    counts
}
