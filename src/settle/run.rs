//! One run: every clause of every period in its order, with what is remembered from period to
//! period. Pure and fast; explanations are built only when asked for. Not responsible for the
//! rows that are published (see [`super::lines`]).

mod days;
mod finish;
mod levels;
mod memory;
mod wide;

use self::finish::round_totals;
pub(super) use self::memory::Kept;
use self::memory::{PartState, State};
use super::algebra::{self, Running, Trace};
use super::clause::{Body, Clause, Part, PartValue};
use super::inputs::{Inputs, Task, Under};
use super::lower::Expr;
use super::node::{Cell, Scene, Stop};
use super::period::Span;
use super::plan::Plan;
use super::words::{plain, uses};
use crate::money::Decimal;

/// What a run of a plan gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// One entry per clause and period, in settlement order.
    pub results: Vec<ClauseResult>,
}

/// The amount of one clause in one period.
#[derive(Debug, Clone, PartialEq)]
pub struct ClauseResult {
    /// The number of the clause; [`Plan::clauses`] lists the ids in this order.
    pub clause: usize,
    /// The period of the clause.
    pub period: Span,
    /// The number of the statement period in which it is due ([`Inputs::periods`]).
    pub statement: usize,
    /// Whether it corrects what was paid provisionally.
    pub true_up: bool,
    /// The basis, before anything is deducted.
    pub gross: Decimal,
    /// What of it qualifies, after minimum, conditions and carried losses, before any share.
    pub qualified: Decimal,
    /// The amount before rounding, signed: positive is paid by the customer.
    pub unrounded: Decimal,
    /// The amount, signed, in the currency in which the clause is paid.
    pub amount: Decimal,
    /// The amount in the currency of the statement; zero when there is none.
    pub stated: Decimal,
    /// Which limit decided, if one did.
    pub bound_by: Option<&'static str>,
    /// Why there is no amount; the amount is zero then.
    pub failure: Option<String>,
    pub(super) version: usize,
    pub(super) place: usize,
    pub(super) row: usize,
    /// Only when steps are asked for.
    pub(super) told: Option<Box<Told>>,
    /// Balances that the next run needs; only when steps are asked for.
    pub(super) kept: Vec<Kept>,
    pub(super) shares: Vec<(String, Decimal)>,
}

/// The steps of a calculation in words.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    pub(super) trace: Vec<Trace>,
    pub(super) basis_words: String,
}

impl ClauseResult {
    fn tell(&mut self, trace: Trace) {
        self.told.get_or_insert_default().trace.push(trace);
    }
}

/// The amount of a clause, in progress.
struct Found {
    gross: Decimal,
    qualified: Decimal,
    amount: Decimal,
    bound_by: Option<&'static str>,
    basis_words: String,
}

impl Found {
    fn plain(amount: Decimal) -> Found {
        Found {
            gross: amount,
            qualified: amount,
            amount,
            bound_by: None,
            basis_words: String::new(),
        }
    }
}

impl Plan {
    /// Settles every period of the inputs. With `explain`, each result carries the steps of its
    /// calculation; amounts are the same either way.
    #[must_use]
    pub fn run(&self, inputs: &Inputs, explain: bool) -> Outcome {
        let mut run = Run {
            plan: self,
            inputs,
            explain,
            states: vec![State::default(); self.ids.len()],
            years: vec![State::default(); self.ids.len()],
            now: vec![None; self.ids.len()],
            failed: vec![false; self.ids.len()],
            rebased: vec![None; self.ids.len()],
            results: Vec::with_capacity(inputs.tasks.len()),
        };
        run.open();
        let mut base = usize::MAX;
        let mut first = 0;
        for task in &inputs.tasks {
            if task.base != base {
                base = task.base;
                run.now.fill(None);
                run.failed.fill(false);
                // A statement is rounded before a later true-up deducts what it paid.
                round_totals(self, &mut run.results[first..]);
                first = run.results.len();
            }
            run.settle(task);
        }
        let mut results = run.results;
        round_totals(self, &mut results[first..]);
        Outcome { results }
    }
}

struct Run<'a> {
    plan: &'a Plan,
    inputs: &'a Inputs,
    explain: bool,
    states: Vec<State>,
    /// What true-ups remember, by clause.
    years: Vec<State>,
    /// Amounts in this statement period, by clause, in the statement's currency.
    now: Vec<Option<Decimal>>,
    failed: Vec<bool>,
    rebased: Vec<Option<Decimal>>,
    results: Vec<ClauseResult>,
}

impl Run<'_> {
    fn year(&self, span: Span) -> i64 {
        i64::from(
            span.from
                .months_since(self.plan.start.month())
                .div_euclid(12),
        ) + 1
    }

    fn scene(&self, row: usize, span: Span) -> Scene<'_> {
        let cells = |row: usize| {
            self.inputs
                .rows
                .get(row)
                .map_or(&[][..], |r| r.cells.as_slice())
        };
        Scene {
            row: cells(row),
            previous: self
                .inputs
                .rows
                .get(row)
                .and_then(|r| r.previous)
                .map(cells),
            clauses: &self.now,
            rebased: &self.rebased,
            contract_year: self.year(span),
            months: i64::from(span.months()),
        }
    }

    fn settle(&mut self, task: &Task) {
        let Some(span) = self.inputs.rows.get(task.row).map(|r| r.span) else {
            return;
        };
        // A clause over a longer period sees what others had in the whole of it.
        let base = self.inputs.bases.get(task.base).copied().unwrap_or(span);
        let kept = (span != base).then(|| self.widen(span));
        let mut trace = Vec::new();
        let (version, place) = match &task.under {
            Under::One(version, place) => (*version, *place),
            Under::ByDays(parts) => parts.last().map_or((0, 0), |(v, p, _)| (*v, *p)),
        };
        let plan = self.plan;
        let Some(clause) = plan
            .versions
            .get(version)
            .and_then(|v| v.clauses.get(place))
        else {
            return;
        };
        let found = self.amount(task, span, &mut trace);
        if let Some((now, failed)) = kept {
            self.now = now;
            self.failed = failed;
        }
        let mut result = ClauseResult {
            clause: task.clause,
            period: span,
            statement: task.base,
            true_up: task.true_up,
            gross: Decimal::ZERO,
            qualified: Decimal::ZERO,
            unrounded: Decimal::ZERO,
            amount: Decimal::ZERO,
            stated: Decimal::ZERO,
            bound_by: None,
            failure: None,
            version,
            place,
            row: task.row,
            told: self.explain.then(|| {
                Box::new(Told {
                    trace,
                    basis_words: String::new(),
                })
            }),
            kept: Vec::new(),
            shares: Vec::new(),
        };
        let finished = found.and_then(|found| {
            result.gross = found.gross;
            result.qualified = found.qualified;
            result.bound_by = found.bound_by;
            if let Some(told) = &mut result.told {
                told.basis_words = found.basis_words;
            }
            self.finish(task, clause, span, found.amount, &mut result)
        });
        let amount = match finished {
            Ok(amount) => {
                result.stated = amount;
                Some(amount)
            }
            Err(stop) => {
                result.failure = Some(self.words(&stop, task.row));
                result.amount = Decimal::ZERO;
                result.unrounded = Decimal::ZERO;
                None
            }
        };
        if let Some(state) = self.states.get_mut(task.clause) {
            state.history.push((span.to, amount));
        }
        if self.explain {
            result.kept = self.kept(clause, task.true_up, span);
        }
        let sum = match (self.now.get(task.clause).copied().flatten(), amount) {
            (Some(before), Some(amount)) => before.checked_add(amount).ok(),
            (None, amount) => amount,
            (before, None) => before,
        };
        if let Some(place) = self.now.get_mut(task.clause) {
            *place = sum;
        }
        if let Some(place) = self.failed.get_mut(task.clause) {
            *place |= amount.is_none();
        }
        self.results.push(result);
    }

    /// Replaces the amounts of this statement period by those of a longer one; gives back what
    /// was there.
    fn widen(&mut self, span: Span) -> (Vec<Option<Decimal>>, Vec<bool>) {
        let mut now = vec![None; self.now.len()];
        let mut failed = vec![false; self.now.len()];
        for (number, state) in self.states.iter().enumerate() {
            for (end, amount) in &state.history {
                if *end > span.from && *end <= span.to {
                    match amount {
                        Some(amount) => {
                            let before: Decimal = now[number].unwrap_or(Decimal::ZERO);
                            now[number] = before.checked_add(*amount).ok();
                        }
                        None => failed[number] = true,
                    }
                }
            }
        }
        for (number, failed) in failed.iter().enumerate() {
            if *failed {
                now[number] = None;
            }
        }
        (
            std::mem::replace(&mut self.now, now),
            std::mem::replace(&mut self.failed, failed),
        )
    }

    /// The signed amount before conversion, proration and rounding.
    fn amount(&mut self, task: &Task, span: Span, trace: &mut Vec<Trace>) -> Result<Found, Stop> {
        let plan = self.plan;
        let get = |v: usize, p: usize| plan.versions.get(v).and_then(|v| v.clauses.get(p));
        let gone = || Stop::Because("the clause is not in the terms".into());
        match &task.under {
            Under::One(version, place) => {
                let clause = get(*version, *place).ok_or_else(gone)?;
                self.clause(clause, task, span, trace)
            }
            Under::ByDays(parts) => self.by_days(task, span, parts, trace),
        }
    }

    fn clause(
        &mut self,
        clause: &Clause,
        task: &Task,
        span: Span,
        trace: &mut Vec<Trace>,
    ) -> Result<Found, Stop> {
        if let Some(when) = &clause.when
            && when.node.eval(&self.scene(task.row, span))?.is_zero()
        {
            let mut found = Found::plain(Decimal::ZERO);
            found.bound_by = Some("condition");
            if self.explain {
                found.basis_words = format!("{} does not hold: nothing is due", when.text);
            }
            return Ok(found);
        }
        match &clause.body {
            Body::Algebra {
                parts,
                steps,
                charge,
            } => self.algebra(clause, task, span, parts, steps, *charge, trace),
            Body::Limit {
                over,
                low,
                high,
                within,
            } => self.limit(task, span, over, low.as_ref(), high, *within),
            Body::Holdback {
                over,
                share,
                release,
                after,
            } => self.holdback(task, span, over, share, release, *after),
            Body::CarryForward {
                over,
                limit,
                expires_after,
                opening,
            } => {
                let rules = (limit.as_ref(), *expires_after, opening.as_ref());
                self.carry_forward(task, span, over, rules)
            }
            Body::Rebase {
                value,
                to,
                blend,
                every,
                only_down,
            } => self.rebase(task, span, value, to, blend.as_ref(), *every, *only_down),
            Body::Wallet { .. } => Ok(Found::plain(Decimal::ZERO)),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one body")]
    fn algebra(
        &mut self,
        clause: &Clause,
        task: &Task,
        span: Span,
        parts: &[Part],
        steps: &[algebra::Step],
        charge: bool,
        trace: &mut Vec<Trace>,
    ) -> Result<Found, Stop> {
        // A true-up goes on from the true-up before, not from its provisional periods: these
        // are recomputed in it.
        let states = if task.true_up {
            &mut self.years
        } else {
            &mut self.states
        };
        let mut state = states
            .get_mut(task.clause)
            .map(std::mem::take)
            .unwrap_or_default();
        let result = self.algebra_with(clause, task, span, parts, steps, charge, trace, &mut state);
        if task.true_up
            && let Some(now) = self.states.get_mut(task.clause)
        {
            // What is carried into the next provisional period is what the true-up left.
            now.memory.carried.clone_from(&state.memory.carried);
            now.memory.passed.clone_from(&state.memory.passed);
            state.parts.clear();
            state.memory.repeated.clear();
        }
        let states = if task.true_up {
            &mut self.years
        } else {
            &mut self.states
        };
        if let Some(place) = states.get_mut(task.clause) {
            *place = state;
        }
        result
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one body")]
    fn algebra_with(
        &self,
        _clause: &Clause,
        task: &Task,
        span: Span,
        parts: &[Part],
        steps: &[algebra::Step],
        charge: bool,
        trace: &mut Vec<Trace>,
        state: &mut State,
    ) -> Result<Found, Stop> {
        let scene = self.scene(task.row, span);
        let mut basis = Decimal::ZERO;
        let mut earned = Decimal::ZERO;
        let mut basis_words = String::new();
        if let [
            Part {
                value: PartValue::Basis(expr),
                ..
            },
        ] = parts
        {
            basis = expr.node.eval(&scene)?;
            if self.explain {
                basis_words = self.basis_words(expr, basis, task.row);
            }
        } else {
            if state.parts.len() < parts.len() {
                state.parts.resize(parts.len(), PartState::default());
            }
            for (part, memory) in parts.iter().zip(&mut state.parts) {
                let (value, back, words) = self.part(part, memory, &scene, task.row)?;
                basis = basis.checked_add(value)?;
                earned = earned.checked_add(back)?;
                if self.explain {
                    trace.push(Trace {
                        word: "level",
                        part: part.name.clone(),
                        before: Decimal::ZERO,
                        operand: None,
                        after: value,
                        bound_by: None,
                        words,
                    });
                }
            }
            if self.explain {
                basis_words = format!("{} levels together: {}", parts.len(), plain(basis));
            }
        }
        let traced = if self.explain {
            Some(&mut *trace)
        } else {
            None
        };
        let Running {
            mut amount,
            qualified,
            mut bound_by,
        } = algebra::pass(steps, basis, &scene, &mut state.memory, traced)?;
        if !earned.is_zero() || parts.iter().any(|p| p.earn_back.is_some()) {
            // No more comes back than was credited.
            earned = earned.min(state.credited);
            let before = amount;
            amount = amount.checked_sub(earned)?;
            state.credited = state.credited.checked_add(amount)?;
            if !earned.is_zero() {
                bound_by = Some("earn-back");
                if self.explain {
                    trace.push(Trace {
                        word: "earn_back",
                        part: None,
                        before,
                        operand: Some(earned),
                        after: amount,
                        bound_by,
                        words: format!(
                            "{} less earned back {} = {}",
                            plain(before),
                            plain(earned),
                            plain(amount)
                        ),
                    });
                }
            }
        }
        Ok(Found {
            gross: basis,
            qualified,
            amount: if charge { -amount } else { amount },
            bound_by,
            basis_words,
        })
    }

    fn basis_words(&self, expr: &Expr, value: Decimal, row: usize) -> String {
        let named = uses(
            expr,
            |slot| match self.inputs.rows.get(row).and_then(|r| r.cells.get(slot)) {
                Some(Cell::Value(value)) => plain(*value),
                _ => "not measurable".to_owned(),
            },
            |clause| {
                let amount = self.now.get(clause).copied().flatten();
                amount.map_or("nothing".to_owned(), plain)
            },
            |clause| {
                let value = self.rebased.get(clause).copied().flatten();
                value.map_or("nothing".to_owned(), plain)
            },
        );
        if expr.uses.is_empty() && expr.node.constant().is_some() {
            plain(value)
        } else if named.is_empty() {
            format!("{} = {}", expr.text, plain(value))
        } else {
            format!("{} = {} (with {named})", expr.text, plain(value))
        }
    }
}

/// Decimals of amounts weighted by days, before the rounding that the terms state; half even.
const DAY_DECIMALS: u8 = 15;
