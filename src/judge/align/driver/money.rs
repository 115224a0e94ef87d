//! The driver about money: one more euro saved. Not responsible for incidents.

use std::collections::BTreeSet;

use super::streams::Stream;
use super::{Bench, Driver, Effect, minor};
use crate::judge::align::AlignError;
use crate::judge::align::ask::ask;
use crate::money::Decimal;
use crate::settle::{Inputs, Span};
use crate::terms::{Kind, Method, Pays};

impl Bench<'_> {
    /// One more euro saved.
    pub(super) fn saved(&self) -> Result<Option<Driver>, AlignError> {
        let currency = self.plan.currency().to_string();
        let unit = format!("{currency} saved");
        let mut driver = self.empty("euro_saved", &unit, &unit);
        driver.step = minor(self.plan.currency().minor_digits());
        let whole = Stream::default();
        let mut supplier_bears = false;
        let mut priced = false;
        let mut targets = Vec::new();
        for clause in self.clauses().filter(|c| c.kind.value == Kind::TargetCost) {
            if let Some(name) = self.plain(clause.actual_cost.as_ref()) {
                self.effect(&mut driver, &whole, &name, -Decimal::ONE);
                supplier_bears = true;
                targets.extend(clause.target_cost.clone());
                let price = clause.pays.as_ref().map_or(
                    clause
                        .method
                        .as_ref()
                        .is_some_and(|m| m.value == Method::Fpif),
                    |p| p.value == Pays::Price,
                );
                priced |= price;
            }
        }
        for name in ["gross_saving", "verified_saving", "qualified_saving"] {
            self.effect(&mut driver, &whole, name, Decimal::ONE);
        }
        for name in ["actual_cost", "total_cost"] {
            self.effect(&mut driver, &whole, name, -Decimal::ONE);
        }
        if driver.now.is_empty() {
            driver.now = self.probed()?;
        }
        let Some(first) = driver.now.first().cloned() else {
            return Ok(None);
        };
        let now = self.value(&first.name, first.scope.as_deref());
        let now = now.unwrap_or(Decimal::ZERO);
        driver.at = now;
        driver.falling = first.step.is_negative();
        if driver.falling {
            // From twice the cost, or twice the target, down to none.
            let asked = ask(
                self.spec,
                self.facts,
                self.contract_id,
                self.act,
                &targets,
                &[],
            )?;
            let most = asked.into_iter().flatten().fold(now, Decimal::max);
            driver.from = most.checked_mul(Decimal::from_i64(2))?;
            driver.to = Decimal::ZERO;
        } else {
            let benchmark = self.value("benchmark_cost", None);
            driver.of = benchmark;
            driver.from = Decimal::ZERO.min(now);
            driver.to = match benchmark {
                Some(benchmark) => benchmark.max(now),
                None => self.far(now)?,
            };
        }
        if supplier_bears {
            // The cost is the supplier's own; where only the fee is paid here, the customer
            // repays the cost elsewhere.
            driver.cost = Some(-Decimal::ONE);
            driver.revenue = Some(if priced { Decimal::ZERO } else { -Decimal::ONE });
        } else {
            // A euro that the supplier bills no more, of which it keeps its margin no more.
            if self.elsewhere() {
                driver.revenue = Some(-Decimal::ONE);
            }
            driver.cost = match self.assume("margin") {
                Some(margin) => Some(margin.checked_sub(Decimal::ONE)?),
                None => {
                    driver.missing.insert("margin");
                    None
                }
            };
        }
        Ok(Some(driver))
    }

    /// For savings of measures with names of their own: the one measure that raises the basis of
    /// a shared saving by one when it falls by one, else those that do when they rise.
    fn probed(&self) -> Result<Vec<Effect>, AlignError> {
        let shared: BTreeSet<&str> = self
            .clauses()
            .filter(|c| matches!(c.kind.value, Kind::GainShare | Kind::PainShare))
            .map(|c| c.id.value.as_str())
            .collect();
        let numbers: Vec<usize> = self
            .plan
            .clauses()
            .enumerate()
            .filter(|(_, id)| shared.contains(id))
            .map(|(number, _)| number)
            .collect();
        let losses: Vec<usize> = self
            .plan
            .clauses()
            .enumerate()
            .filter(|(_, id)| {
                self.clauses()
                    .any(|c| c.id.value == *id && c.kind.value == Kind::PainShare)
            })
            .map(|(number, _)| number)
            .collect();
        let gross = |inputs: &Inputs| -> Vec<(usize, Span, Decimal)> {
            let outcome = self.plan.run(inputs, false);
            let shared = outcome.results.into_iter();
            shared
                .filter(|r| numbers.contains(&r.clause) && r.failure.is_none())
                .map(|r| (r.clause, r.period, r.gross))
                .collect()
        };
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let before = gross(self.inputs);
        let (mut costs, mut savings) = (Vec::new(), Vec::new());
        for (name, scope) in self.plan.measures() {
            let Some(value) = self.value(name, scope) else {
                continue;
            };
            let mut moved = self.inputs.clone();
            moved.set(self.act, name, scope, value.checked_add(Decimal::ONE)?);
            let after = gross(&moved);
            let mut change = None;
            for (a, b) in before.iter().zip(&after) {
                let difference = b.2.checked_sub(a.2)?;
                if !difference.is_zero() {
                    // The basis of a pain share is the loss, the saving with its sign turned.
                    let loss = losses.contains(&a.0);
                    change = Some(if loss { -difference } else { difference });
                }
            }
            let effect = |step| Effect {
                name: name.to_owned(),
                scope: scope.map(str::to_owned),
                step,
            };
            if change == Some(-Decimal::ONE) {
                costs.push(effect(-Decimal::ONE));
            } else if change == Some(Decimal::ONE) {
                savings.push(effect(Decimal::ONE));
            }
        }
        costs.truncate(1);
        savings.truncate(1);
        Ok(if costs.is_empty() { savings } else { costs })
    }
}
