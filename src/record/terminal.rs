//! How a task ended for good, as `results.jsonl` tells it.
//!
//! A [`Terminal`] is everything of a line of `results.jsonl` but the task's id. It is part of the journal's
//! record, and goes from there into the file byte for byte. So what is in it must be the same for the same
//! plan and seed, whatever happened on the way: no time, no process id, no host, no measured figure. Those
//! are in the attempt, whose cause ([`attempt_cause`]) says more than the task's.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::experiment::plan::{Body, ForecastBody, Plan};
use crate::experiment::{Cause, ExitCause, FellBack, Forecast, Outcome, OutcomeKind, TaskOutput};
use crate::forecast::{Fitted, IntervalScores, JudgedInterval, Scores, Setup};
use crate::ids::TaskIndex;

/// The text of one JSON value, kept as it was first written: it is copied, never read and printed again.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(String);

impl JsonText {
    /// The text of `value`: floats in the shortest form that reads back to the same number, those that
    /// are not finite as `null`.
    pub fn of(value: &impl Serialize) -> JsonText {
        JsonText(serde_json::to_string(value).expect("plain structs with string keys become JSON"))
    }

    pub(super) fn from_checked(text: &str) -> JsonText {
        JsonText(text.to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a task ended for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Terminal {
    /// `forecast`, `lfsr`, or `fault`.
    pub kind: String,
    /// The task's state.
    pub state: OutcomeKind,
    /// The result, or why there is none.
    pub body: TerminalBody,
}

/// What a terminal record holds beside the state.
#[derive(Clone, Debug, PartialEq)]
pub enum TerminalBody {
    /// Of a task that is ok.
    Result(JsonText),
    /// Of any other.
    Cause(Cause),
}

/// The keys of the contract, and what a spec asked for besides.
#[derive(Serialize)]
struct ForecastResult<'a> {
    series: &'a str,
    model: &'a str,
    horizon: u32,
    predictions: &'a [f64],
    actual: &'a [f64],
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<Vec<IntervalText<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'a FellBack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fitted: Option<FittedText<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    windows: Vec<WindowText<'a>>,
}

#[derive(Serialize)]
struct WindowText<'a> {
    train: u64,
    predictions: &'a [f64],
    actual: &'a [f64],
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<Vec<IntervalText<'a>>>,
}

#[derive(Serialize)]
struct IntervalText<'a> {
    level: f64,
    lower: &'a [f64],
    upper: &'a [f64],
    #[serde(flatten)]
    scores: IntervalScores,
}

impl IntervalText<'_> {
    /// One a level, where any was asked for: none where the model has none.
    fn all<'a>(setup: &Setup, intervals: &'a [JudgedInterval]) -> Option<Vec<IntervalText<'a>>> {
        let text = |interval: &'a JudgedInterval| IntervalText {
            level: interval.level,
            lower: &interval.lower,
            upper: &interval.upper,
            scores: interval.scores,
        };
        (!setup.levels.is_empty()).then(|| intervals.iter().map(text).collect())
    }
}

#[derive(Serialize)]
struct FittedText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_likelihood: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aicc: Option<f64>,
    parameters: Map<String, Value>,
}

impl FittedText<'_> {
    fn of(fitted: &Fitted) -> FittedText<'_> {
        let parameter = |(name, value): &(String, f64)| (name.clone(), Value::from(*value));
        FittedText {
            form: fitted.form.as_deref(),
            log_likelihood: fitted.log_likelihood,
            aicc: fitted.aicc,
            parameters: fitted.parameters.iter().map(parameter).collect(),
        }
    }
}

/// The scores in the order of the contract.
#[derive(Serialize)]
struct Metrics {
    smape: f64,
    mase: Option<f64>,
    rmse: f64,
    mae: f64,
    mape: Option<f64>,
}

/// State numbers and counts are decimal strings, as everywhere: no reader may round them.
#[derive(Serialize)]
struct EnumerationResult {
    first: String,
    last: String,
    states: String,
    segments: String,
    digest: String,
}

impl Terminal {
    /// How `task` of `plan` ended, with the exact content of its line in `results.jsonl`.
    ///
    /// # Panics
    ///
    /// When the task is not of this plan.
    pub fn of(plan: &Plan, task: TaskIndex, outcome: &Outcome) -> Terminal {
        let (experiment, at) = plan.locate(task);
        let body = match outcome {
            Outcome::Ok(output) => TerminalBody::Result(result(&experiment.body, at, output)),
            Outcome::Error { .. }
            | Outcome::Crashed(_)
            | Outcome::Timeout { .. }
            | Outcome::Oom { .. } => TerminalBody::Cause(cause(outcome, Detail::Stable)),
        };
        Terminal {
            kind: experiment.body.kind().into(),
            state: outcome.kind(),
            body,
        }
    }

    /// The object, in the key order of the contract.
    pub fn to_json(&self) -> String {
        let kind = JsonText::of(&self.kind);
        let (key, body) = match &self.body {
            TerminalBody::Result(result) => ("result", result.clone()),
            TerminalBody::Cause(cause) => ("cause", JsonText::of(cause)),
        };
        format!(
            "{{\"kind\":{},\"state\":\"{}\",\"{key}\":{}}}",
            kind.as_str(),
            self.state.name(),
            body.as_str()
        )
    }

    /// The terminal part from its text in a record whose checksum held.
    pub(super) fn from_json(text: &str) -> Result<Terminal, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head {
            kind: String,
            state: OutcomeKind,
            cause: Option<Cause>,
        }
        let head: Head = serde_json::from_str(text)?;
        let body = match head.cause {
            Some(cause) => TerminalBody::Cause(cause),
            None => {
                let result = result_text(text).ok_or_else(|| {
                    <serde_json::Error as serde::de::Error>::missing_field("result")
                })?;
                TerminalBody::Result(JsonText::from_checked(result))
            }
        };
        Ok(Terminal {
            kind: head.kind,
            state: head.state,
            body,
        })
    }
}

/// The text of the result in the text of a terminal part.
pub(super) fn result_text(terminal: &str) -> Option<&str> {
    let (_, rest) = terminal.split_once(",\"result\":")?;
    rest.strip_suffix('}')
}

fn result(body: &Body, at: usize, output: &TaskOutput) -> JsonText {
    match output {
        TaskOutput::Forecast(forecast) => match body {
            Body::Forecast(body) => forecast_result(body, at, forecast),
            _ => JsonText::of(&()),
        },
        TaskOutput::Enumeration(table) => JsonText::of(&EnumerationResult {
            first: table.first.to_string(),
            last: table.last.to_string(),
            states: table.states.to_string(),
            segments: table.segments.to_string(),
            digest: table.digest_hex(),
        }),
        TaskOutput::Analysis(analysis) => JsonText::of(analysis),
        #[cfg(feature = "fault")]
        TaskOutput::Fault(output) => JsonText::of(&serde_json::json!({ "value": output.value() })),
    }
}

fn forecast_result(body: &ForecastBody, at: usize, forecast: &Forecast) -> JsonText {
    let evaluation = &forecast.evaluation;
    let setup = &body.setup;
    JsonText::of(&ForecastResult {
        series: body.series.name(at / body.models.len()),
        model: &body.models[at % body.models.len()].name,
        horizon: setup.horizon,
        predictions: &evaluation.predictions,
        actual: &evaluation.actual,
        metrics: Metrics::of(&evaluation.scores),
        intervals: IntervalText::all(setup, &evaluation.intervals),
        fallback: forecast.fallback.as_ref(),
        fitted: evaluation.fitted.as_ref().map(FittedText::of),
        windows: evaluation
            .windows
            .iter()
            .map(|window| WindowText {
                train: window.train,
                predictions: &window.predictions,
                actual: &window.actual,
                metrics: Metrics::of(&window.scores),
                intervals: IntervalText::all(setup, &window.intervals),
            })
            .collect(),
    })
}

impl Metrics {
    fn of(scores: &Scores) -> Metrics {
        Metrics {
            smape: scores.smape,
            mase: scores.mase,
            rmse: scores.rmse,
            mae: scores.mae,
            mape: scores.mape,
        }
    }
}

/// Why an attempt did not end ok, with all that was seen: evidence, core dump. `None` when it did.
pub fn attempt_cause(outcome: &Outcome) -> Option<Cause> {
    match outcome {
        Outcome::Ok(_) => None,
        Outcome::Error { .. }
        | Outcome::Crashed(_)
        | Outcome::Timeout { .. }
        | Outcome::Oom { .. } => Some(cause(outcome, Detail::Full)),
    }
}

/// How much a cause may say.
#[derive(Clone, Copy, PartialEq)]
enum Detail {
    /// Only what is the same in every run of the plan.
    Stable,
    /// All that was seen.
    Full,
}

fn cause(outcome: &Outcome, detail: Detail) -> Cause {
    let plain = |message: String| Cause {
        message,
        signal: None,
        exit_code: None,
        limit: None,
    };
    let with_evidence = |message: &str, evidence: &str| {
        plain(match detail {
            Detail::Stable => message.into(),
            Detail::Full => format!("{message}: {evidence}"),
        })
    };
    match outcome {
        Outcome::Ok(_) => plain(String::new()),
        Outcome::Error { message } => plain(message.clone()),
        Outcome::Timeout { limit } => Cause {
            limit: Some(span(*limit)),
            ..plain(format!(
                "ran past its limit of {} and was stopped",
                span(*limit)
            ))
        },
        Outcome::Oom { evidence } => {
            with_evidence("used more memory than it was allowed", evidence)
        }
        Outcome::Crashed(exit) => match exit {
            ExitCause::Exited(code) => Cause {
                exit_code: Some(*code),
                ..plain(format!(
                    "the worker exited with code {code} before it gave a result"
                ))
            },
            ExitCause::Signaled { signal, core } => {
                let name = crate::sys::signal_name(*signal);
                let dumped = *core && detail == Detail::Full;
                let core = if dumped { "; it left a core dump" } else { "" };
                Cause {
                    message: format!(
                        "the worker was ended by {name} before it gave a result{core}"
                    ),
                    signal: Some(name),
                    ..plain(String::new())
                }
            }
            ExitCause::OutOfMemory { evidence } => {
                with_evidence("the kernel ended the worker for want of memory", evidence)
            }
            ExitCause::BrokeProtocol { note } => with_evidence(
                "the worker broke the protocol between worker and supervisor and was ended",
                note,
            ),
            ExitCause::Lost => {
                plain("the worker was gone before anybody could say how it ended".into())
            }
        },
    }
}

/// A limit as a person would type it: whole seconds where it is whole seconds.
fn span(limit: Duration) -> String {
    format!("{limit:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_runs_is_in_the_attempt_alone() {
        let oom = Outcome::Oom {
            evidence: "517 MiB resident".into(),
        };
        assert_eq!(
            cause(&oom, Detail::Stable).message,
            "used more memory than it was allowed"
        );
        let full = attempt_cause(&oom).expect("a cause");
        assert_eq!(
            full.message,
            "used more memory than it was allowed: 517 MiB resident"
        );
    }

    #[test]
    fn only_the_keys_that_apply() {
        let text = |outcome: &Outcome| JsonText::of(&cause(outcome, Detail::Stable)).0;
        let exited = Outcome::Crashed(ExitCause::Exited(3));
        assert_eq!(
            text(&exited),
            r#"{"message":"the worker exited with code 3 before it gave a result","exit_code":3}"#
        );
        let limit = Duration::from_millis(1500);
        assert_eq!(
            text(&Outcome::Timeout { limit }),
            r#"{"message":"ran past its limit of 1.5s and was stopped","limit":"1.5s"}"#
        );
    }

    #[cfg(unix)]
    #[test]
    fn signals_have_names() {
        let outcome = Outcome::Crashed(ExitCause::Signaled {
            signal: 11,
            core: true,
        });
        let stable = cause(&outcome, Detail::Stable);
        assert_eq!(stable.signal.as_deref(), Some("SIGSEGV"));
        assert!(!stable.message.contains("core"), "{}", stable.message);
        assert!(cause(&outcome, Detail::Full).message.contains("core"));
        assert_eq!(crate::sys::signal_name(40), "signal 40");
    }

    #[test]
    fn a_terminal_part_reads_back() {
        let ok = Terminal {
            kind: "forecast".into(),
            state: OutcomeKind::Ok,
            body: TerminalBody::Result(JsonText::of(&vec![0.1, f64::NAN, 1e300])),
        };
        assert_eq!(
            ok.to_json(),
            r#"{"kind":"forecast","state":"ok","result":[0.1,null,1e+300]}"#
        );
        assert_eq!(Terminal::from_json(&ok.to_json()).expect("it reads"), ok);
        assert!(Terminal::from_json(r#"{"kind":"lfsr","state":"ok"}"#).is_err());
    }
}
