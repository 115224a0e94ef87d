//! From delimited text or a table of texts to typed columns and rejects, by a mapping. Not
//! responsible for duplicates, scope or storage (see [`super`]).

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::columns::{Columns, Latest};
use super::file::InputError;
use super::value::{Problem, Reader, Value};
use crate::config::document::nearest;
use crate::config::project::ResolvedSource;
use crate::store::schema::{Kind, Table};

/// Rows handled together by one thread.
const BATCH: usize = 8192;

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// The canonical table.
    pub table: String,
    /// The file as the project names it.
    pub file: String,
    /// Line of the row, counted from 1.
    pub line: u64,
    /// Why, as a stable name.
    pub code: String,
    /// The source column at fault, if it is one.
    pub column: Option<String>,
    /// The row as it stands in the file.
    pub raw: String,
}

/// A field that did not read but whose row was kept without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many.
    pub count: u64,
    /// First line.
    pub line: u64,
    /// Up to three samples.
    pub samples: Vec<String>,
}

/// What one file gave.
#[derive(Debug)]
pub struct Parsed {
    /// Rows that could be read.
    pub columns: Columns,
    /// Rows that could not.
    pub rejects: Vec<Reject>,
    /// Optional fields that could not, by source column and problem.
    pub unread: BTreeMap<(String, Problem), Unread>,
    /// Rows left out by the mapping's `only`.
    pub left_out: u64,
    /// Money of rejected and left-out rows whose amount could be read: by currency.
    pub money_lost: BTreeMap<(String, Lost), i128>,
    /// Data rows in the file.
    pub rows_in: u64,
    /// Mapped optional source columns that the header does not have.
    pub absent: Vec<String>,
    /// Source columns that the mapping does not use.
    pub unmapped: Vec<String>,
    /// For audit logs: the changes of each row, parallel to `columns`.
    pub history: Vec<HistoryRow>,
}

/// What became of a row that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// In `rejects`.
    Rejected,
    /// Out of scope by the mapping's `only`.
    OutOfScope,
}

/// One row of an audit log: its moment and the fields watched, in the order of
/// [`crate::config::mapping::History::fields`].
#[derive(Debug, Clone)]
pub struct HistoryRow {
    /// UTC microseconds.
    pub at: i64,
    /// The values.
    pub fields: Vec<Option<Box<str>>>,
}

/// One record: its line, its raw text and its fields.
pub struct Record<'a> {
    /// Line, counted from 1.
    pub line: u64,
    /// The bytes of the record.
    pub raw: &'a [u8],
    /// Its fields.
    pub fields: csv::ByteRecord,
}

/// How the columns of one file are read.
pub struct Plan<'a> {
    source: &'a ResolvedSource,
    shown: &'a str,
    file: u32,
    readers: Vec<Bound>,
    kept: Vec<usize>,
    latest: Vec<usize>,
    only: Vec<(usize, &'a [String])>,
    history: Option<HistoryPlan>,
    width: usize,
    absent: Vec<String>,
    unmapped: Vec<String>,
}

/// How the rows of an audit log become history.
struct HistoryPlan {
    moment: Reader,
    at: usize,
    /// Source column of each watched field, with a reader where its spelling is mapped.
    fields: Vec<(usize, Option<Reader>)>,
}

struct Bound {
    at: usize,
    source_at: Option<usize>,
    source_name: String,
    reader: Reader,
    fallback: Option<String>,
    row_hash: bool,
}

impl<'a> Plan<'a> {
    /// Binds a mapping to the header of a file. `file` is the file's position in the list of all
    /// files read.
    ///
    /// # Errors
    /// When a required column is not in the header, or the header is no header.
    pub fn new(
        source: &'a ResolvedSource,
        shown: &'a str,
        file: u32,
        header: &[String],
    ) -> Result<Plan<'a>, InputError> {
        let mapping = &source.mapping;
        let find = |name: &str| header.iter().position(|h| h == name);
        let wrong = |problem: String| InputError::Mapping {
            file: shown.to_owned(),
            mapping: mapping.name.clone(),
            problem,
            hint: "correct the mapping; zones are IANA names such as Europe/Amsterdam".to_owned(),
        };
        if let Some(twice) = header
            .iter()
            .enumerate()
            .find(|(i, h)| header.iter().take(*i).any(|o| o == *h))
        {
            let history = mapping.history.iter();
            let used = mapping
                .columns
                .values()
                .filter_map(|c| c.from.as_ref())
                .chain(&mapping.keep)
                .chain(&mapping.latest)
                .chain(mapping.only.keys())
                .chain(history.flat_map(|h| h.fields.values().chain([&h.at])))
                .any(|from| from == twice.1);
            if used {
                return Err(InputError::Header {
                    file: shown.to_owned(),
                    problem: format!("column `{}` stands in the header twice", twice.1),
                    hint: "rename one of the two; which one counts cannot be guessed".to_owned(),
                });
            }
        }
        let missing = |column: &str, canonical: &str| {
            let near = nearest(column, header.iter().map(String::as_str));
            let list = header
                .iter()
                .take(12)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            InputError::MissingColumn {
                file: shown.to_owned(),
                column: column.to_owned(),
                canonical: canonical.to_owned(),
                hint: match near {
                    _ if header.len() == 1 => format!(
                        "the whole header reads as one column; is `delimiter = {:?}` right? It \
                         starts with: {list}",
                        mapping.delimiter
                    ),
                    Some(near) => format!("did you mean `{near}`? Otherwise change the mapping"),
                    None => format!("the header has: {list}; map one of them to `{canonical}`"),
                },
            }
        };
        let mut absent = Vec::new();
        let mut readers = Vec::new();
        let mut used = vec![false; header.len()];
        for (at, column) in source.table.columns.iter().enumerate() {
            let mapped = mapping.columns.get(column.name);
            let from = mapped.and_then(|m| m.from.as_deref());
            let source_at = from.and_then(find);
            let fallback = source
                .source
                .set
                .get(column.name)
                .or(mapped.and_then(|m| m.value.as_ref()))
                .cloned()
                .or_else(|| (column.name == "source").then(|| source.source.name.clone()));
            let row_hash = mapped.is_some_and(|m| m.row_hash);
            if let (Some(from), None) = (from, source_at) {
                let derived = mapping.history.is_some()
                    && source.table.name == "incident_events"
                    && (column.name == "at" || column.name == "field");
                if column.required && fallback.is_none() && !derived && !row_hash {
                    return Err(missing(from, column.name));
                }
                absent.push(from.to_owned());
            }
            if let Some(i) = source_at
                && let Some(u) = used.get_mut(i)
            {
                *u = true;
            }
            readers.push(Bound {
                at,
                source_at,
                source_name: from.unwrap_or(column.name).to_owned(),
                reader: Reader::new(column, mapping).map_err(wrong)?,
                fallback,
                row_hash,
            });
        }
        let mut need = |name: &str, why: &str| -> Result<usize, InputError> {
            let at = find(name).ok_or_else(|| missing(name, why))?;
            if let Some(u) = used.get_mut(at) {
                *u = true;
            }
            Ok(at)
        };
        let kept = mapping
            .keep
            .iter()
            .map(|k| need(k, "keep"))
            .collect::<Result<_, _>>()?;
        let latest = mapping
            .latest
            .iter()
            .map(|k| need(k, "latest"))
            .collect::<Result<_, _>>()?;
        let mut only = Vec::new();
        for (name, values) in &mapping.only {
            only.push((need(name, "only")?, values.as_slice()));
        }
        let history = match &mapping.history {
            None => None,
            Some(h) => {
                let events = crate::store::schema::table("incident_events");
                let moment = events.and_then(|t| t.column("at"));
                let Some(moment) = moment else {
                    return Err(missing(&h.at, "history"));
                };
                let mapped = crate::config::mapping::ColumnMapping {
                    formats: h.formats.clone(),
                    ..Default::default()
                };
                let reader = Reader::build(moment, &mapped, mapping).map_err(wrong)?;
                let at = need(&h.at, "history.at")?;
                let mut fields = Vec::new();
                for (field, from) in &h.fields {
                    let column = crate::store::schema::table("incidents")
                        .and_then(|t| t.column("priority"))
                        .filter(|_| field == "priority");
                    let reader = match column {
                        Some(column) if h.values.is_empty() => {
                            Some(Reader::new(column, mapping).map_err(wrong)?)
                        }
                        Some(column) => {
                            let mapped = crate::config::mapping::ColumnMapping {
                                values: h.values.clone(),
                                ..Default::default()
                            };
                            Some(Reader::build(column, &mapped, mapping).map_err(wrong)?)
                        }
                        None => None,
                    };
                    fields.push((need(from, "history.fields")?, reader));
                }
                Some(HistoryPlan {
                    moment: reader,
                    at,
                    fields,
                })
            }
        };
        let unmapped = header
            .iter()
            .zip(&used)
            .filter(|(_, u)| !**u)
            .map(|(h, _)| h.clone())
            .collect();
        Ok(Plan {
            source,
            shown,
            file,
            readers,
            kept,
            latest,
            only,
            history,
            width: header.len(),
            absent,
            unmapped,
        })
    }

    /// The canonical table.
    pub fn table(&self) -> &'static Table {
        self.source.table
    }

    /// Nothing read yet.
    pub fn empty(&self) -> Parsed {
        Parsed {
            columns: Columns::new(self.table(), &self.source.mapping.keep),
            rejects: Vec::new(),
            unread: BTreeMap::new(),
            left_out: 0,
            money_lost: BTreeMap::new(),
            rows_in: 0,
            absent: self.absent.clone(),
            unmapped: self.unmapped.clone(),
            history: Vec::new(),
        }
    }

    fn is_null(&self, text: &str) -> bool {
        self.source.mapping.null.iter().any(|n| n == text)
    }

    /// Reads one record into `out`.
    pub fn record(&self, record: &Record<'_>, out: &mut Parsed) {
        out.rows_in += 1;
        let reject = |out: &mut Parsed, code: &str, column: Option<String>| {
            self.money(record, Lost::Rejected, out);
            out.rejects.push(Reject {
                table: self.table().name.to_owned(),
                file: self.shown.to_owned(),
                line: record.line,
                code: code.to_owned(),
                column,
                raw: String::from_utf8_lossy(record.raw).into_owned(),
            });
        };
        if record.fields.len() != self.width {
            return reject(out, "field_count", None);
        }
        let mut texts: Vec<Option<&str>> = Vec::with_capacity(self.width);
        for field in &record.fields {
            let Ok(text) = std::str::from_utf8(field) else {
                return reject(out, "not_utf8", None);
            };
            let text = text.trim();
            texts.push((!self.is_null(text)).then_some(text));
        }
        let text = |at: usize| texts.get(at).copied().flatten();
        for (at, wanted) in &self.only {
            if !wanted.iter().any(|w| Some(w.as_str()) == text(*at)) {
                out.left_out += 1;
                return self.money(record, Lost::OutOfScope, out);
            }
        }
        let mut row: Vec<Option<Value<'_>>> = Vec::with_capacity(self.readers.len());
        for bound in &self.readers {
            let found = bound.source_at.and_then(text).or(bound.fallback.as_deref());
            let column = bound.reader.column;
            let value = match found.map(|t| (t, bound.reader.read(t))) {
                None if bound.row_hash => {
                    let hash = blake3::hash(record.raw).to_hex();
                    Some(Value::Text(
                        hash.get(..16).unwrap_or_default().to_owned().into(),
                    ))
                }
                None => None,
                Some((_, Ok(value))) => Some(value),
                Some((_, Err(problem))) if column.required => {
                    return reject(out, problem.code(), Some(bound.source_name.clone()));
                }
                Some((t, Err(problem))) => {
                    let entry = out
                        .unread
                        .entry((bound.source_name.clone(), problem))
                        .or_default();
                    entry.count += 1;
                    if entry.count == 1 {
                        entry.line = record.line;
                    }
                    if entry.samples.len() < 3 && !entry.samples.iter().any(|s| s == t) {
                        entry.samples.push(t.chars().take(60).collect());
                    }
                    // A ticket whose type does not read must not count as an incident, which an
                    // absent type would.
                    (column.kind == Kind::TicketType).then(|| Value::Text("unknown".into()))
                }
            };
            let derived = self.history.is_some()
                && self.table().name == "incident_events"
                && (column.name == "at" || column.name == "field");
            if value.is_none() && column.required && !derived {
                return reject(
                    out,
                    "required_value_absent",
                    Some(bound.source_name.clone()),
                );
            }
            row.push(value);
        }
        if let Some((code, column)) = self.contradiction(&row) {
            return reject(out, code, Some(column));
        }
        if let Some(HistoryPlan {
            moment: reader,
            at,
            fields,
        }) = &self.history
        {
            let moment = match text(*at).map(|t| reader.read(t)) {
                Some(Ok(Value::Integer(at))) => at,
                Some(Err(problem)) => {
                    return reject(out, problem.code(), Some("history.at".to_owned()));
                }
                _ => return reject(out, "required_value_absent", Some("history.at".to_owned())),
            };
            let fields = fields
                .iter()
                .map(|(at, reader)| {
                    let text = text(*at)?;
                    match reader.as_ref().map(|r| r.read(text)) {
                        Some(Ok(Value::Integer(p))) => Some(format!("P{p}").into_boxed_str()),
                        _ => Some(text.into()),
                    }
                })
                .collect();
            out.history.push(HistoryRow { at: moment, fields });
        }
        let columns = &mut out.columns;
        for (bound, value) in self.readers.iter().zip(row) {
            columns.push(bound.at, value);
        }
        for ((_, values), at) in columns.kept.iter_mut().zip(&self.kept) {
            values.push(text(*at));
        }
        columns.line.push(record.line);
        columns.file.push(self.file);
        let digest = blake3::hash(record.raw);
        let mut head = [0u8; 8];
        head.copy_from_slice(&digest.as_bytes()[..8]);
        columns.hash.push(u64::from_be_bytes(head));
        columns.latest.push(
            self.latest
                .iter()
                .map(|at| match text(*at) {
                    None => Latest::None,
                    Some(t) => match t.parse::<i64>() {
                        Ok(n) => Latest::Number(n),
                        Err(_) => Latest::Text(t.into()),
                    },
                })
                .collect(),
        );
    }

    /// What a row's own values say against each other.
    fn contradiction(&self, row: &[Option<Value<'_>>]) -> Option<(&'static str, String)> {
        let table = self.table();
        let at = |name: &str| match table.position(name).and_then(|i| row.get(i)) {
            Some(Some(Value::Integer(v))) => Some(*v),
            _ => None,
        };
        let later = |start: &str, end: &str| match (at(start), at(end)) {
            (Some(s), Some(e)) => e < s,
            _ => false,
        };
        let named = |name: &str| {
            let from = self
                .source
                .mapping
                .columns
                .get(name)
                .and_then(|m| m.from.clone());
            from.unwrap_or_else(|| name.to_owned())
        };
        let (code, column) = match table.name {
            "incidents" if later("opened_at", "resolved_at") => {
                ("resolved_before_opened", "resolved_at")
            }
            "incidents" if later("opened_at", "closed_at") => ("closed_before_opened", "closed_at"),
            "billing" if later("period_start", "period_end") => {
                ("period_end_before_start", "period_end")
            }
            "relief_events" if later("from", "to") => ("end_before_start", "to"),
            _ => return None,
        };
        Some((code, named(column)))
    }

    /// Money of a row that is not accepted, so that the money identity of the file closes.
    fn money(&self, record: &Record<'_>, what: Lost, out: &mut Parsed) {
        let field = |name: &str| {
            let bound = self.readers.iter().find(|b| b.reader.column.name == name)?;
            let text = bound.source_at.and_then(|i| record.fields.get(i));
            let text = text
                .and_then(|b| std::str::from_utf8(b).ok())
                .map(str::trim);
            let text = text
                .filter(|t| !self.is_null(t))
                .or(bound.fallback.as_deref())?;
            bound.reader.read(text).ok()
        };
        let carries_money = self
            .table()
            .columns
            .iter()
            .any(|c| c.kind == Kind::Currency);
        if !carries_money {
            return;
        }
        if let (Some(Value::Decimal(amount)), Some(Value::Text(currency))) =
            (field("amount"), field("currency"))
        {
            let sum = out
                .money_lost
                .entry((currency.into_owned(), what))
                .or_default();
            *sum = sum.saturating_add(amount);
        }
    }
}

impl Parsed {
    fn append(&mut self, other: Parsed) {
        self.columns.append(other.columns);
        self.rejects.extend(other.rejects);
        for (key, unread) in other.unread {
            let mine = self.unread.entry(key).or_default();
            if mine.count == 0 {
                mine.line = unread.line;
            }
            mine.count += unread.count;
            for sample in unread.samples {
                if mine.samples.len() < 3 && !mine.samples.contains(&sample) {
                    mine.samples.push(sample);
                }
            }
        }
        self.left_out += other.left_out;
        for (key, sum) in other.money_lost {
            let mine = self.money_lost.entry(key).or_default();
            *mine = mine.saturating_add(sum);
        }
        self.rows_in += other.rows_in;
        self.history.extend(other.history);
    }
}

/// The header of delimited text.
///
/// # Errors
/// When it is not one.
pub fn header(shown: &str, text: &[u8], delimiter: u8) -> Result<Vec<String>, InputError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text);
    let header = reader.byte_headers().map_err(|e| InputError::Header {
        file: shown.to_owned(),
        problem: e.to_string(),
        hint: "the first line must name the columns".to_owned(),
    })?;
    header
        .iter()
        .map(|h| match std::str::from_utf8(h) {
            Ok(h) => Ok(h.trim().to_owned()),
            Err(_) => Err(InputError::Header {
                file: shown.to_owned(),
                problem: "the header is not UTF-8".to_owned(),
                hint: "save the file as UTF-8".to_owned(),
            }),
        })
        .collect()
}

/// Reads all records of delimited text. `progress` hears of bytes done.
///
/// # Errors
/// When the text is not delimited text at all; single bad records become rejects.
pub fn read(
    plan: &Plan<'_>,
    text: &[u8],
    delimiter: u8,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Parsed, InputError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(true)
        .from_reader(text);
    let mut out = plan.empty();
    let mut batch: Vec<Record<'_>> = Vec::with_capacity(BATCH * 4);
    let mut done = 0u64;
    loop {
        let mut fields = csv::ByteRecord::new();
        let more = reader
            .read_byte_record(&mut fields)
            .map_err(|e| InputError::Header {
                file: plan.shown.to_owned(),
                problem: e.to_string(),
                hint: "the file is no delimited text".to_owned(),
            })?;
        if more {
            let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            let (start, line) = fields.position().map_or((0, 0), |p| {
                (usize::try_from(p.byte()).unwrap_or(usize::MAX), p.line())
            });
            let raw = text.get(start..end.min(text.len())).unwrap_or_default();
            let (skipped, raw) = own_lines(raw);
            batch.push(Record {
                line: line + skipped,
                raw,
                fields,
            });
        }
        if !more || batch.len() == BATCH * 4 {
            let parts: Vec<Parsed> = batch
                .par_chunks(BATCH)
                .map(|chunk| {
                    let mut part = plan.empty();
                    for record in chunk {
                        plan.record(record, &mut part);
                    }
                    part
                })
                .collect();
            for part in parts {
                out.append(part);
            }
            batch.clear();
            let now = reader.position().byte();
            progress(now.saturating_sub(done));
            done = now;
        }
        if !more {
            return Ok(out);
        }
    }
}

/// How many line ends stand before a record, and the record without them or its own. The reader
/// counts what is left of the former line's end, and empty lines, to the record after them.
fn own_lines(raw: &[u8]) -> (u64, &[u8]) {
    let is_end = |b: &&u8| **b == b'\n' || **b == b'\r';
    let before = raw.iter().take_while(is_end).count();
    let (before, raw) = raw.split_at(before);
    let after = raw.iter().rev().take_while(is_end).count();
    let lines = before.iter().filter(|b| **b == b'\n').count();
    let raw = raw.get(..raw.len() - after).unwrap_or_default();
    (u64::try_from(lines).unwrap_or_default(), raw)
}

/// Reads records that are already split, as from a Parquet file: `rows` gives each row's texts.
pub fn read_rows(plan: &Plan<'_>, rows: impl Iterator<Item = Vec<String>>) -> Parsed {
    let mut out = plan.empty();
    for (i, row) in rows.enumerate() {
        let raw = row.join(",");
        let fields = csv::ByteRecord::from(row);
        let line = u64::try_from(i).unwrap_or(u64::MAX).saturating_add(1);
        plan.record(
            &Record {
                line,
                raw: raw.as_bytes(),
                fields,
            },
            &mut out,
        );
    }
    out
}
