//! The same history under several contracts: what each pays the supplier, what is left of it, and
//! what the customer bears in all. Settlement with other terms; no arithmetic of its own beyond
//! sums. Not responsible for settling (see [`crate::settle`]).

use std::collections::BTreeMap;

use crate::judge::align::{AlignError, Given, asked_by_period};
use crate::money::{Currency, Decimal};
use crate::settle::{
    AmountKind, Detail, Facts, LineStatus, Measured, Measures, PeriodKey, SettlementLine, Span,
    settle,
};
use crate::terms::{Located, SettleSpec, Value};

/// What one pricing scheme pays the supplier in one period.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SchemeRow {
    /// The contract.
    pub contract_id: String,
    /// The settlement period.
    pub period: String,
    /// `this_contract`, or the name of a scheme it is compared with.
    pub scheme: String,
    /// What the customer pays the supplier; absent when nothing was measurable.
    pub supplier_revenue: Option<Decimal>,
    /// Revenue less what the service cost the supplier; absent without cost assumptions.
    pub supplier_profit: Option<Decimal>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// What business impact cost the customer in the period, where priced.
    pub impact_cost: Option<Decimal>,
    /// Revenue and impact together.
    pub customer_total_cost: Option<Decimal>,
    /// Why something is absent; else empty.
    pub reason: String,
}

/// What the service cost the supplier, by statement period, or why that is not known.
pub type OwnCosts = BTreeMap<Span, Result<Decimal, String>>;

/// What the service cost the supplier in every period that the terms settle: `period_cost` of
/// `[alignment]`, else `cost_to_serve` per ticket, and what is left of charges as invoiced after
/// the margin. `costs` are the terms that hold the assumptions.
///
/// # Errors
/// Terms that cannot be settled for the contract.
pub fn own_costs(
    spec: &SettleSpec,
    costs: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    given: &Given,
) -> Result<OwnCosts, AlignError> {
    let alignment = costs.source.alignment.clone().unwrap_or_default();
    let mut names: Vec<(&str, Located<Value>)> = alignment
        .assumptions()
        .map(|(name, value)| (name, value.clone()))
        .filter(|(name, _)| !given.assumptions.contains_key(*name))
        .collect();
    for (name, value) in &given.assumptions {
        names.push((name, Located::bare(Value::Number(*value))));
    }
    let known = |name: &str| {
        names
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| &v.value)
    };
    let mut parts = Vec::new();
    if let Some(cost) = known("cost_to_serve") {
        parts.push(format!("({cost}) * ticket_count"));
    } else if let (Some(price), Some(margin)) = (known("price"), known("margin")) {
        parts.push(format!("({price}) * (1 - ({margin})) * ticket_count"));
    }
    if let Some(margin) = known("margin")
        && has(&facts.measures, contract_id, "actual_cost")
    {
        parts.push(format!("(1 - ({margin})) * actual_cost"));
    }
    let expression = match alignment.period_cost {
        Some(cost) => cost,
        None if parts.is_empty() => return Ok(OwnCosts::new()),
        None => Located::bare(Value::Text(parts.join(" + "))),
    };
    let numbers: Vec<(&str, Decimal)> = names
        .iter()
        .filter_map(|(name, value)| match &value.value {
            Value::Number(number) => Some((*name, *number)),
            Value::Text(_) => None,
        })
        .collect();
    let answers = asked_by_period(spec, facts, contract_id, &[expression], &numbers)?;
    Ok(answers
        .into_iter()
        .filter_map(|(span, mut values)| Some((span, values.pop()?)))
        .collect())
}

fn has(measures: &Measures, contract_id: &str, name: &str) -> bool {
    measures.values(contract_id).any(|(_, n, _, _)| n == name)
}

/// One pricing scheme: its name and its terms.
#[derive(Debug, Clone, Copy)]
pub struct Scheme<'a> {
    /// The name.
    pub name: &'a str,
    /// The terms.
    pub spec: &'a SettleSpec,
}

/// Settles the same facts under every scheme; rows by scheme, contract and period. `costs` are
/// the terms that hold the cost assumptions.
#[must_use]
pub fn backtest(
    schemes: &[Scheme<'_>],
    costs: &SettleSpec,
    facts: &Facts,
    given: &Given,
) -> (Vec<SchemeRow>, Vec<crate::finding::Finding>) {
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    for scheme in schemes {
        let settled = settle(scheme.spec, facts, Detail::Amounts);
        findings.extend(settled.findings.into_iter().map(|mut finding| {
            finding.detail = format!("under `{}`: {}", scheme.name, finding.detail);
            finding
        }));
        for contract in crate::settle::contracts(scheme.spec, facts) {
            let lines: Vec<SettlementLine> = settled
                .lines
                .iter()
                .filter(|l| l.contract_id == contract)
                .cloned()
                .collect();
            let own = own_costs(scheme.spec, costs, facts, &contract, given);
            let own = own.unwrap_or_else(|error| {
                let period = |line: &SettlementLine| match line.period.parse() {
                    Ok(PeriodKey::Span(span)) => Some((span, Err(error.to_string()))),
                    _ => None,
                };
                lines.iter().filter_map(period).collect()
            });
            rows.extend(rows_of(scheme.name, &lines, &facts.measures, &own));
        }
    }
    (rows, findings)
}

/// What a scheme pays per settlement period: the sum of its payable lines, the impact that the
/// customer bore meanwhile, and what the service cost the supplier. One row per period of the
/// scheme's statements.
#[must_use]
pub fn rows_of(
    scheme: &str,
    lines: &[SettlementLine],
    measures: &Measures,
    own: &OwnCosts,
) -> Vec<SchemeRow> {
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
                supplier_profit: None,
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
    let span = |row: &SchemeRow| match row.period.parse() {
        Ok(PeriodKey::Span(span)) => Some(span),
        _ => None,
    };
    let months = |row: &SchemeRow| span(row).map_or(0, Span::months);
    let shortest = rows.iter().map(months).min().unwrap_or_default();
    for row in &mut rows {
        if months(row) > shortest {
            // What the service cost stands in the shorter rows.
            row.supplier_profit = row.supplier_revenue.filter(|_| !own.is_empty());
            "a true-up of shorter periods: the impact stands in their rows"
                .clone_into(&mut row.reason);
            continue;
        }
        let period = span(row);
        let cost = period.and_then(|p| own.get(&p));
        if let (Some(revenue), Some(Ok(cost))) = (row.supplier_revenue, cost) {
            row.supplier_profit = revenue.checked_sub(*cost).ok();
        }
        let impact = period.map_or_else(
            || Err("no impact cost of this period".to_owned()),
            |p| impact_of(measures, &row.contract_id, p),
        );
        row.impact_cost = impact.as_ref().ok().copied();
        row.customer_total_cost = match (row.supplier_revenue, row.impact_cost) {
            (Some(fee), Some(impact)) => fee.checked_add(impact).ok(),
            _ => None,
        };
        if row.reason.is_empty()
            && let Err(reason) = impact
        {
            row.reason = reason;
        }
        if row.reason.is_empty()
            && let Some(Err(reason)) = cost
        {
            row.reason = format!("cost of the supplier: {reason}");
        }
    }
    rows
}

/// The measured impact cost of a period, or that of its months together.
fn impact_of(measures: &Measures, contract_id: &str, period: Span) -> Result<Decimal, String> {
    let value = |wanted: Span| {
        measures
            .values(contract_id)
            .find(|(key, name, scope, _)| {
                *key == PeriodKey::Span(wanted) && *name == "impact_cost" && scope.is_none()
            })
            .map(|(_, _, _, value)| value.clone())
    };
    match value(period) {
        Some(Measured::Value(value)) => return Ok(value),
        Some(Measured::NotMeasurable(reason)) => return Err(format!("impact_cost: {reason}")),
        None => {}
    }
    let mut sum = Decimal::ZERO;
    let mut month = period.from;
    while month < period.to {
        let one = Span {
            from: month,
            to: month.next(),
        };
        match value(one) {
            Some(Measured::Value(value)) => {
                sum = sum.checked_add(value).map_err(|e| e.to_string())?;
            }
            _ => return Err("no impact cost of this period".to_owned()),
        }
        month = month.next();
    }
    Ok(sum)
}
