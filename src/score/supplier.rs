//! Values of a supplier over its contracts, from the published values of those. Counts and money
//! add up, ratios are recomputed from summed parts, percentiles from merged durations; what does
//! not merge (joint intervals, scores of different terms) has no value at this scope.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::catalogue::{self, Across, Kpi, Unit};
use super::distribution::Distribution;
use super::value::{KpiStatus, KpiValue, Scope};
use crate::baseline::saving::Exchange;
use crate::money::{Currency, Decimal, MoneyError, Rounding};
use crate::time::{Month, Period};

/// In which currency the amounts of a contract are added up with those of others.
#[derive(Debug, Clone, Copy)]
pub struct Reporting<'a> {
    /// The currency of the contract.
    pub own: Currency,
    /// The currency reported in.
    pub reports: Currency,
    /// How one becomes the other: `[fx]` of the contract's terms.
    pub exchange: Exchange<'a>,
}

/// Whether a value of a contract is one that its supplier's are made of; the others need not be
/// given to [`supplier_values`].
#[must_use]
pub fn counts_for_supplier(value: &KpiValue) -> bool {
    value.scope == Scope::Contract
        && catalogue::find(&value.kpi)
            .is_some_and(|e| !matches!(e.across, Across::Never(_) | Across::OverSuppliers))
}

/// The suppliers' values, by period, supplier and catalogue order, from the values of all
/// contracts and the supplier of each (contracts without one are left out).
///
/// A period's value covers the contracts that have the period. If one of them has no value, a
/// sum has none either: it would look smaller than it is. Money of a contract that reports in
/// another currency than its own is converted as `reporting` says, a period by one rate, rounded
/// half-even to the decimals of that currency; contracts not named there report in their own.
#[must_use]
pub fn supplier_values(
    values: &[KpiValue],
    supplier_of: &BTreeMap<String, String>,
    reporting: &BTreeMap<String, Reporting<'_>>,
) -> Vec<KpiValue> {
    let mut all = Vec::new();
    let mut groups: BTreeMap<(Period<Month>, &str), Vec<&KpiValue>> = BTreeMap::new();
    for value in values.iter().filter(|v| v.scope == Scope::Contract) {
        if let Some(supplier) = supplier_of.get(&value.contract_id) {
            groups
                .entry((value.period, supplier.as_str()))
                .or_default()
                .push(value);
        }
    }
    for ((_, supplier), group) in &groups {
        for entry in catalogue::all() {
            if matches!(entry.across, Across::Never(_) | Across::OverSuppliers) {
                continue;
            }
            let own: Vec<&KpiValue> = group
                .iter()
                .copied()
                .filter(|v| v.kpi == entry.id)
                .collect();
            let Some(first) = own.first() else { continue };
            let mut value = KpiValue {
                contract_id: String::new(),
                scope: Scope::Supplier((*supplier).to_owned()),
                value: None,
                n: own.iter().map(|v| v.n).sum(),
                excluded_n: own.iter().map(|v| v.excluded_n).sum(),
                numerator: None,
                denominator: None,
                baseline: None,
                target: None,
                ci_low: None,
                ci_high: None,
                ci_level: None,
                score: None,
                status: KpiStatus::NotMeasurable,
                reason: String::new(),
                distribution: None,
                provisional: own.iter().any(|v| v.provisional),
                ..(*first).clone()
            };
            let combined = own
                .iter()
                .map(|v| reported(entry, v, reporting))
                .collect::<Result<Vec<Cow<'_, KpiValue>>, String>>()
                .and_then(|own| {
                    let own: Vec<&KpiValue> = own.iter().map(AsRef::as_ref).collect();
                    let unit = own.first().map(|v| v.unit.clone());
                    Ok((combine(&own, entry.across)?, unit))
                });
            match combined {
                Ok(((amount, ratio), unit)) => {
                    value.unit = unit.unwrap_or(value.unit);
                    value.value = Some(amount);
                    value.status = KpiStatus::Ok;
                    if let Some((numerator, denominator)) = ratio {
                        value.numerator = Some(numerator);
                        value.denominator = Some(denominator);
                    }
                    if value.provisional {
                        value.reason = "some months are not known in full".to_owned();
                    }
                }
                Err(reason) => value.reason = reason,
            }
            all.push(value);
        }
    }
    let wallets = wallets(&all);
    all.extend(wallets);
    all
}

/// A value in the currency that its contract reports in.
fn reported<'a>(
    entry: &Kpi,
    value: &'a KpiValue,
    reporting: &BTreeMap<String, Reporting<'_>>,
) -> Result<Cow<'a, KpiValue>, String> {
    let rule = reporting
        .get(&value.contract_id)
        .filter(|rule| entry.unit == Unit::Money && rule.own != rule.reports);
    let Some(rule) = rule else {
        return Ok(Cow::Borrowed(value));
    };
    let convert = |amount: Option<Decimal>| -> Result<Option<Decimal>, String> {
        amount
            .map(|a| {
                rule.exchange
                    .of_period(a, rule.own, rule.reports, &value.period)
                    .map_err(|why| format!("contract {}: {why}", value.contract_id))
            })
            .transpose()
    };
    let digits = rule.reports.minor_digits();
    Ok(Cow::Owned(KpiValue {
        value: convert(value.value)?.map(|v| v.round(digits, Rounding::HalfEven)),
        numerator: convert(value.numerator)?,
        unit: rule.reports.as_str().to_owned(),
        ..value.clone()
    }))
}

/// How the spend of each period spreads over suppliers: the share of each, and as the row of the
/// supplier without a name the concentration.
fn wallets(values: &[KpiValue]) -> Vec<KpiValue> {
    let mut by_period: BTreeMap<Period<Month>, Vec<&KpiValue>> = BTreeMap::new();
    for value in values.iter().filter(|v| v.kpi == "actual_cost") {
        by_period.entry(value.period).or_default().push(value);
    }
    let mut all = Vec::new();
    for costs in by_period.values() {
        let Some(first) = costs.first() else { continue };
        for entry in catalogue::all().filter(|e| e.across == Across::OverSuppliers) {
            let shares = entry.id == "wallet_share";
            let scopes: Vec<(Scope, Option<Decimal>)> = if shares {
                costs.iter().map(|c| (c.scope.clone(), c.value)).collect()
            } else {
                vec![(Scope::Supplier(String::new()), None)]
            };
            for (scope, own) in scopes {
                let mut value = KpiValue {
                    kpi: Cow::Borrowed(entry.id),
                    scope,
                    unit: entry.unit_text(""),
                    direction: entry.direction,
                    rule: entry.rule.into(),
                    min_n: entry.min_n,
                    n: costs.iter().map(|c| c.n).sum(),
                    value: None,
                    numerator: None,
                    denominator: None,
                    status: KpiStatus::NotMeasurable,
                    provisional: costs.iter().any(|c| c.provisional),
                    ..(*first).clone()
                };
                match spread(costs, own.filter(|_| shares)) {
                    Ok((share, above, below)) => {
                        value.value = Some(share);
                        // Squares of money may have more digits than a column holds.
                        value.numerator = Some(above).filter(|_| shares);
                        value.denominator = Some(below).filter(|_| shares);
                        value.status = KpiStatus::Ok;
                        value.reason = if value.provisional {
                            "some months are not known in full".to_owned()
                        } else {
                            String::new()
                        };
                    }
                    Err(reason) => value.reason = reason,
                }
                all.push(value);
            }
        }
    }
    all
}

/// `own` of the sum of all, or without it the sum of squared shares; with what was divided.
fn spread(
    costs: &[&KpiValue],
    own: Option<Decimal>,
) -> Result<(Decimal, Decimal, Decimal), String> {
    let (sum, _) = combine(costs, Across::Sum)?;
    let inexact = |e: MoneyError| e.to_string();
    let (above, below) = match own {
        Some(own) => (own, sum),
        None => {
            let mut squares = Decimal::ZERO;
            for cost in costs.iter().filter_map(|c| c.value) {
                squares = cost
                    .checked_mul(cost)
                    .and_then(|square| squares.checked_add(square))
                    .map_err(inexact)?;
            }
            (squares, sum.checked_mul(sum).map_err(inexact)?)
        }
    };
    if !sum.is_positive() {
        return Err("nothing was spent in the period".to_owned());
    }
    let share = above.div(below, 4, Rounding::HalfEven).map_err(inexact)?;
    Ok((share, above, below))
}

/// The quantile of what all contracts measured together.
fn merged(own: &[&KpiValue]) -> Result<Decimal, String> {
    let mut all: Option<Distribution> = None;
    for value in own {
        let absent = || format!("contract {}: {}", value.contract_id, value.reason);
        let measured = value.value.and(value.distribution.as_ref());
        let measured = measured.ok_or_else(absent)?;
        match &mut all {
            Some(all) => all.merge(measured)?,
            None => all = Some(measured.clone()),
        }
    }
    all.and_then(Distribution::outcome)
        .map(|outcome| outcome.value)
        .ok_or_else(|| "no contract".to_owned())
}

type Combined = (Decimal, Option<(Decimal, Decimal)>);

fn combine(own: &[&KpiValue], across: Across) -> Result<Combined, String> {
    if let Some(other) = own.iter().find(|v| v.unit != own[0].unit) {
        return Err(format!(
            "amounts in {} and {} are not added: name one [score] reporting_currency in the terms \
             of each contract",
            own[0].unit, other.unit
        ));
    }
    let sum = |of: &dyn Fn(&KpiValue) -> Option<Decimal>| -> Result<Decimal, String> {
        let mut sum = Decimal::ZERO;
        for value in own {
            let part = of(value).filter(|_| value.value.is_some()).ok_or_else(|| {
                match value.contract_id.as_str() {
                    "" => format!("{}: {}", value.scope, value.reason),
                    contract => format!("contract {contract}: {}", value.reason),
                }
            })?;
            sum = sum
                .checked_add(part)
                .map_err(|e: MoneyError| e.to_string())?;
        }
        Ok(sum)
    };
    match across {
        Across::Sum | Across::Stock => Ok((sum(&|v| v.value)?, None)),
        Across::Ratio(decimals) => {
            let (above, below) = (sum(&|v| v.numerator)?, sum(&|v| v.denominator)?);
            let value = above
                .div(below, decimals, Rounding::HalfEven)
                .map_err(|e| e.to_string())?;
            Ok((value, Some((above, below))))
        }
        Across::Max => {
            let mut greatest: Option<Decimal> = None;
            for value in own {
                let part = value
                    .value
                    .ok_or_else(|| format!("contract {}: {}", value.contract_id, value.reason))?;
                greatest = Some(greatest.map_or(part, |g| g.max(part)));
            }
            greatest
                .map(|g| (g, None))
                .ok_or_else(|| "no contract".to_owned())
        }
        Across::Merged => Ok((merged(own)?, None)),
        Across::Never(_) | Across::OverSuppliers => Err("not formed over contracts".to_owned()),
    }
}
