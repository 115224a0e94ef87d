//! The report: one HTML file that a meeting can read. It opens from a mail, asks for nothing from
//! the network, and shows what the tables of its folder hold; where a table is not there it says
//! so. Not responsible for any figure, only for which are shown and how.
//!
//! The same folder gives the same bytes.

mod contract;
pub(crate) mod facts;
mod figures;
mod integrity;
pub(crate) mod kpis;
pub mod language;
pub(crate) mod names;
mod page;
mod picture;
mod thin;
mod timeline;

pub use language::Language;

use super::reading::Published;
use facts::Facts;

/// Name of the report in the output folder.
pub const REPORT: &str = "report.html";

/// The report of a published output, from the facts gathered of it.
pub(crate) fn report(facts: &Facts, published: &Published, language: Language) -> String {
    thin::thinned(
        &page::page(facts, published, language).into_string(),
        language,
    )
}
