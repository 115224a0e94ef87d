//! The columns beside a stored ticket that say what its neighbours in the partition tell of it,
//! because the measuring pass sees one ticket at a time. Not responsible for what is compared (see
//! [`crate::measure::neighbours`]).

use polars::prelude::{DataFrame, NamedFrom, PolarsResult, Series};

use super::frame::Reading;
use crate::ingest::columns::Columns;
use crate::measure::fact::Neighbours;
use crate::measure::neighbours::{self, Reported};

const COMPARABLE: &str = "caller_comparable";
const OPENED_BEFORE: &str = "caller_opened_before_s";
const RESOLVED_BEFORE: &str = "caller_resolved_before_s";
const FIRST_CHILD: &str = "first_child";

/// Adds the columns to a partition of tickets; `order` are its rows in `rows`.
///
/// # Errors
/// When polars refuses a column, which no input can cause.
pub(super) fn add(table: &mut DataFrame, rows: &Columns, order: &[usize]) -> PolarsResult<()> {
    let found = of(rows, order);
    let truth = |name: &str, get: fn(&Neighbours) -> bool| {
        Series::new(name.into(), found.iter().map(get).collect::<Vec<bool>>())
    };
    let seconds = |name: &str, get: fn(&Neighbours) -> Option<i64>| {
        let values: Vec<Option<i64>> = found.iter().map(get).collect();
        Series::new(name.into(), values)
    };
    for series in [
        truth(COMPARABLE, |n| n.comparable),
        seconds(OPENED_BEFORE, |n| n.opened_before_s),
        seconds(RESOLVED_BEFORE, |n| n.resolved_before_s),
        truth(FIRST_CHILD, |n| n.first_child),
    ] {
        table.with_column(series.into())?;
    }
    Ok(())
}

/// Reads them back.
///
/// # Errors
/// When a column has another type than [`add`] gives it.
pub fn read(rows: &Reading<'_>) -> PolarsResult<Vec<Neighbours>> {
    let comparable = rows.boolean(COMPARABLE)?;
    let opened = rows.integer(OPENED_BEFORE)?;
    let resolved = rows.integer(RESOLVED_BEFORE)?;
    let first_child = rows.boolean(FIRST_CHILD)?;
    Ok((0..rows.height())
        .map(|i| Neighbours {
            comparable: comparable.get(i).copied().flatten() == Some(true),
            opened_before_s: opened.get(i).copied().flatten(),
            resolved_before_s: resolved.get(i).copied().flatten(),
            first_child: first_child.get(i).copied().flatten() == Some(true),
        })
        .collect())
}

/// For each row of `order`.
fn of(rows: &Columns, order: &[usize]) -> Vec<Neighbours> {
    let at = rows.positions(&[
        "opened_at",
        "source",
        "ticket_id",
        "ticket_type",
        "contract_id",
        "ci_id",
        "category",
        "caller",
        "resolved_at",
        "parent_id",
    ]);
    let [
        opened_at,
        source_at,
        ticket_at,
        type_at,
        contract_at,
        ci_at,
        category_at,
        caller_at,
        resolved_at,
        parent_at,
    ] = at[..]
    else {
        return vec![Neighbours::default(); order.len()];
    };
    let reported: Vec<Option<Reported<'_>>> = order
        .iter()
        .map(|row| {
            let text = |at| rows.text_at(at, *row);
            if text(type_at).unwrap_or("incident") != "incident" {
                return None;
            }
            let by = || Some([text(ci_at)?, text(category_at)?, text(caller_at)?]);
            Some(Reported {
                opened: rows.integer_at(opened_at, *row)?,
                source: text(source_at).unwrap_or_default(),
                ticket_id: text(ticket_at).unwrap_or_default(),
                contract_id: text(contract_at)?,
                by: by(),
                resolved: rows.integer_at(resolved_at, *row),
                parent: text(parent_at),
            })
        })
        .collect();
    neighbours::find(&reported)
}
