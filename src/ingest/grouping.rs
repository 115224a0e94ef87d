//! Rows brought together that are judged together, in bounded memory: all rows of a ticket, all
//! rows of an invoice line, whatever file they came in. Responsible for where rows wait and for
//! which belong together; not for the judgement (see [`super::fates`]).

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Rows;
use super::columns::Columns;
use super::fates::{Judging, Said, Tickets, ticket_columns};
use super::history;
use super::packed::{Watched, unpack};
use crate::config::project::{Project, ResolvedSource};
use crate::store::error::StoreError;
use crate::store::schema::{TABLES, Table, table};
use crate::store::spill::{BUDGET, Bins, Block};
use crate::store::threads;

/// Bytes of exports whose rows share a bin; a bin is in memory as a whole.
const BIN: u64 = 40 << 20;
/// Exports that together are smaller than this share one bin.
const SMALL: u64 = 8 << 20;
/// Bins of larger ones, so that no thread waits long for another.
const FEWEST: u64 = 8;
const MOST: u64 = 1024;

/// What names a ticket, whatever its source: clocks and notices do not say of which tool.
const TICKET: &[&str] = &["ticket_id"];

/// The columns by which the rows of a table are brought together; empty for small tables, of which
/// all rows are judged together.
fn names(table: &Table) -> &'static [&'static str] {
    match table.name {
        "incidents" | "incident_events" | "sla_clocks" => TICKET,
        "billing" => &["invoice_id", "line_id"],
        _ => &[],
    }
}

/// The positions of those columns.
pub(super) fn by(table: &Table) -> Vec<Option<usize>> {
    names(table)
        .iter()
        .map(|name| table.position(name))
        .collect()
}

/// In which of so many bins rows with these names belong.
pub fn bin_of<'t>(names: impl IntoIterator<Item = Option<&'t str>>, bins: usize) -> usize {
    let hash = names.into_iter().fold(0, |seed, name| {
        xxh3_64_with_seed(name.unwrap_or_default().as_bytes(), seed)
    });
    usize::try_from(hash % bins.max(1) as u64).unwrap_or_default()
}

/// The rows of a project, in bins.
pub(super) struct Grouping<'p> {
    sources: Vec<&'p ResolvedSource>,
    /// Of each file its source, and where its kept columns are among those of its table.
    files: Vec<(usize, Vec<usize>)>,
    /// Columns that the sources of each table keep, and how many of them reach the table.
    kept: Vec<(Vec<String>, usize)>,
    bins: usize,
    held: Bins,
    room: std::path::PathBuf,
}

/// Rows of a table in a bin: those that the table is made of, and those of logs of tickets that
/// other sources deliver.
struct Waiting {
    rows: Columns,
    audit: Columns,
    logs: Vec<Log>,
}

/// Rows of the log of one source: where they start, and what they say beside their columns.
struct Log {
    source: usize,
    first: usize,
    watched: Watched,
}

/// How large a file will be once it is unpacked, about.
fn size(path: &Path) -> u64 {
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    let packed = path.extension().is_some_and(|e| e == "gz" || e == "zst");
    match packed {
        true => bytes.saturating_mul(10),
        false => bytes,
    }
}

impl<'p> Grouping<'p> {
    /// For the sources of a project; `room` is a folder for what does not fit in memory.
    pub(super) fn new(project: &'p Project, room: Option<&Path>) -> Grouping<'p> {
        let sources: Vec<&ResolvedSource> = project.sources.iter().collect();
        let mut kept: Vec<(Vec<String>, usize)> = vec![Default::default(); TABLES.len()];
        let mut files: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut bytes = 0u64;
        for (number, source) in sources.iter().enumerate() {
            for (_, path) in &source.files {
                bytes = bytes.saturating_add(size(path));
                files.push((number, Vec::new()));
            }
        }
        // What logs keep reaches no table; it has its place after what does.
        for of_logs in [false, true] {
            for (number, places) in &mut files {
                let Some(source) = sources.get(*number) else {
                    continue;
                };
                let all = kept.get_mut(position(source.table));
                let Some((all, own)) = all.filter(|_| feeds_events_only(source) == of_logs) else {
                    continue;
                };
                for name in &source.mapping.keep {
                    let place = all.iter().position(|n| n == name).unwrap_or(all.len());
                    if place == all.len() {
                        all.push(name.clone());
                    }
                    places.push(place);
                }
                if !of_logs {
                    *own = all.len();
                }
            }
        }
        let bins = match bytes {
            0..SMALL => 1,
            _ => (bytes / BIN).clamp(FEWEST, MOST),
        };
        Grouping {
            sources,
            files,
            kept,
            bins: usize::try_from(bins).unwrap_or(1),
            held: Bins::new(room, BUDGET),
            room: room.map(Path::to_owned).unwrap_or_default(),
        }
    }

    /// Into how many bins the rows of a large table go.
    pub(super) fn bins(&self) -> usize {
        self.bins
    }

    /// Keeps rows of a table until their bin is judged.
    pub(super) fn put(&self, table: &Table, blocks: Vec<(usize, Block)>) -> Result<(), StoreError> {
        let first = position(table) * self.bins;
        let blocks = blocks.into_iter();
        self.held
            .put(blocks.map(|(bin, block)| (first + bin, block)))
    }

    /// Whether a source fills a table.
    fn fills(&self, name: &str) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|s| s.table.name == name && !s.files.is_empty())
    }

    /// Whether there are tickets.
    pub(super) fn has_tickets(&self) -> bool {
        self.fills("incidents")
    }

    /// The tables of which all rows are judged together, in their order.
    pub(super) fn small(&self) -> impl Iterator<Item = &'static Table> {
        let tables = TABLES.iter().filter(|t| names(t).is_empty());
        tables.filter(|t| self.fills(t.name))
    }

    /// The rows of a table in a bin.
    fn waiting(&self, table: &'static Table, bin: usize) -> Result<Waiting, StoreError> {
        let (names, own) = self.kept.get(position(table)).cloned().unwrap_or_default();
        let mut found = Waiting {
            rows: Columns::new(table, names.get(..own).unwrap_or_default()),
            audit: Columns::new(table, &names),
            logs: Vec::new(),
        };
        for block in self.held.take(position(table) * self.bins + bin)? {
            let file = usize::try_from(block.place.0).unwrap_or(usize::MAX);
            let Some((number, kept)) = self.files.get(file) else {
                continue;
            };
            let source = self.sources.get(*number);
            let rows = match source.is_some_and(|s| feeds_events_only(s)) {
                true => &mut found.audit,
                false => &mut found.rows,
            };
            let history = source.and_then(|s| s.mapping.history.as_ref());
            if let Some(history) = history
                && found.logs.last().is_none_or(|log| log.source != *number)
            {
                found.logs.push(Log {
                    source: *number,
                    first: rows.len(),
                    watched: Watched::new(history.fields.len()),
                });
            }
            let watched = match history {
                Some(_) => found.logs.last_mut().map(|log| &mut log.watched),
                None => None,
            };
            unpack(&block.bytes, block.place.0, kept, rows, watched).ok_or_else(|| {
                StoreError::Damaged {
                    path: self.room.clone(),
                    cause: "rows that waited in a temporary file came back changed".to_owned(),
                }
            })?;
        }
        Ok(found)
    }

    /// The rows of a small table.
    pub(super) fn whole(&self, table: &'static Table) -> Result<Columns, StoreError> {
        Ok(self.waiting(table, 0)?.rows)
    }

    /// Judges the rows of large tables, some tickets and invoice lines at a time, and hands them to
    /// `take` with what was said of them. `notices` are those accepted: they go with the tickets
    /// that they name.
    pub(super) fn each<E: From<StoreError> + Send>(
        &self,
        judging: &Judging<'_>,
        notices: Option<Columns>,
        take: impl Fn(Rows, Said) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
        let billing = table("billing").filter(|t| self.fills(t.name));
        let invoices = if billing.is_some() { self.bins } else { 0 };
        let tickets = match self.ticket_tables().next() {
            Some(_) => self.bins,
            None => 0,
        };
        let mut told: Vec<Vec<usize>> = vec![Vec::new(); self.bins];
        if let Some(notices) = &notices {
            let at = notices.table.position("ref_id");
            for row in 0..notices.len() {
                let bin = bin_of([notices.text_at(at, row)], self.bins);
                if let Some(list) = told.get_mut(bin) {
                    list.push(row);
                }
            }
        }
        threads::each(invoices + tickets, |n| {
            let mut said = Said::default();
            let mut rows = Rows::new();
            if n < invoices {
                if let Some(billing) = billing {
                    let lines = self.waiting(billing, n)?.rows;
                    let lines = judging.judge(lines, &mut Tickets::default(), &mut said);
                    rows.insert(billing.name, lines);
                }
            } else {
                let bin = n - invoices;
                self.tickets(bin, judging, &mut said, &mut rows)?;
                if let (Some(notices), Some(list)) = (&notices, told.get(bin)) {
                    rows.insert(notices.table.name, notices.picked(list));
                }
            }
            take(rows, said)
        })
    }

    /// The tables of tickets that there are.
    fn ticket_tables(&self) -> impl Iterator<Item = &'static Table> {
        let logs = self.sources.iter().any(|s| s.mapping.history.is_some());
        TABLES.iter().filter(move |t| {
            names(t) == TICKET && (self.fills(t.name) || (logs && t.name == "incident_events"))
        })
    }

    /// Judges the tickets of a bin and what names them.
    fn tickets(
        &self,
        bin: usize,
        judging: &Judging<'_>,
        said: &mut Said,
        out: &mut Rows,
    ) -> Result<(), StoreError> {
        let mut tickets = Tickets::default();
        let mut derived = Vec::new();
        // Tickets come first in the list of tables, then what happened to them.
        for table in self.ticket_tables() {
            let waiting = self.waiting(table, bin)?;
            for log in &waiting.logs {
                let source = self.sources.get(log.source);
                let history = source.and_then(|s| s.mapping.history.as_ref());
                let fields = history.iter().flat_map(|h| h.fields.keys().cloned());
                let fields: Vec<String> = fields.collect();
                let rows = match source.is_some_and(|s| feeds_events_only(s)) {
                    true => &waiting.audit,
                    false => &waiting.rows,
                };
                derived.extend(history::events(rows, log.first, &log.watched, &fields));
            }
            judging.audit(&waiting.audit, &tickets, said);
            let rows = judging.judge(waiting.rows, &mut tickets, said);
            out.insert(table.name, rows);
        }
        let Some(mut events) = out.remove("incident_events") else {
            return Ok(());
        };
        for mut more in derived {
            let names = more.identities(&ticket_columns(&more));
            let known: Vec<bool> = names.iter().map(|t| tickets.contains_key(t)).collect();
            more.retain(&known);
            events.append(more);
        }
        out.insert("incident_events", judging.standing(events));
        Ok(())
    }
}

/// Whether the rows of a source are a log of tickets that other sources deliver.
fn feeds_events_only(source: &ResolvedSource) -> bool {
    source.table.name == "incident_events" && source.mapping.history.is_some()
}

/// The place of a table among all.
fn position(table: &Table) -> usize {
    let mut tables = TABLES.iter();
    tables.position(|t| t.name == table.name).unwrap_or(0)
}
