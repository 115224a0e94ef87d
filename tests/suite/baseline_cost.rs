//! Savings in exact money: benchmark, what counts as cost, adjustments, double claims, freed time.

#![allow(clippy::unwrap_used, reason = "test code")]

use gainshare::baseline::cost::*;
use gainshare::money::{Currency, Decimal, FxRates};
use gainshare::time::{Date, Month, Period};

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn quarter() -> Period<Month> {
    Period::new(month("2024-03"), month("2024-06")).unwrap()
}

fn benchmark(price: &str, volume: &str) -> BenchmarkLine {
    BenchmarkLine {
        service_id: "mail".into(),
        month: month("2024-03"),
        unit_price: d(price),
        currency: Currency::EUR,
        volume: d(volume),
        driver: Driver::Exposure,
        indexation: None,
        rate_date: day("2024-03-29"),
    }
}

fn line(id: &str, amount: &str, charge: Charge) -> ActualLine {
    ActualLine {
        invoice_id: "I1".into(),
        line_id: id.into(),
        amount: d(amount),
        currency: Currency::EUR,
        rate_date: day("2024-03-29"),
        charge,
        from_settlement: false,
    }
}

fn adjustment(id: &str, amount: &str, agreed: bool) -> Adjustment {
    Adjustment {
        adjustment_id: id.into(),
        non_routine: true,
        amount: d(amount),
        reason: "office closed".into(),
        agreed_by_customer_at: Some(day("2024-04-02")),
        agreed_by_supplier_at: agreed.then(|| day("2024-04-03")),
    }
}

fn claim(initiative: &str, line: &str, amount: &str) -> Claim {
    Claim {
        initiative_id: initiative.into(),
        invoice_id: "I1".into(),
        line_id: line.into(),
        amount: d(amount),
    }
}

fn codes(saving: &Saving) -> Vec<&str> {
    saving.findings.iter().map(|f| f.code.as_str()).collect()
}

#[test]
fn benchmark_is_price_times_volume_with_index_exchange_rate_and_scope() {
    let mut fx = FxRates::new();
    fx.insert(day("2024-03-28"), Currency::USD, Currency::EUR, d("0.90"))
        .unwrap();
    let terms = CostTerms {
        currency: Currency::EUR,
        fx: &fx,
        adjustment_cap: None,
        scale: 6,
    };
    let mut indexed = benchmark("12.50", "800");
    indexed.indexation = Some(Indexation {
        base: d("100"),
        current: d("104"),
        share: d("0.5"),
    });
    let mut dollars = benchmark("10", "100");
    dollars.currency = Currency::USD;
    let scope = ScopeChange {
        service_id: "mail".into(),
        months: Period::new(month("2024-03"), month("2024-04")).unwrap(),
        monthly: d("-250"),
        reason: "branch sold".into(),
    };
    // 12.50 × 1.02 × 800 + 10 × 100 × 0.90 − 250; only March has the scope change.
    let result = saving(
        &[indexed, dollars],
        &[scope],
        &quarter(),
        &[line("1", "9000", Charge::Usage)],
        &[],
        &[],
        &terms,
    )
    .unwrap();
    assert_eq!(result.benchmark, d("10850"));
    assert_eq!(result.gross, d("1850"));
    assert_eq!(result.verified, d("1850"));
    let mut no_rate = benchmark("10", "100");
    no_rate.currency = Currency::USD;
    no_rate.rate_date = day("2020-01-01");
    assert!(saving(&[no_rate], &[], &quarter(), &[], &[], &[], &terms).is_err());
}

#[test]
fn only_agreed_adjustments_count_and_credits_and_taxes_stay_out() {
    let fx = FxRates::new();
    let terms = CostTerms {
        currency: Currency::EUR,
        fx: &fx,
        adjustment_cap: Some(d("0.05")),
        scale: 6,
    };
    let mut incentive = line("5", "400", Charge::Usage);
    incentive.from_settlement = true;
    let actual = [
        line("1", "7000", Charge::Usage),
        line("2", "-300", Charge::Credit),
        line("3", "1470", Charge::Tax),
        line("4", "500", Charge::Adjustment),
        incentive,
    ];
    let adjustments = [
        adjustment("A1", "900", true),
        adjustment("A2", "5000", false),
        adjustment("A3", "-100", true),
    ];
    let result = saving(
        &[benchmark("10", "1000")],
        &[],
        &quarter(),
        &actual,
        &adjustments,
        &[],
        &terms,
    )
    .unwrap();
    assert_eq!(result.actual, d("7500"));
    assert_eq!(result.excluded_lines.len(), 3);
    // 900 − 100 is capped at 5 % of 10,000.
    assert_eq!(result.adjustments, d("500"));
    assert_eq!(result.verified, d("2000"));
    assert_eq!(
        codes(&result),
        [
            "adjustment_not_agreed",
            "adjustment_negative",
            "adjustments_capped"
        ]
    );
    assert_eq!(result.adjustments_applied.len(), 3);
}

#[test]
fn a_saving_claimed_by_two_initiatives_counts_once() {
    let fx = FxRates::new();
    let terms = CostTerms {
        currency: Currency::EUR,
        fx: &fx,
        adjustment_cap: None,
        scale: 6,
    };
    let claims = [
        claim("P1", "1", "600"),
        claim("P2", "1", "400"),
        claim("P2", "2", "100"),
        claim("P3", "9", "100"),
    ];
    let actual = [
        line("1", "100", Charge::Usage),
        line("2", "100", Charge::Usage),
    ];
    let mut tickets = benchmark("10", "200");
    tickets.driver = Driver::Tickets;
    let result = saving(&[tickets], &[], &quarter(), &actual, &[], &claims, &terms).unwrap();
    assert_eq!(result.double_claims, d("400"));
    assert_eq!(result.verified, d("1400"));
    let credited: Vec<Decimal> = result.initiatives.iter().map(|i| i.credited).collect();
    assert_eq!(credited, [d("600"), d("100"), d("0")]);
    assert_eq!(
        codes(&result),
        [
            "benchmark_driven_by_tickets",
            "claim_on_line_not_counted",
            "saving_claimed_twice"
        ]
    );
}

#[test]
fn golden_10_freed_time_is_rounded_at_the_end() {
    let before = freed_time(1200, d("15"), d("50"), 2).unwrap();
    assert_eq!((before.hours, before.value), (d("300"), d("15000")));
    let realised = freed_time(1040, d("13"), d("50"), 2).unwrap();
    assert_eq!(
        (realised.hours, realised.value),
        (d("225.33"), d("11266.67"))
    );
}

#[test]
fn a_billing_period_over_months_loses_no_cent() {
    let period = Period::new(day("2024-01-15"), day("2024-04-02")).unwrap();
    let parts = by_days(d("100"), &period, 2).unwrap();
    assert_eq!(parts.len(), 4);
    let sum = parts
        .iter()
        .fold(Decimal::ZERO, |s, p| s.checked_add(p.1).unwrap());
    assert_eq!(sum, d("100"));
    // 17 of 78 days.
    assert_eq!(parts[0], (month("2024-01"), d("21.79")));
}
