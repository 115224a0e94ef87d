//! What each contract came to, as the pieces of it in the output tables, kept between runs by a
//! hash of everything that it was made of (see [`super::keys`]): a contract of which nothing
//! changed is not worked out again. Responsible for which contracts are worked out; not for
//! working them out (see [`super::settling`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::contracts::Contract;
use super::ground::Ground;
use super::history::History;
use super::keys;
use super::prepared;
use super::settling::{Measured, Results, of_suppliers, settle_each};
use crate::finding::Finding;
use crate::judge::align;
use crate::measure::cells::Cells;
use crate::publish::piece::{self, Piece};
use crate::publish::table::{PublishError, Table};
use crate::publish::{evidence, incidents, statements, tables};
use crate::score::{self, KpiValue};
use crate::settle::{AmountKind, LineStatus, SettlementLine};
use crate::store::cache::Opaque;
use crate::store::disk::{self, StoreError};
use crate::store::index::BUILD;

/// One contract, worked out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Worked {
    /// Its piece of every table, in the order of [`all_tables`].
    pieces: Vec<Piece>,
    /// What was noticed about it.
    pub(super) findings: Vec<Finding>,
    /// The rows that say what is due.
    pub(super) owed: Vec<SettlementLine>,
    /// The KPI values that those of its supplier are made of, for [`suppliers`].
    shared: Opaque,
}

/// The tables that have a piece of every contract.
fn all_tables(cells: &Cells, results: &Results) -> Vec<Table> {
    vec![
        tables::cells(cells),
        tables::baseline(&results.baseline),
        statements::kpi(&results.kpis),
        statements::settlement(&results.settlement),
        statements::schemes(&results.schemes),
        statements::alignment(&results.alignment.rows),
        evidence::integrity(&results.integrity),
        evidence::adjustments_applied(&results.adjustments),
        evidence::initiative_results(&results.initiatives),
        evidence::overrides(&results.overrides),
        incidents::worst_incidents(&results.worst),
    ]
}

impl Worked {
    /// What a contract came to, as it is published.
    ///
    /// # Errors
    /// When a value does not fit its column.
    fn new(cells: &Cells, results: Results) -> Result<Worked, PublishError> {
        let pieces = all_tables(cells, &results)
            .par_iter()
            .map(Piece::of)
            .collect::<Result<_, _>>()?;
        let shared: Vec<KpiValue> = results
            .kpis
            .into_iter()
            .filter(score::counts_for_supplier)
            .collect();
        let due = |line: &SettlementLine| {
            matches!(line.amount_kind, AmountKind::Payable | AmountKind::Total)
                && line.status != LineStatus::Carried
        };
        let shared = postcard::to_stdvec(&shared).map_err(unkept)?;
        Ok(Worked {
            pieces,
            findings: results.findings,
            owed: results.settlement.into_iter().filter(due).collect(),
            shared: Opaque(shared),
        })
    }

    /// The name that it is kept by.
    fn name(contract_id: &str) -> String {
        format!("worked/{}", disk::escaped(contract_id))
    }
}

/// KPI values that cannot be kept, or not be read again.
fn unkept(error: postcard::Error) -> PublishError {
    PublishError {
        path: PathBuf::from("kpi.parquet"),
        cause: error.to_string(),
    }
}

/// What is known of each contract from earlier runs, in the order of the project.
pub(super) struct Known {
    /// What the history and the tables of each are made of.
    histories: BTreeMap<String, blake3::Hash>,
    tables: BTreeMap<String, blake3::Hash>,
    worked: Vec<Option<Worked>>,
    /// Those of which it is not.
    stale: BTreeSet<String>,
    /// Whether one of these leans on its peers.
    with_peers: bool,
}

impl Known {
    /// Looks for every contract.
    pub(super) fn find(ground: &Ground<'_>, given: &align::Given) -> Known {
        let histories = keys::histories(ground);
        let tables = keys::tables(ground, given, &histories);
        let cache = &ground.stored.cache;
        let worked: Vec<Option<Worked>> = ground
            .contracts
            .par_iter()
            .map(|c| cache.get(&Worked::name(&c.entry.id), tables.get(&c.entry.id)?))
            .collect();
        let stale: Vec<&Contract> = ground
            .contracts
            .iter()
            .zip(&worked)
            .filter(|(_, worked)| worked.is_none())
            .map(|(contract, _)| contract)
            .collect();
        Known {
            with_peers: stale.iter().any(|c| prepared::with_peers(c)),
            stale: stale.iter().map(|c| c.entry.id.clone()).collect(),
            histories,
            tables,
            worked,
        }
    }

    /// The contracts whose rows are needed for working out those that are not known; `None` for
    /// all.
    pub(super) fn needed(&self) -> Option<&BTreeSet<String>> {
        (!self.with_peers).then_some(&self.stale)
    }

    /// Works out what is not known, and keeps it.
    ///
    /// # Errors
    /// When a value does not fit its column, or what was worked out cannot be kept.
    pub(super) fn complete(
        self,
        measured: &Measured<'_>,
        ground: &Ground<'_>,
    ) -> Result<Vec<Worked>, RunError> {
        let nothing = Cells::default();
        let cache = &ground.stored.cache;
        let finish =
            |contract: &Contract, history: Result<History, StoreError>, results: Results| {
                let id = &contract.entry.id;
                let cells = measured.cells.get(id).unwrap_or(&nothing);
                let worked = Worked::new(cells, results)?;
                if let (Some(told), Some(tables)) = (self.histories.get(id), self.tables.get(id)) {
                    cache.put(&History::name(id), told, &history?);
                    cache.put(&Worked::name(id), tables, &worked);
                }
                Ok((id.clone(), worked))
            };
        let mut new: BTreeMap<String, Worked> = settle_each(measured, &self.stale, finish)
            .into_iter()
            .collect::<Result<_, RunError>>()?;
        let all = ground.contracts.iter().zip(self.worked);
        Ok(all
            .filter_map(|(contract, known)| known.or_else(|| new.remove(&contract.entry.id)))
            .collect())
    }
}

/// Writes the tables that have a piece of every contract; gives each file and its number of rows.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn publish(
    ground: &Ground<'_>,
    all: &[Worked],
    folder: &Path,
    metadata: &[(String, String)],
) -> Result<Vec<(PathBuf, u64)>, PublishError> {
    let suppliers = suppliers(ground, all)?;
    all_tables(&Cells::default(), &Results::default())
        .par_iter()
        .enumerate()
        .map(|(i, table)| {
            let first = (table.name == "kpi").then_some(&suppliers);
            let own = all.iter().filter_map(|worked| worked.pieces.get(i));
            piece::join(table, first.into_iter().chain(own), folder, metadata)
        })
        .collect()
}

/// The KPI values of suppliers as a piece of the table `kpi`, kept by the values of contracts that
/// they are made of. They name no contract, so they stand before those that do.
///
/// # Errors
/// When a value does not fit its column.
fn suppliers(ground: &Ground<'_>, all: &[Worked]) -> Result<Piece, PublishError> {
    const NAME: &str = "suppliers";
    let cache = &ground.stored.cache;
    let mut hasher = blake3::Hasher::new();
    hasher.update(BUILD.as_bytes());
    for contract in &ground.contracts {
        let rates = (contract.rates(), &contract.entry.supplier);
        let reports = (contract.score.currency, contract.score.reporting_currency);
        hasher.update(format!("{:?} {rates:?} {reports:?}", contract.entry.id).as_bytes());
    }
    hasher.update(ground.stored.index.hash("fx_rates.parquet").as_bytes());
    for worked in all {
        hasher.update(blake3::hash(&worked.shared.0).as_bytes());
    }
    let made_of = hasher.finalize();
    if let Some(piece) = cache.get(NAME, &made_of) {
        return Ok(piece);
    }
    let shared: Vec<Vec<KpiValue>> = all
        .par_iter()
        .map(|worked| postcard::from_bytes(&worked.shared.0).map_err(unkept))
        .collect::<Result<_, _>>()?;
    let values = of_suppliers(&ground.contracts, &ground.tables, &shared.concat());
    let piece = Piece::of(&statements::kpi(&values))?;
    cache.put(NAME, &made_of, &piece);
    Ok(piece)
}
