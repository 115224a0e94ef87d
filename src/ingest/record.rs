//! From rows of texts to typed columns and rejects, by a mapping bound to the header of a file. Not
//! responsible for how a file becomes rows (see [`super::reader`]), nor for duplicates, scope or
//! storage (see [`super`]).

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::columns::{Latest, name_by};
use super::grouping::bin_of;
use super::laws::Tally;
use super::packed::{Cell, Packed, Packing};
use super::plan::{HistoryPlan, Order, Person, Plan};
use super::reader::Row;
use super::repeats::Repeat;
use super::split::{Field, Record};
use super::value::{Problem, Value};
use crate::config::mapping::Encoding;
use crate::store::schema::Kind;
use crate::store::spill::Block;

/// Rows of a table of texts that one thread handles together.
const BATCH: usize = 8192;

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
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
    /// Rows that could be read, packed, in the bins that their tickets belong to.
    pub rows: Vec<(usize, Block)>,
    /// Rows that could not.
    pub rejects: Vec<Reject>,
    /// Optional fields that could not, by source column and problem.
    pub unread: BTreeMap<(String, Problem), Unread>,
    /// Rows left out by the mapping's `only` or `except`.
    pub left_out: u64,
    /// Money of rejected and left-out rows whose amount could be read: by currency.
    pub money_lost: BTreeMap<(String, Lost), i128>,
    /// Data rows in the file.
    pub rows_in: u64,
    /// Mapped optional source columns that the header does not have.
    pub absent: Vec<String>,
    /// Source columns that the mapping does not use.
    pub unmapped: Vec<String>,
    /// How the laws of the mapping fared, in its order.
    pub laws: Vec<Tally>,
}

/// What became of a row that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// In `rejects`.
    Rejected,
    /// Out of scope by the mapping's `only` or `except`.
    OutOfScope,
}

/// Rows as they are being packed by one thread.
pub(super) struct Part {
    pub(super) parsed: Parsed,
    /// Of each bin how many rows, and the rows.
    bins: Vec<(usize, Vec<u8>)>,
    place: (u32, u64),
    latest: Vec<u8>,
    key: Vec<u8>,
    /// The columns and the watched fields of the row before.
    columns: Vec<Repeat>,
    watched: Vec<Repeat>,
    before: Option<Before>,
}

/// The row before, and which of those with its key is the latest so far.
struct Before {
    bin: usize,
    key: u128,
    latest: Vec<u8>,
    hash: u64,
    stands: Packed,
}

impl Part {
    /// What was read, its rows in their bins.
    pub(super) fn done(mut self) -> Parsed {
        let place = self.place;
        let bins = self.bins.into_iter().enumerate();
        let blocks = bins.filter(|(_, (rows, _))| *rows > 0);
        self.parsed.rows = blocks
            .map(|(bin, (rows, bytes))| {
                // Copied, not cut short: what is cut off could hold nothing else.
                let bytes = bytes.as_slice().to_vec();
                (bin, Block { place, rows, bytes })
            })
            .collect();
        self.parsed
    }
}

/// A text without the spaces around it.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

impl Plan<'_> {
    /// Nothing read yet.
    pub fn empty(&self) -> Parsed {
        let named = self.header.iter().zip(&self.used);
        Parsed {
            rows: Vec::new(),
            rejects: Vec::new(),
            unread: BTreeMap::new(),
            left_out: 0,
            money_lost: BTreeMap::new(),
            rows_in: 0,
            absent: self.absent.clone(),
            unmapped: named
                .filter(|(h, used)| !**used && !h.is_empty() && *h != super::tree::ROWS)
                .map(|(h, _)| h.clone())
                .collect(),
            laws: vec![Tally::default(); self.laws.len()],
        }
    }

    /// Nothing read yet of a part of the file that begins at `first`, a line or a row, and has
    /// `size` bytes, or 0 where that is not known.
    pub(super) fn part(&self, first: u64, size: usize) -> Part {
        let bins = self.bins.max(1);
        // Packed rows take less than their text, mostly.
        let room = size / bins;
        let fields = self.history.as_ref().map_or(0, |h| h.fields.len());
        let repeats = |count: usize| (0..count).map(|_| Repeat::default()).collect();
        Part {
            parsed: self.empty(),
            bins: (0..bins).map(|_| (0, Vec::with_capacity(room))).collect(),
            place: (self.file, first),
            latest: Vec::new(),
            key: Vec::new(),
            columns: repeats(self.readers.len()),
            watched: repeats(fields),
            before: None,
        }
    }

    fn is_null(&self, text: &str) -> bool {
        match text.as_bytes() {
            [] => true,
            [first, ..] if self.null_from[usize::from(*first)] => {
                self.source.mapping.null.iter().any(|n| n == text)
            }
            _ => false,
        }
    }

    /// The text of a field, trimmed; `None` when it says that there is none.
    fn text<'r>(&self, record: &'r Record<'_>, at: usize) -> Option<&'r str> {
        let text = trimmed(record.fields.get(at)?.text()?);
        (!self.is_null(text)).then_some(text)
    }

    /// Reads rows that are split already.
    pub(super) fn rows(&self, rows: &[Row]) -> Parsed {
        let parts: Vec<Parsed> = rows
            .par_chunks(BATCH)
            .enumerate()
            .map(|(n, chunk)| {
                let mut part = self.part(n as u64, 0);
                for row in chunk {
                    self.record(&self.split(row), &mut part);
                }
                part.done()
            })
            .collect();
        let mut out = self.empty();
        for part in parts {
            out.append(part);
        }
        out
    }

    /// A row of cells as a record; its raw text names each filled cell.
    fn split<'r>(&self, row: &'r Row) -> Record<'r> {
        let mut fields = vec![Field::Text(""); self.header.len()];
        let mut raw = String::new();
        for (at, text) in &row.cells {
            let at = usize::try_from(*at).unwrap_or(usize::MAX);
            let name = self.header.get(at).map_or("", String::as_str);
            if !raw.is_empty() {
                raw.push_str("; ");
            }
            raw.push_str(name);
            raw.push('=');
            raw.push_str(text);
            match fields.get_mut(at) {
                Some(slot) => *slot = Field::Text(text),
                // Beyond the header: one field too many.
                None => fields.push(Field::Text(text)),
            }
        }
        Record {
            line: row.line,
            raw: Cow::Owned(raw.into_bytes()),
            fields,
            whole: true,
        }
    }

    /// The raw text of a refused row. Where names are replaced, they are replaced in it too, and
    /// columns that the mapping does not use stay away.
    fn raw(&self, record: &Record<'_>) -> String {
        let as_given = self
            .pseudonyms
            .as_ref()
            .filter(|_| self.people.contains(&true));
        let Some(pseudonyms) = as_given else {
            return String::from_utf8_lossy(&record.raw).into_owned();
        };
        if record.fields.len() != self.header.len() {
            let hash = blake3::hash(&record.raw).to_hex();
            let hash = hash.get(..16).unwrap_or_default();
            return format!("(withheld, because names may stand in it; hash {hash})");
        }
        let fields = record.fields.iter().zip(self.used.iter().zip(&self.people));
        let shown: Vec<String> = fields
            .map(|(field, (used, person))| {
                let text = String::from_utf8_lossy(field.bytes());
                let text = text.trim();
                match (used, person) {
                    _ if self.is_null(text) => text.to_owned(),
                    (_, true) => pseudonyms.of(text),
                    (true, false) => text.to_owned(),
                    (false, false) => "…".to_owned(),
                }
            })
            .collect();
        shown.join(",")
    }

    /// Reads one record into `part`.
    pub(super) fn record(&self, record: &Record<'_>, part: &mut Part) {
        let Part {
            parsed: out,
            bins,
            latest,
            key,
            columns,
            watched,
            before,
            ..
        } = part;
        out.rows_in += 1;
        let reject = |out: &mut Parsed, code: &str, column: Option<String>| {
            self.money(record, Lost::Rejected, out);
            out.rejects.push(Reject {
                table: self.table().name.to_owned(),
                file: self.shown.to_owned(),
                line: record.line,
                code: code.to_owned(),
                column,
                raw: self.raw(record),
            });
        };
        if record.fields.len() != self.header.len() {
            return reject(out, "field_count", None);
        }
        if !record.whole && record.fields.iter().any(|field| field.text().is_none()) {
            let code = match self.encoding {
                Encoding::Utf8 => "not_utf8",
                _ => "undecodable",
            };
            return reject(out, code, None);
        }
        let text = |at: usize| self.text(record, at);
        let holds = |(at, values): &(usize, &[String])| {
            values.iter().any(|w| w.as_str() == text(*at).unwrap_or(""))
        };
        if !self.only.iter().all(holds) || self.except.iter().any(holds) {
            out.left_out += 1;
            return self.money(record, Lost::OutOfScope, out);
        }
        let mut row: Vec<Option<Value<'_>>> = Vec::with_capacity(self.readers.len());
        for (bound, field) in self.readers.iter().zip(columns) {
            let column = bound.reader.column;
            let value = match bound.value_again(&text, field) {
                None if bound.row_hash => {
                    let hash = blake3::hash(&record.raw).to_hex();
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
                    out.leave_out(&bound.source_name, problem, record.line, t);
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
        self.hide_assignees(&mut row);
        let mut moment = None;
        if let Some(HistoryPlan {
            moment: reader, at, ..
        }) = &self.history
        {
            moment = match text(*at).map(|t| reader.read(t)) {
                Some(Ok(Value::Integer(at))) => Some(at),
                Some(Err(problem)) => {
                    return reject(out, problem.code(), Some("history.at".to_owned()));
                }
                _ => return reject(out, "required_value_absent", Some("history.at".to_owned())),
            };
        }
        let amount = self.amount.and_then(|i| row.get(i));
        let amount = match amount {
            Some(Some(Value::Decimal(units))) => Some(*units),
            _ => None,
        };
        for (law, tally) in self.laws.iter().zip(&mut out.laws) {
            law.check(&text, amount, record.line, tally);
        }
        latest.clear();
        for at in &self.latest {
            self.rank(text(*at)).rank(latest);
        }
        let names = self.bin_by.iter().map(|at| match row.get((*at)?) {
            Some(Some(Value::Text(name))) => Some(name.as_ref()),
            _ => None,
        });
        let number = bin_of(names, self.bins);
        let Some((rows, bin)) = bins.get_mut(number) else {
            return;
        };
        *rows += 1;
        // It only decides between rows of which nothing says which is the later.
        let (hash, count) = (xxh3_64(&record.raw), row.len() + self.kept.len());
        key.clear();
        for (at, kind) in &self.key {
            name_by(key, *kind, row.get(*at).and_then(Option::as_ref));
        }
        let key = xxh3_128(key);
        let about = (record.line, hash, latest.as_slice());
        let mut packing = Packing::keyed(bin, key, about, count);
        for value in &row {
            packing.put(value.as_ref());
        }
        for at in &self.kept {
            let person = self.people.get(*at).copied().unwrap_or_default();
            let value = text(*at).map(|text| match &self.pseudonyms {
                Some(people) if person => Value::Text(people.of(text).into()),
                _ => Value::Text(text.into()),
            });
            packing.put(value.as_ref());
        }
        let again = before
            .as_ref()
            .is_some_and(|before| before.key == key && before.bin == number);
        let watched = moment.zip(self.history.as_ref()).map(|(moment, history)| {
            let fields = history.fields.iter().zip(watched);
            let fields = fields.map(|((watched, reader, person), field)| {
                let Some(text) = text(*watched) else {
                    field.forget();
                    return Cell::Absent;
                };
                if again && field.is(Some(text)) {
                    return Cell::Same;
                }
                let value = field.of(text, || {
                    if let Person::As(column) = person
                        && let Some(Some(name)) = row.get(*column)
                    {
                        return Ok(name.borrowed());
                    }
                    let read = reader.as_ref().map(|r| r.read(text));
                    Ok(Value::Text(match (read, &self.pseudonyms) {
                        (Some(Ok(Value::Integer(p))), _) => priority(p),
                        (None, Some(people)) if *person != Person::None => {
                            Cow::Owned(people.of(text))
                        }
                        _ => Cow::Borrowed(text),
                    }))
                });
                match value {
                    Ok(Value::Text(Cow::Borrowed(text))) => Cell::Text(text),
                    // A text is read as a text that the field holds.
                    _ => Cell::Absent,
                }
            });
            (moment, fields)
        });
        let mut packed = packing.end(watched);
        if !self.strips {
            return;
        }
        match before {
            Some(before) if again => {
                let later = (latest.as_slice(), hash) > (before.latest.as_slice(), before.hash);
                if !later {
                    packed.strip(bin);
                    return;
                }
                packed.moved(before.stands.strip(bin));
                before.latest.clone_from(latest);
                (before.hash, before.stands) = (hash, packed);
            }
            _ => {
                *before = Some(Before {
                    bin: number,
                    key,
                    latest: latest.clone(),
                    hash,
                    stands: packed,
                });
            }
        }
    }

    /// What a value of a `latest` column counts as.
    fn rank<'t>(&self, text: Option<&'t str>) -> Latest<'t> {
        let Some(text) = text else {
            return Latest::None;
        };
        let moment = self.moment.as_ref().map(|reader| reader.read(text));
        match moment {
            Some(Ok(Value::Integer(at))) if self.source.mapping.earliest => Latest::Number(-at),
            Some(Ok(Value::Integer(at))) => Latest::Number(at),
            _ => match text.parse::<i64>() {
                Ok(n) => Latest::Number(n),
                Err(_) => Latest::Text(text),
            },
        }
    }

    /// Replaces the names in a change of assignee.
    fn hide_assignees(&self, row: &mut [Option<Value<'_>>]) {
        let (table, Some(people)) = (self.table(), &self.pseudonyms) else {
            return;
        };
        if table.name != "incident_events" {
            return;
        }
        let field = table.position("field").and_then(|i| row.get(i));
        if !matches!(field, Some(Some(Value::Text(f))) if f == "assignee") {
            return;
        }
        for name in ["from", "to"] {
            if let Some(Some(Value::Text(text))) = table.position(name).and_then(|i| row.get_mut(i))
            {
                *text = people.of(text).into();
            }
        }
    }

    /// What a row's own values say against each other.
    fn contradiction(&self, row: &[Option<Value<'_>>]) -> Option<(&'static str, String)> {
        let at = |at: usize| match row.get(at) {
            Some(Some(Value::Integer(v))) => Some(*v),
            _ => None,
        };
        let wrong = |order: &&Order| match (at(order.first), at(order.then)) {
            (Some(first), Some(then)) => then < first,
            _ => false,
        };
        let order = self.orders.iter().find(wrong)?;
        let bound = self.readers.get(order.then)?;
        Some((order.code, bound.source_name.clone()))
    }

    /// Money of a row that is not accepted, so that the money identity of the file closes.
    fn money(&self, record: &Record<'_>, what: Lost, out: &mut Parsed) {
        let carries_money = self
            .table()
            .columns
            .iter()
            .any(|c| c.kind == Kind::Currency);
        if !carries_money {
            return;
        }
        let text = |at: usize| self.text(record, at);
        let field = |name: &str| {
            let bound = self.readers.iter().find(|b| b.reader.column.name == name)?;
            bound.value(&text)?.1.ok()
        };
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

/// A priority as it stands in the history of a ticket.
fn priority(number: i64) -> Cow<'static, str> {
    match number {
        1 => Cow::Borrowed("P1"),
        2 => Cow::Borrowed("P2"),
        3 => Cow::Borrowed("P3"),
        4 => Cow::Borrowed("P4"),
        5 => Cow::Borrowed("P5"),
        other => Cow::Owned(format!("P{other}")),
    }
}

impl Parsed {
    fn leave_out(&mut self, column: &str, problem: Problem, line: u64, text: &str) {
        let entry = self.unread.entry((column.to_owned(), problem)).or_default();
        entry.count += 1;
        if entry.count == 1 {
            entry.line = line;
        }
        if entry.samples.len() < 3 && !entry.samples.iter().any(|s| s == text) {
            entry.samples.push(text.chars().take(60).collect());
        }
    }

    /// Adds what the next part of the same file gave.
    pub(super) fn append(&mut self, other: Parsed) {
        self.rows.extend(other.rows);
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
        for (mine, theirs) in self.laws.iter_mut().zip(other.laws) {
            mine.append(theirs);
        }
    }
}
