//! One contract and period: every driver and what is looked at of it. Not responsible for the rows
//! that tell it (see [`super::rows`]).

use std::collections::BTreeSet;

use super::assume::Assumptions;
use super::driver::{Bench, Driver, kind_of};
use super::path::{Course, Path, extended};
use super::regions::{Curve, regions};
use super::rows::{Rows, ratchet};
use super::wallet::wallets;
use super::{AlignError, Alignment, Given, Ratios, Rebuild};
use crate::finding::{Finding, Severity, Stage};
use crate::money::{Decimal, Rounding};
use crate::settle::{Facts, Plan, Span};
use crate::terms::{Kind, SettleSpec};

/// Where and with what to look.
pub(super) struct Place<'a> {
    /// The terms without rounding.
    pub(super) spec: &'a SettleSpec,
    pub(super) facts: &'a Facts,
    pub(super) ratios: &'a Ratios,
    pub(super) given: &'a Given,
    pub(super) contract_id: &'a str,
    pub(super) act: Span,
    pub(super) assumptions: &'a Assumptions,
    /// How measures follow cells, where there are any.
    pub(super) rebuild: Option<&'a dyn Rebuild>,
}

/// One driver, laid out.
pub(super) struct Study<'a> {
    pub(super) spec: &'a SettleSpec,
    pub(super) facts: &'a Facts,
    place: &'a Place<'a>,
    pub(super) driver: &'a Driver,
    pub(super) years: u8,
    weights: Vec<Decimal>,
    /// The weights together.
    pub(super) weight: Decimal,
    pub(super) first: Decimal,
    /// Whether some clause has no amount even where the contract stands.
    pub(super) fails: bool,
}

impl<'a> Study<'a> {
    pub(super) fn new(
        place: &'a Place<'a>,
        facts: &'a Facts,
        driver: &'a Driver,
        years: u8,
    ) -> Result<Study<'a>, AlignError> {
        let mut weights = Vec::new();
        let mut weight = Decimal::ZERO;
        for year in 0..years {
            let one = place.assumptions.weight(u32::from(year))?;
            weight = weight.checked_add(one)?;
            weights.push(one);
        }
        Ok(Study {
            spec: place.spec,
            facts,
            place,
            driver,
            years,
            weights,
            weight,
            first: driver.way_to(driver.from)?,
            fails: false,
        })
    }

    /// Settlement along the driver under these or other terms.
    pub(super) fn path_under(&self, spec: &SettleSpec) -> Result<Path, AlignError> {
        Path::new(
            spec,
            self.facts,
            self.place.ratios,
            &Course {
                contract_id: self.place.contract_id,
                driver: self.driver,
                act: self.place.act,
                years: self.years,
                weights: &self.weights,
            },
        )
    }

    /// How far the driver has moved at a step.
    pub(super) fn moved(&self, step: i64) -> Result<Decimal, AlignError> {
        Ok(self
            .first
            .checked_add(self.driver.step.checked_mul(Decimal::from_i64(step))?)?)
    }

    /// What one more is to the supplier outside of these terms; `None` when a cost is missing.
    pub(super) fn own_unit(&self) -> Result<Option<Decimal>, AlignError> {
        let (Some(revenue), Some(cost)) = (self.driver.revenue, self.driver.cost) else {
            return Ok(None);
        };
        let yearly = revenue.checked_sub(cost)?.checked_mul(self.weight)?;
        Ok(Some(yearly.checked_sub(self.driver.effort)?))
    }

    /// The same for a driver that has moved by so much.
    pub(super) fn own(&self, moved: Decimal) -> Result<Option<Decimal>, AlignError> {
        let unit = self.own_unit()?;
        Ok(unit.map(|u| u.checked_mul(moved)).transpose()?)
    }

    /// The steps of the range, as far as counts and denominators last.
    pub(super) fn steps(&self, path: &Path) -> Result<i64, AlignError> {
        let mut last = self.driver.way_to(self.driver.to)?;
        for effect in self.driver.effects(false) {
            let now = path
                .base
                .get(self.place.act, &effect.name, effect.scope.as_deref());
            if let Some(now) = now.filter(|v| !v.is_negative())
                && effect.step.is_negative()
            {
                let most = now.div(effect.step.abs(), 12, Rounding::Down)?;
                last = last.min(most);
            }
        }
        if let Some(limit) = path.limit() {
            last = last.min(limit);
        }
        let steps = last
            .checked_sub(self.first)?
            .div(self.driver.step, 0, Rounding::Down)?;
        Ok(steps.to_i64().unwrap_or(0).max(0))
    }
}

/// Every driver of one contract and period.
pub(super) fn period(place: &Place<'_>, all: &mut Alignment) -> Result<(), AlignError> {
    let plan = Plan::new(place.spec, place.contract_id, &place.facts.parameters)?;
    let mut years = place.assumptions.horizon_years;
    if let Some(end) = plan.end_month() {
        let whole = end.months_since(place.act.from).max(1);
        let most = u8::try_from((whole + 11) / 12).unwrap_or(u8::MAX);
        if most < years {
            all.findings.push(
                Finding::new(
                    Stage::Judge,
                    Severity::Note,
                    "horizon_beyond_contract",
                    format!(
                        "the contract ends {most} years after {}: effects are looked at for \
                         {most} years and not {years}; extend `end` to look further",
                        place.act
                    ),
                )
                .with_contract(place.contract_id),
            );
            years = most;
        }
    }
    let mut facts = place.facts.with_measures(extended(
        &place.facts.measures,
        place.contract_id,
        plan.first_month(),
        place.act,
        years,
    ));
    if let Some(months) = &mut facts.months {
        months.to = months
            .to
            .max(place.act.to.plus(12 * (i32::from(years) - 1)));
    }
    let inputs = plan.bind_facts(&facts);
    let drivers = Bench {
        spec: place.spec,
        facts: &facts,
        ratios: place.ratios,
        plan: &plan,
        inputs: &inputs,
        contract_id: place.contract_id,
        act: place.act,
        assumptions: place.assumptions,
        rebuild: place.rebuild,
    }
    .drivers()?;
    let mut missing: BTreeSet<&'static str> = BTreeSet::new();
    let wanted = |driver: &&Driver| {
        let only = place.given.driver.as_deref();
        only.is_none_or(|only| is_called(driver, only))
    };
    if let Some(only) = &place.given.driver
        && !drivers.iter().any(|d| is_called(d, only))
    {
        let known: Vec<&str> = drivers.iter().map(|d| d.name.as_str()).collect();
        return Err(AlignError::Expression(format!(
            "there is no driver `{only}` (there are: {})",
            known.join(", ")
        )));
    }
    for driver in drivers.iter().filter(wanted) {
        let study = Study::new(place, &facts, driver, years)?;
        let told = one(place, study, &plan, all)?;
        if told {
            missing.extend(&driver.missing);
        }
    }
    for name in missing {
        all.findings.push(unknown(name, place));
    }
    wallets(place, &plan, all)
}

/// Whether a driver has this name, or is of this kind in one service or priority.
fn is_called(driver: &Driver, name: &str) -> bool {
    driver.name == name || kind_of(&driver.name) == name
}

/// What a missing assumption leaves open.
pub(super) fn unknown(name: &'static str, place: &Place<'_>) -> Finding {
    let (what, then) = match name {
        "price" => (
            "what the customer is billed per incident",
            "what the supplier loses elsewhere is not counted and no profit is told; \
             `break_even_cost` says what one more may cost it on the payments of these terms",
        ),
        "cost_to_serve" => (
            "what handling one incident costs the supplier",
            "no profit is told; `break_even_cost` says what prevention may cost the supplier, less \
             what it no longer spends on handling",
        ),
        "prevention_cost" => (
            "what preventing one incident costs the supplier",
            "it is taken as 0; `break_even_cost` says how much it may be",
        ),
        "impact" => (
            "what one incident costs the customer's business",
            "the customer's side and payments on impact are left out",
        ),
        "spend_now" => (
            "what the customer spends now with all members of the wallet",
            "the slice that is as much of a smaller pie is not told",
        ),
        "margin" => (
            "the supplier's margin on what it bills",
            "no profit is told for a euro saved; `break_even_cost` says which margin (as a part of \
             1) the payment makes up for",
        ),
        _ => (
            "what one hour of prevention costs the supplier",
            "no profit is told; `break_even_cost` says what an hour may cost",
        ),
    };
    Finding::new(
        Stage::Judge,
        Severity::Note,
        "assumption_missing",
        format!("`{name}` is not given ({what}): {then}. Give it in [alignment] or with --assume {name}=…"),
    )
    .with_contract(place.contract_id)
}

/// The rows of one driver. Gives whether there are any.
fn one(
    place: &Place<'_>,
    mut study: Study<'_>,
    plan: &Plan,
    all: &mut Alignment,
) -> Result<bool, AlignError> {
    let driver = study.driver;
    // A measure that nothing else moves, or a part of the incidents of another driver: told where
    // clauses react to it.
    let generic = driver.name.starts_with("one_more:");
    let part = driver.part;
    let path = study.path_under(place.spec)?;
    if generic && !path.moves() {
        return Ok(false);
    }
    let steps = study.steps(&path)?;
    if steps == 0 {
        all.findings.push(
            Finding::new(
                Stage::Judge,
                Severity::Note,
                "no_volume",
                format!(
                    "driver `{}` has no room to move in {}: it stands at {} and runs from {} to {}",
                    driver.name, place.act, driver.at, driver.from, driver.to
                ),
            )
            .with_contract(place.contract_id),
        );
        return Ok(false);
    }
    let mut curve = Curve::new(&path, study.first, driver.step, steps);
    let now = (-study.first)
        .div(driver.step, 0, Rounding::HalfUp)?
        .to_i64()
        .unwrap_or(0)
        .clamp(0, steps - 1);
    study.fails = curve.at(now)?.failed.iter().any(|f| *f);
    if study.fails {
        let failed: Vec<&str> = plan
            .clauses()
            .zip(&curve.at(now)?.failed)
            .filter(|(_, failed)| **failed)
            .map(|(id, _)| id)
            .collect();
        all.findings.push(
            Finding::new(
                Stage::Judge,
                Severity::Warning,
                "clause_not_measurable",
                format!(
                    "not measurable in some period, and so without effect here: {}",
                    failed.join(", ")
                ),
            )
            .with_contract(place.contract_id),
        );
    }
    let (pieces, exact) = curve.pieces()?;
    let rows = Rows {
        place,
        study: &study,
        plan,
        exact,
        unit: study.own_unit()?,
        steps,
    };
    let year = usize::try_from(
        place
            .act
            .from
            .months_since(plan.first_month())
            .div_euclid(12)
            + 1,
    )
    .unwrap_or(1);
    let knobs = rows.knobs(year)?;
    let total = regions(&pieces, |step| curve.total(step))?;
    if generic && total.iter().all(|r| r.slope.is_zero() && r.notch.is_zero()) {
        return Ok(false);
    }
    for region in &total {
        let share = rows.share(&knobs, None, region)?;
        let row = rows.region("all", region, share, true, &mut curve)?;
        all.rows.push(row);
    }
    if !generic {
        all.rows.extend(rows.best(&pieces, &mut curve)?);
    }
    rows.at(&mut curve, all)?;
    for (number, id) in plan.clauses().enumerate() {
        let kind = place
            .spec
            .source
            .clause
            .iter()
            .find(|c| c.value.id.value == id);
        if kind.is_some_and(|c| matches!(c.value.kind.value, Kind::Wallet | Kind::Rebase)) {
            continue;
        }
        let own = regions(&pieces, |step| {
            Ok(curve
                .at(step)?
                .amounts
                .get(number)
                .copied()
                .unwrap_or(Decimal::ZERO))
        })?;
        let reacts = own.iter().any(|r| !r.slope.is_zero() || !r.notch.is_zero());
        if (generic || part) && !reacts {
            continue;
        }
        for region in &own {
            let share = if reacts {
                rows.share(&knobs, Some(id), region)?
            } else {
                None
            };
            let row = rows.region(id, region, share, reacts, &mut curve)?;
            all.rows.push(row);
        }
    }
    if place.assumptions.horizon_years > 1 && !generic && !part {
        ratchet(place, &study, plan, now, &knobs, all)?;
    }
    if place.given.repair && rows.unit.is_some() && !generic && !part {
        rows.repairs(&total, &knobs, all)?;
    }
    Ok(true)
}
