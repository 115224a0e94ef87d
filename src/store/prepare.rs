//! From accepted canonical rows to the store: partitions, order of rows, and the facts of a
//! ticket that need its neighbours in the partition. Not responsible for what a contract's terms
//! make of them (see [`crate::measure`]).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use polars::prelude::{DataFrame, NamedFrom, Series};
use rayon::prelude::*;

use super::disk::{self, Partition, StoreError};
use super::frame::frame;
use super::neighbours;
use crate::ingest::columns::{ByIdentity, Columns};
use crate::time::Date;

/// Name of the fact column: seconds since the item's former opening in the same partition.
pub const ITEM_GAP: &str = "item_gap_s";
/// Name of the event column: row of the ticket in the partition of the same name.
pub const TICKET_ROW: &str = "ticket_row";
/// Name of the column of small tables: line of the row in its export, counted from 1.
pub const SOURCE_LINE: &str = "source_line";
/// Tables whose rows lie beside the ticket they name: table, column that names it, order among
/// the rows of one ticket. What names no ticket, or one of several, stays in `<table>.parquet`, as
/// do notices about a change.
const BESIDE: &[(&str, &str, &[&str])] = &[
    ("notices", "ref_id", &["sent_at", "notice_id"]),
    (
        "sla_clocks",
        "ticket_id",
        &["kind", "started_at", "sla_name"],
    ),
];

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
    let mut files = Files::new();
    for (name, rows) in tables {
        match (*name, rows.table.partition) {
            ("incident_events", _) => {}
            ("incidents", _) => {
                let parts = sorted_tickets(rows);
                files.extend(incidents(
                    folder,
                    rows,
                    &parts,
                    tables.get("incident_events"),
                )?);
                for (name, column, order) in BESIDE {
                    if let Some(others) = tables.get(name) {
                        files.extend(beside(folder, (rows, &parts), others, column, order)?);
                    }
                }
            }
            (name, _)
                if tables.contains_key("incidents")
                    && BESIDE.iter().any(|(beside, _, _)| *beside == name) => {}
            (_, Some(column)) => {
                let written: Files = parted(rows, column)
                    .into_par_iter()
                    .map(|(partition, mut order)| {
                        sort_by_key(rows, &mut order);
                        let path = partition.path(folder, name);
                        let hash = disk::write(&path, &mut built(&path, rows, &order)?)?;
                        Ok((partition.name(name), hash.to_string()))
                    })
                    .collect::<Result<_, StoreError>>()?;
                files.extend(written);
            }
            (_, None) => {
                files.extend([small(folder, rows, (0..rows.len()).collect())?]);
            }
        }
    }
    Ok(files)
}

/// A file with its hash.
type File = (String, String);

/// Writes rows as a small table, with the line of each in its export.
fn small(folder: &Path, rows: &Columns, mut order: Vec<usize>) -> Result<File, StoreError> {
    sort_by_key(rows, &mut order);
    let name = format!("{}.parquet", rows.table.name);
    let path = folder.join(&name);
    let lines: Vec<Option<i64>> = order
        .iter()
        .map(|row| i64::try_from(*rows.line.get(*row)?).ok())
        .collect();
    let mut table = built(&path, rows, &order)?;
    add(&path, &mut table, Series::new(SOURCE_LINE.into(), lines))?;
    Ok((name, disk::write(&path, &mut table)?.to_string()))
}

/// Adds a column.
fn add(path: &Path, table: &mut DataFrame, column: Series) -> Result<(), StoreError> {
    match table.with_column(column.into()) {
        Ok(_) => Ok(()),
        Err(e) => Err(StoreError::Io {
            path: path.to_owned(),
            cause: e.to_string(),
        }),
    }
}

fn built(path: &Path, rows: &Columns, order: &[usize]) -> Result<DataFrame, StoreError> {
    frame(rows, order).map_err(|e| StoreError::Io {
        path: path.to_owned(),
        cause: e.to_string(),
    })
}

/// The UTC month of an instant, as a file name.
fn month_name(micros: i64) -> String {
    let days = i32::try_from(micros.div_euclid(86_400_000_000)).unwrap_or_default();
    Date::from_days_since_epoch(days).month().to_string()
}

/// The rows of each partition.
fn parted(rows: &Columns, column: &str) -> BTreeMap<Partition, Vec<usize>> {
    let at = rows.table.position(column);
    let contract_at = rows.table.position("contract_id");
    // Codes of contracts and months, so that a row costs no text.
    let mut codes: HashMap<(&str, i64), usize> = HashMap::new();
    let mut known: HashMap<Partition, usize> = HashMap::new();
    let mut found: Vec<Vec<usize>> = Vec::new();
    for row in 0..rows.len() {
        let micros = rows.integer_at(at, row).unwrap_or_default();
        let contract = rows.text_at(contract_at, row).unwrap_or_default();
        let day = micros.div_euclid(86_400_000_000);
        let code = *codes.entry((contract, day)).or_insert_with(|| {
            let partition = Partition {
                contract: contract.to_owned(),
                month: month_name(micros),
            };
            *known.entry(partition).or_insert_with(|| {
                found.push(Vec::new());
                found.len() - 1
            })
        });
        if let Some(list) = found.get_mut(code) {
            list.push(row);
        }
    }
    known
        .into_iter()
        .filter_map(|(partition, code)| Some((partition, std::mem::take(found.get_mut(code)?))))
        .collect()
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

/// Rows of tickets by contract and UTC month of opening, sorted by service and opening.
fn sorted_tickets(rows: &Columns) -> Vec<(Partition, Vec<usize>)> {
    let at = rows.positions(&["service_id", "opened_at", "source", "ticket_id"]);
    parted(rows, "opened_at")
        .into_par_iter()
        .map(|(partition, mut order)| {
            order.sort_by(|a, b| rows.compare(&at, *a, *b));
            (partition, order)
        })
        .collect()
}

/// Where a ticket lies: its partition and its row in it; `None` when several have the name.
type Place = Option<(u32, u32)>;

/// The places of tickets by the identity of some of their columns.
fn places(
    rows: &Columns,
    parts: &[(Partition, Vec<usize>)],
    columns: &[&str],
) -> ByIdentity<Place> {
    let names = rows.identities(&rows.positions(columns));
    let mut places: ByIdentity<Place> = ByIdentity::default();
    places.reserve(rows.len());
    for (partition, (_, order)) in parts.iter().enumerate() {
        for (i, row) in order.iter().enumerate() {
            let Some(name) = names.get(*row) else {
                continue;
            };
            places
                .entry(*name)
                .and_modify(|place| *place = None)
                .or_insert(Some((partition as u32, i as u32)));
        }
    }
    places
}

/// Writes rows of another table into the partition of the ticket that they name, in the order
/// of the tickets. A row that names a contract belongs to a ticket of that contract.
fn beside(
    folder: &Path,
    (tickets, parts): (&Columns, &[(Partition, Vec<usize>)]),
    rows: &Columns,
    column: &str,
    order: &[&str],
) -> Result<Files, StoreError> {
    let of_contract = places(tickets, parts, &["contract_id", "ticket_id"]);
    let of_any = places(tickets, parts, &["ticket_id"]);
    let (both, one) = (
        rows.positions(&["contract_id", column]),
        rows.positions(&[column]),
    );
    let about = rows.table.position("about");
    let mut found: Vec<Vec<(u32, usize)>> = vec![Vec::new(); parts.len()];
    let mut rest = Vec::new();
    for row in 0..rows.len() {
        let place = match rows.text("contract_id", row) {
            _ if rows.text_at(about, row) == Some("change") => None,
            Some(_) => of_contract.get(&rows.identity(&both, row)),
            None => of_any.get(&rows.identity(&one, row)),
        };
        match place.copied().flatten() {
            Some((partition, i)) => {
                if let Some(list) = found.get_mut(partition as usize) {
                    list.push((i, row));
                }
            }
            None => rest.push(row),
        }
    }
    let rest = small(folder, rows, rest)?;
    let mut files: Files = parts
        .par_iter()
        .zip(found)
        .map(|((partition, _), mut found)| {
            let at = rows.positions(order);
            found.sort_by(|a, b| {
                a.0.cmp(&b.0)
                    .then_with(|| rows.compare(&at, a.1, b.1))
                    .then_with(|| rows.hash.get(a.1).cmp(&rows.hash.get(b.1)))
            });
            let order: Vec<usize> = found.iter().map(|(_, row)| *row).collect();
            let ticket_row: Vec<i64> = found.iter().map(|(i, _)| i64::from(*i)).collect();
            let path = partition.path(folder, rows.table.name);
            let mut table = built(&path, rows, &order)?;
            add(
                &path,
                &mut table,
                Series::new(TICKET_ROW.into(), ticket_row),
            )?;
            let hash = disk::write(&path, &mut table)?.to_string();
            Ok((partition.name(rows.table.name), hash))
        })
        .collect::<Result<_, StoreError>>()?;
    files.extend([rest]);
    Ok(files)
}

/// Writes tickets, and their events in the same order beside them.
fn incidents(
    folder: &Path,
    rows: &Columns,
    parts: &[(Partition, Vec<usize>)],
    events: Option<&Columns>,
) -> Result<Files, StoreError> {
    let mut event_orders = vec![Vec::new(); parts.len()];
    if let Some(events) = events {
        let places = places(rows, parts, &["source", "ticket_id"]);
        let event_key = events.positions(&["source", "ticket_id"]);
        for (row, name) in events.identities(&event_key).into_iter().enumerate() {
            if let Some(Some((partition, i))) = places.get(&name)
                && let Some(list) = event_orders.get_mut(*partition as usize)
            {
                list.push((*i, row));
            }
        }
    }
    let written: Vec<Vec<File>> = parts
        .par_iter()
        .zip(event_orders)
        .map(|((partition, order), mut found)| {
            let path = partition.path(folder, "incidents");
            let mut table = built(&path, rows, order)?;
            let gaps = Series::new(ITEM_GAP.into(), item_gaps(rows, order));
            add(&path, &mut table, gaps)?;
            neighbours::add(&mut table, rows, order).map_err(|e| StoreError::Io {
                path: path.clone(),
                cause: e.to_string(),
            })?;
            let hash = disk::write(&path, &mut table)?.to_string();
            let tickets = (partition.name("incidents"), hash);
            let Some(events) = events else {
                return Ok(vec![tickets]);
            };
            let at = events.positions(&["at", "field", "to", "from"]);
            found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| events.compare(&at, a.1, b.1)));
            let mut event_order: Vec<usize> = found.iter().map(|(_, row)| *row).collect();
            let mut start = 0;
            for ticket in found.chunk_by(|a, b| a.0 == b.0) {
                if let Some(list) = event_order.get_mut(start..start + ticket.len()) {
                    chain(events, &at, list);
                }
                start += ticket.len();
            }
            let ticket_row: Vec<i64> = found.iter().map(|(i, _)| i64::from(*i)).collect();
            let path = partition.path(folder, "incident_events");
            let mut table = built(&path, events, &event_order)?;
            add(
                &path,
                &mut table,
                Series::new(TICKET_ROW.into(), ticket_row),
            )?;
            let hash = disk::write(&path, &mut table)?.to_string();
            Ok(vec![tickets, (partition.name("incident_events"), hash)])
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(written.into_iter().flatten().collect())
}

/// Puts changes of one field at the same moment in the order in which one leads to the next:
/// exports count in minutes, and the last of several states is the one that goes on.
///
/// `at` are the positions of the columns `at`, `field`, `to` and `from`.
fn chain(events: &Columns, at: &[Option<usize>], list: &mut [usize]) {
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
    let mut now: HashMap<&str, &str> = HashMap::new();
    let mut done = 0;
    while let Some(first) = list.get(done).copied() {
        let (when, field) = moment(first);
        let same = list.iter().skip(done);
        let until = done + same.take_while(|r| moment(**r) == (when, field)).count();
        let field = field.unwrap_or_default();
        for place in done..until {
            let Some(rest) = list.get_mut(place..until) else {
                break;
            };
            let next = rest
                .iter()
                .position(|r| from(*r) == now.get(field).copied())
                .or_else(|| {
                    rest.iter()
                        .position(|r| rest.iter().all(|o| to(*o) != from(*r)))
                })
                .unwrap_or(0);
            if let Some(part) = rest.get_mut(..=next) {
                part.rotate_right(1);
            }
            if let Some(to) = rest.first().and_then(|r| to(*r)) {
                now.insert(field, to);
            }
        }
        done = until.max(done + 1);
    }
}

/// For each incident with a configuration item and a category: seconds since the former incident
/// on the same contract, item and category in this partition; absent for the first.
fn item_gaps(rows: &Columns, order: &[usize]) -> Vec<Option<i64>> {
    let at = rows.positions(&[
        "opened_at",
        "source",
        "ticket_id",
        "ticket_type",
        "contract_id",
        "ci_id",
        "category",
    ]);
    let [
        opened_at,
        source_at,
        ticket_at,
        type_at,
        contract_at,
        ci_at,
        category_at,
    ] = at[..]
    else {
        return Vec::new();
    };
    let mut by_time: Vec<usize> = (0..order.len()).collect();
    by_time.sort_by_cached_key(|i| {
        let row = order.get(*i).copied().unwrap_or_default();
        (
            rows.integer_at(opened_at, row),
            rows.text_at(source_at, row),
            rows.text_at(ticket_at, row),
        )
    });
    let mut last: HashMap<(&str, &str, &str), i64> = HashMap::new();
    let mut gaps = vec![None; order.len()];
    for i in by_time {
        let Some(row) = order.get(i).copied() else {
            continue;
        };
        let kind = rows.text_at(type_at, row).unwrap_or("incident");
        let (Some(contract), Some(ci), Some(category), Some(opened)) = (
            rows.text_at(contract_at, row),
            rows.text_at(ci_at, row),
            rows.text_at(category_at, row),
            rows.integer_at(opened_at, row),
        ) else {
            continue;
        };
        if kind != "incident" {
            continue;
        }
        let former = last.insert((contract, ci, category), opened);
        if let (Some(former), Some(slot)) = (former, gaps.get_mut(i)) {
            *slot = Some((opened - former).div_euclid(1_000_000));
        }
    }
    gaps
}
