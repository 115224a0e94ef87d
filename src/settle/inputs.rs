//! Measures laid out for a plan: one row of cells per period, aggregated where the terms say how,
//! converted where currencies differ; and which clause settles in which period under which
//! version of the terms. Not responsible for amounts (see [`super::run`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Facts;
use super::agreements::Agreements;
use super::clause::Clause;
use super::ledger::{Dispute, Settled};
use super::lower::{Origin, Slot};
use super::measures::{Measured, Measures};
use super::node::Cell;
use super::period::Span;
use super::plan::Plan;
use crate::money::{Decimal, FxRates, MoneyError, Rounding};
use crate::terms::{Aggregate, FxDate, InsidePeriod, Per};
use crate::time::{Date, Month};

/// Decimals of a mean over months; half even.
const MEAN_DECIMALS: u8 = 12;

/// Everything that a run reads beside the plan.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub(super) rows: Vec<Row>,
    pub(super) bases: Vec<Span>,
    pub(super) tasks: Vec<Task>,
    pub(super) reasons: Vec<String>,
    pub(super) fx: Arc<FxRates>,
    pub(super) settled: Arc<Settled>,
    pub(super) disputes: Arc<Vec<Dispute>>,
    slots: BTreeMap<(String, Option<String>), Vec<usize>>,
}

/// A direction in which inputs are moved; see [`Inputs::way_to`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Way {
    /// Row, place in it, difference.
    cells: Vec<(usize, usize, Decimal)>,
}

impl Way {
    /// Whether nothing moves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

/// The cells of one period.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) span: Span,
    pub(super) cells: Vec<Cell>,
    /// The row of the period of the same length before it.
    pub(super) previous: Option<usize>,
}

/// One clause in one period.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) clause: usize,
    pub(super) row: usize,
    pub(super) base: usize,
    pub(super) under: Under,
    /// Days in force and days of the period, when the contract covers it in part.
    pub(super) part: Option<(i64, i64)>,
    pub(super) true_up: bool,
}

/// Under which version of the terms: version and place of the clause in it.
#[derive(Debug, Clone)]
pub(super) enum Under {
    One(usize, usize),
    /// Several, each with its days.
    ByDays(Vec<(usize, usize, i64)>),
}

impl Inputs {
    /// Puts a value in place of a measured one: what simulation and alignment vary. Values of
    /// longer periods are not recomputed. Does nothing when the terms do not use the measure.
    pub fn set(&mut self, period: Span, name: &str, scope: Option<&str>, value: Decimal) {
        let key = (name.to_owned(), scope.map(str::to_owned));
        let Some(slots) = self.slots.get(&key) else {
            return;
        };
        for row in self.rows.iter_mut().filter(|r| r.span == period) {
            for slot in slots {
                if let Some(cell) = row.cells.get_mut(*slot) {
                    *cell = Cell::Value(value);
                }
            }
        }
    }

    /// A measured value of a period, where the terms use it and there is one.
    #[must_use]
    pub fn get(&self, period: Span, name: &str, scope: Option<&str>) -> Option<Decimal> {
        let slots = self
            .slots
            .get(&(name.to_owned(), scope.map(str::to_owned)))?;
        let row = self.rows.iter().find(|r| r.span == period)?;
        match row.cells.get(*slots.first()?)? {
            Cell::Value(value) => Some(*value),
            Cell::Missing(_) => None,
        }
    }

    /// The way from these inputs to others of the same plan and periods: what each value, those
    /// of longer periods included, differs by. `None` when the two are laid out differently.
    ///
    /// # Errors
    /// A difference that does not fit exactly.
    pub fn way_to(&self, other: &Inputs) -> Result<Option<Way>, MoneyError> {
        if self.rows.len() != other.rows.len() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        for (row, (a, b)) in self.rows.iter().zip(&other.rows).enumerate() {
            if a.span != b.span {
                return Ok(None);
            }
            for (place, pair) in a.cells.iter().zip(&b.cells).enumerate() {
                if let (Cell::Value(from), Cell::Value(to)) = pair
                    && from != to
                {
                    cells.push((row, place, to.checked_sub(*from)?));
                }
            }
        }
        Ok(Some(Way { cells }))
    }

    /// Puts the values of `start`, moved `by` times along a way, in place of these. Both must be
    /// of the plan and periods that the way was made for.
    ///
    /// # Errors
    /// A value that does not fit exactly.
    pub fn go(&mut self, start: &Inputs, way: &Way, by: Decimal) -> Result<(), MoneyError> {
        for (row, place, step) in &way.cells {
            let from = start.rows.get(*row).and_then(|r| r.cells.get(*place));
            let to = self
                .rows
                .get_mut(*row)
                .and_then(|r| r.cells.get_mut(*place));
            if let (Some(Cell::Value(from)), Some(to)) = (from, to) {
                *to = Cell::Value(from.checked_add(step.checked_mul(by)?)?);
            }
        }
        Ok(())
    }

    /// Every period for which there are values, those of longer clauses and true-ups included.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        self.rows.iter().map(|r| r.span)
    }

    /// The statement periods, in order.
    #[must_use]
    pub fn periods(&self) -> &[Span] {
        &self.bases
    }
}

impl Plan {
    /// Lays out measures for this plan: every statement period that the measures touch.
    #[must_use]
    pub fn bind(
        &self,
        measures: &Measures,
        fx: &Arc<FxRates>,
        settled: &Arc<Settled>,
        disputes: &Arc<Vec<Dispute>>,
    ) -> Inputs {
        self.lay_out(
            measures,
            None,
            fx,
            settled,
            disputes,
            &Agreements::default(),
        )
    }

    /// As [`Plan::bind`], with everything that a settlement reads: also the months to settle
    /// whether or not there are measures for them, and what was agreed.
    #[must_use]
    pub fn bind_facts(&self, facts: &Facts) -> Inputs {
        self.lay_out(
            &facts.measures,
            facts.months,
            &facts.fx,
            &facts.settled,
            &facts.disputes,
            &facts.agreements,
        )
    }

    fn lay_out(
        &self,
        measures: &Measures,
        months: Option<Span>,
        fx: &Arc<FxRates>,
        settled: &Arc<Settled>,
        disputes: &Arc<Vec<Dispute>>,
        agreements: &Agreements,
    ) -> Inputs {
        let start = self.start.month();
        let given = measures.of(&self.contract_id, start);
        let mut inputs = Inputs {
            rows: Vec::new(),
            bases: self.statement_periods(given.keys().copied(), months),
            tasks: Vec::new(),
            reasons: Vec::new(),
            fx: Arc::clone(fx),
            settled: Arc::clone(settled),
            disputes: Arc::clone(disputes),
            slots: BTreeMap::new(),
        };
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.origin != Origin::Measure {
                continue;
            }
            let key = (slot.name.clone(), slot.scope.clone());
            inputs.slots.entry(key).or_default().push(index);
        }
        let mut layout = Layout {
            plan: self,
            given,
            agreements,
            known: BTreeMap::new(),
        };
        for base in 0..inputs.bases.len() {
            layout.tasks_of(base, &mut inputs);
        }
        inputs
    }

    /// The statement periods to settle, in order.
    fn statement_periods(
        &self,
        given: impl Iterator<Item = Span>,
        months: Option<Span>,
    ) -> Vec<Span> {
        let start = self.start.month();
        let mut touched: std::collections::BTreeSet<Span> = std::collections::BTreeSet::new();
        let mut touch = |span: Span| {
            let mut month = span.from;
            while month < span.to {
                touched.insert(Span::containing(month, self.per, start));
                month = month.next();
            }
        };
        match months {
            Some(months) => touch(months),
            None => given.for_each(&mut touch),
        }
        let last = self.last_month();
        touched
            .into_iter()
            .filter(|s| s.to > start && last.is_none_or(|l| s.from < l))
            .map(|s| match self.tail {
                None => Span {
                    from: s.from,
                    to: last.map_or(s.to, |l| s.to.min(l)),
                },
                Some(_) => s,
            })
            .collect()
    }

    /// First month in which nothing is settled any more.
    pub(super) fn last_month(&self) -> Option<Month> {
        let end = self.end.map(|e| e.plus_days(-1).month().next());
        match (&self.tail, end) {
            (Some((tail, _)), Some(end)) => Some((*tail).max(end)),
            (_, end) => end,
        }
    }

    /// The versions that hold in a period, each with its days `[from, to)`.
    fn versions_in(&self, span: Span) -> Vec<(usize, Date, Date)> {
        let rows = self.epochs.len();
        // A row of its own for the smallest span that covers the period, else the general row.
        let row = self
            .epochs
            .iter()
            .enumerate()
            .filter_map(|(i, e)| e.map(|e| (i, e)))
            .filter(|(_, e)| e.covers(span))
            .min_by_key(|(_, e)| e.months())
            .map_or(0, |(i, _)| i);
        let first = span.first_day();
        let after_last = span.to.first_day();
        let mut parts: Vec<(usize, Date)> = vec![(0, first)];
        for (i, (effective, inside)) in self.amendments.iter().enumerate() {
            let number = i + 1;
            if *effective <= first {
                parts = vec![(number, first)];
            } else if *effective < after_last {
                match inside {
                    Some(InsidePeriod::WholePeriod) => parts = vec![(number, first)],
                    Some(InsidePeriod::ByDays) | None => parts.push((number, *effective)),
                    Some(InsidePeriod::NextPeriod) => {}
                }
            }
        }
        let ends: Vec<Date> = parts
            .iter()
            .skip(1)
            .map(|(_, d)| *d)
            .chain([after_last])
            .collect();
        parts
            .iter()
            .zip(ends)
            .map(|((number, from), to)| (number * rows + row, *from, to))
            .collect()
    }

    /// The days `[from, to)` of a period on which a clause is in force; empty when it is on none.
    fn in_force(&self, clause: &Clause, span: Span) -> (Date, Date) {
        let mut from = span.first_day().max(self.start);
        let mut to = span.to.first_day();
        let in_tail = self
            .tail
            .as_ref()
            .is_some_and(|(last, ids)| ids.contains(&clause.id) && span.to <= *last);
        if let Some(end) = self.end
            && !in_tail
        {
            to = to.min(end);
        }
        if let Some(day) = clause.from {
            from = from.max(day);
        }
        if let Some(day) = clause.until {
            to = to.min(day);
        }
        (from, to)
    }

    /// The day whose exchange rates count for a period.
    pub(super) fn fx_day(&self, span: Span) -> Date {
        match self.fx_date {
            FxDate::PeriodEnd => span.last_day(),
            FxDate::PeriodStart => span.first_day(),
            FxDate::ContractStart => self.start,
            FxDate::Fixed => self.fx_day.unwrap_or(self.start),
        }
    }
}

struct Layout<'a> {
    plan: &'a Plan,
    given: BTreeMap<Span, &'a BTreeMap<String, BTreeMap<Option<String>, Measured>>>,
    agreements: &'a Agreements,
    known: BTreeMap<Span, usize>,
}

impl Layout<'_> {
    fn tasks_of(&mut self, base: usize, inputs: &mut Inputs) {
        let Some(&period) = inputs.bases.get(base) else {
            return;
        };
        let versions = self.plan.versions_in(period);
        // The order of the version that holds last; what it dropped comes after.
        let mut order: Vec<usize> = Vec::new();
        for (version, _, _) in versions.iter().rev() {
            for clause in self
                .plan
                .versions
                .get(*version)
                .iter()
                .flat_map(|v| &v.clauses)
            {
                if !order.contains(&clause.number) {
                    order.push(clause.number);
                }
            }
        }
        for number in order {
            let place = versions
                .iter()
                .rev()
                .find_map(|(v, _, _)| self.find(*v, number));
            let Some(clause) = place else { continue };
            let (per, true_up) = (clause.per, clause.true_up);
            if let Some(span) = self.due(per, period) {
                self.task(number, base, span, false, inputs);
            }
            if let Some(span) = true_up.and_then(|per| self.due(per, period)) {
                self.task(number, base, span, true, inputs);
            }
        }
    }

    fn find(&self, version: usize, number: usize) -> Option<&Clause> {
        self.plan
            .versions
            .get(version)?
            .clauses
            .iter()
            .find(|c| c.number == number)
    }

    /// The period of a clause that ends with a statement period.
    fn due(&self, per: Per, base: Span) -> Option<Span> {
        let mut span = Span::containing(base.from, per, self.plan.start.month());
        if let Some(last) = self.plan.last_month()
            && self.plan.tail.is_none()
        {
            span.to = span.to.min(last);
        }
        (span.to == base.to).then_some(span)
    }

    fn task(&mut self, number: usize, base: usize, span: Span, true_up: bool, inputs: &mut Inputs) {
        let mut under = Vec::new();
        let mut part = None;
        let all = span.days();
        let versions = self.plan.versions_in(span);
        for (version, from, to) in &versions {
            let found = self
                .plan
                .versions
                .get(*version)
                .and_then(|v| v.clauses.iter().position(|c| c.number == number));
            let Some(place) = found else { continue };
            let clause = &self.plan.versions[*version].clauses[place];
            let (since, until) = self.plan.in_force(clause, span);
            if since >= until {
                continue;
            }
            let days = if clause.prorate {
                until.min(*to).days_since(since.max(*from))
            } else {
                to.days_since(*from)
            };
            if days > 0 {
                under.push((*version, place, days));
                part = (clause.prorate && days < all).then_some((days, all));
            }
        }
        let under = match under.as_slice() {
            [] => return,
            // One version alone: its days are what the contract covers of the period.
            [(version, place, _)] if versions.len() == 1 => Under::One(*version, *place),
            _ => {
                part = None;
                Under::ByDays(under)
            }
        };
        let row = self.row(span, inputs);
        inputs.tasks.push(Task {
            clause: number,
            row,
            base,
            under,
            part,
            true_up,
        });
    }

    fn row(&mut self, span: Span, inputs: &mut Inputs) -> usize {
        if let Some(row) = self.known.get(&span) {
            return *row;
        }
        let before = Span {
            from: span.from.plus(-span.months()),
            to: span.from,
        };
        let previous = if before.from >= self.plan.start.month() || self.given.contains_key(&before)
        {
            Some(self.row_plain(before, inputs))
        } else {
            None
        };
        let row = self.row_plain(span, inputs);
        if let Some(made) = inputs.rows.get_mut(row) {
            made.previous = previous;
        }
        row
    }

    fn row_plain(&mut self, span: Span, inputs: &mut Inputs) -> usize {
        if let Some(row) = self.known.get(&span) {
            return *row;
        }
        let mut cells = Vec::with_capacity(self.plan.slots.len());
        for slot in &self.plan.slots {
            let value = self
                .value(slot, span)
                .and_then(|v| self.converted(slot, v, span, inputs));
            cells.push(match value {
                Ok(value) => Cell::Value(value),
                Err(reason) => {
                    let number = inputs.reasons.iter().position(|r| *r == reason);
                    let number = number.unwrap_or_else(|| {
                        inputs.reasons.push(reason);
                        inputs.reasons.len() - 1
                    });
                    Cell::Missing(u32::try_from(number).unwrap_or(u32::MAX))
                }
            });
        }
        inputs.rows.push(Row {
            span,
            cells,
            previous: None,
        });
        self.known.insert(span, inputs.rows.len() - 1);
        inputs.rows.len() - 1
    }

    fn direct(&self, slot: &Slot, span: Span) -> Option<Result<Decimal, String>> {
        let row = self.given.get(&span)?;
        match row.get(&slot.name)?.get(&slot.scope)? {
            Measured::Value(value) => Some(Ok(*value)),
            Measured::NotMeasurable(reason) => Some(Err(reason.clone())),
        }
    }

    fn value(&self, slot: &Slot, span: Span) -> Result<Decimal, String> {
        let contract = &self.plan.contract_id;
        match &slot.origin {
            Origin::Measure => {}
            Origin::Relief { kpi, service } => {
                let of = (kpi.as_deref(), service.as_deref());
                let share = self
                    .agreements
                    .relieved(contract, of, span, &self.plan.relief);
                return share.map_err(|e| e.to_string());
            }
            Origin::Weight {
                party,
                service,
                priority,
            } => {
                let (service, priority) = (service.as_deref(), priority.as_deref());
                return self.agreements.weight(contract, party, service, priority);
            }
        }
        if let Some(value) = self.direct(slot, span) {
            return match (value, slot.default) {
                (Err(_), Some(default)) => Ok(default),
                (value, _) => value.map_err(|r| format!("in {span} {r}")),
            };
        }
        if span.months() > 1 && slot.aggregate != Aggregate::None {
            return self.aggregated(slot, span);
        }
        if let Some(default) = slot.default {
            return Ok(default);
        }
        if span.months() > 1 && self.parts(slot, span).iter().any(|(_, v)| v.is_some()) {
            return Err(format!(
                "it is given per month but is needed for {span}, and its months do not add up: \
                 give the value for {span}, or declare `aggregate`"
            ));
        }
        Err(format!("there is no value for {span}"))
    }

    /// The values of the months, or of the quarters if there are those.
    fn parts(&self, slot: &Slot, span: Span) -> Vec<(Span, Option<Result<Decimal, String>>)> {
        let start = self.plan.start.month();
        let pieces = |per: Per| -> Vec<Span> {
            let mut found = Vec::new();
            let mut month = span.from;
            while month < span.to {
                let piece = Span::containing(month, per, start);
                found.push(Span {
                    from: month,
                    to: piece.to.min(span.to),
                });
                month = piece.to;
            }
            found
        };
        let with = |spans: Vec<Span>| -> Vec<(Span, Option<Result<Decimal, String>>)> {
            spans
                .into_iter()
                .map(|s| (s, self.direct(slot, s)))
                .collect()
        };
        if span.months() > 3 {
            let quarters = with(pieces(Per::Quarter));
            if quarters.iter().all(|(_, v)| v.is_some()) {
                return quarters;
            }
        }
        with(pieces(Per::Month))
    }

    fn aggregated(&self, slot: &Slot, span: Span) -> Result<Decimal, String> {
        let mut values = Vec::new();
        let mut missing = Vec::new();
        for (piece, value) in self.parts(slot, span) {
            match (value, slot.default) {
                (Some(Ok(value)), _) => values.push(value),
                (_, Some(default)) => values.push(default),
                (Some(Err(reason)), None) => return Err(format!("in {piece} {reason}")),
                (None, None) => missing.push(piece.to_string()),
            }
        }
        if !missing.is_empty() {
            return Err(format!(
                "there is no value for {} of {span}",
                missing.join(", ")
            ));
        }
        let sum = || {
            values
                .iter()
                .try_fold(Decimal::ZERO, |a, b| a.checked_add(*b))
        };
        let found = match slot.aggregate {
            Aggregate::Sum => Some(sum().map_err(|e| e.to_string())?),
            Aggregate::Mean => {
                let count = Decimal::from_u64(values.len() as u64);
                let mean = sum().and_then(|s| s.div(count, MEAN_DECIMALS, Rounding::HalfEven));
                Some(mean.map_err(|e| e.to_string())?.normalized())
            }
            Aggregate::Last => values.last().copied(),
            Aggregate::First => values.first().copied(),
            Aggregate::Max => values.iter().copied().max(),
            Aggregate::Min => values.iter().copied().min(),
            Aggregate::None => None,
        };
        found.ok_or_else(|| format!("there is no value for {span}"))
    }

    fn converted(
        &self,
        slot: &Slot,
        value: Decimal,
        span: Span,
        inputs: &Inputs,
    ) -> Result<Decimal, String> {
        let Some((from, to)) = slot.convert else {
            return Ok(value);
        };
        let day = self.plan.fx_day(span);
        let decimals = self.plan.fx_decimals;
        inputs
            .fx
            .convert(value, from, to, day, decimals, Rounding::HalfEven)
            .map(|(converted, _)| converted)
            .map_err(|e| e.to_string())
    }
}
