//! From one stream to its forecast: runs the model of the terms on the months the ratchet says,
//! year by year, and joins the years. Not responsible for the models themselves.

use super::dispersion;
use super::forecast::{Dispersion, Fit, Forecast};
use super::glm::RegressionError;
use super::regression;
use super::seasonal;
use super::series::{SeriesKey, Timeline, cell_finding};
use super::spec::{BaselineSpec, ChangeKind, FitOn, Model, Ratchet};
use crate::finding::{Finding, Severity};

/// Which model is run: that of the terms, or the plain rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As the terms say; a thin stream gets no season or trend.
    Terms,
    /// The plain rate, because the model of the terms was refused.
    Fallback,
}

/// The forecast of a stream, or the finding that refuses it. Notes and warnings are added to
/// `findings` either way.
pub(crate) fn forecast(
    key: &SeriesKey,
    line: &Timeline,
    thin: bool,
    spec: &BaselineSpec,
    mode: Mode,
    findings: &mut Vec<Finding>,
) -> Result<Forecast, Box<Finding>> {
    let baseline_at = line.usable_in(line.baseline.clone());
    let predicted_at: Vec<usize> = line
        .performance
        .clone()
        .filter(|&t| line.exposed[t])
        .collect();
    let total: f64 = baseline_at.iter().map(|&t| line.counts[t]).sum();
    if total <= 0.0 {
        return Err(refusal(
            key,
            "baseline_all_zero",
            "the baseline has no incident in any usable month: nothing can be avoided that was \
             never there; pool the cell or leave it out of the scope",
            format!("{key}: 0 incidents in {} months", baseline_at.len()),
        ));
    }
    if thin {
        findings.push(
            cell_finding(
                key,
                Severity::Warning,
                "few_incidents",
                format!(
                    "fewer than {} incidents in the baseline: a single rate is used, without season \
                     or trend",
                    spec.pooling_minimum
                ),
            )
            .with_count((total as u64).max(1))
            .with_evidence(format!("{key}: {total} incidents in {} months", baseline_at.len())),
        );
    }
    let changes = known_changes(key, line, spec, findings);
    let model = Chosen {
        thin,
        fallback: mode == Mode::Fallback,
        changes,
    };
    let fitted_at = if spec.fit_on == FitOn::Baseline || model.fallback {
        baseline_at
    } else {
        let mut all = baseline_at;
        all.extend(line.usable_in(line.performance.clone()));
        all
    };
    let (frozen, dispersion) = fit(key, line, &fitted_at, &predicted_at, &model, spec, findings)?;
    let mut result = assemble(line, &frozen, dispersion, spec);
    match spec.ratchet {
        Ratchet::Frozen => {}
        Ratchet::Rolling => {
            rebase(key, line, &model, spec, 1.0, &mut result, findings)?;
        }
        Ratchet::Partial { weight } => {
            rebase(key, line, &model, spec, weight, &mut result, findings)?;
        }
    }
    Ok(result)
}

/// What is fitted, beyond the terms.
struct Chosen {
    thin: bool,
    fallback: bool,
    changes: Vec<(usize, ChangeKind)>,
}

/// The agreed changes of this service that lie inside the fitted months.
fn known_changes(
    key: &SeriesKey,
    line: &Timeline,
    spec: &BaselineSpec,
    findings: &mut Vec<Finding>,
) -> Vec<(usize, ChangeKind)> {
    let last = if spec.fit_on == FitOn::Baseline {
        line.baseline.end
    } else {
        line.performance.end
    };
    let mut changes = Vec::new();
    for change in &spec.known_changes {
        if change
            .service
            .as_deref()
            .is_some_and(|s| s != key.service_id)
        {
            continue;
        }
        match usize::try_from(change.month.months_since(line.start)) {
            Ok(at) if at > 0 && at < last => changes.push((at, change.kind)),
            _ => findings.push(
                cell_finding(
                    key,
                    Severity::Warning,
                    "known_change_not_estimable",
                    "an agreed change lies outside the months of the fit, so its size cannot be \
                     learned; agree a number as a non-routine adjustment instead",
                )
                .with_evidence(format!("{key}: {} ({})", change.month, change.reason)),
            ),
        }
    }
    changes
}

/// Runs the model on given months.
fn fit(
    key: &SeriesKey,
    line: &Timeline,
    fitted_at: &[usize],
    predicted_at: &[usize],
    model: &Chosen,
    spec: &BaselineSpec,
    findings: &mut Vec<Finding>,
) -> Result<(Fit, Dispersion), Box<Finding>> {
    let regress = spec.model == Model::Regression && !model.fallback;
    if fitted_at.is_empty() {
        return Err(refusal(
            key,
            "baseline_too_short",
            "there is no usable month to learn from",
            key.to_string(),
        ));
    }
    let (fit, dispersion) = if regress {
        let regressed = regression::fit(
            line,
            fitted_at,
            predicted_at,
            &model.changes,
            model.thin,
            spec,
        )
        .map_err(|error| regression_refusal(key, fitted_at.len(), error))?;
        if regressed.collinear > 0 {
            findings.push(
                cell_finding(
                    key,
                    Severity::Warning,
                    "columns_collinear",
                    "parts of the model cannot be told from each other in these months and were \
                     left out; drop a known change or use more months",
                )
                .with_count(regressed.collinear as u64),
            );
        }
        (regressed.fit, regressed.dispersion)
    } else {
        let by_month = spec.model != Model::MeanRate && !model.fallback && !model.thin;
        let fit = seasonal::fit(line, fitted_at, predicted_at, by_month).map_err(|month| {
            refusal(
                key,
                "month_of_year_missing",
                "the baseline has no usable month of this month of the year, so its rate is \
                 unknown",
                format!("{key}: month of the year {month}"),
            )
        })?;
        let dispersion = dispersion::estimate(&fit, &line.counts, spec.errors);
        (fit, dispersion)
    };
    if fit.fitted_at.len() <= fit.parameters {
        return Err(too_few(key, fit.fitted_at.len(), fit.parameters));
    }
    let finite = |all: &[f64]| all.iter().all(|v| v.is_finite());
    if !(finite(&fit.expected) && finite(&fit.weights) && finite(&fit.prior)) {
        return Err(refusal(
            key,
            "prediction_not_finite",
            "the model's prediction leaves the range of numbers; use a simpler model",
            key.to_string(),
        ));
    }
    Ok((fit, dispersion))
}

fn too_few(key: &SeriesKey, months: usize, parameters: usize) -> Box<Finding> {
    refusal(
        key,
        "too_few_months_for_model",
        "the model has as many coefficients as there are months, so its uncertainty cannot be \
         estimated",
        format!("{key}: {months} months, {parameters} coefficients"),
    )
}

fn regression_refusal(key: &SeriesKey, months: usize, error: RegressionError) -> Box<Finding> {
    let code = match error {
        RegressionError::TooFew => return too_few(key, months, months),
        RegressionError::AllZero => "baseline_all_zero",
        RegressionError::Separation => "separation",
        RegressionError::NotFinite => "input_not_finite",
        RegressionError::NotConverged => "not_converged",
    };
    refusal(
        key,
        code,
        &format!("the regression has no answer: {error}; use a simpler season or pool the cell"),
        format!("{key}: {months} months"),
    )
}

/// Spreads a fit over the timeline.
fn assemble(line: &Timeline, fit: &Fit, dispersion: Dispersion, spec: &BaselineSpec) -> Forecast {
    let length = line.counts.len();
    let n = fit.fitted_at.len();
    let mut mean = vec![0.0; length];
    let mut residual = vec![0.0; length];
    for (&t, &m) in fit.fitted_at.iter().zip(&fit.fitted) {
        mean[t] = m;
        residual[t] = line.counts[t] - m;
    }
    let mut weights = vec![vec![0.0; length]; line.performance.len()];
    let mut prior = vec![0.0; line.performance.len()];
    for (row, &t) in fit.predicted_at.iter().enumerate() {
        mean[t] = fit.expected[row];
        prior[t - line.performance.start] = fit.prior[row];
        let to = &mut weights[t - line.performance.start];
        for (&from, &w) in fit
            .fitted_at
            .iter()
            .zip(&fit.weights[row * n..(row + 1) * n])
        {
            to[from] = w;
        }
    }
    Forecast {
        mean,
        performance_from: line.performance.start,
        weights,
        priors: vec![prior],
        theta: fit.theta,
        residual,
        df_residual: n.saturating_sub(fit.parameters) as f64,
        n: n as f64,
        dispersion,
        errors: spec.errors,
        lag: spec
            .newey_west_lag
            .map_or_else(|| default_lag(n), |lag| lag as usize),
        label: fit.label.clone(),
        rule: fit.rule.clone(),
    }
}

/// floor(4 (n/100)^(2/9)), the usual lag for Newey–West errors (Newey & West 1994, Review of
/// Economic Studies 61).
fn default_lag(n: usize) -> usize {
    libm::floor(4.0 * libm::pow(n as f64 / 100.0, 2.0 / 9.0)) as usize
}

/// Replaces each contract year after the first by `weight` × (model on the months directly
/// before the year) + (1 − weight) × frozen. Both parts are linear in the counts, so the blend is
/// too and its interval stays joint.
fn rebase(
    key: &SeriesKey,
    line: &Timeline,
    model: &Chosen,
    spec: &BaselineSpec,
    weight: f64,
    result: &mut Forecast,
    findings: &mut Vec<Finding>,
) -> Result<(), Box<Finding>> {
    let start = line.performance.start;
    let window = line.baseline.len();
    let mut year = start + 12;
    while year < line.performance.end {
        let end = (year + 12).min(line.performance.end);
        let fitted_at = line.usable_in(year.saturating_sub(window)..year);
        let predicted_at: Vec<usize> = (year..end).filter(|&t| line.exposed[t]).collect();
        let (fit, _) = fit(key, line, &fitted_at, &predicted_at, model, spec, findings)?;
        let n = fit.fitted_at.len();
        for (row, &t) in fit.predicted_at.iter().enumerate() {
            result.mean[t] = weight * fit.expected[row] + (1.0 - weight) * result.mean[t];
            // Both parts may be wrong the same way, so their prior errors add up.
            if let Some(prior) = result.priors.first_mut() {
                prior[t - start] = weight * fit.prior[row] + (1.0 - weight) * prior[t - start];
            }
            let to = &mut result.weights[t - start];
            for w in to.iter_mut() {
                *w *= 1.0 - weight;
            }
            for (&from, &w) in fit
                .fitted_at
                .iter()
                .zip(&fit.weights[row * n..(row + 1) * n])
            {
                to[from] += weight * w;
            }
        }
        year = end;
    }
    Ok(())
}

fn refusal(key: &SeriesKey, code: &str, detail: &str, evidence: String) -> Box<Finding> {
    Box::new(cell_finding(key, Severity::Disqualifying, code, detail).with_evidence(evidence))
}
