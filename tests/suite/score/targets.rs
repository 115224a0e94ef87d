//! Targets, weights and gates: what a value scores.

use super::*;

#[test]
fn scores_are_linear_between_floor_and_target() {
    let target = |floor: Option<&str>, target: &str| KpiTarget {
        target: d(target),
        floor: floor.map(d),
        weight: Decimal::ONE,
    };
    let up = Direction::HigherIsBetter;
    let down = Direction::LowerIsBetter;
    for (value, aim, direction, expected) in [
        ("0.95", target(Some("0.90"), "0.98"), up, "0.625"),
        ("0.85", target(Some("0.90"), "0.98"), up, "0"),
        ("0.99", target(Some("0.90"), "0.98"), up, "1"),
        ("30", target(Some("40"), "20"), down, "0.5"),
        ("21", target(None, "20"), down, "0"),
        ("20", target(None, "20"), down, "1"),
    ] {
        assert_eq!(score_between(d(value), &aim, direction), Some(d(expected)));
    }
}

#[test]
fn no_score_while_a_gate_is_shut() {
    let mut world = world();
    let target: KpiTarget = toml::from_str("target = '0.8'").unwrap();
    world
        .spec
        .targets
        .insert("sla_attainment".to_owned(), target);
    let mut scored = |gate: &str| {
        world.spec.gates = vec![toml::from_str(gate).unwrap()];
        world.spec.validate().unwrap();
        let scored = run(&world);
        let v = at(&scored, "quality_score", "2025-03");
        (v.value, v.reason.clone())
    };
    // 28 of 32 in time, 4 breaches.
    let open = "kpi = 'breaches'\nat_most = '4'\nbecause = 'too much is late'";
    assert_eq!(scored(open), (Some(d("1")), String::new()));
    let shut = "kpi = 'breaches'\nat_most = '3'\nbecause = 'too much is late'";
    let (value, reason) = scored(shut);
    assert_eq!(value, Some(Decimal::ZERO));
    assert_eq!(reason, "no score while too much is late: breaches is 4");
    // 8 ÷ 24 rounds to 0.3333 and is above it.
    let rounded = "kpi = 'repeat_rate'\nat_most = '0.3333'\nbecause = 'it comes back'";
    assert_eq!(scored(rounded).0, Some(Decimal::ZERO));
    // What is not known opens no gate.
    let unknown = "kpi = 'availability'\nat_least = '0.9'\nbecause = 'it was down'";
    let (value, reason) = scored(unknown);
    assert_eq!(value, None);
    assert!(
        reason.starts_with("availability: the terms say nothing"),
        "{reason}"
    );
    for (wrong, problem) in [
        (
            "kpi = 'breeches'\nat_most = '3'\nbecause = 'x'",
            "did you mean `breaches`",
        ),
        (
            "kpi = 'quality_score'\nat_most = '3'\nbecause = 'x'",
            "its own gate",
        ),
        ("kpi = 'breaches'\nbecause = 'x'", "at_least or at_most"),
        (
            "kpi = 'wallet_share'\nat_most = '3'\nbecause = 'x'",
            "no value of a contract",
        ),
    ] {
        let spec = ScoreSpec {
            gates: vec![toml::from_str(wrong).unwrap()],
            ..ScoreSpec::default()
        };
        let said = spec.validate().unwrap_err().to_string();
        assert!(said.contains(problem), "{said}");
    }
    let mut spec = ScoreSpec::default();
    let percent: KpiTarget = toml::from_str("target = '95'").unwrap();
    spec.targets.insert("sla_attainment".to_owned(), percent);
    let said = spec.validate().unwrap_err().to_string();
    assert!(said.contains("write 95 % as 0.95"), "{said}");
}

#[test]
fn a_share_that_only_rounds_to_its_target_has_missed_it() {
    let mut world = world();
    world.spec.targets.insert(
        "sla_attainment".to_owned(),
        KpiTarget {
            target: d("1"),
            floor: None,
            weight: Decimal::ONE,
        },
    );
    let mut restored = |met: u64, breached: u64| {
        for service in ["mail", "desk"] {
            for priority in [1, 2] {
                let cell = world
                    .cells
                    .total
                    .cells
                    .get_mut(&key("C1", service, priority, "2025-03"))
                    .unwrap();
                (cell.restore_met, cell.restore_breached) = (0, 0);
            }
        }
        let cell = world
            .cells
            .total
            .cells
            .get_mut(&key("C1", "mail", 1, "2025-03"))
            .unwrap();
        (cell.restore_met, cell.restore_breached) = (met, breached);
        let scored = run(&world);
        let v = at(&scored, "sla_attainment", "2025-03");
        (v.value, v.score)
    };
    assert_eq!(restored(99_999, 1), (Some(d("1.0000")), Some(d("0"))));
    assert_eq!(restored(99_999, 0), (Some(d("1")), Some(d("1"))));
    // Of 40 incidents two misses pass a target of 95 %, of 35 they fail.
    world.spec.targets.get_mut("sla_attainment").unwrap().target = d("0.95");
    let scored = |met: u64| {
        let mut world = World {
            plan: plan(TERMS),
            spec: world.spec.clone(),
            baseline_spec: world.baseline_spec.clone(),
            cells: world.cells.clone(),
            billing: world.billing.clone(),
            exposure: world.exposure.clone(),
            records: Records::default(),
            delivered: delivered(),
            fx: FxRates::new(),
            as_of: world.as_of,
        };
        let cell = world
            .cells
            .total
            .cells
            .get_mut(&key("C1", "mail", 1, "2025-03"))
            .unwrap();
        (cell.restore_met, cell.restore_breached) = (met, 2);
        let scored = run(&world);
        at(&scored, "sla_attainment", "2025-03").score
    };
    assert_eq!(scored(38), Some(d("1")));
    assert_eq!(scored(33), Some(d("0")));
}

#[test]
fn the_quality_score_is_a_weighted_mean_and_needs_all_its_parts() {
    let mut world = world();
    let aim = |target: &str, floor: &str, weight: &str| KpiTarget {
        target: d(target),
        floor: Some(d(floor)),
        weight: d(weight),
    };
    let targets = &mut world.spec.targets;
    // 0.875 is half way from 0.85 to 0.90; four breaches are the target.
    targets.insert("sla_attainment".to_owned(), aim("0.9", "0.85", "3"));
    targets.insert("breaches".to_owned(), aim("4", "8", "1"));
    world.spec.validate().unwrap();
    let scored = run(&world);
    assert_eq!(
        at(&scored, "sla_attainment", "2025-03").score,
        Some(d("0.5"))
    );
    assert_eq!(value(&scored, "quality_score", "2025-03"), d("0.625"));
    world.delivered.clear();
    let scored = run(&world);
    let v = at(&scored, "quality_score", "2025-03");
    assert_eq!(v.value, None);
    assert!(v.reason.starts_with("sla_attainment: "), "{}", v.reason);
}
