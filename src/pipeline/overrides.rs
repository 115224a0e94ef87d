//! Decisions against a rule: which there are, what rests on them, and the settlement lines that
//! say so. Has no arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::baseline::{BaselineResult, BaselineSpec, Status};
use crate::finding::{Finding, Severity, Stage};
use crate::score::KpiValue;
use crate::settle::{AmountKind, PeriodKey, SettlementLine, Span};
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

impl OverrideRow {
    /// Its name: the code, with the service where it is limited to one.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.service_id {
            None => self.code.clone(),
            Some(service) => format!("{}:{service}", self.code),
        }
    }
}

/// The overrides of a contract's terms, with how much rests on each. Of several for one code and
/// stream the first is the one that is used.
pub(super) fn rows(
    contract_id: &str,
    spec: &BaselineSpec,
    baseline: &BaselineResult,
) -> Vec<OverrideRow> {
    let mut streams: Vec<BTreeSet<(&str, &str)>> = vec![BTreeSet::new(); spec.overrides.len()];
    for row in &baseline.months {
        if row.status != Status::Overridden {
            continue;
        }
        for code in row.reason.split(", ") {
            let used = spec.overrides.iter().position(|o| {
                o.code == code && o.service.as_ref().is_none_or(|s| *s == row.key.service_id)
            });
            if let Some(streams) = used.and_then(|at| streams.get_mut(at)) {
                streams.insert((row.key.service_id.as_str(), row.key.priority.as_str()));
            }
        }
    }
    spec.overrides
        .iter()
        .zip(streams)
        .map(|(o, streams)| OverrideRow {
            contract_id: contract_id.to_owned(),
            code: o.code.clone(),
            service_id: o.service.clone(),
            reason: o.reason.clone(),
            agreed_by: o.agreed_by.clone(),
            streams: streams.len() as u64,
        })
        .collect()
}

/// How the note of a KPI value begins that rests on an override.
const NOTE: &str = "overridden: ";

/// Which measures of a contract rest on overrides: by name, the periods with their overrides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rests {
    contract_id: String,
    measures: BTreeMap<String, Vec<(Span, BTreeSet<String>)>>,
}

impl Rests {
    /// Those of the values of a contract; `overrides` are those of the contract.
    pub(super) fn of(kpis: &[KpiValue], overrides: &[OverrideRow]) -> Rests {
        let mut rests = Rests::default();
        for value in kpis {
            let Some(codes) = value.reason.strip_prefix(NOTE) else {
                continue;
            };
            let codes: Vec<&str> = codes
                .split(';')
                .next()
                .unwrap_or(codes)
                .split(", ")
                .collect();
            let ids = overrides
                .iter()
                .filter(|o| o.streams > 0 && codes.contains(&o.code.as_str()))
                .map(OverrideRow::id);
            let period = Span {
                from: value.period.start(),
                to: value.period.end(),
            };
            value.contract_id.clone_into(&mut rests.contract_id);
            let periods = rests.measures.entry(value.kpi.to_string()).or_default();
            periods.push((period, ids.collect()));
        }
        rests
    }
}

/// Marks the rows of clauses that use a measure resting on an override, and the totals of the
/// statements that they are in, and says that there are any.
///
/// A clause uses a measure when its fields name it, directly, through [define] or through a
/// clause that it names; one that limits all clauses together uses what they use.
pub(super) fn mark(lines: &mut [SettlementLine], terms: &Terms, rests: &Rests) -> Option<Finding> {
    let contract = &rests.contract_id;
    let rests = &rests.measures;
    if rests.is_empty() {
        return None;
    }
    let used = used_names(terms);
    let mut marked: BTreeSet<(String, String)> = BTreeSet::new();
    // What the clauses since the last total of a supplier and currency rest on.
    let mut open: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for line in lines {
        let statement = (line.supplier_id.clone(), line.currency.to_string());
        // A clause over a year rests on what its months rest on.
        let span = match line.period.parse::<PeriodKey>() {
            Ok(PeriodKey::Span(span)) => Some(span),
            _ => None,
        };
        let ids: BTreeSet<String> = if line.amount_kind == AmountKind::Total {
            open.remove(&statement).unwrap_or_default()
        } else {
            let names = used.get(&line.clause_id);
            names
                .into_iter()
                .flatten()
                .filter_map(|name| {
                    rests
                        .get(name.as_str())
                        .or_else(|| rests.get(name.strip_suffix("_lower")?))
                })
                .flatten()
                .filter(|(period, _)| span.is_some_and(|span| span.covers(*period)))
                .flat_map(|(_, ids)| ids.iter().cloned())
                .collect()
        };
        if ids.is_empty() {
            continue;
        }
        if line.amount_kind != AmountKind::Total {
            open.entry(statement)
                .or_default()
                .extend(ids.iter().cloned());
            marked.insert((line.period.clone(), line.clause_id.clone()));
        }
        line.overridden = ids.into_iter().collect();
        line.explanation.push_str(&format!(
            "; overridden: rests on a decision against {}",
            line.overridden.join(", ")
        ));
    }
    (!marked.is_empty()).then(|| {
        Finding::new(
            Stage::Settle,
            Severity::Warning,
            "settlement_overridden",
            "amounts rest on a decision against a rule; the column overridden of the settlement \
             names it, the table overrides says whose it is",
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
    let clauses: Vec<&ClauseSource> = source
        .clause
        .iter()
        .chain(amended.flat_map(|a| &a.clause))
        .map(|c| &c.value)
        .collect();
    for clause in &clauses {
        let names = behind.entry(clause.id.value.clone()).or_default();
        names.extend(words(clause));
        names.extend(own_measures(clause));
    }
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
