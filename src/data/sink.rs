//! Where the readers put what they read.
//!
//! A source is read once or twice, by the same reader. The first time everything is checked, and names and
//! lengths are gathered; the values too, as long as they are few ([`Gathering`]). If they are many, the
//! source is read again when there is a run folder, and each value goes to its place in a file
//! ([`super::import`]). So memory holds names and lengths, and never more values than
//! [`MAX_IN_MEMORY`], however large the source.

use super::{DataError, SeriesSet};

/// A set of more values than these is not held in memory: 16 MiB of them.
pub const MAX_IN_MEMORY: usize = (16 << 20) / size_of::<f64>();

/// The most bytes of names: they are held in memory whatever the size of the set.
const MAX_NAMES: usize = 512 << 20;
/// What each name takes besides its text.
const NAME_OVERHEAD: usize = 64;

/// What a reader finds, in the order in which it finds it.
pub(super) trait Sink {
    /// A series begins; its number is that of series before it.
    fn begin(&mut self, name: &str) -> Result<(), DataError>;

    /// The next value of a series that has begun.
    fn value(&mut self, series: usize, value: f64) -> Result<(), DataError>;
}

/// The first reading: names, lengths, and the values while they are few.
pub(super) struct Gathering {
    names: Vec<String>,
    lengths: Vec<usize>,
    name_bytes: usize,
    total: usize,
    /// By series; `None` once there were too many.
    values: Option<Vec<Vec<f64>>>,
    /// The most values that are held.
    most: usize,
}

impl Gathering {
    pub fn new() -> Gathering {
        Gathering::of_at_most(MAX_IN_MEMORY)
    }

    pub fn of_at_most(most: usize) -> Gathering {
        Gathering {
            names: Vec::new(),
            lengths: Vec::new(),
            name_bytes: 0,
            total: 0,
            values: Some(Vec::new()),
            most,
        }
    }

    pub fn finish(self) -> SeriesSet {
        let names = self.names.iter().map(String::as_str);
        match &self.values {
            None => SeriesSet::without_values(names.zip(self.lengths)),
            Some(values) => {
                let mut set = SeriesSet::new();
                for (name, values) in names.zip(values) {
                    set.push(name, values);
                }
                set
            }
        }
    }
}

impl Sink for Gathering {
    fn begin(&mut self, name: &str) -> Result<(), DataError> {
        self.name_bytes += name.len() + NAME_OVERHEAD;
        if self.name_bytes > MAX_NAMES {
            return Err(DataError::TooManyNames {
                series: self.names.len(),
            });
        }
        self.names.push(name.to_owned());
        self.lengths.push(0);
        if let Some(values) = &mut self.values {
            values.push(Vec::new());
        }
        Ok(())
    }

    fn value(&mut self, series: usize, value: f64) -> Result<(), DataError> {
        self.lengths[series] += 1;
        self.total += 1;
        if let Some(values) = &mut self.values {
            if self.total > self.most {
                self.values = None;
            } else {
                values[series].push(value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_up_to_a_limit_and_counted_beyond_it() {
        let gather = |most: usize| {
            let mut sink = Gathering::of_at_most(most);
            for name in ["a", "b"] {
                sink.begin(name).expect("few names");
            }
            for (series, value) in [(0, 1.0), (1, 2.0), (0, 3.0)] {
                sink.value(series, value).expect("nothing can fail");
            }
            sink.finish()
        };
        let held = gather(3);
        assert_eq!(
            (held.values(0), held.values(1)),
            (&[1.0, 3.0][..], &[2.0][..])
        );
        let counted = gather(2);
        assert!(!counted.is_in_memory());
        assert_eq!((counted.extent(0), counted.extent(1)), ((0, 2), (2, 1)));
    }
}
