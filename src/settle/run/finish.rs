//! What happens to an amount after its clause: days, currency, what was paid before, rounding,
//! division; and the words for an amount that there is not. Not responsible for the clause.

use super::super::algebra::Trace;
use super::super::clause::{Body, Clause, Payees};
use super::super::inputs::Task;
use super::super::node::{Cell, Stop};
use super::super::period::Span;
use super::super::plan::Plan;
use super::super::words::plain;
use super::{ClauseResult, DAY_DECIMALS, Run};
use crate::money::{Decimal, MoneyError, Rounding};
use crate::terms::RoundAt;

impl Run<'_> {
    /// Proration, conversion, provisional parts, rounding and division over suppliers. Gives the
    /// amount in the statement's currency.
    pub(super) fn finish(
        &mut self,
        task: &Task,
        clause: &Clause,
        span: Span,
        amount: Decimal,
        result: &mut ClauseResult,
    ) -> Result<Decimal, Stop> {
        let mut amount = amount;
        let note = |result: &mut ClauseResult, word, before, operand, after, words: String| {
            result.tell(Trace {
                word,
                part: None,
                before,
                operand,
                after,
                bound_by: None,
                words,
            });
        };
        if let Some((held, all)) = task.part {
            let before = amount;
            amount = amount
                .checked_mul(Decimal::from_i64(held))?
                .div(Decimal::from_i64(all), DAY_DECIMALS, Rounding::HalfEven)?
                .normalized();
            if self.explain {
                let words = format!(
                    "{held} of {all} days: {} becomes {}",
                    plain(before),
                    plain(amount)
                );
                note(result, "prorate", before, None, amount, words);
            }
        }
        let day = self.plan.fx_day(span);
        let fx = |amount: Decimal, from, to| -> Result<(Decimal, Decimal), MoneyError> {
            let (converted, quote) = self.inputs.fx.convert(
                amount,
                from,
                to,
                day,
                self.plan.fx_decimals,
                Rounding::HalfEven,
            )?;
            Ok((converted, quote.rate))
        };
        if clause.currency != clause.pay_in {
            let before = amount;
            let (converted, rate) = fx(amount, clause.currency, clause.pay_in)?;
            amount = converted;
            if self.explain {
                let words = format!(
                    "{} {} at the rate {} of {day} or the last before = {} {}",
                    plain(before),
                    clause.currency,
                    plain(rate),
                    plain(amount),
                    clause.pay_in
                );
                note(result, "fx", before, Some(rate), amount, words);
            }
        }
        if let Payees::Split(split) = &clause.payees {
            let mut sum = Decimal::ZERO;
            let mut names = Vec::with_capacity(split.len());
            for (name, share) in split {
                let share = share.node.eval(&self.scene(task.row, span))?;
                sum = sum.checked_add(share)?;
                if share.is_negative() || sum > Decimal::ONE {
                    return Err(Stop::Because(
                        format!(
                            "the share of {name} in the split is {share}: shares are not negative and together at most 1"
                        )
                        .into(),
                    ));
                }
                if self.explain {
                    names.push(format!("{name} {}", plain(share)));
                }
                result.shares.push((name.clone(), share));
            }
            // What is nobody's is not paid.
            let before = amount;
            amount = amount.checked_mul(sum)?;
            if self.explain {
                let words = format!(
                    "divided: {}; {} of {} is theirs",
                    names.join(", "),
                    plain(amount),
                    plain(before)
                );
                note(result, "split", before, Some(sum), amount, words);
            }
        }
        result.unrounded = amount;
        result.amount = match clause.round_at {
            RoundAt::Line => amount
                .round(clause.decimals, clause.rounding)
                .padded(clause.decimals)?,
            RoundAt::Total => amount,
        };
        if self.explain && result.amount != amount {
            let words = format!(
                "{} rounded to {} decimals = {}",
                plain(amount),
                clause.decimals,
                result.amount
            );
            note(result, "round", amount, None, result.amount, words);
        }
        if task.true_up {
            // What is due for the longer period is rounded, not what is left of it: otherwise
            // the year would come to a cent more or less than it does on its own.
            let paid = self.paid_before(task.clause, span)?;
            let due = result.amount;
            result.amount = due.checked_sub(paid)?;
            result.unrounded = amount.checked_sub(paid)?;
            if self.explain {
                let words = format!(
                    "for {span} together {} is due; {} was paid provisionally: {}",
                    plain(due),
                    plain(paid),
                    plain(result.amount)
                );
                note(result, "paid_before", due, Some(paid), result.amount, words);
            }
        }
        if matches!(clause.body, Body::Wallet { .. }) {
            self.wallet(clause, task, span, result)?;
        }
        if clause.pay_in == self.plan.currency {
            return Ok(result.amount);
        }
        Ok(fx(result.amount, clause.pay_in, self.plan.currency)?.0)
    }

    /// What the periods of a longer one were paid: as settled now, or as the ledger has it for
    /// what is not settled again.
    fn paid_before(&self, clause: usize, span: Span) -> Result<Decimal, MoneyError> {
        let plan = self.plan;
        let (contract, start) = (plan.contract_id.as_str(), plan.start.month());
        let id = plan.ids.get(clause).map_or("", String::as_str);
        let mut paid = Decimal::ZERO;
        for earlier in &self.results {
            if earlier.clause != clause || earlier.true_up || !span.covers(earlier.period) {
                continue;
            }
            let one = if earlier.failure.is_some() {
                let (from, to) = (earlier.period.from, earlier.period.to);
                let settled = &self.inputs.settled;
                settled
                    .paid(contract, from, to, start, id)?
                    .unwrap_or_default()
            } else {
                earlier.amount
            };
            paid = paid.checked_add(one)?;
        }
        if let Some(first) = self.inputs.bases.first() {
            let settled = &self.inputs.settled;
            let before = first.from.min(span.to);
            paid =
                paid.checked_add(settled.paid_between(contract, span.from, before, start, id)?)?;
        }
        Ok(paid)
    }

    /// The division of the next period's spend: shown, not paid.
    pub(super) fn wallet(
        &self,
        clause: &Clause,
        task: &Task,
        span: Span,
        result: &mut ClauseResult,
    ) -> Result<(), Stop> {
        let Body::Wallet {
            spend,
            by_score,
            members,
            slices,
        } = &clause.body
        else {
            return Ok(());
        };
        let scene = self.scene(task.row, span);
        let spend = spend.node.eval(&scene)?;
        result.gross = spend;
        let mut ranked = Vec::with_capacity(members.len());
        let mut total = Decimal::ZERO;
        for member in members {
            let score = member.score.node.eval(&scene)?;
            if score.is_negative() {
                return Err(Stop::Because(
                    format!("the score of {} is negative", member.supplier).into(),
                ));
            }
            total = total.checked_add(score)?;
            ranked.push((score, member));
        }
        // Equal scores keep the order of the terms, so that both parties get the same ranks.
        ranked.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        for (rank, (score, member)) in ranked.iter().enumerate() {
            let slice = if *by_score {
                if total.is_zero() {
                    return Err(Stop::Because("all scores are zero".into()));
                }
                score.div(total, DAY_DECIMALS, Rounding::HalfEven)?
            } else {
                slices
                    .get(rank)
                    .map_or(Ok(Decimal::ZERO), |s| s.node.eval(&scene))?
            };
            let amount = spend
                .checked_mul(slice)?
                .round(clause.decimals, clause.rounding);
            if !self.explain {
                continue;
            }
            let mut words = format!(
                "{}: score {} is rank {}: slice {} of {} = {}",
                member.supplier,
                plain(*score),
                rank + 1,
                plain(slice),
                plain(spend),
                plain(amount)
            );
            if let Some(current) = &member.current {
                let now = spend.checked_mul(current.node.eval(&scene)?)?;
                words.push_str(&format!(
                    ", {} against today",
                    plain(amount.checked_sub(now)?)
                ));
            }
            result.tell(Trace {
                word: "slice",
                part: Some(member.supplier.clone()),
                before: spend,
                operand: Some(slice),
                after: amount,
                bound_by: None,
                words,
            });
        }
        Ok(())
    }

    pub(super) fn words(&self, stop: &Stop, row: usize) -> String {
        match stop {
            Stop::Slot(slot) => {
                let name = self.plan.slots.get(*slot).map_or("?", |s| s.name.as_str());
                let scope = self.plan.slots.get(*slot).and_then(|s| s.scope.as_deref());
                let shown = scope.map_or_else(|| name.to_owned(), |s| format!("{name}[{s}]"));
                let reason = match self.inputs.rows.get(row).and_then(|r| r.cells.get(*slot)) {
                    Some(Cell::Missing(reason)) => self
                        .inputs
                        .reasons
                        .get(*reason as usize)
                        .map_or("it is missing", String::as_str),
                    _ => "it is missing",
                };
                format!("measure `{shown}`: {reason}")
            }
            Stop::Clause(clause) => {
                let id = self.plan.ids.get(*clause).map_or("?", String::as_str);
                format!("clause `{id}` has no amount in this period")
            }
            Stop::NoPrevious => "there is no period before".to_owned(),
            Stop::Because(reason) => reason.to_string(),
            Stop::Money(error) => error.to_string(),
        }
    }
}

/// Where the terms round the total: each line becomes the difference of rounded running totals,
/// so that the lines add up to the rounded total and nothing is rounded twice.
pub(super) fn round_totals(plan: &Plan, results: &mut [ClauseResult]) {
    let mut running: Vec<(usize, crate::money::Currency, Decimal, Decimal)> = Vec::new();
    for result in results.iter_mut() {
        let Some(clause) = plan
            .versions
            .get(result.version)
            .and_then(|v| v.clauses.get(result.place))
        else {
            continue;
        };
        if clause.round_at != RoundAt::Total || result.failure.is_some() {
            continue;
        }
        let key = (result.statement, clause.pay_in);
        let index = match running.iter().position(|r| (r.0, r.1) == key) {
            Some(index) => index,
            None => {
                running.push((key.0, key.1, Decimal::ZERO, Decimal::ZERO));
                running.len() - 1
            }
        };
        let entry = &mut running[index];
        let Ok(exact) = entry.2.checked_add(result.amount) else {
            continue;
        };
        let rounded = exact.round(clause.decimals, clause.rounding);
        if let Ok(line) = rounded.checked_sub(entry.3) {
            result.amount = line.padded(clause.decimals).unwrap_or(line);
            (entry.2, entry.3) = (exact, rounded);
        }
    }
}
