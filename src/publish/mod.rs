//! Output tables, their contracts and the manifest: formats only, no arithmetic.
//!
//! Rows are sorted, row groups have a fixed number of rows, and nothing of the host or the clock
//! gets into a file, so that two parties who run the same files get the same bytes.

pub mod billing;
pub mod evidence;
pub mod incidents;
pub mod manifest;
pub mod piece;
pub mod reading;
pub mod report;
pub mod rows;
pub mod statements;
pub mod table;
pub mod tables;
pub mod workbook;
