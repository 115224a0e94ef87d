//! Fits a regression to a stream and turns it into expected values with their sensitivities:
//! chooses season and family by the stated rules, shrinks an uncertain trend. Not responsible for
//! the least squares (see `glm`) nor for years and ratchets (see `predict`).

use super::design::Shape;
use super::dispersion;
use super::forecast::{Dispersion, Fit, form_variance};
use super::glm::{self, CountFamily, Regression, RegressionError, Ridge};
use super::series::Timeline;
use super::spec::{BaselineSpec, ChangeKind, Family, FitOn, Seasonality, Trend};
use libm::log;

/// A fit with the dispersion that goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Regressed {
    pub(crate) fit: Fit,
    pub(crate) dispersion: Dispersion,
    /// Columns that were left out because they depend on others.
    pub(crate) collinear: usize,
}

/// Fits the regression of the terms. `thin` streams get no season.
pub(crate) fn fit(
    line: &Timeline,
    fitted_at: &[usize],
    predicted_at: &[usize],
    changes: &[(usize, ChangeKind)],
    thin: bool,
    spec: &BaselineSpec,
) -> Result<Regressed, RegressionError> {
    let y: Vec<f64> = fitted_at.iter().map(|&t| line.counts[t]).collect();
    let offset: Vec<f64> = fitted_at.iter().map(|&t| log(line.exposure[t])).collect();
    let segmented = spec.fit_on != FitOn::Baseline;
    let shape = Shape {
        season: spec.seasonality,
        trend: spec.trend != Trend::None,
        changes: changes.to_vec(),
        step_at: segmented.then_some(line.performance.start),
        slope: spec.fit_on == FitOn::SegmentedSlope,
        centre: fitted_at.iter().map(|&t| t as f64).sum::<f64>() / fitted_at.len().max(1) as f64,
    };
    let (shape, first) = choose(line, fitted_at, &y, &offset, shape, thin)?;
    let x = shape.matrix(line, fitted_at, true);
    let family = match spec.family {
        Family::Poisson | Family::QuasiPoisson => CountFamily::Poisson,
        Family::NegativeBinomial | Family::Auto => CountFamily::NegativeBinomial,
    };
    let mut regression = if family == CountFamily::Poisson {
        first
    } else {
        let start = (first.coefficients.as_slice(), first.theta);
        match glm::fit(&x, &y, &offset, family, None, Some(start)) {
            // The Poisson coefficients are consistent whatever the variance is, and the interval
            // takes its dispersion from the residuals either way.
            Err(RegressionError::NotConverged) if spec.family == Family::Auto => first,
            fitted => fitted?,
        }
    };
    let mut label = match (spec.family, regression.theta) {
        (Family::QuasiPoisson, _) => "quasi_poisson",
        (_, Some(_)) => "nb2",
        (_, None) => "poisson",
    }
    .to_owned();
    label.push(' ');
    label.push_str(&shape.describe());
    let linear = matches!(spec.family, Family::Poisson | Family::QuasiPoisson);
    let mut fit = spread(
        line,
        fitted_at,
        predicted_at,
        &x,
        &offset,
        &shape,
        &regression,
        linear,
    );
    fit.label = label;
    fit.rule = rule(spec, thin);
    let dispersion = dispersion::estimate(&fit, &line.counts, spec.errors);
    let dispersion = known_variance(dispersion, spec);
    let collinear = regression.dropped.len();
    let shrinks = spec.trend == Trend::Auto || (thin && spec.trend == Trend::Linear);
    if let Some(column) = shape.trend_column()
        && shrinks
        && !regression.dropped.contains(&column)
    {
        let p = regression.coefficients.len();
        let own = regression.covariance[column * p + column];
        let variance = coefficient_variance(&fit, &x, &regression, column, &dispersion);
        let prior = spec.trend_prior_sd * spec.trend_prior_sd;
        if own > 0.0 && prior > 0.0 {
            let strength = variance / own / prior;
            let ridge = Ridge { column, strength };
            let start = (regression.coefficients.as_slice(), regression.theta);
            let held = glm::fit_given_theta(&x, &y, &offset, ridge, start)?;
            regression = held;
            let mut shrunk = spread(
                line,
                fitted_at,
                predicted_at,
                &x,
                &offset,
                &shape,
                &regression,
                linear,
            );
            // The prior's own part of the error: strength × (C e_trend) × slope, slope ~ N(0, sd²).
            let p = regression.coefficients.len();
            shrunk.prior = (0..predicted_at.len())
                .map(|row| {
                    let mut columns = Vec::with_capacity(p);
                    shape.append_row(line, predicted_at[row], false, &mut columns);
                    let reach: f64 = (0..p)
                        .map(|j| columns[j] * regression.covariance[j * p + column])
                        .sum();
                    shrunk.expected[row] * reach * strength * spec.trend_prior_sd
                })
                .collect();
            shrunk.label = fit.label;
            shrunk.rule = fit.rule;
            fit = shrunk;
        }
    }
    Ok(Regressed {
        fit,
        dispersion,
        collinear,
    })
}

/// Poisson by the terms with model errors has no extra variance.
fn known_variance(mut dispersion: Dispersion, spec: &BaselineSpec) -> Dispersion {
    if spec.family == Family::Poisson && spec.errors == super::spec::Errors::Model {
        dispersion.extra = 0.0;
    }
    dispersion
}

fn rule(spec: &BaselineSpec, thin: bool) -> String {
    let season = match (thin, spec.seasonality) {
        (true, _) => "no season: few incidents",
        (false, Seasonality::Auto) => "season by QAICc",
        (false, _) => "season by terms",
    };
    let trend = match spec.trend {
        Trend::Auto => "trend shrunk",
        Trend::None => "no trend by terms",
        Trend::Linear => "trend by terms",
    };
    let family = match spec.family {
        Family::Auto => "family by overdispersion",
        _ => "family by terms",
    };
    format!("{season}; {trend}; {family}")
}

/// Months that month factors need to be a candidate: three of each month of the year. With two,
/// factors explain noise and leave hardly anything to estimate the noise from.
const MIN_MONTHS_FACTORS: usize = 36;

/// The season, by QAICc on the fitted months: deviance/ĉ + 2K + 2K(K+1)/(n − K − 1) with ĉ the
/// Pearson dispersion (at least 1) of the largest candidate and K its coefficients plus one
/// (Burnham & Anderson, Model Selection and Multimodel Inference, 2nd ed. 2002, 2.5). The simpler
/// candidate wins ties. Nothing of the performance period and no price enters.
fn choose(
    line: &Timeline,
    fitted_at: &[usize],
    y: &[f64],
    offset: &[f64],
    mut shape: Shape,
    thin: bool,
) -> Result<(Shape, Regression), RegressionError> {
    let poisson = |shape: &Shape, start: Option<&Regression>| {
        let x = shape.matrix(line, fitted_at, true);
        let start = start.map(|r| (r.coefficients.as_slice(), None));
        glm::fit(&x, y, offset, CountFamily::Poisson, None, start)
    };
    if thin {
        shape.season = Seasonality::None;
    }
    if shape.season != Seasonality::Auto {
        let regression = poisson(&shape, None)?;
        return Ok((shape, regression));
    }
    let n = y.len() as f64;
    let mut scale: Option<f64> = None;
    let mut best: Option<(f64, Shape, Regression)> = None;
    // Largest first, because it gives ĉ; a simpler one replaces it unless it is worse.
    for season in [
        Seasonality::MonthFactors,
        Seasonality::Harmonics2,
        Seasonality::Harmonics1,
        Seasonality::None,
    ] {
        shape.season = season;
        let k = (shape.columns() + 1) as f64;
        let too_few = season == Seasonality::MonthFactors && y.len() < MIN_MONTHS_FACTORS;
        if too_few || n - k - 1.0 <= 0.0 {
            continue;
        }
        let Ok(regression) = poisson(&shape, None) else {
            continue;
        };
        let c = *scale.get_or_insert_with(|| regression.dispersion().max(1.0));
        let criterion = regression.deviance / c + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
        if best
            .as_ref()
            .is_none_or(|(least, _, _)| criterion <= *least + 1e-9)
        {
            best = Some((criterion, shape.clone(), regression));
        }
    }
    match best {
        Some((_, shape, regression)) => Ok((shape, regression)),
        None => {
            shape.season = Seasonality::None;
            let regression = poisson(&shape, None)?;
            Ok((shape, regression))
        }
    }
}

/// Fitted and expected values with their first-order sensitivities to every count:
/// ∂μ_m/∂y_i = μ_m x_m′ C x_i / (1 + α μ_i), C = (X′WX + ridge)⁻¹.
#[expect(clippy::too_many_arguments, reason = "all parts of one fit")]
fn spread(
    line: &Timeline,
    fitted_at: &[usize],
    predicted_at: &[usize],
    x: &[f64],
    _offset: &[f64],
    shape: &Shape,
    regression: &Regression,
    linear: bool,
) -> Fit {
    let (n, p) = (fitted_at.len(), regression.coefficients.len());
    let alpha = regression.theta.map_or(0.0, |t| 1.0 / t);
    // One row per fitted month: C x_i / (1 + α μ_i).
    let mut reach = vec![0.0; n * p];
    for i in 0..n {
        let row = &x[i * p..(i + 1) * p];
        let w = 1.0 / (1.0 + alpha * regression.fitted[i]);
        for (j, cell) in reach[i * p..(i + 1) * p].iter_mut().enumerate() {
            let c = &regression.covariance[j * p..(j + 1) * p];
            *cell = w * c.iter().zip(row).map(|(a, b)| a * b).sum::<f64>();
        }
    }
    let sensitivities = |rows: &[f64], means: &[f64]| -> Vec<f64> {
        let mut all = Vec::with_capacity(means.len() * n);
        for (m, mean) in means.iter().enumerate() {
            let row = &rows[m * p..(m + 1) * p];
            for i in 0..n {
                let dot: f64 = row
                    .iter()
                    .zip(&reach[i * p..(i + 1) * p])
                    .map(|(a, b)| a * b)
                    .sum();
                all.push(mean * dot);
            }
        }
        all
    };
    let predicted_x = shape.matrix(line, predicted_at, false);
    let expected: Vec<f64> = predicted_at
        .iter()
        .enumerate()
        .map(|(m, &t)| {
            let eta: f64 = predicted_x[m * p..(m + 1) * p]
                .iter()
                .zip(&regression.coefficients)
                .map(|(a, b)| a * b)
                .sum();
            line.exposure[t] * libm::exp(eta.clamp(-700.0, 700.0))
        })
        .collect();
    Fit {
        hat: sensitivities(x, &regression.fitted),
        weights: sensitivities(&predicted_x, &expected),
        fitted_at: fitted_at.to_vec(),
        predicted_at: predicted_at.to_vec(),
        fitted: regression.fitted.clone(),
        prior: vec![0.0; expected.len()],
        expected,
        parameters: p - regression.dropped.len(),
        theta: regression.theta,
        linear_variance: linear,
        label: String::new(),
        rule: String::new(),
    }
}

/// Variance of one coefficient under a dispersion with autocorrelation: the coefficient is to
/// first order the linear form Σ (C x_i)_j (y_i − μ_i)/(1 + α μ_i).
fn coefficient_variance(
    fit: &Fit,
    x: &[f64],
    regression: &Regression,
    column: usize,
    dispersion: &Dispersion,
) -> f64 {
    let p = regression.coefficients.len();
    let alpha = regression.theta.map_or(0.0, |t| 1.0 / t);
    let length = fit.fitted_at.last().map_or(0, |t| t + 1);
    let mut form = vec![0.0; length];
    let mut mean = vec![0.0; length];
    let c = &regression.covariance[column * p..(column + 1) * p];
    for (i, &t) in fit.fitted_at.iter().enumerate() {
        let row = &x[i * p..(i + 1) * p];
        let dot: f64 = c.iter().zip(row).map(|(a, b)| a * b).sum();
        form[t] = dot / (1.0 + alpha * fit.fitted[i]);
        mean[t] = fit.fitted[i];
    }
    let poisson: f64 = form.iter().zip(&mean).map(|(l, m)| l * l * m).sum();
    poisson + form_variance(&form, &mean, dispersion)
}
