//! The columns beside a stored ticket that say what its neighbours in the partition tell of it,
//! because the measuring pass sees one ticket at a time. Not responsible for what is compared (see
//! [`crate::measure::neighbours`]).

use super::columnar::Rows;
use super::disk::StoreError;
use super::encode::Stored;
use crate::ingest::columns::Columns;
use crate::ingest::texts::ABSENT;
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

/// What its neighbours tell of each ticket of a partition; `order` are its rows in `rows`, and `by_time`
/// the places in it in the order in which the tickets were opened (see [`super::prepare`]).
pub(super) fn of(rows: &Columns, order: &[usize], by_time: &[usize]) -> Vec<Neighbours> {
    let at = rows.positions(&[
        "opened_at",
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
    let reported = by_time.iter().map(|place| {
        let row = order.get(*place).copied()?;
        if rows.text_at(type_at, row).unwrap_or("incident") != "incident" {
            return None;
        }
        let number = |at| Some(rows.number_at(at, row)).filter(|n| *n != ABSENT);
        let by = || Some([number(ci_at)?, number(category_at)?, number(caller_at)?]);
        Some(Reported {
            opened: rows.integer_at(opened_at, row)?,
            contract_id: number(contract_at)?,
            by: by(),
            resolved: rows.integer_at(resolved_at, row),
            parent: number(parent_at),
        })
    });
    let mut found = vec![Neighbours::default(); order.len()];
    for (place, of) in by_time.iter().zip(neighbours::find(reported)) {
        if let Some(slot) = found.get_mut(*place) {
            *slot = of;
        }
    }
    found
}
