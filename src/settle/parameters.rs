//! Per-contract parameters: what makes one template the terms of many contracts. Not responsible
//! for reading tables (see [`super::table`]).

use std::collections::BTreeMap;

use super::period::PeriodKey;
use crate::money::Decimal;
use crate::time::Date;

/// One value of one contract.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// A number; a flag is 1 or 0.
    Number(Decimal),
    /// A text.
    Text(String),
    /// A date.
    Date(Date),
    /// No value, and why.
    Missing(String),
}

/// The values of one contract, by name.
pub type ParameterRow = BTreeMap<String, ParameterValue>;

/// Parameters of many contracts, each for all periods or for some.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    rows: BTreeMap<String, BTreeMap<Option<PeriodKey>, ParameterRow>>,
}

impl Parameters {
    /// No parameters.
    #[must_use]
    pub fn new() -> Parameters {
        Parameters::default()
    }

    /// Sets a value, for one period or (`None`) for all that have no value of their own.
    pub fn insert(
        &mut self,
        contract_id: &str,
        period: Option<PeriodKey>,
        name: &str,
        value: ParameterValue,
    ) {
        self.rows
            .entry(contract_id.to_owned())
            .or_default()
            .entry(period)
            .or_default()
            .insert(name.to_owned(), value);
    }

    /// The contracts that have any.
    pub fn contracts(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// The distinct rows of a contract: the general one first.
    pub(super) fn rows(&self, contract_id: &str) -> Vec<(Option<PeriodKey>, ParameterRow)> {
        let Some(rows) = self.rows.get(contract_id) else {
            return vec![(None, ParameterRow::new())];
        };
        let general = rows.get(&None).cloned().unwrap_or_default();
        let mut found = vec![(None, general.clone())];
        for (key, row) in rows {
            if key.is_some() {
                let mut merged = general.clone();
                merged.extend(row.iter().map(|(k, v)| (k.clone(), v.clone())));
                found.push((*key, merged));
            }
        }
        found
    }

    /// The value of a parameter for the contract as a whole: the general one, or the one that
    /// all its periods share.
    pub(super) fn of_contract(&self, contract_id: &str, name: &str) -> Option<&ParameterValue> {
        let rows = self.rows.get(contract_id)?;
        if let Some(value) = rows.get(&None).and_then(|row| row.get(name)) {
            return Some(value);
        }
        let mut values = rows.values().filter_map(|row| row.get(name));
        let first = values.next()?;
        values.all(|v| v == first).then_some(first)
    }
}
