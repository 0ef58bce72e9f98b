//! Many series in one piece of memory.

/// Named series. All values lie in one flat array, so that a hundred thousand short series are three
/// allocations and not a hundred thousand, and can be written to a store as they are.
///
/// Whoever fills a set sees to it that the names are unique and the values finite; the readers of
/// [`crate::data`] do.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSet {
    names: Vec<String>,
    values: Vec<f64>,
    /// Where each series begins, and where the last one ends: one more than there are series.
    offsets: Vec<usize>,
}

impl SeriesSet {
    /// A set of no series.
    pub fn new() -> SeriesSet {
        SeriesSet {
            names: Vec::new(),
            values: Vec::new(),
            offsets: vec![0],
        }
    }

    /// Adds a series at the end.
    pub fn push(&mut self, name: String, values: &[f64]) {
        self.names.push(name);
        self.values.extend_from_slice(values);
        self.offsets.push(self.values.len());
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of series `i`.
    ///
    /// # Panics
    ///
    /// If there is no series `i`, as do all methods that take one.
    pub fn name(&self, i: usize) -> &str {
        &self.names[i]
    }

    /// The values of series `i`, oldest first.
    pub fn values(&self, i: usize) -> &[f64] {
        &self.values[self.offsets[i]..self.offsets[i + 1]]
    }

    /// Where series `i` lies in the flat array of all values: index of its first value, and number of
    /// values.
    pub fn extent(&self, i: usize) -> (u64, u64) {
        let (start, end) = (self.offsets[i], self.offsets[i + 1]);
        (start as u64, (end - start) as u64)
    }

    /// Number of values of all series together.
    pub fn total_values(&self) -> usize {
        self.values.len()
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
    pub fn all_values(&self) -> &[f64] {
        &self.values
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
        set.push("a".to_owned(), &[1.0, 2.0, 3.0]);
        set.push("empty".to_owned(), &[]);
        set.push("b".to_owned(), &[4.0]);
        assert_eq!(set.len(), 3);
        assert_eq!(set.name(2), "b");
        assert_eq!(set.values(0), [1.0, 2.0, 3.0]);
        assert_eq!(set.values(1), [0.0; 0]);
        assert_eq!(set.extent(2), (3, 1));
        assert_eq!(set.total_values(), 4);
        assert_eq!((set.longest(), set.shortest()), (3, 0));
        assert_eq!(set.all_values(), [1.0, 2.0, 3.0, 4.0]);
    }
}
