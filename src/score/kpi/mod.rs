//! The KPIs by subject: each entry with the function that computes it. Functions see only the
//! summed parts of one scope and period; not responsible for periods, scopes or targets.

pub(super) mod impact;
pub(super) mod incidents;
pub(super) mod quality;
pub(super) mod savings;
pub(super) mod service;
