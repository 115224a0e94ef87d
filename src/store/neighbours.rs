//! The columns beside a stored ticket that say what its neighbours in the partition tell of it,
//! because the measuring pass sees one ticket at a time. Not responsible for what is compared (see
//! [`crate::measure::neighbours`]).

use super::columnar::Rows;
use super::disk::StoreError;
use super::encode::Stored;
use crate::ingest::columns::Columns;
use crate::measure::fact::Neighbours;
use crate::measure::neighbours::{self, Reported};

/// Name of the column: caller, item and category are known.
pub const COMPARABLE: &str = "caller_comparable";
/// Name of the column: seconds since the caller's former incident was opened.
pub const OPENED_BEFORE: &str = "caller_opened_before_s";
/// Name of the column: seconds since it was resolved.
pub const RESOLVED_BEFORE: &str = "caller_resolved_before_s";
/// Name of the column: it is the first child of its parent.
pub const FIRST_CHILD: &str = "first_child";

/// The columns of rows of a partition of tickets (see [`of`]).
pub(super) fn stored(found: &[Neighbours]) -> [Stored; 4] {
    let truth = |name: &str, get: fn(&Neighbours) -> bool| {
        Stored::truths(name, found.iter().map(|n| Some(get(n))))
    };
    let seconds = |name: &str, get: fn(&Neighbours) -> Option<i64>| {
        Stored::integers(name, found.iter().map(get))
    };
    [
        truth(COMPARABLE, |n| n.comparable),
        seconds(OPENED_BEFORE, |n| n.opened_before_s),
        seconds(RESOLVED_BEFORE, |n| n.resolved_before_s),
        truth(FIRST_CHILD, |n| n.first_child),
    ]
}

/// Reads them back, row by row.
///
/// # Errors
/// When a column has another type than [`stored`] gives it.
pub fn read(rows: &Rows) -> Result<impl Fn(usize) -> Neighbours, StoreError> {
    let comparable = rows.boolean(COMPARABLE)?;
    let opened = rows.integer(OPENED_BEFORE)?;
    let resolved = rows.integer(RESOLVED_BEFORE)?;
    let first_child = rows.boolean(FIRST_CHILD)?;
    Ok(move |row: usize| Neighbours {
        comparable: comparable.get(row) == Some(true),
        opened_before_s: opened.get(row),
        resolved_before_s: resolved.get(row),
        first_child: first_child.get(row) == Some(true),
    })
}

/// What its neighbours tell of each ticket of a partition; `order` are its rows in `rows`.
pub(super) fn of(rows: &Columns, order: &[usize]) -> Vec<Neighbours> {
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
