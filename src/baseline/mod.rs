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
//! a contract can prove), [`savings`] (uncertainty of a cost model), [`cost`] (money of one
//! period, exact), [`saving`] (the saving of a contract from its invoices), [`calibration`] (does the interval keep its promise) and
//! [`glm`] (the regression itself).

mod adjust;
pub mod bayes;
pub mod calibration;
mod causation;
pub mod charts;
mod checks;
mod circumstances;
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
pub mod saving;
pub mod savings;
mod scopes;
mod seasonal;
mod series;
mod spec;
pub mod special;
mod streams;
mod warning;

pub use adjust::{Adjusted, about_incidents, adjust};
pub use causation::{AttributionRow, Link, weights};
pub use circumstances::{Circumstances, Weights};
pub use estimate::{estimate, estimate_in, estimate_joint};
pub use freeze::{cell_hash, contract_hash};
pub use peers::{PeerLevel, levels as peer_levels};
pub use result::{BaselineResult, ContractHash, JointRow, MonthRow, PeriodKind, Scope, Status};
pub use scopes::Asked;
pub use series::{Series, SeriesKey};
pub use spec::{
    Adjustments, BaselineSpec, Causation, ChangeKind, Errors, Fallback, Family, FitOn, KnownChange,
    Model, Override, PaymentBasis, Ratchet, Seasonality, Shrinkage, Trend,
};
pub use warning::early_warnings;
