//! KPI values: the rows of the `kpi` table and what the settlement takes from them. Shapes only;
//! not responsible for how a value is computed.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use crate::money::Decimal;
use crate::time::{Month, Period};

/// Whose value it is. Marginal scopes: a service over all priorities, a priority over all
/// services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// The whole contract.
    Contract,
    /// All contracts of a supplier; `contract_id` of the value is then empty.
    Supplier(String),
    /// One service; empty for what names no service.
    Service(String),
    /// One priority, 1 to 5.
    Priority(u8),
}

impl Scope {
    /// Its kind in tables: `contract`, `supplier`, `service` or `priority`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Scope::Contract => "contract",
            Scope::Supplier(_) => "supplier",
            Scope::Service(_) => "service",
            Scope::Priority(_) => "priority",
        }
    }

    /// Its value in tables: the supplier, the service, `P1` to `P5`; empty for a contract.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Scope::Contract => String::new(),
            Scope::Supplier(id) | Scope::Service(id) => id.clone(),
            Scope::Priority(p) => format!("P{p}"),
        }
    }
}

impl fmt::Display for Scope {
    /// `contract`, `service:mail`, `priority:P2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Contract => f.write_str("contract"),
            scope => write!(f, "{}:{}", scope.kind(), scope.value()),
        }
    }
}

/// Which scopes a KPI is published on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The contract.
    Contract,
    /// The supplier over its contracts.
    Supplier,
    /// Services.
    Service,
    /// Priorities.
    Priority,
}

impl Level {
    /// Its name in tables and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Contract => "contract",
            Level::Supplier => "supplier",
            Level::Service => "service",
            Level::Priority => "priority",
        }
    }
}

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Higher is better.
    HigherIsBetter,
    /// Lower is better.
    LowerIsBetter,
    /// Neither by itself; a target says what is wanted.
    Neutral,
}

impl Direction {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Direction::HigherIsBetter => "higher",
            Direction::LowerIsBetter => "lower",
            Direction::Neutral => "neutral",
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Direction::HigherIsBetter => "higher is better",
            Direction::LowerIsBetter => "lower is better",
            Direction::Neutral => "neither direction is better by itself",
        }
    }
}

/// Whether there is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KpiStatus {
    /// There is one.
    Ok,
    /// There is none; `reason` says why.
    NotMeasurable,
    /// There is none that may be used: a rule of the baseline refuses it; `reason` names it.
    Disqualified,
}

impl KpiStatus {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KpiStatus::Ok => "ok",
            KpiStatus::NotMeasurable => "not_measurable",
            KpiStatus::Disqualified => "disqualified",
        }
    }
}

/// One row of the `kpi` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KpiValue {
    /// The contract; empty for a supplier's value.
    pub contract_id: String,
    /// Its months, half-open; written by [`period_text`].
    pub period: Period<Month>,
    /// Its id in the catalogue.
    pub kpi: Cow<'static, str>,
    /// Whose value.
    pub scope: Scope,
    /// The value, rounded as the catalogue says; `None` unless `status` is ok.
    pub value: Option<Decimal>,
    /// Its unit; money in the currency of the contract.
    pub unit: String,
    /// Observations it rests on.
    pub n: u64,
    /// Observations under which it is not measurable.
    pub min_n: u64,
    /// Observations left out because something about them is unknown.
    pub excluded_n: u64,
    /// What is divided, unrounded, for KPIs that are a ratio.
    pub numerator: Option<Decimal>,
    /// What it is divided by.
    pub denominator: Option<Decimal>,
    /// The same KPI over the whole baseline period, for ratios and percentiles.
    pub baseline: Option<Decimal>,
    /// The target of the terms.
    pub target: Option<Decimal>,
    /// Lower end of the joint interval.
    pub ci_low: Option<Decimal>,
    /// Upper end of the joint interval.
    pub ci_high: Option<Decimal>,
    /// Two-sided level of the interval.
    pub ci_level: Option<Decimal>,
    /// 0 to 1 with four decimals, linear between floor and target of the terms.
    pub score: Option<Decimal>,
    /// Which values are better.
    pub direction: Direction,
    /// Whether there is a value.
    pub status: KpiStatus,
    /// Why there is no value, or what to know about the one there is; else empty.
    pub reason: String,
    /// The rule that decided the ambiguous: attribution month, rounding.
    pub rule: Cow<'static, str>,
    /// What a percentile or median of a contract was taken from; no column, but what the value of
    /// its supplier is taken from.
    pub distribution: Option<Distribution>,
    /// Some month of the period is not over or not in the exports: the value covers the others.
    pub provisional: bool,
}

/// A period as tables write it: a month `2025-03`, a calendar quarter `2025-Q1`, else the
/// half-open interval of months `2025-02/2025-05`.
#[must_use]
pub fn period_text(period: &Period<Month>) -> String {
    let (start, end) = (period.start(), period.end());
    if end == start.next() {
        start.to_string()
    } else if start.quarter().months() == *period {
        start.quarter().to_string()
    } else {
        format!("{start}/{end}")
    }
}

/// A KPI value as a measure of the settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The contract.
    pub contract_id: String,
    /// Its months.
    pub period: Period<Month>,
    /// Whose value.
    pub scope: Scope,
    /// The id of the KPI.
    pub name: String,
    /// The value, or why there is none.
    pub value: Result<Decimal, String>,
}

/// The measures of a settlement: values of contracts and their services and priorities, in the
/// order given. A value of a period that is not complete is none: what is missing could change
/// an amount. What names no service is left out: no clause can name it, and its empty name
/// would be taken for the whole contract.
#[must_use]
pub fn measured(values: &[KpiValue]) -> Vec<Measured> {
    values
        .iter()
        .filter(|v| match &v.scope {
            Scope::Contract | Scope::Priority(_) => true,
            Scope::Service(id) => !id.is_empty(),
            Scope::Supplier(_) => false,
        })
        .map(|v| Measured {
            contract_id: v.contract_id.clone(),
            period: v.period,
            scope: v.scope.clone(),
            name: v.kpi.to_string(),
            value: match v.value {
                Some(value) if !v.provisional => Ok(value),
                _ => Err(v.reason.clone()),
            },
        })
        .collect()
}
