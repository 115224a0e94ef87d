//! The score stage: every KPI by hand and the laws of sums.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod compared;
mod composite;
mod currencies;
mod limits;
mod some;
mod suppliers;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use gainshare::baseline::rates::{RateMethod, two_rates};
use gainshare::baseline::saving::{self, SavingResult, SavingsSpec};
use gainshare::baseline::{
    BaselineResult, BaselineSpec, JointRow, PeriodKind, Scope as JointScope, Status, estimate,
};
use gainshare::measure::billing::{BillingCell, BillingCells, BillingClass, BillingKey};
use gainshare::measure::cells::Cells;
use gainshare::measure::fragment::{Cell, CellKey, Clock, OpenKey};
use gainshare::measure::plan::MeasurePlan;
use gainshare::measure::spec::MeasureSpec;
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
