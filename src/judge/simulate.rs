//! What a contract may pay: many years drawn from what is uncertain, each settled. Scenarios of
//! volume and of the supplier's conduct; the distribution of payments for both sides; how often
//! nothing is paid for, and something is not paid. Not responsible for settling (see
//! [`crate::settle`]) or for estimating a baseline (see [`crate::baseline`]).
//!
//! Draws are floats from one ChaCha stream per path, with `libm` functions only; every draw is
//! rounded to four decimals before it becomes a measure, and from there on money is exact. A path
//! draws the same numbers in every scenario and under changed terms, so that differences are not
//! luck.

mod draw;
pub mod optimise;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::baseline::power::provable_with;
use crate::baseline::{BaselineResult, PeriodKind, Scope};
use crate::judge::align::{AlignError, Assumptions, Given, Turn, assumptions_of, turns};
use crate::money::{Currency, Decimal, Rounding};
use crate::settle::{Facts, Inputs, Plan};
use crate::terms::{Kind, SettleSpec};
use draw::{World, Year};

/// How a supplier behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Conduct {
    /// It prevents this part of all incidents.
    Prevents(f64),
    /// It prevents as many as can just be proved; see [`crate::baseline::power`].
    PreventsProvable,
    /// It prevents nothing.
    Idles,
    /// It prevents nothing, files this part of incidents as requests, and hides half of its
    /// breaches.
    Games(f64),
}

/// What happens in the years that are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Growth of volume and exposure: 0.1 is 10 % more.
    pub growth: f64,
    /// A major outage in one period drawn at random: tickets added, as a part of that period's.
    pub outage: f64,
    /// The supplier.
    pub conduct: Conduct,
}

/// The scenarios that are looked at when none are asked for.
#[must_use]
pub fn scenarios(reduction: f64) -> Vec<Scenario> {
    let one = |name: &str, growth: f64, outage: f64, conduct: Conduct| Scenario {
        name: name.to_owned(),
        growth,
        outage,
        conduct,
    };
    let prevents = Conduct::Prevents(reduction);
    vec![
        one("prevents", 0.0, 0.0, prevents),
        one("idles", 0.0, 0.0, Conduct::Idles),
        one("games", 0.0, 0.0, Conduct::Games(reduction)),
        one("volume_grows", 0.1, 0.0, prevents),
        one("fewer_users", -0.1, 0.0, prevents),
        one("major_outage", 0.0, 0.5, prevents),
        one("smallest_provable", 0.0, 0.0, Conduct::PreventsProvable),
    ]
}

/// What is uncertain, and how much is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Years drawn per scenario.
    pub paths: u32,
    /// The seed.
    pub seed: u64,
    /// Dispersion of counts; 1 for Poisson.
    pub dispersion: f64,
    /// Months on which the baseline rests.
    pub baseline_months: u32,
    /// Relative standard error of the expected incidents of a year, where a baseline was fitted;
    /// else that of a mean over `baseline_months`.
    pub relative_error: Option<f64>,
    /// Two-sided level of the interval that is paid on.
    pub level: f64,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Whether every term is turned by a tenth.
    pub sensitivity: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            paths: 2_000,
            seed: 1,
            dispersion: 1.5,
            baseline_months: 24,
            relative_error: None,
            level: 0.95,
            scenarios: scenarios(0.15),
            sensitivity: true,
        }
    }
}

/// What a fitted baseline says of its own uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fitted {
    /// Relative standard error of the expected incidents of the performance period: of the
    /// parameters, without the scatter of counts.
    pub relative_error: f64,
    /// Dispersion of monthly counts, at least 1.
    pub dispersion: f64,
    /// Two-sided level of the interval.
    pub level: f64,
}

impl Fitted {
    /// Of a contract: the variance of its joint result over the performance period is that of the
    /// parameters and dispersion × expected. `None` when the contract has no such result.
    #[must_use]
    pub fn of(baseline: &BaselineResult, contract_id: &str) -> Option<Fitted> {
        let joint = baseline.joint.iter().find(|row| {
            row.contract_id == contract_id
                && row.scope == Scope::Contract
                && row.period_kind == PeriodKind::Performance
        })?;
        let expected = joint.expected.filter(|e| *e > 0.0)?;
        let error = joint.std_error?;
        let (mut sum, mut weights) = (0.0, 0.0);
        for month in &baseline.months {
            if month.key.contract_id == contract_id
                && let (Some(dispersion), Some(weight)) = (month.dispersion, month.expected)
            {
                sum += dispersion.max(1.0) * weight;
                weights += weight;
            }
        }
        let dispersion = if weights > 0.0 { sum / weights } else { 1.0 };
        // Counts cannot scatter more than the whole.
        let dispersion = dispersion.min((error * error / expected).max(1.0));
        let of_parameters = (error * error - dispersion * expected).max(0.0);
        Some(Fitted {
            relative_error: libm::sqrt(of_parameters) / expected,
            dispersion,
            level: joint.ci_level,
        })
    }
}

/// A row of what a simulation gives: one quantity of one scenario.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SimulationRow {
    /// The contract.
    pub contract_id: String,
    /// The scenario.
    pub scenario: String,
    /// `supplier_revenue`, `incentive` (what clauses pay for reductions and savings),
    /// `supplier_profit`, `customer_cost`, or `sensitivity`.
    pub quantity: String,
    /// The term that was raised by a tenth, for `sensitivity`; else empty.
    pub term: String,
    /// Mean; for `sensitivity` the change of the mean incentive.
    pub mean: Decimal,
    /// One year in twenty is below.
    pub p05: Option<Decimal>,
    /// Half of the years are below.
    pub p50: Option<Decimal>,
    /// One year in twenty is above.
    pub p95: Option<Decimal>,
    /// Part of incidents that is truly prevented.
    pub true_reduction: Decimal,
    /// How often an incentive is paid although nothing was prevented.
    pub paid_for_nothing: Option<Decimal>,
    /// How often nothing is paid although something was prevented.
    pub not_paid_for_something: Option<Decimal>,
    /// Years drawn.
    pub paths: u32,
    /// Currency of amounts.
    pub currency: Currency,
}

/// One drawn year, settled.
#[derive(Debug, Clone, Copy)]
struct Paid {
    revenue: Decimal,
    incentive: Decimal,
    /// Incidents that happened and that were prevented.
    happened: Decimal,
    prevented: Decimal,
}

/// Draws and settles.
///
/// # Errors
/// Terms that cannot be settled, a contract without volume, settings out of range.
pub fn simulate(
    spec: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    given: &Given,
    settings: &Settings,
) -> Result<Vec<SimulationRow>, AlignError> {
    check(settings)?;
    let plan = Plan::new(spec, contract_id, &facts.parameters)?;
    let bind = |plan: &Plan| plan.bind_facts(facts);
    let inputs = bind(&plan);
    let Some(last) = inputs.periods().last().copied() else {
        return Err(AlignError::Expression(
            "no measure lies within the contract's term, so there is nothing to draw from"
                .to_owned(),
        ));
    };
    let assumptions = assumptions_of(spec, facts, contract_id, last, given)?;
    let assume = |name: &str| assumptions.get(name);
    let world = World::read(&plan, &inputs, facts, contract_id, &assumptions)?;
    let pays = incentive_clauses(spec, &plan);
    let run = |plan: &Plan, inputs: &Inputs, pays: &[bool], scenario: &Scenario, reduction: f64| {
        (0..settings.paths)
            .into_par_iter()
            .map_init(
                || inputs.clone(),
                |work, path| {
                    let year = world.draw(settings, scenario, reduction, path);
                    settled(plan, work, &world, &year, pays)
                },
            )
            .collect::<Result<Vec<Paid>, AlignError>>()
    };
    let mut rows = Vec::new();
    for scenario in &settings.scenarios {
        let reduction = match scenario.conduct {
            Conduct::Prevents(part) => part,
            Conduct::Idles | Conduct::Games(_) => 0.0,
            Conduct::PreventsProvable => {
                let expected = world.expected() * (1.0 + scenario.growth);
                let error = world.standard_error(settings, scenario);
                match provable_with(expected, error, settings.level, 0.8) {
                    Some(provable) => provable.reduction,
                    // Even no incident at all would not be proof: there is nothing to draw.
                    None => continue,
                }
            }
        };
        let paid = run(&plan, &inputs, &pays, scenario, reduction)?;
        let base = |quantity: &str, values: Vec<Decimal>| -> Result<SimulationRow, AlignError> {
            summary(contract_id, scenario, quantity, values, reduction, &plan)
        };
        rows.push(base(
            "supplier_revenue",
            paid.iter().map(|p| p.revenue).collect(),
        )?);
        let mut incentive = base("incentive", paid.iter().map(|p| p.incentive).collect())?;
        let part = |count: usize| -> Result<Decimal, AlignError> {
            let count = Decimal::from_u64(count as u64);
            Ok(count.div(
                Decimal::from_u64(u64::from(settings.paths)),
                4,
                Rounding::HalfEven,
            )?)
        };
        let positive = paid.iter().filter(|p| p.incentive.is_positive()).count();
        if reduction > 0.0 {
            incentive.not_paid_for_something = Some(part(paid.len() - positive)?);
        } else {
            incentive.paid_for_nothing = Some(part(positive)?);
        }
        rows.push(incentive);
        let profits = paid.iter().map(|one| profit(one, &assumptions));
        if let Some(profits) = profits.collect::<Result<Option<Vec<Decimal>>, AlignError>>()? {
            rows.push(base("supplier_profit", profits)?);
        }
        if let Some(impact) = assume("impact") {
            let mut costs = Vec::with_capacity(paid.len());
            for one in &paid {
                costs.push(one.revenue.checked_add(impact.checked_mul(one.happened)?)?);
            }
            rows.push(base("customer_cost", costs)?);
        }
    }
    if settings.sensitivity
        && let Some(scenario) = settings.scenarios.first()
        && let Conduct::Prevents(reduction) = scenario.conduct
    {
        let before = mean(
            run(&plan, &inputs, &pays, scenario, reduction)?
                .iter()
                .map(|p| p.incentive),
        )?;
        for Turn { term, changed } in turns(spec, facts, contract_id, last)? {
            let plan = Plan::new(&changed, contract_id, &facts.parameters)?;
            let inputs = bind(&plan);
            let pays = incentive_clauses(&changed, &plan);
            let after = run(&plan, &inputs, &pays, scenario, reduction)?;
            let mut row = summary(
                contract_id,
                scenario,
                "sensitivity",
                Vec::new(),
                reduction,
                &plan,
            )?;
            row.term = term;
            row.mean = mean(after.iter().map(|p| p.incentive))?.checked_sub(before)?;
            row.paths = settings.paths;
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What is left of a year for the supplier; `None` when its costs are not known.
fn profit(one: &Paid, assumptions: &Assumptions) -> Result<Option<Decimal>, AlignError> {
    let Some(cost) = assumptions.get("cost_to_serve") else {
        return Ok(None);
    };
    let effort = assumptions.get("prevention_cost").unwrap_or(Decimal::ZERO);
    let mut profit = one.revenue;
    profit = profit.checked_sub(cost.checked_mul(one.happened)?)?;
    profit = profit.checked_sub(effort.checked_mul(one.prevented)?)?;
    if assumptions.billed == crate::terms::Billed::Elsewhere
        && let Some(price) = assumptions.get("price")
    {
        profit = profit.checked_add(price.checked_mul(one.happened)?)?;
    }
    Ok(Some(profit))
}

fn check(settings: &Settings) -> Result<(), AlignError> {
    let wrong = |words: String| Err(AlignError::Expression(words));
    if settings.paths == 0 {
        return wrong("0 years are drawn: give at least 1, better 1,000".to_owned());
    }
    if !(settings.dispersion >= 1.0 && settings.dispersion.is_finite()) {
        return wrong(format!(
            "a dispersion of {} is below that of chance alone, which is 1",
            settings.dispersion
        ));
    }
    let error = settings.relative_error;
    if error.is_some_and(|e| !(e.is_finite() && e >= 0.0)) {
        return wrong("the relative error of a baseline is not negative".to_owned());
    }
    if settings.baseline_months == 0 || !(settings.level > 0.0 && settings.level < 1.0) {
        return wrong(
            "a baseline has at least 1 month, and a level lies between 0 and 1".to_owned(),
        );
    }
    for scenario in &settings.scenarios {
        let part = match scenario.conduct {
            Conduct::Prevents(part) | Conduct::Games(part) => part,
            _ => 0.0,
        };
        if !(0.0..=1.0).contains(&part) || scenario.growth <= -1.0 || scenario.outage < 0.0 {
            return wrong(format!(
                "scenario `{}`: a reduction lies between 0 and 1, growth is more than -1, an \
                 outage adds tickets",
                scenario.name
            ));
        }
    }
    Ok(())
}

/// By clause: whether it pays for a reduction or a saving.
fn incentive_clauses(spec: &SettleSpec, plan: &Plan) -> Vec<bool> {
    let kinds: BTreeMap<&str, Kind> = spec
        .source
        .clause
        .iter()
        .map(|c| (c.value.id.value.as_str(), c.value.kind.value))
        .collect();
    plan.clauses()
        .map(|id| {
            matches!(
                kinds.get(id),
                Some(
                    Kind::GainShare
                        | Kind::PainShare
                        | Kind::IncidentReduction
                        | Kind::OutcomeShare
                )
            )
        })
        .collect()
}

/// Settles one drawn year.
fn settled(
    plan: &Plan,
    work: &mut Inputs,
    world: &World,
    year: &Year,
    pays: &[bool],
) -> Result<Paid, AlignError> {
    for ((span, name, scope), value) in &year.values {
        work.set(*span, name, scope.as_deref(), *value);
    }
    let outcome = plan.run(work, false);
    let mut paid = Paid {
        revenue: Decimal::ZERO,
        incentive: Decimal::ZERO,
        happened: year.happened,
        prevented: year.prevented,
    };
    for result in &outcome.results {
        // Earlier years are as they were and no matter of the draw.
        if !world.covers(result.period) {
            continue;
        }
        paid.revenue = paid.revenue.checked_add(result.stated)?;
        if pays.get(result.clause).copied().unwrap_or(false) {
            paid.incentive = paid.incentive.checked_add(result.stated)?;
        }
    }
    Ok(paid)
}

fn mean(values: impl Iterator<Item = Decimal>) -> Result<Decimal, AlignError> {
    let (mut sum, mut count) = (Decimal::ZERO, 0u64);
    for value in values {
        sum = sum.checked_add(value)?;
        count += 1;
    }
    Ok(sum.div(Decimal::from_u64(count.max(1)), 2, Rounding::HalfEven)?)
}

fn summary(
    contract_id: &str,
    scenario: &Scenario,
    quantity: &str,
    mut values: Vec<Decimal>,
    reduction: f64,
    plan: &Plan,
) -> Result<SimulationRow, AlignError> {
    let average = mean(values.iter().copied())?;
    values.sort_unstable();
    // Nearest rank: a year that was drawn, not one between two.
    let rank = |per_cent: usize| {
        let place = (values.len() * per_cent).div_ceil(100).saturating_sub(1);
        values.get(place).map(|v| v.round(2, Rounding::HalfEven))
    };
    Ok(SimulationRow {
        contract_id: contract_id.to_owned(),
        scenario: scenario.name.clone(),
        quantity: quantity.to_owned(),
        term: String::new(),
        mean: average,
        p05: rank(5),
        p50: rank(50),
        p95: rank(95),
        true_reduction: Decimal::from_f64_rounded(reduction, 4)?,
        paid_for_nothing: None,
        not_paid_for_something: None,
        paths: u32::try_from(values.len()).unwrap_or(u32::MAX),
        currency: plan.currency(),
    })
}
