//! Fits a regression to a stream and turns it into expected values with their sensitivities:
//! chooses season and family by the stated rules, shrinks an uncertain trend. Not responsible for
//! the least squares (see `glm`) nor for years and ratchets (see `predict`).

use super::design::Shape;
use super::forecast::{Dispersion, Fit, form_variance};
use super::glm::{self, CountFamily, Regression, RegressionError, Ridge};
use super::series::Timeline;
use super::spec::{BaselineSpec, ChangeKind, Family, FitOn, Seasonality, Trend};
use libm::log;

/// A regression whose trend is not yet drawn towards zero, because that needs the dispersion.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    x: Vec<f64>,
    y: Vec<f64>,
    offset: Vec<f64>,
    shape: Shape,
    regression: Regression,
    /// The fit, without what it predicts.
    pub(crate) fit: Fit,
    /// The trend column, where the terms draw the trend towards zero.
    shrinks: Option<usize>,
}

impl Started {
    /// The trend per year as estimated and the variance of that estimate, where the terms draw
    /// the trend towards zero.
    pub(crate) fn trend(&self, dispersion: &Dispersion) -> Option<TrendEstimate> {
        let column = self.shrinks?;
        let variance =
            coefficient_variance(&self.fit, &self.x, &self.regression, column, dispersion);
        Some(TrendEstimate {
            estimate: *self.regression.coefficients.get(column)?,
            variance,
        })
    }

    /// Columns that were left out because they depend on others.
    pub(crate) fn collinear(&self) -> usize {
        self.regression.dropped.len()
    }
}

/// Fits the regression of the terms. `thin` streams get no season.
pub(crate) fn start(
    line: &Timeline,
    fitted_at: &[usize],
    changes: &[(usize, ChangeKind)],
    thin: bool,
    spec: &BaselineSpec,
) -> Result<Started, RegressionError> {
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
    let regression = if family == CountFamily::Poisson {
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
    let reach = reach(&x, &regression);
    let fit = Fit {
        hat: sensitivities(&x, &regression.fitted, &reach),
        weights: Vec::new(),
        fitted_at: fitted_at.to_vec(),
        predicted_at: Vec::new(),
        fitted: regression.fitted.clone(),
        prior: Vec::new(),
        expected: Vec::new(),
        parameters: regression.coefficients.len() - regression.dropped.len(),
        theta: regression.theta,
        linear_variance: matches!(spec.family, Family::Poisson | Family::QuasiPoisson),
        label,
        rule: rule(spec, thin),
    };
    let shrinks = shape.trend_column().filter(|column| {
        (spec.trend == Trend::Auto || (thin && spec.trend == Trend::Linear))
            && !regression.dropped.contains(column)
    });
    Ok(Started {
        x,
        y,
        offset,
        shape,
        regression,
        fit,
        shrinks,
    })
}

/// A trend that was estimated, per year on the log scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TrendEstimate {
    pub(crate) estimate: f64,
    pub(crate) variance: f64,
}

/// Points of the grid over the standard deviation of trends, and its end in units of the prior's
/// scale.
const GRID: usize = 48;
const GRID_END: f64 = 4.0;

/// The standard deviation of trends that the streams of a contract speak for: the root of the
/// posterior mean of τ², for estimates b_i ~ N(0, τ² + v_i) and τ half-normal with scale `scale`
/// (Gelman 2006, Bayesian Analysis 1: a weakly informative prior on the spread of few groups).
///
/// `scale` itself where no stream has a trend to speak of. Streams that all stand still make it
/// smaller, streams that move make it larger: the terms say what is usual, the baseline what is.
pub(crate) fn trend_sd(estimates: &[TrendEstimate], scale: f64) -> f64 {
    if scale <= 0.0 || estimates.is_empty() {
        return scale;
    }
    let points: Vec<(f64, f64)> = (0..GRID)
        .map(|k| {
            let tau = scale * GRID_END * (k as f64 + 0.5) / GRID as f64;
            let own = tau * tau / (scale * scale);
            let of_streams: f64 = estimates
                .iter()
                .map(|b| {
                    let v = tau * tau + b.variance.max(1e-12);
                    log(v) + b.estimate * b.estimate / v
                })
                .sum();
            (tau * tau, -0.5 * (own + of_streams))
        })
        .collect();
    let most = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
    let (mut weight, mut sum) = (0.0, 0.0);
    for (square, height) in points {
        let w = libm::exp(height - most);
        weight += w;
        sum += w * square;
    }
    if weight > 0.0 && sum.is_finite() {
        (sum / weight).sqrt()
    } else {
        scale
    }
}

/// Draws the trend towards zero, as far as `dispersion` makes it uncertain, and predicts.
pub(crate) fn finish(
    started: &Started,
    line: &Timeline,
    predicted_at: &[usize],
    dispersion: &Dispersion,
    trend_sd: f64,
) -> Result<Fit, RegressionError> {
    let Started {
        x,
        y,
        offset,
        shape,
        regression,
        ..
    } = started;
    let p = regression.coefficients.len();
    let prior = trend_sd * trend_sd;
    let drawn = match started.shrinks {
        Some(column) if regression.covariance[column * p + column] > 0.0 && prior > 0.0 => {
            let variance = coefficient_variance(&started.fit, x, regression, column, dispersion);
            let own = regression.covariance[column * p + column];
            let strength = variance / own / prior;
            let ridge = Ridge { column, strength };
            let start = (regression.coefficients.as_slice(), regression.theta);
            let held = glm::fit_given_theta(x, y, offset, ridge, start)?;
            Some((held, ridge))
        }
        _ => None,
    };
    let used = drawn.as_ref().map_or(regression, |(held, _)| held);
    let predicted_x = shape.matrix(line, predicted_at, false);
    let expected: Vec<f64> = predicted_at
        .iter()
        .zip(predicted_x.chunks_exact(p))
        .map(|(&t, row)| {
            let eta: f64 = row.iter().zip(&used.coefficients).map(|(a, b)| a * b).sum();
            line.exposure[t] * libm::exp(eta.clamp(-700.0, 700.0))
        })
        .collect();
    // The prior's own part of the error: strength × (C e_trend) × slope, slope ~ N(0, sd²).
    let prior = match &drawn {
        None => vec![0.0; expected.len()],
        Some((held, ridge)) => predicted_x
            .chunks_exact(p)
            .zip(&expected)
            .map(|(row, mean)| {
                let reach: f64 = row
                    .iter()
                    .enumerate()
                    .map(|(j, v)| v * held.covariance[j * p + ridge.column])
                    .sum();
                mean * reach * ridge.strength * trend_sd
            })
            .collect(),
    };
    Ok(Fit {
        hat: Vec::new(),
        weights: sensitivities(&predicted_x, &expected, &reach(x, used)),
        predicted_at: predicted_at.to_vec(),
        fitted: used.fitted.clone(),
        prior,
        expected,
        ..started.fit.clone()
    })
}

/// Poisson by the terms with model errors has no extra variance.
pub(crate) fn known_variance(mut dispersion: Dispersion, spec: &BaselineSpec) -> Dispersion {
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

/// C x_i / (1 + α μ_i), one row per fitted month: how a count moves the coefficients, to first
/// order. C = (X′WX + ridge)⁻¹.
fn reach(x: &[f64], regression: &Regression) -> Vec<f64> {
    let p = regression.coefficients.len();
    let alpha = regression.theta.map_or(0.0, |t| 1.0 / t);
    let mut reach = Vec::with_capacity(x.len());
    for (row, fitted) in x.chunks_exact(p).zip(&regression.fitted) {
        let w = 1.0 / (1.0 + alpha * fitted);
        for c in regression.covariance.chunks_exact(p) {
            reach.push(w * c.iter().zip(row).map(|(a, b)| a * b).sum::<f64>());
        }
    }
    reach
}

/// First-order sensitivities of means to every count: ∂μ_m/∂y_i = μ_m x_m′ C x_i / (1 + α μ_i).
fn sensitivities(rows: &[f64], means: &[f64], reach: &[f64]) -> Vec<f64> {
    let p = rows.len() / means.len().max(1);
    if p == 0 {
        return Vec::new();
    }
    let mut all = Vec::with_capacity(means.len() * (reach.len() / p));
    for (row, mean) in rows.chunks_exact(p).zip(means) {
        for of_count in reach.chunks_exact(p) {
            let dot: f64 = row.iter().zip(of_count).map(|(a, b)| a * b).sum();
            all.push(mean * dot);
        }
    }
    all
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
    for (l, m) in form.iter_mut().zip(&mean) {
        *l *= dispersion.scale(*m);
    }
    poisson + form_variance(&form, dispersion.rho)
}
