//! From cells to what the tests of one contract and period read. Only sums; not responsible for
//! any test.

use std::collections::BTreeMap;

use super::{Counts, MonthCounts};
use crate::measure::cells::Cells;
use crate::measure::orders::Orders;
use crate::time::{Month, Period};

/// Which contract and months, and what is known beside its tickets.
#[derive(Debug, Clone, Copy)]
pub struct PeriodOf<'a> {
    /// The contract.
    pub contract_id: &'a str,
    /// The months.
    pub months: Period<Month>,
    /// Its purchases; `None` when its terms have no limit of approval.
    pub orders: Option<&'a Orders>,
    /// Whether its terms measure business impact.
    pub impact: bool,
}

/// The counts of a contract in a period. `exposure` is known by month, or is 1 where it is not.
#[must_use]
pub fn counts(cells: &Cells, of: &PeriodOf<'_>, exposure: impl Fn(Month) -> Option<f64>) -> Counts {
    let (from, to) = (of.months.start(), of.months.end());
    let mut by_month: BTreeMap<Month, MonthCounts> = crate::time::months_between(from, to)
        .map(|month| {
            let counts = MonthCounts {
                exposure: exposure(month).unwrap_or(1.0),
                impact_s: of.impact.then_some(0.0),
                ..MonthCounts::default()
            };
            (month, counts)
        })
        .collect();
    for (key, cell) in &cells.total.cells {
        if key.contract_id != of.contract_id {
            continue;
        }
        let Some(counts) = by_month.get_mut(&key.month) else {
            continue;
        };
        counts.incidents += cell.incidents;
        counts.requests += cell.requests;
        counts.met += cell.restore_met;
        counts.breached += cell.restore_breached;
        if let Some(impact) = &mut counts.impact_s {
            *impact += cell.impact_s_ppm as f64 / 1e6;
        }
    }
    for (month, cell) in cells
        .total
        .integrity
        .of(of.contract_id)
        .into_iter()
        .flatten()
    {
        if let Some(counts) = by_month.get_mut(month) {
            counts.cell = cell.clone();
        }
    }
    let (orders, split_invoices) = match of.orders {
        None => (None, Vec::new()),
        Some(orders) => {
            let (counts, invoices) = orders.of(of.contract_id, from, to);
            let invoices = invoices.into_iter().map(str::to_owned).collect();
            (Some(counts), invoices)
        }
    };
    Counts {
        months: by_month.into_values().collect(),
        orders,
        split_invoices,
    }
}
