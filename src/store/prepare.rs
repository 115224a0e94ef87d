//! From accepted canonical rows to the files of the store: order of rows, and the facts of a ticket
//! that need its neighbours in the partition. Not responsible for which rows are in a partition (see
//! [`super::parts`]) nor for what a contract's terms make of them (see [`crate::measure`]).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::disk::{self, Partition, StoreError};
use super::encode::{Group, Stored};
use super::neighbours;
use super::parts::Parts;
use super::spill::Room;
use crate::ingest::columns::{Columns, Values};
use crate::ingest::texts::{ABSENT, Numbering};
use foldhash::fast::FixedState;

/// Name of the fact column: seconds since the item's former opening in the same partition.
pub const ITEM_GAP: &str = "item_gap_s";
/// Name of the event column: row of the ticket in the partition of the same name.
pub const TICKET_ROW: &str = "ticket_row";
/// Name of the column of small tables: line of the row in its export, counted from 1.
pub const SOURCE_LINE: &str = "source_line";

/// The columns of events that say of which ticket they are.
pub(super) const OF_TICKET: &[&str] = &["source", "ticket_id"];

/// The files written, by their path within the store, with their hash.
pub type Files = BTreeMap<String, String>;

/// Writes all tables into `folder`; gives the files with their hashes.
///
/// # Errors
/// When a file cannot be written.
pub fn write_all(
    folder: &Path,
    tables: &BTreeMap<&'static str, Columns>,
) -> Result<Files, StoreError> {
    let parts = Parts::new(folder, Room::memory());
    parts.add(tables)?;
    parts.finish()
}

/// A file with its hash.
pub(super) type File = (String, String);

/// Writes rows as a small table, with the line of each in its export.
pub(super) fn small(
    folder: &Path,
    rows: &Columns,
    mut order: Vec<usize>,
) -> Result<File, StoreError> {
    sort_by_key(rows, &mut order);
    let name = format!("{}.parquet", rows.table.name);
    let path = folder.join(&name);
    let mut numbering = Numbering::default();
    let hash = disk::write(&path, order.len(), |range| {
        let order = order.get(range).unwrap_or_default();
        let lines = order.iter();
        let lines = lines.map(|row| i64::try_from(*rows.line.get(*row)?).ok());
        let mut group = Group::new(rows, order, &[], &mut numbering)?;
        group.columns.push(Stored::integers(SOURCE_LINE, lines));
        Ok(group)
    })?;
    Ok((name, hash.to_string()))
}

/// By contract, where the table has one, then by key: the order does not depend on files.
fn sort_by_key(rows: &Columns, order: &mut [usize]) {
    let mut at = vec![rows.table.position("contract_id")];
    at.extend(rows.positions(rows.table.key));
    order.sort_by(|a, b| {
        rows.compare(&at, *a, *b)
            .then_with(|| rows.hash.get(*a).cmp(&rows.hash.get(*b)))
    });
}

/// Rows of tickets in the order of the store: by service and opening.
pub(super) fn sorted_tickets(rows: &Columns) -> Vec<usize> {
    let at = rows.positions(&["service_id", "opened_at", "source", "ticket_id"]);
    let [service_at, opened_at, source_at, ticket_at] = at[..] else {
        return Vec::new();
    };
    let (services, sources) = (rows.ranks(service_at), rows.ranks(source_at));
    let mut order: Vec<_> = (0..rows.len())
        .map(|row| {
            let rank = |ranks: &[u32]| ranks.get(row).copied().unwrap_or_default();
            let opened = rows.integer_at(opened_at, row);
            (rank(&services), opened, rank(&sources), row)
        })
        .collect();
    order.sort_unstable_by(|a, b| {
        let ticket = |row| rows.text_at(ticket_at, row);
        let first = (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2));
        first.then_with(|| ticket(a.3).cmp(&ticket(b.3)).then(a.3.cmp(&b.3)))
    });
    order.into_iter().map(|(.., row)| row).collect()
}

/// The folder of a store, and a partition of it.
pub(super) type Place<'p> = (&'p Path, &'p Partition);

/// Writes rows that each belong to a row of tickets in the order of a partition. Of one ticket they
/// are in their order already (see [`super::parts`]). Events take what names their ticket from
/// `tickets`: its rows, and their order.
pub(super) fn beside(
    (folder, partition): Place<'_>,
    rows: &Columns,
    found: &[(u32, usize)],
    (tickets, places): (&Columns, &[usize]),
) -> Result<File, StoreError> {
    let path = partition.path(folder, rows.table.name);
    let of_ticket = match rows.table.name {
        "incident_events" => OF_TICKET,
        _ => &[],
    };
    let mut numbering = Numbering::default();
    let mut order: Vec<usize> = Vec::new();
    let hash = disk::write(&path, found.len(), |range| {
        let found = found.get(range).unwrap_or_default();
        order.clear();
        order.extend(found.iter().map(|(_, row)| *row));
        let rest = Group::new(rows, &order, of_ticket, &mut numbering)?;
        let mut group = Group {
            rows: rest.rows,
            columns: Vec::with_capacity(rest.columns.len() + of_ticket.len() + 1),
        };
        for name in of_ticket {
            let at = tickets.table.position(name);
            if let Some(Values::Text(texts)) = at.and_then(|at| tickets.values.get(at)) {
                let row = |place: u32| places.get(place as usize).copied().unwrap_or(usize::MAX);
                let of = found.iter().map(|(place, _)| row(*place));
                let texts = Stored::texts(name, texts, of, &mut numbering)?;
                group.columns.push(texts);
            }
        }
        group.columns.extend(rest.columns);
        let ticket_row = found.iter().map(|(place, _)| Some(i64::from(*place)));
        group.columns.push(Stored::growing(TICKET_ROW, ticket_row));
        Ok(group)
    })?;
    Ok((partition.name(rows.table.name), hash.to_string()))
}

/// Writes a partition of a table other than tickets.
pub(super) fn by_key((folder, partition): Place<'_>, rows: &Columns) -> Result<File, StoreError> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    sort_by_key(rows, &mut order);
    let path = partition.path(folder, rows.table.name);
    let mut numbering = Numbering::default();
    let hash = disk::write(&path, order.len(), |range| {
        let order = order.get(range).unwrap_or_default();
        Group::new(rows, order, &[], &mut numbering)
    })?;
    Ok((partition.name(rows.table.name), hash.to_string()))
}

/// Writes the tickets of a partition.
pub(super) fn incidents(
    (folder, partition): Place<'_>,
    rows: &Columns,
    order: &[usize],
) -> Result<File, StoreError> {
    let path = partition.path(folder, "incidents");
    let by_time = by_time(rows, order);
    let gaps = item_gaps(rows, order, &by_time);
    let neighbours = neighbours::of(rows, order, &by_time);
    let mut numbering = Numbering::default();
    let hash = disk::write(&path, order.len(), |range| {
        let order = order.get(range.clone()).unwrap_or_default();
        let mut group = Group::new(rows, order, &[], &mut numbering)?;
        let gaps = gaps.get(range.clone()).unwrap_or_default();
        let gaps = Stored::integers(ITEM_GAP, gaps.iter().copied());
        group.columns.push(gaps);
        let of = neighbours.get(range).unwrap_or_default();
        group.columns.extend(neighbours::stored(of));
        Ok(group)
    })?;
    Ok((partition.name("incidents"), hash.to_string()))
}

/// Puts changes of one field at the same moment in the order in which one leads to the next:
/// exports count in minutes, and the last of several states is the one that goes on.
///
/// `at` are the positions of the columns `at`, `field`, `to` and `from`.
pub(super) fn chain(events: &Columns, at: &[Option<usize>], list: &mut [(u32, usize)]) {
    let [moment_at, field_at, to_at, from_at] = *at else {
        return;
    };
    let from = |row: usize| events.text_at(from_at, row);
    let to = |row: usize| events.text_at(to_at, row);
    let moment = |row: usize| {
        (
            events.integer_at(moment_at, row),
            events.text_at(field_at, row),
        )
    };
    // Nearly all tickets have no two changes of one field at the same moment.
    let when = |row: usize| events.integer_at(moment_at, row);
    let twice = |a: usize, b: usize| when(a) == when(b) && moment(a) == moment(b);
    let mut pairs = list.windows(2);
    if !pairs.any(|pair| matches!(pair, [(_, a), (_, b)] if twice(*a, *b))) {
        return;
    }
    let mut now: HashMap<&str, &str> = HashMap::new();
    let mut done = 0;
    while let Some((_, first)) = list.get(done).copied() {
        let (when, field) = moment(first);
        let same = list.iter().skip(done);
        let until = done
            + same
                .take_while(|(_, r)| moment(*r) == (when, field))
                .count();
        let field = field.unwrap_or_default();
        for place in done..until {
            let Some(rest) = list.get_mut(place..until) else {
                break;
            };
            let next = rest
                .iter()
                .position(|(_, r)| from(*r) == now.get(field).copied())
                .or_else(|| {
                    rest.iter()
                        .position(|(_, r)| rest.iter().all(|(_, o)| to(*o) != from(*r)))
                })
                .unwrap_or(0);
            if let Some(part) = rest.get_mut(..=next) {
                part.rotate_right(1);
            }
            if let Some(to) = rest.first().and_then(|(_, r)| to(*r)) {
                now.insert(field, to);
            }
        }
        done = until.max(done + 1);
    }
}

/// The places in `order`, the order of the store, of tickets in the order in which they were opened;
/// those of one moment by source and number.
fn by_time(rows: &Columns, order: &[usize]) -> Vec<usize> {
    let at = rows.positions(&["opened_at", "source", "ticket_id", "service_id"]);
    let mut by_time: Vec<usize> = (0..order.len()).collect();
    let [opened_at, source_at, ticket_at, service_at] = at[..] else {
        return by_time;
    };
    let opened: Vec<Option<i64>> = order
        .iter()
        .map(|row| rows.integer_at(opened_at, *row))
        .collect();
    let row = |i: usize| order.get(i).copied().unwrap_or_default();
    let named = |i: usize| {
        let row = row(i);
        (rows.text_at(source_at, row), rows.text_at(ticket_at, row))
    };
    let service = |i: usize| rows.number_at(service_at, row(i));
    by_time.sort_by(|a, b| {
        opened.get(*a).cmp(&opened.get(*b)).then_with(|| {
            // Those of one service are in this order already.
            match service(*a) == service(*b) {
                true => a.cmp(b),
                false => named(*a).cmp(&named(*b)),
            }
        })
    });
    by_time
}

/// For each incident with a configuration item and a category: seconds since the former incident
/// on the same contract, item and category in this partition; absent for the first.
fn item_gaps(rows: &Columns, order: &[usize], by_time: &[usize]) -> Vec<Option<i64>> {
    let at = rows.positions(&[
        "opened_at",
        "ticket_type",
        "contract_id",
        "ci_id",
        "category",
    ]);
    let [opened_at, type_at, contract_at, ci_at, category_at] = at[..] else {
        return Vec::new();
    };
    let mut last: HashMap<[u32; 3], i64, FixedState> = HashMap::default();
    let mut gaps = vec![None; order.len()];
    for i in by_time {
        let Some(row) = order.get(*i).copied() else {
            continue;
        };
        let kind = rows.text_at(type_at, row).unwrap_or("incident");
        let same = [contract_at, ci_at, category_at].map(|at| rows.number_at(at, row));
        let Some(opened) = rows.integer_at(opened_at, row) else {
            continue;
        };
        if kind != "incident" || same.contains(&ABSENT) {
            continue;
        }
        let former = last.insert(same, opened);
        if let (Some(former), Some(slot)) = (former, gaps.get_mut(*i)) {
            *slot = Some((opened - former).div_euclid(1_000_000));
        }
    }
    gaps
}
