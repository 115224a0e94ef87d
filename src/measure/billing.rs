//! From invoice lines to billing cells: exact money per contract, service, month and class.
//! Responsible for what counts as cost and for splitting a period over months; not for
//! benchmarks or savings.

use std::collections::BTreeMap;

use crate::money::{Currency, Decimal, MoneyError, Rounding};
use crate::time::{Date, Instant, Month, Zone};

/// What an invoice line is to the measurement of savings.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BillingClass {
    /// Usage, purchases and their corrections: counts as actual cost.
    Cost,
    /// Taxes: amounts are net.
    Tax,
    /// Credits, among them service credits: kept out, or a breach would look like a saving.
    Credit,
    /// Incentives, or any line that pays an earlier settlement.
    Incentive,
}

impl BillingClass {
    /// From the category of a line (absent: usage) and whether it refers to a settlement.
    pub fn of(category: Option<&str>, settlement_ref: Option<&str>) -> BillingClass {
        match (settlement_ref, category) {
            (Some(_), _) | (None, Some("incentive")) => BillingClass::Incentive,
            (None, Some("tax")) => BillingClass::Tax,
            (None, Some("credit")) => BillingClass::Credit,
            (None, _) => BillingClass::Cost,
        }
    }

    /// Why a line counts or does not, for `billing_facts`.
    pub fn reason(self) -> &'static str {
        match self {
            BillingClass::Cost => "usage, purchase or correction",
            BillingClass::Tax => "tax: amounts are net",
            BillingClass::Credit => "credit: a breach is no saving",
            BillingClass::Incentive => "pays an earlier settlement",
        }
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            BillingClass::Cost => "cost",
            BillingClass::Tax => "tax",
            BillingClass::Credit => "credit",
            BillingClass::Incentive => "incentive",
        }
    }
}

/// What billing cells are summed by.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct BillingKey {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when the line names none.
    pub service_id: String,
    /// The month of the contract's zone.
    pub month: Month,
    /// The currency.
    pub currency: Currency,
    /// The class.
    pub class: BillingClass,
}

/// Sum of one billing cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BillingCell {
    /// Exact sum.
    pub amount: Decimal,
    /// Lines, each counted in the month its period starts.
    pub lines: u64,
}

impl Default for BillingCell {
    /// Nothing, of no line.
    fn default() -> Self {
        BillingCell {
            amount: Decimal::ZERO,
            lines: 0,
        }
    }
}

impl BillingCell {
    /// Adds another cell of the same key.
    ///
    /// # Errors
    /// When the sum does not fit exactly.
    pub fn add(&mut self, other: BillingCell) -> Result<(), MoneyError> {
        self.amount = self.amount.checked_add(other.amount)?;
        self.lines += other.lines;
        Ok(())
    }
}

/// Billing cells by key.
pub type BillingCells = BTreeMap<BillingKey, BillingCell>;

/// The parts of an amount in the months of its period, in order; they add up to it exactly.
///
/// A period over several months is split by days, cumulatively: the sum up to the end of a month
/// is amount × days so far ÷ days in all, rounded half-even to the decimals of the amount (at
/// least those of the currency), so that no cent is lost. A period of no whole day belongs to
/// the month it starts in.
///
/// # Errors
/// When an amount does not fit exactly.
pub fn split_by_month(
    amount: Decimal,
    currency: Currency,
    start: Instant,
    end: Instant,
    zone: &Zone,
) -> Result<Vec<(Month, Decimal)>, MoneyError> {
    split_days(amount, currency, zone.date_of(start), zone.date_of(end))
}

/// The month of a period of days that lies in one, or of no whole day.
#[inline]
pub(super) fn one_month(first: Date, last: Date) -> Option<Month> {
    let month = first.month();
    (last <= first || last.plus_days(-1).month() == month).then_some(month)
}

/// As [`split_by_month`], by the days `[first, last)`.
///
/// # Errors
/// As [`split_by_month`].
pub(super) fn split_days(
    amount: Decimal,
    currency: Currency,
    first: Date,
    last: Date,
) -> Result<Vec<(Month, Decimal)>, MoneyError> {
    if let Some(month) = one_month(first, last) {
        return Ok(vec![(month, amount)]);
    }
    let all = last.days_since(first);
    let scale = amount.normalized().scale().max(currency.minor_digits());
    let mut parts = Vec::new();
    let mut before = Decimal::ZERO;
    let mut month = first.month();
    loop {
        let month_end = month.next().first_day();
        let until = if month_end < last { month_end } else { last };
        let days = Decimal::from_i64(until.days_since(first));
        let so_far =
            amount
                .checked_mul(days)?
                .div(Decimal::from_i64(all), scale, Rounding::HalfEven)?;
        parts.push((month, so_far.checked_sub(before)?));
        before = so_far;
        if until >= last {
            return Ok(parts);
        }
        month = month.next();
    }
}
