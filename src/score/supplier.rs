//! Values of a supplier over its contracts, from the published values of those. Counts and money
//! add up, ratios are recomputed from summed parts; what does not add up (joint intervals,
//! percentiles, scores of different terms) has no value at this scope.

use std::collections::BTreeMap;

use super::catalogue::{self, Across};
use super::value::{KpiStatus, KpiValue, Scope};
use crate::money::{Decimal, MoneyError, Rounding};
use crate::time::{Month, Period};

/// The suppliers' values, by period, supplier and catalogue order, from the values of all
/// contracts and the supplier of each (contracts without one are left out).
///
/// A period's value covers the contracts that have the period. If one of them has no value, a
/// sum has none either: it would look smaller than it is.
#[must_use]
pub fn supplier_values(
    values: &[KpiValue],
    supplier_of: &BTreeMap<String, String>,
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
            if matches!(entry.across, Across::Never | Across::OverSuppliers) {
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
                provisional: own.iter().any(|v| v.provisional),
                ..(*first).clone()
            };
            match combine(&own, entry.across) {
                Ok((amount, ratio)) => {
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
                    kpi: entry.id,
                    scope,
                    unit: entry.unit_text(""),
                    direction: entry.direction,
                    rule: entry.rule,
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

type Combined = (Decimal, Option<(Decimal, Decimal)>);

fn combine(own: &[&KpiValue], across: Across) -> Result<Combined, String> {
    if let Some(other) = own.iter().find(|v| v.unit != own[0].unit) {
        return Err(format!(
            "contracts in {} and {}: without agreed rates they cannot be added",
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
        Across::Sum => Ok((sum(&|v| v.value)?, None)),
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
        Across::Never | Across::OverSuppliers => Err("not formed over contracts".to_owned()),
    }
}
