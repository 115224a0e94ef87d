//! The main job: a project's files through all stages, and the published result. Responsible for
//! the order of the stages and for what passes between them; has no arithmetic of its own and
//! says nothing on the console.
//!
//! ```text
//! files ─ingest─▶ canonical rows ─prepare─▶ store ─measure─▶ cells, billing cells
//!   cells + exposure ─baseline─▶ expected ─score─▶ KPI values ─settle─▶ settlement lines
//!   all of it ─publish─▶ <out>/*.parquet, _manifest.json last
//! ```

pub mod contracts;
mod integrity;
pub mod kept;
mod ledgers;
mod manifest;
mod measures;
mod outcome;
mod overrides;
mod people;
mod planned;
mod prepared;
mod records;
mod savings;
mod small;
mod tickets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use std::sync::Arc;

use miette::Diagnostic;
use rayon::prelude::*;

use crate::baseline::saving::{AdjustmentResult, InitiativeResult};
use crate::baseline::{AttributionRow, BaselineResult, Link};
use crate::config::project::Project;
use crate::finding::{Finding, Severity, Stage};
use crate::ingest::file::InputError;
use crate::ingest::{self, Ingested};
use crate::judge::align::{self, Alignment};
use crate::judge::backtest::{self, OwnCosts, SchemeRow};
use crate::judge::integrity::IntegrityRow;
use crate::measure::billing::BillingCells;
use crate::measure::cells::Cells;
use crate::measure::orders::Orders;
use crate::measure::read;
use crate::measure::spec::MeasurePlan;
use crate::publish::manifest::MANIFEST;
use crate::publish::reading::{Published, ReadingError};
use crate::publish::table::PublishError;
use crate::publish::{evidence, incidents, report, statements, tables, workbook};
use crate::score;
use crate::settle::{self, Detail, Facts, SettlementLine};
use crate::store::disk::{Staging, StoreError};
use crate::store::prepare;
use contracts::{Contract, ContractError};
use kept::Kept;
use measures::{measures, ratios};
pub use outcome::{AuditRow, Outcome};
pub use overrides::OverrideRow;
pub use planned::{Planned, planned};
use prepared::Prepared;
pub use savings::Placed;
use savings::{Rates, SavingTables};
pub use tickets::tickets_of;

/// Why a run stopped. Each kind has its exit code (see [`crate::cli`]).
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RunError {
    /// The project or its terms are invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Contract(#[from] ContractError),
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
    /// One partition was measured.
    Measured,
    /// A stage begins.
    Stage(&'static str),
}

/// Runs the main job and publishes its result.
///
/// # Errors
/// When the project, an input file or the disk stops it; the former output then still stands.
pub fn run(
    project: &Project,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Outcome, RunError> {
    run_with(project, &repairing(), progress)
}

/// What a run gives on request. The other tables are the same either way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// The clock audit, in the same pass.
    pub clock_audit: bool,
    /// The table `incident_facts`, one file per UTC month of opening.
    pub incident_facts: bool,
    /// Every contract's history, for the judge.
    pub(crate) kept: bool,
}

/// As [`run`], with what is given on request.
///
/// # Errors
/// As [`run`].
pub fn run_asked(
    project: &Project,
    asked: Asked,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Outcome, RunError> {
    whole(project, &repairing(), asked, progress)
}

/// As [`run`], and keeps every contract's history for the judge.
///
/// # Errors
/// As [`run`].
pub fn run_kept(
    project: &Project,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Outcome, RunError> {
    let asked = Asked {
        kept: true,
        ..Asked::default()
    };
    whole(project, &repairing(), asked, progress)
}

/// As [`run`], with what the caller says about alignment beside the terms.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    project: &Project,
    given: &align::Given,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Outcome, RunError> {
    whole(project, given, Asked::default(), progress)
}

fn repairing() -> align::Given {
    align::Given {
        repair: true,
        ..align::Given::default()
    }
}

fn whole(
    project: &Project,
    given: &align::Given,
    asked: Asked,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Outcome, RunError> {
    let contracts = contracts::read(project)?;
    let output = Staging::begin(&project.output_folder())?;
    let staged = Staging::begin(&project.store_folder())?;

    progress(Progress::Stage("reading"));
    let ingested = ingest::ingest(project, &|file, n| progress(Progress::Read(file, n)))?;
    let mut findings = ingested.findings.clone();

    let mut calendars = project.file.calendars.clone();
    if let Some(rows) = ingested.tables.get("calendars") {
        let (read, noticed) = ingest::calendars::definitions(rows);
        calendars.extend(read);
        findings.extend(noticed);
    }
    let mut plans = contracts::plans(&contracts, &calendars)?;
    for (contract, fixes) in records::fixes(&ingested.tables) {
        if let Some(plan) = plans.get_mut(&contract) {
            plan.fixes = fixes;
        }
    }
    prepared::relieve(
        &contracts,
        &mut plans,
        &small::reliefs(ingested.tables.get("relief_events")),
        project.as_of,
        &mut findings,
    );

    progress(Progress::Stage("storing"));
    prepare::write_all(staged.folder(), &ingested.tables)?;

    progress(Progress::Stage("measuring"));
    let store = staged.folder();
    progress(Progress::Partitions(read::partition_count(store)? as u64));
    let cells = read::tickets(store, &plans, asked.clock_audit, &|| {
        progress(Progress::Measured)
    })?;
    let (billing, billing_facts, orders) = read::billing(store, &plans)?;
    let mut manifest = manifest::before(project, &contracts, &ingested);
    if asked.incident_facts {
        tickets::write(store, &plans, project.as_of, output.folder(), &mut manifest)?;
    }
    staged.publish()?;

    progress(Progress::Stage("settling"));
    let measured = Measured {
        project,
        ingested: &ingested,
        plans: &plans,
        cells: &cells,
        billing: &billing,
        orders: &orders,
        given,
        kept: asked.kept,
    };
    let results = settle_all(&contracts, &measured, &mut findings);
    findings.sort();
    findings.dedup();

    progress(Progress::Stage("publishing"));
    let metadata = manifest.file_metadata();
    let folder = output.folder().to_owned();
    let all = [
        tables::cells(&cells),
        tables::baseline(&results.baseline),
        statements::kpi(&results.kpis),
        statements::settlement(&results.settlement),
        statements::schemes(&results.schemes),
        statements::alignment(&results.alignment.rows),
        evidence::integrity(&results.integrity),
        tables::billing_facts(&billing_facts, &savings::place(&billing_facts, &contracts)),
        evidence::adjustments_applied(&results.adjustments),
        evidence::initiative_results(&results.initiatives),
        evidence::overrides(&results.overrides),
        incidents::worst_incidents(&results.worst),
        tables::findings(&findings),
        tables::rejects(&ingested.rejects),
    ];
    let written: Vec<(PathBuf, usize)> = all
        .into_par_iter()
        .map(|table| Ok((table.write(&folder, &metadata)?, table.rows())))
        .collect::<Result<_, PublishError>>()?;
    for (path, rows) in written {
        manifest.add(&path, rows)?;
    }
    let published = Published::staged(&folder, manifest.as_value());
    let (page, book) = rayon::join(
        || report::report(&published, project.file.output.language),
        || workbook::workbook(&published),
    );
    manifest.add(&write(&folder, report::REPORT, page?.as_bytes())?, 0)?;
    manifest.add(&write(&folder, workbook::WORKBOOK, &book?)?, 0)?;
    manifest.write(&folder)?;
    output.publish()?;
    Ok(Outcome {
        accounts: ingested.accounts,
        findings,
        settlement: results.settlement,
        schemes: results.schemes,
        alignment: results.alignment,
        integrity: results.integrity,
        kept: results.kept,
        kpis: results.kpis,
        audit: cells
            .total
            .audit
            .into_iter()
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

/// Writes a document into the output.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, PublishError> {
    let path = folder.join(name);
    match std::fs::write(&path, bytes) {
        Ok(()) => Ok(path),
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

/// What the pure stages read.
struct Measured<'a> {
    project: &'a Project,
    ingested: &'a Ingested,
    plans: &'a read::Plans,
    cells: &'a Cells,
    billing: &'a BillingCells,
    orders: &'a Orders,
    given: &'a align::Given,
    /// Whether every contract's history is kept.
    kept: bool,
}

/// What the pure stages give, for all contracts in the order of the project.
#[derive(Default)]
struct Results {
    baseline: BaselineResult,
    kpis: Vec<score::KpiValue>,
    settlement: Vec<SettlementLine>,
    schemes: Vec<SchemeRow>,
    alignment: Alignment,
    integrity: Vec<IntegrityRow>,
    adjustments: Vec<AdjustmentResult>,
    initiatives: Vec<InitiativeResult>,
    overrides: Vec<OverrideRow>,
    worst: Vec<score::WorstIncident>,
    kept: Vec<Kept>,
}

impl Results {
    /// Adds those of the next contract.
    fn append(&mut self, next: Results) {
        self.baseline.months.extend(next.baseline.months);
        self.baseline.joint.extend(next.baseline.joint);
        self.baseline.hashes.extend(next.baseline.hashes);
        self.kpis.extend(next.kpis);
        self.settlement.extend(next.settlement);
        self.schemes.extend(next.schemes);
        self.alignment.rows.extend(next.alignment.rows);
        let assumptions = next.alignment.assumptions;
        self.alignment.assumptions.extend(assumptions);
        self.alignment.findings.extend(next.alignment.findings);
        self.integrity.extend(next.integrity);
        self.adjustments.extend(next.adjustments);
        self.initiatives.extend(next.initiatives);
        self.overrides.extend(next.overrides);
        self.worst.extend(next.worst);
        self.kept.extend(next.kept);
    }
}

/// The small tables that the pure stages read, of all contracts.
struct Small {
    exposure: Vec<score::Exposure>,
    records: score::Records,
    saving: SavingTables,
    attribution: Vec<AttributionRow>,
    links: Vec<Link>,
    delivered: score::Delivered,
}

/// Baseline, score and settle for every contract, in the order of the project.
fn settle_all(
    contracts: &[Contract],
    measured: &Measured<'_>,
    findings: &mut Vec<Finding>,
) -> Results {
    let table = |name: &str| measured.ingested.tables.get(name);
    let settled = Arc::new(ledgers::settled(table("settled"), findings));
    let fx = Arc::new(ledgers::fx_rates(table("fx_rates"), findings));
    let disputes = Arc::new(ledgers::disputes(table("disputes"), findings));
    let agreed = ledgers::agreements(
        table("relief_events"),
        table("attribution"),
        measured.plans,
        findings,
    );
    let agreements = Arc::new(agreed);
    let initiatives = small::initiatives(table("initiatives"));
    let as_of = measured.project.as_of;
    let small = Small {
        attribution: small::attribution(table("attribution")),
        links: small::links(
            &initiatives,
            table("problems"),
            table("ci_services"),
            measured.plans,
            as_of,
        ),
        exposure: ledgers::exposure(table("exposure")),
        records: records::records(&measured.ingested.tables),
        saving: SavingTables {
            indices: small::indices(table("indices")),
            adjustments: small::adjustments(table("adjustments"), findings),
            initiatives,
            fx: Arc::clone(&fx),
        },
        delivered: measured
            .ingested
            .delivered
            .iter()
            .map(|(table, columns)| {
                (
                    (*table).to_owned(),
                    columns.iter().map(|c| (*c).to_owned()).collect(),
                )
            })
            .collect(),
    };
    prepared::unknown_measures(&small, findings);
    let all = prepared::prepare(
        contracts,
        measured.plans,
        measured.cells,
        &small,
        as_of,
        findings,
    );
    let one = |(contract, prepared): (&Contract, &Option<Prepared>)| {
        let mut results = Results::default();
        let mut noticed = Vec::new();
        let findings = &mut noticed;
        let (Some(plan), Some(prepared)) = (measured.plans.get(&contract.entry.id), prepared)
        else {
            return (results, noticed);
        };
        let given = Given {
            contract,
            plan,
            prepared,
            small: &small,
        };
        let kpis = score_one(&given, measured, &mut results, findings);
        let mut measures = measures(&contract.entry.id, &kpis);
        let tested = integrity::test(contract, plan, prepared, measured.cells, measured.orders);
        findings.extend(integrity::findings(&tested));
        integrity::measure(&contract.entry.id, &tested, &mut measures);
        results.integrity.extend(tested);
        let facts = |parameters: &settle::Parameters| Facts {
            measures: measures.clone(),
            parameters: parameters.clone(),
            settled: Arc::clone(&settled),
            fx: Arc::clone(&fx),
            disputes: Arc::clone(&disputes),
            agreements: Arc::clone(&agreements),
            months: None,
        };
        let spec = contract.terms.settle.clone();
        let id = &contract.entry.id;
        let own_facts = facts(&contract.parameters);
        if measured.kept {
            let kept = Kept::new(contract, &own_facts, &results.baseline);
            results.kept.push(kept);
        }
        let mut own = settle::settle(&spec, &own_facts, Detail::Steps);
        findings.extend(own.findings);
        let decided: Vec<OverrideRow> = results
            .overrides
            .iter()
            .filter(|o| o.contract_id == *id)
            .cloned()
            .collect();
        findings.extend(overrides::mark(
            &mut own.lines,
            &contract.terms,
            &kpis,
            &decided,
        ));
        let given = measured.given;
        let costs = |spec: &crate::terms::SettleSpec, facts: &Facts| -> OwnCosts {
            backtest::own_costs(spec, &contract.terms.settle, facts, id, given).unwrap_or_default()
        };
        results.schemes.extend(backtest::rows_of(
            "this_contract",
            &own.lines,
            &own_facts.measures,
            &costs(&spec, &own_facts),
        ));
        match align::align_one(&spec, &own_facts, &ratios(&kpis), given, id) {
            Ok(found) => {
                findings.extend(found.findings.iter().cloned());
                results.alignment.rows.extend(found.rows);
                results.alignment.assumptions.extend(found.assumptions);
                results.alignment.findings.extend(found.findings);
            }
            Err(error) => findings.push(
                Finding::new(
                    Stage::Judge,
                    Severity::Warning,
                    "not_aligned",
                    error.to_string(),
                )
                .with_contract(id),
            ),
        }
        for (scheme, (terms, parameters)) in &contract.compare {
            // The ledger holds what this contract paid, not what another would have.
            let mut facts = facts(parameters);
            facts.settled = Arc::default();
            facts.disputes = Arc::default();
            let other = settle::settle(&terms.settle, &facts, Detail::Amounts);
            results.schemes.extend(backtest::rows_of(
                scheme,
                &other.lines,
                &facts.measures,
                &costs(&terms.settle, &facts),
            ));
            findings.extend(other.findings.into_iter().map(|mut f| {
                f.severity = f.severity.min(Severity::Note);
                f.detail = format!("in the comparison `{scheme}`: {}", f.detail);
                f
            }));
        }
        results.settlement.extend(own.lines);
        results.kpis.extend(kpis);
        (results, noticed)
    };
    // Side by side, and put together in the order of the project.
    let settled_apart: Vec<(Results, Vec<Finding>)> =
        contracts.par_iter().zip(&all).map(one).collect();
    let mut results = Results::default();
    for (part, noticed) in settled_apart {
        results.append(part);
        findings.extend(noticed);
    }
    let suppliers: BTreeMap<String, String> = contracts
        .iter()
        .map(|c| (c.entry.id.clone(), c.entry.supplier.clone()))
        .collect();
    let rules: Vec<Rates> = contracts.iter().map(|c| Rates::of(c, &fx)).collect();
    let reporting = contracts
        .iter()
        .zip(&rules)
        .map(|(c, rates)| (c.entry.id.clone(), rates.reporting(c)))
        .collect();
    let of_suppliers = score::supplier_values(&results.kpis, &suppliers, &reporting);
    // They name no contract, so they stand before those that do.
    results.kpis.splice(0..0, of_suppliers);
    results
}

/// One contract with what was prepared for it.
struct Given<'a> {
    contract: &'a Contract,
    plan: &'a MeasurePlan,
    prepared: &'a Prepared,
    small: &'a Small,
}

/// Baseline and KPI values of one contract.
fn score_one(
    given: &Given<'_>,
    measured: &Measured<'_>,
    results: &mut Results,
    findings: &mut Vec<Finding>,
) -> Vec<score::KpiValue> {
    let Given {
        contract,
        plan,
        prepared,
        small,
    } = given;
    let id = &contract.entry.id;
    let as_of = measured.project.as_of;
    let baseline = prepared::estimate(contract, prepared, findings);
    findings.extend(baseline.findings.iter().cloned());
    let saving = savings::saving(
        contract,
        plan,
        measured.billing,
        &prepared.exposure,
        &small.saving,
        &baseline,
        as_of,
    );
    findings.extend(saving.findings.iter().cloned());
    let rates = Rates::of(contract, &small.saving.fx);
    let scored = score::score(&score::Inputs {
        plan,
        spec: &contract.score,
        baseline_spec: &contract.baseline,
        baseline: &baseline,
        saving: &saving,
        cells: measured.cells,
        billing: measured.billing,
        exposure: &small.exposure,
        records: &small.records,
        delivered: &small.delivered,
        observed: prepared.observed,
        exchange: rates.exchange(),
        as_of,
        levels: &[
            score::Level::Contract,
            score::Level::Service,
            score::Level::Priority,
        ],
    });
    findings.extend(scored.findings);
    results
        .overrides
        .extend(overrides::rows(id, &contract.baseline, &baseline));
    results.worst.extend(score::worst_incidents(
        measured.cells.total.worst.contracts.get(id),
        plan,
        &contract.score,
        contract.baseline.performance,
        as_of,
    ));
    results.overrides.extend(integrity::overrides(contract));
    results.baseline.months.extend(baseline.months);
    results.baseline.joint.extend(baseline.joint);
    results.baseline.hashes.extend(baseline.hashes);
    results.adjustments.extend(saving.adjustments);
    results
        .adjustments
        .extend(prepared.adjustments.iter().cloned());
    results.initiatives.extend(saving.initiatives);
    scored.values
}
