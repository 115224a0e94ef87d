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
/// events (Przyborowski and Wilenski 1940), with both counts divided by `dispersion` (1 for
/// independent events). Gives the one-sided p value and the ratio of rates; half an event is added
/// to both counts for the ratio. `None` without opportunities.
#[must_use]
pub fn rate_greater(now: (u64, f64), before: (u64, f64), dispersion: f64) -> Option<(f64, f64)> {
    let (k, m) = (now.0 as f64, before.0 as f64);
    if !(now.1 > 0.0 && before.1 > 0.0) {
        return None;
    }
    let part = now.1 / (now.1 + before.1);
    let p = if now.0 == 0 {
        1.0
    } else {
        beta_cdf(part, k / dispersion, m / dispersion + 1.0)
    };
    Some((p, (k + 0.5) / now.1 / ((m + 0.5) / before.1)))
}

/// How much more the events of months scatter than independent ones would: Pearson's chi-square
/// over its degrees of freedom, at least 1. `months` are events and opportunities; those without
/// opportunities are left out. 1 with fewer than six months: nothing can be said.
#[must_use]
pub fn dispersion(months: &[(u64, f64)]) -> f64 {
    let reach: f64 = months.iter().map(|m| m.1.max(0.0)).sum();
    let events: u64 = months.iter().filter(|m| m.1 > 0.0).map(|m| m.0).sum();
    let used = months.iter().filter(|m| m.1 > 0.0).count();
    if used < 6 || events == 0 {
        return 1.0;
    }
    let rate = events as f64 / reach;
    let mut square = 0.0;
    for (count, exposure) in months.iter().filter(|m| m.1 > 0.0) {
        let expected = rate * exposure;
        let off = *count as f64 - expected;
        square += off * off / expected;
    }
    (square / (used as f64 - 1.0)).max(1.0)
}

/// Whether values tend to be greater than others: one-sided rank-sum test (Mann and Whitney 1947),
/// normal approximation with correction for ties and continuity. `None` with fewer than six values
/// on a side, or when all are equal.
#[must_use]
pub fn ranks_greater(now: &[f64], before: &[f64]) -> Option<f64> {
    let (n, m) = (now.len() as f64, before.len() as f64);
    if now.len() < 6 || before.len() < 6 {
        return None;
    }
    let mut all: Vec<(f64, bool)> = now
        .iter()
        .map(|v| (*v, true))
        .chain(before.iter().map(|v| (*v, false)))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank, mut sum, mut ties) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let k = equal.len() as f64;
        let own = equal.iter().filter(|v| v.1).count() as f64;
        sum += own * (rank + (k + 1.0) / 2.0);
        rank += k;
        ties += k * k * k - k;
    }
    let u = sum - n * (n + 1.0) / 2.0;
    let t = n + m;
    let variance = n * m / 12.0 * (t + 1.0 - ties / (t * (t - 1.0)));
    if variance <= 0.0 {
        return None;
    }
    Some(normal_cdf(-(u - n * m / 2.0 - 0.5) / variance.sqrt()))
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
    let months: Vec<(u64, f64)> = before
        .0
        .iter()
        .copied()
        .zip(before.1.iter().copied())
        .collect();
    let dispersion = dispersion(&months);
    let ratio = (k / e) / rate;
    let z = (libm::log(ratio) - libm::log(margin)) / (dispersion * (1.0 / k + 1.0 / m)).sqrt();
    Some((normal_cdf(-z), ratio))
}
