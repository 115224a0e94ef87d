//! Regression to the mean: the empirical-Bayes before/after comparison of traffic safety. Not
//! responsible for the reference model's predictions.
//!
//! Source: Highway Safety Manual (AASHTO 2010), 9.4 and 9.10; Hauer, Observational Before–After
//! Studies in Road Safety (1997), chapters 11–12.

use serde::Serialize;

/// One stream before and after, beside what the reference population predicts for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeforeAfter {
    /// Incidents that the reference model predicts for the whole before period.
    pub predicted_before: f64,
    /// Incidents that it predicts for the whole after period.
    pub predicted_after: f64,
    /// Overdispersion of the reference population: variance = mean + k mean².
    pub overdispersion: f64,
    /// Incidents observed before.
    pub observed_before: u64,
    /// Incidents observed after.
    pub observed_after: u64,
    /// Length of the after period ÷ length of the before period, for the naive comparison only.
    pub period_ratio: f64,
}

/// What is expected of one stream after, had nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shrunken {
    /// Weight of the reference population, in (0, 1].
    pub weight: f64,
    /// Expected before: weight × predicted + (1 − weight) × observed.
    pub expected_before: f64,
    /// Expected after.
    pub expected_after: f64,
    /// Variance of the expected after.
    pub variance: f64,
}

/// The comparison over all streams.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// One per stream, in the order given.
    pub streams: Vec<Shrunken>,
    /// Σ expected after.
    pub expected: f64,
    /// Σ variance.
    pub variance: f64,
    /// Σ observed after.
    pub observed: u64,
    /// Unbiased index of effectiveness: (observed / expected) / (1 + variance / expected²).
    pub effectiveness: f64,
    /// Its standard error.
    pub std_error: f64,
    /// 1 − Σ after ÷ Σ (before × period ratio): what a naive comparison would say; `None` when
    /// there was nothing before.
    pub naive_reduction: Option<f64>,
    /// Expected less observed, signed.
    pub avoided: f64,
}

/// Why there is no comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BayesError {
    /// No stream.
    #[error("there is no stream to compare")]
    Empty,
    /// A prediction or period ratio is not positive, or the overdispersion is negative.
    #[error("predictions must be positive and the overdispersion not negative")]
    Prediction,
}

/// Empirical-Bayes comparison. With P the predictions, O the observations and k the
/// overdispersion: w = 1/(1 + k P_before), N_before = w P_before + (1 − w) O_before,
/// N_after = N_before P_after / P_before, Var = (P_after/P_before)² N_before (1 − w)
/// (Highway Safety Manual 9.10, steps 3–9).
pub fn empirical_bayes(streams: &[BeforeAfter]) -> Result<Comparison, BayesError> {
    if streams.is_empty() {
        return Err(BayesError::Empty);
    }
    let mut each = Vec::with_capacity(streams.len());
    let (mut expected, mut variance, mut observed) = (0.0, 0.0, 0);
    let (mut before, mut after) = (0.0, 0.0);
    for s in streams {
        let good = |v: f64| v.is_finite() && v > 0.0;
        let predicted = good(s.predicted_before) && good(s.predicted_after) && good(s.period_ratio);
        if !predicted || !s.overdispersion.is_finite() || s.overdispersion < 0.0 {
            return Err(BayesError::Prediction);
        }
        let weight = 1.0 / (1.0 + s.overdispersion * s.predicted_before);
        let own = s.observed_before as f64;
        let expected_before = weight * s.predicted_before + (1.0 - weight) * own;
        let ratio = s.predicted_after / s.predicted_before;
        let shrunken = Shrunken {
            weight,
            expected_before,
            expected_after: expected_before * ratio,
            variance: ratio * ratio * expected_before * (1.0 - weight),
        };
        expected += shrunken.expected_after;
        variance += shrunken.variance;
        observed += s.observed_after;
        before += own * s.period_ratio;
        after += s.observed_after as f64;
        each.push(shrunken);
    }
    let relative = variance / (expected * expected);
    let crude = after / expected;
    let effectiveness = crude / (1.0 + relative);
    let of_count = if observed > 0 { 1.0 / after } else { 0.0 };
    Ok(Comparison {
        streams: each,
        expected,
        variance,
        observed,
        effectiveness,
        std_error: (crude * crude * (of_count + relative) / (1.0 + relative)).sqrt(),
        naive_reduction: (before > 0.0).then(|| 1.0 - after / before),
        avoided: expected - after,
    })
}

/// Overdispersion of a population of streams around their predictions, by the method of moments:
/// k = Σ [(O − P)² − P] / Σ P², not below zero. 0 means that the streams differ by chance only,
/// so that the reference population gets all the weight.
#[must_use]
pub fn population_overdispersion(observed_predicted: &[(f64, f64)]) -> f64 {
    let (mut top, mut bottom) = (0.0, 0.0);
    for (o, p) in observed_predicted {
        top += (o - p) * (o - p) - p;
        bottom += p * p;
    }
    if bottom > 0.0 && top.is_finite() {
        (top / bottom).max(0.0)
    } else {
        0.0
    }
}
