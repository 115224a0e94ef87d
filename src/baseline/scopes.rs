//! Sums over cells and months with one joint interval each: what a contract settles on. Not
//! responsible for the forecasts that it sums.

use super::circumstances::Laid;
use super::forecast::{ErrorSum, Forecast, Together, Variance, count_interval};
use super::result::{JointRow, PeriodKind, Scope, Status};
use super::series::{SeriesKey, Timeline};
use super::spec::{BaselineSpec, PaymentBasis};
use super::special::round_to;
use super::streams::Stream;
use crate::time::{Month, Period};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// A stream with its forecast, or why there is none.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    /// The stream.
    pub(crate) stream: Stream,
    /// Its forecast, or the code of the finding that refused it.
    pub(crate) forecast: Result<Forecast, String>,
    /// The codes whose overrides made the forecast usable.
    pub(crate) overridden: Vec<String>,
    /// How the interval was made.
    pub(crate) method: String,
}

/// Sums over some cells and months.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    /// Incidents counted.
    pub(crate) actual: f64,
    /// Incidents expected.
    pub(crate) expected: f64,
    /// Variance of expected − actual.
    pub(crate) variance: Variance,
    /// Cell-months summed.
    pub(crate) cell_months: u64,
    /// Cell-months without count or exposure.
    pub(crate) excluded_months: u64,
    /// Cells without a forecast.
    pub(crate) excluded_cells: u64,
    /// First refusal met.
    pub(crate) refused: Option<String>,
    /// The codes of the overrides that the sums rest on.
    pub(crate) overridden: BTreeSet<String>,
}

/// Which part of an avoided incident is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: what is measured.
    Measured,
    /// What the weights of the circumstances credit.
    Credited,
}

/// Sums the cells for which `wanted` holds over timeline months `range`.
///
/// Streams are independent except for what their residuals show (`common`, see [`common`]), so that
/// a shock common to several services widens the interval.
///
/// Credited sums weigh expected and actual of each cell and month. The error of a stream is then
/// that of its months and members with a weight, times their mean weight.
pub(crate) fn sum(
    fitted: &[Fitted],
    lines: &[Timeline],
    laid: &Laid,
    part: Part,
    (wanted, range): (&dyn Fn(usize) -> bool, std::ops::Range<usize>),
    common: &dyn Fn() -> f64,
) -> Sums {
    let weight = |cell: usize, t: usize| match part {
        Part::Measured => 1.0,
        Part::Credited => laid.weight(cell, t),
    };
    let mut sums = Sums::default();
    let mut errors = ErrorSum::default();
    let mut streams = 0;
    for unit in fitted {
        let all_members: Vec<_> = unit
            .stream
            .members
            .iter()
            .filter(|m| wanted(m.cell))
            .collect();
        if all_members.is_empty() {
            continue;
        }
        let forecast = match &unit.forecast {
            Ok(forecast) => forecast,
            Err(code) => {
                sums.excluded_cells += all_members.len() as u64;
                sums.refused.get_or_insert_with(|| code.clone());
                continue;
            }
        };
        sums.overridden.extend(unit.overridden.iter().cloned());
        let all = range.len() as u64 * all_members.len() as u64;
        let mut months: Vec<usize> = range
            .clone()
            .filter(|&t| unit.stream.line.usable[t])
            .collect();
        let used = months.len() as u64 * all_members.len() as u64;
        sums.cell_months += used;
        sums.excluded_months += all - used;
        months.retain(|&t| all_members.iter().any(|m| weight(m.cell, t) > 0.0));
        let members: Vec<_> = all_members
            .into_iter()
            .filter(|m| months.iter().any(|&t| weight(m.cell, t) > 0.0))
            .collect();
        if months.is_empty() {
            continue;
        }
        let (mut expected, mut weighted, mut whole) = (0.0, 0.0, 0.0);
        for &t in &months {
            whole += forecast.mean[t];
            for m in &members {
                let w = weight(m.cell, t);
                let own = m.share[t] * forecast.mean[t];
                expected += own;
                weighted += w * own;
                sums.expected += w * (own + laid.added(m.cell, t));
                sums.actual += w * lines[m.cell].counts[t];
            }
        }
        let share = if members.len() == unit.stream.members.len() {
            1.0
        } else if whole > 0.0 {
            expected / whole
        } else {
            0.0
        };
        let mean_weight = if part == Part::Measured || expected <= 0.0 {
            1.0
        } else {
            weighted / expected
        };
        let mut parts = forecast.error_parts(&months, share, mean_weight);
        if share < 1.0 {
            // Shares are proportions of one total: their sum has variance at most the sum.
            let of_share: f64 = members.iter().map(|m| m.share_variance).sum();
            parts.own += mean_weight * mean_weight * whole * whole * of_share;
        }
        errors.add(&parts);
        streams += 1;
    }
    let common = if streams > 1 { common() } else { 0.0 };
    sums.variance = errors.variance(common);
    sums
}

/// The correlation of the disturbances of the streams of a contract.
fn common(fitted: &[Fitted]) -> f64 {
    let mut together = Together::default();
    for forecast in fitted.iter().filter_map(|f| f.forecast.as_ref().ok()) {
        forecast.disturbances(&mut together);
    }
    together.correlation()
}

/// Rounded numbers of some sums.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) expected: Option<f64>,
    pub(crate) avoided: Option<f64>,
    pub(crate) std_error: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) ratio: Option<f64>,
    pub(crate) creditable: Option<f64>,
}

/// Interval and payment basis of some sums, rounded to the decimals of the terms. The rounding
/// comes first and everything else is computed from the rounded numbers, so that anybody can
/// redo it from the table.
pub(crate) fn figures(sums: &Sums, spec: &BaselineSpec) -> Figures {
    let round = |x: f64| round_to(x, spec.decimals);
    let (low, high) = count_interval(sums.expected, &sums.variance, spec.level);
    let expected = round(sums.expected);
    let avoided = expected.and_then(|e| round(e - sums.actual));
    let std_error = round(sums.variance.total().max(0.0).sqrt());
    let low = round(low - sums.actual);
    let high = round(high - sums.actual);
    let ratio = expected
        .filter(|e| *e > 0.0)
        .and_then(|e| round(sums.actual / e));
    let creditable = match (avoided, std_error, low, high) {
        (Some(a), Some(se), Some(low), Some(high)) => round(match spec.payment_basis {
            PaymentBasis::Estimate => a,
            PaymentBasis::LowerBound => {
                if low > 0.0 {
                    low
                } else if high < 0.0 {
                    high
                } else {
                    0.0
                }
            }
            PaymentBasis::Shrunk => {
                if a == 0.0 {
                    0.0
                } else {
                    a * (a * a / (a * a + se * se))
                }
            }
        }),
        _ => None,
    };
    Figures {
        expected,
        avoided,
        std_error,
        low,
        high,
        ratio,
        creditable,
    }
}

/// The scopes of a contract's cells, in order: contract, services, priorities, cells.
fn scopes(keys: &[&SeriesKey]) -> Vec<Scope> {
    let mut all = vec![Scope::Contract];
    for key in keys {
        all.push(Scope::Service(key.service_id.clone()));
        all.push(Scope::Priority(key.priority.clone()));
        all.push(Scope::Cell {
            service_id: key.service_id.clone(),
            priority: key.priority.clone(),
        });
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn covers(scope: &Scope, key: &SeriesKey) -> bool {
    match scope {
        Scope::Contract => true,
        Scope::Service(s) => *s == key.service_id,
        Scope::Priority(p) => *p == key.priority,
        Scope::Cell {
            service_id,
            priority,
        } => *service_id == key.service_id && *priority == key.priority,
    }
}

/// The periods of the performance period as index ranges: months, quarters, contract years, all.
fn periods(range: std::ops::Range<usize>) -> Vec<(PeriodKind, std::ops::Range<usize>)> {
    let mut all = Vec::new();
    for (kind, step) in [
        (PeriodKind::Month, 1),
        (PeriodKind::Quarter, 3),
        (PeriodKind::ContractYear, 12),
    ] {
        let mut from = range.start;
        while from < range.end {
            let to = (from + step).min(range.end);
            all.push((kind, from..to));
            from = to;
        }
    }
    all.push((PeriodKind::Performance, range));
    all
}

/// Which joint rows are asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Periods that share a month with this one; all periods where none does.
    pub months: Period<Month>,
    /// Scopes.
    pub scope: &'a (dyn Fn(&Scope) -> bool + Sync),
}

/// The joint rows of one contract, or those of them that are asked for. `cells` are its cells'
/// indices, `keys` all cells' keys.
pub(crate) fn rows(
    fitted: &[Fitted],
    cells: &[usize],
    keys: &[&SeriesKey],
    lines: &[Timeline],
    laid: &Laid,
    (spec, asked): (&BaselineSpec, Option<Asked<'_>>),
) -> Vec<JointRow> {
    let Some(&first) = cells.first() else {
        return Vec::new();
    };
    let own: Vec<&SeriesKey> = cells.iter().map(|&c| keys[c]).collect();
    let line = &lines[first];
    let spanning = |range: &std::ops::Range<usize>| {
        Period::spanning(line.month(range.start), line.month(range.end))
    };
    let mut periods = periods(line.performance.clone());
    let mut scopes = scopes(&own);
    if let Some(asked) = asked {
        let shares =
            |range: &std::ops::Range<usize>| asked.months.intersect(&spanning(range)).is_some();
        if periods.iter().any(|(_, range)| shares(range)) {
            periods.retain(|(_, range)| shares(range));
        }
        scopes.retain(|scope| (asked.scope)(scope));
    }
    let together = OnceCell::new();
    let common = || *together.get_or_init(|| common(fitted));
    let mut rows: Vec<JointRow> = Vec::with_capacity(scopes.len() * periods.len());
    // Scopes over the same cells (a contract of one service, say) share their figures.
    let mut done: Vec<(Vec<usize>, usize)> = Vec::new();
    for scope in scopes {
        let covered: Vec<usize> = cells
            .iter()
            .copied()
            .filter(|&c| covers(&scope, keys[c]))
            .collect();
        if let Some((_, from)) = done.iter().find(|(cells, _)| *cells == covered) {
            for at in *from..*from + periods.len() {
                let mut row = rows[at].clone();
                row.scope = scope.clone();
                rows.push(row);
            }
            continue;
        }
        done.push((covered.clone(), rows.len()));
        let wanted = |cell: usize| covered.binary_search(&cell).is_ok();
        for (kind, range) in &periods {
            let covered = (&wanted as &dyn Fn(usize) -> bool, range.clone());
            let sums = sum(fitted, lines, laid, Part::Measured, covered, &common);
            let measured = sums.cell_months > 0;
            let figures_of = |sums: &Sums| {
                if measured {
                    figures(sums, spec)
                } else {
                    Figures::default()
                }
            };
            let figures = figures_of(&sums);
            let credited = if laid.weighs() {
                figures_of(&sum(
                    fitted,
                    lines,
                    laid,
                    Part::Credited,
                    (&wanted, range.clone()),
                    &common,
                ))
            } else {
                figures
            };
            let (status, reason) = if !measured {
                (
                    Status::NotMeasurable,
                    sums.refused.unwrap_or_else(|| "months_missing".to_owned()),
                )
            } else if !sums.overridden.is_empty() {
                let codes: Vec<String> = sums.overridden.into_iter().collect();
                (Status::Overridden, codes.join(", "))
            } else {
                (Status::Ok, String::new())
            };
            rows.push(JointRow {
                contract_id: own[0].contract_id.clone(),
                scope: scope.clone(),
                period_kind: *kind,
                period: spanning(range),
                actual: sums.actual as u64,
                expected: figures.expected,
                avoided: figures.avoided,
                std_error: figures.std_error,
                ci_low: figures.low,
                ci_high: figures.high,
                ci_level: spec.level,
                rate_ratio: figures.ratio,
                credited: credited.avoided,
                credited_low: credited.low,
                credited_high: credited.high,
                creditable: credited.creditable,
                cell_months: sums.cell_months,
                excluded_cells: sums.excluded_cells,
                excluded_months: sums.excluded_months,
                provisional: matches!(kind, PeriodKind::Month | PeriodKind::Quarter),
                status,
                reason,
            });
        }
    }
    rows
}
