//! Drivers about incidents: one more that does not happen, in time or late, and one more breach; for
//! the whole contract, or for each service and priority that the terms treat on their own.

use super::streams::Stream;
use super::{Bench, Driver};
use crate::judge::align::AlignError;
use crate::judge::align::rebuild::{Moves, Wanted, moves};
use crate::measure::without::Change;
use crate::money::{Decimal, Rounding};

/// Measures of money that an incident moves by its assumed price: invoices are not cells.
const OF_INVOICES: &[&str] = &[
    "actual_cost",
    "total_cost",
    "gross_saving",
    "verified_saving",
    "qualified_saving",
];

impl Bench<'_> {
    /// How the measures of the terms follow when incidents of a stream change in their cells;
    /// nothing where there are no cells. Found between `least`, a number of incidents more, and
    /// all that the cells hold of those that can change.
    fn in_cells(
        &self,
        stream: &Stream,
        change: Change,
        least: Decimal,
    ) -> Result<Option<Moves>, AlignError> {
        let (Some(rebuild), true) = (self.rebuild, stream.incidents() > 0) else {
            return Ok(None);
        };
        let judged = self.judged(stream) && stream.met() > 0;
        let most = match change {
            // Beyond those that met their service level none is left that would have.
            Change::InTime if judged => stream.met().min(stream.incidents()),
            Change::InTime => stream.incidents(),
            Change::Late => stream.late().min(stream.incidents()),
            Change::Missed => stream.met(),
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // A part of an incident more is a whole one.
        let whole = least.round(0, Rounding::Down).to_i64().unwrap_or(0);
        let least = whole.saturating_sub(1).min(0);
        if most == 0 {
            return Ok(None);
        }
        let wanted: Wanted = self
            .plan
            .measures()
            .map(|(name, scope)| (name.to_owned(), scope.map(str::to_owned)))
            .collect();
        let ends = (least, most);
        moves(rebuild, &stream.keys(), self.act, change, ends, &wanted).map(Some)
    }

    /// Whether the terms look at service levels of a stream.
    fn judged(&self, stream: &Stream) -> bool {
        self.plan.measures().any(|(name, scope)| {
            matches!(name, "sla_attainment" | "breaches") && stream.is_in(scope)
        })
    }

    /// What follows from cells takes the place of what is known to follow without them.
    fn follow_cells(driver: &mut Driver, cells: Option<Moves>) {
        let Some(cells) = cells else { return };
        let stays = |name: &str| OF_INVOICES.contains(&name);
        driver.now.retain(|effect| stays(&effect.name));
        driver.ratios.clear();
        driver.cells = cells;
    }

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
        driver.part = stream.part;
        let before = if stream.part {
            stream.avoided()
        } else {
            self.of_stream(stream, "incidents_avoided")
        };
        let least = -before.unwrap_or(Decimal::ZERO).max(Decimal::ZERO);
        let cells = self.in_cells(stream, Change::InTime, least)?;
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
            // Cells know their impact themselves.
            let impact = self.assume("impact");
            match (impact, cells.is_some()) {
                (_, true) => self.effect(&mut driver, stream, "total_cost", -price),
                (Some(impact), false) => {
                    let both = -price.checked_add(impact)?;
                    self.effect(&mut driver, stream, "total_cost", both);
                }
                (None, false) => {}
            }
        } else if self.uses("actual_cost", None) || self.uses("gross_saving", None) {
            driver.missing.insert("price");
        }
        let one_less = (-Decimal::ONE, -Decimal::ONE);
        self.ratio(&mut driver, stream, "sla_attainment", one_less);
        let estimated = driver
            .now
            .iter()
            .any(|e| e.name.starts_with("incidents_avoided"));
        let counted = driver.now.iter().find(|e| e.step == Decimal::ONE);
        let counted = counted.map(|e| (e.name.clone(), e.scope.clone()));
        let in_cells = cells.is_some();
        Self::follow_cells(&mut driver, cells);
        if !driver.moves() {
            return Ok(None);
        }
        self.without_incident(&mut driver);
        // The place is the estimate, also where the lower end is what is paid on.
        let handled = Decimal::from_u64(stream.incidents());
        if stream.part {
            driver.at = stream.avoided().unwrap_or(Decimal::ZERO);
            driver.of = Some(handled.checked_add(driver.at)?);
        } else {
            let estimated = (estimated || in_cells)
                .then(|| self.of_stream(stream, "incidents_avoided"))
                .flatten();
            let counted = counted
                .as_ref()
                .and_then(|(name, scope)| self.value(name, scope.as_deref()));
            driver.at = estimated.or(counted).unwrap_or(Decimal::ZERO);
            driver.of = self.of_stream(stream, "incidents_expected").or_else(|| {
                let handled = self.of_stream(stream, "ticket_count")?;
                handled.checked_add(driver.at).ok()
            });
        }
        driver.from = Decimal::ZERO.min(driver.at);
        driver.to = match driver.of {
            Some(of) => of.max(driver.at),
            None => self.far(driver.at)?,
        };
        if in_cells {
            // No more can be avoided than there are, nor than a bent line is known for.
            let known = driver.cells.known().unwrap_or(handled).min(handled);
            driver.to = driver.to.min(driver.at.checked_add(known)?);
        }
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
        let cells = if self.judged(stream) {
            self.in_cells(stream, Change::Late, Decimal::ZERO)?
        } else {
            None
        };
        if cells.is_none() && (stream.part || late.ratios.is_empty()) {
            return Ok(None);
        }
        let Some(mut driver) = self.avoided(stream)? else {
            return Ok(None);
        };
        driver.name = stream.named("avoided_late_incident");
        let unit = |what: &str| format!("{} that would have been late", stream.in_words(what));
        driver.unit = (unit("avoided incident"), unit("avoided incidents"));
        // There are as many as the narrowest of the quotients has misses.
        let narrowest: Option<Decimal> = late
            .ratios
            .iter()
            .filter_map(|effect| {
                let ratio = self.ratio_at(&effect.name, effect.scope.as_deref())?;
                ratio.denominator.checked_sub(ratio.numerator).ok()
            })
            .min();
        let own = cells.as_ref().map(|_| Decimal::from_u64(stream.late()));
        let misses = if stream.part { own } else { narrowest.or(own) };
        driver.ratios = late.ratios;
        Self::follow_cells(&mut driver, cells);
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
        driver.part = stream.part;
        let late = Decimal::from_u64(stream.late());
        let cells = self.in_cells(stream, Change::Missed, -late)?;
        let still = cells.as_ref().is_none_or(Moves::is_empty);
        if still && (stream.part || !driver.moves()) {
            return Ok(None);
        }
        let narrowest = driver
            .ratios
            .iter()
            .filter_map(|r| self.ratio_at(&r.name, r.scope.as_deref()))
            .min_by_key(|r| r.denominator);
        driver.at = match (self.of_breaches(&driver), narrowest) {
            _ if stream.part => late,
            (Some(breaches), _) => breaches,
            (None, Some(r)) => r.denominator.checked_sub(r.numerator)?,
            (None, None) => late,
        };
        let judged = Decimal::from_u64(stream.met()).checked_add(late)?;
        driver.of = match narrowest {
            Some(r) if !stream.part => Some(r.denominator),
            _ => (cells.is_some()).then_some(judged),
        };
        Self::follow_cells(&mut driver, cells);
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
