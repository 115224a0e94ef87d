//! What a run can keep of each contract beside its tables, so that the judge can settle its history
//! again: under other terms, or in drawn years. Names and places only.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::contracts::{self, Contract, ContractError};
use crate::config::project::ContractEntry;
use crate::judge::simulate::Fitted;
use crate::settle::Facts;
use crate::terms::{SettleSpec, Terms};

/// A contract with its history as settlement reads it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The contract as the project names it.
    pub entry: ContractEntry,
    /// Its terms.
    pub terms: SettleSpec,
    /// Its measures, parameters and ledgers.
    pub facts: Facts,
    /// The terms that the project compares it with, by name of the scheme.
    pub compare: Vec<(String, Terms)>,
    /// How uncertain its baseline is; `None` without one.
    pub fitted: Option<Fitted>,
}

impl Kept {
    pub(super) fn new(contract: &Contract, facts: Facts, fitted: Option<Fitted>) -> Kept {
        Kept {
            entry: contract.entry.clone(),
            terms: contract.terms.settle.clone(),
            facts,
            compare: contract
                .compare
                .iter()
                .map(|(name, (terms, _))| (name.clone(), terms.clone()))
                .collect(),
            fitted,
        }
    }

    /// The same history for other terms: parameters as those declare them, nothing settled before
    /// and nothing in dispute, because the ledgers hold what this contract paid.
    ///
    /// # Errors
    /// A parameter of the project that does not fit the other terms.
    pub fn under(&self, terms: &Terms) -> Result<Facts, ContractError> {
        Ok(Facts {
            parameters: contracts::bind(&self.entry, terms)?,
            settled: Arc::default(),
            disputes: Arc::default(),
            ..self.facts.clone()
        })
    }
}

/// The contracts that were asked for; all when none was.
///
/// # Errors
/// A contract that the project does not have, with those it has.
pub fn chosen(kept: Vec<Kept>, wanted: &[String]) -> Result<Vec<Kept>, String> {
    let known: BTreeSet<&str> = kept.iter().map(|k| k.entry.id.as_str()).collect();
    if let Some(stranger) = wanted.iter().find(|w| !known.contains(w.as_str())) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(format!(
            "there is no contract `{stranger}` with measures (there are: {})",
            known.join(", ")
        ));
    }
    Ok(kept
        .into_iter()
        .filter(|k| wanted.is_empty() || wanted.contains(&k.entry.id))
        .collect())
}
