//! Early warning: months of the performance period outside the control limits of the baseline, per
//! service. A reason to look, never an amount. Not responsible for the charts (see `charts`).

use std::collections::BTreeMap;

use super::charts::{LANEY_FROM, watch};
use super::series::Series;
use super::spec::BaselineSpec;
use crate::finding::{Finding, Severity, Stage};
use crate::time::{Month, months_between};

/// Months of baseline that limits need.
const MIN_MONTHS: usize = 12;

/// One finding per contract and direction, with the service and months. `series` are of one
/// contract; months without count or exposure of any priority of a service are left out. From a
/// mean exposure of [`LANEY_FROM`] on the limits are Laney's.
#[must_use]
pub fn early_warnings(series: &[Series], spec: &BaselineSpec) -> Vec<Finding> {
    let mut services: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
    for s in series {
        services.entry(&s.key.service_id).or_default().push(s);
    }
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for (service, streams) in services {
        let known = |month: Month| -> Option<(u64, f64)> {
            let mut count = 0;
            for s in &streams {
                count += s.count_in(month)?;
            }
            Some((count, streams.first()?.exposure_in(month)?))
        };
        let of = |start: Month, end: Month| -> Vec<(Month, (u64, f64))> {
            months_between(start, end)
                .filter_map(|m| Some((m, known(m)?)))
                .collect()
        };
        let baseline = of(spec.baseline.start(), spec.baseline.end());
        let later = of(spec.performance.start(), spec.performance.end());
        if baseline.len() < MIN_MONTHS {
            continue;
        }
        let split = |v: &[(Month, (u64, f64))]| -> (Vec<u64>, Vec<f64>) {
            v.iter().map(|(_, p)| *p).unzip()
        };
        let (counts, exposure) = split(&baseline);
        let mean = exposure.iter().sum::<f64>() / exposure.len() as f64;
        let (later_counts, later_exposure) = split(&later);
        let Ok(chart) = watch(
            (&counts, &exposure),
            (&later_counts, &later_exposure),
            mean >= LANEY_FROM,
        ) else {
            continue;
        };
        for ((month, (count, e)), point) in later.iter().zip(&chart.points) {
            if !point.outside {
                continue;
            }
            let text = |limit: f64| {
                let limit = limit * e;
                format!("{service} {month}: {count} against a limit of {limit:.1}")
            };
            if point.rate > point.upper {
                above.push(text(point.upper));
            } else {
                below.push(text(point.lower));
            }
        }
    }
    let contract = series.first().map_or("", |s| s.key.contract_id.as_str());
    let mut findings = Vec::new();
    for (months, severity, code, detail) in [
        (
            above,
            Severity::Warning,
            "chart_above_limits",
            "months have more incidents than the control limits of the baseline allow: look for \
             the cause before the period is settled",
        ),
        (
            below,
            Severity::Note,
            "chart_below_limits",
            "months have fewer incidents than the control limits of the baseline allow: an \
             improvement, or tickets that are filed elsewhere",
        ),
    ] {
        if !months.is_empty() {
            findings.push(
                Finding::new(Stage::Baseline, severity, code, detail)
                    .with_contract(contract)
                    .with_count(months.len() as u64)
                    .with_evidence(months.into_iter().take(6).collect::<Vec<_>>().join("; ")),
            );
        }
    }
    findings
}
