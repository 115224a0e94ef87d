//! The way through the stage: for one contract, every period and scope, every KPI of the
//! catalogue; targets, scores and findings. Not responsible for any KPI's formula.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::basis::Basis;
use super::catalogue::{self, Kpi, Periods, outcome_of};
use super::exposure::Exposure;
use super::kpi::quality;
use super::mix::Rates;
use super::parts::Parts;
use super::records::Records;
use super::spec::{KpiTarget, ScoreSpec};
use super::value::{Direction, KpiStatus, KpiValue, Level, Scope};
use super::view::{Delivered, Outcome, REFUSED, View};
use crate::baseline::saving::{Exchange, Figures, SavingResult};
use crate::baseline::{BaselineResult, BaselineSpec, JointRow, Scope as JointScope};
use crate::finding::{Finding, Severity, Stage};
use crate::measure::billing::BillingCells;
use crate::measure::cells::Cells;
use crate::measure::plan::MeasurePlan;
use crate::money::{Decimal, Rounding};
use crate::time::{Instant, Month, Period, months_between};

/// Everything that the KPI values of one contract depend on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The contract with its zone, calendars and targets.
    pub plan: &'a MeasurePlan,
    /// The `[score]` table of its terms.
    pub spec: &'a ScoreSpec,
    /// Its baseline and performance periods.
    pub baseline_spec: &'a BaselineSpec,
    /// What the baseline stage says; rows of other contracts are ignored.
    pub baseline: &'a BaselineResult,
    /// What was invoiced and saved, over [`periods`].
    pub saving: &'a SavingResult,
    /// Measured cells; those of other contracts are ignored.
    pub cells: &'a Cells,
    /// Invoiced amounts; those of other contracts are ignored.
    pub billing: &'a BillingCells,
    /// The small tables; rows of other contracts are ignored.
    pub records: &'a Records,
    /// Rows of the exposure table; those of other contracts are ignored.
    pub exposure: &'a [Exposure],
    /// What the exports deliver.
    pub delivered: &'a Delivered,
    /// The months of which tickets are known; `None`: as [`super::observed`] finds them.
    pub observed: Option<Period<Month>>,
    /// How amounts of the small tables in other currencies than the contract's are converted.
    pub exchange: Exchange<'a>,
    /// The moment the run speaks of.
    pub as_of: Instant,
    /// The scopes to publish; the contract is always.
    pub levels: &'a [Level],
}

/// What the stage gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scored {
    /// Rows of the `kpi` table by period, scope and catalogue order.
    pub values: Vec<KpiValue>,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

/// The periods of the terms: each month of baseline and performance and the whole baseline
/// period; quarters, contract years and the whole of the performance period, counted from its
/// start. In order; equal periods once.
#[must_use]
pub fn periods(spec: &BaselineSpec) -> Vec<Period<Month>> {
    let mut all = BTreeSet::new();
    for month in months_between(spec.baseline.start(), spec.baseline.end()) {
        all.insert(Period::spanning(month, month.next()));
    }
    let (start, end) = (spec.performance.start(), spec.performance.end());
    for step in [1, 3, 12] {
        let mut from = start;
        while from < end {
            let to = from.plus(step).min(end);
            all.insert(Period::spanning(from, to));
            from = to;
        }
    }
    all.insert(spec.baseline);
    all.insert(spec.performance);
    all.into_iter().filter(|p| !p.is_empty()).collect()
}

/// Which KPI values are asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Periods that share a month with this one.
    pub months: Period<Month>,
    /// Scopes.
    pub scope: &'a (dyn Fn(&Scope) -> bool + Sync),
    /// KPIs, by id; composite scores by that of their measure.
    pub kpi: &'a (dyn Fn(&str) -> bool + Sync),
}

/// All KPI values of one contract.
#[must_use]
pub fn score(inputs: &Inputs<'_>) -> Scored {
    let basis = Basis::new(inputs);
    let values = valued(inputs, &basis, None);
    let findings = findings(inputs, &basis, &values);
    Scored { values, findings }
}

/// Some of the KPI values of one contract on a basis of the same inputs, whatever cells it was
/// gathered from, as [`score`] gives them. Scores are those over the targets of KPIs that are
/// wanted as well.
#[must_use]
pub fn score_some(inputs: &Inputs<'_>, basis: &Basis, wanted: Wanted<'_>) -> Vec<KpiValue> {
    valued(inputs, basis, Some(wanted))
}

fn valued(inputs: &Inputs<'_>, basis: &Basis, wanted: Option<Wanted<'_>>) -> Vec<KpiValue> {
    let asked = |kpi: &str| wanted.is_none_or(|w| (w.kpi)(kpi));
    let contract_id = inputs.plan.contract_id.as_str();
    let spec = inputs.baseline_spec;
    let (table, exposure) = (&basis.table, &*basis.exposure);
    let joint: BTreeMap<(Scope, Period<Month>), &JointRow> = inputs
        .baseline
        .joint
        .iter()
        .filter(|row| row.contract_id == contract_id)
        .filter_map(|row| Some(((scope_of(&row.scope)?, row.period), row)))
        .collect();
    let scopes: Vec<(&Scope, &Parts)> = basis
        .bases
        .iter()
        .filter(|(scope, _)| wanted.is_none_or(|w| (w.scope)(scope)))
        .map(|(scope, base)| (scope, &**base))
        .collect();
    let nothing = Parts::default();
    let no_rates = Rates::default();
    let common = View {
        parts: &nothing,
        base: &nothing,
        scope: &Scope::Contract,
        period: spec.baseline,
        as_of: inputs.as_of,
        records: &basis.records,
        table,
        fixes: &basis.fixes,
        joint: None,
        saving: None,
        rates: &no_rates,
        level: spec.level,
        spec: inputs.spec,
        plan: inputs.plan,
        decimals: u8::try_from(spec.decimals).unwrap_or(4),
        has_exposure: !exposure.is_empty(),
        has_joint: !joint.is_empty(),
        delivered: inputs.delivered,
        exchange: inputs.exchange,
        scores: &[],
    };
    let of_period = |period: Period<Month>| -> Vec<KpiValue> {
        let mut values = Vec::new();
        let performs = spec.performance.start() <= period.start();
        for &(scope, base) in &scopes {
            let parts = table.over(scope, period);
            let row = joint.get(&(scope.clone(), period)).copied();
            let rates = if performs {
                let strata = &basis.strata;
                strata.rates(scope, period, spec.baseline, basis.known, exposure)
            } else {
                Rates::default()
            };
            let now = View {
                rates: &rates,
                parts: &parts,
                base,
                joint: row,
                scope,
                period,
                saving: saving_of(inputs.saving, scope, period),
                ..common
            };
            let before = View {
                parts: base,
                base,
                scope,
                ..common
            };
            let mut scores = Vec::new();
            for entry in catalogue::all() {
                if !entry.levels.of.contains(&level(scope))
                    || (entry.periods == Periods::Performance && !performs)
                    || !asked(entry.id)
                {
                    continue;
                }
                let scored = View {
                    scores: &scores,
                    ..now
                };
                let outcome = outcome_of(entry, &scored);
                let mut value = value_of(entry, outcome, &scored, inputs);
                if performs {
                    if entry.comparable && base.months_observed > 0 {
                        value.baseline = outcome_of(entry, &before).ok().map(|o| o.value);
                    }
                    if let Some(target) = inputs.spec.targets.get(entry.id) {
                        aim(&mut value, target);
                        let score = value.score.ok_or_else(|| value.reason.clone());
                        scores.push((entry.id, target.weight, score));
                    }
                }
                values.push(value);
            }
            if performs && *scope == Scope::Contract {
                let scored = View {
                    scores: &scores,
                    ..now
                };
                let composites = inputs.spec.composite.iter();
                for composite in composites.filter(|c| asked(&c.measure())) {
                    let outcome = quality::composite(&scored, composite);
                    let mut value = value_of(&quality::QUALITY_SCORE, outcome, &scored, inputs);
                    value.kpi = Cow::Owned(composite.measure());
                    values.push(value);
                }
            }
        }
        values
    };
    // Side by side, and in the order of the periods.
    let mut asked_for = periods(spec);
    asked_for.retain(|period| wanted.is_none_or(|w| w.months.intersect(period).is_some()));
    let all: Vec<Vec<KpiValue>> = asked_for.into_par_iter().map(of_period).collect();
    all.into_iter().flatten().collect()
}

/// The scope of a joint result; `None` for one cell, which is published nowhere.
#[must_use]
pub fn scope_of(scope: &JointScope) -> Option<Scope> {
    match scope {
        JointScope::Contract => Some(Scope::Contract),
        JointScope::Service(id) => Some(Scope::Service(id.clone())),
        JointScope::Priority(p) => crate::measure::spec::priority(p).map(Scope::Priority),
        JointScope::Cell { .. } => None,
    }
}

fn saving_of<'a>(
    saving: &'a SavingResult,
    scope: &Scope,
    period: Period<Month>,
) -> Option<&'a Figures> {
    let service = match scope {
        Scope::Contract => None,
        Scope::Service(id) => Some(id.clone()),
        Scope::Supplier(_) | Scope::Priority(_) => return None,
    };
    saving.figures.get(&(service, period))
}

fn level(scope: &Scope) -> Level {
    match scope {
        Scope::Contract => Level::Contract,
        Scope::Supplier(_) => Level::Supplier,
        Scope::Service(_) => Level::Service,
        Scope::Priority(_) => Level::Priority,
    }
}

/// Whether a scope is published.
pub(super) fn published(scope: &Scope, levels: &[Level]) -> bool {
    *scope == Scope::Contract || levels.contains(&level(scope))
}

/// The row of an outcome.
fn value_of(
    entry: &Kpi,
    outcome: Result<Outcome, String>,
    view: &View<'_>,
    inputs: &Inputs<'_>,
) -> KpiValue {
    let min_n = inputs
        .spec
        .min_n
        .get(entry.id)
        .copied()
        .unwrap_or(entry.min_n);
    let mut value = KpiValue {
        contract_id: inputs.plan.contract_id.clone(),
        period: view.period,
        kpi: Cow::Borrowed(entry.id),
        scope: view.scope.clone(),
        value: None,
        unit: entry.unit_text(inputs.spec.currency.as_str()),
        n: 0,
        min_n,
        excluded_n: 0,
        numerator: None,
        denominator: None,
        baseline: None,
        target: None,
        ci_low: None,
        ci_high: None,
        ci_level: None,
        score: None,
        direction: entry.direction,
        status: KpiStatus::NotMeasurable,
        reason: String::new(),
        rule: entry.rule.into(),
        distribution: None,
        provisional: false,
    };
    match outcome {
        Err(reason) => {
            if reason.starts_with(REFUSED) {
                value.status = KpiStatus::Disqualified;
            }
            value.reason = reason;
        }
        Ok(outcome) => {
            value.n = outcome.n;
            value.excluded_n = outcome.excluded;
            value.numerator = outcome.numerator;
            value.denominator = outcome.denominator;
            value.reason = outcome.note;
            if *view.scope == Scope::Contract {
                value.distribution = outcome.distribution;
            }
            if outcome.n < min_n {
                value.reason = format!("{} observations, {min_n} are needed", outcome.n);
                return value;
            }
            value.status = KpiStatus::Ok;
            value.value = Some(outcome.value);
            if let Some((low, high, level)) = outcome.interval {
                value.ci_low = Some(low);
                value.ci_high = Some(high);
                value.ci_level = Some(level);
            }
            let parts = view.parts;
            let of_tickets = entry.inputs.iter().any(|i| i.starts_with("incidents."));
            let known = if of_tickets {
                parts.months_observed
            } else {
                parts.months_over
            };
            if known < parts.months {
                value.provisional = true;
                let note = format!("{known} of {} months are known in full", parts.months);
                value.reason = if value.reason.is_empty() {
                    note
                } else {
                    format!("{note}; {}", value.reason)
                };
            }
        }
    }
    value
}

/// Sets target and score of a value. Whether the target is reached is asked of the unrounded
/// quotient where there is one: a share that only rounds to its target has missed it.
fn aim(value: &mut KpiValue, target: &KpiTarget) {
    value.target = Some(target.target);
    value.score = value
        .value
        .and_then(|v| score_between(v, target, value.direction));
    let (Some(numerator), Some(denominator)) = (value.numerator, value.denominator) else {
        return;
    };
    let Ok(aimed) = target.target.checked_mul(denominator) else {
        return;
    };
    let missed = match value.direction {
        Direction::HigherIsBetter => numerator < aimed,
        Direction::LowerIsBetter => numerator > aimed,
        Direction::Neutral => false,
    };
    if missed && denominator.is_positive() && value.score == Some(Decimal::ONE) {
        value.score = match target.floor {
            None => Some(Decimal::ZERO),
            // The best score below that of the target.
            Some(_) => Decimal::new(9_999, 4).ok(),
        };
    }
}

/// 0 at the floor and beyond, 1 at the target and beyond, linear between; four decimals,
/// half-even. Without a floor 1 when the target is reached, else 0.
#[must_use]
pub fn score_between(value: Decimal, target: &KpiTarget, direction: Direction) -> Option<Decimal> {
    let Some(floor) = target.floor else {
        let reached = match direction {
            Direction::HigherIsBetter => value >= target.target,
            Direction::LowerIsBetter => value <= target.target,
            Direction::Neutral => value == target.target,
        };
        return Some(if reached { Decimal::ONE } else { Decimal::ZERO });
    };
    let way = target.target.checked_sub(floor).ok()?;
    let gone = value.checked_sub(floor).ok()?;
    let score = gone.div(way, 4, Rounding::HalfEven).ok()?;
    Some(score.max(Decimal::ZERO).min(Decimal::ONE))
}

fn findings(inputs: &Inputs<'_>, basis: &Basis, values: &[KpiValue]) -> Vec<Finding> {
    let (table, exposure) = (&basis.table, &basis.exposure);
    let contract_id = inputs.plan.contract_id.as_str();
    let mut findings = Vec::new();
    let mut add = |severity, code: &str, count: u64, detail: &str, evidence: String| {
        if count > 0 {
            findings.push(
                Finding::new(Stage::Score, severity, code, detail)
                    .with_contract(contract_id)
                    .with_count(count)
                    .with_evidence(evidence),
            );
        }
    };
    let mut all = Parts::default();
    for period in [
        inputs.baseline_spec.baseline,
        inputs.baseline_spec.performance,
    ] {
        all.merge(&table.over(&Scope::Contract, period));
    }
    add(
        Severity::Note,
        "open_past_due",
        table.open_past_due,
        "incidents are open past their due time at the as-of moment: they count as breaches",
        format!("as of {}", inputs.as_of),
    );
    add(
        Severity::Note,
        "affected_share_assumed",
        all.cell.impact_assumed,
        "the share of users affected is not known and was assumed as the terms say",
        format!(
            "assumed {} parts per million",
            inputs.plan.assumed_share_ppm.unwrap_or(0)
        ),
    );
    add(
        Severity::Warning,
        "affected_share_unknown",
        all.cell.impact_unknown,
        "the share of users affected is not known and none is assumed: these incidents count no \
         impact",
        String::new(),
    );
    add(
        Severity::Warning,
        "clock_unread",
        all.cell.clock_unread,
        "the clock could not be read: the incident lies outside the years of its calendar",
        String::new(),
    );
    for breached in [true, false] {
        let key = (contract_id.to_owned(), breached);
        let sample = inputs.cells.total.differs.get(&key);
        let judged = if breached {
            "breached by the terms and met by the tool"
        } else {
            "met by the terms and breached by the tool"
        };
        let n = if breached {
            all.cell.tool_missed
        } else {
            all.cell.tool_overcharged
        };
        add(
            Severity::Warning,
            "tool_verdict_differs",
            n,
            &format!(
                "incidents are {judged}: the terms decide; compare the pauses, the priority that \
                 counts and the calendar (gainshare run --clock-audit)"
            ),
            sample.map(|s| s.shown()).unwrap_or_default(),
        );
    }
    add(
        Severity::Warning,
        "open_impact_unread",
        table.open_unread,
        "the disruption of open incidents lies outside the years of the impact calendar and \
         counts nothing",
        String::new(),
    );
    let unexposed: Vec<String> = table
        .billed
        .iter()
        .filter(|month| exposure.of_contract(**month).is_none())
        .map(ToString::to_string)
        .collect();
    add(
        Severity::Warning,
        "billing_without_exposure",
        unexposed.len() as u64,
        "months have invoices but no exposure: the benchmark cannot follow the volume in them",
        unexposed.join(", "),
    );
    // One finding per KPI that has no value at contract scope in the whole performance period.
    for value in values {
        if value.scope == Scope::Contract
            && value.period == inputs.baseline_spec.performance
            && value.status != KpiStatus::Ok
        {
            add(
                Severity::Note,
                "kpi_not_measurable",
                1,
                &format!("{} is not measurable: {}", value.kpi, value.reason),
                super::value::period_text(&value.period),
            );
        }
    }
    findings
}
