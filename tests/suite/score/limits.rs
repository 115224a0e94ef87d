//! What is not measurable, provisional or refused, each with its reason.

use super::*;

#[test]
fn what_was_not_delivered_is_not_measurable_and_never_zero() {
    let refused = |change: &dyn Fn(&mut World), kpi: &str, reason: &str| {
        let mut world = world();
        change(&mut world);
        let scored = run(&world);
        let v = at(&scored, kpi, "2025-03");
        assert_eq!(v.status, KpiStatus::NotMeasurable, "{kpi}");
        assert_eq!(v.value, None);
        assert!(v.reason.contains(reason), "{kpi}: {}", v.reason);
    };
    refused(
        &|w| {
            w.delivered.get_mut("incidents").unwrap().remove("ci_id");
        },
        "repeat_rate",
        "incidents.ci_id was not delivered",
    );
    refused(
        &|w| {
            for cell in w.cells.total.cells.values_mut() {
                cell.item_known = 2;
            }
        },
        "repeat_rate",
        "8 of 32 incidents (25.0 %), 50 % are needed",
    );
    refused(
        &|w| w.exposure.clear(),
        "incident_rate",
        "no exposure (users)",
    );
    refused(
        &|w| w.exposure.clear(),
        "benchmark_cost",
        "no exposure (users)",
    );
    refused(
        &|w| w.exposure.retain(|e| e.month != month("2025-03")),
        "gross_saving",
        "no exposure (users) in 1 of 1 months",
    );
    refused(&|w| w.plan = plan(""), "impact_minutes", "no calendar");
    refused(&|w| w.plan = plan(""), "sla_attainment", "no targets");
    refused(
        &|w| {
            w.delivered
                .get_mut("incidents")
                .unwrap()
                .remove("affected_share");
        },
        "impact_cost",
        "affected_share was not delivered",
    );
    refused(
        &|w| w.spec.cost_per_minute.clear(),
        "impact_cost",
        "no cost per minute",
    );
    refused(
        &|w| w.billing.retain(|k, _| k.month != month("2025-03")),
        "actual_cost",
        "no invoice",
    );
    refused(
        &|w| w.spec.currency = Currency::USD,
        "gross_saving",
        "no exchange rate",
    );
}

#[test]
fn open_incidents_are_breaches_and_carry_impact_up_to_the_as_of_moment() {
    let mut world = world();
    world.as_of = "2025-11-02T00:00:00Z";
    let open = |opened: &str, due: &str| OpenKey {
        contract_id: "C1".to_owned(),
        service_id: "mail".to_owned(),
        priority: 1,
        opened_at: opened.parse().unwrap(),
        due_at: Some(due.parse().unwrap()),
        affected_ppm: Some(1_000_000),
        respond_due_at: None,
        warned_at: None,
    };
    let late = open("2025-10-31T22:00:00Z", "2025-10-31T23:00:00Z");
    world.cells.total.open.insert(late, 2);
    let in_time = open("2025-11-01T23:59:00Z", "2025-11-02T03:59:00Z");
    world.cells.total.open.insert(in_time, 1);
    let scored = run(&world);
    // October: 28 of 32 met, and two more open past due.
    let v = at(&scored, "sla_attainment", "2025-10");
    assert_eq!((v.value, v.n), (Some(d("0.8235")), 34));
    // Two of them for two hours in October beside the 120 minutes of every month.
    assert_eq!(value(&scored, "impact_minutes", "2025-10"), d("360"));
    assert_eq!(value(&scored, "impact_cost", "2025-10"), d("3810.00"));
    assert!(
        scored
            .findings
            .iter()
            .any(|f| f.code == "open_past_due" && f.count == 2)
    );
    // November is not over.
    let november = at(&scored, "ticket_count", "2025-11");
    assert_eq!(november.status, KpiStatus::NotMeasurable);
    let year = at(&scored, "ticket_count", "2025-01/2026-01");
    assert!(year.provisional && year.reason.contains("10 of 12 months are known in full"));
    let taken = measured(&scored.values);
    let of = |name: &str, period: &str| {
        taken
            .iter()
            .find(|m| {
                m.name == name && period_text(&m.period) == period && m.scope == Scope::Contract
            })
            .map(|m| m.value.clone())
            .unwrap()
    };
    assert_eq!(of("ticket_count", "2025-10"), Ok(d("44")));
    assert!(of("ticket_count", "2025-01/2026-01").is_err());
}

#[test]
fn a_short_baseline_of_the_real_stage_pays_nothing() {
    // Twelve months are too few for a season: no number, and the reason says which rule.
    let scored = run(&world());
    let v = at(&scored, "incidents_avoided", "2025-01/2026-01");
    assert_eq!(v.status, KpiStatus::Disqualified);
    assert_eq!(v.reason, "baseline: baseline_too_short");
}

#[test]
fn terms_of_scoring_are_checked() {
    let read = |text: &str| toml::from_str::<ScoreSpec>(text);
    assert_eq!(read("").unwrap(), ScoreSpec::default());
    let refused = |text: &str| read(text).unwrap().validate().unwrap_err().to_string();
    assert!(read("currencey = \"EUR\"").is_err());
    let unknown = refused("[targets.sla_atainment]\ntarget = \"0.9\"");
    assert!(
        unknown.contains("did you mean `sla_attainment`"),
        "{unknown}"
    );
    let floor = refused("[targets.breaches]\ntarget = \"4\"\nfloor = \"2\"");
    assert!(floor.contains("lower is better"), "{floor}");
    let price = refused("[cost_per_minute]\nmail = \"-1\"");
    assert!(price.contains("cost_per_minute.mail"), "{price}");
}

#[test]
fn money_of_a_period_that_is_not_over_is_provisional() {
    let mut world = world();
    world.as_of = "2025-03-15T00:00:00Z";
    let scored = run(&world);
    assert!(!at(&scored, "gross_saving", "2025-02").provisional);
    let march = at(&scored, "gross_saving", "2025-03");
    assert!(march.provisional && march.value.is_some());
    let taken = measured(&scored.values);
    assert!(
        taken
            .iter()
            .filter(|m| m.period == span("2025-03", "2025-04"))
            .all(|m| m.value.is_err())
    );
}

#[test]
fn months_without_tickets_in_the_exports_do_not_thin_the_rate() {
    let mut world = world();
    world
        .cells
        .total
        .cells
        .retain(|k, _| k.month >= month("2024-07"));
    let scored = run(&world);
    // The baseline's rate is that of its six known months.
    let v = at(&scored, "incident_rate", "2024-01/2025-01");
    assert_eq!(v.value, Some(d("40")));
    assert_eq!(v.denominator, Some(d("6000")));
    assert!(v.provisional);
}

#[test]
fn what_names_no_service_is_published_but_never_settled() {
    let mut world = world();
    let cell = Cell {
        tickets: 5,
        incidents: 5,
        ..Cell::default()
    };
    world
        .cells
        .total
        .cells
        .insert(key("C1", "", 3, "2025-03"), cell);
    let scored = run(&world);
    let unknown = find(
        &scored,
        "ticket_count",
        "2025-03",
        &Scope::Service(String::new()),
    );
    assert_eq!(unknown.value, Some(d("5")));
    assert!(
        measured(&scored.values)
            .iter()
            .all(|m| m.scope == Scope::Contract || !m.scope.value().is_empty())
    );
}
