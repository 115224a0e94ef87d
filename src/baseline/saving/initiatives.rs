//! Who claims which saving, each euro once: money per service, month and set of claiming
//! initiatives, and what each initiative is credited with. Not responsible for benchmarks.

use std::collections::BTreeMap;

use super::benchmark::{Ledger, converted};
use super::facts::{Facts, InitiativeRow};
use super::spec::SavingsSpec;
use crate::money::{Currency, Decimal, MoneyError, Rounding};
use crate::time::{Month, Period, months_between};

/// What became of an initiative over the performance period: a row of `initiative_results`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitiativeResult {
    /// The contract.
    pub contract_id: String,
    /// The initiative.
    pub initiative_id: String,
    /// `supplier` or `customer`.
    pub proposed_by: String,
    /// The service; empty for the whole contract.
    pub service_id: String,
    /// What it claims.
    pub claims: String,
    /// First month it counts in.
    pub from: Option<Month>,
    /// Months of the performance period that it counts in.
    pub months: u32,
    /// Currency of the amounts: the contract's.
    pub currency: Currency,
    /// What was promised for those months: the yearly promise × months ÷ 12, rounded half up.
    pub promised: Option<Decimal>,
    /// Benchmark less actual on its service in those months, signed.
    pub realised: Option<Decimal>,
    /// Its part of that; every euro is credited once.
    pub credited: Option<Decimal>,
    /// What it promised on the same money as others, beyond what it is credited with.
    pub double_claimed: Option<Decimal>,
    /// The realised saving per year; only of whole years.
    pub per_year: Option<Decimal>,
    /// Avoided incidents of its service in those months, signed, where it claims incidents.
    pub incidents_avoided: Option<Decimal>,
    /// Other initiatives on the same service and months.
    pub shared_with: Vec<String>,
    /// `credited`, `not_accepted`, `not_implemented` or `not_measurable`.
    pub status: &'static str,
    /// Why, or what to know.
    pub reason: String,
}

/// Saving on one service in the months with one set of claiming initiatives.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Positions of the claiming initiatives in the order of crediting.
    pub(super) members: Vec<usize>,
    /// Months.
    pub(super) months: u32,
    /// Benchmark less actual, signed, exact.
    pub(super) saving: Decimal,
}

/// The initiatives of the contract in the order in which they are credited: by decision, then by
/// id.
pub(super) fn in_order<'a>(facts: &Facts<'a>) -> Vec<&'a InitiativeRow> {
    let mut own: Vec<&InitiativeRow> = facts
        .initiatives
        .iter()
        .filter(|i| i.contract_id == facts.contract_id)
        .collect();
    own.sort_by(|a, b| (a.decided_at, &a.initiative_id).cmp(&(b.decided_at, &b.initiative_id)));
    own
}

fn active(facts: &Facts<'_>, row: &InitiativeRow, service: &str, month: Month) -> bool {
    row.claims_cost()
        && row.in_effect(facts.as_of)
        && (row.service_id.is_empty() || row.service_id == service)
        && row
            .implemented_at
            .is_some_and(|at| (facts.month_of)(at) <= month)
}

/// Money per service and set of claiming initiatives over the months of a period.
pub(super) fn groups(
    facts: &Facts<'_>,
    spec: &SavingsSpec,
    ledger: &Ledger,
    order: &[&InitiativeRow],
    only: Option<&str>,
    period: &Period<Month>,
) -> Result<Vec<Group>, String> {
    let mut found: BTreeMap<(&str, Vec<usize>), Group> = BTreeMap::new();
    for service in ledger.services(only) {
        for month in months_between(period.start(), period.end()) {
            let members: Vec<usize> = order
                .iter()
                .enumerate()
                .filter(|(_, row)| active(facts, row, service, month))
                .map(|(at, _)| at)
                .collect();
            if members.is_empty() {
                continue;
            }
            let benchmark = match ledger.line(facts, spec, service, month)? {
                Some(line) => Ledger::amount(&line)?,
                None => Decimal::ZERO,
            };
            let saving = benchmark
                .checked_sub(ledger.cost_of(service, month)?)
                .map_err(|e| e.to_string())?;
            let group = found
                .entry((service, members.clone()))
                .or_insert_with(|| Group {
                    members,
                    months: 0,
                    saving: Decimal::ZERO,
                });
            group.months += 1;
            group.saving = group
                .saving
                .checked_add(saving)
                .map_err(|e| e.to_string())?;
        }
    }
    Ok(found.into_values().collect())
}

/// The yearly promise for some months in the contract's currency, rounded half up to its minor
/// unit; `None` without a promise.
fn promise(facts: &Facts<'_>, row: &InitiativeRow, months: u32) -> Result<Option<Decimal>, String> {
    let Some(yearly) = row.expected_saving else {
        return Ok(None);
    };
    let from = row.currency.unwrap_or(facts.currency);
    let day = row
        .implemented_at
        .map_or(facts.performance.start(), |at| (facts.month_of)(at));
    let yearly = converted(facts, yearly, from, day)?;
    yearly
        .checked_mul(Decimal::from_i64(i64::from(months)))
        .and_then(|p| {
            p.div(
                Decimal::from_i64(12),
                facts.currency.minor_digits(),
                Rounding::HalfUp,
            )
        })
        .map(Some)
        .map_err(|e| e.to_string())
}

/// What each initiative is credited with of a group, by position in `order`.
///
/// A single initiative is credited with all that happened, also a loss. Of several each gets, in
/// order, what it promised while something is left; what nobody promised is credited to nobody.
pub(super) fn credit(
    facts: &Facts<'_>,
    order: &[&InitiativeRow],
    group: &Group,
) -> Result<Vec<(usize, Decimal)>, String> {
    if let [only] = group.members.as_slice() {
        return Ok(vec![(*only, group.saving)]);
    }
    let mut left = group.saving.max(Decimal::ZERO);
    let mut credited = Vec::with_capacity(group.members.len());
    for &at in &group.members {
        let Some(row) = order.get(at) else { continue };
        let promised = promise(facts, row, group.months)?.unwrap_or(Decimal::ZERO);
        let part = promised.max(Decimal::ZERO).min(left);
        left = left.checked_sub(part).map_err(|e| e.to_string())?;
        credited.push((at, part));
    }
    Ok(credited)
}

/// Sums of what groups show: all claims, double claims, and what customers' own initiatives are
/// credited with. Groups that no initiative of the supplier claims are left out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claimed {
    /// Σ over the supplier's initiatives of the saving on what each claims.
    pub(super) gross: Decimal,
    /// The part of it that counts twice, and that of the customer's own initiatives.
    pub(super) double: Decimal,
}

pub(super) fn claimed(
    facts: &Facts<'_>,
    order: &[&InitiativeRow],
    groups: &[Group],
) -> Result<Claimed, String> {
    let fail = |e: MoneyError| e.to_string();
    let mut sum = Claimed::default();
    for group in groups {
        let theirs = |at: usize| order.get(at).is_some_and(|r| r.proposed_by == "customer");
        let suppliers = group.members.iter().filter(|&&at| !theirs(at)).count();
        let Some(again) = suppliers.checked_sub(1) else {
            continue;
        };
        let times = |n: usize| Decimal::from_u64(n as u64);
        sum.gross = group
            .saving
            .checked_mul(times(suppliers))
            .and_then(|g| sum.gross.checked_add(g))
            .map_err(fail)?;
        sum.double = group
            .saving
            .checked_mul(times(again))
            .and_then(|g| sum.double.checked_add(g))
            .map_err(fail)?;
        for (at, part) in credit(facts, order, group)? {
            if theirs(at) {
                sum.double = sum.double.checked_add(part).map_err(fail)?;
            }
        }
    }
    Ok(sum)
}

/// The rows of `initiative_results`. `avoided` gives the avoided incidents of a service (empty:
/// the contract) over some months, where there is such a number.
pub(super) fn results(
    facts: &Facts<'_>,
    spec: &SavingsSpec,
    ledger: &Ledger,
    avoided: &dyn Fn(&str, &Period<Month>) -> Option<Decimal>,
) -> Vec<InitiativeResult> {
    let order = in_order(facts);
    let groups = groups(facts, spec, ledger, &order, None, &facts.performance);
    order
        .iter()
        .enumerate()
        .map(|(at, row)| one(facts, &order, at, row, &groups, avoided))
        .collect()
}

fn one(
    facts: &Facts<'_>,
    order: &[&InitiativeRow],
    at: usize,
    row: &InitiativeRow,
    groups: &Result<Vec<Group>, String>,
    avoided: &dyn Fn(&str, &Period<Month>) -> Option<Decimal>,
) -> InitiativeResult {
    let from = row
        .implemented_at
        .filter(|_| row.in_effect(facts.as_of))
        .map(|t| (facts.month_of)(t).max(facts.performance.start()))
        .filter(|m| *m < facts.performance.end());
    let period = from.map(|m| Period::spanning(m, facts.performance.end()));
    let months = period.map_or(0, |p| p.end().months_since(p.start()));
    let mut result = InitiativeResult {
        contract_id: row.contract_id.clone(),
        initiative_id: row.initiative_id.clone(),
        proposed_by: row.proposed_by.clone(),
        service_id: row.service_id.clone(),
        claims: row.claims.clone(),
        from,
        months: u32::try_from(months).unwrap_or(0),
        currency: facts.currency,
        promised: None,
        realised: None,
        credited: None,
        double_claimed: None,
        per_year: None,
        incidents_avoided: None,
        shared_with: Vec::new(),
        status: "credited",
        reason: String::new(),
    };
    let refuse = |result: InitiativeResult, status: &'static str, reason: &str| InitiativeResult {
        status,
        reason: reason.to_owned(),
        ..result
    };
    if row.decision != "accepted" || row.decided_at.is_some_and(|d| d > facts.as_of) {
        let why = if row.decision.is_empty() {
            "not decided by the as-of moment"
        } else {
            "not accepted"
        };
        return refuse(result, "not_accepted", why);
    }
    let Some(period) = period else {
        return refuse(
            result,
            "not_implemented",
            "not in effect in the performance period by the as-of moment",
        );
    };
    if row.claims_incidents() {
        result.incidents_avoided = avoided(&row.service_id, &period);
        if result.incidents_avoided.is_none() && !row.claims_cost() {
            return refuse(
                result,
                "not_measurable",
                "the baseline gives no avoided incidents of the service and months",
            );
        }
    }
    if !row.claims_cost() {
        return result;
    }
    let money = groups
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|groups| sums(facts, order, at, row, groups, result.months));
    match money {
        Ok(sums) => {
            result.promised = sums.promised;
            result.realised = Some(sums.realised);
            result.credited = Some(sums.credited);
            result.double_claimed = Some(sums.double);
            result.shared_with = sums.shared_with;
            if result.months > 0 && result.months.is_multiple_of(12) {
                let years = Decimal::from_i64(i64::from(result.months / 12));
                let digits = facts.currency.minor_digits();
                result.per_year = sums.realised.div(years, digits, Rounding::HalfUp).ok();
            } else {
                "part of a year is not scaled to a year".clone_into(&mut result.reason);
            }
            result
        }
        Err(why) => refuse(result, "not_measurable", &why),
    }
}

struct Sums {
    promised: Option<Decimal>,
    realised: Decimal,
    credited: Decimal,
    double: Decimal,
    shared_with: Vec<String>,
}

fn sums(
    facts: &Facts<'_>,
    order: &[&InitiativeRow],
    at: usize,
    row: &InitiativeRow,
    groups: &[Group],
    months: u32,
) -> Result<Sums, String> {
    let fail = |e: MoneyError| e.to_string();
    let (mut realised, mut credited, mut double) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    let mut others: Vec<usize> = Vec::new();
    for group in groups.iter().filter(|g| g.members.contains(&at)) {
        realised = realised.checked_add(group.saving).map_err(fail)?;
        let part = credit(facts, order, group)?
            .into_iter()
            .find(|(who, _)| *who == at)
            .map_or(Decimal::ZERO, |(_, part)| part);
        credited = credited.checked_add(part).map_err(fail)?;
        if group.members.len() > 1 {
            let promised = promise(facts, row, group.months)?.unwrap_or(Decimal::ZERO);
            double = promised
                .checked_sub(part)
                .and_then(|d| double.checked_add(d.max(Decimal::ZERO)))
                .map_err(fail)?;
            others.extend(group.members.iter().filter(|who| **who != at));
        }
    }
    others.sort_unstable();
    others.dedup();
    let digits = facts.currency.minor_digits();
    let rounded = |d: Decimal| d.round(digits, Rounding::HalfEven);
    Ok(Sums {
        promised: promise(facts, row, months)?,
        realised: rounded(realised),
        credited: rounded(credited),
        double: rounded(double),
        shared_with: others
            .into_iter()
            .filter_map(|who| order.get(who).map(|r| r.initiative_id.clone()))
            .collect(),
    })
}
