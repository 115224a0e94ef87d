//! One contract and period: every driver, its regions, and the rows that tell them. Not
//! responsible for how a region is found (see [`super::regions`]) or worded (see
//! [`super::words`]).

use std::collections::BTreeSet;

use super::assume::Assumptions;
use super::driver::{Bench, Driver};
use super::knob::{Knob, Sort, knobs};
use super::path::{Course, Path, extended};
use super::regions::{Curve, Piece, Region, regions};
use super::words::{self, Told};
use super::{AlignError, Alignment, AlignmentRow, Given, Ratios, RowKind, ask, repair};
use crate::finding::{Finding, Severity, Stage};
use crate::money::{Decimal, Rounding};
use crate::settle::{Facts, Plan, Span};
use crate::terms::{Kind, Located, SettleSpec, Value};

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
}

/// One driver, laid out.
pub(super) struct Study<'a> {
    pub(super) spec: &'a SettleSpec,
    facts: &'a Facts,
    place: &'a Place<'a>,
    driver: &'a Driver,
    years: u8,
    weights: Vec<Decimal>,
    /// The weights together.
    weight: Decimal,
    first: Decimal,
    /// Whether some clause has no amount even where the contract stands.
    pub(super) fails: bool,
}

impl<'a> Study<'a> {
    fn new(
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
    fn own_unit(&self) -> Result<Option<Decimal>, AlignError> {
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
    fn steps(&self, path: &Path) -> Result<i64, AlignError> {
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

/// Six decimals are enough for people and tables.
fn neat(value: Decimal) -> Decimal {
    value.round(6, Rounding::HalfEven).normalized()
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
    let facts = Facts {
        measures: extended(
            &place.facts.measures,
            place.contract_id,
            plan.first_month(),
            place.act,
            years,
        ),
        months: place.facts.months.map(|m| Span {
            from: m.from,
            to: m.to.max(place.act.to.plus(12 * (i32::from(years) - 1))),
        }),
        ..place.facts.clone()
    };
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
    }
    .drivers()?;
    let mut missing: BTreeSet<&'static str> = BTreeSet::new();
    let wanted = |driver: &&Driver| {
        let only = place.given.driver.as_deref();
        only.is_none_or(|only| driver.name == only)
    };
    if let Some(only) = &place.given.driver
        && !drivers.iter().any(|d| d.name == *only)
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

/// A larger slice of a smaller pie: for each member of a wallet the slice of the next period's
/// spend that is as much as what it has now.
fn wallets(place: &Place<'_>, plan: &Plan, all: &mut Alignment) -> Result<(), AlignError> {
    if place.given.driver.is_some() {
        return Ok(());
    }
    for clause in place.spec.source.clause.iter().map(|c| &c.value) {
        let (Kind::Wallet, Some(spend), Some(members)) =
            (clause.kind.value, &clause.spend, &clause.members)
        else {
            continue;
        };
        if place.assumptions.get("spend_now").is_none() {
            all.findings.push(unknown("spend_now", place));
            continue;
        }
        let known = members.value.iter().filter(|m| m.current.is_some());
        let questions: Vec<_> = known
            .clone()
            .filter_map(|m| m.current.as_ref())
            .map(|current| {
                Located::bare(Value::Text(format!(
                    "({}) * spend_now / ({})",
                    current.value, spend.value
                )))
            })
            .collect();
        let names = place.assumptions.names();
        let answers = ask::ask(
            place.spec,
            place.facts,
            place.contract_id,
            place.act,
            &questions,
            &names,
        )?;
        for (member, answer) in known.zip(answers) {
            let name = &member.supplier.value;
            let (share, verdict) = match answer {
                Ok(share) => (
                    Some(share.round(8, Rounding::HalfEven).normalized()),
                    format!(
                        "A slice of {} of the next spend is as much for {name} as what it has \
                         now; below it a larger slice of a smaller pie is a loss at equal margin.",
                        words::percent(share)
                    ),
                ),
                Err(reason) => (
                    None,
                    format!("The break-even slice of {name} is not known: {reason}."),
                ),
            };
            all.rows.push(AlignmentRow {
                contract_id: place.contract_id.to_owned(),
                clause_id: clause.id.value.clone(),
                period: place.act.to_string(),
                driver: format!("slice:{name}"),
                unit: format!("slice of {name}"),
                kind: RowKind::Slice,
                horizon_years: 1,
                region_from: None,
                region_to: None,
                now: Decimal::ZERO,
                marginal_payment: None,
                marginal_profit: None,
                marginal_customer: None,
                break_even_share: share,
                break_even_cost: None,
                notch: None,
                profit: None,
                currency: plan.currency(),
                exact: true,
                verdict,
            });
        }
    }
    Ok(())
}

/// What a missing assumption leaves open.
fn unknown(name: &'static str, place: &Place<'_>) -> Finding {
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
    let generic = driver.name.starts_with("one_more:");
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
        if generic && !reacts {
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
    if place.assumptions.horizon_years > 1 && !generic {
        ratchet(place, &study, plan, now, &knobs, all)?;
    }
    if place.given.repair && rows.unit.is_some() && !generic {
        rows.repairs(&total, &knobs, all)?;
    }
    Ok(true)
}

/// One more that lasts 1, 2, … years.
fn ratchet(
    place: &Place<'_>,
    study: &Study<'_>,
    plan: &Plan,
    now: i64,
    knobs: &[(Knob, Decimal)],
    all: &mut Alignment,
) -> Result<(), AlignError> {
    for years in 1..=study.years {
        let lasting = Study::new(place, study.facts, study.driver, years)?;
        let path = lasting.path_under(place.spec)?;
        let mut curve = Curve::new(&path, lasting.first, study.driver.step, now + 1);
        let step = study.driver.step;
        let per = |change: Decimal| change.div(step, 12, Rounding::HalfEven);
        let payment = per(curve.total(now + 1)?.checked_sub(curve.total(now)?)?)?;
        let unit = lasting.own_unit()?;
        let rows = Rows {
            place,
            study: &lasting,
            plan,
            exact: true,
            unit,
            steps: now + 1,
        };
        let region = Region {
            from: now,
            to: now + 1,
            slope: payment.checked_mul(step)?,
            notch: Decimal::ZERO,
        };
        let share = rows.share(knobs, None, &region)?;
        let mut row = rows.region("all", &region, share, true, &mut curve)?;
        row.kind = RowKind::Ratchet;
        row.notch = None;
        row.profit = None;
        let currency = row.currency;
        let lasts = if years == 1 {
            "1 year".to_owned()
        } else {
            format!("{years} years")
        };
        let mut words = match row.marginal_profit {
            Some(profit) => format!(
                "Where the contract stands, one more {} that lasts {lasts} {} the supplier {} \
                 {currency}",
                study.driver.unit.0,
                if profit.is_negative() {
                    "costs"
                } else {
                    "earns"
                },
                words::number(profit.abs())
            ),
            None => format!(
                "Where the contract stands, one more {} that lasts {lasts} is paid with {} \
                 {currency}",
                study.driver.unit.0,
                words::number(payment)
            ),
        };
        if let Some(share) = share {
            words.push_str(&format!(
                "; a share of {} would break even",
                words::percent(share)
            ));
        }
        words.push('.');
        row.verdict = words;
        all.rows.push(row);
    }
    Ok(())
}

/// The makers of rows for one driver.
struct Rows<'a> {
    place: &'a Place<'a>,
    study: &'a Study<'a>,
    plan: &'a Plan,
    exact: bool,
    unit: Option<Decimal>,
    steps: i64,
}

impl Rows<'_> {
    fn axis(&self, step: i64) -> Result<Decimal, AlignError> {
        Ok(self
            .study
            .driver
            .place(self.study.moved(step)?)?
            .normalized())
    }

    fn empty(&self, clause_id: &str, kind: RowKind) -> AlignmentRow {
        let driver = self.study.driver;
        AlignmentRow {
            contract_id: self.place.contract_id.to_owned(),
            clause_id: clause_id.to_owned(),
            period: self.place.act.to_string(),
            driver: driver.name.clone(),
            unit: driver.unit.0.clone(),
            kind,
            horizon_years: self.study.years,
            region_from: None,
            region_to: None,
            now: driver.at.normalized(),
            marginal_payment: None,
            marginal_profit: None,
            marginal_customer: None,
            break_even_share: None,
            break_even_cost: None,
            notch: None,
            profit: None,
            currency: self.plan.currency(),
            exact: self.exact,
            verdict: String::new(),
        }
    }

    /// The profit at a step, less that at the start of the range; payments alone without costs.
    fn profit(&self, step: i64, curve: &mut Curve<'_>) -> Result<Decimal, AlignError> {
        let mut change = curve.total(step)?.checked_sub(curve.total(0)?)?;
        let way = self.study.moved(step)?.checked_sub(self.study.moved(0)?)?;
        if let Some(own) = self.study.own(way)? {
            change = change.checked_add(own)?;
        }
        Ok(change)
    }

    fn region(
        &self,
        clause_id: &str,
        region: &Region,
        share: Option<Decimal>,
        reacts: bool,
        curve: &mut Curve<'_>,
    ) -> Result<AlignmentRow, AlignError> {
        let (study, driver) = (self.study, self.study.driver);
        let payment = neat(region.slope.div(driver.step, 12, Rounding::HalfEven)?);
        let profit = self.unit.map(|u| u.checked_add(payment)).transpose()?;
        let lost = |yearly: Decimal| yearly.checked_mul(study.weight);
        let customer = match (driver.benefit, driver.revenue) {
            (Some(benefit), Some(revenue)) => Some(neat(
                lost(benefit.checked_sub(revenue)?)?.checked_sub(payment)?,
            )),
            _ => None,
        };
        // What is known of the other side, without the effort itself.
        let mut room = payment;
        if let Some(revenue) = driver.revenue {
            room = room.checked_add(lost(revenue)?)?;
        }
        if let Some(cost) = driver.cost {
            room = room.checked_sub(lost(cost)?)?;
        }
        if driver.missing.contains("margin") {
            // What is asked for is the margin: the cost that a euro less saves is one less it.
            room = room.checked_add(study.weight)?;
        }
        let all = clause_id == "all";
        let mut row = self.empty(clause_id, RowKind::Region);
        row.region_from = Some(self.axis(region.from)?);
        row.region_to = Some(self.axis(region.to)?);
        row.marginal_payment = Some(payment);
        row.marginal_profit = profit.map(neat);
        row.marginal_customer = customer;
        row.break_even_share = share.map(|s| s.round(8, Rounding::HalfEven).normalized());
        row.break_even_cost = Some(neat(room));
        row.notch = Some(neat(region.notch));
        if all {
            row.profit = Some(neat(self.profit(region.from, curve)?));
        }
        let told = Told {
            from: self.axis(region.from)?,
            to: self.axis(region.to)?,
            first: region.from == 0,
            last: region.to == self.steps,
            payment,
            profit: row.marginal_profit,
            customer,
            notch: neat(region.notch),
            room: neat(room),
        };
        row.verdict = if all {
            words::region(driver, &told, row.currency)
        } else {
            words::clause(driver, &told, clause_id, row.currency, reacts)
        };
        Ok(row)
    }

    /// The supplier's best place, where its costs are known.
    fn best(
        &self,
        pieces: &[Piece],
        curve: &mut Curve<'_>,
    ) -> Result<Option<AlignmentRow>, AlignError> {
        if self.unit.is_none() {
            return Ok(None);
        }
        let mut best = (0, Decimal::ZERO);
        for piece in pieces {
            for step in [piece.from, piece.to] {
                let profit = self.profit(step, curve)?;
                // Of equal places the first: it is the least effort.
                if profit > best.1 {
                    best = (step, profit);
                }
            }
        }
        let (step, profit) = best;
        let mut row = self.empty("all", RowKind::BestPlan);
        let at = self.axis(step)?;
        row.region_from = Some(at);
        row.region_to = Some(at);
        row.profit = Some(neat(profit));
        row.verdict = words::best(self.study.driver, at, step == 0, step == self.steps, true);
        Ok(Some(row))
    }

    /// The places that were asked for.
    fn at(&self, curve: &mut Curve<'_>, all: &mut Alignment) -> Result<(), AlignError> {
        for place in &self.place.given.at {
            let driver = self.study.driver;
            let way = driver.way_to(*place)?.checked_sub(self.study.first)?;
            let step = way.div(driver.step, 0, Rounding::HalfEven)?.to_i64();
            let Some(step) = step.filter(|s| (0..=self.steps).contains(s)) else {
                continue;
            };
            let profit = neat(self.profit(step, curve)?);
            let at = self.axis(step)?;
            let mut row = self.empty("all", RowKind::At);
            row.region_from = Some(at);
            row.region_to = Some(at);
            row.profit = Some(profit);
            row.verdict = format!(
                "At {} {} differ{} by {} {} from the start of the range.",
                words::place(driver, at),
                if self.unit.is_some() {
                    "the supplier's profit"
                } else {
                    "payments"
                },
                if self.unit.is_some() { "s" } else { "" },
                words::number(profit),
                row.currency
            );
            all.rows.push(row);
        }
        Ok(())
    }

    /// The numbers of the terms that can be turned, with their value here.
    fn knobs(&self, year: usize) -> Result<Vec<(Knob, Decimal)>, AlignError> {
        if self.unit.is_none() {
            return Ok(Vec::new());
        }
        let all = knobs(&self.place.spec.source, year);
        let written: Vec<_> = all.iter().map(|k| k.now.clone()).collect();
        let values = ask::ask(
            self.place.spec,
            self.place.facts,
            self.place.contract_id,
            self.place.act,
            &written,
            &[],
        )?;
        Ok(all
            .into_iter()
            .zip(values)
            .filter_map(|(knob, value)| Some((knob, value.ok()?)))
            .collect())
    }

    /// The break-even share of a region: of the first share that decides anything there.
    fn share(
        &self,
        knobs: &[(Knob, Decimal)],
        clause_id: Option<&str>,
        region: &Region,
    ) -> Result<Option<Decimal>, AlignError> {
        if self.unit.is_none() || region.to - region.from < 1 {
            return Ok(None);
        }
        let at = region.from + (region.to - 1 - region.from) / 2;
        for (knob, now) in knobs {
            if knob.sort == Sort::Share && clause_id.is_none_or(|id| id == knob.clause_id) {
                let found = repair::break_even_share(self.study, knob, *now, at)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// For each region in which one more costs the supplier something: the least change of a term
    /// that repairs it, and what remains then.
    fn repairs(
        &self,
        total: &[Region],
        knobs: &[(Knob, Decimal)],
        all: &mut Alignment,
    ) -> Result<(), AlignError> {
        let Some(unit) = self.unit else {
            return Ok(());
        };
        let driver = self.study.driver;
        let per_step = unit.checked_mul(driver.step)?;
        let bad = |region: &Region| -> Result<bool, AlignError> {
            let profit = region.slope.checked_add(per_step)?;
            Ok(region.to > region.from && neat(profit).is_negative())
        };
        for region in total {
            if !bad(region)? {
                continue;
            }
            let ends = (region.from, region.to);
            let mut row = self.empty("all", RowKind::Repair);
            row.region_from = Some(self.axis(region.from)?);
            row.region_to = Some(self.axis(region.to)?);
            let where_ = format!(
                "between {} and {}",
                words::number(self.axis(region.from)?),
                words::place(driver, self.axis(region.to)?)
            );
            match repair::least(self.study, knobs, ends)? {
                Some(found) => {
                    row.clause_id.clone_from(&found.knob.clause_id);
                    let changed = found.knob.set(self.place.spec, found.to);
                    let rest = self.remaining(&changed, &bad)?;
                    let show = |v: Decimal| match found.knob.sort {
                        Sort::Share => words::percent(v),
                        _ => words::number(v),
                    };
                    row.verdict = format!(
                        "Repair {where_}: {} of `{}` from {} to {}; {}.",
                        found.knob.name,
                        found.knob.clause_id,
                        show(found.from),
                        show(found.to),
                        match rest {
                            0 => "no region costs the supplier anything then".to_owned(),
                            1 => "one region still does".to_owned(),
                            n => format!("{n} regions still do"),
                        }
                    );
                }
                None => {
                    row.verdict = format!(
                        "No single share, price, minimum or limit of these terms repairs the \
                         region {where_}: it takes a clause that pays for {}.",
                        driver.unit.1
                    );
                }
            }
            all.rows.push(row);
        }
        Ok(())
    }

    /// How many regions still cost the supplier something under changed terms.
    fn remaining(
        &self,
        spec: &SettleSpec,
        bad: &dyn Fn(&Region) -> Result<bool, AlignError>,
    ) -> Result<usize, AlignError> {
        let path = self.study.path_under(spec)?;
        let steps = self.study.steps(&path)?;
        let mut curve = Curve::new(&path, self.study.first, self.study.driver.step, steps);
        let (pieces, _) = curve.pieces()?;
        let mut count = 0;
        for region in regions(&pieces, |step| curve.total(step))? {
            count += usize::from(bad(&region)?);
        }
        Ok(count)
    }
}
