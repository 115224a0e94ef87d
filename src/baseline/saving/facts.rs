//! What a saving is measured from: rows of the small tables as plain values, and what is known of
//! one contract. Shapes only; not responsible for reading them.

use crate::measure::billing::BillingCells;
use crate::money::{Currency, Decimal, FxRates, Rounding};
use crate::time::{Date, Instant, Month, Period};

/// A row of the table `indices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexValue {
    /// The index.
    pub index_id: String,
    /// Its month.
    pub month: Month,
    /// Its value.
    pub value: Decimal,
    /// When it was published; absent: always known.
    pub published_at: Option<Instant>,
    /// Number of the revision.
    pub revision: i64,
}

/// A row of the table `adjustments`. `amount` is per month and is added to the measure in every
/// month whose first day lies in `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentRow {
    /// Its key.
    pub adjustment_id: String,
    /// The contract.
    pub contract_id: String,
    /// Non-routine adjustments are capped together.
    pub non_routine: bool,
    /// The measure that is adjusted.
    pub measure: String,
    /// Signed, per month: incidents, or money.
    pub amount: Decimal,
    /// Currency of money; absent: the contract's.
    pub currency: Option<Currency>,
    /// First day.
    pub from: Date,
    /// First day after.
    pub to: Date,
    /// Why.
    pub reason: String,
    /// When the customer agreed.
    pub agreed_by_customer_at: Option<Instant>,
    /// When the supplier agreed.
    pub agreed_by_supplier_at: Option<Instant>,
}

impl AdjustmentRow {
    /// Whether both parties had agreed by a moment.
    #[must_use]
    pub fn agreed(&self, as_of: Instant) -> bool {
        self.who_did_not(as_of).is_none()
    }

    /// Who had not agreed by a moment, in words; `None` when both had.
    #[must_use]
    pub fn who_did_not(&self, as_of: Instant) -> Option<&'static str> {
        let by = |at: Option<Instant>| at.is_some_and(|at| at <= as_of);
        match (
            by(self.agreed_by_customer_at),
            by(self.agreed_by_supplier_at),
        ) {
            (true, true) => None,
            (true, false) => Some("not agreed by the supplier"),
            (false, true) => Some("not agreed by the customer"),
            (false, false) => Some("agreed by nobody"),
        }
    }

    /// Its months within a period, in order.
    pub fn months(&self, period: &Period<Month>) -> impl Iterator<Item = Month> + use<> {
        let (from, to) = (self.from, self.to);
        crate::time::months_between(period.start(), period.end())
            .filter(move |m| from <= m.first_day() && m.first_day() < to)
    }
}

/// A row of the table `initiatives`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitiativeRow {
    /// Its key.
    pub initiative_id: String,
    /// The contract.
    pub contract_id: String,
    /// `supplier` or `customer`.
    pub proposed_by: String,
    /// When it was decided.
    pub decided_at: Option<Instant>,
    /// `accepted`, `rejected` or empty.
    pub decision: String,
    /// When it took effect.
    pub implemented_at: Option<Instant>,
    /// Saving promised per year.
    pub expected_saving: Option<Decimal>,
    /// Currency of the promise; absent: the contract's.
    pub currency: Option<Currency>,
    /// The service; empty for the whole contract.
    pub service_id: String,
    /// What it claims: `cost`, `incidents`, `total_cost`.
    pub claims: String,
}

impl InitiativeRow {
    /// Whether it claims invoiced cost.
    #[must_use]
    pub fn claims_cost(&self) -> bool {
        self.claims.contains("cost")
    }

    /// Whether it claims incidents.
    #[must_use]
    pub fn claims_incidents(&self) -> bool {
        self.claims.contains("incidents")
    }

    /// Whether it was accepted and in effect at a moment.
    #[must_use]
    pub fn in_effect(&self, as_of: Instant) -> bool {
        self.decision == "accepted"
            && self.decided_at.is_none_or(|at| at <= as_of)
            && self.implemented_at.is_some_and(|at| at <= as_of)
    }
}

/// Which day's exchange rate counts for the cost of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateDay {
    /// The last day of the month.
    MonthEnd,
    /// The first day of the month.
    MonthStart,
    /// One day, for good.
    Fixed(Date),
}

impl RateDay {
    /// The day for a month.
    #[must_use]
    pub fn of(self, month: Month) -> Date {
        match self {
            RateDay::MonthEnd => month.next().first_day().plus_days(-1),
            RateDay::MonthStart => month.first_day(),
            RateDay::Fixed(day) => day,
        }
    }

    /// The day for an amount of a whole period: its last, its first, or the fixed one.
    #[must_use]
    pub fn of_period(self, period: &Period<Month>) -> Date {
        match self {
            RateDay::MonthEnd => period.end().first_day().plus_days(-1),
            RateDay::MonthStart | RateDay::Fixed(_) => self.of(period.start()),
        }
    }
}

/// How amounts in other currencies are converted: `[fx]` of the terms with the table `fx_rates`.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The rates, with how old one may be.
    pub rates: &'a FxRates,
    /// Which day's rate counts.
    pub day: RateDay,
    /// Decimals of a converted amount where a rate has to be divided by.
    pub decimals: u8,
}

impl Exchange<'_> {
    /// An amount of a month in another currency, by the rate of the month.
    ///
    /// # Errors
    /// No rate, one that is too old, or an amount beyond range; in words.
    pub fn of_month(
        &self,
        amount: Decimal,
        from: Currency,
        to: Currency,
        month: Month,
    ) -> Result<Decimal, String> {
        self.on(amount, from, to, self.day.of(month))
    }

    /// An amount of a period in another currency, by one rate for all of it.
    ///
    /// # Errors
    /// As [`Exchange::of_month`].
    pub fn of_period(
        &self,
        amount: Decimal,
        from: Currency,
        to: Currency,
        period: &Period<Month>,
    ) -> Result<Decimal, String> {
        self.on(amount, from, to, self.day.of_period(period))
    }

    fn on(
        &self,
        amount: Decimal,
        from: Currency,
        to: Currency,
        day: Date,
    ) -> Result<Decimal, String> {
        if from == to {
            return Ok(amount);
        }
        self.rates
            .convert(amount, from, to, day, self.decimals, Rounding::HalfUp)
            .map(|(converted, _)| converted)
            .map_err(|e| e.to_string())
    }
}

/// Everything that the saving of one contract depends on, beside its terms.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The contract.
    pub contract_id: &'a str,
    /// Its currency.
    pub currency: Currency,
    /// The months that the benchmark is learned from.
    pub baseline: Period<Month>,
    /// The months that are measured.
    pub performance: Period<Month>,
    /// Invoiced amounts; those of other contracts are ignored.
    pub billing: &'a BillingCells,
    /// Exposure of a service in a month; of the contract for the empty service.
    pub exposure: &'a (dyn Fn(&str, Month) -> Option<u64> + Sync),
    /// Index values of all indices.
    pub indices: &'a [IndexValue],
    /// Exchange rates.
    pub fx: &'a FxRates,
    /// Which day's rate counts.
    pub rate_day: RateDay,
    /// Decimals of a converted amount where a rate has to be divided by.
    pub fx_decimals: u8,
    /// Adjustments; those of other contracts are ignored.
    pub adjustments: &'a [AdjustmentRow],
    /// Initiatives; those of other contracts are ignored.
    pub initiatives: &'a [InitiativeRow],
    /// The month in which an instant falls, in the contract's zone.
    pub month_of: &'a (dyn Fn(Instant) -> Month + Sync),
    /// The moment the run speaks of.
    pub as_of: Instant,
}

impl<'a> Facts<'a> {
    /// How its other currencies are converted.
    pub(super) fn exchange(&self) -> Exchange<'a> {
        Exchange {
            rates: self.fx,
            day: self.rate_day,
            decimals: self.fx_decimals,
        }
    }
}
