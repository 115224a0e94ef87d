//! Tests for gaming: is a supplier's conduct in the performance period another than in the
//! baseline, in ways that only the figures profit from? Evidence with an effect size and a
//! corrected p value, never a penalty by itself. Not responsible for counting (see
//! [`crate::measure::integrity`]).
//!
//! The tests of one contract and its performance period are one family: Benjamini and Hochberg
//! (1995) control the false discovery rate within it. A test is flagged when its q value is at
//! most [`LEVEL`] and its effect at least the one that [`Kind::least_effect`] names, so that a
//! large contract is not flagged for a trifle.

mod counts;
mod statistics;
mod tests_of;
mod words;

pub use counts::{PeriodOf, counts};
pub use statistics::{
    benjamini_hochberg, binomial_two_sided, dispersion, excess_mass, more_often, odds_greater,
    ranks_greater, rate_greater,
};

use crate::measure::integrity::IntegrityCell;
use crate::measure::orders::OrderCounts;
use crate::money::Decimal;

/// The false discovery rate within one contract.
pub const LEVEL: f64 = 0.05;

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Incidents restored just before the deadline against those just after it.
    BunchingBeforeDeadline,
    /// Holds that start when the target is nearly used up.
    HoldBeforeBreach,
    /// Priorities lowered late in the clock.
    PriorityLoweredLate,
    /// Requests that grew while incidents shrank.
    RequestsForIncidents,
    /// Incidents closed, and reported again by the same caller under a new number.
    ReopenedUnderNewNumber,
    /// One matter in several tickets of the same caller.
    SplitTickets,
    /// Several tickets made one by making them children.
    MergedTickets,
    /// Tickets logged late, or resolved with an earlier date than the history says.
    BackDated,
    /// Incidents and breaches first told of when they were over.
    ToldAfterwards,
    /// Orders in parts that each stay under the limit of approval.
    SplitOrders,
    /// Incidents or breaches that became fewer while the business impact grew.
    ImpactDespiteKpi,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: &[Kind] = &[
        Kind::BunchingBeforeDeadline,
        Kind::HoldBeforeBreach,
        Kind::PriorityLoweredLate,
        Kind::RequestsForIncidents,
        Kind::ReopenedUnderNewNumber,
        Kind::SplitTickets,
        Kind::MergedTickets,
        Kind::BackDated,
        Kind::ToldAfterwards,
        Kind::SplitOrders,
        Kind::ImpactDespiteKpi,
    ];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::BunchingBeforeDeadline => "bunching_before_deadline",
            Kind::HoldBeforeBreach => "hold_before_breach",
            Kind::PriorityLoweredLate => "priority_lowered_late",
            Kind::RequestsForIncidents => "requests_for_incidents",
            Kind::ReopenedUnderNewNumber => "reopened_under_new_number",
            Kind::SplitTickets => "split_tickets",
            Kind::MergedTickets => "merged_tickets",
            Kind::BackDated => "back_dated",
            Kind::ToldAfterwards => "told_afterwards",
            Kind::SplitOrders => "split_orders",
            Kind::ImpactDespiteKpi => "impact_despite_kpi",
        }
    }

    /// What the effect is: how many times as much as in the baseline.
    #[must_use]
    pub fn effect_unit(self) -> &'static str {
        match self {
            Kind::BunchingBeforeDeadline | Kind::SplitOrders => "ratio of odds",
            Kind::ImpactDespiteKpi => "ratio of means",
            _ => "ratio of rates",
        }
    }

    /// The least effect that is flagged, in [`Kind::effect_unit`].
    #[must_use]
    pub fn least_effect(self) -> f64 {
        match self {
            Kind::RequestsForIncidents => 1.15,
            Kind::ImpactDespiteKpi => 1.2,
            Kind::ToldAfterwards => 1.5,
            _ => 2.0,
        }
    }
}

/// Counts of one month of a contract.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MonthCounts {
    /// What the measuring pass counted.
    pub cell: IntegrityCell,
    /// Incidents opened.
    pub incidents: u64,
    /// Requests opened.
    pub requests: u64,
    /// Restorations due in the month that were in time.
    pub met: u64,
    /// Restorations due in the month that were late.
    pub breached: u64,
    /// Business impact, in seconds of all users; `None` where it is not measured.
    pub impact_s: Option<f64>,
    /// Exposure; 1 where none is known.
    pub exposure: f64,
}

/// Counts of one period of a contract.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Its months, in order.
    pub months: Vec<MonthCounts>,
    /// Orders above the limit of approval; `None` when the terms have no limit.
    pub orders: Option<OrderCounts>,
    /// The first invoices with a split order.
    pub split_invoices: Vec<String>,
}

impl Counts {
    fn whole(&self) -> IntegrityCell {
        let mut sum = IntegrityCell::default();
        for month in &self.months {
            sum.merge(&month.cell);
        }
        sum
    }

    fn sum(&self, get: impl Fn(&MonthCounts) -> u64) -> u64 {
        self.months.iter().map(get).sum()
    }
}

/// One test of one contract.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrityRow {
    /// The contract.
    pub contract_id: String,
    /// The performance period.
    pub period: String,
    /// What was tested.
    pub kind: Kind,
    /// Occurrences in the performance period; for the impact, hours of all users.
    pub statistic: Decimal,
    /// One-sided probability of as much by chance, had conduct not changed; absent when there is
    /// too little to test.
    pub p_value: Option<Decimal>,
    /// The same, corrected for the tests of the contract.
    pub q_value: Option<Decimal>,
    /// How many times as much as in the baseline, in [`Kind::effect_unit`].
    pub effect: Option<Decimal>,
    /// Whether it is flagged.
    pub flagged: bool,
    /// Figures and ticket numbers.
    pub evidence: String,
    /// In words.
    pub verdict: String,
    /// Who looked into the flag and cleared it, and why.
    pub cleared: Option<String>,
}

/// All tests of one contract.
#[must_use]
pub fn test(
    contract_id: &str,
    period: &str,
    baseline: &Counts,
    performance: &Counts,
) -> Vec<IntegrityRow> {
    let found = tests_of::all(baseline, performance);
    let p: Vec<f64> = found.iter().filter_map(|f| Some(f.test?.0)).collect();
    let mut q = benjamini_hochberg(&p).into_iter();
    found
        .into_iter()
        .map(|found| {
            let corrected = found.test.and_then(|_| q.next());
            let effect = found.test.map(|(_, effect)| effect);
            let flagged = match (corrected, effect) {
                (Some(q), Some(effect)) => q <= LEVEL && effect >= found.kind.least_effect(),
                _ => false,
            };
            let decimal = |v: f64, decimals| Decimal::from_f64_rounded(v, decimals).ok();
            IntegrityRow {
                contract_id: contract_id.to_owned(),
                period: period.to_owned(),
                kind: found.kind,
                statistic: Decimal::from_u64(found.statistic),
                p_value: found.test.and_then(|(p, _)| decimal(p, 9)),
                q_value: corrected.and_then(|q| decimal(q, 9)),
                effect: effect.and_then(|e| decimal(e, 3)),
                flagged,
                verdict: words::verdict(found.kind, effect, corrected, flagged, found.why_not),
                evidence: found.evidence,
                cleared: None,
            }
        })
        .collect()
}

/// Whether nothing stands against the supplier: `Some(true)` when at least one test could be made
/// and every flag was cleared, `None` when no test could be made.
#[must_use]
pub fn cleared(rows: &[IntegrityRow]) -> Option<bool> {
    rows.iter()
        .any(|r| r.p_value.is_some())
        .then(|| rows.iter().all(|r| !r.flagged || r.cleared.is_some()))
}
