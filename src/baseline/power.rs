//! What a contract can prove before anybody signs: power of a comparison of two rates and the
//! smallest reduction that a period can show. Not responsible for estimating anything.
//!
//! Sources: Zhu & Lakkis 2014, Statistics in Medicine 33; Zhu 2017, Statistics in
//! Biopharmaceutical Research 9 (as in the PASS manual).

use super::estimate::estimate;
use super::result::{PeriodKind, Scope};
use super::series::Series;
use super::spec::{BaselineSpec, Ratchet};
use super::special::{bisect, normal_cdf, normal_quantile};
use crate::time::months_between;
use serde::Serialize;

/// A planned comparison of two rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioTest {
    /// Rate of the first group under the alternative.
    pub rate_1: f64,
    /// Rate of the second group under the alternative.
    pub rate_2: f64,
    /// Total exposure of the first group.
    pub exposure_1: f64,
    /// Total exposure of the second group.
    pub exposure_2: f64,
    /// Ratio under the null hypothesis; 1 for "no difference".
    pub null_ratio: f64,
    /// Quasi-Poisson dispersion; 1 for Poisson.
    pub dispersion: f64,
    /// One-sided probability of a false alarm, in (0, 0.5).
    pub alpha: f64,
}

/// Power of the one-sided test that the ratio rate 1 ÷ rate 2 is below its null value:
/// Φ(−(log ratio − log null)/√v − z_{1−α}), v = dispersion × (1/expected 1 + 1/expected 2), the
/// variance of the log ratio under the alternative. `None` when a number is not positive.
#[must_use]
pub fn ratio_power(test: &RatioTest) -> Option<f64> {
    let (m1, m2) = (test.rate_1 * test.exposure_1, test.rate_2 * test.exposure_2);
    let good = |v: f64| v.is_finite() && v > 0.0;
    let numbers = [m1, m2, test.null_ratio, test.dispersion];
    let in_range = test.alpha > 0.0 && test.alpha < 0.5;
    if !in_range || !numbers.into_iter().all(good) {
        return None;
    }
    let v = test.dispersion * (1.0 / m1 + 1.0 / m2);
    let effect = libm::log(test.rate_1 / test.rate_2) - libm::log(test.null_ratio);
    Some(normal_cdf(
        -effect / v.sqrt() - normal_quantile(1.0 - test.alpha),
    ))
}

/// What is known of a stream when terms are drafted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Incidents per month, as far as known.
    pub incidents_per_month: f64,
    /// Months of baseline.
    pub baseline_months: u32,
    /// Months of the period that is to be settled.
    pub period_months: u32,
    /// Pearson dispersion of monthly counts; 1 for Poisson.
    pub dispersion: f64,
    /// Autocorrelation of the variation beyond Poisson, in [0, 1).
    pub rho: f64,
    /// Two-sided level of the interval that is paid on.
    pub level: f64,
    /// Probability with which a true reduction of that size should be shown, for example 0.8.
    pub power: f64,
}

/// The smallest reduction that a period can prove.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Provable {
    /// As a fraction of the expected incidents, in (0, 1].
    pub reduction: f64,
    /// In incidents of the period.
    pub incidents: f64,
    /// Incidents expected in the period.
    pub expected: f64,
}

/// The smallest reduction whose lower bound exceeds zero with the probability asked for; `None`
/// when even a reduction to nothing would not show, or when a number is out of range.
///
/// With E incidents expected and s² = Var(prediction − counterfactual) = E φ_P (1 + months of the
/// period / months of baseline), where φ_P is the dispersion of a sum of autocorrelated months, a
/// reduction δ shows with the probability asked for when
/// E δ − z_level s = z_power √(s² + E δ (1 − δ)).
#[must_use]
pub fn smallest_provable(plan: &Plan) -> Option<Provable> {
    let good = |v: f64| v.is_finite() && v > 0.0;
    if !(good(plan.incidents_per_month) && good(plan.dispersion))
        || plan.baseline_months == 0
        || plan.period_months == 0
        || !(0.0..1.0).contains(&plan.rho)
    {
        return None;
    }
    let months = f64::from(plan.period_months);
    let expected = plan.incidents_per_month * months;
    let sum_dispersion = |n: f64| {
        // Variance of a sum of n autocorrelated months over n times that of one.
        let r = plan.rho;
        let power_n = libm::pow(r, n);
        let factor =
            (1.0 + r) / (1.0 - r) - 2.0 * r * (1.0 - power_n) / (n * (1.0 - r) * (1.0 - r));
        1.0 + (plan.dispersion - 1.0).max(0.0) * factor
    };
    let baseline = f64::from(plan.baseline_months);
    let variance =
        expected * sum_dispersion(months) + expected * months / baseline * sum_dispersion(baseline);
    provable_with(expected, variance.sqrt(), plan.level, plan.power)
}

/// The same from an estimated standard error, for example [`super::JointRow::std_error`].
#[must_use]
pub fn provable_with(expected: f64, std_error: f64, level: f64, power: f64) -> Option<Provable> {
    let good = |v: f64| v.is_finite() && v > 0.0;
    let in_range = level > 0.0 && level < 1.0 && (0.5..1.0).contains(&power);
    if !in_range || !good(expected) || !good(std_error) {
        return None;
    }
    let (z_level, z_power) = (normal_quantile(0.5 + 0.5 * level), normal_quantile(power));
    let margin = |d: f64| {
        expected * d
            - z_level * std_error
            - z_power * (std_error * std_error + expected * d * (1.0 - d)).sqrt()
    };
    if margin(1.0) < 0.0 {
        return None;
    }
    let reduction = bisect(0.0, 1.0, margin);
    Some(Provable {
        reduction,
        incidents: reduction * expected,
        expected,
    })
}

/// What the terms can prove in the first month, quarter, contract year and in the whole
/// performance period, from the baseline of a contract alone: its own model, interval and
/// correlation between services. The exposure of the performance period is taken as that of the
/// same months of the baseline's last year. `series` are of one contract; months from the
/// performance period on are ignored. Empty when the baseline gives no estimate.
#[must_use]
pub fn planned(
    series: &[Series],
    spec: &BaselineSpec,
    power: f64,
) -> Vec<(PeriodKind, Option<Provable>)> {
    let mut spec = spec.clone();
    // A frozen hash is a matter of settling, not of planning; rebasing starts after the first year.
    spec.frozen_hash = None;
    spec.ratchet = Ratchet::Frozen;
    let last = spec.baseline.end();
    let projected: Vec<Series> = series
        .iter()
        .map(|s| {
            let months = || months_between(spec.baseline.start(), spec.performance.end());
            Series {
                key: s.key.clone(),
                first_month: spec.baseline.start(),
                counts: months()
                    .map(|m| {
                        if m < last {
                            s.count_in(m)
                        } else {
                            // The counts measured do not enter the error of the counterfactual.
                            Some(0)
                        }
                    })
                    .collect(),
                exposure: months()
                    .map(|m| {
                        let back = (m.months_since(last).max(-1) / 12 + 1) * 12;
                        let at = if m < last { m } else { m.plus(-back) };
                        s.exposure_in(at).unwrap_or(0.0)
                    })
                    .collect(),
            }
        })
        .collect();
    let result = estimate(&projected, &spec);
    [
        PeriodKind::Month,
        PeriodKind::Quarter,
        PeriodKind::ContractYear,
        PeriodKind::Performance,
    ]
    .into_iter()
    .filter_map(|kind| {
        let row = result
            .joint
            .iter()
            .find(|r| r.scope == Scope::Contract && r.period_kind == kind)?;
        let (expected, error) = (row.expected?, row.std_error?);
        Some((kind, provable_with(expected, error, spec.level, power)))
    })
    .collect()
}
