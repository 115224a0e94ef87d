//! From accepted canonical rows to the store: partitions, order of rows, and the facts of a
//! ticket that need its neighbours in the partition. Not responsible for what a contract's terms
//! make of them (see [`crate::measure`]).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use polars::prelude::{DataFrame, NamedFrom, Series};

use super::disk::{self, Partition, StoreError};
use super::frame::frame;
use super::neighbours;
use super::schema::{TABLES, Table, table};
use super::spill::{BUDGET, Bins, Block};
use super::threads;
use crate::ingest::columns::{ByIdentity, Columns};
use crate::ingest::packed::{pack, unpack};
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
    let parts = Parts::new(folder, None);
    parts.add(tables)?;
    parts.finish()
}

/// The rows of a store that is being made, by contract and month, until all of them are there.
#[derive(Debug)]
pub struct Parts<'f> {
    folder: &'f Path,
    rows: Bins,
    known: Mutex<Known>,
}

/// What is known of the rows so far.
#[derive(Debug, Default)]
struct Known {
    /// Numbers of the partitions.
    partitions: HashMap<Partition, usize>,
    /// Columns kept, of each large table that is there.
    tables: BTreeMap<&'static str, Vec<String>>,
    files: Files,
    /// How many times rows were added.
    added: u64,
}

/// The place of a table among all.
fn position(table: &Table) -> usize {
    let mut tables = TABLES.iter();
    tables.position(|t| t.name == table.name).unwrap_or(0)
}

impl<'f> Parts<'f> {
    /// None yet, for a store in `folder`. What exceeds [`BUDGET`] lies in a temporary file in the
    /// folder `room`; without one everything is kept in memory.
    pub fn new(folder: &'f Path, room: Option<&Path>) -> Parts<'f> {
        Parts {
            folder,
            rows: Bins::new(room, BUDGET),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows: some tickets with all that names them, invoice lines, or a whole small table.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add(&self, tables: &BTreeMap<&'static str, Columns>) -> Result<(), StoreError> {
        let mut tickets = None;
        // Tickets come first, so that the rest finds them.
        for table in TABLES {
            let Some(rows) = tables.get(table.name) else {
                continue;
            };
            let beside = BESIDE.iter().find(|(name, _, _)| *name == table.name);
            if table.name == "incidents" {
                let parts = parted(rows, "opened_at");
                self.put(rows, &parts)?;
                tickets = Some((rows, parts));
            } else if table.name == "incident_events" {
                let parts = tickets.as_ref().map(|of| with_tickets(of, rows));
                self.put(rows, &parts.unwrap_or_default())?;
            } else if let Some((_, column, _)) = beside {
                let parts = match &tickets {
                    Some(of) => beside_tickets(of, rows, column),
                    None => BTreeMap::from([(None, (0..rows.len()).collect())]),
                };
                self.put(rows, &parts)?;
            } else if let Some(column) = table.partition {
                self.put(rows, &parted(rows, column))?;
            } else {
                let file = small(self.folder, rows, (0..rows.len()).collect())?;
                self.known().files.extend([file]);
            }
        }
        Ok(())
    }

    /// Keeps rows of a large table until their partition is written.
    fn put(&self, rows: &Columns, parts: &Rows) -> Result<(), StoreError> {
        let blocks: Vec<_> = parts
            .iter()
            .map(|(partition, list)| {
                let mut bytes = Vec::new();
                for row in list {
                    pack(rows, *row, &mut bytes);
                }
                (partition, bytes)
            })
            .collect();
        let mut known = self.known();
        known.added += 1;
        let place = (0, known.added);
        let names = rows.kept.iter().map(|(name, _)| name.clone());
        known
            .tables
            .entry(rows.table.name)
            .or_insert_with(|| names.collect());
        let mut numbered = Vec::with_capacity(blocks.len());
        for (partition, bytes) in blocks {
            let number = match partition {
                None => 0,
                Some(partition) => {
                    // Number 0 is for what belongs to no partition.
                    let next = known.partitions.len() + 1;
                    let partition = partition.clone();
                    *known.partitions.entry(partition).or_insert(next)
                }
            };
            let bin = number * TABLES.len() + position(rows.table);
            numbered.push((bin, Block { place, bytes }));
        }
        drop(known);
        self.rows.put(numbered)
    }

    /// The rows of a table in a partition; `None` where the store has no such table.
    fn take(&self, name: &str, number: usize) -> Result<Option<Columns>, StoreError> {
        let kept = self.known().tables.get(name).cloned();
        let (Some(table), Some(kept)) = (table(name), kept) else {
            return Ok(None);
        };
        let places: Vec<usize> = (0..kept.len()).collect();
        let mut rows = Columns::new(table, &kept);
        for block in self.rows.take(number * TABLES.len() + position(table))? {
            unpack(&block.bytes, 0, &places, &mut rows, None).ok_or_else(|| {
                StoreError::Damaged {
                    path: self.folder.to_owned(),
                    cause: "rows that waited in a temporary file came back changed".to_owned(),
                }
            })?;
        }
        Ok(Some(rows))
    }

    /// Writes all partitions; gives the files of the store with their hashes.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(self) -> Result<Files, StoreError> {
        for (name, _, _) in BESIDE {
            if let Some(rest) = self.take(name, 0)? {
                let file = small(self.folder, &rest, (0..rest.len()).collect())?;
                self.known().files.extend([file]);
            }
        }
        let partitions = std::mem::take(&mut self.known().partitions);
        let mut partitions: Vec<(Partition, usize)> = partitions.into_iter().collect();
        partitions.sort();
        threads::each(partitions.len(), |n| {
            let Some((partition, number)) = partitions.get(n) else {
                return Ok(());
            };
            let files = self.partition(partition, *number)?;
            self.known().files.extend(files);
            Ok(())
        })?;
        Ok(std::mem::take(&mut self.known().files))
    }

    /// Writes all tables of a partition.
    fn partition(&self, partition: &Partition, number: usize) -> Result<Vec<File>, StoreError> {
        let mut files = Vec::new();
        for table in TABLES.iter().filter(|t| t.partition.is_some()) {
            let Some(rows) = self.take(table.name, number)?.filter(|r| !r.is_empty()) else {
                continue;
            };
            let path = partition.path(self.folder, table.name);
            if table.name != "incidents" {
                let mut order: Vec<usize> = (0..rows.len()).collect();
                sort_by_key(&rows, &mut order);
                let hash = disk::write(&path, &mut built(&path, &rows, &order)?)?;
                files.push((partition.name(table.name), hash.to_string()));
                continue;
            }
            let order = sorted_tickets(&rows);
            let place = (self.folder, partition);
            files.push(incidents(place, &rows, &order)?);
            if let Some(events) = self.take("incident_events", number)? {
                files.push(incident_events(place, (&rows, &order), &events)?);
            }
            for (name, column, by) in BESIDE {
                if let Some(others) = self.take(name, number)? {
                    files.push(beside(place, (&rows, &order), &others, column, by)?);
                }
            }
        }
        Ok(files)
    }
}

/// Rows by partition; under none those that belong to no ticket.
type Rows = BTreeMap<Option<Partition>, Vec<usize>>;

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
fn parted(rows: &Columns, column: &str) -> Rows {
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
        .filter_map(|(partition, code)| {
            Some((Some(partition), std::mem::take(found.get_mut(code)?)))
        })
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

/// Rows of tickets in the order of the store: by service and opening.
fn sorted_tickets(rows: &Columns) -> Vec<usize> {
    let at = rows.positions(&["service_id", "opened_at", "source", "ticket_id"]);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| rows.compare(&at, *a, *b));
    order
}

/// Tickets and their partitions.
type Tickets<'c> = (&'c Columns, Rows);

/// The partitions of tickets, by number, by the identity of some of their columns; `None` when
/// several have it.
fn partitions((tickets, parts): &Tickets<'_>, columns: &[&str]) -> ByIdentity<Option<usize>> {
    let names = tickets.identities(&tickets.positions(columns));
    let mut found: ByIdentity<Option<usize>> = ByIdentity::default();
    found.reserve(tickets.len());
    for (number, list) in parts.values().enumerate() {
        for name in list.iter().filter_map(|row| names.get(*row)) {
            let entry = found.entry(*name);
            entry.and_modify(|n| *n = None).or_insert(Some(number));
        }
    }
    found
}

/// Rows by partition, when the number of the partition of each is known.
fn by_number((_, parts): &Tickets<'_>, numbers: impl Iterator<Item = Option<usize>>) -> Rows {
    let mut found = vec![Vec::new(); parts.len()];
    let mut rest = Vec::new();
    for (row, number) in numbers.enumerate() {
        match number.and_then(|n| found.get_mut(n)) {
            Some(list) => list.push(row),
            None => rest.push(row),
        }
    }
    let names = parts.keys().cloned();
    names.zip(found).chain([(None, rest)]).collect()
}

/// Events by the partition of their ticket.
fn with_tickets(tickets: &Tickets<'_>, events: &Columns) -> Rows {
    let key = ["source", "ticket_id"];
    let partitions = partitions(tickets, &key);
    let names = events.identities(&events.positions(&key));
    let numbers = names.iter().map(|n| partitions.get(n).copied().flatten());
    let mut found = by_number(tickets, numbers);
    // Ingest keeps no event without its ticket.
    found.remove(&None);
    found
}

/// Rows of another table by the partition of the ticket that they name. A row that names a contract
/// belongs to a ticket of that contract.
fn beside_tickets(tickets: &Tickets<'_>, rows: &Columns, column: &str) -> Rows {
    let of_contract = partitions(tickets, &["contract_id", "ticket_id"]);
    let of_any = partitions(tickets, &["ticket_id"]);
    let (both, one) = (
        rows.positions(&["contract_id", column]),
        rows.positions(&[column]),
    );
    let about = rows.table.position("about");
    let numbers = (0..rows.len()).map(|row| {
        let number = match rows.text("contract_id", row) {
            _ if rows.text_at(about, row) == Some("change") => None,
            Some(_) => of_contract.get(&rows.identity(&both, row)),
            None => of_any.get(&rows.identity(&one, row)),
        };
        number.copied().flatten()
    });
    by_number(tickets, numbers)
}

/// The rows of tickets in the order of a partition by the identity of some of their columns.
fn rows_of(tickets: &Columns, order: &[usize], columns: &[&str]) -> ByIdentity<u32> {
    let names = tickets.identities(&tickets.positions(columns));
    let rows = (0u32..).zip(order);
    rows.filter_map(|(i, row)| Some((*names.get(*row)?, i)))
        .collect()
}

/// The folder of a store, and a partition of it.
type Place<'p> = (&'p Path, &'p Partition);

/// Writes rows of another table of a partition, in the order of the tickets that they name.
fn beside(
    (folder, partition): Place<'_>,
    (tickets, order): (&Columns, &[usize]),
    rows: &Columns,
    column: &str,
    by: &[&str],
) -> Result<File, StoreError> {
    let of = rows_of(tickets, order, &["ticket_id"]);
    let names = rows.identities(&rows.positions(&[column]));
    let mut found: Vec<(u32, usize)> = names
        .iter()
        .enumerate()
        .filter_map(|(row, name)| Some((*of.get(name)?, row)))
        .collect();
    let at = rows.positions(by);
    found.sort_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| rows.compare(&at, a.1, b.1))
            .then_with(|| rows.hash.get(a.1).cmp(&rows.hash.get(b.1)))
    });
    let path = partition.path(folder, rows.table.name);
    let hash = write_beside(&path, rows, &found)?;
    Ok((partition.name(rows.table.name), hash))
}

/// Writes rows that each belong to a row of tickets.
fn write_beside(path: &Path, rows: &Columns, found: &[(u32, usize)]) -> Result<String, StoreError> {
    let order: Vec<usize> = found.iter().map(|(_, row)| *row).collect();
    let ticket_row: Vec<i64> = found.iter().map(|(i, _)| i64::from(*i)).collect();
    let mut table = built(path, rows, &order)?;
    add(path, &mut table, Series::new(TICKET_ROW.into(), ticket_row))?;
    Ok(disk::write(path, &mut table)?.to_string())
}

/// Writes the tickets of a partition.
fn incidents(
    (folder, partition): Place<'_>,
    rows: &Columns,
    order: &[usize],
) -> Result<File, StoreError> {
    let path = partition.path(folder, "incidents");
    let mut table = built(&path, rows, order)?;
    let gaps = Series::new(ITEM_GAP.into(), item_gaps(rows, order));
    add(&path, &mut table, gaps)?;
    neighbours::add(&mut table, rows, order).map_err(|e| StoreError::Io {
        path: path.clone(),
        cause: e.to_string(),
    })?;
    let hash = disk::write(&path, &mut table)?.to_string();
    Ok((partition.name("incidents"), hash))
}

/// Writes the events of a partition, in the order of its tickets.
fn incident_events(
    (folder, partition): Place<'_>,
    (tickets, order): (&Columns, &[usize]),
    events: &Columns,
) -> Result<File, StoreError> {
    let key = ["source", "ticket_id"];
    let of = rows_of(tickets, order, &key);
    let names = events.identities(&events.positions(&key));
    let mut found: Vec<(u32, usize)> = names
        .iter()
        .enumerate()
        .filter_map(|(row, name)| Some((*of.get(name)?, row)))
        .collect();
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
    for ((_, row), chained) in found.iter_mut().zip(event_order) {
        *row = chained;
    }
    let path = partition.path(folder, "incident_events");
    let hash = write_beside(&path, events, &found)?;
    Ok((partition.name("incident_events"), hash))
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
