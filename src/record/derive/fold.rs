//! From results, one after another in plan order, to the numbers of the summary.

use super::super::RunFolder;
use super::summary::{
    Averages, Common, CommonRow, ExperimentBody, ExperimentSummary, ForecastSummary, LfsrSummary,
    MAX_MATRIX_DEGREE, MAX_SAGE_DEGREE, ModelRow, SeriesFailed, TaskCounts,
};
use super::{DeriveError, structure};
use crate::experiment::OutcomeKind;
use crate::experiment::plan::{Body, ForecastBody, LfsrBody, Planned};
use crate::lfsr::{AnalyticResult, sage};

/// The fold of one experiment.
pub(super) struct Fold {
    tasks: TaskCounts,
    body: BodyFold,
}

enum BodyFold {
    Forecast(ForecastFold),
    Lfsr(LfsrFold),
    #[cfg_attr(
        not(feature = "fault"),
        expect(dead_code, reason = "only faults have tasks without numbers")
    )]
    Other,
}

impl Fold {
    pub(super) fn new(experiment: &Planned) -> Fold {
        Fold {
            tasks: TaskCounts::default(),
            body: match &experiment.body {
                Body::Forecast(body) => {
                    BodyFold::Forecast(ForecastFold::new(naive2(body), body.models.len()))
                }
                Body::Lfsr(body) => BodyFold::Lfsr(LfsrFold {
                    awaits_analysis: body.is_analysed,
                    analytic: None,
                    digests: Vec::with_capacity(body.ranges.len()),
                }),
                #[cfg(feature = "fault")]
                Body::Fault(_) => BodyFold::Other,
            },
        }
    }

    /// The next task has no terminal record.
    pub(super) fn add_missing(&mut self) {
        self.tasks.missing += 1;
        match &mut self.body {
            BodyFold::Forecast(fold) => fold.add(Cell::Missing),
            BodyFold::Lfsr(fold) => fold.awaits_analysis = false,
            BodyFold::Other => {}
        }
    }

    /// The next task ended like this. `None` when its result has not the fields of its kind.
    #[must_use]
    pub(super) fn add(&mut self, state: OutcomeKind, result: Option<&str>) -> Option<()> {
        self.tasks.add(state);
        let result = match state {
            OutcomeKind::Ok => Some(result?),
            OutcomeKind::Error | OutcomeKind::Crashed | OutcomeKind::Timeout | OutcomeKind::Oom => {
                None
            }
        };
        match (&mut self.body, result) {
            (BodyFold::Forecast(fold), Some(result)) => fold.add(Cell::Ok(Score::read(result)?)),
            (BodyFold::Forecast(fold), None) => fold.add(Cell::Failed(state)),
            (BodyFold::Lfsr(fold), result) => fold.add(result)?,
            (BodyFold::Other, _) => {}
        }
        Some(())
    }

    pub(super) fn finish(
        self,
        folder: &RunFolder,
        at: usize,
        experiment: &Planned,
    ) -> Result<ExperimentSummary, DeriveError> {
        let incomplete = self.tasks.is_incomplete();
        let body = match (self.body, &experiment.body) {
            (BodyFold::Forecast(fold), Body::Forecast(body)) => {
                ExperimentBody::Forecast(fold.finish(body))
            }
            (BodyFold::Lfsr(fold), Body::Lfsr(body)) => {
                let mut summary = lfsr(body);
                summary.analytic = fold.analytic;
                if summary.is_enumerated && fold.digests.len() == body.ranges.len() {
                    let (name, register) = (&experiment.name, &body.register);
                    let merged = structure::structure(folder, at, name, register, &fold.digests)?;
                    summary.counted = Some(merged);
                }
                ExperimentBody::Lfsr(Box::new(summary))
            }
            _ => ExperimentBody::Other {},
        };
        Ok(ExperimentSummary {
            name: experiment.name.clone(),
            kind: experiment.body.kind(),
            tasks: self.tasks,
            incomplete,
            body,
        })
    }
}

/// The place of naive2 among the models, by the model itself: it may go by another name here. Of two, the
/// first.
fn naive2(body: &ForecastBody) -> Option<usize> {
    body.models
        .iter()
        .position(|model| model.config.name() == "naive2")
}

fn lfsr(body: &LfsrBody) -> LfsrSummary {
    let register = &body.register;
    LfsrSummary {
        gf_order: register.gf_order(),
        degree: register.degree(),
        coefficients: register.coefficients().to_vec(),
        modulus: register.field().modulus().to_vec(),
        state_count: register.state_count().to_string(),
        characteristic_polynomial: register.characteristic_polynomial(),
        is_enumerated: !body.ranges.is_empty(),
        counted: None,
        analytic: None,
        companion_matrix: (register.degree() <= MAX_MATRIX_DEGREE)
            .then(|| register.companion_matrix().collect()),
        sage: match register.degree() <= MAX_SAGE_DEGREE {
            true => sage(register).to_vec(),
            false => Vec::new(),
        },
    }
}

/// What the tasks of one register gave.
struct LfsrFold {
    /// The next task is the analysis: it is the first, where there is one.
    awaits_analysis: bool,
    analytic: Option<AnalyticResult>,
    /// Digests of the tables, in the order of the ranges.
    digests: Vec<String>,
}

impl LfsrFold {
    /// The next task ended, with this result if it is ok.
    fn add(&mut self, result: Option<&str>) -> Option<()> {
        let is_analysis = std::mem::take(&mut self.awaits_analysis);
        match (is_analysis, result) {
            (true, Some(result)) => self.analytic = Some(serde_json::from_str(result).ok()?),
            (false, Some(result)) => self.digests.push(digest(result)?),
            (_, None) => {}
        }
        Some(())
    }
}

/// The digest in the text of an enumeration's result; it has no quote in it.
fn digest(result: &str) -> Option<String> {
    let (_, rest) = result.split_once("\"digest\":\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// The scores of one forecast that go into averages.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score {
    smape: f64,
    mase: Option<f64>,
    rmse: f64,
    mae: f64,
}

impl Score {
    /// The scores in the text of a forecast's result. They are read digit by digit as the standard
    /// library does, exactly; a score that was not finite, `null` in the text, is NaN, but for MASE.
    fn read(result: &str) -> Option<Score> {
        let (_, metrics) = result.rsplit_once(",\"metrics\":{")?;
        let number = |key: &str| -> Option<Option<f64>> {
            let (_, rest) = metrics.split_once(key)?;
            let text = rest.split([',', '}']).next()?;
            match text {
                "null" => Some(None),
                digits => digits.parse().ok().map(Some),
            }
        };
        Some(Score {
            smape: number("\"smape\":")?.unwrap_or(f64::NAN),
            mase: number("\"mase\":")?,
            rmse: number("\"rmse\":")?.unwrap_or(f64::NAN),
            mae: number("\"mae\":")?.unwrap_or(f64::NAN),
        })
    }
}

/// What became of a model on a series.
#[derive(Clone, Copy)]
enum Cell {
    Missing,
    Failed(OutcomeKind),
    Ok(Score),
}

/// Cells come series by series, in each model by model.
struct ForecastFold {
    naive2: Option<usize>,
    /// The cells of the series at hand.
    row: Vec<Cell>,
    own: Vec<Sums>,
    failed: Vec<TaskCounts>,
    common: Vec<Sums>,
    common_series: u64,
}

impl ForecastFold {
    fn new(naive2: Option<usize>, models: usize) -> ForecastFold {
        ForecastFold {
            naive2,
            row: Vec::with_capacity(models),
            own: vec![Sums::default(); models],
            failed: vec![TaskCounts::default(); models],
            common: vec![Sums::default(); models],
            common_series: 0,
        }
    }

    fn add(&mut self, cell: Cell) {
        self.row.push(cell);
        if self.row.len() < self.own.len() {
            return;
        }
        let score = |cell: &Cell| match cell {
            Cell::Ok(score) => Some(*score),
            Cell::Missing | Cell::Failed(_) => None,
        };
        let reference = self.naive2.and_then(|at| score(&self.row[at]));
        let is_common = self.row.iter().all(|cell| score(cell).is_some());
        self.common_series += u64::from(is_common);
        for (model, cell) in self.row.drain(..).enumerate() {
            match cell {
                Cell::Missing => {}
                Cell::Failed(state) => self.failed[model].add(state),
                Cell::Ok(score) => {
                    self.own[model].add(score, reference);
                    if is_common {
                        self.common[model].add(score, reference);
                    }
                }
            }
        }
    }

    fn finish(self, body: &ForecastBody) -> ForecastSummary {
        let names = || body.models.iter().map(|model| model.name.clone());
        let models = names()
            .zip(self.own.iter().zip(&self.failed))
            .map(|(model, (own, failed))| ModelRow {
                model,
                series_ok: own.smape.count,
                series_failed: SeriesFailed {
                    error: failed.error,
                    crashed: failed.crashed,
                    timeout: failed.timeout,
                    oom: failed.oom,
                },
                averages: own.averages(),
            })
            .collect();
        let common = names()
            .zip(&self.common)
            .map(|(model, sums)| CommonRow {
                model,
                averages: sums.averages(),
            })
            .collect();
        ForecastSummary {
            models,
            common: Common {
                series: self.common_series,
                models: common,
            },
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
        if let Some(mase) = score.mase {
            self.mase.add(mase);
        }
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
