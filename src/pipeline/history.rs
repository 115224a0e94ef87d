//! The history of a contract as settlement reads it, kept between runs: new terms of payment are
//! settled on it without touching a row, a baseline or a KPI. Responsible for keeping it and for
//! reading of it what terms use; not for what a measure means (see [`super::measures`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::contracts::{self, Contract};
use super::ground::Ground;
use super::kept::Kept;
use super::keys;
use super::overrides::Rests;
use super::settling::{Scored, history_of_each, settle_marked};
use super::{Exports, RunError, billed, in_threads, prepared, repairing};
use crate::config::project::Project;
use crate::finding::Finding;
use crate::judge::simulate::Fitted;
use crate::measure::read;
use crate::settle::{self, Detail, Measures, PeriodKey, Plan, Settlement};
use crate::store::cache::Opaque;
use crate::store::disk::{self, StoreError};

/// Place of a period, scope and value of one measure.
type Value = (u32, Option<String>, settle::Measured);

/// What is kept of one contract.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct History {
    periods: Vec<PeriodKey>,
    /// The values of every measure, each read only when it is wanted.
    measures: Vec<(String, Opaque)>,
    pub(super) rests: Rests,
    pub(super) fitted: Option<Fitted>,
}

impl History {
    /// That of a scored contract.
    ///
    /// # Errors
    /// When a measure cannot be kept.
    pub(super) fn of(contract_id: &str, scored: &Scored) -> Result<History, StoreError> {
        let periods: Vec<PeriodKey> = scored.measures.periods(contract_id).collect();
        let place = |period: &PeriodKey| {
            let found = periods.iter().position(|p| p == period);
            found.and_then(|at| u32::try_from(at).ok())
        };
        let mut measures: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (period, name, scope, value) in scored.measures.values(contract_id) {
            if let Some(at) = place(&period) {
                let scope = scope.map(str::to_owned);
                measures
                    .entry(name)
                    .or_default()
                    .push((at, scope, value.clone()));
            }
        }
        let kept = |(name, values): (&&str, &Vec<Value>)| match postcard::to_stdvec(values) {
            Ok(bytes) => Ok(((*name).to_owned(), Opaque(bytes))),
            Err(e) => Err(StoreError::Io {
                path: PathBuf::from(History::name(contract_id)),
                cause: e.to_string(),
            }),
        };
        Ok(History {
            measures: measures.iter().map(kept).collect::<Result<_, _>>()?,
            periods,
            rests: scored.rests.clone(),
            fitted: scored.fitted,
        })
    }

    /// The name that it is kept by.
    pub(super) fn name(contract_id: &str) -> String {
        format!("history/{}", disk::escaped(contract_id))
    }

    /// The measures of these names, or all; every period is there, with or without values.
    ///
    /// # Errors
    /// When one cannot be read.
    fn measures(
        &self,
        contract_id: &str,
        names: Option<&BTreeSet<String>>,
    ) -> Result<Measures, StoreError> {
        let damaged = || StoreError::Damaged {
            path: PathBuf::from(History::name(contract_id)),
            cause: "what is kept of it cannot be read: remove the folder .store.cache".to_owned(),
        };
        let mut measures = Measures::new();
        for period in &self.periods {
            measures.insert_period(contract_id, *period);
        }
        for (name, values) in &self.measures {
            if names.is_some_and(|names| !names.contains(name)) {
                continue;
            }
            let values: Vec<Value> = postcard::from_bytes(&values.0).map_err(|_| damaged())?;
            for (at, scope, value) in values {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                let period = *self.periods.get(at).ok_or_else(damaged)?;
                measures.insert(contract_id, period, name, scope.as_deref(), value);
            }
        }
        Ok(measures)
    }

    /// What the terms of a contract use of it; all of it where they use what is not there, so that
    /// what is said of that does not depend on what was left out.
    fn used(&self, contract: &Contract) -> Result<Measures, StoreError> {
        let id = &contract.entry.id;
        let plan = Plan::new(&contract.terms.settle, id, &contract.parameters).ok();
        let names: Option<BTreeSet<String>> = plan.map(|plan| {
            let names = plan.measures().map(|(name, _)| name.to_owned());
            names.collect()
        });
        let known: BTreeSet<&str> = self
            .measures
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let names = names.filter(|names| names.iter().all(|name| known.contains(name.as_str())));
        self.measures(id, names.as_ref())
    }
}

/// The ground of a project and the histories of its contracts, in their order. What is not kept,
/// or was made of something else, is made and kept.
fn histories<'p>(
    project: &'p Project,
    exports: Exports,
) -> Result<(Ground<'p>, Vec<(usize, History)>), RunError> {
    let contracts = contracts::read(project)?;
    let ground = Ground::read(project, contracts, exports, &|_| {})?;
    let cache = &ground.stored.cache;
    let keys = keys::histories(&ground);
    let mut found: BTreeMap<String, History> = ground
        .contracts
        .par_iter()
        .filter_map(|c| {
            let id = &c.entry.id;
            Some((id.clone(), cache.get(&History::name(id), keys.get(id)?)?))
        })
        .collect();
    let stale: Vec<&Contract> = ground
        .contracts
        .iter()
        .filter(|c| !found.contains_key(&c.entry.id))
        .collect();
    if !stale.is_empty() {
        let wanted: BTreeSet<String> = stale.iter().map(|c| c.entry.id.clone()).collect();
        let only = (!stale.iter().any(|c| prepared::with_peers(c))).then_some(&wanted);
        let pass = ground.pass(only);
        let cells = read::tickets(&pass, false, &|_| {})?;
        let billing = billed::sums(&pass)?;
        let all: Vec<&Contract> = match only {
            Some(_) => stale,
            None => ground.contracts.iter().collect(),
        };
        let given = repairing();
        let measured = ground.measured(&all, (&cells, &billing), &given);
        for (id, history) in history_of_each(&measured, &wanted) {
            let history = history?;
            if let Some(key) = keys.get(&id) {
                cache.put(&History::name(&id), key, &history);
            }
            found.insert(id, history);
        }
    }
    let ids = ground.contracts.iter().enumerate();
    let histories = ids
        .filter_map(|(i, c)| Some((i, found.remove(&c.entry.id)?)))
        .collect();
    Ok((ground, histories))
}

/// The contracts of a project with their whole history, for the judge.
///
/// # Errors
/// When the project, an export or the store stops it.
pub fn kept(project: &Project) -> Result<Vec<Kept>, RunError> {
    in_threads(|| {
        let (ground, histories) = histories(project, Exports::WhenChanged)?;
        let one = |(i, history): &(usize, History)| {
            let contract = ground.contracts.get(*i)?;
            let kept = |measures| {
                let facts = ground.tables.facts(measures, contract.parameters.clone());
                Kept::new(contract, facts, history.fitted)
            };
            Some(history.measures(&contract.entry.id, None).map(kept))
        };
        let kept: Result<_, StoreError> = histories.par_iter().filter_map(one).collect();
        Ok(kept?)
    })
}

/// What the contracts of a project settle to, from the store as it is: the rows that a run would
/// publish. Also what was noticed about the store and its tables.
///
/// # Errors
/// When the project or the store stops it.
pub fn settlements(
    project: &Project,
    detail: Detail,
) -> Result<(Settlement, Vec<Finding>), RunError> {
    in_threads(|| {
        let (ground, histories) = histories(project, Exports::Never)?;
        let one = |(i, history): &(usize, History)| {
            let contract = ground.contracts.get(*i)?;
            let settled = |measures| {
                let facts = ground.tables.facts(measures, contract.parameters.clone());
                settle_marked(contract, &facts, &history.rests, detail)
            };
            Some(history.used(contract).map(settled))
        };
        let settled: Result<Vec<Settlement>, StoreError> =
            histories.par_iter().filter_map(one).collect();
        let settled = settled?;
        let mut all = Settlement::default();
        for one in settled {
            all.lines.extend(one.lines);
            all.findings.extend(one.findings);
        }
        Ok((all, ground.findings))
    })
}
