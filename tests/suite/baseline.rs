//! The baseline stage from series to rows: what it measures and what it refuses.

#![allow(clippy::unwrap_used, reason = "test code")]

use gainshare::baseline::*;
use gainshare::finding::Severity;
use gainshare::time::{Month, Period};

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn span(start: &str, end: &str) -> Period<Month> {
    Period::new(month(start), month(end)).unwrap()
}

/// Two years of baseline, one year measured.
fn spec() -> BaselineSpec {
    let mut spec = BaselineSpec::new(span("2022-01", "2024-01"), span("2024-01", "2025-01"));
    spec.model = Model::SeasonalMean;
    spec
}

fn key(service: &str, priority: &str) -> SeriesKey {
    SeriesKey::new("C1", service, priority)
}

/// A season of ±20 %, 100 a month on average, `last` × that in the third year.
fn seasonal(service: &str, last: f64) -> Series {
    let shape = [20, 10, 0, -10, -20, -10, 0, 10, 20, 10, 0, -30];
    let wobble = [3, -4, 1, 5, -2, -3, 4, 0, -5, 2, 6, -7];
    let counts: Vec<u64> = (0..36)
        .map(|t| {
            let noise = wobble[(t * 5 + t / 12) % 12];
            let level = f64::from(100 + shape[t % 12] + noise);
            (if t < 24 { level } else { level * last }).round() as u64
        })
        .collect();
    Series::complete(key(service, "P2"), month("2022-01"), &counts, &[50.0; 36])
}

fn contract_total(result: &BaselineResult) -> &JointRow {
    result
        .joint
        .iter()
        .find(|r| r.scope == Scope::Contract && r.period_kind == PeriodKind::Performance)
        .unwrap()
}

fn has(result: &BaselineResult, code: &str) -> bool {
    result.findings.iter().any(|f| f.code == code)
}

#[test]
fn a_reduction_is_seen_and_no_reduction_is_not_paid() {
    let reduced = estimate(&[seasonal("mail", 0.7)], &spec());
    let total = contract_total(&reduced);
    assert!(total.ci_low.unwrap() > 200.0, "{total:?}");
    assert_eq!(total.creditable, total.ci_low);
    assert_eq!(total.status, Status::Ok);
    let same = estimate(&[seasonal("mail", 1.0)], &spec());
    let total = contract_total(&same);
    assert_eq!(total.creditable, Some(0.0), "{total:?}");
}

#[test]
fn sums_are_netted_and_their_interval_is_not_a_sum_of_bounds() {
    let result = estimate(&[seasonal("mail", 0.7), seasonal("web", 1.0)], &spec());
    let total = contract_total(&result);
    let months: f64 = result.months.iter().map(|r| r.avoided.unwrap()).sum();
    assert!((months - total.avoided.unwrap()).abs() < 0.01);
    let bounds: f64 = result.months.iter().map(|r| r.ci_low.unwrap()).sum();
    assert!(bounds < total.ci_low.unwrap());
    let other_order = estimate(&[seasonal("web", 1.0), seasonal("mail", 0.7)], &spec());
    assert_eq!(result, other_order);
}

#[test]
fn a_short_baseline_is_refused_overridden_or_replaced() {
    let mut short = spec();
    short.baseline = span("2022-07", "2024-01");
    let refused = estimate(&[seasonal("mail", 0.7)], &short);
    let finding = refused
        .findings
        .iter()
        .find(|f| f.code == "baseline_too_short")
        .unwrap();
    assert_eq!(finding.severity, Severity::Disqualifying);
    assert!(finding.evidence.contains("18 usable"), "{finding:?}");
    let total = contract_total(&refused);
    assert_eq!(
        (total.status, total.expected),
        (Status::NotMeasurable, None)
    );
    assert_eq!(total.reason, "baseline_too_short");

    short.overrides.push(Override {
        code: "baseline_too_short".into(),
        service: None,
        reason: "new service".into(),
        agreed_by: "A and B".into(),
    });
    let overridden = estimate(&[seasonal("mail", 0.7)], &short);
    assert_eq!(contract_total(&overridden).status, Status::Overridden);
    assert!(has(&overridden, "override_used"));

    short.overrides.clear();
    short.fallback = Fallback::MeanRate;
    let replaced = estimate(&[seasonal("mail", 0.7)], &short);
    assert_eq!(contract_total(&replaced).status, Status::Ok);
    assert!(has(&replaced, "fallback_used"));
}

#[test]
fn a_frozen_baseline_that_changed_is_a_finding() {
    let first = estimate(&[seasonal("mail", 0.7)], &spec());
    let mut frozen = spec();
    frozen.frozen_hash = Some(first.hashes[0].baseline_hash.clone());
    let again = estimate(&[seasonal("mail", 0.7)], &frozen);
    assert!(!has(&again, "baseline_changed"));
    let mut corrected = seasonal("mail", 0.7);
    corrected.counts[3] = Some(1);
    let changed = estimate(&[corrected], &frozen);
    assert!(has(&changed, "baseline_changed"));
    assert_eq!(contract_total(&changed).status, Status::NotMeasurable);
}

#[test]
fn the_terms_table_reads_with_defaults_and_refuses_unknown_fields() {
    let text = r#"
        baseline = { start = "2022-01", end = "2024-01" }
        performance = { start = "2024-01", end = "2025-01" }
        ratchet = { rule = "partial", weight = 0.5 }
    "#;
    let read: BaselineSpec = toml::from_str(text).unwrap();
    assert_eq!(read.level, 0.95);
    assert_eq!(read.ratchet, Ratchet::Partial { weight: 0.5 });
    assert!(toml::from_str::<BaselineSpec>(&format!("{text}\nprice = 3")).is_err());
}
