//! From results, one after another in plan order, to the numbers of the summary.

use super::super::RunFolder;
use super::super::terminal::result_text;
use super::leaderboard::ForecastFold;
use super::summary::{
    ExperimentBody, ExperimentSummary, LfsrSummary, MAX_MATRIX_DEGREE, MAX_SAGE_DEGREE, TaskCounts,
};
use super::{DeriveError, structure};
use crate::experiment::OutcomeKind;
use crate::experiment::plan::{Body, LfsrBody, Planned};
use crate::lfsr::{AnalyticResult, sage};

/// The fold of one experiment.
pub(super) struct Fold {
    tasks: TaskCounts,
    body: BodyFold,
}

enum BodyFold {
    Forecast(ForecastFold),
    Lfsr(Box<LfsrFold>),
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
                Body::Forecast(body) => BodyFold::Forecast(ForecastFold::new(body)),
                Body::Lfsr(body) => BodyFold::Lfsr(Box::new(LfsrFold {
                    awaits_analysis: body.is_analysed,
                    analytic: None,
                    digests: Vec::with_capacity(body.ranges.len()),
                })),
                #[cfg(feature = "fault")]
                Body::Fault(_) => BodyFold::Other,
            },
        }
    }

    /// The next task has no terminal record.
    pub(super) fn add_missing(&mut self) {
        self.tasks.missing += 1;
        match &mut self.body {
            BodyFold::Forecast(fold) => fold.add_missing(),
            BodyFold::Lfsr(fold) => fold.awaits_analysis = false,
            BodyFold::Other => {}
        }
    }

    /// The next task, `id`, ended like this: `terminal` is the text of its terminal part. `None` when that
    /// has not the fields of its kind.
    #[must_use]
    pub(super) fn add(&mut self, id: &str, state: OutcomeKind, terminal: &str) -> Option<()> {
        self.tasks.add(state);
        let result = match state {
            OutcomeKind::Ok => Some(result_text(terminal)?),
            OutcomeKind::Error | OutcomeKind::Crashed | OutcomeKind::Timeout | OutcomeKind::Oom => {
                None
            }
        };
        match (&mut self.body, result) {
            (BodyFold::Forecast(fold), Some(result)) => fold.add_result(id, result)?,
            (BodyFold::Forecast(fold), None) => fold.add_failure(id, state, terminal)?,
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
