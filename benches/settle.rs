//! Settlement alone: a contract of 12 clauses over 36 months, as simulation calls it, and a
//! template over 482 contracts from measures to rows.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gainshare::money::{Decimal, FxRates};
use gainshare::settle::{
    Detail, Facts, Measures, Parameters, Plan, Settled, Table, read_measures, read_parameters,
    settle,
};
use gainshare::terms::Terms;
use gainshare::time::Month;

const TERMS: &str = r#"
schema = 1
[contract]
id = "C1"
currency = "EUR"
start = 2022-01-01

[measures]
hours = {}
rate = {}

[define]
saving = "benchmark_cost - actual_cost"

[[clause]]
id = "fee"
kind = "fixed_fee"
amount = 25_000
[[clause]]
id = "tickets"
kind = "per_ticket"
price = 12.5
[[clause]]
id = "volume"
kind = "volume_band"
quantity = "ticket_count"
baseline = 4_000
dead_band = "5%"
amount = 40_000
arc = 11
rrc = 8
[[clause]]
id = "gain"
kind = "gain_share"
basis = "saving"
steps = [
    { minimum = "2% * benchmark_cost", mode = "first_dollar" },
    { carry = "losses" },
    { bands = [{ to = 5_000, share = "30%" }, { to = 20_000, share = "50%" }, { share = "20%" }] },
    { quality = "clamp(sla_attainment, 80%, 100%)" },
    { cap = ["10% * benchmark_cost", 30_000] },
]
[[clause]]
id = "pain"
kind = "pain_share"
basis = "saving"
minimum = "2% * benchmark_cost"
share = "30%"
cap = "4% * benchmark_cost"
[[clause]]
id = "avoided"
kind = "incident_reduction"
price = 45
[[clause]]
id = "impact"
kind = "incident_reduction"
share = "12%"
[[clause]]
id = "credits"
kind = "service_credit"
amount = "fee"
at_risk = "10%"
levels = [
    { id = "sla", measure = "sla_attainment", target = 0.95, allocation = "60%", repeat = 2 },
    { id = "availability", measure = "availability", target = 0.995, allocation = "40%" },
]
[[clause]]
id = "notices"
kind = "communication"
amount = "fee"
at_risk = "5%"
levels = [{ id = "timely", measure = "notify_timely_share", target = 0.95, floor = 0.8, bonus = 1, malus = 1 }]
[[clause]]
id = "fund"
kind = "proactive_fund"
quantity = "hours"
price = 95
budget = 60_000
[[clause]]
id = "outcome"
kind = "outcome_share"
rate = "rate"
baseline = 0.2
quantity = 10_000
value = 5
share = "10%"
[[clause]]
id = "ceiling"
kind = "cap"
limit = 1_200_000
over_period = "contract_year"
"#;

const MEASURES: &[(&str, i64, u8)] = &[
    ("ticket_count", 3_890, 0),
    ("benchmark_cost", 25_000_000, 2),
    ("actual_cost", 23_412_345, 2),
    ("incidents_avoided", 2_105, 1),
    ("impact_avoided", 1_890_050, 2),
    ("sla_attainment", 9_421, 4),
    ("availability", 99_712, 5),
    ("notify_timely_share", 961, 3),
    ("hours", 445, 1),
    ("rate", 2_210, 4),
];

fn measures(months: i32) -> Measures {
    let mut measures = Measures::new();
    let first = Month::new(2022, 1).unwrap();
    for month in 0..months {
        for (name, value, scale) in MEASURES {
            // Every third month is a loss, every second misses a level.
            let value = i128::from(*value) * i128::from(100 + (month % 3) * 5) / 100;
            let value = Decimal::new(value, *scale).unwrap();
            measures.insert("C1", first.plus(month), name, None, value);
        }
    }
    measures
}

fn benches(criterion: &mut Criterion) {
    let terms = Terms::parse("bench", TERMS).unwrap();
    let plan = Plan::new(&terms.settle, "C1", &Parameters::new()).unwrap();
    let (fx, settled, disputes) = (
        Arc::new(FxRates::new()),
        Arc::new(Settled::new()),
        Arc::new(Vec::new()),
    );
    // What grows with the history: four and sixteen times as long.
    for months in [144, 576] {
        let inputs = plan.bind(&measures(months), &fx, &settled, &disputes);
        criterion.bench_function(&format!("settle 12 clauses × {months} months"), |b| {
            b.iter(|| plan.run(std::hint::black_box(&inputs), false));
        });
    }
    let measures = measures(36);
    let inputs = plan.bind(&measures, &fx, &settled, &disputes);
    let outcome = plan.run(&inputs, false);
    assert_eq!(outcome.results.len(), 12 * 36);
    assert!(outcome.results.iter().all(|r| r.failure.is_none()));

    criterion.bench_function("settle 12 clauses × 36 months", |b| {
        b.iter(|| plan.run(std::hint::black_box(&inputs), false));
    });
    criterion.bench_function("the same with every step explained", |b| {
        b.iter(|| plan.settle(std::hint::black_box(&inputs), Detail::Steps));
    });
    criterion.bench_function("bind measures of 12 clauses × 36 months", |b| {
        b.iter(|| plan.bind(std::hint::black_box(&measures), &fx, &settled, &disputes));
    });

    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/a6_mssp_py2022");
    let text = std::fs::read_to_string(format!("{case}/terms.toml")).unwrap();
    let template = Terms::parse("terms.toml", &text).unwrap();
    let bytes = std::fs::read(format!("{case}/measures.csv")).unwrap();
    criterion.bench_function("482 contracts from one template, table to rows", |b| {
        b.iter_batched(
            || bytes.clone(),
            |bytes| {
                let table = Table::from_csv("measures.csv", &bytes, ',').unwrap();
                let mut facts = Facts::default();
                read_measures(
                    &template.settle,
                    std::slice::from_ref(&table),
                    &mut facts.measures,
                )
                .unwrap();
                read_parameters(&template.settle, &[table], &mut facts.parameters).unwrap();
                settle(&template.settle, &facts, Detail::Steps)
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group! {
    name = group;
    config = Criterion::default().sample_size(20);
    targets = benches
}
criterion_main!(group);
