//! Decisions against a rule: which there are, what rests on them, and the settlement lines that
//! say so. Has no arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::{BaselineResult, BaselineSpec, Status};
use crate::finding::{Finding, Severity, Stage};
use crate::score::KpiValue;
use crate::settle::{SettlementLine, Span};
use crate::terms::{ClauseSource, Kind, Terms};

/// A recorded decision to use a result although a rule disqualifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRow {
    /// The contract.
    pub contract_id: String,
    /// The finding that is overridden.
    pub code: String,
    /// The service it is limited to.
    pub service_id: Option<String>,
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub agreed_by: String,
    /// Streams of service and priority whose numbers rest on it.
    pub streams: u64,
}

/// The overrides of a contract's terms, with how much rests on each.
pub(super) fn rows(
    contract_id: &str,
    spec: &BaselineSpec,
    baseline: &BaselineResult,
) -> Vec<OverrideRow> {
    spec.overrides
        .iter()
        .map(|o| {
            let streams: BTreeSet<(&str, &str)> = baseline
                .months
                .iter()
                .filter(|r| r.status == Status::Overridden && r.reason == o.code)
                .filter(|r| o.service.as_ref().is_none_or(|s| *s == r.key.service_id))
                .map(|r| (r.key.service_id.as_str(), r.key.priority.as_str()))
                .collect();
            OverrideRow {
                contract_id: contract_id.to_owned(),
                code: o.code.clone(),
                service_id: o.service.clone(),
                reason: o.reason.clone(),
                agreed_by: o.agreed_by.clone(),
                streams: streams.len() as u64,
            }
        })
        .collect()
}

/// How the note of a KPI value begins that rests on an override.
const NOTE: &str = "overridden: ";

/// Marks the lines of clauses that use a measure resting on an override, and says that there are
/// any. A clause uses a measure when its fields name it, directly or through [define].
pub(super) fn mark(
    lines: &mut [SettlementLine],
    terms: &Terms,
    kpis: &[KpiValue],
) -> Option<Finding> {
    let mut rests: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut codes: BTreeSet<&str> = BTreeSet::new();
    for value in kpis {
        let Some(code) = value.reason.strip_prefix(NOTE) else {
            continue;
        };
        codes.insert(code.split(';').next().unwrap_or(code));
        let period = Span {
            from: value.period.start(),
            to: value.period.end(),
        };
        rests
            .entry(period.to_string())
            .or_default()
            .insert(value.kpi.as_ref());
    }
    if rests.is_empty() {
        return None;
    }
    let used = used_names(terms);
    let codes: Vec<&str> = codes.into_iter().collect();
    let mut marked: BTreeSet<(String, String)> = BTreeSet::new();
    for line in lines {
        let (Some(kpis), Some(names)) = (rests.get(&line.period), used.get(&line.clause_id)) else {
            continue;
        };
        let uses = |kpi: &str| {
            names
                .iter()
                .any(|n| n == kpi || n.strip_suffix("_lower") == Some(kpi))
        };
        if kpis.iter().any(|kpi| uses(kpi)) {
            line.explanation.push_str(&format!(
                "; overridden: rests on a decision against {}",
                codes.join(", ")
            ));
            marked.insert((line.period.clone(), line.clause_id.clone()));
        }
    }
    let contract = kpis.first().map_or("", |k| k.contract_id.as_str());
    (!marked.is_empty()).then(|| {
        Finding::new(
            Stage::Settle,
            Severity::Warning,
            "settlement_overridden",
            "amounts rest on a decision against a rule; the table overrides says whose",
        )
        .with_contract(contract)
        .with_count(marked.len() as u64)
        .with_evidence(
            marked
                .into_iter()
                .take(6)
                .map(|(period, clause)| format!("{period} {clause}"))
                .collect::<Vec<_>>()
                .join(", "),
        )
    })
}

/// The names that each clause uses, with what [define] puts behind them.
fn used_names(terms: &Terms) -> BTreeMap<String, BTreeSet<String>> {
    let source = &terms.settle.source;
    let mut behind: BTreeMap<String, BTreeSet<String>> = source
        .define
        .iter()
        .map(|(name, value)| (name.clone(), words(&value.value)))
        .collect();
    let amended = source.amendment.iter().map(|a| &a.value);
    for amendment in amended.clone() {
        for (name, value) in &amendment.define {
            behind
                .entry(name.clone())
                .or_default()
                .extend(words(&value.value));
        }
    }
    let clauses = source
        .clause
        .iter()
        .chain(amended.flat_map(|a| &a.clause))
        .map(|c| &c.value);
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for clause in clauses {
        let mut names = words(clause);
        names.extend(own_measures(clause));
        let mut open: Vec<String> = names.iter().cloned().collect();
        while let Some(name) = open.pop() {
            for inner in behind.get(&name).into_iter().flatten() {
                if names.insert(inner.clone()) {
                    open.push(inner.clone());
                }
            }
        }
        used.entry(clause.id.value.clone())
            .or_default()
            .extend(names);
    }
    used
}

/// Measures that a kind reads without naming them.
fn own_measures(clause: &ClauseSource) -> Vec<String> {
    if clause.kind.value == Kind::IncidentReduction && clause.quantity.is_none() {
        vec!["incidents_avoided".to_owned(), "impact_avoided".to_owned()]
    } else {
        Vec::new()
    }
}

/// Every word of a value, as written.
fn words(value: &impl serde::Serialize) -> BTreeSet<String> {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}
