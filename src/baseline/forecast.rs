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

/// The error of one stream's (expected − actual) over some months, in the parts that add up
/// differently over streams.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorParts {
    /// Variance of the Poisson part, the prior and shares: independent of other streams.
    pub(crate) known: f64,
    /// Variance that is independent of other streams, but of estimated size.
    pub(crate) own: f64,
    /// The extra variation as a linear form in standardised disturbances of the months of the
    /// timeline: streams of a contract may share these.
    pub(crate) form: Vec<f64>,
    /// Autocorrelation of the disturbances.
    pub(crate) rho: f64,
    /// The errors of the coefficients as a sum over months, for Newey–West; else empty.
    pub(crate) scores: Vec<f64>,
    /// Lag of the Newey–West sum.
    pub(crate) lag: usize,
    /// Degrees of freedom behind the estimated sizes.
    pub(crate) df: f64,
}

impl Forecast {
    /// Parts of the error of (expected − actual) summed over performance months, for the fraction
    /// `share` of the stream that the forecast was made for, times `weight`.
    ///
    /// The error is the linear form Σ l_t (y_t − m_t) with l = (Σ of weight rows) − (1 in the
    /// months summed): parameter uncertainty, process uncertainty and their covariance at once.
    pub(crate) fn error_parts(&self, months: &[usize], share: f64, weight: f64) -> ErrorParts {
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
        let square = weight * weight;
        let mut parts = ErrorParts {
            known: square * self.prior_variance(months, share),
            rho: self.dispersion.rho,
            lag: self.lag,
            df: self.dispersion.df.max(1.0),
            ..ErrorParts::default()
        };
        let scaled = share * weight;
        if self.errors == Errors::NeweyWest {
            // Newey & West 1987 for the coefficients, with n/(n − p); independent months for the
            // process.
            let small_sample = if self.df_residual > 0.0 {
                (self.n / self.df_residual).sqrt()
            } else {
                1.0
            };
            parts.scores = form
                .iter()
                .zip(&self.residual)
                .map(|(l, e)| scaled * small_sample * l * e)
                .collect();
            form.fill(0.0);
            for &t in months {
                parts.known += square * share * self.mean[t];
                form[t] = 1.0;
            }
            parts.rho = 0.0;
        } else {
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
            parts.known += square * poisson.max(0.0);
        }
        for (l, m) in form.iter_mut().zip(&self.mean) {
            *l *= scaled * self.dispersion.scale(*m);
        }
        parts.form = form;
        parts
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

    /// Adds the baseline's residuals and the standard deviations of its disturbances to sums over
    /// streams.
    pub(crate) fn disturbances(&self, together: &mut Together) {
        let correction = if self.df_residual > 0.0 {
            (self.n / self.df_residual).sqrt()
        } else {
            1.0
        };
        together.streams += 1;
        let length = self.residual.len().max(together.residual.len());
        together.residual.resize(length, 0.0);
        together.scale.resize(length, 0.0);
        for (t, &r) in self.residual.iter().enumerate() {
            if r == 0.0 {
                continue;
            }
            let (r, s) = (correction * r, self.dispersion.scale(self.mean[t]));
            together.residual[t] += r;
            together.scale[t] += s;
            together.residual_squares += r * r;
            together.scale_squares += s * s;
        }
    }
}

/// Sums over the streams of a contract, per month: what they have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Together {
    streams: usize,
    residual: Vec<f64>,
    scale: Vec<f64>,
    residual_squares: f64,
    scale_squares: f64,
}

impl Together {
    /// The correlation of the disturbances of different streams in the same month, 0 to 1.
    ///
    /// Poisson variation of different streams is independent, so the products of their residuals
    /// (times n/(n − p), for what the fits took away) estimate the covariance of the disturbances
    /// alone: c = ΣΣ_{i≠j} r_i r_j / ΣΣ_{i≠j} s_i s_j, the pooled moment estimator of an
    /// exchangeable correlation (Liang & Zeger 1986, Biometrika 73). A negative one is taken as
    /// none: it would make the interval narrower by luck.
    pub(crate) fn correlation(&self) -> f64 {
        if self.streams < 2 {
            return 0.0;
        }
        let squares = |all: &[f64]| all.iter().map(|x| x * x).sum::<f64>();
        let covariance = squares(&self.residual) - self.residual_squares;
        let most = squares(&self.scale) - self.scale_squares;
        if most > 0.0 {
            (covariance / most).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// Adds up the errors of streams whose disturbances have the correlation `common`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorSum {
    known: f64,
    own: f64,
    own_squared_over_df: f64,
    alone: f64,
    alone_squared_over_df: f64,
    form: Vec<f64>,
    rho: f64,
    scores: Vec<f64>,
    lag: usize,
    least_df: Option<f64>,
}

impl ErrorSum {
    /// Adds a stream.
    pub(crate) fn add(&mut self, parts: &ErrorParts) {
        self.known += parts.known;
        self.own += parts.own;
        self.own_squared_over_df += parts.own * parts.own / parts.df;
        let alone = form_variance(&parts.form, parts.rho);
        self.alone += alone;
        self.alone_squared_over_df += alone * alone / parts.df;
        for (sum, part) in [
            (&mut self.form, &parts.form),
            (&mut self.scores, &parts.scores),
        ] {
            sum.resize(part.len().max(sum.len()), 0.0);
            for (a, b) in sum.iter_mut().zip(part) {
                *a += b;
            }
        }
        self.rho = self.rho.max(parts.rho);
        self.lag = self.lag.max(parts.lag);
        self.least_df = Some(self.least_df.map_or(parts.df, |df| df.min(parts.df)));
    }

    /// The variance of the sum.
    pub(crate) fn variance(&self, common: f64) -> Variance {
        let df = self.least_df.unwrap_or(1.0);
        // Var Σ_i f_i with Cov(f_i, f_j) = c × what it would be if both had the same disturbances.
        let together = common * form_variance(&self.form, self.rho);
        let apart = (1.0 - common) * self.alone;
        let scores = newey_west(&self.scores, self.lag);
        let keep = (1.0 - common) * (1.0 - common);
        Variance {
            known: self.known,
            estimated: self.own + apart + together + scores,
            squared_over_df: self.own_squared_over_df
                + keep * self.alone_squared_over_df
                + (together * together + scores * scores) / df,
        }
    }
}

/// Long-run variance of a sum with Bartlett weights (Newey & West 1987, Econometrica 55).
fn newey_west(scores: &[f64], lag: usize) -> f64 {
    let mut sum = scores.iter().map(|x| x * x).sum::<f64>();
    for k in 1..=lag.min(scores.len().saturating_sub(1)) {
        let bartlett = 1.0 - k as f64 / (lag as f64 + 1.0);
        let cross: f64 = scores.iter().zip(&scores[k..]).map(|(a, b)| a * b).sum();
        sum += 2.0 * bartlett * cross;
    }
    sum.max(0.0)
}

/// Variance of Σ f_t d_t for disturbances d with variance 1 and autocorrelation ρ^|t−u|, in one
/// pass.
pub(crate) fn form_variance(form: &[f64], rho: f64) -> f64 {
    let (mut sum, mut carried) = (0.0, 0.0);
    for z in form {
        carried *= rho;
        sum += z * (z + 2.0 * carried);
        carried += z;
    }
    sum.max(0.0)
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
