//! The KPIs by subject: each entry with the function that computes it. Functions see only the
//! summed parts of one scope and period; not responsible for periods, scopes or targets.

pub(super) mod availability;
pub(super) mod changes;
pub(super) mod communication;
pub(super) mod flow;
pub(super) mod impact;
pub(super) mod incidents;
pub(super) mod knowledge;
pub(super) mod prevention;
pub(super) mod proposals;
pub(super) mod quality;
pub(super) mod savings;
pub(super) mod service;
pub(super) mod together;
pub(super) mod total;
