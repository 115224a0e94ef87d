//! Several versions of a clause in one period, each weighed by its days. Not responsible for the
//! clause under one version.

use super::super::algebra::Trace;
use super::super::inputs::Task;
use super::super::node::Stop;
use super::super::period::Span;
use super::super::words::plain;
use super::{DAY_DECIMALS, Found, Run};
use crate::money::{Decimal, Rounding};

impl Run<'_> {
    /// Several versions of a clause in one period, each weighted by its days.
    pub(super) fn by_days(
        &mut self,
        task: &Task,
        span: Span,
        parts: &[(usize, usize, i64)],
        trace: &mut Vec<Trace>,
    ) -> Result<Found, Stop> {
        let plan = self.plan;
        let gone = || Stop::Because("the clause is not in the terms".into());
        let all = Decimal::from_i64(span.days());
        let states = if task.true_up {
            &self.years
        } else {
            &self.states
        };
        let before = states.get(task.clause).cloned();
        let mut total: Option<Found> = None;
        for (version, place, days) in parts {
            // Each version starts from the same memory; the last one is kept.
            let states = if task.true_up {
                &mut self.years
            } else {
                &mut self.states
            };
            if let (Some(state), Some(before)) = (states.get_mut(task.clause), &before) {
                state.clone_from(before);
            }
            let terms = plan.versions.get(*version).ok_or_else(gone)?;
            let clause = terms.clauses.get(*place).ok_or_else(gone)?;
            let found = self.clause(clause, task, span, trace)?;
            let weighted = |x: Decimal| -> Result<Decimal, Stop> {
                Ok(x.checked_mul(Decimal::from_i64(*days))?)
            };
            if self.explain {
                trace.push(Trace {
                    word: "days",
                    part: None,
                    before: found.amount,
                    operand: Some(Decimal::from_i64(*days)),
                    after: weighted(found.amount)?
                        .div(all, DAY_DECIMALS, Rounding::HalfEven)?
                        .normalized(),
                    bound_by: None,
                    words: format!(
                        "{} under terms {} for {days} of {} days",
                        plain(found.amount),
                        terms.name,
                        span.days()
                    ),
                });
            }
            let part = Found {
                gross: weighted(found.gross)?,
                qualified: weighted(found.qualified)?,
                amount: weighted(found.amount)?,
                ..found
            };
            total = Some(match total {
                None => part,
                Some(sum) => Found {
                    gross: sum.gross.checked_add(part.gross)?,
                    qualified: sum.qualified.checked_add(part.qualified)?,
                    amount: sum.amount.checked_add(part.amount)?,
                    ..part
                },
            });
        }
        let sum = total.ok_or_else(gone)?;
        let divided = |x: Decimal| -> Result<Decimal, Stop> {
            Ok(x.div(all, DAY_DECIMALS, Rounding::HalfEven)?.normalized())
        };
        Ok(Found {
            gross: divided(sum.gross)?,
            qualified: divided(sum.qualified)?,
            amount: divided(sum.amount)?,
            ..sum
        })
    }
}
