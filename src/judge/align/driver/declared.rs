//! Drivers that the terms declare themselves under `[alignment.drivers]`.

use super::{Bench, Driver, Effect, RatioEffect};
use crate::judge::align::AlignError;
use crate::judge::align::ask::ask;
use crate::judge::align::words;
use crate::money::Decimal;
use crate::terms::{DriverSource, Located, Value, measure_key};

impl Bench<'_> {
    /// A driver of the terms.
    pub(super) fn declared(&self, name: &str, source: &DriverSource) -> Result<Driver, AlignError> {
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
        let mut driver = self.empty(name, &unit, &words::plural(&unit));
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
