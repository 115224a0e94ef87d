//! What the terms say about the baseline: the `[baseline]` table as a type, with documented
//! defaults. Not responsible for prices or shares, nor for any estimate.

use crate::time::{Month, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a half-open span of months is written: `{ start = "2022-01", end = "2025-01" }`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct MonthSpan {
    /// First month of the span, for example `2022-01`.
    #[schemars(regex(pattern = r"^\d{4}-(0[1-9]|1[0-2])$"))]
    start: String,
    /// First month after the span.
    #[schemars(regex(pattern = r"^\d{4}-(0[1-9]|1[0-2])$"))]
    end: String,
}

/// How the expected number is modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Log-linear regression with an exposure offset (Poisson or negative binomial).
    #[default]
    Regression,
    /// Month-of-year rates of the baseline × exposure.
    SeasonalMean,
    /// One rate for the whole baseline × exposure.
    MeanRate,
}

/// The count distribution of a regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Negative binomial where the baseline is overdispersed, otherwise Poisson.
    #[default]
    Auto,
    /// Poisson: variance equals the mean.
    Poisson,
    /// Poisson coefficients, variance = dispersion × mean.
    QuasiPoisson,
    /// NB2: variance = mean + mean² / theta, theta by maximum likelihood.
    NegativeBinomial,
}

/// The seasonal part of a regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seasonality {
    /// None, one or two harmonics of twelve months or, from 36 months on, month factors: by QAICc
    /// on the fitted months.
    #[default]
    Auto,
    /// No season.
    None,
    /// One sine and cosine of twelve months.
    Harmonics1,
    /// Two harmonics of twelve months.
    Harmonics2,
    /// One factor per month of the year.
    MonthFactors,
}

/// The linear trend of a regression (per month, on the log scale).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// A linear trend drawn towards zero as far as the data are uncertain about it, as if trends
    /// of such series had mean 0 and a standard deviation that is itself learned from the streams
    /// of the contract, with `trend_prior_sd` as the scale of what is usual. What remains unknown
    /// of it is in the interval.
    #[default]
    Auto,
    /// No trend.
    None,
    /// Always a linear trend.
    Linear,
}

/// Which months the coefficients are fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FitOn {
    /// The baseline period only; the performance period is predicted.
    #[default]
    Baseline,
    /// All months, with a step at the start of the performance period; the counterfactual is the
    /// prediction without the step (interrupted time series).
    Segmented,
    /// As `segmented`, with a change of slope beside the step. Needs a linear trend.
    SegmentedSlope,
}

/// Which errors the interval is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Errors {
    /// Overdispersion and autocorrelation of the residuals, corrected for the bias of short
    /// series; in the coefficients, in the process and between the two.
    #[default]
    Serial,
    /// Newey–West (Bartlett kernel) for the coefficients, independent months for the process.
    NeweyWest,
    /// Independent months: overdispersion only.
    Model,
}

/// What happens to the baseline from one contract year to the next.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "rule", deny_unknown_fields)]
pub enum Ratchet {
    /// The baseline stays as it was before the performance period.
    #[default]
    Frozen,
    /// Each contract year is measured against as many months as the baseline has, directly
    /// before that year.
    Rolling,
    /// `weight` × rolling + (1 − `weight`) × frozen.
    Partial {
        /// Weight of the rolling baseline, 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        weight: f64,
    },
}

/// Which number a payment may be based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentBasis {
    /// The point estimate, signed.
    Estimate,
    /// The end of the interval that is nearer to zero; zero when the interval contains zero.
    #[default]
    LowerBound,
    /// Estimate × estimate² / (estimate² + standard error²): shrinks with uncertainty.
    Shrunk,
}

/// What is done for a cell whose model is disqualified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Reported as not measurable.
    #[default]
    NotMeasurable,
    /// The plain rate of the baseline × exposure, with its (wider) interval. Needs 12 months.
    MeanRate,
}

/// Regression to the mean: shrinks a cell's own baseline towards a reference population.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shrinkage {
    /// The cell's own baseline.
    #[default]
    None,
    /// Empirical Bayes towards the streams of the same priority in the run; needs five of them
    /// and one unit of exposure.
    Peers,
}

/// Whether agreed adjustments of incidents count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjustments {
    /// What both parties agreed in the table `adjustments`.
    #[default]
    Agreed,
    /// None: incidents count as they are.
    None,
}

/// What a reduction must show to be credited to the supplier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Causation {
    /// Nothing: the counterfactual is enough.
    #[default]
    Any,
    /// An initiative of the supplier in effect on the service, or a fixed problem on it, from that
    /// month on.
    Linked,
    /// The share that the parties agreed in the table `attribution`; the remainder is paid to
    /// nobody.
    Agreed,
}

/// A change inside the measured time that both parties agree is not the supplier's doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownChange {
    /// First month with the change, for example `2024-07`.
    #[schemars(with = "String", regex(pattern = r"^\d{4}-(0[1-9]|1[0-2])$"))]
    pub month: Month,
    /// Level or slope.
    pub kind: ChangeKind,
    /// Why, for the evidence.
    pub reason: String,
    /// Limits the change to one service; all services of the contract otherwise.
    #[serde(default)]
    pub service: Option<String>,
}

/// What a known change moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The level, from the month on.
    Step,
    /// The slope, from the month on.
    Slope,
}

/// A decision to use a result although a rule disqualifies it. It is recorded, and everything
/// that depends on it is marked as overridden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The finding code that is overridden, for example `baseline_too_short`.
    pub code: String,
    /// Limits the override to one service; all services of the contract otherwise.
    #[serde(default)]
    pub service: Option<String>,
    /// Why.
    pub reason: String,
    /// Who decided it, for both parties.
    pub agreed_by: String,
}

/// The `[baseline]` table of the terms. Everything but the two periods has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineSpec {
    /// The months the expectation is learned from.
    #[schemars(with = "MonthSpan")]
    pub baseline: Period<Month>,
    /// The months that are measured. Must not overlap the baseline.
    #[schemars(with = "MonthSpan")]
    pub performance: Period<Month>,
    /// How the expected number is modelled. Default `regression`.
    #[serde(default)]
    pub model: Model,
    /// Count distribution. Default `auto`.
    #[serde(default)]
    pub family: Family,
    /// Seasonal part. Default `auto`.
    #[serde(default)]
    pub seasonality: Seasonality,
    /// Trend. Default `auto`.
    #[serde(default)]
    pub trend: Trend,
    /// Months the coefficients are fitted on. Default `baseline`.
    #[serde(default)]
    pub fit_on: FitOn,
    /// Scale of the prior on the standard deviation of yearly log-trends for `trend = "auto"`.
    /// Default 0.05 (5 % a year).
    #[schemars(range(min = 0.0))]
    #[serde(default = "default_trend_prior_sd")]
    pub trend_prior_sd: f64,
    /// Errors of the interval. Default `serial`.
    #[serde(default)]
    pub errors: Errors,
    /// Lag of the Newey–West errors in months. Default: floor(4 (n/100)^(2/9)).
    #[serde(default)]
    pub newey_west_lag: Option<u32>,
    /// Two-sided level of the interval, in (0, 1). Default 0.95.
    #[serde(default = "default_level")]
    pub level: f64,
    /// Months of baseline that a model with a season or trend needs. Default 24: two of each
    /// month of the year. Lower values are refused; to go below, use an override.
    #[schemars(range(min = 24))]
    #[serde(default = "default_min_months")]
    pub min_months: u32,
    /// Baseline incidents under which a cell is pooled with the other small cells of its
    /// contract. Default 50: ten events for each of five coefficients (Peduzzi et al. 1996).
    /// 0 switches pooling off.
    #[serde(default = "default_pooling_minimum")]
    pub pooling_minimum: u64,
    /// Empirical Bayes against regression to the mean. Default `none`.
    #[serde(default)]
    pub shrinkage: Shrinkage,
    /// Agreed adjustments of incidents. Default `agreed`.
    #[serde(default)]
    pub adjustments: Adjustments,
    /// Whether incidents opened in an accepted event of `relief_events` that names incidents do
    /// not count, in baseline and performance alike; `[relief]` says which events count. Default
    /// false.
    #[serde(default)]
    pub relief: bool,
    /// What a reduction must show to be credited. Default `any`.
    #[serde(default)]
    pub causation: Causation,
    /// Rebasing of the baseline from year to year. Default `frozen`.
    #[serde(default)]
    pub ratchet: Ratchet,
    /// Basis of payment. Default `lower_bound`.
    #[serde(default)]
    pub payment_basis: PaymentBasis,
    /// What is done for a disqualified cell. Default `not_measurable`.
    #[serde(default)]
    pub fallback: Fallback,
    /// Relative change of exposure from one month to the next that is a finding. Default 0.5.
    #[serde(default = "default_exposure_jump")]
    pub exposure_jump: f64,
    /// Decimal places that expected and avoided incidents and their bounds are rounded to
    /// before money depends on them. Default 4, at most 9.
    #[schemars(range(max = 9))]
    #[serde(default = "default_decimals")]
    pub decimals: u32,
    /// Agreed changes inside the measured time.
    #[serde(default)]
    pub known_changes: Vec<KnownChange>,
    /// Recorded decisions to use a disqualified result.
    #[serde(default)]
    pub overrides: Vec<Override>,
    /// The hash of the frozen baseline that both parties signed; another hash is a finding.
    #[serde(default)]
    pub frozen_hash: Option<String>,
    /// The day the baseline was frozen (ISO date), copied to the output.
    #[serde(default)]
    pub frozen_at: Option<String>,
}

fn default_level() -> f64 {
    0.95
}
fn default_trend_prior_sd() -> f64 {
    0.05
}
fn default_min_months() -> u32 {
    24
}
fn default_pooling_minimum() -> u64 {
    50
}
fn default_exposure_jump() -> f64 {
    0.5
}
fn default_decimals() -> u32 {
    4
}

impl BaselineSpec {
    /// The defaults for two periods.
    #[must_use]
    pub fn new(baseline: Period<Month>, performance: Period<Month>) -> Self {
        BaselineSpec {
            baseline,
            performance,
            model: Model::default(),
            family: Family::default(),
            seasonality: Seasonality::default(),
            trend: Trend::default(),
            fit_on: FitOn::default(),
            trend_prior_sd: default_trend_prior_sd(),
            errors: Errors::default(),
            newey_west_lag: None,
            level: default_level(),
            min_months: default_min_months(),
            pooling_minimum: default_pooling_minimum(),
            shrinkage: Shrinkage::default(),
            adjustments: Adjustments::default(),
            relief: false,
            causation: Causation::default(),
            ratchet: Ratchet::default(),
            payment_basis: PaymentBasis::default(),
            fallback: Fallback::default(),
            exposure_jump: default_exposure_jump(),
            decimals: default_decimals(),
            known_changes: Vec::new(),
            overrides: Vec::new(),
            frozen_hash: None,
            frozen_at: None,
        }
    }
}
