//! The rows of a store that is being made, by contract and month, in bounded memory, until all of
//! them are there. Responsible for which rows lie together; not for the files that they become (see
//! [`super::prepare`]).

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;

use super::disk::{Partition, StoreError};
use super::prepare::{self, File, Files};
use super::schema::{TABLES, Table, table};
use super::spill::{Bins, Block, Room};
use super::threads;
use crate::ingest::chunk::{Packer, Without, pack, unpack};
use crate::ingest::columns::{ByIdentity, Columns};
use crate::ingest::texts::Texts;
use crate::time::Instant;

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
    /// None yet, for a store in `folder`.
    pub fn new(folder: &'f Path, room: Room<'_>) -> Parts<'f> {
        Parts {
            folder,
            rows: Bins::new(room),
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
        let (mut puts, mut names): (Vec<(&Columns, Rows)>, _) = (Vec::new(), Vec::new());
        // Tickets come first, so that the rest finds them.
        for table in TABLES {
            let Some(rows) = tables.get(table.name) else {
                continue;
            };
            let beside = BESIDE.iter().find(|(name, _, _)| *name == table.name);
            let parts = if table.name == "incidents" {
                let parts = parted(rows, "opened_at");
                tickets = Some(Placed::new(rows, &parts));
                parts
            } else if table.name == "incident_events" {
                let mut parts = match &tickets {
                    Some(tickets) => tickets.of_events(rows),
                    None => Rows::new(),
                };
                // Ingest keeps no event without its ticket.
                parts.remove(&None);
                parts
            } else if let Some((_, column, order)) = beside {
                match &tickets {
                    Some(tickets) => tickets.beside(rows, column, order),
                    None => BTreeMap::from([(None, (0..rows.len()).map(|r| (0, r)).collect())]),
                }
            } else if let Some(column) = table.partition {
                parted(rows, column)
            } else {
                let file = prepare::small(self.folder, rows, (0..rows.len()).collect())?;
                self.known().files.extend([file]);
                continue;
            };
            names.push((table.name, &rows.kept));
            puts.push((rows, parts));
        }
        let (mut packed, mut room) = (Vec::new(), Vec::new());
        let mut packer = Packer::default();
        for (rows, parts) in &puts {
            for (partition, list) in parts {
                let name = rows.table.name;
                let beside = BESIDE.iter().any(|(beside, _, _)| *beside == name);
                let of_tickets = name == "incidents" || name == "incident_events" || beside;
                let without = Without {
                    // Written again from the tickets.
                    columns: match name {
                        "incident_events" => rows.positions(prepare::OF_TICKET),
                        _ => Vec::new(),
                    },
                    // Tickets have keys, and of one ticket the rows are in their order already.
                    hashes: of_tickets && partition.is_some(),
                };
                // What belongs to a ticket is numbered by it, everything else by its line.
                let numbered = |ticket: u32, row: usize| match (partition, rows.table.partition) {
                    (Some(_), None) => u64::from(ticket),
                    _ => rows.line.get(row).copied().unwrap_or_default(),
                };
                room.clear();
                pack(rows, list, numbered, &without, &mut packer, &mut room);
                // Copied, so that what waits takes no more than it needs.
                let bytes = room.clone();
                packed.push((partition.as_ref(), position(rows.table), list.len(), bytes));
            }
        }
        self.put(&names, packed)
    }

    /// Keeps packed rows until their partition is written: partition, number of the table, how many
    /// rows, and the rows.
    fn put(
        &self,
        names: &[(&'static str, &Vec<(String, Texts)>)],
        packed: Vec<(Option<&Partition>, usize, usize, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let mut known = self.known();
        known.added += 1;
        // The same for all tables: by it the rest finds its tickets again.
        let place = (0, known.added);
        for (name, kept) in names {
            let kept = kept.iter().map(|(name, _)| name.clone());
            known.tables.entry(*name).or_insert_with(|| kept.collect());
        }
        let mut numbered = Vec::with_capacity(packed.len());
        for (partition, table, rows, bytes) in packed {
            let number = match partition {
                None => 0,
                Some(partition) => match known.partitions.get(partition) {
                    Some(number) => *number,
                    None => {
                        // Number 0 is for what belongs to no partition.
                        let next = known.partitions.len() + 1;
                        known.partitions.insert(partition.clone(), next);
                        next
                    }
                },
            };
            let block = Block { place, rows, bytes };
            numbered.push((number * TABLES.len() + table, block));
        }
        drop(known);
        self.rows.put(numbered)
    }

    /// The rows of a table in a partition, and where those of each addition start; `None` where the
    /// store has no such table.
    fn take(&self, name: &str, number: usize) -> Result<Option<Taken>, StoreError> {
        let kept = self.known().tables.get(name).cloned();
        let (Some(table), Some(kept)) = (table(name), kept) else {
            return Ok(None);
        };
        let places: Vec<usize> = (0..kept.len()).collect();
        let mut taken = Taken {
            rows: Columns::new(table, &kept),
            starts: Vec::new(),
        };
        let blocks = self.rows.take(number * TABLES.len() + position(table))?;
        taken.rows.reserve(blocks.iter().map(|b| b.rows).sum());
        for block in blocks {
            taken.starts.push((block.place.1, taken.rows.len()));
            let read = unpack(&block.bytes, 0, &places, &mut taken.rows);
            read.ok_or_else(|| self.rows.damaged())?;
        }
        Ok(Some(taken))
    }

    /// Writes all partitions; gives the files of the store with their hashes.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(self) -> Result<Files, StoreError> {
        for (name, _, _) in BESIDE {
            if let Some(Taken { rows: rest, .. }) = self.take(name, 0)? {
                let file = prepare::small(self.folder, &rest, (0..rest.len()).collect())?;
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
            let Some(taken) = self
                .take(table.name, number)?
                .filter(|t| !t.rows.is_empty())
            else {
                continue;
            };
            let place = (self.folder, partition);
            if table.name != "incidents" {
                files.push(prepare::by_key(place, &taken.rows)?);
                continue;
            }
            let order = prepare::sorted_tickets(&taken.rows);
            files.push(prepare::incidents(place, &taken.rows, &order)?);
            let beside = BESIDE.iter().map(|(name, _, _)| *name);
            for name in std::iter::once("incident_events").chain(beside) {
                if let Some(others) = self.take(name, number)? {
                    let found = others.by_ticket(&taken, &order);
                    let tickets = (&taken.rows, order.as_slice());
                    files.push(prepare::beside(place, &others.rows, &found, tickets)?);
                }
            }
        }
        Ok(files)
    }
}

/// Rows of a table in a partition, and where those of each addition start, by its number.
struct Taken {
    rows: Columns,
    starts: Vec<(u64, usize)>,
}

impl Taken {
    /// The rows in the order `order` of the tickets that they belong to, each with the place of its
    /// ticket in it.
    fn by_ticket(&self, tickets: &Taken, order: &[usize]) -> Vec<(u32, usize)> {
        let first: HashMap<u64, usize> = tickets.starts.iter().copied().collect();
        let mut of: Vec<(usize, usize)> = vec![(0, 0); tickets.rows.len()];
        for (n, (addition, start)) in self.starts.iter().enumerate() {
            let end = self
                .starts
                .get(n + 1)
                .map_or(self.rows.len(), |next| next.1);
            let Some(first) = first.get(addition) else {
                continue;
            };
            for row in *start..end {
                let ticket = self.rows.line.get(row).copied().unwrap_or_default();
                let ticket = first + usize::try_from(ticket).unwrap_or_default();
                if let Some((start, count)) = of.get_mut(ticket) {
                    // The rows of a ticket follow each other.
                    if *count == 0 {
                        *start = row;
                    }
                    *count += 1;
                }
            }
        }
        let mut found = Vec::with_capacity(self.rows.len());
        for (place, ticket) in (0u32..).zip(order) {
            let (start, count) = of.get(*ticket).copied().unwrap_or_default();
            found.extend((start..start + count).map(|row| (place, row)));
        }
        found
    }
}

/// Rows by partition, each with the number of its ticket among those of the partition where it
/// belongs to one; under none those that belong to no partition.
type Rows = BTreeMap<Option<Partition>, Vec<(u32, usize)>>;

/// The rows of each partition.
fn parted(rows: &Columns, column: &str) -> Rows {
    let at = rows.table.position(column);
    let contract_at = rows.table.position("contract_id");
    // Codes of contracts and months, so that a row costs no text.
    let mut codes: HashMap<(&str, i64), usize, FixedState> = HashMap::default();
    let mut known: HashMap<Partition, usize> = HashMap::new();
    let mut found: Vec<Vec<(u32, usize)>> = Vec::new();
    for row in 0..rows.len() {
        let micros = rows.integer_at(at, row).unwrap_or_default();
        let contract = rows.text_at(contract_at, row).unwrap_or_default();
        let day = micros.div_euclid(86_400_000_000);
        let code = *codes.entry((contract, day)).or_insert_with(|| {
            let partition = Partition {
                contract: contract.to_owned(),
                month: Instant::from_micros(micros).utc_month().to_string(),
            };
            *known.entry(partition).or_insert_with(|| {
                found.push(Vec::new());
                found.len() - 1
            })
        });
        if let Some(list) = found.get_mut(code) {
            list.push((0, row));
        }
    }
    known
        .into_iter()
        .filter_map(|(partition, code)| {
            Some((Some(partition), std::mem::take(found.get_mut(code)?)))
        })
        .collect()
}

/// Tickets, and where each of them is put.
struct Placed<'c> {
    rows: &'c Columns,
    partitions: Vec<Option<Partition>>,
    /// Of each ticket the number of its partition, and its number among those in it.
    places: Vec<(usize, u32)>,
}

impl<'c> Placed<'c> {
    fn new(rows: &'c Columns, parts: &Rows) -> Placed<'c> {
        let mut places = vec![(0, 0); rows.len()];
        for (partition, list) in parts.values().enumerate() {
            for (n, (_, row)) in (0u32..).zip(list) {
                if let Some(place) = places.get_mut(*row) {
                    *place = (partition, n);
                }
            }
        }
        Placed {
            rows,
            partitions: parts.keys().cloned().collect(),
            places,
        }
    }

    /// The tickets by the identity of some of their columns; `None` when several have it.
    fn by(&self, columns: &[&str]) -> ByIdentity<Option<usize>> {
        let names = self.rows.identities(&self.rows.positions(columns));
        let mut found: ByIdentity<Option<usize>> = ByIdentity::default();
        found.reserve(names.len());
        for (row, name) in names.into_iter().enumerate() {
            let entry = found.entry(name);
            entry.and_modify(|row| *row = None).or_insert(Some(row));
        }
        found
    }

    /// Rows by the partition of their ticket, in the order of tickets; some at a time that are of one
    /// ticket.
    fn sorted(
        &self,
        tickets: impl Iterator<Item = (Range<usize>, Option<usize>)>,
        compare: impl Fn(usize, usize) -> Ordering,
    ) -> Rows {
        let mut found = vec![Vec::new(); self.partitions.len()];
        let mut rest = Vec::new();
        for (rows, ticket) in tickets {
            let place = ticket.and_then(|t| self.places.get(t)).copied();
            match place.and_then(|(part, n)| Some((found.get_mut(part)?, n))) {
                Some((list, n)) => list.extend(rows.map(|row| (n, row))),
                None => rest.extend(rows.map(|row| (0, row))),
            }
        }
        for list in &mut found {
            list.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| compare(a.1, b.1)));
        }
        let partitions = self.partitions.iter().cloned();
        partitions.zip(found).chain([(None, rest)]).collect()
    }

    /// Events by the partition of their ticket, in their order.
    fn of_events(&self, events: &Columns) -> Rows {
        let key = ["source", "ticket_id"];
        let tickets = self.by(&key);
        let named = events.positions(&key);
        let at = events.positions(&["at", "field", "to", "from"]);
        // Those of a ticket mostly follow each other: it is looked up once.
        let mut next = 0;
        let of = std::iter::from_fn(|| {
            let first = next;
            if first >= events.len() {
                return None;
            }
            next += 1;
            while next < events.len() && events.repeats(&named, next) {
                next += 1;
            }
            let name = events.identity(&named, first);
            Some((first..next, tickets.get(&name).copied().flatten()))
        });
        let mut found = self.sorted(of, |a, b| events.compare(&at, a, b));
        for list in found.values_mut() {
            for ticket in list.chunk_by_mut(|a, b| a.0 == b.0) {
                prepare::chain(events, &at, ticket);
            }
        }
        found
    }

    /// Rows of another table by the partition of the ticket that they name, in their order. A row
    /// that names a contract belongs to a ticket of that contract.
    fn beside(&self, rows: &Columns, column: &str, order: &[&str]) -> Rows {
        let of_contract = self.by(&["contract_id", "ticket_id"]);
        let of_any = self.by(&["ticket_id"]);
        let (both, one) = (
            rows.positions(&["contract_id", column]),
            rows.positions(&[column]),
        );
        let about = rows.table.position("about");
        let tickets = (0..rows.len()).map(|row| {
            let ticket = match rows.text("contract_id", row) {
                _ if rows.text_at(about, row) == Some("change") => None,
                Some(_) => of_contract.get(&rows.identity(&both, row)),
                None => of_any.get(&rows.identity(&one, row)),
            };
            (row..row + 1, ticket.copied().flatten())
        });
        let at = rows.positions(order);
        self.sorted(tickets, |a, b| {
            rows.compare(&at, a, b)
                .then_with(|| rows.hash.get(a).cmp(&rows.hash.get(b)))
        })
    }
}
