//! Service levels and communication KPIs as parts of a clause. Not responsible for their values
//! in a period (see [`super::super::run`]).

use super::super::algebra::{Act, Gives, Step};
use super::super::clause::{EarnBack, Part, PartValue};
use super::super::lower::Expr;
use super::{Desugar, Memory, because, joined, negative};
use crate::money::Decimal;
use crate::terms::{Closed, Kind, LevelSource, Operator, Problem, Within};

impl Desugar<'_, '_, '_> {
    pub(super) fn levels(&mut self) -> (Vec<Part>, Vec<Step>) {
        let clause = self.clause;
        let amount = self.maybe(&clause.amount);
        let at_risk = self.maybe(&clause.at_risk);
        let pool = match (&amount, &at_risk) {
            (Some(amount), Some(share)) => Some(joined(Operator::Multiply, amount, share)),
            (Some(amount), None) => Some(amount.clone()),
            (None, _) => None,
        };
        if let (None, Some(at_risk)) = (&clause.amount, &clause.at_risk) {
            self.lower.problems.push(Problem::at(
                &at_risk.span,
                "a share at risk needs the `amount` it is a share of",
            ));
        }
        let mut parts = Vec::new();
        let levels = clause.levels.clone();
        for level in levels.iter().flat_map(|l| &l.value) {
            parts.push(self.level(level, pool.as_ref()));
        }
        let mut steps = self.priced("price", &clause.price, false);
        if let (Some(pool), Some(_)) = (pool, &at_risk) {
            let communication = clause.kind.value == Kind::Communication;
            let low = if communication {
                vec![negative(&pool)]
            } else {
                Vec::new()
            };
            let key = self.key(Memory::Limit);
            steps.push(because(
                Act::Limit {
                    low,
                    high: vec![pool],
                    over: Within::Period,
                    key,
                    word: "at-risk pool",
                },
                "all levels of a period together",
            ));
        }
        (parts, steps)
    }

    pub(super) fn level(&mut self, level: &LevelSource, pool: Option<&Expr>) -> Part {
        let measure = self.lower.number(&level.measure);
        let lower_is_better = level.lower_is_better.unwrap_or(false);
        let target = self.maybe(&level.target);
        let mut pooled = true;
        let value = if let Some(bands) = &level.bands {
            let made = self.bands(&bands.value, true, &None, &None, Closed::Lower, &bands.span);
            // Amounts and points stand for themselves; rates are shares of the pool.
            pooled = made.bands.iter().any(|b| matches!(b.gives, Gives::Rate(_)));
            if pooled
                && made
                    .bands
                    .iter()
                    .any(|b| matches!(b.gives, Gives::Amount(_)))
            {
                self.lower.problems.push(Problem::at(
                    &bands.span,
                    "some of these bands give a rate and some an amount",
                ));
            }
            PartValue::Banded {
                measure,
                bands: made,
            }
        } else if self.clause.kind.value == Kind::Communication {
            PartValue::BonusMalus {
                measure,
                target: target.unwrap_or_else(|| Expr::number(Decimal::ZERO)),
                floor: self.maybe(&level.floor),
                lower_is_better,
                bonus: self.maybe(&level.bonus),
                malus: self.maybe(&level.malus),
            }
        } else {
            PartValue::Missed {
                measure,
                target: target.unwrap_or_else(|| Expr::number(Decimal::ZERO)),
                lower_is_better,
            }
        };
        let mut factors = Vec::new();
        if pooled {
            match pool {
                Some(pool) => factors.push(("pool", pool.clone())),
                None if self.clause.price.is_none()
                    && (level.bands.is_some() || self.clause.kind.value == Kind::ServiceCredit) =>
                {
                    self.lower.problems.push(
                        Problem::at(
                            &level.id.span,
                            "nothing says how much money this level is worth",
                        )
                        .help(
                            "give the clause an `amount` (and `at_risk`), or a `price` per point",
                        ),
                    );
                }
                None => {}
            }
        }
        for allocation in level.allocation.iter().flat_map(|a| &a.value.0) {
            factors.push(("allocation", self.lower.number(allocation)));
        }
        Part {
            name: Some(level.id.value.clone()),
            excused: level.excused_when.as_ref().map(|e| self.lower.truth(e)),
            value,
            repeat: self.maybe(&level.repeat),
            factors,
            earn_back: level.earn_back.as_ref().map(|e| EarnBack {
                periods: e.value.periods,
                when: e.value.when.as_ref().map(|w| self.lower.truth(w)),
                share: self.maybe(&e.value.share),
            }),
        }
    }
}
