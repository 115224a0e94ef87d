//! What a clause remembers from period to period: taken from the ledger of earlier statements when
//! a run starts, and written as balances for the next. Not responsible for the ledger itself (see
//! [`super::super::ledger`]) or for what a step does with its memory.

use super::super::algebra::{Act, Memory};
use super::super::clause::{Body, Clause};
use super::super::ledger::{Settled, SettledLine, SettledStatus};
use super::super::period::Span;
use super::super::words::plain;
use super::Run;
use crate::money::Decimal;
use crate::terms::{Per, Within};
use crate::time::Month;

/// What one clause remembers.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) memory: Memory,
    pub(super) parts: Vec<PartState>,
    /// What the clause has come to so far: no more is earned back than was credited.
    pub(super) credited: Decimal,
    pub(super) losses: Option<Vec<(Decimal, u16)>>,
    /// What is held back, with the month at whose end it was.
    pub(super) withheld: Option<Vec<(i32, Decimal)>>,
    pub(super) passed: (i64, Decimal),
    pub(super) rebased: Option<(Month, Decimal)>,
    /// Amounts of earlier periods of the clause: end, amount in the statement's currency.
    pub(super) history: Vec<(Month, Option<Decimal>)>,
}

/// What one level of a clause remembers.
#[derive(Debug, Clone, Default)]
pub(super) struct PartState {
    pub(super) missed_before: bool,
    /// Credits that wait to be earned back, with the periods kept since.
    pub(super) pending: Vec<(Decimal, u16)>,
}

/// One balance that the next statement needs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::settle) struct Kept {
    pub(in crate::settle) status: SettledStatus,
    /// The service level, or the number of the step when the clause has several of its kind.
    pub(in crate::settle) level: Option<String>,
    pub(in crate::settle) amount: Decimal,
    /// How many periods (for a holdback, months) it still lives or waits; `None` when that has
    /// no end or has passed.
    pub(in crate::settle) left: Option<u16>,
    pub(in crate::settle) words: String,
}

/// The steps of a clause that remember something.
struct Remembering {
    carries: Vec<usize>,
    limits: Vec<(usize, Within)>,
    repeats: Vec<usize>,
}

impl Remembering {
    fn of(clause: &Clause) -> Remembering {
        let mut found = Remembering {
            carries: Vec::new(),
            limits: Vec::new(),
            repeats: Vec::new(),
        };
        let Body::Algebra { steps, .. } = &clause.body else {
            return found;
        };
        for step in steps {
            match &step.act {
                Act::Carry { key, .. } => found.carries.push(*key),
                Act::Limit { key, over, .. } if *over != Within::Period => {
                    found.limits.push((*key, *over));
                }
                Act::Repeat(_, key) => found.repeats.push(*key),
                _ => {}
            }
        }
        found
    }
}

/// The number of a step among several of its kind, as a ledger names it.
fn label(index: usize, count: usize) -> Option<String> {
    (count > 1).then(|| (index + 1).to_string())
}

fn at<T: Default + Clone>(list: &mut Vec<T>, key: usize) -> &mut T {
    if list.len() <= key {
        list.resize(key + 1, T::default());
    }
    &mut list[key]
}

/// Amounts that wait equally long are one balance.
fn merged(lots: impl Iterator<Item = (Decimal, Option<u16>)>) -> Vec<(Decimal, Option<u16>)> {
    let mut found: Vec<(Decimal, Option<u16>)> = Vec::new();
    for (amount, left) in lots {
        match found.iter_mut().find(|(_, l)| *l == left) {
            Some(lot) => lot.0 = lot.0.checked_add(amount).unwrap_or(lot.0),
            None => found.push((amount, left)),
        }
    }
    if found.is_empty() {
        found.push((Decimal::ZERO, None));
    }
    found
}

/// What the ledger says about one clause before the first period of a run.
struct Before<'a> {
    settled: &'a Settled,
    contract: &'a str,
    clause: &'a str,
    first: Month,
    start: Month,
}

impl Before<'_> {
    fn lots(
        &self,
        status: SettledStatus,
        level: Option<&str>,
        months: Option<i32>,
    ) -> Option<Vec<&SettledLine>> {
        let found = self.settled.balances(
            self.contract,
            self.clause,
            status,
            level,
            (self.first, self.start, months),
        );
        (!found.is_empty()).then_some(found)
    }

    fn losses(&self, level: Option<&str>, months: Option<i32>) -> Option<Vec<(Decimal, u16)>> {
        let lots = self.lots(SettledStatus::Carried, level, months)?;
        Some(
            lots.into_iter()
                .filter(|l| l.amount.is_positive())
                .map(|l| (l.amount, l.left.unwrap_or(u16::MAX)))
                .collect(),
        )
    }

    fn paid(&self, from: Month) -> Decimal {
        self.settled
            .paid_between(self.contract, from, self.first, self.start, self.clause)
            .unwrap_or_default()
    }

    /// What a limit has let pass in its span: its balance, or what was paid.
    fn passed(
        &self,
        level: Option<&str>,
        within: Within,
        paid: impl Fn(Month) -> Decimal,
    ) -> (i64, Decimal) {
        let year = Span::containing(self.first, Per::ContractYear, self.start);
        let (number, from) = match within {
            Within::Period => return (0, Decimal::ZERO),
            Within::ContractYear => (contract_year(self.first, self.start), year.from),
            Within::Contract => (0, self.start),
        };
        let sum = match self.lots(SettledStatus::Passed, level, None) {
            Some(lots) => lots
                .into_iter()
                // A balance of an earlier year says nothing about this one.
                .filter(|l| l.period.span(self.start).to > from)
                .fold(Decimal::ZERO, |a, l| a.checked_add(l.amount).unwrap_or(a)),
            None => paid(from),
        };
        (number, sum)
    }
}

fn contract_year(month: Month, start: Month) -> i64 {
    i64::from(month.months_since(start).div_euclid(12)) + 1
}

impl Run<'_> {
    /// Takes over what earlier statements left behind.
    pub(super) fn open(&mut self) {
        let Some(first) = self.inputs.bases.first().copied() else {
            return;
        };
        if self.inputs.settled.is_empty() {
            return;
        }
        let start = self.plan.start.month();
        for (number, id) in self.plan.ids.iter().enumerate() {
            let mut versions = self.plan.versions.iter().flat_map(|v| &v.clauses);
            let Some(clause) = versions.find(|c| c.number == number) else {
                continue;
            };
            let before = Before {
                settled: &self.inputs.settled,
                contract: &self.plan.contract_id,
                clause: id,
                first: first.from,
                start,
            };
            let mut state = State::default();
            match &clause.body {
                Body::Algebra { parts, charge, .. } => {
                    let steps = Remembering::of(clause);
                    self.open_steps(clause, &before, &steps, &mut state);
                    let had = before.settled.had_amount_before(
                        before.contract,
                        first.from,
                        start,
                        before.clause,
                    );
                    state.parts = vec![PartState::default(); parts.len()];
                    for (part, memory) in parts.iter().zip(&mut state.parts) {
                        let level = part.name.as_deref();
                        memory.missed_before = match before.lots(SettledStatus::Missed, level, None)
                        {
                            Some(lots) => lots.iter().any(|l| !l.amount.is_zero()),
                            // Which of several levels it was, an amount does not say.
                            None => had && parts.len() == 1,
                        };
                        let Some(earn) = &part.earn_back else {
                            continue;
                        };
                        let lots = before.lots(SettledStatus::Pending, level, None);
                        memory.pending = lots
                            .into_iter()
                            .flatten()
                            .filter(|l| !l.amount.is_zero())
                            .map(|l| {
                                let left = l.left.unwrap_or(earn.periods);
                                (l.amount, earn.periods.saturating_sub(left))
                            })
                            .collect();
                    }
                    let paid = before.paid(start);
                    state.credited = if *charge { -paid } else { paid };
                }
                Body::Limit { over, within, .. } => {
                    // What passed is what the clauses had and what the limit took away.
                    state.passed = before.passed(None, *within, |from| {
                        let ids = over.iter().filter_map(|n| self.plan.ids.get(*n));
                        ids.chain([id]).fold(Decimal::ZERO, |sum, clause| {
                            let one = Before { clause, ..before }.paid(from);
                            sum.checked_add(one).unwrap_or(sum)
                        })
                    });
                }
                Body::Holdback { after, .. } => {
                    let age = i32::from(after.unwrap_or(0));
                    let month = first.from.ordinal();
                    state.withheld = before
                        .lots(SettledStatus::Withheld, None, None)
                        .map(|lots| {
                            lots.into_iter()
                                .filter(|l| !l.amount.is_zero())
                                .map(|l| (month - age + i32::from(l.left.unwrap_or(0)), l.amount))
                                .collect()
                        });
                }
                Body::CarryForward { .. } => state.losses = before.losses(None, None),
                Body::Rebase { .. } => {
                    state.rebased = before
                        .lots(SettledStatus::Rebased, None, None)
                        .and_then(|lots| lots.first().map(|l| (first.from, l.amount)));
                }
                Body::Wallet { .. } => {}
            }
            if let Some(months) = clause.true_up.map(Per::months)
                && let Some(place) = self.years.get_mut(number)
            {
                let steps = Remembering::of(clause);
                for (i, key) in steps.carries.iter().enumerate() {
                    let level = label(i, steps.carries.len());
                    *at(&mut place.memory.carried, *key) =
                        before.losses(level.as_deref(), Some(months));
                }
                place.memory.passed.clone_from(&state.memory.passed);
            }
            if let Some(place) = self.states.get_mut(number) {
                *place = state;
            }
        }
    }

    fn open_steps(
        &self,
        clause: &Clause,
        before: &Before<'_>,
        steps: &Remembering,
        state: &mut State,
    ) {
        let charge = matches!(&clause.body, Body::Algebra { charge: true, .. });
        for (i, key) in steps.carries.iter().enumerate() {
            let level = label(i, steps.carries.len());
            *at(&mut state.memory.carried, *key) = before.losses(level.as_deref(), None);
        }
        for (i, (key, within)) in steps.limits.iter().enumerate() {
            let level = label(i, steps.limits.len());
            // Limits count what is charged as a positive number.
            let paid = |from| {
                let sum = before.paid(from);
                if charge { -sum } else { sum }
            };
            *at(&mut state.memory.passed, *key) = before.passed(level.as_deref(), *within, paid);
        }
        for (i, key) in steps.repeats.iter().enumerate() {
            let level = label(i, steps.repeats.len());
            *at(&mut state.memory.repeated, *key) =
                match before.lots(SettledStatus::Missed, level.as_deref(), None) {
                    Some(lots) => lots.iter().any(|l| !l.amount.is_zero()),
                    None => before.settled.had_amount_before(
                        before.contract,
                        before.first,
                        before.start,
                        before.clause,
                    ),
                };
        }
    }

    /// What the next period needs of a clause, after this one.
    pub(super) fn kept(&self, clause: &Clause, true_up: bool, span: Span) -> Vec<Kept> {
        let states = if true_up { &self.years } else { &self.states };
        let Some(state) = states.get(clause.number) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut keep = |status, level: Option<String>, (amount, left): (Decimal, Option<u16>)| {
            found.push(Kept {
                status,
                words: words(status, level.as_deref(), amount, left),
                level,
                amount,
                left,
            });
        };
        let lives = |lot: &(Decimal, u16)| (lot.0, (lot.1 != u16::MAX).then_some(lot.1));
        match &clause.body {
            Body::Algebra { parts, .. } => {
                let steps = Remembering::of(clause);
                for (i, key) in steps.carries.iter().enumerate() {
                    let lots = state.memory.carried.get(*key).and_then(Option::as_ref);
                    for lot in merged(lots.into_iter().flatten().map(lives)) {
                        keep(SettledStatus::Carried, label(i, steps.carries.len()), lot);
                    }
                }
                for (i, (key, _)) in steps.limits.iter().enumerate() {
                    let sum = state.memory.passed.get(*key).map_or(Decimal::ZERO, |p| p.1);
                    keep(
                        SettledStatus::Passed,
                        label(i, steps.limits.len()),
                        (sum, None),
                    );
                }
                if !true_up {
                    for (i, key) in steps.repeats.iter().enumerate() {
                        let failed = state.memory.repeated.get(*key).copied().unwrap_or(false);
                        let amount = Decimal::from_i64(i64::from(failed));
                        keep(
                            SettledStatus::Missed,
                            label(i, steps.repeats.len()),
                            (amount, None),
                        );
                    }
                    for (part, memory) in parts.iter().zip(&state.parts) {
                        if part.repeat.is_some() {
                            let amount = Decimal::from_i64(i64::from(memory.missed_before));
                            keep(SettledStatus::Missed, part.name.clone(), (amount, None));
                        }
                        if let Some(earn) = &part.earn_back {
                            let lots = memory
                                .pending
                                .iter()
                                .map(|(credit, kept)| (*credit, Some(earn.periods - kept)));
                            for lot in merged(lots) {
                                keep(SettledStatus::Pending, part.name.clone(), lot);
                            }
                        }
                    }
                }
            }
            Body::Limit { within, .. } if *within != Within::Period => {
                keep(SettledStatus::Passed, None, (state.passed.1, None));
            }
            Body::Holdback { after, .. } => {
                let (age, now) = (i32::from(after.unwrap_or(0)), span.to.ordinal());
                let lots = state.withheld.iter().flatten().map(|(month, amount)| {
                    let left = age - (now - month);
                    (*amount, u16::try_from(left).ok().filter(|l| *l > 0))
                });
                for lot in merged(lots) {
                    keep(SettledStatus::Withheld, None, lot);
                }
            }
            Body::CarryForward { .. } => {
                for lot in merged(state.losses.iter().flatten().map(lives)) {
                    keep(SettledStatus::Carried, None, lot);
                }
            }
            Body::Rebase { .. } => {
                if let Some((_, next)) = state.rebased {
                    keep(SettledStatus::Rebased, None, (next, None));
                }
            }
            Body::Limit { .. } | Body::Wallet { .. } => {}
        }
        found
    }
}

fn words(status: SettledStatus, level: Option<&str>, amount: Decimal, left: Option<u16>) -> String {
    let x = plain(amount);
    let of = level.map_or(String::new(), |l| format!("{l}: "));
    match (status, left) {
        (SettledStatus::Withheld, None) => format!("held back at the end of the period: {x}"),
        (SettledStatus::Withheld, Some(n)) => {
            format!("held back at the end of the period, for {n} more months at least: {x}")
        }
        (SettledStatus::Passed, _) => format!("{of}used of the limit so far: {x}"),
        (SettledStatus::Missed, _) if amount.is_zero() => format!("{of}no failure to be repeated"),
        (SettledStatus::Missed, _) => format!("{of}another failure in the next period is a repeat"),
        (SettledStatus::Pending, Some(n)) => {
            format!("{of}waits to be earned back, after {n} more good periods: {x}")
        }
        (SettledStatus::Pending, None) => format!("{of}waits to be earned back: {x}"),
        (SettledStatus::Rebased, _) => format!("the baseline of the next period: {x}"),
        (_, Some(n)) => format!("{of}losses carried into the next {n} periods: {x}"),
        _ => format!("{of}losses carried into the next period: {x}"),
    }
}
