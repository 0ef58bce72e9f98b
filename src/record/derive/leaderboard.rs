//! What the summary says of forecasts: averages, ranks, intervals, failures.
//!
//! Averages are arithmetic means, taken in plan order. OWA is the M4 competition's: half the sum of the
//! ratios of average sMAPE and average MASE to those of Naive2 (Makridakis, Spiliotis, Assimakopoulos,
//! "The M4 Competition", International Journal of Forecasting 36, 2020), here over the series on which
//! both the model and Naive2 have the score. An average is `null` where there is nothing to average or
//! where it is no finite number: a forecast that went to infinity shows.
//!
//! A series that a fallback forecast is no success of the model: it counts apart, stays out of the
//! model's averages and of the common series, and is shown in averages of its own. So a fallback never
//! hides a model that does not work.

use serde::{Deserialize, Serialize};

use super::reasons::{FailureReason, Reasons};
use super::summary::TaskCounts;
use crate::experiment::OutcomeKind;
use crate::experiment::plan::ForecastBody;

/// Scores by model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForecastSummary {
    /// One row a model, in the order of the spec.
    pub models: Vec<ModelRow>,
    /// The same over the series on which every model succeeded.
    pub common: Common,
    /// Models that succeeded on no series although they ended on some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_models: Vec<String>,
}

/// A model's averages over its own successes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelRow {
    /// Its name.
    pub model: String,
    /// Series with a forecast of its own.
    pub series_ok: u64,
    /// Series with a terminal record and no forecast.
    pub series_failed: SeriesFailed,
    /// Averages.
    #[serde(flatten)]
    pub averages: Averages,
    /// Its places among the models, each by its own successes.
    pub rank: Rank,
    /// Its intervals, one a level; in the file only where levels were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<LevelRow>,
    /// Series that its fallback forecast; `None` where it has no fallback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series_fallback: Option<u64>,
    /// Averages over its own successes and its fallback's; where there are any of the latter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_fallback: Option<WithFallback>,
    /// Why it has no forecast of its own of some series.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureReason>,
}

/// Series without a forecast, by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesFailed {
    /// The work said no.
    pub error: u64,
    /// The process died.
    pub crashed: u64,
    /// The limit passed.
    pub timeout: u64,
    /// Too much memory.
    pub oom: u64,
}

/// Average scores over some series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Averages {
    /// sMAPE, percent, 0 to 200.
    pub smape: Option<f64>,
    /// MASE over the series that have one.
    pub mase: Option<f64>,
    /// RMSE, in the unit of the series.
    pub rmse: Option<f64>,
    /// MAE, in the unit of the series.
    pub mae: Option<f64>,
    /// OWA; `None` without naive2.
    pub owa: Option<f64>,
    /// Series left out of the average MASE, because they have none.
    pub mase_null: u64,
}

/// Places among the models, from 1; equal scores share the better place, and without a score there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rank {
    /// By sMAPE.
    pub smape: Option<u32>,
    /// By MASE.
    pub mase: Option<u32>,
    /// By OWA.
    pub owa: Option<u32>,
}

/// The intervals of one level, over the model's own successes that have them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LevelRow {
    /// The probability that they are meant to have, in per cent.
    pub level: f64,
    /// Series with intervals.
    pub series: u64,
    /// The share of true values inside, 0 to 1.
    pub coverage: Option<f64>,
    /// The mean width, in the unit of MASE.
    pub scaled_width: Option<f64>,
    /// The mean scaled interval score.
    pub msis: Option<f64>,
}

/// A model together with its fallback.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WithFallback {
    /// Series that either forecast.
    pub series: u64,
    /// Averages over them.
    #[serde(flatten)]
    pub averages: Averages,
}

/// Averages over the series on which every model succeeded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Common {
    /// Number of those series.
    pub series: u64,
    /// One row a model, in the order of the spec.
    pub models: Vec<CommonRow>,
}

/// A model's averages over the common series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommonRow {
    /// Its name.
    pub model: String,
    /// Averages.
    #[serde(flatten)]
    pub averages: Averages,
    /// Its places among the models on these series.
    pub rank: Rank,
}

/// The places of models with these averages.
pub fn ranks(averages: &[Averages]) -> Vec<Rank> {
    let place = |own: Option<f64>, score: fn(&Averages) -> Option<f64>| -> Option<u32> {
        let own = own?;
        let better = averages
            .iter()
            .filter_map(score)
            .filter(|other| *other < own);
        u32::try_from(better.count() + 1).ok()
    };
    averages
        .iter()
        .map(|own| Rank {
            smape: place(own.smape, |a| a.smape),
            mase: place(own.mase, |a| a.mase),
            owa: place(own.owa, |a| a.owa),
        })
        .collect()
}

/// The scores of one forecast that go into averages.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score {
    smape: f64,
    mase: Option<f64>,
    rmse: f64,
    mae: f64,
}

/// What else of a result goes into averages.
#[derive(Deserialize)]
struct Extras {
    #[serde(default)]
    intervals: Vec<IntervalScore>,
    fallback: Option<FallbackReason>,
}

#[derive(Clone, Copy, Deserialize)]
struct IntervalScore {
    level: f64,
    coverage: Option<f64>,
    scaled_width: Option<f64>,
    msis: Option<f64>,
}

#[derive(Deserialize)]
struct FallbackReason {
    reason: String,
}

impl Score {
    /// The scores in the text of a forecast's result, and the text behind them. They are read digit by
    /// digit as the standard library does, exactly; a score that was not finite, `null` in the text, is
    /// NaN, but for MASE.
    fn read(result: &str) -> Option<(Score, &str)> {
        // The first of these keys is the result's own: windows, which have them too, come later, and a
        // name has no bare quote in it.
        let (_, metrics) = result.split_once(",\"metrics\":{")?;
        let (metrics, behind) = metrics.split_once('}')?;
        let number = |key: &str| -> Option<Option<f64>> {
            let (_, rest) = metrics.split_once(key)?;
            let text = rest.split(',').next()?;
            match text {
                "null" => Some(None),
                digits => digits.parse().ok().map(Some),
            }
        };
        let score = Score {
            smape: number("\"smape\":")?.unwrap_or(f64::NAN),
            mase: number("\"mase\":")?,
            rmse: number("\"rmse\":")?.unwrap_or(f64::NAN),
            mae: number("\"mae\":")?.unwrap_or(f64::NAN),
        };
        Some((score, behind))
    }
}

/// What became of a model on a series.
#[derive(Clone)]
enum Cell {
    Missing,
    Failed(OutcomeKind),
    FellBack(Score),
    Ok(Score, Vec<IntervalScore>),
}

/// Cells come series by series, in each model by model.
pub(super) struct ForecastFold {
    naive2: Option<usize>,
    /// The cells of the series at hand.
    row: Vec<Cell>,
    models: Vec<ModelFold>,
    common_series: u64,
}

/// The sums of one model.
#[derive(Clone, Default)]
struct ModelFold {
    own: Sums,
    common: Sums,
    with_fallback: Sums,
    failed: TaskCounts,
    fell_back: u64,
    /// One a level.
    levels: Vec<LevelSums>,
    reasons: Reasons,
}

#[derive(Clone, Copy, Default)]
struct LevelSums {
    level: f64,
    coverage: Mean,
    width: Mean,
    msis: Mean,
}

impl ForecastFold {
    pub fn new(body: &ForecastBody) -> ForecastFold {
        let levels = body.setup.levels.iter().map(|level| LevelSums {
            level: *level,
            ..LevelSums::default()
        });
        let model = ModelFold {
            levels: levels.collect(),
            ..ModelFold::default()
        };
        ForecastFold {
            // By the model itself: it may go by another name here. Of two, the first.
            naive2: body
                .models
                .iter()
                .position(|model| model.config.name() == "naive2"),
            row: Vec::with_capacity(body.models.len()),
            models: vec![model; body.models.len()],
            common_series: 0,
        }
    }

    pub fn add_missing(&mut self) {
        self.add(Cell::Missing);
    }

    /// The next task, `id`, ended in `state`; `None` when its terminal part has no cause.
    #[must_use]
    pub fn add_failure(&mut self, id: &str, state: OutcomeKind, terminal: &str) -> Option<()> {
        #[derive(Deserialize)]
        struct Ended {
            cause: Message,
        }
        #[derive(Deserialize)]
        struct Message {
            message: String,
        }
        let ended: Ended = serde_json::from_str(terminal).ok()?;
        let at = self.row.len();
        let reasons = &mut self.models[at].reasons;
        reasons.add(Some(state), &ended.cause.message, id);
        self.add(Cell::Failed(state));
        Some(())
    }

    /// The next task, `id`, has this result; `None` when that is not one of a forecast.
    #[must_use]
    pub fn add_result(&mut self, id: &str, result: &str) -> Option<()> {
        let (score, behind) = Score::read(result)?;
        let has_more = behind.contains("\"intervals\":[") || behind.contains(",\"fallback\":{");
        let extras = match has_more {
            true => serde_json::from_str(result).ok()?,
            false => Extras {
                intervals: Vec::new(),
                fallback: None,
            },
        };
        let cell = match extras.fallback {
            None => Cell::Ok(score, extras.intervals),
            Some(fallback) => {
                let at = self.row.len();
                let reasons = &mut self.models[at].reasons;
                reasons.add(None, &fallback.reason, id);
                Cell::FellBack(score)
            }
        };
        self.add(cell);
        Some(())
    }

    fn add(&mut self, cell: Cell) {
        self.row.push(cell);
        if self.row.len() < self.models.len() {
            return;
        }
        let own = |cell: &Cell| match cell {
            Cell::Ok(score, _) => Some(*score),
            Cell::Missing | Cell::Failed(_) | Cell::FellBack(_) => None,
        };
        let reference = self.naive2.and_then(|at| own(&self.row[at]));
        let is_common = self.row.iter().all(|cell| own(cell).is_some());
        self.common_series += u64::from(is_common);
        for (model, cell) in self.models.iter_mut().zip(self.row.drain(..)) {
            match cell {
                Cell::Missing => {}
                Cell::Failed(state) => model.failed.add(state),
                Cell::FellBack(score) => {
                    model.fell_back += 1;
                    model.with_fallback.add(score, reference);
                }
                Cell::Ok(score, intervals) => {
                    model.own.add(score, reference);
                    model.with_fallback.add(score, reference);
                    if is_common {
                        model.common.add(score, reference);
                    }
                    for sums in &mut model.levels {
                        let interval = intervals.iter().find(|i| i.level == sums.level);
                        sums.coverage.add_some(interval.and_then(|i| i.coverage));
                        sums.width.add_some(interval.and_then(|i| i.scaled_width));
                        sums.msis.add_some(interval.and_then(|i| i.msis));
                    }
                }
            }
        }
    }

    pub fn finish(self, body: &ForecastBody) -> ForecastSummary {
        let own: Vec<Averages> = self.models.iter().map(|m| m.own.averages()).collect();
        let common: Vec<Averages> = self.models.iter().map(|m| m.common.averages()).collect();
        let common = Common {
            series: self.common_series,
            models: body
                .models
                .iter()
                .zip(common.iter().zip(ranks(&common)))
                .map(|(model, (averages, rank))| CommonRow {
                    model: model.name.clone(),
                    averages: *averages,
                    rank,
                })
                .collect(),
        };
        let models: Vec<ModelRow> = body
            .models
            .iter()
            .zip(self.models)
            .zip(own.iter().zip(ranks(&own)))
            .map(|((model, fold), (averages, rank))| ModelRow {
                model: model.name.clone(),
                series_ok: fold.own.smape.count,
                series_failed: SeriesFailed {
                    error: fold.failed.error,
                    crashed: fold.failed.crashed,
                    timeout: fold.failed.timeout,
                    oom: fold.failed.oom,
                },
                averages: *averages,
                rank,
                intervals: fold.levels.iter().map(LevelSums::row).collect(),
                series_fallback: model.fallback.is_some().then_some(fold.fell_back),
                with_fallback: (fold.fell_back > 0).then(|| WithFallback {
                    series: fold.with_fallback.smape.count,
                    averages: fold.with_fallback.averages(),
                }),
                failures: fold.reasons.finish(),
            })
            .collect();
        ForecastSummary {
            failed_models: models
                .iter()
                .filter(|row| row.series_ok == 0 && !row.failures.is_empty())
                .map(|row| row.model.clone())
                .collect(),
            models,
            common,
        }
    }
}

impl LevelSums {
    fn row(&self) -> LevelRow {
        LevelRow {
            level: self.level,
            series: self.coverage.count,
            coverage: self.coverage.value(),
            scaled_width: self.width.value(),
            msis: self.msis.value(),
        }
    }
}

/// The mean of what was added.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn add_some(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.add(value);
        }
    }

    fn value(&self) -> Option<f64> {
        // No plan has so many tasks that a count is not exact in an f64.
        finite(self.sum / self.count as f64)
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The sums of one model. The pairs are of the model and naive2, over the series that both have.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    smape: Mean,
    mase: Mean,
    rmse: Mean,
    mae: Mean,
    smape_pair: (Mean, Mean),
    mase_pair: (Mean, Mean),
}

impl Sums {
    fn add(&mut self, score: Score, reference: Option<Score>) {
        self.smape.add(score.smape);
        self.rmse.add(score.rmse);
        self.mae.add(score.mae);
        self.mase.add_some(score.mase);
        let Some(reference) = reference else { return };
        self.smape_pair.0.add(score.smape);
        self.smape_pair.1.add(reference.smape);
        if let (Some(mase), Some(reference)) = (score.mase, reference.mase) {
            self.mase_pair.0.add(mase);
            self.mase_pair.1.add(reference);
        }
    }

    fn averages(&self) -> Averages {
        Averages {
            smape: self.smape.value(),
            mase: self.mase.value(),
            rmse: self.rmse.value(),
            mae: self.mae.value(),
            owa: self.owa(),
            mase_null: self.smape.count - self.mase.count,
        }
    }

    fn owa(&self) -> Option<f64> {
        let ratio = |(model, naive2): (Mean, Mean)| Some(model.value()? / naive2.value()?);
        finite((ratio(self.smape_pair)? + ratio(self.mase_pair)?) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn averages(smape: Option<f64>) -> Averages {
        Averages {
            smape,
            mase: None,
            rmse: None,
            mae: None,
            owa: smape.map(|smape| 2.0 * smape),
            mase_null: 0,
        }
    }

    #[test]
    fn equal_scores_share_the_better_place() {
        let of = [Some(3.0), Some(1.0), None, Some(3.0), Some(4.0)].map(averages);
        let places: Vec<Option<u32>> = ranks(&of).iter().map(|rank| rank.smape).collect();
        assert_eq!(places, [Some(2), Some(1), None, Some(2), Some(4)]);
        assert!(ranks(&of).iter().all(|rank| rank.mase.is_none()));
        assert_eq!(ranks(&of)[4].owa, Some(4));
    }

    #[test]
    fn scores_are_those_of_the_result_not_of_its_windows() {
        let text = r#"{"series":"a\",\"metrics\":{","predictions":[1],"metrics":{"smape":1.5,"mase":null,"rmse":2,"mae":0.25,"mape":null},"windows":[{"metrics":{"smape":9,"mase":9,"rmse":9,"mae":9,"mape":9}}]}"#;
        let (score, behind) = Score::read(text).expect("a result");
        let known = Score {
            smape: 1.5,
            mase: None,
            rmse: 2.0,
            mae: 0.25,
        };
        assert_eq!(score, known);
        assert!(behind.starts_with(",\"windows\""));
    }
}
