//! What the parties agreed about incidents: adjustments, whose reduction it is, peers, early
//! warnings. Figures by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use gainshare::baseline::saving::AdjustmentRow;
use gainshare::baseline::*;
use gainshare::money::Decimal;
use gainshare::time::{Instant, Month, Period};

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn spec() -> BaselineSpec {
    let span = |a: &str, b: &str| Period::new(month(a), month(b)).unwrap();
    let mut spec = BaselineSpec::new(span("2022-01", "2025-01"), span("2025-01", "2026-01"));
    spec.model = Model::MeanRate;
    spec
}

/// Four years of `n` incidents a month with 100 users.
fn stream(service: &str, priority: &str, n: u64) -> Series {
    Series::complete(
        SeriesKey::new("C1", service, priority),
        month("2022-01"),
        &[n; 48],
        &[100.0; 48],
    )
}

fn adjustment(id: &str, measure: &str, amount: &str, from: &str, to: &str) -> AdjustmentRow {
    AdjustmentRow {
        adjustment_id: id.to_owned(),
        contract_id: "C1".to_owned(),
        non_routine: true,
        measure: measure.to_owned(),
        amount: d(amount),
        currency: None,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        reason: "two sites joined".to_owned(),
        agreed_by_customer_at: Some(at("2025-02-01T00:00:00Z")),
        agreed_by_supplier_at: Some(at("2025-02-01T00:00:00Z")),
    }
}

fn total(result: &BaselineResult) -> &JointRow {
    result
        .joint
        .iter()
        .find(|r| r.scope == Scope::Contract && r.period_kind == PeriodKind::Performance)
        .unwrap()
}

const NOW: &str = "2026-02-01T00:00:00Z";

#[test]
fn agreed_adjustments_change_what_is_learned_counted_and_expected() {
    let mut series = vec![stream("a", "P3", 30), stream("b", "P3", 10)];
    let rows = [
        // A year of the baseline: 4 a month more, as 3 and 1.
        adjustment("A1", "incidents_expected", "4", "2022-01-01", "2023-01-01"),
        // May 2025: 10 less were counted, 7.5 and 2.5: the larger remainder goes to the first.
        adjustment("A2", "incidents_actual", "-10", "2025-05-01", "2025-06-01"),
        // Two months of 2025: 8 a month more are expected.
        adjustment("A3", "incidents_expected", "8", "2025-03-01", "2025-05-01"),
        AdjustmentRow {
            agreed_by_customer_at: None,
            ..adjustment(
                "A4",
                "incidents_expected",
                "500",
                "2025-01-01",
                "2026-01-01",
            )
        },
        adjustment("A5", "incidents_actual", "-100", "2025-07-01", "2025-08-01"),
    ];
    let done = adjust("C1", &mut series, &spec(), &rows, at(NOW));
    assert_eq!(series[0].count_in(month("2022-05")), Some(33));
    assert_eq!(series[1].count_in(month("2022-05")), Some(11));
    assert_eq!(series[0].count_in(month("2023-01")), Some(30));
    assert_eq!(series[0].count_in(month("2025-05")), Some(22));
    assert_eq!(series[1].count_in(month("2025-05")), Some(8));
    assert_eq!(series[0].count_in(month("2025-07")), Some(0));
    let codes: Vec<&str> = done.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["adjustment_not_agreed", "adjustment_exceeds_count"]);
    let applied: Vec<(&str, Decimal)> =
        done.results.iter().map(|r| (r.status, r.applied)).collect();
    assert_eq!(
        applied,
        [
            ("applied", d("48")),
            ("applied", d("-10")),
            ("applied", d("16")),
            ("not_agreed", d("0")),
            ("applied", d("-40")),
        ]
    );
    let circumstances = Circumstances {
        expected: done.expected,
        ..Circumstances::default()
    };
    let result = estimate_in(&series, &spec(), &circumstances);
    let row = total(&result);
    // (1,440 + 48) ÷ 36 = 41.3333 a month × 12 + 16 = 512; counted 480 − 10 − 40 = 430.
    assert_eq!((row.expected, row.actual), (Some(512.0), 430));
    assert_eq!(row.avoided, Some(82.0));
    // The hash is that of what was learned from: it sees the adjustment.
    let plain = estimate(&[stream("a", "P3", 30), stream("b", "P3", 10)], &spec());
    assert_ne!(plain.hashes, result.hashes);

    let mut untouched = vec![stream("a", "P3", 30)];
    let mut none = spec();
    none.adjustments = Adjustments::None;
    let done = adjust("C1", &mut untouched, &none, &rows[..1], at(NOW));
    assert_eq!(untouched, [stream("a", "P3", 30)]);
    assert_eq!(done.results[0].status, "not_used");
}

fn attribution(service: &str, priority: &str, party: &str, weight: &str) -> AttributionRow {
    AttributionRow {
        contract_id: "C1".to_owned(),
        service_id: service.to_owned(),
        priority: priority.to_owned(),
        party: party.to_owned(),
        weight: d(weight),
        agreed_at: Some(at("2024-12-01T00:00:00Z")),
    }
}

/// Two streams that fall from 40 to 30 and from 20 to 15 a month: 120 and 60 avoided.
fn fallen() -> Vec<Series> {
    let of = |service: &str, before: u64, after: u64| {
        let mut counts = vec![before; 36];
        counts.extend(vec![after; 12]);
        Series::complete(
            SeriesKey::new("C1", service, "P3"),
            month("2022-01"),
            &counts,
            &[100.0; 48],
        )
    };
    vec![of("a", 40, 30), of("b", 20, 15)]
}

#[test]
fn what_is_credited_is_the_agreed_share_of_what_is_measured() {
    let series = fallen();
    let mut spec = spec();
    let measured = estimate(&series, &spec);
    let row = total(&measured);
    assert_eq!((row.avoided, row.credited), (Some(180.0), Some(180.0)));
    assert_eq!(row.credited_low, row.ci_low);

    spec.causation = Causation::Agreed;
    let rows = [
        attribution("a", "", "supplier", "0.85"),
        attribution("a", "", "customer", "0.10"),
        attribution("b", "", "customer", "1"),
    ];
    let (weights, findings) = weights(&series, &spec, "SUP", &rows, &[], at(NOW));
    assert_eq!(findings[0].code, "reduction_not_credited");
    let circumstances = Circumstances {
        weights,
        ..Circumstances::default()
    };
    let result = estimate_in(&series, &spec, &circumstances);
    let row = total(&result);
    assert_eq!(row.avoided, Some(180.0));
    // 120 × 0.85; b is credited to nobody here.
    assert_eq!(row.credited, Some(102.0));
    // The interval is that of the stream × 0.85: the same relative width.
    let a = measured
        .joint
        .iter()
        .find(|r| {
            r.scope == Scope::Service("a".to_owned()) && r.period_kind == PeriodKind::Performance
        })
        .unwrap();
    let low = 0.85 * (a.ci_low.unwrap() + 360.0) - 306.0;
    assert!((row.credited_low.unwrap() - low).abs() < 0.01, "{row:?}");
    // Paid is on the bound of what is credited.
    assert_eq!(row.creditable, row.credited_low.map(|l| l.max(0.0)));

    // The name of the supplier is as good as the word; weights over 1 credit nobody.
    let named = [attribution("", "", "SUP", "0.5")];
    let (weights, _) = gainshare::baseline::weights(&series, &spec, "SUP", &named, &[], at(NOW));
    let circumstances = Circumstances {
        weights,
        ..Circumstances::default()
    };
    let half = estimate_in(&series, &spec, &circumstances);
    assert_eq!(total(&half).credited, Some(90.0));
    let over = [
        attribution("", "", "supplier", "0.7"),
        attribution("", "", "customer", "0.4"),
    ];
    let (weights, findings) =
        gainshare::baseline::weights(&series, &spec, "SUP", &over, &[], at(NOW));
    assert_eq!(findings[0].code, "attribution_over_one");
    assert_eq!(weights, Some(Weights::new()));
    // Agreed after the as-of moment is not agreed.
    let (weights, _) = gainshare::baseline::weights(
        &series,
        &spec,
        "SUP",
        &named,
        &[],
        at("2024-11-01T00:00:00Z"),
    );
    assert_eq!(weights, Some(Weights::new()));
}

#[test]
fn a_linked_reduction_counts_from_the_month_of_its_cause() {
    let series = fallen();
    let mut spec = spec();
    spec.causation = Causation::Linked;
    let links = [
        Link {
            contract_id: "C1".to_owned(),
            service_id: "a".to_owned(),
            from: month("2025-04"),
            what: "problem P1".to_owned(),
        },
        Link {
            contract_id: "C9".to_owned(),
            service_id: String::new(),
            from: month("2024-01"),
            what: "of another contract".to_owned(),
        },
    ];
    let (weights, _) = weights(&series, &spec, "SUP", &[], &links, at(NOW));
    let circumstances = Circumstances {
        weights,
        ..Circumstances::default()
    };
    let result = estimate_in(&series, &spec, &circumstances);
    let row = total(&result);
    // Nine months of ten avoided on a; nothing caused the fall of b.
    assert_eq!((row.avoided, row.credited), (Some(180.0), Some(90.0)));
    let january = result
        .joint
        .iter()
        .find(|r| {
            r.scope == Scope::Contract
                && r.period_kind == PeriodKind::Month
                && r.period.start() == month("2025-01")
        })
        .unwrap();
    assert_eq!((january.avoided, january.credited), (Some(15.0), Some(0.0)));
    assert_eq!(january.creditable, Some(0.0));
}

#[test]
fn peers_of_other_contracts_draw_a_lucky_baseline_back() {
    let mut spec = spec();
    spec.shrinkage = Shrinkage::Peers;
    spec.pooling_minimum = 0;
    let series = [stream("a", "P3", 10)];
    let alone = estimate(&series, &spec);
    assert!(alone.findings.iter().any(|f| f.code == "few_peers"));
    // Five other streams with 8, 7, 9, 6 and 10 a month: the population is lower.
    let others: Vec<Series> = [8, 7, 9, 6, 10]
        .iter()
        .enumerate()
        .map(|(n, count)| Series {
            key: SeriesKey::new(&format!("D{n}"), "x", "P3"),
            ..stream("x", "P3", *count)
        })
        .collect();
    let circumstances = Circumstances {
        peers: peer_levels(&others, &spec),
        ..Circumstances::default()
    };
    let drawn = estimate_in(&series, &spec, &circumstances);
    assert!(drawn.findings.iter().any(|f| f.code == "shrunk_to_peers"));
    // By hand: 36 months; P = 36 × 50 ÷ 6 = 300, own 360; Σ(O − P)² over the six streams
    // = 36² × (1.6667² × 2 + 0.3333² + 1.3333² + 0.6667² + 2.3333²) ≈ 1296 × 13.3333 = 17,280;
    // k = (17,280 − 6 × 300) ÷ (6 × 300²) = 0.028667; w = 1 ÷ (1 + 8.6) = 0.104167;
    // 0.104167 × 300 + 0.895833 × 360 = 353.75 in 36 months, 117.9167 in twelve.
    assert_eq!(total(&drawn).expected, Some(117.9167));
}

#[test]
fn months_outside_the_limits_of_the_baseline_are_an_early_warning() {
    let mut series = vec![stream("a", "P2", 15), stream("a", "P3", 10)];
    assert!(early_warnings(&series, &spec()).is_empty());
    // Centre 25 a month, limits 25 ± 15: 10 to 40.
    series[0].counts[38] = Some(31);
    series[0].counts[40] = Some(30);
    series[1].counts[42] = Some(0);
    series[0].counts[42] = Some(9);
    let found = early_warnings(&series, &spec());
    let said: Vec<(&str, &str)> = found
        .iter()
        .map(|f| (f.code.as_str(), f.evidence.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "chart_above_limits",
                "a 2025-03: 41 against a limit of 40.0"
            ),
            ("chart_below_limits", "a 2025-07: 9 against a limit of 10.0"),
        ]
    );
}
