//! The score stage: every KPI by hand and the laws of sums.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod composite;
mod currencies;
mod limits;
mod some;

use std::collections::{BTreeMap, BTreeSet};

use gainshare::baseline::rates::{RateMethod, two_rates};
use gainshare::baseline::saving::{self, SavingResult, SavingsSpec};
use gainshare::baseline::{
    BaselineResult, BaselineSpec, JointRow, PeriodKind, Scope as JointScope, Status, estimate,
};
use gainshare::measure::billing::{BillingCell, BillingCells, BillingClass, BillingKey};
use gainshare::measure::cells::Cells;
use gainshare::measure::fragment::{Cell, CellKey, Clock, OpenKey};
use gainshare::measure::spec::{MeasurePlan, MeasureSpec};
use gainshare::money::{Currency, Decimal, FxRates};
use gainshare::score::{
    Delivered, Direction, Exposure, ExposureTable, ExposureUnit, Inputs, KpiStatus, KpiTarget,
    KpiValue, Level, Records, Scope, ScoreSpec, Scored, catalogue, measured, observed, period_text,
    periods, score, score_between, series, supplier_values,
};
use gainshare::time::{CalendarDefinition, Month, Period, Zone, months_between};

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn span(from: &str, to: &str) -> Period<Month> {
    Period::new(month(from), month(to)).unwrap()
}

/// A contract of one year of baseline (2024) and one of performance (2025), in UTC, with
/// targets and an impact calendar that never closes.
struct World {
    plan: MeasurePlan,
    spec: ScoreSpec,
    baseline_spec: BaselineSpec,
    cells: Cells,
    billing: BillingCells,
    exposure: Vec<Exposure>,
    records: Records,
    delivered: Delivered,
    fx: FxRates,
    as_of: &'static str,
}

fn plan(with: &str) -> MeasurePlan {
    let spec: MeasureSpec = toml::from_str(&format!("zone = \"UTC\"\n{with}")).unwrap();
    let always = CalendarDefinition::round_the_clock("always", Zone::new("UTC").unwrap());
    spec.plan("C1", &[always]).unwrap()
}

const TERMS: &str = r#"
[[restore]]
priority = "P1"
within = "4h"
calendar = "always"
[[restore]]
priority = "P2"
within = "8h"
calendar = "always"
[impact]
calendar = "always"
"#;

fn delivered() -> Delivered {
    let table = |columns: &[&str]| -> BTreeSet<String> {
        columns.iter().map(|c| (*c).to_owned()).collect()
    };
    BTreeMap::from([
        (
            "incidents".to_owned(),
            table(&[
                "opened_at",
                "resolved_at",
                "priority",
                "ci_id",
                "category",
                "affected_share",
            ]),
        ),
        (
            "billing".to_owned(),
            table(&["amount", "currency", "period_start", "period_end"]),
        ),
        ("exposure".to_owned(), table(&["month", "users"])),
    ])
}

fn key(contract: &str, service: &str, priority: u8, at: &str) -> CellKey {
    CellKey {
        contract_id: contract.to_owned(),
        service_id: service.to_owned(),
        priority,
        month: month(at),
    }
}

fn bill(world: &mut World, service: &str, at: Month, class: BillingClass, amount: &str) {
    let cell = world
        .billing
        .entry(BillingKey {
            contract_id: "C1".to_owned(),
            service_id: service.to_owned(),
            month: at,
            currency: Currency::EUR,
            class,
        })
        .or_insert(BillingCell {
            amount: Decimal::ZERO,
            lines: 0,
        });
    cell.amount = cell.amount.checked_add(d(amount)).unwrap();
    cell.lines += 1;
}

/// Ten incidents a month in each of two services and priorities, 1,000 users and 10,000.00 a
/// month in the baseline; eight incidents, 1,100 users and 10,200.00 in the performance year.
fn world() -> World {
    let mut world = World {
        plan: plan(TERMS),
        spec: ScoreSpec::default(),
        baseline_spec: BaselineSpec::new(span("2024-01", "2025-01"), span("2025-01", "2026-01")),
        cells: Cells::default(),
        billing: BillingCells::new(),
        exposure: Vec::new(),
        records: Records::default(),
        delivered: delivered(),
        fx: FxRates::new(),
        as_of: "2026-02-10T00:00:00Z",
    };
    for at in months_between(month("2024-01"), month("2026-01")) {
        let performs = at >= month("2025-01");
        for (service, priority) in [("mail", 1), ("mail", 2), ("desk", 1), ("desk", 2)] {
            let n = if performs { 8 } else { 10 };
            let cell = Cell {
                tickets: n + 3,
                incidents: n,
                requests: 3,
                item_known: n - 2,
                repeats: 2,
                restore_met: n - 1,
                restore_breached: 1,
                restored: n,
                impact_s_ppm: 3_600 * 500_000,
                ..Cell::default()
            };
            let key = key("C1", service, priority, &at.to_string());
            for (clock, base) in [(Clock::RestoreBusiness, 0), (Clock::RestoreWall, 20)] {
                let histogram = world
                    .cells
                    .total
                    .histograms
                    .entry((key.clone(), clock))
                    .or_default();
                (1..=n).for_each(|value| histogram.add(base + value));
            }
            world.cells.total.cells.insert(key, cell);
        }
        world.exposure.push(Exposure {
            contract_id: "C1".to_owned(),
            service_id: String::new(),
            month: at,
            users: Some(if performs { 1_100 } else { 1_000 }),
            cis: None,
            transactions: None,
        });
        let (mail, desk) = if performs {
            ("6000.00", "4200.00")
        } else {
            ("6000.00", "4000.00")
        };
        bill(&mut world, "mail", at, BillingClass::Cost, mail);
        bill(&mut world, "desk", at, BillingClass::Cost, desk);
        bill(&mut world, "desk", at, BillingClass::Tax, "19.00");
    }
    // Another contract must not be seen.
    world.cells.total.cells.insert(
        key("C2", "mail", 1, "2025-03"),
        Cell {
            tickets: 99,
            incidents: 99,
            ..Cell::default()
        },
    );
    world.spec.cost_per_minute.extend([
        ("mail".to_owned(), d("12.5")),
        ("default".to_owned(), d("1")),
    ]);
    world
}

const LEVELS: &[Level] = &[Level::Service, Level::Priority];

fn run(world: &World) -> Scored {
    run_with(world, &baseline(world))
}

fn baseline(world: &World) -> BaselineResult {
    let table = ExposureTable::new("C1", &world.exposure, world.spec.exposure_unit);
    let zone = Zone::new("UTC").unwrap();
    let Some(known) = observed(&world.cells, "C1", &zone, world.as_of.parse().unwrap()) else {
        return estimate(&[], &world.baseline_spec);
    };
    let (series, _) = series(&world.cells, "C1", &table, world.spec.exposure_unit, known);
    estimate(&series, &world.baseline_spec)
}

fn run_with(world: &World, baseline: &BaselineResult) -> Scored {
    score(&inputs(world, baseline, &saving_of(world)))
}

fn inputs<'a>(
    world: &'a World,
    baseline: &'a BaselineResult,
    saving: &'a SavingResult,
) -> Inputs<'a> {
    Inputs {
        plan: &world.plan,
        spec: &world.spec,
        baseline_spec: &world.baseline_spec,
        baseline,
        saving,
        cells: &world.cells,
        billing: &world.billing,
        exposure: &world.exposure,
        records: &world.records,
        delivered: &world.delivered,
        observed: None,
        exchange: saving::Exchange {
            rates: &world.fx,
            day: saving::RateDay::MonthEnd,
            decimals: 12,
        },
        as_of: world.as_of.parse().unwrap(),
        levels: LEVELS,
    }
}

fn saving_of(world: &World) -> SavingResult {
    let exposure = ExposureTable::new("C1", &world.exposure, world.spec.exposure_unit);
    let zone = Zone::new("UTC").unwrap();
    let facts = saving::Facts {
        contract_id: "C1",
        currency: world.spec.currency,
        baseline: world.baseline_spec.baseline,
        performance: world.baseline_spec.performance,
        billing: &world.billing,
        exposure: &|service, month| {
            if service.is_empty() {
                exposure.of_contract(month)
            } else {
                exposure.of_service(service, month)
            }
        },
        indices: &[],
        fx: &FxRates::new(),
        rate_day: saving::RateDay::MonthEnd,
        fx_decimals: 12,
        adjustments: &[],
        initiatives: &[],
        month_of: &|at| zone.month_of(at),
        as_of: world.as_of.parse().unwrap(),
    };
    let periods = periods(&world.baseline_spec);
    saving::measure(&facts, &SavingsSpec::default(), &periods, &|_, _| None)
}

fn find<'a>(scored: &'a Scored, kpi: &str, period: &str, scope: &Scope) -> &'a KpiValue {
    scored
        .values
        .iter()
        .find(|v| v.kpi == kpi && period_text(&v.period) == period && v.scope == *scope)
        .unwrap_or_else(|| panic!("{kpi} {period} {scope}"))
}

fn at<'a>(scored: &'a Scored, kpi: &str, period: &str) -> &'a KpiValue {
    find(scored, kpi, period, &Scope::Contract)
}

fn value(scored: &Scored, kpi: &str, period: &str) -> Decimal {
    let v = at(scored, kpi, period);
    v.value
        .unwrap_or_else(|| panic!("{kpi} {period}: {}", v.reason))
}

#[test]
fn every_kpi_of_a_month_by_hand() {
    let scored = run(&world());
    for (kpi, expected) in [
        ("ticket_count", "44"),       // 4 × (8 + 3)
        ("incident_rate", "29.0909"), // 1000 × 32 ÷ 1100
        ("repeat_rate", "0.3333"),    // 8 ÷ 24
        ("sla_attainment", "0.875"),  // 28 ÷ 32
        ("breaches", "4"),
        ("time_to_restore_p50", "4"), // of four times 1..8
        ("time_to_restore_p90", "8"),
        ("time_to_restore_wall_p50", "24"),
        ("time_to_restore_wall_p90", "28"),
        ("impact_minutes", "120"),      // 4 × 1 h × one half
        ("impact_cost", "810.00"),      // 60 min × 12.50 + 60 min × 1
        ("benchmark_cost", "11000.00"), // 120000 ÷ 12000 × 1100
        ("actual_cost", "10200.00"),
        ("gross_saving", "800.00"),
    ] {
        assert_eq!(value(&scored, kpi, "2025-03"), d(expected), "{kpi}");
    }
    assert_eq!(at(&scored, "repeat_rate", "2025-03").excluded_n, 8);
    assert_eq!(at(&scored, "gross_saving", "2025-03").unit, "EUR");
    assert_eq!(
        at(&scored, "incident_rate", "2025-03").baseline,
        Some(d("40"))
    );
}

#[test]
fn longer_periods_are_recomputed_from_sums() {
    let mut world = world();
    // One bad month: 30 breached of 40, so that a mean of months and a ratio of sums differ.
    let cell = world
        .cells
        .total
        .cells
        .get_mut(&key("C1", "mail", 1, "2025-02"))
        .unwrap();
    cell.restore_met = 10;
    cell.restore_breached = 30;
    let scored = run(&world);
    let quarter = at(&scored, "sla_attainment", "2025-Q1");
    // (28 + 31 + 28) of (32 + 64 + 32).
    assert_eq!(quarter.numerator, Some(d("87")));
    assert_eq!(quarter.denominator, Some(d("128")));
    assert_eq!(quarter.value, Some(d("0.6797")));
    assert_eq!(value(&scored, "ticket_count", "2025-Q1"), d("132"));
    assert_eq!(
        value(&scored, "gross_saving", "2025-01/2026-01"),
        d("9600.00")
    );
    assert_eq!(
        value(&scored, "incident_rate", "2025-01/2026-01"),
        d("29.0909")
    );
}

#[test]
fn scopes_add_up_to_the_contract() {
    let scored = run(&world());
    for (kpi, scopes) in [
        ("ticket_count", 2),
        ("breaches", 2),
        ("impact_minutes", 2),
        ("impact_cost", 2),
        ("actual_cost", 1),
    ] {
        for period in ["2024-05", "2025-03", "2025-Q2", "2025-01/2026-01"] {
            let whole = value(&scored, kpi, period);
            let sum = |kind: &str| {
                scored
                    .values
                    .iter()
                    .filter(|v| v.kpi == kpi && period_text(&v.period) == period)
                    .filter(|v| v.scope.kind() == kind)
                    .fold(Decimal::ZERO, |a, v| {
                        a.checked_add(v.value.unwrap()).unwrap()
                    })
            };
            assert_eq!(sum("service"), whole, "{kpi} {period}");
            if scopes == 2 {
                assert_eq!(sum("priority"), whole, "{kpi} {period}");
            }
        }
    }
}

#[test]
fn the_page_of_the_catalogue_is_current() {
    assert_eq!(
        gainshare::score::markdown(),
        include_str!("../../docs/kpis.md"),
        "write it again: gainshare kpis --format markdown > docs/kpis.md"
    );
    let mut ids: Vec<&str> = catalogue::all().map(|k| k.id).collect();
    let n = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n);
}

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
fn periods_have_one_text_each() {
    let spec = BaselineSpec::new(span("2024-02", "2025-02"), span("2025-02", "2026-02"));
    let texts: Vec<String> = periods(&spec).iter().map(period_text).collect();
    let unique: BTreeSet<&String> = texts.iter().collect();
    assert_eq!(unique.len(), texts.len());
    for text in [
        "2024-02",
        "2025-02/2025-05",
        "2025-02/2026-02",
        "2024-02/2025-02",
    ] {
        assert!(texts.iter().any(|t| t == text), "{text}");
    }
    assert_eq!(period_text(&span("2025-01", "2025-04")), "2025-Q1");
}

#[test]
fn series_have_zero_months_and_the_exposure_of_their_service() {
    let mut world = world();
    world
        .cells
        .total
        .cells
        .retain(|k, _| !(k.service_id == "desk" && k.month == month("2024-06")));
    world.exposure.push(Exposure {
        contract_id: "C1".to_owned(),
        service_id: "desk".to_owned(),
        month: month("2024-06"),
        users: Some(7),
        cis: None,
        transactions: None,
    });
    let known = span("2024-01", "2026-01");
    let table = ExposureTable::new("C1", &world.exposure, ExposureUnit::Users);
    let (all, findings) = series(&world.cells, "C1", &table, ExposureUnit::Users, known);
    assert_eq!(all.len(), 4);
    assert!(findings.iter().any(|f| f.code == "exposure_summed") == table.sums_services());
    let june = |service: &str| {
        all.iter()
            .find(|s| s.key.service_id == service && s.key.priority == "P1")
            .map(|s| {
                (
                    s.count_in(month("2024-06")),
                    s.exposure_in(month("2024-06")),
                )
            })
            .unwrap()
    };
    assert_eq!(june("desk"), (Some(0), Some(7.0)));
    assert_eq!(june("mail"), (Some(10), Some(1000.0)));
    let none = ExposureTable::default();
    let (all, findings) = series(&world.cells, "C1", &none, ExposureUnit::Users, known);
    assert!(all.iter().all(|s| s.exposure.iter().all(|e| *e == 1.0)));
    assert!(findings.iter().any(|f| f.code == "exposure_absent"));
}

/// A joint result for March 2025: 100 expected, 82 counted.
fn joint(status: Status, reason: &str) -> BaselineResult {
    let ok = status != Status::NotMeasurable;
    let some = |x: f64| ok.then_some(x);
    BaselineResult {
        months: Vec::new(),
        joint: vec![JointRow {
            contract_id: "C1".to_owned(),
            scope: JointScope::Contract,
            period_kind: PeriodKind::Month,
            period: span("2025-03", "2025-04"),
            actual: 82,
            expected: some(100.0),
            avoided: some(18.0),
            std_error: some(6.5),
            ci_low: some(5.0),
            ci_high: some(31.0),
            ci_level: 0.95,
            rate_ratio: some(0.82),
            credited: some(9.0),
            credited_low: some(2.5),
            credited_high: some(15.5),
            creditable: some(2.5),
            cell_months: 4,
            excluded_cells: 0,
            excluded_months: 0,
            provisional: true,
            status,
            reason: reason.to_owned(),
        }],
        hashes: Vec::new(),
        findings: Vec::new(),
    }
}

#[test]
fn avoided_impact_is_the_expected_incidents_at_the_cost_of_the_baseline() {
    let scored = run_with(&world(), &joint(Status::Ok, ""));
    // A year of mail: 24 half hours × 12.50; of desk: 24 × 30 × 1: 9720.00 for 480 incidents.
    // 100 of them would have cost 2025.00; the month cost 810.00.
    assert_eq!(value(&scored, "impact_avoided", "2025-03"), d("1215.00"));
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

proptest::proptest! {
    /// Services and priorities each add up to the contract, a year is the sum of its months,
    /// and ratios are those of summed parts, whatever the cells.
    #[test]
    fn sums_over_scopes_and_months_are_those_of_the_contract(
        cells in proptest::collection::vec((0u8..3, 1u8..6, 0i32..24, 0u64..50, 0u64..50, 0i64..9_999_999), 1..60)
    ) {
        let mut world = world();
        world.cells = Cells::default();
        for (service, priority, at, met, breached, s_ppm) in cells {
            let at = month("2024-01").plus(at).to_string();
            let key = key("C1", &format!("s{service}"), priority, &at);
            world.cells.total.cells.entry(key).or_default().merge(&Cell {
                tickets: met + breached,
                restore_met: met,
                restore_breached: breached,
                impact_s_ppm: i128::from(s_ppm),
                ..Cell::default()
            });
        }
        let scored = run_with(&world, &joint(Status::Ok, ""));
        let exact = |v: &KpiValue| match v.kpi.as_ref() {
            "ticket_count" | "breaches" => v.value,
            "sla_attainment" | "impact_minutes" => v.numerator,
            _ => None,
        };
        let sum = |kpi: &str, wanted: &dyn Fn(&KpiValue) -> bool| {
            scored
                .values
                .iter()
                .filter(|v| v.kpi == kpi && wanted(v))
                .filter_map(exact)
                .fold(Decimal::ZERO, |a, b| a.checked_add(b).unwrap())
        };
        let year = span("2025-01", "2026-01");
        for kpi in ["ticket_count", "breaches", "sla_attainment", "impact_minutes"] {
            let known = scored
                .values
                .iter()
                .find(|v| v.kpi == kpi && v.period == year && v.scope == Scope::Contract)
                .filter(|v| !v.provisional && exact(v).is_some());
            let Some(whole) = known.and_then(exact) else { continue };
            for kind in ["service", "priority"] {
                let scopes = sum(kpi, &|v| v.scope.kind() == kind && v.period == year);
                proptest::prop_assert_eq!(scopes, whole, "{} {}", kpi, kind);
            }
            let months = sum(kpi, &|v| {
                v.scope == Scope::Contract
                    && v.period.end() == v.period.start().next()
                    && year.contains(v.period.start())
            });
            proptest::prop_assert_eq!(months, whole, "{} months", kpi);
        }
    }
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
