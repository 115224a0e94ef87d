//! Which cells are fitted alone and which together: a *stream* is what one model is fitted to.
//! Cells with few incidents share a stream, because a season cannot be learned from a handful.
//! Not responsible for fitting.

use super::checks;
use super::series::{SeriesKey, Timeline, cell_finding};
use super::spec::BaselineSpec;
use crate::finding::{Finding, Severity};

/// A cell of a stream and its part of it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Index of the cell among all cells.
    pub(crate) cell: usize,
    /// Part of the stream's expected number, per timeline month; over members it sums to 1.
    pub(crate) share: Vec<f64>,
    /// Sampling variance of the share.
    pub(crate) share_variance: f64,
}

/// One model's worth of data.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// Name for findings: the cell's key, or the pool's with `*` for what is pooled.
    pub(crate) key: SeriesKey,
    /// The cells in it, ascending.
    pub(crate) members: Vec<Member>,
    /// Summed counts and exposure.
    pub(crate) line: Timeline,
    /// Baseline incidents are fewer than the terms want for a season or trend.
    pub(crate) thin: bool,
}

/// Incidents in the usable months of the baseline.
pub(crate) fn baseline_total(line: &Timeline) -> f64 {
    line.usable_in(line.baseline.clone())
        .iter()
        .map(|&t| line.counts[t])
        .sum()
}

/// Divides the cells of one contract (`cells`, ascending indices) into streams.
///
/// Cells under the pooling minimum are pooled by priority; pools still under it are pooled
/// together. A cell too short for the model stays alone, so that its refusal is its own.
pub(crate) fn divide(
    cells: &[usize],
    keys: &[&SeriesKey],
    lines: &[Timeline],
    spec: &BaselineSpec,
) -> (Vec<Stream>, Vec<Finding>) {
    let minimum = spec.pooling_minimum as f64;
    let mut alone = Vec::new();
    let mut by_priority: Vec<(String, Vec<usize>)> = Vec::new();
    for &cell in cells {
        let poolable = baseline_total(&lines[cell]) < minimum
            && checks::length(keys[cell], &lines[cell], spec).is_none();
        if !poolable {
            alone.push(vec![cell]);
            continue;
        }
        let priority = &keys[cell].priority;
        match by_priority.iter_mut().find(|(p, _)| p == priority) {
            Some((_, pool)) => pool.push(cell),
            None => by_priority.push((priority.clone(), vec![cell])),
        }
    }
    let total = |pool: &[usize]| -> f64 { pool.iter().map(|&c| baseline_total(&lines[c])).sum() };
    let mut rest = Vec::new();
    for (_, pool) in by_priority {
        if total(&pool) >= minimum {
            alone.push(pool);
        } else {
            rest.extend(pool);
        }
    }
    rest.sort_unstable();
    if !rest.is_empty() {
        alone.push(rest);
    }
    alone.sort_unstable();
    let mut findings = Vec::new();
    let streams = alone
        .into_iter()
        .map(|pool| {
            let stream = join(&pool, keys, lines, minimum);
            if pool.len() > 1 {
                let names: Vec<String> = pool.iter().map(|&c| keys[c].to_string()).collect();
                findings.push(
                    cell_finding(
                        &stream.key,
                        Severity::Note,
                        "cells_pooled",
                        format!(
                            "cells with fewer than {minimum} incidents in the baseline are modelled \
                             together"
                        ),
                    )
                    .with_count(pool.len() as u64)
                    .with_evidence(names.join(", ")),
                );
            }
            stream
        })
        .collect();
    (streams, findings)
}

fn join(pool: &[usize], keys: &[&SeriesKey], lines: &[Timeline], minimum: f64) -> Stream {
    let first = pool[0];
    if pool.len() == 1 {
        return Stream {
            key: keys[first].clone(),
            members: vec![Member {
                cell: first,
                share: vec![1.0; lines[first].counts.len()],
                share_variance: 0.0,
            }],
            thin: baseline_total(&lines[first]) < minimum,
            line: lines[first].clone(),
        };
    }
    let mut key = keys[first].clone();
    if pool.iter().any(|&c| keys[c].service_id != key.service_id) {
        "*".clone_into(&mut key.service_id);
    }
    if pool.iter().any(|&c| keys[c].priority != key.priority) {
        "*".clone_into(&mut key.priority);
    }
    let mut line = lines[first].clone();
    let length = line.counts.len();
    let pooled_total: f64 = pool.iter().map(|&c| baseline_total(&lines[c])).sum();
    // Exposures may have different units, so each is taken relative to its own baseline mean and
    // weighted with the cell's part of the incidents (Perks' prior: one incident in all, spread
    // evenly, so that a cell that had none is not expected to have none for ever).
    let weights: Vec<f64> = pool
        .iter()
        .map(|&c| (baseline_total(&lines[c]) + 1.0 / pool.len() as f64) / (pooled_total + 1.0))
        .collect();
    let mut relative = vec![vec![0.0; length]; pool.len()];
    for (row, &c) in relative.iter_mut().zip(pool) {
        let usable = lines[c].usable_in(lines[c].baseline.clone());
        let mean =
            usable.iter().map(|&t| lines[c].exposure[t]).sum::<f64>() / usable.len().max(1) as f64;
        for (t, value) in row.iter_mut().enumerate() {
            *value = if mean > 0.0 {
                lines[c].exposure[t] / mean
            } else {
                1.0
            };
        }
    }
    let mut shares = vec![vec![0.0; length]; pool.len()];
    for t in 0..length {
        line.counts[t] = pool.iter().map(|&c| lines[c].counts[t]).sum();
        line.usable[t] = pool.iter().all(|&c| lines[c].usable[t]);
        line.exposed[t] = pool.iter().all(|&c| lines[c].exposed[t]);
        let index: f64 = weights.iter().zip(&relative).map(|(w, r)| w * r[t]).sum();
        line.exposure[t] = if index > 0.0 { index } else { 1.0 };
        for ((share, w), r) in shares.iter_mut().zip(&weights).zip(&relative) {
            share[t] = if index > 0.0 { w * r[t] / index } else { *w };
        }
    }
    let members = pool
        .iter()
        .zip(shares)
        .zip(&weights)
        .map(|((&cell, share), &w)| Member {
            cell,
            share,
            share_variance: w * (1.0 - w) / (pooled_total + 1.0),
        })
        .collect();
    Stream {
        key,
        members,
        thin: pooled_total < minimum,
        line,
    }
}
