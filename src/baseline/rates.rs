//! One and two rates of rare events: exact, mid-p and score intervals, each with the p value that
//! belongs to it, so that "significant" and "the interval excludes it" never disagree. Not
//! responsible for seasons or trends.

use super::special::{
    beta_cdf, beta_quantile, bisect, gamma_cdf, gamma_quantile, normal_cdf, normal_quantile,
};

/// How an interval and its p value are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateMethod {
    /// Central exact: each tail at most half of 1 − level (Garwood 1936, Biometrika 28; for two
    /// rates Clopper–Pearson on the conditional binomial, Przyborowski & Wilenski 1940).
    Exact,
    /// Central mid-p: half of the probability of the observed count in each tail (Lancaster 1961).
    MidP,
    /// Score test inverted (for two rates Wilson's interval on the conditional binomial).
    Score,
}

/// A rate or ratio with its interval and p value.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Point estimate; `None` for a ratio to a rate of zero.
    pub estimate: Option<f64>,
    /// Lower end.
    pub low: f64,
    /// Upper end; `None` when it is unbounded.
    pub high: Option<f64>,
    /// Two-sided p value of the hypothesis given; at most 1 − level exactly when the interval
    /// excludes it.
    pub p_value: f64,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Exposure must be finite and above zero.
    #[error("the exposure must be a positive number")]
    Exposure,
    /// The level must lie in (0, 1).
    #[error("the level must lie between 0 and 1")]
    Level,
    /// The hypothesis must be finite and above zero.
    #[error("the rate or ratio under test must be a positive number")]
    Hypothesis,
    /// Neither side has an event.
    #[error("neither rate has an event, so their ratio is unknown")]
    NoEvents,
}

fn positive(value: f64, error: RateError) -> Result<(), RateError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(error)
    }
}

fn checked_level(level: f64) -> Result<f64, RateError> {
    if level > 0.0 && level < 1.0 {
        Ok(0.5 * (1.0 - level))
    } else {
        Err(RateError::Level)
    }
}

/// P(X ≤ n) for X ~ Poisson(mean).
fn poisson_cdf(n: f64, mean: f64) -> f64 {
    if n < 0.0 {
        0.0
    } else {
        1.0 - gamma_cdf(mean, n + 1.0)
    }
}

/// (P(X ≥ n), P(X ≤ n)), with half of P(X = n) taken off each for mid-p.
fn poisson_tails(n: f64, mean: f64, mid: bool) -> (f64, f64) {
    let (upper, lower) = (1.0 - poisson_cdf(n - 1.0, mean), poisson_cdf(n, mean));
    if mid {
        let half = 0.5 * (upper + lower - 1.0).max(0.0);
        (upper - half, lower - half)
    } else {
        (upper, lower)
    }
}

/// Interval of one rate (events per unit of exposure) and the test that it equals `hypothesis`.
pub fn one_rate(
    events: u64,
    exposure: f64,
    hypothesis: f64,
    level: f64,
    method: RateMethod,
) -> Result<Interval, RateError> {
    positive(exposure, RateError::Exposure)?;
    positive(hypothesis, RateError::Hypothesis)?;
    let tail = checked_level(level)?;
    let n = events as f64;
    let mean = hypothesis * exposure;
    let (low, high, p_value) = match method {
        RateMethod::Exact => {
            let low = if events == 0 {
                0.0
            } else {
                gamma_quantile(tail, n)
            };
            let (up, down) = poisson_tails(n, mean, false);
            (low, gamma_quantile(1.0 - tail, n + 1.0), 2.0 * up.min(down))
        }
        RateMethod::MidP => {
            let most = gamma_quantile(1.0 - 0.1 * tail, n + 1.0) + 1.0;
            let low = if events == 0 {
                0.0
            } else {
                bisect(0.0, most, |m| poisson_tails(n, m, true).0 - tail)
            };
            let high = bisect(0.0, most, |m| tail - poisson_tails(n, m, true).1);
            let (up, down) = poisson_tails(n, mean, true);
            (low, high, 2.0 * up.min(down))
        }
        RateMethod::Score => {
            let z = normal_quantile(1.0 - tail);
            let half = z * (n + 0.25 * z * z).sqrt();
            let centre = n + 0.5 * z * z;
            let score = (n - mean) / mean.sqrt();
            (
                (centre - half).max(0.0),
                centre + half,
                2.0 * normal_cdf(-score.abs()),
            )
        }
    };
    Ok(Interval {
        estimate: Some(n / exposure),
        low: low / exposure,
        high: Some(high / exposure),
        p_value: p_value.min(1.0),
    })
}

/// (P(X ≥ n), P(X ≤ n)) for X ~ Binomial(of, p), with mid-p if asked.
fn binomial_tails(n: f64, of: f64, p: f64, mid: bool) -> (f64, f64) {
    let upper = if n <= 0.0 {
        1.0
    } else {
        beta_cdf(p, n, of - n + 1.0)
    };
    let lower = if n >= of {
        1.0
    } else {
        1.0 - beta_cdf(p, n + 1.0, of - n)
    };
    if mid {
        let half = 0.5 * (upper + lower - 1.0).max(0.0);
        (upper - half, lower - half)
    } else {
        (upper, lower)
    }
}

/// Interval of the ratio rate 1 ÷ rate 2 and the test that it equals `hypothesis`.
///
/// Given their sum, the first count is binomial with p = r T1 / (r T1 + T2); intervals for p are
/// turned into intervals for r.
pub fn two_rates(
    first: (u64, f64),
    second: (u64, f64),
    hypothesis: f64,
    level: f64,
    method: RateMethod,
) -> Result<Interval, RateError> {
    let ((n1, t1), (n2, t2)) = (first, second);
    positive(t1, RateError::Exposure)?;
    positive(t2, RateError::Exposure)?;
    positive(hypothesis, RateError::Hypothesis)?;
    let tail = checked_level(level)?;
    if n1 == 0 && n2 == 0 {
        return Err(RateError::NoEvents);
    }
    let (n, of) = (n1 as f64, n1 as f64 + n2 as f64);
    let p0 = hypothesis * t1 / (hypothesis * t1 + t2);
    let (low, high, p_value) = match method {
        RateMethod::Exact => {
            let low = if n1 == 0 {
                0.0
            } else {
                beta_quantile(tail, n, of - n + 1.0)
            };
            let high = if n2 == 0 {
                1.0
            } else {
                beta_quantile(1.0 - tail, n + 1.0, of - n)
            };
            let (up, down) = binomial_tails(n, of, p0, false);
            (low, high, 2.0 * up.min(down))
        }
        RateMethod::MidP => {
            let low = if n1 == 0 {
                0.0
            } else {
                bisect(0.0, 1.0, |p| binomial_tails(n, of, p, true).0 - tail)
            };
            let high = if n2 == 0 {
                1.0
            } else {
                bisect(0.0, 1.0, |p| tail - binomial_tails(n, of, p, true).1)
            };
            let (up, down) = binomial_tails(n, of, p0, true);
            (low, high, 2.0 * up.min(down))
        }
        RateMethod::Score => {
            let z = normal_quantile(1.0 - tail);
            let share = n / of;
            let centre = share + z * z / (2.0 * of);
            let half = z * (share * (1.0 - share) / of + z * z / (4.0 * of * of)).sqrt();
            let scale = 1.0 + z * z / of;
            let score = (n - of * p0) / (of * p0 * (1.0 - p0)).sqrt();
            (
                if n1 == 0 {
                    0.0
                } else {
                    ((centre - half) / scale).max(0.0)
                },
                if n2 == 0 {
                    1.0
                } else {
                    ((centre + half) / scale).min(1.0)
                },
                2.0 * normal_cdf(-score.abs()),
            )
        }
    };
    let ratio = |p: f64| p / (1.0 - p) * t2 / t1;
    Ok(Interval {
        estimate: (n2 > 0).then(|| (n / t1) / (n2 as f64 / t2)),
        low: ratio(low),
        high: (high < 1.0).then(|| ratio(high)),
        p_value: p_value.min(1.0),
    })
}
