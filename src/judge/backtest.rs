//! The same history under several contracts, month by month: what each pays the supplier, what is
//! left of it, and what the customer bears in all. Settlement with other terms; no arithmetic of
//! its own beyond sums. Not responsible for settling (see [`crate::settle`]).
//!
//! Contracts settle by the month, the quarter or the year; their rows are months nevertheless, so
//! that they can be compared. What is known by month stands in its month. What is known only for a
//! longer period (a payment of a quarter, a true-up of a year) stands in the last month of that
//! period, whole: nothing is spread, so that sums stay what was settled, to the cent.

use std::collections::BTreeMap;

use crate::judge::align::{AlignError, Given, asked_by_period};
use crate::money::{Currency, Decimal};
use crate::settle::{
    AmountKind, Detail, Facts, LineStatus, Measured, Measures, PeriodKey, SettlementLine, Span,
    settle,
};
use crate::terms::{Located, Per, SettleSpec, Value};
use crate::time::{Month, months_between};

/// What one pricing scheme pays the supplier in one month.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SchemeRow {
    /// The contract.
    pub contract_id: String,
    /// The month.
    pub period: String,
    /// `this_contract`, or the name of a scheme it is compared with.
    pub scheme: String,
    /// What the customer pays the supplier: the customer's fees. What settles a longer period
    /// stands in its last month. Absent when something was not measurable.
    pub supplier_revenue: Option<Decimal>,
    /// Revenue less what the service cost the supplier; absent without cost assumptions.
    pub supplier_profit: Option<Decimal>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// What business impact cost the customer in the month, where priced.
    pub impact_cost: Option<Decimal>,
    /// Revenue and impact together.
    pub customer_total_cost: Option<Decimal>,
    /// Why something is absent; else empty.
    pub reason: String,
}

/// What the service cost the supplier, or why that is not known: by month where it is known by
/// month, else by statement period. Periods do not overlap.
pub type OwnCosts = BTreeMap<Span, Result<Decimal, String>>;

/// What the service cost the supplier in every period that the terms settle: `period_cost` of
/// `[alignment]`, else `cost_to_serve` per ticket, and what is left of charges as invoiced after
/// the margin. `costs` are the terms that hold the assumptions.
///
/// The cost of a longer period is told month by month where the same expression has a value in
/// each of its months and these add up to that of the period, exactly; else for the period.
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
    let ask = |spec: &SettleSpec| -> Result<OwnCosts, AlignError> {
        let answers = asked_by_period(
            spec,
            facts,
            contract_id,
            std::slice::from_ref(&expression),
            &numbers,
        )?;
        let one =
            |(span, mut values): (Span, Vec<Result<Decimal, String>>)| Some((span, values.pop()?));
        Ok(answers.into_iter().filter_map(one).collect())
    };
    let whole = ask(spec)?;
    if whole.keys().all(|span| span.months() == 1) {
        return Ok(whole);
    }
    let mut monthly = spec.clone();
    monthly.source.contract.per = Some(Located::bare(Per::Month));
    // Terms that cannot be read by the month are asked by their own periods alone.
    let monthly = ask(&monthly).unwrap_or_default();
    let mut costs = OwnCosts::new();
    for (span, cost) in whole {
        match by_month(span, &cost, &monthly) {
            Some(months) => costs.extend(months),
            None => {
                costs.insert(span, cost);
            }
        }
    }
    Ok(costs)
}

/// The cost of a period by its months, where these are known and add up to it.
fn by_month(
    span: Span,
    cost: &Result<Decimal, String>,
    monthly: &OwnCosts,
) -> Option<Vec<(Span, Result<Decimal, String>)>> {
    let mut rest = *cost.as_ref().ok()?;
    let mut months = Vec::new();
    for month in months_between(span.from, span.to) {
        let one = of_month(month);
        let cost = *monthly.get(&one)?.as_ref().ok()?;
        rest = rest.checked_sub(cost).ok()?;
        months.push((one, Ok(cost)));
    }
    rest.is_zero().then_some(months)
}

fn of_month(month: Month) -> Span {
    Span {
        from: month,
        to: month.next(),
    }
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

/// What a scheme pays per month: its payable lines, each in the last month of its period, the
/// impact that the customer bore meanwhile, and what the service cost the supplier. One row per
/// month from the first to the last that the statements cover, also where nothing is paid. Over
/// the rows the revenue is that of the lines, exactly.
#[must_use]
pub fn rows_of(
    scheme: &str,
    lines: &[SettlementLine],
    measures: &Measures,
    own: &OwnCosts,
) -> Vec<SchemeRow> {
    let mut terms: BTreeMap<&str, Vec<(Span, &SettlementLine)>> = BTreeMap::new();
    for line in lines
        .iter()
        .filter(|l| l.amount_kind == AmountKind::Payable)
    {
        if let Ok(PeriodKey::Span(span)) = line.period.parse() {
            let of_contract = terms.entry(&line.contract_id).or_default();
            of_contract.push((span, line));
        }
    }
    let mut rows = Vec::new();
    for (contract_id, lines) in terms {
        let first = lines.iter().map(|(span, _)| span.from).min();
        let end = lines.iter().map(|(span, _)| span.to).max();
        let (Some(first), Some(end)) = (first, end) else {
            continue;
        };
        let impacts = Impacts::of(measures, contract_id);
        for month in months_between(first, end) {
            let due = lines.iter().filter(|(span, _)| span.to == month.next());
            let mut row = SchemeRow {
                contract_id: contract_id.to_owned(),
                period: month.to_string(),
                scheme: scheme.to_owned(),
                supplier_revenue: Some(Decimal::ZERO),
                supplier_profit: None,
                currency: lines.first().map_or(Currency::EUR, |(_, l)| l.currency),
                impact_cost: None,
                customer_total_cost: None,
                reason: String::new(),
            };
            for (_, line) in due {
                row.pay(line);
            }
            row.bear(&impacts.in_month(month), &in_month(own, month));
            rows.push(row);
        }
    }
    rows
}

impl SchemeRow {
    /// Adds a payable line.
    fn pay(&mut self, line: &SettlementLine) {
        let counts = matches!(
            line.status,
            LineStatus::Final | LineStatus::Provisional | LineStatus::Disputed
        );
        match (counts, line.amount, self.supplier_revenue) {
            (true, Some(amount), Some(sum)) if line.currency == self.currency => {
                self.supplier_revenue = sum.checked_add(amount).ok();
            }
            (true, Some(_), _) if line.currency != self.currency => {
                self.supplier_revenue = None;
                "amounts in several currencies".clone_into(&mut self.reason);
            }
            _ if line.status == LineStatus::NotMeasurable => {
                self.supplier_revenue = None;
                self.reason = format!("{}: {}", line.clause_id, line.explanation);
            }
            _ => {}
        }
    }

    /// Sets what the customer and the supplier bear beside the payments.
    fn bear(&mut self, impact: &Known, own: &Known) {
        self.impact_cost = impact.value();
        self.supplier_profit = match (self.supplier_revenue, own.value()) {
            (Some(revenue), Some(cost)) => revenue.checked_sub(cost).ok(),
            _ => None,
        };
        self.customer_total_cost = match (self.supplier_revenue, self.impact_cost) {
            (Some(fee), Some(impact)) => fee.checked_add(impact).ok(),
            _ => None,
        };
        if self.reason.is_empty() {
            self.reason = match (impact, own) {
                (Known::Not(reason), _) => reason.clone(),
                (_, Known::Not(reason)) if !reason.is_empty() => {
                    format!("cost of the supplier: {reason}")
                }
                (Known::Later(period), _) => {
                    format!("the impact of {period} stands in its last month")
                }
                (_, Known::Later(period)) => {
                    format!("cost of the supplier: that of {period} stands in its last month")
                }
                _ => String::new(),
            };
        }
    }
}

/// What is known of a month.
enum Known {
    /// The amount that stands in it.
    Is(Decimal),
    /// Nothing of its own: it is part of a longer period, and stands in the last month of that.
    Later(Span),
    /// Why nothing is.
    Not(String),
}

impl Known {
    fn value(&self) -> Option<Decimal> {
        match self {
            Known::Is(value) => Some(*value),
            Known::Later(_) => Some(Decimal::ZERO),
            Known::Not(_) => None,
        }
    }
}

/// What the service cost the supplier in a month; without a reason where no cost is assumed.
fn in_month(own: &OwnCosts, month: Month) -> Known {
    let of_month = of_month(month);
    match own.iter().find(|(span, _)| span.covers(of_month)) {
        None => Known::Not(String::new()),
        Some((_, Err(reason))) => Known::Not(reason.clone()),
        Some((span, Ok(cost))) if span.to == of_month.to => Known::Is(*cost),
        Some((span, Ok(_))) => Known::Later(*span),
    }
}

/// The measured impact cost of a contract by period.
struct Impacts(BTreeMap<Span, Measured>);

impl Impacts {
    fn of(measures: &Measures, contract_id: &str) -> Impacts {
        let of_contract = measures.values(contract_id);
        Impacts(
            of_contract
                .filter(|(_, name, scope, _)| *name == "impact_cost" && scope.is_none())
                .filter_map(|(key, _, _, value)| match key {
                    PeriodKey::Span(span) => Some((span, value.clone())),
                    PeriodKey::ContractYear(_) => None,
                })
                .collect(),
        )
    }

    /// That of a month; where months are not given, that of the shortest period around it.
    fn in_month(&self, month: Month) -> Known {
        let of_month = of_month(month);
        let around = self
            .0
            .iter()
            .filter(|(span, _)| span.covers(of_month))
            .min_by_key(|(span, _)| span.months());
        match around {
            None => Known::Not("no impact cost of this month".to_owned()),
            Some((_, Measured::NotMeasurable(reason))) => {
                Known::Not(format!("impact_cost: {reason}"))
            }
            Some((span, Measured::Value(value))) if span.to == of_month.to => Known::Is(*value),
            Some((span, Measured::Value(_))) => Known::Later(*span),
        }
    }
}
