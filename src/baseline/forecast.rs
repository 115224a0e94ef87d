//! What a fitted model says of the months of a cell, and the variance of any sum of them.
//! Every model of this stage gives the same thing: expected values that are (to first order)
//! linear in the baseline's counts. So one formula serves months, quarters, years, cells and
//! contracts, and intervals are joint by construction. Not responsible for fitting.

use super::spec::Errors;
use super::special::{normal_quantile, t_quantile};

/// The months used for a fit and what the fit says of them and of the months predicted.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    /// Timeline indices fitted on, ascending.
    pub(crate) fitted_at: Vec<usize>,
    /// Timeline indices predicted, ascending.
    pub(crate) predicted_at: Vec<usize>,
    /// Fitted means at `fitted_at`.
    pub(crate) fitted: Vec<f64>,
    /// Expected values at `predicted_at`.
    pub(crate) expected: Vec<f64>,
    /// ∂ fitted / ∂ count, row-major, one row and one column per `fitted_at`.
    pub(crate) hat: Vec<f64>,
    /// ∂ expected / ∂ count, row-major, one row per `predicted_at`.
    pub(crate) weights: Vec<f64>,
    /// Coefficients estimated.
    pub(crate) parameters: usize,
    /// NB2 theta of the fit, if it has one.
    pub(crate) theta: Option<f64>,
    /// Error of each expected value per standard deviation of the prior on the trend.
    pub(crate) prior: Vec<f64>,
    /// Whether the extra variance is proportional to the mean (quasi-Poisson) rather than to its
    /// square (NB2).
    pub(crate) linear_variance: bool,
    /// Name of the model.
    pub(crate) label: String,
    /// The rule by which it was chosen.
    pub(crate) rule: String,
}

/// The second-order structure of a cell's counts around their means:
/// Var(y_t) = m_t + s_t², Cov(y_t, y_u) = s_t s_u ρ^|t−u|, with s_t² = `extra` × m_t² (NB2) or
/// `extra` × m_t (quasi-Poisson).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dispersion {
    /// Size of the extra variance, ≥ 0.
    pub(crate) extra: f64,
    /// Whether the extra variance is linear in the mean.
    pub(crate) linear: bool,
    /// First-order autocorrelation of the extra variation, in [0, 1).
    pub(crate) rho: f64,
    /// Pearson chi-square / (n − p) against Poisson variance.
    pub(crate) pearson: f64,
    /// Degrees of freedom behind `extra`.
    pub(crate) df: f64,
}

impl Dispersion {
    /// s_t for a mean.
    pub(crate) fn scale(&self, mean: f64) -> f64 {
        if self.linear {
            (self.extra * mean).sqrt()
        } else {
            self.extra.sqrt() * mean
        }
    }
}

/// A cell's (or pool's) prediction over its timeline.
#[derive(Debug, Clone)]
pub(crate) struct Forecast {
    /// Means over the timeline: fitted in the baseline, expected in the performance period;
    /// zero where nothing is known.
    pub(crate) mean: Vec<f64>,
    /// First index of the performance period.
    pub(crate) performance_from: usize,
    /// ∂ expected / ∂ count over the timeline, one row per performance month.
    pub(crate) weights: Vec<Vec<f64>>,
    /// Errors of the performance months per standard deviation of independent priors (trend,
    /// peers); each is shared by all months.
    pub(crate) priors: Vec<Vec<f64>>,
    /// NB2 theta by maximum likelihood.
    pub(crate) theta: Option<f64>,
    /// Raw baseline residuals over the timeline; zero elsewhere.
    pub(crate) residual: Vec<f64>,
    /// Baseline months behind the residuals less coefficients.
    pub(crate) df_residual: f64,
    /// Baseline months behind the residuals.
    pub(crate) n: f64,
    /// Second-order structure.
    pub(crate) dispersion: Dispersion,
    /// Which errors.
    pub(crate) errors: Errors,
    /// Newey–West lag.
    pub(crate) lag: usize,
    /// Name of the model.
    pub(crate) label: String,
    /// The rule by which it was chosen.
    pub(crate) rule: String,
}

/// Variance of a prediction error, split by how well it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Variance {
    /// Poisson part and prior: follow from the means and the terms alone.
    pub(crate) known: f64,
    /// Part with estimated size: overdispersion, autocorrelation, robust errors.
    pub(crate) estimated: f64,
    /// Σ estimated² / df, for Satterthwaite's degrees of freedom.
    pub(crate) squared_over_df: f64,
}

impl Variance {
    /// Adds the variance of an independent part.
    pub(crate) fn add(&mut self, other: Variance) {
        self.known += other.known;
        self.estimated += other.estimated;
        self.squared_over_df += other.squared_over_df;
    }

    /// Multiplies all parts, the extra counting as estimated.
    pub(crate) fn inflate(&mut self, factor: f64) {
        self.estimated = self.total() * factor - self.known;
        self.squared_over_df *= factor * factor;
    }

    /// The variance of the error × `factor`.
    pub(crate) fn scaled(self, factor: f64) -> Variance {
        let square = factor * factor;
        Variance {
            known: self.known * square,
            estimated: self.estimated * square,
            squared_over_df: self.squared_over_df * square * square,
        }
    }

    /// The variance.
    pub(crate) fn total(&self) -> f64 {
        self.known + self.estimated
    }

    /// Effective degrees of freedom (Satterthwaite 1946, Biometrics Bulletin 2): the Poisson
    /// part is known, the other part is not.
    fn df(&self) -> f64 {
        if self.squared_over_df > 0.0 {
            self.total() * self.total() / self.squared_over_df
        } else {
            f64::INFINITY
        }
    }
}

impl Forecast {
    /// Variance of (expected − actual) summed over performance months, for the fraction `share`
    /// of the stream that the forecast was made for.
    ///
    /// The error is the linear form Σ l_t (y_t − m_t) with l = (Σ of weight rows) − (1 in the
    /// months summed): parameter uncertainty, process uncertainty and their covariance at once.
    pub(crate) fn error_variance(&self, months: &[usize], share: f64) -> Variance {
        let length = self.mean.len();
        let mut form = vec![0.0; length];
        for &t in months {
            for (l, w) in form
                .iter_mut()
                .zip(&self.weights[t - self.performance_from])
            {
                *l += w;
            }
        }
        if self.errors == Errors::NeweyWest {
            return self.newey_west(&form, months, share);
        }
        let mut poisson = 0.0;
        for (l, m) in form.iter().zip(&self.mean) {
            poisson += l * l * m * share * share;
        }
        for &t in months {
            // The counterfactual's own noise is drawn for the share only.
            let l = form[t];
            poisson += share * self.mean[t] * (1.0 - 2.0 * l * share);
            form[t] = l - 1.0;
        }
        let d = &self.dispersion;
        let extra = share * share * form_variance(&form, &self.mean, d);
        Variance {
            known: poisson.max(0.0) + self.prior_variance(months, share),
            estimated: extra,
            squared_over_df: extra * extra / d.df.max(1.0),
        }
    }

    fn prior_variance(&self, months: &[usize], share: f64) -> f64 {
        let squares: f64 = self
            .priors
            .iter()
            .map(|prior| {
                let sum: f64 = months
                    .iter()
                    .map(|t| prior[t - self.performance_from])
                    .sum();
                sum * sum
            })
            .sum();
        share * share * squares
    }

    /// Newey & West (1987, Econometrica 55) for the coefficients with n/(n − p), plus
    /// independent process variance.
    fn newey_west(&self, form: &[f64], months: &[usize], share: f64) -> Variance {
        let u: Vec<f64> = form
            .iter()
            .zip(&self.residual)
            .map(|(l, e)| l * e)
            .collect();
        let mut sum = u.iter().map(|x| x * x).sum::<f64>();
        for k in 1..=self.lag.min(u.len().saturating_sub(1)) {
            let bartlett = 1.0 - k as f64 / (self.lag as f64 + 1.0);
            let cross: f64 = u.iter().zip(&u[k..]).map(|(a, b)| a * b).sum();
            sum += 2.0 * bartlett * cross;
        }
        let small_sample = if self.df_residual > 0.0 {
            self.n / self.df_residual
        } else {
            1.0
        };
        let parameters = share * share * sum.max(0.0) * small_sample;
        let mut variance = Variance::default();
        let mut process = 0.0;
        for &t in months {
            variance.known += share * self.mean[t];
            let s = share * self.dispersion.scale(self.mean[t]);
            process += s * s;
        }
        variance.known += self.prior_variance(months, share);
        variance.estimated = parameters + process;
        variance.squared_over_df =
            variance.estimated * variance.estimated / self.dispersion.df.max(1.0);
        variance
    }
}

/// Variance of Σ l_t (y_t − m_t) beyond its Poisson part: Σ_t Σ_u l_t l_u s_t s_u ρ^|t−u|, in one
/// pass.
pub(crate) fn form_variance(form: &[f64], mean: &[f64], dispersion: &Dispersion) -> f64 {
    let (mut extra, mut carried) = (0.0, 0.0);
    for (l, &m) in form.iter().zip(mean) {
        carried *= dispersion.rho;
        let z = l * dispersion.scale(m);
        extra += z * (z + 2.0 * carried);
        carried += z;
    }
    extra.max(0.0)
}

/// Two-sided interval of the counterfactual number, as (low, high); `level` in (0, 1).
///
/// The lower end is E − t·sd, not below zero; the upper end is that of the gamma distribution
/// with the same two moments (Wilson & Hilferty 1931, PNAS 17), because counts are skewed to the
/// right. For small counts both lie on the wide side; for large ones they are the same. t has
/// Satterthwaite's degrees of freedom.
pub(crate) fn count_interval(expected: f64, variance: &Variance, level: f64) -> (f64, f64) {
    let total = variance.total();
    if expected <= 0.0 || total <= 0.0 {
        return (expected.max(0.0), expected.max(0.0));
    }
    let p = 0.5 + 0.5 * level;
    let q = fast_t(p, variance.df());
    let sd = total.sqrt();
    let low = (expected - q * sd).max(0.0);
    let v = total / (expected * expected);
    let root = 1.0 - v / 9.0 + q * (v / 9.0).sqrt();
    let high = expected * root * root * root;
    (low, high.max(expected + q * sd))
}

/// t quantile by its expansion in 1/df (Abramowitz & Stegun 26.7.5, error below 1e-4 from 12
/// degrees of freedom on), exact below.
fn fast_t(p: f64, df: f64) -> f64 {
    if df < 12.0 {
        return t_quantile(p, df.max(1.0));
    }
    let z = normal_quantile(p);
    let z2 = z * z;
    z + z * (z2 + 1.0) / (4.0 * df)
        + z * ((5.0 * z2 + 16.0) * z2 + 3.0) / (96.0 * df * df)
        + z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / (384.0 * df * df * df)
}
