//! The rows of the settlement table and what their words mean. Not responsible for writing them
//! (see [`writer`]) or for arithmetic (see [`super::run`]).

mod unmatched;
mod writer;

use std::borrow::Cow;

use super::ledger::SettledStatus;
use crate::finding::Finding;
use crate::money::{Currency, Decimal};

/// What an amount of a row is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
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
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
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
    pub document_type: Option<Cow<'static, str>>,
    /// Which limit decided: cap, floor, minimum, carry, …
    pub bound_by: Option<String>,
    /// The state of the terms that counted: `original` or the id of the last amendment.
    pub terms_version: String,
    /// Whether the row stands.
    pub status: LineStatus,
    /// The decisions against a rule that the row rests on, by their `override_id`, in order;
    /// empty for none. Whether the row stands does not depend on it.
    pub overridden: Vec<String>,
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
