//! The benchmark of each service and month: unit price × exposure × index factor, or the model of
//! a fixed and a variable part. Not responsible for adjustments, scope or claims.

use std::collections::{BTreeMap, BTreeSet};

use super::super::cost::{BenchmarkLine, Driver, Indexation, index_factor};
use super::super::matrix::Factored;
use super::facts::Facts;
use super::spec::{Adjusts, BenchmarkMethod, IndexTerms, Revision, SavingsSpec};
use crate::measure::billing::{BillingClass, BillingKey};
use crate::money::{Currency, Decimal, MoneyError, Rounding};
use crate::time::{Month, months_between};

/// Decimals of a unit price learned from the baseline; rounded once, half up.
pub const PRICE_DECIMALS: u8 = 8;

/// Months of baseline that a model of cost needs (CalTRACK 2.0, 2.2.1).
const MODEL_MONTHS: usize = 12;

/// Months at the end of the baseline without any invoice after which a service counts as ended.
const ENDED_AFTER: i32 = 3;

/// What is charged for one service.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Price {
    /// Per unit of exposure and month at the index level of `base`.
    Unit {
        price: Decimal,
        base: Month,
        months: u64,
    },
    /// Fixed and variable part per month at the index level of the baseline's first month.
    Model {
        fixed: f64,
        variable: f64,
        months: u64,
    },
    /// Invoiced no longer before the performance period began.
    Ended,
}

/// Cost and prices of one contract, by service.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Cost in the contract's currency by service and month; why it is not known otherwise.
    pub(super) cost: BTreeMap<String, BTreeMap<Month, Result<Decimal, String>>>,
    /// Price of every service that has one.
    pub(super) prices: BTreeMap<String, Price>,
    /// Why a service has no price.
    pub(super) unpriced: BTreeMap<String, String>,
    /// Months with an invoice of the contract.
    pub(super) billed: BTreeSet<Month>,
    /// Currencies other than the contract's.
    pub(super) foreign: BTreeSet<Currency>,
    /// Exposure columns of a model that say nothing.
    pub(super) collinear: Vec<String>,
}

/// The index factor of a month against a base month; 1 without an index.
pub(super) fn factor(
    facts: &Facts<'_>,
    index: Option<&IndexTerms>,
    base: Month,
    month: Month,
) -> Result<Decimal, String> {
    let Some(indexation) = indexation(facts, index, base, month)? else {
        return Ok(Decimal::ONE);
    };
    index_factor(&indexation).map_err(|e| e.to_string())
}

fn indexation(
    facts: &Facts<'_>,
    index: Option<&IndexTerms>,
    base: Month,
    month: Month,
) -> Result<Option<Indexation>, String> {
    let Some(index) = index else { return Ok(None) };
    let (base, current) = (level(facts, index, base)?, level(facts, index, month)?);
    Ok(Some(Indexation {
        base,
        current,
        share: index.share,
    }))
}

/// The index figure that holds for a month: of those published by the as-of moment the one that
/// the terms name.
fn level(facts: &Facts<'_>, index: &IndexTerms, month: Month) -> Result<Decimal, String> {
    let month = match index.adjusts {
        Adjusts::Monthly => month,
        Adjusts::Yearly => month.plus(1 - i32::from(month.month_of_year())),
    }
    .plus(-i32::from(index.lag_months));
    let published = facts
        .indices
        .iter()
        .filter(|v| v.index_id == index.id && v.month == month)
        .filter(|v| v.published_at.is_none_or(|at| at <= facts.as_of));
    let found = match index.revision {
        Revision::Latest => published.max_by_key(|v| v.revision),
        Revision::First => published.min_by_key(|v| v.revision),
    };
    match found {
        Some(v) if v.value.is_positive() => Ok(v.value),
        Some(v) => Err(format!(
            "index {} of {month} is {}: it must be above zero",
            index.id, v.value
        )),
        None => Err(format!(
            "index {} of {month} was not published by the as-of moment",
            index.id
        )),
    }
}

impl Ledger {
    /// Sums the invoices of a contract and learns the price of each service from its baseline.
    pub(super) fn gather(facts: &Facts<'_>, spec: &SavingsSpec) -> Ledger {
        let mut ledger = Ledger::default();
        let first = BillingKey {
            contract_id: facts.contract_id.to_owned(),
            service_id: String::new(),
            month: Month::from_ordinal(i32::MIN),
            currency: Currency::EUR,
            class: BillingClass::Cost,
        };
        let wanted = |m: Month| facts.baseline.contains(m) || facts.performance.contains(m);
        for (key, cell) in facts.billing.range(first..) {
            if key.contract_id != facts.contract_id {
                break;
            }
            if key.class != BillingClass::Cost || !wanted(key.month) {
                continue;
            }
            ledger.billed.insert(key.month);
            if key.currency != facts.currency {
                ledger.foreign.insert(key.currency);
            }
            let amount = converted(facts, cell.amount, key.currency, key.month);
            let sum = ledger
                .cost
                .entry(key.service_id.clone())
                .or_default()
                .entry(key.month)
                .or_insert(Ok(Decimal::ZERO));
            *sum = match (std::mem::replace(sum, Ok(Decimal::ZERO)), amount) {
                (Ok(a), Ok(b)) => a.checked_add(b).map_err(|e| e.to_string()),
                (Err(why), _) | (_, Err(why)) => Err(why),
            };
        }
        let mut services: BTreeSet<String> = ledger.cost.keys().cloned().collect();
        services.extend(spec.prices.iter().map(|p| p.service.clone()));
        for service in services {
            match ledger.learn(facts, spec, &service) {
                Ok(price) => {
                    ledger.prices.insert(service, price);
                }
                Err(why) => {
                    ledger.unpriced.insert(service, why);
                }
            }
        }
        ledger
    }

    fn learn(
        &mut self,
        facts: &Facts<'_>,
        spec: &SavingsSpec,
        service: &str,
    ) -> Result<Price, String> {
        let start = facts.baseline.start();
        if let Some(agreed) = spec.prices.iter().find(|p| p.service == service) {
            return Ok(Price::Unit {
                price: agreed.price,
                base: agreed.as_of.unwrap_or(start),
                months: 0,
            });
        }
        let invoiced = self.cost.get(service);
        let mut in_baseline = invoiced
            .into_iter()
            .flatten()
            .map(|(month, _)| *month)
            .filter(|m| facts.baseline.contains(*m));
        let Some(first) = in_baseline.next() else {
            return Err(
                "has invoices but none in the baseline period: agree its price in \
                        [[savings.prices]]"
                    .to_owned(),
            );
        };
        let last = in_baseline.next_back().unwrap_or(first);
        let later = invoiced.is_some_and(|c| c.keys().any(|m| facts.performance.contains(*m)));
        if !later && facts.baseline.end().months_since(last) > ENDED_AFTER {
            return Ok(Price::Ended);
        }
        let index = spec.index.as_ref();
        let (mut cost, mut weight, mut months) = (Decimal::ZERO, Decimal::ZERO, 0_u64);
        let mut points: Vec<(f64, f64)> = Vec::new();
        for month in months_between(first, facts.baseline.end()) {
            let Some(exposure) = (facts.exposure)(service, month) else {
                continue;
            };
            if !self.billed.contains(&month) {
                continue;
            }
            let invoiced = self.cost_of(service, month)?;
            let factor = factor(facts, index, start, month)?;
            let fitting = |e: MoneyError| e.to_string();
            cost = cost.checked_add(invoiced).map_err(fitting)?;
            weight = Decimal::from_u64(exposure)
                .checked_mul(factor)
                .and_then(|w| weight.checked_add(w))
                .map_err(fitting)?;
            months += 1;
            points.push((
                exposure as f64,
                invoiced.to_f64_lossy() / factor.to_f64_lossy(),
            ));
        }
        if months == 0 {
            return Err(
                "has no month of the baseline period with both invoices and exposure".to_owned(),
            );
        }
        match spec.benchmark {
            BenchmarkMethod::Price => Ok(Price::Unit {
                price: cost
                    .div(weight, PRICE_DECIMALS, Rounding::HalfUp)
                    .map_err(|e| e.to_string())?,
                base: start,
                months,
            }),
            BenchmarkMethod::Model if points.len() < MODEL_MONTHS => Err(format!(
                "has {months} months of cost in the baseline, a model of cost needs {MODEL_MONTHS}"
            )),
            BenchmarkMethod::Model => {
                let (fixed, variable, dependent) = line_through(&points);
                if dependent {
                    self.collinear.push(service.to_owned());
                }
                Ok(Price::Model {
                    fixed,
                    variable,
                    months,
                })
            }
        }
    }

    /// Cost of a service in a month; zero where it was not invoiced.
    pub(super) fn cost_of(&self, service: &str, month: Month) -> Result<Decimal, String> {
        self.cost
            .get(service)
            .and_then(|c| c.get(&month))
            .cloned()
            .unwrap_or(Ok(Decimal::ZERO))
    }

    fn invoiced(&self, service: &str, month: Month) -> bool {
        self.cost
            .get(service)
            .is_some_and(|c| c.contains_key(&month))
    }

    /// The services of a scope: all, or one.
    pub(super) fn services(&self, only: Option<&str>) -> Vec<&str> {
        self.prices
            .keys()
            .chain(self.unpriced.keys())
            .map(String::as_str)
            .filter(|s| only.is_none_or(|o| o == *s))
            .collect::<BTreeSet<&str>>()
            .into_iter()
            .collect()
    }

    /// The benchmark of a service in a month as a priced line; `None` where there is nothing to
    /// pay for. A model's value is a price of one unit, rounded to [`PRICE_DECIMALS`].
    pub(super) fn line(
        &self,
        facts: &Facts<'_>,
        spec: &SavingsSpec,
        service: &str,
        month: Month,
    ) -> Result<Option<BenchmarkLine>, String> {
        let named = |why: &str| {
            let name = if service.is_empty() {
                "what names no service".to_owned()
            } else {
                format!("service {service}")
            };
            format!("{name} {why}")
        };
        if let Some(why) = self.unpriced.get(service) {
            return Err(named(why));
        }
        let Some(price) = self.prices.get(service) else {
            return Ok(None);
        };
        if *price == Price::Ended {
            return Ok(None);
        }
        let Some(exposure) = (facts.exposure)(service, month) else {
            if self.invoiced(service, month) {
                return Err(named(&format!("has invoices but no exposure in {month}")));
            }
            return Ok(None);
        };
        let index = spec.index.as_ref();
        let (unit_price, volume, base) = match price {
            Price::Unit { price, base, .. } => (*price, Decimal::from_u64(exposure), *base),
            Price::Model {
                fixed, variable, ..
            } => {
                let value = fixed + variable * exposure as f64;
                let rounded = Decimal::from_f64_rounded(value, PRICE_DECIMALS)
                    .map_err(|e| named(&e.to_string()))?;
                (rounded, Decimal::ONE, facts.baseline.start())
            }
            Price::Ended => return Ok(None),
        };
        Ok(Some(BenchmarkLine {
            service_id: service.to_owned(),
            month,
            unit_price,
            currency: facts.currency,
            volume,
            driver: Driver::Exposure,
            indexation: indexation(facts, index, base, month)?,
            rate_date: facts.rate_day.of(month),
        }))
    }

    /// The amount of a line.
    pub(super) fn amount(line: &BenchmarkLine) -> Result<Decimal, String> {
        let mut price = line.unit_price;
        if let Some(indexation) = &line.indexation {
            price = index_factor(indexation)
                .and_then(|f| price.checked_mul(f))
                .map_err(|e| e.to_string())?;
        }
        price.checked_mul(line.volume).map_err(|e| e.to_string())
    }
}

/// An amount in the contract's currency, by the rate of the month.
pub(super) fn converted(
    facts: &Facts<'_>,
    amount: Decimal,
    from: Currency,
    month: Month,
) -> Result<Decimal, String> {
    facts
        .exchange()
        .of_month(amount, from, facts.currency, month)
}

/// Least squares through (exposure, cost): fixed part, variable part, and whether the exposure
/// does not vary enough to tell the two apart (the variable part is then zero). Exposure is taken
/// relative to its mean, which keeps the small system well conditioned.
fn line_through(points: &[(f64, f64)]) -> (f64, f64, bool) {
    let n = points.len() as f64;
    let mean = points.iter().map(|p| p.0).sum::<f64>() / n;
    let (mut sums, mut right) = ([n, 0.0, 0.0, 0.0], [0.0, 0.0]);
    for (x, y) in points {
        let x = x / mean;
        sums[1] += x;
        sums[2] += x;
        sums[3] += x * x;
        right[0] += y;
        right[1] += x * y;
    }
    let factored = Factored::new(&sums, 2);
    let solved = factored.solve(&right);
    let (fixed, slope) = (
        solved.first().copied().unwrap_or(0.0),
        solved.get(1).copied().unwrap_or(0.0),
    );
    (fixed, slope / mean, !factored.dependent.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_a_constant_exposure_is_said() {
        // cost = 100 + 2 × exposure, by hand.
        let points: Vec<(f64, f64)> = [10.0, 20.0, 35.0]
            .iter()
            .map(|x| (*x, 100.0 + 2.0 * x))
            .collect();
        let (fixed, variable, dependent) = line_through(&points);
        assert!((fixed - 100.0).abs() < 1e-9 && (variable - 2.0).abs() < 1e-9 && !dependent);
        let (fixed, variable, dependent) = line_through(&[(10.0, 90.0), (10.0, 110.0)]);
        assert!((fixed - 100.0).abs() < 1e-9 && variable == 0.0 && dependent);
    }
}
