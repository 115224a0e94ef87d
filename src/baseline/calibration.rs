//! Does the interval keep its promise? Simulates contracts from a generator that is not the
//! estimator's model and counts how often the truth is covered and how often a gain would be paid
//! although nothing happened. Not responsible for realistic tickets (see `synth`).
//!
//! Pure: a seed in, counts out; one ChaCha stream per contract and results collected by index, so
//! the same answer for any number of threads.

use super::estimate::estimate;
use super::result::{JointRow, PeriodKind, Scope};
use super::series::{Series, SeriesKey};
use super::spec::BaselineSpec;
use crate::time::{Month, Period};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rand_distr::{Binomial, Distribution, Poisson, StandardNormal};
use rayon::prelude::*;

/// How the simulated contracts behave. Standard deviations and effects are on the log scale or
/// fractions; counts are per month.
///
/// A contract has some services. Each service's log-rate is a level, twelve free month-of-year
/// effects, a yearly trend, steps at random months and first-order autocorrelated normal noise,
/// part of it common to all services. Incidents arrive in clusters (one disturbance makes several
/// tickets), so that counts are overdispersed beyond the noise. None of this is the negative
/// binomial with harmonics that the estimator fits.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Months of baseline.
    pub baseline_months: u32,
    /// Months measured.
    pub performance_months: u32,
    /// Mean incidents per month of each service.
    pub services: Vec<f64>,
    /// Standard deviation of the twelve month-of-year effects.
    pub season_sd: f64,
    /// Standard deviation of the yearly trend.
    pub trend_sd: f64,
    /// Standard deviation of the autocorrelated noise.
    pub noise_sd: f64,
    /// Its autocorrelation from month to month.
    pub noise_rho: f64,
    /// Fraction of the noise's variance that all services share.
    pub common: f64,
    /// Probability of a step in a month.
    pub shift_probability: f64,
    /// Standard deviation of a step.
    pub shift_sd: f64,
    /// Probability that a ticket of a cluster is followed by another of the same cluster.
    pub cluster: f64,
    /// Fraction of incidents that the supplier prevents in the performance period.
    pub effect: f64,
}

impl Default for World {
    /// Three years of baseline, one measured, three services, moderate trouble of every kind.
    fn default() -> Self {
        World {
            baseline_months: 36,
            performance_months: 12,
            services: vec![40.0, 90.0, 20.0],
            season_sd: 0.10,
            trend_sd: 0.03,
            noise_sd: 0.12,
            noise_rho: 0.4,
            common: 0.3,
            shift_probability: 0.01,
            shift_sd: 0.08,
            cluster: 0.25,
            effect: 0.0,
        }
    }
}

/// What the simulated contracts showed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Calibration {
    /// Contracts simulated.
    pub contracts: u64,
    /// Contracts with a result.
    pub measured: u64,
    /// Of these: intervals that contain the true number of avoided incidents.
    pub covered: u64,
    /// Of these: intervals wholly above the truth (a supplier would be paid too much).
    pub above: u64,
    /// Of these: intervals wholly below the truth.
    pub below: u64,
    /// Of these: lower bound above zero, so that a gain is paid on the bound.
    pub paid: u64,
    /// Mean width of the interval as a fraction of the expected number.
    pub mean_width: f64,
    /// Mean of (estimate − truth) as a fraction of the expected number.
    pub mean_error: f64,
}

impl Calibration {
    /// One contract: its joint result, where there is one, against the truth.
    #[must_use]
    pub fn of(result: Option<&JointRow>, truth: f64) -> Calibration {
        let mut c = Calibration {
            contracts: 1,
            ..Calibration::default()
        };
        if let Some(row) = result
            && let (Some(expected), Some(avoided), Some(low), Some(high)) =
                (row.expected, row.avoided, row.ci_low, row.ci_high)
        {
            c.measured = 1;
            c.covered = u64::from(low <= truth && truth <= high);
            c.above = u64::from(low > truth);
            c.below = u64::from(high < truth);
            c.paid = u64::from(low > 0.0);
            c.mean_width = (high - low) / expected.max(1e-9);
            c.mean_error = (avoided - truth) / expected.max(1e-9);
        }
        c
    }

    /// Adds another; the means are sums until [`Calibration::averaged`].
    pub fn add(&mut self, other: &Calibration) {
        self.contracts += other.contracts;
        self.measured += other.measured;
        self.covered += other.covered;
        self.above += other.above;
        self.below += other.below;
        self.paid += other.paid;
        self.mean_width += other.mean_width;
        self.mean_error += other.mean_error;
    }

    /// With the sums of widths and errors divided by the contracts measured.
    #[must_use]
    pub fn averaged(mut self) -> Calibration {
        let n = self.measured.max(1) as f64;
        self.mean_width /= n;
        self.mean_error /= n;
        self
    }

    /// Covered ÷ measured, in [0, 1]; 0 when nothing was measured.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        self.covered as f64 / self.measured.max(1) as f64
    }

    /// Paid ÷ measured, in [0, 1].
    #[must_use]
    pub fn paid_share(&self) -> f64 {
        self.paid as f64 / self.measured.max(1) as f64
    }
}

/// A simulated contract and its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// What the engine sees.
    pub series: Vec<Series>,
    /// Incidents that the supplier really prevented in the performance period.
    pub avoided: u64,
}

/// The terms for a world with everything else at its default.
#[must_use]
pub fn terms(world: &World) -> BaselineSpec {
    let start = Month::from_ordinal(2020 * 12);
    let middle = start.plus(i32::try_from(world.baseline_months).unwrap_or(i32::MAX));
    let end = middle.plus(i32::try_from(world.performance_months).unwrap_or(i32::MAX));
    BaselineSpec::new(
        Period::spanning(start, middle),
        Period::spanning(middle, end),
    )
}

/// One contract of a world; `path` numbers it.
#[must_use]
pub fn simulate(world: &World, seed: u64, path: u64) -> Simulated {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(path);
    let baseline = world.baseline_months as usize;
    let months = baseline + world.performance_months as usize;
    let common = autocorrelated(&mut rng, months, world.noise_rho);
    let mut avoided = 0;
    let mut series = Vec::with_capacity(world.services.len());
    for (number, &mean) in world.services.iter().enumerate() {
        let own = autocorrelated(&mut rng, months, world.noise_rho);
        let season: Vec<f64> = (0..12)
            .map(|_| world.season_sd * normal(&mut rng))
            .collect();
        let trend = world.trend_sd * normal(&mut rng);
        let mut level = 0.0;
        let mut counts = Vec::with_capacity(months);
        for t in 0..months {
            if rng.random::<f64>() < world.shift_probability {
                level += world.shift_sd * normal(&mut rng);
            }
            let noise = world.noise_sd
                * (world.common.sqrt() * common[t] + (1.0 - world.common).sqrt() * own[t]);
            let rate = mean * libm::exp(level + season[t % 12] + trend * t as f64 / 12.0 + noise);
            let arrived = clustered(&mut rng, rate, world.cluster);
            let prevented = if t >= baseline && world.effect > 0.0 {
                Binomial::new(arrived, world.effect.min(1.0)).map_or(0, |d| d.sample(&mut rng))
            } else {
                0
            };
            avoided += prevented;
            counts.push(arrived - prevented);
        }
        series.push(Series::complete(
            SeriesKey::new("simulated", &format!("S{number}"), "P3"),
            Month::from_ordinal(2020 * 12),
            &counts,
            &vec![1.0; months],
        ));
    }
    Simulated { series, avoided }
}

/// Runs the estimator on `contracts` simulated contracts and compares the joint result of the
/// whole contract and performance period with the truth.
#[must_use]
pub fn calibrate(world: &World, spec: &BaselineSpec, seed: u64, contracts: u64) -> Calibration {
    let each: Vec<Calibration> = (0..contracts)
        .into_par_iter()
        .map(|path| one(world, spec, seed, path))
        .collect();
    let mut sum = Calibration::default();
    for c in &each {
        sum.add(c);
    }
    sum.averaged()
}

fn one(world: &World, spec: &BaselineSpec, seed: u64, path: u64) -> Calibration {
    let simulated = simulate(world, seed, path);
    let truth = simulated.avoided as f64;
    let result = estimate(&simulated.series, spec);
    let total = result
        .joint
        .iter()
        .find(|r| r.scope == Scope::Contract && r.period_kind == PeriodKind::Performance);
    Calibration::of(total, truth)
}

fn normal(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Standard normal noise with autocorrelation `rho`, from its stationary distribution.
fn autocorrelated(rng: &mut impl Rng, months: usize, rho: f64) -> Vec<f64> {
    let innovation = (1.0 - rho * rho).max(0.0).sqrt();
    let mut value = normal(rng);
    (0..months)
        .map(|_| {
            let now = value;
            value = rho * value + innovation * normal(rng);
            now
        })
        .collect()
}

/// Incidents with mean `rate` that arrive in clusters of geometric size.
fn clustered(rng: &mut impl Rng, rate: f64, cluster: f64) -> u64 {
    let clusters = rate * (1.0 - cluster);
    let Ok(poisson) = Poisson::new(clusters) else {
        return 0;
    };
    let starts: f64 = poisson.sample(rng);
    let mut arrived = 0;
    for _ in 0..starts as u64 {
        arrived += 1;
        while rng.random::<f64>() < cluster {
            arrived += 1;
        }
    }
    arrived
}
