//! What percentiles and medians are taken from, kept beside the value of a contract so that those
//! of several contracts make one: durations are put together and the percentile is taken again.
//! A mean of percentiles is none. Not responsible for what is waited for or counted.

use super::view::{Outcome, median};
use crate::measure::histogram::SparseHistogram;
use crate::money::Decimal;

/// Durations, and which quantile of them is the value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Distribution {
    /// Durations in the buckets of a histogram; the quantile in percent.
    Histogram(SparseHistogram, u32),
    /// Each duration in seconds; the value is their median.
    Waits(Vec<i64>),
}

impl Distribution {
    /// Adds the durations of another contract.
    ///
    /// # Errors
    /// When it is of another kind.
    pub(super) fn merge(&mut self, other: &Distribution) -> Result<(), String> {
        match (self, other) {
            (Distribution::Histogram(mine, q), Distribution::Histogram(theirs, p)) if q == p => {
                mine.merge(theirs);
            }
            (Distribution::Waits(mine), Distribution::Waits(theirs)) => mine.extend(theirs),
            _ => return Err("the contracts measure it in different ways".to_owned()),
        }
        Ok(())
    }

    /// The quantile by nearest rank, in whole seconds; `None` of nothing.
    pub(super) fn outcome(self) -> Option<Outcome> {
        let (value, n) = match &self {
            Distribution::Histogram(histogram, percent) => {
                let seconds = histogram.quantile_s(*percent, 100)?;
                (Decimal::from_u64(seconds), histogram.n())
            }
            Distribution::Waits(waits) => {
                let seconds = median(&mut waits.clone())?;
                (Decimal::from_i64(seconds), waits.len() as u64)
            }
        };
        let mut outcome = Outcome::of(value).counting(n);
        outcome.distribution = Some(self);
        Some(outcome)
    }
}
