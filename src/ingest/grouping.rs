//! Rows brought together that are judged together, in bounded memory: all rows of a ticket, all
//! rows of an invoice line, whatever file they came in. Responsible for where rows wait and for
//! which belong together; not for the judgement (see [`super::fates`]).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Rows;
use super::chunk::{self, Packer, Without};
use super::columns::Columns;
use super::duplicates;
use super::fates::{Judging, Said, Sifted, Tickets, ticket_columns};
use super::history::{self, Log};
use super::packed::{self, Row, Run};
use crate::config::project::{Project, ResolvedSource};
use crate::store::error::StoreError;
use crate::store::schema::{TABLES, Table, table};
use crate::store::spill::{Bins, Block, Room};
use crate::store::threads;

/// Bins of exports that need more than one, so that no thread waits long for another.
const FEWEST: u64 = 8;
/// Most bins, so that each gets more than a few bytes of a piece of a file.
const MOST: u64 = 1024;

/// What names a ticket, whatever its source: clocks and notices do not say of which tool.
const TICKET: &[&str] = &["ticket_id"];

/// The columns by which the rows of a table are brought together; empty for small tables, of which
/// all rows are judged together.
fn names(table: &Table) -> &'static [&'static str] {
    match table.name {
        "incidents" | "incident_events" | "sla_clocks" => TICKET,
        "billing" => &["invoice_id", "line_id"],
        "notices" => &["notice_id"],
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
pub fn bin_of<T: AsRef<str>>(names: impl IntoIterator<Item = Option<T>>, bins: usize) -> usize {
    let hash = names.into_iter().fold(0, |seed, name| {
        let name = name.as_ref().map_or("", AsRef::as_ref);
        xxh3_64_with_seed(name.as_bytes(), seed)
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
    /// Accepted notices, by the tickets that they name.
    told: Bins,
}

/// Rows of a table in a bin: those that the table is made of, those of logs of tickets that other
/// sources deliver, and what all logs among them say changed, by number of their source.
struct Waiting<'b> {
    sifted: Sifted,
    audit: Columns,
    logs: Vec<(usize, Log<'b>)>,
}

/// A run, its row that stands, its file, and where its kept columns are among those of its table.
type Sorted<'b> = (Run<'b>, Row<'b>, u32, &'b [usize]);

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
    /// For the sources of a project.
    pub(super) fn new(project: &'p Project, room: Room<'_>) -> Grouping<'p> {
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
        // A fifth of a bin is not worth dividing.
        let bins = match bytes < room.bin / 5 {
            true => 1,
            false => (bytes / room.bin.max(1)).clamp(FEWEST, MOST),
        };
        Grouping {
            sources,
            files,
            kept,
            bins: usize::try_from(bins).unwrap_or(1),
            held: Bins::new(room),
            told: Bins::new(Room {
                budget: room.budget / 4,
                ..room
            }),
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

    /// What waits of a table in a bin.
    fn blocks(&self, table: &Table, bin: usize) -> Result<Vec<Block>, StoreError> {
        self.held.take(position(table) * self.bins + bin)
    }

    /// The rows of a table in the blocks of a bin. Rows of which a later version is there are read
    /// again only where they carry money, which the accounts need.
    fn waiting<'b>(
        &'b self,
        table: &'static Table,
        blocks: &'b [Block],
        judging: &Judging<'_>,
    ) -> Result<Waiting<'b>, StoreError> {
        let damaged = || self.held.damaged();
        let (names, own) = self.kept.get(position(table)).cloned().unwrap_or_default();
        let mut audit = Columns::new(table, &names);
        let mut logs: Vec<(usize, Log<'b>)> = Vec::new();
        let mut rows = Columns::new(table, names.get(..own).unwrap_or_default());
        let mut runs: Vec<Sorted<'_>> = Vec::new();
        for block in blocks {
            let file = block.place.0;
            let of = usize::try_from(file).ok().and_then(|f| self.files.get(f));
            let (number, kept) = of.ok_or_else(damaged)?;
            let source = self.sources.get(*number).ok_or_else(damaged)?;
            let history = source.mapping.history.as_ref();
            if let Some(history) = history
                && logs.last().is_none_or(|(source, _)| source != number)
            {
                logs.push((*number, Log::new(history.fields.len())));
            }
            let mut log = match history {
                Some(_) => logs.last_mut().map(|(_, log)| log),
                None => None,
            };
            let mut packed = packed::runs(&block.bytes);
            while let Some(run) = packed.next() {
                let run = run.ok_or_else(damaged)?;
                let row = run.standing().ok_or_else(damaged)?;
                if let Some(log) = &mut log {
                    log.push(run, file);
                }
                if feeds_events_only(source) {
                    let read = run.unpack((&row, file), kept, &mut audit);
                    read.ok_or_else(damaged)?;
                } else {
                    runs.push((run, row, file, kept));
                }
            }
        }
        let names = runs.iter().map(|(run, ..)| run.key);
        let found = duplicates::standing(names, |n| {
            let (_, row, file, _) = runs.get(n)?;
            Some((row.latest, row.hash, Reverse(judging.place(*file))))
        });
        // A row of a run that no other one supersedes may be as late as the one that stands.
        let undecided: BTreeSet<usize> = found
            .lost
            .iter()
            .filter(
                |(lost, stands)| match (runs.get(*lost), runs.get(*stands)) {
                    (Some((run, a, ..)), Some((_, b, ..))) => {
                        a.latest == b.latest && (a.hash != b.hash || run.together.tied)
                    }
                    _ => false,
                },
            )
            .map(|(_, stands)| *stands)
            .collect();
        let money = table.position("amount").is_some();
        let mut sifted = Sifted {
            rows: Columns::new(table, &[]),
            stands: Vec::new(),
            passed: BTreeMap::new(),
            conflicts: BTreeSet::new(),
        };
        rows.reserve(match money {
            true => runs.len(),
            false => runs.len() - found.lost.len(),
        });
        for (n, ((run, row, file, kept), stands)) in runs.iter().zip(found.stands).enumerate() {
            let read = stands || money;
            let passed = run.together.count - u32::from(read);
            if passed > 0 {
                *sifted.passed.entry(*file).or_default() += u64::from(passed);
            }
            if !read {
                continue;
            }
            if stands && (run.together.tied || undecided.contains(&n)) {
                sifted.conflicts.insert(rows.len());
            }
            sifted.stands.push(stands);
            let read = run.unpack((row, *file), kept, &mut rows);
            read.ok_or_else(damaged)?;
        }
        sifted.rows = rows;
        Ok(Waiting {
            sifted,
            audit,
            logs,
        })
    }

    /// The rows of a small table.
    pub(super) fn whole(
        &self,
        table: &'static Table,
        judging: &Judging<'_>,
    ) -> Result<Sifted, StoreError> {
        let blocks = self.blocks(table, 0)?;
        Ok(self.waiting(table, &blocks, judging)?.sifted)
    }

    /// Judges the rows of large tables, some tickets, invoice lines and notices at a time, and hands
    /// them to `take` with what was said of them. Notices go with the tickets that they name.
    pub(super) fn each<E: From<StoreError> + Send>(
        &self,
        judging: &Judging<'_>,
        take: impl Fn(Rows, Said) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
        let notices = table("notices").filter(|t| self.fills(t.name));
        let telling = notices.filter(|_| self.has_tickets());
        if let Some(notices) = notices {
            threads::each(self.bins, |bin| {
                let mut said = Said::default();
                let blocks = self.blocks(notices, bin)?;
                let sifted = self.waiting(notices, &blocks, judging)?.sifted;
                drop(blocks);
                let rows = judging.judge(sifted, &mut Tickets::default(), &mut said);
                if telling.is_none() {
                    return take(Rows::from([(notices.name, rows)]), said);
                }
                self.tell(&rows, bin)?;
                take(Rows::new(), said)
            })?;
        }
        let billing = table("billing").filter(|t| self.fills(t.name));
        let invoices = if billing.is_some() { self.bins } else { 0 };
        let tickets = match self.ticket_tables().next() {
            Some(_) => self.bins,
            None => 0,
        };
        threads::each(invoices + tickets, |n| {
            let mut said = Said::default();
            let mut rows = Rows::new();
            if n < invoices {
                if let Some(billing) = billing {
                    let blocks = self.blocks(billing, n)?;
                    let lines = self.waiting(billing, &blocks, judging)?.sifted;
                    drop(blocks);
                    let lines = judging.judge(lines, &mut Tickets::default(), &mut said);
                    rows.insert(billing.name, lines);
                }
            } else {
                let bin = n - invoices;
                self.tickets(bin, judging, &mut said, &mut rows)?;
                if let Some(notices) = telling {
                    rows.insert(notices.name, self.told(notices, bin)?);
                }
            }
            take(rows, said)
        })
    }

    /// Puts accepted notices, those of bin `from`, in the bins of the tickets that they name.
    fn tell(&self, notices: &Columns, from: usize) -> Result<(), StoreError> {
        let at = notices.table.position("ref_id");
        let mut found: BTreeMap<(usize, u32), Vec<(u32, usize)>> = BTreeMap::new();
        for row in 0..notices.len() {
            let bin = bin_of([notices.text_at(at, row)], self.bins);
            let file = notices.file.get(row).copied().unwrap_or_default();
            found.entry((bin, file)).or_default().push((file, row));
        }
        let line = |_, row: usize| notices.line.get(row).copied().unwrap_or_default();
        let (without, mut packer) = (Without::default(), Packer::default());
        let blocks = found.into_iter().map(|((bin, file), list)| {
            let mut bytes = Vec::new();
            chunk::pack(notices, &list, line, &without, &mut packer, &mut bytes);
            let (place, rows) = ((file, from as u64), list.len());
            (bin, Block { place, rows, bytes })
        });
        self.told.put(blocks)
    }

    /// The accepted notices that name tickets of a bin.
    fn told(&self, notices: &'static Table, bin: usize) -> Result<Columns, StoreError> {
        let (names, own) = self
            .kept
            .get(position(notices))
            .cloned()
            .unwrap_or_default();
        let mut rows = Columns::new(notices, names.get(..own).unwrap_or_default());
        let places: Vec<usize> = (0..own).collect();
        for block in self.told.take(bin)? {
            let read = chunk::unpack(&block.bytes, block.place.0, &places, &mut rows);
            read.ok_or_else(|| self.told.damaged())?;
        }
        Ok(rows)
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
        let blocks: Vec<Vec<Block>> = self
            .ticket_tables()
            .map(|table| self.blocks(table, bin))
            .collect::<Result<_, _>>()?;
        let mut logs = Vec::new();
        // Tickets come first in the list of tables, then what happened to them.
        for (table, blocks) in self.ticket_tables().zip(&blocks) {
            let mut waiting = self.waiting(table, blocks, judging)?;
            let audit = &waiting.audit;
            if !audit.is_empty() {
                // The keys of these rows are not those of their tickets.
                let mut names = audit.identities(&ticket_columns(audit)).into_iter();
                for (_, log) in &mut waiting.logs {
                    log.name(&mut names);
                }
                judging.audit(audit, &tickets, said);
            }
            logs.append(&mut waiting.logs);
            let rows = judging.judge(waiting.sifted, &mut tickets, said);
            out.insert(table.name, rows);
        }
        let Some(mut events) = out.remove("incident_events") else {
            return Ok(());
        };
        // Events of the table itself, or of several logs, may be the same.
        let mut twice = !events.is_empty() || logs.len() > 1;
        for (source, log) in logs {
            let source = self.sources.get(source);
            let history = source.and_then(|s| s.mapping.history.as_ref());
            let fields = history.iter().flat_map(|h| h.fields.keys().cloned());
            let fields: Vec<String> = fields.collect();
            if let Some(of) = out.get("incidents") {
                let find = |name| tickets.get(&name).copied();
                let read = history::events(&log, &fields, of, find);
                let (more, same) = read.ok_or_else(|| self.held.damaged())?;
                twice |= same;
                events.append(more);
            }
        }
        if twice {
            let stands = duplicates::find(&events, |file| judging.place(file));
            events.retain(&stands);
        }
        out.insert("incident_events", events);
        Ok(())
    }
}

/// Whether the rows of a source are a log of tickets that other sources deliver.
pub(super) fn feeds_events_only(source: &ResolvedSource) -> bool {
    source.table.name == "incident_events" && source.mapping.history.is_some()
}

/// The place of a table among all.
fn position(table: &Table) -> usize {
    let mut tables = TABLES.iter();
    tables.position(|t| t.name == table.name).unwrap_or(0)
}
