//! What the contracts of a project can prove, from the store that an earlier run left: for
//! `gainshare check`, before anything is settled. Has no arithmetic of its own.

use std::collections::BTreeMap;

use super::RunError;
use super::contracts::Contract;
use super::ledgers;
use super::stored::Stored;
use crate::baseline::PeriodKind;
use crate::baseline::power::{self, Provable};
use crate::config::project::Project;
use crate::measure::cells::Cells;
use crate::measure::plan::MeasurePlan;
use crate::measure::read::{self, Plans};
use crate::score::{self, ExposureTable};
use crate::store::cache::Cache;
use crate::store::disk::StoreError;

/// What one contract can prove in the first month, quarter, year and the whole performance period.
pub type Planned = Vec<(PeriodKind, Option<Provable>)>;

/// Per contract, what can be proved with probability `power`; `None` without a store that was made
/// with the settings of the project.
///
/// # Errors
/// When the store is damaged.
pub fn planned(
    project: &Project,
    contracts: Vec<(Contract, MeasurePlan)>,
    power: f64,
) -> Result<Option<BTreeMap<String, Planned>>, StoreError> {
    let stored = match Stored::open(project) {
        Ok(stored) => stored,
        Err(RunError::Store(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let mut bound = Vec::new();
    let mut plans = Plans::new();
    for (contract, plan) in contracts {
        plans.insert(contract.entry.id.clone(), plan);
        bound.push(contract);
    }
    let pass = read::Pass {
        store: &stored.folder,
        index: &stored.index,
        cache: &Cache::none(),
        plans: &plans,
        only: None,
    };
    let cells = read::tickets(&pass, false, &|_| {})?;
    let rows = ledgers::exposure(stored.tables.get("exposure"), |_| true);
    let mut all = BTreeMap::new();
    for contract in &bound {
        let id = &contract.entry.id;
        let Some(plan) = plans.get(id) else { continue };
        let unit = contract.score.exposure_unit;
        let table = ExposureTable::new(id, &rows, unit);
        let nothing = Cells::default();
        let cells = cells.get(id).unwrap_or(&nothing);
        let found = match score::observed(cells, id, &plan.zone, project.as_of) {
            None => Vec::new(),
            Some(period) => {
                let (series, _) = score::series(cells, id, &table, unit, period);
                power::planned(&series, &contract.baseline, power)
            }
        };
        all.insert(id.clone(), found);
    }
    Ok(Some(all))
}
