//! The rows that tell one driver of one contract and period: regions, the best plan, places that
//! were asked for, effects that last, and repairs. Not responsible for how a region is found (see
//! [`super::regions`]) or worded (see [`super::words`]).

use super::knob::{Knob, Sort, knobs};
use super::regions::{Curve, Piece, Region, regions};
use super::study::{Place, Study};
use super::words::{self, Told};
use super::{AlignError, Alignment, AlignmentRow, RowKind, ask, repair};
use crate::money::{Decimal, Rounding};
use crate::settle::Plan;
use crate::terms::SettleSpec;

/// Six decimals are enough for people and tables.
fn neat(value: Decimal) -> Decimal {
    value.round(6, Rounding::HalfEven).normalized()
}

/// One more that lasts 1, 2, … years.
pub(super) fn ratchet(
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
pub(super) struct Rows<'a> {
    pub(super) place: &'a Place<'a>,
    pub(super) study: &'a Study<'a>,
    pub(super) plan: &'a Plan,
    pub(super) exact: bool,
    pub(super) unit: Option<Decimal>,
    pub(super) steps: i64,
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

    pub(super) fn region(
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
    pub(super) fn best(
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
    pub(super) fn at(&self, curve: &mut Curve<'_>, all: &mut Alignment) -> Result<(), AlignError> {
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
    pub(super) fn knobs(&self, year: usize) -> Result<Vec<(Knob, Decimal)>, AlignError> {
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
    pub(super) fn share(
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
    pub(super) fn repairs(
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
