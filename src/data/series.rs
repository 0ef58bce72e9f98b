//! Many series: their names, their lengths, and where their values are.

/// Named series. All values lie in one flat array, series after series: in memory, so that a hundred
/// thousand short series are a few allocations; or, where that would be too large, only in the source, of
/// which a store is made ([`Import`](super::Import)).
///
/// Whoever fills a set sees to it that the names are unique and the values finite; the readers of
/// [`crate::data`] do.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSet {
    /// All names, one after another.
    names: String,
    /// Where each name ends.
    name_ends: Vec<usize>,
    /// Where each series begins, and where the last one ends: one more than there are series.
    offsets: Vec<usize>,
    values: Values,
}

/// Where the values of a set are.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    Here(Vec<f64>),
    InTheSource,
}

impl SeriesSet {
    /// A set of no series.
    pub fn new() -> SeriesSet {
        SeriesSet {
            names: String::new(),
            name_ends: Vec::new(),
            offsets: vec![0],
            values: Values::Here(Vec::new()),
        }
    }

    /// Adds a series at the end. Of a set whose values are not in memory the length is kept.
    pub fn push(&mut self, name: &str, values: &[f64]) {
        self.push_length(name, values.len());
        if let Values::Here(all) = &mut self.values {
            all.extend_from_slice(values);
        }
    }

    /// A set of names and lengths, whose values are in the source.
    pub(super) fn without_values<'a>(series: impl Iterator<Item = (&'a str, usize)>) -> SeriesSet {
        let mut set = SeriesSet {
            values: Values::InTheSource,
            ..SeriesSet::new()
        };
        for (name, length) in series {
            set.push_length(name, length);
        }
        set
    }

    fn push_length(&mut self, name: &str, length: usize) {
        self.names.push_str(name);
        self.name_ends.push(self.names.len());
        self.offsets.push(self.total_values() + length);
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.name_ends.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.name_ends.is_empty()
    }

    /// The name of series `i`.
    ///
    /// # Panics
    ///
    /// If there is no series `i`, as do all methods that take one.
    pub fn name(&self, i: usize) -> &str {
        let start = i.checked_sub(1).map_or(0, |before| self.name_ends[before]);
        &self.names[start..self.name_ends[i]]
    }

    /// Whether the values are in memory.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.values, Values::Here(_))
    }

    /// The values of series `i`, oldest first.
    ///
    /// # Panics
    ///
    /// If they are not in memory: whoever asks must have looked, for then they are in a store.
    pub fn values(&self, i: usize) -> &[f64] {
        &self.all_values()[self.offsets[i]..self.offsets[i + 1]]
    }

    /// Where series `i` lies in the flat array of all values: index of its first value, and number of
    /// values.
    pub fn extent(&self, i: usize) -> (u64, u64) {
        let (start, end) = (self.offsets[i], self.offsets[i + 1]);
        (start as u64, (end - start) as u64)
    }

    /// Number of values of all series together.
    pub fn total_values(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// Number of values of the longest series, 0 where there is none.
    pub fn longest(&self) -> usize {
        self.lengths().max().unwrap_or(0)
    }

    /// Number of values of the shortest series, 0 where there is none.
    pub fn shortest(&self) -> usize {
        self.lengths().min().unwrap_or(0)
    }

    /// The flat array of all values, series after series.
    ///
    /// # Panics
    ///
    /// If they are not in memory.
    pub fn all_values(&self) -> &[f64] {
        match &self.values {
            Values::Here(values) => values,
            Values::InTheSource => panic!("the values of this set are not in memory"),
        }
    }

    fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.offsets.windows(2).map(|pair| pair[1] - pair[0])
    }
}

impl Default for SeriesSet {
    fn default() -> SeriesSet {
        SeriesSet::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_lie_one_after_another() {
        let mut set = SeriesSet::new();
        assert!(set.is_empty());
        assert_eq!((set.longest(), set.shortest()), (0, 0));
        set.push("a", &[1.0, 2.0, 3.0]);
        set.push("empty", &[]);
        set.push("b", &[4.0]);
        assert_eq!(set.len(), 3);
        assert_eq!((set.name(0), set.name(1), set.name(2)), ("a", "empty", "b"));
        assert_eq!(set.values(0), [1.0, 2.0, 3.0]);
        assert_eq!(set.values(1), [0.0; 0]);
        assert_eq!(set.extent(2), (3, 1));
        assert_eq!(set.total_values(), 4);
        assert_eq!((set.longest(), set.shortest()), (3, 0));
        assert_eq!(set.all_values(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_set_without_values_knows_where_they_would_lie() {
        let set = SeriesSet::without_values([("a", 3), ("b", 2)].into_iter());
        assert!(!set.is_in_memory());
        assert_eq!((set.len(), set.total_values(), set.longest()), (2, 5, 3));
        assert_eq!((set.name(1), set.extent(1)), ("b", (3, 2)));
    }
}
