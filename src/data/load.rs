//! From a source to a data set.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::sink::{Gathering, MAX_IN_MEMORY, Sink};
use super::text::{Watch, unwatched};
use super::{DataError, SeriesSet, competition, csv_files, synthetic};
use crate::forecast::nearest::nearest;

/// How often a series was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frequency {
    /// Once a year.
    Yearly,
    /// Four times a year.
    Quarterly,
    /// Twelve times a year.
    Monthly,
    /// Once a week.
    Weekly,
    /// Once a day.
    Daily,
    /// Once an hour.
    Hourly,
    /// At equal distances that are none of the others.
    Other,
}

impl Frequency {
    /// All of them, from rare to often.
    pub const ALL: [Frequency; 7] = [
        Frequency::Yearly,
        Frequency::Quarterly,
        Frequency::Monthly,
        Frequency::Weekly,
        Frequency::Daily,
        Frequency::Hourly,
        Frequency::Other,
    ];

    /// The names of all, as users write them, in the order of [`Frequency::ALL`].
    pub const NAMES: [&'static str; 7] = [
        "yearly",
        "quarterly",
        "monthly",
        "weekly",
        "daily",
        "hourly",
        "other",
    ];
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Frequency::NAMES[*self as usize])
    }
}

impl FromStr for Frequency {
    type Err = FrequencyError;

    fn from_str(text: &str) -> Result<Frequency, FrequencyError> {
        Frequency::NAMES
            .iter()
            .position(|name| *name == text)
            .map(|at| Frequency::ALL[at])
            .ok_or_else(|| FrequencyError {
                text: text.to_owned(),
            })
    }
}

/// A text names no frequency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no frequency")]
pub struct FrequencyError {
    text: String,
}

impl FrequencyError {
    /// What the user may do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match nearest(&self.text, &Frequency::NAMES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the frequencies are {}", Frequency::NAMES.join(", ")),
        })
    }
}

/// A forecasting competition whose files can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Competition {
    /// S. Makridakis and M. Hibon, "The M3-Competition: results, conclusions and implications",
    /// International Journal of Forecasting 16 (2000).
    M3,
    /// S. Makridakis, E. Spiliotis, V. Assimakopoulos, "The M4 Competition: 100,000 time series and 61
    /// forecasting methods", International Journal of Forecasting 36 (2020).
    M4,
}

impl Competition {
    /// The frequencies of its series.
    pub fn frequencies(self) -> &'static [Frequency] {
        match self {
            Competition::M3 => &[
                Frequency::Yearly,
                Frequency::Quarterly,
                Frequency::Monthly,
                Frequency::Other,
            ],
            Competition::M4 => &Frequency::ALL[..6],
        }
    }

    /// The horizon and the season length by which the organisers judged series of this frequency;
    /// `None` where there were none.
    pub fn defaults(self, frequency: Frequency) -> Option<(u32, u32)> {
        match (self, frequency) {
            (_, Frequency::Yearly) => Some((6, 1)),
            (_, Frequency::Quarterly) => Some((8, 4)),
            (_, Frequency::Monthly) => Some((18, 12)),
            (Competition::M3, Frequency::Other) => Some((8, 1)),
            (Competition::M4, Frequency::Weekly) => Some((13, 1)),
            (Competition::M4, Frequency::Daily) => Some((14, 1)),
            (Competition::M4, Frequency::Hourly) => Some((48, 24)),
            _ => None,
        }
    }
}

impl fmt::Display for Competition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Competition::M3 => "M3",
            Competition::M4 => "M4",
        })
    }
}

/// Where series come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The generator.
    Synthetic {
        /// The same seed gives the same series.
        seed: u64,
    },
    /// The files of a competition, in the layout in which M4 was published: `Monthly-train.csv` and
    /// `Monthly-test.csv`, each plain or with `.gz`.
    Competition {
        /// Which.
        competition: Competition,
        /// The folder of the files.
        folder: PathBuf,
        /// Which of the files.
        frequency: Frequency,
    },
    /// A file of the user: long, one series a column, or a single column.
    Custom {
        /// The file, plain or gzip.
        file: PathBuf,
    },
}

/// What was read from a source.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// The series, each with its test part at its end. At least one; names are unique, values finite, and
    /// in memory if they are not too many.
    pub series: SeriesSet,
    /// The horizon that is usual for the source.
    pub default_horizon: u32,
    /// The season length that is usual for the source.
    pub default_season_length: u32,
    /// One sentence for the user on what was read and how it was understood.
    pub layout: String,
    /// BLAKE3 of the text that was read, or of the parameters of the generator.
    pub digest: [u8; 32],
}

impl Source {
    /// The file or folder, for messages; of the generator a word.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Source::Synthetic { .. } => PathBuf::from("synthetic series"),
            Source::Competition { folder, .. } => folder.clone(),
            Source::Custom { file } => file.clone(),
        }
    }
}

/// Reads or makes the series of `source`: all of them, or the first `max_series` (of the generator:
/// that many, 20 unless told). Of more values than [`MAX_IN_MEMORY`] only names and lengths are kept.
///
/// `horizon` is what the caller will forecast, where it is not the default of the source; no series is
/// cut by it.
///
/// # Errors
///
/// [`DataError`] where the source cannot be read, holds something other than series, or none of them is
/// longer than the horizon.
pub fn load(
    source: &Source,
    max_series: Option<usize>,
    horizon: Option<u32>,
) -> Result<DataSet, DataError> {
    load_watched(source, max_series, horizon, &unwatched())
}

/// Likewise; `watch` is told of the progress, and may stop it.
///
/// # Errors
///
/// As [`load`].
pub fn load_watched(
    source: &Source,
    max_series: Option<usize>,
    horizon: Option<u32>,
    watch: &Watch,
) -> Result<DataSet, DataError> {
    if max_series == Some(0) {
        return Err(DataError::Zero {
            what: "number of series",
        });
    }
    if horizon == Some(0) {
        return Err(DataError::Zero { what: "horizon" });
    }
    let set = gather(source, max_series, watch, MAX_IN_MEMORY)?;
    let horizon = horizon.unwrap_or(set.default_horizon);
    let longest = set.series.longest();
    if longest <= horizon as usize {
        return Err(DataError::HorizonTooLong { horizon, longest });
    }
    Ok(set)
}

/// Reads a source once; of more than `most` values only names and lengths are kept.
pub(super) fn gather(
    source: &Source,
    max_series: Option<usize>,
    watch: &Watch,
    most: usize,
) -> Result<DataSet, DataError> {
    let mut gathering = Gathering::of_at_most(most);
    match source {
        Source::Synthetic { .. } if max_series > Some(synthetic::MOST_SERIES) => {
            Err(DataError::TooManySeries {
                most: synthetic::MOST_SERIES,
            })
        }
        Source::Synthetic { seed } => {
            let digest = synthetic::generate(*seed, max_series, &mut gathering)?;
            Ok(synthetic::data_set(*seed, gathering, digest))
        }
        Source::Competition {
            competition,
            folder,
            frequency,
        } => {
            let (competition, frequency) = (*competition, *frequency);
            let into = &mut gathering;
            let digest =
                competition::read(competition, folder, frequency, max_series, watch, into)?;
            competition::data_set(competition, frequency, gathering, digest)
        }
        Source::Custom { file } => {
            let (layout, digest) = csv_files::read(file, max_series, watch, &mut gathering)?;
            Ok(csv_files::data_set(gathering, &layout, digest))
        }
    }
}

/// Reads a source into any sink; the digest of what was read.
pub(super) fn read_into(
    source: &Source,
    max_series: Option<usize>,
    watch: &Watch,
    sink: &mut impl Sink,
) -> Result<[u8; 32], DataError> {
    match source {
        Source::Synthetic { seed } => synthetic::generate(*seed, max_series, sink),
        Source::Competition {
            competition,
            folder,
            frequency,
        } => competition::read(*competition, folder, *frequency, max_series, watch, sink),
        Source::Custom { file } => {
            csv_files::read(file, max_series, watch, sink).map(|(_, digest)| digest)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn frequencies_are_read_as_they_are_shown() {
        for frequency in Frequency::ALL {
            assert_eq!(frequency.to_string().parse(), Ok(frequency));
        }
        let error = "Montly".parse::<Frequency>().expect_err("a slip");
        assert_eq!(error.to_string(), "`Montly` is no frequency");
        assert_eq!(error.hint().as_deref(), Some("did you mean `monthly`?"));
        let error = "12".parse::<Frequency>().expect_err("a number");
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.starts_with("the frequencies are yearly"))
        );
    }

    #[test]
    fn every_frequency_of_a_competition_has_defaults_and_no_other() {
        for competition in [Competition::M3, Competition::M4] {
            for frequency in Frequency::ALL {
                assert_eq!(
                    competition.defaults(frequency).is_some(),
                    competition.frequencies().contains(&frequency),
                    "{competition} {frequency}"
                );
            }
        }
    }

    #[test]
    fn synthetic_series_need_nothing() {
        let set = load(&Source::Synthetic { seed: 1 }, None, None).expect("always there");
        assert_eq!(set.series.len(), 20);
        assert_eq!((set.default_horizon, set.default_season_length), (12, 12));
    }

    #[test]
    fn a_horizon_that_no_series_can_give_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("short.csv");
        fs::write(&file, "a,b\n1,2\n3,\n5,\n").expect("a writable folder");
        let source = Source::Custom { file };
        let error = load(&source, None, None).expect_err("shorter than 12");
        assert_eq!(
            error.to_string(),
            "no series is long enough for a horizon of 12: the longest has 3 values"
        );
        assert_eq!(
            error.hint().as_deref(),
            Some("ask for a horizon of at most 2")
        );
        assert!(load(&source, None, Some(3)).is_err());
        assert!(load(&source, None, Some(2)).is_ok());
        assert!(load(&source, None, Some(0)).is_err());
        assert!(load(&source, Some(0), Some(2)).is_err());
    }
}
