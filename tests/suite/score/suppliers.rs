//! Values of a supplier over its contracts.

use super::*;

#[test]
fn a_supplier_is_the_sum_of_its_contracts_and_the_ratio_of_their_sums() {
    let first = run(&world());
    let mut world = world();
    for cell in world.cells.total.cells.values_mut() {
        cell.restore_met = 0;
        cell.restore_breached = 2;
    }
    let mut second = run(&world);
    for value in &mut second.values {
        value.contract_id = "C9".to_owned();
    }
    let all: Vec<KpiValue> = [first.values, second.values].concat();
    let suppliers = BTreeMap::from([
        ("C1".to_owned(), "S".to_owned()),
        ("C9".to_owned(), "S".to_owned()),
    ]);
    let of = |kpi: &str, all: &[KpiValue]| -> KpiValue {
        supplier_values(all, &suppliers, &BTreeMap::new())
            .into_iter()
            .find(|v| v.kpi == kpi && period_text(&v.period) == "2025-03")
            .unwrap()
    };
    assert_eq!(of("ticket_count", &all).value, Some(d("88")));
    assert_eq!(of("gross_saving", &all).value, Some(d("1600.00")));
    // 28 of 32 and 0 of 8; the mean of the two would be 0.4375.
    assert_eq!(of("sla_attainment", &all).value, Some(d("0.7")));
    assert_eq!(
        of("ticket_count", &all).scope,
        Scope::Supplier("S".to_owned())
    );
    let mut dollars = all.clone();
    for value in dollars.iter_mut().filter(|v| v.contract_id == "C9") {
        value.unit = value.unit.replace("EUR", "USD");
    }
    assert_eq!(of("gross_saving", &dollars).value, None);
    // One contract without a value: the sum has none either.
    let mut absent = all;
    for value in absent.iter_mut().filter(|v| v.contract_id == "C9") {
        value.value = None;
    }
    assert_eq!(of("ticket_count", &absent).status, KpiStatus::NotMeasurable);
}

#[test]
fn a_percentile_of_a_supplier_is_that_of_all_incidents_together() {
    let mut second = world();
    for ((key, clock), histogram) in &mut second.cells.total.histograms {
        if *clock == Clock::RestoreBusiness && key.month == month("2025-03") {
            *histogram = Default::default();
            (1..=24).for_each(|_| histogram.add(100));
        }
    }
    let first = run(&world()).values;
    let mut all = first.clone();
    for mut value in run(&second).values {
        value.contract_id = "C9".to_owned();
        all.push(value);
    }
    let suppliers = BTreeMap::from([
        ("C1".to_owned(), "S".to_owned()),
        ("C9".to_owned(), "S".to_owned()),
    ]);
    let of = |kpi: &str, period: &str, all: &[KpiValue]| -> KpiValue {
        supplier_values(all, &suppliers, &BTreeMap::new())
            .into_iter()
            .find(|v| v.kpi == kpi && period_text(&v.period) == period)
            .unwrap()
    };
    // Four times 1 to 8 seconds and 96 times 100: the medians are 4 and 100, their mean is none.
    let median = of("time_to_restore_p50", "2025-03", &all);
    assert_eq!((median.value, median.n), (Some(d("100")), 128));
    assert_eq!(median.scope, Scope::Supplier("S".to_owned()));
    // Twice the same incidents have the percentile of either.
    let wall = of("time_to_restore_wall_p90", "2025-Q1", &all);
    assert_eq!(
        wall.value,
        Some(value(&run(&world()), "time_to_restore_wall_p90", "2025-Q1"))
    );
    // A contract that does not know its own leaves the supplier without one.
    let mut absent = all;
    for value in absent.iter_mut().filter(|v| v.contract_id == "C9") {
        value.value = None;
        value.reason = "why".to_owned();
    }
    let none = of("time_to_restore_p50", "2025-03", &absent);
    assert_eq!(
        (none.value, none.reason.as_str()),
        (None, "contract C9: why")
    );
}

#[test]
fn a_kpi_says_why_it_has_no_value_on_a_scope() {
    for kpi in catalogue::all() {
        let all = kpi.levels.of.len() == 3;
        assert_eq!(all, kpi.levels.why.is_empty(), "{}", kpi.id);
        if let catalogue::Across::Never(why) = kpi.across {
            assert!(!why.is_empty(), "{}", kpi.id);
        }
    }
}
