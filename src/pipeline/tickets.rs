//! Single tickets of a project: the table `incident_facts` on request, and the tickets of one
//! contract for an explanation. Responsible for which contract's plan reads which store; not for
//! what a row says (see [`crate::measure::incident_facts`]).

use std::path::Path;

use super::{RunError, check};
use crate::config::project::Project;
use crate::measure::incident_facts::IncidentFact;
use crate::measure::read;
use crate::publish::incidents;
use crate::publish::manifest::Manifest;
use crate::publish::table::PublishError;
use crate::store::disk::StoreError;
use crate::time::{Instant, Zone};

/// Writes `incident_facts`, a file per UTC month of opening, one after the other.
pub(super) fn write(
    store: &Path,
    plans: &read::Plans,
    as_of: Instant,
    output: &Path,
    manifest: &mut Manifest,
) -> Result<(), RunError> {
    let metadata = manifest.file_metadata();
    let folder = output.join("incident_facts");
    std::fs::create_dir_all(&folder).map_err(|e| PublishError {
        path: folder.clone(),
        cause: e.to_string(),
    })?;
    read::incident_facts(store, plans, as_of, |month, rows| {
        let table = incidents::incident_facts(rows);
        let path = folder.join(format!("{month}.parquet"));
        table.write_as(&path, &metadata)?;
        let name = format!("incident_facts/{month}.parquet");
        manifest.add_as(&path, &name, table.rows() as u64)?;
        Ok(())
    })
}

/// Every ticket of a contract in the project's store, with the zone of its months; nothing when
/// the project has no such contract.
///
/// # Errors
/// As [`run`], for the project and its store.
pub fn tickets_of(
    project: &Project,
    contract: &str,
) -> Result<Option<(Zone, Vec<IncidentFact>)>, RunError> {
    let mut plans = read::Plans::new();
    for (bound, plan) in check(project)? {
        if bound.entry.id == contract {
            plans.insert(bound.entry.id, plan);
        }
    }
    let Some(plan) = plans.get(contract) else {
        return Ok(None);
    };
    let zone = plan.zone.clone();
    let mut facts = Vec::new();
    read::incident_facts(
        &project.store_folder(),
        &plans,
        project.as_of,
        |_, rows| -> Result<(), StoreError> {
            facts.extend_from_slice(rows);
            Ok(())
        },
    )?;
    facts.sort_by(|a, b| (a.opened_at, &a.ticket_id).cmp(&(b.opened_at, &b.ticket_id)));
    Ok(Some((zone, facts)))
}
