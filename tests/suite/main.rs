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
#[cfg(feature = "readers")]
mod dialects;
#[cfg(feature = "frames")]
mod end_to_end;
#[cfg(feature = "readers")]
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
mod interrupted;
#[cfg(feature = "readers")]
mod invoice_sums;
#[cfg(feature = "frames")]
mod judge_run;
#[cfg(feature = "frames")]
mod kpis;
#[cfg(feature = "frames")]
mod late;
mod ledger;
#[cfg(feature = "readers")]
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
#[cfg(feature = "stores")]
mod stores;
mod synth;
mod synth_size;
#[cfg(feature = "frames")]
mod terminal;
mod terms;
#[cfg(feature = "frames")]
mod tiny;
