//! Cost incentives: CPIF, FPIF and share ranges as steps. Not responsible for checking that the
//! targets agree with each other (see the terms' own check).

use super::super::algebra::{Act, Step};
use super::super::clause::Part;
use super::super::lower::Expr;
use super::{Desugar, Memory, because, joined, step, two_sided, whole};
use crate::money::{Decimal, Rounding};
use crate::terms::{Closed, Located, Method, Operator, Pays, Value, Within};

impl Desugar<'_, '_, '_> {
    pub(super) fn target_cost(&mut self) -> (Vec<Part>, Vec<Step>) {
        let clause = self.clause;
        let actual = self.need(&clause.actual_cost);
        let target = self.need(&clause.target_cost);
        let basis = joined(Operator::Subtract, &target, &actual);
        let mut steps = Vec::new();
        let method = clause.method.as_ref().map(|m| m.value);
        if method == Some(Method::ShareRanges) {
            if let Some(bands) = &clause.bands {
                let mut made =
                    self.bands(&bands.value, true, &None, &None, Closed::Lower, &bands.span);
                // Ranges are of cost; the basis is the saving: range c to d of the target is
                // the saving from 1 − d to 1 − c of it (NEC4 Option C, clause 54.2).
                made.bands.reverse();
                for band in &mut made.bands {
                    let flip = |e: &Option<Expr>| {
                        e.as_ref()
                            .map(|e| joined(Operator::Subtract, &Expr::number(Decimal::ONE), e))
                    };
                    (band.from, band.to) = (flip(&band.to), flip(&band.from));
                }
                made.whole = false;
                made.of = Some(target);
                steps.push(step(Act::Bands(made)));
            }
        } else {
            let over = clause
                .share_over
                .as_ref()
                .or(clause.share.as_ref())
                .cloned();
            let under = clause
                .share_under
                .as_ref()
                .or(clause.share.as_ref())
                .cloned();
            let (over, under) = (self.need(&over), self.need(&under));
            steps.push(because(
                Act::Bands(two_sided(over, under)),
                "the supplier's share of what the cost differs from the target",
            ));
            let fee = self.need(&clause.target_fee);
            steps.push(because(Act::Add(fee), "target fee"));
        }
        if method == Some(Method::Cpif) {
            // FAR 16.405-1: the fee is adjusted within a least and a greatest fee.
            let low: Vec<_> = clause
                .min_fee
                .iter()
                .map(|v| self.lower.number(v))
                .collect();
            let high: Vec<_> = clause
                .max_fee
                .iter()
                .map(|v| self.lower.number(v))
                .collect();
            if !low.is_empty() || !high.is_empty() {
                let key = self.key(Memory::Limit);
                let alive = self.alive();
                let act = Act::Limit {
                    low,
                    high,
                    over: Within::Period,
                    key,
                    word: "fee limit",
                };
                steps.push(Step {
                    act,
                    because: alive,
                });
            }
        }
        let pays = clause.pays.as_ref().map_or(
            if method == Some(Method::Fpif) {
                Pays::Price
            } else {
                Pays::Fee
            },
            |p| p.value,
        );
        if method == Some(Method::Fpif) {
            // FAR 16.403-1: the price is cost plus profit, up to the ceiling.
            steps.push(because(Act::Add(actual.clone()), "actual cost"));
            let high = clause
                .ceiling_price
                .iter()
                .map(|v| self.lower.number(v))
                .collect();
            let key = self.key(Memory::Limit);
            let because_of = self.total_assumption();
            let act = Act::Limit {
                low: Vec::new(),
                high,
                over: Within::Period,
                key,
                word: "ceiling",
            };
            steps.push(Step {
                act,
                because: because_of,
            });
            if pays == Pays::Fee {
                steps.push(because(
                    Act::Subtract(actual),
                    "actual cost, paid elsewhere",
                ));
            }
        } else if pays == Pays::Price {
            steps.push(because(Act::Add(actual), "actual cost"));
        }
        (whole(basis), steps)
    }

    fn constant(&mut self, value: Option<&Located<Value>>) -> Option<Decimal> {
        value.and_then(|v| self.lower.number(v).node.constant())
    }

    /// The point of total assumption: the cost from which the ceiling binds and every further
    /// unit of cost is the supplier's, target cost + (ceiling − target price) ÷ customer's share
    /// (FAR 16.403-1). In words, when the terms' numbers are literal.
    fn total_assumption(&mut self) -> Option<String> {
        let clause = self.clause;
        let cost = self.constant(clause.target_cost.as_ref())?;
        let profit = self.constant(clause.target_fee.as_ref())?;
        let ceiling = self.constant(clause.ceiling_price.as_ref())?;
        let share = self.constant(clause.share_over.as_ref().or(clause.share.as_ref()))?;
        let room = ceiling.checked_sub(cost.checked_add(profit).ok()?).ok()?;
        let customer = Decimal::ONE.checked_sub(share).ok()?;
        let point = cost
            .checked_add(room.div(customer, 2, Rounding::HalfUp).ok()?)
            .ok()?;
        Some(format!("point of total assumption {}", point.normalized()))
    }

    /// Between which actual costs the incentive is alive: beyond them the least or the greatest
    /// fee binds (FAR 16.405-1). In words, when the terms' numbers are literal.
    fn alive(&mut self) -> Option<String> {
        let clause = self.clause;
        let cost = self.constant(clause.target_cost.as_ref())?;
        let fee = self.constant(clause.target_fee.as_ref())?;
        let (low, high) = (
            self.constant(clause.min_fee.as_ref())?,
            self.constant(clause.max_fee.as_ref())?,
        );
        let over = self.constant(clause.share_over.as_ref().or(clause.share.as_ref()))?;
        let under = self.constant(clause.share_under.as_ref().or(clause.share.as_ref()))?;
        let below = high
            .checked_sub(fee)
            .ok()?
            .div(under, 2, Rounding::HalfUp)
            .ok()?;
        let above = fee
            .checked_sub(low)
            .ok()?
            .div(over, 2, Rounding::HalfUp)
            .ok()?;
        Some(format!(
            "the incentive is alive for actual costs from {} to {}",
            cost.checked_sub(below).ok()?.normalized(),
            cost.checked_add(above).ok()?.normalized()
        ))
    }
}
