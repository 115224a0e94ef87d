//! gainshare settles outsourcing contracts by incidents that no longer happen and by savings
//! that both sides share.
//!
//! Data walks one way through the crate, one module per stage:
//!
//! | stage | takes | gives | owns |
//! |---|---|---|---|
//! | [`ingest`] | export files + source mapping | canonical tables in the [`store`] + findings | encodings, dialects, dates, duplicates, rejects |
//! | [`measure`] | store | cells: mergeable integer and decimal aggregates | clocks, calendars, repeats, impact, histograms |
//! | [`baseline`] | cells + exposure | expected values, avoided incidents, uncertainty | all statistics |
//! | [`score`] | cells + baseline | KPI values, targets, scores | the KPI catalogue |
//! | [`settle`] | KPI values + billing cells + terms + what was settled before | settlement lines in exact money | clauses, caps, carry, rounding |
//! | [`judge`] | terms + the same pure functions | comparisons of contracts | incentives |
//! | [`publish`] | all of the above | Parquet, manifest | formats only, no arithmetic |
//!
//! Beside the stages stand the words they share ([`money`], [`time`], [`finding`]), the two
//! things people write ([`terms`], the contract; [`config`], the project), the generator of
//! example worlds ([`synth`]) and the rim ([`cli`]): the only place that reads flags, the clock
//! or the environment and that prints.
//!
//! `baseline`, `score`, `settle` and `judge` are pure: no I/O, clock, environment or global
//! state. The feature `frames` (on by default) brings polars, arrow and Parquet; without it
//! the pure stages build alone, with `readers` also `ingest`, but for exports in Parquet.

pub mod baseline;
pub mod cli;
pub mod config;
pub mod finding;
#[cfg(feature = "readers")]
pub mod ingest;
pub mod judge;
pub mod measure;
pub mod money;
#[cfg(feature = "frames")]
pub mod pipeline;
#[cfg(feature = "frames")]
pub mod publish;
pub mod score;
pub mod settle;
pub mod store;
pub mod synth;
pub mod terms;
pub mod time;
