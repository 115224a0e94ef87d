//! Regression to the mean inside the stage: draws each stream's level towards its peers by
//! empirical Bayes. Not responsible for the published before/after comparison (see `bayes`),
//! whose formulas these are.

use super::bayes::population_overdispersion;
use super::scopes::Fitted;
use super::series::{Series, cell_finding, lay};
use super::spec::BaselineSpec;
use crate::finding::{Finding, Severity};

/// Streams that a population needs. Fewer say nothing about how streams differ.
const MIN_PEERS: usize = 5;

/// Replaces every forecast by its empirical-Bayes estimate.
///
/// Peers are the streams of the run with the same priority, because a stream is put into a
/// programme for its own bad years and its peers are not. Over the baseline: O observed, P =
/// exposure × rate of the peers, k their overdispersion, w = 1/(1 + kP); the level becomes
/// wP + (1 − w)O (Highway Safety Manual 9.10). The error has two parts: (1 − w) of the stream's
/// own, and the spread of the peers, w √k P; together they are the manual's variance N(1 − w).
///
/// `others` are streams of other contracts. A pool's exposure is relative to its own members, so
/// pools are neither shrunk nor peers.
pub(crate) fn shrink(units: &mut [Fitted], others: &[PeerLevel]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let measured: Vec<Option<(String, f64, f64)>> = units.iter().map(level).collect();
    for at in 0..units.len() {
        let Some((priority, own, exposure)) = &measured[at] else {
            continue;
        };
        let peers: Vec<(f64, f64)> = measured
            .iter()
            .flatten()
            .filter(|(p, _, _)| p == priority)
            .map(|(_, o, e)| (*o, *e))
            .chain(
                others
                    .iter()
                    .filter(|o| o.priority == *priority)
                    .map(|o| (o.incidents, o.exposure)),
            )
            .collect();
        let key = units[at].stream.key.clone();
        if peers.len() < MIN_PEERS {
            findings.push(
                cell_finding(
                    &key,
                    Severity::Warning,
                    "few_peers",
                    format!(
                        "regression to the mean is not corrected: {MIN_PEERS} streams of the same \
                         priority are needed"
                    ),
                )
                .with_count(peers.len() as u64),
            );
            continue;
        }
        let rate = peers.iter().map(|p| p.0).sum::<f64>() / peers.iter().map(|p| p.1).sum::<f64>();
        let pairs: Vec<(f64, f64)> = peers.iter().map(|(o, e)| (*o, rate * e)).collect();
        let k = population_overdispersion(&pairs);
        let predicted = rate * exposure;
        let weight = 1.0 / (1.0 + k * predicted);
        let shrunken = weight * predicted + (1.0 - weight) * own;
        if let Ok(forecast) = &mut units[at].forecast {
            let factor = shrunken / own;
            let spread = weight * k.sqrt() * predicted / shrunken;
            let from = forecast.performance_from;
            let mut prior = Vec::with_capacity(forecast.weights.len());
            for (row, weights) in forecast.weights.iter_mut().enumerate() {
                let mean = &mut forecast.mean[from + row];
                *mean *= factor;
                prior.push(*mean * spread);
                for w in weights.iter_mut() {
                    *w *= 1.0 - weight;
                }
                for other in &mut forecast.priors {
                    other[row] *= factor;
                }
            }
            forecast.priors.push(prior);
            forecast.label.push_str(" shrunk");
            findings.push(
                cell_finding(
                    &key,
                    Severity::Note,
                    "shrunk_to_peers",
                    "the level of the baseline is drawn towards streams of the same priority",
                )
                .with_count(peers.len() as u64)
                .with_evidence(format!(
                    "{key}: own {own:.0}, peers {predicted:.1}, weight of peers {weight:.4}, used \
                     {shrunken:.1}"
                )),
            );
        }
    }
    findings
}

/// The baseline of one stream of another contract.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerLevel {
    /// Its contract.
    pub contract_id: String,
    /// Its priority.
    pub priority: String,
    /// Incidents in the usable months of its baseline; above zero.
    pub incidents: f64,
    /// Exposure of those months, in the unit of the terms.
    pub exposure: f64,
}

/// The baselines of series as peers of other contracts. Series without an incident or exposure in
/// the baseline are none.
#[must_use]
pub fn levels(series: &[Series], spec: &BaselineSpec) -> Vec<PeerLevel> {
    series
        .iter()
        .filter_map(|s| {
            let (line, _) = lay(s, spec);
            let usable = line.usable_in(line.baseline.clone());
            let incidents: f64 = usable.iter().map(|&t| line.counts[t]).sum();
            let exposure: f64 = usable.iter().map(|&t| line.exposure[t]).sum();
            (incidents > 0.0 && exposure > 0.0).then(|| PeerLevel {
                contract_id: s.key.contract_id.clone(),
                priority: s.key.priority.clone(),
                incidents,
                exposure,
            })
        })
        .collect()
}

/// Priority, incidents and exposure of a stream's baseline, if it has a forecast and one unit.
fn level(unit: &Fitted) -> Option<(String, f64, f64)> {
    unit.forecast.as_ref().ok()?;
    if unit.stream.members.len() > 1 {
        return None;
    }
    let line = &unit.stream.line;
    let usable = line.usable_in(line.baseline.clone());
    let own: f64 = usable.iter().map(|&t| line.counts[t]).sum();
    let exposure: f64 = usable.iter().map(|&t| line.exposure[t]).sum();
    (own > 0.0 && exposure > 0.0).then(|| (unit.stream.key.priority.clone(), own, exposure))
}
