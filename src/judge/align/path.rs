//! Settlement along a driver: what every clause pays when the driver moves by x. Not responsible
//! for where the regions are (see [`super::regions`]).

use std::sync::Arc;

use super::driver::{Driver, Effect};
use super::rebuild::between;
use super::{AlignError, Ratio, Ratios};
use crate::money::{Decimal, Rounding};
use crate::settle::{Facts, Inputs, Measured, Measures, Parameters, PeriodKey, Plan, Span, Way};
use crate::terms::SettleSpec;

/// What every clause pays at one place, over all periods, later years discounted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// By clause number, in the currency of the statement.
    pub(super) amounts: Vec<Decimal>,
    /// Whether a clause had no amount in some period.
    pub(super) failed: Vec<bool>,
    /// Which limits decided where; equal for places that settle alike.
    pub(super) signature: u64,
}

/// A quotient that follows the driver.
#[derive(Debug, Clone)]
struct RatioCell {
    period: Span,
    name: String,
    scope: Option<String>,
    ratio: Ratio,
    numerator_step: Decimal,
    denominator_step: Decimal,
}

/// A value that follows the driver along a bent line.
#[derive(Debug, Clone)]
struct BentCell {
    period: Span,
    name: String,
    scope: Option<String>,
    points: Vec<(Decimal, Decimal)>,
}

/// One contract's settlement as a function of one driver in one period.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) plan: Plan,
    pub(super) base: Inputs,
    way: Way,
    ratios: Vec<RatioCell>,
    bent: Vec<BentCell>,
    /// By number of the statement period.
    weights: Vec<Decimal>,
}

/// Who moves, when, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course<'a> {
    pub(super) contract_id: &'a str,
    pub(super) driver: &'a Driver,
    /// The period in which the driver acts.
    pub(super) act: Span,
    /// The years in which it does, this one included, and what each is worth now.
    pub(super) years: u8,
    pub(super) weights: &'a [Decimal],
}

/// The measures with the last twelve months before the end of the period repeated for the years
/// of the horizon, where nothing is known of those.
pub(super) fn extended(
    measures: &Measures,
    contract_id: &str,
    start: crate::time::Month,
    period: Span,
    years: u8,
) -> Measures {
    let mut all = measures.clone();
    if years <= 1 {
        return all;
    }
    let recent = Span {
        from: period.to.plus(-12).min(period.from),
        to: period.to,
    };
    for (key, name, scope, value) in measures.values(contract_id) {
        let span = key.span(start);
        if !recent.covers(span) {
            continue;
        }
        for year in 1..i32::from(years) {
            let later = PeriodKey::Span(Span {
                from: span.from.plus(12 * year),
                to: span.to.plus(12 * year),
            });
            if !all.contains(contract_id, later, name, scope) {
                all.insert(contract_id, later, name, scope, value.clone());
            }
        }
    }
    all
}

/// The given periods of a measure that change when it changes in `act`: the last one within it,
/// and every given period around that.
fn touched(
    measures: &Measures,
    contract_id: &str,
    start: crate::time::Month,
    act: Span,
    name: &str,
    scope: Option<&str>,
) -> Vec<(PeriodKey, Decimal)> {
    let given: Vec<(PeriodKey, Span, Decimal)> = measures
        .values(contract_id)
        .filter(|(_, n, s, _)| *n == name && *s == scope)
        .filter_map(|(key, _, _, value)| match value {
            Measured::Value(value) => Some((key, key.span(start), *value)),
            Measured::NotMeasurable(_) => None,
        })
        .collect();
    let inner = given
        .iter()
        .filter(|(_, span, _)| act.covers(*span))
        .min_by_key(|(_, span, _)| (span.months(), std::cmp::Reverse(span.from)))
        .map_or(act, |(_, span, _)| *span);
    given
        .into_iter()
        .filter(|(_, span, _)| span.covers(inner))
        .map(|(key, _, value)| (key, value))
        .collect()
}

/// The same months so many years later.
fn later(span: Span, years: i32) -> Span {
    Span {
        from: span.from.plus(12 * years),
        to: span.to.plus(12 * years),
    }
}

impl Path {
    /// Lays out the settlement of a contract along a driver that acts in a period, and in the
    /// same period of the later years of the horizon.
    pub(super) fn new(
        spec: &SettleSpec,
        facts: &Facts,
        ratios: &Ratios,
        course: &Course<'_>,
    ) -> Result<Path, AlignError> {
        let Course {
            contract_id,
            driver,
            act,
            years,
            weights,
        } = *course;
        let plan = Plan::new(spec, contract_id, &facts.parameters)?;
        let start = plan.first_month();
        let bind = |measures: Measures| {
            plan.bind_facts(&Facts {
                measures,
                parameters: Parameters::new(),
                settled: Arc::clone(&facts.settled),
                fx: Arc::clone(&facts.fx),
                disputes: Arc::clone(&facts.disputes),
                agreements: Arc::clone(&facts.agreements),
                months: facts.months,
            })
        };
        let base = bind(facts.measures.clone());
        let mut cells = Vec::new();
        let moved = |by: Decimal| -> Result<Measures, AlignError> {
            let mut measures = facts.measures.clone();
            for year in 0..i32::from(years) {
                let span = later(act, year);
                for effect in driver.effects(year > 0) {
                    let Effect {
                        name, scope, step, ..
                    } = effect;
                    let scope = scope.as_deref();
                    for (key, value) in
                        touched(&facts.measures, contract_id, start, span, name, scope)
                    {
                        let value = value.checked_add(step.checked_mul(by)?)?;
                        measures.insert(contract_id, key, name, scope, value);
                    }
                }
                for (spot, step) in &driver.cells.straight {
                    let key = PeriodKey::Span(later(spot.period, year));
                    let (name, scope) = (spot.name.as_str(), spot.scope.as_deref());
                    let now = match measures.value(contract_id, key, name, scope) {
                        Some(Measured::Value(now)) => *now,
                        _ => continue,
                    };
                    let value = now.checked_add(step.checked_mul(by)?)?;
                    measures.insert(contract_id, key, name, scope, value);
                }
            }
            Ok(measures)
        };
        let mut bent = Vec::new();
        for year in 0..i32::from(years) {
            let span = later(act, year);
            for effect in &driver.ratios {
                let scope = effect.scope.as_deref();
                for (key, _) in touched(
                    &facts.measures,
                    contract_id,
                    start,
                    span,
                    &effect.name,
                    scope,
                ) {
                    let period = key.span(start);
                    let place = (period, effect.name.clone(), effect.scope.clone());
                    if let Some(ratio) = ratios.get(&place) {
                        cells.push(RatioCell {
                            period,
                            name: effect.name.clone(),
                            scope: effect.scope.clone(),
                            ratio: *ratio,
                            numerator_step: effect.numerator,
                            denominator_step: effect.denominator,
                        });
                    }
                }
            }
            for (spot, ratio, numerator, denominator) in &driver.cells.quotients {
                let period = later(spot.period, year);
                // A later year without measures of its own repeats those of this one.
                let own = ratios.get(&(period, spot.name.clone(), spot.scope.clone()));
                cells.push(RatioCell {
                    period,
                    name: spot.name.clone(),
                    scope: spot.scope.clone(),
                    ratio: own.copied().unwrap_or(*ratio),
                    numerator_step: *numerator,
                    denominator_step: *denominator,
                });
            }
            for (spot, points) in &driver.cells.curved {
                bent.push(BentCell {
                    period: later(spot.period, year),
                    name: spot.name.clone(),
                    scope: spot.scope.clone(),
                    points: points.clone(),
                });
            }
        }
        let one = bind(moved(Decimal::ONE)?);
        let two = bind(moved(Decimal::from_i64(2))?);
        let laid = |other: &Inputs| -> Result<Way, AlignError> {
            base.way_to(other)?
                .ok_or_else(|| AlignError::Expression("the periods differ".to_owned()))
        };
        let way = laid(&one)?;
        let mut check = one.clone();
        check.go(&base, &way, Decimal::from_i64(2))?;
        if !check
            .way_to(&two)?
            .is_some_and(|difference| difference.is_empty())
        {
            return Err(AlignError::Expression(format!(
                "driver `{}` moves a measure whose greatest or least month counts: give its value \
                 for the longer period",
                driver.name
            )));
        }
        let weights = base
            .periods()
            .iter()
            .map(|span| {
                let years = span.from.months_since(act.from).div_euclid(12).max(0);
                let last = weights.len().saturating_sub(1);
                let place = usize::try_from(years).unwrap_or(0).min(last);
                weights.get(place).copied().unwrap_or(Decimal::ONE)
            })
            .collect();
        Ok(Path {
            plan,
            base,
            way,
            ratios: cells,
            bent,
            weights,
        })
    }

    /// Whether the driver changes anything that the terms use.
    pub(super) fn moves(&self) -> bool {
        !self.way.is_empty() || !self.ratios.is_empty() || !self.bent.is_empty()
    }

    /// How far the driver can move before a part of a quotient is used up.
    pub(super) fn limit(&self) -> Option<Decimal> {
        let lasts = |parts: Decimal, step: Decimal| {
            step.is_negative()
                .then(|| parts.div(step.abs(), 0, Rounding::Down).ok())
                .flatten()
        };
        self.ratios
            .iter()
            .flat_map(|c| {
                let rest = c.ratio.denominator.checked_sub(Decimal::ONE).ok();
                let below = rest.and_then(|rest| lasts(rest, c.denominator_step));
                [lasts(c.ratio.numerator, c.numerator_step), below]
            })
            .flatten()
            .min()
    }

    /// What every clause pays when the driver has moved by `by`.
    pub(super) fn at(&self, by: Decimal, work: &mut Inputs) -> Result<Point, AlignError> {
        work.go(&self.base, &self.way, by)?;
        for cell in &self.ratios {
            let numerator = cell
                .ratio
                .numerator
                .checked_add(cell.numerator_step.checked_mul(by)?)?;
            let denominator = cell
                .ratio
                .denominator
                .checked_add(cell.denominator_step.checked_mul(by)?)?;
            let value = numerator.checked_mul(cell.ratio.times)?.div(
                denominator,
                cell.ratio.decimals,
                Rounding::HalfEven,
            )?;
            work.set(cell.period, &cell.name, cell.scope.as_deref(), value);
        }
        for cell in &self.bent {
            let scope = cell.scope.as_deref();
            let start = between(&cell.points, Decimal::ZERO)?;
            let now = self.base.get(cell.period, &cell.name, scope);
            if let (Some(value), Some(start), Some(now)) = (between(&cell.points, by)?, start, now)
            {
                let value = now.checked_add(value.checked_sub(start)?)?;
                work.set(cell.period, &cell.name, scope, value);
            }
        }
        let outcome = self.plan.run(work, false);
        let clauses = self.plan.clauses().count();
        let mut point = Point {
            amounts: vec![Decimal::ZERO; clauses],
            failed: vec![false; clauses],
            signature: 0xcbf2_9ce4_8422_2325,
        };
        for result in &outcome.results {
            // FNV-1a over what decided, in settlement order.
            let words = result.bound_by.unwrap_or_default();
            let failed = [u8::from(result.failure.is_some()), b'|'];
            for byte in words.bytes().chain(failed) {
                point.signature =
                    (point.signature ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            if let Some(flag) = point.failed.get_mut(result.clause) {
                *flag |= result.failure.is_some();
            }
            let weight = self
                .weights
                .get(result.statement)
                .copied()
                .unwrap_or(Decimal::ONE);
            if let Some(amount) = point.amounts.get_mut(result.clause) {
                *amount = amount.checked_add(result.stated.checked_mul(weight)?)?;
            }
        }
        Ok(point)
    }
}
