//! Bad input: a finding each, never a NaN; and the statistics that depend on more than one run.

#![allow(clippy::unwrap_used, reason = "test code")]

use gainshare::baseline::calibration::{World, calibrate, simulate, terms};
use gainshare::baseline::*;
use gainshare::time::{Month, Period};
use proptest::prelude::*;

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn spec() -> BaselineSpec {
    BaselineSpec::new(
        Period::new(month("2021-01"), month("2024-01")).unwrap(),
        Period::new(month("2024-01"), month("2025-01")).unwrap(),
    )
}

fn series(service: &str, counts: &[u64], exposure: &[f64]) -> Series {
    let key = SeriesKey::new("C1", service, "P2");
    Series::complete(key, month("2021-01"), counts, exposure)
}

/// Four years around `level` with a season and some noise.
fn ordinary(level: u64) -> Vec<u64> {
    let season = [20, 10, 0, 90, 80, 95, 0, 10, 25, 5, 0, 70];
    let noise = [3, 14, 1, 0, 12, 7, 4, 19, 5, 2, 11, 9, 13];
    (0..48)
        .map(|t| level + level * season[t % 12] / 400 + level * noise[t % 13] / 150)
        .collect()
}

fn total(result: &BaselineResult) -> &JointRow {
    result
        .joint
        .iter()
        .find(|r| r.scope == Scope::Contract && r.period_kind == PeriodKind::Performance)
        .unwrap()
}

fn has(result: &BaselineResult, code: &str) -> bool {
    result.findings.iter().any(|f| f.code == code)
}

/// No number of a result is NaN or infinite.
fn finite(result: &BaselineResult) {
    let mut numbers = Vec::new();
    for r in &result.months {
        numbers.extend([
            r.expected,
            r.avoided,
            r.ci_low,
            r.ci_high,
            r.exposure,
            r.dispersion,
            r.theta,
        ]);
        assert_eq!(
            r.expected.is_none(),
            r.status == Status::NotMeasurable,
            "{r:?}"
        );
        assert_eq!(r.reason.is_empty(), r.status == Status::Ok, "{r:?}");
    }
    for r in &result.joint {
        numbers.extend([
            r.expected,
            r.avoided,
            r.std_error,
            r.ci_low,
            r.ci_high,
            r.rate_ratio,
            r.creditable,
        ]);
        if let (Some(low), Some(mid), Some(high)) = (r.ci_low, r.avoided, r.ci_high) {
            assert!(low <= mid && mid <= high, "{r:?}");
        }
    }
    assert!(numbers.iter().flatten().all(|n| n.is_finite()));
}

#[test]
fn zero_exposure_leaves_the_month_out() {
    let mut exposure = [10.0; 48];
    exposure[5] = 0.0;
    exposure[40] = f64::NAN;
    let result = estimate(&[series("mail", &ordinary(60), &exposure)], &spec());
    assert!(has(&result, "exposure_zero"));
    assert_eq!(total(&result).excluded_months, 1);
    finite(&result);
    let none = estimate(&[series("mail", &ordinary(60), &[0.0; 48])], &spec());
    assert!(has(&none, "baseline_too_short"));
    assert_eq!(total(&none).status, Status::NotMeasurable);
    finite(&none);
}

#[test]
fn an_all_zero_series_is_not_measurable_alone_and_pooled_with_others() {
    let zeros = series("quiet", &[0; 48], &[1.0; 48]);
    let alone = estimate(std::slice::from_ref(&zeros), &spec());
    assert!(has(&alone, "baseline_all_zero"));
    assert_eq!(total(&alone).status, Status::NotMeasurable);
    finite(&alone);
    let small = series("small", &[1; 48], &[1.0; 48]);
    let pooled = estimate(&[zeros, small], &spec());
    assert!(has(&pooled, "cells_pooled") && has(&pooled, "few_incidents"));
    assert_eq!(total(&pooled).excluded_cells, 0);
    assert!(pooled.months.iter().all(|r| r.method.contains("pooled")));
    let of_quiet: f64 = pooled.months[..12]
        .iter()
        .map(|r| r.expected.unwrap())
        .sum();
    assert!(of_quiet > 0.0 && of_quiet < 1.0, "{of_quiet}");
    finite(&pooled);
}

#[test]
fn separation_is_refused_or_replaced() {
    let mut counts = ordinary(40);
    for t in (3..48).step_by(12) {
        counts[t] = 0;
    }
    let mut factors = spec();
    factors.seasonality = Seasonality::MonthFactors;
    let result = estimate(&[series("mail", &counts, &[1.0; 48])], &factors);
    assert!(has(&result, "separation"), "{:?}", result.findings);
    assert_eq!(total(&result).status, Status::NotMeasurable);
    finite(&result);
    factors.fallback = Fallback::MeanRate;
    let replaced = estimate(&[series("mail", &counts, &[1.0; 48])], &factors);
    assert!(has(&replaced, "fallback_used"));
    assert_eq!(total(&replaced).status, Status::Ok);
    finite(&replaced);
}

#[test]
fn collinear_columns_are_left_out() {
    let mut twice = spec();
    let change = KnownChange {
        month: month("2022-05"),
        kind: ChangeKind::Step,
        reason: "new tool".into(),
        service: None,
    };
    twice.known_changes = vec![change.clone(), change.clone()];
    let result = estimate(&[series("mail", &ordinary(60), &[1.0; 48])], &twice);
    assert!(has(&result, "columns_collinear"));
    finite(&result);
    twice.known_changes.truncate(1);
    let once = estimate(&[series("mail", &ordinary(60), &[1.0; 48])], &twice);
    assert_eq!(total(&once).expected, total(&result).expected);
    twice.known_changes[0].month = month("2024-06");
    let late = estimate(&[series("mail", &ordinary(60), &[1.0; 48])], &twice);
    assert!(has(&late, "known_change_not_estimable"));
    // A plain rate cannot learn the change, and would count it as the supplier's doing.
    twice.model = Model::SeasonalMean;
    let plain = estimate(&[series("mail", &ordinary(60), &[1.0; 48])], &twice);
    assert!(has(&plain, "known_changes_need_regression"));
    assert!(plain.joint.is_empty());
}

#[test]
fn one_month_and_missing_months() {
    let one = Series::complete(
        SeriesKey::new("C1", "mail", "P2"),
        month("2023-12"),
        &[50],
        &[1.0],
    );
    let result = estimate(&[one], &spec());
    assert!(has(&result, "baseline_too_short") && has(&result, "months_missing"));
    finite(&result);
    let mut gaps = series("mail", &ordinary(60), &[1.0; 48]);
    for t in [4, 17, 30, 45] {
        gaps.counts[t] = None;
    }
    let result = estimate(&[gaps], &spec());
    let finding = result
        .findings
        .iter()
        .find(|f| f.code == "months_missing")
        .unwrap();
    assert_eq!(finding.count, 4);
    assert_eq!(
        (total(&result).excluded_months, total(&result).status),
        (1, Status::Ok)
    );
    finite(&result);
}

#[test]
fn exposure_that_jumps_is_a_finding() {
    let mut exposure = [100.0; 48];
    for e in &mut exposure[20..] {
        *e = 180.0;
    }
    let result = estimate(&[series("mail", &ordinary(60), &exposure)], &spec());
    let finding = result
        .findings
        .iter()
        .find(|f| f.code == "exposure_jumps")
        .unwrap();
    assert!(
        finding.evidence.contains("2022-09 from 100 to 180"),
        "{finding:?}"
    );
    finite(&result);
}

#[test]
fn terms_that_contradict_themselves_estimate_nothing() {
    type Change = fn(&mut BaselineSpec);
    let cases: [(&str, Change); 8] = [
        ("periods_overlap", |s| s.performance = s.baseline),
        ("level_out_of_range", |s| s.level = 1.0),
        ("decimals_out_of_range", |s| s.decimals = 12),
        ("min_months_too_low", |s| s.min_months = 6),
        ("ratchet_weight_out_of_range", |s| {
            s.ratchet = Ratchet::Partial { weight: 1.5 }
        }),
        ("slope_needs_trend", |s| s.fit_on = FitOn::SegmentedSlope),
        ("segmented_needs_regression", |s| {
            s.fit_on = FitOn::Segmented;
            s.model = Model::MeanRate;
        }),
        ("exposure_jump_out_of_range", |s| s.exposure_jump = f64::NAN),
    ];
    for (code, change) in cases {
        let mut broken = spec();
        change(&mut broken);
        let result = estimate(&[series("mail", &ordinary(60), &[1.0; 48])], &broken);
        assert!(has(&result, code), "{code}: {:?}", result.findings);
        assert!(result.joint.is_empty());
    }
    let same = series("mail", &ordinary(60), &[1.0; 48]);
    let result = estimate(&[same.clone(), same], &spec());
    assert!(has(&result, "series_duplicated"));
}

#[test]
fn every_model_family_and_error_gives_a_finite_joint_interval() {
    let data = [series("mail", &ordinary(60), &[1.0; 48])];
    for model in [Model::Regression, Model::SeasonalMean, Model::MeanRate] {
        for family in [
            Family::Auto,
            Family::Poisson,
            Family::QuasiPoisson,
            Family::NegativeBinomial,
        ] {
            for errors in [Errors::Serial, Errors::NeweyWest, Errors::Model] {
                for (fit_on, trend) in [
                    (FitOn::Baseline, Trend::Auto),
                    (FitOn::Baseline, Trend::None),
                    (FitOn::Segmented, Trend::Linear),
                    (FitOn::SegmentedSlope, Trend::Linear),
                ] {
                    let mut s = spec();
                    (s.model, s.family, s.errors, s.fit_on, s.trend) =
                        (model, family, errors, fit_on, trend);
                    if fit_on != FitOn::Baseline && model != Model::Regression {
                        continue;
                    }
                    let result = estimate(&data, &s);
                    finite(&result);
                    let row = total(&result);
                    assert!(row.std_error.unwrap() > 0.0, "{row:?}");
                }
            }
        }
    }
}

/// Golden 13 through the stage: the segmented fit nets 2,561.07 events avoided, although counts
/// rose.
#[test]
fn golden_13_through_the_stage() {
    let rows: Vec<Vec<f64>> = include_str!("../fixtures/baseline/sicily_its.csv")
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|c| c.parse().unwrap()).collect())
        .collect();
    let counts: Vec<u64> = rows.iter().map(|r| r[2] as u64).collect();
    let exposure: Vec<f64> = rows.iter().map(|r| r[6]).collect();
    let mut s = BaselineSpec::new(
        Period::new(month("2002-01"), month("2005-01")).unwrap(),
        Period::new(month("2005-01"), month("2006-12")).unwrap(),
    );
    s.fit_on = FitOn::Segmented;
    s.trend = Trend::Linear;
    s.seasonality = Seasonality::Harmonics2;
    s.family = Family::QuasiPoisson;
    let data = Series::complete(
        SeriesKey::new("Sicily", "", ""),
        month("2002-01"),
        &counts,
        &exposure,
    );
    let result = estimate(&[data], &s);
    let row = total(&result);
    assert!((row.avoided.unwrap() - 2561.07).abs() < 0.006, "{row:?}");
    assert_eq!(result.months[0].dispersion, Some(2.2622));
    assert!(row.ci_low.unwrap() > 0.0);
}

/// A rolling baseline forgets a saving after the window has passed; a partial one by its weight.
#[test]
fn ratchets_blend_year_by_year() {
    let mut counts = ordinary(100);
    let year: Vec<u64> = counts[36..48].to_vec();
    counts.extend(&year);
    for c in &mut counts[36..] {
        *c = *c * 7 / 10;
    }
    let data = [series("mail", &counts, &[1.0; 60])];
    let second_year = |ratchet: Ratchet| -> (f64, f64) {
        let mut s = spec();
        s.performance = Period::new(month("2024-01"), month("2026-01")).unwrap();
        (s.model, s.ratchet) = (Model::SeasonalMean, ratchet);
        let result = estimate(&data, &s);
        finite(&result);
        let years: Vec<f64> = result
            .joint
            .iter()
            .filter(|r| r.scope == Scope::Contract && r.period_kind == PeriodKind::ContractYear)
            .map(|r| r.expected.unwrap())
            .collect();
        (years[0], years[1])
    };
    let frozen = second_year(Ratchet::Frozen);
    let rolling = second_year(Ratchet::Rolling);
    let partial = second_year(Ratchet::Partial { weight: 0.5 });
    assert_eq!(frozen.0, rolling.0);
    // Two full years and one at 70 %.
    assert!(
        (rolling.1 / frozen.1 - 0.9).abs() < 0.01,
        "{rolling:?} {frozen:?}"
    );
    assert!((partial.1 - 0.5 * (frozen.1 + rolling.1)).abs() < 0.001);
}

/// Streams that were chosen for their bad year are expected to get better by themselves.
#[test]
fn peers_correct_regression_to_the_mean() {
    let mut s = spec();
    s.shrinkage = Shrinkage::Peers;
    s.pooling_minimum = 0;
    let peers: Vec<Series> = (0..8)
        .map(|i| series(&format!("S{i}"), &ordinary(10 + 3 * i), &[1.0; 48]))
        .collect();
    let shrunk = estimate(&peers, &s);
    finite(&shrunk);
    assert!(has(&shrunk, "shrunk_to_peers"));
    s.shrinkage = Shrinkage::None;
    let own = estimate(&peers, &s);
    let expected = |r: &BaselineResult, service: &str| -> f64 {
        r.months
            .iter()
            .filter(|m| m.key.service_id == service)
            .map(|m| m.expected.unwrap())
            .sum()
    };
    assert!(expected(&shrunk, "S7") < expected(&own, "S7"));
    assert!(expected(&shrunk, "S0") > expected(&own, "S0"));
    s.shrinkage = Shrinkage::Peers;
    assert!(has(&estimate(&peers[..3], &s), "few_peers"));
}

/// The promise of the interval, on a generator that is not the model: 95 % covers 92–98 %, and
/// with no effect at most 3 % are paid on the lower bound.
#[test]
fn the_interval_covers_the_truth_and_luck_is_not_paid() {
    let idle = World::default();
    let c = calibrate(&idle, &terms(&idle), 11, 400);
    assert_eq!(c.measured, 400);
    assert!((0.92..=0.98).contains(&c.coverage()), "{c:?}");
    assert!(c.paid_share() <= 0.03, "{c:?}");
    let active = World {
        effect: 0.15,
        ..World::default()
    };
    let c = calibrate(&active, &terms(&active), 12, 400);
    assert!((0.92..=0.98).contains(&c.coverage()), "{c:?}");
    assert!(c.paid_share() > 0.3, "{c:?}");
}

#[test]
fn the_same_bits_for_any_number_of_threads_and_any_order() {
    let world = World::default();
    let mut data: Vec<Series> = (0..12)
        .flat_map(|path| {
            let mut all = simulate(&world, 3, path).series;
            for s in &mut all {
                s.key.contract_id = format!("C{path}");
            }
            all
        })
        .collect();
    let s = terms(&world);
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let four = rayon::ThreadPoolBuilder::new()
        .num_threads(4)
        .build()
        .unwrap();
    let a = one.install(|| estimate(&data, &s));
    data.reverse();
    let b = four.install(|| estimate(&data, &s));
    assert_eq!(
        serde_json::to_string(&a).unwrap(),
        serde_json::to_string(&b).unwrap()
    );
    assert_eq!(
        one.install(|| calibrate(&world, &s, 5, 8)),
        four.install(|| calibrate(&world, &s, 5, 8))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever comes in, nothing that is not a number comes out.
    #[test]
    fn nothing_gives_nan(
        counts in prop::collection::vec(prop::option::weighted(0.9, prop_oneof![Just(0u64), 0..5u64, 0..100_000u64]), 0..60),
        exposure in prop::collection::vec(prop_oneof![Just(0.0), Just(f64::NAN), Just(-3.0), 1e-9..1e9f64, Just(1.0)], 0..60),
        model in 0..3usize, season in 0..5usize, trend in 0..3usize, errors in 0..3usize, fallback: bool,
    ) {
        let mut s = spec();
        s.model = [Model::Regression, Model::SeasonalMean, Model::MeanRate][model];
        s.seasonality = [Seasonality::Auto, Seasonality::None, Seasonality::Harmonics1, Seasonality::Harmonics2, Seasonality::MonthFactors][season];
        s.trend = [Trend::Auto, Trend::None, Trend::Linear][trend];
        s.errors = [Errors::Serial, Errors::NeweyWest, Errors::Model][errors];
        if fallback { s.fallback = Fallback::MeanRate; }
        let odd = Series { key: SeriesKey::new("C1", "odd", "P2"), first_month: month("2021-01"), counts, exposure };
        let good = series("good", &ordinary(30), &[1.0; 48]);
        finite(&estimate(&[odd, good], &s));
    }
}
