//! What KPIs read of cells beside their sums, so that cells which are copied often carry no more
//! than is asked for. Not responsible for any value.

use super::kpi;
use crate::measure::cells::Cells;
use crate::measure::fragment::With;

fn reads_durations(id: &str) -> bool {
    id.starts_with("time_to_") || id == "breach_warning_lead"
}

fn reads_people(id: &str) -> bool {
    kpi::knowledge::ENTRIES.iter().any(|entry| entry.id == id)
}

fn reads_categories(id: &str) -> bool {
    id == "substitution"
}

/// The cells of one contract, with what these KPIs read: their values are those of all cells.
#[must_use]
pub fn cells_for<'a>(
    cells: &Cells,
    contract_id: &str,
    kpis: impl Iterator<Item = &'a str> + Clone,
) -> Cells {
    let with = With {
        durations: kpis.clone().any(reads_durations),
        people: kpis.clone().any(reads_people),
        categories: kpis.clone().any(reads_categories),
    };
    let total = cells.total.of_contract(contract_id, with);
    Cells { total }
}
