//! The statistics of integrity tests: exact where counts are small. Pure functions of numbers;
//! not responsible for what they count.

use crate::baseline::special::{beta_cdf, ln_gamma, normal_cdf};

/// Exact two-sided binomial test of an even chance: the probability of a split at least as uneven
/// as `a` against `b`. Because the distribution is symmetric, it is twice the smaller tail.
#[must_use]
pub fn binomial_two_sided(a: u64, b: u64) -> f64 {
    let (least, most) = (a.min(b) as f64, a.max(b) as f64);
    if least == most {
        return 1.0;
    }
    // P(X ≥ k) of n at one half is the beta distribution function I(1/2; k, n − k + 1).
    (2.0 * beta_cdf(0.5, most, least + 1.0)).min(1.0)
}

/// What a bin holds beyond the straight line through the bins before it: (counterfactual, excess,
/// excess ÷ counterfactual). The line is fitted by least squares; the bin in question is the next
/// one after `before` (Chetty et al. 2011 and later, with a line and one bin). `None` for fewer
/// than two bins or a counterfactual that is not above zero.
#[must_use]
pub fn excess_mass(before: &[u64], bin: u64) -> Option<(f64, f64, f64)> {
    let n = before.len() as f64;
    if before.len() < 2 {
        return None;
    }
    let (mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0);
    for (i, count) in before.iter().enumerate() {
        let (x, y) = (i as f64, *count as f64);
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    let slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    let level = (sy - slope * sx) / n;
    let counterfactual = level + slope * n;
    let excess = bin as f64 - counterfactual;
    (counterfactual > 0.0).then(|| (counterfactual, excess, excess / counterfactual))
}

/// Corrected p values (Benjamini and Hochberg 1995), in the order given: the least of m p / rank
/// over all larger p values, at most 1.
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]).then(b.cmp(a)));
    let mut q = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (place, index) in order.into_iter().enumerate() {
        let rank = (p.len() - place) as f64;
        least = least.min(p[index] * p.len() as f64 / rank);
        q[index] = least;
    }
    q
}

/// Whether a rate of events is greater than another: exact conditional test, given the sum of
/// events (Przyborowski and Wilenski 1940). Gives the one-sided p value and the ratio of rates;
/// half an event is added to both counts for the ratio. `None` without opportunities.
#[must_use]
pub fn rate_greater(now: (u64, f64), before: (u64, f64)) -> Option<(f64, f64)> {
    let (k, m) = (now.0 as f64, before.0 as f64);
    if !(now.1 > 0.0 && before.1 > 0.0) {
        return None;
    }
    let part = now.1 / (now.1 + before.1);
    let p = if now.0 == 0 {
        1.0
    } else {
        beta_cdf(part, k, m + 1.0)
    };
    Some((p, (k + 0.5) / now.1 / ((m + 0.5) / before.1)))
}

/// Whether the odds `now.0 : now.1` are greater than `before.0 : before.1`: Fisher's exact test,
/// one-sided, and the odds ratio with half an event added to each of the four. `None` when one of
/// the two has no events.
#[must_use]
pub fn odds_greater(now: (u64, u64), before: (u64, u64)) -> Option<(f64, f64)> {
    let (a, b, c, d) = (now.0, now.1, before.0, before.1);
    let (row, other, column) = (a + b, c + d, a + c);
    if row == 0 || other == 0 {
        return None;
    }
    let choose = |n: u64, k: u64| {
        let (n, k) = (n as f64, k as f64);
        ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0)
    };
    let all = choose(row + other, column);
    let mut p = 0.0;
    for x in a..=row.min(column) {
        if column - x <= other {
            p += libm::exp(choose(row, x) + choose(other, column - x) - all);
        }
    }
    let half = |v: u64| v as f64 + 0.5;
    Some((p.min(1.0), half(a) * half(d) / (half(b) * half(c))))
}

/// Whether monthly counts per exposure are more than `margin` times those of another period:
/// log-normal approximation with the dispersion of the other period's months, at least 1. Gives
/// the one-sided p value and the ratio of rates. `None` without counts or with fewer than six
/// months to compare with.
#[must_use]
pub fn more_often(
    now: (&[u64], &[f64]),
    before: (&[u64], &[f64]),
    margin: f64,
) -> Option<(f64, f64)> {
    let sum = |v: &[u64]| v.iter().sum::<u64>() as f64;
    let reach = |v: &[f64]| v.iter().sum::<f64>();
    let (k, m) = (sum(now.0), sum(before.0));
    let (e, f) = (reach(now.1), reach(before.1));
    if before.0.len() < 6 || k <= 0.0 || m <= 0.0 || e <= 0.0 || f <= 0.0 {
        return None;
    }
    let rate = m / f;
    let mut square = 0.0;
    for (count, exposure) in before.0.iter().zip(before.1) {
        let expected = rate * exposure;
        if expected > 0.0 {
            let off = *count as f64 - expected;
            square += off * off / expected;
        }
    }
    let dispersion = (square / (before.0.len() as f64 - 1.0)).max(1.0);
    let ratio = (k / e) / rate;
    let z = (libm::log(ratio) - libm::log(margin)) / (dispersion * (1.0 / k + 1.0 / m)).sqrt();
    Some((normal_cdf(-z), ratio))
}
