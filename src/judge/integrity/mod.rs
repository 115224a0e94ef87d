//! Tests for gaming: is a supplier's conduct in the performance period another than in the
//! baseline, in ways that only the figures profit from? Evidence with an effect size and a
//! corrected p value, never a penalty by itself. Not responsible for counting (see
//! [`crate::measure::integrity`]).
//!
//! The tests of one contract and its terms are one family: Benjamini and Hochberg (1995) control
//! the false discovery rate within it. A test is flagged when its q value is at most
//! [`LEVEL`] and its effect at least the one that [`Kind::effect`] names, so that a large contract
//! is not flagged for a trifle.

mod statistics;

pub use statistics::{
    benjamini_hochberg, binomial_two_sided, excess_mass, more_often, odds_greater, rate_greater,
};

use crate::measure::integrity::{IntegrityCell, Sample};
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
    /// Incidents opened again on the same item within a day.
    QuickReturn,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: &[Kind] = &[
        Kind::BunchingBeforeDeadline,
        Kind::HoldBeforeBreach,
        Kind::PriorityLoweredLate,
        Kind::RequestsForIncidents,
        Kind::QuickReturn,
    ];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::BunchingBeforeDeadline => "bunching_before_deadline",
            Kind::HoldBeforeBreach => "hold_before_breach",
            Kind::PriorityLoweredLate => "priority_lowered_late",
            Kind::RequestsForIncidents => "requests_for_incidents",
            Kind::QuickReturn => "quick_return",
        }
    }

    /// The least effect that is flagged: an odds ratio for bunching, else a ratio of rates.
    #[must_use]
    pub fn effect(self) -> f64 {
        match self {
            Kind::BunchingBeforeDeadline => 2.0,
            Kind::HoldBeforeBreach | Kind::PriorityLoweredLate => 2.0,
            Kind::RequestsForIncidents => 1.15,
            Kind::QuickReturn => 1.5,
        }
    }
}

/// Counts of one period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// What the measuring pass counted.
    pub cell: IntegrityCell,
    /// Requests by month.
    pub requests: Vec<u64>,
    /// Incidents by month.
    pub incidents: Vec<u64>,
    /// Exposure by month, in the order of the others; 1 where none is known.
    pub exposure: Vec<f64>,
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
    /// Occurrences in the performance period.
    pub statistic: Decimal,
    /// One-sided probability of as much by chance, had conduct not changed; absent when there is
    /// too little to test.
    pub p_value: Option<Decimal>,
    /// The same, corrected for the tests of the contract.
    pub q_value: Option<Decimal>,
    /// Odds ratio or ratio of rates against the baseline.
    pub effect: Option<Decimal>,
    /// Whether it is flagged.
    pub flagged: bool,
    /// Figures and ticket numbers.
    pub evidence: String,
    /// In words.
    pub verdict: String,
}

struct Found {
    kind: Kind,
    statistic: u64,
    test: Option<(f64, f64)>,
    evidence: String,
}

/// All tests of one contract.
#[must_use]
pub fn test(
    contract_id: &str,
    period: &str,
    baseline: &Counts,
    performance: &Counts,
) -> Vec<IntegrityRow> {
    let found: Vec<Found> = Kind::ALL
        .iter()
        .map(|kind| one(*kind, baseline, performance))
        .collect();
    let p: Vec<f64> = found.iter().filter_map(|f| Some(f.test?.0)).collect();
    let mut q = benjamini_hochberg(&p).into_iter();
    found
        .into_iter()
        .map(|found| {
            let corrected = found.test.and_then(|_| q.next());
            let effect = found.test.map(|(_, effect)| effect);
            let flagged = match (corrected, effect) {
                (Some(q), Some(effect)) => q <= LEVEL && effect >= found.kind.effect(),
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
                verdict: words(found.kind, effect, corrected, flagged),
                evidence: found.evidence,
            }
        })
        .collect()
}

/// Incidents just in time and just late: within a twentieth of the target on both sides.
fn around(cell: &IntegrityCell) -> (u64, u64) {
    let sum = |bins: std::ops::Range<u16>| cell.used.range(bins).map(|(_, n)| *n).sum();
    (sum(95..100), sum(100..105))
}

fn one(kind: Kind, baseline: &Counts, performance: &Counts) -> Found {
    let (base, now) = (&baseline.cell, &performance.cell);
    let (count, before, test, figures, sample) = match kind {
        Kind::BunchingBeforeDeadline => {
            let (b, a) = around(base);
            let (n, m) = around(now);
            (
                n,
                b,
                odds_greater((n, m), (b, a)),
                format!(
                    "restored in the last twentieth of the target {n}, in the twentieth after it \
                     {m}; in the baseline {b} and {a}"
                ),
                Some(Sample::JustInTime),
            )
        }
        Kind::HoldBeforeBreach => (
            now.late_holds,
            base.late_holds,
            rate_greater(
                (now.late_holds, now.restored as f64),
                (base.late_holds, base.restored as f64),
            ),
            format!(
                "{} of {} holds began with at least 95 % of the target used; in the baseline {} of \
                 {}",
                now.late_holds, now.holds, base.late_holds, base.holds
            ),
            Some(Sample::LateHold),
        ),
        Kind::PriorityLoweredLate => (
            now.late_lowered,
            base.late_lowered,
            rate_greater(
                (now.late_lowered, now.restored as f64),
                (base.late_lowered, base.restored as f64),
            ),
            format!(
                "{} of {} priorities were lowered with at least 75 % of the target used; in the \
                 baseline {} of {}",
                now.late_lowered, now.lowered, base.late_lowered, base.lowered
            ),
            Some(Sample::LateLowered),
        ),
        Kind::RequestsForIncidents => {
            let sum = |v: &[u64]| v.iter().sum::<u64>();
            let fewer = more_often(
                (&baseline.incidents, &baseline.exposure),
                (&performance.incidents, &performance.exposure),
                1.0,
            )
            // The other way round: incidents must have become fewer.
            .is_some_and(|(_, ratio)| ratio > 1.0);
            let test = more_often(
                (&performance.requests, &performance.exposure),
                (&baseline.requests, &baseline.exposure),
                REQUESTS_MAY_GROW,
            );
            let test = test.map(|(p, ratio)| (if fewer { p } else { 1.0 }, ratio));
            (
                sum(&performance.requests),
                sum(&baseline.requests),
                test,
                format!(
                    "{} requests and {} incidents in {} months; in the baseline {} and {} in {}",
                    sum(&performance.requests),
                    sum(&performance.incidents),
                    performance.requests.len(),
                    sum(&baseline.requests),
                    sum(&baseline.incidents),
                    baseline.requests.len()
                ),
                None,
            )
        }
        Kind::QuickReturn => (
            now.quick_returns,
            base.quick_returns,
            rate_greater(
                (now.quick_returns, now.item_known as f64),
                (base.quick_returns, base.item_known as f64),
            ),
            format!(
                "{} of {} incidents came within a day after another on the same item and \
                 category; in the baseline {} of {}",
                now.quick_returns, now.item_known, base.quick_returns, base.item_known
            ),
            Some(Sample::QuickReturn),
        ),
    };
    // Fewer than ten in all prove nothing either way.
    let test = test.filter(|_| count + before >= 10);
    let tickets: Vec<String> = sample
        .and_then(|s| now.samples.get(&s))
        .into_iter()
        .flatten()
        .map(|(_, ticket)| ticket.clone())
        .collect();
    let evidence = if tickets.is_empty() {
        figures
    } else {
        format!("{figures}; for example {}", tickets.join(", "))
    };
    Found {
        kind,
        statistic: count,
        test,
        evidence,
    }
}

/// Requests may grow by this factor per unit of exposure before anything is suspected.
const REQUESTS_MAY_GROW: f64 = 1.1;

fn words(kind: Kind, effect: Option<f64>, q: Option<f64>, flagged: bool) -> String {
    let what = match kind {
        Kind::BunchingBeforeDeadline => {
            "incidents restored just before their deadline, against just after it,"
        }
        Kind::HoldBeforeBreach => "holds that start just before a breach",
        Kind::PriorityLoweredLate => "priorities lowered late in the clock",
        Kind::RequestsForIncidents => "requests",
        Kind::QuickReturn => "incidents that come back on the same item within a day",
    };
    match (effect, q) {
        (Some(effect), Some(q)) if flagged => {
            let times = Decimal::from_f64_rounded(effect, 1).unwrap_or(Decimal::ONE);
            let chance = if q < 0.001 {
                "less than one in a thousand".to_owned()
            } else {
                format!("{:.3}", q)
            };
            format!(
                "There are {times} times as many {what} as in the baseline{}; the corrected \
                 probability of that by chance is {chance}. Look at the tickets named.",
                if kind == Kind::RequestsForIncidents {
                    ", while incidents became fewer"
                } else {
                    ""
                }
            )
        }
        (Some(_), Some(_)) => format!("Nothing unusual: {what} are within what chance explains."),
        _ => "Too few cases to say anything.".to_owned(),
    }
}
