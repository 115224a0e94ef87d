//! A plan: the terms of one contract, bound to its parameters and ready to be run any number of
//! times. Not responsible for measures (see [`super::inputs`]) or for running (see
//! [`super::run`]).

use std::collections::BTreeMap;

use super::agreements::ReliefRule;
use super::clause::{Clause, Payees};
use super::kinds;
use super::lower::{Lower, Origin, Slot};
use super::parameters::{ParameterRow, ParameterValue, Parameters};
use super::period::Span;
use crate::money::{Currency, Rounding};
use crate::terms::{
    AmendmentSource, ClauseSource, FxDate, HoldbackEnd, InsidePeriod, Kind, Located, Per, Problem,
    RoundAt, SettleSpec, StartSource, TermsSource, Value,
};
use crate::time::{Date, Month};

/// The terms of one contract, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub(super) contract_id: String,
    pub(super) customer: String,
    pub(super) supplier: String,
    pub(super) currency: Currency,
    pub(super) start: Date,
    /// First day on which nothing holds any more, tails aside.
    pub(super) end: Option<Date>,
    pub(super) terminated: bool,
    pub(super) tail: Option<(Month, Vec<String>)>,
    pub(super) holdback_end: HoldbackEnd,
    pub(super) per: Per,
    pub(super) relief: ReliefRule,
    pub(super) fx_date: FxDate,
    pub(super) fx_day: Option<Date>,
    pub(super) fx_decimals: u8,
    pub(super) fx_max_age: i32,
    pub(super) slots: Vec<Slot>,
    /// Ids by clause number.
    pub(super) ids: Vec<String>,
    pub(super) versions: Vec<Version>,
    /// The amendments, with their effective dates.
    pub(super) amendments: Vec<(Date, Option<InsidePeriod>)>,
    /// Which parameter row counts where: spans of the special rows.
    pub(super) epochs: Vec<Option<Span>>,
}

/// One state of the terms: after so many amendments, with one parameter row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Version {
    pub(super) name: String,
    pub(super) clauses: Vec<Clause>,
}

/// Why a contract cannot be settled at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("contract {contract_id}: {reason}")]
pub struct PlanError {
    /// The contract.
    pub contract_id: String,
    /// Why.
    pub reason: String,
}

/// What contradicts itself in the terms once names are bound, without any contract's data.
#[must_use]
pub fn check(spec: &SettleSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut slots = Vec::new();
    let mut ids = Vec::new();
    for after in 0..=spec.source.amendment.len() {
        let _ = version(
            &spec.source,
            after,
            None,
            "",
            &mut ids,
            &mut slots,
            &mut problems,
        );
    }
    problems.extend(named_parameters(&spec.source));
    problems.extend(inside_periods(&spec.source));
    for tail in spec
        .source
        .termination
        .iter()
        .filter_map(|t| t.value.tail.as_ref())
    {
        for id in &tail.clauses {
            if !ids.contains(&id.value) {
                let known: Vec<&str> = ids.iter().map(String::as_str).collect();
                problems.push(
                    Problem::at(&id.span, format!("there is no clause `{}`", id.value))
                        .help(crate::terms::suggestion(&id.value, &known)),
                );
            }
        }
    }
    problems
}

fn named_parameters(source: &TermsSource) -> Vec<Problem> {
    let mut problems = Vec::new();
    let dates = [
        Some(&source.contract.start),
        source.termination.as_ref().map(|t| &t.value.date),
    ];
    for start in dates.into_iter().flatten() {
        if let StartSource::Parameter(name) = &start.value {
            let is_date = source.parameters.get(name).is_some_and(|p| {
                p.value
                    .cell
                    .as_ref()
                    .is_some_and(|c| c.value == crate::terms::CellType::Date)
            });
            if !is_date {
                problems.push(
                    Problem::at(&start.span, format!("`{name}` is no date and no parameter of type date"))
                        .help("write a date such as 2024-01-31, or declare the parameter with type = \"date\""),
                );
            }
        }
    }
    problems
}

/// An amendment inside a settlement period has to say what that means.
fn inside_periods(source: &TermsSource) -> Vec<Problem> {
    let contract_per = source.contract.per.as_ref().map_or(Per::Month, |p| p.value);
    let longest = source
        .clause
        .iter()
        .filter_map(|c| c.value.per.as_ref().map(|p| p.value))
        .chain([contract_per])
        .map(Per::months)
        .max()
        .unwrap_or(1);
    let mut problems = Vec::new();
    for amendment in &source.amendment {
        let day = amendment.value.effective.value.0;
        let whole = match &source.contract.start.value {
            StartSource::Day(start) => {
                day.month()
                    .months_since(start.0.month())
                    .rem_euclid(longest)
                    == 0
            }
            StartSource::Parameter(_) => longest == 1,
        };
        if amendment.value.inside_period.is_none() && (day != day.month().first_day() || !whole) {
            problems.push(
                Problem::at(
                    &amendment.value.effective.span,
                    format!("amendment `{}` starts inside a settlement period", amendment.value.id.value),
                )
                .help("say what counts for that period: inside_period = \"by_days\", \"next_period\" or \"whole_period\""),
            );
        }
    }
    problems
}

impl Plan {
    /// Binds the terms to a contract's parameters.
    ///
    /// # Errors
    /// A contract without a start date. Anything else that a contract lacks makes single clauses
    /// not measurable, not the contract.
    pub fn new(
        spec: &SettleSpec,
        contract_id: &str,
        parameters: &Parameters,
    ) -> Result<Plan, PlanError> {
        let source = &spec.source;
        let given = |name: &str| match parameters.of_contract(contract_id, name) {
            Some(value) => Some(value.clone()),
            None => source
                .parameters
                .get(name)
                .map(|p| super::table::default_of(&p.value)),
        };
        let refuse = |reason: String| PlanError {
            contract_id: contract_id.to_owned(),
            reason,
        };
        let date_of = |start: &StartSource| match start {
            StartSource::Day(day) => Ok(Some(day.0)),
            StartSource::Parameter(name) => match given(name) {
                Some(ParameterValue::Date(date)) => Ok(Some(date)),
                Some(ParameterValue::Missing(_)) | None => Ok(None),
                Some(other) => Err(refuse(format!(
                    "parameter `{name}` is no date but {other:?}"
                ))),
            },
        };
        let start = date_of(&source.contract.start.value)?
            .ok_or_else(|| refuse("the parameter that gives its start date has no value".into()))?;
        let mut end = source.contract.end.as_ref().map(|e| e.value.0);
        let mut terminated = false;
        let mut tail = None;
        if let Some(termination) = &source.termination
            && let Some(date) = date_of(&termination.value.date.value)?
        {
            if end.is_none_or(|e| date < e) {
                end = Some(date);
            }
            terminated = true;
            tail = termination.value.tail.as_ref().map(|t| {
                let last = date.plus_days(-1).month().next();
                (
                    last.plus(i32::from(t.months)),
                    t.clauses.iter().map(|c| c.value.clone()).collect(),
                )
            });
        }
        let mut rows = parameters.rows(contract_id);
        for (_, row) in &mut rows {
            for (name, declared) in &source.parameters {
                if !row.contains_key(name) {
                    row.insert(name.clone(), super::table::default_of(&declared.value));
                }
            }
        }
        let supplier = match &source.contract.supplier {
            None => "supplier".to_owned(),
            Some(name) => match given(&name.value) {
                Some(ParameterValue::Text(text)) => text,
                _ => name.value.clone(),
            },
        };
        let mut slots = Vec::new();
        let mut ids = Vec::new();
        let mut versions = Vec::new();
        let mut problems = Vec::new();
        for after in 0..=source.amendment.len() {
            for (_, row) in &rows {
                versions.push(version(
                    source,
                    after,
                    Some(row),
                    &supplier,
                    &mut ids,
                    &mut slots,
                    &mut problems,
                ));
            }
        }
        let fx = source.fx.as_ref();
        Ok(Plan {
            contract_id: contract_id.to_owned(),
            customer: source
                .contract
                .customer
                .clone()
                .unwrap_or_else(|| "customer".to_owned()),
            supplier,
            currency: source.contract.currency.value,
            start,
            end,
            terminated,
            tail,
            holdback_end: source
                .termination
                .as_ref()
                .map(|t| t.value.holdback)
                .unwrap_or_default(),
            per: source.contract.per.as_ref().map_or(Per::Month, |p| p.value),
            relief: source
                .relief
                .as_ref()
                .map_or_else(ReliefRule::default, |r| ReliefRule {
                    claim_within_days: r.claim_within_days,
                    kinds: r.kinds.clone(),
                }),
            fx_date: fx.map_or(FxDate::PeriodEnd, |f| f.date),
            fx_day: fx.and_then(|f| f.day).map(|d| d.0),
            fx_decimals: fx.and_then(|f| f.decimals).unwrap_or(12),
            fx_max_age: fx.and_then(|f| f.max_age_days).unwrap_or(10),
            slots,
            ids,
            versions,
            amendments: source
                .amendment
                .iter()
                .map(|a| (a.value.effective.value.0, a.value.inside_period))
                .collect(),
            epochs: rows
                .iter()
                .map(|(key, _)| key.map(|k| k.span(start.month())))
                .collect(),
        })
    }

    /// The contract.
    #[must_use]
    pub fn contract_id(&self) -> &str {
        &self.contract_id
    }

    /// The currency of the statement.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// First month of the contract.
    #[must_use]
    pub fn first_month(&self) -> Month {
        self.start.month()
    }

    /// First month in which nothing is settled any more; `None` when the contract is open.
    #[must_use]
    pub fn end_month(&self) -> Option<Month> {
        self.last_month()
    }

    /// Length of a statement period.
    #[must_use]
    pub fn per(&self) -> Per {
        self.per
    }

    /// The measures that the terms use: name and scope, each once.
    pub fn measures(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let mut seen = std::collections::BTreeSet::new();
        self.slots
            .iter()
            .filter(|s| s.origin == Origin::Measure)
            .map(|s| (s.name.as_str(), s.scope.as_deref()))
            .filter(move |key| seen.insert(*key))
    }

    /// The ids of the clauses, in the order of the terms.
    pub fn clauses(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

/// The clauses after so many amendments: replaced in place, added at the end, removed.
fn amended(
    source: &TermsSource,
    after: usize,
) -> (
    Vec<&Located<ClauseSource>>,
    BTreeMap<String, Located<Value>>,
) {
    let mut clauses: Vec<&Located<ClauseSource>> = source.clause.iter().collect();
    let mut define = source.define.clone();
    for amendment in source.amendment.iter().take(after) {
        let amendment: &AmendmentSource = &amendment.value;
        for clause in &amendment.clause {
            match clauses.iter_mut().find(|c| c.value.id == clause.value.id) {
                Some(place) => *place = clause,
                None => clauses.push(clause),
            }
        }
        clauses.retain(|c| !amendment.remove.contains(&c.value.id));
        define.extend(amendment.define.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    (clauses, define)
}

fn version(
    source: &TermsSource,
    after: usize,
    parameters: Option<&ParameterRow>,
    supplier: &str,
    ids: &mut Vec<String>,
    slots: &mut Vec<Slot>,
    problems: &mut Vec<Problem>,
) -> Version {
    let (written, define) = amended(source, after);
    let contract_per = source.contract.per.as_ref().map_or(Per::Month, |p| p.value);
    let mut lower = Lower {
        source,
        define: &define,
        parameters,
        slots,
        problems,
        earlier: BTreeMap::new(),
        later: written.iter().map(|c| c.value.id.value.clone()).collect(),
        currency: source.contract.currency.value,
        depth: 0,
        size: 0,
    };
    if after > 0 {
        for removed in source
            .amendment
            .get(after - 1)
            .iter()
            .flat_map(|a| &a.value.remove)
        {
            let known: Vec<&str> = ids.iter().map(String::as_str).collect();
            if !known.contains(&removed.value.as_str()) {
                lower.problems.push(
                    Problem::at(
                        &removed.span,
                        format!("there is no clause `{}` to remove", removed.value),
                    )
                    .help(crate::terms::suggestion(&removed.value, &known)),
                );
            }
        }
    }
    let mut clauses = Vec::with_capacity(written.len());
    for located in written {
        let one = &located.value;
        let number = match ids.iter().position(|id| *id == one.id.value) {
            Some(number) => number,
            None => {
                ids.push(one.id.value.clone());
                ids.len() - 1
            }
        };
        lower.later.retain(|id| *id != one.id.value);
        lower.currency = one
            .currency
            .as_ref()
            .map_or(source.contract.currency.value, |c| c.value);
        clauses.push(clause(
            source,
            one,
            number,
            contract_per,
            supplier,
            &mut lower,
        ));
        lower.earlier.insert(
            one.id.value.clone(),
            (number, one.kind.value == Kind::Rebase),
        );
        if one.kind.value == Kind::Wallet {
            // A wallet divides spend; it is no amount that others could use.
            lower.earlier.remove(&one.id.value);
        }
    }
    let name = match after.checked_sub(1).and_then(|i| source.amendment.get(i)) {
        Some(amendment) => amendment.value.id.value.clone(),
        None => "original".to_owned(),
    };
    Version { name, clauses }
}

fn clause(
    source: &TermsSource,
    one: &ClauseSource,
    number: usize,
    contract_per: Per,
    supplier: &str,
    lower: &mut Lower<'_>,
) -> Clause {
    let body = kinds::body(one, contract_per, lower);
    follows_volume(one, lower);
    let pay_in = one
        .pay_in
        .as_ref()
        .map_or(source.contract.currency.value, |c| c.value);
    let rounding = one.rounding.or(source.contract.rounding);
    let payees = match &one.split {
        Some(split) => Payees::Split(
            split
                .value
                .iter()
                .map(|(name, share)| (name.clone(), lower.number(share)))
                .collect(),
        ),
        None => Payees::One(
            one.supplier
                .as_ref()
                .map_or_else(|| supplier.to_owned(), |s| s.value.clone()),
        ),
    };
    Clause {
        number,
        id: one.id.value.clone(),
        kind: one.kind.value,
        rule: one.rule.clone().unwrap_or_default(),
        per: one.per.as_ref().map_or(contract_per, |p| p.value),
        currency: one
            .currency
            .as_ref()
            .map_or(source.contract.currency.value, |c| c.value),
        pay_in,
        from: one.from.as_ref().map(|d| d.value.0),
        until: one.until.as_ref().map(|d| d.value.0),
        when: one.when.as_ref().map(|w| lower.truth(w)),
        payees,
        prorate: one.prorate.unwrap_or(one.kind.value == Kind::FixedFee),
        decimals: rounding
            .and_then(|r| r.decimals)
            .unwrap_or_else(|| pay_in.minor_digits()),
        rounding: rounding.map_or(Rounding::HalfUp, |r| r.mode),
        round_at: rounding.map_or(RoundAt::Line, |r| r.at),
        true_up: one.true_up.as_ref().map(|t| t.value),
        body,
    }
}

/// A saving against a benchmark that rises with every ticket pays the supplier for tickets:
/// such terms have to say twice that they mean it.
fn follows_volume(one: &ClauseSource, lower: &mut Lower<'_>) {
    if !matches!(one.kind.value, Kind::GainShare | Kind::PainShare) {
        return;
    }
    let Some(basis) = &one.basis else { return };
    let before = lower.problems.len();
    let expr = lower.number(basis);
    lower.problems.truncate(before);
    let driven = expr.uses.iter().any(|(name, _)| name == "ticket_count");
    let said = one
        .benchmark_follows_volume
        .as_ref()
        .is_some_and(|b| b.value);
    if driven && !said {
        lower.problems.push(
            Problem::at(&basis.span, "this saving depends on the ticket count: more tickets, a higher benchmark")
                .help("use a benchmark that does not follow the volume, or say that you mean it: benchmark_follows_volume = true"),
        );
    }
}
