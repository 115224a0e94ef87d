//! Clocks, repeats, impact and histograms: one pass over rows into mergeable cells.
//!
//! A [`fragment::Fragment`] is what the pass over one store partition gives: counts, whole
//! seconds, exact money and histogram buckets, never a float or a mean. Fragments of disjoint
//! tickets merge in any order; what crosses a partition's border (repeats) is carried by its
//! boundary map and folded in month order by [`cells::Cells::fold`].
//!
//! Not responsible for expected values (see [`crate::baseline`]), for KPI values (see
//! [`crate::score`]) or for prices (see [`crate::settle`]).

mod audit;
pub mod billing;
pub mod cell;
pub mod cells;
pub mod clock;
pub mod clock_policy;
pub mod fact;
pub mod fragment;
pub mod histogram;
pub mod incident_facts;
pub mod integrity;
#[cfg(feature = "frames")]
pub mod invoices;
pub mod kernel;
mod life;
pub mod neighbours;
pub mod orders;
pub mod outage;
pub mod plan;
pub mod rates;
#[cfg(feature = "frames")]
pub mod read;
pub mod relief;
pub mod solved;
pub mod spec;
pub mod tally;
mod ticket_clocks;
mod told;
pub mod without;
pub mod worst;
