//! One test per kind of gaming: which counts it compares, with which statistic, and what it shows
//! as evidence. Not responsible for the correction over several tests nor for counting.

use super::statistics::{dispersion, more_often, odds_greater, ranks_greater, rate_greater};
use super::{Counts, Kind, MonthCounts};
use crate::measure::integrity::{IntegrityCell, Sample};

/// What one test found.
pub(super) struct Found {
    pub(super) kind: Kind,
    /// Occurrences in the performance period.
    pub(super) statistic: u64,
    /// One-sided p value and effect.
    pub(super) test: Option<(f64, f64)>,
    pub(super) evidence: String,
    /// What is missing when there is no test.
    pub(super) why_not: Option<&'static str>,
}

/// Fewer occurrences than these, in both periods together, are not tested: they prove nothing
/// either way.
const LEAST: u64 = 5;
/// Requests may grow by this factor per unit of exposure before anything is suspected.
const REQUESTS_MAY_GROW: f64 = 1.1;

/// All tests, in the order of [`Kind::ALL`].
pub(super) fn all(baseline: &Counts, performance: &Counts) -> Vec<Found> {
    let periods = Periods {
        base: baseline.whole(),
        now: performance.whole(),
        baseline,
        performance,
    };
    Kind::ALL.iter().map(|kind| periods.one(*kind)).collect()
}

/// One of the counts of a cell.
type Count = fn(&IntegrityCell) -> u64;

struct Periods<'a> {
    base: IntegrityCell,
    now: IntegrityCell,
    baseline: &'a Counts,
    performance: &'a Counts,
}

/// Incidents just in time and just late: within a twentieth of the target on both sides.
fn around(cell: &IntegrityCell) -> (u64, u64) {
    let sum = |bins: std::ops::Range<u16>| cell.used.range(bins).map(|(_, n)| *n).sum();
    (sum(95..100), sum(100..105))
}

impl Periods<'_> {
    fn one(&self, kind: Kind) -> Found {
        let mut found = match kind {
            Kind::BunchingBeforeDeadline => self.bunching(),
            Kind::HoldBeforeBreach => self.rate(
                kind,
                (|c| c.late_holds, |c| c.restored),
                "holds that began with at least 95 % of the target used",
                "restored incidents with a target",
                "no incident with a target was restored in one of the periods",
            ),
            Kind::PriorityLoweredLate => self.rate(
                kind,
                (|c| c.late_lowered, |c| c.restored),
                "priorities lowered with at least 75 % of the target used",
                "restored incidents with a target",
                "no incident with a target was restored in one of the periods",
            ),
            Kind::RequestsForIncidents => self.requests(),
            Kind::ReopenedUnderNewNumber => self.rate(
                kind,
                (|c| c.returned, |c| c.reported),
                "incidents within a day after the same caller's former one on the same item and \
                 category was resolved",
                "incidents with a known caller, item and category",
                "the export names no callers, items and categories in one of the periods",
            ),
            Kind::SplitTickets => self.rate(
                kind,
                (|c| c.split, |c| c.reported),
                "incidents within 15 minutes after the same caller's former one on the same item \
                 and category",
                "incidents with a known caller, item and category",
                "the export names no callers, items and categories in one of the periods",
            ),
            Kind::MergedTickets => self.rate(
                kind,
                (|c| c.merged, |c| c.incidents),
                "tickets that others were made children of",
                "incidents that are no children",
                "there are no incidents in one of the periods",
            ),
            Kind::BackDated => self.rate(
                kind,
                (|c| c.logged_late + c.back_dated, |c| c.history),
                "incidents logged more than an hour after they were opened, or resolved more than \
                 15 minutes before their history says so",
                "incidents with a history",
                "the export has no history of tickets in one of the periods",
            ),
            Kind::ToldAfterwards => self.rate(
                kind,
                (|c| c.told_afterwards, |c| c.told),
                "incidents and breaches first told of when they were over",
                "told of at all",
                "nothing was told of incidents in one of the periods",
            ),
            Kind::SplitOrders => self.orders(),
            Kind::ImpactDespiteKpi => self.impact(),
        };
        if let Some(sample) = sample_of(kind) {
            let tickets: Vec<&str> = self
                .now
                .samples
                .get(&sample)
                .into_iter()
                .flatten()
                .map(|(_, ticket)| ticket.as_str())
                .collect();
            if !tickets.is_empty() {
                found.evidence = format!("{}; for example {}", found.evidence, tickets.join(", "));
            }
        }
        found
    }

    /// A rate per opportunity, against the baseline's: exact conditional test on counts divided
    /// by the dispersion of the baseline's months.
    fn rate(
        &self,
        kind: Kind,
        (events, chances): (Count, Count),
        what: &str,
        among: &str,
        missing: &'static str,
    ) -> Found {
        let (n, m) = (events(&self.now), events(&self.base));
        let (of_n, of_m) = (chances(&self.now), chances(&self.base));
        let by_month: Vec<(u64, f64)> = self
            .baseline
            .months
            .iter()
            .map(|month| (events(&month.cell), chances(&month.cell) as f64))
            .collect();
        let test = rate_greater((n, of_n as f64), (m, of_m as f64), dispersion(&by_month));
        Found {
            kind,
            statistic: n,
            why_not: test.is_none().then_some(missing),
            test: test.filter(|_| n + m >= LEAST),
            evidence: format!("{n} {what}, of {of_n} {among}; in the baseline {m} of {of_m}"),
        }
    }

    /// Just in time against just late: Fisher's exact test.
    fn bunching(&self) -> Found {
        let (b, a) = around(&self.base);
        let (n, m) = around(&self.now);
        let enough = n + b >= LEAST;
        Found {
            kind: Kind::BunchingBeforeDeadline,
            statistic: n,
            test: odds_greater((n, m), (b, a)).filter(|_| enough),
            evidence: format!(
                "restored in the last twentieth of the target {n}, in the twentieth after it {m}; \
                 in the baseline {b} and {a}"
            ),
            why_not: None,
        }
    }

    /// Requests per exposure grew beyond what is allowed, and incidents became fewer.
    fn requests(&self) -> Found {
        let (e, f) = (exposure(self.performance), exposure(self.baseline));
        let fewer = more_often(
            (&months(self.baseline, |m| m.incidents), &f),
            (&months(self.performance, |m| m.incidents), &e),
            1.0,
        )
        .is_some_and(|(_, ratio)| ratio > 1.0);
        let test = more_often(
            (&months(self.performance, |m| m.requests), &e),
            (&months(self.baseline, |m| m.requests), &f),
            REQUESTS_MAY_GROW,
        );
        let (now, before) = (self.performance, self.baseline);
        Found {
            kind: Kind::RequestsForIncidents,
            statistic: now.sum(|m| m.requests),
            test: test.map(|(p, ratio)| (if fewer { p } else { 1.0 }, ratio)),
            evidence: format!(
                "{} requests and {} incidents in {} months; in the baseline {} and {} in {}",
                now.sum(|m| m.requests),
                now.sum(|m| m.incidents),
                now.months.len(),
                before.sum(|m| m.requests),
                before.sum(|m| m.incidents),
                before.months.len()
            ),
            why_not: Some("there are no requests, or fewer than six months of baseline"),
        }
    }

    /// Split orders against whole ones: Fisher's exact test.
    fn orders(&self) -> Found {
        let (Some(now), Some(base)) = (self.performance.orders, self.baseline.orders) else {
            return Found {
                kind: Kind::SplitOrders,
                statistic: 0,
                test: None,
                evidence: String::new(),
                why_not: Some("the terms name no limit of approval ([measure] approval_limit)"),
            };
        };
        let enough = now.split + base.split >= LEAST;
        let invoices = &self.performance.split_invoices;
        let mut evidence = format!(
            "of {} orders above the limit of approval {} came in parts under it; in the baseline \
             {} of {}",
            now.split + now.whole,
            now.split,
            base.split,
            base.split + base.whole
        );
        if !invoices.is_empty() {
            evidence = format!("{evidence}; for example on {}", invoices.join(", "));
        }
        Found {
            kind: Kind::SplitOrders,
            statistic: now.split,
            test: odds_greater((now.split, now.whole), (base.split, base.whole)).filter(|_| enough),
            evidence,
            why_not: None,
        }
    }

    /// Incidents or the share of breaches fell while impact per exposure rose. Both must be shown
    /// (intersection-union test, Berger 1982): the greater p value counts. Two ways in which a KPI
    /// may have improved are looked at, so the lesser of theirs counts twice.
    fn impact(&self) -> Found {
        let (now, before) = (self.performance, self.baseline);
        let per_month = |counts: &Counts| -> Vec<f64> {
            let used = counts.months.iter().filter(|m| m.exposure > 0.0);
            used.filter_map(|m| Some(m.impact_s? / m.exposure))
                .collect()
        };
        let (impact, earlier) = (per_month(now), per_month(before));
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
        let ratio = mean(&impact) / mean(&earlier);
        let fewer = more_often(
            (&months(before, |m| m.incidents), &exposure(before)),
            (&months(now, |m| m.incidents), &exposure(now)),
            1.0,
        );
        let punctual = odds_greater(
            (now.sum(|m| m.met), now.sum(|m| m.breached)),
            (before.sum(|m| m.met), before.sum(|m| m.breached)),
        );
        let improved = [fewer, punctual]
            .into_iter()
            .flatten()
            .map(|(p, _)| p)
            .fold(None, |least: Option<f64>, p| {
                Some(least.map_or(p, |l| l.min(p)))
            });
        let test = match (improved, ranks_greater(&impact, &earlier)) {
            (Some(kpi), Some(worse)) if ratio.is_finite() && ratio > 0.0 => {
                Some(((2.0 * kpi).min(1.0).max(worse), ratio))
            }
            _ => None,
        };
        let hours = |v: &[f64], counts: &Counts| {
            let exposure = exposure(counts);
            mean(v) * mean(&exposure) / 3_600.0
        };
        Found {
            kind: Kind::ImpactDespiteKpi,
            // Whole hours: a count like the others.
            statistic: (now.months.iter().filter_map(|m| m.impact_s).sum::<f64>() / 3_600.0) as u64,
            test,
            evidence: format!(
                "{} incidents and {} late restorations in {} months, with an impact of {:.1} hours \
                 of all users a month; in the baseline {} and {} in {}, with {:.1}",
                now.sum(|m| m.incidents),
                now.sum(|m| m.breached),
                now.months.len(),
                hours(&impact, now),
                before.sum(|m| m.incidents),
                before.sum(|m| m.breached),
                before.months.len(),
                hours(&earlier, before)
            ),
            why_not: Some("impact is not measured in six months of both periods"),
        }
    }
}

fn months(counts: &Counts, get: fn(&MonthCounts) -> u64) -> Vec<u64> {
    counts.months.iter().map(get).collect()
}

fn exposure(counts: &Counts) -> Vec<f64> {
    counts.months.iter().map(|m| m.exposure).collect()
}

/// Which sampled tickets show a kind.
fn sample_of(kind: Kind) -> Option<Sample> {
    Some(match kind {
        Kind::BunchingBeforeDeadline => Sample::JustInTime,
        Kind::HoldBeforeBreach => Sample::LateHold,
        Kind::PriorityLoweredLate => Sample::LateLowered,
        Kind::ReopenedUnderNewNumber => Sample::Returned,
        Kind::SplitTickets => Sample::Split,
        Kind::MergedTickets => Sample::Merged,
        Kind::BackDated => Sample::BackDated,
        Kind::ToldAfterwards => Sample::ToldAfterwards,
        Kind::RequestsForIncidents | Kind::SplitOrders | Kind::ImpactDespiteKpi => return None,
    })
}
