//! What the baseline of each contract is estimated from: its series with agreed adjustments, whose
//! reduction it is, and the peers among the other contracts. Has no arithmetic of its own.

use rayon::prelude::*;

use super::contracts::Contract;
use super::own::{Own, Shares};
use super::settling::Small;
use crate::baseline::saving::AdjustmentResult;
use crate::baseline::{
    self, BaselineResult, Circumstances, PeerLevel, Series, Shrinkage, about_incidents,
};
use crate::finding::{Finding, Severity, Stage};
use crate::measure::read::Plans;
use crate::measure::relief::{ReliefRow, ReliefRule, windows};
use crate::score::{self, ExposureTable, ExposureUnit};
use crate::time::{Instant, Month, Period};

/// A contract ready for its estimate.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) own: Own<'a>,
    pub(super) exposure: ExposureTable,
    pub(super) observed: Option<Period<Month>>,
    pub(super) series: Vec<Series>,
    pub(super) circumstances: Circumstances,
    pub(super) adjustments: Vec<AdjustmentResult>,
    /// What was noticed on the way.
    pub(super) findings: Vec<Finding>,
    unit: ExposureUnit,
}

/// Puts the windows of relief into the plans of the contracts whose terms relieve incidents.
pub(super) fn relieve(
    contracts: &[Contract],
    plans: &mut Plans,
    reliefs: &[ReliefRow],
    as_of: Instant,
    findings: &mut Vec<Finding>,
) {
    for contract in contracts.iter().filter(|c| c.baseline.relief) {
        let id = &contract.entry.id;
        let Some(plan) = plans.get_mut(id) else {
            continue;
        };
        let source = contract
            .terms
            .settle
            .source
            .relief
            .clone()
            .unwrap_or_default();
        let rule = ReliefRule {
            claim_within_days: source.claim_within_days,
            kinds: source.kinds,
        };
        let (given, refused) = windows(id, reliefs, &rule, as_of);
        for (row, code) in refused {
            findings.push(
                Finding::new(
                    Stage::Measure,
                    Severity::Warning,
                    code,
                    "an event gives no relief from incidents: it was not accepted, or claimed \
                     later than [relief] allows",
                )
                .with_contract(id)
                .with_evidence(format!("{}: {} to {}", row.relief_id, row.from, row.to)),
            );
        }
        plan.relief = given;
    }
}

/// Prepares contracts, in the order of the project.
pub(super) fn prepare<'a>(
    contracts: &[&Contract],
    plans: &Plans,
    shares: &'a Shares<'a>,
    small: &Small,
    as_of: Instant,
) -> Vec<Option<Prepared<'a>>> {
    let mut all: Vec<Option<Prepared<'a>>> = contracts
        .par_iter()
        .map(|contract| {
            let plan = plans.get(&contract.entry.id)?;
            let own = shares.of(&contract.entry.id);
            Some(one(contract, plan, own, small, as_of))
        })
        .collect();
    if !contracts.iter().any(|c| with_peers(c)) {
        return all;
    }
    let levels: Vec<(ExposureUnit, Vec<PeerLevel>)> = contracts
        .iter()
        .zip(&all)
        .filter_map(|(c, p)| {
            let p = p.as_ref()?;
            Some((p.unit, baseline::peer_levels(&p.series, &c.baseline)))
        })
        .collect();
    for (contract, prepared) in contracts.iter().zip(&mut all) {
        let Some(prepared) = prepared else { continue };
        if with_peers(contract) {
            prepared.circumstances.peers = levels
                .iter()
                .filter(|(unit, _)| *unit == prepared.unit)
                .flat_map(|(_, levels)| levels)
                .filter(|l| l.contract_id != contract.entry.id)
                .cloned()
                .collect();
        }
    }
    all
}

/// Whether the baseline of a contract leans on those of the others.
pub(super) fn with_peers(contract: &Contract) -> bool {
    contract.baseline.shrinkage == Shrinkage::Peers
}

fn one<'a>(
    contract: &Contract,
    plan: &crate::measure::plan::MeasurePlan,
    own: Own<'a>,
    small: &Small,
    as_of: Instant,
) -> Prepared<'a> {
    let mut findings = Vec::new();
    let cells = own.cells;
    let id = &contract.entry.id;
    let unit = contract.score.exposure_unit;
    let exposure = ExposureTable::new(id, own.exposure, unit);
    let observed = score::observed(cells, id, &plan.zone, as_of);
    let mut series = match observed {
        Some(period) => {
            let (series, noticed) = score::series(cells, id, &exposure, unit, period);
            findings.extend(noticed);
            series
        }
        None => Vec::new(),
    };
    let spec = &contract.baseline;
    let adjusted = baseline::adjust(id, &mut series, spec, &small.saving.adjustments, as_of);
    findings.extend(adjusted.findings);
    let supplier = &contract.entry.supplier;
    let (weights, noticed) = baseline::weights(
        &series,
        spec,
        supplier,
        &small.attribution,
        &small.links,
        as_of,
    );
    findings.extend(noticed);
    findings.extend(baseline::early_warnings(&series, spec));
    let relieved: u64 = cells.total.cells.values().map(|cell| cell.relieved).sum();
    if relieved > 0 {
        let both: Vec<&str> = adjusted
            .results
            .iter()
            .filter(|r| r.status == "applied" && r.row.measure == "incidents_actual")
            .map(|r| r.row.adjustment_id.as_str())
            .collect();
        findings.push(
            Finding::new(
                Stage::Measure,
                if both.is_empty() {
                    Severity::Note
                } else {
                    Severity::Warning
                },
                "incidents_relieved",
                if both.is_empty() {
                    "incidents opened during accepted relief are left out of baseline and \
                     performance"
                } else {
                    "incidents opened during accepted relief are left out, and adjustments take \
                     incidents away as well: agree that they are not the same ones"
                },
            )
            .with_contract(id)
            .with_count(relieved)
            .with_evidence(both.join(", ")),
        );
    }
    Prepared {
        own,
        exposure,
        observed,
        series,
        circumstances: Circumstances {
            expected: adjusted.expected,
            weights,
            peers: Vec::new(),
        },
        adjustments: adjusted.results,
        findings,
        unit,
    }
}

/// The estimate of a prepared contract.
pub(super) fn estimate(
    contract: &Contract,
    prepared: &Prepared<'_>,
    findings: &mut Vec<Finding>,
) -> BaselineResult {
    if prepared.observed.is_none() {
        findings.push(
            Finding::new(
                Stage::Measure,
                Severity::Warning,
                "no_tickets",
                "no ticket of the contract lies before the as-of moment: nothing about \
                 incidents is measurable",
            )
            .with_contract(&contract.entry.id),
        );
        return BaselineResult::default();
    }
    baseline::estimate_in(
        &prepared.series,
        &contract.baseline,
        &prepared.circumstances,
    )
}

/// Findings about adjustments that name a measure which nothing adjusts.
pub(super) fn unknown_measures(small: &Small, findings: &mut Vec<Finding>) {
    for row in &small.saving.adjustments {
        if !about_incidents(&row.measure) && !baseline::saving::about_money(&row.measure) {
            findings.push(
                Finding::new(
                    Stage::Baseline,
                    Severity::Warning,
                    "adjustment_measure_unknown",
                    "an adjustment names a measure that cannot be adjusted: use \
                     incidents_expected, incidents_actual, benchmark_cost, actual_cost or \
                     verified_saving",
                )
                .with_contract(&row.contract_id)
                .with_evidence(format!("{}: `{}`", row.adjustment_id, row.measure)),
            );
        }
    }
}
