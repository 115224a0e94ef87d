//! Outages that overlap and gaps between notices.

use gainshare::time::{Instant, Period, gaps_s, union};
use proptest::prelude::*;

fn at(text: &str) -> Instant {
    format!("2025-06-{text}:00Z").parse().unwrap()
}

fn outage(start: &str, end: &str) -> Period<Instant> {
    Period::new(at(start), at(end)).unwrap()
}

#[test]
fn golden_23_availability_counts_united_outages_once() {
    let days_30_s = outage("01T00:00", "30T00:00").wall_s() + 86_400;
    // The second outage is reported three times: twice overlapping and once inside.
    let outages = [
        outage("20T10:30", "20T11:00"),
        outage("03T08:00", "03T09:00"),
        outage("20T10:00", "20T10:40"),
        outage("20T10:10", "20T10:20"),
        outage("25T10:00", "25T10:00"),
    ];
    let united = union(&outages);
    let down_s: i64 = united.iter().map(Period::wall_s).sum();
    let n = united.len() as i64;
    assert_eq!((n, down_s), (2, 7200));
    assert_eq!(down_s / n, 3600);
    assert_eq!((days_30_s - down_s) / n, 1_292_400);
    // 99.7222 %, in ten-thousandths of a percent and cut down.
    assert_eq!((days_30_s - down_s) * 1_000_000 / days_30_s, 997_222);
}

#[test]
fn golden_24_gaps_between_notices() {
    let notices = [
        at("02T09:12"),
        at("02T09:40"),
        at("02T10:15"),
        at("02T10:44"),
    ];
    let end = at("02T11:10");
    assert_eq!(notices[0].wall_s_since(at("02T09:00")), 12 * 60);
    let gaps: Vec<i64> = gaps_s(&notices, end).map(|gap| gap / 60).collect();
    assert_eq!(gaps, [28, 35, 29, 26]);
    assert_eq!(
        gaps.iter().filter(|&&gap| gap <= 30).count() * 100 / gaps.len(),
        75
    );
    assert_eq!(gaps.iter().max(), Some(&35));
    // A closure notice after the end closes no gap, and silence has none.
    let late = [notices.as_slice(), &[at("02T11:30")]].concat();
    assert_eq!(gaps_s(&late, end).count(), 4);
    assert_eq!(gaps_s(&[], end).count(), 0);
}

proptest! {
    #[test]
    fn a_union_is_disjoint_in_order_and_contains_the_same(
        bounds in prop::collection::vec((0i64..100, 0i64..20), 0..12),
    ) {
        let periods: Vec<Period<i64>> =
            bounds.iter().map(|&(start, length)| Period::new(start, start + length).unwrap()).collect();
        let united = union(&periods);
        prop_assert!(united.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        for value in -1..130 {
            prop_assert_eq!(
                united.iter().any(|p| p.contains(value)),
                periods.iter().any(|p| p.contains(value))
            );
        }
        let mut reversed = periods;
        reversed.reverse();
        prop_assert_eq!(union(&reversed), united);
    }
}
