//! Clauses over other clauses: limits, holdbacks and baselines that follow what was achieved. Not
//! responsible for the clauses they are over.

use super::super::algebra::carry;
use super::super::inputs::Task;
use super::super::lower::Expr;
use super::super::node::Stop;
use super::super::period::Span;
use super::super::words::plain;
use super::{Found, Run};
use crate::money::Decimal;
use crate::terms::{HoldbackEnd, Within};

impl Run<'_> {
    /// The sum of earlier clauses in this period; what is not due counts as nothing.
    pub(super) fn sum(&self, over: &[usize]) -> Result<Decimal, Stop> {
        let mut sum = Decimal::ZERO;
        for number in over {
            if self.failed.get(*number).copied().unwrap_or(false) {
                return Err(Stop::Clause(*number));
            }
            if let Some(Some(amount)) = self.now.get(*number) {
                sum = sum.checked_add(*amount)?;
            }
        }
        Ok(sum)
    }

    pub(super) fn limit(
        &mut self,
        task: &Task,
        span: Span,
        over: &[usize],
        low: Option<&Expr>,
        high: &[Expr],
        within: Within,
    ) -> Result<Found, Stop> {
        let sum = self.sum(over)?;
        let scene = self.scene(task.row, span);
        let mut most: Option<Decimal> = None;
        for limit in high {
            let limit = limit.node.eval(&scene)?;
            most = Some(most.map_or(limit, |m| m.min(limit)));
        }
        let least = low.map(|l| l.node.eval(&scene)).transpose()?;
        let number = match within {
            Within::Period => None,
            Within::ContractYear => Some(scene.contract_year),
            Within::Contract => Some(0),
        };
        let Some(state) = self.states.get_mut(task.clause) else {
            return Ok(Found::plain(Decimal::ZERO));
        };
        let passed = match number {
            None => Decimal::ZERO,
            Some(number) => {
                if state.passed.0 != number {
                    state.passed = (number, Decimal::ZERO);
                }
                state.passed.1
            }
        };
        let (mut after, mut bound_by) = (sum, None);
        if let Some(most) = most {
            let left = most.checked_sub(passed)?;
            if after > left {
                (after, bound_by) = (left, Some("cap"));
            }
        }
        if let Some(least) = least {
            let left = least.checked_sub(passed)?;
            if after < left {
                (after, bound_by) = (left, Some("floor"));
            }
        }
        if number.is_some() {
            state.passed.1 = passed.checked_add(after)?;
        }
        let mut found = Found::plain(after.checked_sub(sum)?);
        (found.gross, found.qualified, found.bound_by) = (sum, sum, bound_by);
        if self.explain {
            found.basis_words = match bound_by {
                None => format!("{} keeps within the limit", plain(sum)),
                Some(word) => format!(
                    "{} is limited by the {word} to {}",
                    plain(sum),
                    plain(after)
                ),
            };
        }
        Ok(found)
    }

    /// `rules`: the most that is carried, after how many periods it lapses, and what was
    /// carried before the first period.
    pub(super) fn carry_forward(
        &mut self,
        task: &Task,
        span: Span,
        over: &[usize],
        rules: (Option<&Expr>, Option<u16>, Option<&Expr>),
    ) -> Result<Found, Stop> {
        let (limit, expires_after, opening) = rules;
        let sum = self.sum(over)?;
        let scene = self.scene(task.row, span);
        let limit = limit.map(|l| l.node.eval(&scene)).transpose()?;
        let opening = opening.map(|o| o.node.eval(&scene)).transpose()?;
        let Some(state) = self.states.get_mut(task.clause) else {
            return Ok(Found::plain(Decimal::ZERO));
        };
        let losses = state.losses.get_or_insert_with(|| {
            opening
                .filter(|o| o.is_positive())
                .map(|o| (o, expires_after.unwrap_or(u16::MAX)))
                .into_iter()
                .collect()
        });
        let (after, used) = carry(sum, losses, expires_after, limit)?;
        let mut held = Decimal::ZERO;
        for (loss, _) in losses.iter() {
            held = held.checked_add(*loss)?;
        }
        let mut found = Found::plain(after.checked_sub(sum)?);
        (found.gross, found.qualified) = (sum, sum);
        found.bound_by = (after != sum).then_some("carry");
        if self.explain {
            found.basis_words = format!(
                "{} less carried losses of {} gives {}; {} is carried on",
                plain(sum),
                plain(used),
                plain(after),
                plain(held)
            );
        }
        Ok(found)
    }

    pub(super) fn holdback(
        &mut self,
        task: &Task,
        span: Span,
        over: &[usize],
        share: &Expr,
        release: &Expr,
        after: Option<u16>,
    ) -> Result<Found, Stop> {
        let sum = self.sum(over)?;
        let scene = self.scene(task.row, span);
        let share = share.node.eval(&scene)?;
        let cleared = !release.node.eval(&scene)?.is_zero();
        let ended = self.plan.last_month().is_some_and(|last| span.to >= last);
        let forfeit = self.plan.terminated && self.plan.holdback_end == HoldbackEnd::Forfeit;
        let now = span.to.ordinal();
        let Some(state) = self.states.get_mut(task.clause) else {
            return Ok(Found::plain(Decimal::ZERO));
        };
        let withheld = state.withheld.get_or_insert_default();
        let part = if sum.is_positive() {
            sum.checked_mul(share)?
        } else {
            Decimal::ZERO
        };
        if !part.is_zero() {
            withheld.push((now, part));
        }
        let mut released = Decimal::ZERO;
        let mut lost = Decimal::ZERO;
        if ended && forfeit && !cleared {
            for (_, amount) in withheld.drain(..) {
                lost = lost.checked_add(amount)?;
            }
        } else {
            // Cleared releases what is old enough; the end of the contract releases the rest.
            let age = i32::from(after.unwrap_or(0));
            for (month, amount) in withheld.iter() {
                if (cleared && now - month >= age) || ended {
                    released = released.checked_add(*amount)?;
                }
            }
            withheld.retain(|(month, _)| !((cleared && now - month >= age) || ended));
        }
        let mut held = Decimal::ZERO;
        for (_, amount) in withheld.iter() {
            held = held.checked_add(*amount)?;
        }
        let mut found = Found::plain(released.checked_sub(part)?);
        (found.gross, found.qualified) = (sum, sum);
        found.bound_by = (!found.amount.is_zero()).then_some("holdback");
        let end = if lost.is_zero() {
            String::new()
        } else {
            format!("; forfeited {}", plain(lost))
        };
        if self.explain {
            found.basis_words = format!(
                "of {} {} is held back; released {}; held back in all {}{end}",
                plain(sum),
                plain(part),
                plain(released),
                plain(held)
            );
        }
        Ok(found)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one body")]
    pub(super) fn rebase(
        &mut self,
        task: &Task,
        span: Span,
        value: &Expr,
        to: &Expr,
        blend: Option<&Expr>,
        every: crate::terms::Per,
        only_down: bool,
    ) -> Result<Found, Stop> {
        let period = Span::containing(span.from, every, self.plan.start.month());
        let state = self.states.get(task.clause).and_then(|s| s.rebased);
        let scene = self.scene(task.row, span);
        // In force for this period: set at the end of an earlier one, else the initial value.
        let current = match state {
            Some((_, current)) => current,
            None => value.node.eval(&scene)?,
        };
        let mut next = current;
        if span.to == period.to {
            let target = to.node.eval(&scene)?;
            let blend = blend.map_or(Ok(Decimal::ONE), |b| b.node.eval(&scene))?;
            let moved = current.checked_add(target.checked_sub(current)?.checked_mul(blend)?)?;
            next = if only_down { moved.min(current) } else { moved };
        }
        if let Some(place) = self.rebased.get_mut(task.clause) {
            *place = Some(current);
        }
        if let Some(state) = self.states.get_mut(task.clause) {
            state.rebased = Some((span.to, next));
        }
        let mut found = Found::plain(Decimal::ZERO);
        (found.gross, found.qualified) = (current, next);
        if self.explain {
            found.basis_words = if next == current {
                format!("the baseline is {}", plain(current))
            } else {
                format!(
                    "the baseline is {}; from the next period on {}",
                    plain(current),
                    plain(next)
                )
            };
        }
        Ok(found)
    }
}
