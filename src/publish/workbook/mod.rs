//! The workbook: `settlement.xlsx` for whoever recomputes an amount in a spreadsheet. Its formulas
//! follow the published steps from the measures to the cent. Not responsible for any amount.
//!
//! Written with our own few lines of Office Open XML (ECMA-376): the well-known writers bring a
//! zip library whose deflater changes with other dependencies' features, and with it the bytes.
//! Texts are inline strings, never formulas, whatever they begin with.

mod container;
mod content;
mod formula;
mod measures;
mod sheet;

pub(crate) use container::Packed;

use super::reading::{Published, ReadingError};
use super::report::facts::Facts;

/// Name of the workbook in the output folder.
pub const WORKBOOK: &str = "settlement.xlsx";

/// The workbook of a published output, with the facts gathered of it. The same folder gives the
/// same bytes, whatever parts of another one are in `packed`, which are replaced by its own.
///
/// # Errors
/// When a table that is there cannot be read.
pub(crate) fn workbook(
    facts: &Facts,
    published: &Published,
    packed: &mut Packed,
) -> Result<Vec<u8>, ReadingError> {
    let findings = published.table("findings")?.unwrap_or_default();
    let sheets = content::sheets(facts, &findings, published)?;
    Ok(container::zip(&sheet::files(&sheets), packed))
}
