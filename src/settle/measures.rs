//! Measured values as settlement takes them: exact, or not measurable with the reason. Not
//! responsible for computing or reading them.

use std::collections::BTreeMap;

use super::period::{PeriodKey, Span};
use crate::money::{Decimal, MoneyError};
use crate::time::Month;

/// A measured value.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Measured {
    /// The exact value.
    Value(Decimal),
    /// There is none, and why, as a clause of a sentence.
    NotMeasurable(String),
}

impl Measured {
    /// A statistic as a value: rounded to `decimals`; NaN, an infinity or a number beyond range
    /// is not measurable, with the reason.
    #[must_use]
    pub fn from_f64_rounded(value: f64, decimals: u8) -> Measured {
        match Decimal::from_f64_rounded(value, decimals) {
            Ok(value) => Measured::Value(value),
            Err(error) => Measured::NotMeasurable(error.to_string()),
        }
    }
}

impl From<Decimal> for Measured {
    fn from(value: Decimal) -> Measured {
        Measured::Value(value)
    }
}

impl From<Result<Decimal, MoneyError>> for Measured {
    fn from(value: Result<Decimal, MoneyError>) -> Measured {
        value.map_or_else(|e| Measured::NotMeasurable(e.to_string()), Measured::Value)
    }
}

type Row = BTreeMap<String, BTreeMap<Option<String>, Measured>>;

/// Measured values by contract, period, name and scope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    contracts: BTreeMap<String, BTreeMap<PeriodKey, Row>>,
}

impl Measures {
    /// No values.
    #[must_use]
    pub fn new() -> Measures {
        Measures::default()
    }

    /// Sets a value; a second value in the same place replaces the first.
    pub fn insert(
        &mut self,
        contract_id: &str,
        period: impl Into<PeriodKey>,
        name: &str,
        scope: Option<&str>,
        value: impl Into<Measured>,
    ) {
        self.touch(contract_id, period.into())
            .entry(name.to_owned())
            .or_default()
            .insert(scope.map(str::to_owned), value.into());
    }

    /// Says that a contract has a period, even when no value is known for it.
    pub fn insert_period(&mut self, contract_id: &str, period: impl Into<PeriodKey>) {
        self.touch(contract_id, period.into());
    }

    fn touch(&mut self, contract_id: &str, period: PeriodKey) -> &mut Row {
        self.contracts
            .entry(contract_id.to_owned())
            .or_default()
            .entry(period)
            .or_default()
    }

    /// Whether a value has been set in a place.
    #[must_use]
    pub fn contains(
        &self,
        contract_id: &str,
        period: PeriodKey,
        name: &str,
        scope: Option<&str>,
    ) -> bool {
        self.contracts
            .get(contract_id)
            .and_then(|c| c.get(&period))
            .and_then(|r| r.get(name))
            .is_some_and(|s| s.contains_key(&scope.map(str::to_owned)))
    }

    /// The value in a place, if one has been set.
    #[must_use]
    pub fn value(
        &self,
        contract_id: &str,
        period: PeriodKey,
        name: &str,
        scope: Option<&str>,
    ) -> Option<&Measured> {
        let row = self.contracts.get(contract_id)?.get(&period)?;
        row.get(name)?.get(&scope.map(str::to_owned))
    }

    /// The contracts that have any.
    pub fn contracts(&self) -> impl Iterator<Item = &str> {
        self.contracts.keys().map(String::as_str)
    }

    /// The values of one contract: period, name, scope, value; in that order.
    pub fn values(
        &self,
        contract_id: &str,
    ) -> impl Iterator<Item = (PeriodKey, &str, Option<&str>, &Measured)> {
        self.contracts
            .get(contract_id)
            .into_iter()
            .flatten()
            .flat_map(|(period, row)| {
                row.iter().flat_map(move |(name, scopes)| {
                    scopes.iter().map(move |(scope, value)| {
                        (*period, name.as_str(), scope.as_deref(), value)
                    })
                })
            })
    }

    /// The periods of one contract, those without values included.
    pub fn periods(&self, contract_id: &str) -> impl Iterator<Item = PeriodKey> {
        self.contracts
            .get(contract_id)
            .into_iter()
            .flatten()
            .map(|(period, _)| *period)
    }

    /// The values of one contract by the months of their periods.
    pub(super) fn of(&self, contract_id: &str, start: Month) -> BTreeMap<Span, &Row> {
        self.contracts
            .get(contract_id)
            .into_iter()
            .flatten()
            .map(|(key, row)| (key.span(start), row))
            .collect()
    }
}
