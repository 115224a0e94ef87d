//! The small tables that baseline and savings are made of, from canonical rows to their typed
//! values. Not responsible for what they do.

use super::ledgers::{amount, skipped};
use std::collections::BTreeMap;

use crate::baseline::saving::{AdjustmentRow, IndexValue, InitiativeRow};
use crate::baseline::{AttributionRow, Link};
use crate::finding::Finding;
use crate::ingest::columns::Columns;
use crate::measure::read::Plans;
use crate::measure::relief::ReliefRow;
use crate::money::Decimal;
use crate::time::{Date, Instant};

fn instant(rows: &Columns, column: &str, row: usize) -> Option<Instant> {
    rows.integer(column, row).map(Instant::from_micros)
}

fn date(rows: &Columns, column: &str, row: usize) -> Option<Date> {
    let days = i32::try_from(rows.integer(column, row)?).ok()?;
    Some(Date::from_days_since_epoch(days))
}

/// Values of price indices.
pub(super) fn indices(rows: Option<&Columns>) -> Vec<IndexValue> {
    let Some(rows) = rows else { return Vec::new() };
    (0..rows.len())
        .filter_map(|row| {
            Some(IndexValue {
                index_id: rows.text("index_id", row)?.to_owned(),
                month: rows.text("month", row)?.parse().ok()?,
                value: amount(rows, "value", row)?,
                published_at: instant(rows, "published_at", row),
                revision: rows.integer("revision", row).unwrap_or(1),
            })
        })
        .collect()
}

/// Agreed and proposed adjustments. One without an amount, measure or period adjusts nothing and
/// is reported.
pub(super) fn adjustments(
    rows: Option<&Columns>,
    findings: &mut Vec<Finding>,
) -> Vec<AdjustmentRow> {
    let Some(rows) = rows else { return Vec::new() };
    let mut all = Vec::new();
    for row in 0..rows.len() {
        let text = |c: &str| rows.text(c, row).unwrap_or_default().to_owned();
        let (Some(measure), Some(amount), Some(from), Some(to)) = (
            rows.text("measure", row),
            amount(rows, "amount", row),
            date(rows, "from", row),
            date(rows, "to", row),
        ) else {
            findings.push(skipped(
                "adjustments",
                rows,
                row,
                &format!(
                    "{} has no measure, amount, `from` or `to`",
                    text("adjustment_id")
                ),
            ));
            continue;
        };
        if to <= from {
            findings.push(skipped(
                "adjustments",
                rows,
                row,
                &format!("{} ends before it starts", text("adjustment_id")),
            ));
            continue;
        }
        all.push(AdjustmentRow {
            adjustment_id: text("adjustment_id"),
            contract_id: text("contract_id"),
            non_routine: rows.text("kind", row) != Some("routine"),
            measure: measure.to_owned(),
            amount,
            currency: rows.text("currency", row).and_then(|t| t.parse().ok()),
            from,
            to,
            reason: text("reason"),
            agreed_by_customer_at: instant(rows, "agreed_by_customer_at", row),
            agreed_by_supplier_at: instant(rows, "agreed_by_supplier_at", row),
        });
    }
    all
}

/// Savings proposals of either side.
pub(super) fn initiatives(rows: Option<&Columns>) -> Vec<InitiativeRow> {
    let Some(rows) = rows else { return Vec::new() };
    (0..rows.len())
        .map(|row| {
            let text = |c: &str| rows.text(c, row).unwrap_or_default().to_owned();
            InitiativeRow {
                initiative_id: text("initiative_id"),
                contract_id: text("contract_id"),
                proposed_by: text("proposed_by"),
                decided_at: instant(rows, "decided_at", row),
                decision: text("decision"),
                implemented_at: instant(rows, "implemented_at", row),
                expected_saving: amount(rows, "expected_saving", row),
                currency: rows.text("currency", row).and_then(|t| t.parse().ok()),
                service_id: text("service_id"),
                claims: text("claims"),
            }
        })
        .collect()
}

/// Events that may relieve a supplier.
pub(super) fn reliefs(rows: Option<&Columns>) -> Vec<ReliefRow> {
    let Some(rows) = rows else { return Vec::new() };
    (0..rows.len())
        .filter_map(|row| {
            let text = |c: &str| rows.text(c, row).unwrap_or_default().to_owned();
            Some(ReliefRow {
                relief_id: text("relief_id"),
                contract_id: text("contract_id"),
                service_id: text("service_id"),
                from: instant(rows, "from", row)?,
                to: instant(rows, "to", row)?,
                kpis: text("kpis"),
                claimed_at: instant(rows, "claimed_at", row),
                accepted_at: instant(rows, "accepted_at", row),
                kind: text("kind"),
            })
        })
        .collect()
}

/// Who is credited for a reduction.
pub(super) fn attribution(rows: Option<&Columns>) -> Vec<AttributionRow> {
    let Some(rows) = rows else { return Vec::new() };
    (0..rows.len())
        .filter_map(|row| {
            let text = |c: &str| rows.text(c, row).unwrap_or_default().to_owned();
            // A share is stored in parts per million. What was not agreed credits nobody.
            let weight = Decimal::new(i128::from(rows.integer("weight", row)?), 6).ok()?;
            Some(AttributionRow {
                contract_id: text("contract_id"),
                service_id: text("service_id"),
                priority: rows
                    .integer("priority", row)
                    .map_or_else(String::new, |p| format!("P{p}")),
                party: text("party"),
                weight: weight.normalized(),
                agreed_at: Some(instant(rows, "agreed_at", row)?),
            })
        })
        .collect()
}

/// What can have made incidents go: initiatives of suppliers in effect that claim incidents, and
/// problems fixed on a configuration item of the service.
pub(super) fn links(
    initiatives: &[InitiativeRow],
    problems: Option<&Columns>,
    ci_services: Option<&Columns>,
    plans: &Plans,
    as_of: Instant,
) -> Vec<Link> {
    let mut links = Vec::new();
    for row in initiatives {
        let (Some(plan), Some(at)) = (plans.get(&row.contract_id), row.implemented_at) else {
            continue;
        };
        if row.claims_incidents() && row.proposed_by != "customer" && row.in_effect(as_of) {
            links.push(Link {
                contract_id: row.contract_id.clone(),
                service_id: row.service_id.clone(),
                from: plan.zone.month_of(at),
                what: format!("initiative {}", row.initiative_id),
            });
        }
    }
    let mut services: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    if let Some(rows) = ci_services {
        for row in 0..rows.len() {
            if let (Some(ci), Some(service)) =
                (rows.text("ci_id", row), rows.text("service_id", row))
            {
                services.entry(ci).or_default().push(service);
            }
        }
    }
    if let Some(rows) = problems {
        for row in 0..rows.len() {
            let contract = rows.text("contract_id", row).unwrap_or_default();
            let (Some(plan), Some(at)) = (
                plans.get(contract),
                instant(rows, "fixed_at", row).filter(|at| *at <= as_of),
            ) else {
                continue;
            };
            let ci = rows.text("ci_id", row).unwrap_or_default();
            for service in services.get(ci).into_iter().flatten() {
                links.push(Link {
                    contract_id: contract.to_owned(),
                    service_id: (*service).to_owned(),
                    from: plan.zone.month_of(at),
                    what: format!(
                        "problem {}",
                        rows.text("problem_id", row).unwrap_or_default()
                    ),
                });
            }
        }
    }
    links.sort();
    links.dedup();
    links
}
