//! The names that need no declaration: measures of the KPI catalogue and what the run makes of
//! them, with how their months make a quarter or year. Not responsible for computing them (see
//! [`crate::score`]).

use super::source::Aggregate;
use crate::score::catalogue::{self, Across};

/// Measures beside the catalogue: what a run derives from a KPI, and what other tools deliver.
const BESIDE: &[(&str, Aggregate)] = &[
    // Bounds, rates, shares and percentiles do not add up: the coarser value must be given.
    ("incidents_avoided_lower", Aggregate::None),
    ("incidents_credited_lower", Aggregate::None),
    ("verified_saving_lower", Aggregate::None),
    ("blocker_age", Aggregate::None),
    ("integrity_cleared", Aggregate::Min),
];

/// Measures that settlement knows without a `[measures]` entry.
pub fn known<'a>() -> impl Iterator<Item = &'a str> {
    let own = |name: &str| catalogue::find(name).is_none();
    catalogue::all()
        .map(|kpi| kpi.id)
        .chain(BESIDE.iter().map(|(name, _)| *name).filter(move |n| own(n)))
}

/// How months of a known measure make a longer period; `None` if the name is not known.
#[must_use]
pub fn catalogue_aggregate(name: &str) -> Option<Aggregate> {
    if let Some(kpi) = catalogue::find(name) {
        return Some(match kpi.across {
            Across::Sum => Aggregate::Sum,
            Across::Max => Aggregate::Max,
            Across::Stock
            | Across::Ratio(_)
            | Across::Merged
            | Across::OverSuppliers
            | Across::Never(_) => Aggregate::None,
        });
    }
    BESIDE
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, aggregate)| *aggregate)
}
