//! What compares with the baseline: avoided incidents and their interval, ratios, savings.

use super::*;

#[test]
fn avoided_impact_is_the_expected_incidents_at_the_cost_of_the_baseline() {
    let scored = run_with(&world(), &joint(Status::Ok, ""));
    // A year of mail: 24 half hours × 12.50; of desk: 24 × 30 × 1: 9720.00 for 480 incidents.
    // 100 of them would have cost 2025.00; the month cost 810.00.
    assert_eq!(value(&scored, "impact_avoided", "2025-03"), d("1215.00"));
}

#[test]
fn avoided_incidents_come_with_their_joint_interval() {
    let scored = run_with(&world(), &joint(Status::Ok, ""));
    for (kpi, expected, low, high) in [
        ("incidents_expected", "100", Some("87"), Some("113")),
        ("incidents_avoided", "18", Some("5"), Some("31")),
        ("incidents_credited", "9", Some("2.5"), Some("15.5")),
        ("incidents_creditable", "2.5", None, None),
    ] {
        let v = at(&scored, kpi, "2025-03");
        assert_eq!(v.value, Some(d(expected)), "{kpi}");
        assert_eq!((v.ci_low, v.ci_high), (low.map(d), high.map(d)), "{kpi}");
    }
    let avoided = at(&scored, "incidents_avoided", "2025-03");
    assert_eq!(avoided.ci_level, Some(d("0.95")));
    let other = at(&scored, "incidents_avoided", "2025-04");
    assert_eq!(other.status, KpiStatus::NotMeasurable);
    assert!(
        !scored
            .values
            .iter()
            .any(|v| v.kpi == "incidents_avoided" && v.period.start() < month("2025-01"))
    );

    let refused = run_with(
        &world(),
        &joint(Status::NotMeasurable, "baseline_too_short"),
    );
    let v = at(&refused, "incidents_avoided", "2025-03");
    assert_eq!((v.status, v.value), (KpiStatus::Disqualified, None));
    assert_eq!(v.reason, "baseline: baseline_too_short");
    let taken = measured(&refused.values);
    let m = taken
        .iter()
        .find(|m| m.name == "incidents_avoided" && m.period == span("2025-03", "2025-04"))
        .unwrap();
    assert_eq!(m.value, Err("baseline: baseline_too_short".to_owned()));
    let empty = run_with(&world(), &joint(Status::NotMeasurable, "months_missing"));
    let v = at(&empty, "incidents_expected", "2025-03");
    assert_eq!(v.status, KpiStatus::NotMeasurable);
}

#[test]
fn ratios_compare_with_the_same_months_of_the_baseline_and_adjust_for_mix() {
    let mut world = world();
    let scored = run(&world);
    // March: 32 in 1,100 user-months against 40 in 1,000: 32 × 1,000 ÷ (40 × 1,100).
    let crude = at(&scored, "rate_ratio", "2025-03");
    assert_eq!(crude.value, Some(d("0.7273")));
    assert_eq!(crude.denominator, Some(d("44")));
    let exact = two_rates((32, 1_100.0), (40, 1_000.0), 1.0, 0.95, RateMethod::Exact).unwrap();
    let rounded = |x: f64| Decimal::from_f64_rounded(x, 4).unwrap();
    assert_eq!(crude.ci_low, Some(rounded(exact.low)));
    assert_eq!(crude.ci_high, exact.high.map(rounded));
    assert!(crude.reason.contains(&format!("p {:.4}", exact.p_value)));
    // One exposure for all strata: adjusting for mix changes nothing.
    let mixed = at(&scored, "mix_adjusted_ratio", "2025-03");
    assert_eq!(mixed.value, Some(d("0.7273")));

    // epiR's example: strata of 550 and 450 with standard rates 0.025 and 0.085, 58 events: 52 are
    // expected, 1.1154. The second group of 500 and 1,500 has 130 where 140 are expected.
    world.cells = Cells::default();
    world.exposure.clear();
    let mut fill = |service: &str, at: &str, users: u64, incidents: u64| {
        world.exposure.push(Exposure {
            contract_id: "C1".to_owned(),
            service_id: service.to_owned(),
            month: month(at),
            users: Some(users),
            cis: None,
            transactions: None,
        });
        let cell = Cell {
            tickets: incidents,
            incidents,
            ..Cell::default()
        };
        world
            .cells
            .total
            .cells
            .insert(key("C1", service, 1, at), cell);
    };
    fill("low", "2024-03", 1_000, 25);
    fill("high", "2024-03", 1_000, 85);
    fill("low", "2025-03", 550, 20);
    fill("high", "2025-03", 450, 38);
    let found = |world: &World| {
        let scored = run_with(world, &joint(Status::Ok, ""));
        at(&scored, "mix_adjusted_ratio", "2025-03").clone()
    };
    let first = found(&world);
    assert_eq!(
        (first.value, first.denominator),
        (Some(d("1.1154")), Some(d("52")))
    );
    // At the mix of the baseline, half and half: 1000 × (0.5 × 20 ÷ 550 + 0.5 × 38 ÷ 450).
    let scored = run_with(&world, &joint(Status::Ok, ""));
    let rate = at(&scored, "mix_adjusted_rate", "2025-03");
    assert_eq!((rate.value, rate.n), (Some(d("60.4040")), 58));
    assert!(rate.ci_low < rate.value && rate.value < rate.ci_high);
    world.exposure.truncate(2);
    let mut fill = |service: &str, users: u64, incidents: u64| {
        world.exposure.push(Exposure {
            contract_id: "C1".to_owned(),
            service_id: service.to_owned(),
            month: month("2025-03"),
            users: Some(users),
            cis: None,
            transactions: None,
        });
        let cell = world
            .cells
            .total
            .cells
            .get_mut(&key("C1", service, 1, "2025-03"))
            .unwrap();
        cell.incidents = incidents;
    };
    fill("low", 500, 10);
    fill("high", 1_500, 120);
    assert_eq!(found(&world).value, Some(d("0.9286")));
}

#[test]
fn a_saving_comes_with_its_uncertainty_and_its_minimum_by_hand() {
    let mut world = world();
    // The baseline scatters by ± 100.00 around 10,000.00, in turns that no lag sees.
    for (n, at) in months_between(month("2024-01"), month("2025-01")).enumerate() {
        let sign = if n % 4 == 0 || n % 4 == 3 { "" } else { "-" };
        bill(
            &mut world,
            "mail",
            at,
            BillingClass::Cost,
            &format!("{sign}100.00"),
        );
    }
    let scored = run(&world);
    // CV(RMSE) = √(12 × 100² ÷ 11) ÷ 10,000 = 0.010445; t with 11 degrees of freedom at 90 % is
    // 1.795885, the factor of one month 0.97338, √(1 + 2 ÷ 12) = 1.080123; × 11,000 = 216.93.
    let verified = at(&scored, "verified_saving", "2025-03");
    assert_eq!(verified.value, Some(d("800.00")));
    assert_eq!(verified.ci_low, Some(d("583.07")));
    let share = at(&scored, "saving_uncertainty", "2025-03");
    assert_eq!(share.value, Some(d("0.2712")));
    assert!(share.reason.contains("CV(RMSE) 0.0104"), "{}", share.reason);
    // No minimum rate: what is verified qualifies.
    assert_eq!(value(&scored, "qualified_saving", "2025-03"), d("800.00"));
}

#[test]
fn quarters_and_years_have_joint_intervals_of_their_own() {
    let mut world = world();
    world.baseline_spec = BaselineSpec::new(span("2022-01", "2024-01"), span("2024-01", "2026-01"));
    // Counts that scatter, so that the intervals are not those of Poisson alone.
    let keys: Vec<_> = world.cells.total.cells.keys().cloned().collect();
    for key in keys
        .iter()
        .filter(|k| k.contract_id == "C1" && k.month < month("2025-01"))
    {
        for years in [1, 2] {
            let mut earlier = key.clone();
            earlier.month = key.month.plus(-12 * years);
            let mut cell = world.cells.total.cells[key].clone();
            cell.incidents += u64::from(key.month.month_of_year()) % 4 * 3;
            world.exposure.push(Exposure {
                contract_id: "C1".to_owned(),
                service_id: String::new(),
                month: earlier.month,
                users: Some(1_000),
                cis: None,
                transactions: None,
            });
            world.cells.total.cells.insert(earlier, cell);
        }
    }
    let scored = run(&world);
    let of = |period: &str, scope: &Scope| -> (Decimal, Decimal) {
        let v = find(&scored, "incidents_avoided", period, scope);
        assert_eq!(v.status, KpiStatus::Ok, "{period}: {}", v.reason);
        let width = v.ci_high.unwrap().checked_sub(v.ci_low.unwrap()).unwrap();
        (v.value.unwrap(), width)
    };
    let scopes = [
        Scope::Contract,
        Scope::Service("mail".to_owned()),
        Scope::Priority(1),
    ];
    for scope in &scopes {
        for (whole, parts) in [
            ("2024-Q1", &["2024-01", "2024-02", "2024-03"][..]),
            (
                "2024-01/2025-01",
                &["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"][..],
            ),
            (
                "2024-01/2026-01",
                &["2024-01/2025-01", "2025-01/2026-01"][..],
            ),
        ] {
            let (avoided, width) = of(whole, scope);
            let mut sum = (Decimal::ZERO, Decimal::ZERO);
            for part in parts {
                let (a, w) = of(part, scope);
                sum = (sum.0.checked_add(a).unwrap(), sum.1.checked_add(w).unwrap());
            }
            // Values add up but for the rounding of each; bounds never do.
            let off = sum.0.checked_sub(avoided).unwrap().abs();
            assert!(
                off <= d("0.0005"),
                "{scope} {whole}: {avoided} and {}",
                sum.0
            );
            assert!(width.is_positive() && width < sum.1, "{scope} {whole}");
        }
    }
}
