//! From one stream to its forecast: runs the model of the terms on the months the ratchet says,
//! year by year, and joins the years. Not responsible for the models themselves.

use super::dispersion::{Moments, common_rho};
use super::forecast::{Dispersion, Fit, Forecast};
use super::glm::RegressionError;
use super::regression::{self, Started, TrendEstimate};
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

/// A stream whose model is fitted, but whose dispersion is not yet known: streams of a contract
/// share their autocorrelation.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    model: Chosen,
    fitted: Drafted,
    /// What its residuals say of the dispersion.
    moments: Moments,
}

/// What the streams of a contract have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Common {
    /// Autocorrelation of the variation beyond Poisson.
    rho: f64,
    /// Standard deviation of yearly trends.
    trend_sd: f64,
}

impl Common {
    /// Of the drafts of one contract.
    pub(crate) fn of<'a>(
        drafts: impl Iterator<Item = &'a Draft> + Clone,
        spec: &BaselineSpec,
    ) -> Common {
        let rho = common_rho(drafts.clone().map(|d| &d.moments));
        let trends: Vec<TrendEstimate> = drafts
            .filter_map(|d| match &d.fitted {
                Drafted::Regression(started) => {
                    started.trend(&regression::known_variance(d.moments.with(rho), spec))
                }
                Drafted::Plain(_) => None,
            })
            .collect();
        Common {
            rho,
            trend_sd: regression::trend_sd(&trends, spec.trend_prior_sd),
        }
    }
}

/// Either kind of fit.
#[derive(Debug, Clone)]
enum Drafted {
    Regression(Box<Started>),
    /// A plain model has its prediction at once.
    Plain(Box<Fit>),
}

/// Fits the model of a stream, or says why not. Notes and warnings are added to `findings` either
/// way.
pub(crate) fn draft(
    key: &SeriesKey,
    line: &Timeline,
    thin: bool,
    spec: &BaselineSpec,
    mode: Mode,
    findings: &mut Vec<Finding>,
) -> Result<Draft, Box<Finding>> {
    let baseline_at = line.usable_in(line.baseline.clone());
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
    let predicted_at = predicted(line);
    let (fitted, moments) = fit(key, line, &fitted_at, &predicted_at, &model, spec, findings)?;
    Ok(Draft {
        model,
        fitted,
        moments,
    })
}

/// The forecast of a draft with the autocorrelation of its contract, or the finding that refuses
/// it. Notes and warnings are added to `findings` either way.
pub(crate) fn forecast(
    key: &SeriesKey,
    line: &Timeline,
    draft: &Draft,
    common: Common,
    spec: &BaselineSpec,
    findings: &mut Vec<Finding>,
) -> Result<Forecast, Box<Finding>> {
    let dispersion = regression::known_variance(draft.moments.with(common.rho), spec);
    let frozen = predict(
        key,
        line,
        &draft.fitted,
        &predicted(line),
        &dispersion,
        common,
    )?;
    let mut result = assemble(line, &frozen, dispersion, spec);
    let model = &draft.model;
    match spec.ratchet {
        Ratchet::Frozen => {}
        Ratchet::Rolling => {
            rebase(key, line, model, common, spec, 1.0, &mut result, findings)?;
        }
        Ratchet::Partial { weight } => {
            rebase(
                key,
                line,
                model,
                common,
                spec,
                weight,
                &mut result,
                findings,
            )?;
        }
    }
    Ok(result)
}

/// The months of the performance period that have an exposure.
fn predicted(line: &Timeline) -> Vec<usize> {
    line.performance
        .clone()
        .filter(|&t| line.exposed[t])
        .collect()
}

/// What is fitted, beyond the terms.
#[derive(Debug, Clone)]
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

/// Fits the model to given months.
fn fit(
    key: &SeriesKey,
    line: &Timeline,
    fitted_at: &[usize],
    predicted_at: &[usize],
    model: &Chosen,
    spec: &BaselineSpec,
    findings: &mut Vec<Finding>,
) -> Result<(Drafted, Moments), Box<Finding>> {
    let regress = spec.model == Model::Regression && !model.fallback;
    if fitted_at.is_empty() {
        return Err(refusal(
            key,
            "baseline_too_short",
            "there is no usable month to learn from",
            key.to_string(),
        ));
    }
    let drafted = if regress {
        let started = regression::start(line, fitted_at, &model.changes, model.thin, spec)
            .map_err(|error| regression_refusal(key, fitted_at.len(), error))?;
        if started.collinear() > 0 {
            findings.push(
                cell_finding(
                    key,
                    Severity::Warning,
                    "columns_collinear",
                    "parts of the model cannot be told from each other in these months and were \
                     left out; drop a known change or use more months",
                )
                .with_count(started.collinear() as u64),
            );
        }
        Drafted::Regression(Box::new(started))
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
        Drafted::Plain(Box::new(fit))
    };
    let fit = match &drafted {
        Drafted::Regression(started) => &started.fit,
        Drafted::Plain(fit) => fit,
    };
    if fit.fitted_at.len() <= fit.parameters {
        return Err(too_few(key, fit.fitted_at.len(), fit.parameters));
    }
    let moments = Moments::of(fit, &line.counts, spec.errors);
    Ok((drafted, moments))
}

/// What a fit says of the months of `predicted_at`.
fn predict(
    key: &SeriesKey,
    line: &Timeline,
    drafted: &Drafted,
    predicted_at: &[usize],
    dispersion: &Dispersion,
    common: Common,
) -> Result<Fit, Box<Finding>> {
    let fit = match drafted {
        Drafted::Regression(started) => {
            regression::finish(started, line, predicted_at, dispersion, common.trend_sd)
                .map_err(|error| regression_refusal(key, started.fit.fitted_at.len(), error))?
        }
        Drafted::Plain(fit) => fit.as_ref().clone(),
    };
    let finite = |all: &[f64]| all.iter().all(|v| v.is_finite());
    if !(finite(&fit.expected) && finite(&fit.weights) && finite(&fit.prior)) {
        return Err(refusal(
            key,
            "prediction_not_finite",
            "the model's prediction leaves the range of numbers; use a simpler model",
            key.to_string(),
        ));
    }
    Ok(fit)
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
#[expect(
    clippy::too_many_arguments,
    reason = "all that a fit needs, and the blend"
)]
fn rebase(
    key: &SeriesKey,
    line: &Timeline,
    model: &Chosen,
    common: Common,
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
        let (drafted, moments) = fit(key, line, &fitted_at, &predicted_at, model, spec, findings)?;
        let dispersion = regression::known_variance(moments.with(common.rho), spec);
        let fit = predict(key, line, &drafted, &predicted_at, &dispersion, common)?;
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
