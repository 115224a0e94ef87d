//! Drivers about incidents: one more that does not happen, in time or late, and one more breach; for
//! the whole contract, or for each service and priority that the terms treat on their own.

use super::streams::Stream;
use super::{Bench, Driver};
use crate::judge::align::AlignError;
use crate::money::Decimal;

impl Bench<'_> {
    /// What an avoided incident does outside of the terms: billed no more, handled no more.
    pub(super) fn without_incident(&self, driver: &mut Driver) {
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
    pub(super) fn avoided(&self, stream: &Stream) -> Result<Option<Driver>, AlignError> {
        let mut driver = self.empty(
            &stream.named("avoided_incident"),
            &stream.in_words("avoided incident"),
            &stream.in_words("avoided incidents"),
        );
        for name in ["incidents_avoided", "incidents_avoided_lower"] {
            self.effect(&mut driver, stream, name, Decimal::ONE);
        }
        self.effect(&mut driver, stream, "ticket_count", -Decimal::ONE);
        for (name, scope, step) in self.quantities() {
            if stream.is_in(scope.as_deref()) {
                self.effect(&mut driver, stream, &name, step);
            }
        }
        if let Some(impact) = self.assume("impact") {
            self.effect(&mut driver, stream, "impact_avoided", impact);
            self.effect(&mut driver, stream, "impact_cost", -impact);
        } else if self.uses("impact_avoided", None) || self.uses("impact_cost", None) {
            driver.missing.insert("impact");
        }
        if let Some(price) = self.assume("price") {
            self.effect(&mut driver, stream, "actual_cost", -price);
            for name in ["gross_saving", "verified_saving", "qualified_saving"] {
                self.effect(&mut driver, stream, name, price);
            }
            if let Some(impact) = self.assume("impact") {
                let both = -price.checked_add(impact)?;
                self.effect(&mut driver, stream, "total_cost", both);
            }
        } else if self.uses("actual_cost", None) || self.uses("gross_saving", None) {
            driver.missing.insert("price");
        }
        let one_less = (-Decimal::ONE, -Decimal::ONE);
        self.ratio(&mut driver, stream, "sla_attainment", one_less);
        if driver.now.is_empty() && driver.ratios.is_empty() {
            return Ok(None);
        }
        self.without_incident(&mut driver);
        // The place is the estimate, also where the lower end is what is paid on.
        let estimated = driver
            .now
            .iter()
            .any(|e| e.name.starts_with("incidents_avoided"))
            .then(|| self.of_stream(stream, "incidents_avoided"))
            .flatten();
        let counted = driver.now.iter().find(|e| e.step == Decimal::ONE);
        let avoided = estimated.or_else(|| self.value(&counted?.name, counted?.scope.as_deref()));
        driver.at = avoided.unwrap_or(Decimal::ZERO);
        driver.from = Decimal::ZERO.min(driver.at);
        driver.of = self.of_stream(stream, "incidents_expected").or_else(|| {
            let handled = self.of_stream(stream, "ticket_count")?;
            handled.checked_add(driver.at).ok()
        });
        driver.to = match driver.of {
            Some(of) => of.max(driver.at),
            None => self.far(driver.at)?,
        };
        Ok(Some(driver))
    }

    /// A number of the stream's own: the least of those of its priority and its service, which are
    /// both at least as many.
    fn of_stream(&self, stream: &Stream, name: &str) -> Option<Decimal> {
        let own = stream
            .scopes()
            .iter()
            .filter_map(|scope| self.value(name, scope.as_deref()))
            .min();
        own.or_else(|| self.value(name, None))
    }

    /// One more incident that does not happen and would have missed its service level.
    pub(super) fn avoided_late(&self, stream: &Stream) -> Result<Option<Driver>, AlignError> {
        let mut late = self.empty("sla_attainment", "", "");
        let one_less = (Decimal::ZERO, -Decimal::ONE);
        self.ratio(&mut late, stream, "sla_attainment", one_less);
        if late.ratios.is_empty() {
            return Ok(None);
        }
        let Some(mut driver) = self.avoided(stream)? else {
            return Ok(None);
        };
        driver.name = stream.named("avoided_late_incident");
        let unit = |what: &str| format!("{} that would have been late", stream.in_words(what));
        driver.unit = (unit("avoided incident"), unit("avoided incidents"));
        // There are as many as the narrowest of the quotients has misses.
        let misses: Option<Decimal> = late
            .ratios
            .iter()
            .filter_map(|effect| {
                let ratio = self.ratio_at(&effect.name, effect.scope.as_deref())?;
                ratio.denominator.checked_sub(ratio.numerator).ok()
            })
            .min();
        driver.ratios = late.ratios;
        driver.at = Decimal::ZERO;
        driver.from = Decimal::ZERO;
        driver.of = misses;
        driver.to = misses.unwrap_or(Decimal::ZERO);
        Ok(Some(driver))
    }

    /// One more service level missed.
    pub(super) fn breach(&self, stream: &Stream) -> Result<Option<Driver>, AlignError> {
        let mut driver = self.empty(
            &stream.named("breach"),
            &stream.in_words("breach"),
            &stream.in_words("breaches"),
        );
        self.effect(&mut driver, stream, "breaches", Decimal::ONE);
        let one_missed = (-Decimal::ONE, Decimal::ZERO);
        self.ratio(&mut driver, stream, "sla_attainment", one_missed);
        if driver.now.is_empty() && driver.ratios.is_empty() {
            return Ok(None);
        }
        let narrowest = driver
            .ratios
            .iter()
            .filter_map(|r| self.ratio_at(&r.name, r.scope.as_deref()))
            .min_by_key(|r| r.denominator);
        driver.at = match (self.of_breaches(&driver), narrowest) {
            (Some(breaches), _) => breaches,
            (None, Some(r)) => r.denominator.checked_sub(r.numerator)?,
            (None, None) => Decimal::ZERO,
        };
        driver.of = narrowest.map(|r| r.denominator);
        driver.to = match driver.of {
            Some(of) => of.max(driver.at),
            None => self.far(driver.at)?,
        };
        driver.benefit = None;
        Ok(Some(driver))
    }

    /// The fewest breaches of those that the driver moves.
    fn of_breaches(&self, driver: &Driver) -> Option<Decimal> {
        driver
            .effects(false)
            .iter()
            .filter_map(|e| self.value(&e.name, e.scope.as_deref()))
            .min()
    }
}
