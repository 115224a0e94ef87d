//! Composite scores that the terms name: weights and gates of their own, and clauses that use them.

use gainshare::score::Composite;
use gainshare::terms::Terms;

use super::*;

fn composite(text: &str) -> Composite {
    toml::from_str(text).unwrap()
}

fn aim(target: &str, floor: &str) -> KpiTarget {
    toml::from_str(&format!(
        "target = '{target}'\nfloor = '{floor}'\nweight = '0'"
    ))
    .unwrap()
}

/// 0.875 in time is half way from 0.85 to 0.90 (0.5); four breaches of at most eight score 1.
fn scored_world() -> World {
    let mut world = world();
    let targets = &mut world.spec.targets;
    targets.insert("sla_attainment".to_owned(), aim("0.9", "0.85"));
    targets.insert("breaches".to_owned(), aim("4", "8"));
    world
}

#[test]
fn each_named_score_has_weights_and_gates_of_its_own() {
    let mut world = scored_world();
    world.spec.composite = vec![
        composite("id = 'service'\nweights = { sla_attainment = '3', breaches = '1' }"),
        composite(
            "id = 'calm'\nweights = { breaches = '1' }\n\
             gates = [{ kpi = 'breaches', at_most = '3', because = 'too much is late' }]",
        ),
    ];
    world.spec.validate().unwrap();
    let scored = run(&world);
    // (3 x 0.5 + 1 x 1) / 4.
    let service = at(&scored, "score_service", "2025-03");
    assert_eq!(service.value, Some(d("0.625")));
    assert_eq!((service.unit.as_str(), service.n), ("score", 2));
    let calm = at(&scored, "score_calm", "2025-03");
    assert_eq!(calm.value, Some(Decimal::ZERO));
    assert_eq!(
        calm.reason,
        "no score while too much is late: breaches is 4"
    );
    // Targets of weight 0 make no quality_score; the named ones do not need its weights.
    assert_eq!(at(&scored, "quality_score", "2025-03").value, None);
    // Of the performance period and the contract only.
    assert!(scored.values.iter().all(|v| !v.kpi.starts_with("score_")
        || (v.scope == Scope::Contract && v.period.start() >= month("2025-01"))));
    // Settlement gets it by its name: 48 breaches in the year score 0.
    let named = measured(&scored.values);
    let year = named
        .iter()
        .find(|m| m.name == "score_service" && m.period == span("2025-01", "2026-01"));
    assert_eq!(year.unwrap().value, Ok(d("0.375")));
}

#[test]
fn a_named_score_needs_all_its_parts() {
    let mut world = scored_world();
    world.spec.composite = vec![
        composite("id = 'all'\nweights = { sla_attainment = '1', breaches = '1' }"),
        composite(
            "id = 'gated'\nweights = { breaches = '1' }\n\
             gates = [{ kpi = 'availability', at_least = '0.9', because = 'it was down' }]",
        ),
    ];
    let scored = run(&world);
    // What is not known opens no gate.
    let gated = at(&scored, "score_gated", "2025-03");
    assert_eq!(gated.status, KpiStatus::NotMeasurable);
    assert!(
        gated.reason.starts_with("availability: "),
        "{}",
        gated.reason
    );
    world.delivered.clear();
    let scored = run(&world);
    let all = at(&scored, "score_all", "2025-03");
    assert_eq!((all.value, all.status), (None, KpiStatus::NotMeasurable));
    assert!(all.reason.contains(" was not delivered"), "{}", all.reason);
}

#[test]
fn a_named_score_that_cannot_be_is_refused() {
    let good = "id = 'service'\nweights = { sla_attainment = '1' }";
    let refused = |all: &[&str]| {
        let mut spec = scored_world().spec;
        spec.composite = all.iter().map(|text| composite(text)).collect();
        spec.validate().unwrap_err().to_string()
    };
    for (wrong, problem) in [
        (
            "id = 'My score'\nweights = { breaches = '1' }",
            "lower-case",
        ),
        ("id = 'x'\nweights = {}", "at least one KPI"),
        (
            "id = 'x'\nweights = { breeches = '1' }",
            "did you mean `breaches`",
        ),
        ("id = 'x'\nweights = { repeat_rate = '1' }", "has no target"),
        ("id = 'x'\nweights = { breaches = '0' }", "above zero"),
        (
            "id = 'x'\nweights = { quality_score = '1' }",
            "quality_score",
        ),
        (
            "id = 'x'\nweights = { wallet_share = '1' }",
            "no value of a contract",
        ),
        (
            "id = 'x'\nweights = { breaches = '1' }\ngates = [{ kpi = 'breaches', because = 'x' }]",
            "at_least or at_most",
        ),
    ] {
        let said = refused(&[wrong]);
        assert!(said.contains(problem), "{wrong}: {said}");
        assert!(said.contains("composite `"), "{said}");
    }
    assert!(refused(&[good, good]).contains("two composite scores"));
}

const BONUS: &str = r#"
schema = 1

[contract]
title = "A bonus by a score"
currency = "EUR"
start = 2025-01-01
end = 2026-01-01

[[clause]]
id = "bonus"
kind = "formula"
basis = "1000 * SCORE"

[score.targets.sla_attainment]
target = "0.95"

[[score.composite]]
id = "service"
weights = { sla_attainment = "1" }
"#;

#[test]
fn a_clause_names_a_score_of_its_terms() {
    let text = BONUS.replace("SCORE", "score_service");
    let terms = Terms::parse("bonus.toml", &text).unwrap();
    // It is no measure that the table of measures declares, and reads back as the same terms.
    assert!(terms.settle.source.measures.is_empty());
    let again = Terms::parse("again.toml", &terms.to_toml().unwrap()).unwrap();
    assert_eq!((again.hash(), again), (terms.hash(), terms));
    let typo = BONUS.replace("SCORE", "score_servise");
    let said = format!("{:?}", Terms::parse("bonus.toml", &typo).unwrap_err());
    assert!(said.contains("score_service"), "{said}");
}
