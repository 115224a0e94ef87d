//! Agreed adjustments of incident counts: laid on streams before anything is fitted. Not
//! responsible for adjustments of money (see `saving`).
//!
//! Source: IPMVP Core Concepts (2022), 5.4: non-routine adjustments are agreed by both parties.

use std::collections::BTreeMap;

use super::saving::{AdjustmentResult, AdjustmentRow};
use super::series::{Series, SeriesKey};
use super::spec::{Adjustments, BaselineSpec};
use crate::finding::{Finding, Severity, Stage};
use crate::money::{Decimal, Rounding};
use crate::time::{Instant, Month};

/// What adjustments did.
#[derive(Debug, Clone, Default)]
pub struct Adjusted {
    /// Incidents added to the expectation per stream and month of the performance period.
    pub expected: BTreeMap<(SeriesKey, Month), f64>,
    /// One per adjustment of incidents, in the order of their ids.
    pub results: Vec<AdjustmentResult>,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

const EXPECTED: &str = "incidents_expected";
const ACTUAL: &str = "incidents_actual";

/// Whether an adjustment is about incidents.
#[must_use]
pub fn about_incidents(measure: &str) -> bool {
    measure == EXPECTED || measure == ACTUAL
}

/// Applies the agreed adjustments of one contract to its series.
///
/// An amount is per month and counts in every month whose first day lies in `[from, to)`. In a
/// month of the baseline either measure changes what is learned from; in a month of the
/// performance period `incidents_actual` changes what is counted and `incidents_expected` what is
/// expected. An adjustment has no service: it is divided over the streams in proportion to their
/// incidents of that month (of the baseline, where the month has none), whole incidents by largest
/// remainder, never below zero.
pub fn adjust(
    contract_id: &str,
    series: &mut [Series],
    spec: &BaselineSpec,
    rows: &[AdjustmentRow],
    as_of: Instant,
) -> Adjusted {
    let mut done = Adjusted::default();
    let mut own: Vec<&AdjustmentRow> = rows
        .iter()
        .filter(|r| r.contract_id == contract_id && about_incidents(&r.measure))
        .collect();
    own.sort_by(|a, b| a.adjustment_id.cmp(&b.adjustment_id));
    let totals: Vec<u64> = series
        .iter()
        .map(|s| {
            crate::time::months_between(spec.baseline.start(), spec.baseline.end())
                .filter_map(|m| s.count_in(m))
                .sum()
        })
        .collect();
    for row in own {
        let months: Vec<Month> = row
            .months(&spec.baseline)
            .chain(row.months(&spec.performance))
            .collect();
        let mut result = AdjustmentResult {
            row: row.clone(),
            months: u32::try_from(months.len()).unwrap_or(u32::MAX),
            applied: Decimal::ZERO,
            status: "applied",
            reason: format!("agreed by both: {}", row.reason),
        };
        let refused = if let Some(why) = row.who_did_not(as_of) {
            Some(("not_agreed", why))
        } else if spec.adjustments == Adjustments::None {
            Some(("not_used", "the terms apply no adjustments to incidents"))
        } else if months.is_empty() {
            Some(("not_used", "no month of baseline or performance"))
        } else if series.is_empty() {
            Some(("not_used", "the contract has no incidents"))
        } else {
            None
        };
        if let Some((status, why)) = refused {
            result.status = status;
            result.reason = format!("{why}: {}", row.reason);
            if status == "not_agreed" {
                done.findings.push(
                    finding(
                        contract_id,
                        "adjustment_not_agreed",
                        "only what both parties agreed counts",
                    )
                    .with_evidence(format!(
                        "{}: {} {} a month, {why}",
                        row.adjustment_id, row.amount, row.measure
                    )),
                );
            }
            done.results.push(result);
            continue;
        }
        let mut short: Vec<String> = Vec::new();
        for month in months {
            let in_performance = spec.performance.contains(month);
            if in_performance && row.measure == EXPECTED {
                add_expected(series, &totals, month, row.amount, &mut done.expected);
                result.applied = result
                    .applied
                    .checked_add(row.amount)
                    .unwrap_or(result.applied);
                continue;
            }
            let whole = row.amount.round(0, Rounding::HalfUp).to_i64().unwrap_or(0);
            let moved = add_counts(series, &totals, month, whole);
            if moved != whole {
                short.push(format!("{month}: {moved} of {whole}"));
            }
            result.applied = result
                .applied
                .checked_add(Decimal::from_i64(moved))
                .unwrap_or(result.applied);
        }
        if !short.is_empty() {
            done.findings.push(
                finding(
                    contract_id,
                    "adjustment_exceeds_count",
                    "an adjustment takes away more incidents than were counted, or its month is \
                     not known: only what is there is taken",
                )
                .with_count(short.len() as u64)
                .with_evidence(format!(
                    "{}: {}",
                    row.adjustment_id,
                    short.join(", ")
                )),
            );
        }
        done.results.push(result);
    }
    done
}

fn finding(contract_id: &str, code: &str, detail: &str) -> Finding {
    Finding::new(Stage::Baseline, Severity::Warning, code, detail).with_contract(contract_id)
}

/// Divides an amount over the streams in proportion to their baselines; the last one takes what
/// is left, so that the parts add up.
fn add_expected(
    series: &[Series],
    totals: &[u64],
    month: Month,
    amount: Decimal,
    into: &mut BTreeMap<(SeriesKey, Month), f64>,
) {
    let all: u64 = totals.iter().sum();
    let amount = amount.to_f64_lossy();
    for (s, total) in series.iter().zip(totals) {
        let share = if all > 0 {
            *total as f64 / all as f64
        } else {
            1.0 / series.len() as f64
        };
        *into.entry((s.key.clone(), month)).or_insert(0.0) += amount * share;
    }
}

/// Adds whole incidents to the counts of a month and says how many were.
fn add_counts(series: &mut [Series], totals: &[u64], month: Month, amount: i64) -> i64 {
    let counts: Vec<Option<u64>> = series.iter().map(|s| s.count_in(month)).collect();
    let known: u64 = counts.iter().flatten().sum();
    let weights: Vec<u64> = counts
        .iter()
        .zip(totals)
        .map(|(c, total)| match c {
            None => 0,
            Some(n) if known > 0 => *n,
            Some(_) => *total,
        })
        .collect();
    let all: u64 = weights.iter().sum();
    if all == 0 {
        return 0;
    }
    let size = if amount < 0 {
        amount.unsigned_abs().min(known)
    } else {
        amount.unsigned_abs()
    };
    // Largest remainder (Hamilton): floors first, then one each by the size of the remainder.
    let exact = |w: u64| u128::from(size) * u128::from(w);
    let mut parts: Vec<u64> = weights
        .iter()
        .map(|w| u64::try_from(exact(*w) / u128::from(all)).unwrap_or(0))
        .collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(exact(weights[at]) % u128::from(all)), at));
    let left = size - parts.iter().sum::<u64>();
    for &at in order.iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[at] += 1;
    }
    for (s, part) in series.iter_mut().zip(parts) {
        let Ok(at) = usize::try_from(month.months_since(s.first_month)) else {
            continue;
        };
        if let Some(Some(count)) = s.counts.get_mut(at) {
            *count = if amount < 0 {
                count.saturating_sub(part)
            } else {
                *count + part
            };
        }
    }
    let moved = i64::try_from(size).unwrap_or(i64::MAX);
    if amount < 0 { -moved } else { moved }
}
