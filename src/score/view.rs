//! What the compute function of a KPI sees, and what it gives back. Not responsible for which
//! periods and scopes there are (see [`super::stage`]).

use std::collections::{BTreeMap, BTreeSet};

use super::distribution::Distribution;
use super::mix::Rates;
use super::parts::{Disrupted, Parts, PartsTable};
use super::records::Records;
use super::spec::ScoreSpec;
use super::value::Scope;
use crate::baseline::JointRow;
use crate::baseline::saving::{Exchange, Figures};
use crate::measure::fragment::Clock;
use crate::measure::plan::MeasurePlan;
use crate::money::{Currency, Decimal, Rounding};
use crate::time::{Instant, Month, Period};

/// How the reason begins where a rule of the baseline refuses a value.
pub(super) const REFUSED: &str = "baseline: ";

/// Seconds × parts per million in one minute of all users.
pub(super) const S_PPM_PER_MINUTE: i64 = 60_000_000;

/// The median by nearest rank (type 1 of Hyndman and Fan 1996); `None` of nothing.
pub(super) fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// Which columns the exports deliver, per canonical table.
pub type Delivered = BTreeMap<String, BTreeSet<String>>;

/// What a compute function sees: one scope and period of one contract.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Sums over the period.
    pub parts: &'a Parts,
    /// Sums over the whole baseline period, same scope.
    pub base: &'a Parts,
    /// Whose value it is.
    pub scope: &'a Scope,
    /// The months.
    pub period: Period<Month>,
    /// The moment the run speaks of.
    pub as_of: Instant,
    /// The small tables of the contract.
    pub records: &'a Records,
    /// All parts of the contract, for what looks beyond the period.
    pub table: &'a PartsTable,
    /// Incidents of fixed problems of the contract: (problem, days since the fix) → n.
    pub fixes: &'a BTreeMap<(String, i32), u64>,
    /// The baseline's joint result, where there is one.
    pub joint: Option<&'a JointRow>,
    /// What was invoiced and saved in the scope and period, where anything was invoiced.
    pub saving: Option<&'a Figures>,
    /// Incidents and exposure of the period against those of the baseline.
    pub rates: &'a Rates,
    /// Two-sided level of intervals.
    pub level: f64,
    /// The terms' `[score]` table.
    pub spec: &'a ScoreSpec,
    /// The contract's measure plan.
    pub plan: &'a MeasurePlan,
    /// Decimals of statistics.
    pub decimals: u8,
    /// Whether the contract has any exposure in the unit of the terms.
    pub has_exposure: bool,
    /// Whether the baseline gave any joint result for the contract.
    pub has_joint: bool,
    /// What the exports deliver.
    pub delivered: &'a Delivered,
    /// How other currencies than the contract's are converted.
    pub exchange: Exchange<'a>,
    /// Weights and scores of the KPIs before it in the catalogue that have a target, same scope
    /// and period; of those without a score the reason.
    pub scores: &'a [(&'static str, Decimal, Result<Decimal, String>)],
}

impl<'a> View<'a> {
    /// The parts, when tickets of any month of the period are known.
    pub(super) fn observed(&self) -> Result<&'a Parts, String> {
        if self.parts.months_observed == 0 {
            return Err("the exports hold no tickets of the period, or it is not over".to_owned());
        }
        Ok(self.parts)
    }

    /// The parts, when any month of the period is over.
    pub(super) fn over(&self) -> Result<&'a Parts, String> {
        if self.parts.months_over == 0 {
            return Err("the period is not over".to_owned());
        }
        Ok(self.parts)
    }

    /// The instants of the period that are past at the as-of moment.
    pub(super) fn instants(&self) -> Period<Instant> {
        let zone = &self.plan.zone;
        let start = self.period.start().start(zone);
        let end = self.period.end().start(zone).min(self.as_of);
        Period::spanning(start, end.max(start))
    }

    /// Whether a row of a service belongs to the scope.
    pub(super) fn covers(&self, service_id: &str) -> bool {
        match self.scope {
            Scope::Service(service) => service == service_id,
            _ => true,
        }
    }

    /// A share of two counts with four decimals, rounded half-even; `none` says what is missing
    /// when there is nothing to divide by.
    pub(super) fn share(&self, part: u64, of: u64, none: &str) -> Result<Outcome, String> {
        if of == 0 {
            return Err(none.to_owned());
        }
        Outcome::ratio(Decimal::from_u64(part), Decimal::from_u64(of), 4)
            .map(|outcome| outcome.counting(of))
    }

    /// A mean of seconds, in whole seconds, rounded half-even.
    pub(super) fn mean_s(&self, seconds: i128, n: u64, none: &str) -> Result<Outcome, String> {
        if n == 0 {
            return Err(none.to_owned());
        }
        let sum = Decimal::new(seconds, 0).map_err(|e| e.to_string())?;
        Outcome::ratio(sum, Decimal::from_u64(n), 0)
            .map(|outcome| outcome.counting(n).excluding(self.parts.cell.clock_unread))
    }

    /// A sum of seconds × parts per million per service, each weighed by the rates of its hours,
    /// at the services' prices per minute.
    pub(super) fn priced(
        &self,
        per_service: &BTreeMap<String, Disrupted>,
    ) -> Result<Outcome, String> {
        let mut cost = Decimal::ZERO;
        for (service, disrupted) in per_service {
            let Some(price) = self.spec.price(service) else {
                return Err(format!(
                    "the terms name no cost per minute for service `{service}` and no default"
                ));
            };
            cost = Decimal::new(disrupted.s_ppm, 0)
                .and_then(|s| s.checked_add(Decimal::new(disrupted.rated, 6)?.normalized()))
                .and_then(|weighed| weighed.checked_mul(price))
                .and_then(|part| cost.checked_add(part))
                .map_err(|e| e.to_string())?;
        }
        let minutes = Decimal::from_i64(S_PPM_PER_MINUTE);
        Outcome::ratio(cost, minutes, self.spec.currency.minor_digits())
    }

    /// The median of wall seconds of what was waited for in the period: from `since` to `until`,
    /// of those that ended in the period or were still waiting at its end (then up to its end,
    /// so that silence grows). Nearest rank.
    pub(super) fn median_wait(
        &self,
        waits: impl Iterator<Item = (Instant, Option<Instant>)>,
        none: &str,
    ) -> Result<Outcome, String> {
        self.over()?;
        let period = self.instants();
        let lasted: Vec<i64> = waits
            .filter_map(|(since, until)| match until {
                Some(until) if until < period.end() => {
                    period.contains(until).then(|| until.wall_s_since(since))
                }
                _ => (since < period.end()).then(|| period.end().wall_s_since(since)),
            })
            .collect();
        Distribution::Waits(lasted)
            .outcome()
            .ok_or_else(|| none.to_owned())
    }

    /// An amount of a month in the currency of the contract; not rounded.
    pub(super) fn in_own_currency(
        &self,
        amount: Decimal,
        from: Currency,
        month: Month,
    ) -> Result<Decimal, String> {
        let to = self.spec.currency;
        self.exchange.of_month(amount, from, to, month)
    }

    /// A sum of converted amounts, rounded once, half-even, to the decimals of the currency.
    pub(super) fn rounded(&self, sum: Decimal) -> Decimal {
        let digits = self.spec.currency.minor_digits();
        sum.round(digits, Rounding::HalfEven)
    }

    /// An error when there is no exposure at all.
    pub(super) fn exposed(&self) -> Result<(), String> {
        if self.has_exposure {
            Ok(())
        } else {
            Err(format!(
                "no exposure ({}) of the contract was delivered",
                self.spec.exposure_unit.column()
            ))
        }
    }

    /// Whether a `table.column` was delivered.
    pub(super) fn delivers(&self, input: &str) -> bool {
        input.split_once('.').is_some_and(|(table, column)| {
            self.delivered
                .get(table)
                .is_some_and(|columns| columns.contains(column))
        })
    }

    /// Why there is no joint row.
    pub(super) fn no_joint(&self) -> String {
        if self.has_joint {
            "the baseline gives no result for the scope and period".to_owned()
        } else {
            "the baseline gives no result for the contract".to_owned()
        }
    }

    /// A whole number as a decimal.
    pub(super) fn whole(&self, n: u128) -> Result<Decimal, String> {
        i128::try_from(n)
            .ok()
            .and_then(|n| Decimal::new(n, 0).ok())
            .ok_or_else(|| "a sum is beyond the range of exact decimals".to_owned())
    }

    /// A quantile of durations in whole seconds.
    pub(super) fn quantile(
        &self,
        clock: Clock,
        percent: u32,
        none: &str,
    ) -> Result<Outcome, String> {
        let parts = self.observed()?;
        let histogram = parts.clocks.get(&clock);
        let seconds = histogram.and_then(|h| h.quantile_s(percent, 100));
        let (Some(histogram), Some(seconds)) = (histogram, seconds) else {
            return Err(none.to_owned());
        };
        let mut outcome = Outcome::of(Decimal::from_u64(seconds))
            .counting(histogram.n())
            .excluding(parts.cell.clock_unread);
        if *self.scope == Scope::Contract {
            outcome.distribution = Some(Distribution::Histogram(histogram.clone(), percent));
        }
        Ok(outcome)
    }

    /// A statistic rounded to the decimals of the terms.
    pub(super) fn statistic(&self, value: f64) -> Result<Decimal, String> {
        Decimal::from_f64_rounded(value, self.decimals).map_err(|e| e.to_string())
    }
}

/// What a compute function gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The value.
    pub value: Decimal,
    /// Observations.
    pub n: u64,
    /// Observations left out.
    pub excluded: u64,
    /// What was divided, unrounded.
    pub numerator: Option<Decimal>,
    /// What it was divided by.
    pub denominator: Option<Decimal>,
    /// Lower and upper end and level.
    pub interval: Option<(Decimal, Decimal, Decimal)>,
    /// What to know about the value.
    pub note: String,
    /// What a percentile or median was taken from.
    pub distribution: Option<Distribution>,
}

impl Outcome {
    pub(super) fn of(value: Decimal) -> Outcome {
        Outcome {
            value,
            n: 0,
            excluded: 0,
            numerator: None,
            denominator: None,
            interval: None,
            note: String::new(),
            distribution: None,
        }
    }

    pub(super) fn count(n: u64) -> Outcome {
        Outcome::of(Decimal::from_u64(n)).counting(n)
    }

    /// A quotient rounded half-even, with both of its parts.
    pub(super) fn ratio(
        numerator: Decimal,
        denominator: Decimal,
        decimals: u8,
    ) -> Result<Outcome, String> {
        let value = numerator
            .div(denominator, decimals, Rounding::HalfEven)
            .map_err(|e| e.to_string())?;
        let mut outcome = Outcome::of(value);
        outcome.numerator = Some(numerator);
        outcome.denominator = Some(denominator);
        Ok(outcome)
    }

    pub(super) fn counting(mut self, n: u64) -> Outcome {
        self.n = n;
        self
    }

    pub(super) fn excluding(mut self, n: u64) -> Outcome {
        self.excluded = n;
        self
    }

    pub(super) fn noting(mut self, note: String) -> Outcome {
        self.note = note;
        self
    }
}
