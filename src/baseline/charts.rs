//! Control charts for early warning: the u chart and Laney's u′. Not responsible for payments: a
//! point outside its limits is a reason to look, not an amount.
//!
//! Sources: Montgomery, Introduction to Statistical Quality Control (7th ed. 2013), 7.3.1; Laney
//! 2002, Quality Engineering 14, 531–537.

use serde::Serialize;

/// Exposure per sample from which Laney's correction should be used: with thousands of units the
/// u chart's limits shrink to nothing and every month alarms.
pub const LANEY_FROM: f64 = 2_000.0;

/// One sample of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ChartPoint {
    /// Incidents per unit of exposure.
    pub rate: f64,
    /// Lower limit, not below zero.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
    /// Whether the rate lies outside its limits.
    pub outside: bool,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// Centre line: Σ incidents ÷ Σ exposure.
    pub centre: f64,
    /// Laney's σ_z; 1 for the plain u chart.
    pub sigma_z: f64,
    /// One per sample.
    pub points: Vec<ChartPoint>,
}

/// Why there is no chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// Fewer than two samples, or unequal lengths.
    #[error("a chart needs at least two samples with an exposure each")]
    TooFew,
    /// An exposure is not positive.
    #[error("every exposure must be a positive number")]
    Exposure,
}

/// u chart with limits centre ± 3 √(centre / exposure).
pub fn u_chart(counts: &[u64], exposure: &[f64]) -> Result<Chart, ChartError> {
    chart(counts, exposure, false)
}

/// Laney's u′ chart: the limits of the u chart times σ_z = mean moving range of
/// z_i = (u_i − centre)/√(centre/n_i), divided by 1.128.
pub fn laney_chart(counts: &[u64], exposure: &[f64]) -> Result<Chart, ChartError> {
    chart(counts, exposure, true)
}

/// Later samples against the limits of a baseline: centre and σ_z are those of the baseline alone,
/// so that what is watched does not move its own limits.
pub fn watch(
    baseline: (&[u64], &[f64]),
    later: (&[u64], &[f64]),
    laney: bool,
) -> Result<Chart, ChartError> {
    let learned = chart(baseline.0, baseline.1, laney)?;
    if later.0.len() != later.1.len() {
        return Err(ChartError::TooFew);
    }
    if later.1.iter().any(|e| !(e.is_finite() && *e > 0.0)) {
        return Err(ChartError::Exposure);
    }
    let rates: Vec<f64> = later
        .0
        .iter()
        .zip(later.1)
        .map(|(&c, e)| c as f64 / e)
        .collect();
    Ok(Chart {
        points: points(&rates, later.1, learned.centre, learned.sigma_z),
        ..learned
    })
}

fn chart(counts: &[u64], exposure: &[f64], laney: bool) -> Result<Chart, ChartError> {
    if counts.len() < 2 || counts.len() != exposure.len() {
        return Err(ChartError::TooFew);
    }
    if exposure.iter().any(|e| !(e.is_finite() && *e > 0.0)) {
        return Err(ChartError::Exposure);
    }
    let total: f64 = counts.iter().map(|&c| c as f64).sum();
    let centre = total / exposure.iter().sum::<f64>();
    let rates: Vec<f64> = counts
        .iter()
        .zip(exposure)
        .map(|(&c, e)| c as f64 / e)
        .collect();
    let sigma = |e: f64| (centre / e).sqrt();
    let mut sigma_z = 1.0;
    if laney && centre > 0.0 {
        let z: Vec<f64> = rates
            .iter()
            .zip(exposure)
            .map(|(u, &e)| (u - centre) / sigma(e))
            .collect();
        let ranges: f64 = z.windows(2).map(|w| (w[1] - w[0]).abs()).sum();
        sigma_z = ranges / (z.len() - 1) as f64 / 1.128;
    }
    Ok(Chart {
        centre,
        sigma_z,
        points: points(&rates, exposure, centre, sigma_z),
    })
}

fn points(rates: &[f64], exposure: &[f64], centre: f64, sigma_z: f64) -> Vec<ChartPoint> {
    rates
        .iter()
        .zip(exposure)
        .map(|(&rate, &e)| {
            let reach = 3.0 * sigma_z * (centre / e).sqrt();
            let (lower, upper) = ((centre - reach).max(0.0), centre + reach);
            ChartPoint {
                rate,
                lower,
                upper,
                outside: rate < lower || rate > upper,
            }
        })
        .collect()
}
