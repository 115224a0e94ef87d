//! The saving of a contract from its invoices: benchmark with index and rates, adjustments, claims
//! counted once, and what is refused. Every figure by hand.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;

use gainshare::baseline::saving::*;
use gainshare::finding::Severity;
use gainshare::measure::billing::{BillingCell, BillingCells, BillingClass, BillingKey};
use gainshare::money::{Currency, Decimal, FxRates};
use gainshare::time::{Instant, Month, Period};

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn span(from: &str, to: &str) -> Period<Month> {
    Period::new(month(from), month(to)).unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// A year of baseline (2024) with 1,000 users and 10,000.00 a month for mail, and a performance
/// year (2025) with 1,100 users and 10,400.00.
struct World {
    spec: SavingsSpec,
    billing: BillingCells,
    exposure: BTreeMap<(String, Month), u64>,
    indices: Vec<IndexValue>,
    fx: FxRates,
    adjustments: Vec<AdjustmentRow>,
    initiatives: Vec<InitiativeRow>,
    as_of: &'static str,
}

fn bill(world: &mut World, service: &str, at: Month, currency: Currency, amount: &str) {
    let key = BillingKey {
        contract_id: "C1".to_owned(),
        service_id: service.to_owned(),
        month: at,
        currency,
        class: BillingClass::Cost,
    };
    world.billing.insert(
        key,
        BillingCell {
            amount: d(amount),
            lines: 1,
        },
    );
}

fn world() -> World {
    let mut world = World {
        spec: SavingsSpec::default(),
        billing: BillingCells::new(),
        exposure: BTreeMap::new(),
        indices: Vec::new(),
        fx: FxRates::new(),
        adjustments: Vec::new(),
        initiatives: Vec::new(),
        as_of: "2026-02-10T00:00:00Z",
    };
    for n in 0..24 {
        let at = month("2024-01").plus(n);
        let (users, amount) = if n < 12 {
            (1_000, "10000.00")
        } else {
            (1_100, "10400.00")
        };
        world.exposure.insert(("mail".to_owned(), at), users);
        bill(&mut world, "mail", at, Currency::EUR, amount);
    }
    world
}

fn run(world: &World) -> SavingResult {
    let exposure = |service: &str, at: Month| {
        if service.is_empty() {
            let all = world.exposure.iter().filter(|((_, m), _)| *m == at);
            let sum: u64 = all.map(|(_, n)| *n).sum();
            (sum > 0).then_some(sum)
        } else {
            world.exposure.get(&(service.to_owned(), at)).copied()
        }
    };
    let facts = Facts {
        contract_id: "C1",
        currency: Currency::EUR,
        baseline: span("2024-01", "2025-01"),
        performance: span("2025-01", "2026-01"),
        billing: &world.billing,
        exposure: &exposure,
        indices: &world.indices,
        fx: &world.fx,
        rate_day: RateDay::MonthEnd,
        fx_decimals: 12,
        adjustments: &world.adjustments,
        initiatives: &world.initiatives,
        month_of: &|at| gainshare::time::Zone::new("UTC").unwrap().month_of(at),
        as_of: at(world.as_of),
    };
    let periods = [
        span("2024-01", "2025-01"),
        span("2025-03", "2025-04"),
        span("2025-01", "2026-01"),
    ];
    measure(&facts, &world.spec, &periods, &|_, _| None)
}

fn figures<'a>(
    result: &'a SavingResult,
    service: Option<&str>,
    period: Period<Month>,
) -> &'a Figures {
    &result.figures[&(service.map(str::to_owned), period)]
}

fn year(result: &SavingResult) -> &Compared {
    figures(result, None, span("2025-01", "2026-01"))
        .compared
        .as_ref()
        .unwrap()
}

fn march(result: &SavingResult) -> &Compared {
    figures(result, None, span("2025-03", "2025-04"))
        .compared
        .as_ref()
        .unwrap()
}

fn codes(result: &SavingResult) -> Vec<&str> {
    result.findings.iter().map(|f| f.code.as_str()).collect()
}

fn index(month_text: &str, value: &str, published: &str, revision: i64) -> IndexValue {
    IndexValue {
        index_id: "CPI".to_owned(),
        month: month(month_text),
        value: d(value),
        published_at: Some(at(published)),
        revision,
    }
}

fn adjustment(id: &str, measure: &str, amount: &str, agreed: bool) -> AdjustmentRow {
    AdjustmentRow {
        adjustment_id: id.to_owned(),
        contract_id: "C1".to_owned(),
        non_routine: true,
        measure: measure.to_owned(),
        amount: d(amount),
        currency: None,
        from: "2025-03-01".parse().unwrap(),
        to: "2025-05-01".parse().unwrap(),
        reason: "office closed".to_owned(),
        agreed_by_customer_at: Some(at("2025-03-04T12:00:00Z")),
        agreed_by_supplier_at: agreed.then(|| at("2025-03-05T12:00:00Z")),
    }
}

fn initiative(id: &str, by: &str, decided: &str, from: &str, promise: &str) -> InitiativeRow {
    InitiativeRow {
        initiative_id: id.to_owned(),
        contract_id: "C1".to_owned(),
        proposed_by: by.to_owned(),
        decided_at: Some(at(decided)),
        decision: "accepted".to_owned(),
        implemented_at: Some(at(from)),
        expected_saving: Some(d(promise)),
        currency: None,
        service_id: "mail".to_owned(),
        claims: "cost".to_owned(),
    }
}

#[test]
fn benchmark_is_unit_price_times_users() {
    let result = run(&world());
    // 120,000 ÷ 12,000 user-months = 10.00; × 1,100 = 11,000.00 a month.
    let m = march(&result);
    assert_eq!((m.benchmark, m.gross), (d("11000.00"), d("600.00")));
    let y = year(&result);
    assert_eq!((y.benchmark, y.verified), (d("132000.00"), d("7200.00")));
    // Every month lies on its price: the saving is certain.
    assert_eq!(y.half_width, Ok(Decimal::ZERO));
    assert_eq!(y.baseline_months, 12);
    let baseline = figures(&result, None, span("2024-01", "2025-01"));
    assert_eq!(baseline.actual, Ok(d("120000.00")));
    assert!(baseline.compared.is_err());
}

#[test]
fn prices_follow_the_published_index() {
    let mut world = world();
    for n in 0..24 {
        let at = month("2024-01").plus(n);
        // 100 in 2024; 104 in 2025, first published as 103 for March.
        let value = if n < 12 { "100" } else { "104" };
        world
            .indices
            .push(index(&at.to_string(), value, "2024-01-01T00:00:00Z", 2));
    }
    world
        .indices
        .push(index("2025-03", "103", "2025-04-15T00:00:00Z", 1));
    world.spec.index = Some(toml::from_str("id = \"CPI\"").unwrap());
    assert_eq!(march(&run(&world)).benchmark, d("11440.00")); // × 1.04
    // Half of the price follows: × 1.02.
    world.spec.index = Some(toml::from_str("id = \"CPI\"\nshare = \"50%\"").unwrap());
    assert_eq!(march(&run(&world)).benchmark, d("11220.00"));
    // The first figure counts: × 1.03.
    world.spec.index = Some(toml::from_str("id = \"CPI\"\nrevision = \"first\"").unwrap());
    assert_eq!(march(&run(&world)).benchmark, d("11330.00"));
    // January for the whole year, whatever March says.
    world.spec.index = Some(toml::from_str("id = \"CPI\"\nadjusts = \"yearly\"").unwrap());
    assert_eq!(march(&run(&world)).benchmark, d("11440.00"));
    // Not published by the as-of moment: not measurable, never guessed.
    world.indices.retain(|v| v.month != month("2025-03"));
    world
        .indices
        .push(index("2025-03", "104", "2026-03-01T00:00:00Z", 1));
    world.spec.index = Some(toml::from_str("id = \"CPI\"").unwrap());
    let result = run(&world);
    let why = figures(&result, None, span("2025-03", "2025-04"))
        .compared
        .clone()
        .unwrap_err();
    assert_eq!(
        why,
        "index CPI of 2025-03 was not published by the as-of moment"
    );
}

#[test]
fn invoices_in_another_currency_are_converted_with_the_rate_of_their_month() {
    let mut world = world();
    world.billing.retain(|k, _| k.month != month("2025-03"));
    bill(
        &mut world,
        "mail",
        month("2025-03"),
        Currency::USD,
        "11000.00",
    );
    let result = run(&world);
    assert!(codes(&result).contains(&"billing_currency"));
    assert!(
        figures(&result, None, span("2025-03", "2025-04"))
            .actual
            .is_err()
    );
    world
        .fx
        .insert(
            "2025-03-28".parse().unwrap(),
            Currency::USD,
            Currency::EUR,
            d("0.92"),
        )
        .unwrap();
    let result = run(&world);
    assert!(codes(&result).contains(&"billing_converted"));
    // 11,000 × 0.92 = 10,120.00; 11,000 − 10,120 = 880.00.
    assert_eq!(march(&result).gross, d("880.00"));
}

#[test]
fn only_agreed_adjustments_count_and_their_total_is_capped() {
    let mut world = world();
    world.adjustments = vec![
        adjustment("A1", "benchmark_cost", "-250", true),
        adjustment("A2", "benchmark_cost", "900", false),
        adjustment("A3", "actual_cost", "50", true),
    ];
    let result = run(&world);
    // March: 600 gross, benchmark lowered by 250, actual raised by 50: 300.
    assert_eq!(march(&result).verified, d("300.00"));
    // The year: two months of each: 7,200 − 500 − 100.
    assert_eq!(year(&result).verified, d("6600.00"));
    assert!(codes(&result).contains(&"adjustment_not_agreed"));
    let status: Vec<(&str, &str, Decimal)> = result
        .adjustments
        .iter()
        .map(|a| (a.row.adjustment_id.as_str(), a.status, a.applied))
        .collect();
    assert_eq!(
        status,
        [
            ("A1", "applied", d("-500")),
            ("A2", "not_agreed", Decimal::ZERO),
            ("A3", "applied", d("100")),
        ]
    );
    // 0.1 % of 11,000.00 is 11.00 in March.
    world.spec.adjustment_cap = Some(d("0.001"));
    let capped = run(&world);
    assert_eq!(march(&capped).verified, d("589.00"));
    assert!(codes(&capped).contains(&"adjustments_capped"));
    assert_eq!(capped.adjustments[0].status, "capped");
    // An agreement after the as-of moment is none.
    world.spec.adjustment_cap = None;
    world.as_of = "2025-03-04T13:00:00Z";
    assert_eq!(march(&run(&world)).adjustments, Decimal::ZERO);
}

#[test]
fn a_saving_claimed_twice_counts_once() {
    let mut world = world();
    let gross = |world: &World| year(&run(world)).verified;
    let alone = gross(&world);
    world.initiatives = vec![
        initiative(
            "I1",
            "supplier",
            "2024-11-01T00:00:00Z",
            "2025-01-01T00:00:00Z",
            "4800",
        ),
        initiative(
            "I2",
            "supplier",
            "2024-12-01T00:00:00Z",
            "2025-07-01T00:00:00Z",
            "12000",
        ),
    ];
    // From the invoices a saving is there once, whoever claims it.
    assert_eq!(gross(&world), alone);
    let result = run(&world);
    let row = |id: &str| {
        result
            .initiatives
            .iter()
            .find(|i| i.initiative_id == id)
            .unwrap()
            .clone()
    };
    let (first, second) = (row("I1"), row("I2"));
    // January to June 3,600 for I1 alone; July to December 3,600 for both: I1 promised 2,400 of
    // them, I2 gets the 1,200 that are left of its 6,000.
    assert_eq!(first.realised, Some(d("7200.00")));
    assert_eq!(first.credited, Some(d("6000.00")));
    assert_eq!(second.realised, Some(d("3600.00")));
    assert_eq!(second.credited, Some(d("1200.00")));
    assert_eq!(second.promised, Some(d("6000.00")));
    assert_eq!(second.double_claimed, Some(d("4800.00")));
    assert_eq!(second.shared_with, ["I1"]);
    // A year is a year; half of one is not scaled.
    assert_eq!(first.per_year, Some(d("7200.00")));
    assert_eq!(second.per_year, None);
    let refused = result
        .findings
        .iter()
        .find(|f| f.code == "annualisation_refused")
        .unwrap();
    assert_eq!(refused.severity, Severity::Disqualifying);
    assert!(codes(&result).contains(&"saving_claimed_twice"));

    // Only what initiatives claim counts: claims 7,200 + 3,600, of which 3,600 twice.
    world.spec.counted = Counted::Linked;
    let linked = run(&world);
    let y = year(&linked);
    assert_eq!(
        (y.gross, y.double_claims, y.verified),
        (d("10800.00"), d("3600.00"), d("7200.00"))
    );
    // What the customer's own initiative saved is not the supplier's.
    world.initiatives[0].proposed_by = "customer".to_owned();
    let y = year(&run(&world)).clone();
    assert_eq!(
        (y.gross, y.double_claims, y.verified),
        (d("3600.00"), d("2400.00"), d("1200.00"))
    );
    // Nobody claims: nothing counts.
    world.initiatives.clear();
    assert_eq!(year(&run(&world)).verified, Decimal::ZERO);
}

#[test]
fn scope_changes_agreed_prices_and_the_minimum_rate() {
    let mut world = world();
    world.spec = toml::from_str(
        r#"
        minimum_rate = "5.5%"
        prices = [{ service = "mail", price = "9.90" }]
        scope_changes = [{ from = "2025-03", to = "2025-04", monthly = "110.00", reason = "archive" }]
        "#,
    )
    .unwrap();
    let m = march(&run(&world)).clone();
    // 9.90 × 1,100 + 110 = 11,000.00; 600 is 5.4545 %.
    assert_eq!((m.benchmark, m.verified), (d("11000.00"), d("600.00")));
    assert_eq!(m.qualified, Decimal::ZERO);
    assert!(m.not_qualified.contains("605.00"), "{}", m.not_qualified);
    world.spec.minimum_rate = d("0.05");
    assert_eq!(march(&run(&world)).qualified, d("600.00"));
    let wrong = |text: &str| {
        let spec: SavingsSpec = toml::from_str(text).unwrap();
        spec.validate(&span("2025-01", "2026-01"))
            .unwrap_err()
            .to_string()
    };
    assert!(wrong("minimum_rate = \"120%\"").contains("minimum_rate"));
    assert!(
        wrong("prices = [{ service = \"a\", price = \"1\" }, { service = \"a\", price = \"2\" }]")
            .contains("two prices")
    );
    assert!(
        wrong("scope_changes = [{ from = \"2025-03\", to = \"2025-03\", monthly = \"1\", reason = \"r\" }]")
            .contains("ends in 2025-03")
    );
    assert!(toml::from_str::<SavingsSpec>("minimum = 2").is_err());
}

#[test]
fn a_fixed_part_is_learned_and_the_uncertainty_follows_the_scatter() {
    let mut world = world();
    for n in 0..24 {
        let at = month("2024-01").plus(n);
        let users = 1_000 + 10 * n as u64;
        world.exposure.insert(("mail".to_owned(), at), users);
        // 4,000 fixed + 6 a user, ± 100 by turns in the baseline; 300 less in 2025.
        let cost = 4_000 + 6 * users;
        let cost = match n {
            // By turns + − − +, which no line can follow.
            0..12 if n % 4 == 0 || n % 4 == 3 => cost + 100,
            0..12 => cost - 100,
            _ => cost - 300,
        };
        bill(&mut world, "mail", at, Currency::EUR, &cost.to_string());
    }
    world.spec.benchmark = BenchmarkMethod::Model;
    let result = run(&world);
    let y = year(&result);
    assert_eq!(y.gross, d("3600.00"));
    let fit = y.fit;
    assert!(fit.cvrmse_adjusted.unwrap() > 0.009 && fit.cvrmse_adjusted.unwrap() < 0.012);
    assert!(fit.nmbe.unwrap().abs() < 1e-6);
    // CalTRACK 4.3.2.4 by hand from the fit: P = 12, Q = M = 12, two coefficients, 90 %.
    let p = fit.effective_n.unwrap().min(12.0);
    let factor = -0.000_22 * 144.0 + 0.033_06 * 12.0 + 0.940_54;
    let t = 1.812_461; // Student, 10 degrees of freedom
    let share =
        t * factor * fit.cvrmse_adjusted.unwrap() * (12.0 / p * (1.0 + 2.0 / p) / 12.0).sqrt();
    let width = y.half_width.clone().unwrap().to_f64_lossy();
    assert!(
        (width - share * y.benchmark.to_f64_lossy()).abs() < 0.02,
        "{width}"
    );
    world.spec.max_uncertainty = Some(0.01);
    assert_eq!(year(&run(&world)).qualified, Decimal::ZERO);
    // Without any variation of users nothing variable can be learned.
    for users in world.exposure.values_mut() {
        *users = 1_000;
    }
    assert!(codes(&run(&world)).contains(&"columns_collinear"));
}

#[test]
fn what_has_no_price_or_exposure_is_not_measurable() {
    let mut world = world();
    bill(&mut world, "chat", month("2025-03"), Currency::EUR, "70.00");
    let result = run(&world);
    let why = |result: &SavingResult| {
        figures(result, None, span("2025-03", "2025-04"))
            .compared
            .clone()
            .unwrap_err()
    };
    assert!(why(&result).contains("service chat has invoices but none in the baseline"));
    assert!(codes(&result).contains(&"benchmark_without_price"));
    world.spec.prices =
        toml::from_str::<SavingsSpec>("prices = [{ service = \"chat\", price = \"0.10\" }]")
            .unwrap()
            .prices;
    assert!(why(&run(&world)).contains("has invoices but no exposure in 2025-03"));
    world
        .exposure
        .insert(("chat".to_owned(), month("2025-03")), 1_000);
    let result = run(&world);
    assert_eq!(march(&result).gross, d("630.00")); // 600 + 100 − 70
    let chat = figures(&result, Some("chat"), span("2025-03", "2025-04"));
    assert_eq!(chat.compared.as_ref().unwrap().gross, d("30.00"));
    // No invoice at all.
    world.billing.clear();
    assert!(run(&world).figures.is_empty());
}
