//! The settlement table: rows that read like a calculation on paper, and totals that close. Not
//! responsible for arithmetic (see [`super::run`]) or for writing files.

use std::collections::BTreeMap;

use super::clause::{Body, Clause, Payees};
use super::inputs::Inputs;
use super::ledger::{Dispute, Outcome, SettledStatus};
use super::period::Span;
use super::plan::Plan;
use super::run::{ClauseResult, Outcome as RunOutcome};
use super::words::plain;
use crate::finding::{Finding, Severity, Stage};
use crate::money::{Currency, Decimal, MoneyError, Rounding};
use crate::terms::{Kind, RoundAt};

/// What an amount of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountKind {
    /// The basis, before anything is deducted.
    Gross,
    /// What qualifies for sharing.
    Qualified,
    /// A value on the way from one to the next.
    Step,
    /// What is due.
    Payable,
    /// The sum of what is due in a statement, per supplier and currency.
    Total,
}

/// Whether a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineStatus {
    /// For good.
    Final,
    /// To be trued up.
    Provisional,
    /// In dispute; not paid.
    Disputed,
    /// No amount, for the reason in the explanation.
    NotMeasurable,
    /// A balance for the next period, not a payment.
    Carried,
    /// A balance held back, not a payment.
    Withheld,
    /// A credit that waits to be earned back.
    Pending,
    /// Whether another failure would be a repeat: 1 or 0.
    Missed,
    /// What a limit over a year or the contract has let pass so far.
    Passed,
    /// The baseline in force from the next period on.
    Rebased,
}

impl LineStatus {
    fn of(status: SettledStatus) -> LineStatus {
        match status {
            SettledStatus::Final => LineStatus::Final,
            SettledStatus::Provisional => LineStatus::Provisional,
            SettledStatus::Disputed => LineStatus::Disputed,
            SettledStatus::Carried => LineStatus::Carried,
            SettledStatus::Withheld => LineStatus::Withheld,
            SettledStatus::Pending => LineStatus::Pending,
            SettledStatus::Missed => LineStatus::Missed,
            SettledStatus::Passed => LineStatus::Passed,
            SettledStatus::Rebased => LineStatus::Rebased,
        }
    }

    /// Whether the row is a balance that the next statement needs, and no money that is due.
    #[must_use]
    pub fn is_balance(self) -> bool {
        !matches!(
            self,
            LineStatus::Final
                | LineStatus::Provisional
                | LineStatus::Disputed
                | LineStatus::NotMeasurable
        )
    }
}

/// One row of the `settlement` table. Amounts are signed: positive is owed by the customer.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SettlementLine {
    /// The contract.
    pub contract_id: String,
    /// The supplier on the other side.
    pub supplier_id: String,
    /// The period of the clause: `2024-03`, `2024-Q1`, `2024`, `2024-07..2025-06`.
    pub period: String,
    /// The clause; `total` for the sum of a statement.
    pub clause_id: String,
    /// Order within the contract, from 1.
    pub seq: u32,
    /// `basis`, the step's word, or `amount` for the row that is due.
    pub step: String,
    /// The service level that the row is about, in a clause with several; on a balance the
    /// number of the step, when the clause has several of its kind.
    pub level: Option<String>,
    /// The running amount before the step.
    pub basis: Option<Decimal>,
    /// What the step multiplied by, added, or limited to; on a balance, for how many more
    /// periods (for a holdback, months) it lives or waits.
    pub rate: Option<Decimal>,
    /// The measured basis of the clause, on its first row and on its amount.
    pub measure_value: Option<Decimal>,
    /// The amount before rounding, on the row that is due.
    pub unrounded: Option<Decimal>,
    /// The running amount after the step; what is due, on the row that is due.
    pub amount: Option<Decimal>,
    /// The currency of the amount.
    pub currency: Currency,
    /// Who pays, if anything is due.
    pub payer: Option<String>,
    /// Who receives.
    pub payee: Option<String>,
    /// What the amount is.
    pub amount_kind: AmountKind,
    /// What earlier statements settled for the same clause, period and supplier.
    pub prior_amount: Option<Decimal>,
    /// Amount less prior amount: what this statement adds.
    pub delta: Option<Decimal>,
    /// `invoice`, `credit_note` or `none`, by the sign of the delta.
    pub document_type: Option<&'static str>,
    /// Which limit decided: cap, floor, minimum, carry, …
    pub bound_by: Option<String>,
    /// The state of the terms that counted: `original` or the id of the last amendment.
    pub terms_version: String,
    /// Whether the row stands.
    pub status: LineStatus,
    /// The paragraph that the clause writes down.
    pub rule: String,
    /// One line of the calculation, in words.
    pub explanation: String,
}

/// The rows of one contract, and what was noticed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settlement {
    /// Rows in settlement order.
    pub lines: Vec<SettlementLine>,
    /// One finding per clause and reason that could not be settled.
    pub findings: Vec<Finding>,
}

/// How much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// What is due, and the totals.
    Amounts,
    /// Every step as well.
    #[default]
    Steps,
}

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

struct Writer<'a> {
    plan: &'a Plan,
    inputs: &'a Inputs,
    detail: Detail,
    seq: u32,
    settlement: Settlement,
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
            row.document_type = Some(document(delta));
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

    fn disputes<'d>(
        &'d self,
        result: &'d ClauseResult,
        id: &'d str,
    ) -> impl Iterator<Item = &'d Dispute> {
        let start = self.plan.start.month();
        self.inputs.disputes.iter().filter(move |d| {
            d.contract_id == self.plan.contract_id
                && d.clause_id == id
                && d.period.span(start) == result.period
                && !result.true_up
        })
    }

    /// Disputes and ledger lines that fit nothing that is settled: they would be lost silently.
    fn unmatched(&mut self, outcome: &RunOutcome) {
        let plan = self.plan;
        let start = plan.start.month();
        let known: Vec<&str> = plan.ids.iter().map(String::as_str).collect();
        let settled = |clause: &str, span: Span| {
            outcome
                .results
                .iter()
                .any(|r| r.period == span && plan.ids.get(r.clause).is_some_and(|id| id == clause))
        };
        let within = |span: Span| {
            let mut bases = self.inputs.bases.iter();
            bases.any(|b| b.covers(span) || span.covers(*b))
        };
        let mut noticed: Vec<(&str, String)> = Vec::new();
        for dispute in self.inputs.disputes.iter() {
            let span = dispute.period.span(start);
            if dispute.contract_id != plan.contract_id
                || settled(&dispute.clause_id, span)
                || !within(span)
            {
                continue;
            }
            let why = match known.iter().any(|k| *k == dispute.clause_id) {
                true => format!("clause `{}` is not settled for {span}", dispute.clause_id),
                false => format!(
                    "there is no clause `{}` ({})",
                    dispute.clause_id,
                    crate::terms::suggestion(&dispute.clause_id, &known)
                ),
            };
            noticed.push((
                "dispute_without_amount",
                format!("dispute {} holds nothing back: {why}", dispute.dispute_id),
            ));
        }
        for line in self.inputs.settled.of(&plan.contract_id) {
            let span = line.period.span(start);
            if !line.status.is_payment() || settled(&line.clause_id, span) || !within(span) {
                continue;
            }
            noticed.push((
                "ledger_without_amount",
                format!(
                    "the ledger has {} for clause `{}` of {span}, which is not settled here: it is neither counted nor claimed back",
                    plain(line.amount),
                    line.clause_id
                ),
            ));
        }
        for (code, words) in noticed {
            self.settlement.findings.push(
                Finding::new(Stage::Settle, Severity::Warning, code, words)
                    .with_contract(&plan.contract_id),
            );
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
            document_type: Some(document(delta)),
            bound_by: None,
            terms_version: self.plan.version_name(base),
            status: if total.incomplete || total.provisional {
                LineStatus::Provisional
            } else {
                LineStatus::Final
            },
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
