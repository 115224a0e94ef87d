//! What a project says before any row is measured: its contracts, its store and the plans bound to
//! both. Responsible for their order; not for what is made of them.

use std::collections::{BTreeMap, BTreeSet};

use super::billed::Billed;
use super::contracts::{self, Contract};
use super::settling::{Measured, SmallTables};
use super::stored::Stored;
use super::{Exports, Progress, RunError, filling, prepared, records, small};
use crate::config::project::Project;
use crate::finding::Finding;
use crate::ingest;
use crate::judge::align;
use crate::measure::cells::Cells;
use crate::measure::read::{Pass, Plans};

/// A project with its store.
pub(super) struct Ground<'a> {
    pub(super) project: &'a Project,
    pub(super) contracts: Vec<Contract>,
    pub(super) stored: Stored,
    pub(super) plans: Plans,
    pub(super) tables: SmallTables,
    /// What was noticed so far.
    pub(super) findings: Vec<Finding>,
    /// Whether the exports were read.
    pub(super) filled: bool,
}

impl<'a> Ground<'a> {
    /// Brings the store up to date, as far as is asked for, and reads what is small.
    ///
    /// # Errors
    /// When the project, an export or the store stops it.
    pub(super) fn read(
        project: &'a Project,
        contracts: Vec<Contract>,
        exports: Exports,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Ground<'a>, RunError> {
        let filled = match exports {
            Exports::WhenChanged => filling::fill_if_changed(project, progress)?,
            Exports::Always => {
                filling::fill(project, progress)?;
                true
            }
            Exports::Never => false,
        };
        let stored = Stored::open(project)?;
        let mut findings = stored.notes.findings.clone();
        let mut calendars = project.file.calendars.clone();
        if let Some(rows) = stored.tables.get("calendars") {
            let (read, noticed) = ingest::calendars::definitions(rows);
            calendars.extend(read);
            findings.extend(noticed);
        }
        let mut plans = contracts::plans(&contracts, &calendars)?;
        for (contract, fixes) in records::fixes(&stored.tables) {
            if let Some(plan) = plans.get_mut(&contract) {
                plan.fixes = fixes;
            }
        }
        prepared::relieve(
            &contracts,
            &mut plans,
            &small::reliefs(stored.tables.get("relief_events")),
            project.as_of,
            &mut findings,
        );
        let tables = SmallTables::read(&stored, &plans, project.as_of, &mut findings);
        Ok(Ground {
            project,
            contracts,
            stored,
            plans,
            tables,
            findings,
            filled,
        })
    }

    /// A pass over the rows of these contracts, or of all.
    pub(super) fn pass<'p>(&'p self, only: Option<&'p BTreeSet<String>>) -> Pass<'p> {
        Pass {
            store: &self.stored.folder,
            index: &self.stored.index,
            cache: &self.stored.cache,
            plans: &self.plans,
            only,
        }
    }

    /// What the pure stages read of contracts whose rows were measured.
    pub(super) fn measured<'m>(
        &'m self,
        contracts: &'m [&'m Contract],
        (cells, billing): (&'m BTreeMap<String, Cells>, &'m Billed),
        given: &'m align::Given,
    ) -> Measured<'m> {
        Measured {
            project: self.project,
            stored: &self.stored,
            contracts,
            plans: &self.plans,
            tables: &self.tables,
            cells,
            billing,
            given,
        }
    }
}
