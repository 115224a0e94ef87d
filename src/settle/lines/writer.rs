//! Rows that read like a calculation on paper, and totals that close. Not responsible for
//! arithmetic (see [`super::super::run`]) or for writing files.

use std::collections::BTreeMap;

use super::super::clause::{Body, Clause, Payees};
use super::super::inputs::Inputs;
use super::super::ledger::{Dispute, Outcome};
use super::super::period::Span;
use super::super::plan::Plan;
use super::super::run::{ClauseResult, Outcome as RunOutcome};
use super::super::words::plain;
use super::{AmountKind, Detail, LineStatus, Settlement, SettlementLine};
use crate::finding::{Finding, Severity, Stage};
use crate::money::{Currency, Decimal, MoneyError, Rounding};
use crate::terms::{Kind, RoundAt};

impl Plan {
    /// Settles and writes the rows.
    ///
    /// # Errors
    /// Totals beyond decimal range.
    pub fn settle(&self, inputs: &Inputs, detail: Detail) -> Result<Settlement, MoneyError> {
        let outcome = self.run(inputs, detail == Detail::Steps);
        Writer {
            plan: self,
            inputs,
            detail,
            seq: 0,
            settlement: Settlement::default(),
        }
        .write(&outcome)
    }
}

/// What an amount of a clause is for each supplier: a split keeps the cent by dividing running
/// totals.
fn by_supplier(
    clause: &Clause,
    result: &ClauseResult,
    amount: Decimal,
) -> Result<Vec<(String, Decimal)>, MoneyError> {
    let Payees::Split(_) = &clause.payees else {
        let Payees::One(name) = &clause.payees else {
            return Ok(Vec::new());
        };
        return Ok(vec![(name.clone(), amount)]);
    };
    let mut whole = Decimal::ZERO;
    for (_, share) in &result.shares {
        whole = whole.checked_add(*share)?;
    }
    let mut found = Vec::with_capacity(result.shares.len());
    let (mut share_so_far, mut paid) = (Decimal::ZERO, Decimal::ZERO);
    for (name, share) in &result.shares {
        share_so_far = share_so_far.checked_add(*share)?;
        let upto = if whole.is_zero() {
            Decimal::ZERO
        } else {
            amount
                .checked_mul(share_so_far)?
                .div(whole, clause.decimals, Rounding::HalfUp)?
        };
        found.push((name.clone(), upto.checked_sub(paid)?));
        paid = upto;
    }
    Ok(found)
}

pub(super) struct Writer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) inputs: &'a Inputs,
    detail: Detail,
    seq: u32,
    pub(super) settlement: Settlement,
}

impl Writer<'_> {
    fn write(mut self, outcome: &RunOutcome) -> Result<Settlement, MoneyError> {
        let mut failures: BTreeMap<(usize, &str), Vec<String>> = BTreeMap::new();
        let mut index = 0;
        for (number, base) in self.inputs.bases.iter().enumerate() {
            let mut totals: BTreeMap<(String, Currency), Total> = BTreeMap::new();
            while let Some(result) = outcome.results.get(index).filter(|r| r.statement == number) {
                if let Some(reason) = &result.failure {
                    failures
                        .entry((result.clause, reason))
                        .or_default()
                        .push(result.period.to_string());
                }
                self.result(result, &mut totals)?;
                index += 1;
            }
            for ((supplier, currency), total) in totals {
                self.total(*base, supplier, currency, &total)?;
            }
        }
        self.unmatched(outcome);
        for ((clause, reason), periods) in failures {
            let id = self.plan.ids.get(clause).map_or("?", String::as_str);
            self.settlement.findings.push(
                Finding::new(
                    Stage::Settle,
                    Severity::Warning,
                    "clause_not_measurable",
                    format!("clause `{id}` is not settled: {reason}"),
                )
                .with_contract(&self.plan.contract_id)
                .with_count(periods.len() as u64)
                .with_evidence(format!(
                    "{id}: {}",
                    periods
                        .iter()
                        .take(12)
                        .cloned()
                        .collect::<Vec<_>>()
                        .join(", ")
                )),
            );
        }
        Ok(self.settlement)
    }

    fn row(&mut self, result: &ClauseResult, supplier: &str) -> Option<SettlementLine> {
        let version = self.plan.versions.get(result.version)?;
        let clause = version.clauses.get(result.place)?;
        self.seq += 1;
        Some(SettlementLine {
            contract_id: self.plan.contract_id.clone(),
            supplier_id: supplier.to_owned(),
            period: result.period.to_string(),
            clause_id: clause.id.clone(),
            seq: self.seq,
            step: String::new(),
            level: None,
            basis: None,
            rate: None,
            measure_value: None,
            unrounded: None,
            amount: None,
            currency: clause.currency,
            payer: None,
            payee: None,
            amount_kind: AmountKind::Step,
            prior_amount: None,
            delta: None,
            document_type: None,
            bound_by: None,
            terms_version: version.name.clone(),
            status: LineStatus::Final,
            overridden: Vec::new(),
            rule: clause.rule.clone(),
            explanation: String::new(),
        })
    }

    fn result(
        &mut self,
        result: &ClauseResult,
        totals: &mut BTreeMap<(String, Currency), Total>,
    ) -> Result<(), MoneyError> {
        let plan = self.plan;
        let Some(clause) = plan
            .versions
            .get(result.version)
            .and_then(|v| v.clauses.get(result.place))
        else {
            return Ok(());
        };
        let lead = match &clause.payees {
            Payees::One(name) => name.clone(),
            Payees::Split(split) => split
                .iter()
                .map(|(n, _)| n.as_str())
                .collect::<Vec<_>>()
                .join("+"),
        };
        if let Some(reason) = &result.failure {
            if let Some(mut row) = self.row(result, &lead) {
                "amount".clone_into(&mut row.step);
                row.amount_kind = AmountKind::Payable;
                row.status = LineStatus::NotMeasurable;
                row.currency = clause.pay_in;
                row.explanation = format!("not measurable: {reason}");
                self.settlement.lines.push(row);
            }
            totals.entry((lead, clause.pay_in)).or_default().incomplete = true;
            return Ok(());
        }
        if self.detail == Detail::Steps {
            self.steps(result, &lead);
        }
        for kept in &result.kept {
            let Some(mut row) = self.row(result, &lead) else {
                continue;
            };
            kept.status.name().clone_into(&mut row.step);
            row.status = LineStatus::of(kept.status);
            row.level.clone_from(&kept.level);
            row.rate = kept.left.map(|l| Decimal::from_i64(i64::from(l)));
            row.amount = Some(kept.amount);
            row.explanation.clone_from(&kept.words);
            self.settlement.lines.push(row);
        }
        if matches!(clause.body, Body::Wallet { .. } | Body::Rebase { .. }) {
            return Ok(());
        }
        let disputes: Vec<Dispute> = self.disputes(result, &clause.id).cloned().collect();
        let provisional = clause.true_up.is_some() && !result.true_up;
        let start = plan.start.month();
        let (from, to) = (result.period.from, result.period.to);
        let paid = self
            .inputs
            .settled
            .paid(&plan.contract_id, from, to, start, &clause.id)?;
        let priors = by_supplier(clause, result, paid.unwrap_or(Decimal::ZERO))?;
        let mut open: Vec<Decimal> = disputes
            .iter()
            .map(|d| d.amount.unwrap_or(result.amount.abs()))
            .collect();
        for ((supplier, amount), (_, prior)) in by_supplier(clause, result, result.amount)?
            .into_iter()
            .zip(priors)
        {
            let mut due = amount;
            let mut parts = Vec::new();
            for (dispute, open) in disputes.iter().zip(&mut open) {
                // The undisputed part settles.
                let part = due.abs().min(*open);
                *open = open.checked_sub(part)?;
                let part = if amount.is_negative() { -part } else { part };
                if part.is_zero() || dispute.outcome.owed(amount) == Some(true) {
                    continue;
                }
                due = due.checked_sub(part)?;
                parts.push((dispute, part));
            }
            let delta = due.checked_sub(prior)?;
            let total = totals.entry((supplier.clone(), clause.pay_in)).or_default();
            total.amount = total.amount.checked_add(due)?;
            total.prior = total.prior.checked_add(prior)?;
            total.provisional |= provisional;
            let Some(mut row) = self.row(result, &supplier) else {
                continue;
            };
            row.step = if result.true_up { "true_up" } else { "amount" }.to_owned();
            row.amount_kind = AmountKind::Payable;
            row.currency = clause.pay_in;
            row.measure_value = Some(result.gross);
            row.unrounded = Some(result.unrounded.normalized());
            row.amount = Some(due);
            row.prior_amount = Some(prior);
            row.delta = Some(delta);
            row.document_type = Some(document(delta).into());
            row.bound_by = result.bound_by.map(str::to_owned);
            row.status = if provisional {
                LineStatus::Provisional
            } else {
                LineStatus::Final
            };
            (row.payer, row.payee) = self.parties(due, &supplier);
            row.explanation = self.due_words(result, clause.kind, due, &supplier, clause.pay_in);
            self.settlement.lines.push(row.clone());
            for (dispute, part) in parts {
                self.seq += 1;
                let mut row = SettlementLine {
                    seq: self.seq,
                    amount: Some(part),
                    unrounded: None,
                    prior_amount: None,
                    delta: None,
                    document_type: None,
                    ..row.clone()
                };
                (row.payer, row.payee) = self.parties(part, &supplier);
                let (id, part) = (&dispute.dispute_id, plain(part));
                if dispute.outcome == Outcome::Open {
                    "disputed".clone_into(&mut row.step);
                    row.status = LineStatus::Disputed;
                    row.explanation =
                        format!("in dispute ({id}): {part} is not paid until it is settled");
                } else {
                    "struck_off".clone_into(&mut row.step);
                    row.amount_kind = AmountKind::Step;
                    (row.payer, row.payee) = (None, None);
                    row.explanation = format!("decided in dispute {id}: {part} is not owed");
                }
                self.settlement.lines.push(row);
            }
        }
        Ok(())
    }

    fn steps(&mut self, result: &ClauseResult, lead: &str) {
        let Some(told) = &result.told else { return };
        if !told.basis_words.is_empty()
            && let Some(mut row) = self.row(result, lead)
        {
            "basis".clone_into(&mut row.step);
            row.amount_kind = AmountKind::Gross;
            row.measure_value = Some(result.gross);
            row.amount = Some(result.gross);
            row.explanation.clone_from(&told.basis_words);
            self.settlement.lines.push(row);
        }
        let mut qualified = false;
        let mut pay_in = None;
        for (i, trace) in told.trace.iter().enumerate() {
            let sharing = !matches!(trace.word, "minimum" | "when" | "carry" | "level");
            if sharing && !qualified && i > 0 {
                qualified = self.mark_qualified(result);
            }
            let supplier = if trace.word == "slice" {
                trace.part.as_deref().unwrap_or(lead)
            } else {
                lead
            };
            let Some(mut row) = self.row(result, supplier) else {
                continue;
            };
            if trace.word == "fx" {
                let version = self.plan.versions.get(result.version);
                pay_in = version
                    .and_then(|v| v.clauses.get(result.place))
                    .map(|c| c.pay_in);
            }
            row.currency = pay_in.unwrap_or(row.currency);
            trace.word.clone_into(&mut row.step);
            row.basis = (trace.word != "level").then_some(trace.before.normalized());
            if trace.word == "level" {
                row.level.clone_from(&trace.part);
            }
            row.rate = trace.operand.map(Decimal::normalized);
            row.amount = Some(trace.after.normalized());
            row.bound_by = trace.bound_by.map(str::to_owned);
            row.explanation.clone_from(&trace.words);
            self.settlement.lines.push(row);
        }
    }

    /// The last row that still only qualifies carries the qualified amount.
    fn mark_qualified(&mut self, result: &ClauseResult) -> bool {
        if let Some(last) = self.settlement.lines.last_mut()
            && last.amount == Some(result.qualified)
            && matches!(last.step.as_str(), "minimum" | "when" | "carry")
        {
            last.amount_kind = AmountKind::Qualified;
        }
        true
    }

    fn due_words(
        &self,
        result: &ClauseResult,
        kind: Kind,
        due: Decimal,
        supplier: &str,
        currency: Currency,
    ) -> String {
        let what = if result.true_up {
            "true-up"
        } else {
            kind.name()
        };
        let limited = result.bound_by.map_or(String::new(), |b| format!(" ({b})"));
        if due.is_zero() {
            return format!("{what}: nothing is due{limited}");
        }
        let (payer, payee) = self.parties(due, supplier);
        format!(
            "{what}: {} pays {} {} {currency}{limited}",
            payer.unwrap_or_default(),
            payee.unwrap_or_default(),
            due.abs()
        )
    }

    fn parties(&self, amount: Decimal, supplier: &str) -> (Option<String>, Option<String>) {
        let (customer, supplier) = (Some(self.plan.customer.clone()), Some(supplier.to_owned()));
        if amount.is_positive() {
            (customer, supplier)
        } else if amount.is_negative() {
            (supplier, customer)
        } else {
            (None, None)
        }
    }

    fn total(
        &mut self,
        base: Span,
        supplier: String,
        currency: Currency,
        total: &Total,
    ) -> Result<(), MoneyError> {
        self.seq += 1;
        let delta = total.amount.checked_sub(total.prior)?;
        let (payer, payee) = self.parties(total.amount, &supplier);
        let explanation = if total.incomplete {
            "the clauses that could be measured, together; others are not measurable".to_owned()
        } else {
            "all clauses of the statement together".to_owned()
        };
        let digits = self.plan.rounding_digits(currency);
        self.settlement.lines.push(SettlementLine {
            contract_id: self.plan.contract_id.clone(),
            supplier_id: supplier,
            period: base.to_string(),
            clause_id: "total".to_owned(),
            seq: self.seq,
            step: "total".to_owned(),
            level: None,
            basis: None,
            rate: None,
            measure_value: None,
            unrounded: None,
            amount: Some(total.amount.padded(digits)?),
            currency,
            payer,
            payee,
            amount_kind: AmountKind::Total,
            prior_amount: Some(total.prior),
            delta: Some(delta),
            document_type: Some(document(delta).into()),
            bound_by: None,
            terms_version: self.plan.version_name(base),
            status: if total.incomplete || total.provisional {
                LineStatus::Provisional
            } else {
                LineStatus::Final
            },
            overridden: Vec::new(),
            rule: String::new(),
            explanation,
        });
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Total {
    amount: Decimal,
    prior: Decimal,
    provisional: bool,
    incomplete: bool,
}

fn document(delta: Decimal) -> &'static str {
    if delta.is_positive() {
        "invoice"
    } else if delta.is_negative() {
        "credit_note"
    } else {
        "none"
    }
}

impl Plan {
    fn rounding_digits(&self, currency: Currency) -> u8 {
        self.versions
            .iter()
            .flat_map(|v| &v.clauses)
            .filter(|c| c.pay_in == currency)
            .map(|c| c.decimals)
            .max()
            .unwrap_or_else(|| currency.minor_digits())
    }

    fn version_name(&self, span: Span) -> String {
        let after = self
            .amendments
            .iter()
            .filter(|(date, _)| *date <= span.last_day())
            .count();
        self.versions
            .get(after * self.epochs.len())
            .map_or_else(String::new, |v| v.name.clone())
    }

    /// Whether amounts are rounded per statement and not per line.
    #[must_use]
    pub fn rounds_totals(&self) -> bool {
        self.versions
            .iter()
            .flat_map(|v| &v.clauses)
            .any(|c| c.round_at == RoundAt::Total)
    }
}
