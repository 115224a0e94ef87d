//! Integrity: golden E27, the correction for many tests, false alarms over honest contracts and
//! the power against each kind of gaming.
#![allow(clippy::unwrap_used, clippy::panic)]

use gainshare::judge::integrity::{
    Counts, Kind, MonthCounts, benjamini_hochberg, binomial_two_sided, cleared, dispersion,
    excess_mass, odds_greater, ranks_greater, rate_greater, test,
};
use gainshare::measure::integrity::IntegrityCell;
use gainshare::synth::conduct;

/// Golden E27.
#[test]
fn bunching_has_the_published_p_values() {
    assert_eq!(format!("{:.4e}", binomial_two_sided(90, 30)), "3.7728e-8");
    assert_eq!(format!("{:.6}", binomial_two_sided(60, 40)), "0.056888");
    assert_eq!(binomial_two_sided(7, 7), 1.0);
    let before: Vec<u64> = (0..11).map(|i| 100 - 2 * i).collect();
    let (counterfactual, excess, ratio) = excess_mass(&before, 200).unwrap();
    assert!((counterfactual - 78.0).abs() < 1e-9);
    assert!((excess - 122.0).abs() < 1e-9);
    assert_eq!(format!("{ratio:.4}"), "1.5641");
}

/// The fifteen p values of Benjamini and Hochberg (1995, section 4): four are rejected at 5 %.
#[test]
fn the_correction_rejects_the_published_four() {
    let p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0000,
    ];
    let q = benjamini_hochberg(&p);
    assert_eq!(q.iter().filter(|q| **q <= 0.05).count(), 4);
    assert!((q[3] - 0.035625).abs() < 1e-12);
    let mut shuffled = p;
    shuffled.reverse();
    let mut again = benjamini_hochberg(&shuffled);
    again.reverse();
    assert_eq!(q, again);
}

/// Fisher's tea: 3 of 4 against 1 of 4 is 17/70. And 2 of 10 events in a tenth of the exposure
/// is a binomial tail, 1 − 0.9^10 − 10 × 0.1 × 0.9^9.
#[test]
fn exact_tests_are_exact() {
    let (p, _) = odds_greater((3, 1), (1, 3)).unwrap();
    assert!((p - 17.0 / 70.0).abs() < 1e-12, "{p}");
    let (p, _) = rate_greater((2, 1.0), (8, 9.0), 1.0).unwrap();
    let tail = 1.0 - 0.9_f64.powi(10) - 10.0 * 0.1 * 0.9_f64.powi(9);
    assert!((p - tail).abs() < 1e-12, "{p} against {tail}");
}

/// Events of months that scatter four times as much as chance, and months that cannot.
#[test]
fn scattering_months_weigh_less() {
    let even: Vec<(u64, f64)> = (0..12).map(|_| (10, 100.0)).collect();
    assert_eq!(dispersion(&even), 1.0);
    // Means of 10, alternately 16 and 4: Pearson 12 × 36 ÷ 10 over 11 degrees of freedom.
    let uneven: Vec<(u64, f64)> = (0..12)
        .map(|i| (if i % 2 == 0 { 16 } else { 4 }, 100.0))
        .collect();
    assert!((dispersion(&uneven) - 43.2 / 11.0).abs() < 1e-12);
    // Months without opportunities say nothing, and five months too little.
    let mut gaps = uneven.clone();
    gaps.extend([(0, 0.0); 20]);
    assert_eq!(dispersion(&gaps), dispersion(&uneven));
    assert_eq!(dispersion(&uneven[..5]), 1.0);
    let (alone, _) = rate_greater((40, 1_000.0), (40, 2_000.0), 1.0).unwrap();
    let (scattered, ratio) = rate_greater((40, 1_000.0), (40, 2_000.0), 3.0).unwrap();
    assert!(alone < 0.002 && scattered > 0.01, "{alone} {scattered}");
    assert!((ratio - 2.0).abs() < 1e-9);
}

/// Six of 12 values above all others: the greatest rank sum there is. And two equal groups.
#[test]
fn ranks_are_compared() {
    let low: Vec<f64> = (0..12).map(f64::from).collect();
    let high: Vec<f64> = (12..18).map(f64::from).collect();
    // U = 72, mean 36, variance 12 × 6 × 19 ÷ 12 = 114: z = 35.5 ÷ √114.
    let p = ranks_greater(&high, &low).unwrap();
    let z = 35.5 / 114.0_f64.sqrt();
    let expected = gainshare::baseline::special::normal_cdf(-z);
    assert!((p - expected).abs() < 1e-12, "{p} against {expected}");
    assert!(ranks_greater(&low, &high).unwrap() > 0.999);
    assert_eq!(ranks_greater(&[1.0; 12], &[1.0; 24]), None);
    assert_eq!(ranks_greater(&high[..5], &low), None);
}

/// `gainshare calibrate --integrity --contracts 102`, as docs/integrity.md states it for 504: at
/// most 5 % of honest contracts get any flag. Contracts with outages, reorganisations and customers
/// who leave are among them.
#[test]
fn honest_contracts_are_hardly_ever_flagged() {
    let found = conduct::flags(1, 17, 1.0, None).unwrap();
    assert_eq!(found.contracts, 102);
    assert!(found.any <= 5, "{found:?}");
}

/// The power against each kind of gaming, as docs/integrity.md states it.
#[test]
fn gaming_is_found_with_the_stated_power() {
    for kind in Kind::ALL {
        let found = conduct::flags(1, 4, 1.0, Some(*kind)).unwrap();
        let flagged = found.by_test.get(kind).copied().unwrap_or_default();
        assert_eq!(found.contracts, 24);
        assert!(flagged >= 19, "{}: {found:?}", kind.name());
    }
}

#[test]
fn too_few_cases_say_nothing() {
    let rows = test("C", "2025", &Counts::default(), &Counts::default());
    assert_eq!(rows.len(), Kind::ALL.len());
    assert_eq!(cleared(&rows), None);
    for row in rows {
        assert_eq!((row.p_value, row.flagged), (None, false));
        assert!(row.verdict.starts_with("Not tested: "), "{}", row.verdict);
    }
}

/// Holds before breaches in twelve months of performance, none in two years before.
fn held(late: u64) -> (Counts, Counts) {
    let month = |late_holds| MonthCounts {
        cell: IntegrityCell {
            incidents: 100,
            restored: 100,
            holds: 20,
            late_holds,
            ..IntegrityCell::default()
        },
        incidents: 100,
        exposure: 1.0,
        ..MonthCounts::default()
    };
    let of = |months: usize, late| Counts {
        months: (0..months).map(|_| month(late)).collect(),
        ..Counts::default()
    };
    (of(24, 0), of(12, late))
}

/// A flag stands in the way until somebody cleared it; it stays a flag.
#[test]
fn a_flag_is_cleared_by_a_decision_only() {
    let (before, now) = held(2);
    let mut rows = test("C", "2025", &before, &now);
    let at = rows
        .iter()
        .position(|r| r.kind == Kind::HoldBeforeBreach)
        .unwrap();
    assert!(rows[at].flagged);
    assert_eq!(rows.iter().filter(|r| r.flagged).count(), 1);
    assert_eq!(
        rows[at].verdict,
        "There are 98 times as many holds that start just before a breach as in the baseline; the \
         corrected probability of that by chance is less than one in a thousand. Look at the \
         tickets named."
    );
    assert_eq!(cleared(&rows), Some(false));
    rows[at].cleared = Some("a supplier's part was late".to_owned());
    assert_eq!(cleared(&rows), Some(true));
    assert!(rows[at].flagged);
    // The other way round is no gaming.
    assert_eq!(cleared(&test("C", "2025", &now, &before)), Some(true));
}
