//! What the contracts of a project can prove, from the store that an earlier run left: for
//! `gainshare check`, before anything is settled. Has no arithmetic of its own.

use std::collections::BTreeMap;

use polars::prelude::PolarsError;

use super::contracts::Contract;
use crate::baseline::PeriodKind;
use crate::baseline::power::{self, Provable};
use crate::config::project::Project;
use crate::measure::read::{self, Plans};
use crate::measure::spec::MeasurePlan;
use crate::score::{self, Exposure, ExposureTable};
use crate::store::disk::{self, StoreError};
use crate::store::frame::Reading;

/// What one contract can prove in the first month, quarter, year and the whole performance period.
pub type Planned = Vec<(PeriodKind, Option<Provable>)>;

/// Per contract, what can be proved with probability `power`; `None` without a store.
///
/// # Errors
/// When the store is damaged.
pub fn planned(
    project: &Project,
    contracts: Vec<(Contract, MeasurePlan)>,
    power: f64,
) -> Result<Option<BTreeMap<String, Planned>>, StoreError> {
    let store = project.store_folder();
    if !store.is_dir() {
        return Ok(None);
    }
    let mut bound = Vec::new();
    let mut plans = Plans::new();
    for (contract, plan) in contracts {
        plans.insert(contract.entry.id.clone(), plan);
        bound.push(contract);
    }
    let cells = read::tickets(&store, &plans, false, &|| {})?;
    let path = store.join("exposure.parquet");
    let rows = match disk::read(&path)? {
        None => Vec::new(),
        Some(frame) => exposure(&frame).map_err(|e| StoreError::Damaged {
            path,
            cause: e.to_string(),
        })?,
    };
    let mut all = BTreeMap::new();
    for contract in &bound {
        let id = &contract.entry.id;
        let Some(plan) = plans.get(id) else { continue };
        let unit = contract.score.exposure_unit;
        let table = ExposureTable::new(id, &rows, unit);
        let found = match score::observed(&cells, id, &plan.zone, project.as_of) {
            None => Vec::new(),
            Some(period) => {
                let (series, _) = score::series(&cells, id, &table, unit, period);
                power::planned(&series, &contract.baseline, power)
            }
        };
        all.insert(id.clone(), found);
    }
    Ok(Some(all))
}

fn exposure(frame: &polars::prelude::DataFrame) -> Result<Vec<Exposure>, PolarsError> {
    let rows = Reading::new(frame);
    let contract = rows.text("contract_id")?;
    let service = rows.text("service_id")?;
    let month = rows.text("month")?;
    let (users, cis) = (rows.integer("users")?, rows.integer("cis")?);
    let transactions = rows.integer("transactions")?;
    let text = |v: &[Option<&str>], i: usize| v.get(i).copied().flatten().unwrap_or("").to_owned();
    let count = |v: &[Option<i64>], i: usize| {
        v.get(i)
            .copied()
            .flatten()
            .and_then(|n| u64::try_from(n).ok())
    };
    Ok((0..rows.height())
        .filter_map(|i| {
            Some(Exposure {
                contract_id: text(&contract, i),
                service_id: text(&service, i),
                month: text(&month, i).parse().ok()?,
                users: count(&users, i),
                cis: count(&cis, i),
                transactions: count(&transactions, i),
            })
        })
        .collect())
}
