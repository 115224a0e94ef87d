//! The pure stages for every contract: baseline, score, integrity, settle and alignment, side by
//! side and put together in the order of the project. Responsible for what passes between them;
//! not for reading or publishing anything (see [`super`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::billed::Billed;
use super::contracts::Contract;
use super::history::History;
use super::measures::{measures, ratios};
use super::overrides::{self, OverrideRow, Rests};
use super::own::Shares;
use super::prepared::{self, Prepared};
use super::rebuilding::{Once, Rebuilt};
use super::savings::{self, Rates, SavingTables};
use super::stored::Stored;
use super::{integrity, ledgers, records, small};
use crate::baseline::saving::{AdjustmentResult, InitiativeResult, SavingResult};
use crate::baseline::{AttributionRow, BaselineResult, Link};
use crate::config::project::Project;
use crate::finding::{Finding, Severity, Stage};
use crate::judge::align::{self, Alignment};
use crate::judge::backtest::{self, OwnCosts, SchemeRow};
use crate::judge::integrity::IntegrityRow;
use crate::judge::simulate::Fitted;
use crate::measure::cells::Cells;
use crate::measure::plan::MeasurePlan;
use crate::measure::read;
use crate::money::FxRates;
use crate::score;
use crate::settle::{self, Detail, Facts, Settlement, SettlementLine};
use crate::store::disk::StoreError;
use crate::time::Instant;

/// What the pure stages read.
pub(super) struct Measured<'a> {
    pub(super) project: &'a Project,
    pub(super) stored: &'a Stored,
    /// The contracts that were measured, in the order of the project.
    pub(super) contracts: &'a [&'a Contract],
    pub(super) plans: &'a read::Plans,
    pub(super) tables: &'a SmallTables,
    pub(super) cells: &'a BTreeMap<String, Cells>,
    pub(super) billing: &'a Billed,
    pub(super) given: &'a align::Given,
}

/// What the pure stages give: for one contract, or for several in the order of the project.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) baseline: BaselineResult,
    pub(super) kpis: Vec<score::KpiValue>,
    pub(super) settlement: Vec<SettlementLine>,
    pub(super) schemes: Vec<SchemeRow>,
    pub(super) alignment: Alignment,
    pub(super) integrity: Vec<IntegrityRow>,
    pub(super) adjustments: Vec<AdjustmentResult>,
    pub(super) initiatives: Vec<InitiativeResult>,
    pub(super) overrides: Vec<OverrideRow>,
    pub(super) worst: Vec<score::WorstIncident>,
    /// What was noticed.
    pub(super) findings: Vec<Finding>,
}

impl Results {
    /// Adds those of the next contract.
    pub(super) fn append(&mut self, next: Results) {
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
        self.findings.extend(next.findings);
    }
}

/// The small tables that baseline and score read, of all contracts: those that are not parted
/// (see [`Shares`]).
pub(super) struct Small {
    pub(super) saving: SavingTables,
    pub(super) attribution: Vec<AttributionRow>,
    pub(super) links: Vec<Link>,
    pub(super) delivered: score::Delivered,
}

/// All small tables that the pure stages read.
pub(super) struct SmallTables {
    settled: Arc<settle::Settled>,
    fx: Arc<FxRates>,
    disputes: Arc<Vec<settle::Dispute>>,
    agreements: Arc<settle::Agreements>,
    small: Small,
}

impl SmallTables {
    /// Reads them out of a store; what cannot be used is a finding.
    pub(super) fn read(
        stored: &Stored,
        plans: &read::Plans,
        as_of: Instant,
        findings: &mut Vec<Finding>,
    ) -> SmallTables {
        let table = |name: &str| stored.tables.get(name);
        let settled = Arc::new(ledgers::settled(table("settled"), findings));
        let fx = Arc::new(ledgers::fx_rates(table("fx_rates"), findings));
        let disputes = Arc::new(ledgers::disputes(table("disputes"), findings));
        let agreed = ledgers::agreements(
            table("relief_events"),
            table("attribution"),
            plans,
            findings,
        );
        let initiatives = small::initiatives(table("initiatives"));
        let small = Small {
            attribution: small::attribution(table("attribution")),
            links: small::links(
                &initiatives,
                table("problems"),
                table("ci_services"),
                plans,
                as_of,
            ),
            saving: SavingTables {
                indices: small::indices(table("indices")),
                adjustments: small::adjustments(table("adjustments"), findings),
                initiatives,
                fx: Arc::clone(&fx),
            },
            delivered: stored.notes.delivered.clone(),
        };
        prepared::unknown_measures(&small, findings);
        SmallTables {
            settled,
            fx,
            disputes,
            agreements: Arc::new(agreed),
            small,
        }
    }

    /// These measures with everything else that settlement reads.
    pub(super) fn facts(
        &self,
        measures: settle::Measures,
        parameters: settle::Parameters,
    ) -> Facts {
        Facts {
            measures,
            parameters,
            settled: Arc::clone(&self.settled),
            fx: Arc::clone(&self.fx),
            disputes: Arc::clone(&self.disputes),
            agreements: Arc::clone(&self.agreements),
            months: None,
        }
    }
}

/// A contract as far as settlement reads it: its KPI values and what they rest on.
pub(super) struct Scored {
    /// Baseline, integrity and what else is known before anything is settled.
    results: Results,
    kpis: Vec<score::KpiValue>,
    saving: SavingResult,
    pub(super) measures: settle::Measures,
    pub(super) rests: Rests,
    pub(super) fitted: Option<Fitted>,
}

/// Baseline, score and settle for those of the measured contracts that are `wanted`, side by side
/// and in the order of the project; `finish` hears what each gave.
pub(super) fn settle_each<T: Send>(
    measured: &Measured<'_>,
    wanted: &BTreeSet<String>,
    finish: impl Fn(&Contract, Result<History, StoreError>, Results) -> T + Sync,
) -> Vec<T> {
    each(measured, wanted, |given| {
        let scored = scored(given, measured);
        let history = History::of(&given.contract.entry.id, &scored);
        finish(given.contract, history, settled(given, scored, measured))
    })
}

/// As [`settle_each`], as far as settlement reads a contract.
pub(super) fn history_of_each(
    measured: &Measured<'_>,
    wanted: &BTreeSet<String>,
) -> Vec<(String, Result<History, StoreError>)> {
    each(measured, wanted, |given| {
        let id = &given.contract.entry.id;
        (id.clone(), History::of(id, &scored(given, measured)))
    })
}

fn each<T: Send>(
    measured: &Measured<'_>,
    wanted: &BTreeSet<String>,
    work: impl Fn(&Given<'_>) -> T + Sync,
) -> Vec<T> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let contracts = measured.contracts.iter();
    let read: BTreeSet<&str> = contracts.map(|c| c.entry.id.as_str()).collect();
    let read = |contract: &str| read.contains(contract);
    let tables = &measured.stored.tables;
    let shares = Shares::new(
        measured.cells,
        measured.billing,
        ledgers::exposure(tables.get("exposure"), read),
        records::records(tables, read),
    );
    let small = &measured.tables.small;
    let as_of = measured.project.as_of;
    let all = prepared::prepare(measured.contracts, measured.plans, &shares, small, as_of);
    measured
        .contracts
        .par_iter()
        .zip(&all)
        .filter(|(contract, _)| wanted.contains(&contract.entry.id))
        .filter_map(|(contract, prepared)| {
            let given = Given {
                contract,
                plan: measured.plans.get(&contract.entry.id)?,
                prepared: prepared.as_ref()?,
                small,
            };
            Some(work(&given))
        })
        .collect()
}

/// Baseline, KPI values and integrity of one contract.
fn scored(given: &Given<'_>, measured: &Measured<'_>) -> Scored {
    let Given {
        contract,
        plan,
        prepared,
        ..
    } = given;
    let id = &contract.entry.id;
    let mut results = Results::default();
    let mut findings = prepared.findings.clone();
    let (kpis, saving) = score_one(given, measured, &mut results, &mut findings);
    let mut measures = measures(id, &kpis);
    let tested = integrity::test(contract, plan, prepared);
    findings.extend(integrity::findings(&tested));
    integrity::measure(id, &tested, &mut measures);
    results.integrity.extend(tested);
    results.findings = findings;
    Scored {
        rests: Rests::of(&kpis, &results.overrides),
        fitted: Fitted::of(&results.baseline, id),
        results,
        kpis,
        saving,
        measures,
    }
}

/// What one contract settles to, beside others, and what its terms reward.
fn settled(given: &Given<'_>, scored: Scored, measured: &Measured<'_>) -> Results {
    let Given {
        contract,
        plan,
        prepared,
        small,
    } = given;
    let Scored {
        mut results,
        kpis,
        saving,
        measures,
        rests,
        fitted: _,
    } = scored;
    let mut findings = std::mem::take(&mut results.findings);
    let spec = &contract.terms.settle;
    let id = &contract.entry.id;
    let own_facts = measured.tables.facts(measures, contract.parameters.clone());
    let own = settle_marked(contract, &own_facts, &rests, Detail::Steps);
    findings.extend(own.findings);
    let given = measured.given;
    let costs = |spec: &crate::terms::SettleSpec, facts: &Facts| -> OwnCosts {
        backtest::own_costs(spec, &contract.terms.settle, facts, id, given).unwrap_or_default()
    };
    results.schemes.extend(backtest::rows_of(
        "this_contract",
        &own.lines,
        &own_facts.measures,
        &costs(spec, &own_facts),
    ));
    let rebuilt = Rebuilt {
        contract,
        plan,
        prepared,
        small,
        measured,
        saving: &saving,
        baseline: &results.baseline,
        once: Once::default(),
    };
    let aligned = align::align_one(spec, &own_facts, &ratios(&kpis), given, id, Some(&rebuilt));
    match aligned {
        Ok(found) => {
            findings.extend(found.findings.iter().cloned());
            results.alignment = found;
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
    let mut facts = own_facts;
    for (scheme, (terms, parameters)) in &contract.compare {
        facts.parameters.clone_from(parameters);
        // The ledger holds what this contract paid, not what another would have.
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
    results.findings = findings;
    results
}

/// The settlement of a contract, with the rows marked that rest on a decision against a rule.
pub(super) fn settle_marked(
    contract: &Contract,
    facts: &Facts,
    rests: &Rests,
    detail: Detail,
) -> Settlement {
    let mut own = settle::settle(&contract.terms.settle, facts, detail);
    let marked = overrides::mark(&mut own.lines, &contract.terms, rests);
    own.findings.extend(marked);
    own
}

/// The KPI values of suppliers, from those of all contracts. They name no contract.
pub(super) fn of_suppliers(
    contracts: &[Contract],
    tables: &SmallTables,
    kpis: &[score::KpiValue],
) -> Vec<score::KpiValue> {
    let suppliers: BTreeMap<String, String> = contracts
        .iter()
        .map(|c| (c.entry.id.clone(), c.entry.supplier.clone()))
        .collect();
    let rules: Vec<Rates> = contracts.iter().map(|c| Rates::of(c, &tables.fx)).collect();
    let reporting = contracts
        .iter()
        .zip(&rules)
        .map(|(c, rates)| (c.entry.id.clone(), rates.reporting(c)))
        .collect();
    score::supplier_values(kpis, &suppliers, &reporting)
}

/// One contract with what was prepared for it.
struct Given<'a> {
    contract: &'a Contract,
    plan: &'a MeasurePlan,
    prepared: &'a Prepared<'a>,
    small: &'a Small,
}

/// Baseline and KPI values of one contract, and what was saved.
fn score_one(
    given: &Given<'_>,
    measured: &Measured<'_>,
    results: &mut Results,
    findings: &mut Vec<Finding>,
) -> (Vec<score::KpiValue>, SavingResult) {
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
        &prepared.own.billing.cells,
        &prepared.exposure,
        &small.saving,
        &baseline,
        as_of,
    );
    findings.extend(saving.findings.iter().cloned());
    let rates = Rates::of(contract, &small.saving.fx);
    let scored = score::score(&inputs(
        contract,
        plan,
        prepared,
        small,
        measured,
        (&baseline, &saving, prepared.own.cells),
        &rates,
    ));
    findings.extend(scored.findings);
    results
        .overrides
        .extend(overrides::rows(id, &contract.baseline, &baseline));
    results.worst.extend(score::worst_incidents(
        prepared.own.cells.total.worst.contracts.get(id),
        plan,
        &contract.score,
        contract.baseline.performance,
        as_of,
    ));
    results.overrides.extend(integrity::overrides(contract));
    results.baseline.months.extend(baseline.months);
    results.baseline.joint.extend(baseline.joint);
    results.baseline.hashes.extend(baseline.hashes);
    results.adjustments.extend(saving.adjustments.clone());
    results
        .adjustments
        .extend(prepared.adjustments.iter().cloned());
    results.initiatives.extend(saving.initiatives.clone());
    (scored.values, saving)
}

/// What the KPI values of a contract are made from, on one baseline, saving and set of cells.
pub(super) fn inputs<'a>(
    contract: &'a Contract,
    plan: &'a MeasurePlan,
    prepared: &'a Prepared<'a>,
    small: &'a Small,
    measured: &'a Measured<'a>,
    (baseline, saving, cells): (&'a BaselineResult, &'a SavingResult, &'a Cells),
    rates: &'a Rates,
) -> score::Inputs<'a> {
    score::Inputs {
        plan,
        spec: &contract.score,
        baseline_spec: &contract.baseline,
        baseline,
        saving,
        cells,
        billing: &prepared.own.billing.cells,
        exposure: prepared.own.exposure,
        records: prepared.own.records,
        delivered: &small.delivered,
        observed: prepared.observed,
        exchange: rates.exchange(),
        as_of: measured.project.as_of,
        levels: &[
            score::Level::Contract,
            score::Level::Service,
            score::Level::Priority,
        ],
    }
}
