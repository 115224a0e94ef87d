//! The stage's input: one monthly count series with its exposure. Checks what can be checked
//! without a model. Not responsible for reading cells nor for any estimate.

use super::spec::BaselineSpec;
use crate::finding::{Finding, Severity, Stage};
use crate::time::Month;
use serde::{Deserialize, Serialize};

/// Which stream of incidents a series counts. The order of keys is the order of the output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when the export has none.
    pub service_id: String,
    /// The priority, for example `P2`; empty when the export has none.
    pub priority: String,
}

impl SeriesKey {
    /// From its three parts.
    #[must_use]
    pub fn new(contract_id: &str, service_id: &str, priority: &str) -> Self {
        SeriesKey {
            contract_id: contract_id.to_owned(),
            service_id: service_id.to_owned(),
            priority: priority.to_owned(),
        }
    }
}

impl std::fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/{}/{}",
            self.contract_id, self.service_id, self.priority
        )
    }
}

/// Monthly counts of one stream with what they are divided by.
///
/// `counts` and `exposure` run over consecutive months from `first_month` and have the same
/// length. A month of which nothing is known is `None`, which is not the same as zero incidents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The stream.
    pub key: SeriesKey,
    /// The month of the first value.
    pub first_month: Month,
    /// Incidents opened in each month.
    pub counts: Vec<Option<u64>>,
    /// Exposure of each month in any one unit (users, CIs, transactions); use 1.0 for every
    /// month when there is none. Must be finite and above zero to be used.
    pub exposure: Vec<f64>,
}

impl Series {
    /// A series in which every month is known.
    #[must_use]
    pub fn complete(key: SeriesKey, first_month: Month, counts: &[u64], exposure: &[f64]) -> Self {
        Series {
            key,
            first_month,
            counts: counts.iter().map(|&n| Some(n)).collect(),
            exposure: exposure.to_vec(),
        }
    }

    /// Incidents of a month; `None` outside the series and where nothing is known.
    #[must_use]
    pub fn count_in(&self, month: Month) -> Option<u64> {
        let at = usize::try_from(month.months_since(self.first_month)).ok()?;
        self.counts.get(at).copied().flatten()
    }

    /// Usable exposure of a month: finite and above zero; `None` otherwise.
    #[must_use]
    pub fn exposure_in(&self, month: Month) -> Option<f64> {
        let at = usize::try_from(month.months_since(self.first_month)).ok()?;
        self.exposure
            .get(at)
            .copied()
            .filter(|e| e.is_finite() && *e > 0.0)
    }
}

/// The series over the months of the terms: baseline first, performance after, gaps between the
/// two left in. All vectors have the same length.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    /// First month.
    pub(crate) start: Month,
    /// Counts; meaningful where `usable`.
    pub(crate) counts: Vec<f64>,
    /// Exposure; 1.0 where it is not usable.
    pub(crate) exposure: Vec<f64>,
    /// Whether both count and exposure are known.
    pub(crate) usable: Vec<bool>,
    /// Whether the exposure is known.
    pub(crate) exposed: Vec<bool>,
    /// Index range of the baseline.
    pub(crate) baseline: std::ops::Range<usize>,
    /// Index range of the performance period.
    pub(crate) performance: std::ops::Range<usize>,
}

impl Timeline {
    /// The month at an index.
    pub(crate) fn month(&self, at: usize) -> Month {
        self.start.plus(i32::try_from(at).unwrap_or(i32::MAX))
    }

    /// Usable indices of a range.
    pub(crate) fn usable_in(&self, range: std::ops::Range<usize>) -> Vec<usize> {
        range.filter(|&t| self.usable[t]).collect()
    }
}

/// Lays a series on the months of the terms and says what is wrong with it.
pub(crate) fn lay(series: &Series, spec: &BaselineSpec) -> (Timeline, Vec<Finding>) {
    let start = spec.baseline.start();
    let length = usize::try_from(spec.performance.end().months_since(start)).unwrap_or(0);
    let baseline_len = usize::try_from(spec.baseline.end().months_since(start)).unwrap_or(0);
    let performance_from =
        usize::try_from(spec.performance.start().months_since(start)).unwrap_or(0);
    let mut line = Timeline {
        start,
        counts: vec![0.0; length],
        exposure: vec![1.0; length],
        usable: vec![false; length],
        exposed: vec![false; length],
        baseline: 0..baseline_len.min(length),
        performance: performance_from.min(length)..length,
    };
    for t in 0..length {
        let month = line.month(t);
        if let Some(e) = series.exposure_in(month) {
            line.exposure[t] = e;
            line.exposed[t] = true;
        }
        if let Some(n) = series.count_in(month) {
            line.counts[t] = n as f64;
            line.usable[t] = line.exposed[t];
        }
    }
    let mut findings = Vec::new();
    let inside: Vec<usize> = line
        .baseline
        .clone()
        .chain(line.performance.clone())
        .collect();
    let months_where = |wrong: &dyn Fn(usize) -> bool| -> Vec<String> {
        inside
            .iter()
            .filter(|&&t| wrong(t))
            .map(|&t| line.month(t).to_string())
            .collect()
    };
    let mut report = |code: &str, severity: Severity, months: Vec<String>, what: &str| {
        if !months.is_empty() {
            let samples = months
                .iter()
                .take(6)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            findings.push(
                cell_finding(&series.key, severity, code, what)
                    .with_count(months.len() as u64)
                    .with_evidence(format!("{}: {samples}", series.key)),
            );
        }
    };
    let known = |t: usize| series.count_in(line.month(t)).is_some();
    report(
        "months_missing",
        Severity::Warning,
        months_where(&|t| !known(t)),
        "months without a count are left out of the fit and of the avoided incidents; a month \
         without incidents must be given as zero",
    );
    report(
        "exposure_zero",
        Severity::Warning,
        months_where(&|t| known(t) && !line.exposed[t]),
        "months with a count but without a positive exposure are left out: no rate can be formed",
    );
    report(
        "exposure_jumps",
        Severity::Warning,
        inside
            .windows(2)
            .filter(|w| w[1] == w[0] + 1 && line.exposed[w[0]] && line.exposed[w[1]])
            .filter(|w| {
                let (a, b) = (line.exposure[w[0]], line.exposure[w[1]]);
                (b - a).abs() > spec.exposure_jump * a
            })
            .map(|w| {
                format!(
                    "{} from {} to {}",
                    line.month(w[1]),
                    line.exposure[w[0]],
                    line.exposure[w[1]]
                )
            })
            .collect(),
        "exposure changes more from one month to the next than the terms allow: check for a change \
         of scope or of the way users are counted, and agree a known change",
    );
    if series.counts.len() != series.exposure.len() {
        findings.push(
            cell_finding(
                &series.key,
                Severity::Warning,
                "exposure_length",
                "counts and exposure have different lengths; months without both are left out",
            )
            .with_evidence(format!(
                "{}: {} counts, {} exposures",
                series.key,
                series.counts.len(),
                series.exposure.len()
            )),
        );
    }
    (line, findings)
}

/// A finding of this stage about one cell.
pub(crate) fn cell_finding(
    key: &SeriesKey,
    severity: Severity,
    code: &str,
    detail: impl Into<String>,
) -> Finding {
    Finding::new(Stage::Baseline, severity, code, detail)
        .with_contract(&key.contract_id)
        .with_evidence(key.to_string())
}
