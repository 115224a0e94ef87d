//! What earlier statements settled and what is in dispute. Not responsible for deciding anything:
//! the engine reads it.

use std::collections::BTreeMap;

use super::period::PeriodKey;
use crate::money::{Decimal, MoneyError};
use crate::time::Month;

/// What one line of an earlier statement was.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SettledStatus {
    /// Paid for good.
    Final,
    /// Paid for now, to be trued up.
    Provisional,
    /// In dispute: not paid.
    Disputed,
    /// The losses carried at the end of the period.
    Carried,
    /// What was held back and not yet released at the end of the period.
    Withheld,
}

/// One line of an earlier statement.
#[derive(Debug, Clone, PartialEq)]
pub struct SettledLine {
    /// The statement.
    pub statement_id: String,
    /// The contract.
    pub contract_id: String,
    /// The period that the line is about.
    pub period: PeriodKey,
    /// The clause.
    pub clause_id: String,
    /// Signed: positive was paid by the customer to the supplier. For `carried` and `withheld`,
    /// the balance.
    pub amount: Decimal,
    /// What it was.
    pub status: SettledStatus,
}

/// The ledger of earlier statements. A true-up is the recomputed amount less what stands here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    lines: BTreeMap<String, Vec<SettledLine>>,
}

impl Settled {
    /// Nothing settled before.
    #[must_use]
    pub fn new() -> Settled {
        Settled::default()
    }

    /// Adds a line.
    pub fn push(&mut self, line: SettledLine) {
        self.lines
            .entry(line.contract_id.clone())
            .or_default()
            .push(line);
    }

    /// What was paid for a clause of a period.
    pub(super) fn paid(
        &self,
        contract_id: &str,
        from: Month,
        to: Month,
        start: Month,
        clause_id: &str,
    ) -> Result<Option<Decimal>, MoneyError> {
        let mut sum: Option<Decimal> = None;
        for line in self.lines.get(contract_id).into_iter().flatten() {
            let span = line.period.span(start);
            if line.clause_id == clause_id
                && span.from == from
                && span.to == to
                && matches!(
                    line.status,
                    SettledStatus::Final | SettledStatus::Provisional
                )
            {
                sum = Some(sum.unwrap_or(Decimal::ZERO).checked_add(line.amount)?);
            }
        }
        Ok(sum)
    }

    /// What was paid for a clause in periods that end after `from` and not after `before`.
    pub(super) fn paid_between(
        &self,
        contract_id: &str,
        from: Month,
        before: Month,
        start: Month,
        clause_id: &str,
    ) -> Result<Decimal, MoneyError> {
        let mut sum = Decimal::ZERO;
        for line in self.lines.get(contract_id).into_iter().flatten() {
            let span = line.period.span(start);
            if line.clause_id == clause_id
                && span.from >= from
                && span.to <= before
                && matches!(
                    line.status,
                    SettledStatus::Final | SettledStatus::Provisional
                )
            {
                sum = sum.checked_add(line.amount)?;
            }
        }
        Ok(sum)
    }

    /// The last balance of a kind before a month.
    pub(super) fn balance(
        &self,
        contract_id: &str,
        before: Month,
        start: Month,
        clause_id: &str,
        status: SettledStatus,
    ) -> Option<Decimal> {
        self.lines
            .get(contract_id)
            .into_iter()
            .flatten()
            .filter(|l| l.clause_id == clause_id && l.status == status)
            .map(|l| (l.period.span(start).to, l.amount))
            .filter(|(to, _)| *to <= before)
            .max_by_key(|(to, _)| *to)
            .map(|(_, amount)| amount)
    }

    /// Whether a clause had an amount in the period that ends where another starts.
    pub(super) fn had_amount_before(
        &self,
        contract_id: &str,
        at: Month,
        start: Month,
        clause_id: &str,
    ) -> bool {
        self.lines.get(contract_id).into_iter().flatten().any(|l| {
            l.clause_id == clause_id && l.period.span(start).to == at && !l.amount.is_zero()
        })
    }
}

/// A part of an amount that one party does not accept. The rest settles.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispute {
    /// Its name.
    pub dispute_id: String,
    /// The contract.
    pub contract_id: String,
    /// The period.
    pub period: PeriodKey,
    /// The clause.
    pub clause_id: String,
    /// How much of the clause's amount is disputed, without sign; all of it when `None`.
    pub amount: Option<Decimal>,
}
