//! A plan made by hand: what stands in the files, byte by byte.

use std::fs;
use std::sync::Arc;

use super::super::fixtures::{attempt, run_folder};
use super::super::{Header, Journal, Record, Repair, RunLock, SegmentStore, Terminal, recover};
use super::*;
use crate::data::SeriesSet;
use crate::experiment::plan::{Body, ForecastBody, LfsrBody, NamedModel, PlanDigest};
use crate::experiment::{AttemptOutcome, ExitCause, Forecast, Outcome, TaskOutput, Work};
use crate::forecast::{Evaluation, ModelConfig, Scores, Setup};
use crate::ids::TaskIndex;
use crate::lfsr::{Enumeration, Register, plan_ranges};

/// Three series, two models, and a register with f(x) = x^4 + x + 1 over GF(2), which is primitive: its
/// states are the zero state and one cycle of 15.
fn plan() -> Plan {
    let mut series = SeriesSet::new();
    for name in ["a b", "S2", "S3"] {
        series.push(name, &[1.0, 2.0, 3.0, 4.0]);
    }
    let model = |name: &str, model: &str| NamedModel {
        name: name.into(),
        config: ModelConfig::from_parameters(model, &[]).expect("a model"),
        fallback: None,
    };
    let forecast = ForecastBody {
        series: Arc::new(series),
        store: None,
        models: vec![model("ref", "naive2"), model("ses", "ses")],
        setup: Setup::once(1, 2),
    };
    let register = Register::new(2, &[1, 1, 0, 0]).expect("a register");
    let ranges = plan_ranges(&register).expect("few states");
    let lfsr = LfsrBody {
        register,
        is_analysed: false,
        ranges,
    };
    let experiments = [
        ("f".to_owned(), Body::Forecast(forecast)),
        ("g".to_owned(), Body::Lfsr(lfsr)),
    ];
    Plan::new(7, PlanDigest([3; 32]), experiments).expect("few tasks")
}

fn scored(smape: f64, mase: Option<f64>) -> Outcome {
    Outcome::Ok(TaskOutput::Forecast(Box::new(Forecast {
        evaluation: Evaluation {
            predictions: vec![0.1, f64::INFINITY],
            actual: vec![3.0, 4.0],
            scores: Scores {
                smape,
                mase,
                rmse: smape / 5.0,
                mae: smape / 10.0,
                mape: None,
            },
            intervals: Vec::new(),
            fitted: None,
            windows: Vec::new(),
        },
        fallback: None,
    })))
}

/// How task `task` of the plan ends.
fn outcome(plan: &Plan, task: TaskIndex) -> Outcome {
    match task.0 {
        0 => scored(10.0, Some(1.0)),
        1 => scored(5.0, Some(0.5)),
        2 => scored(20.0, None),
        3 => scored(30.0, None),
        4 => scored(40.0, Some(2.0)),
        5 => Outcome::Crashed(ExitCause::Exited(3)),
        _ => match plan.work(task) {
            Work::Enumerate(task) => {
                let table = Enumeration::prepare(&task).and_then(|ready| ready.run());
                Outcome::Ok(TaskOutput::Enumeration(table.expect("a table")))
            }
            other => panic!("{other:?}"),
        },
    }
}

/// Runs `tasks` in this order, each after so many crashes, in a segment of its own, and derives.
fn run(folder: &RunFolder, plan: &Plan, tasks: impl IntoIterator<Item = u32>, crashes: u32) {
    let mut recovered =
        recover(folder, Some(plan.digest()), Repair::Report).expect("a good journal");
    let mut journal = Journal::create(folder, Header::of(plan, "0.1.0")).expect("a journal");
    recovered.join(&mut journal).expect("few segments");
    let store = SegmentStore::new(folder);
    for index in tasks.into_iter().map(TaskIndex) {
        let id = plan.id(index);
        let mut records: Vec<Record> = (1..=crashes)
            .map(|number| Record::Attempt {
                index,
                attempt: attempt(&id, number, AttemptOutcome::Crashed),
                terminal: None,
            })
            .collect();
        let outcome = outcome(plan, index);
        if let Outcome::Ok(TaskOutput::Enumeration(table)) = &outcome {
            store.put(table).expect("kept");
        }
        records.push(Record::Attempt {
            index,
            attempt: attempt(&id, crashes + 1, outcome.kind().into()),
            terminal: Some(Terminal::of(plan, index, &outcome)),
        });
        for record in records {
            let at = journal.append(&record).expect("appended");
            recovered.learn(&record, at).expect("no second end");
        }
    }
    journal.flush().expect("durable");
    write_all(folder, plan, &recovered, Shard::WHOLE).expect("derived");
}

fn text(path: std::path::PathBuf) -> String {
    fs::read_to_string(path).expect("a file")
}

const FORECASTS: &str = r#"{"task":"f/a%20b/ref","kind":"forecast","state":"ok","result":{"series":"a b","model":"ref","horizon":2,"predictions":[0.1,null],"actual":[3.0,4.0],"metrics":{"smape":10.0,"mase":1.0,"rmse":2.0,"mae":1.0,"mape":null}}}
{"task":"f/a%20b/ses","kind":"forecast","state":"ok","result":{"series":"a b","model":"ses","horizon":2,"predictions":[0.1,null],"actual":[3.0,4.0],"metrics":{"smape":5.0,"mase":0.5,"rmse":1.0,"mae":0.5,"mape":null}}}
{"task":"f/S2/ref","kind":"forecast","state":"ok","result":{"series":"S2","model":"ref","horizon":2,"predictions":[0.1,null],"actual":[3.0,4.0],"metrics":{"smape":20.0,"mase":null,"rmse":4.0,"mae":2.0,"mape":null}}}
{"task":"f/S2/ses","kind":"forecast","state":"ok","result":{"series":"S2","model":"ses","horizon":2,"predictions":[0.1,null],"actual":[3.0,4.0],"metrics":{"smape":30.0,"mase":null,"rmse":6.0,"mae":3.0,"mape":null}}}
{"task":"f/S3/ref","kind":"forecast","state":"ok","result":{"series":"S3","model":"ref","horizon":2,"predictions":[0.1,null],"actual":[3.0,4.0],"metrics":{"smape":40.0,"mase":2.0,"rmse":8.0,"mae":4.0,"mape":null}}}
{"task":"f/S3/ses","kind":"forecast","state":"crashed","cause":{"message":"the worker exited with code 3 before it gave a result","exit_code":3}}
"#;

/// The averages by hand. Of ref: sMAPE (10 + 20 + 40)/3, MASE (1 + 2)/2. Of ses: sMAPE (5 + 30)/2; the
/// OWA over the series that both have: sMAPE 17.5 to 15 on two series, MASE 0.5 to 1 on one, so
/// (7/6 + 1/2)/2 = 5/6.
const SUMMARY: &str = r#"{
  "schema": 1,
  "experiments": [
    {
      "name": "f",
      "kind": "forecast",
      "tasks": {
        "ok": 5,
        "error": 0,
        "crashed": 1,
        "timeout": 0,
        "oom": 0,
        "missing": 0
      },
      "incomplete": true,
      "models": [
        {
          "model": "ref",
          "series_ok": 3,
          "series_failed": {
            "error": 0,
            "crashed": 0,
            "timeout": 0,
            "oom": 0
          },
          "smape": 23.333333333333332,
          "mase": 1.5,
          "rmse": 4.666666666666667,
          "mae": 2.3333333333333335,
          "owa": 1.0,
          "mase_null": 1,
          "rank": {
            "smape": 2,
            "mase": 2,
            "owa": 2
          }
        },
        {
          "model": "ses",
          "series_ok": 2,
          "series_failed": {
            "error": 0,
            "crashed": 1,
            "timeout": 0,
            "oom": 0
          },
          "smape": 17.5,
          "mase": 0.5,
          "rmse": 3.5,
          "mae": 1.75,
          "owa": 0.8333333333333334,
          "mase_null": 1,
          "rank": {
            "smape": 1,
            "mase": 1,
            "owa": 1
          },
          "failures": [
            {
              "state": "crashed",
              "reason": "the worker exited with code 3 before it gave a result",
              "series": 1,
              "example": "f/S3/ses"
            }
          ]
        }
      ],
      "common": {
        "series": 2,
        "models": [
          {
            "model": "ref",
            "smape": 15.0,
            "mase": 1.0,
            "rmse": 3.0,
            "mae": 1.5,
            "owa": 1.0,
            "mase_null": 1,
            "rank": {
              "smape": 1,
              "mase": 2,
              "owa": 2
            }
          },
          {
            "model": "ses",
            "smape": 17.5,
            "mase": 0.5,
            "rmse": 3.5,
            "mae": 1.75,
            "owa": 0.8333333333333334,
            "mase_null": 1,
            "rank": {
              "smape": 2,
              "mase": 1,
              "owa": 1
            }
          }
        ]
      }
    },
    {
      "name": "g",
      "kind": "lfsr",
      "tasks": {
        "ok": 1,
        "error": 0,
        "crashed": 0,
        "timeout": 0,
        "oom": 0,
        "missing": 0
      },
      "gf_order": 2,
      "degree": 4,
      "coefficients": [
        1,
        1,
        0,
        0
      ],
      "modulus": [],
      "state_count": "16",
      "cycle_lengths": {
        "1": "1",
        "15": "1"
      },
      "number_of_cycles": "2",
      "max_period": "15",
      "periodic_states": "16",
      "transient_states": "0",
      "max_tail_length": "0",
      "characteristic_polynomial": [
        1,
        1,
        0,
        0,
        1
      ],
      "char_poly_order": null,
      "matrix_order": null,
      "factors": null,
      "irreducible": null,
      "primitive": null,
      "methods": [
        "enumerate"
      ],
      "agree": null,
      "companion_matrix": [
        [
          0,
          0,
          0,
          1
        ],
        [
          1,
          0,
          0,
          1
        ],
        [
          0,
          1,
          0,
          0
        ],
        [
          0,
          0,
          1,
          0
        ]
      ],
      "period_statistics": {
        "distinct_lengths": 2,
        "shortest": "1",
        "median": "1",
        "mean": "8.000000",
        "standard_deviation": "7.000000",
        "longest": "15",
        "mean_of_states": "14.125000",
        "longest_over_maximum": "1.000000"
      },
      "sage": "K = GF(2)\nR.<x> = K[]\nf = x^4 + x + 1\nC = companion_matrix(f)"
    }
  ]
}
"#;

#[test]
fn every_byte_of_a_run() {
    let (plan, (_above, folder)) = (plan(), run_folder());
    run(&folder, &plan, 0..plan.len(), 0);
    let results = text(folder.results());
    let (forecasts, enumeration) = results.split_at(FORECASTS.len());
    assert_eq!(forecasts, FORECASTS);
    let Outcome::Ok(TaskOutput::Enumeration(table)) = outcome(&plan, TaskIndex(6)) else {
        panic!("an enumeration")
    };
    let (first, last, states, segments) = (table.first, table.last, table.states, table.segments);
    assert_eq!(
        enumeration,
        format!(
            "{{\"task\":\"g/{first}/enumerate\",\"kind\":\"lfsr\",\"state\":\"ok\",\"result\":{{\"first\":\"{first}\",\"last\":\"{last}\",\"states\":\"{states}\",\"segments\":\"{segments}\",\"digest\":\"{}\"}}}}\n",
            table.digest_hex()
        )
    );
    assert_eq!(text(folder.summary()), SUMMARY);
    let first = r#"{"task":"f/a%20b/ref","attempt":1,"start_method":"fork","outcome":"ok","phases_us":{"queue":0,"create":0,"handshake":0,"send":0,"decode":0,"rebuild":0,"compute":5,"encode":0,"receive":0,"reap":0,"other":0},"total_us":5,"rusage":{"user_us":0,"system_us":0,"max_rss_kib":0,"minor_faults":0,"voluntary_switches":0,"involuntary_switches":0},"pid":77,"host":"host","cause":null}"#;
    assert_eq!(text(folder.attempts()).lines().next(), Some(first));
}

#[test]
fn order_crashes_and_resumes_change_nothing() {
    let plan = plan();
    let (_one, calm) = run_folder();
    run(&calm, &plan, 0..plan.len(), 0);
    let (_other, stormy) = run_folder();
    run(&stormy, &plan, [6, 3, 1], 2);
    run(&stormy, &plan, [5, 0], 0);
    run(&stormy, &plan, [4, 2], 1);
    assert_eq!(text(stormy.results()), text(calm.results()));
    assert_eq!(text(stormy.summary()), text(calm.summary()));
    let attempts: Vec<(String, u64)> = text(stormy.attempts())
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|line| {
            let task = line["task"].as_str().expect("a task").to_owned();
            (task, line["attempt"].as_u64().expect("a number"))
        })
        .collect();
    let expected: Vec<(String, u64)> = [1, 3, 2, 3, 2, 1, 3]
        .iter()
        .zip(0..)
        .flat_map(|(&attempts, task)| (1..=attempts).map(move |number| (task, number)))
        .map(|(task, number)| (plan.id(TaskIndex(task)), number))
        .collect();
    assert_eq!(attempts, expected);
}

#[test]
fn a_structure_outlives_its_tables_and_only_its_own() {
    let (plan, (_above, folder)) = (plan(), run_folder());
    run(&folder, &plan, 0..plan.len(), 0);
    let lock = RunLock::acquire(&folder).expect("free");
    let recovered = recover(&folder, None, Repair::Cut(&lock)).expect("it reads");
    let before = write_all(&folder, &plan, &recovered, Shard::WHOLE).expect("derived");
    assert!(before.tables_are_merged);
    let store = SegmentStore::new(&folder);
    assert_eq!(store.remove_all(&lock).expect("removed"), 1);
    let after = write_all(&folder, &plan, &recovered, Shard::WHOLE).expect("derived");
    assert_eq!(after, before);
    assert_eq!(text(folder.summary()), SUMMARY);
    // A structure that is not whole is none.
    let kept = folder.segments().join("structure-0001.json");
    let harmed = text(kept.clone()).replace("\"15\":\"1\"", "\"15\":\"2\"");
    fs::write(&kept, harmed).expect("written");
    let error = write_all(&folder, &plan, &recovered, Shard::WHOLE);
    assert!(matches!(error, Err(DeriveError::Table { .. })), "{error:?}");
    assert_eq!(text(folder.summary()), SUMMARY, "the old file stays");
}

#[test]
fn what_is_missing_is_said() {
    let (plan, (_above, folder)) = (plan(), run_folder());
    run(&folder, &plan, [0, 1, 2], 0);
    assert_eq!(text(folder.results()).lines().count(), 3);
    let recovered = recover(&folder, None, Repair::Report).expect("it reads");
    let derived = write_all(&folder, &plan, &recovered, Shard::WHOLE).expect("derived");
    assert_eq!(derived.missing_in_shard, 4);
    assert!(!derived.tables_are_merged && !derived.is_all_ok());
    let summary: serde_json::Value = serde_json::from_str(&text(folder.summary())).expect("JSON");
    let [forecast, lfsr] = summary["experiments"]
        .as_array()
        .expect("a list")
        .as_slice()
    else {
        panic!("two experiments")
    };
    assert_eq!(forecast["tasks"]["missing"], 3);
    assert_eq!(forecast["common"]["series"], 1);
    assert_eq!(forecast["models"][0]["series_ok"], 2);
    assert_eq!(
        (&forecast["incomplete"], &lfsr["incomplete"]),
        (&true.into(), &true.into())
    );
    assert_eq!(lfsr["state_count"], "16");
    for key in [
        "cycle_lengths",
        "number_of_cycles",
        "max_period",
        "periodic_states",
    ] {
        assert!(lfsr[key].is_null(), "{key}");
    }
    // Each task is in one shard of two: what one shard misses, the other does not.
    let of_shards = (0..2).map(|index| {
        let shard = Shard { index, count: 2 };
        let derived = write_all(&folder, &plan, &recovered, shard).expect("derived");
        derived.missing_in_shard
    });
    assert_eq!(of_shards.sum::<u32>(), 4);
}

#[test]
fn nothing_at_all_gives_whole_files_too() {
    let (_above, folder) = run_folder();
    let plan = Plan::new(0, PlanDigest([0; 32]), []).expect("no tasks");
    run(&folder, &plan, [], 0);
    assert_eq!(text(folder.results()), "");
    assert_eq!(text(folder.attempts()), "");
    assert_eq!(
        text(folder.summary()),
        "{\n  \"schema\": 1,\n  \"experiments\": []\n}\n"
    );
}

#[test]
fn a_record_of_another_plan_is_refused() {
    let (plan, (_above, folder)) = (plan(), run_folder());
    run(&folder, &plan, [0], 0);
    let recovered = recover(&folder, None, Repair::Report).expect("it reads");
    let register = Register::new(2, &[1, 1, 0, 0]).expect("a register");
    let ranges = plan_ranges(&register).expect("few states");
    let body = Body::Lfsr(LfsrBody {
        register,
        is_analysed: false,
        ranges,
    });
    let other = Plan::new(7, plan.digest(), [("f".to_owned(), body)]).expect("few tasks");
    let error = write_all(&folder, &other, &recovered, Shard::WHOLE);
    assert!(
        matches!(error, Err(DeriveError::Misfit { .. })),
        "{error:?}"
    );
}
