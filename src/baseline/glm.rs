//! Log-linear regression of counts by iteratively reweighted least squares: Poisson and NB2 with
//! theta by maximum likelihood. Not responsible for what the columns are (see `design`) nor for
//! predicting.
//!
//! Sources: McCullagh & Nelder, Generalized Linear Models (2nd ed. 1989), 2.5 (IRLS), 6.2
//! (Poisson), 6.2.3 and Cameron & Trivedi, Regression Analysis of Count Data (2013), 3.3 (NB2).

use super::matrix::Factored;
use super::special::{digamma_trigamma, ln_gamma};
use libm::{exp, log};

const MAX_ITERATIONS: usize = 60;
/// Relative change of the deviance at which the iteration stops (one more step is taken).
const TOLERANCE: f64 = 1e-10;
/// Largest theta, in units of the mean, that is told from Poisson: the variance then differs by
/// 0.1 %.
const THETA_MAX: f64 = 1e3;

/// Why a regression has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegressionError {
    /// Fewer observations than coefficients, or unequal lengths.
    #[error("too few observations for the number of coefficients")]
    TooFew,
    /// Every count is zero.
    #[error("every count is zero")]
    AllZero,
    /// A group of months has no incident, so a coefficient runs to minus infinity.
    #[error("a coefficient runs to infinity: the months of one group have no incidents")]
    Separation,
    /// A count is negative, or a count, offset or column is not finite.
    #[error("a count is negative or a value is not finite")]
    NotFinite,
    /// The iteration did not settle.
    #[error("the iteration did not settle")]
    NotConverged,
}

/// The count distribution of [`regress`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CountFamily {
    /// Variance = mean.
    Poisson,
    /// Variance = mean + mean²/theta, theta by maximum likelihood; Poisson when the counts are
    /// not overdispersed.
    NegativeBinomial,
}

/// A fitted regression.
#[derive(Debug, Clone)]
pub struct Regression {
    /// Coefficients in the order of the columns; 0 for dropped ones.
    pub coefficients: Vec<f64>,
    /// Fitted means.
    pub fitted: Vec<f64>,
    /// Poisson or NB2 deviance.
    pub deviance: f64,
    /// Pearson Σ (y − μ)²/μ, against Poisson variance.
    pub pearson: f64,
    /// NB2 theta; `None` for Poisson and where the counts are not overdispersed.
    pub theta: Option<f64>,
    /// (X′WX)⁻¹, row-major: covariance of the coefficients under the family.
    pub covariance: Vec<f64>,
    /// Columns dropped because they depend on earlier ones.
    pub dropped: Vec<usize>,
    /// Iterations taken.
    pub iterations: usize,
}

impl Regression {
    /// Observations less estimated coefficients (theta not counted).
    #[must_use]
    pub fn df_residual(&self) -> f64 {
        (self.fitted.len() + self.dropped.len()) as f64 - self.coefficients.len() as f64
    }

    /// Quasi-Poisson dispersion: Pearson / (n − p) (McCullagh & Nelder 4.5).
    #[must_use]
    pub fn dispersion(&self) -> f64 {
        self.pearson / self.df_residual().max(1.0)
    }

    /// Log-likelihood of the counts that were fitted, with all constants.
    #[must_use]
    pub fn log_likelihood(&self, y: &[f64]) -> f64 {
        y.iter()
            .zip(&self.fitted)
            .map(|(&y, &m)| match self.theta {
                None => y * log(m) - m - ln_gamma(y + 1.0),
                Some(t) => {
                    let of_count = if y > 0.0 { y * log(m / (m + t)) } else { 0.0 };
                    let constant = ln_gamma(y + t) - ln_gamma(t) - ln_gamma(y + 1.0);
                    constant + of_count - t * libm::log1p(m / t)
                }
            })
            .sum()
    }

    /// Standard errors under the family: √ of the diagonal of (X′WX)⁻¹.
    #[must_use]
    pub fn standard_errors(&self) -> Vec<f64> {
        let p = self.coefficients.len();
        (0..p)
            .map(|j| self.covariance[j * p + j].max(0.0).sqrt())
            .collect()
    }

    /// Newey–West standard errors (Bartlett kernel, `lag` months, factor n/(n − p) when
    /// `small_sample`), Newey & West 1987. `x` row-major as given to [`regress`].
    #[must_use]
    pub fn newey_west(&self, x: &[f64], y: &[f64], lag: usize, small_sample: bool) -> Vec<f64> {
        let (n, p) = (self.fitted.len(), self.coefficients.len());
        let alpha = self.theta.map_or(0.0, |t| 1.0 / t);
        let score: Vec<f64> = (0..n)
            .flat_map(|i| {
                let u = (y[i] - self.fitted[i]) / (1.0 + alpha * self.fitted[i]);
                (0..p).map(move |j| u * x[i * p + j])
            })
            .collect();
        let mut meat = vec![0.0; p * p];
        for k in 0..=lag.min(n.saturating_sub(1)) {
            let weight = 1.0 - k as f64 / (lag as f64 + 1.0);
            for i in k..n {
                for a in 0..p {
                    for b in 0..p {
                        let cross = score[i * p + a] * score[(i - k) * p + b];
                        meat[a * p + b] += weight * cross;
                        if k > 0 {
                            meat[b * p + a] += weight * cross;
                        }
                    }
                }
            }
        }
        let factor = if small_sample {
            n as f64 / self.df_residual().max(1.0)
        } else {
            1.0
        };
        (0..p)
            .map(|j| {
                let bread = &self.covariance[j * p..(j + 1) * p];
                let mut v = 0.0;
                for a in 0..p {
                    for b in 0..p {
                        v += bread[a] * meat[a * p + b] * bread[b];
                    }
                }
                (factor * v).max(0.0).sqrt()
            })
            .collect()
    }
}

/// A Gaussian prior on one coefficient: `strength` is added to the diagonal of X′WX, and the
/// coefficient is drawn towards 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ridge {
    pub(crate) column: usize,
    pub(crate) strength: f64,
}

/// Regresses counts on columns with log link and offset.
///
/// `x` is row-major with `y.len()` rows; `offset` is the log of the exposure. Coefficients solve
/// X′(y − μ)/(1 + μ/θ) = 0 to a relative change of the deviance below 1e-10 and one step more.
/// For NB2, β and θ are orthogonal, so a Newton step of θ goes with every step of β.
pub fn regress(
    x: &[f64],
    y: &[f64],
    offset: &[f64],
    family: CountFamily,
) -> Result<Regression, RegressionError> {
    fit(x, y, offset, family, None, None)
}

/// One more fit of β with theta held and a prior on one coefficient, from given values on.
pub(crate) fn fit_given_theta(
    x: &[f64],
    y: &[f64],
    offset: &[f64],
    ridge: Ridge,
    start: (&[f64], Option<f64>),
) -> Result<Regression, RegressionError> {
    fit(x, y, offset, CountFamily::Poisson, Some(ridge), Some(start))
}

/// IRLS; with family `Poisson` a theta given in `start` is held.
pub(crate) fn fit(
    x: &[f64],
    y: &[f64],
    offset: &[f64],
    family: CountFamily,
    ridge: Option<Ridge>,
    start: Option<(&[f64], Option<f64>)>,
) -> Result<Regression, RegressionError> {
    let n = y.len();
    if n == 0 || offset.len() != n || !x.len().is_multiple_of(n) || x.len() / n > n {
        return Err(RegressionError::TooFew);
    }
    let p = x.len() / n;
    if y.iter().any(|v| !(v.is_finite() && *v >= 0.0))
        || offset.iter().chain(x).any(|v| !v.is_finite())
    {
        return Err(RegressionError::NotFinite);
    }
    let mean = y.iter().sum::<f64>() / n as f64;
    if mean <= 0.0 {
        return Err(RegressionError::AllZero);
    }
    let mut state = State {
        mu: y.iter().map(|v| 0.5 * (v + mean)).collect(),
        eta: Vec::new(),
        beta: vec![0.0; p],
    };
    state.eta = state.mu.iter().map(|m| log(*m)).collect();
    let mut theta: Option<f64> = None;
    if let Some((beta, from)) = start {
        state.beta.copy_from_slice(beta);
        state.move_to(x, offset, beta.to_vec());
        theta = from;
    }
    let mut deviance = f64::INFINITY;
    let mut factored = Factored::new(&[], 0);
    let mut settled = 0;
    let mut fallen = 0;
    let mut iterations = 0;
    while settled < 2 {
        if iterations == MAX_ITERATIONS {
            return Err(RegressionError::NotConverged);
        }
        iterations += 1;
        let alpha = theta.map_or(0.0, |t| 1.0 / t);
        let (a, b) = normal_equations(x, y, offset, &state, alpha, ridge);
        factored = Factored::new(&a, p);
        let proposed = factored.solve(&b);
        let previous = state.beta.clone();
        let first = iterations == 1 && start.is_none();
        state.move_to(x, offset, proposed.clone());
        let mut now = penalised(y, &state, alpha, ridge);
        // Step halving keeps the deviance from rising (McCullagh & Nelder 2.5).
        let mut halvings = 0;
        let allowed = deviance + 1e-8 * (deviance.abs() + 1.0);
        while !first && (now.is_nan() || now > allowed) && halvings < 20 {
            halvings += 1;
            let middle: Vec<f64> = state
                .beta
                .iter()
                .zip(&previous)
                .map(|(b, old)| 0.5 * (b + old))
                .collect();
            state.move_to(x, offset, middle);
            now = penalised(y, &state, alpha, ridge);
        }
        if !now.is_finite() {
            return Err(RegressionError::NotConverged);
        }
        // A mean this far below the average belongs to a coefficient on its way to −∞.
        if iterations > 4 && state.mu.iter().any(|m| *m < 1e-6 * mean) {
            return Err(RegressionError::Separation);
        }
        let mut moved = (now - deviance).abs() / (now.abs() + 0.1);
        if family == CountFamily::NegativeBinomial && fallen < 2 {
            let next = step_theta(y, &state.mu, theta);
            if theta.is_some() && next.is_none() {
                // At the edge of overdispersion β with and without θ can disagree about it for
                // ever; the second time the simpler one, Poisson, stays.
                fallen += 1;
            }
            moved = moved.max(match (theta, next) {
                // By its effect on the variance: a large theta is known to few digits and
                // matters in fewer.
                (Some(a), Some(b)) => (1.0 / a - 1.0 / b).abs() * mean / (1.0 + mean / b) * 1e-2,
                (None, None) => 0.0,
                _ => 1.0,
            });
            if next != theta {
                theta = next;
                now = penalised(y, &state, theta.map_or(0.0, |t| 1.0 / t), ridge);
            }
        }
        deviance = now;
        settled = if moved < TOLERANCE { settled + 1 } else { 0 };
    }
    let alpha = theta.map_or(0.0, |t| 1.0 / t);
    let pearson = y
        .iter()
        .zip(&state.mu)
        .map(|(y, m)| (y - m) * (y - m) / m)
        .sum();
    Ok(Regression {
        deviance: plain_deviance(y, &state.mu, alpha),
        pearson,
        covariance: factored.inverse(),
        dropped: factored.dependent,
        coefficients: state.beta,
        fitted: state.mu,
        theta,
        iterations,
    })
}

struct State {
    mu: Vec<f64>,
    eta: Vec<f64>,
    beta: Vec<f64>,
}

impl State {
    fn move_to(&mut self, x: &[f64], offset: &[f64], beta: Vec<f64>) {
        let p = beta.len();
        for (i, o) in offset.iter().enumerate() {
            let row = &x[i * p..(i + 1) * p];
            let eta = o + row.iter().zip(&beta).map(|(a, b)| a * b).sum::<f64>();
            self.eta[i] = eta;
            self.mu[i] = exp(eta.clamp(-700.0, 700.0));
        }
        self.beta = beta;
    }
}

fn normal_equations(
    x: &[f64],
    y: &[f64],
    offset: &[f64],
    state: &State,
    alpha: f64,
    ridge: Option<Ridge>,
) -> (Vec<f64>, Vec<f64>) {
    let p = state.beta.len();
    let mut a = vec![0.0; p * p];
    let mut b = vec![0.0; p];
    for i in 0..y.len() {
        let m = state.mu[i];
        let w = m / (1.0 + alpha * m);
        let z = state.eta[i] - offset[i] + (y[i] - m) / m;
        let row = &x[i * p..(i + 1) * p];
        for j in 0..p {
            let wx = w * row[j];
            b[j] += wx * z;
            for (cell, v) in a[j * p..=j * p + j].iter_mut().zip(row) {
                *cell += wx * v;
            }
        }
    }
    if let Some(r) = ridge {
        a[r.column * p + r.column] += r.strength;
    }
    (a, b)
}

fn penalised(y: &[f64], state: &State, alpha: f64, ridge: Option<Ridge>) -> f64 {
    let penalty = ridge.map_or(0.0, |r| {
        r.strength * state.beta[r.column] * state.beta[r.column]
    });
    plain_deviance(y, &state.mu, alpha) + penalty
}

/// Poisson deviance 2 Σ [y ln(y/μ) − (y − μ)], or NB2
/// 2 Σ [y ln(y/μ) − (y + θ) ln((y + θ)/(μ + θ))].
fn plain_deviance(y: &[f64], mu: &[f64], alpha: f64) -> f64 {
    let mut sum = 0.0;
    for (&y, &m) in y.iter().zip(mu) {
        let own = if y > 0.0 { y * log(y / m) } else { 0.0 };
        sum += if alpha > 0.0 {
            own - (y + 1.0 / alpha) * libm::log1p(alpha * (y - m) / (1.0 + alpha * m))
        } else {
            own - (y - m)
        };
    }
    2.0 * sum
}

/// One Newton step of ln θ on the profile likelihood (Cameron & Trivedi 2013, 3.3.1; the score is
/// that of R's MASS `theta.ml`). `None` stands for no overdispersion: the score of α = 1/θ at 0,
/// Σ [(y − μ)² − y]/2, is not positive.
fn step_theta(y: &[f64], mu: &[f64], theta: Option<f64>) -> Option<f64> {
    let at_zero: f64 = y.iter().zip(mu).map(|(y, m)| (y - m) * (y - m) - y).sum();
    if at_zero <= 0.0 {
        return None;
    }
    let t = theta.unwrap_or_else(|| {
        let spread: f64 = y
            .iter()
            .zip(mu)
            .map(|(y, m)| ((y - m) * (y - m) - m) / (m * m))
            .sum();
        if spread > 0.0 {
            (y.len() as f64 / spread).clamp(1e-3, 1e6)
        } else {
            1e3
        }
    });
    let (psi, tri) = digamma_trigamma(t);
    let ln_t = log(t);
    let (mut score, mut slope) = (0.0, 0.0);
    for (&y, &m) in y.iter().zip(mu) {
        let (psi_y, tri_y) = digamma_trigamma(t + y);
        let r = (y + t) / (m + t);
        score += psi_y - psi + ln_t - log(m + t) + 1.0 - r;
        slope += tri_y - tri + 1.0 / t - 2.0 / (m + t) + r / (m + t);
    }
    // In u = ln θ: gradient θ·score, curvature θ²·slope + θ·score.
    let gradient = t * score;
    let curvature = t * t * slope + gradient;
    let step = if curvature < 0.0 {
        (-gradient / curvature).clamp(-2.0, 2.0)
    } else if gradient > 0.0 {
        1.0
    } else {
        -1.0
    };
    let next = t * exp(step);
    let mean = mu.iter().sum::<f64>() / mu.len() as f64;
    if next > THETA_MAX * mean.max(1.0) {
        None
    } else {
        Some(next.max(1e-6))
    }
}
