//! The plain models: month-of-year rates, or one rate, of the baseline × exposure. Linear in the
//! counts, no iteration. Not responsible for regression.

use super::forecast::Fit;
use super::series::Timeline;

/// Rates of the baseline per month of the year (`by_month`) or overall, times exposure.
///
/// Expected_t = exposure_t × Σ counts / Σ exposure over the fitted months of the same group: the
/// maximum-likelihood estimate of a Poisson model with one rate per group and an exposure offset.
/// `Err` names the month of the year that the fitted months lack.
pub(crate) fn fit(
    line: &Timeline,
    fitted_at: &[usize],
    predicted_at: &[usize],
    by_month: bool,
) -> Result<Fit, u8> {
    let group = |t: usize| -> usize {
        if by_month {
            usize::from(line.month(t).month_of_year()) - 1
        } else {
            0
        }
    };
    let mut counts = [0.0; 12];
    let mut exposure = [0.0; 12];
    for &t in fitted_at {
        counts[group(t)] += line.counts[t];
        exposure[group(t)] += line.exposure[t];
    }
    for &t in predicted_at {
        if exposure[group(t)] <= 0.0 {
            return Err(line.month(t).month_of_year());
        }
    }
    let value = |t: usize| line.exposure[t] * counts[group(t)] / exposure[group(t)];
    let sensitivity = |to: usize, from: usize| {
        if group(to) == group(from) {
            line.exposure[to] / exposure[group(to)]
        } else {
            0.0
        }
    };
    let matrix = |rows: &[usize]| -> Vec<f64> {
        rows.iter()
            .flat_map(|&to| fitted_at.iter().map(move |&from| (to, from)))
            .map(|(to, from)| sensitivity(to, from))
            .collect()
    };
    Ok(Fit {
        fitted: fitted_at.iter().map(|&t| value(t)).collect(),
        expected: predicted_at.iter().map(|&t| value(t)).collect(),
        hat: matrix(fitted_at),
        weights: matrix(predicted_at),
        fitted_at: fitted_at.to_vec(),
        predicted_at: predicted_at.to_vec(),
        parameters: exposure.iter().filter(|e| **e > 0.0).count(),
        prior: vec![0.0; predicted_at.len()],
        theta: None,
        linear_variance: false,
        label: if by_month {
            "seasonal_mean"
        } else {
            "mean_rate"
        }
        .to_owned(),
        rule: "fixed by the terms".to_owned(),
    })
}
