//! Drivers: what one more of something does to the measures, to the supplier and to the customer,
//! and the list of those of a contract. Not responsible for what follows from a driver (see
//! [`super::path`]); how each is made is in the modules below.

mod declared;
mod incidents;
mod money;
mod streams;

use std::collections::BTreeSet;

use super::assume::Assumptions;
use super::rebuild::{Moves, Rebuild};
use super::{AlignError, Ratios};
use crate::money::Decimal;
use crate::settle::{Facts, Inputs, Plan, Span};
use crate::terms::{Billed, ClauseSource, Kind, Located, SettleSpec, Value, measure_key};
use streams::Stream;

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
    /// What follows from changed cells, in the period in which it acts.
    pub(super) cells: Moves,
    /// Whether it is about a part of the incidents of another driver that stands for all.
    pub(super) part: bool,
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
    /// Whether it moves anything at all.
    pub(super) fn moves(&self) -> bool {
        !self.now.is_empty() || !self.ratios.is_empty() || !self.cells.is_empty()
    }

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
    pub(super) rebuild: Option<&'a dyn Rebuild>,
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

    /// The measure that a field of a clause is, when it is nothing but a measure of the contract.
    fn plain(&self, field: Option<&Located<Value>>) -> Option<String> {
        let (name, scope) = self.measure(field)?;
        scope.is_none().then_some(name)
    }

    /// The same, with the scope that it may have.
    fn measure(&self, field: Option<&Located<Value>>) -> Option<(String, Option<String>)> {
        let Some(Value::Text(text)) = field.map(|f| &f.value) else {
            return None;
        };
        let (name, scope) = measure_key(text.trim());
        self.uses(name, scope)
            .then(|| (name.to_owned(), scope.map(str::to_owned)))
    }

    /// The measures of incidents that clauses pay on, and what one avoided incident adds to them.
    fn quantities(&self) -> impl Iterator<Item = (String, Option<String>, Decimal)> + '_ {
        self.clauses().filter_map(|clause| {
            let step = match clause.kind.value {
                Kind::IncidentReduction => Decimal::ONE,
                Kind::PerTicket | Kind::VolumeBand => -Decimal::ONE,
                _ => return None,
            };
            let (name, scope) = self.measure(clause.quantity.as_ref())?;
            // A share of avoided impact is paid on money, not on incidents.
            (name != "impact_avoided").then_some((name, scope, step))
        })
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
        let declares = |name: &str| drivers.iter().any(|d: &Driver| d.name == name);
        // A driver that the terms declare stands for all of its kind.
        let own = ["avoided_incident", "avoided_late_incident", "breach"].map(declares);
        let mut made = Vec::new();
        for stream in self.streams() {
            let makers = [Self::avoided, Self::avoided_late, Self::breach];
            for (maker, own) in makers.into_iter().zip(own) {
                if !own {
                    made.push(maker(self, &stream)?);
                }
            }
        }
        // All streams of a kind together, in the order of the kinds.
        let kind = |d: &Option<Driver>| d.as_ref().map(|d| kind_of(&d.name).to_owned());
        made.sort_by_cached_key(kind);
        for made in made
            .into_iter()
            .chain([self.saved()?, self.hour()?])
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
            let cells = driver.cells.spots();
            let cells = cells.map(|spot| (spot.name.clone(), spot.scope.clone()));
            moved.extend(effects.chain(ratios).chain(cells));
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
            cells: Moves::default(),
            part: false,
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

    /// Moves a measure of the contract, and those of the stream's own scopes.
    fn effect(&self, driver: &mut Driver, stream: &Stream, name: &str, step: Decimal) {
        let scopes: BTreeSet<Option<&str>> = self
            .plan
            .measures()
            .filter(|(n, scope)| *n == name && stream.is_in(*scope))
            .map(|(_, scope)| scope)
            .collect();
        for scope in scopes {
            let same = |e: &&Effect| e.name == name && e.scope.as_deref() == scope;
            if driver.now.iter().find(same).is_none() {
                driver.now.push(Effect {
                    name: name.to_owned(),
                    scope: scope.map(str::to_owned),
                    step,
                });
            }
        }
    }

    /// One more hour of prevention.
    fn hour(&self) -> Result<Option<Driver>, AlignError> {
        let mut driver = self.empty(
            "prevention_hour",
            "hour of prevention",
            "hours of prevention",
        );
        let whole = Stream::default();
        self.effect(&mut driver, &whole, "proactive_hours", Decimal::ONE);
        for clause in self
            .clauses()
            .filter(|c| c.kind.value == Kind::ProactiveFund)
        {
            if let Some(name) = self.plain(clause.quantity.as_ref()) {
                self.effect(&mut driver, &whole, &name, Decimal::ONE);
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

    /// Moves the parts of a quotient of the contract, and of those of the stream's own scopes.
    fn ratio(
        &self,
        driver: &mut Driver,
        stream: &Stream,
        name: &str,
        (numerator, denominator): (Decimal, Decimal),
    ) {
        let scopes: BTreeSet<Option<&str>> = self
            .plan
            .measures()
            .filter(|(n, scope)| *n == name && stream.is_in(*scope))
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
}

/// The name of a driver without its stream.
pub(super) fn kind_of(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

/// `10^-decimals`.
fn minor(decimals: u8) -> Decimal {
    Decimal::new(1, decimals).unwrap_or(Decimal::ONE)
}
