//! Simulation and back-test: the same bytes for any number of threads, no payment for luck where
//! the terms pay on the lower end, and schemes that add up.
#![allow(clippy::unwrap_used, clippy::panic)]

use gainshare::judge::align::{Given, Term};
use gainshare::judge::backtest::{Scheme, backtest};
use gainshare::judge::simulate::optimise::{Wish, optimise};
use gainshare::judge::simulate::{Conduct, Fitted, Scenario, Settings, SimulationRow, simulate};
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

/// Half of 125 per avoided incident above 2 %, at most 150,000 a year.
const GAIN: &str = r#"
[[clause]]
id = "gain"
kind = "gain_share"
per = "contract_year"
basis = "incidents_avoided * 125"
minimum = "2% * 1500000"
minimum_mode = "first_dollar"
share = "50%"
cap = "10% * 1500000"
"#;

fn search(wish: &Wish) -> Result<gainshare::judge::simulate::optimise::Found, String> {
    let terms = terms(GAIN);
    let settings = Settings {
        paths: 100,
        ..settings(Conduct::Prevents(0.15))
    };
    optimise(
        &terms.settle,
        &facts(),
        "C1",
        &Given::default(),
        &settings,
        wish,
    )
    .map_err(|e| e.to_string())
}

const TERMS: [Term; 3] = [Term::Share, Term::Cap, Term::Minimum];

/// 1,800 incidents prevented are 225,000, half of it 112,500 a year.
#[test]
fn terms_that_satisfy_are_left_alone_and_others_change_as_little_as_they_must() {
    let wish = |most: i64| Wish {
        terms: TERMS.to_vec(),
        customer_pays: Some(Decimal::from_i64(most)),
        ..Wish::default()
    };
    let found = search(&wish(150_000)).unwrap();
    assert!(found.changes.is_empty(), "{found:?}");
    let pays = found.pays.to_f64_lossy();
    assert!((100_000.0..125_000.0).contains(&pays), "{found:?}");

    let found = search(&wish(90_000)).unwrap();
    assert!(found.pays <= Decimal::from_i64(90_000), "{found:?}");
    // Brought back as far as it goes: less than a fiftieth is given away.
    assert!(found.pays > Decimal::from_i64(88_000), "{found:?}");
    assert_eq!(found.changes.len(), 1, "{found:?}");
    assert_eq!(found, search(&wish(90_000)).unwrap());
}

/// Below 2 % one more costs the supplier its margin of 15: only without the minimum is every
/// region aligned, and 30 % of incidents are beyond the cap.
#[test]
fn alignment_up_to_a_part_is_a_constraint() {
    let found = search(&Wish {
        terms: TERMS.to_vec(),
        aligned_to: Some("0.3".parse().unwrap()),
        ..Wish::default()
    })
    .unwrap();
    let of = |term: &str| found.changes.iter().find(|c| c.term == term);
    assert!(of("msr").is_some(), "{found:?}");
    let cap = of("cap").unwrap();
    // 30 % of 12,000 are 3,600 incidents: 225,000 at half of 125.
    assert!(cap.to >= Decimal::from_i64(224_000), "{found:?}");
}

#[test]
fn contradictory_constraints_are_named() {
    let wish = Wish {
        terms: TERMS.to_vec(),
        customer_pays: Some(Decimal::from_i64(50_000)),
        supplier_keeps: Some(Decimal::from_i64(200_000)),
        ..Wish::default()
    };
    let alone = Wish {
        customer_pays: None,
        ..wish.clone()
    };
    let kept = search(&alone);
    assert!(kept.is_ok(), "{kept:?}");
    let error = search(&wish).unwrap_err();
    assert!(
        error.contains("contradict each other: the supplier keeps at least 200000, and the customer pays at most 50000"),
        "{error}"
    );
    let error = search(&Wish {
        customer_pays: Some(Decimal::from_i64(-1)),
        supplier_keeps: None,
        ..wish.clone()
    })
    .unwrap_err();
    assert!(
        error.starts_with("no terms satisfy this: the customer pays at most -1"),
        "{error}"
    );
    let error = search(&Wish {
        terms: vec![Term::Price],
        ..wish
    })
    .unwrap_err();
    assert!(error.contains("has a price above 0"), "{error}");
}

/// A fitted baseline takes the place of the rule of thumb: the wider it is, the less is certain.
#[test]
fn years_are_drawn_from_the_uncertainty_of_the_baseline() {
    let lower = terms(LOWER);
    let with = |relative_error: f64| {
        let settings = Settings {
            relative_error: Some(relative_error),
            ..settings(Conduct::Prevents(0.15))
        };
        incentive(&lower, &settings).mean
    };
    assert!(with(0.01) > with(0.05));
    let joint = |std_error: f64| gainshare::baseline::JointRow {
        contract_id: "C1".into(),
        scope: gainshare::baseline::Scope::Contract,
        period_kind: gainshare::baseline::PeriodKind::Performance,
        period: gainshare::time::Period::spanning(
            "2024-01".parse().unwrap(),
            "2025-01".parse().unwrap(),
        ),
        actual: 9_000,
        expected: Some(10_000.0),
        avoided: Some(1_000.0),
        std_error: Some(std_error),
        ci_low: None,
        ci_high: None,
        ci_level: 0.9,
        rate_ratio: None,
        credited: None,
        credited_low: None,
        credited_high: None,
        creditable: None,
        cell_months: 12,
        excluded_cells: 0,
        excluded_months: 0,
        provisional: false,
        status: gainshare::baseline::Status::Ok,
        reason: String::new(),
    };
    let of = |std_error: f64| {
        let baseline = gainshare::baseline::BaselineResult {
            joint: vec![joint(std_error)],
            ..Default::default()
        };
        Fitted::of(&baseline, "C1").unwrap()
    };
    // 500² = 10,000 × 1 + (0.0490 × 10,000)².
    let fitted = of(500.0);
    assert_eq!((fitted.dispersion, fitted.level), (1.0, 0.9));
    assert!(
        (fitted.relative_error - 0.048_989_8).abs() < 1e-6,
        "{fitted:?}"
    );
    // No more than counts alone scatter: nothing is left for the parameters.
    assert_eq!(of(100.0).relative_error, 0.0);
}

/// A verified saving of 50,000 whose 95 % interval starts at 10,000. An idle supplier saves nothing:
/// on the estimate it is paid in half of all years, on the lower end in one of forty.
#[test]
fn a_saving_is_as_uncertain_as_its_interval_says() {
    let clause = |basis: &str| {
        terms(&format!(
            "[[clause]]\nid = \"gain\"\nkind = \"gain_share\"\nper = \"contract_year\"\n\
             basis = \"{basis}\"\nshare = \"50%\"\n"
        ))
    };
    let mut facts = facts();
    let year: PeriodKey = "2024".parse().unwrap();
    for (name, value) in [
        ("verified_saving", 50_000),
        ("verified_saving_lower", 10_000),
    ] {
        let value = Decimal::from_i64(value);
        facts.measures.insert("C1", year, name, None, value);
    }
    let row = |basis: &str, conduct: Conduct| {
        let terms = clause(basis);
        let rows = simulate(
            &terms.settle,
            &facts,
            "C1",
            &Given::default(),
            &settings(conduct),
        );
        let mut rows = rows.unwrap().into_iter();
        rows.find(|r| r.quantity == "incentive").unwrap()
    };
    let nothing = |basis| {
        row(basis, Conduct::Idles)
            .paid_for_nothing
            .unwrap()
            .to_f64_lossy()
    };
    let (estimate, lower) = (nothing("verified_saving"), nothing("verified_saving_lower"));
    assert!((0.43..=0.57).contains(&estimate), "{estimate}");
    assert!((0.008..=0.05).contains(&lower), "{lower}");
    let mean = row("verified_saving", Conduct::Prevents(0.1))
        .mean
        .to_f64_lossy();
    // 25,000 and a standard error of 20,408 × 0.5 ÷ √600.
    assert!(
        (mean - 25_000.0).abs() < 3.0 * 10_204.0 / 600f64.sqrt(),
        "{mean}"
    );
}
