//! Random draws from one named ChaCha stream. Responsible for samples that are the same on every
//! machine and for every set of cargo features; not for what is drawn.
//!
//! Only `libm` and IEEE-exact operations are used. `rand_distr` goes through `num-traits`, whose
//! floating-point functions become the platform's as soon as any other dependency asks for its
//! `std` feature, so the few distributions needed are written out here.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of draws: one seed, one stream.
pub(crate) struct Draw {
    rng: ChaCha8Rng,
}

impl Draw {
    /// The stream numbered `stream` of `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Draw { rng }
    }

    /// Uniform in `[0, 1)` with 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Whole seconds (or any integers), uniform in `[low, high]`.
    pub(crate) fn whole(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let width = (high - low + 1) as f64;
        (low + (self.unit() * width) as i64).min(high)
    }

    /// Uniform index below `n` (0 when `n` is 0).
    pub(crate) fn index(&mut self, n: usize) -> usize {
        if n == 0 {
            return 0;
        }
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Standard normal (Box and Muller 1958; the second value is not kept, so that a draw does
    /// not depend on how many came before it).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = 1.0 - self.unit();
        let angle = self.unit();
        libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(core::f64::consts::TAU * angle)
    }

    /// Log-normal with the given median.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Gamma with the given shape (at least 1) and scale 1 (Marsaglia and Tsang 2000).
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape.max(1.0) - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let base = 1.0 + c * x;
            if base <= 0.0 {
                continue;
            }
            let v = base * base * base;
            let u = 1.0 - self.unit();
            if libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Poisson: by multiplication below 30, by transformed rejection (Hörmann 1993, PTRS) above.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean < 30.0 {
            let limit = libm::exp(-mean);
            let mut product = self.unit();
            let mut count = 0;
            while product > limit {
                product *= self.unit();
                count += 1;
            }
            return count;
        }
        let log_mean = libm::log(mean);
        let b = 0.931 + 2.53 * libm::sqrt(mean);
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let v_r = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = self.unit() - 0.5;
            let v = 1.0 - self.unit();
            let us = 0.5 - libm::fabs(u);
            let k = libm::floor((2.0 * a / us + b) * u + mean + 0.43);
            if us >= 0.07 && v <= v_r {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let left = libm::log(v) + libm::log(inverse_alpha) - libm::log(a / (us * us) + b);
            if left <= k * log_mean - mean - libm::lgamma(k + 1.0) {
                return k as u64;
            }
        }
    }

    /// An index drawn with the given weights (they need not sum to 1).
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let mut left = self.unit() * total;
        for (i, w) in weights.iter().enumerate() {
            left -= w;
            if left < 0.0 {
                return i;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// An index drawn from rising cumulative weights.
    pub(crate) fn cumulative(&mut self, cumulative: &[f64]) -> usize {
        let total = cumulative.last().copied().unwrap_or(0.0);
        let x = self.unit() * total;
        cumulative
            .partition_point(|c| *c <= x)
            .min(cumulative.len().saturating_sub(1))
    }

    /// `x` rounded down or up at random so that its mean is kept.
    pub(crate) fn stochastic_round(&mut self, x: f64) -> i64 {
        let whole = libm::floor(x);
        whole as i64 + i64::from(self.unit() < x - whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_right_on_both_sides_of_the_poisson_switch() {
        for mean in [0.7, 12.0, 29.9, 30.1, 250.0, 4000.0] {
            let mut draw = Draw::new(7, 1);
            let n = 20_000;
            let mut sum = 0.0;
            let mut squares = 0.0;
            for _ in 0..n {
                let x = draw.poisson(mean) as f64;
                sum += x;
                squares += x * x;
            }
            let m = sum / n as f64;
            let var = squares / n as f64 - m * m;
            assert!(
                (m - mean).abs() < 4.0 * (mean / n as f64).sqrt(),
                "mean {m} for {mean}"
            );
            assert!((var / mean - 1.0).abs() < 0.06, "variance {var} for {mean}");
        }
    }

    #[test]
    fn gamma_has_its_mean_and_variance() {
        let mut draw = Draw::new(7, 2);
        let n = 50_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let x = draw.gamma(25.0) / 25.0;
            sum += x;
            squares += x * x;
        }
        let m = sum / f64::from(n);
        assert!((m - 1.0).abs() < 0.005, "{m}");
        assert!((squares / f64::from(n) - m * m - 0.04).abs() < 0.002);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first: Vec<f64> = (0..4).map(|s| Draw::new(1, s).unit()).collect();
        let again: Vec<f64> = (0..4).map(|s| Draw::new(1, s).unit()).collect();
        assert_eq!(first, again);
        assert!(first.windows(2).all(|w| w[0] != w[1]));
    }
}
