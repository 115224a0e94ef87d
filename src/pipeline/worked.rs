//! What each contract came to, as the pieces of it in the output tables, kept between runs by a
//! hash of everything that it was made of: a contract of which nothing changed is not worked out
//! again. Responsible for what is in the hash and for which contracts are worked out; not for
//! working them out (see [`super::settling`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::contracts::Contract;
use super::ground::Ground;
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
use crate::store::disk;
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

/// A hash of everything that each contract is worked out of: the build, its terms and those it is
/// compared with, what the project says of it, its measure plan, its files in the store and all
/// small tables. A contract that leans on its peers is made of all of them.
fn made_of(ground: &Ground<'_>, given: &align::Given) -> BTreeMap<String, blake3::Hash> {
    let index = &ground.stored.index;
    let mut small = blake3::Hasher::new();
    let mut own: BTreeMap<&str, blake3::Hasher> = BTreeMap::new();
    for (file, hash) in &index.files {
        // `<table>/<contract>/<month>.parquet`, or a small table.
        let hasher = match file.split('/').nth(1) {
            Some(contract) => own.entry(contract).or_default(),
            None => &mut small,
        };
        hasher
            .update(file.as_bytes())
            .update(&[0])
            .update(hash.as_bytes());
    }
    small.update(format!("{:?}", ground.stored.notes.delivered).as_bytes());
    small.update(format!("{given:?} {:?}", ground.project.as_of).as_bytes());
    let small = small.finalize();
    let one = |contract: &Contract| {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(BUILD.as_bytes())
            .update(small.as_bytes())
            .update(format!("{:?}", contract.entry).as_bytes())
            .update(contract.terms.hash().as_bytes());
        for (scheme, (terms, _)) in &contract.compare {
            hasher
                .update(scheme.as_bytes())
                .update(&[0])
                .update(terms.hash().as_bytes());
        }
        if let Some(plan) = ground.plans.get(&contract.entry.id) {
            hasher.update(plan.fingerprint().as_bytes());
        }
        if let Some(files) = own.get(disk::escaped(&contract.entry.id).as_str()) {
            hasher.update(files.finalize().as_bytes());
        }
        (contract.entry.id.clone(), hasher.finalize())
    };
    let alone: BTreeMap<String, blake3::Hash> = ground.contracts.par_iter().map(one).collect();
    if !ground.contracts.iter().any(prepared::with_peers) {
        return alone;
    }
    let mut all = blake3::Hasher::new();
    for hash in alone.values() {
        all.update(hash.as_bytes());
    }
    let all = all.finalize();
    let leaning: BTreeSet<&str> = ground
        .contracts
        .iter()
        .filter(|c| prepared::with_peers(c))
        .map(|c| c.entry.id.as_str())
        .collect();
    let with_all = |own: &blake3::Hash| {
        let both = [own.as_bytes().as_slice(), all.as_bytes()].concat();
        blake3::hash(&both)
    };
    alone
        .iter()
        .map(|(id, hash)| match leaning.contains(id.as_str()) {
            true => (id.clone(), with_all(hash)),
            false => (id.clone(), *hash),
        })
        .collect()
}

/// What is known of each contract from earlier runs, in the order of the project.
pub(super) struct Known {
    made_of: BTreeMap<String, blake3::Hash>,
    worked: Vec<Option<Worked>>,
    /// Those of which it is not.
    stale: BTreeSet<String>,
    /// Whether one of these leans on its peers.
    with_peers: bool,
}

impl Known {
    /// Looks for every contract.
    pub(super) fn find(ground: &Ground<'_>, given: &align::Given) -> Known {
        let made_of = made_of(ground, given);
        let cache = &ground.stored.cache;
        let worked: Vec<Option<Worked>> = ground
            .contracts
            .par_iter()
            .map(|c| cache.get(&Worked::name(&c.entry.id), made_of.get(&c.entry.id)?))
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
            made_of,
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
    /// When a value does not fit its column.
    pub(super) fn complete(
        self,
        measured: &Measured<'_>,
        ground: &Ground<'_>,
    ) -> Result<Vec<Worked>, PublishError> {
        let nothing = Cells::default();
        let finish = |contract: &Contract, results: Results| {
            let id = &contract.entry.id;
            let cells = measured.cells.get(id).unwrap_or(&nothing);
            let worked = Worked::new(cells, results)?;
            if let Some(made_of) = self.made_of.get(id) {
                ground.stored.cache.put(&Worked::name(id), made_of, &worked);
            }
            Ok(worked)
        };
        let mut new = settle_each(measured, &self.stale, finish).into_iter();
        let all = self.worked.into_iter();
        all.map(|known| match known {
            Some(worked) => Ok(worked),
            // One for each that is stale, in the same order.
            None => new
                .next()
                .unwrap_or_else(|| Worked::new(&nothing, Results::default())),
        })
        .collect()
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
