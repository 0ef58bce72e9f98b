//! The published scores of the M3 and M4 competitions, found again: the known answers of the readers,
//! the models and the metrics at once.
//!
//! M4: "Evaluation and Ranks.xlsx" of the organisers. M3: the entrants' own forecasts, their scores
//! averaged over series (the paper pools over steps). The data is not ours to ship: where it does not
//! lie beside the checkout, these tests say so and check nothing.

use std::io::Write as _;
use std::path::PathBuf;

use super::{Competition, DataSet, Frequency, Source, load};
use crate::forecast::{Ets, ModelConfig, Setup, Slope, evaluate};
use crate::ids::Seed;

/// The file or folder of this name beside the checkout, or `None` with a message.
fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(name);
    if path.exists() {
        return Some(path);
    }
    let mut stderr = std::io::stderr();
    // A message that cannot be written changes nothing.
    let _ = writeln!(stderr, "skipped: there is no {}", path.display());
    None
}

fn competition(competition: Competition, frequency: Frequency) -> Option<DataSet> {
    let folder = shared(&competition.to_string().to_lowercase())?;
    let source = Source::Competition {
        competition,
        folder,
        frequency,
    };
    Some(load(&source, None, None).expect("the competition's own files"))
}

/// Means of sMAPE and MASE over all series.
fn scores(set: &DataSet, model: &ModelConfig) -> (f64, f64) {
    let model = model.build();
    let (mut smape, mut mase) = (0.0, 0.0);
    for i in 0..set.series.len() {
        let setup = Setup::once(set.default_season_length, set.default_horizon);
        let evaluation = evaluate(&*model, set.series.values(i), &setup, Seed(0))
            .expect("every series of the competitions is long enough");
        smape += evaluation.scores.smape;
        mase += evaluation.scores.mase.expect("no series is constant");
    }
    let count = set.series.len() as f64;
    (smape / count, mase / count)
}

/// Checks the scores of a model to a relative `tolerance`.
fn check(set: &DataSet, model: ModelConfig, published: (f64, f64), tolerance: f64) {
    let (smape, mase) = scores(set, &model);
    let near = |got: f64, published: f64| (got / published - 1.0).abs() <= tolerance;
    assert!(
        near(smape, published.0) && near(mase, published.1),
        "{}: sMAPE {smape:.3}, MASE {mase:.3}, published {published:?}",
        model.name()
    );
}

/// Checks that the scores of a model are at most so much worse than the published ones. The organisers'
/// search of trends stops early; ours ends at a lesser error, which is mostly a better forecast.
fn check_no_worse(set: &DataSet, model: ModelConfig, published: (f64, f64), tolerance: f64) {
    let (smape, mase) = scores(set, &model);
    let fair = |got: f64, published: f64| got / published - 1.0 <= tolerance;
    assert!(
        fair(smape, published.0) && fair(mase, published.1),
        "{}: sMAPE {smape:.3}, MASE {mase:.3}, published {published:?}",
        model.name()
    );
}

/// What has one right answer agrees in every digit that was printed.
const PRINTED: f64 = 0.0005;
/// What is found by a search agrees but for where the search stops.
const SEARCHED: f64 = 0.002;
/// What is found by another search may be so much worse.
const ANOTHER: f64 = 0.01;

#[test]
fn m4_yearly() {
    let Some(set) = competition(Competition::M4, Frequency::Yearly) else {
        return;
    };
    assert_eq!((set.series.len(), set.series.longest()), (23_000, 841));
    check(&set, ModelConfig::Naive, (16.342, 3.974), PRINTED);
    check(&set, ModelConfig::Naive2, (16.342, 3.974), PRINTED);
    check(&set, ModelConfig::Ses, (16.396, 3.981), SEARCHED);
    check(&set, ModelConfig::Theta, (14.593, 3.382), SEARCHED);
    check_no_worse(
        &set,
        ModelConfig::Holt(Slope::default()),
        (16.354, 3.550),
        ANOTHER,
    );
    check_no_worse(
        &set,
        ModelConfig::Damped(Slope::default()),
        (15.198, 3.379),
        ANOTHER,
    );
    check_no_worse(
        &set,
        ModelConfig::Comb(Slope::default()),
        (14.848, 3.280),
        ANOTHER,
    );
    // Statsforecast's AutoETS, by way of its port augurs: 13.971 and 3.086.
    check_no_worse(&set, ModelConfig::Ets(Ets::default()), (13.971, 3.086), 0.0);
}

#[test]
fn m4_weekly() {
    let Some(set) = competition(Competition::M4, Frequency::Weekly) else {
        return;
    };
    assert_eq!((set.series.len(), set.series.longest()), (359, 2_610));
    check(&set, ModelConfig::Naive2, (9.161, 2.777), PRINTED);
    check(&set, ModelConfig::Ses, (9.012, 2.685), SEARCHED);
    check(&set, ModelConfig::Theta, (9.093, 2.637), SEARCHED);
    check_no_worse(
        &set,
        ModelConfig::Holt(Slope::default()),
        (9.708, 2.420),
        ANOTHER,
    );
    check_no_worse(
        &set,
        ModelConfig::Damped(Slope::default()),
        (8.866, 2.404),
        ANOTHER,
    );
    check_no_worse(
        &set,
        ModelConfig::Comb(Slope::default()),
        (8.944, 2.432),
        ANOTHER,
    );
    check_no_worse(
        &set,
        ModelConfig::Ets(Ets::default()),
        (8.706, 2.548),
        0.015,
    );
}

#[test]
fn m4_hourly() {
    let Some(set) = competition(Competition::M4, Frequency::Hourly) else {
        return;
    };
    assert_eq!((set.series.len(), set.series.longest()), (414, 1_008));
    check(&set, ModelConfig::Naive, (43.003, 11.608), PRINTED);
    check(&set, ModelConfig::SeasonalNaive, (13.912, 1.193), PRINTED);
    check(&set, ModelConfig::Naive2, (18.383, 2.395), PRINTED);
    check(&set, ModelConfig::Ses, (18.094, 2.385), SEARCHED);
    check(&set, ModelConfig::Theta, (18.138, 2.455), SEARCHED);
    check_no_worse(
        &set,
        ModelConfig::Holt(Slope::default()),
        (29.249, 9.356),
        ANOTHER,
    );
    check_no_worse(
        &set,
        ModelConfig::Damped(Slope::default()),
        (19.265, 2.956),
        ANOTHER,
    );
    check_no_worse(
        &set,
        ModelConfig::Comb(Slope::default()),
        (22.053, 4.582),
        ANOTHER,
    );
}

#[test]
fn m3_monthly() {
    let Some(set) = competition(Competition::M3, Frequency::Monthly) else {
        return;
    };
    assert_eq!((set.series.len(), set.series.longest()), (1_428, 144));
    // The entrants' Naive2 and Theta were other programs with another test of the season.
    let (smape, _) = scores(&set, &ModelConfig::Naive2);
    assert!((smape - 16.891).abs() < 0.2, "{smape}");
    let (smape, mase) = scores(&set, &ModelConfig::Theta);
    assert!(smape <= 14.05 && mase <= 0.90, "{smape} {mase}");
}

#[test]
fn m3_yearly_and_other() {
    // Without a season Naive2 is Naive, which everybody computes alike.
    for (frequency, count, published) in [
        (Frequency::Yearly, 645, 17.880),
        (Frequency::Other, 174, 6.302),
    ] {
        let Some(set) = competition(Competition::M3, frequency) else {
            return;
        };
        assert_eq!(set.series.len(), count);
        let (naive2, _) = scores(&set, &ModelConfig::Naive2);
        assert!((naive2 - published).abs() < 0.0006, "{frequency}: {naive2}");
        let (theta, _) = scores(&set, &ModelConfig::Theta);
        assert!(theta < naive2, "{frequency}: {theta} {naive2}");
    }
}

#[test]
fn air_passengers_is_read_as_one_dated_series() {
    let Some(folder) = shared("air") else {
        return;
    };
    let file = folder.join("AirPassengers.csv");
    let set = load(&Source::Custom { file }, None, None).expect("a plain file");
    assert_eq!((set.series.len(), set.series.name(0)), (1, "passengers"));
    let values = set.series.values(0);
    assert_eq!((values.len(), values[0], values[143]), (144, 112.0, 432.0));
    let expected =
        "one series `passengers` of 144 values in a single column, column `month` being its dates";
    assert_eq!(set.layout, expected);
}
