//! The one integration-test binary: one module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(feature = "frames")]
mod agreed_run;
mod align;
mod align_cells;
#[cfg(feature = "frames")]
mod bad_input;
#[cfg(feature = "frames")]
mod bad_project;
mod baseline;
mod baseline_agreed;
mod baseline_cost;
mod baseline_golden;
mod baseline_refusals;
mod baseline_regression;
mod baseline_saving;
mod baseline_special;
mod cases;
mod cell_law;
mod clocks;
#[cfg(feature = "frames")]
mod credited_run;
#[cfg(feature = "frames")]
mod end_to_end;
#[cfg(feature = "frames")]
mod exports;
#[cfg(feature = "frames")]
mod incidents;
#[cfg(feature = "frames")]
mod ingest;
#[cfg(feature = "frames")]
mod inspect;
mod integrity;
#[cfg(feature = "frames")]
mod integrity_run;
#[cfg(feature = "frames")]
mod judge_run;
#[cfg(feature = "frames")]
mod kpis;
mod ledger;
#[cfg(feature = "frames")]
mod mutations;
#[cfg(feature = "frames")]
mod people;
mod rates;
#[cfg(feature = "frames")]
mod recalc;
#[cfg(feature = "frames")]
mod report;
#[cfg(feature = "frames")]
mod room;
mod schemes;
mod score;
mod settle;
mod simulate;
mod synth;
mod synth_size;
#[cfg(feature = "frames")]
mod terminal;
mod terms;
#[cfg(feature = "frames")]
mod tiny;
