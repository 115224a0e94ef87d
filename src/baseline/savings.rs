//! Savings from a cost model: how well it fits, how uncertain the saving is, and what must not be
//! scaled to a year. Not responsible for money (see `cost`); numbers here are measures of a
//! model, in the unit of the series.
//!
//! Sources: ASHRAE Guideline 14-2014, Annex B; CalTRACK 2.0, 4.3.2.4; OpenEEmeter 4, metrics.

use super::special::t_quantile;
use crate::finding::{Finding, Severity, Stage};
use crate::time::{Month, Period};
use serde::Serialize;

/// How well a model reproduces its baseline. Residual = predicted − observed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FitMetrics {
    /// Observations.
    pub n: u64,
    /// √(Σ r²/n) ÷ mean observed; `None` when the mean is zero.
    pub cvrmse: Option<f64>,
    /// The same with n − p; `None` also when p ≥ n.
    pub cvrmse_adjusted: Option<f64>,
    /// Σ r ÷ Σ observed (normalised mean bias error).
    pub nmbe: Option<f64>,
    /// Mean |r / observed|; `None` when an observation is zero, because it would be infinite.
    pub mape: Option<f64>,
    /// Correlation of successive residuals, each side with its own mean; `None` when the
    /// residuals do not vary.
    pub autocorrelation: Option<f64>,
    /// n (1 − ρ)/(1 + ρ): as many independent observations; `None` when ρ is unknown or ±1.
    pub effective_n: Option<f64>,
}

/// Metrics of a fit with `parameters` coefficients, and what is wrong with them as findings.
#[must_use]
pub fn fit_metrics(
    observed: &[f64],
    predicted: &[f64],
    parameters: usize,
) -> (FitMetrics, Vec<Finding>) {
    let n = observed.len().min(predicted.len());
    let mut findings = Vec::new();
    let mut warn = |code: &str, detail: &str, evidence: String| {
        findings.push(
            Finding::new(Stage::Baseline, Severity::Warning, code, detail).with_evidence(evidence),
        );
    };
    let mut metrics = FitMetrics {
        n: n as u64,
        cvrmse: None,
        cvrmse_adjusted: None,
        nmbe: None,
        mape: None,
        autocorrelation: None,
        effective_n: None,
    };
    let finite = |all: &[f64]| all[..n].iter().all(|v| v.is_finite());
    if n == 0 || observed.len() != predicted.len() || !finite(observed) || !finite(predicted) {
        warn(
            "fit_metrics_input",
            "how well the baseline fits is not known, because it has no month with both a cost and \
             a prediction, or one that is no number: deliver invoices and exposure of every month \
             of the baseline, or agree prices in [savings]",
            format!(
                "{} months with a cost, {} with a prediction",
                observed.len(),
                predicted.len()
            ),
        );
        return (metrics, findings);
    }
    let residual: Vec<f64> = predicted.iter().zip(observed).map(|(p, o)| p - o).collect();
    let squares: f64 = residual.iter().map(|r| r * r).sum();
    let total: f64 = observed.iter().sum();
    let mean = total / n as f64;
    if mean > 0.0 {
        metrics.cvrmse = Some((squares / n as f64).sqrt() / mean);
        if n > parameters {
            metrics.cvrmse_adjusted = Some((squares / (n - parameters) as f64).sqrt() / mean);
        }
        metrics.nmbe = Some(residual.iter().sum::<f64>() / total);
    } else {
        warn(
            "observed_mean_not_positive",
            "the observed mean is not positive, so relative errors have no meaning",
            format!("mean {mean}"),
        );
    }
    let zeros = observed.iter().filter(|o| **o == 0.0).count();
    if zeros == 0 {
        let sum: f64 = residual
            .iter()
            .zip(observed)
            .map(|(r, o)| (r / o).abs())
            .sum();
        metrics.mape = Some(sum / n as f64);
    } else {
        warn(
            "mape_infinite",
            "an observation is zero, so the mean absolute percentage error is infinite and not \
             reported",
            format!("{zeros} of {n} observations are zero"),
        );
    }
    metrics.autocorrelation = lag_one(&residual);
    if let Some(rho) = metrics.autocorrelation
        && rho > -1.0
        && rho < 1.0
    {
        metrics.effective_n = Some(n as f64 * (1.0 - rho) / (1.0 + rho));
    }
    (metrics, findings)
}

/// Pearson correlation of r_t with r_{t−1}.
fn lag_one(residual: &[f64]) -> Option<f64> {
    let pairs = residual.len().checked_sub(1).filter(|p| *p >= 2)? as f64;
    let (old, new) = (&residual[..residual.len() - 1], &residual[1..]);
    let (mo, mn) = (
        old.iter().sum::<f64>() / pairs,
        new.iter().sum::<f64>() / pairs,
    );
    let (mut cross, mut vo, mut vn) = (0.0, 0.0, 0.0);
    for (o, n) in old.iter().zip(new) {
        cross += (o - mo) * (n - mn);
        vo += (o - mo) * (o - mo);
        vn += (n - mn) * (n - mn);
    }
    (vo > 0.0 && vn > 0.0).then(|| cross / (vo * vn).sqrt())
}

/// How often the cost series is measured: decides the empirical factors of the uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// Monthly bills.
    Billing,
    /// Daily values.
    Daily,
}

/// What the fractional savings uncertainty is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UncertaintyInput {
    /// Bills or days.
    pub interval: Interval,
    /// Baseline observations P.
    pub baseline_n: f64,
    /// Effective baseline observations P′ = P (1 − ρ)/(1 + ρ).
    pub effective_n: f64,
    /// Reporting-period observations Q.
    pub reporting_n: f64,
    /// Months in the reporting period M.
    pub months: f64,
    /// CV(RMSE) of the baseline fit, adjusted.
    pub cvrmse: f64,
    /// Saving as a fraction F of the expected cost, not zero.
    pub saving_fraction: f64,
    /// Coefficients of the model.
    pub parameters: u32,
    /// Two-sided level, for example 0.9.
    pub level: f64,
}

/// Fractional savings uncertainty ΔS/S: t (aM² + bM + d) CV √((P/P′)(1 + 2/P′)/Q) / F with t
/// two-sided at P − c degrees of freedom (CalTRACK 4.3.2.4; Sun & Baltazar 2013). `None` when an
/// input is out of range. A value above 1 means that the saving cannot be told from zero.
#[must_use]
pub fn fractional_uncertainty(input: &UncertaintyInput) -> Option<f64> {
    let df = input.baseline_n - f64::from(input.parameters);
    let good = |v: f64| v.is_finite() && v > 0.0;
    let all = [
        input.effective_n,
        input.reporting_n,
        input.months,
        input.cvrmse,
        input.saving_fraction.abs(),
        df,
    ];
    let in_range = input.level > 0.0 && input.level < 1.0 && df >= 1.0;
    if !in_range || !all.into_iter().all(good) {
        return None;
    }
    let (a, b, d) = match input.interval {
        Interval::Billing => (-0.000_22, 0.033_06, 0.940_54),
        Interval::Daily => (-0.000_24, 0.035_35, 1.002_86),
    };
    let m = input.months;
    let factor = a * m * m + b * m + d;
    if factor <= 0.0 {
        return None;
    }
    let t = t_quantile(0.5 + 0.5 * input.level, df);
    let p = input.effective_n;
    let root = (input.baseline_n / p * (1.0 + 2.0 / p) / input.reporting_n).sqrt();
    Some(t * factor * input.cvrmse * root / input.saving_fraction.abs())
}

/// Uncertainty of a portfolio: √(Σ Δ²) ÷ |Σ saving| for independent (saving, Δ) pairs. `None`
/// when the savings cancel or a number is not finite.
#[must_use]
pub fn portfolio_uncertainty(savings: &[(f64, f64)]) -> Option<f64> {
    let total: f64 = savings.iter().map(|s| s.0).sum();
    let spread: f64 = savings.iter().map(|s| s.1 * s.1).sum();
    (total != 0.0 && total.is_finite() && spread.is_finite()).then(|| spread.sqrt() / total.abs())
}

/// A saving of a period per year of twelve months, refused with a finding unless the period is
/// made of whole years: eight months of a seasonal cost are not two thirds of a year (CalTRACK
/// 2.0, 4.3.1).
pub fn annualised(saving: f64, period: &Period<Month>) -> Result<f64, Box<Finding>> {
    let months = period.end().months_since(period.start());
    if months > 0 && months % 12 == 0 && saving.is_finite() {
        return Ok(saving / f64::from(months / 12));
    }
    Err(Box::new(
        Finding::new(
            Stage::Baseline,
            Severity::Disqualifying,
            "annualisation_refused",
            "a saving of part of a year is not scaled to a year: the missing months have another \
             season; measure whole years",
        )
        .with_evidence(format!("{months} months, {period}")),
    ))
}
