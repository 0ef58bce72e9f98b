//! Which form is chosen, what is refused, and how good a fit is.

use proptest::prelude::*;

use super::super::{AIR, mean_of};
use super::*;

fn fitted(model: Ets, train: &[f64], season: u32) -> Fitted {
    model
        .forecast(&Question::new(train, &[season], 1))
        .expect("it can be fitted")
        .fitted
        .expect("ets tells what it fitted")
}

fn parameter(fitted: &Fitted, name: &str) -> f64 {
    let found = fitted.parameters.iter().find(|(key, _)| key == name);
    found.expect("the form has it").1
}

/// Numbers that look like noise and are the same everywhere.
fn noise(t: usize) -> f64 {
    let hash = (t as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((hash ^ (hash >> 29)) % 1000) as f64 / 500.0 - 1.0
}

#[test]
fn the_form_fits_the_series() {
    let figure = [0.7, 1.0, 1.5, 0.8];
    let level = |t: usize| 100.0 + 4.0 * t as f64;
    let times: Vec<f64> = (0..60)
        .map(|t| level(t) * figure[t % 4] * (1.0 + 0.01 * noise(t)))
        .collect();
    let form = fitted(Ets::default(), &times, 4).form;
    assert!(
        form.as_deref().is_some_and(|form| form == "MAdM"),
        "{form:?}"
    );
    let plus: Vec<f64> = (0..60)
        .map(|t| 300.0 + 100.0 * figure[t % 4] + 2.0 * noise(t))
        .collect();
    assert_eq!(
        fitted(Ets::default(), &plus, 4).form.as_deref(),
        Some("ANA")
    );
    let none: Vec<f64> = (0..60).map(|t| 300.0 + 2.0 * noise(t)).collect();
    assert_eq!(
        fitted(Ets::default(), &none, 4).form.as_deref(),
        Some("ANN")
    );
}

#[test]
fn what_is_asked_for_is_fitted() {
    for (error, letter) in [(ErrorKind::Additive, "A"), (ErrorKind::Multiplicative, "M")] {
        for (trend, trend_letter) in [
            (Trend::None, "N"),
            (Trend::Additive, "A"),
            (Trend::Damped, "Ad"),
        ] {
            for (season, season_letter) in [
                (Season::None, "N"),
                (Season::Additive, "A"),
                (Season::Multiplicative, "M"),
            ] {
                let model = Ets {
                    error: Some(error),
                    trend: Some(trend),
                    season: Some(season),
                    ..Ets::default()
                };
                let form = fitted(model, &AIR, 4).form;
                assert_eq!(form, Some(format!("{letter}{trend_letter}{season_letter}")));
            }
        }
    }
}

#[test]
fn criteria_are_as_defined() {
    // n = 20, k = 3: 2k = 6, AICc adds 2k(k+1)/(n-k-1) = 24/16, BIC is k log n.
    assert_eq!(Criterion::Aic.of(10.0, 3, 20), 16.0);
    assert_eq!(Criterion::Aicc.of(10.0, 3, 20), 17.5);
    assert!((Criterion::Bic.of(10.0, 3, 20) - (10.0 + 3.0 * 2.995_732_273_553_991)).abs() < 1e-12);
    assert_eq!(Criterion::Aicc.of(10.0, 3, 4), f64::INFINITY);
}

#[test]
fn a_form_that_multiplies_needs_positive_values() {
    let mut values = AIR.to_vec();
    values[3] = 0.0;
    for model in [
        Ets {
            error: Some(ErrorKind::Multiplicative),
            ..Ets::default()
        },
        Ets {
            season: Some(Season::Multiplicative),
            ..Ets::default()
        },
    ] {
        assert_eq!(
            mean_of(&model, &values, 4, 1),
            Err(ModelError::NotPositive { model: "ets" })
        );
    }
    let form = fitted(Ets::default(), &values, 4).form;
    assert!(
        form.as_deref().is_some_and(|form| form.starts_with('A')),
        "{form:?}"
    );
}

#[test]
fn a_season_that_cannot_be_is_refused_if_it_was_asked_for() {
    let seasonal = Ets {
        season: Some(Season::Additive),
        ..Ets::default()
    };
    assert_eq!(
        mean_of(&seasonal, &[1.0; 200], 52, 1),
        Err(ModelError::SeasonTooLong {
            model: "ets",
            season: 52,
            longest: 24
        })
    );
    assert_eq!(
        mean_of(&seasonal, &AIR, 20, 1),
        Err(ModelError::TooShort {
            model: "ets",
            needed: 40,
            length: 27
        })
    );
    // Left to the model, such a season is left out.
    for season in [20, 52] {
        let form = fitted(Ets::default(), &AIR, season).form;
        assert!(
            form.as_deref().is_some_and(|form| form.ends_with('N')),
            "{form:?}"
        );
    }
}

#[test]
fn the_limit_of_beta_holds() {
    // A slope that turns: without a limit it is followed.
    let turning: Vec<f64> = (0..40)
        .map(|t| 100.0 + (t as f64 - 20.0).abs() * 3.0)
        .collect();
    let beta = |limit: f64| {
        let model = Ets {
            error: Some(ErrorKind::Additive),
            trend: Some(Trend::Additive),
            beta_limit: limit,
            ..Ets::default()
        };
        parameter(&fitted(model, &turning, 1), "beta")
    };
    assert!(beta(1.0) > 0.5);
    assert!(beta(0.07) <= 0.07 && beta(0.07) > 0.06);
}

#[test]
fn intervals_surround_the_forecast_and_grow() {
    for season in [1, 4] {
        let question = Question {
            levels: &[80.0, 95.0],
            ..Question::new(&AIR, &[], 8)
        };
        let seasons = [season];
        let question = Question {
            seasons: &seasons,
            ..question
        };
        let prediction = Ets::default().forecast(&question).expect("long enough");
        let [inner, outer] = &prediction.intervals[..] else {
            panic!("two levels: {prediction:?}");
        };
        for step in 0..8 {
            assert!(outer.lower[step] < inner.lower[step]);
            assert!(inner.lower[step] < prediction.mean[step]);
            assert!(prediction.mean[step] < inner.upper[step]);
            assert!(inner.upper[step] < outer.upper[step]);
        }
        assert!(outer.upper[7] - outer.lower[7] > outer.upper[0] - outer.lower[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_other_parameters_near_the_fit_are_better(
        values in prop::collection::vec(50.0..150.0, 12..40),
        alpha in 0.001..0.999,
        level in -5.0..5.0,
    ) {
        let series = Series::new(&values, 1, 1.0);
        for error in [ErrorKind::Additive, ErrorKind::Multiplicative] {
            let form = Form { error, trend: Trend::None, season: Season::None };
            let fit: Fit<6> = series.fit(form, std::iter::empty()).expect("positive");
            let smoothing = series.smoothing(form);
            use crate::forecast::least_squares::Residuals as _;
            let mut other = fit.minimum.at;
            other[LEVEL] += level;
            if let Some(sum) = smoothing.sum(&other) {
                prop_assert!(sum >= fit.minimum.sum * (1.0 - 1e-6));
            }
            // The sum has several valleys in alpha; a much lower one would have been a start.
            other = fit.minimum.at;
            other[ALPHA] = alpha;
            if let Some(sum) = smoothing.sum(&other) {
                prop_assert!(sum >= fit.minimum.sum * 0.9, "{} {}", sum, fit.minimum.sum);
            }
        }
    }

    #[test]
    fn a_larger_form_fits_no_worse(values in prop::collection::vec(50.0..150.0, 12..40)) {
        let series = Series::new(&values, 1, 1.0);
        let mut fits: Vec<Fit<6>> = Vec::new();
        for trend in [Trend::None, Trend::Additive] {
            let form = Form { error: ErrorKind::Additive, trend, season: Season::None };
            let fit = series.fit(form, fits.iter()).expect("any values do");
            if let Some(simple) = fits.last() {
                // The least beta is not quite no slope.
                prop_assert!(fit.minimum.sum <= simple.minimum.sum * 1.01);
            }
            fits.push(fit);
        }
    }
}
