//! Which share, price, minimum or cap would make a region pay: found by turning that term and
//! settling again. Not responsible for regions (see [`super::regions`]).

use super::AlignError;
use super::knob::{Knob, Sort};
use super::study::Study;
use crate::money::{Decimal, Rounding};
use crate::settle::Inputs;
use crate::terms::SettleSpec;

/// A change of one term that repairs a region.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Repair {
    pub(super) knob: Knob,
    pub(super) from: Decimal,
    pub(super) to: Decimal,
    /// Size of the change, as a part of what it was.
    pub(super) change: Decimal,
}

/// The profit of one more, between two neighbouring steps, under some terms.
fn marginal(study: &Study<'_>, spec: &SettleSpec, at: i64) -> Result<Decimal, AlignError> {
    let values = profits(study, spec, &[at, at + 1])?;
    match values.as_slice() {
        [a, b] => Ok(b.checked_sub(*a)?),
        _ => Ok(Decimal::ZERO),
    }
}

fn profits(study: &Study<'_>, spec: &SettleSpec, at: &[i64]) -> Result<Vec<Decimal>, AlignError> {
    let path = study.path_under(spec)?;
    let mut work: Inputs = path.base.clone();
    at.iter()
        .map(|step| {
            let moved = study.moved(*step)?;
            let point = path.at(moved, &mut work)?;
            if point.failed.iter().any(|f| *f) && !study.fails {
                return Err(AlignError::Expression("not measurable".to_owned()));
            }
            let mut sum = study.own(moved)?.unwrap_or(Decimal::ZERO);
            for amount in &point.amounts {
                sum = sum.checked_add(*amount)?;
            }
            Ok(sum)
        })
        .collect()
}

/// The share at which one more neither earns nor costs the supplier anything at a step: the
/// profit is linear in a share as long as no other limit decides, so two settlements give it and
/// a third proves it. `None` where the share decides nothing, or no share from 0 to 1 does.
pub(super) fn break_even_share(
    study: &Study<'_>,
    knob: &Knob,
    now: Decimal,
    at: i64,
) -> Result<Option<Decimal>, AlignError> {
    let spec = study.spec;
    let other = if now.is_zero() {
        Decimal::new(5, 1)?
    } else {
        now.div(Decimal::from_i64(2), 12, Rounding::HalfEven)?
    };
    let (Ok(p), Ok(q)) = (
        marginal(study, &knob.set(spec, now), at),
        marginal(study, &knob.set(spec, other), at),
    ) else {
        return Ok(None);
    };
    let change = q.checked_sub(p)?;
    if change.abs() <= Decimal::new(1, 7)? {
        return Ok(None);
    }
    let reach = now.checked_sub(other)?.checked_mul(p)?;
    let share = now
        .checked_add(reach.div(change, 12, Rounding::HalfEven)?)?
        .normalized();
    if share.is_negative() || share > Decimal::ONE {
        return Ok(None);
    }
    // Eight decimals of the amounts and twelve of the share: a thousandth of a cent is nothing.
    match marginal(study, &knob.set(spec, share), at) {
        Ok(rest) if rest.abs() <= Decimal::new(1, 5)? => Ok(Some(share)),
        _ => Ok(None),
    }
}

/// Whether one more pays, or at least costs nothing, wherever a region is looked at: at its two
/// ends, in its middle, and from end to end.
fn repaired(study: &Study<'_>, spec: &SettleSpec, (from, to): (i64, i64)) -> bool {
    let middle = from + (to - from) / 2;
    let mut at = vec![from, from + 1, middle, (middle + 1).min(to), to - 1, to];
    at.sort_unstable();
    at.dedup();
    let Ok(values) = profits(study, spec, &at) else {
        return false;
    };
    let nothing = Decimal::new(-1, 6).unwrap_or(Decimal::ZERO);
    values.windows(2).all(|pair| match pair {
        [a, b] => b.checked_sub(*a).is_ok_and(|d| d >= nothing),
        _ => true,
    })
}

/// The smallest change of one term that repairs a region. Each term is turned as far as makes
/// sense; where that repairs the region, bisection finds the least that does.
pub(super) fn least(
    study: &Study<'_>,
    knobs: &[(Knob, Decimal)],
    region: (i64, i64),
) -> Result<Option<Repair>, AlignError> {
    let mut best: Option<Repair> = None;
    for (knob, now) in knobs {
        let thousandfold = now.abs().checked_mul(Decimal::from_i64(1_000))?;
        let furthest = match knob.sort {
            Sort::Share => Decimal::ONE,
            Sort::Minimum | Sort::Band => Decimal::ZERO,
            Sort::Price if knob_charges(study, knob) => Decimal::ZERO,
            Sort::Price | Sort::Cap => thousandfold,
            Sort::Floor => continue,
        };
        if furthest == *now || !repaired(study, &knob.set(study.spec, furthest), region) {
            continue;
        }
        let decimals = if matches!(knob.sort, Sort::Share) {
            4
        } else {
            2
        };
        let (mut off, mut on) = (*now, furthest);
        for _ in 0..40 {
            let middle =
                off.checked_add(on)?
                    .div(Decimal::from_i64(2), decimals, Rounding::HalfUp)?;
            if middle == off || middle == on {
                break;
            }
            if repaired(study, &knob.set(study.spec, middle), region) {
                on = middle;
            } else {
                off = middle;
            }
        }
        // A number that one would write into a contract, where it repairs the region as well.
        let neat = rounded(on, furthest > *now);
        if knob.sort != Sort::Share && repaired(study, &knob.set(study.spec, neat), region) {
            on = neat;
        }
        let size = on.checked_sub(*now)?.abs();
        let change = if now.is_zero() {
            size
        } else {
            size.div(now.abs(), 6, Rounding::HalfUp)?
        };
        if best.as_ref().is_none_or(|b| change < b.change) {
            best = Some(Repair {
                knob: knob.clone(),
                from: *now,
                to: on.normalized(),
                change,
            });
        }
    }
    Ok(best)
}

/// Three significant digits, away from or towards zero.
fn rounded(value: Decimal, up: bool) -> Decimal {
    let value = value.normalized();
    let digits = value.mantissa().unsigned_abs().to_string().len();
    let Some(drop) = u32::try_from(digits).ok().and_then(|d| d.checked_sub(3)) else {
        return value;
    };
    let Some(unit) = 10_i128.checked_pow(drop) else {
        return value;
    };
    let mut cut = value.mantissa() / unit;
    if up && cut * unit != value.mantissa() {
        cut += value.mantissa().signum();
    }
    cut.checked_mul(unit)
        .and_then(|m| Decimal::new(m, value.scale()).ok())
        .map_or(value, Decimal::normalized)
}

/// A price per handled ticket, which has to fall so that prevention pays.
fn knob_charges(study: &Study<'_>, knob: &Knob) -> bool {
    study.spec.source.clause.iter().any(|c| {
        c.value.id.value == knob.clause_id && c.value.kind.value == crate::terms::Kind::PerTicket
    })
}
