//! The main job: a project's files through all stages, and the published result. Responsible for
//! the order of the stages and for what passes between them; has no arithmetic of its own and
//! says nothing on the console.
//!
//! ```text
//! files ─ingest─▶ canonical rows ─prepare─▶ store, and from there alone
//! store ─measure─▶ cells, billing cells
//!   cells + exposure ─baseline─▶ expected ─score─▶ KPI values ─settle─▶ settlement lines
//!   all of it ─publish─▶ <out>/*.parquet, _manifest.json last
//! ```

mod billed;
pub mod contracts;
mod filling;
mod ground;
mod history;
mod integrity;
pub mod kept;
mod keys;
mod ledgers;
mod manifest;
mod measures;
mod outcome;
mod overrides;
mod own;
mod people;
mod planned;
mod prepared;
mod rebuilding;
mod records;
mod savings;
mod settling;
mod small;
mod stored;
mod tickets;
mod worked;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::config::project::Project;
use crate::finding::Finding;
use crate::ingest;
use crate::ingest::file::InputError;
use crate::judge::align;
use crate::measure::plan::MeasurePlan;
use crate::measure::read;
use crate::publish::manifest::{MANIFEST, OutputFile};
use crate::publish::piece::{self, Piece};
use crate::publish::reading::{Published, ReadingError};
use crate::publish::table::PublishError;
use crate::publish::{report, tables, workbook};
use crate::store::disk::{self, Staging, StoreError};
use crate::store::index::BUILD;
use crate::store::rejects;
use contracts::{Contract, ContractError};
pub use filling::fill;
use ground::Ground;
pub use history::{kept, settlements};
use miette::Diagnostic;
pub use outcome::{AuditRow, Outcome, Rows};
pub use overrides::OverrideRow;
pub use planned::{Planned, planned};
use settling::{Results, of_suppliers, settle_each};
pub use tickets::tickets_of;
use worked::Known;

/// Why a run stopped. Each kind has its exit code (see [`crate::cli`]).
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RunError {
    /// The project or its terms are invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Contract(#[from] ContractError),
    /// The store is not one that the project can be recalculated from.
    #[error("{}: {why}", store.display())]
    #[diagnostic(help("run `gainshare ingest` first: it reads the exports into the store"))]
    Unfilled {
        /// The store.
        store: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// An input file cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Input(#[from] InputError),
    /// The store cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// An output file cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Publish(#[from] PublishError),
    /// A table that was just written cannot be read back for the report.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Reading(#[from] ReadingError),
}

/// What a run tells of its progress.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// Bytes (or rows of Parquet) of a file were read.
    Read(&'a str, u64),
    /// So many partitions will be measured.
    Partitions(u64),
    /// So many partitions were measured.
    Measured(u64),
    /// A stage begins.
    Stage(&'static str),
}

/// What a run gives on request. The other tables are the same either way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// The clock audit, in the same pass.
    pub clock_audit: bool,
    /// The table `incident_facts`, one file per UTC month of opening.
    pub incident_facts: bool,
    /// When the exports are read.
    pub exports: Exports,
}

/// When a run reads the exports into the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exports {
    /// When they, or what decides what they become, changed since the store was made.
    #[default]
    WhenChanged,
    /// In any case.
    Always,
    /// Never: the store is taken as it is, wherever the exports are.
    Never,
}

/// Runs the main job and publishes its result.
///
/// # Errors
/// When the project, an input file or the disk stops it; the former output then still stands.
pub fn run(
    project: &Project,
    asked: Asked,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Outcome, RunError> {
    in_threads(|| stages(project, asked, progress))
}

/// What the main job would publish of all contracts, as rows; nothing is published. `given` is
/// what the caller says about alignment beside the terms.
///
/// # Errors
/// As [`run`], for everything but the output.
pub fn rows(project: &Project, given: &align::Given) -> Result<Rows, RunError> {
    in_threads(|| {
        let contracts = contracts::read(project)?;
        let ground = Ground::read(project, contracts, Exports::WhenChanged, &|_| {})?;
        let all: Vec<&Contract> = ground.contracts.iter().collect();
        let wanted: BTreeSet<String> = all.iter().map(|c| c.entry.id.clone()).collect();
        let pass = ground.pass(None);
        let cells = read::tickets(&pass, false, &|_| {})?;
        let billing = billed::sums(&pass)?;
        let measured = ground.measured(&all, (&cells, &billing), given);
        let mut results = Results::default();
        for next in settle_each(&measured, &wanted, |_, _, results| results) {
            results.append(next);
        }
        let suppliers = of_suppliers(&ground.contracts, &ground.tables, &results.kpis);
        results.kpis.splice(0..0, suppliers);
        let findings = noticed(&ground, [results.findings]);
        Ok(Rows {
            findings,
            settlement: results.settlement,
            alignment: results.alignment,
            integrity: results.integrity,
            kpis: results.kpis,
        })
    })
}

/// What a run says about alignment: with changes of terms that would repair it.
pub fn repairing() -> align::Given {
    align::Given {
        repair: true,
        ..align::Given::default()
    }
}

/// Bytes of the stack of each thread of a run. A thread that waits for parts of its job takes on
/// other jobs meanwhile, on top of what it has, so that contracts within months within contracts
/// pile up; the memory is taken only where it is used.
const STACK: usize = 64 << 20;

/// The threads of runs, as many as rayon takes by itself.
fn threads() -> Option<&'static rayon::ThreadPool> {
    static THREADS: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    let made = || rayon::ThreadPoolBuilder::new().stack_size(STACK).build();
    THREADS.get_or_init(|| made().ok()).as_ref()
}

fn in_threads<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    match threads() {
        Some(threads) => threads.install(run),
        None => run(),
    }
}

/// The stages in their order.
fn stages(
    project: &Project,
    asked: Asked,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Outcome, RunError> {
    // Terms that cannot be read stop it before the exports are read.
    let contracts = contracts::read(project)?;
    let output = Staging::begin(&project.output_folder())?;
    let ground = Ground::read(project, contracts, asked.exports, progress)?;
    let stored = &ground.stored;
    let given = repairing();
    let known = Known::find(&ground, &given);

    progress(Progress::Stage("measuring"));
    let needed = known.needed().filter(|_| !asked.clock_audit);
    let pass = ground.pass(needed);
    progress(Progress::Partitions(read::partition_count(&pass)?));
    let cells = read::tickets(&pass, asked.clock_audit, &|n| {
        progress(Progress::Measured(n));
    })?;
    let mut manifest = manifest::before(project, &ground.contracts, &stored.notes);
    let outputs = billed::Outputs {
        new: output.folder(),
        former: &project.output_folder(),
    };
    let billing = billed::bill(
        &ground.pass(None),
        &ground.contracts,
        needed,
        &outputs,
        &mut manifest,
    )?;
    if asked.incident_facts {
        let store = &stored.folder;
        let plans = &ground.plans;
        tickets::write(store, plans, project.as_of, output.folder(), &mut manifest)?;
    }

    progress(Progress::Stage("settling"));
    let contracts: Vec<&Contract> = ground
        .contracts
        .iter()
        .filter(|c| needed.is_none_or(|needed| needed.contains(&c.entry.id)))
        .collect();
    let measured = ground.measured(&contracts, (&cells, &billing), &given);
    let all = known.complete(&measured, &ground)?;
    let findings = noticed(&ground, all.iter().map(|worked| worked.findings.clone()));

    progress(Progress::Stage("publishing"));
    let metadata = manifest.file_metadata();
    let folder = output.folder().to_owned();
    for (path, rows) in worked::publish(&ground, &all, &folder, &metadata)? {
        manifest.add(&path, rows)?;
    }
    let mut refused = Vec::new();
    rejects::read(&stored.folder, |some| {
        refused.push(Piece::of(&tables::rejects(some))?);
        Ok::<(), RunError>(())
    })?;
    let found = tables::findings(&findings);
    let pieces = vec![Piece::of(&found)?];
    for (table, pieces) in [(found, pieces), (tables::rejects(&[]), refused)] {
        let (path, rows) = piece::join(&table, &pieces, &folder, &metadata)?;
        manifest.add(&path, rows)?;
    }
    let published = Published::staged(&folder, manifest.as_value());
    let documents = documents(&ground, &published)?;
    manifest.outputs.extend(documents);
    manifest.write(&folder)?;
    output.publish()?;
    forget_others(&ground);
    Ok(Outcome {
        filled: ground.filled,
        accounts: stored.notes.accounts.clone(),
        findings,
        owed: all.into_iter().flat_map(|worked| worked.owed).collect(),
        audit: cells
            .into_values()
            .flat_map(|cells| cells.total.audit)
            .map(|((contract_id, policy), audited)| AuditRow {
                contract_id,
                policy,
                judged: audited.judged,
                stricter: audited.stricter,
                milder: audited.milder,
                sample: audited.sample.shown(),
            })
            .collect(),
        manifest: project.output_folder().join(MANIFEST),
        outputs: manifest.outputs,
    })
}

/// Removes what is kept of contracts that the project no longer has.
fn forget_others(ground: &Ground<'_>) {
    let ids = ground.contracts.iter().map(|c| disk::escaped(&c.entry.id));
    let names: BTreeSet<String> = ids.collect();
    for folder in ["billing", "cells", "fragments", "history", "worked"] {
        ground.stored.cache.only(folder, &names);
    }
}

/// Report and workbook of the tables that were written. Those of the former output are taken over
/// where they were made of the same tables.
fn documents(ground: &Ground<'_>, published: &Published) -> Result<[OutputFile; 2], RunError> {
    const KEPT: &str = "documents";
    const PACKED: &str = "packed";
    let (folder, cache) = (published.folder(), &ground.stored.cache);
    let language = ground.project.file.output.language;
    let made_of = format!("{BUILD} {} {}", language.tag(), published.manifest);
    let made_of = blake3::hash(made_of.as_bytes());
    let former = ground.project.output_folder();
    let taken = |file: &OutputFile| {
        billed::taken_over(&former.join(&file.file), &folder.join(&file.file), file)
    };
    if let Some(kept) = cache.get::<[OutputFile; 2]>(KEPT, &made_of)
        && kept.iter().all(taken)
    {
        return Ok(kept);
    }
    let build = blake3::hash(BUILD.as_bytes());
    let mut packed = cache
        .get::<workbook::Packed>(PACKED, &build)
        .unwrap_or_default();
    let facts = report::facts::gather(published)?;
    let (page, book) = rayon::join(
        || report::report(&facts, published, language),
        || workbook::workbook(&facts, published, &mut packed),
    );
    cache.put(PACKED, &build, &packed);
    let documents = [
        write(folder, report::REPORT, page.as_bytes())?,
        write(folder, workbook::WORKBOOK, &book?)?,
    ];
    cache.put(KEPT, &made_of, &documents);
    Ok(documents)
}

/// Everything that was noticed, sorted, each once.
fn noticed(ground: &Ground<'_>, more: impl IntoIterator<Item = Vec<Finding>>) -> Vec<Finding> {
    let mut findings = ground.findings.clone();
    findings.extend(more.into_iter().flatten());
    findings.sort();
    findings.dedup();
    findings
}

/// Writes a document into the output.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<OutputFile, PublishError> {
    let path = folder.join(name);
    // One that was taken over in part is another name of the former file.
    let removed = match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    match removed.and_then(|()| std::fs::write(&path, bytes)) {
        Ok(()) => OutputFile::of(&path, name, 0),
        Err(e) => Err(PublishError {
            path,
            cause: e.to_string(),
        }),
    }
}

/// Reads and binds everything that a run would, but no data beyond the calendars.
///
/// # Errors
/// As [`run`], for the project and its terms.
pub fn check(project: &Project) -> Result<Vec<(Contract, MeasurePlan)>, RunError> {
    let contracts = contracts::read(project)?;
    let mut only = project.clone();
    only.sources.retain(|s| s.table.name == "calendars");
    let ingested = ingest::ingest(&only, &|_, _| {})?;
    let mut calendars = project.file.calendars.clone();
    if let Some(rows) = ingested.tables.get("calendars") {
        calendars.extend(ingest::calendars::definitions(rows).0);
    }
    let mut plans = contracts::plans(&contracts, &calendars)?;
    Ok(contracts
        .into_iter()
        .filter_map(|c| {
            let plan = plans.remove(&c.entry.id)?;
            Some((c, plan))
        })
        .collect())
}
