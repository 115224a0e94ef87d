//! Amounts of contracts in several currencies, added up in the one that the terms report in. The
//! projects in `tests/kpis/currencies` are the same with exports.

use gainshare::score::Reporting;

use super::*;

/// Values of two contracts of one supplier, the second in dollars.
fn two() -> Vec<KpiValue> {
    let first = run(&world());
    let mut second = run(&world());
    for value in &mut second.values {
        value.contract_id = "C9".to_owned();
        value.unit = value.unit.replace("EUR", "USD");
    }
    [first.values, second.values].concat()
}

fn rates(days: &[(&str, &str)]) -> FxRates {
    let mut fx = FxRates::new();
    for (day, rate) in days {
        fx.insert(day.parse().unwrap(), Currency::USD, Currency::EUR, d(rate))
            .unwrap();
    }
    fx
}

fn of(kpi: &str, period: &str, fx: &FxRates, day: saving::RateDay) -> KpiValue {
    let suppliers = ["C1", "C9"].map(|c| (c.to_owned(), "S".to_owned()));
    let reporting = Reporting {
        own: Currency::USD,
        reports: Currency::EUR,
        exchange: saving::Exchange {
            rates: fx,
            day,
            decimals: 12,
        },
    };
    supplier_values(
        &two(),
        &BTreeMap::from(suppliers),
        &BTreeMap::from([("C9".to_owned(), reporting)]),
    )
    .into_iter()
    .find(|v| v.kpi == kpi && period_text(&v.period) == period)
    .unwrap()
}

#[test]
fn dollars_are_added_to_euros_by_the_rate_of_the_period() {
    let fx = rates(&[("2025-03-01", "0.9"), ("2025-03-28", "0.8")]);
    // 10,200.00 each: x 1.8 at the rate of 28 March, the last before the month's end.
    let end = of("actual_cost", "2025-03", &fx, saving::RateDay::MonthEnd);
    assert_eq!((end.value, end.unit.as_str()), (Some(d("18360.00")), "EUR"));
    let start = of("actual_cost", "2025-03", &fx, saving::RateDay::MonthStart);
    assert_eq!(start.value, Some(d("19380.00")));
    let fixed = saving::RateDay::Fixed("2025-03-05".parse().unwrap());
    // One rate for the whole quarter.
    let quarter = of("actual_cost", "2025-Q2", &fx, fixed);
    assert_eq!(quarter.value, Some(d("58140.00")));
    // What is no money is not converted.
    let share = of("sla_attainment", "2025-03", &fx, saving::RateDay::MonthEnd);
    assert_eq!(share.value, Some(d("0.875")));
}

#[test]
fn without_a_rate_there_is_no_sum_and_the_reason_says_which() {
    let fx = rates(&[("2025-03-28", "0.8")]);
    for period in ["2025-02", "2025-06"] {
        let v = of("actual_cost", period, &fx, saving::RateDay::MonthEnd);
        assert_eq!((v.value, v.status), (None, KpiStatus::NotMeasurable));
        assert!(v.reason.starts_with("contract C9: "), "{}", v.reason);
        assert!(v.reason.contains("USD"), "{}", v.reason);
    }
}
