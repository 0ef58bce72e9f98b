//! `summary.json`: one object an experiment, folded from the results in plan order.
//!
//! What it says of forecasts is in [`super::leaderboard`].

use std::io;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::super::{RunFolder, SCHEMA, atomic};
use super::leaderboard::ForecastSummary;
use crate::experiment::OutcomeKind;
use crate::lfsr::{AnalyticResult, PeriodStatistics, StructureFields};

/// How many tasks of an experiment are in which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct TaskCounts {
    /// With a result.
    pub ok: u64,
    /// The work said no.
    pub error: u64,
    /// The process died.
    pub crashed: u64,
    /// The limit passed.
    pub timeout: u64,
    /// Too much memory.
    pub oom: u64,
    /// Without a terminal record.
    pub missing: u64,
}

impl TaskCounts {
    /// Tasks with a terminal record that are not ok.
    pub fn not_ok(&self) -> u64 {
        self.error + self.crashed + self.timeout + self.oom
    }

    /// Whether any task is missing or not ok.
    pub fn is_incomplete(&self) -> bool {
        self.not_ok() + self.missing > 0
    }

    pub(super) fn add(&mut self, state: OutcomeKind) {
        *match state {
            OutcomeKind::Ok => &mut self.ok,
            OutcomeKind::Error => &mut self.error,
            OutcomeKind::Crashed => &mut self.crashed,
            OutcomeKind::Timeout => &mut self.timeout,
            OutcomeKind::Oom => &mut self.oom,
        } += 1;
    }
}

/// One experiment of `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExperimentSummary {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its tasks by state.
    pub tasks: TaskCounts,
    /// Whether any is missing or not ok; in the file only where it is.
    #[serde(skip_serializing_if = "is_false")]
    pub incomplete: bool,
    /// What came out.
    #[serde(flatten)]
    pub body: ExperimentBody,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl ExperimentSummary {
    /// Whether two methods found two answers.
    pub fn is_contradictory(&self) -> bool {
        matches!(&self.body, ExperimentBody::Lfsr(lfsr) if lfsr.agree() == Some(false))
    }

    /// Models that succeeded on no series although they ended on some.
    pub fn failed_models(&self) -> &[String] {
        match &self.body {
            ExperimentBody::Forecast(forecast) => &forecast.failed_models,
            ExperimentBody::Lfsr(_) | ExperimentBody::Other {} => &[],
        }
    }

    /// Whether the experiment needs no table of `segments/` any more.
    pub(super) fn is_merged(&self) -> bool {
        match &self.body {
            ExperimentBody::Lfsr(lfsr) => !lfsr.is_enumerated || lfsr.counted.is_some(),
            ExperimentBody::Forecast(_) | ExperimentBody::Other {} => true,
        }
    }
}

/// What came out of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ExperimentBody {
    /// Of a forecast experiment.
    Forecast(ForecastSummary),
    /// Of an LFSR experiment.
    Lfsr(Box<LfsrSummary>),
    /// Of tasks without numbers.
    Other {},
}

/// The state space of a register. Numbers that may be large are decimal strings.
#[derive(Clone, Debug, PartialEq)]
pub struct LfsrSummary {
    /// q.
    pub gf_order: u32,
    /// d.
    pub degree: u32,
    /// c0 .. c(d-1).
    pub coefficients: Vec<u32>,
    /// The modulus of the field, low to high; empty for a prime field.
    pub modulus: Vec<u32>,
    /// q^d.
    pub state_count: String,
    /// Low to high.
    pub characteristic_polynomial: Vec<u32>,
    /// Whether its states are to be enumerated.
    pub is_enumerated: bool,
    /// What the enumeration found; `None` unless every range was enumerated and merged.
    pub counted: Option<StructureFields>,
    /// What algebra found; `None` where it was not asked for, or its task did not end ok.
    pub analytic: Option<AnalyticResult>,
    /// The rows of the companion matrix; `None` above degree [`MAX_MATRIX_DEGREE`].
    pub companion_matrix: Option<Vec<Vec<u32>>>,
    /// Lines that define the register in Sage; none above degree [`MAX_SAGE_DEGREE`].
    pub sage: Vec<String>,
}

/// Above this degree no summary has the companion matrix: `d^2` elements, of which the coefficients say all.
pub const MAX_MATRIX_DEGREE: u32 = 16;

/// Above this degree no summary has lines for Sage.
pub const MAX_SAGE_DEGREE: u32 = 4096;

impl LfsrSummary {
    /// Cycles and tails, by whichever method knows them; `None` where none does, or where two disagree: neither is an
    /// answer then.
    pub fn structure(&self) -> Option<StructureFields> {
        match self.agree() {
            Some(false) => None,
            Some(true) | None => self.counted.clone().or(self.by_algebra()),
        }
    }

    /// Cycles and tails by algebra, where they are known.
    pub fn by_algebra(&self) -> Option<StructureFields> {
        self.analytic.as_ref()?.structure()
    }

    /// Whether two methods agree; `None` where only one has an answer.
    pub fn agree(&self) -> Option<bool> {
        Some(*self.counted.as_ref()? == self.by_algebra()?)
    }

    /// How the lengths of cycles are spread, where they are known.
    pub fn statistics(&self) -> Option<PeriodStatistics> {
        self.structure()?.statistics(&self.state_count)
    }

    /// What the answer comes from.
    pub fn methods(&self) -> Vec<&'static str> {
        let analytic = self.analytic.as_ref().map(|_| "analytic");
        let counted = self.counted.as_ref().map(|_| "enumerate");
        analytic.into_iter().chain(counted).collect()
    }
}

/// Two answers where there must be one.
#[derive(Serialize)]
struct Disagreement<'a> {
    analytic: &'a StructureFields,
    enumerate: &'a StructureFields,
}

impl Serialize for LfsrSummary {
    /// The keys of the contract, in its order, and then more. What the methods asked for cannot know is `null`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (structure, by_algebra, analytic) =
            (self.structure(), self.by_algebra(), self.analytic.as_ref());
        let known = structure.as_ref();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("gf_order", &self.gf_order)?;
        map.serialize_entry("degree", &self.degree)?;
        map.serialize_entry("coefficients", &self.coefficients)?;
        map.serialize_entry("modulus", &self.modulus)?;
        map.serialize_entry("state_count", &self.state_count)?;
        map.serialize_entry("cycle_lengths", &known.map(|s| &s.cycle_lengths))?;
        map.serialize_entry("number_of_cycles", &known.map(|s| &s.number_of_cycles))?;
        map.serialize_entry("max_period", &known.map(|s| &s.max_period))?;
        map.serialize_entry("periodic_states", &known.map(|s| &s.periodic_states))?;
        map.serialize_entry("transient_states", &known.map(|s| &s.transient_states))?;
        map.serialize_entry("max_tail_length", &known.map(|s| &s.max_tail_length))?;
        map.serialize_entry("characteristic_polynomial", &self.characteristic_polynomial)?;
        let order = analytic.and_then(|a| a.char_poly_order.as_ref());
        map.serialize_entry("char_poly_order", &order)?;
        let order = analytic.and_then(|a| a.matrix_order.as_ref());
        map.serialize_entry("matrix_order", &order)?;
        map.serialize_entry("factors", &analytic.and_then(|a| a.factors.as_ref()))?;
        map.serialize_entry("irreducible", &analytic.and_then(|a| a.irreducible))?;
        map.serialize_entry("primitive", &analytic.and_then(|a| a.primitive))?;
        map.serialize_entry("methods", &self.methods())?;
        map.serialize_entry("agree", &self.agree())?;
        map.serialize_entry("companion_matrix", &self.companion_matrix)?;
        let spread = known.and_then(|s| s.statistics(&self.state_count));
        map.serialize_entry("period_statistics", &spread)?;
        let sage = (!self.sage.is_empty()).then(|| self.sage.join("\n"));
        map.serialize_entry("sage", &sage)?;
        if let Some(analytic) = analytic
            && !analytic.unknown.is_empty()
        {
            map.serialize_entry("unknown", &analytic.unknown)?;
        }
        if self.agree() == Some(false)
            && let (Some(analytic), Some(enumerate)) = (&by_algebra, &self.counted)
        {
            let both = Disagreement {
                analytic,
                enumerate,
            };
            map.serialize_entry("disagreement", &both)?;
        }
        map.end()
    }
}

/// The text of `summary.json`.
pub fn summary_text(experiments: &[ExperimentSummary]) -> String {
    #[derive(Serialize)]
    struct Summary<'a> {
        schema: u32,
        experiments: &'a [ExperimentSummary],
    }
    let summary = Summary {
        schema: SCHEMA,
        experiments,
    };
    let text = serde_json::to_string_pretty(&summary).expect("plain data has a JSON form");
    text + "\n"
}

/// Writes `summary.json`.
pub(super) fn write(folder: &RunFolder, experiments: &[ExperimentSummary]) -> io::Result<()> {
    atomic::write(folder.disk(), &folder.summary(), |out| {
        out.write_all(summary_text(experiments).as_bytes())
    })
}
