//! The small tables that settlement reads (what was settled before, exchange rates, disputes,
//! reliefs, attributions) and the exposure that scoring reads, from canonical rows to their typed values.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity, Stage};
use crate::ingest::columns::Columns;
use crate::ingest::value::STORE_SCALE;
use crate::money::{Currency, Decimal, FxRates};
use crate::score::Exposure;
use crate::settle::{
    Agreements, Attribution, Dispute, DisputeOutcome, PeriodKey, Relief, Settled, SettledLine,
    SettledStatus,
};
use crate::time::{Date, Instant};

pub(super) fn amount(rows: &Columns, column: &str, row: usize) -> Option<Decimal> {
    Decimal::new(rows.decimal(column, row)?, STORE_SCALE)
        .ok()
        .map(Decimal::normalized)
}

pub(super) fn skipped(table: &str, rows: &Columns, row: usize, why: &str) -> Finding {
    let mut finding = Finding::new(
        Stage::Settle,
        Severity::Warning,
        "ledger_line",
        format!("a line of `{table}` was not used: {why}"),
    );
    finding.line = rows.line.get(row).copied();
    finding
}

/// What earlier statements settled.
pub(super) fn settled(rows: Option<&Columns>, findings: &mut Vec<Finding>) -> Settled {
    let mut settled = Settled::new();
    let Some(rows) = rows else { return settled };
    for row in 0..rows.len() {
        let text = |c: &str| rows.text(c, row).unwrap_or_default().to_owned();
        let period = text("period");
        let Ok(period) = period.parse::<PeriodKey>() else {
            findings.push(skipped(
                "settled",
                rows,
                row,
                &format!("`{period}` is no period"),
            ));
            continue;
        };
        let word = rows.text("status", row).unwrap_or("final");
        let status: SettledStatus = match word.parse() {
            Ok(status) => status,
            Err(e) => {
                findings.push(skipped("settled", rows, row, &format!("{e}")));
                continue;
            }
        };
        let Some(amount) = amount(rows, "amount", row) else {
            continue;
        };
        settled.push(SettledLine {
            statement_id: text("statement_id"),
            contract_id: text("contract_id"),
            period,
            clause_id: text("clause_id"),
            amount,
            status,
            level: rows.text("level", row).map(str::to_owned),
            left: rows
                .integer("left", row)
                .and_then(|n| u16::try_from(n).ok()),
        });
    }
    settled
}

/// Exchange rates. Of several sources of one day's rate the first in order of rows counts.
pub(super) fn fx_rates(rows: Option<&Columns>, findings: &mut Vec<Finding>) -> FxRates {
    let mut rates = FxRates::new();
    let Some(rows) = rows else { return rates };
    for row in 0..rows.len() {
        let currency = |c: &str| rows.text(c, row).and_then(|t| t.parse::<Currency>().ok());
        let date = rows
            .integer("date", row)
            .and_then(|d| i32::try_from(d).ok());
        let (Some(from), Some(to), Some(date), Some(rate)) = (
            currency("from"),
            currency("to"),
            date,
            amount(rows, "rate", row),
        ) else {
            continue;
        };
        if let Err(e) = rates.insert(Date::from_days_since_epoch(date), from, to, rate) {
            findings.push(skipped("fx_rates", rows, row, &e.to_string()));
        }
    }
    rates
}

/// Disputes about clauses. A dispute about an invoice line is not one about a clause.
pub(super) fn disputes(rows: Option<&Columns>, findings: &mut Vec<Finding>) -> Vec<Dispute> {
    let mut disputes = Vec::new();
    let Some(rows) = rows else { return disputes };
    for row in 0..rows.len() {
        let text = |c: &str| rows.text(c, row).unwrap_or_default().to_owned();
        if rows.text("clause_id", row).is_none() {
            continue;
        }
        let closed = rows.integer("closed_at", row).is_some();
        let outcome = match (closed, rows.text("outcome", row)) {
            (false, None) => DisputeOutcome::Open,
            (_, Some("customer")) => DisputeOutcome::Customer,
            (_, Some("supplier")) => DisputeOutcome::Supplier,
            (_, other) => {
                let why = format!(
                    "outcome `{}` does not say for whom the dispute was decided (customer or supplier)",
                    other.unwrap_or_default()
                );
                findings.push(skipped("disputes", rows, row, &why));
                continue;
            }
        };
        let period = text("period");
        let Ok(period) = period.parse::<PeriodKey>() else {
            findings.push(skipped(
                "disputes",
                rows,
                row,
                &format!("`{period}` is no period"),
            ));
            continue;
        };
        disputes.push(Dispute {
            dispute_id: text("dispute_id"),
            contract_id: text("contract_id"),
            period,
            clause_id: text("clause_id"),
            amount: amount(rows, "amount", row).map(Decimal::abs),
            outcome,
        });
    }
    disputes
}

/// Relief events and attributions, for terms that name them; times on each contract's clock.
pub(super) fn agreements(
    reliefs: Option<&Columns>,
    weights: Option<&Columns>,
    plans: &super::read::Plans,
    findings: &mut Vec<Finding>,
) -> Agreements {
    let mut agreements = Agreements::new();
    if let Some(rows) = reliefs {
        for row in 0..rows.len() {
            let text = |c: &str| rows.text(c, row).map(str::to_owned);
            let contract_id = text("contract_id").unwrap_or_default();
            let zone = plans.get(&contract_id).map(|p| &p.zone);
            let at = |c: &str| {
                let at = Instant::from_micros(rows.integer(c, row)?);
                Some(zone.map_or(at, |z| at.plus_seconds(z.offset_s(at))))
            };
            let (Some(from), Some(to)) = (at("from"), at("to")) else {
                continue;
            };
            let relief = Relief {
                relief_id: text("relief_id").unwrap_or_default(),
                contract_id,
                kind: text("kind").unwrap_or_default(),
                service_id: text("service_id"),
                kpis: Relief::measures(&text("kpis").unwrap_or_default()),
                from,
                to,
                claimed_at: at("claimed_at"),
                accepted_at: at("accepted_at"),
            };
            if let Err(e) = agreements.relieve(relief) {
                findings.push(skipped("relief_events", rows, row, &e.to_string()));
            }
        }
    }
    if let Some(rows) = weights {
        for row in 0..rows.len() {
            let text = |c: &str| rows.text(c, row).map(str::to_owned);
            // A share is stored in parts per million.
            let weight = rows.integer("weight", row).unwrap_or_default();
            let Ok(weight) = Decimal::new(i128::from(weight), 6) else {
                continue;
            };
            let one = Attribution {
                contract_id: text("contract_id").unwrap_or_default(),
                service_id: text("service_id"),
                priority: rows.integer("priority", row).map(|p| format!("P{p}")),
                party: text("party").unwrap_or_default(),
                weight: weight.normalized(),
                agreed: rows.integer("agreed_at", row).is_some(),
            };
            if let Err(e) = agreements.credit(one) {
                findings.push(skipped("attribution", rows, row, &e.to_string()));
            }
        }
    }
    agreements
}

/// Exposure rows.
pub(super) fn exposure(rows: Option<&Columns>, wanted: impl Fn(&str) -> bool) -> Vec<Exposure> {
    let Some(rows) = rows else { return Vec::new() };
    let mut all: BTreeMap<(String, String, crate::time::Month), Exposure> = BTreeMap::new();
    for row in 0..rows.len() {
        let count = |c: &str| rows.integer(c, row).and_then(|n| u64::try_from(n).ok());
        let (Some(contract), Some(Ok(month))) = (
            rows.text("contract_id", row),
            rows.text("month", row).map(str::parse),
        ) else {
            continue;
        };
        if !wanted(contract) {
            continue;
        }
        let service = rows.text("service_id", row).unwrap_or_default();
        all.insert(
            (contract.to_owned(), service.to_owned(), month),
            Exposure {
                contract_id: contract.to_owned(),
                service_id: service.to_owned(),
                month,
                users: count("users"),
                cis: count("cis"),
                transactions: count("transactions"),
            },
        );
    }
    all.into_values().collect()
}
