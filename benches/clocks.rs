//! Speed of what is asked once per ticket: the month of an instant, business seconds, due
//! times, whole clocks. Not responsible for the stages as wholes (see `stages`).
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gainshare::measure::clock::{ClockState, Segment, Track, Until, read_clock};
use gainshare::measure::clock_policy::ClockPolicy;
use gainshare::measure::histogram::SparseHistogram;
use gainshare::time::{BusinessCalendar, CalendarDefinition, Instant, Zone};

const TICKETS: usize = 4096;

/// Openings over three years, and durations from minutes to weeks, in no order.
fn tickets() -> Vec<(Instant, Instant)> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64
    };
    (0..TICKETS)
        .map(|_| {
            let opened = Instant::from_seconds(1_640_995_200 + next() % 94_608_000);
            let longest = 600 << (next() % 12);
            (opened, opened.plus_seconds(next() % longest))
        })
        .collect()
}

fn office() -> BusinessCalendar {
    let definition: CalendarDefinition = toml::from_str(
        "id = 'office'\nzone = 'Europe/Amsterdam'\nholidays = ['2024-12-25']\n\
         weekly = { mon = ['08:00-12:30', '13:00-17:00'], tue = ['08:00-17:00'], \
         wed = ['08:00-17:00'], thu = ['08:00-17:00'], fri = ['08:00-17:00'] }",
    )
    .unwrap();
    BusinessCalendar::new(&definition).unwrap()
}

fn clocks(criterion: &mut Criterion) {
    let tickets = tickets();
    let calendar = office();
    let zone = Zone::new("Europe/Amsterdam").unwrap();
    let mut group = criterion.benchmark_group("clocks");
    group.throughput(Throughput::Elements(TICKETS as u64));
    group.bench_function("month_of", |b| {
        b.iter(|| {
            tickets
                .iter()
                .map(|t| zone.month_of(t.0).ordinal())
                .fold(0, i32::wrapping_add)
        })
    });
    group.bench_function("business_s", |b| {
        b.iter(|| {
            tickets
                .iter()
                .map(|t| calendar.business_s(t.0, t.1).unwrap())
                .sum::<i64>()
        })
    });
    group.bench_function("add_business", |b| {
        b.iter(|| {
            let due = |t: &(Instant, Instant)| calendar.add_business(t.0, black_box(28_800));
            tickets
                .iter()
                .filter_map(due)
                .map(Instant::micros)
                .fold(0, i64::wrapping_add)
        })
    });
    group.bench_function("split_by_month", |b| {
        b.iter(|| {
            let parts =
                |t: &(Instant, Instant)| calendar.split_by_month(t.0, t.1, &zone).unwrap().count();
            tickets.iter().map(parts).sum::<usize>()
        })
    });
    group.bench_function("clock_of_three_segments", |b| {
        let policy = ClockPolicy::default();
        b.iter(|| {
            let late = |t: &&(Instant, Instant)| {
                let middle = t.0.plus_seconds(t.1.wall_s_since(t.0) / 2);
                let segment = |start, state, priority| Segment {
                    start,
                    state,
                    priority,
                    schedule: 0,
                };
                let segments = [
                    segment(t.0, ClockState::Running, 3),
                    segment(middle, ClockState::Running, 2),
                    segment(t.1, ClockState::Resolved, 2),
                ];
                let track = Track {
                    segments: &segments,
                    until: Until::Resolution,
                    unplaced_hold_s: 0,
                };
                let reading = read_clock(&track, &policy, |_| Some(28_800), &[&calendar]).unwrap();
                reading.stopped_at > reading.due_at
            };
            tickets.iter().filter(late).count()
        })
    });
    group.bench_function("histogram_add", |b| {
        b.iter(|| {
            let mut histogram = SparseHistogram::new();
            tickets
                .iter()
                .for_each(|t| histogram.add(t.1.wall_s_since(t.0) as u64));
            histogram
        })
    });
    group.finish();
    criterion.bench_function("calendar_new", |b| b.iter(office));
    criterion.bench_function("zone_new", |b| {
        b.iter(|| Zone::new(black_box("Europe/Amsterdam")))
    });
}

criterion_group!(benches, clocks);
criterion_main!(benches);
