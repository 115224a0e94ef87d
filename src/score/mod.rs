//! KPI values from cells and baseline: the catalogue, targets and scores.
//!
//! The pipeline calls, per contract: [`ExposureTable::new`] and [`observed`], [`series`] for the
//! baseline stage, then [`score`] with what that stage gave, [`supplier_values`] over all
//! contracts, and [`measured`] for the settlement. Everything here is pure and in a fixed order; money is exact, and a KPI whose
//! inputs are absent is not measurable with the reason, never zero.
//!
//! Not responsible for statistics (see [`crate::baseline`]) or for clauses (see
//! [`crate::settle`]).

mod basis;
pub mod catalogue;
mod distribution;
mod document;
mod exposure;
mod kpi;
mod mix;
mod parts;
mod reading;
mod records;
mod solvers;
mod spec;
mod stage;
mod supplier;
mod uptime;
mod value;
mod view;
pub mod worst;

pub use basis::{Basis, Changeable};
pub use distribution::Distribution;
pub use document::{csv, json, markdown};
pub use exposure::{Exposure, ExposureTable, ExposureUnit, observed, series};
pub use mix::Rates;
pub use parts::{Parts, PartsTable};
pub use reading::cells_for;
pub use records::{
    Blocker, ChangeRecord, ContactMoment, FixedProblem, Goal, HoursRecord, Initiative, Interaction,
    Party, Records, Relief, Response, RetainedCost,
};
pub use spec::{
    ClearedFlag, Composite, DEFAULT_PRICE, Gate, KpiTarget, SCORE_PREFIX, ScoreSpec, ScoreSpecError,
};
pub use stage::{Inputs, Scored, Wanted, periods, scope_of, score, score_between, score_some};
pub use supplier::{Reporting, counts_for_supplier, supplier_values};
pub use uptime::Uptime;
pub use value::{Direction, KpiStatus, KpiValue, Level, Measured, Scope, measured, period_text};
pub use view::{Delivered, Outcome, View};
pub use worst::{WorstIncident, worst_incidents};
