//! Expected values, avoided incidents and their uncertainty. Not responsible for reading cells
//! from a store or for paying.
//!
//! [`estimate`] takes monthly [`Series`] and the terms' [`BaselineSpec`] and gives the rows of the
//! `baseline` table, joint results per scope and period, and findings. Everything here is pure and
//! deterministic: no std float functions beyond `sqrt`, serial inside one stream. Methods, sources
//! and limits are in `docs/baseline.md`.
//!
//! Beside it stand, as functions of their own: [`rates`] (one and two rates), [`bayes`]
//! (regression to the mean), [`mix`] (standardisation), [`charts`] (early warning), [`power`] (what
//! a contract can prove), [`savings`] (uncertainty of a cost model), [`cost`] (benchmark and
//! verified saving in exact money), [`calibration`] (does the interval keep its promise) and
//! [`glm`] (the regression itself).

pub mod bayes;
pub mod calibration;
pub mod charts;
mod checks;
pub mod cost;
mod design;
mod dispersion;
mod estimate;
mod forecast;
mod freeze;
pub mod glm;
mod matrix;
pub mod mix;
mod peers;
pub mod power;
mod predict;
pub mod rates;
mod regression;
mod result;
pub mod savings;
mod scopes;
mod seasonal;
mod series;
mod spec;
pub mod special;
mod streams;

pub use estimate::estimate;
pub use freeze::{cell_hash, contract_hash};
pub use result::{BaselineResult, ContractHash, JointRow, MonthRow, PeriodKind, Scope, Status};
pub use series::{Series, SeriesKey};
pub use spec::{
    BaselineSpec, ChangeKind, Errors, Fallback, Family, FitOn, KnownChange, Model, Override,
    PaymentBasis, Ratchet, Seasonality, Shrinkage, Trend,
};
