//! The hash by which both parties recognise a frozen baseline. Not responsible for deciding what
//! a changed hash means.

use super::series::{Series, SeriesKey};
use super::spec::BaselineSpec;
use crate::time::months_between;

/// Hash of everything in the baseline period that determines the expectation of one cell: its
/// key, counts, exposure and the modelling terms. Not the performance period, so the hash is the
/// same every month. 64 hexadecimal digits (blake3).
#[must_use]
pub fn cell_hash(series: &Series, spec: &BaselineSpec) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"gainshare baseline 1\0");
    let SeriesKey {
        contract_id,
        service_id,
        priority,
    } = &series.key;
    for part in [contract_id, service_id, priority] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&spec.baseline.start().ordinal().to_le_bytes());
    hasher.update(&spec.baseline.end().ordinal().to_le_bytes());
    for month in months_between(spec.baseline.start(), spec.baseline.end()) {
        match series.count_in(month) {
            Some(n) => hasher.update(b"n").update(&n.to_le_bytes()),
            None => hasher.update(b"-"),
        };
        match series.exposure_in(month) {
            Some(e) => hasher.update(b"e").update(&e.to_bits().to_le_bytes()),
            None => hasher.update(b"-"),
        };
    }
    let choices = format!(
        "{:?}|{:?}|{:?}|{:?}|{:?}|{:?}|{:?}|{}|{}|{}|{:?}",
        spec.model,
        spec.family,
        spec.seasonality,
        spec.trend,
        spec.fit_on,
        spec.shrinkage,
        spec.ratchet,
        spec.trend_prior_sd,
        spec.min_months,
        spec.pooling_minimum,
        spec.known_changes,
    );
    hasher.update(choices.as_bytes());
    hasher.finalize().to_hex().to_string()
}

/// Hash of a contract's baseline: of its cells' hashes in the order given (key order).
#[must_use]
pub fn contract_hash<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"gainshare contract baseline 1\0");
    for cell in cells {
        hasher.update(cell.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
