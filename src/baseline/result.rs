//! The stage's output: the rows of the `baseline` table, joint results per scope and period, and
//! the findings. Numbers here are rounded to the decimals of the terms; not responsible for how
//! they were estimated.

use super::series::SeriesKey;
use crate::finding::Finding;
use crate::time::{Month, Period};
use serde::Serialize;

/// Whether a number may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Usable.
    Ok,
    /// Usable because both parties decided so against a rule; recorded.
    Overridden,
    /// There is no number; `reason` says why.
    NotMeasurable,
}

/// One row of the `baseline` table: a cell in a month of the performance period.
///
/// Incidents are rounded to the decimals of the terms. `avoided` = expected − actual, signed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MonthRow {
    /// The cell.
    pub key: SeriesKey,
    /// The month.
    pub month: Month,
    /// What was fitted, for example `nb2 harmonics2 trend`; `none` when not measurable.
    pub model: String,
    /// Incidents counted; `None` when nothing is known of the month.
    pub actual: Option<u64>,
    /// Incidents expected had nothing changed.
    pub expected: Option<f64>,
    /// Expected less actual, signed.
    pub avoided: Option<f64>,
    /// Lower end of the interval of `avoided`, for this month alone.
    pub ci_low: Option<f64>,
    /// Upper end of the interval of `avoided`, for this month alone.
    pub ci_high: Option<f64>,
    /// Exposure of the month.
    pub exposure: Option<f64>,
    /// Pearson dispersion of the baseline fit: chi-square / (n − p), against Poisson variance.
    pub dispersion: Option<f64>,
    /// NB2 theta by maximum likelihood; `None` for other models.
    pub theta: Option<f64>,
    /// How the interval was made, for example `serial`.
    pub method: String,
    /// Hash of the cell's frozen baseline (64 hexadecimal digits).
    pub baseline_hash: String,
    /// The day the baseline was frozen, as the terms say.
    pub frozen_at: Option<String>,
    /// The rule by which the model was chosen.
    pub rule: String,
    /// Whether the numbers may be used.
    pub status: Status,
    /// Why not, as a finding code; for `overridden` all codes that were overridden, separated by
    /// commas; empty when `status` is ok.
    pub reason: String,
}

/// What a joint result covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole contract.
    Contract,
    /// One service, all priorities.
    Service(String),
    /// One priority, all services.
    Priority(String),
    /// One service and priority.
    Cell {
        /// The service.
        service_id: String,
        /// The priority.
        priority: String,
    },
}

/// The kind of period of a joint result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// One month.
    Month,
    /// Three months, counted from the start of the performance period.
    Quarter,
    /// Twelve months, counted from the start of the performance period.
    ContractYear,
    /// The whole performance period.
    Performance,
}

/// Expected and avoided incidents of a scope in a period, with one joint interval.
///
/// The interval is computed for the sum; it is never a sum of bounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JointRow {
    /// The contract.
    pub contract_id: String,
    /// The scope within it.
    pub scope: Scope,
    /// The kind of period.
    pub period_kind: PeriodKind,
    /// Its months, half-open.
    pub period: Period<Month>,
    /// Incidents counted in the months and cells that could be measured.
    pub actual: u64,
    /// Incidents expected in the same months and cells.
    pub expected: Option<f64>,
    /// Expected less actual, signed, netted over cells and months.
    pub avoided: Option<f64>,
    /// Standard error of `avoided`: parameters and process.
    pub std_error: Option<f64>,
    /// Lower end of the joint interval of `avoided`.
    pub ci_low: Option<f64>,
    /// Upper end of the joint interval of `avoided`.
    pub ci_high: Option<f64>,
    /// Two-sided level of the interval.
    pub ci_level: f64,
    /// Expected divided into actual; `None` when nothing was expected.
    pub rate_ratio: Option<f64>,
    /// Avoided incidents that are credited under the term `causation`, signed.
    pub credited: Option<f64>,
    /// Lower end of their joint interval.
    pub credited_low: Option<f64>,
    /// Upper end of their joint interval.
    pub credited_high: Option<f64>,
    /// Credited incidents on the payment basis of the terms, signed.
    pub creditable: Option<f64>,
    /// Cell-months in the sums.
    pub cell_months: u64,
    /// Cells of the scope left out because they are disqualified.
    pub excluded_cells: u64,
    /// Cell-months left out because count or exposure is unknown.
    pub excluded_months: u64,
    /// Whether the payment is provisional and trued up with the contract year.
    pub provisional: bool,
    /// Whether the numbers may be used.
    pub status: Status,
    /// Why not, as a finding code; for `overridden` all codes that were overridden, separated by
    /// commas; empty when `status` is ok.
    pub reason: String,
}

/// The frozen baseline of one contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContractHash {
    /// The contract.
    pub contract_id: String,
    /// blake3 of its cells' baselines in key order (64 hexadecimal digits).
    pub baseline_hash: String,
}

/// Everything the stage says about one set of series.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BaselineResult {
    /// Rows of the `baseline` table, by key and month.
    pub months: Vec<MonthRow>,
    /// Joint results by contract, scope, kind of period and start.
    pub joint: Vec<JointRow>,
    /// One hash per contract.
    pub hashes: Vec<ContractHash>,
    /// What was noticed, in the order of the keys.
    pub findings: Vec<Finding>,
}
