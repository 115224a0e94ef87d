//! The way through the stage: series in, rows and findings out. Serial inside one stream,
//! parallel over streams with indexed collection, so the result has the same bits for any number
//! of threads. Not responsible for any formula.

use super::checks;
use super::circumstances::{Circumstances, Laid};
use super::freeze;
use super::peers;
use super::predict::{self, Common, Draft, Mode};
use super::result::{BaselineResult, ContractHash, JointRow, MonthRow, Status};
use super::scopes::{self, Asked, Figures, Fitted, Part};
use super::series::{Series, SeriesKey, Timeline, cell_finding, lay};
use super::spec::{BaselineSpec, Errors, Fallback, Shrinkage};
use super::streams::{Stream, divide};
use crate::finding::{Finding, Severity};
use rayon::prelude::*;

/// Expected and avoided incidents of every series, with joint results per contract.
///
/// `series` may come in any order and from any number of contracts; all are measured by the one
/// `spec`. Rows come back sorted. Numbers are rounded to `spec.decimals`; none is ever NaN or
/// infinite: what cannot be measured is `None` with a reason and a finding.
#[must_use]
pub fn estimate(series: &[Series], spec: &BaselineSpec) -> BaselineResult {
    estimate_in(series, spec, &Circumstances::default())
}

/// As [`estimate`], with what was agreed or is known beyond the counts.
#[must_use]
pub fn estimate_in(
    series: &[Series],
    spec: &BaselineSpec,
    circumstances: &Circumstances,
) -> BaselineResult {
    whole(series, spec, circumstances, None)
}

/// Of [`estimate_in`] the joint results that are asked for, and none by month.
#[must_use]
pub fn estimate_joint(
    series: &[Series],
    spec: &BaselineSpec,
    circumstances: &Circumstances,
    asked: Asked<'_>,
) -> Vec<JointRow> {
    whole(series, spec, circumstances, Some(asked)).joint
}

fn whole(
    series: &[Series],
    spec: &BaselineSpec,
    circumstances: &Circumstances,
    asked: Option<Asked<'_>>,
) -> BaselineResult {
    let mut order: Vec<usize> = (0..series.len()).collect();
    order.sort_by(|&a, &b| series[a].key.cmp(&series[b].key));
    let mut findings = checks::terms(spec);
    if !findings.is_empty() {
        return BaselineResult {
            months: Vec::new(),
            joint: Vec::new(),
            hashes: Vec::new(),
            findings,
        };
    }
    let mut cells: Vec<&Series> = Vec::with_capacity(series.len());
    for at in order {
        match cells.last() {
            Some(last) if last.key == series[at].key => findings.push(cell_finding(
                &series[at].key,
                Severity::Disqualifying,
                "series_duplicated",
                "two series have the same contract, service and priority; the first in the \
                     input is used, merge them before",
            )),
            _ => cells.push(&series[at]),
        }
    }
    let keys: Vec<&SeriesKey> = cells.iter().map(|s| &s.key).collect();
    let prepared: Vec<(Timeline, Vec<Finding>, String)> = cells
        .par_iter()
        .map(|s| {
            let (line, findings) = lay(s, spec);
            (line, findings, freeze::cell_hash(s, spec))
        })
        .collect();
    let mut lines = Vec::with_capacity(prepared.len());
    let mut hashes = Vec::with_capacity(prepared.len());
    for (line, of_cell, hash) in prepared {
        lines.push(line);
        hashes.push(hash);
        findings.extend(of_cell);
    }
    let laid = Laid::new(circumstances, &keys, &lines);
    let contracts = by_contract(&keys);
    let changed = contract_hashes(&contracts, &keys, &hashes, spec, &mut findings);

    let mut streams: Vec<Stream> = Vec::new();
    let mut stream_ranges = Vec::with_capacity(contracts.len());
    for range in &contracts {
        let own: Vec<usize> = range.clone().collect();
        let (of_contract, notes) = divide(&own, &keys, &lines, spec);
        stream_ranges.push(streams.len()..streams.len() + of_contract.len());
        streams.extend(of_contract);
        findings.extend(notes);
    }
    let mut refused = vec![false; streams.len()];
    for (range, changed) in stream_ranges.iter().zip(&changed.refused) {
        refused[range.clone()].fill(*changed);
    }
    let drafted: Vec<Drafted> = streams
        .into_par_iter()
        .zip(refused)
        .map(|(stream, refused)| draft_stream(stream, refused, spec))
        .collect();
    let common: Vec<Common> = stream_ranges
        .par_iter()
        .flat_map_iter(|range| {
            let of_contract = &drafted[range.clone()];
            let drafts = of_contract.iter().filter_map(|d| d.draft.as_ref().ok());
            std::iter::repeat_n(Common::of(drafts, spec), of_contract.len())
        })
        .collect();
    let fitted: Vec<(Fitted, Vec<Finding>)> = drafted
        .into_par_iter()
        .zip(common)
        .map(|(drafted, common)| fit_stream(drafted, common, spec))
        .collect();
    let mut units = Vec::with_capacity(fitted.len());
    for (unit, of_stream) in fitted {
        units.push(unit);
        findings.extend(of_stream);
    }
    if spec.shrinkage == Shrinkage::Peers {
        findings.extend(peers::shrink(&mut units, &circumstances.peers));
    }
    let per_contract: Vec<(Vec<MonthRow>, Vec<JointRow>)> = contracts
        .par_iter()
        .zip(stream_ranges)
        .map(|(range, stream_range)| {
            let own: Vec<usize> = range.clone().collect();
            let units = &units[stream_range];
            let months = match asked {
                None => month_rows(units, &own, &keys, &lines, &laid, &hashes, spec),
                Some(_) => Vec::new(),
            };
            let joint = scopes::rows(units, &own, &keys, &lines, &laid, (spec, asked));
            (months, joint)
        })
        .collect();
    let mut result = BaselineResult {
        months: Vec::with_capacity(per_contract.iter().map(|(m, _)| m.len()).sum()),
        joint: Vec::with_capacity(per_contract.iter().map(|(_, j)| j.len()).sum()),
        hashes: changed.hashes,
        findings,
    };
    for (months, joint) in per_contract {
        result.months.extend(months);
        result.joint.extend(joint);
    }
    result
}

/// Index ranges of equal contracts in sorted keys.
fn by_contract(keys: &[&SeriesKey]) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    for at in 0..keys.len() {
        match ranges.last_mut() {
            Some(last) if keys[last.start].contract_id == keys[at].contract_id => last.end = at + 1,
            _ => ranges.push(at..at + 1),
        }
    }
    ranges
}

struct Hashes {
    hashes: Vec<ContractHash>,
    /// Per contract: whether its baseline is not the one that was frozen.
    refused: Vec<bool>,
}

fn contract_hashes(
    contracts: &[std::ops::Range<usize>],
    keys: &[&SeriesKey],
    cell_hashes: &[String],
    spec: &BaselineSpec,
    findings: &mut Vec<Finding>,
) -> Hashes {
    let mut hashes = Vec::with_capacity(contracts.len());
    let mut refused = Vec::with_capacity(contracts.len());
    for range in contracts {
        let key = keys[range.start];
        let hash = freeze::contract_hash(cell_hashes[range.clone()].iter().map(String::as_str));
        let differs = spec
            .frozen_hash
            .as_ref()
            .is_some_and(|frozen| *frozen != hash);
        if differs {
            let mut finding = cell_finding(
                key,
                Severity::Disqualifying,
                "baseline_changed",
                "the baseline is not the one that was frozen: a count, an exposure or a modelling \
                 term has changed since; restore it or agree on the new one",
            );
            finding.evidence = format!(
                "frozen {}, now {hash}",
                spec.frozen_hash.as_deref().unwrap_or_default()
            );
            findings.push(finding);
        }
        if spec.frozen_hash.is_none() {
            let mut finding = cell_finding(
                key,
                Severity::Note,
                "baseline_not_frozen",
                "the terms name no frozen baseline: write its hash as frozen_hash in [baseline], \
                 so that a later change of counts, exposure or model shows",
            );
            finding.evidence = format!("frozen_hash = \"{hash}\"");
            findings.push(finding);
        }
        refused.push(differs);
        hashes.push(ContractHash {
            contract_id: key.contract_id.clone(),
            baseline_hash: hash,
        });
    }
    Hashes { hashes, refused }
}

/// A stream on its way: checked and, where nothing refuses it, its model fitted.
struct Drafted {
    stream: Stream,
    draft: Result<Draft, String>,
    overridden: Vec<String>,
    mode: Mode,
    findings: Vec<Finding>,
}

/// Checks, fits and, where the terms say so, falls back or overrides.
fn draft_stream(stream: Stream, hash_refused: bool, spec: &BaselineSpec) -> Drafted {
    let mut findings = Vec::new();
    let mut overridden = Vec::new();
    let key = stream.key.clone();
    let mut refusals = Vec::new();
    if hash_refused {
        // The finding itself is the contract's and already reported.
        refusals.push(("baseline_changed".to_owned(), None));
    }
    if let Some(finding) = checks::length(&key, &stream.line, spec) {
        refusals.push((finding.code.clone(), Some(finding)));
    }
    let mut refused: Option<String> = None;
    for (code, finding) in refusals {
        findings.extend(finding);
        if let Some(used) = checks::overriding(spec, &code, &key.service_id) {
            findings.push(checks::override_used(&key, used));
            overridden.push(code);
        } else {
            refused.get_or_insert(code);
        }
    }
    let mut mode = Mode::Terms;
    let mut draft = match refused {
        Some(code) => Err(code),
        None => draft_in(&stream, mode, spec, &mut findings),
    };
    if let Err(code) = &draft
        && falls_back(code, &stream, spec)
    {
        mode = Mode::Fallback;
        draft = draft_in(&stream, mode, spec, &mut findings);
    }
    Drafted {
        stream,
        draft,
        overridden,
        mode,
        findings,
    }
}

/// Fits the model of a mode; a refusal is among the findings, its code in the error.
fn draft_in(
    stream: &Stream,
    mode: Mode,
    spec: &BaselineSpec,
    findings: &mut Vec<Finding>,
) -> Result<Draft, String> {
    predict::draft(&stream.key, &stream.line, stream.thin, spec, mode, findings)
        .map_err(|finding| refused_by(*finding, findings))
}

fn refused_by(finding: Finding, findings: &mut Vec<Finding>) -> String {
    let code = finding.code.clone();
    findings.push(finding);
    code
}

/// Predicts from a draft with what its contract's streams have in common; falls back where the
/// terms say so and the prediction is refused.
fn fit_stream(drafted: Drafted, common: Common, spec: &BaselineSpec) -> (Fitted, Vec<Finding>) {
    let Drafted {
        stream,
        draft,
        overridden,
        mut mode,
        mut findings,
    } = drafted;
    let key = stream.key.clone();
    let predict = |draft: Result<Draft, String>, findings: &mut Vec<Finding>| {
        let draft = draft?;
        predict::forecast(&key, &stream.line, &draft, common, spec, findings)
            .map_err(|finding| refused_by(*finding, findings))
    };
    let drafted_well = draft.is_ok();
    let mut forecast = predict(draft, &mut findings);
    if let Err(code) = &forecast
        && drafted_well
        && mode == Mode::Terms
        && falls_back(code, &stream, spec)
    {
        mode = Mode::Fallback;
        let draft = draft_in(&stream, mode, spec, &mut findings);
        forecast = predict(draft, &mut findings);
    }
    if mode == Mode::Fallback && forecast.is_ok() {
        findings.push(cell_finding(
            &key,
            Severity::Warning,
            "fallback_used",
            "the model of the terms was refused; the plain rate of the baseline is used instead",
        ));
    }
    let errors = match spec.errors {
        Errors::Serial => "serial",
        Errors::NeweyWest => "newey_west",
        Errors::Model => "model",
    };
    let pooled = if stream.members.len() > 1 {
        " pooled"
    } else {
        ""
    };
    let fallback = if mode == Mode::Fallback {
        " fallback"
    } else {
        ""
    };
    (
        Fitted {
            stream,
            forecast,
            overridden,
            method: format!("{errors}{pooled}{fallback}"),
        },
        findings,
    )
}

/// Whether the terms replace a refused model by the plain rate, and the data allow it. Not where an
/// agreed change applies: the plain rate would count it as the supplier's doing.
fn falls_back(code: &str, stream: &Stream, spec: &BaselineSpec) -> bool {
    let service = stream.key.service_id.as_str();
    let changed = spec.known_changes.iter().any(|c| {
        let of = c.service.as_deref();
        of.is_none_or(|s| s == service || service == "*")
    });
    spec.fallback == Fallback::MeanRate
        && !changed
        && code != "baseline_changed"
        && code != "baseline_all_zero"
        && stream.line.usable_in(stream.line.baseline.clone()).len()
            >= checks::MIN_MONTHS_RATE as usize
}

/// The rows of the `baseline` table for one contract.
fn month_rows(
    units: &[Fitted],
    cells: &[usize],
    keys: &[&SeriesKey],
    lines: &[Timeline],
    laid: &Laid,
    hashes: &[String],
    spec: &BaselineSpec,
) -> Vec<MonthRow> {
    let months = lines.first().map_or(0, |l| l.performance.len());
    let mut rows = Vec::with_capacity(cells.len() * months);
    for &cell in cells {
        let Some(unit) = units
            .iter()
            .find(|u| u.stream.members.iter().any(|m| m.cell == cell))
        else {
            continue;
        };
        let line = &lines[cell];
        for t in line.performance.clone() {
            let counted = line.usable[t].then(|| line.counts[t] as u64);
            let mut row = MonthRow {
                key: keys[cell].clone(),
                month: line.month(t),
                model: "none".to_owned(),
                actual: counted,
                expected: None,
                avoided: None,
                ci_low: None,
                ci_high: None,
                exposure: line.exposed[t].then(|| line.exposure[t]),
                dispersion: None,
                theta: None,
                method: unit.method.clone(),
                baseline_hash: hashes[cell].clone(),
                frozen_at: spec.frozen_at.clone(),
                rule: String::new(),
                status: Status::NotMeasurable,
                reason: String::new(),
            };
            match &unit.forecast {
                Err(code) => row.reason.clone_from(code),
                Ok(forecast) => {
                    row.model.clone_from(&forecast.label);
                    row.rule.clone_from(&forecast.rule);
                    row.dispersion =
                        super::special::round_to(forecast.dispersion.pearson, spec.decimals);
                    row.theta = forecast
                        .theta
                        .and_then(|t| super::special::round_to(t, spec.decimals));
                    let sums = scopes::sum(
                        std::slice::from_ref(unit),
                        lines,
                        laid,
                        Part::Measured,
                        (&|c| c == cell, t..t + 1),
                        // Of one stream: there is nothing common.
                        &|| 0.0,
                    );
                    if sums.cell_months == 0 {
                        "months_missing".clone_into(&mut row.reason);
                    } else {
                        let Figures {
                            expected,
                            avoided,
                            low,
                            high,
                            ..
                        } = scopes::figures(&sums, spec);
                        row.expected = expected;
                        row.avoided = avoided;
                        row.ci_low = low;
                        row.ci_high = high;
                        (row.status, row.reason) = if unit.overridden.is_empty() {
                            (Status::Ok, String::new())
                        } else {
                            (Status::Overridden, unit.overridden.join(", "))
                        };
                    }
                }
            }
            rows.push(row);
        }
    }
    rows
}
