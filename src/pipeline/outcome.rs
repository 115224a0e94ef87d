//! What a run gives back to the rim, beside the files it wrote.

use std::path::PathBuf;

use crate::finding::Finding;
use crate::ingest::account::FileAccount;
use crate::money::{Currency, Decimal};
use crate::publish::manifest::OutputFile;
use crate::score::{KpiValue, Scope};
use crate::settle::{AmountKind, LineStatus, SettlementLine, Span};

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// One account per input file.
    pub accounts: Vec<FileAccount>,
    /// What was noticed, sorted.
    pub findings: Vec<Finding>,
    /// The rows of `settlement`.
    pub settlement: Vec<SettlementLine>,
    /// The rows of `schemes`.
    pub schemes: Vec<SchemeRow>,
    /// The rows of `kpi`.
    pub kpis: Vec<KpiValue>,
    /// Where the manifest lies.
    pub manifest: PathBuf,
    /// The files written.
    pub outputs: Vec<OutputFile>,
}

/// What one pricing scheme pays the supplier in one period.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemeRow {
    /// The contract.
    pub contract_id: String,
    /// The settlement period.
    pub period: String,
    /// `this_contract`, or the name of a scheme it is compared with.
    pub scheme: String,
    /// What the customer pays the supplier; absent when nothing was measurable.
    pub supplier_revenue: Option<Decimal>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// What business impact cost the customer in the period, where priced.
    pub impact_cost: Option<Decimal>,
    /// Revenue and impact together.
    pub customer_total_cost: Option<Decimal>,
    /// Why something is absent; else empty.
    pub reason: String,
}

/// What a scheme pays per settlement period: the sum of its payable lines, and the impact that
/// the customer bore meanwhile. One row per period of the scheme's statements.
pub(super) fn schemes(scheme: &str, lines: &[SettlementLine], kpis: &[KpiValue]) -> Vec<SchemeRow> {
    let mut rows: Vec<SchemeRow> = Vec::new();
    for line in lines
        .iter()
        .filter(|l| l.amount_kind == AmountKind::Payable)
    {
        let found = rows
            .iter()
            .position(|r| r.contract_id == line.contract_id && r.period == line.period);
        let at = found.unwrap_or_else(|| {
            rows.push(SchemeRow {
                contract_id: line.contract_id.clone(),
                period: line.period.clone(),
                scheme: scheme.to_owned(),
                supplier_revenue: Some(Decimal::ZERO),
                currency: line.currency,
                impact_cost: None,
                customer_total_cost: None,
                reason: String::new(),
            });
            rows.len() - 1
        });
        let Some(row) = rows.get_mut(at) else {
            continue;
        };
        let counts = matches!(
            line.status,
            LineStatus::Final | LineStatus::Provisional | LineStatus::Disputed
        );
        match (counts, line.amount, row.supplier_revenue) {
            (true, Some(amount), Some(sum)) if line.currency == row.currency => {
                row.supplier_revenue = sum.checked_add(amount).ok();
            }
            (true, Some(_), _) => {
                row.supplier_revenue = None;
                row.reason = "amounts in several currencies".to_owned();
            }
            _ if line.status == LineStatus::NotMeasurable => {
                row.supplier_revenue = None;
                row.reason = format!("{}: {}", line.clause_id, line.explanation);
            }
            _ => {}
        }
    }
    let months = |row: &SchemeRow| {
        let period: Result<crate::settle::PeriodKey, _> = row.period.parse();
        match period {
            Ok(crate::settle::PeriodKey::Span(span)) => span.months(),
            _ => 0,
        }
    };
    let shortest = rows.iter().map(months).min().unwrap_or_default();
    for row in &mut rows {
        if months(row) > shortest {
            "a true-up of shorter periods: the impact stands in their rows"
                .clone_into(&mut row.reason);
            continue;
        }
        let impact = kpis.iter().find(|k| {
            k.kpi == "impact_cost"
                && k.scope == Scope::Contract
                && k.contract_id == row.contract_id
                && Span {
                    from: k.period.start(),
                    to: k.period.end(),
                }
                .to_string()
                    == row.period
        });
        row.impact_cost = impact.and_then(|k| k.value);
        row.customer_total_cost = match (row.supplier_revenue, row.impact_cost) {
            (Some(fee), Some(impact)) => fee.checked_add(impact).ok(),
            _ => None,
        };
        if row.reason.is_empty() && row.impact_cost.is_none() {
            row.reason = impact.map_or_else(
                || "no impact cost of this period".to_owned(),
                |k| format!("impact_cost: {}", k.reason),
            );
        }
    }
    rows
}
