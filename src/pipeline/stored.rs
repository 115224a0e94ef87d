//! What the stages after measuring read of a store: its index, what ingest said, and the small
//! tables. Not responsible for tickets and invoice lines (see [`crate::measure`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::RunError;
use crate::config::project::Project;
use crate::ingest::columns::Columns;
use crate::ingest::notes::{self, Notes};
use crate::store::cache::Cache;
use crate::store::disk::{self, Reading, StoreError};
use crate::store::frame;
use crate::store::index::Index;
use crate::store::schema::{TABLES, Table};

/// Tables that only the measuring pass reads.
const LARGE: &[&str] = &["incidents", "incident_events", "sla_clocks", "billing"];

/// A store that stays as it is while this is held.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) folder: PathBuf,
    pub(super) index: Index,
    pub(super) notes: Notes,
    /// The small tables; only those that a source fills.
    pub(super) tables: BTreeMap<&'static str, Columns>,
    pub(super) cache: Cache,
    _reading: Reading,
}

impl Stored {
    /// Opens the store of a project.
    ///
    /// # Errors
    /// When there is none, it is damaged or being replaced, or it was made with other settings.
    pub(super) fn open(project: &Project) -> Result<Stored, RunError> {
        let folder = project.store_folder();
        let missing = |why: &'static str| RunError::Unfilled {
            store: folder.clone(),
            why,
        };
        if !folder.is_dir() {
            return Err(missing("there is no store"));
        }
        let reading = Reading::begin(&folder)?;
        let Some(index) = Index::read(&folder)? else {
            return Err(missing("another version of gainshare made this store"));
        };
        if index.settings != notes::settings(project) {
            return Err(missing(
                "sources, mappings, contracts or the key for names changed since the exports were \
                 read",
            ));
        }
        if let Some(path) = index.missing(&folder) {
            let cause = "it is not there".to_owned();
            return Err(StoreError::Damaged { path, cause }.into());
        }
        let notes = Notes::read(&folder)?;
        let tables = TABLES
            .par_iter()
            .filter(|table| !LARGE.contains(&table.name))
            .filter_map(|table| Some((table.name, small(&folder, table).transpose()?)))
            .map(|(name, rows)| Ok((name, rows?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(Stored {
            cache: Cache::at(&project.cache_folder()),
            folder,
            index,
            notes,
            tables,
            _reading: reading,
        })
    }
}

/// A small table of a store.
fn small(store: &Path, table: &'static Table) -> Result<Option<Columns>, StoreError> {
    let path = store.join(format!("{}.parquet", table.name));
    let Some(stored) = disk::read(&path)? else {
        return Ok(None);
    };
    match frame::columns(table, &stored) {
        Ok(rows) => Ok(Some(rows)),
        Err(e) => Err(StoreError::Damaged {
            path,
            cause: e.to_string(),
        }),
    }
}
