//! Simulation and back-test: the same bytes for any number of threads, no payment for luck where
//! the terms pay on the lower end, and schemes that add up.
#![allow(clippy::unwrap_used, clippy::panic)]

use gainshare::judge::align::Given;
use gainshare::judge::backtest::{Scheme, backtest};
use gainshare::judge::simulate::{Conduct, Scenario, Settings, SimulationRow, simulate};
use gainshare::money::Decimal;
use gainshare::settle::{Facts, PeriodKey};
use gainshare::terms::Terms;

const HEAD: &str = r#"
schema = 1
[contract]
id = "C1"
currency = "EUR"
start = 2024-01-01
[alignment]
price = 35
cost_to_serve = 20
impact = 90
"#;

fn terms(clauses: &str) -> Terms {
    Terms::parse("t", &format!("{HEAD}{clauses}")).unwrap_or_else(|e| {
        let problems: Vec<_> = e.problems().collect();
        panic!("{problems:?}")
    })
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    for month in 1..=12 {
        let key: PeriodKey = format!("2024-{month:02}").parse().unwrap();
        for (name, value) in [
            ("ticket_count", 900),
            ("incidents_expected", 1_000),
            ("incidents_avoided", 100),
            ("impact_cost", 81_000),
        ] {
            facts
                .measures
                .insert("C1", key, name, None, Decimal::from_i64(value));
        }
    }
    let year: PeriodKey = "2024".parse().unwrap();
    let lower = Decimal::from_i64(700);
    facts
        .measures
        .insert("C1", year, "incidents_avoided_lower", None, lower);
    facts
}

fn settings(conduct: Conduct) -> Settings {
    Settings {
        paths: 600,
        scenarios: vec![Scenario {
            name: "one".into(),
            growth: 0.0,
            outage: 0.0,
            conduct,
        }],
        sensitivity: false,
        ..Settings::default()
    }
}

const LOWER: &str = r#"
[[clause]]
id = "avoided"
kind = "incident_reduction"
per = "contract_year"
paid_on = "lower_bound"
price = 12.5
"#;

const ESTIMATE: &str = r#"
[[clause]]
id = "avoided"
kind = "incident_reduction"
per = "contract_year"
price = 12.5
"#;

fn incentive(terms: &Terms, settings: &Settings) -> SimulationRow {
    let rows = simulate(&terms.settle, &facts(), "C1", &Given::default(), settings).unwrap();
    rows.into_iter()
        .find(|r| r.quantity == "incentive")
        .unwrap()
}

/// Where nothing is prevented the estimate is above zero in about half of the years, the lower
/// end of a 95 % interval in about one in forty: what the interval promises.
#[test]
fn idling_is_paid_half_of_the_time_on_the_estimate_and_hardly_on_the_lower_end() {
    let estimate = incentive(&terms(ESTIMATE), &settings(Conduct::Idles));
    let lower = incentive(&terms(LOWER), &settings(Conduct::Idles));
    let part = |row: &SimulationRow| row.paid_for_nothing.unwrap().to_f64_lossy();
    assert!((0.43..=0.57).contains(&part(&estimate)), "{estimate:?}");
    assert!((0.008..=0.05).contains(&part(&lower)), "{lower:?}");
}

/// The smallest provable reduction is one that shows with a power of 80 %.
#[test]
fn the_smallest_provable_reduction_is_paid_in_four_years_of_five() {
    let row = incentive(&terms(LOWER), &settings(Conduct::PreventsProvable));
    let missed = row.not_paid_for_something.unwrap().to_f64_lossy();
    assert!((0.15..=0.25).contains(&missed), "{row:?}");
}

/// A reduction of 10 % pays on average price × prevented on the estimate.
#[test]
fn the_mean_of_the_estimate_is_right() {
    let row = incentive(&terms(ESTIMATE), &settings(Conduct::Prevents(0.1)));
    let mean = row.mean.to_f64_lossy();
    let truth = 12.5 * 1_200.0;
    // Standard deviation of a year's estimate: about √(1.5 · 12,000 · (1 + 12/24)) = 164.
    let allowed = 3.0 * 164.0 * 12.5 / 600f64.sqrt();
    assert!((mean - truth).abs() < allowed, "{mean} against {truth}");
}

/// Hiding 15 % of incidents is paid like preventing them, and nobody prevented anything.
#[test]
fn gaming_is_paid_for_nothing() {
    let row = incentive(&terms(LOWER), &settings(Conduct::Games(0.15)));
    assert!(
        row.paid_for_nothing.unwrap() > "0.99".parse().unwrap(),
        "{row:?}"
    );
}

#[test]
fn any_number_of_threads_draws_the_same() {
    let terms = terms(LOWER);
    let settings = Settings {
        paths: 300,
        ..Settings::default()
    };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            simulate(&terms.settle, &facts(), "C1", &Given::default(), &settings).unwrap()
        })
    };
    let one = with(1);
    assert!(one.len() > 20);
    assert_eq!(one, with(4));
    let other = Settings {
        seed: 2,
        ..settings
    };
    let again = simulate(&terms.settle, &facts(), "C1", &Given::default(), &other).unwrap();
    assert_ne!(one, again);
}

#[test]
fn no_volume_and_bad_settings_are_refused() {
    let terms = terms(LOWER);
    let empty = Facts {
        months: Some(
            "2024"
                .parse::<PeriodKey>()
                .unwrap()
                .span("2024-01".parse().unwrap()),
        ),
        ..Facts::default()
    };
    let error = simulate(
        &terms.settle,
        &empty,
        "C1",
        &Given::default(),
        &Settings::default(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("no incidents are known"),
        "{error}"
    );
    let bad = Settings {
        dispersion: 0.5,
        ..Settings::default()
    };
    let error = simulate(&terms.settle, &facts(), "C1", &Given::default(), &bad).unwrap_err();
    assert!(error.to_string().contains("dispersion"), "{error}");
}

/// 900 tickets a month at 35 are 31,500; they cost 18,000; impact is 81,000.
#[test]
fn schemes_are_settled_on_the_same_history() {
    let tickets = terms("[[clause]]\nid = \"tickets\"\nkind = \"per_ticket\"\nprice = 35\n");
    let fixed = terms("[[clause]]\nid = \"fee\"\nkind = \"fixed_fee\"\namount = 30_000\n");
    let schemes = [
        Scheme {
            name: "tickets",
            spec: &tickets.settle,
        },
        Scheme {
            name: "fixed",
            spec: &fixed.settle,
        },
    ];
    let (rows, findings) = backtest(&schemes, &tickets.settle, &facts(), &Given::default());
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(rows.len(), 24);
    let number = |n: i64| Some(Decimal::from_i64(n));
    for row in &rows {
        let (revenue, profit) = if row.scheme == "tickets" {
            (31_500, 13_500)
        } else {
            (30_000, 12_000)
        };
        assert_eq!(row.supplier_revenue, number(revenue));
        assert_eq!(row.supplier_profit, number(profit));
        assert_eq!(row.impact_cost, number(81_000));
        assert_eq!(row.customer_total_cost, number(revenue + 81_000));
    }
}
