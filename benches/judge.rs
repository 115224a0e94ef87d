//! Alignment and simulation of a contract of 12 clauses over 36 months.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use gainshare::judge::align::{Given, Ratios, align};
use gainshare::judge::simulate::{Conduct, Scenario, Settings, simulate};
use gainshare::money::Decimal;
use gainshare::settle::Facts;
use gainshare::terms::Terms;
use gainshare::time::Month;

const TERMS: &str = include_str!("judge_terms.toml");

const MEASURES: &[(&str, i64, u8)] = &[
    ("ticket_count", 3_890, 0),
    ("benchmark_cost", 25_000_000, 2),
    ("actual_cost", 23_412_345, 2),
    ("incidents_expected", 4_100, 0),
    ("incidents_avoided", 2_105, 1),
    ("impact_avoided", 1_890_050, 2),
    ("sla_attainment", 9_421, 4),
    ("availability", 99_712, 5),
    ("notify_timely_share", 961, 3),
    ("hours", 445, 1),
    ("rate", 2_210, 4),
];

fn facts() -> Facts {
    let mut facts = Facts::default();
    let first = Month::new(2022, 1).unwrap();
    for month in 0..36 {
        for (name, value, scale) in MEASURES {
            let value = i128::from(*value) * i128::from(100 + (month % 3) * 5) / 100;
            let value = Decimal::new(value, *scale).unwrap();
            facts
                .measures
                .insert("C1", first.plus(month), name, None, value);
        }
    }
    facts
}

fn benches(criterion: &mut Criterion) {
    let terms = Terms::parse("bench", TERMS).unwrap();
    let facts = facts();
    let given = Given {
        repair: true,
        ..Given::default()
    };
    let found = align(&terms.settle, &facts, &Ratios::new(), &given);
    assert!(found.rows.len() > 30, "{:?}", found.findings);
    criterion.bench_function("align 12 clauses × 36 months, with repairs", |b| {
        b.iter(|| {
            align(
                &terms.settle,
                std::hint::black_box(&facts),
                &Ratios::new(),
                &given,
            )
        });
    });
    let settings = Settings {
        paths: 10_000,
        scenarios: vec![Scenario {
            name: "prevents".into(),
            growth: 0.0,
            outage: 0.0,
            conduct: Conduct::Prevents(0.15),
        }],
        sensitivity: false,
        ..Settings::default()
    };
    criterion.bench_function("10,000 simulated settlements of it", |b| {
        b.iter(|| {
            simulate(
                &terms.settle,
                std::hint::black_box(&facts),
                "C1",
                &given,
                &settings,
            )
            .unwrap()
        });
    });
}

criterion_group! {
    name = group;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(group);
