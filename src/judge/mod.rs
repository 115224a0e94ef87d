//! What the terms reward: alignment of incentives, the same history under other terms,
//! simulation, and tests for gaming.
//!
//! Has no contract arithmetic of its own. [`align`] moves measures and calls [`crate::settle`];
//! the expressions of `[alignment]` are clauses that settlement computes. Not responsible for
//! reading or printing.

pub mod align;
pub mod backtest;
pub mod integrity;
pub mod simulate;
