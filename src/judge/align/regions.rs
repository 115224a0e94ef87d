//! Where a payment changes its slope, and where it jumps: exact to one step of the driver, found
//! by bisection over settlements. Not responsible for what a region means.

use std::collections::BTreeMap;

use super::AlignError;
use super::path::{Path, Point};
use crate::money::{Decimal, Rounding};
use crate::settle::Inputs;

/// In how many parts a range is looked at before bisection: what is narrower than such a part
/// and returns to the same line is not seen. A range of fewer steps is looked at step by step.
const PARTS: i64 = 64;
/// Ranges up to so many steps are looked at step by step.
const EVERY_STEP: i64 = 256;
/// More regions than this, and the payment is curved or a staircase: it is then described by
/// straight pieces that are off by at most [`COARSE`] of its whole range.
const MOST: usize = 40;
const COARSE: [i64; 3] = [1_000, 200, 50];

/// A straight piece `[from, to]`, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A region of one amount: from a step to another, with the change per step and the jump at its
/// start that the change per step does not explain.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Region {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) slope: Decimal,
    pub(super) notch: Decimal,
}

/// Settlement at the steps of a driver's range, each computed once.
pub(super) struct Curve<'a> {
    path: &'a Path,
    /// How far the driver has moved at step 0.
    first: Decimal,
    step: Decimal,
    pub(super) steps: i64,
    known: BTreeMap<i64, Point>,
    work: Inputs,
}

impl<'a> Curve<'a> {
    pub(super) fn new(path: &'a Path, first: Decimal, step: Decimal, steps: i64) -> Curve<'a> {
        Curve {
            path,
            first,
            step,
            steps,
            known: BTreeMap::new(),
            work: path.base.clone(),
        }
    }

    /// How far the driver has moved at a step.
    pub(super) fn moved(&self, step: i64) -> Result<Decimal, AlignError> {
        Ok(self
            .first
            .checked_add(self.step.checked_mul(Decimal::from_i64(step))?)?)
    }

    /// Settlement at a step.
    pub(super) fn at(&mut self, step: i64) -> Result<&Point, AlignError> {
        if !self.known.contains_key(&step) {
            let by = self.moved(step)?;
            let point = self.path.at(by, &mut self.work)?;
            self.known.insert(step, point);
        }
        self.known
            .get(&step)
            .ok_or_else(|| AlignError::Expression("a step was not settled".to_owned()))
    }

    /// All clauses together at a step.
    pub(super) fn total(&mut self, step: i64) -> Result<Decimal, AlignError> {
        let mut sum = Decimal::ZERO;
        for amount in &self.at(step)?.amounts {
            sum = sum.checked_add(*amount)?;
        }
        Ok(sum)
    }

    /// Whether a step lies on the line through two others, for every clause.
    fn on_line(
        &mut self,
        from: i64,
        to: i64,
        step: i64,
        tolerance: Decimal,
    ) -> Result<bool, AlignError> {
        let (a, b) = (self.at(from)?.clone(), self.at(to)?.clone());
        let c = self.at(step)?;
        if a.failed != c.failed {
            return Ok(false);
        }
        let (run, reach) = (Decimal::from_i64(to - from), Decimal::from_i64(step - from));
        let allowed = tolerance.checked_mul(run)?;
        for ((a, b), c) in a.amounts.iter().zip(&b.amounts).zip(&c.amounts) {
            let line = b.checked_sub(*a)?.checked_mul(reach)?;
            let found = c.checked_sub(*a)?.checked_mul(run)?;
            if found.checked_sub(line)?.abs() > allowed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a step and what lies before it continue the line. Where another limit decides at
    /// the two ends, the place in between at which that changes is looked at as well.
    fn continues(
        &mut self,
        from: i64,
        to: i64,
        step: i64,
        tolerance: Decimal,
    ) -> Result<bool, AlignError> {
        if !self.on_line(from, to, step, tolerance)? {
            return Ok(false);
        }
        let known = self.at(to)?.signature;
        if self.at(step)?.signature == known {
            return Ok(true);
        }
        let (mut low, mut high) = (to, step);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.at(middle)?.signature == known {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(self.on_line(from, to, low, tolerance)? && self.on_line(from, to, high, tolerance)?)
    }

    /// The straight pieces of the range; neighbours share a step. The second is whether the
    /// pieces are exact.
    pub(super) fn pieces(&mut self) -> Result<(Vec<Piece>, bool), AlignError> {
        if self.steps <= 0 {
            return Ok((Vec::new(), true));
        }
        if let Some(pieces) = self.straight(millionth())? {
            return Ok((pieces, true));
        }
        let (mut least, mut most) = (Decimal::ZERO, Decimal::ZERO);
        for part in 0..=PARTS {
            let step = self.steps / PARTS * part;
            let total = self.total(step)?;
            if part == 0 {
                (least, most) = (total, total);
            }
            (least, most) = (least.min(total), most.max(total));
        }
        let range = most.checked_sub(least)?;
        for parts in COARSE {
            let allowed = range.div(Decimal::from_i64(parts), 8, Rounding::HalfEven)?;
            if let Some(pieces) = self.straight(allowed.max(millionth()))? {
                return Ok((pieces, false));
            }
        }
        // A staircase finer than all that: its two ends.
        let whole = Piece {
            from: 0,
            to: self.steps,
        };
        Ok((vec![whole], false))
    }

    fn straight(&mut self, tolerance: Decimal) -> Result<Option<Vec<Piece>>, AlignError> {
        let widest = if self.steps <= EVERY_STEP {
            1
        } else {
            (self.steps / PARTS).max(1)
        };
        let mut pieces = Vec::new();
        let mut from = 0;
        while from < self.steps {
            if pieces.len() >= MOST {
                return Ok(None);
            }
            let mut to = from + 1;
            let mut stride = 1;
            let mut beyond = None;
            while to < self.steps {
                let next = (to + stride.min(widest)).min(self.steps);
                if self.continues(from, to, next, tolerance)? {
                    to = next;
                    stride = (stride * 2).min(widest);
                } else {
                    beyond = Some(next);
                    break;
                }
            }
            if let Some(mut beyond) = beyond {
                while beyond - to > 1 {
                    let middle = to + (beyond - to) / 2;
                    if self.continues(from, to, middle, tolerance)? {
                        to = middle;
                    } else {
                        beyond = middle;
                    }
                }
            }
            pieces.push(Piece { from, to });
            from = to;
        }
        Ok(Some(pieces))
    }
}

/// Amounts carry eight decimals here; a line is a line when it is kept to a millionth.
fn millionth() -> Decimal {
    Decimal::new(1, 6).unwrap_or(Decimal::ZERO)
}

/// Regions of one amount from pieces on which it is straight. `value` gives the amount at a step.
///
/// A piece of a single step between two others is a jump, or a bend that lies between two steps:
/// a bend when the change over it lies between the changes per step on both sides.
pub(super) fn regions(
    pieces: &[Piece],
    mut value: impl FnMut(i64) -> Result<Decimal, AlignError>,
) -> Result<Vec<Region>, AlignError> {
    struct Straight {
        from: i64,
        to: i64,
        slope: Decimal,
        jump: bool,
    }
    let mut straight: Vec<Straight> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let change = value(piece.to)?.checked_sub(value(piece.from)?)?;
        let slope = change
            .div(
                Decimal::from_i64(piece.to - piece.from),
                12,
                Rounding::HalfEven,
            )?
            .normalized();
        match straight.last_mut() {
            // Straight for this amount although another clause bends here.
            Some(last) if near(last.slope, slope)? => {
                last.to = piece.to;
                last.jump = false;
            }
            _ => straight.push(Straight {
                from: piece.from,
                to: piece.to,
                slope,
                jump: piece.to - piece.from == 1,
            }),
        }
    }
    // Neighbouring single steps are a staircase of regions, not jumps of nothing.
    for i in 1..straight.len() {
        let before = straight.get(i - 1).is_some_and(|s| s.jump);
        if let Some(one) = straight.get_mut(i)
            && before
        {
            one.jump = false;
        }
    }
    if let [only] = straight.as_mut_slice() {
        only.jump = false;
    }
    let mut regions: Vec<Region> = Vec::new();
    let mut pending: Option<(i64, Decimal)> = None;
    for (i, one) in straight.iter().enumerate() {
        if one.jump {
            let before = i
                .checked_sub(1)
                .and_then(|b| straight.get(b))
                .map(|s| s.slope);
            let after = straight.get(i + 1).map(|s| s.slope);
            let (least, most) = match (before, after) {
                (Some(b), Some(a)) => (b.min(a), b.max(a)),
                (Some(s), None) | (None, Some(s)) => (s, s),
                (None, None) => (one.slope, one.slope),
            };
            let bend = one.slope >= least && one.slope <= most;
            let notch = if bend {
                Decimal::ZERO
            } else {
                one.slope
                    .checked_sub(before.or(after).unwrap_or(one.slope))?
            };
            if i == 0 {
                regions.push(Region {
                    from: one.from,
                    to: one.to,
                    slope: after.unwrap_or(one.slope),
                    notch: Decimal::ZERO,
                });
            } else if let Some(last) = regions.last_mut()
                && !bend
            {
                last.to = one.to;
            }
            if after.is_none() {
                regions.push(Region {
                    from: one.to,
                    to: one.to,
                    slope: before.unwrap_or(one.slope),
                    notch,
                });
            } else {
                pending = Some((if bend { one.from } else { one.to }, notch));
            }
            continue;
        }
        let (from, notch) = pending.take().unwrap_or((one.from, Decimal::ZERO));
        regions.push(Region {
            from,
            to: one.to,
            slope: one.slope,
            notch,
        });
    }
    Ok(regions)
}

/// Whether two changes per step are the same, to a millionth.
pub(super) fn near(a: Decimal, b: Decimal) -> Result<bool, AlignError> {
    Ok(a.checked_sub(b)?.abs() <= millionth())
}
