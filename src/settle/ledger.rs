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
    /// A credit that waits to be earned back.
    Pending,
    /// Whether a level failed (1) or not (0), so that the next failure is a repeat.
    Missed,
    /// What a limit over a year or the contract has let pass so far.
    Passed,
    /// The baseline in force from the next period on.
    Rebased,
}

impl SettledStatus {
    /// The words of a ledger, in the order of the statuses.
    pub const NAMES: [&'static str; 9] = [
        "final",
        "provisional",
        "disputed",
        "carried",
        "withheld",
        "pending",
        "missed",
        "passed",
        "rebased",
    ];

    /// The word in a ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Whether it is money that was paid, and no balance.
    #[must_use]
    pub fn is_payment(self) -> bool {
        matches!(self, SettledStatus::Final | SettledStatus::Provisional)
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no status; {}", crate::terms::suggestion(.word, &SettledStatus::NAMES))]
pub struct StatusError {
    /// The word.
    pub word: String,
}

impl std::str::FromStr for SettledStatus {
    type Err = StatusError;

    fn from_str(word: &str) -> Result<SettledStatus, StatusError> {
        use SettledStatus as S;
        [
            S::Final,
            S::Provisional,
            S::Disputed,
            S::Carried,
            S::Withheld,
            S::Pending,
            S::Missed,
            S::Passed,
            S::Rebased,
        ]
        .into_iter()
        .find(|s| s.name() == word)
        .ok_or_else(|| StatusError {
            word: word.to_owned(),
        })
    }
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
    /// Signed: positive was paid by the customer to the supplier. For a balance, the balance.
    pub amount: Decimal,
    /// What it was.
    pub status: SettledStatus,
    /// For a balance: the service level, or the number of the step when the clause has several
    /// of its kind.
    pub level: Option<String>,
    /// For a balance: for how many more periods (for a holdback, months) it lives or waits.
    pub left: Option<u16>,
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

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The contracts that have lines.
    pub fn contracts(&self) -> impl Iterator<Item = &str> {
        self.lines.keys().map(String::as_str)
    }

    /// The lines of one contract.
    pub(super) fn of(&self, contract_id: &str) -> &[SettledLine] {
        self.lines.get(contract_id).map_or(&[], Vec::as_slice)
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
        for line in self.of(contract_id) {
            let span = line.period.span(start);
            if line.clause_id == clause_id
                && span.from == from
                && span.to == to
                && line.status.is_payment()
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
        for line in self.of(contract_id) {
            let span = line.period.span(start);
            if line.clause_id == clause_id
                && span.from >= from
                && span.to <= before
                && line.status.is_payment()
            {
                sum = sum.checked_add(line.amount)?;
            }
        }
        Ok(sum)
    }

    /// The last balances of a kind before a month (`at`: that month, the start of the contract,
    /// and the months of the period they are of, if that matters). Where a month and a longer
    /// period end together, those of the longer one count.
    pub(super) fn balances(
        &self,
        contract_id: &str,
        clause_id: &str,
        status: SettledStatus,
        level: Option<&str>,
        at: (Month, Month, Option<i32>),
    ) -> Vec<&SettledLine> {
        let (before, start, months) = at;
        let fits = |l: &&SettledLine| {
            let span = l.period.span(start);
            l.clause_id == clause_id
                && l.status == status
                && l.level.as_deref() == level
                && span.to <= before
                && months.is_none_or(|m| span.months() == m)
        };
        let key = |l: &SettledLine| {
            let span = l.period.span(start);
            (span.to, span.months())
        };
        let lines = self.of(contract_id);
        let last = lines.iter().filter(fits).map(key).max();
        lines
            .iter()
            .filter(fits)
            .filter(|l| Some(key(l)) == last)
            .collect()
    }

    /// Whether a clause had an amount in the period that ends where another starts.
    pub(super) fn had_amount_before(
        &self,
        contract_id: &str,
        at: Month,
        start: Month,
        clause_id: &str,
    ) -> bool {
        self.of(contract_id).iter().any(|l| {
            l.clause_id == clause_id
                && l.status.is_payment()
                && l.period.span(start).to == at
                && !l.amount.is_zero()
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
    /// For whom it was decided.
    pub outcome: Outcome,
}

/// How a dispute ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It has not: the amount waits.
    #[default]
    Open,
    /// For the customer: what it would pay is not owed, what it would receive is.
    Customer,
    /// For the supplier: what it would receive is owed, what it would pay is not.
    Supplier,
}

impl Outcome {
    /// Whether a disputed amount (positive: the customer pays) is owed after all; `None` while
    /// the dispute is open.
    pub(super) fn owed(self, amount: Decimal) -> Option<bool> {
        match self {
            Outcome::Open => None,
            Outcome::Customer => Some(amount.is_negative()),
            Outcome::Supplier => Some(!amount.is_negative()),
        }
    }
}
