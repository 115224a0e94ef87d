//! Whose reduction it is: a counterfactual shows *that* incidents are gone, not *who* made them
//! go. Turns the term `causation` and what was agreed or done into weights per stream and month.
//! Not responsible for the estimate that they are applied to.

use std::collections::BTreeMap;

use super::circumstances::Weights;
use super::series::{Series, SeriesKey};
use super::spec::{BaselineSpec, Causation};
use crate::finding::{Finding, Severity, Stage};
use crate::money::Decimal;
use crate::time::{Instant, Month, months_between};

/// A row of the table `attribution`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributionRow {
    /// The contract.
    pub contract_id: String,
    /// The service of the stream; empty for all.
    pub service_id: String,
    /// The priority of the stream, such as `P2`; empty for all.
    pub priority: String,
    /// The party credited: `supplier`, `customer` or a name.
    pub party: String,
    /// Its share, 0 to 1.
    pub weight: Decimal,
    /// When it was agreed; absent: with the contract.
    pub agreed_at: Option<Instant>,
}

/// Something on a service that can have made incidents go: an initiative of the supplier in
/// effect, or a problem that was fixed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The contract.
    pub contract_id: String,
    /// The service; empty for all of the contract.
    pub service_id: String,
    /// First month in which it works.
    pub from: Month,
    /// What it is, for the evidence.
    pub what: String,
}

/// The weights of one contract's streams over the performance period, `None` when everything is
/// credited; and what was noticed.
///
/// `supplier` is the name that rows of `attribution` may use beside the word `supplier`.
#[must_use]
pub fn weights(
    series: &[Series],
    spec: &BaselineSpec,
    supplier: &str,
    attribution: &[AttributionRow],
    links: &[Link],
    as_of: Instant,
) -> (Option<Weights>, Vec<Finding>) {
    let mut findings = Vec::new();
    let months = || months_between(spec.performance.start(), spec.performance.end());
    let mut weights = Weights::new();
    let mut without: Vec<String> = Vec::new();
    match spec.causation {
        Causation::Any => return (None, findings),
        Causation::Linked => {
            for s in series {
                let own: Vec<&Link> = links
                    .iter()
                    .filter(|l| l.contract_id == s.key.contract_id)
                    .filter(|l| l.service_id.is_empty() || l.service_id == s.key.service_id)
                    .collect();
                match own.iter().map(|l| l.from).min() {
                    Some(from) => {
                        for month in months().filter(|m| *m >= from) {
                            weights.insert((s.key.clone(), month), 1.0);
                        }
                    }
                    None => without.push(s.key.to_string()),
                }
            }
        }
        Causation::Agreed => {
            let agreed: Vec<&AttributionRow> = attribution
                .iter()
                .filter(|r| r.agreed_at.is_none_or(|at| at <= as_of))
                .collect();
            let mut over = Vec::new();
            for s in series {
                let parties = most_specific(&agreed, &s.key);
                let all = parties
                    .values()
                    .try_fold(Decimal::ZERO, |sum, w| sum.checked_add(*w));
                if !all.is_ok_and(|all| all <= Decimal::ONE) {
                    over.push(s.key.to_string());
                    continue;
                }
                let own = ["supplier", supplier]
                    .iter()
                    .find_map(|name| parties.get(*name));
                match own {
                    Some(weight) => {
                        for month in months() {
                            weights.insert((s.key.clone(), month), weight.to_f64_lossy());
                        }
                    }
                    None => without.push(s.key.to_string()),
                }
            }
            if let Some(first) = over.first() {
                let contract = series.first().map_or("", |s| s.key.contract_id.as_str());
                findings.push(
                    Finding::new(
                        Stage::Baseline,
                        Severity::Disqualifying,
                        "attribution_over_one",
                        "the weights of a stream's parties add up to more than 1: nothing is \
                         credited on it until they agree",
                    )
                    .with_contract(contract)
                    .with_count(over.len() as u64)
                    .with_evidence(format!("for example {first}")),
                );
            }
        }
    }
    if !without.is_empty() {
        let contract = series.first().map_or("", |s| s.key.contract_id.as_str());
        let why = match spec.causation {
            Causation::Linked => "no initiative in effect and no fixed problem on the service",
            _ => "no agreed attribution to the supplier",
        };
        findings.push(
            Finding::new(
                Stage::Baseline,
                Severity::Note,
                "reduction_not_credited",
                format!("avoided incidents of these streams are credited to nobody: {why}"),
            )
            .with_contract(contract)
            .with_count(without.len() as u64)
            .with_evidence(without.into_iter().take(6).collect::<Vec<_>>().join(", ")),
        );
    }
    (Some(weights), findings)
}

/// The weights per party of the rows that name a stream most closely: service and priority, then
/// service, then priority, then the contract.
fn most_specific<'a>(rows: &[&'a AttributionRow], key: &SeriesKey) -> BTreeMap<&'a str, Decimal> {
    let fits = |r: &&&AttributionRow| {
        r.contract_id == key.contract_id
            && (r.service_id.is_empty() || r.service_id == key.service_id)
            && (r.priority.is_empty() || r.priority == key.priority)
    };
    let closeness = |r: &AttributionRow| (!r.service_id.is_empty(), !r.priority.is_empty());
    let Some(closest) = rows.iter().filter(fits).map(|r| closeness(r)).max() else {
        return BTreeMap::new();
    };
    let mut parties = BTreeMap::new();
    for row in rows.iter().filter(fits).filter(|r| closeness(r) == closest) {
        let sum = parties.entry(row.party.as_str()).or_insert(Decimal::ZERO);
        *sum = sum.checked_add(row.weight).unwrap_or(*sum);
    }
    parties
}
