//! What incidents do to measures where they are known one cell at a time: a project takes them out
//! of the cells of their service, priority and month, has its KPI values made again, and this file
//! finds how each value follows. Not responsible for cells or KPIs (see [`crate::measure`] and
//! [`crate::score`]); it sees the values only.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{AlignError, Ratio, Ratios};
use crate::measure::without::Change;
use crate::money::{Decimal, Rounding};
use crate::settle::{Measured, Measures, PeriodKey, Span};

/// Incidents of one service and priority in the cells of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellStream {
    /// The service; empty when the tickets name none.
    pub service: String,
    /// The priority, 1 to 5.
    pub priority: u8,
    /// How many there are, relieved ones left out.
    pub incidents: u64,
    /// How many met their service level.
    pub met: u64,
    /// How many missed it.
    pub late: u64,
    /// How many were avoided, signed; `None` when the baseline gives no number.
    pub avoided: Option<Decimal>,
}

/// The measures of a contract that terms read, by name and scope.
pub type Wanted = BTreeSet<(String, Option<String>)>;

/// A contract whose measures can be made again from changed cells.
pub trait Rebuild: Sync {
    /// The services and priorities that have incidents in a period.
    fn streams(&self, period: Span) -> Vec<CellStream>;

    /// The measures wanted (always the same ones), and the quotients among them, when `by` incidents of some services
    /// and priorities change in the cells of a period. At least those of periods that share a
    /// month with it.
    fn changed(
        &self,
        streams: &BTreeSet<(String, u8)>,
        period: Span,
        change: Change,
        by: i64,
        wanted: &Wanted,
    ) -> (Measures, Ratios);
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) period: Span,
    pub(super) name: String,
    pub(super) scope: Option<String>,
}

/// How measures follow one more of something.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Moves {
    /// Values that change by the same amount each time.
    pub(super) straight: Vec<(Spot, Decimal)>,
    /// Quotients whose parts do: numerator and denominator.
    pub(super) quotients: Vec<(Spot, Ratio, Decimal, Decimal)>,
    /// All others: what they are at some places; straight between them, level beyond.
    pub(super) curved: Vec<(Spot, Vec<(Decimal, Decimal)>)>,
}

impl Moves {
    pub(super) fn is_empty(&self) -> bool {
        self.straight.is_empty() && self.quotients.is_empty() && self.curved.is_empty()
    }

    /// How far the bent ones are known, in the number of the driver.
    pub(super) fn known(&self) -> Option<Decimal> {
        let ends = self.curved.iter().filter_map(|(_, points)| points.last());
        ends.map(|(x, _)| *x).min()
    }

    /// What moves.
    pub(super) fn spots(&self) -> impl Iterator<Item = &Spot> {
        let straight = self.straight.iter().map(|(spot, _)| spot);
        let quotients = self.quotients.iter().map(|(spot, ..)| spot);
        straight
            .chain(quotients)
            .chain(self.curved.iter().map(|(spot, _)| spot))
    }
}

/// The value at a place between known ones.
pub(super) fn between(
    points: &[(Decimal, Decimal)],
    at: Decimal,
) -> Result<Option<Decimal>, AlignError> {
    let after = points.iter().position(|(x, _)| *x >= at);
    Ok(match after {
        None => points.last().map(|(_, y)| *y),
        Some(0) => points.first().map(|(_, y)| *y),
        Some(n) => match (points.get(n - 1), points.get(n)) {
            (Some((x0, y0)), Some((x1, y1))) => {
                let reach = y1.checked_sub(*y0)?.checked_mul(at.checked_sub(*x0)?)?;
                let rise = reach.div(x1.checked_sub(*x0)?, 12, Rounding::HalfEven)?;
                Some(y0.checked_add(rise)?)
            }
            _ => None,
        },
    })
}

/// Decimals of a step per incident, where it does not come out even.
const STEP_DECIMALS: u8 = 12;
/// The part of its whole way by which a value of several streams may be off its line: one in so many.
const MIXED_PART: i64 = 50;

/// How the measures follow, found at a few numbers of incidents from `least` (0 or below) to
/// `most`, and checked at those in between.
pub(super) fn moves(
    rebuild: &dyn Rebuild,
    streams: &BTreeSet<(String, u8)>,
    period: Span,
    change: Change,
    (least, most): (i64, i64),
    wanted: &Wanted,
) -> Result<Moves, AlignError> {
    let places: BTreeSet<i64> = [least, 0, most / 2, most].into();
    // Side by side: each makes baseline and KPIs again.
    let made: Vec<(Decimal, (Measures, Ratios))> = places
        .into_par_iter()
        .map(|by| {
            let made = rebuild.changed(streams, period, change, by, wanted);
            (Decimal::from_i64(by), made)
        })
        .collect();
    let mut values: BTreeMap<Spot, Vec<(Decimal, Decimal)>> = BTreeMap::new();
    for (by, (measures, _)) in &made {
        for contract in measures.contracts() {
            for (key, name, scope, value) in measures.values(contract) {
                let asked = wanted.contains(&(name.to_owned(), scope.map(str::to_owned)));
                if let (true, PeriodKey::Span(period), Measured::Value(value)) = (asked, key, value)
                {
                    let spot = Spot {
                        period,
                        name: name.to_owned(),
                        scope: scope.map(str::to_owned),
                    };
                    values.entry(spot).or_default().push((*by, *value));
                }
            }
        }
    }
    let mut moves = Moves::default();
    for (spot, points) in values {
        let place = (spot.period, spot.name.clone(), spot.scope.clone());
        // At some places there may be nothing left to measure.
        let known = |by: &Decimal| points.iter().any(|(x, _)| x == by);
        let parts: Vec<Ratio> = made
            .iter()
            .filter(|(by, _)| known(by))
            .filter_map(|(_, (_, ratios))| ratios.get(&place).copied())
            .collect();
        let still = |points: &[(Decimal, Decimal)]| {
            points
                .first()
                .is_none_or(|(_, y)| points.iter().all(|(_, other)| other == y))
        };
        if parts.len() == points.len() {
            let part = |of: fn(&Ratio) -> Decimal| -> Vec<(Decimal, Decimal)> {
                points
                    .iter()
                    .zip(&parts)
                    .map(|((x, _), r)| (*x, of(r)))
                    .collect()
            };
            let (above, below) = (part(|r| r.numerator), part(|r| r.denominator));
            if still(&above) && still(&below) {
                continue;
            }
            if let Some((ratio, numerator, denominator)) =
                quotient(&points, &parts, &above, &below)?
            {
                // A constant denominator is a unit: the value itself is straight, and may be
                // added up over months.
                if denominator.is_zero() && !ratio.denominator.is_zero() {
                    let step = numerator.checked_mul(ratio.times)?.div(
                        ratio.denominator,
                        STEP_DECIMALS,
                        Rounding::HalfEven,
                    )?;
                    moves.straight.push((spot, step.normalized()));
                } else {
                    moves.quotients.push((spot, ratio, numerator, denominator));
                }
                continue;
            }
        }
        if still(&points) {
            continue;
        }
        match straight(&points, streams.len() > 1)? {
            Some(step) => moves.straight.push((spot, step)),
            None => moves.curved.push((spot, points)),
        }
    }
    Ok(moves)
}

/// The change per incident from the first to the last place.
fn secant(points: &[(Decimal, Decimal)]) -> Result<Option<Decimal>, AlignError> {
    let (Some((x0, y0)), Some((x1, y1))) = (points.first(), points.last()) else {
        return Ok(None);
    };
    if x0 == x1 {
        return Ok(None);
    }
    let rise = y1.checked_sub(*y0)?;
    let run = x1.checked_sub(*x0)?;
    Ok(Some(
        rise.div(run, STEP_DECIMALS, Rounding::HalfEven)?
            .normalized(),
    ))
}

/// What stands where nothing is moved.
fn origin(points: &[(Decimal, Decimal)]) -> Option<Decimal> {
    points.iter().find(|(x, _)| x.is_zero()).map(|(_, y)| *y)
}

/// The step of values that lie on a line but for their rounding: a unit and a half of the last
/// decimal. Whole numbers have to lie on it exactly. Incidents of several streams are `mixed`: they
/// leave in the proportion of the streams but in whole numbers, so that values may be off the line
/// by a [`MIXED_PART`] of their whole way.
fn straight(points: &[(Decimal, Decimal)], mixed: bool) -> Result<Option<Decimal>, AlignError> {
    let (Some(step), Some(start)) = (secant(points)?, origin(points)) else {
        return Ok(None);
    };
    let scale = points.iter().map(|(_, y)| y.scale()).max().unwrap_or(0);
    let mut allowed = match scale {
        0 => Decimal::ZERO,
        _ => Decimal::new(15, scale.saturating_add(1))?,
    };
    if let (true, Some((_, first)), Some((_, last))) = (mixed, points.first(), points.last()) {
        let way = last.checked_sub(*first)?.abs();
        let part = way.div(Decimal::from_i64(MIXED_PART), STEP_DECIMALS, Rounding::Down)?;
        allowed = allowed.max(part);
    }
    for (x, y) in points {
        let line = start.checked_add(step.checked_mul(*x)?)?;
        if y.checked_sub(line)?.abs() > allowed {
            return Ok(None);
        }
    }
    Ok(Some(step))
}

/// The steps of a quotient's parts, when they give its values but for one unit of the last decimal.
fn quotient(
    points: &[(Decimal, Decimal)],
    parts: &[Ratio],
    above: &[(Decimal, Decimal)],
    below: &[(Decimal, Decimal)],
) -> Result<Option<(Ratio, Decimal, Decimal)>, AlignError> {
    let at = points.iter().position(|(x, _)| x.is_zero());
    let (Some(ratio), Some(numerator), Some(denominator)) = (
        at.and_then(|at| parts.get(at)).copied(),
        secant(above)?,
        secant(below)?,
    ) else {
        return Ok(None);
    };
    let allowed = Decimal::new(1, ratio.decimals)?;
    for ((x, y), own) in points.iter().zip(parts) {
        if own.times != ratio.times {
            return Ok(None);
        }
        let top = ratio.numerator.checked_add(numerator.checked_mul(*x)?)?;
        let bottom = ratio
            .denominator
            .checked_add(denominator.checked_mul(*x)?)?;
        let found = top
            .checked_mul(ratio.times)
            .and_then(|top| top.div(bottom, ratio.decimals, Rounding::HalfEven));
        let near = |found: Decimal| found.checked_sub(*y).is_ok_and(|d| d.abs() <= allowed);
        if !found.is_ok_and(near) {
            return Ok(None);
        }
    }
    Ok(Some((ratio, numerator, denominator)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn span() -> Span {
        let key: PeriodKey = "2025-03".parse().unwrap();
        key.span("2025-03".parse().unwrap())
    }

    /// 38 of 40 in time, money of 12.34 per incident, and a value that bends.
    struct Bent;

    impl Rebuild for Bent {
        fn streams(&self, _: Span) -> Vec<CellStream> {
            Vec::new()
        }

        fn changed(
            &self,
            _: &BTreeSet<(String, u8)>,
            _: Span,
            _: Change,
            by: i64,
            _: &Wanted,
        ) -> (Measures, Ratios) {
            let mut measures = Measures::new();
            let mut ratios = Ratios::new();
            let n = Decimal::from_i64;
            let ratio = Ratio {
                numerator: n(38 - by),
                denominator: n(40 - by),
                times: Decimal::ONE,
                decimals: 4,
            };
            let share = ratio
                .numerator
                .div(ratio.denominator, 4, Rounding::HalfEven);
            let cost = n(1_000).checked_sub(d("12.34").checked_mul(n(by)).unwrap());
            for (name, value) in [
                ("sla_attainment", share.unwrap()),
                ("ticket_count", n(40 - by)),
                ("impact_cost", cost.unwrap()),
                ("p90", n(if by > 3 { 50 } else { 70 })),
                ("resting", n(7)),
            ] {
                measures.insert("C1", PeriodKey::Span(span()), name, None, value);
            }
            let place = (span(), "sla_attainment".to_owned(), None);
            ratios.insert(place, ratio);
            (measures, ratios)
        }
    }

    #[test]
    fn each_value_follows_in_its_own_way() {
        let streams = BTreeSet::new();
        let names = [
            "sla_attainment",
            "ticket_count",
            "impact_cost",
            "p90",
            "resting",
        ];
        let wanted: Wanted = names.iter().map(|n| ((*n).to_owned(), None)).collect();
        let found = moves(&Bent, &streams, span(), Change::InTime, (-2, 8), &wanted).unwrap();
        let steps: Vec<(&str, Decimal)> = found
            .straight
            .iter()
            .map(|(spot, step)| (spot.name.as_str(), *step))
            .collect();
        assert_eq!(
            steps,
            [("impact_cost", d("-12.34")), ("ticket_count", d("-1"))]
        );
        let (spot, ratio, numerator, denominator) = &found.quotients[0];
        assert_eq!(spot.name, "sla_attainment");
        assert_eq!(
            (ratio.numerator, ratio.denominator, *numerator, *denominator),
            (d("38"), d("40"), d("-1"), d("-1"))
        );
        assert_eq!((found.quotients.len(), found.curved.len()), (1, 1));
        let (spot, points) = &found.curved[0];
        assert_eq!(spot.name, "p90");
        assert_eq!(between(points, d("-5")).unwrap(), Some(d("70")));
        assert_eq!(between(points, d("6")).unwrap(), Some(d("50")));
        assert_eq!(between(points, d("90")).unwrap(), Some(d("50")));
        assert_eq!(found.spots().count(), 4);
    }
}
