//! Drivers: what one more of something does to the measures, to the supplier and to the customer.
//! Those of the terms, and those that the program has for measures of the KPI catalogue. Not
//! responsible for what follows from a driver (see [`super::path`]).

use std::collections::BTreeSet;

use super::ask::ask;
use super::assume::Assumptions;
use super::{AlignError, Ratios};
use crate::money::Decimal;
use crate::settle::{Facts, Inputs, Plan, Span};
use crate::terms::{
    Billed, ClauseSource, DriverSource, Kind, Located, Method, Pays, SettleSpec, Value, measure_key,
};

/// What a measure changes by for one more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    pub(super) name: String,
    pub(super) scope: Option<String>,
    pub(super) step: Decimal,
}

/// What a quotient's parts change by for one more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RatioEffect {
    pub(super) name: String,
    pub(super) scope: Option<String>,
    pub(super) numerator: Decimal,
    pub(super) denominator: Decimal,
}

/// One more of something, in numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Driver {
    pub(super) name: String,
    /// What one of it is called, and several.
    pub(super) unit: (String, String),
    now: Vec<Effect>,
    later: Option<Vec<Effect>>,
    pub(super) ratios: Vec<RatioEffect>,
    /// Where it stands, and the range that is looked at.
    pub(super) at: Decimal,
    pub(super) from: Decimal,
    pub(super) to: Decimal,
    pub(super) of: Option<Decimal>,
    pub(super) step: Decimal,
    /// The axis is a cost that falls as the driver rises.
    pub(super) falling: bool,
    /// Outside of the terms, per year; `None` when an assumption is missing.
    pub(super) revenue: Option<Decimal>,
    pub(super) cost: Option<Decimal>,
    /// Once.
    pub(super) effort: Decimal,
    pub(super) benefit: Option<Decimal>,
    /// Assumptions that would be needed.
    pub(super) missing: BTreeSet<&'static str>,
}

impl Driver {
    /// The effects in the year in which it acts, or in a later one.
    pub(super) fn effects(&self, later: bool) -> &[Effect] {
        match (&self.later, later) {
            (Some(effects), true) => effects,
            _ => &self.now,
        }
    }

    /// The value on the axis when the driver has moved by so much.
    pub(super) fn place(&self, moved: Decimal) -> Result<Decimal, AlignError> {
        Ok(if self.falling {
            self.at.checked_sub(moved)?
        } else {
            self.at.checked_add(moved)?
        })
    }

    /// How far it has to move to stand at a value.
    pub(super) fn way_to(&self, place: Decimal) -> Result<Decimal, AlignError> {
        Ok(if self.falling {
            self.at.checked_sub(place)?
        } else {
            place.checked_sub(self.at)?
        })
    }
}

/// What the makers of drivers look at.
pub(super) struct Bench<'a> {
    pub(super) spec: &'a SettleSpec,
    pub(super) facts: &'a Facts,
    pub(super) ratios: &'a Ratios,
    pub(super) plan: &'a Plan,
    pub(super) inputs: &'a Inputs,
    pub(super) contract_id: &'a str,
    pub(super) act: Span,
    pub(super) assumptions: &'a Assumptions,
}

impl Bench<'_> {
    fn value(&self, name: &str, scope: Option<&str>) -> Option<Decimal> {
        let used = self.inputs.get(self.act, name, scope);
        used.or_else(|| {
            let start = self.plan.first_month();
            self.facts.measures.values(self.contract_id).find_map(
                |(key, n, s, value)| match value {
                    crate::settle::Measured::Value(value)
                        if n == name && s == scope && key.span(start) == self.act =>
                    {
                        Some(*value)
                    }
                    _ => None,
                },
            )
        })
    }

    fn uses(&self, name: &str, scope: Option<&str>) -> bool {
        self.plan.measures().any(|m| m == (name, scope))
    }

    fn assume(&self, name: &str) -> Option<Decimal> {
        self.assumptions.get(name)
    }

    fn elsewhere(&self) -> bool {
        self.assumptions.billed == Billed::Elsewhere
    }

    /// The measure that a field of a clause is, when it is nothing but a measure.
    fn plain(&self, field: Option<&Located<Value>>) -> Option<String> {
        let Some(Value::Text(text)) = field.map(|f| &f.value) else {
            return None;
        };
        let name = text.trim();
        self.uses(name, None).then(|| name.to_owned())
    }

    fn clauses(&self) -> impl Iterator<Item = &ClauseSource> {
        self.spec.source.clause.iter().map(|c| &c.value)
    }

    /// Every driver of the contract: those of the terms, then those of the catalogue, then one
    /// for each measure that none of them moves.
    pub(super) fn drivers(&self) -> Result<Vec<Driver>, AlignError> {
        let mut drivers = Vec::new();
        let declared = self.spec.source.alignment.as_ref().map(|a| &a.drivers);
        for (name, driver) in declared.into_iter().flatten() {
            drivers.push(self.declared(name, &driver.value)?);
        }
        for made in [
            self.avoided()?,
            self.avoided_late()?,
            self.saved()?,
            self.breach()?,
            self.hour()?,
        ]
        .into_iter()
        .flatten()
        {
            if !drivers.iter().any(|d| d.name == made.name) {
                drivers.push(made);
            }
        }
        let mut moved: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        for driver in &drivers {
            let effects = driver.now.iter().map(|e| (e.name.clone(), e.scope.clone()));
            let ratios = driver
                .ratios
                .iter()
                .map(|r| (r.name.clone(), r.scope.clone()));
            moved.extend(effects.chain(ratios));
        }
        let rest: Vec<(String, Option<String>)> = self
            .plan
            .measures()
            .map(|(name, scope)| (name.to_owned(), scope.map(str::to_owned)))
            .filter(|key| !moved.contains(key))
            .collect();
        for (name, scope) in rest {
            drivers.extend(self.one_more(&name, scope.as_deref())?);
        }
        Ok(drivers)
    }

    fn empty(&self, name: &str, one: &str, many: &str) -> Driver {
        Driver {
            name: name.to_owned(),
            unit: (one.to_owned(), many.to_owned()),
            now: Vec::new(),
            later: None,
            ratios: Vec::new(),
            at: Decimal::ZERO,
            from: Decimal::ZERO,
            to: Decimal::ZERO,
            of: None,
            step: Decimal::ONE,
            falling: false,
            revenue: Some(Decimal::ZERO),
            cost: Some(Decimal::ZERO),
            effort: Decimal::ZERO,
            benefit: Some(Decimal::ZERO),
            missing: BTreeSet::new(),
        }
    }

    fn effect(&self, driver: &mut Driver, name: &str, step: Decimal) {
        if self.uses(name, None) && !driver.now.iter().any(|e| e.name == name) {
            driver.now.push(Effect {
                name: name.to_owned(),
                scope: None,
                step,
            });
        }
    }

    /// What an avoided incident does outside of the terms: billed no more, handled no more.
    fn without_incident(&self, driver: &mut Driver) {
        if self.elsewhere() {
            driver.revenue = self.assume("price").map(|p| -p);
            if driver.revenue.is_none() {
                driver.missing.insert("price");
            }
        }
        driver.cost = self.assume("cost_to_serve").map(|c| -c);
        if driver.cost.is_none() {
            driver.missing.insert("cost_to_serve");
        }
        driver.effort = self.assume("prevention_cost").unwrap_or(Decimal::ZERO);
        if self.assume("prevention_cost").is_none() {
            driver.missing.insert("prevention_cost");
        }
        driver.benefit = self.assume("impact");
        if driver.benefit.is_none() {
            driver.missing.insert("impact");
        }
    }

    /// One more incident that does not happen and would have met its service level.
    fn avoided(&self) -> Result<Option<Driver>, AlignError> {
        let mut driver = self.empty("avoided_incident", "avoided incident", "avoided incidents");
        for name in ["incidents_avoided", "incidents_avoided_lower"] {
            self.effect(&mut driver, name, Decimal::ONE);
        }
        self.effect(&mut driver, "ticket_count", -Decimal::ONE);
        for clause in self.clauses() {
            let quantity = self.plain(clause.quantity.as_ref());
            let step = match clause.kind.value {
                Kind::IncidentReduction => Decimal::ONE,
                Kind::PerTicket | Kind::VolumeBand => -Decimal::ONE,
                _ => continue,
            };
            // A share of avoided impact is paid on money, not on incidents.
            if let Some(name) = quantity
                && name != "impact_avoided"
            {
                self.effect(&mut driver, &name, step);
            }
        }
        if let Some(impact) = self.assume("impact") {
            self.effect(&mut driver, "impact_avoided", impact);
            self.effect(&mut driver, "impact_cost", -impact);
        } else if self.uses("impact_avoided", None) || self.uses("impact_cost", None) {
            driver.missing.insert("impact");
        }
        if let Some(price) = self.assume("price") {
            self.effect(&mut driver, "actual_cost", -price);
            for name in ["gross_saving", "verified_saving", "qualified_saving"] {
                self.effect(&mut driver, name, price);
            }
            if let Some(impact) = self.assume("impact") {
                self.effect(&mut driver, "total_cost", -price.checked_add(impact)?);
            }
        } else if self.uses("actual_cost", None) || self.uses("gross_saving", None) {
            driver.missing.insert("price");
        }
        self.ratio(&mut driver, "sla_attainment", -Decimal::ONE, -Decimal::ONE);
        if driver.now.is_empty() && driver.ratios.is_empty() {
            return Ok(None);
        }
        self.without_incident(&mut driver);
        // The place is the estimate, also where the lower end is what is paid on.
        let estimated = driver
            .now
            .iter()
            .any(|e| e.name.starts_with("incidents_avoided"))
            .then(|| self.value("incidents_avoided", None))
            .flatten();
        let counted = driver.now.iter().find(|e| e.step == Decimal::ONE);
        let avoided = estimated.or_else(|| self.value(&counted?.name, None));
        driver.at = avoided.unwrap_or(Decimal::ZERO);
        driver.from = Decimal::ZERO.min(driver.at);
        driver.of = self.value("incidents_expected", None).or_else(|| {
            let handled = self.value("ticket_count", None)?;
            handled.checked_add(driver.at).ok()
        });
        driver.to = match driver.of {
            Some(of) => of.max(driver.at),
            None => self.far(driver.at)?,
        };
        Ok(Some(driver))
    }

    /// One more incident that does not happen and would have missed its service level.
    fn avoided_late(&self) -> Result<Option<Driver>, AlignError> {
        let mut late = self.empty("sla_attainment", "", "");
        self.ratio(&mut late, "sla_attainment", Decimal::ZERO, -Decimal::ONE);
        let Some(mut driver) = self.avoided()? else {
            return Ok(None);
        };
        if late.ratios.is_empty() {
            return Ok(None);
        }
        driver.name = "avoided_late_incident".to_owned();
        driver.unit = (
            "avoided incident that would have been late".to_owned(),
            "avoided incidents that would have been late".to_owned(),
        );
        let misses: Option<Decimal> = late.ratios.iter().try_fold(Decimal::ZERO, |sum, effect| {
            let ratio = self.ratio_at(&effect.name, effect.scope.as_deref())?;
            let missed = ratio.denominator.checked_sub(ratio.numerator).ok()?;
            Some(sum.max(missed))
        });
        driver.ratios = late.ratios;
        driver.at = Decimal::ZERO;
        driver.from = Decimal::ZERO;
        driver.of = misses;
        driver.to = misses.unwrap_or(Decimal::ZERO);
        Ok(Some(driver))
    }

    /// One more euro saved.
    fn saved(&self) -> Result<Option<Driver>, AlignError> {
        let currency = self.plan.currency().to_string();
        let unit = format!("{currency} saved");
        let mut driver = self.empty("euro_saved", &unit, &unit);
        driver.step = minor(self.plan.currency().minor_digits());
        let mut supplier_bears = false;
        let mut priced = false;
        let mut targets = Vec::new();
        for clause in self.clauses().filter(|c| c.kind.value == Kind::TargetCost) {
            if let Some(name) = self.plain(clause.actual_cost.as_ref()) {
                self.effect(&mut driver, &name, -Decimal::ONE);
                supplier_bears = true;
                targets.extend(clause.target_cost.clone());
                let price = clause.pays.as_ref().map_or(
                    clause
                        .method
                        .as_ref()
                        .is_some_and(|m| m.value == Method::Fpif),
                    |p| p.value == Pays::Price,
                );
                priced |= price;
            }
        }
        for name in ["gross_saving", "verified_saving", "qualified_saving"] {
            self.effect(&mut driver, name, Decimal::ONE);
        }
        for name in ["actual_cost", "total_cost"] {
            self.effect(&mut driver, name, -Decimal::ONE);
        }
        if driver.now.is_empty() {
            driver.now = self.probed()?;
        }
        let Some(first) = driver.now.first().cloned() else {
            return Ok(None);
        };
        let now = self.value(&first.name, first.scope.as_deref());
        let now = now.unwrap_or(Decimal::ZERO);
        driver.at = now;
        driver.falling = first.step.is_negative();
        if driver.falling {
            // From twice the cost, or twice the target, down to none.
            let asked = ask(
                self.spec,
                self.facts,
                self.contract_id,
                self.act,
                &targets,
                &[],
            )?;
            let most = asked.into_iter().flatten().fold(now, Decimal::max);
            driver.from = most.checked_mul(Decimal::from_i64(2))?;
            driver.to = Decimal::ZERO;
        } else {
            let whole = self.value("benchmark_cost", None);
            driver.of = whole;
            driver.from = Decimal::ZERO.min(now);
            driver.to = match whole {
                Some(whole) => whole.max(now),
                None => self.far(now)?,
            };
        }
        if supplier_bears {
            // The cost is the supplier's own; where only the fee is paid here, the customer
            // repays the cost elsewhere.
            driver.cost = Some(-Decimal::ONE);
            driver.revenue = Some(if priced { Decimal::ZERO } else { -Decimal::ONE });
        } else {
            // A euro that the supplier bills no more, of which it keeps its margin no more.
            if self.elsewhere() {
                driver.revenue = Some(-Decimal::ONE);
            }
            driver.cost = match self.assume("margin") {
                Some(margin) => Some(margin.checked_sub(Decimal::ONE)?),
                None => {
                    driver.missing.insert("margin");
                    None
                }
            };
        }
        Ok(Some(driver))
    }

    /// For savings of measures with names of their own: the one measure that raises the basis of
    /// a shared saving by one when it falls by one, else those that do when they rise.
    fn probed(&self) -> Result<Vec<Effect>, AlignError> {
        let shared: BTreeSet<&str> = self
            .clauses()
            .filter(|c| matches!(c.kind.value, Kind::GainShare | Kind::PainShare))
            .map(|c| c.id.value.as_str())
            .collect();
        let numbers: Vec<usize> = self
            .plan
            .clauses()
            .enumerate()
            .filter(|(_, id)| shared.contains(id))
            .map(|(number, _)| number)
            .collect();
        let losses: Vec<usize> = self
            .plan
            .clauses()
            .enumerate()
            .filter(|(_, id)| {
                self.clauses()
                    .any(|c| c.id.value == *id && c.kind.value == Kind::PainShare)
            })
            .map(|(number, _)| number)
            .collect();
        let gross = |inputs: &Inputs| -> Vec<(usize, Span, Decimal)> {
            let outcome = self.plan.run(inputs, false);
            let shared = outcome.results.into_iter();
            shared
                .filter(|r| numbers.contains(&r.clause) && r.failure.is_none())
                .map(|r| (r.clause, r.period, r.gross))
                .collect()
        };
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let before = gross(self.inputs);
        let (mut costs, mut savings) = (Vec::new(), Vec::new());
        for (name, scope) in self.plan.measures() {
            let Some(value) = self.value(name, scope) else {
                continue;
            };
            let mut moved = self.inputs.clone();
            moved.set(self.act, name, scope, value.checked_add(Decimal::ONE)?);
            let after = gross(&moved);
            let mut change = None;
            for (a, b) in before.iter().zip(&after) {
                let difference = b.2.checked_sub(a.2)?;
                if !difference.is_zero() {
                    // The basis of a pain share is the loss, the saving with its sign turned.
                    let loss = losses.contains(&a.0);
                    change = Some(if loss { -difference } else { difference });
                }
            }
            let effect = |step| Effect {
                name: name.to_owned(),
                scope: scope.map(str::to_owned),
                step,
            };
            if change == Some(-Decimal::ONE) {
                costs.push(effect(-Decimal::ONE));
            } else if change == Some(Decimal::ONE) {
                savings.push(effect(Decimal::ONE));
            }
        }
        costs.truncate(1);
        savings.truncate(1);
        Ok(if costs.is_empty() { savings } else { costs })
    }

    /// One more service level missed.
    fn breach(&self) -> Result<Option<Driver>, AlignError> {
        let mut driver = self.empty("breach", "breach", "breaches");
        self.effect(&mut driver, "breaches", Decimal::ONE);
        self.ratio(&mut driver, "sla_attainment", -Decimal::ONE, Decimal::ZERO);
        if driver.now.is_empty() && driver.ratios.is_empty() {
            return Ok(None);
        }
        let ratio = driver
            .ratios
            .first()
            .and_then(|r| self.ratio_at(&r.name, r.scope.as_deref()));
        driver.at = match (self.value("breaches", None), ratio) {
            (Some(breaches), _) => breaches,
            (None, Some(r)) => r.denominator.checked_sub(r.numerator)?,
            (None, None) => Decimal::ZERO,
        };
        driver.of = ratio.map(|r| r.denominator);
        driver.to = match driver.of {
            Some(of) => of.max(driver.at),
            None => self.far(driver.at)?,
        };
        driver.benefit = None;
        Ok(Some(driver))
    }

    /// One more hour of prevention.
    fn hour(&self) -> Result<Option<Driver>, AlignError> {
        let mut driver = self.empty(
            "prevention_hour",
            "hour of prevention",
            "hours of prevention",
        );
        self.effect(&mut driver, "proactive_hours", Decimal::ONE);
        for clause in self
            .clauses()
            .filter(|c| c.kind.value == Kind::ProactiveFund)
        {
            if let Some(name) = self.plain(clause.quantity.as_ref()) {
                self.effect(&mut driver, &name, Decimal::ONE);
            }
        }
        let Some(first) = driver.now.first() else {
            return Ok(None);
        };
        driver.at = self.value(&first.name, None).unwrap_or(Decimal::ZERO);
        driver.to = self.far(driver.at)?;
        driver.cost = self.assume("hour_cost");
        if driver.cost.is_none() {
            driver.missing.insert("hour_cost");
        }
        // What an hour prevents is the other drivers' matter.
        driver.benefit = None;
        Ok(Some(driver))
    }

    /// One more of a measure that no other driver moves; only what it pays.
    fn one_more(&self, name: &str, scope: Option<&str>) -> Result<Option<Driver>, AlignError> {
        let Some(value) = self.value(name, scope) else {
            return Ok(None);
        };
        let label = match scope {
            Some(scope) => format!("{name}[\"{scope}\"]"),
            None => name.to_owned(),
        };
        let mut driver = self.empty(&format!("one_more:{label}"), &label, &label);
        driver.now.push(Effect {
            name: name.to_owned(),
            scope: scope.map(str::to_owned),
            step: Decimal::ONE,
        });
        driver.at = value;
        let hundred = Decimal::from_i64(100);
        if value.normalized().scale() > 0 && value.abs() <= Decimal::ONE {
            driver.step = minor(4);
            driver.to = Decimal::ONE;
        } else if value.normalized().scale() > 0 && value.abs() <= hundred {
            driver.step = minor(2);
            driver.to = hundred;
        } else {
            driver.to = self.far(value)?;
        }
        driver.from = Decimal::ZERO.min(value);
        driver.benefit = None;
        driver.cost = None;
        Ok(Some(driver))
    }

    fn ratio(&self, driver: &mut Driver, name: &str, numerator: Decimal, denominator: Decimal) {
        let scopes: BTreeSet<Option<&str>> = self
            .plan
            .measures()
            .filter(|(n, _)| *n == name)
            .map(|(_, scope)| scope)
            .collect();
        for scope in scopes {
            if self.ratio_at(name, scope).is_some() {
                driver.ratios.push(RatioEffect {
                    name: name.to_owned(),
                    scope: scope.map(str::to_owned),
                    numerator,
                    denominator,
                });
            }
        }
    }

    fn ratio_at(&self, name: &str, scope: Option<&str>) -> Option<super::Ratio> {
        self.ratios
            .get(&(self.act, name.to_owned(), scope.map(str::to_owned)))
            .copied()
    }

    /// A range when nothing says how far it goes: twenty times what there is.
    fn far(&self, at: Decimal) -> Result<Decimal, AlignError> {
        let far = at.abs().checked_mul(Decimal::from_i64(20))?;
        Ok(far
            .max(Decimal::from_i64(1_000))
            .round(0, crate::money::Rounding::HalfUp))
    }

    /// A driver of the terms.
    fn declared(&self, name: &str, source: &DriverSource) -> Result<Driver, AlignError> {
        let mut expressions: Vec<Located<Value>> = Vec::new();
        let mut want = |value: Option<&Located<Value>>| {
            value.map(|v| {
                expressions.push(v.clone());
                expressions.len() - 1
            })
        };
        let now: Vec<(&str, Option<usize>)> = source
            .measures
            .iter()
            .map(|(key, value)| (key.as_str(), want(Some(value))))
            .collect();
        let later: Option<Vec<(&str, Option<usize>)>> = source.later.as_ref().map(|later| {
            let each = later.iter();
            each.map(|(key, value)| (key.as_str(), want(Some(value))))
                .collect()
        });
        let at = want(source.at.as_ref());
        let (from, to) = (want(source.from.as_ref()), want(source.to.as_ref()));
        let (of, step) = (want(source.of.as_ref()), want(source.step.as_ref()));
        let revenue = want(source.supplier_revenue.as_ref());
        let cost = want(source.supplier_cost.as_ref());
        let effort = want(source.effort.as_ref());
        let benefit = want(source.customer_benefit.as_ref());
        let answers = ask(
            self.spec,
            self.facts,
            self.contract_id,
            self.act,
            &expressions,
            &self.assumptions.names(),
        )?;
        let get = |place: Option<usize>| -> Result<Option<Decimal>, AlignError> {
            match place.and_then(|p| answers.get(p)) {
                None => Ok(None),
                Some(Ok(value)) => Ok(Some(*value)),
                Some(Err(reason)) => Err(AlignError::Expression(format!(
                    "driver `{name}` of [alignment]: {reason}"
                ))),
            }
        };
        let effects = |places: &[(&str, Option<usize>)]| -> Result<Vec<Effect>, AlignError> {
            let mut effects = Vec::new();
            for (key, place) in places {
                let (measure, scope) = measure_key(key);
                effects.push(Effect {
                    name: measure.to_owned(),
                    scope: scope.map(str::to_owned),
                    step: get(*place)?.unwrap_or(Decimal::ZERO),
                });
            }
            Ok(effects)
        };
        let unit = source
            .unit
            .clone()
            .unwrap_or_else(|| name.replace('_', " "));
        let mut driver = self.empty(name, &unit, &super::words::plural(&unit));
        driver.benefit = None;
        driver.now = effects(&now)?;
        driver.later = later.as_deref().map(effects).transpose()?;
        self.follow(&mut driver);
        if name.starts_with("avoided") {
            self.without_incident(&mut driver);
        }
        if let Some(revenue) = get(revenue)? {
            driver.revenue = Some(revenue);
            driver.missing.remove("price");
        }
        if let Some(cost) = get(cost)? {
            driver.cost = Some(cost);
            driver.missing.remove("cost_to_serve");
        }
        if let Some(effort) = get(effort)? {
            driver.effort = effort;
            driver.missing.remove("prevention_cost");
        }
        if let Some(benefit) = get(benefit)? {
            driver.benefit = Some(benefit);
            driver.missing.remove("impact");
        }
        let rising = driver.now.iter().find(|e| e.step == Decimal::ONE);
        let counted = rising.and_then(|e| self.value(&e.name, e.scope.as_deref()));
        driver.at = get(at)?.or(counted).unwrap_or(Decimal::ZERO);
        driver.of = get(of)?;
        driver.from = get(from)?.unwrap_or(Decimal::ZERO.min(driver.at));
        driver.to = match (get(to)?, driver.of) {
            (Some(to), _) | (None, Some(to)) => to,
            (None, None) => self.far(driver.at)?,
        };
        driver.step = get(step)?.unwrap_or(Decimal::ONE);
        if !driver.step.is_positive() || driver.to < driver.from {
            return Err(AlignError::Expression(format!(
                "driver `{name}` of [alignment] runs from {} to {} in steps of {}: the range must \
                 rise and the step be above 0",
                driver.from, driver.to, driver.step
            )));
        }
        Ok(driver)
    }

    /// Quotients whose parts the driver moves follow it.
    fn follow(&self, driver: &mut Driver) {
        let written = self.spec.source.alignment.iter().flat_map(|a| &a.ratios);
        for (name, ratio) in written {
            let step = |part: &str| {
                driver
                    .now
                    .iter()
                    .find(|e| e.name == part && e.scope.is_none())
                    .map_or(Decimal::ZERO, |e| e.step)
            };
            let numerator = step(&ratio.value.numerator.value);
            let denominator = step(&ratio.value.denominator.value);
            if !numerator.is_zero() || !denominator.is_zero() {
                let (name, scope) = measure_key(name);
                driver.ratios.push(RatioEffect {
                    name: name.to_owned(),
                    scope: scope.map(str::to_owned),
                    numerator,
                    denominator,
                });
            }
        }
    }
}

/// `10^-decimals`.
fn minor(decimals: u8) -> Decimal {
    Decimal::new(1, decimals).unwrap_or(Decimal::ONE)
}
