//! The cut between what a model sees and what it is judged by.

/// Cuts a series into its train part and its test part, the last `horizon` values.
///
/// # Errors
///
/// [`SplitError`] where the horizon is 0, or no value would be left to train on.
pub fn split(values: &[f64], horizon: u32) -> Result<(&[f64], &[f64]), SplitError> {
    if horizon == 0 {
        return Err(SplitError::NoHorizon);
    }
    values
        .len()
        .checked_sub(horizon as usize)
        .filter(|&train| train >= 1)
        .map(|train| values.split_at(train))
        .ok_or(SplitError::TooShort {
            length: values.len(),
            horizon,
        })
}

/// A series cannot be cut as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A test part of no values judges nothing.
    #[error("the horizon is 0, so there is nothing to forecast")]
    NoHorizon,
    /// The test part would leave nothing to train on.
    #[error("the series has {length} values, too few for a horizon of {horizon} and a train part")]
    TooShort {
        /// Values in the series.
        length: usize,
        /// Values asked for as the test part.
        horizon: u32,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_at_least_one_value_to_train_on() {
        assert_eq!(
            split(&[1.0, 2.0, 3.0], 2),
            Ok((&[1.0][..], &[2.0, 3.0][..]))
        );
        let error = SplitError::TooShort {
            length: 3,
            horizon: 3,
        };
        assert_eq!(split(&[1.0, 2.0, 3.0], 3), Err(error));
        assert!(split(&[], 1).is_err());
        assert!(split(&[1.0], u32::MAX).is_err());
        assert_eq!(split(&[1.0], 0), Err(SplitError::NoHorizon));
    }

    proptest! {
        #[test]
        fn the_parts_make_the_whole(
            values in prop::collection::vec(-1e9..1e9, 0..50),
            horizon in 0u32..60,
        ) {
            if let Ok((train, test)) = split(&values, horizon) {
                prop_assert_eq!(test.len(), horizon as usize);
                prop_assert!(!train.is_empty());
                prop_assert_eq!([train, test].concat(), values);
            } else {
                prop_assert!(horizon == 0 || values.len() <= horizon as usize);
            }
        }
    }
}
