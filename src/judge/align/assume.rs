//! Cost assumptions: what stands in the terms, what the caller says instead, and what is missing.
//! They are part of every result, because every result depends on them.

use std::collections::BTreeMap;

use super::ask::ask;
use super::{AlignError, Given};
use crate::money::{Decimal, Rounding};
use crate::settle::{Facts, Span};
use crate::terms::{ASSUMPTIONS, Billed, Kind, Located, SettleSpec, TermsSource, Value};

/// Where an assumption comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `[alignment]` of the terms.
    Terms,
    /// Said by the caller, in place of the terms.
    Caller,
    /// Follows from others.
    Derived,
}

/// What is assumed about costs, for one contract and period.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumptions {
    /// Amounts and rates by name; see [`ASSUMPTIONS`].
    pub values: BTreeMap<&'static str, (Decimal, Origin)>,
    /// Years that an effect lasts.
    pub horizon_years: u8,
    /// Where the service itself is billed.
    pub billed: Billed,
    /// Whether `billed` was found from the clauses and not said.
    pub billed_found: bool,
}

impl Assumptions {
    /// Reads the assumptions of the terms and of the caller.
    pub(super) fn read(
        spec: &SettleSpec,
        facts: &Facts,
        contract_id: &str,
        period: Span,
        given: &Given,
    ) -> Result<Assumptions, AlignError> {
        let alignment = spec.source.alignment.clone().unwrap_or_default();
        let mut values = BTreeMap::new();
        let written: Vec<(&'static str, Located<Value>)> = alignment
            .assumptions()
            .map(|(name, value)| (name, value.clone()))
            .collect();
        let expressions: Vec<Located<Value>> = written.iter().map(|(_, v)| v.clone()).collect();
        let answers = ask(spec, facts, contract_id, period, &expressions, &[])?;
        for ((name, _), answer) in written.iter().zip(answers) {
            match answer {
                Ok(value) => {
                    values.insert(*name, (value, Origin::Terms));
                }
                Err(_) if given.assumptions.contains_key(*name) => {}
                Err(reason) => {
                    return Err(AlignError::Expression(format!(
                        "`{name}` of [alignment] has no value: {reason}"
                    )));
                }
            }
        }
        for (name, value) in &given.assumptions {
            let Some(known) = ASSUMPTIONS.iter().find(|n| *n == name) else {
                return Err(AlignError::Expression(format!(
                    "there is no assumption `{name}` (known: {})",
                    ASSUMPTIONS.join(", ")
                )));
            };
            values.insert(known, (*value, Origin::Caller));
        }
        let of = |name: &str| values.get(name).map(|(v, _)| *v);
        for name in [
            "price",
            "cost_to_serve",
            "prevention_cost",
            "impact",
            "hour_cost",
        ] {
            if of(name).is_some_and(Decimal::is_negative) {
                return Err(AlignError::Expression(format!(
                    "`{name}` is negative; it is what something costs"
                )));
            }
        }
        if let Some(margin) = of("margin")
            && margin > Decimal::ONE
        {
            return Err(AlignError::Expression(format!(
                "a margin of {margin} is more than the whole price: write 15 % as 0.15"
            )));
        }
        if of("discount_rate").is_some_and(|r| r <= -Decimal::ONE) {
            return Err(AlignError::Expression(
                "a discount rate is more than -100 %".to_owned(),
            ));
        }
        if let (None, Some(price), Some(margin)) = (of("cost_to_serve"), of("price"), of("margin"))
        {
            let cost = price.checked_mul(Decimal::ONE.checked_sub(margin)?)?;
            values.insert("cost_to_serve", (cost, Origin::Derived));
        }
        let said = given.billed.or(alignment.billed);
        let horizon = given
            .horizon_years
            .or(alignment.horizon_years.map(|h| h.value))
            .unwrap_or(1);
        if !(1..=30).contains(&horizon) {
            return Err(AlignError::Expression(
                "a horizon is 1 to 30 years".to_owned(),
            ));
        }
        Ok(Assumptions {
            values,
            horizon_years: horizon,
            billed: said.unwrap_or_else(|| found(&spec.source)),
            billed_found: said.is_none(),
        })
    }

    /// An assumption, if it is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Decimal> {
        self.values.get(name).map(|(v, _)| *v)
    }

    /// The known ones, for expressions of drivers.
    pub(super) fn names(&self) -> Vec<(&str, Decimal)> {
        self.values.iter().map(|(n, (v, _))| (*n, *v)).collect()
    }

    /// What a payment so many years later is worth now: 1 / (1 + rate)^years, 12 decimals.
    pub(super) fn weight(&self, years: u32) -> Result<Decimal, AlignError> {
        let rate = self.get("discount_rate").unwrap_or(Decimal::ZERO);
        let factor = Decimal::ONE.checked_add(rate)?;
        let mut weight = Decimal::ONE;
        for _ in 0..years {
            weight = weight.div(factor, 12, Rounding::HalfEven)?.normalized();
        }
        Ok(weight)
    }
}

/// Whether a clause of the terms charges for the service itself: a fee, a price per ticket, a
/// cost incentive, or charges as invoiced.
fn found(source: &TermsSource) -> Billed {
    let charges = |kind: Kind, basis: Option<&Value>| match kind {
        Kind::FixedFee | Kind::PerTicket | Kind::VolumeBand | Kind::TargetCost => true,
        Kind::Formula => basis.is_some_and(|b| {
            let text = b.to_string();
            ["ticket_count", "actual_cost"]
                .iter()
                .any(|n| text.contains(n))
        }),
        _ => false,
    };
    let any = source
        .clause
        .iter()
        .any(|c| charges(c.value.kind.value, c.value.basis.as_ref().map(|b| &b.value)));
    if any { Billed::Here } else { Billed::Elsewhere }
}
